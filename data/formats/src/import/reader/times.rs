//! What the times of a file's rows say of it, whether or not the rows are right: the size of its bars and the order that it is in.

use super::days::Days;
use crate::limits::DISTANCES_MAX;
use std::collections::BTreeMap;
use tickloom_types::Ts;

/// The order that the rows of a file are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum FileOrder {
    /// Times never go back.
    Sorted,
    /// Times never go forward within an instrument.
    NewestFirst,
    /// Instrument after instrument, or in none; so many rows are earlier than that before of their instrument.
    Other(u64),
}

/// Times as they are read.
#[derive(Clone, Debug)]
pub(in crate::import) struct Times {
    /// Whether distances tell anything.
    is_of_bars: bool,
    last: Ts,
    is_sorted: bool,
    forward: u64,
    back: u64,
    equal: u64,
    pub(in crate::import) all_dates: bool,
    /// Which days they are.
    pub(in crate::import) days: Days,
    /// Whether numbers of trades go back.
    pub(in crate::import) ids_go_back: bool,
    last_of: Vec<Option<Ts>>,
    /// How often rows of an instrument are so far apart.
    distances: Counts,
    /// How often bars are so long, of those that say so.
    lengths: Counts,
}

/// How often there are values, of which the same often follows itself.
#[derive(Clone, Debug, Default)]
struct Counts {
    of: BTreeMap<i64, u64>,
    /// The last value, and how often it came without being counted.
    last: (i64, u64),
}

impl Counts {
    #[inline]
    fn add(&mut self, value: i64) {
        if value == self.last.0 {
            self.last.1 += 1;
        } else {
            self.settle();
            self.last = (value, 1);
        }
    }

    /// Counts the last value.
    fn settle(&mut self) {
        let (value, count) = std::mem::take(&mut self.last);
        if value > 0 && (self.of.len() < DISTANCES_MAX || self.of.contains_key(&value)) {
            *self.of.entry(value).or_default() += count;
        }
    }

    fn all(&self) -> BTreeMap<i64, u64> {
        let mut all = self.clone();
        all.settle();
        all.of
    }
}

impl Default for Times {
    fn default() -> Times {
        Times {
            is_of_bars: false,
            last: Ts(i64::MIN),
            is_sorted: true,
            forward: 0,
            back: 0,
            equal: 0,
            all_dates: true,
            days: Days::NONE,
            ids_go_back: false,
            last_of: Vec::new(),
            distances: Counts::default(),
            lengths: Counts::default(),
        }
    }
}

impl Times {
    pub(super) fn new(is_of_bars: bool) -> Times {
        Times {
            is_of_bars,
            ..Times::default()
        }
    }

    /// A row of this instrument has this time.
    #[inline]
    pub(super) fn note(&mut self, ticker: usize, ts: Ts, is_date: bool) {
        self.is_sorted &= ts >= self.last;
        self.last = ts;
        self.all_dates &= is_date;
        if self.all_dates && self.is_of_bars {
            self.days.note(ts);
        }
        if self.last_of.len() <= ticker {
            self.last_of.resize(ticker + 1, None);
        }
        let Some(before) = self.last_of[ticker].replace(ts) else {
            return;
        };
        match ts.cmp(&before) {
            std::cmp::Ordering::Less => self.back += 1,
            std::cmp::Ordering::Equal => self.equal += 1,
            std::cmp::Ordering::Greater => self.forward += 1,
        }
        let distance = ts.0.checked_sub(before.0).and_then(i64::checked_abs);
        if let Some(distance) = distance.filter(|_| self.is_of_bars) {
            self.distances.add(distance);
        }
    }

    /// How long a bar is that says so.
    pub(super) fn note_length(&mut self, open: Ts, close: Ts) {
        if let Some(length) = close.0.checked_sub(open.0) {
            self.lengths.add(length);
        }
    }

    /// As [`Times::note`], of rows of one instrument; `are_dates` if all of them are.
    pub(super) fn note_all(&mut self, ticker: usize, all: &[i64], are_dates: bool) {
        let Some((first, rest)) = all.split_first() else {
            return;
        };
        self.note(ticker, Ts(*first), are_dates);
        let mut before = *first;
        for ts in rest {
            match ts.cmp(&before) {
                std::cmp::Ordering::Less => {
                    self.back += 1;
                    self.is_sorted = false;
                }
                std::cmp::Ordering::Equal => self.equal += 1,
                std::cmp::Ordering::Greater => self.forward += 1,
            }
            let distance = ts.checked_sub(before).and_then(i64::checked_abs);
            if let Some(distance) = distance.filter(|_| self.is_of_bars) {
                self.distances.add(distance);
            }
            if self.all_dates && self.is_of_bars {
                self.days.note(Ts(*ts));
            }
            before = *ts;
        }
        self.last = Ts(before);
        if let Some(last) = self.last_of.get_mut(ticker) {
            *last = Some(Ts(before));
        }
    }

    pub(in crate::import) fn order(&self) -> FileOrder {
        if self.is_sorted {
            FileOrder::Sorted
        } else if self.forward == 0 {
            FileOrder::NewestFirst
        } else {
            FileOrder::Other(self.back)
        }
    }

    /// Whether all rows of an instrument have times of their own, in order.
    pub(in crate::import) fn is_strict(&self) -> bool {
        self.back == 0 || self.forward == 0 && self.equal == 0
    }

    /// Whether two rows of an instrument may have the same time.
    pub(in crate::import) fn meet(&self) -> bool {
        self.equal > 0 || !self.is_strict()
    }

    /// The most common distance of two rows, or length of a bar: how often it is, of how many. Of equally common ones the
    /// shortest: a longer one would contain gaps.
    pub(in crate::import) fn most_common(&self) -> Option<(i64, u64, u64)> {
        let mut of = self.lengths.all();
        if of.is_empty() {
            of = self.distances.all();
        }
        let all: u64 = of.values().sum();
        let most = of.iter().rev().max_by_key(|(_, count)| **count);
        most.map(|(distance, count)| (*distance, *count, all))
    }
}
