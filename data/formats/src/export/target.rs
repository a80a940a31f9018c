//! The exported file: written under a temporary name, forced to the disk and renamed, or removed again.

use crate::{FormatError, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tickloom_journal::sync_dir;

const BUFFER_BYTES: usize = 1 << 18;

/// A file that is not yet there under its name. Dropped, it is gone.
pub(crate) struct Target {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl Target {
    /// Begins the file beside its place.
    pub(crate) fn create(path: &Path) -> Result<Target> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let file = File::create(&temporary).map_err(FormatError::io("create", &temporary))?;
        Ok(Target {
            path: path.to_owned(),
            temporary,
            file,
        })
    }

    /// Another handle on the file, for one that writes into it.
    pub(crate) fn file(&self) -> Result<BufWriter<File>> {
        let file = self.file.try_clone();
        let file = file.map_err(FormatError::io("open", &self.temporary))?;
        Ok(BufWriter::with_capacity(BUFFER_BYTES, file))
    }

    /// For text, which may be packed.
    pub(crate) fn text(&self, is_packed: bool) -> Result<TextFile> {
        let file = self.file()?;
        let output = if is_packed {
            Output::Packed(Box::new(GzEncoder::new(file, Compression::default())))
        } else {
            Output::Plain(file)
        };
        Ok(TextFile {
            path: self.temporary.clone(),
            output,
        })
    }

    /// What names the file in errors while it is written.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Gives the file its name, and says how many bytes it has.
    pub(crate) fn publish(self) -> Result<u64> {
        let failed = |error| FormatError::io("write", &self.temporary)(error);
        self.file.sync_all().map_err(failed)?;
        let bytes = self.file.metadata().map_err(failed)?.len();
        fs::rename(&self.temporary, &self.path)
            .map_err(FormatError::io("rename", &self.temporary))?;
        match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => sync_dir(dir)?,
            _ => sync_dir(Path::new("."))?,
        }
        Ok(bytes)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // After publish() there is nothing under this name.
        drop(fs::remove_file(&self.temporary));
    }
}

/// A text being written.
pub(crate) struct TextFile {
    path: PathBuf,
    output: Output,
}

enum Output {
    Plain(BufWriter<File>),
    Packed(Box<GzEncoder<BufWriter<File>>>),
}

impl TextFile {
    /// Appends to it.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.output {
            Output::Plain(file) => file.write_all(bytes),
            Output::Packed(file) => file.write_all(bytes),
        };
        written.map_err(FormatError::io("write", &self.path))
    }

    /// Whether a place in it can be written again.
    pub(crate) fn can_go_back(&self) -> bool {
        matches!(self.output, Output::Plain(_))
    }

    /// Completes it, and if it can be, puts `bytes` in place of those at `at`.
    pub(crate) fn finish(self, at: u64, bytes: &[u8]) -> Result<()> {
        let finish = || -> io::Result<()> {
            match self.output {
                Output::Packed(packed) => packed.finish()?.flush(),
                Output::Plain(mut file) => {
                    file.seek(SeekFrom::Start(at))?;
                    file.write_all(bytes)?;
                    file.flush()
                }
            }
        };
        finish().map_err(FormatError::io("write", &self.path))
    }
}
