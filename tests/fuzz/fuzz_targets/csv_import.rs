//! Any bytes are a file of records or one error; and of every row the report says what became of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use tickloom_data::{ImportOptions, Input};

fuzz_target!(|bytes: &[u8]| {
    let input = Input::bytes(Path::new("fuzz.csv"), bytes.to_vec());
    match input.read(&ImportOptions::default()) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(file) => {
            let report = &file.report;
            assert_eq!(report.written, file.records.len() as u64);
            assert_eq!(report.read, report.written + report.refused);
            assert!(file.records.is_sorted_by_key(|record| record.ts_event()));
            for record in &file.records {
                assert!(file.instruments.get(record.instrument()).is_some());
            }
        }
    }
});
