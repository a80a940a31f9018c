//! The catalog: history as Hive-partitioned Parquet that any reader understands, and an index of which files are whole.
//!
//! `docs/catalog.md` has the layout and the columns. A file counts once its part (a journal segment, an import) is complete and
//! listed under `_runs`; what a crash left half done is not read, and is replaced when the same part is written again.

mod column;
mod file;
mod merge;
mod part;
mod read;
mod scan;
mod sync;
mod table;
#[cfg(test)]
mod tests;
mod words;
mod writer;

pub use scan::{Scan, ScanQuery};
pub use sync::{SyncReport, sync_journal};
pub use table::Table;
pub use writer::{RunWriter, Written};

pub(crate) use sync::sync_sealed;

use crate::{DataError, Result, RunMeta};
use part::{Part, read_meta, read_parts, run_names};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tickloom_types::{BarSpec, Instruments, Ts};

/// A directory of Parquet files with their index.
#[derive(Clone, Debug)]
pub struct Catalog {
    root: PathBuf,
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

impl Catalog {
    /// Opens the catalog in `root`, or makes an empty one.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn create(root: &Path) -> Result<Catalog> {
        let runs = part::runs_dir(root);
        fs::create_dir_all(&runs).map_err(DataError::io("create", &runs))?;
        Catalog::open(root)
    }

    /// Opens the catalog in `root`.
    ///
    /// # Errors
    /// [`DataError::Missing`] if there is none.
    pub fn open(root: &Path) -> Result<Catalog> {
        if !Catalog::is_at(root) {
            return Err(DataError::Missing {
                what: "catalog",
                path: root.to_owned(),
            });
        }
        Ok(Catalog {
            root: root.to_owned(),
        })
    }

    /// Whether there is a catalog in `root`.
    #[must_use]
    pub fn is_at(root: &Path) -> bool {
        part::runs_dir(root).is_dir()
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All runs and imports, by name.
    ///
    /// # Errors
    /// [`DataError::Schema`] if the index cannot be read; [`DataError::Io`].
    pub fn runs(&self) -> Result<Vec<RunMeta>> {
        let names = run_names(&self.root)?;
        names.iter().map(|run| read_meta(&self.root, run)).collect()
    }

    /// What data there is, by table, instrument and bar size.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn ranges(&self) -> Result<Vec<Range>> {
        let mut ranges: BTreeMap<_, Range> = BTreeMap::new();
        for (_, part) in self.parts()? {
            for entry in part.files {
                let meta = entry.meta;
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
            }
        }
        Ok(ranges.into_values().collect())
    }

    /// All instruments that have data, in the order of their names.
    ///
    /// # Errors
    /// [`DataError::Instrument`] if runs define one in ways that cannot be united; otherwise as [`Catalog::runs`].
    pub fn instruments(&self) -> Result<Instruments> {
        let mut all = Vec::new();
        for (_, part) in self.parts()? {
            all.extend(part.files.into_iter().filter_map(|f| f.meta.instrument));
        }
        scan::unite(all)
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
    /// [`DataError::OtherRun`] if a run of this name with other instruments has other parts; [`DataError::Io`].
    pub fn writer(&self, meta: &RunMeta, part: u32, source: &str) -> Result<RunWriter> {
        RunWriter::new(self.root.clone(), meta, part, source)
    }

    /// What was written as this part, if it is complete and comes from `source`.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn has_part(&self, run: &str, part: u32, source: &str) -> Result<Option<Written>> {
        let found = Part::read(&self.root, run, part)?;
        Ok(found
            .filter(|found| found.source == source)
            .map(|found| found.written(&self.root)))
    }

    /// All complete parts with the name of their run.
    pub(crate) fn parts(&self) -> Result<Vec<(String, Part)>> {
        let mut all = Vec::new();
        for run in run_names(&self.root)? {
            for part in read_parts(&self.root, &run)? {
                all.push((run.clone(), part));
            }
        }
        Ok(all)
    }
}
