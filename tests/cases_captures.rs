//! Captures of venues that once went wrong, with their right values, through the real binary: each fault by its kind.
//!
//! Files are in `tests/cases`, of which each is as it was found. Right values are worked out by hand from the messages.

#![cfg(test)]

mod cli;
#[path = "common/levels.rs"]
mod levels;

use cli::{tickloom, workspace};
use levels::levels_left;
use std::path::Path;
use tickloom_data::{Catalog, ScanQuery};
use tickloom_types::{BookState, Instruments, Kind, Record, StatusBody, StatusCode, TradeBody};

fn case(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    folder.join(name).display().to_string()
}

/// The records that an import puts into a catalog.
fn import(files: &[&str]) -> (Instruments, Vec<Record>) {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    let ran = tickloom(&[&["import"], files, &["--catalog", &catalog]].concat());
    assert_eq!(ran.code, 0, "{files:?}: {}", ran.stderr);
    let catalog = Catalog::open(Path::new(&catalog)).unwrap();
    let scan = catalog.scan(&ScanQuery::default()).unwrap();
    let instruments = scan.instruments().clone();
    (instruments, scan.map(|next| next.unwrap().1).collect())
}

/// A book as its levels leave it (`bid 100 x 6`), its last state, and what was told of it beside its states.
fn book(instruments: &Instruments, records: &[Record]) -> (Vec<String>, Option<BookState>, u64) {
    let (mut state, mut faults) = (None, 0);
    let statuses = records.iter().filter(|r| r.kind() == Some(Kind::Status));
    for body in statuses.map(StatusBody::of) {
        match StatusCode::from_raw(body.code) {
            Some(StatusCode::Book) => state = BookState::from_raw(body.state),
            _ => faults += 1,
        }
    }
    (levels_left(&instruments.defs()[0], records), state, faults)
}

fn names(instruments: &Instruments) -> Vec<&str> {
    let names = instruments.defs().iter().map(|def| def.name.as_str());
    names.collect()
}

#[test]
fn stamps_of_any_unit_are_the_same_time() {
    for file in ["stamp-16-digits.capture", "stamp-19-digits.capture"] {
        let (_, records) = import(&[&case(file)]);
        let times: Vec<String> = records.iter().map(|r| r.ts_recv().to_string()).collect();
        assert_eq!(times, ["2026-06-24T00:00:00Z"], "{file}");
        let trade = TradeBody::of(&records[0]);
        assert_eq!(trade.trade_id, 1);
    }
}

#[test]
fn a_checksum_of_zero_says_nothing() {
    let (instruments, records) = import(&[&case("okx-checksum-0.json")]);
    let expected = ["ask 102 x 3", "bid 100 x 6"].map(str::to_owned).to_vec();
    assert_eq!(
        book(&instruments, &records),
        (expected, Some(BookState::Live), 0)
    );
}

#[test]
fn a_venue_that_begins_its_ids_anew_by_name_is_followed() {
    let (instruments, records) = import(&[&case("okx-reset.json")]);
    let expected = ["ask 102 x 7", "bid 100 x 6", "bid 99.5 x 1"];
    let expected = expected.map(str::to_owned).to_vec();
    assert_eq!(
        book(&instruments, &records),
        (expected, Some(BookState::Live), 0)
    );
}

#[test]
fn the_kind_of_a_contract_decides_and_not_that_it_names_a_pair() {
    let (instruments, records) = import(&[&case("usdm-with-ps.capture")]);
    assert_eq!(names(&instruments), ["binance-usdm.ABUSDT"]);
    assert!(!records.is_empty());
}

#[test]
fn a_symbol_in_any_script_is_kept() {
    let (instruments, records) = import(&[&case("non-ascii-symbol.capture")]);
    let mut found = names(&instruments);
    found.sort_unstable();
    assert_eq!(found, ["binance-usdm.ABUSDT", "binance-usdm.币安人生USDT"]);
    assert_eq!(records.len(), 2);
    // One as another recorder writes it.
    let dir = workspace();
    let file = dir.path().join("lines.json");
    let line = r#"{"topic":"publicTrade.牛来USDT","type":"snapshot","ts":1782259200000,"data":[{"T":1782259200000,"s":"牛来USDT","S":"Buy","v":"2","p":"3","L":"PlusTick","i":"7"}]}"#;
    std::fs::write(&file, format!("{line}\n")).unwrap();
    let (instruments, records) = import(&[file.to_str().unwrap()]);
    assert_eq!(names(&instruments), ["bybit.牛来USDT"]);
    assert_eq!(records.len(), 1);
}

#[test]
fn a_venue_that_is_not_known_is_refused_by_its_address() {
    let dir = workspace();
    let catalog = dir.path().join("catalog").display().to_string();
    for (address, message) in [
        (
            "wss://ws.bitget.com/v2/ws/public",
            r#"{"action":"snapshot","arg":{"instType":"SPOT","channel":"trade","instId":"ABUSDT"},"data":[{"ts":"1782259200000","price":"1","size":"2","side":"buy","tradeId":"3"}]}"#,
        ),
        (
            "wss://ws-api-spot.kucoin.com/?token=x",
            r#"{"type":"message","topic":"/market/match:AB-USDT","subject":"trade.l3match","data":{"symbol":"AB-USDT","price":"1","size":"2"}}"#,
        ),
        (
            "wss://ws.okx.example/ws/v5/public",
            r#"{"arg":{"channel":"trades","instId":"AB-USDT"},"data":[{"instId":"AB-USDT","tradeId":"1","px":"1","sz":"2","side":"buy","ts":"1782259200000"}]}"#,
        ),
    ] {
        let file = dir.path().join("other.capture");
        // Also where messages come before the address.
        for before in [true, false] {
            let received = format!("1782259200.5: {message}\n");
            let opened = format!("{address} <-> 1782259200.25\n");
            let text = if before {
                format!("{received}{opened}")
            } else {
                format!("{opened}{received}")
            };
            std::fs::write(&file, text).unwrap();
            let ran = tickloom(&["import", file.to_str().unwrap(), "--catalog", &catalog]);
            assert_eq!(ran.code, 2, "{ran:?}");
            let host = address.split(['?', ' ']).next().unwrap();
            assert!(ran.stderr.contains(host), "{ran:?}");
            assert!(
                ran.stderr.contains("of no venue that is known: Binance"),
                "{ran:?}"
            );
        }
    }
}

/// A book of OKX over a connection that breaks: what comes after it waits for the next snapshot, and books of other files go on.
#[test]
fn a_new_connection_makes_the_books_of_its_file_wait() {
    let dir = workspace();
    let book_message = |symbol: &str, action: &str, at: u64, bid: &str, ids: &str| {
        format!(
            r#"{{"arg":{{"channel":"books","instId":"{symbol}"}},"action":"{action}","data":[{{"asks":[["101","5","0","1"]],"bids":[["{bid}","4","0","1"]],"ts":"178225920{at}000",{ids}}}]}}"#
        )
    };
    let opened = "wss://ws.okx.com:8443/ws/v5/public <-> 1782259200.0\n";
    let snapshot = r#""prevSeqId":-1,"seqId":10"#;
    let update = r#""prevSeqId":10,"seqId":12"#;
    let lines = |symbol: &str, is_broken: bool| {
        let mut text = opened.to_owned();
        text += &format!(
            "1782259201.0: {}\n",
            book_message(symbol, "snapshot", 1, "100", snapshot)
        );
        if is_broken {
            text += "wss://ws.okx.com:8443/ws/v5/public <-> 1782259202.0\n";
        }
        text += &format!(
            "1782259203.0: {}\n",
            book_message(symbol, "update", 3, "99", update)
        );
        text
    };
    let write = |name: &str, text: String| {
        let file = dir.path().join(name).display().to_string();
        std::fs::write(&file, text).unwrap();
        file
    };
    let (whole, broken) = (
        write("a", lines("AB-USDT", false)),
        write("b", lines("CD-USDT", true)),
    );
    let (instruments, records) = import(&[&whole, &broken]);
    let of = |name: &str| -> Vec<Record> {
        let (id, _) = instruments.find(name).unwrap();
        let of_it = records.iter().filter(|record| record.instrument() == id);
        of_it.copied().collect()
    };
    let (levels, state, _) = book(&instruments, &of("okx.AB-USDT"));
    assert_eq!(levels, ["ask 101 x 5", "bid 100 x 4", "bid 99 x 4"]);
    assert_eq!(state, Some(BookState::Live));
    let (levels, state, _) = book(&instruments, &of("okx.CD-USDT"));
    assert_eq!(
        levels,
        ["ask 101 x 5", "bid 100 x 4"],
        "the update joins on to nothing"
    );
    assert_eq!(state, Some(BookState::Resync));
}

/// With a time before each message: what several of Binance's send alike says nothing, whatever comes first.
#[test]
fn stamped_messages_are_of_the_venue_that_some_of_them_say() {
    let dir = workspace();
    let kline = r#"{"e":"kline","E":1782259260001,"s":"ABUSDT","k":{"t":1782259200000,"T":1782259259999,"s":"ABUSDT","i":"1m","f":1,"L":2,"o":"1","c":"2","h":"3","l":"1","v":"5","n":2,"x":true,"q":"5","V":"1","Q":"1","B":"0"}}"#;
    let stamped = |name: &str, messages: &[&str]| {
        let lines = messages.iter().zip(1_782_259_260..);
        let lines: Vec<String> = lines
            .map(|(message, at)| format!("{at}000000000 {message}\n"))
            .collect();
        let file = dir.path().join(name);
        std::fs::write(&file, lines.concat()).unwrap();
        file.display().to_string()
    };
    let mark = r#"{"e":"markPriceUpdate","E":1782259260000,"s":"ABUSDT","p":"42.1","P":"42.2","i":"42.0","r":"0.0001","T":1782288000000}"#;
    let future = r#"{"e":"aggTrade","E":1782259261000,"s":"ABUSDT","a":1,"p":"10.5","q":"1","f":1,"l":2,"T":1782259261000,"m":true}"#;
    let of_spot = future.replace("}", r#","M":true}"#);
    for (name, messages, venue) in [
        ("m.capture", [mark, future], "binance-usdm.ABUSDT"),
        ("f.capture", [future, mark], "binance-usdm.ABUSDT"),
        ("kf.capture", [kline, future], "binance-usdm.ABUSDT"),
        ("ks.capture", [kline, &of_spot], "binance.ABUSDT"),
    ] {
        let (instruments, _) = import(&[&stamped(name, &messages)]);
        assert_eq!(names(&instruments), [venue], "{name}");
    }
    let klines = stamped("k.capture", &[kline]);
    let catalog = dir.path().join("catalog").display().to_string();
    let ran = tickloom(&["import", &klines, "--catalog", &catalog]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("alike at binance and binance-usdm"),
        "{ran:?}"
    );
}

/// Spot and linear of Bybit have symbols of one spelling, and so have spot and USD-M of Binance: who recorded which is told by an address,
/// by what only one of them sends, or by the user.
#[test]
fn alike_venues_are_told_apart_or_asked_for() {
    let dir = workspace();
    let put = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let trade = |more: &str| {
        format!(
            r#"{{"topic":"publicTrade.ABUSDT","type":"snapshot","ts":1782259200000,"data":[{{"T":1782259200000,"s":"ABUSDT","S":"Buy","v":"2","p":"3","i":"7"{more}}}]}}"#
        )
    };
    let linear = put(
        "linear.json",
        &(trade(r#","L":"PlusTick","BT":false"#) + "\n"),
    );
    let spot = put("spot.json", &(trade(r#","BT":false"#) + "\n"));
    let unclear = put("unclear.json", &(trade("") + "\n"));
    let capture = |path: &str| {
        format!(
            "wss://{path} <-> 1782259200.1\n1782259200.2: {}\n",
            trade("")
        )
    };
    let of_spot = put("s.cap", &capture("stream.bybit.com/v5/public/spot"));
    let of_linear = put("l.cap", &capture("stream.bybit.com/v5/public/linear"));
    for pair in [[&linear, &spot], [&of_linear, &of_spot]] {
        let (instruments, records) = import(&pair.map(String::as_str));
        let mut found = names(&instruments);
        found.sort_unstable();
        assert_eq!(found, ["bybit-spot.ABUSDT", "bybit.ABUSDT"]);
        assert_eq!(records.len(), 2);
    }
    let (instruments, _) = import(&[&unclear, "--venue", "bybit-spot"]);
    assert_eq!(names(&instruments), ["bybit-spot.ABUSDT"]);

    let kline = r#"{"e":"kline","E":1782259260001,"s":"ABUSDT","k":{"t":1782259200000,"T":1782259259999,"s":"ABUSDT","i":"1m","f":1,"L":2,"o":"1","c":"2","h":"3","l":"1","v":"5","n":2,"x":true,"q":"5","V":"1","Q":"1","B":"0"}}"#;
    let kline = put("kline.json", &format!("{kline}\n"));
    let both = put(
        "both.cap",
        &(capture("stream.bybit.com/v5/public/linear")
            + &capture("stream.bybit.com/v5/public/spot")),
    );
    let test = put(
        "test.cap",
        &capture("stream-testnet.bybit.com/v5/public/spot"),
    );
    let catalog = dir.path().join("catalog").display().to_string();
    for (args, words) in [
        (vec![&unclear], "alike at bybit and bybit-spot"),
        (vec![&kline], "alike at binance and binance-usdm"),
        (
            vec![&both],
            "line 3 is of wss://stream.bybit.com/v5/public/spot",
        ),
        (vec![&test], "stream-testnet.bybit.com"),
    ] {
        let args: Vec<&str> = args.into_iter().map(String::as_str).collect();
        let ran = tickloom(&[&["import"], args.as_slice(), &["--catalog", &catalog]].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
    let contradicted = [
        "import",
        &linear,
        "--venue",
        "bybit-spot",
        "--catalog",
        &catalog,
    ];
    assert_eq!(tickloom(&contradicted).code, 2);
}

/// The catalog of one import of lines, and what it says as JSON.
fn import_lines(lines: &[&str]) -> (Vec<Record>, String) {
    let dir = workspace();
    let file = dir.path().join("lines.capture");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let (file, catalog) = (file.display().to_string(), dir.path().join("catalog"));
    let place = catalog.display().to_string();
    let ran = tickloom(&["import", &file, "--catalog", &place, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let scan = Catalog::open(&catalog).unwrap();
    let scan = scan.scan(&ScanQuery::default()).unwrap();
    (scan.map(|next| next.unwrap().1).collect(), ran.stdout)
}

#[test]
fn numbers_that_lost_their_digits_are_told() {
    let line = r#"1705320000000000000 {"channel":"book","type":"snapshot","data":[{"symbol":"A/B","bids":[{"price":0.1,"qty":0.5}],"asks":[],"checksum":3377485650,"timestamp":"2024-01-15T12:00:00Z"}]}"#;
    let (_, said) = import_lines(&[line]);
    let expected =
        "all 1 checksums of books are wrong, and no price or size in them ends in a zero";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn arrays_with_a_time_before_or_beside_them_are_read() {
    let kraken = r#"[1,[["10","2","1705320000.5","b","m",""]],"trade","AB/USD"]"#;
    let subscribed =
        r#"{"event":"subscribed","channel":"trades","chanId":5,"symbol":"tABUSD","pair":"ABUSD"}"#;
    let bitfinex = r#"[5,"te",[7,1705320000500,2,10]]"#;
    for messages in [&[kraken][..], &[subscribed, bitfinex]] {
        let before = messages
            .iter()
            .map(|text| format!("1705320001000000000 {text}"));
        let beside = messages
            .iter()
            .map(|text| format!(r#"{{"ts":1705320001.0,"msg":{text}}}"#));
        for lines in [before.collect::<Vec<_>>(), beside.collect()] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let (records, _) = import_lines(&lines);
            let trades: Vec<&Record> = records
                .iter()
                .filter(|r| r.kind() == Some(Kind::Trade))
                .collect();
            assert_eq!(trades.len(), 1, "{lines:?}");
            assert_eq!(trades[0].ts_recv().to_string(), "2024-01-15T12:00:01Z");
            assert_eq!(trades[0].ts_event().to_string(), "2024-01-15T12:00:00.5Z");
            assert_eq!(
                (TradeBody::of(trades[0]).price, TradeBody::of(trades[0]).qty),
                (10, 2)
            );
        }
    }
}
