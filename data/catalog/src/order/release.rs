//! Merges runs by release, whole moments at a time.

use super::{Marking, Row};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The rows of one run, in its order.
pub trait RunRows {
    /// What reading them fails with.
    type Error;

    /// What marks the rows on their way out.
    fn marking(&mut self) -> &mut Marking;

    /// The next row as it is kept.
    ///
    /// # Errors
    /// What the rows fail with.
    fn read(&mut self) -> Result<Option<Row>, Self::Error>;

    /// The next row, with its release and the mark of its moment as far as that is read.
    ///
    /// # Errors
    /// As [`RunRows::read`].
    fn next(&mut self) -> Result<Option<Row>, Self::Error> {
        let row = match self.marking().take_next() {
            Some(row) => Some(row),
            None => self.read()?,
        };
        let Some(row) = row else {
            return Ok(None);
        };
        let next = match Marking::asks(&row) {
            true => self.read()?,
            false => None,
        };
        Ok(Some(self.marking().mark(row, next)))
    }
}

/// The records of several runs: each run in its own order, the runs merged by release. Of rows with one release those of the first run come first.
pub struct ReleaseMerge<R> {
    runs: Vec<R>,
    /// Release and place of the runs that wait; a run that has not begun waits at the least release it may have.
    waiting: BinaryHeap<Reverse<(i64, usize)>>,
    heads: Vec<Option<Row>>,
    /// The run whose turn it stays: while it is within a moment, and while no other is due.
    open: Option<usize>,
}

impl<R: RunRows> ReleaseMerge<R> {
    /// The runs with the least release that their records may have.
    pub fn new(runs: Vec<(i64, R)>) -> ReleaseMerge<R> {
        let waiting = runs.iter().enumerate();
        let waiting = waiting.map(|(at, (ts, _))| Reverse((*ts, at))).collect();
        let is_alone = runs.len() == 1;
        let closing = |mut run: R| {
            if !is_alone {
                run.marking().close_at_end();
            }
            run
        };
        ReleaseMerge {
            waiting,
            heads: vec![None; runs.len()],
            runs: runs.into_iter().map(|(_, run)| closing(run)).collect(),
            open: None,
        }
    }

    /// The only run, if there is but one.
    pub(crate) fn alone(&mut self) -> Option<&mut R> {
        match self.runs.as_mut_slice() {
            [run] => Some(run),
            _ => None,
        }
    }

    /// The next row.
    ///
    /// # Errors
    /// As [`RunRows::read`].
    pub fn next_row(&mut self) -> Result<Option<Row>, R::Error> {
        Ok(self.next_of()?.map(|(_, row)| row))
    }

    /// The next row, and the index of its run.
    ///
    /// # Errors
    /// As [`RunRows::read`].
    pub fn next_of(&mut self) -> Result<Option<(usize, Row)>, R::Error> {
        if let [run] = self.runs.as_mut_slice() {
            return Ok(run.next()?.map(|row| (0, row)));
        }
        while let Some(at) = self.due() {
            let taken = self.heads[at].take();
            if let Some(head) = self.runs[at].next()? {
                let is_of_moment = taken.is_some_and(|row| row.has_more());
                let other = self.waiting.peek().map(|next| next.0);
                match is_of_moment || other.is_none_or(|other| (head.release, at) < other) {
                    true => self.open = Some(at),
                    false => self.waiting.push(Reverse((head.release, at))),
                }
                self.heads[at] = Some(head);
            }
            if let Some(row) = taken {
                return Ok(Some((at, row)));
            }
        }
        Ok(None)
    }

    /// The run whose turn it is.
    fn due(&mut self) -> Option<usize> {
        let open = self.open.take();
        open.or_else(|| self.waiting.pop().map(|Reverse((_, at))| at))
    }
}
