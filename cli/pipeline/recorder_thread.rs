//! The recorder's thread: poll both rings, append. What it has flushed survives a kill at any instant.

use crate::metrics::Probe;
use crate::pipeline::clock;
use crate::pipeline::core_thread::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tickloom_core::OutputHash;
use tickloom_data::{Recorder, Result};
use tickloom_ring::{Consumer, Poll};
use tickloom_types::{Kind, Record, Seq};

/// Longest time that a record waits for its flush.
const FLUSH_AFTER: Duration = Duration::from_millis(50);

/// Everything the recorder's thread owns.
pub(crate) struct RecorderThread {
    pub(crate) recorder: Recorder,
    pub(crate) input: Consumer<Record>,
    pub(crate) output: Consumer<Output>,
    /// Hash of the outputs that are in the journal.
    pub(crate) hash: OutputHash,
    /// Sequence of the first record that the input ring will carry.
    pub(crate) first_seq: Seq,
    /// Whether the core has stepped everything, once the output ring is closed.
    pub(crate) has_core_ended_well: Arc<AtomicBool>,
    pub(crate) probe: Probe,
}

impl RecorderThread {
    /// Runs until both rings are closed and read, then closes the journal and waits for its Parquet files.
    ///
    /// # Errors
    /// The first error of the disk. The journal then ends at its last whole block.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut inputs: Vec<Record> = Vec::new();
        let mut outputs: Vec<(Seq, Record)> = Vec::new();
        let mut flushed = Instant::now();
        loop {
            let first = self.first_seq + self.input.seq();
            let came = self.input.poll(|_, record| inputs.push(*record));
            let made = self.output.poll(|_, output| {
                if is_output(&output.record) {
                    self.hash.update(&output.record);
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
            if flushed.elapsed() >= FLUSH_AFTER {
                self.recorder.flush()?;
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
        if self.has_core_ended_well.load(Ordering::Acquire) {
            self.recorder.close(&self.hash.hex())?;
        } else {
            // As after a crash: whole up to here, and the next start makes the outputs that are missing.
            self.recorder.flush()?;
        }
        Ok(())
    }
}

/// The output ring also carries market records for subscribers; the journal has those as inputs.
fn is_output(record: &Record) -> bool {
    record.header.kind >= Kind::Signal as u8
}
