//! Files of raw frames beside files of rows: telling them apart, and reading the former as they would have come live.

use crate::failure::Failure;
use crate::output;
use std::path::Path;
use tickloom_data::{DataError, ImportReport, peek_line};
use tickloom_feeds::capture::{CaptureConfig, CaptureReport, CaptureSource, decode_captures};
use tickloom_types::{Instruments, Record};

/// Wrong lines that are shown; all are counted.
const SHOWN: usize = 20;

/// Whether a file holds raw frames: its first line is a time and a JSON object.
pub(crate) fn is_capture(path: &Path) -> Result<bool, DataError> {
    let line = peek_line(path)?;
    let mut parts = line.splitn(2, |byte| *byte == b' ');
    let time = parts.next().unwrap_or_default();
    let frame = parts.next().unwrap_or_default();
    Ok(!time.is_empty() && time.iter().all(u8::is_ascii_digit) && frame.starts_with(b"{"))
}

/// All records of a capture, and their instruments.
pub(crate) fn read(path: &Path) -> Result<(Vec<Record>, Instruments), Failure> {
    let mut instruments = Instruments::new();
    let mut records: Vec<Record> = Vec::new();
    let report = decode_captures(
        &[CaptureSource::File(path.to_owned())],
        &CaptureConfig::default(),
        &mut instruments,
        &mut records,
    )
    .map_err(Failure::input)?;
    report_bad(&report);
    Ok((records, instruments))
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
