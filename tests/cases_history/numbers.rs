//! Numbers as people write them, and prices below zero.

use crate::cli::tickloom;
use crate::imported::{case, import, import_text, refused};
use serde_json::Value;

#[test]
fn numbers_as_people_write_them() {
    let found = import(&case("thousands.csv"), &[]);
    let expected = [("994", "500"), ("1000.25", "68180"), ("1005", "1200000")];
    assert_eq!(
        found.bars(),
        expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    let found = import(&case("decimal-comma.csv"), &[]);
    assert_eq!(found.closes(), ["11", "12.5", "13"]);
    let notes = found.report["imports"][0]["notes"].to_string();
    assert!(notes.contains("numbers have a decimal comma"), "{notes}");
}

/// What says how a comma is meant may be far below.
#[test]
fn a_comma_that_nothing_settles_is_refused() {
    let rows = |last: &str| {
        let mut text = "date;open;high;low;close\n".to_owned();
        for day in 1..=28 {
            for month in 1..=4 {
                text += &format!("2024-{month:02}-{day:02};1,234;1,234;1,234;1,234\n");
            }
        }
        text + last
    };
    refused(
        "X.csv",
        &rows(""),
        &[],
        &[
            "\"1,234\", which is 1234 with a decimal point or 1.234",
            "--decimal",
        ],
    );
    let comma = rows("2024-05-01;1,5;1,5;1,5;1,5\n");
    assert_eq!(import_text("X.csv", &comma, &[]).closes()[0], "1.234");
    let point = rows("2024-05-01;1,234.5;1,234.5;1,234.5;1,234.5\n");
    assert_eq!(import_text("X.csv", &point, &[]).closes()[0], "1234");
    assert_eq!(
        import_text("X.csv", &rows(""), &["--decimal", "comma"]).closes()[0],
        "1.234"
    );
    let both = rows("2024-05-01;1,5;1,5;1,5;1,5\n2024-05-02;1,234.5;1,234.5;1,234.5;1,234.5\n");
    refused("X.csv", &both, &[], &["decimal point", "decimal comma"]);
    let percent = "date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,1%,1%,1%,1%\n";
    refused("X.csv", percent, &[], &["not a percentage"]);
}

#[test]
fn prices_below_zero_are_kept() {
    let words = [
        "backtest",
        "--data",
        &case("negative-prices.csv"),
        "--short-enter",
        "close < 19",
        "--short-exit",
        "close > 0 and lag(close) < 0",
        "--size",
        "1",
        "--cash",
        "1000",
        "--json",
    ];
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["final_equity"], "1008");
    let drawdown = report["max_drawdown"].as_f64().unwrap();
    assert!((drawdown - 47.0 / 1055.0).abs() < 1e-12, "{drawdown}");
    assert_eq!(tickloom(&[&words[..], &["--strict"]].concat()).code, 0);
    // Of a pair of currencies only who asks has them, and zero only who asks.
    let text = std::fs::read_to_string(case("negative-prices.csv")).unwrap();
    refused(
        "EURUSD.csv",
        &text,
        &[],
        &["above zero", "--negative-prices"],
    );
    refused(
        "X.csv",
        &text,
        &["--calendar", "us-equity"],
        &["--negative-prices"],
    );
    assert_eq!(
        import_text("EURUSD.csv", &text, &["--negative-prices"])
            .records
            .len(),
        5
    );
    let zero = "date,open,high,low,close\n2024-01-01,0,0,0,0\n2024-01-02,1,1,-1,1\n";
    refused("SPREAD.csv", zero, &[], &["above zero"]);
    assert_eq!(
        import_text("SPREAD.csv", zero, &["--negative-prices"]).closes(),
        ["0", "1"]
    );
}
