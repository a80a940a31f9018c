//! The quick way through a text: a line whose fields are written as most files write them is read where it lies in memory, without
//! being cut first. A line is read here only where what comes of it is certain to be what the other way makes of it; all that is
//! wrong, unusual or there already goes that way.

use super::columns::{Columns, side_of};
use super::{LastRow, Reader};
use crate::Result;
use crate::import::cells::{Cell, Cells};
use crate::import::layout::{Dialect, Layout};
use crate::import::number::{Decimal, Number};
use crate::import::row::{Row, Shape, check};
use crate::import::text::{Cutter, digits_at};
use crate::import::time::{QuickTimes, Stamped, TimeFormat};
use crate::limits::{LINE_BYTES_MAX, TICKERS_MAX};
use jiff::tz::TimeZone;
use tickloom_types::{Flags, Ts};

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
    /// The exchange, where instruments are not named by it.
    OtherVenue,
    Number(usize),
    /// The side, or whether the buyer rested.
    Side(bool),
    Id,
    Sequence,
    Snapshot,
}

/// Reads the lines of one layout.
pub(super) struct Quick {
    delimiter: u8,
    kinds: Vec<Kind>,
    shape: Shape,
    /// How times are written, of a text.
    times: Option<QuickTimes>,
    /// The columns that are read, of a file of columns.
    columns: Vec<(usize, Kind)>,
    /// The instrument of the last line, by its ticker as it is written.
    last_ticker: (Vec<u8>, usize),
}

/// Where in a text a field is.
type Span = (usize, usize);

/// What of a line is not in its row yet.
#[derive(Default)]
struct Rest {
    date: Span,
    close: Option<Stamped>,
    ticker: Option<Span>,
    venue: Option<Span>,
    other_venue: Option<Span>,
}

impl Quick {
    /// For the lines of this layout, if they can be read here.
    pub(super) fn of(layout: &Layout, columns: &Columns, zone: &TimeZone) -> Option<Quick> {
        let is_plain_text = layout.decimal == Decimal::Point
            && matches!(layout.delimiter, b',' | b';' | b'\t' | b'|');
        let is_plain = matches!(layout.dialect, Dialect::Plain | Dialect::Tardis)
            && (layout.is_columnar || is_plain_text)
            && !matches!(layout.shape, Shape::Depth | Shape::Orders);
        if !is_plain {
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
        put(columns.other_venue, Kind::OtherVenue)?;
        for (at, column) in columns.numbers.iter().enumerate() {
            put(*column, Kind::Number(at))?;
        }
        if let Some((at, is_of_maker)) = columns.side {
            put(Some(at), Kind::Side(is_of_maker))?;
        }
        put(columns.id, Kind::Id)?;
        put(columns.sequence, Kind::Sequence)?;
        put(columns.snapshot, Kind::Snapshot)?;
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
            times,
            last_ticker: (Vec::new(), 0),
        })
    }

    /// Reads the line that a text begins with into `row`: its bytes, with its end.
    #[inline]
    fn read(&mut self, text: &[u8], row: &mut Row, rest: &mut Rest) -> Option<usize> {
        let mut at = 0;
        let last = self.kinds.len() - 1;
        for column in 0..=last {
            let kind = self.kinds[column];
            let end = self.field(kind, text, at, row, rest)?;
            let sign = *text.get(end)?;
            if column < last {
                if sign != self.delimiter {
                    return None;
                }
                at = end + 1;
            } else {
                at = match sign {
                    b'\n' => end + 1,
                    b'\r' if text.get(end + 1) == Some(&b'\n') => end + 2,
                    _ => return None,
                };
            }
        }
        Some(at)
    }

    /// Reads the field that begins at a place: where it ends.
    #[inline]
    fn field(
        &mut self,
        kind: Kind,
        text: &[u8],
        at: usize,
        row: &mut Row,
        rest: &mut Rest,
    ) -> Option<usize> {
        match kind {
            Kind::Number(place) => {
                let (number, end) = number_at(text, at)?;
                *row.numbers.get_mut(place)? = number;
                Some(end)
            }
            Kind::Time if self.times.as_ref().is_some_and(QuickTimes::are_digits) => {
                let digits = digits_at(text, at)?;
                row.stamped = self.times.as_ref()?.of_digits(digits)?;
                Some(at + digits.count)
            }
            Kind::Id | Kind::Sequence => {
                let digits = digits_at(text, at).filter(|digits| digits.count > 0)?;
                let place = match kind {
                    Kind::Id => &mut row.id,
                    _ => &mut row.sequence,
                };
                *place = digits.value;
                Some(at + digits.count)
            }
            _ => {
                let span = self.span(text, at)?;
                self.texts(kind, text, span, row, rest)?;
                Some(span.1)
            }
        }
    }

    /// Reads a field that has more than digits.
    fn texts(
        &mut self,
        kind: Kind,
        text: &[u8],
        span: Span,
        row: &mut Row,
        rest: &mut Rest,
    ) -> Option<()> {
        let field = text.get(span.0..span.1)?;
        // Spaces around a field are none of it.
        let is_trimmed = field.trim_ascii().len() == field.len();
        match kind {
            Kind::Other => return Some(()),
            _ if !is_trimmed => return None,
            Kind::Time => row.stamped = self.times.as_mut()?.of_field(field)?,
            Kind::Date => rest.date = span,
            Kind::TimeOfDay => {
                let date = text.get(rest.date.0..rest.date.1)?;
                row.stamped = self.times.as_mut()?.of_fields(date, field)?;
            }
            Kind::Close => rest.close = Some(self.times.as_mut()?.of_field(field)?),
            Kind::Arrival => row.arrival = Some(self.times.as_mut()?.of_field(field)?.ts),
            Kind::Ticker => rest.ticker = Some(span),
            Kind::Venue => rest.venue = Some(span),
            Kind::OtherVenue => rest.other_venue = Some(span),
            Kind::Side(is_of_maker) => {
                row.side = side_of(field, is_of_maker)
                    .filter(|side| self.shape != Shape::Levels || *side != 0)?;
            }
            Kind::Snapshot => {
                row.flags = match field {
                    b"true" | b"1" => Flags::SNAPSHOT,
                    b"false" | b"0" => 0,
                    _ => return None,
                }
            }
            Kind::Number(_) | Kind::Id | Kind::Sequence => return None,
        }
        Some(())
    }

    /// Where a field without quotes is that begins at a place.
    #[inline]
    fn span(&self, text: &[u8], from: usize) -> Option<Span> {
        let rest = text.get(from..)?;
        let is_end = |b: &u8| *b == self.delimiter || matches!(b, b'\n' | b'"');
        let mut end = from + rest.iter().position(is_end)?;
        match text.get(end)? {
            b'"' => return None,
            b'\n' => {
                while end > from && text.get(end - 1) == Some(&b'\r') {
                    end -= 1;
                }
            }
            _ => {}
        }
        Some((from, end))
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
    other_venue: Option<&'t [u8]>,
}

/// What of a reader tells instruments.
struct Known<'r> {
    by_name: &'r std::collections::HashMap<Vec<u8>, usize>,
    is_by_venue: bool,
}

/// A number of digits and perhaps a point, and where it ends.
#[inline]
fn number_at(text: &[u8], at: usize) -> Option<(Number, usize)> {
    let whole = digits_at(text, at)?;
    let end = at + whole.count;
    if text.get(end) != Some(&b'.') {
        let mantissa = i64::try_from(whole.value).ok()?;
        let is_number = (1..=NUMBER_DIGITS_MAX).contains(&whole.count);
        let decimals = 0;
        return is_number.then_some((Number { mantissa, decimals }, end));
    }
    let fraction = digits_at(text, end + 1)?;
    let count = whole.count + fraction.count;
    if !(1..NUMBER_DIGITS_MAX).contains(&count) {
        return None;
    }
    let decimals = u8::try_from(fraction.count).ok()?;
    let whole_part = i64::try_from(whole.value).ok()?;
    let mantissa =
        whole_part * tickloom_types::pow10(decimals) + i64::try_from(fraction.value).ok()?;
    let number = Number { mantissa, decimals }.shortest();
    let is_fine = number.decimals <= tickloom_types::PRICE_DECIMALS_MAX;
    is_fine.then_some((number, end + 1 + fraction.count))
}

/// The number of a cell whose column has a type, without the noise that a float may have.
#[inline]
fn number_of(cell: Cell<'_>, digits: &mut u8) -> Option<Number> {
    match cell {
        Cell::Whole(mantissa) => {
            let decimals = 0;
            Some(Number { mantissa, decimals })
        }
        Cell::Float(value) => match Number::of_float_like(value, digits) {
            Ok((number, false)) => Some(number),
            _ => None,
        },
        Cell::Decimal(mantissa, scale) => Number::of_decimal(mantissa, scale).ok(),
        _ => None,
    }
}

/// The word that a cell is.
#[inline]
fn word_of(cell: Cell<'_>) -> Option<&[u8]> {
    match cell {
        Cell::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Digits of a number, with its point.
const NUMBER_DIGITS_MAX: usize = 18;

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
            other_venue: word(rest.other_venue),
        };
        self.accept(quick, rest.close, &words)?;
        Some(bytes)
    }

    /// As [`Reader::quick`], of a row of columns.
    #[inline]
    pub(super) fn quick_cells(
        &mut self,
        quick: &mut Quick,
        line: u64,
        cells: &impl Cells,
    ) -> Option<()> {
        if self.has_to_look() {
            return None;
        }
        let mut close = None;
        let mut words = Words::default();
        for (column, kind) in &quick.columns {
            let cell = cells.cell(*column);
            match kind {
                Kind::Number(at) => {
                    let digits = &mut self.digits[usize::from(quick.shape.is_qty(*at))];
                    *self.current.numbers.get_mut(*at)? = number_of(cell, digits)?;
                }
                Kind::Time | Kind::Date => self.current.stamped = self.typed_time(cell)?,
                Kind::Arrival => self.current.arrival = Some(self.typed_time(cell)?.ts),
                Kind::Close => close = Some(self.typed_time(cell)?),
                Kind::Id | Kind::Sequence => {
                    let Cell::Whole(value) = cell else {
                        return None;
                    };
                    let place = match kind {
                        Kind::Id => &mut self.current.id,
                        _ => &mut self.current.sequence,
                    };
                    *place = u64::try_from(value).ok()?;
                }
                Kind::Ticker => words.ticker = Some(word_of(cell)?),
                Kind::Venue => words.venue = Some(word_of(cell)?),
                Kind::OtherVenue => words.other_venue = Some(word_of(cell)?),
                Kind::Side(is_of_maker) => {
                    let side = match cell {
                        Cell::Truth(true) => side_of(b"true", *is_of_maker),
                        Cell::Truth(false) => side_of(b"false", *is_of_maker),
                        cell => side_of(word_of(cell)?, *is_of_maker),
                    };
                    self.current.side =
                        side.filter(|side| quick.shape != Shape::Levels || *side != 0)?;
                }
                Kind::Snapshot => {
                    self.current.flags = match cell {
                        Cell::Truth(true) => Flags::SNAPSHOT,
                        Cell::Truth(false) => 0,
                        _ => return None,
                    }
                }
                Kind::Other | Kind::TimeOfDay => return None,
            }
        }
        self.accept(quick, close, &words)?;
        self.current.line = line;
        if matches!(self.layout.time, TimeFormat::Epoch(_)) {
            self.unit_of(line, self.current.stamped.unit);
        }
        Some(())
    }

    /// The time of a cell whose column has a type that says it.
    #[inline]
    fn typed_time(&self, cell: Cell<'_>) -> Option<Stamped> {
        let is_quick = match cell {
            Cell::Instant(..) | Cell::Local(..) | Cell::Date(_) => true,
            Cell::Whole(_) => {
                matches!(self.layout.time, TimeFormat::Epoch(_) | TimeFormat::Unit(_))
            }
            _ => false,
        };
        is_quick
            .then(|| self.layout.time.read(cell, &self.zone))
            .flatten()
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
        check(quick.shape, self.prices, &self.current.numbers).ok()?;
        if let Some(venue) = words.other_venue {
            let known = &self.tickers.get(ticker)?.venue;
            if known.is_empty() || known.as_slice() != venue {
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
        if self.current.close.is_some() {
            self.times.note_length(&self.current);
        }
        self.widen_current();
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
                let is_same = ticker.last.as_ref().is_some_and(|last| last.ts == stamped.ts);
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
