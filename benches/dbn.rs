//! A day of orders of one future, in memory: DBN into engine records with symbols, scales and moments, beside the decoding of the `dbn` crate
//! alone, which hands out one row after the other. Plain, and as the vendor packs it in zstd.
//!
//! Rounds of all contenders alternate, so that a disturbance of the machine hits all; read the ratios. The plain file is the shared one
//! with its rows repeated. Ours reads a file of this size once; one that is too large to be held is read twice, once for instruments
//! and scales (`twice`).

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use dbn::VersionUpgradePolicy;
use dbn::decode::dbn::Decoder;
use dbn::decode::{DecodeRecordRef, DynReader};
use std::hint::black_box;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tickloom_data::{ImportOptions, Input};

const FILE: &str = "../shared/data/dbn/es-mbo/esh4-glbx-mdp3-20231225.mbo.dbn.zst";
/// Laps of the rows in a file that is held, and in one that is not.
const LAPS: [usize; 2] = [7, 14];
const ROUNDS: usize = 9;

/// A file in memory, and its rows.
struct Bytes {
    name: &'static str,
    bytes: Vec<u8>,
    rows: usize,
}

fn main() {
    let root = std::env::var_os("TICKLOOM_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(FILE),
        |root| PathBuf::from(root).join(FILE.trim_start_matches("../shared/data/")),
    );
    let Ok(packed) = std::fs::read(&root) else {
        println!("{} is not there", root.display());
        return;
    };
    let (head, rows) = unpack(&packed);
    let count = theirs(&[head.as_slice(), &rows].concat());
    let plain = |name, laps| Bytes {
        name,
        bytes: [head.as_slice(), &rows.repeat(laps)].concat(),
        rows: count * laps,
    };
    let files = [
        plain("plain", LAPS[0]),
        plain("plain, twice", LAPS[1]),
        Bytes {
            name: "zstd",
            bytes: packed,
            rows: count,
        },
    ];
    println!(
        "{:<14} {:>9} {:>15} {:>9} {:>15} {:>7}",
        "rows/s, M", "dbn", "spread", "tickloom", "spread", "ratio"
    );
    for file in &files {
        let (mut them, mut us) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let began = Instant::now();
            assert_eq!(theirs(&file.bytes), file.rows);
            let taken = began.elapsed().as_secs_f64();
            let input = Input::bytes(Path::new("x.dbn"), file.bytes.clone());
            let began = Instant::now();
            let report = input.check(&ImportOptions::default()).expect("it is right");
            let ours = began.elapsed().as_secs_f64();
            assert_eq!(report.read, file.rows as u64);
            assert!(report.written >= report.read);
            // The first round warms up.
            if round > 0 {
                them.push(taken);
                us.push(ours);
            }
        }
        let (their_rate, their_spread) = rate(&mut them, file.rows);
        let (our_rate, our_spread) = rate(&mut us, file.rows);
        println!(
            "{:<14} {their_rate:>9.1} {their_spread:>15} {our_rate:>9.1} {our_spread:>15} {:>7.2}",
            file.name,
            our_rate / their_rate
        );
    }
}

/// The bytes before the records, and those of the records.
fn unpack(packed: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut reader = DynReader::inferred_with_buffer(Cursor::new(packed)).expect("zstd");
    reader.read_to_end(&mut bytes).expect("zstd");
    let length = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    let rows = bytes.split_off(8 + usize::try_from(length).expect("it fits"));
    (bytes, rows)
}

/// Reads all rows as the crate does; how many they are.
fn theirs(bytes: &[u8]) -> usize {
    let reader = DynReader::inferred_with_buffer(Cursor::new(bytes)).expect("DBN");
    let mut decoder =
        Decoder::with_upgrade_policy(reader, VersionUpgradePolicy::AsIs).expect("DBN");
    let mut count = 0;
    while let Some(record) = decoder.decode_record_ref().expect("a row") {
        black_box(record.header());
        count += 1;
    }
    count
}

/// Million rows a second in the middle round, and in the slowest and the fastest.
fn rate(seconds: &mut [f64], rows: usize) -> (f64, String) {
    seconds.sort_by(f64::total_cmp);
    let rows = f64::from(u32::try_from(rows).expect("it fits"));
    let rate = |seconds: f64| rows / seconds / 1e6;
    let middle = rate(seconds[seconds.len() / 2]);
    let (slowest, fastest) = (rate(seconds[seconds.len() - 1]), rate(seconds[0]));
    (middle, format!("{slowest:.1} to {fastest:.1}"))
}
