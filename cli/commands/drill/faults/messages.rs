//! Messages that are missing, out of order, broken, absurd or too large.

use super::{
    CLOCK_STANDS, Check, Drill, NAMED_GAP, PLAIN, RECONNECTED, SAME_BOOK, at_least, bad_frame, said,
};
use std::sync::atomic::Ordering::Relaxed;
use tickloom_feeds::Reason;
use tickloom_feeds::local_venue::{Fault, Speed};
use tickloom_types::StatusCode;

/// See the heading of this file.
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
];
