//! Which imports go into a bundle together. Pure, but for what is known of the ends of imports.

use crate::bundles::{Bundles, Decision, Member};
use crate::catalog::IMPORT_RUN;
use crate::checkpoint::RunIndex;
use crate::end::read_end;
use crate::file_meta::SCHEMA_VERSION;
use crate::limits::{BUNDLE_FILES_MAX, BUNDLE_RUNS_MAX};
use crate::part::{PartFile, read_metas};
use crate::partition::target_dir;
use crate::unite::{unite, unite_sources};
use crate::{Catalog, Result, Store, Table};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
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
pub(crate) struct Group {
    pub(crate) runs: Vec<(RunMeta, RunIndex)>,
    rows: u64,
    partitions: BTreeSet<(PathBuf, Option<BarSpec>)>,
    defs: BTreeMap<String, InstrumentDef>,
    sources: BTreeMap<String, SourceDef>,
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

pub(crate) fn groups(catalog: &Catalog, rows_max: u64) -> Result<Vec<Group>> {
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

    pub(crate) fn halves(self) -> (Group, Group) {
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

    pub(crate) fn instruments(&self) -> Result<Instruments> {
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

    pub(crate) fn files(&self) -> impl Iterator<Item = &PartFile> {
        self.runs.iter().flat_map(|(_, index)| index.files())
    }

    pub(crate) fn told(&self) -> Bundled {
        Bundled {
            run: self.name(),
            members: self.runs.iter().map(|(meta, _)| meta.run.clone()).collect(),
            files_before: self.files().count() as u64,
            files_after: self.partitions.len() as u64,
            rows: self.rows,
        }
    }

    /// What is to be decided, with all that is in bundles among the members.
    pub(crate) fn decision(&self, bundles: &Bundles) -> Decision {
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
