//! The recorder's thread: poll both rings, append. What it has flushed survives a kill at any instant.
//!
//! Only the journal's own disk ends it. A catalog that cannot be written and a segment that cannot be begun are states, which
//! it names; a core that has stopped leaves it the inputs.

use crate::metrics::{Gauge, Metrics, Probe};
use crate::output;
use crate::pipeline::clock;
use crate::pipeline::core_thread::Output;
use crate::pipeline::promise::Promise;
use crate::pipeline::snapshots::Snapshots;
use crate::pipeline::troubles::Troubles;
use crate::stop::Stop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tickloom_core::OutputHash;
use tickloom_data::{CatalogStatus, Comparison, Conversion, Recorder, Result};
use tickloom_journal::{Numbers, Reserved};
use tickloom_ring::{Consumer, Poll};
use tickloom_types::{Kind, OrderBody, Record, Seq};

/// Longest time that a record waits for its flush.
const FLUSH_AFTER: Duration = Duration::from_millis(50);
/// Time after which the end says what it waits for.
const FINISH_QUIETLY: Duration = Duration::from_millis(500);

/// Everything the recorder's thread owns.
pub(crate) struct RecorderThread {
    pub(crate) recorder: Recorder,
    pub(crate) promise: Promise,
    pub(crate) snapshots: Snapshots,
    pub(crate) input: Consumer<Record>,
    pub(crate) output: Consumer<Output>,
    /// Hash of the outputs that are in the journal.
    pub(crate) hash: OutputHash,
    /// Sequence of the first record that the input ring will carry.
    pub(crate) first_seq: Seq,
    /// Number of the last order that has come, or that sessions before may have submitted.
    pub(crate) last_order: u32,
    /// Whether the core has stepped everything, once the output ring is closed.
    pub(crate) has_core_ended_well: Arc<AtomicBool>,
    pub(crate) probe: Probe,
    pub(crate) health: RecordHealth,
    pub(crate) stop: Stop,
}

/// How the recording is, for those who look.
pub(crate) struct RecordHealth {
    catalog: Arc<Mutex<CatalogStatus>>,
    troubles: Troubles,
    is_catalog_up: Gauge,
    catalog_behind: Gauge,
    is_segment_overdue: Gauge,
}

impl RecorderThread {
    /// Runs until both rings are closed and read, then closes the journal and waits for its Parquet files. Returns what is left
    /// undone, in words; the journal is whole then.
    ///
    /// # Errors
    /// The first error of the journal's disk. The journal then ends at its last whole block.
    pub(crate) fn run(self) -> Result<Option<String>> {
        let promise = self.promise.clone();
        let ended = self.record();
        // What is in a journal that was closed in order was promised; anything else never will be.
        promise.break_off();
        ended
    }

    fn record(mut self) -> Result<Option<String>> {
        let mut inputs: Vec<Record> = Vec::new();
        let mut outputs: Vec<(Seq, Record)> = Vec::new();
        let mut flushed = Instant::now();
        loop {
            self.snapshots.look();
            let first = self.first_seq + self.input.seq();
            let came = self.input.poll(|_, record| inputs.push(*record));
            let made = self.output.poll(|_, output| {
                if is_output(&output.record) {
                    self.hash.update(&output.record);
                    if output.record.header.kind == Kind::Order as u8 {
                        let order = OrderBody::of(&output.record).order;
                        self.last_order = self.last_order.max(order);
                    }
                    outputs.push((output.seq, output.record));
                }
            });
            self.recorder.inputs(first, &inputs)?;
            self.recorder.outputs(&outputs)?;
            if let Some(last) = inputs.last() {
                self.probe.record(clock::now().0 - last.header.ts_recv);
                self.probe.count(inputs.len() as u64 - 1);
            }
            inputs.clear();
            outputs.clear();
            self.recorder.tick()?;
            let next_seq = self.first_seq + self.input.seq();
            self.snapshots.go_on(&mut self.recorder, next_seq)?;
            if flushed.elapsed() >= FLUSH_AFTER {
                self.recorder.flush()?;
                self.promise.renew(&mut self.recorder, self.last_order)?;
                self.health.look(&self.recorder);
                flushed = Instant::now();
            }
            match (came, made) {
                (Poll::Closed, Poll::Closed) => break,
                (Poll::Some(_), _) | (_, Poll::Some(_)) => {}
                (Poll::Closed, _) => self.output.idle(),
                _ => {
                    self.probe.hand_over();
                    self.input.idle();
                }
            }
            self.probe.lag(self.input.lag() as u64);
        }
        if !self.has_core_ended_well.load(Ordering::Acquire) {
            // As after a crash: whole up to here, and the next start makes the outputs that are missing.
            self.recorder.flush()?;
            return Ok(None);
        }
        let (close, conversion) = self.recorder.close_journal(&self.hash.hex())?;
        let numbers = Numbers {
            inputs: close.next_seq,
            outputs: close.outputs,
        };
        self.promise.reserve(Reserved {
            orders: Some(self.last_order),
            ..numbers.into()
        });
        self.promise.has_written(numbers);
        Ok(finish(conversion, &self.stop))
    }
}

/// Waits for the Parquet files, unless the user is in a hurry.
fn finish(conversion: Conversion, stop: &Stop) -> Option<String> {
    let (status, compare) = (conversion.status(), conversion.comparing());
    let (began, mut is_told) = (Instant::now(), false);
    let done = conversion.finish_unless(|| {
        if !is_told && began.elapsed() >= FINISH_QUIETLY {
            is_told = true;
            output::note(
                "stopping   the catalog is being brought up to date; Ctrl-C again leaves that to the next start",
            );
        }
        stop.is_urgent()
    });
    let behind = status.lock().unwrap_or_else(PoisonError::into_inner).behind;
    match done {
        Ok(Some(_)) => match compare() {
            Ok(found) => differing(&found),
            Err(error) => Some(format!("the catalog cannot be looked at: {error}")),
        },
        Ok(None) => {
            output::note(&format!(
                "catalog    {behind} segments are not in it; the journal is whole, and the next start of the run converts them"
            ));
            None
        }
        Err(error) if behind == 0 => Some(format!(
            "{error}: an earlier run of the record directory is not whole in the catalog"
        )),
        Err(error) => Some(format!(
            "{error}: {behind} segments are not in the catalog; the journal is whole, and the next start of the run converts them"
        )),
    }
}

/// In what the catalog differs from the journal, though all was converted.
fn differing(found: &Comparison) -> Option<String> {
    if let Some(first) = found.differences.first() {
        let more = match found.differences.len() {
            1 => String::new(),
            all => format!(" (and {} more: see tickloom catalog verify)", all - 1),
        };
        return Some(format!("catalog: {first}{more}"));
    }
    let first = found.lacking.first()?;
    Some(format!(
        "catalog: segment {first} is not in it any more; the next start brings it in"
    ))
}

impl RecordHealth {
    pub(crate) fn new(recorder: &Recorder, troubles: &Troubles, metrics: &Metrics) -> RecordHealth {
        let health = RecordHealth {
            catalog: recorder.catalog_status(),
            troubles: troubles.clone(),
            is_catalog_up: metrics.gauge("catalog_up", "Whether Parquet files can be written"),
            catalog_behind: metrics.gauge(
                "catalog_behind_segments",
                "Sealed journal segments that are not in the catalog yet",
            ),
            is_segment_overdue: metrics.gauge(
                "journal_segment_overdue",
                "Whether the next journal segment could not be begun",
            ),
        };
        health.is_catalog_up.set(1);
        health
    }

    /// Says how the journal and the catalog are.
    fn look(&self, recorder: &Recorder) {
        let catalog = self
            .catalog
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.is_catalog_up.set(u64::from(catalog.failure.is_none()));
        self.catalog_behind.set(u64::from(catalog.behind));
        if catalog.failure.is_some() {
            self.troubles.set("catalog", &catalog.to_string());
        } else {
            self.troubles.clear("catalog", "is written again");
        }
        let overdue = recorder.segment_failure();
        self.is_segment_overdue.set(u64::from(overdue.is_some()));
        match overdue {
            Some(error) => {
                let text = format!("goes on in its present segment: {error}");
                self.troubles.set("journal", &text);
            }
            None => self.troubles.clear("journal", "has begun its next segment"),
        }
    }
}

/// The output ring also carries market records for subscribers; the journal has those as inputs.
fn is_output(record: &Record) -> bool {
    record.header.kind >= Kind::Signal as u8
}
