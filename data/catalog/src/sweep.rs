//! Files that no index lists: what somebody who died left behind, or what somebody who lives has not listed yet. They are no
//! faults: Tickloom does not read them. Outside readers may, so they are named, and removed once nobody can be writing them.

use super::Catalog;
use super::bundles::Bundles;
use super::catalog::IMPORT_RUN;
use super::commit::{apply_newest, commit_of, commits_dir, read_commit, read_head};
use super::index::{all_names, read_index, run_names};
use super::part::{Entry, RUNS_DIR, entry, lock_run};
use super::store::Store;
use crate::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A file that no index lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Below the catalog's root.
    pub path: PathBuf,
    /// The run whose it is by its name; `None` if it is nobody's.
    pub run: Option<String>,
    /// What it is.
    pub what: LeftoverKind,
}

/// What kind of file was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// A Parquet file that is being written, or will never be finished.
    Temporary,
    /// A whole Parquet file: of a part that is not complete, or one whose rows are in another file now.
    Unlisted,
    /// The entry of a part that a checkpoint covers.
    CoveredEntry,
    /// The mark of a part that is being written, or whose writer has died.
    BegunMark,
    /// What an import into an object store is about to make visible, or would have if it had not died.
    Commit,
}

impl LeftoverKind {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LeftoverKind::Temporary => "a file that was not finished",
            LeftoverKind::Unlisted => "a file that no index lists",
            LeftoverKind::CoveredEntry => "an entry that a checkpoint covers",
            LeftoverKind::BegunMark => "the mark of a part that was begun",
            LeftoverKind::Commit => "a commit that has not taken effect",
        }
    }
}

/// Everything below a catalog that no index lists, by path.
pub(crate) fn leftovers(catalog: &Catalog) -> Result<Vec<Leftover>> {
    let store = catalog.store();
    // Listed before the index is read: what is completed in between is in the index then.
    let paths: Vec<PathBuf> = store
        .list(Path::new(""))?
        .into_iter()
        .map(|f| f.path)
        .collect();
    let runs: BTreeSet<String> = all_names(store)?.into_keys().collect();
    let mut listed = BTreeSet::new();
    let mut covered = BTreeMap::new();
    for run in run_names(store)? {
        let index = read_index(store, &run)?;
        listed.extend(index.files().map(|file| file.path.clone()));
        covered.insert(run, index);
    }
    let of_index = |path: &Path| {
        let (run, entry) = entry(path)?;
        let what = match entry {
            Entry::Begun(_) => LeftoverKind::BegunMark,
            Entry::Part(number) if covered.get(run)?.covers(number) => LeftoverKind::CoveredEntry,
            Entry::Part(_) => return None,
            Entry::Temporary => LeftoverKind::Temporary,
        };
        Some((Some(run.to_owned()), what))
    };
    let of_rows = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        let (name, what) = match name.strip_prefix('.').and_then(|n| n.strip_suffix(".tmp")) {
            Some(name) => (name, LeftoverKind::Temporary),
            None => (name, LeftoverKind::Unlisted),
        };
        let stem = name.strip_suffix(".parquet")?;
        (!listed.contains(path)).then(|| (owner(stem, &runs), what))
    };
    let found = paths.into_iter().filter_map(|path| {
        let (run, what) = match path.starts_with(RUNS_DIR) {
            true => of_index(&path)?,
            false => of_rows(&path)?,
        };
        Some(Leftover { path, run, what })
    });
    let mut found: Vec<Leftover> = found.collect();
    found.extend(commits(store)?);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Commits that have not taken effect.
fn commits(store: &Store) -> Result<Vec<Leftover>> {
    let mut all = Vec::new();
    for path in store.paths(&commits_dir())? {
        // One that takes effect now is gone.
        if let Some(id) = commit_of(&path)
            && let Some((commit, _)) = read_commit(store, id)?
        {
            let run = commit.runs.into_iter().next().map(|run| run.meta.run);
            all.push(Leftover {
                path,
                run,
                what: LeftoverKind::Commit,
            });
        }
    }
    Ok(all)
}

/// The run of a file by its name without extension. One run's name may begin with another's: the longest counts.
fn owner(stem: &str, runs: &BTreeSet<String>) -> Option<String> {
    let mut ends: Vec<usize> = stem.match_indices('-').map(|(at, _)| at).collect();
    ends.reverse();
    // An import into an object store that died before it took effect has left nothing in the index.
    let is_run = |name: &str| runs.contains(name) || name.starts_with(IMPORT_RUN);
    let is_own = |end: &usize| is_of_run(&stem[end + 1..]) && is_run(&stem[..*end]);
    ends.into_iter()
        .find(is_own)
        .map(|end| stem[..end].to_owned())
}

/// Whether this is what follows the run in a file's name: the number of a part, or `merged` and a hash.
fn is_of_run(rest: &str) -> bool {
    let (number, digits) = match rest.strip_prefix("merged-") {
        Some(hash) => (hash, 16),
        None => (rest, 8),
    };
    let has_digits = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    match number.split_at_checked(digits) {
        Some((number, more)) => has_digits(number) && (more.is_empty() || more.starts_with('-')),
        None => false,
    }
}

/// Removes what nobody can be writing any more. The caller holds the lock of compactions. On an object store there are no
/// locks, so nothing is removed.
pub(crate) fn sweep(catalog: &Catalog) -> Result<u64> {
    if catalog.store().is_remote() {
        return Ok(0);
    }
    remove_leftovers(catalog)
}

/// Removes leftovers of all runs, each while its lock is held. On an object store nobody else may be writing.
pub(crate) fn remove_leftovers(catalog: &Catalog) -> Result<u64> {
    let mut by_run: BTreeMap<String, Vec<Leftover>> = BTreeMap::new();
    if catalog.is_remote() {
        // What is decided takes effect first: its files are nobody's leftovers.
        apply_newest(catalog.store(), &read_head(catalog.store())?.0)?;
    }
    for leftover in leftovers(catalog)? {
        // What is nobody's may be somebody's whom we do not know.
        if let Some(run) = leftover.run.clone() {
            by_run.entry(run).or_default().push(leftover);
        }
    }
    let mut removed = 0;
    for (run, found) in by_run {
        removed += remove_of_run(catalog.store(), &run, found)?;
    }
    Ok(removed)
}

fn remove_of_run(store: &Store, run: &str, mut found: Vec<Leftover>) -> Result<u64> {
    let _lock = lock_run(store, run)?;
    // A writer may have listed its files before the lock was given.
    let index = read_index(store, run)?;
    let mut listed: BTreeSet<&PathBuf> = index.files().map(|file| &file.path).collect();
    if Bundles::read(store)?.is_given_up(run) {
        listed.clear();
    }
    found.retain(|leftover| !listed.contains(&leftover.path));
    // Marks go last: who dies here leaves them for the next time.
    found.sort_by_key(|leftover| leftover.what == LeftoverKind::BegunMark);
    for leftover in &found {
        store.remove(&leftover.path)?;
    }
    Ok(found.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_file_is_the_run_with_the_longest_name() {
        let runs: BTreeSet<String> = ["a", "a-00000000", "b"].map(str::to_owned).into();
        let check = |stem: &str, expected: Option<&str>| {
            assert_eq!(owner(stem, &runs).as_deref(), expected, "{stem}");
        };
        check("a-00000001", Some("a"));
        check("a-00000001-1d", Some("a"));
        check("a-00000001-1d-2", Some("a"));
        check("a-00000000-00000003", Some("a-00000000"));
        check("a-merged-0123456789abcdef", Some("a"));
        check("b-merged-0123456789abcdef-1m", Some("b"));
        check("b-merged-0123", None);
        check("c-00000001", None);
        check("import-c-00000000-0123456789abcdef", Some("import-c"));
        check("b", None);
        check("b-0000001", None);
    }
}
