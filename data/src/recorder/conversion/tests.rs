//! A catalog that fails while the journal goes on, and what becomes of it when it is well again.

use super::*;
use crate::recorder::{Recorder, RecorderOptions, catalog_dir, journal_dir};
use std::fs;
use std::path::Path;
use tickloom_catalog::ScanQuery;
use tickloom_journal::{JournalOptions, RunMeta, SyncPolicy};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, Seq, SourceDef, SourceId,
    SourceKind, TradeBody, Ts,
};

fn meta() -> RunMeta {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("test.A", 2, 0, "USD");
    instruments.add(def).unwrap();
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    RunMeta::new("run", Ts(0), instruments).unwrap()
}

/// Segments that are sealed at every flush.
fn options() -> RecorderOptions {
    RecorderOptions {
        journal: JournalOptions {
            segment_bytes_max: 1,
            sync: SyncPolicy::OnSeal,
        },
        flush_records: 1,
    }
}

fn trade(seq: Seq) -> Record {
    let ts = Ts(i64::try_from(seq).unwrap());
    let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), ts, ts);
    let body = TradeBody {
        price: 100,
        qty: 1,
        ..TradeBody::default()
    };
    body.record(header)
}

/// Records one trade into a segment of its own.
fn seal_one(recorder: &mut Recorder, seq: Seq) {
    recorder.inputs(seq, &[trade(seq)]).unwrap();
    recorder.flush().unwrap();
}

/// Waits until the status is as it should be.
fn until(status: &Mutex<CatalogStatus>, is_it: impl Fn(&CatalogStatus) -> bool) -> CatalogStatus {
    loop {
        let seen = status.lock().unwrap().clone();
        if is_it(&seen) {
            return seen;
        }
        std::thread::yield_now();
    }
}

/// What the catalog holds of the run.
fn recorded(dir: &Path) -> Vec<(Seq, Record)> {
    let catalog = Catalog::open(&catalog_dir(dir)).unwrap();
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    scan.collect::<tickloom_catalog::Result<_>>().unwrap()
}

/// Puts a file in the catalog's place, which fails for every user, and says where the catalog is kept meanwhile.
fn take_away(dir: &Path) -> PathBuf {
    let kept = dir.join("kept");
    fs::rename(catalog_dir(dir), &kept).unwrap();
    fs::write(catalog_dir(dir), "no directory").unwrap();
    kept
}

fn bring_back(dir: &Path, kept: &Path) {
    fs::remove_file(catalog_dir(dir)).unwrap();
    fs::rename(kept, catalog_dir(dir)).unwrap();
}

#[test]
fn a_catalog_that_fails_is_named_and_caught_up_with() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorder, _) = Recorder::open(dir.path(), &meta(), options()).unwrap();
    let status = recorder.catalog_status();
    seal_one(&mut recorder, 0);
    until(&status, |seen| (seen.converted, seen.behind) == (1, 0));

    let kept = take_away(dir.path());
    seal_one(&mut recorder, 1);
    let seen = until(&status, |seen| seen.failure.is_some());
    assert_eq!((seen.converted, seen.behind), (1, 1), "{seen}");
    assert_eq!(seen.pause, Duration::from_secs(1));
    let text = seen.to_string();
    assert!(text.starts_with("cannot be written: cannot "), "{text}");
    assert!(text.contains("again in 1 s, 1 segments wait"), "{text}");
    // The journal goes on, and each segment is a reason to try again.
    seal_one(&mut recorder, 2);
    let seen = until(&status, |seen| seen.behind == 2);
    assert!(seen.failure.is_some());
    let seen = until(&status, |seen| seen.pause > Duration::from_secs(1));
    assert_eq!((seen.converted, seen.behind), (1, 2));

    bring_back(dir.path(), &kept);
    seal_one(&mut recorder, 3);
    let seen = until(&status, |seen| seen.converted == 4);
    assert_eq!((seen.behind, seen.failure), (0, None));
    let (close, report) = recorder.close("00").unwrap();
    assert_eq!((close.next_seq, report.written), (4, 5));
    let expected: Vec<_> = (0..4).map(|seq| (seq, trade(seq))).collect();
    assert_eq!(recorded(dir.path()), expected);
}

#[test]
fn a_catalog_that_fails_to_the_end_leaves_a_whole_journal_for_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorder, _) = Recorder::open(dir.path(), &meta(), options()).unwrap();
    let kept = take_away(dir.path());
    seal_one(&mut recorder, 0);
    let (close, conversion) = recorder.close_journal("00").unwrap();
    assert_eq!(close.next_seq, 1);
    assert!(conversion.finish().is_err(), "it had no place");
    bring_back(dir.path(), &kept);

    let (recorder, recovered) = Recorder::open(dir.path(), &meta(), options()).unwrap();
    assert_eq!(recovered.next_seq, 1);
    recorder.close("00").unwrap();
    assert_eq!(recorded(dir.path()), [(0, trade(0))]);
}

#[test]
fn a_conversion_can_be_left_to_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut recorder, _) = Recorder::open(dir.path(), &meta(), options()).unwrap();
    seal_one(&mut recorder, 0);
    let (_, conversion) = recorder.close_journal("00").unwrap();
    // It may have been quick enough.
    let left = conversion.finish_unless(|| true).unwrap();
    assert!(left.is_none_or(|report| report.written == 2));
    let journal = tickloom_journal::JournalReader::open(&journal_dir(dir.path(), "run")).unwrap();
    assert_eq!(journal.inputs().count(), 1);
}
