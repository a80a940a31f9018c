//! Saving and loading a whole core: market, then what decides, then the expressions, whichever parts they are in.

use super::{Core, Decider, Plan};
use crate::config::CoreConfig;
use crate::market::Market;
use crate::output_hash::OutputHash;
use crate::signal_stage::{SignalStage, WorkerState};
use crate::snapshot::{self, CannotSave, Snapshot, SnapshotError};
use crate::state::State;
use std::ops::Range;
use tickloom_signals::GraphState;
use tickloom_types::{Seq, StateError, StateReader, StateWriter};

/// What a snapshot says beside the market, once it has been read.
pub(crate) struct Remembered {
    pub(crate) decider: Decider,
    /// By expression.
    values: Vec<f64>,
    graph: GraphState,
}

impl Core {
    /// All that it remembers, as a snapshot: the same bytes as from any number of workers. `next_seq` is the sequence of the
    /// record that comes next, `outputs` the hash over all outputs so far.
    ///
    /// # Errors
    /// [`CannotSave`] within a moment, or if a strategy in code does not save its state; the latter holds for the whole run.
    pub fn save(&self, next_seq: Seq, outputs: &OutputHash) -> Result<Vec<u8>, CannotSave> {
        let parts = std::iter::once(self.stage.save(next_seq));
        save(&self.market, &self.decider, parts, next_seq, outputs)
    }

    /// A core that goes on from a snapshot, as if it had taken in all records up to it.
    ///
    /// # Errors
    /// [`SnapshotError`] if the snapshot is of another configuration, or cannot be; [`SnapshotError::Core`] as from [`Core::new`].
    pub fn load(config: &CoreConfig, snapshot: &Snapshot<'_>) -> Result<Core, SnapshotError> {
        let mut plan = Plan::new(config)?;
        let remembered = Remembered::read(&mut plan, snapshot)?;
        let everything = 0..plan.expressions.len();
        Ok(Core {
            stage: remembered.stage(&plan, everything)?,
            decider: remembered.decider,
            market: plan.market,
        })
    }

    /// What there is after the last record: signals, positions, orders, account, books, bars in the making. It is put together
    /// when it is asked for, which costs the more the more there is: at a start and once in a while, not at every record.
    #[must_use]
    pub fn state(&self) -> State {
        self.decider.state(&self.market)
    }
}

/// A snapshot of these parts.
pub(crate) fn save(
    market: &Market,
    decider: &Decider,
    parts: impl Iterator<Item = WorkerState>,
    next_seq: Seq,
    outputs: &OutputHash,
) -> Result<Vec<u8>, CannotSave> {
    if market.is_in_moment() {
        return Err(CannotSave::InMoment);
    }
    let mut graph = GraphState::new();
    let mut expected = 0;
    for part in parts {
        let share = part.share();
        let follows = share.is_empty() || share.start == expected;
        let agrees = part.agrees(|number| decider.told(number));
        if !follows || part.next_seq != next_seq || !agrees {
            return Err(CannotSave::Parts { next_seq });
        }
        expected += share.len();
        graph.unite(part.into_graph());
    }
    if expected != decider.was_ready.len() {
        return Err(CannotSave::Parts { next_seq });
    }
    let mut to = snapshot::begin(decider.fingerprint, next_seq, outputs);
    market.save(&mut to);
    decider.save(&mut to)?;
    graph.write(&mut to);
    Ok(snapshot::end(to))
}

impl Remembered {
    /// Reads a snapshot of the configuration that the plan is of; the plan's market is then the one of the snapshot.
    pub(crate) fn read(
        plan: &mut Plan<'_>,
        snapshot: &Snapshot<'_>,
    ) -> Result<Remembered, SnapshotError> {
        let mut decider = Decider::new(plan)?;
        let mut from = snapshot.body(decider.fingerprint)?;
        plan.market.load(&mut from)?;
        let values = decider.load(&mut from, snapshot.next_seq())?;
        from.begin("the expressions");
        let graph = GraphState::read(&mut from)?;
        from.check(graph.len() == plan.saved_len, "all of the expressions")?;
        from.end()?;
        Ok(Remembered {
            decider,
            values,
            graph,
        })
    }

    /// A share of the expressions.
    pub(crate) fn stage(
        &self,
        plan: &Plan<'_>,
        share: Range<usize>,
    ) -> Result<SignalStage, SnapshotError> {
        let mut stage = SignalStage::new(&plan.expressions, share, plan.config, &plan.market)?;
        stage.load(&self.values, &self.graph)?;
        Ok(stage)
    }
}

impl Decider {
    fn save(&self, to: &mut StateWriter) -> Result<(), CannotSave> {
        for value in self.values.iter().copied().chain(self.rules.values()) {
            to.f64(value);
        }
        for was_ready in &self.was_ready {
            to.bool(*was_ready);
        }
        self.trade.save(&self.strategies, to)
    }

    /// Gives the values of all expressions.
    fn load(&mut self, from: &mut StateReader<'_>, next_seq: Seq) -> Result<Vec<f64>, StateError> {
        from.begin("the signals");
        let mut values = Vec::with_capacity(self.was_ready.len());
        for _ in 0..self.was_ready.len() {
            values.push(from.f64()?);
        }
        for was_ready in &mut self.was_ready {
            *was_ready = from.bool()?;
        }
        let (signals, rules) = values.split_at(self.signals);
        self.values.copy_from_slice(signals);
        self.rules.load(rules);
        self.trade.load(from, self.strategies.len(), next_seq)?;
        Ok(values)
    }

    /// What was told of an expression; `None` if nothing ever is.
    fn told(&self, number: usize) -> Option<f64> {
        match number.checked_sub(self.signals) {
            None => self.values.get(number).copied(),
            Some(rule) => self.rules.told(rule),
        }
    }

    pub(crate) fn state(&self, market: &Market) -> State {
        State::new(market, &self.trade, &self.values)
    }
}
