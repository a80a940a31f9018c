//! Whether somebody is who they say: a password, and a second factor where there is one.

use super::passkey_proofs::Showing;
use crate::credential::encryption::EncryptionKeys;
use crate::credential::password::Password;
use crate::credential::recovery::RecoveryCode;
use crate::error::wrong_credentials;
use crate::model::Account;
use crate::passkey_messages::SignedPasskey;
use crate::store::session::Session;
use crate::{Auth, IDLE_NS};
use crate::{AuthError, store};
use tickloom_chassis::{ChassisError, Problem, ProblemCode, Subject, Write, decide};
use tickloom_types::Ts;

/// What somebody shows beside a password.
#[derive(Clone, Copy)]
pub(crate) enum SecondFactor<'a> {
    None,
    /// Of an app, or for recovery.
    Code(&'a str),
    Passkey(&'a SignedPasskey),
}

impl<'a> SecondFactor<'a> {
    pub(crate) fn new(
        code: Option<&'a str>,
        passkey: Option<&'a SignedPasskey>,
    ) -> SecondFactor<'a> {
        match (passkey, code) {
            (Some(shown), _) => SecondFactor::Passkey(shown),
            (None, Some(code)) => SecondFactor::Code(code),
            (None, None) => SecondFactor::None,
        }
    }
}

/// Whether a session is over that ends and was last used then.
pub(crate) fn is_over((expires, last_used): (i64, i64), now: Ts) -> bool {
    expires <= now.0 || last_used <= now.0 - IDLE_NS
}

/// How long a proof is good for what needs a fresh one: a quarter of an hour.
const RECENT_NS: i64 = 900_000_000_000;

/// A password that was found right.
pub(crate) struct RightPassword {
    /// The hash that it was found right by.
    pub(crate) stored: String,
    /// Its hash with the present parameters, if the stored one has lower ones.
    pub(crate) rehashed: Option<String>,
}

impl Auth {
    /// Whether it is the password of the account; with none, or one that cannot be used, the same work is done for nothing.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`] if it is not.
    pub(crate) async fn check_password(
        &self,
        account: Option<&Account>,
        password: Password,
    ) -> Result<RightPassword, AuthError> {
        // It is looked for whether there is such an account or not, so that both take as long.
        let id = account.map_or("", |account| account.id.as_str());
        let stored = store::secret::password(self.database.reader(), id).await?;
        let Some(stored) = stored else {
            self.hasher.burn(password).await?;
            return Err(wrong_credentials());
        };
        let verdict = self.hasher.verify(stored.clone(), password.clone()).await?;
        if !verdict.matches {
            return Err(wrong_credentials());
        }
        let rehashed = if verdict.rehash {
            Some(self.hasher.rehash(password).await?)
        } else {
            None
        };
        Ok(RightPassword { stored, rehashed })
    }
}

impl RightPassword {
    /// Whether it is right still, in the transaction of what it lets be done: it may have been changed since it was looked at.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`] if it is not.
    pub(crate) async fn again(
        &self,
        write: &mut Write,
        account: &Account,
    ) -> Result<(), AuthError> {
        let stored = store::secret::password(write.connection(), &account.id).await?;
        if stored.as_ref() == Some(&self.stored) {
            return Ok(());
        }
        Err(wrong_credentials())
    }
}

/// Whether an error says that what was shown is wrong: a guess, which is counted.
pub(crate) fn is_guess(error: &AuthError) -> bool {
    match error {
        AuthError::WrongPasskey(..) => true,
        AuthError::Problem(problem) => problem.code == ProblemCode::Unauthenticated,
        _ => false,
    }
}

/// A session if it goes on: its row may be there longer than it does.
///
/// # Errors
/// [`ChassisError::Database`].
pub(crate) async fn living(
    write: &mut Write,
    session: &str,
    now: Ts,
) -> Result<Option<Session>, ChassisError> {
    let found = store::session::one(write.connection(), session).await?;
    Ok(found.filter(|found| !is_over((found.expires, found.last_used), now)))
}

/// The session of whoever asks, which has to go on, in the transaction of what it lets be done.
///
/// # Errors
/// [`ProblemCode::Unauthenticated`] if it does not.
pub(crate) async fn goes_on(
    write: &mut Write,
    session: &str,
    now: Ts,
) -> Result<Session, AuthError> {
    living(write, session, now).await?.ok_or_else(|| {
        let detail = "the session is over: sign in again";
        Problem::new(ProblemCode::Unauthenticated, detail).into()
    })
}

/// What is done to the account of somebody else needs a fresh proof, whatever it is.
///
/// # Errors
/// [`ProblemCode::StepUpRequired`].
pub(crate) fn recent_for_others(
    subject: &Subject,
    account: &str,
    now: Ts,
) -> Result<(), AuthError> {
    if subject.account == account {
        return Ok(());
    }
    recent(subject, now)
}

/// What needs another permission than the operation itself, for the account of somebody else.
///
/// # Errors
/// [`ProblemCode::Forbidden`].
pub(crate) fn require(
    subject: &Subject,
    (action, resource): (&str, &str),
    now: Ts,
) -> Result<(), AuthError> {
    match decide(subject, action, resource, now).refusal(action, resource) {
        Some(problem) => Err(problem.into()),
        None => Ok(()),
    }
}

/// What lets whoever does it get to act as the person of another account, or takes a part of what keeps others from that, needs the
/// permission to grant everything: it is as much as all that the account has, or will have.
///
/// # Errors
/// [`ProblemCode::Forbidden`].
pub(crate) fn require_power(subject: &Subject, now: Ts) -> Result<(), AuthError> {
    require(subject, ("grant.change", "grant/*"), now)
}

impl Auth {
    /// Takes the second factor of an account, if it has one: a passkey, a code of its app, or one for recovery, each once. Returns the
    /// methods, in the words of RFC 8176.
    ///
    /// # Errors
    /// [`ProblemCode::SecondFactorRequired`] if there is none; [`ProblemCode::Unauthenticated`] if it is wrong.
    pub(crate) async fn take_second_factor(
        &self,
        write: &mut Write,
        account: &Account,
        factor: SecondFactor<'_>,
        showing: Showing<'_>,
    ) -> Result<&'static str, AuthError> {
        if !account.needs_second_factor() {
            return Ok("pwd");
        }
        match factor {
            SecondFactor::None => {
                let detail =
                    "the account has a second factor: send `code` of its app, or `passkey`, too";
                Err(Problem::new(ProblemCode::SecondFactorRequired, detail).into())
            }
            SecondFactor::Passkey(shown) => {
                self.take_passkey(write, account, shown, showing).await?;
                Ok("pwd pop user")
            }
            SecondFactor::Code(code) => {
                take_code(write, account, (code, &self.keys), showing.now).await
            }
        }
    }
}

async fn take_code(
    write: &mut Write,
    account: &Account,
    (code, keys): (&str, &EncryptionKeys),
    now: Ts,
) -> Result<&'static str, AuthError> {
    let factor = store::factor::factor(write.connection(), &account.id, keys).await?;
    let factor = factor.filter(|factor| factor.is_confirmed);
    let step = factor.and_then(|factor| factor.secret.verify(code, now, factor.last_step));
    if let Some(step) = step
        && store::factor::take_step(write, &account.id, step).await?
    {
        return Ok("pwd otp");
    }
    if let Ok(recovery) = RecoveryCode::parse(code)
        && store::factor::take_code(write, &account.id, &recovery.hash()).await?
    {
        return Ok("pwd kba");
    }
    Err(wrong_credentials())
}

/// The session of whoever asks, which a key is not.
///
/// # Errors
/// [`ProblemCode::StepUpRequired`].
pub(crate) fn session(subject: &Subject) -> Result<&str, AuthError> {
    subject.session.as_deref().ok_or_else(|| {
        let detail = "this is done in a session, and not with a key";
        Problem::new(ProblemCode::StepUpRequired, detail).into()
    })
}

/// Whether whoever asks authenticated within the last quarter of an hour, which only a session can.
///
/// # Errors
/// [`ProblemCode::StepUpRequired`].
pub(crate) fn recent(subject: &Subject, now: Ts) -> Result<(), AuthError> {
    session(subject)?;
    if now.0.saturating_sub(subject.authenticated_at.0) < RECENT_NS {
        return Ok(());
    }
    let detail = "authenticate once more: POST /auth/v1/sessions/step-up";
    Err(Problem::new(ProblemCode::StepUpRequired, detail).into())
}
