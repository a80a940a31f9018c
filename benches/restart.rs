//! The start of a live run after a crash: `tickloom run` from its first instruction until it publishes, with a short and a long
//! journal behind it, and the same number of records after the newest snapshot.
//!
//! `TICKLOOM_RESTART_RECORDS` is how long the long one is, 10 million records unless told otherwise; 50 million take 5 GB of disk,
//! which are freed at the end. The starts alternate, each on a copy of the journal and the catalog as the crash left them.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

#[path = "restart/run.rs"]
mod run;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use run::Recorded;
use tickloom_data::journal_dir;
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_journal::{JournalReader, RunMeta};

const ROUNDS: usize = 15;
const SHORT: u64 = 1_000_000;
const LONG: u64 = 10_000_000;
/// Records after the newest snapshot: so few that what depends on the length of the run is not hidden, and half a segment.
const TAIL: u64 = 10_000;
const HALF_SEGMENT: u64 = 500_000;

fn settings(venue: &LocalVenue, record: &Path) -> String {
    format!(
        r#"
default_bar = "1s"

[[feed]]
venue = "{}"
symbols = ["BTCUSDT"]
ws_url = "{}"

[[signal]]
name = "trend"
expr = "ema(close, 5) - ema(close, 50)"

[[signal]]
name = "rsi"
expr = "rsi(close, 14)"

[[strategy]]
kind = "rules"
name = "cross"
enter = "cross_over(ema(close, 5), ema(close, 50))"
exit = "cross_under(ema(close, 5), ema(close, 50))"
size = "0.5"

[account]
cash = "1000000"

[publish]
endpoint = "tcp://127.0.0.1:*"

[record]
dir = '{}'
"#,
        venue.venue().name(),
        venue.ws_url(),
        record.display()
    )
}

/// A run that was cut off, and what is known of its starts.
struct Case {
    name: String,
    master: PathBuf,
    times: Vec<Duration>,
}

/// Starts the run, and says how long it took until it published.
fn start(config: &Path) -> (Child, Duration) {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tickloom"))
        .args(["run", "--config"])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
    let mut heard = String::new();
    for line in stderr.lines().map_while(Result::ok) {
        if line.starts_with("publishing ") {
            assert!(!heard.contains("is not used"), "{heard}");
            return (child, began.elapsed());
        }
        heard.push_str(&line);
        heard.push('\n');
    }
    let ended = child.wait();
    panic!("it never published, and ended with {ended:?}:\n{heard}");
}

fn end(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
}

/// What a run of these settings is, from one that was begun and ended.
fn run_meta(config: &Path, record: &Path) -> RunMeta {
    let (child, _) = start(config);
    end(child);
    let runs = fs::read_dir(record.join("journal")).expect("a run was begun");
    let run = runs.flatten().next().expect("a run was begun").path();
    let meta = JournalReader::open(&run).expect("a journal").meta().clone();
    fs::remove_dir_all(record).expect("it was just made");
    meta
}

/// Links all files but the journal's last segment, which the next records would be written to, and what a run locks.
fn copy(from: &Path, to: &Path, last: &Path) {
    fs::create_dir_all(to).expect("a disk with room");
    for entry in fs::read_dir(from).expect("it is there").flatten() {
        let (path, name) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &name, last);
        } else if path == last || path.ends_with("lock") {
            fs::copy(&path, name).expect("a disk with room");
        } else {
            fs::hard_link(&path, name).expect("the same disk");
        }
    }
}

fn last_segment(record: &Path, run: &str) -> PathBuf {
    let dir = journal_dir(record, run);
    let files = tickloom_journal::segment_files(&dir).expect("a journal");
    files.into_iter().next_back().expect("a segment")
}

/// Records a run of this length, as it is after each of these tails.
fn record(dir: &Path, meta: &RunMeta, inputs: u64, tails: &[u64]) -> Vec<Case> {
    let made = dir.join("made");
    let mut run = Recorded::begin(&made, meta);
    run.record_segments(inputs);
    let (before, mut tail) = (run.inputs, 0);
    let mut cases = Vec::new();
    for wanted in tails {
        run.record(wanted - tail);
        tail = *wanted;
        let name = format!("{before} records, then {tail}");
        let master = dir.join(&name);
        cases.push(Case {
            name,
            master,
            times: Vec::new(),
        });
        let case = cases.last().expect("it was just added");
        if tails.last() != Some(wanted) {
            run.wait_for_catalog();
            copy(&made, &case.master, &last_segment(&made, &meta.run));
        }
    }
    run.wait_for_catalog();
    drop(run);
    let case = cases.last().expect("there is a tail");
    fs::rename(&made, &case.master).expect("the same disk");
    cases
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let long = std::env::var("TICKLOOM_RESTART_RECORDS")
        .map_or(LONG, |text| text.parse().expect("a number of records"));
    let dir = tempfile::tempdir().expect("a disk with room");
    let [_, perpetual] = samples();
    let venue = LocalVenue::start(LocalVenueConfig {
        speed: Speed::Times(1.0),
        ..LocalVenueConfig::new(vec![perpetual.capture])
    })
    .expect("a free port");
    let (recorded, config) = (dir.path().join("recorded"), dir.path().join("live.toml"));
    fs::write(&config, settings(&venue, &recorded)).expect("a disk with room");
    let mut meta = run_meta(&config, &recorded);
    let mut cases = Vec::new();
    for (inputs, tails) in [(SHORT, &[TAIL][..]), (long, &[TAIL, HALF_SEGMENT][..])] {
        // It ends about now.
        let length = i64::try_from(inputs).expect("fewer records") * run::PACE;
        meta.started.0 -= length;
        cases.extend(record(dir.path(), &meta, inputs, tails));
        meta.started.0 += length;
    }
    for _ in 0..ROUNDS {
        for case in &mut cases {
            copy(
                &case.master,
                &recorded,
                &last_segment(&case.master, &meta.run),
            );
            let (child, time) = start(&config);
            end(child);
            case.times.push(time);
            fs::remove_dir_all(&recorded).expect("it was just made");
        }
    }
    println!("start of a live run until it publishes, {ROUNDS} rounds");
    println!("{:>40}  median ms      from        to", "");
    let mut medians = Vec::new();
    for case in &mut cases {
        let median = median(&mut case.times);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (first, last) = (case.times[0], case.times[case.times.len() - 1]);
        println!(
            "{:>40}  {:>9.1} {:>9.1} {:>9.1}",
            case.name,
            ms(median),
            ms(first),
            ms(last)
        );
        medians.push(median.as_secs_f64());
    }
    println!("long by short: {:.2}", medians[1] / medians[0]);
}
