//! Exact decimals: a price or size is an `i64` mantissa at its instrument's scale, money an `i128` at a fixed one.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// The finest scale of a price or a size: nine decimals.
pub const PRICE_DECIMALS_MAX: u8 = 9;

/// Decimals of [`Money`]: price (at most 9) times size (at most 9) is exact.
pub const MONEY_DECIMALS: u8 = 18;

/// Ten to the power of `n`, for `n` up to 18.
#[must_use]
pub const fn pow10(n: u8) -> i64 {
    assert!(n <= 18, "ten to that power does not fit in i64");
    POWERS[n as usize]
}

/// Powers of ten.
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// Why a text is not a decimal at the wanted scale.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum DecimalError {
    /// Not an optional sign, digits and an optional fraction.
    #[error("not a decimal number")]
    Syntax,
    /// More non-zero decimals than the scale has.
    #[error("more decimals than the instrument's scale holds")]
    TooFine,
    /// Too large for 64 bits at this scale.
    #[error("out of range")]
    Overflow,
}

/// Parses a plain decimal (`-12.3400`) or one with an exponent (`1e-7`) into a mantissa at `decimals`. Trailing zeros may exceed the scale.
///
/// # Errors
/// [`DecimalError`]; nothing is ever rounded.
pub fn parse_decimal(text: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if let Some(at) = digits.iter().position(|b| matches!(b, b'e' | b'E')) {
        let value = parse_exponent(&digits[..at], &digits[at + 1..], decimals)?;
        return Ok(if negative { -value } else { value });
    }
    let value = parse_digits(digits, i32::from(decimals))?;
    Ok(if negative { -value } else { value })
}

fn parse_exponent(digits: &[u8], exponent: &[u8], decimals: u8) -> Result<i64, DecimalError> {
    let exponent: i32 = std::str::from_utf8(exponent)
        .ok()
        .and_then(|e| e.parse().ok())
        .ok_or(DecimalError::Syntax)?;
    if !(-400..=400).contains(&exponent) {
        return Err(DecimalError::Overflow);
    }
    parse_digits(digits, i32::from(decimals) + exponent)
}

/// Digits with at most one point, scaled by ten to the power of `shift`.
fn parse_digits(digits: &[u8], shift: i32) -> Result<i64, DecimalError> {
    let mut value: i64 = 0;
    let mut seen = 0_usize;
    let mut fraction: Option<i32> = None;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                seen += 1;
                let left = shift - fraction.unwrap_or(0);
                if fraction.is_some() && left <= 0 || fraction.is_none() && shift < 0 {
                    if shift < 0 && fraction.is_none() {
                        value = push_digit(value, byte)?;
                    } else if byte != b'0' {
                        return Err(DecimalError::TooFine);
                    }
                } else {
                    value = push_digit(value, byte)?;
                }
                if let Some(count) = fraction.as_mut() {
                    *count += 1;
                }
            }
            b'.' if fraction.is_none() => fraction = Some(0),
            _ => return Err(DecimalError::Syntax),
        }
    }
    if seen == 0 {
        return Err(DecimalError::Syntax);
    }
    let mut left = if shift < 0 {
        shift
    } else {
        (shift - fraction.unwrap_or(0)).max(0)
    };
    while left > 0 && value != 0 {
        value = value.checked_mul(10).ok_or(DecimalError::Overflow)?;
        left -= 1;
    }
    while left < 0 && value != 0 {
        if value % 10 != 0 {
            return Err(DecimalError::TooFine);
        }
        value /= 10;
        left += 1;
    }
    Ok(value)
}

fn push_digit(value: i64, byte: u8) -> Result<i64, DecimalError> {
    value
        .checked_mul(10)
        .and_then(|v| v.checked_add(i64::from(byte - b'0')))
        .ok_or(DecimalError::Overflow)
}

/// Writes a mantissa at `decimals` as a plain decimal without trailing zeros: `format_decimal(12340, 3)` is `12.34`.
#[must_use]
pub fn format_decimal(mantissa: i128, decimals: u8) -> String {
    let sign = if mantissa < 0 { "-" } else { "" };
    let digits = format!(
        "{:0>1$}",
        mantissa.unsigned_abs(),
        usize::from(decimals) + 1
    );
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

/// An amount of money: `i128` at 18 decimals, so that price times size is exact. Range about ±1.7e20.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(pub i128);

/// Money that does not fit: an error, never a wrap.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("an amount of money is out of range (about 1.7e20)")]
pub struct MoneyOverflow;

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);

    /// Sum.
    ///
    /// # Errors
    /// [`MoneyOverflow`] if it does not fit.
    pub fn checked_add(self, other: Money) -> Result<Money, MoneyOverflow> {
        self.0.checked_add(other.0).map(Money).ok_or(MoneyOverflow)
    }

    /// Difference.
    ///
    /// # Errors
    /// [`MoneyOverflow`] if it does not fit.
    pub fn checked_sub(self, other: Money) -> Result<Money, MoneyOverflow> {
        self.0.checked_sub(other.0).map(Money).ok_or(MoneyOverflow)
    }

    /// The nearest `f64`, for statistics only.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // Where the upper part is exact in a float, both parts are, and their sum is rounded once: as the whole would be.
        let upper = self.0 >> 32;
        let nearest = match i64::try_from(upper) {
            Ok(upper) if upper.unsigned_abs() < 1 << 53 => {
                let lower = u32::try_from(self.0 & 0xFFFF_FFFF).unwrap_or(0);
                upper as f64 * 4_294_967_296.0 + f64::from(lower)
            }
            _ => self.0 as f64,
        };
        nearest / 1e18
    }
}

/// A plain decimal without trailing zeros.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_decimal(self.0, MONEY_DECIMALS))
    }
}

/// Parses an amount of money such as `1000000` or `12.5`.
///
/// # Errors
/// [`DecimalError`] if it is not a decimal, or finer than 18 decimals.
pub fn parse_money(text: &str) -> Result<Money, DecimalError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let whole = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    if whole.is_empty() && fraction.is_empty() {
        return Err(DecimalError::Syntax);
    }
    let fraction = fraction.trim_end_matches('0');
    let value = wide(
        negative,
        whole.as_bytes(),
        fraction.as_bytes(),
        MONEY_DECIMALS,
    )?;
    Ok(Money(value))
}

/// Parses a decimal as programs write it, `-12.34`, into a whole number at `decimals`, over all of 128 bits. It has a digit before the
/// point, one behind it if it has a point, no more than `decimals` of those, and no exponent.
///
/// # Errors
/// [`DecimalError`]; nothing is ever rounded.
pub fn parse_wide(text: &[u8], decimals: u8) -> Result<i128, DecimalError> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &digits[..0]),
    };
    if whole.is_empty() || point.is_some() && fraction.is_empty() {
        return Err(DecimalError::Syntax);
    }
    wide(negative, whole, fraction, decimals)
}

/// The digits before and behind the point at `decimals`.
fn wide(negative: bool, whole: &[u8], fraction: &[u8], decimals: u8) -> Result<i128, DecimalError> {
    let digits = whole.iter().chain(fraction);
    if !digits.clone().all(u8::is_ascii_digit) {
        return Err(DecimalError::Syntax);
    }
    let missing = usize::from(decimals).checked_sub(fraction.len());
    let zeros = std::iter::repeat_n(b'0', missing.ok_or(DecimalError::TooFine)?);
    let mut value: i128 = 0;
    for byte in digits.copied().chain(zeros) {
        let digit = i128::from(byte - b'0');
        // The least number has no positive counterpart: a negative one is built downwards.
        let digit = if negative { -digit } else { digit };
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(digit))
            .ok_or(DecimalError::Overflow)?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_decimals_are_exact_or_refused() {
        let check =
            |text: &str, decimals, value| assert_eq!(parse_wide(text.as_bytes(), decimals), value);
        check("0.000000001", 9, Ok(1));
        check("-0.000000001", 9, Ok(-1));
        check("7", 9, Ok(7_000_000_000));
        check("123.456000000", 9, Ok(123_456_000_000));
        check(
            "-92233720368547758.08",
            9,
            Ok(-92_233_720_368_547_758_080_000_000),
        );
        let most = "170141183460469231731.687303715884105727";
        let beyond = "170141183460469231731.687303715884105728";
        check(most, 18, Ok(i128::MAX));
        check(&format!("-{beyond}"), 18, Ok(i128::MIN));
        check(beyond, 18, Err(DecimalError::Overflow));
        check("1.0000000001", 9, Err(DecimalError::TooFine));
        for text in [
            "", "-", ".5", "5.", "1e3", "+1", "0x1", " 1", "1,5", "null", "1.2.3",
        ] {
            check(text, 9, Err(DecimalError::Syntax));
        }
    }

    #[test]
    fn parses_and_never_rounds() {
        let check = |text: &str, decimals, expected| {
            assert_eq!(parse_decimal(text.as_bytes(), decimals), expected, "{text}");
        };
        check("61837.63000000", 2, Ok(6_183_763));
        check("-0.5", 1, Ok(-5));
        check("+7", 3, Ok(7_000));
        check("0.00000001", 8, Ok(1));
        check(".5", 1, Ok(5));
        check("5.", 1, Ok(50));
        check("1e-7", 8, Ok(10));
        check("1.5E3", 0, Ok(1_500));
        check("1200e-2", 0, Ok(12));
        check("1.50e1", 0, Ok(15));
        check("1e-9", 8, Err(DecimalError::TooFine));
        check("0.001", 2, Err(DecimalError::TooFine));
        check("9223372036854775807", 0, Ok(i64::MAX));
        check("9223372036854775808", 0, Err(DecimalError::Overflow));
        check("1e400", 0, Err(DecimalError::Overflow));
        check("", 2, Err(DecimalError::Syntax));
        check("-", 2, Err(DecimalError::Syntax));
        check("1.2.3", 2, Err(DecimalError::Syntax));
        check("nan", 2, Err(DecimalError::Syntax));
        check("1,5", 2, Err(DecimalError::Syntax));
    }

    #[test]
    fn formats_without_trailing_zeros() {
        assert_eq!(format_decimal(12_340, 3), "12.34");
        assert_eq!(format_decimal(-5, 2), "-0.05");
        assert_eq!(format_decimal(0, 8), "0");
        assert_eq!(format_decimal(100, 0), "100");
    }

    #[test]
    fn money_is_exact() {
        assert_eq!(parse_money("1236.7526").unwrap().to_string(), "1236.7526");
        assert_eq!(parse_money("-1.5").unwrap().to_string(), "-1.5");
        assert!(Money(i128::MAX).checked_add(Money(1)).is_err());
        assert!(parse_money("1e5").is_err());
    }

    /// Against the conversion of the language, at edges and at numbers of every length.
    #[test]
    fn the_nearest_float_is_the_nearest() {
        let mut state = 1_u128;
        let edges = [
            0,
            1,
            1 << 32,
            (1 << 53) - 1,
            1 << 53,
            (1 << 53) + 1,
            1 << 85,
        ];
        let mut all: Vec<i128> = edges
            .iter()
            .flat_map(|edge| [*edge, edge - 1, edge + 1, edge << 32])
            .chain([i128::MAX, i128::MIN])
            .collect();
        for length in 1..127_u32 {
            for _ in 0..40 {
                state = state
                    .wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645)
                    .wrapping_add(1);
                all.push((state >> 1).cast_signed() >> (126 - length));
            }
        }
        for value in all.iter().flat_map(|value| [*value, value.wrapping_neg()]) {
            let expected = value as f64 / 1e18;
            assert_eq!(
                Money(value).to_f64().to_bits(),
                expected.to_bits(),
                "{value}"
            );
        }
    }
}
