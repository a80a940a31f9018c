//! The codes of problems: each has a word, a status, a title and a page.

use axum::http::StatusCode;
use serde::Serialize;
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
    /// Whoever asks has to authenticate once more.
    StepUpRequired,
    /// Whoever asks has to set up a second factor first.
    SecondFactorDemanded,
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
    /// There were too many attempts.
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

/// What there is to know of a code.
pub(super) struct Row {
    pub(super) code: ProblemCode,
    pub(super) name: &'static str,
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    /// Markdown.
    pub(super) page: &'static str,
}

/// Every code, in the order in which they are declared. Of codes of one status the first is the general one.
pub(super) const ROWS: [Row; 19] = [
    Row {
        code: ProblemCode::BadRequest,
        name: "bad_request",
        status: StatusCode::BAD_REQUEST,
        title: "The request cannot be read",
        page: include_str!("../../../../docs/errors/bad_request.md"),
    },
    Row {
        code: ProblemCode::Unauthenticated,
        name: "unauthenticated",
        status: StatusCode::UNAUTHORIZED,
        title: "It is not known who asks",
        page: include_str!("../../../../docs/errors/unauthenticated.md"),
    },
    Row {
        code: ProblemCode::SecondFactorRequired,
        name: "second_factor_required",
        status: StatusCode::UNAUTHORIZED,
        title: "A second factor is needed",
        page: include_str!("../../../../docs/errors/second_factor_required.md"),
    },
    Row {
        code: ProblemCode::Forbidden,
        name: "forbidden",
        status: StatusCode::FORBIDDEN,
        title: "Whoever asks may not do this",
        page: include_str!("../../../../docs/errors/forbidden.md"),
    },
    Row {
        code: ProblemCode::StepUpRequired,
        name: "step_up_required",
        status: StatusCode::FORBIDDEN,
        title: "A recent authentication is needed",
        page: include_str!("../../../../docs/errors/step_up_required.md"),
    },
    Row {
        code: ProblemCode::SecondFactorDemanded,
        name: "second_factor_demanded",
        status: StatusCode::FORBIDDEN,
        title: "A second factor has to be set up first",
        page: include_str!("../../../../docs/errors/second_factor_demanded.md"),
    },
    Row {
        code: ProblemCode::NotFound,
        name: "not_found",
        status: StatusCode::NOT_FOUND,
        title: "There is no such thing",
        page: include_str!("../../../../docs/errors/not_found.md"),
    },
    Row {
        code: ProblemCode::MethodNotAllowed,
        name: "method_not_allowed",
        status: StatusCode::METHOD_NOT_ALLOWED,
        title: "The path does not take this method",
        page: include_str!("../../../../docs/errors/method_not_allowed.md"),
    },
    Row {
        code: ProblemCode::Conflict,
        name: "conflict",
        status: StatusCode::CONFLICT,
        title: "It contradicts what is there",
        page: include_str!("../../../../docs/errors/conflict.md"),
    },
    Row {
        code: ProblemCode::TooLarge,
        name: "too_large",
        status: StatusCode::PAYLOAD_TOO_LARGE,
        title: "The request is too large",
        page: include_str!("../../../../docs/errors/too_large.md"),
    },
    Row {
        code: ProblemCode::WrongHost,
        name: "wrong_host",
        status: StatusCode::MISDIRECTED_REQUEST,
        title: "The request is for another host",
        page: include_str!("../../../../docs/errors/wrong_host.md"),
    },
    Row {
        code: ProblemCode::IdempotencyConflict,
        name: "idempotency_conflict",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "The key was used for another request",
        page: include_str!("../../../../docs/errors/idempotency_conflict.md"),
    },
    Row {
        code: ProblemCode::Refused,
        name: "refused",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "A rule says no",
        page: include_str!("../../../../docs/errors/refused.md"),
    },
    Row {
        code: ProblemCode::PreconditionFailed,
        name: "precondition_failed",
        status: StatusCode::PRECONDITION_FAILED,
        title: "It is not of the version that was named",
        page: include_str!("../../../../docs/errors/precondition_failed.md"),
    },
    Row {
        code: ProblemCode::TooManyRequests,
        name: "too_many_requests",
        status: StatusCode::TOO_MANY_REQUESTS,
        title: "There were too many attempts",
        page: include_str!("../../../../docs/errors/too_many_requests.md"),
    },
    Row {
        code: ProblemCode::TimedOut,
        name: "timed_out",
        status: StatusCode::GATEWAY_TIMEOUT,
        title: "It took too long",
        page: include_str!("../../../../docs/errors/timed_out.md"),
    },
    Row {
        code: ProblemCode::Overloaded,
        name: "overloaded",
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "Too many requests are being answered",
        page: include_str!("../../../../docs/errors/overloaded.md"),
    },
    Row {
        code: ProblemCode::Unavailable,
        name: "unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "Something that is needed is away",
        page: include_str!("../../../../docs/errors/unavailable.md"),
    },
    Row {
        code: ProblemCode::Internal,
        name: "internal",
        status: StatusCode::INTERNAL_SERVER_ERROR,
        title: "A fault of ours",
        page: include_str!("../../../../docs/errors/internal.md"),
    },
];

impl ProblemCode {
    /// Every code.
    pub fn all() -> impl Iterator<Item = ProblemCode> {
        ROWS.iter().map(|row| row.code)
    }

    /// The word.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The page about it, which is Markdown.
    #[must_use]
    pub fn page(self) -> &'static str {
        self.row().page
    }

    pub(super) fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_row_of_its_own_a_page_and_one_name() {
        for code in ProblemCode::all() {
            let row = code.row();
            assert_eq!(row.code, code);
            assert_eq!(serde_json::to_value(code).unwrap(), row.name);
            let head = format!(
                "# `{}`\n\n**{}.** Status {}.",
                row.name,
                row.title,
                row.status.as_u16()
            );
            assert!(row.page.starts_with(&head), "{}", row.page);
        }
    }
}
