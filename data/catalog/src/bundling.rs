//! The part of `catalog compact` that makes one run, a bundle, of many imports, so that a catalog into which something is imported each
//! day has neither a directory of the index nor files in each of its partitions for each of them.
//!
//! The rows of a bundle are those of its members in the order in which a scan of these gives them. It is written as an import is,
//! while readers and writers go on. Then each member's checkpoint says in which bundle it goes, so that whoever changes it later
//! gives the bundle up first; then the bundle's decision is put, by which it counts and they do not; and last their files go.

mod group;

use super::Catalog;
use super::bundles::{Bundles, decide, forget, give_up};
use super::checkpoint::RunIndex;
use super::end::{RunEnd, read_end};
use super::index::{all_names, read_index, swap_checkpoint};
use super::part::{bundle_path, lock_compaction, lock_run, meta_path, run_dir};
use super::progress::Progress;
use super::query::ScanQuery;
use super::scan::Scan;
use super::store::Store;
use super::table::Table;
use super::verify::check_content;
use crate::limits::{BATCH_ROWS, BUNDLE_BYTES_MAX};
use crate::{CatalogError, Result};
pub use group::Bundled;
use group::{Group, groups};
use std::collections::BTreeMap;
use std::path::Path;
use tickloom_journal::RunMeta;

/// How the bundling of a group ended.
enum Ended {
    Done(Bundled),
    /// One of its imports changed meanwhile.
    Overtaken,
    Stopped,
}

/// Bundles all imports that can be, except where `dry_run` only tells so. True if it was stopped.
pub(crate) fn bundle(
    catalog: &Catalog,
    rows_max: u64,
    dry_run: bool,
    progress: &mut Progress<'_>,
) -> Result<(Vec<Bundled>, bool)> {
    let store = catalog.store();
    if dry_run {
        let groups = groups(catalog, rows_max)?;
        return Ok((groups.iter().map(Group::told).collect(), false));
    }
    let _lock = lock_compaction(store)?;
    clear(store)?;
    let mut done = Vec::new();
    let mut waiting = groups(catalog, rows_max)?;
    waiting.reverse();
    while let Some(group) = waiting.pop() {
        match carry_out(catalog, &group, progress) {
            Ok(Ended::Done(bundled)) => done.push(bundled),
            Ok(Ended::Overtaken) => {}
            Ok(Ended::Stopped) => return Ok((done, true)),
            // Too many of their files are to be read at the same time.
            Err(CatalogError::Memory { .. }) if group.runs.len() > 2 => {
                let (one, other) = group.halves();
                waiting.extend([other, one]);
            }
            Err(CatalogError::Memory { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((done, false))
}

fn carry_out(catalog: &Catalog, group: &Group, progress: &mut Progress<'_>) -> Result<Ended> {
    let store = catalog.store();
    let mut told = group.told();
    // Whoever begins the run sees that it is a bundle.
    store.put_new(&bundle_path(&told.run), &[])?;
    let ended = match write(catalog, group, &told.run, progress) {
        Ok(true) => seal(store, group, &told.run)?,
        Ok(false) => Some(Ended::Stopped),
        Err(error @ CatalogError::Memory { .. }) => {
            abandon(store, &told.run)?;
            return Err(error);
        }
        // Files go away under who compacts together with somebody else in an object store.
        Err(error) if has_changed(store, group)? => {
            drop(error);
            Some(Ended::Overtaken)
        }
        Err(error) => return Err(error),
    };
    if let Some(ended) = ended {
        abandon(store, &told.run)?;
        return Ok(ended);
    }
    let decision = group.decision(&Bundles::read(store)?);
    if !decide(store, &told.run, &decision)? {
        abandon(store, &told.run)?;
        return Ok(Ended::Overtaken);
    }
    for (meta, index) in &group.runs {
        remove(store, &meta.run, index)?;
    }
    told.files_after = read_index(store, &told.run)?.files().count() as u64;
    Ok(Ended::Done(told))
}

/// Writes the rows of all members as the bundle's; false if it was stopped.
fn write(
    catalog: &Catalog,
    group: &Group,
    bundle: &str,
    progress: &mut Progress<'_>,
) -> Result<bool> {
    // Damage must not get a new, true checksum.
    for file in group.files() {
        if let Some(fault) = check_content(catalog.store(), file)? {
            return Err(fault.into_error());
        }
    }
    let Some((first, _)) = group.runs.first() else {
        return Ok(true);
    };
    let instruments = group.instruments()?;
    let query = ScanQuery {
        memory_max: Some(BUNDLE_BYTES_MAX),
        ..ScanQuery::default()
    };
    let mut scan = Scan::of_runs(catalog, &query, group.runs.clone(), instruments.clone())?;
    let mut meta = RunMeta::new(bundle, first.started, instruments)?;
    let files = group.runs.iter().flat_map(|(member, _)| &member.files);
    meta.name_files(files.map(Path::new));
    let mut writer = catalog.writer(&meta, 0, bundle)?;
    let mut end = RunEnd::default();
    for (member, _) in &group.runs {
        let of_member = read_end(catalog.store(), &member.run)?.unwrap_or_default();
        let names = member.instruments.defs().iter();
        end.join(&of_member, names.map(|def| def.name.as_str()));
    }
    writer.set_end(end);
    let mut rows = 0;
    while let Some((_, record)) = scan.next_keyed()? {
        writer.push(rows, &record)?;
        rows += 1;
        if rows.is_multiple_of(BATCH_ROWS as u64) && progress(BATCH_ROWS as u64).is_break() {
            return Ok(false);
        }
    }
    let written = writer.finish()?;
    let mut expected: BTreeMap<Table, u64> = BTreeMap::new();
    for file in group.files() {
        *expected.entry(file.meta.table).or_default() += file.meta.rows;
    }
    if written.rows != expected {
        return Err(CatalogError::Schema {
            file: catalog.store().url(&run_dir(bundle)),
            field: "rows".to_owned(),
            found: format!("{:?}", written.rows),
            expected: format!("{expected:?}, those of all members"),
        });
    }
    Ok(true)
}

/// Notes in each member in which bundle it goes; how that ended, if one of them is not what was written any more.
fn seal(store: &Store, group: &Group, bundle: &str) -> Result<Option<Ended>> {
    for (meta, planned) in &group.runs {
        let _lock = lock_run(store, &meta.run)?;
        let index = read_index(store, &meta.run)?;
        let mut next = index.next();
        if !index.is_same(planned) {
            return Ok(Some(Ended::Overtaken));
        }
        next.bundle = Some(bundle.to_owned());
        if index.checkpoint.bundle != next.bundle
            && !swap_checkpoint(store, &meta.run, &index, &next)?
        {
            return Ok(Some(Ended::Overtaken));
        }
    }
    Ok(None)
}

fn has_changed(store: &Store, group: &Group) -> Result<bool> {
    for (meta, planned) in &group.runs {
        if !read_index(store, &meta.run)?.is_same(planned) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes the files of a member, whose rows are in a bundle that counts.
fn remove(store: &Store, run: &str, index: &RunIndex) -> Result<()> {
    let _lock = lock_run(store, run)?;
    for file in index.files() {
        store.remove(&file.path)?;
    }
    remove_entries(store, run)
}

/// Removes what the index has of a run, first what lets it be one.
fn remove_entries(store: &Store, run: &str) -> Result<()> {
    store.remove(&meta_path(run))?;
    for path in store.paths(&run_dir(run))? {
        store.remove(&path)?;
    }
    store.remove_dir(&run_dir(run));
    Ok(())
}

/// Decides that a bundle does not count, and on a local disk removes what there is of it. In an object store another compaction may have
/// made the same one: there its files stay, unlisted.
fn abandon(store: &Store, bundle: &str) -> Result<()> {
    match give_up(store, bundle, bundle) {
        Ok(()) => {}
        // It was decided by another.
        Err(CatalogError::Bundled { .. }) => return Ok(()),
        Err(error) => return Err(error),
    }
    match store.is_remote() {
        true => Ok(()),
        false => remove_abandoned(store, bundle),
    }
}

fn remove_abandoned(store: &Store, bundle: &str) -> Result<()> {
    let _lock = lock_run(store, bundle)?;
    let begins = [format!("{bundle}-"), format!(".{bundle}-")];
    for path in store.paths(Path::new(""))? {
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| begins.iter().any(|begin| name.starts_with(begin))) {
            store.remove(&path)?;
        }
    }
    remove_entries(store, bundle)?;
    forget(store, bundle)
}

/// Ends what a compaction that died has begun. Only on a local disk, where the lock of compactions says that it did.
fn clear(store: &Store) -> Result<()> {
    if store.is_remote() {
        return Ok(());
    }
    let bundles = Bundles::read(store)?;
    for (run, is_bundle) in all_names(store)? {
        if bundles.bundle_of(&run).is_some() {
            let index = read_index(store, &run)?;
            remove(store, &run, &index)?;
        } else if is_bundle && bundles.members(&run).is_none() {
            abandon(store, &run)?;
        }
    }
    Ok(())
}
