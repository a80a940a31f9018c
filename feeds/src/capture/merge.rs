//! Reads several files of messages as the one recording that they were, in the order of arrival.

use super::line::{Line, alone, of_cryptofeed, stamped};
use super::origin::{Recorder, read_whole};
use super::reader::{CaptureReader, CaptureSource};
use super::{BadLine, CaptureError, LineError};
use crate::venues::batch::Batch;
use crate::venues::{Decoder, Name, VenueKind};
use std::collections::VecDeque;
use tickloom_types::Ts;

/// A file that is to be read.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Place of the file among all.
    pub(super) file: usize,
    pub(super) source: CaptureSource,
    pub(super) recorder: Recorder,
    /// The time of its first line or, without one, of the venue's first message.
    pub(super) first: Ts,
}

/// What a line was.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A message; the batch has what it says.
    Message(Name, Option<Ts>),
    /// Something of the recorder's.
    Other(Name),
    /// The first connection of its file.
    Connected(Name),
    /// Another connection than the one before it in its file.
    Reconnected(Name, Ts),
}

/// A file that is being read, and the connection that it is of.
pub(super) struct Cursor {
    /// Place of the file among all.
    pub(super) file: usize,
    lines: Lines,
    /// Whether a connection of this file has brought something.
    is_used: bool,
    decoder: Decoder,
    pub(super) venue: VenueKind,
    /// The time of the line at hand or, if it has none, of one before.
    ts: Ts,
    /// The recorder's time of the line at hand, if it has one.
    told: Option<Ts>,
    /// Whether the line at hand says that a connection was opened.
    begins: bool,
}

struct Lines {
    reader: CaptureReader,
    recorder: Recorder,
    /// The message of a file that is a single one.
    whole: Result<Vec<u8>, BadLine>,
}

impl Lines {
    fn line(&self) -> Result<Line<'_>, BadLine> {
        match self.recorder {
            Recorder::Whole => match &self.whole {
                Ok(body) => Ok(alone(body)),
                Err(bad) => Err(bad.clone()),
            },
            Recorder::Lines => Ok(alone(self.reader.text()?.text)),
            Recorder::Stamped => stamped(self.reader.text()?.text).map_err(|cause| self.bad(cause)),
            Recorder::Cryptofeed => {
                of_cryptofeed(self.reader.text()?.text).map_err(|cause| self.bad(cause))
            }
        }
    }

    fn bad(&self, cause: LineError) -> BadLine {
        let mut bad = self.reader.bad(cause);
        if self.recorder == Recorder::Whole {
            (bad.line, bad.byte) = (1, 0);
        }
        bad
    }
}

impl Cursor {
    /// Opens a file at its first line; `None` if there is none.
    pub(super) fn open(plan: &Plan, venue: VenueKind) -> Result<Option<Cursor>, CaptureError> {
        let mut cursor = Cursor {
            file: plan.file,
            is_used: false,
            lines: Lines {
                reader: plan.source.open()?,
                recorder: plan.recorder,
                whole: Ok(Vec::new()),
            },
            decoder: Decoder::new(venue),
            venue,
            ts: plan.first,
            told: None,
            begins: false,
        };
        let is_there = match plan.recorder {
            Recorder::Whole => match read_whole(&mut cursor.lines.reader)? {
                Some(whole) => {
                    cursor.lines.whole = whole;
                    true
                }
                None => false,
            },
            _ => cursor.advance()?,
        };
        Ok(is_there.then_some(cursor))
    }

    /// Goes to the next line. Says whether there is one.
    pub(super) fn advance(&mut self) -> Result<bool, CaptureError> {
        if self.lines.recorder == Recorder::Whole || !self.lines.reader.advance()? {
            return Ok(false);
        }
        let line = self.lines.line().ok();
        self.told = line.and_then(|line| line.ts());
        self.begins = matches!(line, Some(Line::Opened(_)));
        self.ts = self.told.unwrap_or(self.ts);
        Ok(true)
    }

    /// Takes the line at hand; a message is decoded into the batch.
    pub(super) fn step(&mut self, batch: &mut Batch) -> Result<Step, BadLine> {
        let line = self.lines.line()?;
        let name = line.name();
        match line {
            Line::Opened(ts) => {
                self.decoder = Decoder::new(self.venue);
                match std::mem::take(&mut self.is_used) {
                    true => Ok(Step::Reconnected(name, ts)),
                    false => Ok(Step::Connected(name)),
                }
            }
            Line::Sent(_) | Line::Settings => Ok(Step::Other(name)),
            Line::Received(ts_recv, frame) => match self.decoder.decode(&frame, batch) {
                Ok(name) => {
                    self.is_used = true;
                    Ok(Step::Message(name, ts_recv))
                }
                Err(error) => Err(self.lines.bad(LineError::Decode(error))),
            },
        }
    }

    /// Says that something is wrong with the line at hand.
    pub(super) fn bad(&self, cause: LineError) -> BadLine {
        self.lines.bad(cause)
    }

    /// The number of the line at hand, from 1.
    pub(super) fn number(&self) -> u64 {
        self.lines.reader.number()
    }

    /// The line at hand as it stands there, empty if it is too long.
    pub(super) fn text(&self) -> &[u8] {
        match (self.lines.recorder, &self.lines.whole) {
            (Recorder::Whole, Ok(body)) => body,
            (Recorder::Whole, Err(_)) => &[],
            _ => self.lines.reader.text().map_or(&[], |line| line.text),
        }
    }

    /// Whether the line at hand says that a connection was opened.
    pub(super) fn begins_connection(&self) -> bool {
        self.begins
    }

    /// The recorder's time of the line at hand, if it has one.
    pub(super) fn ts(&self) -> Option<Ts> {
        self.told
    }
}

/// Files in the order of the times of their lines. A file is opened when it is its turn.
pub(super) struct Merge {
    waiting: VecDeque<Plan>,
    open: Vec<Cursor>,
    venue: VenueKind,
}

impl Merge {
    /// Files that begin at the same time are read in the order in which they are given.
    pub(super) fn new(mut plans: Vec<Plan>, venue: VenueKind) -> Merge {
        plans.sort_by_key(|plan| plan.first);
        Merge {
            waiting: plans.into(),
            open: Vec::new(),
            venue,
        }
    }

    /// Calls `on` with each line's cursor, in order.
    pub(super) fn each(&mut self, mut on: impl FnMut(&mut Cursor)) -> Result<(), CaptureError> {
        loop {
            let earliest = self.open.iter().map(|cursor| cursor.ts).min();
            let is_due = |plan: &Plan| earliest.is_none_or(|ts| plan.first <= ts);
            if self.waiting.front().is_some_and(is_due)
                && let Some(plan) = self.waiting.pop_front()
            {
                self.open.extend(Cursor::open(&plan, self.venue)?);
                continue;
            }
            let next = (0..self.open.len()).min_by_key(|&at| self.open[at].ts);
            let Some(next) = next else {
                return Ok(());
            };
            on(&mut self.open[next]);
            if !self.open[next].advance()? {
                self.open.remove(next);
            }
        }
    }
}
