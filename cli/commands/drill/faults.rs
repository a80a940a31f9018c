//! The drills: what goes wrong in each, and what has to come of it.

mod connections;
mod messages;
mod snapshots;

use super::range::Outcome;
use tickloom_feeds::local_venue::{Fault, Speed};
use tickloom_feeds::{FeedState, Reason};
use tickloom_types::{NANOS_PER_SECOND, StatusCode};

/// Which sample the venue plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Market {
    /// BTCUSDT on spot.
    Spot,
    /// BTCUSDT as USD-margined perpetual, of which aggregated trades were not recorded.
    Usdm,
}

/// One expectation, and whether it came so.
pub(super) struct Check {
    pub(super) expected: &'static str,
    pub(super) look: fn(&Outcome) -> (bool, String),
}

/// When a drill is at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The recording is played, and the feed's book is the venue's.
    SameBook,
    /// That, and the feed is at this.
    SameBookIn(FeedState),
    /// The feed has said so.
    Said(&'static str),
}

/// One drill.
pub(super) struct Drill {
    pub(super) name: &'static str,
    /// What goes wrong.
    pub(super) fault: &'static str,
    pub(super) market: Market,
    pub(super) speed: Speed,
    pub(super) faults: fn() -> Vec<Fault>,
    pub(super) end: End,
    pub(super) checks: &'static [Check],
}

const PLAIN: Drill = Drill {
    name: "",
    fault: "",
    market: Market::Spot,
    speed: Speed::AsFastAsRead,
    faults: Vec::new,
    end: End::SameBook,
    checks: &[],
};

/// Every drill ends with this.
const SAME_BOOK: Check = Check {
    expected: "in the end the book is the venue's, and live",
    look: |outcome| {
        let is_same = outcome.has_the_venues_book() && outcome.is_finished;
        let id = outcome.tally.book.last_id;
        let theirs = outcome.venue_book.as_ref().map_or(0, |book| book.last_id);
        (is_same, format!("at update {id}, the venue at {theirs}"))
    },
};

const NAMED_GAP: Check = Check {
    expected: "the gap is a record",
    look: |outcome| at_least(outcome.tally.count(StatusCode::Gap), 1, "gaps"),
};

/// Bars go by these times.
const CLOCK_STANDS: Check = Check {
    expected: "timers and trades with good times stay within the recording",
    look: |outcome| {
        let oldest = outcome.tally.oldest.unwrap_or(0);
        let span = outcome.tally.newest.saturating_sub(oldest) / NANOS_PER_SECOND;
        // The recording has 85 seconds, and timers go on for as long as the drill takes.
        (
            (0..600).contains(&span),
            format!("{span} s from first to last"),
        )
    },
};

const RECONNECTED: Check = Check {
    expected: "it connects again by itself",
    look: |outcome| at_least(outcome.metrics.reconnects(), 1, "times"),
};

fn at_least(count: u64, least: u64, what: &str) -> (bool, String) {
    (count >= least, format!("{count} {what}"))
}

fn said(outcome: &Outcome, text: &str) -> (bool, String) {
    match outcome.said(text) {
        Some(said) => (true, said.clone()),
        None => (false, format!("it said {:?}", outcome.states)),
    }
}

/// Whether one frame was refused for this reason.
fn bad_frame(outcome: &Outcome, reason: Reason) -> (bool, String) {
    let count = outcome.metrics.bad_frames(reason);
    let last = outcome.metrics.last_error().unwrap_or_default();
    (count == 1, format!("{count} for {}; {last}", reason.name()))
}

/// All drills.
pub(super) fn drills() -> impl Iterator<Item = &'static Drill> {
    let groups = [messages::DRILLS, connections::DRILLS, snapshots::DRILLS];
    groups.into_iter().flatten()
}
