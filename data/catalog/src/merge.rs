//! Merges the files of a run into one stream, by sequence. Files are opened only once their turn comes.
//!
//! Where rows of a file follow each other they are taken from it one after another. Where files take turns row by row, the rows of a
//! range of sequences are gathered from all of them, each file once, and put in order.

use super::files::FileScan;
use super::key::Key;
use super::read::FileReader;
use super::rows::Rows;
use crate::order::{Marking, Row, RunRows};
use crate::{CatalogError, Result};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::ops::Range;

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

/// Rows that come one after another from a file for which it is read by itself.
const ROWS_IN_A_ROW: usize = 32;
/// Sequences of a range that is gathered, for each file that is open, and at least and at most.
const SEQS_PER_FILE: usize = 32;
const SEQS_MIN: usize = 1 << 10;
const SEQS_MAX: usize = 1 << 17;

/// The records of one run in the order of their sequence.
pub struct RunMerge {
    waiting: BinaryHeap<Reverse<Input>>,
    current: Option<(usize, Box<FileReader>)>,
    /// The current file may give rows up to this key: the least that waits.
    limit: Option<Key>,
    gathered: Option<Box<Gathered>>,
    /// What ends the run, once the rows before it were taken.
    failed: Option<CatalogError>,
    marking: Marking,
}

/// Rows of a range of sequences.
struct Gathered {
    rows: Rows,
    unordered: Rows,
    order: Vec<u32>,
}

impl Gathered {
    fn new(reader: &FileReader) -> Gathered {
        Gathered {
            rows: Rows::new(reader.naming()),
            unordered: Rows::new(reader.naming()),
            order: Vec::new(),
        }
    }
}

impl RunRows for RunMerge {
    type Error = CatalogError;

    fn marking(&mut self) -> &mut Marking {
        &mut self.marking
    }

    fn read(&mut self) -> Result<Option<Row>> {
        loop {
            if let Some(gathered) = &mut self.gathered
                && !gathered.rows.is_empty()
            {
                return Ok(Some(gathered.rows.take()));
            }
            if let Some((_, reader)) = &mut self.current
                && let Some(key) = reader.rows.key()
                && self.limit.is_none_or(|limit| key < limit)
            {
                return Ok(Some(reader.rows.take()));
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
            gathered: None,
            failed: None,
            marking: Marking::new(),
        }
    }

    /// Whether rows that come next are in hand.
    fn has_coming(&self) -> bool {
        let is_gathered = |gathered: &Gathered| !gathered.rows.is_empty();
        self.gathered.as_deref().is_some_and(is_gathered) || {
            let current = self.current.as_ref();
            current.is_some_and(|(_, reader)| reader.rows.has_below(self.limit, 1))
        }
    }

    /// Rows that come next, what marks them, and which of them are in hand; `None` at the end.
    pub(crate) fn in_hand(&mut self) -> Result<Option<(&mut Rows, &mut Marking, Range<usize>)>> {
        while !self.has_coming() {
            if !self.switch()? {
                return Ok(None);
            }
        }
        let (rows, limit) = match (&mut self.gathered, &mut self.current) {
            (Some(gathered), _) if !gathered.rows.is_empty() => (&mut gathered.rows, None),
            (_, Some((_, reader))) => (&mut reader.rows, self.limit),
            _ => return Ok(None),
        };
        let range = rows.below(limit);
        Ok(Some((rows, &mut self.marking, range)))
    }

    /// Whether at least so many rows that come next are in hand.
    pub(crate) fn has_in_hand(&self, count: usize) -> bool {
        match (&self.gathered, &self.current) {
            (Some(gathered), _) if !gathered.rows.is_empty() => {
                gathered.rows.has_below(None, count)
            }
            (_, Some((_, reader))) => reader.rows.has_below(self.limit, count),
            _ => false,
        }
    }

    /// Takes a row back, if it is the one that was taken last.
    pub(crate) fn give_back(&mut self, key: Key) -> bool {
        let gathered = self.gathered.as_mut();
        gathered.is_some_and(|gathered| gathered.rows.give_back(key)) || {
            let current = self.current.as_mut();
            current.is_some_and(|(_, reader)| reader.rows.give_back(key))
        }
    }

    /// Puts the current file back and takes the one with the least key, or rows of several; false at the end.
    fn switch(&mut self) -> Result<bool> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if let Some((number, reader)) = self.current.take() {
            self.go_on(number, reader)?;
        }
        let Some(Reverse(input)) = self.waiting.pop() else {
            return Ok(false);
        };
        match input.state {
            State::Open(reader) => {
                self.limit = self.waiting.peek().map(|next| next.0.key);
                if self.limit.is_none() || reader.rows.has_below(self.limit, ROWS_IN_A_ROW) {
                    self.current = Some((input.number, reader));
                } else {
                    self.gather(input.number, reader);
                }
            }
            State::Planned(scan) => self.open(input.number, *scan)?,
        }
        Ok(true)
    }

    fn open(&mut self, number: usize, scan: FileScan) -> Result<()> {
        match scan.open() {
            Ok(reader) => self.go_on(number, Box::new(reader)),
            Err(error) => self.follow(number, scan, error),
        }
    }

    /// Gathers the rows of all files in a range of sequences, which begins with the next row of this one.
    fn gather(&mut self, number: usize, reader: Box<FileReader>) {
        let Some(first) = reader.rows.key().map(|key| key.seq) else {
            return;
        };
        let files = self.waiting.len().saturating_add(1);
        let span = files
            .saturating_mul(SEQS_PER_FILE)
            .clamp(SEQS_MIN, SEQS_MAX);
        let end = Key {
            seq: first.saturating_add(span as u64),
            output: 0,
        };
        let gathered = self.gathered.take();
        let mut gathered = gathered.unwrap_or_else(|| Box::new(Gathered::new(&reader)));
        let mut unordered = std::mem::replace(&mut gathered.unordered, Rows::new(reader.naming()));
        unordered.clear();
        let mut next = Some((number, reader));
        loop {
            let done = match next.take() {
                Some((number, mut reader)) => {
                    reader.rows.move_below(end, &mut unordered);
                    let last = reader.rows.last_key();
                    match reader.rows.is_empty() {
                        false => {
                            self.wait(number, reader);
                            Ok(())
                        }
                        true => self.go_on(number, reader).map_err(|error| (last, error)),
                    }
                }
                None => {
                    let waiting = self.waiting.peek();
                    if waiting.is_none_or(|next| next.0.key >= end) {
                        break;
                    }
                    let Some(Reverse(input)) = self.waiting.pop() else {
                        break;
                    };
                    let before = input.key;
                    match input.state {
                        State::Open(reader) => {
                            next = Some((input.number, reader));
                            Ok(())
                        }
                        State::Planned(scan) => {
                            let opened = self.open(input.number, *scan);
                            opened.map_err(|error| (before.before(), error))
                        }
                    }
                }
            };
            if let Err((last, error)) = done {
                // What comes before the row that cannot be read is handed out.
                unordered.keep_to(last);
                self.failed = Some(error);
                break;
            }
        }
        gathered
            .rows
            .arrange(&unordered, first, &mut gathered.order);
        gathered.unordered = unordered;
        self.gathered = Some(gathered);
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
        let key = reader
            .rows
            .key()
            .expect("the caller has seen that there is a row");
        self.waiting.push(Reverse(Input {
            key,
            number,
            state: State::Open(reader),
        }));
    }
}
