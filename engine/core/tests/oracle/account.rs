//! Cash, positions and equity, worked out anew from the list of all fills.

use crate::world::{UNIT, unit};
use tickloom_types::{InstrumentDef, Side};

/// 1e-9 of money.
pub(crate) const NANO: i128 = 1_000_000_000;

/// A fill of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) strategy: usize,
    pub(crate) instrument: usize,
    pub(crate) side: Side,
    pub(crate) price: i64,
    pub(crate) qty: i64,
    /// In units of 1e-9.
    pub(crate) fee: i64,
}

/// A position with its average cost; money at 18 decimals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    pub(crate) qty: i64,
    pub(crate) cost: i128,
    pub(crate) realised: i128,
}

/// Short positions against the money that there is for them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shorts {
    /// What all short positions are worth, without sign.
    pub(crate) value: i128,
    /// Cash less what the open short positions were sold for.
    pub(crate) money: i128,
}

/// The account of a run.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    defs: Vec<InstrumentDef>,
    deposit: i128,
    fee_rate: i64,
    pub(crate) fills: Vec<Fill>,
    /// What each instrument is valued at; none before it had a price.
    pub(crate) marks: Vec<Option<i64>>,
}

impl Account {
    pub(crate) fn new(defs: &[InstrumentDef], cash: i64, fee_rate: i64) -> Account {
        Account {
            defs: defs.to_vec(),
            deposit: i128::from(cash) * UNIT,
            fee_rate,
            fills: vec![],
            marks: vec![None; defs.len()],
        }
    }

    pub(crate) fn instruments(&self) -> usize {
        self.defs.len()
    }

    /// Price times size times multiplier, at 18 decimals.
    pub(crate) fn money(&self, instrument: usize, price: i64, qty: i64) -> i128 {
        let def = &self.defs[instrument];
        let decimals = u32::from(def.price_decimals + def.qty_decimals);
        i128::from(price)
            * i128::from(qty)
            * i128::from(def.multiplier)
            * 10_i128.pow(18 - decimals)
    }

    /// The fee on a trade in units of 1e-9, rounded half away from zero.
    pub(crate) fn fee(&self, instrument: usize, price: i64, qty: i64) -> i64 {
        // Money at 18 decimals times a rate at nine, down to nine decimals.
        let exact = self.money(instrument, price, qty).abs() * i128::from(self.fee_rate);
        let (whole, rest) = (exact / UNIT, exact % UNIT);
        i64::try_from(whole + i128::from(2 * rest >= UNIT)).unwrap()
    }

    /// The fee rate in units of 1e-9.
    pub(crate) fn rate(&self) -> i64 {
        self.fee_rate
    }

    /// Size mantissas in a unit.
    pub(crate) fn unit(&self, instrument: usize) -> i64 {
        unit(&self.defs[instrument])
    }

    pub(crate) fn tick(&self, instrument: usize) -> i64 {
        self.defs[instrument].tick_size
    }

    pub(crate) fn lot(&self, instrument: usize) -> i64 {
        self.defs[instrument].lot_size
    }

    /// The smallest size that is a multiple of the lot and a whole number of units.
    pub(crate) fn whole_lot(&self, instrument: usize) -> i64 {
        let (lot, unit) = (self.lot(instrument), self.unit(instrument));
        let mut step = lot;
        while step % unit != 0 {
            step += lot;
        }
        step
    }

    /// The largest multiple of a step whose price and fee are within this money.
    pub(crate) fn affordable(&self, instrument: usize, money: i128, price: i64, step: i64) -> i64 {
        if money <= 0 || price <= 0 {
            return 0;
        }
        let within = |qty: i64| {
            let fee = i128::from(self.fee(instrument, price, qty)) * NANO;
            self.money(instrument, price, qty) + fee <= money
        };
        // About money / (price * (1 + fee)), and from there to the one that is exactly right.
        let one = self.money(instrument, price, step);
        let steps = money / one * NANO / (NANO + i128::from(self.fee_rate));
        let mut qty = i64::try_from(steps).unwrap() * step;
        while within(qty + step) {
            qty += step;
        }
        while qty > 0 && !within(qty) {
            qty -= step;
        }
        qty
    }

    pub(crate) fn cash(&self) -> i128 {
        let spent: i128 = self.fills.iter().map(|fill| self.cost_of(fill)).sum();
        self.deposit - spent
    }

    /// What a fill takes out of cash.
    pub(crate) fn cost_of(&self, fill: &Fill) -> i128 {
        let sign = i128::from(fill.side.sign());
        sign * self.money(fill.instrument, fill.price, fill.qty) + i128::from(fill.fee) * NANO
    }

    /// All strategies' size in an instrument.
    pub(crate) fn net(&self, instrument: usize) -> i64 {
        let of = self.fills.iter().filter(|f| f.instrument == instrument);
        of.map(|fill| fill.side.sign() * fill.qty).sum()
    }

    /// Value of a size of an instrument at its mark.
    pub(crate) fn value(&self, instrument: usize, qty: i64) -> i128 {
        self.money(instrument, self.marks[instrument].unwrap_or(0), qty)
    }

    pub(crate) fn equity(&self) -> i128 {
        let values = (0..self.instruments()).map(|at| self.value(at, self.net(at)));
        self.cash() + values.sum::<i128>()
    }

    /// All short positions, each strategy's on its own, at the marks but for one instrument, which is valued at a price.
    pub(crate) fn shorts(&self, instrument: usize, price: i64) -> Shorts {
        let mut shorts = Shorts {
            value: 0,
            money: self.cash(),
        };
        let mut strategies: Vec<usize> = self.fills.iter().map(|fill| fill.strategy).collect();
        strategies.sort_unstable();
        strategies.dedup();
        for at in 0..self.instruments() {
            for strategy in &strategies {
                let position = self.position(*strategy, at);
                if position.qty >= 0 {
                    continue;
                }
                let value = if at == instrument {
                    self.money(at, price, position.qty)
                } else {
                    self.value(at, position.qty)
                };
                shorts.value += value.abs();
                shorts.money += position.cost;
            }
        }
        shorts
    }

    /// One strategy's position in an instrument. What closes takes its share of the cost, rounded toward zero.
    pub(crate) fn position(&self, strategy: usize, instrument: usize) -> Position {
        let mut position = Position::default();
        let own = |fill: &&Fill| fill.strategy == strategy && fill.instrument == instrument;
        for fill in self.fills.iter().filter(own) {
            let sign = fill.side.sign();
            let is_opposite = position.qty * sign < 0;
            let closes = if is_opposite {
                fill.qty.min(position.qty.abs())
            } else {
                0
            };
            if closes > 0 {
                let share = position.cost * i128::from(closes) / i128::from(position.qty.abs());
                let paid = i128::from(sign) * self.money(instrument, fill.price, closes);
                position.realised -= paid + share;
                position.cost -= share;
            }
            let opens = self.money(instrument, fill.price, fill.qty - closes);
            position.cost += i128::from(sign) * opens;
            position.qty += sign * fill.qty;
        }
        position
    }
}
