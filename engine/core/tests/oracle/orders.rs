//! An order, and the price at which an event fills it (`docs/backtest-conventions.md`, "From signal to fill").

use crate::log::Sides;
use crate::world::Size;
use tickloom_types::{BarBody, OrderType, Side};

/// What a strategy wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewOrder {
    pub(crate) instrument: usize,
    pub(crate) side: Side,
    pub(crate) kind: OrderType,
    /// Limit or stop price mantissa; 0 for market orders.
    pub(crate) price: i64,
    pub(crate) size: Size,
}

/// An order that has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) id: u32,
    pub(crate) strategy: usize,
    pub(crate) new: NewOrder,
    pub(crate) qty: i64,
    pub(crate) filled: i64,
    /// Event time of the decision.
    pub(crate) ts: i64,
    /// The record at which it was decided on, and its moment.
    pub(crate) seq: u64,
    /// It has met an event that did not fill it.
    pub(crate) has_rested: bool,
    /// A stop whose price was reached.
    pub(crate) is_triggered: bool,
}

/// What a record shows of prices.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown {
    /// A bar and when it began.
    Bar(BarBody, i64),
    Trade {
        price: i64,
        qty: i64,
        /// Where bid and ask are known.
        sides: Option<Sides>,
    },
    Quote(Sides),
}

/// Where an order would fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) price: i64,
    /// Size that is shown there.
    pub(crate) shown: i64,
    pub(crate) is_taker: bool,
}

impl Order {
    pub(crate) fn open_qty(&self) -> i64 {
        self.qty - self.filled
    }

    /// Its remaining size, negative for a sale.
    pub(crate) fn signed(&self) -> i64 {
        self.new.side.sign() * self.open_qty()
    }
}

fn offer(price: i64, shown: i64, is_taker: bool) -> Option<Offer> {
    Some(Offer {
        price,
        shown,
        is_taker,
    })
}

/// A price as it looks to a buyer; turned round for a seller, so that "lower is better" holds for both.
fn as_buyer(side: Side, price: i64) -> i64 {
    side.sign() * price
}

/// Where this event fills an order, if it does. A stop that it reaches is triggered from then on.
pub(crate) fn meet(order: &mut Order, shown: &Shown) -> Option<Offer> {
    let kind = if order.is_triggered {
        OrderType::Market
    } else {
        order.new.kind
    };
    match *shown {
        Shown::Bar(bar, _) => over_bar(order, kind, &bar),
        Shown::Trade {
            price,
            qty,
            sides: None,
        } => at_trade(order, kind, price, qty),
        Shown::Trade {
            price,
            qty,
            sides: Some(sides),
        } => match kind {
            OrderType::Market => at_quote(order, kind, &sides),
            OrderType::Limit => {
                at_trade(order, kind, price, qty).or_else(|| at_quote(order, kind, &sides))
            }
            OrderType::Stop => {
                let quote = at_quote(order, OrderType::Market, &sides);
                let side = order.new.side;
                let reached = |at: i64| as_buyer(side, at) >= as_buyer(side, order.new.price);
                if !reached(price) && !quote.is_some_and(|quote| reached(quote.price)) {
                    return None;
                }
                // From now on it waits for the side that it needs, if that is empty.
                order.is_triggered = true;
                let quote = quote?;
                // By the trade alone: at the quote, but never better than the stop's own price.
                let at = if reached(quote.price) {
                    quote.price
                } else {
                    order.new.price
                };
                offer(at, quote.shown, true)
            }
        },
        Shown::Quote(sides) => at_quote(order, kind, &sides),
    }
}

fn over_bar(order: &mut Order, kind: OrderType, bar: &BarBody) -> Option<Offer> {
    let (side, price) = (order.new.side, order.new.price);
    // The best and the worst price of the bar for whoever is on this side.
    let (best, worst) = match side {
        Side::Buy => (bar.low, bar.high),
        Side::Sell => (bar.high, bar.low),
    };
    let view = |price: i64| as_buyer(side, price);
    match kind {
        OrderType::Market => offer(bar.open, bar.volume, true),
        OrderType::Limit if view(best) <= view(price) => {
            let opens_there = view(bar.open) <= view(price);
            let at = if opens_there { bar.open } else { price };
            offer(at, bar.volume, opens_there && !order.has_rested)
        }
        OrderType::Stop if view(worst) >= view(price) => {
            order.is_triggered = true;
            let opens_beyond = view(bar.open) >= view(price);
            offer(
                if opens_beyond { bar.open } else { price },
                bar.volume,
                true,
            )
        }
        OrderType::Limit | OrderType::Stop => None,
    }
}

/// A trade where there are no quotes.
fn at_trade(order: &mut Order, kind: OrderType, traded: i64, qty: i64) -> Option<Offer> {
    let (view, own) = (
        as_buyer(order.new.side, traded),
        as_buyer(order.new.side, order.new.price),
    );
    match kind {
        OrderType::Market => offer(traded, qty, true),
        // A trade at the limit may have been anybody's; one below it went through it.
        OrderType::Limit if view < own => offer(order.new.price, qty, false),
        OrderType::Stop if view >= own => {
            order.is_triggered = true;
            offer(traded, qty, true)
        }
        OrderType::Limit | OrderType::Stop => None,
    }
}

/// Against the side that it needs; nothing if that is empty.
fn at_quote(order: &mut Order, kind: OrderType, sides: &Sides) -> Option<Offer> {
    let side = order.new.side;
    let (opposite, shown) = match side {
        Side::Buy => sides.ask?,
        Side::Sell => sides.bid?,
    };
    let (view, own) = (as_buyer(side, opposite), as_buyer(side, order.new.price));
    match kind {
        OrderType::Market => offer(opposite, shown, true),
        // One that rested was there first, and gets its own price.
        OrderType::Limit if view <= own && order.has_rested => offer(order.new.price, shown, false),
        OrderType::Limit if view <= own => offer(opposite, shown, true),
        OrderType::Stop if view >= own => {
            order.is_triggered = true;
            offer(opposite, shown, true)
        }
        OrderType::Limit | OrderType::Stop => None,
    }
}
