//! What a journal holds, block by block: records under their numbers, and the sessions with what they had reserved.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use tickloom_journal::{Block, Numbers, SegmentFault, SegmentReader, Session, segment_files};
use tickloom_types::{Kind, Record, Seq};
use tickloom_wire::{Names, Retracted};

/// A journal as it is on the disk.
#[derive(Default)]
pub(crate) struct Kept {
    /// Name of the run.
    pub(crate) run: String,
    /// What gives records their topics; there is one once there is a segment.
    pub(crate) names: Option<Names>,
    pub(crate) inputs: BTreeMap<u64, Record>,
    /// Outputs with their causes.
    pub(crate) outputs: BTreeMap<u64, (Seq, Record)>,
    pub(crate) parts: Vec<Part>,
}

/// The part of a journal that one session has written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    /// Above the last numbers of the sessions before.
    pub(crate) kept: Numbers,
    /// The first numbers of this one.
    pub(crate) start: Numbers,
    /// Above the last numbers that it had reserved.
    pub(crate) reserved: Numbers,
    /// Above the last numbers that the journal has of it.
    pub(crate) end: Numbers,
    /// The last order that it had reserved; none once it was closed.
    pub(crate) orders: Option<u32>,
}

impl Kept {
    /// Reads what is whole.
    ///
    /// # Errors
    /// Damage, or numbers that do not follow, in a sentence.
    pub(crate) fn read(dir: &Path) -> Result<Kept, String> {
        let mut kept = Kept::default();
        let files = segment_files(dir).map_err(|error| error.to_string())?;
        for (at, file) in files.iter().enumerate() {
            let is_last = at + 1 == files.len();
            let opened = File::open(file).map_err(|error| error.to_string())?;
            let ended = kept.read_segment(BufReader::new(opened));
            match ended {
                Ok(()) => {}
                Err(Unread::Fault(SegmentFault::Bytes { torn: true, .. })) if is_last => {}
                Err(Unread::Fault(fault)) => return Err(fault.into_error(file).to_string()),
                Err(Unread::Text(text)) => return Err(format!("{}: {text}", file.display())),
            }
        }
        Ok(kept)
    }

    fn read_segment(&mut self, source: BufReader<File>) -> Result<(), Unread> {
        let (mut reader, _, run) = SegmentReader::new(source).map_err(Unread::Fault)?;
        self.run = run;
        while let Some(block) = reader.next_block().map_err(Unread::Fault)? {
            self.take(block).map_err(Unread::Text)?;
        }
        Ok(())
    }

    /// Takes the next block.
    pub(crate) fn take(&mut self, block: Block) -> Result<(), String> {
        match block {
            Block::Meta(meta) => {
                let names = Names::new(meta.instruments, meta.signals, meta.strategies);
                self.names = Some(names.map_err(|error| error.to_string())?);
            }
            Block::Session(session) => self.begin(&session)?,
            Block::Reserve(reserved) => {
                let part = self.part()?;
                part.reserved = part.reserved.max(reserved.numbers());
                part.orders = part.orders.max(reserved.orders);
            }
            Block::Close(_) => {
                let part = self.part()?;
                part.reserved = part.end;
                part.orders = None;
            }
            Block::Inputs { first_seq, records } => {
                let end = &mut self.part()?.end.inputs;
                follows("input", first_seq, *end)?;
                *end += records.len() as u64;
                self.inputs.extend((first_seq..).zip(records));
            }
            Block::Outputs {
                first_output,
                records,
            } => {
                let end = &mut self.part()?.end.outputs;
                follows("output", first_output, *end)?;
                *end += records.len() as u64;
                self.outputs.extend((first_output..).zip(records));
            }
            Block::Place(_) | Block::Durable(_) => {}
        }
        Ok(())
    }

    fn begin(&mut self, session: &Session) -> Result<(), String> {
        let last = self.parts.last().copied().unwrap_or_default();
        let expected = last.end.max(last.reserved);
        if session.kept != last.end || session.start != expected {
            return Err(format!(
                "session {} keeps {:?} and begins at {:?}, expected {:?} and {expected:?}",
                session.session, session.kept, session.start, last.end
            ));
        }
        if session.orders != last.orders {
            return Err(format!(
                "session {} skips orders up to {:?}, expected {:?}",
                session.session, session.orders, last.orders
            ));
        }
        self.parts.push(Part {
            kept: session.kept,
            start: session.start,
            reserved: session.start,
            end: session.start,
            orders: session.orders,
        });
        Ok(())
    }

    fn part(&mut self) -> Result<&mut Part, String> {
        self.parts
            .last_mut()
            .ok_or_else(|| "a block before the first session".to_owned())
    }

    /// The session that an output or input of this number belongs or belonged to.
    pub(crate) fn part_of(&self, is_output: bool, number: u64) -> Option<usize> {
        let begins = |part: &Part| of(is_output, part.start) <= number;
        self.parts.iter().rposition(begins)
    }

    /// The record of this number.
    pub(crate) fn record(&self, is_output: bool, number: u64) -> Option<&Record> {
        if is_output {
            self.outputs.get(&number).map(|(_, record)| record)
        } else {
            self.inputs.get(&number)
        }
    }

    /// The last record of the last session that is published: whether it is an output, and its number.
    pub(crate) fn last_published(&self) -> Option<(bool, u64)> {
        let start = self.parts.last()?.start;
        let mut inputs = self.inputs.range(start.inputs..);
        let input = inputs.rfind(|(_, record)| is_published(record));
        let output = self.outputs.range(start.outputs..).next_back();
        match (input, output) {
            // An output comes after its cause.
            (Some((seq, _)), Some((number, (cause, _)))) if cause >= seq => Some((true, *number)),
            (Some((seq, _)), _) => Some((false, *seq)),
            (None, output) => output.map(|(number, _)| (true, *number)),
        }
    }

    /// What the sessions up to one of them have taken back.
    pub(crate) fn retracted(&self, part: usize) -> Vec<Retracted> {
        let parts = self.parts[..=part].iter();
        let gone = parts.filter(|part| part.kept != part.start);
        gone.map(|Part { kept, start, .. }| Retracted {
            inputs: kept.inputs..start.inputs,
            outputs: kept.outputs..start.outputs,
        })
        .collect()
    }
}

/// Single levels, orders and timers stay within the run.
pub(crate) fn is_published(record: &Record) -> bool {
    let inner = [Kind::Level, Kind::OrderUpdate, Kind::Timer];
    record.kind().is_some_and(|kind| !inner.contains(&kind))
}

/// One of two numbers.
pub(crate) fn of(is_output: bool, numbers: Numbers) -> u64 {
    if is_output {
        numbers.outputs
    } else {
        numbers.inputs
    }
}

fn follows(what: &str, found: u64, expected: u64) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} {found} where {expected} should follow"))
}

/// Why a segment was not read to its end.
enum Unread {
    Fault(SegmentFault),
    Text(String),
}
