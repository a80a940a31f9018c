//! What can go wrong with a journal: each error names the file, the place in it, what is there and what was expected.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// An error of the journal.
#[derive(Debug, Error)]
pub enum JournalError {
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
    /// A journal that is not as it was written.
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
    /// A follower stands where the journal has something else than it read, or nothing: the journal was cut back since.
    #[error(
        "{} does not have at byte {offset} what was read before: the journal was cut back",
        file.display()
    )]
    CutBack {
        /// The segment.
        file: PathBuf,
        /// Where the follower stands in it.
        offset: u64,
    },
    /// A follower stands where it cannot.
    #[error("{who}: {source}")]
    Follower {
        /// Who.
        who: String,
        /// Why.
        source: Box<JournalError>,
    },
    /// Another process writes this journal.
    #[error("{} is being written by another process", .0.display())]
    Locked(PathBuf),
    /// There is no journal here, or not all of it.
    #[error("no {what} in {}", path.display())]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A run that is to be continued was started with something else.
    #[error("run {run} was started with another {field}; give the new run another name")]
    OtherRun {
        /// The run.
        run: String,
        /// What differs.
        field: &'static str,
    },
    /// A run that has used up all numbers of a kind: it cannot go on.
    #[error("run {run} has no {what} left: {used} of at most {most} are used; begin a new run")]
    Exhausted {
        /// The run.
        run: String,
        /// Of what: `sessions`, `segments`, `inputs`, `outputs`.
        what: &'static str,
        /// How many are used, or skipped as they may have been told to others.
        used: u64,
        /// How many there are.
        most: u64,
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
    /// Whoever was shown the journal wants no more of it.
    #[error("stopped")]
    Stopped,
    /// A write failed before: the journal must be opened again.
    #[error("an earlier write to {} failed; open it again", .0.display())]
    Failed(PathBuf),
    /// A name of a run that is none.
    #[error("run is {0:?}, expected 1 to 40 of letters, digits and . - _")]
    RunName(String),
    /// A name of a cursor that is none.
    #[error("cursor is {0:?}, expected 1 to 40 of letters, digits and . - _")]
    CursorName(String),
    /// Another program has the cursor.
    #[error("{} is in use by another program", .0.display())]
    CursorInUse(PathBuf),
    /// A directory that was to be new.
    #[error("{} is not empty: expected a new directory", .0.display())]
    NotEmpty(PathBuf),
    /// A follower that has no name has nowhere to say how far it is.
    #[error("a follower without a name has no cursor")]
    NoCursor,
}

impl JournalError {
    /// Wraps an error of the operating system with what was tried on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
        let path = path.to_owned();
        move |source| JournalError::Io {
            action,
            path,
            source,
        }
    }
}
