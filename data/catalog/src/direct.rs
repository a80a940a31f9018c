//! Decodes the columns of a row group into numbers, without the arrays of a library between: files of the catalog have few kinds of
//! columns, and scans read little else.
//!
//! What is not as this program writes it (another encoding, a value that fits no record, a damaged page) is not judged here: it is
//! left to `batches.rs`, which reads on with the library from the same row and says what is wrong.

mod chunk;
mod spare;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use chunk::Reads;
use spare::{list_of_values, spare};

use super::chunks::Chunks;
use chunk::Chunk;
use parquet::file::metadata::ParquetMetaData;
use std::ops::Range;

/// Rows as columns of numbers, in the order of the columns that are read.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Values>,
}

/// The values of a column.
#[derive(Debug, Default)]
pub(crate) struct Values {
    /// One a row, unless all are the same.
    each: Vec<i64>,
    same: Option<i64>,
}

impl Values {
    fn new() -> Values {
        Values {
            each: list_of_values(),
            same: None,
        }
    }

    /// Those of some of the rows of its block.
    pub(crate) fn of(&self, some: &Range<usize>) -> Given<'_> {
        match self.same {
            Some(same) => Given::Same(same),
            None => Given::Each(&self.each[some.clone()]),
        }
    }

    /// The same, one a row; the block has so many.
    pub(crate) fn each(&mut self, some: &Range<usize>, rows: usize) -> &[i64] {
        if let Some(same) = self.same.take() {
            self.each.clear();
            self.each.resize(rows, same);
        }
        &self.each[some.clone()]
    }
}

/// The values of a column in some rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    /// All are this one.
    Same(i64),
    /// One a row.
    Each(&'a [i64]),
}

impl Given<'_> {
    /// Appends what so many rows have.
    pub(crate) fn append<T: Clone>(self, rows: usize, to: &mut Vec<T>, of: impl Fn(i64) -> T) {
        match self {
            Given::Same(value) => to.resize(to.len() + rows, of(value)),
            Given::Each(values) => to.extend(values.iter().map(|value| of(*value))),
        }
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        spare(std::mem::take(&mut self.each));
    }
}

/// The columns of a row group on their way.
pub(crate) struct Direct {
    chunks: Vec<Chunk>,
    left: usize,
    rows_max: usize,
}

impl Direct {
    /// The wanted rows of a row group, in blocks of at most so many; `columns` says where each column is in the file and what it
    /// becomes. `None` if something of it is not decoded here.
    pub(crate) fn new(
        file: &Chunks,
        meta: &ParquetMetaData,
        (group, rows): (usize, Range<usize>),
        columns: &[(usize, Reads)],
        rows_max: usize,
    ) -> Option<Direct> {
        let about = meta.row_groups().get(group)?;
        let all = usize::try_from(about.num_rows()).ok()?;
        let index = meta.page_index_for_row_group(group);
        let chunk = |(place, reads): &(usize, Reads)| {
            let pages = index.offset_index(*place);
            let pages = pages.map(|index| index.page_locations().as_slice());
            let column = about.columns().get(*place)?;
            Chunk::new(file, column, reads.clone(), (rows.start, all), pages)
        };
        Some(Direct {
            chunks: columns.iter().map(chunk).collect::<Option<_>>()?,
            left: rows.len(),
            rows_max,
        })
    }

    /// The next rows; `None` if something of them is not decoded here.
    pub(crate) fn next(&mut self, block: &mut Block) -> Option<()> {
        let mut rows = self.left.min(self.rows_max);
        for chunk in &mut self.chunks {
            rows = rows.min(chunk.fill()?);
        }
        if rows == 0 {
            return None;
        }
        block.rows = rows;
        block.columns.resize_with(self.chunks.len(), Values::new);
        for (chunk, column) in self.chunks.iter_mut().zip(&mut block.columns) {
            chunk.take(rows, column)?;
        }
        self.left -= rows;
        Some(())
    }
}
