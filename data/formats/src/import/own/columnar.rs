//! Parquet files that export wrote: the schema is compared with the table's, then batches come as the Parquet library decodes them.

use super::{Batches, wrong};
use crate::export::header::FileHeader;
use crate::limits::{BATCH_ROWS, WORK_BYTES, WORK_BYTES_PER_BYTE};
use crate::{FormatError, Result};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ParquetMetaData;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use tickloom_catalog::META_KEY;

/// What a Parquet file begins with.
pub(super) const PARQUET_MAGIC: &[u8] = b"PAR1";

/// Bytes of a value at most, as far as most are concerned.
const VALUE_BYTES: u64 = 16;

/// A Parquet file.
pub(super) struct Parquet {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
}

/// Opens a Parquet file.
pub(super) fn parquet(path: &Path, file: File) -> Result<(FileHeader, Parquet)> {
    let options = ArrowReaderOptions::new();
    let metadata = contained(path, || ArrowReaderMetadata::load(&file, options))?;
    let text = metadata
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .and_then(|list| list.iter().find(|kv| kv.key == META_KEY))
        .and_then(|kv| kv.value.as_deref());
    let header = header_of(path, text)?;
    check_schema(path, &header, metadata.schema())?;
    check_work(path, &file, metadata.metadata())?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    let batches = contained(path, || builder.with_batch_size(BATCH_ROWS).build())?;
    let path = path.to_owned();
    Ok((header, Parquet { path, batches }))
}

/// What it says that there is must be in proportion to its bytes: it would be read otherwise.
fn check_work(path: &Path, file: &File, metadata: &ParquetMetaData) -> Result<()> {
    let length = file.metadata().map_err(FormatError::io("look at", path))?;
    let length = length.len();
    let chunks = metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns());
    let listed = chunks.fold((0_u64, 0_u64), |(packed, values), chunk| {
        let count = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
        (
            packed.saturating_add(count(chunk.compressed_size())),
            values.saturating_add(count(chunk.num_values())),
        )
    });
    let most = length
        .saturating_mul(WORK_BYTES_PER_BYTE)
        .saturating_add(WORK_BYTES);
    let (packed, values) = listed;
    if packed > length || values.saturating_mul(VALUE_BYTES) > most {
        let found = format!("{values} values in {packed} bytes of columns");
        return Err(wrong(
            path,
            "content",
            found,
            &format!("no more than a file of {length} bytes has"),
        ));
    }
    Ok(())
}

impl Batches for Parquet {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        contained(&self.path, || self.batches.next().transpose())
    }
}

/// What the Parquet library says, or that it gave up: a damaged page can make it panic, which must not end the import of others.
fn contained<T, E: std::fmt::Display>(
    path: &Path,
    read: impl FnOnce() -> Result<T, E>,
) -> Result<T> {
    let not_parquet = |found: String| wrong(path, "content", found, "a whole Parquet file");
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| not_parquet(error.to_string())),
        Err(_) => Err(not_parquet("damaged".to_owned())),
    }
}

/// The header in the metadata of a file.
pub(super) fn header_of(path: &Path, text: Option<&str>) -> Result<FileHeader> {
    let expected = "that of an exported file";
    let text = text.ok_or_else(|| wrong(path, "metadata \"tickloom\"", "missing", expected))?;
    FileHeader::from_json(path, text.as_bytes())
}

/// Names and types must be those of the table.
pub(super) fn check_schema(path: &Path, header: &FileHeader, found: &Schema) -> Result<()> {
    let expected = header.table.exported();
    let columns = expected.fields().len();
    if found.fields().len() != columns {
        let found = found.fields().len().to_string();
        return Err(wrong(
            path,
            "number of columns",
            found,
            &columns.to_string(),
        ));
    }
    for (at, (field, there)) in expected.fields().iter().zip(found.fields()).enumerate() {
        if field.name() != there.name() || field.data_type() != there.data_type() {
            let name = format!("column {}", at + 1);
            return Err(wrong(path, &name, there.to_string(), &field.to_string()));
        }
    }
    Ok(())
}

/// Wraps an error of the Arrow library.
pub(super) fn not_arrow(path: &Path, found: impl ToString) -> FormatError {
    wrong(path, "content", found.to_string(), "a whole Arrow IPC file")
}
