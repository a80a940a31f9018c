//! Outside identities of an account: linked by whoever is signed in to it, and unlinked.

use super::authentication::{goes_on, recent, recent_for_others, session};
use super::providers::{BegunRequest, Finished, Purpose};
use crate::change::{By, apply, known};
use crate::events::AuthEvent;
use crate::model::{self, Account, IDENTITIES_MAX, Refusal};
use crate::provider::{Claims, Provider};
use crate::store::identity::Identity;
use crate::{Auth, AuthError, store};
use tickloom_chassis::{Problem, ProblemCode, Subject, Write};
use uuid::Uuid;

/// All identities of an account, and one more if there are too many.
const ROWS: i64 = IDENTITIES_MAX as i64 + 1;

impl Auth {
    /// Begins to link an outside identity with the account of whoever asks.
    ///
    /// # Errors
    /// [`ProblemCode::StepUpRequired`]; as [`Auth::begin_provider`].
    pub(crate) async fn begin_link(
        &self,
        by: &By,
        (provider, subject): (&str, &Subject),
    ) -> Result<BegunRequest, AuthError> {
        recent(subject, by.now)?;
        let what = (provider, Purpose::Link);
        self.begin_provider(what, Some(subject), by.now).await
    }

    /// Links whom the provider identifies with the account of whoever began it, in the same session.
    ///
    /// # Errors
    /// [`Refusal::IdentityTaken`] if it is linked with an account already, this one or another; as [`Auth::identify`].
    pub(crate) async fn finish_link(
        &self,
        by: By,
        (provider, subject): (&str, &Subject),
        finished: Finished,
    ) -> Result<Identity, AuthError> {
        let what = (provider, Purpose::Link);
        let identified = self.identify(what, (&finished, Some(subject)), by.now);
        let (_, claims) = identified.await?;
        let mut write = self.write().await?;
        goes_on(&mut write, session(subject)?, by.now).await?;
        let account = known(&mut write, &subject.account).await?;
        account.person()?;
        let provider = self.provider(provider)?;
        let (_, identity) = link(&mut write, &by, account, (provider, &claims)).await?;
        write.commit().await?;
        Ok(identity)
    }

    /// Unlinks an outside identity. Sessions elsewhere end, as they may be of whoever has it. The last way in stays.
    ///
    /// # Errors
    /// [`ProblemCode::NotFound`]; [`Refusal::OnlyWayIn`]; [`ProblemCode::StepUpRequired`].
    pub(crate) async fn unlink(
        &self,
        write: &mut Write,
        by: &By,
        (subject, account, id): (&Subject, &str, &str),
    ) -> Result<(), AuthError> {
        recent(subject, by.now)?;
        recent_for_others(subject, account, by.now)?;
        let account = known(write, account).await?;
        let all = store::identity::of_account(write.connection(), &account.id, "", ROWS).await?;
        let (gone, left): (Vec<Identity>, Vec<Identity>) =
            all.into_iter().partition(|identity| identity.id == id);
        if gone.is_empty() {
            let detail = format!("there is no outside identity `{id}` of this account");
            return Err(Problem::new(ProblemCode::NotFound, detail).into());
        }
        // One of a provider that is not set any more lets nobody in.
        let is_usable = |identity: &Identity| {
            let mut providers = self.providers.iter();
            providers.any(|provider| provider.config.issuer == identity.issuer)
        };
        let password = store::secret::password(write.connection(), &account.id).await?;
        // A passkey that was never used may not work.
        let is_passkey_used =
            store::passkey::is_other_used(write.connection(), (&account.id, "")).await?;
        if password.is_none() && !is_passkey_used && !left.iter().any(is_usable) {
            return Err(Refusal::OnlyWayIn.into());
        }
        let id = id.to_owned();
        let account = apply(write, by, account, AuthEvent::IdentityUnlinked { id }).await?;
        // A sign-in with it that waits for a second factor is over too.
        store::identity::drop_of(write, &account.id).await?;
        let own = session(subject).unwrap_or_default();
        self.end_sessions(write, by, (&account.id, own)).await?;
        Ok(())
    }
}

/// Links an outside identity with an account.
///
/// # Errors
/// [`Refusal::IdentityTaken`], [`Refusal::TooManyIdentities`].
pub(super) async fn link(
    write: &mut Write,
    by: &By,
    account: Account,
    (provider, claims): (&Provider, &Claims),
) -> Result<(Account, Identity), AuthError> {
    let issuer = &provider.config.issuer;
    let taken = store::identity::of_subject(write.connection(), issuer, &claims.sub).await?;
    if taken.is_some() {
        return Err(Refusal::IdentityTaken.into());
    }
    let there = store::identity::of_account(write.connection(), &account.id, "", ROWS).await?;
    if there.len() >= IDENTITIES_MAX {
        return Err(Refusal::TooManyIdentities.into());
    }
    let identity = Identity {
        id: format!("idn_{}", Uuid::now_v7().simple()),
        account: account.id.clone(),
        issuer: issuer.clone(),
        subject: claims.sub.clone(),
        email: claims.profile.email.as_deref().and_then(model::email),
        created: by.now.0,
    };
    let event = AuthEvent::IdentityLinked {
        id: identity.id.clone(),
        issuer: identity.issuer.clone(),
        subject: identity.subject.clone(),
        email: identity.email.clone(),
    };
    let account = apply(write, by, account, event).await?;
    Ok((account, identity))
}
