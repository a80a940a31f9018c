//! Snapshots beside the segments: what a core remembered at one input, as opaque bytes, and from which segment a run goes on.
//!
//! A file is written whole, forced to the disk and renamed. It says which block comes before its segment, so that another
//! journal's segment is told from its own; `docs/journal.md` has the bytes.

use crate::disk::{RealDisk, put_whole, sync_names};
use crate::format::{ChainHash, Session};
use crate::{JournalError, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use tickloom_types::Seq;
use xxhash_rust::xxh3::xxh3_128;

const MAGIC: [u8; 8] = *b"TLSNAP\r\n";
const VERSION: u32 = 1;
/// Magic, version, length of the head, length of the state.
const FIXED_LEN: usize = 24;
const HASH_LEN: usize = 16;
/// Snapshots that are kept: the newest, and the one before it, should the newest be damaged.
const KEPT: usize = 2;

/// What a snapshot belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotHead {
    /// Name of the run.
    pub run: String,
    /// Sequence of the first input that the state does not know.
    pub next_seq: Seq,
    /// Inputs of the run before it.
    pub inputs: u64,
    /// The segment from which the run is read on: it holds that input, or one before it.
    pub segment: u32,
    /// Hash of the block before the first of that segment, in hexadecimal digits.
    pub before: String,
    /// Sessions that took numbers back, the oldest first, of those that began before the segment; of many the newest.
    pub retracted: Vec<Session>,
}

/// A snapshot that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// What it belongs to.
    pub head: SnapshotHead,
    /// What the core remembered.
    pub state: Vec<u8>,
}

impl SnapshotHead {
    /// Whether the segment that begins after the block with this hash is the one that is meant.
    #[must_use]
    pub fn follows(&self, before: ChainHash) -> bool {
        self.before == hex(before)
    }
}

/// A hash as snapshots name it.
#[must_use]
pub fn hex(hash: ChainHash) -> String {
    format!("{:032x}", u128::from_le_bytes(hash))
}

/// Writes a snapshot into the journal's directory, and removes those before the one before it. When it returns, it is on the disk.
///
/// # Errors
/// [`JournalError::Io`].
pub fn write_snapshot(dir: &Path, head: &SnapshotHead, state: &[u8]) -> Result<PathBuf> {
    let json = serde_json::to_vec(head).expect("plain fields are JSON");
    let mut bytes = Vec::with_capacity(FIXED_LEN + json.len() + state.len() + HASH_LEN);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend((state.len() as u64).to_le_bytes());
    bytes.extend(&json);
    bytes.extend(state);
    bytes.extend(xxh3_128(&bytes).to_le_bytes());
    let path = dir.join(snapshot_name(head.next_seq));
    // One name, so that what a crash leaves of it is written over.
    put_whole(&RealDisk, &bytes, &dir.join("snapshot.tmp"), &path)?;
    sync_names(&RealDisk, dir)?;
    for old in snapshot_files(dir)?.into_iter().skip(KEPT) {
        fs::remove_file(&old).map_err(JournalError::io("remove", &old))?;
    }
    Ok(path)
}

/// `snapshot-00000000000000000005.tls`.
pub(crate) fn snapshot_name(next_seq: Seq) -> String {
    format!("snapshot-{next_seq:020}.tls")
}

/// The snapshots in a journal's directory, the newest first.
///
/// # Errors
/// [`JournalError::Io`].
pub fn snapshot_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::io("list", dir)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(JournalError::io("list", dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name
            .and_then(|name| name.strip_prefix("snapshot-")?.strip_suffix(".tls"))
            .and_then(|number| number.parse::<Seq>().ok());
        found.extend(number.map(|number| (number, path)));
    }
    found.sort_unstable();
    Ok(found.into_iter().rev().map(|(_, path)| path).collect())
}

/// Reads a snapshot and checks every byte of it.
///
/// # Errors
/// [`JournalError::Damaged`] if it is not as it was written, or of another version; [`JournalError::Io`].
pub fn read_snapshot(path: &Path) -> Result<SnapshotFile> {
    let mut bytes = fs::read(path).map_err(JournalError::io("read", path))?;
    let damaged = |offset: usize, found: &str, expected: &str| JournalError::Damaged {
        file: path.to_owned(),
        offset: offset as u64,
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    let parts =
        split(&bytes).ok_or_else(|| damaged(0, "other bytes", "a whole snapshot of version 1"))?;
    if xxh3_128(parts.hashed).to_le_bytes() != parts.hash {
        return Err(damaged(0, "a wrong hash", "a snapshot as it was written"));
    }
    let head = serde_json::from_slice(parts.head)
        .map_err(|error| damaged(FIXED_LEN, &error.to_string(), "JSON of a snapshot"))?;
    let (start, len) = (FIXED_LEN + parts.head.len(), parts.state.len());
    bytes.truncate(start + len);
    Ok(SnapshotFile {
        head,
        state: bytes.split_off(start),
    })
}

struct Parts<'a> {
    hashed: &'a [u8],
    head: &'a [u8],
    state: &'a [u8],
    hash: [u8; HASH_LEN],
}

fn split(bytes: &[u8]) -> Option<Parts<'_>> {
    let (hashed, hash) = bytes.split_last_chunk::<HASH_LEN>()?;
    let (fixed, rest) = hashed.split_first_chunk::<FIXED_LEN>()?;
    let (magic, lens) = fixed.split_first_chunk::<8>()?;
    let (version, lens) = lens.split_first_chunk::<4>()?;
    let (head_len, state_len) = lens.split_first_chunk::<4>()?;
    let head_len = usize::try_from(u32::from_le_bytes(*head_len)).ok()?;
    let state_len = u64::from_le_bytes(state_len.try_into().ok()?);
    let (head, state) = rest.split_at_checked(head_len)?;
    let is_whole = *magic == MAGIC
        && u32::from_le_bytes(*version) == VERSION
        && state.len() as u64 == state_len;
    is_whole.then_some(Parts {
        hashed,
        head,
        state,
        hash: *hash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(next_seq: Seq) -> SnapshotHead {
        SnapshotHead {
            run: "run".to_owned(),
            next_seq,
            inputs: next_seq,
            segment: 3,
            before: hex([7; 16]),
            retracted: Vec::new(),
        }
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_written_and_the_one_before_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert!(snapshot_files(&dir.path().join("none")).unwrap().is_empty());
        for next_seq in [5, 90, 1_000] {
            write_snapshot(dir.path(), &head(next_seq), &[1, 2, 3]).unwrap();
        }
        let files = snapshot_files(dir.path()).unwrap();
        let read: Vec<_> = files
            .iter()
            .map(|path| read_snapshot(path).unwrap())
            .collect();
        let expected = [1_000, 90].map(|next_seq| SnapshotFile {
            head: head(next_seq),
            state: vec![1, 2, 3],
        });
        assert_eq!(read, expected);
        assert!(read[0].head.follows([7; 16]) && !read[0].head.follows([8; 16]));
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            2,
            "nothing is left behind"
        );
    }

    #[test]
    fn no_byte_can_change_or_miss() {
        let dir = tempfile::tempdir().unwrap();
        let path = write_snapshot(dir.path(), &head(5), &[9; 40]).unwrap();
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&path, &flipped).unwrap();
            let read = read_snapshot(&path);
            assert!(
                matches!(read, Err(JournalError::Damaged { .. })),
                "flip at {at}"
            );
            fs::write(&path, &bytes[..at]).unwrap();
            let read = read_snapshot(&path);
            assert!(
                matches!(read, Err(JournalError::Damaged { .. })),
                "cut at {at}"
            );
        }
    }
}
