//! A quotient of integers as the nearest `f64`, so that equal quotients are equal numbers.
//!
//! Different quotients are different numbers as long as they differ by one part in 2^52 or more: means over windows of n
//! and m prices, each of p steps, do while n * m * p is below 2^52.

/// What integers are divided by: a window times a scale.
#[derive(Clone, Debug)]
pub(crate) struct Divisor {
    /// Exact where `wide` is none.
    float: f64,
    /// The exact divisor where an `f64` may not have it. That is rare, and apart: thousands of divisors lie side by side.
    wide: Option<Box<i128>>,
}

/// Integers up to this are exact in an `f64`.
const EXACT_MAX: u64 = 1 << 53;

/// Integers below this (in absolute value) can be turned into an `f64` with two additions, which processors do side by side.
const FAST_BITS: u32 = 51;

impl Divisor {
    /// `value` is above zero.
    pub(crate) fn new(value: i128) -> Divisor {
        debug_assert!(value > 0);
        Divisor {
            float: value as f64,
            wide: (value > i128::from(EXACT_MAX)).then(|| Box::new(value)),
        }
    }

    /// The nearest `f64` to `dividend / self`.
    #[inline]
    pub(crate) fn divide(&self, dividend: i128) -> f64 {
        match i64::try_from(dividend) {
            Ok(small) if small.unsigned_abs() <= EXACT_MAX && self.is_small() => {
                small as f64 / self.float
            }
            _ => self.divide_exactly(dividend),
        }
    }

    #[cold]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a divisor that is not wide is a whole number that fits"
    )]
    fn divide_exactly(&self, dividend: i128) -> f64 {
        let divisor = match &self.wide {
            Some(wide) => **wide,
            None => i128::from(self.float as i64),
        };
        divide_wide(dividend, divisor)
    }

    /// As [`Divisor::divide`] for many dividends, each below 2 to the 51st as [`Divisor::is_fast`] has shown.
    #[inline]
    pub(crate) fn divide_all(&self, dividends: &[i64], out: &mut [f64]) {
        for (out, dividend) in out.iter_mut().zip(dividends) {
            *out = small_to_f64(*dividend) / self.float;
        }
    }

    /// Whether [`Divisor::divide_all`] may be used for dividends of so many bits.
    pub(crate) fn is_fast(&self, bits: u32) -> bool {
        bits <= FAST_BITS && self.is_small()
    }

    #[inline]
    fn is_small(&self) -> bool {
        self.wide.is_none()
    }
}

/// Exact for less than 51 bits and a sign: the integer becomes the low bits of 1.5 * 2^52, which is then taken away.
#[inline]
fn small_to_f64(value: i64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let bits = value.wrapping_add(MAGIC.to_bits().cast_signed());
    f64::from_bits(bits.cast_unsigned()) - MAGIC
}

/// Long division to 55 bits or more, the last of them set if anything remains; then one rounding.
fn divide_wide(dividend: i128, divisor: i128) -> f64 {
    const STEP: i32 = 32;
    let (magnitude, divisor) = (dividend.unsigned_abs(), divisor.unsigned_abs());
    if magnitude == 0 {
        return 0.0;
    }
    let mut quotient = magnitude / divisor;
    let mut rest = magnitude % divisor;
    let mut exponent = 0;
    while quotient < 1 << 55 {
        let shifted = rest << STEP;
        quotient = (quotient << STEP) | (shifted / divisor);
        rest = shifted % divisor;
        exponent -= STEP;
    }
    let value = (quotient | u128::from(rest != 0)) as f64 * 2_f64.powi(exponent);
    if dividend < 0 { -value } else { value }
}

/// A mask with the highest bit of `value`'s magnitude: or-ed together, masks bound the magnitude of all their values.
#[inline]
pub(crate) fn magnitude_mask(value: i64) -> u64 {
    (value ^ (value >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wide_quotients_are_rounded_once() {
        let check = |dividend: i128, divisor: i128, expected: f64| {
            assert_eq!(divide_wide(dividend, divisor).to_bits(), expected.to_bits());
        };
        check(0, 3, 0.0);
        check(1, 3, 1.0 / 3.0);
        check(-1, 3, -1.0 / 3.0);
        check(10, 4, 2.5);
        // 2^53 + 1 lies between two doubles and goes to the even one; the least bit more goes up.
        check((1 << 53) + 1, 1, 9_007_199_254_740_992.0);
        check(((1 << 53) + 1) * 1_000 + 1, 1_000, 9_007_199_254_740_994.0);
        check(
            (((1 << 53) + 1) << 60) + 1,
            1 << 60,
            9_007_199_254_740_994.0,
        );
        check(i128::MAX, 1, 2_f64.powi(127));
        check(1, 1_000_000_000_000_000_000_000, 1e-21);
    }

    proptest! {
        #[test]
        fn equal_quotients_are_equal_numbers(sum in any::<i64>(), a in 1_i128..1_000_000, b in 1_i128..1_000_000) {
            let (left, right) = (i128::from(sum) * a, i128::from(sum) * b);
            let left = Divisor::new(a * 1_000_000_000).divide(left);
            let right = Divisor::new(b * 1_000_000_000).divide(right);
            prop_assert_eq!(left.to_bits(), right.to_bits());
        }

        #[test]
        fn all_ways_agree(dividend in -(1_i64 << 51)..(1 << 51), divisor in 1_i64..(1 << 53)) {
            let expected = dividend as f64 / divisor as f64;
            prop_assert_eq!(divide_wide(i128::from(dividend), i128::from(divisor)).to_bits(), (expected + 0.0).to_bits());
            let divisor = Divisor::new(i128::from(divisor));
            let mut out = [0.0];
            divisor.divide_all(&[dividend], &mut out);
            prop_assert_eq!(out[0].to_bits(), expected.to_bits());
            prop_assert_eq!(divisor.divide(i128::from(dividend)).to_bits(), expected.to_bits());
        }
    }
}
