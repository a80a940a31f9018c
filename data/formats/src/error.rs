//! What can go wrong with an import or an export: each error names the file, the place in it, what is there and what was expected.

use crate::import::ImportReport;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tickloom_catalog::CatalogError;
use tickloom_journal::JournalError;
use tickloom_types::InstrumentError;

/// An error of an import or an export.
#[derive(Debug, Error)]
pub enum FormatError {
    /// The catalog's own.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The journal's own.
    #[error(transparent)]
    Journal(#[from] JournalError),
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
    /// A query that selects nothing.
    #[error("no data for {asked}; {nearest}")]
    Empty {
        /// What was asked for.
        asked: String,
        /// What there is instead.
        nearest: String,
    },
    /// A definition that is out of range or contradicts another.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    /// A file of which more rows are wrong than may be.
    #[error("{}", too_many_refused(report, *max))]
    Refused {
        /// What became of its rows.
        report: Box<ImportReport>,
        /// How many may be.
        max: u64,
    },
    /// A file that cannot be imported at all.
    #[error("{}, line {line}: {found}, expected {expected}", file.display())]
    Import {
        /// The file.
        file: PathBuf,
        /// The line, counted from one.
        line: u64,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A file of columns that cannot be imported at all, for what one of its rows is.
    #[error("{}, row {row}: {found}, expected {expected}", file.display())]
    ImportRow {
        /// The file.
        file: PathBuf,
        /// The row, counted from one.
        row: u64,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A file of columns, Parquet or Arrow, that is damaged, or of which nothing fits.
    #[error("{}: {found}, expected {expected}", file.display())]
    Columns {
        /// The file.
        file: PathBuf,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A file of a market, with times and prices, of which something has to be said before it can be read.
    #[error("{}{place}: {found}, expected {expected}", file.display())]
    Unclear {
        /// The file.
        file: PathBuf,
        /// Where in it, as the text behind its name.
        place: String,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A file that is in no format that is read here.
    #[error("{}{place}: {found}, expected {expected}", file.display())]
    Unrecognised {
        /// The file.
        file: PathBuf,
        /// Where in it, as the text behind its name.
        place: String,
        /// What is there.
        found: String,
        /// What was expected.
        expected: String,
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

/// Why a file was refused for its rows.
fn too_many_refused(report: &ImportReport, max: u64) -> String {
    let reasons: Vec<String> = report
        .reasons
        .iter()
        .map(|(reason, rows)| format!("{reason} ({rows})"))
        .collect();
    let first = report.errors.first();
    let first = first.map_or(String::new(), |error| {
        format!(
            "; the first is in {} {}, where {} is {:?}",
            error.unit(),
            error.line,
            error.field,
            error.value
        )
    });
    format!(
        "{}: {} of {} rows are wrong, and {max} may be: {}{first}; --refused-max says how many are left out",
        report.shown(),
        report.refused,
        report.read,
        reasons.join(", ")
    )
}

impl FormatError {
    /// Of a file whose trades are there already under other numbers.
    pub(crate) fn twice(file: &Path, found: String) -> FormatError {
        FormatError::unclear(file, found, "one of both in a catalog")
    }

    /// Rows of a file that may be there again in it.
    pub(crate) fn again(file: &Path, found: String) -> FormatError {
        FormatError::unclear(file, found, "each row once, which without --strict is told")
    }

    fn unclear(file: &Path, found: String, expected: &str) -> FormatError {
        FormatError::Unclear {
            file: file.to_owned(),
            place: String::new(),
            found,
            expected: expected.to_owned(),
        }
    }

    /// Whether the operating system refused, which may be otherwise at the next try.
    #[must_use]
    pub fn is_of_system(&self) -> bool {
        match self {
            FormatError::Io { .. } | FormatError::Journal(JournalError::Io { .. }) => true,
            FormatError::Catalog(error) => error.is_of_system(),
            _ => false,
        }
    }

    /// Wraps an error of the operating system with what was tried on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FormatError {
        move |source| FormatError::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
