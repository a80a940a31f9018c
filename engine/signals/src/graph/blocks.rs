//! A graph over one series of bars, evaluated in blocks of rows: a node at a time.

use super::{Graph, LeafId};
use crate::bar_columns::BarColumns;
use crate::builder::OutputId;
use crate::field::{Clock, Leaf};
use crate::limits::{BLOCK_ROWS_MAX, BLOCK_ROWS_MIN};
use crate::ops::Rows;
use std::ops::Range;
use tickloom_types::{BarSpec, InstrumentId};

/// Bytes of columns that stay close to the processor.
const COLUMNS_BYTES: usize = 256 << 10;

/// Rows of a block of so many columns: fewer where there are many, so that they stay close to the processor.
pub(crate) fn block_rows(columns: usize) -> usize {
    let rows = COLUMNS_BYTES / size_of::<f64>() / columns.max(1);
    rows.clamp(BLOCK_ROWS_MIN, BLOCK_ROWS_MAX)
}

impl Graph {
    /// The instrument and bar size if all leaves are fields of the same bars: then blocks can be run.
    #[must_use]
    pub fn is_single_bar(&self) -> Option<(InstrumentId, BarSpec)> {
        let first = self.leaves.first()?;
        let Clock::Bar(spec) = first.clock else {
            return None;
        };
        let same = |leaf: &Leaf| leaf.instrument == first.instrument && leaf.clock == first.clock;
        self.leaves
            .iter()
            .all(same)
            .then_some((first.instrument, spec))
    }

    /// Evaluates all bars as if they came one by one, in blocks of rows. After each block `on` gets the graph, whose
    /// [`Graph::column`]s are this block's, and the block's rows within `bars`.
    ///
    /// May be called again to go on, and mixed with steps.
    ///
    /// # Panics
    /// If the columns differ in length, or the graph is not [`Graph::is_single_bar`].
    pub fn run_block(&mut self, bars: &BarColumns<'_>, mut on: impl FnMut(&Graph, Range<usize>)) {
        assert!(
            self.leaves.is_empty() || self.is_single_bar().is_some(),
            "blocks need a graph over one series of bars"
        );
        let mut mantissas: [&[i64]; 5] = [&[]; 5];
        for (column, leaf) in mantissas.iter_mut().zip(&self.leaves) {
            *column = bars.column(leaf.field);
        }
        let mantissas = &mantissas[..self.leaves.len()];
        let stride = self.stride();
        self.columns.resize(stride * self.nodes.len(), f64::NAN);
        let count = bars.len();
        let mut start = 0;
        while start < count {
            let rows = start..count.min(start + stride);
            start = rows.end;
            self.evaluate(mantissas, rows.clone(), stride);
            on(self, rows);
        }
        if count > 0 {
            self.settle(mantissas, stride);
        }
    }

    /// The output's values in the rows of the last block, NaN where it is not ready.
    #[must_use]
    #[inline]
    pub fn column(&self, output: OutputId) -> &[f64] {
        &self.columns[output.node() * self.stride()..][..self.rows]
    }

    fn stride(&self) -> usize {
        block_rows(self.nodes.len())
    }

    fn evaluate(&mut self, mantissas: &[&[i64]], rows: Range<usize>, stride: usize) {
        self.rows = rows.len();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let (before, own) = self.columns.split_at_mut(at * stride);
            let input = Rows {
                mantissas,
                values: &[],
                rows: rows.clone(),
                columns: before,
                stride,
            };
            node.op.block(node.inputs, &input, &mut own[..rows.len()]);
        }
    }

    /// Leaves everything as if the last row had been a step.
    fn settle(&mut self, mantissas: &[&[i64]], stride: usize) {
        let last = self.rows - 1;
        for (at, value) in self.values.iter_mut().enumerate() {
            *value = self.columns[at * stride + last];
        }
        self.ticked.clear();
        for (leaf, column) in mantissas.iter().enumerate() {
            self.mantissas[leaf] = column[column.len() - 1];
            self.mark(LeafId(leaf));
        }
        std::mem::swap(&mut self.pending, &mut self.ticked);
    }
}
