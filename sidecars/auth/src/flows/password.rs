//! A password of one's own choice in the place of another, or of none.

use super::authentication::{RightPassword, SecondFactor, goes_on, recent};
use super::browser::NextCookie;
use super::passkey_proofs::Showing;
use super::refusals::On;
use super::sessions::remember_device;
use super::throttle::Attempts;
use crate::Auth;
use crate::change::{By, apply, known};
use crate::credential::passkey::Purpose;
use crate::credential::password::Password;
use crate::credential::secret::Secret;
use crate::error::wrong_credentials;
use crate::events::AuthEvent;
use crate::model::Account;
use crate::passkey_messages::SignedPasskey;
use crate::{AuthError, store};
use tickloom_chassis::{Subject, Write};
use tickloom_types::Ts;

/// A password in the place of another.
pub(crate) struct ChosenPassword {
    /// The present one; none if there is none.
    pub(crate) present: Option<Password>,
    pub(crate) new: Password,
    /// The second factor: a code.
    pub(crate) code: Option<String>,
    /// The second factor: a passkey.
    pub(crate) passkey: Option<SignedPasskey>,
}

/// What lets a password be chosen.
enum Proof<'a> {
    Password(RightPassword, SecondFactor<'a>),
    /// There is none yet, and a passkey was shown a short while ago.
    NoneYet,
}

impl Auth {
    /// Changes the password of whoever asks, in their session; all other sessions of theirs end, and that of a browser has this cookie from
    /// now on. Returns what the device keeps, by which it is known: no other one is.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`](tickloom_chassis::ProblemCode::Unauthenticated) if the present one is wrong;
    /// [`ProblemCode::Refused`](tickloom_chassis::ProblemCode::Refused) if the new one is not taken.
    pub(crate) async fn change_password(
        &self,
        by: By,
        subject: &Subject,
        chosen: ChosenPassword,
        cookie: Option<&NextCookie>,
    ) -> Result<Secret, AuthError> {
        let session = super::authentication::session(subject)?;
        let account = store::account::by_id(self.database.reader(), &subject.account).await?;
        let account = account.ok_or_else(wrong_credentials)?;
        account.person()?;
        let attempts = Attempts::of_session(session);
        let on = On::Account(&account);
        self.count(&attempts, (&by, "password_set", on)).await?;
        let words = vec![
            account.email.clone().unwrap_or_default(),
            account.name.clone(),
        ];
        let factor = SecondFactor::new(chosen.code.as_deref(), chosen.passkey.as_ref());
        let proof = match chosen.present {
            Some(present) => match self.check_password(Some(&account), present).await {
                Ok(right) => Ok(Proof::Password(right, factor)),
                Err(error) => Err(error),
            },
            None => recent(subject, by.now).map(|()| Proof::NoneYet),
        };
        let changed = match proof {
            Ok(proof) => match self.hasher.set(chosen.new, words).await {
                Ok(hash) => {
                    let of = (account.id.as_str(), session, &attempts);
                    self.put_password(&by, of, (proof, &hash), cookie).await
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
        (proof, hash): (Proof<'_>, &str),
        cookie: Option<&NextCookie>,
    ) -> Result<Secret, AuthError> {
        let mut write = self.write().await?;
        let account = known(&mut write, account).await?;
        goes_on(&mut write, session, by.now).await?;
        match proof {
            Proof::Password(right, factor) => {
                right.again(&mut write, &account).await?;
                let showing = Showing {
                    purpose: Purpose::StepUp,
                    session,
                    now: by.now,
                };
                self.take_second_factor(&mut write, &account, factor, showing)
                    .await?;
            }
            Proof::NoneYet => {
                let stored = store::secret::password(write.connection(), &account.id).await?;
                if stored.is_some() {
                    return Err(wrong_credentials());
                }
            }
        }
        attempts.clear(&mut write).await?;
        store::secret::set_password(&mut write, &account.id, hash, by.now.0).await?;
        store::secret::drop_links(&mut write, &account.id).await?;
        let device = known_anew(&mut write, (&account, true), by.now).await?;
        let account = apply(&mut write, by, account, AuthEvent::PasswordSet).await?;
        self.end_sessions(&mut write, by, (&account.id, session))
            .await?;
        if let Some(cookie) = cookie {
            cookie.take_place(&mut write, session).await?;
        }
        write.commit().await?;
        Ok(device)
    }
}

/// Lets the device be known on which somebody chose a password, and no other. What strangers guessed at the address is forgotten, as the
/// password that they guessed is; but not if there is a second factor that was not shown, as codes were guessed there too.
pub(super) async fn known_anew(
    write: &mut Write,
    (account, is_proved): (&Account, bool),
    now: Ts,
) -> Result<Secret, AuthError> {
    store::secret::drop_devices(write, &account.id).await?;
    if let Some(email) = account.email.as_ref().filter(|_| is_proved) {
        Attempts::of_strangers(email).clear(write).await?;
    }
    remember_device(write, (&account.id, !is_proved), now).await
}
