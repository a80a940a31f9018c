//! From lines to records: each line becomes a row of exact numbers or an error; the scale is chosen once all rows are known.

use super::check::{check_bar, check_quote, check_trade};
use super::layout::{Layout, Role};
use super::number::Number;
use super::text::{Lines, open_text, split};
use super::time::Stamped;
use super::{FileRecords, ImportOptions, ImportReport, LineError, Stamp};
use crate::{DataError, Result, Table};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tickloom_types::{
    BarBody, BarSpec, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind,
    NANOS_PER_SECOND, QuoteBody, Record, Side, SourceDef, SourceId, SourceKind, TradeBody, Ts,
};

/// Lines that are looked at to find out what the file is.
const HEAD_LINES: usize = 50;
const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;

/// One right line.
struct Row {
    line: u64,
    stamped: Stamped,
    ticker: usize,
    /// As in the body of the record: OHLCV; bid, size, ask, size; price, size.
    numbers: [Number; 5],
    side: u8,
    trade_id: u64,
}

/// One instrument of the file.
struct Ticker {
    name: String,
    price_decimals: u8,
    qty_decimals: u8,
    /// Time of its last row.
    last: Option<Ts>,
    /// Number of its last trade, 0 if there was none.
    last_trade: u64,
}

/// All right lines of a file.
pub(super) struct Rows {
    layout: Layout,
    tickers: Vec<Ticker>,
    rows: Vec<Row>,
    read: u64,
    rounded: u64,
    problems: Problems,
}

/// Wrong lines: all counted, the first ones kept.
struct Problems {
    count: u64,
    first: Vec<LineError>,
    max: usize,
}

/// A wrong field: its name, its value and what was expected.
type Wrong = (String, String, String);

impl Problems {
    fn note(&mut self, path: &Path, line: u64, (field, value, expected): Wrong) {
        self.count += 1;
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

impl Rows {
    /// Reads all lines of a file.
    pub(super) fn read(path: &Path, options: &ImportOptions) -> Result<Rows> {
        let mut lines = Lines::new(path, open_text(path)?);
        let mut head = Vec::new();
        let mut numbers = Vec::new();
        while head.len() < HEAD_LINES
            && let Some((number, line)) = lines.next()?
        {
            head.push(line.to_vec());
            numbers.push(number);
        }
        let layout =
            Layout::of(&head, &options.columns).map_err(|(found, expected)| DataError::Import {
                file: path.to_owned(),
                line: 1,
                found,
                expected,
            })?;
        let mut reader = Reader::new(path, options, layout)?;
        let header = usize::from(reader.rows.layout.has_header);
        for (number, line) in numbers.iter().zip(&head).skip(header) {
            reader.push(*number, line)?;
        }
        while let Some((number, line)) = lines.next()? {
            reader.push(number, line)?;
        }
        Ok(reader.rows)
    }

    /// Makes records of the rows, at the scale that they need.
    pub(super) fn into_records(
        mut self,
        path: &Path,
        options: &ImportOptions,
    ) -> Result<FileRecords> {
        let table = self.layout.table;
        let mut notes = std::mem::take(&mut self.layout.notes);
        notes.push(format!("times are {}", self.layout.time));
        let bar = match table {
            Table::Bars => Some(self.bar_spec(path, options, &mut notes)?),
            _ => None,
        };
        let (instruments, source) = self.define(path, options, bar)?;
        let (records, stamp) = self.make_records(path, source, bar, options.stamp);
        let Some(last) = records.last() else {
            return Err(self.nothing(path));
        };
        let names = instruments.defs().iter().map(|def| def.name.clone());
        let mut problems = self.problems;
        problems.first.truncate(problems.max);
        let report = ImportReport {
            file: path.to_owned(),
            table,
            instruments: names.collect(),
            read: self.read,
            written: records.len() as u64,
            refused: problems.count,
            rounded: self.rounded,
            errors: problems.first,
            notes,
            bar,
            stamp: bar.map(|_| stamp.to_owned()),
            from: records.first().map(Record::ts_event),
            to: Some(last.ts_event()),
            run: None,
            unchanged: false,
        };
        Ok(FileRecords {
            instruments,
            records,
            report,
        })
    }

    /// The size of the bars: as given, or the most common distance between two of an instrument.
    fn bar_spec(
        &self,
        path: &Path,
        options: &ImportOptions,
        notes: &mut Vec<String>,
    ) -> Result<BarSpec> {
        if let Some(bar) = options.bar {
            return Ok(bar);
        }
        let mut last: HashMap<usize, Ts> = HashMap::new();
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        for row in &self.rows {
            if let Some(before) = last.insert(row.ticker, row.stamped.ts) {
                let distance = row.stamped.ts.0.saturating_sub(before.0);
                *counts.entry(distance).or_default() += 1;
            }
        }
        let all: u64 = counts.values().sum();
        // Of equally common ones the shortest: a longer one would contain gaps.
        let most = counts.iter().rev().max_by_key(|(_, count)| **count);
        let Some((distance, count)) = most else {
            if self.rows.is_empty() {
                return Err(self.nothing(path));
            }
            return Err(DataError::Import {
                file: path.to_owned(),
                line: self.rows[0].line,
                found: "a single bar".to_owned(),
                expected: "two bars whose distance is their size, or the size given".to_owned(),
            });
        };
        let bar = BarSpec::Time(*distance);
        notes.push(format!(
            "bar size {bar}, the most common distance ({count} of {all})"
        ));
        Ok(bar)
    }

    /// The instruments with the scales that their rows need, and the source of the records.
    fn define(
        &self,
        path: &Path,
        options: &ImportOptions,
        bar: Option<BarSpec>,
    ) -> Result<(Instruments, SourceId)> {
        let mut instruments = Instruments::new();
        for ticker in &self.tickers {
            instruments.add(InstrumentDef::new(
                &ticker.name,
                ticker.price_decimals,
                ticker.qty_decimals,
                &options.currency,
            ))?;
        }
        let source = match bar {
            Some(bar) => instruments.bar_source(bar)?,
            None => instruments.add_source(SourceDef {
                name: format!("file/{}", stem(path)),
                kind: SourceKind::File,
            })?,
        };
        Ok((instruments, source))
    }

    /// The records in the order of their times, and what the stamps of bars were taken as.
    fn make_records(
        &mut self,
        path: &Path,
        source: SourceId,
        bar: Option<BarSpec>,
        stamp: Stamp,
    ) -> (Vec<Record>, &'static str) {
        let length = match bar {
            Some(BarSpec::Time(length)) => length,
            _ => 0,
        };
        let is_session = self.rows.iter().all(|row| row.stamped.is_date) && length >= DAY_NS;
        let (shift, meaning) = match (bar, stamp) {
            (None, _) | (_, Stamp::Close) => (0, "close"),
            (_, Stamp::Auto) if is_session => {
                (DAY_NS, "session date, closing at the end of the day in UTC")
            }
            (_, Stamp::Open | Stamp::Auto) => (length, "open"),
        };
        let mut records = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            match self.record(row, source, shift) {
                Ok(record) => records.push(record),
                Err(wrong) => self.problems.note(path, row.line, wrong),
            }
        }
        self.rows = Vec::new();
        records.sort_by_key(|record: &Record| record.header.ts_event);
        (records, meaning)
    }

    fn record(&self, row: &Row, source: SourceId, shift: i64) -> Result<Record, Wrong> {
        let ticker = &self.tickers[row.ticker];
        let table = self.layout.table;
        let mut mantissas = [0_i64; 5];
        for (at, number) in row.numbers.iter().enumerate() {
            let decimals = if is_qty(table, at) {
                ticker.qty_decimals
            } else {
                ticker.price_decimals
            };
            mantissas[at] = number.at(decimals).ok_or_else(|| {
                let value =
                    tickloom_types::format_decimal(i128::from(number.mantissa), number.decimals);
                let expected = format!(
                    "a number that fits in 64 bits at {decimals} decimals, which other rows need"
                );
                (field_name(table, at).to_owned(), value, expected)
            })?;
        }
        let ts = row.stamped.ts.0.checked_add(shift).ok_or_else(|| {
            let value = row.stamped.ts.to_string();
            (
                "time".to_owned(),
                value,
                "a close before the year 2262".to_owned(),
            )
        })?;
        let id =
            InstrumentId(u32::try_from(row.ticker).expect("Instruments has checked the count"));
        let header = |kind| Header::new(kind, id, source, Ts(ts), Ts(ts));
        let [a, b, c, d, e] = mantissas;
        Ok(match table {
            Table::Bars => BarBody {
                open: a,
                high: b,
                low: c,
                close: d,
                volume: e,
            }
            .record(header(Kind::Bar)),
            Table::Quotes => QuoteBody {
                bid: a,
                bid_qty: b,
                ask: c,
                ask_qty: d,
                update_id: 0,
            }
            .record(header(Kind::Quote).with_flags(Flags::LAST)),
            _ => TradeBody {
                price: a,
                qty: b,
                trade_id: row.trade_id,
                side: row.side,
                ..TradeBody::default()
            }
            .record(header(Kind::Trade).with_flags(Flags::LAST)),
        })
    }

    /// The error for a file of which no line is right.
    fn nothing(&self, path: &Path) -> DataError {
        let (line, found, expected) = match self.problems.first.first() {
            Some(e) => (
                e.line,
                format!("{} is {:?}", e.field, e.value),
                e.expected.clone(),
            ),
            None => (
                1,
                "no rows".to_owned(),
                "rows of the instrument asked for".to_owned(),
            ),
        };
        DataError::Import {
            file: path.to_owned(),
            line,
            found,
            expected,
        }
    }
}

/// Turns lines into rows.
struct Reader<'a> {
    path: &'a Path,
    options: &'a ImportOptions,
    zone: TimeZone,
    rows: Rows,
    by_name: HashMap<Vec<u8>, usize>,
    columns: Columns,
    text: Vec<u8>,
}

/// Where in a line the fields of a row are.
struct Columns {
    time: usize,
    time_of_day: Option<usize>,
    ticker: Option<usize>,
    numbers: [Option<usize>; 5],
    side: Option<usize>,
    buyer_maker: Option<usize>,
    trade_id: Option<usize>,
}

impl Columns {
    fn of(layout: &Layout) -> Columns {
        let roles: [Option<Role>; 5] = match layout.table {
            Table::Bars => [Role::Open, Role::High, Role::Low, Role::Close, Role::Qty].map(Some),
            Table::Quotes => {
                let [a, b, c, d] = [Role::Bid, Role::BidQty, Role::Ask, Role::AskQty].map(Some);
                [a, b, c, d, None]
            }
            _ => [Some(Role::Price), Some(Role::Qty), None, None, None],
        };
        let time = layout.column(Role::Time);
        Columns {
            time: time.or(layout.column(Role::Date)).unwrap_or(0),
            time_of_day: match time {
                Some(_) => None,
                None => layout.column(Role::TimeOfDay),
            },
            ticker: layout.column(Role::Ticker),
            numbers: roles.map(|role| role.and_then(|role| layout.column(role))),
            side: layout.column(Role::Side),
            buyer_maker: layout.column(Role::BuyerMaker),
            trade_id: layout.column(Role::TradeId),
        }
    }
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, options: &'a ImportOptions, layout: Layout) -> Result<Reader<'a>> {
        let zone = match &options.zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| DataError::Option {
                field: "zone",
                value: name.clone(),
                expected: "an IANA zone such as America/New_York",
            })?,
        };
        let columns = Columns::of(&layout);
        let mut reader = Reader {
            path,
            options,
            zone,
            columns,
            rows: Rows {
                layout,
                tickers: Vec::new(),
                rows: Vec::new(),
                read: 0,
                rounded: 0,
                problems: Problems {
                    count: 0,
                    first: Vec::new(),
                    max: options.errors_max,
                },
            },
            by_name: HashMap::new(),
            text: Vec::new(),
        };
        if reader.columns.ticker.is_none() {
            let name = options.instrument.clone().unwrap_or_else(|| stem(path));
            reader.add_ticker(b"", &name);
        }
        Ok(reader)
    }

    fn add_ticker(&mut self, key: &[u8], name: &str) -> usize {
        let at = self.rows.tickers.len();
        self.by_name.insert(key.to_vec(), at);
        self.rows.tickers.push(Ticker {
            name: name.to_owned(),
            price_decimals: 0,
            qty_decimals: 0,
            last: None,
            last_trade: 0,
        });
        at
    }

    fn push(&mut self, number: u64, line: &[u8]) -> Result<()> {
        let mut fields = Vec::with_capacity(self.rows.layout.names.len());
        split(line, self.rows.layout.delimiter, &mut fields);
        // Other instruments' lines are none of this import.
        if let (Some(at), Some(wanted)) = (self.columns.ticker, &self.options.instrument)
            && fields
                .get(at)
                .is_some_and(|field| *field != wanted.as_bytes())
        {
            return Ok(());
        }
        self.rows.read += 1;
        match self.row(number, &fields) {
            Ok(row) => self.rows.rows.push(row),
            Err(wrong) => self.rows.problems.note(self.path, number, wrong),
        }
        Ok(())
    }

    fn row(&mut self, line: u64, fields: &[&[u8]]) -> Result<Row, Wrong> {
        let columns = self.rows.layout.names.len();
        if fields.len() != columns {
            let value = fields.len().to_string();
            return Err(("number of fields".to_owned(), value, columns.to_string()));
        }
        let stamped = self.time(fields)?;
        let (numbers, rounded) = self.numbers(fields)?;
        let check = match self.rows.layout.table {
            Table::Bars => check_bar,
            Table::Quotes => check_quote,
            _ => check_trade,
        };
        check(&numbers).map_err(|(at, expected)| {
            let at = self.columns.numbers[at].unwrap_or_default();
            self.wrong(fields, at, &expected)
        })?;
        let side = self.side(fields)?;
        let trade_id = self.trade_id(fields)?;
        let ticker = self.ticker(fields)?;
        self.follow(ticker, stamped.ts, fields)?;
        self.follow_trade(ticker, trade_id, fields)?;
        self.widen(ticker, &numbers);
        self.rows.rounded += u64::from(rounded);
        Ok(Row {
            line,
            stamped,
            ticker,
            numbers,
            side,
            trade_id,
        })
    }

    /// The row's numbers, and whether one of its sizes was rounded.
    fn numbers(&self, fields: &[&[u8]]) -> Result<([Number; 5], bool), Wrong> {
        let mut numbers = [Number::default(); 5];
        let mut any_rounded = false;
        for (at, column) in self.columns.numbers.iter().enumerate() {
            let Some(column) = *column else {
                continue;
            };
            let parsed = if is_qty(self.rows.layout.table, at) {
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

    fn time(&mut self, fields: &[&[u8]]) -> Result<Stamped, Wrong> {
        let mut text = fields[self.columns.time];
        if let Some(at) = self.columns.time_of_day {
            self.text.clear();
            self.text.extend_from_slice(text);
            self.text.push(b' ');
            self.text.extend_from_slice(fields[at]);
            text = &self.text;
        }
        let format = &self.rows.layout.time;
        format.parse(text, &self.zone).ok_or_else(|| {
            let value = String::from_utf8_lossy(text).into_owned();
            let name = self.rows.layout.names[self.columns.time].clone();
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
        let def = InstrumentDef::new(&name, 0, 0, &self.options.currency);
        match Instruments::new().add(def) {
            Ok(_) => Ok(self.add_ticker(fields[at], &name)),
            Err(_) => Err(self.wrong(fields, at, "1 to 64 of letters, digits and . - _ /")),
        }
    }

    /// Times of an instrument go up; those of bars are all different.
    fn follow(&mut self, ticker: usize, ts: Ts, fields: &[&[u8]]) -> Result<(), Wrong> {
        let last = self.rows.tickers[ticker].last;
        let strictly = self.rows.layout.table == Table::Bars;
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
        self.rows.tickers[ticker].last = Some(ts);
        Ok(())
    }

    /// The same trade does not come twice in a row; numbers of other venues' trades may go down.
    fn follow_trade(&mut self, ticker: usize, id: u64, fields: &[&[u8]]) -> Result<(), Wrong> {
        let last = std::mem::replace(&mut self.rows.tickers[ticker].last_trade, id);
        match self.columns.trade_id {
            Some(at) if id == last && id != 0 => {
                Err(self.wrong(fields, at, "another trade: this one is there already"))
            }
            _ => Ok(()),
        }
    }

    fn widen(&mut self, ticker: usize, numbers: &[Number; 5]) {
        let ticker = &mut self.rows.tickers[ticker];
        for (at, number) in numbers.iter().enumerate() {
            let decimals = if is_qty(self.rows.layout.table, at) {
                &mut ticker.qty_decimals
            } else {
                &mut ticker.price_decimals
            };
            *decimals = number.decimals.max(*decimals);
        }
    }

    fn wrong(&self, fields: &[&[u8]], at: usize, expected: &str) -> Wrong {
        let value = String::from_utf8_lossy(fields[at]).into_owned();
        (
            self.rows.layout.names[at].clone(),
            value,
            expected.to_owned(),
        )
    }
}

/// Whether number `at` of a row is a size.
fn is_qty(table: Table, at: usize) -> bool {
    match table {
        Table::Bars => at == 4,
        _ => at % 2 == 1,
    }
}

fn field_name(table: Table, at: usize) -> &'static str {
    match table {
        Table::Bars => ["open", "high", "low", "close", "volume"][at],
        Table::Quotes => ["bid", "bid size", "ask", "ask size", ""][at],
        _ => ["price", "size", "", "", ""][at],
    }
}

/// The file's name up to its first dot, with `_` for what an instrument's name may not have.
fn stem(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy());
    let stem = name.as_deref().unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || "-_".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = stem.chars().take(64).map(allowed).collect();
    if name.is_empty() {
        "file".to_owned()
    } else {
        name
    }
}
