//! What somebody goes on with who signed in: tokens, or the cookie of a browser.

use super::authentication::RightPassword;
use super::sessions::Tokens;
use super::throttle::Attempts;
use crate::credential::secret::Secret;
use crate::model::Account;
use crate::store::session::Session;
use crate::{Auth, AuthError};
use tickloom_chassis::Write;
use tickloom_types::Ts;

/// A session that just began.
pub(crate) struct Begun {
    pub(crate) session: Session,
    /// What the device keeps for the next time, if it showed none.
    pub(crate) device: Option<Secret>,
}

/// What somebody who signed in goes on with.
pub(crate) trait Continuation: Sized + Send {
    /// What it is for a session, in the transaction in which that begins.
    fn begin(
        auth: &Auth,
        write: &mut Write,
        begun: Begun,
        now: Ts,
    ) -> impl Future<Output = Result<Self, AuthError>> + Send;

    /// What a sign-in waits with whose password is right, until the second factor is shown, if there is such a thing.
    fn wait(
        _: &mut Write,
        _: &Account,
        _: (&RightPassword, &Attempts),
        _: Ts,
    ) -> impl Future<Output = Result<Option<Self>, AuthError>> + Send {
        async { Ok(None) }
    }
}

impl Continuation for Tokens {
    async fn begin(
        auth: &Auth,
        write: &mut Write,
        begun: Begun,
        now: Ts,
    ) -> Result<Tokens, AuthError> {
        let tokens = auth.tokens(write, &begun.session, now).await?;
        let device_token = begun.device.map(|device| device.expose().to_owned());
        Ok(Tokens {
            device_token,
            ..tokens
        })
    }
}
