//! Cells of a row, whatever its file is: a text that says what it is, or a value whose column has a type. What a row means is decided
//! from these, in `reader`, for both alike.

use super::text::Fields;
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use std::borrow::Cow;
use tickloom_types::NANOS_PER_SECOND;

/// Nanoseconds of a day.
pub(crate) const DAY_NS: i64 = 86_400 * NANOS_PER_SECOND;

/// What one field of a row holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// A text without spaces around it; empty where there is nothing.
    Text(&'a [u8]),
    Whole(i64),
    /// A number of so many digits after the point.
    Decimal(i128, i8),
    Float(f64),
    Single(f32),
    Truth(bool),
    /// So many units since the epoch, and the nanoseconds of a unit.
    Instant(i64, i64),
    /// The same, of a clock on a wall in a zone that the column does not say.
    Local(i64, i64),
    /// Days since the epoch.
    Date(i64),
    /// Nanoseconds since midnight.
    TimeOfDay(i64),
}

/// A row.
pub(crate) trait Cells {
    fn len(&self) -> usize;

    /// A cell; of a row that is too short, an empty text.
    fn cell(&self, at: usize) -> Cell<'_>;

    /// What a person would write for it.
    fn text(&self, at: usize) -> Cow<'_, [u8]> {
        self.cell(at).text()
    }

    /// The fields, of a text.
    fn fields(&self) -> Option<&Fields> {
        None
    }
}

impl Cells for Fields {
    #[inline]
    fn len(&self) -> usize {
        Fields::len(self)
    }

    #[inline]
    fn cell(&self, at: usize) -> Cell<'_> {
        Cell::Text(self.get(at))
    }

    fn fields(&self) -> Option<&Fields> {
        Some(self)
    }
}

impl<'a> Cell<'a> {
    /// Whether there is nothing.
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Cell::Text(text) => text.is_empty(),
            Cell::Float(value) => value.is_nan(),
            Cell::Single(value) => value.is_nan(),
            _ => false,
        }
    }

    /// What a person would write for it.
    pub(crate) fn text(self) -> Cow<'a, [u8]> {
        let text = match self {
            Cell::Text(text) => return Cow::Borrowed(text),
            Cell::Truth(true) => return Cow::Borrowed(b"true"),
            Cell::Truth(false) => return Cow::Borrowed(b"false"),
            Cell::Whole(value) => value.to_string(),
            Cell::Decimal(mantissa, scale) => decimal(mantissa, scale),
            Cell::Float(value) => with_point(value.to_string()),
            Cell::Single(value) => with_point(value.to_string()),
            Cell::Instant(value, unit) => match Cell::Local(value, unit).local() {
                Some(local) => format!("{}Z", date_time(local)),
                None => beyond(value, unit),
            },
            Cell::Local(value, unit) => match self.local() {
                Some(local) => date_time(local),
                None => beyond(value, unit),
            },
            Cell::Date(days) => match self.local() {
                Some(local) => local.date().to_string(),
                None => format!("{days} days since the epoch"),
            },
            Cell::TimeOfDay(nanos) => match self.local() {
                Some(local) => local.time().to_string(),
                None => format!("{nanos} ns since midnight"),
            },
        };
        Cow::Owned(text.into_bytes())
    }

    /// The text of a date, where it is at midnight.
    pub(crate) fn date_text(self) -> Cow<'a, [u8]> {
        match (self.is_midnight(), self.local()) {
            (true, Some(local)) => Cow::Owned(local.date().to_string().into_bytes()),
            _ => self.text(),
        }
    }

    /// Whether it is a date, or a time at midnight of a zone that is not said.
    pub(crate) fn is_midnight(self) -> bool {
        match self {
            Cell::Date(_) => true,
            Cell::Local(value, unit) => value % (DAY_NS / unit.max(1)) == 0,
            _ => false,
        }
    }

    /// What a clock on a wall shows then.
    pub(crate) fn local(self) -> Option<DateTime> {
        let (seconds, nanos) = match self {
            Cell::Local(value, unit) => {
                let in_second = NANOS_PER_SECOND / unit.max(1);
                (
                    value.div_euclid(in_second),
                    value.rem_euclid(in_second) * unit,
                )
            }
            Cell::Date(days) => (days.checked_mul(86_400)?, 0),
            Cell::TimeOfDay(nanos) if (0..DAY_NS).contains(&nanos) => {
                (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND)
            }
            _ => return None,
        };
        let instant = Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()?;
        Some(jiff::tz::Offset::UTC.to_datetime(instant))
    }

    /// What a clock shows at a date and a time of day.
    pub(crate) fn joined(self, time_of_day: Cell<'_>) -> Option<DateTime> {
        match (self.is_midnight(), time_of_day) {
            (true, Cell::TimeOfDay(nanos)) if (0..DAY_NS).contains(&nanos) => {
                let midnight = self.local()?.date().to_datetime(Time::midnight());
                midnight.checked_add(SignedDuration::from_nanos(nanos)).ok()
            }
            _ => None,
        }
    }
}

fn date_time(local: DateTime) -> String {
    format!("{} {}", local.date(), local.time())
}

fn beyond(value: i64, unit: i64) -> String {
    format!("{value} times {unit} ns since the epoch")
}

/// A float as people write it, not to be taken for a whole number.
fn with_point(mut text: String) -> String {
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        text.push_str(".0");
    }
    text
}

/// A decimal with all its digits.
fn decimal(mantissa: i128, scale: i8) -> String {
    let sign = if mantissa < 0 { "-" } else { "" };
    let mut digits = mantissa.unsigned_abs().to_string();
    let zeros = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        digits.push_str(&"0".repeat(zeros));
        return format!("{sign}{digits}");
    }
    if digits.len() <= zeros {
        digits.insert_str(0, &"0".repeat(zeros + 1 - digits.len()));
    }
    let (whole, fraction) = digits.split_at(digits.len() - zeros);
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_written_as_people_do() {
        let check = |cell: Cell<'_>, expected: &str| {
            assert_eq!(
                String::from_utf8(cell.text().into_owned()).unwrap(),
                expected
            );
        };
        check(Cell::Whole(-5), "-5");
        check(Cell::Float(185.0), "185.0");
        check(Cell::Float(f64::NAN), "NaN");
        check(Cell::Single(0.1), "0.1");
        check(Cell::Decimal(-5, 3), "-0.005");
        check(Cell::Decimal(12_345, 2), "123.45");
        check(Cell::Decimal(12, -2), "1200");
        check(
            Cell::Decimal(i128::MIN, 38),
            "-1.70141183460469231731687303715884105728",
        );
        check(Cell::Truth(true), "true");
        check(
            Cell::Instant(1_723_161_255_030, 1_000_000),
            "2024-08-08 23:54:15.03Z",
        );
        check(Cell::Local(-1, NANOS_PER_SECOND), "1969-12-31 23:59:59");
        check(
            Cell::Local(i64::MAX, NANOS_PER_SECOND),
            "9223372036854775807 times 1000000000 ns since the epoch",
        );
        check(Cell::Date(19_724), "2024-01-02");
        check(Cell::TimeOfDay(34_200_000_000_001), "09:30:00.000000001");
        check(Cell::TimeOfDay(DAY_NS), "86400000000000 ns since midnight");
    }

    #[test]
    fn a_date_and_a_time_of_day_are_a_time() {
        let half_past_nine = Cell::TimeOfDay(34_200_000_000_000);
        let expected = Some("2024-01-02T09:30:00".parse().unwrap());
        assert_eq!(Cell::Date(19_724).joined(half_past_nine), expected);
        let midnight = Cell::Local(19_724 * 86_400_000, 1_000_000);
        assert_eq!(midnight.joined(half_past_nine), expected);
        assert_eq!(midnight.date_text().as_ref(), b"2024-01-02");
        assert_eq!(Cell::Local(1, 1_000_000).joined(half_past_nine), None);
        assert_eq!(Cell::Date(19_724).joined(Cell::Whole(930)), None);
        assert_eq!(Cell::Date(19_724).joined(Cell::TimeOfDay(DAY_NS)), None);
    }
}
