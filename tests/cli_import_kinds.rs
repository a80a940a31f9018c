//! What rows are, from outside: files whose columns, words or names say that they are something else than they look like are refused
//! with both readings by `import` and by `backtest --data FILE`, and read as what is told then.

#![cfg(test)]

mod cli;

use cli::{Ran, tickloom, workspace};
use serde_json::Value;

const LEVELS: &str = "\
time,level,bid,bid_size,ask,ask_size
2024-01-02 00:00:00,1,10,1,11,1
2024-01-02 00:00:00,2,9,1,12,1
2024-01-02 00:00:01,1,10,1,11,1
2024-01-02 00:00:01,2,9,1,12,1
";
const CHANGES: &str = "\
timestamp,action,side,price,size
1704153600000,partial,Buy,10,1
1704153600000,partial,Sell,11,1
1704153600100,delete,Buy,10,0
";
const TICKS: &str = "\
time,price,size,bid,ask
2024-01-02 00:00:00,10.5,1,10.4,10.6
2024-01-02 00:00:01,10.6,1,10.5,10.7
";
const BONDS: &str = "\
Date,Open,High,Low,Close,Volume
2024-01-02,110'160,110'200,110'100,110'165,5
2024-01-03,110'165,110'200,110'100,110'180,5
2024-01-04,110'180,110'200,110'100,110'180,5
";
const CANCELLED: &str = "\
time,price,size,side,is_cancelled
2024-01-02 00:00:00,10.5,1,buy,false
2024-01-02 00:00:01,10.6,1,buy,true
";
const CANDLES: &str = "\
instrument_name,open,high,low,close,vol,open_time,confirm
BTC-USDT-SWAP,1,2,1,2,5,1704153600000,1
BTC-USDT-SWAP,2,2,1,2,5,1704153660000,1
BTC-USDT-SWAP,2,2,1,1,5,1704153720000,0
";
const LIQUIDATIONS: &str = "\
exchange,symbol,timestamp,local_timestamp,id,side,price,amount
bitmex,XBTUSD,1585699200126000,1585699200200000,7,buy,6425.5,20
bitmex,XBTUSD,1585699201126000,1585699201200000,8,buy,6425.5,20
";
const DAYS: &str = "\
timestamp,price,volume
2024-01-02 00:00:00,44187.1,2700
2024-01-03 00:00:00,44188.1,2500
";

fn backtest(file: &str, more: &[&str]) -> Ran {
    let words = [
        "backtest",
        "--data",
        file,
        "--enter",
        "close > 0",
        "--exit",
        "close < 0",
    ];
    tickloom(&[&words, more].concat())
}

/// A file is refused by both commands, as text and as JSON, with these words; what an import says with `told` is so many rows of a kind.
fn check(name: &str, text: &str, words: &[&str], told: &[&str], kind: (&str, u64)) {
    let dir = workspace();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    let file = path.display().to_string();
    let catalog = dir.path().join("catalog").display().to_string();
    let import = |more: &[&str]| {
        let first = ["import", &file, "--catalog", &catalog];
        tickloom(&[&first, more].concat())
    };
    for more in [&[][..], &["--json"]] {
        for ran in [import(more), backtest(&file, more)] {
            assert_eq!(
                ran.code, 2,
                "{name} {more:?}: {} {}",
                ran.stdout, ran.stderr
            );
            let said = format!("{}{}", ran.stdout, ran.stderr);
            for word in words {
                assert!(said.contains(word), "{name} {more:?}: no {word} in {said}");
            }
        }
    }
    let ran = import(&[told, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let (table, count) = kind;
    assert_eq!(report["kinds"][table]["written"], count, "{name}: {report}");
}

#[test]
fn what_may_be_something_else_is_refused_until_it_is_told() {
    let quotes = ["levels of a book", "--columns level=-"];
    check(
        "AA.csv",
        LEVELS,
        &quotes,
        &["--columns", "level=-"],
        ("quotes", 4),
    );
    let trades = [
        "of what would be trades",
        "--columns action=-",
        "--format book-levels",
    ];
    let levels = ["--format", "book-levels"];
    check("AA.csv", CHANGES, &trades, &levels, ("book_updates", 3));
    let both = [
        "trades with the bid and ask",
        "or quotes with the last trade",
    ];
    check(
        "AA.csv",
        TICKS,
        &both,
        &["--columns", "bid=-,ask=-"],
        ("trades", 2),
    );
    check(
        "AA.csv",
        TICKS,
        &both,
        &["--columns", "price=-,size=-"],
        ("quotes", 2),
    );
    let thousands = ["110.5", "110160", "--decimal point"];
    check(
        "ZN.csv",
        BONDS,
        &thousands,
        &["--decimal", "point"],
        ("bars", 3),
    );
    let void = ["is_cancelled", "--columns void=-"];
    check(
        "AA.csv",
        CANCELLED,
        &void,
        &["--refused-max", "1"],
        ("trades", 1),
    );
    let kind = ["liquidations", "--format csv"];
    check(
        "bitmex_liquidations_2020-04-01_XBTUSD.csv",
        LIQUIDATIONS,
        &kind,
        &["--format", "csv"],
        ("trades", 2),
    );
    let days = ["all at midnight", "--time-format"];
    let whole = ["--time-format", "%Y-%m-%d %H:%M:%S"];
    check("AA.csv", DAYS, &days, &whole, ("trades", 2));
}

/// A bar that is not over is left out and counted, and one instrument is called alike whatever its files are.
#[test]
fn candles_that_are_not_closed_are_left_out_and_called_by_their_column() {
    let dir = workspace();
    let path = dir.path().join("okxc.csv");
    std::fs::write(&path, CANDLES).unwrap();
    let file = path.display().to_string();
    let catalog = dir.path().join("catalog").display().to_string();
    let ran = tickloom(&["import", &file, "--catalog", &catalog, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        report["imports"][0]["instruments"][0], "BTC-USDT-SWAP",
        "{report}"
    );
    assert_eq!(report["kinds"]["bars"]["written"], 2, "{report}");
    assert_eq!(report["not_kept"]["bar that is not closed"], 1, "{report}");
    let ran = backtest(&file, &["--size", "1", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("BTC-USDT-SWAP"), "{}", ran.stdout);
}

const BOTH_SIDES: &str = "\
time,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close
2024-01-02 09:30,10,11,9,10,10.1,11.1,9.1,10.1
2024-01-02 09:31,10,11,9,10.5,10.1,11.1,9.1,10.6
2024-01-02 09:32,10,11,9,10,10.1,11.1,9.1,10.1
2024-01-02 09:33,10,11,9,10.5,10.1,11.1,9.1,10.6
";

/// Bars of bid and ask are two instruments, of which a backtest of the file takes one, as the error says.
#[test]
fn bars_of_the_bid_are_backtested_by_their_name() {
    let dir = workspace();
    let path = dir.path().join("bba.csv");
    std::fs::write(&path, BOTH_SIDES).unwrap();
    let file = path.display().to_string();
    let ran = backtest(&file, &["--size", "1"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    let advice = "choose one with --instrument: bba.bid, bba.ask";
    assert!(ran.stderr.contains(advice), "{}", ran.stderr);
    // Bought at the open of the bar after a close of 10.5, and sold at that of the next: both are 10 of the bid and 10.1 of the ask.
    for (name, enter, exit) in [
        ("bba.bid", "close > 10.2", "close < 10.2"),
        ("bba.ask", "close > 10.3", "close < 10.3"),
        ("EURUSD.ask", "close > 10.3", "close < 10.3"),
    ] {
        let ran = tickloom(&[
            "backtest",
            "--data",
            &file,
            "--enter",
            enter,
            "--exit",
            exit,
            "--instrument",
            name,
            "--size",
            "1",
            "--json",
        ]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["bars"], 4, "{report}");
        assert_eq!(report["fills"], 2, "{report}");
        assert_eq!(report["final_equity"], "1000000", "{report}");
        assert!(ran.stdout.contains(name), "{}", ran.stdout);
    }
}
