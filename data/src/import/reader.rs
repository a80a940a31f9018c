//! Turns lines into rows: cuts, reads and checks each field, and remembers what the next line must follow.

mod columns;
mod problems;
mod repeats;
mod times;

use super::layout::{Dialect, Layout};
use super::number::{Number, is_in_doubt, is_missing};
use super::row::{NUMBERS_MAX, Prices, Row, Shape, check};
use super::text::{Cutter, Fields};
use super::time::{Stamped, TimeFormat, unit_name};
use super::{ImportOptions, Input, Years, pair};
use crate::limits::TICKERS_MAX;
use crate::{DataError, Result};
use columns::{Columns, hash_of_text, letter, side_of};
use jiff::tz::TimeZone;
pub(super) use problems::{Problems, Wrong};
use repeats::{Again, content_of_trade};
pub(super) use repeats::{Repeats, content_of_record};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use tickloom_types::{Flags, InstrumentDef, Instruments, Ts};
pub(super) use times::{FileOrder, Times};

/// Databento's price where there is none.
const UNDEFINED_PRICE: &[u8] = b"9223372036854775807";

/// Reads the rows of a file, from its first line on.
pub(super) struct Reader<'a> {
    cutter: Cutter,
    path: PathBuf,
    layout: &'a Layout,
    /// The one ticker that is read, of a file with a column of them.
    only: Option<&'a str>,
    zone: TimeZone,
    by_name: HashMap<Vec<u8>, usize>,
    columns: Columns,
    prices: Prices,
    years: (Ts, Ts),
    years_given: Years,
    joined: Vec<u8>,
    key: Vec<u8>,
    /// Digits of the number since the epoch before, to tell when their unit changes.
    unit: Option<i64>,
    pub(super) tickers: Vec<Ticker>,
    /// Levels of the last row, of a book with all its levels in a row.
    pub(super) levels: Vec<Level>,
    pub(super) times: Times,
    pub(super) repeats: Repeats,
    pub(super) read: u64,
    pub(super) rounded: u64,
    /// Rows whose volume is not there.
    pub(super) unknown_volumes: u64,
    /// Rows with a price below zero.
    pub(super) below_zero: u64,
    /// Whether a comma in a number can be read in two ways, or in another than it was.
    pub(super) is_in_doubt: bool,
    pub(super) not_kept: BTreeMap<String, u64>,
    pub(super) problems: Problems,
    notes: Vec<String>,
}

/// One instrument of the file.
pub(super) struct Ticker {
    pub(super) name: String,
    pub(super) price_decimals: u8,
    pub(super) qty_decimals: u8,
    /// Time and content of its last row.
    last: Option<(Ts, u128)>,
    /// Number of its last trade, 0 if there was none.
    last_trade: u64,
}

/// A level of a book.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) is_bid: bool,
    pub(super) price: Number,
    pub(super) qty: Number,
}

/// What became of a line.
enum Line {
    Row(Row),
    /// It is not of this import, or is noted already.
    None,
}

impl<'a> Reader<'a> {
    /// Begins with the first line of a file.
    pub(super) fn new(
        input: &Input,
        options: &'a ImportOptions,
        layout: &'a Layout,
    ) -> Result<Reader<'a>> {
        let zone = layout.zone(options).ok_or_else(|| DataError::Option {
            field: "zone",
            value: options.zone.clone().unwrap_or_default(),
            expected: "an IANA zone such as America/New_York, or an offset such as -05:00",
        })?;
        let mut reader = Reader {
            cutter: Cutter::new(input.path(), input.open()?, layout.delimiter),
            path: input.path().to_owned(),
            layout,
            only: None,
            zone,
            by_name: HashMap::new(),
            columns: Columns::of(layout),
            prices: prices(options, layout),
            years: years(options.years.unwrap_or_default()),
            years_given: options.years.unwrap_or_default(),
            joined: Vec::new(),
            key: Vec::new(),
            unit: None,
            tickers: Vec::new(),
            levels: Vec::new(),
            times: Times::default(),
            repeats: Repeats::default(),
            read: 0,
            rounded: 0,
            unknown_volumes: 0,
            below_zero: 0,
            is_in_doubt: false,
            not_kept: BTreeMap::new(),
            problems: Problems::new(options.errors_max),
            notes: Vec::new(),
        };
        if reader.columns.ticker.is_some() {
            reader.only = options.instrument.as_deref();
        } else {
            let known = options
                .instrument
                .as_ref()
                .or(layout.known.instrument.as_ref());
            let name = known.unwrap_or(&layout.known.file).clone();
            reader.add_ticker(b"", &name);
        }
        for _ in 0..layout.skip {
            reader.cutter.next()?;
        }
        Ok(reader)
    }

    /// The next right row; wrong ones are noted.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        while let Some(number) = self.cutter.next()? {
            // Its own buffer is borrowed while the row is read.
            let fields = std::mem::take(&mut self.cutter.fields);
            let line = self.take(number, &fields);
            self.cutter.fields = fields;
            if let Line::Row(row) = line? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// What is worth knowing of the rows.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        if self.unknown_volumes > 0 {
            notes.push(format!(
                "{} rows without a volume: it is 0, unknown",
                self.unknown_volumes
            ));
        }
        if self.below_zero > 0 {
            notes.push(format!("{} rows with a price below zero", self.below_zero));
        }
        notes
    }

    /// The row of a line, unless it is wrong or another instrument's.
    fn take(&mut self, number: u64, fields: &Fields) -> Result<Line> {
        // Other instruments' lines are none of this import.
        if let Some(only) = self.only {
            self.name_key(fields);
            let is_this = self.key == only.as_bytes()
                || self
                    .columns
                    .ticker
                    .is_some_and(|at| fields.get(at) == only.as_bytes());
            if !is_this {
                return Ok(Line::None);
            }
        }
        self.read += 1;
        if self.tickers.len() > TICKERS_MAX {
            return Err(DataError::Import {
                file: self.path.clone(),
                line: number,
                found: format!("more than {TICKERS_MAX} instruments"),
                expected: "fewer, or the one named that is to be read".to_owned(),
            });
        }
        match self.row(number, fields) {
            Ok(Some(row)) => Ok(Line::Row(row)),
            Ok(None) => Ok(Line::None),
            Err(wrong) => {
                if self.layout.has_header && self.is_header(number, fields)? {
                    self.read -= 1;
                } else {
                    self.problems.note(&self.path, number, wrong);
                }
                Ok(Line::None)
            }
        }
    }

    /// Whether a wrong line is the header once more, as of files that were put together.
    ///
    /// # Errors
    /// It is another header, so that what is below it is not as above.
    fn is_header(&mut self, number: u64, fields: &Fields) -> Result<bool> {
        let names = &self.layout.names;
        let named = fields.len().min(names.len());
        if (0..named).all(|at| fields.get(at) == names[at].as_bytes()) && named == names.len() {
            let note = "the header comes again, and is passed over".to_owned();
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
            return Ok(true);
        }
        let (time, _) = self.layout.time_columns();
        if self.layout.is_other_header(fields) {
            return Err(DataError::Import {
                file: self.path.clone(),
                line: number,
                found: "another header".to_owned(),
                expected: format!(
                    "rows as above it, with {} in column {}",
                    names[time],
                    time + 1
                ),
            });
        }
        Ok(false)
    }

    fn add_ticker(&mut self, key: &[u8], name: &str) -> usize {
        let at = self.tickers.len();
        self.by_name.insert(key.to_vec(), at);
        self.tickers.push(Ticker {
            name: name.to_owned(),
            price_decimals: 0,
            qty_decimals: 0,
            last: None,
            last_trade: 0,
        });
        at
    }

    /// The row; `None` if it is no event of a market, or there already.
    fn row(&mut self, line: u64, fields: &Fields) -> Result<Option<Row>, Wrong> {
        let stamped = self.time(line, fields)?;
        self.name_key(fields);
        let known = self.by_name.get(self.key.as_slice()).copied();
        // What is inferred from times does not depend on which rows are refused.
        let arrival = self.arrival(fields);
        let order_key = match &arrival {
            Ok(Some(arrival)) => *arrival,
            _ => stamped.ts,
        };
        self.times.note(
            known.unwrap_or(self.tickers.len()),
            order_key,
            stamped.is_date,
        );
        let columns = self.layout.names.len();
        if fields.len() != columns {
            let value = fields.len().to_string();
            return Err(("number of fields".to_owned(), value, columns.to_string()));
        }
        let arrival = arrival?;
        let mut row = Row {
            line,
            stamped,
            arrival,
            close: None,
            ticker: 0,
            numbers: [Number::default(); NUMBERS_MAX],
            side: self.side(fields)?,
            id: self.id(fields)?,
            sequence: self.number_of(fields, self.columns.sequence)?,
            action: self.action(fields)?,
            flags: self.flags(fields)?,
        };
        let rounded = self.numbers(fields, &mut row)?;
        self.check_action(fields, &row)?;
        check(self.layout.shape, self.prices, &row.numbers).map_err(|(at, expected)| {
            let at = self.columns.numbers[at].unwrap_or_default();
            self.wrong(fields, at, &expected)
        })?;
        row.close = self.close(fields, stamped.ts)?;
        self.times.note_length(&row);
        row.ticker = match known {
            Some(ticker) => ticker,
            None => self.ticker(fields)?,
        };
        if self.layout.is_databento() && row.action == b'N' {
            *self
                .not_kept
                .entry("row without an action".to_owned())
                .or_default() += 1;
            return Ok(None);
        }
        if self.is_there(fields, &row)? {
            return Ok(None);
        }
        self.widen(&row);
        self.rounded += u64::from(rounded);
        Ok(Some(row))
    }

    /// Reads the row's numbers, and says whether one of its sizes was rounded.
    fn numbers(&mut self, fields: &Fields, row: &mut Row) -> Result<bool, Wrong> {
        let mut any_rounded = false;
        let shape = self.layout.shape;
        self.levels.clear();
        for at in 0..NUMBERS_MAX {
            let Some(column) = self.columns.numbers[at] else {
                continue;
            };
            let text = fields.get(column);
            // Where there was no bid, or no ask, all five of its fields are empty.
            if shape == Shape::BidAskBars && self.is_empty_half(fields, at / 5) {
                continue;
            }
            if shape == Shape::Bars && at == 4 && is_missing(text) {
                self.unknown_volumes += 1;
                continue;
            }
            let (number, rounded) = self.number(fields, column, shape.is_qty(at))?;
            row.numbers[at] = number;
            any_rounded |= rounded;
        }
        for at in 0..self.layout.depth.len() {
            if shape != Shape::Depth {
                break;
            }
            let level = self.layout.depth[at];
            for (is_bid, price, qty) in [
                (true, level.bid, level.bid_qty),
                (false, level.ask, level.ask_qty),
            ] {
                let (price, _) = self.number_or_none(fields, price, false)?;
                let (qty, rounded) = self.number_or_none(fields, qty, true)?;
                any_rounded |= rounded;
                if qty.mantissa < 0 {
                    return Err(self.wrong(fields, level.bid_qty, "zero or above"));
                }
                if qty.mantissa > 0 {
                    self.levels.push(Level { is_bid, price, qty });
                }
            }
        }
        Ok(any_rounded)
    }

    /// A number, or 0 where a level is not there.
    fn number_or_none(
        &mut self,
        fields: &Fields,
        column: usize,
        is_qty: bool,
    ) -> Result<(Number, bool), Wrong> {
        match is_missing(fields.get(column)) {
            true => Ok((Number::default(), false)),
            false => self.number(fields, column, is_qty),
        }
    }

    fn number(
        &mut self,
        fields: &Fields,
        column: usize,
        is_qty: bool,
    ) -> Result<(Number, bool), Wrong> {
        let text = fields.get(column);
        let decimal = self.layout.decimal;
        if let Dialect::Databento { is_nano } = self.layout.dialect {
            let is_none = text.is_empty() || is_nano && text == UNDEFINED_PRICE;
            if !self.layout.shape.is_bars() && is_none {
                return Ok((Number::default(), false));
            }
            if is_nano && !is_qty {
                let number = Number::of_nanos(text);
                return number
                    .map(|number| (number, false))
                    .map_err(|e| self.wrong(fields, column, e));
            }
        }
        if self.layout.is_decimal_open && !self.is_in_doubt && !is_plain(text) {
            self.is_in_doubt = is_in_doubt(text);
        }
        let parsed = if is_qty {
            Number::parse_denoised(text, decimal)
        } else {
            Number::parse_as(text, decimal).map(|number| (number, false))
        };
        parsed.map_err(|e| self.wrong(fields, column, e))
    }

    fn is_empty_half(&self, fields: &Fields, half: usize) -> bool {
        let columns = self.columns.numbers.chunks(5).nth(half);
        let mut columns = columns.unwrap_or_default().iter().flatten();
        columns.all(|column| fields.get(*column).is_empty())
    }

    /// When a bar closes, of one that says so: just after the last instant that it names.
    fn close(&self, fields: &Fields, open: Ts) -> Result<Option<Ts>, Wrong> {
        let Some(at) = self.columns.close_time else {
            return Ok(None);
        };
        let last = self.layout.time.parse(fields.get(at), &self.zone);
        let close = last.and_then(|last| {
            let unit = match &self.layout.time {
                TimeFormat::Pattern(_) => 0,
                _ => last.unit,
            };
            last.ts.0.checked_add(unit)
        });
        let close = close.filter(|close| *close > open.0).map(Ts);
        let expected = "a time after the bar's open";
        close
            .map(Some)
            .ok_or_else(|| self.wrong(fields, at, expected))
    }

    fn time(&mut self, line: u64, fields: &Fields) -> Result<Stamped, Wrong> {
        let mut joined = std::mem::take(&mut self.joined);
        let text = self.layout.time_text(fields, &mut joined);
        let format = &self.layout.time;
        let stamped = format.parse(text, &self.zone);
        let wrong = |expected: String| {
            let value = String::from_utf8_lossy(text).into_owned();
            let name = self.layout.names[self.columns.time].clone();
            (name, value, expected)
        };
        let stamped = stamped.ok_or_else(|| wrong(format!("a time, as {format}")));
        let (from, to) = self.years;
        let stamped = stamped.and_then(|stamped| {
            let is_plausible = (from..to).contains(&stamped.ts);
            is_plausible.then_some(stamped).ok_or_else(|| {
                let Years(first, last) = self.years_given;
                wrong(format!(
                    "a time in the years {first} to {last} (--years says others)"
                ))
            })
        });
        self.joined = joined;
        let stamped = stamped?;
        if matches!(self.layout.time, TimeFormat::Epoch(_)) {
            self.unit_of(line, stamped.unit);
        }
        Ok(stamped)
    }

    /// Notes where the unit of times changes.
    fn unit_of(&mut self, line: u64, unit: i64) {
        let before = self.unit.replace(unit);
        if before.is_some_and(|before| before != unit) && self.notes.len() < 10 {
            let name = |unit: i64| {
                let decimals = [0, 3, 6, 9]
                    .into_iter()
                    .find(|d| tickloom_types::pow10(*d) == unit);
                unit_name(decimals.unwrap_or_default())
            };
            self.notes.push(format!(
                "the unit of times changes at line {line}: {}, then {}",
                name(before.unwrap_or(unit)),
                name(unit)
            ));
        }
    }

    fn arrival(&self, fields: &Fields) -> Result<Option<Ts>, Wrong> {
        let Some(at) = self.columns.arrival else {
            return Ok(None);
        };
        let stamped = match &self.layout.time {
            // Times of two clocks may be written in two ways.
            TimeFormat::Pattern(_) | TimeFormat::DayMillis(_) => None,
            format => format.parse(fields.get(at), &self.zone),
        };
        let other = || {
            let format = TimeFormat::of(fields.get(at))?;
            format.parse(fields.get(at), &self.zone)
        };
        let (from, to) = self.years;
        let stamped = stamped.or_else(other).map(|stamped| stamped.ts);
        stamped
            .filter(|ts| (from..to).contains(ts))
            .map(Some)
            .ok_or_else(|| self.wrong(fields, at, "a time"))
    }

    fn side(&self, fields: &Fields) -> Result<u8, Wrong> {
        let Some((at, is_of_maker)) = self.columns.side else {
            return Ok(0);
        };
        let shape = self.layout.shape;
        side_of(fields.get(at), is_of_maker)
            .filter(|side| shape != Shape::Levels || *side != 0)
            .ok_or_else(|| {
                let expected = match (is_of_maker, shape) {
                    (true, _) => "true or false",
                    (false, Shape::Levels) => "bid or ask",
                    (false, _) => "buy or sell",
                };
                self.wrong(fields, at, expected)
            })
    }

    /// The number of a trade or an order; a text that is none as its hash.
    fn id(&self, fields: &Fields) -> Result<u64, Wrong> {
        let Some(at) = self.columns.id else {
            return Ok(0);
        };
        let text = fields.get(at);
        let digits = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok());
        match digits {
            Some(id) => Ok(id),
            None if is_missing(text) => Ok(0),
            None if text.len() <= 128 && text.iter().any(u8::is_ascii_alphabetic) => {
                Ok(hash_of_text(text))
            }
            None => Err(self.wrong(fields, at, "a whole number, or a name")),
        }
    }

    fn number_of(&self, fields: &Fields, column: Option<usize>) -> Result<u64, Wrong> {
        let Some(at) = column else {
            return Ok(0);
        };
        let text = std::str::from_utf8(fields.get(at)).unwrap_or("x");
        if text.is_empty() {
            return Ok(0);
        }
        text.parse()
            .map_err(|_| self.wrong(fields, at, "a whole number"))
    }

    fn action(&self, fields: &Fields) -> Result<u8, Wrong> {
        let Some(at) = self.columns.action.filter(|_| self.layout.is_databento()) else {
            return Ok(0);
        };
        letter(fields.get(at), b"AMCRTFN")
            .ok_or_else(|| self.wrong(fields, at, "one of A, M, C, R, T, F, N"))
    }

    /// A trade of Databento's has a price and a size.
    fn check_action(&self, fields: &Fields, row: &Row) -> Result<(), Wrong> {
        let price = match self.layout.shape {
            Shape::Quotes => 4,
            Shape::Depth | Shape::Orders => 0,
            _ => return Ok(()),
        };
        if row.action == b'T' && self.layout.is_databento() {
            let has_none = |at: &usize| row.numbers[*at].mantissa == 0;
            if let Some(at) = [price, price + 1].into_iter().find(has_none) {
                let at = self.columns.numbers[at].unwrap_or_default();
                return Err(self.wrong(fields, at, "that of a trade"));
            }
        }
        Ok(())
    }

    fn flags(&self, fields: &Fields) -> Result<u8, Wrong> {
        if let Some(at) = self.columns.snapshot {
            return match fields.get(at).to_ascii_lowercase().as_slice() {
                b"true" | b"1" | b"t" => Ok(Flags::SNAPSHOT),
                b"false" | b"0" | b"f" => Ok(0),
                _ => Err(self.wrong(fields, at, "true or false")),
            };
        }
        let raw = self.number_of(fields, self.columns.flags)?;
        let has = |theirs: u64, ours: u8| if raw & theirs != 0 { ours } else { 0 };
        Ok(has(128, Flags::LAST)
            | has(32, Flags::SNAPSHOT)
            | has(8, Flags::BAD_TIME)
            | has(4, Flags::MAYBE_BAD_BOOK))
    }

    /// Puts together what an instrument is called in this row.
    fn name_key(&mut self, fields: &Fields) {
        self.key.clear();
        let Some(at) = self.columns.ticker else {
            return;
        };
        if let Some(venue) = self.columns.venue.filter(|_| self.layout.is_by_venue) {
            self.key.extend_from_slice(fields.get(venue));
            self.key.push(b'.');
        }
        self.key.extend_from_slice(fields.get(at));
    }

    fn ticker(&mut self, fields: &Fields) -> Result<usize, Wrong> {
        let Some(at) = self.columns.ticker else {
            return Ok(0);
        };
        let key = std::mem::take(&mut self.key);
        let name = std::str::from_utf8(&key).ok();
        let is_name = |name: &&str| {
            let def = InstrumentDef::new(name, 0, 0, "USD");
            Instruments::new().add(def).is_ok()
        };
        let ticker = match name.filter(is_name) {
            Some(name) => Ok(self.add_ticker(&key, name)),
            None => Err(self.wrong(fields, at, "a name of 1 to 64 bytes of UTF-8")),
        };
        self.key = key;
        ticker
    }

    /// Whether the row is there already, with the same content; with other content it is wrong.
    fn is_there(&mut self, fields: &Fields, row: &Row) -> Result<bool, Wrong> {
        let (shape, ts) = (self.layout.shape, row.stamped.ts);
        let content = match shape {
            Shape::Bars | Shape::BidAskBars => repeats::content_of(&row.numbers, 0),
            Shape::Trades if row.id != 0 => content_of_trade(row),
            _ => 0,
        };
        let last = self.tickers[row.ticker].last.replace((ts, content));
        let last_trade = std::mem::replace(&mut self.tickers[row.ticker].last_trade, row.id);
        let again = match shape {
            Shape::Bars | Shape::BidAskBars => {
                let again = match last {
                    Some((before, there)) if before == ts => Again::of(there == content),
                    _ => self.repeats.see(row.ticker, 0, ts, content),
                };
                (
                    again,
                    self.columns.time,
                    format!("another time: there is another bar of {ts}"),
                )
            }
            Shape::Trades if row.id != 0 => {
                let at = self.columns.id.unwrap_or(self.columns.time);
                let is_next = row.id == last_trade;
                let again = match last {
                    Some((before, there)) if is_next => Again::of(before == ts && there == content),
                    _ => self.repeats.see(row.ticker, row.id, ts, content),
                };
                if row.id < last_trade {
                    self.times.ids_go_back = true;
                }
                (
                    again,
                    at,
                    "another trade: this one is there already".to_owned(),
                )
            }
            _ => return Ok(false),
        };
        match again {
            (Again::New, ..) => Ok(false),
            (Again::Same, at, _) => {
                let place = format!(
                    "{}, line {}: {} is {:?}, which is there already",
                    self.path.display(),
                    row.line,
                    self.layout.names[at],
                    String::from_utf8_lossy(fields.get(at))
                );
                self.problems.repeat(place);
                Ok(true)
            }
            (Again::Other, at, expected) => {
                self.tickers[row.ticker].last = last;
                Err(self.wrong(fields, at, &expected))
            }
        }
    }

    fn widen(&mut self, row: &Row) {
        let shape = self.layout.shape;
        let ticker = &mut self.tickers[row.ticker];
        let mut is_below = false;
        let mut one = |is_qty: bool, number: &Number| {
            let decimals = if is_qty {
                &mut ticker.qty_decimals
            } else {
                is_below |= number.mantissa < 0;
                &mut ticker.price_decimals
            };
            *decimals = number.decimals.max(*decimals);
        };
        for (at, number) in row.numbers.iter().enumerate() {
            one(shape.is_qty(at), number);
        }
        for level in &self.levels {
            one(false, &level.price);
            one(true, &level.qty);
        }
        self.below_zero += u64::from(is_below);
    }

    fn wrong(&self, fields: &Fields, at: usize, expected: &str) -> Wrong {
        let value = String::from_utf8_lossy(fields.get(at)).into_owned();
        let name = self.layout.names.get(at).cloned().unwrap_or_default();
        (name, value, expected.to_owned())
    }
}

/// Whether a text is digits and at most one point, in which nothing is in doubt.
fn is_plain(text: &[u8]) -> bool {
    let mut points = 0;
    text.iter().all(|byte| {
        points += usize::from(*byte == b'.');
        byte.is_ascii_digit() || *byte == b'.' && points < 2
    })
}

/// What prices may be: of shares and of pairs of currencies above zero, unless it was told otherwise.
fn prices(options: &ImportOptions, layout: &Layout) -> Prices {
    let name = options
        .instrument
        .as_ref()
        .or(layout.known.instrument.as_ref());
    let name = name.unwrap_or(&layout.known.file);
    let symbol = name.rsplit('.').next().unwrap_or(name);
    let is_pair =
        pair::currency(symbol).is_some() && symbol.bytes().all(|b| b.is_ascii_uppercase());
    let is_share = options
        .calendar
        .as_deref()
        .is_some_and(|name| name.contains("equity"));
    if options.negative_prices || matches!(layout.dialect, Dialect::Databento { .. }) {
        Prices::Any
    } else if is_pair || is_share || layout.known.instrument.is_some() {
        Prices::AboveZero
    } else {
        Prices::NotZero
    }
}

fn years(Years(first, last): Years) -> (Ts, Ts) {
    let start = |year: u16| Ts::parse(&format!("{year:04}-01-01")).unwrap_or(Ts(i64::MAX));
    (start(first), start(last + 1))
}
