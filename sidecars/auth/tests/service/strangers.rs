//! What anybody may ask without an account: mails by the minute, and accounts that nobody finishes.

use crate::browser::Browser;
use crate::client::Reply;
use crate::{ADA, BEGIN, PASSWORD, PATIENCE, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::time::Instant;
use tickloom_chassis::{Clock, MailConfig, Place};

const DAY: i64 = 86_400 * SECOND;
const HOUR: i64 = 3_600 * SECOND;

/// One that hands mail to a server that is away.
fn served(place: &Place) -> Served {
    with_mail(place, Clock::standing(BEGIN))
}

fn with_mail(place: &Place, clock: Clock) -> Served {
    Served::with(place, clock, |config| {
        let mail = MailConfig::new(
            "smtp://127.0.0.1:1?tls=none",
            "Tickloom <no-reply@example.com>",
        );
        config.mail = Some(mail);
        config.sign_up = true;
    })
}

/// Waits until every request for a mail was looked at; the mail itself waits for a server.
fn answered(served: &Served) {
    let began = Instant::now();
    let database = served.database();
    let waiting = || {
        served.runtime.block_on(async {
            let rows = "SELECT key FROM effect WHERE state = 'waiting' AND kind = 'link_request'";
            let rows = sqlx::query(rows).fetch_all(database.reader());
            rows.await.unwrap().len()
        })
    };
    while waiting() > 0 {
        assert!(began.elapsed() < PATIENCE, "requests wait");
        std::thread::yield_now();
    }
}

/// To whom mails wait to be sent, and from when on, in the order of the latter.
fn mails(served: &Served) -> Vec<(String, i64)> {
    let database = served.database();
    served.runtime.block_on(async {
        let rows = "SELECT payload, at FROM effect WHERE kind = 'mail' ORDER BY at, key";
        let rows = sqlx::query(rows).fetch_all(database.reader()).await;
        let pair = |row: AnyRow| {
            let payload: Value = serde_json::from_str(row.get(0)).unwrap();
            (text(&payload, "to").to_owned(), row.get(1))
        };
        rows.unwrap().into_iter().map(pair).collect()
    })
}

/// Asks for a mail from an address, over the proxy.
fn ask(served: &Served, from: &str, path: &str, body: &Value) -> Reply {
    let head = [("X-Forwarded-For", from)];
    let proxy = served.client.as_proxy();
    proxy.send(
        ("POST", &format!("/auth/v1/{path}")),
        None,
        &head,
        Some(body),
    )
}

fn sign_up(served: &Served, from: &str, number: u32) -> Reply {
    let body = json!({"email": format!("p{number}@example.com"), "name": "Bob"});
    ask(served, from, "sign-up", &body)
}

#[test]
fn one_network_has_so_many_mails_sent_in_a_minute() {
    on_both(|place| {
        let served = served(&place);
        served.set_up(&served.setup_link()).is(200);
        // Of one network ten, wherever it is in it, and of one site thirty.
        for number in 0..10 {
            sign_up(&served, &format!("2001:db8::{number:x}"), number).is(202);
        }
        let reply = sign_up(&served, "2001:db8::ffff", 10).refused(429, "too_many_requests");
        // BEGIN is 20 s into a minute.
        assert_eq!(reply.header("retry-after"), Some("40"));
        for number in 11..31 {
            sign_up(&served, &format!("2001:db8:0:{}::1", number / 10), number).is(202);
        }
        sign_up(&served, "2001:db8:0:9::1", 31).refused(429, "too_many_requests");
        sign_up(&served, "2001:db8:1::1", 32).is(202);
        // Who forgot a password is not kept out by who signs up.
        let body = json!({"email": ADA});
        ask(&served, "2001:db8::1", "recovery", &body).is(202);
        let ada = served.sign_in(ADA, PASSWORD);
        let audit = "/auth/v1/audit?action=sign_up&outcome=refused";
        let audit = served
            .client
            .get(audit, Some(access_token(&ada)))
            .is(200)
            .json();
        let why = json!({"why": "too_many_requests"}).to_string();
        let said: Vec<String> = audit["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                let mut detail: Value = serde_json::from_str(text(entry, "detail")).unwrap();
                assert!(detail.as_object_mut().unwrap().remove("from").is_some());
                detail.to_string()
            })
            .collect();
        assert_eq!(said, [why.as_str(), &why]);
        served.advance(40 * SECOND);
        sign_up(&served, "2001:db8::1", 33).is(202);
    });
}

#[test]
fn networks_that_ask_for_very_many_mails_keep_nobody_else_from_theirs() {
    on_both(|place| {
        let served = served(&place);
        served.set_up(&served.setup_link()).is(200);
        // What leads to no mail takes nobody's place: Ada's is sent at once.
        for number in 0..60 {
            let body = json!({"email": format!("q{number}@example.com")});
            ask(
                &served,
                &format!("198.51.100.{}", number / 10),
                "recovery",
                &body,
            )
            .is(202);
        }
        ask(&served, "203.0.113.1", "recovery", &json!({"email": ADA})).is(202);
        answered(&served);
        assert_eq!(mails(&served), [(ADA.to_owned(), BEGIN.0)]);
        // Twenty networks ask for ten each, and somebody after them for one.
        for number in 0..200 {
            sign_up(&served, &format!("198.51.100.{}", number / 10), number).is(202);
        }
        answered(&served);
        assert_eq!(mails(&served).len(), 1 + 60);
        sign_up(&served, "203.0.113.1", 200).is(202);
        answered(&served);
        assert_eq!(mails(&served).len(), 1 + 60);
        let served = later(served, &place, 40 * SECOND);
        until_mails(&served, 1 + 120);
        let sent: Vec<String> = mails(&served).into_iter().map(|(to, _)| to).collect();
        assert!(sent.contains(&"p200@example.com".to_owned()));
        // The fourteen networks of which nothing was sent have had four or five each.
        for network in 6..20 {
            let own = |number: u32| sent.contains(&format!("p{number}@example.com"));
            let count = (network * 10..network * 10 + 10)
                .filter(|number| own(*number))
                .count();
            assert!((4..=5).contains(&count), "{network}: {count}");
        }
        let served = later(served, &place, 60 * SECOND);
        until_mails(&served, 1 + 180);
        let served = later(served, &place, 60 * SECOND);
        until_mails(&served, 1 + 201);
    });
}

/// The service again, so much later: timers that are due fire at a start.
fn later(served: Served, place: &Place, nanos: i64) -> Served {
    served.advance(nanos);
    let clock = served.clock.clone();
    drop(served);
    with_mail(place, clock)
}

fn until_mails(served: &Served, count: usize) {
    let began = Instant::now();
    while mails(served).len() < count {
        assert!(began.elapsed() < PATIENCE, "{}", mails(served).len());
        std::thread::yield_now();
    }
    answered(served);
    assert_eq!(mails(served).len(), count);
}

#[test]
fn an_address_gets_mails_with_pauses_and_ten_of_one_network() {
    on_both(|place| {
        let served = served(&place);
        served.set_up(&served.setup_link()).is(200);
        let recover = |from: &str| {
            ask(&served, from, "recovery", &json!({"email": ADA})).is(202);
            answered(&served);
        };
        let mut expected = Vec::new();
        let minutes = [0, 1, 2, 4, 8, 16, 32, 60, 60, 60];
        for minutes in minutes {
            if minutes > 0 {
                served.advance(minutes * 60 * SECOND - 1);
                recover("203.0.113.1");
                recover("203.0.113.2");
                served.advance(1);
            }
            recover("203.0.113.1");
            expected.push((ADA.to_owned(), served.clock.now().0));
            assert_eq!(mails(&served), expected);
        }
        served.advance(3600 * SECOND);
        recover("203.0.113.1");
        assert_eq!(mails(&served), expected);
        recover("203.0.113.2");
        expected.push((ADA.to_owned(), served.clock.now().0));
        assert_eq!(mails(&served), expected);
    });
}

#[test]
fn invitations_to_an_address_are_sent_with_pauses_whoever_invites() {
    on_both(|place| {
        let served = served(&place);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        for name in ["One", "Two", "Three"] {
            let organisation = served.organisation(&ada, name);
            let invite = |email: &str| served.invite(&ada, &organisation, email, "viewer").is(201);
            invite("bob@example.com");
            invite("bob@example.com");
        }
        let minute = 60 * SECOND;
        let at = [0, 1, 3, 7, 15, 31].map(|minutes| BEGIN.0 + minutes * minute);
        let expected = at.map(|at| ("bob@example.com".to_owned(), at));
        assert_eq!(mails(&served), expected);
    });
}

/// Asks for a new password of an account, beside which there are two links, and waits until there is the third.
fn ask_for_a_password(served: &Served, email: &str) {
    let body = json!({"email": email});
    served.client.post("/auth/v1/recovery", None, &body).is(202);
    let database = served.database();
    let links = || -> i64 {
        let count = sqlx::query_scalar("SELECT CAST(count(*) AS BIGINT) FROM link");
        let count = count.fetch_one(database.reader());
        served.runtime.block_on(count).unwrap()
    };
    let began = Instant::now();
    while links() != 3 {
        assert!(began.elapsed() < PATIENCE, "{} links", links());
        std::thread::yield_now();
    }
    served.runtime.block_on(database.close());
}

#[test]
fn an_account_whose_link_runs_out_unused_is_given_up() {
    on_both(|place| {
        let served = served(&place);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let body = json!({"email": "bob@example.com", "name": "Bob"});
        served.client.post("/auth/v1/sign-up", None, &body).is(202);
        let invited = json!({"kind": "person", "name": "Eve", "email": "eve@example.com"});
        served
            .client
            .post("/auth/v1/accounts", Some(access_token(&ada)), &invited)
            .is(201);
        let states = |served: &Served, ada: &Value| -> Vec<(String, String)> {
            let list = served
                .client
                .get("/auth/v1/accounts", Some(access_token(ada)))
                .is(200)
                .json();
            let mut all: Vec<_> = list["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| (text(one, "name").to_owned(), text(one, "state").to_owned()))
                .collect();
            all.sort();
            all
        };
        let all = |bob: (&str, &str)| {
            let mut all = vec![("Ada", "active"), ("Eve", "active"), bob];
            all.sort_unstable();
            all.into_iter()
                .map(|(name, state)| (name.to_owned(), state.to_owned()))
                .collect::<Vec<_>>()
        };
        let began = Instant::now();
        while states(&served, &ada) != all(("Bob", "active")) {
            assert!(began.elapsed() < PATIENCE, "nobody signed up");
            std::thread::yield_now();
        }
        served.advance(7 * DAY - 1);
        let served = served.again();
        let ada = served.sign_in(ADA, PASSWORD);
        assert_eq!(states(&served, &ada), all(("Bob", "active")));
        // Another link, which somebody asked for meanwhile, is good for an hour: the account waits that long, and no longer.
        let (at, clock) = (served.place.clone(), served.clock.clone());
        drop(served);
        let served = with_mail(&at, clock);
        ask_for_a_password(&served, "bob@example.com");
        served.advance(1);
        let served = served.again();
        served.advance(HOUR - 2);
        let served = served.again();
        let ada = served.sign_in(ADA, PASSWORD);
        assert_eq!(states(&served, &ada), all(("Bob", "active")));
        served.advance(1);
        let served = served.again();
        let began = Instant::now();
        while states(&served, &ada) != all(("", "deleted")) {
            assert!(began.elapsed() < PATIENCE, "{:?}", states(&served, &ada));
            std::thread::yield_now();
        }
        // The address is free again.
        let bob = json!({"kind": "person", "name": "Bob", "email": "bob@example.com"});
        served
            .client
            .post("/auth/v1/accounts", Some(access_token(&ada)), &bob)
            .is(201);
    });
}

#[test]
fn what_an_administrator_made_is_not_given_up_whoever_signs_up_with_its_address() {
    on_both(|place| {
        let served = served(&place);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let make = |email: &str| {
            let body = json!({"kind": "person", "name": "Eve", "email": email});
            let token = Some(access_token(&ada));
            let made = served.client.post("/auth/v1/accounts", token, &body);
            made.is(201).json()["id"].clone()
        };
        let sign_up = |email: &str| {
            let body = json!({"email": email, "name": "Bob"});
            served.client.post("/auth/v1/sign-up", None, &body).is(202);
        };
        // Of two that an administrator made one has grants; and of two that strangers made.
        let eve = make("eve@example.com");
        served.grant(&ada, &eve, "administrator", "*");
        let fay = make("fay@example.com");
        for email in [
            "eve@example.com",
            "fay@example.com",
            "gus@example.com",
            "hal@example.com",
        ] {
            sign_up(email);
        }
        answered(&served);
        let accounts = |served: &Served, ada: &Value| {
            let list = served
                .client
                .get("/auth/v1/accounts", Some(access_token(ada)))
                .is(200)
                .json();
            let all = list["items"].as_array().unwrap().clone();
            let pair = |one: Value| (one["id"].clone(), one);
            all.into_iter().map(pair).collect::<Vec<_>>()
        };
        let all = accounts(&served, &ada);
        let hal = all
            .iter()
            .find(|(_, one)| one["email"] == "hal@example.com");
        let hal = hal.unwrap().0.clone();
        served.grant(&ada, &hal, "viewer", "run/*");
        served.advance(9 * DAY);
        let served = served.again();
        let ada = served.sign_in(ADA, PASSWORD);
        let began = Instant::now();
        let states = |all: &[(Value, Value)]| {
            let state =
                |id: &Value| all.iter().find(|(one, _)| one == id).unwrap().1["state"].clone();
            [&eve, &fay, &hal].map(state)
        };
        loop {
            assert!(began.elapsed() < PATIENCE, "gus is there still");
            let all = accounts(&served, &ada);
            assert_eq!(states(&all), ["active", "active", "active"]);
            if all.iter().any(|(_, one)| one["state"] == "deleted") {
                break;
            }
            std::thread::yield_now();
        }
        let all = accounts(&served, &ada);
        assert_eq!(states(&all), ["active", "active", "active"]);
        assert_eq!(all.len(), 5);
    });
}

#[test]
fn an_account_is_found_by_any_letters_of_its_name_and_has_none_that_are_not_seen() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let make = |name: &str| {
            let body = json!({"kind": "machine", "name": name});
            served.client.post("/auth/v1/accounts", token, &body)
        };
        make("Ärger Straße ÉCOLE").is(201);
        for hidden in ["\u{200b}", "\u{202e}evil", "x\u{2028}y", "\u{feff}"] {
            make(hidden).refused(400, "bad_request");
        }
        let mut browser = Browser::signed_in(&served, ADA);
        for (text, is_found) in [
            ("%C3%84rger", true),
            ("%C3%A4RGER", true),
            ("%C3%A9cole", true),
            ("%C3%89COLE", true),
            ("stra%C3%9Fe", true),
            ("%C3%84rgers", false),
        ] {
            let page = browser
                .get(&format!("/console/auth/accounts?search={text}"))
                .is(200);
            assert_eq!(page.body.contains("ÉCOLE"), is_found, "{text}");
        }
    });
}

#[test]
fn standards_are_told_what_they_ask_for() {
    on_both(|place| {
        let (served, _) = Served::with_administrator(&place);
        let found = served
            .client
            .get("/.well-known/oauth-authorization-server", None)
            .is(200)
            .json();
        // RFC 8414, section 2: there where `private_key_jwt` is.
        for endpoint in ["token", "introspection", "revocation"] {
            let name = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
            assert_eq!(found[&name], json!(["EdDSA", "Ed25519", "ES256"]), "{name}");
        }
        // RFC 6750, section 3.1: who shows nothing is told no error.
        let asked = |token| {
            let reply = served.client.get("/auth/oauth/userinfo", token).is(401);
            reply.header("www-authenticate").unwrap().to_owned()
        };
        assert_eq!(asked(None), r#"Bearer realm="tickloom""#);
        assert_eq!(
            asked(Some("a.b.c")),
            r#"Bearer realm="tickloom", error="invalid_token""#
        );
    });
}

#[test]
fn pages_tell_who_did_what_by_name_and_change_addresses() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        served.grant(&ada, &bob["account"], "viewer", "run/*");
        let bobs = text(&bob, "account");
        let mut browser = Browser::signed_in(&served, ADA);
        let link = format!("<a href=\"/console/auth/accounts/{bobs}\">Bob</a>");
        let page = browser
            .get("/console/auth/audit?account=bob&action=Grant+created")
            .is(200)
            .body;
        assert!(
            page.contains(&link) && page.contains("Grant created"),
            "{page}"
        );
        assert_eq!(page.matches("<tr>").count(), 2, "{page}");
        let page = browser
            .get("/console/auth/audit?account=nobody")
            .is(200)
            .body;
        assert!(page.contains("No account has this name"), "{page}");
        let page = browser
            .get("/console/auth/audit?from=yesterday")
            .is(200)
            .body;
        assert!(page.contains("A day is written as"), "{page}");
        // BEGIN is on 14 November 2023.
        let all = browser
            .get("/console/auth/audit?from=2023-11-14&to=2023-11-14")
            .is(200)
            .body;
        assert!(all.matches("<tr>").count() > 8, "{all}");
        let none = browser
            .get("/console/auth/audit?to=2023-11-13")
            .is(200)
            .body;
        assert!(none.contains("There is none."), "{none}");
        let email = format!("/console/auth/accounts/{bobs}/email");
        let wrong = browser.fill(&email, &[("email", ADA)]).is(422).body;
        assert!(
            wrong.contains("Another account has this e-mail address."),
            "{wrong}"
        );
        let done = browser
            .fill(&email, &[("email", "bobby@example.com")])
            .is(303);
        assert_eq!(
            done.header("location"),
            Some(format!("/console/auth/accounts/{bobs}?done=email").as_str())
        );
        served.sign_in("bobby@example.com", PASSWORD);
        // Without mail one cannot do it for oneself.
        let own = browser
            .fill(
                "/console/auth/accounts/me/email",
                &[("email", "x@example.com")],
            )
            .is(422)
            .body;
        assert!(
            own.contains("No mail is sent from here: ask an administrator."),
            "{own}"
        );
    });
}
