//! The open orders of one instrument, and the prices between which an event cannot concern any of them.

use super::PriceEvent;
use crate::book::PriceLevel;
use crate::order::Order;
use tickloom_types::{OrderType, Side};

/// Orders in the order in which they were submitted.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    orders: Vec<Order>,
    reach: Reach,
}

/// What an event must show for an order to fill or change. Wider than true is harmless.
#[derive(Clone, Copy, Debug)]
struct Reach {
    /// Some order looks at every event: it fills at any price, or has not rested for a whole event yet.
    every_event: bool,
    /// Highest limit of a purchase: it waits for an ask or trade at or below.
    buy_limit: i64,
    /// Lowest stop of a purchase: it waits for an ask or trade at or above.
    buy_stop: i64,
    /// Lowest limit of a sale: it waits for a bid or trade at or above.
    sell_limit: i64,
    /// Highest stop of a sale: it waits for a bid or trade at or below.
    sell_stop: i64,
}

impl Queue {
    pub(super) fn orders(&self) -> &[Order] {
        &self.orders
    }

    pub(super) fn push(&mut self, order: Order) {
        self.reach.widen(&order);
        self.orders.push(order);
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Order> {
        let at = self.orders.iter().position(|order| order.id == id)?;
        let order = self.orders.remove(at);
        self.measure();
        Some(order)
    }

    /// Shows the orders one after the other and keeps those for which `keep` says so; how many it did not keep.
    pub(super) fn retain(&mut self, keep: impl FnMut(&mut Order) -> bool) -> usize {
        let before = self.orders.len();
        self.orders.retain_mut(keep);
        self.measure();
        before - self.orders.len()
    }

    /// Whether an event may concern an order.
    pub(super) fn is_reached(&self, event: &PriceEvent) -> bool {
        !self.orders.is_empty() && self.reach.meets(event)
    }

    fn measure(&mut self) {
        self.reach = Reach::default();
        for order in &self.orders {
            self.reach.widen(order);
        }
    }
}

impl Default for Reach {
    /// Of no orders: nothing concerns them.
    fn default() -> Self {
        Reach {
            every_event: false,
            buy_limit: i64::MIN,
            buy_stop: i64::MAX,
            sell_limit: i64::MAX,
            sell_stop: i64::MIN,
        }
    }
}

impl Reach {
    fn widen(&mut self, order: &Order) {
        let price = order.new.price;
        self.every_event |= !order.resting || order.acts_as() == OrderType::Market;
        match (order.new.order_type, order.new.side) {
            (OrderType::Market, _) => {}
            (OrderType::Limit, Side::Buy) => self.buy_limit = self.buy_limit.max(price),
            (OrderType::Limit, Side::Sell) => self.sell_limit = self.sell_limit.min(price),
            (OrderType::Stop, Side::Buy) => self.buy_stop = self.buy_stop.min(price),
            (OrderType::Stop, Side::Sell) => self.sell_stop = self.sell_stop.max(price),
        }
    }

    fn meets(&self, event: &PriceEvent) -> bool {
        // Lowest and highest of what a purchase may meet (trade and ask), and of what a sale may (trade and bid).
        let (buys, sells) = match *event {
            PriceEvent::Bar { body, .. } => ((body.low, body.high), (body.low, body.high)),
            PriceEvent::Open { .. } => return self.every_event,
            PriceEvent::Quote(sides) => (range(None, sides.ask), range(None, sides.bid)),
            PriceEvent::Trade { price, sides, .. } => {
                let sides = sides.unwrap_or_default();
                let traded = Some(price);
                (range(traded, sides.ask), range(traded, sides.bid))
            }
        };
        self.every_event
            || buys.0 <= self.buy_limit
            || buys.1 >= self.buy_stop
            || sells.1 >= self.sell_limit
            || sells.0 <= self.sell_stop
    }
}

/// Lowest and highest of a trade and a side, as far as they are there; of nothing, what no order waits for.
fn range(traded: Option<i64>, shown: Option<PriceLevel>) -> (i64, i64) {
    let prices = || traded.into_iter().chain(shown.map(|shown| shown.price));
    let (low, high) = (prices().min(), prices().max());
    (low.unwrap_or(i64::MAX), high.unwrap_or(i64::MIN))
}
