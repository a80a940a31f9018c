//! What came lately, by its number: what a venue says again, after a reconnect or over a second connection, counts once.

use crate::decode_error::DecodeError;
use crate::limits::LATEST_MAX;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use tickloom_types::{BarBody, Flags, QuoteBody, Record, TradeBody, Ts};
use xxhash_rust::xxh3::xxh3_64;

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

/// The latest quotes of one instrument whose numbers grew, in their order, each with a hash of what it says.
#[derive(Debug, Default)]
pub(crate) struct LatestQuotes(VecDeque<(u64, u64)>);

impl LatestQuotes {
    /// Whether a quote is new: one with the number and the numbers of an earlier one is not. One without a number always is.
    pub(crate) fn is_new(&mut self, quote: &QuoteBody) -> bool {
        let id = quote.update_id;
        if id == 0 {
            return true;
        }
        let numbers = [quote.bid, quote.bid_qty, quote.ask, quote.ask_qty];
        let said = xxh3_64(numbers.map(i64::to_le_bytes).as_flattened());
        if self.0.back().is_some_and(|(newest, _)| id <= *newest) {
            let at = self.0.binary_search_by_key(&id, |(id, _)| *id);
            let known = at.ok().and_then(|at| self.0.get(at));
            return known.is_none_or(|(_, known)| *known != said);
        }
        if self.0.len() >= LATEST_MAX {
            self.0.pop_front();
        }
        self.0.push_back((id, said));
        true
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
    fn a_quote_is_known_by_its_number() {
        let mut latest = LatestQuotes::default();
        let quote = |update_id, bid| QuoteBody {
            bid,
            update_id,
            ..QuoteBody::default()
        };
        for (id, bid, is_new) in [
            (7, 100, true),
            (9, 101, true),
            (7, 100, false),
            (9, 101, false),
            // Late, or otherwise than before.
            (8, 100, true),
            (7, 102, true),
            (10, 103, true),
            (0, 100, true),
            (0, 100, true),
        ] {
            assert_eq!(latest.is_new(&quote(id, bid)), is_new, "{id} {bid}");
        }
        let most = u64::try_from(LATEST_MAX).unwrap();
        for id in 11..=10 + most {
            assert!(latest.is_new(&quote(id, 1)));
        }
        assert_eq!(latest.0.len(), LATEST_MAX);
        assert!(latest.is_new(&quote(10, 103)));
        assert!(!latest.is_new(&quote(11, 1)));
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
