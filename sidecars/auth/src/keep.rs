//! What is looked after by the clock: keys change, and what is over is removed.

use crate::change::{By, known};
use crate::flows::links::LINK_REQUEST;
use crate::flows::providers::REQUEST_NS;
use crate::flows::refusals::tell_left_out;
use crate::logout_notices::{LOGOUT_NOTICE, end_logins};
use crate::store::client_login::Logins;
use crate::{Auth, AuthError, IDLE_NS, origin, store};
use std::sync::Arc;
use std::time::Duration;
use tickloom_chassis::{MAIL, Stop, Write, forget_effects, forget_given_up};
use tickloom_types::Ts;

const MINUTE_NS: i64 = 60_000_000_000;
/// Attempts and mail are forgotten after two days.
const KEPT_NS: i64 = 2 * 86_400_000_000_000;
/// That something was used or revoked is known for five minutes longer than it would have been good: a request that began before may be
/// decided after.
const LATE_NS: i64 = 300_000_000_000;
/// Mail that was given up is kept for seven days, as long as the last of its links is good.
const GIVEN_UP_KEPT_NS: i64 = 7 * 86_400_000_000_000;
/// Whose key it was that was revoked is known for 90 days.
const REVOKED_KEPT_NS: i64 = 90 * 86_400_000_000_000;
/// Pause between two looks whether keys have to change and sessions are over.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl Auth {
    /// Changes keys by the clock, and removes what is over.
    pub(crate) async fn keep(self: Arc<Auth>, mut stop: Stop) {
        while !stop.is_told() {
            if let Err(error) = self.keep_once().await {
                let error = error.to_string();
                tracing::warn!(error, "keys and sessions were not looked after");
            }
            stop.or_after(LOOK_AGAIN).await;
        }
    }

    /// Gives up accounts of people who signed up and let their link run out: whose address it is never said that they want one.
    async fn give_up_unfinished(&self, write: &mut Write, now: Ts) -> Result<(), AuthError> {
        let by = By::named("service/auth", String::new(), now);
        loop {
            let unfinished = store::secret::unfinished(write, now.0).await?;
            if unfinished.is_empty() {
                return Ok(());
            }
            for id in unfinished {
                let account = known(write, &id).await?;
                self.give_up(write, &by, account).await?;
            }
        }
    }

    pub(crate) async fn keep_once(&self) -> Result<(), AuthError> {
        let now = self.clock.now();
        self.signing.rotate(&self.database, now).await?;
        let mut write = self.write().await?;
        store::session::end_old(&mut write, now.0, now.0 - IDLE_NS).await?;
        end_logins(&mut write, Logins::Over, now).await?;
        self.give_up_unfinished(&mut write, now).await?;
        store::secret::drop_requests(&mut write, now.0.div_euclid(MINUTE_NS)).await?;
        store::secret::drop_old(&mut write, now.0, now.0 - KEPT_NS).await?;
        store::passkey::drop_old_challenges(&mut write, now.0 - LATE_NS).await?;
        store::invitation::drop_old(&mut write, now.0, now.0 - KEPT_NS).await?;
        store::authorisation::drop_old(&mut write, now.0).await?;
        store::authorisation::drop_old_revoked(&mut write, now.0 - LATE_NS).await?;
        store::device_code::drop_old(&mut write, now.0).await?;
        store::client::drop_old_secrets(&mut write, now.0).await?;
        store::client::drop_old_assertions(&mut write, now.0 - LATE_NS).await?;
        store::browser::drop_old(&mut write, now.0).await?;
        store::site::drop_old(&mut write, now.0).await?;
        store::identity::drop_old(&mut write, now.0 - REQUEST_NS).await?;
        tell_left_out(&mut write, now).await?;
        let strangers = origin::day(now.0) - origin::KEPT_DAYS;
        store::refusal::drop_old(&mut write, strangers, now.0 - REVOKED_KEPT_NS).await?;
        let mut dropped = 0;
        for kind in [LINK_REQUEST, MAIL] {
            forget_effects(&mut write, kind, Ts(now.0 - KEPT_NS)).await?;
            dropped += forget_given_up(&mut write, kind, Ts(now.0 - GIVEN_UP_KEPT_NS)).await?;
        }
        forget_effects(&mut write, LOGOUT_NOTICE, Ts(now.0 - KEPT_NS)).await?;
        write.commit().await?;
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "mail that was given up is not kept any longer, and was never sent"
            );
        }
        Ok(())
    }
}
