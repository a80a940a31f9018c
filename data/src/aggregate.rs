//! Bars on the fly: from trades, quotes or smaller bars to any size, with edges in UTC or at the sessions of a calendar.
//!
//! [`Aggregate`] is an adaptor over records in order, such as a scan. Without a calendar its bars are those that the core makes of
//! the same records, bit for bit (a test compares them); the core knows no calendars, so where sessions matter its bars come from
//! here. It reads no file and keeps one open bar for each instrument.

mod builder;
mod closes;
mod edges;
mod feed;
#[cfg(test)]
mod tests;

use crate::{Calendars, DataError, Result};
use builder::{Added, Builder, Closed};
pub use closes::Closes;
use edges::Edges;
use feed::FeedState;
use std::collections::VecDeque;
use tickloom_types::{
    BarBody, BarSpec, Flags, Header, InstrumentId, Instruments, Kind, QuoteBody, Record, Seq,
    SourceId, StatusBody, StatusCode, TradeBody, Ts, pow10,
};

/// What price bars are made of, where they are made of ticks. Smaller bars come before either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BarPrice {
    /// Of trades, with their volume.
    #[default]
    Trade,
    /// The best bid of quotes.
    Bid,
    /// The best ask of quotes.
    Ask,
    /// The middle of both, rounded toward zero to the instrument's scale.
    Mid,
}

/// What comes out beside the bars that are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passing {
    /// Nothing. A bar that is open at the end comes too, marked as incomplete.
    #[default]
    Bars,
    /// Every record that comes in, with each bar at its place: before the records of its instrument that are after its close. A bar
    /// that is open at the end does not come, as its time may not be over.
    All,
}

/// Which bars to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateOptions {
    /// Their size. With a calendar a day is a trading day and a week a trading week; bars by trades and volume are cut at the close.
    pub size: BarSpec,
    /// What ticks they are made of.
    pub price: BarPrice,
    /// What else comes out.
    pub passing: Passing,
}

/// Records and prices that are in no bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Older than a bar that was released.
    pub late: u64,
    /// Outside the sessions, or a bar that is only partly within.
    pub outside: u64,
    /// Not possible: a size below zero, or a volume beyond what fits.
    pub bad: u64,
    /// Quotes of which the side that bars are made of is empty, for the middle either; or whose bid is above their ask.
    pub unpriced: u64,
}

/// Makes bars of records; see the module. Sequences are given anew, from zero.
pub struct Aggregate<I> {
    input: I,
    options: AggregateOptions,
    instruments: Instruments,
    source: SourceId,
    states: Vec<State>,
    waiting: VecDeque<Record>,
    next: Seq,
    left_out: LeftOut,
    is_done: bool,
}

/// One instrument.
struct State {
    builder: Builder,
    /// What ticks its bars are made of.
    price: BarPrice,
    feed: FeedState,
    /// Of each size of input bars, the close of the newest one.
    newest_bars: Vec<(BarSpec, Ts)>,
}

impl<I: Iterator<Item = Result<(Seq, Record)>>> Aggregate<I> {
    /// Bars of `input`, whose identifiers `instruments` names. With `calendars` the edges of an instrument are those of the calendar
    /// that its definition names; without, or where it names none, they are in UTC.
    ///
    /// # Errors
    /// [`DataError::Option`] if the size does not fit an instrument; [`DataError::Unknown`] for a calendar that is not there.
    pub fn new(
        input: I,
        instruments: &Instruments,
        options: AggregateOptions,
        calendars: Option<&Calendars>,
    ) -> Result<Self> {
        let mut states = Vec::with_capacity(instruments.len());
        for def in instruments.defs() {
            let calendar = calendars.map(|all| all.of(def)).transpose()?.flatten();
            let edges = Edges::new(options.size, calendar)?;
            let builder = Builder::new(options.size, edges, pow10(def.qty_decimals));
            states.push(State {
                builder: builder.ok_or_else(|| DataError::Option {
                    field: "bar size",
                    value: options.size.to_string(),
                    expected: "a volume that fits the instrument",
                })?,
                price: options.price,
                feed: FeedState::default(),
                newest_bars: Vec::new(),
            });
        }
        let mut instruments = instruments.clone();
        let source = instruments.bar_source(options.size)?;
        Ok(Aggregate {
            input,
            options,
            instruments,
            source,
            states,
            waiting: VecDeque::new(),
            next: 0,
            left_out: LeftOut::default(),
            is_done: false,
        })
    }

    /// The same with bars of some instruments made of another price than that of the options.
    #[must_use]
    pub fn with_prices(
        mut self,
        prices: impl IntoIterator<Item = (InstrumentId, BarPrice)>,
    ) -> Self {
        for (instrument, price) in prices {
            if let Some(state) = self.states.get_mut(instrument.0 as usize) {
                state.price = price;
            }
        }
        self
    }

    /// What the identifiers in the records mean: those of the input and the source of the bars.
    #[must_use]
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// What is in no bar so far.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// Takes a record. The bars that it closes are of its moment.
    fn take(&mut self, record: &Record) {
        let from = self.waiting.len();
        self.take_alone(record);
        for one in self.waiting.range_mut(from..) {
            one.header.flags |= Flags::MORE;
        }
        let goes_on = record.has(Flags::MORE) && self.options.passing == Passing::All;
        if let Some(last) = self.waiting.back_mut().filter(|_| !goes_on) {
            last.header.flags &= !Flags::MORE;
        }
    }

    fn take_alone(&mut self, record: &Record) {
        match record.kind() {
            Some(Kind::Trade | Kind::Quote | Kind::Level) => self.tick(record),
            Some(Kind::Bar) => self.bar(record),
            Some(Kind::Timer | Kind::Status) => self.concern(record),
            _ => {
                self.pass(record);
            }
        }
    }

    fn tick(&mut self, record: &Record) {
        let Some(at) = self.index(record) else {
            return self.bad(record);
        };
        let (price, qty) = match price(record, self.states[at].price) {
            Ok(price) => price.unzip(),
            Err(()) => return self.bad(record),
        };
        let ts = record.ts_event();
        let is_trade = record.kind() == Some(Kind::Trade);
        if is_trade || !record.has(Flags::BAD_TIME) {
            let closed = self.states[at].builder.pass_time(ts);
            self.emit(at, closed, &record.header);
        }
        self.states[at].feed.arrive(record);
        self.pass(record);
        let is_wanted =
            record.kind() == Some(Kind::Quote) && self.states[at].price != BarPrice::Trade;
        if is_wanted && price.is_none() {
            self.left_out.unpriced += 1;
        }
        if let (Some(price), Some(qty)) = (price, qty) {
            let State { builder, feed, .. } = &mut self.states[at];
            let added = builder.add_price(ts, price, qty, feed.since);
            self.count(at, added, &record.header);
        }
    }

    fn bar(&mut self, record: &Record) {
        let spec = self.instruments.bar_spec(record.source());
        let (Some(at), Some(spec)) = (self.index(record), spec) else {
            return self.bad(record);
        };
        if BarBody::of(record).volume < 0 {
            return self.bad(record);
        }
        let ts = record.ts_event();
        if !self.states[at].is_newer(spec, ts) {
            self.left_out.late += 1;
            self.pass(record);
            return;
        }
        if spec == self.options.size {
            if self.states[at].builder.take_exact(ts) {
                self.waiting.push_back(*record);
            } else {
                self.left_out.late += 1;
                self.pass(record);
            }
            return;
        }
        let closed = self.states[at].builder.pass_bar(ts, spec);
        self.emit(at, closed, &record.header);
        self.pass(record);
        let added = self.states[at].builder.add_bar(spec, record);
        self.count(at, added, &record.header);
    }

    /// A timer lets time pass and a status may tell of something missed, for the instrument that it names or those of its source.
    fn concern(&mut self, record: &Record) {
        let is_status = record.kind() == Some(Kind::Status);
        let is_start = is_status && StatusBody::of(record).code == StatusCode::Started as u16;
        let concerned: Vec<usize> = match self.index(record) {
            Some(at) => vec![at],
            None if record.instrument() == InstrumentId::NONE => {
                let is_of = |state: &State| is_start || state.feed.source == Some(record.source());
                (0..self.states.len())
                    .filter(|at| is_of(&self.states[*at]))
                    .collect()
            }
            None => return self.bad(record),
        };
        for at in concerned {
            if is_status {
                let State { builder, feed, .. } = &mut self.states[at];
                if feed.status(record) {
                    builder.gap();
                }
            } else {
                let closed = self.states[at].builder.pass_time(record.ts_event());
                self.emit(at, closed, &record.header);
            }
        }
        self.pass(record);
    }

    fn index(&self, record: &Record) -> Option<usize> {
        let at = usize::try_from(record.header.instrument).ok()?;
        (at < self.states.len()).then_some(at)
    }

    fn count(&mut self, at: usize, added: Added, cause: &Header) {
        match added {
            Added::Closed(closed) => self.emit(at, Some(closed), cause),
            Added::Late => self.left_out.late += 1,
            Added::Outside => self.left_out.outside += 1,
            Added::Bad => self.left_out.bad += 1,
            Added::Open | Added::Elsewhere => {}
        }
    }

    fn bad(&mut self, record: &Record) {
        self.left_out.bad += 1;
        self.pass(record);
    }

    fn pass(&mut self, record: &Record) {
        if self.options.passing == Passing::All {
            self.waiting.push_back(*record);
        }
    }

    fn emit(&mut self, at: usize, closed: Option<Closed>, cause: &Header) {
        let Some(closed) = closed else { return };
        let instrument = InstrumentId(u32::try_from(at).unwrap_or(u32::MAX));
        let arrival = Ts(cause.ts_recv);
        let header = Header::new(Kind::Bar, instrument, self.source, closed.ts, arrival);
        let flags = if closed.incomplete {
            Flags::INCOMPLETE
        } else {
            0
        };
        self.waiting
            .push_back(closed.body.record(header.with_flags(flags)));
    }

    /// The bars that are still open at the end.
    fn finish(&mut self) {
        self.is_done = true;
        if self.options.passing == Passing::All {
            return;
        }
        for at in 0..self.states.len() {
            let closed = self.states[at].builder.rest();
            let arrival = closed.map_or(0, |closed| closed.ts.0);
            let cause = Header {
                ts_recv: arrival,
                ..Header::default()
            };
            self.emit(at, closed, &cause);
        }
    }
}

impl State {
    /// Takes note of an input bar; whether it is newer than those of its size before it.
    fn is_newer(&mut self, spec: BarSpec, ts: Ts) -> bool {
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

impl<I: Iterator<Item = Result<(Seq, Record)>>> Iterator for Aggregate<I> {
    type Item = Result<(Seq, Record)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.waiting.pop_front() {
                self.next += 1;
                return Some(Ok((self.next - 1, record)));
            }
            if self.is_done {
                return None;
            }
            match self.input.next() {
                Some(Ok((_, record))) => self.take(&record),
                Some(Err(error)) => return Some(Err(error)),
                None => self.finish(),
            }
        }
    }
}

/// The price and size of a tick, if bars of this price are made of it.
///
/// # Errors
/// Nothing can have such a record.
fn price(record: &Record, of: BarPrice) -> Result<Option<(i64, i64)>, ()> {
    match record.kind() {
        Some(Kind::Trade) => {
            let trade = TradeBody::of(record);
            if trade.qty <= 0 {
                return Err(());
            }
            Ok((of == BarPrice::Trade).then_some((trade.price, trade.qty)))
        }
        Some(Kind::Quote) => {
            let quote = QuoteBody::of(record);
            if quote.bid_qty < 0 || quote.ask_qty < 0 {
                return Err(());
            }
            Ok(quoted(&quote, of).map(|price| (price, 0)))
        }
        _ => Ok(None),
    }
}

/// The price of a quote: of a side that is empty there is none, and none at all while the bid is above the ask.
fn quoted(quote: &QuoteBody, of: BarPrice) -> Option<i64> {
    let (bid, ask) = quote.prices();
    if bid.zip(ask).is_some_and(|(bid, ask)| bid > ask) {
        return None;
    }
    match of {
        BarPrice::Trade => None,
        BarPrice::Bid => bid,
        BarPrice::Ask => ask,
        BarPrice::Mid => {
            let sum = i128::from(bid?) + i128::from(ask?);
            i64::try_from(sum / 2).ok()
        }
    }
}
