//! Many rows of columns at once, as numbers in columns again: the quick way where rows follow each other that are all in common forms,
//! of one instrument and right. The first row that is anything else ends them; it goes the way of single rows, on which each row here
//! comes to the same.

use super::read_rows::{ReadRows, leading, numbers_of};
use super::{Kind, Known, Quick, Words};
use crate::Result;
use crate::import::cells::{Cell, Cells, DAY_NS};
use crate::import::columnar::{RowsAhead, TimesRead};
use crate::import::number::Number;
use crate::import::reader::columns::side_of;
use crate::import::reader::{LastRow, Reader, Source};
use crate::import::row::{NUMBERS_MAX, Prices, Row, Shape};
use crate::import::time::TimeFormat;
use jiff::tz::TimeZone;
use std::ops::Range;
use tickloom_types::Ts;

/// Rows that are read at once at most, and below which it is no gain.
const ROWS_MAX: usize = 1_024;
const ROWS_MIN: usize = 16;
/// Rows that go the other way at most before this one is tried again.
const ALONE_MAX: usize = 4_096;
/// Numbers of a row that is read here, and which of those of a bar is its low.
pub(super) const NUMBERS: usize = 5;
const LOW: usize = 2;

/// How many rows are tried at once, by how it went.
pub(in crate::import::reader) struct Pace {
    at_once: usize,
    /// Rows that go the other way first.
    alone: usize,
    /// How many it will be the next time.
    again: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        // The first rows say how fine numbers are.
        Pace {
            at_once: 64,
            alone: ROWS_MIN,
            again: ROWS_MIN,
        }
    }
}

impl Pace {
    /// So many of the rows that were tried were read.
    fn note(&mut self, read: usize, tried: usize) {
        if read == tried {
            self.at_once = (self.at_once * 2).min(ROWS_MAX);
            self.again = ROWS_MIN;
        } else if read >= ROWS_MIN {
            self.at_once = (read * 2).clamp(64, ROWS_MAX);
            self.alone = 1;
        } else {
            self.alone = self.again;
            self.again = (self.again * 2).min(ALONE_MAX);
        }
    }
}

impl Reader<'_> {
    /// Reads rows of columns that come next into `into`; false if the next row is for [`Reader::next`], or there is none.
    pub(in crate::import) fn next_rows(&mut self, into: &mut ReadRows) -> Result<bool> {
        if self.pace.alone > 0 {
            self.pace.alone -= 1;
            return Ok(false);
        }
        if self.has_to_look() || !self.repeats.is_idle() {
            return Ok(false);
        }
        let Source::Columns(rows) = &mut self.source else {
            return Ok(false);
        };
        let Some(mut quick) = self.quick.take() else {
            return Ok(false);
        };
        let ahead = rows.ahead();
        if let Some(path) = rows.new_path() {
            self.path = path;
        }
        let Some(ahead) = ahead? else {
            self.quick = Some(quick);
            return Ok(false);
        };
        let rows = ahead.rows();
        let tried = rows.len().min(self.pace.at_once);
        into.clear();
        let read = self.read_rows(&mut quick, &ahead, rows.start..rows.start + tried, into);
        let mut read = read.unwrap_or(0);
        self.pace.note(read, tried);
        if read < ROWS_MIN {
            read = 0;
        }
        into.truncate(read);
        let number = ahead.number;
        if let Source::Columns(rows) = &mut self.source {
            let last = rows.pass(ahead, read);
            if read > 0 {
                self.accept_rows(&quick, &last, number, into);
            }
            if let Source::Columns(rows) = &mut self.source {
                rows.give_back(last);
            }
        }
        self.quick = Some(quick);
        Ok(read > 0)
    }

    /// How many of these rows are in common forms and right. Nothing of them counts yet.
    fn read_rows(
        &mut self,
        quick: &mut Quick,
        ahead: &RowsAhead,
        rows: Range<usize>,
        into: &mut ReadRows,
    ) -> Option<usize> {
        let is_read = matches!(quick.shape, Shape::Bars | Shape::Quotes | Shape::Trades);
        is_read.then_some(())?;
        let mut count = rows.len();
        into.ticker = self.ticker_of_rows(quick, ahead, &rows, &mut count)?;
        into.line = ahead.number;
        let ticker = self.tickers.get(into.ticker)?;
        let times = (&self.layout.time, self.zone == TimeZone::UTC);
        for (place, kind) in &quick.columns {
            let column = ahead.column(*place)?;
            let rows = rows.start..rows.start + count;
            match kind {
                Kind::Number(at) => {
                    let decimals = match quick.shape.is_qty(*at) {
                        true => ticker.qty_decimals,
                        false => ticker.price_decimals,
                    };
                    let numbers = into.numbers.get_mut(*at)?;
                    column.mantissas(rows, decimals, numbers);
                    count = count.min(numbers.len());
                }
                Kind::Time => {
                    let read = column.times(rows, times, &mut into.ts)?;
                    self.is_of_one_unit(read)?;
                    into.are_local = read.are_local;
                    count = count.min(into.ts.len());
                }
                Kind::Arrival => {
                    column.times(rows, times, &mut into.arrivals)?;
                    count = count.min(into.arrivals.len());
                }
                Kind::Id | Kind::Sequence => {
                    let numbers = match kind {
                        Kind::Id => &mut into.ids,
                        _ => &mut into.sequences,
                    };
                    column.counts(rows, numbers);
                    count = count.min(numbers.len());
                }
                Kind::Side(by) => {
                    let side = |row: usize| match column.cell(row) {
                        Cell::Truth(true) => side_of(b"true", *by),
                        Cell::Truth(false) => side_of(b"false", *by),
                        Cell::Text(text) if !text.is_empty() => side_of(text, *by),
                        _ => None,
                    };
                    into.sides.extend(rows.map_while(side));
                    count = count.min(into.sides.len());
                }
                Kind::Rule(at) => count = quick.counting(*at, column, rows)?,
                // Read when the opens are known.
                Kind::Close => {}
                Kind::Ticker | Kind::Venue | Kind::Apart => {}
                Kind::Other | Kind::Date | Kind::TimeOfDay | Kind::Snapshot => return None,
            }
        }
        for at in 0..numbers_of(quick.shape) {
            let numbers = into.numbers.get_mut(at)?;
            if !quick
                .columns
                .iter()
                .any(|(_, kind)| *kind == Kind::Number(at))
            {
                numbers.resize(count, 0);
            }
        }
        into.truncate(count);
        self.read_closes(quick, ahead, rows.start, into)?;
        Some(self.right_rows(quick.shape, into))
    }

    /// The instrument of these rows, of which `count` become those that have the same.
    fn ticker_of_rows(
        &self,
        quick: &mut Quick,
        ahead: &RowsAhead,
        rows: &Range<usize>,
        count: &mut usize,
    ) -> Option<usize> {
        let mut words = Words::default();
        for (place, kind) in &quick.columns {
            let word = match kind {
                Kind::Ticker => &mut words.ticker,
                Kind::Venue => &mut words.venue,
                Kind::Apart => &mut words.apart,
                _ => continue,
            };
            let column = ahead.column(*place)?;
            *count = (*count).min(column.same_text(rows.clone()));
            match column.cell(rows.start) {
                Cell::Text(text) if !text.is_empty() => *word = Some(text),
                _ => return None,
            }
        }
        let known = Known {
            by_name: &self.by_name,
            is_by_venue: self.layout.is_by_venue,
        };
        let ticker = quick.ticker(&words, &known)?;
        if let Some(apart) = words.apart {
            let known = self.tickers.get(ticker)?.apart.first()?;
            (known.as_slice() == apart).then_some(())?;
        }
        Some(ticker)
    }

    /// Whether whole numbers that are times are in the unit of those before.
    fn is_of_one_unit(&self, read: TimesRead) -> Option<()> {
        let is_told = matches!(self.layout.time, TimeFormat::Epoch(_));
        let is_same = read.unit.is_none() || self.unit == read.unit;
        (!is_told || is_same).then_some(())
    }

    fn read_closes(
        &self,
        quick: &Quick,
        ahead: &RowsAhead,
        from: usize,
        into: &mut ReadRows,
    ) -> Option<()> {
        let closes = quick.columns.iter().find(|(_, kind)| *kind == Kind::Close);
        let Some((place, _)) = closes else {
            return Some(());
        };
        let column = ahead.column(*place)?;
        let close = |(at, open): (usize, &i64)| {
            let last = self.typed_time(column.cell(from + at))?;
            self.close_after(Ts(*open), last).map(|close| close.0)
        };
        into.closes
            .extend(into.ts.iter().enumerate().map_while(close));
        let count = into.closes.len();
        into.truncate(count);
        Some(())
    }

    /// How many of the rows are right, and not there already as far as the row before tells.
    fn right_rows(&self, shape: Shape, rows: &ReadRows) -> usize {
        let (from, to) = self.years;
        let is_time = |ts: i64| (from..to).contains(&Ts(ts));
        let mut right = leading(rows.ts.len(), |at| is_time(rows.ts[at]));
        if !rows.arrivals.is_empty() {
            right = leading(right, |at| is_time(rows.arrivals[at]));
        }
        let Some(prices) = self.tickers.get(rows.ticker).map(|ticker| ticker.prices) else {
            return 0;
        };
        let price = |price: i64| match prices {
            Prices::AboveZero => price > 0,
            Prices::NotZero | Prices::Unsized => price != 0,
            Prices::Any => true,
        };
        let [a, b, c, d, e] = &rows.numbers;
        right = match shape {
            Shape::Bars => leading(right, |at| {
                let (open, high, low, close) = (a[at], b[at], c[at], d[at]);
                price(open)
                    & price(high)
                    & price(low)
                    & price(close)
                    & (high >= open)
                    & (high >= close)
                    & (low <= open)
                    & (low <= close)
                    & (e[at] >= 0)
            }),
            Shape::Quotes => leading(right, |at| {
                price(a[at]) & (b[at] >= 0) & price(c[at]) & (d[at] >= 0)
            }),
            _ => leading(right, |at| price(a[at]) & (b[at] > 0)),
        };
        let ticker = self.tickers.get(rows.ticker);
        match shape {
            Shape::Bars => {
                let last = ticker.and_then(|ticker| ticker.last.as_ref());
                if last.is_some_and(|last| rows.ts.first() == Some(&last.ts.0)) {
                    return 0;
                }
                leading(right, |at| at == 0 || rows.ts[at] != rows.ts[at - 1])
            }
            Shape::Trades if !rows.ids.is_empty() => {
                let mut last = ticker
                    .filter(|ticker| ticker.last.is_some())
                    .and_then(|ticker| i64::try_from(ticker.last_trade).ok());
                leading(right, |at| {
                    let id = rows.ids[at];
                    let is_new = id == 0 || last != Some(id);
                    last = Some(id);
                    is_new
                })
            }
            _ => right,
        }
    }

    /// Has rows count that are right; `last` are the cells of the last of them.
    fn accept_rows(&mut self, quick: &Quick, last: &impl Cells, number: u64, rows: &ReadRows) {
        let count = rows.ts.len();
        let shape = quick.shape;
        #[cfg(test)]
        super::COUNT.set(super::COUNT.get() + count as u64);
        self.read += count as u64;
        let row = self.last_row(quick, last, number + count as u64 - 1, rows);
        let is_date = |ts: &i64| ts % DAY_NS == 0;
        let are_dates = self.times.all_dates && rows.are_local && rows.ts.iter().all(is_date);
        self.times.note_all(rows.ticker, rows.order(), are_dates);
        for (open, close) in rows.ts.iter().zip(&rows.closes) {
            self.times.note_length(Ts(*open), Ts(*close));
        }
        // No price of a bar is below its low.
        let may_be_least = |at: &usize| !shape.is_qty(*at) && (shape != Shape::Bars || *at == LOW);
        let prices = (0..numbers_of(shape)).filter(may_be_least);
        let prices: Vec<&[i64]> = prices.map(|at| rows.numbers[at].as_slice()).collect();
        if prices
            .iter()
            .any(|prices| prices.iter().any(|price| *price <= 0))
        {
            self.has_low_prices = true;
            let below = (0..count).filter(|row| prices.iter().any(|prices| prices[*row] < 0));
            self.below_zero += below.count() as u64;
        }
        self.current = row;
        if shape == Shape::Quotes {
            self.note_quotes(&rows.numbers, count);
        }
        let Some(ticker) = self.tickers.get_mut(rows.ticker) else {
            return;
        };
        if shape == Shape::Quotes {
            return;
        }
        let mut before = ticker.last_trade;
        for id in &rows.ids {
            let id = id.cast_unsigned();
            self.times.ids_go_back |= id != 0 && id < before;
            before = id;
        }
        ticker.last_trade = row.id;
        let last = ticker.last.get_or_insert_with(LastRow::default);
        last.ts = row.stamped.ts;
        last.side = row.side;
        last.numbers[..NUMBERS].copy_from_slice(&row.numbers[..NUMBERS]);
    }

    /// The last of the rows, as if it had been read alone.
    fn last_row(&self, quick: &Quick, cells: &impl Cells, line: u64, rows: &ReadRows) -> Row {
        let last = |column: &[i64]| column.last().copied().unwrap_or_default();
        let mut row = self.current;
        let time = quick.columns.iter().find(|(_, kind)| *kind == Kind::Time);
        if let Some(stamped) = time.and_then(|(place, _)| self.typed_time(cells.cell(*place))) {
            row.stamped = stamped;
        }
        let mut numbers = [Number::default(); NUMBERS_MAX];
        if let Some(ticker) = self.tickers.get(rows.ticker) {
            let all = numbers.iter_mut().zip(&rows.numbers).enumerate();
            for (at, (number, mantissas)) in all.take(numbers_of(quick.shape)) {
                let decimals = match quick.shape.is_qty(at) {
                    true => ticker.qty_decimals,
                    false => ticker.price_decimals,
                };
                let mantissa = last(mantissas);
                *number = Number { mantissa, decimals }.shortest();
            }
        }
        Row {
            line,
            arrival: rows.arrivals.last().map(|ts| Ts(*ts)),
            close: rows.closes.last().map(|ts| Ts(*ts)),
            ticker: rows.ticker,
            numbers,
            side: rows.sides.last().copied().unwrap_or_default(),
            id: last(&rows.ids).cast_unsigned(),
            sequence: last(&rows.sequences).cast_unsigned(),
            ..row
        }
    }
}
