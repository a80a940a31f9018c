//! How a thread waits: the wait strategy as a value. It knows no ring.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a thread does while it has nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wait {
    /// Burns a core for the lowest latency. Only for threads with a core of their own.
    Spin,
    /// Gives the core away each time round. Low latency, but an idle machine looks busy.
    Yield,
    /// Spins a little, yields a little, then sleeps until woken. An idle thread costs nothing.
    #[default]
    Park,
}

/// Rounds of spinning before the first yield: a few microseconds, about one ring hop.
const SPINS_MAX: u32 = 100;

/// Rounds of yielding before the first sleep.
const YIELDS_MAX: u32 = 20;

/// One sleep of a [`Backoff`] that nobody can wake.
const NAP: Duration = Duration::from_micros(50);

/// What the next round of waiting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    Spin,
    Yield,
    Sleep,
}

/// A wait strategy in progress: call [`Backoff::idle`] when there was nothing to do, and
/// [`Backoff::reset`] when there was something.
///
/// A consumer has one of its own, which a producer can wake (see [`crate::Consumer::idle`]);
/// this one is for threads that wait for something else, and sleeps in short naps.
#[derive(Debug, Clone)]
pub struct Backoff {
    wait: Wait,
    rounds: u32,
}

impl Backoff {
    /// Starts afresh.
    #[must_use]
    pub fn new(wait: Wait) -> Self {
        Self { wait, rounds: 0 }
    }

    /// Waits one round, each a little longer than the one before.
    pub fn idle(&mut self) {
        match self.next_round() {
            Round::Spin => std::hint::spin_loop(),
            Round::Yield => std::thread::yield_now(),
            Round::Sleep => std::thread::sleep(NAP),
        }
    }

    /// There was something to do: the next wait starts from the shortest round.
    pub fn reset(&mut self) {
        self.rounds = 0;
    }

    pub(crate) fn next_round(&mut self) -> Round {
        let round = self.rounds;
        self.rounds = round.saturating_add(1);
        match self.wait {
            Wait::Spin => Round::Spin,
            _ if round < SPINS_MAX => Round::Spin,
            Wait::Yield => Round::Yield,
            Wait::Park if round < SPINS_MAX + YIELDS_MAX => Round::Yield,
            Wait::Park => Round::Sleep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wait: Wait, expected: [Round; 3]) {
        let mut backoff = Backoff::new(wait);
        let mut at = |rounds: u32| {
            backoff.reset();
            (0..rounds).for_each(|_| _ = backoff.next_round());
            backoff.next_round()
        };
        let seen = [at(0), at(SPINS_MAX), at(SPINS_MAX + YIELDS_MAX)];
        assert_eq!(seen, expected, "{wait:?}");
    }

    #[test]
    fn each_strategy_climbs_its_own_ladder() {
        check(Wait::Spin, [Round::Spin, Round::Spin, Round::Spin]);
        check(Wait::Yield, [Round::Spin, Round::Yield, Round::Yield]);
        check(Wait::Park, [Round::Spin, Round::Yield, Round::Sleep]);
    }
}
