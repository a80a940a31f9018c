//! Prices and sizes between two steps, and stops that were triggered.

use super::super::desk::{Cause, Desk};
use super::super::{PriceEvent, View};
use super::*;
use crate::order::{NewOrder, OrderSize};
use crate::strategy::Intent;
use tickloom_types::OrderType;

/// Ticks of half a unit, lots of ten.
const STEPPED: InstrumentId = InstrumentId(3);

fn stepped(share: Option<&str>) -> Desk {
    let mut config = config(rules("close > 10", "close < 10", "1"));
    let mut def = InstrumentDef::new("STEPPED", 1, 0, "USD");
    (def.tick_size, def.lot_size) = (5, 10);
    assert_eq!(config.instruments.add(def).unwrap(), STEPPED);
    config.account.volume_share = share.map(|share| share.parse().unwrap());
    Desk::new(&config).unwrap()
}

fn cause(seq: u64) -> Cause {
    Cause::new(seq, header(Kind::Trade, FEED, 1))
}

fn order(
    instrument: InstrumentId,
    side: Side,
    order_type: OrderType,
    price: i64,
    qty: i64,
) -> Intent {
    Intent::Submit(NewOrder {
        instrument,
        side,
        order_type,
        price,
        size: OrderSize::Qty(qty),
    })
}

fn told(out: &Outputs) -> Vec<String> {
    out.records().iter().map(words).collect()
}

#[test]
fn orders_between_two_steps_are_refused() {
    let mut desk = stepped(None);
    let mut check = |order_type, price, qty, expected: &str| {
        let mut out = Outputs::new();
        let intent = order(STEPPED, Side::Buy, order_type, price, qty);
        desk.execute(cause(0), 0, intent, View::Close(100), &mut out);
        assert_eq!(told(&out)[1], expected);
    };
    check(OrderType::Limit, 95, 10, "accepted");
    check(OrderType::Limit, 96, 10, "tick 96 > 5");
    check(OrderType::Stop, 101, 10, "tick 101 > 5");
    check(OrderType::Limit, -7, 10, "tick -7 > 5");
    check(OrderType::Market, 0, 10, "accepted");
    check(OrderType::Market, 0, 15, "lot 15 > 10");
    check(OrderType::Limit, 95, 1, "lot 1 > 10");
    check(OrderType::Limit, 96, 0, "order_qty 0 > 10");
}

#[test]
fn an_instrument_that_is_not_there_is_no_price() {
    let mut run = Run::new(&config(rules("close > 10", "close < 10", "1")));
    run.step(day(1, 90, 90));
    let mut desk = stepped(None);
    let mut out = Outputs::new();
    let nowhere = InstrumentId(77);
    let view = View::Market {
        market: run.core.market(),
        closes: None,
    };
    // Before anything else is asked: a size of -1 is refused by `order_qty`.
    let intent = order(nowhere, Side::Buy, OrderType::Market, 0, -1);
    desk.execute(cause(0), 0, intent, view, &mut out);
    assert_eq!(told(&out), ["order 1 buy 0/-1 refused", "no_price 0 > 0"]);
}

/// What a sell stop at 95 for 10 fills, event by event.
fn stop_fills(share: &str, events: &[PriceEvent]) -> Vec<Vec<String>> {
    let mut desk = stepped(Some(share));
    let mut out = Outputs::new();
    let view = View::Close(1_000);
    let buy = order(X, Side::Buy, OrderType::Market, 0, 10);
    desk.mark(X, 10);
    desk.execute(cause(0), 0, buy, View::Close(10), &mut out);
    let trade = PriceEvent::Trade {
        price: 10,
        qty: 1_000,
        sides: None,
    };
    desk.on_price(cause(1), X, 10, Some(&trade), &mut out);
    assert_eq!(desk.portfolio().net_qty(X), 10);
    let stop = order(X, Side::Sell, OrderType::Stop, 95, 10);
    desk.execute(cause(1), 0, stop, view, &mut out);
    let mut fills = vec![];
    for (seq, event) in (2..).zip(events) {
        out.clear();
        desk.on_price(cause(seq), X, 100, Some(event), &mut out);
        let filled = told(&out).into_iter().filter(|w| w.starts_with("fill"));
        fills.push(filled.collect());
    }
    fills
}

fn traded(price: i64, qty: i64) -> PriceEvent {
    PriceEvent::Trade {
        price,
        qty,
        sides: None,
    }
}

#[test]
fn a_stop_that_was_triggered_without_size_fills_at_the_next_event_that_has_some() {
    let none: Vec<String> = vec![];
    assert_eq!(
        stop_fills(
            "0.1",
            &[
                traded(96, 500),
                traded(94, 5),
                traded(96, 9),
                traded(96, 40),
                traded(97, 500)
            ]
        ),
        [
            none.clone(),
            none.clone(),
            none.clone(),
            vec!["fill 4 at 96 fee 0".to_owned()],
            vec!["fill 6 at 97 fee 0".to_owned()]
        ]
    );
}

#[test]
fn a_stop_is_triggered_by_a_bar_or_quote_without_size_too() {
    let bar = |low, volume| PriceEvent::Bar {
        body: BarBody {
            open: 99,
            high: 99,
            low,
            close: 98,
            volume,
        },
        start: Ts(5),
    };
    let none: Vec<String> = vec![];
    assert_eq!(
        stop_fills("0.5", &[bar(96, 100), bar(95, 0), bar(98, 40)]),
        [
            none.clone(),
            none.clone(),
            vec!["fill 10 at 99 fee 0".to_owned()]
        ]
    );
    let quote = |bid, bid_qty| {
        let top = crate::book::Top {
            bid,
            bid_qty,
            ask: 120,
            ask_qty: 100,
        };
        PriceEvent::Quote(top.into())
    };
    assert_eq!(
        stop_fills("0.5", &[quote(96, 100), quote(95, 1), quote(99, 40)]),
        [none.clone(), none, vec!["fill 10 at 99 fee 0".to_owned()]]
    );
}
