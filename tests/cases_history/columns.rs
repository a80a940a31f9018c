//! Parquet, Arrow and Feather files of people, through the real binary: what they say is what the same rows as a text say.

use crate::cli::{tickloom, workspace};
use crate::imported::{import, import_all};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// One of the files that other programs wrote, all of the same twelve bars.
fn sample(name: &str) -> PathBuf {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/formats/tests/people/samples");
    samples.join(name)
}

/// The twelve bars as a text.
fn text() -> String {
    let mut text = String::from("time,open,high,low,close,volume\n");
    for at in 0..12 {
        let price = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
        let open = 10_000 + 25 * at;
        let [high, low, close] = [50, -75, 10].map(|more| price(open + more));
        let (open, minute, volume) = (price(open), 30 + at, 1_000 + 7 * at);
        writeln!(
            text,
            "2024-01-02 09:{minute}:00,{open},{high},{low},{close},{volume}"
        )
        .unwrap();
    }
    text
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn an_import_is_that_of_the_same_rows_as_a_text() {
    let dir = workspace();
    fs::write(dir.path().join("ABC.csv"), text()).unwrap();
    let by_text = import(&path_text(&dir.path().join("ABC.csv")), &[]);
    for (name, ending, format, times) in [
        (
            "pandas-unnamed.parquet",
            "parquet",
            "parquet",
            "timestamps with a zone, in us",
        ),
        (
            "feather-lz4.feather",
            "feather",
            "arrow",
            "timestamps with a zone, in us",
        ),
        (
            "epoch-ms.parquet",
            "pq",
            "parquet",
            "milliseconds since the epoch",
        ),
    ] {
        let path = dir.path().join(format!("ABC.{ending}"));
        fs::copy(sample(name), &path).unwrap();
        let found = import(&path_text(&path), &[]);
        assert_eq!(found.records, by_text.records, "{name}");
        assert_eq!(
            found.instruments.defs(),
            by_text.instruments.defs(),
            "{name}"
        );
        let one = &found.report["imports"][0];
        assert_eq!(
            (&one["format"], &one["read"], &one["written"]),
            (&format.into(), &12.into(), &12.into())
        );
        assert_eq!(one["taken"]["times"], times);
        assert_eq!(one["taken"]["columns"]["open"], "open");
    }
}

#[test]
fn a_backtest_is_that_of_the_same_rows_as_a_text() {
    let dir = workspace();
    let run = |path: &Path| {
        let rules = [
            "--enter",
            "close > 100.5",
            "--exit",
            "close > 102",
            "--size",
            "1",
            "--cash",
            "1000",
            "--json",
        ];
        let ran = tickloom(&[&["backtest", "--data", &path_text(path)], &rules[..]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let mut said: Value = serde_json::from_str(&ran.stdout).unwrap();
        // Where it is from.
        said["manifest"]["data"]["source"] = Value::Null;
        said["taken"] = Value::Null;
        // How times are written.
        said["notes"] = Value::Null;
        said["manifest"]["data"]["notes"] = Value::Null;
        said
    };
    let csv = dir.path().join("ABC.csv");
    fs::write(&csv, text()).unwrap();
    let expected = run(&csv);
    assert_eq!(expected["fills"], 2, "{expected}");
    for name in [
        "polars.parquet",
        "ipc-views.arrow",
        "ipc-dictionaries.arrows",
    ] {
        let ending = name.rsplit('.').next().unwrap();
        let path = dir.path().join(format!("ABC.{ending}"));
        fs::copy(sample(name), &path).unwrap();
        let found = run(&path);
        assert_eq!(found["output_hash"], expected["output_hash"], "{name}");
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_directory_of_files_is_run_on_and_never_an_empty_catalog() {
    let dir = workspace();
    let data = dir.path().join("bars");
    for symbol in ["AAA", "BBB"] {
        let folder = data.join(format!("symbol={symbol}"));
        fs::create_dir_all(&folder).unwrap();
        fs::copy(
            sample("pandas-unnamed.parquet"),
            folder.join("part-0.parquet"),
        )
        .unwrap();
    }
    fs::write(data.join("notes.txt"), "of two symbols").unwrap();
    let data = path_text(&data);
    let run = |path: &str, more: &[&str]| {
        let words = [
            "backtest",
            "--data",
            path,
            "--enter",
            "close > 0",
            "--exit",
            "close < 0",
            "--json",
        ];
        tickloom(&[&words, more].concat())
    };
    let ran = run(&data, &["--instrument", "BBB"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("passed over: 1 files that are neither Parquet nor Arrow"),
        "{}",
        ran.stderr
    );
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["fills"], 1, "{said}");
    let ran = run(&data, &[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("AAA") && ran.stderr.contains("BBB"),
        "{}",
        ran.stderr
    );

    let texts = dir.path().join("texts");
    fs::create_dir(&texts).unwrap();
    fs::write(texts.join("ABC.csv"), text()).unwrap();
    let ran = run(&path_text(&texts), &[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("is a directory but no catalog, and has no Parquet or Arrow file"),
        "{}",
        ran.stderr
    );

    // Files of a catalog outside of it are none of others.
    let catalog = path_text(&dir.path().join("catalog"));
    let ran = tickloom(&["import", &path_text(&texts), "--catalog", &catalog]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = run(&path_text(&dir.path().join("catalog/kind=bars")), &[]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("what tickloom wrote, in a folder that is no catalog"),
        "{}",
        ran.stderr
    );
    assert_eq!(run(&catalog, &[]).code, 0);
}

#[test]
fn a_directory_is_imported_file_by_file() {
    let dir = workspace();
    for symbol in ["AAA", "BBB"] {
        let folder = dir.path().join(format!("symbol={symbol}"));
        fs::create_dir_all(&folder).unwrap();
        fs::copy(
            sample("packed-brotli.parquet"),
            folder.join("part-0.parquet"),
        )
        .unwrap();
    }
    let found = import_all(&[&path_text(dir.path())], &[]);
    assert_eq!(found.records.len(), 24);
    let names: Vec<&str> = found
        .instruments
        .defs()
        .iter()
        .map(|def| def.name.as_str())
        .collect();
    assert_eq!(names, ["AAA", "BBB"]);
}

#[test]
fn columns_that_fit_nothing_are_listed_with_their_types() {
    let dir = workspace();
    let path = dir.path().join("ABC.parquet");
    fs::copy(sample("nested.parquet"), &path).unwrap();
    let (path, catalog) = (path_text(&path), path_text(&dir.path().join("catalog")));
    let ran = tickloom(&[
        "import",
        &path,
        "--catalog",
        &catalog,
        "--columns",
        "open=-",
    ]);
    assert_eq!(ran.code, 2);
    let expected = "columns time (timestamp in us, UTC), open (float64), high (float64), low (float64), close (float64), volume (int64), legs (list), about (struct), expected a time and open, high, low, close (bars)";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    let ran = tickloom(&["import", &path, "--catalog", &catalog, "--json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    let notes = said["imports"][0]["notes"].to_string();
    assert!(
        notes.contains("columns of types that are not read: legs (list), about (struct)"),
        "{notes}"
    );
    let ran = tickloom(&[
        "backtest",
        "--data",
        &path,
        "--enter",
        "close > 0",
        "--exit",
        "close < 0",
        "--time-format",
        "ms",
    ]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("timestamps with a zone, in us, whose numbers are read as ms"),
        "{}",
        ran.stderr
    );
}
