//! Time as an argument: the system's, or one that moves only when it is told to, so that every expiry can be tested to the moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tickloom_types::Ts;

/// Where a service asks what time it is.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's.
    System,
    /// One that stands still until it is set; nanoseconds since the epoch.
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at` until it is moved.
    #[must_use]
    pub fn standing(at: Ts) -> Clock {
        Clock::Set(Arc::new(AtomicI64::new(at.0)))
    }

    /// Now, nanoseconds since the epoch. Before it and after the year 2262 it is the nearest time that can be told.
    #[must_use]
    pub fn now(&self) -> Ts {
        match self {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                let nanos = since.map_or(0, |since| since.as_nanos());
                Ts(i64::try_from(nanos).unwrap_or(i64::MAX))
            }
            Clock::Set(at) => Ts(at.load(Ordering::Acquire)),
        }
    }

    /// Moves a standing clock forward to `at`; it never goes back. Whether it could be moved: the system's cannot.
    #[must_use]
    pub fn advance_to(&self, at: Ts) -> bool {
        match self {
            Clock::System => false,
            Clock::Set(now) => {
                now.fetch_max(at.0, Ordering::AcqRel);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_when_it_is_told_and_only_forward() {
        let clock = Clock::standing(Ts(1_000));
        let same = clock.clone();
        assert_eq!(clock.now(), Ts(1_000));
        assert!(same.advance_to(Ts(1_500)));
        assert_eq!(clock.now(), Ts(1_500));
        assert!(clock.advance_to(Ts(1_200)));
        assert_eq!(same.now(), Ts(1_500));
    }

    #[test]
    fn the_clock_of_the_system_cannot_be_moved() {
        // The day on which this was written.
        let written = Ts(1_795_910_400_000_000_000);
        assert!(!Clock::System.advance_to(Ts(i64::MAX)));
        assert!(Clock::System.now() > Ts(written.0 / 2));
    }
}
