//! Import: files of others become records, exactly or not at all.
//!
//! A file (or each member of a zip) is an [`Input`]. Which [`Format`] it is in is found out from its first bytes; a module for each
//! prepares it, that is reads it through once, so that all instruments and scales are known, and then makes its records in the order
//! of their times. A wrong row is left out, named with field and value, and counted. The one thing that is changed is the noise of
//! binary floats in sizes (`2.5833652000000003`), and it is counted too. Raw captures of venues are decoded by `feeds`; what it makes
//! of them is written with [`tickloom_catalog::Catalog::writer`] like anything else.

mod binance;
mod cells;
mod columnar;
mod databento;
mod folder;
mod format;
mod input;
mod known_bars;
mod layout;
mod lean;
mod mantissas;
mod mapping;
mod number;
mod own;
mod reader;
mod report;
mod rescale;
mod role;
mod row;
mod spooled;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod time;

use databento::is_definitions;
pub use folder::{FolderRecords, is_columnar, read_folder};
pub use format::Format;
pub use input::{Input, content_run, inputs, open_text, peek_line};
pub use mapping::{Mapping, Profile, RefusedMax, Years};
pub use number::Decimal;
pub use report::{ImportReport, KindCount, LineError, Taken};
pub use rescale::{Rescaling, redefine};
pub use spooled::{SpooledFile, SpooledRecords, spool_file, spool_folder};

use crate::databento::DbnOrigin;
use crate::{FormatError, Result};
use input::only_input;
use known_bars::KnownBars;
use reader::{Repeats, content_of_record};
use report::{Found, Tally};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use table::Drafted;
use tickloom_catalog::{
    Catalog, CatalogError, Definitions, RunEnd, ScanQuery, Table, mark_bars, retain_records,
};
use tickloom_journal::RunMeta;
use tickloom_types::{BarSpec, DurationNs, Instruments, Kind, Record, TradeBody, Ts, some_of};

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
    /// Which column holds what. Default: as their names say.
    #[serde(skip_serializing_if = "Mapping::is_empty")]
    pub mapping: Mapping,
    /// How times are written: `s`, `ms`, `us`, `ns`, `compact`, `day-first`, `month-first` or a pattern of strptime. Default: found
    /// out from the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_format: Option<String>,
    /// What parts the fields. Default: what cuts the first lines alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// What parts the whole of a number from its fraction. Default: found out from the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Decimal>,
    /// Whether prices may be zero and below. Default: below zero, of what nothing says is a share or a pair of currencies.
    #[serde(skip_serializing_if = "is_false")]
    pub negative_prices: bool,
    /// What people say of instruments: those of which they say that prices may be below zero, or not, are read so.
    #[serde(skip)]
    pub definitions: Option<Arc<Definitions>>,
    /// Years in which a time is plausible. Default: 1900 to 2200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub years: Option<Years>,
    /// Rows that may be refused; of more, the file is. Default: 1 % of them or 100, whichever is less.
    #[serde(skip)]
    pub refused_max: Option<RefusedMax>,
    /// Files of definitions for files of DBN, beside those in the directory of each.
    #[serde(skip)]
    pub definition_files: Vec<PathBuf>,
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
            mapping: Mapping::default(),
            time_format: None,
            delimiter: None,
            decimal: None,
            negative_prices: false,
            definitions: None,
            years: None,
            refused_max: None,
            definition_files: Vec::new(),
            errors_max: 20,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl ImportOptions {
    /// Whether it is said what the columns of the file are, so that no name or number of them says more.
    fn says_columns(&self) -> bool {
        !self.columns.is_empty() || !self.mapping.is_empty()
    }

    /// Whether it is said how times, numbers or rows are written.
    fn says_writing(&self) -> bool {
        self.time_format.is_some() || self.decimal.is_some() || self.delimiter.is_some()
    }

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

    fn empty(&self, query: &ScanQuery) -> FormatError {
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
fn selects(query: &ScanQuery, record: &Record, instruments: &Instruments) -> bool {
    let name = instruments.get(record.instrument()).map(|def| &def.name);
    let bar = instruments.bar_spec(record.source());
    Table::of(record).is_some_and(|table| query.wants_record(table, name, bar, record.ts_event()))
}

/// A file that was read through once: what its records will mean is known, and they can be made.
pub(crate) trait Prepared {
    /// What the identifiers in the records mean.
    fn instruments(&self) -> &Instruments;

    /// Time of the first record.
    fn started(&self) -> Ts;

    /// Of trades with numbers: the names of the instruments, and the times from first to last.
    fn has_numbers_of_trades(&self) -> Option<(Vec<String>, Ts, Ts)> {
        None
    }

    /// Rows that the first reading read, and those of them that it refused.
    fn surveyed(&self) -> (u64, u64) {
        (0, 0)
    }

    /// Under which numbers the instruments are in a file of DBN.
    fn origin(&self) -> Option<DbnOrigin> {
        None
    }

    /// Where rows are remembered to tell which come again.
    fn repeats(&mut self) -> Option<&mut Repeats> {
        None
    }

    /// The records that were made when it was read through, if none of them depends on another, and what became of the rows. Without
    /// them it is read again.
    fn take_drafted(&mut self) -> Option<(Drafted, Found)> {
        None
    }

    /// Makes the records, in the order of their times, and says what became of the rows. Stops at the first error of `push`.
    fn emit(self: Box<Self>, push: Push<'_>) -> Result<Found>;
}

/// Takes a record.
pub(crate) type Push<'a> = &'a mut dyn FnMut(&Record) -> Result<()>;

/// Reads a file, plain or in gzip, zstd or a zip of one member.
///
/// # Errors
/// [`FormatError::Unrecognised`] if the file is not understood; [`FormatError::Import`] if no row of it is right, and
/// [`FormatError::Damaged`] for DBN that is not whole; [`FormatError::Option`]; [`FormatError::Io`].
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
        let report = self.emit(prepared, options, None, &mut |record| {
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
        self.emit(self.prepare(options)?, options, None, &mut |_| Ok(()))
    }

    /// Reads it to say what an import into this catalog would do, which is left as it is.
    ///
    /// # Errors
    /// As [`read_file`], and what reading the catalog returns.
    pub fn check_for(&self, options: &ImportOptions, catalog: &Catalog) -> Result<ImportReport> {
        if self.format(options)? == Format::Tickloom {
            return own::check_own(self);
        }
        let run = self.run(options, catalog)?;
        let mut prepared = self.prepare(options)?;
        known_trades(prepared.as_mut(), &run, catalog)?;
        let known = KnownBars::of(catalog, &run, prepared.instruments())?;
        let mut report = self.emit(prepared, options, Some(known), &mut |_| Ok(()))?;
        let source = self.source(options)?;
        report.unchanged = catalog.has_part(&run, 0, &source)?.is_some();
        Ok(report)
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
        let run = self.run(options, catalog)?;
        let mut prepared = self.prepare(options)?;
        known_trades(prepared.as_mut(), &run, catalog)?;
        let (read, refused) = prepared.surveyed();
        if refused > options.refused_max.unwrap_or_default().of(read) {
            // Nothing of it is begun in the catalog.
            return self.emit(prepared, options, None, &mut |_| Ok(()));
        }
        let known = Some(KnownBars::of(catalog, &run, prepared.instruments())?);
        let instruments = options.instruments(prepared.as_ref());
        let mut meta = RunMeta::new(&run, prepared.started(), instruments)?;
        meta.config = config(options);
        let source = self.source(options)?;
        let origin = prepared.origin().map(|origin| origin.as_kept());
        let mut report = if catalog.has_part(&run, 0, &source)?.is_some() {
            let mut report = self.emit(prepared, options, known, &mut |_| Ok(()))?;
            report.unchanged = true;
            report
        } else {
            let mut writer = catalog.writer(&meta, 0, &source)?;
            let mut seq = 0;
            let report = self.emit(prepared, options, known, &mut |record| {
                writer.push(seq, record)?;
                seq += 1;
                Ok(())
            })?;
            writer.set_end(RunEnd {
                left_out: report.left_out(),
                books: Vec::new(),
                origin,
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
    /// [`FormatError::Io`], and what [`Catalog::has_part`] returns.
    pub fn imported(
        &self,
        options: &ImportOptions,
        catalog: &Catalog,
    ) -> Result<Option<ImportReport>> {
        if self.format(options)? == Format::Tickloom {
            return own::imported_own(self, catalog);
        }
        let run = self.run(options, catalog)?;
        let Some(written) = catalog.has_part(&run, 0, &self.source(options)?)? else {
            return Ok(None);
        };
        let mut report = ImportReport::new(self.path(), self.member(), self.format(options)?);
        report.has_already(&written.rows);
        report.run = Some(run);
        Ok(Some(report))
    }

    /// What a part of a catalog comes from. Its content is in the name of the run.
    fn source(&self, options: &ImportOptions) -> Result<String> {
        let config = config(options);
        let beside = match self.format(options)? {
            Format::Dbn => databento::identity(self, options)?,
            _ => String::new(),
        };
        Ok(match beside.as_str() {
            "" => format!("import:{config}"),
            beside => format!("import:{config};definitions:{beside}"),
        })
    }

    /// Whether it is a file of definitions of instruments in DBN, which are read beside files of records.
    ///
    /// # Errors
    /// [`FormatError::Io`], and [`FormatError::Damaged`] for DBN that is not whole.
    pub fn is_definitions(&self) -> Result<bool> {
        Ok(databento::is_dbn(&self.file_name(), &self.head()?) && is_definitions(self)?)
    }

    /// Name of the run under which a catalog keeps it.
    fn run(&self, options: &ImportOptions, catalog: &Catalog) -> Result<String> {
        let member = self.member().unwrap_or_default();
        let instrument = options.instrument.as_deref().unwrap_or_default();
        let format = self.format(options)?;
        let identity = format.identity(self, options)?;
        if format.is_named_by_file() && !identity.is_empty() {
            // Earlier versions named a run by the content alone.
            let earlier = self.content_run(&format!("{instrument}{member}"))?;
            if catalog.holds_part(&earlier, 0)?
                && catalog.runs_with([identity.as_str()])?.contains(&earlier)
            {
                return Ok(earlier);
            }
        }
        self.content_run(&format!("{instrument}{member}{identity}"))
    }

    fn format(&self, options: &ImportOptions) -> Result<Format> {
        match options.format {
            Some(format) => Ok(format),
            None => Format::sniff(self, options),
        }
    }

    fn prepare(&self, options: &ImportOptions) -> Result<Box<dyn Prepared>> {
        self.format(options)?.prepare(self, options)
    }

    /// A report on a prepared file, without what became of its rows.
    fn report_of(&self, prepared: &dyn Prepared, options: &ImportOptions) -> Result<ImportReport> {
        let names = prepared.instruments().defs().iter();
        let mut report = ImportReport::new(self.path(), self.member(), self.format(options)?);
        report.instruments = names.map(|def| def.name.clone()).collect();
        Ok(report)
    }

    /// Makes the records of a prepared file and reports on them.
    fn emit(
        &self,
        prepared: Box<dyn Prepared>,
        options: &ImportOptions,
        mut known: Option<KnownBars<'_>>,
        push: Push<'_>,
    ) -> Result<ImportReport> {
        let mut report = self.report_of(prepared.as_ref(), options)?;
        let mut tally = Tally::default();
        let found = prepared.emit(&mut |record| {
            if let Some(known) = &mut known
                && !known.is_new(record)?
            {
                return Ok(());
            }
            tally.count(record);
            push(record)
        })?;
        report.fill(found, &tally, options.errors_max);
        if let Some(known) = known {
            known.tell(&mut report);
        }
        judge(report, options)
    }
}

/// The one place that decides whether a file is refused for its wrong rows.
fn judge(report: ImportReport, options: &ImportOptions) -> Result<ImportReport> {
    let max = options.refused_max.unwrap_or_default().of(report.read);
    if report.refused <= max {
        return Ok(report);
    }
    let report = Box::new(report);
    Err(FormatError::Refused { report, max })
}

/// Lets a file know the numbered trades that earlier imports have in its time, so that those of pages that overlap count once.
fn known_trades(prepared: &mut dyn Prepared, run: &str, catalog: &Catalog) -> Result<()> {
    let Some((names, from, to)) = prepared.has_numbers_of_trades() else {
        return Ok(());
    };
    let others = catalog.other_imports(run, names.iter().map(String::as_str))?;
    for other in others {
        let query = ScanQuery {
            instruments: names.clone(),
            tables: vec![Table::Trades],
            runs: vec![other],
            from: Some(from),
            to: to.0.checked_add(1).map(Ts),
            ..ScanQuery::default()
        };
        let scan = match catalog.scan(&query) {
            Ok(scan) => scan,
            Err(CatalogError::Empty { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let known = scan.instruments().clone();
        for next in scan {
            let (_, record) = next?;
            let def = known.get(record.instrument());
            let ticker = def.and_then(|def| names.iter().position(|name| *name == def.name));
            if let (Some(def), Some(ticker), Some(repeats)) = (def, ticker, prepared.repeats())
                && record.kind() == Some(Kind::Trade)
            {
                let trade = TradeBody::of(&record);
                let content = content_of_record(&trade, def);
                repeats.add_elsewhere(ticker, trade.trade_id, record.ts_event(), content);
            }
        }
    }
    Ok(())
}

/// The options as a run keeps them.
fn config(options: &ImportOptions) -> String {
    serde_json::to_string(options).expect("plain fields are JSON")
}
