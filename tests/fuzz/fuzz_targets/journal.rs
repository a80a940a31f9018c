//! Any bytes are a journal segment up to some byte, or an error that names one; what is whole is the same
//! when everything after it is cut off.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tickloom_journal::{Block, SegmentFault, SegmentReader};

/// The whole blocks, and where they end.
fn read(bytes: &[u8]) -> (Vec<Block>, u64) {
    let mut reader = match SegmentReader::new(bytes) {
        Ok((reader, _, _)) => reader,
        Err(SegmentFault::Bytes { offset, .. }) => return (Vec::new(), offset),
        Err(SegmentFault::Io(error)) => panic!("memory can be read: {error}"),
    };
    let mut blocks = Vec::new();
    loop {
        match reader.next_block() {
            Ok(Some(block)) => blocks.push(block),
            Ok(None) => return (blocks, bytes.len() as u64),
            Err(SegmentFault::Bytes { offset, .. }) => {
                assert_eq!(offset, reader.offset());
                return (blocks, offset);
            }
            Err(SegmentFault::Io(error)) => panic!("memory can be read: {error}"),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let (blocks, end) = read(bytes);
    assert!(end <= bytes.len() as u64);
    if !blocks.is_empty() {
        let end = usize::try_from(end).expect("no more than the bytes");
        assert_eq!(read(&bytes[..end]).0, blocks);
    }
});
