//! Numbers as venues write them: exact, in their range, and named when they are not.

use crate::decode_error::{DecodeError, quoted};
pub(crate) use tickloom_types::Number;

/// Reads a plain number or one with an exponent.
///
/// # Errors
/// [`DecodeError::Decimal`] if it is none, or cannot be held exactly with nine decimals.
pub(crate) fn parse(field: &'static str, text: &str) -> Result<Number, DecodeError> {
    Number::parse(text.as_bytes()).map_err(|cause| DecodeError::Decimal {
        field,
        value: quoted(text.as_bytes()),
        cause,
    })
}

pub(super) fn above_zero(field: &'static str, number: Number) -> Result<Number, DecodeError> {
    match number.mantissa > 0 {
        true => Ok(number),
        false => Err(out_of_range(field, number, "above zero")),
    }
}

pub(super) fn not_below_zero(field: &'static str, number: Number) -> Result<Number, DecodeError> {
    match number.mantissa >= 0 {
        true => Ok(number),
        false => Err(out_of_range(field, number, "zero or above")),
    }
}

/// The error for a number out of its range.
fn out_of_range(field: &'static str, number: Number, expected: &'static str) -> DecodeError {
    DecodeError::NotPositive {
        field,
        value: tickloom_types::format_decimal(i128::from(number.mantissa), number.decimals),
        expected,
    }
}
