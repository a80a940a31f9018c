//! `catalog compact`: the many small files of a partition become few large ones, row for row the same.
//!
//! Only files of one run and one partition are merged: the run is what gives rows their order and their numbers. Imports become one run first
//! (`bundling.rs`).

use super::Catalog;
use super::bundling::{Bundled, bundle};
use super::checkpoint::{LiveFile, RunIndex};
use super::index::{read_index, run_names};
use super::part::{lock_compaction, read_meta};
use super::partition::target_dir;
use super::progress::Progress;
use super::rewrite::{Ended, Merge, carry_out, check_there};
use super::sweep::sweep;
use crate::Result;
use crate::limits::FILE_ROWS_MAX;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tickloom_types::BarSpec;

/// What to compact, and how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactOptions {
    /// Only this run or import.
    pub run: Option<String>,
    /// Rows that a merged file may have.
    pub rows_max: u64,
    /// Whether imports are written together as one run. None is if only one run is compacted.
    pub bundle: bool,
    /// Only tell what would be done.
    pub dry_run: bool,
}

impl Default for CompactOptions {
    /// All runs, imports together, files of up to eight million rows.
    fn default() -> Self {
        CompactOptions {
            run: None,
            rows_max: FILE_ROWS_MAX,
            bundle: true,
            dry_run: false,
        }
    }
}

/// What a compaction or a migration did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RewriteReport {
    /// Files that were read and replaced.
    pub files_before: u64,
    /// Files that they became.
    pub files_after: u64,
    /// Rows in them.
    pub rows: u64,
    /// The partitions that changed.
    pub partitions: Vec<RewrittenPartition>,
    /// Imports that were written together as one run; what they had is not counted above.
    pub bundles: Vec<Bundled>,
    /// Files that earlier crashes had left and that were removed.
    pub leftovers_removed: u64,
    /// Whether it was stopped before its end; what it had done stays.
    pub stopped: bool,
}

/// Files of one run in one partition that changed, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RewrittenPartition {
    /// Run or import.
    pub run: String,
    /// The directory, below the catalog's.
    pub dir: PathBuf,
    /// Files before.
    pub files_before: u64,
    /// Files after.
    pub files_after: u64,
    /// Rows in them.
    pub rows: u64,
}

impl RewriteReport {
    /// Adds the plan of a run.
    pub(crate) fn add(&mut self, run: &str, plan: &[Merge]) {
        for merge in plan {
            let (files, rows) = (merge.files.len() as u64, merge.rows());
            self.files_before += files;
            self.files_after += 1;
            self.rows += rows;
            let dir = target_dir(&merge.files[0].file);
            match self.partitions.last_mut() {
                Some(last) if last.run == run && last.dir == dir => {
                    last.files_before += files;
                    last.files_after += 1;
                    last.rows += rows;
                }
                _ => self.partitions.push(RewrittenPartition {
                    run: run.to_owned(),
                    dir,
                    files_before: files,
                    files_after: 1,
                    rows,
                }),
            }
        }
    }
}

impl Catalog {
    /// Merges small files. Readers, writers and other compactions may be at work; done twice, it changes nothing. `progress`
    /// is told of rows that were written and may stop it.
    ///
    /// # Errors
    /// [`crate::CatalogError::Schema`] if a file is not what the index says, [`crate::CatalogError::Io`].
    pub fn compact(
        &self,
        options: &CompactOptions,
        progress: &mut Progress<'_>,
    ) -> Result<RewriteReport> {
        let mut bundles = Vec::new();
        if options.bundle && options.run.is_none() {
            let stopped;
            (bundles, stopped) = bundle(self, options.rows_max, options.dry_run, progress)?;
            if stopped {
                return Ok(RewriteReport {
                    bundles,
                    stopped,
                    ..RewriteReport::default()
                });
            }
        }
        // Those that would be in a bundle are still there if none was made.
        let members: BTreeSet<&String> = bundles.iter().flat_map(|one| &one.members).collect();
        let wants = |run: &String| {
            options.run.as_ref().is_none_or(|only| only == run) && !members.contains(run)
        };
        if let Some(run) = &options.run {
            check_there(self, run)?;
        }
        let plan = |index: &RunIndex| plan(index, options.rows_max);
        let mut report = rewrite(self, (&wants, options.dry_run), &plan, progress)?;
        report.bundles = bundles;
        Ok(report)
    }
}

/// Carries out what `plan` says of each run that is wanted, or only tells it.
pub(crate) fn rewrite(
    catalog: &Catalog,
    (wants, dry_run): (&dyn Fn(&String) -> bool, bool),
    plan: &dyn Fn(&RunIndex) -> Vec<Merge>,
    progress: &mut Progress<'_>,
) -> Result<RewriteReport> {
    let store = catalog.store();
    let mut report = RewriteReport::default();
    let _lock = match dry_run {
        true => None,
        false => Some(lock_compaction(store)?),
    };
    if !dry_run {
        report.leftovers_removed = sweep(catalog)?;
    }
    // Listed once nobody else can let a run go into a bundle.
    let runs = run_names(store)?.into_iter();
    for run in runs.filter(wants) {
        let meta = read_meta(store, &run)?;
        loop {
            let index = read_index(store, &run)?;
            let merges = plan(&index);
            if dry_run || merges.is_empty() {
                report.add(&run, &merges);
                break;
            }
            match carry_out(catalog, &meta, &index, &merges, progress)? {
                Ended::Done => {
                    report.add(&run, &merges);
                    break;
                }
                Ended::Stopped => {
                    report.stopped = true;
                    return Ok(report);
                }
                // What was done until then counts no more than what comes: the loop plans what is left.
                Ended::Overtaken => {}
            }
        }
    }
    Ok(report)
}

/// Which files to merge: in each partition neighbours that together have at most `rows_max` rows. What it gives is not merged
/// further: each file and the one after it have more together.
pub(crate) fn plan(index: &RunIndex, rows_max: u64) -> Vec<Merge> {
    let mut partitions: BTreeMap<(PathBuf, Option<BarSpec>), Vec<LiveFile>> = BTreeMap::new();
    for live in index.live() {
        let key = (target_dir(&live.file), live.file.meta.bar);
        partitions.entry(key).or_default().push(live);
    }
    let mut plan = Vec::new();
    for mut files in partitions.into_values() {
        files.sort_by_key(|live| live.file.meta.first);
        let mut group: Vec<LiveFile> = Vec::new();
        let mut rows = 0;
        for live in files {
            let more = live.file.meta.rows;
            let follows = group.last().is_none_or(|last| {
                last.file.meta.last < live.file.meta.first
                    && last.file.meta.instrument == live.file.meta.instrument
            });
            if !follows || rows + more > rows_max {
                close(&mut group, &mut plan);
                rows = 0;
            }
            rows += more;
            group.push(live);
        }
        close(&mut group, &mut plan);
    }
    plan
}

/// Ends a group; a file alone stays as it is.
fn close(group: &mut Vec<LiveFile>, plan: &mut Vec<Merge>) {
    let files = std::mem::take(group);
    if files.len() > 1 {
        plan.push(Merge { files });
    }
}
