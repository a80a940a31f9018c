//! The columns of one Parquet file, batch by batch, from the cache or decoded: only the row groups and pages of the wanted time.
//!
//! The decoders of a file hold ten times what its records do. Where memory is short they are dropped after each batch and made
//! anew, at the row where they were, for the next.

use super::Table;
use super::cache::{CacheKey, Cached, Piece};
use super::chunks::Chunks;
use super::files::{FileScan, Files};
use super::pages::{GroupRows, footer_options, projection, wanted_rows};
use crate::{CatalogError, Result};
use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The columns of a file, batch by batch, from the cache or decoded.
pub(crate) struct Batches {
    files: Arc<Files>,
    path: PathBuf,
    pub(crate) url: PathBuf,
    cache_id: u64,
    table: Table,
    pub(crate) version: u32,
    meta: ArrowReaderMetadata,
    /// Opened when something is not in the cache.
    chunks: Option<Chunks>,
    /// What is left to read, the next last.
    left: Vec<GroupRows>,
    decoding: Option<ParquetRecordBatchReader>,
}

impl Batches {
    pub(crate) fn open(scan: &FileScan) -> Result<Batches> {
        let table = scan.file.meta.table;
        let version = scan.file.meta.schema;
        let url = scan.files.store.url(&scan.file.path);
        let key = CacheKey {
            file: scan.cache_id,
            piece: Piece::Footer,
        };
        let (meta, chunks) = match scan.files.cache.get(&key) {
            Some(Cached::Footer(meta)) => (meta, None),
            _ => {
                let chunks = open_chunks(&scan.files, &scan.file.path, scan.cache_id)?;
                let meta = ArrowReaderMetadata::load(&chunks, footer_options(table, version))
                    .map_err(CatalogError::parquet(&url))?;
                check_schema(&url, &table.stored(version), meta.schema())?;
                scan.files.cache.insert(key, Cached::Footer(meta.clone()));
                (meta, Some(chunks))
            }
        };
        let mut left = wanted_rows(meta.metadata(), &scan.times);
        left.reverse();
        Ok(Batches {
            files: Arc::clone(&scan.files),
            path: scan.file.path.clone(),
            url,
            cache_id: scan.cache_id,
            table,
            version,
            meta,
            chunks,
            left,
            decoding: None,
        })
    }

    /// The next rows, as columns.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let plan = self.files.plan;
        loop {
            let Some(next) = self.left.last() else {
                return Ok(None);
            };
            if next.rows.is_empty() {
                self.left.pop();
                self.decoding = None;
                continue;
            }
            let key = CacheKey {
                file: self.cache_id,
                piece: Piece::Rows {
                    group: next.group,
                    row: next.rows.start,
                    rows: plan.batch_rows,
                },
            };
            // Once decoders are at work on a row group they go on to its end.
            if self.decoding.is_none()
                && let Some(Cached::Rows(batch)) = self.files.cache.get(&key)
            {
                self.advance(batch.num_rows());
                return Ok(Some(batch));
            }
            let batch = self.decode()?;
            if self.files.cache.is_on() {
                self.files.cache.insert(key, Cached::Rows(batch.clone()));
            }
            self.advance(batch.num_rows());
            if !plan.keeps_decoders {
                self.decoding = None;
            }
            return Ok(Some(batch));
        }
    }

    fn advance(&mut self, rows: usize) {
        if let Some(next) = self.left.last_mut() {
            next.rows.start = next.rows.end.min(next.rows.start + rows);
        }
    }

    /// The next rows from the file itself.
    fn decode(&mut self) -> Result<RecordBatch> {
        if self.decoding.is_none() {
            self.decoding = Some(self.decoders()?);
        }
        let decoding = self.decoding.as_mut().expect("made above");
        match decoding.next() {
            Some(batch) => batch.map_err(CatalogError::parquet(&self.url)),
            None => Err(CatalogError::Parquet {
                file: self.url.clone(),
                message: "it has fewer rows than it says".to_owned(),
            }),
        }
    }

    /// Decoders that begin with the next row.
    fn decoders(&mut self) -> Result<ParquetRecordBatchReader> {
        let next = self.left.last().expect("the caller has seen it");
        let plan = self.files.plan;
        let mut count = next.rows.len();
        if !plan.keeps_decoders {
            count = count.min(plan.batch_rows);
        }
        let (group, skipped) = (next.group, next.rows.start);
        if self.chunks.is_none() {
            self.chunks = Some(open_chunks(&self.files, &self.path, self.cache_id)?);
        }
        let chunks = self.chunks.clone().expect("opened above");
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, self.meta.clone())
                .with_projection(projection(self.meta.metadata(), self.table, self.version))
                .with_row_groups(vec![group])
                .with_batch_size(plan.batch_rows);
        if skipped > 0 || !plan.keeps_decoders {
            let rows = vec![RowSelector::skip(skipped), RowSelector::select(count)];
            builder = builder.with_row_selection(RowSelection::from(rows));
        }
        builder.build().map_err(CatalogError::parquet(&self.url))
    }
}

fn open_chunks(files: &Files, path: &Path, cache_id: u64) -> Result<Chunks> {
    Chunks::open(
        &files.store,
        path,
        cache_id,
        &files.cache,
        files.plan.block_bytes,
    )
}

/// Names and types must be those of this version.
fn check_schema(
    path: &Path,
    expected: &arrow_schema::Schema,
    found: &arrow_schema::Schema,
) -> Result<()> {
    for (at, field) in expected.fields().iter().enumerate() {
        let there = found.fields().get(at);
        let same =
            there.is_some_and(|f| f.name() == field.name() && f.data_type() == field.data_type());
        if !same {
            return Err(CatalogError::Schema {
                file: path.to_owned(),
                field: format!("column {at}"),
                found: there.map_or("missing".to_owned(), ToString::to_string),
                expected: field.to_string(),
            });
        }
    }
    Ok(())
}
