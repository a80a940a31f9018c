//! DuckDB, Polars and pandas read a catalog, and with pyarrow exported files, and see exact decimals and nanoseconds: `readers.py`
//! and `exports.py` print what they see.
//!
//! `cargo xtask test` prepares a Python with them and names it in `TICKLOOM_PYTHON`. Without it the test says that it was
//! skipped; in CI that is a failure.

#![cfg(test)]

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tickloom_catalog::{Catalog, ScanQuery, Table};
use tickloom_formats::export_file;
use tickloom_journal::RunMeta;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, Side, SourceDef, SourceId,
    SourceKind, TradeBody, Ts,
};

/// Extremes: sizes beyond 10^12 and prices of 10^-9, on two instruments and two days.
const TRADES: [(u32, i64, i64, i64, u8); 4] = [
    (0, 1_723_161_255_030_314_667, 1, i64::MAX, 1),
    (1, 1_723_161_255_030_314_668, 6_183_763, 2_000_000, 2),
    (1, 1_723_248_000_000_000_000, -i64::MAX, 1, 0),
    (
        0,
        1_723_248_000_000_000_001,
        999_999_999,
        1_000_000_000_000,
        1,
    ),
];

/// The same as readers should see it: time, instrument, date, price, size, side.
const SEEN: [[&str; 6]; 4] = [
    [
        "1723161255030314667",
        "a/FINE-1",
        "2024-08-08",
        "0.000000001",
        "9223372036854775807.000000000",
        "buy",
    ],
    [
        "1723161255030314668",
        "b.COARSE",
        "2024-08-08",
        "61837.630000000",
        "0.020000000",
        "sell",
    ],
    [
        "1723248000000000000",
        "b.COARSE",
        "2024-08-10",
        "-92233720368547758.070000000",
        "0.000000010",
        "None",
    ],
    [
        "1723248000000000001",
        "a/FINE-1",
        "2024-08-10",
        "0.999999999",
        "1000000000000.000000000",
        "buy",
    ],
];

fn write_catalog(root: &Path) {
    let mut instruments = Instruments::new();
    for def in [
        InstrumentDef::new("a/FINE-1", 9, 0, "USD"),
        InstrumentDef::new("b.COARSE", 2, 8, "USD"),
    ] {
        instruments.add(def).unwrap();
    }
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    let meta = RunMeta::new("run-1", Ts(0), instruments).unwrap();
    let catalog = Catalog::create(root).unwrap();
    let mut writer = catalog.writer(&meta, 1, "test").unwrap();
    for (seq, trade) in (0..).zip(TRADES) {
        writer.push(seq, &record(trade)).unwrap();
    }
    writer.finish().unwrap();
}

fn record((instrument, ts, price, qty, side): (u32, i64, i64, i64, u8)) -> Record {
    let id = InstrumentId(instrument);
    assert!(side == 0 || Side::from_raw(side).is_some());
    TradeBody {
        price,
        qty,
        side,
        ..TradeBody::default()
    }
    .record(Header::new(
        Kind::Trade,
        id,
        SourceId(0),
        Ts(ts),
        Ts(ts + 7),
    ))
}

/// What a script prints of a folder, a line of JSON for each reader; `None` without a Python that has the readers.
fn read_by_strangers(script: &str, folder: &Path) -> Option<Vec<Value>> {
    let Some(python) = std::env::var_os("TICKLOOM_PYTHON") else {
        let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
        eprintln!(
            "skipped: TICKLOOM_PYTHON names no Python with DuckDB, Polars and pandas; cargo xtask test prepares one"
        );
        return None;
    };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let output = Command::new(python)
        .arg(tests.join(script))
        .arg(folder)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(lines.collect())
}

#[test]
fn strangers_read_exact_numbers_and_times() {
    let dir = tempfile::tempdir().unwrap();
    write_catalog(dir.path());
    let Some(lines) = read_by_strangers("readers.py", dir.path()) else {
        return;
    };
    assert_eq!(lines.len(), 3);
    for line in lines {
        check(&line);
    }
}

#[test]
fn strangers_read_exported_files() {
    let dir = tempfile::tempdir().unwrap();
    write_catalog(dir.path());
    let catalog = Catalog::open(dir.path()).unwrap();
    for ending in ["csv", "csv.gz", "jsonl", "arrow", "parquet"] {
        let path = dir.path().join(format!("trades.{ending}"));
        let query = ScanQuery::default();
        let report = export_file(&catalog, Table::Trades, &query, &path, &mut |_, _| true);
        assert_eq!(report.unwrap().unwrap().rows, 4);
    }
    let Some(lines) = read_by_strangers("exports.py", dir.path()) else {
        return;
    };
    assert_eq!(lines.len(), 8);
    for line in lines {
        let reader = line["reader"].as_str().unwrap();
        let rows = line["rows"].as_array().unwrap();
        assert_eq!(rows.len(), SEEN.len(), "{reader}");
        for (seq, (row, seen)) in rows.iter().zip(SEEN).enumerate() {
            let [time, instrument, _, price, qty, side] = seen;
            let recv = (time.parse::<i64>().unwrap() + 7).to_string();
            let seq = seq.to_string();
            let mut found: Vec<&str> = row
                .as_array()
                .unwrap()
                .iter()
                .map(|field| field.as_str().unwrap())
                .collect();
            if found[8] == "nan" {
                found[8] = "None";
            }
            let expected = [time, &recv, &seq, instrument, "feed", "0", price, qty, side];
            assert_eq!(found, expected, "{reader}");
        }
    }
}

fn check(line: &Value) {
    println!("{line}");
    let reader = line["reader"].as_str().unwrap();
    for (seq, (row, seen)) in line["rows"]
        .as_array()
        .unwrap()
        .iter()
        .zip(SEEN)
        .enumerate()
    {
        let field = |at: usize| row[at].as_str().unwrap();
        let [time, instrument, date, price, qty, side] = seen;
        let recv = (time.parse::<i64>().unwrap() + 7).to_string();
        let expected = [
            time,
            &recv,
            &seq.to_string(),
            instrument,
            date,
            "feed",
            "0",
            price,
            qty,
        ];
        for (at, expected) in expected.iter().enumerate() {
            assert_eq!(field(at), *expected, "{reader}, column {at} of row {seq}");
        }
        let none = side == "None" && matches!(field(9), "None" | "nan");
        assert!(field(9) == side || none, "{reader}: {}", field(9));
    }
    // Twice the two prices of the first day, computed by the reader itself.
    let total = line["total"].as_str().unwrap();
    assert_eq!(total.trim_end_matches('0'), "123675.260000002", "{reader}");
    // A size of 10^12 units and one of 10^-8, added up; and the two that are as large or larger.
    let sizes = [0, 1].map(|at| line["sizes"][at].as_str().unwrap());
    assert_eq!(
        sizes[0].trim_end_matches('0'),
        "1000000000000.00000001",
        "{reader}"
    );
    assert_eq!(sizes[1], "2", "{reader}");
    for column in ["price", "qty"] {
        let kind = line["types"][column].as_str().unwrap().to_lowercase();
        assert!(
            kind.contains("decimal") || kind == "object",
            "{reader}: {column} is {kind}"
        );
    }
    let time = line["types"]["ts_event"].as_str().unwrap().to_lowercase();
    assert!(time.contains("time"), "{reader}: {time}");
}
