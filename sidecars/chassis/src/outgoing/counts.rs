//! Counts of requests to the outside, for the page of metrics.

use super::Outgoing;
use axum::http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// How often requests of a kind came out in a way.
#[derive(Debug, Default)]
pub(super) struct Counts {
    by: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl Counts {
    pub(super) fn add(&self, about: &'static str, outcome: &'static str) {
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        *by.entry((about, outcome)).or_default() += 1;
    }

    pub(super) fn by(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        let by = self.by.lock();
        by.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What metrics call an answer of a status.
pub(super) fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// Puts the counts of all of these on the page of metrics.
pub(crate) fn count_outgoing(registry: &mut Registry, all: impl Iterator<Item = Outgoing>) {
    let mut distinct: Vec<Outgoing> = Vec::new();
    for one in all {
        let is_known = |known: &Outgoing| Arc::ptr_eq(&known.shared, &one.shared);
        if !distinct.iter().any(is_known) {
            distinct.push(one);
        }
    }
    registry.register_collector(Box::new(Page(distinct)));
}

#[derive(Debug)]
struct Page(Vec<Outgoing>);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for one in &self.0 {
            for (key, count) in one.shared.counts.by() {
                *sums.entry(key).or_default() += count;
            }
        }
        let about: BTreeSet<&str> = sums.keys().map(|(about, _)| *about).collect();
        let mut requests = encoder.encode_descriptor(
            "tickloom_outgoing_requests",
            "Requests to the outside, by what they are about and how they came out",
            None,
            MetricType::Counter,
        )?;
        for ((about, outcome), count) in sums {
            let labels = [("about", about), ("outcome", outcome)];
            let line = requests.encode_family(&labels)?;
            ConstCounter::new(count).encode(line)?;
        }
        let mut open = encoder.encode_descriptor(
            "tickloom_outgoing_open",
            "Hosts that are left alone as they failed again and again, by what is asked of them",
            None,
            MetricType::Gauge,
        )?;
        for about in about {
            let count: usize = self
                .0
                .iter()
                .map(|one| one.shared.breakers.open(about))
                .sum();
            let labels = [("about", about)];
            let line = open.encode_family(&labels)?;
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(line)?;
        }
        Ok(())
    }
}
