//! What risk says of an order (`docs/backtest-conventions.md`, "Risk"): the first rule that it breaks, or nothing.

use crate::account::{Account, Fill, NANO};
use crate::log::Top;
use crate::orders::Order;
use crate::world::{Limits, Size, UNIT, World};
use tickloom_types::{OrderType, RiskRule, Side};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A rule that was broken: what would have been, and what is allowed.
pub(crate) type Refusal = (RiskRule, i64, i64);

/// What is seen of an instrument's prices when an order is decided on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct View {
    pub(crate) mark: Option<i64>,
    pub(crate) top: Option<Top>,
    /// Close of the bar that closed at this moment, if one did, else the mark.
    pub(crate) close: Option<i64>,
}

/// What risk must remember.
pub(crate) struct Risk {
    limits: Limits,
    margin: bool,
    same_close: bool,
    /// Time of the newest record. Orders are submitted then, whatever the close of the bar is that they are decided on.
    pub(crate) now: i64,
    /// Times of accepted orders.
    accepted: Vec<i64>,
    day: Option<i64>,
    day_began_with: i128,
    is_latched: bool,
}

impl Risk {
    pub(crate) fn new(world: &World) -> Risk {
        Risk {
            limits: world.limits.clone(),
            margin: world.margin,
            same_close: world.same_close,
            now: 0,
            accepted: vec![],
            day: None,
            day_began_with: 0,
            is_latched: false,
        }
    }

    /// The price at which an order would trade as far as can be seen.
    pub(crate) fn expected(&self, order: &Order, view: &View) -> Option<i64> {
        view.mark?;
        if order.new.kind != OrderType::Market {
            return Some(order.new.price);
        }
        if self.same_close {
            return view.close;
        }
        match (view.top, order.new.side) {
            (Some(top), Side::Buy) => Some(top.ask),
            (Some(top), Side::Sell) => Some(top.bid),
            (None, _) => view.mark,
        }
    }

    /// Checks an order that a strategy submits, with those that wait.
    pub(crate) fn check(
        &mut self,
        order: &Order,
        waiting: &[Order],
        account: &Account,
        view: &View,
    ) -> Option<Refusal> {
        let refusal = self.refusal(order, waiting, account, view);
        if refusal.is_none() {
            self.accepted.push(self.now);
        }
        refusal
    }

    fn refusal(
        &self,
        order: &Order,
        waiting: &[Order],
        account: &Account,
        view: &View,
    ) -> Option<Refusal> {
        let Some(mark) = view.mark else {
            return Some((RiskRule::NoPrice, 0, 0));
        };
        let lot = account.lot(order.new.instrument);
        if order.qty % lot != 0 {
            return Some((RiskRule::OrderQty, order.qty, lot));
        }
        if order.qty == 0 {
            // All of no cash.
            return Some((RiskRule::Cash, 0, 0));
        }
        let price = self.expected(order, view).unwrap_or(mark);
        self.rate()
            .or_else(|| self.collar(order, price, mark))
            .or_else(|| self.loss_stop(order, waiting, account))
            .or_else(|| self.sizes(order, price, mark, waiting, account))
            .or_else(|| self.foreseen_cash(order, price, account))
    }

    fn rate(&self) -> Option<Refusal> {
        let now = self.now;
        let most = self.limits.orders_per_second?;
        let near = self
            .accepted
            .iter()
            .filter(|at| now.abs_diff(**at) < SECOND.unsigned_abs());
        let most = i64::from(most);
        let is_full = i64::try_from(near.count()).unwrap() >= most;
        is_full.then_some((RiskRule::OrderRate, most + 1, most))
    }

    fn collar(&self, order: &Order, price: i64, mark: i64) -> Option<Refusal> {
        let most = i64::from(self.limits.collar_bps?);
        let distance = (price - mark).abs() * 10_000;
        let is_beyond = distance > most * mark.abs();
        let in_bps = (distance + mark.abs() - 1) / mark.abs().max(1);
        (is_beyond && order.new.kind != OrderType::Stop).then_some((
            RiskRule::PriceCollar,
            in_bps,
            most,
        ))
    }

    fn loss_stop(&self, order: &Order, waiting: &[Order], account: &Account) -> Option<Refusal> {
        let most = i128::from(self.limits.daily_loss?) * UNIT;
        let is_held_back = self.is_latched && !only_reduces(order, waiting, account);
        let loss = self.day_began_with - account.equity();
        is_held_back.then(|| money(RiskRule::DailyLoss, loss, most))
    }

    /// Rules on size and money, which an order for `all` meets again when it fills. `price` is what it trades at,
    /// `mark` what the instrument is valued at.
    pub(crate) fn sizes(
        &self,
        order: &Order,
        price: i64,
        mark: i64,
        waiting: &[Order],
        account: &Account,
    ) -> Option<Refusal> {
        if let Some(most) = self.limits.order_qty
            && order.qty > most
        {
            return Some((RiskRule::OrderQty, order.qty, most));
        }
        let notional = account.money(order.new.instrument, price, order.qty).abs();
        if let Some(most) = self.limits.order_notional
            && notional > i128::from(most) * UNIT
        {
            return Some(money(
                RiskRule::OrderNotional,
                notional,
                i128::from(most) * UNIT,
            ));
        }
        self.exposure(order, mark, waiting, account)
    }

    /// Position and exposure were this order filled, and all that waits on its side; what only makes smaller is free.
    fn exposure(
        &self,
        order: &Order,
        mark: i64,
        waiting: &[Order],
        account: &Account,
    ) -> Option<Refusal> {
        let (of, side) = (order.new.instrument, order.new.side);
        let net = account.net(of);
        let traded = side.sign() * (waits(waiting, of, side) + order.open_qty());
        let after = net + traded;
        if net * traded < 0 && traded.abs() <= net.abs() {
            return None;
        }
        if let Some(most) = self.limits.position
            && after.abs() > most
        {
            return Some((RiskRule::Position, after.abs(), most));
        }
        // In the other instruments, what waits on the side that is worse.
        let (mut gross, mut low, mut high) = (0, 0, 0);
        for at in 0..account.instruments() {
            let (least, most) = if at == of {
                let value = account.money(of, mark, after);
                (value, value)
            } else {
                let held = account.net(at);
                let values = [
                    account.value(at, held - waits(waiting, at, Side::Sell)),
                    account.value(at, held + waits(waiting, at, Side::Buy)),
                ];
                (values[0].min(values[1]), values[0].max(values[1]))
            };
            gross += least.abs().max(most.abs());
            low += least;
            high += most;
        }
        let net = if low.abs() > high.abs() { low } else { high };
        let over = |rule, value: i128, most: Option<i64>| {
            let most = i128::from(most?) * UNIT;
            (value.abs() > most).then(|| money(rule, value.abs(), most))
        };
        over(RiskRule::GrossExposure, gross, self.limits.gross)
            .or_else(|| over(RiskRule::NetExposure, net, self.limits.net))
    }

    fn foreseen_cash(&self, order: &Order, price: i64, account: &Account) -> Option<Refusal> {
        if order.new.size != Size::All && order.new.size != Size::AllWhole {
            return self.cash(order, price, order.open_qty(), account);
        }
        None
    }

    /// Cash must cover a purchase that leaves the account long in the instrument; covering a short is always allowed.
    pub(crate) fn cash(
        &self,
        order: &Order,
        price: i64,
        qty: i64,
        account: &Account,
    ) -> Option<Refusal> {
        let instrument = order.new.instrument;
        if self.margin || order.new.side == Side::Sell || account.net(instrument) + qty <= 0 {
            return None;
        }
        let needed = account.cost_of(&Fill {
            strategy: order.strategy,
            instrument,
            side: Side::Buy,
            price,
            qty,
            fee: account.fee(instrument, price, qty),
        });
        let cash = account.cash();
        (needed > cash).then(|| money(RiskRule::Cash, needed, cash))
    }

    /// A record of another day begins that day.
    pub(crate) fn turn_day(&mut self, ts: i64, account: &Account) {
        let day = ts.div_euclid(DAY);
        if self.day.is_none_or(|known| day > known) {
            self.day = Some(day);
            self.day_began_with = account.equity();
        }
    }

    /// Whether too much is lost for the first time.
    pub(crate) fn latch(&mut self, account: &Account) -> bool {
        let Some(most) = self.limits.daily_loss else {
            return false;
        };
        let loss = self.day_began_with - account.equity();
        let is_reached = !self.is_latched && loss >= i128::from(most) * UNIT;
        self.is_latched |= is_reached;
        is_reached
    }

    /// A person resets the loss stop. Whether it was latched.
    pub(crate) fn reset(&mut self, account: &Account) -> bool {
        self.day_began_with = account.equity();
        std::mem::take(&mut self.is_latched)
    }
}

/// Size that waits on a side of an instrument.
fn waits(waiting: &[Order], instrument: usize, side: Side) -> i64 {
    let of = |order: &&Order| order.new.instrument == instrument && order.new.side == side;
    waiting.iter().filter(of).map(Order::open_qty).sum()
}

/// Whether an order of known size, with its strategy's others on its side, can only make the strategy's position smaller.
pub(crate) fn only_reduces(order: &Order, waiting: &[Order], account: &Account) -> bool {
    let own: Vec<Order> = waiting
        .iter()
        .filter(|other| other.strategy == order.strategy)
        .copied()
        .collect();
    let (of, side) = (order.new.instrument, order.new.side);
    let held = account.position(order.strategy, of).qty;
    let traded = side.sign() * (waits(&own, of, side) + order.open_qty());
    let is_of_known_size = matches!(order.new.size, Size::Qty(_));
    is_of_known_size && held * traded < 0 && traded.abs() <= held.abs()
}

/// Money in a verdict has nine decimals; what does not fit is shown as the largest number.
fn money(rule: RiskRule, observed: i128, allowed: i128) -> Refusal {
    let range = i128::from(i64::MIN)..=i128::from(i64::MAX);
    let shown =
        |money: i128| i64::try_from((money / NANO).clamp(*range.start(), *range.end())).unwrap();
    (rule, shown(observed), shown(allowed))
}
