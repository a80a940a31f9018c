//! A day of orders of one future: DBN into engine records with symbols, scales and moments, beside the decoding of the `dbn` crate
//! alone, which hands out one row after the other. In memory, plain and as the vendor packs it in zstd; and in a plain file that is too
//! large to be held, so that ours reads it twice, once for instruments and scales.
//!
//! Both go over all rows of the same bytes. Ours is all of an import but the writing: it finds instruments and decimals, checks every row,
//! fills records and counts them. Rounds of all contenders alternate, so that a disturbance of the machine hits all; read the ratios. The plain
//! file is the shared one with its rows repeated.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use dbn::VersionUpgradePolicy;
use dbn::decode::dbn::Decoder;
use dbn::decode::{DecodeRecordRef, DynReader};
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tickloom_data::{ImportOptions, Input, inputs};

const FILE: &str = "../shared/data/dbn/es-mbo/esh4-glbx-mdp3-20231225.mbo.dbn.zst";
/// Laps of the rows in memory, and in a file that is not held.
const LAPS: [usize; 2] = [7, 14];
const ROUNDS: usize = 9;

/// What is read, and how many rows it has.
struct Case {
    name: &'static str,
    input: Input,
    rows: usize,
    /// Opens it for others.
    open: Box<dyn Fn() -> Box<dyn BufRead>>,
}

impl Case {
    fn in_memory(name: &'static str, bytes: Vec<u8>, rows: usize) -> Case {
        Case {
            name,
            input: Input::bytes(Path::new("x.dbn"), bytes.clone()),
            rows,
            open: Box::new(move || Box::new(Cursor::new(bytes.clone()))),
        }
    }

    fn on_disk(name: &'static str, path: PathBuf, rows: usize) -> Case {
        Case {
            name,
            input: inputs(&path).expect("it was just written").remove(0),
            rows,
            open: Box::new(move || {
                let file = File::open(&path).expect("it was just written");
                Box::new(BufReader::with_capacity(1 << 18, file))
            }),
        }
    }
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
    let plain = |laps| [head.as_slice(), &rows.repeat(laps)].concat();
    let count = theirs(Box::new(Cursor::new(plain(1))));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("x.dbn");
    std::fs::write(&path, plain(LAPS[1])).expect("there is room");
    let cases = [
        Case::in_memory("plain", plain(LAPS[0]), count * LAPS[0]),
        Case::in_memory("zstd", packed, count),
        Case::on_disk("file, twice", path, count * LAPS[1]),
    ];
    println!(
        "{:<14} {:>9} {:>15} {:>9} {:>15} {:>7}",
        "rows/s, M", "dbn", "spread", "tickloom", "spread", "ratio"
    );
    for case in &cases {
        let (mut them, mut us) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let source = (case.open)();
            let began = Instant::now();
            assert_eq!(theirs(source), case.rows);
            let taken = began.elapsed().as_secs_f64();
            let began = Instant::now();
            let report = case
                .input
                .check(&ImportOptions::default())
                .expect("it is right");
            let ours = began.elapsed().as_secs_f64();
            assert_eq!(report.read, case.rows as u64);
            assert!(report.written >= report.read);
            // The first round warms up.
            if round > 0 {
                them.push(taken);
                us.push(ours);
            }
        }
        let (their_rate, their_spread) = rate(&mut them, case.rows);
        let (our_rate, our_spread) = rate(&mut us, case.rows);
        println!(
            "{:<14} {their_rate:>9.1} {their_spread:>15} {our_rate:>9.1} {our_spread:>15} {:>7.2}",
            case.name,
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
fn theirs(source: Box<dyn BufRead>) -> usize {
    let reader = DynReader::inferred_with_buffer(source).expect("DBN");
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
