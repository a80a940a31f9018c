//! The decoder on real frames, on every wrong field, and on whatever bytes.

use super::*;
use crate::samples::samples;
use proptest::prelude::*;
use tickloom_types::{QuoteBody, TradeBody};

const RECV: Ts = Ts(1_723_161_256_000_000_000);

const SPOT_TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}"#;
const SPOT_TICKER: &str = r#"{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}"#;
const SPOT_DEPTH: &str = r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255308,"s":"BTCUSDT","U":50093239203,"u":50093239207,"b":[["55653.87000000","0.00000000"]],"a":[["61838.04000000","0.32332000"],["61844.30000000","0.40163000"]]}}"#;
const USDM_TICKER: &str = r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256315}}"#;
const CM_TRADE: &str = r#"{"stream":"btcusd_perp@trade","data":{"e":"trade","E":1723161257687,"T":1723161257679,"s":"BTCUSD_PERP","t":849714402,"p":"61804.8","q":"4","X":"MARKET","m":false}}"#;
const CM_DEPTH: &str = r#"{"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1723161257476,"T":1723161257462,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1007198631847,"u":1007198631985,"pu":1007198631835,"b":[["61786.5","89"],["61794.5","1572"]],"a":[]}}"#;

fn decoder(venue: Venue, symbol: &str) -> Decoder {
    let symbol = Symbol {
        name: symbol.to_owned(),
        instrument: InstrumentId(7),
        price_decimals: 2,
        qty_decimals: 8,
    };
    Decoder::new(venue, SourceId(3), vec![symbol], Untimed::Refuse)
}

fn spot() -> Decoder {
    decoder(Venue::Spot, "BTCUSDT")
}

fn record(decoder: &mut Decoder, frame: &str) -> Record {
    match decoder.decode(RECV, frame.as_bytes()) {
        Ok(Decoded::Trade(record, _) | Decoded::Quote(record)) => record,
        other => panic!("expected a record, got {other:?}"),
    }
}

fn reason(decoder: &mut Decoder, frame: &str) -> &'static str {
    match decoder.decode(RECV, frame.as_bytes()) {
        Ok(decoded) => panic!("expected an error, got {decoded:?}"),
        Err(error) => error.reason().name(),
    }
}

#[test]
fn of_futures_the_kind_decides_whose_they_are() {
    // As sent since the end of June 2026: a USD-margined ticker with its pair.
    let usdm = USDM_TICKER.replace("\"u\":", "\"ps\":\"BTCUSDT\",\"st\":1,\"u\":");
    record(&mut decoder(Venue::Usdm, "BTCUSDT"), &usdm);
    for (venue, symbol, frame, wrong) in [
        (Venue::Usdm, "BTCUSDT", USDM_TICKER, 2),
        (Venue::Cm, "BTCUSD_PERP", CM_TRADE, 1),
        (Venue::Cm, "BTCUSD_PERP", CM_DEPTH, 1),
    ] {
        let of = |kind: u8| frame.replacen("\"s\":", &format!("\"st\":{kind},\"s\":"), 1);
        let mut decoder = decoder(venue, symbol);
        assert!(decoder.decode(RECV, of(3 - wrong).as_bytes()).is_ok());
        assert_eq!(reason(&mut decoder, &of(wrong)), "value", "{venue:?}");
    }
}

#[test]
fn a_shutdown_is_a_notice_in_either_form() {
    for notice in [
        r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1781000000000}}"#,
        r#"{"e":"serverShutdown","E":1781000000000}"#,
    ] {
        let mut decoder = spot();
        let decoded = decoder.decode(RECV, notice.as_bytes()).unwrap();
        assert!(
            matches!(decoded, Decoded::Reply(Reply::Shutdown)),
            "{decoded:?}"
        );
        assert_eq!(decoder.venue_time(), None);
    }
}

#[test]
fn ids_near_the_end_of_the_numbers_are_refused_with_their_book() {
    let mut decoder = spot();
    for id in [1_u64 << 63, u64::MAX] {
        let depth = SPOT_DEPTH.replace("\"u\":50093239207", &format!("\"u\":{id}"));
        assert_eq!(reason(&mut decoder, &depth), "value");
        assert_eq!(decoder.take_refused(), Some(InstrumentId(7)));
        let body = format!(r#"{{"lastUpdateId":{id},"bids":[],"asks":[]}}"#);
        let refused = decoder
            .decode_snapshot(RECV, None, body.as_bytes())
            .unwrap_err();
        assert_eq!(refused.reason().name(), "value");
    }
    let largest = SPOT_DEPTH.replace("\"u\":50093239207", "\"u\":9223372036854775807");
    assert!(decoder.decode(RECV, largest.as_bytes()).is_ok());
    assert_eq!(decoder.take_refused(), None);
}

#[test]
fn a_trade_is_exact() {
    let trade = record(&mut spot(), SPOT_TRADE);
    assert_eq!(trade.kind(), Some(Kind::Trade));
    assert_eq!(
        (trade.instrument(), trade.source()),
        (InstrumentId(7), SourceId(3))
    );
    // Spot: `E`, not `T`.
    assert_eq!(trade.ts_event(), Ts(1_723_161_255_343_000_000));
    assert_eq!(trade.ts_recv(), RECV);
    assert_eq!(trade.header.flags, Flags::LAST);
    let expected = TradeBody {
        price: 6_183_763,
        qty: 2_000_000,
        trade_id: 3_735_683_259,
        side: Side::Sell as u8,
        ..TradeBody::default()
    };
    assert_eq!(TradeBody::of(&trade), expected);

    let trade = record(&mut decoder(Venue::Cm, "BTCUSD_PERP"), CM_TRADE);
    // Futures: `T`.
    assert_eq!(trade.ts_event(), Ts(1_723_161_257_679_000_000));
    let body = TradeBody::of(&trade);
    assert_eq!(
        (body.price, body.qty, body.side),
        (6_180_480, 400_000_000, Side::Buy as u8)
    );
}

#[test]
fn an_aggregated_trade_has_its_own_id() {
    let frame = r#"{"e":"aggTrade","E":1723161255343,"s":"BTCUSDT","a":26129,"p":"0.01","q":"4.7","f":27781,"l":27785,"T":1723161255342,"m":false,"M":true}"#;
    let body = TradeBody::of(&record(&mut spot(), frame));
    assert_eq!(
        (body.price, body.qty, body.trade_id),
        (1, 470_000_000, 26_129)
    );
}

#[test]
fn a_quote_is_exact_and_takes_the_time_that_it_lacks_from_before() {
    let mut decoder = spot();
    assert_eq!(reason(&mut decoder, SPOT_TICKER), "no_venue_time");
    record(&mut decoder, SPOT_TRADE);
    let quote = record(&mut decoder, SPOT_TICKER);
    assert_eq!(quote.ts_event(), Ts(1_723_161_255_343_000_000));
    assert_eq!(quote.header.flags, Flags::LAST | Flags::BAD_TIME);
    let expected = QuoteBody {
        bid: 6_183_763,
        bid_qty: 378_826_000,
        ask: 6_183_764,
        ask_qty: 154_698_000,
        update_id: 50_093_239_212,
    };
    assert_eq!(QuoteBody::of(&quote), expected);

    let quote = record(&mut self::decoder(Venue::Usdm, "BTCUSDT"), USDM_TICKER);
    assert_eq!(quote.ts_event(), Ts(1_723_161_256_313_000_000));
    assert_eq!(quote.header.flags, Flags::LAST);
}

#[test]
fn times_of_spot_are_milliseconds_or_microseconds_by_their_digits() {
    let at = |venue, symbol: &str, time: &str| {
        let frame = format!(
            r#"{{"e":"trade","E":{time},"s":"{symbol}","t":1,"p":"2","q":"1","T":{time},"m":true,"M":true}}"#
        );
        match decoder(venue, symbol).decode(RECV, frame.as_bytes()) {
            Ok(Decoded::Trade(record, _)) => record.ts_event().to_string(),
            Ok(other) => panic!("{other:?}"),
            Err(error) => error.reason().name().to_owned(),
        }
    };
    let spot = |time| at(Venue::Spot, "BTCUSDT", time);
    assert_eq!(spot("1782259201123"), "2026-06-24T00:00:01.123Z");
    assert_eq!(spot("1782259201123456"), "2026-06-24T00:00:01.123456Z");
    for wrong in ["1782259201123456789", "9999999999999", "-1"] {
        assert_eq!(spot(wrong), "time", "{wrong}");
    }
    // Of futures no microseconds are documented.
    let usdm = at(Venue::Usdm, "BTCUSDT", "1782259201123456");
    assert_eq!(usdm, "time");
}

#[test]
fn without_timed_channels_a_quote_has_our_time() {
    let symbols = spot().symbols().to_vec();
    let mut decoder = Decoder::new(Venue::Spot, SourceId(0), symbols, Untimed::Arrival);
    let quote = record(&mut decoder, SPOT_TICKER);
    assert_eq!((quote.ts_event(), quote.has(Flags::BAD_TIME)), (RECV, true));
}

#[test]
fn an_empty_side_of_a_quote_has_size_zero() {
    let frame = SPOT_TICKER
        .replace("\"61837.63000000\"", "\"0.00000000\"")
        .replace("3.78826000", "0.00000000");
    let mut decoder = spot();
    record(&mut decoder, SPOT_TRADE);
    let body = QuoteBody::of(&record(&mut decoder, &frame));
    assert_eq!((body.bid, body.bid_qty), (0, 0));
}

#[test]
fn a_diff_has_ids_and_levels_in_order() {
    let mut decoder = spot();
    let Ok(Decoded::Diff(diff)) = decoder.decode(RECV, SPOT_DEPTH.as_bytes()) else {
        panic!("expected a diff");
    };
    assert_eq!(
        (diff.first_id, diff.last_id),
        (50_093_239_203, 50_093_239_207)
    );
    assert_eq!(diff.previous_id, None);
    assert_eq!(diff.header.ts_event, 1_723_161_255_308_000_000);
    let level = |side, price, qty| Level { side, price, qty };
    assert_eq!(
        diff.levels,
        [
            level(Side::Buy, 5_565_387, 0),
            level(Side::Sell, 6_183_804, 32_332_000),
            level(Side::Sell, 6_184_430, 40_163_000),
        ]
    );

    let mut decoder = self::decoder(Venue::Cm, "BTCUSD_PERP");
    let Ok(Decoded::Diff(diff)) = decoder.decode(RECV, CM_DEPTH.as_bytes()) else {
        panic!("expected a diff");
    };
    assert_eq!(diff.previous_id, Some(1_007_198_631_835));
    assert_eq!(diff.header.ts_event, 1_723_161_257_462_000_000);
    assert_eq!(diff.levels.len(), 2);
}

#[test]
fn a_snapshot_belongs_to_whom_it_was_asked_for() {
    let body = r#"{"lastUpdateId":50093239218,"bids":[["61837.63","3.78826"],["61837.62","0"]],"asks":[["61837.64","1.5"]]}"#;
    let mut decoder = spot();
    record(&mut decoder, SPOT_TRADE);
    let asked = Some(InstrumentId(7));
    let Ok(Decoded::Snapshot(snapshot)) = decoder.decode_snapshot(RECV, asked, body.as_bytes())
    else {
        panic!("expected a snapshot");
    };
    assert_eq!(
        (snapshot.first_id, snapshot.last_id),
        (50_093_239_218, 50_093_239_218)
    );
    assert_eq!(snapshot.levels.len(), 2, "an empty level is none");
    let unasked = decoder.decode_snapshot(RECV, Some(InstrumentId(8)), body.as_bytes());
    assert_eq!(unasked.unwrap_err().reason().name(), "unknown_symbol");
    let crossed = body.replace("61837.64", "61837.62");
    assert_eq!(reason(&mut decoder, &crossed), "crossed");
    let locked = body.replace("61837.64", "61837.63");
    let decoded = decoder.decode_snapshot(RECV, asked, locked.as_bytes());
    assert!(
        matches!(decoded, Ok(Decoded::Snapshot(_))),
        "bid and ask may be equal"
    );
}

#[test]
fn replies_are_recognised() {
    let mut decoder = spot();
    let mut reply = |frame: &str| match decoder.decode(RECV, frame.as_bytes()) {
        Ok(Decoded::Reply(reply)) => reply,
        other => panic!("expected a reply, got {other:?}"),
    };
    assert_eq!(reply(r#"{"result":null,"id":1}"#), Reply::Accepted);
    for refused in [
        r#"{"error":{"code":2,"msg":"Invalid request: unknown variant"},"id":1}"#,
        r#"{"code":2,"msg":"Invalid request","id":1}"#,
        r#"{"error":{"code":3,"msg":"Invalid JSON: \"x\""}}"#,
    ] {
        assert_eq!(reply(refused), Reply::Refused(refused.to_owned()));
    }
}

#[test]
fn every_wrong_frame_has_its_reason() {
    let mut decoder = spot();
    let cases = [
        ("", "syntax"),
        ("hello", "syntax"),
        (&SPOT_TRADE[..80], "syntax"),
        (
            "{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\" nonsense}}",
            "syntax",
        ),
        ("[]", "wrong_type"),
        ("{}", "unknown_message"),
        ("{\"e\":\"kline\"}", "unknown_message"),
        (
            "{\"stream\":\"btcusdt@kline_1m\",\"data\":{}}",
            "unknown_message",
        ),
        ("{\"e\":5}", "wrong_type"),
        (
            "{\"stream\":\"x@trade\",\"data\":{\"t\":1}}",
            "missing_field",
        ),
    ];
    for (frame, expected) in cases {
        assert_eq!(reason(&mut decoder, frame), expected, "{frame}");
    }
}

/// Frame, what is replaced in it by what, and the reason why the result is refused.
const CHANGES: [(&str, &str, &str, &str); 20] = [
    (SPOT_TRADE, "\"BTCUSDT\"", "\"ETHUSDT\"", "unknown_symbol"),
    (
        SPOT_TRADE,
        "\"E\":1723161255343",
        "\"E\":\"1723161255343\"",
        "wrong_type",
    ),
    (
        SPOT_TRADE,
        "\"E\":1723161255343",
        "\"E\":99999999999999999999",
        "wrong_type",
    ),
    (
        SPOT_TRADE,
        "\"E\":1723161255343",
        "\"E\":9223372036855",
        "time",
    ),
    (SPOT_TRADE, "\"E\":1723161255343", "\"E\":-1", "time"),
    (SPOT_TRADE, "\"t\":3735683259", "\"t\":-1", "wrong_type"),
    (SPOT_TRADE, "\"t\":3735683259,", "", "missing_field"),
    (
        SPOT_TRADE,
        "\"t\":3735683259",
        "\"t\":1,\"t\":2",
        "wrong_type",
    ),
    (
        SPOT_TRADE,
        "61837.63000000",
        "61837.63000001",
        "decimal_too_fine",
    ),
    (SPOT_TRADE, "61837.63000000", "6183x.63", "decimal_syntax"),
    (SPOT_TRADE, "\"61837.63000000\"", "61837.63", "wrong_type"),
    (
        SPOT_TRADE,
        "61837.63000000",
        "99999999999999999999",
        "decimal_overflow",
    ),
    (SPOT_TRADE, "61837.63000000", "-61837.63", "not_positive"),
    (SPOT_TRADE, "0.02000000", "0.00000000", "not_positive"),
    (SPOT_TRADE, "\"m\":true", "\"m\":1", "wrong_type"),
    (SPOT_DEPTH, "\"U\":50093239203", "\"U\":50093239208", "ids"),
    (SPOT_DEPTH, "\"a\":[[", "\"a\":[[[", "syntax"),
    (SPOT_DEPTH, "[\"55653.87000000\",", "[", "levels"),
    (
        SPOT_DEPTH,
        "\"0.32332000\"",
        "\"-0.32332000\"",
        "not_positive",
    ),
    (
        SPOT_DEPTH,
        "\"b\":[[\"55653.87000000\",\"0.00000000\"]],",
        "",
        "missing_field",
    ),
];

#[test]
fn every_wrong_field_has_its_reason() {
    let mut decoder = spot();
    for (frame, from, to, expected) in CHANGES {
        assert!(frame.contains(from), "{from}");
        let frame = frame.replacen(from, to, 1);
        assert_eq!(reason(&mut decoder, &frame), expected, "{frame}");
    }
    let crossed = USDM_TICKER.replace("61800.20", "61800.40");
    let mut usdm = self::decoder(Venue::Usdm, "BTCUSDT");
    record(&mut usdm, &USDM_TICKER.replace("61800.20", "61800.30"));
    assert_eq!(reason(&mut usdm, &crossed), "crossed");
    let no_previous = CM_DEPTH.replace("\"pu\":1007198631835,", "");
    let mut cm = self::decoder(Venue::Cm, "BTCUSD_PERP");
    assert_eq!(reason(&mut cm, &no_previous), "missing_field");
    let loops = CM_DEPTH.replace("\"pu\":1007198631835", "\"pu\":1007198631847");
    assert_eq!(reason(&mut cm, &loops), "ids");
}

#[test]
fn errors_say_what_stands_where() {
    let mut decoder = spot();
    let mut error = |frame: &str| {
        decoder
            .decode(RECV, frame.as_bytes())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(&SPOT_TRADE.replace("61837.63000000", "6183x.63")),
        "p is \"6183x.63\": not a decimal number"
    );
    assert_eq!(
        error(&SPOT_DEPTH.replace("\"0.32332000\"", "0.3")),
        "a at byte 19 of the list: expected [[\"price\",\"size\"], ...]"
    );
    assert!(error("{\"stream\":").starts_with("not JSON at byte "));
}

#[test]
fn a_wrong_frame_does_not_move_the_clock() {
    let mut decoder = spot();
    record(&mut decoder, SPOT_TRADE);
    let before = decoder.venue_time();
    let later = SPOT_TRADE.replace("\"E\":1723161255343", "\"E\":1723161259999");
    reason(&mut decoder, &later.replace("0.02000000", "x"));
    assert_eq!(decoder.venue_time(), before);
    record(&mut decoder, &later);
    assert_eq!(decoder.venue_time(), Some(Ts(1_723_161_259_999_000_000)));
}

#[test]
fn a_snapshot_that_is_ahead_of_the_stream_does_not_move_the_clock() {
    let mut decoder = decoder(Venue::Usdm, "BTCUSDT");
    let quote = record(&mut decoder, USDM_TICKER);
    let body = r#"{"lastUpdateId":9,"E":1723161299999,"T":1723161299998,"bids":[],"asks":[]}"#;
    let Ok(Decoded::Snapshot(snapshot)) = decoder.decode(RECV, body.as_bytes()) else {
        panic!("expected a snapshot");
    };
    assert_eq!(snapshot.header.ts_event, 1_723_161_299_998_000_000);
    assert_eq!(decoder.venue_time(), Some(quote.ts_event()));
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    let deep = "[".repeat(1_000_000);
    for frame in [
        deep.clone(),
        format!("{{\"x\":{deep}"),
        format!("{{\"stream\":\"a@trade\",\"data\":{deep}"),
    ] {
        assert!(spot().decode(RECV, frame.as_bytes()).is_err());
    }
}

/// Some frames of the samples, one of each kind among them.
fn real_frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for sample in samples() {
        let mut reader = sample.capture.open().unwrap();
        while frames.len() % 100 != 99
            && let Some(line) = reader.next_line().unwrap()
        {
            frames.push(line.unwrap().frame.to_vec());
        }
        frames.push(CM_DEPTH.as_bytes().to_vec());
    }
    frames
}

/// Whatever comes out of any bytes obeys the rules that the rest of the product builds on.
fn check_any(frame: &[u8]) {
    for venue in Venue::ALL {
        let mut decoder = decoder(venue, "BTCUSDT");
        match decoder.decode(RECV, frame) {
            Ok(Decoded::Trade(record, _) | Decoded::Quote(record)) => match record.kind() {
                Some(Kind::Trade) => {
                    let body = TradeBody::of(&record);
                    assert!(body.price > 0 && body.qty > 0 && record.header.ts_event >= 0);
                }
                _ => {
                    let body = QuoteBody::of(&record);
                    assert!(body.bid_qty >= 0 && body.ask_qty >= 0);
                    assert!(body.bid_qty == 0 || body.ask_qty == 0 || body.bid <= body.ask);
                }
            },
            Ok(Decoded::Diff(depth) | Decoded::Snapshot(depth)) => {
                assert!(depth.first_id <= depth.last_id);
                assert!(
                    depth
                        .previous_id
                        .is_none_or(|previous| previous < depth.first_id)
                );
                assert!(
                    depth
                        .levels
                        .iter()
                        .all(|level| level.price > 0 && level.qty >= 0)
                );
            }
            Ok(Decoded::Reply(_)) => {}
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(frame in proptest::collection::vec(any::<u8>(), 0..300)) {
        check_any(&frame);
    }

    #[test]
    fn changed_real_frames_are_decoded_or_refused(
        choice in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        thread_local! { static FRAMES: Vec<Vec<u8>> = real_frames(); }
        let mut frame = FRAMES.with(|frames| choice.get(frames).clone());
        for (at, byte) in changes {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        if is_cut {
            frame.truncate(cut.index(frame.len()));
        }
        check_any(&frame);
    }
}
