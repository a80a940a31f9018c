//! The second factor: an app that shows codes, and codes on paper for when it or a passkey is lost.

use crate::Auth;
use crate::change::{By, apply, known};
use crate::credential::recovery;
use crate::credential::totp::TotpSecret;
use crate::error::wrong_credentials;
use crate::events::AuthEvent;
use crate::model::{Account, Refusal};
use crate::{AuthError, store};
use serde::Serialize;
use tickloom_chassis::{Problem, Subject, Write};
use utoipa::ToSchema;

/// What the app shows the account under.
const ISSUER: &str = "Tickloom";

/// What is told to an app once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewFactor {
    /// The secret in base 32, to be typed.
    pub(crate) secret: String,
    /// The same as an address that apps read, as a picture mostly.
    pub(crate) uri: String,
}

impl Auth {
    /// A new second factor of whoever asks, which counts once a code of it was shown.
    ///
    /// # Errors
    /// [`Refusal::HasSecondFactor`].
    pub(crate) async fn begin_factor(
        &self,
        by: &By,
        subject: &Subject,
    ) -> Result<NewFactor, AuthError> {
        super::authentication::recent(subject, by.now)?;
        let secret = TotpSecret::make()?;
        let mut write = self.write().await?;
        let account = known(&mut write, &subject.account).await?;
        let session = super::authentication::session(subject)?;
        super::authentication::goes_on(&mut write, session, by.now).await?;
        account.person()?;
        if account.has_second_factor
            || !store::factor::set_factor(&mut write, &account.id, (&secret, &self.keys)).await?
        {
            return Err(Refusal::HasSecondFactor.into());
        }
        write.commit().await?;
        told(&account, &secret)
    }

    /// What an app is told of the second factor that whoever asks began, and that is not confirmed yet.
    ///
    /// # Errors
    /// [`Refusal::NoSecondFactor`].
    pub(crate) async fn waiting_factor(&self, subject: &Subject) -> Result<NewFactor, AuthError> {
        super::authentication::recent(subject, self.clock.now())?;
        let at = self.database.reader();
        let account = store::account::by_id(at, &subject.account).await?;
        let factor = store::factor::factor(at, &subject.account, &self.keys).await?;
        let factor = factor.filter(|factor| !factor.is_confirmed);
        match (account, factor) {
            (Some(account), Some(factor)) => told(&account, &factor.secret),
            _ => Err(Refusal::NoSecondFactor.into()),
        }
    }

    /// Lets the new second factor count, as a code of it is shown, and returns ten codes for when it is lost.
    ///
    /// # Errors
    /// [`Refusal::NoSecondFactor`] if none was begun;
    /// [`ProblemCode::Unauthenticated`](tickloom_chassis::ProblemCode::Unauthenticated) if the code is wrong.
    pub(crate) async fn confirm_factor(
        &self,
        write: &mut Write,
        by: &By,
        (subject, code): (&Subject, &str),
    ) -> Result<Vec<String>, AuthError> {
        super::authentication::recent(subject, by.now)?;
        let account = known(write, &subject.account).await?;
        let factor = store::factor::factor(write.connection(), &account.id, &self.keys).await?;
        let factor = factor.filter(|factor| !factor.is_confirmed);
        let factor = factor.ok_or(Refusal::NoSecondFactor)?;
        let step = factor.secret.verify(code, by.now, factor.last_step);
        let step = step.ok_or_else(wrong_credentials)?;
        if !store::factor::confirm_factor(write, &account.id, &factor).await? {
            return Err(Refusal::NoSecondFactor.into());
        }
        if !store::factor::take_step(write, &account.id, step).await? {
            return Err(wrong_credentials());
        }
        let codes = self.new_codes(write, &account.id).await?;
        let account = apply(write, by, account, AuthEvent::SecondFactorSet).await?;
        // Other sessions were begun without it.
        let session = super::authentication::session(subject)?;
        self.end_sessions(write, by, (&account.id, session)).await?;
        Ok(codes)
    }

    pub(super) async fn new_codes(
        &self,
        write: &mut Write,
        account: &str,
    ) -> Result<Vec<String>, AuthError> {
        let codes = recovery::make()?;
        let hashes: Vec<[u8; 32]> = codes.iter().map(recovery::RecoveryCode::hash).collect();
        store::factor::set_codes(write, account, &hashes).await?;
        Ok(codes.iter().map(|code| code.shown().to_string()).collect())
    }

    /// Takes the second factor of whoever asks away.
    ///
    /// # Errors
    /// [`Refusal::NoSecondFactor`].
    pub(crate) async fn remove_factor(
        &self,
        write: &mut Write,
        by: &By,
        subject: &Subject,
    ) -> Result<(), AuthError> {
        super::authentication::recent(subject, by.now)?;
        let account = known(write, &subject.account).await?;
        if !account.has_second_factor {
            return Err(Refusal::NoSecondFactor.into());
        }
        store::factor::drop_factor(write, &account.id).await?;
        let account = apply(write, by, account, AuthEvent::SecondFactorRemoved).await?;
        if !account.needs_second_factor() {
            store::factor::drop_codes(write, &account.id).await?;
        }
        Ok(())
    }
}

/// What an app is told.
fn told(account: &Account, secret: &TotpSecret) -> Result<NewFactor, AuthError> {
    let name = account.email.as_deref().unwrap_or("");
    let uri = secret
        .uri(ISSUER, name)
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(NewFactor {
        secret: secret.base32().to_string(),
        uri: uri.to_string(),
    })
}
