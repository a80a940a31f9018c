//! The rows of files of columns, one after another.

use super::column::Column;
use super::{Batch, Batches, DescribedColumn, batches, container_of, part_columns, partition};
use crate::import::cells::{Cell, Cells};
use crate::import::input::Input;
use crate::import::input::Part;
use crate::{FormatError, Result};
use std::ops::Range;
use std::path::PathBuf;

/// The rows of a file, or of several with the same columns, one after another.
pub(crate) struct Rows {
    parts: std::vec::IntoIter<Part>,
    /// Names of the columns of the first file, and which of them are read.
    columns: Vec<DescribedColumn>,
    wanted: Vec<bool>,
    open: Option<OpenPart>,
    batch: Option<Box<Batch>>,
    /// The row in the batch that comes next.
    at: usize,
    /// Rows of the file before it.
    number: u64,
    new_path: Option<PathBuf>,
}

/// A file that is being read.
struct OpenPart {
    batches: Box<dyn Batches>,
    /// Where in it each column is, of the first file's; behind its own are those of its path.
    places: Vec<Option<usize>>,
    partitions: Vec<Column>,
}

/// The rows of a batch from one on, which are lent.
pub(crate) struct RowsAhead {
    batch: Box<Batch>,
    from: usize,
    /// The number of the first in its file, from one.
    pub(crate) number: u64,
}

impl RowsAhead {
    /// Places of the rows in [`RowsAhead::column`].
    pub(crate) fn rows(&self) -> Range<usize> {
        self.from..self.batch.rows
    }

    /// A column, with rows before and after these.
    pub(crate) fn column(&self, at: usize) -> Option<&Column> {
        self.batch.columns.get(at)
    }

    /// The row at a place.
    pub(crate) fn row(self, at: usize) -> RowCells {
        RowCells {
            batch: self.batch,
            at,
        }
    }
}

/// A row, which is lent.
pub(crate) struct RowCells {
    batch: Box<Batch>,
    at: usize,
}

impl Cells for RowCells {
    #[inline]
    fn len(&self) -> usize {
        self.batch.columns.len()
    }

    #[inline]
    fn cell(&self, at: usize) -> Cell<'_> {
        match self.batch.columns.get(at) {
            Some(column) => column.cell(self.at),
            None => Cell::Text(b""),
        }
    }
}

impl Rows {
    /// Begins with the first row of an input, of which these columns are wanted, partitions included.
    pub(crate) fn open(input: &Input, wanted: &[bool]) -> Result<Rows> {
        let parts = input.parts();
        let columns = match parts.first() {
            Some(part) => part_columns(part)?,
            None => Vec::new(),
        };
        Ok(Rows {
            parts: parts.into_iter(),
            wanted: wanted.to_vec(),
            columns,
            open: None,
            batch: None,
            at: 0,
            number: 0,
            new_path: None,
        })
    }

    /// Has a row in the batch; false at the end.
    #[inline]
    fn fill(&mut self) -> Result<bool> {
        let batch = self.batch.as_ref();
        match batch.is_none_or(|batch| self.at >= batch.rows) {
            true => self.next_batch(),
            false => Ok(true),
        }
    }

    /// The rows that come next and are in memory. They have to be passed, all or some of them.
    pub(crate) fn ahead(&mut self) -> Result<Option<RowsAhead>> {
        if !self.fill()? {
            return Ok(None);
        }
        Ok(self.batch.take().map(|batch| RowsAhead {
            batch,
            from: self.at,
            number: self.number + 1,
        }))
    }

    /// Goes past so many rows of those that were lent: the row before the next, which has to be given back.
    pub(crate) fn pass(&mut self, ahead: RowsAhead, count: usize) -> RowCells {
        self.at += count;
        self.number += count as u64;
        ahead.row(self.at.saturating_sub(1))
    }

    /// The next row with its number in its file, from one. It has to be given back.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(u64, RowCells)>> {
        if !self.fill()? {
            return Ok(None);
        }
        let Some(batch) = self.batch.take() else {
            return Ok(None);
        };
        let at = self.at;
        self.at += 1;
        self.number += 1;
        Ok(Some((self.number, RowCells { batch, at })))
    }

    /// Takes a row back.
    #[inline]
    pub(crate) fn give_back(&mut self, row: RowCells) {
        self.batch = Some(row.batch);
    }

    /// The file of the last row, if it is another than that of the row before.
    #[inline]
    pub(crate) fn new_path(&mut self) -> Option<PathBuf> {
        self.new_path.take()
    }

    fn next_batch(&mut self) -> Result<bool> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(batch) = open.batches.next()? {
                    self.at = 0;
                    self.batch = Some(Box::new(open.arranged(batch)));
                    if self.batch.as_ref().is_some_and(|batch| batch.rows > 0) {
                        return Ok(true);
                    }
                    continue;
                }
                self.open = None;
            }
            let Some(part) = self.parts.next() else {
                return Ok(false);
            };
            self.number = 0;
            self.new_path = Some(part.path().to_owned());
            self.open = Some(self.open_part(&part)?);
        }
    }

    fn open_part(&self, part: &Part) -> Result<OpenPart> {
        let columns = part_columns(part)?;
        let mut places = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            // Two columns of one name are told apart by their place.
            let here = columns
                .get(at)
                .is_some_and(|there| there.name == column.name);
            let place = if here {
                Some(at)
            } else {
                columns.iter().position(|there| there.name == column.name)
            };
            let is_wanted = self.wanted.get(at).copied().unwrap_or(false);
            if is_wanted && place.is_none() {
                return Err(FormatError::Columns {
                    file: part.path().to_owned(),
                    found: format!("no column {:?}", column.name),
                    expected: "the columns of the first file".to_owned(),
                });
            }
            places.push(place.filter(|_| is_wanted));
        }
        let own = columns.iter().filter(|column| !column.is_partition).count();
        let wanted: Vec<bool> = (0..own).map(|at| places.contains(&Some(at))).collect();
        let container = container_of(part)?;
        Ok(OpenPart {
            batches: batches(part, container, &wanted)?,
            places,
            partitions: partition::values(part.path()),
        })
    }
}

impl OpenPart {
    /// The columns in the order of those of the first file.
    fn arranged(&self, batch: Batch) -> Batch {
        let mut own: Vec<Option<Column>> = batch.columns.into_iter().map(Some).collect();
        let count = own.len();
        let take = |place: &Option<usize>| match *place {
            Some(at) if at < count => own[at].take().unwrap_or_else(Column::unread),
            Some(at) => self
                .partitions
                .get(at - count)
                .cloned()
                .unwrap_or_else(Column::unread),
            None => Column::unread(),
        };
        Batch {
            columns: self.places.iter().map(take).collect(),
            rows: batch.rows,
        }
    }
}
