//! Journals of every kind against the catalog that is made from them: of both formats, salvaged, pruned, and under the name of
//! another run. `tests/compare` has what can be wrong with those that a live run leaves.

#![cfg(test)]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use tickloom_data::{
    Catalog, CatalogError, DataError, Recorder, RecorderOptions, catalog_dir, compare_recorded,
    compare_rows, journal_dir, sync_journal,
};
use tickloom_journal::{
    JournalOptions, JournalWriter, Numbers, OrdersAhead, RunMeta, SyncPolicy, salvage_journal,
    segment_files, segment_name, segment_numbers,
};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, SourceDef, SourceId,
    SourceKind, TradeBody, Ts,
};

/// A record directory with a journal of two sessions, the first of which was killed: numbers were taken back.
fn recorded() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal_dir(dir.path(), "run");
    let (mut writer, _) = JournalWriter::open_with(&journal, &meta("run"), options()).unwrap();
    let ahead = Numbers {
        inputs: 90,
        outputs: 90,
    };
    writer.reserve(ahead, OrdersAhead::NONE).unwrap();
    for seq in 0..5 {
        append(&mut writer, seq);
    }
    drop(writer);
    record(&journal, 3);
    dir
}

fn catalog(dir: &Path) -> Catalog {
    Catalog::create(&catalog_dir(dir)).unwrap()
}

/// What all journals of the directory differ in from the catalog, and how many segments that lacks.
fn differences(dir: &Path) -> (Vec<String>, usize) {
    let catalog = catalog(dir);
    let (mut texts, mut lacking) = (Vec::new(), 0);
    for found in compare_recorded(dir, &catalog).unwrap() {
        let rows = compare_rows(&found.journal, &catalog, &mut |_| ControlFlow::Continue(()));
        let rows = rows.unwrap();
        lacking += found.lacking.len();
        let all = found.differences.iter().chain(&rows.differences);
        texts.extend(all.map(ToString::to_string));
    }
    (texts, lacking)
}

fn synced(dir: &Path) {
    let journals = fs::read_dir(dir.join("journal")).unwrap();
    for journal in journals {
        sync_journal(&journal.unwrap().path(), &catalog(dir)).unwrap();
    }
}

#[test]
fn a_journal_agrees_with_what_is_made_from_it() {
    let dir = recorded();
    let (texts, lacking) = differences(dir.path());
    let segments = segment_numbers(&journal_dir(dir.path(), "run")).unwrap();
    assert_eq!((texts.as_slice(), lacking), (&[][..], segments.len()));
    synced(dir.path());
    assert_eq!(differences(dir.path()), (Vec::new(), 0));
}

#[test]
fn a_journal_of_the_first_format_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("journal/tests/golden/v1");
    let to = journal_dir(dir.path(), "golden");
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
    assert_eq!(differences(dir.path()), (Vec::new(), 4));
}

#[test]
fn a_salvaged_journal_agrees_with_a_catalog_of_its_own() {
    let damaged = recorded();
    let journal = journal_dir(damaged.path(), "run");
    let third = &segment_files(&journal).unwrap()[2];
    let mut bytes = fs::read(third).unwrap();
    // In its trade.
    let at = bytes.windows(2).rposition(|two| two == [100, 0]).unwrap();
    bytes[at] ^= 1;
    fs::write(third, bytes).unwrap();

    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("journal")).unwrap();
    let rescued = journal_dir(dir.path(), "run");
    assert!(!salvage_journal(&journal, &rescued).unwrap().lost.is_empty());
    synced(dir.path());
    assert_eq!(differences(dir.path()), (Vec::new(), 0));
}

#[test]
fn segments_that_the_catalog_has_may_be_gone() {
    let dir = recorded();
    synced(dir.path());
    let journal = journal_dir(dir.path(), "run");
    for number in [1, 2] {
        fs::remove_file(journal.join(segment_name(number))).unwrap();
    }
    assert_eq!(differences(dir.path()), (Vec::new(), 0));
    fs::remove_file(catalog_dir(dir.path()).join("_runs/run/part-00000001.json")).unwrap();
    let (texts, lacking) = differences(dir.path());
    assert_eq!(lacking, 0);
    assert!(texts[0].contains("no part of segments 1 to 1"), "{texts:?}");
}

fn meta(run: &str) -> RunMeta {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("test.A", 2, 0, "USD");
    instruments.add(def).unwrap();
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    RunMeta::new(run, Ts(0), instruments).unwrap()
}

fn trade(n: i64) -> Record {
    let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), Ts(n), Ts(n));
    let body = TradeBody {
        price: 100,
        qty: 1,
        ..TradeBody::default()
    };
    body.record(header)
}

/// A segment for each trade.
fn options() -> JournalOptions {
    JournalOptions {
        segment_bytes_max: 1,
        sync: SyncPolicy::OnSeal,
    }
}

fn append(writer: &mut JournalWriter, seq: u64) {
    let record = trade(i64::try_from(seq).unwrap());
    writer.append_inputs(seq, &[record]).unwrap();
    writer.flush().unwrap();
}

/// One session of so many trades, which is closed.
fn record(journal: &Path, trades: u64) {
    let opened = JournalWriter::open_with(journal, &meta("run"), options());
    let (mut writer, recovered) = opened.unwrap();
    let first = recovered.session.start.inputs;
    for seq in first..first + trades {
        append(&mut writer, seq);
    }
    writer.close("00").unwrap();
}

#[test]
fn no_part_of_another_journal_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let journal = journal_dir(dir.path(), "run");
    record(&journal, 2);
    synced(dir.path());
    let files = |dir: &Path| -> Vec<PathBuf> {
        let mut found = segment_files(dir).unwrap();
        found.sort();
        found
    };
    let before = files(&journal);
    // Another run of the same name, and one of which there is nothing but the name.
    fs::rename(dir.path().join("journal"), dir.path().join("kept")).unwrap();
    let opened = Recorder::open(dir.path(), &meta("run"), RecorderOptions::default());
    assert!(
        matches!(&opened.err(), Some(DataError::Catalog(CatalogError::Contradicts(one))) if one.found.contains("no segment")),
    );
    assert!(!journal.exists());
    let options = JournalOptions::default();
    let (mut writer, _) = JournalWriter::open_with(&journal, &meta("run"), options).unwrap();
    writer.append_inputs(0, &[trade(7), trade(8)]).unwrap();
    writer.close("00").unwrap();
    record(&journal, 4);
    let error = sync_journal(&journal, &catalog(dir.path())).unwrap_err();
    assert!(matches!(&error, CatalogError::Contradicts(_)), "{error}");
    let opened = Recorder::open(dir.path(), &meta("run"), RecorderOptions::default());
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("was made from journal:"), "{error}");

    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    fs::rename(dir.path().join("kept"), dir.path().join("journal")).unwrap();
    assert_eq!(files(&journal), before);
    assert_eq!(differences(dir.path()), (Vec::new(), 0));
}
