//! Reads back what [`crate::export`] wrote: CSV, JSON lines, Arrow and Parquet files that say themselves what they are of.
//!
//! Such a file is taken whole or not at all: it was exact when it was written, so one wrong row means that it is damaged or was
//! edited. Each of its runs becomes a run of the catalog, with its instruments, sequences and numbers as they were.

mod cells;
mod columnar;
mod ipc;
mod rows;
mod text;

use super::file_records::FileRecords;
use super::format::Format;
use super::input::Input;
use super::known::Known;
use super::report::ImportReport;
use crate::export::header::FileHeader;
use crate::export::rows::Row;
use crate::export::text::{CSV_MARK, JSON_MARK};
use crate::{FormatError, Result};
use arrow_array::RecordBatch;
use rows::Decoder;
use std::fs::File;
use std::path::Path;
use tickloom_catalog::mark_bars;
use tickloom_catalog::{Catalog, CatalogError, IMPORT_RUN, Importing, RunWriter};
use tickloom_journal::RunMeta;

/// A kind of file that export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnFormat {
    Csv,
    JsonLines,
    Arrow,
    Parquet,
}

impl OwnFormat {
    /// The format of a file that begins, unpacked, with these bytes.
    pub(crate) fn sniff(start: &[u8]) -> Option<OwnFormat> {
        if start.starts_with(CSV_MARK.as_bytes()) {
            Some(OwnFormat::Csv)
        } else if start.starts_with(JSON_MARK.as_bytes()) {
            Some(OwnFormat::JsonLines)
        } else if start.starts_with(ipc::MAGIC) {
            Some(OwnFormat::Arrow)
        } else if start.starts_with(columnar::PARQUET_MAGIC) {
            Some(OwnFormat::Parquet)
        } else {
            None
        }
    }

    /// The format of a file that was found to be one of these.
    fn of(input: &Input) -> Result<OwnFormat> {
        let found = OwnFormat::sniff(&input.head()?);
        let expected = "CSV, JSON lines, Arrow or Parquet as export writes them";
        found.ok_or_else(|| wrong(input.path(), "content", "something else", expected))
    }
}

/// Where the batches of a file come from.
pub(crate) trait Batches {
    /// The next batch, with the columns of the header's table.
    fn next(&mut self) -> Result<Option<RecordBatch>>;
}

/// An exported file being read.
pub(crate) struct OwnFile {
    header: FileHeader,
    batches: Box<dyn Batches>,
    decoder: Decoder,
}

impl OwnFile {
    /// Opens a file.
    fn open(input: &Input) -> Result<OwnFile> {
        let path = input.path();
        match OwnFormat::of(input)? {
            OwnFormat::Csv => {
                let (header, batches) = text::csv(path, input.open()?)?;
                Ok(OwnFile::new(path, header, Box::new(batches), 3))
            }
            OwnFormat::JsonLines => {
                let (header, batches) = text::json_lines(path, input.open()?)?;
                Ok(OwnFile::new(path, header, Box::new(batches), 2))
            }
            OwnFormat::Arrow => {
                let (header, batches) = ipc::open(path, input.open_at_will()?)?;
                Ok(OwnFile::new(path, header, Box::new(batches), 1))
            }
            OwnFormat::Parquet => {
                let file = File::open(path).map_err(FormatError::io("open", path))?;
                let (header, batches) = columnar::parquet(path, file)?;
                Ok(OwnFile::new(path, header, Box::new(batches), 1))
            }
        }
    }

    fn new(path: &Path, header: FileHeader, batches: Box<dyn Batches>, first: u64) -> OwnFile {
        OwnFile {
            decoder: Decoder::new(path, &header, first),
            header,
            batches,
        }
    }

    /// Puts the next rows in place of those in `rows`; false at the end.
    pub(crate) fn fill(&mut self, rows: &mut Vec<Row>) -> Result<bool> {
        rows.clear();
        while rows.is_empty() {
            let Some(batch) = self.batches.next()? else {
                return Ok(false);
            };
            self.decoder.decode(&batch, rows)?;
        }
        Ok(true)
    }
}

/// What a file holds.
struct Content {
    report: ImportReport,
    header: FileHeader,
}

/// Reads a file to its end and says what is in it; each batch of its rows is given to `take`.
fn read_all(input: &Input, take: &mut dyn FnMut(&[Row]) -> Result<()>) -> Result<Content> {
    let mut file = OwnFile::open(input)?;
    let mut report = ImportReport::new(input.path(), None, Format::Tickloom);
    let mut rows = Vec::new();
    while file.fill(&mut rows)? {
        report.read += rows.len() as u64;
        for row in &rows {
            let ts = row.record.ts_event();
            report.from = Some(report.from.map_or(ts, |from| from.min(ts)));
            report.to = Some(report.to.map_or(ts, |to| to.max(ts)));
        }
        take(&rows)?;
    }
    report.written = report.read;
    let count = report.kinds.entry(file.header.table).or_default();
    (count.read, count.written) = (report.read, report.read);
    report.instruments = file.decoder.instruments_seen();
    Ok(Content {
        report,
        header: file.header,
    })
}

/// Reads the records of a file of inputs of one run.
pub(crate) fn read_own(input: &Input) -> Result<FileRecords> {
    let mut records = Vec::new();
    let content = read_all(input, &mut |rows| {
        records.extend(rows.iter().map(|row| row.record));
        Ok(())
    })?;
    let [run] = content.header.runs.as_slice() else {
        let found = format!("{} runs", content.header.runs.len());
        return Err(wrong(
            input.path(),
            "content",
            found,
            "one run; import the file instead",
        ));
    };
    mark_bars(&mut records, &run.instruments);
    Ok(FileRecords {
        instruments: run.instruments.clone(),
        records,
        report: content.report,
    })
}

/// Reads a file to its end and says what is in it.
pub(crate) fn check_own(input: &Input) -> Result<ImportReport> {
    read_all(input, &mut |_| Ok(())).map(|content| content.report)
}

/// What the catalog has of a file, if it is complete there; of the file only the header is decoded.
pub(crate) fn imported_own(input: &Input, catalog: &Catalog) -> Result<Option<ImportReport>> {
    let header = OwnFile::open(input)?.header;
    let names = run_names(input, &header.runs)?;
    let mut report = ImportReport::new(input.path(), None, Format::Tickloom);
    for name in &names {
        let Some(written) = catalog.has_part(name, 0, &source(&header))? else {
            return Ok(None);
        };
        report.has_already(&written.rows);
    }
    report.run = names.into_iter().next();
    Ok(Some(report))
}

/// What the parts of a file come from.
fn source(header: &FileHeader) -> String {
    format!("export:{}", header.table)
}

/// Imports a file into the catalog; nothing of it unless all of it is right.
pub(crate) fn import_own(input: &Input, catalog: &Catalog) -> Result<ImportReport> {
    // Read twice: what is wrong is found before anything is written.
    let content = read_all(input, &mut |_| Ok(()))?;
    let names = run_names(input, &content.header.runs)?;
    loop {
        let runs: Vec<&str> = names.iter().map(String::as_str).collect();
        let instruments = content.header.runs.iter();
        let instruments = instruments.flat_map(|run| run.instruments.defs());
        let alone = catalog.importing(&runs, instruments.map(|def| def.name.as_str()))?;
        match import_alone(input, &content, &names, (catalog, &alone)) {
            // In an object store somebody else has imported some of that. All is looked at again.
            Err(_) if alone.is_overtaken()? => {}
            done => return done,
        }
    }
}

fn import_alone(
    input: &Input,
    content: &Content,
    names: &[String],
    (catalog, alone): (&Catalog, &Importing),
) -> Result<ImportReport> {
    let mut report = content.report.clone();
    let source = source(&content.header);
    let mut writers: Vec<Option<RunWriter>> = Vec::new();
    let mut known = Vec::new();
    for (name, run) in names.iter().zip(&content.header.runs) {
        known.push(Known::of(
            catalog,
            name,
            &run.instruments,
            input.room().known,
        )?);
        let meta = RunMeta {
            run: name.clone(),
            config: format!("{{\"exported_from\":{:?}}}", run.run),
            ..run.clone()
        };
        let is_there = catalog.has_part(name, 0, &source)?.is_some();
        if let Some(bundle) = catalog.dropped_bundle(name)?.filter(|_| is_there) {
            // Which of its rows are not there any more nobody knows.
            let run = name.clone();
            return Err(CatalogError::Bundled { run, bundle }.into());
        }
        writers.push(if is_there {
            None
        } else {
            Some(alone.writer(&meta, 0, &source)?)
        });
    }
    report.unchanged = writers.iter().all(Option::is_none);
    if !report.unchanged {
        read_all(input, &mut |rows| push_all(&mut writers, &mut known, rows))?;
    }
    let (mut contradicted, mut first) = (0, None);
    if let Some(found) = known.iter().find_map(Known::counted_twice) {
        for writer in writers.into_iter().flatten() {
            writer.abandon()?;
        }
        return Err(FormatError::twice(input.path(), found));
    }
    for known in known {
        let (count, one) = known.tell_own(&mut report);
        contradicted += count;
        first = first.or(one);
    }
    if let Some(first) = first {
        // Such a file is taken whole or not at all.
        for writer in writers.into_iter().flatten() {
            writer.abandon()?;
        }
        let found = format!("{contradicted} records that are there otherwise, such as {first}");
        return Err(wrong(
            input.path(),
            "content",
            found,
            "the same, or another catalog",
        ));
    }
    alone.finish(writers.into_iter().flatten().collect())?;
    if let [_, _, ..] = names {
        report.notes.push(format!("{} runs", names.len()));
    }
    report.run = names.first().cloned();
    Ok(report)
}

fn push_all(
    writers: &mut [Option<RunWriter>],
    known: &mut [Known<'_>],
    rows: &[Row],
) -> Result<()> {
    for row in rows {
        let Some(writer) = &mut writers[row.run] else {
            continue;
        };
        match row.key.output.checked_sub(1) {
            None if !known[row.run].is_new(&row.record)? => {}
            None => writer.push(row.key.seq, &row.record)?,
            Some(output) => writer.push_output(output, row.key.seq, &row.record)?,
        }
    }
    Ok(())
}

/// Names under which the catalog keeps the runs of a file: by its content, in the order of the names that they had, so that
/// records of the same time are merged as before.
fn run_names(input: &Input, runs: &[RunMeta]) -> Result<Vec<String>> {
    let name = input.content_run("")?;
    if runs.len() <= 1 {
        return Ok(vec![name]);
    }
    let hash = name.trim_start_matches(IMPORT_RUN);
    let names = (0..runs.len()).map(|at| format!("{IMPORT_RUN}{at:04x}{}", &hash[4..]));
    Ok(names.collect())
}

/// The error for a file that is not what it says.
fn wrong(path: &Path, field: &str, found: impl Into<String>, expected: &str) -> FormatError {
    FormatError::Schema {
        file: path.to_owned(),
        field: field.to_owned(),
        found: found.into(),
        expected: expected.to_owned(),
    }
}
