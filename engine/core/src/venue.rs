//! Where orders wait and how they fill: the [`Venue`] trait and the paper venue.
//!
//! Prices here are what an event shows; what a fill does to cash and positions, and whether there is cash at all, is the
//! business of `trade.rs`. An order never fills at the record at which it was submitted, nor at a bar
//! that began before. The rules are in `docs/backtest-conventions.md`; in doubt they favour the market, not us.

mod queue;
mod state;

use crate::book::{PriceLevel, Sides};
use crate::order::Order;
use crate::trade_config::VolumeShare;
use queue::Queue;
use tickloom_types::{BarBody, InstrumentId, OrderType, Seq, Side, Ts};

/// What one event tells of an instrument's prices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PriceEvent {
    /// A bar: what happened since it began, in unknown order but for its open.
    Bar {
        /// Prices and volume.
        body: BarBody,
        /// When it began; an order that was submitted later is too late for it.
        start: Ts,
    },
    /// The open of a bar that began after all orders were submitted, and its volume: what market orders see of it.
    Open {
        /// Price mantissa.
        price: i64,
        /// Size mantissa that traded in the bar.
        volume: i64,
    },
    /// A trade, with what is shown of bid and ask after it.
    Trade {
        /// Price mantissa.
        price: i64,
        /// Size mantissa.
        qty: i64,
        /// What an order can trade against; `None` if neither quotes nor a live book are known.
        sides: Option<Sides>,
    },
    /// Bid and ask were stated anew.
    Quote(Sides),
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

/// A venue that orders are submitted to.
pub trait Venue {
    /// Takes an order that risk has accepted.
    fn submit(&mut self, order: Order);

    /// Takes an order of an instrument back, if it is still open.
    fn cancel(&mut self, instrument: InstrumentId, id: u32) -> Option<Order>;

    /// Open orders of an instrument in the order in which they were submitted.
    fn orders(&self, instrument: InstrumentId) -> &[Order];

    /// Open orders of all instruments.
    fn open_count(&self) -> usize;

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
    /// By instrument.
    queues: Vec<Queue>,
    /// By instrument: whether orders wait. Every price asks that, and mostly none do.
    is_awaited: Vec<bool>,
    open_count: usize,
    share: Option<VolumeShare>,
    /// When what is shown next happened, where that may be before an order that came later was submitted: see [`PaperVenue::happened`].
    at: Option<Ts>,
}

impl PaperVenue {
    /// Empty, for so many instruments. With a share, fills are capped at that part of the volume that an event shows on
    /// a side.
    #[must_use]
    pub fn new(instruments: usize, share: Option<VolumeShare>) -> PaperVenue {
        PaperVenue {
            queues: vec![Queue::default(); instruments],
            is_awaited: vec![false; instruments],
            open_count: 0,
            share,
            at: None,
        }
    }

    /// Says when the event happened that is shown next. Where records come later than what they tell, by a latency that was declared,
    /// it may have been before an order was submitted, which it does not fill then.
    pub(crate) fn happened(&mut self, at: Ts) {
        self.at = Some(at);
    }

    /// Whether orders wait in an instrument.
    #[inline]
    pub(crate) fn is_awaited(&self, instrument: InstrumentId) -> bool {
        let at = usize::try_from(instrument.0).ok();
        at.and_then(|at| self.is_awaited.get(at)) == Some(&true)
    }

    /// Orders of an instrument have come or gone.
    fn count(&mut self, instrument: InstrumentId) {
        let is_awaited = !self.orders(instrument).is_empty();
        let at = usize::try_from(instrument.0).ok();
        if let Some(known) = at.and_then(|at| self.is_awaited.get_mut(at)) {
            *known = is_awaited;
        }
    }

    fn queue(&mut self, instrument: InstrumentId) -> Option<&mut Queue> {
        let at = usize::try_from(instrument.0).ok()?;
        self.queues.get_mut(at)
    }
}

impl Venue for PaperVenue {
    /// # Panics
    /// If the run has no such instrument.
    fn submit(&mut self, order: Order) {
        let queue = self.queue(order.new.instrument);
        queue
            .expect("risk accepts orders of known instruments alone")
            .push(order);
        self.open_count += 1;
        self.count(order.new.instrument);
    }

    fn cancel(&mut self, instrument: InstrumentId, id: u32) -> Option<Order> {
        let cancelled = self.queue(instrument)?.remove(id)?;
        self.open_count -= 1;
        self.count(instrument);
        Some(cancelled)
    }

    fn orders(&self, instrument: InstrumentId) -> &[Order] {
        let at = usize::try_from(instrument.0).ok();
        let queue = at.and_then(|at| self.queues.get(at));
        queue.map_or(&[], Queue::orders)
    }

    fn open_count(&self) -> usize {
        self.open_count
    }

    fn on_price(
        &mut self,
        seq: Seq,
        instrument: InstrumentId,
        event: &PriceEvent,
        fill: &mut impl FnMut(&mut Order, Offer) -> Outcome,
    ) {
        let share = self.share;
        let at = self.at;
        let Some(queue) = self.queue(instrument) else {
            return;
        };
        if !queue.is_reached(event) {
            return;
        }
        let mut taken = [0; 2];
        let done = queue.retain(|order| {
            let is_before = at.is_some_and(|at| at < order.submitted_ts);
            if order.submitted >= seq || is_before || event.began_before(order.submitted_ts) {
                return true;
            }
            let offer = event.offer(order);
            order.resting = true;
            order.triggered |= order.new.order_type == OrderType::Stop
                && (offer.is_some() || event.has_traded_at(order));
            let Some((price, shown, taker)) = offer else {
                return true;
            };
            let taken = &mut taken[usize::from(order.new.side == Side::Sell)];
            let qty_max = share.map(|share| share.of(shown.max(0)) - *taken);
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
        self.open_count -= done;
        self.count(instrument);
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
                (order.acts_as() == OrderType::Market).then_some((price, volume, true))
            }
            PriceEvent::Trade {
                price,
                qty,
                sides: None,
            } => trade_offer(order, price, qty),
            PriceEvent::Trade {
                price,
                qty,
                sides: Some(sides),
            } => trade_through(order, price, qty, &sides).or_else(|| quote_offer(order, &sides)),
            PriceEvent::Quote(sides) => quote_offer(order, &sides),
        }
    }

    /// Whether a trade reached a stop order's price, which triggers it also where there is nothing to fill it.
    fn has_traded_at(&self, order: &Order) -> bool {
        let (side, stop) = (order.new.side, order.new.price);
        matches!(*self, PriceEvent::Trade { price, .. } if at_least(side, stop, price))
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

fn bar_price(order: &Order, bar: &BarBody) -> Option<(i64, bool)> {
    let (side, price) = (order.new.side, order.new.price);
    let (best, worst) = match side {
        Side::Buy => (bar.low, bar.high),
        Side::Sell => (bar.high, bar.low),
    };
    match order.acts_as() {
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
    match order.acts_as() {
        OrderType::Market => Some((traded, qty, true)),
        OrderType::Limit => {
            (traded != price && at_least(side, traded, price)).then_some((price, qty, false))
        }
        OrderType::Stop => at_least(side, price, traded).then_some((traded, qty, true)),
    }
}

/// With quotes a trade only fills limits that it went through, and triggers stops.
fn trade_through(order: &Order, traded: i64, qty: i64, sides: &Sides) -> Option<(i64, i64, bool)> {
    match order.acts_as() {
        OrderType::Market => None,
        OrderType::Limit => trade_offer(order, traded, qty),
        OrderType::Stop => {
            let side = order.new.side;
            let opposite = sides.opposite(side)?;
            at_least(side, order.new.price, traded).then(|| {
                let price = worse(side, opposite.price, order.new.price);
                (price, opposite.qty, true)
            })
        }
    }
}

/// Against the opposite side alone: while it is empty, nothing fills.
fn quote_offer(order: &Order, sides: &Sides) -> Option<(i64, i64, bool)> {
    let (side, price) = (order.new.side, order.new.price);
    let PriceLevel {
        price: opposite,
        qty: shown,
    } = sides.opposite(side)?;
    match order.acts_as() {
        OrderType::Market => Some((opposite, shown, true)),
        OrderType::Limit => at_least(side, opposite, price).then(|| {
            // A limit that rested was there first: it gets its own price, not the better one.
            let price = if order.resting { price } else { opposite };
            (price, shown, !order.resting)
        }),
        OrderType::Stop => at_least(side, price, opposite).then_some((opposite, shown, true)),
    }
}

#[cfg(test)]
mod tests;
