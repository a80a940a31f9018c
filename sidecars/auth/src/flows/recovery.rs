//! Codes for when an authenticator is lost: how many are left, others in their place; and giving a second factor up that is lost for good.

use super::authentication::{recent, require, require_power, session};
use super::grants::some_administrator;
use super::session_ends::end_sessions_of;
use crate::change::{By, apply, known};
use crate::events::AuthEvent;
use crate::model::{Account, Refusal};
use crate::{Auth, AuthError, mails, store};
use tickloom_chassis::{AuditOutcome, Problem, ProblemCode, Subject, Write, enqueue_mail};

/// Passkeys that an account has, at most, and more.
const PASSKEY_ROWS: i64 = 1000;

impl Auth {
    /// How many recovery codes of whoever asks are left.
    ///
    /// # Errors
    /// [`tickloom_chassis::ChassisError::Database`].
    pub(crate) async fn codes_left(&self, subject: &Subject) -> Result<i64, AuthError> {
        let at = self.database.reader();
        Ok(store::factor::count_codes(at, &subject.account).await?)
    }

    /// Ten new recovery codes of whoever asks; those before are not good any more.
    ///
    /// # Errors
    /// [`Refusal::NoSecondFactor`] without a second factor, for which they stand.
    pub(crate) async fn renew_codes(
        &self,
        write: &mut Write,
        by: &By,
        subject: &Subject,
    ) -> Result<Vec<String>, AuthError> {
        recent(subject, by.now)?;
        session(subject)?;
        let account = known(write, &subject.account).await?;
        account.person()?;
        if !account.needs_second_factor() {
            return Err(Refusal::NoSecondFactor.into());
        }
        let codes = self.new_codes(write, &account.id).await?;
        let resource = account.resource();
        by.audit(write, "recovery_codes_made", &resource, AuditOutcome::Done)
            .await?;
        Ok(codes)
    }

    /// Gives up the second factor of somebody else who lost it: the app, passkeys and recovery codes. Their sessions end, and they are told.
    /// Their password alone is left, so that only who may grant everything does it.
    ///
    /// # Errors
    /// [`ProblemCode::Forbidden`] for who may not; [`Refusal::NoSecondFactor`]; [`ProblemCode::Refused`] for one's own, which one removes.
    pub(crate) async fn drop_lost_factor(
        &self,
        write: &mut Write,
        by: &By,
        (subject, id): (&Subject, &str),
    ) -> Result<Account, AuthError> {
        recent(subject, by.now)?;
        let account = known(write, id).await?;
        require(subject, ("account.change", &account.resource()), by.now)?;
        if account.id == subject.account {
            let detail = "one's own second factor is removed: DELETE /auth/v1/accounts/me/second-factor, or its passkeys";
            return Err(Problem::new(ProblemCode::Refused, detail).into());
        }
        require_power(subject, by.now)?;
        let account = lose_factor(write, by, account).await?;
        some_administrator(write).await?;
        if self.has_mail() && account.email.is_some() {
            let key = format!("factor_dropped/{}/{}", account.id, account.version);
            enqueue_mail(write, &key, by.now, &mails::factor_dropped(&account)).await?;
        }
        Ok(account)
    }
}

/// Gives the second factor of an account up, whatever it is: its password, or a link, is what is left. Its sessions end.
pub(crate) async fn lose_factor(
    write: &mut Write,
    by: &By,
    account: Account,
) -> Result<Account, AuthError> {
    account.person()?;
    if !account.needs_second_factor() {
        return Err(Refusal::NoSecondFactor.into());
    }
    let mut account = account;
    if account.has_second_factor {
        account = apply(write, by, account, AuthEvent::SecondFactorRemoved).await?;
    }
    store::factor::drop_factor(write, &account.id).await?;
    let passkeys = store::passkey::after(write.connection(), &account.id, "", PASSKEY_ROWS).await?;
    for passkey in passkeys {
        store::passkey::drop_one(write, &passkey.id).await?;
        let event = AuthEvent::PasskeyRemoved { id: passkey.id };
        account = apply(write, by, account, event).await?;
    }
    store::factor::drop_codes(write, &account.id).await?;
    store::secret::drop_devices(write, &account.id).await?;
    end_sessions_of(write, by, (&account.id, "")).await?;
    Ok(account)
}
