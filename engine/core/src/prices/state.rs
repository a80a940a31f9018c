//! What is remembered of an instrument's prices.

use super::{BookFeed, Prices, Quoted};
use crate::book::{Book, Top};
use tickloom_types::{BookState, StateError, StateReader, StateWriter};

impl Prices {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.option(self.last, StateWriter::i64);
        to.option(self.mark, StateWriter::i64);
        to.bool(self.has_traded);
        to.bool(self.is_ticking);
        to.option(self.state, |to, state| to.u8(state as u8));
        to.bool(self.is_silent);
        self.quote.save(to);
        self.book.save(to);
    }

    /// Onto prices of which none has come. Best bid and ask follow from the rest.
    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let (last, mark) = (
            from.option(StateReader::i64)?,
            from.option(StateReader::i64)?,
        );
        self.has_traded = from.bool()?;
        self.is_ticking = from.bool()?;
        self.state = from.option(|from| {
            let state = BookState::from_raw(from.u8()?);
            state.ok_or_else(|| from.wrong("the state of a book"))
        })?;
        self.is_silent = from.bool()?;
        self.quote = Quoted::load(from)?;
        self.book = BookFeed::load(from)?;
        self.refresh();
        (self.last, self.mark) = (last, mark);
        Ok(())
    }
}

impl Quoted {
    fn save(&self, to: &mut StateWriter) {
        to.option(self.stated, save_top);
        to.bool(self.is_crossed);
    }

    fn load(from: &mut StateReader<'_>) -> Result<Quoted, StateError> {
        Ok(Quoted {
            stated: from.option(load_top)?,
            is_crossed: from.bool()?,
        })
    }
}

impl BookFeed {
    fn save(&self, to: &mut StateWriter) {
        to.option(self.levels.as_deref(), |to, book| book.save(to));
        to.bool(self.is_synced);
        to.bool(self.in_snapshot);
        to.bool(self.told_full);
        to.bool(self.is_whole);
        to.option(self.stated, save_top);
        to.bool(self.is_crossed);
    }

    fn load(from: &mut StateReader<'_>) -> Result<BookFeed, StateError> {
        Ok(BookFeed {
            levels: from.option(|from| Book::load(from).map(Box::new))?,
            is_synced: from.bool()?,
            in_snapshot: from.bool()?,
            told_full: from.bool()?,
            is_whole: from.bool()?,
            stated: from.option(load_top)?,
            is_crossed: from.bool()?,
        })
    }
}

fn save_top(to: &mut StateWriter, top: Top) {
    to.i64(top.bid);
    to.i64(top.bid_qty);
    to.i64(top.ask);
    to.i64(top.ask_qty);
}

fn load_top(from: &mut StateReader<'_>) -> Result<Top, StateError> {
    Ok(Top {
        bid: from.i64()?,
        bid_qty: from.i64()?,
        ask: from.i64()?,
        ask_qty: from.i64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BOOK_LEVELS_MAX;
    use crate::notes::Notes;
    use tickloom_types::{Flags, InstrumentId, LevelBody, QuoteBody, Side};

    /// What prices are after they were saved and loaded, in all their fields.
    fn again(prices: &Prices) -> String {
        let mut to = StateWriter::new();
        prices.save(&mut to);
        let mut from = StateReader::new(to.bytes(), "test");
        let mut again = Prices::new(prices.instrument);
        again.load(&mut from).unwrap();
        from.end().unwrap();
        format!("{again:?}")
    }

    /// Also what no output shows: whether a message of the book is whole, and that a full side has been told.
    #[test]
    fn every_field_comes_back() {
        let (mut prices, mut notes) = (Prices::new(InstrumentId(3)), Notes::default());
        assert_eq!(again(&prices), format!("{prices:?}"));
        for price in (0_i64..).take(BOOK_LEVELS_MAX + 1) {
            let level = LevelBody {
                price,
                qty: 5,
                clear: u8::from(price == 0),
                ..LevelBody::default()
            };
            prices.tick();
            prices.level(Side::Buy, &level, 0, &mut notes);
        }
        assert_eq!(again(&prices), format!("{prices:?}"), "within a snapshot");
        let ask = LevelBody {
            price: 100_000,
            qty: 2,
            ..LevelBody::default()
        };
        prices.level(Side::Sell, &ask, Flags::LAST, &mut notes);
        assert!(prices.book.told_full && prices.book.is_whole && prices.book().is_some());
        assert_eq!(again(&prices), format!("{prices:?}"), "a whole book");
        let crossed = QuoteBody {
            bid: 7,
            bid_qty: 1,
            ask: 6,
            ask_qty: 1,
            ..QuoteBody::default()
        };
        prices.quote(&crossed, &mut notes);
        prices.trade(5);
        assert_eq!(again(&prices), format!("{prices:?}"), "a crossed quote");
        let one_sided = QuoteBody {
            bid_qty: 0,
            ..crossed
        };
        prices.quote(&one_sided, &mut notes);
        assert!(prices.top().is_none() && prices.sides().unwrap().ask.is_some());
        assert_eq!(again(&prices), format!("{prices:?}"), "a one-sided quote");
        prices.quote = Quoted::default();
        assert!(prices.fall_silent(&mut notes));
        assert_eq!(again(&prices), format!("{prices:?}"), "a silence");
        prices.disconnect(&mut notes);
        assert_eq!(again(&prices), format!("{prices:?}"), "no connection");
    }
}
