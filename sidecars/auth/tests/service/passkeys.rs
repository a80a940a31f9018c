//! Passkeys, made and used by an authenticator in Python that does what it should and everything else too; what is taken and refused here
//! is taken and refused by a second verifier as well (`tests/passkeys.py`).

use crate::accounts::projected;
use crate::client::Reply;
use crate::{ADA, BEGIN, ISSUER, PASSWORD, SECOND, Served, access_token, on_both, text};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tickloom_auth::Auth;
use tickloom_chassis::{Clock, Service};

const MINE: &str = "/auth/v1/accounts/me/passkeys";

/// The authenticator, while it lives.
pub(crate) struct Authenticator {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What it says, and whether the second verifier takes it.
#[derive(Debug)]
pub(crate) struct Said {
    credential: Value,
    taken: bool,
    /// Why it does not.
    #[expect(dead_code, reason = "it is there for the words of a test that fails")]
    why: Value,
}

impl Authenticator {
    /// `None` without a Python that can run it.
    pub(crate) fn start() -> Option<Authenticator> {
        let Some(python) = std::env::var_os("TICKLOOM_PYTHON") else {
            let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
            eprintln!(
                "skipped: TICKLOOM_PYTHON names no Python with webauthn; cargo xtask test prepares one"
            );
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/passkeys.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Authenticator {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    fn ask(&mut self, request: &Value) -> Said {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{request}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        Said {
            credential: answer["credential"].take(),
            taken: answer["taken"] == true,
            why: answer["why"].take(),
        }
    }

    pub(crate) fn create(&mut self, options: &Value, name: &str, wrong: &Value) -> Said {
        self.ask(&json!({"op": "create", "options": options, "origin": ISSUER, "as": name, "wrong": wrong}))
    }

    pub(crate) fn get(&mut self, options: &Value, name: &str, wrong: &Value) -> Said {
        self.ask(
            &json!({"op": "get", "options": options, "origin": ISSUER, "as": name, "wrong": wrong}),
        )
    }
}

impl Drop for Authenticator {
    fn drop(&mut self) {
        self.input.take();
        let _ended = self.child.wait();
    }
}

/// What a browser is asked, in a session or in none.
fn options(served: &Served, path: &str, token: Option<&str>, body: Option<&Value>) -> Value {
    let asked = served.client.send(("POST", path), token, &[], body);
    asked.is(200).json()
}

fn creation(served: &Served, tokens: &Value) -> Value {
    let path = format!("{MINE}/options");
    options(served, &path, Some(access_token(tokens)), None)
}

pub(crate) fn request(served: &Served, purpose: &str) -> Value {
    let body = json!({"purpose": purpose});
    options(
        served,
        "/auth/v1/sessions/passkey/options",
        None,
        Some(&body),
    )
}

fn step_up_request(served: &Served, tokens: &Value) -> Value {
    let token = Some(access_token(tokens));
    options(served, "/auth/v1/sessions/step-up/options", token, None)
}

fn add(served: &Served, tokens: &Value, name: &str, said: &Said) -> Reply {
    let body = json!({"name": name, "passkey": said.credential});
    served.client.post(MINE, Some(access_token(tokens)), &body)
}

pub(crate) fn sign_in(served: &Served, said: &Said) -> Reply {
    let body = json!({"passkey": said.credential});
    served.client.post("/auth/v1/sessions/passkey", None, &body)
}

fn sign_in_with_both(served: &Served, email: &str, factor: Value) -> Reply {
    let mut body = json!({"email": email, "password": PASSWORD});
    body.as_object_mut()
        .unwrap()
        .extend(factor.as_object().unwrap().clone());
    served.client.post("/auth/v1/sessions", None, &body)
}

fn step_up(served: &Served, tokens: &Value, said: &Said) -> Reply {
    let body = json!({"passkey": said.credential});
    let token = Some(access_token(tokens));
    served
        .client
        .post("/auth/v1/sessions/step-up", token, &body)
}

/// Registers a passkey under a name; returns what is answered.
pub(crate) fn register(
    served: &Served,
    tokens: &Value,
    authenticator: &mut Authenticator,
    (name, wrong): (&str, &Value),
) -> Value {
    let said = authenticator.create(&creation(served, tokens), name, wrong);
    assert!(said.taken, "{said:?}");
    add(served, tokens, name, &said).is(201).json()
}

fn methods(served: &Served, tokens: &Value) -> String {
    let path = "/auth/v1/accounts/me/sessions";
    let list = served.client.get(path, Some(access_token(tokens))).is(200);
    let list = list.json();
    let mut all = list["items"].as_array().unwrap().iter();
    let own = all.find(|session| session["id"] == tokens["session"]);
    text(own.unwrap(), "methods").to_owned()
}

/// What was noted under this action, with its detail, the newest last.
fn noted(served: &Served, tokens: &Value, action: &str) -> Vec<(String, Value)> {
    let list = served
        .client
        .get("/auth/v1/audit?limit=1000", Some(access_token(tokens)));
    let list = list.is(200).json();
    let all = list["items"].as_array().unwrap().iter();
    let of = all.filter(|entry| entry["action"] == action);
    of.map(|entry| {
        let detail = serde_json::from_str(text(entry, "detail")).unwrap_or_default();
        (text(entry, "outcome").to_owned(), detail)
    })
    .collect()
}

#[test]
fn a_passkey_signs_in_alone_beside_a_password_and_for_a_step_up() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let elsewhere = served.sign_in(ADA, PASSWORD);
        let asked = creation(&served, &ada);
        assert_eq!(asked["rp"], json!({"id": "localhost", "name": "Tickloom"}));
        assert_eq!(text(&asked["user"], "name"), ADA);
        assert_eq!(
            asked["authenticatorSelection"],
            json!({"residentKey": "required", "requireResidentKey": true, "userVerification": "required"})
        );
        let handle = text(&asked["user"], "id").to_owned();
        assert_eq!(handle.len(), 43);
        for (name, algorithm) in [("phone", -7), ("key", -8), ("laptop", -257)] {
            let said = authenticator.create(
                &creation(&served, &ada),
                name,
                &json!({"algorithm": algorithm, "count": 0}),
            );
            assert!(said.taken, "{said:?}");
            let added = add(&served, &ada, name, &said).is(201).json();
            // The first one is the first second factor: others sessions end, and there are codes for when it is lost.
            assert_eq!(
                added["recovery_codes"].is_array(),
                name == "phone",
                "{added}"
            );
            assert_eq!(added["created"], BEGIN.0);
            assert_eq!(
                (
                    &added["name"],
                    &added["last_used"],
                    &added["is_backup_eligible"]
                ),
                (&json!(name), &Value::Null, &json!(false))
            );
            let said = authenticator.get(&request(&served, "sign_in"), name, &json!({}));
            assert!(said.taken, "{said:?}");
            let tokens = sign_in(&served, &said).is(201).json();
            assert_eq!(tokens["account"], ada["account"]);
            assert_eq!(methods(&served, &tokens), "pop user mfa");
        }
        let over = served
            .client
            .get("/auth/v1/accounts/me", Some(access_token(&elsewhere)));
        over.refused(401, "unauthenticated");
        assert_eq!(text(&creation(&served, &ada)["user"], "id"), handle);
        let excluded = &creation(&served, &ada)["excludeCredentials"];
        assert_eq!(excluded.as_array().unwrap().len(), 3);
        assert_eq!(excluded[0]["transports"], json!(["hybrid", "internal"]));
        // Beside a password, where the authenticator need not verify who uses it.
        sign_in_with_both(&served, ADA, json!({})).refused(401, "second_factor_required");
        let asked = request(&served, "second_factor");
        let said = authenticator.get(&asked, "key", &json!({"flags": 1}));
        assert!(said.taken, "{said:?}");
        let both = json!({"passkey": said.credential});
        let tokens = sign_in_with_both(&served, ADA, both.clone()).is(201).json();
        assert_eq!(methods(&served, &tokens), "pwd pop user");
        // Once.
        sign_in_with_both(&served, ADA, both).refused(401, "unauthenticated");
        served.advance(900 * SECOND);
        let path = format!("{MINE}/options");
        let token = Some(access_token(&tokens));
        let late = served.client.send(("POST", &path), token, &[], None);
        // The token has expired as well; the session goes on.
        late.refused(401, "unauthenticated");
        let body = json!({"refresh_token": tokens["refresh_token"]});
        let tokens = served.client.post("/auth/v1/tokens/refresh", None, &body);
        let tokens = tokens.is(200).json();
        let token = Some(access_token(&tokens));
        let late = served.client.send(("POST", &path), token, &[], None);
        late.refused(403, "step_up_required");
        let asked = step_up_request(&served, &tokens);
        assert_eq!(asked["allowCredentials"].as_array().unwrap().len(), 3);
        let said = authenticator.get(&asked, "laptop", &json!({}));
        step_up(&served, &tokens, &said).is(204);
        step_up(&served, &tokens, &said).refused(401, "unauthenticated");
        assert_eq!(methods(&served, &tokens), "pop user mfa");
        creation(&served, &tokens);
    });
}

#[test]
fn what_a_registration_says_wrong_is_refused_here_and_elsewhere() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        register(&served, &ada, &mut authenticator, ("first", &json!({})));
        let old = creation(&served, &ada);
        for (wrong, why) in [
            (
                json!({"origin": "http://localhost:8081"}),
                "it was made for `http://localhost:8081`",
            ),
            (
                json!({"origin": "https://localhost:8080"}),
                "it was made for `https://localhost:8080`",
            ),
            (
                json!({"origin": "http://localhost:8080.example"}),
                "it was made for `http://localhost:8080.example`",
            ),
            (
                json!({"rp_id": "example"}),
                "it is for another relying party",
            ),
            (
                json!({"type": "webauthn.get"}),
                "the client data is of type `webauthn.get`",
            ),
            (
                json!({"challenge": "AAAA"}),
                "the challenge was not given for this",
            ),
            (
                json!({"challenge": request(&served, "sign_in")["challenge"]}),
                "the challenge was not given for this",
            ),
            (
                json!({"challenge": step_up_request(&served, &ada)["challenge"]}),
                "the challenge was not given for this",
            ),
            (
                json!({"flags": 0x41}),
                "the authenticator did not verify who used it",
            ),
            (
                json!({"flags": 0x44}),
                "the authenticator did not see anybody",
            ),
            (
                json!({"flags": 0x05}),
                "the authenticator data cannot be read",
            ),
            (
                json!({"flags": 0x55}),
                "what it says of backups contradicts itself",
            ),
            (json!({"cut": 1}), "the public key cannot be read"),
            (json!({"cut": 80}), "the authenticator data cannot be read"),
            (
                json!({"more": "AA"}),
                "the authenticator data cannot be read",
            ),
            (
                json!({"cut_object": 1}),
                "the attestation object cannot be read",
            ),
            (
                json!({"format": "of-mine"}),
                "an attestation of the format `of-mine` is not taken",
            ),
            (
                json!({"statement": true}),
                "an attestation of the format `none` is not taken",
            ),
            (
                json!({"cose_algorithm": -8}),
                "the key is of no algorithm that was offered",
            ),
            (
                json!({"cose_algorithm": -35}),
                "the key is of no algorithm that was offered",
            ),
        ] {
            let said = authenticator.create(&creation(&served, &ada), "wrong", &wrong);
            // What the other one lets pass: something in an attestation that is none; bytes behind the end; and a key that says that it
            // is of another algorithm, which fails there at its first use.
            let is_lenient = ["cose_algorithm", "statement"]
                .iter()
                .any(|member| !wrong[member].is_null())
                || wrong["flags"] == 0x05;
            assert!(!said.taken || is_lenient, "{wrong}: {said:?}");
            let refused = add(&served, &ada, "wrong", &said)
                .refused(422, "refused")
                .json();
            let detail = text(&refused, "detail");
            assert_eq!(
                detail,
                format!("the passkey is not taken: {why}"),
                "{wrong}"
            );
        }
        // A challenge is good once, and for five minutes.
        let said = authenticator.create(&old, "second", &json!({}));
        let other = authenticator.create(&old, "third", &json!({}));
        add(&served, &ada, "second", &said).is(201);
        add(&served, &ada, "third", &other).refused(422, "refused");
        let theirs = authenticator.create(&creation(&served, &ada), "third", &json!({}));
        let said = authenticator.get(&request(&served, "sign_in"), "first", &json!({}));
        let session = sign_in(&served, &said).is(201).json();
        add(&served, &session, "third", &theirs).refused(422, "refused");
        let asked = creation(&served, &ada);
        let in_time = authenticator.create(&asked, "third", &json!({}));
        let late = authenticator.create(&creation(&served, &ada), "fourth", &json!({}));
        served.advance(299 * SECOND);
        add(&served, &ada, "third", &in_time).is(201);
        served.advance(SECOND);
        let body = json!({"refresh_token": ada["refresh_token"]});
        let again = served.client.post("/auth/v1/tokens/refresh", None, &body);
        let session = again.is(200).json();
        let refused = add(&served, &session, "fourth", &late).refused(422, "refused");
        assert!(refused.body.contains("has expired"), "{}", refused.body);
        for body in [
            json!({"name": "", "passkey": late.credential}),
            json!({"name": "x", "passkey": {"id": "AA", "type": "public-key", "response": {"clientDataJSON": "?", "attestationObject": ""}}}),
            json!({"name": "x", "passkey": {"id": "AA", "type": "password", "response": {"clientDataJSON": "", "attestationObject": ""}}}),
        ] {
            let token = Some(access_token(&session));
            served
                .client
                .post(MINE, token, &body)
                .refused(400, "bad_request");
        }
    });
}

#[test]
fn what_a_signature_says_wrong_is_refused_here_and_elsewhere() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let phone = register(&served, &ada, &mut authenticator, ("phone", &json!({})));
        register(
            &served,
            &ada,
            &mut authenticator,
            ("key", &json!({"algorithm": -8})),
        );
        register(&served, &bob, &mut authenticator, ("bobs", &json!({})));
        let bobs_handle = text(&creation(&served, &bob)["user"], "id").to_owned();
        let used = request(&served, "sign_in");
        let said = authenticator.get(&used, "phone", &json!({}));
        sign_in(&served, &said).is(201);
        sign_in(&served, &said).refused(401, "unauthenticated");
        let expected = |why: &str| json!({"passkey": phone["id"], "why": why});
        let challenge = |purpose: &str| request(&served, purpose)["challenge"].clone();
        let of_step_up = step_up_request(&served, &ada)["challenge"].clone();
        let of_creation = creation(&served, &ada)["challenge"].clone();
        for (wrong, why) in [
            (
                json!({"origin": "http://localhost:8081"}),
                "it was made for `http://localhost:8081`",
            ),
            (
                json!({"rp_id": "localhost.example"}),
                "it is for another relying party",
            ),
            (
                json!({"type": "webauthn.create"}),
                "the client data is of type `webauthn.create`",
            ),
            (
                json!({"challenge": used["challenge"]}),
                "the challenge was not given for this",
            ),
            (
                json!({"challenge": challenge("second_factor")}),
                "the challenge was not given for this",
            ),
            (
                json!({"challenge": of_step_up}),
                "the challenge was not given for this",
            ),
            (
                json!({"challenge": of_creation}),
                "the challenge was not given for this",
            ),
            (
                json!({"flags": 1}),
                "the authenticator did not verify who used it",
            ),
            (json!({"flags": 4}), "the authenticator did not see anybody"),
            (
                json!({"flags": 0x0d}),
                "what it says of backups contradicts itself",
            ),
            (
                json!({"flags": 0x45}),
                "the authenticator data cannot be read",
            ),
            (json!({"cut": 1}), "the authenticator data cannot be read"),
            (
                json!({"more": "AA"}),
                "the authenticator data cannot be read",
            ),
            (json!({"signer": "key"}), "the signature is wrong"),
            (json!({"signer": "bobs"}), "the signature is wrong"),
            (json!({"signature": ""}), "the signature is wrong"),
        ] {
            // Between, a right one lets the wrong ones be forgotten: they are not to wait here.
            let asked = request(&served, "sign_in");
            let said = authenticator.get(&asked, "phone", &wrong);
            let is_lenient = wrong["flags"] == 0x0d;
            assert!(!said.taken || is_lenient, "{wrong}: {said:?}");
            sign_in(&served, &said).refused(401, "unauthenticated");
            let entries = noted(&served, &ada, "sign_in");
            assert_eq!(
                entries.last().unwrap(),
                &("refused".to_owned(), expected(why)),
                "{wrong}"
            );
            let right = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
            sign_in(&served, &right).is(201);
        }
        // Whose it is has to be said, and to be true.
        for handle in [json!(bobs_handle), json!(""), json!("AAAA"), Value::Null] {
            let asked = request(&served, "sign_in");
            let said = authenticator.get(&asked, "phone", &json!({"handle": handle}));
            sign_in(&served, &said).refused(401, "unauthenticated");
        }
        let right = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        sign_in(&served, &right).is(201);
        // That of somebody else is no second factor, and steps nobody up.
        let asked = request(&served, "second_factor");
        let said = authenticator.get(&asked, "bobs", &json!({}));
        let both = json!({"passkey": said.credential});
        sign_in_with_both(&served, ADA, both).refused(401, "unauthenticated");
        let said = authenticator.get(&step_up_request(&served, &ada), "bobs", &json!({}));
        step_up(&served, &ada, &said).refused(401, "unauthenticated");
        // One challenge is of one session.
        let said = authenticator.get(&step_up_request(&served, &bob), "phone", &json!({}));
        step_up(&served, &ada, &said).refused(401, "unauthenticated");
    });
}

#[test]
fn a_counter_that_goes_back_is_refused_and_noted() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let added = register(
            &served,
            &ada,
            &mut authenticator,
            ("phone", &json!({"count": 7})),
        );
        let mut at = |count: u32| {
            let asked = request(&served, "sign_in");
            let said = authenticator.get(&asked, "phone", &json!({"count": count}));
            (said.taken, sign_in(&served, &said))
        };
        let (taken, answer) = at(9);
        assert!(taken);
        answer.is(201);
        for count in [9, 8, 0] {
            let (taken, answer) = at(count);
            assert!(!taken, "{count}");
            answer.refused(401, "unauthenticated");
        }
        at(10).1.is(201);
        let detail = json!({"passkey": added["id"], "why": "the counter of the passkey went back: it may have been copied"});
        let expected = ("refused".to_owned(), detail);
        assert_eq!(
            noted(&served, &ada, "passkey_counter_back"),
            vec![expected; 3]
        );
        let list = served.client.get(MINE, Some(access_token(&ada))).json();
        assert_eq!(list["items"][0]["last_used"], BEGIN.0);
    });
}

#[test]
fn wrong_passkeys_have_to_wait_as_wrong_passwords_do_and_neither_for_the_other() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        register(&served, &ada, &mut authenticator, ("phone", &json!({})));
        let before = noted(&served, &ada, "sign_in").len();
        // One that nobody has leaves nothing behind.
        let unknown = json!({"passkey": {"id": "AAAA", "type": "public-key",
            "response": {"clientDataJSON": "AAAA", "authenticatorData": "AAAA", "signature": "AAAA", "userHandle": "AAAA"}}});
        for _ in 0..7 {
            let answer = served
                .client
                .post("/auth/v1/sessions/passkey", None, &unknown);
            answer.refused(401, "unauthenticated");
        }
        assert_eq!(noted(&served, &ada, "sign_in").len(), before);
        for _ in 0..5 {
            served
                .try_sign_in(ADA, "another one of no sense")
                .refused(401, "unauthenticated");
        }
        served
            .try_sign_in(ADA, PASSWORD)
            .refused(429, "too_many_requests");
        let right = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        let tokens = sign_in(&served, &right).is(201).json();
        for _ in 0..5 {
            let asked = request(&served, "sign_in");
            let said = authenticator.get(&asked, "phone", &json!({"flags": 1}));
            sign_in(&served, &said).refused(401, "unauthenticated");
        }
        let right = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        let waits = sign_in(&served, &right).refused(429, "too_many_requests");
        assert_eq!(waits.header("retry-after"), Some("1"));
        // Not on a device on which the account was signed in.
        let body = json!({"passkey": right.credential, "device_token": tokens["device_token"]});
        let answer = served.client.post("/auth/v1/sessions/passkey", None, &body);
        assert!(answer.is(201).json()["device_token"].is_null());
        served.advance(SECOND);
        let right = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        sign_in(&served, &right).is(201);
    });
}

#[test]
fn passkeys_are_named_listed_and_removed_but_not_the_only_way_in() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let (token, nothing) = (Some(access_token(&ada)), json!({}));
        let remove_password = || served.client.delete("/auth/v1/accounts/me/password", token);
        remove_password().refused(422, "refused");
        let phone = register(&served, &ada, &mut authenticator, ("phone", &nothing));
        let key = register(&served, &ada, &mut authenticator, ("key", &nothing));
        let codes = phone["recovery_codes"].as_array().unwrap();
        let one = format!("{MINE}/{}", text(&phone, "id"));
        let rename = |name: &str| {
            let body = json!({"name": name});
            served.client.send(("PATCH", &one), token, &[], Some(&body))
        };
        assert_eq!(
            text(&rename(" my phone ").is(200).json(), "name"),
            "my phone"
        );
        rename("").refused(400, "bad_request");
        let list = served.client.get(MINE, token).is(200).json();
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        assert_eq!(list["items"][0]["name"], "my phone");
        // The same credential comes a second time, for whomever it is.
        let bob = served.person(&ada, "bob@example.com");
        let said =
            authenticator.create(&creation(&served, &bob), "copy", &json!({"id_of": "phone"}));
        let refused = add(&served, &bob, "copy", &said)
            .refused(422, "refused")
            .json();
        assert_eq!(
            text(&refused, "detail"),
            "this passkey is registered already"
        );
        // One that was removed does not sign in any more; who was signed in elsewhere is out.
        let said = authenticator.get(&request(&served, "sign_in"), "phone", &nothing);
        let elsewhere = sign_in(&served, &said).is(201).json();
        let path = format!("{MINE}/{}", text(&phone, "id"));
        let bobs = Some(access_token(&bob));
        let theirs = path.replace("/me/", &format!("/{}/", text(&bob, "account")));
        served.client.delete(&theirs, token).refused(422, "refused");
        served.client.delete(&path, bobs).refused(404, "not_found");
        served.client.delete(&path, token).is(204);
        served.client.delete(&path, token).refused(404, "not_found");
        let over = served.client.get(MINE, Some(access_token(&elsewhere)));
        over.refused(401, "unauthenticated");
        let said = authenticator.get(&request(&served, "sign_in"), "phone", &nothing);
        sign_in(&served, &said).refused(401, "unauthenticated");
        // Without a password the last one stays, and signs in.
        remove_password().is(204);
        remove_password().refused(422, "refused");
        served
            .try_sign_in(ADA, PASSWORD)
            .refused(401, "unauthenticated");
        let path = format!("{MINE}/{}", text(&key, "id"));
        let only = served
            .client
            .delete(&path, token)
            .refused(422, "refused")
            .json();
        assert!(
            text(&only, "detail").starts_with("nothing else signs in"),
            "{only}"
        );
        let said = authenticator.get(&request(&served, "sign_in"), "key", &nothing);
        sign_in(&served, &said).is(201);
        // Whoever may do everything and has a passkey alone can sign in: it is no reason for a new first administrator.
        let served = served.again();
        assert!(served.startup_notice.is_none());
        let set = |present: Value| {
            let body = json!({"present": present, "new": PASSWORD});
            served
                .client
                .post("/auth/v1/accounts/me/password", token, &body)
        };
        set(json!("another one of no sense")).refused(401, "unauthenticated");
        set(Value::Null).is(204);
        set(Value::Null).refused(401, "unauthenticated");
        sign_in_with_both(&served, ADA, json!({"code": codes[0]})).is(201);
        served.client.delete(&path, token).is(204);
        // With the last of them the codes go, and a password is enough again.
        let account = served.client.get("/auth/v1/accounts/me", token).json();
        assert_eq!(account["passkeys"], 0);
        served.try_sign_in(ADA, PASSWORD).is(201);
    });
}

#[test]
fn passkeys_are_exported_made_again_from_the_log_and_gone_with_the_account() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        let bob = served.person(&ada, "bob@example.com");
        let token = Some(access_token(&bob));
        for name in ["phone", "key", "laptop"] {
            register(&served, &bob, &mut authenticator, (name, &json!({})));
        }
        let list = served.client.get(MINE, token).json()["items"].clone();
        let path = |at: usize| format!("{MINE}/{}", text(&list[at], "id"));
        let body = json!({"name": "old phone"});
        let renamed = served
            .client
            .send(("PATCH", &path(0)), token, &[], Some(&body));
        renamed.is(200);
        served.client.delete(&path(1), token).is(204);
        let list = served.client.get(MINE, token).json()["items"].clone();
        let exported = served
            .client
            .get("/auth/v1/accounts/me/export", token)
            .json();
        assert_eq!(
            (exported["passkeys"].clone(), list.as_array().unwrap().len()),
            (list.clone(), 2)
        );
        let database = served.database();
        let rows = |kind: &str| {
            let all = served.runtime.block_on(projected(&database));
            all.into_iter()
                .filter(|row| row.starts_with(kind))
                .collect::<Vec<_>>()
        };
        let (accounts, passkeys) = (rows("account "), rows("passkey "));
        assert_eq!(passkeys.len(), 2);
        assert!(passkeys[0].contains("|old phone|"), "{passkeys:?}");
        served.runtime.block_on(Auth::rebuild(&database)).unwrap().unwrap();
        assert_eq!((rows("account "), rows("passkey ")), (accounts, passkeys));
        let said = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        let bob = sign_in(&served, &said).is(201).json();
        let token = Some(access_token(&bob));
        served.client.delete("/auth/v1/accounts/me", token).is(204);
        assert_eq!(rows("passkey "), Vec::<String>::new());
        let kept = served.runtime.block_on(async {
            let statement =
                "SELECT account FROM passkey_credential UNION ALL SELECT account FROM user_handle";
            let rows = sqlx::query(statement).fetch_all(database.reader()).await;
            rows.unwrap().len()
        });
        assert_eq!(kept, 0);
        let said = authenticator.get(&request(&served, "sign_in"), "phone", &json!({}));
        sign_in(&served, &said).refused(401, "unauthenticated");
    });
}

#[test]
fn used_challenges_go_once_they_have_expired() {
    on_both(|place| {
        let Some(mut authenticator) = Authenticator::start() else {
            return;
        };
        let (served, ada) = Served::with_administrator(&place);
        register(&served, &ada, &mut authenticator, ("phone", &json!({})));
        let database = served.database();
        let count = || {
            served.runtime.block_on(async {
                let rows = sqlx::query("SELECT nonce FROM used_challenge");
                rows.fetch_all(database.reader()).await.unwrap().len()
            })
        };
        for _ in 0..20 {
            request(&served, "sign_in");
            creation(&served, &ada);
        }
        assert_eq!(count(), 1);
        served.advance(301 * SECOND);
        // The service looks after it when it starts.
        let served = served.again();
        let began = std::time::Instant::now();
        let database = served.database();
        let is_there = || {
            served.runtime.block_on(async {
                let rows = sqlx::query("SELECT nonce FROM used_challenge");
                !rows.fetch_all(database.reader()).await.unwrap().is_empty()
            })
        };
        while is_there() {
            assert!(began.elapsed() < crate::PATIENCE, "challenges are kept");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
}

#[test]
fn where_the_service_has_no_name_passkeys_are_told_to_need_one() {
    on_both(|place| {
        let served = Served::with(&place, Clock::standing(BEGIN), |config| {
            config.issuer = "https://192.0.2.1".to_owned();
        });
        served.set_up(&served.setup_link()).is(200);
        let ada = served.sign_in(ADA, PASSWORD);
        let body = json!({"purpose": "sign_in"});
        let why = "passkeys need a name: `auth.issuer` is `https://192.0.2.1`, and an IP address cannot have passkeys";
        for (path, token, body) in [
            ("/auth/v1/sessions/passkey/options", None, Some(&body)),
            (
                "/auth/v1/sessions/step-up/options",
                Some(access_token(&ada)),
                None,
            ),
            (
                "/auth/v1/accounts/me/passkeys/options",
                Some(access_token(&ada)),
                None,
            ),
        ] {
            let answer = served.client.send(("POST", path), token, &[], body);
            let answer = answer.refused(422, "refused").json();
            assert_eq!(text(&answer, "detail"), why, "{path}");
        }
    });
}
