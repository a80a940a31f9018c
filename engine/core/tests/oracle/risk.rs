//! What risk says of an order (`docs/backtest-conventions.md`, "Risk"): the first rule that it breaks, or nothing.

use crate::account::{Account, Fill, NANO, Shorts};
use crate::log::Sides;
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
    pub(crate) sides: Option<Sides>,
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
        let sides = view.sides.unwrap_or_default();
        let opposite = match order.new.side {
            Side::Buy => sides.ask,
            Side::Sell => sides.bid,
        };
        opposite.map(|(price, _)| price).or(view.mark)
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
        let instrument = order.new.instrument;
        let (lot, tick) = (account.lot(instrument), account.tick(instrument));
        if order.qty % lot != 0 {
            return Some((RiskRule::Lot, order.qty, lot));
        }
        if order.qty == 0 {
            return Some((out_of_money(order.new.side), 0, 0));
        }
        if order.new.kind != OrderType::Market && order.new.price % tick != 0 {
            return Some((RiskRule::Tick, order.new.price, tick));
        }
        let price = self.expected(order, view).unwrap_or(mark);
        self.rate()
            .or_else(|| self.collar(order, price, mark))
            .or_else(|| self.loss_stop(order, waiting, account))
            .or_else(|| self.sizes(order, price, mark, waiting, account))
            .or_else(|| self.foreseen_cash(order, price, account))
            .or_else(|| self.foreseen_short(order, price, waiting, account))
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
        let unit = account.unit(order.new.instrument);
        if let Some(most) = self.limits.order_qty.map(|units| units * unit)
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
        if let Some(most) = self.limits.position.map(|units| units * account.unit(of))
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

    /// Whether sales are bounded.
    pub(crate) fn bounds(&self, side: Side) -> bool {
        side == Side::Sell && !self.margin
    }

    /// A sale that opens a short position must leave all of them, with what waits to open more, within the money for them.
    fn foreseen_short(
        &self,
        order: &Order,
        price: i64,
        waiting: &[Order],
        account: &Account,
    ) -> Option<Refusal> {
        let instrument = order.new.instrument;
        if !self.bounds(order.new.side) || !matches!(order.new.size, Size::Qty(_)) {
            return None;
        }
        let own = of_strategy(waiting, order.strategy);
        let held = account.position(order.strategy, instrument).qty;
        let still_held = (held - waits(&own, instrument, Side::Sell)).max(0);
        let opened = (order.qty - still_held).max(0);
        if opened == 0 {
            return None;
        }
        let mut shorts = foreseen_shorts(order.strategy, waiting, account);
        shorts.value += account.money(instrument, price, opened).abs();
        shorts.value += i128::from(account.fee(instrument, price, order.qty)) * NANO;
        shorts.money += account.money(instrument, price, order.qty - opened);
        (shorts.value > shorts.money).then(|| money(RiskRule::Short, shorts.value, shorts.money))
    }

    /// The same of a sale that fills, after it: other sales that wait do not count.
    pub(crate) fn short(
        &self,
        order: &Order,
        price: i64,
        qty: i64,
        account: &Account,
    ) -> Option<Refusal> {
        let (strategy, instrument) = (order.strategy, order.new.instrument);
        if !self.bounds(order.new.side) || qty <= account.position(strategy, instrument).qty {
            return None;
        }
        let fee = account.fee(instrument, price, qty);
        let mut after = account.clone();
        after.fills.push(Fill {
            strategy,
            instrument,
            side: Side::Sell,
            price,
            qty,
            fee,
        });
        let Shorts {
            value,
            money: money_left,
        } = after.shorts(instrument, price);
        // The fee is out of that money already, and counts once.
        (value > money_left).then(|| {
            let fee = i128::from(fee) * NANO;
            money(RiskRule::Short, value + fee, money_left + fee)
        })
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

/// The orders of one strategy.
fn of_strategy(orders: &[Order], strategy: usize) -> Vec<Order> {
    let own = orders.iter().filter(|order| order.strategy == strategy);
    own.copied().collect()
}

/// The rule under which there is no money for an order.
pub(crate) fn out_of_money(side: Side) -> RiskRule {
    match side {
        Side::Buy => RiskRule::Cash,
        Side::Sell => RiskRule::Short,
    }
}

/// What changes once the market orders of a strategy that wait to close its positions fill at the marks: cash, and what
/// the short positions that are left are worth and were sold for. The oldest count, as long as they only close.
pub(crate) fn once_closed(strategy: usize, waiting: &[Order], account: &Account) -> (i128, Shorts) {
    let (mut cash, mut shorts) = (0, Shorts::default());
    for instrument in 0..account.instruments() {
        let position = account.position(strategy, instrument);
        let mark = account.marks[instrument].unwrap_or(0);
        let mut closed = 0;
        for order in waiting {
            let is_market = order.new.kind == OrderType::Market;
            let is_of_known_size = matches!(order.new.size, Size::Qty(_));
            let closes = order.new.side.sign() * position.qty < 0;
            let fits = closed + order.open_qty() <= position.qty.abs();
            let is_own = order.strategy == strategy && order.new.instrument == instrument;
            if !(is_own && is_market && is_of_known_size && closes && fits) {
                continue;
            }
            closed += order.open_qty();
            cash -= account.cost_of(&Fill {
                strategy,
                instrument,
                side: order.new.side,
                price: mark,
                qty: order.open_qty(),
                fee: account.fee(instrument, mark, order.open_qty()),
            });
        }
        if position.qty < 0 {
            shorts.value -= account.money(instrument, mark, closed).abs();
            shorts.money -= position.cost * i128::from(closed) / i128::from(position.qty.abs());
        }
    }
    shorts.money += cash;
    (cash, shorts)
}

/// Short positions, and sales that wait to open more with their fees, once the strategy is out of what it is about to
/// leave; all at the marks.
pub(crate) fn foreseen_shorts(strategy: usize, waiting: &[Order], account: &Account) -> Shorts {
    let (_, closing) = once_closed(strategy, waiting, account);
    let now = account.shorts(usize::MAX, 0);
    let mut strategies: Vec<usize> = waiting.iter().map(|order| order.strategy).collect();
    strategies.sort_unstable();
    strategies.dedup();
    let mut opening = 0;
    for instrument in 0..account.instruments() {
        for strategy in &strategies {
            let sells = waits(&of_strategy(waiting, *strategy), instrument, Side::Sell);
            let held = account.position(*strategy, instrument).qty.max(0);
            opening += account.value(instrument, (sells - held).max(0)).abs();
        }
    }
    let exact = opening * i128::from(account.rate());
    let fees = exact / NANO + i128::from(exact % NANO > 0);
    Shorts {
        value: now.value + closing.value + opening + fees,
        money: now.money + closing.money,
    }
}

/// Whether an order of known size, with its strategy's others on its side, can only make the strategy's position smaller.
pub(crate) fn only_reduces(order: &Order, waiting: &[Order], account: &Account) -> bool {
    let own = of_strategy(waiting, order.strategy);
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
