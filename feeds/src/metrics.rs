//! Counters of one feed: written by its thread, read by whoever shows them. They never influence the feed.

use crate::Reason;
use crate::book_sync::SyncCounts;
use crate::status::{FeedStatus, StatusBoard};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tickloom_types::DurationNs;

/// What one feed has done so far.
#[derive(Debug, Default)]
pub struct FeedMetrics {
    /// WebSocket messages that arrived, good or bad.
    pub frames: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Records pushed into the sink.
    pub records: AtomicU64,
    /// Gaps in update ids.
    pub gaps: AtomicU64,
    /// Times that a book became live.
    pub syncs: AtomicU64,
    /// Times that a book was thrown away to be built again from a snapshot, after it was live.
    pub resyncs: AtomicU64,
    /// Diffs that came twice.
    pub duplicates: AtomicU64,
    /// Diffs that came after a later one.
    pub out_of_order: AtomicU64,
    /// Snapshots asked for.
    pub snapshots: AtomicU64,
    /// Snapshots that could not be fetched or decoded.
    pub snapshots_failed: AtomicU64,
    /// Snapshots that were older than the waiting diffs.
    pub snapshots_too_old: AtomicU64,
    /// Snapshots that no diff joined on to in time, so far ahead were their ids.
    pub snapshots_too_new: AtomicU64,
    /// Times that the venue began the update ids of a book anew.
    pub id_restarts: AtomicU64,
    /// Requests that the venue refused.
    pub refusals: AtomicU64,
    /// Books that are live now.
    pub books_live: AtomicU64,
    /// Connections made.
    pub connects: AtomicU64,
    /// Connections lost or failed.
    pub disconnects: AtomicU64,
    /// Times of the venue that were far from the feed's own course, and not used.
    pub bad_times: AtomicU64,
    /// Subscriptions of which nothing has come in time, now.
    pub silent_streams: AtomicU64,
    /// Messages that came over the next connection too, and were dropped.
    pub overlaps: AtomicU64,
    /// Trades that came before, and were dropped.
    pub repeated: AtomicU64,
    /// Time of arrival minus the venue's time.
    pub lag: LagHistogram,
    bad_frames: [AtomicU64; Reason::ALL.len()],
    last_error: Mutex<Option<String>>,
    status: StatusBoard,
}

/// Lags in powers of two of nanoseconds.
#[derive(Debug)]
pub struct LagHistogram {
    buckets: [AtomicU64; 64],
    negative: AtomicU64,
}

impl FeedMetrics {
    /// All zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Connections made after the first.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.connects.load(Relaxed).saturating_sub(1)
    }

    /// Bad frames of one reason.
    #[must_use]
    pub fn bad_frames(&self, reason: Reason) -> u64 {
        self.bad_frames[usize::from(reason as u8) - 1].load(Relaxed)
    }

    /// Bad frames of all reasons.
    #[must_use]
    pub fn bad_frames_total(&self) -> u64 {
        self.bad_frames
            .iter()
            .map(|count| count.load(Relaxed))
            .sum()
    }

    pub(crate) fn count_bad_frame(&self, reason: Reason) {
        self.bad_frames[usize::from(reason as u8) - 1].fetch_add(1, Relaxed);
    }

    /// The counts of all books so far.
    pub(crate) fn set_sync(&self, counts: SyncCounts) {
        self.gaps.store(counts.gaps, Relaxed);
        self.syncs.store(counts.syncs, Relaxed);
        self.resyncs.store(counts.resyncs, Relaxed);
        self.duplicates.store(counts.duplicates, Relaxed);
        self.out_of_order.store(counts.out_of_order, Relaxed);
        self.snapshots_too_new
            .store(counts.snapshots_too_new, Relaxed);
        self.id_restarts.store(counts.id_restarts, Relaxed);
        self.snapshots_too_old
            .store(counts.snapshots_too_old, Relaxed);
    }

    /// What the feed is doing, and why.
    #[must_use]
    pub fn status(&self) -> FeedStatus {
        self.status.get()
    }

    /// How often [`FeedMetrics::status`] has changed: cheap to look at, so that the status is read only when it is new.
    #[must_use]
    pub fn status_changes(&self) -> u64 {
        self.status.changes()
    }

    /// What the feed was at since so many changes, oldest first, and how many changes there are now. Of more than 64 the
    /// oldest are left out.
    #[must_use]
    pub fn statuses_since(&self, seen: u64) -> (u64, Vec<FeedStatus>) {
        self.status.since(seen)
    }

    pub(crate) fn set_status(&self, status: FeedStatus) {
        self.status.set(status);
    }

    /// The latest thing that went wrong, in words.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().map_or(None, |text| text.clone())
    }

    pub(crate) fn set_last_error(&self, error: &dyn std::fmt::Display) {
        if let Ok(mut text) = self.last_error.lock() {
            *text = Some(error.to_string());
        }
    }
}

impl Default for LagHistogram {
    fn default() -> Self {
        LagHistogram {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            negative: AtomicU64::new(0),
        }
    }
}

impl LagHistogram {
    /// Counts one lag.
    pub fn record(&self, lag: DurationNs) {
        match u64::try_from(lag) {
            Ok(lag) => {
                let bucket = (u64::BITS - lag.leading_zeros()) as usize;
                self.buckets[bucket.min(63)].fetch_add(1, Relaxed);
            }
            Err(_) => {
                self.negative.fetch_add(1, Relaxed);
            }
        }
    }

    /// `(below, count)` for each bucket that is not empty: so many lags were below so many nanoseconds (and not below half of that).
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.buckets
            .iter()
            .enumerate()
            .map(|(bucket, count)| (1_u64 << bucket, count.load(Relaxed)))
            .filter(|(_, count)| *count > 0)
    }

    /// Lags below zero: the venue's clock is ahead of ours.
    #[must_use]
    pub fn negative(&self) -> u64 {
        self.negative.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_fall_into_powers_of_two() {
        let lags = LagHistogram::default();
        for lag in [0, 1, 2, 3, 1_000_000, -5, i64::MAX] {
            lags.record(lag);
        }
        let buckets: Vec<_> = lags.buckets().collect();
        assert_eq!(
            buckets,
            [(1, 1), (2, 1), (4, 2), (1 << 20, 1), (1 << 63, 1)]
        );
        assert_eq!(lags.negative(), 1);
    }

    #[test]
    fn bad_frames_are_counted_by_reason() {
        let metrics = FeedMetrics::new();
        metrics.count_bad_frame(Reason::Syntax);
        metrics.count_bad_frame(Reason::Binary);
        metrics.count_bad_frame(Reason::Binary);
        assert_eq!(metrics.bad_frames(Reason::Binary), 2);
        assert_eq!(metrics.bad_frames_total(), 3);
    }
}
