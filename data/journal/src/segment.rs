//! Reads one segment from any byte source, block by block, and tells a torn tail from damage. Knows no other segment.

use crate::JournalError;
use crate::format::{
    Block, BlockHeader, BlockKind, ChainHash, HEADER_LEN, SEGMENT_MAGIC, SegmentHeader, VERSION,
    VERSION_MIN, decode_payload, has_block_header,
};
use crate::limits::{BLOCK_BYTES_MAX, SCAN_WINDOW_BYTES};
use std::io::{self, Read};
use std::path::Path;
use tickloom_types::RECORD_LEN;
use zerocopy::{FromZeros, IntoBytes};

/// Why a segment ends before its last byte.
#[derive(Debug)]
pub enum SegmentFault {
    /// The bytes from `offset` are not as they were written.
    Bytes {
        /// Where the block (or the segment's header) begins.
        offset: u64,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
        /// Whether this may be the torn end of an interrupted write: nothing follows that says it was on the disk.
        torn: bool,
    },
    /// The source could not be read.
    Io(io::Error),
}

impl SegmentFault {
    /// The error for this fault in `file`.
    #[must_use]
    pub fn into_error(self, file: &Path) -> JournalError {
        match self {
            SegmentFault::Io(error) => JournalError::io("read", file)(error),
            SegmentFault::Bytes {
                offset,
                found,
                expected,
                ..
            } => JournalError::Damaged {
                file: file.to_owned(),
                offset,
                found,
                expected,
            },
        }
    }
}

/// One block with the hashes that chain it.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainedBlock {
    /// What it holds.
    pub block: Block,
    /// Where in the segment it begins.
    pub offset: u64,
    /// The hash of the block before it, as it says.
    pub previous: ChainHash,
    /// Its own hash, low byte first.
    pub hash: ChainHash,
}

/// A segment being read.
pub struct SegmentReader<R> {
    source: R,
    version: u16,
    offset: u64,
    payload: Vec<u8>,
}

impl<R: Read> SegmentReader<R> {
    /// Reads and checks the segment's header.
    ///
    /// # Errors
    /// [`SegmentFault`] if it is not one of this version.
    pub fn new(source: R) -> Result<(SegmentReader<R>, u32, String), SegmentFault> {
        let mut reader = SegmentReader {
            source,
            version: VERSION,
            offset: 0,
            payload: Vec::new(),
        };
        let mut header = SegmentHeader::new_zeroed();
        let got = read_full(&mut reader.source, header.as_mut_bytes()).map_err(SegmentFault::Io)?;
        let fault = |found: String, expected: &str, torn| SegmentFault::Bytes {
            offset: 0,
            found,
            expected: expected.to_owned(),
            torn,
        };
        if got < HEADER_LEN {
            return Err(fault(format!("{got} bytes"), "a header of 64", true));
        }
        if header.magic != SEGMENT_MAGIC {
            return Err(fault(
                "another file type".into(),
                "a journal segment",
                false,
            ));
        }
        if !header.is_whole() {
            return Err(fault("a wrong checksum".into(), "a whole header", false));
        }
        let is_known = (VERSION_MIN..=VERSION).contains(&header.version);
        if !is_known || usize::from(header.record_len) != RECORD_LEN {
            let found = format!("version {}", header.version);
            let expected = "version 1 or 2 with records of 64 bytes";
            return Err(fault(found, expected, false));
        }
        reader.version = header.version;
        reader.offset = HEADER_LEN as u64;
        Ok((reader, header.segment, header.run_name()))
    }

    /// Says that the source was moved to `offset` of the segment, where a block begins.
    pub(crate) fn moved_to(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// The source, to move it.
    pub(crate) fn source(&mut self) -> &mut R {
        &mut self.source
    }

    /// Version of the format in which the segment was written.
    #[must_use]
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Bytes read so far, to the end of the last whole block.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next block, or `None` at the end of the source.
    ///
    /// # Errors
    /// [`SegmentFault`] at the first byte that is not as it was written.
    pub fn next_block(&mut self) -> Result<Option<Block>, SegmentFault> {
        Ok(self.next_chained()?.map(|chained| chained.block))
    }

    /// The next block with the hashes that chain it, or `None` at the end of the source.
    ///
    /// # Errors
    /// As [`SegmentReader::next_block`].
    pub fn next_chained(&mut self) -> Result<Option<ChainedBlock>, SegmentFault> {
        let mut header = BlockHeader::new_zeroed();
        let got = read_full(&mut self.source, header.as_mut_bytes()).map_err(SegmentFault::Io)?;
        if got == 0 {
            return Ok(None);
        }
        if got < HEADER_LEN {
            return Err(self.fault(&[], format!("{got} bytes"), "a block header of 64"));
        }
        if !header.is_whole() {
            let bytes = header.as_bytes().to_vec();
            let found = "a wrong magic or checksum".to_owned();
            return Err(self.fault(&bytes, found, "a whole block header"));
        }
        let length = usize::try_from(header.length).unwrap_or(usize::MAX);
        if length > BLOCK_BYTES_MAX {
            return Err(self.fault(&[], format!("{length} bytes"), "a block of at most 16 MiB"));
        }
        self.payload.resize(length, 0);
        let got = read_full(&mut self.source, &mut self.payload).map_err(SegmentFault::Io)?;
        if got < length || crc32fast::hash(&self.payload) != header.payload_crc {
            let bytes = std::mem::take(&mut self.payload);
            let found = if got < length {
                format!("a payload of {got} bytes")
            } else {
                "a wrong checksum".to_owned()
            };
            return Err(self.fault(
                &bytes[..got],
                found,
                &format!("a payload of {length} bytes"),
            ));
        }
        let block = decode_payload(&header, &self.payload)
            .map_err(|expected| self.damage("another payload".to_owned(), expected))?;
        let chained = ChainedBlock {
            block,
            offset: self.offset,
            previous: header.previous,
            hash: header.chain(&self.payload),
        };
        self.offset += (HEADER_LEN + length) as u64;
        Ok(Some(chained))
    }

    /// A fault at this block. It is torn unless a block follows, in the bytes read since its first or in the rest, which says that
    /// more than is whole had been on the disk.
    fn fault(&mut self, read: &[u8], found: String, expected: &str) -> SegmentFault {
        // A block header that follows cannot start at byte 0 of what was read: that is the one at fault.
        let read = read.get(1..).unwrap_or_default();
        let (version, offset) = (self.version, self.offset);
        // Segments of version 1 do not say what was on the disk: there any whole block that follows shows damage.
        let shows_damage = |header: &BlockHeader| {
            version < 2 || header.kind == BlockKind::Durable as u8 && header.first > offset
        };
        match block_header_follows(read, &mut self.source, shows_damage) {
            Ok(follows) => SegmentFault::Bytes {
                offset: self.offset,
                found,
                expected: expected.to_owned(),
                torn: !follows,
            },
            Err(error) => SegmentFault::Io(error),
        }
    }

    fn damage(&self, found: String, expected: String) -> SegmentFault {
        SegmentFault::Bytes {
            offset: self.offset,
            found,
            expected,
            torn: false,
        }
    }
}

/// Whether `read` and the rest of `source` after it hold a whole block header that `is_wanted`. The rest may be of any length: it is looked at in
/// windows, each of which begins with what may be the beginning of a header at the end of the one before.
pub(crate) fn block_header_follows(
    read: &[u8],
    source: &mut impl Read,
    is_wanted: impl Fn(&BlockHeader) -> bool + Copy,
) -> io::Result<bool> {
    if has_block_header(read, is_wanted) {
        return Ok(true);
    }
    let mut window = vec![0; SCAN_WINDOW_BYTES];
    let mut kept = read.len().min(HEADER_LEN - 1);
    window[..kept].copy_from_slice(&read[read.len() - kept..]);
    loop {
        let got = read_full(source, &mut window[kept..])?;
        let end = kept + got;
        if got == 0 || has_block_header(&window[..end], is_wanted) {
            return Ok(got > 0);
        }
        kept = end.min(HEADER_LEN - 1);
        window.copy_within(end - kept..end, 0);
    }
}

/// Reads until `buffer` is full or the source ends; returns how much there was.
fn read_full(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match source.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes and refuses to fill more than a window at a time.
    struct Bounded<R>(R);

    impl<R: Read> Read for Bounded<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(buffer.len() <= SCAN_WINDOW_BYTES);
            self.0.read(buffer)
        }
    }

    #[test]
    fn a_block_header_is_found_wherever_windows_meet() {
        let header = BlockHeader::new(BlockKind::Inputs, 1, 0, ChainHash::default(), &[7; 64]);
        let header = header.as_bytes();
        let whole = |read: &[u8], rest: &[u8]| {
            block_header_follows(read, &mut Bounded(rest), |_| true).unwrap()
        };
        for at in SCAN_WINDOW_BYTES - 2 * HEADER_LEN..=SCAN_WINDOW_BYTES {
            let mut bytes = vec![b'T'; at];
            bytes.extend_from_slice(header);
            assert!(whole(&[], &bytes), "at {at}");
            assert!(!whole(&[], &bytes[..bytes.len() - 1]), "cut, at {at}");
        }
        for at in 0..=HEADER_LEN {
            let (read, rest) = header.split_at(at);
            assert!(whole(read, rest), "cut at {at}");
            let longer = [&[b'T'; 100], read].concat();
            assert!(whole(&longer, rest), "cut at {at}");
        }
        assert!(!whole(&[], &[]));
    }

    #[test]
    fn a_long_tail_without_a_block_is_torn_and_not_loaded() {
        let header = SegmentHeader::new(1, "run");
        let tail = io::repeat(b'T').take(4 << 20);
        let (mut reader, ..) = SegmentReader::new(Bounded(header.as_bytes().chain(tail)))
            .ok()
            .unwrap();
        let fault = reader.next_block().err().unwrap();
        assert!(
            matches!(
                fault,
                SegmentFault::Bytes {
                    offset: 64,
                    torn: true,
                    ..
                }
            ),
            "{fault:?}"
        );
    }
}
