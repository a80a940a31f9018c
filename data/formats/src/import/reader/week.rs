//! On which days of the week rows are: what tells seconds since another epoch from those since 1970, where both are plausible times.

use crate::import::cells::DAY_NS;
use tickloom_types::{NANOS_PER_SECOND, Ts};

const MONDAY: u8 = 1;
const TUESDAY: u8 = 1 << 1;
const WEDNESDAY: u8 = 1 << 2;
const THURSDAY: u8 = 1 << 3;
const FRIDAY: u8 = 1 << 4;
const SATURDAY: u8 = 1 << 5;
const SUNDAY: u8 = 1 << 6;
/// Days from which on those of a week are no chance.
const DAYS_MIN: u64 = 10;

/// Other epochs: the seconds from theirs to that of 1970, the days of the week from Monday to Friday of theirs as days since 1970, the
/// Saturday of theirs, and what they are. The begin of 1960 is 3,653 days before, one day less than whole weeks, and that of 2001 is 11,323
/// days after, four days more.
const EPOCHS: [(i64, u8, u8, &str); 2] = [
    (
        315_619_200,
        SUNDAY | MONDAY | TUESDAY | WEDNESDAY | THURSDAY,
        FRIDAY,
        "seconds since 1960, as SAS counts them",
    ),
    (
        -978_307_200,
        THURSDAY | FRIDAY | SATURDAY | SUNDAY | MONDAY,
        TUESDAY,
        "seconds since 2001, as Apple counts them",
    ),
];

/// The days on which rows are.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::import) struct Week {
    /// The day of the last row.
    begin: i64,
    end: i64,
    /// Changes of the day.
    days: u64,
    /// Days of the week, a bit each.
    seen: u8,
}

impl Week {
    /// Takes in a time.
    #[inline]
    pub(super) fn note(&mut self, ts: i64) {
        if !(self.begin..self.end).contains(&ts) {
            self.note_day(ts);
        }
    }

    fn note_day(&mut self, ts: i64) {
        let day = ts.div_euclid(DAY_NS);
        self.begin = day.saturating_mul(DAY_NS);
        self.end = self.begin.saturating_add(DAY_NS);
        self.days += 1;
        // The first day of 1970 was a Thursday.
        self.seen |= 1 << (day + 3).rem_euclid(7);
    }

    /// What a time in seconds is since another epoch, if rows are on the five days of its weeks, and never on the day that is Saturday there.
    pub(in crate::import) fn other_epoch(&self, ts: Ts) -> Option<(Ts, &'static str)> {
        if self.days < DAYS_MIN {
            return None;
        }
        EPOCHS
            .into_iter()
            .find_map(|(seconds, workdays, saturday, what)| {
                let is_one = self.seen & workdays == workdays && self.seen & saturday == 0;
                let other = seconds.checked_mul(NANOS_PER_SECOND)?;
                let other = ts.0.checked_sub(other).filter(|_| is_one)?;
                Some((Ts(other), what))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two weeks of these days after Monday, 1 January 2024.
    fn read(days: &[i64], off: i64) -> Option<(String, &'static str)> {
        let monday = Ts::parse("2024-01-01T14:30:00Z").unwrap().0;
        let mut week = Week::default();
        for day in [0, 7]
            .into_iter()
            .flat_map(|first| days.iter().map(move |day| first + day))
        {
            week.note(monday + day * DAY_NS + off * NANOS_PER_SECOND);
        }
        let found = week.other_epoch(Ts(monday + off * NANOS_PER_SECOND));
        found.map(|(ts, what)| (ts.to_string(), what))
    }

    #[test]
    fn weeks_without_their_fridays_are_of_another_epoch() {
        let (workdays, fx) = ([0, 1, 2, 3, 4], [-1, 0, 1, 2, 3, 4]);
        for days in [workdays.as_slice(), &fx] {
            for (off, words) in [(315_619_200, "1960"), (-978_307_200, "2001")] {
                let (ts, what) = read(days, off).unwrap();
                assert_eq!(ts, "2024-01-01T14:30:00Z");
                assert!(what.contains(words), "{what}");
            }
            assert_eq!(read(days, 0), None);
        }
        // Who trades every day tells nothing, and neither do two days.
        for days in [[0, 1, 2, 3, 4, 5, 6].as_slice(), &[0, 1]] {
            assert_eq!(read(days, 315_619_200), None);
        }
    }
}
