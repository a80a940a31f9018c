//! Sizes and volumes in units, where other columns are of money, of lots or of a day.

use super::texts::{read, refusal};
use super::*;

/// The volumes, or sizes, of all rows.
fn sizes(text: &str) -> Vec<String> {
    let size = |row: &String| {
        let (_, rest) = row.split_once(" x ").unwrap();
        rest.split(' ').next().unwrap().to_owned()
    };
    read(text).iter().map(size).collect()
}

fn bars(symbol: &str, names: &str, volumes: [&str; 3]) -> String {
    let days = (2..).zip(volumes);
    let rows = days.map(|(day, volumes)| {
        format!("2024-01-{day:02},{symbol},43000,44000,42000,43500,{volumes}\n")
    });
    format!(
        "date,symbol,open,high,low,close,{names}\n{}",
        rows.collect::<String>()
    )
}

/// Volumes of 49, 106.5 and 10 units, and what was paid for them at 43,000 each.
const MONEY_FIRST: [&str; 3] = ["2107000,49", "4579500,106.5", "430000,10"];

#[test]
fn volumes_are_those_of_the_base_of_a_symbol() {
    let units = ["49", "106.5", "10"];
    for (symbol, names) in [
        ("BTCUSDT", "Volume USDT,Volume BTC"),
        ("BTC/USD", "Volume USD,Volume BTC"),
        ("ETH-BTC", "Volume BTC,Volume ETH"),
        ("X", "Volume USDT,Volume X"),
        ("X", "volume(quote),volume(base)"),
        ("X", "Volume_(Currency),Volume_(BTC)"),
        ("X", "volumeQuote,baseVolume"),
    ] {
        assert_eq!(sizes(&bars(symbol, names, MONEY_FIRST)), units, "{names}");
    }
    // What is called a volume alone is one, whatever stands beside it.
    let text = bars("BTCUSDT", "volume,Volume BTC", ["7,49", "8,106", "9,10"]);
    assert_eq!(sizes(&text), ["7", "8", "9"]);
}

#[test]
fn volumes_in_money_alone_are_refused() {
    let text = bars("BTCUSDT", "Volume USDT", ["2107000", "4579500", "430000"]);
    let refused = refusal(&text);
    assert!(
        refused.contains("a column \"Volume USDT\" of sizes in money, and none of sizes in units, expected --columns volume=COLUMN of the units, volume=Volume USDT to take it as it is, or volume=-"),
        "{refused}"
    );
    // Names that say nothing are held against each other.
    let refused = refusal(&bars("X", "volume,amount", MONEY_FIRST));
    assert!(
        refused.contains("a column \"volume\" of sizes, whose numbers are those of \"amount\" times the price, expected --columns volume=amount for the units, or volume=volume for the money"),
        "{refused}"
    );
}

#[test]
fn sizes_of_trades_are_neither_those_of_the_day_nor_money() {
    for (names, rows) in [
        // As Bitget offers them.
        (
            "price,side,volume(quote),size(base)",
            ["42000.5,buy,420.005,0.01", "42000,sell,840,0.02"],
        ),
        (
            "price,volume,size",
            ["42000.5,1000,0.01", "42000,1000,0.02"],
        ),
        (
            "last,volume,last_size",
            ["42000.5,1000,0.01", "42000,1000,0.02"],
        ),
        (
            "price,size,volume",
            ["42000.5,0.01,1000", "42000,0.02,1000"],
        ),
    ] {
        let [first, second] = rows;
        let text = format!(
            "trade_id,timestamp,{names}\n1127,1704153600123,{first}\n1128,1704153601123,{second}\n"
        );
        assert_eq!(sizes(&text), ["0.01", "0.02"], "{names}");
    }
}

#[test]
fn money_beside_volumes_shows_lots_and_multipliers() {
    let tushare = "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount
000001.SZ,20240104,9.19,9.19,9.08,9.11,9.2,-0.09,-0.9783,864193.99,787470.197
000001.SZ,20240103,9.19,9.22,9.15,9.2,9.21,-0.01,-0.1086,733610.31,673673.613
000001.SZ,20240102,9.39,9.42,9.21,9.21,9.39,-0.18,-1.9169,1158366.45,1075742.252
";
    let refused = refusal(tushare);
    assert!(
        refused.contains("a column \"vol\" of Tushare, whose volumes of shares are in lots of 100 and whose \"amount\" is in thousands, expected --columns volume=vol to take lots as they are, or volume=-"),
        "{refused}"
    );
    let options = ImportOptions {
        mapping: "volume=vol".parse().unwrap(),
        ..ImportOptions::default()
    };
    assert_eq!(read_text(tushare, &options).unwrap().report.written, 3);
    // A future of ten units: the money is what was paid for all of them.
    let text = bars(
        "X",
        "volume,turnover",
        ["49,21070000", "106,45580000", "10,4300000"],
    );
    let file = read_text(&text, &ImportOptions::default()).unwrap();
    let notes = file.report.notes.join("\n");
    assert!(
        notes.contains("\"turnover\" is 10 times the price times \"volume\": volumes are in lots"),
        "{notes}"
    );
    let text = bars(
        "X",
        "volume,turnover",
        ["49,2107000", "106,4558000", "10,430000"],
    );
    let file = read_text(&text, &ImportOptions::default()).unwrap();
    assert!(!file.report.notes.join("\n").contains("times the price"));
}
