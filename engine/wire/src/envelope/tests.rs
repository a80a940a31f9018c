//! Golden bytes, every error by name, round trips and arbitrary bytes.

use super::*;
use proptest::prelude::*;
use tickloom_types::{Header, InstrumentId, Kind, SignalBody, SourceId, Ts};

fn envelope() -> Envelope {
    Envelope {
        encoding: Encoding::Record,
        kind: 64,
        flags: 2,
        epoch: 0x0102_0304_0506_0708,
        topic_seq: 9,
        ts_event: 1_000,
        ts_recv: 1_001,
        ts_output: 1_002,
        ts_publish: -1,
    }
}

fn signal() -> Message {
    let header = Header::new(
        Kind::Signal,
        InstrumentId(7),
        SourceId(3),
        Ts(1_000),
        Ts(1_001),
    );
    let body = SignalBody {
        cause: 5,
        signal: 2,
        value: 1.5,
        previous: 0.25,
        ..SignalBody::default()
    };
    Message {
        topic: "signal/fast".to_owned(),
        envelope: envelope(),
        payload: Payload::Record(body.record(header.with_flags(2))),
    }
}

fn parts(parts: &[Vec<u8>; 3]) -> [&[u8]; 3] {
    [&parts[0], &parts[1], &parts[2]]
}

#[test]
fn the_bytes_are_those_of_the_documented_table() {
    let [topic, envelope, payload] = signal().encode();
    assert_eq!(topic, b"signal/fast");
    let golden: [u8; ENVELOPE_LEN] = [
        1, 1, 64, 2, 0, 0, 0, 0, // version, encoding, kind, flags, reserved
        8, 7, 6, 5, 4, 3, 2, 1, // epoch
        9, 0, 0, 0, 0, 0, 0, 0, // topic_seq
        232, 3, 0, 0, 0, 0, 0, 0, // ts_event
        233, 3, 0, 0, 0, 0, 0, 0, // ts_recv
        234, 3, 0, 0, 0, 0, 0, 0, // ts_output
        255, 255, 255, 255, 255, 255, 255, 255, // ts_publish
    ];
    assert_eq!(envelope, golden);
    let golden: [u8; RECORD_LEN] = [
        232, 3, 0, 0, 0, 0, 0, 0, // ts_event
        233, 3, 0, 0, 0, 0, 0, 0, // ts_recv
        7, 0, 0, 0, 3, 0, 64, 2, // instrument, source, kind, flags
        5, 0, 0, 0, 0, 0, 0, 0, // cause
        2, 0, 0, 0, 0, 0, 0, 0, // signal, padding
        0, 0, 0, 0, 0, 0, 0xf8, 0x3f, // value 1.5
        0, 0, 0, 0, 0, 0, 0xd0, 0x3f, // previous 0.25
        0, 0, 0, 0, 0, 0, 0, 0, // reserved
    ];
    assert_eq!(payload, golden);
}

#[test]
fn a_table_of_sequences_has_its_documented_bytes() {
    let table = Payload::Sequences(vec![TopicSeq {
        topic: "account".to_owned(),
        seq: 258,
    }]);
    assert_eq!(table.encode(), b"\x02\x01\0\0\0\0\0\0\x07account");
    assert_eq!(decode_sequences(b"").unwrap(), vec![]);
}

#[test]
fn every_fault_has_its_name() {
    let check = |parts: &[&[u8]], expected: &str| {
        assert_eq!(Message::decode(parts).unwrap_err().to_string(), expected);
    };
    let whole = signal().encode();
    let [topic, header, payload] = parts(&whole);
    let changed = |at: usize, to: u8| {
        let mut header = header.to_vec();
        header[at] = to;
        header
    };
    check(&[topic, header], "message of 2 parts, expected 3");
    check(
        &[b"\xff", header, payload],
        "topic of 1 bytes, expected UTF-8 of at most 255",
    );
    check(
        &[&[b'a'; 256], header, payload],
        "topic of 256 bytes, expected UTF-8 of at most 255",
    );
    check(
        &[topic, &header[1..], payload],
        "envelope of 55 bytes, expected 56",
    );
    check(
        &[topic, &changed(0, 2), payload],
        "protocol version 2, expected 1",
    );
    check(
        &[topic, &changed(1, 9), payload],
        "encoding 9, expected 1 (record), 2 (json) or 3 (sequences)",
    );
    check(
        &[topic, header, &payload[..63]],
        "record payload of 63 bytes, expected 64",
    );
    check(
        &[topic, &changed(2, 1), payload],
        "record of kind 64 in an envelope of kind 1",
    );
    check(
        &[topic, &changed(1, 2), b"{\"a\xff"],
        "json payload is not utf-8 after byte 3",
    );
    check(
        &[topic, &changed(1, 3), b"12345678\x01a87654321\x02b"],
        "table of sequences is malformed at byte 10",
    );
}

fn any_payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(|half| {
            let mut bytes = [0; RECORD_LEN];
            bytes[..32].copy_from_slice(&half);
            bytes[32..].copy_from_slice(&half);
            Payload::Record(Record::from_bytes(bytes))
        }),
        ".*".prop_map(Payload::Json),
        proptest::collection::vec(("[a-z/]{0,80}", any::<u64>()), 0..20).prop_map(|topics| {
            let table = topics.into_iter();
            Payload::Sequences(table.map(|(topic, seq)| TopicSeq { topic, seq }).collect())
        }),
    ]
}

/// A topic, or bytes that may be none.
fn any_topic() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-z/]{0,20}".prop_map(String::into_bytes),
        any::<Vec<u8>>()
    ]
}

/// The bytes of a payload, whole or with one of them changed, or any.
fn any_bytes_of_a_payload() -> impl Strategy<Value = Vec<u8>> {
    let change = proptest::option::of((any::<prop::sample::Index>(), any::<u8>()));
    let nearly = (any_payload(), change).prop_map(|(payload, change)| {
        let mut bytes = payload.encode();
        if let Payload::Record(record) = &payload {
            let of_envelope = Record {
                header: tickloom_types::Header {
                    kind: envelope().kind,
                    ..record.header
                },
                ..*record
            };
            bytes = of_envelope.as_bytes().to_vec();
        }
        if let Some((at, byte)) = change.filter(|_| !bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![3 => nearly, 1 => any::<Vec<u8>>()]
}

/// What is made up for the test below is taken often enough for it to mean something.
#[test]
fn the_bytes_that_are_made_up_are_often_messages() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let made = (any_topic(), 1_u8..4, any_bytes_of_a_payload());
    let mut taken = 0;
    for _ in 0..300 {
        let tree = proptest::strategy::Strategy::new_tree(&made, &mut runner).unwrap();
        let (topic, encoding, payload) = proptest::strategy::ValueTree::current(&tree);
        let mut header = envelope().encode();
        header[1] = encoding;
        taken += usize::from(Message::decode(&[&topic, &header, &payload]).is_ok());
    }
    assert!(taken > 30, "{taken} of 300");
}

proptest! {
    #[test]
    fn messages_round_trip(
        topic in "[a-zA-Z0-9./_-]{0,255}",
        payload in any_payload(),
        numbers in any::<[u64; 2]>(),
        times in any::<[i64; 4]>(),
        flags in any::<u8>(),
    ) {
        let (encoding, kind) = match &payload {
            Payload::Record(record) => (Encoding::Record, record.header.kind),
            Payload::Json(_) => (Encoding::Json, 1),
            Payload::Sequences(_) => (Encoding::Sequences, NO_RECORD),
        };
        let envelope = Envelope {
            encoding, kind, flags,
            epoch: numbers[0], topic_seq: numbers[1],
            ts_event: times[0], ts_recv: times[1], ts_output: times[2], ts_publish: times[3],
        };
        let message = Message { topic, envelope, payload };
        let encoded = message.encode();
        prop_assert_eq!(Message::decode(&parts(&encoded)).unwrap(), message);
    }

    #[test]
    fn any_bytes_give_a_message_or_an_error(
        topic in any_topic(),
        encoding in 0_u8..5,
        header in proptest::collection::vec(any::<u8>(), 0..64),
        payload in any_bytes_of_a_payload(),
    ) {
        let mut valid = Envelope { encoding: Encoding::Json, ..envelope() }.encode();
        valid[1] = encoding;
        for header in [&header[..], &valid] {
            if let Ok(message) = Message::decode(&[&topic, header, &payload]) {
                let encoded = message.encode();
                prop_assert_eq!(&encoded[0], &topic);
                prop_assert_eq!(&encoded[2], &payload);
            }
        }
    }
}
