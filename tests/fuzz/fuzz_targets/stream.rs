//! Any bytes are a recorded stream up to some byte, or an error that names one; what is whole is the same when everything
//! after it is cut off. The bytes are also taken for bodies of entries and put into a file whose checksums hold, so that what
//! is behind the checksums is reached.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tickloom_wire::{StreamEntry, StreamError, StreamReader, StreamWriter};
use xxhash_rust::xxh3::xxh3_64;

/// The whole entries as text (a record may hold a NaN, which equals nothing), and where they end.
fn read(bytes: &[u8]) -> (Vec<String>, u64) {
    let mut reader = match StreamReader::new(bytes) {
        Ok(reader) => reader,
        Err(StreamError::NotAStream { .. }) => return (Vec::new(), 0),
        Err(error) => panic!("another kind of error: {error}"),
    };
    let text = |entry: StreamEntry| format!("{entry:?}");
    let mut entries = Vec::new();
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) => entries.push(text(entry)),
            Ok(None) => {
                let torn = reader.torn().map_or(0, |torn| torn.bytes);
                assert_eq!(reader.offset() + torn, bytes.len() as u64);
                return (entries, reader.offset());
            }
            Err(StreamError::Damaged { offset, .. } | StreamError::Message { offset, .. }) => {
                assert_eq!(offset, reader.offset());
                return (entries, offset);
            }
            Err(error) => panic!("memory can be read: {error}"),
        }
    }
}

/// A file of these bodies, each of the length that its first byte says, and all checksums right.
fn framed(mut bodies: &[u8]) -> Vec<u8> {
    let writer = StreamWriter::begin(Vec::new(), &[], "").expect("memory can be written");
    let mut file = writer.into_inner();
    while let Some((&len, rest)) = bodies.split_first() {
        let (body, rest) = rest.split_at(usize::from(len).min(rest.len()));
        let len = u32::try_from(body.len()).expect("at most 255");
        file.extend(len.to_le_bytes());
        file.extend((!len).to_le_bytes());
        file.extend(xxh3_64(body).to_le_bytes());
        file.extend(body);
        bodies = rest;
    }
    file
}

fuzz_target!(|bytes: &[u8]| {
    for file in [bytes.to_vec(), framed(bytes)] {
        let (entries, end) = read(&file);
        assert!(end <= file.len() as u64);
        if !entries.is_empty() {
            let end = usize::try_from(end).expect("no more than the bytes");
            assert_eq!(read(&file[..end]).0, entries);
        }
    }
});
