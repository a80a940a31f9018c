//! A backtest over data that is not clean says so, and refuses with --strict; bars with sessions come from a calendar.

use crate::cli::{Ran, shared_data, tickloom, workspace};
use crate::support::{RECORDER_LAG, eurusd, lean_quotes, recorded, write};
use serde_json::Value;
use tickloom_types::Ts;

const RISING: [&str; 4] = [
    "--enter",
    "change(close) > 0",
    "--exit",
    "change(close) < 0",
];

fn backtest(data: &str, more: &[&str]) -> Ran {
    let mut words = vec!["backtest", "--data", data];
    words.extend(RISING);
    words.extend(more);
    tickloom(&words)
}

fn json(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The recorder's clock was 1.27 s behind: the one thing that is wrong with the recording.
#[test]
fn a_run_over_a_recording_says_that_its_clock_was_wrong() {
    let dir = workspace();
    let (records, instruments) = recorded();
    let catalog = write(
        &dir.path().join("catalog"),
        "recorded",
        &records,
        &instruments,
    );
    let ran = backtest(&catalog, &["--bar", "1s", "--json"]);
    assert_eq!(
        ran.stderr,
        "bars of 1s are made of trades\nthe data is not clean: 1 clock_skew; `tickloom quality` lists them for a catalog\n"
    );
    let result = json(&ran);
    assert_eq!(
        result["quality"],
        serde_json::json!({"rows": 1, "more": 0, "kinds": {"clock_skew": 1}})
    );

    let report = dir.path().join("report.html");
    let strict = [
        "--bar",
        "1s",
        "--strict",
        "--report",
        report.to_str().unwrap(),
    ];
    let refused = backtest(&catalog, &strict);
    assert_eq!(refused.code, 2);
    assert_eq!(refused.stdout, "");
    assert!(!report.exists());
    assert!(
        refused
            .stderr
            .contains("--strict: the data is not clean: 1 clock_skew"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("clock_skew      all"),
        "{}",
        refused.stderr
    );

    let unseen = backtest(&catalog, &["--bar", "1s", "--json", "--no-quality"]);
    assert_eq!(unseen.stderr, "bars of 1s are made of trades\n");
    let unseen = json(&unseen);
    assert!(unseen["quality"].is_null());
    assert_eq!(unseen["output_hash"], result["output_hash"]);
}

#[test]
fn a_run_over_clean_data_says_nothing_and_passes_strict() {
    let dir = workspace();
    let (mut records, instruments) = recorded();
    for record in &mut records {
        record.header.ts_recv += RECORDER_LAG;
    }
    let catalog = write(
        &dir.path().join("catalog"),
        "recorded",
        &records,
        &instruments,
    );
    let ran = backtest(&catalog, &["--bar", "1s", "--json", "--strict"]);
    assert_eq!(ran.stderr, "bars of 1s are made of trades\n");
    assert_eq!(json(&ran)["quality"]["rows"], 0);
}

/// Hourly bars of a recording of ticks: those of a calendar whose sessions begin at midnight in UTC are those without one.
#[test]
fn a_calendar_of_days_in_utc_changes_nothing() {
    let dir = workspace();
    let (records, instruments) = recorded();
    let catalog = write(
        &dir.path().join("catalog"),
        "recorded",
        &records,
        &instruments,
    );
    let plain = json(&backtest(&catalog, &["--bar", "5s", "--json"]));
    let ran = backtest(&catalog, &["--bar", "5s", "--json", "--calendar", "crypto"]);
    assert!(
        ran.stderr
            .starts_with("bars of 5s are made of trades, with the sessions of crypto\n"),
        "{}",
        ran.stderr
    );
    let with = json(&ran);
    assert_eq!(with["bars"], plain["bars"]);
    assert_eq!(with["fills"], plain["fills"]);
    assert_eq!(with["final_equity"], plain["final_equity"]);
}

#[test]
fn weeks_of_days_are_trading_weeks() {
    let Some(file) = shared_data("peer-bars/GOOG.csv.gz") else {
        return;
    };
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let ran = tickloom(&["import", &file, "--catalog", &catalog]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = backtest(
        &catalog,
        &[
            "--bar",
            "1w",
            "--calendar",
            "us-equity",
            "--json",
            "--strict",
        ],
    );
    assert_eq!(
        ran.stderr,
        "bars of 1w are made of bars of 1d, with the sessions of us-equity\n"
    );
    // 2,148 days from Thursday 2004-08-19 to Friday 2013-03-01, in each of 446 weeks at least one.
    assert_eq!(json(&ran)["bars"], 2_148 + 446);
    let ran = backtest(&catalog, &["--bar", "1h"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains(
            "can only be made of trades, quotes or bars whose size divides it; there are bars of 1d"
        ),
        "{}",
        ran.stderr
    );
}

/// A file with quotes alone: bars are those of their middle.
#[test]
fn quotes_alone_make_bars() {
    let Some(file) = shared_data("lean-fx-tick/oanda/eurusd/20140502_quote.zip") else {
        return;
    };
    let dir = workspace();
    let records = lean_quotes(&file, Ts::parse("2014-05-02").unwrap());
    let catalog = write(&dir.path().join("catalog"), "eurusd", &records, &eurusd());
    let ran = backtest(&catalog, &["--bar", "1h", "--calendar", "fx", "--json"]);
    assert!(
        ran.stderr
            .starts_with("bars of 1h are made of the middle of quotes, with the sessions of fx\n"),
        "{}",
        ran.stderr
    );
    // From midnight to the close at 21:00 in UTC; nothing comes after that, so nothing says that the last hour is over.
    assert_eq!(json(&ran)["bars"], 20);
}
