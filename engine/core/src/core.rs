//! The core: one record in, output records out.
//!
//! [`Core::step`] is the whole path on one thread. Workers (`workers.rs`) run the same pieces apart: each has a market
//! and a share of the signals, and the [`Decider`] puts together what they found.

mod state;
mod stretch;

pub(crate) use state::{Remembered, save};
pub use stretch::{Now, Steps};

use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::expressions::{Compiled, Expressions, market_for};
use crate::market::Market;
use crate::outputs::Outputs;
use crate::portfolio::Portfolio;
use crate::rule_values::{RoundOn, RuleId, RuleValues};
use crate::signal_stage::{Change, SignalStage};
use crate::silent::{self, Expired, NeverClosed, NeverReady, Waiting};
use crate::snapshot::{fingerprint, is_snapshot};
use crate::trade::TradeStage;
use crate::venue::Venue;
use tickloom_signals::OutputId;
use tickloom_types::{Flags, Header, Kind, Record, Seq, SignalBody};

/// The state of a run: market, signals, strategies, orders, positions.
#[derive(Debug)]
pub struct Core {
    market: Market,
    stage: SignalStage,
    decider: Decider,
}

/// What follows from changed expressions: signals, and the strategies' orders.
#[derive(Debug)]
pub(crate) struct Decider {
    pub(crate) trade: TradeStage,
    rules: RuleValues,
    /// How many expressions are signals; the others are rules.
    signals: usize,
    /// By expression: whether it ever had a value.
    pub(crate) was_ready: Vec<bool>,
    /// By signal: the value that was told last.
    values: Vec<f64>,
    /// Of the configuration.
    fingerprint: u128,
    /// Names of the strategies.
    strategies: Vec<String>,
}

/// What must be known of a configuration before any part can be made.
pub(crate) struct Plan<'a> {
    pub(crate) config: &'a CoreConfig,
    pub(crate) expressions: Expressions,
    /// Makes the bars that all expressions together need; every part starts with a copy.
    pub(crate) market: Market,
    /// All expressions together.
    compiled: Compiled,
    /// Rules without a field in them, with their values.
    constants: Vec<(RuleId, f64)>,
    /// How much all expressions together save.
    saved_len: usize,
}

impl Core {
    /// A core that has seen nothing yet.
    ///
    /// # Errors
    /// [`CoreError`] with the setting that is wrong; an expression's error points at its column.
    pub fn new(config: &CoreConfig) -> Result<Core, CoreError> {
        let plan = Plan::new(config)?;
        let decider = Decider::new(&plan)?;
        let signals = plan.expressions.signals;
        Ok(Core {
            stage: SignalStage::of(plan.compiled, (0, signals), &plan.market),
            decider,
            market: plan.market,
        })
    }

    /// Takes one record in; `out` then holds what it caused and nothing else.
    ///
    /// The order: bars that closed and changed states, then fills of waiting orders. Where the record's moment goes on
    /// ([`Flags::MORE`](tickloom_types::Flags::MORE)), that is all. At the end of a moment follow signals and what strategies did,
    /// in rounds: one for each time at which bars closed because time passed, then one for the records of the moment together.
    /// A record that the market drops is told, and no more comes of it but the end of its moment.
    pub fn step(&mut self, seq: Seq, record: &Record, out: &mut Outputs) {
        out.clear();
        if is_snapshot(record) {
            self.market.pass_over();
            return;
        }
        self.market.apply(seq, record, out);
        self.decider.match_orders(seq, record, &self.market, out);
        while self.market.next_round() {
            let Core {
                market,
                stage,
                decider,
            } = self;
            decider.begin(market);
            stage.step(market, |change| decider.take(seq, market, &change, out));
            decider.decide(seq, market, out);
        }
    }

    /// The market after the last record.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// What there is after the last record.
    #[must_use]
    pub fn now(&self) -> Now<'_> {
        Now {
            portfolio: self.portfolio(),
            market: self.market(),
        }
    }

    /// Number of the last order that was submitted or may have been, in this session or one before; 0 before the first.
    #[must_use]
    pub fn last_order(&self) -> u32 {
        self.decider.trade.last_order()
    }

    /// Cash and positions after the last record.
    #[must_use]
    pub fn portfolio(&self) -> &Portfolio {
        self.decider.trade.portfolio()
    }

    /// The expressions of this core's configuration that have not been ready yet, in order.
    ///
    /// # Errors
    /// [`CoreError`] if the configuration is another one, which cannot be read.
    pub fn never_ready(&self, config: &CoreConfig) -> Result<Vec<NeverReady>, CoreError> {
        silent::never_ready(config, Some(&self.market), &self.decider.was_ready)
    }

    /// The bars that expressions read and of which none has closed yet.
    #[must_use]
    pub fn never_closed(&self) -> Vec<NeverClosed> {
        silent::never_closed(&self.market)
    }

    /// The instruments of which something came after their ends.
    #[must_use]
    pub fn expired(&self) -> Vec<Expired> {
        silent::expired(&self.market)
    }

    /// The orders that wait, and for what.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.decider.waiting(&self.market)
    }

    /// How many orders nobody quotes for.
    #[must_use]
    pub fn unquoted_count(&self) -> usize {
        self.decider.unquoted_count(&self.market)
    }

    /// Fills of all strategies so far.
    #[must_use]
    pub fn fills(&self) -> u64 {
        self.decider.trade.fills()
    }
}

impl Decider {
    /// The orders that wait, and for what.
    pub(crate) fn waiting(&self, market: &Market) -> Vec<Waiting> {
        let orders = self.trade.venue().all_orders();
        silent::waiting(
            orders,
            (market.instruments(), Some(market)),
            &self.strategies,
        )
    }

    /// How many these are; next to nothing to ask while no order waits.
    pub(crate) fn unquoted_count(&self, market: &Market) -> usize {
        let venue = self.trade.venue();
        match venue.open_count() {
            0 => 0,
            _ => silent::waiting_for_a_side(venue.all_orders(), market).count(),
        }
    }

    pub(crate) fn new(plan: &Plan<'_>) -> Result<Decider, CoreError> {
        let mut rules = RuleValues::new(plan.expressions.rules());
        let mut was_ready = vec![false; plan.expressions.len()];
        for (rule, value) in &plan.constants {
            rules.set_constant(*rule, *value);
            was_ready[plan.expressions.signals + rule.0] = !value.is_nan();
        }
        let constants = plan.constants.iter().map(|(rule, _)| *rule);
        let trade = TradeStage::new(plan.config, constants)?;
        trade
            .conditions()
            .for_each(|rule| rules.set_condition(rule));
        Ok(Decider {
            trade,
            rules,
            signals: plan.expressions.signals,
            was_ready,
            values: vec![f64::NAN; plan.expressions.signals],
            fingerprint: fingerprint(plan.config),
            strategies: plan
                .config
                .strategies
                .iter()
                .map(|def| def.name().to_owned())
                .collect(),
        })
    }

    /// Lets a record that counts meet the waiting orders. A level within a book message meets none.
    #[inline]
    pub(crate) fn match_orders(
        &mut self,
        seq: Seq,
        record: &Record,
        market: &Market,
        out: &mut Outputs,
    ) {
        let is_nothing = market.is_inner() && !self.trade.watches_books();
        if !is_nothing && !market.has_dropped() {
            self.trade.on_record(seq, record, market, out);
        }
    }

    /// Begins a round: what changed is taken next, in the order of the numbers, then strategies decide.
    #[inline]
    pub(crate) fn begin(&mut self, market: &Market) {
        self.rules.begin(if market.is_now() {
            RoundOn::Records
        } else {
            RoundOn::PassedBars
        });
    }

    /// Tells a signal that changed, or takes note of a rule that was evaluated.
    #[inline(always)]
    pub(crate) fn take(&mut self, seq: Seq, market: &Market, change: &Change, out: &mut Outputs) {
        if change.previous.is_nan() && !change.value.is_nan() {
            self.was_ready[change.number] = true;
        }
        match change.number.checked_sub(self.signals) {
            Some(rule) => self.rules.set(RuleId(rule), change.value),
            None => self.tell(seq, market, change, out),
        }
    }

    fn tell(&mut self, seq: Seq, market: &Market, change: &Change, out: &mut Outputs) {
        self.values[change.number] = change.value;
        out.push(signal(seq, market.header_of(change.by), change));
    }

    /// Lets the strategies decide.
    #[inline]
    pub(crate) fn decide(&mut self, seq: Seq, market: &Market, out: &mut Outputs) {
        let is_nothing = market.has_nothing_new() && self.trade.has_no_news();
        if !is_nothing || self.rules.has_ticked() {
            let cause = market.cause();
            self.trade.decide(seq, cause, market, &self.rules, out);
        }
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn new(config: &'a CoreConfig) -> Result<Plan<'a>, CoreError> {
        let expressions = Expressions::new(config)?;
        let compiled = expressions.compile(0..expressions.len(), config)?;
        let (graph, outputs) = &compiled;
        let rules = outputs.iter().skip(expressions.signals).enumerate();
        let constant =
            |(rule, output): (usize, &OutputId)| Some((RuleId(rule), graph.constant(*output)?));
        Ok(Plan {
            market: market_for(graph, config)?,
            constants: rules.filter_map(constant).collect(),
            saved_len: graph.saved_len(),
            compiled,
            config,
            expressions,
        })
    }
}

fn signal(seq: Seq, cause: &Header, change: &Change) -> Record {
    let is_ready = !change.value.is_nan();
    let header = Header {
        kind: Kind::Signal as u8,
        flags: if is_ready { 0 } else { Flags::NOT_READY },
        ..*cause
    };
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
