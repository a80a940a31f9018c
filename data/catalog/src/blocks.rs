//! Records some at a time, and the ways between these and records one by one.

use crate::CatalogError;
use tickloom_types::{Record, Seq};

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
    pub(super) fn fill(&mut self, mut next: impl FnMut() -> Option<Result<(Seq, Record), E>>) {
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

    pub(super) fn hand_out(&mut self) -> Result<Option<RecordBlock<'_>>, E> {
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
