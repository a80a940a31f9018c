//! Writes rows that are in the catalog into new files, and puts these in place of the old ones in one step. Compaction and
//! migration are this with different plans.
//!
//! The new files are written beside the old ones, while readers and writers go on. Then the run's next checkpoint names them
//! instead, and only after that the old ones are removed. Whoever dies in between leaves files that no index lists.

use super::Catalog;
use super::bundles::Bundles;
use super::checkpoint::{LiveFile, RunIndex};
use super::file::FileWriter;
use super::file_meta::{FileMeta, SCHEMA_VERSION};
use super::follow::open_rows;
use super::index::{read_index, remove_covered, run_names, swap_checkpoint};
use super::part::{PartFile, lock_run};
use super::partition::{Partition, target};
use super::progress::Progress;
use super::steps::Steps;
use super::verify::check_content;
use crate::limits::STEP_ROWS_MAX;
use crate::{CatalogError, Result};
use std::collections::BTreeSet;
use std::path::PathBuf;
use tickloom_journal::RunMeta;
use tickloom_types::InstrumentId;
use xxhash_rust::xxh3::xxh3_64;

/// Files of one partition whose rows, in this order, become one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Merge {
    pub(crate) files: Vec<LiveFile>,
}

/// How a rewriting of one run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All of the plan is in place.
    Done,
    /// Somebody else changed the run's files: what was not in place by then has to be planned again.
    Overtaken,
    /// The caller wanted no more.
    Stopped,
}

impl Merge {
    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().map(|live| live.file.meta.rows).sum()
    }

    /// The new file's name is made from those of the old ones: who merges the same files writes the same file, and who merges
    /// others never writes into it.
    fn file_name(&self, run: &str) -> String {
        let mut names = format!("schema {}", SCHEMA_VERSION);
        for live in &self.files {
            names.push('\n');
            names.push_str(&live.file.path.to_string_lossy());
        }
        let bar = self.files[0].file.meta.bar;
        let bar = bar.map_or(String::new(), |spec| format!("-{spec}"));
        format!(
            "{run}-merged-{:016x}{bar}.parquet",
            xxh3_64(names.as_bytes())
        )
    }
}

/// Carries a plan out, step by step.
pub(crate) fn carry_out(
    catalog: &Catalog,
    run: &RunMeta,
    index: &RunIndex,
    plan: &[Merge],
    progress: &mut Progress<'_>,
) -> Result<Ended> {
    let merged = plan.iter().flat_map(|merge| &merge.files);
    let Some(steps) = Steps::of(catalog, run, index, merged, progress)? else {
        return Ok(Ended::Stopped);
    };
    let mut number = index.checkpoint.number;
    let mut at = 0;
    while at < plan.len() {
        let mut rows = 0;
        let begun = at;
        let mut files = Vec::new();
        while at < plan.len() && rows < STEP_ROWS_MAX {
            let file = match merge(catalog, run, &steps, &plan[at], progress) {
                Ok(Some(file)) => file,
                Ok(None) => {
                    discard(catalog, &files)?;
                    return Ok(Ended::Stopped);
                }
                // Files go away under who compacts in an object store together with somebody else.
                Err(error) => {
                    discard(catalog, &files)?;
                    let index = read_index(catalog.store(), &run.run)?;
                    if index.checkpoint.number != number {
                        return Ok(Ended::Overtaken);
                    }
                    return Err(error);
                }
            };
            rows += plan[at].rows();
            files.push(file);
            at += 1;
        }
        if !take_effect(catalog, run, number, &plan[begun..at], files)? {
            return Ok(Ended::Overtaken);
        }
        number += 1;
    }
    Ok(Ended::Done)
}

/// Writes the file of one merge; `None` if it was stopped.
fn merge(
    catalog: &Catalog,
    run: &RunMeta,
    steps: &Steps,
    merge: &Merge,
    progress: &mut Progress<'_>,
) -> Result<Option<LiveFile>> {
    let first = &merge.files[0].file;
    let name = merge.file_name(&run.run);
    let partition = partition(first, run)?;
    let mut writer = FileWriter::create(catalog.store(), &partition, run, &name)?;
    for live in &merge.files {
        // Damage must not get a new, true checksum.
        if let Some(fault) = check_content(catalog.store(), &live.file)? {
            return Err(fault.into_error());
        }
        let mut reader = open_rows(catalog, run, &live.file)?;
        while reader.fill()? {
            let mut rows = 0;
            while reader.rows.key().is_some() {
                writer.push(&steps.place(&reader.rows.take(), run), run)?;
                rows += 1;
            }
            if progress(rows).is_break() {
                return Ok(None);
            }
        }
    }
    let file = writer.finish(catalog.store(), run)?;
    check_same_rows(catalog, merge, &file)?;
    let parts = merge.files.iter().map(|live| live.parts);
    let parts = parts.fold(merge.files[0].parts, |(first, last), part| {
        (first.min(part.0), last.max(part.1))
    });
    Ok(Some(LiveFile { parts, file }))
}

/// The partition of a file's rows, in the identifiers of its run.
fn partition(file: &PartFile, run: &RunMeta) -> Result<Partition> {
    let instrument = match &file.meta.instrument {
        None => InstrumentId::NONE,
        Some(def) => match run.instruments.find(&def.name) {
            Some((id, _)) => id,
            None => {
                return Err(CatalogError::Schema {
                    file: file.path.clone(),
                    field: "instrument".to_owned(),
                    found: def.name.clone(),
                    expected: "an instrument of its run".to_owned(),
                });
            }
        },
    };
    Ok(target(file, instrument))
}

/// What the index said of the old files must be true of the new one.
fn check_same_rows(catalog: &Catalog, merge: &Merge, file: &PartFile) -> Result<()> {
    let summary = |meta: &FileMeta| (meta.rows, meta.first, meta.last, meta.ts_min, meta.ts_max);
    let old = || merge.files.iter().map(|live| &live.file.meta);
    let last = merge.files.len() - 1;
    let expected = (
        merge.rows(),
        merge.files[0].file.meta.first,
        merge.files[last].file.meta.last,
        old().map(|meta| meta.ts_min).min().unwrap_or_default(),
        old().map(|meta| meta.ts_max).max().unwrap_or_default(),
    );
    if summary(&file.meta) == expected {
        return Ok(());
    }
    Err(CatalogError::Schema {
        file: catalog.store().url(&merge.files[0].file.path),
        field: "rows, keys and times of the files merged with it".to_owned(),
        found: format!("{:?}", summary(&file.meta)),
        expected: format!("{expected:?}"),
    })
}

/// Names the new files instead of the old ones and removes these. False if the run is at another checkpoint by now.
fn take_effect(
    catalog: &Catalog,
    run: &RunMeta,
    number: u32,
    merges: &[Merge],
    files: Vec<LiveFile>,
) -> Result<bool> {
    let store = catalog.store();
    store.settle(files.iter().map(|live| live.file.path.as_path()))?;
    let _lock = lock_run(store, &run.run)?;
    let index = read_index(store, &run.run)?;
    let old = merges.iter().flat_map(|merge| &merge.files);
    let old: BTreeSet<PathBuf> = old.map(|live| live.file.path.clone()).collect();
    // At the same number nothing but new parts can have been added.
    let next = match index.checkpoint.number == number {
        true => index.exchanged(&old, files.clone()),
        false => None,
    };
    let swapped = match &next {
        Some(next) => swap_checkpoint(store, &run.run, &index, next)?,
        None => false,
    };
    if !swapped {
        discard(catalog, &files)?;
        return Ok(false);
    }
    remove_covered(store, &run.run, &index)?;
    for path in &old {
        store.remove(path)?;
    }
    Ok(true)
}

/// Removes new files that will not be listed. In an object store another compaction may list the same ones: there they stay.
fn discard(catalog: &Catalog, files: &[LiveFile]) -> Result<()> {
    if catalog.store().is_remote() {
        return Ok(());
    }
    for live in files {
        catalog.store().remove(&live.file.path)?;
    }
    Ok(())
}

/// Refuses a run that is not there.
pub(crate) fn check_there(catalog: &Catalog, run: &str) -> Result<()> {
    Bundles::read(catalog.store())?.check_alone(run)?;
    if run_names(catalog.store())?.iter().any(|known| known == run) {
        return Ok(());
    }
    Err(CatalogError::Option {
        field: "run",
        value: run.to_owned(),
        expected: "a run of the catalog",
    })
}
