//! The gate that every order passes: limits on orders, positions, exposure, rate, price, cash, short sales, and the daily
//! loss stop.
//!
//! Its answer is a [`Verdict`]; the first rule that an order breaks is named. What only makes a position smaller is not
//! held back by limits on positions, exposure or loss: a limit must never keep anyone in.

mod commitments;
mod daily_loss;
mod settings;
mod shorts;
mod state;

pub(crate) use commitments::Commitments;
pub(crate) use daily_loss::DailyLoss;
use settings::{OrderRate, Settings};
pub(crate) use shorts::out_of_money;

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::limits::ORDERS_MAX;
use crate::order::{Order, OrderSize, Verdict};
use crate::portfolio::{Portfolio, Shorts, Trade};
use crate::sizing::NANO;
use crate::trade_config::FeeRate;
use tickloom_types::{InstrumentId, OrderType, RiskRule, Side, Ts};

/// What is known when an order is checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) portfolio: &'a Portfolio,
    /// Orders of the instrument that wait at the venue, without the one that is checked.
    pub(crate) open: &'a [Order],
    /// Orders of all instruments that wait.
    pub(crate) open_count: usize,
    /// What the orders of all instruments may come to.
    pub(crate) commitments: &'a Commitments,
    /// Short positions and sales that wait to open some, with fees, against the money that there is for them; `None` if it
    /// does not fit, or if it does not matter for the order.
    pub(crate) shorts: Option<Shorts>,
    /// Price to value the instrument at.
    pub(crate) mark: i64,
    /// The price of a limit or stop order; for a market order that at which it would fill as far as can be seen.
    pub(crate) price: i64,
}

/// Limits and what must be remembered to apply them.
#[derive(Clone, Debug)]
pub(crate) struct RiskGate {
    settings: Settings,
    rate: Option<OrderRate>,
    fee: FeeRate,
    margin: bool,
    pub(crate) daily_loss: Option<DailyLoss>,
}

impl RiskGate {
    pub(crate) fn new(config: &CoreConfig) -> Result<RiskGate, CoreError> {
        Ok(RiskGate {
            settings: Settings::new(&config.risk, &config.instruments)?,
            rate: OrderRate::new(config.risk.orders_per_second)?,
            fee: config.account.fee,
            margin: config.account.margin,
            daily_loss: DailyLoss::new(config.risk.daily_loss)?,
        })
    }

    /// Whether limits ask what waits in other instruments.
    pub(crate) fn limits_exposure(&self) -> bool {
        self.settings.limits_exposure()
    }

    /// Whether cash may go below zero and short sales are not bounded.
    pub(crate) fn has_margin(&self) -> bool {
        self.margin
    }

    /// Whether an order may be submitted; an accepted one counts towards the rate.
    pub(crate) fn check(&mut self, order: &Order, around: &Surroundings<'_>, now: Ts) -> Verdict {
        let verdict = self.judge(order, around, now);
        if verdict == Verdict::Accepted
            && let Some(rate) = &mut self.rate
        {
            rate.count(now);
        }
        verdict
    }

    fn judge(&self, order: &Order, around: &Surroundings<'_>, now: Ts) -> Verdict {
        if let Some(refusal) = step_refusal(order, around.portfolio) {
            return refusal;
        }
        let price = around.price;
        refuse_above(RiskRule::OrderRate, around.open_count + 1, ORDERS_MAX)
            .or_else(|| self.rate.as_ref().and_then(|rate| rate.refusal(now)))
            .or_else(|| self.collar(order, price, around.mark))
            .or_else(|| self.loss(order, around))
            .or_else(|| self.sizes(order, price, around))
            .or_else(|| self.foreseen_cash(order, price, around.portfolio))
            .or_else(|| self.foreseen_shorts(order, price, around))
            .unwrap_or(Verdict::Accepted)
    }

    /// The rules that depend on size and price alone. An order for `all` meets them twice: its size is known when it fills.
    pub(crate) fn sizes(
        &self,
        order: &Order,
        price: i64,
        around: &Surroundings<'_>,
    ) -> Option<Verdict> {
        let instrument = order.new.instrument;
        let limits = self.settings.of(instrument);
        if let Some(most) = limits.order_qty
            && order.qty > most
        {
            return Some(refused(RiskRule::OrderQty, order.qty, most));
        }
        let notional = around
            .portfolio
            .scale(instrument)
            .notional(price, order.qty);
        let Some(notional) = notional else {
            return Some(Verdict::refused(RiskRule::Overflow));
        };
        if let Some(most) = self.settings.order_notional
            && notional.abs() > most
        {
            return Some(refused_money(RiskRule::OrderNotional, notional.abs(), most));
        }
        self.position(order, around)
    }

    fn collar(&self, order: &Order, price: i64, mark: i64) -> Option<Verdict> {
        let most = i128::from(self.settings.price_collar_bps?);
        if order.new.order_type == OrderType::Stop {
            // A stop is far from the market on purpose, and trades at the market once it is reached.
            return None;
        }
        let distance = (i128::from(price) - i128::from(mark)).abs() * 10_000;
        let reference = i128::from(mark).abs().max(1);
        (distance > most * reference).then(|| {
            let observed = (distance + reference - 1) / reference;
            refused(RiskRule::PriceCollar, saturated(observed), saturated(most))
        })
    }

    fn loss(&self, order: &Order, around: &Surroundings<'_>) -> Option<Verdict> {
        let refusal = self.daily_loss.as_ref()?.refusal(around.portfolio)?;
        (!RiskGate::only_reduces(order, around.open, around.portfolio)).then_some(refusal)
    }

    /// Position and exposure if everything that waits on this side filled, and this order too.
    fn position(&self, order: &Order, around: &Surroundings<'_>) -> Option<Verdict> {
        let most = self.settings.of(order.new.instrument).position;
        if most.is_none() && !self.settings.limits_exposure() {
            return None;
        }
        let (instrument, side) = (order.new.instrument, order.new.side);
        let net = around.portfolio.net_qty(instrument);
        let traded =
            waiting(around.open, side).and_then(|waiting| waiting.checked_add(order.open_qty()));
        let Some(traded) = traded else {
            return Some(Verdict::refused(RiskRule::Overflow));
        };
        if reduces(net, side, traded) {
            return None;
        }
        let Some(after) = side
            .sign()
            .checked_mul(traded)
            .and_then(|t| net.checked_add(t))
        else {
            return Some(Verdict::refused(RiskRule::Overflow));
        };
        if let Some(most) = most
            && after.unsigned_abs() > most.unsigned_abs()
        {
            let observed = i64::try_from(after.unsigned_abs()).unwrap_or(i64::MAX);
            return Some(refused(RiskRule::Position, observed, most));
        }
        self.exposure(instrument, after, around)
    }

    fn exposure(
        &self,
        instrument: InstrumentId,
        after: i64,
        around: &Surroundings<'_>,
    ) -> Option<Verdict> {
        if !self.settings.limits_exposure() {
            return None;
        }
        let Some((gross, net)) = exposures(instrument, after, around) else {
            return Some(Verdict::refused(RiskRule::Overflow));
        };
        if let Some(most) = self.settings.gross_exposure
            && gross > most
        {
            return Some(refused_money(RiskRule::GrossExposure, gross, most));
        }
        if let Some(most) = self.settings.net_exposure
            && net.abs() > most
        {
            return Some(refused_money(RiskRule::NetExposure, net.abs(), most));
        }
        None
    }

    /// Cash as it would be if the order filled at the price that is seen now. An order for `all` has a size that fits.
    fn foreseen_cash(&self, order: &Order, price: i64, portfolio: &Portfolio) -> Option<Verdict> {
        if self.margin || order.new.side == Side::Sell || order.new.size.is_all() {
            return None;
        }
        let (instrument, qty) = (order.new.instrument, order.open_qty());
        let Some(fee) = portfolio.fee(instrument, price, qty, self.fee) else {
            return Some(Verdict::refused(RiskRule::Overflow));
        };
        let trade = Trade {
            side: Side::Buy,
            price,
            qty,
            fee,
        };
        self.cash(instrument, &trade, portfolio)
    }

    /// Cash must cover a purchase that leaves the account long; covering a short is always allowed.
    pub(crate) fn cash(
        &self,
        instrument: InstrumentId,
        trade: &Trade,
        portfolio: &Portfolio,
    ) -> Option<Verdict> {
        if self.margin || trade.side == Side::Sell {
            return None;
        }
        let held = portfolio.net_qty(instrument).checked_add(trade.qty);
        let left = portfolio.cash_after(instrument, trade);
        match (held, left) {
            (None, _) | (_, None) => Some(Verdict::refused(RiskRule::Overflow)),
            (Some(held), Some(left)) if held > 0 && left.0 < 0 => {
                let cash = portfolio.cash().0;
                let needed = cash.saturating_sub(left.0);
                Some(refused_money(RiskRule::Cash, needed, cash))
            }
            _ => None,
        }
    }

    /// Whether an order can only make its strategy's position smaller, even if others of these in its instrument that wait
    /// on its side fill before. One for `all` may not: its size is known too late.
    pub(crate) fn only_reduces(order: &Order, open: &[Order], portfolio: &Portfolio) -> bool {
        let (strategy, new) = (order.strategy, order.new);
        let held = portfolio.position(strategy, new.instrument).qty();
        let own = open.iter().filter(|other| other.strategy == strategy);
        let traded =
            waiting(own, new.side).and_then(|waiting| waiting.checked_add(order.open_qty()));
        !new.size.is_all() && traded.is_some_and(|traded| reduces(held, new.side, traded))
    }
}

/// A size or price that no order can have: `all` of no money, or, from code, between two steps of lot or tick.
fn step_refusal(order: &Order, portfolio: &Portfolio) -> Option<Verdict> {
    let scale = portfolio.scale(order.new.instrument);
    match order.new.size {
        OrderSize::Qty(qty) if qty <= 0 => {
            return Some(refused(RiskRule::OrderQty, qty, scale.lot));
        }
        OrderSize::Qty(qty) if qty % scale.lot != 0 => {
            return Some(refused(RiskRule::Lot, qty, scale.lot));
        }
        size if size.is_all() && order.qty == 0 => {
            return Some(Verdict::refused(out_of_money(order.new.side)));
        }
        _ => {}
    }
    let price = order.new.price;
    match order.new.order_type {
        OrderType::Limit | OrderType::Stop if price % scale.tick != 0 => {
            Some(refused(RiskRule::Tick, price, scale.tick))
        }
        _ => None,
    }
}

/// Gross and net exposure at the marks, if the position in one instrument were `after` and those orders of the others
/// filled that make it worst.
fn exposures(
    instrument: InstrumentId,
    after: i64,
    around: &Surroundings<'_>,
) -> Option<(i128, i128)> {
    let elsewhere = around.commitments.elsewhere(instrument)?;
    let scale = around.portfolio.scale(instrument);
    let value = scale.notional(around.mark, after)?;
    let gross = elsewhere.gross.checked_add(value.checked_abs()?)?;
    let low = elsewhere.low.checked_add(value)?;
    let high = elsewhere.high.checked_add(value)?;
    let net = if low.checked_abs()? > high.checked_abs()? {
        low
    } else {
        high
    };
    Some((gross, net))
}

/// Size that orders of an instrument wait for on a side; `None` if it does not fit.
fn waiting<'a>(open: impl IntoIterator<Item = &'a Order>, side: Side) -> Option<i64> {
    open.into_iter()
        .filter(|o| o.new.side == side)
        .try_fold(0_i64, |sum, o| sum.checked_add(o.open_qty()))
}

/// Whether trading this much on this side only makes `held` smaller.
fn reduces(held: i64, side: Side, qty: i64) -> bool {
    let opposite = match side {
        Side::Buy => held < 0,
        Side::Sell => held > 0,
    };
    opposite && qty.unsigned_abs() <= held.unsigned_abs()
}

fn refuse_above(rule: RiskRule, observed: usize, allowed: usize) -> Option<Verdict> {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    (observed > allowed).then(|| refused(rule, number(observed), number(allowed)))
}

fn refused(rule: RiskRule, observed: i64, allowed: i64) -> Verdict {
    Verdict::Refused {
        rule,
        observed,
        allowed,
    }
}

/// Money in a verdict has nine decimals; what does not fit is shown as the largest number.
fn refused_money(rule: RiskRule, observed: i128, allowed: i128) -> Verdict {
    refused(rule, saturated(observed / NANO), saturated(allowed / NANO))
}

/// The nearest `i64`, for numbers that are only shown.
pub(crate) fn saturated(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests;
