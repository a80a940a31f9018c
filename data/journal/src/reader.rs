//! Reads a whole journal, segment after segment, and checks that each block follows the one before. Never writes.

use crate::closed::ClosedMark;
use crate::format::{Block, ChainHash, Close, HEADER_LEN, Numbers, Place};
use crate::position::Position;
use crate::segment::{ChainedBlock, SegmentFault, SegmentReader};
use crate::segments::segment_files_from;
use crate::{JournalError, Result, RunMeta, TornTail};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use tickloom_types::{Record, Seq};

/// A journal being read. Ends at a torn tail, which [`JournalReader::torn_tail`] then names; damage is an error.
pub struct JournalReader {
    dir: PathBuf,
    files: Vec<PathBuf>,
    /// Number of the first of them.
    first: u32,
    /// Index of the next segment to open.
    next: usize,
    /// Whether the place at which the first segment begins is yet to be learnt from it.
    is_placing: bool,
    /// Where the first segment begins.
    begins: Place,
    /// Hash of the block before it.
    before: ChainHash,
    segment: Option<SegmentReader<BufReader<File>>>,
    /// Blocks of it that were read.
    blocks: usize,
    /// Where the run was closed last.
    closed: Option<ClosedMark>,
    /// From the first segment, once it was read.
    meta: Option<RunMeta>,
    position: Position,
    close: Option<Close>,
    torn: Option<TornTail>,
}

impl JournalReader {
    /// Opens the journal in `dir` and reads what run it is.
    ///
    /// # Errors
    /// [`JournalError::Missing`] without any whole segment; [`JournalError::Damaged`] if the first one is damaged.
    pub fn open(dir: &Path) -> Result<JournalReader> {
        JournalReader::open_from(dir, 1)
    }

    /// As [`JournalReader::open`], without the segments before this one, whose number counts from one. What it says of the place
    /// at which it begins is taken for true; from there on everything is checked.
    ///
    /// # Errors
    /// As [`JournalReader::open`]; [`JournalError::Missing`] if there is no such segment, or one of version 1 does not say where it
    /// begins.
    pub fn open_from(dir: &Path, segment: u32) -> Result<JournalReader> {
        let reader = JournalReader::start(dir, segment)?;
        if reader.meta.is_none() {
            return Err(JournalError::Missing {
                what: "whole journal segment",
                path: dir.to_owned(),
            });
        }
        Ok(reader)
    }

    /// As [`JournalReader::open_from`], but a journal that has nothing whole yet is one at its end.
    pub(crate) fn start(dir: &Path, segment: u32) -> Result<JournalReader> {
        let segment = segment.max(1);
        // Before the segments are listed: a run that is closed meanwhile may have more of them.
        let closed = ClosedMark::read(dir)?;
        let mut reader = JournalReader {
            dir: dir.to_owned(),
            closed,
            blocks: 0,
            files: segment_files_from(dir, segment)?,
            first: segment,
            next: 0,
            is_placing: segment > 1,
            begins: Place::default(),
            before: ChainHash::default(),
            segment: None,
            meta: None,
            position: Position::default(),
            close: None,
            torn: None,
        };
        if let Some(Block::Meta(meta)) = reader.next_block()? {
            reader.meta = Some(*meta);
            reader.read_place()?;
        }
        Ok(reader)
    }

    /// What the run is.
    #[must_use]
    pub fn meta(&self) -> &RunMeta {
        self.meta.as_ref().expect("open() has read it")
    }

    pub(crate) fn has_meta(&self) -> bool {
        self.meta.is_some()
    }

    /// Inputs read so far: the sequence of the next one.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.position.place.next.inputs
    }

    /// Outputs read so far.
    #[must_use]
    pub fn outputs(&self) -> u64 {
        self.position.place.next.outputs
    }

    /// Numbers of the next input and output.
    #[must_use]
    pub fn next(&self) -> Numbers {
        self.position.place.next
    }

    /// Where the first segment that is read begins.
    #[must_use]
    pub fn begins(&self) -> Place {
        self.begins
    }

    /// Hash of the block before the first segment that is read; zeros before segment 1.
    #[must_use]
    pub fn before(&self) -> ChainHash {
        self.before
    }

    /// How much the journal says is on the disk, as far as it was read.
    #[must_use]
    pub fn durable(&self) -> Numbers {
        self.position.durable
    }

    /// The last close, if nothing was read after it.
    #[must_use]
    pub fn close(&self) -> Option<&Close> {
        self.close.as_ref()
    }

    /// The torn tail, once the end was reached and there is one.
    #[must_use]
    pub fn torn_tail(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    /// Number of the segment that the last block came from, counted from one.
    #[must_use]
    pub fn segment(&self) -> u32 {
        let before = u32::try_from(self.next).unwrap_or(u32::MAX);
        (self.first - 1).saturating_add(before)
    }

    /// Number of the last segment; the one before the first if there is none.
    pub(crate) fn last_segment(&self) -> u32 {
        let count = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        (self.first - 1).saturating_add(count)
    }

    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Bytes of the segment that is being read that lie behind.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment.as_ref().map_or(0, SegmentReader::offset)
    }

    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The next block, or `None` at the end. Meta blocks of later segments and what says where they begin, what was reserved
    /// and what is on the disk are checked and left out.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] for a block that is not as it was written or does not follow; [`JournalError::Io`].
    pub fn next_block(&mut self) -> Result<Option<Block>> {
        loop {
            if self.torn.is_some() {
                return Ok(None);
            }
            if self.segment.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let segment = self.segment.as_mut().expect("opened above");
            let chained = match segment.next_chained() {
                Ok(Some(chained)) => chained,
                Ok(None) => {
                    self.end_of_segment()?;
                    continue;
                }
                Err(fault) => {
                    self.stop_at(fault)?;
                    return Ok(None);
                }
            };
            if let Some(block) = self.accept(chained)? {
                return Ok(Some(block));
            }
        }
    }

    /// All inputs in order.
    pub fn inputs(mut self) -> impl Iterator<Item = Result<(Seq, Record)>> {
        let mut block = Vec::new().into_iter();
        let mut seq = 0;
        std::iter::from_fn(move || {
            loop {
                if let Some(record) = block.next() {
                    seq += 1;
                    return Some(Ok((seq - 1, record)));
                }
                match self.next_block() {
                    Ok(Some(Block::Inputs { first_seq, records })) => {
                        seq = first_seq;
                        block = records.into_iter();
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }

    fn accept(&mut self, chained: ChainedBlock) -> Result<Option<Block>> {
        if self.is_placing {
            self.learn_place(&chained)?;
        }
        if let Err((found, expected)) = self.position.advance(&chained) {
            return Err(self.damaged(chained.offset, found, expected));
        }
        self.blocks += 1;
        let first = chained.offset == HEADER_LEN as u64;
        if first != matches!(chained.block, Block::Meta(_)) {
            return Err(self.damaged(
                chained.offset,
                "another kind of block".into(),
                "one meta block first".into(),
            ));
        }
        let second = self.blocks == 2 && self.segment_version() >= 2;
        if second != matches!(chained.block, Block::Place(_)) {
            return Err(self.damaged(
                chained.offset,
                "another kind of block".into(),
                "one block second that says where the segment begins".into(),
            ));
        }
        // What only says how much is on the disk does not go on with the run.
        if !matches!(chained.block, Block::Durable(_)) {
            self.close = None;
        }
        match chained.block {
            Block::Meta(meta) if self.meta.is_some() => {
                if self.meta.as_ref() != Some(&*meta) {
                    return Err(self.damaged(
                        chained.offset,
                        "another run".into(),
                        "the run of the first segment".into(),
                    ));
                }
                Ok(None)
            }
            Block::Close(close) => {
                self.close = Some(close.clone());
                Ok(Some(Block::Close(close)))
            }
            Block::Place(_) | Block::Reserve(_) | Block::Durable(_) => Ok(None),
            block => Ok(Some(block)),
        }
    }

    /// Reads where the first segment begins, if that has to be learnt.
    fn read_place(&mut self) -> Result<()> {
        let Some(segment) = self.segment.as_mut().filter(|_| self.is_placing) else {
            return Ok(());
        };
        match segment.next_chained() {
            Ok(Some(chained)) => self.accept(chained).map(drop),
            Ok(None) => self.end_of_segment(),
            Err(fault) => self.stop_at(fault),
        }
    }

    /// Takes the place of the first segment from its first two blocks.
    fn learn_place(&mut self, chained: &ChainedBlock) -> Result<()> {
        if chained.offset == HEADER_LEN as u64 {
            self.position.chain = chained.previous;
            self.before = chained.previous;
            return Ok(());
        }
        let Block::Place(place) = chained.block else {
            return Err(JournalError::Missing {
                what: "segment before one that does not say where it begins",
                path: self.files[0].clone(),
            });
        };
        let is_possible = place.next.are_possible() && place.reserved.numbers().are_possible();
        if !is_possible {
            let expected = "numbers that a run can have".to_owned();
            return Err(self.damaged(chained.offset, format!("{place:?}"), expected));
        }
        self.position.place = place;
        self.position.durable = place.next;
        self.begins = place;
        self.is_placing = false;
        Ok(())
    }

    /// Opens the next segment; false if there is none.
    fn open_next(&mut self) -> Result<bool> {
        let Some(path) = self.files.get(self.next) else {
            if let Some(closed) = self.closed.filter(|_| self.files.is_empty()) {
                closed.check(&self.dir, 0, 0)?;
            }
            return Ok(false);
        };
        let file = File::open(path).map_err(JournalError::io("open", path))?;
        self.next += 1;
        match SegmentReader::new(BufReader::with_capacity(1 << 20, file)) {
            Ok((segment, number, _)) => {
                if number != self.segment() {
                    let found = format!("segment {number}");
                    return Err(self.damaged(0, found, self.segment().to_string()));
                }
                self.segment = Some(segment);
                self.blocks = 0;
                Ok(true)
            }
            // A segment gets its name when its head is on the disk.
            Err(fault) => Err(fault.into_error(path)),
        }
    }

    /// A segment must hold at least its head: it gets its name when that is on the disk.
    fn end_of_segment(&mut self) -> Result<()> {
        let offset = self.segment_bytes();
        if !self.has_head() {
            return Err(self.damaged(offset, "the end".into(), "the head of a segment".into()));
        }
        self.segment = None;
        if self.next == self.files.len()
            && let Some(closed) = self.closed
        {
            closed.check(&self.dir, self.segment(), offset)?;
        }
        Ok(())
    }

    /// Whether the blocks that a segment has from the beginning were read.
    fn has_head(&self) -> bool {
        self.blocks > usize::from(self.segment_version() >= 2)
    }

    fn segment_version(&self) -> u16 {
        self.segment.as_ref().map_or(0, SegmentReader::version)
    }

    /// Notes a torn tail, if it may be one, or fails.
    fn stop_at(&mut self, fault: SegmentFault) -> Result<()> {
        let file = self.files[self.next - 1].clone();
        match fault {
            SegmentFault::Bytes { offset, torn, .. }
                if torn && self.next == self.files.len() && self.has_head() =>
            {
                if let Some(closed) = self.closed {
                    closed.check(&self.dir, self.segment(), offset)?;
                }
                let len = fs::metadata(&file)
                    .map_err(JournalError::io("read", &file))?
                    .len();
                self.torn = Some(TornTail {
                    file,
                    offset,
                    bytes: len.saturating_sub(offset),
                });
                self.segment = None;
                Ok(())
            }
            fault => Err(fault.into_error(&file)),
        }
    }

    fn damaged(&self, offset: u64, found: String, expected: String) -> JournalError {
        JournalError::Damaged {
            file: self.files[self.next.saturating_sub(1)].clone(),
            offset,
            found,
            expected,
        }
    }
}

impl Iterator for JournalReader {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Result<Block>> {
        self.next_block().transpose()
    }
}
