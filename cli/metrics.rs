//! Count, drops, lag and latency of each stage of the pipeline, and the Prometheus page that shows them.
//!
//! A stage's thread writes into its own [`Probe`] and hands the numbers over in batches; nobody else's read
//! ever makes it wait for longer than the copy of a few buckets.

use hdrhistogram::Histogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Latencies are kept from 1 ns to 60 s with three significant digits.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// A probe hands its numbers over after this many records, or when its thread is idle.
const HANDOVER_RECORDS: u64 = 256;
/// Upper bounds of the Prometheus histogram's buckets, in nanoseconds.
const BUCKETS_NS: [u64; 16] = [
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    20_000_000,
    100_000_000,
    1_000_000_000,
];

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

/// All stages of a pipeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    stages: Arc<Mutex<Vec<Arc<Stage>>>>,
    gauges: Arc<Mutex<Vec<NamedGauge>>>,
}

impl Metrics {
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
    pub(crate) fn page(&self, feeds: &[FeedNumbers]) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("tickloom");
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(StagePage {
            stages: stages.clone(),
            gauges: gauges.clone(),
            feeds: feeds.to_vec(),
        }));
        drop((stages, gauges));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// The counters of one feed by name, for the page.
#[derive(Clone, Debug)]
pub(crate) struct FeedNumbers {
    pub(crate) feed: String,
    pub(crate) counters: Vec<(String, u64)>,
}

#[derive(Debug)]
struct StagePage {
    stages: Vec<Arc<Stage>>,
    gauges: Vec<NamedGauge>,
    feeds: Vec<FeedNumbers>,
}

impl Collector for StagePage {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let views: Vec<StageView> = self.stages.iter().map(|stage| stage.view()).collect();
        let mut family = encoder.encode_descriptor(
            "records",
            "Records a stage has passed on",
            None,
            MetricType::Counter,
        )?;
        for view in &views {
            ConstCounter::new(view.records)
                .encode(family.encode_family(&[("stage", view.stage.as_str())])?)?;
        }
        let mut family = encoder.encode_descriptor(
            "dropped",
            "Records a stage has dropped",
            None,
            MetricType::Counter,
        )?;
        for view in &views {
            ConstCounter::new(view.dropped)
                .encode(family.encode_family(&[("stage", view.stage.as_str())])?)?;
        }
        let mut family = encoder.encode_descriptor(
            "waits",
            "Pushes that found the ring behind a stage full and waited",
            None,
            MetricType::Counter,
        )?;
        for view in &views {
            ConstCounter::new(view.waits)
                .encode(family.encode_family(&[("stage", view.stage.as_str())])?)?;
        }
        let mut family = encoder.encode_descriptor(
            "lag",
            "Records that wait before a stage",
            None,
            MetricType::Gauge,
        )?;
        for view in &views {
            ConstGauge::new(view.lag)
                .encode(family.encode_family(&[("stage", view.stage.as_str())])?)?;
        }
        let mut family = encoder.encode_descriptor(
            "latency_seconds",
            "Time from the arrival of the bytes to the end of a stage",
            None,
            MetricType::Histogram,
        )?;
        for stage in &self.stages {
            let (sum, count, buckets) = stage.buckets();
            family
                .encode_family(&[("stage", stage.name.as_str())])?
                .encode_histogram::<[(String, String); 0]>(sum, count, &buckets, None)?;
        }
        for (name, help, gauge) in &self.gauges {
            let value = ConstGauge::new(gauge.0.load(Ordering::Relaxed));
            value.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        let mut family = encoder.encode_descriptor(
            "feed",
            "What a feed has counted",
            None,
            MetricType::Counter,
        )?;
        for feed in &self.feeds {
            for (name, value) in &feed.counters {
                let labels = [("feed", feed.feed.as_str()), ("what", name.as_str())];
                ConstCounter::new(*value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

impl Stage {
    /// Sum in seconds, count, and the count of each bucket (not cumulative; the encoder adds up).
    fn buckets(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let mut below = 0;
        let mut buckets = Vec::with_capacity(BUCKETS_NS.len() + 1);
        for bound in BUCKETS_NS {
            let up_to = latency.count_between(0, bound);
            buckets.push((bound as f64 / 1e9, up_to - below));
            below = up_to;
        }
        buckets.push((f64::INFINITY, latency.len() - below));
        let sum = latency.mean() * latency.len() as f64 / 1e9;
        (sum, latency.len(), buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_counts_and_cumulative_buckets() {
        let metrics = Metrics::default();
        let mut probe = metrics.stage("core");
        probe.record(400);
        probe.record(1_500);
        probe.record(-5);
        probe.dropped(2);
        probe.waited();
        probe.lag(7);
        probe.hand_over();
        let feeds = [FeedNumbers {
            feed: "binance".to_owned(),
            counters: vec![("frames".to_owned(), 9)],
        }];
        metrics.gauge("questdb_up", "Whether it is").set(1);
        let page = metrics.page(&feeds).unwrap();
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
        ] {
            assert!(page.contains(line), "{line} is not in:\n{page}");
        }
    }
}
