//! The columns of one Parquet file, batch by batch, from the cache or decoded: only the row groups and pages of the wanted time.
//!
//! Files that are as this program writes them are decoded by `direct.rs`; whatever else there is, and what is to be kept in the
//! cache, by the library.
//!
//! The decoders of a file hold ten times what its records do. Where memory is short they are dropped after each batch and made
//! anew, at the row where they were, for the next.

use super::Table;
use super::cache::{CacheKey, Cached, Piece};
use super::chunks::Chunks;
use super::direct::{Block, Direct, Reads};
use super::files::{FileScan, Files};
use super::pages::{GroupRows, footer_options, projection, read_footer, wanted_rows};
use crate::{CatalogError, Result};
use arrow_array::RecordBatch;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::file::metadata::ParquetMetaData;
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
    /// For the library; read when it is first asked.
    meta: Option<ArrowReaderMetadata>,
    /// Opened when something is not in the cache.
    chunks: Option<Chunks>,
    /// What is left to read, the next last.
    left: Vec<GroupRows>,
    decoding: Option<ParquetRecordBatchReader>,
    direct: Option<WithoutLibrary>,
    /// The rows that were decoded last without the library.
    pub(crate) block: Block,
}

/// What it takes to decode without the library, for as long as nothing is met that only the library decodes.
struct WithoutLibrary {
    footer: ParquetMetaData,
    /// What the columns become that are read, with their places.
    reads: Vec<(usize, Reads)>,
    group: Option<Direct>,
}

/// Rows that were decoded.
pub(crate) enum Decoded {
    /// By the library.
    Batch(RecordBatch),
    /// They are in [`Batches::block`].
    Block,
}

impl Batches {
    /// Opens a file. `reads` says what each column becomes that is read, if records can be made of that.
    pub(crate) fn open(scan: &FileScan, reads: Option<Vec<Reads>>) -> Result<Batches> {
        let about = &scan.file.meta;
        let mut batches = Batches {
            files: Arc::clone(&scan.files),
            path: scan.file.path.clone(),
            url: scan.files.store.url(&scan.file.path),
            cache_id: scan.cache_id,
            table: about.table,
            version: about.schema,
            meta: None,
            chunks: None,
            left: Vec::new(),
            decoding: None,
            direct: None,
            block: Block::default(),
        };
        if let Some(reads) = reads.filter(|_| scan.files.plan.is_direct(about.rows)) {
            batches.open_directly(scan, reads)?;
        }
        let footer = match &batches.direct {
            Some(direct) => &direct.footer,
            None => batches.meta()?.metadata().as_ref(),
        };
        let mut left = wanted_rows(footer, &scan.times);
        left.reverse();
        batches.left = left;
        Ok(batches)
    }

    /// Reads a file's footer to decode without the library, if its columns are those of this version.
    fn open_directly(&mut self, scan: &FileScan, reads: Vec<Reads>) -> Result<()> {
        let chunks = self
            .chunks()?
            .held()
            .map_err(CatalogError::parquet(&self.url))?;
        let layout = scan.files.layouts.get(self.table, self.version);
        let layout = layout.map_err(CatalogError::parquet(&self.url))?;
        let footer = read_footer(&chunks, &scan.file.meta, &layout, &scan.times);
        self.chunks = Some(chunks);
        let columns = layout.wanted.iter().copied();
        if let Some(footer) = footer.map_err(CatalogError::parquet(&self.url))?
            && columns.len() == reads.len()
        {
            self.direct = Some(WithoutLibrary {
                footer,
                reads: columns.zip(reads).collect(),
                group: None,
            });
        }
        Ok(())
    }

    fn chunks(&mut self) -> Result<Chunks> {
        if let Some(chunks) = &self.chunks {
            return Ok(chunks.clone());
        }
        let chunks = open_chunks(&self.files, &self.path, self.cache_id)?;
        self.chunks = Some(chunks.clone());
        Ok(chunks)
    }

    /// What the file says of itself, for the library.
    fn meta(&mut self) -> Result<&ArrowReaderMetadata> {
        if self.meta.is_none() {
            let key = CacheKey {
                file: self.cache_id,
                piece: Piece::Footer,
            };
            let meta = match self.files.cache.get(&key) {
                Some(Cached::Footer(meta)) => meta,
                _ => {
                    let options = footer_options(self.table, self.version);
                    let meta = ArrowReaderMetadata::load(&self.chunks()?, options)
                        .map_err(CatalogError::parquet(&self.url))?;
                    check_schema(&self.url, &self.table.stored(self.version), meta.schema())?;
                    self.files.cache.insert(key, Cached::Footer(meta.clone()));
                    meta
                }
            };
            self.meta = Some(meta);
        }
        Ok(self.meta.as_ref().expect("read above"))
    }

    /// The next rows, as columns.
    pub(crate) fn next(&mut self) -> Result<Option<Decoded>> {
        let plan = self.files.plan;
        loop {
            let Some(next) = self.left.last() else {
                return Ok(None);
            };
            if next.rows.is_empty() {
                self.left.pop();
                self.decoding = None;
                if let Some(direct) = &mut self.direct {
                    direct.group = None;
                }
                continue;
            }
            if self.decode_directly()? {
                self.advance(self.block.rows);
                return Ok(Some(Decoded::Block));
            }
            let next = self.left.last().expect("seen above");
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
                return Ok(Some(Decoded::Batch(batch)));
            }
            let batch = self.decode()?;
            if self.files.cache.is_on() {
                self.files.cache.insert(key, Cached::Rows(batch.clone()));
            }
            self.advance(batch.num_rows());
            if !plan.keeps_decoders {
                self.decoding = None;
            }
            return Ok(Some(Decoded::Batch(batch)));
        }
    }

    /// Decodes the next rows without the library, unless that has met something that it leaves to the library.
    fn decode_directly(&mut self) -> Result<bool> {
        if self.direct.is_none() {
            return Ok(false);
        }
        let (chunks, rows_max) = (self.chunks()?, self.files.plan.batch_rows);
        let (Some(direct), Some(next)) = (&mut self.direct, self.left.last()) else {
            return Ok(false);
        };
        if direct.group.is_none() {
            let rows = (next.group, next.rows.clone());
            let (footer, reads) = (&direct.footer, &direct.reads);
            direct.group = Direct::new(&chunks, footer, rows, reads, rows_max);
        }
        let group = direct.group.as_mut();
        if group
            .and_then(|group| group.next(&mut self.block))
            .is_none()
        {
            self.direct = None;
        }
        Ok(self.direct.is_some())
    }

    /// Lets go of what the rows were decoded with, if they were the last: many files may be open at a time.
    pub(crate) fn release(&mut self) {
        let is_over = |next: &GroupRows| next.rows.is_empty();
        if self.direct.is_some() && self.left.iter().all(is_over) {
            self.left.clear();
            self.direct = None;
            self.chunks = None;
            self.block = Block::default();
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
        let (chunks, meta) = (self.chunks()?, self.meta()?.clone());
        let next = self.left.last().expect("the caller has seen it");
        let plan = self.files.plan;
        let mut count = next.rows.len();
        if !plan.keeps_decoders {
            count = count.min(plan.batch_rows);
        }
        let (group, skipped) = (next.group, next.rows.start);
        let columns = projection(meta.metadata(), self.table, self.version);
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, meta)
            .with_projection(columns)
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
