//! What is known of the market: book, quote, last price and bars of every instrument, after the records so far.
//!
//! [`Market::apply`] takes one record: first the bars whose time is over are closed, then the record itself counts.
//! These are two moments, and so two rounds of signals: what closed because time passed, then what happened now.
//! In the first one the prices of the record's instrument are still those before it.
//! How each kind of record counts is in `market/records.rs`. A record that no market can have is counted and told as a
//! `BookStatus` output.

mod records;

use crate::bars::BarBuilder;
use crate::book::{Book, Top};
use crate::notes::Notes;
use crate::outputs::Outputs;
use crate::prices::Prices;
use std::ops::Range;
use tickloom_types::{
    BarSpec, BookState, DurationNs, InstrumentId, Instruments, Kind, Record, Seq, SourceId, Ts,
};

/// A record that no market can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bad;

/// How many records were wrong, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records that no market can have: an unknown kind, instrument, source or side, a size below zero, a time out of
    /// range or more than a day ahead of its arrival.
    pub bad: u64,
    /// Trades and bars that were older than an open bar, and so are not in it; bars that were no newer than the one before.
    pub late: u64,
    /// Book levels that came before a snapshot and could not be used.
    pub unsynced: u64,
}

/// The two moments of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Bars closed because time passed.
    Passed,
    /// What the record itself says: prices, and the bars that it completes.
    Now,
}

/// A price of an instrument that the current record stated anew, or took away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub(crate) instrument: usize,
    pub(crate) what: Ticked,
}

/// Which price ticked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ticked {
    /// Bid and ask with their sizes; `None` if they cannot be trusted any more.
    Top(Option<Top>),
    /// The last price.
    Last(i64),
}

/// What was known of the current record's instrument before its prices counted.
#[derive(Clone, Copy, Debug)]
struct Before {
    instrument: usize,
    top: Option<Top>,
    last: Option<i64>,
    mark: Option<i64>,
    state: Option<BookState>,
}

#[derive(Clone, Debug)]
struct Instrument {
    prices: Prices,
    /// Since when no record was missed; `None` while some are.
    since: Option<Ts>,
    /// The feed that its records come from: its timers and status concern this instrument.
    feed: Option<SourceId>,
    /// Newest time of a trade, quote or level.
    seen: Ts,
    /// Newest time of a quote or level, once there was one: trades say nothing of whether the book still comes.
    quoted: Option<Ts>,
    /// Its builders in `Market::builders`.
    bars: Range<usize>,
    /// No open bar closes by time before this.
    next_close: Ts,
    last_bar: Option<Record>,
    /// Of each size of input bars, the close of the newest one that came.
    newest_bars: Vec<(BarSpec, Ts)>,
}

/// The market as the records so far tell it.
#[derive(Clone, Debug)]
pub struct Market {
    instruments: Instruments,
    states: Vec<Instrument>,
    builders: Vec<BarBuilder>,
    stale_after: Option<DurationNs>,
    counters: Counters,
    notes: Notes,
    /// Bars that the current record closed, those by time first.
    closed: Vec<Record>,
    /// Index of the builder of each closed bar; `None` for an input bar that nobody asked for.
    closed_by: Vec<Option<usize>>,
    /// How many of them closed by time.
    passed: usize,
    /// Shown in the moment of those, if the record has prices of its own.
    before: Option<Before>,
    ticks: Vec<Tick>,
    round: Option<Round>,
    has_price: bool,
    /// The current record changed nothing: it was bad, or a bar that came too late.
    is_dropped: bool,
}

impl Market {
    /// Best bid and ask that can be trusted: from quotes once the instrument has had one since its last resync,
    /// otherwise from its book as of the last whole message. `None` while stale, in resync, crossed or one-sided.
    #[must_use]
    pub fn top(&self, instrument: InstrumentId) -> Option<Top> {
        match self.before(instrument) {
            Some(before) => before.top,
            None => self.prices(instrument)?.top(),
        }
    }

    /// Price of the last trade; where there are only bars, the close of the last one.
    #[must_use]
    pub fn last(&self, instrument: InstrumentId) -> Option<i64> {
        match self.before(instrument) {
            Some(before) => before.last,
            None => self.prices(instrument)?.last(),
        }
    }

    /// The price to value a position at: the last price; where there is none, the middle of the last known bid and ask,
    /// rounded toward zero.
    #[must_use]
    pub fn mark(&self, instrument: InstrumentId) -> Option<i64> {
        match self.before(instrument) {
            Some(before) => before.mark,
            None => self.prices(instrument)?.mark(),
        }
    }

    /// Whether the current record gave its instrument a new price: a trade, a usable quote, the end of a book message, a bar.
    #[must_use]
    pub fn has_price(&self) -> bool {
        self.has_price && self.round != Some(Round::Passed)
    }

    /// The book while it is live and not in the middle of a message. `None` in the moment of bars that the time of one
    /// of its own records closed: it is after that record already.
    #[must_use]
    pub fn book(&self, instrument: InstrumentId) -> Option<&Book> {
        match self.before(instrument) {
            Some(_) => None,
            None => self.prices(instrument)?.book(),
        }
    }

    /// Levels that were dropped because a side of the book was full.
    #[must_use]
    pub fn levels_dropped(&self, instrument: InstrumentId) -> u64 {
        self.prices(instrument).map_or(0, Prices::levels_dropped)
    }

    /// Whether the book can be trusted; `None` before its first snapshot or status.
    #[must_use]
    pub fn book_state(&self, instrument: InstrumentId) -> Option<BookState> {
        match self.before(instrument) {
            Some(before) => before.state,
            None => self.prices(instrument)?.state(),
        }
    }

    /// The bar of this instrument that closed last, of whatever size.
    #[must_use]
    pub fn last_bar(&self, instrument: InstrumentId) -> Option<&Record> {
        let mut closed = self.closed_bars().iter().rev();
        let in_this_moment = closed.find(|bar| bar.instrument() == instrument);
        let at = usize::try_from(instrument.0).ok()?;
        in_this_moment.or(self.states.get(at)?.last_bar.as_ref())
    }

    /// The bars that closed in this moment of the current record; a bar that came as input is among them as it is.
    #[must_use]
    pub fn closed_bars(&self) -> &[Record] {
        &self.closed[self.closed_range()]
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

    fn before(&self, instrument: InstrumentId) -> Option<&Before> {
        let before = self.before.as_ref()?;
        let is_shown = self.round == Some(Round::Passed)
            && usize::try_from(instrument.0).is_ok_and(|at| at == before.instrument);
        is_shown.then_some(before)
    }

    fn prices(&self, instrument: InstrumentId) -> Option<&Prices> {
        let at = usize::try_from(instrument.0).ok()?;
        self.states.get(at).map(|state| &state.prices)
    }
}

impl Market {
    /// A market of these instruments that makes these bars, each asked for once and sorted by instrument.
    /// The sources of the bars are in `instruments`.
    pub(crate) fn new(
        instruments: Instruments,
        builders: Vec<BarBuilder>,
        stale_after: Option<DurationNs>,
    ) -> Market {
        assert!(builders.is_sorted_by_key(|builder| builder.instrument));
        let states: Vec<Instrument> = (0..instruments.len())
            .map(|at| Instrument::new(at, &builders))
            .collect();
        Market {
            closed: Vec::with_capacity(2 * builders.len() + 1),
            closed_by: Vec::with_capacity(2 * builders.len() + 1),
            ticks: Vec::with_capacity(2 * states.len() + 2),
            instruments,
            states,
            builders,
            stale_after,
            counters: Counters::default(),
            notes: Notes::default(),
            passed: 0,
            before: None,
            round: None,
            has_price: false,
            is_dropped: false,
        }
    }

    /// Takes one record and says which bars it closed and what changed about books.
    pub(crate) fn apply(&mut self, seq: Seq, record: &Record, out: &mut Outputs) {
        self.closed.clear();
        self.closed_by.clear();
        self.ticks.clear();
        self.passed = 0;
        self.before = None;
        self.round = None;
        self.has_price = false;
        self.is_dropped = false;
        self.notes.begin(seq, record);
        if self.take(record).is_err() {
            self.count_bad();
            self.is_dropped = true;
        }
        for bar in &self.closed {
            if bar.header.kind == Kind::BarClosed as u8 {
                out.push(*bar);
            }
        }
        for note in self.notes.records() {
            out.push(*note);
        }
    }

    /// Whether the record counts for nobody: no order, no signal and no strategy may see it or its time.
    pub(crate) fn has_dropped(&self) -> bool {
        self.is_dropped
    }

    /// Whether time alone closed bars: then that moment comes before the record's own.
    pub(crate) fn has_passed(&self) -> bool {
        self.passed > 0
    }

    /// Shows one moment of the current record: `closed_bars`, `ticks` and `closed_by` tell of it alone, and prices are as of it.
    pub(crate) fn enter(&mut self, round: Round) {
        self.round = Some(round);
    }

    /// The record of this moment: the first bar that closed by time, or the record itself.
    pub(crate) fn moment_of(&self, record: &Record) -> Record {
        match self.round {
            Some(Round::Passed) => self.closed[0],
            _ => *record,
        }
    }

    /// Prices that ticked in this moment.
    pub(crate) fn ticks(&self) -> &[Tick] {
        if self.round == Some(Round::Passed) {
            &[]
        } else {
            &self.ticks
        }
    }

    /// The builder of each bar in `closed_bars`.
    pub(crate) fn closed_by(&self) -> &[Option<usize>] {
        &self.closed_by[self.closed_range()]
    }

    /// The bars that are made, in the order of their builders.
    pub(crate) fn builders(&self) -> &[BarBuilder] {
        &self.builders
    }

    fn closed_range(&self) -> Range<usize> {
        match self.round {
            None => 0..self.closed.len(),
            Some(Round::Passed) => 0..self.passed,
            Some(Round::Now) => self.passed..self.closed.len(),
        }
    }
}

impl Instrument {
    /// Since when nothing came of what bid and ask are made from; of anything, where those never came.
    fn silent_since(&self) -> Ts {
        self.quoted.unwrap_or(self.seen)
    }

    fn new(at: usize, builders: &[BarBuilder]) -> Instrument {
        let id = u32::try_from(at).map_or(InstrumentId::NONE, InstrumentId);
        let first = builders.partition_point(|builder| builder.instrument < id);
        let end = builders.partition_point(|builder| builder.instrument <= id);
        Instrument {
            prices: Prices::new(id),
            since: None,
            feed: None,
            seen: Ts(i64::MIN),
            quoted: None,
            bars: first..end,
            next_close: Ts(i64::MAX),
            last_bar: None,
            newest_bars: Vec::new(),
        }
    }

    /// Takes note of an input bar; whether it is newer than those of its size before it.
    fn advance_bars(&mut self, spec: BarSpec, ts: Ts) -> bool {
        match self.newest_bars.iter_mut().find(|(of, _)| *of == spec) {
            Some((_, newest)) => {
                let is_newer = ts > *newest;
                *newest = ts.max(*newest);
                is_newer
            }
            None => {
                self.newest_bars.push((spec, ts));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests;
