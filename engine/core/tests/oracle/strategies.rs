//! What strategies want at a moment: rules, a target position, and the trailing stop that is compiled in.

use crate::desk::{Desk, Intent};
use crate::expression::Expr;
use crate::log::Log;
use crate::orders::{NewOrder, Order};
use crate::world::{Plan, Size};
use tickloom_types::{InstrumentDef, OrderType, Side};

/// What a strategy may look at.
pub(crate) struct Known<'a> {
    pub(crate) strategy: usize,
    pub(crate) instrument: usize,
    pub(crate) def: &'a InstrumentDef,
    pub(crate) log: &'a Log,
    pub(crate) desk: &'a Desk,
    pub(crate) mark: Option<i64>,
    /// Whether constants count at this moment.
    pub(crate) counts: bool,
}

/// What the trailing stop remembers while it holds something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ride {
    profit_from: Option<i64>,
    best: i64,
}

impl Known<'_> {
    /// The value of an expression, if it ticked at this moment and is ready.
    fn value(&self, expr: &Expr) -> Option<f64> {
        if expr.is_constant() {
            return expr.constant().filter(|_| self.counts);
        }
        expr.now(self.log)?
    }

    fn holds(&self, expr: &Option<Expr>) -> bool {
        let value = expr.as_ref().and_then(|expr| self.value(expr));
        value.is_some_and(|value| value != 0.0)
    }

    fn own(&self) -> impl Iterator<Item = &Order> {
        let (strategy, instrument) = (self.strategy, self.instrument);
        let orders = self.desk.orders.iter();
        orders.filter(move |order| order.strategy == strategy && order.new.instrument == instrument)
    }

    fn held(&self) -> i64 {
        let account = &self.desk.account;
        account.position(self.strategy, self.instrument).qty
    }

    /// The position once all that waits has filled.
    fn expected(&self) -> i64 {
        self.held() + self.own().map(Order::signed).sum::<i64>()
    }

    fn cancel_all(&self) -> Vec<Intent> {
        self.own().map(|order| Intent::Cancel(order.id)).collect()
    }

    fn market(&self, side: Side, size: Size) -> Intent {
        Intent::Submit(NewOrder {
            instrument: self.instrument,
            side,
            kind: OrderType::Market,
            price: 0,
            size,
        })
    }

    /// A market order that moves the position by this much, if that is anything.
    fn by(&self, change: i64) -> Option<Intent> {
        let side = if change > 0 { Side::Buy } else { Side::Sell };
        (change != 0).then(|| self.market(side, Size::Qty(change.abs())))
    }
}

/// What a strategy wants now.
pub(crate) fn decide(plan: &Plan, ride: &mut Option<Ride>, known: &Known<'_>) -> Vec<Intent> {
    match plan {
        Plan::Rules {
            enter,
            exit,
            short_enter,
            short_exit,
            size,
        } => {
            let conditions = [enter, exit, short_enter, short_exit].map(|expr| known.holds(expr));
            rules(conditions, *size, known)
        }
        Plan::Target(target) => match known.value(target) {
            Some(units) => follow_target(units, known),
            None => vec![],
        },
        Plan::TrailingStop { .. } => trailing_stop(plan, ride, known),
    }
}

fn rules(
    [enter, exit, short_enter, short_exit]: [bool; 4],
    size: Size,
    known: &Known<'_>,
) -> Vec<Intent> {
    let wants_long = enter && !exit;
    let wants_short = short_enter && !short_exit;
    let entry = match (wants_long, wants_short) {
        (true, false) => Some(Side::Buy),
        (false, true) => Some(Side::Sell),
        _ => None,
    };
    let expected = known.expected();
    let gets_out = (expected > 0 && (exit || entry == Some(Side::Sell)))
        || (expected < 0 && (short_exit || entry == Some(Side::Buy)));
    let mut intents = vec![];
    if gets_out {
        intents.extend(known.cancel_all());
        intents.extend(known.by(-known.held()));
    }
    if let Some(side) = entry
        && (gets_out || expected == 0)
    {
        intents.push(known.market(side, size));
    }
    intents
}

fn follow_target(units: f64, known: &Known<'_>) -> Vec<Intent> {
    let unit = 10_f64.powi(known.def.qty_decimals.into());
    let lots = (units * unit) as i64 / known.def.lot_size;
    let wanted = lots * known.def.lot_size;
    if wanted == known.expected() {
        return vec![];
    }
    let mut intents = known.cancel_all();
    intents.extend(known.by(wanted - known.held()));
    intents
}

/// In on a condition, half out at a profit, the rest out at a stop under the best price since.
fn trailing_stop(plan: &Plan, ride: &mut Option<Ride>, known: &Known<'_>) -> Vec<Intent> {
    let Plan::TrailingStop {
        enter,
        qty,
        trail_bps,
        profit_bps,
    } = plan
    else {
        unreachable!("called with a trailing stop")
    };
    let Some(mark) = known.mark else {
        return vec![];
    };
    let held = known.held();
    if held <= 0 {
        if ride.take().is_some() {
            return known.cancel_all();
        }
        let enters = known.value(enter).is_some_and(|value| value != 0.0);
        if enters && known.own().next().is_none() {
            return vec![known.market(Side::Buy, Size::Qty(*qty))];
        }
        return vec![];
    }
    let moved = |price: i64, bps: i64| price * (10_000 + bps) / 10_000;
    let ride = ride.get_or_insert(Ride {
        profit_from: Some(moved(mark, *profit_bps)),
        best: mark,
    });
    ride.best = ride.best.max(mark);
    let stop_price = moved(ride.best, -trail_bps);
    let stop_price = stop_price - stop_price % known.def.tick_size;
    let of_kind = |kind: OrderType| known.own().find(|order| order.new.kind == kind);
    let selling = of_kind(OrderType::Market).map_or(0, Order::open_qty);
    let mut uncovered = held - selling;
    let half = qty / 2 / known.def.lot_size * known.def.lot_size;
    let takes_profit =
        ride.profit_from.is_some_and(|from| mark >= from) && half >= 1 && half < uncovered;
    if takes_profit {
        uncovered -= half;
    }
    let mut intents = vec![];
    if let Some(stop) = of_kind(OrderType::Stop) {
        if stop.new.price >= stop_price && stop.open_qty() == uncovered {
            return vec![];
        }
        intents.push(Intent::Cancel(stop.id));
    }
    if takes_profit {
        ride.profit_from = None;
        intents.push(known.market(Side::Sell, Size::Qty(half)));
    }
    if uncovered > 0 {
        intents.push(Intent::Submit(NewOrder {
            instrument: known.instrument,
            side: Side::Sell,
            kind: OrderType::Stop,
            price: stop_price,
            size: Size::Qty(uncovered),
        }));
    }
    intents
}
