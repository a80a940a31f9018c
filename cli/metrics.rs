//! Count, drops, lag and latency of each stage of the pipeline, and the Prometheus page that shows them.
//!
//! A stage's thread writes into its own [`Probe`] and hands the numbers over in batches; nobody else's read
//! ever makes it wait for longer than the copy of a few buckets.

mod page;

use crate::pipeline::monitor::TradingView;
use hdrhistogram::Histogram;
use page::Page;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tickloom_feeds::FeedMetrics;

/// Latencies are kept from 1 ns to 60 s with three significant digits.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// A probe hands its numbers over after this many records, or when its thread is idle.
const HANDOVER_RECORDS: u64 = 256;
/// The numbers of one stage, shared between its thread and those who look.
pub(crate) struct Stage {
    name: String,
    records: AtomicU64,
    dropped: AtomicU64,
    waits: AtomicU64,
    lag: AtomicU64,
    latency: Mutex<Histogram<u64>>,
}

/// Percentiles of a stage's latency since its start, in nanoseconds from the arrival of the bytes.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

/// What a stage's numbers are now.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct StageView {
    pub(crate) stage: String,
    pub(crate) records: u64,
    pub(crate) dropped: u64,
    /// How often it had to wait for a full ring behind it.
    pub(crate) waits: u64,
    pub(crate) lag: u64,
    pub(crate) latency_ns: Percentiles,
}

impl Stage {
    fn new(name: &str) -> Arc<Stage> {
        Arc::new(Stage {
            name: name.to_owned(),
            records: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            latency: Mutex::new(new_histogram()),
        })
    }

    pub(crate) fn view(&self) -> StageView {
        let latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        StageView {
            stage: self.name.clone(),
            records: self.records.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            waits: self.waits.load(Ordering::Relaxed),
            lag: self.lag.load(Ordering::Relaxed),
            latency_ns: Percentiles {
                p50: latency.value_at_quantile(0.50),
                p99: latency.value_at_quantile(0.99),
                p999: latency.value_at_quantile(0.999),
                max: latency.max(),
            },
        }
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("the bounds are constants that fit")
}

/// A stage's own side: plain numbers until they are handed over.
pub(crate) struct Probe {
    stage: Arc<Stage>,
    latency: Histogram<u64>,
    pending: u64,
    lag: u64,
}

impl Probe {
    /// Counts one record that was done `latency_ns` after its bytes arrived; clocks that step back count as zero.
    pub(crate) fn record(&mut self, latency_ns: i64) {
        self.latency
            .saturating_record(u64::try_from(latency_ns).unwrap_or(0));
        self.count(1);
    }

    /// Counts records without a latency.
    pub(crate) fn count(&mut self, records: u64) {
        self.pending += records;
        if self.pending >= HANDOVER_RECORDS {
            self.hand_over();
        }
    }

    /// Counts records that were dropped.
    pub(crate) fn dropped(&mut self, records: u64) {
        self.stage.dropped.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts that a push found its ring full and had to wait.
    pub(crate) fn waited(&mut self) {
        self.stage.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// Says how many records wait before this stage.
    pub(crate) fn lag(&mut self, records: u64) {
        self.lag = records;
    }

    /// Hands the numbers over; cheap when there are none.
    pub(crate) fn hand_over(&mut self) {
        self.stage.lag.store(self.lag, Ordering::Relaxed);
        if self.pending == 0 {
            return;
        }
        self.stage
            .records
            .fetch_add(self.pending, Ordering::Relaxed);
        self.pending = 0;
        if !self.latency.is_empty() {
            let mut shared = self
                .stage
                .latency
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if shared.add(&self.latency).is_ok() {
                self.latency.reset();
            }
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// A number that is set to what it is now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// Sets it.
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// A gauge with its name on the page, and what it says.
type NamedGauge = (&'static str, &'static str, Gauge);

/// A feed's name and its counters.
pub(crate) type NamedFeed = (String, Arc<FeedMetrics>);

/// All that a pipeline is measured by.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    stages: Arc<Mutex<Vec<Arc<Stage>>>>,
    gauges: Arc<Mutex<Vec<NamedGauge>>>,
    feeds: Arc<[NamedFeed]>,
    trading: TradingView,
}

impl Metrics {
    /// No stages yet; `trading` has the numbers of signals and positions.
    pub(crate) fn new(trading: TradingView, feeds: Vec<NamedFeed>) -> Metrics {
        Metrics {
            stages: Arc::default(),
            gauges: Arc::default(),
            feeds: feeds.into(),
            trading,
        }
    }

    /// The feeds and their counters.
    pub(crate) fn feeds(&self) -> &[NamedFeed] {
        &self.feeds
    }

    /// Adds a stage and returns its probe.
    pub(crate) fn stage(&self, name: &str) -> Probe {
        let stage = Stage::new(name);
        self.stages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&stage));
        Probe {
            stage,
            latency: new_histogram(),
            pending: 0,
            lag: 0,
        }
    }

    /// Adds a number of its own, and what it says.
    pub(crate) fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        let gauge = Gauge::default();
        let mut gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        gauges.push((name, help, gauge.clone()));
        gauge
    }

    /// What all stages show now, in the order in which a record passes them.
    pub(crate) fn view(&self) -> Vec<StageView> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.iter().map(|stage| stage.view()).collect()
    }

    /// The Prometheus page, in the OpenMetrics text format.
    pub(crate) fn page(&self) -> Result<String, fmt::Error> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        let page = Page {
            stages: stages.clone(),
            gauges: gauges.clone(),
            feeds: Arc::clone(&self.feeds),
            trading: self.trading.families(),
        };
        drop((stages, gauges));
        page.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_counts_and_cumulative_buckets() {
        let feed = FeedMetrics::new();
        feed.frames.store(9, Ordering::Relaxed);
        let feeds = vec![("binance".to_owned(), Arc::new(feed))];
        let metrics = Metrics::new(TradingView::default(), feeds);
        let mut probe = metrics.stage("core");
        probe.record(400);
        probe.record(1_500);
        probe.record(-5);
        probe.dropped(2);
        probe.waited();
        probe.lag(7);
        probe.hand_over();
        metrics.gauge("questdb_up", "Whether it is").set(1);
        let page = metrics.page().unwrap();
        for line in [
            "tickloom_questdb_up 1",
            "tickloom_records_total{stage=\"core\"} 3",
            "tickloom_dropped_total{stage=\"core\"} 2",
            "tickloom_waits_total{stage=\"core\"} 1",
            "tickloom_lag{stage=\"core\"} 7",
            "tickloom_latency_seconds_count{stage=\"core\"} 3",
            "tickloom_latency_seconds_bucket{le=\"5e-7\",stage=\"core\"} 2",
            "tickloom_latency_seconds_bucket{le=\"0.000002\",stage=\"core\"} 3",
            "tickloom_latency_seconds_bucket{le=\"+Inf\",stage=\"core\"} 3",
            "tickloom_feed_total{feed=\"binance\",what=\"frames\"} 9",
            "tickloom_feed_state{feed=\"binance\",state=\"starting\"} 1",
            "tickloom_feed_state{feed=\"binance\",state=\"live\"} 0",
        ] {
            assert!(page.contains(line), "{line} is not in:\n{page}");
        }
    }
}
