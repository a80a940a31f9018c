//! The core's thread: poll, step, push. It reads the clock only to stamp what the core has already decided.
//!
//! Market records that subscribers may see go on into the output ring before what they caused, so that whoever reads
//! that ring has one order and one bell to wait for.

use crate::metrics::Probe;
use crate::pipeline::clock;
use crate::pipeline::snapshots::Taken;
use crate::pipeline::states::Asked;
use crate::pipeline::unquoted::UnquotedGauge;
use crate::pipeline::workers::{Stepper, WorkerLost};
use crossbeam_channel::Sender;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tickloom_core::{CoreConfig, OutputHash, Outputs, is_snapshot};
use tickloom_ring::{Consumer, Poll, SoleProducer};
use tickloom_types::{Flags, Kind, Record, Seq};
use tickloom_wire::NO_RECORD;

/// What the output ring carries: a record, the sequence of its cause, and when the core had made it. One of no kind marks the
/// place of a state that was asked for, before input `seq`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Output {
    pub(crate) record: Record,
    pub(crate) seq: Seq,
    pub(crate) ts_output: i64,
}

impl Output {
    fn new(record: &Record, seq: Seq, ts_output: i64) -> Output {
        Output {
            record: *record,
            seq,
            ts_output,
        }
    }

    /// The mark of a state before this input.
    fn state(next_seq: Seq) -> Output {
        Output {
            seq: next_seq,
            ..Output::default()
        }
    }

    /// Whether it marks a state.
    pub(crate) fn is_state(&self) -> bool {
        self.record.header.kind == NO_RECORD
    }
}

/// Everything the core's thread owns.
pub(crate) struct CoreThread {
    pub(crate) stepper: Stepper,
    /// What it was made of.
    pub(crate) config: CoreConfig,
    pub(crate) input: Consumer<Record>,
    pub(crate) output: SoleProducer<Output>,
    pub(crate) hash: OutputHash,
    /// Sequence of the first record that this ring will carry: above zero after a restart.
    pub(crate) first_seq: Seq,
    /// Set before the output ring closes, if every record was stepped: only then may the journal be closed in good order.
    pub(crate) has_ended_well: Arc<AtomicBool>,
    pub(crate) probe: Probe,
    /// Where snapshots go, if the run is recorded.
    pub(crate) snapshots: Option<Sender<Taken>>,
    /// Who asks for the state, and gets it.
    pub(crate) asked: Asked,
    /// How many orders nobody quotes for.
    pub(crate) unquoted: UnquotedGauge,
}

/// What is left when the input has ended.
pub(crate) struct CoreEnd {
    pub(crate) hash: OutputHash,
    /// Input records of this session.
    pub(crate) inputs: u64,
    pub(crate) outputs: u64,
    /// What never came of the run, each in a sentence.
    pub(crate) warnings: Vec<String>,
}

impl CoreThread {
    /// Runs until every feed is gone and everything has been read.
    ///
    /// # Errors
    /// [`WorkerLost`] if a worker's thread panicked.
    pub(crate) fn run(mut self) -> Result<CoreEnd, WorkerLost> {
        let mut outputs = Outputs::new();
        let mut pushed = 0_u64;
        let mut lost = None;
        let mut is_in_moment = false;
        loop {
            let found = self.input.poll(|place, record| {
                if lost.is_some() {
                    return;
                }
                let seq = self.first_seq + place;
                if let Err(error) = self.stepper.step(seq, record, &mut outputs) {
                    lost = Some(error);
                    return;
                }
                let ts_output = clock::now().0;
                self.probe.record(ts_output - record.header.ts_recv);
                let mut push = |record: &Record| {
                    if self.output.push(Output::new(record, seq, ts_output)) {
                        self.probe.waited();
                    }
                };
                if is_for_subscribers(record) {
                    push(record);
                }
                for output in outputs.records() {
                    self.hash.update(output);
                    push(output);
                    pushed += 1;
                }
                if let Some(snapshots) = self.snapshots.as_ref().filter(|_| is_snapshot(record)) {
                    let next_seq = seq + 1;
                    let state = self.stepper.save(next_seq, &self.hash);
                    // One that waits is as good.
                    drop(snapshots.try_send(Taken { next_seq, state }));
                }
                is_in_moment = record.has(Flags::MORE);
                if !is_in_moment {
                    tell_state(&self.asked, &self.stepper, &mut self.output, seq + 1);
                }
            });
            if let Some(error) = lost {
                return Err(error);
            }
            match found {
                Poll::Some(_) => self.unquoted.is_new = true,
                Poll::Idle => {
                    self.unquoted.count(&self.stepper);
                    if !is_in_moment {
                        let next_seq = self.first_seq + self.input.seq();
                        tell_state(&self.asked, &self.stepper, &mut self.output, next_seq);
                    }
                    self.probe.hand_over();
                    self.input.idle();
                }
                Poll::Closed => break,
            }
            self.unquoted.answer(&self.stepper);
            self.probe.lag(self.input.lag() as u64);
        }
        self.has_ended_well.store(true, Ordering::Release);
        Ok(CoreEnd {
            inputs: self.input.seq(),
            hash: self.hash,
            outputs: pushed,
            warnings: self
                .stepper
                .warnings(&self.config)
                .expect("a core was made of this configuration"),
        })
    }
}

/// Gives the state to whoever has asked for it.
#[inline]
fn tell_state(asked: &Asked, stepper: &Stepper, output: &mut SoleProducer<Output>, next_seq: Seq) {
    if asked.is_wanted() {
        asked.give(stepper.state());
        output.push(Output::state(next_seq));
    }
}

/// Single levels and orders would be most of the traffic: books go out as best bid and ask. Timers concern the core alone.
pub(crate) fn is_for_subscribers(record: &Record) -> bool {
    !matches!(
        record.kind(),
        None | Some(Kind::Level | Kind::OrderUpdate | Kind::Timer)
    )
}
