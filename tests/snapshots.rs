//! A live run goes on from a snapshot: with any number of workers, without the segments before it, and from the one before
//! when the newest is damaged.

#![cfg(test)]

mod cli;
mod common;

use cli::{tickloom, workspace};
use common::{Journal, Running, json, read_journal, settings, until, verify};
use std::fs;
use std::path::{Path, PathBuf};
use tickloom_data::{Catalog, ScanQuery};
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_journal::{SnapshotHead, read_snapshot, segment_numbers, snapshot_files};

fn venue() -> LocalVenue {
    let [_, perpetual] = samples();
    LocalVenue::start(LocalVenueConfig {
        speed: Speed::Times(8.0),
        ..LocalVenueConfig::new(vec![perpetual.capture])
    })
    .unwrap()
}

fn newest(journal: &Path) -> Option<SnapshotHead> {
    let newest = snapshot_files(journal).unwrap().into_iter().next()?;
    // One that was just replaced may be gone.
    read_snapshot(&newest).ok().map(|snapshot| snapshot.head)
}

/// Runs until there is a snapshot of a later segment than the last, and stops in good order.
fn run_to_next(words: &[&str], workers: &str) -> (PathBuf, String) {
    let mut run = Running::start(&[words, &["--workers", workers]].concat());
    let journal = PathBuf::from(run.announced("journal"));
    let begun = *segment_numbers(&journal).unwrap().last().unwrap();
    until("a snapshot of a later segment", || {
        newest(&journal)
            .is_some_and(|head| head.segment > begun)
            .then_some(())
    });
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    (journal, ran.stderr)
}

#[test]
fn a_run_goes_on_without_what_is_before_its_snapshot() {
    let venue = venue();
    let dir = workspace();
    let record = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    fs::write(&config, settings(&venue, &record, "")).unwrap();
    let words = ["run", "--config", config.to_str().unwrap()];

    let (journal, _) = run_to_next(&words, "2");
    let (_, said) = run_to_next(&words, "1");
    assert!(!said.contains("is not used"), "{said}");
    verify(&journal);
    let before = read_journal(&journal);

    // All before the older of the two snapshots may go, and only that.
    let needed = snapshot_files(&journal).unwrap();
    let needed = needed
        .iter()
        .map(|path| read_snapshot(path).unwrap().head.segment);
    let needed = needed.min().unwrap();
    assert!(needed > 1, "the first segment is needed still");
    let ran = tickloom(&["journal", "prune", journal.to_str().unwrap(), "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(segment_numbers(&journal).unwrap()[0], needed, "{ran:?}");
    let ran = tickloom(&["journal", "verify", journal.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");

    // A damaged snapshot is named, and the one before it is taken.
    let files = snapshot_files(&journal).unwrap();
    let mut bytes = fs::read(&files[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[0], bytes).unwrap();
    let mut run = Running::start(&[&words[..], &["--workers", "4", "--json"]].concat());
    run.announced("publishing");
    until("the end of the recording", || {
        venue.progress().is_finished.then_some(())
    });
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    let name = files[0].file_name().unwrap().to_str().unwrap();
    let said = format!("{name} is not used");
    assert!(ran.stderr.contains(&said), "{ran:?}");
    let end = json(&ran);

    // What one process makes of all inputs is what the sessions made, the last of which did not see the first.
    let catalog = Catalog::open(&record.join("catalog")).unwrap();
    let inputs: Vec<_> = catalog
        .scan(&ScanQuery::default())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(end["events"], inputs.len() as u64);
    let Journal {
        inputs: seen, seqs, ..
    } = before;
    let seen: Vec<_> = seqs.into_iter().zip(seen).collect();
    assert_eq!(inputs[..seen.len()], seen);
    assert_eq!(end["output_hash"], output_hash(&journal, &inputs));
}

#[test]
fn other_settings_begin_a_run_beside_one_that_held_something_only_if_asked_to() {
    let venue = venue();
    let dir = workspace();
    let record = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    // What is bought once is held to the end.
    let exit = "cross_under(ema(mid, 5), ema(mid, 50))";
    let write = |more: &str| {
        let text = settings(&venue, &record, more).replace(exit, "mid < 0");
        fs::write(&config, text).unwrap();
    };
    write("");
    let words = ["run", "--config", config.to_str().unwrap()];
    let mut run = Running::start(&words);
    let journal = PathBuf::from(run.announced("journal"));
    until("a position", || (position(&journal) != 0).then_some(()));
    run.kill();

    write("[risk]\ngross_exposure = '1000000000'\n");
    let ran = tickloom(&words);
    assert_eq!(ran.code, 2, "{ran:?}");
    let held = "had other settings, and held 0.5 binance-usdm.BTCUSDT (cross)";
    assert!(ran.stderr.contains(held), "{ran:?}");
    let mut run = Running::start(&[&words[..], &["--new-run"]].concat());
    run.announced("new run");
    let other = PathBuf::from(run.announced("journal"));
    assert_ne!(other, journal);
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
}

/// Size of the last position that a journal tells of, as a mantissa.
fn position(journal: &Path) -> i64 {
    let outputs = read_journal(journal).outputs.into_iter().rev();
    let mut positions =
        outputs.filter(|(_, record)| record.kind() == Some(tickloom_types::Kind::Position));
    positions.next().map_or(0, |(_, record)| {
        tickloom_types::PositionBody::of(&record).qty
    })
}

/// The hash of all outputs that one core makes of these inputs.
fn output_hash(journal: &Path, inputs: &[(u64, tickloom_types::Record)]) -> String {
    let meta = tickloom_journal::read_journal_meta(journal)
        .unwrap()
        .unwrap();
    let config: tickloom_core::CoreConfig = serde_json::from_str(&meta.config).unwrap();
    let mut core = tickloom_core::Core::new(&config).unwrap();
    let (mut out, mut hash) = (
        tickloom_core::Outputs::new(),
        tickloom_core::OutputHash::new(),
    );
    for (seq, record) in inputs {
        core.step(*seq, record, &mut out);
        hash.update_all(out.records());
    }
    hash.hex()
}
