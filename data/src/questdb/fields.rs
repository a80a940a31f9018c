//! The fields of a row as the server writes it, one after the other, and what is wrong with one.

use csv::ByteRecord;
use std::str::FromStr;
use tickloom_types::{PRICE_DECIMALS_MAX, parse_wide, pow10};

/// Decimals of a price or a size in the server's tables.
const DECIMALS: u8 = 9;

/// What is wrong with a field.
pub(super) struct Fault {
    pub(super) column: &'static str,
    pub(super) value: String,
    pub(super) expected: &'static str,
}

pub(super) fn fault(column: &'static str, value: &[u8], expected: &'static str) -> Fault {
    Fault {
        column,
        value: String::from_utf8_lossy(value).into_owned(),
        expected,
    }
}

/// The fields of a row, one after the other.
pub(super) struct Fields<'a> {
    pub(super) row: &'a ByteRecord,
    pub(super) at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn text(&mut self) -> &'a [u8] {
        self.at += 1;
        self.row.get(self.at - 1).unwrap_or_default()
    }

    /// Whether the next field is null, which is passed over then.
    pub(super) fn is_null(&mut self) -> bool {
        // Decimals that are null are so written; other types are empty.
        let is_null = matches!(self.row.get(self.at), Some(b"" | b"null"));
        self.at += usize::from(is_null);
        is_null
    }

    /// A `LONG`, where null is the one number that it cannot be.
    pub(super) fn long(&mut self, column: &'static str) -> Result<i64, Fault> {
        let text = self.text();
        if text.is_empty() {
            return Ok(i64::MIN);
        }
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        number.ok_or_else(|| fault(column, text, "a whole number"))
    }

    /// A number of fewer bits than its column has.
    pub(super) fn small<T: FromStr>(&mut self, column: &'static str) -> Result<T, Fault> {
        let text = self.text();
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        number.ok_or_else(|| fault(column, text, "a number of fewer bits"))
    }

    pub(super) fn decimal(&mut self, column: &'static str, decimals: u8) -> Result<i128, Fault> {
        let text = self.text();
        parse_wide(text, decimals).map_err(|_| fault(column, text, "a decimal"))
    }

    /// The bits of a mantissa with so many decimals.
    pub(super) fn mantissa(&mut self, column: &'static str, decimals: u8) -> Result<u64, Fault> {
        let at = self.at;
        let value = self.decimal(column, DECIMALS)?;
        let factor = i128::from(pow10(PRICE_DECIMALS_MAX - decimals));
        let mantissa = (value % factor == 0).then_some(value / factor);
        mantissa
            .and_then(|mantissa| i64::try_from(mantissa).ok())
            .map(i64::cast_unsigned)
            .ok_or_else(|| {
                let text = self.row.get(at).unwrap_or_default();
                fault(column, text, "a number at the instrument's scale")
            })
    }

    /// The bits of a number: from the column beside it where that has them.
    pub(super) fn float(&mut self, column: &'static str) -> Result<u64, Fault> {
        let text = self.text();
        let bits = self.long(column)?;
        if bits != i64::MIN {
            return Ok(bits.cast_unsigned());
        }
        if text.is_empty() || text == b"null" || text == b"NaN" {
            return Ok(f64::NAN.to_bits());
        }
        let number: Option<f64> = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        number
            .map(f64::to_bits)
            .ok_or_else(|| fault(column, text, "a number"))
    }
}
