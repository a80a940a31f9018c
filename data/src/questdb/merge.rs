//! Merges pages into one stream: within a run by sequence, across runs by time. A page is read once its turn comes.

use super::page::{PageReader, Place};
use crate::Result;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use tickloom_types::{Instruments, Record, Seq};

/// Records in order, as [`crate::Scan`] gives them: those of one run with its sequences, several runs merged by time.
pub struct QuestDbScan {
    instruments: Instruments,
    rows_max: u64,
    runs: Vec<RunMerge>,
    /// Time of the next record of each run, and its place.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
    is_begun: bool,
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
            heads: BinaryHeap::new(),
            runs,
            is_begun: false,
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
        let Some(next) = self.next else {
            let only = self.runs.first_mut().expect("a scan has a run");
            return only.take();
        };
        if !self.is_begun {
            self.is_begun = true;
            for at in 0..self.runs.len() {
                self.wait(at)?;
            }
        }
        let Some(Reverse((_, at))) = self.heads.pop() else {
            return Ok(None);
        };
        let taken = self.runs[at].take()?;
        self.wait(at)?;
        self.next = Some(next + 1);
        Ok(taken.map(|(_, record)| (next, record)))
    }

    fn wait(&mut self, at: usize) -> Result<()> {
        if let Some(ts) = self.runs[at].next_ts()? {
            self.heads.push(Reverse((ts, at)));
        }
        Ok(())
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
    waiting: BinaryHeap<Reverse<(Place, usize)>>,
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

    fn next_ts(&mut self) -> Result<Option<i64>> {
        let at = self.settle()?;
        Ok(at.map(|at| self.pages[at].head().header.ts_event))
    }

    fn take(&mut self) -> Result<Option<(Seq, Record)>> {
        let Some(at) = self.settle()? else {
            return Ok(None);
        };
        let page = &mut self.pages[at];
        let (place, record) = page.take();
        self.waiting.pop();
        if page.has_more() {
            self.waiting.push(Reverse((page.place(), at)));
        }
        Ok(Some((place.seq, record)))
    }
}
