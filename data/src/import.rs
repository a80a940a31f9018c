//! Import: files of others become records, exactly or not at all.
//!
//! What a file is, is found out from its text: delimiter, header, time format, bars or quotes or trades. A wrong line is left out,
//! named with field and value, and counted. The one thing that is changed is the noise of binary floats in sizes
//! (`2.5833652000000003`), and it is counted too. Raw captures of venues are decoded by `feeds`; what it makes of them is written with
//! [`crate::Catalog::writer`] like anything else.

mod check;
mod layout;
mod number;
mod own;
mod reader;
mod rescale;
mod rows;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub use rescale::rescale_qty;
pub use text::{content_run, open_text, peek_line};

use crate::catalog::{Catalog, ScanQuery, Table};
use crate::{DataError, Result, RunMeta};
use rows::Rows;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use tickloom_types::{BarSpec, Instruments, Record, Ts};

/// What a file does not say, or says wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportOptions {
    /// Name of the instrument; of a file with a column of tickers, the one to read. Default: the file's name up to its first dot.
    pub instrument: Option<String>,
    /// Currency of the prices.
    pub currency: String,
    /// Size of the bars. Default: the most common distance in time.
    pub bar: Option<BarSpec>,
    /// What a bar's time in the file means.
    pub stamp: Stamp,
    /// IANA zone of times that name none. Default: UTC. Dates alone are days as they are, in any zone.
    pub zone: Option<String>,
    /// Names of the columns, instead of the header's.
    pub columns: Vec<String>,
    /// How many wrong lines the report names; all are counted.
    pub errors_max: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        ImportOptions {
            instrument: None,
            currency: "USD".to_owned(),
            bar: None,
            stamp: Stamp::Auto,
            zone: None,
            columns: Vec::new(),
            errors_max: 20,
        }
    }
}

/// What a bar's time in a file means. A record's is always its close.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// A date alone is a session, which closes at the end of that day in UTC; a time is the bar's open.
    #[default]
    Auto,
    /// The bar's open: it closes one bar size later.
    Open,
    /// The bar's close.
    Close,
}

/// What an import did. Serialises to what `import --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The file.
    pub file: PathBuf,
    /// What its rows are.
    pub table: Table,
    /// The instruments in it, by name.
    pub instruments: Vec<String>,
    /// Rows in the file, without its header.
    pub read: u64,
    /// Rows that became records.
    pub written: u64,
    /// Wrong rows, left out.
    pub refused: u64,
    /// Rows with a size whose digits beyond the ninth decimal were the noise of a binary float, and were rounded away. A price is
    /// never rounded: such a row is refused.
    pub rounded: u64,
    /// The first of the wrong rows.
    pub errors: Vec<LineError>,
    /// What was found out or assumed and is worth knowing.
    pub notes: Vec<String>,
    /// Size of the bars.
    pub bar: Option<BarSpec>,
    /// What their times were taken as.
    pub stamp: Option<String>,
    /// Time of the first record.
    pub from: Option<Ts>,
    /// Time of the last record.
    pub to: Option<Ts>,
    /// Name of the run under which the catalog keeps it.
    pub run: Option<String>,
    /// Whether the catalog had it already.
    pub unchanged: bool,
}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineError {
    /// The file.
    pub file: PathBuf,
    /// The line, from one.
    pub line: u64,
    /// The field that is wrong.
    pub field: String,
    /// Its value.
    pub value: String,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, line {}: {} is {:?}, expected {}",
            self.file.display(),
            self.line,
            self.field,
            self.value,
            self.expected
        )
    }
}

/// The records of a file, in the order of their times.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRecords {
    /// What the identifiers in the records mean.
    pub instruments: Instruments,
    /// The records.
    pub records: Vec<Record>,
    /// How they were read.
    pub report: ImportReport,
}

impl FileRecords {
    /// Keeps only what a query of instruments, bar sizes and time selects, as [`Catalog::scan`] would.
    ///
    /// # Errors
    /// [`DataError::Empty`], with what there is, if nothing is left.
    pub fn keep(&mut self, query: &ScanQuery) -> Result<()> {
        let instruments = &self.instruments;
        let wanted = |record: &Record| {
            let name = instruments.get(record.instrument()).map(|def| &def.name);
            let bar = instruments.bar_spec(record.source());
            query.wants_record(self.report.table, name, bar, record.ts_event())
        };
        if !self.records.iter().any(wanted) {
            return Err(self.empty(query));
        }
        self.records.retain(wanted);
        Ok(())
    }

    fn empty(&self, query: &ScanQuery) -> DataError {
        let report = &self.report;
        let time = |ts: Option<Ts>| ts.map_or("?".to_owned(), |ts| ts.to_string());
        DataError::Empty {
            asked: query.describe(),
            nearest: format!(
                "{} has {}{} of {} from {} to {}",
                report.file.display(),
                report.table,
                report
                    .bar
                    .map_or(String::new(), |bar| format!(" of size {bar}")),
                report.instruments.join(", "),
                time(report.from),
                time(report.to),
            ),
        }
    }
}

/// Reads a file of bars, quotes or trades, plain or in gzip or zip.
///
/// # Errors
/// [`DataError::Import`] if the file is not understood or no line of it is right; [`DataError::Option`]; [`DataError::Io`].
pub fn read_file(path: &Path, options: &ImportOptions) -> Result<FileRecords> {
    if let Some(format) = own::OwnFormat::of_file(path)? {
        return own::read_own(path, format);
    }
    read_text(path, open_text(path)?, options)
}

/// As [`read_file`], from a text that is open already; `path` is what it is called.
///
/// # Errors
/// As [`read_file`].
pub fn read_text(
    path: &Path,
    text: Box<dyn BufRead>,
    options: &ImportOptions,
) -> Result<FileRecords> {
    Rows::read(path, text, options)?.into_records(path, options)
}

/// Imports a file into the catalog. The same file with the same options changes nothing; with other options it replaces what was
/// imported from it.
///
/// # Errors
/// As [`read_file`], and what [`Catalog::writer`] and its writer return.
pub fn import_file(
    path: &Path,
    options: &ImportOptions,
    catalog: &Catalog,
) -> Result<ImportReport> {
    if let Some(format) = own::OwnFormat::of_file(path)? {
        return own::import_own(path, format, catalog);
    }
    let file = read_file(path, options)?;
    let mut report = file.report;
    let salt = options.instrument.clone().unwrap_or_default();
    let run = content_run(&[path.to_owned()], &salt)?;
    let started = report.from.unwrap_or_default();
    let mut meta = RunMeta::new(&run, started, file.instruments)?;
    meta.config = serde_json::to_string(options).expect("plain fields are JSON");
    let source = format!("import:{}:{}", report.instruments.join(","), meta.config);
    report.unchanged = catalog.has_part(&run, 0, &source)?.is_some();
    if !report.unchanged {
        let mut writer = catalog.writer(&meta, 0, &source)?;
        for (seq, record) in (0..).zip(&file.records) {
            writer.push(seq, record)?;
        }
        writer.finish()?;
    }
    report.run = Some(run);
    Ok(report)
}
