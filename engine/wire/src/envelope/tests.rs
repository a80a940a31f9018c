//! Golden bytes, every error by name, round trips and arbitrary bytes.

use super::*;
use crate::session::{Retracted, RunPosition, run_id};
use proptest::prelude::*;
use tickloom_types::{Header, InstrumentId, Kind, SignalBody, SourceId, Ts};

fn envelope() -> Envelope {
    Envelope {
        encoding: Encoding::Record,
        kind: 64,
        flags: 2,
        tier: 3,
        epoch: 0x0102_0304_0506_0708,
        topic_seq: 9,
        ts_event: 1_000,
        ts_recv: 1_001,
        ts_output: 1_002,
        ts_publish: -1,
        number: 258,
        run: 0x1112_1314_1516_1718,
        key_epoch: 0x0102_0304,
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
        2, 1, 64, 2, 3, 0, 0, 0, // version, encoding, kind, flags, tier, reserved
        8, 7, 6, 5, 4, 3, 2, 1, // epoch
        9, 0, 0, 0, 0, 0, 0, 0, // topic_seq
        232, 3, 0, 0, 0, 0, 0, 0, // ts_event
        233, 3, 0, 0, 0, 0, 0, 0, // ts_recv
        234, 3, 0, 0, 0, 0, 0, 0, // ts_output
        255, 255, 255, 255, 255, 255, 255, 255, // ts_publish
        2, 1, 0, 0, 0, 0, 0, 0, // number
        0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, // run
        4, 3, 2, 1, 0, 0, 0, 0, // key_epoch, reserved
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

fn session() -> Session {
    Session {
        run: Some("r1".to_owned()),
        topic_base: 30,
        first: RunPosition {
            inputs: 20,
            outputs: 10,
        },
        watermark: RunPosition {
            inputs: 15,
            outputs: 7,
        },
        retracted: vec![Retracted {
            inputs: 15..20,
            outputs: 7..10,
        }],
    }
}

#[test]
fn a_state_has_its_documented_bytes() {
    let state = Announcement {
        session: session(),
        topics: vec![TopicSeq {
            topic: "account".to_owned(),
            seq: 258,
        }],
    };
    let bytes = Payload::Announcement(state.clone()).encode();
    let golden: &[u8] = &[
        30, 0, 0, 0, 0, 0, 0, 0, // topic_base
        20, 0, 0, 0, 0, 0, 0, 0, // first input
        10, 0, 0, 0, 0, 0, 0, 0, // first output
        15, 0, 0, 0, 0, 0, 0, 0, // watermark: inputs
        7, 0, 0, 0, 0, 0, 0, 0, // watermark: outputs
        2, 1, 0, 0, 0, 0, 0, 0, // length of the run's name, retractions, reserved
        b'r', b'1', // run
        15, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, // retracted inputs
        7, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, // retracted outputs
        2, 1, 0, 0, 0, 0, 0, 0, 7, b'a', b'c', b'c', b'o', b'u', b'n', b't',
    ];
    assert_eq!(bytes, golden);
    assert_eq!(decode_announcement(&bytes, run_id("r1")).unwrap(), state);
    assert_eq!(
        decode_announcement(&bytes, 9).unwrap_err().to_string(),
        format!(
            "session of run {:016x} in an envelope of run 0000000000000009",
            run_id("r1")
        )
    );
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
        &[topic, &header[..79], payload],
        "envelope of 79 bytes, expected 80",
    );
    check(&[topic, b"", payload], "envelope of 0 bytes, expected 80");
    check(
        &[topic, &changed(0, 1)[..56], payload],
        "protocol version 1, expected 2: the publisher is older than this client: update the publisher, or read it with a client of its release",
    );
    check(
        &[topic, &changed(0, 3), payload],
        "protocol version 3, expected 2: the publisher is newer than this client: update the client",
    );
    check(
        &[topic, &changed(1, 9), payload],
        "encoding 9, expected 1 (record), 2 (json), 3 (announcement) or 4 (state)",
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
    let of_no_run = Envelope {
        encoding: Encoding::Announcement,
        run: 0,
        ..envelope()
    }
    .encode();
    check(
        &[topic, &of_no_run, &[0; 47]],
        "session is malformed at byte 40",
    );
    let table = [&[0; 48], b"12345678\x01a87654321\x02b".as_slice()].concat();
    check(
        &[topic, &of_no_run, &table],
        "table of sequences is malformed at byte 58",
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
        (
            any_session(),
            proptest::collection::vec(("[a-z/]{0,80}", any::<u64>()), 0..20)
        )
            .prop_map(|(session, topics)| {
                let topics = topics.into_iter();
                Payload::Announcement(Announcement {
                    session,
                    topics: topics.map(|(topic, seq)| TopicSeq { topic, seq }).collect(),
                })
            }),
        any_state().prop_map(Payload::State),
    ]
}

/// A part of a state with up to five records.
fn any_state() -> impl Strategy<Value = StatePart> {
    let record = any::<[u8; 32]>().prop_map(|half| {
        let mut bytes = [0; RECORD_LEN];
        bytes[..32].copy_from_slice(&half);
        bytes[32..].copy_from_slice(&half);
        bytes[22] = Kind::Signal as u8;
        Record::from_bytes(bytes)
    });
    let records = proptest::collection::vec(record, 0..5);
    (any::<[u64; 2]>(), any::<[u16; 2]>(), records).prop_map(|(next, around, records)| {
        let [from, more] = match records.is_empty() {
            true => [0; 2],
            false => around.map(u32::from),
        };
        StatePart {
            next: RunPosition {
                inputs: next[0],
                outputs: next[1],
            },
            from,
            total: from + more + u32::try_from(records.len()).unwrap(),
            records,
        }
    })
}

fn any_session() -> impl Strategy<Value = Session> {
    let range = (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a.min(b)..a.max(b));
    let retracted =
        (range.clone(), range).prop_map(|(inputs, outputs)| Retracted { inputs, outputs });
    (
        proptest::option::of("[a-zA-Z0-9._-]{1,64}"),
        any::<[u64; 5]>(),
        proptest::collection::vec(retracted, 0..4),
    )
        .prop_map(|(run, words, retracted)| Session {
            run,
            topic_base: words[0],
            first: RunPosition {
                inputs: words[1],
                outputs: words[2],
            },
            watermark: RunPosition {
                inputs: words[3],
                outputs: words[4],
            },
            retracted,
        })
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

/// An envelope of the run that a session at the front of these bytes is of.
fn of_run(payload: &[u8]) -> Envelope {
    Envelope {
        run: Session::decode(payload).map_or(0, |(session, _)| session.run_id()),
        ..envelope()
    }
}

/// What is made up for the test below is taken often enough for it to mean something.
#[test]
fn the_bytes_that_are_made_up_are_often_messages() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let made = (any_topic(), 1_u8..5, any_bytes_of_a_payload());
    let mut taken = 0;
    for _ in 0..1_000 {
        let tree = proptest::strategy::Strategy::new_tree(&made, &mut runner).unwrap();
        let (topic, encoding, payload) = proptest::strategy::ValueTree::current(&tree);
        let mut header = of_run(&payload).encode();
        header[1] = encoding;
        taken += usize::from(Message::decode(&[&topic, &header, &payload]).is_ok());
    }
    assert!(taken > 30, "{taken} of 1,000");
}

proptest! {
    #[test]
    fn messages_round_trip(
        topic in "[a-zA-Z0-9./_-]{0,255}",
        payload in any_payload(),
        numbers in any::<[u64; 4]>(),
        times in any::<[i64; 4]>(),
        [flags, tier] in any::<[u8; 2]>(),
        key_epoch in any::<u32>(),
    ) {
        let (encoding, kind) = match &payload {
            Payload::Record(record) => (Encoding::Record, record.header.kind),
            Payload::Json(_) => (Encoding::Json, 1),
            Payload::Announcement(_) => (Encoding::Announcement, NO_RECORD),
            Payload::State(_) => (Encoding::State, NO_RECORD),
        };
        let run = match &payload {
            Payload::Announcement(state) => state.session.run_id(),
            _ => numbers[3],
        };
        let envelope = Envelope {
            encoding, kind, flags, tier, run, key_epoch,
            epoch: numbers[0], topic_seq: numbers[1], number: numbers[2],
            ts_event: times[0], ts_recv: times[1], ts_output: times[2], ts_publish: times[3],
        };
        let message = Message { topic, envelope, payload };
        let encoded = message.encode();
        prop_assert_eq!(Message::decode(&parts(&encoded)).unwrap(), message);
    }

    #[test]
    fn any_bytes_give_a_message_or_an_error(
        topic in any_topic(),
        encoding in 0_u8..6,
        header in proptest::collection::vec(any::<u8>(), 0..90),
        payload in any_bytes_of_a_payload(),
    ) {
        let mut valid = of_run(&payload).encode();
        valid[1] = encoding;
        for header in [&header[..], &valid] {
            if let Ok(message) = Message::decode(&[&topic, header, &payload]) {
                let encoded = message.encode();
                prop_assert_eq!(&encoded[0], &topic);
                if message.envelope.encoding == Encoding::Announcement {
                    // Reserved bytes are not kept: what was read is what was written.
                    let again = Message::decode(&parts(&encoded)).unwrap();
                    prop_assert_eq!(again, message);
                } else {
                    prop_assert_eq!(&encoded[2], &payload);
                }
            }
        }
    }
}
