//! What a request says of itself: its key, and a hash of what it asks for.

use super::Command;
use crate::etag::refuse_unseen;
use crate::hex::sha256;
use crate::problem::{Problem, ProblemCode};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use serde::de::DeserializeOwned;

/// Characters of a key, at most.
const KEY_MAX: usize = 255;
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What somebody calls a command, so that it is done once however often it is sent: 1 to 255 visible characters of ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// A request with its body, which a handler takes as its last argument: [`Idempotent::json`] reads the body, and
/// [`Idempotent::command`] is what runs.
#[derive(Clone, Debug)]
pub struct Idempotent {
    key: Option<IdempotencyKey>,
    request_hash: [u8; 32],
    is_json: bool,
    body: Bytes,
}

/// A request with its body to an operation that is not kept for being sent again: it begins something that ends by itself, or gives what
/// is good once. It takes no `Idempotency-Key` and no `If-Match`, and refuses a request that has one, which would be done again, or
/// whatever was read.
#[derive(Clone, Debug)]
pub struct Unkept {
    is_json: bool,
    body: Bytes,
}

impl IdempotencyKey {
    /// A key, if it is one.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] if it is empty, longer than 255 characters, or has others than visible ones of ASCII.
    pub fn new(key: &str) -> Result<IdempotencyKey, Problem> {
        let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_visible || !(1..=KEY_MAX).contains(&key.len()) {
            let detail = format!(
                "Idempotency-Key has {} bytes, expected 1 to {KEY_MAX} visible characters of ASCII",
                key.len()
            );
            return Err(Problem::new(ProblemCode::BadRequest, detail));
        }
        Ok(IdempotencyKey(key.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Idempotent {
    /// The body, which has to be an object of JSON of this form and say so.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] if it is not.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read_json(self.is_json, &self.body)
    }

    /// The command of this subject, as a kind and an id, whom the caller was found to be.
    #[must_use]
    pub fn command(&self, subject: impl Into<String>) -> Command {
        Command {
            subject: subject.into(),
            key: self.key.clone(),
            request_hash: self.request_hash,
        }
    }
}

impl Unkept {
    /// The body, which has to be an object of JSON of this form and say so.
    ///
    /// # Errors
    /// [`ProblemCode::BadRequest`] if it is not.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read_json(self.is_json, &self.body)
    }
}

fn read_json<T: DeserializeOwned>(is_json: bool, body: &Bytes) -> Result<T, Problem> {
    if !is_json {
        // A form of a page of somebody else's cannot say that it is JSON.
        let detail = "the body is not said to be JSON, expected Content-Type: application/json";
        return Err(Problem::new(ProblemCode::BadRequest, detail));
    }
    // A list would be taken by the order of members, which nobody promises.
    let begin = body.iter().find(|byte| !b" \t\r\n".contains(byte));
    if begin.is_some_and(|byte| *byte != b'{') {
        let detail = "the body is no object of JSON";
        return Err(Problem::new(ProblemCode::BadRequest, detail));
    }
    serde_json::from_slice(body).map_err(|error| {
        let detail = format!("the body: {error}");
        Problem::new(ProblemCode::BadRequest, detail)
    })
}

impl<S: Send + Sync> FromRequest<S> for Unkept {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Unkept, Problem> {
        refuse_unseen(&request)?;
        if request.headers().contains_key(KEY) {
            let detail = "this takes no Idempotency-Key: sent again, it is done again";
            return Err(Problem::new(ProblemCode::BadRequest, detail));
        }
        let is_json = is_json(request.headers());
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|refused| Problem::of_status(refused.status(), refused.body_text()))?;
        Ok(Unkept { is_json, body })
    }
}

impl<S: Send + Sync> FromRequest<S> for Idempotent {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Idempotent, Problem> {
        refuse_unseen(&request)?;
        let key = key_of(request.headers())?;
        let is_json = is_json(request.headers());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|refused| Problem::of_status(refused.status(), refused.body_text()))?;
        Ok(Idempotent {
            key,
            request_hash: request_hash(&method, &uri, &body),
            is_json,
            body,
        })
    }
}

/// SHA-256 of what a request asks for: its method, a space, its path with its query, a line feed, and the SHA-256 of its body.
#[must_use]
pub fn request_hash(method: &Method, uri: &Uri, body: &[u8]) -> [u8; 32] {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut text = format!("{method} {target}\n").into_bytes();
    text.extend(sha256(body));
    sha256(&text)
}

fn key_of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut given = headers.get_all(KEY).iter();
    let Some(key) = given.next() else {
        return Ok(None);
    };
    if given.next().is_some() {
        let detail = "Idempotency-Key is there twice, expected one";
        return Err(Problem::new(ProblemCode::BadRequest, detail));
    }
    let key = key.to_str().map_err(|_| {
        let detail = "Idempotency-Key has bytes beyond ASCII, expected visible characters of ASCII";
        Problem::new(ProblemCode::BadRequest, detail)
    })?;
    IdempotencyKey::new(key).map(Some)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    kind.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex::hex;

    #[test]
    fn a_key_is_visible_ascii_of_a_bounded_length() {
        for key in [
            "a",
            "8e03978e-40d5-43dd-bc93-6894a57f9324",
            &"~".repeat(255),
        ] {
            assert_eq!(IdempotencyKey::new(key).unwrap().as_str(), key);
        }
        for key in ["", "two words", "tab\t", "ü", "\u{7f}", &"x".repeat(256)] {
            let refused = IdempotencyKey::new(key).unwrap_err();
            assert_eq!(refused.code, ProblemCode::BadRequest, "{key}");
        }
    }

    #[test]
    fn a_body_is_an_object() {
        #[derive(serde::Deserialize, Debug, PartialEq)]
        struct New {
            name: String,
        }
        let read = |body: &'static str| {
            let sent = Idempotent {
                key: None,
                request_hash: [0; 32],
                is_json: true,
                body: Bytes::from_static(body.as_bytes()),
            };
            sent.json::<New>()
        };
        let name = "a".to_owned();
        assert_eq!(read(" \r\n\t{\"name\": \"a\"}"), Ok(New { name }));
        for body in ["[\"a\"]", " [\"a\"]", "null", "1", "\"a\"", ""] {
            let refused = read(body).unwrap_err();
            assert_eq!(refused.code, ProblemCode::BadRequest, "{body}");
        }
    }

    #[test]
    fn a_request_is_its_method_path_query_and_body() {
        let hash = |method: Method, uri: &'static str, body: &str| {
            hex(&request_hash(
                &method,
                &Uri::from_static(uri),
                body.as_bytes(),
            ))
        };
        let first = hash(Method::POST, "/v1/users?a=1", "{}");
        // By Python: sha256(b"POST /v1/users?a=1\n" + sha256(b"{}").digest()).hexdigest()
        let by_python = "2560a0ae859c053b971ebfda1856d7159f9a93ca2d2bc83e00efbe9331baf4ba";
        assert_eq!(first, by_python);
        for other in [
            hash(Method::PUT, "/v1/users?a=1", "{}"),
            hash(Method::POST, "/v1/users?a=2", "{}"),
            hash(Method::POST, "/v1/user?a=1", "{}"),
            hash(Method::POST, "/v1/users?a=1", "{ }"),
        ] {
            assert_ne!(first, other);
        }
    }
}
