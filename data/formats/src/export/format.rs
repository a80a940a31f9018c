//! The formats of exported files, by the ending of their names.

use crate::{FormatError, Result};
use serde::Serialize;
use std::path::Path;

/// A format of exported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// Comma-separated values.
    Csv,
    /// The same in gzip.
    CsvGz,
    /// An object of JSON a line.
    Jsonl,
    /// The same in gzip.
    JsonlGz,
    /// An Arrow IPC file.
    Arrow,
    /// A Parquet file.
    Parquet,
    /// DBN, for the tables that it has.
    Dbn,
}

const ENDINGS: &[(&str, ExportFormat)] = &[
    (".csv", ExportFormat::Csv),
    (".csv.gz", ExportFormat::CsvGz),
    (".jsonl", ExportFormat::Jsonl),
    (".jsonl.gz", ExportFormat::JsonlGz),
    (".arrow", ExportFormat::Arrow),
    (".parquet", ExportFormat::Parquet),
    (".dbn", ExportFormat::Dbn),
];

impl ExportFormat {
    /// The format that the file's name asks for.
    ///
    /// # Errors
    /// [`FormatError::Option`] if it asks for none.
    pub fn of(path: &Path) -> Result<ExportFormat> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let found = ENDINGS.iter().find(|(ending, _)| {
            name.len() > ending.len() && name.to_ascii_lowercase().ends_with(ending)
        });
        found
            .map(|(_, format)| *format)
            .ok_or_else(|| FormatError::Option {
                field: "name of the file",
                value: path.display().to_string(),
                expected: "one that ends with .csv, .jsonl (each also with .gz), .arrow, .parquet or .dbn",
            })
    }
}
