//! What is told of an error over HTTP: `application/problem+json` (RFC 9457), with a code that has a page in `docs/errors`.

use crate::ChassisError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What went wrong, as a word that programs can rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The request cannot be read.
    BadRequest,
    /// It is not known who asks.
    Unauthenticated,
    /// A second factor is needed to know who asks.
    SecondFactorRequired,
    /// Whoever asks may not do this.
    Forbidden,
    /// Whoever asks has to prove once more who they are.
    ProofRequired,
    /// There is nothing under this path, or nothing of this name.
    NotFound,
    /// The path does not take this method.
    MethodNotAllowed,
    /// It would contradict what is there.
    Conflict,
    /// The request is larger than allowed.
    TooLarge,
    /// The request was meant for another host.
    WrongHost,
    /// The key of the command was used for another request.
    IdempotencyConflict,
    /// A rule says no.
    Refused,
    /// What is to be changed is of another version than the caller says.
    PreconditionFailed,
    /// The version of what is to be changed has to be named.
    PreconditionRequired,
    /// There were too many tries.
    TooManyRequests,
    /// It took too long.
    TimedOut,
    /// Too many requests are being answered.
    Overloaded,
    /// Something that is needed is away.
    Unavailable,
    /// A fault of ours.
    Internal,
}

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

impl ProblemCode {
    /// Every code.
    pub const ALL: [ProblemCode; 19] = [
        ProblemCode::BadRequest,
        ProblemCode::Unauthenticated,
        ProblemCode::SecondFactorRequired,
        ProblemCode::Forbidden,
        ProblemCode::ProofRequired,
        ProblemCode::NotFound,
        ProblemCode::MethodNotAllowed,
        ProblemCode::Conflict,
        ProblemCode::TooLarge,
        ProblemCode::WrongHost,
        ProblemCode::IdempotencyConflict,
        ProblemCode::Refused,
        ProblemCode::PreconditionFailed,
        ProblemCode::PreconditionRequired,
        ProblemCode::TooManyRequests,
        ProblemCode::TimedOut,
        ProblemCode::Overloaded,
        ProblemCode::Unavailable,
        ProblemCode::Internal,
    ];

    /// The word.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.parts().0
    }

    /// The page about it, which is Markdown.
    #[must_use]
    pub fn page(self) -> &'static str {
        match self {
            ProblemCode::BadRequest => include_str!("../../../docs/errors/bad_request.md"),
            ProblemCode::Unauthenticated => {
                include_str!("../../../docs/errors/unauthenticated.md")
            }
            ProblemCode::SecondFactorRequired => {
                include_str!("../../../docs/errors/second_factor_required.md")
            }
            ProblemCode::Forbidden => include_str!("../../../docs/errors/forbidden.md"),
            ProblemCode::ProofRequired => include_str!("../../../docs/errors/proof_required.md"),
            ProblemCode::NotFound => include_str!("../../../docs/errors/not_found.md"),
            ProblemCode::MethodNotAllowed => {
                include_str!("../../../docs/errors/method_not_allowed.md")
            }
            ProblemCode::Conflict => include_str!("../../../docs/errors/conflict.md"),
            ProblemCode::TooLarge => include_str!("../../../docs/errors/too_large.md"),
            ProblemCode::WrongHost => include_str!("../../../docs/errors/wrong_host.md"),
            ProblemCode::IdempotencyConflict => {
                include_str!("../../../docs/errors/idempotency_conflict.md")
            }
            ProblemCode::Refused => include_str!("../../../docs/errors/refused.md"),
            ProblemCode::PreconditionFailed => {
                include_str!("../../../docs/errors/precondition_failed.md")
            }
            ProblemCode::PreconditionRequired => {
                include_str!("../../../docs/errors/precondition_required.md")
            }
            ProblemCode::TooManyRequests => {
                include_str!("../../../docs/errors/too_many_requests.md")
            }
            ProblemCode::TimedOut => include_str!("../../../docs/errors/timed_out.md"),
            ProblemCode::Overloaded => include_str!("../../../docs/errors/overloaded.md"),
            ProblemCode::Unavailable => include_str!("../../../docs/errors/unavailable.md"),
            ProblemCode::Internal => include_str!("../../../docs/errors/internal.md"),
        }
    }

    fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            ProblemCode::BadRequest => (
                "bad_request",
                StatusCode::BAD_REQUEST,
                "The request cannot be read",
            ),
            ProblemCode::Unauthenticated => (
                "unauthenticated",
                StatusCode::UNAUTHORIZED,
                "It is not known who asks",
            ),
            ProblemCode::SecondFactorRequired => (
                "second_factor_required",
                StatusCode::UNAUTHORIZED,
                "A second factor is needed",
            ),
            ProblemCode::Forbidden => (
                "forbidden",
                StatusCode::FORBIDDEN,
                "Whoever asks may not do this",
            ),
            ProblemCode::ProofRequired => (
                "proof_required",
                StatusCode::FORBIDDEN,
                "Who asks has to be proved once more",
            ),
            ProblemCode::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is no such thing"),
            ProblemCode::MethodNotAllowed => (
                "method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The path does not take this method",
            ),
            ProblemCode::Conflict => (
                "conflict",
                StatusCode::CONFLICT,
                "It contradicts what is there",
            ),
            ProblemCode::TooLarge => (
                "too_large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request is too large",
            ),
            ProblemCode::WrongHost => (
                "wrong_host",
                StatusCode::MISDIRECTED_REQUEST,
                "The request is for another host",
            ),
            ProblemCode::IdempotencyConflict => (
                "idempotency_conflict",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The key was used for another request",
            ),
            ProblemCode::Refused => (
                "refused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "A rule says no",
            ),
            ProblemCode::PreconditionFailed => (
                "precondition_failed",
                StatusCode::PRECONDITION_FAILED,
                "It is not of the version that was named",
            ),
            ProblemCode::PreconditionRequired => (
                "precondition_required",
                StatusCode::PRECONDITION_REQUIRED,
                "The version of what is to be changed has to be named",
            ),
            ProblemCode::TooManyRequests => (
                "too_many_requests",
                StatusCode::TOO_MANY_REQUESTS,
                "There were too many tries",
            ),
            ProblemCode::TimedOut => ("timed_out", StatusCode::GATEWAY_TIMEOUT, "It took too long"),
            ProblemCode::Overloaded => (
                "overloaded",
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many requests are being answered",
            ),
            ProblemCode::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "Something that is needed is away",
            ),
            ProblemCode::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "A fault of ours",
            ),
        }
    }
}

impl Problem {
    /// A problem of this code, with what went wrong here.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Problem {
        let (name, status, title) = code.parts();
        Problem {
            kind: format!("/errors/{name}"),
            title,
            status: status.as_u16(),
            code,
            detail: detail.into(),
            cause: None,
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
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
        let known = ProblemCode::ALL
            .into_iter()
            .find(|code| code.parts().1 == status && status != StatusCode::UNPROCESSABLE_ENTITY);
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

    #[test]
    fn each_code_has_a_page_and_one_name() {
        for code in ProblemCode::ALL {
            let json = serde_json::to_value(code).unwrap();
            assert_eq!(json, code.name());
            let (_, status, title) = code.parts();
            let head = format!(
                "# `{}`\n\n**{title}.** Status {}.",
                code.name(),
                status.as_u16()
            );
            assert!(code.page().starts_with(&head), "{}", code.page());
        }
    }
}
