//! Programs with a secret: tokens for their own account, introspected and revoked.

use super::{App, CLIENTS, claims, form, program, refused};
use crate::{ISSUER, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

fn ask(served: &Served, app: &App, more: &[(&str, &str)]) -> crate::client::Reply {
    let pairs = [&[("grant_type", "client_credentials")], more].concat();
    app.send(served, "token", &pairs)
}

#[test]
fn a_program_does_what_both_its_scopes_and_its_grants_allow() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (account, app) = program(&served, &ada, &["account.*", "audit.read"]);
        let issued = ask(&served, &app, &[]).is(200);
        assert_eq!(issued.header("cache-control"), Some("no-store"));
        let issued = issued.json();
        assert_eq!(
            (
                &issued["token_type"],
                &issued["expires_in"],
                &issued["scope"]
            ),
            (
                &json!("Bearer"),
                &json!(300),
                &json!("account.* audit.read")
            )
        );
        assert!(issued.get("refresh_token").is_none() && issued.get("id_token").is_none());
        let token = Some(access_token(&issued));
        let said = claims(access_token(&issued));
        assert_eq!(
            (&said["sub"], &said["client_id"]),
            (&account, &json!(app.id))
        );
        assert_eq!(
            (&said["iss"], &said["aud"]),
            (&json!(ISSUER), &json!("tickloom"))
        );
        // Nothing is granted to the account yet.
        served
            .client
            .get("/auth/v1/audit", token)
            .refused(403, "forbidden");
        served.grant(&ada, &account, "viewer", "*");
        served.client.get("/auth/v1/audit", token).is(200);
        served.client.get("/auth/v1/accounts", token).is(200);
        // A scope that was not asked for, whatever is granted.
        let narrow = ask(&served, &app, &[("scope", "account.read")])
            .is(200)
            .json();
        let narrow = Some(access_token(&narrow));
        served.client.get("/auth/v1/accounts", narrow).is(200);
        served
            .client
            .get("/auth/v1/audit", narrow)
            .refused(403, "forbidden");
        // It is no session: nothing that needs a fresh proof.
        served.grant(&ada, &account, "administrator", "*");
        let body = json!({"name": "k", "scopes": ["*"]});
        let keys = format!("/auth/v1/accounts/{}/keys", account.as_str().unwrap());
        served
            .client
            .post(&keys, token, &body)
            .refused(403, "step_up_required");
        served.advance(300 * SECOND);
        served
            .client
            .get("/auth/v1/audit", token)
            .refused(401, "unauthenticated");
    });
}

#[test]
fn what_a_program_may_not_ask() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (_, app) = program(&served, &ada, &["run.read", "openid"]);
        for (name, value, error) in [
            ("scope", "*", "invalid_scope"),
            ("scope", "run.*", "invalid_scope"),
            ("scope", "openid", "invalid_scope"),
            ("scope", "admin", "invalid_scope"),
            ("resource", "https://evil.example", "invalid_target"),
            ("resource", "tickloom", "invalid_target"),
        ] {
            refused(&ask(&served, &app, &[(name, value)]), 400, error);
        }
        for (grant_type, error) in [
            ("", "invalid_request"),
            ("password", "unsupported_grant_type"),
            ("authorization_code", "unauthorized_client"),
            ("refresh_token", "unauthorized_client"),
            (super::DEVICE_GRANT, "unauthorized_client"),
        ] {
            let pairs = [
                ("grant_type", grant_type),
                ("code", "x"),
                ("refresh_token", "x"),
                ("device_code", "x"),
            ];
            refused(&app.send(&served, "token", &pairs), 400, error);
        }
        let post = |body: &str, head: &[(&str, &str)]| {
            served
                .client
                .send_form(("POST", "/auth/oauth/token"), head, body)
        };
        refused(
            &post("grant_type=client_credentials", &[]),
            401,
            "invalid_client",
        );
        refused(&post("a=%", &[]), 400, "invalid_request");
        refused(
            &post("grant_type=x&grant_type=y", &[]),
            400,
            "invalid_request",
        );
        let own = [
            ("grant_type", "client_credentials"),
            ("client_id", &app.id),
            ("client_secret", app.secret.as_deref().unwrap()),
        ];
        post(&form(&own), &[]).is(200);
        // A page of somebody else's can send no JSON, and here a form is a form.
        let sent = served
            .client
            .post("/auth/oauth/token", None, &json!({"grant_type": "x"}));
        refused(&sent, 400, "invalid_request");
        // What is in the query is in logs, and is not read.
        let path = format!("/auth/oauth/token?{}", form(&own));
        refused(
            &served.client.send_form(("POST", &path), &[], ""),
            401,
            "invalid_client",
        );
    });
}

#[test]
fn a_token_for_somebody_else_is_none_here() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let (account, app) = program(&served, &ada, &["account.read"]);
        served.grant(&ada, &account, "viewer", "*");
        let issued = ask(&served, &app, &[("resource", "https://other.example")])
            .is(200)
            .json();
        assert_eq!(
            claims(access_token(&issued))["aud"],
            "https://other.example"
        );
        let other = access_token(&issued);
        served
            .client
            .get("/auth/v1/accounts", Some(other))
            .refused(401, "unauthenticated");
        let ours = ask(&served, &app, &[("resource", ISSUER)]).is(200).json();
        assert_eq!(claims(access_token(&ours))["aud"], "tickloom");
        served
            .client
            .get("/auth/v1/accounts", Some(access_token(&ours)))
            .is(200);
        let both = [("resource", ISSUER), ("resource", "https://other.example")];
        refused(&ask(&served, &app, &both), 400, "invalid_target");
        // The service that it is for may introspect it; another may not.
        let settings = |serves: &[&str]| {
            json!({"name": "service", "kind": "confidential", "grant_types": ["client_credentials"],
                "scopes": ["run.read"], "account": account, "serves": serves})
        };
        let service = App::new(&served, &ada, &settings(&["https://other.example"]));
        let stranger = App::new(&served, &ada, &settings(&["https://third.example"]));
        let own = App::new(&served, &ada, &settings(&[ISSUER]));
        let told = service.introspect(&served, other);
        assert_eq!((&told["active"], &told["sub"]), (&json!(true), &account));
        assert_eq!(
            (&told["scope"], &told["client_id"]),
            (&json!("account.read"), &json!(app.id))
        );
        assert_eq!(told["aud"], "https://other.example");
        let nothing = json!({"active": false});
        assert_eq!(stranger.introspect(&served, other), nothing);
        assert_eq!(own.introspect(&served, other), nothing);
        assert_eq!(service.introspect(&served, access_token(&ours)), nothing);
        assert_eq!(own.introspect(&served, access_token(&ours))["active"], true);
        // Tokens of sessions are for this service too.
        let told = own.introspect(&served, access_token(&ada));
        assert_eq!(
            (&told["active"], &told["scope"]),
            (&json!(true), &json!("*"))
        );
        assert_eq!(stranger.introspect(&served, access_token(&ada)), nothing);
    });
}

#[test]
fn a_token_is_refused_as_soon_as_it_was_taken_back() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let admin = Some(access_token(&ada));
        let (account, app) = program(&served, &ada, &["account.read"]);
        let new = || {
            let issued = ask(&served, &app, &[]).is(200).json();
            access_token(&issued).to_owned()
        };
        let path = format!("/auth/v1/accounts/{}", account.as_str().unwrap());
        let is = |token: &str, active: bool| {
            let status = if active { 200 } else { 401 };
            served.client.get(&path, Some(token)).is(status);
            assert_eq!(app.introspect(&served, token)["active"], active);
        };
        let (one, two) = (new(), new());
        is(&one, true);
        // Nobody else revokes it.
        let (_, other) = program(&served, &ada, &["account.read"]);
        let shown: [(&str, &str); 1] = [("token", &one)];
        refused(&other.send(&served, "revoke", &shown), 400, "invalid_grant");
        is(&one, true);
        app.send(&served, "revoke", &shown).is(200);
        is(&one, false);
        is(&two, true);
        for nothing in [one.as_str(), "x", &app.secret.clone().unwrap()] {
            app.send(&served, "revoke", &[("token", nothing)]).is(200);
        }
        served
            .client
            .post(&format!("{path}/suspend"), admin, &Value::Null)
            .is(200);
        is(&two, false);
        refused(&ask(&served, &app, &[]), 400, "unauthorized_client");
        served
            .client
            .post(&format!("{path}/resume"), admin, &Value::Null)
            .is(200);
        let three = new();
        is(&three, true);
        let client = format!("{CLIENTS}/{}", app.id);
        served.client.delete(&client, admin).is(204);
        served.client.get(&path, Some(&three)).is(401);
        refused(&ask(&served, &app, &[]), 401, "invalid_client");
    });
}

#[test]
fn everything_is_found_from_the_issuer() {
    on_both(|place| {
        let served = Served::start(&place);
        let openid = served
            .client
            .get("/.well-known/openid-configuration", None)
            .is(200)
            .json();
        let oauth = served
            .client
            .get("/.well-known/oauth-authorization-server", None)
            .is(200)
            .json();
        assert_eq!(openid, oauth);
        assert_eq!(text(&openid, "issuer"), ISSUER);
        assert_eq!(
            openid["id_token_signing_alg_values_supported"],
            json!(["EdDSA"])
        );
        // What it names is there.
        for (name, value) in openid.as_object().unwrap() {
            if name.ends_with("_endpoint") || name.ends_with("_uri") {
                let path = value.as_str().unwrap().strip_prefix(ISSUER).unwrap();
                assert_ne!(served.client.get(path, None).status, 404, "{name}");
            }
        }
    });
}
