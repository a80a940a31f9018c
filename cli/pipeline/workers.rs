//! Signals on several threads: every worker reads the whole input ring and hands what it found to the core's thread.
//!
//! The merged outputs are those of one thread, byte for byte (`tickloom_core::split`). What workers hand over is
//! bounded and goes round: a worker that is ahead waits, and nothing is allocated once the batches have grown.

use crossbeam_channel::{Receiver, Sender, bounded};
use tickloom_backtest::{warnings, warnings_of_expired};
use tickloom_core::{
    CannotSave, Core, CoreConfig, CoreError, Found, Merger, OutputHash, Outputs, SignalWorker,
    Snapshot, SnapshotError, State, Waiting, WorkerState, is_snapshot, resume_split, split,
};
use tickloom_ring::{Consumer, Poll};
use tickloom_types::{Instruments, Record, Seq};

/// Batches under way from one worker.
const BATCHES: usize = 8;
/// Records in one batch at most: a burst is handed over in parts, so that the core's thread begins with it early.
const BATCH_RECORDS_MAX: usize = 1_024;

/// The core before it gets its threads: whole, or in parts.
pub(crate) enum Engine {
    Whole(Box<Core>),
    Split {
        merger: Box<Merger>,
        workers: Vec<SignalWorker>,
        found: Vec<Found>,
    },
}

impl Engine {
    /// With so many workers; one means that the core does everything itself.
    ///
    /// # Errors
    /// What the core refuses in its configuration.
    pub(crate) fn new(config: &CoreConfig, workers: usize) -> Result<Engine, CoreError> {
        if workers <= 1 {
            return Ok(Engine::Whole(Box::new(Core::new(config)?)));
        }
        let (merger, workers) = split(config, workers)?;
        Ok(Engine::Split {
            merger: Box::new(merger),
            found: vec![Found::new(); workers.len()],
            workers,
        })
    }

    /// As [`Engine::new`], going on from a snapshot.
    ///
    /// # Errors
    /// As `Core::load`.
    pub(crate) fn resume(
        config: &CoreConfig,
        workers: usize,
        snapshot: &Snapshot<'_>,
    ) -> Result<Engine, SnapshotError> {
        if workers <= 1 {
            let core = Core::load(config, snapshot)?;
            return Ok(Engine::Whole(Box::new(core)));
        }
        let (merger, workers) = resume_split(config, workers, snapshot)?;
        Ok(Engine::Split {
            merger: Box::new(merger),
            found: vec![Found::new(); workers.len()],
            workers,
        })
    }

    /// What there is after the last record.
    pub(crate) fn state(&self) -> State {
        match self {
            Engine::Whole(core) => core.state(),
            Engine::Split { merger, .. } => merger.state(),
        }
    }

    /// Instruments and sources, also those of the bars that the core makes.
    pub(crate) fn instruments(&self) -> &Instruments {
        match self {
            Engine::Whole(core) => core.market().instruments(),
            Engine::Split { merger, .. } => merger.market().instruments(),
        }
    }

    /// Number of the last order that may have been submitted.
    pub(crate) fn last_order(&self) -> u32 {
        match self {
            Engine::Whole(core) => core.last_order(),
            Engine::Split { merger, .. } => merger.last_order(),
        }
    }

    /// One step on the calling thread: how a journal is replayed before the threads start.
    pub(crate) fn step(&mut self, seq: Seq, record: &Record, out: &mut Outputs) {
        match self {
            Engine::Whole(core) => core.step(seq, record, out),
            Engine::Split {
                merger,
                workers,
                found,
            } => {
                for (worker, found) in workers.iter_mut().zip(found.iter_mut()) {
                    worker.step(seq, record, found);
                }
                merger.step(seq, record, found.iter(), out);
            }
        }
    }
}

/// What the core's thread steps: the whole core, or the merger with what the workers send.
pub(crate) enum Stepper {
    Whole(Box<Core>),
    Merged(Box<Merger>, Vec<Lane>),
}

/// A worker has gone without having sent everything: it panicked.
#[derive(Debug)]
pub(crate) struct WorkerLost;

impl Stepper {
    /// What never came of the run, each in a sentence. `config` is what the engine was made of.
    ///
    /// # Errors
    /// As `Core::never_ready`.
    pub(crate) fn warnings(&self, config: &CoreConfig) -> Result<Vec<String>, CoreError> {
        let (never_ready, never_closed, expired) = match self {
            Stepper::Whole(core) => (
                core.never_ready(config)?,
                core.never_closed(),
                core.expired(),
            ),
            Stepper::Merged(merger, _) => (
                merger.never_ready(config)?,
                merger.never_closed(),
                merger.expired(),
            ),
        };
        let mut all = warnings(&never_ready, &never_closed);
        all.extend(warnings_of_expired(&expired));
        Ok(all)
    }

    /// The orders that wait, and for what.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        match self {
            Stepper::Whole(core) => core.waiting(),
            Stepper::Merged(merger, _) => merger.waiting(),
        }
    }

    /// How many of them wait as nobody quotes for them.
    pub(crate) fn unquoted_count(&self) -> usize {
        match self {
            Stepper::Whole(core) => core.unquoted_count(),
            Stepper::Merged(merger, _) => merger.unquoted_count(),
        }
    }

    /// What there is after the last record.
    pub(crate) fn state(&self) -> State {
        match self {
            Stepper::Whole(core) => core.state(),
            Stepper::Merged(merger, _) => merger.state(),
        }
    }

    /// All that it remembers after the record before this one, which asked for it, and the hash over all outputs so far.
    ///
    /// # Errors
    /// As `Core::save` and `Merger::save`.
    pub(crate) fn save(
        &mut self,
        next_seq: Seq,
        outputs: &OutputHash,
    ) -> Result<Vec<u8>, CannotSave> {
        match self {
            Stepper::Whole(core) => core.save(next_seq, outputs),
            Stepper::Merged(merger, lanes) => {
                let parts: Result<Vec<_>, _> =
                    lanes.iter_mut().filter_map(Lane::take_saved).collect();
                merger.save(parts?, next_seq, outputs)
            }
        }
    }

    /// One step; waits for the workers' findings where there are workers.
    ///
    /// # Errors
    /// [`WorkerLost`].
    pub(crate) fn step(
        &mut self,
        seq: Seq,
        record: &Record,
        out: &mut Outputs,
    ) -> Result<(), WorkerLost> {
        match self {
            Stepper::Whole(core) => core.step(seq, record, out),
            Stepper::Merged(merger, lanes) => {
                for lane in lanes.iter_mut() {
                    lane.advance()?;
                }
                merger.step(seq, record, lanes.iter().map(Lane::found), out);
            }
        }
        Ok(())
    }
}

/// What one worker found at a run of records, one entry a record.
#[derive(Default)]
struct Batch {
    found: Vec<Found>,
    used: usize,
    /// What it saved at the last of them, if that asks for a snapshot.
    saved: Option<Result<WorkerState, CannotSave>>,
}

/// One worker's way to the core's thread, and of its empty batches back.
pub(crate) struct Lane {
    full: Receiver<Batch>,
    empty: Sender<Batch>,
    batch: Batch,
    /// Entries of `batch` that have been taken.
    taken: usize,
}

impl Lane {
    /// Moves on to the next record's entry.
    fn advance(&mut self) -> Result<(), WorkerLost> {
        if self.taken == self.batch.used {
            let next = self.full.recv().map_err(|_| WorkerLost)?;
            let empty = std::mem::replace(&mut self.batch, next);
            // A worker that has ended takes none back.
            drop(self.empty.try_send(empty));
            self.taken = 0;
        }
        self.taken += 1;
        Ok(())
    }

    fn take_saved(&mut self) -> Option<Result<WorkerState, CannotSave>> {
        self.batch.saved.take()
    }

    fn found(&self) -> &Found {
        &self.batch.found[self.taken - 1]
    }
}

/// A worker's thread: poll, step, hand over.
pub(crate) struct WorkerThread {
    worker: SignalWorker,
    input: Consumer<Record>,
    first_seq: Seq,
    full: Sender<Batch>,
    empty: Receiver<Batch>,
}

impl WorkerThread {
    /// A worker that reads `input`, and the lane at which the core's thread gets what it finds.
    pub(crate) fn new(
        worker: SignalWorker,
        input: Consumer<Record>,
        first_seq: Seq,
    ) -> (WorkerThread, Lane) {
        let (full, full_end) = bounded(BATCHES);
        let (empty, empty_end) = bounded(BATCHES + 2);
        let lane = Lane {
            full: full_end,
            empty,
            batch: Batch::default(),
            taken: 0,
        };
        let thread = WorkerThread {
            worker,
            input,
            first_seq,
            full,
            empty: empty_end,
        };
        (thread, lane)
    }

    /// Runs until the input has ended, or the core's thread is gone.
    pub(crate) fn run(mut self) {
        let mut batch = Batch::default();
        let mut is_heard = true;
        while is_heard {
            let (worker, first_seq) = (&mut self.worker, self.first_seq);
            let (full, empty) = (&self.full, &self.empty);
            let polled = self.input.poll(|place, record| {
                if batch.used == batch.found.len() {
                    batch.found.push(Found::new());
                }
                let seq = first_seq + place;
                worker.step(seq, record, &mut batch.found[batch.used]);
                batch.used += 1;
                if is_snapshot(record) {
                    batch.saved = Some(worker.save(seq + 1));
                }
                if batch.used == BATCH_RECORDS_MAX || batch.saved.is_some() {
                    is_heard &= hand_over(&mut batch, full, empty);
                }
            });
            match polled {
                Poll::Some(_) if batch.used > 0 => {
                    is_heard &= hand_over(&mut batch, full, empty);
                }
                Poll::Some(_) => {}
                Poll::Idle => self.input.idle(),
                Poll::Closed => return,
            }
        }
    }
}

/// Sends the batch and takes an empty one; false if the core's thread is gone.
fn hand_over(batch: &mut Batch, full: &Sender<Batch>, empty: &Receiver<Batch>) -> bool {
    let mut next = empty.try_recv().unwrap_or_default();
    next.used = 0;
    next.saved = None;
    full.send(std::mem::replace(batch, next)).is_ok()
}

#[cfg(test)]
mod tests;
