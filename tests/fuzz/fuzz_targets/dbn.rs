//! Any bytes are a file of DBN, of a fragment or of DBZ, or one error; and of every row the report says what became of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use tickloom_formats::{Format, ImportOptions, Input};

fuzz_target!(|bytes: &[u8]| {
    let options = ImportOptions {
        format: Some(Format::Dbn),
        ..ImportOptions::default()
    };
    let input = Input::bytes(Path::new("fuzz.dbn"), bytes.to_vec());
    match input.read(&options) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(file) => {
            let report = &file.report;
            assert_eq!(report.written, file.records.len() as u64);
            let not_kept: u64 = report.not_kept.values().sum();
            assert!(report.read >= report.refused + not_kept);
            for record in &file.records {
                assert!(file.instruments.get(record.instrument()).is_some());
                assert!(file.instruments.source(record.source()).is_some());
            }
        }
    }
});
