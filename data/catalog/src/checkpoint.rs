//! What the index of a run adds up to: its checkpoint, and the parts that were completed since. A checkpoint takes the place of
//! the entries of the parts that it covers, in one step; so compaction, retention and the replacing of a part are one write each.
//!
//! Pure: `part.rs` reads and writes these.

use super::Table;
use super::file_meta::{FileMeta, SCHEMA_VERSION};
use super::part::{Part, PartFile, Wanted};
use super::store::Version;
use crate::{CatalogError, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tickloom_types::{BarSpec, Ts};

/// The state of a run in one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checkpoint {
    pub(crate) schema: u32,
    /// Goes up by one with each checkpoint of the run.
    pub(crate) number: u32,
    /// The parts whose own entries count no longer.
    pub(crate) parts: BTreeMap<u32, CoveredPart>,
    /// All files that hold their rows.
    pub(crate) files: Vec<LiveFile>,
    /// What retention took of them.
    pub(crate) dropped: Vec<Dropped>,
    /// The bundle that all rows are in, once it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bundle: Option<String>,
    /// The last commit of an import that took effect by a checkpoint of the run, so that it does once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
}

/// What is remembered of a part that a checkpoint covers, so that it is never written a second time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CoveredPart {
    pub(crate) source: String,
    pub(crate) rows: BTreeMap<Table, u64>,
    /// As of the part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) released: Option<Ts>,
}

/// A file with the parts whose rows it may hold, the first and the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LiveFile {
    pub(crate) parts: (u32, u32),
    pub(crate) file: PartFile,
}

/// What retention has taken out of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    /// The table.
    pub table: Table,
    /// The instrument; `None` for records of a source as a whole.
    pub instrument: Option<String>,
    /// The size, for bars.
    pub bar: Option<BarSpec>,
    /// First day of the partition.
    pub date: String,
    /// Rows that it had.
    pub rows: u64,
    /// Time of the first of them.
    pub from: Ts,
    /// Time of the last of them.
    pub to: Ts,
    /// The parts that they came from, the first and the last.
    pub(crate) parts: (u32, u32),
}

/// Which writing of a checkpoint was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckpointVersion {
    pub(crate) version: Version,
    /// Whether it is in the place and form of earlier versions.
    pub(crate) is_earlier: bool,
}

/// A checkpoint, perhaps of nothing, and what was completed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunIndex {
    pub(crate) checkpoint: Checkpoint,
    /// Which writing of the checkpoint that is; `None` if there is none.
    pub(crate) version: Option<CheckpointVersion>,
    /// Parts that the checkpoint does not cover.
    pub(crate) parts: BTreeMap<u32, Part>,
}

impl Checkpoint {
    /// That of a run which never had one.
    pub(crate) fn none() -> Checkpoint {
        Checkpoint {
            schema: SCHEMA_VERSION,
            number: 0,
            parts: BTreeMap::new(),
            files: Vec::new(),
            dropped: Vec::new(),
            bundle: None,
            commit: None,
        }
    }
}

impl CoveredPart {
    /// What is remembered of it.
    pub(crate) fn of(part: &Part) -> CoveredPart {
        CoveredPart {
            source: part.source.clone(),
            rows: part.rows(),
            released: part.released,
        }
    }
}

impl RunIndex {
    /// All files of the run that count.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PartFile> {
        let covered = self.checkpoint.files.iter().map(|live| &live.file);
        covered.chain(self.parts.values().flat_map(|part| &part.files))
    }

    /// As [`RunIndex::files`].
    pub(crate) fn into_files(self) -> impl Iterator<Item = PartFile> {
        let covered = self.checkpoint.files.into_iter().map(|live| live.file);
        covered.chain(self.parts.into_values().flat_map(|part| part.files))
    }

    /// Those of its files that are wanted, to be read.
    pub(crate) fn into_wanted(self, wants: impl Fn(&FileMeta) -> bool) -> Vec<Wanted> {
        let covered = self.checkpoint.files.into_iter();
        let mut wanted: Vec<Wanted> = covered
            .filter(|live| wants(&live.file.meta))
            .map(|live| Wanted::new(live.file, ""))
            .collect();
        for part in self.parts.into_values() {
            let files = part.files.into_iter().filter(|file| wants(&file.meta));
            wanted.extend(files.map(|file| Wanted::new(file, &part.source)));
        }
        wanted
    }

    /// As [`RunIndex::files`], with their parts.
    pub(crate) fn live(&self) -> impl Iterator<Item = LiveFile> {
        let since = self.parts.iter().flat_map(|(number, part)| {
            part.files.iter().map(|file| LiveFile {
                parts: (*number, *number),
                file: file.clone(),
            })
        });
        self.checkpoint.files.iter().cloned().chain(since)
    }

    /// The greatest release of an input in the parts before this one, as far as they say it.
    pub(crate) fn released_before(&self, part: u32) -> Option<Ts> {
        let covered = self.checkpoint.parts.range(..part);
        let covered = covered.filter_map(|(_, one)| one.released);
        let since = self.parts.range(..part).filter_map(|(_, one)| one.released);
        let told = covered.chain(since).max();
        // Those that were written before they said it may have been migrated since.
        let files = self.live().filter(|live| live.parts.1 < part);
        let files = files.filter(|live| !live.file.meta.table.is_output());
        let found = files
            .filter_map(|live| live.file.meta.released)
            .map(|(_, to)| to);
        told.max(found.max())
    }

    /// Whether the checkpoint covers a part: then its own entry counts no longer.
    pub(crate) fn covers(&self, part: u32) -> bool {
        self.checkpoint.parts.contains_key(&part)
    }

    /// What a part was made from, if it is complete.
    pub(crate) fn source(&self, part: u32) -> Option<&str> {
        let covered = self.checkpoint.parts.get(&part).map(|one| &one.source);
        let source = covered.or_else(|| self.parts.get(&part).map(|one| &one.source));
        source.map(String::as_str)
    }

    /// Whether there are parts beside this one.
    pub(crate) fn has_others(&self, part: u32) -> bool {
        let covered = self.checkpoint.parts.keys();
        covered.chain(self.parts.keys()).any(|other| *other != part)
    }

    /// Whether so many parts have entries of their own that the next checkpoint is worth its writing, which is as long as all that it covers.
    pub(crate) fn is_to_fold(&self, entries_max: usize) -> bool {
        let covered = self.checkpoint.parts.len();
        self.parts.len() >= entries_max.max(covered / 8)
    }

    /// Whether it has the same rows in the same files, and nothing was dropped in between.
    pub(crate) fn is_same(&self, other: &RunIndex) -> bool {
        let (one, other) = (self.next(), other.next());
        one.parts == other.parts && one.files == other.files && one.dropped == other.dropped
    }

    /// The next checkpoint, which covers all that is there and changes nothing.
    pub(crate) fn next(&self) -> Checkpoint {
        let mut parts = self.checkpoint.parts.clone();
        parts.extend(
            self.parts
                .iter()
                .map(|(n, part)| (*n, CoveredPart::of(part))),
        );
        Checkpoint {
            schema: SCHEMA_VERSION,
            number: self.checkpoint.number + 1,
            parts,
            files: self.live().collect(),
            dropped: self.checkpoint.dropped.clone(),
            bundle: None,
            commit: self.checkpoint.commit.clone(),
        }
    }

    /// The checkpoint with `new` files in place of the `old` ones. `None` if some of these do not count any more.
    pub(crate) fn exchanged(
        &self,
        old: &BTreeSet<PathBuf>,
        new: Vec<LiveFile>,
    ) -> Option<Checkpoint> {
        let mut next = self.next();
        let before = next.files.len();
        next.files.retain(|live| !old.contains(&live.file.path));
        if before - next.files.len() != old.len() {
            return None;
        }
        next.files.extend(new);
        Some(next)
    }

    /// The checkpoint without these files, of each of which it remembers what it was.
    pub(crate) fn dropping(&self, files: &BTreeSet<PathBuf>) -> Checkpoint {
        let mut next = self.next();
        let gone = |live: &LiveFile| files.contains(&live.file.path);
        for live in next.files.iter().filter(|live| gone(live)) {
            remember(&mut next.dropped, live);
        }
        next.files.retain(|live| !gone(live));
        next
    }

    /// The checkpoint in which this part is written, or written anew.
    ///
    /// # Errors
    /// [`CatalogError::Compacted`] if its rows are in one file with those of others.
    pub(crate) fn replacing(&self, run: &str, number: u32, part: &Part) -> Result<Checkpoint> {
        self.check_alone(run, number)?;
        let mut next = self.next();
        next.files.retain(|live| live.parts != (number, number));
        next.dropped.retain(|one| one.parts != (number, number));
        next.files.extend(part.files.iter().map(|file| LiveFile {
            parts: (number, number),
            file: file.clone(),
        }));
        next.parts.insert(number, CoveredPart::of(part));
        Ok(next)
    }

    /// Whether a part can be replaced: no file may hold its rows together with those of others.
    pub(crate) fn check_alone(&self, run: &str, number: u32) -> Result<()> {
        let is_shared = |(first, last): (u32, u32)| {
            (first..=last).contains(&number) && (first, last) != (number, number)
        };
        let files = self.checkpoint.files.iter().map(|live| live.parts);
        let dropped = self.checkpoint.dropped.iter().map(|one| one.parts);
        if files.chain(dropped).any(is_shared) {
            return Err(CatalogError::Compacted {
                run: run.to_owned(),
                part: number,
            });
        }
        Ok(())
    }
}

/// Adds a file to what was dropped of its partition.
fn remember(dropped: &mut Vec<Dropped>, live: &LiveFile) {
    let meta = &live.file.meta;
    let one = Dropped {
        table: meta.table,
        instrument: meta.instrument.as_ref().map(|def| def.name.clone()),
        bar: meta.bar,
        date: live.file.date().to_owned(),
        rows: meta.rows,
        from: meta.ts_min,
        to: meta.ts_max,
        parts: live.parts,
    };
    let same = |known: &&mut Dropped| {
        let key = |one: &Dropped| (one.table, one.instrument.clone(), one.bar, one.date.clone());
        key(known) == key(&one)
    };
    match dropped.iter_mut().find(same) {
        None => dropped.push(one),
        Some(known) => {
            known.rows += one.rows;
            known.from = known.from.min(one.from);
            known.to = known.to.max(one.to);
            known.parts.0 = known.parts.0.min(one.parts.0);
            known.parts.1 = known.parts.1.max(one.parts.1);
        }
    }
}
