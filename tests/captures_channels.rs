//! Captures with two books of one symbol, lines that cannot be read, and packed ones: what comes of each is worked out by hand.

#![cfg(test)]

mod cli;
#[path = "common/levels.rs"]
mod levels;

use cli::{Ran, tickloom, workspace};
use levels::levels_left;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tickloom_data::{Catalog, ScanQuery};
use tickloom_types::{BookState, Instruments, Kind, QuoteBody, Record, StatusBody, StatusCode};

/// What an import made of a capture.
struct Imported {
    report: Value,
    instruments: Instruments,
    records: Vec<Record>,
}

fn run(files: &[&str], catalog: &str) -> Ran {
    tickloom(&[&["import"], files, &["--catalog", catalog, "--json"]].concat())
}

/// Imports a capture of these lines.
fn import(lines: &[&str]) -> Imported {
    let dir = workspace();
    let file = dir.path().join("lines.capture").display().to_string();
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    import_files(&[&file])
}

fn import_files(files: &[&str]) -> Imported {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let ran = run(files, &catalog);
    assert_eq!(ran.code, 0, "{ran:?}");
    let scan = Catalog::open(Path::new(&catalog)).unwrap();
    let scan = scan.scan(&ScanQuery::default()).unwrap();
    Imported {
        report: serde_json::from_str(&ran.stdout).unwrap(),
        instruments: scan.instruments().clone(),
        records: scan.map(|next| next.unwrap().1).collect(),
    }
}

impl Imported {
    fn of(&self, name: &str) -> impl Iterator<Item = &Record> {
        let (id, _) = self.instruments.find(name).unwrap();
        self.records.iter().filter(move |r| r.instrument() == id)
    }

    /// The levels that are left (`bid 100 x 6`), sorted as text.
    fn book(&self, name: &str) -> Vec<String> {
        let (_, def) = self.instruments.find(name).unwrap();
        levels_left(def, self.of(name))
    }

    /// The states that the book went through.
    fn states(&self, name: &str) -> Vec<BookState> {
        let of = self.of(name).filter(|r| r.kind() == Some(Kind::Status));
        let of = of.map(StatusBody::of);
        let of = of.filter(|body| body.code == StatusCode::Book as u16);
        of.filter_map(|body| BookState::from_raw(body.state))
            .collect()
    }

    fn quotes(&self, name: &str) -> Vec<QuoteBody> {
        let of = self.of(name).filter(|r| r.kind() == Some(Kind::Quote));
        of.map(QuoteBody::of).collect()
    }

    /// What was read and not kept, of books.
    fn other_books(&self) -> Vec<(String, u64)> {
        let not_kept = self.report["not_kept"].as_object().unwrap();
        let of = not_kept
            .iter()
            .filter(|(what, _)| !what.contains("no market data"));
        of.map(|(what, count)| (what.clone(), count.as_u64().unwrap()))
            .collect()
    }
}

fn texts(of: &[&str]) -> Vec<String> {
    of.iter().map(|text| (*text).to_owned()).collect()
}

fn not_kept(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter()
        .map(|(what, count)| ((*what).to_owned(), *count))
        .collect()
}

#[test]
fn books_of_okx_are_told_apart_by_their_channel() {
    let done = import(&[
        r#"{"arg":{"channel":"books","instId":"AB-USDT"},"action":"snapshot","data":[{"asks":[["101","5","0","1"],["107","5","0","1"]],"bids":[["100","4","0","1"],["93","4","0","1"]],"ts":"1782259201000","prevSeqId":-1,"seqId":10}]}"#,
        r#"{"arg":{"channel":"books5","instId":"AB-USDT"},"data":[{"asks":[["101","9","0","1"]],"bids":[["100","9","0","1"]],"ts":"1782259201100","seqId":11}]}"#,
        r#"{"arg":{"channel":"bbo-tbt","instId":"AB-USDT"},"data":[{"asks":[["101","8","0","1"]],"bids":[["100","7","0","1"]],"ts":"1782259201200","seqId":11}]}"#,
        r#"{"arg":{"channel":"books","instId":"AB-USDT"},"action":"update","data":[{"asks":[],"bids":[["98","1","0","1"]],"ts":"1782259201300","prevSeqId":10,"seqId":12}]}"#,
    ]);
    let name = "okx.AB-USDT";
    let levels = [
        "ask 101 x 5",
        "ask 107 x 5",
        "bid 100 x 4",
        "bid 93 x 4",
        "bid 98 x 1",
    ];
    assert_eq!(done.book(name), texts(&levels));
    assert_eq!(done.states(name), [BookState::Live]);
    let quote = done.quotes(name)[0];
    assert_eq!(
        (quote.bid, quote.bid_qty, quote.ask, quote.ask_qty),
        (100, 7, 101, 8)
    );
    let other = [("books5 of okx.AB-USDT (its book is books)", 1)];
    assert_eq!(done.other_books(), not_kept(&other));
}

#[test]
fn books_of_bybit_are_told_apart_by_their_depth() {
    let book = |depth: u32, kind: &str, id: u64, bids: &str, asks: &str| {
        format!(
            r#"{{"topic":"orderbook.{depth}.ABUSDT","type":"{kind}","ts":178225920{id}000,"data":{{"s":"ABUSDT","b":[{bids}],"a":[{asks}],"u":{id},"seq":1}}}}"#
        )
    };
    let lines = [
        book(50, "snapshot", 1, r#"["10","1"]"#, r#"["11","1"]"#),
        book(
            200,
            "snapshot",
            1,
            r#"["10","1"],["4","2"]"#,
            r#"["11","1"],["17","2"]"#,
        ),
        book(50, "delta", 2, r#"["10","0"],["9","3"]"#, ""),
        book(1, "snapshot", 2, r#"["9","3"]"#, r#"["11","1"]"#),
        book(200, "delta", 2, r#"["10","5"]"#, ""),
    ];
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    // What says that it is of derivatives, whose symbols spot has too.
    lines.push(r#"{"topic":"publicTrade.ABUSDT","type":"snapshot","ts":1782259203000,"data":[{"T":1782259203000,"s":"ABUSDT","S":"Buy","v":"2","p":"10","L":"PlusTick","i":"7"}]}"#);
    let done = import(&lines);
    let name = "bybit.ABUSDT";
    let levels = ["ask 11 x 1", "ask 17 x 2", "bid 10 x 5", "bid 4 x 2"];
    assert_eq!(done.book(name), texts(&levels));
    assert_eq!(done.states(name), [BookState::Live]);
    let other = [(
        "orderbook.50 of bybit.ABUSDT (its book is orderbook.200)",
        2,
    )];
    assert_eq!(done.other_books(), not_kept(&other));
    let quotes = done.quotes(name);
    assert_eq!(quotes.len(), 1);
    assert_eq!((quotes[0].bid, quotes[0].ask_qty), (9, 1));
}

/// Both tables of BitMEX name levels by the same numbers; what leaves the top 25 is in the whole book all the same.
#[test]
fn a_level_that_leaves_the_top_of_bitmex_stays_in_the_book() {
    let row = |table: &str, action: &str, row: &str| {
        format!(
            r#"{{"table":"{table}","action":"{action}","data":[{{"symbol":"XBTUSD",{row},"timestamp":"2026-06-24T00:00:01.000Z"}}]}}"#
        )
    };
    let level = r#""id":7,"side":"Buy","size":3,"price":100"#;
    let gone = r#""id":7,"side":"Buy""#;
    let more = r#""id":7,"side":"Buy","size":8"#;
    let lines = [
        row("orderBookL2", "partial", level),
        row("orderBookL2_25", "partial", level),
        row("orderBookL2_25", "delete", gone),
        row("orderBookL2", "update", more),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let done = import(&lines);
    assert_eq!(done.report["refused"], 0, "{}", done.report);
    assert_eq!(done.book("bitmex.XBTUSD"), texts(&["bid 100 x 8"]));
    let other = [(
        "orderBookL2_25 of bitmex.XBTUSD (its book is orderBookL2)",
        2,
    )];
    assert_eq!(done.other_books(), not_kept(&other));
}

#[test]
fn books_of_bitfinex_are_told_apart_by_precision_and_length() {
    let done = import(&[
        "wss://api-pub.bitfinex.com/ws/2 <-> 1782259200.5",
        r#"1782259201.0: {"event":"subscribed","channel":"book","chanId":1,"symbol":"tABUSD","prec":"P1","freq":"F0","len":"100","pair":"ABUSD"}"#,
        r#"1782259201.0: {"event":"subscribed","channel":"book","chanId":2,"symbol":"tABUSD","prec":"P0","freq":"F0","len":"25","pair":"ABUSD"}"#,
        "1782259201.1: [1,[[100,3,6],[110,3,-6]]]",
        "1782259201.2: [2,[[101,1,2],[109,1,-2]]]",
        "1782259201.3: [1,[100,2,5]]",
        "1782259201.4: [2,[102,1,1]]",
    ]);
    let levels = ["ask 109 x 2", "bid 101 x 2", "bid 102 x 1"];
    assert_eq!(done.book("bitfinex.ABUSD"), texts(&levels));
    let other = [(
        "book P1 F0 100 of bitfinex.ABUSD (its book is book P0 F0 25)",
        2,
    )];
    assert_eq!(done.other_books(), not_kept(&other));
}

#[test]
fn a_grouped_book_of_deribit_does_not_empty_the_whole_one() {
    let message = |channel: &str, data: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.AB-PERPETUAL.{channel}","data":{{"instrument_name":"AB-PERPETUAL","timestamp":1782259201000,{data}}}}}}}"#
        )
    };
    let lines = [
        message(
            "100ms",
            r#""type":"snapshot","change_id":5,"bids":[["new",10,1],["new",2,7]],"asks":[["new",11,1]]"#,
        ),
        message(
            "none.20.100ms",
            r#""change_id":6,"bids":[[10,9]],"asks":[[11,9]]"#,
        ),
        message(
            "100ms",
            r#""type":"change","change_id":6,"prev_change_id":5,"bids":[["delete",10,0]],"asks":[]"#,
        ),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let done = import(&lines);
    let name = "deribit.AB-PERPETUAL";
    assert_eq!(done.book(name), texts(&["ask 11 x 1", "bid 2 x 7"]));
    assert_eq!(done.states(name), [BookState::Live]);
    let other = [(
        "book.none.20.100ms of deribit.AB-PERPETUAL (its book is book.100ms)",
        1,
    )];
    assert_eq!(done.other_books(), not_kept(&other));
}

#[test]
fn books_of_kraken_are_told_apart_by_their_depth() {
    let done = import(&[
        "wss://ws.kraken.com <-> 1782259200.5",
        r#"1782259201.0: [1,{"as":[["11","1","1782259201.0"]],"bs":[["10","1","1782259201.0"]]},"book-10","XBT/USD"]"#,
        r#"1782259201.1: [2,{"as":[["11","1","1782259201.0"],["19","2","1782259201.0"]],"bs":[["10","1","1782259201.0"],["3","2","1782259201.0"]]},"book-1000","XBT/USD"]"#,
        r#"1782259201.2: [1,{"b":[["10","0","1782259201.2"]]},"book-10","XBT/USD"]"#,
        r#"1782259201.3: [2,{"b":[["4","6","1782259201.3"]]},"book-1000","XBT/USD"]"#,
    ]);
    let levels = [
        "ask 11 x 1",
        "ask 19 x 2",
        "bid 10 x 1",
        "bid 3 x 2",
        "bid 4 x 6",
    ];
    assert_eq!(done.book("kraken.XBT/USD"), texts(&levels));
    let other = [("book-10 of kraken.XBT/USD (its book is book-1000)", 2)];
    assert_eq!(done.other_books(), not_kept(&other));
}

/// The messages of Coinbase do not say of which channel they are: of a product that is subscribed to over two there is no book.
#[test]
fn books_that_cannot_be_told_apart_are_not_kept() {
    let snapshot = |product: &str| {
        format!(
            r#"1782259201.1: {{"type":"snapshot","product_id":"{product}","bids":[["10","1"]],"asks":[["11","1"]],"time":"2026-06-24T00:00:01.000Z"}}"#
        )
    };
    let (ab, cd) = (snapshot("AB-USD"), snapshot("CD-USD"));
    let done = import(&[
        "wss://ws-feed.exchange.coinbase.com <-> 1782259200.5",
        r#"1782259201.0: {"type":"subscriptions","channels":[{"name":"level2","product_ids":["AB-USD","CD-USD"]},{"name":"level2_50","product_ids":["AB-USD"]}]}"#,
        &ab,
        &cd,
    ]);
    assert_eq!(
        done.book("coinbase.CD-USD"),
        texts(&["ask 11 x 1", "bid 10 x 1"])
    );
    assert_eq!(done.of("coinbase.AB-USD").count(), 0);
    let what = "level2 and level2_50 of coinbase.AB-USD (which cannot be told apart)";
    assert_eq!(done.other_books(), not_kept(&[(what, 1)]));
}

#[test]
fn the_top_of_a_book_of_binance_is_not_taken_for_changes_of_it() {
    let done = import(&[
        "wss://stream.binance.com:9443/stream?streams=abusdt@depth@100ms/abusdt@depth5 <-> 1782259200.5",
        r#"1782259201.0: {"stream":"abusdt@depth@100ms","data":{"e":"depthUpdate","E":1782259201000,"s":"ABUSDT","U":4,"u":5,"b":[["9","4"]],"a":[]}}"#,
        r#"https://api.binance.com/api/v3/depth?symbol=ABUSDT&limit=1000 -> 1782259201.1: {"lastUpdateId":4,"bids":[["10","1"],["3","2"]],"asks":[["11","1"]]}"#,
        r#"1782259201.2: {"stream":"abusdt@depth5","data":{"lastUpdateId":6,"bids":[["10","7"]],"asks":[["11","7"]]}}"#,
        r#"1782259201.3: {"stream":"abusdt@depth@100ms","data":{"e":"depthUpdate","E":1782259201300,"s":"ABUSDT","U":6,"u":6,"b":[],"a":[["12","2"]]}}"#,
    ]);
    let levels = [
        "ask 11 x 1",
        "ask 12 x 2",
        "bid 10 x 1",
        "bid 3 x 2",
        "bid 9 x 4",
    ];
    assert_eq!(done.book("binance.ABUSDT"), texts(&levels));
    let other = [("depth5 of binance.ABUSDT (its book is depth@100ms)", 1)];
    assert_eq!(done.other_books(), not_kept(&other));
    assert_eq!(done.report["refused"], 0, "{}", done.report);
}

#[test]
fn trades_of_binance_over_two_channels_count_once() {
    let trade = |event: &str, field: &str, id: u64, size: &str| {
        format!(
            r#"{{"e":"{event}","E":178225920{id}000,"s":"ABUSDT","{field}":{id},"p":"10","q":"{size}","T":178225920{id}000,"m":true,"M":true}}"#
        )
    };
    let (one, two) = (trade("trade", "t", 1, "1.5"), trade("trade", "t", 2, "3"));
    let both = trade("aggTrade", "a", 1, "4.5");
    let done = import(&[&one, &both, &two, &two]);
    let trades = done.of("binance.ABUSDT");
    let trades = trades.filter(|r| r.kind() == Some(Kind::Trade)).count();
    assert_eq!(trades, 2);
    let other = [("aggTrade of binance.ABUSDT (its trades are trade)", 1)];
    assert_eq!(done.other_books(), not_kept(&other));
    assert_eq!(done.report["repeated"], 1, "{}", done.report);
}

const OPENED: &str = "wss://ws-feed.exchange.coinbase.com <-> 1782259200.5";

/// Messages of Coinbase's Exchange feed, which numbers no changes.
fn coinbase(second: u8, kind: &str, product: &str, levels: &str) -> String {
    format!(
        r#"178225920{second}.1: {{"type":"{kind}","product_id":"{product}",{levels},"time":"2026-06-24T00:00:0{second}.000Z"}}"#
    )
}

const WHOLE: &str = r#""bids":[["10","1"]],"asks":[["11","1"]]"#;
const CHANGE: &str = r#""changes":[["buy","9","2"]]"#;

/// A line between two books and a change of each; what becomes of the books.
fn with_bad_line(bad: &str) -> Imported {
    let (ab, cd) = (
        coinbase(1, "snapshot", "AB-USD", WHOLE),
        coinbase(1, "snapshot", "CD-USD", WHOLE),
    );
    let (of_ab, of_cd) = (
        coinbase(3, "l2update", "AB-USD", CHANGE),
        coinbase(3, "l2update", "CD-USD", CHANGE),
    );
    let again = coinbase(4, "snapshot", "AB-USD", r#""bids":[["8","3"]],"asks":[]"#);
    import(&[OPENED, &ab, &cd, bad, &of_ab, &of_cd, &again])
}

#[test]
fn a_line_that_cannot_be_read_makes_the_books_wait_that_it_may_have_told_of() {
    use BookState::{Live, Stale};
    let whole = coinbase(2, "l2update", "AB-USD", CHANGE);
    let number = coinbase(2, "l2update", "AB-USD", r#""changes":[["buy","9","2x"]]"#);
    let kept = texts(&["ask 11 x 1", "bid 10 x 1", "bid 9 x 2"]);
    for named in [
        &whole[..whole.len() - 20],
        &number,
        &whole.replace("]]", "]"),
    ] {
        let done = with_bad_line(named);
        assert_eq!(done.report["refused"], 1, "{}", done.report);
        assert_eq!(
            done.states("coinbase.AB-USD"),
            [Live, Stale, Live],
            "{named}"
        );
        assert_eq!(done.book("coinbase.AB-USD"), texts(&["bid 8 x 3"]));
        assert_eq!(done.states("coinbase.CD-USD"), [Live], "{named}");
        assert_eq!(done.book("coinbase.CD-USD"), kept);
        let notes = done.report["imports"][0]["notes"].to_string();
        assert!(notes.contains("books waited 1 times"), "{notes}");
    }
    // It ends before it names a product, or is no line at all.
    for unnamed in [&whole[..40], "178225920"] {
        let done = with_bad_line(unnamed);
        assert_eq!(done.states("coinbase.AB-USD"), [Live, Stale, Live]);
        assert_eq!(done.states("coinbase.CD-USD"), [Live, Stale], "{unnamed}");
        assert_eq!(
            done.book("coinbase.CD-USD"),
            texts(&["ask 11 x 1", "bid 10 x 1"])
        );
    }
    // A trade is no change of a book.
    let trade = r#"1782259202.1: {"type":"match","trade_id":1,"product_id":"AB-USD","size":"x","price":"9","side":"buy","time":"2026-06-24T00:00:02.000Z"}"#;
    let done = with_bad_line(trade);
    assert_eq!(done.report["refused"], 1);
    assert_eq!(done.states("coinbase.AB-USD"), [Live]);
    assert_eq!(done.states("coinbase.CD-USD"), [Live]);
}

/// Books with ids notice that something is missing when the next change comes, and not before.
#[test]
fn a_book_with_ids_waits_only_for_what_is_missing() {
    let book = |action: &str, bid: &str, ids: &str| {
        format!(
            r#"{{"arg":{{"channel":"books","instId":"AB-USDT"}},"action":"{action}","data":[{{"asks":[["101","5","0","1"]],"bids":[["{bid}","4","0","1"]],"ts":"1782259201000",{ids}}}]}}"#
        )
    };
    let begin = book("snapshot", "100", r#""prevSeqId":-1,"seqId":10"#);
    let lost = book("update", "99", r#""prevSeqId":10,"seqId":11"#);
    let next = book("update", "98", r#""prevSeqId":10,"seqId":11"#);
    let done = import(&[&begin, &lost[..90], &next]);
    assert_eq!(done.states("okx.AB-USDT"), [BookState::Live]);
    let levels = ["ask 101 x 5", "bid 100 x 4", "bid 98 x 4"];
    assert_eq!(done.book("okx.AB-USDT"), texts(&levels));
    let after = book("update", "97", r#""prevSeqId":11,"seqId":12"#);
    let done = import(&[&begin, &lost[..90], &after]);
    let states = [BookState::Live, BookState::Resync];
    assert_eq!(done.states("okx.AB-USDT"), states);
}

/// A change over one connection does not change the book that another one began.
#[test]
fn a_gap_concerns_the_books_of_its_connection() {
    let dir = workspace();
    let advanced = |second: u8, seq: u64, kind: &str, product: &str, price: &str| {
        format!(
            r#"178225920{second}.1: {{"channel":"l2_data","client_id":"","timestamp":"2026-06-24T00:00:0{second}Z","sequence_num":{seq},"events":[{{"type":"{kind}","product_id":"{product}","updates":[{{"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":"{price}","new_quantity":"1"}}]}}]}}"#
        )
    };
    let file = |name: &str, lines: &[String]| {
        let path = dir.path().join(name).display().to_string();
        let opened = "wss://advanced-trade-ws.coinbase.com <-> 1782259200.5".to_owned();
        fs::write(&path, [&[opened], lines].concat().join("\n")).unwrap();
        path
    };
    let one = file(
        "one",
        &[
            advanced(1, 0, "snapshot", "AB-USD", "10"),
            advanced(1, 1, "snapshot", "CD-USD", "10"),
            advanced(3, 5, "update", "AB-USD", "9"),
        ],
    );
    let other = file(
        "other",
        &[
            advanced(1, 0, "snapshot", "EF-USD", "10"),
            advanced(2, 1, "update", "CD-USD", "7"),
            advanced(4, 2, "update", "EF-USD", "9"),
        ],
    );
    let done = import_files(&[&one, &other]);
    let (live, resync) = (BookState::Live, BookState::Resync);
    assert_eq!(done.states("coinbase.AB-USD"), [live, resync]);
    assert_eq!(done.states("coinbase.CD-USD"), [live, resync]);
    assert_eq!(done.book("coinbase.CD-USD"), texts(&["bid 10 x 1"]));
    assert_eq!(done.states("coinbase.EF-USD"), [live]);
    assert_eq!(
        done.book("coinbase.EF-USD"),
        texts(&["bid 10 x 1", "bid 9 x 1"])
    );
}

/// Trades, each a line; enough of them that what is packed has several blocks.
fn trades(count: u32) -> String {
    let line = |id: u32| {
        let ts = 1_782_259_200_000_u64 + u64::from(id);
        let price = 100 + id.wrapping_mul(2_654_435_761) % 1_000;
        format!(
            "{ts} {{\"e\":\"trade\",\"E\":{ts},\"T\":{ts},\"s\":\"ABUSDT\",\"t\":{id},\"p\":\"{price}\",\"q\":\"1\",\"m\":true,\"M\":true}}\n"
        )
    };
    (1..=count).map(line).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn zip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut packed = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    packed.start_file("day.capture", options).unwrap();
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap().into_inner()
}

#[test]
fn packed_captures_are_known_by_their_content() {
    let dir = workspace();
    let text = trades(500);
    let zstd = zstd::encode_all(text.as_bytes(), 3).unwrap();
    // Two frames, as of files that were put together.
    let parted: Vec<u8> = [&text[..text.len() / 2], &text[text.len() / 2..]]
        .iter()
        .flat_map(|part| zstd::encode_all(part.as_bytes(), 3).unwrap())
        .collect();
    for (name, bytes) in [
        ("a.capture.zst", zstd.clone()),
        ("b.capture", zstd),
        ("parted.capture", parted),
        ("c.capture.zip", zip(&text)),
        ("d.zst", gzip(&text)),
    ] {
        let file = dir.path().join(name).display().to_string();
        fs::write(&file, bytes).unwrap();
        let done = import_files(&[&file]);
        assert_eq!(done.records.len(), 500, "{name}");
        let words = [
            "--enter",
            "close > 0",
            "--exit",
            "close < 0",
            "--bar",
            "1s",
            "--size",
            "1",
        ];
        let ran = tickloom(&[&["backtest", "--data", &file, "--json"], &words[..]].concat());
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
    }
}

#[test]
fn a_packed_capture_that_was_cut_off_is_named() {
    let dir = workspace();
    let text = trades(20_000);
    let packed = [
        ("a.gz", gzip(&text)),
        ("a.zst", zstd::encode_all(text.as_bytes(), 1).unwrap()),
        ("a.zip", zip(&text)),
    ];
    for (name, bytes) in packed {
        let file = dir.path().join(name).display().to_string();
        fs::write(&file, &bytes[..bytes.len() * 2 / 3]).unwrap();
        let catalog = dir.path().join(format!("of-{name}")).display().to_string();
        let ran = run(&[&file], &catalog);
        assert_eq!(ran.code, 2, "{name}: {ran:?}");
        let words = ["--enter", "mid > 1", "--exit", "mid < 1", "--size", "1"];
        let ran = tickloom(&[&["backtest", "--data", &file], &words[..]].concat());
        assert_eq!(ran.code, 2, "{name}: {ran:?}");
        if name != "a.zip" {
            assert!(ran.stderr.contains("was cut off"), "{name}: {ran:?}");
            assert!(
                ran.stderr.contains("the rest is missing"),
                "{name}: {ran:?}"
            );
        }
    }
}

fn dry_run(file: &str, catalog: &str) -> Value {
    let ran = tickloom(&["import", file, "--catalog", catalog, "--json", "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

fn records(catalog: &str) -> Vec<Record> {
    let catalog = Catalog::open(Path::new(catalog)).unwrap();
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    scan.map(|next| next.unwrap().1).collect()
}

/// Trades 1 to 6 and 4 to 9, in two captures: nine, whichever comes first, and a dry run says so before.
#[test]
fn trades_that_two_captures_have_count_once() {
    let dir = workspace();
    let all = trades(9);
    let lines: Vec<&str> = all.lines().collect();
    let write = |name: &str, lines: &[&str]| {
        let file = dir.path().join(name).display().to_string();
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        file
    };
    let (first, second) = (write("first", &lines[..6]), write("second", &lines[3..]));
    let catalog = dir.path().join("catalog").display().to_string();
    let read = |ran: &Ran| serde_json::from_str::<Value>(&ran.stdout).unwrap();
    let report = read(&run(&[&first], &catalog));
    assert_eq!(
        (&report["written"], &report["repeated"]),
        (&6.into(), &0.into())
    );
    let tried = dry_run(&second, &catalog);
    let report = read(&run(&[&second], &catalog));
    assert_eq!(
        (&report["written"], &report["repeated"]),
        (&3.into(), &3.into())
    );
    assert_eq!(
        (&tried["written"], &tried["repeated"]),
        (&3.into(), &3.into())
    );
    assert_eq!(records(&catalog).len(), 9);
    let again = dry_run(&second, &catalog);
    assert_eq!(again["imports"][0]["unchanged"], true, "{again}");
    // A trade of the same number and time that says something else is refused by name.
    let other = lines[8].replace("\"q\":\"1\"", "\"q\":\"2\"");
    let report = read(&run(&[&write("other", &[&other])], &catalog));
    let reason = "trade that is there already with another price or size";
    assert_eq!(report["imports"][0]["reasons"][reason], 1, "{report}");
    assert_eq!(
        (&report["written"], &report["refused"]),
        (&0.into(), &1.into())
    );
    let error = report["imports"][0]["errors"][0].as_str().unwrap();
    assert!(
        error.contains("binance.ABUSDT: trade 9 of 2026-06-24T00:00:00.009Z"),
        "{error}"
    );
    assert_eq!(records(&catalog).len(), 9);
}

#[test]
fn two_recordings_of_one_book_are_not_kept_as_one() {
    let dir = workspace();
    let message = |channel: &str, at: u64, bid: &str| {
        format!(
            r#"{{"arg":{{"channel":"{channel}","instId":"AB-USDT"}},"action":"snapshot","data":[{{"asks":[],"bids":[["{bid}","4","0","1"]],"ts":"178225920{at}000","seqId":{at}}}]}}"#
        )
    };
    let write = |name: &str, lines: &[String]| {
        let file = dir.path().join(name).display().to_string();
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        file
    };
    let whole = write(
        "whole",
        &[message("books", 1, "100"), message("books", 5, "101")],
    );
    let top = write(
        "top",
        &[message("books5", 2, "90"), message("books5", 3, "91")],
    );
    let later = write(
        "later",
        &[message("books", 5, "102"), message("books", 7, "103")],
    );
    let catalog = dir.path().join("catalog").display().to_string();
    assert_eq!(run(&[&whole], &catalog).code, 0);
    let before = records(&catalog).len();
    let ran = run(&[&top], &catalog);
    assert_eq!(ran.code, 2, "{ran:?}");
    let told = "has its book from 2026-06-24T00:00:01Z to 2026-06-24T00:00:05Z, this one from 2026-06-24T00:00:02Z to 2026-06-24T00:00:03Z";
    assert!(ran.stdout.contains(told), "{ran:?}");
    assert_eq!(records(&catalog).len(), before);
    // What begins where the other ends goes on there.
    assert_eq!(run(&[&later], &catalog).code, 0);
}
