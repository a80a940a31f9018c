//! From lines to records: each line becomes a row of exact numbers or an error; the scale is chosen once all rows are known.

use super::layout::Layout;
use super::number::Number;
use super::reader::Reader;
use super::report::Found;
use super::text::Lines;
use super::time::Stamped;
use super::{ImportOptions, Input, KindCount, LineError, Prepared, Push, Stamp};
use crate::{DataError, Result, Table};
use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::path::Path;
use tickloom_types::{
    BarBody, BarSpec, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind,
    NANOS_PER_SECOND, QuoteBody, Record, SourceDef, SourceId, SourceKind, TradeBody, Ts,
};

/// Lines that are looked at to find out what the file is.
const HEAD_LINES: usize = 50;
const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;

/// One right line.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) stamped: Stamped,
    pub(super) ticker: usize,
    /// As in the body of the record: OHLCV; bid, size, ask, size; price, size.
    pub(super) numbers: [Number; 5],
    pub(super) side: u8,
    pub(super) trade_id: u64,
}

/// One instrument of the file.
pub(super) struct Ticker {
    pub(super) name: String,
    pub(super) price_decimals: u8,
    pub(super) qty_decimals: u8,
    /// Time of its last row.
    pub(super) last: Option<Ts>,
    /// Number of its last trade, 0 if there was none.
    pub(super) last_trade: u64,
}

/// All right lines of a file.
pub(super) struct Rows {
    pub(super) layout: Layout,
    pub(super) tickers: Vec<Ticker>,
    pub(super) rows: Vec<Row>,
    pub(super) read: u64,
    pub(super) rounded: u64,
    pub(super) problems: Problems,
}

/// Wrong lines: all counted, the first ones kept.
pub(super) struct Problems {
    pub(super) count: u64,
    pub(super) first: Vec<LineError>,
    pub(super) max: usize,
}

/// A wrong field: its name, its value and what was expected.
pub(super) type Wrong = (String, String, String);

impl Problems {
    pub(super) fn note(&mut self, path: &Path, line: u64, (field, value, expected): Wrong) {
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

/// Reads all rows of a file, and makes records of them at the scale that they need.
pub(super) fn prepare(input: &Input, options: &ImportOptions) -> Result<Box<dyn Prepared>> {
    let rows = Rows::read(input.path(), input.open()?, options)?;
    Ok(Box::new(rows.into_records(input.path(), options)?))
}

/// The records of a file of rows, in the order of their times.
struct RowRecords {
    instruments: Instruments,
    records: Vec<Record>,
    found: Found,
}

impl Prepared for RowRecords {
    fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    fn started(&self) -> Ts {
        self.records.first().map_or(Ts(0), Record::ts_event)
    }

    fn emit(self: Box<Self>, push: Push<'_>) -> Result<Found> {
        for record in &self.records {
            push(record)?;
        }
        Ok(self.found)
    }
}

impl Rows {
    /// Reads all lines of a text.
    pub(super) fn read(
        path: &Path,
        text: Box<dyn BufRead>,
        options: &ImportOptions,
    ) -> Result<Rows> {
        let mut lines = Lines::new(path, text);
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
    fn into_records(mut self, path: &Path, options: &ImportOptions) -> Result<RowRecords> {
        let table = self.layout.table;
        let mut notes = std::mem::take(&mut self.layout.notes);
        notes.push(format!("times are {}", self.layout.time));
        let bar = match table {
            Table::Bars => Some(self.bar_spec(path, options, &mut notes)?),
            _ => None,
        };
        let (instruments, source) = self.define(path, options, bar)?;
        let (records, stamp) = self.make_records(path, source, bar, options.stamp);
        if records.is_empty() {
            return Err(self.nothing(path));
        }
        let count = KindCount {
            read: self.read,
            written: 0,
            refused: self.problems.count,
        };
        let found = Found {
            rows: [(table, count)].into(),
            read: self.read,
            refused: self.problems.count,
            rounded: self.rounded,
            errors: self.problems.first,
            notes,
            bar,
            stamp: bar.map(|_| stamp.to_owned()),
            ..Found::default()
        };
        Ok(RowRecords {
            instruments,
            records,
            found,
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
            let currency = options.currency.as_deref().unwrap_or("USD");
            let def = InstrumentDef::new(
                &ticker.name,
                ticker.price_decimals,
                ticker.qty_decimals,
                currency,
            );
            instruments.add(InstrumentDef {
                calendar: options.calendar.clone(),
                ..def
            })?;
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

/// Whether number `at` of a row is a size.
pub(super) fn is_qty(table: Table, at: usize) -> bool {
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
pub(super) fn stem(path: &Path) -> String {
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
