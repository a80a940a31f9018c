//! A number as a venue wrote it, and exact.

use crate::decode_error::{DecodeError, quoted};
use tickloom_types::{DecimalError, parse_decimal, pow10};

/// Most decimals that a mantissa can have.
const DECIMALS_MAX: u8 = 9;

/// A number, exact: `mantissa` at as many decimals as the venue wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) mantissa: i64,
    pub(crate) decimals: u8,
}

impl Number {
    /// Reads a plain number or one with an exponent.
    ///
    /// # Errors
    /// [`DecodeError::Decimal`] if it is none, or cannot be held exactly with nine decimals.
    pub(crate) fn parse(field: &'static str, text: &str) -> Result<Number, DecodeError> {
        Number::exact(text.as_bytes()).map_err(|cause| DecodeError::Decimal {
            field,
            value: quoted(text.as_bytes()),
            cause,
        })
    }

    fn exact(text: &[u8]) -> Result<Number, DecimalError> {
        let at = |decimals| {
            let mantissa = parse_decimal(text, decimals)?;
            Ok(Number { mantissa, decimals })
        };
        let point = text.iter().position(|&byte| byte == b'.');
        let written = point.map_or(0, |point| text.len() - point - 1);
        let is_plain = !text.iter().any(|byte| matches!(byte, b'e' | b'E'));
        if let Ok(written) = u8::try_from(written)
            && is_plain
            && written <= DECIMALS_MAX
        {
            match at(written) {
                Err(DecimalError::Overflow) => {}
                read => return read,
            }
        }
        // With an exponent, or more zeros than fit: as few decimals as hold it.
        let fewest = (0..=DECIMALS_MAX).map(at);
        fewest
            .into_iter()
            .find(|read| *read != Err(DecimalError::TooFine))
            .unwrap_or(Err(DecimalError::TooFine))
    }

    /// The mantissa at this many decimals, if it is exact and fits.
    pub(crate) fn at(self, decimals: u8) -> Option<i64> {
        if decimals >= self.decimals {
            return self.mantissa.checked_mul(pow10(decimals - self.decimals));
        }
        let divisor = pow10(self.decimals - decimals);
        (self.mantissa % divisor == 0).then(|| self.mantissa / divisor)
    }

    /// The fewest decimals that hold it.
    pub(crate) fn decimals_needed(self) -> u8 {
        let mut needed = self.decimals;
        let mut mantissa = self.mantissa;
        while needed > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            needed -= 1;
        }
        needed
    }

    /// The error for a number out of its range.
    fn out_of_range(self, field: &'static str, expected: &'static str) -> DecodeError {
        DecodeError::NotPositive {
            field,
            value: tickloom_types::format_decimal(i128::from(self.mantissa), self.decimals),
            expected,
        }
    }

    pub(super) fn above_zero(self, field: &'static str) -> Result<Number, DecodeError> {
        match self.mantissa > 0 {
            true => Ok(self),
            false => Err(self.out_of_range(field, "above zero")),
        }
    }

    pub(super) fn not_below_zero(self, field: &'static str) -> Result<Number, DecodeError> {
        match self.mantissa >= 0 {
            true => Ok(self),
            false => Err(self.out_of_range(field, "zero or above")),
        }
    }
}
