//! Something that is not as the index of a catalog says.

use crate::CatalogError;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// Something that is not as the index says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// What is there.
    pub found: String,
    /// What should be there.
    pub expected: String,
    /// What to do about it, where that is not to put the catalog back from a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            file,
            found,
            expected,
            remedy,
        } = self;
        write!(f, "{}: {found}, expected {expected}", file.display())?;
        match remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl Fault {
    pub(super) fn new(file: &Path, found: impl Into<String>, expected: impl Into<String>) -> Fault {
        Fault {
            file: file.to_owned(),
            found: found.into(),
            expected: expected.into(),
            remedy: None,
        }
    }

    /// That a file cannot be read, and why.
    pub(super) fn unreadable(file: &Path, error: &CatalogError) -> Fault {
        Fault::new(file, error.to_string(), "a file that can be read")
    }

    pub(crate) fn into_error(self) -> CatalogError {
        CatalogError::Schema {
            file: self.file,
            field: "content".to_owned(),
            found: self.found,
            expected: self.expected,
        }
    }
}
