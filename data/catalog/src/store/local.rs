//! The store that is a directory: `std::fs`, with fsync before each rename. Paths are whole here.

use super::Stored;
use crate::{CatalogError, Result};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tickloom_journal::sync_dir;

pub(super) fn create_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(CatalogError::io("create", dir))
}

pub(super) fn list(root: &Path, dir: &Path) -> Result<Vec<Stored>> {
    let mut dirs = vec![root.join(dir)];
    let mut files = Vec::new();
    while let Some(dir) = dirs.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(CatalogError::io("list", &dir)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(CatalogError::io("list", &dir))?;
            let path = entry.path();
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => dirs.push(path),
                Ok(meta) => files.push(Stored {
                    bytes: meta.len(),
                    path: path
                        .strip_prefix(root)
                        .expect("entries are below the root")
                        .to_owned(),
                }),
                // Another process was done with it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(CatalogError::io("look at", &path)(error)),
            }
        }
    }
    Ok(files)
}

pub(super) fn read(path: &Path) -> Result<Bytes> {
    let bytes = fs::read(path).map_err(CatalogError::io("read", path))?;
    Ok(bytes.into())
}

pub(super) fn read_if_there(path: &Path) -> Result<Option<Bytes>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CatalogError::io("read", path)(error)),
    }
}

pub(super) fn read_range(path: &Path, range: Range<u64>) -> Result<Bytes> {
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        file.take(range.end.saturating_sub(range.start))
            .read_to_end(&mut bytes)?;
        Ok(bytes.into())
    };
    read().map_err(CatalogError::io("read", path))
}

pub(super) fn read_end(path: &Path, bytes: u64) -> Result<(Bytes, u64)> {
    let len = fs::metadata(path)
        .map_err(CatalogError::io("look at", path))?
        .len();
    Ok((read_range(path, len.saturating_sub(bytes)..len)?, len))
}

pub(super) fn bytes(path: &Path) -> Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(meta.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CatalogError::io("look at", path)(error)),
    }
}

/// Writes whole, then renames into place.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = write_beside(path, bytes)?;
    fs::rename(&temporary, path).map_err(CatalogError::io("rename", &temporary))?;
    Ok(path.parent().map_or(Ok(()), sync_dir)?)
}

/// Writes whole, then links into place, which fails if the name is taken.
pub(super) fn put_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    let temporary = write_beside(path, bytes)?;
    let linked = match fs::hard_link(&temporary, path) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        // A file system without links: the caller's lock has to do.
        Err(_) if !path.exists() => {
            fs::rename(&temporary, path).map_err(CatalogError::io("rename", &temporary))?;
            true
        }
        Err(_) => false,
    };
    remove(&temporary)?;
    path.parent().map_or(Ok(()), sync_dir)?;
    Ok(linked)
}

fn write_beside(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    path.parent().map_or(Ok(()), create_dir)?;
    let temporary = temporary(path);
    File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(CatalogError::io("write", &temporary))?;
    Ok(temporary)
}

/// Outside readers pass over names that begin with a dot.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(CatalogError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

pub(super) fn begin(path: &Path) -> Result<File> {
    path.parent().map_or(Ok(()), create_dir)?;
    let temporary = temporary(path);
    File::create(&temporary).map_err(CatalogError::io("create", &temporary))
}

pub(super) fn complete(path: &Path, file: &File) -> Result<()> {
    let temporary = temporary(path);
    file.sync_all()
        .map_err(CatalogError::io("sync", &temporary))?;
    fs::rename(&temporary, path).map_err(CatalogError::io("rename", &temporary))
}

pub(super) fn settle<'a>(root: &Path, paths: impl Iterator<Item = &'a Path>) -> Result<()> {
    let mut dirs = BTreeSet::new();
    for path in paths {
        dirs.extend(path.ancestors().skip(1).map(|dir| root.join(dir)));
    }
    Ok(dirs.iter().try_for_each(|dir| sync_dir(dir))?)
}

pub(super) fn lock(path: &Path) -> Result<File> {
    path.parent().map_or(Ok(()), create_dir)?;
    let file = File::create(path).map_err(CatalogError::io("create", path))?;
    file.lock().map_err(CatalogError::io("lock", path))?;
    Ok(file)
}
