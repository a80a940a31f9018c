//! How a journal and a catalog are to each other: what a comparison found so far.

use crate::{Difference, Result};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tickloom_journal::{RunMeta, lock};

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

impl Comparison {
    pub(super) fn of(run: &str, journal: &Path) -> Comparison {
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

    pub(super) fn add(
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
