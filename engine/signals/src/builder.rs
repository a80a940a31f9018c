//! Collects nodes into a graph, each only once. What an expression means is the compiler's question.

use crate::compiler::{Compiler, Term};
use crate::error::{ExprError, Fault, Problem};
use crate::expr::Expr;
use crate::field::{BarClock, Leaf, Scope};
use crate::graph::Graph;
use crate::limits::{CELLS_MAX, NODES_MAX};
use crate::ops::{Inputs, Op};
use crate::state::{Key, clock_key, leaf_key, node_key};
use std::collections::{BTreeMap, BTreeSet};
use tickloom_types::InstrumentId;

/// Collects expressions into one graph.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    leaves: Vec<Leaf>,
    nodes: Vec<Draft>,
    /// Node by what it computes and from what, under which gate if it reads leaves.
    known: BTreeMap<(Option<usize>, String, Vec<Input>), usize>,
    leaf_places: BTreeMap<Leaf, usize>,
    cells: usize,
    /// What each `together` waits for, each set once.
    gates: Vec<BTreeSet<BarClock>>,
    /// The one that nodes over leaves are made under now.
    gate: Option<usize>,
    /// Names of the instruments that leaves are of.
    names: BTreeMap<InstrumentId, String>,
}

/// The result of an expression in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId(u32);

impl OutputId {
    /// The node at this place.
    pub(crate) fn of(node: usize) -> OutputId {
        OutputId(u32::try_from(node).expect("the number of nodes is limited"))
    }

    /// Place of its node.
    #[inline]
    pub(crate) fn node(self) -> usize {
        self.0 as usize
    }
}

/// A node of the graph to be.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) op: Op,
    pub(crate) inputs: Inputs,
    /// All leaves it ticks with.
    pub(crate) leaves: BTreeSet<usize>,
    /// All gates it ticks with; what is under a gate does not tick with leaves.
    pub(crate) gates: BTreeSet<usize>,
    /// What it computes and from what, in whichever graph.
    pub(crate) key: Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Input {
    Leaf(usize),
    Node(usize),
}

impl GraphBuilder {
    /// Without expressions yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an expression under a scope. The same expression again, or a part of it, costs nothing more.
    ///
    /// # Errors
    /// [`ExprError`] if a name means nothing in the scope, a window is out of range, or a limit is reached;
    /// the builder is then as it was before.
    pub fn add(&mut self, expr: &Expr, scope: &Scope<'_>) -> Result<OutputId, ExprError> {
        let (leaves, nodes, cells) = (self.leaves.len(), self.nodes.len(), self.cells);
        let gates = self.gates.len();
        let term = Compiler::new(self, scope).compile(&expr.root);
        let result = term.and_then(|term| self.materialise(expr.root.at, term));
        result.map(OutputId::of).map_err(|fault| {
            self.leaves.truncate(leaves);
            self.nodes.truncate(nodes);
            self.known.retain(|_, node| *node < nodes);
            self.leaf_places.retain(|_, leaf| *leaf < leaves);
            self.gates.truncate(gates);
            self.gate = None;
            self.cells = cells;
            fault.within(&expr.text)
        })
    }

    /// The graph of all expressions.
    #[must_use]
    pub fn build(self) -> Graph {
        let leaf_keys = self.leaves.iter().map(|leaf| self.leaf_key(leaf));
        let leaves = self.leaves.iter().copied().zip(leaf_keys).collect();
        Graph::new(leaves, self.nodes, self.gates, |clock| {
            clock_key(&self.names[&clock.0], clock.1)
        })
    }

    /// The node of a sub-expression, made if it is a constant.
    pub(crate) fn materialise(&mut self, at: usize, term: Term) -> Result<usize, Fault> {
        match term {
            Term::Node(node) => Ok(node),
            Term::Constant(value) => {
                let label = format!("constant {:x}", value.to_bits());
                self.node(at, label, &[], 0, || Op::Constant(value))
            }
        }
    }

    /// The node that computes `label` from `inputs`; made, with memory for so many cells, if there is none.
    pub(crate) fn node(
        &mut self,
        at: usize,
        label: String,
        inputs: &[Input],
        cells: usize,
        op: impl FnOnce() -> Op,
    ) -> Result<usize, Fault> {
        let over_leaf = inputs.iter().any(|input| matches!(input, Input::Leaf(_)));
        let gate = self.gate.filter(|_| over_leaf);
        let key = (gate, label, inputs.to_vec());
        if let Some(node) = self.known.get(&key) {
            return Ok(*node);
        }
        if self.nodes.len() >= NODES_MAX {
            return Err(Fault::new(at, Problem::TooManyNodes));
        }
        if self.cells + cells > CELLS_MAX {
            return Err(Fault::new(at, Problem::TooManyCells));
        }
        self.cells += cells;
        let draft_key = node_key(&key.1, &self.gate_keys(gate), &self.input_keys(inputs));
        let mut draft = Draft {
            op: op(),
            inputs: [0; 3],
            leaves: BTreeSet::new(),
            gates: gate.into_iter().collect(),
            key: draft_key,
        };
        for (place, input) in draft.inputs.iter_mut().zip(inputs) {
            let (Input::Leaf(at) | Input::Node(at)) = *input;
            *place = u32::try_from(at).expect("the number of nodes is limited");
            match *input {
                Input::Leaf(leaf) => {
                    if gate.is_none() {
                        draft.leaves.insert(leaf);
                    }
                }
                Input::Node(node) => {
                    draft.leaves.extend(&self.nodes[node].leaves);
                    draft.gates.extend(&self.nodes[node].gates);
                }
            }
        }
        self.nodes.push(draft);
        let node = self.nodes.len() - 1;
        self.known.insert(key, node);
        Ok(node)
    }

    pub(crate) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The place of a leaf of the instrument with this name, which is added if new.
    pub(crate) fn leaf(&mut self, leaf: Leaf, name: &str) -> usize {
        let names = &mut self.names;
        names
            .entry(leaf.instrument)
            .or_insert_with(|| name.to_owned());
        let next = self.leaves.len();
        let place = *self.leaf_places.entry(leaf).or_insert(next);
        if place == next {
            self.leaves.push(leaf);
        }
        place
    }

    /// Whether nodes are being made under a gate.
    pub(crate) fn is_gated(&self) -> bool {
        self.gate.is_some()
    }

    /// Makes nodes over leaves under the gate of these bars, until [`GraphBuilder::leave_gate`].
    pub(crate) fn enter_gate(&mut self, clocks: BTreeSet<BarClock>) {
        let known = self.gates.iter().position(|known| *known == clocks);
        self.gate = Some(known.unwrap_or_else(|| {
            self.gates.push(clocks);
            self.gates.len() - 1
        }));
    }

    pub(crate) fn leave_gate(&mut self) {
        self.gate = None;
    }

    fn leaf_key(&self, leaf: &Leaf) -> Key {
        leaf_key(&self.names[&leaf.instrument], leaf)
    }

    /// The bars that a gate waits for, whatever the numbers of their instruments are.
    fn gate_keys(&self, gate: Option<usize>) -> Vec<Key> {
        let clocks = gate.map(|gate| &self.gates[gate]).into_iter().flatten();
        let mut keys: Vec<Key> = clocks
            .map(|(instrument, spec)| clock_key(&self.names[instrument], *spec))
            .collect();
        keys.sort_unstable();
        keys
    }

    fn input_keys(&self, inputs: &[Input]) -> Vec<Key> {
        let key = |input: &Input| match *input {
            Input::Leaf(leaf) => self.leaf_key(&self.leaves[leaf]),
            Input::Node(node) => self.nodes[node].key,
        };
        inputs.iter().map(key).collect()
    }
}
