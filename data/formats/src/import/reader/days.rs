//! Which days and times of day the times of bars are: of bars longer than a day, whether they are dated by their first day or by their
//! last, and whether they are of months, which are not all as long.

use super::distances::divisor;
use crate::import::cells::DAY_NS;
use tickloom_types::{NANOS_PER_SECOND, Ts};

/// How much clocks are put forward and back.
const SUMMER_NS: i64 = 3_600 * NANOS_PER_SECOND;
/// Months that bars may be of, and how many days so many of them have at most.
const MONTHS: [(i32, i64); 6] = [(1, 31), (2, 62), (3, 92), (4, 123), (6, 184), (12, 366)];
const MINUTE_NS: i64 = 60 * NANOS_PER_SECOND;
/// How many days the first and the last working day of a month are in it, or from its end, at most.
const NEAR_DAYS: i64 = 4;
/// Days that a month has at least.
const DAYS_MIN: i64 = 28;

/// What all times have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) struct Days {
    /// How many are the first days of months, or the first working days; nothing once one is not near them.
    first_of_month: Option<u64>,
    /// The same of last days.
    last_of_month: Option<u64>,
    /// How many are Mondays; nothing once one is Thursday or later.
    begins_of_week: Option<u64>,
    /// How many are Friday to Sunday; nothing once one is Monday or Tuesday.
    ends_of_week: Option<u64>,
    count: u64,
    /// The time since the begin of the minute, as long as it is the same of all.
    in_minute: Option<Option<i64>>,
    /// Midnight of the zone of the times as a time of day in UTC, of less than twelve hours on either side: the earliest and the latest, as
    /// clocks are put forward. Nothing once they are further apart, and so no midnights of one zone.
    midnight: Option<(i64, i64)>,
    /// Days of the week in UTC that there are, a bit each from Monday on.
    weekdays: u8,
    /// The month of the first, and what the distances of all to it have in common.
    month: Option<(i64, i64)>,
}

impl Days {
    /// Of no times yet.
    pub(super) const NONE: Days = Days {
        first_of_month: Some(0),
        last_of_month: Some(0),
        begins_of_week: Some(0),
        ends_of_week: Some(0),
        count: 0,
        in_minute: None,
        midnight: Some((i64::MAX, i64::MIN)),
        weekdays: 0,
        month: None,
    };

    /// Takes in a time.
    #[inline]
    pub(super) fn note(&mut self, ts: Ts) {
        if self.in_minute != Some(None) {
            let time = ts.0.rem_euclid(MINUTE_NS);
            let known = self
                .in_minute
                .get_or_insert(Some(time).filter(|time| *time > 0));
            *known = known.filter(|known| *known == time);
        }
        if self.midnight.is_some() {
            self.note_midnight(ts);
        }
    }

    fn note_midnight(&mut self, ts: Ts) {
        let (day, time) = nearest_midnight(ts);
        self.midnight = self.midnight.and_then(|(earliest, latest)| {
            let (earliest, latest) = (earliest.min(time), latest.max(time));
            (latest - earliest <= SUMMER_NS).then_some((earliest, latest))
        });
        if self.midnight.is_none() {
            self.first_of_month = None;
            self.last_of_month = None;
            self.begins_of_week = None;
            self.ends_of_week = None;
            return;
        }
        self.count += 1;
        let of_utc = (ts.0.div_euclid(DAY_NS) + 3).rem_euclid(7);
        self.weekdays |= 1 << of_utc;
        // The first day of 1970 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        let begins = self.begins_of_week.filter(|_| weekday <= 2);
        self.begins_of_week = begins.map(|count| count + u64::from(weekday == 0));
        let ends = self.ends_of_week.filter(|_| weekday >= 2);
        self.ends_of_week = ends.map(|count| count + u64::from(weekday >= 4));
        if self.first_of_month.is_some() || self.last_of_month.is_some() {
            let (month, of_month) = month_of(day);
            let is_first = of_month == 1 || (weekday == 0 && of_month <= 3);
            let first = self.first_of_month.filter(|_| of_month <= NEAR_DAYS);
            self.first_of_month = first.map(|count| count + u64::from(is_first));
            let is_near = month_of(day + NEAR_DAYS).0 != month;
            let last = self.last_of_month.filter(|_| is_near);
            self.last_of_month =
                last.map(|count| count + u64::from(is_last_of_month(day, weekday)));
            self.month = match self.month {
                None => Some((month, 0)),
                Some((first, step)) => Some((first, divisor(step, (month - first).abs()))),
            };
        }
    }

    /// Whether bars of this length are dated by their last day; nothing if their dates do not tell.
    pub(in crate::import) fn are_last(&self, length: i64) -> Option<bool> {
        let (first, last) = match length / DAY_NS {
            7 => (
                self.are_most(self.begins_of_week),
                self.are_most(self.ends_of_week),
            ),
            DAYS_MIN.. => (
                self.are_most(self.first_of_month),
                self.are_most(self.last_of_month),
            ),
            _ => (false, false),
        };
        (first != last).then_some(last)
    }

    /// Whether so many of the days are three quarters of them: the others are near, as holidays have it.
    fn are_most(&self, count: Option<u64>) -> bool {
        count.is_some_and(|count| 4 * count >= 3 * self.count)
    }

    /// A week, if that is the size of bars that are so long as a week with a holiday at its end, or behind one.
    pub(in crate::import) fn week(&self, length: i64) -> Option<i64> {
        let days = length / DAY_NS;
        let is_week = (6..=8).contains(&days) && length % DAY_NS == 0;
        let is_day_of_week = self.are_most(self.begins_of_week) || self.are_most(self.ends_of_week);
        (is_week && is_day_of_week).then_some(7 * DAY_NS)
    }

    /// How long it is to the end of the minute, if all times are its last second, millisecond, microsecond or nanosecond.
    pub(in crate::import) fn end_of_minute(self) -> Option<i64> {
        const UNITS: [i64; 4] = [NANOS_PER_SECOND, 1_000_000, 1_000, 1];
        let time = self.in_minute??;
        Some(MINUTE_NS - time).filter(|left| UNITS.contains(left))
    }

    /// The later midnight of two zones as a time of day in UTC, if all times are midnights, some of one and some of the other.
    pub(in crate::import) fn later_midnight(&self) -> Option<i64> {
        let (earliest, latest) = self.midnight?;
        (earliest < latest).then_some(latest)
    }

    /// Of how many months bars are, if all times are first or all are last days of months, also those on which there is trade: how many
    /// these are apart, if that can be the length of bars that are told to be so long.
    pub(in crate::import) fn months(&self, length: i64) -> Option<i32> {
        let (_, step) = self.month.filter(|(_, step)| *step > 0)?;
        let is_told = self.are_most(self.first_of_month) != self.are_most(self.last_of_month);
        let days = length / DAY_NS;
        let fits = |(months, most): &&(i32, i64)| {
            let least = DAYS_MIN * i64::from(*months);
            step % i64::from(*months) == 0 && (least..=*most).contains(&days)
        };
        MONTHS
            .iter()
            .rev()
            .find(fits)
            .filter(|_| is_told)
            .map(|(months, _)| *months)
    }

    /// What bars of so many months are called: the longest that they can be, so that nobody takes one to have begun later than it did.
    pub(in crate::import) fn length_of(months: i32) -> Option<i64> {
        let of = MONTHS.iter().find(|(known, _)| *known == months);
        of.map(|(_, days)| days * DAY_NS)
    }

    /// Whether all times are at one time of day, of five-day weeks: some Monday, some Friday, and no Saturday or Sunday.
    pub(in crate::import) fn are_of_workdays(&self) -> bool {
        const MONDAY_AND_FRIDAY: u8 = 0b1_0001;
        const WEEKEND: u8 = 0b110_0000;
        let has = |days: u8| self.weekdays & days;
        self.midnight.is_some() && has(MONDAY_AND_FRIDAY) == MONDAY_AND_FRIDAY && has(WEEKEND) == 0
    }

    /// Midnight of the zone of the times, if they are midnights, as the latest time of day in UTC; nothing if they are more than an hour
    /// apart, and so no midnights of one zone.
    pub(in crate::import) fn midnight(&self) -> Option<i64> {
        let (_, latest) = self.midnight?;
        (latest > i64::MIN).then_some(latest)
    }
}

/// The day since 1970 whose midnight in UTC is the nearest, and how far a time is from it.
pub(in crate::import) fn nearest_midnight(ts: Ts) -> (i64, i64) {
    let day = ts.0.saturating_add(DAY_NS / 2).div_euclid(DAY_NS);
    (day, ts.0.saturating_sub(day.saturating_mul(DAY_NS)))
}

/// Whether no other day of its month, or none that is a working day, comes after this one.
fn is_last_of_month(day: i64, weekday: i64) -> bool {
    let ends_with = |later: i64| month_of(day + later).1 == 1;
    const FRIDAY: i64 = 4;
    ends_with(1) || (weekday == FRIDAY && (ends_with(2) || ends_with(3)))
}

/// The month of a day since 1970, counted from the year 0, and the day in it, by Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn month_of(day: i64) -> (i64, i64) {
    let era = (day + 719_468).div_euclid(146_097);
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // From March on.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    ((era * 400 + year) * 12 + month + 2, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(dates: &[&str]) -> Days {
        let mut days = Days::NONE;
        dates
            .iter()
            .for_each(|date| days.note(Ts::parse(date).unwrap()));
        days
    }

    #[test]
    fn dates_tell_what_they_are() {
        let (week, month) = (7 * DAY_NS, 31 * DAY_NS);
        let ends = of(&["2023-12-31", "2024-02-29", "2023-02-28", "1969-12-31"]);
        assert_eq!(ends.are_last(month), Some(true));
        // The 31st of March 2024 was a Sunday, the 30th of June as well; the 29th and the 28th were Fridays.
        let ends = of(&["2024-02-29", "2024-03-29", "2024-04-30", "2024-06-28"]);
        assert_eq!(ends.are_last(month), Some(true));
        assert_eq!(of(&["2024-03-28", "2024-04-30"]).are_last(month), None);
        let begins = of(&["2024-01-01", "2024-02-01", "1900-03-01"]);
        assert_eq!(begins.are_last(month), Some(false));
        // The 1st of June 2024 was a Saturday.
        let begins = of(&["2024-05-01", "2024-06-03", "2024-07-01"]);
        assert_eq!(begins.are_last(month), Some(false));
        assert_eq!(of(&["2024-01-01", "2024-01-31"]).are_last(month), None);
        assert_eq!(
            of(&["2024-01-01", "2024-01-08"]).are_last(week),
            Some(false)
        );
        assert_eq!(of(&["2024-01-05", "2024-01-11"]).are_last(week), None);
        assert_eq!(of(&["2024-01-05", "2024-01-12"]).are_last(week), Some(true));
        assert_eq!(of(&["2024-01-05", "2024-01-12"]).are_last(3 * DAY_NS), None);
        // Fridays and the Thursday before Good Friday; the 29th of March 2024 is no working day of most countries.
        let fridays = of(&["2024-03-15", "2024-03-22", "2024-03-28", "2024-04-05"]);
        assert_eq!(fridays.are_last(week), Some(true));
        assert_eq!(fridays.week(6 * DAY_NS), Some(week));
        assert_eq!(fridays.week(5 * DAY_NS), None);
        let ends = of(&["2024-01-31", "2024-02-29", "2024-03-28", "2024-04-30"]);
        assert_eq!(ends.are_last(month), Some(true));
        // The 1st of January is a holiday.
        let begins = of(&["2023-11-01", "2023-12-01", "2024-01-02", "2024-02-01"]);
        assert_eq!(
            (begins.are_last(month), begins.months(30 * DAY_NS)),
            (Some(false), Some(1))
        );
        assert_eq!(
            of(&["2024-01-02T09:30:59Z", "2024-01-02T09:34:59Z"]).end_of_minute(),
            Some(NANOS_PER_SECOND)
        );
        assert_eq!(
            of(&["2024-01-02T23:59:59.999Z"]).end_of_minute(),
            Some(1_000_000)
        );
        assert_eq!(
            of(&["2024-01-02T09:30:59Z", "2024-01-02T09:31:58Z"]).end_of_minute(),
            None
        );
        assert_eq!(of(&["2024-01-02T09:30:00Z"]).end_of_minute(), None);
    }

    #[test]
    fn months_are_told_by_all_dates_and_by_the_length() {
        let day = DAY_NS;
        let months = of(&["2024-01-01", "2024-02-01", "2024-05-01"]);
        assert_eq!(months.months(28 * day), Some(1));
        assert_eq!(months.months(31 * day), Some(1));
        assert_eq!(months.months(27 * day), None);
        assert_eq!(months.months(90 * day), None);
        let quarters = of(&["2024-01-01", "2024-04-01", "2024-10-01"]);
        assert_eq!(quarters.months(91 * day), Some(3));
        assert_eq!(quarters.months(31 * day), Some(1));
        assert_eq!(quarters.months(180 * day), None);
        let years = of(&["2023-01-01", "2024-01-01"]);
        assert_eq!(years.months(365 * day), Some(12));
        assert_eq!(of(&["2024-01-01", "2024-01-02"]).months(day), None);
        assert_eq!(of(&["2024-01-01", "2024-01-01"]).months(31 * day), None);
        // Midnight in New York, in winter and in summer, and in Tokyo.
        let new_york = of(&["2024-03-01T05:00:00Z", "2024-04-01T04:00:00Z"]);
        assert_eq!(new_york.months(31 * day), Some(1));
        assert_eq!(new_york.midnight(), Some(5 * SUMMER_NS));
        let tokyo = of(&["2024-02-29T15:00:00Z", "2024-03-31T15:00:00Z"]);
        assert_eq!(
            (tokyo.months(31 * day), tokyo.midnight()),
            (Some(1), Some(-9 * SUMMER_NS))
        );
        let mixed = of(&["2024-03-01T05:00:00Z", "2024-04-01T02:00:00Z"]);
        assert_eq!((mixed.months(31 * day), mixed.midnight()), (None, None));
        assert_eq!(Days::NONE.midnight(), None);
        assert_eq!(Days::length_of(3), Some(92 * day));
        assert_eq!(Days::length_of(5), None);
    }

    proptest! {
        #[test]
        fn months_are_those_of_the_calendar(day in -200_000_i64..200_000) {
            let date = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(day);
            let expected = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
            prop_assert_eq!(month_of(day), (expected, i64::from(date.day())));
        }
    }
}
