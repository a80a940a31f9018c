//! Passkeys of one's own: registered, renamed, removed; and an account that has them alone, without a password.

use super::accounts::good_name;
use super::authentication::{goes_on, recent, session};
use super::grants::some_administrator;
use crate::Auth;
use crate::change::{By, apply, known};
use crate::credential::passkey::{Ceremony, Purpose, RelyingParty};
use crate::credential::random;
use crate::events::AuthEvent;
use crate::model::{Account, PASSKEYS_MAX, Refusal};
use crate::passkey_messages::{CreationOptions, NewPasskey};
use crate::store::passkey::Passkey;
use crate::{AuthError, store};
use tickloom_chassis::{Problem, ProblemCode, Subject, Write};
use uuid::Uuid;

impl Auth {
    /// Who asks for passkeys here.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if there can be none under the address of the service.
    pub(crate) fn relying_party(&self) -> Result<&RelyingParty, AuthError> {
        let no = |why: &_| Problem::new(ProblemCode::Refused, format!("{why}")).into();
        self.relying_party.as_ref().map_err(no)
    }

    /// What a browser is asked for a new passkey of whoever asks.
    ///
    /// # Errors
    /// [`ProblemCode::StepUpRequired`]; [`ProblemCode::Refused`].
    pub(crate) async fn begin_passkey(
        &self,
        by: &By,
        owner: (&Subject, &str),
    ) -> Result<CreationOptions, AuthError> {
        let subject = own(owner)?;
        recent(subject, by.now)?;
        let relying_party = self.relying_party()?;
        let session = session(subject)?;
        let bound = (Purpose::Register, session);
        let challenge = self.challenge_key.challenge(bound, by.now)?;
        let mut write = self.write().await?;
        let account = known(&mut write, &subject.account).await?;
        goes_on(&mut write, session, by.now).await?;
        account.person()?;
        has_room(&account)?;
        let handle = store::passkey::set_handle(&mut write, &account.id, &random()?).await?;
        let known = store::passkey::named(write.connection(), &account.id).await?;
        write.commit().await?;
        Ok(CreationOptions::new(
            relying_party,
            &challenge,
            (&account, &handle),
            &known,
        ))
    }

    /// Registers a passkey of whoever asks. If it is the first second factor of the account, other sessions end, and there are ten codes
    /// for when it is lost.
    ///
    /// # Errors
    /// [`ProblemCode::Refused`] if what the authenticator says is wrong; [`Refusal::PasskeyKnown`]; [`Refusal::TooManyPasskeys`].
    pub(crate) async fn add_passkey(
        &self,
        write: &mut Write,
        by: &By,
        owner: (&Subject, &str),
        (called, new): (&str, NewPasskey),
    ) -> Result<(Passkey, Option<Vec<String>>), AuthError> {
        let subject = own(owner)?;
        recent(subject, by.now)?;
        let called = good_name(called)?;
        let session = session(subject)?;
        let ceremony = Ceremony {
            relying_party: self.relying_party()?,
            key: &self.challenge_key,
            purpose: Purpose::Register,
            session,
            now: by.now,
        };
        let (credential, challenge) = ceremony.register(&new.attestation())?;
        if credential.id != new.credential {
            let detail = "`id` is not that of the passkey";
            return Err(Problem::new(ProblemCode::BadRequest, detail).into());
        }
        if !store::passkey::use_challenge(write, &challenge).await? {
            return Err(crate::credential::passkey::PasskeyError::Challenge.into());
        }
        let account = known(write, &subject.account).await?;
        account.person()?;
        has_room(&account)?;
        let id = format!("pky_{}", Uuid::now_v7().simple());
        let owner = (id.as_str(), account.id.as_str());
        if !store::passkey::add(write, owner, &credential, &new.transports).await? {
            return Err(Refusal::PasskeyKnown.into());
        }
        let codes = match account.needs_second_factor() {
            true => None,
            false => Some(self.new_codes(write, &account.id).await?),
        };
        let event = AuthEvent::PasskeyAdded {
            id: id.clone(),
            name: called,
            is_backup_eligible: credential.is_backup_eligible,
        };
        let account = apply(write, by, account, event).await?;
        if codes.is_some() {
            // Other sessions were begun without it.
            self.end_sessions(write, by, (&account.id, session)).await?;
        }
        Ok((known_passkey(write, &account.id, &id).await?, codes))
    }

    /// Gives a passkey of whoever asks another name.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]; [`ProblemCode::BadRequest`] for what is no name.
    pub(crate) async fn rename_passkey(
        &self,
        write: &mut Write,
        by: &By,
        owner: (&Subject, &str),
        (id, called): (&str, &str),
    ) -> Result<Passkey, AuthError> {
        let subject = own(owner)?;
        session(subject)?;
        let called = good_name(called)?;
        let account = known(write, &subject.account).await?;
        let passkey = known_passkey(write, &account.id, id).await?;
        if passkey.name == called {
            return Ok(passkey);
        }
        let event = AuthEvent::PasskeyRenamed {
            id: passkey.id,
            name: called,
        };
        let account = apply(write, by, account, event).await?;
        known_passkey(write, &account.id, id).await
    }

    /// Removes a passkey of whoever asks; their other sessions end, as one of them may have been begun with it.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]; [`Refusal::OnlyWayIn`].
    pub(crate) async fn remove_passkey(
        &self,
        write: &mut Write,
        by: &By,
        owner: (&Subject, &str),
        id: &str,
    ) -> Result<(), AuthError> {
        let subject = own(owner)?;
        recent(subject, by.now)?;
        let session = session(subject)?;
        let account = known(write, &subject.account).await?;
        let passkey = known_passkey(write, &account.id, id).await?;
        let password = store::secret::password(write.connection(), &account.id).await?;
        if password.is_none() {
            let others = (account.id.as_str(), passkey.id.as_str());
            if !store::passkey::is_other_used(write.connection(), others).await? {
                return Err(Refusal::OnlyWayIn.into());
            }
        }
        store::passkey::drop_one(write, &passkey.id).await?;
        let event = AuthEvent::PasskeyRemoved { id: passkey.id };
        let account = apply(write, by, account, event).await?;
        if !account.needs_second_factor() {
            store::factor::drop_codes(write, &account.id).await?;
        }
        self.end_sessions(write, by, (&account.id, session)).await?;
        some_administrator(write).await
    }

    /// Removes the password of whoever asks, who signs in with passkeys alone from now on; their other sessions end.
    ///
    /// # Errors
    /// [`Refusal::OnlyWayIn`] without a passkey; [`Refusal::NoUsedPasskey`] if none was shown to work; [`Refusal::NoPassword`].
    pub(crate) async fn remove_password(
        &self,
        write: &mut Write,
        by: &By,
        subject: &Subject,
    ) -> Result<(), AuthError> {
        recent(subject, by.now)?;
        let session = session(subject)?;
        let account = known(write, &subject.account).await?;
        if account.passkeys == 0 {
            return Err(Refusal::OnlyWayIn.into());
        }
        if !store::passkey::is_other_used(write.connection(), (&account.id, "")).await? {
            return Err(Refusal::NoUsedPasskey.into());
        }
        if !store::secret::drop_password(write, &account.id).await? {
            return Err(Refusal::NoPassword.into());
        }
        store::secret::drop_links(write, &account.id).await?;
        store::secret::drop_devices(write, &account.id).await?;
        let account = apply(write, by, account, AuthEvent::PasswordRemoved).await?;
        self.end_sessions(write, by, (&account.id, session)).await?;
        Ok(())
    }
}

/// Whoever asks, who is the owner of the account: nobody changes what somebody else authenticates with.
fn own<'a>((subject, account): (&'a Subject, &str)) -> Result<&'a Subject, Refusal> {
    if subject.account == account {
        return Ok(subject);
    }
    Err(Refusal::NotTheOwner)
}

fn has_room(account: &Account) -> Result<(), Refusal> {
    if account.passkeys < PASSKEYS_MAX {
        return Ok(());
    }
    Err(Refusal::TooManyPasskeys)
}

async fn known_passkey(write: &mut Write, account: &str, id: &str) -> Result<Passkey, AuthError> {
    let found = store::passkey::one(write.connection(), account, id).await?;
    found.ok_or_else(|| {
        let detail = format!("the account has no passkey `{id}`");
        Problem::new(ProblemCode::NotFound, detail).into()
    })
}
