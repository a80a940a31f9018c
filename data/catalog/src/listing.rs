//! `catalog ls` and `catalog show`: what there is, from the index alone, and the first and last row of what is shown in detail.

mod ends;

use super::bundles::Bundles;
use super::checkpoint::Dropped;
use super::index::{for_each_of, while_bundling};
use super::part::{PartFile, read_metas};
use super::partition::DAY_NS;
use super::store::Store;
use super::unite::Different;
use super::{Catalog, Table};
use crate::Result;
use ends::{End, read_row};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tickloom_types::{BarSpec, InstrumentDef, Ts};

/// Which part of a catalog to look at. Empty lists select all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Tables.
    pub tables: Vec<Table>,
    /// Names of instruments.
    pub instruments: Vec<String>,
    /// Names of runs and imports.
    pub runs: Vec<String>,
}

/// What there is, summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Time of the first record.
    pub from: Ts,
    /// Time of the last record.
    pub to: Ts,
    /// Records.
    pub rows: u64,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A run or an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunListing {
    /// Its name.
    pub run: String,
    /// When it began.
    pub started: Ts,
    /// Its complete parts: journal segments, or imports.
    pub parts: u64,
    /// The imports that a compaction has written as this run.
    pub bundled: Vec<String>,
    /// Number of its last checkpoint; 0 if nothing of it was ever compacted, migrated or dropped.
    pub checkpoint: u32,
    /// Names of the files that it was imported from, or the first of them; of a recording, and of an import of earlier versions, none.
    pub imported: Vec<String>,
    /// Names of its signals.
    pub signals: Vec<String>,
    /// Names of its strategies.
    pub strategies: Vec<String>,
    /// If it has nothing but bars of a day or more, the days of the first and the last.
    #[serde(flatten)]
    pub days: Option<DaysOfBars>,
    /// What it has; `None` if nothing.
    #[serde(flatten)]
    pub extent: Option<Extent>,
    /// Rows that retention has dropped.
    pub rows_dropped: u64,
}

/// An instrument's rows in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableListing {
    /// The table.
    pub table: Table,
    /// The instrument; `None` for records of a source as a whole.
    pub instrument: Option<String>,
    /// The size, for bars.
    pub bar: Option<BarSpec>,
    /// Of bars of a day or more, the days on which the first and the last end, in UTC: that of a session, as a bar that closes at midnight
    /// is of the day before.
    #[serde(flatten)]
    pub days: Option<DaysOfBars>,
    /// What there is.
    #[serde(flatten)]
    pub extent: Extent,
}

/// Days of the first and the last bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DaysOfBars {
    /// Of the first, such as `2024-01-31`.
    pub first_day: String,
    /// Of the last.
    pub last_day: String,
}

impl DaysOfBars {
    /// Of bars of a day or more; of shorter ones, and of other tables, none.
    fn of(bar: Option<BarSpec>, extent: &Extent) -> Option<DaysOfBars> {
        let day = |Ts(close): Ts| Ts(close.saturating_sub(1)).date();
        let is_long = matches!(bar, Some(BarSpec::Time(length)) if length >= DAY_NS);
        is_long.then(|| DaysOfBars {
            first_day: day(extent.from),
            last_day: day(extent.to),
        })
    }

    /// From the first to the last of several, if all have days.
    fn of_all(all: Vec<Option<DaysOfBars>>) -> Option<DaysOfBars> {
        let all: Option<Vec<DaysOfBars>> = all.into_iter().collect();
        all?.into_iter().reduce(|one, other| DaysOfBars {
            first_day: one.first_day.min(other.first_day),
            last_day: one.last_day.max(other.last_day),
        })
    }
}

/// A whole catalog at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Runs and imports, by name.
    pub runs: Vec<RunListing>,
    /// What there is, by table, instrument and bar size.
    pub tables: Vec<TableListing>,
    /// Files by their schema version.
    pub versions: BTreeMap<u32, u64>,
}

/// One period of a table: a day, or of bars a month, a year or a decade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The table.
    pub table: Table,
    /// The instrument.
    pub instrument: Option<String>,
    /// The size, for bars.
    pub bar: Option<BarSpec>,
    /// Its first day.
    pub date: String,
    /// Of bars of a day or more, the days of the first and the last.
    #[serde(flatten)]
    pub days: Option<DaysOfBars>,
    /// What there is.
    #[serde(flatten)]
    pub extent: Extent,
}

/// A row as its columns and their values in text, prices and sizes as exact decimals; null is left out.
pub type ShownRow = Vec<(String, String)>;

/// A part of a catalog in detail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// What it comes from, and what there is.
    #[serde(flatten)]
    pub listing: Listing,
    /// How its instruments are defined. Runs may define one in different ways.
    pub instruments: Vec<InstrumentDef>,
    /// Its periods.
    pub days: Vec<Day>,
    /// What retention has dropped of it.
    pub dropped: Vec<Dropped>,
    /// The first row of its earliest file.
    pub first: Option<ShownRow>,
    /// The last row of its latest file.
    pub last: Option<ShownRow>,
}

impl Selection {
    fn takes(&self, run: &str, table: Table, instrument: Option<&str>) -> bool {
        let has = |list: &[String], name: &str| list.is_empty() || list.iter().any(|n| n == name);
        let has_instrument = match instrument {
            Some(name) => has(&self.instruments, name),
            None => self.instruments.is_empty(),
        };
        has(&self.runs, run)
            && (self.tables.is_empty() || self.tables.contains(&table))
            && has_instrument
    }

    fn takes_file(&self, run: &str, file: &PartFile) -> bool {
        let def = file.meta.instrument.as_ref();
        self.takes(run, file.meta.table, def.map(|def| def.name.as_str()))
    }
}

impl Extent {
    fn of(file: &PartFile, bytes: u64) -> Extent {
        Extent {
            from: file.meta.ts_min,
            to: file.meta.ts_max,
            rows: file.meta.rows,
            files: 1,
            bytes,
        }
    }

    fn add(&mut self, other: Extent) {
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.rows += other.rows;
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

fn add<K: Ord>(extents: &mut BTreeMap<K, Extent>, key: K, extent: Extent) {
    let entry = extents.entry(key);
    entry.and_modify(|sum| sum.add(extent)).or_insert(extent);
}

type PeriodKey = (Table, Option<String>, Option<BarSpec>, String);

/// What is gathered while the index is read.
#[derive(Default)]
struct Gathered {
    listing: Listing,
    days: BTreeMap<PeriodKey, Extent>,
    instruments: Different,
    dropped: Vec<Dropped>,
    first: Option<PartFile>,
    last: Option<PartFile>,
}

impl Catalog {
    /// What there is.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn list(&self, selection: &Selection) -> Result<Listing> {
        let gathered = while_bundling(self.store(), || gather(self.store(), selection))?;
        Ok(gathered.listing)
    }

    /// What there is, in detail.
    ///
    /// # Errors
    /// [`crate::CatalogError::Parquet`] if the first or the last file cannot be read; otherwise as [`Catalog::runs`].
    pub fn show(&self, selection: &Selection) -> Result<Shown> {
        let gathered = while_bundling(self.store(), || gather(self.store(), selection))?;
        let days = gathered.days.into_iter();
        let row = |file: Option<PartFile>, end| match file {
            None => Ok(None),
            Some(file) => read_row(self.store(), &file, end),
        };
        Ok(Shown {
            listing: gathered.listing,
            instruments: gathered.instruments.into_defs(),
            days: days
                .map(|((table, instrument, bar, date), extent)| Day {
                    table,
                    instrument,
                    bar,
                    date,
                    days: DaysOfBars::of(bar, &extent),
                    extent,
                })
                .collect(),
            dropped: gathered.dropped,
            first: row(gathered.first, End::First)?,
            last: row(gathered.last, End::Last)?,
        })
    }
}

fn gather(store: &Store, selection: &Selection) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    let mut tables: BTreeMap<(Table, Option<String>, Option<BarSpec>), Extent> = BTreeMap::new();
    let bundles = Bundles::read(store)?;
    for_each_of(store, &selection.runs, |run, index| {
        if !(selection.runs.is_empty() || selection.runs.iter().any(|wanted| wanted == run)) {
            return Ok(());
        }
        let dropped = index.checkpoint.dropped.iter();
        let dropped = dropped.filter(|d| selection.takes(run, d.table, d.instrument.as_deref()));
        let dropped: Vec<Dropped> = dropped.cloned().collect();
        let (mut of_run, mut days) = (None, Vec::new());
        for file in index.files().filter(|file| selection.takes_file(run, file)) {
            let bytes = match file.bytes {
                Some(bytes) => bytes,
                None => store.bytes(&file.path)?.unwrap_or(0),
            };
            let extent = Extent::of(file, bytes);
            of_run
                .get_or_insert(Extent {
                    rows: 0,
                    files: 0,
                    bytes: 0,
                    ..extent
                })
                .add(extent);
            days.push(DaysOfBars::of(file.meta.bar, &extent));
            let meta = &file.meta;
            let name = meta.instrument.as_ref().map(|def| def.name.clone());
            add(&mut tables, (meta.table, name.clone(), meta.bar), extent);
            let period = (meta.table, name, meta.bar, file.date().to_owned());
            add(&mut gathered.days, period, extent);
            *gathered.listing.versions.entry(meta.schema).or_default() += 1;
            gathered.note(run, file);
        }
        gathered.listing.runs.push(RunListing {
            run: run.to_owned(),
            started: Ts(0),
            bundled: bundles.imports(run),
            parts: (index.checkpoint.parts.len() + index.parts.len()) as u64,
            checkpoint: index.checkpoint.number,
            imported: Vec::new(),
            signals: Vec::new(),
            strategies: Vec::new(),
            days: DaysOfBars::of_all(days),
            extent: of_run,
            rows_dropped: dropped.iter().map(|one| one.rows).sum(),
        });
        gathered.dropped.extend(dropped);
        Ok(())
    })?;
    let tables = tables.into_iter();
    gathered.listing.tables = tables
        .map(|((table, instrument, bar), extent)| TableListing {
            table,
            instrument,
            bar,
            days: DaysOfBars::of(bar, &extent),
            extent,
        })
        .collect();
    describe_runs(store, selection, &mut gathered.listing.runs)?;
    Ok(gathered)
}

/// Leaves out runs that have nothing of what is looked for, and adds what the others are.
fn describe_runs(store: &Store, selection: &Selection, runs: &mut Vec<RunListing>) -> Result<()> {
    let is_all = selection.tables.is_empty() && selection.instruments.is_empty();
    runs.retain(|run| is_all || run.extent.is_some() || run.rows_dropped > 0);
    let names: BTreeSet<String> = runs.iter().map(|run| run.run.clone()).collect();
    for (run, meta) in runs.iter_mut().zip(read_metas(store, names.iter())?) {
        run.started = meta.started;
        run.imported = meta.files;
        run.signals = meta.signals;
        run.strategies = meta.strategies;
    }
    Ok(())
}

impl Gathered {
    fn note(&mut self, run: &str, file: &PartFile) {
        if let Some(def) = &file.meta.instrument {
            self.instruments.add(run, def);
        }
        let meta = &file.meta;
        let is_first = self
            .first
            .as_ref()
            .is_none_or(|f| meta.ts_min < f.meta.ts_min);
        if is_first {
            self.first = Some(file.clone());
        }
        let is_last = self
            .last
            .as_ref()
            .is_none_or(|f| meta.ts_max >= f.meta.ts_max);
        if is_last {
            self.last = Some(file.clone());
        }
    }
}
