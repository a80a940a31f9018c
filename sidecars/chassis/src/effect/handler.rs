//! Who does effects of a kind, how often it is tried, and with what pauses.

use crate::hex::sha256;
use std::pin::Pin;
use std::time::Duration;
use tickloom_types::Ts;

/// An effect that is to be done now.
#[derive(Clone, PartialEq, Eq)]
pub struct Effect {
    /// What it is, for ever: with it the outside can make once what is done at least once.
    pub key: String,
    /// What the handler needs, as whoever asked for it wrote it.
    pub payload: String,
    /// When it was asked for.
    pub at: Ts,
    /// Which attempt this is, from one.
    pub attempt: i64,
}

/// What the outside answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectAnswer {
    /// It is done.
    Done(String),
    /// Not now: this one is tried again later, and refused if that never helps.
    Later(String),
    /// Never: this one cannot be done.
    Refused(String),
    /// The outside cannot be reached or does not let us in, whichever effect it is: tried again later, and given up if it stays away,
    /// which is a trouble of the service.
    Away(String),
}

/// What [`EffectHandler::perform`] returns.
pub type EffectFuture<'a> = Pin<Box<dyn Future<Output = EffectAnswer> + Send + 'a>>;

/// How often an effect is tried, and with what pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectPolicy {
    /// Attempts in all, at least one.
    pub attempts_max: i64,
    /// Pause after the first attempt; each is twice as long as the one before.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long an attempt may take. What takes longer is dropped and tried again; its lease is longer by a minute.
    pub time_max: Duration,
}

/// Does effects of one kind.
pub trait EffectHandler: Send + Sync + 'static {
    /// Which kind, in lower case.
    fn kind(&self) -> &'static str;

    /// Does it. It may be dropped at any point, and may be called again with the same key after it has been done.
    fn perform<'a>(&'a self, effect: &'a Effect) -> EffectFuture<'a>;

    /// How many are done at a time, each of another lane: from 1 to 8.
    fn at_once(&self) -> usize {
        1
    }

    /// In which lane an effect is, of which one is done at a time: a beginning of its key before a `/`, such as whom it is for. Whoever is
    /// slow keeps those of its own lane waiting, and nobody else's.
    fn lane<'a>(&self, key: &'a str) -> &'a str {
        key
    }

    /// How often it is tried.
    fn policy(&self) -> EffectPolicy {
        EffectPolicy::default()
    }
}

/// 32 attempts with pauses of up to 10 s, 20 s and so on to an hour: half a day to a day in all.
impl Default for EffectPolicy {
    fn default() -> EffectPolicy {
        EffectPolicy {
            attempts_max: 32,
            first_pause: Duration::from_secs(10),
            longest_pause: Duration::from_secs(3600),
            time_max: Duration::from_secs(60),
        }
    }
}

impl EffectPolicy {
    /// The pause after an attempt, in nanoseconds: from half of the full pause to the whole, as key and attempt say, so that effects
    /// that failed together are not tried together, and that each pause is the same whenever it is asked for.
    #[must_use]
    pub fn pause(&self, key: &str, attempt: i64) -> i64 {
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 2_u128.checked_pow(doublings).unwrap_or(u128::MAX);
        let full = self.first_pause.as_nanos().saturating_mul(factor);
        let full = full.min(self.longest_pause.as_nanos());
        let full = u64::try_from(full).unwrap_or(u64::MAX);
        let mut seed = key.as_bytes().to_vec();
        seed.extend(attempt.to_be_bytes());
        let [a, b, c, d, e, f, g, h, ..] = sha256(&seed);
        let share = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let half = full / 2;
        let jitter = (u128::from(full - half) * u128::from(share)) >> 64;
        let pause = u128::from(half) + jitter;
        i64::try_from(pause).unwrap_or(i64::MAX)
    }

    /// How long an attempt has the effect for itself, in nanoseconds.
    pub(crate) fn lease(&self) -> i64 {
        let lease = self.time_max.saturating_add(Duration::from_secs(60));
        i64::try_from(lease.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// The payload may have secrets, and is not shown.
impl std::fmt::Debug for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Effect")
            .field("key", &self.key)
            .field("at", &self.at)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ_by_key() {
        let policy = EffectPolicy::default();
        let second = 1_000_000_000;
        for (attempt, full) in [(1, 10), (2, 20), (3, 40), (9, 2560), (10, 3600), (32, 3600)] {
            let pauses: Vec<i64> = (0..200)
                .map(|n| policy.pause(&format!("mail/{n}"), attempt))
                .collect();
            let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
            assert!(
                *least >= full * second / 2 && *most < full * second,
                "{attempt}"
            );
            // They are spread over the whole half.
            assert!(most - least > full * second * 45 / 100, "{attempt}");
        }
        for attempt in [0, -1, i64::MAX, i64::MIN] {
            let pause = policy.pause("x", attempt);
            assert!((0..=3600 * second).contains(&pause), "{attempt}: {pause}");
        }
    }

    #[test]
    fn a_pause_follows_from_key_and_attempt() {
        // By Python: share = int.from_bytes(sha256(b"mail/1" + (1).to_bytes(8, "big")).digest()[:8], "big");
        // 5 * 10**9 + (5 * 10**9 * share >> 64)
        assert_eq!(EffectPolicy::default().pause("mail/1", 1), 8_861_176_851);
    }
}
