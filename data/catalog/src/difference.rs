//! Something in which a journal and the catalog that is made from it differ.

use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Something in which a journal and a catalog differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The run.
    pub run: String,
    /// The file that shows it.
    pub file: PathBuf,
    /// What is there.
    pub found: String,
    /// What the other says.
    pub expected: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether they tell of two histories under one name: a run that went on would make a third of them.
    pub contradicts: bool,
    /// Whether the journal is not whole by itself.
    pub is_of_journal: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            file,
            found,
            expected,
            remedy,
            ..
        } = self;
        let file = file.display();
        write!(f, "{file}: {found}, expected {expected}; {remedy}")
    }
}
