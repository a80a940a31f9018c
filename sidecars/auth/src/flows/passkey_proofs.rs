//! Authenticating with a passkey: alone, beside a password, and once more in a session.

use super::authentication::{is_guess, session};
use super::continuation::Continuation;
use super::refusals::On;
use super::sessions::NewSession;
use super::throttle::Attempts;
use crate::Auth;
use crate::change::{By, known};
use crate::credential::passkey::{Ceremony, PasskeyError, Purpose};
use crate::error::wrong_passkey;
use crate::model::Account;
use crate::passkey_messages::{RequestOptions, SignedPasskey};
use crate::store::passkey::ShownPasskey;
use crate::{AuthError, store};
use tickloom_chassis::{Problem, ProblemCode, Subject, Write};
use tickloom_types::Ts;

/// Methods of a session that a passkey alone began, in the words of RFC 8176: a key was shown, somebody was there, and was verified.
pub(super) const PASSKEY_ALONE: &str = "pop user mfa";

/// What a passkey is shown for, where, and when.
#[derive(Clone, Copy)]
pub(crate) struct Showing<'a> {
    pub(crate) purpose: Purpose,
    /// The session; empty before there is one.
    pub(crate) session: &'a str,
    pub(crate) now: Ts,
}

impl Auth {
    /// What a browser is asked for a passkey before anybody is known: the same for everybody.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if there can be no passkeys here.
    pub(crate) fn request_passkey(
        &self,
        purpose: Purpose,
        now: Ts,
    ) -> Result<RequestOptions, AuthError> {
        let challenge = self.challenge_key.challenge((purpose, ""), now)?;
        let needs = purpose.needs_verification();
        Ok(RequestOptions::new(
            self.relying_party()?,
            &challenge,
            &[],
            needs,
        ))
    }

    /// What a browser is asked for a passkey of whoever asks, in their session.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if there can be no passkeys here.
    pub(crate) async fn request_own_passkey(
        &self,
        by: &By,
        subject: &Subject,
    ) -> Result<RequestOptions, AuthError> {
        let bound = (Purpose::StepUp, session(subject)?);
        let challenge = self.challenge_key.challenge(bound, by.now)?;
        let known = store::passkey::named(self.database.reader(), &subject.account).await?;
        Ok(RequestOptions::new(
            self.relying_party()?,
            &challenge,
            &known,
            true,
        ))
    }

    /// Signs somebody in with a passkey alone.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`] whatever is wrong; [`ProblemCode::TooManyRequests`].
    pub(crate) async fn sign_in_with_passkey<C: Continuation>(
        &self,
        by: By,
        shown: &SignedPasskey,
        (device_token, device): (Option<&str>, &str),
    ) -> Result<C, AuthError> {
        self.relying_party()?;
        let found = store::passkey::shown(self.database.reader(), &shown.credential).await?;
        let Some(found) = found else {
            let error = wrong_passkey();
            self.note_refusal(&by, ("sign_in", &error), On::Nothing)
                .await?;
            return Err(error);
        };
        let account = store::account::by_id(self.database.reader(), &found.account).await?;
        let known = On::known(account.as_ref());
        let of = (found.id.as_str(), found.account.as_str());
        let attempts = Attempts::of_passkey(&self.database, of, device_token, by.now).await?;
        self.count(&attempts, (&by, "sign_in", known)).await?;
        let on = (device, &attempts);
        let error = match self
            .begin_with_passkey(&by, &found.account, shown, on)
            .await
        {
            Ok(begun) => return Ok(begun),
            Err(error) => error,
        };
        if is_guess(&error) {
            self.note_refusal(&by, ("sign_in", &error), known).await?;
        } else {
            attempts.undo(&self.database).await?;
            self.note_turned_away(&by, ("sign_in", &error), known)
                .await?;
        }
        Err(error)
    }

    async fn begin_with_passkey<C: Continuation>(
        &self,
        by: &By,
        account: &str,
        shown: &SignedPasskey,
        (device, attempts): (&str, &Attempts),
    ) -> Result<C, AuthError> {
        let mut write = self.write().await?;
        let account = known(&mut write, account).await?;
        let showing = Showing {
            purpose: Purpose::SignIn,
            session: "",
            now: by.now,
        };
        self.take_passkey(&mut write, &account, shown, showing)
            .await?;
        account
            .person()
            .map_err(|refusal| Problem::new(ProblemCode::Forbidden, refusal.to_string()))?;
        attempts.clear(&mut write).await?;
        let by = by.clone().account(&account.id);
        let new = NewSession {
            methods: PASSKEY_ALONE,
            device,
            authenticated_at: by.now,
            remember: !attempts.is_known_device,
        };
        let begun = self.begin_session(&mut write, &by, &account, new).await?;
        write.commit().await?;
        Ok(begun)
    }

    /// Whether somebody shows a passkey of the account, as they were asked to; its counter and its challenge are used then.
    ///
    /// # Errors
    /// [`AuthError::WrongPasskey`]; [`ProblemCode::Unauthenticated`] for one that is not the account's.
    pub(crate) async fn take_passkey(
        &self,
        write: &mut Write,
        account: &Account,
        shown: &SignedPasskey,
        showing: Showing<'_>,
    ) -> Result<(), AuthError> {
        let found = store::passkey::shown(write.connection(), &shown.credential).await?;
        let found = found.filter(|found| found.account == account.id);
        let found: ShownPasskey = found.ok_or_else(wrong_passkey)?;
        let handle = store::passkey::handle(write.connection(), &account.id).await?;
        // Who it is comes from the passkey alone when nobody was named (Web Authentication Level 3, section 7.2, step 6).
        let is_theirs = match &shown.user_handle {
            Some(shown) => handle.as_ref() == Some(shown),
            None => showing.purpose != Purpose::SignIn,
        };
        if !is_theirs {
            return Err(wrong_passkey());
        }
        let ceremony = Ceremony {
            relying_party: self.relying_party()?,
            key: &self.challenge_key,
            purpose: showing.purpose,
            session: showing.session,
            now: showing.now,
        };
        let wrong = |why| AuthError::WrongPasskey(found.id.clone(), why);
        let assertion = shown.assertion();
        // If anything is wrong the transaction is dropped, and the challenge is good still for whoever signs it rightly.
        let challenge = ceremony.challenge(&assertion).map_err(wrong)?;
        if !store::passkey::use_challenge(write, &challenge).await? {
            return Err(wrong(PasskeyError::Challenge));
        }
        let signed = ceremony.authenticate(&assertion, &found.credential);
        let signed = signed.map_err(wrong)?;
        store::passkey::used(write, &found.id, &signed, showing.now.0).await?;
        Ok(())
    }
}
