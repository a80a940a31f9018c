//! Decimal numbers as files write them, exact: a mantissa with as many decimals as the text needs.

use tickloom_types::{PRICE_DECIMALS_MAX, parse_decimal, pow10};

const TOO_FINE: &str = "at most nine decimals";

/// Relative error up to which a number counts as the same: what adding up a hundred binary floats of 53 bits loses.
const NOISE: f64 = 1.0 / (1_u64 << 46) as f64;

/// A number without trailing zeros after its point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) mantissa: i64,
    pub(crate) decimals: u8,
}

impl Number {
    /// Reads a decimal of at most nine decimals; the error says what was expected.
    pub(crate) fn parse(text: &[u8]) -> Result<Number, &'static str> {
        use tickloom_types::DecimalError::{Overflow, Syntax, TooFine};
        let exponent = text.iter().any(|b| matches!(b, b'e' | b'E'));
        let fraction = match text.iter().position(|b| *b == b'.') {
            _ if exponent => usize::from(PRICE_DECIMALS_MAX),
            Some(at) => text[at + 1..].trim_ascii_end().len(),
            None => 0,
        };
        let decimals =
            u8::try_from(fraction).map_or(PRICE_DECIMALS_MAX, |d| d.min(PRICE_DECIMALS_MAX));
        match parse_decimal(text, decimals) {
            Ok(mantissa) => Ok(Number { mantissa, decimals }.shortest()),
            Err(Syntax) => Err("a decimal number"),
            Err(TooFine) => Err(TOO_FINE),
            Err(Overflow) => Err("a number that fits in 64 bits"),
        }
    }

    /// As [`Number::parse`], but digits beyond the ninth decimal that are only the noise of a binary float (`0.30000000000000004`)
    /// are rounded away. Says whether they were.
    pub(crate) fn parse_denoised(text: &[u8]) -> Result<(Number, bool), &'static str> {
        let exact = Number::parse(text);
        if exact != Err(TOO_FINE) {
            return exact.map(|number| (number, false));
        }
        denoise(text).map(|number| (number, true)).ok_or(TOO_FINE)
    }

    fn shortest(mut self) -> Number {
        while self.decimals > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.decimals -= 1;
        }
        self
    }

    /// The mantissa at this scale; `None` if it does not fit, or needs more decimals.
    pub(crate) fn at(self, decimals: u8) -> Option<i64> {
        let more = decimals.checked_sub(self.decimals)?;
        self.mantissa.checked_mul(pow10(more))
    }
}

/// The number at nine decimals, if it is the same but for the noise of a binary float.
fn denoise(text: &[u8]) -> Option<Number> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let rounded = format!("{value:.9}");
    let moved = (rounded.parse::<f64>().ok()? - value).abs();
    if moved > value.abs() * NOISE {
        return None;
    }
    Number::parse(rounded.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_floats_is_told_from_digits() {
        let check = |text: &str, expected: Result<(i64, u8, bool), &'static str>| {
            let found = Number::parse_denoised(text.as_bytes());
            let found = found.map(|(n, rounded)| (n.mantissa, n.decimals, rounded));
            assert_eq!(found, expected, "{text}");
        };
        check("2.5833652000000003", Ok((25_833_652, 7, true)));
        check("397787.41249925003", Ok((39_778_741_249_925, 8, true)));
        check("380591.00179999997", Ok((3_805_910_018, 4, true)));
        check("43.11689011999975", Ok((4_311_689_012, 8, true)));
        check("1.5", Ok((15, 1, false)));
        check("0.1234567890123456", Err(TOO_FINE));
        check("0.0000000001", Err(TOO_FINE));
        check("x", Err("a decimal number"));
    }

    #[test]
    fn keeps_what_the_text_says() {
        let check = |text: &str, mantissa, decimals| {
            let expected = Number { mantissa, decimals };
            assert_eq!(Number::parse(text.as_bytes()), Ok(expected), "{text}");
        };
        check("100", 100, 0);
        check("69109.0", 69_109, 0);
        check("104.060", 10_406, 2);
        check("-1.5", -15, 1);
        check("0.000000001", 1, 9);
        check("1e-7", 1, 7);
        check("2.5E3", 2_500, 0);
        check("0.00", 0, 0);
        assert_eq!(
            Number::parse(b"2.5833652000000003"),
            Err("at most nine decimals")
        );
        assert_eq!(Number::parse(b"1,5"), Err("a decimal number"));
        assert_eq!(Number::parse(b"nan"), Err("a decimal number"));
        assert_eq!(Number::parse(b""), Err("a decimal number"));
        assert_eq!(
            Number::parse(b"99999999999999999999"),
            Err("a number that fits in 64 bits")
        );
        assert_eq!(
            Number {
                mantissa: 15,
                decimals: 1
            }
            .at(3),
            Some(1_500)
        );
        assert_eq!(
            Number {
                mantissa: i64::MAX,
                decimals: 0
            }
            .at(1),
            None
        );
    }
}
