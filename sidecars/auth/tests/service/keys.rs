//! Keys for programs.

use crate::{SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};

const KEYS: &str = "/auth/v1/accounts/me/keys";

fn make(served: &Served, tokens: &Value, body: &Value) -> Value {
    served
        .client
        .post(KEYS, Some(access_token(tokens)), body)
        .is(201)
        .json()
}

#[test]
fn a_key_does_what_it_is_for_until_it_is_over() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let expires = served.clock.now().0 + 100 * SECOND;
        let body = json!({"name": "ci", "scopes": ["account.read"], "expires": expires});
        let key = make(&served, &tokens, &body);
        let secret = text(&key, "secret");
        assert!(secret.starts_with(text(&key, "id")), "{key}");
        let get = |path: &str| served.client.get(path, Some(secret));
        get("/auth/v1/accounts/me").is(200);
        get("/auth/v1/accounts").is(200);
        let reply = get("/auth/v1/audit").refused(403, "forbidden");
        let detail = "audit.read on audit/*: the token or key is for account.read only";
        assert_eq!(text(&reply.json(), "detail"), detail);
        // A slip of the keyboard, and a secret of another key under this one's id.
        let last = if secret.ends_with('0') { "1" } else { "0" };
        let slip = format!("{}{last}", &secret[..secret.len() - 1]);
        served
            .client
            .get("/auth/v1/accounts/me", Some(&slip))
            .is(401);
        let list = served
            .client
            .get(KEYS, Some(access_token(&tokens)))
            .is(200)
            .json();
        assert_eq!(list["items"][0]["last_used"], served.clock.now().0);
        assert_eq!(list["items"][0].get("secret"), None);
        served.advance(100 * SECOND - 1);
        get("/auth/v1/accounts/me").is(200);
        served.advance(1);
        get("/auth/v1/accounts/me").refused(401, "unauthenticated");
    });
}

#[test]
fn a_key_makes_no_keys_and_changes_no_rights() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let key = make(&served, &tokens, &json!({"name": "all", "scopes": ["*"]}));
        let secret = Some(text(&key, "secret"));
        let body = json!({"name": "ci", "scopes": ["*"]});
        served
            .client
            .post(KEYS, secret, &body)
            .refused(403, "step_up_required");
        let body = json!({"what": "administrator", "resource": "*"});
        let grants = "/auth/v1/accounts/me/grants";
        served
            .client
            .post(grants, secret, &body)
            .refused(403, "step_up_required");
        let body = json!({"password": crate::PASSWORD});
        served
            .client
            .post("/auth/v1/sessions/step-up", secret, &body)
            .refused(403, "step_up_required");
        served
            .client
            .send(
                ("POST", "/auth/v1/accounts/me/second-factor"),
                secret,
                &[],
                None,
            )
            .refused(403, "step_up_required");
    });
}

#[test]
fn a_command_that_is_sent_again_makes_one_key_and_shows_its_secret_once() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let token = Some(access_token(&tokens));
        let send = |name: &str| {
            let body = json!({"name": name, "scopes": ["*"]});
            served.client.send(
                ("POST", KEYS),
                token,
                &[("Idempotency-Key", "k1")],
                Some(&body),
            )
        };
        let first = send("ci").is(201);
        assert_eq!(first.header("cache-control"), Some("no-store"));
        let again = send("ci").is(201);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        let (mut first, again) = (first.json(), again.json());
        assert!(first.as_object_mut().unwrap().remove("secret").is_some());
        assert_eq!(first, again);
        send("another").refused(422, "idempotency_conflict");
        let list = served.client.get(KEYS, token).is(200).json();
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn a_key_goes_over_into_another_and_is_taken_back_at_once() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let token = Some(access_token(&tokens));
        let old = make(
            &served,
            &tokens,
            &json!({"name": "ci", "scopes": ["account.read"]}),
        );
        let rotate = format!("{KEYS}/{}/rotate", text(&old, "id"));
        let body = json!({"grace_s": 60});
        let new = served.client.post(&rotate, token, &body).is(201).json();
        assert_eq!(
            (text(&new, "name"), text(&new, "scopes")),
            ("ci", "account.read")
        );
        let use_key = |key: &Value| {
            served
                .client
                .get("/auth/v1/accounts/me", Some(text(key, "secret")))
        };
        use_key(&old).is(200);
        use_key(&new).is(200);
        served.advance(60 * SECOND);
        use_key(&old).refused(401, "unauthenticated");
        use_key(&new).is(200);
        let body = json!({"grace_s": 2_592_001});
        served
            .client
            .post(&rotate, token, &body)
            .refused(400, "bad_request");
        let one = format!("{KEYS}/{}", text(&new, "id"));
        served.client.delete(&one, token).is(204);
        use_key(&new).refused(401, "unauthenticated");
        served.client.delete(&one, token).refused(404, "not_found");
    });
}

#[test]
fn a_key_that_is_over_goes_into_no_other_and_the_next_may_last_longer() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let token = Some(access_token(&tokens));
        let now = served.clock.now().0;
        let body = json!({"name": "ci", "scopes": ["*"], "expires": now + 10 * SECOND});
        let old = make(&served, &tokens, &body);
        let rotate = |key: &Value, body: &Value| {
            let path = format!("{KEYS}/{}/rotate", text(key, "id"));
            served.client.post(&path, token, body)
        };
        let same = rotate(&old, &json!({"grace_s": 60})).is(201).json();
        assert_eq!(same["expires"], now + 10 * SECOND);
        let past = json!({"grace_s": 60, "expires": now});
        rotate(&same, &past).refused(400, "bad_request");
        let later = json!({"grace_s": 60, "expires": now + 100 * SECOND});
        let next = rotate(&same, &later).is(201).json();
        assert_eq!(next["expires"], now + 100 * SECOND);
        served.advance(10 * SECOND);
        for over in [&old, &same] {
            rotate(over, &json!({"grace_s": 60})).refused(422, "refused");
            let longer = json!({"grace_s": 60, "expires": now + 100 * SECOND});
            rotate(over, &longer).refused(422, "refused");
        }
        let me = "/auth/v1/accounts/me";
        served.client.get(me, Some(text(&next, "secret"))).is(200);
        let list = served.client.get(KEYS, token).is(200).json();
        assert_eq!(list["items"].as_array().unwrap().len(), 3);
    });
}

#[test]
fn what_is_no_key_is_refused_with_what_is_wrong() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let token = Some(access_token(&tokens));
        let now = served.clock.now().0;
        for (body, status, code) in [
            (json!({"name": " ", "scopes": ["*"]}), 400, "bad_request"),
            (json!({"name": "a\nb", "scopes": ["*"]}), 400, "bad_request"),
            (json!({"name": "ci", "scopes": []}), 400, "bad_request"),
            (json!({"name": "ci", "scopes": ["run"]}), 422, "refused"),
            (
                json!({"name": "ci", "scopes": ["*"], "expires": now}),
                400,
                "bad_request",
            ),
            (
                json!({"name": "ci", "scopes": ["*"], "more": 1}),
                400,
                "bad_request",
            ),
            (json!({"name": "ci"}), 400, "bad_request"),
        ] {
            let reply = served.client.post(KEYS, token, &body);
            assert_eq!(reply.status, status, "{body}: {}", reply.body);
            assert_eq!(reply.json()["code"], code, "{body}");
        }
    });
}

#[test]
fn a_program_has_keys_that_an_administrator_makes_and_a_person_has_none_of_others() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let token = Some(access_token(&tokens));
        let body = json!({"kind": "machine", "name": "risk"});
        let created = served
            .client
            .post("/auth/v1/accounts", token, &body)
            .is(201);
        let tag = created.header("etag").unwrap().to_owned();
        let created = created.json();
        let id = text(&created, "id").to_owned();
        assert_eq!(tag, format!("\"{id}.v1\""));
        assert!(id.starts_with("mch_"), "{id}");
        let keys = format!("/auth/v1/accounts/{id}/keys");
        let body = json!({"name": "k", "scopes": ["run.read", "account.read"]});
        let key = served.client.post(&keys, token, &body).is(201).json();
        let own = served
            .client
            .get("/auth/v1/accounts/me", Some(text(&key, "secret")))
            .is(200);
        assert_eq!(text(&own.json(), "id"), id);
        let bob = served.person(&tokens, "bob@example.com");
        let keys = format!("/auth/v1/accounts/{}/keys", text(&bob, "account"));
        let reply = served
            .client
            .post(&keys, token, &body)
            .refused(422, "refused");
        let detail = "keys of a person are made by the person alone";
        assert_eq!(text(&reply.json(), "detail"), detail);
    });
}

#[test]
fn an_account_has_a_hundred_keys_that_are_valid_at_most() {
    on_both(|place| {
        let (served, tokens) = Served::with_administrator(&place);
        let expires = served.clock.now().0 + 100 * SECOND;
        let first = json!({"name": "first", "scopes": ["*"], "expires": expires});
        make(&served, &tokens, &first);
        let body = json!({"name": "ci", "scopes": ["*"]});
        let second = make(&served, &tokens, &body);
        for _ in 2..100 {
            make(&served, &tokens, &body);
        }
        let token = Some(access_token(&tokens));
        let refused = |path: &str, body: &Value| {
            let reply = served.client.post(path, token, body);
            let reply = reply.refused(422, "refused").json();
            assert_eq!(
                text(&reply, "detail"),
                "there are 100 keys already: revoke one first"
            );
        };
        refused(KEYS, &body);
        // The old one is valid for a while beside the new one.
        let rotate = format!("{KEYS}/{}/rotate", text(&second, "id"));
        refused(&rotate, &json!({"grace_s": 60}));
        served
            .client
            .post(&rotate, token, &json!({"grace_s": 0}))
            .is(201);
        refused(KEYS, &body);
        // One that has expired leaves room.
        served.advance(100 * SECOND);
        make(&served, &tokens, &body);
        refused(KEYS, &body);
    });
}
