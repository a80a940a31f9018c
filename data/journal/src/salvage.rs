//! Rescues what is whole in a damaged journal into a new one, and says what is lost.
//!
//! Records keep their numbers. Where some are lost, the new journal has a session block that says so; its chain of hashes is its own.

mod pieces;

use crate::closed::ClosedMark;
use crate::format::{Block, Numbers, Place, Session};
use crate::position::Position;
use crate::recover::lock;
use crate::segment::ChainedBlock;
use crate::segments::{list_segments, segment_name};
use crate::writer::JournalWriter;
use crate::{JournalError, Result, RunMeta};
use pieces::{Piece, first_meta, pieces, resume};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Something that could not be rescued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The segment.
    pub file: PathBuf,
    /// Where in it; empty if the file is missing, or whole blocks do not follow each other there.
    pub bytes: Range<u64>,
    /// What is wrong.
    pub why: String,
    /// The inputs that were lost here, or with what is lost next to it. `None` at the end, where nothing says how many there were.
    pub inputs: Option<Range<u64>>,
    /// The outputs, likewise.
    pub outputs: Option<Range<u64>>,
}

/// What was rescued, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Inputs that were rescued.
    pub inputs: u64,
    /// Outputs that were rescued.
    pub outputs: u64,
    /// Segments that were written.
    pub segments: u32,
    /// Numbers of the next input and output.
    pub next: Numbers,
    /// What is lost, in order.
    pub lost: Vec<Lost>,
}

/// Copies what is whole in the journal in `dir` into a new one in `out`, which must be empty or not there. Reads one segment at a
/// time, as a whole. Cursors are not copied: they belong to the chain of the old one.
///
/// # Errors
/// [`JournalError::Locked`] if the journal is being written; [`JournalError::Missing`] if no segment tells what run it is;
/// [`JournalError::NotEmpty`]; [`JournalError::Io`].
pub fn salvage_journal(dir: &Path, out: &Path) -> Result<Salvaged> {
    // Where nothing can be written, nobody writes.
    let _lock = match lock(dir) {
        Ok(None) => return Err(JournalError::Locked(dir.to_owned())),
        Ok(Some(lock)) => Some(lock),
        Err(_) => None,
    };
    if out.exists()
        && fs::read_dir(out)
            .map_err(JournalError::io("list", out))?
            .next()
            .is_some()
    {
        return Err(JournalError::NotEmpty(out.to_owned()));
    }
    let segments = list_segments(dir)?;
    let meta = first_meta(dir, &segments)?.ok_or_else(|| JournalError::Missing {
        what: "whole journal segment",
        path: dir.to_owned(),
    })?;
    let mut salvage = Salvage {
        dir,
        out,
        meta,
        segments,
        writer: None,
        last: None,
        pending: Vec::new(),
        done: Salvaged::default(),
    };
    let mut expected = salvage.segments.first().copied().unwrap_or(1);
    for number in salvage.segments.clone() {
        while expected < number {
            salvage.lose(expected, 0..0, "the segment is missing".to_owned());
            salvage.last = None;
            expected += 1;
        }
        salvage.segment(number)?;
        expected = number.saturating_add(1);
    }
    let last = salvage.segments.last().copied().unwrap_or(0);
    salvage.look_for_end(last)?;
    salvage.finish()
}

struct Salvage<'a> {
    dir: &'a Path,
    out: &'a Path,
    meta: RunMeta,
    segments: Vec<u32>,
    writer: Option<JournalWriter>,
    /// Hash of the block before, unless something is lost there.
    last: Option<[u8; 16]>,
    /// What was lost since the last block that was copied.
    pending: Vec<Lost>,
    done: Salvaged,
}

impl Salvage<'_> {
    fn segment(&mut self, number: u32) -> Result<()> {
        let path = self.dir.join(segment_name(number));
        let bytes = fs::read(&path).map_err(JournalError::io("read", &path))?;
        let found = pieces(&bytes);
        match &mut self.writer {
            Some(writer) => writer.next_segment()?,
            None => self.begin(number, &found)?,
        }
        for (at, piece) in found.iter().enumerate() {
            match piece {
                Piece::Lost { bytes, why } => {
                    self.lose(number, bytes.clone(), why.clone());
                    self.last = None;
                }
                Piece::Block(chained) => {
                    if self.last.is_some_and(|last| last != chained.previous) {
                        let at = chained.offset..chained.offset;
                        self.lose(number, at, "a block that does not follow".to_owned());
                    }
                    self.last = Some(chained.hash);
                    let rest = found.get(at..).unwrap_or_default();
                    self.block(number, chained, rest)?;
                }
            }
        }
        Ok(())
    }

    /// Begins the new journal where the old one does.
    fn begin(&mut self, number: u32, found: &[Piece]) -> Result<()> {
        let place = found.iter().find_map(|piece| match piece {
            Piece::Block(chained) => match &chained.block {
                Block::Place(place) => Some(*place),
                _ => None,
            },
            Piece::Lost { .. } => None,
        });
        let place = match place {
            _ if number == 1 => Place::default(),
            Some(place) => place,
            None => Place {
                next: self.resume(number, found, Numbers::default())?,
                ..Place::default()
            },
        };
        let position = Position {
            place,
            ..Position::default()
        };
        let writer = JournalWriter::begin_at(self.out, &self.meta, number, position)?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Where numbers go on, as the next blocks of this segment and of later ones say.
    fn resume(&self, number: u32, rest: &[Piece], from: Numbers) -> Result<Numbers> {
        let later = self.segments.iter().filter(|later| **later > number);
        resume(self.dir, rest, later.copied(), from)
    }

    fn block(&mut self, number: u32, chained: &ChainedBlock, rest: &[Piece]) -> Result<()> {
        let block = &chained.block;
        let Some(writer) = &self.writer else {
            return Ok(());
        };
        if matches!(block, Block::Meta(_) | Block::Place(_) | Block::Durable(_)) {
            return Ok(());
        }
        let next = writer.position().place.next;
        if !self.pending.is_empty() {
            let start = self.resume(number, rest, next)?;
            self.pass_over(start)?;
        }
        if self.copy(block)? {
            return Ok(());
        }
        if let Block::Session(session) = block {
            return self.copy_session(session);
        }
        // Whole, and yet it does not follow: what should be before it is not there.
        let at = chained.offset..chained.offset;
        self.lose(number, at, "a block that does not follow".to_owned());
        let start = self.resume(number, rest, next)?;
        self.pass_over(start)?;
        self.copy(block).map(drop)
    }

    /// A session whose reservation, or one before it, is lost.
    fn copy_session(&mut self, session: &Session) -> Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let place = writer.position().place;
        let session = Session {
            session: session.session.max(place.sessions),
            kept: place.next,
            start: session.start.max(place.next),
            orders: session.orders,
            lost: true,
        };
        writer.copy(&Block::Session(session)).map(drop)
    }

    fn copy(&mut self, block: &Block) -> Result<bool> {
        let Some(writer) = &mut self.writer else {
            return Ok(false);
        };
        let is_copied = writer.copy(block)?;
        if is_copied {
            match block {
                Block::Inputs { records, .. } => self.done.inputs += records.len() as u64,
                Block::Outputs { records, .. } => self.done.outputs += records.len() as u64,
                _ => {}
            }
        }
        Ok(is_copied)
    }

    /// Says in the new journal that the numbers up to `start` are lost.
    fn pass_over(&mut self, start: Numbers) -> Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let place = writer.position().place;
        let (kept, start) = (place.next, start.max(place.next));
        if kept != start {
            writer.copy(&Block::Session(Session {
                session: place.sessions,
                kept,
                start,
                orders: None,
                lost: true,
            }))?;
        }
        for mut lost in self.pending.drain(..) {
            lost.inputs = Some(kept.inputs..start.inputs);
            lost.outputs = Some(kept.outputs..start.outputs);
            self.done.lost.push(lost);
        }
        Ok(())
    }

    fn lose(&mut self, number: u32, bytes: Range<u64>, why: String) {
        self.pending.push(Lost {
            file: self.dir.join(segment_name(number)),
            bytes,
            why,
            inputs: None,
            outputs: None,
        });
    }

    /// Whether the journal ended behind its `last` segment, or behind the end of that, when it was closed.
    fn look_for_end(&mut self, last: u32) -> Result<()> {
        // One that is damaged says nothing.
        let Some(closed) = ClosedMark::read(self.dir).ok().flatten() else {
            return Ok(());
        };
        let path = self.dir.join(segment_name(last));
        let len = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if closed.check(self.dir, last, len).is_err() {
            let from = if closed.segment == last { len } else { 0 };
            let why = "the end is missing that was there when the run was closed".to_owned();
            self.lose(closed.segment, from..closed.bytes, why);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Salvaged> {
        if let Some(writer) = &mut self.writer {
            writer.seal()?;
            self.done.next = writer.position().place.next;
            self.done.segments = u32::try_from(list_segments(self.out)?.len()).unwrap_or(u32::MAX);
        }
        self.done.lost.append(&mut self.pending);
        Ok(self.done)
    }
}
