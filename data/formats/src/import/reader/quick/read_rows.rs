//! Rows that were read many at once: columns again.

use super::rows::NUMBERS;
use crate::import::row::Shape;

/// Rows of one instrument, as columns: all of equal length, or empty where no row has it.
#[derive(Default)]
pub(in crate::import) struct ReadRows {
    pub(in crate::import) ticker: usize,
    /// The number of the first in its file.
    pub(in crate::import) line: u64,
    pub(in crate::import) ts: Vec<i64>,
    /// Whether a time at midnight is a date.
    pub(super) are_local: bool,
    pub(in crate::import) arrivals: Vec<i64>,
    /// Of bars that say it.
    pub(in crate::import) closes: Vec<i64>,
    /// As the shape says, at the decimals of the ticker.
    pub(in crate::import) numbers: [Vec<i64>; NUMBERS],
    pub(in crate::import) ids: Vec<i64>,
    pub(in crate::import) sequences: Vec<i64>,
    pub(in crate::import) sides: Vec<u8>,
}

impl ReadRows {
    pub(super) fn clear(&mut self) {
        for column in self.columns() {
            column.clear();
        }
        self.sides.clear();
    }

    fn columns(&mut self) -> impl Iterator<Item = &mut Vec<i64>> {
        let ReadRows {
            ts,
            arrivals,
            closes,
            numbers,
            ids,
            sequences,
            ..
        } = self;
        let others = [ts, arrivals, closes, ids, sequences];
        others.into_iter().chain(numbers)
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        for column in self.columns() {
            column.truncate(rows);
        }
        self.sides.truncate(rows);
    }

    /// The times by which rows are in order: those of arrival, where there are any.
    pub(in crate::import) fn order(&self) -> &[i64] {
        match self.arrivals.is_empty() {
            true => &self.ts,
            false => &self.arrivals,
        }
    }
}

/// How many places follow each other from the first on for which it is true.
#[inline]
pub(super) fn leading(count: usize, mut is_right: impl FnMut(usize) -> bool) -> usize {
    (0..count).position(|at| !is_right(at)).unwrap_or(count)
}

/// Prices and sizes that a row of this shape has where it is read so, or held as columns.
pub(in crate::import) fn numbers_of(shape: Shape) -> usize {
    match shape {
        Shape::Bars => 5,
        Shape::Quotes => 4,
        _ => 2,
    }
}
