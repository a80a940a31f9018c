//! Numbers to fewer decimals, where a user says so: to the nearest, and of two that are as near to the one with the even last digit.

use super::{Decimal, NO_NUMBER, Number, Plain, TOO_BIG};
use tickloom_types::pow10;

/// A number of at most so many decimals, and whether it is another.
pub(crate) fn round(number: Number, decimals: u8) -> (Number, bool) {
    let Some(more @ 1..) = number.decimals.checked_sub(decimals) else {
        return (number, false);
    };
    let unit = i128::from(pow10(more.min(18)));
    let mantissa = i128::from(number.mantissa);
    let (whole, rest) = (mantissa.div_euclid(unit), mantissa.rem_euclid(unit));
    let is_up = rest * 2 > unit || rest * 2 == unit && whole % 2 != 0;
    let mantissa = i64::try_from(whole + i128::from(is_up)).unwrap_or(number.mantissa);
    (Number { mantissa, decimals }.shortest(), rest != 0)
}

/// As [`round`], of a text with more decimals than a number has.
pub(crate) fn round_text(
    text: &[u8],
    decimal: Decimal,
    decimals: u8,
) -> Result<Number, &'static str> {
    let plain = Plain::of(text, decimal)?;
    let number = std::str::from_utf8(&plain.text).map_err(|_| NO_NUMBER)?;
    let (number, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i64 = exponent.parse().map_err(|_| NO_NUMBER)?;
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => (-1, number),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = [whole, fraction].concat();
    let are_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    are_digits.then_some(()).ok_or(NO_NUMBER)?;
    // How many of the digits are kept.
    let kept = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let kept = kept.saturating_add(exponent) + i64::from(plain.thousands) * 3 + i64::from(decimals);
    let Ok(count) = usize::try_from(kept) else {
        return Ok(Number::default());
    };
    let (before, behind) = digits.split_at(count.min(digits.len()));
    let missing = count - before.len();
    if missing > 18 {
        return Err(TOO_BIG);
    }
    let before = format!("0{before}{}", "0".repeat(missing));
    let whole: i64 = before.parse().map_err(|_| TOO_BIG)?;
    let (first, rest) = behind.split_at(behind.len().min(1));
    let is_more = rest.bytes().any(|b| b != b'0');
    let is_up = match first {
        "5" => is_more || whole % 2 != 0,
        first => first > "5",
    };
    let mantissa = whole.checked_add(i64::from(is_up)).ok_or(TOO_BIG)?;
    let mantissa = mantissa * sign;
    Ok(Number { mantissa, decimals }.shortest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_digit() {
        let check = |text: &str, decimals, mantissa, left| {
            let expected = Number {
                mantissa,
                decimals: left,
            };
            let found = round_text(text.as_bytes(), Decimal::Point, decimals);
            assert_eq!(found, Ok(expected), "{text}");
            if let Ok(number) = Number::parse(text.as_bytes()) {
                assert_eq!(round(number, decimals).0, expected, "{text}");
            }
        };
        check("123.4500045776367", 2, 12_345, 2);
        check("0.125", 2, 12, 2);
        check("0.135", 2, 14, 2);
        check("0.1250000000000001", 2, 13, 2);
        check("-0.125", 2, -12, 2);
        check("-0.135", 2, -14, 2);
        check("-0.126", 2, -13, 2);
        check("2.5", 0, 2, 0);
        check("3.5", 0, 4, 0);
        check("0.4", 0, 0, 0);
        check("99.999", 2, 100, 0);
        check("1.5", 4, 15, 1);
        check("1.23456789012e-3", 5, 123, 5);
        check("1e-12", 9, 0, 0);
        check("1.5e-10", 9, 0, 0);
        assert_eq!(
            round_text(b"1.234567890123K", Decimal::Point, 3),
            Ok(Number {
                mantissa: 1_234_568,
                decimals: 3
            })
        );
        assert_eq!(
            round_text(b"99999999999999999999.5", Decimal::Point, 0),
            Err(TOO_BIG)
        );
        assert_eq!(round_text(b"1.2.3", Decimal::Point, 0), Err(NO_NUMBER));
        assert_eq!(
            round(
                Number {
                    mantissa: 15,
                    decimals: 1
                },
                2
            ),
            (
                Number {
                    mantissa: 15,
                    decimals: 1
                },
                false
            )
        );
    }
}
