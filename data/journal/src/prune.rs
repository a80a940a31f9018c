//! Removing segments from the front of a journal, once nobody needs them.

use crate::cursor::journal_cursors;
use crate::disk::sync_dir;
use crate::format::HEADER_LEN;
use crate::headers::Headers;
use crate::segments::{list_segments, segment_name};
use crate::snapshot::{SnapshotFile, read_snapshot, snapshot_files};
use crate::{JournalError, Result};
use std::fs::{self, File};
use std::path::Path;

/// Who needs which segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneLimit {
    /// Who, in a few words.
    pub who: String,
    /// Segments from this one on are needed.
    pub below: u32,
}

/// The segments below this one are covered by all snapshots that are kept and that `loads` says can be loaded, so that the one
/// before the newest is still of use. `None` if there is no such snapshot. One that is damaged covers nothing.
///
/// # Errors
/// [`JournalError::Io`].
pub fn covered_by_snapshot(
    dir: &Path,
    loads: impl Fn(&SnapshotFile) -> bool,
) -> Result<Option<u32>> {
    let mut below = None;
    for path in snapshot_files(dir)? {
        let snapshot = match read_snapshot(&path) {
            Err(JournalError::Damaged { .. }) => continue,
            read => read?,
        };
        if loads(&snapshot) {
            let segment = snapshot.head.segment;
            below = Some(below.map_or(segment, |below: u32| below.min(segment)));
        }
    }
    Ok(below)
}

/// Who needs which segments of the journal in `dir`, as far as the journal knows: its snapshots, its named cursors, and itself, for
/// the last segment and for those that do not say where they begin. `loads` says whether a snapshot can be loaded.
///
/// # Errors
/// [`JournalError::Missing`] without any segment, [`JournalError::Damaged`] for a damaged cursor, [`JournalError::Io`].
pub fn prune_limits(dir: &Path, loads: impl Fn(&SnapshotFile) -> bool) -> Result<Vec<PruneLimit>> {
    let numbers = list_segments(dir)?;
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
        return Err(JournalError::Missing {
            what: "journal segment",
            path: dir.to_owned(),
        });
    };
    let snapshot = match covered_by_snapshot(dir, loads)? {
        Some(below) => PruneLimit {
            who: "the snapshots, from which a restart reads on".to_owned(),
            below,
        },
        None => PruneLimit {
            who: "every restart, as there is no snapshot that this version loads".to_owned(),
            below: *first,
        },
    };
    let mut limits = vec![snapshot];
    for cursor in journal_cursors(dir)? {
        limits.push(PruneLimit {
            who: format!("cursor {}", cursor.name),
            below: cursor.place.segment,
        });
    }
    limits.push(PruneLimit {
        who: "the journal, whose last segment stays".to_owned(),
        below: *last,
    });
    Ok(limits)
}

/// The segments of the journal in `dir` that can go when those from `below` on are needed: without a gap from the first on, and so
/// that the first that stays says where it begins.
///
/// # Errors
/// [`JournalError::Io`].
pub fn prunable(dir: &Path, below: u32) -> Result<Vec<u32>> {
    let numbers = list_segments(dir)?;
    let mut going = numbers.clone();
    going.retain(|number| *number < below);
    while let Some(last) = going.last() {
        let stays = numbers.iter().find(|number| *number > last);
        if let Some(first) = stays
            && version(&dir.join(segment_name(*first)))? >= 2
        {
            break;
        }
        going.pop();
    }
    Ok(going)
}

/// Removes these segments of the journal in `dir`, which [`prunable`] named. Each is gone from the disk before the next goes, so
/// that a crash leaves no gap.
///
/// # Errors
/// [`JournalError::Io`].
pub fn prune_journal(dir: &Path, segments: &[u32]) -> Result<()> {
    for number in segments {
        let path = dir.join(segment_name(*number));
        fs::remove_file(&path).map_err(JournalError::io("remove", &path))?;
        sync_dir(dir)?;
    }
    Ok(())
}

fn version(path: &Path) -> Result<u16> {
    let mut file = File::open(path).map_err(JournalError::io("open", path))?;
    let headers =
        Headers::new(&mut file, HEADER_LEN as u64).map_err(JournalError::io("read", path))?;
    Ok(headers.version)
}
