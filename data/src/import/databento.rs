//! DBN, Databento's binary encoding: versions 1 to 3, plain or in zstd, fragments without metadata, and its forerunner DBZ.
//!
//! What a record becomes is in `convert`. The file is read twice: first for the instruments and the decimals that their prices
//! need, then for the records, which keep the file's order. Definitions in the file give tick size, multiplier and currency.

mod convert;
mod decoder;
mod definition;

pub(super) use decoder::is_dbn;

use super::report::{Found, reason};
use super::{ImportOptions, Input, KindCount, LineError, Prepared, Push};
use crate::catalog::Table;
use crate::limits::{MOMENT_ROWS_MAX, TICKERS_MAX};
use crate::{DataError, Result};
use convert::{Converter, Row, decimals, visit_prices};
use decoder::Decoder;
use definition::Definition;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tickloom_types::{
    Clock, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, SourceDef,
    SourceKind, Ts, mark_moment, pow10,
};

/// The dataset of files that were exported by us, in place of a venue's feed: their symbols are our names of instruments.
pub(crate) const DBN_DATASET: &str = "TICKLOOM";
/// Decimals of a price in DBN.
const DECIMALS: u8 = 9;

/// Reads a file through once.
pub(super) fn prepare(input: &Input, options: &ImportOptions) -> Result<Box<dyn Prepared>> {
    let mut decoder = Decoder::open(input)?;
    let mut converter = Converter::default();
    let mut scales: Vec<u8> = Vec::new();
    let mut definitions: HashMap<u32, Definition> = HashMap::new();
    let mut records = Vec::new();
    let mut first = None;
    let mut has_events = false;
    while let Some(record) = decoder.next()? {
        if let Some(definition) = definition::read(&record) {
            if definitions.len() < TICKERS_MAX {
                definitions.insert(definition.id, definition);
            }
            continue;
        }
        if !matches!(converter.convert(&record, &mut records), Ok(Row::Kept)) {
            records.clear();
            continue;
        }
        scales.resize(converter.ids().len(), 0);
        if scales.len() > TICKERS_MAX {
            let found = format!("more than {TICKERS_MAX} instruments");
            return Err(decoder.damaged(decoder.offset(), found, "fewer"));
        }
        has_events |= event_end(&records) == Some(true);
        for mut record in records.drain(..) {
            first = first.or(Some(record.ts_event()));
            let scale = usize::try_from(record.header.instrument).unwrap_or(usize::MAX);
            if let Some(scale) = scales.get_mut(scale) {
                visit_prices(&mut record, &mut |price| {
                    *scale = decimals(*price).max(*scale)
                });
            }
        }
    }
    let instruments = define(&decoder, options, &converter, &mut scales, &definitions)?;
    Ok(Box::new(DbnFile {
        input: input.clone(),
        errors_max: options.errors_max,
        instruments,
        scales,
        started: first.unwrap_or(Ts(0)),
        dataset: decoder.dataset,
        ids: converter.ids().len(),
        has_events,
    }))
}

/// The instruments in the order in which the file names them, and the sources: the file, then bars by their size.
fn define(
    decoder: &Decoder,
    options: &ImportOptions,
    converter: &Converter,
    scales: &mut [u8],
    definitions: &HashMap<u32, Definition>,
) -> Result<Instruments> {
    let ids = converter.ids();
    if options.instrument.is_some() && ids.len() > 1 {
        return Err(DataError::Option {
            field: "instrument",
            value: options.instrument.clone().unwrap_or_default(),
            expected: "no name, as the file has several instruments with names of their own",
        });
    }
    let mut instruments = Instruments::new();
    let mut taken = BTreeSet::new();
    for (id, scale) in ids.iter().zip(scales) {
        let definition = definitions.get(id);
        let mut name = match &options.instrument {
            Some(name) => name.clone(),
            None => name(decoder, *id, definition),
        };
        if !taken.insert(name.clone()) {
            name = format!("{name}-{id}");
        }
        let mut def = InstrumentDef::new(&name, *scale, 0, "USD");
        if let Some(definition) = definition {
            *scale = definition.apply(&mut def);
        }
        if let Some(currency) = &options.currency {
            def.currency.clone_from(currency);
        }
        def.calendar.clone_from(&options.calendar);
        instruments.add(def)?;
    }
    let source = format!("dbn/{}", decoder.dataset.to_ascii_lowercase());
    // The vendor gives the time of arrival.
    instruments.add_source(SourceDef::new(source, SourceKind::File).with_clock(Clock::Recv))?;
    for bar in converter.bars() {
        instruments.bar_source(*bar)?;
    }
    Ok(instruments)
}

/// `glbx-mdp3.ESH4`: the dataset and the symbol, or the number where there is none.
fn name(decoder: &Decoder, id: u32, definition: Option<&Definition>) -> String {
    let symbol = definition
        .map(|definition| definition.symbol.clone())
        .filter(|symbol| !symbol.is_empty())
        .or_else(|| decoder.symbols.get(&id).cloned())
        .unwrap_or_else(|| format!("id-{id}"));
    let venue = decoder.dataset.to_ascii_lowercase().replace('.', "-");
    let name = match venue.as_str() {
        "" => symbol,
        // What was exported has our names.
        _ if decoder.dataset == DBN_DATASET => symbol,
        venue => format!("{venue}.{symbol}"),
    };
    let allowed = |c: char| match c {
        c if c.is_ascii_alphanumeric() || "-_./".contains(c) => c,
        _ => '_',
    };
    name.chars().take(48).map(allowed).collect()
}

/// A file of which all is known that its records need.
struct DbnFile {
    input: Input,
    errors_max: usize,
    instruments: Instruments,
    scales: Vec<u8>,
    started: Ts,
    dataset: String,
    /// Instruments that the first reading found.
    ids: usize,
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

    fn emit(self: Box<Self>, push: Push<'_>) -> Result<Found> {
        let mut decoder = Decoder::open(&self.input)?;
        let mut converter = Converter::default();
        let mut found = Found::default();
        let mut records: Vec<Record> = Vec::new();
        let mut event = Event::default();
        while let Some(record) = decoder.next()? {
            found.read += 1;
            let table = convert::table(&record);
            let row = converter.convert(&record, &mut records);
            // A file that changed since it was read first may have instruments that have no definition.
            if converter.ids().len() > self.ids {
                let what = "another instrument than before".to_owned();
                return Err(decoder.damaged(decoder.offset(), what, "a file that does not change"));
            }
            match row {
                Ok(Row::Kept) => {}
                Ok(Row::NotKept(what)) => {
                    *found.not_kept.entry(what.to_owned()).or_default() += 1;
                }
                Err((field, value, expected)) => {
                    records.clear();
                    found.refused += 1;
                    if let Some(table) = table {
                        let count = found.rows.entry(table).or_default();
                        count.read += 1;
                        count.refused += 1;
                    }
                    self.note(&mut found, (field, value, expected));
                }
            }
            count(&records, &mut found.rows);
            for record in &mut records {
                self.scale(record);
            }
            let goes_on = self.has_events && event_end(&records) == Some(false);
            event.take(&mut records, goes_on, push)?;
        }
        event.end(push)?;
        found.notes.push(format!("dataset {}", self.dataset));
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
                is_row: false,
                field: field.to_owned(),
                value,
                expected: expected.to_owned(),
            });
        }
    }

    /// Gives the prices of a record, which have nine decimals, those of its instrument.
    fn scale(&self, record: &mut Record) {
        let InstrumentId(id) = record.instrument();
        let scale = usize::try_from(id).ok().and_then(|id| self.scales.get(id));
        let divisor = pow10(DECIMALS - scale.copied().unwrap_or(DECIMALS));
        visit_prices(record, &mut |price| *price /= divisor);
    }
}

/// Whether the records of a row are the last of a venue's event; `None` for bars and what the vendor samples, which are of none.
fn event_end(records: &[Record]) -> Option<bool> {
    let is_of_event = |record: &&Record| {
        record.kind() != Some(Kind::Bar) && !record.has(Flags::BAD_TIME | Flags::LAST)
            || record.kind() == Some(Kind::OrderUpdate)
    };
    records.iter().find(is_of_event)?;
    Some(records.iter().any(|record| record.has(Flags::LAST)))
}

/// The records of an event of one instrument until its last row: one moment.
#[derive(Default)]
struct Event {
    records: Vec<Record>,
    goes_on: bool,
}

impl Event {
    /// Takes the records of a row; more of its event follow if `goes_on`.
    fn take(&mut self, row: &mut Vec<Record>, goes_on: bool, push: Push<'_>) -> Result<()> {
        let Some(first) = row.first() else {
            return Ok(());
        };
        // Only changes of orders have all rows of an event: where some are left out its last may be, and time has to tell.
        let has_all = first.kind() == Some(Kind::OrderUpdate);
        let is_one = |last: &Record| {
            let (last, first) = (last.header, first.header);
            let stamps = |of: Header| (of.ts_event, of.ts_recv);
            last.instrument == first.instrument && (has_all || stamps(last) == stamps(first))
        };
        if !(self.goes_on && self.records.last().is_some_and(is_one)) {
            self.end(push)?;
        }
        self.records.append(row);
        self.goes_on = goes_on;
        if !goes_on || self.records.len() >= MOMENT_ROWS_MAX {
            self.end(push)?;
        }
        Ok(())
    }

    /// No more of the event follow.
    fn end(&mut self, push: Push<'_>) -> Result<()> {
        mark_moment(&mut self.records);
        self.records.drain(..).try_for_each(|record| push(&record))
    }
}

/// Adds the rows of these records, which one row made: one for each of their tables.
fn count(records: &[Record], rows: &mut BTreeMap<Table, KindCount>) {
    let tables: BTreeSet<Table> = records.iter().filter_map(Table::of).collect();
    for table in tables {
        rows.entry(table).or_default().read += 1;
    }
}
