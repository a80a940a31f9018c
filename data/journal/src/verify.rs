//! Checks every byte of a journal, and that it has everything that it ever told others to have.

mod beside;

use crate::format::Numbers;
use crate::segments::list_segments;
use crate::{JournalError, JournalReader, Result, TornTail};
use std::fs;
use std::path::Path;

/// What a journal is, checked.
#[derive(Debug, Default)]
pub struct Checked {
    /// The first segment that is there, and the last.
    pub segments: (u32, u32),
    /// Bytes that are whole.
    pub bytes: u64,
    /// Inputs and outputs up to the end of what is whole: the numbers that the next ones would have.
    pub next: Numbers,
    /// How much of it the journal says is on the disk.
    pub durable: Numbers,
    /// Sessions that have begun.
    pub sessions: u32,
    /// Whether it ends with a close.
    pub is_closed: bool,
    /// The end of an interrupted write, which is no fault.
    pub torn: Option<TornTail>,
    /// The first damage of the segments, and each file beside them that is damaged or says what is not so.
    pub faults: Vec<JournalError>,
}

/// Reads all of the journal in `dir`: checksums, the chain of hashes, numbers, the end of a closed run, named cursors and snapshots.
/// What a snapshot remembers is opaque here.
/// `on_progress` is told of the bytes that are read, and stops it by an error.
///
/// # Errors
/// [`JournalError::Missing`] without any segment, [`JournalError::Io`], and what `on_progress` returns. Damage is no error here:
/// it is in [`Checked::faults`].
pub fn verify_journal(
    dir: &Path,
    mut on_progress: impl FnMut(u64) -> Result<()>,
) -> Result<Checked> {
    let numbers = list_segments(dir)?;
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
        return Err(JournalError::Missing {
            what: "journal segment",
            path: dir.to_owned(),
        });
    };
    let mut checked = Checked {
        segments: (*first, *last),
        ..Checked::default()
    };
    if let Err(error) = read(dir, &mut checked, &mut on_progress) {
        fault(error)?;
        // What is being written may look damaged while it is: what is damaged is so again.
        if let Err(error) = read(dir, &mut checked, &mut on_progress) {
            checked.faults.push(fault(error)?);
        }
    }
    let mut beside = Vec::new();
    beside::check(dir, *first, checked.next, &mut beside)?;
    // What the segments lack of what a file promises is told once.
    let told: Vec<String> = checked.faults.iter().map(ToString::to_string).collect();
    beside.retain(|fault| !told.contains(&fault.to_string()));
    checked.faults.extend(beside);
    Ok(checked)
}

/// What is a fault of the journal, and no trouble with reading it.
fn fault(error: JournalError) -> Result<JournalError> {
    match error {
        JournalError::Damaged { .. }
        | JournalError::Missing { .. }
        | JournalError::CutBack { .. }
        | JournalError::Follower { .. } => Ok(error),
        error => Err(error),
    }
}

fn read(
    dir: &Path,
    checked: &mut Checked,
    on_progress: &mut impl FnMut(u64) -> Result<()>,
) -> Result<()> {
    let mut reader = JournalReader::open_from(dir, checked.segments.0)?;
    let (mut segment, mut before) = (reader.segment(), 0);
    loop {
        let block = reader.next_block();
        // Also of what was read before damage.
        while segment < reader.segment() {
            before += size(&reader, segment - checked.segments.0)?;
            segment += 1;
        }
        checked.next = reader.next();
        checked.durable = reader.durable();
        checked.sessions = reader.position().place.sessions;
        checked.bytes = before + reader.segment_bytes();
        if block?.is_none() {
            break;
        }
        on_progress(checked.bytes)?;
    }
    checked.is_closed = reader.close().is_some();
    checked.torn = reader.torn_tail().cloned();
    checked.bytes = before
        + match &checked.torn {
            Some(torn) => torn.offset,
            None => size(&reader, segment - checked.segments.0)?,
        };
    Ok(())
}

/// Length of a segment, by its index.
fn size(reader: &JournalReader, index: u32) -> Result<u64> {
    let Some(path) = reader.files().get(index as usize) else {
        return Ok(0);
    };
    let metadata = fs::metadata(path).map_err(JournalError::io("read", path))?;
    Ok(metadata.len())
}
