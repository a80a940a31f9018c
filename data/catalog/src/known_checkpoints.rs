//! Long checkpoints that a command has read, so that many looks at a catalog read the index of a bundle once. What somebody else has written
//! since is another writing of the file, and is read.

use crate::checkpoint::Checkpoint;
use crate::store::Writing;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files that a checkpoint lists for it to be worth remembering.
const FILES_MIN: usize = 64;
/// Files in all that are remembered; some 1,000 bytes each.
const FILES_MAX: usize = 32_768;

/// By run, the writing of the file and what it says.
type ByRun = HashMap<String, (Writing, Arc<Checkpoint>)>;

/// What is remembered; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownCheckpoints(Arc<Mutex<ByRun>>);

impl KnownCheckpoints {
    /// What is known is whole whoever was stopped while it had it.
    fn lock(&self) -> MutexGuard<'_, ByRun> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, run: &str, writing: &Writing) -> Option<Arc<Checkpoint>> {
        let all = self.lock();
        let (known, checkpoint) = all.get(run)?;
        (known == writing).then(|| Arc::clone(checkpoint))
    }

    pub(crate) fn add(&self, run: &str, writing: Writing, checkpoint: &Checkpoint) {
        let mut all = self.lock();
        all.remove(run);
        let files = |one: &Checkpoint| one.files.len() + one.parts.len();
        let held: usize = all.values().map(|(_, one)| files(one)).sum();
        if !(FILES_MIN..=FILES_MAX).contains(&files(checkpoint)) {
            return;
        }
        if held + files(checkpoint) > FILES_MAX {
            all.clear();
        }
        let known = (writing, Arc::new(checkpoint.clone()));
        all.insert(run.to_owned(), known);
    }
}
