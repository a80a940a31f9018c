//! Registering applications.

use super::{App, CLIENTS, program, refused};
use crate::{SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

fn settings() -> Value {
    json!({"name": "Chart", "kind": "confidential", "grant_types": ["authorization_code"],
        "redirect_uris": ["https://chart.example/callback"], "scopes": ["openid", "run.read"]})
}

#[test]
fn an_application_is_registered_changed_and_removed() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let made = served.client.post(CLIENTS, token, &settings()).is(201);
        let tag = made.header("etag").unwrap().to_owned();
        let made = made.json();
        assert_eq!(tag, format!("\"{}.v1\"", text(&made, "id")));
        assert!(text(&made, "secret").starts_with("tlc_"), "{made}");
        let path = format!("{CLIENTS}/{}", text(&made, "id"));
        let read = served.client.get(&path, token).is(200).json();
        assert_eq!(read.get("secret"), None);
        assert_eq!(
            read["redirect_uris"],
            json!(["https://chart.example/callback"])
        );
        let mut changed = settings();
        changed["name"] = json!("Charts");
        let old = [("If-Match", "\"v1\"")];
        let reply = served
            .client
            .send(("PUT", &path), token, &old, Some(&changed));
        reply.refused(412, "precondition_failed");
        let now = served.client.put(&path, token, &changed).is(200).json();
        assert_eq!(
            (&now["name"], &now["version"]),
            (&json!("Charts"), &json!(2))
        );
        changed["kind"] = json!("public");
        served
            .client
            .put(&path, token, &changed)
            .refused(422, "refused");
        let list = served.client.get(CLIENTS, token).is(200).json();
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        served.client.delete(&path, token).is(204);
        served.client.get(&path, token).refused(404, "not_found");
        let audit = served
            .client
            .get("/auth/v1/audit?limit=1000", token)
            .is(200);
        for action in ["client_created", "client_changed", "client_deleted"] {
            assert!(audit.body.contains(action), "{action}");
        }
        assert!(!audit.body.contains("tlc_") && !audit.body.contains("Charts"));
    });
}

#[test]
fn what_cannot_be_is_refused() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let token = Some(access_token(&ada));
        let refuse = |member: &str, value: Value, words: &str| {
            let mut wrong = settings();
            wrong[member] = value;
            let reply = served
                .client
                .post(CLIENTS, token, &wrong)
                .refused(400, "bad_request");
            let detail = text(&reply.json(), "detail").to_owned();
            assert!(detail.contains(words), "{detail}");
        };
        refuse(
            "redirect_uris",
            json!(["https://a.example/#x"]),
            "without fragment",
        );
        refuse(
            "redirect_uris",
            json!(["http://a.example/"]),
            "http is for 127.0.0.1",
        );
        refuse("redirect_uris", json!([]), "go together");
        refuse("scopes", json!(["admin"]), "`admin` is no scope");
        refuse("grant_types", json!(["password"]), "unknown variant");
        refuse("name", json!(""), "`name`");
        refuse("colour", json!("red"), "unknown field");
        // A program's application is not for the account of a person, whoever it is.
        let own = json!({"name": "x", "kind": "confidential", "grant_types": ["client_credentials"],
            "scopes": ["*"], "account": ada["account"]});
        served
            .client
            .post(CLIENTS, token, &own)
            .refused(400, "bad_request");
    });
}

#[test]
fn who_may_register_applications_gets_no_more_by_it_than_they_may_grant() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let eve = served.person(&ada, "eve@example.com");
        served.grant(&ada, &eve["account"], "client.*", "client/*");
        let (account, _) = program(&served, &ada, &["run.read"]);
        let token = Some(access_token(&eve));
        served.client.post(CLIENTS, token, &settings()).is(201);
        let mut first_party = settings();
        first_party["is_first_party"] = json!(true);
        served
            .client
            .post(CLIENTS, token, &first_party)
            .refused(403, "forbidden");
        let of_program = json!({"name": "x", "kind": "confidential", "grant_types": ["client_credentials"],
            "scopes": ["*"], "account": account});
        served
            .client
            .post(CLIENTS, token, &of_program)
            .refused(403, "forbidden");
        // Nor by taking one over.
        let made = served
            .client
            .post(CLIENTS, Some(access_token(&ada)), &first_party);
        let path = format!("{CLIENTS}/{}", text(&made.is(201).json(), "id"));
        let body = json!({"grace_s": 0});
        let rotate = format!("{path}/secret");
        served
            .client
            .post(&rotate, token, &body)
            .refused(403, "forbidden");
        served
            .client
            .put(&path, token, &settings())
            .refused(403, "forbidden");
        // A fresh proof is needed.
        served.advance(900 * SECOND);
        let token = Some(access_token(&ada));
        served
            .client
            .post(CLIENTS, token, &settings())
            .refused(401, "unauthenticated");
        let again = served.client.post(
            "/auth/v1/tokens/refresh",
            None,
            &json!({"refresh_token": ada["refresh_token"]}),
        );
        let again = again.is(200).json();
        let token = Some(access_token(&again));
        served
            .client
            .post(CLIENTS, token, &settings())
            .refused(403, "step_up_required");
    });
}

#[test]
fn two_secrets_are_good_for_a_while() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (_, old) = program(&served, &ada, &["run.read"]);
        let ask = |app: &App| app.send(&served, "token", &[("grant_type", "client_credentials")]);
        ask(&old).is(200);
        let path = format!("{CLIENTS}/{}/secret", old.id);
        let body = json!({"grace_s": 60});
        let made = served
            .client
            .post(&path, Some(access_token(&ada)), &body)
            .is(201)
            .json();
        let new = App {
            id: old.id.clone(),
            secret: Some(text(&made, "secret").to_owned()),
        };
        ask(&old).is(200);
        ask(&new).is(200);
        served.advance(60 * SECOND);
        refused(&ask(&old), 401, "invalid_client");
        ask(&new).is(200);
        // A secret is of one application.
        let (_, other) = program(&served, &ada, &["run.read"]);
        let mixed = App {
            id: other.id.clone(),
            secret: new.secret.clone(),
        };
        refused(&ask(&mixed), 401, "invalid_client");
        let none = App {
            id: new.id.clone(),
            secret: None,
        };
        refused(&ask(&none), 401, "invalid_client");
    });
}
