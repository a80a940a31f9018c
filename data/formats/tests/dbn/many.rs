//! A day of many symbols whose rows are interleaved: each has its rows in one file, whatever the number of files that may be open.

use crate::files::{File, Mapping, START, import, trade};
use dbn::Schema;
use std::collections::BTreeMap;
use tickloom_catalog::Table;
use tickloom_types::TradeBody;

const SYMBOLS: u32 = 300;
const ROUNDS: u32 = 40;

#[test]
fn interleaved_symbols_have_a_file_each() {
    let names: Vec<String> = (0..SYMBOLS).map(|at| format!("S{at:04}")).collect();
    let intervals: Vec<[(u64, u64, u32); 1]> = (0..SYMBOLS).map(|id| [(0, 1, id + 1)]).collect();
    let mappings: Vec<Mapping<'_>> = names
        .iter()
        .zip(&intervals)
        .map(|(name, ids)| (name.as_str(), ids.as_slice()))
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let file = File {
        schema: Some(Schema::Trades),
        mappings: &mappings,
        ..File::default()
    };
    let rows: Vec<_> = (0..SYMBOLS * ROUNDS)
        .map(|at| {
            let mut row = trade(
                1,
                at % SYMBOLS + 1,
                START + 1_000 + u64::from(at) * 1_000,
                1,
            );
            row.sequence = at + 1;
            row
        })
        .collect();
    file.write_all(&path, &rows);
    let root = dir.path().join("catalog");
    let imported = import(&path, &root);
    assert_eq!(imported.report.written, u64::from(SYMBOLS * ROUNDS));
    let ids: Vec<u64> = imported
        .records
        .iter()
        .map(|record| TradeBody::of(record).trade_id)
        .collect();
    let expected: Vec<u64> = (1..=u64::from(SYMBOLS * ROUNDS)).collect();
    assert!(ids == expected, "the order of the file");
    let mut files: BTreeMap<String, u32> = BTreeMap::new();
    for dir in std::fs::read_dir(root.join(format!("kind={}", Table::Trades))).unwrap() {
        let dir = dir.unwrap();
        let day = dir.path().join("date=2024-01-02");
        let count = std::fs::read_dir(day).unwrap().count();
        let name = dir.file_name().into_string().unwrap();
        files.insert(name, u32::try_from(count).unwrap());
    }
    assert_eq!(files.len(), names.len());
    assert!(files.values().all(|count| *count == 1), "{files:?}");
    // Nothing is left beside the tables and the index.
    let left = std::fs::read_dir(&root).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
