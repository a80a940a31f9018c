//! No order fills at a price that was gone when it was sent: bars of another instrument or size began before, or did not.

use super::*;

const MINUTE: i64 = HOUR / 60;
const DAY: i64 = 24 * HOUR;

/// Buys Y when a condition on X holds.
fn on_x_buys_y(enter: &str) -> Run {
    let mut strategy = rules(enter, "Y.close@1d < 0", "2");
    if let StrategyDef::Rules { instrument, .. } = &mut strategy {
        *instrument = Some("Y".into());
    }
    Run::new(&config(strategy))
}

fn of_y(mut record: Record) -> Record {
    record.header.instrument = Y.0;
    record
}

const SENT: [&str; 2] = ["order 1 buy 0/2 open", "accepted"];

#[test]
fn a_bar_that_closes_with_the_one_that_sent_the_order_does_not_fill_it() {
    let mut run = on_x_buys_y("X.close@1d > 10");
    run.step(of_y(bar(DAYS, 0, 50, 50)));
    assert_eq!(run.step(day(1, 90, 101)), SENT);
    assert_eq!(run.step(of_y(day(1, 51, 52))), NOTHING);
    let filled = run.step(of_y(day(2, 53, 54)));
    assert_eq!(filled[0], "fill 2 at 53 fee 0");
}

#[test]
fn a_bar_in_which_the_order_was_sent_does_not_fill_it() {
    let mut run = on_x_buys_y("X.close@1m > 10");
    run.step(of_y(bar(HOURS, 9 * HOUR, 50, 50)));
    let sent = run.step(bar(MINUTES, 9 * HOUR + 31 * MINUTE, 100, 101));
    assert_eq!(sent, SENT);
    assert_eq!(run.step(of_y(bar(HOURS, 10 * HOUR, 51, 52))), NOTHING);
    let filled = run.step(of_y(bar(HOURS, 11 * HOUR, 53, 54)));
    assert_eq!(filled[0], "fill 2 at 53 fee 0");
}

#[test]
fn a_stop_is_not_triggered_by_a_bar_from_before_it_was_sent() {
    let stop = StrategyDef::Code {
        name: "ride".to_owned(),
        instrument: None,
        code: "trailing_stop".to_owned(),
        expressions: BTreeMap::from([("enter".to_owned(), "close@1h > 10".to_owned())]),
        settings: [("size", "2"), ("trail_bps", "1000"), ("profit_bps", "9000")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    };
    let mut run = Run::new(&config(stop));
    assert_eq!(run.step(bar(HOURS, HOUR, 100, 101)), SENT);
    // In at 100, at two: from then on a stop rests at 90.
    let opened = run.step(bar(HOURS, 2 * HOUR, 100, 100));
    assert_eq!(opened[4], "order 2 sell 0/2 open");
    // A bar of the hour before that comes late, and went down to 80.
    assert_eq!(run.step(bar(HOURS, 2 * HOUR - 1, 80, 100)), ["book_status"]);
    assert_eq!(
        run.step(bar(HOURS, 3 * HOUR, 100, 85))[0],
        "fill 2 at 90 fee 0"
    );
}

#[test]
fn a_bar_by_trades_begins_where_the_one_before_closed() {
    let mut run = on_x_buys_y("X.close@1m > 10");
    run.step(of_y(bar(TWO_TRADES, 5, 50, 50)));
    assert_eq!(run.step(bar(MINUTES, MINUTE, 100, 101)), SENT);
    let across = run.step(of_y(bar(TWO_TRADES, MINUTE + 5, 51, 52)));
    assert_eq!(across, NOTHING);
    let after = run.step(of_y(bar(TWO_TRADES, MINUTE + 9, 53, 54)));
    assert_eq!(after[0], "fill 2 at 53 fee 0");
}

#[test]
fn bars_of_another_kind_than_came_first_fill_nothing() {
    let mut run = on_x_buys_y("X.close@1m > 10");
    run.step(of_y(bar(HOURS, 0, 50, 50)));
    assert_eq!(run.step(bar(MINUTES, MINUTE, 100, 101)), SENT);
    run.step(of_y(bar(TWO_TRADES, MINUTE + 5, 51, 51)));
    let other = run.step(of_y(bar(TWO_TRADES, MINUTE + 9, 51, 52)));
    assert_eq!(other, NOTHING);
    let filled = run.step(of_y(bar(HOURS, 2 * HOUR, 53, 54)));
    assert_eq!(filled[0], "fill 2 at 53 fee 0");
}

#[test]
fn a_day_of_23_hours_fills_at_its_open() {
    // Closes at a local time: the day on which the clocks go forward begins within a day's length of the close before.
    let mut run = Run::new(&config(rules("close > 10", "close < 1", "2")));
    assert_eq!(run.step(day(1, 90, 101)), SENT);
    let short = run.step(bar(DAYS, 2 * DAY - HOUR, 102, 103));
    assert_eq!(short[0], "fill 2 at 102 fee 0");
}
