//! One file of an input.

use super::Input;
use crate::import::room::Room;
use crate::{FormatError, Result};
use std::fs::File;
use std::io::{BufRead, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One file of an input, to be read in any order.
pub(crate) struct Part {
    pub(super) path: PathBuf,
    pub(super) bytes: Option<Arc<[u8]>>,
    pub(super) input: Input,
}

/// What can be read in any order, by any thread.
pub(crate) trait ReadAnywhere: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadAnywhere for T {}

impl Part {
    /// The memory of its reading.
    pub(crate) fn room(&self) -> Room {
        self.input.room
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes as they are.
    pub(crate) fn open(&self) -> Result<Box<dyn ReadAnywhere>> {
        Ok(match &self.bytes {
            Some(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            None => {
                let file = File::open(&self.path).map_err(FormatError::io("open", &self.path))?;
                Box::new(file)
            }
        })
    }

    /// How many bytes it has as it lies there, packed or not.
    pub(crate) fn length(&self) -> Result<u64> {
        match &self.bytes {
            Some(bytes) => Ok(bytes.len() as u64),
            None => {
                let meta = std::fs::metadata(&self.path);
                let meta = meta.map_err(FormatError::io("look at", &self.path))?;
                Ok(meta.len())
            }
        }
    }

    /// Its content from begin to end, unpacked.
    pub(crate) fn open_unpacked(&self) -> Result<Box<dyn BufRead + Send>> {
        self.input.open()
    }

    /// Its first bytes, unpacked.
    pub(crate) fn head(&self) -> Result<Vec<u8>> {
        self.input.head()
    }
}
