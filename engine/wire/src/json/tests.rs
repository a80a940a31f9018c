//! One record of each kind as JSON, against a golden file: `UPDATE_GOLDEN=1` writes it anew, and the difference is reviewed.

use super::*;
use crate::session::{Retracted, RunPosition, Session};
use crate::state::StatePart;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, SourceDef, SourceId, SourceKind,
};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v2/records.jsonl");

const BITCOIN: InstrumentId = InstrumentId(0);
const FEED: SourceId = SourceId(0);
const MINUTES: SourceId = SourceId(1);

fn names() -> Names {
    let mut instruments = Instruments::new();
    let bitcoin = InstrumentDef::new("binance.BTCUSDT", 2, 8, "USDT");
    assert_eq!(instruments.add(bitcoin).unwrap(), BITCOIN);
    let feed = SourceDef::new("binance", SourceKind::Feed);
    assert_eq!(instruments.add_source(feed).unwrap(), FEED);
    let minutes = instruments.bar_source("1m".parse().unwrap()).unwrap();
    assert_eq!(minutes, MINUTES);
    let signals = vec!["slow".to_owned(), "fast".to_owned()];
    Names::new(instruments, signals, vec!["cross".to_owned()]).unwrap()
}

fn header(kind: Kind) -> Header {
    let source = match kind {
        Kind::Bar | Kind::BarClosed => MINUTES,
        _ => FEED,
    };
    let instrument = match kind {
        Kind::Status | Kind::Timer | Kind::Account => InstrumentId::NONE,
        _ => BITCOIN,
    };
    let ts_event = Ts(1_723_161_255_030_000_000);
    let ts_recv = Ts(1_723_161_255_030_314_667);
    Header::new(kind, instrument, source, ts_event, ts_recv)
}

fn market_record(kind: Kind) -> Option<Record> {
    Some(match kind {
        Kind::Trade => TradeBody {
            price: 6_183_763,
            qty: 2_000_000,
            trade_id: 99,
            side: Side::Sell as u8,
            ..TradeBody::default()
        }
        .record(header(kind).with_flags(Flags::LAST)),
        Kind::Quote => QuoteBody {
            bid: 6_183_763,
            bid_qty: 1,
            ask: 6_183_770,
            ask_qty: 150_000_000,
            update_id: 5,
        }
        .record(header(kind)),
        Kind::Level => LevelBody {
            price: 6_183_700,
            qty: 0,
            first_id: 10,
            last_id: 12,
            side: Side::Buy as u8,
            clear: 1,
            ..LevelBody::default()
        }
        .record(header(kind).with_flags(Flags::SNAPSHOT)),
        Kind::OrderUpdate => OrderUpdateBody {
            order_id: 77,
            price: 6_183_700,
            qty: 3,
            update_id: 12,
            side: Side::Buy as u8,
            action: BookAction::Add as u8,
            ..OrderUpdateBody::default()
        }
        .record(header(kind)),
        Kind::Bar | Kind::BarClosed => BarBody {
            open: 100,
            high: 250,
            low: 99,
            close: 101,
            volume: 300_000_000,
        }
        .record(header(kind).with_flags(Flags::INCOMPLETE)),
        Kind::Status | Kind::BookStatus | Kind::RiskStatus => StatusBody {
            code: StatusCode::Gap as u16,
            state: BookState::Resync as u8,
            count: 1,
            from: 10,
            to: 12,
            detail: 3,
            ..StatusBody::default()
        }
        .record(header(kind)),
        _ => return None,
    })
}

fn own_record(kind: Kind) -> Option<Record> {
    Some(match kind {
        Kind::Signal => SignalBody {
            cause: 8,
            signal: 1,
            value: 0.1,
            previous: f64::NAN,
            ..SignalBody::default()
        }
        .record(header(kind)),
        Kind::Order => OrderBody {
            cause: 8,
            price: 6_000_000,
            qty: 5_000_000,
            filled: 1,
            order: 4,
            strategy: 0,
            side: Side::Buy as u8,
            order_type: OrderType::Limit as u8,
            status: OrderStatus::PartlyFilled as u8,
        }
        .record(header(kind)),
        Kind::Verdict => VerdictBody {
            cause: 8,
            order: 4,
            rule: RiskRule::OrderNotional as u8,
            observed: 12_500_000_000,
            allowed: 10_000_000_000,
            ..VerdictBody::default()
        }
        .record(header(kind)),
        Kind::Fill => FillBody {
            cause: 8,
            price: 6_183_763,
            qty: 5_000_000,
            fee: 3_091_881_500,
            order: 4,
            side: Side::Buy as u8,
            taker: 1,
            ..FillBody::default()
        }
        .record(header(kind)),
        Kind::Position => PositionBody {
            cause: 8,
            qty: -5_000_000,
            cost: -3_091_881_500_000,
            realised: 1,
            ..PositionBody::default()
        }
        .record(header(kind)),
        Kind::Account => {
            AccountBody::new(8, 1_000_000_500_000_000_000_000_000, -1).record(header(kind))
        }
        _ => return None,
    })
}

#[test]
fn every_kind_has_its_golden_line() {
    let names = names();
    let mut lines = String::new();
    for &kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Timer) {
        let record = market_record(kind).or_else(|| own_record(kind));
        let record = record.expect("every kind has an example here");
        let text = text(&record, &names, Some("20240808T235413Z"), 12).unwrap();
        let _: serde_json::Value = serde_json::from_str(&text).unwrap();
        let topic = names.topic(&record).unwrap().expect("a topic");
        writeln!(lines, "{topic} {text}").unwrap();
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &lines).unwrap();
    }
    assert_eq!(lines, std::fs::read_to_string(GOLDEN).unwrap());
}

#[test]
fn what_is_not_ready_or_not_finite_is_null() {
    let body = SignalBody {
        value: 1.0,
        previous: f64::INFINITY,
        ..SignalBody::default()
    };
    let record = body.record(header(Kind::Signal).with_flags(Flags::NOT_READY));
    let text = text(&record, &names(), None, 0).unwrap();
    assert!(text.starts_with(r#"{"kind":"signal","run":null,"number":0,"#));
    assert!(
        text.ends_with(
            r#""flags":["not_ready"],"cause":0,"signal":"slow","value":null,"previous":null}"#
        ),
        "{text}"
    );
}

#[test]
fn a_price_that_is_none_is_null() {
    let names = names();
    let values = |record: Record, keys: &[&str]| -> Vec<serde_json::Value> {
        let text = text(&record, &names, None, 0).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        keys.iter().map(|key| value[key].clone()).collect()
    };
    let quote = |[bid, bid_qty, ask, ask_qty]: [i64; 4]| {
        let quote = QuoteBody {
            bid,
            bid_qty,
            ask,
            ask_qty,
            update_id: 0,
        };
        let keys = ["bid", "bid_qty", "ask", "ask_qty"];
        serde_json::Value::from(values(quote.record(header(Kind::Quote)), &keys)).to_string()
    };
    let size = "0.00000001";
    assert_eq!(
        quote([0, 0, 5, 1]),
        format!(r#"[null,"0","0.05","{size}"]"#)
    );
    assert_eq!(
        quote([5, 1, 0, 0]),
        format!(r#"["0.05","{size}",null,"0"]"#)
    );
    assert_eq!(quote([0, 0, 0, 0]), r#"[null,"0",null,"0"]"#);
    // A price of zero with a size, and prices of which no size is known.
    assert_eq!(
        quote([0, 1, 5, 1]),
        format!(r#"["0","{size}","0.05","{size}"]"#)
    );
    assert_eq!(quote([4, 0, 5, 0]), r#"["0.04","0","0.05","0"]"#);
    // A price that nobody offers, as the other side has a size.
    assert_eq!(quote([101, 0, 102, 7]), r#"[null,"0","1.02","0.00000007"]"#);
    assert_eq!(quote([101, 7, 102, 0]), r#"["1.01","0.00000007",null,"0"]"#);

    let price = |record: Record| values(record, &["price"]).remove(0);
    let order = |order_type: OrderType| {
        let order = OrderBody {
            order_type: order_type as u8,
            ..OrderBody::default()
        };
        price(order.record(header(Kind::Order)))
    };
    assert_eq!(order(OrderType::Market), serde_json::Value::Null);
    assert_eq!(order(OrderType::Limit), "0");
    let update = |action: BookAction| {
        let update = OrderUpdateBody {
            action: action as u8,
            ..OrderUpdateBody::default()
        };
        price(update.record(header(Kind::OrderUpdate)))
    };
    assert_eq!(update(BookAction::Clear), serde_json::Value::Null);
    assert_eq!(update(BookAction::None), serde_json::Value::Null);
    assert_eq!(update(BookAction::Cancel), "0");
    let level = |clear: u8| {
        let level = LevelBody {
            clear,
            ..LevelBody::default()
        };
        price(level.record(header(Kind::Level)))
    };
    assert_eq!(level(1), serde_json::Value::Null);
    assert_eq!(level(0), "0");

    let unfit =
        AccountBody::new(0, 0, 0).record(header(Kind::Account).with_flags(Flags::NOT_READY));
    assert_eq!(values(unfit, &["equity"]), [serde_json::Value::Null]);
}

#[test]
fn a_heartbeat_explains_the_indices() {
    let topics = [("signal/fast", 2), ("account", u64::MAX)].into_iter();
    let session = Session::unrecorded();
    let text = announcement("heartbeat", 7, &session, topics, &names(), Ts(0));
    let expected = concat!(
        r#"{"kind":"heartbeat","epoch":7,"run":null,"topic_base":0,"first":{"inputs":0,"outputs":0},"#,
        r#""watermark":{"inputs":0,"outputs":0},"retracted":[],"#,
        r#""ts_publish":"1970-01-01T00:00:00Z","ts_publish_ns":0,"#,
        r#""topics":{"account":18446744073709551615,"signal/fast":2},"#,
        r#""instruments":[{"name":"binance.BTCUSDT","price_decimals":2,"qty_decimals":8,"#,
        r#""tick_size":1,"lot_size":1,"multiplier":1,"currency":"USDT"}],"#,
        r#""sources":[{"name":"binance","kind":"feed","clock":"recv"},"#,
        r#"{"name":"bars/1m","kind":{"bars":"1m"},"clock":"venue"}],"#,
        r#""signals":["slow","fast"],"strategies":["cross"]}"#,
    );
    assert_eq!(text, expected);
}

#[test]
fn a_state_has_what_its_records_have_and_no_times_but_those_of_bars() {
    let mut signal = own_record(Kind::Signal).unwrap();
    signal.header.flags = Flags::SNAPSHOT | Flags::NOT_READY;
    let bar = market_record(Kind::BarClosed).unwrap();
    let part = StatePart {
        next: RunPosition {
            inputs: 12,
            outputs: 34,
        },
        from: 1,
        total: 3,
        records: vec![signal, bar],
    };
    let text = state(7, &Session::unrecorded(), &part, &names(), Ts(0)).unwrap();
    let expected = concat!(
        r#"{"kind":"state","epoch":7,"run":null,"next":{"inputs":12,"outputs":34},"from":1,"total":3,"#,
        r#""ts_publish":"1970-01-01T00:00:00Z","ts_publish_ns":0,"records":["#,
    );
    assert!(text.starts_with(expected), "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let records = &value["records"];
    assert_eq!(records[0]["kind"], "signal");
    assert_eq!(records[0]["value"], serde_json::Value::Null);
    assert_eq!(records[0]["ts_event"], serde_json::Value::Null);
    assert_eq!(records[1]["kind"], "bar_closed");
    assert_eq!(records[1]["begins"], "2024-08-08T23:54:15.030314667Z");
    assert_eq!(records[1]["ends"], "2024-08-08T23:54:15.03Z");
    assert_eq!(records[1]["bar"], "1m");
    assert_eq!(records.as_array().map(Vec::len), Some(2));
}

#[test]
fn an_epoch_tells_its_session() {
    let session = Session {
        run: Some("r1".to_owned()),
        topic_base: 30,
        retracted: vec![Retracted {
            inputs: 15..20,
            outputs: 7..10,
        }],
        ..Session::unrecorded()
    };
    let expected = concat!(
        r#"{"kind":"epoch","epoch":7,"run":"r1","topic_base":30,"first":{"inputs":0,"outputs":0},"#,
        r#""watermark":{"inputs":0,"outputs":0},"retracted":[{"inputs":[15,20],"outputs":[7,10]}],"#,
        r#""ts_publish":"1970-01-01T00:00:00Z","ts_publish_ns":0}"#,
    );
    assert_eq!(epoch(7, &session, Ts(0)), expected);
}
