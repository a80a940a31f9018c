//! Before a journal is written: its lock, what is there already, and a torn tail that is cut off.

use crate::disk::Disk;
use crate::format::{Block, Close, Session};
use crate::position::Position;
use crate::reader::JournalReader;
use crate::{JournalError, Result, RunMeta};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use tickloom_types::Seq;

/// The end of the last segment that an interrupted write left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub file: PathBuf,
    /// Where the last whole block ends.
    pub offset: u64,
    /// Bytes after it.
    pub bytes: u64,
}

/// What was found when a journal was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Inputs that are there: the sequence of the next one.
    pub next_seq: Seq,
    /// Outputs that are there.
    pub outputs: u64,
    /// The session that begins now, unless outputs are appended before it does.
    pub session: Session,
    /// Number of the last segment that was there, counted from one.
    pub segments: u32,
    /// The torn tail that was cut off.
    pub cut: Option<TornTail>,
    /// The close, if the run was stopped in good order.
    pub close: Option<Close>,
}

/// How far the reading of a journal is that is being opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadSoFar {
    /// Sequence of the next input.
    pub next_seq: Seq,
    /// Inputs that were read.
    pub inputs: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes that there are.
    pub bytes_total: u64,
}

/// Takes the writer's lock of a journal; `None` if another process has it.
///
/// # Errors
/// [`JournalError::Io`].
pub fn lock(dir: &Path) -> Result<Option<File>> {
    lock_file(&dir.join("lock"))
}

/// Locks a file, which is created if it is not there; `None` if another process has it.
pub(crate) fn lock_file(path: &Path) -> Result<Option<File>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(JournalError::io("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(JournalError::io("lock", path)(error)),
    }
}

/// Reads all that is there and cuts a torn tail off.
pub(crate) fn recover(
    disk: &dyn Disk,
    dir: &Path,
    meta: &RunMeta,
    first: u32,
    mut on_block: impl FnMut(Block, ReadSoFar) -> Result<()>,
) -> Result<(RunMeta, Position, Recovered)> {
    let mut reader = JournalReader::start(dir, first)?;
    if reader.has_meta() {
        reader.meta().check_same(meta)?;
    }
    let sizes = sizes(reader.files())?;
    let bytes_total: u64 = sizes.iter().sum();
    let (mut sizes, mut segment, mut before) = (sizes.into_iter(), first, 0);
    let mut inputs = 0;
    while let Some(block) = reader.next_block()? {
        while segment < reader.segment() {
            before += sizes.next().unwrap_or(0);
            segment += 1;
        }
        if let Block::Inputs { records, .. } = &block {
            inputs += records.len() as u64;
        }
        let so_far = ReadSoFar {
            next_seq: reader.next_seq(),
            inputs,
            bytes: before + reader.segment_bytes(),
            bytes_total,
        };
        on_block(block, so_far)?;
    }
    let recovered = Recovered {
        next_seq: reader.next_seq(),
        outputs: reader.outputs(),
        session: reader.position().next_session(),
        segments: reader.last_segment(),
        cut: reader.torn_tail().cloned(),
        close: reader.close().cloned(),
    };
    match &recovered.cut {
        Some(torn) => cut(disk, torn)?,
        // A killed writer may have left it in the system's memory alone; what follows says that it is on the disk.
        None => sync_last(disk, reader.files())?,
    }
    let meta = if reader.has_meta() {
        reader.meta()
    } else {
        meta
    };
    Ok((meta.clone(), reader.position().clone(), recovered))
}

/// Lengths of files, in bytes.
fn sizes(files: &[PathBuf]) -> Result<Vec<u64>> {
    let size = |file: &PathBuf| {
        let metadata = fs::metadata(file).map_err(JournalError::io("read", file))?;
        Ok(metadata.len())
    };
    files.iter().map(size).collect()
}

fn sync_last(disk: &dyn Disk, files: &[PathBuf]) -> Result<()> {
    let Some(last) = files.last() else {
        return Ok(());
    };
    disk.open(last)
        .and_then(|mut file| file.sync_all())
        .map_err(JournalError::io("sync", last))
}

/// Cuts a segment at the end of its last whole block.
fn cut(disk: &dyn Disk, torn: &TornTail) -> Result<()> {
    disk.open(&torn.file)
        .and_then(|mut file| file.set_len(torn.offset).and_then(|()| file.sync_all()))
        .map_err(JournalError::io("cut", &torn.file))
}
