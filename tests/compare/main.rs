//! A journal and its catalog never disagree in silence: of a recorded run, each copy gets one fault, which the next start must name
//! before it publishes, in words that say what to do, and which the command that owns the fact finds. What the words say helps.

#![cfg(test)]

#[path = "../cli/mod.rs"]
mod cli;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod recorded;

use cli::{Ran, tickloom};
use faults::{Fault, Start, faults};
use recorded::{Copy, Recorded, recorded};
use std::fs;
use std::path::PathBuf;

/// `catalog verify` and `journal verify` of a copy.
fn checks(copy: &Copy) -> [Ran; 2] {
    let (catalog, journal) = (copy.catalog(), copy.journal());
    let catalog = tickloom(&["catalog", "verify", catalog.to_str().unwrap()]);
    [
        catalog,
        tickloom(&["journal", "verify", journal.to_str().unwrap()]),
    ]
}

fn assert_clean(what: &str, copy: &Copy) {
    for ran in checks(copy) {
        assert_eq!(ran.code, 0, "{what}: {ran:?}");
    }
}

fn assert_fault(recorded: &Recorded, fault: &Fault) {
    let copy = recorded.copy();
    (fault.apply)(&copy);
    let what = fault.what;
    let [catalog, journal] = checks(&copy);
    for (ran, said) in [(&catalog, fault.catalog), (&journal, fault.journal)] {
        assert_eq!(ran.code != 0, said.is_some(), "{what}: {ran:?}");
        let all = format!("{}{}", ran.stdout, ran.stderr);
        let said = said.unwrap_or_default();
        assert!(all.contains(said), "{what}: {said:?} in {ran:?}");
    }
    match fault.start {
        Start::Refused(said) => {
            let before = copy.files();
            let ran = tickloom(&copy.words());
            assert_eq!(ran.code, 2, "{what}: {ran:?}");
            for said in said {
                assert!(ran.stderr.contains(said), "{what}: {said:?} in {ran:?}");
            }
            assert_eq!(copy.files(), before, "{what}: it was changed");
            // The way out that leaves everything as it is.
            let ran = copy.run_with(&["--new-run"]);
            assert_eq!(ran.code, 0, "{what}: {ran:?}");
            let kept = |path: &&PathBuf| path.starts_with(copy.journal());
            let after = copy.files();
            for path in before.keys().filter(kept) {
                assert_eq!(after.get(path), before.get(path), "{what}: {path:?}");
            }
        }
        Start::Told { said, helps } => {
            let ran = copy.run();
            let told = ran.stderr.split("publishing").next().unwrap();
            for said in said {
                assert!(told.contains(said), "{what}: {said:?} in {told}");
            }
            if fault.catalog.is_some() || fault.journal.is_some() {
                assert_eq!(ran.code, 1, "{what}: {ran:?}");
            }
            let Some(helps) = helps else { return };
            helps(&copy);
            let ran = copy.run();
            assert_eq!(ran.code, 0, "{what}: {ran:?}");
            assert_clean(what, &copy);
            recorded.assert_holds_beginning(&copy);
        }
        Start::BroughtIn(said) => {
            let ran = copy.run();
            assert_eq!(ran.code, 0, "{what}: {ran:?}");
            let told = ran.stderr.split("publishing").next().unwrap();
            assert!(told.contains(said), "{what}: {said:?} in {told}");
            assert_clean(what, &copy);
            recorded.assert_holds_beginning(&copy);
        }
        Start::Silent => {
            let ran = copy.run();
            assert!(!ran.stderr.contains("\ncatalog "), "{what}: {ran:?}");
        }
    }
}

#[test]
fn each_disagreement_is_named_at_the_start_and_by_verify() {
    let recorded = recorded();
    let only = std::env::var("TICKLOOM_ONLY").unwrap_or_default();
    let mut failed = Vec::new();
    for fault in faults() {
        if !fault.what.contains(&only) {
            continue;
        }
        println!("{}", fault.what);
        let tried = std::panic::AssertUnwindSafe(|| assert_fault(&recorded, &fault));
        if std::panic::catch_unwind(tried).is_err() {
            failed.push(fault.what);
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn what_agrees_is_started_without_a_word() {
    let recorded = recorded();
    for tend in [
        &[][..],
        &["compact"],
        &["retain", "--before", "2100-01-01", "--kind", "book_updates"],
    ] {
        let copy = recorded.copy();
        if let [command, more @ ..] = tend {
            let catalog = copy.catalog();
            let words = [&["catalog", command, catalog.to_str().unwrap()], more].concat();
            let ran = tickloom(&words);
            assert_eq!(ran.code, 0, "{ran:?}");
        }
        assert_clean("as it was", &copy);
        let ran = copy.run();
        assert_eq!(ran.code, 0, "{ran:?}");
        let is_told = ran.stderr.lines().any(|line| line.starts_with("catalog "));
        assert!(!is_told, "{ran:?}");
        assert_clean("gone on with", &copy);
    }
}

/// Who begins another run leaves nothing of the one before out of the catalog.
#[test]
fn what_a_killed_run_left_is_brought_in_by_the_start_of_another() {
    let recorded = recorded();
    let copy = recorded.copy();
    // As after a kill: nothing of the last session is in the catalog.
    let last = copy.last_part();
    copy.remove_part(last);
    fs::remove_file(copy.journal().join("closed.json")).unwrap();
    let [catalog, journal] = checks(&copy);
    assert_eq!((catalog.code, journal.code), (1, 1), "{catalog:?}");
    let said = format!("1 of segment {last} are not in the catalog");
    assert!(catalog.stdout.contains(&said), "{catalog:?}");
    let before = copy.journal();
    let ran = copy.run_with(&["--new-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("brings in 1 of segments"), "{ran:?}");
    let catalog = copy.catalog();
    for words in [
        ["catalog", "verify", catalog.to_str().unwrap()],
        ["journal", "verify", before.to_str().unwrap()],
    ] {
        let ran = tickloom(&words);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    recorded.assert_holds_beginning(&copy);
}
