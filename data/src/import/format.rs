//! Which format a file is in, found out from its first bytes, and which module reads it.
//!
//! A new format is a variant here with its name, how it is told from others, and a [`super::Prepared`].

use super::Input;
use super::own::OwnFormat;
use crate::{DataError, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A format of files of rows. Raw captures of venues are not among them: `feeds` decodes those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// What `export` wrote: CSV, JSON lines, Arrow or Parquet with a header that says what it is of.
    Tickloom,
    /// Delimited text, a row a line: bars, quotes or trades, by the names of the columns.
    Csv,
}

impl Format {
    /// All formats.
    pub const ALL: &'static [Format] = &[Format::Tickloom, Format::Csv];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Tickloom => "tickloom",
            Format::Csv => "csv",
        }
    }

    /// The format of a file, from its first bytes.
    pub(crate) fn sniff(input: &Input) -> Result<Format> {
        let head = input.head()?;
        if OwnFormat::sniff(&head).is_some() && input.member().is_none() {
            return Ok(Format::Tickloom);
        }
        if head.contains(&0) {
            return Err(DataError::Import {
                file: input.path().to_owned(),
                line: 1,
                found: "bytes that are no text".to_owned(),
                expected: "text in UTF-8".to_owned(),
            });
        }
        Ok(Format::Csv)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Format> {
        let found = Format::ALL.iter().find(|format| format.name() == text);
        found.copied().ok_or_else(|| DataError::Option {
            field: "format",
            value: text.to_owned(),
            expected: "tickloom or csv",
        })
    }
}
