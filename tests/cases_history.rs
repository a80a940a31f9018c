//! Inputs that once went wrong on their way into history, with their right values: texts of rows through the real binary, each fault by
//! its kind.
//!
//! Files are in `tests/cases`, of which each is as it was found; what is written here is of the same kinds. Right values are worked out
//! by hand from the text.

#![cfg(test)]

mod cli;

use cli::{Ran, tickloom, workspace};
use serde_json::Value;
use std::path::Path;
use tickloom_data::{Catalog, ScanQuery, Table};
use tickloom_types::{
    BarBody, Flags, InstrumentDef, Instruments, Kind, LevelBody, OrderUpdateBody, QuoteBody,
    Record, TradeBody, Ts, format_decimal,
};

fn case(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    folder.join(name).display().to_string()
}

/// What an import came to: its report and the records in the catalog.
struct Imported {
    report: Value,
    instruments: Instruments,
    records: Vec<Record>,
}

fn import_all(files: &[&str], more: &[&str]) -> Imported {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let words = [&["import"], files, &["--catalog", &catalog, "--json"], more].concat();
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{files:?}: {}", ran.stderr);
    let scan = Catalog::open(Path::new(&catalog))
        .unwrap()
        .scan(&ScanQuery::default())
        .unwrap();
    Imported {
        report: serde_json::from_str(&ran.stdout).unwrap(),
        instruments: scan.instruments().clone(),
        records: scan.map(|next| next.unwrap().1).collect(),
    }
}

fn import(file: &str, more: &[&str]) -> Imported {
    import_all(&[file], more)
}

/// A text as a file of this name, imported.
fn import_text(name: &str, text: &str, more: &[&str]) -> Imported {
    let dir = workspace();
    let file = dir.path().join(name);
    std::fs::write(&file, text).unwrap();
    import(&file.display().to_string(), more)
}

fn check_text(name: &str, text: &str, more: &[&str]) -> Ran {
    let dir = workspace();
    let file = dir.path().join(name).display().to_string();
    std::fs::write(&file, text).unwrap();
    let catalog = dir.path().join("catalog").display().to_string();
    tickloom(&[&["import", &file, "--catalog", &catalog, "--dry-run"], more].concat())
}

/// Refused as a whole, with these words.
fn refused(name: &str, text: &str, more: &[&str], expected: &[&str]) {
    let ran = check_text(name, text, more);
    assert_eq!(ran.code, 2, "{text}: {}", ran.stdout);
    for words in expected {
        assert!(ran.stderr.contains(words), "{words:?} in {}", ran.stderr);
    }
}

impl Imported {
    fn def(&self, record: &Record) -> &InstrumentDef {
        self.instruments.get(record.instrument()).unwrap()
    }

    /// Times of the records.
    fn times(&self) -> Vec<String> {
        self.records
            .iter()
            .map(|record| record.ts_event().to_string())
            .collect()
    }

    /// Closes and volumes of bars.
    fn bars(&self) -> Vec<(String, String)> {
        let bars = self.records.iter().map(|record| {
            let (bar, def) = (BarBody::of(record), self.def(record));
            let text = |mantissa: i64, decimals| {
                let text = format_decimal(i128::from(mantissa), decimals);
                match text.contains('.') {
                    true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                    false => text,
                }
            };
            (
                text(bar.close, def.price_decimals),
                text(bar.volume, def.qty_decimals),
            )
        });
        bars.collect()
    }

    fn closes(&self) -> Vec<String> {
        self.bars().into_iter().map(|(close, _)| close).collect()
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .instruments
            .defs()
            .iter()
            .map(|def| def.name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    fn levels(&self) -> Vec<(&Record, LevelBody)> {
        self.records
            .iter()
            .filter(|record| record.kind() == Some(Kind::Level))
            .map(|record| (record, LevelBody::of(record)))
            .collect()
    }
}

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

// Times.

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

// Order.

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

// Numbers.

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

// Rows that are refused.

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

// Repeated rows.

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
    refused("X.csv", text, &[], &["another bar of 2024-01-02"]);
}

// Texts.

#[test]
fn lines_of_white_space_are_none() {
    let found = import(&case("blank-lines.csv"), &["--strict"]);
    assert_eq!(
        (&found.report["read"], &found.report["refused"]),
        (&2.into(), &0.into())
    );
    assert_eq!(found.closes(), ["2", "3"]);
}

#[test]
fn texts_of_other_programs() {
    let found = import(&case("utf16.csv"), &[]);
    assert_eq!(found.closes(), ["2", "3"]);
    // A preamble, a sum at the end, the header again, quotes with delimiters and line ends in them, CRLF.
    let text = "sep=;\r\nReport of \"X\"\r\n\r\nName;Date;Open;High;Low;Close\r\n\"A; \"\"B\"\"\nC\";2024-01-01;1;1;1;1\r\nName;Date;Open;High;Low;Close\r\n\"A\";2024-01-02;2;2;2;2\r\n";
    let found = import_text("X.csv", text, &["--strict"]);
    assert_eq!(found.closes(), ["1", "2"]);
    let notes = found.report["imports"][0]["notes"].to_string();
    assert!(
        notes.contains("2 lines above the header passed over")
            && notes.contains("the header comes again"),
        "{notes}"
    );
    // Another header in the middle would give the rows below it another meaning.
    let text = "date,open,high,low,close\n2024-01-01,1,2,1,1\n2024-01-02,1,2,1,1\ndate,close,high,low,open\n2024-01-03,1,2,1,1\n";
    refused(
        "X.csv",
        text,
        &["--refused-max", "100%"],
        &["line 4: another header"],
    );
    // As yfinance writes it.
    let text = "Price,Close,High,Low,Open,Volume\nTicker,A,A,A,A,A\nDate,,,,,\n2024-01-02,2,3,1,1,9\n2024-01-03,2.5,3,1,1,9\n";
    assert_eq!(
        import_text("A.csv", text, &["--strict"]).closes(),
        ["2", "2.5"]
    );
}

// Names.

#[test]
fn a_name_ends_at_its_last_ending() {
    let found = import_all(&[&case("BRK.A.csv"), &case("BRK.B.csv")], &[]);
    assert_eq!(found.names(), ["BRK.A", "BRK.B"]);
    assert_eq!(found.records.len(), 4);
    let text = "symbol,date,open,high,low,close\n^GSPC,2024-01-01,1,1,1,1\n^GSPC,2024-01-02,1,1,1,1\n币 安,2024-01-01,1,1,1,1\n币 安,2024-01-02,1,1,1,1\n";
    let found = import_text("all.csv", text, &[]);
    assert_eq!(found.names(), ["^GSPC", "币 安"]);
}

/// The same symbol at two exchanges is not one instrument.
#[test]
fn a_symbol_of_two_exchanges_is_refused_or_two() {
    let text = "exchange,symbol,time,price,size\na,X,2024-01-01T00:00:00Z,1,1\nb,X,2024-01-01T00:00:01Z,2,1\n";
    refused(
        "t.csv",
        text,
        &[],
        &["exchange: expected a, as above", "line 3"],
    );
    let found = import_text("t.csv", text, &["--columns", "exchange=exchange"]);
    assert_eq!(found.names(), ["a.X", "b.X"]);
}

#[test]
fn files_of_one_content_are_two_instruments() {
    let dir = workspace();
    let text = "date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,1,1,1,1\n";
    let files = ["A.csv", "B.csv"].map(|name| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    });
    let found = import_all(&[&files[0], &files[1]], &[]);
    assert_eq!((found.names(), found.records.len()), (vec!["A", "B"], 4));
}

// Columns.

#[test]
fn columns_by_many_names() {
    for header in [
        "timestamp_utc,open,high,low,close,volume",
        "t,o,h,l,c,v",
        "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
        "dt,Open,High,Low,Close,Volume",
    ] {
        let text =
            format!("{header}\n2024-01-01 00:00:00,1,3,1,2,5\n2024-01-01 00:01:00,2,3,1,3,5\n");
        let found = import_text("X.csv", &text, &[]);
        assert_eq!(found.closes(), ["2", "3"], "{header}");
        let first = header.split(',').next().unwrap();
        assert_eq!(
            found.report["imports"][0]["taken"]["columns"]["time"],
            first
        );
        let said = check_text("X.csv", &text, &[]).stderr;
        assert!(said.contains(&format!("time from {first:?}")), "{said}");
    }
    let text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-01,1,3,1,2,0.5,5\n2024-01-02,1,3,1,2,0.5,5\n";
    let found = import_text("X.csv", text, &[]);
    assert_eq!(found.closes(), ["2", "2"]);
    assert!(
        found.report["imports"][0]["notes"]
            .to_string()
            .contains("columns not used: Adj Close")
    );
}

/// Bars are never taken for trades.
#[test]
fn a_price_beside_open_high_and_low_is_the_close() {
    let rows = "2024-01-01,2,1,3,1,5\n2024-01-02,2.5,1,3,1,5\n";
    let found = import_text(
        "X.csv",
        &format!("Date,Price,Open,High,Low,Vol.\n{rows}"),
        &[],
    );
    assert_eq!(found.closes(), ["2", "2.5"]);
    for header in [
        "Date,Last,Open,High,Settle,Volume",
        "Date,Price,Open,High,Settle,Volume",
    ] {
        refused("X.csv", &format!("{header}\n{rows}"), &[], &["--columns"]);
    }
    let text = format!(
        "Date,Last,Open,High,Low,Settle,Volume\n{}",
        rows.replace(",5\n", ",2,5\n")
    );
    refused("X.csv", &text, &[], &["--columns"]);
    let found = import_text("X.csv", &text, &["--columns", "close=Settle"]);
    assert_eq!(found.closes(), ["2", "2"]);
}

#[test]
fn a_mapping_says_what_the_header_does_not() {
    let text = "Zeit;Anfang;Hoch;Tief;Ende;Stück;Bereinigt\n31.12.23 09:30;1,5;3;1;2,5;1.000;0,5\n31.12.23 09:31;1,5;3;1;2,5;1.000;0,5\n";
    refused("X.csv", text, &[], &["Zeit", "--columns"]);
    let columns = "time=Zeit,open=Anfang,high=3,low=tief,close=Ende,volume=Stück";
    let told = [
        "--columns",
        columns,
        "--time-format",
        "%d.%m.%y %H:%M",
        "--zone",
        "Europe/Berlin",
    ];
    let found = import_text("X.csv", text, &told);
    assert_eq!(found.bars()[0], ("2.5".to_owned(), "1000".to_owned()));
    assert_eq!(found.times()[0], "2023-12-31T08:31:00Z");
    // The same from a profile, also in a backtest; the command line goes before it.
    let dir = workspace();
    let profile = dir.path().join("depot.toml").display().to_string();
    std::fs::write(&profile, "time_format = \"%d.%m.%y %H:%M\"\nzone = \"Europe/Berlin\"\n[columns]\ntime = \"Zeit\"\nopen = \"Anfang\"\nhigh = \"Hoch\"\nlow = \"Tief\"\nclose = \"Ende\"\nvolume = \"Stück\"\n").unwrap();
    let by_profile = import_text("X.csv", text, &["--profile", &profile]);
    assert_eq!(by_profile.records, found.records);
    let swapped = [
        "--profile",
        &profile,
        "--columns",
        "close=Tief,low=Bereinigt",
    ];
    assert_eq!(import_text("X.csv", text, &swapped).closes()[0], "1");
    let file = dir.path().join("X.csv").display().to_string();
    std::fs::write(&file, text).unwrap();
    let words = [
        "backtest",
        "--data",
        &file,
        "--profile",
        &profile,
        "--enter",
        "close > 0",
        "--exit",
        "close < 0",
        "--json",
    ];
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["taken"]["columns"]["close"], "Ende");
    std::fs::write(&profile, "colums = 1\n").unwrap();
    assert_eq!(tickloom(&words).code, 2);
    assert_eq!(
        check_text("X.csv", text, &["--columns", "tme=Zeit"]).code,
        2
    );
    assert_eq!(
        check_text("X.csv", text, &["--columns", "time=Datum"]).code,
        2
    );
}

/// A file without a header, by the numbers of its columns.
#[test]
fn columns_by_their_numbers() {
    let text = "1723161255030,A,2.5,10\n1723161256030,A,2.75,5\n";
    let found = import_text(
        "X.csv",
        text,
        &["--columns", "time=1,symbol=2,price=3,volume=4"],
    );
    assert_eq!(found.names(), ["A"]);
    let trades: Vec<(i64, i64)> = found
        .records
        .iter()
        .map(TradeBody::of)
        .map(|trade| (trade.price, trade.qty))
        .collect();
    assert_eq!(trades, [(250, 10), (275, 5)]);
}

// Books.

#[test]
fn levels_of_a_book_are_a_book() {
    let found = import(&case("book-levels.csv"), &[]);
    assert_eq!(found.names(), ["binance.BTCUSDT"]);
    assert_eq!(found.report["imports"][0]["format"], "book-levels");
    let levels = found.levels();
    // A header and 199 rows.
    assert_eq!((found.records.len(), levels.len()), (199, 199));
    let (first, level) = levels[0];
    assert_eq!(first.ts_event(), ts("2024-08-09T00:00:00Z"));
    assert_eq!(first.ts_recv(), ts("2024-08-09T00:00:00.0005Z"));
    // 59967.1 and 0.569, at one and three decimals, of the ask.
    assert_eq!(
        (level.price, level.qty, level.side, level.clear),
        (599_671, 569, 2, 1)
    );
    let clears: u32 = levels.iter().map(|(_, level)| u32::from(level.clear)).sum();
    let text = std::fs::read_to_string(case("book-levels.csv")).unwrap();
    let snapshots = text.lines().filter(|line| line.contains(",true,")).count();
    assert_eq!(
        levels
            .iter()
            .filter(|(record, _)| record.has(Flags::SNAPSHOT))
            .count(),
        snapshots
    );
    assert_eq!(clears, 1);
    assert!(levels.iter().all(|(record, _)| record.has(Flags::LAST)));
}

#[test]
fn rows_of_one_message_are_one_moment() {
    let header = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n";
    let row = |at: u64, snapshot: bool, side: &str, price: &str, amount: &str| {
        format!(
            "deribit,BTC-PERPETUAL,{at},{},{snapshot},{side},{price},{amount}\n",
            at + 5
        )
    };
    let text = [
        header.to_owned(),
        row(1_723_161_600_000_000, true, "bid", "100", "1"),
        row(1_723_161_600_000_000, true, "ask", "101", "2"),
        row(1_723_161_600_000_001, false, "bid", "100", "0"),
        row(1_723_161_600_000_001, false, "bid", "99.5", "3"),
        row(1_723_161_600_000_002, true, "bid", "98", "4"),
    ]
    .concat();
    let found = import_text("x.csv", &text, &[]);
    let flags: Vec<(bool, bool, u8)> = found
        .levels()
        .iter()
        .map(|(record, level)| {
            (
                record.has(Flags::LAST),
                record.has(Flags::SNAPSHOT),
                level.clear,
            )
        })
        .collect();
    assert_eq!(
        flags,
        [
            (false, true, 1),
            (true, true, 0),
            (false, false, 0),
            (true, false, 0),
            (true, true, 1)
        ]
    );
    assert_eq!(found.names(), ["deribit.BTC-PERPETUAL"]);
    // A file that has the columns of a book is never taken for trades.
    let text = "time,level,side,price,size\n1723161600000,1,bid,100,1\n";
    refused("x.csv", text, &[], &["a book"]);
    let text = "time,side,price,size\n1723161600000,bid,100,1\n1723161600000,ask,101,0\n";
    refused("x.csv", text, &[], &["levels of a book, or trades"]);
    let found = import_text("x.csv", text, &["--format", "book-levels"]);
    assert_eq!(found.levels().len(), 2);
}

#[test]
fn books_with_all_levels_in_a_row() {
    let text = "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,asks[1].price,asks[1].amount,bids[1].price,bids[1].amount\nbinance,X,1723161600000000,1723161600000500,101,1,100,2,102,3,99,4\nbinance,X,1723161600001000,1723161600001500,101,1,100,2,,,99.5,5\n";
    let found = import_text("x.csv", text, &[]);
    assert_eq!(found.report["imports"][0]["format"], "book-depth");
    let levels: Vec<(i64, i64, u8, u8)> = found
        .levels()
        .iter()
        .map(|(_, level)| (level.price, level.qty, level.side, level.clear))
        .collect();
    assert_eq!(
        levels,
        [
            (1000, 2, 1, 1),
            (990, 4, 1, 0),
            (1010, 1, 2, 0),
            (1020, 3, 2, 0),
            (1000, 2, 1, 1),
            (995, 5, 1, 0),
            (1010, 1, 2, 0)
        ]
    );
    let last: Vec<bool> = found
        .records
        .iter()
        .map(|record| record.has(Flags::LAST))
        .collect();
    assert_eq!(last, [false, false, false, true, false, false, true]);
    let text = "time,bid_price_1,bid_size_1,ask_price_1,ask_size_1,bid_price_2,bid_size_2,ask_price_2,ask_size_2\n1723161600000,100,1,101,1,99,1,102,1\n";
    assert_eq!(import_text("x.csv", text, &[]).levels().len(), 4);
    let text =
        "time,bid_price_1,ask_price_1,bid_price_2,ask_price_2\n1723161600000,100,101,99,102\n";
    assert_eq!(check_text("x.csv", text, &[]).code, 2);
}

#[test]
fn trades_and_quotes_of_tardis() {
    let text = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nbitmex,XBTUSD,1585699200126000,1585699200200000,8906e8c6-3bcb-2a2c-1d2a-1f4a0c5e2a11,buy,6425.5,20\n";
    let found = import_text("x.csv", text, &[]);
    assert_eq!(found.names(), ["bitmex.XBTUSD"]);
    let trade = TradeBody::of(&found.records[0]);
    assert_eq!((trade.price, trade.qty, trade.side), (64_255, 20, 1));
    assert_ne!(trade.trade_id, 0);
    assert_eq!(found.records[0].ts_recv(), ts("2020-04-01T00:00:00.2Z"));
    let text = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\nbitmex,XBTUSD,1585699200126000,1585699200200000,1,6426,6425.5,20\n";
    let quote = QuoteBody::of(&import_text("x.csv", text, &[]).records[0]);
    assert_eq!(
        (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty),
        (64_255, 20, 64_260, 1)
    );
}

/// Prices as decimals or as whole numbers of 1e-9, times as text or as nanoseconds.
#[test]
fn databento_as_text() {
    let mbo = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,price,size,channel_id,order_id,flags,ts_in_delta,sequence,symbol\n";
    let nano = format!(
        "{mbo}1609160400000704060,1609160400000429831,160,1,5482,A,A,3722750000000,1,0,647784973705,0,22993,1170352,ESH1\n1609160400000704060,1609160400000429831,160,1,5482,T,B,3722500000000,2,0,0,128,22993,1170353,ESH1\n"
    );
    let pretty = format!(
        "{mbo}2020-12-28T13:00:00.000704060Z,2020-12-28T13:00:00.000429831Z,160,1,5482,A,A,3722.750000000,1,0,647784973705,0,22993,1170352,ESH1\n2020-12-28T13:00:00.000704060Z,2020-12-28T13:00:00.000429831Z,160,1,5482,T,B,3722.500000000,2,0,0,128,22993,1170353,ESH1\n"
    );
    let found = import_text("x.csv", &nano, &[]);
    assert_eq!(found.report["imports"][0]["format"], "databento-csv");
    assert_eq!(found.names(), ["ESH1"]);
    let update = OrderUpdateBody::of(&found.records[0]);
    assert_eq!(
        (update.order_id, update.price, update.qty, update.update_id),
        (647_784_973_705, 372_275, 1, 1_170_352)
    );
    assert_eq!(
        (update.side, update.action),
        (2, tickloom_types::BookAction::Add as u8)
    );
    assert_eq!(
        found.records[0].ts_event(),
        ts("2020-12-28T13:00:00.000429831Z")
    );
    assert_eq!(
        found.records[0].ts_recv(),
        ts("2020-12-28T13:00:00.000704060Z")
    );
    let kinds: Vec<Kind> = found.records.iter().filter_map(Record::kind).collect();
    assert_eq!(kinds, [Kind::OrderUpdate, Kind::OrderUpdate, Kind::Trade]);
    assert_eq!(import_text("x.csv", &pretty, &[]).records, found.records);

    let text = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n1609160400000000000,33,1,5482,3720250000000,3721500000000,3720250000000,3721000000000,353,ESH1\n";
    let found = import_text("x.csv", text, &[]);
    assert_eq!(found.bars(), [("3721".to_owned(), "353".to_owned())]);
    assert_eq!(found.times(), ["2020-12-28T13:01:00Z"]);
    let text = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,bid_px_00,ask_px_00,bid_sz_00,ask_sz_00,bid_ct_00,ask_ct_00,symbol\n1609160400006136329,1609160400006001487,1,1,5482,T,A,0,3720250000000,1,128,17214,1170362,3720250000000,3720500000000,24,11,15,9,ESH1\n";
    let found = import_text("x.csv", text, &[]);
    let quote = found
        .records
        .iter()
        .find(|record| Table::of(record) == Some(Table::Quotes))
        .unwrap();
    let quote = QuoteBody::of(quote);
    assert_eq!(
        (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty),
        (372_025, 24, 372_050, 11)
    );
    assert_eq!(found.records.len(), 2);
}
