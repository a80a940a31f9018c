//! Rows that are refused, and those that come again: what counts, what is told, and what refuses a file.

use crate::cli::{tickloom, workspace};
use crate::imported::{case, check_text, import, import_all, import_text, refused};
use serde_json::Value;
use std::path::Path;
use tickloom_data::Catalog;
use tickloom_types::TradeBody;

#[test]
fn refused_rows_do_not_change_the_size_of_bars() {
    let found = import(&case("half-rows.csv"), &["--refused-max", "3"]);
    let one = &found.report["imports"][0];
    assert_eq!(
        (&one["read"], &one["refused"], &one["written"]),
        (&6.into(), &3.into(), &3.into())
    );
    assert_eq!(one["notes"][0], "bars of size 1d");
    assert_eq!(
        found.times(),
        [
            "2024-01-03T00:00:00Z",
            "2024-01-05T00:00:00Z",
            "2024-01-09T00:00:00Z"
        ]
    );
    // The fourth is kept; its volume is 0, unknown.
    let expected = [("10", "100"), ("11", "0"), ("12", "0")];
    assert_eq!(
        found.bars(),
        expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert!(
        one["notes"].to_string().contains("1 rows without a volume"),
        "{one}"
    );
    for line in [3, 5, 7] {
        assert!(
            one["errors"]
                .to_string()
                .contains(&format!("half-rows.csv, line {line}: ")),
            "{one}"
        );
    }
}

/// By default one of a hundred rows, and a hundred of all; in a backtest as in an import.
#[test]
fn too_many_refused_rows_refuse_the_file() {
    let file = |right: usize, wrong: usize| {
        let mut text = "time,open,high,low,close\n".to_owned();
        for row in 0..right + wrong {
            let price = if row < wrong { "x" } else { "1" };
            text += &format!("{},{price},1,1,1\n", 1_704_067_200 + row * 60);
        }
        text
    };
    assert_eq!(check_text("X.csv", &file(99, 1), &[]).code, 0);
    refused(
        "X.csv",
        &file(98, 1),
        &[],
        &[
            "1 of 99 rows are wrong, and 0 may be",
            "open: expected a decimal number (1)",
            "line 2",
        ],
    );
    refused(
        "X.csv",
        &file(20_000, 101),
        &[],
        &["101 of 20101 rows are wrong, and 100 may be"],
    );
    assert_eq!(
        check_text("X.csv", &file(20_000, 101), &["--refused-max", "1%"]).code,
        0
    );
    refused(
        "X.csv",
        &file(99, 1),
        &["--strict"],
        &["1 of 100 rows are wrong, and 0 may be"],
    );
    refused(
        "X.csv",
        &file(0, 5),
        &["--refused-max", "100%"],
        &["open is \"x\", expected a decimal number; so are all 5 rows"],
    );
}

/// The same in a backtest; and what was refused is told as well as what was read, and nothing of it is in the catalog.
#[test]
fn a_refused_file_is_told_in_full() {
    let rows = (0..6).map(|row| {
        let price = if row == 0 { "x" } else { "1" };
        format!("{},{price},1,1,1\n", 1_704_067_200 + row * 60)
    });
    let text = format!("time,open,high,low,close\n{}", rows.collect::<String>());
    let dir = workspace();
    let path = dir.path().join("X.csv").display().to_string();
    std::fs::write(&path, text).unwrap();
    let backtest = |more: &[&str]| {
        let words = [
            "backtest",
            "--data",
            &path,
            "--enter",
            "close > 0",
            "--exit",
            "close < 0",
            "--json",
        ];
        tickloom(&[&words[..], more].concat())
    };
    let ran = backtest(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("1 of 6 rows are wrong, and 0 may be"),
        "{}",
        ran.stderr
    );
    let ran = backtest(&["--refused-max", "20%"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        report["input"]["reasons"]["open: expected a decimal number"],
        1
    );
    assert_eq!(report["taken"]["columns"]["time"], "time");
    assert_eq!(backtest(&["--refused-max", "20%", "--strict"]).code, 2);

    let catalog = dir.path().join("catalog").display().to_string();
    let ran = tickloom(&["import", &path, "--catalog", &catalog, "--json"]);
    assert_eq!(ran.code, 2);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let one = &report["imports"][0];
    assert_eq!(
        (&one["read"], &one["refused"], &one["written"]),
        (&6.into(), &1.into(), &0.into())
    );
    assert_eq!(report["failed"], 1);
    assert!(
        Catalog::open(Path::new(&catalog))
            .unwrap()
            .runs()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn rows_of_overlapping_pages_count_once() {
    let found = import(&case("overlapping-pages.csv"), &[]);
    let volume: i64 = found
        .records
        .iter()
        .map(|record| TradeBody::of(record).qty)
        .sum();
    assert_eq!((found.records.len(), volume), (4, 4));
    let one = &found.report["imports"][0];
    assert_eq!((&one["repeated"], &one["refused"]), (&2.into(), &0.into()));
    for line in [5, 6] {
        assert!(
            one["repeats"]
                .to_string()
                .contains(&format!("overlapping-pages.csv, line {line}: id is")),
            "{one}"
        );
    }

    // Over two files, in one command or two.
    let dir = workspace();
    let header = "time,id,price,size,side\n";
    let pages = [
        "1704153600000,1,100,1,buy\n1704153601000,2,100,1,buy\n1704153602000,3,101,1,sell\n",
        "1704153601000,2,100.0,1,buy\n1704153602000,3,101,1,sell\n1704153603000,4,102,1,buy\n",
    ];
    let files: Vec<String> = pages
        .iter()
        .enumerate()
        .map(|(at, rows)| {
            let file = dir.path().join(format!("page-{at}.csv"));
            std::fs::write(&file, format!("{header}{rows}")).unwrap();
            file.display().to_string()
        })
        .collect();
    let paths: Vec<&str> = files.iter().map(String::as_str).collect();
    let found = import_all(&paths, &["--instrument", "X"]);
    let ids: Vec<u64> = found
        .records
        .iter()
        .map(|record| TradeBody::of(record).trade_id)
        .collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert_eq!(found.report["repeated"], 2);
    // Of another instrument they are its own.
    assert_eq!(import_all(&paths, &[]).records.len(), 6);
    // The same number with another price is another trade, which cannot be.
    let text = format!("{header}1704153600000,1,100,1,buy\n1704153600000,1,100.5,1,buy\n");
    refused("X.csv", &text, &[], &["this one is there already"]);
}

#[test]
fn bars_of_overlapping_pages_count_once() {
    let text = "date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,2,2,2,2\n2024-01-03,3,3,3,3\n2024-01-02,2,2,2,2\n2024-01-03,3,3,3,3\n2024-01-04,4,4,4,4\n";
    let found = import_text("X.csv", text, &[]);
    assert_eq!(found.closes(), ["1", "2", "3", "4"]);
    assert_eq!(found.report["repeated"], 2);
    let text =
        "date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,2,2,2,2\n2024-01-02,3,3,3,3\n";
    refused("X.csv", text, &[], &["there is another bar of this one"]);
}
