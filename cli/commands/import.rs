//! `tickloom import`: files of others into the Parquet catalog.

use crate::capture;
use crate::failure::Failure;
use crate::output::{self, Style};
use anyhow::anyhow;
use serde::Serialize;
use std::path::{Path, PathBuf};
use tickloom_backtest::text::grouped;
use tickloom_data::{
    Catalog, DataError, ImportOptions, ImportReport, RunMeta, RunWriter, content_run, import_file,
};
use tickloom_feeds::binance::Venue;
use tickloom_feeds::capture::{
    CaptureConfig, CaptureError, CaptureSource, decode_captures, sniff_capture,
};
use tickloom_types::{InstrumentError, Instruments, Record, Sink, SourceDef, SourceKind, Ts};

/// Wrong lines that are shown for each file; all are counted.
const ERRORS_SHOWN: usize = 20;

const EXAMPLES: &str = "\
Examples:
  tickloom import GOOG.csv.gz --catalog catalog --instrument GOOG
  tickloom import btcusdt_20240808.gz btcusdt_20240809.gz --catalog catalog --json

Delimiter, header, time format and kind of record (bars, quotes, trades) are found out from the file; raw captures of
Binance's WebSocket streams are decoded as they would be live. gz and zip are read as they are.
A wrong line is reported with file, line, field and value, counted, and left out; nothing is repaired.

Exit codes: 0 read, even if lines were left out (the report says how many), 1 the catalog could not be written,
2 nothing could be read from a file or the command line is wrong.";

/// Import files into the Parquet catalog.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files: CSV or raw captures, also gz or zip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The directory of the catalog; made if it is not there
    #[arg(long, value_name = "DIR")]
    catalog: PathBuf,
    /// Name of the instrument of rows [default: the file's name up to its first dot]; captures say their own
    #[arg(long, value_name = "ID")]
    instrument: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What became of one file, or of the captures of one venue, which belong together.
#[derive(Serialize)]
struct Imported {
    files: Vec<PathBuf>,
    /// Rows or lines.
    read: u64,
    /// Records in the catalog.
    written: u64,
    /// Wrong rows or lines, left out.
    refused: u64,
    /// The first of them.
    errors: Vec<String>,
    instruments: Vec<String>,
    from: Option<Ts>,
    to: Option<Ts>,
    /// Name under which the catalog keeps it.
    run: Option<String>,
    /// The catalog had it already.
    unchanged: bool,
    notes: Vec<String>,
    /// Why nothing could be read.
    failed: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let options = ImportOptions {
        instrument: args.instrument.clone(),
        errors_max: ERRORS_SHOWN,
        ..ImportOptions::default()
    };
    let catalog = Catalog::create(&args.catalog).map_err(Failure::run)?;
    let mut all = Vec::new();
    let mut captures = Captures::default();
    let spinner = output::spinner("import");
    for file in &args.files {
        spinner.set_message(file.display().to_string());
        match capture::is_capture(file) {
            Ok(true) if args.instrument.is_some() => all.push(failed(
                file,
                "--instrument does not apply: a capture says itself of what it is",
            )),
            Ok(true) => match captures.add(file) {
                Ok(()) => {}
                Err(error) => all.push(failed(file, &error)),
            },
            Ok(false) => all.push(match import_file(file, &options, &catalog) {
                Ok(report) => rows(report),
                Err(error) if is_of_catalog(&error, &args.catalog) => {
                    return Err(Failure::run(error));
                }
                Err(error) => failed(file, &error.to_string()),
            }),
            Err(error) => all.push(failed(file, &error.to_string())),
        }
    }
    for (venue, files) in captures.by_venue {
        spinner.set_message(venue.name().to_owned());
        all.push(import_captures(venue, &files, &catalog)?);
    }
    spinner.finish_and_clear();
    report(&args, &all)
}

/// Whether the catalog is at fault rather than the file.
fn is_of_catalog(error: &DataError, catalog: &Path) -> bool {
    match error {
        DataError::Parquet { .. }
        | DataError::Schema { .. }
        | DataError::OtherRun { .. }
        | DataError::Store { .. }
        | DataError::Outrun { .. } => true,
        DataError::Io { path, .. } => path.starts_with(catalog),
        _ => false,
    }
}

/// Captures by venue, in the order in which they were given, as books go on from one to the next.
#[derive(Default)]
struct Captures {
    by_venue: Vec<(Venue, Vec<PathBuf>)>,
}

impl Captures {
    fn add(&mut self, file: &Path) -> Result<(), String> {
        let source = CaptureSource::File(file.to_owned());
        let venue = sniff_capture(&source)
            .map_err(|error| error.to_string())?
            .venue;
        match self.by_venue.iter_mut().find(|(known, _)| *known == venue) {
            Some((_, files)) => files.push(file.to_owned()),
            None => self.by_venue.push((venue, vec![file.to_owned()])),
        }
        Ok(())
    }
}

/// Writes what is decoded into the catalog.
struct CatalogSink {
    writer: RunWriter,
    records: u64,
    from: Option<Ts>,
    to: Option<Ts>,
    /// The first write that failed; nothing is written after it.
    failed: Option<DataError>,
}

impl Sink for CatalogSink {
    fn push(&mut self, record: Record) {
        if self.failed.is_some() {
            return;
        }
        match self.writer.push(self.records, &record) {
            Ok(()) => {
                self.records += 1;
                let ts = record.ts_event();
                self.from = Some(self.from.map_or(ts, |from| from.min(ts)));
                self.to = Some(self.to.map_or(ts, |to| to.max(ts)));
            }
            Err(error) => self.failed = Some(error),
        }
    }
}

/// Decodes the captures of one venue into a run of their own.
fn import_captures(
    venue: Venue,
    files: &[PathBuf],
    catalog: &Catalog,
) -> Result<Imported, Failure> {
    let sources: Vec<CaptureSource> = files.iter().cloned().map(CaptureSource::File).collect();
    let config = CaptureConfig {
        venue: Some(venue),
        symbols: symbols(&sources).map_err(Failure::input)?,
        ..CaptureConfig::default()
    };
    let mut instruments = Instruments::new();
    define(venue, &config.symbols, &mut instruments).map_err(Failure::input)?;
    let names: Vec<String> = instruments
        .defs()
        .iter()
        .map(|def| def.name.clone())
        .collect();
    let run = content_run(files, venue.name()).map_err(Failure::run)?;
    let meta = RunMeta::new(&run, Ts(0), instruments.clone()).map_err(Failure::run)?;
    let origin = format!("capture:{}", names.join(","));
    let mut imported = Imported {
        run: Some(run.clone()),
        instruments: names,
        ..nothing(files)
    };
    if let Some(written) = catalog.has_part(&run, 0, &origin).map_err(Failure::run)? {
        imported.unchanged = true;
        imported.written = written.rows.values().sum();
        return Ok(imported);
    }
    let mut sink = CatalogSink {
        writer: catalog.writer(&meta, 0, &origin).map_err(Failure::run)?,
        records: 0,
        from: None,
        to: None,
        failed: None,
    };
    let report = match decode_captures(&sources, &config, &mut instruments, &mut sink) {
        Ok(report) => report,
        Err(error) => {
            imported.failed = Some(error.to_string());
            return Ok(imported);
        }
    };
    if let Some(error) = sink.failed {
        return Err(Failure::run(error));
    }
    sink.writer.finish().map_err(Failure::run)?;
    imported.read = report.lines;
    imported.written = sink.records;
    imported.refused = report.bad;
    imported.errors = report
        .bad_lines
        .iter()
        .take(ERRORS_SHOWN)
        .map(ToString::to_string)
        .collect();
    (imported.from, imported.to) = (sink.from, sink.to);
    imported.notes.push(format!(
        "{} trades, {} quotes, {} depth messages with {} level changes, {} snapshots",
        report.trades, report.quotes, report.diffs, report.level_changes, report.snapshots
    ));
    Ok(imported)
}

/// The symbols in the captures, each once.
fn symbols(sources: &[CaptureSource]) -> Result<Vec<String>, CaptureError> {
    let mut symbols: Vec<String> = Vec::new();
    for source in sources {
        for symbol in sniff_capture(source)?.symbols {
            if !symbols.contains(&symbol) {
                symbols.push(symbol);
            }
        }
    }
    Ok(symbols)
}

/// Defines them as the decoder will, so that the run can be begun before anything is decoded.
fn define(
    venue: Venue,
    symbols: &[String],
    instruments: &mut Instruments,
) -> Result<(), InstrumentError> {
    venue.define_symbols(symbols, &[], instruments)?;
    instruments.add_source(SourceDef {
        name: venue.name().to_owned(),
        kind: SourceKind::Feed,
    })?;
    Ok(())
}

fn nothing(files: &[PathBuf]) -> Imported {
    Imported {
        files: files.to_vec(),
        read: 0,
        written: 0,
        refused: 0,
        errors: Vec::new(),
        instruments: Vec::new(),
        from: None,
        to: None,
        run: None,
        unchanged: false,
        notes: Vec::new(),
        failed: None,
    }
}

fn failed(file: &Path, why: &str) -> Imported {
    Imported {
        failed: Some(why.to_owned()),
        ..nothing(&[file.to_owned()])
    }
}

fn rows(report: ImportReport) -> Imported {
    let mut notes = report.notes;
    let bar = report
        .bar
        .map_or(String::new(), |bar| format!(" of size {bar}"));
    notes.insert(0, format!("{}{bar}", report.table));
    Imported {
        files: vec![report.file],
        read: report.read,
        written: report.written,
        refused: report.refused,
        errors: report.errors.iter().map(ToString::to_string).collect(),
        instruments: report.instruments,
        from: report.from,
        to: report.to,
        run: report.run,
        unchanged: report.unchanged,
        notes,
        failed: None,
    }
}

/// Says what was imported, and what was not.
fn report(args: &Args, all: &[Imported]) -> Result<(), Failure> {
    let sum = |count: fn(&Imported) -> u64| all.iter().map(count).sum::<u64>();
    let failures: Vec<&str> = all.iter().filter_map(|one| one.failed.as_deref()).collect();
    if args.json {
        output::json(&serde_json::json!({
            "catalog": args.catalog,
            "read": sum(|one| one.read),
            "written": sum(|one| one.written),
            "refused": sum(|one| one.refused),
            "failed": failures.len(),
            "imports": all,
        }))?;
    } else {
        all.iter().for_each(print);
    }
    match failures.as_slice() {
        [] => Ok(()),
        [only] => Err(Failure::input(anyhow!("{only}"))),
        [first, rest @ ..] => Err(Failure::input(anyhow!(
            "{first} (and {} more could not be read)",
            rest.len()
        ))),
    }
}

fn print(one: &Imported) {
    for error in &one.errors {
        output::note(error);
    }
    if one.failed.is_some() {
        return;
    }
    let files: Vec<String> = one
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    output::line(&output::styled(&files.join(", "), Style::Bold));
    let row = |name: &str, value: &str| output::line(&format!("  {name:<12} {value}"));
    row("Instruments", &one.instruments.join(", "));
    if one.unchanged {
        row("Unchanged", "the catalog has it already");
    } else {
        let wrong = match one.refused {
            0 => String::new(),
            refused => format!(", {} wrong and left out", grouped(u128::from(refused))),
        };
        let (read, written) = (
            grouped(u128::from(one.read)),
            grouped(u128::from(one.written)),
        );
        row(
            "Lines",
            &format!("{read} read{wrong}, {written} records written"),
        );
    }
    if let (Some(from), Some(to)) = (one.from, one.to) {
        row("Time", &format!("{from} to {to}"));
    }
    for note in &one.notes {
        row("Content", note);
    }
}
