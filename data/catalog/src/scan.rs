//! What to read, which files that takes, and under which identifiers instruments and sources appear.

mod in_blocks;

use super::Catalog;
use super::blocks::Collected;
use super::budget::ReadPlan;
use super::bundles::Bundles;
use super::checkpoint::RunIndex;
use super::files::{FileScan, Files, Naming};
use super::index::{for_each_of, while_bundling};
use super::instruments;
use super::key::Key;
use super::merge::RunMerge;
use super::pages::Layouts;
use super::part::{Wanted, read_metas};
use super::query::{ScanQuery, empty};
use super::stored::PLACED_VERSION;
use crate::order::{Joining, ReleaseMerge, RunRows};
use crate::scale::finer_sizes;
use crate::{CatalogError, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, Instruments, Record, Seq, Ts};

/// Records in order. Those of one run come in its sequence, with its sequence numbers and identifiers: what was recorded.
/// Several runs are merged by release, whole moments at a time, numbered from zero, with united identifiers. Bars of equal
/// release whose moments nobody recorded are one moment.
pub struct Scan {
    instruments: Instruments,
    runs: Vec<String>,
    rows_max: u64,
    merge: ReleaseMerge<RunMerge>,
    joining: Joining,
    collected: Collected,
    /// Number of the next record, if several runs are merged.
    next: Option<Seq>,
}

impl Catalog {
    /// Reads records in order; see [`ScanQuery`].
    ///
    /// # Errors
    /// [`CatalogError::Empty`], with the nearest data there is, if nothing is selected; otherwise as [`Catalog::instruments`].
    pub fn scan(&self, query: &ScanQuery) -> Result<Scan> {
        while_bundling(self.store(), || Scan::new(self, query))
    }
}

impl Scan {
    fn new(catalog: &Catalog, query: &ScanQuery) -> Result<Scan> {
        let selected = select(catalog, query)?;
        let metas = read_metas(catalog.store(), selected.keys())?;
        let mut instruments = instruments::of_query(catalog, query, &metas, selected.values())?;
        for (name, decimals) in &query.qty_decimals {
            if let Some((id, def)) = instruments.find(name)
                && let Some(def) = finer_sizes(def, *decimals)
            {
                instruments.redefine(id, def)?;
            }
        }
        Scan::of(catalog, query, metas, selected, instruments)
    }

    /// Reads these files of several runs, with these instruments and sources.
    fn of(
        catalog: &Catalog,
        query: &ScanQuery,
        metas: Vec<RunMeta>,
        selected: BTreeMap<String, Vec<Wanted>>,
        instruments: Instruments,
    ) -> Result<Scan> {
        let files = plan(catalog, selected.values(), query)?;
        let mut rows_max = 0;
        let mut runs = Vec::new();
        for (meta, parts) in metas.iter().zip(selected.into_values()) {
            rows_max += parts.iter().map(|f| f.file.meta.rows).sum::<u64>();
            let first = match metas.len() {
                1 => i64::MIN,
                _ => released(catalog, meta, &parts, query)?.0,
            };
            let naming = Arc::new(naming(meta, &instruments, query)?);
            let scans = scans(&files, parts, &naming, &instruments, query);
            runs.push((meta.place(), (first, RunMerge::new(scans))));
        }
        runs.sort_by(|(one, _), (other, _)| one.cmp(other));
        let runs: Vec<_> = runs.into_iter().map(|(_, run)| run).collect();
        Ok(Scan {
            runs: metas.into_iter().map(|meta| meta.run).collect(),
            joining: Joining::default(),
            collected: Collected::default(),
            instruments,
            rows_max,
            next: (runs.len() > 1).then_some(0),
            merge: ReleaseMerge::new(runs),
        })
    }

    /// The instruments and sources that the identifiers in the records mean.
    #[must_use]
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// Names of the runs that are read.
    #[must_use]
    pub fn runs(&self) -> &[String] {
        &self.runs
    }

    /// At most so many records will come: all rows of the files that are read.
    #[must_use]
    pub fn rows_max(&self) -> u64 {
        self.rows_max
    }
}

impl Scan {
    /// All rows of these runs with these instruments and sources, whatever people say of them.
    pub(crate) fn of_runs(
        catalog: &Catalog,
        query: &ScanQuery,
        runs: Vec<(RunMeta, RunIndex)>,
        instruments: Instruments,
    ) -> Result<Scan> {
        let mut metas = Vec::new();
        let mut selected = BTreeMap::new();
        for (meta, index) in runs {
            selected.insert(meta.run.clone(), index.into_wanted(|_| true));
            metas.push(meta);
        }
        metas.sort_by(|one: &RunMeta, other| one.run.cmp(&other.run));
        Scan::of(catalog, query, metas, selected, instruments)
    }

    /// The next record with its place in its run, which an output shares with no other; with the marks that it has there.
    ///
    /// # Errors
    /// As its iterator.
    pub fn next_keyed(&mut self) -> Result<Option<(Key, Record)>> {
        let row = self.merge.next_row()?;
        Ok(row.map(|row| (row.placed.key, row.placed.record)))
    }
}

impl Iterator for Scan {
    type Item = Result<(Seq, Record)>;

    fn next(&mut self) -> Option<Self::Item> {
        let merge = &mut self.merge;
        let placed = match self.joining.next(|| merge.next_row()) {
            Ok(next) => next?.placed,
            Err(error) => return Some(Err(error)),
        };
        let record = placed.record;
        let seq = match &mut self.next {
            None => placed.key.seq,
            Some(next) => {
                *next += 1;
                *next - 1
            }
        };
        Some(Ok((seq, record)))
    }
}

/// A run that has files for a query.
pub struct SelectedRun {
    /// What the run is.
    pub meta: RunMeta,
    /// The least time of the rows in them.
    pub from: Ts,
    /// The greatest time of the rows in them.
    pub to: Ts,
    /// No row in them is released before this.
    pub released: i64,
    /// Whether no other run has files for the query.
    is_alone: bool,
    /// Sizes of the bars in them.
    pub bars: BTreeSet<BarSpec>,
    /// The rows in them; those of other times are among them.
    pub rows_max: u64,
    parts: Vec<Wanted>,
    files: Arc<Files>,
}

impl SelectedRun {
    /// The run's rows that the query selects, as they are in the run: with its identifiers, at its scales.
    ///
    /// # Errors
    /// As [`Catalog::scan`].
    pub fn rows(self, query: &ScanQuery) -> Result<RunMerge> {
        let instruments = &self.meta.instruments;
        let naming = Arc::new(naming(&self.meta, instruments, query)?);
        let scans = scans(&self.files, self.parts, &naming, instruments, query);
        let mut rows = RunMerge::new(scans);
        if !self.is_alone {
            rows.marking().close_at_end();
        }
        Ok(rows)
    }
}

/// The runs that have files for a query, by name.
///
/// # Errors
/// [`CatalogError::Empty`] if there are none; otherwise as [`Catalog::scan`].
pub fn select_runs(catalog: &Catalog, query: &ScanQuery) -> Result<Vec<SelectedRun>> {
    let (selected, metas) = while_bundling(catalog.store(), || {
        let selected = select(catalog, query)?;
        let metas = read_metas(catalog.store(), selected.keys())?;
        Ok((selected, metas))
    })?;
    // All of them may be read at the same time.
    let files = plan(catalog, selected.values(), query)?;
    let is_alone = metas.len() == 1;
    let run = |(meta, parts): (RunMeta, Vec<Wanted>)| {
        let times = || parts.iter().map(|f| &f.file.meta);
        Ok(SelectedRun {
            from: times().map(|meta| meta.ts_min).min().unwrap_or_default(),
            to: times().map(|meta| meta.ts_max).max().unwrap_or_default(),
            released: match is_alone {
                true => i64::MIN,
                false => released(catalog, &meta, &parts, query)?.0,
            },
            is_alone,
            bars: times().filter_map(|meta| meta.bar).collect(),
            rows_max: times().map(|meta| meta.rows).sum(),
            meta,
            parts,
            files: Arc::clone(&files),
        })
    };
    let runs = metas.into_iter().zip(selected.into_values());
    runs.map(run).collect()
}

/// Between which times the rows of these files of a run are released, at the least and at the most.
fn released(
    catalog: &Catalog,
    meta: &RunMeta,
    parts: &[Wanted],
    query: &ScanQuery,
) -> Result<(i64, i64)> {
    let (mut from, mut to) = (i64::MAX, i64::MIN);
    for wanted in parts {
        let Some(released) = wanted.file.meta.released else {
            return Err(CatalogError::Schema {
                file: catalog.store().url(&wanted.file.path),
                field: "schema".to_owned(),
                found: format!("version {}", wanted.file.meta.schema),
                expected: format!(
                    "version {PLACED_VERSION} or later, which says when rows were released, as several runs are merged by that; \
                     `tickloom catalog migrate` brings all files to it"
                ),
            });
        };
        (from, to) = (from.min(released.0.0), to.max(released.1.0));
    }
    let Some(latency) = query.feed_latency else {
        return Ok((from, to));
    };
    let sources = meta.instruments.sources().iter();
    let declared = sources.map(|source| source.feed_latency).max().unwrap_or(0);
    Ok((from.saturating_sub(declared), to.saturating_add(latency)))
}

/// The wanted files by run; it is an error if there are none.
fn select(catalog: &Catalog, query: &ScanQuery) -> Result<BTreeMap<String, Vec<Wanted>>> {
    let mut selected: BTreeMap<String, Vec<Wanted>> = BTreeMap::new();
    for_each_of(catalog.store(), &query.runs, |run, index| {
        let files = index.into_wanted(|meta| query.wants(meta));
        if !files.is_empty() {
            selected.insert(run.to_owned(), files);
        }
        Ok(())
    })?;
    if !query.instruments.is_empty() {
        selected.retain(|_, files| files.iter().any(|f| f.file.meta.instrument.is_some()));
    }
    if selected.is_empty() {
        let bundles = Bundles::read(catalog.store())?;
        query
            .runs
            .iter()
            .try_for_each(|run| bundles.check_alone(run))?;
        let error = empty(query, &catalog.ranges()?);
        return Err(catalog.with_dropped(query, error)?);
    }
    Ok(selected)
}

/// How these files, by run, are read within the query's memory.
fn plan<'a>(
    catalog: &Catalog,
    runs: impl Iterator<Item = &'a Vec<Wanted>> + Clone,
    query: &ScanQuery,
) -> Result<Arc<Files>> {
    let cache = catalog.cache();
    Ok(Arc::new(Files {
        layouts: Layouts::default(),
        store: catalog.store().clone(),
        cache: Arc::clone(cache),
        plan: ReadPlan::new(
            runs,
            query.memory_max,
            cache.bytes_max(),
            query.feed_latency.unwrap_or(0),
        )?,
    }))
}

fn scans(
    files: &Arc<Files>,
    parts: Vec<Wanted>,
    naming: &Arc<Naming>,
    instruments: &Instruments,
    query: &ScanQuery,
) -> Vec<FileScan> {
    let scan = |wanted: Wanted| {
        let (from, to) = query.times(wanted.file.meta.table)?;
        let def = wanted.file.meta.instrument.as_ref();
        let instrument = def
            .and_then(|def| instruments.find(&def.name))
            .map(|(id, def)| (id, def.clone()));
        Some(FileScan {
            files: Arc::clone(files),
            cache_id: wanted.cache_id,
            file: wanted.file,
            keys: Key::MIN..=Key::MAX,
            naming: Arc::clone(naming),
            instrument,
            times: from..=to,
        })
    };
    parts.into_iter().filter_map(scan).collect()
}

/// The identifiers under which the sources of a run appear.
fn naming(meta: &RunMeta, instruments: &Instruments, query: &ScanQuery) -> Result<Naming> {
    // Not with the instruments, of which there may be thousands, for each of thousands of runs.
    let mut all = instruments.only_sources();
    let mut sources = std::collections::HashMap::new();
    let mut defs = all.sources().to_vec();
    for source in meta.instruments.sources() {
        let id = all.unite_source(source.clone())?;
        sources.insert(source.name.clone(), id.0);
        if let Some(def) = defs.get_mut(usize::from(id.0)) {
            *def = match query.feed_latency {
                Some(latency) => source.clone().with_feed_latency(latency),
                None => source.clone(),
            };
        }
    }
    Ok(Naming::new(sources, defs))
}
