//! What can go wrong with a catalog: each error names the file, the place in it, what is there and what was expected.

use crate::Difference;
use crate::part::RUNS_DIR;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tickloom_journal::JournalError;
use tickloom_types::InstrumentError;

/// An error of the catalog.
#[derive(Debug, Error)]
pub enum CatalogError {
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
    /// An object store refused or cannot be reached.
    #[error("cannot {action} {url}: {reason}")]
    Store {
        /// What was tried.
        action: &'static str,
        /// The object, as `s3://bucket/key`.
        url: String,
        /// What it said, or what is the matter with the connection.
        reason: String,
    },
    /// Another writer completed the same part first.
    #[error("another writer has completed part {part} of run {run} meanwhile; what it wrote stays")]
    Outrun {
        /// The run.
        run: String,
        /// The number of the part.
        part: u32,
    },
    /// Another import has changed what this one was decided by: what the catalog has of its instruments, or its own run.
    #[error(
        "another import of the same instruments has come into the catalog before {run} meanwhile; import it again"
    )]
    Overtaken {
        /// The run that was not written.
        run: String,
    },
    /// A part that cannot be written anew by itself.
    #[error(
        "part {part} of run {run} was compacted together with others, so it cannot be replaced; import it into another catalog"
    )]
    Compacted {
        /// The run.
        run: String,
        /// The number of the part.
        part: u32,
    },
    /// An import whose rows are in a bundle.
    #[error(
        "{run} was written together with other imports as {bundle} by a compaction, so it can be neither replaced nor read by itself; import it into another catalog"
    )]
    Bundled {
        /// The import.
        run: String,
        /// The run that has its rows.
        bundle: String,
    },
    /// A part that was made from another journal than the one at hand.
    #[error(
        "part {part} of run {run} in the catalog was made from {found}, expected {expected}: two journals of one name"
    )]
    OtherJournal {
        /// The run.
        run: String,
        /// The number of the part.
        part: u32,
        /// What it was made from.
        found: String,
        /// The segment that it should have been made from.
        expected: String,
    },
    /// A journal and a catalog that tell of two histories of one run.
    #[error("{0}")]
    Contradicts(Box<Difference>),
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
    /// There is no catalog here.
    #[error("no {what} in {}", path.display())]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// Records that do not follow those before them.
    #[error("{what} {found} does not follow: expected {expected}")]
    Sequence {
        /// Which number.
        what: &'static str,
        /// The number given.
        found: u64,
        /// What was expected.
        expected: String,
    },
    /// What two definitions say of an instrument does not go together.
    #[error("{instrument}: its {field} is {one}, and {other}: {settle}")]
    Definitions {
        /// The instrument.
        instrument: String,
        /// The field.
        field: &'static str,
        /// What one says.
        one: String,
        /// What another says.
        other: String,
        /// What to do about it.
        settle: String,
    },
    /// What is said of an instrument cannot be.
    #[error("{instrument}: {value}, expected {expected}")]
    Definition {
        /// The instrument.
        instrument: String,
        /// What is said.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// A file of definitions that cannot be understood.
    #[error("{}: {reason}", path.display())]
    DefinitionFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
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
    /// A Parquet file that cannot be read or written.
    #[error("{}: {message}", file.display())]
    Parquet {
        /// The file.
        file: PathBuf,
        /// Why.
        message: String,
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
    /// A query that selects nothing.
    #[error("no data for {asked}; {nearest}")]
    Empty {
        /// What was asked for.
        asked: String,
        /// What there is instead.
        nearest: String,
    },
    /// A query that takes more memory than it may.
    #[error(
        "this query has {files} files open at a time and needs at least {} of memory, {} were given; give it more, or narrow its time, tables or instruments",
        mebibytes(*needed), mebibytes(*given)
    )]
    Memory {
        /// Bytes that it takes at least.
        needed: u64,
        /// Bytes that it may take.
        given: u64,
        /// Files whose rows come in turn, and which are open at the same time.
        files: u64,
    },
    /// A definition that is out of range or contradicts another.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
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

/// Rounded up, so that what is said to be enough is.
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

impl CatalogError {
    /// The same of what is said of all runs: an entry of one that cannot be read loses no others, which can be read by name.
    pub(crate) fn of_one_run(self) -> CatalogError {
        match self {
            CatalogError::Schema {
                file,
                field,
                found,
                expected,
            } if file.components().any(|part| part.as_os_str() == RUNS_DIR) => {
                CatalogError::Schema {
                    file,
                    field,
                    found,
                    expected: format!("{expected}; the other runs are read by their names (--run)"),
                }
            }
            error => error,
        }
    }

    /// Whether the operating system refused, which may be otherwise at the next try.
    #[must_use]
    pub fn is_of_system(&self) -> bool {
        matches!(
            self,
            CatalogError::Io { .. } | CatalogError::Journal(JournalError::Io { .. })
        )
    }

    /// Wraps an error of the operating system with what was tried on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CatalogError {
        move |source| CatalogError::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// Wraps an error of the Parquet library.
    pub(crate) fn parquet<E: std::fmt::Display>(file: &Path) -> impl Fn(E) -> CatalogError {
        let file = file.to_owned();
        move |error| CatalogError::Parquet {
            file: file.clone(),
            message: error.to_string(),
        }
    }
}
