//! Recordings of venues: real ones, counted by other means, and ones that are wrong in every way.
//!
//! The expected counts were made with a script over the raw files, in Python, by the venues' documents: lines that are not
//! blank; among them messages without trades, quotes, books or closed candles (and lines of the recorder); trades; quotes;
//! whole books; changes of books; levels in those.

mod again;
mod checksums;
mod once;

use super::VenueKind;
use crate::binance::Venue;
use crate::capture::{CaptureError, CaptureReport, CaptureSource, Origin, Recorder, Recording};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use tickloom_types::{
    BarBody, BookAction, BookState, Flags, InstrumentDef, Instruments, Kind, LevelBody,
    OrderUpdateBody, QuoteBody, Record, Side, StatusBody, StatusCode, TradeBody, Ts,
};

/// The recorded data beside the repository, or `None` with a word that the test is skipped. In CI its absence is a failure.
fn shared(folder: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("TICKLOOM_SHARED_DATA").map_or(beside, PathBuf::from);
    let path = data.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    let why = format!(
        "skipped: {} is not there (set TICKLOOM_SHARED_DATA)",
        path.display()
    );
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    println!("{why}");
    None
}

fn files(folder: &Path, begins: &str) -> Vec<CaptureSource> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(begins)
    });
    paths.sort();
    paths.into_iter().map(CaptureSource::File).collect()
}

struct Read {
    report: CaptureReport,
    records: Vec<Record>,
    instruments: Instruments,
}

impl Read {
    fn of(&self, kind: Kind) -> Vec<&Record> {
        let is_of = |record: &&Record| record.kind() == Some(kind);
        self.records.iter().filter(is_of).collect()
    }

    fn def(&self, name: &str) -> &InstrumentDef {
        self.instruments.find(name).unwrap().1
    }
}

/// Files of one origin.
fn read(sources: Vec<CaptureSource>) -> Read {
    // A candle alone does not say of which of Binance's or Bybit's it is.
    let told = |source, venue| Origin::told(source, Some(venue));
    let of = |source| {
        Origin::of(source)
            .or_else(|_| told(source, VenueKind::Binance(Venue::Spot)))
            .or_else(|_| told(source, VenueKind::Bybit))
    };
    let origin = of(&sources[0]).unwrap();
    for source in &sources {
        assert_eq!(of(source).unwrap(), origin, "{}", source.name());
    }
    let recording = Recording::survey(origin, sources).unwrap();
    let instruments = recording.instruments().clone();
    let mut records: Vec<Record> = Vec::new();
    let report = recording.decode(&mut records).unwrap();
    assert_eq!(report.records, records.len() as u64);
    Read {
        report,
        records,
        instruments,
    }
}

fn text(text: &str) -> CaptureSource {
    CaptureSource::Unpacked(PathBuf::from("capture"), text.as_bytes().into())
}

fn counts(report: &CaptureReport) -> [u64; 7] {
    [
        report.lines,
        report.no_market_data.values().sum(),
        report.trades,
        report.quotes,
        report.snapshots,
        report.diffs,
        report.level_changes,
    ]
}

#[test]
fn recorded_sessions_hold_what_another_reader_counts_in_them() {
    let Some(folder) = shared("ws-captures") else {
        return;
    };
    let expected = [
        ("BINANCE", [270, 3, 2, 84, 4, 177, 422]),
        ("BITFINEX", [1716, 88, 210, 21, 7, 1593, 1593]),
        ("BITMEX", [2126, 37, 26, 435, 9, 1967, 2585]),
        ("BITSTAMP", [778, 41, 10, 0, 10, 717, 1950]),
        ("BYBIT", [2207, 35, 62, 0, 5, 2121, 13963]),
        ("COINBASE", [6349, 9, 84, 84, 6, 6166, 6166]),
        ("DERIBIT", [138, 3, 0, 89, 10, 36, 41]),
        ("GEMINI", [680, 9, 514, 0, 10, 645, 1936]),
        ("KRAKEN", [2900, 129, 10, 18, 6, 2739, 2741]),
        ("KRAKEN_FUTURES", [7181, 37, 1003, 107, 10, 7014, 7014]),
        ("OKX", [202, 10, 69, 25, 1, 97, 4168]),
    ];
    for (venue, expected) in expected {
        let read = read(files(&folder, &format!("{venue}.")));
        let report = &read.report;
        assert_eq!(counts(report), expected, "{venue}");
        // Of Gemini two past trades that came with a book, which is kept.
        let (bad, lost) = match venue {
            "BITMEX" => (5, 5),
            "GEMINI" => (2, 0),
            _ => (0, 0),
        };
        assert_eq!(report.bad, bad, "{venue}: {:?}", report.bad_lines);
        assert_eq!(
            (report.sync.gaps, report.sync.checksums_wrong),
            (0, 0),
            "{venue}"
        );
        let messages = report.messages.values().sum::<u64>();
        assert_eq!(messages + expected[1] + lost, expected[0], "{venue}");
        let prefix = venue.to_ascii_lowercase().replace('_', "-");
        for def in read.instruments.defs() {
            assert!(def.name.starts_with(&format!("{prefix}.")), "{}", def.name);
        }
        let (first, last) = (read.records.first().unwrap(), read.records.last().unwrap());
        let seconds = (last.ts_recv().0 - first.ts_recv().0) / 1_000_000_000;
        assert!((10..60).contains(&seconds), "{venue}: {seconds} s");
    }
}

/// Gemini's line 12 tells two trades such as of 0.0149920461 beside the whole book of BTCGBP.
#[test]
fn a_past_trade_with_ten_decimals_does_not_cost_the_book() {
    let Some(folder) = shared("ws-captures") else {
        return;
    };
    let report = read(files(&folder, "GEMINI.")).report;
    let bad = report.bad_lines[0].to_string();
    assert!(bad.contains("GEMINI.ws.1.0.gz: line 12 (byte "), "{bad}");
    assert!(bad.contains("quantity is \"0.0149920461\""), "{bad}");
    assert_eq!((report.sync.syncs, report.sync.before_snapshot), (10, 0));
}

/// TRXU21 trades at 0.0000016425: ten decimals, one more than a price can have here. Its messages are refused, not rounded:
/// a quote, a trade, its whole book and a new level, and the end of a level that was in that book.
#[test]
fn prices_with_ten_decimals_are_refused_line_by_line() {
    let Some(folder) = shared("ws-captures") else {
        return;
    };
    let report = read(files(&folder, "BITMEX.")).report;
    let bad: Vec<(u64, &str)> = report
        .bad_lines
        .iter()
        .map(|bad| (bad.line, bad.cause.reason()))
        .collect();
    let fine = "decimal_too_fine";
    assert_eq!(
        bad,
        [
            (41, fine),
            (51, fine),
            (62, fine),
            (168, "value"),
            (582, fine)
        ]
    );
}

#[test]
fn a_snapshot_by_rest_joins_the_stream_that_it_is_given_with() {
    let Some(folder) = shared("ws-captures") else {
        return;
    };
    for (venue, books) in [("BINANCE.", 4), ("BITSTAMP.", 10)] {
        let whole = read(files(&folder, venue));
        assert_eq!(whole.report.sync.syncs, books, "{venue}");
        assert_eq!(whole.report.sync.gaps, 0, "{venue}");
        let stream = read(files(&folder, &format!("{venue}ws")));
        assert_eq!(stream.report.sync.syncs, 0, "{venue}");
        assert!(stream.of(Kind::Level).is_empty(), "{venue}");
    }
}

#[test]
fn scales_are_as_fine_as_the_finest_number() {
    let Some(folder) = shared("ws-captures") else {
        return;
    };
    // The most decimals in the raw texts, trailing zeros aside.
    let coinbase = read(files(&folder, "COINBASE."));
    let def = coinbase.def("coinbase.SKL-BTC");
    assert_eq!((def.price_decimals, def.currency.as_str()), (8, "BTC"));
    assert_eq!(coinbase.def("coinbase.SKL-GBP").price_decimals, 4);
    let bitmex = read(files(&folder, "BITMEX."));
    let def = bitmex.def("bitmex.XBTUSD");
    assert_eq!((def.price_decimals, def.qty_decimals), (1, 0));
}

#[test]
fn the_delta_capture_of_bybit_is_one_unbroken_book() {
    let Some(folder) = shared("bybit-ob500") else {
        return;
    };
    let path = folder.join("xrpusdt-ob500.data.zip");
    let mut bytes = std::fs::read(&path).unwrap();
    // The one member is stored as it is, after its local header of 30 bytes and two texts.
    let number =
        |at: usize, bytes: &[u8]| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let start = 30 + number(26, &bytes) + number(28, &bytes);
    let mut unpacked = bytes.split_off(start);
    unpacked.truncate(80_382);
    let read = read(vec![CaptureSource::Unpacked(path, unpacked.into())]);
    // 50 messages: a snapshot and 49 changes whose update ids go up by one.
    let report = &read.report;
    assert_eq!(
        (report.lines, report.snapshots, report.diffs, report.bad),
        (50, 1, 49, 0)
    );
    assert_eq!((report.sync.gaps, report.sync.syncs), (0, 1));
    assert_eq!(read.instruments.defs()[0].name, "bybit.XRPUSDT");
}

#[test]
fn events_of_barter_are_trades_and_quotes_of_three_instruments() {
    let Some(folder) = shared("binance-l1-multi") else {
        return;
    };
    let read = read(files(&folder, "binance_spot"));
    let report = &read.report;
    assert_eq!(
        (report.lines, report.trades, report.quotes),
        (50_000, 11_032, 38_968)
    );
    assert_eq!(report.bad, 0);
    let mut names: Vec<&str> = read
        .instruments
        .defs()
        .iter()
        .map(|def| def.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["binance_spot.0", "binance_spot.1", "binance_spot.2"]
    );
    let first = read.of(Kind::Trade)[0];
    assert_eq!(
        first.ts_event(),
        Ts::parse("2025-03-25T23:07:00.715Z").unwrap()
    );
    assert_eq!(
        first.ts_recv(),
        Ts::parse("2025-03-25T23:07:00.847021081Z").unwrap()
    );
    let trade = TradeBody::of(first);
    assert_eq!(
        (trade.trade_id, trade.side),
        (4_744_868_157, Side::Sell as u8)
    );
    let def = read.def("binance_spot.0");
    let price = tickloom_types::format_decimal(i128::from(trade.price), def.price_decimals);
    assert_eq!(price, "87232");
}

#[test]
fn every_message_of_the_current_generation_is_known() {
    let Some(folder) = shared("ws-fixtures") else {
        return;
    };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        all.extend(files(&entry.unwrap().path(), ""));
    }
    all.sort_by_key(CaptureSource::name);
    assert_eq!(all.len(), 64);
    // Folder; messages with market data; trades, quotes, whole books, changes, bars and changes of orders in them.
    let expected = [
        ("binance", [5, 2, 1, 0, 1, 1, 0]),
        ("bitmex", [4, 1, 1, 1, 1, 0, 0]),
        ("bybit", [5, 1, 2, 1, 1, 0, 0]),
        ("coinbase", [4, 2, 1, 1, 1, 0, 0]),
        ("deribit", [6, 2, 2, 2, 1, 0, 0]),
        ("hyperliquid", [1, 0, 0, 1, 0, 0, 0]),
        ("kraken", [15, 5, 2, 3, 2, 0, 10]),
        ("okx", [6, 1, 2, 1, 1, 1, 0]),
    ];
    for (venue, expected) in expected {
        let mut found = [0; 7];
        for source in all
            .iter()
            .filter(|source| source.name().contains(&format!("/{venue}/")))
        {
            let report = read(vec![source.clone()]).report;
            assert_eq!(report.bad_lines, [], "{}", source.name());
            let messages = report.messages.values().sum::<u64>();
            let one = [
                messages,
                report.trades,
                report.quotes,
                report.snapshots,
                report.diffs,
                report.bars,
                report.orders,
            ];
            for (sum, one) in found.iter_mut().zip(one) {
                *sum += one;
            }
        }
        assert_eq!(found, expected, "{venue}");
    }
}

#[test]
fn orders_of_a_level_three_book_are_kept_one_by_one() {
    let snapshot = r#"{"channel":"level3","type":"snapshot","data":[{"symbol":"A/B","timestamp":"2024-01-15T12:00:00Z","checksum":0,"bids":[{"order_id":"one","limit_price":2.5,"order_qty":3,"timestamp":"2024-01-15T11:00:00Z"}],"asks":[]}]}"#;
    let change = r#"{"channel":"level3","type":"update","data":[{"symbol":"A/B","timestamp":"2024-01-15T12:00:01Z","checksum":0,"bids":[{"event":"modify","order_id":"one","limit_price":2.5,"order_qty":1,"timestamp":"2024-01-15T12:00:01Z"}],"asks":[{"event":"add","order_id":"two","limit_price":2.75,"order_qty":4,"timestamp":"2024-01-15T12:00:02Z"}]}]}"#;
    let read = read(vec![text(&format!("{snapshot}\n{change}\n"))]);
    let found: Vec<_> = read
        .of(Kind::OrderUpdate)
        .into_iter()
        .map(|record| {
            let body = OrderUpdateBody::of(record);
            let action = BookAction::from_raw(body.action).unwrap();
            (
                action,
                body.side,
                body.price,
                body.qty,
                record.has(Flags::SNAPSHOT),
            )
        })
        .collect();
    let (bid, ask) = (Side::Buy as u8, Side::Sell as u8);
    let expected = [
        (BookAction::Clear, 0, 0, 0, true),
        (BookAction::Add, bid, 250, 3, true),
        (BookAction::Modify, bid, 250, 1, false),
        (BookAction::Add, ask, 275, 4, false),
    ];
    assert_eq!(found, expected);
    let ids: Vec<u64> = read
        .of(Kind::OrderUpdate)
        .into_iter()
        .map(|record| OrderUpdateBody::of(record).order_id)
        .collect();
    assert_eq!(ids[1], ids[2]);
    assert_ne!(ids[2], ids[3]);
}

const KF_SNAPSHOT: &str = r#"1.0: {"feed":"book_snapshot","product_id":"PI_X","timestamp":1000,"seq":5,"bids":[{"price":10,"qty":1}],"asks":[{"price":11,"qty":1}]}"#;

fn kf_change(seq: u64) -> String {
    format!(
        r#"1.5: {{"feed":"book","product_id":"PI_X","side":"buy","seq":{seq},"price":9.5,"qty":2,"timestamp":1500}}"#
    )
}

fn states(read: &Read) -> Vec<Option<BookState>> {
    let status = read.of(Kind::Status).into_iter().map(StatusBody::of);
    let books = status.filter(|body| body.code == StatusCode::Book as u16);
    books.map(|body| BookState::from_raw(body.state)).collect()
}

#[test]
fn a_missing_change_ends_the_book_until_the_next_snapshot() {
    let lines = [
        "wss://futures.kraken.com/ws/v1 <-> 0.5".to_owned(),
        kf_change(4),
        KF_SNAPSHOT.to_owned(),
        kf_change(6),
        kf_change(8),
        kf_change(9),
        KF_SNAPSHOT.replace("1.0: ", "2.0: "),
        kf_change(6).replace("1.5: ", "2.5: "),
    ];
    let read = read(vec![text(&lines.join("\n"))]);
    let report = &read.report;
    assert_eq!((report.diffs, report.snapshots, report.bad), (5, 2, 0));
    // The one before the snapshot, and the one after the gap; that at the gap waits, and is dropped with the snapshot.
    assert_eq!((report.sync.gaps, report.sync.before_snapshot), (1, 3));
    let expected = [BookState::Live, BookState::Resync, BookState::Live];
    assert_eq!(states(&read), expected.map(Some));
    let levels: Vec<(i64, u8)> = read
        .of(Kind::Level)
        .into_iter()
        .map(|record| (LevelBody::of(record).price, LevelBody::of(record).clear))
        .collect();
    let book = [(100, 1), (110, 0), (95, 0)];
    assert_eq!(levels, [book, book].concat());
}

#[test]
fn levels_beyond_the_depth_of_the_subscription_are_deleted() {
    let row = |price: u32| format!(r#"["{price}.0","1.0","5.0"]"#);
    let rows: Vec<String> = (1..=10).map(row).collect();
    let snapshot = format!(
        r#"2.0: [7,{{"as":[],"bs":[{}]}},"book-10","A/B"]"#,
        rows.join(",")
    );
    let change = format!(r#"3.0: [7,{{"b":[{}]}},"book-10","A/B"]"#, row(11));
    let lines = format!("wss://ws.kraken.com <-> 1.0\n{snapshot}\n{change}\n");
    let read = read(vec![text(&lines)]);
    let changes: Vec<(i64, i64)> = read
        .of(Kind::Level)
        .into_iter()
        .filter(|record| !record.has(Flags::SNAPSHOT))
        .map(|record| (LevelBody::of(record).price, LevelBody::of(record).qty))
        .collect();
    assert_eq!(changes, [(11, 1), (1, 0)]);
}

#[test]
fn a_missing_message_of_a_numbered_connection_ends_all_its_books() {
    let lines = [
        "wss://api.bitfinex.com/ws/2 <-> 1.0",
        r#"1.1: {"event":"conf","status":"OK","flags":65536}"#,
        r#"1.2: {"event":"subscribed","channel":"book","chanId":5,"symbol":"tAB:CD","prec":"P0"}"#,
        r#"1.3: [5,[[1.5,1,2],[1.75,1,-2]],1]"#,
        r#"1.4: [5,[1.5,0,1],2]"#,
        r#"1.5: [5,"hb",3]"#,
        r#"1.6: [5,"hb",7]"#,
        r#"1.7: [6,[1.25,1,2],8]"#,
    ];
    let read = read(vec![text(&lines.join("\n"))]);
    assert_eq!((read.report.sync.gaps, read.report.bad), (1, 1));
    assert_eq!(
        states(&read),
        [Some(BookState::Live), Some(BookState::Resync)]
    );
    let gap = read.of(Kind::Status).into_iter().map(StatusBody::of);
    let gap = gap
        .into_iter()
        .find(|body| body.code == StatusCode::Gap as u16)
        .unwrap();
    assert_eq!((gap.from, gap.to), (4, 6));
    let bad = read.report.bad_lines[0].to_string();
    assert!(bad.starts_with("capture: line 8 (byte "), "{bad}");
    assert!(bad.contains("unknown message \"channel 6\""), "{bad}");
    assert_eq!(read.instruments.defs()[0].name, "bitfinex.AB/CD");
}

#[test]
fn a_level_that_nobody_brought_in_has_no_price() {
    let update = r#"{"table":"orderBookL2","action":"ACTION","data":[{"symbol":"XBTUSD","id":1,"side":"Sell","size":5}]}"#;
    let partial = r#"{"table":"orderBookL2","action":"partial","data":[{"symbol":"XBTUSD","id":1,"side":"Sell","size":5,"price":10.5}]}"#;
    let lines = [
        "wss://www.bitmex.com/realtime <-> 1.0".to_owned(),
        format!("1.5: {}", update.replace("ACTION", "update")),
        format!("2.0: {partial}"),
        format!("2.5: {}", update.replace("ACTION", "update")),
        format!("3.0: {}", update.replace("ACTION", "delete")),
        format!("3.5: {}", update.replace("ACTION", "update")),
    ];
    let read = read(vec![text(&lines.join("\n"))]);
    assert_eq!(
        (read.report.snapshots, read.report.diffs, read.report.bad),
        (1, 2, 2)
    );
    let texts: Vec<String> = read
        .report
        .bad_lines
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        texts[0].contains("id is \"1\", expected a level that is known"),
        "{}",
        texts[0]
    );
    let levels: Vec<(i64, i64)> = read
        .of(Kind::Level)
        .into_iter()
        .map(|record| (LevelBody::of(record).price, LevelBody::of(record).qty))
        .collect();
    assert_eq!(levels, [(105, 5), (105, 5), (105, 0)]);
    // The venue says no time here: it is the recorder's, and marked.
    assert!(
        read.of(Kind::Level)
            .into_iter()
            .all(|record| record.has(Flags::BAD_TIME))
    );
}

#[test]
fn closed_candles_become_bars_at_their_close() {
    let kline = r#"{"e":"kline","E":60000,"s":"ABUSDT","k":{"t":0,"T":59999,"s":"ABUSDT","i":"1m","o":"1","c":"2","h":"2.5","l":"0.5","v":"10","x":true}}"#;
    let open = kline.replace("true", "false");
    let read = read(vec![text(&format!("{open}\n{kline}\n"))]);
    assert_eq!(
        read.report.no_market_data.get("kline, not closed"),
        Some(&1)
    );
    let bar = read.of(Kind::Bar)[0];
    assert_eq!(bar.ts_event(), Ts(60_000_000_000));
    assert_eq!(
        read.instruments.bar_spec(bar.source()),
        Some("1m".parse().unwrap())
    );
    let body = BarBody::of(bar);
    let prices = [body.open, body.high, body.low, body.close, body.volume];
    assert_eq!(prices, [10, 25, 5, 20, 10]);
}

#[test]
fn a_quote_without_sizes_has_size_zero() {
    let ticker = r#"{"type":"ticker","product_id":"A-USD","price":"1","best_bid":"1.5","best_ask":"1.75","time":"2024-01-15T12:00:00Z"}"#;
    let read = read(vec![text(&format!("{ticker}\n"))]);
    let quote = QuoteBody::of(read.of(Kind::Quote)[0]);
    assert_eq!(
        (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty),
        (150, 0, 175, 0)
    );
}

#[test]
fn connections_that_were_recorded_apart_are_read_in_the_order_of_arrival() {
    let match_at = |at: &str, id: u32| {
        format!(
            r#"{at}: {{"type":"match","trade_id":{id},"side":"sell","size":"1","price":"2","product_id":"A-B","time":"2024-01-15T12:00:00Z"}}"#
        )
    };
    let open = "wss://ws-feed.pro.coinbase.com <-> 1.0";
    let one = format!("{open}\n{}\n{}\n", match_at("1.5", 1), match_at("4.5", 4));
    let two = format!("{open}\n{}\n{}\n", match_at("2.5", 2), match_at("3.5", 3));
    let read = read(vec![text(&one), text(&two)]);
    let ids: Vec<u64> = read
        .of(Kind::Trade)
        .into_iter()
        .map(|record| TradeBody::of(record).trade_id)
        .collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    // The maker sold, so a buyer was the aggressor.
    assert_eq!(TradeBody::of(read.of(Kind::Trade)[0]).side, Side::Buy as u8);
}

/// Each is one line of a recording at Coinbase, and wrong; the word is the reason.
#[test]
fn wrong_messages_are_counted_by_reason_and_leave_nothing() {
    let trade = r#"{"type":"match","trade_id":1,"side":"sell","size":"1","price":"2","product_id":"A-B","time":"2024-01-15T12:00:00Z"}"#;
    let with = |from: &str, to: &str| trade.replace(from, to).into_bytes();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (trade[..40].to_owned().into_bytes(), "syntax"),
        (b"{\"type\":\"match\xff\"}".to_vec(), "syntax"),
        (b"[1,2]".to_vec(), "wrong_type"),
        (b"{}".to_vec(), "unknown_message"),
        (
            with("\"type\":\"match\"", "\"type\":\"new\""),
            "unknown_message",
        ),
        (with("\"price\":\"2\",", ""), "missing_field"),
        (with("\"2\"", "1e999"), "decimal_overflow"),
        (
            with("\"2\"", "10000000000000000000000000000000000000000"),
            "decimal_overflow",
        ),
        (with("\"2\"", "1e-12"), "decimal_too_fine"),
        (with("\"2\"", "\"two\""), "decimal_syntax"),
        (with("\"2\"", "{}"), "decimal_syntax"),
        (with("\"2\"", "0"), "not_positive"),
        (with("\"2\"", "-2"), "not_positive"),
        (with("sell", "hold"), "value"),
        (with("2024-01-15T12:00:00Z", "yesterday"), "value"),
        (with("A-B", "A-B "), "bad_symbol"),
        (
            format!("{{\"type\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000)).into_bytes(),
            "too_deep",
        ),
    ];
    let mut lines = b"wss://ws-feed.pro.coinbase.com <-> 1.0\n".to_vec();
    for (body, _) in &cases {
        lines.extend_from_slice(b"1.5: ");
        lines.extend_from_slice(body);
        lines.push(b'\n');
    }
    lines.extend_from_slice(b"nonsense\n");
    lines.extend_from_slice(format!("1.75: {trade}\n").as_bytes());
    let source = CaptureSource::Unpacked(PathBuf::from("capture"), lines.into());
    let read = read(vec![source]);
    for (bad, (body, reason)) in read.report.bad_lines.iter().zip(&cases) {
        let body = String::from_utf8_lossy(body);
        assert_eq!(bad.cause.reason(), *reason, "{body}: {bad}");
        assert!(bad.to_string().len() < 400, "{bad}");
    }
    assert_eq!(read.report.bad, cases.len() as u64 + 1);
    assert_eq!(read.report.reasons.get("line_shape"), Some(&1));
    assert_eq!((read.report.trades, read.of(Kind::Trade).len()), (1, 1));
}

#[test]
fn a_number_that_does_not_fit_the_scale_that_others_need_is_refused() {
    let trade = |price: &str| {
        format!(
            r#"{{"type":"match","trade_id":1,"side":"sell","size":"1","price":"{price}","product_id":"A-B","time":"2024-01-15T12:00:00Z"}}"#
        )
    };
    let lines = format!("{}\n{}\n", trade("0.000000001"), trade("99999999999"));
    let read = read(vec![text(&lines)]);
    assert_eq!((read.report.trades, read.report.bad), (1, 1));
    let bad = read.report.bad_lines[0].to_string();
    assert!(bad.contains("price is \"99999999999\""), "{bad}");
}

#[test]
fn files_that_are_no_messages_say_what_was_expected() {
    for start in [
        "time,open,high\n1,2,3\n",
        "[Date],[Open],[High]\n",
        "{\"tickloom\":{}}\n",
        "",
        "PAR1\u{1}\u{2}",
        "{\n \"a\": [\n",
    ] {
        let error = Origin::of(&text(start)).unwrap_err().to_string();
        assert!(error.starts_with("capture: begins with "), "{error}");
        assert!(error.contains("expected a capture"), "{error}");
    }
}

/// Captures of every venue, written for the fuzzer: a byte for the venue, one for how it is written down, and the capture.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds/feed_venues");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| std::fs::read(path).unwrap();
    paths.into_iter().map(read).collect()
}

/// Reads a seed, or what became of one.
fn read_seed(seed: &[u8]) -> Option<Read> {
    let [venue, recorder, capture @ ..] = seed else {
        return None;
    };
    let recorders = [Recorder::Cryptofeed, Recorder::Lines, Recorder::Whole];
    let origin = Origin {
        venue: VenueKind::ALL[usize::from(*venue) % VenueKind::ALL.len()],
        recorder: recorders[usize::from(*recorder) % recorders.len()],
    };
    let source = CaptureSource::Unpacked(PathBuf::from("capture"), capture.into());
    let recording = Recording::survey(origin, vec![source]).ok()?;
    let instruments = recording.instruments().clone();
    let mut records: Vec<Record> = Vec::new();
    let report = recording.decode(&mut records).unwrap();
    Some(Read {
        report,
        records,
        instruments,
    })
}

#[test]
fn messages_of_no_venue_that_is_known_are_named_as_such() {
    for start in [
        "{\"a\":1}\n",
        "[1,2,3]\n",
        "1782259201000000000 {\"topic\":\"/market/level2:AB-USDT\",\"subject\":\"trade.l2update\",\"data\":{}}\n",
        "{\"time\":1,\"channel\":\"spot.trades\",\"event\":\"update\",\"result\":{\"id\":1}}\n",
        "{\n \"a\": [1]\n}\n",
    ] {
        let error = Origin::of(&text(start)).unwrap_err();
        assert!(
            matches!(error, CaptureError::UnknownMessages { .. }),
            "{error}"
        );
        let error = error.to_string();
        assert!(
            error.starts_with("capture: JSON messages of no venue that is known: begins with "),
            "{error}"
        );
    }
}

#[test]
fn a_stamp_before_a_message_is_its_arrival_whatever_the_venue() {
    let bybit = r#"{"topic":"publicTrade.ABUSDT","type":"snapshot","ts":1782259201000,"data":[{"T":1782259201000,"s":"ABUSDT","S":"Buy","v":"2","p":"10","L":"PlusTick","i":"7"}]}"#;
    let quiet = r#"{"topic":"kline.1.ABUSDT","type":"snapshot","ts":1782259201000,"data":[]}"#;
    let okx = r#"{"arg":{"channel":"trades-all","instId":"AB-USDT"},"data":[{"instId":"AB-USDT","tradeId":"7","px":"10","sz":"2","side":"buy","ts":"1782259201000"}]}"#;
    let hyperliquid = r#"{"channel":"trades","data":[{"coin":"AB","side":"B","px":"10","sz":"2","time":1782259201000,"hash":"0x0","tid":7}]}"#;
    let kraken = r#"{"channel":"trade","type":"update","data":[{"symbol":"AB/USD","side":"buy","price":10,"qty":2,"ord_type":"limit","trade_id":7,"timestamp":"2026-06-24T00:00:01Z"}]}"#;
    let stamps = [
        ("1782259201234567890", "2026-06-24T00:00:01.23456789Z"),
        ("1782259201234567", "2026-06-24T00:00:01.234567Z"),
        ("1782259201234", "2026-06-24T00:00:01.234Z"),
    ];
    for (venue, message) in [
        (VenueKind::Bybit, bybit),
        (VenueKind::Okx, okx),
        (VenueKind::Hyperliquid, hyperliquid),
        (VenueKind::Kraken, kraken),
    ] {
        for (stamp, arrival) in stamps {
            // A line before it that does not say of which venue it is.
            let first = match venue {
                VenueKind::Bybit => quiet,
                _ => "{}",
            };
            let source = text(&format!(
                "{stamp} {first}\n{stamp} {message}\nx {message}\n"
            ));
            let origin = Origin::of(&source).unwrap();
            let recorder = Recorder::Stamped;
            assert_eq!(origin, Origin { venue, recorder });
            let read = read(vec![source]);
            let trades = read.of(Kind::Trade);
            assert_eq!(trades.len(), 1, "{venue:?}");
            assert_eq!(trades[0].ts_recv().to_string(), arrival);
            assert_eq!(trades[0].ts_event().to_string(), "2026-06-24T00:00:01Z");
            assert_eq!(read.report.reasons.get("line_time"), Some(&1));
        }
    }
}

#[test]
fn seeds_are_read_without_a_wrong_line() {
    let seeds = seeds();
    assert_eq!(seeds.len(), 14);
    for seed in seeds {
        let read = read_seed(&seed).unwrap();
        assert_eq!(
            read.report.bad_lines,
            [],
            "{}",
            String::from_utf8_lossy(&seed)
        );
        assert!(!read.records.is_empty());
    }
}

proptest! {
    #[test]
    fn whatever_becomes_of_a_capture_it_is_taken_or_counted(
        seed in 0_usize..14,
        edits in vec((any::<Index>(), any::<u8>(), 0_u8..4), 0..6),
    ) {
        let mut seed = seeds().swap_remove(seed);
        for (at, byte, edit) in edits {
            let at = at.index(seed.len());
            match edit {
                0 => seed[at] = byte,
                1 => seed.insert(at, byte),
                2 => { seed.remove(at); }
                _ => seed.truncate(at.max(2)),
            }
            if seed.is_empty() {
                break;
            }
        }
        if let Some(read) = read_seed(&seed) {
            let messages: u64 = read.report.messages.values().sum();
            let others: u64 = read.report.no_market_data.values().sum();
            let all = messages + others;
            let of_other_books: u64 = read.report.other_books.values().sum();
            let most = all + read.report.bad + of_other_books;
            prop_assert!(all <= read.report.lines && read.report.lines <= most);
            let mut has_book = HashSet::new();
            for record in read.of(Kind::Level) {
                let level = LevelBody::of(record);
                if level.clear == 1 {
                    has_book.insert(record.header.instrument);
                }
                prop_assert!(has_book.contains(&record.header.instrument));
            }
        }
    }
}
