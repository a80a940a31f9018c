//! Where orders wait and how they fill: the [`Venue`] trait and the paper venue.
//!
//! Prices here are what an event shows; what a fill does to cash and positions, and whether there is cash at all, is the
//! business of `trade.rs`. An order never fills at the record at which it was sent, nor at a bar
//! that began before. The rules are in `docs/backtest-conventions.md`; in doubt they favour the market, not us.

use crate::book::Top;
use crate::order::Order;
use crate::trade_config::VolumeShare;
use tickloom_types::{BarBody, InstrumentId, OrderType, Seq, Side, Ts};

/// What one event tells of an instrument's prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PriceEvent {
    /// A bar: what happened since it began, in unknown order but for its open.
    Bar {
        /// Prices and volume.
        body: BarBody,
        /// When it began; an order that was sent later is too late for it.
        start: Ts,
    },
    /// The open of a bar that began after all orders were sent, and its volume: what market orders see of it.
    Open {
        /// Price mantissa.
        price: i64,
        /// Size mantissa that traded in the bar.
        volume: i64,
    },
    /// A trade, with the best bid and ask after it if there are any.
    Trade {
        /// Price mantissa.
        price: i64,
        /// Size mantissa.
        qty: i64,
        /// Best bid and ask.
        top: Option<Top>,
    },
    /// Best bid and ask changed.
    Quote(Top),
}

/// The price at which an event fills an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Price mantissa.
    pub price: i64,
    /// Most that may be filled; `None` for all of it.
    pub qty_max: Option<i64>,
    /// Whether the order takes liquidity.
    pub taker: bool,
}

/// What became of an order that was offered a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is still open.
    Open,
    /// It is filled or refused.
    Done,
}

/// A venue that orders are sent to.
pub trait Venue {
    /// Takes an order that risk has accepted.
    fn send(&mut self, order: Order);

    /// Takes an order back, if it is still open.
    fn cancel(&mut self, id: u32) -> Option<Order>;

    /// Open orders in the order in which they were sent.
    fn orders(&self) -> &[Order];

    /// Shows an event to the open orders of its instrument; each that it fills is handed to `fill` with the price.
    fn on_price(
        &mut self,
        seq: Seq,
        instrument: InstrumentId,
        event: &PriceEvent,
        fill: &mut impl FnMut(&mut Order, Offer) -> Outcome,
    );
}

/// Fills orders from market data alone, as if they were too small to move it.
#[derive(Clone, Debug)]
pub struct PaperVenue {
    orders: Vec<Order>,
    share: Option<VolumeShare>,
}

impl PaperVenue {
    /// Empty. With a share, fills are capped at that part of the volume that an event shows on a side.
    #[must_use]
    pub fn new(share: Option<VolumeShare>) -> PaperVenue {
        PaperVenue {
            orders: Vec::with_capacity(crate::limits::ORDERS_MAX),
            share,
        }
    }
}

impl Venue for PaperVenue {
    fn send(&mut self, order: Order) {
        self.orders.push(order);
    }

    fn cancel(&mut self, id: u32) -> Option<Order> {
        let at = self.orders.iter().position(|order| order.id == id)?;
        Some(self.orders.remove(at))
    }

    fn orders(&self) -> &[Order] {
        &self.orders
    }

    fn on_price(
        &mut self,
        seq: Seq,
        instrument: InstrumentId,
        event: &PriceEvent,
        fill: &mut impl FnMut(&mut Order, Offer) -> Outcome,
    ) {
        let share = self.share;
        let mut taken = [0; 2];
        self.orders.retain_mut(|order| {
            let is_past = order.sent >= seq || event.began_before(order.sent_ts);
            if order.new.instrument != instrument || is_past {
                return true;
            }
            let Some((price, shown, taker)) = event.offer(order) else {
                order.resting = true;
                return true;
            };
            let taken = &mut taken[usize::from(order.new.side == Side::Sell)];
            let qty_max = share.map(|share| share.of(shown.max(0)) - *taken);
            order.resting = true;
            if qty_max.is_some_and(|most| most <= 0) {
                return true;
            }
            let before = order.filled;
            let offer = Offer {
                price,
                qty_max,
                taker,
            };
            let outcome = fill(order, offer);
            *taken += order.filled - before;
            outcome == Outcome::Open
        });
    }
}

impl PriceEvent {
    /// Whether some of what it tells is older than `ts`.
    fn began_before(&self, ts: Ts) -> bool {
        matches!(self, PriceEvent::Bar { start, .. } if *start < ts)
    }

    /// Price, size that the event shows there, and whether the order takes liquidity; `None` if it does not fill.
    fn offer(&self, order: &Order) -> Option<(i64, i64, bool)> {
        match *self {
            PriceEvent::Bar { body, .. } => {
                bar_price(order, &body).map(|(price, taker)| (price, body.volume, taker))
            }
            PriceEvent::Open { price, volume } => {
                (acts_as(order) == OrderType::Market).then_some((price, volume, true))
            }
            PriceEvent::Trade {
                price,
                qty,
                top: None,
            } => trade_offer(order, price, qty),
            PriceEvent::Trade {
                price,
                qty,
                top: Some(top),
            } => trade_through(order, price, qty, &top).or_else(|| quote_offer(order, &top)),
            PriceEvent::Quote(top) => quote_offer(order, &top),
        }
    }
}

/// Whether `a` is at least as good as `b` for someone who buys or sells.
fn at_least(side: Side, a: i64, b: i64) -> bool {
    match side {
        Side::Buy => a <= b,
        Side::Sell => a >= b,
    }
}

fn better(side: Side, a: i64, b: i64) -> i64 {
    if at_least(side, a, b) { a } else { b }
}

fn worse(side: Side, a: i64, b: i64) -> i64 {
    if at_least(side, a, b) { b } else { a }
}

/// A stop that has filled in part was triggered: it is a market order from then on.
fn acts_as(order: &Order) -> OrderType {
    match order.new.order_type {
        OrderType::Stop if order.filled > 0 => OrderType::Market,
        kind => kind,
    }
}

fn bar_price(order: &Order, bar: &BarBody) -> Option<(i64, bool)> {
    let (side, price) = (order.new.side, order.new.price);
    let (best, worst) = match side {
        Side::Buy => (bar.low, bar.high),
        Side::Sell => (bar.high, bar.low),
    };
    match acts_as(order) {
        OrderType::Market => Some((bar.open, true)),
        OrderType::Limit => at_least(side, best, price).then(|| {
            let at_open = !order.resting && at_least(side, bar.open, price);
            (better(side, bar.open, price), at_open)
        }),
        OrderType::Stop => {
            at_least(side, price, worst).then(|| (worse(side, bar.open, price), true))
        }
    }
}

/// Without quotes the next trade is the price.
fn trade_offer(order: &Order, traded: i64, qty: i64) -> Option<(i64, i64, bool)> {
    let (side, price) = (order.new.side, order.new.price);
    match acts_as(order) {
        OrderType::Market => Some((traded, qty, true)),
        OrderType::Limit => {
            (traded != price && at_least(side, traded, price)).then_some((price, qty, false))
        }
        OrderType::Stop => at_least(side, price, traded).then_some((traded, qty, true)),
    }
}

/// With quotes a trade only fills limits that it went through, and triggers stops.
fn trade_through(order: &Order, traded: i64, qty: i64, top: &Top) -> Option<(i64, i64, bool)> {
    match acts_as(order) {
        OrderType::Market => None,
        OrderType::Limit => trade_offer(order, traded, qty),
        OrderType::Stop => {
            let side = order.new.side;
            let (opposite, shown) = opposite(side, top);
            at_least(side, order.new.price, traded).then(|| {
                let price = worse(side, opposite, order.new.price);
                (price, shown, true)
            })
        }
    }
}

fn quote_offer(order: &Order, top: &Top) -> Option<(i64, i64, bool)> {
    let (side, price) = (order.new.side, order.new.price);
    let (opposite, shown) = opposite(side, top);
    match acts_as(order) {
        OrderType::Market => Some((opposite, shown, true)),
        OrderType::Limit => at_least(side, opposite, price).then(|| {
            // A limit that rested was there first: it gets its own price, not the better one.
            let price = if order.resting { price } else { opposite };
            (price, shown, !order.resting)
        }),
        OrderType::Stop => at_least(side, price, opposite).then_some((opposite, shown, true)),
    }
}

fn opposite(side: Side, top: &Top) -> (i64, i64) {
    match side {
        Side::Buy => (top.ask, top.ask_qty),
        Side::Sell => (top.bid, top.bid_qty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{NewOrder, OrderSize};

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
            sent: 5,
            sent_ts: Ts(50),
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
        PriceEvent::Quote(top(bid, ask))
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
        PriceEvent::Trade { price, qty: 2, top }
    }

    /// Where these events fill a whole order, one after the other; the first that does counts.
    fn check(order: Order, events: &[PriceEvent], expected: Option<(i64, bool)>) {
        let mut venue = PaperVenue::new(None);
        venue.send(order);
        let mut found = None;
        for (event, seq) in events.iter().zip(6..) {
            venue.on_price(seq, X, event, &mut |order, offer| {
                order.filled = order.qty;
                found = Some((offer.price, offer.taker));
                Outcome::Done
            });
        }
        assert_eq!(found, expected);
        assert_eq!(venue.orders().is_empty(), expected.is_some());
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

    #[test]
    fn never_at_the_record_that_sent_it_nor_for_another_instrument() {
        let mut venue = PaperVenue::new(None);
        venue.send(order(Side::Buy, OrderType::Market, 0));
        let mut never = |_: &mut Order, _: Offer| panic!("filled");
        venue.on_price(5, X, &quote(99, 101), &mut never);
        venue.on_price(6, InstrumentId(1), &quote(99, 101), &mut never);
        assert_eq!(venue.orders().len(), 1);
        assert!(!venue.orders()[0].resting);
        assert_eq!(venue.cancel(1).unwrap().id, 1);
        assert!(venue.cancel(1).is_none());
    }

    #[test]
    fn a_bar_that_began_before_the_order_was_sent_fills_it_neither_at_its_open_nor_in_its_range() {
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
        let mut venue = PaperVenue::new(Some("0.15".parse().unwrap()));
        venue.send(order(Side::Buy, OrderType::Market, 0));
        venue.send(order(Side::Buy, OrderType::Market, 0));
        venue.send(order(Side::Sell, OrderType::Market, 0));
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
        assert!(venue.orders().is_empty());
    }
}
