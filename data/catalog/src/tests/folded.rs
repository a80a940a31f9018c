//! The index of a run: many parts are taken into its checkpoint, and one that an earlier version wrote is followed by one of this.

use super::*;
use crate::index::read_checkpoint;
use crate::limits::{ENTRIES_MAX, ENTRY_FILES_MAX};
use crate::part::{checkpoint_path, earlier_checkpoint_path, to_json};

fn entries(root: &Path) -> Vec<String> {
    let names = fs::read_dir(root.join("_runs/r")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "lock").collect();
    names.sort();
    names
}

/// Writes parts of a trade each.
fn write_parts(catalog: &Catalog, parts: std::ops::Range<u32>) {
    for part in parts {
        let source = format!("segment {part}");
        let mut writer = catalog.writer(&meta("r"), part, &source).unwrap();
        let seq = u64::from(part);
        writer.push(seq, &trade(0, i64::from(part), 10)).unwrap();
        writer.finish().unwrap();
    }
}

fn seqs(catalog: &Catalog) -> Vec<Seq> {
    let rows = read(catalog, &ScanQuery::default());
    rows.into_iter().map(|(seq, _)| seq).collect()
}

#[test]
fn many_parts_are_taken_into_the_checkpoint_and_stay_what_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    assert_eq!(ENTRIES_MAX, 4);
    write_parts(&catalog, 0..3);
    let three = [
        "meta.json",
        "part-00000000.json",
        "part-00000001.json",
        "part-00000002.json",
    ];
    assert_eq!(entries(dir.path()), three);
    write_parts(&catalog, 3..6);
    let folded = [
        "checkpoint.idx",
        "meta.json",
        "part-00000004.json",
        "part-00000005.json",
    ];
    assert_eq!(entries(dir.path()), folded);
    assert_eq!(seqs(&catalog), [0, 1, 2, 3, 4, 5]);
    let written = catalog.has_part("r", 1, "segment 1").unwrap().unwrap();
    assert_eq!(written.rows, BTreeMap::from([(Table::Trades, 1)]));
    assert_eq!(written.files.len(), 1);
    assert!(written.files[0].ends_with("r-00000001.parquet"));
    assert_eq!(catalog.has_part("r", 1, "another").unwrap(), None);
    // One of them is written anew from another source.
    let mut writer = catalog.writer(&meta("r"), 1, "another").unwrap();
    writer.push(1, &trade(2, 1, 10)).unwrap();
    writer.finish().unwrap();
    assert_eq!(seqs(&catalog), [0, 1, 2, 3, 4, 5]);
    assert_eq!(
        read(&catalog, &ScanQuery::default())[1].1.instrument(),
        InstrumentId(2)
    );
    let faults = catalog
        .verify(&mut |_| std::ops::ControlFlow::Continue(()))
        .unwrap()
        .faults;
    assert_eq!(faults, []);
}

#[test]
fn a_part_of_many_files_has_no_entry_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let days = i64::try_from(ENTRY_FILES_MAX).unwrap() + 1;
    let records: Vec<Record> = (0..days)
        .map(|day| trade(0, day * 86_400_000_000_000, 10))
        .collect();
    let mut writer = catalog.writer(&meta("r"), 0, "test").unwrap();
    for (seq, record) in number(&records) {
        writer.push(seq, &record).unwrap();
    }
    assert_eq!(writer.finish().unwrap().files.len(), ENTRY_FILES_MAX + 1);
    assert_eq!(entries(dir.path()), ["checkpoint.idx", "meta.json"]);
    assert_eq!(
        read(&catalog, &ScanQuery::default()).len(),
        ENTRY_FILES_MAX + 1
    );
    let there = catalog.has_part("r", 0, "test").unwrap().unwrap();
    assert_eq!(there.files.len(), ENTRY_FILES_MAX + 1);
}

#[test]
fn a_checkpoint_of_an_earlier_version_counts_until_there_is_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    write_parts(&catalog, 0..4);
    let (checkpoint, _) = read_checkpoint(catalog.store(), "r").unwrap().unwrap();
    let (now, earlier) = (checkpoint_path("r"), earlier_checkpoint_path("r"));
    fs::write(dir.path().join(&earlier), to_json(&checkpoint)).unwrap();
    // While both are there the later one counts.
    write_parts(&catalog, 4..5);
    assert_eq!(seqs(&catalog), [0, 1, 2, 3, 4]);
    fs::remove_file(dir.path().join(&now)).unwrap();
    assert_eq!(seqs(&catalog), [0, 1, 2, 3, 4]);
    write_parts(&catalog, 5..8);
    assert_eq!(entries(dir.path()), ["checkpoint.idx", "meta.json"]);
    assert_eq!(seqs(&catalog), [0, 1, 2, 3, 4, 5, 6, 7]);
}

/// A long checkpoint is read once by one catalog, and again when somebody else has written it, or damaged it.
#[test]
fn a_long_checkpoint_is_read_again_when_it_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    write_parts(&catalog, 0..100);
    let path = dir.path().join(checkpoint_path("r"));
    let long = read_checkpoint(catalog.store(), "r").unwrap().unwrap().0;
    assert_eq!(long.parts.len(), 96);
    let writing = catalog.store().writing(&checkpoint_path("r")).unwrap();
    let known = catalog.store().known_checkpoints();
    assert!(known.get("r", &writing).is_some());
    assert_eq!(
        read_checkpoint(catalog.store(), "r").unwrap().unwrap().0,
        long
    );
    // By somebody else.
    let other = Catalog::open(dir.path()).unwrap();
    write_parts(&other, 100..120);
    let now = read_checkpoint(catalog.store(), "r").unwrap().unwrap().0;
    assert!(now.parts.len() > 96, "{}", now.parts.len());
    assert_eq!(seqs(&catalog).len(), 120);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    assert!(read_checkpoint(catalog.store(), "r").is_err());
    fs::remove_file(&path).unwrap();
    assert!(read_checkpoint(catalog.store(), "r").unwrap().is_none());
}
