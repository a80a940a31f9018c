//! Reads the index of a run as a whole, its checkpoint and the parts since, while others write it; and puts the next checkpoint.

use super::bundles::{Bundles, give_up};
use super::checkpoint::{Checkpoint, CheckpointVersion, RunIndex};
use super::manifest::{from_bytes, is_manifest, to_bytes};
use super::part::{
    Entry, bundle_path, check_files, checkpoint_path, earlier_checkpoint_path, entry, from_json,
    meta_path, parse_part, part_path, read_meta, run_dir, run_of, runs_dir, to_json,
};
use super::store::{Store, Version};
use crate::limits::INDEX_ENTRIES_AT_ONCE;
use crate::{CatalogError, Result};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tickloom_journal::RunMeta;

/// What a listing shows of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listed {
    parts: BTreeSet<u32>,
    has_checkpoint: bool,
    has_meta: bool,
    is_bundle: bool,
}

/// Names of all runs, sorted. One of which a crash left nothing but its directory is none.
pub(crate) fn run_names(store: &Store) -> Result<Vec<String>> {
    Ok(list_counting(store, &[])?.0.into_keys().collect())
}

/// Names of all of which the index has anything, sorted, with whether each is a bundle.
pub(crate) fn all_names(store: &Store) -> Result<BTreeMap<String, bool>> {
    let all = list_once(store, &runs_dir())?.into_iter();
    Ok(all.map(|(run, listed)| (run, listed.is_bundle)).collect())
}

/// Runs of which there are entries of parts, or a checkpoint, and nothing that says what they are: no writer leaves that.
pub(crate) fn nameless(store: &Store) -> Result<Vec<String>> {
    let listed = list_once(store, &runs_dir())?;
    // Read after the listing: of a run that goes into a bundle it is removed first, once that is decided.
    let bundles = Bundles::read(store)?;
    let all = listed.into_iter().filter(|(run, one)| {
        let is_there = one.has_checkpoint || !one.parts.is_empty();
        let is_known = one.has_meta || one.is_bundle || bundles.is_given_up(run);
        is_there && !is_known && bundles.bundle_of(run).is_none()
    });
    Ok(all.map(|(run, _)| run).collect())
}

/// The runs that count, of these or of all if none is named, and the bundles that say so.
fn list_counting(store: &Store, runs: &[String]) -> Result<(BTreeMap<String, Listed>, Bundles)> {
    let mut bundles = Bundles::read(store)?;
    loop {
        let mut listed = BTreeMap::new();
        if runs.is_empty() {
            listed = list_index(store, &runs_dir())?;
        }
        for run in runs {
            listed.append(&mut list_index(store, &run_dir(run))?);
        }
        // What was decided in between may concern what the listing has missed.
        let before = std::mem::replace(&mut bundles, Bundles::read(store)?);
        if before == bundles {
            listed.retain(|run, one| bundles.counts(run, one.is_bundle));
            return Ok((listed, bundles));
        }
    }
}

/// Does something that looks at several runs, again as long as it fails while imports go into a bundle: what it has listed may be gone.
pub(crate) fn while_bundling<T>(store: &Store, mut look: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        let before = Bundles::read(store)?;
        let found = look();
        if found.is_ok() || Bundles::read(store)? == before {
            return found;
        }
    }
}

/// All runs below a directory of the index, with what there is of them. A directory that changes while it is listed may show a
/// part without those before it, so it is listed until it shows the same twice; an object store shows what there was.
fn list_index(store: &Store, dir: &Path) -> Result<BTreeMap<String, Listed>> {
    let list = || -> Result<BTreeMap<String, Listed>> {
        let mut runs = list_once(store, dir)?;
        runs.retain(|_, listed| listed.has_meta);
        Ok(runs)
    };
    let mut runs = list()?;
    while !store.is_remote() {
        let before = std::mem::replace(&mut runs, list()?);
        if runs == before {
            break;
        }
    }
    Ok(runs)
}

fn list_once(store: &Store, dir: &Path) -> Result<BTreeMap<String, Listed>> {
    let mut runs: BTreeMap<String, Listed> = BTreeMap::new();
    for path in store.paths(dir)? {
        let Some(run) = run_of(&path) else {
            continue;
        };
        let listed = runs.entry(run.to_owned()).or_default();
        listed.has_meta |= path == meta_path(run);
        listed.is_bundle |= path == bundle_path(run);
        let checkpoints = [checkpoint_path(run), earlier_checkpoint_path(run)];
        listed.has_checkpoint |= checkpoints.contains(&path);
        if let Some((_, Entry::Part(part))) = entry(&path) {
            listed.parts.insert(part);
        }
    }
    for (run, parts) in store.known_commits().below(dir) {
        let listed = runs.entry(run).or_default();
        listed.has_meta = true;
        // If it has one by now: that has the last word.
        listed.has_checkpoint = true;
        listed.parts.extend(parts);
    }
    Ok(runs)
}

/// As [`for_each_run`], of these runs alone, or of all if none is named. One that is not there is passed over.
///
/// # Errors
/// [`CatalogError::Bundled`] if one of them goes into a bundle after others were shown; see [`while_bundling`].
pub(crate) fn for_each_of(
    store: &Store,
    runs: &[String],
    mut visit: impl FnMut(&str, RunIndex) -> Result<()>,
) -> Result<()> {
    let is_shown = Cell::new(false);
    let mut show = |run: &str, index| {
        is_shown.set(true);
        visit(run, index)
    };
    loop {
        let (listed, bundles) = list_counting(store, runs)?;
        match show_all(store, (listed, &bundles), &mut show) {
            Err(CatalogError::Bundled { .. }) if !is_shown.get() => {}
            Err(error) if runs.is_empty() => return Err(error.of_one_run()),
            ended => return ended,
        }
    }
}

/// Shows the index of all runs, in order. Only some entries are read at a time.
pub(crate) fn for_each_run(
    store: &Store,
    visit: impl FnMut(&str, RunIndex) -> Result<()>,
) -> Result<()> {
    for_each_of(store, &[], visit)
}

fn show_all(
    store: &Store,
    (all, bundles): (BTreeMap<String, Listed>, &Bundles),
    visit: &mut impl FnMut(&str, RunIndex) -> Result<()>,
) -> Result<()> {
    let mut some = Vec::new();
    let mut entries = 0;
    for (run, listed) in all {
        entries += listed.parts.len();
        some.push((run, listed));
        if entries >= INDEX_ENTRIES_AT_ONCE {
            show(store, (std::mem::take(&mut some), bundles), visit)?;
            entries = 0;
        }
    }
    show(store, (some, bundles), visit)
}

fn show(
    store: &Store,
    (runs, bundles): (Vec<(String, Listed)>, &Bundles),
    visit: &mut impl FnMut(&str, RunIndex) -> Result<()>,
) -> Result<()> {
    let indexes = match read_listed(store, &runs) {
        Ok(indexes) => indexes,
        // What was listed may be covered by a checkpoint by now, and gone.
        Err(_) => {
            let again = runs.iter().map(|(run, _)| read_index(store, run));
            again.collect::<Result<_>>()?
        }
    };
    // Of a run that has gone into a bundle since it was listed, nothing may have been found.
    let since = Bundles::read(store)?;
    if since != *bundles {
        runs.iter()
            .try_for_each(|(run, _)| since.check_alone(run))?;
    }
    let runs = runs.iter().zip(indexes);
    runs.into_iter()
        .try_for_each(|((run, _), index)| visit(run, index))
}

/// The index of a run. Nobody needs to hold a lock: what it gives was true at one moment.
pub(crate) fn read_index(store: &Store, run: &str) -> Result<RunIndex> {
    let list = || -> Result<Listed> {
        let mut runs = list_index(store, &run_dir(run))?;
        Ok(runs.remove(run).unwrap_or_default())
    };
    let mut listed = list()?;
    loop {
        let error = match read_listed(store, &[(run.to_owned(), listed.clone())]) {
            Ok(mut indexes) => return Ok(indexes.pop().expect("one was asked for")),
            Err(error) => error,
        };
        let before = std::mem::replace(&mut listed, list()?);
        if listed == before {
            return Err(error);
        }
    }
}

/// Reads what was listed before. The checkpoints are read after the listing: parts are removed only once a checkpoint covers them,
/// so one that the listing has missed is covered by what is read now. (In an object store they are removed one checkpoint later.)
fn read_listed(store: &Store, runs: &[(String, Listed)]) -> Result<Vec<RunIndex>> {
    let mut indexes = Vec::new();
    let mut wanted: Vec<(usize, u32, PathBuf)> = Vec::new();
    for (at, (run, listed)) in runs.iter().enumerate() {
        let known = match listed.has_checkpoint || !store.is_remote() {
            true => read_checkpoint(store, run)?,
            false => None,
        };
        let (checkpoint, version) = match known {
            Some((checkpoint, version)) => (checkpoint, Some(version)),
            None => (Checkpoint::none(), None),
        };
        let since = listed
            .parts
            .iter()
            .filter(|n| !checkpoint.parts.contains_key(n));
        wanted.extend(since.map(|part| (at, *part, part_path(run, *part))));
        indexes.push(RunIndex {
            checkpoint,
            version,
            parts: BTreeMap::new(),
        });
    }
    for some in wanted.chunks(INDEX_ENTRIES_AT_ONCE) {
        let paths: Vec<PathBuf> = some.iter().map(|(_, _, path)| path.clone()).collect();
        for ((at, number, path), bytes) in some.iter().zip(store.read_all(&paths)?) {
            let part = parse_part(store, path, &bytes)?;
            indexes[*at].parts.insert(*number, part);
        }
    }
    Ok(indexes)
}

/// The checkpoint of a run, if it has one, and which writing of it that is. A long one that was read before is not read again while its
/// file is the same.
pub(crate) fn read_checkpoint(
    store: &Store,
    run: &str,
) -> Result<Option<(Checkpoint, CheckpointVersion)>> {
    let writing = store.writing(&checkpoint_path(run));
    if let Some(writing) = &writing
        && let Some(known) = store.known_checkpoints().get(run, writing)
    {
        let version = CheckpointVersion {
            version: Version::unknown(),
            is_earlier: false,
        };
        return Ok(Some((Checkpoint::clone(&known), version)));
    }
    let found = read_checkpoint_anew(store, run)?;
    if let (Some(writing), Some((checkpoint, version))) = (writing, &found)
        && !version.is_earlier
        // What was put in between may be either.
        && store.writing(&checkpoint_path(run)).as_ref() == Some(&writing)
    {
        store.known_checkpoints().add(run, writing, checkpoint);
    }
    Ok(found)
}

fn read_checkpoint_anew(
    store: &Store,
    run: &str,
) -> Result<Option<(Checkpoint, CheckpointVersion)>> {
    // In this order: the earlier one is removed once the other is there, which counts if both are.
    let earlier = store.read_version(&earlier_checkpoint_path(run))?;
    let now = store.read_version(&checkpoint_path(run))?;
    let (path, (bytes, version), is_earlier) = match (now, earlier) {
        (Some(now), _) => (checkpoint_path(run), now, false),
        (None, Some(earlier)) => (earlier_checkpoint_path(run), earlier, true),
        (None, None) => return Ok(None),
    };
    let checkpoint: Checkpoint = match is_manifest(&bytes) {
        true => from_bytes(&bytes).map_err(|found| CatalogError::Schema {
            file: store.url(&path),
            field: "content".to_owned(),
            found,
            expected: "an index of this version".to_owned(),
        })?,
        false => from_json(store, &path, &bytes)?,
    };
    check_files(store, &path, checkpoint.files.iter().map(|live| &live.file))?;
    let version = CheckpointVersion {
        version,
        is_earlier,
    };
    Ok(Some((checkpoint, version)))
}

/// Puts the next checkpoint in place of the one that was read; false if somebody else has done so since. On a local disk the
/// caller holds the run's lock.
///
/// # Errors
/// [`CatalogError::Bundled`] if the run's rows are in a bundle.
pub(crate) fn swap_checkpoint(
    store: &Store,
    run: &str,
    read: &RunIndex,
    next: &Checkpoint,
) -> Result<bool> {
    if let Some(bundle) = &read.checkpoint.bundle
        && next.bundle.as_ref() != Some(bundle)
    {
        give_up(store, bundle, run)?;
    }
    let (path, bytes) = (checkpoint_path(run), to_bytes(next));
    match &read.version {
        Some(read) if read.is_earlier => {
            let is_put = store.put_new(&path, &bytes)?;
            if is_put {
                store.remove(&earlier_checkpoint_path(run))?;
            }
            Ok(is_put)
        }
        read => store.swap(&path, &bytes, read.as_ref().map(|read| &read.version)),
    }
}

/// Lets the checkpoint of a run take in the entries of its parts, if there are many. On a local disk the caller holds the run's lock.
pub(crate) fn fold(store: &Store, run: &str, entries_max: u32) -> Result<()> {
    let index = read_index(store, run)?;
    let entries_max = usize::try_from(entries_max).unwrap_or(usize::MAX);
    // Who was quicker has done it.
    if index.is_to_fold(entries_max) && swap_checkpoint(store, run, &index, &index.next())? {
        remove_covered(store, run, &index)?;
    }
    Ok(())
}

/// Removes the entries of parts that a checkpoint covers, once it is in place. `before` is the index as it was before that. In an
/// object store, where a listing takes long, only those that were covered before: nobody can be in need of them any more.
pub(crate) fn remove_covered(store: &Store, run: &str, before: &RunIndex) -> Result<()> {
    let listed = list_index(store, &run_dir(run))?
        .remove(run)
        .unwrap_or_default();
    let is_covered = |part: &&u32| {
        before.covers(**part) || !store.is_remote() && before.parts.contains_key(part)
    };
    let mut covered = listed.parts.iter().filter(is_covered);
    covered.try_for_each(|part| store.remove(&part_path(run, *part)))
}

/// Keeps what the run is. One that has parts from elsewhere stays as it is.
pub(crate) fn write_meta(store: &Store, meta: &RunMeta, part: u32) -> Result<()> {
    let path = meta_path(&meta.run);
    let Some((bytes, version)) = store.read_version(&path)? else {
        if store.put_new(&path, &to_json(meta))? {
            return Ok(());
        }
        // Another writer began the run at the same moment.
        return Ok(read_meta(store, &meta.run)?.check_same(meta)?);
    };
    let known: RunMeta = from_json(store, &path, &bytes)?;
    if known == *meta {
        return Ok(());
    }
    if read_index(store, &meta.run)?.has_others(part) {
        return Ok(known.check_same(meta)?);
    }
    if store.swap(&path, &to_json(meta), Some(&version))? {
        return Ok(());
    }
    Ok(read_meta(store, &meta.run)?.check_same(meta)?)
}
