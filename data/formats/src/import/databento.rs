//! DBN, Databento's binary encoding: versions 1 to 3, plain or in zstd, fragments without metadata, and its forerunner DBZ.
//!
//! What a record becomes is in `convert`, which instrument it is of in `symbols` and `listing`, what definitions say in `definition`
//! and `beside`. Instruments and the decimals of their prices have to be known before the first record is handed out (`survey`): a file that is
//! too large to be held until then (`held`) is read twice. Records keep the file's order.

mod beside;
mod convert;
mod decoder;
mod definition;
mod event;
mod fields;
mod held;
mod kinds;
mod listing;
mod quotes;
mod rows;
mod survey;
mod symbols;

pub(crate) use beside::is_definitions;
pub(super) use decoder::is_dbn;

use super::input::Input;
use super::mantissas::{Mantissa, visit_mantissas};
use super::options::ImportOptions;
use super::prepared::{Prepared, Push};
use super::report::Found;
use crate::Result;
use crate::databento::DbnOrigin;
use decoder::Decoder;
use event::Event;
use held::Held;
use listing::Listing;
use quotes::Steps;
use rows::{Outcome, Rows};
use survey::Survey;
use symbols::Symbols;
use tickloom_types::{InstrumentId, Instruments, Record, Ts};

/// Reads a file through once.
pub(super) fn prepare(input: &Input, options: &ImportOptions) -> Result<Box<dyn Prepared>> {
    let survey = Survey::of(input, options.errors_max)?;
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
        symbols: survey.first_symbols,
        held: survey.held,
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
    /// What numbers stand for where the file begins.
    symbols: Symbols,
    /// What the first reading read, if it was not too much to be held.
    held: Option<Held>,
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

    fn emit(mut self: Box<Self>, push: Push<'_>) -> Result<Found> {
        let mut event = Event::default();
        let mut found = match self.held.take() {
            Some(held) => {
                let mut records = Vec::new();
                for (row, is_last) in held.rows() {
                    records.extend_from_slice(row);
                    self.give(&mut records, is_last, &mut event, push)?;
                }
                held.found
            }
            None => self.read_again(&mut event, push)?,
        };
        event.end(push)?;
        found.notes.splice(0..0, std::mem::take(&mut self.notes));
        Ok(found)
    }
}

impl DbnFile {
    fn read_again(&self, event: &mut Event, push: Push<'_>) -> Result<Found> {
        let mut listing = self.listing.clone();
        listing.forget();
        let decoder = Decoder::open(&self.input)?;
        let symbols = self.symbols.clone();
        let mut rows = Rows::new(&self.input, decoder, symbols, listing, self.errors_max);
        while let Some(outcome) = rows.next()? {
            let is_last = match outcome {
                Outcome::Kept(is_last) => is_last,
                Outcome::NotKept(_) => continue,
                Outcome::Refused => None,
            };
            // A file that changed since it was read first may have instruments that have no definition.
            if rows.converter.listing.entries().len() > self.scales.len() {
                let what = "another instrument than before".to_owned();
                return Err(rows.damaged(what, "a file that does not change"));
            }
            self.give(&mut rows.records, is_last, event, push)?;
        }
        Ok(rows.found())
    }

    /// Hands on the records of a row, at the scales of their instruments.
    #[inline]
    fn give(
        &self,
        records: &mut Vec<Record>,
        is_last: Option<bool>,
        event: &mut Event,
        push: Push<'_>,
    ) -> Result<()> {
        for record in &mut *records {
            let InstrumentId(id) = record.instrument();
            let scale = usize::try_from(id).ok().and_then(|id| self.scales.get(id));
            let steps = Steps::of(scale.copied().unwrap_or(9));
            visit_mantissas(record, &mut |of, mantissa| {
                if of == Mantissa::Price {
                    *mantissa = steps.divide(*mantissa);
                }
            });
        }
        let goes_on = self.has_events && is_last == Some(false);
        event.take(records, goes_on, push)
    }
}
