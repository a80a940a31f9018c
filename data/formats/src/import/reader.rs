//! Turns lines of a text, or the rows of columns, into rows: reads and checks each cell, and remembers what the next row must follow.

mod carry;
mod clocks;
mod columns;
mod cut;
mod days;
mod distances;
mod follow;
mod fractions;
mod half_days;
mod notes;
mod numbers;
mod plausible;
mod problems;
mod quick;
mod repeats;
mod rules;
mod tickers;
mod times;
mod values;
mod week;

use super::cells::Cells;
use super::columnar::Rows;
use super::input::Input;
use super::layout::Layout;
use super::mapping::Years;
use super::number::Number;
use super::options::ImportOptions;
use super::row::{NUMBERS_MAX, Row, Shape, check};
use super::text::Cutter;
use crate::limits::TICKERS_MAX;
use crate::{FormatError, Result};
use carry::Carry;
use columns::Columns;
pub(super) use days::{Days, nearest_midnight};
pub(super) use distances::Distances;
use jiff::tz::TimeZone;
pub(super) use numbers::{is_none, single_of};
use plausible::years;
pub(super) use problems::{Problems, Wrong};
#[cfg(test)]
pub(super) use quick::IS_OFF;
use quick::{Pace, Quick};
pub(super) use quick::{ReadRows, numbers_of};
pub(super) use repeats::{Repeats, content_of};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use tickers::LastRow;
pub(super) use tickers::{Ticker, note_of_cases};
use tickloom_types::Ts;
pub(super) use times::{FileOrder, Times};
pub(super) use values::Level;

/// Where rows come from.
enum Source {
    /// Lines of a text.
    Text(Box<Cutter>),
    /// Columns of values.
    Columns(Box<Rows>),
    /// Neither, while a line is read where it lies.
    Lent,
}

impl Source {
    /// Begins with the first row below the header.
    fn of(input: &Input, layout: &Layout) -> Result<Source> {
        if layout.is_columnar {
            let rows = Rows::open(input, &layout.read_columns())?;
            return Ok(Source::Columns(Box::new(rows)));
        }
        let mut cutter = Cutter::new(input.path(), input.open()?, layout.delimiter);
        for _ in 0..layout.skip {
            cutter.next()?;
        }
        Ok(Source::Text(Box::new(cutter)))
    }
}

/// Reads the rows of a file, from its first line on.
pub(super) struct Reader<'a> {
    source: Source,
    input: Input,
    path: PathBuf,
    layout: &'a Layout,
    /// The one ticker that is read, of a file with a column of them.
    only: Option<&'a str>,
    zone: TimeZone,
    by_name: HashMap<Vec<u8>, usize>,
    columns: Columns,
    /// Of a file in which an empty field is as it was.
    carry: Option<Box<Carry>>,
    quick: Option<Box<Quick>>,
    pace: Pace,
    options: &'a ImportOptions,
    years: (Ts, Ts),
    years_given: Years,
    joined: Vec<u8>,
    key: Vec<u8>,
    /// The last line of the file, if it alone has no end.
    open_line: Option<u64>,
    /// Lines of remarks that were said.
    remarks: u32,
    /// Digits of the number since the epoch before, to tell when their unit changes.
    unit: Option<i64>,
    pub(super) tickers: Vec<Ticker>,
    /// Levels of the last row, of a book with all its levels in a row.
    pub(super) levels: Vec<Level>,
    /// The last right row.
    pub(super) current: Row,
    pub(super) times: Times,
    pub(super) repeats: Repeats,
    pub(super) read: u64,
    pub(super) rounded: u64,
    /// Prices and sizes that were rounded as told, in the row that is read and in all that are kept.
    rounded_of_row: u64,
    pub(super) rounded_as_told: u64,
    /// Decimals that the binary floats before needed, of prices and of sizes.
    digits: [u8; 2],
    /// Prices of which the noise of a binary float was left out.
    pub(super) noisy_prices: u64,
    /// Rows whose volume is not there.
    pub(super) unknown_volumes: u64,
    /// Whether any price is zero or below: then it matters what prices may be.
    pub(super) has_low_prices: bool,
    /// Rows with a price below zero.
    pub(super) below_zero: u64,
    /// Quotes with a bid alone, and with an ask alone.
    pub(super) one_sided: [u64; 2],
    /// The same where the other side has a price, and a size of zero.
    pub(super) sizeless: [u64; 2],
    /// Whether a comma in a number can be read in two ways, or in another than it was.
    pub(super) is_in_doubt: bool,
    /// Whether a number has more than nine decimals.
    pub(super) has_fine: bool,
    /// Whether a row has another word than the first, where nothing says what the words are.
    pub(super) words_differ: bool,
    pub(super) not_kept: BTreeMap<String, u64>,
    pub(super) problems: Problems,
    notes: Vec<String>,
}

impl<'a> Reader<'a> {
    /// The zone of times that do not say one.
    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Begins with the first line of a file.
    pub(super) fn new(
        input: &Input,
        options: &'a ImportOptions,
        layout: &'a Layout,
    ) -> Result<Reader<'a>> {
        let zone = layout.zone(options).ok_or_else(|| FormatError::Option {
            field: "zone",
            value: options.zone.clone().unwrap_or_default(),
            expected: "an IANA zone such as America/New_York, or an offset such as -05:00",
        })?;
        let source = Source::of(input, layout)?;
        let mut reader = Reader {
            source,
            input: input.clone(),
            path: input.shown(),
            layout,
            only: None,
            zone,
            by_name: HashMap::new(),
            carry: Carry::of(layout),
            quick: None,
            pace: Pace::default(),
            columns: Columns::of(layout),
            options,
            years: years(options.years.unwrap_or_default()),
            years_given: options.years.unwrap_or_default(),
            joined: Vec::new(),
            key: Vec::new(),
            open_line: None,
            remarks: 0,
            unit: None,
            tickers: Vec::new(),
            levels: Vec::new(),
            current: Row::default(),
            times: Times::new(layout.shape.is_bars()),
            repeats: Repeats::default(),
            read: 0,
            rounded: 0,
            rounded_of_row: 0,
            rounded_as_told: 0,
            digits: [0; 2],
            noisy_prices: 0,
            unknown_volumes: 0,
            has_low_prices: false,
            below_zero: 0,
            one_sided: [0; 2],
            sizeless: [0; 2],
            is_in_doubt: false,
            has_fine: false,
            words_differ: false,
            not_kept: BTreeMap::new(),
            problems: Problems::new(options.errors_max, layout.is_columnar),
            notes: Vec::new(),
        };
        if options.round.is_none() {
            let quick = Quick::of(layout, &reader.columns, &reader.zone);
            reader.quick = quick.map(Box::new);
        }
        if reader.columns.ticker.is_some() {
            reader.only = options.instrument.as_deref();
        } else {
            let known = options
                .instrument
                .as_ref()
                .or(layout.known.instrument.as_ref())
                .or(layout.known.called.as_ref());
            let name = known.unwrap_or(&layout.known.file).clone();
            reader.add_ticker(b"", &name);
        }
        Ok(reader)
    }

    /// Goes on to the next right row, which is `current` then; wrong ones are noted. False at the end.
    pub(super) fn next(&mut self) -> Result<bool> {
        loop {
            // What a row is in is lent while it is read.
            if let Source::Text(_) = &self.source
                && let Some(mut quick) = self.quick.take()
            {
                let mut source = std::mem::replace(&mut self.source, Source::Lent);
                let is_read = match &mut source {
                    Source::Text(cutter) => self.quick(&mut quick, cutter),
                    _ => Ok(false),
                };
                self.source = source;
                self.quick = Some(quick);
                if is_read? {
                    return Ok(true);
                }
            }
            let is_right = match &mut self.source {
                Source::Lent => return Ok(false),
                Source::Text(cutter) => {
                    let Some(number) = cutter.next()? else {
                        return Ok(false);
                    };
                    let is_open = cutter.is_open();
                    let fields = std::mem::take(&mut cutter.fields);
                    if is_open {
                        self.note_open(number);
                    }
                    let is_right = self.take_fields(number, &fields);
                    if let Source::Text(cutter) = &mut self.source {
                        cutter.fields = fields;
                    }
                    is_right
                }
                Source::Columns(rows) => {
                    let Some((number, lent)) = rows.next()? else {
                        return Ok(false);
                    };
                    if let Some(path) = rows.new_path() {
                        self.path = path;
                    }
                    let mut quick = self.quick.take();
                    let is_read = quick
                        .as_mut()
                        .and_then(|quick| self.quick_cells(quick, number, &lent));
                    self.quick = quick;
                    let is_right = match is_read {
                        Some(()) => Ok(true),
                        None => self.take(number, &lent),
                    };
                    if let Source::Columns(rows) = &mut self.source {
                        rows.give_back(lent);
                    }
                    is_right
                }
            };
            if is_right? {
                return Ok(true);
            }
        }
    }

    /// The file that the last row is of.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the row of a line, unless it is wrong or another instrument's.
    fn take(&mut self, number: u64, cells: &impl Cells) -> Result<bool> {
        // Other instruments' lines are none of this import.
        if let Some(only) = self.only {
            self.name_key(cells);
            if !self.is_called(only, cells) {
                return Ok(false);
            }
        }
        self.read += 1;
        if self.tickers.len() > TICKERS_MAX {
            return Err(self.layout.fault(
                &self.path,
                number,
                format!("more than {TICKERS_MAX} instruments"),
                "fewer, or the one named that is to be read",
            ));
        }
        match self.row(number, cells) {
            Ok(is_row) => Ok(is_row),
            Err(wrong) => {
                if let Some(fields) = cells.fields().filter(|_| self.layout.has_header)
                    && self.is_header(number, fields)?
                {
                    self.read -= 1;
                } else {
                    self.problems.note(&self.path, number, wrong);
                }
                Ok(false)
            }
        }
    }

    /// Reads the row, which is `current` then; false if it is no event of a market, or there already.
    fn row(&mut self, line: u64, cells: &impl Cells) -> Result<bool, Wrong> {
        let stamped = self.time(line, cells)?;
        self.name_key(cells);
        let known = match self.columns.ticker {
            Some(_) => self.by_name.get(self.key.as_slice()).copied(),
            None => Some(0),
        };
        // What is inferred from times does not depend on which rows are refused.
        let arrival = self.arrival(cells);
        let order_key = match &arrival {
            Ok(Some(arrival)) => *arrival,
            _ => stamped.ts,
        };
        self.times.note(
            known.unwrap_or(self.tickers.len()),
            order_key,
            stamped.is_date,
        );
        self.check_whole(line, cells)?;
        let verdict = self.verdict(cells)?;
        if self.leaves_out(verdict) {
            return Ok(false);
        }
        let mut row = Row {
            line,
            stamped,
            arrival: arrival?,
            close: None,
            ticker: 0,
            numbers: [Number::default(); NUMBERS_MAX],
            side: self.side(cells)?,
            id: self.id(cells)?,
            sequence: self.number_of(cells, self.columns.sequence)?,
            action: self.action(cells)?,
            flags: self.flags(cells)?,
        };
        let rounded = self.numbers(cells, &mut row)?;
        self.check_action(cells, &row)?;
        self.check_deleted(cells, verdict, &row)?;
        let prices = self.prices(known);
        self.note_low_prices(&row);
        if !self.check_trade(cells, &row)? {
            let checked = self.with_both_sides(&row);
            check(self.layout.shape, prices, &checked).map_err(|(at, expected)| {
                let at = self.columns.numbers[at].unwrap_or_default();
                self.wrong(cells, at, &expected)
            })?;
        }
        row.close = self.close(cells, stamped.ts)?;
        if let Some(close) = row.close {
            self.times.note_length(stamped.ts, close);
        }
        row.ticker = match known {
            Some(ticker) => ticker,
            None => self.ticker(cells)?,
        };
        self.check_apart(cells, row.ticker)?;
        let is_kept = self.layout.shape == Shape::Orders;
        if self.layout.is_databento() && row.action == b'N' && !is_kept {
            self.leave_out("row without an action");
            return Ok(false);
        }
        if self.is_there(cells, &row)? {
            return Ok(false);
        }
        self.widen(&row);
        self.rounded += u64::from(rounded.sizes > 0);
        self.noisy_prices += rounded.prices;
        self.rounded_as_told += self.rounded_of_row;
        self.current = row;
        self.note_sides();
        Ok(true)
    }
}
