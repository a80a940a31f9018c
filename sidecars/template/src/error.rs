//! Why the service does not do something.

use crate::model::Refusal;
use thiserror::Error;
use tickloom_chassis::{ChassisError, Problem, ProblemCode};

/// Why the service does not do something.
#[derive(Debug, Error)]
pub(crate) enum TemplateError {
    #[error(transparent)]
    Chassis(#[from] ChassisError),
    #[error(transparent)]
    Refusal(#[from] Refusal),
    #[error("there is no note `{0}`")]
    Unknown(String),
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
}

impl From<Problem> for TemplateError {
    fn from(problem: Problem) -> TemplateError {
        TemplateError::Problem(Box::new(problem))
    }
}

impl From<TemplateError> for Problem {
    fn from(error: TemplateError) -> Problem {
        let detail = error.to_string();
        match error {
            TemplateError::Chassis(ChassisError::Conflict { .. }) => {
                let detail = "it was changed by somebody else at the same time: try again";
                Problem::new(ProblemCode::Conflict, detail)
            }
            TemplateError::Chassis(error) => error.into(),
            TemplateError::Problem(problem) => *problem,
            TemplateError::Refusal(_) => Problem::new(ProblemCode::Refused, detail),
            TemplateError::Unknown(_) => Problem::new(ProblemCode::NotFound, detail),
        }
    }
}
