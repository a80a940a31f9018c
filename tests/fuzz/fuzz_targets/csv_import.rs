//! Any bytes are a file of records or one error; and of every row the report says what became of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use tickloom_data::{ImportOptions, Input, RefusedMax};
use tickloom_types::Kind;

fuzz_target!(|bytes: &[u8]| {
    let input = Input::bytes(Path::new("fuzz.csv"), bytes.to_vec());
    let options = ImportOptions {
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    };
    match input.read(&options) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(file) => {
            let report = &file.report;
            assert_eq!(report.written, file.records.len() as u64);
            // A row of a book may be several records, and what is no event of a market is none.
            let is_book = |kind| matches!(kind, Some(Kind::Level | Kind::OrderUpdate));
            let is_one = !file.records.iter().any(|record| is_book(record.kind()));
            let kept_apart: u64 = report.not_kept.values().sum();
            let left = report.refused + report.repeated + kept_apart;
            if is_one && report.taken.as_ref().is_some_and(|taken| !taken.columns.contains_key("action")) {
                assert_eq!(report.read, report.written + left);
            }
            assert!(report.read >= left);
            if is_one && !file.records.iter().any(|record| record.ts_recv() != record.ts_event()) {
                assert!(file.records.is_sorted_by_key(|record| record.ts_event()));
            }
            for record in &file.records {
                assert!(file.instruments.get(record.instrument()).is_some());
            }
        }
    }
});
