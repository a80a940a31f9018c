//! `tickloom drill venue` from outside: the quick faults are withstood, and what is said of each.

#![cfg(test)]

mod cli;

use cli::{Ran, tickloom};
use serde_json::Value;
use std::collections::BTreeSet;

/// Those that take a second or less.
const QUICK: [&str; 11] = [
    "gap",
    "disorder",
    "bad-frames",
    "cut",
    "refused-connections",
    "far-ahead-stamp",
    "id-restart",
    "huge-id",
    "oversized-message",
    "oversized-frame",
    "redirect",
];

fn json(ran: &Ran) -> Value {
    serde_json::from_str(ran.stdout.trim()).unwrap_or_else(|error| panic!("{error} in {ran:?}"))
}

#[test]
fn quick_faults_are_withstood_and_told_one_by_one() {
    let words = [&["drill", "venue"], QUICK.as_slice(), &["--json"]].concat();
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{ran:?}");
    let told = json(&ran);
    assert_eq!(
        (&told["holds"], &told["failed"]),
        (&Value::Bool(true), &Value::from(0))
    );
    let drills = told["drills"].as_array().unwrap();
    assert_eq!(drills.len(), QUICK.len());
    for (drill, name) in drills.iter().zip(QUICK) {
        assert_eq!(drill["name"], name);
        let checks = drill["checks"].as_array().unwrap();
        assert!(!checks.is_empty(), "{drill}");
        for check in checks {
            assert_eq!(check["holds"], true, "{drill}");
            assert!(!check["seen"].as_str().unwrap().is_empty(), "{drill}");
        }
        let states = drill["states"].as_array().unwrap();
        assert_eq!(states[0], "connecting", "{drill}");
        assert_eq!(states.last().unwrap(), "live", "{drill}");
    }
}

#[test]
fn a_drill_is_told_in_lines_too() {
    let ran = tickloom(&["drill", "venue", "gap"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "gap  the venue leaves out 500 messages");
    assert_eq!(lines[1], "    ok    the gap is a record: 1 gaps");
    assert!(
        lines[2].starts_with("    ok    in the end the book is the venue's, and live: at update ")
    );
}

#[test]
fn every_fault_is_listed_and_described() {
    let listed = json(&tickloom(&["drill", "venue", "--list", "--json"]));
    let listed = listed.as_array().unwrap();
    let names: Vec<&str> = listed
        .iter()
        .map(|drill| drill["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(QUICK.iter().all(|name| names.contains(name)));
    let page = include_str!("../docs/drill.md");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    let text = tickloom(&["drill", "venue", "--list"]);
    assert_eq!(text.code, 0, "{text:?}");
    assert!(
        text.stdout
            .contains("server-shutdown  the venue says that it will shut down")
    );
}

#[test]
fn a_fault_that_is_not_known_is_refused_with_those_that_are() {
    let ran = tickloom(&["drill", "venue", "gap", "flood"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(
        ran.stderr
            .contains("fault \"flood\": expected all, or some of gap, "),
        "{ran:?}"
    );
    let ran = tickloom(&["drill", "venue"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}
