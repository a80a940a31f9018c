//! Files of venues' messages beside files of rows: telling them apart, and reading the former as they would have come live.

use crate::failure::Failure;
use crate::output;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use tickloom_backtest::LeftOut;
use tickloom_data::{DataError, ImportReport, open_text, peek_line};
use tickloom_feeds::capture::{CaptureError, CaptureReport, CaptureSource, Origin, Recording};
use tickloom_types::{Instruments, Record};

/// Wrong lines that are shown; all are counted.
const SHOWN: usize = 20;

/// Largest capture that is unpacked of a zip; gzip has no such limit.
const ZIP_BYTES_MAX: u64 = 256 << 20;

/// What a file of venues' messages is, or `None` if it holds something else, or nothing that can be read as lines.
pub(crate) fn origin(path: &Path) -> Result<Option<Origin>, CaptureError> {
    if is_zip(path) {
        let line = peek_line(path).unwrap_or_default();
        if !matches!(line.trim_ascii_start().first(), Some(b'{' | b'[')) {
            return Ok(None);
        }
    }
    let Ok(source) = source(path) else {
        return Ok(None);
    };
    match Origin::of(&source) {
        Ok(origin) => Ok(Some(origin)),
        Err(CaptureError::UnknownOrigin { .. } | CaptureError::Io { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file as a source of messages. What is in a zip is unpacked here; plain files and gzip are read as they stream.
pub(crate) fn source(path: &Path) -> Result<CaptureSource, DataError> {
    if !is_zip(path) {
        return Ok(CaptureSource::File(path.to_owned()));
    }
    let mut bytes = Vec::new();
    open_text(path)?
        .take(ZIP_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| failed(path, source))?;
    if bytes.len() as u64 > ZIP_BYTES_MAX {
        let why = format!("more than {ZIP_BYTES_MAX} bytes, expected less in a zip");
        return Err(failed(path, io::Error::other(why)));
    }
    Ok(CaptureSource::Unpacked(path.to_owned(), bytes.into()))
}

fn is_zip(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok_and(|()| magic == *b"PK\x03\x04")
}

fn failed(path: &Path, source: io::Error) -> DataError {
    DataError::Io {
        action: "unzip",
        path: path.to_owned(),
        source,
    }
}

/// All records of a capture, their instruments, and the lines that were left out.
pub(crate) fn read(
    path: &Path,
    origin: Origin,
) -> Result<(Vec<Record>, Instruments, LeftOut), Failure> {
    let source = source(path).map_err(Failure::input)?;
    let recording = Recording::survey(origin, vec![source]).map_err(Failure::input)?;
    let instruments = recording.instruments().clone();
    let mut records: Vec<Record> = Vec::new();
    let report = recording.decode(&mut records).map_err(Failure::input)?;
    report_bad(&report);
    Ok((records, instruments, bad_lines(&report)))
}

/// The lines of a capture that were left out. Of very many the first are kept, and the reasons of the others are not known.
fn bad_lines(report: &CaptureReport) -> LeftOut {
    let mut left_out = LeftOut::new(report.lines);
    for line in &report.bad_lines {
        left_out.add(line.cause.reason(), &line.to_string());
    }
    let others = report.bad.saturating_sub(report.bad_lines.len() as u64);
    left_out.add_many("of other lines", others);
    left_out
}

/// The rows of a file that were left out, as [`bad_lines`].
pub(crate) fn refused_rows(report: &ImportReport) -> LeftOut {
    let mut left_out = LeftOut::new(report.read);
    for error in &report.errors {
        let reason = format!("{}: expected {}", error.field, error.expected);
        left_out.add(&reason, &error.to_string());
    }
    let others = report.refused.saturating_sub(report.errors.len() as u64);
    left_out.add_many("of other lines", others);
    left_out
}

/// Says which rows of a file were left out.
pub(crate) fn report_refused(report: &ImportReport) {
    for error in report.errors.iter().take(SHOWN) {
        output::note(&error.to_string());
    }
    if report.refused > 0 {
        output::note(&format!(
            "{}: {} of {} lines are wrong and were left out",
            report.file.display(),
            report.refused,
            report.read
        ));
    }
}

/// Says which lines of a capture were left out.
pub(crate) fn report_bad(report: &CaptureReport) {
    for line in report.bad_lines.iter().take(SHOWN) {
        output::note(&line.to_string());
    }
    if report.bad > 0 {
        output::note(&format!(
            "{} of {} lines are wrong and were left out",
            report.bad, report.lines
        ));
    }
}
