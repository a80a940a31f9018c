//! How an import becomes part of a catalog in an object store, where no lock keeps others away: by one conditional put.
//!
//! All that an import makes visible is written into an object of its own, `_commits/<id>.json`, which counts for nothing. Then the head,
//! `_commits/head.json`, is replaced by one that names it, if it is as it was when the import began to look at what is there. If it is not,
//! the commits since then say whether the import has to look again. What the head names is decided: it is put into the index, by
//! whoever made it or, if that one died, by the next import, and only then its object goes. So all commits but the newest are in the index.
//!
//! Readers know nothing of it.

use super::bundles::Bundles;
use super::checkpoint::{Checkpoint, CheckpointVersion, CoveredPart, RunIndex};
use super::commits::{Committed, CommittedRun, Concern, Head};
use super::end::{RunEnd, end_path};
use super::index::{read_checkpoint, remove_covered, swap_checkpoint};
use super::part::{Part, PartFile, check_files, from_json, meta_path, part_path, to_json};
use super::store::{Store, Version};
use super::writer::remove_files;
use crate::{CatalogError, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use tickloom_journal::RunMeta;
use tickloom_types::Ts;

const DIR: &str = "_commits";
const HEAD: &str = "head.json";

/// What an import makes visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Commit {
    pub(crate) runs: Vec<CommitRun>,
    /// It could not be put into the index, and never will be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_refused: bool,
}

/// A run of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommitRun {
    pub(crate) meta: RunMeta,
    pub(crate) number: u32,
    pub(crate) part: Part,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<RunEnd>,
    /// Instruments of the run as it was before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) before: BTreeSet<String>,
    /// Whether it is there already, otherwise.
    pub(crate) is_replacing: bool,
    /// Whether it is listed in the run's checkpoint rather than by an entry of its own.
    pub(crate) is_in_checkpoint: bool,
}

/// What became of a commit that the head names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It is in the index, or was until another took its place.
    Done,
    /// It cannot be: its run has gone into a bundle, or somebody who knows nothing of commits has written it.
    Refused,
}

/// The head as it was when an import began to look at what is there, and what that concerns.
#[derive(Debug)]
pub(crate) struct Seen {
    head: Head,
    version: Option<Version>,
    concern: Concern,
    /// Own commits, by which it is not overtaken.
    own: Vec<String>,
    is_overtaken: bool,
}

/// Where commits are.
pub(crate) fn commits_dir() -> PathBuf {
    PathBuf::from(DIR)
}

fn head_path() -> PathBuf {
    Path::new(DIR).join(HEAD)
}

fn commit_path(id: &str) -> PathBuf {
    Path::new(DIR).join(format!("{id}.json"))
}

/// The commit that a path below the catalog's root is of.
pub(crate) fn commit_of(path: &Path) -> Option<&str> {
    let name = path.strip_prefix(DIR).ok()?.to_str()?;
    name.strip_suffix(".json").filter(|_| name != HEAD)
}

/// A name that nobody else has given to anything: from the random numbers by which the system lets hash maps differ.
pub(crate) fn new_id() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", random(), random())
}

/// The head, and which writing of it that is; `None` if nothing was ever committed.
pub(crate) fn read_head(store: &Store) -> Result<(Head, Option<Version>)> {
    let path = head_path();
    match store.read_version(&path)? {
        Some((bytes, version)) => Ok((from_json(store, &path, &bytes)?, Some(version))),
        None => Ok((Head::default(), None)),
    }
}

/// A commit that was not put into the index yet, with which writing of it that is.
pub(crate) fn read_commit(store: &Store, id: &str) -> Result<Option<(Commit, Version)>> {
    let path = commit_path(id);
    let Some((bytes, version)) = store.read_version(&path)? else {
        return Ok(None);
    };
    let commit: Commit = from_json(store, &path, &bytes)?;
    let files = commit.runs.iter().flat_map(|run| &run.part.files);
    check_files(store, &path, files)?;
    Ok(Some((commit, version)))
}

fn is_pending(store: &Store, id: &str) -> Result<bool> {
    store.exists(&commit_path(id))
}

/// Puts the newest commit into the index, if whoever made it has not done so.
pub(crate) fn apply_newest(store: &Store, head: &Head) -> Result<()> {
    match head.newest() {
        Some(newest) => apply(store, &newest.id).map(|_| ()),
        None => Ok(()),
    }
}

/// Puts a commit that the head names into the index. Whoever is quicker, or comes again after a death, does the same; what came after
/// it stays, as its object goes before the next commit.
pub(crate) fn apply(store: &Store, id: &str) -> Result<Applied> {
    let Some((commit, version)) = read_commit(store, id)? else {
        return Ok(Applied::Done);
    };
    if commit.is_refused {
        return Ok(Applied::Refused);
    }
    for run in &commit.runs {
        match apply_run(store, id, run) {
            Ok(true) => {}
            Ok(false) => return Ok(Applied::Done),
            Err(CatalogError::Bundled { .. } | CatalogError::Outrun { .. }) => {
                let refused = Commit {
                    is_refused: true,
                    ..commit
                };
                // Its maker has to see that. Who was quicker has said the same.
                store.swap(&commit_path(id), &to_json(&refused), Some(&version))?;
                return Ok(Applied::Refused);
            }
            Err(error) => return Err(error),
        }
    }
    store.remove(&commit_path(id))?;
    Ok(Applied::Done)
}

/// False if somebody else has done it meanwhile.
fn apply_run(store: &Store, id: &str, run: &CommitRun) -> Result<bool> {
    let name = &run.meta.run;
    let bundles = Bundles::read(store)?;
    if let Some((_, member)) = bundles.bundle_of(name)
        && member.parts.get(&run.number) == Some(&CoveredPart::of(&run.part))
    {
        return Ok(true);
    }
    bundles.check_alone(name)?;
    if let Some(end) = &run.end
        && !put(store, id, &end_path(name), &to_json(end))?
    {
        return Ok(false);
    }
    if !put(store, id, &meta_path(name), &to_json(&run.meta))? {
        return Ok(false);
    }
    match run.is_in_checkpoint {
        true => put_in_checkpoint(store, id, run),
        false => put_entry(store, id, run),
    }
}

/// Replaces an entry while a commit is not in the index; false if it is by now, and what is there may be of a later one.
fn put(store: &Store, id: &str, path: &Path, bytes: &[u8]) -> Result<bool> {
    loop {
        let there = store.read_version(path)?;
        if there.as_ref().is_some_and(|(there, _)| there == bytes) {
            return Ok(true);
        }
        // In this order: who commits after this one has seen its object gone, and puts its own into the place of what was read above.
        if !is_pending(store, id)? {
            return Ok(false);
        }
        if store.swap(path, bytes, there.as_ref().map(|(_, version)| version))? {
            return Ok(true);
        }
    }
}

fn put_entry(store: &Store, id: &str, run: &CommitRun) -> Result<bool> {
    let bytes = to_json(&run.part);
    let path = part_path(&run.meta.run, run.number);
    loop {
        let there = store.read_version(&path)?;
        match there {
            Some((there, _)) if there == bytes => return Ok(true),
            _ if !is_pending(store, id)? => return Ok(false),
            Some(_) => return Err(outrun(run)),
            None if store.put_new(&path, &bytes)? => return Ok(true),
            None => {}
        }
    }
}

fn put_in_checkpoint(store: &Store, id: &str, run: &CommitRun) -> Result<bool> {
    let name = &run.meta.run;
    loop {
        let index = read_index_of(store, name, run.number)?;
        if index.checkpoint.commit.as_deref() == Some(id) {
            return Ok(true);
        }
        if !is_pending(store, id)? {
            return Ok(false);
        }
        if run.is_replacing && index.source(run.number).is_none() {
            Bundles::read(store)?.check_alone(name)?;
            return Err(outrun(run));
        }
        let mut next = index.replacing(name, run.number, &run.part)?;
        next.commit = Some(id.to_owned());
        if !swap_checkpoint(store, name, &index, &next)? {
            continue;
        }
        let own = (run.number, run.number);
        let old = index.live().filter(|live| live.parts == own);
        let old: Vec<PartFile> = old.map(|live| live.file).collect();
        remove_files(store, &old, &run.part.files)?;
        remove_covered(store, name, &index)?;
        return Ok(true);
    }
}

/// The index of a run as far as a part of it concerns it: read without a listing, which may come late.
fn read_index_of(store: &Store, run: &str, number: u32) -> Result<RunIndex> {
    let entry = Part::read(store, run, number)?;
    let (checkpoint, version): (Checkpoint, Option<CheckpointVersion>) =
        match read_checkpoint(store, run)? {
            Some((checkpoint, version)) => (checkpoint, Some(version)),
            None => (Checkpoint::none(), None),
        };
    let entry = entry.filter(|_| !checkpoint.parts.contains_key(&number));
    Ok(RunIndex {
        checkpoint,
        version,
        parts: entry.map(|part| (number, part)).into_iter().collect(),
    })
}

fn outrun(run: &CommitRun) -> CatalogError {
    CatalogError::Outrun {
        run: run.meta.run.clone(),
        part: run.number,
    }
}

impl CommitRun {
    /// What the head remembers of it.
    fn committed(&self) -> CommittedRun {
        let defs = self.meta.instruments.defs().iter();
        let mut instruments: BTreeSet<String> = defs.map(|def| def.name.clone()).collect();
        instruments.extend(self.before.iter().cloned());
        CommittedRun::new((&self.meta.run, self.number), instruments, self.times())
    }

    /// Between which times it changes something; `None` if that may be any.
    fn times(&self) -> Option<(Ts, Ts)> {
        let files = self.part.files.iter().filter(|_| !self.is_replacing);
        let times = files.map(|file| (file.meta.ts_min, file.meta.ts_max));
        times.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }
}

impl Seen {
    /// What an import is decided by begins to be looked at.
    pub(crate) fn new((head, version): (Head, Option<Version>), concern: Concern) -> Seen {
        Seen {
            head,
            version,
            concern,
            own: Vec::new(),
            is_overtaken: false,
        }
    }

    /// Whether something that others have committed since concerns rows with these times, or any.
    fn is_met(&self, now: &Head, times: &[Option<(Ts, Ts)>]) -> bool {
        let Some(since) = now.since(self.head.number()) else {
            return true;
        };
        let others = since.iter().filter(|one| !self.own.contains(&one.id));
        let mut runs = others.flat_map(|one| &one.runs);
        runs.any(|run| times.iter().any(|times| self.concern.meets(run, *times)))
    }

    /// Whether others have committed what concerns the import, whatever its rows are: then what it has found may be none of them.
    pub(crate) fn is_overtaken(&mut self, store: &Store) -> Result<bool> {
        if !self.is_overtaken {
            let (now, _) = read_head(store)?;
            self.is_overtaken = self.is_met(&now, &[None]);
        }
        Ok(self.is_overtaken)
    }

    /// Decides that a commit counts, and puts it into the index.
    ///
    /// # Errors
    /// [`CatalogError::Overtaken`] if others have committed what concerns it, [`CatalogError::Outrun`] if that was a run of it: nothing is
    /// left of it but its files. After any other error it may count or not.
    pub(crate) fn commit(&mut self, store: &Store, id: &str, commit: &Commit) -> Result<Applied> {
        store.put_new(&commit_path(id), &to_json(commit))?;
        let committed = Committed {
            id: id.to_owned(),
            runs: commit.runs.iter().map(CommitRun::committed).collect(),
        };
        let times: Vec<_> = commit.runs.iter().map(CommitRun::times).collect();
        self.own.push(id.to_owned());
        loop {
            let next = self.head.after(committed.clone());
            let is_put = store.swap(&head_path(), &to_json(&next), self.version.as_ref())?;
            if is_put {
                // Which writing of it that is is not known: another commit reads the head again.
                self.head = next;
                break;
            }
            let (now, version) = read_head(store)?;
            // What was done may have been answered with an error, and others have gone on from it since. Its object goes only once it counts.
            if now.has(id) || !is_pending(store, id)? {
                self.head = next;
                break;
            }
            if self.is_met(&now, &times) {
                self.is_overtaken = true;
                store.remove(&commit_path(id))?;
                return Err(overtaken(&now, commit));
            }
            apply_newest(store, &now)?;
            (self.head, self.version) = (now, version);
        }
        apply(store, id)
    }
}

/// Why a commit does not count: others have written one of its runs, or beside it.
fn overtaken(now: &Head, commit: &Commit) -> CatalogError {
    let mut others = now.last().iter().flat_map(|one| &one.runs);
    let same = |run: &&CommitRun| others.any(|other| other.run == run.meta.run);
    match commit.runs.iter().find(same) {
        Some(run) if !run.is_replacing => outrun(run),
        _ => CatalogError::Overtaken {
            run: commit
                .runs
                .first()
                .map_or_else(String::new, |run| run.meta.run.clone()),
        },
    }
}

/// Forgets a commit that was refused.
pub(crate) fn forget(store: &Store, id: &str) -> Result<()> {
    store.remove(&commit_path(id))
}
