//! What came lately, by its number: what a venue says again, after a reconnect or over a second connection, counts once.

use crate::decode_error::DecodeError;
use crate::limits::LATEST_MAX;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use tickloom_types::{BarBody, Flags, Record, TradeBody, Ts};

/// The latest values by key; the oldest goes when there are too many.
#[derive(Debug)]
struct Latest<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Latest<K, V> {
    fn default() -> Self {
        Latest {
            values: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Copy + Eq + Hash, V: PartialEq> Latest<K, V> {
    /// Whether the key is new; if it is not, whether its value is the same.
    fn see(&mut self, key: K, value: V) -> Seen {
        if let Some(known) = self.values.get(&key) {
            return match *known == value {
                true => Seen::Again,
                false => Seen::Otherwise,
            };
        }
        if self.order.len() >= LATEST_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        self.order.push_back(key);
        self.values.insert(key, value);
        Seen::First
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    First,
    Again,
    Otherwise,
}

impl Seen {
    /// Whether it is new; an error if it contradicts what came before.
    fn is_new(self, what: impl FnOnce() -> String) -> Result<bool, DecodeError> {
        match self {
            Seen::First => Ok(true),
            Seen::Again => Ok(false),
            Seen::Otherwise => Err(DecodeError::Contradiction { what: what() }),
        }
    }
}

/// The latest trades of one instrument over one channel, by number and time: some venues number by a hash, which comes again.
#[derive(Debug, Default)]
pub(crate) struct LatestTrades(Latest<(u64, Option<Ts>), (i64, i64)>);

impl LatestTrades {
    /// Whether a trade is new. One without a number always is.
    ///
    /// # Errors
    /// [`DecodeError::Contradiction`] if it has the number and the time of another, and another price or size.
    pub(crate) fn is_new(&mut self, record: &Record) -> Result<bool, DecodeError> {
        let trade = TradeBody::of(record);
        let (id, ts) = (trade.trade_id, record.ts_event());
        if id == 0 {
            return Ok(true);
        }
        let key = (id, (!record.has(Flags::BAD_TIME)).then_some(ts));
        let seen = self.0.see(key, (trade.price, trade.qty));
        seen.is_new(|| format!("trade {id} of {ts} came before with another price or size"))
    }
}

/// The latest bars of one instrument, by size and close.
#[derive(Debug, Default)]
pub(crate) struct LatestBars(Latest<(u32, Ts), [i64; 5]>);

impl LatestBars {
    /// Whether a bar is new.
    ///
    /// # Errors
    /// [`DecodeError::Contradiction`] if it closed before with other numbers.
    pub(crate) fn is_new(&mut self, record: &Record) -> Result<bool, DecodeError> {
        let bar = BarBody::of(record);
        let ts = record.ts_event();
        let numbers = [bar.open, bar.high, bar.low, bar.close, bar.volume];
        let seen = self.0.see((u32::from(record.source().0), ts), numbers);
        seen.is_new(|| format!("bar of {ts} closed before with other numbers"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::{Header, InstrumentId, Kind, SourceId};

    fn trade(id: u64, ts: i64, price: i64, qty: i64) -> Record {
        let header = Header::new(Kind::Trade, InstrumentId(1), SourceId(1), Ts(ts), Ts(ts));
        let body = TradeBody {
            price,
            qty,
            trade_id: id,
            ..TradeBody::default()
        };
        body.record(header)
    }

    #[test]
    fn a_trade_is_known_by_number_and_time() {
        let mut latest = LatestTrades::default();
        assert_eq!(latest.is_new(&trade(7, 100, 5, 2)), Ok(true));
        assert_eq!(latest.is_new(&trade(9, 101, 5, 2)), Ok(true));
        // A late one is no repeated one.
        assert_eq!(latest.is_new(&trade(8, 100, 5, 2)), Ok(true));
        assert_eq!(latest.is_new(&trade(7, 100, 5, 2)), Ok(false));
        assert_eq!(latest.is_new(&trade(7, 102, 5, 2)), Ok(true));
        for other in [trade(7, 100, 6, 2), trade(7, 100, 5, 3)] {
            let error = latest.is_new(&other).unwrap_err();
            assert_eq!(error.reason().name(), "contradiction");
            assert_eq!(
                error.to_string(),
                "trade 7 of 1970-01-01T00:00:00.0000001Z came before with another price or size"
            );
        }
        assert_eq!(latest.is_new(&trade(0, 100, 5, 2)), Ok(true));
        assert_eq!(latest.is_new(&trade(0, 100, 5, 2)), Ok(true));
    }

    #[test]
    fn only_the_latest_are_remembered() {
        let mut latest = LatestTrades::default();
        let most = u64::try_from(LATEST_MAX).unwrap();
        for id in 1..=most + 1 {
            assert_eq!(latest.is_new(&trade(id, 100, 5, 2)), Ok(true));
        }
        assert_eq!(latest.0.values.len(), LATEST_MAX);
        assert_eq!(latest.is_new(&trade(2, 100, 5, 2)), Ok(false));
        assert_eq!(latest.is_new(&trade(1, 100, 5, 2)), Ok(true));
    }
}
