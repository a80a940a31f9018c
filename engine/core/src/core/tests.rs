//! Signals out of a core, worked out by hand.

mod moments;

use super::*;
use crate::config::SignalDef;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, LevelBody, QuoteBody, Side, SourceDef, SourceId,
    SourceKind, StatusBody, StatusCode, TimerBody, TradeBody, Ts,
};

const ID: InstrumentId = InstrumentId(0);

fn config(signals: &[&str]) -> CoreConfig {
    let mut config = CoreConfig {
        default_instrument: Some(ID),
        ..CoreConfig::default()
    };
    let def = InstrumentDef::new("venue.X", 2, 0, "USD");
    config.instruments.add(def).unwrap();
    for (at, text) in signals.iter().enumerate() {
        config.signals.push(SignalDef::new(&format!("s{at}"), text));
    }
    config
}

fn header(kind: Kind, ts: i64) -> Header {
    Header::new(kind, ID, SourceId(0), Ts(ts), Ts(ts))
}

fn trade(ts_ms: i64, price: i64) -> Record {
    let body = TradeBody {
        price,
        qty: 1,
        ..TradeBody::default()
    };
    body.record(header(Kind::Trade, ts_ms * 1_000_000))
}

fn quote(ts_ms: i64, bid: i64, ask: i64) -> Record {
    let body = QuoteBody {
        bid,
        bid_qty: 3,
        ask,
        ask_qty: 1,
        update_id: 0,
    };
    body.record(header(Kind::Quote, ts_ms * 1_000_000))
}

/// Steps through the records; for each, its signals as number, value (`None` if not ready) and time in milliseconds.
fn signals(config: &CoreConfig, records: &[Record]) -> Vec<Vec<(u32, Option<f64>, i64)>> {
    let mut core = Core::new(config).unwrap();
    let mut out = Outputs::new();
    let mut all = Vec::new();
    for (seq, record) in (0..).zip(records) {
        core.step(seq, record, &mut out);
        let found = out
            .records()
            .iter()
            .filter(|o| o.kind() == Some(Kind::Signal));
        let told = found.map(|output| {
            let body = SignalBody::of(output);
            assert_eq!(body.cause, seq);
            assert_eq!(body.value.is_nan(), output.has(Flags::NOT_READY));
            let value = (!body.value.is_nan()).then_some(body.value);
            (body.signal, value, output.header.ts_event / 1_000_000)
        });
        all.push(told.collect());
    }
    all
}

#[test]
fn a_signal_is_told_when_it_changes() {
    let config = config(&["mid > 10", "mid", "imbalance", "1 + 1"]);
    let records = [
        quote(1, 1_000, 1_002),
        quote(2, 1_000, 1_002),
        quote(3, 999, 1_001),
    ];
    let found = signals(&config, &records);
    let first = vec![
        (0, Some(1.0), 1),
        (1, Some(10.01), 1),
        (2, Some(0.5), 1),
        (3, Some(2.0), 1),
    ];
    assert_eq!(found[0], first);
    assert_eq!(found[1], []);
    assert_eq!(found[2], [(0, Some(0.0), 3), (1, Some(10.0), 3)]);
}

#[test]
fn a_constant_is_told_at_the_first_record_though_nothing_feeds_it() {
    let timer = |ts_ms: i64| TimerBody::default().record(header(Kind::Timer, ts_ms * 1_000_000));
    let records = [timer(1), timer(2), trade(3, 900)];
    let found = signals(&config(&["last", "1 + 1"]), &records);
    assert_eq!(
        found,
        [vec![(1, Some(2.0), 1)], vec![], vec![(0, Some(9.0), 3)]]
    );
    let found = signals(&config(&["last"]), &records);
    assert_eq!(found, [vec![], vec![], vec![(0, Some(9.0), 3)]]);
}

#[test]
fn nothing_but_a_note_comes_of_a_record_that_the_market_drops() {
    let mut config = config(&["1 + 1"]);
    let feed = SourceDef::new("feed", SourceKind::Feed);
    config.instruments.add_source(feed).unwrap();
    let mut core = Core::new(&config).unwrap();
    let mut out = Outputs::new();
    let mut far = trade(1, 900);
    far.header.ts_event = i64::MAX;
    core.step(0, &far, &mut out);
    let kinds: Vec<_> = out.records().iter().map(Record::kind).collect();
    assert_eq!(kinds, [Some(Kind::BookStatus)]);
    assert_eq!(core.market().counters().bad, 1);
    core.step(1, &trade(2, 900), &mut out);
    assert_eq!(out.records().len(), 1, "the constant is told now");
}

#[test]
fn a_price_that_cannot_be_trusted_is_not_ready() {
    let config = config(&["bid", "last"]);
    let down = StatusBody {
        code: StatusCode::Disconnected as u16,
        ..StatusBody::default()
    };
    let down = down.record(header(Kind::Status, 3_000_000));
    let records = [
        trade(1, 900),
        quote(2, 1_000, 1_002),
        down,
        quote(4, 1_000, 1_002),
    ];
    let found = signals(&config, &records);
    assert_eq!(found[0], [(1, Some(9.0), 1)]);
    assert_eq!(found[1], [(0, Some(10.0), 2)]);
    assert_eq!(found[2], [(0, None, 3)]);
    assert_eq!(found[3], [(0, Some(10.0), 4)]);
}

#[test]
fn a_silence_takes_the_price_away_and_its_end_brings_it_back() {
    let mut config = config(&["bid"]);
    config.stale_after = Some(5_000_000);
    let level = |side: Side, price, flags| {
        let body = LevelBody {
            price,
            qty: 1,
            side: side as u8,
            clear: u8::from(side == Side::Buy),
            ..LevelBody::default()
        };
        body.record(header(Kind::Level, 1_000_000).with_flags(flags))
    };
    let timer = TimerBody::default().record(header(Kind::Timer, 7_000_000));
    let records = [
        level(Side::Buy, 1_000, Flags::SNAPSHOT),
        level(Side::Sell, 1_001, Flags::SNAPSHOT | Flags::LAST),
        timer,
        trade(8, 1_000),
        quote(9, 1_000, 1_002),
    ];
    let found = signals(&config, &records);
    assert_eq!(found[1], [(0, Some(10.0), 1)]);
    assert_eq!(found[2], [(0, None, 7)]);
    assert_eq!(found[3], [], "a trade is none of its prices");
    assert_eq!(found[4], [(0, Some(10.0), 9)]);
}

#[test]
fn bars_that_time_closed_are_a_moment_before_the_record() {
    let config = config(&["close@1ms", "last - close@1ms", "close@2t"]);
    let records = [trade(1, 500), trade(2, 600), trade(4, 800)];
    let found = signals(&config, &records);
    assert_eq!(found[0], []);
    let passed = [(0, Some(5.0), 2), (1, Some(0.0), 2)];
    let now = [(1, Some(1.0), 2), (2, Some(6.0), 2)];
    assert_eq!(found[1], [passed, now].concat());
    let passed = [(0, Some(6.0), 3), (1, Some(0.0), 3)];
    assert_eq!(found[2], [&passed[..], &[(1, Some(2.0), 4)]].concat());
}

#[test]
fn errors_name_the_signal_and_the_column() {
    let error = Core::new(&config(&["mid >"])).unwrap_err().to_string();
    assert!(error.starts_with("signal s0: expr: column 6"), "{error}");
    let mut twice = config(&["mid", "bid"]);
    twice.signals[1].name = "s0".to_owned();
    let error = Core::new(&twice).unwrap_err().to_string();
    assert_eq!(error, "signal \"s0\" is there twice");
}
