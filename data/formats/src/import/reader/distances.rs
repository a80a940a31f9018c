//! How far rows are apart, or how long bars are: what is the size of bars, and whether some of the rows have another.

use std::collections::BTreeMap;
use tickloom_types::NANOS_PER_SECOND;

/// Distances of an instrument that are told apart in any case.
const APART_MIN: usize = 4;
/// From so many in a row on, a distance is no chance.
const RUN_MIN: u64 = 4;

/// Sizes that few rows may say, in seconds: half an hour to a week.
const SIZES: [i64; 10] = [
    1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 28_800, 43_200, 86_400, 604_800,
];
/// How much longer than others they have to be for that.
const LONGER: i64 = 20;

/// How often there is a value.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u64,
    /// Those of which [`RUN_MIN`] or more follow each other.
    in_runs: u64,
}

/// How often there are values, of which the same often follows itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    of: Distances,
    /// The last value, and how often it came without being counted.
    last: (i64, u64),
}

impl Counts {
    /// Counts a value; `room` is how many may still be told apart.
    #[inline]
    pub(super) fn add(&mut self, value: i64, room: &mut usize) {
        if value == self.last.0 {
            self.last.1 += 1;
        } else {
            self.settle(room);
            self.last = (value, 1);
        }
    }

    /// Counts the last value.
    fn settle(&mut self, room: &mut usize) {
        let (value, count) = std::mem::take(&mut self.last);
        if value <= 0 {
            return;
        }
        let of = &mut self.of.of;
        if !of.contains_key(&value) && of.len() >= APART_MIN {
            if *room == 0 {
                self.of.more += count;
                return;
            }
            *room -= 1;
        }
        let known = of.entry(value).or_default();
        known.all += count;
        if count >= RUN_MIN {
            known.in_runs += count;
        }
    }

    pub(super) fn all(&self) -> Distances {
        let mut all = self.clone();
        all.settle(&mut 1);
        all.of
    }
}

/// How often rows are so far apart.
#[derive(Clone, Debug, Default)]
pub(in crate::import) struct Distances {
    of: BTreeMap<i64, Count>,
    /// Those that are not told apart.
    more: u64,
}

impl Distances {
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    pub(in crate::import) fn add(&mut self, other: &Distances) {
        for (value, count) in &other.of {
            let known = self.of.entry(*value).or_default();
            known.all += count.all;
            known.in_runs += count.in_runs;
        }
        self.more += other.more;
    }

    fn count(&self) -> u64 {
        self.of.values().map(|count| count.all).sum::<u64>() + self.more
    }

    /// The most common one: how often it is, of how many. Of equally common ones the shortest.
    pub(in crate::import) fn most_common(&self) -> Option<(i64, u64, u64)> {
        self.most_common_of(|_| true)
    }

    /// The distance of which all others are multiples, if it is there and none is most of all: of rows with many holes.
    pub(in crate::import) fn common_part(&self) -> Option<(i64, u64, u64)> {
        let (_, most, all) = self.most_common()?;
        let part = self.of.keys().fold(0, |part, value| divisor(part, *value));
        let count = self.of.get(&part)?.all;
        (most.saturating_mul(2) <= all && self.of.len() > 2).then_some((part, count, all))
    }

    /// The distance of which all others are multiples, if it is longer than a size: no two rows are as close as bars of that size would be.
    pub(in crate::import) fn longer_part(&self, size: i64) -> Option<(i64, u64, u64)> {
        if self.more > 0 {
            return None;
        }
        let part = self.of.keys().fold(0, |part, value| divisor(part, *value));
        let count = self.of.get(&part).map_or(0, |count| count.all);
        is_shorter(size, part).then_some((part, count, self.count()))
    }

    fn most_common_of(&self, is_meant: impl Fn(i64) -> bool) -> Option<(i64, u64, u64)> {
        let meant = self.of.iter().filter(|(value, _)| is_meant(**value));
        let most = meant.rev().max_by_key(|(_, count)| count.all);
        most.map(|(value, count)| (*value, count.all, self.count()))
    }

    /// How many are much shorter than a size. Bars that a session or a change of the clock cuts off are somewhat shorter.
    pub(in crate::import) fn shorter(&self, size: i64) -> u64 {
        let shorter = self
            .of
            .iter()
            .filter(|(value, _)| is_shorter(**value, size));
        shorter.map(|(_, count)| count.all).sum()
    }

    /// The distance of rows that cannot be bars of this size, as others are closer: if they are more than a quarter of all, or come one
    /// after another.
    pub(in crate::import) fn too_short(&self, size: i64) -> Option<(i64, u64, u64)> {
        let is_short = |value: i64| is_shorter(value, size);
        if self.shorter(size).saturating_mul(4) > self.count() {
            return self.most_common_of(is_short);
        }
        self.most_common_of(|value| is_short(value) && self.is_regular(value))
    }

    /// The distance of rows that say another, longer size: most of those of an instrument, or many one after another. A few rows of an instrument
    /// that is seldom traded may be as far apart by chance, but not by a much longer size.
    pub(in crate::import) fn too_long(&self, size: i64) -> Option<(i64, u64, u64)> {
        let all = self.count();
        self.most_common_of(|value| {
            let count = self.of.get(&value).map_or(0, |count| count.all);
            let is_size = SIZES.contains(&(value / NANOS_PER_SECOND)) && value / LONGER >= size;
            let least = if is_size { RUN_MIN - 1 } else { 2 * RUN_MIN };
            let is_most = count >= least && count.saturating_mul(2) > all;
            let is_often = count >= 2 * RUN_MIN && self.is_regular(value);
            is_shorter(size, value) && (is_most || is_often)
        })
    }

    /// Whether most of a distance come one after another.
    fn is_regular(&self, value: i64) -> bool {
        let count = self.of.get(&value).copied().unwrap_or_default();
        count.in_runs.saturating_mul(2) > count.all
    }
}

/// The largest number that divides both.
pub(super) fn divisor(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Whether a distance is less than three quarters of another.
fn is_shorter(value: i64, than: i64) -> bool {
    i128::from(value) * 4 < i128::from(than) * 3
}
