//! Orders that wait count: for what the loss stop lets out, and for what another order may add.

use super::super::desk::{Cause, Desk};
use super::super::{PriceEvent, View};
use super::*;
use crate::order::{NewOrder, OrderSize};
use crate::strategy::Intent;
use crate::venue::Venue;
use tickloom_types::OrderType;

fn cause(seq: u64) -> Cause {
    Cause::new(seq, header(Kind::Bar, DAYS, 1))
}

fn all_of_x() -> Intent {
    Intent::Submit(NewOrder {
        instrument: X,
        side: Side::Buy,
        order_type: OrderType::Market,
        price: 0,
        size: OrderSize::All,
    })
}

fn limit(side: Side, price: i64, qty: i64) -> Intent {
    Intent::Submit(NewOrder {
        instrument: X,
        side,
        order_type: OrderType::Limit,
        price,
        size: OrderSize::Qty(qty),
    })
}

#[test]
fn the_oldest_orders_stay_that_together_only_get_out() {
    let mut config = config(rules("close > 10", "close < 10", "1"));
    config.risk.daily_loss = Some(parse_money("20").unwrap());
    let mut desk = Desk::new(&config).unwrap();
    let mut out = Outputs::new();
    let view = View::Close(100);
    desk.turn_day(cause(0));
    desk.execute(cause(0), 0, limit(Side::Buy, 100, 10), view, &mut out);
    let trade = PriceEvent::Trade {
        price: 99,
        qty: 10,
        sides: None,
    };
    desk.on_price(cause(1), X, 100, Some(&trade), &mut out);
    assert_eq!(desk.portfolio().net_qty(X), 10);
    for intent in [
        limit(Side::Sell, 120, 6),
        limit(Side::Buy, 70, 1),
        limit(Side::Sell, 121, 5),
        limit(Side::Sell, 122, 3),
        limit(Side::Sell, 123, 2),
    ] {
        desk.execute(cause(1), 0, intent, view, &mut out);
    }
    out.clear();
    desk.on_price(cause(2), X, 80, None, &mut out);
    assert_eq!(
        out.records().iter().map(words).collect::<Vec<_>>(),
        [
            "loss_stop",
            "order 3 buy 0/1 cancelled",
            "order 4 sell 0/5 cancelled",
            "order 6 sell 0/2 cancelled"
        ]
    );
}

#[test]
fn an_order_for_all_that_fills_for_more_counts_what_waits_in_other_instruments() {
    let mut config = config(rules("close > 10", "close < 10", "1"));
    config.risk.gross_exposure = Some(parse_money("1000").unwrap());
    let mut desk = Desk::new(&config).unwrap();
    let mut out = Outputs::new();
    desk.on_price(cause(0), X, 300, None, &mut out);
    desk.on_price(cause(0), Y, 100, None, &mut out);
    // 33 at 30 and one at 10 are 1000, just allowed.
    desk.execute(cause(0), 0, all_of_x(), View::Close(300), &mut out);
    let Intent::Submit(mut of_y) = limit(Side::Buy, 90, 1) else {
        unreachable!("a limit is submitted");
    };
    of_y.instrument = Y;
    desk.execute(
        cause(0),
        0,
        Intent::Submit(of_y),
        View::Close(100),
        &mut out,
    );
    assert_eq!(desk.venue().open_count(), 2);
    out.clear();
    let open = PriceEvent::Open {
        price: 100,
        volume: 0,
    };
    desk.on_price(cause(1), X, 100, Some(&open), &mut out);
    assert_eq!(
        out.records().iter().map(words).collect::<Vec<_>>(),
        [
            "order 1 buy 0/100 refused",
            "gross_exposure 1010000000000 > 1000000000000"
        ]
    );
}
