//! What came of a backtest as rows: orders, fills, trades and points of the equity curve.

use super::Order;
use std::collections::BTreeMap;
use tickloom_backtest::Outcome;
use tickloom_core::CoreConfig;
use tickloom_data::{Cell, CellKind, Sheet};
use tickloom_types::{
    FillBody, InstrumentDef, InstrumentId, Instruments, MONEY_DECIMALS, Money, OrderStatus,
    OrderType, Side, Ts,
};

/// Decimals of a fee in a fill.
const FEE_DECIMALS: u8 = 9;

/// The finest scales of the instruments of a run: of prices and of sizes.
fn scales(instruments: &Instruments) -> (u8, u8) {
    let defs = || instruments.defs().iter();
    (
        defs().map(|def| def.price_decimals).max().unwrap_or(0),
        defs().map(|def| def.qty_decimals).max().unwrap_or(0),
    )
}

/// Cells of what an instrument, a strategy, a price or a size is.
struct Names<'a> {
    config: &'a CoreConfig,
}

impl Names<'_> {
    fn def(&self, id: InstrumentId) -> Option<&InstrumentDef> {
        self.config.instruments.get(id)
    }

    fn instrument(&self, id: InstrumentId) -> Cell {
        self.def(id)
            .map_or(Cell::None, |def| Cell::Word(def.name.clone()))
    }

    fn strategy(&self, index: u8) -> Cell {
        let strategy = self.config.strategies.get(usize::from(index));
        strategy.map_or(Cell::None, |def| Cell::Word(def.name().to_owned()))
    }

    fn price(&self, id: InstrumentId, mantissa: i64) -> Cell {
        let decimals = self.def(id).map(|def| def.price_decimals);
        decimals.map_or(Cell::None, |d| Cell::Decimal(mantissa.into(), d))
    }

    fn size(&self, id: InstrumentId, mantissa: i64) -> Cell {
        let decimals = self.def(id).map(|def| def.qty_decimals);
        decimals.map_or(Cell::None, |d| Cell::Decimal(mantissa.into(), d))
    }
}

fn word(name: Option<&'static str>) -> Cell {
    name.map_or(Cell::None, |name| Cell::Word(name.to_owned()))
}

fn money(amount: Money) -> Cell {
    Cell::Decimal(amount.0, MONEY_DECIMALS)
}

pub(super) fn orders(all: &BTreeMap<u32, Order>, config: &CoreConfig) -> Sheet {
    let (price, size) = scales(&config.instruments);
    let names = Names { config };
    let mut sheet = Sheet::new(&[
        ("order", CellKind::Count),
        ("submitted", CellKind::Time),
        ("changed", CellKind::Time),
        ("instrument", CellKind::Word),
        ("strategy", CellKind::Word),
        ("side", CellKind::Word),
        ("type", CellKind::Word),
        ("price", CellKind::Decimal(price)),
        ("size", CellKind::Decimal(size)),
        ("filled", CellKind::Decimal(size)),
        ("status", CellKind::Word),
        ("refused_by", CellKind::Word),
    ]);
    for (number, order) in all {
        let (id, body) = (order.instrument, &order.body);
        let kind = OrderType::from_raw(body.order_type);
        let has_price = kind != Some(OrderType::Market);
        sheet.push([
            Cell::Count((*number).into()),
            Cell::Time(order.submitted),
            Cell::Time(order.changed),
            names.instrument(id),
            names.strategy(body.strategy),
            word(Side::from_raw(body.side).map(Side::name)),
            word(kind.map(OrderType::name)),
            if has_price {
                names.price(id, body.price)
            } else {
                Cell::None
            },
            names.size(id, body.qty),
            names.size(id, body.filled),
            word(OrderStatus::from_raw(body.status).map(OrderStatus::name)),
            word(order.rule),
        ]);
    }
    sheet
}

pub(super) fn fills(all: &[(Ts, InstrumentId, FillBody)], config: &CoreConfig) -> Sheet {
    let (price, size) = scales(&config.instruments);
    let names = Names { config };
    let mut sheet = Sheet::new(&[
        ("ts", CellKind::Time),
        ("order", CellKind::Count),
        ("instrument", CellKind::Word),
        ("strategy", CellKind::Word),
        ("side", CellKind::Word),
        ("price", CellKind::Decimal(price)),
        ("size", CellKind::Decimal(size)),
        ("fee", CellKind::Decimal(FEE_DECIMALS)),
    ]);
    for (ts, id, body) in all {
        sheet.push([
            Cell::Time(*ts),
            Cell::Count(body.order.into()),
            names.instrument(*id),
            names.strategy(body.strategy),
            word(Side::from_raw(body.side).map(Side::name)),
            names.price(*id, body.price),
            names.size(*id, body.qty),
            Cell::Decimal(body.fee.into(), FEE_DECIMALS),
        ]);
    }
    sheet
}

pub(super) fn trades(outcome: &Outcome, config: &CoreConfig) -> Sheet {
    let (_, size) = scales(&config.instruments);
    let names = Names { config };
    let mut sheet = Sheet::new(&[
        ("opened", CellKind::Time),
        ("closed", CellKind::Time),
        ("instrument", CellKind::Word),
        ("strategy", CellKind::Word),
        ("side", CellKind::Word),
        ("size", CellKind::Decimal(size)),
        ("entry", CellKind::Float),
        ("exit", CellKind::Float),
        ("fees", CellKind::Decimal(MONEY_DECIMALS)),
        ("profit", CellKind::Decimal(MONEY_DECIMALS)),
    ]);
    for trade in &outcome.trades {
        let side = match trade.side {
            Side::Buy => "long",
            Side::Sell => "short",
        };
        sheet.push([
            Cell::Time(trade.opened),
            trade.closed.map_or(Cell::None, Cell::Time),
            names.instrument(trade.instrument),
            names.strategy(trade.strategy),
            word(Some(side)),
            names.size(trade.instrument, trade.qty),
            Cell::Float(trade.entry),
            Cell::Float(trade.exit),
            money(trade.fees),
            money(trade.profit),
        ]);
    }
    sheet
}

pub(super) fn equity(outcome: &Outcome) -> Sheet {
    let columns = [
        ("ts", CellKind::Time),
        ("equity", CellKind::Decimal(MONEY_DECIMALS)),
        ("drawdown", CellKind::Float),
    ];
    let mut sheet = Sheet::new(&columns);
    let mut highest = outcome.cash;
    for (ts, equity) in &outcome.equity {
        highest = highest.max(*equity);
        let below = match highest.to_f64() {
            peak if peak > 0.0 => Cell::Float((1.0 - equity.to_f64() / peak).max(0.0)),
            _ => Cell::None,
        };
        sheet.push([Cell::Time(*ts), money(*equity), below]);
    }
    sheet
}
