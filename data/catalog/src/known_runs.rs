//! Which runs have which instruments, asked for once by a command that writes many: [`Catalog::runs_with`].

use crate::bundles::Bundles;
use crate::catalog::IMPORT_RUN;
use crate::commits::Head;
use crate::part::{from_json, meta_path};
use crate::{Catalog, Result};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tickloom_journal::RunMeta;

/// What is known; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownRuns(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Nothing before it was asked for.
    names: Option<Names>,
    /// Commits of an object store of which note was taken, by their number.
    commits: Option<u64>,
}

/// Names of runs by the instruments that they have.
#[derive(Debug, Default)]
struct Names {
    by_instrument: HashMap<String, BTreeSet<String>>,
    all: BTreeSet<String>,
    /// The bundles at that time.
    bundles: Bundles,
}

impl Names {
    fn of(bundles: Bundles, metas: &[RunMeta]) -> Names {
        let mut names = Names {
            bundles,
            ..Names::default()
        };
        for meta in metas {
            names.add_meta(meta);
        }
        names
    }

    fn add_meta(&mut self, meta: &RunMeta) {
        let instruments = meta.instruments.defs().iter();
        self.add(&meta.run, instruments.map(|def| def.name.as_str()));
    }

    fn add<'a>(&mut self, run: &str, instruments: impl Iterator<Item = &'a str>) {
        self.all.insert(run.to_owned());
        for name in instruments {
            let runs = self.by_instrument.entry(name.to_owned()).or_default();
            runs.insert(run.to_owned());
        }
    }
}

impl KnownRuns {
    /// What is known is whole whoever was stopped while it had it.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog {
    /// Names of the runs that have one of these instruments, sorted: of those that were there when this was first asked, or the last
    /// bundle was made, and those that this catalog has begun to write since, or has met while [`Catalog::importing`].
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn runs_with<'a>(
        &self,
        instruments: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeSet<String>> {
        let mut known = self.known().lock();
        let bundles = Bundles::read(self.store())?;
        let names = known.names.as_ref();
        if names.is_none_or(|names| names.bundles != bundles) {
            known.names = Some(Names::of(bundles, &self.runs()?));
        }
        let names = known.names.get_or_insert_default();
        Ok(instruments
            .into_iter()
            .filter_map(|name| names.by_instrument.get(name))
            .flatten()
            .cloned()
            .collect())
    }

    /// Those of [`Catalog::runs_with`] that are imports other than this one.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn other_imports<'a>(
        &self,
        run: &str,
        instruments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<String>> {
        let mut runs = self.runs_with(instruments)?;
        runs.retain(|name| name.starts_with(IMPORT_RUN) && name != run);
        Ok(runs.into_iter().collect())
    }

    /// Names of the runs of which it is known which instruments they have, if that was asked for.
    pub(crate) fn known_names(&self) -> Option<BTreeSet<String>> {
        let known = self.known().lock();
        known.names.as_ref().map(|names| names.all.clone())
    }

    /// Takes note of a run of which a part is begun.
    pub(crate) fn note(&self, meta: &RunMeta) {
        if let Some(names) = self.known().lock().names.as_mut() {
            names.add_meta(meta);
        }
    }

    /// Takes note of what was committed since it did so last; if the head does not remember all of that, the runs are asked for anew.
    pub(crate) fn note_commits(&self, head: &Head) -> Result<()> {
        let mut known = self.known().lock();
        let before = known.commits.replace(head.number());
        let Some(names) = known.names.as_mut() else {
            return Ok(());
        };
        let Some(since) = before.and_then(|before| head.since(before)) else {
            known.names = None;
            return Ok(());
        };
        for run in since.iter().flat_map(|commit| &commit.runs) {
            match &run.instruments {
                Some(instruments) => {
                    names.add(&run.run, instruments.iter().map(String::as_str));
                }
                None => {
                    let path = meta_path(&run.run);
                    // One that is gone has gone into a bundle.
                    if let Some((bytes, _)) = self.store().read_version(&path)? {
                        names.add_meta(&from_json(self.store(), &path, &bytes)?);
                    }
                }
            }
        }
        Ok(())
    }
}
