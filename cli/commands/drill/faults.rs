//! The drills: what goes wrong in each, and what has to come of it.

use super::range::Outcome;
use std::sync::atomic::Ordering::Relaxed;
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

/// All drills, the quick ones first.
pub(super) const DRILLS: &[Drill] = &[
    Drill {
        name: "gap",
        fault: "the venue leaves out 500 messages",
        faults: || {
            vec![Fault::Drop {
                from: 4_000,
                to: 4_500,
            }]
        },
        checks: &[NAMED_GAP, SAME_BOOK],
        ..PLAIN
    },
    Drill {
        name: "disorder",
        fault: "messages come twice, and in pairs the other way round",
        faults: || {
            let twice = (2_000..2_400).map(|at| Fault::Duplicate { at });
            let swapped = (2_500..3_500).step_by(2).map(|at| Fault::Swap { at });
            twice.chain(swapped).collect()
        },
        checks: &[
            Check {
                expected: "what comes twice is counted and dropped",
                look: |outcome| at_least(outcome.metrics.duplicates.load(Relaxed), 1, "duplicates"),
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "bad-frames",
        fault: "messages are cut short, damaged, binary or empty",
        faults: || {
            vec![
                Fault::Truncate {
                    at: 3_000,
                    keep: 50,
                },
                Fault::Corrupt { at: 3_100, byte: 0 },
                Fault::Binary { at: 3_200 },
                Fault::Truncate { at: 3_300, keep: 0 },
            ]
        },
        checks: &[
            Check {
                expected: "each is a record with its reason",
                look: |outcome| {
                    let count = outcome.tally.count(StatusCode::BadFrame);
                    (count == 4, format!("{count} bad frames"))
                },
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "cut",
        fault: "the connection is cut without a word",
        faults: || vec![Fault::Disconnect { at: 3_000 }],
        checks: &[
            RECONNECTED,
            Check {
                expected: "the loss is a record",
                look: |outcome| {
                    at_least(outcome.tally.count(StatusCode::Disconnected), 1, "losses")
                },
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "refused-connections",
        fault: "the first two connections are closed at once",
        faults: || vec![Fault::RefuseConnections { connections: 2 }],
        checks: &[
            Check {
                expected: "the reason, and when it is tried again, are told",
                look: |outcome| {
                    let (holds, seen) = said(outcome, "cannot connect: ");
                    (holds && seen.contains(", again in "), seen)
                },
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "ping-flood",
        fault: "100,000 pings come in a row",
        faults: || {
            vec![Fault::PingFlood {
                at: 2_000,
                pings: 100_000,
            }]
        },
        checks: &[
            Check {
                expected: "the connection is kept",
                look: |outcome| {
                    let count = outcome.metrics.reconnects();
                    (count == 0, format!("{count} reconnects"))
                },
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "never-reads",
        fault: "the venue sends 100,000 pings, reads no answer, and falls silent",
        faults: || {
            vec![Fault::NeverRead {
                at: 3_000,
                pings: 100_000,
            }]
        },
        checks: &[RECONNECTED, SAME_BOOK],
        ..PLAIN
    },
    Drill {
        name: "stall",
        fault: "the connection stays open and nothing comes any more",
        faults: || vec![Fault::Stall { at: 3_000 }],
        checks: &[
            RECONNECTED,
            Check {
                expected: "the silence is told",
                look: |outcome| said(outcome, "nothing came for 2 s"),
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "far-ahead-stamp",
        fault: "one trade is stamped 23 hours ahead",
        faults: || {
            vec![Fault::FarAhead {
                at: 3_000,
                ms: 82_800_000,
            }]
        },
        checks: &[
            Check {
                expected: "its time is not used, and that is told once",
                look: |outcome| {
                    let count = outcome.tally.bad_times;
                    let (is_told, told) = said(outcome, "ahead of the feed's own course");
                    (count == 1 && is_told, format!("{count} bad times; {told}"))
                },
            },
            CLOCK_STANDS,
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "id-restart",
        fault: "the update ids of the book begin anew",
        faults: || vec![Fault::IdRestart { at: 3_000 }],
        checks: &[
            Check {
                expected: "the book is stale, and built again",
                look: |outcome| {
                    let restarts = outcome.metrics.id_restarts.load(Relaxed);
                    let live = outcome.tally.books.get("live").copied().unwrap_or(0);
                    (
                        restarts >= 1 && live >= 2,
                        format!("{restarts} restarts of ids, live {live} times"),
                    )
                },
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "huge-id",
        fault: "an update id is 2^64 - 1",
        faults: || vec![Fault::HugeId { at: 3_000 }],
        checks: &[
            Check {
                expected: "the message is refused by name, and its book built again",
                look: |outcome| bad_frame(outcome, Reason::Value),
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "oversized-message",
        fault: "a change of the book has 17,000 levels",
        faults: || {
            vec![Fault::ManyLevels {
                at: 3_000,
                levels: 17_000,
            }]
        },
        checks: &[
            Check {
                expected: "it is refused by name, and its book built again",
                look: |outcome| bad_frame(outcome, Reason::TooLarge),
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "oversized-frame",
        fault: "a message has 5 MiB",
        faults: || {
            vec![Fault::HugeFrame {
                at: 3_000,
                bytes: 5 << 20,
            }]
        },
        checks: &[
            Check {
                expected: "it is refused by name",
                look: |outcome| bad_frame(outcome, Reason::TooLarge),
            },
            RECONNECTED,
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "redirect",
        fault: "the first two requests for a snapshot are sent to another host",
        faults: || {
            vec![Fault::SnapshotRedirected {
                snapshots: 2,
                to: "http://127.0.0.2:9/".to_owned(),
            }]
        },
        checks: &[
            Check {
                expected: "nobody goes there, and that is told",
                look: |outcome| said(outcome, "sends the request for a snapshot to"),
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "retry-after",
        fault: "the first request for a snapshot is refused for two seconds",
        faults: || {
            vec![Fault::SnapshotRefused {
                snapshots: 1,
                status: 429,
                retry_after: 2,
            }]
        },
        checks: &[
            Check {
                expected: "it waits so long, and that is told",
                look: |outcome| said(outcome, "the next is asked for in 2 s"),
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "retry-after-years",
        fault: "a request for a snapshot is refused for a hundred years",
        faults: || {
            vec![Fault::SnapshotRefused {
                snapshots: 1,
                status: 429,
                retry_after: 3_155_760_000,
            }]
        },
        end: End::Said("as it says"),
        checks: &[Check {
            expected: "it waits for minutes at most, and both are told",
            look: |outcome| said(outcome, "in 5 min and not in 876600 h, as it says"),
        }],
        ..PLAIN
    },
    Drill {
        name: "server-shutdown",
        fault: "the venue says that it will shut down, and later cuts the connection",
        faults: || {
            vec![Fault::Shutdown {
                at: 1_000,
                cut_at: 2_000,
            }]
        },
        checks: &[
            Check {
                expected: "the next connection is there before, and nothing is lost",
                look: |outcome| {
                    let (gaps, losses) = (
                        outcome.tally.count(StatusCode::Gap),
                        outcome.tally.count(StatusCode::Disconnected),
                    );
                    let connects = outcome.metrics.connects.load(Relaxed);
                    let holds = gaps == 0 && losses == 0 && connects == 2;
                    (
                        holds,
                        format!("{connects} connections, {gaps} gaps, {losses} losses"),
                    )
                },
            },
            Check {
                expected: "what both connections bring is taken once",
                look: |outcome| {
                    let overlaps = outcome.metrics.overlaps.load(Relaxed);
                    at_least(overlaps, 1, "messages left out")
                },
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "silent-after-ack",
        fault: "the first connection is acknowledged and gets nothing",
        faults: || vec![Fault::SilentAfterAck { connections: 1 }],
        checks: &[
            Check {
                expected: "that is a state with a name",
                look: |outcome| said(outcome, "silent: acknowledged but silent"),
            },
            RECONNECTED,
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "silent-stream",
        fault: "one of several subscriptions is acknowledged and gets nothing",
        market: Market::Usdm,
        end: End::SameBookIn(FeedState::Silent),
        checks: &[
            Check {
                expected: "it is named, and the rest goes on",
                look: |outcome| {
                    said(
                        outcome,
                        "market: acknowledged but silent: nothing of btcusdt@aggTrade",
                    )
                },
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "frozen-book",
        fault: "changes of the book stop while trades and quotes go on",
        speed: Speed::Times(8.0),
        faults: || {
            vec![Fault::FrozenBook {
                from: 1_000,
                to: 9_000,
            }]
        },
        checks: &[
            Check {
                expected: "the book is stale within seconds, and why is told",
                look: |outcome| {
                    let stale = outcome.tally.books.get("stale").copied().unwrap_or(0);
                    let (is_told, told) = said(outcome, "no change of a book came");
                    (
                        stale >= 1 && is_told,
                        format!("stale {stale} times; {told}"),
                    )
                },
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
    Drill {
        name: "absurd-snapshot-id",
        fault: "the first snapshot says to be at an update that is years away",
        speed: Speed::Times(8.0),
        faults: || {
            vec![Fault::SnapshotId {
                snapshots: 1,
                id: 1_000_000_000_000_000_000,
            }]
        },
        checks: &[
            Check {
                expected: "it does not go live, and another is asked for",
                look: |outcome| {
                    let too_new = outcome.metrics.snapshots_too_new.load(Relaxed);
                    let live = outcome.tally.books.get("live").copied().unwrap_or(0);
                    (
                        too_new == 1 && live == 1,
                        format!("{too_new} not used, live {live} times"),
                    )
                },
            },
            SAME_BOOK,
        ],
        ..PLAIN
    },
];
