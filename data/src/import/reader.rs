//! Turns lines into rows: cuts, reads and checks each field, and remembers what the next line must follow.

use super::layout::{Layout, Role};
use super::number::Number;
use super::report::reason;
use super::row::{NUMBERS_MAX, Row, Shape, check};
use super::text::{Lines, split};
use super::time::Stamped;
use super::{ImportOptions, Input, LineError};
use crate::limits::TICKERS_MAX;
use crate::{DataError, Refusals, Result};
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tickloom_types::{InstrumentDef, Instruments, Side, Ts};

/// Reads the rows of a file, from its first line on.
pub(super) struct Reader<'a> {
    lines: Lines<'static>,
    path: PathBuf,
    layout: &'a Layout,
    /// The one ticker that is read, of a file with a column of them.
    only: Option<&'a [u8]>,
    zone: TimeZone,
    by_name: HashMap<Vec<u8>, usize>,
    columns: Columns,
    text: Vec<u8>,
    pub(super) tickers: Vec<Ticker>,
    pub(super) read: u64,
    pub(super) rounded: u64,
    pub(super) problems: Problems,
}

/// One instrument of the file.
pub(super) struct Ticker {
    pub(super) name: String,
    pub(super) price_decimals: u8,
    pub(super) qty_decimals: u8,
    /// Time of its last row.
    last: Option<Ts>,
    /// Number of its last trade, 0 if there was none.
    last_trade: u64,
}

/// Wrong lines: all counted, the first ones kept.
pub(super) struct Problems {
    pub(super) count: u64,
    pub(super) reasons: Refusals,
    pub(super) first: Vec<LineError>,
    max: usize,
}

/// A wrong field: its name, its value and what was expected.
pub(super) type Wrong = (String, String, String);

impl Problems {
    pub(super) fn note(&mut self, path: &Path, line: u64, (field, value, expected): Wrong) {
        self.count += 1;
        self.reasons.add(&reason(&field, &expected), 1);
        // One is always kept: it is the error if no line is right.
        if self.first.len() < self.max.max(1) {
            self.first.push(LineError {
                file: path.to_owned(),
                line,
                field,
                value,
                expected,
            });
        }
    }
}

/// Where in a line the fields of a row are.
struct Columns {
    time: usize,
    time_of_day: Option<usize>,
    close_time: Option<usize>,
    ticker: Option<usize>,
    numbers: [Option<usize>; NUMBERS_MAX],
    side: Option<usize>,
    buyer_maker: Option<usize>,
    trade_id: Option<usize>,
}

impl Columns {
    fn of(layout: &Layout) -> Columns {
        let time = layout.column(Role::Time);
        Columns {
            time: time.or(layout.column(Role::Date)).unwrap_or(0),
            time_of_day: match time {
                Some(_) => None,
                None => layout.column(Role::TimeOfDay),
            },
            close_time: layout
                .column(Role::CloseTime)
                .filter(|_| layout.shape.is_bars()),
            ticker: layout.column(Role::Ticker),
            numbers: layout.numbers(),
            side: layout.column(Role::Side),
            buyer_maker: layout.column(Role::BuyerMaker),
            trade_id: layout.column(Role::TradeId),
        }
    }
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
            lines: Lines::new(input.path(), input.open()?),
            path: input.path().to_owned(),
            layout,
            only: None,
            zone,
            by_name: HashMap::new(),
            columns: Columns::of(layout),
            text: Vec::new(),
            tickers: Vec::new(),
            read: 0,
            rounded: 0,
            problems: Problems {
                count: 0,
                reasons: Refusals::default(),
                first: Vec::new(),
                max: options.errors_max,
            },
        };
        if reader.columns.ticker.is_some() {
            reader.only = options.instrument.as_deref().map(str::as_bytes);
        } else {
            let known = options
                .instrument
                .as_ref()
                .or(layout.known.instrument.as_ref());
            let name = known.unwrap_or(&layout.known.file).clone();
            reader.add_ticker(b"", &name);
        }
        if layout.has_header {
            reader.lines.next()?;
        }
        Ok(reader)
    }

    /// The next right row; wrong ones are noted.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        while let Some((number, line)) = self.lines.next()? {
            // Its own buffer is borrowed while the row is read.
            let line = std::mem::take(line);
            let row = self.take(number, &line);
            self.lines.give_back(line);
            if let Some(row) = row? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The row of a line, unless it is wrong or another instrument's.
    fn take(&mut self, number: u64, line: &[u8]) -> Result<Option<Row>> {
        let mut fields = Vec::with_capacity(self.layout.names.len());
        split(line, self.layout.delimiter, &mut fields);
        // Other instruments' lines are none of this import.
        if let (Some(at), Some(only)) = (self.columns.ticker, self.only)
            && fields.get(at).is_some_and(|field| *field != only)
        {
            return Ok(None);
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
        match self.row(number, &fields) {
            Ok(row) => Ok(Some(row)),
            Err(wrong) => {
                self.problems.note(&self.path, number, wrong);
                Ok(None)
            }
        }
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

    fn row(&mut self, line: u64, fields: &[&[u8]]) -> Result<Row, Wrong> {
        let columns = self.layout.names.len();
        if fields.len() != columns {
            let value = fields.len().to_string();
            return Err(("number of fields".to_owned(), value, columns.to_string()));
        }
        let stamped = self.time(fields)?;
        let (numbers, rounded) = self.numbers(fields)?;
        check(self.layout.shape, &numbers).map_err(|(at, expected)| {
            let at = self.columns.numbers[at].unwrap_or_default();
            self.wrong(fields, at, &expected)
        })?;
        let close = self.close(fields, stamped.ts)?;
        let side = self.side(fields)?;
        let trade_id = self.trade_id(fields)?;
        let ticker = self.ticker(fields)?;
        self.follow(ticker, stamped.ts, fields)?;
        self.follow_trade(ticker, trade_id, fields)?;
        self.widen(ticker, &numbers);
        self.rounded += u64::from(rounded);
        Ok(Row {
            line,
            stamped,
            close,
            ticker,
            numbers,
            side,
            trade_id,
        })
    }

    /// The row's numbers, and whether one of its sizes was rounded.
    fn numbers(&self, fields: &[&[u8]]) -> Result<([Number; NUMBERS_MAX], bool), Wrong> {
        let mut numbers = [Number::default(); NUMBERS_MAX];
        let mut any_rounded = false;
        let shape = self.layout.shape;
        for (at, column) in self.columns.numbers.iter().enumerate() {
            let Some(column) = *column else {
                continue;
            };
            // Where there was no bid, or no ask, all five of its fields are empty.
            if shape == Shape::BidAskBars && self.is_empty_half(fields, at / 5) {
                continue;
            }
            let parsed = if shape.is_qty(at) {
                Number::parse_denoised(fields[column])
            } else {
                Number::parse(fields[column]).map(|number| (number, false))
            };
            let (number, rounded) = parsed.map_err(|e| self.wrong(fields, column, e))?;
            numbers[at] = number;
            any_rounded |= rounded;
        }
        Ok((numbers, any_rounded))
    }

    fn is_empty_half(&self, fields: &[&[u8]], half: usize) -> bool {
        let columns = self.columns.numbers.chunks(5).nth(half);
        let mut columns = columns.unwrap_or_default().iter().flatten();
        columns.all(|column| fields[*column].is_empty())
    }

    /// When a bar closes, of one that says so: just after the last instant that it names.
    fn close(&self, fields: &[&[u8]], open: Ts) -> Result<Option<Ts>, Wrong> {
        let Some(at) = self.columns.close_time else {
            return Ok(None);
        };
        let last = self.layout.time.parse(fields[at], &self.zone);
        let close = last.and_then(|last| last.ts.0.checked_add(self.layout.time.unit()));
        let close = close.filter(|close| *close > open.0).map(Ts);
        let expected = "a time after the bar's open";
        close
            .map(Some)
            .ok_or_else(|| self.wrong(fields, at, expected))
    }

    fn time(&mut self, fields: &[&[u8]]) -> Result<Stamped, Wrong> {
        let mut text = fields[self.columns.time];
        if let Some(at) = self.columns.time_of_day {
            self.text.clear();
            self.text.extend_from_slice(text);
            self.text.push(b' ');
            self.text.extend_from_slice(fields[at]);
            text = &self.text;
        }
        let format = &self.layout.time;
        format.parse(text, &self.zone).ok_or_else(|| {
            let value = String::from_utf8_lossy(text).into_owned();
            let name = self.layout.names[self.columns.time].clone();
            (name, value, format!("a time, as {format}"))
        })
    }

    fn side(&self, fields: &[&[u8]]) -> Result<u8, Wrong> {
        if let Some(at) = self.columns.side {
            return match fields[at].to_ascii_lowercase().as_slice() {
                b"buy" | b"b" | b"bid" | b"1" => Ok(Side::Buy as u8),
                b"sell" | b"s" | b"ask" | b"a" | b"-1" => Ok(Side::Sell as u8),
                b"" | b"unknown" | b"0" => Ok(0),
                _ => Err(self.wrong(fields, at, "buy or sell")),
            };
        }
        if let Some(at) = self.columns.buyer_maker {
            return match fields[at].to_ascii_lowercase().as_slice() {
                b"true" | b"1" => Ok(Side::Sell as u8),
                b"false" | b"0" => Ok(Side::Buy as u8),
                _ => Err(self.wrong(fields, at, "true or false")),
            };
        }
        Ok(0)
    }

    fn trade_id(&self, fields: &[&[u8]]) -> Result<u64, Wrong> {
        let Some(at) = self.columns.trade_id else {
            return Ok(0);
        };
        let text = std::str::from_utf8(fields[at]).unwrap_or_default();
        text.parse()
            .map_err(|_| self.wrong(fields, at, "a whole number"))
    }

    fn ticker(&mut self, fields: &[&[u8]]) -> Result<usize, Wrong> {
        let Some(at) = self.columns.ticker else {
            return Ok(0);
        };
        if let Some(ticker) = self.by_name.get(fields[at]) {
            return Ok(*ticker);
        }
        let name = String::from_utf8_lossy(fields[at]).into_owned();
        let def = InstrumentDef::new(&name, 0, 0, "USD");
        match Instruments::new().add(def) {
            Ok(_) => Ok(self.add_ticker(fields[at], &name)),
            Err(_) => Err(self.wrong(fields, at, "1 to 64 of letters, digits and . - _ /")),
        }
    }

    /// Times of an instrument go up; those of bars are all different.
    fn follow(&mut self, ticker: usize, ts: Ts, fields: &[&[u8]]) -> Result<(), Wrong> {
        let last = self.tickers[ticker].last;
        let strictly = self.layout.shape.is_bars();
        if let Some(last) = last
            && (ts < last || strictly && ts == last)
        {
            let expected = if ts == last {
                format!("a time after {last}: this one is there already")
            } else {
                format!("a time not before {last}")
            };
            return Err(self.wrong(fields, self.columns.time, &expected));
        }
        self.tickers[ticker].last = Some(ts);
        Ok(())
    }

    /// The same trade does not come twice in a row; numbers of other venues' trades may go down.
    fn follow_trade(&mut self, ticker: usize, id: u64, fields: &[&[u8]]) -> Result<(), Wrong> {
        let last = std::mem::replace(&mut self.tickers[ticker].last_trade, id);
        match self.columns.trade_id {
            Some(at) if id == last && id != 0 => {
                Err(self.wrong(fields, at, "another trade: this one is there already"))
            }
            _ => Ok(()),
        }
    }

    fn widen(&mut self, ticker: usize, numbers: &[Number; NUMBERS_MAX]) {
        let ticker = &mut self.tickers[ticker];
        for (at, number) in numbers.iter().enumerate() {
            let decimals = if self.layout.shape.is_qty(at) {
                &mut ticker.qty_decimals
            } else {
                &mut ticker.price_decimals
            };
            *decimals = number.decimals.max(*decimals);
        }
    }

    fn wrong(&self, fields: &[&[u8]], at: usize, expected: &str) -> Wrong {
        let value = String::from_utf8_lossy(fields[at]).into_owned();
        (self.layout.names[at].clone(), value, expected.to_owned())
    }
}
