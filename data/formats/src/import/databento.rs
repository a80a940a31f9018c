//! DBN, Databento's binary encoding: versions 1 to 3, plain or in zstd, fragments without metadata, and its forerunner DBZ.
//!
//! What a record becomes is in `convert`, which instrument it is of in `symbols` and `listing`, what definitions say in `definition`
//! and `beside`. Instruments and the decimals of their prices have to be known before the first record is handed out (`survey`): a file that is
//! too large to be held until then (`source`) is read twice. Rows in common forms are read many at a time (`quick`). Records keep the file's order.

mod beside;
mod convert;
mod decoder;
mod definition;
mod fields;
mod kinds;
mod listing;
mod moments;
mod quick;
mod quotes;
mod raw;
mod rows;
mod seen;
mod slots;
mod source;
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
use listing::Listing;
use moments::Moments;
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
        has_events: survey.seen.has_events,
    }))
}

/// What else an import of a file depends on: the content of the files of definitions for it. Empty if there are none.
pub(super) fn identity(input: &Input, options: &ImportOptions) -> Result<String> {
    let decoder = Decoder::open(input)?;
    let mut text = String::new();
    for file in beside::find(input, (&decoder.dataset, decoder.span()), options)? {
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
    held: Option<Decoder>,
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
        let mut this = *self;
        let decoder = match this.held.take() {
            Some(decoder) => decoder,
            None => Decoder::open(&this.input)?,
        };
        let mut listing = std::mem::replace(&mut this.listing, Listing::new("", false));
        listing.forget();
        let symbols = std::mem::take(&mut this.symbols);
        let mut rows = Rows::new(&this.input, decoder, symbols, listing, this.errors_max);
        let mut moments = Moments::new();
        while let Some(outcome) = rows.next()? {
            let is_last = match outcome {
                Outcome::Kept(is_last) => is_last,
                Outcome::NotKept(_) => continue,
                Outcome::Refused => None,
            };
            // A file that changed since it was read first may have instruments that have no definition.
            if rows.converter.listing.entries().len() > this.scales.len() {
                let what = "another instrument than before".to_owned();
                return Err(rows.damaged(what, "a file that does not change"));
            }
            for record in &mut rows.records {
                this.scale(record);
            }
            moments.take(&rows.records, this.has_events && is_last == Some(false));
            rows.learn(|instrument| this.decimals(instrument));
            moments.hand_on(push)?;
            while rows.fill(this.has_events, &mut moments) {
                moments.hand_on(push)?;
            }
        }
        moments.finish(push)?;
        let mut found = rows.found();
        found.notes.splice(0..0, this.notes);
        Ok(found)
    }
}

impl DbnFile {
    fn decimals(&self, InstrumentId(id): InstrumentId) -> u8 {
        let scale = usize::try_from(id).ok().and_then(|id| self.scales.get(id));
        scale.copied().unwrap_or(9)
    }

    /// Gives prices, which have nine decimals, those of their instrument.
    #[inline]
    fn scale(&self, record: &mut Record) {
        let steps = Steps::of(self.decimals(record.instrument()));
        visit_mantissas(record, &mut |of, mantissa| {
            if of == Mantissa::Price {
                *mantissa = steps.divide(*mantissa);
            }
        });
    }
}
