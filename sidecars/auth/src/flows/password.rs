//! A password of one's own choice in the place of another.

use super::authentication::{RightPassword, goes_on, take_second_factor};
use super::throttle::Attempts;
use crate::Auth;
use crate::change::{By, apply, known};
use crate::credential::password::Password;
use crate::error::wrong_credentials;
use crate::events::AuthEvent;
use crate::{AuthError, store};
use tickloom_chassis::Subject;

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
        let session = super::authentication::session(subject)?;
        let account = store::account::by_id(self.database.reader(), &subject.account).await?;
        let account = account.ok_or_else(wrong_credentials)?;
        account.person()?;
        let attempts = Attempts::of_session(session);
        self.count(&attempts, by.now).await?;
        let words = vec![
            account.email.clone().unwrap_or_default(),
            account.name.clone(),
        ];
        let changed = match self.check_password(Some(&account), present).await {
            Ok(right) => match self.hasher.set(new, words).await {
                Ok(hash) => {
                    let of = (account.id.as_str(), session, &attempts);
                    self.put_password(&by, of, (right, &hash, code)).await
                }
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error),
        };
        self.settle(&by, "password_set", (&account, &attempts), changed)
            .await
    }

    async fn put_password(
        &self,
        by: &By,
        (account, session, attempts): (&str, &str, &Attempts),
        (right, hash, code): (RightPassword, &str, Option<&str>),
    ) -> Result<(), AuthError> {
        let mut write = self.write().await?;
        let account = known(&mut write, account).await?;
        goes_on(&mut write, session).await?;
        right.again(&mut write, &account).await?;
        take_second_factor(&mut write, &account, code, by.now).await?;
        attempts.clear(&mut write).await?;
        store::secret::set_password(&mut write, &account.id, hash, by.now.0).await?;
        store::secret::drop_links(&mut write, &account.id).await?;
        store::secret::drop_devices(&mut write, &account.id).await?;
        let account = apply(&mut write, by, account, AuthEvent::PasswordSet).await?;
        self.end_sessions(&mut write, by, (&account.id, session))
            .await?;
        write.commit().await?;
        Ok(())
    }
}
