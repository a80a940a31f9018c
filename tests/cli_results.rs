//! What a backtest leaves behind: files of its orders, fills, trades and equity, and itself as a run in a catalog.

#![cfg(test)]

mod cli;

use cli::{Ran, tickloom, workspace};
use serde_json::Value;
use std::path::PathBuf;
use tickloom_data::{Catalog, ScanQuery, Table};
use tickloom_types::{AccountBody, FillBody, Money, Record, SourceId};

/// Daily bars that close at 10, 12, 11, 13.
const DAYS: &str = "date,open,high,low,close,volume\n2024-01-02,10,10,10,10,5\n2024-01-03,12,12,12,12,5\n2024-01-04,11,11,11,11,5\n2024-01-05,13,13,13,13,5\n";

/// Buys 2 at each rise, sells at each fall, at the close: bought at 12, sold at 11, bought at 13.
const RULES: [&str; 12] = [
    "--enter",
    "close > lag(close)",
    "--exit",
    "close < lag(close)",
    "--size",
    "2",
    "--cash",
    "1000",
    "--fill",
    "same-close",
    "--fee",
    "0.001",
];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(workspace());
        std::fs::write(folder.path("ab.csv"), DAYS).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn backtest(&self, more: &[&str]) -> Ran {
        let data = self.text("ab.csv");
        let words = ["backtest", "--data", &data, "--json"];
        tickloom(&[&words, &RULES[..], more].concat())
    }
}

#[test]
fn a_directory_has_orders_fills_trades_and_equity() {
    let folder = Folder::new();
    let out = folder.text("out");
    let ran = folder.backtest(&["--out", &out]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // Fees of 0.1 %: 0.024, 0.022, 0.026. Cash 1000 - 24.024 + 21.978 - 26.026 = 971.928, and 2 at 13.
    assert_eq!(
        folder.read("out/fills.csv"),
        "ts,order,instrument,strategy,side,price,size,fee\n\
         2024-01-04T00:00:00.000000000Z,1,ab,rules,buy,12,2,0.024\n\
         2024-01-05T00:00:00.000000000Z,2,ab,rules,sell,11,2,0.022\n\
         2024-01-06T00:00:00.000000000Z,3,ab,rules,buy,13,2,0.026\n"
    );
    assert_eq!(
        folder.read("out/orders.csv"),
        "order,submitted,changed,instrument,strategy,side,type,price,size,filled,status,refused_by\n\
         1,2024-01-04T00:00:00.000000000Z,2024-01-04T00:00:00.000000000Z,ab,rules,buy,market,,2,2,filled,\n\
         2,2024-01-05T00:00:00.000000000Z,2024-01-05T00:00:00.000000000Z,ab,rules,sell,market,,2,2,filled,\n\
         3,2024-01-06T00:00:00.000000000Z,2024-01-06T00:00:00.000000000Z,ab,rules,buy,market,,2,2,filled,\n"
    );
    assert_eq!(
        folder.read("out/trades.csv"),
        "opened,closed,instrument,strategy,side,size,entry,exit,fees,profit\n\
         2024-01-04T00:00:00.000000000Z,2024-01-05T00:00:00.000000000Z,ab,rules,long,2,12.0,11.0,0.046,-2.046\n\
         2024-01-06T00:00:00.000000000Z,,ab,rules,long,2,13.0,13.0,0.026,-0.026\n"
    );
    let equity = folder.read("out/equity.csv");
    let points: Vec<&str> = equity
        .lines()
        .map(|line| line.rsplit_once(',').unwrap().0)
        .collect();
    assert_eq!(
        points,
        [
            "ts,equity",
            "2024-01-03T00:00:00.000000000Z,1000",
            "2024-01-04T00:00:00.000000000Z,999.976",
            "2024-01-05T00:00:00.000000000Z,997.954",
            "2024-01-06T00:00:00.000000000Z,997.928",
        ]
    );
    let run: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(run["final_equity"], "997.928");
    let rows: Vec<u64> = run["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["rows"].as_u64().unwrap())
        .collect();
    assert_eq!(rows, [3, 3, 2, 4]);
    // Who looks at orders steps, who does not runs in blocks: the same comes out.
    let blocks: Value = serde_json::from_str(&folder.backtest(&[]).stdout).unwrap();
    assert_eq!(blocks["output_hash"], run["output_hash"]);
}

#[test]
fn each_file_by_itself_in_the_format_of_its_name() {
    let folder = Folder::new();
    let (fills, equity) = (folder.text("f.jsonl"), folder.text("e.parquet"));
    let ran = folder.backtest(&["--fills", &fills, "--equity", &equity]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines = folder.read("f.jsonl");
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        (first["price"].as_str(), first["order"].as_u64()),
        (Some("12"), Some(1))
    );
    assert!(folder.path("e.parquet").metadata().unwrap().len() > 0);
    let wrong = folder.backtest(&["--orders", &folder.text("orders.txt")]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains(".parquet"), "{}", wrong.stderr);
}

#[test]
fn an_order_that_is_refused_says_by_what() {
    let folder = Folder::new();
    let orders = folder.text("orders.csv");
    let ran = folder.backtest(&["--orders", &orders, "--cash", "20"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    let data = folder.text("ab.csv");
    let words = [
        "backtest",
        "--data",
        &data,
        "--enter",
        "close > lag(close)",
        "--exit",
        "close < 0",
        "--size",
        "2",
        "--cash",
        "20",
        "--orders",
        &orders,
    ];
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let text = folder.read("orders.csv");
    let first = text.lines().nth(1).unwrap();
    assert!(
        first.contains(",rejected,") || first.contains(",refused,"),
        "{text}"
    );
    assert!(!first.ends_with(','), "{text}");
}

#[test]
fn a_run_is_kept_under_its_name_and_only_once() {
    let folder = Folder::new();
    let catalog = folder.text("catalog");
    let ran = tickloom(&["import", &folder.text("ab.csv"), "--catalog", &catalog]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let words = ["backtest", "--data", &catalog, "--json", "--keep", "first"];
    let keep = || tickloom(&[&words, &RULES[..]].concat());
    let ran = keep();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let hash = |ran: &Ran| {
        let run: Value = serde_json::from_str(&ran.stdout).unwrap();
        run["output_hash"].clone()
    };
    let query = ScanQuery {
        tables: vec![Table::Fills],
        runs: vec!["first".to_owned()],
        ..ScanQuery::default()
    };
    let scan = Catalog::open(&folder.path("catalog"))
        .unwrap()
        .scan(&query)
        .unwrap();
    let fills: Vec<Record> = scan.map(|next| next.unwrap().1).collect();
    let causes: Vec<(u64, i64)> = fills
        .iter()
        .map(|fill| (FillBody::of(fill).cause, FillBody::of(fill).price))
        .collect();
    // The second, third and fourth bar made them.
    assert_eq!(causes, [(1, 12), (2, 11), (3, 13)]);
    let again = keep();
    assert_eq!(again.code, 2, "{}", again.stdout);
    assert!(
        again.stderr.contains("keep it under another"),
        "{}",
        again.stderr
    );
    // Equity is the curve, with the cash that there was: bought at 12, sold at 11, bought at 13, and a fee of a thousandth.
    let query = ScanQuery {
        tables: vec![Table::Equity],
        ..query
    };
    let scan = Catalog::open(&folder.path("catalog"))
        .unwrap()
        .scan(&query)
        .unwrap();
    let points: Vec<(i64, String, String)> = scan
        .map(|next| {
            let point = next.unwrap().1;
            let account = AccountBody::of(&point);
            let (cash, equity) = (Money(account.cash()), Money(account.equity()));
            let day = (point.ts_event().0 - 1_704_240_000_000_000_000) / 86_400_000_000_000;
            (day, cash.to_string(), equity.to_string())
        })
        .collect();
    let expected = [
        (0, "1000", "1000"),
        (1, "975.976", "999.976"),
        (2, "997.954", "997.954"),
        (3, "971.928", "997.928"),
    ];
    let expected = expected.map(|(day, cash, equity)| (day, cash.to_owned(), equity.to_owned()));
    assert_eq!(points, expected);
    // What is kept is no input of the next run.
    let next = tickloom(&[&["backtest", "--data", &catalog, "--json"], &RULES[..]].concat());
    assert_eq!(hash(&next), hash(&ran));
    let verified = tickloom(&["catalog", "verify", &catalog]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let without = folder.backtest(&["--keep", "second"]);
    assert_eq!(without.code, 2);
    assert!(without.stderr.contains("--catalog"), "{}", without.stderr);
}

/// Bars that the run made of trades are sources that the data does not have.
#[test]
fn a_run_that_made_its_bars_is_kept_with_them() {
    let folder = Folder::new();
    let mut text = String::from("timestamp,price,size\n");
    for second in 0..600 {
        let price = 100 + (second / 60 % 3);
        text += &format!("{},{price},1\n", 1_704_067_200 + second);
    }
    std::fs::write(folder.path("trades.csv"), text).unwrap();
    let (data, catalog) = (folder.text("trades.csv"), folder.text("runs"));
    let words = [
        "backtest",
        "--data",
        &data,
        "--bar",
        "1m",
        "--json",
        "--keep",
        "made",
        "--catalog",
        &catalog,
    ];
    let ran = tickloom(&[&words, &RULES[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let query = ScanQuery {
        tables: vec![Table::BarsClosed],
        ..ScanQuery::default()
    };
    let scan = Catalog::open(&folder.path("runs"))
        .unwrap()
        .scan(&query)
        .unwrap();
    let source = scan.instruments().source(SourceId(1)).unwrap().name.clone();
    assert_eq!(source, "bars/1m");
    // The tenth minute is open at the end.
    assert_eq!(scan.count(), 9);
    let verified = tickloom(&["catalog", "verify", &catalog]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}
