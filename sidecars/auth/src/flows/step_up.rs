//! Authenticating once more in a session, for what needs a recent authentication.

use super::authentication::{RightPassword, SecondFactor, goes_on, is_guess, session};
use super::browser::NextCookie;
use super::passkey_proofs::{PASSKEY_ALONE, Showing};
use super::refusals::On;
use super::throttle::Attempts;
use crate::Auth;
use crate::change::{By, known};
use crate::credential::passkey::Purpose;
use crate::credential::password::Password;
use crate::error::{wrong_credentials, wrong_passkey};
use crate::model::Account;
use crate::passkey_messages::SignedPasskey;
use crate::{AuthError, store};
use tickloom_chassis::{AuditOutcome, Subject, Write};

impl Auth {
    /// Authenticates somebody once more, in their session.
    ///
    /// # Errors
    /// As [`Auth::sign_in`].
    pub(crate) async fn step_up(
        &self,
        by: By,
        subject: &Subject,
        (password, code): (Password, Option<&str>),
        cookie: Option<&NextCookie>,
    ) -> Result<(), AuthError> {
        let session = session(subject)?;
        let account = store::account::by_id(self.database.reader(), &subject.account).await?;
        let account = account.ok_or_else(wrong_credentials)?;
        let attempts = Attempts::of_session(session);
        let on = On::Account(&account);
        self.count(&attempts, (&by, "step_up", on)).await?;
        let done = match self.check_password(Some(&account), password).await {
            Ok(right) => {
                let to = (session, account.id.as_str(), cookie);
                self.complete_step_up(&by, to, (right, code), &attempts)
                    .await
            }
            Err(error) => Err(error),
        };
        self.settle(&by, "step_up", (&account, &attempts), done)
            .await
    }

    async fn complete_step_up(
        &self,
        by: &By,
        (session, account, cookie): (&str, &str, Option<&NextCookie>),
        (right, code): (RightPassword, Option<&str>),
        attempts: &Attempts,
    ) -> Result<(), AuthError> {
        let mut write = self.write().await?;
        let account = known(&mut write, account).await?;
        right.again(&mut write, &account).await?;
        let showing = Showing {
            purpose: Purpose::StepUp,
            session,
            now: by.now,
        };
        let factor = SecondFactor::new(code, None);
        let methods = self
            .take_second_factor(&mut write, &account, factor, showing)
            .await?;
        let proof = (session, methods, cookie);
        self.note_step_up(&mut write, by, (&account, attempts), proof)
            .await?;
        write.commit().await?;
        Ok(())
    }

    /// Lets a session be one whose owner just authenticated, with these methods; that of a browser has this cookie from now on.
    pub(super) async fn note_step_up(
        &self,
        write: &mut Write,
        by: &By,
        (account, attempts): (&Account, &Attempts),
        (session, methods, cookie): (&str, &str, Option<&NextCookie>),
    ) -> Result<(), AuthError> {
        goes_on(write, session, by.now).await?;
        store::session::step_up(write, session, by.now.0, methods).await?;
        if let Some(cookie) = cookie {
            cookie.take_place(write, session).await?;
        }
        attempts.clear(write).await?;
        let resource = format!("{}/sessions/{session}", account.resource());
        by.audit(write, "step_up", &resource, AuditOutcome::Done)
            .await
    }

    /// What becomes of an attempt in a session: a guess is noted, and what was none does not count.
    pub(crate) async fn settle<T>(
        &self,
        by: &By,
        action: &str,
        (account, attempts): (&Account, &Attempts),
        done: Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        match &done {
            Ok(_) => {}
            Err(error) if is_guess(error) => {
                self.note_refusal(by, (action, error), On::Account(account))
                    .await?;
            }
            Err(error) => {
                attempts.undo(&self.database).await?;
                let on = On::Account(account);
                self.note_turned_away(by, (action, error), on).await?;
            }
        }
        done
    }

    /// Authenticates somebody once more with a passkey alone, in their session.
    ///
    /// # Errors
    /// As [`Auth::sign_in_with_passkey`].
    pub(crate) async fn step_up_with_passkey(
        &self,
        by: By,
        subject: &Subject,
        shown: &SignedPasskey,
        cookie: Option<&NextCookie>,
    ) -> Result<(), AuthError> {
        let session = session(subject)?;
        self.relying_party()?;
        let account = store::account::by_id(self.database.reader(), &subject.account).await?;
        let account = account.ok_or_else(wrong_passkey)?;
        let attempts = Attempts::of_session(session);
        let on = On::Account(&account);
        self.count(&attempts, (&by, "step_up", on)).await?;
        let of = (session, account.id.as_str(), cookie);
        let done = self
            .complete_step_up_with_passkey(&by, of, shown, &attempts)
            .await;
        self.settle(&by, "step_up", (&account, &attempts), done)
            .await
    }

    async fn complete_step_up_with_passkey(
        &self,
        by: &By,
        (session, account, cookie): (&str, &str, Option<&NextCookie>),
        shown: &SignedPasskey,
        attempts: &Attempts,
    ) -> Result<(), AuthError> {
        let mut write = self.write().await?;
        let account = known(&mut write, account).await?;
        goes_on(&mut write, session, by.now).await?;
        let showing = Showing {
            purpose: Purpose::StepUp,
            session,
            now: by.now,
        };
        self.take_passkey(&mut write, &account, shown, showing)
            .await?;
        let proof = (session, PASSKEY_ALONE, cookie);
        self.note_step_up(&mut write, by, (&account, attempts), proof)
            .await?;
        write.commit().await?;
        Ok(())
    }
}
