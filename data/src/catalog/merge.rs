//! Merges files into one stream: within a run by sequence, across runs by time. Files are opened only once their turn comes.

use super::file::Key;
use super::read::{FileReader, FileScan};
use crate::Result;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use tickloom_types::Record;

/// A file in the merge: not yet open, where the key is a lower bound, or open, where it is the next row's.
struct Input {
    key: Key,
    /// Breaks ties between lower bounds, so that the order never depends on the heap.
    number: usize,
    state: State,
}

enum State {
    Planned(Box<FileScan>),
    Open(Box<FileReader>),
}

impl Input {
    fn order(&self) -> (Key, usize) {
        (self.key, self.number)
    }
}

impl PartialEq for Input {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}
impl Eq for Input {}
impl PartialOrd for Input {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Input {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// The records of one run in the order of their sequence.
pub(crate) struct RunMerge {
    waiting: BinaryHeap<Reverse<Input>>,
    current: Option<(usize, Box<FileReader>)>,
    /// The current file may give rows up to this key: the least that waits.
    limit: Option<Key>,
}

impl RunMerge {
    pub(crate) fn new(files: Vec<FileScan>) -> RunMerge {
        let waiting = files.into_iter().enumerate().map(|(number, scan)| {
            Reverse(Input {
                key: scan.file.meta.first,
                number,
                state: State::Planned(Box::new(scan)),
            })
        });
        RunMerge {
            waiting: waiting.collect(),
            current: None,
            limit: None,
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<(Key, Record)>> {
        loop {
            if let Some((_, reader)) = &mut self.current
                && let Some(key) = reader.key()
                && self.limit.is_none_or(|limit| key < limit)
            {
                return Ok(Some((key, reader.take())));
            }
            if !self.switch()? {
                return Ok(None);
            }
        }
    }

    /// Puts the current file back and takes the one with the least key; false at the end.
    fn switch(&mut self) -> Result<bool> {
        if let Some((number, mut reader)) = self.current.take()
            && reader.fill()?
        {
            self.wait(number, reader);
        }
        let Some(Reverse(input)) = self.waiting.pop() else {
            return Ok(false);
        };
        match input.state {
            State::Open(reader) => {
                self.limit = self.waiting.peek().map(|next| next.0.key);
                self.current = Some((input.number, reader));
            }
            State::Planned(scan) => {
                let mut reader = Box::new(scan.open()?);
                if reader.fill()? {
                    self.wait(input.number, reader);
                }
            }
        }
        Ok(true)
    }

    fn wait(&mut self, number: usize, reader: Box<FileReader>) {
        let key = reader.key().expect("fill() said that there is a row");
        self.waiting.push(Reverse(Input {
            key,
            number,
            state: State::Open(reader),
        }));
    }
}

/// The records of several runs: each run in its own order, the runs merged by time.
pub(crate) struct TimeMerge {
    runs: Vec<RunMerge>,
    /// Time and place of the runs that wait; a run that has not begun waits at the least time it may have.
    waiting: BinaryHeap<Reverse<(i64, usize)>>,
    heads: Vec<Option<(Key, Record)>>,
}

impl TimeMerge {
    /// The runs with the least time that their records may have.
    pub(crate) fn new(runs: Vec<(i64, RunMerge)>) -> TimeMerge {
        let waiting = runs.iter().enumerate();
        TimeMerge {
            waiting: waiting.map(|(at, (ts, _))| Reverse((*ts, at))).collect(),
            heads: vec![None; runs.len()],
            runs: runs.into_iter().map(|(_, run)| run).collect(),
        }
    }

    /// The next record, with its place in its run.
    pub(crate) fn next(&mut self) -> Result<Option<(Key, Record)>> {
        if let [run] = self.runs.as_mut_slice() {
            return run.next();
        }
        while let Some(Reverse((_, at))) = self.waiting.pop() {
            let taken = self.heads[at].take();
            if let Some(head) = self.runs[at].next()? {
                self.waiting.push(Reverse((head.1.header.ts_event, at)));
                self.heads[at] = Some(head);
            }
            if taken.is_some() {
                return Ok(taken);
            }
        }
        Ok(None)
    }
}
