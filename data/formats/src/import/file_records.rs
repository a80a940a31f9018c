//! The records of a file, in memory.

use super::report::ImportReport;
use crate::{FormatError, Result};
use tickloom_catalog::{ScanQuery, Table, retain_records};
use tickloom_types::{Instruments, Record, Ts, some_of};

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
    /// Keeps only what a query of instruments, bar sizes and time selects, as [`Catalog::scan`](tickloom_catalog::Catalog::scan) would.
    ///
    /// # Errors
    /// [`FormatError::Empty`], with what there is, if nothing is left.
    pub fn keep(&mut self, query: &ScanQuery) -> Result<()> {
        let instruments = &self.instruments;
        let wanted = |record: &Record| selects(query, record, instruments);
        if !self.records.iter().any(wanted) {
            return Err(self.empty(query));
        }
        retain_records(&mut self.records, wanted);
        Ok(())
    }

    pub(super) fn empty(&self, query: &ScanQuery) -> FormatError {
        let report = &self.report;
        let time = |ts: Option<Ts>| ts.map_or("?".to_owned(), |ts| ts.to_string());
        FormatError::Empty {
            asked: query.describe(),
            nearest: format!(
                "{} has {}{} of {} from {} to {}",
                report.file.display(),
                report.tables(),
                report
                    .bar
                    .map_or(String::new(), |bar| format!(" of size {bar}")),
                some_of(&report.instruments),
                time(report.from),
                time(report.to),
            ),
        }
    }
}

/// Whether a query selects a record, whose identifiers `instruments` names.
pub(super) fn selects(query: &ScanQuery, record: &Record, instruments: &Instruments) -> bool {
    let name = instruments.get(record.instrument()).map(|def| &def.name);
    let bar = instruments.bar_spec(record.source());
    Table::of(record).is_some_and(|table| query.wants_record(table, name, bar, record.ts_event()))
}
