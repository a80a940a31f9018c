//! Cash and positions: exact, per strategy and instrument, valued at the last mark.
//!
//! One identity holds after every trade, to the last of 18 decimals:
//! `cash + cost of open positions + fees = deposits + realised`. A trade that does not fit is refused as a whole.

use crate::sizing::{NANO, Scale};
use crate::trade_config::FeeRate;
use tickloom_types::{InstrumentId, Instruments, Money, MoneyOverflow, Side};

/// What one strategy holds of one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    qty: i64,
    cost: i128,
    realised: i128,
    fees: i128,
}

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
    scales: Vec<Scale>,
    holdings: Vec<Holding>,
    /// By strategy, then instrument.
    positions: Vec<Position>,
}

/// All strategies' positions in one instrument together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Holding {
    qty: i64,
    mark: i64,
}

impl Position {
    /// Size mantissa; negative is short.
    #[must_use]
    #[inline]
    pub fn qty(&self) -> i64 {
        self.qty
    }

    /// What the open position cost; negative is what a short position was sold for.
    #[must_use]
    pub fn cost(&self) -> Money {
        Money(self.cost)
    }

    /// Realised profit so far, before fees.
    #[must_use]
    pub fn realised(&self) -> Money {
        Money(self.realised)
    }

    /// Fees paid so far.
    #[must_use]
    pub fn fees(&self) -> Money {
        Money(self.fees)
    }

    /// The position after a trade; it closes what is open on the other side before it opens anything.
    fn after(&self, trade: &Trade, scale: &Scale) -> Option<Position> {
        let signed = trade.side.sign().checked_mul(trade.qty)?;
        let reduces = self.qty != 0 && (self.qty > 0) != (signed > 0);
        let closed = if reduces {
            trade.qty.min(self.qty.checked_abs()?)
        } else {
            0
        };
        let sign = i128::from(trade.side.sign());
        let paid_to_close = sign * scale.notional(trade.price, closed)?;
        let paid_to_open = sign * scale.notional(trade.price, trade.qty - closed)?;
        let closed_cost = share_of(self.cost, closed, self.qty)?;
        let profit = paid_to_close.checked_add(closed_cost)?.checked_neg()?;
        Some(Position {
            qty: self.qty.checked_add(signed)?,
            cost: self
                .cost
                .checked_sub(closed_cost)?
                .checked_add(paid_to_open)?,
            realised: self.realised.checked_add(profit)?,
            fees: self.fees.checked_add(i128::from(trade.fee) * NANO)?,
        })
    }

    /// A sum of positions in which one became another.
    fn exchange(&self, before: &Position, after: &Position) -> Option<Position> {
        let exchange = |sum: i128, before: i128, after: i128| {
            sum.checked_sub(before)
                .and_then(|rest| rest.checked_add(after))
        };
        Some(Position {
            qty: 0,
            cost: exchange(self.cost, before.cost, after.cost)?,
            realised: exchange(self.realised, before.realised, after.realised)?,
            fees: exchange(self.fees, before.fees, after.fees)?,
        })
    }
}

/// `cost * part / |whole|`, rounded toward zero; the rest stays with what is still open. `part` is at most `|whole|`.
fn share_of(cost: i128, part: i64, whole: i64) -> Option<i128> {
    if part == 0 {
        return Some(0);
    }
    if part.unsigned_abs() == whole.unsigned_abs() {
        return Some(cost);
    }
    let (part, whole) = (i128::from(part), i128::from(whole).abs());
    (cost / whole)
        .checked_mul(part)?
        .checked_add(cost % whole * part / whole)
}

impl Portfolio {
    /// Cash and no positions.
    pub(crate) fn new(cash: Money, strategies: usize, instruments: &Instruments) -> Portfolio {
        let scales: Vec<Scale> = instruments.defs().iter().map(Scale::new).collect();
        Portfolio {
            deposits: cash.0,
            cash: cash.0,
            total: Position::default(),
            holdings: vec![Holding::default(); scales.len()],
            positions: vec![Position::default(); strategies * scales.len()],
            scales,
        }
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
    /// If the run has no such strategy or instrument.
    #[must_use]
    #[inline]
    pub fn position(&self, strategy: u8, instrument: InstrumentId) -> &Position {
        &self.positions[self.place(strategy, instrument)]
    }

    /// Size mantissa of all strategies together; negative is short.
    #[must_use]
    #[inline]
    pub fn net_qty(&self, instrument: InstrumentId) -> i64 {
        self.holdings[index(instrument)].qty
    }

    /// Cash and all positions at their marks. `None` if it does not fit.
    #[must_use]
    #[inline]
    pub fn equity(&self) -> Option<Money> {
        let mut equity = self.cash;
        for (holding, scale) in self.holdings.iter().zip(&self.scales) {
            if holding.qty != 0 {
                equity = equity.checked_add(scale.notional(holding.mark, holding.qty)?)?;
            }
        }
        Some(Money(equity))
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

    /// The instruments of the run, in order.
    pub(crate) fn instruments(&self) -> impl Iterator<Item = InstrumentId> + '_ {
        (0_u32..).take(self.scales.len()).map(InstrumentId)
    }

    #[inline]
    pub(crate) fn scale(&self, instrument: InstrumentId) -> &Scale {
        &self.scales[index(instrument)]
    }

    /// The price that the instrument is valued at; 0 before it has one.
    pub(crate) fn mark_of(&self, instrument: InstrumentId) -> i64 {
        self.holdings[index(instrument)].mark
    }

    /// Values the instrument at this price from now on.
    #[inline]
    pub(crate) fn mark(&mut self, instrument: InstrumentId, price: i64) {
        self.holdings[index(instrument)].mark = price;
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
        let (at, place) = (index(instrument), self.place(strategy, instrument));
        let scale = &self.scales[at];
        let before = &self.positions[place];
        let after = before.after(trade, scale);
        let total = after
            .as_ref()
            .and_then(|after| self.total.exchange(before, after));
        let cash = self.cash_after(instrument, trade);
        let net = trade
            .side
            .sign()
            .checked_mul(trade.qty)
            .and_then(|signed| self.holdings[at].qty.checked_add(signed));
        let (Some(after), Some(total), Some(cash), Some(net)) = (after, total, cash, net) else {
            return Err(MoneyOverflow);
        };
        self.positions[place] = after;
        self.total = total;
        self.cash = cash.0;
        self.holdings[at].qty = net;
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
    fn place(&self, strategy: u8, instrument: InstrumentId) -> usize {
        assert!(index(instrument) < self.scales.len(), "no such instrument");
        usize::from(strategy) * self.scales.len() + index(instrument)
    }
}

#[inline]
fn index(instrument: InstrumentId) -> usize {
    usize::try_from(instrument.0).expect("an instrument's index fits in memory's addresses")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tickloom_types::{InstrumentDef, parse_money};

    const X: InstrumentId = InstrumentId(0);

    fn portfolio(def: InstrumentDef, strategies: usize) -> Portfolio {
        let mut instruments = Instruments::new();
        instruments.add(def).unwrap();
        Portfolio::new(parse_money("1000").unwrap(), strategies, &instruments)
    }

    fn trade(side: Side, price: i64, qty: i64, fee: i64) -> Trade {
        Trade {
            side,
            price,
            qty,
            fee,
        }
    }

    fn check(portfolio: &Portfolio, cash: &str, cost: &str, realised: &str, equity: &str) {
        let found = [
            portfolio.cash(),
            portfolio.cost(),
            portfolio.realised(),
            portfolio.equity().unwrap(),
        ];
        assert_eq!(
            found.map(|m| m.to_string()),
            [cash, cost, realised, equity].map(str::to_owned)
        );
    }

    #[test]
    fn average_cost_through_a_flip() {
        let mut p = portfolio(InstrumentDef::new("X", 2, 0, "USD"), 1);
        p.apply(0, X, &trade(Side::Buy, 1_000, 3, 0)).unwrap();
        p.apply(0, X, &trade(Side::Buy, 1_100, 1, 500_000_000))
            .unwrap();
        p.mark(X, 1_200);
        check(&p, "958.5", "41", "0", "1006.5");
        // 41 / 4 = 10.25 a unit; sells 6 at 12: 4 close for 48 - 41 = 7, 2 open short for -24.
        p.apply(0, X, &trade(Side::Sell, 1_200, 6, 0)).unwrap();
        check(&p, "1030.5", "-24", "7", "1006.5");
        assert_eq!(p.position(0, X).qty(), -2);
        p.apply(0, X, &trade(Side::Buy, 1_300, 2, 0)).unwrap();
        check(&p, "1004.5", "0", "5", "1004.5");
        assert_eq!(p.fees().to_string(), "0.5");
    }

    #[test]
    fn what_does_not_divide_stays_with_the_open_part() {
        let mut p = portfolio(InstrumentDef::new("X", 9, 9, "USD"), 1);
        p.apply(0, X, &trade(Side::Buy, 10, 1, 0)).unwrap();
        p.apply(0, X, &trade(Side::Buy, 5, 2, 0)).unwrap();
        p.apply(0, X, &trade(Side::Sell, 10, 1, 0)).unwrap();
        assert_eq!((p.cost().0, p.realised().0), (14, 4));
        p.apply(0, X, &trade(Side::Sell, 10, 2, 0)).unwrap();
        assert_eq!((p.cost().0, p.realised().0), (0, 10));
    }

    #[test]
    fn the_multiplier_scales_money() {
        let mut def = InstrumentDef::new("FUT", 2, 0, "USD");
        def.multiplier = 50;
        let mut p = portfolio(def, 1);
        p.apply(0, X, &trade(Side::Sell, 100, 2, 0)).unwrap();
        p.mark(X, 90);
        check(&p, "1100", "-100", "0", "1010");
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut p = portfolio(InstrumentDef::new("X", 0, 0, "USD"), 1);
        let before = p.clone();
        assert!(
            p.apply(0, X, &trade(Side::Buy, i64::MAX, i64::MAX, 0))
                .is_err()
        );
        assert_eq!(p, before);
        p.apply(0, X, &trade(Side::Buy, 0, i64::MAX, 0)).unwrap();
        let before = p.clone();
        assert!(p.apply(0, X, &trade(Side::Buy, 0, 1, 0)).is_err());
        assert_eq!(p, before);
        p.mark(X, i64::MAX);
        assert_eq!(p.equity(), None);
    }

    fn any_trade() -> impl Strategy<Value = (u8, Trade)> {
        let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
        let price = prop_oneof![-50_i64..1_000_000, any::<i64>()];
        let qty = prop_oneof![1_i64..20, 1_i64..i64::MAX];
        (0_u8..2, side, price, qty, 0_i64..1_000_000_000)
            .prop_map(|(strategy, side, price, qty, fee)| (strategy, trade(side, price, qty, fee)))
    }

    proptest! {
        #[test]
        fn cash_identity_holds_after_every_trade(trades in prop::collection::vec(any_trade(), 1..60)) {
            let mut p = portfolio(InstrumentDef::new("X", 2, 3, "USD"), 2);
            for (strategy, trade) in trades {
                if p.apply(strategy, X, &trade).is_err() {
                    continue;
                }
                // Sums may wrap here on purpose: the identity then still holds, and the numbers themselves never do.
                prop_assert_eq!(
                    p.cash().0.wrapping_add(p.cost().0).wrapping_add(p.fees().0),
                    p.deposits().0.wrapping_add(p.realised().0)
                );
                let net = p.position(0, X).qty() + p.position(1, X).qty();
                prop_assert_eq!(net, p.net_qty(X));
                for strategy in 0..2 {
                    let position = p.position(strategy, X);
                    prop_assert!(position.qty() != 0 || position.cost().0 == 0, "a flat position costs nothing");
                }
            }
        }
    }
}
