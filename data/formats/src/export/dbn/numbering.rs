//! Under which numbers and symbols instruments are written: those that they had in the files of DBN that they came from, or our names
//! with numbers of their own.

use super::super::rows::{Row, Rows};
use super::shape::Shape;
use crate::Result;
use crate::databento::{DBN_DATASET, DbnInstrument, DbnOrigin};
use dbn::{MappingInterval, Metadata, SType, Schema, SymbolMapping, record::ts_to_dt};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use tickloom_catalog::Catalog;
use tickloom_journal::RunMeta;
use tickloom_types::Ts;

/// Version of DBN that is written: the newest that all readers know.
const VERSION: u8 = 3;
const DAY_NS: i64 = 86_400_000_000_000;

/// Publisher and number of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) publisher: u16,
    pub(super) id: u32,
}

/// The numbers of all instruments.
pub(super) struct Numbering {
    dataset: String,
    stype_in: Option<SType>,
    /// The one schema of the files that rows came from, if they came from such.
    pub(super) schema: Option<Schema>,
    by_run: Vec<Vec<Known>>,
    /// Symbols with their numbers, each with the time from when and before which it has it.
    symbols: BTreeMap<String, BTreeSet<(Ts, Ts, u32)>>,
    /// Why instruments have other numbers than those that they came with.
    pub(super) note: Option<String>,
}

/// What an instrument of a run is known by.
enum Known {
    Name(u32),
    Origin(DbnInstrument),
}

impl Numbering {
    pub(super) fn of(catalog: &Catalog, runs: &[RunMeta]) -> Result<Numbering> {
        let mut origins = Vec::new();
        for run in runs {
            origins.push(catalog.origin_of(&run.run)?);
        }
        let own = |note: Option<&str>| Numbering {
            note: note.map(str::to_owned),
            ..Numbering::by_name(runs)
        };
        if origins.iter().all(Option::is_none) {
            return Ok(own(None));
        }
        let Some(origins) = origins.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(own(Some(
                "some rows came from DBN and others did not: numbers, publishers and dataset are new",
            )));
        };
        let numbering = Numbering::by_origin(runs, &origins);
        Ok(numbering.unwrap_or_else(|why| own(Some(why))))
    }

    /// As they were in the files that they came from. An error is why that cannot be.
    fn by_origin(runs: &[RunMeta], origins: &[DbnOrigin]) -> Result<Numbering, &'static str> {
        let Some(first) = origins.first() else {
            return Err("there are no runs: numbers, publishers and dataset are new");
        };
        let is_same = |other: &DbnOrigin| {
            (&other.dataset, &other.stype_in) == (&first.dataset, &first.stype_in)
        };
        if !origins.iter().all(is_same) {
            return Err("rows of several datasets: numbers, publishers and dataset are new");
        }
        let schema = first.schema.clone();
        let schema = schema.filter(|_| origins.iter().all(|other| other.schema == first.schema));
        let mut symbols: BTreeMap<String, BTreeSet<(Ts, Ts, u32)>> = BTreeMap::new();
        let mut by_run = Vec::new();
        for (run, origin) in runs.iter().zip(origins) {
            if run.instruments.len() != origin.instruments.len() {
                return Err(
                    "a run has other instruments than its file: numbers, publishers and dataset are new",
                );
            }
            for instrument in &origin.instruments {
                if let Some(symbol) = &instrument.symbol {
                    let ids = instrument
                        .ids
                        .iter()
                        .map(|(id, from, to)| (*from, *to, *id));
                    symbols.entry(symbol.clone()).or_default().extend(ids);
                }
            }
            let known = origin.instruments.iter().cloned().map(Known::Origin);
            by_run.push(known.collect());
        }
        if !is_by_days(&symbols) {
            return Err(
                "a number changed its symbol within a day: numbers, publishers and dataset are new",
            );
        }
        Ok(Numbering {
            dataset: first.dataset.clone(),
            stype_in: first
                .stype_in
                .as_deref()
                .and_then(|stype| stype.parse().ok()),
            schema: schema.and_then(|schema| schema.parse().ok()),
            by_run,
            symbols,
            note: None,
        })
    }

    /// Our names, with numbers from one on that are the same in all runs.
    fn by_name(runs: &[RunMeta]) -> Numbering {
        let mut symbols: BTreeMap<String, BTreeSet<(Ts, Ts, u32)>> = BTreeMap::new();
        let mut ids: BTreeMap<String, u32> = BTreeMap::new();
        let mut by_run = Vec::new();
        for run in runs {
            let mut of_run = Vec::new();
            for def in run.instruments.defs() {
                let next = u32::try_from(ids.len() + 1).unwrap_or(u32::MAX);
                let id = *ids.entry(def.name.clone()).or_insert(next);
                let always = (Ts(0), Ts(i64::MAX), id);
                symbols.entry(def.name.clone()).or_default().insert(always);
                of_run.push(Known::Name(id));
            }
            by_run.push(of_run);
        }
        Numbering {
            dataset: DBN_DATASET.to_owned(),
            stype_in: Some(SType::RawSymbol),
            schema: None,
            by_run,
            symbols,
            note: None,
        }
    }

    /// Whether rows have the numbers that they came with.
    pub(super) fn is_of_origin(&self) -> bool {
        self.by_run
            .iter()
            .flatten()
            .any(|known| matches!(known, Known::Origin(_)))
    }

    /// Publisher and number of a row's instrument at a time, nanoseconds since the epoch.
    pub(super) fn get(&self, row: &Row, ts: i64) -> Option<Numbered> {
        let at = usize::try_from(row.record.header.instrument).ok()?;
        match self.by_run.get(row.run)?.get(at)? {
            Known::Name(id) => Some(Numbered {
                publisher: 0,
                id: *id,
            }),
            Known::Origin(instrument) => Some(Numbered {
                publisher: instrument.publisher,
                id: instrument.id_at(Ts(ts))?,
            }),
        }
    }

    /// A symbol that has no place in DBN, which knows only ASCII.
    pub(super) fn misfit(&self) -> Option<&str> {
        let mut symbols = self.symbols.keys().map(String::as_str);
        symbols.find(|symbol| !symbol.is_ascii())
    }

    /// What stands before the records: the symbols, and the days for which they hold.
    pub(super) fn metadata(&self, shape: &Shape, rows: &Rows) -> Metadata {
        let (from, to) = rows.span();
        let start = u64::try_from(from.0.saturating_sub(shape.length)).unwrap_or(0);
        let end = u64::try_from(to.0).unwrap_or(0).saturating_add(1);
        let built = |mappings| {
            Metadata::builder()
                .version(VERSION)
                .dataset(&self.dataset)
                .schema(Some(shape.schema))
                .start(start)
                .end(NonZeroU64::new(end))
                .stype_in(self.stype_in)
                .stype_out(SType::InstrumentId)
                .symbols(self.symbols.keys().cloned().collect())
                .mappings(mappings)
                .build()
        };
        let days = built(Vec::new());
        let last = days.end().unwrap_or_else(|| days.start()).date();
        // What holds always holds for the days of the rows, and of those the arrival may be on another day than the event.
        let first = days.start().date().previous_day();
        let first = first.unwrap_or_else(|| days.start().date());
        let after = last.next_day().and_then(|day| day.next_day());
        let after = after.unwrap_or(last);
        let date = |ns: i64| {
            let ns = u64::try_from(ns).ok()?;
            Some(ts_to_dt(ns)?.date())
        };
        let interval = |(from, to, id): &(Ts, Ts, u32)| MappingInterval {
            start_date: match from.0 {
                ..=0 => first,
                ns => date(ns).unwrap_or(first),
            },
            end_date: match to.0 {
                i64::MAX => after,
                ns => date(last_day(ns).saturating_add(DAY_NS)).unwrap_or(after),
            },
            symbol: id.to_string(),
        };
        let mapping = |(symbol, ids): (&String, &BTreeSet<(Ts, Ts, u32)>)| SymbolMapping {
            raw_symbol: symbol.clone(),
            intervals: ids.iter().map(interval).collect(),
        };
        built(self.symbols.iter().map(mapping).collect())
    }
}

/// The day of the last nanosecond before this one, as its beginning.
fn last_day(ns: i64) -> i64 {
    ns.saturating_sub(1)
        .div_euclid(DAY_NS)
        .saturating_mul(DAY_NS)
}

/// Whether no number stands for two symbols on one day, as metadata know only days.
fn is_by_days(symbols: &BTreeMap<String, BTreeSet<(Ts, Ts, u32)>>) -> bool {
    let mut by_id: BTreeMap<u32, Vec<(i64, i64, &str)>> = BTreeMap::new();
    for (symbol, ids) in symbols {
        for (from, to, id) in ids {
            let from = from.0.div_euclid(DAY_NS).saturating_mul(DAY_NS);
            by_id
                .entry(*id)
                .or_default()
                .push((from, last_day(to.0), symbol));
        }
    }
    by_id.values_mut().all(|days| {
        days.sort_unstable();
        days.windows(2)
            .all(|pair| pair[0].1 < pair[1].0 || pair[0].2 == pair[1].2)
    })
}
