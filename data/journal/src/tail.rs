//! Follows a journal that may still be written: block after block from any place, as soon as the journal says that it is on the
//! disk. Knows no other thread: the files are all that it looks at. Never writes.

use crate::closed::ClosedMark;
use crate::cursor::{Held, PlaceText, check_place};
use crate::format::{Block, BlockKind, ChainHash};
use crate::headers::Headers;
use crate::segment::{ChainedBlock, SegmentFault, SegmentReader, block_header_follows};
use crate::segments::{list_segments, segment_name};
use crate::{JournalError, Result, RunMeta};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A place between two blocks. In JSON, `previous` is 32 hexadecimal digits, as in the file of a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "PlaceText", try_from = "PlaceText")]
pub struct JournalPlace {
    /// Number of the segment, from one.
    pub segment: u32,
    /// Where the next block begins; 0 if the segment is not begun.
    pub offset: u64,
    /// Hash of the block before, if it is known.
    pub previous: Option<ChainHash>,
}

impl JournalPlace {
    /// Before the first block.
    pub const START: JournalPlace = JournalPlace {
        segment: 1,
        offset: 0,
        previous: None,
    };
}

/// What comes next in a journal.
#[derive(Debug, PartialEq)]
pub enum Tailed {
    /// A block.
    Block(Block),
    /// Nothing more for now.
    End,
    /// The segments from `first` up to the one before `next` are gone; the next block is of `next`.
    Missing {
        /// The first that is gone.
        first: u32,
        /// The one that is there.
        next: u32,
    },
}

/// A journal being followed.
pub struct JournalTail {
    dir: PathBuf,
    place: JournalPlace,
    open: Option<SegmentReader<BufReader<File>>>,
    /// Up to where the open segment is on the disk.
    limit: u64,
    /// Whether a later segment was there before the last read: then this one gets no more blocks, and all of it is on the disk.
    is_sealed: bool,
    /// Where bytes were wrong at the last look.
    faulty_at: Option<u64>,
    /// Up to where the headers of the open segment were looked at.
    looked: u64,
    /// Where it says how far it is, if it has a name.
    cursor: Option<Held>,
}

impl JournalTail {
    /// Follows the journal in `dir` from `place` on. Nothing is opened yet.
    #[must_use]
    pub fn new(dir: &Path, place: JournalPlace) -> JournalTail {
        JournalTail {
            dir: dir.to_owned(),
            place,
            open: None,
            limit: 0,
            is_sealed: false,
            faulty_at: None,
            looked: 0,
            cursor: None,
        }
    }

    /// Follows the journal in `dir` from where the cursor of this name stands; a new one stands before the first block. What is done
    /// with the blocks is noted by [`JournalTail::commit`], and nothing before: a program that is killed in between is given those
    /// blocks again. Until it is dropped, nobody else has the cursor.
    ///
    /// # Errors
    /// [`JournalError::CursorName`]; [`JournalError::CursorInUse`]; [`JournalError::Damaged`] if the cursor's file is damaged;
    /// [`JournalError::Missing`] if there is no directory `dir`; [`JournalError::Io`].
    pub fn named(dir: &Path, name: &str) -> Result<JournalTail> {
        let (held, place) = Held::take(dir, name)?;
        let mut tail = JournalTail::new(dir, place);
        tail.cursor = Some(held);
        Ok(tail)
    }

    /// Follows the journal in `dir` from `place`, as a program knows it that keeps its place beside what it makes of the blocks, as in
    /// one transaction of a database. The cursor of this name only holds back segments that the program has not read: it is put there.
    ///
    /// # Errors
    /// As [`JournalTail::named`] and [`check_place`].
    pub fn named_at(dir: &Path, name: &str, place: JournalPlace) -> Result<JournalTail> {
        let (held, _) = Held::take(dir, name)?;
        check_place(dir, &place)?;
        held.put(&place)?;
        let mut tail = JournalTail::new(dir, place);
        tail.cursor = Some(held);
        Ok(tail)
    }

    /// Notes in the journal's directory that everything is done with up to the last block that was given. It is on the disk when this
    /// returns.
    ///
    /// # Errors
    /// [`JournalError::NoCursor`] for a follower without a name; [`JournalError::Io`].
    pub fn commit(&mut self) -> Result<()> {
        let held = self.cursor.as_ref().ok_or(JournalError::NoCursor)?;
        held.put(&self.place)
    }

    /// Behind the last block that was given.
    #[must_use]
    pub fn place(&self) -> &JournalPlace {
        &self.place
    }

    /// The next block, if there is one by now that is on the disk. What only says where a segment begins, what was reserved and
    /// what is on the disk is left out.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] for bytes that are wrong at a second look too; [`JournalError::CutBack`] if the journal does not
    /// have what was read before; [`JournalError::Io`].
    pub fn poll(&mut self) -> Result<Tailed> {
        loop {
            match self.poll_any()? {
                Tailed::Block(Block::Place(_) | Block::Reserve(_) | Block::Durable(_)) => {}
                tailed => return Ok(tailed),
            }
        }
    }

    /// As [`JournalTail::poll`], with nothing left out.
    pub(crate) fn poll_any(&mut self) -> Result<Tailed> {
        loop {
            if self.open.is_none()
                && let Some(tailed) = self.open_segment()?
            {
                return Ok(tailed);
            }
            if self.place.offset >= self.limit && !self.look_further()? {
                return Ok(Tailed::End);
            }
            let reader = self.open.as_mut().expect("opened above");
            match reader.next_chained() {
                Ok(Some(chained)) => return self.accept(chained).map(Tailed::Block),
                Ok(None) if self.is_sealed => {
                    // The next may be gone: opening it tells.
                    self.open = None;
                    self.is_sealed = false;
                    self.place.segment += 1;
                    self.place.offset = 0;
                }
                Ok(None) => {
                    if !self.look_for_later()? {
                        return Ok(Tailed::End);
                    }
                }
                Err(fault) => return self.look_again(fault),
            }
        }
    }

    /// Opens the segment at this place, or says why there is none.
    fn open_segment(&mut self) -> Result<Option<Tailed>> {
        let path = self.path();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return self.skip().map(Some),
            Err(error) => return Err(JournalError::io("open", &path)(error)),
        };
        self.limit = 0;
        self.looked = 0;
        self.look_for_later()?;
        let len = file
            .metadata()
            .map_err(JournalError::io("read", &path))?
            .len();
        if self.place.offset > len {
            return Err(JournalError::CutBack {
                file: path,
                offset: self.place.offset,
            });
        }
        if let Some(closed) = ClosedMark::read(&self.dir)?
            && closed.segment == self.place.segment
        {
            closed.check(&self.dir, closed.segment, len)?;
        }
        let buffered = BufReader::with_capacity(1 << 18, file);
        let (mut reader, ..) =
            SegmentReader::new(buffered).map_err(|fault| fault.into_error(&path))?;
        if self.place.offset == 0 {
            self.place.offset = reader.offset();
        } else {
            let offset = self.place.offset;
            reader
                .source()
                .seek(SeekFrom::Start(offset))
                .map_err(JournalError::io("read", &path))?;
            reader.moved_to(offset);
        }
        // A segment of version 1 does not say what is on the disk.
        if reader.version() < 2 {
            self.limit = u64::MAX;
        }
        self.open = Some(reader);
        Ok(None)
    }

    /// Whether there is a later segment: then all of this one is on the disk.
    fn look_for_later(&mut self) -> Result<bool> {
        self.is_sealed = self.later_segment()?.is_some();
        if self.is_sealed {
            self.limit = u64::MAX;
        }
        Ok(self.is_sealed)
    }

    /// Finds out up to where the open segment is on the disk now, and whether that is further than this place.
    fn look_further(&mut self) -> Result<bool> {
        if self.look_for_later()? {
            return Ok(true);
        }
        let path = self.path();
        let mut file = File::open(&path).map_err(JournalError::io("open", &path))?;
        let from = self.place.offset.max(self.looked);
        let mut headers = Headers::new(&mut file, from).map_err(JournalError::io("read", &path))?;
        while let Some((header, _)) = headers.next().map_err(JournalError::io("read", &path))? {
            if header.kind == BlockKind::Durable as u8 {
                self.limit = self.limit.max(header.first);
            }
        }
        let end = headers.offset;
        self.looked = end;
        if shows_more(&mut file, end).map_err(JournalError::io("read", &path))? {
            // Reading it tells what is wrong.
            self.limit = u64::MAX;
        }
        Ok(self.limit > self.place.offset)
    }

    /// Goes on with the first segment that is there.
    fn skip(&mut self) -> Result<Tailed> {
        let Some(next) = self.later_segment()? else {
            return self.wait_for_segment();
        };
        let first = self.place.segment;
        self.place = JournalPlace {
            segment: next,
            offset: 0,
            previous: None,
        };
        Ok(Tailed::Missing { first, next })
    }

    /// There is nothing at this place yet, unless there was.
    fn wait_for_segment(&self) -> Result<Tailed> {
        let last = list_segments(&self.dir)?.last().copied().unwrap_or(0);
        if self.place.offset > 0 || self.place.segment > last.saturating_add(1) {
            return Err(JournalError::CutBack {
                file: self.path(),
                offset: self.place.offset,
            });
        }
        Ok(Tailed::End)
    }

    fn accept(&mut self, chained: ChainedBlock) -> Result<Block> {
        if self
            .place
            .previous
            .is_some_and(|known| known != chained.previous)
        {
            return Err(JournalError::CutBack {
                file: self.path(),
                offset: chained.offset,
            });
        }
        let reader = self.open.as_ref().expect("it gave the block");
        self.place.offset = reader.offset();
        self.place.previous = Some(chained.hash);
        self.faulty_at = None;
        Ok(chained.block)
    }

    /// Bytes that are wrong may be half of what is being written. If they are so again, and something follows them, they stay so.
    fn look_again(&mut self, fault: SegmentFault) -> Result<Tailed> {
        self.open = None;
        let offset = Some(self.place.offset);
        match fault {
            SegmentFault::Bytes { torn, .. } if torn && !self.is_sealed => Ok(Tailed::End),
            SegmentFault::Bytes { .. } if self.faulty_at != offset => {
                self.faulty_at = offset;
                Ok(Tailed::End)
            }
            fault => Err(fault.into_error(&self.path())),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(segment_name(self.place.segment))
    }

    fn later_segment(&self) -> Result<Option<u32>> {
        let numbers = list_segments(&self.dir)?;
        Ok(numbers.into_iter().find(|n| *n > self.place.segment))
    }
}

/// Looks after which what is not there yet is not there.
const LOOKS: u32 = 2;

/// What the run of a journal is, as the first of its segments that is there tells; `None` without any.
///
/// # Errors
/// As [`JournalTail::poll`].
pub fn read_journal_meta(dir: &Path) -> Result<Option<RunMeta>> {
    let Some(segment) = list_segments(dir)?.first().copied() else {
        return Ok(None);
    };
    let place = JournalPlace {
        segment,
        ..JournalPlace::START
    };
    let mut tail = JournalTail::new(dir, place);
    for _ in 0..LOOKS {
        match tail.poll()? {
            Tailed::Block(Block::Meta(meta)) => return Ok(Some(*meta)),
            // What is damaged is an error at the second look.
            Tailed::End => {}
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// Whether bytes of a segment that hold no whole block at `end` were on the disk, as a block behind them says.
fn shows_more(file: &mut File, end: u64) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(end))?;
    block_header_follows(&[], file, |header| {
        header.kind == BlockKind::Durable as u8 && header.first > end
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JournalCount, JournalOptions, JournalReader, JournalWriter, SyncPolicy};
    use std::fs;
    use tickloom_types::{Instruments, Record, Ts};

    fn writer(dir: &Path) -> JournalWriter {
        let meta = RunMeta::new("run", Ts(0), Instruments::new()).unwrap();
        let options = JournalOptions {
            segment_bytes_max: 3_000,
            sync: SyncPolicy::OnSeal,
        };
        JournalWriter::open_with(dir, &meta, options).unwrap().0
    }

    /// All blocks that there are now, without the meta blocks of later segments.
    fn read_on(tail: &mut JournalTail, blocks: &mut Vec<Block>) {
        loop {
            match tail.poll().unwrap() {
                Tailed::Block(Block::Meta(_)) if !blocks.is_empty() => {}
                Tailed::Block(block) => blocks.push(block),
                Tailed::End => return,
                Tailed::Missing { .. } => panic!("nothing is missing"),
            }
        }
    }

    fn all(dir: &Path) -> Vec<Block> {
        let mut reader = JournalReader::open(dir).unwrap();
        let meta = Block::Meta(Box::new(reader.meta().clone()));
        let mut blocks = vec![meta];
        while let Some(block) = reader.next_block().unwrap() {
            blocks.push(block);
        }
        blocks
    }

    #[test]
    fn a_follower_reads_what_the_reader_reads_however_the_bytes_come() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, growing) = (dir.path().join("whole"), dir.path().join("growing"));
        let mut journal = writer(&whole);
        for turn in 0..10_u64 {
            let records = vec![Record::default(); 15];
            journal.append_inputs(turn * 15, &records).unwrap();
            let outputs = vec![(turn * 15, Record::default()); 3];
            journal.append_outputs(&outputs).unwrap();
            journal.flush().unwrap();
        }
        journal.close("00").unwrap();
        let expected = all(&whole);

        fs::create_dir(&growing).unwrap();
        let mut tail = JournalTail::new(&growing, JournalPlace::START);
        let mut count = JournalCount::new(&growing, &JournalPlace::START, 0);
        let mut found = Vec::new();
        read_on(&mut tail, &mut found);
        for number in list_segments(&whole).unwrap() {
            let name = segment_name(number);
            let bytes = fs::read(whole.join(&name)).unwrap();
            // A segment appears with its first block; then it grows by any number of bytes.
            let mut at = 64 + 64 + usize::from(u16::from_le_bytes([bytes[72], bytes[73]]));
            while at < bytes.len() {
                fs::write(growing.join(&name), &bytes[..at]).unwrap();
                read_on(&mut tail, &mut found);
                // Also one that begins anew at this place.
                tail = JournalTail::new(&growing, tail.place().clone());
                at += 97;
            }
            fs::write(growing.join(&name), &bytes).unwrap();
            read_on(&mut tail, &mut found);
            count.advance().unwrap();
        }
        assert_eq!(found, expected);
        assert_eq!(count.advance().unwrap(), 180);
        let meta = read_journal_meta(&growing).unwrap().unwrap();
        assert_eq!(meta.run, "run");
    }

    #[test]
    fn segments_that_are_gone_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = writer(dir.path());
        for turn in 0..10_u64 {
            let records = vec![Record::default(); 30];
            journal.append_inputs(turn * 30, &records).unwrap();
            journal.flush().unwrap();
        }
        let last = *list_segments(dir.path()).unwrap().last().unwrap();
        assert!(last >= 4, "{last} segments");
        let mut tail = JournalTail::new(dir.path(), JournalPlace::START);
        assert!(matches!(
            tail.poll().unwrap(),
            Tailed::Block(Block::Meta(_))
        ));
        for gone in 2..4 {
            fs::remove_file(dir.path().join(segment_name(gone))).unwrap();
        }
        loop {
            match tail.poll().unwrap() {
                Tailed::Block(_) => {}
                tailed => {
                    assert_eq!(tailed, Tailed::Missing { first: 2, next: 4 });
                    break;
                }
            }
        }
        assert!(matches!(
            tail.poll().unwrap(),
            Tailed::Block(Block::Meta(_))
        ));
    }

    #[test]
    fn damage_is_an_error_at_the_second_look() {
        let dir = tempfile::tempdir().unwrap();
        let meta = RunMeta::new("run", Ts(0), Instruments::new()).unwrap();
        let (mut journal, _) = JournalWriter::open(dir.path(), &meta).unwrap();
        for turn in 0..3_u64 {
            journal.append_inputs(turn, &[Record::default()]).unwrap();
            journal.flush().unwrap();
        }
        let path = dir.path().join(segment_name(1));
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() - 250;
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let mut tail = JournalTail::new(dir.path(), JournalPlace::START);
        let mut found = Vec::new();
        read_on(&mut tail, &mut found);
        assert!(matches!(tail.poll(), Err(JournalError::Damaged { .. })));
    }
}
