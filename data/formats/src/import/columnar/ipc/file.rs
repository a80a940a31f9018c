//! The messages of an Arrow file, where its footer says that they are.

use super::super::damaged;
use super::{CONTINUATION, EXPECTED, Messages, check, read_schema};
use crate::import::input::{Part, ReadAnywhere};
use crate::limits::HEADER_BYTES_MAX;
use crate::{FormatError, Result};
use arrow_ipc::root_as_footer;
use arrow_schema::SchemaRef;
use std::io::{Seek, SeekFrom};
use std::path::Path;

/// What an Arrow IPC file ends with, and the length of the footer before it.
const MAGIC: &[u8] = b"ARROW1";
const TRAILER_BYTES: u64 = 10;

/// The messages of a file: its footer says where they are.
pub(super) struct FileMessages {
    file: Box<dyn ReadAnywhere>,
    /// Where each begins, the bytes of its metadata, and of what follows; the last one first.
    blocks: Vec<(u64, usize, u64)>,
    /// Where the footer begins.
    end: u64,
    /// Bytes that a batch may have.
    most: u64,
}

impl FileMessages {
    pub(super) fn open(part: &Part) -> Result<(SchemaRef, FileMessages)> {
        let path = part.path();
        let wrong = |found: &str| damaged(path, found, EXPECTED);
        let mut file = part.open()?;
        let length = file
            .seek(SeekFrom::End(0))
            .map_err(FormatError::io("read", path))?;
        let at = length
            .checked_sub(TRAILER_BYTES)
            .ok_or_else(|| wrong("too short"))?;
        let trailer = read_at(path, file.as_mut(), at, 10)?;
        let [a, b, c, d, magic @ ..] = trailer.as_slice() else {
            return Err(wrong("too short"));
        };
        if magic != MAGIC {
            return Err(wrong("without its end"));
        }
        let bytes = usize::try_from(i32::from_le_bytes([*a, *b, *c, *d])).ok();
        let bytes = bytes.filter(|bytes| *bytes <= HEADER_BYTES_MAX);
        let place = bytes.and_then(|bytes| Some((bytes, at.checked_sub(bytes as u64)?)));
        let (bytes, end) = place.ok_or_else(|| wrong("a footer longer than the file"))?;
        let footer = read_at(path, file.as_mut(), end, bytes)?;
        let footer = root_as_footer(&footer).map_err(|error| wrong(&error.to_string()))?;
        let schema = read_schema(path, footer.schema())?;
        let words = footer.dictionaries().into_iter().flatten();
        let rows = footer.recordBatches().into_iter().flatten();
        let blocks = words.chain(rows).map(|block| {
            let place = (
                u64::try_from(block.offset()).ok()?,
                usize::try_from(block.metaDataLength()).ok()?,
                u64::try_from(block.bodyLength()).ok()?,
            );
            let last = place.0.checked_add(place.1 as u64)?.checked_add(place.2)?;
            (last <= end && place.1 <= HEADER_BYTES_MAX).then_some(place)
        });
        let blocks: Option<Vec<_>> = blocks.collect();
        let mut blocks = blocks.ok_or_else(|| wrong("a block that is not within the file"))?;
        let mut places: Vec<(u64, u64)> = blocks
            .iter()
            .map(|(at, metadata, body)| (*at, at + *metadata as u64 + body))
            .collect();
        places.sort_unstable();
        let are_apart = places.windows(2).all(|pair| match pair {
            [(_, end), (next, _)] => end <= next,
            _ => true,
        });
        if !are_apart {
            return Err(wrong("blocks that lie over each other"));
        }
        blocks.reverse();
        let most = part.room().batch;
        Ok((
            schema,
            FileMessages {
                file,
                blocks,
                end,
                most,
            },
        ))
    }
}

impl Messages for FileMessages {
    fn next(&mut self, path: &Path) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let Some((at, bytes, body)) = self.blocks.pop() else {
            return Ok(None);
        };
        debug_assert!(at <= self.end);
        check::check_body(body, self.most).map_err(|found| damaged(path, &found, EXPECTED))?;
        let metadata = read_at(path, self.file.as_mut(), at, bytes)?;
        // Files before 2019 have the length alone.
        let prefix = if metadata.starts_with(&CONTINUATION) {
            8
        } else {
            4
        };
        let metadata = metadata.get(prefix..).unwrap_or_default().to_vec();
        let body = usize::try_from(body).unwrap_or(usize::MAX);
        let body = read_at(path, self.file.as_mut(), at + bytes as u64, body)?;
        Ok(Some((metadata, body)))
    }
}

/// Bytes of the file, of which the caller knows that they are in it.
fn read_at(path: &Path, file: &mut dyn ReadAnywhere, at: u64, bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.read_exact(&mut buffer))
        .map_err(FormatError::io("read", path))?;
    Ok(buffer)
}
