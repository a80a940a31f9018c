//! Raw captures of venues among the files that are imported: those of one venue belong together and are decoded as they would be
//! live.

use super::report::Imported;
use super::{ERRORS_SHOWN, Target};
use crate::failure::Failure;
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tickloom_data::{DataError, KindCount, RunMeta, RunWriter, Table, content_run};
use tickloom_feeds::binance::Venue;
use tickloom_feeds::capture::{
    CaptureConfig, CaptureError, CaptureSource, decode_captures, sniff_capture,
};
use tickloom_types::{InstrumentError, Instruments, Record, Sink, SourceDef, SourceKind, Ts};

/// Captures by venue, in the order in which they were given, as books go on from one to the next.
#[derive(Default)]
pub(super) struct Captures {
    by_venue: Vec<(Venue, Vec<PathBuf>)>,
}

impl Captures {
    pub(super) fn add(&mut self, file: &Path) -> Result<(), String> {
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

    /// Decodes them, those of each venue into a run of their own.
    pub(super) fn import(
        self,
        target: &Target,
        spinner: &ProgressBar,
    ) -> Result<Vec<Imported>, Failure> {
        let mut all = Vec::new();
        for (venue, files) in self.by_venue {
            spinner.set_message(venue.name().to_owned());
            all.push(import_captures(venue, &files, target)?);
        }
        Ok(all)
    }
}

/// Counts what is decoded, and writes it into the catalog if there is one.
#[derive(Default)]
struct CatalogSink {
    writer: Option<RunWriter>,
    kinds: BTreeMap<Table, KindCount>,
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
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.push(self.records, &record)
        {
            self.failed = Some(error);
            return;
        }
        self.records += 1;
        if let Some(table) = Table::of(&record) {
            let count = self.kinds.entry(table).or_default();
            count.read += 1;
            count.written += 1;
        }
        let ts = record.ts_event();
        self.from = Some(self.from.map_or(ts, |from| from.min(ts)));
        self.to = Some(self.to.map_or(ts, |to| to.max(ts)));
    }
}

/// Decodes the captures of one venue into a run of their own.
fn import_captures(venue: Venue, files: &[PathBuf], target: &Target) -> Result<Imported, Failure> {
    let sources: Vec<CaptureSource> = files.iter().cloned().map(CaptureSource::File).collect();
    let config = CaptureConfig {
        venue: Some(venue),
        symbols: symbols(&sources).map_err(Failure::input)?,
        ..CaptureConfig::default()
    };
    let mut instruments = Instruments::new();
    define(venue, &config.symbols, &mut instruments).map_err(Failure::input)?;
    let defs = instruments.defs().iter();
    let names: Vec<String> = defs.map(|def| def.name.clone()).collect();
    let run = content_run(files, venue.name()).map_err(Failure::run)?;
    let meta = RunMeta::new(&run, Ts(0), instruments.clone()).map_err(Failure::run)?;
    let origin = format!("capture:{}", names.join(","));
    let mut imported = Imported::of(files);
    imported.format = Some("capture".to_owned());
    imported.instruments = names;
    let mut sink = CatalogSink::default();
    if let Some(catalog) = target.catalog() {
        imported.run = Some(run.clone());
        if let Some(written) = catalog.has_part(&run, 0, &origin).map_err(Failure::run)? {
            imported.has_already(&written.rows);
            return Ok(imported);
        }
        sink.writer = Some(catalog.writer(&meta, 0, &origin).map_err(Failure::run)?);
    }
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
    if let Some(writer) = sink.writer {
        writer.finish().map_err(Failure::run)?;
    }
    imported.kinds = sink.kinds;
    imported.read = report.lines;
    imported.written = sink.records;
    imported.refused = report.bad;
    let errors = report.bad_lines.iter().take(ERRORS_SHOWN);
    imported.errors = errors.map(ToString::to_string).collect();
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
