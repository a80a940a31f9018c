//! The bound of short sales: their value, with fees, within cash less what open shorts were sold for.
//!
//! `docs/backtest-conventions.md` has the table of what counts when. How much money there is, is worked out in
//! `trade/account.rs` and `portfolio.rs`; here is only whether an order is within it.

use super::{RiskGate, Surroundings, refused_money, waiting};
use crate::order::{Order, Verdict};
use crate::portfolio::{Portfolio, Shorts, Trade};
use crate::sizing::NANO;
use tickloom_types::{InstrumentId, RiskRule, Side};

impl RiskGate {
    /// Money for short sales as it would be if the order filled at the price that is seen now, after all that waits on its
    /// side. An order for `all` has a size that fits.
    pub(super) fn foreseen_shorts(
        &self,
        order: &Order,
        price: i64,
        around: &Surroundings<'_>,
    ) -> Option<Verdict> {
        if self.margin || order.new.side == Side::Buy || order.new.size.is_all() {
            return None;
        }
        let opened = opened_qty(order, around);
        if opened == Some(0) {
            return None;
        }
        let shorts = around.shorts.zip(opened).and_then(|(shorts, opened)| {
            let scale = around.portfolio.scale(order.new.instrument);
            let (instrument, qty) = (order.new.instrument, order.open_qty());
            let fee = around.portfolio.fee(instrument, price, qty, self.fee)?;
            let value = scale.notional(price, opened)?.checked_abs()?;
            let closing = scale.notional(price, qty.checked_sub(opened)?)?;
            Some(Shorts {
                value: shorts
                    .value
                    .checked_add(value)?
                    .checked_add(i128::from(fee) * NANO)?,
                money: shorts.money.checked_add(closing)?,
            })
        });
        shorts_refusal(shorts)
    }

    /// Short positions after a sale, with its fee, must be within cash less what they were sold for; getting out of a long
    /// position is always allowed.
    pub(crate) fn shorts(
        &self,
        strategy: u8,
        instrument: InstrumentId,
        trade: &Trade,
        portfolio: &Portfolio,
    ) -> Option<Verdict> {
        let held = portfolio.position(strategy, instrument).qty();
        if self.margin || trade.side == Side::Buy || trade.qty <= held {
            return None;
        }
        let after = portfolio.shorts_after(strategy, instrument, trade);
        let fee = i128::from(trade.fee) * NANO;
        shorts_refusal(after.and_then(|after| {
            Some(Shorts {
                value: after.value.checked_add(fee)?,
                money: after.money.checked_add(fee)?,
            })
        }))
    }
}

/// The rule under which there is no money for an order.
pub(crate) fn out_of_money(side: Side) -> RiskRule {
    match side {
        Side::Buy => RiskRule::Cash,
        Side::Sell => RiskRule::Short,
    }
}

fn shorts_refusal(shorts: Option<Shorts>) -> Option<Verdict> {
    match shorts {
        None => Some(Verdict::refused(RiskRule::Overflow)),
        Some(Shorts { value, money }) => {
            (value > money).then(|| refused_money(RiskRule::Short, value, money))
        }
    }
}

/// How much of a sale opens a short position, once the sales of its strategy that wait have filled; `None` if it does not fit.
fn opened_qty(order: &Order, around: &Surroundings<'_>) -> Option<i64> {
    let (strategy, instrument) = (order.strategy, order.new.instrument);
    let own = around.open.iter().filter(|o| o.strategy == strategy);
    let held = around.portfolio.position(strategy, instrument).qty();
    let left = held.checked_sub(waiting(own, Side::Sell)?)?.max(0);
    Some(order.open_qty() - order.open_qty().min(left))
}
