//! The L2 book of one instrument: price levels of both sides, from snapshots and changes.
//!
//! Each side is one sorted vector with its best level at the end: changes come mostly near the best, so little is moved,
//! the best is the last entry, and the memory is one block that never grows. No map, no tree, no per-level allocation.
//! It does not check update ids (the feed does) and does not know time or state (the market does).

mod state;

use crate::limits::{BOOK_LEVELS_MAX, BOOK_NEAR};
use tickloom_types::{QuoteBody, Side};

/// A price with the size that rests there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceLevel {
    /// Price mantissa.
    pub price: i64,
    /// Size mantissa.
    pub qty: i64,
}

/// Best bid and ask with their sizes, as mantissas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    /// Best bid.
    pub bid: i64,
    /// Size at the best bid.
    pub bid_qty: i64,
    /// Best ask.
    pub ask: i64,
    /// Size at the best ask.
    pub ask_qty: i64,
}

/// What is shown of bid and ask: a side that is empty, or that cannot be trusted, is `None`. A size of 0 is one that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// Best bid.
    pub bid: Option<PriceLevel>,
    /// Best ask.
    pub ask: Option<PriceLevel>,
}

impl Sides {
    /// What a side trades against: the ask for a purchase, the bid for a sale.
    #[must_use]
    pub fn opposite(&self, side: Side) -> Option<PriceLevel> {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }

    /// Both sides, if both are shown.
    pub(crate) fn top(&self) -> Option<Top> {
        let (bid, ask) = self.bid.zip(self.ask)?;
        Some(Top {
            bid: bid.price,
            bid_qty: bid.qty,
            ask: ask.price,
            ask_qty: ask.qty,
        })
    }
}

impl From<Top> for Sides {
    /// The sides that a quote of these shows.
    fn from(top: Top) -> Sides {
        let Top {
            bid,
            bid_qty,
            ask,
            ask_qty,
        } = top;
        let quote = QuoteBody {
            bid,
            bid_qty,
            ask,
            ask_qty,
            update_id: 0,
        };
        let (bid, ask) = quote.prices();
        let level = |price: Option<i64>, qty| price.map(|price| PriceLevel { price, qty });
        Sides {
            bid: level(bid, bid_qty),
            ask: level(ask, ask_qty),
        }
    }
}

impl Top {
    /// Whether the bid is above the ask. Where they are equal they are locked, which markets may be: both are prices.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        self.bid > self.ask
    }

    /// The middle, rounded toward zero.
    #[must_use]
    pub fn mid(&self) -> i64 {
        let sum = i128::from(self.bid) + i128::from(self.ask);
        i64::try_from(sum / 2).expect("the middle of two i64 is one")
    }

    /// What a quote says.
    #[inline]
    pub(crate) fn of(quote: &QuoteBody) -> Top {
        Top {
            bid: quote.bid,
            bid_qty: quote.bid_qty,
            ask: quote.ask,
            ask_qty: quote.ask_qty,
        }
    }

    /// Whether what a quote says is a bid and an ask. A side without size is empty; both without size means that sizes are not known.
    #[inline]
    pub(crate) fn is_two_sided(&self) -> bool {
        let same = (self.bid_qty == 0) == (self.ask_qty == 0);
        same && (self.bid_qty > 0 || (self.bid != 0 && self.ask != 0))
    }
}

/// What expressions read; `scale` is ten to the power of the price decimals.
impl Top {
    #[inline]
    pub(crate) fn mid_value(&self, scale: f64) -> f64 {
        (self.bid as f64 + self.ask as f64) / (2.0 * scale)
    }

    #[inline]
    pub(crate) fn spread(&self, scale: f64) -> f64 {
        (self.ask as f64 - self.bid as f64) / scale
    }

    #[inline]
    pub(crate) fn microprice(&self, scale: f64) -> f64 {
        let (bid, ask) = (self.bid as f64, self.ask as f64);
        let (bid_qty, ask_qty) = (self.bid_qty as f64, self.ask_qty as f64);
        let weighted = (bid * ask_qty + ask * bid_qty) / (bid_qty + ask_qty);
        weighted / scale
    }

    #[inline]
    pub(crate) fn imbalance(&self) -> f64 {
        let (bid_qty, ask_qty) = (self.bid_qty as f64, self.ask_qty as f64);
        (bid_qty - ask_qty) / (bid_qty + ask_qty)
    }
}

/// One level as it is kept: the larger the key, the better the price.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The price for bids, its bitwise complement for asks: both ascend towards the best, and none can overflow.
    key: i64,
    qty: i64,
}

/// One side of the book, ascending by key.
#[derive(Clone, Debug)]
struct Ladder {
    entries: Vec<Entry>,
    dropped: u64,
}

/// The two sides of an L2 book.
#[derive(Clone, Debug)]
pub struct Book {
    bids: Ladder,
    asks: Ladder,
}

impl Ladder {
    fn new() -> Ladder {
        Ladder {
            entries: Vec::with_capacity(BOOK_LEVELS_MAX),
            dropped: 0,
        }
    }

    fn find(&self, key: i64) -> Result<usize, usize> {
        let near = self.entries.len().saturating_sub(BOOK_NEAR);
        if near > 0 && key < self.entries[near].key {
            return self.entries[..near].binary_search_by_key(&key, |entry| entry.key);
        }
        for (at, entry) in self.entries.iter().enumerate().rev() {
            if entry.key == key {
                return Ok(at);
            }
            if entry.key < key {
                return Err(at + 1);
            }
        }
        Err(0)
    }

    #[inline]
    fn set(&mut self, key: i64, qty: i64) {
        match self.find(key) {
            Ok(at) if qty == 0 => {
                self.entries.remove(at);
            }
            Ok(at) => self.entries[at].qty = qty,
            Err(_) if qty == 0 => {}
            Err(at) => self.insert(at, Entry { key, qty }),
        }
    }

    fn insert(&mut self, at: usize, entry: Entry) {
        if self.entries.len() < BOOK_LEVELS_MAX {
            self.entries.insert(at, entry);
            return;
        }
        self.dropped += 1;
        if at > 0 {
            self.entries.copy_within(1..at, 0);
            self.entries[at - 1] = entry;
        }
    }
}

impl Book {
    /// Empty, with all the memory that it will ever have.
    #[must_use]
    pub fn new() -> Book {
        Book {
            bids: Ladder::new(),
            asks: Ladder::new(),
        }
    }

    /// Sets the size that rests at a price; 0 deletes the level.
    pub fn set(&mut self, side: Side, price: i64, qty: i64) {
        match side {
            Side::Buy => self.bids.set(price, qty),
            Side::Sell => self.asks.set(!price, qty),
        }
    }

    /// Removes all levels.
    pub fn clear(&mut self) {
        self.bids.entries.clear();
        self.asks.entries.clear();
    }

    /// The best level of a side.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<PriceLevel> {
        self.depth(side).next()
    }

    /// Best bid and ask; `None` if a side is empty.
    #[must_use]
    pub fn top(&self) -> Option<Top> {
        Some(self.stated()).filter(Top::is_two_sided)
    }

    /// Best bid and ask as a quote states them: a side that is empty has no size.
    pub(crate) fn stated(&self) -> Top {
        let best = |side| {
            self.best(side)
                .map_or((0, 0), |best| (best.price, best.qty))
        };
        let ((bid, bid_qty), (ask, ask_qty)) = (best(Side::Buy), best(Side::Sell));
        Top {
            bid,
            bid_qty,
            ask,
            ask_qty,
        }
    }

    /// The levels of a side, best first.
    pub fn depth(&self, side: Side) -> impl Iterator<Item = PriceLevel> + '_ {
        let (ladder, flip) = match side {
            Side::Buy => (&self.bids, 0),
            Side::Sell => (&self.asks, -1),
        };
        ladder.entries.iter().rev().map(move |entry| PriceLevel {
            price: entry.key ^ flip,
            qty: entry.qty,
        })
    }

    /// How many levels a side has.
    #[must_use]
    pub fn len(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.entries.len(),
            Side::Sell => self.asks.entries.len(),
        }
    }

    /// Whether a side has no level.
    #[must_use]
    pub fn is_empty(&self, side: Side) -> bool {
        self.len(side) == 0
    }

    /// Whether a side has all the levels that it can have.
    #[must_use]
    pub fn is_full(&self, side: Side) -> bool {
        self.len(side) == BOOK_LEVELS_MAX
    }

    /// Levels that were dropped because a side was full. The side may lack levels that far out since.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.bids.dropped + self.asks.dropped
    }
}

impl Default for Book {
    fn default() -> Self {
        Book::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn prices(book: &Book, side: Side) -> Vec<(i64, i64)> {
        book.depth(side).map(|l| (l.price, l.qty)).collect()
    }

    #[test]
    fn levels_are_set_replaced_and_deleted() {
        let mut book = Book::new();
        book.set(Side::Buy, 99, 5);
        book.set(Side::Buy, 100, 1);
        book.set(Side::Sell, 102, 2);
        assert_eq!(
            book.top(),
            Some(Top {
                bid: 100,
                bid_qty: 1,
                ask: 102,
                ask_qty: 2
            })
        );
        book.set(Side::Sell, 101, 7);
        book.set(Side::Buy, 100, 0);
        book.set(Side::Buy, 98, 0);
        assert_eq!(prices(&book, Side::Buy), [(99, 5)]);
        assert_eq!(prices(&book, Side::Sell), [(101, 7), (102, 2)]);
        book.set(Side::Buy, 99, 0);
        assert_eq!(book.top(), None);
        book.clear();
        assert!(book.is_empty(Side::Sell));
    }

    #[test]
    fn a_full_side_drops_its_farthest_level() {
        let mut book = Book::new();
        let most = i64::try_from(BOOK_LEVELS_MAX).unwrap();
        for price in 0..most {
            book.set(Side::Sell, price, 1);
        }
        book.set(Side::Sell, most, 1);
        assert_eq!(book.dropped(), 1, "the new level is the farthest");
        assert_eq!(book.depth(Side::Sell).last().unwrap().price, most - 1);
        book.set(Side::Sell, -1, 3);
        assert_eq!(book.dropped(), 2);
        assert_eq!(book.len(Side::Sell), BOOK_LEVELS_MAX);
        assert_eq!(book.best(Side::Sell).unwrap().price, -1);
        assert_eq!(book.depth(Side::Sell).last().unwrap().price, most - 2);
    }

    #[test]
    fn extreme_prices_keep_their_order() {
        let mut book = Book::new();
        for price in [i64::MIN, 0, i64::MAX] {
            book.set(Side::Sell, price, 1);
            book.set(Side::Buy, price, 1);
        }
        assert_eq!(
            prices(&book, Side::Sell),
            [(i64::MIN, 1), (0, 1), (i64::MAX, 1)]
        );
        assert_eq!(
            prices(&book, Side::Buy),
            [(i64::MAX, 1), (0, 1), (i64::MIN, 1)]
        );
    }

    proptest! {
        #[test]
        fn equals_a_naive_model(changes in prop::collection::vec((any::<bool>(), -60_i64..60, 0_i64..4), 0..400)) {
            let mut book = Book::new();
            let mut model = [BTreeMap::new(), BTreeMap::new()];
            for (is_bid, price, qty) in changes {
                let side = if is_bid { Side::Buy } else { Side::Sell };
                book.set(side, price, qty);
                let map = &mut model[usize::from(is_bid)];
                if qty == 0 { map.remove(&price); } else { map.insert(price, qty); }
                let asks: Vec<_> = model[0].iter().map(|(p, q)| (*p, *q)).collect();
                let bids: Vec<_> = model[1].iter().rev().map(|(p, q)| (*p, *q)).collect();
                prop_assert_eq!(prices(&book, Side::Sell), asks);
                prop_assert_eq!(prices(&book, Side::Buy), bids);
            }
        }
    }
}
