//! Any bytes are a journal segment up to some byte, or an error that names one; what is whole is the same
//! when everything after it is cut off. Checksums are made right as well, so that what they protect is reached.

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

/// The same bytes with the checksums that they should have.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    const HEADER: usize = 64;
    let mut bytes = bytes.to_vec();
    let put = |bytes: &mut [u8], at: usize, sum: u32| {
        bytes[at..at + 4].copy_from_slice(&sum.to_le_bytes());
    };
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + HEADER) {
        let mut end = at + HEADER;
        if at > 0 {
            let length = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
            end += usize::try_from(length).expect("it fits");
            if let Some(payload) = bytes.get(at + HEADER..end) {
                let sum = crc32fast::hash(payload);
                put(&mut bytes, at + 40, sum);
            }
        }
        let sum = crc32fast::hash(&bytes[at..at + HEADER - 4]);
        put(&mut bytes, at + HEADER - 4, sum);
        at = end;
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&repaired(bytes));
});

fn check(bytes: &[u8]) {
    let (blocks, end) = read(bytes);
    assert!(end <= bytes.len() as u64);
    if !blocks.is_empty() {
        let end = usize::try_from(end).expect("no more than the bytes");
        assert_eq!(read(&bytes[..end]).0, blocks);
    }
}
