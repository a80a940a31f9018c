//! A book as bytes: its levels from the farthest to the best, which is how they are put in fastest.

use super::{Book, PriceLevel};
use crate::limits::BOOK_LEVELS_MAX;
use tickloom_types::{Side, StateError, StateReader, StateWriter};

impl Book {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.u64(self.dropped());
        for side in [Side::Buy, Side::Sell] {
            let levels: Vec<PriceLevel> = self.depth(side).collect();
            to.count(levels.len());
            for level in levels.iter().rev() {
                to.i64(level.price);
                to.i64(level.qty);
            }
        }
    }

    pub(crate) fn load(from: &mut StateReader<'_>) -> Result<Book, StateError> {
        let mut book = Book::new();
        let dropped = from.tally()?;
        for side in [Side::Buy, Side::Sell] {
            let mut farther = None;
            for _ in 0..from.count(BOOK_LEVELS_MAX)? {
                let (price, qty) = (from.i64()?, from.i64()?);
                let is_better = farther.is_none_or(|farther| match side {
                    Side::Buy => price > farther,
                    Side::Sell => price < farther,
                });
                from.check(
                    is_better && qty > 0,
                    "a better level than the one before it",
                )?;
                book.set(side, price, qty);
                farther = Some(price);
            }
        }
        book.bids.dropped = dropped;
        Ok(book)
    }
}
