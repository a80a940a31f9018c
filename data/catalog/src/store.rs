//! Where a catalog's files are: a local directory, or an S3-compatible object store named by a url such as `s3://bucket/prefix`.
//!
//! Everything in the catalog, index and Parquet alike, goes through here. A file appears whole or not at all: locally it is
//! renamed into place, and forced to the disk before anything lists it; an object store does so by itself. Not here: what the files hold, and caching.

#[cfg(test)]
mod fault;
mod local;
mod remote;
mod s3_error;
mod stored;

use crate::Result;
use crate::bundles::KnownDecisions;
use bytes::Bytes;
use remote::Remote;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
pub(crate) use stored::{Stored, Version};

/// The files below one location. Paths are relative to it. Clones share connections.
///
/// Calls wait for the disk or the network; they must not come from a thread that drives an asynchronous runtime.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    /// `None`: the directory `root`.
    remote: Option<Arc<Remote>>,
    /// What was decided of bundles, as far as it was read.
    decisions: KnownDecisions,
    /// When a test lets its changes fail.
    #[cfg(test)]
    death: fault::Death,
}

/// A file being written, which is in the store once [`Store::complete`] has returned.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    file: File,
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What keeps other processes of this machine away while it lives; nothing for object stores.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Option<File>,
}

/// Whether a location is a url rather than a local path.
#[must_use]
pub fn is_url(location: &Path) -> bool {
    location.to_str().is_some_and(|text| text.contains("://"))
}

impl Store {
    /// The store at a directory or url. Credentials, region and endpoint of object stores come from `AWS_*` in the environment.
    ///
    /// # Errors
    /// [`crate::CatalogError::Store`] if the url or the settings make no sense. Nothing is looked up yet.
    pub fn at(location: &Path) -> Result<Store> {
        Store::with_options(location, &[])
    }

    /// As [`Store::at`]; these options, by the names that they have in the environment in either case, go before it.
    ///
    /// # Errors
    /// As [`Store::at`].
    pub fn with_options(location: &Path, options: &[(&str, &str)]) -> Result<Store> {
        let remote = match location.to_str() {
            Some(url) if is_url(location) => Some(Arc::new(Remote::new(url, options)?)),
            _ => None,
        };
        Ok(Store {
            root: location.to_owned(),
            remote,
            decisions: KnownDecisions::default(),
            #[cfg(test)]
            death: fault::Death::default(),
        })
    }

    /// The directory or url.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn known_decisions(&self) -> &KnownDecisions {
        &self.decisions
    }

    /// Whether it is an object store.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// The whole path or url of a file, for messages.
    #[must_use]
    pub fn url(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// Makes a directory; in an object store, which has none, an empty file that stands for it.
    pub(crate) fn create_dir(&self, dir: &Path) -> Result<()> {
        match &self.remote {
            None => local::create_dir(&self.url(dir)),
            Some(remote) => remote.put_new(&dir.join(".directory"), &[]).map(|_| ()),
        }
    }

    /// All files below a directory, at any depth, sorted by path; none if there is no such directory.
    pub(crate) fn list(&self, dir: &Path) -> Result<Vec<Stored>> {
        let mut files = match &self.remote {
            None => local::list(&self.root, dir)?,
            Some(remote) => remote.list(dir)?,
        };
        files.sort_unstable();
        Ok(files)
    }

    /// Paths of all files below a directory, at any depth, in no order; none if there is no such directory.
    pub(crate) fn paths(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        match &self.remote {
            None => local::paths(&self.root, dir),
            Some(remote) => Ok(remote.list(dir)?.into_iter().map(|f| f.path).collect()),
        }
    }

    /// Whether there is any file below a directory.
    pub(crate) fn has_files(&self, dir: &Path) -> Result<bool> {
        match &self.remote {
            None => Ok(!local::paths(&self.root, dir)?.is_empty()),
            Some(remote) => remote.has_files(dir),
        }
    }

    /// A whole file.
    pub(crate) fn read(&self, path: &Path) -> Result<Bytes> {
        match &self.remote {
            None => local::read(&self.url(path)),
            Some(remote) => remote.read(path),
        }
    }

    /// Whole small files, in the order of their paths; an object store is asked for several at a time.
    pub(crate) fn read_all(&self, paths: &[PathBuf]) -> Result<Vec<Bytes>> {
        match &self.remote {
            None => paths.iter().map(|path| self.read(path)).collect(),
            Some(remote) => remote.read_all(paths),
        }
    }

    /// A whole file with its version; `None` if there is none.
    pub(crate) fn read_version(&self, path: &Path) -> Result<Option<(Bytes, Version)>> {
        match &self.remote {
            None => Ok(local::read_if_there(&self.url(path))?.map(|bytes| (bytes, Version(None)))),
            Some(remote) => remote.read_version(path),
        }
    }

    /// Some bytes of a file; fewer only if it ends before.
    pub(crate) fn read_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes> {
        match &self.remote {
            None => local::read_range(&self.url(path), range),
            Some(remote) => remote.read_range(path, range),
        }
    }

    /// The last `bytes` of a file, or all of a smaller one, and how long the file is.
    pub(crate) fn read_end(&self, path: &Path, bytes: u64) -> Result<(Bytes, u64)> {
        match &self.remote {
            None => local::read_end(&self.url(path), bytes),
            Some(remote) => remote.read_end(path, bytes),
        }
    }

    /// How long a file is; `None` if there is none.
    pub(crate) fn bytes(&self, path: &Path) -> Result<Option<u64>> {
        match &self.remote {
            None => local::bytes(&self.url(path)),
            Some(remote) => remote.bytes(path),
        }
    }

    /// Whether there is this file.
    pub(crate) fn exists(&self, path: &Path) -> Result<bool> {
        match &self.remote {
            None => Ok(self.url(path).exists()),
            Some(remote) => remote.exists(path),
        }
    }

    /// Writes a whole file if there is none; false if there is one.
    pub(crate) fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<bool> {
        #[cfg(test)]
        self.death.step()?;
        match &self.remote {
            None => local::put_new(&self.url(path), bytes),
            Some(remote) => remote.put_new(path, bytes),
        }
    }

    /// Writes a whole file, whether or not there was one. Its name need not be on the disk for good before it is settled.
    pub(crate) fn put_unsettled(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        #[cfg(test)]
        self.death.step()?;
        match &self.remote {
            None => local::put_unsettled(&self.url(path), bytes),
            Some(remote) => remote.put(path, bytes),
        }
    }

    /// Makes an empty file, which may be lost with the power.
    pub(crate) fn mark(&self, path: &Path) -> Result<()> {
        #[cfg(test)]
        self.death.step()?;
        match &self.remote {
            None => local::mark(&self.url(path)),
            Some(remote) => remote.put(path, &[]),
        }
    }

    /// Replaces a file of which this version was read (`None`: there was none); false if somebody else was quicker. Locally
    /// the caller's [`Lock`] is what keeps others away.
    pub(crate) fn swap(&self, path: &Path, bytes: &[u8], read: Option<&Version>) -> Result<bool> {
        #[cfg(test)]
        self.death.step()?;
        match (&self.remote, read) {
            (_, None) => self.put_new(path, bytes),
            (None, Some(_)) => local::put(&self.url(path), bytes).map(|()| true),
            (Some(remote), Some(version)) => remote.swap(path, bytes, version),
        }
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        #[cfg(test)]
        self.death.step()?;
        match &self.remote {
            None => local::remove(&self.url(path)),
            Some(remote) => remote.remove(path),
        }
    }

    /// Removes a directory, if nothing is in it. An object store has none.
    pub(crate) fn remove_dir(&self, dir: &Path) {
        if self.remote.is_none() {
            local::remove_dir(&self.url(dir));
        }
    }

    /// Begins a large file: beside its place under a name that begins with a dot, or, for an object store, in the system's
    /// directory for temporary files.
    pub(crate) fn begin(&self, path: &Path) -> Result<NewFile> {
        #[cfg(test)]
        self.death.step()?;
        let file = match &self.remote {
            None => local::begin(&self.url(path))?,
            Some(remote) => remote.begin(path)?,
        };
        Ok(NewFile {
            path: path.to_owned(),
            file,
        })
    }

    /// Puts a file that was begun, and is written to its end, into its place. It is on the disk for good once it is settled.
    pub(crate) fn complete(&self, new: NewFile) -> Result<()> {
        #[cfg(test)]
        self.death.step()?;
        match &self.remote {
            None => local::complete(&self.url(&new.path)),
            Some(remote) => remote.upload(&new.path, new.file),
        }
    }

    /// Forces these files, their names and those of the directories above them to the disk.
    pub(crate) fn settle<'a>(&self, paths: impl Iterator<Item = &'a Path>) -> Result<()> {
        match &self.remote {
            None => local::settle(&self.root, paths),
            Some(_) => Ok(()),
        }
    }

    /// Waits until no other process of this machine has the lock in this file, and takes it. An object store has none: there
    /// [`Store::swap`] decides.
    pub(crate) fn lock(&self, path: &Path) -> Result<Lock> {
        let file = match &self.remote {
            None => Some(local::lock(&self.url(path))?),
            Some(_) => None,
        };
        Ok(Lock { _file: file })
    }
}

/// Whether a path stays below what it is joined to.
pub(crate) fn is_below(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}
