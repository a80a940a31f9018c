//! What can go wrong with durable things: each error names the file, the place in it, what is there and what was expected.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tickloom_catalog::CatalogError;
use tickloom_formats::FormatError;
use tickloom_journal::JournalError;
use tickloom_types::InstrumentError;

/// An error of this crate, or of those below it.
#[derive(Debug, Error)]
pub enum DataError {
    /// The catalog's own.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// An import's or an export's own.
    #[error(transparent)]
    Format(FormatError),
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal's own.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file that is not as it was written.
    #[error("{} is damaged at byte {offset}: {found}, expected {expected}", file.display())]
    Damaged {
        /// The segment.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
    /// A part of this library panicked, which is a bug of it.
    #[error("{what}: the conversion panicked: {message}")]
    Panicked {
        /// What was being done.
        what: String,
        /// What it said.
        message: String,
    },
    /// A record that cannot be kept as it is.
    #[error("record {seq}: {field} is {value}, expected {expected}")]
    Record {
        /// Its sequence.
        seq: u64,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A file of the catalog whose content is not what its schema says.
    #[error("{}: {field} is {found}, expected {expected}", file.display())]
    Schema {
        /// The file.
        file: PathBuf,
        /// Column or metadata key.
        field: String,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A definition that is out of range or contradicts another.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    /// A file of a calendar that cannot be understood.
    #[error("{}, line {line}: {found}, expected {expected}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, counted from one.
        line: u64,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A name that nothing has.
    #[error("there is no {what} {name:?}, expected one of {known}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A QuestDB server that is away, refuses, or has other tables than ours.
    #[error("QuestDB at {address}: {message}")]
    QuestDb {
        /// Where it is.
        address: String,
        /// What it said, or why it did not.
        message: String,
    },
    /// A name or an option that is not one.
    #[error("{field} is {value:?}, expected {expected}")]
    Option {
        /// Which.
        field: &'static str,
        /// Its value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
}

impl From<FormatError> for DataError {
    /// What a format tells on of the catalog is the catalog's.
    fn from(error: FormatError) -> DataError {
        match error {
            FormatError::Catalog(error) => DataError::Catalog(error),
            error => DataError::Format(error),
        }
    }
}

impl DataError {
    /// Whether the operating system refused, which may be otherwise at the next try.
    #[must_use]
    pub fn is_of_system(&self) -> bool {
        match self {
            DataError::Io { .. } | DataError::Journal(JournalError::Io { .. }) => true,
            DataError::Catalog(error) => error.is_of_system(),
            DataError::Format(error) => error.is_of_system(),
            _ => false,
        }
    }

    /// Wraps an error of the operating system with what was tried on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataError {
        move |source| DataError::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
