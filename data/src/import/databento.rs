//! DBN, Databento's binary encoding: versions 1 to 3, plain or in zstd, fragments without metadata, and its forerunner DBZ.
//!
//! What a record becomes is in `convert`, which instrument it is of in `symbols` and `listing`, what definitions say in `definition`
//! and `beside`. The file is read twice: first for the instruments and the decimals that their prices need, then for the records, which
//! keep the file's order.

mod beside;
mod convert;
mod decoder;
mod definition;
mod event;
mod listing;
mod quotes;
mod survey;
mod symbols;

pub(crate) use beside::is_definitions;
pub(super) use decoder::is_dbn;

use super::report::{Found, reason};
use super::{ImportOptions, Input, KindCount, LineError, Prepared, Push};
use crate::Result;
use crate::catalog::Table;
use crate::databento::{DBN_DECIMALS, DbnOrigin};
use convert::{Converter, Row};
use decoder::Decoder;
use event::Event;
use listing::Listing;
use quotes::visit_prices;
use std::collections::BTreeMap;
use survey::Survey;
use tickloom_types::{InstrumentId, Instruments, Record, Ts, pow10};

/// Reads a file through once.
pub(super) fn prepare(input: &Input, options: &ImportOptions) -> Result<Box<dyn Prepared>> {
    let survey = Survey::of(input)?;
    let defined = survey.define(input, options)?;
    Ok(Box::new(DbnFile {
        input: input.clone(),
        errors_max: options.errors_max,
        origin: DbnOrigin {
            dataset: survey.dataset.clone(),
            schema: survey.schema.map(|schema| schema.to_string()),
            stype_in: survey.symbols.stype_in().map(|stype| stype.to_string()),
            instruments: survey.listing.origin(&survey.symbols),
        },
        instruments: defined.instruments,
        notes: defined.notes,
        scales: defined.scales,
        started: survey.first.unwrap_or(Ts(0)),
        listing: survey.listing,
        has_events: survey.has_events,
    }))
}

/// What else an import of a file depends on: the content of the files of definitions for it. Empty if there are none.
pub(super) fn identity(input: &Input, options: &ImportOptions) -> Result<String> {
    let decoder = Decoder::open(input)?;
    let mut text = String::new();
    for file in beside::find(input, &decoder, options)? {
        text.push_str(&file.content_run("")?);
    }
    Ok(text)
}

/// A file of which all is known that its records need.
struct DbnFile {
    input: Input,
    errors_max: usize,
    instruments: Instruments,
    notes: Vec<String>,
    /// Decimals of the prices, by instrument.
    scales: Vec<u8>,
    started: Ts,
    origin: DbnOrigin,
    /// The instruments that the first reading found.
    listing: Listing,
    /// Whether rows say which of them are the last of an event.
    has_events: bool,
}

impl Prepared for DbnFile {
    fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    fn started(&self) -> Ts {
        self.started
    }

    fn origin(&self) -> Option<DbnOrigin> {
        Some(self.origin.clone())
    }

    fn emit(self: Box<Self>, push: Push<'_>) -> Result<Found> {
        let mut decoder = Decoder::open(&self.input)?;
        let mut listing = self.listing.clone();
        listing.forget();
        let mut converter = Converter::new(decoder.symbols.clone(), listing);
        let divisors = self.divisors();
        let mut found = Found::default();
        let mut counts = Counts::default();
        let mut records: Vec<Record> = Vec::new();
        let mut event = Event::default();
        while let Some(record) = decoder.next()? {
            found.read += 1;
            if converter.symbols.take(&record) {
                converter.listing.forget();
            }
            let mut is_last = None;
            match converter.convert(&record, &mut records) {
                Ok(Row::Kept(last)) => is_last = last,
                Ok(Row::NotKept(what)) => {
                    *found.not_kept.entry(what.to_owned()).or_default() += 1;
                }
                Err(wrong) => {
                    records.clear();
                    found.refused += 1;
                    if let Some(table) = convert::table(&record) {
                        counts.refuse(table);
                    }
                    self.note(&mut found, wrong);
                }
            }
            // A file that changed since it was read first may have instruments that have no definition.
            if converter.listing.entries().len() > divisors.len() {
                let what = "another instrument than before".to_owned();
                return Err(decoder.damaged(decoder.offset(), what, "a file that does not change"));
            }
            counts.add(&records);
            for record in &mut records {
                scale(record, &divisors);
            }
            let goes_on = self.has_events && is_last == Some(false);
            event.take(&mut records, goes_on, push)?;
        }
        event.end(push)?;
        found.rows = counts.rows;
        found.notes.clone_from(&self.notes);
        if converter.without_arrival > 0 {
            found.notes.push(format!(
                "{} rows do not say when they arrived (ts_recv): at the venue's time, and marked as not exact",
                converter.without_arrival
            ));
        }
        found.bar = match converter.bars() {
            [bar] => Some(*bar),
            _ => None,
        };
        found.stamp = found.bar.map(|_| "open".to_owned());
        Ok(found)
    }
}

impl DbnFile {
    fn note(&self, found: &mut Found, (field, value, expected): convert::Wrong) {
        found.reasons.add(&reason(field, expected), 1);
        if found.errors.len() < self.errors_max {
            found.errors.push(LineError {
                file: self.input.path().to_owned(),
                line: found.read,
                field: field.to_owned(),
                value,
                expected: expected.to_owned(),
            });
        }
    }

    /// What prices of nine decimals are divided by, by instrument.
    fn divisors(&self) -> Vec<i64> {
        let divisor = |scale: &u8| pow10(DBN_DECIMALS - scale.min(&DBN_DECIMALS));
        self.scales.iter().map(divisor).collect()
    }
}

/// Gives the prices of a record, which have nine decimals, those of its instrument.
fn scale(record: &mut Record, divisors: &[i64]) {
    let InstrumentId(id) = record.instrument();
    let divisor = usize::try_from(id).ok().and_then(|id| divisors.get(id));
    let divisor = divisor.copied().unwrap_or(1);
    visit_prices(record, &mut |price| *price /= divisor);
}

/// Rows by the tables that records were made of them for.
#[derive(Default)]
struct Counts {
    rows: BTreeMap<Table, KindCount>,
}

impl Counts {
    /// Adds the row that made these records: one for each of their tables.
    fn add(&mut self, records: &[Record]) {
        let mut before = None;
        for record in records {
            let table = Table::of(record);
            // Records of one kind follow each other, and a row has a trade and something else at most.
            if table != before
                && let Some(table) = table
            {
                self.rows.entry(table).or_default().read += 1;
            }
            before = table;
        }
    }

    fn refuse(&mut self, table: Table) {
        let count = self.rows.entry(table).or_default();
        count.read += 1;
        count.refused += 1;
    }
}
