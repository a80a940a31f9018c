//! Named cursors: how far another program has come in a journal, in a file of the journal's directory.

use crate::disk::RealDisk;
use crate::format::{ChainHash, HEADER_LEN};
use crate::limits::CURSOR_NAME_LEN_MAX;
use crate::recover::lock_file;
use crate::segments::segment_name;
use crate::{JournalError, JournalPlace, JournalTail, Result, Tailed, beside};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// How far a program has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalCursor {
    /// What the program calls itself.
    pub name: String,
    /// Behind the last block that it is done with.
    pub place: JournalPlace,
}

/// A place as it is in JSON: the file of a cursor.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceText {
    segment: u32,
    offset: u64,
    /// Hash of the block before, in hexadecimal digits.
    previous: Option<String>,
}

/// A cursor that a follower has for itself while it runs.
pub(crate) struct Held {
    path: PathBuf,
    _lock: File,
}

impl Held {
    /// Takes the cursor `name` of the journal in `dir`, and says where it stands. A new one stands before the first block, and is on
    /// the disk, so that nobody removes what its program has not read.
    pub(crate) fn take(dir: &Path, name: &str) -> Result<(Held, JournalPlace)> {
        check_name(name)?;
        if !dir.is_dir() {
            return Err(JournalError::Missing {
                what: "journal",
                path: dir.to_owned(),
            });
        }
        let path = dir.join(format!("cursor-{name}.json"));
        let locked = path.with_extension("lock");
        let lock = lock_file(&locked)?.ok_or(JournalError::CursorInUse(path.clone()))?;
        let held = Held { path, _lock: lock };
        let place = match read_cursor(&held.path)? {
            Some(place) => place,
            None => {
                held.put(&JournalPlace::START)?;
                JournalPlace::START
            }
        };
        Ok((held, place))
    }

    /// Replaces the place; it is on the disk when this returns.
    pub(crate) fn put(&self, place: &JournalPlace) -> Result<()> {
        beside::write(&RealDisk, &self.path, place)
    }
}

/// The named cursors of the journal in `dir`, by name.
///
/// # Errors
/// [`JournalError::Damaged`] for one that is damaged, [`JournalError::Io`].
pub fn journal_cursors(dir: &Path) -> Result<Vec<JournalCursor>> {
    let mut cursors = Vec::new();
    for (name, path) in cursor_files(dir)? {
        if let Some(place) = read_cursor(&path)? {
            cursors.push(JournalCursor { name, place });
        }
    }
    Ok(cursors)
}

/// The names of the cursors in `dir` and their files, by name.
pub(crate) fn cursor_files(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(JournalError::io("list", dir))? {
        let file = entry.map_err(JournalError::io("list", dir))?.file_name();
        let name = file
            .to_str()
            .and_then(|file| file.strip_prefix("cursor-")?.strip_suffix(".json"));
        if let Some(name) = name {
            files.push((name.to_owned(), dir.join(&file)));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Checks that the journal in `dir` has what was read up to `place`. Reads the segment of the place up to it.
///
/// # Errors
/// [`JournalError::CutBack`] if it has something else there, or nothing; [`JournalError::Missing`] if it begins behind the place;
/// otherwise as [`JournalTail::poll`].
pub fn check_place(dir: &Path, place: &JournalPlace) -> Result<()> {
    let cut_back = || JournalError::CutBack {
        file: dir.join(segment_name(place.segment)),
        offset: place.offset,
    };
    let missing = || JournalError::Missing {
        what: "segment at which a cursor stands",
        path: dir.join(segment_name(place.segment)),
    };
    // A new one stands there whatever was removed before.
    if *place == JournalPlace::START {
        return Ok(());
    }
    if place.offset <= HEADER_LEN as u64 {
        // The first block tells whether it follows the one before the place; there may be none yet.
        return match JournalTail::new(dir, place.clone()).poll_any()? {
            Tailed::Block(_) | Tailed::End => Ok(()),
            Tailed::Missing { .. } => Err(missing()),
        };
    }
    let begin = JournalPlace {
        offset: 0,
        previous: None,
        ..place.clone()
    };
    let mut tail = JournalTail::new(dir, begin);
    while tail.place().offset < place.offset {
        match tail.poll_any()? {
            Tailed::Block(_) => {}
            Tailed::End => return Err(cut_back()),
            Tailed::Missing { .. } => return Err(missing()),
        }
        if tail.place().segment != place.segment {
            return Err(cut_back());
        }
    }
    let is_same = place.previous.is_none() || tail.place().previous == place.previous;
    if tail.place().offset != place.offset || !is_same {
        return Err(cut_back());
    }
    Ok(())
}

/// Never guessed at: a program that began anew would do everything twice.
pub(crate) fn read_cursor(path: &Path) -> Result<Option<JournalPlace>> {
    beside::read(path, "the JSON of a cursor")
}

impl From<JournalPlace> for PlaceText {
    fn from(place: JournalPlace) -> PlaceText {
        let previous = place.previous.map(u128::from_le_bytes);
        PlaceText {
            segment: place.segment,
            offset: place.offset,
            previous: previous.map(|hash| format!("{hash:032x}")),
        }
    }
}

impl TryFrom<PlaceText> for JournalPlace {
    type Error = String;

    fn try_from(text: PlaceText) -> Result<JournalPlace, String> {
        let wrong = |hash: &String| format!("the hash {hash:?}, expected 32 hexadecimal digits");
        let previous = match &text.previous {
            Some(hash) => Some(parse_hash(hash).ok_or_else(|| wrong(hash))?),
            None => None,
        };
        Ok(JournalPlace {
            segment: text.segment,
            offset: text.offset,
            previous,
        })
    }
}

fn parse_hash(hash: &str) -> Option<ChainHash> {
    if hash.len() != 32 {
        return None;
    }
    let hash = u128::from_str_radix(hash, 16).ok()?;
    Some(hash.to_le_bytes())
}

fn check_name(name: &str) -> Result<()> {
    let is_name = (1..=CURSOR_NAME_LEN_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    if is_name {
        return Ok(());
    }
    Err(JournalError::CursorName(name.to_owned()))
}
