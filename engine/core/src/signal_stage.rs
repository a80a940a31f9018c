//! Signals and the strategies' expressions: one graph, fed by what ticked in the market, read for what changed.
//!
//! All expressions are numbered in one order, signals first, then those of the strategies ("rules"). A stage may hold a
//! contiguous share of them only: that is how workers split them. It makes no output records (see `decide.rs`).

use crate::book::Top;
use crate::config::CoreConfig;
use crate::error::CoreError;
use crate::expressions::Expressions;
use crate::market::{Market, Round, Ticked};
use std::ops::Range;
use tickloom_signals::{Clock, Field, Graph, LeafId, OutputId};
use tickloom_types::{BarBody, pow10};

/// Place of an expression among those of all strategies, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuleId(pub(crate) usize);

/// What the strategies' expressions are worth at this moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleValues {
    /// NaN while not ready.
    values: Vec<f64>,
    /// Number of the moment at which each was evaluated last.
    ticked_at: Vec<u64>,
    /// Those of this moment, in the order in which they were set.
    ticked: Vec<RuleId>,
    moment: u64,
}

impl RuleValues {
    pub(crate) fn new(count: usize) -> RuleValues {
        RuleValues {
            values: vec![f64::NAN; count],
            ticked_at: vec![0; count],
            ticked: Vec::with_capacity(count),
            moment: 0,
        }
    }

    /// `None` while it is not ready.
    pub(crate) fn value(&self, rule: RuleId) -> Option<f64> {
        self.values.get(rule.0).copied().filter(|v| !v.is_nan())
    }

    /// Whether it was evaluated at this moment.
    pub(crate) fn ticked(&self, rule: RuleId) -> bool {
        self.ticked_at
            .get(rule.0)
            .is_some_and(|at| *at == self.moment)
    }

    /// A new moment: nothing has ticked yet.
    pub(crate) fn begin(&mut self) {
        self.moment += 1;
        self.ticked.clear();
    }

    /// The rules that were evaluated at this moment, in their order.
    pub(crate) fn all_ticked(&self) -> &[RuleId] {
        &self.ticked
    }

    /// It was evaluated; NaN is not ready.
    pub(crate) fn set(&mut self, rule: RuleId, value: f64) {
        self.values[rule.0] = value;
        if std::mem::replace(&mut self.ticked_at[rule.0], self.moment) != self.moment {
            self.ticked.push(rule);
        }
    }
}

/// An expression that ticked: a signal if its value changed, a rule whether or not it did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Its number among all expressions.
    pub(crate) number: usize,
    /// NaN if it is not ready.
    pub(crate) value: f64,
    /// The value before; NaN if it was not ready.
    pub(crate) previous: f64,
}

/// Leaves with the field that each takes.
type Leaves = Vec<(LeafId, Field)>;

/// A share of all expressions with what feeds them.
#[derive(Clone, Debug)]
pub(crate) struct SignalStage {
    graph: Graph,
    outputs: Vec<Watched>,
    /// Whether some of them have no field in them, and so tick when nothing else does.
    has_constants: bool,
    /// Leaves of the bars of each builder of the market.
    on_bar: Vec<Leaves>,
    /// Leaves of bid, ask and what is made from them, by instrument.
    on_top: Vec<Leaves>,
    /// Leaves of the last price, by instrument.
    on_last: Vec<Leaves>,
    /// Ten to the power of the price decimals, by instrument.
    price_scales: Vec<f64>,
}

/// An output of the graph that is watched.
#[derive(Clone, Copy, Debug)]
struct Watched {
    output: OutputId,
    number: usize,
    kind: WatchedKind,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WatchedKind {
    Signal,
    Rule,
    /// Without a field in it: it holds or not at every record, and is told at the first.
    ConstantSignal,
    /// The same for a rule, which ticks with every record.
    ConstantRule,
}

impl SignalStage {
    /// The expressions of a share, fed from a market that was made for all.
    ///
    /// # Errors
    /// [`CoreError::Expression`].
    pub(crate) fn new(
        expressions: &Expressions,
        share: Range<usize>,
        config: &CoreConfig,
        market: &Market,
    ) -> Result<SignalStage, CoreError> {
        let (graph, outputs) = expressions.compile(share.clone(), config)?;
        let watched = outputs
            .into_iter()
            .zip(share)
            .map(|(output, number)| Watched {
                output,
                number,
                kind: WatchedKind::of(number < expressions.signals, graph.value(output).is_some()),
                value: f64::NAN,
            });
        let outputs: Vec<Watched> = watched.collect();
        let defs = market.instruments().defs();
        let mut stage = SignalStage {
            has_constants: outputs.iter().any(|watched| watched.kind.is_constant()),
            outputs,
            on_bar: vec![Vec::new(); market.builders().len()],
            on_top: vec![Vec::new(); defs.len()],
            on_last: vec![Vec::new(); defs.len()],
            price_scales: defs
                .iter()
                .map(|def| pow10(def.price_decimals) as f64)
                .collect(),
            graph,
        };
        stage.connect(market);
        Ok(stage)
    }

    /// Feeds the graph with what this moment of the market ticked and lists what changed.
    pub(crate) fn step(&mut self, market: &Market, round: Round, changes: &mut Vec<Change>) {
        let fed = self.feed_bars(market) | self.feed_ticks(market);
        if fed {
            self.graph.step();
        } else if !self.has_constants {
            return;
        }
        for watched in &mut self.outputs {
            let ticked = match watched.kind {
                WatchedKind::Signal | WatchedKind::Rule => fed && self.graph.ticked(watched.output),
                WatchedKind::ConstantSignal | WatchedKind::ConstantRule => round == Round::Now,
            };
            if !ticked {
                continue;
            }
            let previous = watched.value;
            watched.value = self.graph.value(watched.output).unwrap_or(f64::NAN);
            let is_rule = matches!(watched.kind, WatchedKind::Rule | WatchedKind::ConstantRule);
            if is_rule || previous.to_bits() != watched.value.to_bits() {
                changes.push(Change {
                    number: watched.number,
                    value: watched.value,
                    previous,
                });
            }
        }
    }

    /// Sorts the graph's leaves by what ticks them.
    fn connect(&mut self, market: &Market) {
        for (at, leaf) in self.graph.leaves().iter().enumerate() {
            let entry = (LeafId(at), leaf.field);
            let instrument = leaf.instrument.0 as usize;
            match leaf.clock {
                Clock::Bar(spec) => {
                    let builder = market
                        .builders()
                        .iter()
                        .position(|b| b.instrument == leaf.instrument && b.spec == spec)
                        .expect("the market makes all bars that the expressions need");
                    self.on_bar[builder].push(entry);
                }
                Clock::Tick if leaf.field == Field::Last => self.on_last[instrument].push(entry),
                Clock::Tick => self.on_top[instrument].push(entry),
            }
        }
    }

    fn feed_bars(&mut self, market: &Market) -> bool {
        let mut fed = false;
        for (bar, builder) in market.closed_bars().iter().zip(market.closed_by()) {
            let Some(builder) = builder else { continue };
            let body = BarBody::of(bar);
            for (leaf, field) in &self.on_bar[*builder] {
                let mantissa = match field {
                    Field::Open => body.open,
                    Field::High => body.high,
                    Field::Low => body.low,
                    Field::Volume => body.volume,
                    _ => body.close,
                };
                self.graph.set_mantissa(*leaf, mantissa);
                fed = true;
            }
        }
        fed
    }

    fn feed_ticks(&mut self, market: &Market) -> bool {
        let mut fed = false;
        for tick in market.ticks() {
            let at = tick.instrument;
            match tick.what {
                Ticked::Top(Some(top)) => {
                    for (leaf, field) in &self.on_top[at] {
                        set_top(&mut self.graph, *leaf, *field, &top, self.price_scales[at]);
                        fed = true;
                    }
                }
                Ticked::Top(None) => {
                    for (leaf, _) in &self.on_top[at] {
                        self.graph.withdraw(*leaf);
                        fed = true;
                    }
                }
                Ticked::Last(price) => {
                    for (leaf, _) in &self.on_last[at] {
                        self.graph.set_mantissa(*leaf, price);
                        fed = true;
                    }
                }
            }
        }
        fed
    }
}

impl WatchedKind {
    fn of(is_signal: bool, is_constant: bool) -> WatchedKind {
        match (is_signal, is_constant) {
            (true, false) => WatchedKind::Signal,
            (false, false) => WatchedKind::Rule,
            (true, true) => WatchedKind::ConstantSignal,
            (false, true) => WatchedKind::ConstantRule,
        }
    }

    fn is_constant(self) -> bool {
        matches!(
            self,
            WatchedKind::ConstantSignal | WatchedKind::ConstantRule
        )
    }
}

/// Sets a field of bid and ask; `scale` is ten to the power of the price decimals.
fn set_top(graph: &mut Graph, leaf: LeafId, field: Field, top: &Top, scale: f64) {
    let (bid, ask) = (top.bid as f64, top.ask as f64);
    let (bid_qty, ask_qty) = (top.bid_qty as f64, top.ask_qty as f64);
    match field {
        Field::Bid => graph.set_mantissa(leaf, top.bid),
        Field::Ask => graph.set_mantissa(leaf, top.ask),
        Field::BidQty => graph.set_mantissa(leaf, top.bid_qty),
        Field::AskQty => graph.set_mantissa(leaf, top.ask_qty),
        Field::Mid => graph.set_value(leaf, (bid + ask) / (2.0 * scale)),
        Field::Spread => graph.set_value(leaf, (ask - bid) / scale),
        Field::Microprice => {
            let weighted = (bid * ask_qty + ask * bid_qty) / (bid_qty + ask_qty);
            graph.set_value(leaf, weighted / scale);
        }
        _ => graph.set_value(leaf, (bid_qty - ask_qty) / (bid_qty + ask_qty)),
    }
}
