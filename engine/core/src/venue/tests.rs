//! What each kind of event fills, at which price.

use super::*;
use crate::book::Top;
use crate::order::{NewOrder, OrderSize};
use proptest::prelude::*;

const X: InstrumentId = InstrumentId(0);

fn order(side: Side, order_type: OrderType, price: i64) -> Order {
    Order {
        id: 1,
        strategy: 0,
        new: NewOrder {
            instrument: X,
            side,
            order_type,
            price,
            size: OrderSize::Qty(10),
        },
        qty: 10,
        filled: 0,
        submitted: 5,
        submitted_ts: Ts(50),
        triggered: false,
        resting: false,
    }
}

fn bar(open: i64, high: i64, low: i64, close: i64) -> PriceEvent {
    let body = BarBody {
        open,
        high,
        low,
        close,
        volume: 100,
    };
    PriceEvent::Bar {
        body,
        start: Ts(50),
    }
}

fn quote(bid: i64, ask: i64) -> PriceEvent {
    PriceEvent::Quote(top(bid, ask).into())
}

fn top(bid: i64, ask: i64) -> Top {
    Top {
        bid,
        bid_qty: 3,
        ask,
        ask_qty: 4,
    }
}

fn trade(price: i64, top: Option<Top>) -> PriceEvent {
    let sides = top.map(Sides::from);
    PriceEvent::Trade {
        price,
        qty: 2,
        sides,
    }
}

/// Where these events fill a whole order, one after the other; the first that does counts.
fn check(order: Order, events: &[PriceEvent], expected: Option<(i64, bool)>) {
    let mut venue = PaperVenue::new(2, None);
    venue.submit(order);
    let mut found = None;
    for (event, seq) in events.iter().zip(6..) {
        venue.on_price(seq, X, event, &mut |order, offer| {
            order.filled = order.qty;
            found = Some((offer.price, offer.taker));
            Outcome::Done
        });
    }
    assert_eq!(found, expected);
    assert_eq!(venue.orders(X).is_empty(), expected.is_some());
}

#[test]
fn bars_fill_market_orders_at_the_open() {
    let events = [bar(100, 110, 90, 105)];
    check(
        order(Side::Buy, OrderType::Market, 0),
        &events,
        Some((100, true)),
    );
    check(
        order(Side::Sell, OrderType::Market, 0),
        &events,
        Some((100, true)),
    );
}

#[test]
fn bars_fill_limits_at_their_price_or_a_better_open() {
    let limit = |side, price| order(side, OrderType::Limit, price);
    let events = [bar(100, 110, 90, 105)];
    check(limit(Side::Buy, 89), &events, None);
    check(limit(Side::Buy, 90), &events, Some((90, false)));
    check(limit(Side::Buy, 102), &events, Some((100, true)));
    check(limit(Side::Sell, 111), &events, None);
    check(limit(Side::Sell, 110), &events, Some((110, false)));
    check(limit(Side::Sell, 95), &events, Some((100, true)));
    let gap = [bar(100, 110, 90, 105), bar(80, 85, 75, 80)];
    check(limit(Side::Buy, 89), &gap, Some((80, false)));
}

#[test]
fn bars_fill_stops_at_their_price_or_a_worse_open() {
    let stop = |side, price| order(side, OrderType::Stop, price);
    let events = [bar(100, 110, 90, 105)];
    check(stop(Side::Buy, 111), &events, None);
    check(stop(Side::Buy, 110), &events, Some((110, true)));
    check(stop(Side::Buy, 95), &events, Some((100, true)));
    check(stop(Side::Sell, 89), &events, None);
    check(stop(Side::Sell, 90), &events, Some((90, true)));
    check(stop(Side::Sell, 105), &events, Some((100, true)));
}

#[test]
fn ticks_fill_market_orders_at_the_opposite_quote_or_the_next_trade() {
    let buy = order(Side::Buy, OrderType::Market, 0);
    let sell = order(Side::Sell, OrderType::Market, 0);
    check(buy, &[quote(99, 101)], Some((101, true)));
    check(sell, &[quote(99, 101)], Some((99, true)));
    check(buy, &[trade(100, None)], Some((100, true)));
    check(sell, &[trade(100, Some(top(99, 101)))], Some((99, true)));
}

#[test]
fn ticks_fill_limits_that_are_crossed_or_traded_through() {
    let buy = order(Side::Buy, OrderType::Limit, 100);
    check(buy, &[quote(99, 101), trade(100, None)], None);
    check(buy, &[trade(99, None)], Some((100, false)));
    check(buy, &[quote(97, 98)], Some((98, true)));
    check(buy, &[quote(99, 101), quote(97, 98)], Some((100, false)));
    check(buy, &[trade(99, Some(top(99, 101)))], Some((100, false)));
    let sell = order(Side::Sell, OrderType::Limit, 100);
    check(sell, &[trade(100, None), quote(99, 101)], None);
    check(sell, &[trade(101, None)], Some((100, false)));
}

#[test]
fn ticks_trigger_stops_and_fill_them_no_better_than_their_price() {
    let buy = order(Side::Buy, OrderType::Stop, 100);
    check(buy, &[trade(99, None), quote(97, 99)], None);
    check(buy, &[trade(102, None)], Some((102, true)));
    check(buy, &[quote(99, 101)], Some((101, true)));
    check(buy, &[trade(100, Some(top(98, 99)))], Some((100, true)));
    let sell = order(Side::Sell, OrderType::Stop, 100);
    check(sell, &[trade(101, None)], None);
    check(sell, &[trade(98, None)], Some((98, true)));
}

/// An ask alone, as of quotes whose bid is empty, or the other way round.
fn alone(side: Side, price: i64) -> Sides {
    let shown = Some(PriceLevel { price, qty: 3 });
    match side {
        Side::Buy => Sides {
            bid: shown,
            ask: None,
        },
        Side::Sell => Sides {
            bid: None,
            ask: shown,
        },
    }
}

fn trade_beside(price: i64, sides: Sides) -> PriceEvent {
    PriceEvent::Trade {
        price,
        qty: 2,
        sides: Some(sides),
    }
}

#[test]
fn one_side_alone_fills_what_trades_against_it_and_nothing_else() {
    let market = |side| order(side, OrderType::Market, 0);
    let ask = alone(Side::Sell, 10_002);
    let bid = alone(Side::Buy, 10_000);
    check(
        market(Side::Buy),
        &[trade_beside(5_000, ask)],
        Some((10_002, true)),
    );
    check(
        market(Side::Buy),
        &[PriceEvent::Quote(ask)],
        Some((10_002, true)),
    );
    check(market(Side::Sell), &[PriceEvent::Quote(ask)], None);
    check(
        market(Side::Sell),
        &[trade_beside(15_000, ask), PriceEvent::Quote(bid)],
        Some((10_000, true)),
    );
    check(
        market(Side::Sell),
        &[trade_beside(15_000, bid)],
        Some((10_000, true)),
    );
    // Nothing is shown, as of a crossed quote.
    check(
        market(Side::Buy),
        &[trade_beside(5_000, Sides::default())],
        None,
    );
}

#[test]
fn a_limit_whose_side_is_empty_rests_and_fills_by_a_trade_through_it() {
    let buy = order(Side::Buy, OrderType::Limit, 100);
    let bid = alone(Side::Buy, 90);
    check(buy, &[PriceEvent::Quote(bid), trade_beside(100, bid)], None);
    check(
        buy,
        &[PriceEvent::Quote(bid), trade_beside(99, bid)],
        Some((100, false)),
    );
    let ask = PriceEvent::Quote(alone(Side::Sell, 98));
    check(buy, &[ask], Some((98, true)));
    // It was there before the ask was.
    check(buy, &[PriceEvent::Quote(bid), ask], Some((100, false)));
    let sell = order(Side::Sell, OrderType::Limit, 100);
    check(sell, &[PriceEvent::Quote(alone(Side::Sell, 101))], None);
    check(
        sell,
        &[PriceEvent::Quote(alone(Side::Buy, 103))],
        Some((103, true)),
    );
}

#[test]
fn a_stop_that_a_trade_reaches_waits_for_its_side() {
    let buy = order(Side::Buy, OrderType::Stop, 100);
    let bid = alone(Side::Buy, 99);
    let reached = trade_beside(100, bid);
    check(buy, &[reached, trade_beside(120, bid)], None);
    check(buy, &[reached, quote(96, 97)], Some((97, true)));
    check(buy, &[trade_beside(99, bid), quote(96, 97)], None);
    let ask = alone(Side::Sell, 98);
    check(buy, &[trade_beside(100, ask)], Some((100, true)));
    let sell = order(Side::Sell, OrderType::Stop, 100);
    check(
        sell,
        &[trade_beside(90, ask), quote(104, 105)],
        Some((104, true)),
    );
}

#[test]
fn never_at_the_record_that_submitted_it_nor_for_another_instrument() {
    let mut venue = PaperVenue::new(2, None);
    venue.submit(order(Side::Buy, OrderType::Market, 0));
    let mut never = |_: &mut Order, _: Offer| panic!("filled");
    venue.on_price(5, X, &quote(99, 101), &mut never);
    venue.on_price(6, InstrumentId(1), &quote(99, 101), &mut never);
    assert_eq!(venue.orders(X).len(), 1);
    assert!(!venue.orders(X)[0].resting);
    assert_eq!(venue.cancel(X, 1).unwrap().id, 1);
    assert!(venue.cancel(X, 1).is_none());
}

#[test]
fn a_bar_that_began_before_the_order_was_submitted_fills_it_neither_at_its_open_nor_in_its_range() {
    let body = BarBody {
        open: 100,
        high: 110,
        low: 90,
        close: 105,
        volume: 100,
    };
    let began = |start| PriceEvent::Bar {
        body,
        start: Ts(start),
    };
    let kinds = [
        (OrderType::Market, 0, 100),
        (OrderType::Limit, 95, 95),
        (OrderType::Stop, 105, 105),
    ];
    for (kind, price, filled) in kinds {
        let order = order(Side::Buy, kind, price);
        check(order, &[began(49)], None);
        let taker = kind != OrderType::Limit;
        check(order, &[began(49), began(50)], Some((filled, taker)));
    }
}

#[test]
fn a_volume_share_is_shared_by_the_orders_of_a_side() {
    let mut venue = PaperVenue::new(2, Some("0.15".parse().unwrap()));
    venue.submit(order(Side::Buy, OrderType::Market, 0));
    venue.submit(order(Side::Buy, OrderType::Market, 0));
    venue.submit(order(Side::Sell, OrderType::Market, 0));
    let mut filled = vec![];
    let mut fill = |order: &mut Order, offer: Offer| {
        let qty = offer.qty_max.unwrap().min(order.open_qty());
        order.filled += qty;
        filled.push(qty);
        if order.open_qty() == 0 {
            Outcome::Done
        } else {
            Outcome::Open
        }
    };
    venue.on_price(6, X, &bar(100, 100, 100, 100), &mut fill);
    venue.on_price(7, X, &bar(100, 100, 100, 100), &mut fill);
    assert_eq!(filled, [10, 5, 10, 5]);
    assert!(venue.orders(X).is_empty());
}

/// An order as a plain model knows it.
#[derive(Clone, Copy, Debug)]
struct Plain {
    order: Order,
    open: i64,
    is_triggered: bool,
    has_rested: bool,
}

/// From the tables in `docs/backtest-conventions.md`, line by line.
impl Plain {
    /// Price and shown size at which an event fills the order, if it does.
    fn meets(&self, event: &PriceEvent) -> Option<(i64, i64)> {
        let (side, limit) = (self.order.new.side, self.order.new.price);
        let is_buy = side == Side::Buy;
        let kind = if self.is_triggered {
            OrderType::Market
        } else {
            self.order.new.order_type
        };
        // What is good for a buyer is low: with prices of the other sign, a seller is a buyer.
        let sign = if is_buy { 1 } else { -1 };
        let flip = |price: i64| price * sign;
        match *event {
            PriceEvent::Bar { body, .. } => {
                let (best, worst) = if is_buy {
                    (body.low, body.high)
                } else {
                    (body.high, body.low)
                };
                let price = match kind {
                    OrderType::Market => Some(body.open),
                    OrderType::Limit if flip(best) <= flip(limit) => {
                        Some(flip(flip(limit).min(flip(body.open))))
                    }
                    OrderType::Stop if flip(worst) >= flip(limit) => {
                        Some(flip(flip(limit).max(flip(body.open))))
                    }
                    _ => None,
                };
                price.map(|price| (price, body.volume))
            }
            PriceEvent::Quote(sides) => self.meets_quote(&sides, kind, flip),
            PriceEvent::Trade {
                price,
                qty,
                sides: None,
            } => match kind {
                OrderType::Market => Some((price, qty)),
                OrderType::Limit => (flip(price) < flip(limit)).then_some((limit, qty)),
                OrderType::Stop => (flip(price) >= flip(limit)).then_some((price, qty)),
            },
            PriceEvent::Trade {
                price,
                qty,
                sides: Some(sides),
            } => {
                let by_trade = match (kind, other_side(side, &sides)) {
                    (OrderType::Limit, _) if flip(price) < flip(limit) => Some((limit, qty)),
                    (OrderType::Stop, Some((ask, shown))) if flip(price) >= flip(limit) => {
                        Some((flip(flip(ask).max(flip(limit))), shown))
                    }
                    _ => None,
                };
                by_trade.or_else(|| self.meets_quote(&sides, kind, flip))
            }
            PriceEvent::Open { .. } => unreachable!("not made here"),
        }
    }

    /// Whether a trade reached the price of a stop.
    fn is_reached(&self, event: &PriceEvent) -> bool {
        let sign = self.order.new.side.sign();
        let is_stop = self.order.new.order_type == OrderType::Stop;
        matches!(event, PriceEvent::Trade { price, .. } if is_stop && price * sign >= self.order.new.price * sign)
    }

    fn meets_quote(
        &self,
        sides: &Sides,
        kind: OrderType,
        flip: impl Fn(i64) -> i64,
    ) -> Option<(i64, i64)> {
        let (ask, shown) = other_side(self.order.new.side, sides)?;
        let limit = self.order.new.price;
        let price = match kind {
            OrderType::Market => Some(ask),
            OrderType::Limit if flip(ask) > flip(limit) => None,
            OrderType::Limit if self.has_rested => Some(limit),
            OrderType::Limit => Some(ask),
            OrderType::Stop => (flip(ask) >= flip(limit)).then_some(ask),
        };
        price.map(|price| (price, shown))
    }
}

fn other_side(side: Side, sides: &Sides) -> Option<(i64, i64)> {
    let shown = if side == Side::Buy {
        sides.ask
    } else {
        sides.bid
    };
    shown.map(|level| (level.price, level.qty))
}

fn any_event() -> impl Strategy<Value = PriceEvent> {
    let sizes = (
        prop::option::weighted(0.8, 0_i64..60),
        prop::option::weighted(0.8, 0_i64..60),
    );
    let sides = (90_i64..110, 1_i64..4, sizes).prop_map(|(bid, spread, (b, a))| {
        let shown = |price, qty: Option<i64>| qty.map(|qty| PriceLevel { price, qty });
        Sides {
            bid: shown(bid, b),
            ask: shown(bid + spread, a),
        }
    });
    let bar = prop::array::uniform4(90_i64..110);
    prop_oneof![
        sides.clone().prop_map(PriceEvent::Quote),
        (90_i64..110, 1_i64..60, prop::option::of(sides))
            .prop_map(|(price, qty, sides)| PriceEvent::Trade { price, qty, sides }),
        (bar, 0_i64..60).prop_map(|(prices, volume)| PriceEvent::Bar {
            body: BarBody {
                open: prices[0],
                high: prices.into_iter().max().unwrap_or_default(),
                low: prices.into_iter().min().unwrap_or_default(),
                close: prices[3],
                volume,
            },
            start: Ts(50),
        }),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Submit(Side, OrderType, i64, i64),
    /// The oldest but so many.
    Cancel(usize),
    Event(PriceEvent),
}

fn any_step() -> impl Strategy<Value = Step> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let kind = prop_oneof![
        Just(OrderType::Market),
        Just(OrderType::Limit),
        Just(OrderType::Stop)
    ];
    prop_oneof![
        3 => (side, kind, 85_i64..115, 1_i64..30).prop_map(|(s, k, p, q)| Step::Submit(s, k, p, q)),
        1 => (0_usize..4).prop_map(Step::Cancel),
        6 => any_event().prop_map(Step::Event),
    ]
}

proptest! {
    /// Every order at every event, one after the other, with its own notes: what the venue may leave out changes nothing.
    #[test]
    fn orders_fill_as_a_plain_model_says(
        steps in prop::collection::vec(any_step(), 1..60),
        share in prop::option::of(prop::sample::select(vec![("0.1", 1), ("0.5", 5), ("1", 10)])),
    ) {
        let tenths = share.map(|(_, tenths)| tenths);
        let mut venue = PaperVenue::new(2, share.map(|(text, _)| text.parse().unwrap()));
        let mut model: Vec<Plain> = vec![];
        for (step, seq) in steps.into_iter().zip(6_u64..) {
            match step {
                Step::Submit(side, kind, price, qty) => {
                    let mut new = order(side, kind, price);
                    (new.id, new.qty) = (u32::try_from(seq).unwrap(), qty);
                    (new.submitted, new.submitted_ts) = (seq, Ts(50));
                    venue.submit(new);
                    model.push(Plain { order: new, open: qty, is_triggered: false, has_rested: false });
                }
                Step::Cancel(at) if at < model.len() => {
                    let gone = model.remove(at);
                    prop_assert_eq!(venue.cancel(X, gone.order.id).map(|order| order.id), Some(gone.order.id));
                }
                Step::Cancel(_) => prop_assert!(venue.cancel(X, 1).is_none()),
                Step::Event(event) => {
                    let mut expected = vec![];
                    let mut taken = [0, 0];
                    for plain in &mut model {
                        let met = plain.meets(&event);
                        plain.has_rested = true;
                        plain.is_triggered |= plain.is_reached(&event);
                        let Some((price, shown)) = met else { continue };
                        plain.is_triggered |= plain.order.new.order_type == OrderType::Stop;
                        let taken = &mut taken[usize::from(plain.order.new.side == Side::Sell)];
                        let most = tenths.map_or(i64::MAX, |tenths| shown * tenths / 10 - *taken);
                        let qty = plain.open.min(most);
                        if qty > 0 {
                            *taken += qty;
                            plain.open -= qty;
                            expected.push((plain.order.id, price, qty));
                        }
                    }
                    model.retain(|plain| plain.open > 0);
                    let mut found = vec![];
                    venue.on_price(seq, X, &event, &mut |order, offer| {
                        let qty = offer.qty_max.unwrap_or(i64::MAX).min(order.open_qty());
                        order.filled += qty;
                        found.push((order.id, offer.price, qty));
                        if order.open_qty() > 0 { Outcome::Open } else { Outcome::Done }
                    });
                    prop_assert_eq!(found, expected);
                }
            }
            prop_assert_eq!(venue.open_count(), model.len());
        }
    }
}
