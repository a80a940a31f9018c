//! `kill -9` of a recorder and of a compaction beside it, at fifty random instants, while others read and check the catalog: no
//! acknowledged row is lost, none is there twice, and no reader trips.
//!
//! The recorder is this test again, as a process of its own: the product's recorder at full speed, which tells on stdout what it
//! has flushed. Instants are places in its progress, from a seed. The compaction is the real binary.

#![cfg(test)]

mod cli;
#[path = "common/random.rs"]
mod random;

use cli::{tickloom, workspace};
use random::Random;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tickloom_data::{Catalog, CatalogError, Recorder, RecorderOptions, ScanQuery, catalog_dir};
use tickloom_journal::{JournalOptions, RunMeta, SyncPolicy};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, QuoteBody, Record, Seq, SourceDef,
    SourceId, SourceKind, TradeBody, Ts,
};

const KILLS: usize = 50;
/// Most rows that are recorded before a kill: the journal is read again at each start.
const ROWS_MAX: u64 = 4_000;
/// Rows of a flush.
const FLUSH_ROWS: u64 = 200;
/// What the recorder is given in its environment: where to record.
const RECORD: &str = "TICKLOOM_TEST_RECORD";

fn meta() -> RunMeta {
    let mut instruments = Instruments::new();
    for name in ["test.A", "test.B"] {
        let def = InstrumentDef::new(name, 2, 3, "USD");
        instruments.add(def).unwrap();
    }
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    RunMeta::new("run", Ts(0), instruments).unwrap()
}

/// Record number `seq`: trades and quotes of two instruments, a day in twenty thousand.
fn nth(seq: Seq) -> Record {
    let n = i64::try_from(seq).unwrap();
    let ts = Ts(n * (86_400_000_000_000 / 20_000));
    let instrument = InstrumentId(u32::try_from(seq % 2).unwrap());
    let header = |kind| Header::new(kind, instrument, SourceId(0), ts, ts);
    match seq % 3 {
        0 => QuoteBody {
            bid: n,
            bid_qty: 1,
            ask: n + 1,
            ask_qty: 2,
            update_id: seq,
        }
        .record(header(Kind::Quote)),
        _ => TradeBody {
            price: n,
            qty: n + 1,
            trade_id: seq,
            side: 1,
            ..TradeBody::default()
        }
        .record(header(Kind::Trade)),
    }
}

fn options() -> RecorderOptions {
    RecorderOptions {
        journal: JournalOptions {
            segment_bytes_max: 40_000,
            sync: SyncPolicy::OnSeal,
        },
        ..RecorderOptions::default()
    }
}

/// Not a test unless it is started as the recorder: records until it is killed.
#[test]
fn recorder() {
    let Some(dir) = std::env::var_os(RECORD) else {
        return;
    };
    let (mut recorder, recovered) = Recorder::open(Path::new(&dir), &meta(), options()).unwrap();
    let mut next = recovered.next_seq;
    let mut stdout = std::io::stdout();
    loop {
        writeln!(stdout, "\nflushed {next}").unwrap();
        stdout.flush().unwrap();
        if next >= recovered.next_seq + ROWS_MAX {
            loop {
                std::thread::park();
            }
        }
        let records: Vec<Record> = (next..next + FLUSH_ROWS).map(nth).collect();
        recorder.inputs(next, &records).unwrap();
        recorder.flush().unwrap();
        next += FLUSH_ROWS;
    }
}

/// The recorder as a process. Dropped, it is killed.
struct Recording {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Recording {
    fn start(dir: &Path) -> Recording {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["recorder", "--exact", "--nocapture"])
            .env(RECORD, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Recording { child, lines }
    }

    /// What it says next that it has flushed; `None` at its end.
    fn flushed(&mut self) -> Option<Seq> {
        loop {
            let line = self.lines.next()?.unwrap();
            if let Some(seq) = line.strip_prefix("flushed ") {
                // The last line may be torn.
                return seq.parse().ok();
            }
        }
    }

    /// `kill -9`; the last that it said before it died.
    fn kill(mut self) -> Option<Seq> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut last = None;
        while let Some(seq) = self.flushed() {
            last = Some(seq);
        }
        last
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A compaction as a process. Dropped, it is killed.
struct Compaction(Child);

impl Compaction {
    fn start(catalog: &Path) -> Compaction {
        let child = Command::new(env!("CARGO_BIN_EXE_tickloom"))
            .args(["catalog", "compact"])
            .arg(catalog)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Compaction(child)
    }

    /// Starts the next one when this one has ended, which must be well.
    fn go_on(&mut self, catalog: &Path) {
        if let Some(status) = self.0.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            *self = Compaction::start(catalog);
        }
    }
}

impl Drop for Compaction {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Reads the catalog over and over: always all rows up to some, never fewer than before.
fn read_on(dir: PathBuf, is_done: &AtomicBool, scans: &AtomicU64) {
    let mut before = 0;
    while !is_done.load(Ordering::Acquire) {
        let found = Catalog::open(&dir).and_then(|catalog| catalog.scan(&ScanQuery::default()));
        let scan = match found {
            Ok(scan) => scan,
            Err(CatalogError::Empty { .. } | CatalogError::Missing { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        let mut rows = 0;
        for next in scan {
            let (seq, record) = next.unwrap();
            assert_eq!((seq, record), (rows, nth(rows)));
            rows += 1;
        }
        assert!(rows >= before, "{rows} rows after {before}");
        before = rows;
        scans.fetch_add(1, Ordering::Relaxed);
    }
}

/// Kills the recorder, the compaction or both, fifty times; returns what was acknowledged.
fn kill_often(random: &mut Random, dir: &Path) -> Seq {
    let catalog = catalog_dir(dir);
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let rows = random.below(ROWS_MAX);
        let spares_compaction = random.below(3) == 0;
        let mut recording = Recording::start(dir);
        let first = recording.flushed().unwrap();
        assert!(first >= acknowledged, "{first} rows after {acknowledged}");
        let mut compaction = Compaction::start(&catalog);
        let mut last = first;
        while last < first + rows {
            last = recording.flushed().unwrap();
            compaction.go_on(&catalog);
        }
        if spares_compaction {
            acknowledged = recording.kill().unwrap_or(last);
            let status = compaction.0.wait().unwrap();
            assert!(status.success(), "{status}");
        } else {
            drop(compaction);
            acknowledged = recording.kill().unwrap_or(last);
        }
        println!("kill {kill}: {acknowledged} rows acknowledged");
    }
    acknowledged
}

#[test]
fn fifty_kills_while_recording_and_compacting_lose_and_double_nothing() {
    if std::env::var_os(RECORD).is_some() {
        return;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let given = std::env::var("TICKLOOM_SEED").ok();
    let seed = given.map_or(since.as_secs(), |seed| seed.parse().unwrap());
    println!("TICKLOOM_SEED={seed}");
    let mut random = Random(seed);

    let dir = workspace();
    let catalog = catalog_dir(dir.path());
    let (is_done, scans) = (AtomicBool::new(false), AtomicU64::new(0));
    let acknowledged = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_on(catalog.clone(), &is_done, &scans));
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            kill_often(&mut random, dir.path())
        }));
        is_done.store(true, Ordering::Release);
        reader.join().unwrap();
        killed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });

    let (recorder, recovered) = Recorder::open(dir.path(), &meta(), options()).unwrap();
    assert!(recovered.next_seq >= acknowledged, "{recovered:?}");
    let (close, _) = recorder.close("").unwrap();
    let at = catalog.to_str().unwrap();
    for words in [&["catalog", "verify", at][..], &["catalog", "compact", at]] {
        let ran = tickloom(words);
        assert_eq!(ran.code, 0, "{ran:?}");
        let whole = Catalog::open(&catalog).unwrap();
        let mut rows = 0;
        for next in whole.scan(&ScanQuery::default()).unwrap() {
            let (seq, record) = next.unwrap();
            assert_eq!((seq, record), (rows, nth(rows)));
            rows += 1;
        }
        assert_eq!(rows, close.next_seq);
    }
    let ran = tickloom(&["catalog", "verify", at, "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["rows"], close.next_seq);
    assert_eq!(found["faults"].as_array().unwrap().len(), 0);
    assert_eq!(found["leftovers"].as_array().unwrap().len(), 0, "{found}");
    println!(
        "{} rows in {} files, read whole {} times meanwhile",
        found["rows"],
        found["files"],
        scans.load(Ordering::Relaxed)
    );
}
