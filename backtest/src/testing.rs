//! What the tests of this crate share: daily bars of one instrument, and a strategy that follows each rise and fall.

use tickloom_core::{AccountConfig, CoreConfig, StrategyDef};
use tickloom_types::{
    BarBody, BarSpec, Header, InstrumentDef, Instruments, Kind, Record, Ts, parse_money,
};

const DAY: i64 = 86_400_000_000_000;

/// Buys after a rise of the close, sells after a fall; fee 0.1 %, cash 10,000.
pub(crate) fn config(size: &str) -> CoreConfig {
    let mut instruments = Instruments::new();
    let id = instruments
        .add(InstrumentDef::new("X", 2, 4, "USD"))
        .unwrap();
    let day: BarSpec = "1d".parse().unwrap();
    instruments.bar_source(day).unwrap();
    CoreConfig {
        instruments,
        default_instrument: Some(id),
        default_bar: Some(day),
        strategies: vec![StrategyDef::Rules {
            name: "follow".to_owned(),
            instrument: None,
            enter: Some("change(close) > 0".to_owned()),
            exit: Some("change(close) < 0".to_owned()),
            short_enter: None,
            short_exit: None,
            size: size.parse().unwrap(),
        }],
        account: AccountConfig {
            fee: "0.001".parse().unwrap(),
            ..AccountConfig::new(parse_money("10000").unwrap())
        },
        ..CoreConfig::default()
    }
}

/// A bar a day, each opening at the close before.
pub(crate) fn bars(closes: &[i64]) -> Vec<Record> {
    let mut instruments = config("1").instruments;
    let source = instruments.bar_source("1d".parse().unwrap()).unwrap();
    let (id, _) = instruments.find("X").unwrap();
    let mut open = closes[0];
    let mut ts = 0;
    let mut bar = |close: &i64| {
        ts += DAY;
        let body = BarBody {
            open,
            high: open.max(*close),
            low: open.min(*close),
            close: *close,
            volume: 1_000_000,
        };
        open = *close;
        body.record(Header::new(Kind::Bar, id, source, Ts(ts), Ts(ts)))
    };
    closes.iter().map(&mut bar).collect()
}
