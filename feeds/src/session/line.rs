//! The state of one connection of a feed.

use super::Now;
use std::collections::VecDeque;
use tickloom_types::{DurationNs, NANOS_PER_SECOND};

/// What a connection is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Connecting,
    /// Why, and until when.
    Waiting(String),
    Open,
}

/// One connection.
#[derive(Debug)]
pub(super) struct LineState {
    pub(super) phase: Phase,
    pub(super) connected_at: DurationNs,
    /// Number of the frame within the connection, from 1.
    pub(super) frame_number: u64,
    pub(super) last_arrival: Now,
    pub(super) is_skew_told: bool,
    pub(super) is_bad_time_told: bool,
    /// When the next connection is to be made, before this one ends.
    pub(super) replace_at: DurationNs,
    pub(super) is_replacing: bool,
    /// What was taken by the venue and never came, of this connection or of the one before.
    pub(super) silent: Option<String>,
    /// Why the connection is to be given up.
    pub(super) give_up: Option<String>,
    pub(super) outgoing: Outgoing,
}

impl LineState {
    pub(super) fn new() -> LineState {
        LineState {
            phase: Phase::Starting,
            connected_at: 0,
            frame_number: 0,
            last_arrival: Now::default(),
            is_skew_told: false,
            is_bad_time_told: false,
            replace_at: DurationNs::MAX,
            is_replacing: false,
            silent: None,
            give_up: None,
            outgoing: Outgoing::default(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// A connection was made: nothing is known of it yet. What was silent before is so until something comes.
    pub(super) fn open(&mut self, now: Now, max_age: DurationNs) {
        *self = LineState {
            phase: Phase::Open,
            connected_at: now.mono,
            last_arrival: now,
            replace_at: now.mono.saturating_add(max_age),
            silent: self.silent.take(),
            ..LineState::new()
        };
    }
}

/// What we sent within the last second: the venue counts pings and pongs as messages.
#[derive(Debug, Default)]
pub(super) struct Outgoing(VecDeque<DurationNs>);

/// More than any venue allows: what is beyond is not counted one by one.
const OUTGOING_KEPT: usize = 64;

impl Outgoing {
    /// Something was sent.
    pub(super) fn sent(&mut self, now: DurationNs) {
        self.forget(now);
        if self.0.len() < OUTGOING_KEPT {
            self.0.push_back(now);
        }
    }

    /// Whether one more can be sent, so that the pong that the venue may want next can be as well.
    pub(super) fn may_send(&mut self, now: DurationNs, most: usize) -> bool {
        self.forget(now);
        self.0.len() + 1 < most
    }

    fn forget(&mut self, now: DurationNs) {
        while let Some(first) = self.0.front()
            && now.saturating_sub(*first) >= NANOS_PER_SECOND
        {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_and_pongs_of_a_second_are_counted_together() {
        let mut outgoing = Outgoing::default();
        for sent in 0..4 {
            assert!(outgoing.may_send(sent, 5));
            outgoing.sent(sent);
        }
        assert!(!outgoing.may_send(10, 5), "the fifth is for a pong");
        assert!(outgoing.may_send(NANOS_PER_SECOND, 5));
        for _ in 0..1_000_000 {
            outgoing.sent(NANOS_PER_SECOND);
        }
        assert_eq!(outgoing.0.len(), OUTGOING_KEPT);
    }
}
