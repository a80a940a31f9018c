//! `tickloom drill` from outside: the quick faults are withstood, and what is said of each; a load is counted from both ends.

#![cfg(test)]

mod cli;
mod common;

use cli::{Ran, tickloom, workspace};
use common::{Running, read_journal};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use tickloom_types::{Flags, Kind};

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

/// Everything is counted a third time here, from the journal that is kept.
#[test]
fn a_load_is_whole_from_end_to_end() {
    let dir = workspace();
    let record = dir.path().join("recorded");
    let path = record.display().to_string();
    let words = ["drill", "load", "--rate", "2000", "--seconds", "2"];
    let ran = tickloom(&[&words[..], &["--record", &path, "--json"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let found = json(&ran);
    assert_eq!((&found["holds"], &found["lost"]), (&true.into(), &0.into()));
    assert_eq!(found["sent"]["messages"], found["received"]["messages"]);
    assert_eq!(
        found["published"]["records"],
        found["published"]["expected"]
    );
    let journals = std::fs::read_dir(record.join("journal")).unwrap();
    let journals: Vec<_> = journals.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(journals.len(), 1, "{journals:?}");
    let journal = read_journal(&journals[0]);
    let of = |kind| {
        let inputs = journal.inputs.iter();
        let is_one = |record: &&tickloom_types::Record| {
            record.kind() == Some(kind) && !(kind == Kind::Level && record.has(Flags::SNAPSHOT))
        };
        inputs.filter(is_one).count()
    };
    let kinds = [
        ("trades", Kind::Trade),
        ("quotes", Kind::Quote),
        ("levels", Kind::Level),
    ];
    for (name, kind) in kinds {
        let told = &found["kinds"][name];
        assert!(of(kind) > 0, "{found}");
        assert_eq!(told["recorded"], of(kind), "{name}");
        assert_eq!(told["sent"], of(kind), "{name}");
    }
    assert!(journal.close.is_some());
    assert_eq!(found["recorded"]["outputs"], journal.outputs.len());
    let stages = found["stages"].as_array().unwrap();
    assert!(
        stages
            .iter()
            .all(|stage| stage["latency_ns"]["p50"].as_u64() > Some(0)),
        "{found}"
    );
    // Where another run is, there is no room.
    let again = tickloom(&[&words[..], &["--record", &path]].concat());
    assert_eq!((again.code, again.stdout.as_str()), (2, ""), "{again:?}");
    assert!(again.stderr.contains("has a journal already"), "{again:?}");
}

#[test]
fn a_load_of_which_something_is_lost_fails() {
    let words = [
        "drill",
        "load",
        "--rate",
        "2000",
        "--seconds",
        "1",
        "--lose",
        "3",
        "--json",
    ];
    let ran = tickloom(&words);
    assert_eq!(ran.code, 1, "{ran:?}");
    let found = json(&ran);
    assert_eq!(
        (&found["holds"], &found["lost"]),
        (&false.into(), &3.into())
    );
    assert!(ran.stderr.contains("3 of "), "{ran:?}");
    assert!(
        ran.stderr
            .contains("trades on the way to the journal were lost"),
        "{ran:?}"
    );
}

/// What is temporary is below this directory while it runs, and gone afterwards.
fn temporary(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

#[test]
fn ctrl_c_ends_a_load_and_leaves_nothing() {
    let dir = workspace();
    let temp = dir.path().display().to_string();
    let words = ["drill", "load", "--rate", "1000", "--seconds", "86400"];
    let mut load = Running::start_with(&words, &[("TMPDIR", &temp)]);
    load.announced("load ");
    assert_eq!(temporary(dir.path()), 1);
    let ran = load.stop();
    assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{ran:?}");
    assert_eq!(temporary(dir.path()), 0);
}
