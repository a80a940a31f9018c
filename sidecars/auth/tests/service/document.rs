//! What is promised: the document of the API, who may do what, and all else that the chassis asks of a service. What is golden changes
//! only on purpose: with `UPDATE_GOLDEN=1` it is written anew.

use crate::{ADA, ISSUER, PASSWORD, SECOND, access_token, text};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU8, Ordering};
use tickloom_auth::credential::curve::CurveKey;
use tickloom_auth::{Auth, AuthConfig};
use tickloom_chassis::Clock;
use tickloom_chassis::conformance::{Client, Conforms, Harness, List, Person, Sample, conformance};

/// How long an access token is good: five minutes.
const TOKEN_NS: i64 = 300 * SECOND;
const CLIENTS: &str = "/auth/v1/clients";
const VERIFICATIONS: &str = "/auth/v1/audit/verifications";
const KEYS: &str = "/auth/v1/accounts/me/keys";

struct Promises;

fn config(issuer: &str) -> AuthConfig {
    AuthConfig {
        issuer: issuer.to_owned(),
        ..crate::config()
    }
}

/// Signs Ada in, who is made the first administrator if nobody is one yet.
fn administrator(harness: &Harness<Promises>) -> Value {
    if let Some(words) = &harness.startup_notice {
        let link = words.rsplit('#').next().unwrap();
        let body = json!({"link": link, "email": ADA, "name": "Ada", "password": PASSWORD});
        let reply = harness.client.post("/auth/v1/links/finish", None, &body);
        assert!([200, 422].contains(&reply.status), "{reply:?}");
    }
    sign_in(harness.client, ADA)
}

fn sign_in(client: Client, email: &str) -> Value {
    let body = json!({"email": email, "password": PASSWORD});
    client.post("/auth/v1/sessions", None, &body).is(201).json()
}

/// A person without grants, invited by the administrator, signed in.
fn person(harness: &Harness<Promises>, administrator: &Value, email: &str) -> Value {
    let body = json!({"kind": "person", "email": email, "name": "Bob"});
    let token = Some(access_token(administrator));
    let created = harness.client.post("/auth/v1/accounts", token, &body);
    let body = json!({"link": created.is(201).json()["link"], "password": PASSWORD});
    let finished = harness.client.post("/auth/v1/links/finish", None, &body);
    drop(finished.is(200));
    sign_in(harness.client, email)
}

fn key(harness: &Harness<Promises>, token: &str, scope: &str) -> Value {
    let body = json!({"name": "k", "scopes": [scope]});
    harness.client.post(KEYS, Some(token), &body).is(201).json()
}

fn machine(harness: &Harness<Promises>, token: &str) -> String {
    let body = json!({"kind": "machine", "name": "m"});
    let made = harness.client.post("/auth/v1/accounts", Some(token), &body);
    text(&made.is(201).json(), "id").to_owned()
}

/// An organisation of whoever asks.
fn organisation(harness: &Harness<Promises>, token: &str, name: &str) -> String {
    let body = json!({"name": name});
    let path = "/auth/v1/organisations";
    let made = harness.client.post(path, Some(token), &body);
    text(&made.is(201).json(), "id").to_owned()
}

/// A path in an organisation of the administrator.
fn inside(harness: &Harness<Promises>, token: &str, below: &str) -> String {
    let path = "/auth/v1/accounts/me/memberships?limit=1";
    let found = harness.client.get(path, Some(token)).is(200).json();
    let known = found["items"][0]["organisation"].as_str();
    let id = known.map_or_else(|| organisation(harness, token, "one"), str::to_owned);
    format!("/auth/v1/organisations/{id}/{below}")
}

/// Lets somebody join who is invited by their address.
fn join(
    harness: &Harness<Promises>,
    (administrator, organisation): (&Value, &str),
    (tokens, email): (&Value, &str),
    role: &str,
) {
    let path = format!("/auth/v1/organisations/{organisation}/invitations");
    let body = json!({"email": email, "role": role});
    let token = Some(access_token(administrator));
    let invited = harness.client.post(&path, token, &body).is(201).json();
    let body = json!({"link": invited["link"]});
    let path = "/auth/v1/accounts/me/memberships";
    let joined = harness.client.post(path, Some(access_token(tokens)), &body);
    drop(joined.is(201));
}

/// An address that nobody was invited by.
fn address() -> String {
    static NUMBER: AtomicU8 = AtomicU8::new(0);
    format!("x{}@example.com", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A public key of CURVE that nobody has registered: any number below 2^255 that is none of the few of small order.
fn curve_key() -> Value {
    static NUMBER: AtomicU8 = AtomicU8::new(2);
    let mut bytes = [0; 32];
    bytes[0] = NUMBER.fetch_add(1, Ordering::Relaxed);
    let key = CurveKey::from_bytes(bytes).unwrap().to_string();
    json!({"public_key": key, "name": "desk", "scopes": ["run.read"]})
}

/// The path of one that a program has.
fn registered(harness: &Harness<Promises>, token: &str) -> String {
    let path = format!("/auth/v1/accounts/{}/curve-keys", machine(harness, token));
    let made = harness.client.post(&path, Some(token), &curve_key());
    format!("{path}/{}", text(&made.is(201).json(), "id"))
}

fn organisation_commands() -> Vec<Sample<Promises>> {
    vec![
        Sample {
            operation: "POST /auth/v1/organisations",
            make: |_, _| {
                let body = json!({"name": "one"});
                ("/auth/v1/organisations".to_owned(), Some(body))
            },
        },
        Sample {
            operation: "PATCH /auth/v1/organisations/{organisation}",
            make: |harness, token| {
                let path = format!(
                    "/auth/v1/organisations/{}",
                    organisation(harness, token, "one")
                );
                (path, Some(json!({"name": "another"})))
            },
        },
        Sample {
            operation: "DELETE /auth/v1/organisations/{organisation}",
            make: |harness, token| {
                let path = format!(
                    "/auth/v1/organisations/{}",
                    organisation(harness, token, "one")
                );
                (path, None)
            },
        },
        Sample {
            operation: "POST /auth/v1/organisations/{organisation}/machines",
            make: |harness, token| {
                let path = inside(harness, token, "machines");
                (path, Some(json!({"name": "m", "role": "member"})))
            },
        },
        Sample {
            operation: "PATCH /auth/v1/organisations/{organisation}/members/{account}",
            make: |harness, token| {
                let machines = inside(harness, token, "machines");
                let body = json!({"name": "m", "role": "member"});
                let made = harness.client.post(&machines, Some(token), &body).is(201);
                let members = machines.replace("machines", "members");
                let path = format!("{members}/{}", text(&made.json(), "id"));
                (path, Some(json!({"role": "viewer"})))
            },
        },
        Sample {
            operation: "POST /auth/v1/organisations/{organisation}/grants",
            make: |harness, token| {
                let path = inside(harness, token, "grants");
                (path, Some(json!({"what": "viewer", "resource": "run/*"})))
            },
        },
        Sample {
            operation: "DELETE /auth/v1/organisations/{organisation}/grants/{grant}",
            make: |harness, token| {
                let grants = inside(harness, token, "grants");
                let body = json!({"what": "viewer", "resource": "run/*"});
                let made = harness.client.post(&grants, Some(token), &body).is(201);
                (format!("{grants}/{}", text(&made.json(), "id")), None)
            },
        },
        Sample {
            operation: "POST /auth/v1/organisations/{organisation}/invitations",
            make: |harness, token| {
                let path = inside(harness, token, "invitations");
                (path, Some(json!({"email": address(), "role": "viewer"})))
            },
        },
        Sample {
            operation: "DELETE /auth/v1/organisations/{organisation}/invitations/{invitation}",
            make: |harness, token| {
                let invitations = inside(harness, token, "invitations");
                let body = json!({"email": address(), "role": "viewer"});
                let made = harness
                    .client
                    .post(&invitations, Some(token), &body)
                    .is(201);
                (format!("{invitations}/{}", text(&made.json(), "id")), None)
            },
        },
    ]
}

fn curve_key_commands() -> Vec<Sample<Promises>> {
    vec![
        Sample {
            operation: "POST /auth/v1/accounts/{account}/curve-keys",
            make: |harness, token| {
                let account = machine(harness, token);
                (
                    format!("/auth/v1/accounts/{account}/curve-keys"),
                    Some(curve_key()),
                )
            },
        },
        Sample {
            operation: "POST /auth/v1/accounts/{account}/curve-keys/{key}/rotate",
            make: |harness, token| {
                let body = json!({"public_key": curve_key()["public_key"], "grace_s": 60});
                (registered(harness, token) + "/rotate", Some(body))
            },
        },
        Sample {
            operation: "DELETE /auth/v1/accounts/{account}/curve-keys/{key}",
            make: |harness, token| (registered(harness, token), None),
        },
    ]
}

/// An application, as it is described.
fn client() -> Value {
    json!({"name": "c", "kind": "confidential", "grant_types": ["authorization_code"],
        "redirect_uris": ["https://c.example/callback"], "scopes": ["openid"]})
}

/// Registers an application, and says where it is.
fn registered_client(harness: &Harness<Promises>, token: &str) -> String {
    let made = harness.client.post(CLIENTS, Some(token), &client());
    format!("{CLIENTS}/{}", text(&made.is(201).json(), "id"))
}

/// Lets an application have something of whoever asks, and says where that is.
fn authorised(harness: &Harness<Promises>, token: &str) -> String {
    let client = registered_client(harness, token);
    let id = client.rsplit('/').next().unwrap();
    let request = format!(
        "response_type=code&client_id={id}&redirect_uri=https://c.example/callback&scope=openid\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let body = json!({"request": request, "allow": true, "version": 1});
    let path = "/auth/v1/authorisations";
    drop(harness.client.post(path, Some(token), &body).is(200));
    let path = "/auth/v1/accounts/me/authorisations";
    let list = harness.client.get(path, Some(token)).is(200).json();
    let last = list["items"].as_array().unwrap().last().unwrap().clone();
    format!("{path}/{}", text(&last, "id"))
}

fn client_commands() -> Vec<Sample<Promises>> {
    vec![
        Sample {
            operation: "POST /auth/v1/clients",
            make: |_, _| (CLIENTS.to_owned(), Some(client())),
        },
        Sample {
            operation: "PUT /auth/v1/clients/{client}",
            make: |harness, token| (registered_client(harness, token), Some(client())),
        },
        Sample {
            operation: "POST /auth/v1/clients/{client}/secret",
            make: |harness, token| {
                let path = format!("{}/secret", registered_client(harness, token));
                (path, Some(json!({"grace_s": 60})))
            },
        },
        Sample {
            operation: "DELETE /auth/v1/accounts/{account}/authorisations/{authorisation}",
            make: |harness, token| (authorised(harness, token), None),
        },
        Sample {
            operation: "DELETE /auth/v1/clients/{client}",
            make: |harness, token| (registered_client(harness, token), None),
        },
    ]
}

/// Adds something to the list at a path by what is sent there.
fn add(harness: &Harness<Promises>, (token, path): (&str, &str), body: &Value) {
    drop(harness.client.post(path, Some(token), body).is(201));
}

fn lists_of_all() -> Vec<List<Promises>> {
    let audit = |path| List {
        operation: "GET /auth/v1/audit",
        path,
        id: "position",
        add: |harness, (token, _), _| drop(machine(harness, token)),
    };
    vec![
        audit(|_, _| "/auth/v1/audit".to_owned()),
        audit(|_, _| "/auth/v1/audit?order=newest".to_owned()),
        audit(|_, _| "/auth/v1/audit?action=created".to_owned()),
        List {
            operation: "GET /auth/v1/jobs",
            path: |_, _| "/auth/v1/jobs".to_owned(),
            id: "id",
            add: |harness, (token, _), _| drop(verification(harness, token)),
        },
        List {
            operation: "GET /auth/v1/accounts",
            path: |_, _| "/auth/v1/accounts".to_owned(),
            id: "id",
            add: |harness, (token, _), _| drop(machine(harness, token)),
        },
        List {
            operation: "GET /auth/v1/clients",
            path: |_, _| CLIENTS.to_owned(),
            id: "id",
            add: |harness, to, _| add(harness, to, &client()),
        },
        List {
            operation: "GET /auth/v1/organisations",
            path: |_, _| "/auth/v1/organisations".to_owned(),
            id: "id",
            add: |harness, to, _| add(harness, to, &json!({"name": "one"})),
        },
    ]
}

/// The path of a list of a program.
fn of_program(harness: &Harness<Promises>, token: &str, list: &str) -> String {
    format!("/auth/v1/accounts/{}/{list}", machine(harness, token))
}

fn lists_of_accounts() -> Vec<List<Promises>> {
    vec![
        List {
            operation: "GET /auth/v1/accounts/{account}/keys",
            path: |_, _| KEYS.to_owned(),
            id: "id",
            add: |harness, (token, _), _| drop(key(harness, token, "run.read")),
        },
        List {
            operation: "GET /auth/v1/accounts/{account}/curve-keys",
            path: |harness, token| of_program(harness, token, "curve-keys"),
            id: "id",
            add: |harness, to, _| add(harness, to, &curve_key()),
        },
        List {
            operation: "GET /auth/v1/accounts/{account}/grants",
            path: |harness, token| of_program(harness, token, "grants"),
            id: "id",
            add: |harness, to, number| {
                let resource = format!("run/{number}");
                add(
                    harness,
                    to,
                    &json!({"what": "viewer", "resource": resource}),
                );
            },
        },
        List {
            operation: "GET /auth/v1/accounts/{account}/sessions",
            path: |_, _| "/auth/v1/accounts/me/sessions".to_owned(),
            id: "id",
            add: |harness, _, _| drop(sign_in(harness.client, ADA)),
        },
        List {
            operation: "GET /auth/v1/accounts/{account}/applications",
            path: |_, _| "/auth/v1/accounts/me/applications".to_owned(),
            id: "client",
            add: |harness, (token, _), _| drop(authorised(harness, token)),
        },
        List {
            operation: "GET /auth/v1/accounts/{account}/authorisations",
            path: |_, _| "/auth/v1/accounts/me/authorisations".to_owned(),
            id: "id",
            add: |harness, (token, _), _| drop(authorised(harness, token)),
        },
        List {
            operation: "GET /auth/v1/accounts/{account}/memberships",
            path: |_, _| "/auth/v1/accounts/me/memberships".to_owned(),
            id: "organisation",
            add: |harness, (token, _), _| drop(organisation(harness, token, "one")),
        },
    ]
}

fn lists_of_organisations() -> Vec<List<Promises>> {
    vec![
        List {
            operation: "GET /auth/v1/organisations/{organisation}/members",
            path: |harness, token| inside(harness, token, "members"),
            id: "account",
            add: |harness, (token, path), _| {
                let machines = path.replace("members", "machines");
                let body = json!({"name": "m", "role": "member"});
                add(harness, (token, &machines), &body);
            },
        },
        List {
            operation: "GET /auth/v1/organisations/{organisation}/invitations",
            path: |harness, token| inside(harness, token, "invitations"),
            id: "id",
            add: |harness, to, _| {
                add(harness, to, &json!({"email": address(), "role": "viewer"}));
            },
        },
        List {
            operation: "GET /auth/v1/organisations/{organisation}/grants",
            path: |harness, token| inside(harness, token, "grants"),
            id: "id",
            add: |harness, to, number| {
                let resource = format!("run/{number}");
                add(
                    harness,
                    to,
                    &json!({"what": "viewer", "resource": resource}),
                );
            },
        },
    ]
}

/// Begins to verify the audit log, and says where the job is.
fn verification(harness: &Harness<Promises>, token: &str) -> String {
    let asked = ("POST", VERIFICATIONS);
    let begun = harness.client.send(asked, Some(token), &[], None);
    begun.is(202).header("location").unwrap().to_owned()
}

fn job_commands() -> Vec<Sample<Promises>> {
    vec![
        Sample {
            operation: "POST /auth/v1/audit/verifications",
            make: |_, _| (VERIFICATIONS.to_owned(), None),
        },
        Sample {
            operation: "POST /auth/v1/jobs/{job}/cancel",
            make: |harness, token| (verification(harness, token) + "/cancel", None),
        },
    ]
}

impl Conforms for Promises {
    type Service = Auth;
    const FOLDER: &'static str = env!("CARGO_MANIFEST_DIR");
    const PUBLIC: &'static [&'static str] = &[
        "POST /auth/v1/invitations/accept",
        "POST /auth/v1/invitations/show",
        "GET /auth/v1/providers",
        "POST /auth/v1/links/finish",
        "POST /auth/v1/providers/{provider}/sign-in",
        "POST /auth/v1/providers/{provider}/sign-in/finish",
        "POST /auth/v1/providers/{provider}/sign-in/second-factor",
        "POST /auth/v1/recovery",
        "POST /auth/v1/sessions",
        "POST /auth/v1/sessions/passkey",
        "POST /auth/v1/sessions/passkey/options",
        "POST /auth/v1/sign-up",
        "POST /auth/v1/tokens/refresh",
    ];
    const AUTHZ_NOTE: &'static str = "Who may do what; `of oneself` is a key for everything of a person without grants, on their own account; after it keys for everything of people without grants, in an organisation.";

    fn config() -> AuthConfig {
        config(ISSUER)
    }

    fn people(harness: &Harness<Promises>) -> Vec<Person> {
        let ada = administrator(harness);
        let token = access_token(&ada);
        let [bob, eve, carl, dave, frank] = ["bob", "eve", "carl", "dave", "frank"]
            .map(|name| person(harness, &ada, &format!("{name}@example.com")));
        let grants = format!("/auth/v1/accounts/{}/grants", text(&eve, "account"));
        let viewer = json!({"what": "viewer", "resource": "*"});
        drop(harness.client.post(&grants, Some(token), &viewer).is(201));
        let narrow = key(harness, token, "run.read");
        let own = key(harness, access_token(&carl), "*");
        let known = |name, token: &str| Person {
            name,
            token: Some(token.to_owned()),
            only: None,
        };
        // A key, so that nothing is done that needs a session.
        let quants = organisation(harness, access_token(&carl), "Quants");
        join(
            harness,
            (&carl, &quants),
            (&dave, "dave@example.com"),
            "member",
        );
        join(
            harness,
            (&carl, &quants),
            (&frank, "frank@example.com"),
            "viewer",
        );
        let quants: &'static str = quants.leak();
        let in_it = |name, tokens: &Value| Person {
            only: Some(("organisation", quants)),
            ..known(
                name,
                text(&key(harness, access_token(tokens), "*"), "secret"),
            )
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
            in_it("its administrator", &carl),
            in_it("its member", &dave),
            in_it("its viewer", &frank),
            in_it("no member of it", &bob),
        ]
    }

    fn administrator(harness: &Harness<Promises>) -> String {
        access_token(&administrator(harness)).to_owned()
    }

    fn refused_tokens(harness: &Harness<Promises>) -> Vec<(&'static str, String)> {
        let ada = administrator(harness);
        let expired = access_token(&ada).to_owned();
        // The same database and keys under another address: what it signs is not for here.
        let clock = Clock::standing(harness.clock.now());
        let elsewhere = config("https://elsewhere.example");
        let other = Harness::<Promises>::start(&harness.place, clock, elsewhere, None);
        harness.advance(TOKEN_NS);
        assert!(other.clock.advance_to(harness.clock.now()));
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
            "client" => "cli_0",
            "organisation" => "org_0",
            "invitation" => "tlo_0",
            "job" => "job_0",
            "identity" => "idn_0",
            _ => "none",
        }
    }

    fn query(path: &str) -> &'static str {
        if path.ends_with("/curve-keys/decision") {
            "?public_key=0&action=run.read&resource=run/x"
        } else if path.ends_with("/decision") {
            "?action=run.read&resource=run/x"
        } else if path.ends_with("/devices") {
            "?user_code=BCDF-GHJK"
        } else {
            ""
        }
    }

    fn commands() -> Vec<Sample<Promises>> {
        let mut all = vec![
            Sample {
                operation: "POST /auth/v1/accounts",
                make: |_, _| {
                    let body = json!({"kind": "machine", "name": "m"});
                    ("/auth/v1/accounts".to_owned(), Some(body))
                },
            },
            Sample {
                operation: "PATCH /auth/v1/accounts/{account}",
                make: |harness, token| {
                    let path = format!("/auth/v1/accounts/{}", machine(harness, token));
                    (path, Some(json!({"name": "another"})))
                },
            },
            Sample {
                operation: "POST /auth/v1/accounts/{account}/suspend",
                make: |harness, token| {
                    let path = format!("/auth/v1/accounts/{}/suspend", machine(harness, token));
                    (path, None)
                },
            },
            Sample {
                operation: "POST /auth/v1/accounts/{account}/grants",
                make: |harness, token| {
                    let path = format!("/auth/v1/accounts/{}/grants", machine(harness, token));
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
                make: |harness, token| {
                    let made = key(harness, token, "run.read");
                    let path = format!("{KEYS}/{}/rotate", text(&made, "id"));
                    (path, Some(json!({"grace_s": 60})))
                },
            },
            Sample {
                operation: "DELETE /auth/v1/accounts/{account}/keys/{key}",
                make: |harness, token| {
                    let made = key(harness, token, "run.read");
                    (format!("{KEYS}/{}", text(&made, "id")), None)
                },
            },
            Sample {
                operation: "DELETE /auth/v1/accounts/{account}",
                make: |harness, token| {
                    let path = format!("/auth/v1/accounts/{}", machine(harness, token));
                    (path, None)
                },
            },
        ];
        all.extend(organisation_commands());
        all.extend(curve_key_commands());
        all.extend(client_commands());
        all.extend(job_commands());
        all
    }

    fn lists() -> Vec<List<Promises>> {
        let mut all = lists_of_all();
        all.extend(lists_of_accounts());
        all.extend(lists_of_organisations());
        all
    }
}

#[test]
fn an_administrator_has_the_audit_log_verified() {
    crate::on_both(|place| {
        let harness = Harness::<Promises>::new(&place);
        let token = Promises::administrator(&harness);
        let at = |path: &str| harness.client.get(path, Some(&token)).is(200).json();
        let run = || {
            let jobs = harness.jobs().perform_due();
            harness.runtime.block_on(jobs).unwrap();
        };
        let path = verification(&harness, &token);
        let waits = at(&path);
        assert_eq!(
            (&waits["state"], &waits["done"]),
            (&json!("waiting"), &json!(0))
        );
        assert_eq!(waits["kind"], "audit_verification");
        let entries = at("/auth/v1/audit?limit=1000")["items"]
            .as_array()
            .unwrap()
            .clone();
        let last = entries.last().unwrap();
        assert_eq!(last["action"], "audit_verification_started");
        assert_eq!(last["resource"], format!("job/{}", text(&waits, "id")));
        run();
        let done = at(&path);
        let whole = json!({"whole": true, "position": last["position"], "hash": last["hash"]});
        assert_eq!((&done["state"], &done["result"]), (&json!("done"), &whole));
        assert_eq!(
            (&done["done"], &at("/auth/v1/jobs")["items"]),
            (&last["position"], &json!([done]))
        );
        let cancel = |path: &str| {
            let path = format!("{path}/cancel");
            let asked = ("POST", path.as_str());
            harness.client.send(asked, Some(&token), &[], None)
        };
        cancel(&path).refused(422, "refused");
        cancel("/auth/v1/jobs/job_0").refused(404, "not_found");
        let unknown = harness.client.get("/auth/v1/jobs/job_0", Some(&token));
        unknown.refused(404, "not_found");
        let path = verification(&harness, &token);
        let cancelled = cancel(&path).is(200).json();
        assert_eq!(cancelled["state"], "cancelled");
        run();
        assert_eq!(at(&path), cancelled);
        // Somebody was at the table.
        let path = verification(&harness, &token);
        let database = harness.database();
        let change = sqlx::query("UPDATE audit SET actor = 'account/usr_0' WHERE position = 2");
        let changed = harness.runtime.block_on(change.execute(database.reader()));
        assert_eq!(changed.unwrap().rows_affected(), 1);
        harness.runtime.block_on(database.close());
        run();
        let found = at(&path)["result"].clone();
        assert_eq!(
            (&found["whole"], &found["position"]),
            (&json!(false), &json!(1))
        );
        let fault = "line 2: entry 2 was changed: its hash is of something else";
        assert_eq!(found["fault"], fault);
    });
}

#[test]
fn it_conforms() {
    conformance::<Promises>();
}
