//! Bars that begin after the last trade, quote or book, or after the last finer bar: they fill and are the price again.

use super::*;
use crate::config::SignalDef;

/// A run that buys 2 when an hour closes above 10.4.
fn hourly() -> CoreConfig {
    let mut config = config(rules("close@1h > 10.4", "close@1h < 1", "2"));
    config.default_bar = Some("1h".parse().unwrap());
    config
}

fn hour(n: i64, open: i64, close: i64) -> Record {
    bar(HOURS, n * HOUR, open, close)
}

/// An hour in which nothing traded, at this price.
fn quiet(n: i64, price: i64) -> Record {
    let body = BarBody {
        volume: 0,
        ..BarBody::of(&hour(n, price, price))
    };
    body.record(header(Kind::Bar, HOURS, n * HOUR))
}

impl Run {
    fn equity(&self) -> String {
        self.core.portfolio().equity().unwrap().to_string()
    }
}

#[test]
fn bars_fill_and_value_once_they_begin_after_the_last_trade() {
    let mut run = Run::new(&hourly());
    run.step(trade(HOUR / 2, 100));
    run.step(trade(3 * HOUR / 2, 101));
    let sent = run.step(hour(2, 100, 105));
    assert_eq!(sent, ["order 1 buy 0/2 open", "accepted"]);
    let filled = run.step(hour(3, 106, 107));
    assert_eq!(filled[0], "fill 2 at 106 fee 0");
    // 2 at 10.6 for cash, and 2 at 10.7, the close.
    assert_eq!(filled[3], "account 978.8 1000.2");
    run.step(trade(3 * HOUR + 1, 90));
    assert_eq!(run.equity(), "996.8");
    // It began before that trade, and may be all of before it.
    run.step(hour(4, 107, 108));
    assert_eq!(run.equity(), "996.8");
    run.step(hour(5, 108, 109));
    assert_eq!(run.equity(), "1000.6");
}

#[test]
fn quotes_are_over_once_a_bar_begins_after_them() {
    let mut config = hourly();
    config.signals = ["bid", "last"]
        .map(|field| SignalDef::new(field, field))
        .into();
    let mut run = Run::new(&config);
    run.step(quote(HOUR / 2, 99, 101));
    run.step(hour(1, 100, 105));
    assert_eq!(run.core.state().signals, [Some(9.9), Some(10.5)]);
    let filled = run.step(hour(2, 106, 107));
    assert!(
        filled.contains(&"fill 2 at 106 fee 0".to_owned()),
        "{filled:?}"
    );
    assert_eq!(run.core.state().signals, [None, Some(10.7)]);
    assert_eq!(run.equity(), "1000.2");
    // The middle of newer quotes, 5.1.
    run.step(quote(2 * HOUR + 1, 50, 52));
    assert_eq!(run.equity(), "989");
    run.step(hour(3, 107, 108));
    assert_eq!(run.equity(), "989");
}

#[test]
fn a_bar_that_says_that_nothing_happened_ends_nothing() {
    let mut run = Run::new(&config(rules("last > 9.9", "last < 1", "2")));
    run.step(quote(HOUR / 2, 99, 103));
    run.step(trade(HOUR / 2, 100));
    assert_eq!(run.step(quiet(2, 100)), NOTHING);
    assert_eq!(
        run.step(quote(2 * HOUR + 1, 99, 103))[0],
        "fill 2 at 103 fee 0"
    );
    // A price that nobody told otherwise is news, though nothing is known of what traded at it.
    let mut run = Run::new(&config(rules("last > 9.9", "last < 1", "2")));
    run.step(trade(HOUR / 2, 100));
    assert_eq!(run.step(quiet(2, 101))[0], "fill 2 at 101 fee 0");
}

#[test]
fn larger_bars_fill_once_they_begin_after_the_last_smaller_one() {
    let mut run = Run::new(&config(rules("close > 10.4", "close < 1", "2")));
    for minute in [0, 1] {
        run.step(bar(MINUTES, 30 * HOUR + minute * HOUR / 60, 100, 100));
    }
    let sent = run.step(day(2, 100, 105));
    assert_eq!(sent, ["order 1 buy 0/2 open", "accepted"]);
    assert_eq!(run.step(day(3, 106, 107))[0], "fill 2 at 106 fee 0");
    // And not while smaller ones come.
    let mut run = Run::new(&config(rules("close > 10.4", "close < 1", "2")));
    run.step(day(2, 100, 105));
    run.step(bar(MINUTES, 70 * HOUR, 103, 104));
    assert_eq!(run.held(), 2);
    assert_eq!(run.cash(), "979.4");
}

#[test]
fn what_ended_with_its_connection_keeps_no_order_of_newer_bars() {
    let mut run = Run::new(&hourly());
    run.step(quote(HOUR / 2, 99, 101));
    run.step(status(HOUR / 2 + 1, StatusCode::Disconnected, 0));
    let refused = run.step(hour(1, 100, 105));
    assert!(
        refused.iter().any(|word| word.starts_with("no_price")),
        "{refused:?}"
    );
    let sent = run.step(hour(2, 106, 107));
    assert!(sent.contains(&"accepted".to_owned()), "{sent:?}");
    assert_eq!(run.step(hour(3, 108, 109))[0], "fill 2 at 108 fee 0");
}
