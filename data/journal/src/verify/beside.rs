//! What lies beside the segments: the end of a closed run, named cursors, and snapshots, each held to the segments by itself.

use super::fault;
use crate::closed::ClosedMark;
use crate::cursor::{check_place, cursor_files, read_cursor};
use crate::format::{Block, Numbers};
use crate::segment::SegmentReader;
use crate::segments::{list_segments, segment_name};
use crate::snapshot::{SnapshotHead, read_snapshot, snapshot_files, snapshot_name};
use crate::{JournalError, JournalReader, Result};
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;
use tickloom_types::Seq;

/// Looks at each file beside the segments, of which `first` is the first that is there; `next` is where the journal ended when it was
/// read, and may go on since.
pub(super) fn check(
    dir: &Path,
    first: u32,
    next: Numbers,
    faults: &mut Vec<JournalError>,
) -> Result<()> {
    keep(check_closed(dir, first), faults)?;
    for (name, path) in cursor_files(dir)? {
        let checked = match read_cursor(&path) {
            // Given up since it was listed.
            Ok(None) => continue,
            Ok(Some(place)) => check_place(dir, &place).map_err(|error| of_cursor(&name, error)),
            Err(error) => Err(error),
        };
        keep(checked, faults)?;
    }
    for path in snapshot_files(dir)? {
        keep(check_snapshot(dir, &path, first, next), faults)?;
    }
    Ok(())
}

fn keep(checked: Result<()>, faults: &mut Vec<JournalError>) -> Result<()> {
    if let Err(error) = checked {
        faults.push(fault(error)?);
    }
    Ok(())
}

fn of_cursor(name: &str, error: JournalError) -> JournalError {
    match error {
        error @ JournalError::Io { .. } => error,
        source => JournalError::Follower {
            who: format!("cursor {name}"),
            source: Box::new(source),
        },
    }
}

/// Whether the run was closed where the file says: there ends a close, and what says that it is on the disk. That nothing is missing
/// of it is checked by every reader.
fn check_closed(dir: &Path, first: u32) -> Result<()> {
    let Some(mark) = ClosedMark::read(dir)? else {
        return Ok(());
    };
    if mark.segment < first && mark.segment > 0 {
        return Ok(());
    }
    let path = dir.join(segment_name(mark.segment));
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(JournalError::Missing {
                what: "segment in which the run was closed",
                path,
            });
        }
        Err(error) => return Err(JournalError::io("open", &path)(error)),
    };
    let source = BufReader::with_capacity(1 << 20, file);
    // What is wrong with the segment itself was told before.
    let Ok((mut reader, ..)) = SegmentReader::new(source) else {
        return Ok(());
    };
    let mut is_closed = false;
    while reader.offset() < mark.bytes
        && let Ok(Some(block)) = reader.next_block()
    {
        match block {
            Block::Close(_) => is_closed = true,
            Block::Durable(_) => {}
            _ => is_closed = false,
        }
    }
    if is_closed && reader.offset() == mark.bytes {
        return Ok(());
    }
    Err(JournalError::Damaged {
        file: ClosedMark::path(dir),
        offset: 0,
        found: format!("a close at byte {} of segment {}", mark.bytes, mark.segment),
        expected: "the place at which the run was closed".to_owned(),
    })
}

fn check_snapshot(dir: &Path, path: &Path, first: u32, next: Numbers) -> Result<()> {
    let head = match read_snapshot(path) {
        Ok(file) => file.head,
        // A newer one has taken its place since it was listed.
        Err(JournalError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let damaged = |found: String, expected: String| {
        Err(JournalError::Damaged {
            file: path.to_owned(),
            offset: 0,
            found,
            expected,
        })
    };
    let name = snapshot_name(head.next_seq);
    if path.file_name().is_none_or(|found| found != name.as_str()) {
        return damaged(format!("a snapshot before input {}", head.next_seq), name);
    }
    let last = list_segments(dir)?.last().copied().unwrap_or(first);
    if !(first..=last).contains(&head.segment) {
        let found = format!("a run to be read on from segment {}", head.segment);
        return damaged(found, format!("a segment from {first} to {last}"));
    }
    let mut reader = match JournalReader::open_from(dir, head.segment) {
        Ok(reader) => reader,
        // Of a segment that is damaged or missing it was told before.
        Err(JournalError::Damaged { .. } | JournalError::Missing { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut end = next.inputs;
    // It may be of what came since.
    while head.next_seq > end && reader.next_block().is_ok_and(|block| block.is_some()) {
        end = end.max(reader.next_seq());
    }
    check_head(&head, &reader, end).or_else(|(found, expected)| damaged(found, expected))
}

/// Whether a snapshot is of this journal, whose segment the reader has begun; what was found and what was expected if not.
fn check_head(
    head: &SnapshotHead,
    reader: &JournalReader,
    end: Seq,
) -> Result<(), (String, String)> {
    let run = &reader.meta().run;
    if head.run != *run {
        return Err((format!("run {}", head.run), format!("run {run}")));
    }
    if !head.follows(reader.before()) {
        let found = format!("segment {} of another journal", head.segment);
        return Err((found, "one of this journal".to_owned()));
    }
    let begins = reader.begins().next.inputs;
    if head.next_seq < begins || head.next_seq > end {
        let found = format!("a snapshot before input {}", head.next_seq);
        return Err((found, format!("an input from {begins} to {end}")));
    }
    Ok(())
}
