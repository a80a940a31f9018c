//! Import: files of others become records, exactly or not at all.
//!
//! A file (or each member of a zip) is an [`Input`]. Which [`Format`] it is in is found out from its first bytes; a module for each
//! prepares it, that is reads it through once, so that all instruments and scales are known, and then makes its records in the order
//! of their times. A wrong row is left out, named with field and value, and counted. The one thing that is changed is the noise of
//! binary floats in sizes (`2.5833652000000003`), and it is counted too. Raw captures of venues are decoded by `feeds`; what it makes
//! of them is written with [`crate::Catalog::writer`] like anything else.

mod binance;
mod databento;
mod format;
mod input;
mod layout;
mod lean;
mod number;
mod own;
mod pair;
mod reader;
mod report;
mod rescale;
mod row;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub(crate) use databento::DBN_DATASET;
pub use format::Format;
pub use input::{Input, content_run, inputs, open_text, peek_line};
pub use report::{ImportReport, KindCount, LineError};
pub use rescale::rescale_qty;
pub(crate) use rescale::with_scale;

use crate::catalog::{Catalog, RunEnd, ScanQuery, Table};
use crate::order::{mark_bars, retain_records};
use crate::{DataError, Result};
use input::only_input;
use report::{Found, Tally};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, DurationNs, Instruments, Record, Ts};

/// What a file does not say, or says wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportOptions {
    /// Name of the instrument; of a file with a column of tickers, the one to read. Default: the file's name up to its first dot.
    pub instrument: Option<String>,
    /// The file's format. Default: found out from its first bytes.
    pub format: Option<Format>,
    /// Currency of the prices. Default: what the file says, or US dollars.
    pub currency: Option<String>,
    /// Calendar of the instruments. Default: what the file says, or none.
    pub calendar: Option<String>,
    /// Size of the bars. Default: the most common distance in time.
    pub bar: Option<BarSpec>,
    /// What a bar's time in the file means.
    pub stamp: Stamp,
    /// Nanoseconds from the venue's time to arrival, of files that do not say when their records arrived. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_latency: Option<DurationNs>,
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
            format: None,
            currency: None,
            calendar: None,
            bar: None,
            stamp: Stamp::Auto,
            feed_latency: None,
            zone: None,
            columns: Vec::new(),
            errors_max: 20,
        }
    }
}

impl ImportOptions {
    /// What the identifiers in a file's records mean, with the feed latency that is declared.
    fn instruments(&self, prepared: &dyn Prepared) -> Instruments {
        let instruments = prepared.instruments().clone();
        match self.feed_latency {
            Some(latency) => instruments.with_feed_latency(latency),
            None => instruments,
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
            Table::of(record)
                .is_some_and(|table| query.wants_record(table, name, bar, record.ts_event()))
        };
        if !self.records.iter().any(wanted) {
            return Err(self.empty(query));
        }
        retain_records(&mut self.records, wanted);
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
                report.tables(),
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

/// A file that was read through once: what its records will mean is known, and they can be made.
pub(crate) trait Prepared {
    /// What the identifiers in the records mean.
    fn instruments(&self) -> &Instruments;

    /// Time of the first record.
    fn started(&self) -> Ts;

    /// Makes the records, in the order of their times, and says what became of the rows. Stops at the first error of `push`.
    fn emit(self: Box<Self>, push: Push<'_>) -> Result<Found>;
}

/// Takes a record.
pub(crate) type Push<'a> = &'a mut dyn FnMut(&Record) -> Result<()>;

/// Reads a file, plain or in gzip, zstd or a zip of one member.
///
/// # Errors
/// [`DataError::Unrecognised`] if the file is not understood; [`DataError::Import`] if no row of it is right, and
/// [`DataError::Damaged`] for DBN that is not whole; [`DataError::Option`]; [`DataError::Io`].
pub fn read_file(path: &Path, options: &ImportOptions) -> Result<FileRecords> {
    only_input(path)?.read(options)
}

impl Input {
    /// Reads all records into memory.
    ///
    /// # Errors
    /// As [`read_file`].
    pub fn read(&self, options: &ImportOptions) -> Result<FileRecords> {
        if self.format(options)? == Format::Tickloom {
            return own::read_own(self);
        }
        let prepared = self.prepare(options)?;
        let instruments = options.instruments(prepared.as_ref());
        let mut records = Vec::new();
        let report = self.emit(prepared, options, &mut |record| {
            records.push(*record);
            Ok(())
        })?;
        mark_bars(&mut records, &instruments);
        Ok(FileRecords {
            instruments,
            records,
            report,
        })
    }

    /// Reads it to say what an import would do.
    ///
    /// # Errors
    /// As [`read_file`].
    pub fn check(&self, options: &ImportOptions) -> Result<ImportReport> {
        if self.format(options)? == Format::Tickloom {
            return own::check_own(self);
        }
        self.emit(self.prepare(options)?, options, &mut |_| Ok(()))
    }

    /// Imports it into the catalog. The same content with the same options changes nothing; with other options it replaces what
    /// was imported from it.
    ///
    /// # Errors
    /// As [`read_file`], and what [`Catalog::writer`] and its writer return.
    pub fn import(&self, options: &ImportOptions, catalog: &Catalog) -> Result<ImportReport> {
        if self.format(options)? == Format::Tickloom {
            return own::import_own(self, catalog);
        }
        let run = self.run(options)?;
        let prepared = self.prepare(options)?;
        let instruments = options.instruments(prepared.as_ref());
        let mut meta = RunMeta::new(&run, prepared.started(), instruments)?;
        meta.config = config(options);
        let source = source(options);
        let mut report = if catalog.has_part(&run, 0, &source)?.is_some() {
            let mut report = self.emit(prepared, options, &mut |_| Ok(()))?;
            report.unchanged = true;
            report
        } else {
            let mut writer = catalog.writer(&meta, 0, &source)?;
            let mut seq = 0;
            let report = self.emit(prepared, options, &mut |record| {
                writer.push(seq, record)?;
                seq += 1;
                Ok(())
            })?;
            writer.set_end(RunEnd {
                left_out: report.left_out(),
                books: Vec::new(),
            });
            writer.finish()?;
            report
        };
        report.run = Some(run);
        Ok(report)
    }

    /// What the catalog has of it, if it is complete there with the same options: found without decoding anything, so the report
    /// has what was written and neither the rows read nor those refused.
    ///
    /// # Errors
    /// [`DataError::Io`], and what [`Catalog::has_part`] returns.
    pub fn imported(
        &self,
        options: &ImportOptions,
        catalog: &Catalog,
    ) -> Result<Option<ImportReport>> {
        if self.format(options)? == Format::Tickloom {
            return own::imported_own(self, catalog);
        }
        let run = self.run(options)?;
        let Some(written) = catalog.has_part(&run, 0, &source(options))? else {
            return Ok(None);
        };
        let mut report = ImportReport::new(self.path(), self.member(), self.format(options)?);
        report.has_already(&written.rows);
        report.run = Some(run);
        Ok(Some(report))
    }

    /// Name of the run under which a catalog keeps it.
    fn run(&self, options: &ImportOptions) -> Result<String> {
        let member = self.member().unwrap_or_default();
        let instrument = options.instrument.as_deref().unwrap_or_default();
        let identity = self.format(options)?.identity(self, options)?;
        self.content_run(&format!("{instrument}{member}{identity}"))
    }

    fn format(&self, options: &ImportOptions) -> Result<Format> {
        match options.format {
            Some(format) => Ok(format),
            None => Format::sniff(self),
        }
    }

    fn prepare(&self, options: &ImportOptions) -> Result<Box<dyn Prepared>> {
        self.format(options)?.prepare(self, options)
    }

    /// Makes the records of a prepared file and reports on them.
    fn emit(
        &self,
        prepared: Box<dyn Prepared>,
        options: &ImportOptions,
        push: Push<'_>,
    ) -> Result<ImportReport> {
        let names = prepared.instruments().defs().iter();
        let instruments = names.map(|def| def.name.clone()).collect();
        let mut report = ImportReport::new(self.path(), self.member(), self.format(options)?);
        report.instruments = instruments;
        let mut tally = Tally::default();
        let found = prepared.emit(&mut |record| {
            tally.count(record);
            push(record)
        })?;
        report.fill(found, &tally, options.errors_max);
        Ok(report)
    }
}

/// The options as a run keeps them.
fn config(options: &ImportOptions) -> String {
    serde_json::to_string(options).expect("plain fields are JSON")
}

/// What a part of a catalog comes from. Its content is in the name of the run.
fn source(options: &ImportOptions) -> String {
    format!("import:{}", config(options))
}
