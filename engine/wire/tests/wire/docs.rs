//! `docs/wire.md` says what the code does: every number with its word, every topic, every JSON key.

use std::fmt::Display;
use tickloom_types::{BookState, Flags, Kind, OrderStatus, OrderType, RiskRule, Side, StatusCode};
use tickloom_wire::{
    ENVELOPE_LEN, EPOCH, HEARTBEAT, HELLO_PREFIX, JSON_HELLO_PREFIX, JSON_PREFIX, SESSION_LEN,
    STATE, STATE_HEAD_LEN, STATUS, STREAM_VERSION, VERSION, limits::STATE_RECORDS_MAX,
};

const WIRE: &str = include_str!("../../../../docs/wire.md");
const STREAM: &str = include_str!("../../../../docs/stream.md");
const GOLDEN: &str = include_str!("../golden/v2/records.jsonl");

fn check(expected: &str) {
    assert!(WIRE.contains(expected), "docs/wire.md lacks {expected:?}");
}

/// The row of the table of numbers that begins with `title` has all of these.
fn check_row<T: Copy>(title: &str, all: &[T], word: impl Fn(T) -> (u16, &'static str)) {
    let row = WIRE.lines().find(|line| line.starts_with(title));
    let row = row.unwrap_or_else(|| panic!("docs/wire.md lacks {title:?}"));
    for &value in all {
        let (number, word) = word(value);
        assert!(row.contains(&format!("{number} {word}")), "{word}: {row}");
    }
}

fn quoted(text: impl Display) -> String {
    format!("`{text}`")
}

#[test]
fn numbers_have_their_words() {
    let byte = u16::from;
    check_row("| `side`", Side::ALL, |v| (byte(v as u8), v.name()));
    check_row("| `order_type`", OrderType::ALL, |v| {
        (byte(v as u8), v.name())
    });
    check_row("| `status` of", OrderStatus::ALL, |v| {
        (byte(v as u8), v.name())
    });
    check_row("| `state` of", BookState::ALL, |v| {
        (byte(v as u8), v.name())
    });
    check_row("| `code`", StatusCode::ALL, |v| (v as u16, v.name()));
    check_row("| `rule`", RiskRule::ALL, |v| (byte(v as u8), v.name()));
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Timer) {
        check(&format!("{} {}", *kind as u8, kind.name()));
    }
    check(&format!("{} not_ready", Flags::NOT_READY));
    check(&format!("{} more", Flags::MORE));
    check(&format!("{} incomplete", Flags::INCOMPLETE));
}

#[test]
fn topics_are_listed() {
    for word in [EPOCH, HEARTBEAT, STATE, STATUS, "account"] {
        check(&format!("| {} |", quoted(word)));
    }
    for prefix in [HELLO_PREFIX, JSON_HELLO_PREFIX, JSON_PREFIX] {
        check(prefix);
    }
    check(&format!("## 2. Envelope: {ENVELOPE_LEN} bytes"));
    check(&format!("{SESSION_LEN} bytes"));
    check(&format!("a head of {STATE_HEAD_LEN} bytes"));
    check("A state of more than 16,384 records");
    assert_eq!(STATE_RECORDS_MAX, 16_384);
    check(&format!("protocol version {VERSION}"));
    for line in GOLDEN.lines() {
        let topic = line.split_once(' ').unwrap().0;
        let word = topic.split_once('/').map_or(topic, |(word, _)| word);
        assert!(WIRE.contains(&format!("| `{word}")), "{topic}");
    }
}

#[test]
fn the_page_on_recorded_streams_is_of_their_version() {
    let title = format!("# A recorded stream: format version {STREAM_VERSION}\n");
    assert!(STREAM.starts_with(&title), "{title}");
}

#[test]
fn json_keys_are_listed() {
    for line in GOLDEN.lines() {
        let object = line.split_once(' ').unwrap().1;
        let object: serde_json::Value = serde_json::from_str(object).unwrap();
        for key in object.as_object().unwrap().keys() {
            check(&quoted(key));
        }
    }
}
