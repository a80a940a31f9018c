//! What a store says of its files.

use std::path::PathBuf;

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
