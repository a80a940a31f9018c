//! Prices and sizes of a message: exact, in their range, and named when they are not.

use crate::decode_error::{DecodeError, quoted};
use tickloom_types::parse_decimal;

/// The error for a field that is not there.
pub(super) fn missing(field: &'static str) -> DecodeError {
    DecodeError::Missing {
        field: field.into(),
    }
}

/// A decimal mantissa, or an error that names the field and quotes the text.
pub(super) fn decimal(field: &'static str, text: &[u8], decimals: u8) -> Result<i64, DecodeError> {
    parse_decimal(text, decimals).map_err(|cause| DecodeError::Decimal {
        field,
        value: quoted(text),
        cause,
    })
}

/// The error for a price or size out of its range.
pub(super) fn not_positive(
    field: &'static str,
    text: &[u8],
    expected: &'static str,
) -> DecodeError {
    DecodeError::NotPositive {
        field,
        value: quoted(text),
        expected,
    }
}

/// Price and size of one side of a quote; a side that is empty has size zero.
pub(super) fn quote_side(
    (price_field, price): (&'static str, Option<&str>),
    (qty_field, qty): (&'static str, Option<&str>),
    decimals: (u8, u8),
) -> Result<(i64, i64), DecodeError> {
    let price_text = price.ok_or(missing(price_field))?.as_bytes();
    let qty_text = qty.ok_or(missing(qty_field))?.as_bytes();
    let price = decimal(price_field, price_text, decimals.0)?;
    let qty = decimal(qty_field, qty_text, decimals.1)?;
    if qty < 0 {
        return Err(not_positive(qty_field, qty_text, "a size of zero or above"));
    }
    if price < 0 || price == 0 && qty > 0 {
        return Err(not_positive(price_field, price_text, "a price above zero"));
    }
    Ok((price, qty))
}

/// A price or size above zero.
pub(super) fn positive(
    field: &'static str,
    text: Option<&str>,
    decimals: u8,
) -> Result<i64, DecodeError> {
    let text = text.ok_or(missing(field))?.as_bytes();
    let value = decimal(field, text, decimals)?;
    if value <= 0 {
        return Err(not_positive(field, text, "above zero"));
    }
    Ok(value)
}
