//! Bid and ask, from quotes or from the levels of a book: when they were crossed, and when they stayed as they were while trades
//! went on.

use super::Thresholds;
use std::collections::BTreeMap;
use tickloom_types::{Flags, LevelBody, Record, Side, Ts};

/// Levels of one side that are kept; the worst goes first. A book whose best prices cross does so near its top.
const LEVELS_MAX: usize = 4_096;

/// A time in which bid was above ask, or at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crossing {
    pub(super) from: Ts,
    pub(super) to: Ts,
    /// Records that said so.
    pub(super) count: u64,
    pub(super) bid: i64,
    pub(super) ask: i64,
}

impl Crossing {
    /// Whether bid and ask are equal.
    pub(super) fn is_locked(&self) -> bool {
        self.bid == self.ask
    }

    /// Whether the next one is of the same kind and begins so soon that both are one.
    pub(super) fn is_followed_by(&self, next: &Crossing, thresholds: &Thresholds) -> bool {
        self.is_locked() == next.is_locked()
            && next.from.0.saturating_sub(self.to.0) <= thresholds.join
    }

    pub(super) fn join(&mut self, next: &Crossing) {
        self.to = self.to.max(next.to);
        self.count += next.count;
    }
}

/// Follows whether bid and ask are crossed, or locked: equal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CrossWatch {
    crossed: Interval,
    locked: Interval,
}

impl CrossWatch {
    /// Bid and ask as of now, if both sides have one. What this ends.
    pub(super) fn push(&mut self, ts: Ts, top: Option<(i64, i64)>) -> [Option<Crossing>; 2] {
        [
            self.crossed.push(ts, top.filter(|(bid, ask)| bid > ask)),
            self.locked.push(ts, top.filter(|(bid, ask)| bid == ask)),
        ]
    }

    /// Whether neither is so now.
    pub(super) fn is_over(&self) -> bool {
        self.crossed.open.is_none() && self.locked.open.is_none()
    }

    /// What is open at the end.
    pub(super) fn rest(&mut self) -> [Option<Crossing>; 2] {
        [self.crossed.open.take(), self.locked.open.take()]
    }
}

/// A time that has begun, if one has.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    open: Option<Crossing>,
}

impl Interval {
    fn push(&mut self, ts: Ts, top: Option<(i64, i64)>) -> Option<Crossing> {
        match (top, &mut self.open) {
            (Some(_), Some(open)) => {
                open.count += 1;
                open.to = open.to.max(ts);
                None
            }
            (Some((bid, ask)), None) => {
                let (from, to) = (ts, ts);
                self.open = Some(Crossing {
                    from,
                    to,
                    count: 1,
                    bid,
                    ask,
                });
                None
            }
            (None, Some(open)) => {
                open.to = open.to.max(ts);
                self.open.take()
            }
            (None, None) => None,
        }
    }
}

/// A time in which nothing changed though trades went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Still {
    pub(super) from: Ts,
    pub(super) to: Ts,
    pub(super) trades: u64,
}

/// Follows whether bid and ask, or a book, still change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StaleWatch {
    /// Time of the newest change.
    changed: Option<Ts>,
    trades: u64,
    traded: Ts,
}

impl StaleWatch {
    pub(super) fn trade(&mut self, ts: Ts) {
        if self.changed.is_some() {
            self.trades += 1;
            self.traded = self.traded.max(ts);
        }
    }

    /// Whether nothing was traded since the newest change.
    pub(super) fn is_without_trades(&self) -> bool {
        self.trades == 0
    }

    /// Something changed. The stillness that this ends.
    pub(super) fn change(&mut self, ts: Ts, thresholds: &Thresholds) -> Option<Still> {
        let found = self.still(ts, thresholds);
        self.changed = self.changed.max(Some(ts));
        self.trades = 0;
        found
    }

    /// The stillness that is open at the end.
    pub(super) fn rest(&self, thresholds: &Thresholds) -> Option<Still> {
        self.still(self.traded, thresholds)
    }

    fn still(&self, ts: Ts, thresholds: &Thresholds) -> Option<Still> {
        let from = self.changed?;
        let is_long = ts.0.saturating_sub(from.0) >= thresholds.stale;
        (is_long && self.trades >= thresholds.stale_trades).then_some(Still {
            from,
            to: ts,
            trades: self.trades,
        })
    }
}

/// The levels of an L2 book, as far as they matter for its top.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    is_synced: bool,
}

impl Levels {
    /// Takes a level. At the end of a message of a book that is known: its best bid and ask, if it has both.
    pub(super) fn push(
        &mut self,
        record: &Record,
        level: &LevelBody,
    ) -> Option<Option<(i64, i64)>> {
        if level.clear != 0 {
            self.bids.clear();
            self.asks.clear();
            self.is_synced = true;
        }
        let is_bid = level.side == Side::Buy as u8;
        let side = if is_bid {
            &mut self.bids
        } else {
            &mut self.asks
        };
        if level.qty == 0 {
            side.remove(&level.price);
        } else {
            side.insert(level.price, level.qty);
            if side.len() > LEVELS_MAX {
                if is_bid {
                    side.pop_first()
                } else {
                    side.pop_last()
                };
            }
        }
        if !self.is_synced || !record.has(Flags::LAST) {
            return None;
        }
        let bid = self.bids.last_key_value().map(|(price, _)| *price);
        let ask = self.asks.first_key_value().map(|(price, _)| *price);
        Some(bid.zip(ask))
    }

    /// The book is lost until its next snapshot.
    pub(super) fn lose(&mut self) {
        *self = Levels::default();
    }
}
