//! `catalog verify`: whether everything that the index promises is there and true. Reads every row of every file, so that a reader
//! later meets no surprise. What no index lists is named, but is no fault.

mod entries;
mod fault;
mod rows;
mod seen;

use super::bundles::{Bundles, bundles_dir};
use super::checkpoint::RunIndex;
use super::commit::commits_dir;
use super::end::{end_path, read_end};
use super::file::read_meta as read_footer;
use super::file_meta::FileMeta;
use super::follow::open_rows;
use super::index::{read_index, run_names};
use super::part::{PartFile, read_meta, run_dir};
use super::partition::RowsOf;
use super::progress::Progress;
use super::store::Store;
use super::sweep::{Leftover, leftovers, remove_leftovers};
use super::{Catalog, Table};
use crate::Result;
use crate::limits::HASH_BYTES;
use entries::{damaged_commits, other_run, unsealed, without_meta};
pub use fault::Fault;
use rows::{Rows, describe};
use seen::Seen;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use tickloom_journal::RunMeta;
use xxhash_rust::xxh3::Xxh3Default;

/// How often a run that others rewrite meanwhile is looked at again before its faults are believed.
const LOOKS_MAX: u32 = 100;

/// What was found in a catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Runs and imports.
    pub runs: u64,
    /// Files that the index lists.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Files that were written before the index kept a hash of their content: what is in them was read, but not compared.
    pub without_hash: u64,
    /// Entries of the index that were written before they had a hash of themselves: they were read, but not compared.
    pub entries_without_hash: u64,
    /// Rows that retention has dropped.
    pub rows_dropped: u64,
    /// Segments of a journal beside it that is being written, which are on their way into it.
    pub behind: u64,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Files that no index lists.
    pub leftovers: Vec<Leftover>,
    /// How many of them were removed.
    pub leftovers_removed: u64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

impl Catalog {
    /// Checks everything. Others may write and compact meanwhile. `progress` is told of rows and may stop it.
    ///
    /// # Errors
    /// [`crate::CatalogError::Io`] or [`crate::CatalogError::Store`] if the catalog cannot be listed. What is wrong in it is in the report.
    pub fn verify(&self, progress: &mut Progress<'_>) -> Result<VerifyReport> {
        let mut report = VerifyReport {
            faults: without_meta(self.store())?,
            ..VerifyReport::default()
        };
        let mut waiting: BTreeSet<String> = run_names(self.store())?.into_iter().collect();
        let mut done = BTreeSet::new();
        while let Some(run) = waiting.pop_first() {
            let mut looks = 1;
            let found = loop {
                let (found, index) = verify_run(self, &run, progress);
                let has_changed = || read_index(self.store(), &run).ok() != index;
                if found.faults.is_empty() || looks == LOOKS_MAX || !has_changed() {
                    break found;
                }
                looks += 1;
            };
            done.insert(run.clone());
            // Its rows have gone into a bundle, which is looked at instead.
            if !found.faults.is_empty()
                && let Some((bundle, _)) = Bundles::read(self.store())?.bundle_of(&run)
            {
                waiting.extend((!done.contains(bundle)).then(|| bundle.to_owned()));
                continue;
            }
            report.runs += 1;
            report.files += found.files;
            report.rows += found.rows;
            report.without_hash += found.without_hash;
            report.entries_without_hash += found.entries_without_hash;
            report.rows_dropped += found.rows_dropped;
            report.faults.extend(found.faults);
            if found.stopped {
                report.stopped = true;
                return Ok(report);
            }
        }
        report.entries_without_hash += unsealed(self.store(), &bundles_dir())?;
        report.entries_without_hash += unsealed(self.store(), &commits_dir())?;
        report.faults.extend(damaged_commits(self.store())?);
        // If an index cannot be read that is a fault above, and nothing can be said of what it lists.
        if report.faults.is_empty() {
            report.leftovers = leftovers(self)?;
        }
        Ok(report)
    }

    /// Removes files that no index lists. On a local disk those of living writers are left; in an object store nobody else
    /// may be writing.
    ///
    /// # Errors
    /// [`crate::CatalogError::Schema`] if the index cannot be read; [`crate::CatalogError::Io`], [`crate::CatalogError::Store`].
    pub fn remove_leftovers(&self) -> Result<u64> {
        remove_leftovers(self)
    }
}

/// Checks one run; also the index that it was checked against, if that can be read.
fn verify_run(
    catalog: &Catalog,
    run: &str,
    progress: &mut Progress<'_>,
) -> (VerifyReport, Option<RunIndex>) {
    let store = catalog.store();
    let mut report = VerifyReport::default();
    let read = read_meta(store, run).and_then(|meta| Ok((meta, read_index(store, run)?)));
    let (meta, index) = match read {
        Ok(read) => read,
        Err(error) => {
            let fault = Fault::new(&run_dir(run), error.to_string(), "an index of this version");
            report.faults.push(fault);
            return (report, None);
        }
    };
    report.rows_dropped = index.checkpoint.dropped.iter().map(|one| one.rows).sum();
    report.faults.extend(check_sums(run, &index));
    report.faults.extend(other_run(run, &meta));
    if let Err(error) = read_end(store, run) {
        report
            .faults
            .push(Fault::unreadable(&end_path(run), &error));
    }
    // What is gone by now was read above.
    report.entries_without_hash = unsealed(store, &run_dir(run)).unwrap_or(0);
    let mut seen = Seen::default();
    for file in index.files() {
        report.files += 1;
        report.without_hash += u64::from(file.hash.is_none());
        match check_file(catalog, &meta, file, &mut seen, progress) {
            Ok(Checked::True(rows)) => report.rows += rows,
            Ok(Checked::Stopped) => {
                report.stopped = true;
                break;
            }
            Ok(Checked::False(fault)) => report.faults.push(fault),
            Err(error) => report.faults.push(Fault::unreadable(&file.path, &error)),
        }
    }
    (report, Some(index))
}

/// All rows of the parts must be in files, or dropped.
pub(crate) fn check_sums(run: &str, index: &RunIndex) -> Option<Fault> {
    let mut parts: BTreeMap<Table, u64> = BTreeMap::new();
    let covered = index
        .checkpoint
        .parts
        .values()
        .map(|part| part.rows.clone());
    for rows in covered.chain(index.parts.values().map(super::part::Part::rows)) {
        for (table, rows) in rows {
            *parts.entry(table).or_default() += rows;
        }
    }
    let mut files: BTreeMap<Table, u64> = BTreeMap::new();
    let there = index.files().map(|file| (file.meta.table, file.meta.rows));
    let dropped = index
        .checkpoint
        .dropped
        .iter()
        .map(|one| (one.table, one.rows));
    for (table, rows) in there.chain(dropped) {
        *files.entry(table).or_default() += rows;
    }
    let table = Table::ALL.iter().find(|t| parts.get(t) != files.get(t))?;
    let count = |rows: &BTreeMap<Table, u64>| rows.get(table).copied().unwrap_or(0);
    Some(Fault::new(
        &run_dir(run),
        format!("{} rows of {table} in all files", count(&files)),
        format!("the {} of all parts", count(&parts)),
    ))
}

enum Checked {
    /// It is as it should be, with so many rows.
    True(u64),
    False(Fault),
    Stopped,
}

fn check_file(
    catalog: &Catalog,
    run: &RunMeta,
    file: &PartFile,
    seen: &mut Seen,
    progress: &mut Progress<'_>,
) -> Result<Checked> {
    let store = catalog.store();
    if let Some(fault) = check_content(store, file)? {
        return Ok(Checked::False(fault));
    }
    let footer = read_footer(store, &file.path)?;
    if let Some(fault) = check_footer(file, &footer) {
        return Ok(Checked::False(fault));
    }
    let partition = match RowsOf::of(file) {
        Ok(partition) => partition,
        Err(expected) => {
            let fault = Fault::new(
                &file.path,
                "a file elsewhere",
                expected.display().to_string(),
            );
            return Ok(Checked::False(fault));
        }
    };
    let mut rows = Rows::default();
    let mut reader = open_rows(catalog, run, file)?;
    while reader.fill()? {
        let before = rows.count;
        while let Some(key) = reader.rows.key() {
            let row = reader.rows.take();
            let record = row.placed.record;
            if let Some(fault) = rows.add(key, file) {
                return Ok(Checked::False(fault));
            }
            if !partition.hold(record.ts_event()) {
                let found = format!("row {} of {}", rows.count - 1, record.ts_event());
                return Ok(Checked::False(Fault::new(
                    &file.path,
                    found,
                    "rows of its date",
                )));
            }
            if !seen.insert(key) {
                let found = format!("{} again", describe(key));
                return Ok(Checked::False(Fault::new(
                    &file.path,
                    found,
                    "each row once in its run",
                )));
            }
            rows.times(record.header.ts_event);
            if let Some(fault) = rows.released(&row, file) {
                return Ok(Checked::False(fault));
            }
        }
        if progress(rows.count - before).is_break() {
            return Ok(Checked::Stopped);
        }
    }
    Ok(match rows.end(file) {
        None => Checked::True(rows.count),
        Some(fault) => Checked::False(fault),
    })
}

/// The first field in which a file's footer is not what the index says.
pub(crate) fn check_footer(file: &PartFile, footer: &FileMeta) -> Option<Fault> {
    if *footer == file.meta {
        return None;
    }
    let fields = |meta: &FileMeta| serde_json::to_value(meta).unwrap_or_default();
    let (found, expected) = (fields(footer), fields(&file.meta));
    let names = expected.as_object().into_iter().flatten();
    let name = names
        .map(|(name, _)| name)
        .find(|name| found[*name] != expected[*name]);
    let name = name.map_or("", String::as_str);
    Some(Fault::new(
        &file.path,
        format!("{name} {} in the footer", found[name]),
        expected[name].to_string(),
    ))
}

/// Whether a file is there with the bytes that were written.
pub(crate) fn check_content(store: &Store, file: &PartFile) -> Result<Option<Fault>> {
    let fault = |found, expected| Ok(Some(Fault::new(&file.path, found, expected)));
    let Some(bytes) = store.bytes(&file.path)? else {
        return fault(
            "no such file".to_owned(),
            "a file that the index lists".to_owned(),
        );
    };
    if let Some(expected) = file.bytes.filter(|expected| *expected != bytes) {
        return fault(format!("{bytes} bytes"), expected.to_string());
    }
    let Some(expected) = &file.hash else {
        return Ok(None);
    };
    let mut hash = Xxh3Default::new();
    let mut at = 0;
    while at < bytes {
        let piece = store.read_range(&file.path, at..bytes.min(at + HASH_BYTES))?;
        if piece.is_empty() {
            break;
        }
        hash.update(&piece);
        at += piece.len() as u64;
    }
    let found = format!("{:032x}", hash.digest128());
    if found != *expected {
        return fault(format!("content with the hash {found}"), expected.clone());
    }
    Ok(None)
}
