//! A graph of operators, evaluated tick by tick or block by block with the same result, bit for bit.
//!
//! It takes no memory after it is built, except once for the columns of the first block. It knows no records, and of time only whether closes are equal.

mod blocks;

pub(crate) use blocks::block_rows;

use crate::bits::{Bits, Mask, MaskWord};
use crate::builder::{Draft, OutputId};
use crate::field::{BarClock, Leaf};
use crate::gate::Gates;
use crate::ops::scalar::tame;
use crate::ops::{Inputs, Now, Op};
use crate::state::{Key, Keys};
use std::collections::BTreeSet;
use tickloom_types::Ts;

/// Place of a leaf in [`Graph::leaves`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafId(pub usize);

/// Operators in an order in which inputs come before what they feed.
#[derive(Clone, Debug)]
pub struct Graph {
    leaves: Vec<Leaf>,
    pub(crate) nodes: Vec<Node>,
    /// By node; NaN is not ready.
    pub(crate) values: Vec<f64>,
    /// By leaf.
    pub(crate) mantissas: Vec<i64>,
    /// By leaf.
    pub(crate) leaf_values: Vec<f64>,
    /// By leaf: the nodes that tick with it.
    below: Vec<Mask>,
    /// What some nodes wait for instead: bars that have the same close.
    pub(crate) gates: Gates,
    /// Nodes that the next step will evaluate.
    pub(crate) pending: Bits,
    /// Nodes that the last step evaluated.
    pub(crate) ticked: Bits,
    /// Nodes that lost their value since the last step, because a leaf below was withdrawn.
    pub(crate) withdrawn: Bits,
    pub(crate) keys: Keys,
    /// By node, `stride` each; empty until the first block.
    columns: Vec<f64>,
    /// Rows of the last block.
    rows: usize,
}

/// Kept small: where thousands tick together, what they cost is their memory.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) inputs: Inputs,
}

const _: () = assert!(size_of::<Node>() <= 48);

/// So many nodes a near cache holds, with what they remember.
const NODES_NEAR: usize = 1_024;

/// How many nodes before its turn what a node of a larger graph remembers is asked for, and what leaves its window.
const STATE_AHEAD: usize = 24;
const OLDEST_AHEAD: usize = 12;

impl Graph {
    pub(crate) fn new(
        leaves: Vec<(Leaf, Key)>,
        drafts: Vec<Draft>,
        gates: Vec<BTreeSet<BarClock>>,
        clock_key: impl Fn(&BarClock) -> Key,
    ) -> Graph {
        let count = drafts.len();
        let (leaves, leaf_keys): (Vec<Leaf>, Vec<Key>) = leaves.into_iter().unzip();
        let mut node_keys = Vec::with_capacity(count);
        let mut below = vec![Vec::new(); leaves.len()];
        let mut gated = vec![Vec::new(); gates.len()];
        let mut nodes = Vec::with_capacity(count);
        let mut values = Vec::with_capacity(count);
        for (at, draft) in drafts.into_iter().enumerate() {
            for leaf in draft.leaves {
                below[leaf].push(at);
            }
            for gate in draft.gates {
                gated[gate].push(at);
            }
            values.push(match draft.op {
                Op::Constant(value) => value,
                _ => f64::NAN,
            });
            node_keys.push(draft.key);
            nodes.push(Node {
                op: draft.op,
                inputs: draft.inputs,
            });
        }
        let gates = Gates::new(gates, gated);
        let clocks = gates.clocks().iter().map(clock_key).collect();
        Graph {
            keys: Keys {
                nodes: node_keys,
                leaves: leaf_keys,
                clocks,
            },
            values,
            mantissas: vec![0; leaves.len()],
            leaf_values: vec![f64::NAN; leaves.len()],
            below: below.into_iter().map(Mask::of).collect(),
            gates,
            pending: Bits::new(count),
            ticked: Bits::new(count),
            withdrawn: Bits::new(count),
            columns: Vec::new(),
            rows: 0,
            leaves,
            nodes,
        }
    }

    /// The inputs of the graph; a [`LeafId`] is a place among them.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// How many operators there are, after sharing.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing to evaluate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The value of an output without a field in it, which is ready from the start and never ticks.
    #[must_use]
    pub fn constant(&self, output: OutputId) -> Option<f64> {
        match self.nodes[output.node()].op {
            Op::Constant(value) if !value.is_nan() => Some(value),
            _ => None,
        }
    }

    /// Calls `on` with everything that ticks with a leaf.
    pub fn for_each_below(&self, leaf: LeafId, mut on: impl FnMut(OutputId)) {
        self.below[leaf.0].for_each(|node| on(OutputId::of(node)));
    }

    /// Says that an exact field ticked. The fields of one bar are set together, before one step.
    #[inline]
    pub fn set_mantissa(&mut self, leaf: LeafId, mantissa: i64) {
        self.store_mantissa(leaf, mantissa);
        self.mark(leaf);
    }

    /// Says that a computed field ticked; NaN is not ready.
    #[inline]
    pub fn set_value(&mut self, leaf: LeafId, value: f64) {
        self.store_value(leaf, value);
        self.mark(leaf);
    }

    /// As [`Graph::set_mantissa`] for one of several fields that tick together, which [`Graph::tick`] says of all at once.
    #[inline]
    pub fn store_mantissa(&mut self, leaf: LeafId, mantissa: i64) {
        debug_assert!(self.leaves[leaf.0].field.is_exact());
        self.mantissas[leaf.0] = mantissa;
    }

    /// As [`Graph::set_value`] for one of several fields that tick together, which [`Graph::tick`] says of all at once.
    #[inline]
    pub fn store_value(&mut self, leaf: LeafId, value: f64) {
        debug_assert!(!self.leaves[leaf.0].field.is_exact());
        self.leaf_values[leaf.0] = tame(value);
    }

    /// What ticks with any of these fields, for [`Graph::tick`].
    #[must_use]
    pub fn below(&self, leaves: &[LeafId]) -> Mask {
        let mut nodes = Vec::new();
        for leaf in leaves {
            self.below[leaf.0].for_each(|node| nodes.push(node));
        }
        Mask::of(nodes)
    }

    /// Says that the fields ticked of which these are the words of [`Graph::below`], after they were stored.
    #[inline]
    pub fn tick(&mut self, below: &[MaskWord]) {
        self.pending.insert_words(below);
    }

    /// Says that a field has no value any more, until it ticks again: it is not ready, and with it what is made of it. The next
    /// step counts that as a tick, though operators keep what they remember, as if it had none.
    pub fn withdraw(&mut self, leaf: LeafId) {
        let below = &self.below[leaf.0];
        self.withdrawn.insert_all(below);
        below.for_each(|node| self.values[node] = f64::NAN);
    }

    #[inline]
    fn mark(&mut self, leaf: LeafId) {
        self.pending.insert_all(&self.below[leaf.0]);
    }

    /// The bars of which `together` must know when they close; a place among them is what [`Graph::close`] takes.
    #[must_use]
    pub fn bar_clocks(&self) -> &[BarClock] {
        self.gates.clocks()
    }

    /// Says that these bars closed, at this time. Their fields are set too, before the same step.
    pub fn close(&mut self, clock: usize, close: Ts) {
        self.gates.close(clock, close);
    }

    /// Calls `on` with everything that may tick when these bars close, because `together` waits for them.
    pub fn for_each_gated(&self, clock: usize, mut on: impl FnMut(OutputId)) {
        self.gates
            .for_each_below(clock, |node| on(OutputId::of(node)));
    }

    /// Evaluates what depends on the leaves that were set since the last step, and nothing else.
    #[inline]
    pub fn step(&mut self) {
        self.gates.open(&mut self.pending);
        std::mem::swap(&mut self.pending, &mut self.ticked);
        self.pending.clear();
        if !self.withdrawn.is_empty() {
            self.work_out_withdrawn();
        }
        let Graph {
            nodes,
            values,
            mantissas,
            leaf_values,
            ticked,
            ..
        } = self;
        let (nodes, values) = (&mut nodes[..], &mut values[..]);
        let leaves = (&mantissas[..], &leaf_values[..]);
        let is_large = nodes.len() > NODES_NEAR;
        ticked.for_each(|at| {
            if is_large {
                fetch_later(at, nodes, ticked);
            }
            evaluate(at, nodes, values, leaves);
        });
        if !self.withdrawn.is_empty() {
            self.ticked.take(&mut self.withdrawn);
        }
    }

    /// What remembers nothing is worked out without the field that was withdrawn: `false and` anything is still false. None of
    /// these has an input that ticked, or it would tick itself.
    #[cold]
    fn work_out_withdrawn(&mut self) {
        let Graph {
            nodes,
            values,
            mantissas,
            leaf_values,
            ticked,
            ..
        } = self;
        self.withdrawn.for_each(|at| {
            if nodes[at].op.remembers_nothing() && !ticked.contains(at) {
                evaluate(at, nodes, values, (mantissas, leaf_values));
            }
        });
    }

    /// Whether the output was evaluated in the last step.
    #[must_use]
    #[inline]
    pub fn ticked(&self, output: OutputId) -> bool {
        self.ticked.contains(output.node())
    }

    /// The output's value, `None` while it is not ready. A condition is 1 or 0.
    #[must_use]
    #[inline]
    pub fn value(&self, output: OutputId) -> Option<f64> {
        let value = self.values[output.node()];
        (!value.is_nan()).then_some(value)
    }
}

/// Asks for what nodes after this one remember, if they tick too.
#[inline(always)]
fn fetch_later(at: usize, nodes: &[Node], ticked: &Bits) {
    if ticked.contains(at + STATE_AHEAD) {
        nodes[at + STATE_AHEAD].op.fetch_state();
    }
    if ticked.contains(at + OLDEST_AHEAD) {
        nodes[at + OLDEST_AHEAD].op.fetch_oldest();
    }
}

/// The value of a node in this step; `leaves` are mantissas and values of all leaves.
#[inline(always)]
fn evaluate(at: usize, nodes: &mut [Node], values: &mut [f64], leaves: (&[i64], &[f64])) {
    let node = &mut nodes[at];
    let now = Now {
        values,
        mantissas: leaves.0,
        leaf_values: leaves.1,
    };
    values[at] = node.op.step(node.inputs, &now);
}
