//! Any bytes are a file of LEAN, whatever its name says that it holds, or one error; records are in time order.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use tickloom_formats::{Format, ImportOptions, Input};

const NAMES: [&str; 5] = [
    "fxcm/eurusd/20140501_eurusd_tick_quote.csv",
    "coinbase/minute/btcusd/20180404_btcusd_minute_trade.csv",
    "coinbase/minute/btcusd/20180404_btcusd_minute_quote.csv",
    "oanda/hour/eurusd.csv",
    "coinbase/daily/btcusd_trade.csv",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*first) % NAMES.len()];
    let options = ImportOptions {
        format: Some(Format::Lean),
        ..ImportOptions::default()
    };
    match Input::bytes(Path::new(name), text.to_vec()).read(&options) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(file) => {
            let report = &file.report;
            assert_eq!(report.written, file.records.len() as u64);
            assert!(report.read >= report.refused);
            assert!(file.records.is_sorted_by_key(|record| record.ts_event()));
            for record in &file.records {
                assert!(file.instruments.get(record.instrument()).is_some());
            }
        }
    }
});
