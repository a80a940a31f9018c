//! Any bytes that begin as Parquet, Arrow or Feather do are rows or one error, and take no memory that they do not have; of every row
//! the report says what became of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::Once;
use tickloom_formats::{Format, ImportOptions, Input, RefusedMax};

static QUIET: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    // The libraries may panic on what is damaged, which is contained; what is not contained still ends the run.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let is_columnar = [&b"PAR1"[..], b"ARROW1", b"\xff\xff\xff\xff", b"FEA1"];
    if !is_columnar.iter().any(|magic| bytes.starts_with(magic)) {
        return;
    }
    let input = Input::bytes(Path::new("fuzz"), bytes.to_vec());
    let options = ImportOptions {
        refused_max: Some(RefusedMax::Any),
        bar: "1m".parse().ok(),
        ..ImportOptions::default()
    };
    match input.read(&options) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(file) => {
            let report = &file.report;
            if report.format == Format::Tickloom {
                return;
            }
            assert_eq!(report.written, file.records.len() as u64);
            let kept_apart: u64 = report.not_kept.values().sum();
            assert!(report.read >= report.refused + report.repeated + kept_apart);
            for record in &file.records {
                assert!(file.instruments.get(record.instrument()).is_some());
            }
        }
    }
});
