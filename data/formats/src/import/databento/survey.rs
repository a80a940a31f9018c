//! The first reading of a file: its instruments, the decimals of their prices, and the definitions that are theirs.

use super::beside;
use super::decoder::Decoder;
use super::definition::{self, Definition};
use super::kinds::not_kept;
use super::listing::Listing;
use super::rows::{Outcome, Rows};
use super::seen::{Seen, SeenAll};
use super::symbols::Symbols;
use crate::databento::{DBN_DATASET, DBN_SOURCE};
use crate::import::input::Input;
use crate::import::options::ImportOptions;
use crate::limits::{DBN_SYMBOLS_MAX, TICKERS_MAX};
use crate::{FormatError, Result};
use dbn::{Schema, rtype};
use std::collections::{BTreeMap, BTreeSet};
use tickloom_types::{
    BarSpec, Clock, InstrumentDef, Instruments, Record, SourceDef, SourceKind, Term, Ts,
};

/// Instruments whose changed definitions are named.
const CHANGES_NAMED_MAX: usize = 5;

/// What a first reading finds out of the rows that are right.
pub(super) struct Survey {
    pub(super) dataset: String,
    pub(super) schema: Option<Schema>,
    /// The times that the metadata name.
    span: (u64, u64),
    pub(super) listing: Listing,
    /// What numbers stand for where the file ends.
    pub(super) symbols: Symbols,
    /// And where it begins.
    pub(super) first_symbols: Symbols,
    pub(super) seen: SeenAll,
    bars: Vec<BarSpec>,
    pub(super) first: Option<Ts>,
    has_definitions: bool,
    /// All that was read, if it was not too much to be held.
    pub(super) held: Option<Decoder>,
}

/// Instruments and sources as a run has them.
pub(super) struct Defined {
    pub(super) instruments: Instruments,
    /// Decimals of the prices, by instrument.
    pub(super) scales: Vec<u8>,
    pub(super) notes: Vec<String>,
}

impl Survey {
    pub(super) fn of(input: &Input, errors_max: usize) -> Result<Survey> {
        let decoder = Decoder::open(input)?;
        let symbols = decoder.symbols.clone();
        let was_mapped = !symbols.is_empty();
        let mut survey = Survey::read(input, decoder, symbols, was_mapped, errors_max)?;
        if was_mapped || (survey.symbols.is_empty() && !survey.has_definitions) {
            return Ok(survey);
        }
        let symbols = match survey.symbols.is_empty() {
            true => defined_symbols(input)?,
            // A stream that maps its symbols on the way: what came before is of no symbol.
            false => survey.first_symbols,
        };
        let decoder = match survey.held.take() {
            Some(decoder) => decoder,
            None => Decoder::open(input)?,
        };
        Survey::read(input, decoder, symbols, true, errors_max)
    }

    fn read(
        input: &Input,
        decoder: Decoder,
        first_symbols: Symbols,
        is_mapped: bool,
        errors_max: usize,
    ) -> Result<Survey> {
        let (dataset, schema, span) = (decoder.dataset.clone(), decoder.schema, decoder.span());
        let listing = Listing::new(&dataset, is_mapped);
        let symbols = first_symbols.clone();
        let mut rows = Rows::new(input, decoder, symbols, listing, errors_max);
        let mut seen = SeenAll::default();
        let mut first = None;
        let (mut has_others, mut is_all_other) = (false, true);
        let mut has_definitions = false;
        while let Some(outcome) = rows.next()? {
            let is_last = match outcome {
                Outcome::Kept(is_last) => is_last,
                Outcome::NotKept(what) => {
                    has_others = true;
                    has_definitions |= what == not_kept(rtype::INSTRUMENT_DEF);
                    continue;
                }
                Outcome::Refused => None,
            };
            is_all_other = false;
            seen.has_events |= is_last == Some(true);
            if rows.converter.listing.entries().len() > TICKERS_MAX {
                let found = format!("more than {TICKERS_MAX} instruments");
                return Err(rows.damaged(found, "fewer"));
            }
            first = first.or(rows.records.first().map(Record::ts_event));
            for record in &rows.records {
                seen.see(record);
            }
            rows.learn(|instrument| seen.decimals(instrument));
            rows.survey(&mut seen);
        }
        if is_all_other && has_others {
            return Err(rows.no_market());
        }
        let (converter, decoder) = rows.into_parts();
        Ok(Survey {
            dataset,
            schema,
            span,
            bars: converter.bars().to_vec(),
            listing: converter.listing,
            symbols: converter.symbols,
            first_symbols,
            seen,
            first,
            has_definitions,
            held: decoder.again(),
        })
    }

    /// The instruments in the order in which the file names them, and the sources: the file, then bars by their size.
    pub(super) fn define(&self, input: &Input, options: &ImportOptions) -> Result<Defined> {
        let mut names = self.listing.names(&self.symbols);
        if let Some(name) = &options.instrument {
            if names.len() > 1 {
                return Err(FormatError::Option {
                    field: "instrument",
                    value: name.clone(),
                    expected: "no name, as the file has several instruments with names of their own",
                });
            }
            names.fill(name.clone());
        }
        let mut notes = self.notes();
        let definitions = self.definitions(input, options, &mut notes)?;
        let mut instruments = Instruments::new();
        let mut scales = Vec::new();
        let mut changed = Vec::new();
        let mut untradable = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            let seen = self.seen.of(at);
            let mut def = match self.dataset.as_str() {
                // What was exported has our names, which say more.
                DBN_DATASET => InstrumentDef::of_name(name, seen.decimals, 0),
                _ => InstrumentDef::assumed(name, seen.decimals, 0, "USD"),
            };
            let of_it = definitions.get(at).map_or(&[][..], Vec::as_slice);
            if let Some(definition) = in_force(of_it, seen.first) {
                definition.terms.apply(&mut def);
                if changes(of_it, definition, seen) {
                    changed.push(name.as_str());
                }
            }
            scales.push(def.price_decimals);
            if let Some(currency) = &options.currency {
                def.currency.clone_from(currency);
                def.contract.assumed.remove(&Term::Currency);
            }
            if let Some(why) = def.untradable() {
                *untradable.entry(why.to_string()).or_insert(0_u32) += 1;
            }
            def.calendar.clone_from(&options.calendar);
            instruments.add(def)?;
        }
        for (why, count) in untradable {
            let noun = if count == 1 {
                "instrument is"
            } else {
                "instruments are each"
            };
            notes.push(format!("{count} {noun} {why}, and not traded"));
        }
        if !changed.is_empty() {
            let more = changed.len().saturating_sub(CHANGES_NAMED_MAX);
            changed.truncate(CHANGES_NAMED_MAX);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            notes.push(format!(
                "the definition of {}{more} changes within the file: that of the first row is used",
                changed.join(", ")
            ));
        }
        self.add_sources(&mut instruments)?;
        Ok(Defined {
            instruments,
            scales,
            notes,
        })
    }

    fn add_sources(&self, instruments: &mut Instruments) -> Result<()> {
        let source = format!("{DBN_SOURCE}{}", self.dataset.to_ascii_lowercase());
        // The vendor gives the time of arrival.
        instruments.add_source(SourceDef::new(source, SourceKind::File).with_clock(Clock::Recv))?;
        for bar in &self.bars {
            instruments.bar_source(*bar)?;
        }
        Ok(())
    }

    /// What is known of the file and its publishers.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.dataset.is_empty() {
            notes.push(format!("dataset {}", self.dataset));
        }
        let entries = self.listing.entries();
        let publishers: BTreeSet<u16> = entries.iter().map(|entry| entry.publisher).collect();
        if publishers.len() > 1 {
            notes.push(format!(
                "{} publishers, whose instruments are kept apart",
                publishers.len()
            ));
        }
        notes
    }

    /// The definitions of each instrument, in the order of time.
    fn definitions(
        &self,
        input: &Input,
        options: &ImportOptions,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Vec<Definition>>> {
        let mut files = beside::find(input, (&self.dataset, self.span), options)?;
        for file in &files {
            notes.push(format!("definitions of {file}"));
        }
        if self.has_definitions {
            files.push(input.clone());
        }
        beside::read(&files, &self.listing, &self.symbols)
    }
}

/// What the definitions in a file that maps nothing say that its numbers stand for.
fn defined_symbols(input: &Input) -> Result<Symbols> {
    let mut decoder = Decoder::open(input)?;
    let mut told = Vec::new();
    while let Some(record) = decoder.next()? {
        let definition = definition::read(&record);
        if let Some(definition) = definition.filter(|one| !one.symbol.is_empty()) {
            told.push((definition.id, definition.ts, definition.symbol));
            if told.len() > DBN_SYMBOLS_MAX {
                let found = format!("more than {DBN_SYMBOLS_MAX} definitions");
                return Err(decoder.damaged(decoder.offset(), found, "fewer"));
            }
        }
    }
    Ok(Symbols::of_definitions(told))
}

/// The definition that holds at an instrument's first row, or else the first after it.
fn in_force(definitions: &[Definition], first: i64) -> Option<&Definition> {
    let first = first.cast_unsigned();
    let next = definitions.partition_point(|one| one.ts <= first);
    definitions
        .get(next.saturating_sub(1))
        .or_else(|| definitions.first())
}

/// Whether another definition comes while there are rows.
fn changes(definitions: &[Definition], used: &Definition, seen: Seen) -> bool {
    let last = seen.last.cast_unsigned();
    let mut later = definitions
        .iter()
        .filter(|one| one.ts > used.ts && one.ts <= last);
    later.any(|one| one.terms != used.terms)
}
