//! `catalog retain`: drops whole partitions that end before a given time. Never silently: the run's checkpoint remembers what was
//! dropped, so that nothing brings it back and a query that finds nothing can say why.

use super::checkpoint::{Dropped, LiveFile, RunIndex};
use super::index::{read_index, remove_covered, run_names, swap_checkpoint};
use super::part::{lock_compaction, lock_run};
use super::partition::period_end;
use super::store::Store;
use super::sweep::sweep;
use super::{Catalog, ScanQuery, Table};
use crate::{CatalogError, Result};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tickloom_types::Ts;

/// What to drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainOptions {
    /// Partitions that end at or before this time go.
    pub before: Ts,
    /// Only of these tables; all if empty.
    pub tables: Vec<Table>,
    /// Only of these instruments; all, and records without one, if empty.
    pub instruments: Vec<String>,
    /// Only tell what would be done.
    pub dry_run: bool,
}

/// What retention dropped, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RetainReport {
    /// Files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The files, each a partition of a run or a piece of one.
    pub dropped: Vec<DroppedFile>,
}

/// A file that was dropped, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DroppedFile {
    /// Below the catalog's root.
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl RetainReport {
    fn add(&mut self, store: &Store, files: &[LiveFile]) -> Result<()> {
        for LiveFile { file, .. } in files {
            let bytes = match file.bytes {
                Some(bytes) => bytes,
                None => store.bytes(&file.path)?.unwrap_or(0),
            };
            self.files += 1;
            self.rows += file.meta.rows;
            self.bytes += bytes;
            self.dropped.push(DroppedFile {
                path: file.path.clone(),
                rows: file.meta.rows,
                bytes,
            });
        }
        Ok(())
    }
}

/// Drops the files of one run.
fn drop_files(
    store: &Store,
    run: &str,
    options: &RetainOptions,
    report: &mut RetainReport,
) -> Result<()> {
    let _lock = lock_run(store, run)?;
    loop {
        let index = read_index(store, run)?;
        let files = options.select(&index);
        if files.is_empty() {
            return Ok(());
        }
        let paths: BTreeSet<PathBuf> = files.iter().map(|live| live.file.path.clone()).collect();
        // Only in an object store can somebody else have been quicker.
        if !swap_checkpoint(store, run, &index, &index.dropping(&paths))? {
            continue;
        }
        report.add(store, &files)?;
        remove_covered(store, run, &index)?;
        return paths.iter().try_for_each(|path| store.remove(path));
    }
}

impl RetainOptions {
    fn select(&self, index: &RunIndex) -> Vec<LiveFile> {
        index.live().filter(|live| self.takes(live)).collect()
    }

    fn takes(&self, live: &LiveFile) -> bool {
        let meta = &live.file.meta;
        let name = meta.instrument.as_ref().map(|def| &def.name);
        (self.tables.is_empty() || self.tables.contains(&meta.table))
            && (self.instruments.is_empty() || name.is_some_and(|n| self.instruments.contains(n)))
            && period_end(&live.file).is_some_and(|end| end <= self.before)
    }
}

impl Catalog {
    /// Drops partitions that ended before a time, of all runs. Readers and recorders may be at work; imports on this machine come before it
    /// or after it.
    ///
    /// # Errors
    /// [`crate::CatalogError::Schema`] if the index cannot be read, [`crate::CatalogError::Io`].
    pub fn retain(&self, options: &RetainOptions) -> Result<RetainReport> {
        let mut report = RetainReport::default();
        if options.dry_run {
            for run in run_names(self.store())? {
                let index = read_index(self.store(), &run)?;
                report.add(self.store(), &options.select(&index))?;
            }
            return Ok(report);
        }
        let _lock = lock_compaction(self.store())?;
        // What an import left out, as another one has it, must not go before the import is done.
        let _imports = self.without_imports()?;
        sweep(self)?;
        // Listed once nobody else can let a run go into a bundle.
        for run in run_names(self.store())? {
            drop_files(self.store(), &run, options, &mut report)?;
        }
        Ok(report)
    }

    /// The error of a query that found nothing, with what retention dropped of that.
    pub(crate) fn with_dropped(
        &self,
        query: &ScanQuery,
        error: CatalogError,
    ) -> Result<CatalogError> {
        let CatalogError::Empty { asked, nearest } = error else {
            return Ok(error);
        };
        let is_asked_for = |(run, one): &(String, Dropped)| {
            let times = query.times(one.table);
            (query.runs.is_empty() || query.runs.contains(run))
                && query.wants_table(one.table)
                && query.wants_instrument(one.instrument.as_ref())
                && query.wants_bar(one.instrument.as_ref(), one.bar)
                && times.is_some_and(|(from, to)| one.from.0 <= to && one.to.0 >= from)
        };
        let mut dropped = self.dropped()?;
        dropped.retain(is_asked_for);
        let rows: u64 = dropped.iter().map(|(_, one)| one.rows).sum();
        let from = dropped.iter().map(|(_, one)| one.from).min();
        let to = dropped.iter().map(|(_, one)| one.to).max();
        let nearest = match from.zip(to) {
            None => nearest,
            Some((from, to)) => {
                format!("retention dropped {rows} rows of that, from {from} to {to}; {nearest}")
            }
        };
        Ok(CatalogError::Empty { asked, nearest })
    }

    /// All that retention has dropped, with the run that had it.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn dropped(&self) -> Result<Vec<(String, Dropped)>> {
        let mut all = Vec::new();
        for (run, index) in self.indexes()? {
            all.extend(
                index
                    .checkpoint
                    .dropped
                    .into_iter()
                    .map(|one| (run.clone(), one)),
            );
        }
        Ok(all)
    }
}
