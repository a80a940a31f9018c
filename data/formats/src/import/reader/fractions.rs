//! What columns of their own say of a time beyond its seconds: milliseconds, microseconds and nanoseconds.

use super::{Reader, Wrong};
use crate::import::cells::Cells;
use crate::import::time::Stamped;
use tickloom_types::{NANOS_PER_SECOND, Ts};

impl Reader<'_> {
    /// The time with what these columns say beyond it.
    pub(super) fn beyond(
        &self,
        mut stamped: Stamped,
        fractions: &[(usize, i64)],
        cells: &impl Cells,
    ) -> Result<Stamped, Wrong> {
        for (at, unit) in fractions {
            let count = whole(&cells.text(*at)).filter(|count| *count < NANOS_PER_SECOND / unit);
            let role = self.layout.roles.get(*at).copied().flatten();
            let role = role.map_or("", |role| role.name());
            let count = count.ok_or_else(|| {
                let most = NANOS_PER_SECOND / unit - 1;
                let expected = format!(
                    "{role} of a second, 0 to {most} (--columns {role}=- if they are none)"
                );
                self.wrong(cells, *at, &expected)
            })?;
            let ts = with(stamped, count * unit, *unit).ok_or_else(|| {
                let expected =
                    format!("{role} beyond a time that ends above them (--columns {role}=- if they are none)");
                self.wrong(cells, *at, &expected)
            })?;
            stamped.ts = ts;
            stamped.unit = stamped.unit.min(*unit);
        }
        Ok(stamped)
    }
}

/// A time with so many nanoseconds, of a fraction in this unit. One that has these digits already stays as it is, and none is written over.
fn with(stamped: Stamped, nanos: i64, unit: i64) -> Option<Ts> {
    let of_second = stamped.ts.0.rem_euclid(NANOS_PER_SECOND);
    if nanos == 0 || nanos == of_second {
        return Some(stamped.ts);
    }
    let mut place = unit * 1_000;
    while nanos >= place {
        place *= 1_000;
    }
    let is_free = !stamped.is_date && of_second % place == 0;
    is_free
        .then(|| stamped.ts.0.checked_add(nanos).map(Ts))
        .flatten()
}

/// A whole number from zero on, as a float may be written too.
fn whole(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_suffix(".0").unwrap_or(text);
    let are_digits = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    are_digits.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_digit_is_written_over() {
        let check = |of_second: i64, nanos: i64, unit: i64, expected: Option<i64>| {
            let start = 1_704_187_800 * NANOS_PER_SECOND;
            let ts = Ts(start + of_second);
            let stamped = Stamped {
                ts,
                is_date: false,
                unit: NANOS_PER_SECOND,
            };
            assert_eq!(
                with(stamped, nanos, unit),
                expected.map(|ns| Ts(start + ns))
            );
        };
        check(0, 123_000_000, 1_000_000, Some(123_000_000));
        check(0, 999_999_999, 1, Some(999_999_999));
        check(123_456_000, 789, 1, Some(123_456_789));
        check(123_000_000, 456_000, 1_000, Some(123_456_000));
        check(123_000_000, 123_000_000, 1_000_000, Some(123_000_000));
        check(123_000_000, 0, 1_000_000, Some(123_000_000));
        check(123_000_000, 124_000_000, 1_000_000, None);
        check(123_456_789, 1, 1, None);
    }

    #[test]
    fn whole_numbers() {
        for (text, expected) in [
            ("0", Some(0)),
            ("012", Some(12)),
            ("5.0", Some(5)),
            ("", None),
        ] {
            assert_eq!(whole(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(
            [whole(b"-1"), whole(b"1.5"), whole(b"1234567890")],
            [None; 3]
        );
    }
}
