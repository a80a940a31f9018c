//! Writes a journal: opens or continues it, cuts a torn tail, appends blocks, begins new segments.
//!
//! Records are kept back until [`JournalWriter::flush`] (or until a block is full). Outputs never get ahead of the inputs that
//! caused them: those whose cause has not come yet wait.

use super::format::{BlockHeader, BlockKind, Close, SegmentHeader, put_outputs};
use super::reader::{JournalReader, Position, TornTail, segment_name};
use crate::limits::BLOCK_RECORDS_MAX;
use crate::{DataError, Result, RunMeta};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use tickloom_types::{Record, Seq};
use zerocopy::IntoBytes;

/// When the operating system is told to put what was written on the disk. A killed process loses nothing that was flushed
/// either way; a machine that loses power does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// At every flush.
    OnFlush,
    /// When a segment is sealed.
    OnSeal,
}

/// How a journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// Size from which on a segment is sealed and a new one begun.
    pub segment_bytes_max: u64,
    /// When data is forced to the disk.
    pub sync: SyncPolicy,
}

impl Default for JournalOptions {
    /// Segments of 64 MiB (a million records), on the disk at every flush.
    fn default() -> Self {
        JournalOptions {
            segment_bytes_max: 64 << 20,
            sync: SyncPolicy::OnFlush,
        }
    }
}

/// What was found when a journal was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Inputs that are there: the sequence of the next one.
    pub next_seq: Seq,
    /// Outputs that are there.
    pub outputs: u64,
    /// Segments that were there.
    pub segments: u32,
    /// The torn tail that was cut off.
    pub cut: Option<TornTail>,
    /// The close, if the run was stopped in good order.
    pub close: Option<Close>,
}

/// A journal being written. One at a time: the directory is locked.
pub struct JournalWriter {
    dir: PathBuf,
    meta: RunMeta,
    options: JournalOptions,
    file: File,
    segment: u32,
    /// Bytes in the segment.
    len: u64,
    position: Position,
    inputs: Vec<Record>,
    outputs: Vec<(Seq, Record)>,
    buffer: Vec<u8>,
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
    /// [`DataError::Locked`] if another writer has it, [`DataError::Damaged`] if it is damaged,
    /// [`DataError::OtherRun`] if it was started with other instruments or another configuration, [`DataError::Io`].
    pub fn open_with(
        dir: &Path,
        meta: &RunMeta,
        options: JournalOptions,
    ) -> Result<(JournalWriter, Recovered)> {
        meta.check()?;
        fs::create_dir_all(dir).map_err(DataError::io("create", dir))?;
        let lock = lock(dir)?.ok_or_else(|| DataError::Locked(dir.to_owned()))?;
        let (meta, position, recovered) = recover(dir, meta)?;
        let mut writer = JournalWriter {
            file: File::open(dir).map_err(DataError::io("open", dir))?,
            dir: dir.to_owned(),
            meta,
            options,
            segment: recovered.segments,
            len: 0,
            position,
            inputs: Vec::new(),
            outputs: Vec::new(),
            buffer: Vec::new(),
            failed: false,
            _lock: lock,
        };
        writer.begin_segment()?;
        Ok((writer, recovered))
    }

    /// Takes inputs; `first_seq` must continue what was given before.
    ///
    /// # Errors
    /// [`DataError::Sequence`] if it does not; otherwise as [`JournalWriter::flush`].
    pub fn append_inputs(&mut self, first_seq: Seq, records: &[Record]) -> Result<()> {
        let expected = self.position.next_seq + self.inputs.len() as u64;
        if first_seq != expected {
            return Err(DataError::Sequence {
                what: "input",
                found: first_seq,
                expected: expected.to_string(),
            });
        }
        self.inputs.extend_from_slice(records);
        self.write_when_full()
    }

    /// Takes outputs, each with the sequence of the input that caused it. Causes never go down.
    ///
    /// # Errors
    /// [`DataError::Sequence`] if they do; otherwise as [`JournalWriter::flush`].
    pub fn append_outputs(&mut self, outputs: &[(Seq, Record)]) -> Result<()> {
        self.position.check_causes(outputs)?;
        if let (Some((last, _)), Some((first, _))) = (self.outputs.last(), outputs.first())
            && first < last
        {
            return Err(DataError::Sequence {
                what: "cause",
                found: *first,
                expected: format!("at least {last}"),
            });
        }
        self.outputs.extend_from_slice(outputs);
        self.write_when_full()
    }

    /// Writes all that was taken, except outputs whose cause has not come.
    ///
    /// # Errors
    /// [`DataError::Io`], after which the journal must be opened again ([`DataError::Failed`]).
    pub fn flush(&mut self) -> Result<()> {
        let wrote = self.write_blocks()?;
        if wrote && self.options.sync == SyncPolicy::OnFlush {
            self.sync()?;
        }
        if self.len >= self.options.segment_bytes_max {
            self.seal()?;
            self.begin_segment()?;
        }
        Ok(())
    }

    /// Writes all that was taken and the close block, and seals the last segment.
    ///
    /// # Errors
    /// [`DataError::Sequence`] if an output's cause never came; otherwise as [`JournalWriter::flush`].
    pub fn close(mut self, output_hash: &str) -> Result<Close> {
        self.write_blocks()?;
        if let Some((cause, _)) = self.outputs.first() {
            return Err(DataError::Sequence {
                what: "cause",
                found: *cause,
                expected: format!("below {}", self.position.next_seq),
            });
        }
        let close = Close {
            next_seq: self.position.next_seq,
            outputs: self.position.outputs,
            output_hash: output_hash.to_owned(),
        };
        let payload = serde_json::to_vec(&close).expect("plain fields are JSON");
        self.put_block(BlockKind::Close, 0, 0, &payload);
        self.write_buffer()?;
        self.seal()?;
        Ok(close)
    }

    /// Segments that are sealed: all but the one that is written.
    #[must_use]
    pub fn sealed(&self) -> u32 {
        self.segment - 1
    }

    /// What the run is, with the start of its first session.
    #[must_use]
    pub fn meta(&self) -> &RunMeta {
        &self.meta
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

    /// Encodes and writes what may be written; says whether there was anything.
    fn write_blocks(&mut self) -> Result<bool> {
        if self.failed {
            return Err(DataError::Failed(self.dir.clone()));
        }
        let inputs = std::mem::take(&mut self.inputs);
        for records in inputs.chunks(BLOCK_RECORDS_MAX) {
            let first = self.position.next_seq;
            self.put_block(BlockKind::Inputs, records.len(), first, records.as_bytes());
            self.position.next_seq += records.len() as u64;
        }
        let ready = self
            .outputs
            .partition_point(|(cause, _)| *cause < self.position.next_seq);
        let outputs: Vec<_> = self.outputs.drain(..ready).collect();
        let mut payload = Vec::new();
        for records in outputs.chunks(BLOCK_RECORDS_MAX) {
            payload.clear();
            put_outputs(records, &mut payload);
            let first = self.position.outputs;
            self.put_block(BlockKind::Outputs, records.len(), first, &payload);
            self.position.outputs += records.len() as u64;
        }
        if let Some((cause, _)) = outputs.last() {
            self.position.last_cause = *cause;
        }
        let wrote = !self.buffer.is_empty();
        self.write_buffer()?;
        // The allocation is kept for the next block.
        self.inputs = inputs;
        self.inputs.clear();
        Ok(wrote)
    }

    fn put_block(&mut self, kind: BlockKind, count: usize, first: u64, payload: &[u8]) {
        let header = BlockHeader::new(kind, count, first, self.position.chain, payload);
        self.position.chain = header.chain(payload);
        self.buffer.extend_from_slice(header.as_bytes());
        self.buffer.extend_from_slice(payload);
    }

    fn write_buffer(&mut self) -> Result<()> {
        // Until the write has succeeded it may have torn the tail, which only opening again can cut.
        self.failed = true;
        let path = self.dir.join(segment_name(self.segment));
        self.file
            .write_all(&self.buffer)
            .map_err(DataError::io("write", &path))?;
        self.failed = false;
        self.len += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.failed = true;
        let path = self.dir.join(segment_name(self.segment));
        self.file
            .sync_data()
            .map_err(DataError::io("sync", &path))?;
        self.failed = false;
        Ok(())
    }

    fn seal(&mut self) -> Result<()> {
        self.sync()
    }

    /// Begins the next segment. It gets its name only once header and meta block are on the disk.
    fn begin_segment(&mut self) -> Result<()> {
        let number = self.segment + 1;
        let path = self.dir.join(segment_name(number));
        let temporary = path.with_extension("tmp");
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&temporary)
            .map_err(DataError::io("create", &temporary))?;
        let header = SegmentHeader::new(number, &self.meta.run);
        let meta = serde_json::to_vec(&self.meta).expect("plain fields are JSON");
        self.buffer.extend_from_slice(header.as_bytes());
        self.put_block(BlockKind::Meta, 0, 0, &meta);
        file.write_all(&self.buffer)
            .and_then(|()| file.sync_all())
            .map_err(DataError::io("write", &temporary))?;
        fs::rename(&temporary, &path).map_err(DataError::io("rename", &temporary))?;
        sync_dir(&self.dir)?;
        self.segment = number;
        self.len = self.buffer.len() as u64;
        self.file = file;
        self.buffer.clear();
        Ok(())
    }
}

/// Forces the names in a directory to the disk.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir)
        .and_then(|file| file.sync_all())
        .map_err(DataError::io("sync", dir))
}

/// Takes the writer's lock of a journal; `None` if another process has it.
pub(crate) fn lock(dir: &Path) -> Result<Option<File>> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(DataError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(DataError::io("lock", &path)(error)),
    }
}

/// Reads all that is there and cuts a torn tail off.
fn recover(dir: &Path, meta: &RunMeta) -> Result<(RunMeta, Position, Recovered)> {
    let mut reader = JournalReader::start(dir)?;
    if reader.has_meta() {
        reader.meta().check_same(meta)?;
    }
    while reader.next_block()?.is_some() {}
    let mut recovered = Recovered {
        next_seq: reader.next_seq(),
        outputs: reader.outputs(),
        segments: u32::try_from(reader.files().len()).unwrap_or(u32::MAX),
        cut: reader.torn_tail().cloned(),
        close: reader.close().cloned(),
    };
    if let Some(torn) = &recovered.cut {
        cut(torn)?;
        recovered.segments -= u32::from(torn.offset == 0);
    }
    let meta = if reader.has_meta() {
        reader.meta()
    } else {
        meta
    };
    Ok((meta.clone(), reader.position().clone(), recovered))
}

/// Cuts a segment at the end of its last whole block, or removes it if it has none.
fn cut(torn: &TornTail) -> Result<()> {
    if torn.offset == 0 {
        return fs::remove_file(&torn.file).map_err(DataError::io("remove", &torn.file));
    }
    OpenOptions::new()
        .write(true)
        .open(&torn.file)
        .and_then(|file| file.set_len(torn.offset).and_then(|()| file.sync_all()))
        .map_err(DataError::io("cut", &torn.file))
}
