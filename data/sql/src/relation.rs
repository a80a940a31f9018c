//! What is selected from: a table, or the result of a query.

use crate::bounds::Bounds;
use crate::error::SqlError;
use crate::order::{self, Order};
use polars::prelude::LazyFrame;
use tickloom_catalog::{Catalog, FileRange, Table};

/// Rows that have not been read yet.
#[derive(Clone)]
pub(crate) struct Relation {
    pub(crate) frame: LazyFrame,
    /// Bytes that sorting them would take, beside those that they take anyway.
    pub(crate) sorting: u64,
    source: Option<Source>,
}

/// Where the rows of a table are.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) table: Table,
    pub(crate) files: Vec<FileRange>,
    /// What of the files' rows is wanted.
    pub(crate) bounds: Bounds,
}

impl Relation {
    /// The rows of a table.
    pub(crate) fn of_table(frame: LazyFrame, source: Source, sorting: u64) -> Relation {
        Relation {
            frame,
            sorting,
            source: Some(source),
        }
    }

    /// The rows that a query gives.
    pub(crate) fn of_query(frame: LazyFrame, sorting: u64) -> Relation {
        Relation {
            frame,
            sorting,
            source: None,
        }
    }

    /// The table that it is.
    pub(crate) fn table(&self) -> Option<Table> {
        self.source.as_ref().map(|source| source.table)
    }

    /// How far its rows are in the order of time. Reads the times of a table in a directory.
    ///
    /// # Errors
    /// [`SqlError::Engine`] if a file cannot be read.
    pub(crate) fn order(&self, catalog: &Catalog) -> Result<Order, SqlError> {
        match &self.source {
            Some(source) => order::of_files(catalog, &source.files, &source.bounds),
            None => Ok(Order::Unknown),
        }
    }
}
