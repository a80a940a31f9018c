//! Equity at the end of each calendar month, UTC, while a run goes on.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The last equity within a calendar month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonthEnd {
    /// The year.
    pub year: i16,
    /// The month, from 1.
    pub month: i8,
    /// The last equity in it.
    pub equity: f64,
}

/// Months with points, in order. What closes at midnight belongs to the day, and so the month, that it ends.
#[derive(Debug, Default)]
pub(crate) struct Months {
    ends: Vec<MonthEnd>,
    /// The last nanosecond of the newest month.
    last: i64,
}

impl Months {
    /// Takes the next points in the order of time.
    pub(crate) fn extend(&mut self, ts: &[i64], equities: &[f64]) {
        let (Some(last), Some(equity)) = (ts.last(), equities.last()) else {
            return;
        };
        if *last <= self.last
            && let Some(newest) = self.ends.last_mut()
        {
            newest.equity = *equity;
            return;
        }
        for (ts, equity) in ts.iter().zip(equities) {
            self.push(*ts, *equity);
        }
    }

    fn push(&mut self, ts: i64, equity: f64) {
        match self.ends.last_mut() {
            Some(newest) if ts <= self.last => newest.equity = equity,
            _ => self.begin(ts, equity),
        }
    }

    pub(crate) fn finish(self) -> Vec<MonthEnd> {
        self.ends
    }

    fn begin(&mut self, ts: i64, equity: f64) {
        let inside = Timestamp::from_nanosecond(i128::from(ts) - 1).unwrap_or_default();
        let day = inside.to_zoned(TimeZone::UTC).date();
        let next = day.last_of_month().tomorrow().ok();
        let edge = next.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
        // The last month of 64 bits ends with them.
        let edge = edge.and_then(|edge| i64::try_from(edge.timestamp().as_nanosecond()).ok());
        self.last = edge.unwrap_or(i64::MAX);
        self.ends.push(MonthEnd {
            year: day.year(),
            month: day.month(),
            equity,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickloom_types::Ts;

    #[test]
    fn midnight_belongs_to_the_day_that_it_ends() {
        let mut months = Months::default();
        for (time, equity) in [
            ("2023-12-31T23:59:59Z", 1.0),
            ("2024-01-01", 2.0),
            ("2024-01-01T00:00:00.000000001Z", 3.0),
            ("2024-02-01", 4.0),
            ("2024-04-30", 5.0),
        ] {
            months.push(Ts::parse(time).unwrap().0, equity);
        }
        let end = |year, month, equity| MonthEnd {
            year,
            month,
            equity,
        };
        let expected = [end(2023, 12, 2.0), end(2024, 1, 4.0), end(2024, 4, 5.0)];
        assert_eq!(months.finish(), expected);
    }

    #[test]
    fn the_ends_of_time_have_a_month() {
        let mut months = Months::default();
        months.push(i64::MIN + 1, 1.0);
        months.push(i64::MAX, 2.0);
        let years: Vec<i16> = months.finish().iter().map(|end| end.year).collect();
        assert_eq!(years, [1677, 2262]);
    }
}
