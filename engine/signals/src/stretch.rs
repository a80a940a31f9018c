//! A stretch of ticks: rows in which the same leaves tick and no other, evaluated a node at a time.
//!
//! What these leaves do not feed stands still over the whole stretch, and is read as the value that it has. What comes out is what
//! stepping through the rows gives, bit for bit, also of what nodes remember.

use crate::builder::OutputId;
use crate::graph::{Graph, LeafId, block_rows};
use crate::ops::scalar::tame;
use crate::ops::{Inputs, Rows};
use std::collections::BTreeMap;

/// What a graph needs to evaluate rows in which some leaves tick; from [`Graph::stretch`].
#[derive(Clone, Debug)]
pub struct Stretch {
    /// The leaves that tick, with their columns.
    leaves: Vec<LeafId>,
    mantissas: Vec<Vec<i64>>,
    values: Vec<Vec<f64>>,
    /// Nodes that are read and do not tick: the first columns are theirs.
    held: Vec<usize>,
    /// Nodes that tick, in the order of the graph.
    nodes: Vec<Ticking>,
    /// Column of each node that ticks or is read.
    places: BTreeMap<usize, usize>,
    columns: Vec<f64>,
    stride: usize,
    rows: usize,
}

/// A node that ticks; its inputs are columns, or places among the leaves.
#[derive(Clone, Copy, Debug)]
struct Ticking {
    node: usize,
    inputs: Inputs,
}

impl Stretch {
    /// The leaves that tick. A place among them is what [`Stretch::mantissas_mut`] and [`Stretch::values_mut`] take.
    #[must_use]
    pub fn leaves(&self) -> &[LeafId] {
        &self.leaves
    }

    /// Rows that are evaluated at once, at most.
    #[must_use]
    pub fn rows_max(&self) -> usize {
        self.stride
    }

    /// The column of an exact field, for the rows to come.
    pub fn mantissas_mut(&mut self, leaf: usize) -> &mut Vec<i64> {
        &mut self.mantissas[leaf]
    }

    /// The column of a computed field, for the rows to come; NaN is not ready.
    pub fn values_mut(&mut self, leaf: usize) -> &mut Vec<f64> {
        &mut self.values[leaf]
    }

    /// The output's values in the rows that were evaluated last, NaN where it is not ready; `None` if it does not tick in them.
    #[must_use]
    pub fn column(&self, output: OutputId) -> Option<&[f64]> {
        let place = *self.places.get(&output.node())?;
        if place < self.held.len() {
            return None;
        }
        Some(&self.columns[place * self.stride..][..self.rows])
    }
}

impl Graph {
    /// How to evaluate rows in which these leaves tick, of which there is each once, and no other. `None` if some node reads a field
    /// that ticks together with one that does not.
    #[must_use]
    pub fn stretch(&self, leaves: &[LeafId]) -> Option<Stretch> {
        let leaf_place = |leaf: u32| leaves.iter().position(|known| known.0 == leaf as usize);
        let mut members = Vec::new();
        self.below(leaves).for_each(|node| members.push(node));
        let mut held: Vec<usize> = Vec::new();
        for node in &members {
            let (count, of_leaves) = self.nodes[*node].op.reads();
            let inputs = &self.nodes[*node].inputs[..count];
            if of_leaves {
                if inputs.iter().any(|leaf| leaf_place(*leaf).is_none()) {
                    return None;
                }
                continue;
            }
            let inputs = inputs.iter().map(|input| *input as usize);
            held.extend(inputs.filter(|input| members.binary_search(input).is_err()));
        }
        held.sort_unstable();
        held.dedup();
        let columns = held.iter().chain(&members).copied().zip(0..);
        let columns: BTreeMap<usize, usize> = columns.collect();
        let mut nodes = Vec::with_capacity(members.len());
        for node in &members {
            let (count, of_leaves) = self.nodes[*node].op.reads();
            let mut inputs = [0; 3];
            for (own, input) in inputs.iter_mut().zip(&self.nodes[*node].inputs[..count]) {
                let place = if of_leaves {
                    leaf_place(*input)?
                } else {
                    *columns.get(&(*input as usize))?
                };
                *own = u32::try_from(place).ok()?;
            }
            nodes.push(Ticking {
                node: *node,
                inputs,
            });
        }
        let count = columns.len();
        let stride = block_rows(count);
        Some(Stretch {
            leaves: leaves.to_vec(),
            mantissas: vec![Vec::new(); leaves.len()],
            values: vec![Vec::new(); leaves.len()],
            places: columns,
            columns: vec![f64::NAN; count * stride],
            held,
            nodes,
            stride,
            rows: 0,
        })
    }

    /// Evaluates so many rows of a stretch of this graph, whose columns have been filled, as if they came one by one.
    ///
    /// # Panics
    /// If a column has another length, there are no rows or more than [`Stretch::rows_max`], or the stretch is another graph's.
    pub fn run_stretch(&mut self, stretch: &mut Stretch, rows: usize) {
        assert!((1..=stretch.stride).contains(&rows), "rows of a stretch");
        stretch.rows = rows;
        let stride = stretch.stride;
        for (leaf, place) in stretch.leaves.iter().zip(0..) {
            let is_exact = self.leaves()[leaf.0].field.is_exact();
            if is_exact {
                let column = &stretch.mantissas[place];
                assert_eq!(column.len(), rows, "a column of a stretch");
                self.mantissas[leaf.0] = column[rows - 1];
            } else {
                let column = &mut stretch.values[place];
                assert_eq!(column.len(), rows, "a column of a stretch");
                column.iter_mut().for_each(|value| *value = tame(*value));
                self.leaf_values[leaf.0] = column[rows - 1];
            }
        }
        let held = stretch.held.iter().zip(stretch.columns.chunks_mut(stride));
        for (node, column) in held {
            column[..rows].fill(self.values[*node]);
        }
        let mantissas: Vec<&[i64]> = stretch.mantissas.iter().map(Vec::as_slice).collect();
        let values: Vec<&[f64]> = stretch.values.iter().map(Vec::as_slice).collect();
        for (ticking, place) in stretch.nodes.iter().zip(stretch.held.len()..) {
            let (before, own) = stretch.columns.split_at_mut(place * stride);
            let input = Rows {
                mantissas: &mantissas,
                values: &values,
                rows: 0..rows,
                columns: before,
                stride,
            };
            let node = &mut self.nodes[ticking.node];
            node.op.block(ticking.inputs, &input, &mut own[..rows]);
            self.values[ticking.node] = own[rows - 1];
        }
        self.ticked.clear();
        for ticking in &stretch.nodes {
            self.ticked.insert(ticking.node);
        }
    }
}
