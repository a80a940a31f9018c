//! Imports of one instrument come one after the other, so that each is held to what the others have: [`Catalog::importing`]. In a directory
//! they wait for each other; in an object store one that was overtaken looks again (`commit.rs`).

use crate::commit::{Seen, apply_newest, read_head};
use crate::commits::{CommittedRun, Concern, Head};
use crate::part::{checkpoint_path, from_json, meta_path, part_path, read_meta, runs_dir};
use crate::store::{Lock, Store};
use crate::writer::Target;
use crate::{Catalog, Result, RunWriter, Written};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tickloom_journal::RunMeta;
use xxhash_rust::xxh3::xxh3_64;

/// Locks by which instruments are kept apart; many may share one.
const LOCKS: u64 = 32;

/// Keeps other imports away from instruments while it lives; in an object store, knows what there was when it began.
#[must_use = "others are kept away while it lives"]
pub struct Importing {
    catalog: Catalog,
    seen: Option<SharedSeen>,
    _locks: Vec<Lock>,
}

/// What the writers of one import have seen before they began.
pub(crate) type SharedSeen = Arc<Mutex<Seen>>;

/// What is known is whole whoever was stopped while it had it.
pub(crate) fn lock(seen: &SharedSeen) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Catalog {
    /// Begins an import that writes these runs, of these instruments and those that the runs have so far. Waits until no other import on
    /// this machine writes one of them into the catalog, keeps others from it, and takes note of what they have written. In an object
    /// store nobody waits for anybody: there the import does not take effect if another one of these instruments has meanwhile. Whoever
    /// begins has to look again at all that decides what is written: [`Importing::is_overtaken`].
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn importing<'a>(
        &self,
        runs: &[&str],
        instruments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Importing> {
        let names: BTreeSet<String> = instruments.into_iter().map(str::to_owned).collect();
        if self.is_remote() {
            return self.importing_remote(runs, names);
        }
        loop {
            let known = with_those_of(self.store(), runs, &names)?;
            let numbers: BTreeSet<u64> = known
                .iter()
                .map(|name| xxh3_64(name.as_bytes()) % LOCKS)
                .collect();
            // In one order, so that no two wait for each other.
            let locks = numbers.into_iter();
            let locks = locks.map(|number| self.lock_instruments(number));
            let locks = locks.collect::<Result<_>>()?;
            // While it waited a run may have got others.
            if with_those_of(self.store(), runs, &names)? == known {
                self.note_others()?;
                return Ok(Importing {
                    catalog: self.clone(),
                    seen: None,
                    _locks: locks,
                });
            }
        }
    }

    /// Waits until no import on this machine is at work, and keeps others from beginning; in an object store nobody waits for anybody.
    pub(crate) fn without_imports(&self) -> Result<Vec<Lock>> {
        if self.is_remote() {
            return Ok(Vec::new());
        }
        (0..LOCKS)
            .map(|number| self.lock_instruments(number))
            .collect()
    }

    fn lock_instruments(&self, number: u64) -> Result<Lock> {
        let name = format!("instruments-{number:02}.lock");
        self.store().lock(&runs_dir().join(name))
    }

    fn importing_remote(&self, runs: &[&str], names: BTreeSet<String>) -> Result<Importing> {
        let store = self.store();
        let (head, version) = read_head(store)?;
        apply_newest(store, &head)?;
        let concern = Concern {
            runs: runs.iter().map(|run| (*run).to_owned()).collect(),
            instruments: with_those_of(store, runs, &names)?,
        };
        self.note_late(&head, &concern)?;
        self.note_commits(&head)?;
        let seen = Seen::new((head, version), concern);
        Ok(Importing {
            catalog: self.clone(),
            seen: Some(Arc::new(Mutex::new(seen))),
            _locks: Vec::new(),
        })
    }

    /// Takes note of what was committed lately and concerns an import, as a listing may come late.
    fn note_late(&self, head: &Head, concern: &Concern) -> Result<()> {
        let store = self.store();
        let runs = head.last().iter().flat_map(|commit| &commit.runs);
        let is_known = |run: &CommittedRun| store.known_commits().has(&run.run, run.part);
        for run in runs.filter(|run| concern.meets(run, None) && !is_known(run)) {
            let has_entry = store.exists(&part_path(&run.run, run.part))?;
            // One that has neither was removed since, or has gone into a bundle.
            if has_entry || store.exists(&checkpoint_path(&run.run))? {
                let part = has_entry.then_some(run.part);
                store.known_commits().add(&run.run, part);
            }
        }
        Ok(())
    }

    /// Takes note of runs that others have begun since it was first asked which there are.
    fn note_others(&self) -> Result<()> {
        let Some(known) = self.known_names() else {
            return Ok(());
        };
        for name in self.store().names(&runs_dir())? {
            // One that says nothing of itself yet is of other instruments.
            if !known.contains(&name)
                && let Ok(meta) = read_meta(self.store(), &name)
            {
                self.note(&meta);
            }
        }
        Ok(())
    }
}

/// Names of instruments, and of those that these runs have.
fn with_those_of(
    store: &Store,
    runs: &[&str],
    names: &BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    let mut all = names.clone();
    for run in runs {
        let path = meta_path(run);
        if let Some((bytes, _)) = store.read_version(&path)? {
            let meta: RunMeta = from_json(store, &path, &bytes)?;
            all.extend(meta.instruments.defs().iter().map(|def| def.name.clone()));
        }
    }
    Ok(all)
}

impl Importing {
    /// Begins to write a part of a run, as [`Catalog::writer`] does. In an object store it takes effect only if nobody has overtaken the import.
    ///
    /// # Errors
    /// As [`Catalog::writer`].
    pub fn writer(&self, meta: &RunMeta, part: u32, source: &str) -> Result<RunWriter> {
        self.catalog.note(meta);
        let target = Target {
            store: self.catalog.store().clone(),
            room: self.catalog.room(),
            seen: self.seen.clone(),
        };
        RunWriter::new(target, meta, part, source)
    }

    /// Finishes several writers of this import: in an object store all of them take effect or none.
    ///
    /// # Errors
    /// As [`RunWriter::finish`].
    pub fn finish(&self, writers: Vec<RunWriter>) -> Result<Vec<Written>> {
        match &self.seen {
            Some(seen) => RunWriter::commit(writers, seen),
            None => writers.into_iter().map(RunWriter::finish).collect(),
        }
    }

    /// Whether the import has to be begun again, as another one has changed what it was decided by: asked after an error, which may be none
    /// then. Never in a directory.
    ///
    /// # Errors
    /// [`crate::CatalogError::Store`].
    pub fn is_overtaken(&self) -> Result<bool> {
        match &self.seen {
            Some(seen) => lock(seen).is_overtaken(self.catalog.store()),
            None => Ok(false),
        }
    }
}
