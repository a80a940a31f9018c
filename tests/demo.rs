//! `tickloom demo` from outside: what it prints and leaves behind, and what Ctrl-C in the middle does.

#![cfg(test)]

mod cli;
mod common;

use cli::{tickloom, workspace};
use common::{Running, assert_catalog_holds, json, read_journal, text, until, verify};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use tickloom_types::{Flags, Kind, SignalBody};

/// Bytes of the journal after which a demo is surely in the middle.
const MIDDLE: u64 = 400_000;

#[test]
fn what_was_live_is_backtested_and_replayed_to_the_same_hash() {
    let dir = workspace();
    let place = dir.path().join("demo");
    let place = place.to_str().unwrap();
    let ran = tickloom(&["demo", "--seconds", "5", "--json", "--dir", place]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let demo = json(&ran);
    assert!(demo["events"].as_u64().unwrap() > 0, "{demo}");
    assert!(demo["signals"].as_u64().unwrap() > 0, "{demo}");
    let hash = text(&demo, "live_hash");
    assert_eq!(hash, text(&demo, "backtest_hash"));
    assert_eq!(hash.len(), 32);

    let journal = text(&demo, "journal");
    let verified = verify(Path::new(&journal));
    assert_eq!(verified["closed"], true);
    assert_eq!(verified["output_hash"], hash);
    assert_eq!(verified["inputs"], demo["events"]);
    let recorded = read_journal(Path::new(&journal));
    assert_catalog_holds(Path::new(&text(&demo, "catalog")), &recorded);
    assert_is_self_contained(&fs::read_to_string(text(&demo, "report")).unwrap());
}

#[test]
fn a_demo_in_lockstep_is_the_same_every_time() {
    let dir = workspace();
    let outputs = ["first", "second"].map(|name| {
        let place = dir.path().join(name).display().to_string();
        let ran = tickloom(&["demo", "--lockstep", "--json", "--dir", &place]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let demo = json(&ran);
        assert_eq!(text(&demo, "live_hash"), text(&demo, "backtest_hash"));
        let journal = read_journal(Path::new(&text(&demo, "journal")));
        let signals = journal.outputs.into_iter().filter_map(|(_, output)| {
            // What is lost when the connections end is told in their order, which is nobody's.
            let is_signal = output.kind() == Some(Kind::Signal) && !output.has(Flags::NOT_READY);
            let SignalBody { signal, value, .. } = SignalBody::of(&output);
            is_signal.then_some((output.ts_event(), signal, value.to_bits()))
        });
        signals.collect::<Vec<_>>()
    });
    assert!(outputs[0].len() > 1_000, "{}", outputs[0].len());
    for (at, (first, second)) in outputs[0].iter().zip(&outputs[1]).enumerate() {
        assert_eq!(first, second, "value {at}");
    }
    assert_eq!(outputs[0].len(), outputs[1].len());
}

/// A page that a browser shows whole without asking anybody for anything.
fn assert_is_self_contained(html: &str) {
    let html = html.to_ascii_lowercase();
    assert!(html.starts_with("<!doctype html>"), "{:.80}", html);
    assert!(html.trim_end().ends_with("</html>"));
    assert!(html.contains("<svg"));
    for asks in [
        "<link", "<iframe", "<img", "@import", " src=", "url(", "fetch(",
    ] {
        assert!(!html.contains(asks), "the report has {asks}");
    }
}

#[test]
fn ctrl_c_in_the_middle_leaves_a_whole_journal_and_nothing_else() {
    let dir = workspace();
    let place = dir.path().to_str().unwrap();
    let mut demo = Running::start(&["demo", "--seconds", "600", "--json", "--dir", place]);
    let endpoint = demo.announced("publishing");
    let journal = demo.announced("journal");
    let journal = Path::new(&journal);
    until("the middle of the demo", || {
        let length = |entry: fs::DirEntry| entry.metadata().map_or(0, |meta| meta.len());
        let entries = fs::read_dir(journal).unwrap();
        let bytes: u64 = entries.flatten().map(length).sum();
        (bytes > MIDDLE).then_some(())
    });
    // It would go on for ten minutes.
    let ran = demo.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("stopped"), "{ran:?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");

    assert_eq!(verify(journal)["closed"], true);
    assert_catalog_holds(&dir.path().join("catalog"), &read_journal(journal));
    let port = endpoint.strip_prefix("tcp://").unwrap();
    TcpListener::bind(port).unwrap();
}

#[test]
fn only_a_directory_of_a_demo_is_replaced() {
    let dir = workspace();
    let mine = dir.path().join("mine.txt");
    fs::write(&mine, "mine").unwrap();
    let place = dir.path().to_str().unwrap();
    let ran = tickloom(&["demo", "--seconds", "1", "--dir", place]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains(place), "{ran:?}");
    assert!(ran.stderr.contains("--out"), "{ran:?}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
