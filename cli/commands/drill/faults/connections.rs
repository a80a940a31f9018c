//! Connections that are refused, cut, silent, deaf or about to end.

use super::{Check, Drill, End, Market, PLAIN, RECONNECTED, SAME_BOOK, at_least, said};
use std::sync::atomic::Ordering::Relaxed;
use tickloom_feeds::FeedState;
use tickloom_feeds::local_venue::Fault;
use tickloom_types::StatusCode;

/// See the heading of this file.
pub(super) const DRILLS: &[Drill] = &[
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
];
