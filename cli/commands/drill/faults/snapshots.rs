//! Requests for snapshots that are refused, sent elsewhere or answered absurdly.

use super::{Check, Drill, End, PLAIN, SAME_BOOK, said};
use std::sync::atomic::Ordering::Relaxed;
use tickloom_feeds::local_venue::{Fault, Speed};

/// See the heading of this file.
pub(super) const DRILLS: &[Drill] = &[
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
