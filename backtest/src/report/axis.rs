//! A time axis whose marks fall on years, months, days and round clock times, all UTC.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// How far marks are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nanoseconds, for a day or less.
    Clock(i64),
    /// Days of the month: the first and every so many after it.
    Days(i8),
    /// Months of the year.
    Months(i8),
    /// Years.
    Years(i16),
}

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// From fine to coarse, with the length that each stands for.
const STEPS: [(Step, i64); 24] = [
    (Step::Clock(SECOND / 1_000), SECOND / 1_000),
    (Step::Clock(SECOND / 100), SECOND / 100),
    (Step::Clock(SECOND / 10), SECOND / 10),
    (Step::Clock(SECOND), SECOND),
    (Step::Clock(5 * SECOND), 5 * SECOND),
    (Step::Clock(15 * SECOND), 15 * SECOND),
    (Step::Clock(30 * SECOND), 30 * SECOND),
    (Step::Clock(60 * SECOND), 60 * SECOND),
    (Step::Clock(300 * SECOND), 300 * SECOND),
    (Step::Clock(900 * SECOND), 900 * SECOND),
    (Step::Clock(1_800 * SECOND), 1_800 * SECOND),
    (Step::Clock(3_600 * SECOND), 3_600 * SECOND),
    (Step::Clock(3 * 3_600 * SECOND), 3 * 3_600 * SECOND),
    (Step::Clock(6 * 3_600 * SECOND), 6 * 3_600 * SECOND),
    (Step::Days(1), DAY),
    (Step::Days(5), 5 * DAY),
    (Step::Days(10), 10 * DAY),
    (Step::Months(1), 30 * DAY),
    (Step::Months(3), 91 * DAY),
    (Step::Months(6), 182 * DAY),
    (Step::Years(1), 365 * DAY),
    (Step::Years(2), 730 * DAY),
    (Step::Years(5), 1_826 * DAY),
    (Step::Years(20), 7_305 * DAY),
];

/// A range of event time in nanoseconds since the epoch.
#[derive(Clone)]
pub(super) struct TimeAxis {
    range: Range<i64>,
    step: Step,
}

impl TimeAxis {
    /// From `first` to `last`, with at most about `marks` marks.
    pub(super) fn new(first: i64, last: i64, marks: i64) -> TimeAxis {
        let last = last.max(first.saturating_add(1));
        let wanted = last.saturating_sub(first) / marks;
        let step = STEPS
            .iter()
            .find(|(_, length)| *length >= wanted)
            .map_or(Step::Years(20), |(step, _)| *step);
        TimeAxis {
            range: first..last,
            step,
        }
    }

    fn marks(&self) -> Vec<i64> {
        if let Step::Clock(length) = self.step {
            let after = self.range.start.rem_euclid(length);
            let first = self.range.start.saturating_sub(after);
            return (0..)
                .map_while(|n: i64| first.checked_add(n.checked_mul(length)?))
                .take_while(|mark| *mark <= self.range.end)
                .filter(|mark| *mark >= self.range.start)
                .collect();
        }
        let mut marks = Vec::new();
        let mut day = self.first_day();
        while let Some(next) = self.next_day(day) {
            if let Some(mark) = nanos(day) {
                if mark > self.range.end {
                    break;
                }
                if mark >= self.range.start {
                    marks.push(mark);
                }
            }
            day = next;
        }
        marks
    }

    /// A mark at or before the start.
    fn first_day(&self) -> Date {
        let day = zoned(self.range.start).date();
        match self.step {
            Step::Clock(_) => day,
            Step::Days(_) => day.first_of_month(),
            Step::Months(_) => day.first_of_year(),
            Step::Years(years) => date(day.year().div_euclid(years) * years, 1, 1),
        }
    }

    fn next_day(&self, day: Date) -> Option<Date> {
        let next = match self.step {
            Step::Clock(_) => return None,
            Step::Days(1) => day.tomorrow(),
            Step::Days(days) if day.day() + 2 * days <= 31 => {
                day.checked_add(i64::from(days).days())
            }
            Step::Days(_) => day.first_of_month().checked_add(1.month()),
            Step::Months(months) => day.checked_add(i64::from(months).months()),
            Step::Years(years) => day.checked_add(i64::from(years).years()),
        };
        next.ok()
    }
}

impl Ranged for TimeAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = i64;

    fn map(&self, value: &i64, limit: (i32, i32)) -> i32 {
        let span = (self.range.end - self.range.start) as f64;
        let share = (value - self.range.start) as f64 / span;
        let pixels = f64::from(limit.1 - limit.0) * share;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a pixel within the limits given, which are i32"
        )]
        let pixels = pixels.round() as i32;
        limit.0 + pixels
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<i64> {
        self.marks()
    }

    fn range(&self) -> Range<i64> {
        self.range.clone()
    }
}

impl ValueFormatter<i64> for TimeAxis {
    fn format_ext(&self, value: &i64) -> String {
        let at = zoned(*value);
        let midnight = value.rem_euclid(DAY) == 0;
        let pattern = match self.step {
            Step::Clock(_) | Step::Days(_) if midnight => "%-d %b",
            Step::Clock(length) if length < SECOND => "%H:%M:%S%.3f",
            Step::Clock(length) if length < 60 * SECOND => "%H:%M:%S",
            Step::Clock(_) => "%H:%M",
            Step::Days(_) => "%-d %b",
            Step::Months(_) => "%b %Y",
            Step::Years(_) => "%Y",
        };
        at.strftime(pattern).to_string()
    }
}

/// The instant in UTC; times of a record are always within range.
pub(super) fn zoned(nanos: i64) -> Zoned {
    Timestamp::from_nanosecond(i128::from(nanos))
        .unwrap_or_default()
        .to_zoned(TimeZone::UTC)
}

fn nanos(day: Date) -> Option<i64> {
    let zoned = day.to_zoned(TimeZone::UTC).ok()?;
    i64::try_from(zoned.timestamp().as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::Ts;

    fn labels(from: &str, to: &str) -> Vec<String> {
        let parse = |text| Ts::parse(text).unwrap().0;
        let axis = TimeAxis::new(parse(from), parse(to), 8);
        axis.marks().iter().map(|m| axis.format_ext(m)).collect()
    }

    #[test]
    fn marks_fall_on_round_times() {
        assert_eq!(
            labels("2004-08-19", "2009-03-01"),
            ["2005", "2006", "2007", "2008", "2009"]
        );
        assert_eq!(
            labels("2024-01-01", "2024-02-05"),
            [
                "1 Jan", "6 Jan", "11 Jan", "16 Jan", "21 Jan", "26 Jan", "1 Feb"
            ]
        );
        assert_eq!(
            labels("2024-01-01T22:00:00Z", "2024-01-02T03:00:00Z"),
            ["22:00", "23:00", "2 Jan", "01:00", "02:00", "03:00"]
        );
        assert_eq!(
            labels("2024-08-08T23:54:15Z", "2024-08-08T23:54:18Z"),
            ["23:54:15", "23:54:16", "23:54:17", "23:54:18"]
        );
    }

    #[test]
    fn one_instant_is_a_range_too() {
        let axis = TimeAxis::new(5, 5, 8);
        assert_eq!(axis.map(&5, (0, 100)), 0);
        assert!(axis.marks().len() <= 1);
    }
}
