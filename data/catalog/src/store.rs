//! Where a catalog's files are: a local directory, or an S3-compatible object store named by a url such as `s3://bucket/prefix`.
//!
//! Everything in the catalog, index and Parquet alike, goes through here. A file appears whole or not at all: locally it is
//! renamed into place, and forced to the disk before anything lists it; an object store does so by itself. Not here: what the files hold, and caching.

#[cfg(test)]
mod fault;
mod local;
mod new_file;
mod remote;
mod s3_error;
mod stored;
mod trial;

use crate::Result;
use crate::bundles::KnownDecisions;
use crate::known_checkpoints::KnownCheckpoints;
use crate::known_commits::KnownCommits;
use bytes::Bytes;
pub(crate) use new_file::NewFile;
use remote::Remote;
use std::fs::File;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
pub(crate) use stored::{Stored, Version, Writing};
use trial::Trial;

/// The files below one location. Paths are relative to it. Clones share connections.
///
/// Calls wait for the disk or the network; they must not come from a thread that drives an asynchronous runtime.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    place: Place,
    /// What was decided of bundles, as far as it was read.
    decisions: KnownDecisions,
    /// Long checkpoints that were read last.
    checkpoints: KnownCheckpoints,
    /// What was committed lately into an object store.
    commits: KnownCommits,
    /// When a test lets its changes fail.
    #[cfg(test)]
    death: fault::Death,
}

/// What `root` is.
#[derive(Clone, Debug)]
enum Place {
    Directory,
    Remote(Arc<Remote>),
    /// Nothing of it is changed: what is written lies over it.
    Trial(Arc<Trial>),
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
        let place = match location.to_str() {
            Some(url) if is_url(location) => Place::Remote(Arc::new(Remote::new(url, options)?)),
            _ => Place::Directory,
        };
        Ok(Store {
            root: location.to_owned(),
            place,
            decisions: KnownDecisions::default(),
            checkpoints: KnownCheckpoints::default(),
            commits: KnownCommits::default(),
            #[cfg(test)]
            death: fault::Death::default(),
        })
    }

    /// A store that begins as this one, or empty if there is nothing yet, and in which everything can be done without changing anything.
    /// What is written into it waits in a temporary file without a name, in the system's directory for these, and goes with it.
    #[must_use]
    pub(crate) fn trial(base: &Store, is_there: bool) -> Store {
        let below = is_there.then(|| base.clone());
        Store {
            root: base.root.clone(),
            place: Place::Trial(Arc::new(Trial::over(&base.root, below))),
            decisions: KnownDecisions::default(),
            checkpoints: KnownCheckpoints::default(),
            commits: KnownCommits::default(),
            #[cfg(test)]
            death: fault::Death::default(),
        }
    }

    /// The directory or url.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn known_decisions(&self) -> &KnownDecisions {
        &self.decisions
    }

    pub(crate) fn known_checkpoints(&self) -> &KnownCheckpoints {
        &self.checkpoints
    }

    pub(crate) fn known_commits(&self) -> &KnownCommits {
        &self.commits
    }

    /// Which writing of a file is there; `None` where that cannot be told, as of an object store.
    pub(crate) fn writing(&self, path: &Path) -> Option<Writing> {
        local::writing(&self.local_path(path)?)
    }

    /// Whether it is an object store.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.place, Place::Remote(_))
    }

    /// Whether files of it are read by ranges, as no reader can open them.
    pub(crate) fn has_ranges(&self) -> bool {
        !matches!(self.place, Place::Directory)
    }

    /// Where a reader can open a file by itself; `None` if it is in no directory.
    pub(crate) fn local_path(&self, path: &Path) -> Option<PathBuf> {
        match &self.place {
            Place::Directory => Some(self.url(path)),
            Place::Remote(_) => None,
            Place::Trial(trial) => trial.local_path(path),
        }
    }

    /// Where temporary files are, for what is on its way into it.
    pub(crate) fn temporary_dir(&self) -> PathBuf {
        match &self.place {
            Place::Directory => self.root.clone(),
            Place::Remote(_) | Place::Trial(_) => std::env::temp_dir(),
        }
    }

    /// The whole path or url of a file, for messages.
    #[must_use]
    pub fn url(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// Makes a directory; in an object store, which has none, an empty file that stands for it.
    pub(crate) fn create_dir(&self, dir: &Path) -> Result<()> {
        match &self.place {
            Place::Directory => local::create_dir(&self.url(dir)),
            Place::Remote(remote) => remote.put_new(&dir.join(".directory"), &[]).map(|_| ()),
            Place::Trial(_) => Ok(()),
        }
    }

    /// All files below a directory, at any depth, sorted by path; none if there is no such directory.
    pub(crate) fn list(&self, dir: &Path) -> Result<Vec<Stored>> {
        let mut files = match &self.place {
            Place::Directory => local::list(&self.root, dir)?,
            Place::Remote(remote) => remote.list(dir)?,
            Place::Trial(trial) => trial.list(dir)?,
        };
        files.sort_unstable();
        Ok(files)
    }

    /// Paths of all files below a directory, at any depth, in no order; none if there is no such directory.
    pub(crate) fn paths(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        match &self.place {
            Place::Directory => local::paths(&self.root, dir),
            Place::Remote(remote) => Ok(remote.list(dir)?.into_iter().map(|f| f.path).collect()),
            Place::Trial(trial) => trial.paths(dir),
        }
    }

    /// Names of what is in a directory of this machine; nothing of an object store.
    pub(crate) fn names(&self, dir: &Path) -> Result<Vec<String>> {
        match &self.place {
            Place::Directory => local::names(&self.url(dir)),
            Place::Remote(_) | Place::Trial(_) => Ok(Vec::new()),
        }
    }

    /// Whether there is any file below a directory.
    pub(crate) fn has_files(&self, dir: &Path) -> Result<bool> {
        match &self.place {
            Place::Directory => Ok(!local::paths(&self.root, dir)?.is_empty()),
            Place::Remote(remote) => remote.has_files(dir),
            Place::Trial(trial) => trial.has_files(dir),
        }
    }

    /// A whole file.
    pub(crate) fn read(&self, path: &Path) -> Result<Bytes> {
        match &self.place {
            Place::Directory => local::read(&self.url(path)),
            Place::Remote(remote) => remote.read(path),
            Place::Trial(trial) => trial.read(path),
        }
    }

    /// Whole small files, in the order of their paths; an object store is asked for several at a time.
    pub(crate) fn read_all(&self, paths: &[PathBuf]) -> Result<Vec<Bytes>> {
        match &self.place {
            Place::Directory | Place::Trial(_) => {
                paths.iter().map(|path| self.read(path)).collect()
            }
            Place::Remote(remote) => remote.read_all(paths),
        }
    }

    /// A whole file with its version; `None` if there is none.
    pub(crate) fn read_version(&self, path: &Path) -> Result<Option<(Bytes, Version)>> {
        match &self.place {
            Place::Directory => {
                Ok(local::read_if_there(&self.url(path))?.map(|bytes| (bytes, Version(None))))
            }
            Place::Remote(remote) => remote.read_version(path),
            Place::Trial(trial) => trial.read_version(path),
        }
    }

    /// Some bytes of a file; fewer only if it ends before.
    pub(crate) fn read_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes> {
        match &self.place {
            Place::Directory => local::read_range(&self.url(path), range),
            Place::Remote(remote) => remote.read_range(path, range),
            Place::Trial(trial) => trial.read_range(path, range),
        }
    }

    /// Several ranges of bytes of a file, in their order; an object store is asked for several at a time.
    pub(crate) fn read_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match &self.place {
            Place::Directory | Place::Trial(_) => {
                let read = |range: &Range<u64>| self.read_range(path, range.clone());
                ranges.iter().map(read).collect()
            }
            Place::Remote(remote) => remote.read_ranges(path, ranges),
        }
    }

    /// The last `bytes` of a file, or all of a smaller one, and how long the file is.
    pub(crate) fn read_end(&self, path: &Path, bytes: u64) -> Result<(Bytes, u64)> {
        match &self.place {
            Place::Directory => local::read_end(&self.url(path), bytes),
            Place::Remote(remote) => remote.read_end(path, bytes),
            Place::Trial(trial) => trial.read_end(path, bytes),
        }
    }

    /// How long a file is; `None` if there is none.
    pub(crate) fn bytes(&self, path: &Path) -> Result<Option<u64>> {
        match &self.place {
            Place::Directory => local::bytes(&self.url(path)),
            Place::Remote(remote) => remote.bytes(path),
            Place::Trial(trial) => trial.bytes(path),
        }
    }

    /// Whether there is this file.
    pub(crate) fn exists(&self, path: &Path) -> Result<bool> {
        match &self.place {
            Place::Directory => Ok(self.url(path).exists()),
            Place::Remote(remote) => remote.exists(path),
            Place::Trial(trial) => Ok(trial.bytes(path)?.is_some()),
        }
    }

    /// Writes a whole file if there is none; false if there is one.
    pub(crate) fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<bool> {
        #[cfg(test)]
        self.death.step()?;
        match &self.place {
            Place::Directory => local::put_new(&self.url(path), bytes),
            Place::Remote(remote) => remote.put_new(path, bytes),
            Place::Trial(trial) => trial.put_new(path, bytes),
        }
    }

    /// Writes a whole file, whether or not there was one. Its name need not be on the disk for good before it is settled.
    pub(crate) fn put_unsettled(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        #[cfg(test)]
        self.death.step()?;
        match &self.place {
            Place::Directory => local::put_unsettled(&self.url(path), bytes),
            Place::Remote(remote) => remote.put(path, bytes),
            Place::Trial(trial) => trial.put(path, bytes),
        }
    }

    /// Makes an empty file, which may be lost with the power.
    pub(crate) fn mark(&self, path: &Path) -> Result<()> {
        #[cfg(test)]
        self.death.step()?;
        match &self.place {
            Place::Directory => local::mark(&self.url(path)),
            Place::Remote(remote) => remote.put(path, &[]),
            Place::Trial(trial) => trial.put(path, &[]),
        }
    }

    /// Replaces a file of which this version was read (`None`: there was none); false if somebody else was quicker. Locally
    /// the caller's [`Lock`] is what keeps others away.
    pub(crate) fn swap(&self, path: &Path, bytes: &[u8], read: Option<&Version>) -> Result<bool> {
        #[cfg(test)]
        self.death.step()?;
        match (&self.place, read) {
            (_, None) => self.put_new(path, bytes),
            (Place::Directory, Some(_)) => local::put(&self.url(path), bytes).map(|()| true),
            (Place::Remote(remote), Some(version)) => remote.swap(path, bytes, version),
            (Place::Trial(trial), Some(_)) => trial.put(path, bytes).map(|()| true),
        }
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        #[cfg(test)]
        self.death.step()?;
        match &self.place {
            Place::Directory => local::remove(&self.url(path)),
            Place::Remote(remote) => remote.remove(path),
            Place::Trial(trial) => {
                trial.remove(path);
                Ok(())
            }
        }
    }

    /// Removes a directory, if nothing is in it. An object store has none.
    pub(crate) fn remove_dir(&self, dir: &Path) {
        if matches!(self.place, Place::Directory) {
            local::remove_dir(&self.url(dir));
        }
    }

    /// Begins a large file: beside its place under a name that begins with a dot, or, for an object store, in the system's
    /// directory for temporary files.
    pub(crate) fn begin(&self, path: &Path) -> Result<NewFile> {
        #[cfg(test)]
        self.death.step()?;
        let file = match &self.place {
            Place::Directory => local::begin(&self.url(path))?,
            Place::Remote(remote) => remote.begin(path)?,
            Place::Trial(trial) => trial.begin(path)?,
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
        match &self.place {
            Place::Directory => local::complete(&self.url(&new.path)),
            Place::Remote(remote) => remote.upload(&new.path, new.file),
            Place::Trial(trial) => trial.complete(new),
        }
    }

    /// Removes what was begun of a file that is not to be.
    pub(crate) fn discard(&self, path: &Path) -> Result<()> {
        match &self.place {
            Place::Directory => local::discard(&self.url(path)),
            Place::Remote(_) | Place::Trial(_) => Ok(()),
        }
    }

    /// Forces these files, their names and those of the directories above them to the disk.
    pub(crate) fn settle<'a>(&self, paths: impl Iterator<Item = &'a Path>) -> Result<()> {
        match &self.place {
            Place::Directory => local::settle(&self.root, paths),
            Place::Remote(_) | Place::Trial(_) => Ok(()),
        }
    }

    /// Waits until no other process of this machine has the lock in this file, and takes it. An object store has none: there
    /// [`Store::swap`] decides.
    pub(crate) fn lock(&self, path: &Path) -> Result<Lock> {
        let file = match &self.place {
            Place::Directory => Some(local::lock(&self.url(path))?),
            Place::Remote(_) | Place::Trial(_) => None,
        };
        Ok(Lock { _file: file })
    }
}

/// Whether a path stays below what it is joined to.
pub(crate) fn is_below(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}
