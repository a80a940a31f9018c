//! What is promised: the document of the API, who may do what, and all else that the chassis asks of a service. What is golden changes
//! only on purpose: with `UPDATE_GOLDEN=1` it is written anew.

use crate::{ADA, ISSUER, PASSWORD, SECOND, access_token, text};
use serde_json::{Value, json};
use tickloom_auth::credential::password::HashParams;
use tickloom_auth::{Auth, AuthConfig};
use tickloom_chassis::Clock;
use tickloom_chassis::conformance::{Client, Conforms, House, List, Person, Sample, conformance};
use tickloom_chassis::token::Algorithm;

/// How long an access token is good: five minutes.
const TOKEN_NS: i64 = 300 * SECOND;
const KEYS: &str = "/auth/v1/accounts/me/keys";

struct Promises;

fn config(issuer: &str) -> AuthConfig {
    AuthConfig {
        issuer: issuer.to_owned(),
        mail: None,
        sign_up: false,
        breached: None,
        hash: HashParams::default(),
        algorithm: Algorithm::EdDsa,
    }
}

/// Signs Ada in, who is made the first administrator if nobody is one yet.
fn administrator(house: &House<Promises>) -> Value {
    if let Some(words) = &house.startup_notice {
        let link = words.rsplit(' ').next().unwrap();
        let body = json!({"link": link, "email": ADA, "name": "Ada", "password": PASSWORD});
        let reply = house.client.post("/auth/v1/links/finish", None, &body);
        assert!([200, 422].contains(&reply.status), "{reply:?}");
    }
    sign_in(house.client, ADA)
}

fn sign_in(client: Client, email: &str) -> Value {
    let body = json!({"email": email, "password": PASSWORD});
    client.post("/auth/v1/sessions", None, &body).is(201).json()
}

/// A person without grants, invited by the administrator, signed in.
fn person(house: &House<Promises>, administrator: &Value, email: &str) -> Value {
    let body = json!({"kind": "person", "email": email, "name": "Bob"});
    let token = Some(access_token(administrator));
    let created = house.client.post("/auth/v1/accounts", token, &body);
    let body = json!({"link": created.is(201).json()["link"], "password": PASSWORD});
    let finished = house.client.post("/auth/v1/links/finish", None, &body);
    drop(finished.is(200));
    sign_in(house.client, email)
}

fn key(house: &House<Promises>, token: &str, scope: &str) -> Value {
    let body = json!({"name": "k", "scopes": [scope]});
    house.client.post(KEYS, Some(token), &body).is(201).json()
}

fn machine(house: &House<Promises>, token: &str) -> String {
    let body = json!({"kind": "machine", "name": "m"});
    let made = house.client.post("/auth/v1/accounts", Some(token), &body);
    text(&made.is(201).json(), "id").to_owned()
}

impl Conforms for Promises {
    type Service = Auth;
    const FOLDER: &'static str = env!("CARGO_MANIFEST_DIR");
    const PUBLIC: &'static [&'static str] = &[
        "POST /auth/v1/links/finish",
        "POST /auth/v1/recovery",
        "POST /auth/v1/sessions",
        "POST /auth/v1/sessions/passkey",
        "POST /auth/v1/sessions/passkey/options",
        "POST /auth/v1/sign-up",
        "POST /auth/v1/tokens/refresh",
    ];
    const AUTHZ_NOTE: &'static str = "Who may do what; `of oneself` is a key for everything of a person without grants, on their own account.";

    fn config() -> AuthConfig {
        config(ISSUER)
    }

    fn people(house: &House<Promises>) -> Vec<Person> {
        let ada = administrator(house);
        let token = access_token(&ada);
        let [bob, eve, carl] =
            ["bob", "eve", "carl"].map(|name| person(house, &ada, &format!("{name}@example.com")));
        let grants = format!("/auth/v1/accounts/{}/grants", text(&eve, "account"));
        let viewer = json!({"what": "viewer", "resource": "*"});
        drop(house.client.post(&grants, Some(token), &viewer).is(201));
        let narrow = key(house, token, "run.read");
        let own = key(house, access_token(&carl), "*");
        let known = |name, token: &str| Person {
            name,
            token: Some(token.to_owned()),
            only: None,
        };
        vec![
            Person {
                name: "nobody",
                token: None,
                only: None,
            },
            known("person", access_token(&bob)),
            known("viewer", access_token(&eve)),
            known("administrator", token),
            known("key for run.read", text(&narrow, "secret")),
            Person {
                only: Some(("account", "me")),
                ..known("of oneself", text(&own, "secret"))
            },
        ]
    }

    fn administrator(house: &House<Promises>) -> String {
        access_token(&administrator(house)).to_owned()
    }

    fn refused_tokens(house: &House<Promises>) -> Vec<(&'static str, String)> {
        let ada = administrator(house);
        let expired = access_token(&ada).to_owned();
        // The same database and keys under another address: what it signs is not for here.
        let clock = Clock::standing(house.clock.now());
        let elsewhere = config("http://elsewhere");
        let other = House::<Promises>::start(&house.place, clock, elsewhere, None);
        house.advance(TOKEN_NS);
        assert!(other.clock.advance_to(house.clock.now()));
        let elsewhere = sign_in(other.client, ADA);
        vec![
            ("expired", expired),
            ("of another audience", access_token(&elsewhere).to_owned()),
            ("to go on with", text(&ada, "refresh_token").to_owned()),
        ]
    }

    fn path_part(name: &str) -> &'static str {
        match name {
            "account" => "usr_0",
            "session" => "ses_0",
            "key" => "tlk_0",
            "passkey" => "pky_0",
            "grant" => "grn_0",
            _ => "none",
        }
    }

    fn query(path: &str) -> &'static str {
        if path.ends_with("/decision") {
            "?action=run.read&resource=run/x"
        } else {
            ""
        }
    }

    fn commands() -> Vec<Sample<Promises>> {
        vec![
            Sample {
                operation: "POST /auth/v1/accounts",
                make: |_, _| {
                    let body = json!({"kind": "machine", "name": "m"});
                    ("/auth/v1/accounts".to_owned(), Some(body))
                },
            },
            Sample {
                operation: "PATCH /auth/v1/accounts/{account}",
                make: |house, token| {
                    let path = format!("/auth/v1/accounts/{}", machine(house, token));
                    (path, Some(json!({"name": "another"})))
                },
            },
            Sample {
                operation: "POST /auth/v1/accounts/{account}/suspend",
                make: |house, token| {
                    let path = format!("/auth/v1/accounts/{}/suspend", machine(house, token));
                    (path, None)
                },
            },
            Sample {
                operation: "POST /auth/v1/accounts/{account}/grants",
                make: |house, token| {
                    let path = format!("/auth/v1/accounts/{}/grants", machine(house, token));
                    (path, Some(json!({"what": "viewer", "resource": "*"})))
                },
            },
            Sample {
                operation: "POST /auth/v1/accounts/{account}/keys",
                make: |_, _| {
                    let body = json!({"name": "k", "scopes": ["run.read"]});
                    (KEYS.to_owned(), Some(body))
                },
            },
            Sample {
                operation: "POST /auth/v1/accounts/{account}/keys/{key}/rotate",
                make: |house, token| {
                    let made = key(house, token, "run.read");
                    let path = format!("{KEYS}/{}/rotate", text(&made, "id"));
                    (path, Some(json!({"grace_s": 60})))
                },
            },
            Sample {
                operation: "DELETE /auth/v1/accounts/{account}/keys/{key}",
                make: |house, token| {
                    let made = key(house, token, "run.read");
                    (format!("{KEYS}/{}", text(&made, "id")), None)
                },
            },
            Sample {
                operation: "DELETE /auth/v1/accounts/{account}",
                make: |house, token| {
                    let path = format!("/auth/v1/accounts/{}", machine(house, token));
                    (path, None)
                },
            },
        ]
    }

    fn list() -> Option<List<Promises>> {
        Some(List {
            path: "/auth/v1/accounts",
            id: "id",
            next: None,
            add: |house, token, _| {
                machine(house, token);
            },
        })
    }
}

#[test]
fn it_conforms() {
    conformance::<Promises>();
}
