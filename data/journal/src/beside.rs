//! Small files of JSON beside the segments: written whole, on the disk before the write returns, and never guessed at when
//! they are damaged.

use crate::disk::{Disk, put_whole, sync_names};
use crate::{JournalError, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Replaces the file at `path`.
pub(crate) fn write(disk: &dyn Disk, path: &Path, value: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(value).expect("plain fields are JSON");
    put_whole(disk, &bytes, &path.with_extension("tmp"), path)?;
    sync_names(disk, path.parent().unwrap_or(Path::new(".")))
}

/// What the file says; `None` if it is not there.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(JournalError::io("read", path)(error)),
    };
    let value = serde_json::from_slice(&bytes).map_err(|error| JournalError::Damaged {
        file: path.to_owned(),
        offset: 0,
        found: error.to_string(),
        expected: expected.to_owned(),
    })?;
    Ok(Some(value))
}
