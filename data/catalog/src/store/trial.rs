//! The store in which a command does all that it would do and changes nothing: what it writes lies over what there is, in one temporary
//! file without a name and in memory, and is gone with it.

use super::stored::{Stored, Version};
use super::{NewFile, Store};
use crate::{CatalogError, Result};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is written whole and is no longer than this is held in memory: entries of the index.
const HELD_BYTES_MAX: usize = 64 << 10;

/// What was written, over what there is.
#[derive(Debug)]
pub(super) struct Trial {
    /// What there is, if anything.
    base: Option<Store>,
    root: PathBuf,
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    files: BTreeMap<PathBuf, Content>,
    /// Files of the base that were removed.
    removed: BTreeSet<PathBuf>,
    /// Where long files are, one after another.
    spool: Option<File>,
    spooled: u64,
}

#[derive(Clone, Debug)]
enum Content {
    Held(Bytes),
    Spooled(Range<u64>),
}

impl Content {
    fn bytes(&self) -> u64 {
        match self {
            Content::Held(bytes) => bytes.len() as u64,
            Content::Spooled(range) => range.end - range.start,
        }
    }
}

impl Written {
    /// Adds to the spool what a reader has.
    fn spool(&mut self, from: &mut impl Read) -> io::Result<Content> {
        if self.spool.is_none() {
            self.spool = Some(tempfile::tempfile()?);
        }
        let Some(spool) = &mut self.spool else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let start = self.spooled;
        spool.seek(SeekFrom::Start(start))?;
        self.spooled = start + io::copy(from, spool)?;
        spool.flush()?;
        Ok(Content::Spooled(start..self.spooled))
    }

    /// Some bytes of what was written.
    fn read(&mut self, content: &Content, range: Range<u64>) -> io::Result<Bytes> {
        let end = range.end.min(content.bytes());
        let range = range.start.min(end)..end;
        match content {
            Content::Held(bytes) => {
                let at = |place: u64| usize::try_from(place).unwrap_or(bytes.len());
                Ok(bytes.slice(at(range.start)..at(range.end)))
            }
            Content::Spooled(place) => {
                let Some(spool) = &mut self.spool else {
                    return Err(io::ErrorKind::NotFound.into());
                };
                spool.seek(SeekFrom::Start(place.start + range.start))?;
                let mut bytes = Vec::new();
                spool
                    .take(range.end - range.start)
                    .read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

impl Trial {
    pub(super) fn over(root: &Path, base: Option<Store>) -> Trial {
        Trial {
            base,
            root: root.to_owned(),
            written: Mutex::default(),
        }
    }

    /// What is known is whole whoever was stopped while it had it.
    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CatalogError {
        let path = self.root.join(path);
        move |error| CatalogError::io(action, &path)(error)
    }

    /// What there is below, if it has this file still.
    fn below(&self, path: &Path) -> Option<&Store> {
        let is_gone = self.written().removed.contains(path);
        self.base.as_ref().filter(|_| !is_gone)
    }

    /// Where a reader can open a file by itself.
    pub(super) fn local_path(&self, path: &Path) -> Option<PathBuf> {
        let is_written = self.written().files.contains_key(path);
        let below = self.below(path).filter(|_| !is_written);
        below.and_then(|base| base.local_path(path))
    }

    pub(super) fn list(&self, dir: &Path) -> Result<Vec<Stored>> {
        let mut all = match &self.base {
            Some(base) => base.list(dir)?,
            None => Vec::new(),
        };
        let written = self.written();
        all.retain(|one| {
            !written.removed.contains(&one.path) && !written.files.contains_key(&one.path)
        });
        let files = written.files.iter();
        let files = files.filter(|(path, _)| path.starts_with(dir));
        all.extend(files.map(|(path, content)| Stored {
            path: path.clone(),
            bytes: content.bytes(),
        }));
        Ok(all)
    }

    pub(super) fn paths(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let mut all = match &self.base {
            Some(base) => base.paths(dir)?,
            None => Vec::new(),
        };
        let written = self.written();
        all.retain(|path| !written.removed.contains(path) && !written.files.contains_key(path));
        let files = written.files.keys().filter(|path| path.starts_with(dir));
        all.extend(files.cloned());
        Ok(all)
    }

    pub(super) fn has_files(&self, dir: &Path) -> Result<bool> {
        Ok(!self.paths(dir)?.is_empty())
    }

    /// Some bytes of a file that was written; `None` if it was not.
    fn read_written(&self, path: &Path, range: Range<u64>) -> Result<Option<Bytes>> {
        let mut written = self.written();
        let Some(content) = written.files.get(path).cloned() else {
            return Ok(None);
        };
        let bytes = written.read(&content, range);
        bytes.map(Some).map_err(self.fault("read", path))
    }

    fn absent(&self, path: &Path) -> CatalogError {
        self.fault("read", path)(io::ErrorKind::NotFound.into())
    }

    pub(super) fn read(&self, path: &Path) -> Result<Bytes> {
        let read = self.read_version(path)?;
        read.map_or_else(|| Err(self.absent(path)), |(bytes, _)| Ok(bytes))
    }

    pub(super) fn read_version(&self, path: &Path) -> Result<Option<(Bytes, Version)>> {
        if let Some(bytes) = self.read_written(path, 0..u64::MAX)? {
            return Ok(Some((bytes, Version(None))));
        }
        self.below(path)
            .map_or(Ok(None), |base| base.read_version(path))
    }

    pub(super) fn read_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes> {
        if let Some(bytes) = self.read_written(path, range.clone())? {
            return Ok(bytes);
        }
        let below = self.below(path).ok_or_else(|| self.absent(path))?;
        below.read_range(path, range)
    }

    pub(super) fn read_end(&self, path: &Path, bytes: u64) -> Result<(Bytes, u64)> {
        let len = self.written().files.get(path).map(Content::bytes);
        if let Some(len) = len {
            let bytes = self.read_range(path, len.saturating_sub(bytes)..len)?;
            return Ok((bytes, len));
        }
        let below = self.below(path).ok_or_else(|| self.absent(path))?;
        below.read_end(path, bytes)
    }

    pub(super) fn bytes(&self, path: &Path) -> Result<Option<u64>> {
        let len = self.written().files.get(path).map(Content::bytes);
        match (len, self.below(path)) {
            (Some(len), _) => Ok(Some(len)),
            (None, Some(base)) => base.bytes(path),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<bool> {
        if self.bytes(path)?.is_some() {
            return Ok(false);
        }
        self.put(path, bytes).map(|()| true)
    }

    pub(super) fn put(&self, path: &Path, mut bytes: &[u8]) -> Result<()> {
        let mut written = self.written();
        let content = match bytes.len() > HELD_BYTES_MAX {
            true => written.spool(&mut bytes),
            false => Ok(Content::Held(Bytes::copy_from_slice(bytes))),
        };
        let content = content.map_err(self.fault("write a temporary file for", path))?;
        written.files.insert(path.to_owned(), content);
        Ok(())
    }

    pub(super) fn remove(&self, path: &Path) {
        let mut written = self.written();
        written.files.remove(path);
        written.removed.insert(path.to_owned());
    }

    pub(super) fn begin(&self, path: &Path) -> Result<File> {
        tempfile::tempfile().map_err(self.fault("make a temporary file for", path))
    }

    pub(super) fn complete(&self, new: NewFile) -> Result<()> {
        let NewFile { path, mut file } = new;
        let mut written = self.written();
        let content = file.rewind().and_then(|()| written.spool(&mut file));
        let content = content.map_err(self.fault("write a temporary file for", &path))?;
        written.files.insert(path, content);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(store: &Store, path: &str) -> Option<String> {
        let read = store.read_version(Path::new(path)).unwrap();
        read.map(|(bytes, _)| String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn names(store: &Store) -> Vec<String> {
        let all = store.list(Path::new("")).unwrap().into_iter();
        all.map(|one| format!("{} {}", one.path.display(), one.bytes))
            .collect()
    }

    #[test]
    fn what_is_written_lies_over_what_there_is_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let base = Store::at(dir.path()).unwrap();
        for (path, bytes) in [("a/one", "1"), ("a/two", "22"), ("three", "333")] {
            base.put_new(Path::new(path), bytes.as_bytes()).unwrap();
        }
        let before = names(&base);
        let trial = Store::trial(&base, true);
        assert_eq!(names(&trial), before);
        // Written over, removed, new, long, and removed and new again.
        let long = "x".repeat(HELD_BYTES_MAX + 1);
        trial.put_unsettled(Path::new("a/one"), b"one").unwrap();
        trial.remove(Path::new("a/two")).unwrap();
        assert!(!trial.put_new(Path::new("three"), b"4").unwrap());
        assert!(trial.put_new(Path::new("b/four"), long.as_bytes()).unwrap());
        trial.remove(Path::new("three")).unwrap();
        assert_eq!(text(&trial, "three"), None);
        assert_eq!(trial.bytes(Path::new("three")).unwrap(), None);
        assert!(trial.read_range(Path::new("three"), 0..1).is_err());
        assert!(trial.put_new(Path::new("three"), b"3").unwrap());
        let mut new = trial.begin(Path::new("five")).unwrap();
        new.write_all(b"0123456789").unwrap();
        assert!(!trial.exists(Path::new("five")).unwrap());
        trial.complete(new).unwrap();
        let long_name = format!("b/four {}", long.len());
        assert_eq!(names(&trial), ["a/one 3", &long_name, "five 10", "three 1"]);
        assert_eq!(text(&trial, "a/one").unwrap(), "one");
        assert_eq!(text(&trial, "b/four").unwrap(), long);
        let range = |from, to| trial.read_range(Path::new("five"), from..to).unwrap();
        assert_eq!(range(2, 4), "23");
        assert_eq!(range(8, 99), "89");
        let end = trial.read_end(Path::new("five"), 3).unwrap();
        assert_eq!(end, (Bytes::from("789"), 10));
        assert_eq!(trial.local_path(Path::new("a/one")), None);
        let mut below = trial.paths(Path::new("a")).unwrap();
        below.sort();
        assert_eq!(below, [Path::new("a/one")]);
        assert_eq!(names(&base), before);
        assert_eq!(text(&base, "a/one").unwrap(), "1");
    }

    #[test]
    fn where_nothing_is_there_is_what_was_written() {
        let place = Store::at(Path::new("/nowhere/at/all")).unwrap();
        let trial = Store::trial(&place, false);
        assert!(names(&trial).is_empty());
        assert!(trial.put_new(Path::new("a"), b"1").unwrap());
        assert_eq!(names(&trial), ["a 1"]);
        assert!(!Path::new("/nowhere").exists());
    }
}
