//! Ten million trades from zstd Parquet into engine records on one core, beside DuckDB and Polars reading the same columns of the
//! same files on one thread; and how fast the files are written.
//!
//! The trades are those of a recorded feed, if the shared data is there, repeated with their times and prices moved on, so
//! that they compress as such data does; otherwise a walk. DuckDB and Polars run in a Python process beside (`scan.py`), which
//! `cargo xtask bench` prepares and `TICKLOOM_PYTHON` names. DuckDB hands its columns over batch by batch, as the scan does, and
//! also aggregates them without handing anything over; Polars makes a table of them. Rounds of all contenders alternate, so that
//! a disturbance of the machine hits all; read the ratios.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;
use tickloom_data::{Catalog, RecordBlocks, ScanQuery};
use tickloom_feeds::capture::{CaptureConfig, CaptureSource, decode_captures};
use tickloom_journal::RunMeta;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, SourceDef, SourceId,
    SourceKind, TradeBody, Ts,
};

const TRADES: usize = 10_000_000;
const ROUNDS: usize = 7;
const SHARED: &str = "../shared/data";
const CAPTURE: &str = "binance-ws-l2/usdm/btcusdt_20240808.gz";

fn main() {
    let (source, seed, instruments) = seed();
    println!("{TRADES} trades made of {} of {source}", seed.len());
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut writes = Vec::new();
    let catalog = loop {
        let root = dir.path().join(format!("catalog-{}", writes.len()));
        let began = Instant::now();
        let catalog = write(&root, &seed, &instruments);
        writes.push(began.elapsed().as_secs_f64());
        if writes.len() == 3 {
            break catalog;
        }
        std::fs::remove_dir_all(root).expect("it was just made");
    };
    let mut readers = vec![("tickloom", Vec::new())];
    let mut others = Others::start(catalog.root());
    if others.is_some() {
        readers.extend(["duckdb batches", "duckdb aggregate", "polars"].map(|n| (n, Vec::new())));
    } else {
        println!("DuckDB and Polars are left out: TICKLOOM_PYTHON names no Python with them");
    }
    for round in 0..=ROUNDS {
        for (name, seconds) in &mut readers {
            let taken = match &mut others {
                Some(others) if *name != "tickloom" => others.read(name),
                _ => scan(&catalog),
            };
            // The first round fills the system's cache of files.
            if round > 0 {
                seconds.push(taken);
            }
        }
    }
    println!(
        "{:<17} {:>9} {:>15} {:>7}",
        "", "M rows/s", "spread", "ratio"
    );
    line("write", &mut writes, None);
    let ours = median(&mut readers[0].1);
    for (name, seconds) in &mut readers {
        line(name, seconds, Some(ours));
    }
}

fn line(name: &str, seconds: &mut [f64], ours: Option<f64>) {
    let middle = median(seconds);
    let rate = |seconds: f64| f64::from(u32::try_from(TRADES).expect("it fits")) / seconds / 1e6;
    let (slowest, fastest) = (seconds[seconds.len() - 1], seconds[0]);
    let spread = format!("{:.1} to {:.1}", rate(slowest), rate(fastest));
    let ratio = ours.map_or(String::new(), |ours| format!("{:.2}", middle / ours));
    println!("{name:<17} {:>9.1} {spread:>15} {ratio:>7}", rate(middle));
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// All records, as a backtest would get them.
fn scan(catalog: &Catalog) -> f64 {
    let began = Instant::now();
    let mut count = 0;
    let mut scan = catalog.scan(&ScanQuery::default()).expect("there is data");
    while let Some(block) = scan.next_block().expect("it was just written") {
        black_box((block.seqs, block.records));
        count += block.records.len();
    }
    assert_eq!(count, TRADES);
    began.elapsed().as_secs_f64()
}

fn write(root: &Path, seed: &[Record], instruments: &Instruments) -> Catalog {
    let catalog = Catalog::create(root).expect("a catalog");
    let meta = RunMeta::new("bench", Ts(0), instruments.clone()).expect("a run");
    let mut writer = catalog.writer(&meta, 1, "bench").expect("a part");
    let (first, last) = (seed[0].header, seed[seed.len() - 1].header);
    let length = last.ts_event - first.ts_event + 1_000_000;
    for (seq, n) in (0..).zip(0..TRADES) {
        let mut record = seed[n % seed.len()];
        let lap = i64::try_from(n / seed.len()).expect("it fits");
        record.header.ts_event += lap * length;
        record.header.ts_recv += lap * length;
        let mut body = TradeBody::of(&record);
        body.price += lap % 200;
        body.trade_id += (n / seed.len() * seed.len()) as u64;
        let record = body.record(record.header);
        writer.push(seq, &record).expect("a trade");
    }
    writer.finish().expect("a whole part");
    catalog
}

/// Trades to repeat, and where they are from.
fn seed() -> (String, Vec<Record>, Instruments) {
    let path = std::env::var_os("TICKLOOM_SHARED_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(SHARED),
        PathBuf::from,
    );
    let path = path.join(CAPTURE);
    if !path.exists() {
        let (records, instruments) = walk();
        return ("a walk".to_owned(), records, instruments);
    }
    let (mut instruments, mut records) = (Instruments::new(), Vec::new());
    let sources = [CaptureSource::File(path)];
    let config = CaptureConfig::default();
    decode_captures(&sources, &config, &mut instruments, &mut records).expect("a capture");
    records.retain(|record| record.kind() == Some(Kind::Trade));
    ("a recorded feed".to_owned(), records, instruments)
}

fn walk() -> (Vec<Record>, Instruments) {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("walk.A", 2, 3, "USD");
    instruments.add(def).expect("the first");
    let name = "feed".to_owned();
    let kind = SourceKind::Feed;
    instruments
        .add_source(SourceDef::new(name, kind))
        .expect("the first");
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state % below).expect("small")
    };
    let (mut ts, mut price) = (1_723_161_255_000_000_000, 6_000_000);
    let records = (0..20_000).map(|n| {
        ts += random(100) * 1_000_000;
        price += random(21) - 10;
        let header = Header::new(
            Kind::Trade,
            InstrumentId(0),
            SourceId(0),
            Ts(ts),
            Ts(ts + 5_000),
        );
        let body = TradeBody {
            price,
            qty: 1 + random(2_000),
            trade_id: n,
            side: 1,
            ..TradeBody::default()
        };
        body.record(header)
    });
    (records.collect(), instruments)
}

/// The Python process with the other readers.
struct Others {
    child: Child,
    ask: ChildStdin,
    answers: std::io::Lines<BufReader<ChildStdout>>,
}

impl Others {
    fn start(catalog: &Path) -> Option<Others> {
        let python = std::env::var_os("TICKLOOM_PYTHON")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scan.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(catalog)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let ask = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Some(Others {
            child,
            ask,
            answers,
        })
    }

    /// Seconds that a reader took.
    fn read(&mut self, name: &str) -> f64 {
        writeln!(self.ask, "{name}").expect("it listens");
        let answer = self.answers.next().expect("it answers").expect("a line");
        let (seconds, rows) = answer.split_once(' ').expect("seconds and rows");
        assert_eq!(rows.parse(), Ok(TRADES), "{name}");
        seconds.parse().expect("seconds")
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
