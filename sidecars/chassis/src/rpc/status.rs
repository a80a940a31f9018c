//! What is told of an error over gRPC: a code of `google.rpc.Code`, the detail as message, and the whole problem as JSON in the metadata.

use crate::ChassisError;
use crate::problem::Problem;
use std::sync::Arc;
use thiserror::Error;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// Key under which the metadata of an error has its problem (RFC 9457) as JSON.
pub const PROBLEM_METADATA: &str = "problem-bin";

/// Names of the codes, by number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Why a call was not answered, for the log: it may have more in it than a caller should see.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct Logged(pub(super) String);

/// The code of an error that has this status over HTTP: the table that both share.
fn code(status: u16) -> Code {
    match status {
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        405 => Code::Unimplemented,
        // Somebody else was first, now or before.
        409 => Code::Aborted,
        412 | 421 | 423 | 428 => Code::FailedPrecondition,
        413 | 429 => Code::ResourceExhausted,
        503 => Code::Unavailable,
        504 => Code::DeadlineExceeded,
        400..500 => Code::InvalidArgument,
        _ => Code::Internal,
    }
}

/// What a code is called.
pub(super) fn code_name(code: Code) -> &'static str {
    let number = usize::try_from(i32::from(code)).unwrap_or_default();
    NAMES.get(number).copied().unwrap_or("UNKNOWN")
}

impl From<Problem> for Status {
    fn from(mut problem: Problem) -> Status {
        let cause = problem.take_cause();
        let json = serde_json::to_vec(&problem).expect("plain fields are JSON");
        let mut metadata = MetadataMap::new();
        metadata.insert_bin(PROBLEM_METADATA, MetadataValue::from_bytes(&json));
        let code = code(problem.status);
        let mut status = Status::with_metadata(code, problem.detail, metadata);
        if let Some(cause) = cause {
            status.set_source(Arc::new(Logged(cause)));
        }
        status
    }
}

impl From<ChassisError> for Status {
    fn from(error: ChassisError) -> Status {
        Problem::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ProblemCode;

    #[test]
    fn every_problem_has_a_code() {
        let told: Vec<(&str, &str)> = ProblemCode::all()
            .map(|code| {
                let status = Status::from(Problem::new(code, "why"));
                assert_eq!(status.message(), "why");
                (code.name(), code_name(status.code()))
            })
            .collect();
        for expected in [
            ("bad_request", "INVALID_ARGUMENT"),
            ("not_found", "NOT_FOUND"),
            ("method_not_allowed", "UNIMPLEMENTED"),
            ("too_large", "RESOURCE_EXHAUSTED"),
            ("wrong_host", "FAILED_PRECONDITION"),
            ("timed_out", "DEADLINE_EXCEEDED"),
            ("overloaded", "UNAVAILABLE"),
            ("unavailable", "UNAVAILABLE"),
            ("internal", "INTERNAL"),
        ] {
            assert!(told.contains(&expected), "{expected:?}: {told:?}");
        }
    }

    #[test]
    fn names_of_codes_are_those_of_grpc() {
        for (number, name) in (0..).zip(NAMES) {
            assert_eq!(code_name(Code::from_i32(number)), name);
            let debug = format!("{:?}", Code::from_i32(number)).to_lowercase();
            assert_eq!(debug, name.replace('_', "").to_lowercase());
        }
    }

    #[test]
    fn a_status_has_the_whole_problem_and_not_its_cause() {
        let error = sqlx::Error::Protocol("password of admin".to_owned());
        let status = Status::from(ChassisError::from(error));
        assert_eq!(status.code(), Code::Unavailable);
        let problem = status.metadata().get_bin(PROBLEM_METADATA).unwrap();
        assert_eq!(
            problem.to_bytes().unwrap(),
            r#"{"type":"/errors/unavailable","title":"Something that is needed is away","status":503,"code":"unavailable","detail":"the database is away or busy: try again"}"#
        );
        let mut sent = axum::http::HeaderMap::new();
        status.add_header(&mut sent).unwrap();
        assert!(!format!("{sent:?}").contains("admin"), "{sent:?}");
        let cause = std::error::Error::source(&status).unwrap().to_string();
        assert!(cause.contains("password of admin"), "{cause}");
    }
}
