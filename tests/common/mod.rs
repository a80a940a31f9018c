//! What the tests of the live path share: the real binary as a running process, its Prometheus page, its journal.
//!
//! Nothing here waits for a time to pass: it waits for something to happen, and gives up with a message when it never does.

#![allow(dead_code, reason = "each test binary uses a part")]

use crate::cli::Ran;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tickloom_data::{Catalog, ScanQuery};
use tickloom_feeds::local_venue::LocalVenue;
use tickloom_journal::{Block, Close, JournalReader, Session, TornTail};
use tickloom_types::{Record, Seq};

/// After this much waiting a test has failed; nothing depends on how long things really take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two looks at something that cannot wake the one who waits for it.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Looks until there is an answer.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A `tickloom` that runs beside the test, in a process group of its own. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    notes: Receiver<String>,
    heard: String,
    stdout: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts the binary with these words.
    pub(crate) fn start(words: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickloom"));
        command.args(words);
        Running::spawn(command)
    }

    /// Starts the binary with these words, and these variables in its environment.
    pub(crate) fn start_with(words: &[&str], variables: &[(&str, &str)]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickloom"));
        command.args(words).envs(variables.iter().copied());
        Running::spawn(command)
    }

    /// Starts the binary where no more than so many files may be open.
    pub(crate) fn start_with_open_files(limit: u32, words: &[&str]) -> Running {
        let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_tickloom")]);
        command.args(words);
        Running::spawn(command)
    }

    fn spawn(mut command: Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut stdout = child.stdout.take().unwrap();
        let (note, notes) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // The test may have stopped listening; the pipe has to be emptied all the same.
                note.send(line).ok();
            }
        });
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        Running {
            child,
            notes,
            heard: String::new(),
            stdout: Some(stdout),
        }
    }

    /// What follows this word on the next line of stderr that begins with it.
    pub(crate) fn announced(&mut self, word: &str) -> String {
        loop {
            let Ok(line) = self.notes.recv_timeout(PATIENCE) else {
                panic!("never heard {word:?} in:\n{}", self.heard);
            };
            writeln!(self.heard, "{line}").unwrap();
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// All that it said on stderr, once it has ended.
    pub(crate) fn last_words(&mut self) -> &str {
        while let Ok(line) = self.notes.recv() {
            writeln!(self.heard, "{line}").unwrap();
        }
        &self.heard
    }

    /// Sends a signal by its name, as `kill` does.
    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        let done = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(done.success(), "{command}");
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Ran {
        let child = &mut self.child;
        let status = until("the end of the process", || child.try_wait().unwrap());
        let stdout = self.stdout.take().unwrap().join().unwrap();
        self.last_words();
        assert!(!self.has_left_processes(), "{}", self.heard);
        Ran {
            code: status.code().unwrap(),
            stdout,
            stderr: std::mem::take(&mut self.heard),
        }
    }

    /// Ctrl-C, and its end.
    pub(crate) fn stop(self) -> Ran {
        self.signal("INT");
        self.finish()
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether anything of its process group is left.
    fn has_left_processes(&self) -> bool {
        let command = format!("kill -0 -{} 2>&-", self.child.id());
        let found = Command::new("sh").args(["-c", &command]).status().unwrap();
        found.success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The object that a command printed last.
pub(crate) fn json(ran: &Ran) -> Value {
    let line = ran.stdout.lines().next_back().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {ran:?}"))
}

/// A string of an object.
pub(crate) fn text(object: &Value, key: &str) -> String {
    let value = object[key].as_str();
    value
        .unwrap_or_else(|| panic!("no text {key} in {object}"))
        .to_owned()
}

/// The answer to `GET path`, with its head.
pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The number of one series on a Prometheus page.
pub(crate) fn number(page: &str, series: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    let value = line.and_then(|rest| rest.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {series} in:\n{page}"))
}

/// What a feed has counted.
pub(crate) fn counted(page: &str, what: &str) -> u64 {
    number(
        page,
        &format!("tickloom_feed_total{{feed=\"binance\",what=\"{what}\"}}"),
    )
}

/// A whole journal.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) inputs: Vec<Record>,
    /// Sequences of the inputs: a session after a crash leaves a gap.
    pub(crate) seqs: Vec<Seq>,
    pub(crate) outputs: Vec<(Seq, Record)>,
    /// Numbers of the outputs.
    pub(crate) numbers: Vec<u64>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) close: Option<Close>,
    pub(crate) torn: Option<TornTail>,
}

/// Reads a journal to its end; the reader itself refuses sequences with gaps or repetitions.
pub(crate) fn read_journal(dir: &Path) -> Journal {
    let mut reader = JournalReader::open(dir).unwrap();
    let mut journal = Journal::default();
    while let Some(block) = reader.next_block().unwrap() {
        match block {
            Block::Inputs { first_seq, records } => {
                journal.seqs.extend((first_seq..).take(records.len()));
                journal.inputs.extend(records);
            }
            Block::Outputs {
                first_output,
                records,
            } => {
                journal.numbers.extend((first_output..).take(records.len()));
                journal.outputs.extend(records);
            }
            Block::Session(session) => journal.sessions.push(session),
            _ => {}
        }
    }
    journal.close = reader.close().cloned();
    journal.torn = reader.torn_tail().cloned();
    journal
}

/// Checks that a catalog holds the inputs of a journal and no others, in this order.
pub(crate) fn assert_catalog_holds(catalog: &Path, journal: &Journal) {
    let Journal { inputs, seqs, .. } = journal;
    let scan = Catalog::open(catalog)
        .and_then(|catalog| catalog.scan(&ScanQuery::default()))
        .unwrap();
    let mut read = 0;
    for found in scan {
        let (seq, record) = found.unwrap();
        assert_eq!(Some(&seq), seqs.get(read), "sequence in the catalog");
        assert_eq!(Some(&record), inputs.get(read), "record {seq}");
        read += 1;
    }
    assert_eq!(read, inputs.len(), "records in the catalog");
}

/// Runs `replay --verify` over a journal that must be equal, and returns what it found.
pub(crate) fn verify(journal: &Path) -> Value {
    let journal = journal.display().to_string();
    let ran = crate::cli::tickloom(&["replay", "--verify", &journal, "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let found = json(&ran);
    assert_eq!(found["equal"], true, "{found}");
    found
}

/// Settings of a run that is fed by this venue and trades on what it sees; `more` follows them.
pub(crate) fn settings(venue: &LocalVenue, record: &Path, more: &str) -> String {
    format!(
        r#"
default_bar = "1s"

[[feed]]
venue = "{}"
symbols = ["BTCUSDT"]
ws_url = "{}"
reconnect_ms = 10
reconnect_ms_max = 50
snapshot_retry_ms = 10

[[signal]]
name = "trend"
expr = "ema(mid, 5) - ema(mid, 50)"

[[signal]]
name = "rsi"
expr = "rsi(close, 5)"

[[strategy]]
kind = "rules"
name = "cross"
enter = "cross_over(ema(mid, 5), ema(mid, 50))"
exit = "cross_under(ema(mid, 5), ema(mid, 50))"
size = "0.5"

[account]
cash = "1000000"
fee = "0.0002"

[publish]
endpoint = "tcp://127.0.0.1:*"

[metrics]
listen = "127.0.0.1:0"

[record]
dir = '{}'
segment_mb = 1
{more}"#,
        venue.venue().name(),
        venue.ws_url(),
        record.display()
    )
}
