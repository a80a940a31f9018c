//! Whether a journal and the catalog that is made from it say the same: which segments are in it, and what is there that the other
//! does not know. The journal is the authority; the catalog may be behind it, and nothing else.
//!
//! [`compare`] reads the index and the heads of segments, for every start; [`compare_rows`] reads every row of both. What can be
//! wrong, and who says it, is a table in `docs/catalog.md`.

mod comparison;
mod index;
mod rows;
mod segments;

use super::Catalog;
use super::progress::Progress;
use super::store::Store;
use crate::Result;
use crate::limits::{FOOTERS_AT_START_MAX, FOOTERS_MAX};
pub use comparison::Comparison;
use index::read_found;
use std::path::Path;
use tickloom_journal::outline_journal;

/// How often what others write meanwhile is looked at again before a difference is believed.
const LOOKS_MAX: u32 = 100;

/// Compares the journal in `journal` with the catalog: heads of segments with entries of the index, and these with the lengths of
/// their files. No part is read; of the newest 1,024 files the footers are. Others may write both meanwhile.
///
/// # Errors
/// [`crate::CatalogError::Io`], [`crate::CatalogError::Journal`] if the system refuses. All else is in the comparison.
pub fn compare(journal: &Path, catalog: &Catalog) -> Result<Comparison> {
    compare_to(journal, catalog, FOOTERS_MAX)
}

/// As [`compare`], with the footers of no more than the newest 64 files.
///
/// # Errors
/// As [`compare`].
pub fn compare_at_start(journal: &Path, catalog: &Catalog) -> Result<Comparison> {
    compare_to(journal, catalog, FOOTERS_AT_START_MAX)
}

fn compare_to(journal: &Path, catalog: &Catalog, footers_max: usize) -> Result<Comparison> {
    let once = || compare_once(journal, catalog.store(), footers_max);
    let mut found = once()?;
    for _ in 0..LOOKS_MAX {
        if found.differences.is_empty() {
            break;
        }
        // What is being written may look wrong while it is: what is wrong is so again.
        let before = std::mem::replace(&mut found, once()?);
        if found == before {
            break;
        }
    }
    Ok(found)
}

/// As [`compare`], and compares every row of the catalog that is of a segment which is there with the record that it was made from.
/// `progress` is told of rows and may stop it.
///
/// # Errors
/// As [`compare`].
pub fn compare_rows(
    journal: &Path,
    catalog: &Catalog,
    progress: &mut Progress<'_>,
) -> Result<Comparison> {
    let mut found = compare(journal, catalog)?;
    for _ in 0..LOOKS_MAX {
        let before = found.clone();
        rows::compare(catalog, &mut found, progress)?;
        if found.differences.len() == before.differences.len() {
            break;
        }
        let again = compare(journal, catalog)?;
        if again == before {
            break;
        }
        found = again;
    }
    Ok(found)
}

fn compare_once(journal: &Path, store: &Store, footers_max: usize) -> Result<Comparison> {
    let outline = outline_journal(journal)?;
    let name = journal.file_name().and_then(|name| name.to_str());
    let run = match outline.meta() {
        Some(meta) => meta.run.clone(),
        None => name.unwrap_or_default().to_owned(),
    };
    let mut found = Comparison::of(&run, journal);
    found.meta = outline.meta().cloned();
    found.segments = outline
        .numbers
        .first()
        .copied()
        .zip(outline.numbers.last().copied());
    if let Some((first, last)) = found.segments {
        let missing =
            (first..=last).filter(|number| outline.numbers.binary_search(number).is_err());
        found.doubtful.extend(missing);
    }
    for fault in &outline.faults {
        let difference = found.add(journal, fault.to_string(), "a journal that is whole");
        difference.is_of_journal = true;
        difference.remedy = "put the segment back from a copy; tickloom journal salvage rescues what is whole, and tickloom run --new-run begins another run".to_owned();
    }
    let index = read_found(store, &run, &mut found)?;
    segments::compare(&outline, store, &index, footers_max, &mut found)?;
    Ok(found)
}
