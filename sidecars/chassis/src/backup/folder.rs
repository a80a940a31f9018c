//! A folder that is there under its name whole or not at all: it is written beside it under another name, brought to the disk, and renamed.

use super::BackupError;
use crate::{ChassisError, Result};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// For its owner alone: what is in a database of a service is nobody else's.
const OWN_FOLDER: u32 = 0o700;
const OWN_FILE: u32 = 0o600;

/// A folder that is being written. Dropped without [`Partial::finish`] it goes away; what a killed process left does when it is written again.
pub(super) struct Partial {
    target: PathBuf,
    path: PathBuf,
    /// The folder in which it is, locked by whoever writes there; the lock goes with the process.
    parent: File,
    is_finished: bool,
}

impl Partial {
    /// Begins a folder that is to be `target`, which is not there or is empty.
    pub(super) fn begin(target: &Path) -> Result<Partial> {
        let name = target.file_name().ok_or_else(|| {
            let found = std::io::Error::other("it has no name");
            ChassisError::io("make", target)(found)
        })?;
        // A name that nobody else gives: what is there under it is removed.
        let mut partial = OsString::from(".");
        partial.push(name);
        partial.push(".tickloom-partial");
        let path = target.with_file_name(partial);
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(ChassisError::io("make", parent))?;
        let lock = File::open(parent).map_err(ChassisError::io("open", parent))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BackupError::Busy(parent.to_owned()).into());
            }
            Err(TryLockError::Error(error)) => return Err(ChassisError::io("lock", parent)(error)),
        }
        if !is_free(target)? {
            return Err(BackupError::Occupied(target.to_owned()).into());
        }
        remove(&path)?;
        let made = DirBuilder::new().mode(OWN_FOLDER).create(&path);
        made.map_err(ChassisError::io("make", &path))?;
        Ok(Partial {
            target: target.to_owned(),
            path,
            parent: lock,
            is_finished: false,
        })
    }

    /// Where it is written.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets it be there under its name, on the disk.
    pub(super) fn finish(mut self) -> Result<()> {
        sync(&self.path)?;
        // Over an empty folder; one that is not empty any more is left alone.
        fs::rename(&self.path, &self.target).map_err(ChassisError::io("rename", &self.path))?;
        self.is_finished = true;
        let synced = self.parent.sync_all();
        synced.map_err(ChassisError::io("bring to the disk", &self.target))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed now is removed when it is written again.
            fs::remove_dir_all(&self.path).ok();
        }
    }
}

/// Whether nothing is there, or an empty folder.
fn is_free(target: &Path) -> Result<bool> {
    match fs::read_dir(target) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(ChassisError::io("list", target)(error)),
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ChassisError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Lets only its owner read a file.
pub(super) fn make_private(file: &Path) -> Result<()> {
    let made = fs::set_permissions(file, Permissions::from_mode(OWN_FILE));
    made.map_err(ChassisError::io("set the permissions of", file))
}

/// Brings a file or a folder to the disk.
pub(super) fn sync(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(ChassisError::io("bring to the disk", path))
}
