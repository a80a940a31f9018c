//! Captures of ours with streams that our live feed does not subscribe to: tops of books become books, the rest is named.

#![cfg(test)]

mod cli;

use cli::{tickloom, workspace};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tickloom_data::{Catalog, ScanQuery};
use tickloom_types::{BarBody, Flags, Kind, LevelBody, Record};

const AT: u64 = 1_782_259_200_000;

/// A line of ours, so many milliseconds after the first.
fn line(ms: u64, stream: &str, data: &str) -> String {
    let at = AT + ms;
    format!("{at}000000 {{\"stream\":\"{stream}\",\"data\":{data}}}\n")
}

fn spot_top(ms: u64, stream: &str, bid: &str, ask: &str) -> String {
    let data = format!(
        r#"{{"lastUpdateId":{},"bids":[["{bid}","2"]],"asks":[["{ask}","3"],["99","0"]]}}"#,
        100 + ms
    );
    line(ms, stream, &data)
}

fn trade(ms: u64, symbol: &str) -> String {
    let data = format!(
        r#"{{"e":"trade","E":{at},"s":"{symbol}","t":{ms},"p":"10","q":"1","T":{at},"m":true,"M":true}}"#,
        at = AT + ms
    );
    line(ms, &format!("{}@trade", symbol.to_lowercase()), &data)
}

fn diff(ms: u64, symbol: &str, first: u64) -> String {
    let data = format!(
        r#"{{"e":"depthUpdate","E":{},"s":"{symbol}","U":{first},"u":{first},"b":[["10","5"]],"a":[]}}"#,
        AT + ms
    );
    line(ms, &format!("{}@depth@100ms", symbol.to_lowercase()), &data)
}

fn import(text: &str, dir: &Path) -> (Value, Vec<Record>) {
    let file = dir.join("capture").display().to_string();
    let catalog = dir.join("catalog").display().to_string();
    fs::write(&file, text).unwrap();
    let ran = tickloom(&["import", &file, "--catalog", &catalog, "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let catalog = Catalog::open(Path::new(&catalog)).unwrap();
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    let records = scan.map(|next| next.unwrap().1).collect();
    (report["imports"][0].clone(), records)
}

/// Time in milliseconds after the first, whether it is flagged as not exact, price and size at eight decimals.
fn levels(records: &[Record]) -> Vec<(u64, bool, i64, i64)> {
    let levels = records.iter().filter(|one| one.kind() == Some(Kind::Level));
    let level = |one: &Record| {
        let body = LevelBody::of(one);
        let ms = u64::try_from(one.header.ts_event).unwrap() / 1_000_000 - AT;
        let is_flagged = one.header.flags & Flags::BAD_TIME != 0;
        (
            ms,
            is_flagged,
            body.price / 100_000_000,
            body.qty / 100_000_000,
        )
    };
    levels.map(level).collect()
}

/// Of a symbol with changes of its book these are the book; of one without, the deepest top is, whole each time.
#[test]
fn a_top_is_the_book_of_a_symbol_that_has_no_other() {
    let dir = workspace();
    let text = [
        trade(0, "ABUSDT"),
        diff(1, "ABUSDT", 7),
        spot_top(2, "abusdt@depth20@100ms", "10", "11"),
        spot_top(3, "cdusdt@depth5", "1", "4"),
        spot_top(4, "cdusdt@depth10@100ms", "2", "3"),
        trade(5, "CDUSDT"),
        spot_top(6, "cdusdt@depth10@100ms", "1", "3"),
    ];
    let (report, records) = import(&text.concat(), dir.path());
    assert_eq!(report["refused"], 1, "{report}");
    assert_eq!(
        report["reasons"]["change of a book that no snapshot joins"],
        1
    );
    assert_eq!(
        report["not_kept"]["depth20@100ms of binance.ABUSDT (its book is depth)"],
        1
    );
    assert_eq!(
        report["not_kept"]["depth5 of binance.CDUSDT (its book is depth10@100ms)"],
        1
    );
    // At the venue's last time, which is not theirs; a level of size 0 is none.
    let expected = [
        (1, true, 2, 2),
        (1, true, 3, 3),
        (5, true, 1, 2),
        (5, true, 3, 3),
    ];
    assert_eq!(levels(&records), expected);
    let is_snapshot =
        |one: &&Record| one.kind() == Some(Kind::Level) && one.header.flags & Flags::SNAPSHOT != 0;
    assert_eq!(records.iter().filter(is_snapshot).count(), 4);
    let is_trade = |one: &&Record| one.kind() == Some(Kind::Trade);
    assert_eq!(records.iter().filter(is_trade).count(), 2);
}

/// Tops alone, of spot: neither message nor stream tells a time, so that those of arrival are all there is.
#[test]
fn a_capture_of_tops_alone_is_read_at_its_times_of_arrival() {
    let dir = workspace();
    let text = [
        spot_top(0, "abusdt@depth5@100ms", "10", "11"),
        spot_top(9, "abusdt@depth5@100ms", "10", "12"),
    ];
    let (report, records) = import(&text.concat(), dir.path());
    assert_eq!(report["refused"], 0, "{report}");
    assert_eq!(report["instruments"][0], "binance.ABUSDT");
    let expected = [
        (0, true, 10, 2),
        (0, true, 11, 3),
        (9, true, 10, 2),
        (9, true, 12, 3),
    ];
    assert_eq!(levels(&records), expected);
}

/// Of futures, where a top looks as a change does but for its stream.
#[test]
fn tops_of_futures_have_their_times() {
    let dir = workspace();
    let top = |ms: u64, bid: &str| {
        let data = format!(
            r#"{{"e":"depthUpdate","E":{at},"T":{at},"s":"ABUSDT","ps":"ABUSDT","st":1,"U":5,"u":{u},"pu":4,"b":[["{bid}","2"]],"a":[["11","3"]]}}"#,
            at = AT + ms,
            u = 6 + ms,
        );
        line(ms + 1, "abusdt@depth5@500ms", &data)
    };
    let (report, records) = import(&[top(0, "9"), top(4, "10")].concat(), dir.path());
    assert_eq!(report["refused"], 0, "{report}");
    assert_eq!(report["instruments"][0], "binance-usdm.ABUSDT");
    let expected = [
        (0, false, 9, 2),
        (0, false, 11, 3),
        (4, false, 10, 2),
        (4, false, 11, 3),
    ];
    assert_eq!(levels(&records), expected);
    // Nothing goes on from a top.
    let end = dir
        .path()
        .join("catalog/_runs")
        .join(report["run"].as_str().unwrap());
    let end: Value = serde_json::from_slice(&fs::read(end.join("end.json")).unwrap()).unwrap();
    assert!(end.get("books").is_none(), "{end}");
}

/// If all that tells of a market is wrong nothing was imported, and nothing can be run on.
#[test]
fn a_capture_of_which_nothing_is_left_is_refused() {
    let dir = workspace();
    let file = dir.path().join("capture").display().to_string();
    let catalog = dir.path().join("catalog").display().to_string();
    let wrong = |ms| trade(ms, "ABUSDT").replace(r#""p":"10""#, r#""p":"x""#);
    let import = || tickloom(&["import", &file, "--catalog", &catalog, "--json"]);
    fs::write(&file, wrong(0) + &wrong(1)).unwrap();
    let ran = import();
    assert_eq!(ran.code, 2, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let one = &report["imports"][0];
    assert_eq!(
        (&one["read"], &one["refused"], &one["written"]),
        (&2.into(), &2.into(), &0.into())
    );
    let why = one["failed"].as_str().unwrap();
    assert!(why.contains("2 of 2 lines were left out (2 "), "{why}");
    let ran = tickloom(&[
        "backtest", "--data", &file, "--enter", "last > 0", "--exit", "last < 0",
    ]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("2 of 2 lines were left out (2 "),
        "{ran:?}"
    );
    // With one that is right the others are left out.
    fs::write(&file, wrong(0) + &trade(1, "ABUSDT")).unwrap();
    let ran = import();
    assert_eq!(ran.code, 0, "{ran:?}");
}

/// More than half of the lines may not be wrong, and of many lines no more than a hundredth, unless somebody says so.
#[test]
fn a_capture_of_which_too_much_is_wrong_is_refused() {
    let dir = workspace();
    let file = dir.path().join("capture").display().to_string();
    let catalog = dir.path().join("catalog").display().to_string();
    let wrong = |ms| trade(ms, "ABUSDT").replace(r#""p":"10""#, r#""p":"x""#);
    let import = |more: &[&str]| {
        let words = ["import", &file, "--catalog", &catalog, "--dry-run"];
        tickloom(&[&words[..], more].concat())
    };
    let backtest = |more: &[&str]| {
        let rules = ["--enter", "last > 0", "--exit", "last < 0"];
        tickloom(&[&["backtest", "--data", &file][..], &rules, more].concat())
    };
    for (count, lines, written, most) in [
        (2, 3, "3", 1),
        (101, 10_000, "10,000", 100),
        (102, 10_101, "10,101", 101),
    ] {
        let right: String = (count..lines).map(|ms| trade(ms, "ABUSDT")).collect();
        let of = |count: u64| (0..count).map(wrong).collect::<String>() + &right;
        fs::write(&file, of(count)).unwrap();
        let told = format!("{count} of {written} lines were left out");
        for ran in [import(&[]), backtest(&[])] {
            assert_eq!(ran.code, 2, "{ran:?}");
            assert!(ran.stderr.contains(&told), "{}", ran.stderr);
            let most = format!("and {most} may be (--refused-max says another number)");
            assert!(ran.stderr.contains(&most), "{}", ran.stderr);
        }
        for ran in [
            import(&["--refused-max", "102"]),
            backtest(&["--refused-max", "102"]),
        ] {
            assert_eq!(ran.code, 0, "{ran:?}");
        }
        // One line less is wrong.
        fs::write(&file, of(count - 1)).unwrap();
        assert_eq!(import(&[]).code, 0);
    }
}

/// What no market data is kept of is named, and is no wrong line.
#[test]
fn streams_of_which_nothing_is_kept_are_named() {
    let dir = workspace();
    let event = |name: &str| format!(r#"{{"e":"{name}","E":{AT},"s":"ABUSDT"}}"#);
    let mut text = trade(0, "ABUSDT");
    for (stream, name) in [
        ("abusdt@ticker", "24hrTicker"),
        ("abusdt@avgPrice", "avgPrice"),
        ("!forceOrder@arr", "forceOrder"),
        ("abusdt@markPrice@1s", "markPriceUpdate"),
    ] {
        text += &line(1, stream, &event(name));
    }
    text += &format!("{AT}000000 {}\n", event("markPriceUpdate"));
    let kline = format!(
        r#"{{"e":"kline","E":{AT},"s":"ABUSDT","k":{{"t":{AT},"T":{AT},"i":"1m","o":"1","c":"1","h":"1","l":"1","v":"0","x":false}}}}"#
    );
    text += &line(1, "abusdt@kline_1m", &kline);
    text += &line(2, "abusdt@nobodyKnows", &event("nobodyKnows"));
    let (report, records) = import(&text, dir.path());
    // The trade, and a status of the line that nobody knows.
    assert_eq!(records.len(), 2);
    for (name, count) in [
        ("24hrTicker", 1),
        ("kline, not closed", 1),
        ("index or average", 1),
        ("forceOrder", 1),
        ("markPriceUpdate", 2),
    ] {
        let name = format!("{name} (no market data)");
        assert_eq!(report["not_kept"][&name], count, "{name}: {report}");
    }
    assert_eq!(report["refused"], 1, "{report}");
    assert!(
        report["errors"][0]
            .as_str()
            .unwrap()
            .contains("nobodyKnows"),
        "{report}"
    );
}

/// A capture of nothing but closed klines, each with a time before it, makes the bars that the same messages make without one.
#[test]
fn klines_alone_make_bars_in_each_form() {
    let kline = |minute: u64, is_closed: bool| {
        let open = AT + minute * 60_000;
        let close = open + 59_999;
        let kline = format!(
            r#"{{"t":{open},"T":{close},"s":"ABUSDT","i":"1m","f":1,"L":2,"o":"1{minute}","c":"12","h":"19","l":"10","v":"5","n":2,"x":{is_closed},"q":"60","V":"1","Q":"12","B":"0"}}"#
        );
        let body = format!(r#"{{"e":"kline","E":{close},"s":"ABUSDT","k":{kline}}}"#);
        format!(r#"{{"stream":"abusdt@kline_1m","data":{body}}}"#)
    };
    for stamps in [true, false] {
        let dir = workspace();
        let file = dir.path().join("capture").display().to_string();
        let mut text = String::new();
        for (minute, is_closed) in [(0, false), (0, true), (1, false), (1, true), (2, true)] {
            if stamps {
                text += &format!("{}000000 ", AT + (minute + 1) * 60_000);
            }
            text += &(kline(minute, is_closed) + "\n");
        }
        fs::write(&file, text).unwrap();
        let catalog = dir.path().join("catalog").display().to_string();
        let words = [
            "import",
            &file,
            "--catalog",
            &catalog,
            "--venue",
            "binance",
            "--json",
        ];
        let ran = tickloom(&words);
        assert_eq!(ran.code, 0, "{ran:?}");
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["kinds"]["bars"]["written"], 3, "{report}");
        let catalog = Catalog::open(Path::new(&catalog)).unwrap();
        let scan = catalog.scan(&ScanQuery::default()).unwrap();
        let bars: Vec<(u64, [i64; 5])> = scan
            .map(|next| next.unwrap().1)
            .filter(|record| record.kind() == Some(Kind::Bar))
            .map(|record| {
                let bar = BarBody::of(&record);
                let ms = u64::try_from(record.header.ts_event / 1_000_000).unwrap();
                (
                    ms - AT,
                    [bar.open, bar.high, bar.low, bar.close, bar.volume],
                )
            })
            .collect();
        let expected = [
            (60_000, [10, 19, 10, 12, 5]),
            (120_000, [11, 19, 10, 12, 5]),
            (180_000, [12, 19, 10, 12, 5]),
        ];
        assert_eq!(bars, expected, "{stamps}");
    }
}
