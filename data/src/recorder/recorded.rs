//! What is in a record directory: the journals of its runs, and how each is to the catalog beside them.

use super::{catalog_dir, journal_dir};
use crate::{DataError, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tickloom_catalog::{Catalog, Comparison, compare, compare_at_start};

/// The journals below a record directory that have a segment, by name.
fn recorded_journals(dir: &Path) -> Result<Vec<PathBuf>> {
    let journals = dir.join("journal");
    let entries = match fs::read_dir(&journals) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(DataError::io("list", &journals)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(DataError::io("list", &journals))?.path();
        if path.is_dir() && has_segment(&path)? {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn has_segment(journal: &Path) -> Result<bool> {
    for entry in fs::read_dir(journal).map_err(DataError::io("list", journal))? {
        let path = entry.map_err(DataError::io("list", journal))?.path();
        if path.extension().is_some_and(|extension| extension == "tlj") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Compares each journal below a record directory with the catalog beside them, as a start does: as [`compare`], with the footers of
/// fewer files. That of two journals of one run which has not its name contradicts the other.
///
/// # Errors
/// As [`compare`].
pub fn compare_recorded(dir: &Path, catalog: &Catalog) -> Result<Vec<Comparison>> {
    let journals = recorded_journals(dir)?;
    let compared = journals
        .iter()
        .map(|journal| Ok(placed(journal, compare_at_start(journal, catalog)?)));
    compared.collect()
}

/// Compares a journal of a record directory with the catalog, as [`compare`] does; it must lie in the directory of its run's name.
///
/// # Errors
/// As [`compare`].
pub fn compare_journal(journal: &Path, catalog: &Catalog) -> Result<Comparison> {
    Ok(placed(journal, compare(journal, catalog)?))
}

/// With a word on a journal that does not lie in the directory of its run. Without a whole segment the run is called as the directory is.
fn placed(journal: &Path, mut found: Comparison) -> Comparison {
    if !journal.ends_with(&found.run) {
        found.misplaced(&journal.with_file_name(&found.run));
    }
    found
}

/// The comparison of a run's own journal, among those of a record directory; of a run that has none yet, of its name.
pub(super) fn own(
    dir: &Path,
    run: &str,
    catalog: &Catalog,
    compared: &[Comparison],
) -> Result<Comparison> {
    let journal = journal_dir(dir, run);
    match compared.iter().find(|one| one.journal == journal) {
        Some(one) => Ok(one.clone()),
        None => Ok(compare(&journal, catalog)?),
    }
}

/// The record directory whose catalog this is, if it is one with journals.
#[must_use]
pub fn record_dir_of(catalog: &Path) -> Option<PathBuf> {
    let full = fs::canonicalize(catalog).ok()?;
    let dir = full.parent()?;
    (catalog_dir(dir) == full && dir.join("journal").is_dir()).then(|| dir.to_owned())
}
