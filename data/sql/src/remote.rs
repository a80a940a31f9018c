//! Files of one instrument in an object store: what is wanted of them is fetched when the engine runs a plan, and not before.

use crate::bounds::Bounds;
use crate::error::SqlError;
use crate::limits::FETCHED_BYTES;
use crate::order::TIME;
use crate::tables::{columns, data_type, opened, stored, width};
use polars::prelude::*;
use polars_buffer::Buffer;
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tickloom_catalog::{Catalog, CatalogError, FileRange, Table};

/// What went wrong while the engine ran a plan, which can hand on texts alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<Option<CatalogError>>>);

impl Faults {
    fn keep(&self, error: SqlError) -> PolarsError {
        let text = error.to_string();
        if let SqlError::Catalog(error) = error {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.get_or_insert(error);
        }
        PolarsError::ComputeError(text.into())
    }

    /// The first, if there is any.
    pub(crate) fn take(&self) -> Option<CatalogError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take()
    }
}

/// Files that have not been fetched.
pub(crate) struct Remote {
    pub(crate) catalog: Catalog,
    pub(crate) table: Table,
    /// All of the same instrument and schema.
    pub(crate) files: Vec<FileRange>,
    pub(crate) bounds: Bounds,
    pub(crate) faults: Faults,
}

impl Remote {
    /// The rows, not fetched yet.
    ///
    /// # Errors
    /// [`SqlError::Engine`].
    pub(crate) fn frame(self) -> Result<LazyFrame, SqlError> {
        let outline = self.table.outline().into_iter();
        let fields = outline.map(|(name, kind)| Field::new(name.into(), data_type(kind)));
        let args = ScanArgsAnonymous {
            schema: Some(Arc::new(Schema::from_iter(fields))),
            ..ScanArgsAnonymous::default()
        };
        LazyFrame::anonymous_scan(Arc::new(self), args).map_err(crate::tables::engine)
    }

    /// These columns of the rows that the bounds admit, of the first `rows` of them if that is given.
    fn read(&self, names: &[&str], rows: Option<usize>) -> Result<DataFrame, SqlError> {
        let mut read = names.to_vec();
        let is_stored = |name: &&str| !stored(self.table, &self.files, name).is_empty();
        if !names.iter().any(is_stored) {
            // What is the same in all rows does not say how many these are.
            read.push(TIME);
        }
        let mut fetched: BTreeSet<&str> = read
            .iter()
            .flat_map(|name| stored(self.table, &self.files, name))
            .collect();
        if self.bounds.from.is_some() || self.bounds.to.is_some() {
            fetched.insert(TIME);
        }
        let mut found: Option<DataFrame> = None;
        let mut left = rows.map_or(IdxSize::MAX, |rows| rows as IdxSize);
        let mut files = self.files.as_slice();
        while !files.is_empty() && (left > 0 || found.is_none()) {
            let (some, others) = files.split_at(self.at_once(files, &read, rows));
            files = others;
            let buffers = self
                .catalog
                .extracts(some, &fetched, &self.bounds.times())?;
            let buffers = buffers.into_iter().map(Buffer::from_owner).collect();
            let frame = opened(ScanSources::Buffers(buffers), &self.bounds)?;
            let frame = frame.select(columns(self.table, &self.files, Some(&read)));
            let frame = frame.limit(left).collect().map_err(crate::tables::engine)?;
            left = left.saturating_sub(frame.height() as IdxSize);
            match &mut found {
                Some(found) => {
                    found.vstack_mut(&frame).map_err(crate::tables::engine)?;
                }
                None => found = Some(frame),
            }
        }
        let found = found.unwrap_or_default();
        found
            .select(names.iter().copied())
            .map_err(crate::tables::engine)
    }

    /// How many files are fetched at a time: of a few rows, one.
    fn at_once(&self, files: &[FileRange], names: &[&str], rows: Option<usize>) -> usize {
        if rows.is_some() {
            return 1;
        }
        let outline = self.table.outline().into_iter();
        let read = outline.filter(|(name, _)| names.contains(name));
        let row: u64 = read.map(|(_, kind)| width(kind)).sum();
        let mut bytes = 0_u64;
        let few = files.iter().take_while(|file| {
            bytes = bytes.saturating_add(file.rows.saturating_mul(row));
            bytes <= FETCHED_BYTES
        });
        few.count().max(1)
    }
}

impl AnonymousScan for Remote {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn scan(&self, wanted: AnonymousScanArgs) -> PolarsResult<DataFrame> {
        let schema = wanted.output_schema.as_ref().unwrap_or(&wanted.schema);
        let names: Vec<&str> = match &wanted.with_columns {
            Some(names) => names.iter().map(PlSmallStr::as_str).collect(),
            None => schema.iter_names().map(PlSmallStr::as_str).collect(),
        };
        let found = self.read(&names, wanted.n_rows);
        found.map_err(|error| self.faults.keep(error))
    }

    fn allows_projection_pushdown(&self) -> bool {
        true
    }
}
