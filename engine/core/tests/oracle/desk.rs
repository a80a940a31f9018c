//! The way of an order: submitted, checked by risk, waiting, filled; and every turn of it told.

use crate::account::{Account, Fill, NANO};
use crate::orders::{NewOrder, Offer, Order, Shown, meet};
use crate::risk::{Refusal, Risk, View, foreseen_shorts, once_closed, only_reduces, out_of_money};
use crate::world::{Size, World};
use tickloom_types::{
    AccountBody, BarSpec, FillBody, Header, InstrumentId, Kind, OrderBody, OrderStatus, OrderType,
    PositionBody, Record, Side, StatusBody, StatusCode, VerdictBody,
};

/// What a strategy asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Intent {
    Submit(NewOrder),
    Cancel(u32),
}

/// The record that outputs come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    pub(crate) seq: u64,
    pub(crate) header: Header,
}

/// The finest prices that an instrument has: coarser bars tell the same again and fill nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Finest {
    Nothing,
    /// Bars of this size, with the close of the newest.
    Bars(BarSpec, i64),
}

/// Orders, risk, account.
pub(crate) struct Desk {
    pub(crate) account: Account,
    pub(crate) orders: Vec<Order>,
    risk: Risk,
    /// In units of 1e-9.
    share: Option<i64>,
    same_close: bool,
    last_id: u32,
    finest: Vec<Finest>,
    pub(crate) out: Vec<Record>,
}

impl Desk {
    pub(crate) fn new(world: &World) -> Desk {
        Desk {
            account: Account::new(&world.defs, world.cash, world.fee),
            orders: vec![],
            risk: Risk::new(world),
            share: world.share,
            same_close: world.same_close,
            last_id: 0,
            finest: vec![Finest::Nothing; world.defs.len()],
            out: vec![],
        }
    }

    /// A record has come.
    pub(crate) fn advance(&mut self, cause: Cause) {
        self.risk.now = cause.header.ts_event;
    }

    /// A record with a price has come: it may be the first of its day.
    pub(crate) fn turn_day(&mut self, cause: Cause) {
        self.risk.turn_day(cause.header.ts_event, &self.account);
    }

    pub(crate) fn reset_loss_stop(&mut self, cause: Cause) {
        if self.risk.reset(&self.account) {
            self.tell_stop(cause, StatusCode::RiskReset);
        }
    }

    /// When a bar began, if it may fill orders: it is of the finest size, or began after the last bar of that size.
    pub(crate) fn bar_start(&mut self, instrument: usize, spec: BarSpec, ts: i64) -> Option<i64> {
        let finest = &mut self.finest[instrument];
        let before = match (*finest, spec) {
            (Finest::Bars(known, close), _) if known == spec => Some(close),
            (Finest::Bars(_, close), BarSpec::Time(length)) if ts - length >= close => None,
            (Finest::Bars(BarSpec::Time(known), _), BarSpec::Time(length)) if length < known => {
                None
            }
            (Finest::Bars(BarSpec::Ticks(known), _), BarSpec::Ticks(n)) if n < known => None,
            (Finest::Bars(BarSpec::Volume(known), _), BarSpec::Volume(n)) if n < known => None,
            (Finest::Bars(..), _) => return None,
            (Finest::Nothing, _) => None,
        };
        *finest = Finest::Bars(spec, ts);
        match (spec, before) {
            (BarSpec::Time(length), Some(before)) => Some(before.max(ts - length)),
            (BarSpec::Time(length), None) => Some(ts - length),
            (_, before) => before,
        }
    }

    /// An instrument has a new price: it is valued, orders meet it, and the day's loss is looked at.
    pub(crate) fn on_price(
        &mut self,
        cause: Cause,
        instrument: usize,
        mark: i64,
        shown: Option<Shown>,
    ) {
        self.account.marks[instrument] = Some(mark);
        if let Some(shown) = shown {
            self.fill_waiting(cause, instrument, &shown);
        }
        if self.risk.latch(&self.account) {
            self.tell_stop(cause, StatusCode::LossStop);
            self.keep_what_gets_out(cause);
        }
    }

    fn fill_waiting(&mut self, cause: Cause, instrument: usize, shown: &Shown) {
        // What was taken of the size that the event shows, bought and sold.
        let mut taken = [0, 0];
        for id in self.orders.iter().map(|order| order.id).collect::<Vec<_>>() {
            let at = self.orders.iter().position(|order| order.id == id).unwrap();
            let mut order = self.orders[at];
            let is_too_old = matches!(shown, Shown::Bar(_, start) if *start < order.ts);
            if order.new.instrument != instrument || order.seq >= cause.seq || is_too_old {
                continue;
            }
            let offer = meet(&mut order, shown);
            order.has_rested = true;
            let mut is_done = false;
            if let Some(offer) = offer {
                let taken = &mut taken[usize::from(order.new.side == Side::Sell)];
                let cap = self
                    .share
                    .map(|share| share_of(offer.shown, share) - *taken);
                let filled = order.filled;
                is_done = self.fill(cause, &mut order, &offer, cap);
                *taken += order.filled - filled;
            }
            if is_done {
                self.orders.remove(at);
            } else {
                self.orders[at] = order;
            }
        }
    }

    /// Orders are kept, the oldest first, as long as all that are kept only make positions smaller.
    fn keep_what_gets_out(&mut self, cause: Cause) {
        let mut kept: Vec<Order> = vec![];
        for order in std::mem::take(&mut self.orders) {
            if only_reduces(&order, &kept, &self.account) {
                kept.push(order);
            } else {
                self.tell_order(cause, &order, OrderStatus::Cancelled);
            }
        }
        self.orders = kept;
    }

    /// Does what a strategy asks for, as far as risk lets it.
    pub(crate) fn carry_out(&mut self, cause: Cause, strategy: usize, intent: Intent, view: &View) {
        match intent {
            Intent::Submit(new) => self.submit(cause, strategy, new, view),
            Intent::Cancel(id) => {
                let mut orders = self.orders.iter();
                let own = orders.position(|order| order.id == id && order.strategy == strategy);
                if let Some(at) = own {
                    let order = self.orders.remove(at);
                    self.tell_order(cause, &order, OrderStatus::Cancelled);
                }
            }
        }
    }

    fn submit(&mut self, cause: Cause, strategy: usize, new: NewOrder, view: &View) {
        self.last_id += 1;
        let mut order = Order {
            id: self.last_id,
            strategy,
            new,
            qty: 0,
            filled: 0,
            ts: cause.header.ts_event,
            seq: cause.seq,
            has_rested: false,
            is_triggered: false,
        };
        order.qty = match new.size {
            Size::Qty(qty) => qty,
            Size::All | Size::AllWhole => self.foreseen_all(&order, view),
        };
        let refusal = self.risk.check(&order, &self.orders, &self.account, view);
        let status = match refusal {
            None => OrderStatus::Open,
            Some(_) => OrderStatus::Refused,
        };
        self.tell_order(cause, &order, status);
        self.tell_verdict(cause, &order, refusal);
        if refusal.is_some() {
            return;
        }
        if self.same_close && new.kind == OrderType::Market {
            let offer = Offer {
                price: view.close.unwrap(),
                shown: 0,
                is_taker: true,
            };
            self.fill(cause, &mut order, &offer, None);
        } else {
            self.orders.push(order);
        }
    }

    /// What an order for all cash would be at the price that can be seen, with the strategy's market orders filled that
    /// wait to close its positions; a sale for all is what the bound on short positions leaves.
    fn foreseen_all(&self, order: &Order, view: &View) -> i64 {
        let Some(price) = self.risk.expected(order, view) else {
            return 0;
        };
        let money = if self.risk.bounds(order.new.side) {
            let shorts = foreseen_shorts(order.strategy, &self.orders, &self.account);
            shorts.money - shorts.value
        } else {
            let (cash, _) = once_closed(order.strategy, &self.orders, &self.account);
            self.account.cash() + cash
        };
        self.all(order, price, money)
    }

    fn all(&self, order: &Order, price: i64, cash: i128) -> i64 {
        let instrument = order.new.instrument;
        let step = match order.new.size {
            Size::AllWhole => self.account.whole_lot(instrument),
            Size::All | Size::Qty(_) => self.account.lot(instrument),
        };
        self.account.affordable(instrument, cash, price, step)
    }

    /// Fills what can be of an order at an offer, at most `cap`. Whether nothing is left of the order.
    fn fill(&mut self, cause: Cause, order: &mut Order, offer: &Offer, cap: Option<i64>) -> bool {
        let lot = self.account.lot(order.new.instrument);
        let cap = cap.map(|cap| cap.max(0) / lot * lot);
        if cap == Some(0) {
            return false;
        }
        let refusal = self.resolve_all(order, offer.price);
        let qty = cap.map_or(order.open_qty(), |cap| cap.min(order.open_qty()));
        let refusal = refusal
            .or_else(|| self.risk.cash(order, offer.price, qty, &self.account))
            .or_else(|| self.risk.short(order, offer.price, qty, &self.account));
        if refusal.is_some() {
            self.tell_order(cause, order, OrderStatus::Refused);
            self.tell_verdict(cause, order, refusal);
            return true;
        }
        let fill = Fill {
            strategy: order.strategy,
            instrument: order.new.instrument,
            side: order.new.side,
            price: offer.price,
            qty,
            fee: self.account.fee(order.new.instrument, offer.price, qty),
        };
        self.account.fills.push(fill);
        order.filled += qty;
        self.tell_fill(cause, order, &fill, offer.is_taker);
        order.open_qty() == 0
    }

    /// The size of an order for all cash, at the price of its first fill; later there may be less cash, never more size.
    fn resolve_all(&self, order: &mut Order, price: i64) -> Option<Refusal> {
        if matches!(order.new.size, Size::Qty(_)) {
            return None;
        }
        let (instrument, side) = (order.new.instrument, order.new.side);
        let is_bounded = self.risk.bounds(side);
        let money = if is_bounded {
            let shorts = self.account.shorts(instrument, price);
            shorts.money - shorts.value
        } else {
            self.account.cash()
        };
        let all = self.all(order, price, money);
        if order.filled == 0 {
            order.qty = all;
        } else if side == Side::Buy || is_bounded {
            order.qty = order.filled + order.open_qty().min(all);
        }
        if order.open_qty() == 0 {
            return Some((out_of_money(side), 0, 0));
        }
        let elsewhere: Vec<Order> = self
            .orders
            .iter()
            .filter(|other| other.new.instrument != order.new.instrument)
            .copied()
            .collect();
        self.risk
            .sizes(order, price, price, &elsewhere, &self.account)
    }

    fn header(&self, cause: Cause, order: &Order, kind: Kind) -> Header {
        Header {
            instrument: u32::try_from(order.new.instrument).unwrap(),
            ..cause.header.as_kind(kind)
        }
    }

    fn tell_order(&mut self, cause: Cause, order: &Order, status: OrderStatus) {
        let body = OrderBody {
            cause: cause.seq,
            price: order.new.price,
            qty: order.qty,
            filled: order.filled,
            order: order.id,
            strategy: u8::try_from(order.strategy).unwrap(),
            side: order.new.side as u8,
            order_type: order.new.kind as u8,
            status: status as u8,
        };
        self.out
            .push(body.record(self.header(cause, order, Kind::Order)));
    }

    fn tell_verdict(&mut self, cause: Cause, order: &Order, refusal: Option<Refusal>) {
        let (rule, observed, allowed) = match refusal {
            None => (0, 0, 0),
            Some((rule, observed, allowed)) => (rule as u8, observed, allowed),
        };
        let body = VerdictBody {
            cause: cause.seq,
            order: order.id,
            strategy: u8::try_from(order.strategy).unwrap(),
            accepted: u8::from(refusal.is_none()),
            rule,
            observed,
            allowed,
            ..VerdictBody::default()
        };
        self.out
            .push(body.record(self.header(cause, order, Kind::Verdict)));
    }

    fn tell_fill(&mut self, cause: Cause, order: &Order, fill: &Fill, is_taker: bool) {
        let strategy = u8::try_from(order.strategy).unwrap();
        let body = FillBody {
            cause: cause.seq,
            price: fill.price,
            qty: fill.qty,
            fee: fill.fee,
            order: order.id,
            strategy,
            side: fill.side as u8,
            taker: u8::from(is_taker),
            ..FillBody::default()
        };
        self.out
            .push(body.record(self.header(cause, order, Kind::Fill)));
        let status = match order.open_qty() {
            0 => OrderStatus::Filled,
            _ => OrderStatus::PartlyFilled,
        };
        self.tell_order(cause, order, status);
        let position = self.account.position(fill.strategy, fill.instrument);
        let shown = |money: i128| i64::try_from(money / NANO).unwrap_or(i64::MAX);
        let body = PositionBody {
            cause: cause.seq,
            qty: position.qty,
            cost: shown(position.cost),
            realised: shown(position.realised),
            strategy: strategy.into(),
            ..PositionBody::default()
        };
        self.out
            .push(body.record(self.header(cause, order, Kind::Position)));
        let body = AccountBody::new(cause.seq, self.account.cash(), self.account.equity());
        self.out
            .push(body.record(self.header(cause, order, Kind::Account)));
    }

    /// The loss stop concerns the account, not one instrument.
    fn tell_stop(&mut self, cause: Cause, code: StatusCode) {
        let header = Header {
            instrument: InstrumentId::NONE.0,
            ..cause.header.as_kind(Kind::RiskStatus)
        };
        let body = StatusBody {
            code: code as u16,
            detail: cause.seq,
            ..StatusBody::default()
        };
        self.out.push(body.record(header));
    }
}

/// A share, in units of 1e-9, of a size; rounded down.
fn share_of(qty: i64, share: i64) -> i64 {
    let part = i128::from(qty) * i128::from(share) / 1_000_000_000;
    i64::try_from(part).unwrap()
}
