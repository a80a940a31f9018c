//! The rhythm of the curve, through whole runs: which points are taken, and of what they are worth.

use crate::outcome::Outcome;
use crate::run::run;
use crate::testing::{bars, config};
use std::ops::ControlFlow;
use tickloom_core::{CoreConfig, StrategyDef};
use tickloom_types::{
    Flags, Header, Kind, Record, Side, SourceDef, SourceId, SourceKind, TradeBody, Ts,
};

const MS: i64 = 1_000_000;

/// Buys 10 units at the first chance and keeps them; no fee.
fn holder() -> CoreConfig {
    let mut config = config("10");
    let Some(StrategyDef::Rules { enter, exit, .. }) = config.strategies.first_mut() else {
        panic!("the strategy of these tests is of rules");
    };
    *enter = Some("last > 0".to_owned());
    *exit = Some("last < 0".to_owned());
    config.account.fee = "0".parse().unwrap();
    config.default_bar = None;
    config
}

fn feed(config: &mut CoreConfig) -> SourceId {
    let source = SourceDef::new("feed", SourceKind::Feed);
    config.instruments.add_source(source).unwrap()
}

/// A trade at so many milliseconds, price in hundredths.
fn trade(config: &mut CoreConfig, ms: i64, price: i64) -> Record {
    let source = feed(config);
    let id = config.default_instrument.unwrap();
    let ts = Ts(ms * MS);
    let body = TradeBody {
        price,
        qty: 1_000_000,
        side: Side::Buy as u8,
        ..TradeBody::default()
    };
    body.record(Header::new(Kind::Trade, id, source, ts, ts))
}

fn outcome(config: &CoreConfig, records: Vec<Record>) -> Outcome {
    let records = (0..).zip(records).map(Ok);
    run(config, records, &mut |_: u64| ControlFlow::Continue(())).unwrap()
}

/// Times in milliseconds and equity in cents of each point.
fn points(outcome: &Outcome) -> Vec<(i64, i64)> {
    let curve = &outcome.curve;
    let cents = |equity: &f64| format!("{:.0}", equity * 100.0).parse().unwrap();
    let ts = curve.ts.iter().map(|ts| ts / MS);
    ts.zip(curve.equity.iter().map(cents)).collect()
}

/// Bought at the second trade, 100.00, ten units of 10,000 in cash. The first trade of each second is a point, and the last of all.
#[test]
fn without_bars_there_is_a_point_a_second() {
    let mut config = holder();
    let prices = [
        (100, 10_000),
        (200, 10_000),
        (999, 12_000),
        (1_000, 10_100),
        (1_500, 9_000),
        (4_700, 10_300),
        (4_900, 10_500),
    ];
    let records = prices.map(|(ms, price)| trade(&mut config, ms, price));
    let found = outcome(&config, records.to_vec());
    let expected = [
        (100, 1_000_000),
        (1_000, 1_001_000),
        (4_700, 1_003_000),
        (4_900, 1_005_000),
    ];
    assert_eq!(points(&found), expected);
    assert_eq!(found.curve.prices[0].1, [100.0, 101.0, 103.0, 105.0]);
    // Held at all points but the first.
    assert_eq!(found.statistics.exposure, Some(0.75));
    assert_eq!(found.statistics.max_drawdown, Some(0.0));
}

#[test]
fn a_second_before_the_epoch_is_a_second_too() {
    let mut config = holder();
    let prices = [
        (-1_500, 10_000),
        (-1_001, 10_000),
        (-1_000, 10_000),
        (-1, 10_000),
    ];
    let records = prices.map(|(ms, price)| trade(&mut config, ms, price));
    let found = outcome(&config, records.to_vec());
    let times: Vec<i64> = points(&found).iter().map(|point| point.0).collect();
    assert_eq!(times, [-1_500, -1_000, -1]);
}

/// Two trades are one moment: the equity between them is no point.
#[test]
fn the_middle_of_a_moment_is_no_point() {
    let mut config = holder();
    let prices = [(100, 10_000), (200, 10_000), (1_000, 1), (1_000, 10_200)];
    let mut records = prices.map(|(ms, price)| trade(&mut config, ms, price));
    records[2].header.flags |= Flags::MORE;
    let found = outcome(&config, records.to_vec());
    assert_eq!(points(&found), [(100, 1_000_000), (1_000, 1_002_000)]);
    assert_eq!(found.statistics.max_drawdown, Some(0.0));
}

/// Ticks, then bars: the run is one of bars, and the points by the second are forgotten.
#[test]
fn the_first_bar_makes_it_a_run_of_bars() {
    let mut config = holder();
    let before = [(100, 10_000), (200, 10_000), (2_000, 1), (3_000, 1)];
    let mut records = before
        .map(|(ms, price)| trade(&mut config, ms, price))
        .to_vec();
    records.extend(bars(&[10_000, 10_100]));
    let day_ms = 86_400_000;
    records.push(trade(&mut config, 2 * day_ms + 1_000, 10_300));
    let found = outcome(&config, records);
    let times: Vec<i64> = points(&found).iter().map(|point| point.0).collect();
    // The last state is a point whatever the rhythm.
    assert_eq!(times, [day_ms, 2 * day_ms, 2 * day_ms + 1_000]);
    assert_eq!(points(&found)[2].1, 1_003_000);
}

/// A bar that comes again, or late, is no other point.
#[test]
fn bars_of_one_time_are_one_point() {
    let config = config("10");
    let mut records = bars(&[1_000, 1_100, 1_200]);
    records.insert(2, records[1]);
    records.push(records[0]);
    let found = outcome(&config, records);
    let day_ms = 86_400_000;
    let times: Vec<i64> = points(&found).iter().map(|point| point.0).collect();
    assert_eq!(times, [day_ms, 2 * day_ms, 3 * day_ms]);
}
