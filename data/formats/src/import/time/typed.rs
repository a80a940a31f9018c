//! Times of columns that have types.

use super::{Stamped, TimeFormat, UNITS, instant};
use crate::import::cells::{Cell, DAY_NS};
use jiff::tz::TimeZone;
use std::borrow::Cow;
use tickloom_types::{NANOS_PER_SECOND, Ts, pow10};

impl TimeFormat {
    /// The unit that a user names, with its nanoseconds.
    pub(crate) fn told_unit(text: &str) -> Option<(&'static str, i64)> {
        let known = UNITS.iter().find(|(unit, ..)| *unit == text);
        known.map(|(unit, _, decimals)| (*unit, pow10(*decimals)))
    }

    /// Reads a time of this format, or one whose column says what it is; what names no zone is in `zone`.
    #[inline]
    pub(crate) fn read(&self, cell: Cell<'_>, zone: &TimeZone) -> Option<Stamped> {
        let cell = match self {
            TimeFormat::Typed {
                told: Some(unit), ..
            } => in_unit(cell, *unit),
            _ => cell,
        };
        match cell {
            Cell::Text(text) => self.parse(text, zone),
            Cell::Whole(value) => self.read_whole(value, zone),
            Cell::Instant(value, unit) => {
                let ts = value.checked_mul(unit)?;
                Some(Stamped::at(Ts(ts), unit_of(ts)))
            }
            Cell::Date(_) | Cell::Local(..) => self.read_local(cell, zone),
            Cell::Float(value) if has_lost_nanos(value) => None,
            Cell::Float(_) => self.parse(without_zero(&cell.text()), zone),
            Cell::Decimal(..) => self.parse(&cell.text(), zone),
            // A float of 32 bits has lost digits of any time.
            Cell::Single(_) | Cell::Truth(_) | Cell::TimeOfDay(_) => None,
        }
    }

    /// Reads a time that is a date and a time of day, where a column has that.
    pub(crate) fn read_joined(
        &self,
        date: Cell<'_>,
        time_of_day: Option<Cell<'_>>,
        zone: &TimeZone,
        joined: &mut Vec<u8>,
    ) -> Option<Stamped> {
        let Some(time_of_day) = time_of_day else {
            return self.read(date, zone);
        };
        if let Some(local) = date.joined(time_of_day) {
            let ts = instant(local, zone)?;
            return Some(Stamped::at(ts, unit_of(ts.0)));
        }
        join(date, time_of_day, joined);
        self.parse(joined, zone)
    }

    /// Nanoseconds of the unit that all of these whole numbers are times in, if it is the same of all.
    pub(crate) fn unit_of_all(&self, values: &[i64]) -> Option<i64> {
        let decimals = match self {
            TimeFormat::Unit(decimals) => *decimals,
            TimeFormat::Epoch(_) => {
                let (least, most) = (values.iter().min()?, values.iter().max()?);
                let decimals = epoch_decimals(*least)?;
                // Those of one unit lie together.
                (epoch_decimals(*most) == Some(decimals)).then_some(decimals)?
            }
            _ => return None,
        };
        Some(pow10(decimals))
    }

    fn read_whole(&self, value: i64, zone: &TimeZone) -> Option<Stamped> {
        let decimals = match self {
            TimeFormat::Unit(decimals) => *decimals,
            TimeFormat::Epoch(_) => epoch_decimals(value)?,
            TimeFormat::Typed { .. } => return None,
            _ => return self.parse(value.to_string().as_bytes(), zone),
        };
        let ts = value.checked_mul(pow10(decimals))?;
        Some(Stamped::at(Ts(ts), pow10(decimals)))
    }

    /// A date, or what a clock in a zone shows that is not said.
    fn read_local(&self, cell: Cell<'_>, zone: &TimeZone) -> Option<Stamped> {
        let (value, unit) = match cell {
            Cell::Date(days) => (days, DAY_NS),
            Cell::Local(value, unit) => (value, unit),
            _ => return None,
        };
        let are_days = matches!(self, TimeFormat::Typed { are_days: true, .. });
        let is_date = matches!(cell, Cell::Date(_))
            || cell.is_midnight() && (are_days || *zone == TimeZone::UTC);
        let ts = if is_date || *zone == TimeZone::UTC {
            Ts(value.checked_mul(unit)?)
        } else {
            instant(cell.local()?, zone)?
        };
        Some(Stamped {
            ts,
            is_date,
            unit: unit_of(ts.0),
        })
    }
}

/// A timestamp whose number is of this unit, whatever its column says; anything else as it is.
fn in_unit(cell: Cell<'_>, unit: i64) -> Cell<'_> {
    match cell {
        Cell::Instant(value, _) => Cell::Instant(value, unit),
        Cell::Local(value, _) => Cell::Local(value, unit),
        cell => cell,
    }
}

/// The text of a date and a time of day, with a space between.
pub(crate) fn join(date: Cell<'_>, time_of_day: Cell<'_>, joined: &mut Vec<u8>) {
    joined.clear();
    joined.extend_from_slice(&date.date_text());
    joined.push(b' ');
    joined.extend_from_slice(&time_of_day.text());
}

/// The text of a time, of a date and a time of day with a space between.
pub(crate) fn time_text<'a>(date: Cell<'a>, time_of_day: Option<Cell<'a>>) -> Cow<'a, [u8]> {
    match time_of_day {
        None => date.text(),
        Some(time_of_day) => {
            let mut joined = Vec::new();
            join(date, time_of_day, &mut joined);
            Cow::Owned(joined)
        }
    }
}

/// Whether a float is of nanoseconds since the epoch that are no whole seconds: beyond 2^53 it has lost digits of them.
pub(crate) fn has_lost_nanos(value: f64) -> bool {
    const NANOS_LEAST: f64 = 1e17;
    value.is_finite() && value >= NANOS_LEAST && value % 1e9 != 0.0
}

/// A float that is a whole number, as one.
fn without_zero(text: &[u8]) -> &[u8] {
    text.strip_suffix(b".0").unwrap_or(text)
}

/// The unit of a whole number since the epoch by its digits.
fn epoch_decimals(value: i64) -> Option<u8> {
    match value {
        100_000_000..10_000_000_000 => Some(9),
        100_000_000_000..10_000_000_000_000 => Some(6),
        100_000_000_000_000..10_000_000_000_000_000 => Some(3),
        100_000_000_000_000_000.. => Some(0),
        _ => None,
    }
}

/// The largest of the units that people write times in of which it is a whole number.
fn unit_of(ns: i64) -> i64 {
    let units = [NANOS_PER_SECOND, 1_000_000, 1_000];
    let unit = units.into_iter().find(|unit| ns % unit == 0);
    unit.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::super::{DateOrder, since_epoch};
    use super::*;

    fn typed(are_days: bool) -> TimeFormat {
        TimeFormat::Typed {
            what: "timestamps".to_owned(),
            is_local: true,
            are_days,
            unit: None,
            told: None,
        }
    }

    fn check(format: &TimeFormat, cell: Cell<'_>, zone: &str, expected: Option<(&str, bool)>) {
        let found = format.read(cell, &TimeZone::get(zone).unwrap());
        let found = found.map(|stamped| (stamped.ts.to_string(), stamped.is_date));
        let expected = expected.map(|(ts, is_date)| (Ts::parse(ts).unwrap().to_string(), is_date));
        assert_eq!(found, expected, "{format:?} {cell:?} {zone}");
    }

    #[test]
    fn stamps_of_columns() {
        let new_york = "America/New_York";
        let half_past_nine = Cell::Local(1_704_187_800_000, 1_000_000);
        let midnight = Cell::Local(19_724 * 86_400, NANOS_PER_SECOND);
        let some = |ts, is_date| Some((ts, is_date));
        check(
            &typed(false),
            Cell::Instant(1_704_187_800, NANOS_PER_SECOND),
            new_york,
            some("2024-01-02T09:30:00Z", false),
        );
        check(
            &typed(false),
            half_past_nine,
            "UTC",
            some("2024-01-02T09:30:00Z", false),
        );
        check(
            &typed(false),
            half_past_nine,
            new_york,
            some("2024-01-02T14:30:00Z", false),
        );
        check(
            &typed(false),
            midnight,
            "UTC",
            some("2024-01-02T00:00:00Z", true),
        );
        check(
            &typed(false),
            midnight,
            new_york,
            some("2024-01-02T05:00:00Z", false),
        );
        check(
            &typed(true),
            midnight,
            new_york,
            some("2024-01-02T00:00:00Z", true),
        );
        check(
            &typed(false),
            Cell::Date(19_724),
            new_york,
            some("2024-01-02T00:00:00Z", true),
        );
        check(&typed(false), Cell::Instant(i64::MAX, 1_000), "UTC", None);
        check(
            &typed(false),
            Cell::Local(i64::MAX, NANOS_PER_SECOND),
            new_york,
            None,
        );
        check(&typed(false), Cell::Whole(1_704_187_800), "UTC", None);
        check(&typed(false), Cell::Truth(true), "UTC", None);
        // Skipped in spring.
        check(
            &typed(false),
            Cell::Local(1_710_037_800, NANOS_PER_SECOND),
            new_york,
            None,
        );
    }

    #[test]
    fn numbers_are_read_as_their_texts_are() {
        for text in [
            "0",
            "99999999",
            "100000000",
            "1704187800",
            "17041878000",
            "1704187800000",
            "17041878000000",
            "1704187800000000",
            "1704187800000000000",
            "20240102",
            "202401020930",
            "-5",
        ] {
            let value = text.parse().unwrap();
            for format in [
                TimeFormat::Epoch(9),
                TimeFormat::Unit(6),
                TimeFormat::Unit(0),
                TimeFormat::Compact,
                TimeFormat::Text(DateOrder::YearFirst),
                TimeFormat::Pattern("%Y%m%d".to_owned()),
            ] {
                let by_text = format.parse(text.as_bytes(), &TimeZone::UTC);
                let found = format.read(Cell::Whole(value), &TimeZone::UTC);
                assert_eq!(found, by_text, "{format:?} {text}");
            }
        }
        let float = TimeFormat::Epoch(9).read(Cell::Float(1_704_187_800.5), &TimeZone::UTC);
        assert_eq!(float.unwrap().ts.0, 1_704_187_800_500_000_000);
        let whole = TimeFormat::Epoch(6).read(Cell::Float(1_704_187_800_000.0), &TimeZone::UTC);
        assert_eq!(whole.unwrap().ts.0, 1_704_187_800_000_000_000);
    }

    #[test]
    fn a_unit_is_what_the_value_is_written_in() {
        for (ns, unit) in [
            (1_704_187_859_999_000_000, 1_000_000),
            (1_704_187_859_000_000_000, NANOS_PER_SECOND),
            (1_001, 1),
            (1_000, 1_000),
        ] {
            assert_eq!(unit_of(ns), unit);
        }
        let mut joined = Vec::new();
        let compact = TimeFormat::Text(DateOrder::YearFirst);
        let read = compact.read_joined(
            Cell::Date(19_724),
            Some(Cell::Text(b"09:30")),
            &TimeZone::UTC,
            &mut joined,
        );
        assert_eq!(read.unwrap().ts, Ts::parse("2024-01-02T09:30:00Z").unwrap());
        assert_eq!(since_epoch(b"5", 9).unwrap().ts, Ts(5_000_000_000));
    }
}
