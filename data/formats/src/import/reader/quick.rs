//! The quick way through a text: a line whose fields are written as most files write them is read where it lies in memory, without
//! being cut first. A line is read here only where what comes of it is certain to be what the other way makes of it; all that is
//! wrong, unusual or there already goes that way.

mod cells;
mod line;
mod read_rows;
mod rows;

use super::columns::Columns;
use super::values::small_text;
use super::{LastRow, Reader};
use crate::Result;
use crate::import::columnar::Column;
use crate::import::layout::{Dialect, Layout, Rule};
use crate::import::number::Decimal;
use crate::import::role::Role;
use crate::import::row::{Row, Shape, check};
use crate::import::text::Cutter;
use crate::import::time::{QuickTimes, Stamped, TimeFormat};
use crate::limits::{LINE_BYTES_MAX, TICKERS_MAX};
use jiff::tz::TimeZone;
use line::{Rest, Span};
pub(in crate::import) use read_rows::{ReadRows, numbers_of};
pub(super) use rows::Pace;
use std::ops::Range;
use tickloom_types::Ts;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing that is read.
    Other,
    Time,
    Date,
    TimeOfDay,
    Close,
    Arrival,
    Ticker,
    Venue,
    /// One in which all rows of an instrument have the same.
    Apart,
    Number(usize),
    /// The side, or whether the buyer rested.
    Side(Role),
    Id,
    Sequence,
    Snapshot,
    /// What the row is, by so many of the rules.
    Rule(usize),
}

/// Reads the lines of one layout.
pub(super) struct Quick {
    delimiter: u8,
    kinds: Vec<Kind>,
    shape: Shape,
    rules: Vec<Rule>,
    /// How times are written, of a text.
    times: Option<QuickTimes>,
    /// The columns that are read, of a file of columns.
    columns: Vec<(usize, Kind)>,
    /// The instrument of the last line, by its ticker as it is written.
    last_ticker: (Vec<u8>, usize),
}

impl Quick {
    /// For the lines of this layout, if they can be read here.
    pub(super) fn of(layout: &Layout, columns: &Columns, zone: &TimeZone) -> Option<Quick> {
        let is_plain_text = layout.decimal == Decimal::Point
            && matches!(layout.delimiter, b',' | b';' | b'\t' | b'|');
        let is_plain = matches!(layout.dialect, Dialect::Plain | Dialect::Tardis)
            && (layout.is_columnar || is_plain_text)
            && !matches!(layout.shape, Shape::Depth | Shape::Orders);
        let is_more = !columns.fractions.is_empty() || !layout.sides.is_empty();
        if !is_plain || !layout.singles.is_empty() || is_more {
            return None;
        }
        let mut kinds = vec![Kind::Other; layout.names.len()];
        let mut put = |at: Option<usize>, kind: Kind| {
            let Some(at) = at else { return Some(()) };
            let place = kinds.get_mut(at).filter(|place| **place == Kind::Other)?;
            *place = kind;
            Some(())
        };
        match columns.time_of_day {
            None => put(Some(columns.time), Kind::Time)?,
            Some(at) => {
                // The date is known when the time of day is read.
                (columns.time < at).then_some(())?;
                put(Some(columns.time), Kind::Date)?;
                put(Some(at), Kind::TimeOfDay)?;
            }
        }
        put(columns.close_time, Kind::Close)?;
        put(columns.arrival, Kind::Arrival)?;
        put(columns.ticker, Kind::Ticker)?;
        put(columns.venue, Kind::Venue)?;
        if columns.apart.len() > 1 {
            return None;
        }
        put(columns.apart.first().copied(), Kind::Apart)?;
        for (at, column) in columns.numbers.iter().enumerate() {
            put(*column, Kind::Number(at))?;
        }
        if let Some((at, by)) = columns.side {
            put(Some(at), Kind::Side(by))?;
        }
        put(columns.id, Kind::Id)?;
        put(columns.sequence, Kind::Sequence)?;
        put(columns.snapshot, Kind::Snapshot)?;
        for (at, rule) in layout.rules.iter().enumerate() {
            put(Some(rule.at), Kind::Rule(at))?;
        }
        if columns.action.or(columns.flags).is_some() {
            return None;
        }
        let times = match layout.is_columnar {
            true => None,
            false => Some(QuickTimes::of(&layout.time, zone)?),
        };
        let read = (0..).zip(kinds.iter().copied());
        let read = read.filter(|(_, kind)| *kind != Kind::Other);
        // A time of day of a column is put together with its date elsewhere.
        if layout.is_columnar && kinds.contains(&Kind::TimeOfDay) {
            return None;
        }
        Some(Quick {
            delimiter: layout.delimiter,
            columns: match layout.is_columnar {
                true => read.collect(),
                false => Vec::new(),
            },
            kinds,
            shape: layout.shape,
            rules: layout.rules.clone(),
            times,
            last_ticker: (Vec::new(), 0),
        })
    }

    /// How many of these rows count as far as a rule says.
    fn counting(&self, at: usize, column: &Column, mut rows: Range<usize>) -> Option<usize> {
        let rule = self.rules.get(at)?;
        let counts = |row: usize| rule.counts(&small_text(column.cell(row)));
        let count = rows.len();
        Some(rows.position(|row| !counts(row)).unwrap_or(count))
    }

    /// The instrument that a row names, if rows before did.
    #[inline]
    fn ticker(&mut self, words: &Words<'_>, known: &Known<'_>) -> Option<usize> {
        let Some(ticker) = words.ticker else {
            return Some(0);
        };
        let venue = words.venue.filter(|_| known.is_by_venue);
        let (key, last) = &mut self.last_ticker;
        let is_last = !key.is_empty()
            && match (venue, key.strip_suffix(ticker)) {
                (None, Some(front)) => front.is_empty(),
                (Some(venue), Some(front)) => front.strip_suffix(b".") == Some(venue),
                (_, None) => false,
            };
        if !is_last {
            key.clear();
            if let Some(venue) = venue {
                key.extend_from_slice(venue);
                key.push(b'.');
            }
            key.extend_from_slice(ticker);
            match known.by_name.get(key.as_slice()) {
                Some(at) => *last = *at,
                None => {
                    key.clear();
                    return None;
                }
            }
        }
        Some(*last)
    }
}

/// Fields of a row that say its instrument.
#[derive(Default)]
struct Words<'t> {
    ticker: Option<&'t [u8]>,
    venue: Option<&'t [u8]>,
    apart: Option<&'t [u8]>,
}

/// What of a reader tells instruments.
struct Known<'r> {
    by_name: &'r std::collections::HashMap<Vec<u8>, usize>,
    is_by_venue: bool,
}

impl Reader<'_> {
    /// Reads the next line of a text into `current`, if that is certain to be what the other way makes of it; otherwise nothing is
    /// changed.
    #[inline]
    pub(super) fn quick(&mut self, quick: &mut Quick, cutter: &mut Cutter) -> Result<bool> {
        let text = cutter.ahead()?;
        let Some(bytes) = self.quick_line(quick, text) else {
            return Ok(false);
        };
        let line = cutter.pass(bytes);
        self.current.line = line;
        if matches!(self.layout.time, TimeFormat::Epoch(_)) {
            self.unit_of(line, self.current.stamped.unit);
        }
        Ok(true)
    }

    #[inline]
    fn quick_line(&mut self, quick: &mut Quick, text: &[u8]) -> Option<usize> {
        if text.is_empty() || self.has_to_look() {
            return None;
        }
        let mut rest = Rest::default();
        let bytes = quick.read(text, &mut self.current, &mut rest)?;
        if bytes > LINE_BYTES_MAX {
            return None;
        }
        let word = |span: Option<Span>| span.and_then(|(from, to)| text.get(from..to));
        let words = Words {
            ticker: word(rest.ticker),
            venue: word(rest.venue),
            apart: word(rest.apart),
        };
        self.accept(quick, rest.close, &words)?;
        Some(bytes)
    }

    /// Whether rows have to be looked at the other way.
    #[inline]
    fn has_to_look(&self) -> bool {
        #[cfg(test)]
        if IS_OFF.get() {
            return true;
        }
        self.only.is_some() || self.tickers.len() > TICKERS_MAX
    }

    /// Has the current row count, if all that it says is right.
    #[inline]
    fn accept(
        &mut self,
        quick: &mut Quick,
        close: Option<Stamped>,
        words: &Words<'_>,
    ) -> Option<()> {
        let known = Known {
            by_name: &self.by_name,
            is_by_venue: self.layout.is_by_venue,
        };
        let ticker = quick.ticker(words, &known)?;
        let ts = self.current.stamped.ts;
        let (from, to) = self.years;
        let is_plausible = |ts: Ts| (from..to).contains(&ts);
        if !is_plausible(ts) || !self.current.arrival.is_none_or(is_plausible) {
            return None;
        }
        self.current.close = match close {
            Some(last) => Some(self.close_after(ts, last)?),
            None => None,
        };
        let prices = self.tickers.get(ticker)?.prices;
        check(quick.shape, prices, &self.current.numbers).ok()?;
        if let Some(apart) = words.apart {
            let known = self.tickers.get(ticker)?.apart.first()?;
            if known.as_slice() != apart {
                return None;
            }
        }
        self.current.ticker = ticker;
        self.is_new(quick.shape)?;
        // All is right: from here on the row counts.
        #[cfg(test)]
        COUNT.set(COUNT.get() + 1);
        self.read += 1;
        let Row {
            arrival, stamped, ..
        } = self.current;
        self.times
            .note(ticker, arrival.unwrap_or(ts), stamped.is_date);
        if let Some(close) = self.current.close {
            self.times.note_length(ts, close);
        }
        self.widen_current();
        self.note_sides();
        Some(())
    }

    /// Whether the current row is not there already, as far as the row before it of its instrument tells; it is that then.
    #[inline]
    fn is_new(&mut self, shape: Shape) -> Option<()> {
        let Row {
            ticker,
            id,
            stamped,
            ..
        } = self.current;
        let ticker = self.tickers.get_mut(ticker)?;
        match shape {
            Shape::Bars | Shape::BidAskBars => {
                let is_same = ticker
                    .last
                    .as_ref()
                    .is_some_and(|last| last.ts == stamped.ts);
                (!is_same && self.repeats.is_idle()).then_some(())?;
            }
            Shape::Trades if id != 0 => {
                let is_same = ticker.last.is_some() && ticker.last_trade == id;
                (!is_same && self.repeats.is_idle()).then_some(())?;
                if id < ticker.last_trade {
                    self.times.ids_go_back = true;
                }
            }
            Shape::Trades => {}
            // Of others nothing is the same again.
            _ => return Some(()),
        }
        let last = ticker.last.get_or_insert_with(LastRow::default);
        last.ts = stamped.ts;
        last.side = self.current.side;
        let count = shape.count();
        last.numbers[..count].copy_from_slice(&self.current.numbers[..count]);
        ticker.last_trade = id;
        Some(())
    }
}

#[cfg(test)]
std::thread_local! {
    /// Has all rows go the other way, and be read twice.
    pub(in crate::import) static IS_OFF: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    /// Lines that were read here.
    pub(super) static COUNT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests;
