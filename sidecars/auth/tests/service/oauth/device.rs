//! Devices without a browser, and what goes on after they were approved.

use super::{App, CLIENTS, DEVICE_GRANT, claims, refused};
use crate::client::Reply;
use crate::{ADA, PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

const DEVICES: &str = "/auth/v1/devices";

pub(super) fn app(served: &Served, administrator: &Value) -> App {
    App::new(served, administrator, &settings())
}

fn settings() -> Value {
    json!({"name": "Terminal", "kind": "public", "grant_types": [DEVICE_GRANT, "refresh_token"],
        "scopes": ["openid", "profile", "email", "offline_access", "run.*", "account.read"]})
}

pub(super) fn begin(served: &Served, app: &App, scope: &str) -> Value {
    app.send(served, "device", &[("scope", scope)])
        .is(200)
        .json()
}

pub(super) fn poll(served: &Served, app: &App, begun: &Value) -> Reply {
    let pairs = [
        ("grant_type", DEVICE_GRANT),
        ("device_code", text(begun, "device_code")),
    ];
    app.send(served, "token", &pairs)
}

fn decide(served: &Served, tokens: &Value, begun: &Value, allow: bool) -> Reply {
    decide_on(served, tokens, begun, (allow, Some(1)))
}

fn decide_on(
    served: &Served,
    tokens: &Value,
    begun: &Value,
    (allow, version): (bool, Option<i64>),
) -> Reply {
    let body = json!({"user_code": begun["user_code"], "allow": allow, "version": version});
    served
        .client
        .post(DEVICES, Some(access_token(tokens)), &body)
}

/// Tokens of a device that a person approved.
fn approved(served: &Served, app: &App, person: &Value, scope: &str) -> Value {
    let begun = begin(served, app, scope);
    decide(served, person, &begun, true).is(204);
    poll(served, app, &begun).is(200).json()
}

fn refresh(served: &Served, app: &App, token: &str) -> Reply {
    app.send(
        served,
        "token",
        &[("grant_type", "refresh_token"), ("refresh_token", token)],
    )
}

#[test]
fn a_device_waits_until_somebody_decides() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let begun = begin(&served, &app, "openid run.read");
        assert_eq!(
            (&begun["expires_in"], &begun["interval"]),
            (&json!(600), &json!(5))
        );
        let place = "http://localhost:8080/device";
        assert_eq!(begun["verification_uri"], place);
        assert_eq!(
            begun["verification_uri_complete"],
            format!("{place}?user_code={}", text(&begun, "user_code"))
        );
        refused(&poll(&served, &app, &begun), 400, "authorization_pending");
        served.advance(4 * SECOND);
        refused(&poll(&served, &app, &begun), 400, "slow_down");
        // Ten seconds from now on.
        served.advance(9 * SECOND);
        refused(&poll(&served, &app, &begun), 400, "slow_down");
        served.advance(15 * SECOND);
        refused(&poll(&served, &app, &begun), 400, "authorization_pending");
        let path = format!(
            "{DEVICES}?user_code={}",
            text(&begun, "user_code").to_lowercase()
        );
        let waiting = served
            .client
            .get(&path, Some(access_token(&ada)))
            .is(200)
            .json();
        let expected = json!({"client": app.id, "name": "Terminal", "scopes": "openid run.read", "resources": [], "version": 1});
        assert_eq!(waiting, expected);
        decide(&served, &ada, &begun, true).is(204);
        decide(&served, &ada, &begun, false).refused(404, "not_found");
        let issued = poll(&served, &app, &begun).is(200).json();
        assert_eq!(issued["scope"], "openid run.read");
        assert!(issued.get("refresh_token").is_none());
        let said = claims(text(&issued, "id_token"));
        assert_eq!(
            (&said["sub"], &said["aud"]),
            (&ada["account"], &json!(app.id))
        );
        assert_eq!(
            (&said["auth_time"], &said["acr"], &said["amr"]),
            (&json!(1_700_000_000), &json!("1"), &json!(["pwd"]))
        );
        // Once.
        refused(&poll(&served, &app, &begun), 400, "invalid_grant");
    });
}

#[test]
fn a_device_that_is_refused_or_late_gets_nothing() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let begun = begin(&served, &app, "run.read");
        decide(&served, &ada, &begun, false).is(204);
        refused(&poll(&served, &app, &begun), 400, "access_denied");
        refused(&poll(&served, &app, &begun), 400, "invalid_grant");
        let late = begin(&served, &app, "run.read");
        let stranger = self::app(&served, &ada);
        refused(&poll(&served, &stranger, &late), 400, "invalid_grant");
        served.advance(600 * SECOND);
        refused(&poll(&served, &app, &late), 400, "expired_token");
        for (scope, error) in [
            ("", "invalid_scope"),
            ("*", "invalid_scope"),
            ("grant.change", "invalid_scope"),
        ] {
            refused(
                &app.send(&served, "device", &[("scope", scope)]),
                400,
                error,
            );
        }
    });
}

#[test]
fn a_device_gets_what_the_person_was_shown_and_what_its_application_is_registered_for() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let change = |change: &dyn Fn(&mut Value)| {
            let (token, mut changed) = (Some(access_token(&ada)), settings());
            change(&mut changed);
            let path = format!("{CLIENTS}/{}", app.id);
            served.client.put(&path, token, &changed).is(200);
        };
        let begun = begin(&served, &app, "run.read account.read");
        let decide = |allow, version| decide_on(&served, &ada, &begun, (allow, version));
        let path = format!("{DEVICES}?user_code={}", text(&begun, "user_code"));
        let shown = || {
            let shown = served.client.get(&path, Some(access_token(&ada)));
            shown.is(200).json()["version"].clone()
        };
        assert_eq!(shown(), 1);
        change(&|settings| settings["name"] = json!("Another"));
        assert_eq!(shown(), 2);
        decide(true, None).refused(400, "bad_request");
        decide(true, Some(1)).refused(409, "conflict");
        // What it asked for it may not have any more, whatever was shown.
        change(&|settings| settings["scopes"] = json!(["offline_access", "run.read"]));
        decide(true, Some(3)).refused(422, "refused");
        change(&|settings| {
            settings["grant_types"] = json!(["authorization_code", "refresh_token"]);
            settings["redirect_uris"] = json!(["https://chart.example/callback"]);
        });
        decide(true, Some(4)).refused(422, "refused");
        change(&|_| {});
        refused(&poll(&served, &app, &begun), 400, "authorization_pending");
        decide(true, Some(5)).is(204);
        served.advance(5 * SECOND);
        poll(&served, &app, &begun).is(200);
        let begun = begin(&served, &app, "run.read");
        decide_on(&served, &ada, &begun, (false, None)).is(204);
    });
}

#[test]
fn who_guesses_codes_of_devices_waits() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let begun = begin(&served, &app, "run.read");
        let guess = |code: &str| {
            let path = format!("{DEVICES}?user_code={code}");
            served.client.get(&path, Some(access_token(&ada)))
        };
        for _ in 0..5 {
            guess("BCDF-GHJK").refused(404, "not_found");
        }
        guess("BCDF-GHJK").refused(429, "too_many_requests");
        guess(text(&begun, "user_code")).refused(429, "too_many_requests");
        served.advance(SECOND);
        guess(text(&begun, "user_code")).is(200);
        // A program's key or token approves nothing, whatever it may do.
        let body = json!({"name": "k", "scopes": ["*"]});
        let key = served
            .client
            .post("/auth/v1/accounts/me/keys", Some(access_token(&ada)), &body);
        let key = key.is(201).json();
        let body = json!({"user_code": begun["user_code"], "allow": true, "version": 1});
        let reply = served
            .client
            .post(DEVICES, Some(text(&key, "secret")), &body);
        reply.refused(403, "step_up_required");
    });
}

#[test]
fn who_guessed_often_approves_a_device_once_the_wait_is_over() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        for number in 0..15 {
            let path = format!("{DEVICES}?user_code=BCDF-GHJK");
            let ada = served.sign_in(ADA, PASSWORD);
            let guessed = served.client.get(&path, Some(access_token(&ada)));
            guessed.refused(404, "not_found");
            // The wait after fifteen is a quarter of an hour, and none before was longer.
            served.advance(if number < 14 { 900 * SECOND } else { 0 });
        }
        served.advance(900 * SECOND);
        let ada = served.sign_in(ADA, PASSWORD);
        let begun = begin(&served, &app, "run.read");
        let path = format!("{DEVICES}?user_code={}", text(&begun, "user_code"));
        served.client.get(&path, Some(access_token(&ada))).is(200);
        decide(&served, &ada, &begun, true).is(204);
        // Right codes let no wrong one be forgotten.
        let path = format!("{DEVICES}?user_code=BCDF-GHJK");
        let guess = || served.client.get(&path, Some(access_token(&ada)));
        guess().refused(404, "not_found");
        let waits = guess().refused(429, "too_many_requests");
        assert_eq!(waits.header("retry-after"), Some("900"));
    });
}

#[test]
fn a_refresh_token_is_good_once_and_a_copy_ends_all() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let first = approved(&served, &app, &ada, "openid offline_access account.read");
        let me = |tokens: &Value| {
            served
                .client
                .get("/auth/v1/accounts/me", Some(access_token(tokens)))
        };
        me(&first).is(200);
        served.advance(SECOND);
        let second = refresh(&served, &app, text(&first, "refresh_token"))
            .is(200)
            .json();
        assert_eq!(second["scope"], "openid offline_access account.read");
        me(&first).is(200);
        me(&second).is(200);
        let narrow = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&second, "refresh_token")),
            ("scope", "run.read"),
        ];
        refused(&app.send(&served, "token", &narrow), 400, "invalid_scope");
        // That was refused without being used up.
        let third = refresh(&served, &app, text(&second, "refresh_token"))
            .is(200)
            .json();
        me(&third).is(200);
        refused(
            &refresh(&served, &app, text(&first, "refresh_token")),
            400,
            "invalid_grant",
        );
        me(&first).is(401);
        me(&third).is(401);
        refused(
            &refresh(&served, &app, text(&third, "refresh_token")),
            400,
            "invalid_grant",
        );
        let audit = served
            .client
            .get("/auth/v1/audit?limit=1000", Some(access_token(&ada)));
        assert!(audit.is(200).body.contains("refresh_again"));
        // One that another application shows is a copy too.
        let one = approved(&served, &app, &ada, "offline_access account.read");
        let stranger = self::app(&served, &ada);
        refused(
            &refresh(&served, &stranger, text(&one, "refresh_token")),
            400,
            "invalid_grant",
        );
        refused(
            &refresh(&served, &app, text(&one, "refresh_token")),
            400,
            "invalid_grant",
        );
        me(&one).is(401);
        // A refresh token of a session is none of an application, and the other way round.
        refused(
            &refresh(&served, &app, text(&ada, "refresh_token")),
            400,
            "invalid_grant",
        );
        let two = approved(&served, &app, &ada, "offline_access account.read");
        let body = json!({"refresh_token": two["refresh_token"]});
        served
            .client
            .post("/auth/v1/tokens/refresh", None, &body)
            .is(401);
        refresh(&served, &app, text(&two, "refresh_token")).is(200);
    });
}

#[test]
fn what_goes_on_without_the_person_lasts_no_longer_than_sessions() {
    on_both(|place| {
        let day = 86_400 * SECOND;
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let begun = approved(&served, &app, &ada, "offline_access account.read");
        let mut token = text(&begun, "refresh_token").to_owned();
        let mut go_on = |days: i64| {
            served.advance(days * day);
            let reply = refresh(&served, &app, &token);
            if reply.status == 200 {
                text(&reply.json(), "refresh_token").clone_into(&mut token);
            }
            reply
        };
        for _ in 0..4 {
            go_on(6).is(200);
        }
        go_on(5).is(200);
        refused(&go_on(1), 400, "invalid_grant");
        let ada = served.sign_in(crate::ADA, crate::PASSWORD);
        let begun = approved(&served, &app, &ada, "offline_access account.read");
        served.advance(7 * day);
        refused(
            &refresh(&served, &app, text(&begun, "refresh_token")),
            400,
            "invalid_grant",
        );
    });
}

#[test]
fn what_was_allowed_ends_with_what_it_stands_on() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let bob = served.person(&ada, "bob@example.com");
        let new = |scope: &str| approved(&served, &app, &bob, scope);
        let me = |tokens: &Value| {
            served
                .client
                .get("/auth/v1/accounts/me", Some(access_token(tokens)))
                .status
        };
        let bobs = Some(access_token(&bob));
        // The person takes it back.
        let one = new("offline_access account.read");
        let path = "/auth/v1/accounts/me/applications";
        let list = served.client.get(path, bobs).is(200).json();
        assert_eq!(
            list["items"][0]["allowed"],
            json!([{"resource": "", "scopes": "offline_access account.read", "created": crate::BEGIN.0}])
        );
        assert_eq!(list["items"][0]["name"], "Terminal");
        served
            .client
            .delete(&format!("{path}/{}", app.id), bobs)
            .is(204);
        served
            .client
            .delete(&format!("{path}/{}", app.id), bobs)
            .refused(404, "not_found");
        assert_eq!(
            served.client.get(path, bobs).is(200).json()["items"],
            json!([])
        );
        assert_eq!(me(&one), 401);
        refused(
            &refresh(&served, &app, text(&one, "refresh_token")),
            400,
            "invalid_grant",
        );
        // The application takes it back.
        let two = new("offline_access account.read");
        app.send(&served, "revoke", &[("token", text(&two, "refresh_token"))])
            .is(200);
        assert_eq!(me(&two), 401);
        // The session ends: what is for the session alone ends with it, the other goes on.
        let (here, always) = (new("account.read"), new("offline_access account.read"));
        let session = format!("/auth/v1/accounts/me/sessions/{}", text(&bob, "session"));
        served.client.delete(&session, bobs).is(204);
        assert_eq!((me(&here), me(&always)), (401, 200));
        // An administrator suspends the account.
        let suspend = |what: &str| {
            let path = format!("/auth/v1/accounts/{}/{what}", text(&bob, "account"));
            served
                .client
                .post(&path, Some(access_token(&ada)), &Value::Null)
                .is(200);
        };
        suspend("suspend");
        assert_eq!(me(&always), 401);
        refused(
            &refresh(&served, &app, text(&always, "refresh_token")),
            400,
            "invalid_grant",
        );
        suspend("resume");
        assert_eq!(me(&always), 401);
        refused(
            &refresh(&served, &app, text(&always, "refresh_token")),
            400,
            "invalid_grant",
        );
    });
}

#[test]
fn who_the_person_is_is_told_as_far_as_scopes_go() {
    on_both(|place| {
        let (served, ada) = Served::with_administrator(&place);
        let app = app(&served, &ada);
        let told = |scope: &str| {
            let tokens = approved(&served, &app, &ada, scope);
            served
                .client
                .get("/auth/oauth/userinfo", Some(access_token(&tokens)))
        };
        let sub = &ada["account"];
        assert_eq!(told("openid").is(200).json(), json!({"sub": sub}));
        assert_eq!(
            told("openid profile email").is(200).json(),
            json!({"sub": sub, "name": "Ada", "email": "ada@example.com", "email_verified": false})
        );
        let reply = told("account.read").refused(403, "forbidden");
        assert!(
            reply
                .header("www-authenticate")
                .unwrap()
                .contains("insufficient_scope")
        );
        // Who shows nothing is told of no error: RFC 6750, section 3.1.
        let reply = served.client.get("/auth/oauth/userinfo", None).is(401);
        let asked = reply.header("www-authenticate");
        assert_eq!(asked, Some("Bearer realm=\"tickloom\""));
    });
}
