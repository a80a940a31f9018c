//! What a run is: its name, its instruments and what it was configured with. Kept in the journal and beside the catalog's files.

use crate::limits::RUN_NAME_LEN_MAX;
use crate::{JournalError, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tickloom_types::{Instruments, Ts};

/// A run or an import: everything that is needed to read its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunMeta {
    /// Unique name: 1 to 40 ASCII letters, digits and `. - _`.
    pub run: String,
    /// When it began.
    pub started: Ts,
    /// All instruments and sources, in the order of the identifiers in its records.
    pub instruments: Instruments,
    /// Names of the signals, by their index in signal records.
    pub signals: Vec<String>,
    /// Names of the strategies, by their index in order records.
    pub strategies: Vec<String>,
    /// What the core was configured with, as JSON; opaque here.
    pub config: String,
    /// Version of what a core makes of its input; 0 if the run has no core, or was begun before versions were told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub semantics: u32,
    /// Names of the files that an import is of, without their folders: the first [`FILES_NAMED_MAX`] of them. A recording has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// How many files an import names.
pub const FILES_NAMED_MAX: usize = 16;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(version: &u32) -> bool {
    *version == 0
}

impl RunMeta {
    /// A run with these instruments, without signals, strategies or configuration.
    ///
    /// # Errors
    /// [`JournalError::RunName`] if the name is not one.
    pub fn new(run: &str, started: Ts, instruments: Instruments) -> Result<RunMeta> {
        let meta = RunMeta {
            run: run.to_owned(),
            started,
            instruments,
            signals: Vec::new(),
            strategies: Vec::new(),
            config: String::new(),
            semantics: 0,
            files: Vec::new(),
        };
        meta.check()?;
        Ok(meta)
    }

    /// Names files that it is of, as far as there is room, each once.
    pub fn name_files<'a>(&mut self, paths: impl IntoIterator<Item = &'a Path>) {
        for path in paths {
            let name = path.file_name().unwrap_or(path.as_os_str());
            let name = name.to_string_lossy().into_owned();
            if self.files.len() < FILES_NAMED_MAX && !self.files.contains(&name) {
                self.files.push(name);
            }
        }
    }

    /// What comes first of rows that several runs release at one time: by the names of their sources, then the run that began
    /// earlier. The names of imports say nothing, as they are of the content.
    #[must_use]
    pub fn place(&self) -> (Vec<String>, Ts, String) {
        let sources = self.instruments.sources().iter();
        let mut names: Vec<String> = sources.map(|source| source.name.clone()).collect();
        names.sort_unstable();
        (names, self.started, self.run.clone())
    }

    /// Checks the name, which becomes part of file names.
    ///
    /// # Errors
    /// [`JournalError::RunName`] if it is none.
    pub fn check(&self) -> Result<()> {
        let name = &self.run;
        let ok = (1..=RUN_NAME_LEN_MAX).contains(&name.len())
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        if ok {
            return Ok(());
        }
        Err(JournalError::RunName(name.clone()))
    }

    /// Whether `other` may continue this run: everything but the start must be equal.
    ///
    /// # Errors
    /// [`JournalError::OtherRun`] with what differs.
    pub fn check_same(&self, other: &RunMeta) -> Result<()> {
        let field = if self.instruments != other.instruments {
            "set of instruments"
        } else if self.config != other.config {
            "configuration"
        } else if self.signals != other.signals || self.strategies != other.strategies {
            "set of signals or strategies"
        } else if self.semantics != other.semantics {
            "version of the engine's semantics"
        } else if self.run != other.run {
            "name"
        } else {
            return Ok(());
        };
        Err(JournalError::OtherRun {
            run: self.run.clone(),
            field,
        })
    }
}
