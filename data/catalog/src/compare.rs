//! Whether a journal and the catalog that is made from it say the same: which segments are in it, and what is there that the other
//! does not know. The journal is the authority; the catalog may be behind it, and nothing else.
//!
//! [`compare`] reads the index and the heads of segments, for every start; [`compare_rows`] reads every row of both. What can be
//! wrong, and who says it, is a table in `docs/catalog.md`.

mod index;
mod rows;
mod segments;

use super::Catalog;
use super::rewrite::Progress;
use super::store::Store;
use crate::Result;
use crate::limits::{FOOTERS_AT_START_MAX, FOOTERS_MAX};
use index::read_found;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use tickloom_journal::{RunMeta, lock, outline_journal};

/// How often what others write meanwhile is looked at again before a difference is believed.
const LOOKS_MAX: u32 = 100;

/// How a journal and a catalog are to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The run.
    pub run: String,
    /// The directory of its journal.
    pub journal: PathBuf,
    /// What the run is, by its first segment with a whole head.
    #[serde(skip)]
    pub meta: Option<RunMeta>,
    /// The first segment that is there and the last; `None` if there is none.
    pub segments: Option<(u32, u32)>,
    /// Segments that the catalog does not have yet, and could have.
    pub lacking: Vec<u32>,
    /// What one of them says and the other denies.
    pub differences: Vec<Difference>,
    /// Segments of which the catalog has a part that is in doubt.
    pub doubtful: BTreeSet<u32>,
}

/// Something in which a journal and a catalog differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The run.
    pub run: String,
    /// The file that shows it.
    pub file: PathBuf,
    /// What is there.
    pub found: String,
    /// What the other says.
    pub expected: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether they tell of two histories under one name: a run that went on would make a third of them.
    pub contradicts: bool,
    /// Whether the journal is not whole by itself.
    pub is_of_journal: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            file,
            found,
            expected,
            remedy,
            ..
        } = self;
        let file = file.display();
        write!(f, "{file}: {found}, expected {expected}; {remedy}")
    }
}

impl Comparison {
    fn of(run: &str, journal: &Path) -> Comparison {
        Comparison {
            run: run.to_owned(),
            journal: journal.to_owned(),
            meta: None,
            segments: None,
            lacking: Vec::new(),
            differences: Vec::new(),
            doubtful: BTreeSet::new(),
        }
    }

    /// The first difference that tells of two histories.
    #[must_use]
    pub fn contradiction(&self) -> Option<&Difference> {
        self.differences.iter().find(|one| one.contradicts)
    }

    /// How many segments are in the catalog without a doubt.
    #[must_use]
    pub fn known(&self) -> u32 {
        let all = self.segments.map_or(0, |(first, last)| last - first + 1);
        let others = self.lacking.len() + self.doubtful.len();
        all.saturating_sub(u32::try_from(others).unwrap_or(u32::MAX))
    }

    /// The first segment that the catalog is in need of: one that it does not have for certain; the last one if it has all.
    #[must_use]
    pub fn needed_from(&self) -> u32 {
        let (first, last) = self.segments.unwrap_or_default();
        if self.contradiction().is_some() {
            return first;
        }
        let lacking = self.lacking.iter().chain(&self.doubtful).min();
        lacking.copied().unwrap_or(last).max(first)
    }

    fn add(
        &mut self,
        file: &Path,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> &mut Difference {
        self.differences.push(Difference {
            run: self.run.clone(),
            file: file.to_owned(),
            found: found.into(),
            expected: expected.into(),
            remedy: String::new(),
            contradicts: false,
            is_of_journal: false,
        });
        self.differences.last_mut().expect("just pushed")
    }

    /// Notes that the journal does not lie in the directory of its run.
    pub fn misplaced(&mut self, expected: &Path) {
        let journal = self.journal.clone();
        let found = format!("the journal of run {}", self.run);
        let difference = self.add(&journal, found, format!("it in {}", expected.display()));
        difference.contradicts = true;
        "move it out of the record directory, or to that place if there is no other journal of the run".clone_into(&mut difference.remedy);
    }

    /// Takes what is lacking for a difference, if nobody is about to bring it in: the journal has no writer.
    ///
    /// # Errors
    /// As [`lock`].
    pub fn settle(&mut self) -> Result<()> {
        let Some(first) = self.lacking.first().copied() else {
            return Ok(());
        };
        let is_written = lock(&self.journal)?.is_none();
        if is_written {
            return Ok(());
        }
        let lacking = std::mem::take(&mut self.lacking);
        let last = lacking.last().copied().unwrap_or(first);
        let names = match first == last {
            true => format!("segment {first}"),
            false => format!("segments {first} to {last}"),
        };
        let journal = self.journal.clone();
        let found = format!("{} of {names} are not in the catalog", lacking.len());
        let difference = self.add(&journal, found, "all of them, as nobody writes the journal");
        "the next tickloom run with this record directory brings them in"
            .clone_into(&mut difference.remedy);
        self.doubtful.extend(lacking);
        Ok(())
    }
}

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
