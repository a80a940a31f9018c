//! The places of rows in files of the schema versions 1 and 2, which do not say them: found by reading the run once, in its order.

use super::Catalog;
use super::budget::ReadPlan;
use super::cache::Cache;
use super::checkpoint::{LiveFile, RunIndex};
use super::files::{FileScan, Files, Naming};
use super::key::Key;
use super::merge::RunMerge;
use super::pages::Layouts;
use super::part::Wanted;
use super::progress::Progress;
use crate::Result;
use crate::limits::{BATCH_ROWS, PLACING_BYTES_MAX};
use crate::order::{Placed, Row, RunRows};
use std::sync::Arc;
use tickloom_journal::RunMeta;
use tickloom_types::Seq;

/// From which sequence on rows were held back, until which release. A row that is released by itself is above it; so the last
/// step before a row says how it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps(Vec<(Seq, i64)>);

impl Steps {
    /// Of a run of which these files are to be written anew; empty if all of them say the places of their rows, `None` if
    /// `progress` wanted no more.
    pub(crate) fn of<'a>(
        catalog: &Catalog,
        run: &RunMeta,
        index: &RunIndex,
        mut files: impl Iterator<Item = &'a LiveFile>,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Steps>> {
        if files.all(|live| live.file.meta.released.is_some()) {
            return Ok(Some(Steps::default()));
        }
        let wanted = index.clone().into_wanted(|meta| !meta.table.is_output());
        let mut rows = RunMerge::new(scans(catalog, run, wanted)?);
        let mut steps = Steps::default();
        let mut is_held = false;
        let mut count = 0_usize;
        while let Some(row) = rows.next()? {
            count += 1;
            // None of them is written yet.
            if count.is_multiple_of(BATCH_ROWS) && progress(0).is_break() {
                return Ok(None);
            }
            let was_held = std::mem::replace(&mut is_held, row.release > own(run, &row.placed));
            let is_same = was_held && steps.0.last().is_some_and(|last| last.1 == row.release);
            if is_held && !is_same {
                steps.0.push((row.placed.key.seq, row.release));
            }
        }
        Ok(Some(steps))
    }

    /// The place of a row that was read from a file that does not say it; of another, the one that it has.
    pub(crate) fn place(&self, row: &Row, run: &RunMeta) -> Placed {
        let placed = row.placed;
        let after = self.0.partition_point(|(seq, _)| *seq <= placed.key.seq);
        let Some((_, release)) = after.checked_sub(1).and_then(|at| self.0.get(at)) else {
            return placed;
        };
        let own = own(run, &placed);
        if placed.held != 0 || *release <= own {
            return placed;
        }
        Placed {
            held: release.wrapping_sub(own).cast_unsigned(),
            ..placed
        }
    }
}

fn own(run: &RunMeta, placed: &Placed) -> i64 {
    run.instruments.release(&placed.record).0
}

/// All rows of these files, under the identifiers of their run.
pub(crate) fn scans(
    catalog: &Catalog,
    run: &RunMeta,
    wanted: Vec<Wanted>,
) -> Result<Vec<FileScan>> {
    let all = [wanted];
    let plan = match ReadPlan::new(all.iter(), Some(PLACING_BYTES_MAX), 0, 0) {
        Ok(plan) => plan,
        // More files at a time than fit: as little as it goes by.
        Err(_) => ReadPlan::least(),
    };
    let files = Arc::new(Files {
        layouts: Layouts::default(),
        store: catalog.store().clone(),
        cache: Arc::new(Cache::new(0)),
        plan,
    });
    let naming = Arc::new(Naming::of_run(run));
    let scan = |wanted: Wanted| {
        let def = wanted.file.meta.instrument.as_ref();
        let instrument = def.and_then(|def| run.instruments.find(&def.name));
        FileScan {
            files: Arc::clone(&files),
            cache_id: wanted.cache_id,
            instrument: instrument.map(|(id, def)| (id, def.clone())),
            file: wanted.file,
            naming: Arc::clone(&naming),
            times: i64::MIN..=i64::MAX,
            keys: Key::MIN..=Key::MAX,
        }
    };
    Ok(all.into_iter().flatten().map(scan).collect())
}
