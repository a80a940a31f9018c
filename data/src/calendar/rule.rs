//! On which dates a holiday falls: a rule that is asked about one date at a time.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

/// A rule for dates.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) base: Base,
    /// Days after it.
    pub(super) offset: i32,
    pub(super) moved: Moved,
    /// The weekdays on which it counts, Monday first; all if it does not say.
    pub(super) only: [bool; 7],
    /// First and last year.
    pub(super) years: (i16, i16),
}

/// What a rule starts from.
#[derive(Clone, Debug)]
pub(super) enum Base {
    /// Month and day.
    Fixed(i8, i8),
    /// The nth weekday of a month; from its end if negative.
    Nth {
        weekday: Weekday,
        nth: i8,
        month: i8,
    },
    /// Easter Sunday of the Gregorian calendar, and days after it.
    Easter(i32),
    /// These dates.
    Dates(Vec<Date>),
}

/// Where a date goes that falls on a weekend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    Never,
    /// From Sunday to Monday.
    Sunday,
    /// From Saturday to Friday and from Sunday to Monday.
    Nearest,
}

impl Rule {
    /// Whether the rule names this date.
    pub(super) fn falls_on(&self, date: Date) -> bool {
        if let Base::Dates(dates) = &self.base {
            return dates.contains(&date);
        }
        // A date that is moved may leave its year.
        (date.year() - 1..=date.year() + 1)
            .filter(|year| (self.years.0..=self.years.1).contains(year))
            .any(|year| self.in_year(year) == Some(date))
    }

    fn in_year(&self, year: i16) -> Option<Date> {
        let base = match self.base {
            Base::Fixed(month, day) => Date::new(year, month, day).ok()?,
            Base::Nth {
                weekday,
                nth,
                month,
            } => Date::new(year, month, 1)
                .ok()?
                .nth_weekday_of_month(nth, weekday)
                .ok()?,
            Base::Easter(days) => easter(year)?.checked_add(i64::from(days).days()).ok()?,
            Base::Dates(_) => return None,
        };
        let date = base.checked_add(i64::from(self.offset).days()).ok()?;
        let shift = match (self.moved, date.weekday()) {
            (Moved::Sunday | Moved::Nearest, Weekday::Sunday) => 1,
            (Moved::Nearest, Weekday::Saturday) => -1,
            _ => 0,
        };
        let date = date.checked_add(shift.days()).ok()?;
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        self.only[weekday].then_some(date)
    }
}

/// Easter Sunday, by the anonymous Gregorian computus (Meeus, Astronomical Algorithms, chapter 8).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(
        year,
        i8::try_from(n / 31).ok()?,
        i8::try_from(n % 31 + 1).ok()?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tables of the United States Naval Observatory.
    #[test]
    fn easter_sundays() {
        for (year, month, day) in [
            (1997, 3, 30),
            (2000, 4, 23),
            (2008, 3, 23),
            (2011, 4, 24),
            (2024, 3, 31),
            (2038, 4, 25),
        ] {
            assert_eq!(easter(year), Date::new(year, month, day).ok());
        }
    }
}
