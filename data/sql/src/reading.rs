//! What one statement reads of a catalog, and that it may.

use crate::bounds::Bounds;
use crate::error::SqlError;
use crate::estimate::Estimate;
use crate::relation::{Relation, Source};
use crate::remote::Faults;
use crate::tables::scan;
use sqlparser::tokenizer::TokenWithSpan;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tickloom_catalog::{Catalog, FileRange, Table};

/// What a statement reads of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Files that it reads, and of how many.
    pub files: usize,
    /// Files of the tables it names.
    pub files_of: usize,
    /// Rows in the files that it reads.
    pub rows: u64,
}

/// A catalog that a statement reads, and what it has read of it.
pub(crate) struct Reading<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) memory: Estimate,
    reads: Vec<(Table, Reads)>,
    files: Vec<(Table, PathBuf)>,
    /// What went wrong in an object store while rows were read.
    pub(crate) faults: Faults,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        catalog: &'a Catalog,
        tokens: &[TokenWithSpan],
        memory_max: Option<u64>,
    ) -> Reading<'a> {
        Reading {
            catalog,
            memory: Estimate::new(tokens, memory_max),
            reads: Vec::new(),
            files: Vec::new(),
            faults: Faults::default(),
        }
    }

    /// A table's rows that the bounds admit, if they fit into the memory that is allowed.
    ///
    /// # Errors
    /// [`SqlError::Memory`]; [`SqlError::Catalog`]; [`SqlError::Engine`].
    pub(crate) fn scan(&mut self, table: Table, bounds: Bounds) -> Result<Relation, SqlError> {
        let all = self.catalog.files(table)?;
        let files_of = all.len();
        let files: Vec<FileRange> = all.into_iter().filter(|file| bounds.admit(file)).collect();
        let rows = files.iter().map(|file| file.rows).sum();
        let reads = Reads {
            files: files.len(),
            files_of,
            rows,
        };
        self.reads.push((table, reads));
        let named = files.iter().map(|file| (table, file.path.clone()));
        self.files.extend(named);
        let sorting = self.memory.read(table, rows)?;
        let frame = scan(self.catalog, table, &files, &bounds, &self.faults)?;
        let source = Source {
            table,
            files,
            bounds,
        };
        Ok(Relation::of_table(frame, source, sorting))
    }

    /// How often tables are named.
    pub(crate) fn relations(&self) -> usize {
        self.reads.len()
    }

    /// The tables, each time that one is named, and what is read of it.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (Table, &Reads)> {
        self.reads.iter().map(|(table, reads)| (*table, reads))
    }

    /// What all of it comes to.
    pub(crate) fn in_all(&self) -> Reads {
        let mut all = Reads::default();
        for (_, reads) in &self.reads {
            all.files += reads.files;
            all.files_of += reads.files_of;
            all.rows += reads.rows;
        }
        all
    }

    /// Whether a file that was to be read is not listed any more: it was compacted or dropped since.
    ///
    /// # Errors
    /// [`SqlError::Catalog`] if the index cannot be read.
    pub(crate) fn is_overtaken(&self) -> Result<bool, SqlError> {
        let tables: BTreeSet<Table> = self.files.iter().map(|(table, _)| *table).collect();
        let mut listed = BTreeSet::new();
        for table in tables {
            listed.extend(self.catalog.files(table)?.into_iter().map(|file| file.path));
        }
        Ok(self.files.iter().any(|(_, path)| !listed.contains(path)))
    }
}
