//! Silence: distances between records that are far longer than usual, and sessions in which nothing came. Time outside the
//! sessions of a calendar does not count.
//!
//! What is usual is known only at the end, so the longest silences are kept until then: a fixed number of them.

use super::Thresholds;
use crate::{Calendar, Session};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use tickloom_types::{DurationNs, Ts};

/// Silences that are kept.
const KEPT: usize = 1_024;
/// Parts of each doubling that lengths are told apart by.
const PARTS: usize = 8;
const BINS: usize = 64 * PARTS;
/// Below so many distances a thousandth of them is none.
const FEW: u64 = 1_000;
/// Most distances that are left out where there are few.
const FEW_BEYOND: u64 = 10;
/// The close and the open of the markets of currencies, from the beginning of a Saturday in UTC: they close in the evening of Friday in
/// New York and open in that of Sunday, or a little before.
const CLOSES: std::ops::Range<i64> = -5 * HOUR..0;
const OPENS: std::ops::Range<i64> = 41 * HOUR..48 * HOUR;
const HOUR: DurationNs = DAY / 24;
/// The length of bars from which on no market is closed for many of them.
const DAY: DurationNs = 86_400_000_000_000;

/// Different bins that are listed one by one: bars have hardly any others, and there may be thousands of instruments.
const LISTED_MAX: usize = 8;

/// How long distances are, roughly, in bounded memory.
#[derive(Clone, Debug, Default)]
struct Lengths {
    /// The bins that have any, and how many, as long as these are few.
    listed: Vec<(usize, u64)>,
    /// All bins, once they are not.
    bins: Option<Box<[u64; BINS]>>,
    count: u64,
}

impl Lengths {
    #[inline]
    fn add(&mut self, length: DurationNs, count: u64) {
        self.count += count;
        match &mut self.bins {
            Some(bins) => bins[bin(length)] += count,
            None if count > 0 => self.list(bin(length), count),
            None => {}
        }
    }

    fn list(&mut self, bin: usize, more: u64) {
        if let Some((_, count)) = self.listed.iter_mut().find(|(own, _)| *own == bin) {
            *count += more;
            return;
        }
        self.listed.push((bin, more));
        if self.listed.len() > LISTED_MAX {
            let mut bins = Box::new([0; BINS]);
            for (bin, count) in self.listed.drain(..) {
                bins[bin] = count;
            }
            self.bins = Some(bins);
        }
    }

    /// The bins that have any, from the longest on.
    fn longest_first(&self) -> Vec<(usize, u64)> {
        let mut all = self.listed.clone();
        let bins = self.bins.iter().flat_map(|bins| bins.iter().copied());
        all.extend(bins.enumerate().filter(|(_, count)| *count > 0));
        all.sort_unstable_by_key(|(bin, _)| Reverse(*bin));
        all
    }

    /// A length that all but a thousandth do not exceed, of few all but a twentieth, and at least one: the upper end of its bin.
    fn usual_most(&self) -> DurationNs {
        let of_few = (self.count / 20).clamp(1, FEW_BEYOND);
        let beyond = (self.count / 1_000).max(of_few);
        let mut above = 0;
        for (at, count) in self.longest_first() {
            above += count;
            if above > beyond {
                return upper(at);
            }
        }
        0
    }
}

/// The bin of a length: its highest bit and the three bits below it.
fn bin(length: DurationNs) -> usize {
    let length = u64::try_from(length).unwrap_or(0).max(1);
    let octave = 63 - length.leading_zeros();
    let part = if octave >= 3 {
        (length >> (octave - 3)) & 7
    } else {
        (length << (3 - octave)) & 7
    };
    usize::try_from(octave).unwrap_or(0) * PARTS + usize::try_from(part).unwrap_or(0)
}

/// The largest length of a bin.
fn upper(bin: usize) -> DurationNs {
    let (octave, part) = (bin / PARTS, bin % PARTS);
    let top = (9 + part as i128) << octave;
    i64::try_from(((top + 7) >> 3) - 1)
        .unwrap_or(i64::MAX)
        .max(1)
}

/// A time without records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Silence {
    pub(super) length: DurationNs,
    pub(super) from: Ts,
    pub(super) to: Ts,
}

/// Sessions without records, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) first: Session,
    pub(super) last: Session,
    pub(super) count: u64,
}

/// The distances between the records of one stream.
#[derive(Clone, Debug)]
pub(super) struct Spacing {
    calendar: Option<Arc<Calendar>>,
    /// The length of bars; zero for records at any time.
    bar: DurationNs,
    newest: Option<Ts>,
    session: Option<Session>,
    lengths: Lengths,
    longest: BinaryHeap<Reverse<Silence>>,
    /// Bars that came right after the one before.
    next_bars: u64,
    missing: Vec<Missing>,
    /// The end of the day that the newest record is of, and whether any is of a Saturday.
    day_end: Ts,
    on_saturdays: bool,
}

impl Spacing {
    pub(super) fn new(calendar: Option<Arc<Calendar>>, bar: DurationNs) -> Spacing {
        Spacing {
            calendar,
            bar,
            newest: None,
            session: None,
            lengths: Lengths::default(),
            longest: BinaryHeap::new(),
            next_bars: 0,
            missing: Vec::new(),
            day_end: Ts(i64::MIN),
            on_saturdays: false,
        }
    }

    /// Notes the day of a record.
    #[inline]
    fn note_day(&mut self, ts: Ts) {
        let inside = self.inside(ts);
        if inside >= self.day_end {
            let day = inside.0.div_euclid(DAY);
            self.day_end = Ts(day.saturating_add(1).saturating_mul(DAY));
            self.on_saturdays |= is_saturday(day);
        }
    }

    /// A record at this time; of a bar, its close.
    pub(super) fn push(&mut self, ts: Ts) {
        self.note_day(ts);
        let Some(newest) = self.newest else {
            self.newest = Some(ts);
            self.session = self
                .calendar
                .as_ref()
                .and_then(|all| all.session_of(self.inside(ts)));
            return;
        };
        if ts <= newest {
            return;
        }
        self.newest = Some(ts);
        match (&self.calendar, self.session) {
            (None, _) => self.apart(newest, ts),
            (_, Some(session)) if session.contains(self.inside(ts)) => self.apart(newest, ts),
            (Some(calendar), _) => {
                let calendar = Arc::clone(calendar);
                self.change_session(&calendar, newest, ts);
            }
        }
    }

    /// The closes of the next bars, where there is no calendar: those that come right after the one before count together.
    pub(super) fn push_bars(&mut self, closes: impl Iterator<Item = Ts>) {
        let mut right_after = 0;
        for ts in closes {
            match self.newest {
                Some(newest) if self.is_right_after(newest, ts) => {
                    right_after += 1;
                    self.newest = Some(ts);
                    self.note_day(ts);
                }
                _ => self.push(ts),
            }
        }
        self.lengths.add(self.bar, right_after);
        self.next_bars += right_after;
    }

    /// Whether all that a bar says is that one more came right after the one before.
    fn is_right_after(&self, newest: Ts, ts: Ts) -> bool {
        self.calendar.is_none() && self.bar > 0 && ts.0.checked_sub(newest.0) == Some(self.bar)
    }

    /// The sessions between two records are over: what was silent in them, and which had nothing at all.
    fn change_session(&mut self, calendar: &Calendar, newest: Ts, ts: Ts) {
        let mut missing: Option<Missing> = None;
        let before = self.session;
        if let Some(session) = before {
            self.keep(newest, session.close);
        }
        self.session = None;
        let last = Ts(self.inside(ts).0.saturating_add(1));
        for session in calendar.sessions(self.inside(newest), last) {
            if Some(session) == before {
                continue;
            }
            if session.contains(self.inside(ts)) {
                self.keep(session.open, ts);
                self.session = Some(session);
            } else if !session.contains(self.inside(newest)) {
                let first = missing.map_or(session, |missing| missing.first);
                let count = missing.map_or(0, |missing| missing.count) + 1;
                missing = Some(Missing {
                    first,
                    last: session,
                    count,
                });
            }
        }
        if self.missing.len() < KEPT {
            self.missing.extend(missing);
        }
    }

    /// Where a record is: a bar is before its stamp.
    fn inside(&self, ts: Ts) -> Ts {
        Ts(ts.0 - i64::from(self.bar > 0))
    }

    fn apart(&mut self, from: Ts, to: Ts) {
        let length = to.0.saturating_sub(from.0);
        self.lengths.add(length, 1);
        self.next_bars += u64::from(length <= self.bar);
        self.keep(from, to);
    }

    fn keep(&mut self, from: Ts, to: Ts) {
        let length = to.0.saturating_sub(from.0);
        let is_longer = self
            .longest
            .peek()
            .is_none_or(|least| length > least.0.length);
        if length <= self.bar || (self.longest.len() == KEPT && !is_longer) {
            return;
        }
        if self.longest.len() == KEPT {
            self.longest.pop();
        }
        self.longest.push(Reverse(Silence { length, from, to }));
    }

    /// The silences that are far longer than usual, in order, and what that was measured by.
    pub(super) fn silences(&self, thresholds: &Thresholds) -> (Vec<Silence>, DurationNs) {
        let count = self.lengths.count;
        // Of two distances nobody can say which is the usual one.
        let least = if self.bar > 0 {
            3
        } else {
            thresholds.silence_min
        };
        if count < least {
            return (Vec::new(), 0);
        }
        let usual = self.lengths.usual_most();
        let missing = count - self.next_bars;
        let is_few = count < FEW;
        let hardly_any = match is_few {
            true => missing <= 1 && count >= thresholds.silence_min && self.bar >= DAY,
            false => missing.saturating_mul(1_000) <= count,
        };
        let most = if self.bar > 0 && hardly_any {
            // Each bar that is missing counts.
            self.bar
        } else {
            let least = if is_few && self.calendar.is_none() && self.bar < DAY {
                thresholds.silence_closed
            } else if self.bar > 0 {
                0
            } else {
                thresholds.silence
            };
            let factor = if self.bar >= DAY {
                thresholds.silence_factor_days
            } else {
                thresholds.silence_factor
            };
            usual.saturating_mul(factor).max(least)
        };
        let long = self.longest.iter().map(|kept| kept.0);
        let is_open = |silence: &Silence| {
            let is_known = self.calendar.is_some() || self.on_saturdays;
            is_known || !is_weekend(silence)
        };
        let long = long.filter(|silence| silence.length > most && is_open(silence));
        let mut long: Vec<Silence> = long.collect();
        long.sort_unstable_by_key(|silence| silence.from);
        (long, usual)
    }

    /// Which distances the usual length is the longest of, in words.
    pub(super) fn usual_share(&self) -> &'static str {
        match self.lengths.count < FEW {
            true => "nearly all",
            false => "999 of 1000",
        }
    }

    /// The sessions of the calendar that had nothing between the first and the last record.
    pub(super) fn missing(&self) -> &[Missing] {
        &self.missing
    }
}

/// Whether a day since the epoch, which began on a Thursday, is a Saturday.
fn is_saturday(day: i64) -> bool {
    day.rem_euclid(7) == 2
}

/// Whether a silence is that of the markets of currencies over a weekend.
fn is_weekend(silence: &Silence) -> bool {
    let saturday = silence.from.0.div_euclid(DAY) + 1;
    let Some(begin) = saturday.checked_mul(DAY) else {
        return false;
    };
    is_saturday(saturday)
        && CLOSES.contains(&(silence.from.0 - begin))
        && OPENS.contains(&silence.to.0.saturating_sub(begin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Calendars;

    /// Minutes of currencies, from Sunday evening to Friday evening, without a calendar.
    #[test]
    fn the_weekend_of_currencies_is_no_silence_unless_there_are_saturdays() {
        let minute = DAY / 1_440;
        let run = |from: &str, to: &str, spacing: &mut Spacing| {
            let (from, to) = (Ts::parse(from).unwrap().0, Ts::parse(to).unwrap().0);
            let mut at = from + minute;
            while at <= to {
                spacing.push_bars([Ts(at)].into_iter());
                at += minute;
            }
        };
        let found = |runs: &[(&str, &str)]| {
            let mut spacing = Spacing::new(None, minute);
            runs.iter()
                .for_each(|(from, to)| run(from, to, &mut spacing));
            let (found, _) = spacing.silences(&Thresholds::default());
            let from = found.iter().map(|silence| silence.from.to_string());
            from.collect::<Vec<String>>()
        };
        let first = ("2012-01-29T22:00:00Z", "2012-02-03T22:00:00Z");
        let second = ("2012-02-05T22:01:00Z", "2012-02-10T21:59:00Z");
        let none: [String; 0] = [];
        assert_eq!(found(&[first, second]), none);
        // Who trades on one Saturday trades on all.
        let saturday = ("2012-02-11T00:00:00Z", "2012-02-11T02:00:00Z");
        assert_eq!(
            found(&[first, second, saturday]),
            ["2012-02-03T22:00:00Z", "2012-02-10T21:59:00Z"]
        );
        // What is silent from midnight to midnight is no market that was closed.
        let friday = ("2012-01-29T00:00:00Z", "2012-02-04T00:00:00Z");
        let monday = ("2012-02-06T00:00:00Z", "2012-02-11T00:00:00Z");
        assert_eq!(found(&[friday, monday]), ["2012-02-04T00:00:00Z"]);
        // Nor is a hole of more than a weekend.
        let later = ("2012-02-07T00:00:00Z", "2012-02-10T21:59:00Z");
        assert_eq!(found(&[first, later]), ["2012-02-03T22:00:00Z"]);
    }

    #[test]
    fn bins_hold_their_lengths() {
        for length in [1, 2, 7, 8, 9, 100, 1_000_003, 86_400_000_000_000, i64::MAX] {
            let at = bin(length);
            assert!(upper(at) >= length, "{length}");
            assert!(
                length < 16 || upper(at) as f64 <= length as f64 * 1.125,
                "{length}"
            );
        }
    }

    /// The upper end of the bin that the usual length is in, by sorting all lengths.
    fn usual_most(lengths: &[DurationNs]) -> DurationNs {
        let mut sorted = lengths.to_vec();
        sorted.sort_unstable_by_key(|length| Reverse(*length));
        let of_few = (lengths.len() / 20).clamp(1, 10);
        let beyond = (lengths.len() / 1_000).max(of_few);
        sorted.get(beyond).map_or(0, |length| upper(bin(*length)))
    }

    proptest::proptest! {
        #[test]
        fn what_is_usual_is_the_same_of_few_lengths_and_of_many(
            some in proptest::collection::vec(0_i64..1 << 40, 1..20),
            places in proptest::collection::vec(proptest::num::usize::ANY, 0..3_000),
        ) {
            let length = |place: &usize| some[place % some.len()];
            let drawn: Vec<DurationNs> = places.iter().map(length).collect();
            let mut lengths = Lengths::default();
            drawn.iter().for_each(|length| lengths.add(*length, 1));
            proptest::prop_assert_eq!(lengths.usual_most(), usual_most(&drawn));
            proptest::prop_assert_eq!(lengths.count, drawn.len() as u64);
        }
    }

    #[test]
    fn a_silence_counts_against_what_is_usual() {
        let mut spacing = Spacing::new(None, 0);
        let second = 1_000_000_000;
        for n in 0..2_000 {
            spacing.push(Ts(n * second));
        }
        spacing.push(Ts(2_008 * second));
        spacing.push(Ts(2_100 * second));
        let (found, _) = spacing.silences(&Thresholds::default());
        let long = Silence {
            length: 92 * second,
            from: Ts(2_008 * second),
            to: Ts(2_100 * second),
        };
        assert_eq!(found, [long]);
    }

    /// Bars of a length, so many right after each other between holes of so many.
    fn bars(length: DurationNs, runs: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let mut spacing = Spacing::new(None, length);
        let mut at = 0;
        for (count, hole) in runs {
            for _ in 0..*count {
                at += length;
                spacing.push(Ts(at));
            }
            at += hole * length;
        }
        let (found, _) = spacing.silences(&Thresholds::default());
        let place = |silence: &Silence| (silence.from.0 / length, silence.length / length);
        found.iter().map(place).collect()
    }

    #[test]
    fn a_hole_in_few_bars_counts_and_a_closed_market_does_not() {
        let (minute, hour) = (60_000_000_000, 3_600_000_000_000);
        assert_eq!(bars(DAY, &[(2, 89), (2, 0)]), [(2, 90)]);
        assert_eq!(bars(DAY, &[(450, 90), (450, 0)]), [(450, 91)]);
        assert_eq!(bars(DAY, &[(300, 1), (300, 0)]), [(300, 2)]);
        // Weeks of five days, and one with a hole of two weeks.
        let weeks: Vec<(i64, i64)> = (0..40).map(|n| (5, if n == 20 { 13 } else { 2 })).collect();
        assert_eq!(bars(DAY, &weeks), [(145, 14)]);
        // Two days of a stock exchange, a weekend of currencies, and then a month of nothing.
        assert_eq!(bars(minute, &[(390, 1_050), (390, 0)]), []);
        assert_eq!(bars(hour, &[(120, 49), (120, 49), (100, 0)]), []);
        assert_eq!(bars(hour, &[(120, 720), (120, 0)]), [(120, 721)]);
        assert_eq!(bars(DAY, &[(1, 5), (1, 0)]), []);
    }

    #[test]
    fn nights_are_no_silence_and_days_without_records_are_told() {
        let calendar = Calendars::built_in().unwrap().get("us-equity").unwrap();
        let mut spacing = Spacing::new(Some(Arc::clone(&calendar)), 0);
        let from = Ts::parse("2024-03-04").unwrap();
        let to = Ts::parse("2024-03-16").unwrap();
        for session in calendar.sessions(from, to) {
            if ["2024-03-07", "2024-03-08"].contains(&session.date.to_string().as_str()) {
                continue;
            }
            for minute in 0..390 {
                spacing.push(Ts(session.open.0 + minute * 60_000_000_000));
            }
        }
        assert_eq!(spacing.silences(&Thresholds::default()).0, []);
        let missing = spacing.missing();
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].count, 2);
        assert_eq!(missing[0].first.date.to_string(), "2024-03-07");
        assert_eq!(missing[0].last.date.to_string(), "2024-03-08");
    }
}
