//! Merges the pages of a run into one stream, by sequence, and the runs by release. A page is read once its turn comes.

use super::page::PageReader;
use crate::{DataError, Result};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use tickloom_catalog::Key;
use tickloom_catalog::order::{Joining, Marking, ReleaseMerge, Row, RunRows};
use tickloom_types::{Instruments, Record, Seq};

/// Records in order, as [`crate::Scan`] gives them: those of one run with its sequences, several runs merged by release.
pub struct QuestDbScan {
    instruments: Instruments,
    rows_max: u64,
    merge: ReleaseMerge<RunMerge>,
    joining: Joining,
    /// Number of the next record, if several runs are merged.
    next: Option<Seq>,
}

impl QuestDbScan {
    /// Of these runs, in the order of their names.
    pub(super) fn new(instruments: Instruments, rows_max: u64, runs: Vec<RunMerge>) -> QuestDbScan {
        QuestDbScan {
            instruments,
            rows_max,
            next: (runs.len() > 1).then_some(0),
            // The server is not asked when a run begins: its first rows are read to begin with.
            merge: ReleaseMerge::new(runs.into_iter().map(|run| (i64::MIN, run)).collect()),
            joining: Joining::default(),
        }
    }

    /// The instruments and sources that the identifiers in the records mean.
    #[must_use]
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// So many records will come, if nobody writes meanwhile.
    #[must_use]
    pub fn rows_max(&self) -> u64 {
        self.rows_max
    }

    fn step(&mut self) -> Result<Option<(Seq, Record)>> {
        let merge = &mut self.merge;
        let Some(row) = self.joining.next(|| merge.next_row())? else {
            return Ok(None);
        };
        let seq = match &mut self.next {
            None => row.placed.key.seq,
            Some(next) => {
                *next += 1;
                *next - 1
            }
        };
        Ok(Some((seq, row.placed.record)))
    }
}

impl Iterator for QuestDbScan {
    type Item = Result<(Seq, Record)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// The records of one run in the order of their sequence. A page is read once its turn comes, and stays while it has rows.
pub(super) struct RunMerge {
    pages: Vec<PageReader>,
    /// Place of each page by the least that its next row may be.
    waiting: BinaryHeap<Reverse<(Key, usize)>>,
    marking: Marking,
}

impl RunMerge {
    pub(super) fn new(pages: Vec<PageReader>) -> RunMerge {
        let waiting = pages
            .iter()
            .enumerate()
            .map(|(at, page)| Reverse((page.place(), at)));
        RunMerge {
            waiting: waiting.collect(),
            pages,
            marking: Marking::new(),
        }
    }

    /// Brings the page with the next row to the top.
    fn settle(&mut self) -> Result<Option<usize>> {
        while let Some(Reverse((_, at))) = self.waiting.peek().copied() {
            let page = &mut self.pages[at];
            if page.is_loaded() {
                return Ok(Some(at));
            }
            page.load()?;
            self.waiting.pop();
            if page.is_loaded() {
                self.waiting.push(Reverse((page.place(), at)));
            }
        }
        Ok(None)
    }
}

impl RunRows for RunMerge {
    type Error = DataError;

    fn marking(&mut self) -> &mut Marking {
        &mut self.marking
    }

    fn read(&mut self) -> Result<Option<Row>> {
        let Some(at) = self.settle()? else {
            return Ok(None);
        };
        let page = &mut self.pages[at];
        let row = page.take();
        self.waiting.pop();
        if page.has_more() {
            self.waiting.push(Reverse((page.place(), at)));
        }
        Ok(Some(row))
    }
}
