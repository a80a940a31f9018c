//! Collects nodes into a graph, each only once. What an expression means is the compiler's question.

use crate::compiler::{Compiler, Term};
use crate::error::{ExprError, Fault, Problem};
use crate::expr::Expr;
use crate::field::{Leaf, Scope};
use crate::graph::Graph;
use crate::limits::{CELLS_MAX, NODES_MAX};
use crate::ops::{Inputs, Op};
use std::collections::{BTreeMap, BTreeSet};

/// Collects expressions into one graph.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    leaves: Vec<Leaf>,
    nodes: Vec<Draft>,
    /// Node by what it computes and from what.
    known: BTreeMap<(String, Vec<Input>), usize>,
    cells: usize,
}

/// The result of an expression in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId(pub(crate) usize);

/// A node of the graph to be.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) op: Op,
    pub(crate) inputs: Inputs,
    /// All leaves it depends on.
    pub(crate) leaves: BTreeSet<usize>,
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
        let term = Compiler::new(self, scope).compile(&expr.root);
        let result = term.and_then(|term| self.materialise(expr.root.at, term));
        result.map(OutputId).map_err(|fault| {
            self.leaves.truncate(leaves);
            self.nodes.truncate(nodes);
            self.known.retain(|_, node| *node < nodes);
            self.cells = cells;
            fault.within(&expr.text)
        })
    }

    /// The graph of all expressions.
    #[must_use]
    pub fn build(self) -> Graph {
        Graph::new(self.leaves, self.nodes)
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
        let key = (label, inputs.to_vec());
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
        let mut draft = Draft {
            op: op(),
            inputs: [0; 3],
            leaves: BTreeSet::new(),
        };
        for (place, input) in draft.inputs.iter_mut().zip(inputs) {
            match *input {
                Input::Leaf(leaf) => {
                    *place = leaf;
                    draft.leaves.insert(leaf);
                }
                Input::Node(node) => {
                    *place = node;
                    draft.leaves.extend(&self.nodes[node].leaves);
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

    /// The place of a leaf, which is added if new.
    pub(crate) fn leaf(&mut self, leaf: Leaf) -> usize {
        let known = self.leaves.iter().position(|known| *known == leaf);
        known.unwrap_or_else(|| {
            self.leaves.push(leaf);
            self.leaves.len() - 1
        })
    }
}
