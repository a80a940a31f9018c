//! The files of a journal: which segments are in a directory, and what they are called.

use crate::{JournalError, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The segments in `dir` in order from this one on; their numbers must follow.
pub(crate) fn segment_files_from(dir: &Path, first: u32) -> Result<Vec<PathBuf>> {
    let mut numbers = list_segments(dir)?;
    numbers.retain(|number| *number >= first);
    follow(dir, first, &numbers)
}

/// The segments in `dir` in order; their numbers must follow from one.
///
/// # Errors
/// [`JournalError::Missing`] if one is not there; [`JournalError::Io`].
pub fn segment_files(dir: &Path) -> Result<Vec<PathBuf>> {
    follow(dir, 1, &list_segments(dir)?)
}

/// Numbers of the segments in `dir`, which need not begin at one but must follow; none if there is no such directory.
///
/// # Errors
/// [`JournalError::Missing`] if one between is not there; [`JournalError::Io`].
pub fn segment_numbers(dir: &Path) -> Result<Vec<u32>> {
    let numbers = list_segments(dir)?;
    follow(dir, numbers.first().copied().unwrap_or(1), &numbers)?;
    Ok(numbers)
}

fn follow(dir: &Path, first: u32, numbers: &[u32]) -> Result<Vec<PathBuf>> {
    let mut expected = Some(first);
    for number in numbers {
        let at = expected.unwrap_or(first);
        if expected != Some(*number) {
            let what = if at == first {
                "segment to begin with: those before another one are gone"
            } else {
                "segment before the last one"
            };
            return Err(JournalError::Missing {
                what,
                path: dir.join(segment_name(at)),
            });
        }
        expected = number.checked_add(1);
    }
    Ok(numbers.iter().map(|n| dir.join(segment_name(*n))).collect())
}

/// Numbers of the segments in `dir`, sorted; none if there is no such directory.
pub(crate) fn list_segments(dir: &Path) -> Result<Vec<u32>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(JournalError::io("list", dir)(error)),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.map_err(JournalError::io("list", dir))?.file_name();
        let number = name
            .to_str()
            .and_then(|n| n.strip_prefix("segment-")?.strip_suffix(".tlj"))
            .and_then(|n| n.parse::<u32>().ok());
        // A number that is written otherwise is of another file.
        numbers.extend(number.filter(|number| name == segment_name(*number).as_str()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// `segment-00000001.tlj`.
#[must_use]
pub fn segment_name(number: u32) -> String {
    format!("segment-{number:08}.tlj")
}
