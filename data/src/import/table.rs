//! Tables of bars, quotes and trades: read through once to find scales and sizes, and once more to make the records, so that a
//! file may be larger than memory. One that is not in the order of time (instrument after instrument) is held to be sorted.

mod plan;

use super::layout::Layout;
use super::reader::Reader;
use super::report::Found;
use super::row::Row;
use super::text::Lines;
use super::{ImportOptions, Input, KindCount, Prepared, Push};
use crate::limits::{DISTANCES_MAX, SORTED_RECORDS_MAX};
use crate::{DataError, Result};
use plan::Plan;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tickloom_types::{BarSpec, Instruments, Record, Ts};

/// Lines that are looked at to find out what the file is.
const HEAD_LINES: usize = 50;

/// The first lines of a file.
pub(super) fn head(input: &Input) -> Result<Vec<Vec<u8>>> {
    let mut lines = Lines::new(input.path(), input.open()?);
    let mut head = Vec::new();
    while head.len() < HEAD_LINES
        && let Some((_, line)) = lines.next()?
    {
        head.push(std::mem::take(line));
    }
    Ok(head)
}

/// Reads a file of this layout through once.
pub(super) fn prepare(
    input: &Input,
    options: &ImportOptions,
    layout: Layout,
) -> Result<Box<dyn Prepared>> {
    let mut reader = Reader::new(input, options, &layout)?;
    let mut survey = Survey::default();
    while let Some(row) = reader.next()? {
        survey.note(&row);
    }
    if survey.rows == 0 {
        return Err(nothing(&reader, input.path()));
    }
    let tickers = std::mem::take(&mut reader.tickers);
    let mut notes = layout.notes.clone();
    notes.push(format!("times are {}", layout.time));
    let bar = match layout.shape.is_bars() {
        true => Some(bar_spec(
            input.path(),
            options,
            &layout,
            &survey,
            &mut notes,
        )?),
        false => None,
    };
    let plan = Plan::new(&layout, options, bar, &tickers, &survey)?;
    Ok(Box::new(TableFile {
        input: input.clone(),
        options: options.clone(),
        layout,
        plan,
        notes,
        first: survey.first,
        is_sorted: survey.is_sorted,
    }))
}

/// What a first reading finds out.
struct Survey {
    rows: u64,
    first: Ts,
    last: Ts,
    /// Whether times never go back, from one instrument to the next either.
    is_sorted: bool,
    all_dates: bool,
    has_sizes: bool,
    /// Line of the first row.
    line: u64,
    last_of: HashMap<usize, Ts>,
    /// How often bars are so far apart, or so long.
    distances: BTreeMap<i64, u64>,
}

impl Default for Survey {
    fn default() -> Survey {
        Survey {
            rows: 0,
            first: Ts(i64::MAX),
            last: Ts(i64::MIN),
            is_sorted: true,
            all_dates: true,
            has_sizes: false,
            line: 0,
            last_of: HashMap::new(),
            distances: BTreeMap::new(),
        }
    }
}

impl Survey {
    fn note(&mut self, row: &Row) {
        let ts = row.stamped.ts;
        if self.rows == 0 {
            self.line = row.line;
        }
        self.rows += 1;
        self.is_sorted &= ts >= self.last;
        self.last = ts;
        self.first = self.first.min(ts);
        self.all_dates &= row.stamped.is_date;
        self.has_sizes |= row.numbers[4].mantissa > 0 || row.numbers[9].mantissa > 0;
        let before = self.last_of.insert(row.ticker, ts);
        let distance = match (row.close, before) {
            (Some(close), _) => close.0.checked_sub(ts.0),
            (None, Some(before)) => ts.0.checked_sub(before.0),
            (None, None) => None,
        };
        if let Some(distance) = distance
            && (self.distances.len() < DISTANCES_MAX || self.distances.contains_key(&distance))
        {
            *self.distances.entry(distance).or_default() += 1;
        }
    }
}

/// The size of the bars: as given, as the file says, or the most common distance between two of an instrument.
fn bar_spec(
    path: &Path,
    options: &ImportOptions,
    layout: &Layout,
    survey: &Survey,
    notes: &mut Vec<String>,
) -> Result<BarSpec> {
    if let Some(bar) = options.bar.or(layout.known.bar) {
        return Ok(bar);
    }
    let all: u64 = survey.distances.values().sum();
    // Of equally common ones the shortest: a longer one would contain gaps.
    let most = survey.distances.iter().rev().max_by_key(|(_, n)| **n);
    let Some((distance, count)) = most else {
        return Err(DataError::Import {
            file: path.to_owned(),
            line: survey.line,
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

/// A table of which all is known that its records need.
struct TableFile {
    input: Input,
    options: ImportOptions,
    layout: Layout,
    plan: Plan,
    notes: Vec<String>,
    first: Ts,
    is_sorted: bool,
}

impl Prepared for TableFile {
    fn instruments(&self) -> &Instruments {
        &self.plan.instruments
    }

    fn started(&self) -> Ts {
        self.first
    }

    fn emit(self: Box<Self>, push: Push<'_>) -> Result<Found> {
        let mut reader = Reader::new(&self.input, &self.options, &self.layout)?;
        let mut records = Vec::new();
        let mut made = 0_u64;
        while let Some(row) = reader.next()? {
            if let Err(wrong) = self.plan.records(&row, &mut records) {
                reader.problems.note(self.input.path(), row.line, wrong);
                continue;
            }
            made += 1;
            if self.is_sorted {
                for record in records.drain(..) {
                    push(&record)?;
                }
            } else if records.len() > SORTED_RECORDS_MAX {
                return Err(DataError::Import {
                    file: self.input.path().to_owned(),
                    line: row.line,
                    found: format!("more than {SORTED_RECORDS_MAX} records, not in order of time"),
                    expected: "a file in order of time, or cut into several".to_owned(),
                });
            }
        }
        records.sort_by_key(|record: &Record| record.header.ts_event);
        for record in &records {
            push(record)?;
        }
        if made == 0 {
            return Err(nothing(&reader, self.input.path()));
        }
        Ok(self.found(reader))
    }
}

impl TableFile {
    fn found(&self, reader: Reader<'_>) -> Found {
        let count = KindCount {
            read: reader.read,
            written: 0,
            refused: reader.problems.count,
        };
        Found {
            rows: [(self.plan.shape.table(), count)].into(),
            read: reader.read,
            refused: reader.problems.count,
            reasons: reader.problems.reasons,
            rounded: reader.rounded,
            errors: reader.problems.first,
            notes: self.notes.clone(),
            bar: self.plan.bar,
            stamp: self.plan.bar.map(|_| self.plan.stamp.to_owned()),
            ..Found::default()
        }
    }
}

/// The error for a file of which no line is right.
fn nothing(reader: &Reader<'_>, path: &Path) -> DataError {
    let (line, found, expected) = match reader.problems.first.first() {
        Some(e) => {
            let found = format!("{} is {:?}", e.field, e.value);
            (e.line, found, e.expected.clone())
        }
        None => {
            let expected = "rows of the instrument asked for";
            (1, "no rows".to_owned(), expected.to_owned())
        }
    };
    DataError::Import {
        file: path.to_owned(),
        line,
        found,
        expected,
    }
}
