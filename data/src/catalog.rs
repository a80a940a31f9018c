//! The catalog: history as Hive-partitioned Parquet that any reader understands, and an index of which files are whole.
//!
//! `docs/catalog.md` has the layout and the columns. A file counts once its part (a journal segment, an import) is complete and
//! listed under `_runs`; what a crash left half done is not read, and is replaced when the same part is written again.

mod batches;
mod blocks;
mod budget;
mod cache;
mod checkpoint;
mod chunks;
pub(crate) mod column;
mod compact;
mod compare;
mod direct;
pub(crate) mod end;
pub(crate) mod file;
mod follow;
mod index;
mod instruments;
mod listing;
pub(crate) mod merge;
mod migrate;
mod outline;
mod pages;
mod part;
mod partition;
mod properties;
mod query;
mod read;
mod retain;
mod rewrite;
mod rows;
pub(crate) mod scan;
mod spill;
mod steps;
mod store;
mod stored;
mod sweep;
mod sync;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod unite;
mod verify;
pub(crate) mod words;
mod writer;

pub use blocks::{InBlocks, InTurn, RecordBlock, RecordBlocks};
pub use cache::CacheStats;
pub use checkpoint::Dropped;
pub use compact::{CompactOptions, RewriteReport, RewrittenPartition};
pub(crate) use compare::compare_at_start;
pub use compare::{Comparison, Difference, compare, compare_rows};
pub use end::RunEnd;
pub use listing::{Day, Extent, Listing, RunListing, Selection, Shown, ShownRow, TableListing};
pub use migrate::MigrateReport;
pub use outline::{ColumnType, FileRange};
pub use query::ScanQuery;
pub use retain::{DroppedFile, RetainOptions, RetainReport};
pub use scan::Scan;
pub use store::{Store, is_url};
pub use sweep::{Leftover, LeftoverKind};
pub use sync::{SyncReport, sync_journal};
pub use table::Table;
pub use verify::{Fault, VerifyReport};
pub use writer::{RunWriter, Written};

pub(crate) use column::{Codec, Column, NameOf, unused};
pub(crate) use file::Key;
pub(crate) use instruments::{Spans, name_all};
pub(crate) use properties::properties;
pub(crate) use query::empty;
pub(crate) use stored::{HELD, MORE, NUMBER, NUMBER_BEFORE};
pub(crate) use sync::sync_sealed;
pub(crate) use unite::unite_where_possible;

use crate::limits::REMOTE_CACHE_BYTES;
use crate::{DataError, Result};
use cache::Cache;
use checkpoint::RunIndex;
use index::{for_each_run, read_checkpoint, run_names};
use part::{Part, PartFile, read_metas, runs_dir};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, Ts};

/// A directory, or the like in an object store, of Parquet files with their index.
/// Clones share connections and cache.
#[derive(Clone, Debug)]
pub struct Catalog {
    store: Store,
    cache: Arc<Cache>,
    /// What the runs are that were asked for.
    metas: Arc<Mutex<BTreeMap<String, RunMeta>>>,
}

/// What data there is of one instrument in one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The table.
    pub table: Table,
    /// The instrument; `None` for records of a source as a whole.
    pub instrument: Option<String>,
    /// The size, for bars.
    pub bar: Option<BarSpec>,
    /// Time of the first record.
    pub from: Ts,
    /// Time of the last record.
    pub to: Ts,
    /// Number of records.
    pub rows: u64,
}

/// From when until when a run has a book of levels of an instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookSpan {
    /// The run or import.
    pub run: String,
    /// Name of the instrument.
    pub instrument: String,
    /// The first time.
    pub from: Ts,
    /// The last time.
    pub to: Ts,
}

impl Catalog {
    /// Opens the catalog at `location`, a directory or an url such as `s3://bucket/prefix`, or makes an empty one.
    ///
    /// # Errors
    /// [`DataError::Io`], [`DataError::Store`].
    pub fn create(location: &Path) -> Result<Catalog> {
        Catalog::create_in(Store::at(location)?)
    }

    /// Opens the catalog at `location`.
    ///
    /// # Errors
    /// [`DataError::Missing`] if there is none; [`DataError::Store`].
    pub fn open(location: &Path) -> Result<Catalog> {
        Catalog::open_in(Store::at(location)?)
    }

    /// As [`Catalog::create`], in a store that is open already.
    ///
    /// # Errors
    /// As [`Catalog::create`].
    pub fn create_in(store: Store) -> Result<Catalog> {
        store.create_dir(&runs_dir())?;
        Ok(Catalog::new(store))
    }

    /// As [`Catalog::open`], in a store that is open already.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub fn open_in(store: Store) -> Result<Catalog> {
        if !is_directory(store.root()) && !store.has_files(&runs_dir())? {
            return Err(DataError::Missing {
                what: "catalog",
                path: store.root().to_owned(),
            });
        }
        Ok(Catalog::new(store))
    }

    fn new(store: Store) -> Catalog {
        // Ranges of an object are asked for in blocks, which have to be kept until their neighbours have been read.
        let bytes = if store.is_remote() {
            REMOTE_CACHE_BYTES
        } else {
            0
        };
        Catalog {
            store,
            cache: Arc::new(Cache::new(bytes)),
            metas: Arc::default(),
        }
    }

    /// Gives it a cache of so many bytes, instead of the one it has, which all of its scans share: of blocks, if it is in an
    /// object store, and of decoded columns. Without this, only a catalog in an object store has one.
    #[must_use]
    pub fn with_cache(mut self, bytes: u64) -> Catalog {
        self.cache = Arc::new(Cache::new(bytes));
        self
    }

    /// What the cache has done and holds.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// Whether there is a catalog in this directory. Of a url it is taken for granted: opening it will tell.
    #[must_use]
    pub fn is_at(location: &Path) -> bool {
        is_url(location) || is_directory(location)
    }

    /// Whether it is in an object store.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.store.is_remote()
    }

    /// Its directory or url.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.store.root()
    }

    pub(crate) fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Where its files are.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// All runs and imports, by name.
    ///
    /// # Errors
    /// [`DataError::Schema`] if the index cannot be read; [`DataError::Io`].
    pub fn runs(&self) -> Result<Vec<RunMeta>> {
        read_metas(&self.store, run_names(&self.store)?.iter())
    }

    /// Names of the runs of which `wanted` holds. What a run is is read once.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn runs_where(&self, wanted: impl Fn(&RunMeta) -> bool) -> Result<Vec<String>> {
        let names = run_names(&self.store)?;
        // A map is whole whoever was stopped while it had it.
        let mut metas = self.metas.lock().unwrap_or_else(PoisonError::into_inner);
        let new = names.iter().filter(|name| !metas.contains_key(*name));
        for meta in read_metas(&self.store, new)? {
            metas.insert(meta.run.clone(), meta);
        }
        let is_wanted = |name: &String| metas.get(name).is_some_and(&wanted);
        Ok(names.into_iter().filter(is_wanted).collect())
    }

    /// What data there is, by table, instrument and bar size.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn ranges(&self) -> Result<Vec<Range>> {
        let mut ranges: BTreeMap<_, Range> = BTreeMap::new();
        self.for_each_file(|_, file| {
            let meta = file.meta;
            let instrument = meta.instrument.map(|def| def.name);
            let key = (meta.table, instrument.clone(), meta.bar);
            let range = ranges.entry(key).or_insert(Range {
                table: meta.table,
                instrument,
                bar: meta.bar,
                from: meta.ts_min,
                to: meta.ts_max,
                rows: 0,
            });
            range.from = range.from.min(meta.ts_min);
            range.to = range.to.max(meta.ts_max);
            range.rows += meta.rows;
            Ok(())
        })?;
        Ok(ranges.into_values().collect())
    }

    /// From when until when each run has a book of levels of an instrument, in no order.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn book_spans(&self) -> Result<Vec<BookSpan>> {
        let mut spans: BTreeMap<(String, String), (Ts, Ts)> = BTreeMap::new();
        self.for_each_file(|run, file| {
            let meta = file.meta;
            let (ts_min, ts_max) = (meta.ts_min, meta.ts_max);
            if let (Table::BookSnapshots | Table::BookUpdates, Some(def)) =
                (meta.table, meta.instrument)
            {
                let span = spans.entry((run.to_owned(), def.name));
                let span = span.or_insert((ts_min, ts_max));
                *span = (span.0.min(ts_min), span.1.max(ts_max));
            }
            Ok(())
        })?;
        let span = |((run, instrument), (from, to))| BookSpan {
            run,
            instrument,
            from,
            to,
        };
        Ok(spans.into_iter().map(span).collect())
    }

    /// Rows of each run and import, by table.
    pub(crate) fn rows_by_run(&self) -> Result<BTreeMap<String, BTreeMap<Table, u64>>> {
        let mut runs: BTreeMap<String, BTreeMap<Table, u64>> = BTreeMap::new();
        for_each_run(&self.store, |run, index| {
            let rows = runs.entry(run.to_owned()).or_default();
            for file in index.files() {
                *rows.entry(file.meta.table).or_default() += file.meta.rows;
            }
            Ok(())
        })?;
        Ok(runs)
    }

    /// Reads records in order; see [`ScanQuery`].
    ///
    /// # Errors
    /// [`DataError::Empty`], with the nearest data there is, if nothing is selected; otherwise as [`Catalog::instruments`].
    pub fn scan(&self, query: &ScanQuery) -> Result<Scan> {
        Scan::new(self, query)
    }

    /// Begins to write a part of a run. `source` says what its records come from; a part that is there from the same source is
    /// complete ([`Catalog::has_part`]), one from another is replaced when the writer finishes.
    ///
    /// # Errors
    /// [`DataError::Journal`] if a run of this name with other instruments has other parts; [`DataError::Io`].
    pub fn writer(&self, meta: &RunMeta, part: u32, source: &str) -> Result<RunWriter> {
        RunWriter::new(self.store.clone(), meta, part, source)
    }

    /// What was written as this part, if it is complete and comes from `source`.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn has_part(&self, run: &str, part: u32, source: &str) -> Result<Option<Written>> {
        // In this order: a part that is covered in between is found in the checkpoint, whose word it is.
        let entry = Part::read(&self.store, run, part)?;
        if let Some((checkpoint, _)) = read_checkpoint(&self.store, run)?
            && let Some(covered) = checkpoint.parts.get(&part)
        {
            return Ok((covered.source == source).then(|| Written {
                rows: covered.rows.clone(),
                files: Vec::new(),
            }));
        }
        Ok(entry
            .filter(|found| found.source == source)
            .map(|found| found.written(&self.store)))
    }

    /// What a part was made from, if it is complete.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub(crate) fn source_of_part(&self, run: &str, part: u32) -> Result<Option<String>> {
        // In this order: a part that is covered in between is found in the checkpoint, whose word it is.
        let entry = Part::read(&self.store, run, part)?;
        if let Some((checkpoint, _)) = read_checkpoint(&self.store, run)?
            && let Some(covered) = checkpoint.parts.get(&part)
        {
            return Ok(Some(covered.source.clone()));
        }
        Ok(entry.map(|found| found.source))
    }

    /// Whether a part is complete, wherever it comes from.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub(crate) fn holds_part(&self, run: &str, part: u32) -> Result<bool> {
        Ok(self.source_of_part(run, part)?.is_some())
    }

    /// Shows all files that count, with their runs, in order.
    pub(crate) fn for_each_file(
        &self,
        mut visit: impl FnMut(&str, PartFile) -> Result<()>,
    ) -> Result<()> {
        for_each_run(&self.store, |run, index| {
            let mut files = index.into_files();
            files.try_for_each(|file| visit(run, file))
        })
    }

    /// The index of each run.
    pub(crate) fn indexes(&self) -> Result<Vec<(String, RunIndex)>> {
        let mut all = Vec::new();
        for_each_run(&self.store, |run, index| {
            all.push((run.to_owned(), index));
            Ok(())
        })?;
        Ok(all)
    }
}

fn is_directory(root: &Path) -> bool {
    root.join(runs_dir()).is_dir()
}
