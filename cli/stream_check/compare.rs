//! The recorded stream beside the journal: both are read once, number by number.

use super::sequence::Outline;
use super::{Checked, Compared, Faults, Missed, Stream, words};
use crate::pipeline::is_for_subscribers;
use anyhow::Result;
use std::ops::Range;
use tickloom_journal::{Block, JournalReader, RunMeta};
use tickloom_types::Record;
use tickloom_wire::{
    Envelope, JSON_PREFIX, Message, NO_RECORD, Names, Payload, StreamEntry, is_output,
};

/// Compares both kinds of numbers with the journal.
///
/// # Errors
/// The journal or the file cannot be read.
pub(crate) fn compare(
    outline: &Outline,
    meta: &RunMeta,
    mut journal: JournalReader,
    open: impl Fn() -> Result<Stream>,
    checked: &mut Checked,
) -> Result<()> {
    let names = Names::new(
        meta.instruments.clone(),
        meta.signals.clone(),
        meta.strategies.clone(),
    )?;
    let run = Run {
        outline,
        names,
        name: &meta.run,
    };
    let faults = &mut checked.faults;
    let mut inputs = Side::new(&run, false, open()?, faults);
    let mut outputs = Side::new(&run, true, open()?, faults);
    while let Some(block) = journal.next_block()? {
        match block {
            Block::Inputs { first_seq, records } => {
                for (seq, record) in (first_seq..).zip(&records) {
                    inputs.take(seq, record, faults);
                }
            }
            Block::Outputs {
                first_output,
                records,
            } => {
                for (number, (_, record)) in (first_output..).zip(&records) {
                    outputs.take(number, record, faults);
                }
            }
            _ => {}
        }
    }
    checked.inputs = inputs.end(faults);
    checked.outputs = outputs.end(faults);
    Ok(())
}

/// What both sides know.
struct Run<'a> {
    outline: &'a Outline,
    names: Names,
    name: &'a str,
}

/// Inputs or outputs of the file, in the order of their numbers, and what was found of them.
struct Side<'a> {
    run: &'a Run<'a>,
    is_output: bool,
    stream: Stream,
    /// The next message that is to be compared, with its place in the file.
    next: Option<(u64, Box<Message>)>,
    /// Its number, or that of the one before it.
    last: Option<u64>,
    /// Above the last number of the journal.
    journal_end: u64,
    /// Whether a message has been found that came when all subscriptions were in force: from then on nothing may be missing.
    is_in_force: bool,
    missed: Missed,
    compared: Compared,
}

impl<'a> Side<'a> {
    fn new(run: &'a Run<'a>, is_output: bool, stream: Stream, faults: &mut Faults) -> Side<'a> {
        let mut side = Side {
            run,
            is_output,
            stream,
            next: None,
            last: None,
            journal_end: 0,
            is_in_force: false,
            missed: Missed::default(),
            compared: Compared::default(),
        };
        side.advance(faults);
        side
    }

    /// Moves on to the next message of this side. One that goes back is told here, and passed over.
    fn advance(&mut self, faults: &mut Faults) {
        while let Some((at, entry)) = self.stream.next(None) {
            let StreamEntry::Message { message, .. } = entry else {
                continue;
            };
            let Envelope {
                kind, run, number, ..
            } = message.envelope;
            if kind == NO_RECORD || run != self.run.outline.run || is_output(kind) != self.is_output
            {
                continue;
            }
            if let Some(last) = self.last.filter(|last| number < *last) {
                let of = self.of(&message);
                faults.add(format!("{of}: came after {}", self.name(last)));
                continue;
            }
            self.last = Some(number);
            self.next = Some((at, message));
            return;
        }
    }

    /// Takes the next record of the journal.
    fn take(&mut self, number: u64, record: &Record, faults: &mut Faults) {
        self.pass_over(Some(number), faults);
        self.journal_end = number.saturating_add(1);
        let mut came = Vec::new();
        while let Some((at, message)) = self.take_if(|next| next == number, faults) {
            if self.is_in_force {
                self.compared.between.take(&mut self.missed);
            } else {
                self.compared.before.take(&mut self.missed);
            }
            self.is_in_force |= at > self.run.outline.synced_at;
            self.compared.found += 1;
            if let Some(fault) = self.difference(record, &message) {
                faults.add(format!("{}: {fault}", self.of(&message)));
            }
            if self.ranges().any(|(range, _)| range.contains(&number)) {
                let text = "in the journal, and a session takes it back";
                faults.add(format!("{}: {text}", self.of(&message)));
            }
            came.push(message.topic);
        }
        for topic in self.expected(record) {
            if !came.contains(&topic) {
                self.missed.add(number);
            }
        }
    }

    /// Passes over the messages before `number`, or all: the journal does not have them.
    fn pass_over(&mut self, number: Option<u64>, faults: &mut Faults) {
        let is_before = |next| number.is_none_or(|number| next < number);
        while let Some((at, message)) = self.take_if(is_before, faults) {
            let gone = message.envelope.number;
            let is_retracted = self
                .ranges()
                .any(|(range, told_at)| range.contains(&gone) && told_at > at);
            if is_retracted {
                self.compared.retracted += 1;
                continue;
            }
            let end = match number {
                Some(_) => "not in the journal".to_owned(),
                None if self.journal_end == 0 => "not in the journal, which has none".to_owned(),
                None => format!(
                    "not in the journal, which ends with {}",
                    self.name(self.journal_end - 1)
                ),
            };
            let of = self.of(&message);
            faults.add(format!("{of}: {end}, and no later session takes it back"));
        }
    }

    /// The next message, if its number is wanted.
    fn take_if(
        &mut self,
        is_wanted: impl Fn(u64) -> bool,
        faults: &mut Faults,
    ) -> Option<(u64, Box<Message>)> {
        let taken = self
            .next
            .take_if(|(_, message)| is_wanted(message.envelope.number))?;
        self.advance(faults);
        Some(taken)
    }

    /// How a message differs from the journal's record.
    fn difference(&self, record: &Record, message: &Message) -> Option<String> {
        let names = &self.run.names;
        let topic = match names.topic(record) {
            Ok(Some(topic)) => topic,
            Ok(None) => {
                return Some("the journal's record is of a kind without a topic".to_owned());
            }
            Err(error) => return Some(error.to_string()),
        };
        let plain = message.topic.strip_prefix(JSON_PREFIX);
        if plain.unwrap_or(&message.topic) != topic {
            return Some(format!("the journal's record belongs to {topic}"));
        }
        let header = &record.header;
        let envelope = &message.envelope;
        let found = (
            envelope.kind,
            envelope.flags,
            envelope.ts_event,
            envelope.ts_recv,
        );
        if found != (header.kind, header.flags, header.ts_event, header.ts_recv) {
            return Some("its envelope is not that of the journal's record".to_owned());
        }
        match &message.payload {
            Payload::Record(found) => first_difference(found.as_bytes(), record.as_bytes()),
            Payload::Json(found) => {
                match names.json(record, Some(self.run.name), envelope.number) {
                    Ok(text) => first_difference(found.as_bytes(), text.as_bytes()),
                    Err(error) => Some(error.to_string()),
                }
            }
            Payload::Announcement(_) | Payload::State(_) => Some("it carries no record".to_owned()),
        }
    }

    /// Topics under which the record should have come.
    fn expected(&self, record: &Record) -> Vec<String> {
        if !self.is_output && !is_for_subscribers(record) {
            return Vec::new();
        }
        let Ok(Some(topic)) = self.run.names.topic(record) else {
            return Vec::new();
        };
        let both = [format!("{JSON_PREFIX}{topic}"), topic];
        let prefixes = &self.run.outline.prefixes;
        let is_asked_for = |topic: &String| prefixes.iter().any(|prefix| topic.starts_with(prefix));
        both.into_iter().filter(is_asked_for).collect()
    }

    /// What was taken back of this side, and where that is told.
    fn ranges(&self) -> impl Iterator<Item = (&Range<u64>, u64)> {
        let range = |retraction: &'a super::Retraction| {
            let range = if self.is_output {
                &retraction.outputs
            } else {
                &retraction.inputs
            };
            (range, retraction.told_at)
        };
        self.run.outline.retractions.iter().map(range)
    }

    fn name(&self, number: u64) -> String {
        let what = if self.is_output { "output" } else { "input" };
        format!("{what} {number}")
    }

    fn of(&self, message: &Message) -> String {
        format!("{}, {}", words(message), self.name(message.envelope.number))
    }

    fn end(mut self, faults: &mut Faults) -> Compared {
        self.pass_over(None, faults);
        if self.compared.found == 0 {
            self.compared.before.take(&mut self.missed);
        }
        self.compared.after.take(&mut self.missed);
        self.compared
    }
}

/// Where two payloads differ first.
fn first_difference(found: &[u8], expected: &[u8]) -> Option<String> {
    if found == expected {
        return None;
    }
    let same = found.iter().zip(expected).take_while(|(a, b)| a == b);
    let at = same.count();
    let byte = |bytes: &[u8]| match bytes.get(at) {
        Some(byte) => format!("{byte:02x}"),
        None => "its end".to_owned(),
    };
    let (here, there) = (byte(found), byte(expected));
    Some(format!(
        "byte {at} of the payload is {here}, in the journal {there}"
    ))
}
