//! A feed's thread: one connection, its own small runtime, whole moments straight into the input ring.

use crate::metrics::Probe;
use crate::pipeline::clock;
use crate::pipeline::snapshots::Wish;
use crate::pipeline::wiring::status;
use std::sync::Arc;
use tickloom_feeds::{Feed, FeedMetrics, run_feed};
use tickloom_ring::Producer;
use tickloom_types::{MomentSink, Record, StatusCode};
use tokio::sync::watch;

/// Everything a feed's thread owns.
pub(crate) struct FeedThread {
    pub(crate) feed: Feed,
    pub(crate) input: Producer<Record>,
    pub(crate) shutdown: watch::Receiver<bool>,
    pub(crate) metrics: Arc<FeedMetrics>,
    pub(crate) probe: Probe,
    /// Whether a snapshot is wanted.
    pub(crate) wish: Wish,
}

impl FeedThread {
    /// Runs until the shutdown; reconnects by itself.
    ///
    /// # Errors
    /// The operating system refused a runtime.
    pub(crate) fn run(self) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut sink = RingSink {
            input: self.input,
            probe: self.probe,
            wish: self.wish,
        };
        runtime.block_on(run_feed(
            &self.feed,
            &mut sink,
            self.shutdown,
            &self.metrics,
        ));
        // A request for a snapshot may still be under way: the stop does not wait for its answer.
        runtime.shutdown_background();
        Ok(())
    }
}

/// Puts moments into the input ring, each as one claim; a full ring makes the feed wait, and the ring counts that.
struct RingSink {
    input: Producer<Record>,
    probe: Probe,
    wish: Wish,
}

impl MomentSink for RingSink {
    fn push_moment(&mut self, records: &[Record]) {
        let Some(last) = records.last() else {
            return;
        };
        if self.input.push_all(records) {
            self.probe.waited();
        }
        // One reading of the clock a moment, not one a record.
        self.probe.count(records.len() as u64 - 1);
        self.probe.record(clock::now().0 - last.header.ts_recv);
        if self.wish.take() {
            self.input.push_all(&[status(StatusCode::Snapshot, 0)]);
        }
    }
}
