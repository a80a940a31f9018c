//! The core: one record in, output records out.
//!
//! [`Core::step`] is the whole path on one thread. Workers (`workers.rs`) run the same pieces apart: each has a market
//! and a share of the signals, and the [`Decider`] puts together what they found.

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::expressions::{Expressions, market_for};
use crate::limits::CHANGES_EXPECTED;
use crate::market::{Market, Round};
use crate::outputs::Outputs;
use crate::portfolio::Portfolio;
use crate::risk::Refused;
use crate::signal_stage::{Change, RuleId, RuleValues, SignalStage};
use crate::trade::TradeStage;
use tickloom_types::{Flags, Kind, Record, Seq, SignalBody};

/// The state of a run: market, signals, strategies, orders, positions.
#[derive(Debug)]
pub struct Core {
    market: Market,
    stage: SignalStage,
    changes: Vec<Change>,
    decider: Decider,
}

/// What follows from changed expressions: signals, and the strategies' orders.
#[derive(Debug)]
pub(crate) struct Decider {
    pub(crate) trade: TradeStage,
    rules: RuleValues,
    /// How many expressions are signals; the others are rules.
    signals: usize,
}

/// What must be known of a configuration before any part can be made.
pub(crate) struct Plan<'a> {
    pub(crate) config: &'a CoreConfig,
    pub(crate) expressions: Expressions,
    /// Makes the bars that all expressions together need; every part starts with a copy.
    pub(crate) market: Market,
}

impl Core {
    /// A core that has seen nothing yet.
    ///
    /// # Errors
    /// [`CoreError`] with the setting that is wrong; an expression's error points at its column.
    pub fn new(config: &CoreConfig) -> Result<Core, CoreError> {
        let plan = Plan::new(config)?;
        let everything = 0..plan.expressions.len();
        Ok(Core {
            stage: SignalStage::new(&plan.expressions, everything, config, &plan.market)?,
            changes: Vec::with_capacity(CHANGES_EXPECTED),
            decider: Decider::new(&plan)?,
            market: plan.market,
        })
    }

    /// Takes one record in; `out` then holds what it caused and nothing else.
    ///
    /// The order: bars that closed and changed states, fills of waiting orders, then for each moment of the record
    /// (what closed because time passed; the record itself) signals and what strategies did. A record that the market
    /// drops is told, and no more comes of it.
    pub fn step(&mut self, seq: Seq, record: &Record, out: &mut Outputs) {
        out.clear();
        self.market.apply(seq, record, out);
        if self.market.has_dropped() {
            return;
        }
        let trade = &mut self.decider.trade;
        trade.on_record(seq, record, &self.market, out);
        if self.market.has_passed() {
            self.moment(Round::Passed, seq, record, out);
        }
        self.moment(Round::Now, seq, record, out);
    }

    /// The market after the last record.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Cash and positions after the last record.
    #[must_use]
    pub fn portfolio(&self) -> &Portfolio {
        self.decider.trade.portfolio()
    }

    /// Orders that risk refused so far, by rule.
    #[must_use]
    pub fn refused(&self) -> &Refused {
        self.decider.trade.refused()
    }

    /// Fills of all strategies so far.
    #[must_use]
    pub fn fills(&self) -> u64 {
        self.decider.trade.fills()
    }

    fn moment(&mut self, round: Round, seq: Seq, record: &Record, out: &mut Outputs) {
        self.market.enter(round);
        self.changes.clear();
        self.stage.step(&self.market, round, &mut self.changes);
        let record = self.market.moment_of(record);
        let changes = self.changes.iter();
        self.decider
            .decide(seq, &record, &self.market, changes, out);
    }
}

impl Decider {
    pub(crate) fn new(plan: &Plan<'_>) -> Result<Decider, CoreError> {
        Ok(Decider {
            trade: TradeStage::new(plan.config)?,
            rules: RuleValues::new(plan.expressions.rules()),
            signals: plan.expressions.signals,
        })
    }

    /// Tells the signals that changed, in their order, and lets the strategies decide.
    pub(crate) fn decide<'a>(
        &mut self,
        seq: Seq,
        record: &Record,
        market: &Market,
        changes: impl Iterator<Item = &'a Change>,
        out: &mut Outputs,
    ) {
        self.rules.begin();
        for change in changes {
            match change.number.checked_sub(self.signals) {
                Some(rule) => self.rules.set(RuleId(rule), change.value),
                None => out.push(signal(seq, record, change)),
            }
        }
        self.trade.decide(seq, record, market, &self.rules, out);
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn new(config: &'a CoreConfig) -> Result<Plan<'a>, CoreError> {
        let expressions = Expressions::new(config)?;
        let (graph, _) = expressions.compile(0..expressions.len(), config)?;
        Ok(Plan {
            market: market_for(&graph, config)?,
            config,
            expressions,
        })
    }
}

fn signal(seq: Seq, record: &Record, change: &Change) -> Record {
    let mut header = record.header.as_kind(Kind::Signal);
    if change.value.is_nan() {
        header = header.with_flags(Flags::NOT_READY);
    }
    let body = SignalBody {
        cause: seq,
        signal: u32::try_from(change.number).expect("the number of expressions is limited"),
        value: change.value,
        previous: change.previous,
        ..SignalBody::default()
    };
    body.record(header)
}

#[cfg(test)]
mod tests;
