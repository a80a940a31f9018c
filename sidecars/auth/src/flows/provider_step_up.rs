//! Authenticating once more at a provider.

use super::authentication::{SecondFactor, session};
use super::browser::NextCookie;
use super::passkey_proofs::Showing;
use super::providers::{FEDERATED, Finished, Purpose, SEVERAL, not_linked};
use super::refusals::On;
use super::throttle::Attempts;
use crate::change::{By, known};
use crate::credential::passkey;
use crate::provider::ProviderError;
use crate::{Auth, AuthError, store};
use tickloom_chassis::Subject;

impl Auth {
    /// Authenticates somebody once more, in their session, at a provider with which their account is linked.
    ///
    /// # Errors
    /// As [`Auth::finish_sign_in`];
    /// [`ProblemCode::SecondFactorRequired`](tickloom_chassis::ProblemCode::SecondFactorRequired) uses the request up.
    pub(crate) async fn finish_step_up(
        &self,
        by: By,
        (name, subject): (&str, &Subject),
        (finished, factor): (Finished, SecondFactor<'_>),
        cookie: Option<&NextCookie>,
    ) -> Result<(), AuthError> {
        let own = session(subject)?;
        let account = store::account::by_id(self.database.reader(), &subject.account).await?;
        let account = account.ok_or(ProviderError::NotYours)?;
        let attempts = Attempts::of_session(own);
        let on = On::Account(&account);
        self.count(&attempts, (&by, "step_up", on)).await?;
        let done = async {
            let what = (name, Purpose::StepUp);
            let (_, claims) = self
                .identify(what, (&finished, Some(subject)), by.now)
                .await?;
            let config = &self.provider(name)?.config;
            let mut write = self.write().await?;
            let account = known(&mut write, &subject.account).await?;
            let issuer = &config.issuer;
            let linked =
                store::identity::of_subject(write.connection(), issuer, &claims.sub).await?;
            if linked.is_none_or(|linked| linked.account != account.id) {
                return Err(not_linked());
            }
            let methods = if claims.has_method(&config.second_factor) {
                format!("{FEDERATED} {SEVERAL}")
            } else if account.needs_second_factor() {
                let showing = Showing {
                    purpose: passkey::Purpose::StepUp,
                    session: own,
                    now: by.now,
                };
                let shown = (factor, showing);
                let more = self.second_method(&mut write, &account, shown).await?;
                format!("{FEDERATED} {more}")
            } else {
                FEDERATED.to_owned()
            };
            let proof = (own, methods.as_str(), cookie);
            self.note_step_up(&mut write, &by, (&account, &attempts), proof)
                .await?;
            write.commit().await?;
            Ok(())
        };
        let done = done.await;
        self.settle(&by, "step_up", (&account, &attempts), done)
            .await
    }
}
