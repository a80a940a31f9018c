//! How far a server has confirmed a journal: a small file beside the segments, written after the confirmation.
//!
//! It only saves work. If it is lost, old or of another server, the journal is sent again from its beginning, and the tables take
//! each row in its place.

use super::QuestDbAddress;
use crate::{DataError, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tickloom_journal::{JournalError, JournalPlace, check_place, read_journal_meta};

/// What a server has of one journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Behind the last block that was confirmed.
    pub(super) place: JournalPlace,
    /// Records up to there.
    pub(super) records: u64,
    /// When the last input up to there was released, nanoseconds since the epoch.
    pub(super) released: i64,
}

/// As it is in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CursorFile {
    address: String,
    run: String,
    segment: u32,
    offset: u64,
    /// Hash of the block before, in hexadecimal digits.
    previous: Option<String>,
    records: u64,
    #[serde(default = "unknown")]
    released: i64,
}

/// Files of earlier versions do not say when the last input was released.
fn unknown() -> i64 {
    i64::MIN
}

impl Cursor {
    /// Before the first record.
    pub(super) const START: Cursor = Cursor {
        place: JournalPlace::START,
        records: 0,
        released: i64::MIN,
    };

    /// What the file says of this server and run; the start if it says nothing of them.
    pub(super) fn read(journal: &Path, address: &QuestDbAddress, run: &str) -> Result<Cursor> {
        let file = read_file(journal)?;
        let ours = file.filter(|file| file.address == address.to_string() && file.run == run);
        Ok(ours.and_then(|file| file.cursor()).unwrap_or(Cursor::START))
    }

    /// Writes whole, then renames into place.
    pub(super) fn write(&self, journal: &Path, address: &QuestDbAddress, run: &str) -> Result<()> {
        let previous = self.place.previous.map(u128::from_le_bytes);
        let file = CursorFile {
            address: address.to_string(),
            run: run.to_owned(),
            segment: self.place.segment,
            offset: self.place.offset,
            previous: previous.map(|hash| format!("{hash:032x}")),
            records: self.records,
            released: self.released,
        };
        let path = path(journal);
        let temporary = path.with_extension("tmp");
        let bytes = serde_json::to_vec_pretty(&file).expect("plain fields are JSON");
        fs::write(&temporary, bytes).map_err(DataError::io("write", &temporary))?;
        fs::rename(&temporary, &path).map_err(DataError::io("rename", &temporary))
    }
}

/// Checks what the file beside the journal says of a server: that it can be read and is of this run, and that the journal has, on the
/// disk, what the server has confirmed. Without a file there is nothing to check.
///
/// # Errors
/// [`DataError::Damaged`] if it cannot be read or is of another run; [`DataError::Journal`] if the journal does not have what was
/// confirmed, or is damaged there; [`DataError::Io`].
pub fn check_cursor(journal: &Path) -> Result<()> {
    let path = path(journal);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DataError::io("read", &path)(error)),
    };
    let damaged = |found: String, expected: &str| DataError::Damaged {
        file: path.clone(),
        offset: 0,
        found,
        expected: expected.to_owned(),
    };
    let what = "what a server has confirmed, as JSON";
    let file: CursorFile =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string(), what))?;
    let cursor = file.cursor().ok_or_else(|| {
        damaged(
            format!("the hash {:?}", file.previous),
            "32 hexadecimal digits",
        )
    })?;
    if let Some(meta) = read_journal_meta(journal)?.filter(|meta| meta.run != file.run) {
        let expected = format!("run {}", meta.run);
        return Err(damaged(format!("run {}", file.run), &expected));
    }
    check_place(journal, &cursor.place).map_err(|source| JournalError::Follower {
        who: format!("QuestDB at {}", file.address),
        source: Box::new(source),
    })?;
    Ok(())
}

impl CursorFile {
    fn cursor(&self) -> Option<Cursor> {
        let previous = match &self.previous {
            None => None,
            Some(hash) if hash.len() == 32 => {
                Some(u128::from_str_radix(hash, 16).ok()?.to_le_bytes())
            }
            Some(_) => return None,
        };
        Some(Cursor {
            place: JournalPlace {
                segment: self.segment,
                offset: self.offset,
                previous,
            },
            records: self.records,
            released: self.released,
        })
    }
}

fn path(journal: &Path) -> PathBuf {
    journal.join("questdb.json")
}

/// A file that is damaged says nothing.
fn read_file(journal: &Path) -> Result<Option<CursorFile>> {
    let path = path(journal);
    match fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DataError::io("read", &path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_one_server_s_and_one_run_s() {
        let dir = tempfile::tempdir().unwrap();
        let address: QuestDbAddress = "db:1".parse().unwrap();
        let cursor = Cursor {
            place: JournalPlace {
                segment: 3,
                offset: 640,
                previous: Some([7; 16]),
            },
            records: 12,
            released: 99,
        };
        cursor.write(dir.path(), &address, "run").unwrap();
        let read =
            |address: &str, run| Cursor::read(dir.path(), &address.parse().unwrap(), run).unwrap();
        assert_eq!(read("http://db:1", "run"), cursor);
        assert_eq!(read("db:2", "run"), Cursor::START);
        assert_eq!(read("db:1", "other"), Cursor::START);
        fs::write(path(dir.path()), "{").unwrap();
        assert_eq!(read("db:1", "run"), Cursor::START);
    }
}
