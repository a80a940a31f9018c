//! The daily loss stop: latches once a UTC day has lost too much, and stays so until a person resets it.

use super::settings::positive;
use crate::error::CoreError;
use crate::order::Verdict;
use crate::portfolio::Portfolio;
use tickloom_types::{Money, NANOS_PER_SECOND, RiskRule, Ts};

const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;

/// Loss since the start of the day, and the latch.
#[derive(Clone, Debug)]
pub(crate) struct DailyLoss {
    most: i128,
    pub(super) day: Option<i64>,
    /// Equity when the day began, or when the latch was reset.
    pub(super) start: i128,
    pub(super) latched: bool,
}

impl DailyLoss {
    pub(super) fn new(most: Option<Money>) -> Result<Option<DailyLoss>, CoreError> {
        let most = positive("daily_loss", most)?;
        Ok(most.map(|most| DailyLoss {
            most,
            day: None,
            start: 0,
            latched: false,
        }))
    }

    /// Begins a new day if `now` is in one; to be called before the record's prices count. Time never goes back.
    pub(crate) fn turn_day(&mut self, now: Ts, portfolio: &Portfolio) {
        let day = now.0.div_euclid(DAY_NS);
        if self.day.is_some_and(|known| day <= known) {
            return;
        }
        self.day = Some(day);
        if let Some(equity) = portfolio.equity() {
            self.start = equity.0;
        }
    }

    /// Latches if too much is lost; true if it did so now.
    pub(crate) fn latch(&mut self, portfolio: &Portfolio) -> bool {
        let reached = !self.latched && self.loss(portfolio) >= self.most;
        self.latched |= reached;
        reached
    }

    /// Opens the latch and counts from here; true if it was latched.
    pub(crate) fn reset(&mut self, portfolio: &Portfolio) -> bool {
        if let Some(equity) = portfolio.equity() {
            self.start = equity.0;
        }
        std::mem::take(&mut self.latched)
    }

    /// What an order that adds risk is told while latched.
    pub(super) fn refusal(&self, portfolio: &Portfolio) -> Option<Verdict> {
        self.latched
            .then(|| super::refused_money(RiskRule::DailyLoss, self.loss(portfolio), self.most))
    }

    /// Loss so far. An equity that does not fit in a number counts as lost: it cannot be trusted.
    fn loss(&self, portfolio: &Portfolio) -> i128 {
        portfolio
            .equity()
            .map_or(i128::MAX, |equity| self.start.saturating_sub(equity.0))
    }
}
