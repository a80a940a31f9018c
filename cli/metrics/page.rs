//! The Prometheus page: everything that is measured, in the OpenMetrics text format.
//!
//! The number of series is bounded: stages and feeds are those of the configuration, a feed's state is one of a fixed list, its
//! reason is one series while it lasts, and signals and positions have a bound of their own (`pipeline::monitor`).

use super::{NamedFeed, NamedGauge, Stage, StageView};
use crate::pipeline::monitor::Family;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use tickloom_feeds::{FeedMetrics, FeedState};

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

/// Letters of a reason that are shown: a venue may have written it.
const REASON_MAX: usize = 200;

/// What the page is made of.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) stages: Vec<Arc<Stage>>,
    pub(super) gauges: Vec<NamedGauge>,
    pub(super) feeds: Arc<[NamedFeed]>,
    pub(super) trading: Vec<Family>,
}

impl Page {
    /// The whole page.
    pub(super) fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("tickloom");
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// A number of a stage: its name, what it says, whether it only grows, and where it is.
type StageNumber = (
    &'static str,
    &'static str,
    MetricType,
    fn(&StageView) -> u64,
);

const STAGE_NUMBERS: [StageNumber; 4] = [
    (
        "records",
        "Records a stage has passed on",
        MetricType::Counter,
        |view| view.records,
    ),
    (
        "dropped",
        "Records a stage has dropped",
        MetricType::Counter,
        |view| view.dropped,
    ),
    (
        "waits",
        "Pushes that found the ring behind a stage full and waited",
        MetricType::Counter,
        |view| view.waits,
    ),
    (
        "lag",
        "Records that wait before a stage",
        MetricType::Gauge,
        |view| view.lag,
    ),
];

/// A number that a feed has now: its name, what it says, and where it is.
type FeedNumber = (&'static str, &'static str, fn(&FeedMetrics) -> u64);

const FEED_NUMBERS: [FeedNumber; 2] = [
    ("feed_books_live", "Books of a feed that are live", |feed| {
        feed.books_live.load(Relaxed)
    }),
    (
        "feed_silent_streams",
        "Subscriptions of a feed of which nothing has come in time",
        |feed| feed.silent_streams.load(Relaxed),
    ),
];

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.stages(&mut encoder)?;
        for (name, help, gauge) in &self.gauges {
            let value = ConstGauge::new(gauge.0.load(Relaxed));
            value.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        self.feeds(&mut encoder)?;
        self.trading(&mut encoder)
    }
}

impl Page {
    fn stages(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let views: Vec<StageView> = self.stages.iter().map(|stage| stage.view()).collect();
        for (name, help, kind, number) in STAGE_NUMBERS {
            let is_counter = matches!(kind, MetricType::Counter);
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for view in &views {
                let labels = [("stage", view.stage.as_str())];
                let metric = family.encode_family(&labels)?;
                if is_counter {
                    ConstCounter::new(number(view)).encode(metric)?;
                } else {
                    ConstGauge::new(number(view)).encode(metric)?;
                }
            }
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
        Ok(())
    }

    fn feeds(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "What a feed has counted";
        let mut family = encoder.encode_descriptor("feed", help, None, MetricType::Counter)?;
        for (feed, metrics) in &*self.feeds {
            for (what, value) in counters(metrics) {
                let labels = [("feed", feed.as_str()), ("what", what)];
                ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, number) in FEED_NUMBERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (feed, metrics) in &*self.feeds {
                let value = ConstGauge::new(number(metrics));
                value.encode(family.encode_family(&[("feed", feed.as_str())])?)?;
            }
        }
        let help = "1 for what a feed is doing, 0 for everything else";
        let mut family = encoder.encode_descriptor("feed_state", help, None, MetricType::Gauge)?;
        for (feed, metrics) in &*self.feeds {
            let now = metrics.status().state;
            for state in FeedState::ALL {
                let labels = [("feed", feed.as_str()), ("state", state.name())];
                let value = ConstGauge::new(u64::from(state == now));
                value.encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Why a feed is in its state, while there is something to say";
        let mut family = encoder.encode_descriptor("feed_reason", help, None, MetricType::Gauge)?;
        for (feed, metrics) in &*self.feeds {
            let status = metrics.status();
            if !status.reason.is_empty() {
                let reason: String = status.reason.chars().take(REASON_MAX).collect();
                let labels = [
                    ("feed", feed.as_str()),
                    ("state", status.state.name()),
                    ("reason", reason.as_str()),
                ];
                ConstGauge::new(1_u64).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn trading(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        for Family { name, help, series } in &self.trading {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for series in series {
                let value = ConstGauge::new(series.value);
                value.encode(family.encode_family(&series.labels)?)?;
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

fn counters(feed: &FeedMetrics) -> [(&'static str, u64); 20] {
    [
        ("frames", feed.frames.load(Relaxed)),
        ("bytes", feed.bytes.load(Relaxed)),
        ("records", feed.records.load(Relaxed)),
        ("gaps", feed.gaps.load(Relaxed)),
        ("syncs", feed.syncs.load(Relaxed)),
        ("resyncs", feed.resyncs.load(Relaxed)),
        ("duplicates", feed.duplicates.load(Relaxed)),
        ("out_of_order", feed.out_of_order.load(Relaxed)),
        ("snapshots", feed.snapshots.load(Relaxed)),
        ("snapshots_failed", feed.snapshots_failed.load(Relaxed)),
        ("snapshots_too_old", feed.snapshots_too_old.load(Relaxed)),
        ("snapshots_too_new", feed.snapshots_too_new.load(Relaxed)),
        ("id_restarts", feed.id_restarts.load(Relaxed)),
        ("refusals", feed.refusals.load(Relaxed)),
        ("connects", feed.connects.load(Relaxed)),
        ("disconnects", feed.disconnects.load(Relaxed)),
        ("bad_frames", feed.bad_frames_total()),
        ("bad_times", feed.bad_times.load(Relaxed)),
        ("overlaps", feed.overlaps.load(Relaxed)),
        ("repeated", feed.repeated.load(Relaxed)),
    ]
}
