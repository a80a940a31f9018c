//! What is told of an error over HTTP: `application/problem+json` (RFC 9457), with a code that has a page in `docs/errors`.

mod code;
mod responses;

use crate::ChassisError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
pub use code::ProblemCode;
use code::{ROWS, Row};
pub use responses::Problems;
pub(crate) use responses::components;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// An answer that says what went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The page about the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What went wrong, as a word that programs can rely on.
    pub code: ProblemCode,
    /// What went wrong here.
    pub detail: String,
    /// What is for the log alone.
    #[serde(skip)]
    cause: Option<Cause>,
    /// Seconds after which to try again.
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// Why a request was not answered, for the log: it may have more in it than a caller should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause(pub(crate) String);

impl Problem {
    /// A problem of this code, with what went wrong here.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Problem {
        let Row {
            name,
            status,
            title,
            ..
        } = code.row();
        Problem {
            kind: format!("/errors/{name}"),
            title,
            status: status.as_u16(),
            code,
            detail: detail.into(),
            cause: None,
            retry_after: (*status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        }
    }

    /// A fault of ours, of which the caller is told nothing and the log the cause.
    #[must_use]
    pub fn internal(cause: String) -> Problem {
        Problem {
            cause: Some(Cause(cause)),
            ..Problem::new(ProblemCode::Internal, "the request could not be answered")
        }
    }

    /// With the time after which to try again, in whole seconds, upwards.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Problem {
        self.retry_after = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        self
    }

    /// What is for the log alone; it is left out from then on.
    pub(crate) fn take_cause(&mut self) -> Option<String> {
        self.cause.take().map(|cause| cause.0)
    }

    /// What an answer of somebody else's making says, as a problem.
    pub(crate) fn of_status(status: StatusCode, said: String) -> Problem {
        // Others use this status for bodies that do not fit.
        let known = ROWS
            .iter()
            .find(|row| row.status == status && status != StatusCode::UNPROCESSABLE_ENTITY);
        let known = known.map(|row| row.code);
        let code = known.unwrap_or(if status.is_server_error() {
            ProblemCode::Internal
        } else {
            ProblemCode::BadRequest
        });
        Problem::new(code, said)
    }
}

impl From<ChassisError> for Problem {
    fn from(error: ChassisError) -> Problem {
        let (code, detail) = if error.may_pass() {
            (
                ProblemCode::Unavailable,
                "the database is away or busy: try again",
            )
        } else {
            (ProblemCode::Internal, "the request could not be answered")
        };
        Problem {
            cause: Some(Cause(error.to_string())),
            ..Problem::new(code, detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let cause = self.cause.take();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).expect("plain fields are JSON");
        let mut response = (status, body).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"tickloom\"");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(cause);
        }
        // Where a person asks, a page says the same.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_what_rfc_9457_says() {
        let problem = Problem::new(ProblemCode::NotFound, "there is no run `x`");
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            r#"{"type":"/errors/not_found","title":"There is no such thing","status":404,"code":"not_found","detail":"there is no run `x`"}"#
        );
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }

    #[test]
    fn what_a_database_says_is_not_told() {
        let error = sqlx::Error::Protocol("password of admin".to_owned());
        let problem = Problem::from(ChassisError::from(error));
        assert_eq!(problem.code, ProblemCode::Unavailable);
        assert_eq!(problem.detail, "the database is away or busy: try again");
        let json = serde_json::to_string(&problem).unwrap();
        assert!(!json.contains("admin"), "{json}");
        let response = problem.into_response();
        let cause = response.extensions().get::<Cause>().unwrap();
        assert!(cause.0.contains("password of admin"), "{cause:?}");
    }
}
