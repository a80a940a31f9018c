//! What is remembered of the paper venue: the orders that wait.

use super::{PaperVenue, Venue};
use crate::limits::ORDERS_MAX;
use crate::order::{NewOrder, Order, OrderSize};
use tickloom_types::{
    InstrumentId, OrderType, Seq, Side, StateError, StateReader, StateWriter, Ts,
};

impl PaperVenue {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        for queue in &self.queues {
            to.count(queue.orders().len());
            for order in queue.orders() {
                save_order(order, to);
            }
        }
    }

    /// Onto a venue where no order waits. All orders are of one of so many strategies, and from before this record.
    pub(crate) fn load(
        &mut self,
        from: &mut StateReader<'_>,
        strategies: usize,
        next_seq: Seq,
    ) -> Result<(), StateError> {
        from.begin("the open orders");
        for instrument in (0_u32..).map(InstrumentId).take(self.queues.len()) {
            for _ in 0..from.count(ORDERS_MAX - self.open_count)? {
                let order = load_order(instrument, from)?;
                let is_known = usize::from(order.strategy) < strategies;
                let fits = is_known && order.submitted < next_seq;
                from.check(fits, "an order of this run")?;
                self.submit(order);
            }
        }
        Ok(())
    }

    /// The open orders of all instruments.
    pub(crate) fn all_orders(&self) -> impl Iterator<Item = &Order> {
        self.queues.iter().flat_map(|queue| queue.orders())
    }
}

fn save_order(order: &Order, to: &mut StateWriter) {
    to.u32(order.id);
    to.u8(order.strategy);
    to.u8(order.new.side as u8);
    to.u8(order.new.order_type as u8);
    to.i64(order.new.price);
    let (size, qty) = match order.new.size {
        OrderSize::Qty(qty) => (0, qty),
        // Refused before it could be open.
        OrderSize::TooLarge => (0, 0),
        OrderSize::All => (1, 0),
        OrderSize::AllWhole => (2, 0),
    };
    to.u8(size);
    to.i64(qty);
    to.i64(order.qty);
    to.i64(order.filled);
    to.u64(order.submitted);
    to.i64(order.submitted_ts.0);
    to.bool(order.triggered);
    to.bool(order.resting);
}

fn load_order(instrument: InstrumentId, from: &mut StateReader<'_>) -> Result<Order, StateError> {
    let (id, strategy) = (from.u32()?, from.u8()?);
    let side = Side::from_raw(from.u8()?).ok_or_else(|| from.wrong("a side"))?;
    let order_type = OrderType::from_raw(from.u8()?).ok_or_else(|| from.wrong("a type"))?;
    let price = from.i64()?;
    let size = match (from.u8()?, from.i64()?) {
        (0, qty) if qty > 0 => OrderSize::Qty(qty),
        (1, 0) => OrderSize::All,
        (2, 0) => OrderSize::AllWhole,
        _ => return Err(from.wrong("the size of an order")),
    };
    let order = Order {
        id,
        strategy,
        new: NewOrder {
            instrument,
            side,
            order_type,
            price,
            size,
        },
        qty: from.i64()?,
        filled: from.i64()?,
        submitted: from.u64()?,
        submitted_ts: Ts(from.i64()?),
        triggered: from.bool()?,
        resting: from.bool()?,
    };
    let is_open = (0..order.qty).contains(&order.filled);
    from.check(is_open, "an order that is open")?;
    Ok(order)
}
