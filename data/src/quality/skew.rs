//! Our clock against the venue's: arrival less event, its usual level, and where that jumps or drifts away.
//!
//! The level is the median of the newest records, so single late messages do not move it. A jump is believed once twenty records in
//! a row are at the new level, and counts from the first of them.

use super::Thresholds;
use tickloom_types::{DurationNs, Ts};

/// Records by which the level is known.
const WINDOW: usize = 255;
/// Records between two looks at the level.
const LOOK_EVERY: usize = 64;
/// Records at a new level that make it one.
const BELIEVED: usize = 20;

/// Times in which the clocks were apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skew {
    pub(super) from: Ts,
    pub(super) to: Ts,
    /// The median at its begin.
    pub(super) level: DurationNs,
    pub(super) least: DurationNs,
    pub(super) most: DurationNs,
    pub(super) count: u64,
}

/// Follows the distance of both clocks for one instrument.
#[derive(Clone, Debug, Default)]
pub(super) struct ClockWatch {
    /// The newest distances at the level, as a ring.
    window: Vec<DurationNs>,
    at: usize,
    since_look: usize,
    level: Option<DurationNs>,
    /// The level at the start.
    usual: DurationNs,
    /// Records in a row that are elsewhere.
    elsewhere: Vec<(Ts, DurationNs)>,
    open: Option<Skew>,
    done: Vec<Skew>,
    first: Option<Ts>,
    newest: Ts,
}

impl ClockWatch {
    pub(super) fn push(&mut self, ts: Ts, distance: DurationNs, thresholds: &Thresholds) {
        self.first.get_or_insert(ts);
        let Some(level) = self.level else {
            self.newest = ts;
            self.window.push(distance);
            if self.window.len() == LOOK_EVERY {
                self.begin(thresholds);
            }
            return;
        };
        if distance.saturating_sub(level).saturating_abs() > thresholds.skew_jump {
            self.elsewhere.push((ts, distance));
            if self.elsewhere.len() >= BELIEVED {
                self.jump(thresholds);
            }
            return;
        }
        self.newest = ts;
        self.elsewhere.clear();
        self.note(ts, distance);
        if self.window.len() < WINDOW {
            self.window.push(distance);
        } else {
            self.window[self.at] = distance;
            self.at = (self.at + 1) % WINDOW;
        }
        self.since_look += 1;
        if self.since_look >= LOOK_EVERY {
            self.since_look = 0;
            let level = median(&self.window);
            self.level = Some(level);
            self.judge(ts, level, thresholds);
        }
    }

    /// All times in which the clocks were apart.
    pub(super) fn finish(mut self, thresholds: &Thresholds) -> Vec<Skew> {
        if self.level.is_none() && self.window.len() >= BELIEVED {
            self.begin(thresholds);
        }
        self.done.extend(self.open);
        self.done
    }

    fn begin(&mut self, thresholds: &Thresholds) {
        self.usual = median(&self.window);
        self.level = Some(self.usual);
        if let Some(first) = self.first {
            self.judge(first, self.usual, thresholds);
        }
        let window = std::mem::take(&mut self.window);
        for distance in &window {
            self.note(self.newest, *distance);
        }
        self.window = window;
    }

    /// Twenty records are elsewhere: that is the level from the first of them on.
    fn jump(&mut self, thresholds: &Thresholds) {
        let records = std::mem::take(&mut self.elsewhere);
        self.window = records.iter().map(|(_, distance)| *distance).collect();
        (self.at, self.since_look) = (0, 0);
        let level = median(&self.window);
        self.level = Some(level);
        self.done.extend(self.open.take());
        self.judge(records[0].0, level, thresholds);
        for (ts, distance) in records {
            self.newest = ts;
            self.note(ts, distance);
        }
    }

    /// Opens or closes a skew by the level.
    fn judge(&mut self, ts: Ts, level: DurationNs, thresholds: &Thresholds) {
        let is_apart = level < -thresholds.skew_behind
            || level > thresholds.skew_ahead
            || (level - self.usual).abs() > thresholds.skew_jump;
        match (is_apart, self.open) {
            (true, None) => {
                self.open = Some(Skew {
                    from: ts,
                    to: ts,
                    level,
                    least: level,
                    most: level,
                    count: 0,
                });
            }
            (false, Some(open)) => {
                self.done.push(open);
                self.open = None;
            }
            _ => {}
        }
    }

    fn note(&mut self, ts: Ts, distance: DurationNs) {
        if let Some(open) = &mut self.open {
            open.to = open.to.max(ts);
            open.least = open.least.min(distance);
            open.most = open.most.max(distance);
            open.count += 1;
        }
    }
}

fn median(values: &[DurationNs]) -> DurationNs {
    let mut sorted = values.to_vec();
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable(middle).1
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn skews(distance: impl Fn(i64) -> i64) -> Vec<(i64, i64, i64, u64)> {
        let thresholds = Thresholds::default();
        let mut watch = ClockWatch::default();
        for n in 0..1_000 {
            watch.push(Ts(n), distance(n), &thresholds);
        }
        let found = watch.finish(&thresholds).into_iter();
        found
            .map(|s| (s.from.0, s.to.0, s.level / MS, s.count))
            .collect()
    }

    #[test]
    fn a_constant_offset_is_one_row() {
        assert_eq!(skews(|n| -1_270 * MS + n % 7), [(0, 999, -1_269, 1_000)]);
        assert_eq!(skews(|n| 20 * MS + n % 7), []);
    }

    #[test]
    fn a_jump_counts_from_its_first_record_to_its_last() {
        let jump = |n| {
            if (300..=499).contains(&n) {
                3_000 * MS
            } else {
                20 * MS
            }
        };
        assert_eq!(skews(jump), [(300, 499, 3_000, 200)]);
    }

    #[test]
    fn late_messages_are_no_skew() {
        assert_eq!(skews(|n| if n % 50 < 10 { 900 * MS } else { 20 * MS }), []);
    }

    #[test]
    fn a_drift_counts_once_it_is_too_far() {
        let found = skews(|n| n * MS);
        assert_eq!(found.len(), 1);
        assert!(
            (500..800).contains(&found[0].0) && found[0].1 == 999,
            "{found:?}"
        );
    }
}
