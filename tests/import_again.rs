//! Rows that an earlier import has already: they count once, or are refused by name, and a dry run says what an import would.

#![cfg(test)]

mod cli;

use cli::{tickloom, workspace};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Imports a file and gives its report; `more` are words after it.
fn import(file: &str, catalog: &str, more: &[&str], code: i32) -> Value {
    let words = ["import", file, "--catalog", catalog, "--json"];
    let more = [&["--instrument", "X", "--currency", "USD"], more].concat();
    let ran = tickloom(&[&words[..], &more].concat());
    assert_eq!(ran.code, code, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

fn counts(report: &Value) -> [u64; 3] {
    ["written", "repeated", "refused"].map(|what| report[what].as_u64().unwrap())
}

/// Bars of 1 to 3 January, of 3 to 5, and of 3 to 5 with another close of the 3rd.
#[test]
fn bars_that_two_files_have_count_once() {
    let dir = workspace();
    let write = |name: &str, rows: &[&str]| {
        let file = dir.path().join(name).display().to_string();
        let text = format!("date,open,high,low,close,volume\n{}\n", rows.join("\n"));
        fs::write(&file, text).unwrap();
        file
    };
    let third = "2024-01-03,3,3,3,3,1";
    let first = ["2024-01-01,1,1,1,1,1", "2024-01-02,2,2,2,2,1", third];
    let rest = ["2024-01-04,4,4,4,4,1", "2024-01-05,5,6,5,5.25,1"];
    let one = write("one.csv", &first);
    let two = write("two.csv", &[&[third], &rest[..]].concat());
    let other = write(
        "other.csv",
        &[&["2024-01-03,3,4,3,4,1"], &rest[..]].concat(),
    );
    let catalog = dir.path().join("catalog").display().to_string();
    assert_eq!(counts(&import(&one, &catalog, &[], 0)), [3, 0, 0]);
    let tried = import(&two, &catalog, &["--dry-run"], 0);
    assert_eq!(counts(&tried), [2, 1, 0], "{tried}");
    let report = import(&two, &catalog, &[], 0);
    assert_eq!(counts(&report), [2, 1, 0], "{report}");
    let told = "X: the bar of 1d that closes at 2024-01-04T00:00:00Z is there already";
    assert_eq!(report["imports"][0]["repeats"][0], told);
    // Again it is what it was.
    assert_eq!(
        import(&two, &catalog, &["--dry-run"], 0)["imports"][0]["unchanged"],
        true
    );
    // Other numbers are not taken beside those that are there.
    for more in [&["--dry-run"][..], &[]] {
        let report = import(&other, &catalog, more, 2);
        let reason = "bar that is there already with other numbers";
        assert_eq!(report["imports"][0]["reasons"][reason], 1, "{report}");
    }
    let report = import(&other, &catalog, &["--refused-max", "1"], 0);
    assert_eq!(counts(&report), [0, 2, 1], "{report}");
    let words = ["backtest", "--data", &catalog, "--json", "--size", "1"];
    let rules = ["--enter", "close > 0", "--exit", "close < 0"];
    let ran = tickloom(&[&words[..], &rules].concat());
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["bars"], 5, "{report}");
}

/// Trades 1 and 2, and 2 and 3; then 2 with another size.
#[test]
fn a_dry_run_says_which_trades_are_there_already() {
    let dir = workspace();
    let write = |name: &str, rows: &[&str]| {
        let file = dir.path().join(name).display().to_string();
        let text = format!("time,price,size,side,id\n{}\n", rows.join("\n"));
        fs::write(&file, text).unwrap();
        file
    };
    let trade = |id: u32, size: u32| format!("2024-01-01T00:00:0{id}Z,10,{size},buy,{id}");
    let (one, two, three) = (trade(1, 1), trade(2, 1), trade(3, 1));
    let first = write("first.csv", &[&one, &two]);
    let second = write("second.csv", &[&two, &three]);
    let other = write("other.csv", &[&trade(2, 9), &three]);
    let catalog = dir.path().join("catalog").display().to_string();
    assert_eq!(counts(&import(&first, &catalog, &[], 0)), [2, 0, 0]);
    for more in [&["--dry-run"][..], &[]] {
        let report = import(&second, &catalog, more, 0);
        assert_eq!(counts(&report), [1, 1, 0], "{report}");
    }
    let report = import(&other, &catalog, &["--refused-max", "1"], 0);
    assert_eq!(counts(&report), [0, 1, 1], "{report}");
}

/// Ninety bars of a minute on each of thirty days of April 2024.
fn thirty_days(dir: &Path) -> Vec<String> {
    let day = |n: u32| {
        let minute = |m: u32| {
            let price = 100 + (n * 7 + m) % 13;
            let time = format!("2024-04-{n:02}T{:02}:{:02}:00Z", m / 60, m % 60);
            format!("{time},{price},{price},{price},{price},1\n")
        };
        let rows: String = (0..90).map(minute).collect();
        let file = dir.join(format!("{n:02}.csv")).display().to_string();
        fs::write(&file, format!("time,open,high,low,close,volume\n{rows}")).unwrap();
        file
    };
    (1..=30).map(day).collect()
}

fn json(words: &[&str]) -> Value {
    let ran = tickloom(words);
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

/// What comes of a strategy, without which runs were read and how long that took.
fn backtest(catalog: &str) -> Value {
    let rules = [
        "--enter",
        "close > lag(close)",
        "--exit",
        "close < lag(close)",
        "--size",
        "1",
    ];
    let words = ["backtest", "--data", catalog, "--json"];
    let mut found = json(&[&words[..], &rules].concat());
    for field in ["runs", "elapsed_s", "data"] {
        found.as_object_mut().unwrap().remove(field);
    }
    found
}

/// As somebody makes who imports every evening.
#[test]
fn a_compaction_makes_one_run_of_many_imports_and_changes_no_result() {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let files = thirty_days(dir.path());
    for file in &files {
        assert_eq!(counts(&import(file, &catalog, &[], 0)), [90, 0, 0]);
    }
    let before = backtest(&catalog);
    let report = json(&["catalog", "compact", &catalog, "--json"]);
    let [bundle] = &report["bundles"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    assert_eq!(bundle["members"].as_array().unwrap().len(), 30);
    assert_eq!(bundle["files_before"], 30);
    assert_eq!(bundle["files_after"], 1);
    assert_eq!(bundle["rows"], 2_700);
    assert_eq!(backtest(&catalog), before);
    let listing = json(&["catalog", "ls", &catalog, "--json"]);
    assert_eq!(listing["runs"][0]["bundled"].as_array().unwrap().len(), 30);
    assert_eq!(listing["tables"][0]["files"], 1);
    // What is there already is known, and other rows of that file are not taken beside it.
    let again = import(&files[3], &catalog, &[], 0);
    assert_eq!(again["imports"][0]["unchanged"], true, "{again}");
    let words = [
        "import",
        &files[3],
        "--catalog",
        &catalog,
        "--instrument",
        "X",
        "--currency",
        "EUR",
    ];
    let ran = tickloom(&words);
    assert_ne!(ran.code, 0);
    let told = "was written together with other imports";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert_eq!(
        json(&["catalog", "verify", &catalog, "--json"])["rows"],
        2_700
    );
}

/// Prices of 1, 0, and below zero: what people say of them decides which rows are kept, whenever they say it.
#[test]
fn what_is_said_of_prices_since_makes_it_another_import() {
    let dir = workspace();
    let file = dir.path().join("low.csv").display().to_string();
    let row = |day: u32, price: i32| format!("2024-01-{day:02},{price},{price},{price},{price},1");
    let rows = [row(1, 1), row(2, -1), row(3, 0), row(4, 2)].join("\n");
    fs::write(&file, format!("date,open,high,low,close,volume\n{rows}\n")).unwrap();
    let catalog = dir.path().join("catalog").display().to_string();
    let again = |more: &[&str]| {
        let report = import(
            &file,
            &catalog,
            &[&["--refused-max", "3"], more].concat(),
            0,
        );
        let is_same = report["imports"][0]["unchanged"].as_bool().unwrap();
        let written = report["imports"][0]["written"].as_u64().unwrap();
        let [now, ..] = counts(&report);
        assert_eq!(now, if is_same { 0 } else { written });
        (is_same, written)
    };
    let set = |what: &str, value: &str| {
        let words = [
            "instruments",
            "set",
            "X",
            "--catalog",
            &catalog,
            what,
            value,
        ];
        let ran = tickloom(&words);
        assert_eq!(ran.code, 0, "{ran:?}");
    };
    assert_eq!(again(&[]), (false, 3));
    assert_eq!(again(&[]), (true, 3));
    set("--kind", "equity");
    assert_eq!(again(&["--dry-run"]), (false, 2));
    assert_eq!(again(&["--resume"]), (false, 2));
    assert_eq!(again(&["--resume"]), (true, 2));
    set("--kind", "future");
    assert_eq!(again(&[]), (false, 4));
    assert_eq!(again(&[]), (true, 4));
    // What does not decide what prices may be changes nothing.
    set("--tick", "0.5");
    assert_eq!(again(&["--resume"]), (true, 4));
    // Nor what is said of a file whose prices are above zero.
    let high = dir.path().join("high.csv").display().to_string();
    fs::write(
        &high,
        format!(
            "date,open,high,low,close,volume\n{}\n{}\n",
            row(8, 1),
            row(9, 1)
        ),
    )
    .unwrap();
    import(&high, &catalog, &[], 0);
    set("--kind", "equity");
    for more in [&["--resume"][..], &[]] {
        assert_eq!(
            import(&high, &catalog, more, 0)["imports"][0]["unchanged"],
            true
        );
    }
}

/// Minute bars from one minute of an hour up to another, which differ by their minute.
fn minutes(dir: &Path, name: &str, from: u32, to: u32) -> String {
    let rows = (from..to).map(|at| format!("2024-01-03 10:{at:02},{0},{0},{0},{0},1\n", at + 1));
    let text = "time,open,high,low,close,volume\n".to_owned() + &rows.collect::<String>();
    let file = dir.join(name).display().to_string();
    fs::write(&file, text).unwrap();
    file
}

fn rows_of(catalog: &str) -> u64 {
    let ran = tickloom(&["catalog", "verify", catalog, "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let words = ["backtest", "--data", catalog, "--json", "--size", "1"];
    let ran = tickloom(&[&words[..], &["--enter", "close > 0", "--exit", "close < 0"]].concat());
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    report["bars"].as_u64().unwrap()
}

/// What was left out as another file had it is taken when that file has it no more, and nothing is said to be there that is not.
#[test]
fn rows_that_a_replaced_import_had_come_back() {
    let dir = workspace();
    let one = minutes(dir.path(), "one.csv", 0, 10);
    let two = minutes(dir.path(), "two.csv", 5, 15);
    let catalog = dir.path().join("catalog").display().to_string();
    assert_eq!(counts(&import(&one, &catalog, &[], 0)), [10, 0, 0]);
    assert_eq!(counts(&import(&two, &catalog, &[], 0)), [5, 5, 0]);
    let report = import(&one, &catalog, &["--zone", "America/New_York"], 0);
    assert_eq!(counts(&report), [10, 0, 0]);
    let notes = report["imports"][0]["notes"].to_string();
    assert!(
        notes.contains("1 other imports have its instruments"),
        "{notes}"
    );
    assert_eq!(rows_of(&catalog), 15);
    let report = import(&two, &catalog, &[], 0);
    assert_eq!(counts(&report), [10, 0, 0], "{report}");
    assert_eq!(report["imports"][0]["unchanged"], false);
    assert_eq!(rows_of(&catalog), 20);
    let report = import(&two, &catalog, &[], 0);
    assert_eq!(report["imports"][0]["unchanged"], true);
}

/// What was exported is there already where it came from; with other numbers it is refused, and nothing is left of it.
#[test]
fn exported_rows_count_once_beside_those_that_they_were() {
    let dir = workspace();
    let one = minutes(dir.path(), "one.csv", 0, 10);
    let [catalog, other, exported] =
        ["catalog", "other", "x.csv"].map(|name| dir.path().join(name).display().to_string());
    import(&one, &catalog, &[], 0);
    let words = [
        "export",
        "--catalog",
        &catalog,
        "--kind",
        "bars",
        "--to-file",
        &exported,
    ];
    assert_eq!(tickloom(&words).code, 0);
    let again = |catalog: &str| tickloom(&["import", &exported, "--catalog", catalog, "--json"]);
    let report: Value = serde_json::from_str(&again(&catalog).stdout).unwrap();
    assert_eq!(counts(&report), [0, 10, 0], "{report}");
    assert_eq!(rows_of(&catalog), 10);
    // Ten minutes of other prices.
    let text = fs::read_to_string(&one).unwrap().replace(",1\n", ",2\n");
    let two = dir.path().join("two.csv").display().to_string();
    fs::write(&two, text).unwrap();
    import(&two, &other, &[], 0);
    let ran = again(&other);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("10 records that are there otherwise"),
        "{ran:?}"
    );
    assert_eq!(rows_of(&other), 10);
    let ran = tickloom(&["catalog", "ls", &other, "--json"]);
    let listed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(1), "{listed}");
}

/// Whichever of two imports is first, what both have counts once.
#[test]
fn two_imports_at_once_keep_each_row_once() {
    let dir = workspace();
    let files =
        [(0, 40), (20, 60)].map(|(from, to)| minutes(dir.path(), &format!("{from}.csv"), from, to));
    let catalog = dir.path().join("catalog").display().to_string();
    let catalog = catalog.as_str();
    let written: u64 = std::thread::scope(|scope| {
        let both = files
            .each_ref()
            .map(|file| scope.spawn(move || counts(&import(file, catalog, &[], 0))));
        both.into_iter().map(|one| one.join().unwrap()[0]).sum()
    });
    assert_eq!(written, 60);
    assert_eq!(rows_of(catalog), 60);
}

/// A capture has trades at the times of its messages, and the venue's file at their own: they are the same, whichever is first.
#[test]
fn a_capture_and_a_file_of_the_same_trades_do_not_count_twice() {
    let dir = workspace();
    let (mut messages, mut rows) = (String::new(), "timestamp,price,size,trade_id\n".to_owned());
    for at in 0..60_u64 {
        let (ts, id) = (1_782_259_201_000 + at * 777, at + 1);
        let told = ts + 3 * (at % 5);
        messages.push_str(&format!(
            "{{\"e\":\"trade\",\"E\":{told},\"s\":\"ABUSDT\",\"t\":{id},\"p\":\"10\",\"q\":\"{id}\",\"T\":{ts},\"m\":true,\"M\":true}}\n"
        ));
        rows.push_str(&format!("{ts},10,{id},{id}\n"));
    }
    let write = |name: &str, text: &str| {
        let file = dir.path().join(name).display().to_string();
        fs::write(&file, text).unwrap();
        file
    };
    let (capture, file) = (write("capture.jsonl", &messages), write("rows.csv", &rows));
    let of_capture = vec!["import", capture.as_str(), "--json"];
    let of_file = vec![
        "import",
        file.as_str(),
        "--json",
        "--instrument",
        "binance.ABUSDT",
    ];
    for (name, first, second) in [
        ("one", &of_capture, &of_file),
        ("two", &of_file, &of_capture),
    ] {
        let catalog = dir.path().join(name).display().to_string();
        let import = |words: &[&str]| tickloom(&[words, &["--catalog", &catalog]].concat());
        let ran = import(first);
        assert_eq!(ran.code, 0, "{ran:?}");
        let ran = import(second);
        assert_eq!(ran.code, 2, "{ran:?}");
        let why = "trades of binance.ABUSDT with numbers, prices and sizes of trades that an earlier import has at other times";
        assert!(ran.stdout.contains(why), "{ran:?}");
    }
}

/// What retention dropped is written again by who imports it again, and it is said how many rows were written.
#[test]
fn what_was_dropped_is_imported_again() {
    let dir = workspace();
    let (file, at) = (dir.path().join("AA.csv"), dir.path().join("catalog"));
    let rows = "Date,Open,High,Low,Close,Volume\n2024-01-01,10,11,9,10,1\n2024-01-02,10,11,9,10,1\n2025-01-02,10,11,9,10,1\n";
    std::fs::write(&file, rows).unwrap();
    let (file, at) = (file.display().to_string(), at.display().to_string());
    let import = ["import", &file, "--catalog", &at, "--json"];
    let held = || {
        let ran = tickloom(&["catalog", "ls", &at, "--json"]);
        let listed: Value = serde_json::from_str(&ran.stdout).unwrap();
        let runs = listed["runs"].as_array().unwrap().iter();
        runs.filter_map(|run| run["rows"].as_u64()).sum::<u64>()
    };
    assert_eq!(tickloom(&import).code, 0);
    assert_eq!(held(), 3);
    let ran = tickloom(&["catalog", "retain", &at, "--before", "2034-01-01"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(held(), 0);
    let ran = tickloom(&import);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(held(), 3);
    let ran = tickloom(&import);
    let report: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(report["imports"][0]["unchanged"], true, "{report}");
}

/// Rows without numbers cannot be told apart: how many say what others say is told, and who is strict is refused.
#[test]
fn rows_without_numbers_that_may_count_twice_are_told() {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let file = dir.path().join("x.csv").display().to_string();
    for (head, rows) in [
        (
            "time,price,size,side",
            [
                "2024-01-02 10:00:00,10,1,buy",
                "2024-01-02 10:00:01,10.5,1,sell",
                "2024-01-02 10:00:02,11,2,buy",
            ],
        ),
        (
            "time,bid,ask",
            [
                "2024-01-02 10:00:00,10,10.1",
                "2024-01-02 10:00:01,10.5,10.6",
                "2024-01-02 10:00:02,11,11.1",
            ],
        ),
    ] {
        let write = |rows: &[&str]| {
            fs::write(&file, format!("{head}\n{}\n", rows.join("\n"))).unwrap();
        };
        write(&rows[..2]);
        let first = import(&file, &catalog, &[], 0);
        assert_eq!(
            (counts(&first), &first["maybe_repeated"]),
            ([2, 0, 0], &0.into())
        );
        // The same at another time, or with another size, is another.
        write(&[&rows[1].replace("00:01", "00:09")[..], rows[2]]);
        let later = import(&file, &catalog, &["--dry-run", "--strict"], 0);
        assert_eq!(
            (counts(&later), &later["maybe_repeated"]),
            ([2, 0, 0], &0.into())
        );
        write(&rows);
        let refused = import(&file, &catalog, &["--strict"], 2);
        assert_eq!(refused["written"], 0, "{refused}");
        let grown = import(&file, &catalog, &[], 0);
        assert_eq!(
            (counts(&grown), &grown["maybe_repeated"]),
            ([3, 0, 0], &2.into())
        );
        let told = grown["imports"][0]["repeats"][0].as_str().unwrap();
        let expected = "2 rows that have no number say what rows of earlier imports say at the same times, the first one of X at 2024-01-02T10:00:00Z";
        assert!(told.starts_with(expected), "{told}");
    }
}

/// What an import left out as another had it is no reason to refuse it once both are one run, and no row of it is counted as written again.
#[test]
fn a_file_that_overlapped_is_unchanged_after_a_compaction() {
    let dir = workspace();
    let (one, two) = (
        minutes(dir.path(), "one.csv", 0, 2),
        minutes(dir.path(), "two.csv", 0, 4),
    );
    let catalog = dir.path().join("catalog").display().to_string();
    assert_eq!(counts(&import(&one, &catalog, &[], 0)), [2, 0, 0]);
    assert_eq!(counts(&import(&two, &catalog, &[], 0)), [2, 2, 0]);
    let compacted = json(&["catalog", "compact", &catalog, "--json"]);
    assert_eq!(compacted["bundles"][0]["rows"], 4, "{compacted}");
    for file in [&one, &two, &one] {
        let again = import(file, &catalog, &[], 0);
        assert_eq!(again["imports"][0]["unchanged"], true, "{again}");
        assert_eq!(
            (&again["written"], &again["unchanged"]),
            (&0.into(), &2.into())
        );
    }
    assert_eq!(rows_of(&catalog), 4);
    let ran = tickloom(&[
        "import",
        &two,
        "--catalog",
        &catalog,
        "--instrument",
        "X",
        "--currency",
        "USD",
    ]);
    let told = "2 records are in the catalog already";
    assert!(
        ran.stdout.lines().any(|line| line == told),
        "{}",
        ran.stdout
    );
}

/// Bars of two months, and of the second and the next one, in one run; those of the first month are dropped, and come back.
#[test]
fn what_was_dropped_of_a_bundle_is_imported_again() {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let bars = |name: &str, months: [u32; 2], from: u32| {
        let row = |at: u32| {
            let (month, minute) = (months[usize::from(at > 1)], from + at);
            format!("2024-{month:02}-10 10:{minute:02},10,11,9,10,{minute}\n")
        };
        let text = (0..4).map(row).collect::<String>();
        let file = dir.path().join(name).display().to_string();
        let head = "time,open,high,low,close,volume";
        fs::write(&file, format!("{head}\n{text}")).unwrap();
        file
    };
    let (one, two) = (bars("one.csv", [1, 2], 1), bars("two.csv", [2, 3], 5));
    let import = |file: &str| import(file, &catalog, &["--bar", "1m"], 0);
    for file in [&one, &two] {
        assert_eq!(counts(&import(file)), [4, 0, 0]);
    }
    let compacted = json(&["catalog", "compact", &catalog, "--json"]);
    assert_eq!(compacted["bundles"][0]["rows"], 8, "{compacted}");
    let held = || {
        let listed = json(&["catalog", "ls", &catalog, "--json"]);
        let runs = listed["runs"].as_array().unwrap().iter();
        runs.filter_map(|run| run["rows"].as_u64()).sum::<u64>()
    };
    assert_eq!(held(), 8);
    let ran = tickloom(&["catalog", "retain", &catalog, "--before", "2024-02-01"]);
    assert_eq!((ran.code, held()), (0, 6), "{}", ran.stderr);
    let again = import(&one);
    assert_eq!((counts(&again), held()), ([2, 2, 0], 8), "{again}");
    for (file, there) in [(&one, 4), (&two, 4)] {
        let again = import(file);
        assert_eq!(again["imports"][0]["unchanged"], true, "{again}");
        assert_eq!((&again["unchanged"], held()), (&there.into(), 8));
    }
    let verified = tickloom(&["catalog", "verify", &catalog]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

/// Of an exported file nobody knows which rows of it are gone from a bundle: it is not said to be there.
#[test]
fn an_exported_file_of_which_a_bundle_lost_rows_is_not_said_to_be_there() {
    let dir = workspace();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (first, second) = (path("first"), path("second"));
    let import =
        |file: &str, catalog: &str| json(&["import", file, "--catalog", catalog, "--json"]);
    let mut exported = Vec::new();
    for name in ["A", "B"] {
        let file = minutes(dir.path(), &format!("{name}.csv"), 0, 30);
        assert_eq!(counts(&import(&file, &first)), [30, 0, 0]);
        let to = path(&format!("{name}-exported.csv"));
        let words = ["export", "--catalog", &first, "--kind", "bars"];
        let ran = tickloom(&[&words[..], &["--instrument", name, "--to-file", &to]].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(counts(&import(&to, &second)), [30, 0, 0]);
        exported.push(to);
    }
    let compacted = json(&["catalog", "compact", &second, "--json"]);
    assert_eq!(compacted["bundles"][0]["rows"], 60, "{compacted}");
    let again = import(&exported[0], &second);
    assert_eq!(again["imports"][0]["unchanged"], true, "{again}");
    let ran = tickloom(&["catalog", "retain", &second, "--before", "2034-01-01"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = tickloom(&["import", &exported[0], "--catalog", &second]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(
        ran.stderr
            .contains("was written together with other imports as"),
        "{}",
        ran.stderr
    );
}

/// A wrong row of one instrument is none of another, also when both are one run.
#[test]
fn what_was_left_out_of_one_instrument_is_asked_of_that_one() {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let wrong = minutes(dir.path(), "EE.csv", 0, 30);
    let text = fs::read_to_string(&wrong).unwrap();
    fs::write(&wrong, text + "2024-01-03 10:30:00,x,1,1,1,1\n").unwrap();
    let clean = minutes(dir.path(), "A2.csv", 0, 20);
    for file in [&wrong, &clean] {
        let words = ["import", file, "--catalog", &catalog, "--refused-max", "1"];
        let ran = tickloom(&words);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let strict = |instrument: &str| {
        let words = [
            "backtest",
            "--data",
            &catalog,
            "--instrument",
            instrument,
            "--strict",
        ];
        let rules = [
            "--enter",
            "close > 0",
            "--exit",
            "close < 0",
            "--size",
            "1",
            "--json",
        ];
        tickloom(&[&words[..], &rules].concat())
    };
    let asked = || {
        let ran = strict("EE");
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        assert!(
            ran.stderr.contains("1 of 31 lines were left out"),
            "{}",
            ran.stderr
        );
        let ran = strict("A2");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["input"]["lines"], 20);
    };
    asked();
    let compacted = json(&["catalog", "compact", &catalog, "--json"]);
    assert_eq!(compacted["bundles"][0]["rows"], 50, "{compacted}");
    asked();
}
