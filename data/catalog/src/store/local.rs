//! The store that is a directory: `std::fs`. What is written whole is forced to the disk before it is renamed; files that were begun are
//! when they are settled, before anything lists them. Paths are whole here.

use super::stored::{Stored, Writing};
use crate::{CatalogError, Result};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fs::{self, DirEntry, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tickloom_journal::sync_dir;

/// More files than these are forced to the disk together with all of their file system, rather than one by one.
const SYNC_EACH_MAX: usize = 64;

pub(super) fn create_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(CatalogError::io("create", dir))
}

pub(super) fn list(root: &Path, dir: &Path) -> Result<Vec<Stored>> {
    let mut files = Vec::new();
    walk(&root.join(dir), &mut |entry| {
        let path = entry.path();
        match entry.metadata() {
            Ok(meta) => files.push(Stored {
                bytes: meta.len(),
                path: below(root, &path),
            }),
            // Another process was done with it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(CatalogError::io("look at", &path)(error)),
        }
        Ok(())
    })?;
    Ok(files)
}

pub(super) fn paths(root: &Path, dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    walk(&root.join(dir), &mut |entry| {
        paths.push(below(root, &entry.path()));
        Ok(())
    })?;
    Ok(paths)
}

fn below(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root)
        .expect("entries are below the root")
        .to_owned()
}

/// Shows all files below a directory.
fn walk(dir: &Path, visit: &mut impl FnMut(&DirEntry) -> Result<()>) -> Result<()> {
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(CatalogError::io("list", &dir)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(CatalogError::io("list", &dir))?;
            let kind = entry.file_type();
            if kind.map_err(CatalogError::io("look at", &dir))?.is_dir() {
                dirs.push(entry.path());
            } else {
                visit(&entry)?;
            }
        }
    }
    Ok(())
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

/// Which writing of a file is there; `None` if there is none, or it cannot be told.
pub(super) fn writing(path: &Path) -> Option<Writing> {
    let meta = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&meta);
    #[cfg(not(unix))]
    let number = 0;
    Some(Writing {
        bytes: meta.len(),
        modified: meta.modified().ok()?,
        number,
    })
}

/// Writes whole, then renames into place.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    put_unsettled(path, bytes)?;
    Ok(path.parent().map_or(Ok(()), sync_dir)?)
}

/// Writes whole and renames into place; its name is on the disk for good once it is settled.
pub(super) fn put_unsettled(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = write_beside(path, bytes)?;
    fs::rename(&temporary, path).map_err(CatalogError::io("rename", &temporary))
}

/// Makes an empty file, if it is not there; a power loss may take it back.
pub(super) fn mark(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), create_dir)?;
    File::create(path)
        .map(drop)
        .map_err(CatalogError::io("write", path))
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

/// Whatever keeps it from that, such as files, is as it should be.
pub(super) fn remove_dir(dir: &Path) {
    fs::remove_dir(dir).ok();
}

pub(super) fn begin(path: &Path) -> Result<File> {
    path.parent().map_or(Ok(()), create_dir)?;
    let temporary = temporary(path);
    File::create(&temporary).map_err(CatalogError::io("create", &temporary))
}

pub(super) fn complete(path: &Path) -> Result<()> {
    let temporary = temporary(path);
    fs::rename(&temporary, path).map_err(CatalogError::io("rename", &temporary))
}

/// Names of what is in a directory; none if it is not there.
pub(super) fn names(dir: &Path) -> Result<Vec<String>> {
    let failed = |error| CatalogError::io("list", dir)(error);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let names = entries.map(|entry| Ok(entry.map_err(failed)?.file_name()));
    let names =
        names.filter_map(|name: Result<_>| name.map(|name| name.into_string().ok()).transpose());
    names.collect()
}

/// Removes the beginnings of a file that is not completed.
pub(super) fn discard(path: &Path) -> Result<()> {
    remove(&temporary(path))
}

pub(super) fn settle<'a>(root: &Path, paths: impl Iterator<Item = &'a Path>) -> Result<()> {
    let paths: Vec<&Path> = paths.collect();
    if paths.len() > SYNC_EACH_MAX && sync_file_system(root)? {
        return Ok(());
    }
    let mut dirs = BTreeSet::new();
    for path in paths {
        let file = root.join(path);
        File::open(&file)
            .and_then(|file| file.sync_all())
            .map_err(CatalogError::io("sync", &file))?;
        dirs.extend(path.ancestors().skip(1).map(|dir| root.join(dir)));
    }
    Ok(dirs.iter().try_for_each(|dir| sync_dir(dir))?)
}

/// Forces all of the file system below a directory to the disk: of many files that is one wait instead of one each. False where there is
/// no such call.
fn sync_file_system(dir: &Path) -> Result<bool> {
    #[cfg(target_os = "linux")]
    {
        let dir_file = File::open(dir).map_err(CatalogError::io("open", dir))?;
        rustix::fs::syncfs(&dir_file)
            .map_err(|error| CatalogError::io("sync", dir)(error.into()))?;
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = dir;
        Ok(false)
    }
}

pub(super) fn lock(path: &Path) -> Result<File> {
    path.parent().map_or(Ok(()), create_dir)?;
    let file = File::create(path).map_err(CatalogError::io("create", path))?;
    file.lock().map_err(CatalogError::io("lock", path))?;
    Ok(file)
}
