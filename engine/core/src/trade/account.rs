//! The account: what an order is worth when it is submitted, and what becomes of cash and positions when it fills.
//!
//! Where orders wait is the desk's business (`trade/desk.rs`), when they fill the venue's.

use super::desk::Cause;
use super::foreseen::Foreseen;
use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::order::{NewOrder, Order, OrderSize, Verdict};
use crate::outputs::Outputs;
use crate::portfolio::{Portfolio, Shorts, Trade};
use crate::risk::{Commitments, RiskGate, Surroundings, out_of_money};
use crate::sizing::{NANO, affordable};
use crate::trade_config::FeeRate;
use crate::venue::{Offer, Outcome, Venue};
use tickloom_types::{
    AccountBody, FillBody, Flags, InstrumentId, Kind, OrderStatus, Record, RiskRule, Side,
};

/// What orders become when they fill.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) portfolio: Portfolio,
    pub(super) risk: RiskGate,
    pub(super) commitments: Commitments,
    pub(super) fills: u64,
    fee: FeeRate,
    /// Of each strategy, the instruments in which it may have orders that wait, sorted.
    waiting_in: Vec<Vec<InstrumentId>>,
    /// What was worked out for one strategy, until an order or price changes it.
    foreseen: Option<(u8, Foreseen)>,
}

impl Account {
    pub(super) fn new(config: &CoreConfig) -> Result<Account, CoreError> {
        let risk = RiskGate::new(config)?;
        let instruments = config.instruments.len();
        Ok(Account {
            portfolio: Portfolio::new(config.account.cash, &config.instruments),
            commitments: Commitments::new(instruments, risk.limits_exposure()),
            risk,
            fills: 0,
            fee: config.account.fee,
            waiting_in: vec![Vec::new(); config.strategies.len()],
            foreseen: None,
        })
    }

    /// An instrument is worth this from now on.
    #[inline]
    pub(super) fn mark(&mut self, instrument: InstrumentId, price: i64) {
        self.portfolio.mark(instrument, price);
        self.commitments.revalue(instrument, &self.portfolio);
        self.foreseen = None;
    }

    /// Orders that wait in an instrument, or its position, have changed.
    pub(super) fn recount(&mut self, instrument: InstrumentId, venue: &impl Venue) {
        let orders = venue.orders(instrument);
        self.commitments
            .recount(instrument, orders, &self.portfolio);
        self.foreseen = None;
    }

    /// The newest order of its instrument's queue begins to wait.
    pub(super) fn waits(&mut self, order: &Order, venue: &impl Venue) {
        let (strategy, instrument) = (order.strategy, order.new.instrument);
        self.expect_order(strategy, instrument);
        let foreseen = self.foreseen.take();
        self.recount(instrument, venue);
        // Thousands of positions may be left at one moment: each is added to what is foreseen, which is not worked out anew.
        let orders = venue.orders(instrument);
        let older = orders.split_last().map_or(&[][..], |(_, older)| older);
        self.foreseen = match foreseen {
            Some((of, known)) if of == strategy => {
                let before = self.closing(strategy, instrument, older);
                let after = self.closing(strategy, instrument, orders);
                let change = after
                    .zip(before)
                    .and_then(|(after, before)| after.less(before));
                let now = change.and_then(|change| known.plus(change));
                now.map(|now| (strategy, now))
            }
            other => other,
        };
    }

    /// A strategy has an order that waits in an instrument.
    pub(super) fn expect_order(&mut self, strategy: u8, instrument: InstrumentId) {
        if let Some(instruments) = self.waiting_in.get_mut(usize::from(strategy))
            && let Err(at) = instruments.binary_search(&instrument)
        {
            instruments.insert(at, instrument);
        }
    }

    /// Gives an order for all cash its size when it is submitted: what is left for it at this price, once the strategy is
    /// out of what it is about to leave. `None` if a size, or a number that it comes from, does not fit.
    pub(super) fn foreseen_qty(
        &mut self,
        order: &Order,
        price: i64,
        venue: &impl Venue,
    ) -> Option<i64> {
        let new = order.new;
        match new.size {
            OrderSize::Qty(qty) => return Some(qty),
            OrderSize::TooLarge => return None,
            OrderSize::All | OrderSize::AllWhole => {}
        }
        let left = if self.is_bounded(new.side) {
            let shorts = self.foreseen_shorts(order, venue);
            shorts.and_then(|shorts| shorts.money.checked_sub(shorts.value))
        } else {
            let foreseen = self.foreseen(order.strategy, venue);
            foreseen.and_then(|foreseen| self.portfolio.cash().0.checked_add(foreseen.cash))
        };
        left.and_then(|left| self.all(&new, price, left))
    }

    /// Short positions and sales that wait to open some, with fees, against the money that there is for them, once the
    /// strategy is out of what it is about to leave. `None` if it does not fit.
    pub(super) fn foreseen_shorts(&mut self, order: &Order, venue: &impl Venue) -> Option<Shorts> {
        let foreseen = self.foreseen(order.strategy, venue)?;
        let instrument = order.new.instrument;
        let now = self
            .portfolio
            .shorts_at(instrument, self.portfolio.mark_of(instrument))?;
        let opening = self.commitments.total()?.opening;
        let scaled = opening.checked_mul(i128::from(self.fee.nano()))?;
        let fees = scaled / NANO + i128::from(scaled % NANO != 0);
        Some(Shorts {
            value: now
                .value
                .checked_add(foreseen.short_value)?
                .checked_add(opening)?
                .checked_add(fees)?,
            money: now
                .money
                .checked_add(foreseen.cash)?
                .checked_add(foreseen.short_cost)?,
        })
    }

    /// Whether orders of a side are bounded as short sales are.
    pub(super) fn is_bounded(&self, side: Side) -> bool {
        side == Side::Sell && !self.risk.has_margin()
    }

    /// What a strategy's orders that wait to close its positions will change, over all instruments.
    fn foreseen(&mut self, strategy: u8, venue: &impl Venue) -> Option<Foreseen> {
        if let Some((_, known)) = self.foreseen.filter(|(of, _)| *of == strategy) {
            return Some(known);
        }
        let at = usize::from(strategy);
        let mut instruments = self
            .waiting_in
            .get_mut(at)
            .map(std::mem::take)
            .unwrap_or_default();
        let of_strategy = |order: &Order| order.strategy == strategy;
        instruments.retain(|instrument| venue.orders(*instrument).iter().any(of_strategy));
        let all = instruments
            .iter()
            .try_fold(Foreseen::default(), |sum, instrument| {
                sum.plus(self.closing(strategy, *instrument, venue.orders(*instrument))?)
            });
        if let Some(place) = self.waiting_in.get_mut(at) {
            *place = instruments;
        }
        self.foreseen = all.map(|all| (strategy, all));
        all
    }

    fn closing(
        &self,
        strategy: u8,
        instrument: InstrumentId,
        orders: &[Order],
    ) -> Option<Foreseen> {
        Foreseen::closing((strategy, instrument), orders, &self.portfolio, self.fee)
    }

    /// What so much money pays for at a price; `None` if it does not fit.
    fn all(&self, new: &NewOrder, price: i64, money: i128) -> Option<i64> {
        let scale = self.portfolio.scale(new.instrument);
        let step = match new.size {
            OrderSize::AllWhole => scale.whole_lot?,
            OrderSize::All | OrderSize::Qty(_) | OrderSize::TooLarge => scale.lot,
        };
        affordable(money, price, scale, step, self.fee)
    }

    /// Fills what an offer fills of an order, and tells of it.
    pub(super) fn fill(
        &mut self,
        cause: Cause,
        order: &mut Order,
        offer: Offer,
        out: &mut Outputs,
    ) -> Outcome {
        match self.book(order, &offer) {
            Ok(None) => Outcome::Open,
            Ok(Some(trade)) => {
                self.fills += 1;
                self.tell(cause, order, &trade, offer.taker, out);
                if order.open_qty() > 0 {
                    Outcome::Open
                } else {
                    Outcome::Done
                }
            }
            Err(verdict) => {
                out.push(order.record(cause.seq, cause.header, OrderStatus::Refused));
                self.tell_verdict(cause, order, verdict, out);
                Outcome::Done
            }
        }
    }

    /// What risk said of an order, as an output.
    pub(super) fn tell_verdict(
        &mut self,
        cause: Cause,
        order: &Order,
        verdict: Verdict,
        out: &mut Outputs,
    ) {
        out.push(order.verdict_record(cause.seq, cause.header, verdict));
    }

    /// Books what an offer fills of an order; nothing if the offer is smaller than a lot.
    fn book(&mut self, order: &mut Order, offer: &Offer) -> Result<Option<Trade>, Verdict> {
        let overflow = Verdict::refused(RiskRule::Overflow);
        let instrument = order.new.instrument;
        let lot = self.portfolio.scale(instrument).lot;
        let most = offer.qty_max.map(|most| most - most % lot);
        if most == Some(0) {
            return Ok(None);
        }
        if order.new.size.is_all() {
            self.resolve(order, offer.price)?;
        }
        let open = order.open_qty();
        let qty = most.map_or(open, |most| most.min(open));
        if qty == 0 {
            return Ok(None);
        }
        let fee = self
            .portfolio
            .fee(instrument, offer.price, qty, self.fee)
            .ok_or(overflow)?;
        let trade = Trade {
            side: order.new.side,
            price: offer.price,
            qty,
            fee,
        };
        let refusal = self.risk.cash(instrument, &trade, &self.portfolio);
        let shorts = || {
            let portfolio = &self.portfolio;
            self.risk
                .shorts(order.strategy, instrument, &trade, portfolio)
        };
        if let Some(refusal) = refusal.or_else(shorts) {
            return Err(refusal);
        }
        self.portfolio
            .apply(order.strategy, instrument, &trade)
            .map_err(|_| overflow)?;
        order.filled += qty;
        Ok(Some(trade))
    }

    /// Gives an order for all cash its size, at the price of its first fill. A later fill may find less money, never more.
    fn resolve(&self, order: &mut Order, price: i64) -> Result<(), Verdict> {
        let overflow = Verdict::refused(RiskRule::Overflow);
        let (instrument, side) = (order.new.instrument, order.new.side);
        let money = if self.is_bounded(side) {
            let shorts = self.portfolio.shorts_at(instrument, price);
            shorts.and_then(|shorts| shorts.money.checked_sub(shorts.value))
        } else {
            Some(self.portfolio.cash().0)
        };
        let most = money.and_then(|money| self.all(&order.new, price, money));
        let most = most.ok_or(overflow)?;
        if order.filled == 0 {
            order.qty = most;
        } else if side == Side::Buy || self.is_bounded(side) {
            order.qty = order.filled + order.open_qty().min(most);
        }
        if order.open_qty() == 0 {
            return Err(Verdict::refused(out_of_money(side)));
        }
        let around = Surroundings {
            portfolio: &self.portfolio,
            open: &[],
            open_count: 0,
            commitments: &self.commitments,
            shorts: None,
            mark: price,
            price,
        };
        match self.risk.sizes(order, price, &around) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// The records of a fill: itself, its order, the position, the account.
    fn tell(&self, cause: Cause, order: &Order, trade: &Trade, is_taker: bool, out: &mut Outputs) {
        let fill = FillBody {
            cause: cause.seq,
            price: trade.price,
            qty: trade.qty,
            fee: trade.fee,
            order: order.id,
            strategy: order.strategy,
            side: trade.side as u8,
            taker: u8::from(is_taker),
            ..FillBody::default()
        };
        out.push(fill.record(order.header(cause.header, Kind::Fill)));
        let status = if order.open_qty() > 0 {
            OrderStatus::PartlyFilled
        } else {
            OrderStatus::Filled
        };
        out.push(order.record(cause.seq, cause.header, status));
        let position = self
            .portfolio
            .position(order.strategy, order.new.instrument);
        let body = position.body(cause.seq, order.strategy);
        out.push(body.record(order.header(cause.header, Kind::Position)));
        out.push(self.account_record(cause, order));
    }

    /// An equity that does not fit is flagged, not wrapped.
    fn account_record(&self, cause: Cause, order: &Order) -> Record {
        let header = order.header(cause.header, Kind::Account);
        let cash = self.portfolio.cash().0;
        match self.portfolio.equity() {
            Some(equity) => AccountBody::new(cause.seq, cash, equity.0).record(header),
            None => {
                AccountBody::new(cause.seq, cash, 0).record(header.with_flags(Flags::NOT_READY))
            }
        }
    }
}
