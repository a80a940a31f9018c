//! The index of a run as far as it can be read: an entry that is damaged is named, and keeps nobody from reading the others.

use super::comparison::Comparison;
use crate::checkpoint::{Checkpoint, RunIndex};
use crate::index::read_checkpoint;
use crate::part::{Entry, Part, checkpoint_path, entry, meta_path, part_path, read_meta, run_dir};
use crate::store::Store;
use crate::{CatalogError, Result};
use std::collections::{BTreeMap, BTreeSet};
use tickloom_journal::RunMeta;

/// What could be read of the index of a run.
pub(super) struct Found {
    pub(super) meta: Option<RunMeta>,
    pub(super) index: RunIndex,
    /// Parts whose entries cannot be read.
    pub(super) unreadable: BTreeSet<u32>,
    /// Whether it can be told which parts there are: not without the checkpoint.
    pub(super) is_known: bool,
}

impl Found {
    /// Whether the catalog has this part, or an entry that says so and cannot be read.
    pub(super) fn has(&self, part: u32) -> bool {
        self.index.covers(part)
            || self.index.parts.contains_key(&part)
            || self.unreadable.contains(&part)
    }

    /// The numbers of all its parts.
    pub(super) fn parts(&self) -> BTreeSet<u32> {
        let covered = self.index.checkpoint.parts.keys();
        let since = self.index.parts.keys();
        covered
            .chain(since)
            .chain(&self.unreadable)
            .copied()
            .collect()
    }
}

/// Reads what there is of the run.
pub(super) fn read_found(store: &Store, run: &str, found: &mut Comparison) -> Result<Found> {
    let dir = store.url(&run_dir(run));
    let anew = format!(
        "put it back from a copy, or remove {}: the next tickloom run writes the run anew from its journal",
        dir.display()
    );
    // Listed before the checkpoint is read, so that a part which is covered meanwhile is found in that.
    let files = store.list(&run_dir(run))?;
    let mut listed = BTreeSet::new();
    let mut has_meta = false;
    for file in &files {
        has_meta |= file.path == meta_path(run);
        if let Some((_, Entry::Part(part))) = entry(&file.path) {
            listed.insert(part);
        }
    }
    let (checkpoint, is_known) = match read_checkpoint(store, run) {
        Ok(read) => (read, true),
        Err(error) => {
            note(found, store, &checkpoint_path(run), &error, &anew)?;
            (None, false)
        }
    };
    let (checkpoint, version) = match checkpoint {
        Some((checkpoint, version)) => (checkpoint, Some(version)),
        None => (Checkpoint::none(), None),
    };
    let meta = if has_meta {
        match read_meta(store, run) {
            Ok(meta) => Some(meta),
            Err(error) => {
                note(found, store, &meta_path(run), &error, &anew)?;
                None
            }
        }
    } else {
        if !listed.is_empty() || version.is_some() {
            let path = store.url(&meta_path(run));
            let difference = found.add(&path, "no such file", "what the run is");
            "the next part of the run brings it back".clone_into(&mut difference.remedy);
        }
        None
    };
    let mut parts = BTreeMap::new();
    let mut unreadable = BTreeSet::new();
    for part in listed {
        if checkpoint.parts.contains_key(&part) {
            continue;
        }
        match Part::read(store, run, part) {
            Ok(Some(read)) => drop(parts.insert(part, read)),
            // Covered or removed since it was listed: the next look will tell.
            Ok(None) => {}
            Err(error) => {
                let path = part_path(run, part);
                note(found, store, &path, &error, &by_part(store, run, part))?;
                unreadable.insert(part);
                found.doubtful.insert(part);
            }
        }
    }
    Ok(Found {
        meta,
        index: RunIndex {
            checkpoint,
            version,
            parts,
        },
        unreadable,
        is_known,
    })
}

/// What helps against a part that is not as its segment is.
pub(super) fn by_part(store: &Store, run: &str, part: u32) -> String {
    format!(
        "remove {}: the next tickloom run writes the part anew from segment {part} of the journal",
        store.url(&part_path(run, part)).display()
    )
}

/// Notes that an entry cannot be read; what the system refuses is an error.
fn note(
    found: &mut Comparison,
    store: &Store,
    path: &std::path::Path,
    error: &CatalogError,
    remedy: &str,
) -> Result<()> {
    if error.is_of_system() {
        // It is read again for the error itself.
        store.read(path)?;
    }
    let text = match error {
        CatalogError::Schema { found, .. } => found.clone(),
        error => error.to_string(),
    };
    let difference = found.add(
        &store.url(path),
        text,
        "an entry of the index that can be read",
    );
    remedy.clone_into(&mut difference.remedy);
    Ok(())
}
