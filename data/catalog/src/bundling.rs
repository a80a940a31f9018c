//! The part of `catalog compact` that makes one run, a bundle, of many imports, so that a catalog into which something is imported each
//! day has neither a directory of the index nor files in each of its partitions for each of them.
//!
//! The rows of a bundle are those of its members in the order in which a scan of these gives them. It is written as an import is,
//! while readers and writers go on. Then each member's checkpoint says in which bundle it goes, so that whoever changes it later
//! gives the bundle up first; then the bundle's decision is put, by which it counts and they do not; and last their files go.

use super::Catalog;
use super::bundles::{Bundles, Decision, Member, decide, forget, give_up};
use super::checkpoint::RunIndex;
use super::end::{RunEnd, read_end};
use super::file_meta::SCHEMA_VERSION;
use super::index::{all_names, read_index, swap_checkpoint};
use super::part::{
    PartFile, bundle_path, lock_compaction, lock_run, meta_path, read_metas, run_dir,
};
use super::partition::target_dir;
use super::progress::Progress;
use super::query::ScanQuery;
use super::scan::Scan;
use super::store::Store;
use super::table::Table;
use super::unite::{unite, unite_sources};
use super::verify::check_content;
use crate::catalog::IMPORT_RUN;
use crate::limits::{BATCH_ROWS, BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, BUNDLE_RUNS_MAX};
use crate::{CatalogError, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, InstrumentDef, Instruments, SourceDef};
use xxhash_rust::xxh3::xxh3_64;

/// Imports that were written together as one run, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bundled {
    /// The run that has their rows now.
    pub run: String,
    /// The imports.
    pub members: Vec<String>,
    /// Files that they had.
    pub files_before: u64,
    /// Files that the run has.
    pub files_after: u64,
    /// Rows in them.
    pub rows: u64,
}

/// Imports that follow each other in the order of ties and go together.
#[derive(Default)]
struct Group {
    runs: Vec<(RunMeta, RunIndex)>,
    rows: u64,
    partitions: BTreeSet<(PathBuf, Option<BarSpec>)>,
    defs: BTreeMap<String, InstrumentDef>,
    sources: BTreeMap<String, SourceDef>,
}

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

/// Whether the rows of a run can be in a bundle: an import of bars, trades and quotes alone, of which nothing is known that belongs to its
/// file, such as where its books stood.
fn is_fit(store: &Store, meta: &RunMeta, index: &RunIndex) -> Result<bool> {
    let is_plain = |file: &PartFile| {
        file.meta.schema == SCHEMA_VERSION
            && file.meta.released.is_some()
            && matches!(file.meta.table, Table::Bars | Table::Trades | Table::Quotes)
    };
    let is_fit = meta.run.starts_with(IMPORT_RUN)
        && meta.signals.is_empty()
        && meta.strategies.is_empty()
        && index.checkpoint.dropped.is_empty()
        && index.files().next().is_some()
        && index.files().all(is_plain)
        && has_one_clock(meta.instruments.sources());
    if !is_fit {
        return Ok(false);
    }
    let end = read_end(store, &meta.run)?.unwrap_or_default();
    Ok(end.books.is_empty() && end.origin.is_none())
}

/// Whether all rows move alike when another feed latency is declared.
fn has_one_clock(sources: &[SourceDef]) -> bool {
    let clock = |source: &SourceDef| (source.clock, source.feed_latency);
    sources
        .windows(2)
        .all(|two| clock(&two[0]) == clock(&two[1]))
}

fn groups(catalog: &Catalog, rows_max: u64) -> Result<Vec<Group>> {
    let indexes = catalog.indexes()?;
    let metas = read_metas(catalog.store(), indexes.iter().map(|(run, _)| run))?;
    let mut runs: Vec<(RunMeta, RunIndex)> = metas
        .into_iter()
        .zip(indexes.into_iter().map(|(_, index)| index))
        .collect();
    runs.sort_by_cached_key(|(meta, _)| meta.place());
    let mut groups = vec![Group::default()];
    for (meta, index) in runs {
        if !is_fit(catalog.store(), &meta, &index)? {
            groups.push(Group::default());
            continue;
        }
        let run = (meta, index);
        let Some(last) = groups.last_mut() else {
            continue;
        };
        if let Some(run) = last.push(run, rows_max) {
            let mut next = Group::default();
            // The first one goes in, whatever its size.
            next.push(run, rows_max);
            groups.push(next);
        }
    }
    groups.retain(|group| group.runs.len() > 1);
    Ok(groups)
}

impl Group {
    /// Takes in the run that comes next; gives it back if it does not go with those before.
    fn push(
        &mut self,
        (meta, index): (RunMeta, RunIndex),
        rows_max: u64,
    ) -> Option<(RunMeta, RunIndex)> {
        let rows = index.files().map(|file| file.meta.rows).sum::<u64>();
        let is_first = self.runs.is_empty();
        if !is_first {
            let place = |meta: &RunMeta| meta.place().0;
            let goes = self.rows.saturating_add(rows) <= rows_max
                && self.runs.len() < BUNDLE_RUNS_MAX
                && self
                    .runs
                    .last()
                    .is_some_and(|(last, _)| place(last) == place(&meta));
            if !goes {
                return Some((meta, index));
            }
        }
        let partition = |file: &PartFile| (target_dir(file), file.meta.bar);
        let new: BTreeSet<_> = index.files().map(partition).collect();
        let new: BTreeSet<_> = new.difference(&self.partitions).cloned().collect();
        if !is_first && self.partitions.len() + new.len() > BUNDLE_FILES_MAX {
            return Some((meta, index));
        }
        // So that all runs have one clock, as each has.
        let sources = meta.instruments.sources();
        let differs = |source: &SourceDef| {
            let known = self.sources.get(&source.name);
            known.is_some_and(|known| known != source)
        };
        if sources.iter().any(differs) {
            return Some((meta, index));
        }
        let Some(defs) = self.new_defs(&index) else {
            return Some((meta, index));
        };
        self.defs
            .extend(defs.into_iter().map(|def| (def.name.clone(), def)));
        self.sources.extend(
            sources
                .iter()
                .map(|source| (source.name.clone(), source.clone())),
        );
        self.partitions.extend(new);
        self.rows += rows;
        self.runs.push((meta, index));
        None
    }

    /// What files define otherwise than is known so far, united with that; `None` if it does not go together. As a scan of several runs has
    /// them, only instruments with data have a place.
    fn new_defs(&self, index: &RunIndex) -> Option<Vec<InstrumentDef>> {
        let mut new: Vec<InstrumentDef> = Vec::new();
        for def in index
            .files()
            .filter_map(|file| file.meta.instrument.as_ref())
        {
            match self.defs.get(&def.name) {
                Some(known) if known == def => {}
                Some(known) => {
                    let united = unite(vec![known.clone(), def.clone()]).ok()?;
                    new.extend(united.defs().iter().cloned());
                }
                // Files of an instrument are beside each other.
                None if new.last() == Some(def) => {}
                None => new.push(def.clone()),
            }
        }
        Some(new)
    }

    fn halves(self) -> (Group, Group) {
        let (mut one, mut other) = (Group::default(), Group::default());
        let half = self.runs.len() / 2;
        for (at, run) in self.runs.into_iter().enumerate() {
            let group = if at < half { &mut one } else { &mut other };
            // Those that went together do so in part.
            group.push(run, u64::MAX);
        }
        (one, other)
    }

    /// The name has its place, where releases are equal, by the first member's, and is of what all members are.
    fn name(&self) -> String {
        let mut content = format!("schema {SCHEMA_VERSION}");
        for (meta, index) in &self.runs {
            content.push('\n');
            content.push_str(&meta.run);
            for file in index.files() {
                content.push('\n');
                content.push_str(file.hash.as_deref().unwrap_or(""));
            }
        }
        let first = self.runs.first().map_or("", |(meta, _)| meta.run.as_str());
        let digits: String = first
            .strip_prefix(IMPORT_RUN)
            .unwrap_or(first)
            .chars()
            .take(PLACE_DIGITS)
            .collect();
        format!(
            "{IMPORT_RUN}{digits}-{:08x}",
            xxh3_64(content.as_bytes()) >> 32
        )
    }

    fn instruments(&self) -> Result<Instruments> {
        let mut all = unite(self.defs.values().cloned().collect())?;
        let metas: Vec<RunMeta> = self
            .runs
            .iter()
            .map(|(meta, _)| meta.clone())
            .take(1)
            .collect();
        unite_sources(&mut all, &metas)?;
        Ok(all)
    }

    fn files(&self) -> impl Iterator<Item = &PartFile> {
        self.runs.iter().flat_map(|(_, index)| index.files())
    }

    fn told(&self) -> Bundled {
        Bundled {
            run: self.name(),
            members: self.runs.iter().map(|(meta, _)| meta.run.clone()).collect(),
            files_before: self.files().count() as u64,
            files_after: self.partitions.len() as u64,
            rows: self.rows,
        }
    }

    /// What is to be decided, with all that is in bundles among the members.
    fn decision(&self, bundles: &Bundles) -> Decision {
        let mut members = BTreeMap::new();
        for (meta, index) in &self.runs {
            let earlier = bundles.members(&meta.run).into_iter().flatten();
            members.extend(earlier.map(|(run, member)| (run.clone(), member.clone())));
            let parts = index.next().parts;
            let is_bundle = bundles.members(&meta.run).is_some();
            members.insert(meta.run.clone(), Member { parts, is_bundle });
        }
        Decision { members }
    }
}

/// Digits of the first member's name that begin that of the bundle.
const PLACE_DIGITS: usize = 23;

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
    let meta = RunMeta::new(bundle, first.started, instruments)?;
    let mut writer = catalog.writer(&meta, 0, bundle)?;
    let mut end = RunEnd::default();
    for (member, _) in &group.runs {
        let of_member = read_end(catalog.store(), &member.run)?.unwrap_or_default();
        end.left_out.join(&of_member.left_out);
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
