//! Any bytes are a file of records or one error; and of every row the report says what became of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use tickloom_formats::{Format, ImportOptions, Input, RefusedMax};

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
            let kept_apart: u64 = report.not_kept.values().sum();
            let left = report.refused + report.repeated + kept_apart;
            assert!(report.read >= left);
            let is_of_two = report.instruments.iter().any(|name| name.ends_with(".bid"));
            // Of a book a row may be several records, which stay in the order of the file; of a bid and an ask it may be three.
            if report.format == Format::Csv && !is_of_two {
                assert_eq!(report.read, report.written + left);
                let has_arrival = report
                    .taken
                    .as_ref()
                    .is_some_and(|taken| taken.columns.contains_key("arrival"));
                assert!(has_arrival || file.records.is_sorted_by_key(|record| record.ts_event()));
            }
            for record in &file.records {
                assert!(file.instruments.get(record.instrument()).is_some());
            }
        }
    }
});
