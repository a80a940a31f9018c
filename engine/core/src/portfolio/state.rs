//! What is remembered of the account: marks, positions, cash. Sums are worked out anew.

use super::position::NO_POSITION;
use super::{Portfolio, Position};
use tickloom_types::{InstrumentId, StateError, StateReader, StateWriter};

impl Portfolio {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.i128(self.cash);
        for holding in &self.holdings {
            to.i64(holding.mark);
            let held = holding.positions.iter();
            let known = held.filter(|(_, position)| *position != NO_POSITION);
            to.count(known.clone().count());
            for (strategy, position) in known {
                to.u8(*strategy);
                position.save(to);
            }
        }
    }

    /// Onto a portfolio in which nothing happened yet.
    pub(crate) fn load(
        &mut self,
        from: &mut StateReader<'_>,
        strategies: usize,
    ) -> Result<(), StateError> {
        from.begin("the account");
        self.cash = from.i128()?;
        let mut total = Position::default();
        let mut short_cost = 0_i128;
        for holding in &mut self.holdings {
            holding.mark = from.i64()?;
            let mut before = None;
            for _ in 0..from.count(strategies)? {
                let strategy = from.u8()?;
                let is_next = before < Some(strategy) && usize::from(strategy) < strategies;
                from.check(is_next, "a strategy after the one before it")?;
                before = Some(strategy);
                let position = Position::load(from)?;
                let sums = (
                    total.exchange(&NO_POSITION, &position),
                    short_cost.checked_add(position.short_cost()),
                    holding.net.checked_add(position.qty),
                );
                let (Some(sum), Some(cost), Some(net)) = sums else {
                    return Err(from.wrong("a position that fits"));
                };
                (total, short_cost, holding.net) = (sum, cost, net);
                holding.short += position.short_qty();
                *holding.position_mut(strategy) = position;
            }
            self.held += usize::from(holding.net != 0);
        }
        (self.total, self.short_cost) = (total, short_cost);
        from.check(self.adds_up() == Some(true), "an account that adds up")?;
        self.sum_up();
        Ok(())
    }

    /// Whether cash, the cost of open positions and fees are deposits and what was realised. `None` if it does not fit.
    fn adds_up(&self) -> Option<bool> {
        let spent = self.cash.checked_add(self.total.cost)?;
        let had = self.deposits.checked_add(self.total.realised)?;
        Some(spent.checked_add(self.total.fees)? == had)
    }

    /// What strategies hold or held, by instrument, then strategy.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (InstrumentId, u8, &Position)> {
        let holdings = (0_u32..).map(InstrumentId).zip(&self.holdings);
        holdings.flat_map(|(instrument, holding)| {
            let known = holding.positions.iter();
            known
                .filter(|(_, position)| *position != NO_POSITION)
                .map(move |(strategy, position)| (instrument, *strategy, position))
        })
    }
}

impl Position {
    fn save(&self, to: &mut StateWriter) {
        to.i64(self.qty);
        to.i128(self.cost);
        to.i128(self.realised);
        to.i128(self.fees);
    }

    fn load(from: &mut StateReader<'_>) -> Result<Position, StateError> {
        let position = Position {
            qty: from.i64()?,
            cost: from.i128()?,
            realised: from.i128()?,
            fees: from.i128()?,
        };
        let costs_nothing = position.cost == 0;
        from.check(position.qty != 0 || costs_nothing, "the cost of a position")?;
        Ok(position)
    }
}
