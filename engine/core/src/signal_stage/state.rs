//! What a share of the expressions remembers: what was told of each, and the graph.

use super::SignalStage;
use std::ops::Range;
use tickloom_signals::GraphState;
use tickloom_types::{Seq, StateError};

/// What a worker's share of the expressions remembers at one record; several are put together by the merger.
#[derive(Clone, Debug)]
pub struct WorkerState {
    /// The first input that is not in it.
    pub(crate) next_seq: Seq,
    /// Number of its first expression.
    first: usize,
    /// Of its expressions, what was told last; NaN if not ready.
    values: Vec<f64>,
    graph: GraphState,
}

impl SignalStage {
    /// To be asked for at the end of a moment.
    pub(crate) fn save(&self, next_seq: Seq) -> WorkerState {
        WorkerState {
            next_seq,
            first: self.first,
            values: self.outputs.iter().map(|watched| watched.value).collect(),
            graph: self.graph.save(),
        }
    }

    /// Onto a stage that has seen nothing: `values` are of all expressions.
    pub(crate) fn load(&mut self, values: &[f64], graph: &GraphState) -> Result<(), StateError> {
        for (watched, value) in self.outputs.iter_mut().zip(&values[self.first..]) {
            // A rule without a field in it is never told.
            if !(watched.is_rule && watched.is_constant) {
                watched.value = *value;
            }
        }
        let outputs = &self.outputs;
        // All constants were told at once or not at all; one that was told has a value.
        self.constants.retain(|at| outputs[*at].value.is_nan());
        self.graph.load(graph)
    }
}

impl WorkerState {
    /// The numbers of its expressions.
    pub(crate) fn share(&self) -> Range<usize> {
        self.first..self.first + self.values.len()
    }

    /// Whether its expressions were told to be worth this.
    pub(crate) fn agrees(&self, mut value: impl FnMut(usize) -> Option<f64>) -> bool {
        let own = self.share().zip(&self.values);
        own.into_iter().all(|(number, known)| {
            // A rule without a field in it has a value from the start that is never told.
            value(number).is_none_or(|value| value.to_bits() == known.to_bits())
        })
    }

    pub(crate) fn into_graph(self) -> GraphState {
        self.graph
    }
}
