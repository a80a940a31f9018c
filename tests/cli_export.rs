//! `tickloom export` from outside: recorded data goes in, comes out in each format, and goes in again record for record.

#![cfg(test)]

mod cli;

use cli::{Ran, shared_data, tickloom, workspace};
use serde_json::Value;
use std::path::Path;
use tickloom_data::{Catalog, ScanQuery, Table};
use tickloom_types::{Record, Ts};

const ENDINGS: [&str; 6] = ["csv", "csv.gz", "jsonl", "jsonl.gz", "arrow", "parquet"];

fn import(file: &str, catalog: &str) -> Ran {
    let ran = tickloom(&["import", file, "--catalog", catalog, "--json"]);
    assert_eq!(ran.code, 0, "{file}: {}", ran.stderr);
    ran
}

fn export(catalog: &str, kind: &str, file: &str, more: &[&str]) -> Ran {
    let mut words = vec!["export", "--catalog", catalog, "--kind", kind];
    words.extend(["--to-file", file, "--json"]);
    words.extend(more);
    tickloom(&words)
}

fn object(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error} in {ran:?}"))
}

/// All records of a table with what is said of its instruments.
fn content(catalog: &str, table: Table) -> (Vec<(u64, Record)>, String) {
    let query = ScanQuery {
        tables: vec![table],
        ..ScanQuery::default()
    };
    let catalog = Catalog::open(Path::new(catalog)).unwrap();
    let scan = catalog.scan(&query).unwrap();
    let instruments = format!("{:?}", scan.instruments());
    (scan.map(Result::unwrap).collect(), instruments)
}

/// Lines of a raw capture that have all that its decoder makes records of: a snapshot, changes of the book, quotes and trades.
fn capture(dir: &Path, source: &str) -> String {
    let text = std::process::Command::new("sh")
        .args(["-c", &format!("gzip -dc '{source}' | head -n 3000")])
        .output()
        .unwrap();
    let file = dir.join("capture.txt").display().to_string();
    std::fs::write(&file, text.stdout).unwrap();
    file
}

#[test]
fn recorded_data_comes_back_record_for_record_in_every_format() {
    let sources = [
        "binance-ws-l2/usdm/btcusdt_20240808.gz",
        "peer-bars/EURUSD.csv.gz",
    ];
    let Some(files) = sources
        .map(shared_data)
        .into_iter()
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let dir = workspace();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let catalog = at("catalog");
    import(&capture(dir.path(), &files[0]), &catalog);
    import(&files[1], &catalog);
    let ranges = Catalog::open(Path::new(&catalog))
        .unwrap()
        .ranges()
        .unwrap();
    let mut tables: Vec<Table> = ranges.iter().map(|range| range.table).collect();
    tables.dedup();
    for table in [
        Table::Trades,
        Table::Quotes,
        Table::BookUpdates,
        Table::Bars,
    ] {
        assert!(tables.contains(&table), "{table} among {tables:?}");
    }
    for table in tables {
        let expected = content(&catalog, table);
        for ending in ENDINGS {
            let what = format!("{table}.{ending}");
            let (file, again) = (at(&what), at(&format!("again-{what}")));
            let ran = export(&catalog, table.name(), &file, &[]);
            assert_eq!(ran.code, 0, "{what}: {}", ran.stderr);
            let report = object(&ran);
            assert_eq!(report["rows"], expected.0.len(), "{what}");
            assert_eq!(report["bytes"], std::fs::metadata(&file).unwrap().len());
            let report = object(&import(&file, &again));
            assert_eq!(report["written"], expected.0.len(), "{what}");
            assert_eq!(report["refused"], 0, "{what}");
            assert!(content(&again, table) == expected, "{what}");
        }
    }
}

#[test]
fn what_dbn_can_hold_comes_back_record_for_record() {
    let Some(source) = shared_data("dbn/es-mbo/esh4-glbx-mdp3-20231225.mbo.dbn.zst") else {
        return;
    };
    let dir = workspace();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let catalog = at("catalog");
    import(&source, &catalog);
    let bars = "time,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2.5,0.25,1.5,3\n2024-01-01T00:01:00Z,1.5,2,1,1.000000001,0\n";
    std::fs::write(at("X.csv"), bars).unwrap();
    import(&at("X.csv"), &catalog);
    for (table, rows) in [
        (Table::OrderUpdates, 68_792),
        (Table::Trades, 2_973),
        (Table::Bars, 2),
    ] {
        let (file, again) = (at(&format!("{table}.dbn")), at(&format!("again-{table}")));
        let ran = export(&catalog, table.name(), &file, &[]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(object(&import(&file, &again))["refused"], 0);
        // DBN has no place for our sequence and for the name of the source.
        let named = |catalog: &str| -> Vec<(String, Ts, Ts, [u64; 5])> {
            let scan = Catalog::open(Path::new(catalog)).unwrap();
            let query = ScanQuery {
                tables: vec![table],
                ..ScanQuery::default()
            };
            let scan = scan.scan(&query).unwrap();
            let instruments = scan.instruments().clone();
            let records = scan.map(|next| next.unwrap().1);
            let row = |record: Record| {
                let def = instruments.get(record.instrument()).unwrap();
                let digits = format!("{} {} {}", def.name, def.price_decimals, def.qty_decimals);
                (digits, record.ts_event(), record.ts_recv(), record.body)
            };
            records.map(row).collect()
        };
        let (before, after) = (named(&catalog), named(&again));
        assert_eq!(before.len(), rows);
        assert!(
            before == after,
            "{table}: {:?}",
            before.iter().zip(&after).find(|(a, b)| a != b)
        );
    }
}

#[test]
fn what_cannot_be_exported_is_said_and_leaves_no_file() {
    let dir = workspace();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let bars = "time,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,1,1.5,0.25\n2024-01-01T00:05:00Z,1,2,1,1.5,9\n";
    std::fs::write(at("X.csv"), bars).unwrap();
    let catalog = at("catalog");
    import(&at("X.csv"), &catalog);
    let check = |kind: &str, file: &str, more: &[&str], expected: &str| {
        let ran = export(&catalog, kind, &at(file), more);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(expected), "{ran:?}");
        assert!(!dir.path().join(file).exists(), "{ran:?}");
    };
    check(
        "bars",
        "x.xlsx",
        &[],
        "expected one that ends with .csv, .jsonl",
    );
    check(
        "bars",
        "x.csv",
        &["--from", "2025-01-01"],
        "the nearest are bars of size 5m of X from",
    );
    check("bars", "x.csv", &["--instrument", "Y"], "the catalog has X");
    check("trades", "x.csv", &[], "the nearest are bars");
    check("candles", "x.csv", &[], "expected one of trades, quotes");
    check("bars", "x.dbn", &[], "expected one of 1s, 1m, 1h and 1d");
    let names = std::fs::read_dir(dir.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name());
    assert_eq!(names.count(), 2, "the file of bars and the catalog");
}

/// Bars of ours, from which another program took what says that they are ours: their times are closes still, and their size is what they say.
#[test]
fn bars_that_another_program_wrote_again_are_at_the_same_times() {
    let dir = workspace();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let bars = "time,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,1,1.5,0.25\n2024-01-01T00:15:00Z,1,2,1,1.5,9\n";
    std::fs::write(at("X.csv"), bars).unwrap();
    let times = |catalog: &str| -> Vec<String> {
        let catalog = Catalog::open(Path::new(catalog)).unwrap();
        let scan = catalog.scan(&ScanQuery::default()).unwrap();
        let records = scan.map(|next| next.unwrap().1);
        records
            .map(|record| record.ts_event().to_string())
            .collect()
    };
    let words = ["import", &at("X.csv"), "--catalog", &at("a"), "--bar", "5m"];
    assert_eq!(tickloom(&words).code, 0);
    let closes = ["2024-01-01T00:05:00Z", "2024-01-01T00:20:00Z"];
    assert_eq!(times(&at("a")), closes);
    let ran = export(&at("a"), "bars", &at("ours.csv"), &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = std::fs::read_to_string(at("ours.csv")).unwrap();
    let (mark, rows) = text.split_once('\n').unwrap();
    assert!(mark.starts_with('#') && rows.contains("bar_spec"), "{text}");
    std::fs::write(at("again.csv"), rows).unwrap();
    let ran = tickloom(&["import", &at("again.csv"), "--catalog", &at("b")]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(times(&at("b")), closes);
}
