//! Without margin short sales are bounded, when they are submitted and when they fill, by what `all` would sell.

use super::*;
use tickloom_types::InstrumentDef;

/// Long above 0, short below: at every price out of the one and into the other.
fn both_ways(size: &str) -> StrategyDef {
    StrategyDef::Rules {
        name: "s".to_owned(),
        instrument: None,
        enter: Some("close < 0".to_owned()),
        exit: Some("close > 0".to_owned()),
        short_enter: Some("close > 0".to_owned()),
        short_exit: Some("close < 0".to_owned()),
        size: size.parse().unwrap(),
    }
}

fn short(name: &str, instrument: &str, enter: &str, size: &str) -> StrategyDef {
    StrategyDef::Rules {
        name: name.to_owned(),
        instrument: Some(instrument.into()),
        enter: None,
        exit: None,
        short_enter: Some(enter.to_owned()),
        short_exit: Some(format!("not ({enter})")),
        size: size.parse().unwrap(),
    }
}

fn of_y(mut record: Record) -> Record {
    record.header.instrument = Y.0;
    record
}

#[test]
fn a_short_sale_beyond_all_cash_is_refused_and_told() {
    let mut run = Run::new(&config(both_ways("1000000000")));
    assert_eq!(
        run.step(day(1, 90, 100)),
        [
            "order 1 sell 0/1000000000 refused",
            "short 9223372036854775807 > 1000000000000"
        ]
    );
    let told = run.step(day(2, 90, 90));
    assert!(told[1].starts_with("short "), "{told:?}");
    assert_eq!((run.held(), run.cash()), (0, "1000".to_owned()));
}

#[test]
fn what_all_would_sell_is_the_most_that_may_be_sold() {
    // 1000 / (10 * 1.01) = 99.0099
    for (size, expected) in [("all", "accepted"), ("99", "accepted"), ("100", "short")] {
        let mut config = config(both_ways(size));
        config.account.fee = "0.01".parse().unwrap();
        let mut run = Run::new(&config);
        let told = run.step(day(1, 90, 100));
        assert!(told[1].starts_with(expected), "{size}: {told:?}");
        run.step(day(2, 100, 100));
        let held = if expected == "short" { 0 } else { -99 };
        assert_eq!(run.held(), held, "{size}");
    }
}

#[test]
fn the_price_of_the_fill_decides() {
    let mut run = Run::new(&config(both_ways("100")));
    assert_eq!(run.step(day(1, 90, 100))[1], "accepted");
    // 100 at 10.1 are 1010, and the mark at the close does not matter yet.
    assert_eq!(
        run.step(day(2, 101, 90))[..2],
        [
            "order 1 sell 0/100 refused",
            "short 1010000000000 > 1000000000000"
        ]
    );
    assert_eq!(run.step(day(3, 100, 120))[0], "fill 100 at 100 fee 0");
    assert_eq!(run.cash(), "2000");
}

#[test]
fn what_shorts_were_sold_for_is_no_money_for_more() {
    let mut config = config(short("x", "X", "X.close@1d > 10", "60"));
    config
        .strategies
        .push(short("y", "Y", "Y.close@1d > 5", "70"));
    let mut run = Run::new(&config);
    run.step(day(1, 90, 101));
    run.step(day(2, 100, 110));
    assert_eq!((run.held(), run.cash()), (-60, "1600".to_owned()));
    // 60 at 11 are 660, and 70 at 5.1 are 357: more than the 1000 that were there before.
    assert_eq!(
        run.step(of_y(day(2, 51, 51))),
        [
            "order 2 sell 0/70 refused",
            "short 1017000000000 > 1000000000000"
        ]
    );
    // 60 at 10.5 are 630.
    run.step(day(3, 110, 105));
    assert_eq!(run.step(of_y(day(3, 51, 51)))[1], "accepted");
    assert_eq!(run.step(of_y(day(4, 52, 51)))[0], "fill 70 at 52 fee 0");
    assert_eq!(run.core.portfolio().net_qty(Y), -70);
}

#[test]
fn sales_that_wait_count_with_their_fees() {
    let mut config = config(short("x", "X", "X.close@1d > 10", "60"));
    config
        .strategies
        .push(short("y", "Y", "Y.close@1d > 5", "70"));
    config.account.fee = "0.01".parse().unwrap();
    let mut run = Run::new(&config);
    run.step(day(1, 90, 101));
    // 60 at 10.1 with 6.06, and 70 at 5.6 with 3.92: 606 + 6.06 + 392 + 3.92.
    assert_eq!(
        run.step(of_y(day(1, 56, 56))),
        [
            "order 2 sell 0/70 refused",
            "short 1007980000000 > 1000000000000"
        ]
    );
    // At 5.5: 606 + 6.06 + 385 + 3.85 = 1000.91.
    assert_eq!(
        run.step(of_y(day(2, 55, 55)))[1],
        "short 1000910000000 > 1000000000000"
    );
    assert_eq!(run.step(of_y(day(3, 54, 54)))[1], "accepted");
}

#[test]
fn a_turn_from_long_to_short_has_the_money_of_the_long_position() {
    let mut config = config(StrategyDef::Rules {
        name: "s".to_owned(),
        instrument: None,
        enter: Some("close > 10".to_owned()),
        exit: None,
        short_enter: Some("close < 10".to_owned()),
        short_exit: None,
        size: Size::Qty("100".to_owned()),
    });
    config.account.cash = parse_money("1101").unwrap();
    let mut run = Run::new(&config);
    run.step(day(1, 90, 110));
    run.step(day(2, 110, 90));
    assert_eq!((run.held(), run.cash()), (100, "1".to_owned()));
    // 901 once the long position is sold at 9: 100 short at 9 are within it.
    let orders: Vec<_> = run.out.records()[4..].iter().map(words).collect();
    assert_eq!(
        orders,
        [
            "order 2 sell 0/100 open",
            "accepted",
            "order 3 sell 0/100 open",
            "accepted"
        ]
    );
    run.step(day(3, 80, 80));
    assert_eq!((run.held(), run.cash()), (-100, "1601".to_owned()));
}

#[test]
fn getting_out_is_never_refused() {
    let mut run = Run::new(&config(both_ways("100")));
    run.step(day(1, 90, 100));
    run.step(day(2, 100, 100));
    assert_eq!(run.held(), -100);
    // Ten times the price: far more is owed than there is, and what is held is bought back all the same.
    run.step(day(3, 1_000, 1_000));
    assert_eq!(run.step(day(4, 1_000, -1))[0], "order 2 buy 0/100 open");
    run.step(day(5, 1_000, 1_000));
    assert_eq!((run.held(), run.cash()), (0, "-8000".to_owned()));
}

#[test]
fn with_margin_there_is_no_bound() {
    let mut config = config(both_ways("1000"));
    config.account.margin = true;
    let mut run = Run::new(&config);
    run.step(day(1, 90, 100));
    run.step(day(2, 100, 100));
    assert_eq!(run.held(), -1_000);
}

#[test]
fn a_lot_is_respected_by_all() {
    let mut config = config(both_ways("all"));
    let mut lots = InstrumentDef::new("LOTS", 1, 0, "USD");
    lots.lot_size = 7;
    let id = config.instruments.add(lots).unwrap();
    config.default_instrument = Some(id);
    let mut run = Run::new(&config);
    let of_lots = |mut record: Record| {
        record.header.instrument = id.0;
        record
    };
    // 100 at 10 are 14 lots and a rest.
    assert_eq!(
        run.step(of_lots(day(1, 90, 100)))[0],
        "order 1 sell 0/98 open"
    );
}
