//! Writes a journal: opens or continues it, cuts a torn tail, appends blocks, begins new segments.
//!
//! Records are kept back until [`JournalWriter::flush`] (or until a block is full). Outputs never get ahead of the inputs that
//! caused them: those whose cause has not come yet wait. After what was written is forced to the disk, a block says so. A segment
//! that cannot be begun (no descriptor is left, the directory is full) ends nothing: what is written goes on into the present one,
//! which needs nothing of the system that it has not got.

mod copy;
mod head;
mod options;
mod session;

pub use options::{JournalOptions, SyncPolicy};
pub use session::OrdersAhead;

use crate::closed::ClosedMark;
use crate::disk::{Disk, DiskFile, RealDisk, create_dirs};
use crate::format::{
    Block, BlockHeader, BlockKind, ChainHash, Close, Numbers, Reserved, Session, durable_payload,
    put_outputs,
};
use crate::limits::BLOCK_RECORDS_MAX;
use crate::position::Position;
use crate::recover::{ReadSoFar, Recovered, lock, recover};
use crate::segments::segment_name;
use crate::{JournalError, Result, RunMeta};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tickloom_types::{Flags, Record, Seq};
use zerocopy::IntoBytes;

/// A segment that could not be begun is tried again each time the present one has grown by so large a part of a segment.
const TRIES_PER_SEGMENT: u64 = 16;

/// A journal being written. One at a time: the directory is locked.
pub struct JournalWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// The directory, open for as long as its names may have to be forced to the disk.
    directory: Box<dyn DiskFile>,
    meta: RunMeta,
    options: JournalOptions,
    file: Box<dyn DiskFile>,
    segment: u32,
    /// Hash of the block before its first.
    before: ChainHash,
    /// Bytes in the segment.
    len: u64,
    /// Bytes at which the next segment is begun, or tried again.
    seal_at: u64,
    /// Why the next segment could not be begun when it was tried last.
    segment_failure: Option<JournalError>,
    position: Position,
    session: Session,
    inputs: Vec<Record>,
    outputs: Vec<(Seq, Record)>,
    buffer: Vec<u8>,
    /// Whether more of the moment of the last written input follow.
    in_moment: bool,
    /// Whether something was written since the last time that all was forced to the disk.
    is_unsynced: bool,
    /// Whether this session has begun: before it does, outputs of the one before may be added that a crash took.
    in_session: bool,
    failed: bool,
    _lock: File,
}

impl JournalWriter {
    /// Opens the journal in `dir`, new or to continue it, with the default options.
    ///
    /// # Errors
    /// As [`JournalWriter::open_with`].
    pub fn open(dir: &Path, meta: &RunMeta) -> Result<(JournalWriter, Recovered)> {
        Self::open_with(dir, meta, JournalOptions::default())
    }

    /// Opens the journal in `dir`: checks every block, cuts a torn tail off, and continues in a new segment.
    ///
    /// # Errors
    /// [`JournalError::Locked`] if another writer has it, [`JournalError::Damaged`] if it is damaged,
    /// [`JournalError::OtherRun`] if it was started with other instruments or another configuration, [`JournalError::Io`].
    pub fn open_with(
        dir: &Path,
        meta: &RunMeta,
        options: JournalOptions,
    ) -> Result<(JournalWriter, Recovered)> {
        Self::open_watched(dir, meta, options, |_, _| Ok(()))
    }

    /// As [`JournalWriter::open_with`], showing each block that is there to `on_block`, in order and checked. Nothing has been
    /// written before the last of them.
    ///
    /// # Errors
    /// As [`JournalWriter::open_with`], and whatever `on_block` returns, which ends the reading.
    pub fn open_watched(
        dir: &Path,
        meta: &RunMeta,
        options: JournalOptions,
        on_block: impl FnMut(Block, ReadSoFar) -> Result<()>,
    ) -> Result<(JournalWriter, Recovered)> {
        Self::open_from(dir, meta, options, 1, on_block)
    }

    /// As [`JournalWriter::open_watched`], without the segments before this one, whose number counts from one: they need not be
    /// there. What it says of the place at which it begins is taken for true; the caller has what was before it.
    ///
    /// # Errors
    /// As [`JournalWriter::open_watched`]; [`JournalError::Missing`] if a segment of version 1 does not say where it begins.
    pub fn open_from(
        dir: &Path,
        meta: &RunMeta,
        options: JournalOptions,
        segment: u32,
        on_block: impl FnMut(Block, ReadSoFar) -> Result<()>,
    ) -> Result<(JournalWriter, Recovered)> {
        Self::open_on(Arc::new(RealDisk), dir, meta, options, segment, on_block)
    }

    /// As [`JournalWriter::open_from`], on this disk.
    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        meta: &RunMeta,
        options: JournalOptions,
        segment: u32,
        on_block: impl FnMut(Block, ReadSoFar) -> Result<()>,
    ) -> Result<(JournalWriter, Recovered)> {
        meta.check()?;
        create_dirs(&*disk, dir)?;
        let lock = lock(dir)?.ok_or_else(|| JournalError::Locked(dir.to_owned()))?;
        let (meta, position, recovered) = recover(&*disk, dir, meta, segment, on_block)?;
        position.check_room(&meta.run)?;
        let mut writer = JournalWriter::new(disk, dir, &meta, options, lock)?;
        writer.segment = recovered.segments;
        writer.session = position.next_session();
        writer.position = position;
        writer.begin_segment()?;
        Ok((writer, recovered))
    }

    /// A writer that has no segment yet.
    fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        meta: &RunMeta,
        options: JournalOptions,
        lock: File,
    ) -> Result<JournalWriter> {
        let open = || disk.open_dir(dir).map_err(JournalError::io("open", dir));
        let position = Position::default();
        Ok(JournalWriter {
            file: open()?,
            directory: open()?,
            disk: Arc::clone(&disk),
            dir: dir.to_owned(),
            meta: meta.clone(),
            options,
            segment: 0,
            before: ChainHash::default(),
            len: 0,
            seal_at: options.segment_bytes_max,
            segment_failure: None,
            session: position.next_session(),
            position,
            inputs: Vec::new(),
            outputs: Vec::new(),
            buffer: Vec::new(),
            in_moment: false,
            is_unsynced: false,
            in_session: false,
            failed: false,
            _lock: lock,
        })
    }

    /// Numbers of the next input and output to be taken.
    #[must_use]
    pub fn next(&self) -> Numbers {
        Numbers {
            inputs: self.position.place.next.inputs + self.inputs.len() as u64,
            outputs: self.position.place.next.outputs + self.outputs.len() as u64,
        }
    }

    /// How much of the run is on the disk.
    #[must_use]
    pub fn durable(&self) -> Numbers {
        self.position.durable
    }

    /// Takes inputs; `first_seq` must continue what was given before. The first begin the session.
    ///
    /// # Errors
    /// [`JournalError::Sequence`] if it does not; otherwise as [`JournalWriter::flush`].
    pub fn append_inputs(&mut self, first_seq: Seq, records: &[Record]) -> Result<()> {
        if !records.is_empty() {
            self.begin_session()?;
        }
        let expected = self.next().inputs;
        if first_seq != expected {
            return Err(JournalError::Sequence {
                what: "input",
                found: first_seq,
                expected: expected.to_string(),
            });
        }
        self.check_room("inputs", expected, records.len())?;
        self.inputs.extend_from_slice(records);
        self.write_when_full()
    }

    /// Takes outputs, each with the sequence of the input that caused it. Causes never go down.
    ///
    /// # Errors
    /// [`JournalError::Sequence`] if they do; otherwise as [`JournalWriter::flush`].
    pub fn append_outputs(&mut self, outputs: &[(Seq, Record)]) -> Result<()> {
        self.position.check_causes(outputs)?;
        if let (Some((last, _)), Some((first, _))) = (self.outputs.last(), outputs.first())
            && first < last
        {
            return Err(JournalError::Sequence {
                what: "cause",
                found: *first,
                expected: format!("at least {last}"),
            });
        }
        self.check_room("outputs", self.next().outputs, outputs.len())?;
        self.outputs.extend_from_slice(outputs);
        self.write_when_full()
    }

    /// Writes all that was taken, except outputs whose cause has not come.
    ///
    /// # Errors
    /// [`JournalError::Io`], after which the journal must be opened again ([`JournalError::Failed`]).
    pub fn flush(&mut self) -> Result<()> {
        self.write_blocks()?;
        if self.is_unsynced && self.options.sync == SyncPolicy::OnFlush {
            self.sync()?;
            self.put_durable()?;
        }
        // A moment is in one segment, so that what is made of a segment has whole ones.
        if self.len >= self.seal_at && !self.in_moment {
            self.sync()?;
            self.segment_failure = match self.begin_segment() {
                Err(error) if !self.failed => {
                    self.seal_at = self.len + self.options.segment_bytes_max / TRIES_PER_SEGMENT;
                    Some(error)
                }
                begun => {
                    begun?;
                    None
                }
            };
        }
        Ok(())
    }

    /// Why the next segment could not be begun, while that is so. The present one is written on, and the next is tried again
    /// as it grows.
    #[must_use]
    pub fn segment_failure(&self) -> Option<&JournalError> {
        self.segment_failure.as_ref()
    }

    /// Writes all that was taken and the close block, and seals the last segment.
    ///
    /// # Errors
    /// [`JournalError::Sequence`] if an output's cause never came; otherwise as [`JournalWriter::flush`].
    pub fn close(mut self, output_hash: &str) -> Result<Close> {
        self.write_blocks()?;
        if let Some((cause, _)) = self.outputs.first() {
            return Err(JournalError::Sequence {
                what: "cause",
                found: *cause,
                expected: format!("below {}", self.position.place.next.inputs),
            });
        }
        let close = Close {
            next_seq: self.position.place.next.inputs,
            outputs: self.position.place.next.outputs,
            output_hash: output_hash.to_owned(),
        };
        let payload = serde_json::to_vec(&close).expect("plain fields are JSON");
        self.put_block(BlockKind::Close, 0, 0, &payload);
        self.position.place.reserved = Reserved::default();
        self.write_buffer()?;
        self.sync()?;
        self.put_durable()?;
        self.sync()?;
        let mark = ClosedMark {
            segment: self.segment,
            bytes: self.len,
        };
        mark.write(&*self.disk, &self.dir)?;
        Ok(close)
    }

    /// Segments that are sealed: all but the one that is written.
    #[must_use]
    pub fn sealed(&self) -> u32 {
        self.segment - 1
    }

    /// Records that are taken but not yet written.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.inputs.len() + self.outputs.len()
    }

    fn write_when_full(&mut self) -> Result<()> {
        if self.pending() >= BLOCK_RECORDS_MAX {
            self.write_blocks()?;
        }
        Ok(())
    }

    /// Encodes and writes what may be written.
    fn write_blocks(&mut self) -> Result<()> {
        if self.failed {
            return Err(JournalError::Failed(self.dir.clone()));
        }
        let inputs = std::mem::take(&mut self.inputs);
        for records in inputs.chunks(BLOCK_RECORDS_MAX) {
            let first = self.position.place.next.inputs;
            self.put_block(BlockKind::Inputs, records.len(), first, records.as_bytes());
            self.position.place.next.inputs += records.len() as u64;
        }
        if let Some(last) = inputs.last() {
            self.in_moment = last.has(Flags::MORE);
        }
        let ready = self
            .outputs
            .partition_point(|(cause, _)| *cause < self.position.place.next.inputs);
        let outputs: Vec<_> = self.outputs.drain(..ready).collect();
        let mut payload = Vec::new();
        for records in outputs.chunks(BLOCK_RECORDS_MAX) {
            payload.clear();
            put_outputs(records, &mut payload);
            let first = self.position.place.next.outputs;
            self.put_block(BlockKind::Outputs, records.len(), first, &payload);
            self.position.place.next.outputs += records.len() as u64;
        }
        if let Some((cause, _)) = outputs.last() {
            self.position.place.last_cause = *cause;
        }
        self.write_buffer()?;
        // The allocation is kept for the next block.
        self.inputs = inputs;
        self.inputs.clear();
        Ok(())
    }

    fn put_block(&mut self, kind: BlockKind, count: usize, first: u64, payload: &[u8]) {
        let header = BlockHeader::new(kind, count, first, self.position.chain, payload);
        self.position.chain = header.chain(payload);
        self.buffer.extend_from_slice(header.as_bytes());
        self.buffer.extend_from_slice(payload);
    }

    /// Says that all that was written is on the disk.
    fn put_durable(&mut self) -> Result<()> {
        let numbers = self.position.place.next;
        let payload = durable_payload(numbers);
        self.put_block(BlockKind::Durable, 0, self.len, &payload);
        self.write_buffer()?;
        self.position.durable = numbers;
        // What says so needs not be there itself.
        self.is_unsynced = false;
        Ok(())
    }

    fn write_buffer(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        // Until the write has succeeded it may have torn the tail, which only opening again can cut.
        self.failed = true;
        let path = self.dir.join(segment_name(self.segment));
        self.file
            .write_all(&self.buffer)
            .map_err(JournalError::io("write", &path))?;
        self.failed = false;
        self.is_unsynced = true;
        self.len += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.failed = true;
        let path = self.dir.join(segment_name(self.segment));
        self.file
            .sync_data()
            .map_err(JournalError::io("sync", &path))?;
        self.failed = false;
        Ok(())
    }
}
