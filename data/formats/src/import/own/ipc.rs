//! Arrow IPC files that export wrote. The Arrow library trusts lengths and offsets in a file: all of them are held against the file
//! before it sees any, so that it neither panics nor takes memory that a damaged file asks for.

use super::Batches;
use super::columnar::{check_schema, header_of, not_arrow};
use crate::export::header::FileHeader;
use crate::limits::{ARROW_BLOCK_BYTES_MAX, BATCH_ROWS, HEADER_BYTES_MAX};
use crate::{FormatError, Result};
use arrow_array::RecordBatch;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::FileReader;
use arrow_ipc::{Block, MessageHeader, root_as_footer, root_as_message};
use arrow_schema::{DataType, Field, Schema};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tickloom_catalog::META_KEY;

/// What an Arrow IPC file begins and ends with.
pub(super) const MAGIC: &[u8] = b"ARROW1";
/// The length of the footer and the magic at the end.
const TRAILER_BYTES: u64 = 10;
/// What stands before the metadata of a block: a mark and a length.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// An Arrow IPC file.
pub(super) struct Arrow<R: Read + Seek> {
    path: PathBuf,
    batches: FileReader<BufReader<R>>,
}

/// Opens an Arrow IPC file.
pub(super) fn open<R: Read + Seek>(path: &Path, mut file: R) -> Result<(FileHeader, Arrow<R>)> {
    let header = check(path, &mut file)?;
    let batches = FileReader::try_new_buffered(file, None).map_err(|e| not_arrow(path, e))?;
    let path = path.to_owned();
    Ok((header, Arrow { path, batches }))
}

impl<R: Read + Seek> Batches for Arrow<R> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        let batch = self.batches.next().transpose();
        batch.map_err(|error| not_arrow(&self.path, error))
    }
}

/// Checks all that says how much is where, and reads the header.
fn check(path: &Path, file: &mut (impl Read + Seek)) -> Result<FileHeader> {
    let length = file
        .seek(SeekFrom::End(0))
        .map_err(FormatError::io("read", path))?;
    let trailer_at = length.checked_sub(TRAILER_BYTES);
    let trailer_at = trailer_at.ok_or_else(|| not_arrow(path, "too short"))?;
    let trailer = read_at(path, file, trailer_at, 10)?;
    if &trailer[4..] != MAGIC {
        return Err(not_arrow(path, "without its end"));
    }
    let footer_bytes = i32::from_le_bytes([trailer[0], trailer[1], trailer[2], trailer[3]]);
    let footer_bytes = usize::try_from(footer_bytes).ok();
    let footer_bytes = footer_bytes.filter(|bytes| *bytes <= HEADER_BYTES_MAX);
    let footer_at = footer_bytes.and_then(|bytes| trailer_at.checked_sub(bytes as u64));
    let (Some(bytes), Some(at)) = (footer_bytes, footer_at) else {
        return Err(not_arrow(path, "a footer longer than the file"));
    };
    let footer = read_at(path, file, at, bytes)?;
    let footer = root_as_footer(&footer).map_err(|error| not_arrow(path, error))?;
    let schema = footer
        .schema()
        .ok_or_else(|| not_arrow(path, "without a schema"))?;
    let schema = try_fb_to_schema(schema).map_err(|error| not_arrow(path, error))?;
    let header = header_of(path, schema.metadata().get(META_KEY).map(String::as_str))?;
    check_schema(path, &header, &schema)?;
    let words = footer.dictionaries().unwrap_or_default();
    let batches = footer.recordBatches().unwrap_or_default();
    let kinds = [
        (words, Expected::words(at)),
        (batches, Expected::rows(at, &schema)),
    ];
    // Each is within the file, and none may be read twice.
    let mut listed = 0_u64;
    for (blocks, expected) in kinds {
        for block in blocks {
            let bytes = block.bodyLength().unsigned_abs();
            let metadata = u64::from(block.metaDataLength().unsigned_abs());
            listed = listed.saturating_add(bytes).saturating_add(metadata);
            if listed > length {
                return Err(not_arrow(path, "blocks that lie over each other"));
            }
            check_block(path, file, block, &expected).map_err(|wrong| match wrong {
                BlockError::Found(found) => not_arrow(path, found),
                BlockError::Io(error) => error,
            })?;
        }
    }
    Ok(header)
}

/// What a block must be.
struct Expected {
    kind: MessageHeader,
    /// Rows at most.
    rows_max: i64,
    /// What the length of each of its buffers is a multiple of.
    widths: Vec<u64>,
    /// Where in the file it ends at the latest.
    end: u64,
}

impl Expected {
    /// A list of names: which are null, where each begins, their text.
    fn words(end: u64) -> Expected {
        Expected {
            kind: MessageHeader::DictionaryBatch,
            rows_max: i64::from(i32::MAX),
            widths: vec![1, 4, 1],
            end,
        }
    }

    /// Rows: of each column which are null, and the values.
    fn rows(end: u64, schema: &Schema) -> Expected {
        let width = |field: &Arc<Field>| match field.data_type() {
            DataType::Dictionary(..) => 4,
            // A bit each in whole bytes.
            DataType::Boolean => 1,
            other => other.primitive_width().unwrap_or(1) as u64,
        };
        let fields = schema.fields().iter();
        Expected {
            kind: MessageHeader::RecordBatch,
            rows_max: BATCH_ROWS as i64,
            widths: fields.flat_map(|field| [1, width(field)]).collect(),
            end,
        }
    }
}

/// What is wrong with a block, or why it cannot be read.
enum BlockError {
    Found(&'static str),
    Io(FormatError),
}

impl From<&'static str> for BlockError {
    fn from(found: &'static str) -> BlockError {
        BlockError::Found(found)
    }
}

/// Checks the place of a block and of everything in it.
fn check_block(
    path: &Path,
    file: &mut (impl Read + Seek),
    block: &Block,
    expected: &Expected,
) -> Result<(), BlockError> {
    const OUTSIDE: &str = "a block that is not within the file";
    let at = u64::try_from(block.offset()).map_err(|_| OUTSIDE)?;
    let metadata_bytes = usize::try_from(block.metaDataLength()).map_err(|_| OUTSIDE)?;
    let body_bytes = u64::try_from(block.bodyLength()).map_err(|_| OUTSIDE)?;
    let block_end = at
        .checked_add(metadata_bytes as u64)
        .and_then(|sum| sum.checked_add(body_bytes));
    if block_end.is_none_or(|end| end > expected.end) {
        return Err(OUTSIDE.into());
    }
    if metadata_bytes < 8 || metadata_bytes as u64 + body_bytes > ARROW_BLOCK_BYTES_MAX {
        return Err("a block of another size than export writes".into());
    }
    let metadata = read_at(path, file, at, metadata_bytes).map_err(BlockError::Io)?;
    let text = metadata.strip_prefix(&CONTINUATION);
    let text = text.ok_or("a block without its mark")?;
    let message = root_as_message(&text[4..]).map_err(|_| "a block that is no message")?;
    if message.header_type() != expected.kind {
        return Err("a block of another kind than the footer says".into());
    }
    let (dictionary, batch) = (
        message.header_as_dictionary_batch(),
        message.header_as_record_batch(),
    );
    let batch = batch.or_else(|| dictionary.and_then(|dictionary| dictionary.data()));
    let batch = batch.ok_or("a block without content")?;
    if batch.compression().is_some() {
        return Err("compressed".into());
    }
    let rows = batch.length();
    if !(0..=expected.rows_max).contains(&rows) {
        return Err("a batch of another size than export writes".into());
    }
    for node in batch.nodes().unwrap_or_default() {
        if node.length() != rows || !(0..=rows).contains(&node.null_count()) {
            return Err("a column of another length than its batch".into());
        }
    }
    let buffers = batch.buffers().unwrap_or_default();
    if buffers.len() != expected.widths.len() {
        return Err("a batch of other columns than its schema says".into());
    }
    for (buffer, width) in buffers.iter().zip(&expected.widths) {
        let from = u64::try_from(buffer.offset()).map_err(|_| OUTSIDE)?;
        let length = u64::try_from(buffer.length()).map_err(|_| OUTSIDE)?;
        if from.checked_add(length).is_none_or(|end| end > body_bytes) {
            return Err(OUTSIDE.into());
        }
        if length % width != 0 {
            return Err("a column that ends within a value".into());
        }
    }
    Ok(())
}

/// Bytes of the file, of which the caller knows that they are few.
fn read_at(path: &Path, file: &mut (impl Read + Seek), at: u64, bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(&mut buffer))
        .map_err(FormatError::io("read", path))?;
    Ok(buffer)
}
