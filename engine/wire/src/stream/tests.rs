//! Golden bytes, a file cut at every byte, and every byte of it flipped.

use super::*;
use crate::envelope::{Encoding, Envelope, Payload};
use crate::subscriber::Received;
use crate::tracker::{Gap, Observed};

fn received() -> Received {
    let envelope = Envelope {
        encoding: Encoding::Json,
        kind: 64,
        flags: 0,
        tier: 0,
        epoch: 7,
        topic_seq: 9,
        ts_event: 1,
        ts_recv: 2,
        ts_output: 3,
        ts_publish: 4,
        number: 5,
        run: 6,
        key_epoch: 0,
    };
    let gap = Gap {
        topic: "json/signal/a".to_owned(),
        missed: 3,
    };
    Received {
        message: Message {
            topic: "json/signal/a".to_owned(),
            envelope,
            payload: Payload::Json("{}".to_owned()),
        },
        observed: Observed {
            gaps: vec![gap],
            ..Observed::default()
        },
    }
}

fn file() -> Vec<u8> {
    let prefixes = ["json/".to_owned(), String::new()];
    let mut writer = StreamWriter::begin(Vec::new(), &prefixes, "~hello/1").unwrap();
    writer.received(&received(), Ts(11)).unwrap();
    writer.into_inner()
}

fn entries() -> Vec<StreamEntry> {
    let Received { message, .. } = received();
    vec![
        StreamEntry::Subscription {
            prefixes: vec!["json/".to_owned(), String::new()],
            hello: "~hello/1".to_owned(),
        },
        StreamEntry::Loss {
            topic: "json/signal/a".to_owned(),
            missed: 3,
        },
        StreamEntry::Message {
            ts_arrival: Ts(11),
            message: Box::new(message),
        },
    ]
}

/// The entries, and the torn tail or the error.
fn read(bytes: &[u8]) -> (Vec<StreamEntry>, Result<Option<TornStream>, StreamError>) {
    let mut reader = match StreamReader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut entries = Vec::new();
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => return (entries, Ok(reader.torn())),
            Err(error) => return (entries, Err(error)),
        }
    }
}

#[test]
fn the_bytes_are_those_of_the_documented_table() {
    let file = file();
    assert_eq!(&file[..16], b"TLSTRM\r\n\x01\0\0\0\0\0\0\0");
    assert_eq!(
        file[16..24],
        xxhash_rust::xxh3::xxh3_64(&file[..16]).to_le_bytes()
    );
    let body = b"\x01\x08\0~hello/1\x05\0json/\0\0";
    assert_eq!(file[24..28], 20_u32.to_le_bytes());
    assert_eq!(file[28..32], (!20_u32).to_le_bytes());
    assert_eq!(file[32..40], xxhash_rust::xxh3::xxh3_64(body).to_le_bytes());
    assert_eq!(file[40..60], *body);
    let loss = b"\x03\x03\0\0\0\0\0\0\0json/signal/a";
    assert_eq!(file[76..98], *loss);
    let message = [
        b"\x02\x0b\0\0\0\0\0\0\0\x0djson/signal/a\x50".as_slice(),
        &received().message.envelope.encode(),
        b"{}",
    ]
    .concat();
    assert_eq!(file[114..], *message);
}

#[test]
fn a_file_is_read_back() {
    let (found, end) = read(&file());
    assert_eq!(found, entries());
    assert_eq!(end.unwrap(), None);
}

#[test]
fn a_file_that_was_cut_off_is_whole_up_to_its_last_entry() {
    let file = file();
    // Where entries end.
    let ends = [24, 60, 98, file.len()];
    for len in 24..file.len() {
        let whole = ends.iter().filter(|end| **end <= len).count() - 1;
        let (found, end) = read(&file[..len]);
        assert_eq!(found, entries()[..whole], "{len}");
        let left = len - ends[whole];
        let torn = (left > 0).then(|| TornStream {
            offset: ends[whole] as u64,
            bytes: left as u64,
        });
        assert_eq!(end.unwrap(), torn, "{len}");
    }
    for len in 0..24 {
        let error = read(&file[..len]).1.unwrap_err().to_string();
        let expected = format!("a file of {len} bytes, expected a recorded stream of version 1");
        assert_eq!(error, expected);
    }
}

#[test]
fn every_byte_that_is_another_one_is_found() {
    let file = file();
    for at in 0..file.len() {
        let mut bytes = file.clone();
        bytes[at] ^= 0x10;
        let (found, end) = read(&bytes);
        let error = end.unwrap_err().to_string();
        assert!(found.len() < 3, "{at}");
        let place = match at {
            0..24 => "expected a recorded stream of version 1",
            24..60 => "damaged at byte 24:",
            60..98 => "damaged at byte 60:",
            _ => "damaged at byte 98:",
        };
        assert!(error.contains(place), "{at}: {error}");
    }
}

#[test]
fn what_is_no_entry_is_named() {
    let check = |body: &[u8], expected: &str| {
        let mut bytes = file()[..60].to_vec();
        let len = u32::try_from(body.len()).unwrap();
        bytes.extend(len.to_le_bytes());
        bytes.extend((!len).to_le_bytes());
        bytes.extend(xxhash_rust::xxh3::xxh3_64(body).to_le_bytes());
        bytes.extend(body);
        assert_eq!(read(&bytes).1.unwrap_err().to_string(), expected);
    };
    check(b"", "damaged at byte 60: a malformed entry without a kind");
    check(b"\x09", "damaged at byte 60: a malformed entry of kind 9");
    check(
        b"\x01\x02\0a",
        "damaged at byte 60: a malformed subscription",
    );
    check(b"\x02", "damaged at byte 60: a malformed message");
    check(
        b"\x03\0\0\0\0\0\0\0",
        "damaged at byte 60: a malformed loss",
    );
    check(
        b"\x02\0\0\0\0\0\0\0\0\x01a\x02\x01\x01",
        "message at byte 60: protocol version 1, expected 2: the publisher is older than this client: update the publisher, or read it with a client of its release",
    );
}

#[test]
fn another_version_is_refused_by_its_number() {
    let mut bytes = file();
    bytes[8] = 2;
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..16]).to_le_bytes();
    bytes[16..24].copy_from_slice(&checksum);
    let error = read(&bytes).1.unwrap_err().to_string();
    assert_eq!(error, "version 2, expected a recorded stream of version 1");
}
