//! What is known of the market: book, quote, last price and bars of every instrument, after the records so far.

use crate::book::{Book, Top};
use tickloom_types::{BookState, InstrumentId, Instruments, Record};

/// How many records were wrong, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records that no market can have: unknown kind, instrument or source, a size below zero, a time out of range.
    pub bad: u64,
    /// Trades that were older than the open bar, and so are in no bar.
    pub late: u64,
    /// Book levels that came before a snapshot and could not be used.
    pub unsynced: u64,
}

#[derive(Clone, Debug, Default)]
struct InstrumentState {
    top: Option<Top>,
    last: Option<i64>,
    state: Option<BookState>,
    book: Option<Box<Book>>,
    last_bar: Option<Record>,
}

/// The market as the records so far tell it.
#[derive(Clone, Debug)]
pub struct Market {
    instruments: Instruments,
    states: Vec<InstrumentState>,
    closed: Vec<Record>,
    has_price: bool,
    counters: Counters,
}

impl Market {
    /// Best bid and ask that can be trusted: from quotes once the instrument has had one since its last resync,
    /// otherwise from its book as of the last whole message. `None` while stale, in resync, crossed or one-sided.
    #[must_use]
    pub fn top(&self, instrument: InstrumentId) -> Option<Top> {
        self.state(instrument)?.top
    }

    /// Price of the last trade; where there are only bars, the close of the last one.
    #[must_use]
    pub fn last(&self, instrument: InstrumentId) -> Option<i64> {
        self.state(instrument)?.last
    }

    /// The price to value a position at: the last price, else the middle of bid and ask, rounded toward zero.
    #[must_use]
    pub fn mark(&self, instrument: InstrumentId) -> Option<i64> {
        self.state(instrument)?.last
    }

    /// Whether the current record gave its instrument a new price: a trade, a usable quote, the end of a book message, a bar.
    #[must_use]
    pub fn has_price(&self) -> bool {
        self.has_price
    }

    /// The book, unless it is in the middle of a message or cannot be trusted.
    #[must_use]
    pub fn book(&self, instrument: InstrumentId) -> Option<&Book> {
        self.state(instrument)?.book.as_deref()
    }

    /// Whether the prices can be trusted; `None` before the first quote or snapshot.
    #[must_use]
    pub fn book_state(&self, instrument: InstrumentId) -> Option<BookState> {
        self.state(instrument)?.state
    }

    /// The bar of this instrument that closed last, of whatever size.
    #[must_use]
    pub fn last_bar(&self, instrument: InstrumentId) -> Option<&Record> {
        self.state(instrument)?.last_bar.as_ref()
    }

    /// The bars that the current record closed; a bar that came as input is among them as it is.
    #[must_use]
    pub fn closed_bars(&self) -> &[Record] {
        &self.closed
    }

    /// Instruments and sources, with the sources of the bars that the core makes.
    #[must_use]
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// How many records were wrong.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn state(&self, instrument: InstrumentId) -> Option<&InstrumentState> {
        self.states.get(usize::try_from(instrument.0).ok()?)
    }
}
