//! From fills to round trips: a trade opens when a position leaves zero and ends when it is back at zero.
//!
//! Money is exact, so the profits of all trades, finished and open, add up to what the account gained. It is deliberately
//! not accounting: what the account holds is the core's word.

use serde::Serialize;
use std::collections::BTreeMap;
use tickloom_types::{
    FillBody, InstrumentDef, InstrumentId, Instruments, Money, MoneyOverflow, Record, Side, Ts,
};

/// A fill of one of our orders.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fill {
    /// When.
    pub ts: Ts,
    /// Of what.
    pub instrument: InstrumentId,
    /// Index of the strategy in its run.
    pub strategy: u8,
    /// Buy or sell.
    pub side: Side,
    /// Price mantissa.
    pub price: i64,
    /// Size mantissa, above zero.
    pub qty: i64,
    /// Fee, exact.
    pub fee: Money,
}

/// Money in a fee's unit, which has nine decimals.
const FEE_UNIT: i128 = 1_000_000_000;

impl Fill {
    /// From a record of kind `Fill`; `None` if its side is no side.
    #[must_use]
    pub fn of(record: &Record) -> Option<Fill> {
        let body = FillBody::of(record);
        Some(Fill {
            ts: record.ts_event(),
            instrument: record.instrument(),
            strategy: body.strategy,
            side: Side::from_raw(body.side)?,
            price: body.price,
            qty: body.qty,
            fee: Money(i128::from(body.fee) * FEE_UNIT),
        })
    }
}

/// One round trip, or the part of one that is still open at the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trade {
    /// Of what.
    pub instrument: InstrumentId,
    /// Index of the strategy in its run.
    pub strategy: u8,
    /// `Buy` for a long position, `Sell` for a short one.
    pub side: Side,
    /// First fill.
    pub opened: Ts,
    /// Last fill; `None` while the position is open.
    pub closed: Option<Ts>,
    /// Size mantissa bought into the position in all.
    pub qty: i64,
    /// Mean price of the fills that opened it, for display.
    pub entry: f64,
    /// Mean price of the fills that closed it, or the mark of an open one; for display.
    pub exit: f64,
    /// Fees of its fills.
    pub fees: Money,
    /// What it gained after fees; an open one counts as if closed at the mark, without a fee.
    pub profit: Money,
}

/// Position in the making.
struct Open {
    opened: Ts,
    side: Side,
    /// Mantissas: bought into the position, and taken out of it again.
    entered: i64,
    left: i64,
    /// Money of both, above zero.
    paid: Money,
    received: Money,
    fees: Money,
}

/// The round trips of a run's fills, which are in the order in which they happened. `marks` are last prices, for what is open at the end.
///
/// # Errors
/// [`MoneyOverflow`] if a sum does not fit.
pub fn trades(
    fills: &[Fill],
    instruments: &Instruments,
    marks: &BTreeMap<InstrumentId, i64>,
) -> Result<Vec<Trade>, MoneyOverflow> {
    let mut open: BTreeMap<(InstrumentId, u8), Open> = BTreeMap::new();
    // Most trades are an entry and an exit.
    let mut done = Vec::with_capacity(fills.len() / 2);
    for fill in fills {
        let Some(def) = instruments.get(fill.instrument) else {
            continue;
        };
        let key = (fill.instrument, fill.strategy);
        let mut rest = *fill;
        if let Some(position) = open.get_mut(&key).filter(|p| p.side != fill.side) {
            let (closing, after) = split(fill, position.entered - position.left);
            position.leave(&closing, def)?;
            rest = after;
            if position.left == position.entered {
                let position = open.remove(&key).expect("it was found above");
                done.push(position.finish(key, def, Some(fill.ts))?);
            }
        }
        if rest.qty > 0 {
            open.entry(key)
                .or_insert_with(|| Open::new(&rest))
                .enter(&rest, def)?;
        }
    }
    for (key, mut position) in open {
        let Some(def) = instruments.get(key.0) else {
            continue;
        };
        let mark = Fill {
            ts: position.opened,
            instrument: key.0,
            strategy: key.1,
            side: position.side.opposite(),
            price: marks.get(&key.0).copied().unwrap_or_default(),
            qty: position.entered - position.left,
            fee: Money::ZERO,
        };
        position.leave(&mark, def)?;
        done.push(position.finish(key, def, None)?);
    }
    Ok(done)
}

/// A fill through zero is two: what closes the position, and what opens the next. The fee is shared by size, to the last unit.
fn split(fill: &Fill, held: i64) -> (Fill, Fill) {
    let closing = fill.qty.min(held);
    let share = fill.fee.0 * i128::from(closing) / i128::from(fill.qty);
    let part = |qty, fee| Fill { qty, fee, ..*fill };
    (
        part(closing, Money(share)),
        part(fill.qty - closing, Money(fill.fee.0 - share)),
    )
}

impl Open {
    fn new(fill: &Fill) -> Open {
        Open {
            opened: fill.ts,
            side: fill.side,
            entered: 0,
            left: 0,
            paid: Money::ZERO,
            received: Money::ZERO,
            fees: Money::ZERO,
        }
    }

    fn enter(&mut self, fill: &Fill, def: &InstrumentDef) -> Result<(), MoneyOverflow> {
        self.entered = self.entered.checked_add(fill.qty).ok_or(MoneyOverflow)?;
        self.paid = self.paid.checked_add(notional(fill, def)?)?;
        self.fees = self.fees.checked_add(fill.fee)?;
        Ok(())
    }

    fn leave(&mut self, fill: &Fill, def: &InstrumentDef) -> Result<(), MoneyOverflow> {
        self.left = self.left.checked_add(fill.qty).ok_or(MoneyOverflow)?;
        self.received = self.received.checked_add(notional(fill, def)?)?;
        self.fees = self.fees.checked_add(fill.fee)?;
        Ok(())
    }

    fn finish(
        self,
        (instrument, strategy): (InstrumentId, u8),
        def: &InstrumentDef,
        closed: Option<Ts>,
    ) -> Result<Trade, MoneyOverflow> {
        let gain = match self.side {
            Side::Buy => self.received.checked_sub(self.paid)?,
            Side::Sell => self.paid.checked_sub(self.received)?,
        };
        let units = self.entered as f64 / 10_f64.powi(i32::from(def.qty_decimals));
        let each = |money: Money| money.to_f64() / units / def.multiplier_f64();
        Ok(Trade {
            instrument,
            strategy,
            side: self.side,
            opened: self.opened,
            closed,
            qty: self.entered,
            entry: each(self.paid),
            exit: each(self.received),
            fees: self.fees,
            profit: gain.checked_sub(self.fees)?,
        })
    }
}

fn notional(fill: &Fill, def: &InstrumentDef) -> Result<Money, MoneyOverflow> {
    (i128::from(fill.price) * i128::from(fill.qty))
        .checked_mul(def.money_unit())
        .map(Money)
        .ok_or(MoneyOverflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::parse_money;

    const ID: InstrumentId = InstrumentId(0);

    fn run(fills: &[(i64, Side, i64, i64, &str)], mark: i64) -> Vec<Trade> {
        let mut instruments = Instruments::new();
        instruments
            .add(InstrumentDef::new("X", 2, 0, "USD"))
            .unwrap();
        let fills: Vec<Fill> = fills
            .iter()
            .map(|&(ts, side, qty, price, fee)| Fill {
                ts: Ts(ts),
                instrument: ID,
                strategy: 0,
                side,
                price,
                qty,
                fee: parse_money(fee).unwrap(),
            })
            .collect();
        trades(&fills, &instruments, &BTreeMap::from([(ID, mark)])).unwrap()
    }

    fn money(text: &str) -> Money {
        parse_money(text).unwrap()
    }

    #[test]
    fn a_long_round_trip() {
        use Side::{Buy, Sell};
        // In at 10.00 and 11.00, ten each; out at 12.00: 240 - 210 = 30, less 0.6 in fees.
        let all = run(
            &[
                (1, Buy, 10, 1_000, "0.1"),
                (2, Buy, 10, 1_100, "0.2"),
                (3, Sell, 20, 1_200, "0.3"),
            ],
            0,
        );
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].profit, money("29.4"));
        assert_eq!((all[0].opened, all[0].closed), (Ts(1), Some(Ts(3))));
        assert_eq!((all[0].entry, all[0].exit), (10.5, 12.0));
    }

    #[test]
    fn a_fill_through_zero_is_two_trades() {
        use Side::{Buy, Sell};
        // Long 10 at 10.00; sell 30 at 9.00 closes at a loss of 10 and opens 20 short, which are marked at 8.00: 20.
        // A third of the fee of 0.3 belongs to the first.
        let all = run(&[(1, Buy, 10, 1_000, "0"), (2, Sell, 30, 900, "0.3")], 800);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].profit, money("-10.1"));
        assert_eq!((all[1].side, all[1].closed, all[1].qty), (Sell, None, 20));
        assert_eq!(all[1].profit, money("19.8"));
        assert_eq!(all[1].fees, money("0.2"));
    }

    #[test]
    fn an_open_position_partly_closed() {
        use Side::{Buy, Sell};
        // Short 10 at 10.00, 4 bought back at 8.00, the rest marked at 11.00: 100 - 32 - 66 = 2.
        let all = run(&[(1, Sell, 10, 1_000, "0"), (2, Buy, 4, 800, "0")], 1_100);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].profit, money("2"));
        assert_eq!(all[0].closed, None);
    }

    proptest::proptest! {
        /// Whatever is bought and sold: trades add up to the cash that came in, less fees, plus what is left at its mark.
        #[test]
        fn nothing_is_lost(orders in proptest::collection::vec((proptest::bool::ANY, 1_i64..50, 1_i64..5_000, 0_i64..999), 0..60), mark in 1_i64..5_000) {
            let mut instruments = Instruments::new();
            instruments.add(InstrumentDef::new("X", 2, 0, "USD")).unwrap();
            let mut fills = Vec::new();
            let (mut cash, mut held) = (0_i128, 0_i64);
            for (at, (buys, qty, price, fee)) in (0..).zip(orders) {
                let side = if buys { Side::Buy } else { Side::Sell };
                let fee = Money(i128::from(fee) * FEE_UNIT);
                cash -= i128::from(side.sign() * qty * price) * 10_i128.pow(16) + fee.0;
                held += side.sign() * qty;
                fills.push(Fill { ts: Ts(at), instrument: ID, strategy: 0, side, price, qty, fee });
            }
            let all = trades(&fills, &instruments, &BTreeMap::from([(ID, mark)])).unwrap();
            let gained: i128 = all.iter().map(|trade| trade.profit.0).sum();
            proptest::prop_assert_eq!(gained, cash + i128::from(held * mark) * 10_i128.pow(16));
            proptest::prop_assert_eq!(all.iter().filter(|t| t.closed.is_none()).count(), usize::from(held != 0));
        }
    }
}
