//! Orders that wait: how many as nobody quotes for them, for the metrics page, and which there are, for whoever stops the run. The core's thread counts and
//! answers; it decides nothing.

use crate::metrics::{Gauge, Metrics};
use crate::pipeline::clock;
use crate::pipeline::workers::Stepper;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tickloom_core::Waiting;
use tickloom_types::Ts;

/// Least nanoseconds between two counts of orders that nobody quotes for.
const COUNT_PAUSE_NS: u64 = 100_000_000;

/// Keeps the number of orders that nobody quotes for on the metrics page: counted when there is nothing else to do, and not all the time.
/// Whoever stops the run is told which they are before the feeds end, which takes the quotes away.
pub(crate) struct UnquotedGauge {
    gauge: Gauge,
    counted_at: Ts,
    /// Whether records came since it was counted.
    pub(crate) is_new: bool,
    wanted: Arc<AtomicBool>,
    given: Sender<Vec<Waiting>>,
}

/// The side of whoever stops the run.
pub(crate) struct LastWaiting {
    wanted: Arc<AtomicBool>,
    given: Receiver<Vec<Waiting>>,
}

impl LastWaiting {
    /// The orders that wait now; `None` if the core has ended.
    pub(crate) fn ask(&self) -> Option<Vec<Waiting>> {
        self.wanted.store(true, Ordering::Release);
        self.given.recv().ok()
    }
}

impl UnquotedGauge {
    /// None yet, and the side of whoever stops the run.
    pub(crate) fn new(metrics: &Metrics) -> (UnquotedGauge, LastWaiting) {
        let help =
            "Orders that wait as the side that they need is empty, or bid and ask are crossed";
        let wanted = Arc::new(AtomicBool::new(false));
        // There is one question.
        let (sender, given) = bounded(1);
        let gauge = UnquotedGauge {
            gauge: metrics.gauge("unquoted_orders", help),
            counted_at: Ts(0),
            is_new: true,
            wanted: Arc::clone(&wanted),
            given: sender,
        };
        (gauge, LastWaiting { wanted, given })
    }

    /// Gives them to whoever has asked.
    pub(crate) fn answer(&self, stepper: &Stepper) {
        if self.wanted.load(Ordering::Acquire) {
            self.wanted.store(false, Ordering::Relaxed);
            // One that has gone wants none.
            drop(self.given.try_send(stepper.waiting()));
        }
    }

    /// Counts anew if records came since, and the last time is long enough ago.
    pub(crate) fn count(&mut self, stepper: &Stepper) {
        if !self.is_new {
            return;
        }
        let now = clock::now();
        // A clock that was set back must not keep it from counting for as long.
        if now.0.abs_diff(self.counted_at.0) >= COUNT_PAUSE_NS {
            self.is_new = false;
            self.counted_at = now;
            self.gauge.set(stepper.unquoted_count() as u64);
        }
    }
}
