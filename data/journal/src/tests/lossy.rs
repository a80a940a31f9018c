//! The real writer and the real recovery on a disk that loses, reorders and tears what was not forced to it, over several crashes:
//! what was called durable is there, whatever became of the rest.

use super::lossy_disk::{LossyDisk, Random};
use super::*;
use crate::beside;
use std::sync::Arc;

const CASES: u64 = 800;
const CRASHES_PER_CASE: usize = 3;
/// A crash comes after at most so many operations of the disk.
const OPERATIONS_MAX: usize = 60;

/// What the world knows of a run, which no crash may take back.
#[derive(Default)]
struct Promised {
    /// Everything that was ever given to a writer and may be found again, from the first on.
    inputs: Vec<(Seq, Record)>,
    outputs: Vec<(u64, (Seq, Record))>,
    /// How many of each were called durable.
    durable: Numbers,
    reserved: Numbers,
    /// What a follower was handed.
    handed: Vec<Block>,
    cursor: Option<u64>,
}

/// One life of a writer, until it is killed, closed or the power fails.
struct Life<'a> {
    dir: &'a Path,
    disk: LossyDisk,
    random: &'a mut Random,
    promised: &'a mut Promised,
    tail: JournalTail,
}

impl Life<'_> {
    /// Opens the journal, which has to succeed while there is power, and writes.
    fn live(&mut self) -> Result<(), JournalError> {
        let options = JournalOptions {
            segment_bytes_max: 500 + self.random.below(6_000) as u64,
            sync: [SyncPolicy::OnFlush, SyncPolicy::OnSeal][self.random.below(2)],
        };
        let disk = Arc::new(self.disk.clone());
        let (mut found_inputs, mut found_outputs) = (Vec::new(), Vec::new());
        let opened = JournalWriter::open_on(disk, self.dir, &meta(), options, 1, |block, _| {
            match block {
                Block::Inputs { first_seq, records } => {
                    found_inputs.extend((first_seq..).zip(records));
                }
                Block::Outputs {
                    first_output,
                    records,
                } => {
                    found_outputs.extend((first_output..).zip(records));
                }
                _ => {}
            }
            Ok(())
        });
        if let Err(JournalError::Damaged { .. } | JournalError::Missing { .. }) = &opened {
            panic!("{}", opened.err().unwrap());
        }
        // What is there is the beginning of what was written, and has all that was called durable.
        assert!(self.promised.inputs.starts_with(&found_inputs));
        assert!(self.promised.outputs.starts_with(&found_outputs));
        let durable = self.promised.durable;
        assert!(found_inputs.len() >= below(&self.promised.inputs, durable.inputs));
        assert!(found_outputs.len() >= below(&self.promised.outputs, durable.outputs));
        self.promised.inputs = found_inputs;
        self.promised.outputs = found_outputs;
        let (mut writer, _) = opened?;
        self.promised.durable = self.promised.durable.max(writer.durable());
        let start = writer.session().start;
        assert_eq!(
            start.max(self.promised.reserved),
            start,
            "a number is used again"
        );
        loop {
            self.act(&mut writer)?;
            if self.random.chance(20) {
                // Killed: what was written is in the system's memory.
                return Ok(());
            }
            if self.random.chance(60) {
                return self.close(writer);
            }
        }
    }

    fn close(&mut self, writer: JournalWriter) -> Result<(), JournalError> {
        // All that was told of is written before the close, which may get to the disk though the power fails in between.
        self.promised.reserved = Numbers::default();
        let close = writer.close("00")?;
        self.promised.durable = Numbers {
            inputs: close.next_seq,
            outputs: close.outputs,
        };
        Ok(())
    }

    /// Does one thing with the writer.
    fn act(&mut self, writer: &mut JournalWriter) -> Result<(), JournalError> {
        match self.random.below(6) {
            0..3 => self.append(writer),
            3 => {
                writer.flush()?;
                self.promised.durable = writer.durable();
                Ok(())
            }
            4 => {
                let ahead = Numbers {
                    inputs: self.random.below(20) as u64,
                    outputs: self.random.below(9) as u64,
                };
                self.promised.reserved = writer.reserve(ahead, OrdersAhead::NONE)?.numbers();
                self.promised.durable = writer.durable();
                Ok(())
            }
            _ => self.follow(),
        }
    }

    fn append(&mut self, writer: &mut JournalWriter) -> Result<(), JournalError> {
        // Also those that the crash before kept from the journal, which belong to the session before.
        if self.random.chance(2) && !self.promised.inputs.is_empty() {
            let next = writer.next().outputs;
            let (cause, _) = *self.promised.inputs.last().unwrap();
            let outputs = vec![(cause, trade(-1)); self.random.below(4)];
            self.promised.outputs.extend((next..).zip(outputs.clone()));
            return writer.append_outputs(&outputs);
        }
        writer.begin_session()?;
        let next = writer.next().inputs;
        let first = i64::try_from(next).unwrap();
        let count = i64::try_from(self.random.below(30)).unwrap();
        let mut records = trades(first..first + count);
        for record in &mut records {
            // Moments, so that segments do not end at every flush.
            record.header.flags |= u8::from(self.random.chance(3)) * tickloom_types::Flags::MORE;
        }
        self.promised.inputs.extend((next..).zip(records.clone()));
        writer.append_inputs(next, &records)
    }

    /// Reads on as another program, and notes how far it is.
    fn follow(&mut self) -> Result<(), JournalError> {
        while let Tailed::Block(block) = self.tail.poll().unwrap() {
            if !matches!(block, Block::Meta(_)) {
                self.promised.handed.push(block);
            }
        }
        let handed = self.promised.handed.len() as u64;
        beside::write(&self.disk, &self.dir.join("cursor-x.json"), &handed)?;
        self.promised.cursor = Some(handed);
        Ok(())
    }
}

/// How many of these have a number below `bound`.
fn below<T>(records: &[(u64, T)], bound: u64) -> usize {
    records.partition_point(|(number, _)| *number < bound)
}

/// Several lives of one run, with a crash after each.
fn case(seed: u64) {
    let mut random = Random(seed);
    let mut promised = Promised::default();
    let mut dir = tempfile::tempdir().unwrap();
    let mut place = JournalPlace::START;
    for _ in 0..=CRASHES_PER_CASE {
        let disk = LossyDisk::new(dir.path(), 1 + random.below(OPERATIONS_MAX));
        let mut life = Life {
            dir: dir.path(),
            disk: disk.clone(),
            tail: JournalTail::new(dir.path(), place),
            random: &mut random,
            promised: &mut promised,
        };
        while !disk.has_failed() {
            if let Err(error) = life.live() {
                assert!(disk.has_failed(), "seed {seed}: {error}");
            }
        }
        place = life.tail.place().clone();

        let left = tempfile::tempdir().unwrap();
        disk.crash(left.path(), &mut random);
        dir = left;
        let cursor: Option<u64> = beside::read(&dir.path().join("cursor-x.json"), "").unwrap();
        assert!(cursor >= promised.cursor, "seed {seed}: the cursor is lost");
        let mut reader = match JournalReader::start(dir.path(), 1) {
            Ok(reader) => reader,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        for handed in &promised.handed {
            let read = reader.next_block();
            assert_eq!(read.unwrap().as_ref(), Some(handed), "seed {seed}");
        }
    }
}

#[test]
fn what_was_called_durable_outlives_any_crash() {
    for seed in 0..CASES {
        let run = std::panic::catch_unwind(|| case(seed));
        assert!(run.is_ok(), "seed {seed}");
    }
}
