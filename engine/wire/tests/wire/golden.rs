//! Golden messages of both versions: those of version 2 are what a publisher sends, byte for byte; those of version 1 are
//! refused with an answer that says what to do, as version 1 refuses version 2.
//!
//! `UPDATE_GOLDEN=1` writes the messages of version 2 anew, and the difference is reviewed.

use crate::support::{names, signal, trade};
use std::fmt::Write;
use std::time::Duration;
use tickloom_types::Ts;
use tickloom_wire::{
    Message, Payload, PublishItem, Publisher, PublisherConfig, Retracted, RunPosition, Session,
};

const V1: &str = include_str!("../golden/v1/messages.txt");
const V2: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v2/messages.txt");

/// Topic, envelope and payload of each line.
fn messages(text: &str) -> Vec<[Vec<u8>; 3]> {
    let parts = |line: &str| {
        let mut words = line.split(' ');
        let topic = words.next().unwrap().as_bytes().to_vec();
        [
            topic,
            unhex(words.next().unwrap()),
            unhex(words.next().unwrap()),
        ]
    };
    text.lines().map(parts).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn decode(parts: &[Vec<u8>; 3]) -> Result<Message, String> {
    let [topic, envelope, payload] = parts;
    Message::decode(&[topic, envelope, payload]).map_err(|error| error.to_string())
}

/// A session that goes on after a crash.
fn session() -> Session {
    Session {
        run: Some("20240808T235413Z".to_owned()),
        topic_base: 3_000,
        first: RunPosition {
            inputs: 2_000,
            outputs: 1_000,
        },
        watermark: RunPosition {
            inputs: 1_500,
            outputs: 700,
        },
        retracted: vec![Retracted {
            inputs: 1_500..2_000,
            outputs: 700..1_000,
        }],
    }
}

/// All that a publisher sends on its first moments: an epoch, a hello, a heartbeat, a state, a market record and an output, in both
/// encodings where there are two.
fn published() -> Vec<[Vec<u8>; 3]> {
    let mut config = PublisherConfig::new("tcp://127.0.0.1:0", 7);
    config.session = session();
    let mut publisher = Publisher::bind(&config, names()).unwrap();
    let socket = zmq::Context::new().socket(zmq::SUB).unwrap();
    for prefix in ["", "~hello/1"] {
        socket.set_subscribe(prefix.as_bytes()).unwrap();
    }
    socket.connect(publisher.endpoint()).unwrap();
    let patience = Duration::from_secs(20);
    assert!(publisher.wait_for_subscriber("epoch", patience).unwrap());
    while publisher.metrics().hellos == 0 {
        publisher.poll(Ts(1_000)).unwrap();
    }
    let first = session().first;
    let state = [signal(0, 4), trade(4)];
    publisher.publish_state(first, &state, Ts(1_001)).unwrap();
    assert!(publisher.is_state_awaited());
    publisher
        .answer_with_state(first, &state, Ts(1_001))
        .unwrap();
    assert!(!publisher.is_state_awaited());
    let items = [(trade(5), 2_000), (signal(0, 5), 1_000)];
    for (record, number) in items {
        let item = PublishItem {
            record,
            number,
            ts_output: Ts(1_001),
            ts_publish: Ts(1_002),
        };
        publisher.publish(&item).unwrap();
    }
    publisher.set_watermark(RunPosition {
        inputs: 2_001,
        outputs: 1_001,
    });
    publisher.poll(Ts(2_000_000_000)).unwrap();
    let mut messages: Vec<[Vec<u8>; 3]> = Vec::new();
    let is_last = |message: &[Vec<u8>; 3]| {
        message[0] == b"json/heartbeat" && decode(message).unwrap().envelope.ts_publish > 1_000
    };
    while !messages.last().is_some_and(is_last) {
        let parts = socket.recv_multipart(0).unwrap();
        messages.push(parts.try_into().unwrap());
    }
    // Whether the hello came in at the first look or a later one is the network's affair.
    messages.sort_by_key(|message| decode(message).unwrap().envelope.ts_publish);
    messages.sort_by_key(|message| message[0].clone());
    messages
}

#[test]
fn a_publisher_sends_the_golden_messages_of_version_2() {
    let published = published();
    let mut lines = String::new();
    for [topic, envelope, payload] in &published {
        let topic = std::str::from_utf8(topic).unwrap();
        writeln!(lines, "{topic} {} {}", hex(envelope), hex(payload)).unwrap();
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(V2, &lines).unwrap();
    }
    let golden = std::fs::read_to_string(V2).unwrap();
    assert_eq!(lines, golden);
    let topics: Vec<_> = golden
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let expected = [
        "epoch",
        "heartbeat",
        "heartbeat",
        "json/epoch",
        "json/heartbeat",
        "json/heartbeat",
        "json/signal/fast",
        "json/state",
        "json/trade/binance.BTCUSDT",
        "signal/fast",
        "state",
        "trade/binance.BTCUSDT",
        "~hello/1",
        "~hello/1",
    ];
    assert_eq!(topics, expected);
    for parts in messages(&golden) {
        let message = decode(&parts).unwrap();
        assert_eq!(message.encode(), parts, "{}", message.topic);
        if let Payload::Announcement(state) = &message.payload {
            assert_eq!(state.session.retracted, session().retracted);
        }
    }
}

#[test]
fn every_message_of_version_1_is_refused_with_what_to_do() {
    let golden = messages(V1);
    assert_eq!(golden.len(), 4);
    for parts in golden {
        assert_eq!(parts[1].len(), 56);
        assert_eq!(
            decode(&parts).unwrap_err(),
            "protocol version 1, expected 2: the publisher is older than this client: update the publisher, or read it with a client of its release"
        );
    }
}

/// The rule by which version 1 read an envelope: 56 bytes, of which the first is 1.
fn version_1_takes(envelope: &[u8]) -> bool {
    envelope.len() == 56 && envelope[0] == 1
}

#[test]
fn a_reader_of_version_1_refuses_every_message_of_version_2() {
    assert!(
        messages(V1)
            .iter()
            .all(|[_, envelope, _]| version_1_takes(envelope))
    );
    let golden = messages(&std::fs::read_to_string(V2).unwrap());
    assert!(!golden.is_empty());
    for [_, envelope, _] in golden {
        assert!(!version_1_takes(&envelope));
        assert_ne!(envelope[0], 1, "also by the version alone");
    }
}
