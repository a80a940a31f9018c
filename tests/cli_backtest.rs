//! `tickloom backtest`, `replay` and `signals` from outside: the real binary, its texts, its figures, its exit codes.

#![cfg(test)]

mod cli;

use cli::{Ran, shared_data, tickloom, workspace};
use serde_json::Value;
use std::path::Path;

const CROSS: [&str; 4] = [
    "--enter",
    "cross_over(sma(close,10), sma(close,30))",
    "--exit",
    "cross_under(sma(close,10), sma(close,30))",
];

/// Seven days. Worked by hand below.
const BARS: &str = "\
Date,Open,High,Low,Close,Volume
2024-01-01,10.00,10.50,9.50,10.00,100
2024-01-02,10.00,11.50,10.00,11.00,100
2024-01-03,12.00,12.50,11.50,12.00,100
2024-01-04,13.00,13.50,12.50,13.00,100
2024-01-05,12.50,12.50,10.50,11.00,100
2024-01-06,10.00,10.50,9.50,10.00,100
2024-01-07,10.00,10.50,9.50,10.50,100
";

const RISING: [&str; 4] = [
    "--enter",
    "change(close) > 0",
    "--exit",
    "change(close) < 0",
];

fn bars_in(dir: &Path) -> String {
    let file = dir.join("x.csv");
    std::fs::write(&file, BARS).unwrap();
    file.display().to_string()
}

fn backtest(file: &str, more: &[&[&str]]) -> Ran {
    let mut words = vec!["backtest", "--data", file];
    words.extend(more.iter().flat_map(|part| part.iter()));
    tickloom(&words)
}

fn json(file: &str, more: &[&[&str]]) -> Value {
    let mut parts: Vec<&[&str]> = more.to_vec();
    parts.push(&["--json"]);
    let ran = backtest(file, &parts);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// A decimal string rounded to cents, half up.
fn cents(value: &Value) -> String {
    let text = value.as_str().unwrap();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = format!("{fraction}000").chars().take(3).collect();
    let mills: i64 = format!("{whole}{digits}").parse().unwrap();
    let cents = (mills + 5) / 10;
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// SMA 10/30 cross on GOOG's daily bars, fee 0.1 % a side: figures on which five independent engines agree.
#[test]
fn goog_ends_where_other_engines_end() {
    let Some(file) = shared_data("peer-bars/GOOG.csv.gz") else {
        return;
    };
    let check = |size: &str, fill: &str, expected: &str, fills: u64| {
        let options = [
            "--cash", "1000000", "--fee", "0.001", "--size", size, "--fill", fill,
        ];
        let result = json(&file, &[&CROSS, &options]);
        assert_eq!(cents(&result["final_equity"]), expected, "{size} {fill}");
        assert_eq!(result["fills"], fills, "{size} {fill}");
        assert_eq!(result["bars"], 2_148);
    };
    check("1000", "next-open", "1743008.41", 65);
    check("1000", "same-close", "1787984.99", 65);
    check("all", "next-open", "5461123.71", 65);
    check("all-whole", "next-open", "5460608.66", 65);
}

/// Closes 10 11 12 13 11 10 10.5. It rises on the 2nd, so buys at the open of the 3rd, 12.00; it falls on the 5th, so sells at
/// the open of the 6th, 10.00; it rises on the 7th, which is the last. 100 units lose 200; fees are 1.2 + 1.0.
#[test]
fn a_small_run_by_hand() {
    let dir = workspace();
    let file = bars_in(dir.path());
    let options = ["--cash", "10000", "--fee", "0.001", "--size", "100"];
    let result = json(&file, &[&RISING, &options]);
    assert_eq!(result["final_equity"], "9797.8");
    assert_eq!(result["fees_paid"], "2.2");
    assert_eq!(result["fills"], 2);
    assert_eq!(result["trades"], 1);
    assert_eq!(result["bars"], 7);
    // The highest equity is at the close of the 4th, 10000 - 1.2 + 100, the lowest 9797.8.
    let drawdown = result["max_drawdown"].as_f64().unwrap();
    assert!(
        (drawdown - (1.0 - 9_797.8 / 10_098.8)).abs() < 1e-12,
        "{drawdown}"
    );
    // At the close: buys at 11.00 on the 2nd, sells at 11.00 on the 5th, buys at 10.50 on the 7th.
    let result = json(&file, &[&RISING, &options, &["--fill", "same-close"]]);
    assert_eq!(result["final_equity"], "9996.75");
    assert_eq!(result["fills"], 3);
}

#[test]
fn the_same_run_has_the_same_hash_and_another_has_not() {
    let dir = workspace();
    let file = bars_in(dir.path());
    let hash = |size: &str| json(&file, &[&RISING, &["--size", size]])["output_hash"].clone();
    assert_eq!(hash("100"), hash("100"));
    assert_ne!(hash("100"), hash("101"));
}

#[test]
fn a_strategy_file_is_the_same_as_the_words() {
    let dir = workspace();
    let file = bars_in(dir.path());
    let strategy = dir.path().join("s.toml");
    let text = "[parameters]\nzero = 1\n[account]\ncash = '10000'\nfee = '0.001'\n\
                [[strategy]]\nkind = 'rules'\nname = 'rules'\nsize = '100'\n\
                enter = 'change(close) > $zero'\nexit = 'change(close) < $zero'\n";
    std::fs::write(&strategy, text).unwrap();
    let path = strategy.display().to_string();
    let result = json(&file, &[&["--strategy", &path, "--set", "zero=0"]]);
    assert_eq!(result["final_equity"], "9797.8");
}

#[test]
fn the_report_and_the_manifest_are_written_whole() {
    let dir = workspace();
    let file = bars_in(dir.path());
    let report = dir.path().join("r.html").display().to_string();
    let manifest = dir.path().join("m.json").display().to_string();
    let ran = backtest(
        &file,
        &[&RISING, &["--report", &report, "--manifest", &manifest]],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let html = std::fs::read_to_string(&report).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    let manifest: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    let hash = manifest["output_hash"].as_str().unwrap();
    assert!(html.contains(hash) && ran.stdout.contains(hash));
    assert_eq!(manifest["data"]["records"], 7);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "no temporary file stays: {left:?}");
}

#[test]
fn piped_output_is_plain() {
    let dir = workspace();
    let file = bars_in(dir.path());
    let ran = backtest(&file, &[&RISING, &["--size", "100"]]);
    assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'));
    assert!(ran.stdout.contains("Final equity"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_wrong_expression_is_shown_with_its_column() {
    let dir = workspace();
    let file = bars_in(dir.path());
    let wrong = ["--enter", "smaa(close, 3) > 1", "--exit", "close < 1"];
    let ran = backtest(&file, &[&wrong]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr.contains("unknown function \"smaa\""),
        "{}",
        ran.stderr
    );
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.contains("smaa(close, 3) > 1"));
    let text = lines[at.unwrap()];
    let caret = lines[at.unwrap() + 1];
    assert_eq!(caret.find('^'), text.find("smaa"), "{}", ran.stderr);
}

#[test]
fn an_empty_range_names_the_nearest_data() {
    let dir = workspace();
    let file = bars_in(dir.path());
    let ran = backtest(&file, &[&RISING, &["--from", "2025-01-01"]]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no data"), "{}", ran.stderr);
    assert!(ran.stderr.contains("2024-01-0"), "{}", ran.stderr);
}

/// The days from the 5th to the 7th, of which the first begins at the time that is said.
#[test]
fn a_time_may_be_a_number_of_any_unit() {
    let dir = workspace();
    let file = bars_in(dir.path());
    for from in [
        "2024-01-05",
        "20240105",
        "1704412800",
        "1704412800000",
        "1704412800000000",
        "1704412800000000000",
    ] {
        let from = json(&file, &[&RISING, &["--from", from]]);
        assert_eq!(from["bars"], 3, "{from}");
    }
    assert_eq!(json(&file, &[&RISING, &["--from", "0"]])["bars"], 7);
}

/// The last bar is that of the 7th, which closes at the midnight after it.
#[test]
fn a_run_over_the_end_of_a_contract_says_so() {
    let dir = workspace();
    let file = bars_in(dir.path());
    let contracts = dir.path().join("contracts.csv");
    let warnings = |expiry: &str| {
        std::fs::write(&contracts, format!("name,expiry\nx,{expiry}\n")).unwrap();
        let said = ["--instruments", contracts.to_str().unwrap()];
        let found = json(&file, &[&RISING, &said]);
        assert_eq!(found["manifest"]["warnings"], found["warnings"]);
        (found["warnings"].clone(), found["output_hash"].clone())
    };
    let (none, hash) = warnings("2024-01-08");
    // It rises on the last day, which no other follows.
    let waits =
        "rules: order 3 to buy x still waits at the end: nothing came after it that could fill it";
    assert_eq!(none, serde_json::json!([waits]));
    let (told, same) = warnings("2024-01-04T12:00:00Z");
    let expected = "x: it ends at 2024-01-04T12:00:00Z, and the data goes on to 2024-01-08T00:00:00Z: \
                    what comes after the end counts as what came before";
    assert_eq!(told, serde_json::json!([waits, expected]));
    assert_eq!(same, hash);
    let (told, _) = warnings("1704369600000");
    assert_eq!(told, serde_json::json!([waits, expected]));
}

#[test]
fn what_is_not_there_is_named() {
    let ran = backtest("nowhere/x.csv", &[&RISING]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("nowhere/x.csv"), "{}", ran.stderr);
    let ran = tickloom(&["replay", "--verify", "nowhere"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("nowhere"), "{}", ran.stderr);
}

#[test]
fn a_wrong_command_line_says_what_is_missing() {
    let dir = workspace();
    let file = bars_in(dir.path());
    let check = |words: &[&str], expected: &str| {
        let ran = backtest(&file, &[words]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{words:?}");
        assert!(ran.stderr.contains(expected), "{words:?}: {}", ran.stderr);
    };
    check(&[], "--enter EXPR --exit EXPR");
    check(
        &["--enter", "close > 1"],
        "strategy rules: exit is \"\", expected a condition, or short_enter: when to leave",
    );
    check(
        &["--exit", "close > 1"],
        "strategy rules: exit is \"close > 1\", expected enter beside it",
    );
    check(
        &[RISING.as_slice(), &["--size", "none"]].concat(),
        "--size: \"none\"",
    );
    check(
        &[RISING.as_slice(), &["--cash", "-5"]].concat(),
        "account: cash is \"-5\", expected an amount above zero",
    );
    check(
        &[RISING.as_slice(), &["--fee", "2"]].concat(),
        "--fee: \"2\"",
    );
    check(
        &[RISING.as_slice(), &["--fill", "now"]].concat(),
        "--fill: \"now\"",
    );
    check(
        &[RISING.as_slice(), &["--set", "n"]].concat(),
        "--set \"n\"",
    );
    check(
        &[RISING.as_slice(), &["--from", "soon"]].concat(),
        "\"soon\" is not a time",
    );
    // What is no number of seconds, milliseconds, microseconds or nanoseconds of our time.
    for number in ["170441280", "170441280000", "20240105093000"] {
        check(
            &[RISING.as_slice(), &["--from", number]].concat(),
            "10 digits (seconds), 13 (milliseconds), 16 (microseconds) or 19 (nanoseconds)",
        );
    }
    check(
        &[RISING.as_slice(), &["--no-quality", "--calendar", "nope"]].concat(),
        "there is no calendar \"nope\", expected one of cme-equity, crypto, fx, us-equity",
    );
    check(
        &[RISING.as_slice(), &["--bar", "5y"]].concat(),
        "\"5y\" is not a bar size",
    );
    check(
        &[
            RISING.as_slice(),
            &["--from", "2024-01-03", "--to", "2024-01-02"],
        ]
        .concat(),
        "is not before",
    );
    assert_eq!(tickloom(&["backtst"]).code, 2);
}

#[test]
fn the_table_of_signals_has_every_function() {
    let ran = tickloom(&["signals"]);
    assert_eq!(ran.code, 0);
    let rows: Value = serde_json::from_str(&tickloom(&["signals", "--json"]).stdout).unwrap();
    let names: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    let wanted = "sma ema wma rma macd rsi atr bbands stddev highest lowest roc vwap zscore \
                  cross_over cross_under lag change if";
    for name in wanted.split_whitespace() {
        assert!(names.contains(&name), "{name}");
        assert!(ran.stdout.contains(&format!("{name}(")), "{name}");
    }
}

#[test]
fn every_command_explains_itself_with_examples() {
    for command in ["backtest", "import", "replay", "signals"] {
        let ran = tickloom(&[command, "--help"]);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("Examples:"), "{command}");
    }
}

/// The catalog of these files, imported one after the other.
fn catalog_of(dir: &Path, files: &[&Path]) -> String {
    let catalog = dir.join("catalog").display().to_string();
    for file in files {
        let ran = tickloom(&["import", &file.display().to_string(), "--catalog", &catalog]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    catalog
}

/// 123,456,789,012 with eight decimals is no number of 64 bits. At 0.00000812 a million buys 123,152,709,359.60591…
#[test]
fn sizes_get_fewer_decimals_where_volumes_leave_no_room() {
    let dir = workspace();
    let file = dir.path().join("SHIB.csv");
    let day =
        |day| format!("2024-01-0{day},0.00000812,0.00000813,0.00000811,0.00000812,123456789012\n");
    let text = format!(
        "date,open,high,low,close,volume\n{}{}{}",
        day(1),
        day(2),
        day(3)
    );
    std::fs::write(&file, text).unwrap();
    let catalog = catalog_of(dir.path(), &[&file]);
    let fills = dir.path().join("fills.csv").display().to_string();
    for data in [file.display().to_string(), catalog] {
        let rules = [
            "--enter",
            "close > 0",
            "--exit",
            "close < 0",
            "--fills",
            &fills,
        ];
        let found = json(&data, &[&rules]);
        let text = std::fs::read_to_string(&fills).unwrap();
        let fill: Vec<&str> = text.lines().nth(1).unwrap().split(',').collect();
        assert_eq!(fill[4..7], ["buy", "0.00000812", "123152709359.6059"]);
        let told = "sizes of SHIB in 4 decimals, where orders for all of the cash have 8";
        let notes = found["notes"].as_array().unwrap().iter();
        let notes: Vec<&str> = notes.filter_map(Value::as_str).collect();
        let known = notes.iter().filter(|note| note.starts_with(told));
        assert_eq!(known.count(), 1, "{notes:?}");
        let ran = backtest(&data, &[&rules]);
        assert_eq!(ran.stderr.matches(told).count(), 1, "{}", ran.stderr);
        // A size that was told is kept or refused.
        let found = json(&data, &[&rules, &["--size", "0.5"]]);
        assert!(!found["notes"].to_string().contains("sizes of"), "{found}");
        let refused = backtest(&data, &[&rules, &["--size", "0.00000001"]]);
        assert_ne!(refused.code, 0, "{}", refused.stdout);
        assert!(!refused.stderr.contains("sizes of"), "{}", refused.stderr);
    }
}

/// Forty days that close at 100 to 139, and two trades of the second: days that began after them fill and are the price.
#[test]
fn an_afternoon_of_trades_does_not_freeze_a_year_of_bars() {
    let dir = workspace();
    let mut text = String::from("date,open,high,low,close,volume\n");
    for day in 0..40 {
        let (month, of_month, price) = (1 + day / 31, 1 + day % 31, 100 + day);
        let (high, low) = (price + 1, price - 1);
        text += &format!("2024-{month:02}-{of_month:02},{price},{high},{low},{price},10\n");
    }
    let bars = dir.path().join("AA.csv");
    std::fs::write(&bars, text).unwrap();
    std::fs::create_dir(dir.path().join("trades")).unwrap();
    let trades = dir.path().join("trades/AA.csv");
    let text = "time,price,size\n2024-01-02 10:00:00,100,1\n2024-01-02 11:00:00,100.5,1\n";
    std::fs::write(&trades, text).unwrap();
    let catalog = catalog_of(dir.path(), &[&bars, &trades]);
    let fills = dir.path().join("fills.csv").display().to_string();
    let run = |enter: &str, exit: &str| {
        let rules = [
            "--enter", enter, "--exit", exit, "--size", "1", "--fills", &fills,
        ];
        let found = json(&catalog, &[&rules]);
        let text = std::fs::read_to_string(&fills).unwrap();
        let rows = text.lines().skip(1).map(|line| {
            let fill: Vec<&str> = line.split(',').collect();
            [&fill[0][..10], fill[4], fill[5]].join(" ")
        });
        (rows.collect::<Vec<_>>(), found)
    };
    // The day that closes at 106 ends on the 8th; the next one opens at 107, and the last one closes at 139.
    let (rows, found) = run("close > 105", "close < 0");
    assert_eq!(rows, ["2024-01-09 buy 107"]);
    assert_eq!(found["final_equity"], "1000032");
    // Bought at the trade of the 2nd; 111 closes on the 12th (of January), and the 13th opens at 112.
    let (rows, found) = run("close > 0", "close > 110");
    assert_eq!(rows[..2], ["2024-01-02 buy 100", "2024-01-14 sell 112"]);
    assert_eq!(found["final_equity"], "1000012");
    // What waits at the end is told, whatever it waits for: the last day is bought at the next one, which does not come.
    let (rows, found) = run("close > 138", "close < 0");
    assert!(rows.is_empty(), "{rows:?}");
    let told =
        "rules: order 1 to buy AA still waits at the end: nothing came after it that could fill it";
    assert_eq!(found["warnings"], serde_json::json!([told]));
    assert_eq!(found["waiting"][0]["order"], 1);
    assert_eq!(found["unquoted"], serde_json::json!([]));
}

/// Hours whose opens are 1000, 1001, …: those of A are known half an hour after their close, those of B at once, whichever was imported first.
#[test]
fn each_import_has_the_latency_that_was_declared_for_it() {
    for order in [["A", "B"], ["B", "A"]] {
        let dir = workspace();
        let catalog = dir.path().join("catalog").display().to_string();
        for name in order {
            let mut text = String::from("time,open,high,low,close,volume\n");
            for hour in 0..8 {
                let price = 1000 + hour;
                text += &format!("2024-01-01 {hour:02}:00,{price},{price},{price},{price},1\n");
            }
            let file = dir.path().join(format!("{name}.csv")).display().to_string();
            std::fs::write(&file, text).unwrap();
            let words = ["import", &file, "--catalog", &catalog];
            let latency: &[&str] = match name {
                "A" => &["--feed-latency", "30m"],
                _ => &[],
            };
            let ran = tickloom(&[&words[..], latency].concat());
            assert_eq!(ran.code, 0, "{}", ran.stderr);
        }
        let strategy = dir.path().join("s.toml").display().to_string();
        let rules = "[[strategy]]\nkind = \"rules\"\nname = \"x\"\ninstruments = \"*\"\nenter = \"close > lag(close)\"\nexit = \"close < 1\"\nsize = \"1\"\n";
        std::fs::write(&strategy, rules).unwrap();
        let fills = dir.path().join("fills.csv").display().to_string();
        json(&catalog, &[&["--strategy", &strategy, "--fills", &fills]]);
        let text = std::fs::read_to_string(&fills).unwrap();
        let mut found: Vec<[String; 2]> = text
            .lines()
            .skip(1)
            .map(|line| {
                let fill: Vec<&str> = line.split(',').collect();
                [fill[2].to_owned(), fill[5].to_owned()]
            })
            .collect();
        found.sort();
        // Decided at 2:00: B fills at the open of 2:00, and A, known at 2:30, at that of 3:00.
        let expected = [["A", "1003"], ["B", "1002"]].map(|row| row.map(str::to_owned));
        assert_eq!(found, expected, "{order:?}");
    }
}

/// Of 10, 11, 12 and 13 only 12 is a step of 0.3.
#[test]
fn a_tick_that_prices_contradict_is_told() {
    let dir = workspace();
    let file = dir.path().join("AAA.csv");
    let mut text = String::from("date,open,high,low,close,volume\n");
    for (day, price) in (1..).zip(10..14) {
        text += &format!("2024-01-0{day},{price},{price},{price},{price},1\n");
    }
    std::fs::write(&file, text).unwrap();
    let said = dir.path().join("said.csv").display().to_string();
    let catalog = catalog_of(dir.path(), &[&file]);
    let rules = [
        "--enter",
        "close > 0",
        "--exit",
        "close < 0",
        "--size",
        "1",
        "--instruments",
        &said,
    ];
    for data in [file.display().to_string(), catalog] {
        std::fs::write(&said, "name,tick\nAAA,0.3\n").unwrap();
        let found = json(&data, &[&rules]);
        let told = "prices between steps of the tick: 12 of 16 of AAA, whose tick is 0.3";
        let notes = found["notes"].as_array().unwrap();
        assert!(notes.contains(&told.into()), "{notes:?}");
        let refused = backtest(&data, &[&rules, &["--strict"]]);
        assert_eq!(refused.code, 2, "{}", refused.stdout);
        assert!(refused.stderr.contains("12 of 16"), "{}", refused.stderr);
        std::fs::write(&said, "name,tick\nAAA,0.5\n").unwrap();
        let found = json(&data, &[&rules]);
        assert!(!found["notes"].to_string().contains("the tick"), "{found}");
    }
}
