//! Runs a journal again and compares what comes out with what came out then, record by record, byte by byte.
//!
//! A journal that was closed must hold every output. One that was cut off must hold the first of them: outputs are
//! written after their causes, so the last may be missing. It never writes.

use crate::run::BacktestError;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;
use tickloom_core::{Core, CoreConfig, OutputHash, OutputHashV1, Outputs, SEMANTICS_VERSION};
use tickloom_journal::{Block, JournalReader, TornTail};
use tickloom_types::{
    AccountBody, BarBody, FillBody, Instruments, Kind, OrderBody, PositionBody, Record, Seq,
    SignalBody, StatusBody, VerdictBody,
};

/// What a replay found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Name of the run.
    pub run: String,
    /// Input records that were taken.
    pub inputs: u64,
    /// Output records that came of them.
    pub outputs: u64,
    /// Output records in the journal.
    pub recorded: u64,
    /// Whether the journal was closed in order: only then can an output be missing.
    pub closed: bool,
    /// What was cut off at its end.
    pub torn: Option<TornTail>,
    /// Hash over the outputs that came out now.
    pub output_hash: String,
    /// The same as the hash was before it was a chain: older journals were closed with it.
    pub output_hash_v1: String,
    /// Hash that the journal was closed with.
    pub recorded_hash: Option<String>,
    /// The first difference; `None` if there is none.
    pub difference: Option<Difference>,
}

impl Verified {
    /// Whether everything that the journal holds came out again, and nothing that it should hold is missing.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        let is_ours = |hash: &String| *hash == self.output_hash || *hash == self.output_hash_v1;
        self.difference.is_none() && self.recorded_hash.as_ref().is_none_or(is_ours)
    }
}

/// The first place where journal and replay part.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Index of the output, from zero.
    pub output: u64,
    /// What the journal has: the sequence of its cause, and the record; `None` if it has no more.
    pub recorded: Option<(Seq, Record)>,
    /// What came out now.
    pub replayed: Option<(Seq, Record)>,
    /// The instruments of the run, to tell the records by.
    pub instruments: Instruments,
}

/// Replays the journal in `dir`. `watch` is told every now and then how many inputs are done, and may end it.
///
/// # Errors
/// [`BacktestError`] if the journal cannot be read, is damaged before its end, or has no configuration of a core.
pub fn verify(
    dir: &Path,
    mut watch: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Verified, BacktestError> {
    let mut journal = JournalReader::open(dir)?;
    let semantics = journal.meta().semantics;
    if !matches!(semantics, 0 | SEMANTICS_VERSION) {
        return Err(BacktestError::Semantics { found: semantics });
    }
    let config: CoreConfig = serde_json::from_str(&journal.meta().config)?;
    let mut replay = Replay {
        core: Core::new(&config)?,
        step: Outputs::new(),
        hash: OutputHash::new(),
        hash_v1: OutputHashV1::new(),
        outputs: 0,
        compared: 0,
        pending: VecDeque::new(),
    };
    let (mut inputs, mut recorded) = (0, 0);
    let mut difference = None;
    while let Some(block) = journal.next_block()? {
        match block {
            Block::Inputs { first_seq, records } => {
                inputs += records.len() as u64;
                replay.take(first_seq, &records);
            }
            Block::Outputs { records, .. } => {
                recorded += records.len() as u64;
                if difference.is_none() {
                    difference = replay.compare(records);
                }
            }
            _ => {}
        }
        if difference.is_some() {
            replay.pending.clear();
        }
        if watch(journal.next_seq()).is_break() {
            return Err(BacktestError::Stopped(journal.next_seq()));
        }
    }
    let close = journal.close().cloned();
    if close.is_some() && difference.is_none() {
        difference = replay.pending.front().map(|next| (None, Some(*next)));
    }
    Ok(Verified {
        run: journal.meta().run.clone(),
        inputs,
        outputs: replay.outputs,
        recorded,
        closed: close.is_some(),
        recorded_hash: close.map(|close| close.output_hash),
        torn: journal.torn_tail().cloned(),
        output_hash: replay.hash.hex(),
        output_hash_v1: replay.hash_v1.hex(),
        difference: difference.map(|(recorded, replayed)| Difference {
            output: replay.compared,
            recorded,
            replayed,
            instruments: journal.meta().instruments.clone(),
        }),
    })
}

type Pair = (Option<(Seq, Record)>, Option<(Seq, Record)>);

struct Replay {
    core: Core,
    step: Outputs,
    hash: OutputHash,
    hash_v1: OutputHashV1,
    outputs: u64,
    compared: u64,
    /// Outputs that the journal has not shown yet.
    pending: VecDeque<(Seq, Record)>,
}

impl Replay {
    fn take(&mut self, first_seq: Seq, records: &[Record]) {
        for (seq, record) in (first_seq..).zip(records) {
            self.core.step(seq, record, &mut self.step);
            self.hash.update_all(self.step.records());
            self.hash_v1.update_all(self.step.records());
            for output in self.step.records() {
                self.pending.push_back((seq, *output));
                self.outputs += 1;
            }
        }
    }

    fn compare(&mut self, recorded: Vec<(Seq, Record)>) -> Option<Pair> {
        for there in recorded {
            let here = self.pending.pop_front();
            if here != Some(there) {
                return Some((Some(there), here));
            }
            self.compared += 1;
        }
        None
    }
}

impl Difference {
    /// The difference in words: where it is, and both records.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "output {}:\n  journal: {}\n  replay:  {}",
            self.output,
            self.tell(self.recorded.as_ref()),
            self.tell(self.replayed.as_ref())
        )
    }

    fn tell(&self, output: Option<&(Seq, Record)>) -> String {
        let Some((cause, record)) = output else {
            return "nothing".to_owned();
        };
        let instrument = self
            .instruments
            .get(record.instrument())
            .map_or("no instrument", |def| def.name.as_str());
        let body = match record.kind() {
            Some(Kind::Signal) => format!("{:?}", SignalBody::of(record)),
            Some(Kind::Order) => format!("{:?}", OrderBody::of(record)),
            Some(Kind::Verdict) => format!("{:?}", VerdictBody::of(record)),
            Some(Kind::Fill) => format!("{:?}", FillBody::of(record)),
            Some(Kind::Position) => format!("{:?}", PositionBody::of(record)),
            Some(Kind::Account) => format!("{:?}", AccountBody::of(record)),
            Some(Kind::BarClosed) => format!("{:?}", BarBody::of(record)),
            _ => format!("{:?}", StatusBody::of(record)),
        };
        let kind = record.kind().map_or("unknown kind", Kind::name);
        let (at, flags) = (record.ts_event(), record.header.flags);
        format!("{kind} of input {cause}, {instrument}, {at}, flags {flags:#04x}, {body}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bars, config};
    use tickloom_journal::{JournalWriter, RunMeta};
    use tickloom_types::Ts;

    struct Recorded {
        inputs: Vec<Record>,
        outputs: Vec<(Seq, Record)>,
        hash: String,
    }

    fn recorded() -> Recorded {
        let closes: Vec<i64> = (0..200).map(|n: i64| 1_000 + (n * 7_919) % 61).collect();
        let inputs = bars(&closes);
        let mut core = Core::new(&config("10")).unwrap();
        let (mut step, mut hash) = (Outputs::new(), OutputHash::new());
        let mut outputs = Vec::new();
        for (seq, record) in (0..).zip(&inputs) {
            core.step(seq, record, &mut step);
            for output in step.records() {
                hash.update(output);
                outputs.push((seq, *output));
            }
        }
        Recorded {
            inputs,
            outputs,
            hash: hash.hex(),
        }
    }

    /// Writes the inputs and the first `kept` outputs, and closes if there is a hash to close with.
    fn journal(run: &Recorded, kept: usize, close: Option<&str>) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let config = config("10");
        let mut meta = RunMeta::new("test", Ts(0), config.instruments.clone()).unwrap();
        meta.config = serde_json::to_string(&config).unwrap();
        let (mut writer, _) = JournalWriter::open(dir.path(), &meta).unwrap();
        writer.append_inputs(0, &run.inputs).unwrap();
        writer.append_outputs(&run.outputs[..kept]).unwrap();
        writer.flush().unwrap();
        if let Some(hash) = close {
            writer.close(hash).unwrap();
        }
        dir
    }

    fn replayed(dir: &tempfile::TempDir) -> Verified {
        verify(dir.path(), |_| ControlFlow::Continue(())).unwrap()
    }

    #[test]
    fn a_closed_journal_is_equal_to_the_last_byte() {
        let run = recorded();
        let found = replayed(&journal(&run, run.outputs.len(), Some(&run.hash)));
        assert_eq!(found.difference, None);
        assert!(found.closed);
        assert_eq!(found.output_hash, run.hash);
        assert_eq!((found.inputs, found.recorded), (200, found.outputs));
    }

    #[test]
    fn one_that_was_cut_off_may_lack_the_last_outputs() {
        let run = recorded();
        let found = replayed(&journal(&run, run.outputs.len() - 3, None));
        assert_eq!(found.difference, None);
        assert_eq!(found.outputs, found.recorded + 3);
        assert!(!found.closed);
    }

    #[test]
    fn a_run_of_another_engine_is_refused_by_name() {
        let config = config("10");
        let mut meta = RunMeta::new("test", Ts(0), config.instruments.clone()).unwrap();
        meta.config = serde_json::to_string(&config).unwrap();
        meta.semantics = SEMANTICS_VERSION + 1;
        let dir = tempfile::tempdir().unwrap();
        let (writer, _) = JournalWriter::open(dir.path(), &meta).unwrap();
        writer.close("").unwrap();
        let refused = verify(dir.path(), |_| ControlFlow::Continue(()));
        let text = refused.err().unwrap().to_string();
        let said = format!("the run is of semantics {}", SEMANTICS_VERSION + 1);
        assert!(text.starts_with(&said), "{text}");
    }

    #[test]
    fn a_closed_one_may_not() {
        let run = recorded();
        let kept = run.outputs.len() - 3;
        let found = replayed(&journal(&run, kept, Some(&run.hash)));
        let difference = found.difference.unwrap();
        assert_eq!(difference.output, kept as u64);
        assert_eq!(difference.recorded, None);
        assert!(difference.text().contains("journal: nothing"));
    }

    #[test]
    fn one_flipped_bit_is_found_and_told() {
        let mut run = recorded();
        let at = run
            .outputs
            .iter()
            .position(|(_, record)| record.kind() == Some(Kind::Fill))
            .unwrap();
        run.outputs[at].1.body[1] ^= 1;
        let found = replayed(&journal(&run, run.outputs.len(), Some(&run.hash)));
        let difference = found.difference.unwrap();
        assert_eq!(difference.output, at as u64);
        let text = difference.text();
        assert!(text.contains("fill of input"), "{text}");
        assert!(text.contains("FillBody"), "{text}");
        assert_eq!(found.output_hash, run.hash, "the replay goes on to its end");
    }

    #[test]
    fn a_journal_that_was_closed_with_the_hash_of_before_is_equal() {
        let run = recorded();
        let mut before = OutputHashV1::new();
        let records: Vec<Record> = run.outputs.iter().map(|(_, record)| *record).collect();
        before.update_all(&records);
        let found = replayed(&journal(&run, run.outputs.len(), Some(&before.hex())));
        assert_ne!(found.recorded_hash.as_deref(), Some(run.hash.as_str()));
        assert!(found.is_equal());
    }

    #[test]
    fn a_wrong_hash_at_the_close_is_a_difference() {
        let run = recorded();
        let found = replayed(&journal(&run, run.outputs.len(), Some("0123")));
        assert_eq!(found.recorded_hash.as_deref(), Some("0123"));
        assert!(!found.is_equal());
    }
}
