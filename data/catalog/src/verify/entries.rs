//! The entries of the index themselves: each says by its own hash whether it is as it was written, so that reading it is looking at it.

use super::fault::Fault;
use crate::Result;
use crate::commit::{commit_of, commits_dir, read_commit, read_head};
use crate::index::nameless;
use crate::part::meta_path;
use crate::sealed::is_sealed;
use crate::store::Store;
use std::path::Path;
use tickloom_journal::RunMeta;

/// Entries below a directory of the index that have no hash of themselves.
pub(super) fn unsealed(store: &Store, dir: &Path) -> Result<u64> {
    let mut count = 0;
    for path in store.paths(dir)? {
        if path.extension().is_some_and(|ending| ending == "json")
            && let Some((text, _)) = store.read_version(&path)?
        {
            count += u64::from(!is_sealed(&text));
        }
    }
    Ok(count)
}

/// Runs that have lost what says what they are: nobody would miss their rows otherwise.
pub(super) fn without_meta(store: &Store) -> Result<Vec<Fault>> {
    let runs = nameless(store)?.into_iter();
    let fault = |run: String| Fault::new(&meta_path(&run), "no such file", "what the run is");
    Ok(runs.map(fault).collect())
}

/// Entries of commits that cannot be read.
pub(super) fn damaged_commits(store: &Store) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for path in store.paths(&commits_dir())? {
        let read = match commit_of(&path) {
            Some(id) => read_commit(store, id).map(|_| ()),
            None => read_head(store).map(|_| ()),
        };
        faults.extend(read.err().map(|error| Fault::unreadable(&path, &error)));
    }
    Ok(faults)
}

/// That an entry is of another run than its directory says.
pub(super) fn other_run(run: &str, meta: &RunMeta) -> Option<Fault> {
    (meta.run != run).then(|| {
        let expected = "what the run of its directory is";
        Fault::new(&meta_path(run), format!("what {} is", meta.run), expected)
    })
}
