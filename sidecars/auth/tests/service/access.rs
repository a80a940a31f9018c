//! What accounts may do, who may change that, and what is written down of it.

use crate::{ADA, BEGIN, PASSWORD, Served, access_token, factor, on_both, text};
use serde_json::{Value, json};
use tickloom_chassis::{AuditEntry, verify_audit};

fn decision(served: &Served, tokens: &Value, account: &str, action: &str, resource: &str) -> Value {
    let path = format!("/auth/v1/accounts/{account}/decision?action={action}&resource={resource}");
    served
        .client
        .get(&path, Some(access_token(tokens)))
        .is(200)
        .json()
}

#[test]
fn a_grant_allows_what_it_says_until_it_is_taken_back_or_over() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let (token, bobs) = (Some(access_token(&ada)), Some(access_token(&bob)));
        let id = text(&bob, "account");
        served
            .client
            .get("/auth/v1/audit", bobs)
            .refused(403, "forbidden");
        let found = decision(&served, &ada, id, "audit.read", "audit/*");
        assert_eq!(
            found,
            json!({"account": id, "allow": false, "because": {"kind": "no_grant"}, "reason": "no grant allows it"})
        );
        let grant = served.grant(&ada, &bob["account"], "viewer", "*");
        served.client.get("/auth/v1/audit", bobs).is(200);
        let found = decision(&served, &bob, "me", "audit.read", "audit/*");
        assert_eq!(
            text(&found, "reason"),
            format!("grant {grant} allows viewer on *")
        );
        // A viewer changes nothing.
        let body = json!({"kind": "machine", "name": "risk"});
        served
            .client
            .post("/auth/v1/accounts", bobs, &body)
            .refused(403, "forbidden");
        let one = format!("/auth/v1/accounts/{id}/grants/{grant}");
        served.client.delete(&one, bobs).refused(403, "forbidden");
        served.client.delete(&one, token).is(204);
        served.client.delete(&one, token).refused(404, "not_found");
        served
            .client
            .get("/auth/v1/audit", bobs)
            .refused(403, "forbidden");
        let body = json!({"what": "audit.read", "resource": "audit/*", "expires": BEGIN.0 + 10});
        let path = format!("/auth/v1/accounts/{id}/grants");
        served.client.post(&path, token, &body).is(201);
        served.client.get("/auth/v1/audit", bobs).is(200);
        served.advance(10);
        let reply = served
            .client
            .get("/auth/v1/audit", bobs)
            .refused(403, "forbidden");
        assert!(
            text(&reply.json(), "detail").ends_with("has expired"),
            "{}",
            reply.body
        );
    });
}

#[test]
fn nobody_gives_themselves_more_and_somebody_is_left_who_may_do_everything() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let (token, bobs) = (Some(access_token(&ada)), Some(access_token(&bob)));
        let all = json!({"what": "administrator", "resource": "*"});
        served
            .client
            .post("/auth/v1/accounts/me/grants", bobs, &all)
            .refused(403, "forbidden");
        for body in [
            json!({"what": "root", "resource": "*"}),
            json!({"what": "viewer", "resource": "run"}),
        ] {
            served
                .client
                .post("/auth/v1/accounts/me/grants", token, &body)
                .refused(422, "refused");
        }
        let list = served
            .client
            .get("/auth/v1/accounts/me/grants", token)
            .is(200)
            .json();
        let own = text(&list["items"][0], "id").to_owned();
        let me = text(&ada, "account");
        let last = |reply: crate::Reply| {
            let detail = "this would leave nobody who may do everything";
            assert_eq!(
                text(&reply.refused(422, "refused").json(), "detail"),
                detail
            );
        };
        last(
            served
                .client
                .delete(&format!("/auth/v1/accounts/me/grants/{own}"), token),
        );
        let suspend = format!("/auth/v1/accounts/{me}/suspend");
        last(served.client.send(("POST", &suspend), token, &[], None));
        last(served.client.delete("/auth/v1/accounts/me", token));
        // Nothing of what was refused was done.
        served.client.get("/auth/v1/accounts/me", token).is(200);
        served.grant(&ada, &bob["account"], "administrator", "*");
        served
            .client
            .delete(&format!("/auth/v1/accounts/me/grants/{own}"), token)
            .is(204);
        served
            .client
            .get("/auth/v1/audit", token)
            .refused(403, "forbidden");
        served.client.get("/auth/v1/audit", bobs).is(200);
    });
}

#[test]
fn who_changes_accounts_does_not_get_what_programs_may_do() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let dave = served.person(&ada, "dave@example.com");
        served.grant(&ada, &dave["account"], "account.change", "account/*");
        let body = json!({"kind": "machine", "name": "root"});
        let created = served
            .client
            .post("/auth/v1/accounts", token, &body)
            .is(201)
            .json();
        served.grant(&ada, &created["id"], "administrator", "*");
        let daves = Some(access_token(&dave));
        let machine = format!("/auth/v1/accounts/{}", text(&created, "id"));
        let key = json!({"name": "k", "scopes": ["*"]});
        served
            .client
            .post(&format!("{machine}/keys"), daves, &key)
            .refused(403, "forbidden");
        served
            .client
            .delete(&machine, daves)
            .refused(403, "forbidden");
        let adas = format!("/auth/v1/accounts/{}", text(&ada, "account"));
        served.client.delete(&adas, daves).refused(403, "forbidden");
        // A program changes no rights: with it alone nobody would be left.
        let reply = served.client.delete("/auth/v1/accounts/me", token);
        let detail = "this would leave nobody who may do everything";
        assert_eq!(
            text(&reply.refused(422, "refused").json(), "detail"),
            detail
        );
        // A key does nothing to accounts of others.
        let key = json!({"name": "k", "scopes": ["*"]});
        let key = served
            .client
            .post("/auth/v1/accounts/me/keys", token, &key)
            .is(201)
            .json();
        let sessions = format!("/auth/v1/accounts/{}/sessions", text(&dave, "account"));
        served
            .client
            .delete(&sessions, Some(text(&key, "secret")))
            .refused(403, "step_up_required");
    });
}

#[test]
fn who_changes_and_suspends_accounts_does_not_get_to_act_as_anybody() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        factor::set(&served, &ada);
        let hal = served.person(&ada, "hal@example.com");
        for what in ["account.change", "account.suspend", "account.create"] {
            served.grant(&ada, &hal["account"], what, "account/*");
        }
        let token = |of: &Value| access_token(of).to_owned();
        let body = json!({"kind": "person", "name": "Bob", "email": "bob@example.com"});
        let bob = served
            .client
            .post("/auth/v1/accounts", Some(&token(&ada)), &body)
            .is(201)
            .json();
        let address = |of: &Value, account: &str| {
            let path = format!("/auth/v1/accounts/{account}/email");
            let body = json!({"email": "hal2@example.com"});
            served.client.post(&path, Some(&token(of)), &body)
        };
        // Of somebody who was invited, before and after they are an administrator, and of one who signs in; nothing changed.
        address(&hal, text(&bob, "id")).refused(403, "forbidden");
        served.grant(&ada, &bob["id"], "administrator", "*");
        address(&hal, text(&bob, "id")).refused(403, "forbidden");
        address(&hal, text(&ada, "account")).refused(403, "forbidden");
        let body = json!({"link": bob["link"], "password": PASSWORD});
        let finished = served.client.post("/auth/v1/links/finish", None, &body);
        assert_eq!(text(&finished.is(200).json(), "email"), "bob@example.com");
        // The second factor of somebody else is half of what they sign in with.
        let factor = format!("/auth/v1/accounts/{}/second-factor", text(&ada, "account"));
        let dropped = served.client.delete(&factor, Some(&token(&hal)));
        dropped.refused(403, "forbidden");
        served
            .try_sign_in(ADA, PASSWORD)
            .refused(401, "second_factor_required");
        // Who may grant everything does both.
        let carl = served.person(&ada, "carl@example.com");
        let grant = ("grant.change", "grant/*");
        served.grant(&ada, &hal["account"], grant.0, grant.1);
        address(&hal, text(&carl, "account")).is(200);
        served.client.delete(&factor, Some(&token(&hal))).is(200);
        served.sign_in(ADA, PASSWORD);
    });
}

/// What a leaked key did is known from what the others did.
#[test]
fn the_audit_log_says_which_key_of_an_account_did_something() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let program = json!({"kind": "machine", "name": "risk"});
        let accounts = "/auth/v1/accounts";
        let program = served.client.post(accounts, token, &program).is(201).json();
        let keys = format!("{accounts}/{}/keys", text(&program, "id"));
        let make = |name: &str| {
            let body = json!({"name": name, "scopes": ["account.*"]});
            served.client.post(&keys, token, &body).is(201).json()
        };
        let (one, other) = (make("one"), make("other"));
        for (key, name) in [(&other, "first"), (&one, "second")] {
            let me = ("PATCH", "/auth/v1/accounts/me");
            let secret = Some(text(key, "secret"));
            let body = json!({"name": name});
            served.client.send(me, secret, &[], Some(&body)).is(200);
        }
        let page = served.client.get("/auth/v1/audit", token).is(200).json();
        let shown = |entry: &Value| {
            let detail: Value = serde_json::from_str(text(entry, "detail")).unwrap();
            text(&detail, "shown").to_owned()
        };
        let entries = page["items"].as_array().unwrap().iter();
        let renamed: Vec<String> = entries
            .filter(|entry| entry["action"] == "renamed")
            .map(shown)
            .collect();
        let id = |key| format!("key/{}", text(key, "id"));
        assert_eq!(renamed, [id(&other), id(&one)]);
    });
}

#[test]
fn everything_that_was_done_is_in_the_audit_log_which_is_whole() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        served
            .try_sign_in(crate::ADA, "another one of no sense")
            .is(401);
        let token = Some(access_token(&ada));
        let body = json!({"name": "secret name", "scopes": ["run.read"]});
        let head = [("X-Request-Id", "req-of-mine")];
        let keys = ("POST", "/auth/v1/accounts/me/keys");
        let key = served
            .client
            .send(keys, token, &head, Some(&body))
            .is(201)
            .json();
        let page = served.client.get("/auth/v1/audit", token).is(200).json();
        let entries = page["items"].as_array().unwrap();
        let me = format!("account/{}", text(&ada, "account"));
        let found: Vec<[&str; 4]> = entries
            .iter()
            .map(|entry| {
                ["actor", "action", "resource", "outcome"].map(|member| text(entry, member))
            })
            .collect();
        let session = format!("{me}/sessions/{}", text(&ada, "session"));
        let expected: Vec<[&str; 4]> = vec![
            ["anonymous", "created", &me, "done"],
            [&me, "grant_created", &me, "done"],
            [&me, "password_set", &me, "done"],
            [&me, "sign_in", &session, "done"],
            ["anonymous", "sign_in", &me, "refused"],
            [&me, "key_created", &me, "done"],
        ];
        assert_eq!(found, expected);
        let last = entries.last().unwrap();
        assert_eq!(text(last, "request"), "req-of-mine");
        let detail: Value = serde_json::from_str(text(last, "detail")).unwrap();
        assert_eq!(
            detail,
            json!({"id": key["id"], "scopes": "run.read", "expires": null, "shown": format!("session/{}", text(&ada, "session"))})
        );
        let line = |entry: &Value| {
            let mut entry = entry.clone();
            // It is told beside the entry, which has it sealed.
            assert_eq!(
                entry.as_object_mut().unwrap().remove("address"),
                Some(Value::Null)
            );
            let entry: AuditEntry = serde_json::from_value(entry).unwrap();
            entry.line() + "\n"
        };
        let lines: String = entries.iter().map(line).collect();
        for secret in [
            text(&key, "secret"),
            "secret name",
            "ada@example.com",
            crate::PASSWORD,
        ] {
            assert!(!lines.contains(secret), "{lines}");
        }
        let head = verify_audit(lines.as_bytes(), None).unwrap();
        assert_eq!(head.hash, text(last, "hash"));
    });
}

#[test]
fn a_name_in_a_path_leads_nowhere_else() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let own = text(&ada, "account");
        for odd in [
            format!("{own}%2F..%2F..%2Fsecond-factor%2Fremove%3F"),
            format!("{own}%5C.."),
            "..%2Fgrants".to_owned(),
            "%2E%2E".to_owned(),
            "%0A".to_owned(),
        ] {
            let path = format!("/auth/v1/accounts/{odd}/keys");
            let reply = served.client.get(&path, Some(access_token(&ada)));
            reply.refused(404, "not_found");
        }
    });
}
