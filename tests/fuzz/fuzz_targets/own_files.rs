//! Any bytes that begin as an exported file does (CSV, JSON lines, Arrow) are its records or one error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use tickloom_formats::{Format, ImportOptions, Input};

fuzz_target!(|bytes: &[u8]| {
    // Parquet is read by its library alone, from files.
    if bytes.starts_with(b"PAR1") {
        return;
    }
    let options = ImportOptions {
        format: Some(Format::Tickloom),
        ..ImportOptions::default()
    };
    let input = Input::bytes(Path::new("fuzz"), bytes.to_vec());
    match input.read(&options) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(file) => {
            assert_eq!(file.report.written, file.records.len() as u64);
            for record in &file.records {
                assert!(record.kind().is_some());
                assert!(file.instruments.source(record.source()).is_some());
            }
        }
    }
});
