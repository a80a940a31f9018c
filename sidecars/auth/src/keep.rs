//! What is looked after by the clock: keys change, what is over is removed, and what was left out is told, each at a timer.

use crate::change::{By, known};
use crate::flows::links::LINK_REQUEST;
use crate::flows::providers::REQUEST_NS;
use crate::flows::refusals::{LEFT_OUT, tell_left_out};
use crate::logout_notices::{LOGOUT_NOTICE, end_logins};
use crate::signing::Signing;
use crate::store::client_login::Logins;
use crate::{Auth, AuthError, IDLE_NS, origin, store};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tickloom_chassis::{
    Database, MAIL, Stop, Timer, TimerFuture, TimerHandler, Write, forget_effects, forget_given_up,
};
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
/// Pause between two cleanings, and between two looks whether another process has changed keys.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The kind of timers at which keys that sign change, and the key of the only one.
pub(crate) const KEY_ROTATION: &str = "key_rotation";

/// Removes what is over.
pub(crate) struct Cleaning(pub(crate) Arc<Auth>);

/// Changes keys that sign when it is time.
pub(crate) struct KeyRotation {
    pub(crate) database: Database,
    pub(crate) signing: Arc<Signing>,
}

/// Tells how much of a window that is over was left out of the audit log.
pub(crate) struct LeftOut;

impl TimerHandler for Cleaning {
    fn kind(&self) -> &'static str {
        "cleaning"
    }

    fn every(&self) -> Option<Duration> {
        Some(LOOK_AGAIN)
    }

    fn fire<'a>(&'a self, write: &'a mut Write, timer: &'a Timer) -> TimerFuture<'a> {
        Box::pin(async move {
            self.0.clean(write, timer.now).await?;
            Ok(None)
        })
    }
}

impl TimerHandler for KeyRotation {
    fn kind(&self) -> &'static str {
        KEY_ROTATION
    }

    fn fire<'a>(&'a self, write: &'a mut Write, timer: &'a Timer) -> TimerFuture<'a> {
        Box::pin(async move { Ok(Some(self.signing.rotate(write, timer.now).await?)) })
    }

    fn committed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(look(&self.signing, &self.database))
    }
}

impl TimerHandler for LeftOut {
    fn kind(&self) -> &'static str {
        LEFT_OUT
    }

    fn fire<'a>(&'a self, write: &'a mut Write, timer: &'a Timer) -> TimerFuture<'a> {
        Box::pin(async move {
            tell_left_out(write, timer.now).await?;
            Ok(None)
        })
    }
}

/// Takes keys to which another process changed, until the stop is told.
pub(crate) async fn follow_keys(signing: Arc<Signing>, database: Database, mut stop: Stop) {
    while !stop.is_told() {
        look(&signing, &database).await;
        stop.or_after(LOOK_AGAIN).await;
    }
}

/// Takes the keys that are stored.
async fn look(signing: &Signing, database: &Database) {
    if let Err(error) = signing.reload(database).await {
        let error = error.to_string();
        tracing::warn!(error, "keys that sign were not looked at");
    }
}

impl Auth {
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

    async fn clean(&self, write: &mut Write, now: Ts) -> Result<(), AuthError> {
        store::session::end_old(write, now.0, now.0 - IDLE_NS).await?;
        end_logins(write, Logins::Over, now).await?;
        self.give_up_unfinished(write, now).await?;
        store::secret::drop_requests(write, now.0.div_euclid(MINUTE_NS)).await?;
        store::secret::drop_old(write, now.0, now.0 - KEPT_NS).await?;
        store::passkey::drop_old_challenges(write, now.0 - LATE_NS).await?;
        store::invitation::drop_old(write, now.0, now.0 - KEPT_NS).await?;
        store::authorisation::drop_old(write, now.0).await?;
        store::authorisation::drop_old_revoked(write, now.0 - LATE_NS).await?;
        store::device_code::drop_old(write, now.0).await?;
        store::client::drop_old_secrets(write, now.0).await?;
        store::client::drop_old_assertions(write, now.0 - LATE_NS).await?;
        store::browser::drop_old(write, now.0).await?;
        store::site::drop_old(write, now.0).await?;
        store::identity::drop_old(write, now.0 - REQUEST_NS).await?;
        let strangers = origin::day(now.0) - origin::KEPT_DAYS;
        store::refusal::drop_old(write, strangers, now.0 - REVOKED_KEPT_NS).await?;
        let mut dropped = 0;
        for kind in [LINK_REQUEST, MAIL] {
            forget_effects(write, kind, Ts(now.0 - KEPT_NS)).await?;
            dropped += forget_given_up(write, kind, Ts(now.0 - GIVEN_UP_KEPT_NS)).await?;
        }
        forget_effects(write, LOGOUT_NOTICE, Ts(now.0 - KEPT_NS)).await?;
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "mail that was given up is not kept any longer, and was never sent"
            );
        }
        Ok(())
    }
}
