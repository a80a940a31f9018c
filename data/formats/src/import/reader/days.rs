//! Which days dates are: of bars longer than a day, whether they are dated by their first day or by their last.

use tickloom_types::Ts;

use crate::import::cells::DAY_NS;

/// What all dates have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) struct Days {
    are_first_of_month: bool,
    are_last_of_month: bool,
    are_mondays: bool,
    /// Friday to Sunday.
    are_ends_of_week: bool,
}

impl Days {
    /// Of no dates yet.
    pub(super) const NONE: Days = Days {
        are_first_of_month: true,
        are_last_of_month: true,
        are_mondays: true,
        are_ends_of_week: true,
    };

    /// Takes in a date.
    #[inline]
    pub(super) fn note(&mut self, ts: Ts) {
        let Days {
            are_first_of_month: first,
            are_last_of_month: last,
            are_mondays: monday,
            are_ends_of_week: end,
        } = *self;
        if !(first || last || monday || end) {
            return;
        }
        let day = ts.0.div_euclid(DAY_NS);
        // The first day of 1970 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        *self = Days {
            are_first_of_month: first && of_month(day) == 1,
            are_last_of_month: last && of_month(day + 1) == 1,
            are_mondays: monday && weekday == 0,
            are_ends_of_week: end && weekday >= 4,
        };
    }

    /// Whether bars of this length are dated by their last day; nothing if their dates do not tell.
    pub(in crate::import) fn are_last(&self, length: i64) -> Option<bool> {
        let (first, last) = match length / DAY_NS {
            7 => (self.are_mondays, self.are_ends_of_week),
            28.. => (self.are_first_of_month, self.are_last_of_month),
            _ => (false, false),
        };
        (first != last).then_some(last)
    }
}

/// The day of the month of a day since 1970, by Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn of_month(day: i64) -> i64 {
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    of_year - (153 * month + 2) / 5 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let begins = of(&["2024-01-01", "2024-02-01", "1900-03-01"]);
        assert_eq!(begins.are_last(month), Some(false));
        assert_eq!(of(&["2024-01-01", "2024-01-31"]).are_last(month), None);
        assert_eq!(
            of(&["2024-01-01", "2024-01-08"]).are_last(week),
            Some(false)
        );
        assert_eq!(of(&["2024-01-05", "2024-01-11"]).are_last(week), None);
        assert_eq!(of(&["2024-01-05", "2024-01-12"]).are_last(week), Some(true));
        assert_eq!(of(&["2024-01-05", "2024-01-12"]).are_last(3 * DAY_NS), None);
    }
}
