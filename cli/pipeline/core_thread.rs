//! The core's thread: poll, step, push. It reads the clock only to stamp what the core has already decided.
//!
//! Market records that subscribers may see go on into the output ring before what they caused, so that whoever reads
//! that ring has one order and one bell to wait for.

use crate::metrics::Probe;
use crate::pipeline::clock;
use crate::pipeline::snapshots::Taken;
use crate::pipeline::workers::{Stepper, WorkerLost};
use crossbeam_channel::Sender;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tickloom_core::{CoreConfig, OutputHash, Outputs, is_snapshot};
use tickloom_ring::{Consumer, Poll, SoleProducer};
use tickloom_types::{Kind, Record, Seq};

/// What the output ring carries: a record, the sequence of its cause, and when the core had made it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Output {
    pub(crate) record: Record,
    pub(crate) seq: Seq,
    pub(crate) ts_output: i64,
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
                if is_for_subscribers(record) {
                    let item = Output {
                        record: *record,
                        seq,
                        ts_output,
                    };
                    if self.output.push(item) {
                        self.probe.waited();
                    }
                }
                for output in outputs.records() {
                    self.hash.update(output);
                    let item = Output {
                        record: *output,
                        seq,
                        ts_output,
                    };
                    if self.output.push(item) {
                        self.probe.waited();
                    }
                    pushed += 1;
                }
                if let Some(snapshots) = self.snapshots.as_ref().filter(|_| is_snapshot(record)) {
                    let state = self.stepper.save(seq + 1, &self.hash);
                    // One that waits is as good.
                    drop(snapshots.try_send(Taken {
                        next_seq: seq + 1,
                        state,
                    }));
                }
            });
            if let Some(error) = lost {
                return Err(error);
            }
            match found {
                Poll::Some(_) => {}
                Poll::Idle => {
                    self.probe.hand_over();
                    self.input.idle();
                }
                Poll::Closed => break,
            }
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

/// Single levels and orders would be most of the traffic: books go out as best bid and ask. Timers concern the core alone.
pub(crate) fn is_for_subscribers(record: &Record) -> bool {
    !matches!(
        record.kind(),
        None | Some(Kind::Level | Kind::OrderUpdate | Kind::Timer)
    )
}
