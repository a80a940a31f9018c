//! Where books stood at the end of earlier imports, so that a capture goes on where another one ended.

use super::Target;
use crate::failure::Failure;
use std::collections::{BTreeMap, BTreeSet};
use tickloom_data::{Catalog, RunEnd};
use tickloom_types::BookEnd;

/// Where the books stand that earlier imports have left whole, those of this command too.
pub(super) struct BooksLeft {
    by_run: BTreeMap<String, Vec<BookEnd>>,
    /// Runs that were asked.
    asked: BTreeSet<String>,
}

impl BooksLeft {
    pub(super) fn of(target: &Target) -> Result<BooksLeft, Failure> {
        let mut left = BooksLeft {
            by_run: BTreeMap::new(),
            asked: BTreeSet::new(),
        };
        left.add(target.catalog().run_ends().map_err(Failure::run)?);
        Ok(left)
    }

    fn add(&mut self, ends: BTreeMap<String, RunEnd>) {
        self.asked.extend(ends.keys().cloned());
        let by_run = ends.into_iter().map(|(run, end)| (run, end.books));
        self.by_run
            .extend(by_run.filter(|(_, books)| !books.is_empty()));
    }

    /// Takes note of where a run has left them.
    pub(super) fn insert(&mut self, run: String, books: Vec<BookEnd>) {
        self.asked.insert(run.clone());
        self.by_run.insert(run, books);
    }

    /// Asks imports of these instruments that others have made since the command began.
    pub(super) fn note(
        &mut self,
        catalog: &Catalog,
        run: &str,
        names: &[String],
    ) -> Result<(), Failure> {
        let names = names.iter().map(String::as_str);
        let mut others = catalog.other_imports(run, names).map_err(Failure::run)?;
        others.retain(|other| !self.asked.contains(other));
        self.add(catalog.run_ends_of(&others).map_err(Failure::run)?);
        self.asked.extend(others);
        Ok(())
    }

    pub(super) fn all(&self) -> Vec<BookEnd> {
        self.by_run.values().flatten().cloned().collect()
    }
}
