//! Opens and lists a catalog, and what of it others begin with: [`Catalog`].

use crate::bundles::Bundles;
use crate::cache::{Cache, CacheStats};
use crate::checkpoint::RunIndex;
use crate::index::{for_each_of, for_each_run, run_names, while_bundling};
use crate::known_runs::KnownRuns;
use crate::limits::REMOTE_CACHE_BYTES;
use crate::part::{PartFile, read_metas, runs_dir};
use crate::writer::Room;
use crate::{CatalogError, Result};
use crate::{Store, Table, is_url};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, Ts};

/// How the names of imports begin.
pub const IMPORT_RUN: &str = "import-";

/// A directory, or the like in an object store, of Parquet files with their index.
/// Clones share connections and cache.
#[derive(Clone, Debug)]
pub struct Catalog {
    store: Store,
    cache: Arc<Cache>,
    room: Room,
    /// Which runs have which instruments, once that was asked for.
    known: KnownRuns,
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
    /// [`CatalogError::Io`], [`CatalogError::Store`].
    pub fn create(location: &Path) -> Result<Catalog> {
        Catalog::create_in(Store::at(location)?)
    }

    /// Opens the catalog at `location`.
    ///
    /// # Errors
    /// [`CatalogError::Missing`] if there is none; [`CatalogError::Store`].
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
            return Err(CatalogError::Missing {
                what: "catalog",
                path: store.root().to_owned(),
            });
        }
        Ok(Catalog::new(store))
    }

    /// The catalog at `location`, or an empty one if there is none, in which everything can be done without changing anything there: what is
    /// written is read by this catalog and its clones alone, waits in a temporary file without a name, and goes with them.
    ///
    /// # Errors
    /// As [`Catalog::open`], but for a catalog that is not there.
    pub fn trial(location: &Path) -> Result<Catalog> {
        let store = Store::at(location)?;
        let is_there = match Catalog::open_in(store.clone()) {
            Ok(_) => true,
            Err(CatalogError::Missing { .. }) => false,
            Err(error) => return Err(error),
        };
        Ok(Catalog::new(Store::trial(&store, is_there)))
    }

    fn new(store: Store) -> Catalog {
        // Ranges of an object are asked for in blocks, which have to be kept until their neighbours have been read.
        let bytes = if store.has_ranges() {
            REMOTE_CACHE_BYTES
        } else {
            0
        };
        Catalog {
            store,
            cache: Arc::new(Cache::new(bytes)),
            room: Room::default(),
            known: KnownRuns::default(),
        }
    }

    /// Gives it a cache of so many bytes, instead of the one it has, which all of its scans share: of blocks, if it is in an
    /// object store, and of decoded columns. Without this, only a catalog in an object store has one.
    #[must_use]
    pub fn with_cache(mut self, bytes: u64) -> Catalog {
        self.cache = Arc::new(Cache::new(bytes));
        self
    }

    /// Gives each of its writers so many bytes of memory, instead of some 160 MiB: with less, fewer files are written at a time, row groups
    /// are smaller, and more rows wait in temporary files.
    #[must_use]
    pub fn with_writing_memory(mut self, bytes: u64) -> Catalog {
        self.room = Room::of(bytes);
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

    pub(crate) fn known(&self) -> &KnownRuns {
        &self.known
    }

    /// The memory of each of its writers.
    pub(crate) fn room(&self) -> Room {
        self.room
    }

    /// Where its files are.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// All runs and imports, by name.
    ///
    /// # Errors
    /// [`CatalogError::Schema`] if the index cannot be read; [`CatalogError::Io`].
    pub fn runs(&self) -> Result<Vec<RunMeta>> {
        while_bundling(&self.store, || {
            read_metas(&self.store, run_names(&self.store)?.iter())
        })
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

    /// From when until when each of these runs, or each there is if none is named, has a book of levels of an instrument, in no order.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn book_spans(&self, runs: &[String]) -> Result<Vec<BookSpan>> {
        let mut spans: BTreeMap<(String, String), (Ts, Ts)> = BTreeMap::new();
        for_each_of(&self.store, runs, |run, index| {
            for file in index.files() {
                let meta = &file.meta;
                if let (Table::BookSnapshots | Table::BookUpdates, Some(def)) =
                    (meta.table, &meta.instrument)
                {
                    let span = spans.entry((run.to_owned(), def.name.clone()));
                    let span = span.or_insert((meta.ts_min, meta.ts_max));
                    *span = (span.0.min(meta.ts_min), span.1.max(meta.ts_max));
                }
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
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn rows_by_run(&self) -> Result<BTreeMap<String, BTreeMap<Table, u64>>> {
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

    /// The runs that a compaction has written as this one, with their rows by table, also bundles among them; none if it is no bundle.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn members_of(&self, run: &str) -> Result<BTreeMap<String, BTreeMap<Table, u64>>> {
        let bundles = Bundles::read(&self.store)?;
        let members = bundles.members(run).into_iter().flatten();
        let rows = members.map(|(run, member)| (run.clone(), member.rows()));
        Ok(rows.collect())
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
