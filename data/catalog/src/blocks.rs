//! Records of a scan, some at a time: what [`Scan`] gives one by one, without handing each through all that marks it.
//!
//! Rows go out where they were decoded if they are of one file and one run, and no moment is open whose end would have to be looked
//! for. All others come one by one, and are collected.

use super::merge::RunMerge;
use super::scan::Scan;
use crate::order::RunRows;
use crate::{CatalogError, Result};
use std::ops::Range;
use tickloom_types::{Flags, Record, Seq};

/// Rows below which it is no gain to hand them out where they are.
const ROWS_MIN: usize = 16;
/// Rows that are collected.
const ROWS_COLLECTED: usize = 1_024;

/// Records in their order, each with its sequence at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordBlock<'a> {
    /// The sequences.
    pub seqs: &'a [Seq],
    /// The records, as many.
    pub records: &'a [Record],
}

/// Records in their order, handed out some at a time.
pub trait RecordBlocks {
    /// What ends the records early.
    type Error;

    /// The next records, at least one; `None` at the end.
    ///
    /// # Errors
    /// What ends the records; those before it have been handed out.
    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>, Self::Error>;
}

impl<B: RecordBlocks + ?Sized> RecordBlocks for Box<B> {
    type Error = B::Error;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>, B::Error> {
        (**self).next_block()
    }
}

/// Blocks of records that come one by one.
pub struct InBlocks<I, E> {
    records: I,
    collected: Collected<E>,
}

/// Records that come in blocks, one by one.
pub struct InTurn<B: RecordBlocks> {
    blocks: B,
    collected: Collected<B::Error>,
    at: usize,
    has_ended: bool,
}

/// Records, and why there are no more.
pub(super) struct Collected<E = CatalogError> {
    seqs: Vec<Seq>,
    records: Vec<Record>,
    error: Option<E>,
}

impl<E> Default for Collected<E> {
    fn default() -> Self {
        Collected {
            seqs: Vec::new(),
            records: Vec::new(),
            error: None,
        }
    }
}

impl<E> Collected<E> {
    /// Collects from `next`, until it says that there are enough.
    fn fill(&mut self, mut next: impl FnMut() -> Option<Result<(Seq, Record), E>>) {
        self.seqs.clear();
        self.records.clear();
        while self.error.is_none() && self.records.len() < ROWS_COLLECTED {
            match next() {
                Some(Ok((seq, record))) => {
                    self.seqs.push(seq);
                    self.records.push(record);
                }
                Some(Err(error)) => self.error = Some(error),
                None => break,
            }
        }
    }

    fn hand_out(&mut self) -> Result<Option<RecordBlock<'_>>, E> {
        if self.records.is_empty() {
            return self.error.take().map_or(Ok(None), Err);
        }
        Ok(Some(RecordBlock {
            seqs: &self.seqs,
            records: &self.records,
        }))
    }
}

impl<E, I: Iterator<Item = Result<(Seq, Record), E>>> InBlocks<I, E> {
    /// Blocks of these records.
    pub fn new(records: impl IntoIterator<IntoIter = I>) -> InBlocks<I, E> {
        InBlocks {
            records: records.into_iter(),
            collected: Collected::default(),
        }
    }
}

impl<E, I: Iterator<Item = Result<(Seq, Record), E>>> RecordBlocks for InBlocks<I, E> {
    type Error = E;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>, E> {
        self.collected.fill(|| self.records.next());
        self.collected.hand_out()
    }
}

impl<B: RecordBlocks> InTurn<B> {
    /// The records of these blocks.
    pub fn new(blocks: B) -> InTurn<B> {
        InTurn {
            blocks,
            collected: Collected::default(),
            at: 0,
            has_ended: false,
        }
    }
}

impl<B: RecordBlocks> Iterator for InTurn<B> {
    type Item = Result<(Seq, Record), B::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let InTurn { collected, at, .. } = self;
        if *at >= collected.records.len() {
            if self.has_ended {
                return None;
            }
            match self.blocks.next_block() {
                Ok(Some(block)) => {
                    collected.seqs.clear();
                    collected.seqs.extend_from_slice(block.seqs);
                    collected.records.clear();
                    collected.records.extend_from_slice(block.records);
                    *at = 0;
                }
                Ok(None) => {
                    self.has_ended = true;
                    return None;
                }
                Err(error) => {
                    self.has_ended = true;
                    return Some(Err(error));
                }
            }
        }
        let next = collected.seqs.get(*at).zip(collected.records.get(*at));
        *at += 1;
        next.map(|(seq, record)| Ok((*seq, *record)))
    }
}

impl RecordBlocks for Scan {
    type Error = CatalogError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>> {
        if let Some(rows) = self.mark_in_hand()? {
            let run = self.merge.alone();
            let Some((coming, ..)) = run.map(RunMerge::in_hand).transpose()?.flatten() else {
                return Ok(None);
            };
            coming.take_to(rows.end);
            let (seqs, records) = coming.some(rows);
            return Ok(Some(RecordBlock { seqs, records }));
        }
        let mut collected = std::mem::take(&mut self.collected);
        let mut count = 0;
        collected.fill(|| {
            // Perhaps what follows can go out where it is.
            if count >= ROWS_MIN && self.has_in_hand() {
                return None;
            }
            count += 1;
            self.next()
        });
        self.collected = collected;
        self.collected.hand_out()
    }
}

impl Scan {
    /// Whether rows enough are in hand that [`Scan::mark_in_hand`] may hand out.
    fn has_in_hand(&mut self) -> bool {
        let run = self.merge.alone();
        run.is_some_and(|run| run.has_in_hand(ROWS_MIN))
    }

    /// Marks rows in hand that come next, all of one file, as they would be marked one by one. `None` if they have to come one by one.
    fn mark_in_hand(&mut self) -> Result<Option<Range<usize>>> {
        let Some(run) = self.merge.alone() else {
            return Ok(None);
        };
        if run.marking().has_next() {
            return Ok(None);
        }
        let waiting = self.joining.waiting();
        if let Some(row) = waiting.as_ref() {
            // A row that was read ahead comes first: it is still in hand, or comes alone.
            let key = row.placed.key;
            if !row.joins || row.has_more() || !run.give_back(key) {
                return Ok(None);
            }
            *waiting = None;
        }
        let Some((coming, marking, rows)) = run.in_hand()? else {
            return Ok(None);
        };
        let mut rows = coming.without_moments(rows);
        if rows.len() < ROWS_MIN {
            return Ok(None);
        }
        let mut before: Option<i64> = None;
        for at in rows.clone() {
            let (own, joins) = coming.release(at);
            let release = marking.release(own);
            if joins && before == Some(release) {
                coming.some(at - 1..at).1[0].header.flags |= Flags::MORE;
            }
            if joins && at + 1 == rows.end {
                // Whether its moment goes on the row after it says.
                rows.end = at;
                break;
            }
            before = joins.then_some(release);
        }
        Ok(Some(rows))
    }
}
