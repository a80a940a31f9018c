//! What is known of the market: book, quote, last price and bars of every instrument, after the records so far.
//!
//! [`Market::apply`] takes one record: first the bars whose time is over are closed, then the record itself counts.
//! When its moment is over, [`Market::next_round`] shows what the moment did: the bars that time closed, a round for each close
//! time, in which prices are still those before the record that let time pass; then everything else at once.
//! How each kind of record counts is in `market/records.rs`, what is kept of a moment in `market/moment.rs`. A record that no
//! market can have is counted and told as a `BookStatus` output.

mod collect;
mod due;
mod instrument;
mod moment;
mod quotes;
mod records;
mod rounds;
mod state;
mod time;

pub(crate) use moment::{BarCause, Round, Tick};
pub(crate) use rounds::TickedBy;

use crate::bars::BarBuilder;
use crate::book::{Book, Sides, Top};
use crate::notes::Notes;
use crate::outputs::Outputs;
use crate::prices::Prices;
use due::Due;
use instrument::{Instrument, LastBars};
use moment::{Before, Moment};
use tickloom_types::{
    BarSpec, BookState, DurationNs, Flags, InstrumentId, Instruments, Kind, Record, Seq, Ts,
};

/// A record that no market can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bad;

/// What the current record tells of its instrument's prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    /// Bid and ask, which are no price: one-sided, or crossed.
    NoPrice,
    Price,
}

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
    /// Book levels that were dropped because a side of the book was full, over all instruments.
    pub levels_dropped: u64,
}

/// The market as the records so far tell it.
#[derive(Clone, Debug)]
pub struct Market {
    instruments: Instruments,
    states: Vec<Instrument>,
    /// By instrument.
    last_bars: Vec<LastBars>,
    builders: Vec<BarBuilder>,
    stale_after: Option<DurationNs>,
    /// When bars close next by time, of the instruments that have such bars open.
    closes: Due,
    /// Since when instruments may be silent, of those whose prices a silence would take away: looked at again when that is long ago.
    silences: Due,
    /// Instruments that a timer concerns, reused.
    concerned: Vec<usize>,
    counters: Counters,
    notes: Notes,
    moment: Moment,
    /// What of the moment is shown; `None` while its records come.
    shown: Option<Round>,
    told: Told,
    /// The current record changed nothing: it was bad, or a bar that came too late.
    is_dropped: bool,
    /// The current record is a level of which nothing came but a change of the book.
    is_inner: bool,
}

impl Market {
    /// Best bid and ask that can be trusted: from quotes once the instrument has had one since its last resync,
    /// otherwise from its book as of the last whole message. `None` while stale, in resync, crossed or one-sided.
    #[must_use]
    pub fn top(&self, instrument: InstrumentId) -> Option<Top> {
        match self.before(instrument) {
            Some(before) => before.sides.and_then(|sides| sides.top()),
            None => self.prices(instrument)?.top(),
        }
    }

    /// What is shown of bid and ask where they are known, by the same sources: also one side alone, and nothing while crossed.
    /// `None` while stale, in resync, or where nobody quotes.
    #[must_use]
    pub fn sides(&self, instrument: InstrumentId) -> Option<Sides> {
        match self.before(instrument) {
            Some(before) => before.sides,
            None => self.prices(instrument)?.sides(),
        }
    }

    /// Price of the last trade, or the close of the last bar, where there are no trades or it began after all that came.
    #[must_use]
    pub fn last(&self, instrument: InstrumentId) -> Option<i64> {
        match self.before(instrument) {
            Some(before) => before.last,
            None => self.prices(instrument)?.last(),
        }
    }

    /// The price to value a position at: the newer of the last trade and the close of a bar that began after it; without trades the
    /// newer of such a close and the middle of bid and ask, rounded toward zero.
    #[must_use]
    pub fn mark(&self, instrument: InstrumentId) -> Option<i64> {
        match self.before(instrument) {
            Some(before) => before.mark,
            None => self.prices(instrument)?.mark(),
        }
    }

    /// Whether trades, quotes or a book tell the prices of an instrument: not where bars alone come, and not any more once one came
    /// that began after the newest of these.
    pub(crate) fn is_ticking(&self, instrument: InstrumentId) -> bool {
        match self.before(instrument) {
            Some(before) => before.is_ticking,
            None => self.prices(instrument).is_some_and(Prices::is_ticking),
        }
    }

    /// Whether the current record gave its instrument a new price: a trade, a usable quote, the end of a book message, a bar.
    /// When strategies decide: whether any record of the moment did.
    #[must_use]
    pub fn has_price(&self) -> bool {
        match self.shown {
            None => self.told == Told::Price,
            Some(Round::Passed(_)) => false,
            Some(Round::Now) => self.moment.has_price,
        }
    }

    /// The book while it is live and not in the middle of a message. `None` in the round of bars that time closed, if a record
    /// that came since changed the instrument: the book is after that record already.
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

    /// The bar of this instrument that closed last, of whatever size. In the round of bars that time closed, none is newer.
    #[must_use]
    pub fn last_bar(&self, instrument: InstrumentId) -> Option<&Record> {
        let at = usize::try_from(instrument.0).ok()?;
        let state = self.states.get(at)?;
        let Some(Round::Passed(range)) = &self.shown else {
            return self.last_bars[at].newest(state);
        };
        if state.bar_moment != self.moment.number {
            return self.last_bars[at].newest(state);
        }
        let mut so_far = self.moment.passed.records[..range.end].iter().rev();
        let closed = so_far.find(|bar| bar.instrument() == instrument);
        closed.or_else(|| self.last_bars[at].before(state))
    }

    /// The bars that closed in the round in which strategies decide, in the order in which they closed; a bar that came as
    /// input is among them as it is. Bars that time closed have rounds of their own, one for each close time.
    #[must_use]
    pub fn closed_bars(&self) -> &[Record] {
        match &self.shown {
            None => &[],
            Some(Round::Passed(range)) => &self.moment.passed.records[range.clone()],
            Some(Round::Now) => &self.moment.now.records,
        }
    }

    /// The newest time at which something came of this instrument, a trade, a quote, a level or a bar, if that was surely after `ts`:
    /// a bar by time has to have begun after it, as all that is in it may have been early.
    #[must_use]
    pub fn newest_after(&self, instrument: InstrumentId, ts: Ts) -> Option<Ts> {
        let state = self.states.get(usize::try_from(instrument.0).ok()?)?;
        let bars = state.newest_bar.iter().chain(&state.other_bars);
        let bars = bars.map(|(spec, close)| (spec.begin(*close), *close));
        let all = bars.chain([(state.seen, state.seen)]);
        let later = all.filter(|(begin, _)| *begin > ts);
        later.map(|(_, newest)| newest).max()
    }

    /// Instruments and sources, with the sources of the bars that the core makes.
    #[must_use]
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// How many records were wrong.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let dropped = self
            .states
            .iter()
            .map(|state| state.prices.levels_dropped());
        Counters {
            levels_dropped: dropped.sum(),
            ..self.counters
        }
    }

    fn before(&self, instrument: InstrumentId) -> Option<&Before> {
        if !matches!(self.shown, Some(Round::Passed(_))) {
            return None;
        }
        let state = self.states.get(usize::try_from(instrument.0).ok()?)?;
        let is_held = state.held_moment == self.moment.number;
        is_held.then(|| &self.moment.before[state.held])
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
            moment: Moment::new(builders.len(), states.len()),
            last_bars: vec![LastBars::default(); states.len()],
            closes: Due::new(states.len()),
            silences: Due::new(states.len()),
            concerned: Vec::with_capacity(states.len()),
            instruments,
            states,
            builders,
            stale_after,
            counters: Counters::default(),
            notes: Notes::default(),
            shown: None,
            told: Told::Nothing,
            is_dropped: false,
            is_inner: false,
        }
    }

    /// Takes one record and says which bars it closed and what changed about books.
    #[inline(always)]
    pub(crate) fn apply(&mut self, seq: Seq, record: &Record, out: &mut Outputs) {
        self.begin(record);
        self.shown = None;
        self.told = Told::Nothing;
        self.is_dropped = false;
        self.is_inner = record.header.kind == Kind::Level as u8
            && !record.has(Flags::LAST)
            && self.take_inner_level(record);
        if self.is_inner {
            self.moment.take(record);
        } else if record.header.kind != Kind::Bar as u8 || !self.take_plain_bar(record) {
            self.apply_any(seq, record, out);
        }
        self.moment.is_open = record.has(Flags::MORE);
    }

    /// Takes notice of a record that changes nothing and ends no moment.
    pub(crate) fn pass_over(&mut self) {
        self.shown = None;
        self.told = Told::Nothing;
        self.is_dropped = false;
        self.is_inner = false;
    }

    #[inline(never)]
    fn apply_any(&mut self, seq: Seq, record: &Record, out: &mut Outputs) {
        self.notes.begin(seq, record);
        let passed = self.moment.passed.records.len();
        let now = self.moment.now.records.len();
        match self.take(record) {
            Ok(()) if self.is_dropped => {}
            Ok(()) => {
                self.moment.take(record);
                self.moment.has_price |= self.told == Told::Price;
            }
            Err(Bad) => {
                self.count_bad();
                self.is_dropped = true;
            }
        }
        for (bars, known) in [(&self.moment.passed, passed), (&self.moment.now, now)] {
            if bars.records.len() == known {
                continue;
            }
            for bar in &bars.records[known..] {
                if bar.header.kind == Kind::BarClosed as u8 {
                    out.push(*bar);
                }
            }
        }
        for note in self.notes.records() {
            out.push(*note);
        }
    }

    /// Whether nothing came of the record but a change of a book, in the middle of one of its messages.
    #[inline]
    pub(crate) fn is_inner(&self) -> bool {
        self.is_inner
    }

    /// Whether the record counts for nobody: no order, no signal and no strategy may see it or its time.
    pub(crate) fn has_dropped(&self) -> bool {
        self.is_dropped
    }

    /// Whether the current record told prices, or bid and ask that are none.
    pub(crate) fn has_told(&self) -> bool {
        self.told != Told::Nothing
    }

    /// Whether bid and ask of an instrument are known, and crossed.
    pub(crate) fn is_crossed(&self, instrument: InstrumentId) -> bool {
        self.prices(instrument).is_some_and(Prices::is_crossed)
    }

    /// Index of the builder of these bars.
    pub(crate) fn builder(&self, instrument: InstrumentId, spec: BarSpec) -> Option<usize> {
        let of = self
            .states
            .get(usize::try_from(instrument.0).ok()?)?
            .builders();
        let mut own = self.builders[of.clone()].iter();
        let at = own.position(|builder| builder.spec == spec)?;
        Some(of.start + at)
    }

    /// The bars that are made, in the order of their builders.
    pub(crate) fn builders(&self) -> &[BarBuilder] {
        &self.builders
    }
}

#[cfg(test)]
mod tests;
