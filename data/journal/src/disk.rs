//! What a writer, recovery and cursors do to files, behind a trait, so that tests can put a disk there that loses what was not
//! forced to it.

use crate::{JournalError, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Changes of files and names. What is read is read from the files themselves.
pub(crate) trait Disk: Send + Sync {
    /// Creates one directory.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Opens a directory, to force its names to the disk.
    fn open_dir(&self, dir: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for writing: a new one, or one that is there, emptied.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that is there.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, in place of whatever has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// A file or directory that is open.
pub(crate) trait DiskFile: Send {
    /// Writes at the end of what was written so far.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file at this length.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// Forces what was written to the disk, and of the rest what it takes to read it.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Forces everything to the disk; of a directory, its names.
    fn sync_all(&mut self) -> io::Result<()>;
}

/// The operating system's.
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir(dir)
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(dir)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.create(true).write(true).truncate(true).open(path)?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

impl DiskFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&mut self) -> io::Result<()> {
        File::sync_all(self)
    }
}

/// Forces the names in a directory to the disk.
///
/// # Errors
/// [`JournalError::Io`].
pub fn sync_dir(dir: &Path) -> Result<()> {
    sync_names(&RealDisk, dir)
}

pub(crate) fn sync_names(disk: &dyn Disk, dir: &Path) -> Result<()> {
    disk.open_dir(dir)
        .and_then(|mut dir| dir.sync_all())
        .map_err(JournalError::io("sync", dir))
}

/// Creates a directory and those above it that are missing, each of them on the disk.
pub(crate) fn create_dirs(disk: &dyn Disk, dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        create_dirs(disk, above)?;
    }
    match disk.create_dir(dir) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        created => created.map_err(JournalError::io("create", dir))?,
    }
    sync_names(disk, above.unwrap_or(Path::new(".")))
}

/// Writes a new file as a whole and gives it its name. The name is on the disk once the directory was forced there.
pub(crate) fn put_whole(
    disk: &dyn Disk,
    bytes: &[u8],
    temporary: &Path,
    path: &Path,
) -> Result<Box<dyn DiskFile>> {
    let mut file = disk
        .create(temporary)
        .map_err(JournalError::io("create", temporary))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(JournalError::io("write", temporary))?;
    disk.rename(temporary, path)
        .map_err(JournalError::io("rename", temporary))?;
    Ok(file)
}
