//! A password of one's own choice in the place of another.

use super::proof::take_second_factor;
use crate::change::{By, apply, known};
use crate::credential::password::Password;
use crate::events::AuthEvent;
use crate::service::Auth;
use crate::{AuthError, store};
use tickloom_chassis::Subject;

use super::throttle::Tries;

impl Auth {
    /// Changes the password of whoever asks, in their session; all other sessions of theirs end.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`](tickloom_chassis::ProblemCode::Unauthenticated) if the present one is wrong;
    /// [`ProblemCode::Refused`](tickloom_chassis::ProblemCode::Refused) if the new one is not taken.
    pub(crate) async fn change_password(
        &self,
        by: By,
        subject: &Subject,
        (present, new, code): (Password, Password, Option<&str>),
    ) -> Result<(), AuthError> {
        let session = super::proof::session(subject)?;
        let tries = Tries::of_session(session);
        let mut write = self.database.write().await?;
        tries.count(&mut write, by.now).await?;
        let account = known(&mut write, &subject.account).await?;
        write.commit().await?;
        account.person()?;
        self.check_password(Some(&account), present).await?;
        let words = vec![
            account.email.clone().unwrap_or_default(),
            account.name.clone(),
        ];
        let hash = self.hasher.set(new, words).await?;
        let mut write = self.database.write().await?;
        let account = known(&mut write, &subject.account).await?;
        take_second_factor(&mut write, &account, code, by.now).await?;
        tries.forgive(&mut write).await?;
        store::secret::set_password(&mut write, &account.id, &hash, by.now.0).await?;
        store::secret::drop_links(&mut write, &account.id).await?;
        let account = apply(&mut write, &by, account, AuthEvent::PasswordSet).await?;
        self.end_sessions(&mut write, &by, (&account.id, session))
            .await?;
        write.commit().await?;
        Ok(())
    }
}
