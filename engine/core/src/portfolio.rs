//! Cash and positions: exact, per strategy and instrument, valued at the last mark.
//!
//! Only positions that a strategy may have or has had take memory, and sums are kept as marks and positions change: neither a
//! price nor `equity` costs more where there are more instruments or strategies. One identity holds after every trade, to the last of 18 decimals:
//! `cash + cost of open positions + fees = deposits + realised`. A trade that does not fit is refused as a whole.

mod holding;
mod position;
mod state;

pub use position::Position;

use crate::sizing::{NANO, Scale};
use crate::trade_config::FeeRate;
use holding::{Holding, Value};
use tickloom_types::{InstrumentId, Instruments, Money, MoneyOverflow, Side};

/// A trade of ours as the books see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Bought or sold.
    pub side: Side,
    /// Price mantissa.
    pub price: i64,
    /// Size mantissa, above zero.
    pub qty: i64,
    /// Fee in units of 1e-9.
    pub fee: i64,
}

/// The account with all its positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portfolio {
    deposits: i128,
    cash: i128,
    /// Sums over all positions; their size counts nothing, as it mixes instruments.
    total: Position,
    /// What the open short positions cost: negative is what they were sold for.
    short_cost: i128,
    /// What all holdings are worth at their marks; `None` if it does not fit.
    value: Option<Value>,
    /// Instruments of which something is held.
    held: usize,
    holdings: Vec<Holding>,
}

/// Short positions against the money that there is for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shorts {
    /// What all short positions are worth, without sign.
    pub(crate) value: i128,
    /// Cash less what the open short positions were sold for.
    pub(crate) money: i128,
}

impl Portfolio {
    /// Cash and no positions.
    pub(crate) fn new(cash: Money, instruments: &Instruments) -> Portfolio {
        Portfolio {
            deposits: cash.0,
            cash: cash.0,
            total: Position::default(),
            short_cost: 0,
            value: Some(Value::default()),
            held: 0,
            holdings: instruments.defs().iter().map(Holding::new).collect(),
        }
    }

    /// Makes room for what a strategy may come to hold, so that its first trade takes no memory.
    pub(crate) fn expect(&mut self, strategy: u8, instrument: InstrumentId) {
        self.holdings[index(instrument)].position_mut(strategy);
    }

    /// Cash.
    #[must_use]
    #[inline]
    pub fn cash(&self) -> Money {
        Money(self.cash)
    }

    /// What was deposited.
    #[must_use]
    pub fn deposits(&self) -> Money {
        Money(self.deposits)
    }

    /// What a strategy holds of an instrument.
    ///
    /// # Panics
    /// If the run has no such instrument.
    #[must_use]
    #[inline]
    pub fn position(&self, strategy: u8, instrument: InstrumentId) -> &Position {
        self.holding(instrument).position(strategy)
    }

    /// Size mantissa of all strategies together; negative is short.
    ///
    /// # Panics
    /// If the run has no such instrument.
    #[must_use]
    #[inline]
    pub fn net_qty(&self, instrument: InstrumentId) -> i64 {
        self.holding(instrument).net
    }

    /// How many instruments something is held of, all strategies together.
    #[must_use]
    pub fn held_instruments(&self) -> usize {
        self.held
    }

    /// Cash and all positions at their marks. `None` if it does not fit.
    #[must_use]
    #[inline]
    pub fn equity(&self) -> Option<Money> {
        self.cash.checked_add(self.value?.net).map(Money)
    }

    /// Fees paid by all strategies.
    #[must_use]
    pub fn fees(&self) -> Money {
        self.total.fees()
    }

    /// Profit realised by all strategies, before fees.
    #[must_use]
    pub fn realised(&self) -> Money {
        self.total.realised()
    }

    /// Cost of all open positions.
    #[must_use]
    pub fn cost(&self) -> Money {
        self.total.cost()
    }

    #[inline]
    pub(crate) fn scale(&self, instrument: InstrumentId) -> &Scale {
        &self.holding(instrument).scale
    }

    /// The price that the instrument is valued at; 0 before it has one.
    pub(crate) fn mark_of(&self, instrument: InstrumentId) -> i64 {
        self.holding(instrument).mark
    }

    /// Values the instrument at this price from now on.
    #[inline]
    pub(crate) fn mark(&mut self, instrument: InstrumentId, price: i64) {
        let holding = &mut self.holdings[index(instrument)];
        if holding.is_worthless() || holding.mark == price {
            holding.mark = price;
        } else {
            self.revalue_at(instrument, price);
        }
    }

    fn revalue_at(&mut self, instrument: InstrumentId, price: i64) {
        let holding = &mut self.holdings[index(instrument)];
        let changed = holding.change_to(price);
        holding.mark = price;
        if let (Some(value), Some(changed)) = (&mut self.value, changed)
            && let Some(sum) = value.plus(changed)
        {
            *value = sum;
        } else {
            self.sum_up();
        }
    }

    /// Books a trade.
    ///
    /// # Errors
    /// [`MoneyOverflow`] if any number would not fit; nothing is changed then.
    pub(crate) fn apply(
        &mut self,
        strategy: u8,
        instrument: InstrumentId,
        trade: &Trade,
    ) -> Result<(), MoneyOverflow> {
        let holding = self.holding(instrument);
        let before = *holding.position(strategy);
        let after = before.after(trade, &holding.scale);
        let after = after.ok_or(MoneyOverflow)?;
        let total = self.total.exchange(&before, &after).ok_or(MoneyOverflow)?;
        let short_cost = exchanged(self.short_cost, before.short_cost(), after.short_cost());
        let cash = self.cash_after(instrument, trade);
        let net = i128::from(holding.net) + i128::from(after.qty()) - i128::from(before.qty());
        let (Some(short_cost), Some(cash), Ok(net)) = (short_cost, cash, i64::try_from(net)) else {
            return Err(MoneyOverflow);
        };
        self.total = total;
        self.short_cost = short_cost;
        self.cash = cash.0;
        let holding = &mut self.holdings[index(instrument)];
        let value_before = holding.value();
        self.held += usize::from(net != 0);
        self.held -= usize::from(holding.net != 0);
        holding.net = net;
        holding.short += after.short_qty() - before.short_qty();
        *holding.position_mut(strategy) = after;
        let value_after = holding.value();
        self.revalue(value_before, value_after);
        Ok(())
    }

    /// What cash would be after this trade.
    #[inline]
    pub(crate) fn cash_after(&self, instrument: InstrumentId, trade: &Trade) -> Option<Money> {
        let notional = self.scale(instrument).notional(trade.price, trade.qty)?;
        self.cash
            .checked_sub(notional.checked_mul(i128::from(trade.side.sign()))?)?
            .checked_sub(i128::from(trade.fee) * NANO)
            .map(Money)
    }

    /// Short positions as they are, with those of one instrument valued at a price. `None` if it does not fit.
    pub(crate) fn shorts_at(&self, instrument: InstrumentId, price: i64) -> Option<Shorts> {
        let holding = self.holding(instrument);
        Some(Shorts {
            value: exchanged(
                self.value?.short,
                holding.short_value(holding.mark)?,
                holding.short_value(price)?,
            )?,
            money: self.cash.checked_add(self.short_cost)?,
        })
    }

    /// Short positions after a sale that leaves a strategy short, with those of its instrument valued at its price.
    /// `None` if it does not fit.
    pub(crate) fn shorts_after(
        &self,
        strategy: u8,
        instrument: InstrumentId,
        trade: &Trade,
    ) -> Option<Shorts> {
        let holding = self.holding(instrument);
        let before = holding.position(strategy);
        let after = before.after(trade, &holding.scale)?;
        let added = after.short_qty() - before.short_qty();
        let added = i128::from(trade.price)
            .abs()
            .checked_mul(added)?
            .checked_mul(holding.scale.unit)?;
        let short_cost = exchanged(self.short_cost, before.short_cost(), after.short_cost())?;
        Some(Shorts {
            value: self
                .shorts_at(instrument, trade.price)?
                .value
                .checked_add(added)?,
            money: self
                .cash_after(instrument, trade)?
                .0
                .checked_add(short_cost)?,
        })
    }

    /// The fee on a trade at this rate, in units of 1e-9.
    #[inline]
    pub(crate) fn fee(
        &self,
        instrument: InstrumentId,
        price: i64,
        qty: i64,
        rate: FeeRate,
    ) -> Option<i64> {
        crate::sizing::fee(price, qty, self.scale(instrument), rate)
    }

    #[inline]
    fn holding(&self, instrument: InstrumentId) -> &Holding {
        &self.holdings[index(instrument)]
    }

    /// One holding's value became another: the sum with it, or from the start if it did not fit before.
    fn revalue(&mut self, before: Option<Value>, after: Option<Value>) {
        match (self.value, before, after) {
            (Some(sum), Some(before), Some(after)) => self.value = sum.exchange(before, after),
            _ => self.value = None,
        }
        if self.value.is_none() {
            self.sum_up();
        }
    }

    /// The value of all holdings from the start, where it did not fit before.
    #[cold]
    fn sum_up(&mut self) {
        let mut all = self.holdings.iter();
        self.value = all.try_fold(Value::default(), |sum, holding| sum.plus(holding.value()?));
    }
}

/// A sum in which one part became another; `None` if it does not fit.
fn exchanged(sum: i128, before: i128, after: i128) -> Option<i128> {
    sum.checked_sub(before)?.checked_add(after)
}

#[inline]
fn index(instrument: InstrumentId) -> usize {
    usize::try_from(instrument.0).expect("an instrument's index fits in memory's addresses")
}

#[cfg(test)]
mod tests;
