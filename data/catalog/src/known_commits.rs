//! Runs that imports have committed lately into a catalog in an object store, as the head of its commits says: they are there, also where
//! a listing does not show them yet.

use crate::part::{run_dir, runs_dir};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is remembered; clones share it. By run, the parts of which there was an entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownCommits(Arc<Mutex<BTreeMap<String, BTreeSet<u32>>>>);

impl KnownCommits {
    /// What is known is whole whoever was stopped while it had it.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<u32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a run that is there, and a part of it if it has an entry.
    pub(crate) fn add(&self, run: &str, part: Option<u32>) {
        self.lock().entry(run.to_owned()).or_default().extend(part);
    }

    /// Whether it remembers that a part has an entry.
    pub(crate) fn has(&self, run: &str, part: u32) -> bool {
        let all = self.lock();
        all.get(run).is_some_and(|parts| parts.contains(&part))
    }

    /// The runs in a directory of the index.
    pub(crate) fn below(&self, dir: &Path) -> Vec<(String, BTreeSet<u32>)> {
        let all = self.lock();
        let is_below = |run: &str| dir == runs_dir() || dir == run_dir(run);
        let all = all.iter().filter(|(run, _)| is_below(run));
        all.map(|(run, parts)| (run.clone(), parts.clone()))
            .collect()
    }
}
