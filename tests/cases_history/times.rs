//! Times of rows, and their order: units, forms of dates, zones, files with the newest row first.

use crate::cli::tickloom;
use crate::imported::{case, check_text, import, import_text, refused};
use serde_json::Value;
use tickloom_types::TradeBody;

#[test]
fn the_unit_of_times_may_change() {
    let found = import(&case("unit-changes.csv"), &["--bar", "1m"]);
    assert_eq!(
        found.times(),
        [
            "2025-01-01T00:00:00Z",
            "2025-01-01T00:01:00Z",
            "2025-01-01T00:02:00Z"
        ]
    );
    let notes = found.report["imports"][0]["notes"].to_string();
    assert!(
        notes.contains("the unit of times changes at line 2: milliseconds, then microseconds"),
        "{notes}"
    );
    assert_eq!(
        import(&case("unit-changes.csv"), &[]).times(),
        found.times()
    );
    // Seconds and nanoseconds too, of trades.
    let text = "time,price,size,id\n1735689600,100,1,1\n1735689601000000000,100,1,2\n1735689602000,100,1,3\n";
    assert_eq!(
        import_text("T.csv", text, &[]).times(),
        [
            "2025-01-01T00:00:00Z",
            "2025-01-01T00:00:01Z",
            "2025-01-01T00:00:02Z"
        ]
    );
}

#[test]
fn times_without_signs_are_dates() {
    // Opens, which close a minute later.
    assert_eq!(
        import(&case("compact-time.csv"), &["--stamp", "close"]).times(),
        [
            "2024-08-09T09:30:00Z",
            "2024-08-09T09:31:00Z",
            "2024-08-09T09:32:00Z"
        ]
    );
    let found = import(&case("compact-time.csv"), &[]);
    assert_eq!(found.times()[0], "2024-08-09T09:31:00Z");
    assert_eq!(found.report["imports"][0]["notes"][0], "bars of size 1m");
    // One row that is no date makes them all numbers since the epoch.
    let text = "time,bid,ask\n202408090930,10,11\n202408099999,10,11\n";
    assert_eq!(
        import_text("Q.csv", text, &[]).times()[0],
        "1976-05-31T16:28:10.93Z"
    );
}

/// A day-first file says so by one row, wherever it is; one that does not is refused with both readings.
#[test]
fn dates_of_which_other_rows_decide() {
    let file = |dates: &[&str]| {
        let rows = dates.iter().map(|date| format!("{date},1,2,1,2,5\n"));
        format!(
            "date,open,high,low,close,volume\n{}",
            rows.collect::<String>()
        )
    };
    let mut dates = vec!["01/02/2024"; 1];
    let months: Vec<String> = (2..100)
        .map(|at| format!("0{}/0{}/{}", at % 9 + 1, (at + 3) % 9 + 1, 2024 + at))
        .collect();
    dates.extend(months.iter().map(String::as_str));
    dates.push("13/02/2150");
    let found = import_text("D.csv", &file(&dates), &["--bar", "1d"]);
    assert_eq!(found.times()[0], "2024-02-02T00:00:00Z");
    let notes = found.report["imports"][0]["notes"].to_string();
    assert!(
        notes.contains("dates are day-first: \\\"13/02/2150\\\" in line 101"),
        "{notes}"
    );
    let us = ["01/02/2024", "01/13/2024"];
    let found = import_text("D.csv", &file(&us), &["--bar", "1d"]);
    assert_eq!(found.times()[0], "2024-01-03T00:00:00Z");

    let unsettled = ["01/02/2024", "02/02/2024", "03/02/2024"];
    refused(
        "D.csv",
        &file(&unsettled),
        &[],
        &[
            "\"01/02/2024\", which is 2024-02-01 day-first or 2024-01-02 month-first",
            "--time-format",
            "line 2",
        ],
    );
    for (told, first) in [("day-first", "2024-02-02"), ("%m/%d/%Y", "2024-01-03")] {
        let found = import_text(
            "D.csv",
            &file(&unsettled),
            &["--time-format", told, "--bar", "1d"],
        );
        assert_eq!(found.times()[0], format!("{first}T00:00:00Z"), "{told}");
    }
    let both = ["13/02/2024", "02/14/2024"];
    refused(
        "D.csv",
        &file(&both),
        &[],
        &["month-first", "day-first", "in line 2"],
    );
}

#[test]
fn dates_of_many_forms() {
    let check = |first: &str, second: &str, expected: &str| {
        let text = format!("datetime;open;high;low;close\n{first};1;1;1;1\n{second};1;1;1;1\n");
        let found = import_text("X.csv", &text, &["--stamp", "close"]);
        assert_eq!(found.times()[0], expected, "{first}");
    };
    check(
        "01.01.2017 22:00:00.000",
        "01.01.2017 23:00:00.000",
        "2017-01-01T22:00:00Z",
    );
    check(
        "02.01.2017 22:00:00.000",
        "02.01.2017 23:00:00.000",
        "2017-01-02T22:00:00Z",
    );
    check(
        "Jan 2, 2024 9:30 AM",
        "Jan 2, 2024 10:30 PM",
        "2024-01-02T09:30:00Z",
    );
    check(
        "2-Jan-2024 09:30",
        "2-Jan-2024 09:31",
        "2024-01-02T09:30:00Z",
    );
    check("20240102 093000", "20240102 093100", "2024-01-02T09:30:00Z");
    check("1/13/2024 0:00", "1/14/2024 0:00", "2024-01-13T00:00:00Z");
    check(
        "2024-01-02 09:30:00+0530",
        "2024-01-02 09:31:00+0530",
        "2024-01-02T04:00:00Z",
    );
}

#[test]
fn a_local_time_needs_a_zone() {
    let file = |zone: &str| {
        let rows = (1..3).map(|hour| format!("02.01.2024 0{hour}:00:00{zone},1,1,1,1\n"));
        format!(
            "Local time,Open,High,Low,Close\n{}",
            rows.collect::<String>()
        )
    };
    refused("X.csv", &file(""), &[], &["of no zone", "--zone"]);
    let words = ["--stamp", "close", "--zone", "+01:00"];
    for (text, more) in [(file(""), &words[..]), (file(" GMT+0100"), &words[..2])] {
        assert_eq!(
            import_text("X.csv", &text, more).times()[0],
            "2024-01-02T00:00:00Z"
        );
    }
    // What a format says already is not said again.
    let text = "1722988800000,1,1,1,1,1,1722988859999,1,1,1,1,0\n";
    refused(
        "X-1m-2024.csv",
        text,
        &["--time-format", "s"],
        &["the format says it"],
    );
}

#[test]
fn a_time_is_plausible() {
    let text = "time,open,high,low,close\n1850-01-01 00:00,1,1,1,1\n1850-01-01 00:01,1,1,1,1\n";
    refused("X.csv", text, &[], &["years 1900 to 2200", "--years"]);
    let found = import_text("X.csv", text, &["--years", "1800..1900"]);
    assert_eq!(found.times()[0], "1850-01-01T00:01:00Z");
    assert_eq!(
        check_text("X.csv", text, &["--years", "1500..1900"]).code,
        2
    );
}

#[test]
fn newest_first_is_sorted() {
    for file in ["newest-first.csv", "newest-first-preamble.csv"] {
        let found = import(&case(file), &[]);
        assert_eq!(found.closes(), ["10", "11", "12.5"], "{file}");
        assert_eq!(found.report["imports"][0]["notes"][0], "bars of size 1d");
        let ran = tickloom(&[
            "backtest",
            "--data",
            &case(file),
            "--enter",
            "close > lag(close)",
            "--exit",
            "close < lag(close)",
            "--size",
            "1",
            "--cash",
            "1000",
            "--fill",
            "same-close",
            "--json",
        ]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["final_equity"], "1001.5", "{file}");
    }
    // Trades of one time are turned too.
    let text =
        "time,id,price,size\n1704153601000,3,103,1\n1704153600000,2,102,1\n1704153600000,1,101,1\n";
    let found = import_text("T.csv", text, &[]);
    let ids: Vec<u64> = found
        .records
        .iter()
        .map(|record| TradeBody::of(record).trade_id)
        .collect();
    assert_eq!(ids, [1, 2, 3]);
}
