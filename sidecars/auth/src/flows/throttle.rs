//! Slows down who guesses, without keeping out whoever an account belongs to.
//!
//! Attempts are counted for an e-mail address, whether there is such an account or not, and on each device on which it was signed in for
//! that device alone (OWASP, device cookies): a stranger who guesses makes strangers wait, and not the person on a device of theirs.
//! An attempt is counted before the password is looked at, so that many at the same time are many. One that was no guess does not count;
//! only one that is right in everything lets all of them be forgotten.

use crate::credential::hashed;
use crate::credential::secret::{self, SecretKind};
use crate::{AuthError, store};
use std::sync::OnceLock;
use std::time::Duration;
use tickloom_chassis::{Database, Result, Write};
use tickloom_types::Ts;

/// Attempts that may fail one after another before the first wait.
const FREE_ATTEMPTS: i64 = 5;
/// The longest wait.
const WAIT_MAX_S: u64 = 900;
/// After so long without a try they are forgotten: a day.
const FORGOTTEN_NS: i64 = 86_400_000_000_000;

/// Whose attempts are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempts {
    subject: String,
    /// When the last one was before the one that was counted with this, and when that was.
    counted: OnceLock<(i64, i64)>,
    /// Whether they are those of a device on which the account was signed in.
    pub(crate) is_known_device: bool,
}

impl Attempts {
    fn new(subject: String, is_known_device: bool) -> Attempts {
        Attempts {
            subject,
            counted: OnceLock::new(),
            is_known_device,
        }
    }

    /// Those of an address, on a device that shows that it was signed in, if it does.
    pub(crate) async fn of(
        database: &Database,
        (email, account): (&str, Option<&str>),
        device: Option<&str>,
        now: Ts,
    ) -> Result<Attempts> {
        let known = Attempts::of_device(database, account, device, now).await?;
        Ok(known.unwrap_or_else(|| Attempts::of_strangers(email)))
    }

    /// Those of an address on devices that are not known.
    pub(crate) fn of_strangers(email: &str) -> Attempts {
        // An address is not kept beside an account that may not be there.
        Attempts::new(format!("email/{}", hashed(email)), false)
    }

    /// Those with a passkey, on a device that shows that the account was signed in on it, if it does. Who guesses passwords does not keep
    /// a passkey out, nor the other way round.
    pub(crate) async fn of_passkey(
        database: &Database,
        (passkey, account): (&str, &str),
        device: Option<&str>,
        now: Ts,
    ) -> Result<Attempts> {
        let known = Attempts::of_device(database, Some(account), device, now).await?;
        let known = known.filter(|known| known.is_known_device);
        Ok(known.unwrap_or_else(|| Attempts::new(format!("passkey/{passkey}"), false)))
    }

    /// Those of a device that shows that it is known, or that a password was chosen on it with a link: such devices of an account are
    /// counted together, as each link would let the second factor be guessed anew.
    async fn of_device(
        database: &Database,
        account: Option<&str>,
        device: Option<&str>,
        now: Ts,
    ) -> Result<Option<Attempts>> {
        let Some(presented) = device.and_then(|device| secret::parse(device).ok()) else {
            return Ok(None);
        };
        // It is looked for whether there is such an account or not, so that both take as long.
        let of = (presented.id.as_str(), account.unwrap_or_default());
        let found = store::secret::device(database.reader(), of, now.0).await?;
        let found = found.filter(|found| presented.matches(SecretKind::Device, &found.hash));
        Ok(found.map(|found| match found.is_recovered {
            true => Attempts::new(format!("recovered/{}", of.1), false),
            false => Attempts::new(format!("device/{}", presented.id), true),
        }))
    }

    /// Those that were counted at the step before.
    pub(crate) fn again(subject: String) -> Attempts {
        let is_known_device = subject.starts_with("device/");
        Attempts::new(subject, is_known_device)
    }

    /// Those of codes for an account whose password was right, which was looked at with these: who guesses passwords does not keep out who
    /// knows it.
    pub(crate) fn of_codes(&self, account: &str) -> Attempts {
        if self.subject.starts_with("email/") {
            return Attempts::new(format!("code/{account}"), false);
        }
        Attempts::new(self.subject.clone(), self.is_known_device)
    }

    /// What they are counted for.
    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// Those of codes for an account that a provider has identified.
    pub(crate) fn of_identified(account: &str) -> Attempts {
        Attempts::new(format!("identified/{account}"), true)
    }

    /// Those of proofs in a session.
    pub(crate) fn of_session(session: &str) -> Attempts {
        Attempts::new(format!("session/{session}"), true)
    }

    /// Those of codes of devices that an account typed.
    pub(crate) fn of_device_codes(account: &str) -> Attempts {
        Attempts::new(format!("device-code/{account}"), true)
    }

    /// Counts one more, unless it has to wait.
    ///
    /// # Errors
    /// [`AuthError::TooManyAttempts`] with the time to wait.
    pub(crate) async fn count(&self, write: &mut Write, now: Ts) -> Result<(), AuthError> {
        // Others who count the same wait here until this is committed: many at the same time are many.
        let (failures, last) = store::secret::hold_failures(write, &self.subject, now.0).await?;
        let wait = wait(failures, last, now);
        if !wait.is_zero() {
            return Err(AuthError::TooManyAttempts(wait));
        }
        let forgotten = now.0.saturating_sub(FORGOTTEN_NS);
        store::secret::failed(write, &self.subject, now.0, forgotten).await?;
        // Of one that is counted with this twice, the first says when the last one was before.
        self.counted.get_or_init(|| (last, now.0));
        Ok(())
    }

    /// Does not count the last one, as it was no guess; those before stay, and whoever waits for them waits no longer for this one.
    pub(crate) async fn undo(&self, database: &Database) -> Result<()> {
        let mut write = database.write().await?;
        self.undo_in(&mut write).await?;
        write.commit().await
    }

    /// The same, in a transaction.
    pub(crate) async fn undo_in(&self, write: &mut Write) -> Result<()> {
        match self.counted.get() {
            Some(counted) => store::secret::undo(write, &self.subject, *counted).await,
            None => Ok(()),
        }
    }

    /// Forgets those that were counted.
    pub(crate) async fn clear(&self, write: &mut Write) -> Result<()> {
        store::secret::clear(write, &self.subject).await
    }
}

/// How long the next try has to wait after so many, the last of them then. Whole seconds, upwards.
fn wait(failures: i64, last: i64, now: Ts) -> Duration {
    if last < now.0.saturating_sub(FORGOTTEN_NS) || failures < FREE_ATTEMPTS {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(failures - FREE_ATTEMPTS).unwrap_or(u32::MAX);
    let seconds = 1_u64.checked_shl(doublings).unwrap_or(WAIT_MAX_S);
    let full = Duration::from_secs(seconds.clamp(1, WAIT_MAX_S));
    let since = u64::try_from(now.0.saturating_sub(last)).unwrap_or(0);
    let rest = full.saturating_sub(Duration::from_nanos(since));
    Duration::from_secs(rest.as_secs() + u64::from(rest.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_after_five_doubles_the_wait_up_to_a_quarter_of_an_hour() {
        const SECOND: i64 = 1_000_000_000;
        let now = Ts(1_000_000 * SECOND);
        for (failures, seconds) in [
            (1, 0),
            (4, 0),
            (5, 1),
            (6, 2),
            (10, 32),
            (14, 512),
            (15, 900),
            (500, 900),
            (i64::MAX, 900),
        ] {
            assert_eq!(wait(failures, now.0, now).as_secs(), seconds, "{failures}");
        }
        assert_eq!(wait(6, now.0 - SECOND / 2, now).as_secs(), 2);
        assert_eq!(wait(6, now.0 - SECOND, now).as_secs(), 1);
        assert_eq!(wait(6, now.0 - 2 * SECOND, now).as_secs(), 0);
        assert_eq!(wait(500, now.0 - FORGOTTEN_NS - 1, now).as_secs(), 0);
    }
}
