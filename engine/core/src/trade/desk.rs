//! The way of an order: from an intent through risk to the venue, and from a price to a fill in the account.
//!
//! Every turn of an order is an output record; nothing is said when nothing happens to an order. Strategies and signals are
//! not known here, and what a fill does to cash and positions is in `trade/account.rs`.

use super::account::Account;
use super::{SeenPrices, View};
use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::limits::ORDER_NUMBER_MAX;
use crate::order::{NewOrder, Order, OrderSize, Verdict};
use crate::outputs::Outputs;
use crate::portfolio::Portfolio;
use crate::risk::{RiskGate, Surroundings};
use crate::strategy::Intent;
use crate::trade_config::FillModel;
use crate::venue::{Offer, PaperVenue, PriceEvent, Venue};
use tickloom_types::{
    DurationNs, Header, InstrumentId, Instruments, Kind, OrderStatus, OrderType, Record, RiskRule,
    Seq, StatusBody, StatusCode, Ts,
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
    pub(super) venue: PaperVenue,
    pub(super) account: Account,
    pub(super) instruments: u32,
    fill: FillModel,
    pub(super) last_order: u32,
    /// Event time of the newest record.
    pub(super) now: Ts,
    /// Orders that the loss stop takes back, reused.
    cancelled: Vec<Order>,
    latencies: Latencies,
}

/// How much later than their times records are known, as it was declared.
#[derive(Debug)]
struct Latencies {
    /// By source.
    of: Vec<DurationNs>,
    /// The longest: of bars that are made of records of whichever source.
    longest: DurationNs,
}

impl Latencies {
    fn of(instruments: &Instruments) -> Latencies {
        let sources = instruments.sources().iter();
        let of: Vec<DurationNs> = sources.map(|source| source.feed_latency).collect();
        Latencies {
            longest: of.iter().copied().max().unwrap_or_default(),
            of,
        }
    }

    /// When a record with this header was known.
    fn known(&self, header: &Header) -> Ts {
        let of = self.of.get(usize::from(header.source));
        let latency = of.copied().unwrap_or(self.longest);
        Ts(header.ts_event.saturating_add(latency))
    }
}

impl Cause {
    pub(crate) fn new(seq: Seq, header: Header) -> Cause {
        Cause { seq, header }
    }
}

impl Desk {
    pub(super) fn new(config: &CoreConfig) -> Result<Desk, CoreError> {
        let instruments = config.instruments.len();
        Ok(Desk {
            venue: PaperVenue::new(instruments, config.account.volume_share),
            account: Account::new(config)?,
            instruments: u32::try_from(instruments).unwrap_or(u32::MAX),
            fill: config.account.fill,
            last_order: 0,
            now: Ts(0),
            cancelled: Vec::new(),
            latencies: Latencies::of(&config.instruments),
        })
    }

    /// Makes room for what a strategy may come to hold of an instrument.
    pub(super) fn expect(&mut self, strategy: u8, instrument: InstrumentId) {
        self.account.portfolio.expect(strategy, instrument);
    }

    pub(super) fn portfolio(&self) -> &Portfolio {
        &self.account.portfolio
    }

    pub(super) fn venue(&self) -> &PaperVenue {
        &self.venue
    }

    /// Whether orders wait in an instrument.
    #[inline]
    pub(super) fn has_orders(&self, instrument: InstrumentId) -> bool {
        self.venue.is_awaited(instrument)
    }

    /// Whether the day's loss is watched.
    pub(super) fn watches_loss(&self) -> bool {
        self.account.risk.daily_loss.is_some()
    }

    pub(super) fn last_order(&self) -> u32 {
        self.last_order
    }

    /// A session begins: orders up to this number may have been submitted by those before it, whatever is known of them. Above the
    /// last number that there is, none is submitted.
    pub(super) fn begin_session(&mut self, last_order: u64) {
        let last_order = u32::try_from(last_order).unwrap_or(ORDER_NUMBER_MAX);
        self.last_order = self.last_order.max(last_order);
    }

    pub(super) fn fills(&self) -> u64 {
        self.account.fills
    }

    pub(super) fn mark(&mut self, instrument: InstrumentId, price: i64) {
        self.account.mark(instrument, price);
    }

    /// A moment with a record of this time ends. Orders are submitted then, also those that are decided on bars that closed before.
    pub(super) fn advance(&mut self, now: Ts) {
        self.now = now;
    }

    /// Begins a new day of the loss stop, if the record is in one.
    #[inline]
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
    #[inline]
    pub(super) fn on_price(
        &mut self,
        cause: Cause,
        instrument: InstrumentId,
        mark: i64,
        event: Option<&PriceEvent>,
        out: &mut Outputs,
    ) {
        self.account.mark(instrument, mark);
        if let Some(event) = event
            && self.has_orders(instrument)
        {
            self.fill_waiting(cause, instrument, event, out);
        }
        if self.account.risk.daily_loss.is_some() {
            self.check_loss(cause, out);
        }
    }

    fn fill_waiting(
        &mut self,
        cause: Cause,
        instrument: InstrumentId,
        event: &PriceEvent,
        out: &mut Outputs,
    ) {
        let account = &mut self.account;
        let before = out.records().len();
        if self.latencies.longest > 0 {
            self.venue.happened(Ts(cause.header.ts_event));
        }
        self.venue
            .on_price(cause.seq, instrument, event, &mut |order, offer| {
                account.fill(cause, order, offer, out)
            });
        if out.records().len() != before {
            account.recount(instrument, &self.venue);
        }
    }

    /// Looks at the day's loss: the stop holds from when it is too large.
    fn check_loss(&mut self, cause: Cause, out: &mut Outputs) {
        if let Some(daily_loss) = &mut self.account.risk.daily_loss
            && daily_loss.latch(&self.account.portfolio)
        {
            out.push(status(cause, StatusCode::LossStop));
            self.cancel_what_adds_risk(cause, out);
        }
    }

    /// Keeps orders, the oldest first, as long as all that are kept only make positions smaller.
    fn cancel_what_adds_risk(&mut self, cause: Cause, out: &mut Outputs) {
        for instrument in (0..self.instruments).map(InstrumentId) {
            let mut at = 0;
            while let Some((order, older)) = self
                .venue
                .orders(instrument)
                .get(..=at)
                .and_then(<[_]>::split_last)
            {
                if RiskGate::only_reduces(order, older, &self.account.portfolio) {
                    at += 1;
                } else {
                    let id = order.id;
                    self.cancelled.extend(self.venue.cancel(instrument, id));
                }
            }
        }
        self.cancelled
            .sort_by_key(|order| (order.submitted, order.id));
        for order in self.cancelled.drain(..) {
            self.account.recount(order.new.instrument, &self.venue);
            out.push(order.record(cause.seq, cause.header, OrderStatus::Cancelled));
        }
    }

    /// Does what a strategy intends, as far as risk lets it.
    pub(super) fn execute(
        &mut self,
        cause: Cause,
        strategy: u8,
        intent: Intent,
        view: View<'_>,
        out: &mut Outputs,
    ) {
        match intent {
            Intent::Submit(new) => {
                self.submit(cause, strategy, new, &view.prices(new.instrument), out);
            }
            Intent::Cancel { instrument, order } => {
                let mut orders = self.venue.orders(instrument).iter();
                if orders.any(|open| open.id == order && open.strategy == strategy) {
                    self.cancel(cause, instrument, order, out);
                }
            }
        }
    }

    fn cancel(&mut self, cause: Cause, instrument: InstrumentId, id: u32, out: &mut Outputs) {
        if let Some(order) = self.venue.cancel(instrument, id) {
            self.account.recount(instrument, &self.venue);
            out.push(order.record(cause.seq, cause.header, OrderStatus::Cancelled));
        }
    }

    fn submit(
        &mut self,
        cause: Cause,
        strategy: u8,
        new: NewOrder,
        prices: &SeenPrices,
        out: &mut Outputs,
    ) {
        // No number is used twice: the order that gets the last one is refused and says so, and there are none after it.
        let Some(id) = self.last_order.checked_add(1) else {
            return;
        };
        self.last_order = id;
        let mut order = Order {
            id,
            strategy,
            new,
            qty: 0,
            filled: 0,
            submitted: cause.seq,
            submitted_ts: self.latencies.known(&cause.header),
            triggered: false,
            resting: false,
        };
        let verdict = if id == ORDER_NUMBER_MAX {
            Verdict::refused(RiskRule::OrderNumbers)
        } else {
            self.check(&mut order, prices)
        };
        let status = match verdict {
            Verdict::Accepted => OrderStatus::Open,
            Verdict::Refused { .. } => OrderStatus::Refused,
        };
        out.push(order.record(cause.seq, cause.header, status));
        self.account.tell_verdict(cause, &order, verdict, out);
        if verdict != Verdict::Accepted {
            return;
        }
        match (self.fill, new.order_type, prices.close) {
            (FillModel::SameClose, OrderType::Market, Some(price)) => {
                let offer = Offer {
                    price,
                    qty_max: None,
                    taker: true,
                };
                self.account.fill(cause, &mut order, offer, out);
                self.account.recount(new.instrument, &self.venue);
            }
            _ => {
                self.venue.submit(order);
                self.account.waits(&order, &self.venue);
            }
        }
    }

    /// Gives an order its size as far as it is known, and asks risk.
    fn check(&mut self, order: &mut Order, prices: &SeenPrices) -> Verdict {
        let new = order.new;
        let Some(mark) = prices.mark else {
            if let OrderSize::Qty(qty) = new.size {
                order.qty = qty;
            }
            return Verdict::refused(RiskRule::NoPrice);
        };
        let expected = match self.fill {
            FillModel::NextOpen => prices.expected(new.side),
            FillModel::SameClose => prices.close,
        };
        let price = match new.order_type {
            OrderType::Market => expected.unwrap_or(mark),
            OrderType::Limit | OrderType::Stop => new.price,
        };
        let Some(qty) = self.account.foreseen_qty(order, price, &self.venue) else {
            return Verdict::refused(RiskRule::Overflow);
        };
        order.qty = qty;
        let open = self.venue.orders(new.instrument);
        let is_bounded = self.account.is_bounded(new.side);
        let shorts = if is_bounded && !RiskGate::only_reduces(order, open, &self.account.portfolio)
        {
            self.account.foreseen_shorts(order, &self.venue)
        } else {
            None
        };
        let around = Surroundings {
            portfolio: &self.account.portfolio,
            open,
            open_count: self.venue.open_count(),
            commitments: &self.account.commitments,
            shorts,
            mark,
            price,
        };
        self.account.risk.check(order, &around, self.now)
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
