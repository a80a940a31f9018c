//! Signing in with providers: one that says whatever it likes, and real ones.

#[path = "providers/answers.rs"]
mod answers;
#[path = "providers/keycloak.rs"]
mod keycloak;
#[path = "providers/outside.rs"]
mod outside;
#[path = "providers/pages.rs"]
mod pages;
#[path = "providers/real.rs"]
mod real;
#[path = "providers/visitor.rs"]
mod visitor;

use crate::client::Reply;
use crate::factor;
use crate::{ADA, BEGIN, PASSWORD, SECOND, Served, access_token, on_both, text};
use outside::{Outside, base64};
use serde_json::{Value, json};
use std::collections::HashMap;
use tickloom_auth::{Auth, ClientAuthentication, ClientSecret, ProviderConfig};
use tickloom_chassis::{Clock, Place, rebuild};
use url::Url;

const MINUTE: i64 = 60 * SECOND;

pub(crate) fn config(issuer: &str) -> ProviderConfig {
    ProviderConfig {
        issuer: issuer.to_owned(),
        title: "Example".to_owned(),
        client_id: "tickloom".to_owned(),
        client_secret: Some(ClientSecret::new("a secret: with +signs & 100%".to_owned())),
        client_authentication: ClientAuthentication::Basic,
        scopes: ["openid", "email", "profile"].map(str::to_owned).to_vec(),
        sign_up: true,
        second_factor: Vec::new(),
    }
}

/// The service with the provider under the name `op`, and, believed in second factors, under `trusted`.
fn serve(place: &Place, issuer: &str) -> Served {
    serve_with(place, issuer, |_| {})
}

fn serve_with(place: &Place, issuer: &str, set: impl FnOnce(&mut ProviderConfig)) -> Served {
    Served::with(place, Clock::standing(BEGIN), |auth| {
        let mut plain = config(issuer);
        set(&mut plain);
        let trusted = ProviderConfig {
            second_factor: vec!["mfa".to_owned(), "urn:strong".to_owned()],
            ..config(issuer)
        };
        auth.providers.insert("op".to_owned(), plain);
        auth.providers.insert("trusted".to_owned(), trusted);
    })
}

/// A request that was begun.
struct Begun {
    path: String,
    request: String,
    query: HashMap<String, String>,
}

impl Begun {
    fn of(path: &str, reply: Reply) -> Begun {
        let begun = reply.is(201).json();
        let url = Url::parse(text(&begun, "url")).unwrap();
        Begun {
            path: path.to_owned(),
            request: text(&begun, "request").to_owned(),
            query: url.query_pairs().into_owned().collect(),
        }
    }

    /// What comes back to it.
    fn answer(&self, issuer: &str) -> Value {
        json!({"request": self.request, "state": self.query["state"], "code": "the code", "iss": issuer})
    }

    /// Claims that are right for it.
    fn claims(&self, issuer: &str, subject: &str, more: &Value) -> Value {
        let now = BEGIN.0 / SECOND;
        let mut claims = json!({
            "iss": issuer, "aud": "tickloom", "sub": subject, "iat": now, "exp": now + 3600,
            "nonce": self.query["nonce"],
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }
}

fn begin(served: &Served, what: &str, token: Option<&str>) -> Begun {
    let path = format!("/auth/v1/providers/{what}");
    Begun::of(&path, served.client.send(("POST", &path), token, &[], None))
}

fn finish(served: &Served, begun: &Begun, token: Option<&str>, answer: &Value) -> Reply {
    served
        .client
        .post(&format!("{}/finish", begun.path), token, answer)
}

/// Goes through a request, of which the provider says that it was this subject, with more claims.
fn go(
    served: &Served,
    outside: &Outside,
    (what, token): (&str, Option<&str>),
    (subject, more): (&str, Value),
) -> Reply {
    let begun = begin(served, what, token);
    outside.signs(&begun.claims(&outside.issuer, subject, &more));
    finish(served, &begun, token, &begun.answer(&outside.issuer))
}

fn sign_in(served: &Served, outside: &Outside, subject: &str, more: Value) -> Reply {
    go(served, outside, ("op/sign-in", None), (subject, more))
}

/// Goes through a request as a browser does, which `visit` sends to the provider and back.
fn through(
    served: &Served,
    what: &str,
    token: Option<&str>,
    visit: impl FnOnce(&str) -> Url,
) -> Reply {
    let path = format!("/auth/v1/providers/{what}");
    let begun = served.client.send(("POST", &path), token, &[], None);
    let begun = begun.is(201).json();
    let back = visit(text(&begun, "url"));
    // Providers add what is theirs alone, as Keycloak does its `session_state`.
    let ours = |name: &str| ["state", "code", "iss", "error"].contains(&name);
    let came = back.query_pairs().into_owned();
    let mut answer: Value = came.filter(|(name, _)| ours(name)).collect();
    answer["request"] = begun["request"].clone();
    served
        .client
        .post(&format!("{path}/finish"), token, &answer)
}

fn carl() -> Value {
    json!({"email": "Carl@example.com", "email_verified": true, "name": "Carl"})
}

fn identities(served: &Served, token: &str) -> Vec<Value> {
    let path = "/auth/v1/accounts/me/identities";
    let list = served.client.get(path, Some(token)).is(200).json();
    list["items"].as_array().unwrap().clone()
}

fn sessions(served: &Served, token: &str) -> Vec<Value> {
    let path = "/auth/v1/accounts/me/sessions";
    let list = served.client.get(path, Some(token)).is(200).json();
    list["items"].as_array().unwrap().clone()
}

#[test]
fn somebody_whose_address_is_verified_gets_an_account_once() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        let known = served.client.get("/auth/v1/providers", None).is(200).json();
        assert_eq!(known[0], json!({"name": "op", "title": "Example"}));
        let begun = begin(&served, "op/sign-in", None);
        for (name, value) in [
            ("tenant", "1"),
            ("response_type", "code"),
            ("client_id", "tickloom"),
            (
                "redirect_uri",
                "http://localhost:8080/auth/v1/providers/op/callback",
            ),
            ("scope", "openid email profile"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(begun.query[name], value);
        }
        assert!(!begun.query.contains_key("prompt"));
        outside.signs(&begun.claims(&outside.issuer, "1", &carl()));
        let tokens = finish(&served, &begun, None, &begun.answer(&outside.issuer))
            .is(201)
            .json();
        let asked = outside.asked("/token").pop().unwrap();
        let (head, body) = asked.split_once("\r\n\r\n").unwrap();
        // `tickloom:a+secret%3A+with+%2Bsigns+%26+100%25`, worked out with Python's urllib and base64.
        let basic = "Basic dGlja2xvb206YStzZWNyZXQlM0Erd2l0aCslMkJzaWducyslMjYrMTAwJTI1";
        assert!(head.contains(basic), "{head}");
        let fields: HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).collect();
        assert_eq!(fields["code"], "the code");
        let verifier = fields["code_verifier"].as_bytes();
        let challenge = ring::digest::digest(&ring::digest::SHA256, verifier);
        assert_eq!(begun.query["code_challenge"], base64(challenge));

        let token = access_token(&tokens);
        let account = served
            .client
            .get("/auth/v1/accounts/me", Some(token))
            .is(200)
            .json();
        assert_eq!(account["email"], "carl@example.com");
        assert_eq!(
            (&account["is_email_verified"], &account["name"]),
            (&json!(true), &json!("Carl"))
        );
        let linked = identities(&served, token);
        assert_eq!(linked.len(), 1);
        assert_eq!(
            (&linked[0]["subject"], &linked[0]["issuer"]),
            (&json!("1"), &json!(outside.issuer))
        );
        assert_eq!(sessions(&served, token)[0]["methods"], "fed");
        // Whoever that is there keeps the account, whatever the address is by then.
        let again = sign_in(
            &served,
            &outside,
            "1",
            json!({"email": "other@example.com"}),
        );
        assert_eq!(again.is(201).json()["account"], tokens["account"]);
        // What comes from the log is the same.
        served
            .runtime
            .block_on(rebuild::<Auth>(&served.database()))
            .unwrap();
        assert_eq!(identities(&served, token), linked);
        let export = served
            .client
            .get("/auth/v1/accounts/me/export", Some(token))
            .is(200)
            .json();
        assert_eq!(export["identities"], json!(linked));
    });
}

#[test]
fn no_account_is_found_by_its_address_alone() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let verified = json!({"email": ADA, "email_verified": true});
        let refused = sign_in(&served, &outside, "1", verified).refused(422, "refused");
        assert!(text(&refused.json(), "detail").starts_with("an account has your e-mail address"));
        for more in [
            json!({"email": "new@example.com", "email_verified": false}),
            json!({"email": "new@example.com"}),
            json!({"email": ADA, "email_verified": false}),
            json!({"email": "no address", "email_verified": true}),
            json!({}),
        ] {
            let refused = sign_in(&served, &outside, "1", more).refused(422, "refused");
            assert!(text(&refused.json(), "detail").starts_with("no account is linked"));
        }
        assert!(identities(&served, access_token(&ada)).is_empty());
        let accounts = served
            .client
            .get("/auth/v1/accounts", Some(access_token(&ada)));
        assert_eq!(
            accounts.is(200).json()["items"].as_array().unwrap().len(),
            1
        );
        // Who may not sign up needs to be linked.
        drop(served);
        let closed = serve_with(&place, &outside.issuer, |op| op.sign_up = false);
        sign_in(&closed, &outside, "1", carl()).refused(422, "refused");
    });
}

#[test]
fn a_person_links_and_unlinks() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let bob = served.person(&ada, "bob@example.com");
        let token = access_token(&ada);
        let linked = go(
            &served,
            &outside,
            ("op/link", Some(token)),
            ("1", json!({})),
        )
        .is(201)
        .json();
        assert!(text(&linked, "id").starts_with("idn_"));
        let taken = go(
            &served,
            &outside,
            ("op/link", Some(access_token(&bob))),
            ("1", json!({})),
        );
        taken.refused(422, "refused");
        go(
            &served,
            &outside,
            ("op/link", Some(token)),
            ("1", json!({})),
        )
        .refused(422, "refused");
        let other = sign_in(&served, &outside, "1", json!({})).is(201).json();
        assert_eq!(other["account"], ada["account"]);
        // What is delicate needs a fresh authentication, which a provider's session of long ago is not.
        let path = format!("/auth/v1/accounts/me/identities/{}", text(&linked, "id"));
        served
            .client
            .delete(&path, Some(access_token(&other)))
            .refused(403, "step_up_required");
        served
            .client
            .delete("/auth/v1/accounts/me/identities/idn_0", Some(token))
            .refused(404, "not_found");
        served
            .client
            .delete(&path, Some(access_token(&bob)))
            .refused(404, "not_found");
        served.client.delete(&path, Some(token)).is(204);
        sign_in(&served, &outside, "1", json!({})).refused(422, "refused");
        // Sessions elsewhere end.
        let me = "/auth/v1/accounts/me";
        served
            .client
            .get(me, Some(access_token(&other)))
            .refused(401, "unauthenticated");
        served.client.get(me, Some(token)).is(200);
    });
}

#[test]
fn the_last_way_in_stays_and_what_is_deleted_is_nobodys() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let token = access_token(&ada);
        let now = BEGIN.0 / SECOND;
        let mut fresh = carl();
        fresh["auth_time"] = json!(now);
        let carl = sign_in(&served, &outside, "2", fresh).is(201).json();
        let only = identities(&served, access_token(&carl));
        let path = format!("/auth/v1/accounts/me/identities/{}", text(&only[0], "id"));
        let refused = served
            .client
            .delete(&path, Some(access_token(&carl)))
            .refused(422, "refused");
        assert!(
            text(&refused.json(), "detail").starts_with("nothing else signs in to the account")
        );
        // With another it may go.
        let more = ("op/link", Some(access_token(&carl)));
        go(&served, &outside, more, ("3", json!({}))).is(201);
        served
            .client
            .delete(&path, Some(access_token(&carl)))
            .is(204);
        // What is deleted is nobody's, and may be linked anew, after a rebuild too.
        let all = "/auth/v1/accounts/me";
        served.client.delete(all, Some(access_token(&carl))).is(204);
        served
            .runtime
            .block_on(rebuild::<Auth>(&served.database()))
            .unwrap();
        go(
            &served,
            &outside,
            ("op/link", Some(token)),
            ("3", json!({})),
        )
        .is(201);
    });
}

#[test]
fn somebody_without_a_password_authenticates_once_more_at_the_provider() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        let tokens = sign_in(&served, &outside, "1", carl()).is(201).json();
        let token = Some(access_token(&tokens));
        let key = json!({"name": "k", "scopes": ["run.read"]});
        let keys = "/auth/v1/accounts/me/keys";
        served
            .client
            .post(keys, token, &key)
            .refused(403, "step_up_required");
        let now = BEGIN.0 / SECOND;
        let begun = begin(&served, "op/step-up", token);
        assert_eq!(
            (
                begun.query["prompt"].as_str(),
                begun.query["max_age"].as_str()
            ),
            ("login", "0")
        );
        for (subject, more, words) in [
            ("1", json!({}), "did not authenticate you anew"),
            (
                "1",
                json!({"auth_time": now - 61}),
                "did not authenticate you anew",
            ),
            (
                "1",
                json!({"auth_time": now + 61}),
                "did not authenticate you anew",
            ),
            ("2", json!({"auth_time": now}), "no account is linked"),
        ] {
            let reply = go(&served, &outside, ("op/step-up", token), (subject, more));
            let refused = reply.refused(422, "refused").json();
            assert!(text(&refused, "detail").contains(words), "{refused}");
        }
        served
            .client
            .post(keys, token, &key)
            .refused(403, "step_up_required");
        let done = go(
            &served,
            &outside,
            ("op/step-up", token),
            ("1", json!({"auth_time": now})),
        );
        done.is(204);
        served.client.post(keys, token, &key).is(201);
    });
}

#[test]
fn a_second_factor_of_ours_is_asked_for_unless_the_provider_is_trusted_with_it() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let token = access_token(&ada);
        go(
            &served,
            &outside,
            ("op/link", Some(token)),
            ("1", json!({})),
        )
        .is(201);
        let (secret, _) = factor::set(&served, &ada);
        served.advance(30 * SECOND);
        // What it says of itself counts for nothing, unless the configuration trusts it.
        let begun = begin(&served, "op/sign-in", None);
        outside.signs(&begun.claims(&outside.issuer, "1", &json!({"amr": ["pwd", "mfa"]})));
        let answer = begun.answer(&outside.issuer);
        finish(&served, &begun, None, &answer).refused(401, "second_factor_required");
        let path = "/auth/v1/providers/op/sign-in/second-factor";
        let show = |request: &str, code: &str| {
            let body = json!({"request": request, "code": code});
            served.client.post(path, None, &body)
        };
        show(&begun.request, "000000").refused(401, "unauthenticated");
        let code = factor::code(&secret, served.clock.now().0);
        let tokens = show(&begun.request, &code).is(201).json();
        let all = sessions(&served, access_token(&tokens));
        assert!(
            all.iter().any(|session| session["methods"] == "fed otp"),
            "{all:?}"
        );
        show(&begun.request, &code).refused(422, "refused");
        finish(&served, &begun, None, &answer).refused(422, "refused");
        // What the provider has not answered yet does not wait for a code.
        let idle = begin(&served, "op/sign-in", None);
        served.advance(30 * SECOND);
        let code = factor::code(&secret, served.clock.now().0);
        show(&idle.request, &code).refused(422, "refused");
        for (more, status) in [
            (json!({"amr": ["pwd", "mfa"]}), 201),
            (json!({"acr": "urn:strong"}), 201),
            (json!({"amr": ["pwd"]}), 401),
            (json!({}), 401),
        ] {
            go(&served, &outside, ("trusted/sign-in", None), ("1", more)).is(status);
        }
        // Guesses wait.
        let begun = begin(&served, "op/sign-in", None);
        outside.signs(&begun.claims(&outside.issuer, "1", &json!({})));
        finish(&served, &begun, None, &begun.answer(&outside.issuer)).is(401);
        for _ in 0..5 {
            show(&begun.request, "000000").refused(401, "unauthenticated");
        }
        show(&begun.request, &code).refused(429, "too_many_requests");
    });
}

#[test]
fn a_provider_is_the_one_that_is_set_and_says_the_same_of_a_person_everywhere() {
    on_both(|place| {
        let outside = Outside::start();
        let served = serve(&place, &outside.issuer);
        let path = "/auth/v1/providers/op/sign-in";
        for (name, value) in [
            ("issuer", json!("https://other.example.com")),
            ("code_challenge_methods_supported", json!(["plain"])),
        ] {
            let mut metadata = outside.metadata();
            metadata[name] = value;
            outside.says("/.well-known/openid-configuration", &metadata);
            served
                .client
                .post(path, None, &json!({}))
                .refused(422, "refused");
            // It is not asked again for so long.
            served.advance(5 * SECOND);
        }
        outside.says("/.well-known/openid-configuration", &outside.metadata());
        // What the token does not say is asked for, and has to be of the same person.
        let mut info = carl();
        info["sub"] = json!("2");
        outside.says("/userinfo", &info);
        let refused = sign_in(&served, &outside, "1", json!({}))
            .refused(422, "refused")
            .json();
        assert!(
            text(&refused, "detail").contains("does not say who"),
            "{refused}"
        );
        info["sub"] = json!("1");
        outside.says("/userinfo", &info);
        sign_in(&served, &outside, "1", json!({})).is(201);
        let asked = outside.asked("/userinfo").pop().unwrap();
        assert!(
            asked
                .to_lowercase()
                .contains("authorization: bearer access\r\n"),
            "{asked}"
        );
        // A token endpoint that refuses, fails, or says what is none.
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant"}"#, (422, "refused")),
            (500, "", (503, "unavailable")),
            (200, "secret", (503, "unavailable")),
            (200, "{}", (422, "refused")),
        ] {
            let begun = begin(&served, "op/sign-in", None);
            outside.says_with("/token", status, body.to_owned());
            let reply = finish(&served, &begun, None, &begun.answer(&outside.issuer));
            let reply = reply.refused(expected.0, expected.1);
            assert!(!reply.body.contains("secret"), "{}", reply.body);
        }
    });
}

/// Entries of the audit log on refused attempts: resource, and what they say.
fn refusals(served: &Served, token: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let path = format!("/auth/v1/audit?limit=1000&after={after}");
        let page = served.client.get(&path, Some(token)).is(200).json();
        for entry in page["items"].as_array().unwrap() {
            after = entry["position"].as_i64().unwrap();
            if text(entry, "outcome") == "refused" {
                assert_eq!(text(entry, "action"), "sign_in");
                let said = ["resource", "detail"].map(|member| text(entry, member).to_owned());
                found.push(said.into());
            }
        }
        if page["more"] != true {
            return found;
        }
    }
}

#[test]
fn attempts_that_name_no_account_do_not_fill_the_audit_log() {
    on_both(|place| {
        let served = serve(&place, "http://127.0.0.1:1");
        served.set_up(&served.setup_link()).is(200);
        let token = served.sign_in(ADA, PASSWORD);
        let token = access_token(&token);
        let guess = json!({"request": "nothing", "state": "x", "code": "x"});
        let finish = |name: &str| {
            let path = format!("/auth/v1/providers/{name}/sign-in/finish");
            served.client.post(&path, None, &guess).status
        };
        for _ in 0..75 {
            assert_eq!(finish("op"), 422);
        }
        // Another kind has room of its own, and names that are made up are no kind.
        assert_eq!(finish("trusted"), 422);
        assert_eq!(finish("made-up"), 404);
        let noted = |resource: &str, detail: &str| (resource.to_owned(), detail.to_owned());
        let mut expected = vec![noted("provider/op", ""); 60];
        expected.push(noted("provider/trusted", ""));
        assert_eq!(refusals(&served, token), expected);
        // BEGIN is 20 s into a minute.
        served.advance(40 * SECOND - 1);
        assert_eq!(finish("op"), 422);
        assert_eq!(refusals(&served, token), expected);
        served.advance(1);
        assert_eq!(finish("op"), 422);
        let since = BEGIN.0 - 20 * SECOND;
        expected.push(noted(
            "provider/op",
            &format!(r#"{{"left_out":16,"since":{since}}}"#),
        ));
        expected.push(noted("provider/op", ""));
        assert_eq!(refusals(&served, token), expected);
        // What was left out is told without another attempt too.
        for _ in 0..60 {
            finish("op");
        }
        served.advance(60 * SECOND);
        let served = served.again();
        expected.extend(vec![noted("provider/op", ""); 59]);
        let since = since + 60 * SECOND;
        expected.push(noted(
            "provider/op",
            &format!(r#"{{"left_out":1,"since":{since}}}"#),
        ));
        let began = std::time::Instant::now();
        while refusals(&served, token) != expected {
            assert!(
                began.elapsed() < crate::PATIENCE,
                "{:?}",
                refusals(&served, token)
            );
            std::thread::yield_now();
        }
    });
}
