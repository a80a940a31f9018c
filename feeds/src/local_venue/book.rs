//! The local venue's own books: level records of its recording, applied.

use std::collections::BTreeMap;
use tickloom_types::{Flags, Kind, LevelBody, Record, Side};

/// An L2 book as sorted price levels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelBook {
    /// Size by price; the best is the last.
    pub bids: BTreeMap<i64, i64>,
    /// Size by price; the best is the first.
    pub asks: BTreeMap<i64, i64>,
    /// The update id of the last whole message.
    pub last_id: u64,
}

impl LevelBook {
    /// Applies a record; others than levels change nothing.
    pub fn apply(&mut self, record: &Record) {
        if record.kind() != Some(Kind::Level) {
            return;
        }
        let level = LevelBody::of(record);
        if level.clear == 1 {
            self.bids.clear();
            self.asks.clear();
        }
        let side = if level.side == Side::Buy as u8 {
            &mut self.bids
        } else {
            &mut self.asks
        };
        if level.qty == 0 {
            side.remove(&level.price);
        } else {
            side.insert(level.price, level.qty);
        }
        if record.has(Flags::LAST) {
            self.last_id = level.last_id;
        }
    }

    /// Price and size of the best bid.
    #[must_use]
    pub fn best_bid(&self) -> Option<(i64, i64)> {
        self.bids
            .last_key_value()
            .map(|(price, qty)| (*price, *qty))
    }

    /// Price and size of the best ask.
    #[must_use]
    pub fn best_ask(&self) -> Option<(i64, i64)> {
        self.asks
            .first_key_value()
            .map(|(price, qty)| (*price, *qty))
    }
}
