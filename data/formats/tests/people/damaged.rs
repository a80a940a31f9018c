//! Any byte of a file may be wrong: that is an error or other rows, never a crash, and takes no memory that the file does not have.

use crate::written::{arrow_of, bars, batch, parquet_of, texts};
use std::path::Path;
use tickloom_formats::{ImportOptions, Input, RefusedMax};

fn bytes(of_parquet: bool) -> Vec<u8> {
    let mut columns = bars(&[1.0, 2.25, 3.5, 2.0, 1.5]);
    columns.push(("symbol", texts(&["A", "B", "A", "B", "A"])));
    match of_parquet {
        true => parquet_of(&batch(&columns), 3),
        false => arrow_of(&batch(&columns)),
    }
}

fn read(bytes: Vec<u8>) {
    let options = ImportOptions {
        refused_max: Some(RefusedMax::Any),
        bar: Some("1m".parse().unwrap()),
        ..ImportOptions::default()
    };
    match Input::bytes(Path::new("x"), bytes).read(&options) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(file) => assert!(file.report.read >= file.report.written),
    }
}

fn any_byte(whole: &[u8]) {
    for at in 0..whole.len() {
        for change in [0xff, 0x80, 0x01] {
            let mut bytes = whole.to_vec();
            bytes[at] ^= change;
            read(bytes);
        }
    }
    for cut in (0..whole.len()).step_by(7) {
        read(whole[..cut].to_vec());
    }
}

#[test]
fn any_byte_of_a_parquet_file_may_be_wrong() {
    any_byte(&bytes(true));
}

#[test]
fn any_byte_of_an_arrow_file_may_be_wrong() {
    any_byte(&bytes(false));
}

#[test]
fn any_byte_of_what_programs_write_may_be_wrong() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/people/samples");
    for name in [
        "differences.parquet",
        "feather-lz4.feather",
        "packed-gzip.parquet",
    ] {
        let whole = std::fs::read(samples.join(name)).unwrap();
        for at in (0..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            read(bytes);
        }
    }
}
