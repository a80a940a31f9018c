//! What the times of a file's rows say of it, whether or not the rows are right: the size of its bars and the order that it is in.

use super::Reader;
use super::days::Days;
use super::distances::{Counts, Distances};
use super::half_days::HalfDays;
use super::week::Week;
use crate::limits::DISTANCES_MAX;
use jiff::Timestamp;
use jiff::civil::Time;
use tickloom_types::Ts;

/// How many times more rows go back than forward in a file that is mostly newest first, at least.
const MOSTLY: u64 = 2;

/// The order that the rows of a file are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum FileOrder {
    /// Times never go back.
    Sorted,
    /// Times never go forward within an instrument.
    NewestFirst,
    /// Times mostly go back within an instrument, and go forward in so many rows.
    MostlyNewestFirst(u64),
    /// Instrument after instrument, or in none; so many rows are earlier than that before of their instrument.
    Other(u64),
}

impl FileOrder {
    /// Whether rows are turned: those of one time too are in the file from the last to the first.
    pub(in crate::import) fn is_newest_first(self) -> bool {
        matches!(
            self,
            FileOrder::NewestFirst | FileOrder::MostlyNewestFirst(_)
        )
    }
}

impl Reader<'_> {
    /// Whether a time is at midnight in the zone of the file.
    pub(in crate::import) fn is_midnight(&self, ts: Ts) -> bool {
        self.clock(ts) == Some(Time::midnight())
    }

    /// The time of day of a time on the clock of the file.
    pub(in crate::import) fn clock(&self, ts: Ts) -> Option<Time> {
        let instant = Timestamp::from_nanosecond(i128::from(ts.0)).ok()?;
        Some(self.zone.to_datetime(instant).time())
    }

    /// Whether times are of a clock of twelve hours, and do not say of which half of the day.
    pub(in crate::import) fn are_of_half_days(&self) -> bool {
        self.times
            .are_of_half_days(|ts| self.clock(ts).map(Time::hour))
    }
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
    /// On which days of the week they are.
    pub(in crate::import) week: Week,
    half_days: HalfDays,
    /// Whether numbers of trades go back.
    pub(in crate::import) ids_go_back: bool,
    of: Vec<OfTicker>,
    /// How many distances may still be told apart, beside some of each instrument.
    room: usize,
    /// How often bars are so long, of those that say so.
    lengths: Counts,
}

/// The times of one instrument.
#[derive(Clone, Debug, Default)]
struct OfTicker {
    last: Option<Ts>,
    /// How often its rows are so far apart.
    distances: Counts,
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
            week: Week::default(),
            half_days: HalfDays::default(),
            ids_go_back: false,
            of: Vec::new(),
            room: DISTANCES_MAX,
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
        self.week.note(ts.0);
        self.half_days.note(ts.0);
        if self.is_of_bars {
            self.days.note(ts);
        }
        if self.of.len() <= ticker {
            self.of.resize(ticker + 1, OfTicker::default());
        }
        let Some(of) = self.of.get_mut(ticker) else {
            return;
        };
        let Some(before) = of.last.replace(ts) else {
            return;
        };
        match ts.cmp(&before) {
            std::cmp::Ordering::Less => {
                self.back += 1;
                self.half_days.note_back(before.0, ts.0);
            }
            std::cmp::Ordering::Equal => self.equal += 1,
            std::cmp::Ordering::Greater => {
                self.forward += 1;
                self.half_days.note_forward(before.0, ts.0);
            }
        }
        let distance = ts.0.checked_sub(before.0).and_then(i64::checked_abs);
        if let Some(distance) = distance.filter(|_| self.is_of_bars) {
            of.distances.add(distance, &mut self.room);
        }
    }

    /// The time of the last row.
    pub(in crate::import) fn last(&self) -> Ts {
        self.last
    }

    /// How long a bar is that says so.
    pub(super) fn note_length(&mut self, open: Ts, close: Ts) {
        if let Some(length) = close.0.checked_sub(open.0) {
            self.lengths.add(length, &mut self.room);
        }
    }

    /// As [`Times::note`], of rows of one instrument; `are_dates` if all of them are.
    pub(super) fn note_all(&mut self, ticker: usize, all: &[i64], are_dates: bool) {
        let Some((first, rest)) = all.split_first() else {
            return;
        };
        self.note(ticker, Ts(*first), are_dates);
        let Some(of) = self.of.get_mut(ticker) else {
            return;
        };
        let mut before = *first;
        for ts in rest {
            match ts.cmp(&before) {
                std::cmp::Ordering::Less => {
                    self.back += 1;
                    self.is_sorted = false;
                    self.half_days.note_back(before, *ts);
                }
                std::cmp::Ordering::Equal => self.equal += 1,
                std::cmp::Ordering::Greater => {
                    self.forward += 1;
                    self.half_days.note_forward(before, *ts);
                }
            }
            let distance = ts.checked_sub(before).and_then(i64::checked_abs);
            if let Some(distance) = distance.filter(|_| self.is_of_bars) {
                of.distances.add(distance, &mut self.room);
            }
            self.week.note(*ts);
            self.half_days.note(*ts);
            if self.is_of_bars {
                self.days.note(Ts(*ts));
            }
            before = *ts;
        }
        self.last = Ts(before);
        of.last = Some(Ts(before));
    }

    /// Whether they are of a clock of twelve hours, and do not say of which half of the day.
    pub(super) fn are_of_half_days(&self, hour: impl Fn(Ts) -> Option<i8>) -> bool {
        self.half_days.are_told((self.back, self.forward), hour)
    }

    pub(in crate::import) fn order(&self) -> FileOrder {
        if self.is_sorted {
            FileOrder::Sorted
        } else if self.forward == 0 {
            FileOrder::NewestFirst
        } else if self.back > MOSTLY * self.forward {
            FileOrder::MostlyNewestFirst(self.forward)
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

    /// How long bars are that say so; nothing if none does.
    pub(in crate::import) fn lengths(&self) -> Option<Distances> {
        Some(self.lengths.all()).filter(|lengths| !lengths.is_empty())
    }

    /// How far the rows of each instrument are apart.
    pub(in crate::import) fn distances(&self) -> impl Iterator<Item = Distances> {
        self.of.iter().map(|of| of.distances.all())
    }

    /// The size that rows or bars say: how often it is, of how many, and by what. It is the length of most bars, or the most common distance of
    /// two rows of an instrument; of equally common ones the shortest, as a longer one would contain gaps.
    pub(in crate::import) fn size(&self) -> Option<(i64, u64, u64, &'static str)> {
        const MOST: &str = "the most common distance";
        if let Some(lengths) = self.lengths() {
            let (size, count, all) = lengths.most_common()?;
            return Some((size, count, all, MOST));
        }
        let mut distances = Distances::default();
        for of in self.distances() {
            distances.add(&of);
        }
        if let Some((size, count, all)) = distances.common_part() {
            return Some((size, count, all, "the distance that goes into all others"));
        }
        let (size, count, all) = distances.most_common()?;
        Some((size, count, all, MOST))
    }
}
