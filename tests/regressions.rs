//! One short test a bug, named by what went wrong.

#![cfg(test)]

mod cli;
mod common;

use cli::{tickloom, workspace};
use common::{Running, read_journal};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use tickloom_journal::{JournalReader, JournalWriter};
use tickloom_types::{Header, InstrumentId, Kind, SignalBody, SourceId, Ts};

/// A feed that nobody serves: the run goes on trying.
const NO_VENUE: &str = "ws://127.0.0.1:9/stream?streams=btcusdt@trade";

fn words(record: &Path) -> Vec<String> {
    let record = record.to_str().unwrap();
    ["run", "--feed", NO_VENUE, "--signal", "last=last"]
        .into_iter()
        .chain(["--publish", "tcp://127.0.0.1:*", "--record", record])
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_terminal_that_goes_away_does_not_tear_the_journal() {
    let dir = workspace();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tickloom"))
        .args(words(dir.path()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let journal = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            line.strip_prefix("journal")
                .map(|path| path.trim().to_owned())
        })
        .unwrap();
    drop(lines);
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-HUP", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(read_journal(Path::new(&journal)).close.is_some());
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tickloom"))
        .args(["signals", "--json"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("cannot write the result"), "{stderr}");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let command = format!("{} signals | head -n 1", env!("CARGO_BIN_EXE_tickloom"));
    let output = Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {command}")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout.split(|byte| *byte == b'\n').count(), 2);
}

#[test]
fn a_journal_of_other_outputs_is_not_continued() {
    let dir = workspace();
    let words = words(dir.path());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut run = Running::start(&words);
    let journal = run.announced("journal");
    assert_eq!(run.stop().code, 0);

    // What a version with another indicator would have left there.
    let meta = JournalReader::open(Path::new(&journal))
        .unwrap()
        .meta()
        .clone();
    let (mut writer, recovered) = JournalWriter::open(Path::new(&journal), &meta).unwrap();
    let header = Header::new(Kind::Signal, InstrumentId(0), SourceId(0), Ts(1), Ts(1));
    let output = SignalBody::default().record(header);
    writer
        .append_outputs(&[(recovered.next_seq - 1, output)])
        .unwrap();
    writer.flush().unwrap();
    drop(writer);

    let again = tickloom(&words);
    assert_eq!(again.code, 2, "{again:?}");
    assert!(
        again
            .stderr
            .contains("other outputs of the journal's inputs"),
        "{again:?}"
    );
}
