//! `tickloom catalog` as a user runs it, over the small catalog of schema version 1 in `data/catalog/tests/golden`.

#![cfg(test)]

mod cli;

use cli::{Ran, tickloom, workspace};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &there);
        } else {
            fs::copy(&path, &there).unwrap();
        }
    }
}

fn catalog(words: &[&str]) -> Ran {
    let mut all = vec!["catalog"];
    all.extend(words);
    tickloom(&all)
}

fn json(words: &[&str]) -> Value {
    let ran = catalog(words);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_catalog_is_looked_at_checked_migrated_compacted_and_trimmed() {
    let dir = workspace();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/catalog/tests/golden/v1/catalog");
    let at = dir.path().join("catalog");
    copy(&golden, &at);
    let at = at.to_str().unwrap();

    let listed = json(&["ls", at, "--json"]);
    assert_eq!(listed["runs"].as_array().unwrap().len(), 2);
    assert_eq!(listed["runs"][1]["run"], "recorded");
    assert_eq!(listed["runs"][1]["parts"], 3);
    assert_eq!(listed["runs"][1]["rows"], 45);
    assert_eq!(listed["versions"]["1"], 30);
    let ran = catalog(&["ls", at, "--kind", "fills"]);
    assert!(ran.stdout.contains("fills"), "{ran:?}");
    assert!(!ran.stdout.contains("quotes"), "{ran:?}");

    let shown = json(&[
        "show",
        at,
        "--instrument",
        "test.BTC-USD",
        "--kind",
        "trades",
        "--json",
    ]);
    assert_eq!(shown["instruments"][0]["tick_size"], 10);
    assert_eq!(shown["days"][0]["date"], "2024-08-08");
    let first = shown["first"].as_array().unwrap();
    let price = first.iter().find(|column| column[0] == "price").unwrap();
    assert_eq!(price[1], "61710");
    let ran = catalog(&["show", at, "--instrument", "test.BTC-USD"]);
    for text in [
        "tick size        0.10",
        "lot size         0.00001000",
        "first row",
    ] {
        assert!(ran.stdout.contains(text), "{text}: {}", ran.stdout);
    }
    assert_eq!(catalog(&["show", at, "--instrument", "nobody"]).code, 2);
    migrate_compact_and_retain(at);
}

fn migrate_compact_and_retain(at: &str) {
    let found = json(&["verify", at, "--json"]);
    assert_eq!(
        (&found["rows"], &found["without_hash"]),
        (&51.into(), &30.into())
    );
    assert_eq!(
        json(&["migrate", at, "--dry-run", "--json"])["files_after"],
        30
    );
    assert_eq!(json(&["migrate", at, "--json"])["versions"]["1"], 30);
    assert_eq!(json(&["verify", at, "--json"])["without_hash"], 0);

    // The run has three parts: one on the first day and half of the next, two on the next.
    assert_eq!(
        json(&["compact", at, "--dry-run", "--json"])["files_after"],
        9
    );
    let ran = catalog(&["compact", at]);
    assert!(
        ran.stdout.ends_with("files with 33 rows became 9\n"),
        "{ran:?}"
    );
    assert_eq!(catalog(&["compact", at]).stdout, "nothing to do\n");
    let ran = catalog(&["retain", at, "--before", "2024-08-09", "--dry-run"]);
    assert!(ran.stdout.ends_with("would be dropped\n"), "{ran:?}");
    let before = json(&[
        "retain",
        at,
        "--before",
        "2024-08-09",
        "--dry-run",
        "--json",
    ]);
    let done = json(&["retain", at, "--before", "2024-08-09", "--json"]);
    assert_eq!(before, done);
    let found = json(&["verify", at, "--json"]);
    assert_eq!(found["rows_dropped"], done["rows"]);
    let rows = |value: &Value| value.as_u64().unwrap();
    assert_eq!(rows(&found["rows"]) + rows(&found["rows_dropped"]), 51);
    assert_eq!(found["leftovers"].as_array().unwrap().len(), 0);
}

#[test]
fn faults_and_wrong_words_have_their_exit_codes() {
    let dir = workspace();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/catalog/tests/golden/v1/catalog");
    let at = dir.path().join("catalog");
    copy(&golden, &at);
    let file = "kind=trades/instrument=test.BTC-USD/date=2024-08-09/recorded-00000002.parquet";
    fs::remove_file(at.join(file)).unwrap();
    fs::write(at.join(file).with_file_name("other.parquet"), "x").unwrap();
    let at = at.to_str().unwrap();
    let ran = catalog(&["verify", at]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let line = format!("{file}: no such file, expected a file that the index lists");
    assert_eq!(ran.stdout.lines().next(), Some(line.as_str()));
    assert!(ran.stderr.contains("the catalog has a fault"), "{ran:?}");
    // What cannot be read is not merged.
    assert_eq!(catalog(&["compact", at]).code, 1);

    let nowhere = dir.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    for words in [
        &["ls", nowhere][..],
        &["verify", nowhere],
        &["compact", nowhere],
        &["retain", at],
        &["retain", at, "--keep", "thirty"],
        &["retain", at, "--before", "2024-08-09", "--keep", "3d"],
        &["ls", at, "--kind", "shoes"],
        &["compact", at, "--run", "nobody"],
    ] {
        let ran = catalog(words);
        assert_eq!(ran.code, 2, "{words:?}: {ran:?}");
    }
}

/// Bars of any size that is told leave a catalog that can be read, and what is assumed of an instrument is said to be.
#[test]
fn bars_of_any_size_can_be_read_and_what_is_assumed_is_marked() {
    let dir = workspace();
    let at = dir.path().join("catalog").display().to_string();
    let import = |name: &str, rows: &str, more: &[&str]| {
        let file = dir.path().join(name);
        fs::write(&file, format!("time,open,high,low,close,volume\n{rows}")).unwrap();
        let file = file.display().to_string();
        tickloom(&[&["import", &file, "--catalog", &at], more].concat())
    };
    let tiny = "1704153600000000000,1,1,1,1,5\n1704153600000060000,1,1,1,1,5\n";
    let refused = import("TINY.csv", tiny, &[]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(
        refused.stderr.contains("rows that are apart by 60us"),
        "{refused:?}"
    );
    let long = "1704153600000,1,1,1,1,5\n1709153600001,1,1,1,1,5\n";
    for (name, rows, size) in [
        ("TINY.csv", tiny, "60us"),
        ("LONG.csv", long, "5000000001ms"),
    ] {
        let ran = import(name, rows, &["--bar", size]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let listed = json(&["ls", &at, "--json"]);
    let sizes: Vec<(&str, &str)> = (listed["tables"].as_array().unwrap().iter())
        .map(|table| {
            (
                table["instrument"].as_str().unwrap(),
                table["bar"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(sizes, [("LONG", "5000000001ms"), ("TINY", "60us")]);
    let shown = json(&["show", &at, "--instrument", "TINY", "--json"]);
    let assumed = &shown["instruments"][0]["assumed"];
    assert_eq!(
        *assumed,
        serde_json::json!(["currency", "multiplier", "tick", "lot"])
    );
    let shown = catalog(&["show", &at, "--instrument", "TINY"]);
    for line in [
        "currency         USD (assumed)",
        "multiplier       1 (assumed)",
    ] {
        assert!(shown.stdout.contains(line), "{shown:?}");
    }
    let told = import(
        "TINY.csv",
        tiny,
        &["--bar", "60us", "--currency", "eur", "--instrument", "T"],
    );
    assert_eq!(told.code, 0, "{told:?}");
    let shown = catalog(&["show", &at, "--instrument", "T"]);
    assert!(shown.stdout.contains("currency         EUR\n"), "{shown:?}");
    for code in ["", "A\"B", "US DOLLAR"] {
        let ran = import("X.csv", tiny, &["--bar", "60us", "--currency", code]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(
            ran.stderr.contains("expected a code such as USD or USDT"),
            "{ran:?}"
        );
    }
}
