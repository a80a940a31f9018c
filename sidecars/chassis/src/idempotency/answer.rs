//! What a command answers, and what of it is kept.

use super::status_of;
use crate::etag::etag;
use crate::problem::Problem;
use crate::{ChassisError, Result};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What a command answers: a status, a body of JSON or none, and perhaps where the new thing is and of which version it is.
///
/// A part of it can be shown once ([`Answer::with_once`]): it is in the first answer and nowhere else, neither in the database nor in
/// an answer that is given again, which has the same status and the other members.
#[derive(Clone, PartialEq)]
pub struct Answer {
    status: StatusCode,
    head: Vec<(HeaderName, HeaderValue)>,
    /// JSON, or nothing.
    body: String,
    /// Members of the body that are not kept.
    once: Map<String, Value>,
}

/// The answer of a command that ran, or the one that was kept of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    answer: Answer,
    is_replayed: bool,
}

impl Answer {
    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Answer {
        Answer {
            status,
            head: Vec::new(),
            body: String::new(),
            once: Map::new(),
        }
    }

    /// An answer with a body of JSON.
    ///
    /// # Errors
    /// [`ProblemCode::Internal`](crate::ProblemCode::Internal) for what is no JSON, such as a map whose keys are no texts.
    pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Result<Answer, Problem> {
        let body = serde_json::to_string(body).map_err(unwritten)?;
        let kind = HeaderValue::from_static("application/json");
        Ok(Answer {
            head: vec![(header::CONTENT_TYPE, kind)],
            body,
            ..Answer::empty(status)
        })
    }

    /// A problem as a completed command: what was written before it stays, and it is told again to the same request.
    #[must_use]
    pub fn problem(problem: &Problem) -> Answer {
        let status = StatusCode::from_u16(problem.status);
        let body = serde_json::to_string(problem).expect("plain fields are JSON");
        let kind = HeaderValue::from_static("application/problem+json");
        Answer {
            head: vec![(header::CONTENT_TYPE, kind)],
            body,
            ..Answer::empty(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }

    /// With a member of the body that is shown once and never kept, such as the secret of a new key.
    ///
    /// # Errors
    /// [`ProblemCode::Internal`](crate::ProblemCode::Internal) if the body is no object of JSON, or has the member already.
    pub fn with_once<T: Serialize>(mut self, member: &str, value: &T) -> Result<Answer, Problem> {
        let body = serde_json::from_str::<Map<String, Value>>(&self.body).map_err(unwritten)?;
        if body.contains_key(member) || self.once.contains_key(member) {
            return Err(unwritten(format!("`{member}` is there already")));
        }
        let value = serde_json::to_value(value).map_err(unwritten)?;
        self.once.insert(member.to_owned(), value);
        Ok(self)
    }

    /// With the path of the thing that was made, as the header `Location`.
    ///
    /// # Errors
    /// [`ProblemCode::Internal`](crate::ProblemCode::Internal) if the path cannot be in a header.
    pub fn with_location(mut self, path: &str) -> Result<Answer, Problem> {
        let path = HeaderValue::from_str(path).map_err(unwritten)?;
        self.head.push((header::LOCATION, path));
        Ok(self)
    }

    /// With id and version of the thing, as the header `ETag`.
    #[must_use]
    pub fn with_version(mut self, id: &str, version: i64) -> Answer {
        self.head.push((header::ETAG, etag(id, version)));
        self
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Head and body as they are kept.
    pub(super) fn kept(&self) -> (String, String) {
        let head: Vec<(&str, &str)> = self
            .head
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("")))
            .collect();
        let head = serde_json::to_string(&head).expect("plain texts are JSON");
        (head, self.body.clone())
    }

    /// An answer that was kept.
    pub(super) fn stored(status: i64, head: &str, body: String) -> Result<Answer> {
        let wrong = |why: String| ChassisError::StoredAnswer { why };
        let status =
            status_of(status).ok_or_else(|| wrong(format!("status {status} is none of HTTP")))?;
        let pairs: Vec<(String, String)> =
            serde_json::from_str(head).map_err(|error| wrong(error.to_string()))?;
        let mut head = Vec::new();
        for (name, value) in pairs {
            let name = HeaderName::try_from(name).map_err(|error| wrong(error.to_string()))?;
            let value = HeaderValue::try_from(value).map_err(|error| wrong(error.to_string()))?;
            head.push((name, value));
        }
        Ok(Answer {
            status,
            head,
            body,
            once: Map::new(),
        })
    }

    fn into_response(self) -> Response {
        let is_shown_once = !self.once.is_empty();
        let body = match serde_json::from_str::<Map<String, Value>>(&self.body) {
            Ok(mut members) if is_shown_once => {
                members.extend(self.once);
                Value::Object(members).to_string()
            }
            _ => self.body,
        };
        let mut response = if body.is_empty() {
            self.status.into_response()
        } else {
            (self.status, body).into_response()
        };
        let headers = response.headers_mut();
        for (name, value) in self.head {
            headers.insert(name, value);
        }
        if is_shown_once {
            let never = HeaderValue::from_static("no-store");
            headers.insert(header::CACHE_CONTROL, never);
        }
        response
    }
}

impl Answered {
    pub(super) fn first(answer: Answer) -> Answered {
        Answered {
            answer,
            is_replayed: false,
        }
    }

    pub(super) fn again(answer: Answer) -> Answered {
        Answered {
            answer,
            is_replayed: true,
        }
    }

    /// Whether it was kept from the first time: nothing was done now.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.is_replayed
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status
    }
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        if self.is_replayed {
            let yes = HeaderValue::from_static("true");
            response.headers_mut().insert(REPLAYED, yes);
        }
        response
    }
}

/// What is shown once is not shown to whoever debugs.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let once: Vec<&String> = self.once.keys().collect();
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("head", &self.head)
            .field("body", &self.body)
            .field("once", &once)
            .finish()
    }
}

fn unwritten(why: impl fmt::Display) -> Problem {
    Problem::internal(format!("an answer cannot be written: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProblemCode;
    use serde_json::json;

    #[test]
    fn what_is_shown_once_is_not_kept_and_not_debugged() {
        let answer = Answer::json(StatusCode::CREATED, &json!({"id": "key_1"})).unwrap();
        let answer = answer.with_once("secret", &"hunter2").unwrap();
        let (head, body) = answer.kept();
        assert_eq!(
            (head.as_str(), body.as_str()),
            (
                r#"[["content-type","application/json"]]"#,
                r#"{"id":"key_1"}"#
            )
        );
        assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
        for member in ["id", "secret"] {
            let refused = answer.clone().with_once(member, &1).unwrap_err();
            assert_eq!(refused.code, ProblemCode::Internal);
        }
        let list = Answer::json(StatusCode::OK, &[1]).unwrap();
        assert!(list.with_once("secret", &1).is_err());
    }

    #[test]
    fn what_is_kept_is_the_same_again_or_an_error() {
        let problem = Problem::new(ProblemCode::NotFound, "no such user");
        let answer = Answer::json(StatusCode::CREATED, &json!({"n": 1})).unwrap();
        let answer = answer
            .with_location("/v1/x/1")
            .unwrap()
            .with_version("1", 3);
        for answer in [
            answer,
            Answer::problem(&problem),
            Answer::empty(StatusCode::NO_CONTENT),
        ] {
            let (head, body) = answer.kept();
            let status = i64::from(answer.status().as_u16());
            assert_eq!(Answer::stored(status, &head, body).unwrap(), answer);
        }
        for (status, head) in [(0, "[]"), (200, "x"), (200, r#"[["a b","c"]]"#)] {
            let wrong = Answer::stored(status, head, String::new());
            assert!(matches!(wrong, Err(ChassisError::StoredAnswer { .. })));
        }
    }
}
