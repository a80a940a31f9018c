//! Which imports a compaction has written together as one run, a bundle, and that they count no more because of it.
//!
//! One entry decides, `_bundles/<run>.json`. It is written once and never changed: it says which runs the bundle has the rows of, or
//! that it was given up. Until it is there the bundle does not count; from then on its members do not.

use super::checkpoint::CoveredPart;
use super::part::{from_json, to_json};
use super::store::Store;
use super::table::Table;
use crate::{CatalogError, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const DIR: &str = "_bundles";

/// What was decided of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// The runs whose rows it has, also those that bundles among them had; none if it was given up.
    pub(crate) members: BTreeMap<String, Member>,
}

/// A run as it was when its rows went into a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    pub(crate) parts: BTreeMap<u32, CoveredPart>,
    /// Whether it was a bundle, whose own members are named too.
    pub(crate) is_bundle: bool,
}

impl Member {
    /// Its rows by table.
    pub(crate) fn rows(&self) -> BTreeMap<Table, u64> {
        let mut rows: BTreeMap<Table, u64> = BTreeMap::new();
        for (table, count) in self.parts.values().flat_map(|part| &part.rows) {
            *rows.entry(*table).or_default() += count;
        }
        rows
    }
}

/// Decisions that were read, by the bundle's name. As none ever changes, no one is read twice.
pub(crate) type KnownDecisions = Arc<Mutex<BTreeMap<String, Arc<Decision>>>>;

/// All decisions of a catalog at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundles(BTreeMap<String, Arc<Decision>>);

/// Where decisions are.
pub(crate) fn bundles_dir() -> PathBuf {
    PathBuf::from(DIR)
}

fn path(bundle: &str) -> PathBuf {
    Path::new(DIR).join(format!("{bundle}.json"))
}

impl Bundles {
    /// Those that there are now.
    pub(crate) fn read(store: &Store) -> Result<Bundles> {
        let mut all = BTreeMap::new();
        for file in store.paths(Path::new(DIR))? {
            let name = file.file_name().and_then(|name| name.to_str());
            let Some(name) = name.and_then(|name| name.strip_suffix(".json")) else {
                continue;
            };
            // What a writer has not finished begins with a dot.
            if !name.starts_with('.')
                && let Some(decision) = read(store, name)?
            {
                all.insert(name.to_owned(), decision);
            }
        }
        Ok(Bundles(all))
    }

    /// Whether the rows of a run are read.
    pub(crate) fn counts(&self, run: &str, is_bundle: bool) -> bool {
        (!is_bundle || self.members(run).is_some()) && self.bundle_of(run).is_none()
    }

    /// What a bundle has; `None` if it is none, or was given up.
    pub(crate) fn members(&self, bundle: &str) -> Option<&BTreeMap<String, Member>> {
        let members = self.0.get(bundle).map(|decision| &decision.members);
        members.filter(|members| !members.is_empty())
    }

    /// The imports in a bundle, without bundles among them.
    pub(crate) fn imports(&self, bundle: &str) -> Vec<String> {
        let members = self.members(bundle).into_iter().flatten();
        let imports = members.filter(|(_, member)| !member.is_bundle);
        imports.map(|(run, _)| run.clone()).collect()
    }

    /// Whether it is decided that a bundle does not count.
    pub(crate) fn is_given_up(&self, bundle: &str) -> bool {
        self.0
            .get(bundle)
            .is_some_and(|decision| decision.members.is_empty())
    }

    /// The bundle that has the rows of a run, and what the run was.
    pub(crate) fn bundle_of(&self, run: &str) -> Option<(&str, &Member)> {
        let mut all = self.0.iter();
        all.find_map(|(bundle, one)| Some((bundle.as_str(), one.members.get(run)?)))
    }

    /// Refuses a run whose rows are in a bundle.
    pub(crate) fn check_alone(&self, run: &str) -> Result<()> {
        match self.bundle_of(run) {
            None => Ok(()),
            Some((bundle, _)) => Err(bundled(run, bundle)),
        }
    }
}

fn bundled(run: &str, bundle: &str) -> CatalogError {
    CatalogError::Bundled {
        run: run.to_owned(),
        bundle: bundle.to_owned(),
    }
}

fn read(store: &Store, bundle: &str) -> Result<Option<Arc<Decision>>> {
    let lock = || {
        let known = store.known_decisions();
        known.lock().unwrap_or_else(PoisonError::into_inner)
    };
    if let Some(known) = lock().get(bundle) {
        return Ok(Some(Arc::clone(known)));
    }
    let path = path(bundle);
    let Some((bytes, _)) = store.read_version(&path)? else {
        return Ok(None);
    };
    let decision: Arc<Decision> = Arc::new(from_json(store, &path, &bytes)?);
    lock().insert(bundle.to_owned(), Arc::clone(&decision));
    Ok(Some(decision))
}

/// Lets a bundle count instead of its members; false if it was given up before.
pub(crate) fn decide(store: &Store, bundle: &str, decision: &Decision) -> Result<bool> {
    if store.put_new(&path(bundle), &to_json(decision))? {
        return Ok(true);
    }
    // Another compaction may have made the same one of the same runs.
    Ok(read(store, bundle)?.is_some_and(|known| *known == *decision))
}

/// Decides that a bundle never counts, as a run that would be in it changes.
///
/// # Errors
/// [`CatalogError::Bundled`] if it does count.
pub(crate) fn give_up(store: &Store, bundle: &str, run: &str) -> Result<()> {
    if store.put_new(&path(bundle), &to_json(&Decision::default()))? {
        return Ok(());
    }
    match read(store, bundle)? {
        Some(decision) if !decision.members.is_empty() => Err(bundled(run, bundle)),
        _ => Ok(()),
    }
}

/// Forgets what was decided of a bundle of which nothing is there any more.
pub(crate) fn forget(store: &Store, bundle: &str) -> Result<()> {
    store.remove(&path(bundle))?;
    let known = store.known_decisions();
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.remove(bundle);
    Ok(())
}
