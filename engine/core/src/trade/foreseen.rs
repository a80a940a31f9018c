//! What waits to close positions, as if it had filled: the money that a turn from long to short, or from one instrument to
//! another, has once its first orders are done. It is foreseen for an order that is submitted, never for one that fills.

use crate::order::Order;
use crate::portfolio::Portfolio;
use crate::sizing::NANO;
use crate::trade_config::FeeRate;
use tickloom_types::{InstrumentId, OrderType, Side};

/// What changes once the market orders of a strategy that wait to close its positions fill at the marks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Foreseen {
    pub(super) cash: i128,
    pub(super) short_cost: i128,
    /// Of the value of short positions, without sign.
    pub(super) short_value: i128,
}

impl Foreseen {
    /// Of a strategy in one instrument: its market orders, the oldest first, as long as together they only close the position.
    /// `None` if it does not fit.
    pub(super) fn closing(
        (strategy, instrument): (u8, InstrumentId),
        orders: &[Order],
        portfolio: &Portfolio,
        fee_rate: FeeRate,
    ) -> Option<Foreseen> {
        let position = portfolio.position(strategy, instrument);
        let scale = portfolio.scale(instrument);
        let price = portfolio.mark_of(instrument);
        let (mut closed, mut foreseen) = (0_i64, Foreseen::default());
        for order in orders {
            let (new, qty) = (&order.new, order.open_qty());
            let is_closing = order.strategy == strategy
                && new.order_type == OrderType::Market
                && !new.size.is_all()
                && (position.qty() > 0) == (new.side == Side::Sell);
            let together = closed.saturating_add(qty).unsigned_abs();
            if !is_closing || together > position.qty().unsigned_abs() {
                continue;
            }
            closed += qty;
            let fee = portfolio.fee(instrument, price, qty, fee_rate)?;
            let notional = scale.notional(price, qty)?;
            let sign = i128::from(new.side.sign());
            foreseen.cash = foreseen
                .cash
                .checked_sub(notional.checked_mul(sign)?)?
                .checked_sub(i128::from(fee) * NANO)?;
        }
        if position.qty() < 0 {
            let freed = position.cost_of(closed)?;
            foreseen.short_cost = freed.checked_neg()?;
            foreseen.short_value = scale
                .notional(price, closed)?
                .checked_abs()?
                .checked_neg()?;
        }
        Some(foreseen)
    }

    pub(super) fn plus(self, other: Foreseen) -> Option<Foreseen> {
        Some(Foreseen {
            cash: self.cash.checked_add(other.cash)?,
            short_cost: self.short_cost.checked_add(other.short_cost)?,
            short_value: self.short_value.checked_add(other.short_value)?,
        })
    }

    pub(super) fn less(self, other: Foreseen) -> Option<Foreseen> {
        Some(Foreseen {
            cash: self.cash.checked_sub(other.cash)?,
            short_cost: self.short_cost.checked_sub(other.short_cost)?,
            short_value: self.short_value.checked_sub(other.short_value)?,
        })
    }
}
