//! A decimal whose scale nobody has said: a mantissa with as many decimals as its text has.

use crate::decimal::{DecimalError, PRICE_DECIMALS_MAX, parse_decimal, pow10};

/// A number, exact: `mantissa` at `decimals`, of which there are at most [`PRICE_DECIMALS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Number {
    /// The number times ten to the power of its decimals.
    pub mantissa: i64,
    /// Digits after the point.
    pub decimals: u8,
}

impl Number {
    /// Reads a plain decimal, with the decimals that are written, or one with an exponent or with more zeros than fit, with the fewest that
    /// hold it.
    ///
    /// # Errors
    /// [`DecimalError`] if it is none, or cannot be held exactly with nine decimals.
    pub fn parse(text: &[u8]) -> Result<Number, DecimalError> {
        let at = |decimals| {
            let mantissa = parse_decimal(text, decimals)?;
            Ok(Number { mantissa, decimals })
        };
        let point = text.iter().position(|&byte| byte == b'.');
        let written = point.map_or(0, |point| text.len() - point - 1);
        let is_plain = !text.iter().any(|byte| matches!(byte, b'e' | b'E'));
        if let Ok(written) = u8::try_from(written)
            && is_plain
            && written <= PRICE_DECIMALS_MAX
        {
            match at(written) {
                Err(DecimalError::Overflow) => {}
                read => return read,
            }
        }
        let mut fewest = (0..=PRICE_DECIMALS_MAX).map(at);
        fewest
            .find(|read| *read != Err(DecimalError::TooFine))
            .unwrap_or(Err(DecimalError::TooFine))
    }

    /// A few digits and perhaps a point, the common case, without zeros at the end of its fraction; `None` of any other text.
    #[inline]
    #[must_use]
    pub fn plain(text: &[u8]) -> Option<Number> {
        if text.is_empty() || text.len() > 18 {
            return None;
        }
        let (mut mantissa, mut decimals, mut is_fraction) = (0_i64, 0_u8, false);
        for byte in text {
            match byte {
                b'0'..=b'9' => {
                    mantissa = mantissa * 10 + i64::from(byte - b'0');
                    decimals += u8::from(is_fraction);
                }
                b'.' if !is_fraction && text.len() > 1 => is_fraction = true,
                _ => return None,
            }
        }
        let number = Number { mantissa, decimals }.shortest();
        (number.decimals <= PRICE_DECIMALS_MAX).then_some(number)
    }

    /// Without zeros at the end of its fraction.
    #[inline]
    #[must_use]
    pub fn shortest(mut self) -> Number {
        while self.decimals > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.decimals -= 1;
        }
        self
    }

    /// The mantissa at this scale; `None` if it does not fit, or needs more decimals.
    #[inline]
    #[must_use]
    pub fn at(self, decimals: u8) -> Option<i64> {
        if decimals >= self.decimals {
            return self.mantissa.checked_mul(pow10(decimals - self.decimals));
        }
        let divisor = pow10(self.decimals - decimals);
        (self.mantissa % divisor == 0).then(|| self.mantissa / divisor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_decimals_that_are_written_or_the_fewest_that_hold_it() {
        let check = |text: &str, expected: Result<(i64, u8), DecimalError>| {
            let found = Number::parse(text.as_bytes());
            assert_eq!(
                found.map(|number| (number.mantissa, number.decimals)),
                expected,
                "{text}"
            );
        };
        check("-12.3400", Ok((-123_400, 4)));
        check("+5", Ok((5, 0)));
        check("1.5e3", Ok((1_500, 0)));
        check("1.5e-3", Ok((15, 4)));
        check("1e18", Ok((1_000_000_000_000_000_000, 0)));
        check("9223372036854775807.000000000", Ok((i64::MAX, 0)));
        check("0.10000000000000000000", Ok((1, 1)));
        check("1e-10", Err(DecimalError::TooFine));
        check("0.30000000000000004", Err(DecimalError::TooFine));
        check("99999999999999999999.5", Err(DecimalError::Overflow));
        for none in ["", ".", "-", "1,5", "nan", "1e", "1.2.3", " 1"] {
            check(none, Err(DecimalError::Syntax));
        }
    }

    #[test]
    fn a_plain_number_is_the_same_by_the_short_way() {
        for text in ["0", "0.0", "12", "12.50", ".5", "5.", "0.000000001"] {
            let whole = Number::parse(text.as_bytes()).unwrap().shortest();
            assert_eq!(Number::plain(text.as_bytes()), Some(whole), "{text}");
        }
        for text in [
            "",
            ".",
            "-1",
            "+1",
            "1e3",
            "0.0000000001",
            "1234567890123456789",
        ] {
            assert_eq!(Number::plain(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_number_at_another_scale_is_exact_or_none() {
        let number = |mantissa, decimals| Number { mantissa, decimals };
        assert_eq!(number(15, 1).at(3), Some(1_500));
        assert_eq!(number(1_500, 3).at(1), Some(15));
        assert_eq!(number(15, 1).at(0), None);
        assert_eq!(number(i64::MAX, 0).at(1), None);
        assert_eq!(number(-1_500, 3).shortest(), number(-15, 1));
        assert_eq!(number(0, 9).shortest(), number(0, 0));
    }
}
