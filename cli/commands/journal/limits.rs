//! Who needs which segments: the journal knows some, the catalog and QuestDB's cursor beside it are asked here.

use super::failure;
use crate::failure::Failure;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use tickloom_core::{Core, CoreConfig, Snapshot};
use tickloom_data::{Catalog, Comparison, Difference, catalog_dir, compare_journal};
use tickloom_journal::{PruneLimit, SnapshotFile, prune_limits, read_journal_meta};

/// All of them.
pub(super) fn limits(dir: &Path) -> Result<Vec<PruneLimit>, Failure> {
    let mut limits = prune_limits(dir, loads(dir)).map_err(failure)?;
    limits.extend(questdb(dir)?);
    limits.extend(catalog(dir)?);
    Ok(limits)
}

/// Whether this version would go on from a snapshot of the run.
fn loads(dir: &Path) -> impl Fn(&SnapshotFile) -> bool {
    let meta = read_journal_meta(dir).ok().flatten();
    let config = meta.and_then(|meta| serde_json::from_str::<CoreConfig>(&meta.config).ok());
    move |file| {
        let (Some(config), Ok(snapshot)) = (&config, Snapshot::open(&file.state)) else {
            return false;
        };
        Core::load(config, &snapshot).is_ok()
    }
}

/// What QuestDB has confirmed, if it was ever sent anything.
fn questdb(dir: &Path) -> Result<Option<PruneLimit>, Failure> {
    let bytes = match fs::read(dir.join("questdb.json")) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::run(error)),
    };
    // A cursor that is damaged says nothing: then all is sent again.
    let segment = serde_json::from_slice::<serde_json::Value>(&bytes)
        .ok()
        .and_then(|file| u32::try_from(file.get("segment")?.as_u64()?).ok());
    Ok(Some(PruneLimit {
        who: "QuestDB, which has not confirmed them".to_owned(),
        below: segment.unwrap_or(1),
    }))
}

/// The catalog beside the journal, if there is one: it is in need of the segments from the first that it does not have for certain.
fn catalog(dir: &Path) -> Result<Option<PruneLimit>, Failure> {
    Ok(compared(dir)?.map(|found| PruneLimit {
        who: "the catalog, which does not have them".to_owned(),
        below: found.needed_from(),
    }))
}

/// In what the catalog beside the journal, if there is one, differs from it.
pub(super) fn differences(dir: &Path) -> Result<Vec<Difference>, Failure> {
    let Some(mut found) = compared(dir)? else {
        return Ok(Vec::new());
    };
    found.settle().map_err(Failure::run)?;
    // What is wrong with the journal by itself is among its own faults.
    found.differences.retain(|one| !one.is_of_journal);
    Ok(found.differences)
}

fn compared(dir: &Path) -> Result<Option<Comparison>, Failure> {
    let full = fs::canonicalize(dir).map_err(Failure::run)?;
    let beside = full
        .parent()
        .filter(|runs| runs.ends_with("journal"))
        .and_then(Path::parent)
        .map(catalog_dir);
    let Some(beside) = beside.filter(|beside| Catalog::is_at(beside)) else {
        return Ok(None);
    };
    let catalog = Catalog::open(&beside).map_err(Failure::run)?;
    compare_journal(&full, &catalog)
        .map(Some)
        .map_err(Failure::run)
}
