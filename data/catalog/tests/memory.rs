//! A ceiling of memory holds: a catalog of twenty times as much as reading may take is read by a process that the system
//! gives no more, and what comes is the same as without a limit.
//!
//! The process is this test itself, which runs one scan when it is told so by its environment. The system's limit is that on
//! private memory (`ulimit -d`), set to what the process has taken before the scan and the ceiling on top.

#![cfg(test)]
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;
use tickloom_catalog::{Catalog, CatalogError, Result, ScanQuery};
use tickloom_journal::RunMeta;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, LevelBody, QuoteBody, Record,
    SourceDef, SourceId, SourceKind, TradeBody, Ts,
};
use xxhash_rust::xxh3::Xxh3;

/// What reading may take.
const CEILING: u64 = 8 << 20;
/// How many times as much the catalog has.
const TIMES: u64 = 20;
/// Each run is a catalog's part of its own, and overlaps with all others.
const RUNS: u32 = 4;
const INSTRUMENTS: u32 = 3;
/// Records of each run.
const RECORDS: u64 = 1_400_000;
/// The allocator's own: what it keeps of freed pieces that do not fit what is asked for next.
const SLACK: u64 = 4 << 20;

fn meta(run: u32) -> RunMeta {
    let mut instruments = Instruments::new();
    for n in 0..INSTRUMENTS {
        let def = InstrumentDef::new(&format!("test.{n}"), 2, 0, "USD");
        instruments.add(def).unwrap();
    }
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    RunMeta::new(&format!("run-{run}"), Ts(0), instruments).unwrap()
}

/// Records of several kinds and instruments whose numbers no encoding makes small.
fn records(run: u32) -> impl Iterator<Item = Record> {
    let mut state = u64::from(run) + 1;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state ^ state >> 29
    };
    (0..RECORDS).map(move |n| {
        let instrument = InstrumentId(u32::try_from(n % u64::from(INSTRUMENTS)).unwrap());
        let ts = i64::try_from(n * 1_000_003 + noise() % 1_000_000).unwrap();
        let header = |kind| Header::new(kind, instrument, SourceId(0), Ts(ts), Ts(ts + 5));
        let small = |n: u64| i64::try_from(n >> 2).unwrap();
        match n / u64::from(INSTRUMENTS) % 3 {
            0 => TradeBody {
                price: small(noise()),
                qty: small(noise()),
                trade_id: noise(),
                ..TradeBody::default()
            }
            .record(header(Kind::Trade)),
            1 => QuoteBody {
                bid: small(noise()),
                bid_qty: small(noise()),
                ask: small(noise()),
                ask_qty: small(noise()),
                update_id: noise(),
            }
            .record(header(Kind::Quote)),
            _ => LevelBody {
                price: small(noise()),
                qty: small(noise()),
                first_id: noise(),
                last_id: noise(),
                side: 1,
                ..LevelBody::default()
            }
            .record(header(Kind::Level)),
        }
    })
}

fn write(root: &Path) {
    let catalog = Catalog::create(root).unwrap();
    for run in 0..RUNS {
        let mut writer = catalog.writer(&meta(run), 1, "test").unwrap();
        for (seq, record) in (0..).zip(records(run)) {
            writer.push(seq, &record).unwrap();
        }
        writer.finish().unwrap();
    }
}

fn stored_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap();
    let bytes = entries.map(|entry| {
        let entry = entry.unwrap();
        let about = entry.metadata().unwrap();
        if about.is_dir() {
            stored_bytes(&entry.path())
        } else {
            about.len()
        }
    });
    bytes.sum()
}

/// Number and hash of all records.
fn scan(root: &Path, memory_max: Option<u64>) -> Result<(u64, u64)> {
    let query = ScanQuery {
        memory_max,
        ..ScanQuery::default()
    };
    let (mut count, mut hash) = (0, Xxh3::new());
    for next in Catalog::open(root)?.scan(&query)? {
        let (seq, record) = next?;
        hash.update(&seq.to_le_bytes());
        hash.update(record.as_bytes());
        count += 1;
    }
    Ok((count, hash.digest()))
}

/// Not a test of its own: what [`a_ceiling_holds`] starts.
#[test]
fn child() {
    let Some(root) = std::env::var_os("TICKLOOM_TEST_SCAN") else {
        return;
    };
    let (count, hash) = scan(Path::new(&root), Some(CEILING)).unwrap();
    println!("\nscanned {count} {hash}");
}

/// Bytes of private memory that a process of this test has which reads nothing.
fn baseline() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmData:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
    kibibytes.unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn a_ceiling_holds() {
    let before = baseline();
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let stored = stored_bytes(dir.path());
    assert!(stored >= TIMES * (CEILING + SLACK), "{stored} bytes");
    let limit = before + CEILING + SLACK;
    // Of one arena: others would reserve room for threads that do not read.
    let ran = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -d {} && exec \"$0\" \"$@\"", limit >> 10))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("TICKLOOM_TEST_SCAN", dir.path())
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "{out}{err}");
    let line = out.lines().find_map(|line| line.strip_prefix("scanned "));
    let (count, hash) = scan(dir.path(), None).unwrap();
    assert_eq!(count, u64::from(RUNS) * RECORDS);
    assert_eq!(line, Some(format!("{count} {hash}").as_str()), "{out}{err}");
    println!(
        "{stored} bytes stored, {} given for reading, {before} taken before",
        CEILING
    );

    let error = scan(dir.path(), Some(1 << 20)).unwrap_err();
    let CatalogError::Memory { needed, files, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*files, u64::from(RUNS * INSTRUMENTS) * 3);
    assert_eq!(
        error.to_string(),
        format!(
            "this query has 36 files open at a time and needs at least {} MiB of memory, 1 MiB were given; give it more, or \
             narrow its time, tables or instruments",
            needed.div_ceil(1 << 20)
        )
    );
    // What it asks for is enough.
    assert_eq!(scan(dir.path(), Some(*needed)).unwrap(), (count, hash));
}
