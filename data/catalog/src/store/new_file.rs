//! A file on its way into the store.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

/// A file being written, which is in the store once [`Store::complete`](super::Store::complete) has returned.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
