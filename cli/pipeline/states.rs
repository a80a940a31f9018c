//! The state on its way from the core's thread to the publisher's: asked for when somebody comes, given between two moments.
//!
//! The publisher asks, the core puts the state into a channel and a mark into the output ring: so what is published before the
//! state is in it, and what comes after it is not.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tickloom_core::State;
use tickloom_types::{Record, Ts};
use tickloom_wire::RunPosition;

/// Least nanoseconds between two questions: however many come, the core has its time for records.
const PAUSE_NS: u64 = 100_000_000;

/// The core's side.
pub(crate) struct Asked {
    wanted: Arc<AtomicBool>,
    given: Sender<State>,
}

/// The publisher's side.
pub(crate) struct States {
    /// What the run knew at its start.
    pub(crate) known: Known,
    wanted: Arc<AtomicBool>,
    given: Receiver<State>,
    asked_at: Option<Ts>,
    is_under_way: bool,
}

/// What a run knows at a place.
pub(crate) struct Known {
    pub(crate) next: RunPosition,
    pub(crate) state: State,
}

/// Both sides; nothing is asked.
pub(crate) fn states(known: Known) -> (Asked, States) {
    let wanted = Arc::new(AtomicBool::new(false));
    // One question at a time has one answer.
    let (sender, given) = bounded(1);
    let asked = Asked {
        wanted: Arc::clone(&wanted),
        given: sender,
    };
    let states = States {
        known,
        wanted,
        given,
        asked_at: None,
        is_under_way: false,
    };
    (asked, states)
}

impl Asked {
    /// Whether the state is asked for: cheap, for every record.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Gives it; a mark in the output ring has to follow.
    #[cold]
    pub(crate) fn give(&self, state: State) {
        self.wanted.store(false, Ordering::Relaxed);
        // The publisher takes each before it asks again; one that has gone wants none.
        drop(self.given.try_send(state));
    }
}

impl States {
    /// Asks, if none is under way and the last time is long enough ago.
    pub(crate) fn ask(&mut self, now: Ts) {
        let is_early = |asked: Ts| now.0.abs_diff(asked.0) < PAUSE_NS;
        if self.is_under_way || self.asked_at.is_some_and(is_early) {
            return;
        }
        self.is_under_way = true;
        self.asked_at = Some(now);
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// The state whose mark has come.
    pub(crate) fn take(&mut self) -> Option<State> {
        self.is_under_way = false;
        self.given.try_recv().ok()
    }
}

impl Known {
    /// It as records.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.state.records(self.next.inputs.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_core::{Core, CoreConfig};

    fn state() -> State {
        Core::new(&CoreConfig::default()).unwrap().state()
    }

    fn nothing_asked() -> (Asked, States) {
        states(Known {
            next: RunPosition::default(),
            state: state(),
        })
    }

    #[test]
    fn one_question_is_under_way_at_a_time_and_not_too_many_follow() {
        let (asked, mut states) = nothing_asked();
        assert!(!asked.is_wanted());
        states.ask(Ts(0));
        assert!(asked.is_wanted());
        asked.give(state());
        assert!(!asked.is_wanted());
        states.ask(Ts(200_000_000));
        assert!(!asked.is_wanted(), "the answer has not been taken");
        assert_eq!(states.take(), Some(state()));
        assert_eq!(states.take(), None);
        states.ask(Ts(99_999_999));
        assert!(!asked.is_wanted(), "too early");
        states.ask(Ts(100_000_000));
        assert!(asked.is_wanted());
    }

    #[test]
    fn a_clock_that_was_set_back_asks_again() {
        let (asked, mut states) = nothing_asked();
        states.ask(Ts(1_000_000_000_000));
        asked.give(state());
        states.take();
        states.ask(Ts(0));
        assert!(asked.is_wanted());
    }
}
