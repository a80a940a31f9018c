//! Splits that nobody adjusted for: a price that jumps by a simple ratio between two bars and stays, with the volume of the bars after it
//! changed the other way.

use super::Thresholds;
use std::collections::VecDeque;
use tickloom_types::{BarBody, DurationNs, Record, Ts};

/// Bars before and after a jump whose volumes are compared.
const AROUND: usize = 10;
/// Bars after a jump that must be there at least.
const AFTER_MIN: usize = 3;

/// Ratios below two have to be met so many times better.
const SMALL_PART: i64 = 4;
/// Longest time between two bars that a split is looked for in: what lies before a hole says little of what comes after it.
const APART_MAX: DurationNs = 5 * 86_400_000_000_000;

/// Ratios of shares after to shares before, or the other way round, that companies choose.
const RATIOS: [(i64, i64); 26] = [
    (5, 4),
    (4, 3),
    (3, 2),
    (5, 3),
    (2, 1),
    (5, 2),
    (3, 1),
    (7, 2),
    (4, 1),
    (5, 1),
    (6, 1),
    (7, 1),
    (8, 1),
    (9, 1),
    (10, 1),
    (12, 1),
    (15, 1),
    (20, 1),
    (25, 1),
    (30, 1),
    (35, 1),
    (40, 1),
    (50, 1),
    (60, 1),
    (80, 1),
    (100, 1),
];

/// A jump that looks like a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Close of the bar before, and of the first after.
    pub(super) from: Ts,
    pub(super) to: Ts,
    /// Price mantissas: the last close, the next open.
    pub(super) before: i64,
    pub(super) after: i64,
    /// New units for old ones.
    pub(super) ratio: (i64, i64),
}

/// Follows the bars of one size.
#[derive(Clone, Debug, Default)]
pub(super) struct SplitWatch {
    last: Option<(Ts, i64)>,
    volumes: VecDeque<i64>,
    candidate: Option<Candidate>,
}

#[derive(Clone, Debug)]
struct Candidate {
    split: Split,
    before: i64,
    after: Vec<i64>,
}

impl SplitWatch {
    /// The next bar, of this length; a split that is sure by now.
    pub(super) fn push(
        &mut self,
        ts: Ts,
        length: DurationNs,
        bar: &BarBody,
        thresholds: &Thresholds,
    ) -> Option<Split> {
        let mut found = None;
        if let Some(candidate) = &mut self.candidate {
            candidate.after.push(bar.volume);
            if candidate.is_undone(bar.close) {
                self.candidate = None;
            } else if candidate.after.len() == AROUND {
                found = self.rest();
            }
        }
        if let Some((from, before)) = self.last
            && self.candidate.is_none()
            && ts.0.saturating_sub(from.0).saturating_sub(length) <= APART_MAX
            && self.volumes.len() >= AFTER_MIN
            && let Some(ratio) = ratio(before, bar.open, thresholds)
        {
            let (to, after) = (ts, bar.open);
            let split = Split {
                from,
                to,
                before,
                after,
                ratio,
            };
            self.candidate = Some(Candidate {
                split,
                before: median(self.volumes.iter().copied()),
                after: vec![bar.volume],
            });
            // What comes before another one is counted anew.
            self.volumes.clear();
        }
        self.last = Some((ts, bar.close));
        if self.volumes.len() == AROUND {
            self.volumes.pop_front();
        }
        self.volumes.push_back(bar.volume);
        found
    }

    /// Whether no jump waits, and the bars so far end with this close, after which [`is_no_split`] can be asked.
    pub(super) fn is_calm(&self, newest: Ts, close: i64, thresholds: &Thresholds) -> bool {
        self.candidate.is_none()
            && self.last == Some((newest, close))
            && (0..=CALM_PPM_MAX).contains(&thresholds.split_ppm)
    }

    /// Takes bars of which none opens with a jump, while none waits.
    pub(super) fn take_calm(&mut self, bars: &[Record]) {
        let Some(last) = bars.last() else { return };
        self.last = Some((last.ts_event(), BarBody::of(last).close));
        for record in &bars[bars.len().saturating_sub(AROUND)..] {
            if self.volumes.len() == AROUND {
                self.volumes.pop_front();
            }
            self.volumes.push_back(BarBody::of(record).volume);
        }
    }

    /// The one that waits for more bars.
    pub(super) fn rest(&mut self) -> Option<Split> {
        self.candidate
            .take()
            .filter(Candidate::has_volume_the_other_way)
            .map(|candidate| candidate.split)
    }
}

impl Candidate {
    /// Whether the price is nearer to where it was than to where it went: it was a spike.
    fn is_undone(&self, close: i64) -> bool {
        let (before, after) = (i128::from(self.split.before), i128::from(self.split.after));
        let square = i128::from(close) * i128::from(close);
        if before > after {
            square > before * after
        } else {
            square < before * after
        }
    }

    /// Whether more units are traded after a split, and fewer after one that joins them. Prices fall by a fifth or a third by themselves, and
    /// then more is traded too: of small ratios the volume has to have changed by at least the root of the ratio, and not by its square.
    fn has_volume_the_other_way(&self) -> bool {
        let after = i128::from(median(self.after.iter().copied()));
        let before = i128::from(self.before);
        if self.after.len() < AFTER_MIN || before <= 0 || after <= 0 {
            return false;
        }
        let (new, old) = self.split.ratio;
        let (p, q) = (i128::from(new.max(old)), i128::from(new.min(old)));
        let (more, less) = if new > old {
            (after, before)
        } else {
            (before, after)
        };
        if is_small((new, old)) {
            let is_enough = square(more).saturating_mul(q) >= square(less).saturating_mul(p);
            let is_too_much = more.saturating_mul(q * q) > less.saturating_mul(p * p);
            is_enough && !is_too_much
        } else {
            more >= less
        }
    }
}

/// Up to this much may be missing to a ratio for [`is_no_split`].
const CALM_PPM_MAX: i64 = 50_000;

/// Whether prices are so near to each other that no ratio is: the least is 5 for 4, of which a twentieth may be missing, and they are
/// no farther apart than 9 for 8.
#[inline(always)]
pub(super) fn is_no_split(before: i64, after: i64) -> bool {
    let (low, high) = (before.min(after), before.max(after));
    (low > 0) & (high.wrapping_sub(low) <= low / 8)
}

/// New units for old ones, if one price is the other by a simple ratio.
fn ratio(before: i64, after: i64, thresholds: &Thresholds) -> Option<(i64, i64)> {
    if before <= 0 || after <= 0 {
        return None;
    }
    let near = |high: i64, low: i64, (p, q): (i64, i64)| {
        let left = i128::from(high) * i128::from(q);
        let right = i128::from(low) * i128::from(p);
        let part = if is_small((p, q)) { SMALL_PART } else { 1 };
        (left - right).abs() * 1_000_000 <= right * i128::from(thresholds.split_ppm / part)
    };
    let is_forward = before > after;
    let (high, low) = if is_forward {
        (before, after)
    } else {
        (after, before)
    };
    // Nearly every bar is nearer to the one before than the least of the ratios, less what may be missing to it.
    let least = (1_000_000 - i128::from(thresholds.split_ppm).clamp(0, 1_000_000)) * 5;
    if i128::from(high) * 4_000_000 < i128::from(low) * least {
        return None;
    }
    let found = RATIOS.iter().find(|ratio| near(high, low, **ratio))?;
    Some(if is_forward {
        *found
    } else {
        (found.1, found.0)
    })
}

/// Whether fewer than two become one, or one becomes fewer than two.
fn is_small((p, q): (i64, i64)) -> bool {
    p.max(q) < 2 * p.min(q)
}

fn square(value: i128) -> i128 {
    value.saturating_mul(value)
}

fn median(volumes: impl Iterator<Item = i64>) -> i64 {
    let mut sorted: Vec<i64> = volumes.collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_jump_that_may_be_a_split_is_looked_at() {
        let thresholds = Thresholds::default();
        let found = |before, after| ratio(before, after, &thresholds);
        // 5 for 4, of which a small ratio may miss 0.5 %: from 1.24375 on.
        assert_eq!(found(124_375, 100_000), Some((5, 4)));
        assert_eq!(found(124_374, 100_000), None);
        assert_eq!(found(100_000, 124_375), Some((4, 5)));
        assert_eq!(found(100_000, 100_001), None);
        assert_eq!(found(i64::MAX, i64::MAX - 1), None);
    }

    /// Bars at a price and a volume each, numbered from 1.
    fn splits(bars: &[(i64, i64)]) -> Vec<(i64, (i64, i64))> {
        let mut watch = SplitWatch::default();
        let thresholds = Thresholds::default();
        let mut found = Vec::new();
        for (n, (price, volume)) in (1..).zip(bars) {
            let body = BarBody {
                open: *price,
                high: price + 1,
                low: price - 1,
                close: *price,
                volume: *volume,
            };
            found.extend(watch.push(Ts(n), 1, &body, &thresholds));
        }
        found.extend(watch.rest());
        found
            .iter()
            .map(|split| (split.to.0, split.ratio))
            .collect()
    }

    /// So many bars of one price and volume, and then of others.
    fn turn(before: (i64, i64), after: (i64, i64), count: usize) -> Vec<(i64, i64)> {
        [vec![before; 20], vec![after; count]].concat()
    }

    #[test]
    fn a_jump_by_a_simple_ratio_with_the_volume_the_other_way_is_a_split() {
        assert_eq!(splits(&turn((8_899, 22), (4_468, 24), 20)), [(21, (2, 1))]);
        assert_eq!(
            splits(&turn((10_000, 100), (5_050, 200), 20)),
            [(21, (2, 1))]
        );
        assert_eq!(
            splits(&turn((10_000, 100), (1_440, 650), 20)),
            [(21, (7, 1))]
        );
        assert_eq!(
            splits(&turn((1_000, 900), (10_050, 90), 20)),
            [(21, (1, 10))]
        );
        assert_eq!(splits(&turn((9_000, 100), (6_000, 140), 3)), [(21, (3, 2))]);
    }

    #[test]
    fn other_jumps_are_none() {
        // By no ratio, with the volume as it was, with the volume that falls too, and one of which too little is known.
        assert_eq!(splits(&turn((10_000, 100), (5_400, 200), 20)), []);
        assert_eq!(splits(&turn((10_000, 100), (5_000, 99), 20)), []);
        // A fall by a third: as much is traded as before, or six times as much, or it is not quite a third.
        assert_eq!(splits(&turn((9_000, 100), (6_000, 110), 20)), []);
        assert_eq!(splits(&turn((9_000, 100), (6_000, 600), 20)), []);
        assert_eq!(splits(&turn((9_000, 100), (5_940, 150), 20)), []);
        assert_eq!(splits(&turn((10_000, 100), (5_000, 40), 20)), []);
        assert_eq!(splits(&turn((1_000, 100), (10_000, 900), 20)), []);
        assert_eq!(splits(&turn((10_000, 100), (5_000, 200), 2)), []);
        assert_eq!(splits(&turn((10_000, 0), (5_000, 0), 20)), []);
        // One that comes back.
        let spike = [
            turn((10_000, 100), (5_000, 200), 2),
            vec![(10_000, 100); 20],
        ]
        .concat();
        assert_eq!(splits(&spike), []);
    }

    #[test]
    fn one_after_the_other_are_two() {
        let both = [
            turn((10_000, 100), (5_000, 200), 20),
            vec![(1_250, 900); 20],
        ]
        .concat();
        assert_eq!(splits(&both), [(21, (2, 1)), (41, (4, 1))]);
    }
}
