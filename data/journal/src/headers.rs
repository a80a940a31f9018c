//! The headers of a segment's blocks alone, to look at a journal without reading its records.

use crate::format::{BlockHeader, HEADER_LEN, SegmentHeader};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use zerocopy::{FromZeros, IntoBytes};

/// The headers of the blocks of a segment, without their payloads.
pub(crate) struct Headers<'a> {
    file: &'a mut File,
    pub(crate) version: u16,
    /// Where the next block begins.
    pub(crate) offset: u64,
    len: u64,
}

impl Headers<'_> {
    /// From `offset` on, where a block begins, or from the first.
    pub(crate) fn new(file: &mut File, offset: u64) -> std::io::Result<Headers<'_>> {
        let len = file.metadata()?.len();
        let mut header = SegmentHeader::new_zeroed();
        if len >= HEADER_LEN as u64 {
            file.seek(SeekFrom::Start(0))?;
            file.read_exact(header.as_mut_bytes())?;
        }
        Ok(Headers {
            version: header.version,
            offset: offset.max(HEADER_LEN as u64),
            len,
            file,
        })
    }

    /// The next header of a block that is all there, and where the block ends.
    pub(crate) fn next(&mut self) -> std::io::Result<Option<(BlockHeader, u64)>> {
        if self.offset + HEADER_LEN as u64 > self.len {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(self.offset))?;
        let mut header = BlockHeader::new_zeroed();
        self.file.read_exact(header.as_mut_bytes())?;
        let end = self.offset + HEADER_LEN as u64 + u64::from(header.length);
        if !header.is_whole() || end > self.len {
            return Ok(None);
        }
        self.offset = end;
        Ok(Some((header, end)))
    }

    /// The payload of the block whose header was given last.
    pub(crate) fn payload(&mut self, header: &BlockHeader) -> std::io::Result<Vec<u8>> {
        let length = u64::from(header.length);
        self.file.seek(SeekFrom::Start(self.offset - length))?;
        let mut payload = Vec::new();
        (&mut *self.file).take(length).read_to_end(&mut payload)?;
        Ok(payload)
    }
}
