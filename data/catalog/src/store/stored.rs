//! What a store says of its files.

use std::path::PathBuf;
use std::time::SystemTime;

/// A file of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stored {
    /// Below the store's root.
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// Which writing of a file was read, so that it is replaced only if nobody else has replaced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version(pub(super) Option<String>);

impl Version {
    /// That of a file in a directory, where locks say who replaces it.
    pub(crate) fn unknown() -> Version {
        Version(None)
    }
}

/// Which writing of a file in a directory is there: every one makes another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Writing {
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
    /// Its number in the file system, where that has numbers.
    pub(super) number: u64,
}
