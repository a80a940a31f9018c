//! An authenticator in Python that does what it should and everything else too, with a second verifier beside it (`tests/passkeys.py`).

use crate::client::Reply;
use crate::{ISSUER, PASSWORD, Served, access_token, text};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) const MINE: &str = "/auth/v1/accounts/me/passkeys";

/// The authenticator, while it lives.
pub(crate) struct Authenticator {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What it says, and whether the second verifier takes it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) credential: Value,
    pub(crate) taken: bool,
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
pub(crate) fn options(
    served: &Served,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Value {
    let asked = served.client.send(("POST", path), token, &[], body);
    asked.is(200).json()
}

pub(crate) fn creation(served: &Served, tokens: &Value) -> Value {
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

pub(crate) fn step_up_request(served: &Served, tokens: &Value) -> Value {
    let token = Some(access_token(tokens));
    options(served, "/auth/v1/sessions/step-up/options", token, None)
}

pub(crate) fn add(served: &Served, tokens: &Value, name: &str, said: &Said) -> Reply {
    let body = json!({"name": name, "passkey": said.credential});
    served.client.post(MINE, Some(access_token(tokens)), &body)
}

pub(crate) fn sign_in(served: &Served, said: &Said) -> Reply {
    let body = json!({"passkey": said.credential});
    served.client.post("/auth/v1/sessions/passkey", None, &body)
}

pub(crate) fn sign_in_with_both(served: &Served, email: &str, factor: Value) -> Reply {
    let mut body = json!({"email": email, "password": PASSWORD});
    body.as_object_mut()
        .unwrap()
        .extend(factor.as_object().unwrap().clone());
    served.client.post("/auth/v1/sessions", None, &body)
}

pub(crate) fn step_up(served: &Served, tokens: &Value, said: &Said) -> Reply {
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

pub(crate) fn methods(served: &Served, tokens: &Value) -> String {
    let path = "/auth/v1/accounts/me/sessions";
    let list = served.client.get(path, Some(access_token(tokens))).is(200);
    let list = list.json();
    let mut all = list["items"].as_array().unwrap().iter();
    let own = all.find(|session| session["id"] == tokens["session"]);
    text(own.unwrap(), "methods").to_owned()
}

/// A detail without the session or key that was shown, which is another one each time; nothing if that is all.
fn without_shown(mut detail: Value) -> Value {
    if let Some(all) = detail.as_object_mut()
        && all.remove("shown").is_some()
        && all.is_empty()
    {
        return Value::Null;
    }
    detail
}

/// What was noted under this action, with its detail, the newest last; `access.rs` has what was shown.
pub(crate) fn noted(served: &Served, tokens: &Value, action: &str) -> Vec<(String, Value)> {
    let list = served
        .client
        .get("/auth/v1/audit?limit=1000", Some(access_token(tokens)));
    let list = list.is(200).json();
    let all = list["items"].as_array().unwrap().iter();
    let of = all.filter(|entry| entry["action"] == action);
    of.map(|entry| {
        let detail = serde_json::from_str(text(entry, "detail")).unwrap_or_default();
        let detail = without_shown(detail);
        (text(entry, "outcome").to_owned(), detail)
    })
    .collect()
}
