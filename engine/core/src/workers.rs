//! The core in parts that run side by side with the same outputs, byte for byte, on any number of workers.
//!
//! Every [`SignalWorker`] sees every record, keeps a market of its own and evaluates a contiguous share of the expressions.
//! One [`Merger`] sees every record too, with what the workers found at it, in the order of the workers; it trades.
//! There are no threads and no queues here: whoever has them (`cli/pipeline.rs`) carries records in and [`Found`] across.

use crate::config::CoreConfig;
use crate::core::{self, Decider, Plan, Remembered};
use crate::error::CoreError;
use crate::limits::CHANGES_EXPECTED;
use crate::market::Market;
use crate::output_hash::OutputHash;
use crate::outputs::Outputs;
use crate::portfolio::Portfolio;
use crate::signal_stage::{Change, SignalStage, WorkerState};
use crate::silent::{self, Expired, NeverClosed, NeverReady, Waiting};
use crate::snapshot::{CannotSave, Snapshot, SnapshotError, is_snapshot};
use crate::state::State;
use std::ops::Range;
use tickloom_types::{Record, Seq};

/// A share of the expressions with a market that feeds it.
#[derive(Debug)]
pub struct SignalWorker {
    market: Market,
    stage: SignalStage,
    /// The market's own outputs, which the merger makes too.
    unused: Outputs,
}

/// What a worker found at one record: nothing, unless it ends a moment. Reused from record to record, so that nothing is
/// allocated once it is warm.
#[derive(Clone, Debug)]
pub struct Found {
    seq: Seq,
    changes: Vec<Change>,
    /// By round of the moment, the end of its changes in `changes`.
    ends: Vec<usize>,
}

/// Puts together what the workers found, and trades.
#[derive(Debug)]
pub struct Merger {
    market: Market,
    decider: Decider,
}

/// A merger and so many workers, of which each has a share of the expressions.
///
/// # Errors
/// [`CoreError`] as from `Core::new`.
///
/// # Panics
/// If there are no workers.
pub fn split(
    config: &CoreConfig,
    workers: usize,
) -> Result<(Merger, Vec<SignalWorker>), CoreError> {
    assert!(workers > 0, "a core needs at least one worker");
    let plan = Plan::new(config)?;
    let mut parts = Vec::with_capacity(workers);
    for share in shares(plan.expressions.len(), workers) {
        parts.push(SignalWorker {
            stage: SignalStage::new(&plan.expressions, share, config, &plan.market)?,
            market: plan.market.clone(),
            unused: Outputs::new(),
        });
    }
    let merger = Merger {
        decider: Decider::new(&plan)?,
        market: plan.market,
    };
    Ok((merger, parts))
}

/// As [`split`], going on from a snapshot of a core or of any number of workers.
///
/// # Errors
/// [`SnapshotError`] as from `Core::load`.
///
/// # Panics
/// If there are no workers.
pub fn resume_split(
    config: &CoreConfig,
    workers: usize,
    snapshot: &Snapshot<'_>,
) -> Result<(Merger, Vec<SignalWorker>), SnapshotError> {
    assert!(workers > 0, "a core needs at least one worker");
    let mut plan = Plan::new(config)?;
    let remembered = Remembered::read(&mut plan, snapshot)?;
    let mut parts = Vec::with_capacity(workers);
    for share in shares(plan.expressions.len(), workers) {
        parts.push(SignalWorker {
            stage: remembered.stage(&plan, share)?,
            market: plan.market.clone(),
            unused: Outputs::new(),
        });
    }
    let merger = Merger {
        decider: remembered.decider,
        market: plan.market,
    };
    Ok((merger, parts))
}

/// The expressions of each worker.
fn shares(count: usize, workers: usize) -> impl Iterator<Item = Range<usize>> {
    (0..workers).map(move |worker| count * worker / workers..count * (worker + 1) / workers)
}

impl SignalWorker {
    /// What its share remembers, for [`Merger::save`]; `next_seq` is the sequence of the record that comes next.
    ///
    /// # Errors
    /// [`CannotSave::InMoment`].
    pub fn save(&self, next_seq: Seq) -> Result<WorkerState, CannotSave> {
        if self.market.is_in_moment() {
            return Err(CannotSave::InMoment);
        }
        Ok(self.stage.save(next_seq))
    }

    /// Takes one record in and writes what it found over `found`.
    pub fn step(&mut self, seq: Seq, record: &Record, found: &mut Found) {
        found.seq = seq;
        found.changes.clear();
        found.ends.clear();
        self.unused.clear();
        if is_snapshot(record) {
            self.market.pass_over();
            return;
        }
        self.market.apply(seq, record, &mut self.unused);
        while self.market.next_round() {
            let changes = &mut found.changes;
            self.stage.step(&self.market, |change| changes.push(change));
            found.ends.push(found.changes.len());
        }
    }
}

impl Found {
    /// Nothing found, with room for a record's worth.
    #[must_use]
    pub fn new() -> Found {
        Found {
            seq: 0,
            changes: Vec::with_capacity(CHANGES_EXPECTED),
            ends: Vec::new(),
        }
    }

    fn round(&self, number: usize) -> &[Change] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.changes[start..self.ends[number]]
    }
}

impl Default for Found {
    fn default() -> Self {
        Found::new()
    }
}

impl Merger {
    /// As `Core::step`, with what each worker found at this record, in the order of the workers.
    ///
    /// # Panics
    /// If a worker's findings are of another record.
    pub fn step<'a>(
        &mut self,
        seq: Seq,
        record: &Record,
        found: impl Iterator<Item = &'a Found> + Clone,
        out: &mut Outputs,
    ) {
        assert!(found.clone().all(|found| found.seq == seq));
        out.clear();
        if is_snapshot(record) {
            self.market.pass_over();
            return;
        }
        self.market.apply(seq, record, out);
        self.decider.match_orders(seq, record, &self.market, out);
        let mut number = 0;
        while self.market.next_round() {
            let Merger { market, decider } = self;
            decider.begin(market);
            for change in found.clone().flat_map(|found| found.round(number)) {
                decider.take(seq, market, change, out);
            }
            decider.decide(seq, market, out);
            number += 1;
        }
    }

    /// The market after the last record.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// As `Core::never_ready`.
    ///
    /// # Errors
    /// As `Core::never_ready`.
    pub fn never_ready(&self, config: &CoreConfig) -> Result<Vec<NeverReady>, CoreError> {
        silent::never_ready(config, Some(&self.market), &self.decider.was_ready)
    }

    /// As `Core::never_closed`.
    #[must_use]
    pub fn never_closed(&self) -> Vec<NeverClosed> {
        silent::never_closed(&self.market)
    }

    /// As `Core::expired`.
    #[must_use]
    pub fn expired(&self) -> Vec<Expired> {
        silent::expired(&self.market)
    }

    /// As `Core::waiting`.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.decider.waiting(&self.market)
    }

    /// As `Core::unquoted_count`.
    #[must_use]
    pub fn unquoted_count(&self) -> usize {
        self.decider.unquoted_count(&self.market)
    }

    /// Number of the last order that was submitted or may have been, in this session or one before; 0 before the first.
    #[must_use]
    pub fn last_order(&self) -> u32 {
        self.decider.trade.last_order()
    }

    /// As `Core::save`, with what each worker saved at this record, in the order of the workers.
    ///
    /// # Errors
    /// As `Core::save`; [`CannotSave::Parts`] if what the workers saved is not of all expressions at this record.
    pub fn save(
        &self,
        workers: impl IntoIterator<Item = WorkerState>,
        next_seq: Seq,
        outputs: &OutputHash,
    ) -> Result<Vec<u8>, CannotSave> {
        let parts = workers.into_iter();
        core::save(&self.market, &self.decider, parts, next_seq, outputs)
    }

    /// As `Core::state`.
    #[must_use]
    pub fn state(&self) -> State {
        self.decider.state(&self.market)
    }

    /// Cash and positions after the last record.
    #[must_use]
    pub fn portfolio(&self) -> &Portfolio {
        self.decider.trade.portfolio()
    }
}
