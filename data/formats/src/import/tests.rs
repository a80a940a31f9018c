//! Files as people have them: made-up ones for every rule, and the real ones of the shared data where they are at hand.

mod books;
mod doubts;
mod early;
mod kinds;
mod names;
mod other_rows;
mod pages;
mod periods;
mod sides;
mod texts;
mod vendors;
mod volumes;
mod written_by;

use super::*;
use crate::testing::shared_data;
use std::fs;
use std::io::Write;
use tickloom_catalog::ScanQuery;
use tickloom_types::{BarBody, Flags, InstrumentId, Kind, QuoteBody, Record, Side, TradeBody, Ts};

fn read_text(text: &str, options: &ImportOptions) -> Result<FileRecords> {
    Input::bytes(Path::new("TEST.csv"), text.as_bytes().to_vec()).read(options)
}

/// Takes whatever is right of a file.
fn lenient() -> ImportOptions {
    ImportOptions {
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    }
}

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

fn import_file(path: &Path, options: &ImportOptions, catalog: &Catalog) -> Result<ImportReport> {
    inputs(path)?[0].import(options, catalog)
}

/// Wrong lines as `line field value: expected`.
fn errors(report: &ImportReport) -> Vec<String> {
    let list = report.errors.iter();
    list.map(|e| format!("{} {} {}: {}", e.line, e.field, e.value, e.expected))
        .collect()
}

/// In a record without sizes a price of zero says that a side is empty.
#[test]
fn quotes_of_zero_without_sizes_are_refused() {
    let options = ImportOptions {
        negative_prices: true,
        ..lenient()
    };
    let rows = |sizes: [&str; 2]| {
        let mut text = format!("time,bid,ask{}\n", sizes[0]);
        for (second, row) in ["-0.5,0.5", "0,0.5", "-0.5,0", "-1,-0.5"]
            .iter()
            .enumerate()
        {
            let size = sizes[1];
            text.push_str(&format!("2020-04-20T18:00:0{second}Z,{row}{size}\n"));
        }
        read_text(&text, &options).unwrap()
    };
    let bare = rows(["", ""]);
    let expected = "above or below zero: a quote of zero needs a size, as without one it is none";
    assert_eq!(
        errors(&bare.report),
        [
            format!("3 bid 0: {expected}"),
            format!("4 ask 0: {expected}")
        ]
    );
    let prices = |file: &FileRecords| -> Vec<(Option<i64>, Option<i64>)> {
        let quotes = file.records.iter().map(QuoteBody::of);
        quotes.map(|quote| quote.prices()).collect()
    };
    assert_eq!(prices(&bare), [(Some(-5), Some(5)), (Some(-10), Some(-5))]);
    let sized = rows([",bid_size,ask_size", ",1,1"]);
    assert_eq!(
        prices(&sized),
        [
            (Some(-5), Some(5)),
            (Some(0), Some(5)),
            (Some(-5), Some(0)),
            (Some(-10), Some(-5)),
        ]
    );
}

#[test]
fn every_wrong_line_is_named_and_counted() {
    let text = "\
date,open,high,low,close,volume
2024-01-01,1.5,2,1,1.25,10
2024-01-02,1.5,1.4,1,1.25,10
2024-01-03,1.5,2,1.3,1.25,10
2024-01-04,1.5,2,1,-1.25,10
2024-01-05,1.5,2,1,1.25,-1
2024-01-01,1.5,2,1,1.25,10
2024-01-32,1.5,2,1,1.25,10
2024-01-07,1.5,2,1,1.25
2024-01-08,1.5,x,1,1.25,10
2024-01-09,1.5,2,1,1.0000000000000002,10
2023-12-31,1.5,2,1,1.25,10

2024-01-02,1.5,2,1,1.25,10
";
    let file = read_text(text, &lenient()).unwrap();
    let report = &file.report;
    assert_eq!((report.read, report.written, report.refused), (12, 3, 8));
    assert_eq!(
        errors(report),
        [
            "3 high 1.4: at least 1.5",
            "4 low 1.3: at most 1.25",
            "5 low 1: at most -1.25",
            "6 volume -1: zero or above",
            "8 date 2024-01-32: a time, as dates and times",
            "9 number of fields 5: 6",
            "10 high x: a decimal number",
            "11 close 1.0000000000000002: at most nine decimals (--round N rounds to N)",
        ]
    );
    // A row that comes again counts once, and one that is earlier is sorted.
    assert_eq!(report.repeated, 1);
    assert_eq!(
        report.repeats,
        ["TEST.csv, line 7: date is \"2024-01-01\", which is there already"]
    );
    let times: Vec<Ts> = file.records.iter().map(Record::ts_event).collect();
    assert_eq!(
        times,
        [ts("2024-01-01"), ts("2024-01-02"), ts("2024-01-03")]
    );
    let few = ImportOptions {
        errors_max: 1,
        ..lenient()
    };
    let report = read_text(text, &few).unwrap().report;
    assert_eq!((report.errors.len(), report.refused), (1, 8));
    let error = read_text(text, &ImportOptions::default()).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("TEST.csv: 8 of 12 rows are wrong, and 0 may be: "),
        "{error}"
    );
    assert!(
        error.contains("; the first is in line 3, where high is \"1.4\"; --refused-max"),
        "{error}"
    );
}

#[test]
fn bars_are_stamped_at_their_close() {
    let text = "time,open,high,low,close\n2024-01-01 09:00,1,1,1,1\n2024-01-01 10:00,1,1,1,1\n";
    let close_of = |stamp, bar: Option<&str>, text: &str| {
        let options = ImportOptions {
            stamp,
            bar: bar.map(|bar| bar.parse().unwrap()),
            ..ImportOptions::default()
        };
        let file = read_text(text, &options).unwrap();
        file.records[0].ts_event()
    };
    assert_eq!(
        close_of(Stamp::Auto, None, text),
        ts("2024-01-01T10:00:00Z")
    );
    assert_eq!(
        close_of(Stamp::Open, Some("30m"), text),
        ts("2024-01-01T09:30:00Z")
    );
    assert_eq!(
        close_of(Stamp::Close, None, text),
        ts("2024-01-01T09:00:00Z")
    );
    // A week named by a Friday closes at the end of that day, one named by a Monday or any other day seven days later.
    let weeks = "date,open,high,low,close\n2024-01-05,1,1,1,1\n2024-01-12,1,1,1,1\n";
    assert_eq!(close_of(Stamp::Auto, None, weeks), ts("2024-01-06"));
    assert_eq!(close_of(Stamp::Open, None, weeks), ts("2024-01-12"));
    assert_eq!(close_of(Stamp::Close, None, weeks), ts("2024-01-06"));
    for day in ["2024-01-01", "2024-01-03"] {
        let next = ts(day).0 + 7 * 86_400_000_000_000;
        let weeks = format!(
            "date,open,high,low,close\n{day},1,1,1,1\n{},1,1,1,1\n",
            &Ts(next).to_string()[..10]
        );
        assert_eq!(close_of(Stamp::Auto, None, &weeks), Ts(next));
    }
    let single = "date,open,high,low,close\n2024-01-05,1,1,1,1\n";
    let error = read_text(single, &ImportOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("line 2: a single bar"),
        "{error}"
    );
    assert_eq!(close_of(Stamp::Auto, Some("1d"), single), ts("2024-01-06"));
}

/// Rows of one side after the other say what changed: the other side is as it was, which a quote cannot say.
#[test]
fn quotes_that_say_what_changed_are_none() {
    let read = |rows: &[&str]| {
        let rows = (30..).zip(rows);
        let rows: String = rows
            .map(|(at, row)| format!("17231612550{at},{row}\n"))
            .collect();
        let text = format!("ts,bid,bid_size,ask,ask_size\n{rows}");
        let file =
            read_text(&text, &ImportOptions::default()).map_err(|error| error.to_string())?;
        Ok::<_, String>(file.report.notes.join("; "))
    };
    let (both, bid, ask) = ("1,5,2,6", "1,5,,", ",,2,6");
    assert!(read(&[both, bid, ask, bid]).unwrap_err().contains(
        "2 quotes with a bid alone and 1 with an ask alone: rows that say only what changed"
    ));
    let notes = read(&[both, both, both, bid, ask]).unwrap();
    assert!(
        notes.contains("1 quotes with a bid alone, 1 with an ask alone: the other side is empty"),
        "{notes}"
    );
    // Nobody bids.
    assert!(read(&[both, ask, ask, ask]).is_ok());
    // A size of zero is an empty side too, but the row says both; without any size, sizes are not known.
    let notes = read(&["1,5,2,0", "1,0,2,6", "1,5,2,0", "1,0,2,0", bid]).unwrap();
    assert!(
        notes.contains("3 quotes with a bid alone, 1 with an ask alone: the other side is empty"),
        "{notes}"
    );
}

/// A side without a price and a size is empty, as in DBN; one of them alone, and no side at all, are refused.
#[test]
fn quotes_of_one_side() {
    let sides = |header: &str, row: &str| {
        let text = format!("{header}\n1723161255030,{row}\n");
        let file =
            read_text(&text, &ImportOptions::default()).map_err(|error| error.to_string())?;
        let quote = QuoteBody::of(&file.records[0]);
        Ok::<_, String>([quote.bid, quote.bid_qty, quote.ask, quote.ask_qty])
    };
    let sized = "ts,bid,bid_size,ask,ask_size";
    for row in [
        "1.5,10,,",
        "1.5,10,,0",
        "1.5,10,0,0",
        "1.5,10,null,0.0",
        "1.5,10,NaN,NaN",
    ] {
        assert_eq!(sides(sized, row), Ok([15, 10, 0, 0]), "{row}");
    }
    assert_eq!(sides(sized, ",,2,3"), Ok([0, 0, 2, 3]));
    // Without sizes it may as well be as it was: MetaTrader writes only what changed.
    assert!(sides("ts,bid,ask", ",2").is_err());
    for row in ["1.5,10,,3", "1.5,10,0,3", ",,,", "0,0,0,0", "1.5,,,"] {
        assert!(sides(sized, row).is_err(), "{row}");
    }
    assert!(sides("ts,bid,ask", "0,2").is_err());
}

#[test]
fn quotes_and_trades() {
    let text =
        "ts,bid,bid_size,ask,ask_size\n1723161255030,1.5,10,1.625,0.5\n1723161255030,1.7,1,1.6,1\n";
    let file = read_text(text, &ImportOptions::default()).unwrap();
    let def = file.instruments.get(InstrumentId(0)).unwrap();
    assert_eq!(
        (def.name.as_str(), def.price_decimals, def.qty_decimals),
        ("TEST", 3, 1)
    );
    let quote = QuoteBody::of(&file.records[0]);
    assert_eq!(
        (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty),
        (1_500, 100, 1_625, 5)
    );
    assert_eq!(file.records[0].header.flags, Flags::LAST);
    assert_eq!(file.report.written, 2);

    let text = "id,time,price,size,side\n7,1723161255,100.5,2,BUY\n7,1723161256,100.5,2,sell\n8,1723161257,100,3,Sell\n9,1723161258,1,1,up\n";
    let file = read_text(text, &lenient()).unwrap();
    let trade = TradeBody::of(&file.records[1]);
    assert_eq!(
        (trade.price, trade.qty, trade.trade_id, trade.side),
        (1_000, 3, 8, Side::Sell as u8)
    );
    assert_eq!(
        errors(&file.report),
        [
            "3 id 7: another trade: this one is there already",
            "5 side up: buy or sell (--columns side=- leaves sides out)"
        ]
    );
}

#[test]
fn the_scale_must_hold_all_rows() {
    let text = "date,open,high,low,close,volume\n2024-01-01,1,1,1,1,9000000000000000000\n2024-01-02,1,1,1,1,0.5\n";
    let report = read_text(text, &lenient()).unwrap().report;
    assert_eq!(
        errors(&report),
        [
            "2 volume 9000000000000000000: a number that fits in 64 bits at 1 decimals, which other rows need"
        ]
    );
}

#[test]
fn files_that_are_no_files_of_ours_are_one_error() {
    let check = |text: &str, expected: &str| {
        let error = read_text(text, &ImportOptions::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("", "nothing, expected lines of text");
    check("hello world\n", "a header without rows");
    check("a,b\n1,2\n", "columns a, b, expected a time and open");
    check(
        "date,open,high,low,close\n2024-01-01,1,1,2,1\n",
        "line 2: low is \"2\"",
    );
    check("\u{0}\u{1}\n1,2\n", "bytes that are no text");

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.csv.gz");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(b"date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,1,1,1,1\n")
        .unwrap();
    let bytes = gz.finish().unwrap();
    fs::write(&path, &bytes).unwrap();
    assert_eq!(
        read_file(&path, &ImportOptions::default())
            .unwrap()
            .records
            .len(),
        2
    );
    assert_eq!(peek_line(&path).unwrap(), b"date,open,high,low,close");
    fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    let error = read_file(&path, &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("x.csv.gz"), "{error}");
}

#[test]
fn importing_again_changes_nothing_and_other_options_replace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("A.csv");
    let text = "Ticker,Date,Open,High,Low,Close\nB,2024-01-01,1,1,1,1\nB,2024-01-02,1.5,2,1,1\nA,2024-01-01,1,1,1,1\n";
    fs::write(&path, text).unwrap();
    let catalog = Catalog::create(&dir.path().join("catalog")).unwrap();
    let options = ImportOptions::default();
    let first = import_file(&path, &options, &catalog).unwrap();
    assert!(!first.unchanged);
    assert_eq!(first.instruments, ["B", "A"]);
    let again = import_file(&path, &options, &catalog).unwrap();
    assert!(again.unchanged);
    assert_eq!(again.run, first.run);
    let all = |query: &ScanQuery| {
        catalog
            .scan(query)
            .unwrap()
            .map(|r| r.unwrap().1)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        all(&ScanQuery::default()),
        read_file(&path, &options).unwrap().records
    );
    let other = ImportOptions {
        stamp: Stamp::Close,
        ..options.clone()
    };
    assert!(!import_file(&path, &other, &catalog).unwrap().unchanged);
    assert_eq!(
        all(&ScanQuery::default()),
        read_file(&path, &other).unwrap().records
    );
    let only_a = ImportOptions {
        instrument: Some("A".to_owned()),
        bar: Some("1d".parse().unwrap()),
        ..options
    };
    let report = read_file(&path, &only_a).unwrap().report;
    assert_eq!((report.read, report.written), (1, 1));
}

#[test]
fn a_part_of_a_file_is_chosen_as_of_a_catalog() {
    let text =
        "date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,1,1,1,1\n2024-01-03,1,1,1,1\n";
    let mut file = read_text(text, &ImportOptions::default()).unwrap();
    let query = |from: &str, to: &str| ScanQuery {
        from: Some(ts(from)),
        to: Some(ts(to)),
        ..ScanQuery::default()
    };
    let error = file
        .keep(&query("2025-01-01", "2026-01-01"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("no data for records of any instrument from 2025"),
        "{error}"
    );
    assert!(
        error
            .ends_with("bars of size 1d of TEST from 2024-01-02T00:00:00Z to 2024-01-04T00:00:00Z"),
        "{error}"
    );
    file.keep(&query("2024-01-02", "2024-01-03")).unwrap();
    assert_eq!(file.records.len(), 1);
    assert_eq!(file.records[0].ts_event(), ts("2024-01-03"));
}

/// A real file: rows, bar size, instruments, decimals of the first, first and last close.
fn check_real(
    name: &str,
    rows: u64,
    bar: &str,
    instruments: &[&str],
    decimals: (u8, u8),
    range: (&str, &str),
) -> Option<FileRecords> {
    let path = shared_data(name)?;
    let file = read_file(&path, &ImportOptions::default()).unwrap();
    let report = &file.report;
    assert_eq!(
        (report.read, report.refused),
        (rows, 0),
        "{name}: {:?}",
        report.errors
    );
    assert_eq!(report.written, rows);
    assert_eq!(report.bar, Some(bar.parse().unwrap()), "{name}");
    assert_eq!(report.instruments, instruments);
    let def = &file.instruments.defs()[0];
    assert_eq!((def.price_decimals, def.qty_decimals), decimals, "{name}");
    assert_eq!(
        (report.from, report.to),
        (Some(ts(range.0)), Some(ts(range.1))),
        "{name}"
    );
    Some(file)
}

#[test]
fn the_bars_of_the_peers() {
    let range = ("2004-08-20", "2013-03-02");
    if let Some(goog) = check_real(
        "peer-bars/GOOG.csv.gz",
        2_148,
        "1d",
        &["GOOG"],
        (2, 0),
        range,
    ) {
        assert_eq!(
            BarBody::of(&goog.records[0]),
            BarBody {
                open: 10_000,
                high: 10_406,
                low: 9_596,
                close: 10_034,
                volume: 22_351_900
            }
        );
    }
    let range = ("2017-04-19T10:00:00Z", "2018-02-07T16:00:00Z");
    check_real(
        "peer-bars/EURUSD.csv.gz",
        5_000,
        "1h",
        &["EURUSD"],
        (5, 0),
        range,
    );
    let range = ("2012-02-01", "2025-01-01");
    check_real(
        "peer-bars/BTCUSD.csv.gz",
        156,
        "31d",
        &["BTCUSD"],
        (2, 8),
        range,
    );
}

#[test]
fn minutes_of_a_month() {
    let range = ("2021-12-31T23:02:00Z", "2022-02-01T05:32:00Z");
    let name = "minute-month/btc-perp-20211231-20220201_1m.csv.gz";
    check_real(
        name,
        45_031,
        "1m",
        &["btc-perp-20211231-20220201_1m"],
        (3, 7),
        range,
    );
    let range = ("2012-02-01T00:01:00Z", "2012-03-01T00:01:00Z");
    for side in ["ask", "bid"] {
        let name = format!("gbpusd-m1-{side}");
        check_real(
            &format!("minute-month/{name}-2012.csv.gz"),
            30_117,
            "1m",
            &[&name],
            (5, 0),
            range,
        );
    }
    let range = ("2006-01-02T09:02:00Z", "2006-02-27T22:01:00Z");
    let name = "minute-month/2006-01-02-volume-min-001.txt.gz";
    let stoxx = check_real(
        name,
        30_889,
        "1m",
        &["2006-01-02-volume-min-001"],
        (0, 0),
        range,
    );
    if let Some(stoxx) = stoxx {
        assert!(stoxx.report.notes[0].starts_with("the header has 7 names for 8 columns"));
    }
}

#[test]
fn daily_equities() {
    let range = ("2000-03-02", "2013-03-02");
    let stocks = check_real(
        "equity-daily/stocks.part-a.csv.gz",
        8_688,
        "1d",
        &["AAPL", "GOOG", "IBM"],
        (4, 0),
        range,
    );
    if let Some(stocks) = stocks {
        assert!(stocks.records.is_sorted_by_key(Record::ts_event));
    }
    let names = ["AAPL", "BRK_A", "MSFT", "ZEN"];
    let range = ("2014-01-03", "2015-01-01");
    check_real(
        "equity-daily/QUANDL_ARCHIVE.zip",
        916,
        "1d",
        &names,
        (4, 0),
        range,
    );
}

/// Nearly 70,000 changes of orders: an event of the venue ends with the flag `LAST`, and all of it is one moment.
#[test]
fn an_event_of_dbn_is_one_moment() {
    let Some(path) = shared_data("dbn/es-mbo/esh4-glbx-mdp3-20231225.mbo.dbn.zst") else {
        return;
    };
    let records = read_file(&path, &ImportOptions::default()).unwrap().records;
    let updates = || {
        records
            .iter()
            .filter(|r| r.kind() == Some(Kind::OrderUpdate))
    };
    let events = updates().filter(|record| record.has(Flags::LAST)).count();
    let moments = records
        .iter()
        .filter(|record| !record.has(Flags::MORE))
        .count();
    assert!(
        events > 10_000 && updates().count() > events + 10_000,
        "{events}"
    );
    assert_eq!(moments, events);
    // A trade is a change of no order and a trade: both are of the row's moment.
    for pair in records.windows(2) {
        if pair[1].kind() == Some(Kind::Trade) {
            assert!(pair[0].has(Flags::MORE), "{pair:?}");
        }
    }
}

/// The close of a bar by a column of its own, however it is written: the last instant of the bar, or the instant after it.
#[test]
fn bars_close_when_their_column_says() {
    let close_of = |rows: &str| {
        let text = format!("open_time,open,high,low,close,volume,close_time\n{rows}");
        let file = read_text(&text, &ImportOptions::default()).unwrap();
        let bar = file.report.bar.unwrap().to_string();
        (file.records[0].ts_event().to_string(), bar)
    };
    for (open, close, at, bar) in [
        (
            "2024-01-01 00:00:00",
            "2024-01-01 00:00:59.999",
            "2024-01-01T00:01:00Z",
            "1m",
        ),
        (
            "2024-01-01 00:00:00",
            "2024-01-01 00:00:59.999999",
            "2024-01-01T00:01:00Z",
            "1m",
        ),
        (
            "2024-01-01 00:00:00",
            "2024-01-01 00:00:59",
            "2024-01-01T00:01:00Z",
            "1m",
        ),
        (
            "2024-01-01 00:00:00",
            "2024-01-01 00:00:15",
            "2024-01-01T00:00:15Z",
            "15s",
        ),
        (
            "2024-01-01 00:00:00",
            "2024-01-01 00:00:01",
            "2024-01-01T00:00:01Z",
            "1s",
        ),
        (
            "2024-01-01 00:00:00",
            "2024-01-01 01:00:00",
            "2024-01-01T01:00:00Z",
            "1h",
        ),
        (
            "2024-01-01T00:00:00.000Z",
            "2024-01-01T23:59:59.999Z",
            "2024-01-02T00:00:00Z",
            "1d",
        ),
        ("2024-01-01", "2024-01-01", "2024-01-02T00:00:00Z", "1d"),
        ("2024-01-01", "2024-01-07", "2024-01-08T00:00:00Z", "1w"),
        ("2024-01-01", "2024-01-31", "2024-02-01T00:00:00Z", "31d"),
    ] {
        let rows = format!("{open},1,1,1,1,5,{close}\n");
        assert_eq!(
            close_of(&rows),
            (at.to_owned(), bar.to_owned()),
            "{open} {close}"
        );
    }
}

/// What may be of two instruments, or of something else than it looks like, is refused, and what is called as it is counts first.
#[test]
fn what_could_be_something_else_is_refused() {
    let refused = |text: &str| {
        read_text(text, &ImportOptions::default())
            .unwrap_err()
            .to_string()
    };
    let two = "timestamp,symbol,contract,price,size\n1704187800000,ES,ESH4,1,1\n1704187800001,ES,ESM4,2,1\n";
    assert!(refused(two).contains("contract"), "{}", refused(two));
    let beside =
        "date,close,close,high,low,open,volume\n2024-01-02,1,2,2,1,1,5\n2024-01-03,1,2,2,1,1,5\n";
    assert!(
        refused(beside).contains("two columns called"),
        "{}",
        refused(beside)
    );
    let dates = "DATE,CLOCK,SYM_ROOT,SIZE,PRICE\n20240102,9:30:00.12,AAPL,100,185.5\n20240102,9:30:01.12,AAPL,100,185.5\n";
    assert!(refused(dates).contains("dates alone"), "{}", refused(dates));
    let kinds = "time,type,price,size\n1704187800000,BID,10,5\n1704187800001,TRADE,10,5\n";
    assert!(
        refused(kinds).contains("\"BID\" in column \"type\""),
        "{}",
        refused(kinds)
    );
    let sides = "ts,price,size,side\n1704187800000,1,1,0\n1704187800001,1,1,1\n";
    assert!(refused(sides).contains("side"), "{}", refused(sides));
    let zones = "time,tz,price,size\n2024-01-02 09:30:00,America/New_York,1,1\n2024-01-02 09:30:01,UTC,1,1\n";
    assert!(refused(zones).contains("of zones"), "{}", refused(zones));
    assert!(
        read_text(
            &zones.replace("America/New_York", "UTC"),
            &ImportOptions::default()
        )
        .is_ok()
    );
    let part = Input::bytes(
        Path::new("out/part-00000-8e1.csv"),
        zones.replace("tz", "x").into_bytes(),
    );
    let error = part
        .read(&ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("names no instrument"), "{error}");
    let labels =
        ",ts,price,size\nAAPL,2024-01-02 09:30:00.1,10,1\nMSFT,2024-01-02 09:30:00.2,300,5\n";
    assert!(refused(labels).contains("MSFT"), "{}", refused(labels));
    assert!(read_text(&labels.replace("MSFT", "AAPL"), &ImportOptions::default()).is_ok());
    assert!(
        read_text(
            &labels.replace("AAPL", "0").replace("MSFT", "1"),
            &ImportOptions::default()
        )
        .is_ok()
    );
    let rounded =
        "ts,price,size,id\n1704187800000,1,1,1.23457E+12\n1704187800001,1,1,1.23457E+12\n";
    assert!(
        refused(rounded).contains("all digits"),
        "{}",
        refused(rounded)
    );
    let loose = "time,24 high,open,high,low,close,volume_sma_20,amount,volume\n\
        1704187800000,9,1,2,1,1,7,8,5\n1704187860000,9,1,2,1,1,7,8,5\n";
    let file = read_text(loose, &ImportOptions::default()).unwrap();
    let bar = BarBody::of(&file.records[0]);
    assert_eq!((bar.high, bar.volume), (2, 5));
}

/// Rows of bars as LEAN has them are LEAN's in its folders alone; elsewhere their prices must not be ten thousand times too high.
#[test]
fn rows_like_those_of_lean_are_not_taken_for_them() {
    let read = |path: &str, rows: &str| {
        let input = Input::bytes(Path::new(path), rows.as_bytes().to_vec());
        input.read(&ImportOptions::default())
    };
    let plain = "20240102 09:30,10,11,9,10,100\n20240102 09:31,10,11,9,10,100\n";
    let file = read("BRK.A.csv", plain).unwrap();
    assert_eq!(file.report.instruments, ["BRK.A"]);
    let scaled = "20070330 00:00,1428000,1436500,1415000,1420500,1000\n20070402 00:00,1428000,1436500,1415000,1420500,1000\n";
    let error = read("spy.csv", scaled).unwrap_err().to_string();
    assert!(error.contains("scaled by 10,000"), "{error}");
}
