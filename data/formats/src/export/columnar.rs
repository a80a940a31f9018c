//! Rows as columns: an Arrow IPC file and a Parquet file. Of tables they have the columns of the catalog's files.

use super::BatchWriter;
use super::header::FileHeader;
use super::target::Target;
use crate::{FormatError, Result};
use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tickloom_catalog::META_KEY;

/// An error of either library, which are all of writing: what is written is ours.
fn failed<E: std::error::Error + Send + Sync + 'static>(path: &Path) -> impl Fn(E) -> FormatError {
    let path = path.to_owned();
    move |error| FormatError::io("write", &path)(std::io::Error::other(error))
}

/// Begins an Arrow IPC file.
pub(super) fn arrow(schema: &Schema, target: &Target) -> Result<Box<dyn BatchWriter>> {
    let path = target.temporary().to_owned();
    let writer = FileWriter::try_new(target.file()?, schema).map_err(failed(&path))?;
    Ok(Box::new(Arrow { path, writer }))
}

/// The schema of a table, which says what the rows are of.
pub(super) fn described(header: &FileHeader) -> Schema {
    let metadata = HashMap::from([(META_KEY.to_owned(), header.to_json())]);
    Schema::clone(&header.table.exported()).with_metadata(metadata)
}

struct Arrow {
    path: PathBuf,
    writer: FileWriter<BufWriter<File>>,
}

impl BatchWriter for Arrow {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(failed(&self.path))
    }

    fn finish(self: Box<Self>, _rows: u64) -> Result<()> {
        let Arrow { path, mut writer } = *self;
        writer.finish().map_err(failed(&path))?;
        writer.flush().map_err(failed(&path))
    }
}

/// Begins a Parquet file, which says what its rows are of if there is a header.
pub(super) fn parquet(
    schema: SchemaRef,
    properties: WriterProperties,
    header: Option<&FileHeader>,
    target: &Target,
) -> Result<Box<dyn BatchWriter>> {
    let path = target.temporary().to_owned();
    let writer = ArrowWriter::try_new(target.file()?, schema, Some(properties));
    let mut writer = writer.map_err(failed(&path))?;
    if let Some(header) = header {
        writer.append_key_value_metadata(KeyValue::new(META_KEY.to_owned(), header.to_json()));
    }
    Ok(Box::new(Parquet { path, writer }))
}

struct Parquet {
    path: PathBuf,
    writer: ArrowWriter<BufWriter<File>>,
}

impl BatchWriter for Parquet {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).map_err(failed(&self.path))
    }

    fn finish(self: Box<Self>, _rows: u64) -> Result<()> {
        let Parquet { path, writer } = *self;
        let mut file = writer.into_inner().map_err(failed(&path))?;
        file.flush().map_err(FormatError::io("write", &path))
    }
}
