//! Many values of a column at once, where they are in common forms. What is not is left to [`Column::cell`]: of each of these the rows
//! are given up to the first that is anything else.

use super::{Column, Values};
use crate::import::cells::{Cell, DAY_NS};
use crate::import::number::{float_as_mantissa, single_as_mantissa};
use crate::import::time::TimeFormat;
use std::ops::Range;
use tickloom_types::pow10;

/// What the times of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimesRead {
    /// Whether those at midnight are dates alone.
    pub(crate) are_local: bool,
    /// Nanoseconds of the unit that whole numbers are in.
    pub(crate) unit: Option<i64>,
}

impl Column {
    /// Of these rows those up to the first that has no value.
    fn present(&self, rows: Range<usize>) -> Range<usize> {
        let nulls = self
            .nulls
            .as_ref()
            .and_then(|nulls| nulls.get(rows.clone()));
        let first = nulls.and_then(|nulls| nulls.iter().position(|is_null| *is_null));
        rows.start..first.map_or(rows.end, |first| rows.start + first)
    }

    /// The numbers of these rows at so many decimals, as far as each is exactly one of them.
    pub(crate) fn mantissas(&self, rows: Range<usize>, decimals: u8, into: &mut Vec<i64>) {
        into.clear();
        let rows = self.present(rows);
        let factor = pow10(decimals);
        match &self.values {
            Values::Whole(values) => multiplied(some(values, rows), factor, into),
            Values::Decimal64(values, scale) => {
                let values = some(values, rows);
                match scaling(*scale, decimals) {
                    Some(Scaling::Multiply(by)) => multiplied(values, by, into),
                    Some(Scaling::Divide(by)) => convert(values, into, |value| {
                        let mantissa = value / by;
                        (mantissa, mantissa.wrapping_mul(by) == value)
                    }),
                    None => {}
                }
            }
            Values::Decimal(values, scale) => {
                let values = some(values, rows);
                match scaling(*scale, decimals) {
                    Some(Scaling::Multiply(by)) => {
                        let most = (i64::MAX / by).unsigned_abs();
                        convert(values, into, |value| {
                            let (low, fits) = narrow(value);
                            (low.wrapping_mul(by), fits && low.unsigned_abs() <= most)
                        });
                    }
                    Some(Scaling::Divide(by)) => convert(values, into, |value| {
                        let (low, fits) = narrow(value);
                        let mantissa = low / by;
                        (mantissa, fits && mantissa.wrapping_mul(by) == low)
                    }),
                    None => {}
                }
            }
            Values::Float(values) => {
                let one = float_as_mantissa(decimals);
                convert(some(values, rows), into, one);
            }
            Values::Single(values) => {
                let one = single_as_mantissa(decimals);
                convert(some(values, rows), into, one);
            }
            _ => {}
        }
    }

    /// The times of these rows, as [`TimeFormat::read`] reads each; `is_utc` if clocks on walls show UTC. `None` if they are in no
    /// common form.
    pub(crate) fn times(
        &self,
        rows: Range<usize>,
        (format, is_utc): (&TimeFormat, bool),
        into: &mut Vec<i64>,
    ) -> Option<TimesRead> {
        into.clear();
        if matches!(format, TimeFormat::Typed { told: Some(_), .. }) {
            return None;
        }
        let rows = self.present(rows);
        let mut read = TimesRead {
            are_local: matches!(self.values, Values::Local(..) | Values::Date(_)),
            unit: None,
        };
        match &self.values {
            Values::Instant(values, unit) => multiplied(some(values, rows), *unit, into),
            Values::Local(values, unit) if is_utc => {
                multiplied(some(values, rows), *unit, into);
            }
            Values::Date(days) => multiplied(some(days, rows), DAY_NS, into),
            Values::Whole(values) => {
                let values = some(values, rows);
                let unit = format.unit_of_all(values)?;
                read.unit = Some(unit);
                multiplied(values, unit, into);
            }
            _ => return None,
        }
        Some(read)
    }

    /// The whole numbers of these rows, none of which is below zero.
    pub(crate) fn counts(&self, rows: Range<usize>, into: &mut Vec<i64>) {
        into.clear();
        let rows = self.present(rows);
        if let Values::Whole(values) = &self.values {
            convert(some(values, rows), into, |value| (value, value >= 0));
        }
    }

    /// How many of these rows have the same text as the first of them.
    pub(crate) fn same_text(&self, rows: Range<usize>) -> usize {
        let Cell::Text(first) = self.cell(rows.start) else {
            return 0;
        };
        let count = rows.len();
        let mut rows = rows;
        let other = rows.position(|row| self.cell(row) != Cell::Text(first));
        other.unwrap_or(count)
    }
}

/// These rows of the values; none, if there are not so many.
fn some<T>(values: &[T], rows: Range<usize>) -> &[T] {
    values.get(rows).unwrap_or_default()
}

/// What makes mantissas of one scale those of another.
enum Scaling {
    Multiply(i64),
    Divide(i64),
}

fn scaling(from: i8, to: u8) -> Option<Scaling> {
    let from = u8::try_from(from).ok()?;
    Some(match from.checked_sub(to) {
        None | Some(0) => Scaling::Multiply(pow10(to - from)),
        // Ten to a higher power is beyond 64 bits.
        Some(less) if less <= 18 => Scaling::Divide(pow10(less)),
        Some(_) => return None,
    })
}

/// The lowest 64 bits, and whether they are all.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is told")]
fn narrow(value: i128) -> (i64, bool) {
    let low = value as i64;
    (low, i128::from(low) == value)
}

fn multiplied(values: &[i64], by: i64, into: &mut Vec<i64>) {
    let most = (i64::MAX / by.max(1)).unsigned_abs();
    convert(values, into, |value| {
        (value.wrapping_mul(by), value.unsigned_abs() <= most)
    });
}

/// Appends what `one` makes of each value, up to the first that it makes nothing right of.
#[inline]
fn convert<T: Copy>(values: &[T], into: &mut Vec<i64>, one: impl Fn(T) -> (i64, bool)) {
    let mut are_right = true;
    into.extend(values.iter().map(|value| {
        let (number, is_right) = one(*value);
        are_right &= is_right;
        number
    }));
    if !are_right {
        let wrong = values.iter().position(|value| !one(*value).1);
        into.truncate(wrong.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::number;
    use proptest::prelude::*;

    /// What the exact way says of the numbers up to the first that has not so many decimals.
    fn exactly(values: &Values, rows: usize, decimals: u8) -> Vec<i64> {
        let column = Column::new(values.clone(), None);
        let one = |row: usize| {
            let number = match column.cell(row) {
                Cell::Whole(mantissa) => Some(number::Number {
                    mantissa,
                    decimals: 0,
                }),
                Cell::Float(value) => match number::of_float_like(value, &mut 0) {
                    Ok((number, false)) => Some(number),
                    _ => None,
                },
                Cell::Single(value) => number::of_single(value).ok(),
                Cell::Decimal(mantissa, scale) => number::of_decimal(mantissa, scale).ok(),
                _ => None,
            };
            number.and_then(|number| number.at(decimals))
        };
        (0..rows).map_while(one).collect()
    }

    /// The numbers found are those of the exact way, which may find more where they are large.
    fn agree(values: &Values, rows: usize, is_large: impl Fn(usize) -> bool) {
        for decimals in 0..=9 {
            let mut found = Vec::new();
            Column::new(values.clone(), None).mantissas(0..rows, decimals, &mut found);
            let expected = exactly(values, rows, decimals);
            assert!(
                expected.starts_with(&found),
                "{values:?} {decimals} {found:?} {expected:?}"
            );
            if found.len() < expected.len() {
                assert!(
                    is_large(found.len()),
                    "{values:?} {decimals} {found:?} {expected:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_missing_ends_the_rows() {
        let nulls = Some(vec![false, false, true, false]);
        let column = Column::new(Values::Whole(vec![1, 2, 3, 4]), nulls);
        let read = |rows: Range<usize>| {
            let mut into = vec![9];
            column.mantissas(rows, 1, &mut into);
            into
        };
        assert_eq!(read(0..4), [10, 20]);
        assert_eq!(read(2..4), [0_i64; 0]);
        assert_eq!(read(3..4), [40]);
        assert_eq!(read(3..9), [0_i64; 0]);
    }

    #[test]
    fn times_in_common_forms() {
        let check = |values: Values, is_utc: bool, format: &TimeFormat| {
            let mut into = Vec::new();
            let read = Column::new(values, None).times(0..2, (format, is_utc), &mut into);
            read.map(|read| (into, read.are_local, read.unit))
        };
        let typed = TimeFormat::Typed {
            what: String::new(),
            is_local: true,
            are_days: false,
            unit: None,
            told: None,
        };
        let millis = 1_000_000;
        assert_eq!(
            check(Values::Instant(vec![3, -4], millis), false, &typed),
            Some((vec![3_000_000, -4_000_000], false, None))
        );
        assert_eq!(
            check(Values::Local(vec![3, 4], millis), false, &typed),
            None
        );
        let days = Values::Local(vec![86_400_000, 0], millis);
        assert_eq!(
            check(days, true, &typed),
            Some((vec![DAY_NS, 0], true, None))
        );
        assert_eq!(
            check(Values::Date(vec![1, 2]), false, &typed),
            Some((vec![DAY_NS, 2 * DAY_NS], true, None))
        );
        let large = Values::Instant(vec![1, i64::MAX / 1_000], millis);
        assert_eq!(
            check(large, true, &typed),
            Some((vec![millis], false, None))
        );
        let epoch = TimeFormat::Epoch(9);
        let seconds = Values::Whole(vec![1_700_000_000, 1_700_000_001]);
        let expected = vec![1_700_000_000_000_000_000, 1_700_000_001_000_000_000];
        assert_eq!(
            check(seconds, true, &epoch),
            Some((expected, false, Some(1_000_000_000)))
        );
        let both = Values::Whole(vec![1_700_000_000, 1_700_000_000_000]);
        assert_eq!(check(both, true, &epoch), None);
    }

    #[test]
    fn the_same_text() {
        let texts = ["A", "A", "B"].map(parquet::data_type::ByteArray::from);
        let column = Column::new(Values::Bytes(texts.to_vec()), None);
        assert_eq!(column.same_text(0..3), 2);
        assert_eq!(column.same_text(1..3), 1);
        assert_eq!(Column::new(Values::Whole(vec![1]), None).same_text(0..1), 0);
    }

    proptest! {
        #[test]
        fn floats(
            bits in prop::collection::vec(any::<u64>(), 0..3),
            written in prop::collection::vec((-2_000_000_000_000_000_i64..2_000_000_000_000_000, 0_usize..10), 1..20),
            small in prop::collection::vec((-2_000_000_i64..2_000_000, 0_usize..4), 1..20),
        ) {
            let text = |(mantissa, decimals): &(i64, usize)| format!("{mantissa}e-{decimals}");
            let mut values: Vec<f64> = small.iter().chain(&written).map(|one| text(one).parse().unwrap()).collect();
            values.extend(bits.iter().map(|bits| f64::from_bits(*bits)));
            values.extend([0.0, -0.0]);
            let is_large = |at: usize| values[at].abs() * 1e9 >= (1_u64 << 50) as f64 || values[at] == 0.0;
            agree(&Values::Float(values.clone()), values.len(), is_large);
            for value in &values {
                let is_large = |_: usize| value.abs() * 1e9 >= (1_u64 << 50) as f64 || *value == 0.0;
                agree(&Values::Float(vec![*value]), 1, is_large);
            }
        }

        #[test]
        fn floats_of_32_bits(bits in any::<u32>(), mantissa in -20_000_000_i64..20_000_000, decimals in 0_usize..10) {
            let written: f32 = format!("{mantissa}e-{decimals}").parse().unwrap();
            for value in [f32::from_bits(bits), written] {
                let is_large = |_: usize| f64::from(value.abs()) * 1e9 >= f64::from(1 << 22) || value == 0.0;
                agree(&Values::Single(vec![value]), 1, is_large);
            }
        }

        #[test]
        fn whole_numbers_and_decimals(values in prop::collection::vec(prop_oneof![any::<i64>(), -9_999_i64..10_000, Just(i64::MAX), Just(i64::MIN)], 1..20), scale in -2_i8..40, zeros in 0_u32..18) {
            let values: Vec<i64> = values.iter().map(|value| value.wrapping_mul(10_i64.pow(zeros))).collect();
            let is_large = |at: usize| !(0..=18).contains(&scale) || values[at] == i64::MIN;
            agree(&Values::Whole(values.clone()), values.len(), is_large);
            agree(&Values::Decimal64(values.clone(), scale), values.len(), is_large);
            let wide: Vec<i128> = values.iter().map(|value| i128::from(*value) << (zeros * 3)).collect();
            let is_large = |at: usize| !(0..=18).contains(&scale) || i64::try_from(wide[at]).is_err() || wide[at] == i64::MIN.into();
            agree(&Values::Decimal(wide.clone(), scale), wide.len(), is_large);
        }
    }
}
