//! Compares a recorded stream with the journal of its run, message by message.
//!
//! The file is read once for what it says of itself (`sequence.rs`: topics' sequences, losses, sessions), and then once for
//! the run's inputs and once for its outputs beside the journal (`compare.rs`), so that nothing of it is held. Where it has
//! states, the journal's inputs are stepped as far as these go (`states.rs`).

mod compare;
mod missed;
mod sequence;
mod states;

pub(crate) use missed::Missed;
pub(crate) use states::States;

use anyhow::{Context, Result, anyhow};
use sequence::Outline;
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;
use tickloom_journal::JournalReader;
use tickloom_wire::{Message, StreamEntry, StreamReader, TornStream, run_id};

/// Disagreements that are kept in words; of more only the number is.
const FAULTS_MAX: usize = 100;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The run.
    pub(crate) run: String,
    /// Messages with records in the file.
    pub(crate) messages: u64,
    /// Of these, of other runs or of none.
    pub(crate) of_other_runs: u64,
    /// Messages that were lost, as the subscriber counted them.
    pub(crate) losses: u64,
    /// The file's torn tail.
    pub(crate) torn: Option<TornStream>,
    pub(crate) inputs: Compared,
    pub(crate) outputs: Compared,
    pub(crate) states: States,
    pub(crate) faults: Faults,
}

/// One kind of numbers: those of inputs or of outputs.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Messages that are in the journal, equal or not.
    pub(crate) found: u64,
    /// Messages that are not in the journal, as they were retracted.
    pub(crate) retracted: u64,
    /// In the journal and not in the file, of topics that were subscribed to: before all subscriptions were in force, after
    /// that, and after the last message that came.
    pub(crate) before: Missed,
    pub(crate) between: Missed,
    pub(crate) after: Missed,
}

/// What disagrees.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) count: u64,
    /// The first of them in words.
    pub(crate) texts: Vec<String>,
}

impl Faults {
    pub(crate) fn add(&mut self, text: String) {
        self.count += 1;
        if self.texts.len() < FAULTS_MAX {
            self.texts.push(text);
        }
    }
}

/// Numbers that a session has taken back.
#[derive(Debug)]
pub(crate) struct Retraction {
    pub(crate) inputs: Range<u64>,
    pub(crate) outputs: Range<u64>,
    /// Entries of the file before the one that told it first.
    pub(crate) told_at: u64,
}

/// Compares a file with a journal's directory.
///
/// # Errors
/// Either cannot be read, or the file has nothing of the journal's run.
pub(crate) fn check(file: &Path, journal: &Path) -> Result<Checked> {
    let reader = JournalReader::open(journal)?;
    let meta = reader.meta().clone();
    let mut checked = Checked {
        run: meta.run.clone(),
        ..Checked::default()
    };
    let outline = Outline::read(open(file)?, run_id(&meta.run), &mut checked)?;
    if !outline.is_of_run {
        return Err(anyhow!(
            "{}: nothing in it is of run {}",
            file.display(),
            meta.run
        ));
    }
    compare::compare(&outline, &meta, reader, || open(file), &mut checked)?;
    states::compare(&outline, journal, open(file)?, &mut checked)?;
    Ok(checked)
}

/// A recorded stream's messages with their places in the file; other entries are passed over.
pub(crate) struct Stream {
    reader: StreamReader<BufReader<File>>,
    entries: u64,
}

fn open(file: &Path) -> Result<Stream> {
    let opened = File::open(file).context("cannot open it");
    let reader = opened.and_then(|opened| Ok(StreamReader::new(BufReader::new(opened))?));
    Ok(Stream {
        reader: reader.with_context(|| file.display().to_string())?,
        entries: 0,
    })
}

impl Stream {
    /// The next entry and how many are before it; `None` at the end, or where the file is damaged: that is told once, by the
    /// outline.
    pub(crate) fn next(&mut self, faults: Option<&mut Faults>) -> Option<(u64, StreamEntry)> {
        match self.reader.next_entry() {
            Ok(entry) => {
                let at = self.entries;
                self.entries += 1;
                entry.map(|entry| (at, entry))
            }
            Err(error) => {
                if let Some(faults) = faults {
                    faults.add(format!("the file: {error}; what follows is not read"));
                }
                None
            }
        }
    }

    pub(crate) fn torn(&self) -> Option<TornStream> {
        self.reader.torn()
    }
}

/// A message in the words of a report.
pub(crate) fn words(message: &Message) -> String {
    format!("{} {}", message.topic, message.envelope.topic_seq)
}
