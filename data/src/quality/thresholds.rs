//! From when on something is wrong. `docs/quality.md` says where each number comes from.

use tickloom_types::{DurationNs, NANOS_PER_SECOND};

/// What is held against the data. Times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// No silence shorter than this is a gap. Default: 10 s.
    pub silence: DurationNs,
    /// Of fewer than 1,000 distances without a calendar, no silence shorter than this is a gap, unless bars are days or more: the nights,
    /// weekends and holidays of markets are shorter. Default: 4 days.
    pub silence_closed: DurationNs,
    /// A silence is a gap if it is so many times as long as all but a thousandth of the distances between records. Default: 10.
    pub silence_factor: i64,
    /// The same for bars of a day or more, of which holidays are longer than weekends by less. Default: 4.
    pub silence_factor_days: i64,
    /// So many distances must be known before a silence between records that are no bars is judged by them. Default: 200.
    pub silence_min: u64,
    /// Bid and ask that stay as they are for so long while trades go on are stale. Default: 10 s.
    pub stale: DurationNs,
    /// So many trades must have gone on meanwhile. Default: 10.
    pub stale_trades: u64,
    /// Our clock may be so far behind the venue's: arrival before the event. Default: 100 ms.
    pub skew_behind: DurationNs,
    /// Arrival may be so long after the event. Default: 5 s.
    pub skew_ahead: DurationNs,
    /// The usual distance of both clocks may change by so much. Default: 500 ms.
    pub skew_jump: DurationNs,
    /// A price is an outlier only if it is so many millionths away from its neighbours. Default: 5000, which is 0.5 %.
    pub outlier_ppm: i64,
    /// And so many times as far as nine of ten prices are from the one before. Default: 10.
    pub outlier_factor: i64,
    /// And only if the price is back within so many records. Default: 8.
    pub outlier_records: u64,
    /// A jump between two bars is by a simple ratio if it is no more than so many millionths away from it. Default: 20000, which is 2 %.
    pub split_ppm: i64,
    /// Findings of one kind that are no further apart become one row. Default: 1 s.
    pub join: DurationNs,
    /// Rows kept of one instrument; those beyond are counted. Default: 10,000.
    pub rows_max: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            silence: 10 * NANOS_PER_SECOND,
            silence_closed: 4 * 86_400 * NANOS_PER_SECOND,
            silence_factor: 10,
            silence_factor_days: 4,
            silence_min: 200,
            stale: 10 * NANOS_PER_SECOND,
            stale_trades: 10,
            skew_behind: NANOS_PER_SECOND / 10,
            skew_ahead: 5 * NANOS_PER_SECOND,
            skew_jump: NANOS_PER_SECOND / 2,
            outlier_ppm: 5_000,
            outlier_factor: 10,
            outlier_records: 8,
            split_ppm: 20_000,
            join: NANOS_PER_SECOND,
            rows_max: 10_000,
        }
    }
}
