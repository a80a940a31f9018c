//! Why the service does not do something.

use crate::credential::NoRandomness;
use crate::credential::keyring::KeyError;
use crate::credential::passkey::PasskeyError;
use crate::credential::password::{PasswordError, PasswordRefused};
use crate::model::Refusal;
use crate::oauth::error::OAuthError;
use crate::provider::ProviderError;
use crate::seal::SealError;
use std::time::Duration;
use thiserror::Error;
use tickloom_chassis::{ChassisError, PatternError, Problem, ProblemCode, UnknownWord};

/// Why the service does not do something.
#[derive(Debug, Error)]
pub(crate) enum AuthError {
    #[error(transparent)]
    Chassis(#[from] ChassisError),
    #[error(transparent)]
    Refusal(#[from] Refusal),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// A passkey that was to be registered.
    #[error("the passkey is not taken: {0}")]
    Passkey(#[from] PasskeyError),
    /// A passkey of this id, which somebody showed.
    #[error("the passkey is not known here, or what it shows is wrong")]
    WrongPasskey(String, PasskeyError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("too many attempts: wait {} s", .0.as_secs())]
    TooManyAttempts(Duration),
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// What the audit log has an entry of already, which says more.
    #[error(transparent)]
    Noted(Box<AuthError>),
    /// What an application is told in the words of OAuth.
    #[error(transparent)]
    OAuth(Box<OAuthError>),
}

impl From<OAuthError> for AuthError {
    fn from(error: OAuthError) -> AuthError {
        AuthError::OAuth(Box::new(error))
    }
}

impl From<Problem> for AuthError {
    fn from(problem: Problem) -> AuthError {
        AuthError::Problem(Box::new(problem))
    }
}

impl From<PasswordRefused> for AuthError {
    fn from(refused: PasswordRefused) -> AuthError {
        AuthError::Password(refused.into())
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Problem {
        let detail = error.to_string();
        match error {
            AuthError::Chassis(ChassisError::Conflict { .. }) => {
                let detail = "it was changed by somebody else at the same time: try again";
                Problem::new(ProblemCode::Conflict, detail)
            }
            AuthError::Chassis(error) => error.into(),
            AuthError::Problem(problem) => *problem,
            AuthError::Noted(error) => (*error).into(),
            AuthError::OAuth(_) => Problem::new(ProblemCode::BadRequest, detail),
            AuthError::Provider(ProviderError::Away(_)) => {
                Problem::new(ProblemCode::Unavailable, detail)
            }
            AuthError::Refusal(_)
            | AuthError::Provider(_)
            | AuthError::Pattern(_)
            | AuthError::Word(_)
            | AuthError::Passkey(_)
            | AuthError::Password(PasswordError::Refused(_)) => {
                Problem::new(ProblemCode::Refused, detail)
            }
            AuthError::WrongPasskey(..) => Problem::new(ProblemCode::Unauthenticated, detail),
            AuthError::TooManyAttempts(wait) => {
                Problem::new(ProblemCode::TooManyRequests, detail).retry_after(wait)
            }
            AuthError::Password(PasswordError::Busy) => {
                Problem::new(ProblemCode::Overloaded, detail)
            }
            AuthError::Password(_)
            | AuthError::Key(_)
            | AuthError::Seal(_)
            | AuthError::NoRandomness(_) => Problem::internal(detail),
        }
    }
}

/// Who showed nothing that is right, whatever of it was wrong.
pub(crate) fn wrong_credentials() -> AuthError {
    let detail = "the e-mail address, the password or the code is wrong";
    Problem::new(ProblemCode::Unauthenticated, detail).into()
}

/// A passkey that is not known, or not the account's: the same words as for one that shows something wrong.
pub(crate) fn wrong_passkey() -> AuthError {
    let detail = "the passkey is not known here, or what it shows is wrong";
    Problem::new(ProblemCode::Unauthenticated, detail).into()
}
