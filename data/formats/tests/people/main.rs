//! Parquet, Arrow and Feather files as people's own programs write them: `write.py` writes the same twelve bars with pandas, pyarrow,
//! Polars and DuckDB in a hundred ways. Some of its files are kept in `samples/`, so that they are read where there is no Python.

#![cfg(test)]

mod beside;
mod damaged;
mod exported;
mod folders;
mod random;
mod rows;
mod written;

use std::path::{Path, PathBuf};
use std::process::Command;
use tickloom_formats::{FileRecords, ImportOptions, read_file};
use tickloom_types::{BarBody, Record, Ts, format_decimal};

/// Close, open, high, low, close and volume of the twelve bars.
fn expected() -> Vec<[String; 6]> {
    let first = Ts::parse("2024-01-02T09:31:00Z").unwrap();
    let bar = |at: i64| {
        let price = |cents: i64| number(cents, 2);
        let open = 10_000 + 25 * at;
        [
            Ts(first.0 + at * 60_000_000_000).to_string(),
            price(open),
            price(open + 50),
            price(open - 75),
            price(open + 10),
            (1_000 + 7 * at).to_string(),
        ]
    };
    (0..12).map(bar).collect()
}

/// A number without zeros at the end of its fraction.
fn number(mantissa: i64, decimals: u8) -> String {
    let text = format_decimal(i128::from(mantissa), decimals);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn bars(file: &FileRecords) -> Vec<[String; 6]> {
    let bar = |record: &Record| {
        let def = file.instruments.get(record.instrument()).unwrap();
        let bar = BarBody::of(record);
        let price = |mantissa| number(mantissa, def.price_decimals);
        [
            record.ts_event().to_string(),
            price(bar.open),
            price(bar.high),
            price(bar.low),
            price(bar.close),
            number(bar.volume, def.qty_decimals),
        ]
    };
    file.records.iter().map(bar).collect()
}

/// What the name of a file says of how it is to be read: `NAME.OPTION=VALUE.ending`.
fn options(path: &Path) -> ImportOptions {
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut options = ImportOptions::default();
    for part in name.split('.') {
        match part.split_once('=') {
            Some(("zone", zone)) => options.zone = Some(zone.replace('%', "/")),
            Some(("time_format", format)) => options.time_format = Some(format.to_owned()),
            _ => {}
        }
    }
    options
}

fn check_all(folder: &Path, least: usize) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= least, "{} files", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match read_file(&path, &options(&path)) {
            Ok(file) if bars(&file) != expected() => {
                let differs = bars(&file)
                    .into_iter()
                    .zip(expected())
                    .find(|(is, should)| is != should);
                wrong.push(format!(
                    "{name}: {differs:?} of {}, {:?}",
                    file.records.len(),
                    file.report.notes
                ));
            }
            Ok(file)
                if file.report.refused + file.report.rounded + file.report.rounded_prices > 0 =>
            {
                wrong.push(format!("{name}: {:?}", file.report));
            }
            Ok(_) => {}
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_that_are_kept_are_read() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    check_all(&here.join("tests/people/samples"), 20);
}

#[test]
fn what_programs_write_today_is_read() {
    let Some(python) = std::env::var_os("TICKLOOM_PYTHON") else {
        let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
        eprintln!(
            "skipped: TICKLOOM_PYTHON names no Python with DuckDB, Polars and pandas; cargo xtask test prepares one"
        );
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/people/write.py");
    let output = Command::new(python)
        .arg(script)
        .arg(dir.path())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    check_all(dir.path(), 90);
}
