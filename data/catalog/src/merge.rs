//! Merges the files of a run into one stream, by sequence. Files are opened only once their turn comes.

use super::files::FileScan;
use super::key::Key;
use super::read::FileReader;
use crate::order::{Marking, Row, RunRows};
use crate::{CatalogError, Result};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

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
pub struct RunMerge {
    waiting: BinaryHeap<Reverse<Input>>,
    current: Option<(usize, Box<FileReader>)>,
    /// The current file may give rows up to this key: the least that waits.
    limit: Option<Key>,
    marking: Marking,
}

impl RunRows for RunMerge {
    type Error = CatalogError;

    fn marking(&mut self) -> &mut Marking {
        &mut self.marking
    }

    fn read(&mut self) -> Result<Option<Row>> {
        loop {
            if let Some((_, reader)) = &mut self.current
                && let Some(key) = reader.key()
                && self.limit.is_none_or(|limit| key < limit)
            {
                return Ok(Some(reader.take()));
            }
            if !self.switch()? {
                return Ok(None);
            }
        }
    }
}

impl RunMerge {
    pub(crate) fn new(files: Vec<FileScan>) -> RunMerge {
        let waiting = files.into_iter().enumerate().map(|(number, scan)| {
            Reverse(Input {
                key: scan.first(),
                number,
                state: State::Planned(Box::new(scan)),
            })
        });
        RunMerge {
            waiting: waiting.collect(),
            current: None,
            limit: None,
            marking: Marking::new(),
        }
    }

    /// Puts the current file back and takes the one with the least key; false at the end.
    fn switch(&mut self) -> Result<bool> {
        if let Some((number, reader)) = self.current.take() {
            self.go_on(number, reader)?;
        }
        let Some(Reverse(input)) = self.waiting.pop() else {
            return Ok(false);
        };
        match input.state {
            State::Open(reader) => {
                self.limit = self.waiting.peek().map(|next| next.0.key);
                self.current = Some((input.number, reader));
            }
            State::Planned(scan) => match scan.open() {
                Ok(reader) => self.go_on(input.number, Box::new(reader))?,
                Err(error) => self.follow(input.number, *scan, error)?,
            },
        }
        Ok(true)
    }

    /// Lets an open file wait for its next row to be the least, if it has one.
    fn go_on(&mut self, number: usize, mut reader: Box<FileReader>) -> Result<()> {
        match reader.fill() {
            Ok(true) => self.wait(number, reader),
            Ok(false) => {}
            Err(error) => self.follow(number, reader.into_rest(), error)?,
        }
        Ok(())
    }

    /// Reads rows from where a compaction has put them since the index was read.
    fn follow(&mut self, number: usize, scan: FileScan, error: CatalogError) -> Result<()> {
        for scan in scan.successors(error)? {
            self.waiting.push(Reverse(Input {
                key: scan.first(),
                number,
                state: State::Planned(Box::new(scan)),
            }));
        }
        Ok(())
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
