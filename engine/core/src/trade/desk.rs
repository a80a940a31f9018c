//! The way of an order: from a wish through risk to the venue, and from a price to a fill in the portfolio.
//!
//! Every turn of an order is an output record; nothing is said when nothing happens to an order. Strategies and signals are
//! not known here.

use super::{Eyes, Sight};
use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::limits::ORDERS_MAX;
use crate::order::{NewOrder, Order, OrderSize, Verdict};
use crate::outputs::Outputs;
use crate::portfolio::{Portfolio, Trade};
use crate::risk::{RiskGate, Surroundings, saturated};
use crate::sizing::{NANO, affordable};
use crate::strategy::Intent;
use crate::trade_config::{FeeRate, FillModel};
use crate::venue::{Offer, Outcome, PaperVenue, PriceEvent, Venue};
use tickloom_types::{
    AccountBody, FillBody, Flags, Header, InstrumentId, Kind, OrderStatus, OrderType, PositionBody,
    Record, RiskRule, Seq, Side, StatusBody, StatusCode, Ts,
};

/// The input record that outputs come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    pub(crate) seq: Seq,
    pub(crate) header: Header,
}

/// Venue and account.
#[derive(Debug)]
pub(super) struct Desk {
    venue: PaperVenue,
    account: Account,
    fill: FillModel,
    last_order: u32,
}

/// What orders become when they fill.
#[derive(Debug)]
struct Account {
    portfolio: Portfolio,
    risk: RiskGate,
    fee: FeeRate,
    fills: u64,
    /// Orders of other instruments that wait while orders of one fill, if a limit asks for them.
    elsewhere: Vec<Order>,
}

impl Cause {
    pub(crate) fn new(seq: Seq, header: Header) -> Cause {
        Cause { seq, header }
    }
}

impl Desk {
    pub(super) fn new(config: &CoreConfig) -> Result<Desk, CoreError> {
        let account = &config.account;
        Ok(Desk {
            venue: PaperVenue::new(account.volume_share),
            account: Account {
                portfolio: Portfolio::new(
                    account.cash,
                    config.strategies.len(),
                    &config.instruments,
                ),
                risk: RiskGate::new(config)?,
                fee: account.fee,
                fills: 0,
                elsewhere: Vec::with_capacity(ORDERS_MAX),
            },
            fill: account.fill,
            last_order: 0,
        })
    }

    pub(super) fn portfolio(&self) -> &Portfolio {
        &self.account.portfolio
    }

    pub(super) fn orders(&self) -> &[Order] {
        self.venue.orders()
    }

    pub(super) fn fills(&self) -> u64 {
        self.account.fills
    }

    pub(super) fn mark(&mut self, instrument: InstrumentId, price: i64) {
        self.account.portfolio.mark(instrument, price);
    }

    /// Begins a new day of the loss stop, if the record is in one.
    pub(super) fn turn_day(&mut self, cause: Cause) {
        let Account {
            portfolio, risk, ..
        } = &mut self.account;
        if let Some(daily_loss) = &mut risk.daily_loss {
            daily_loss.turn_day(Ts(cause.header.ts_event), portfolio);
        }
    }

    /// A person has reset the loss stop.
    pub(super) fn reset_loss_stop(&mut self, cause: Cause, out: &mut Outputs) {
        let Account {
            portfolio, risk, ..
        } = &mut self.account;
        if let Some(daily_loss) = &mut risk.daily_loss
            && daily_loss.reset(portfolio)
        {
            out.push(status(cause, StatusCode::RiskReset));
        }
    }

    /// An instrument has a new price: values it, fills what waits, and looks at the day's loss.
    pub(super) fn on_price(
        &mut self,
        cause: Cause,
        instrument: InstrumentId,
        mark: i64,
        event: Option<&PriceEvent>,
        out: &mut Outputs,
    ) {
        self.account.portfolio.mark(instrument, mark);
        if let Some(event) = event
            && !self.venue.orders().is_empty()
        {
            let account = &mut self.account;
            account.look_elsewhere(instrument, self.venue.orders());
            self.venue
                .on_price(cause.seq, instrument, event, &mut |order, offer| {
                    account.fill(cause, order, offer, out)
                });
        }
        if let Some(daily_loss) = &mut self.account.risk.daily_loss
            && daily_loss.latch(&self.account.portfolio)
        {
            out.push(status(cause, StatusCode::LossStop));
            self.cancel_what_adds_risk(cause, out);
        }
    }

    /// Keeps orders, the oldest first, as long as all that are kept only make positions smaller.
    fn cancel_what_adds_risk(&mut self, cause: Cause, out: &mut Outputs) {
        let mut at = 0;
        while let Some((order, older)) = self.venue.orders().get(..=at).and_then(<[_]>::split_last)
        {
            if RiskGate::only_reduces(order, older, &self.account.portfolio) {
                at += 1;
            } else {
                self.cancel(cause, order.id, out);
            }
        }
    }

    /// Does what a strategy wishes, as far as risk lets it.
    pub(super) fn obey(
        &mut self,
        cause: Cause,
        strategy: u8,
        intent: Intent,
        eyes: Eyes<'_>,
        out: &mut Outputs,
    ) {
        match intent {
            Intent::Send(new) => self.send(cause, strategy, new, &eyes.sight(new.instrument), out),
            Intent::Cancel(id) => {
                let mut orders = self.venue.orders().iter();
                if orders.any(|order| order.id == id && order.strategy == strategy) {
                    self.cancel(cause, id, out);
                }
            }
        }
    }

    fn cancel(&mut self, cause: Cause, id: u32, out: &mut Outputs) {
        if let Some(order) = self.venue.cancel(id) {
            out.push(order.record(cause.seq, cause.header, OrderStatus::Cancelled));
        }
    }

    fn send(
        &mut self,
        cause: Cause,
        strategy: u8,
        new: NewOrder,
        sight: &Sight,
        out: &mut Outputs,
    ) {
        // After four billion orders numbers are used again; the first will long be forgotten.
        self.last_order = self.last_order.wrapping_add(1).max(1);
        let mut order = Order {
            id: self.last_order,
            strategy,
            new,
            qty: 0,
            filled: 0,
            sent: cause.seq,
            sent_ts: Ts(cause.header.ts_event),
            resting: false,
        };
        let around = Surroundings {
            portfolio: &self.account.portfolio,
            open: self.venue.orders(),
            mark: sight.mark,
            expected: match self.fill {
                FillModel::NextOpen => sight.expected(new.side),
                FillModel::SameClose => sight.close,
            },
        };
        order.qty = self.account.foreseen_qty(&order, &around);
        let now = Ts(cause.header.ts_event);
        let verdict = self.account.risk.check(&order, &around, now);
        let status = match verdict {
            Verdict::Accepted => OrderStatus::Open,
            Verdict::Refused { .. } => OrderStatus::Refused,
        };
        out.push(order.record(cause.seq, cause.header, status));
        out.push(order.verdict_record(cause.seq, cause.header, verdict));
        if verdict != Verdict::Accepted {
            return;
        }
        match (self.fill, new.order_type, sight.close) {
            (FillModel::SameClose, OrderType::Market, Some(price)) => {
                let offer = Offer {
                    price,
                    qty_max: None,
                    taker: true,
                };
                self.account
                    .look_elsewhere(new.instrument, self.venue.orders());
                self.account.fill(cause, &mut order, offer, out);
            }
            _ => self.venue.send(order),
        }
    }
}

impl Account {
    /// Size of an order when it is sent: as it is, or what all cash pays for at the price that can be seen, once the
    /// strategy is out of what it is about to leave.
    fn foreseen_qty(&self, order: &Order, around: &Surroundings<'_>) -> i64 {
        let new = &order.new;
        if let OrderSize::Qty(qty) = new.size {
            return qty;
        }
        let price = match new.order_type {
            OrderType::Market => around.expected.or(around.mark),
            OrderType::Limit | OrderType::Stop => around.mark.and(Some(new.price)),
        };
        let cash = self.foreseen_cash(order.strategy, around.open);
        price
            .zip(cash)
            .and_then(|(price, cash)| self.all(new, price, cash))
            .unwrap_or_default()
    }

    /// Cash once the market orders of a strategy that wait to close its positions fill at the marks; `None` if it does not fit.
    fn foreseen_cash(&self, strategy: u8, open: &[Order]) -> Option<i128> {
        let closing = open.iter().filter(|order| {
            order.strategy == strategy
                && order.new.order_type == OrderType::Market
                && RiskGate::only_reduces(order, &[], &self.portfolio)
        });
        let mut cash = self.portfolio.cash().0;
        for order in closing {
            let (instrument, qty) = (order.new.instrument, order.open_qty());
            let price = self.portfolio.mark_of(instrument);
            let fee = self.portfolio.fee(instrument, price, qty, self.fee)?;
            let notional = self.portfolio.scale(instrument).notional(price, qty)?;
            cash = cash
                .checked_sub(notional.checked_mul(order.new.side.sign().into())?)?
                .checked_sub(i128::from(fee) * NANO)?;
        }
        Some(cash)
    }

    /// Before orders of an instrument fill: takes note of what waits in the others.
    fn look_elsewhere(&mut self, instrument: InstrumentId, open: &[Order]) {
        if self.risk.limits_exposure() {
            let others = open.iter().filter(|o| o.new.instrument != instrument);
            self.elsewhere.clear();
            self.elsewhere.extend(others);
        }
    }

    /// What so much cash pays for at a price; `None` if it does not fit.
    fn all(&self, new: &NewOrder, price: i64, cash: i128) -> Option<i64> {
        let scale = self.portfolio.scale(new.instrument);
        let step = match new.size {
            OrderSize::AllWhole => scale.whole_lot?,
            OrderSize::All | OrderSize::Qty(_) => scale.lot,
        };
        affordable(cash, price, scale, step, self.fee)
    }

    fn fill(
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
                out.push(order.verdict_record(cause.seq, cause.header, verdict));
                Outcome::Done
            }
        }
    }

    /// Books what an offer fills of an order; nothing if the offer is smaller than a lot.
    fn book(&mut self, order: &mut Order, offer: &Offer) -> Result<Option<Trade>, Verdict> {
        let overflow = Verdict::refused(RiskRule::Overflow);
        let instrument = order.new.instrument;
        if order.new.size.is_all() {
            self.resolve(order, offer.price)?;
        }
        let mut qty = order.open_qty();
        if let Some(most) = offer.qty_max.filter(|most| *most < qty) {
            qty = most - most % self.portfolio.scale(instrument).lot;
        }
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
        if let Some(refusal) = self.risk.cash(instrument, &trade, &self.portfolio) {
            return Err(refusal);
        }
        self.portfolio
            .apply(order.strategy, instrument, &trade)
            .map_err(|_| overflow)?;
        order.filled += qty;
        Ok(Some(trade))
    }

    /// Gives an order for all cash its size, at the price of its first fill. A later fill may find less cash, never more.
    fn resolve(&self, order: &mut Order, price: i64) -> Result<(), Verdict> {
        let most = self
            .all(&order.new, price, self.portfolio.cash().0)
            .ok_or(Verdict::refused(RiskRule::Overflow))?;
        if order.filled == 0 {
            order.qty = most;
        } else if order.new.side == Side::Buy {
            order.qty = order.filled + order.open_qty().min(most);
        }
        if order.open_qty() == 0 {
            return Err(Verdict::refused(RiskRule::Cash));
        }
        let around = Surroundings {
            portfolio: &self.portfolio,
            open: &self.elsewhere,
            mark: Some(price),
            expected: Some(price),
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
        let body = PositionBody {
            cause: cause.seq,
            qty: position.qty(),
            cost: saturated(position.cost().0 / NANO),
            realised: saturated(position.realised().0 / NANO),
            strategy: order.strategy.into(),
            ..PositionBody::default()
        };
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

/// A turn of the loss stop as an output. It concerns the account, not one instrument.
fn status(cause: Cause, code: StatusCode) -> Record {
    let mut header = cause.header.as_kind(Kind::RiskStatus);
    header.instrument = InstrumentId::NONE.0;
    StatusBody {
        code: code as u16,
        detail: cause.seq,
        ..StatusBody::default()
    }
    .record(header)
}
