//! What the audit log says of attempts and of what goes on, from where, and what it can be asked.

use crate::browser::Browser;
use crate::oauth::{App, program};
use crate::{ADA, BEGIN, PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

const AUDIT: &str = "/auth/v1/audit";

/// The entries of a query.
fn entries(served: &Served, ada: &Value, query: &str) -> Vec<Value> {
    let path = format!("{AUDIT}?limit=1000&{query}");
    let page = served.client.get(&path, Some(access_token(ada))).is(200);
    page.json()["items"].as_array().unwrap().clone()
}

/// Who did what on what, and what else an entry says.
fn told(entries: &[Value]) -> Vec<[String; 4]> {
    let one = |entry: &Value| {
        ["actor", "action", "resource", "detail"].map(|name| text(entry, name).to_owned())
    };
    entries.iter().map(one).collect()
}

fn four(texts: [&str; 4]) -> [String; 4] {
    texts.map(str::to_owned)
}

#[test]
fn the_log_is_asked_by_who_what_on_what_when_and_how_it_came_out() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let bob = served.person(&ada, "bob@example.com");
        let (me, bobs) = (text(&ada, "account"), text(&bob, "account"));
        served.advance(10 * SECOND);
        let grant = served.grant(&ada, &bob["account"], "viewer", "run/*");
        let body = json!({"name": "k", "scopes": ["run.read"]});
        let keys = "/auth/v1/accounts/me/keys";
        let key = served.client.post(keys, Some(access_token(&bob)), &body);
        let key = text(&key.is(201).json(), "id").to_owned();
        served
            .try_sign_in("bob@example.com", "another one of no sense")
            .is(401);
        let actions = |query: &str| -> Vec<String> {
            let found = entries(&served, &ada, query);
            let action = |entry: &Value| text(entry, "action").to_owned();
            found.iter().map(action).collect()
        };
        // What Bob did, and what was done to him.
        let all = [
            "created",
            "password_set",
            "sign_in",
            "grant_created",
            "key_created",
            "sign_in",
        ];
        assert_eq!(actions(&format!("account={bobs}")), all);
        assert_eq!(
            actions(&format!("account={bobs}&outcome=refused")),
            ["sign_in"]
        );
        assert_eq!(
            actions(&format!("account={bobs}&action=sign_in")),
            ["sign_in", "sign_in"]
        );
        assert_eq!(actions(&format!("id={key}")), ["key_created"]);
        assert_eq!(
            actions(&format!("id={grant}&account={me}")),
            ["grant_created"]
        );
        assert_eq!(
            actions(&format!("resource=account/{bobs}/sessions")),
            ["sign_in"]
        );
        assert_eq!(actions(&format!("resource=account/{bobs}")).len(), 6);
        // A part of an id is no id, and letters that patterns have are letters.
        assert!(actions(&format!("account={}", &bobs[..20])).is_empty());
        assert!(actions("id=%25").is_empty());
        assert!(actions("id=grn!").is_empty());
        assert!(actions("resource=accoun").is_empty());
        let at = BEGIN.0 + 10 * SECOND;
        let late = ["grant_created", "key_created", "sign_in"];
        assert_eq!(actions(&format!("from={at}")), late);
        assert_eq!(actions(&format!("account={bobs}&to={at}")), all[..3]);
        assert!(actions(&format!("from={}", at + 1)).is_empty());
        // The newest first, a page at a time.
        let page = |query: &str| {
            served
                .client
                .get(&format!("{AUDIT}?{query}"), token)
                .is(200)
                .json()
        };
        let first = page("order=newest&limit=2");
        assert_eq!(
            (
                text(&first["items"][0], "action"),
                text(&first["items"][1], "action")
            ),
            ("sign_in", "key_created")
        );
        assert_eq!(first["more"], true);
        let second = page(&format!(
            "order=newest&after={}&limit=1000",
            text(&first, "next")
        ));
        assert_eq!(text(&second["items"][0], "action"), "grant_created");
        assert_eq!(
            (&second["next"], &second["more"]),
            (&json!("1"), &json!(false))
        );
        // Of nothing one goes on from where one was.
        assert_eq!(page("order=newest&after=1")["next"], "1");
        let oldest = page("order=oldest&after=2&limit=1");
        assert_eq!(oldest["items"][0]["position"], 3);
        for wrong in [
            "before=3",
            "order=up",
            "outcome=well",
            "limit=0",
            "until=1",
            "account=%00",
            "after=-2",
            "order=newest&after=x",
        ] {
            let reply = served.client.get(&format!("{AUDIT}?{wrong}"), token);
            reply.refused(400, "bad_request");
        }
    });
}

#[test]
fn from_where_is_told_while_the_person_is_there() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let bobs = text(&bob, "account");
        let proxy = served.client.as_proxy();
        let from = |address: &str, email: &str, password: &str| {
            let head = [("X-Forwarded-For", address)];
            let body = json!({"email": email, "password": password});
            proxy.send(("POST", "/auth/v1/sessions"), None, &head, Some(&body))
        };
        from("203.0.113.9", "bob@example.com", PASSWORD).is(201);
        from("2001:db8::7", "bob@example.com", "another one of no sense").is(401);
        from("198.51.100.4", "nobody@example.com", PASSWORD).is(401);
        let addresses = |query: &str| -> Vec<Value> {
            let found = entries(&served, &ada, &format!("action=sign_in&{query}"));
            found.iter().map(|entry| entry["address"].clone()).collect()
        };
        // Programs on this machine are from nowhere else.
        let theirs = [json!(null), json!("203.0.113.9"), json!("2001:db8::7")];
        assert_eq!(addresses(&format!("account={bobs}")), theirs);
        assert_eq!(
            addresses("outcome=refused"),
            [json!("2001:db8::7"), json!("198.51.100.4")]
        );
        let token = Some(access_token(&ada));
        let all = served.client.get(AUDIT, token).is(200).json();
        for entry in all["items"].as_array().unwrap() {
            for clear in ["203.0.113.9", "2001:db8::7", "198.51.100.4"] {
                assert!(!text(entry, "detail").contains(clear), "{entry}");
            }
        }
        // With the person goes what is known of where they were.
        let gone = format!("/auth/v1/accounts/{bobs}");
        served.client.delete(&gone, token).is(204);
        assert_eq!(
            addresses(&format!("account={bobs}")),
            [json!(null), json!(null), json!(null)]
        );
        assert_eq!(
            addresses("outcome=refused"),
            [json!(null), json!("198.51.100.4")]
        );
        // What strangers came from is told for 90 days.
        served.advance(91 * 86_400 * SECOND);
        let served = served.again();
        let ada = served.sign_in(ADA, PASSWORD);
        let began = std::time::Instant::now();
        let strangers = || {
            let found = entries(&served, &ada, "action=sign_in&outcome=refused");
            found.last().unwrap()["address"].clone()
        };
        while !strangers().is_null() {
            assert!(began.elapsed() < crate::PATIENCE, "{}", strangers());
            std::thread::yield_now();
        }
    });
}

#[test]
fn keys_that_are_not_good_are_entries_that_do_not_fill_the_log() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let (account, _) = program(&served, &ada, &["run.read"]);
        let account = account.as_str().unwrap();
        let on = format!("account/{account}");
        let keys = format!("/auth/v1/accounts/{account}/keys");
        let key = |more: Value| {
            let mut body = json!({"name": "k", "scopes": ["run.read"]});
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            served.client.post(&keys, token, &body).is(201).json()
        };
        let short = key(json!({"expires": BEGIN.0 + SECOND}));
        let revoked = key(json!({}));
        served
            .client
            .delete(&format!("{keys}/{}", text(&revoked, "id")), token)
            .is(204);
        served.advance(SECOND);
        let show = |secret: &str| {
            let reply = served.client.get("/auth/v1/accounts/me", Some(secret));
            reply.refused(401, "unauthenticated");
        };
        show(text(&short, "secret"));
        show(text(&revoked, "secret"));
        let refused = |action: &str| {
            told(&entries(
                &served,
                &ada,
                &format!("action={action}&outcome=refused"),
            ))
        };
        let noted = |key: &Value, why: &str| {
            let detail = json!({"key": key["id"], "why": why}).to_string();
            four(["anonymous", "key_refused", &on, &detail])
        };
        let mut expected = vec![noted(&short, "expired"), noted(&revoked, "revoked")];
        assert_eq!(refused("key_refused"), expected);
        // What nobody ever had is nobody's.
        show(
            "tlk_00000000000000000000000000000000_0000000000000000000000000000000000000000000_000000",
        );
        assert_eq!(refused("key_refused"), expected);
        // Five in a minute, then how many more there were. BEGIN is 20 s into a minute.
        for _ in 0..8 {
            show(text(&short, "secret"));
        }
        expected.extend(vec![noted(&short, "expired"); 3]);
        assert_eq!(refused("key_refused"), expected);
        served.advance(60 * SECOND);
        show(text(&short, "secret"));
        let since = BEGIN.0 - 20 * SECOND;
        let left_out = json!({"left_out": 5, "since": since}).to_string();
        expected.push(four(["anonymous", "key_refused", &on, &left_out]));
        expected.push(noted(&short, "expired"));
        assert_eq!(refused("key_refused"), expected);
    });
}

#[test]
fn what_somebody_may_not_do_is_an_entry_of_theirs_that_does_not_fill_the_log() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let (account, token) = (text(&bob, "account"), Some(access_token(&bob)));
        let own = format!("account/{account}");
        let refused = || {
            let asked = "action=access_refused&outcome=refused";
            told(&entries(&served, &ada, asked))
        };
        let noted = |why: &str| {
            let detail = json!({"shown": format!("session/{}", text(&bob, "session")), "why": why});
            four([&own, "access_refused", &own, &detail.to_string()])
        };
        // At the door, by whatever name; what is not there for anybody is no decision.
        served
            .client
            .get("/auth/v1/accounts", token)
            .refused(403, "forbidden");
        served
            .client
            .get("/auth/v1/accounts/usr_x%2Fy", token)
            .refused(404, "not_found");
        let mut expected = vec![noted("account.read on account/*: no grant allows it")];
        assert_eq!(refused(), expected);
        // Within an operation that is allowed as such.
        let body = json!({"name": "Quants"});
        let made = served.client.post("/auth/v1/organisations", token, &body);
        let organisation = text(&made.is(201).json(), "id").to_owned();
        served.grant(&ada, &bob["account"], "account.suspend", &own);
        let adas = text(&ada, "account");
        served.grant(&ada, &bob["account"], "account.change", "account/*");
        let gone = format!("/auth/v1/accounts/{adas}");
        served.client.delete(&gone, token).refused(403, "forbidden");
        expected.push(noted(&format!(
            "account.suspend on account/{adas}: no grant allows it"
        )));
        assert_eq!(refused(), expected);
        // On a page.
        let mut browser = Browser::signed_in(&served, "bob@example.com");
        let grants = format!("/auth/v1/organisations/{organisation}/grants");
        let body = json!({"what": "run.read", "resource": "run/*"});
        browser.get("/console/auth/audit").is(403);
        let last = refused().pop().unwrap();
        assert!(
            last[3].contains("audit.read on audit/*: no grant allows it"),
            "{last:?}"
        );
        // Five in a minute of whatever they try, then how many more there were. BEGIN is 20 s into a minute.
        for _ in 0..5 {
            served
                .client
                .post(&grants, token, &body)
                .refused(403, "forbidden");
        }
        assert_eq!(refused().len(), 5);
        served.advance(60 * SECOND);
        served
            .client
            .post(&grants, token, &body)
            .refused(403, "forbidden");
        let since = BEGIN.0 - 20 * SECOND;
        let left_out = json!({"left_out": 3, "since": since}).to_string();
        let found = refused();
        assert_eq!(
            found[5],
            four(["anonymous", "access_refused", &own, &left_out])
        );
        assert_eq!(
            found[6],
            noted("grant.change on grant/*: no grant allows it")
        );
        assert_eq!(found.len(), 7);
    });
}

#[test]
fn links_and_secrets_of_applications_that_are_not_good_are_entries() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let (_, app) = program(&served, &ada, &["run.read"]);
        let link = json!({"link": served.setup_link(), "password": PASSWORD});
        let finish = || {
            served
                .client
                .post("/auth/v1/links/finish", None, &link)
                .is(422)
        };
        finish();
        assert_eq!(
            told(&entries(&served, &ada, "action=link_refused")),
            [four(["anonymous", "link_refused", "", ""])]
        );
        let bob = json!({"kind": "person", "email": "bob@example.com", "name": "Bob"});
        let bob = served
            .client
            .post("/auth/v1/accounts", token, &bob)
            .is(201)
            .json();
        served.advance(7 * 86_400 * SECOND - 61 * SECOND);
        let ada = served.sign_in(ADA, PASSWORD);
        served.advance(61 * SECOND);
        let late = json!({"link": bob["link"], "password": PASSWORD});
        served
            .client
            .post("/auth/v1/links/finish", None, &late)
            .is(422);
        let found = told(&entries(&served, &ada, "action=link_refused"));
        assert_eq!(found.len(), 2);

        let mut other = App {
            id: app.id.clone(),
            secret: Some("tlc_wrong".to_owned()),
        };
        let grant = [("grant_type", "client_credentials")];
        assert_eq!(other.send(&served, "token", &grant).status, 401);
        other.id = "cli_unknown".to_owned();
        assert_eq!(other.send(&served, "token", &grant).status, 401);
        let why =
            json!({"why": "there is no such application, or its secret is wrong"}).to_string();
        let client = format!("client/{}", app.id);
        let found = told(&entries(&served, &ada, "action=client_refused"));
        let expected = [
            four(["anonymous", "client_refused", &client, &why]),
            four(["anonymous", "client_refused", "", &why]),
        ];
        assert_eq!(found, expected);
    });
}

#[test]
fn who_has_to_wait_or_may_not_be_there_is_an_entry() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let me = format!("account/{}", text(&ada, "account"));
        for _ in 0..5 {
            served.try_sign_in(ADA, "another one of no sense").is(401);
        }
        for _ in 0..7 {
            served.try_sign_in(ADA, PASSWORD).is(429);
        }
        let found = told(&entries(&served, &ada, "action=sign_in&outcome=refused"));
        let mut expected = vec![four(["anonymous", "sign_in", &me, ""]); 5];
        let wait = json!({"why": "too_many_attempts"}).to_string();
        expected.extend(vec![four(["anonymous", "sign_in", &me, &wait]); 5]);
        assert_eq!(found, expected);
        let bob = served.person(&ada, "bob@example.com");
        let bobs = text(&bob, "account");
        let suspend = format!("/auth/v1/accounts/{bobs}/suspend");
        served
            .client
            .post(&suspend, Some(access_token(&ada)), &json!({}))
            .is(200);
        served.try_sign_in("bob@example.com", PASSWORD).is(403);
        let found = told(&entries(
            &served,
            &ada,
            &format!("account={bobs}&outcome=refused"),
        ));
        let why = json!({"why": "not_usable"}).to_string();
        let resource = format!("account/{bobs}");
        assert_eq!(found, [four(["anonymous", "sign_in", &resource, &why])]);
    });
}

#[test]
fn tokens_of_programs_and_sessions_that_go_on_are_entries_once_an_hour() {
    on_both(|place| {
        let (served, mut ada) = Served::with_administrator(&place);
        let (account, app) = program(&served, &ada, &["run.read"]);
        let account = account.as_str().unwrap();
        for _ in 0..3 {
            app.send(&served, "token", &[("grant_type", "client_credentials")])
                .is(200);
        }
        let refresh = |tokens: &Value| {
            let body = json!({"refresh_token": tokens["refresh_token"]});
            served.client.post("/auth/v1/tokens/refresh", None, &body)
        };
        let session = text(&ada, "session").to_owned();
        let first = ada.clone();
        for _ in 0..2 {
            ada = refresh(&ada).is(200).json();
        }
        let client = format!("client/{}", app.id);
        let issued = format!("account/{account}/clients/{}", app.id);
        let detail = json!({"grant": "client_credentials", "scope": "run.read"}).to_string();
        let mut expected = vec![four([&client, "token_issued", &issued, &detail])];
        let found = |ada: &Value| told(&entries(&served, ada, "action=token_issued"));
        assert_eq!(found(&ada), expected);
        let me = format!("account/{}", text(&ada, "account"));
        let own = format!("{me}/sessions/{session}");
        let gone_on = told(&entries(&served, &ada, "action=session_refreshed"));
        assert_eq!(gone_on, [four([&me, "session_refreshed", &own, ""])]);
        // BEGIN is 22:13:20: the hour ends 46 min 40 s later.
        served.advance(2800 * SECOND);
        ada = refresh(&ada).is(200).json();
        app.send(&served, "token", &[("grant_type", "client_credentials")])
            .is(200);
        let left_out = json!({"left_out": 2, "since": BEGIN.0 - 800 * SECOND}).to_string();
        expected.push(four(["service/auth", "token_issued", &issued, &left_out]));
        expected.push(four([&client, "token_issued", &issued, &detail]));
        assert_eq!(found(&ada), expected);
        // A copy ends the session, which is one entry; then it is nobody's.
        refresh(&first).is(401);
        let ada = served.sign_in(ADA, PASSWORD);
        let again = told(&entries(&served, &ada, "action=refresh_again"));
        assert_eq!(again, [four([&me, "refresh_again", &own, ""])]);
        assert!(entries(&served, &ada, "action=refresh_refused").is_empty());
        refresh(&first).is(401);
        let refused = told(&entries(&served, &ada, "action=refresh_refused"));
        assert_eq!(refused, [four(["anonymous", "refresh_refused", "", ""])]);
    });
}
