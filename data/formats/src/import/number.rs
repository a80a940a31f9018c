//! Decimal numbers as files write them, exact: a mantissa with as many decimals as the text needs. Separators of thousands, commas
//! for points, a sign of dollars and the suffixes K, M and B are understood; a percentage is no number.

mod float;
mod round;

pub(crate) use float::{
    IsRounded, float_as_mantissa, of_decimal, of_float_like, of_single, single_as_mantissa,
};
pub(crate) use round::{round, round_text};
pub(crate) use tickloom_types::Number;

use serde::{Deserialize, Serialize};
use tickloom_types::{DecimalError, PRICE_DECIMALS_MAX, parse_decimal, pow10};

const NO_NUMBER: &str = "a decimal number";
pub(crate) const TOO_FINE: &str = "at most nine decimals";
const TOO_BIG: &str = "a number that fits in 64 bits";

/// Relative error up to which a number counts as the same: what adding up a hundred binary floats of 53 bits loses.
const NOISE: f64 = 1.0 / (1_u64 << 46) as f64;

/// What parts the whole of a number from its fraction; the other sign may part thousands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decimal {
    /// `1,000.25`.
    #[default]
    Point,
    /// `1.000,25`.
    Comma,
}

/// What a text says of how its file writes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The same either way, or no number.
    Plain,
    /// The same either way, with an apostrophe or a space between thousands: neither a point nor a comma parts them.
    Grouped,
    /// Only with a decimal point.
    Point,
    /// Only with a decimal comma.
    Comma,
    /// `1,234` is either.
    Either,
    /// `1.234` is either, but a decimal point unless something else of the file says otherwise.
    Points,
}

/// What a number says of how its file writes numbers.
pub(crate) fn reading(text: &[u8]) -> Reading {
    let read = |decimal| {
        let plain = Plain::of(text, decimal).ok()?;
        let number = parse(&plain.text);
        (number != Err(NO_NUMBER)).then_some((number, plain.thousands))
    };
    match (read(Decimal::Point), read(Decimal::Comma)) {
        (Some(point), Some(comma)) if point == comma => match is_grouped(text) {
            true => Reading::Grouped,
            false => Reading::Plain,
        },
        (Some(_), Some(_)) if text.contains(&b',') => Reading::Either,
        (Some(_), Some(_)) => Reading::Points,
        (Some(_), None) => Reading::Point,
        (None, Some(_)) => Reading::Comma,
        (None, None) => Reading::Plain,
    }
}

/// Whether a number has an apostrophe or a space between its digits.
fn is_grouped(text: &[u8]) -> bool {
    let is_space = |pair: &[u8]| pair[0] == b' ' && pair[1].is_ascii_digit();
    text.iter().any(|b| *b == b'\'' || !b.is_ascii()) || text.windows(2).any(is_space)
}

/// Whether a text is in doubt without knowing how its file writes numbers.
pub(crate) fn is_in_doubt(text: &[u8]) -> bool {
    matches!(reading(text), Reading::Comma | Reading::Either)
}

/// About what a number is, to compare it with others: nothing that is kept.
pub(crate) fn about(text: &[u8], decimal: Decimal) -> Option<f64> {
    let number = parse_as(text, decimal).ok()?;
    Some(number.mantissa as f64 / 10_f64.powi(number.decimals.into()))
}

/// Whether a field says that there is no number.
pub(crate) fn is_missing(text: &[u8]) -> bool {
    let missing: [&[u8]; 12] = [
        b"",
        b"-",
        b"--",
        b"null",
        b"none",
        b"nan",
        b"n/a",
        b"na",
        b"#n/a",
        b"#n/a n/a",
        b"#na",
        b"<na>",
    ];
    missing.iter().any(|known| text.eq_ignore_ascii_case(known))
}

/// A number as machines write it, to be taken times a thousand so often.
struct Plain {
    text: Vec<u8>,
    thousands: u8,
}

impl Plain {
    fn of(text: &[u8], decimal: Decimal) -> Result<Plain, &'static str> {
        let (sign, rest) = match text {
            [sign @ (b'-' | b'+'), rest @ ..] => (Some(*sign), rest),
            _ => (None, text),
        };
        let rest = rest.strip_prefix(b"$").unwrap_or(rest);
        let (rest, thousands) = match rest.split_last() {
            Some((b'%', _)) => return Err("a decimal number, and not a percentage"),
            Some((b'K' | b'k', rest)) => (rest.trim_ascii_end(), 1),
            Some((b'M', rest)) => (rest.trim_ascii_end(), 2),
            Some((b'B', rest)) => (rest.trim_ascii_end(), 3),
            _ => (rest, 0),
        };
        let point = match decimal {
            Decimal::Point => b'.',
            Decimal::Comma => b',',
        };
        let at = rest.iter().position(|b| *b == point).unwrap_or(rest.len());
        let (whole, fraction) = rest.split_at(at);
        let mut plain: Vec<u8> = sign.into_iter().collect();
        let other = if point == b'.' { b',' } else { b'.' };
        ungroup(whole, other, &mut plain).ok_or(NO_NUMBER)?;
        if let [_, fraction @ ..] = fraction {
            plain.push(b'.');
            plain.extend_from_slice(fraction);
        }
        Ok(Plain {
            text: plain,
            thousands,
        })
    }
}

/// Leaves out separators of thousands, where they part the digits as they do: all groups but the first of three, or, as in India, of
/// two but for the last. `None` where they do not.
fn ungroup(whole: &[u8], other: u8, plain: &mut Vec<u8>) -> Option<()> {
    let mut groups: Vec<Vec<u8>> = vec![Vec::new()];
    let mut kind: Option<Vec<u8>> = None;
    let mut rest = whole;
    let other = [other];
    let separators: [&[u8]; 6] = [
        &other,
        b"'",
        b" ",
        "\u{a0}".as_bytes(),
        "\u{202f}".as_bytes(),
        "\u{2019}".as_bytes(),
    ];
    while let Some((first, _)) = rest.split_first() {
        let mut separators = separators.into_iter();
        let separator = separators.find(|separator| rest.starts_with(separator));
        if let Some(separator) = separator {
            if kind.get_or_insert_with(|| separator.to_vec()) != separator {
                return None;
            }
            groups.push(Vec::new());
            rest = &rest[separator.len()..];
        } else {
            groups.last_mut()?.push(*first);
            rest = &rest[1..];
        }
    }
    if let [first, middle @ .., last] = groups.as_slice() {
        let all = |len: usize| middle.iter().all(|group| group.len() == len);
        let is_number = groups.iter().flatten().all(u8::is_ascii_digit);
        let is_grouped = (1..=3).contains(&first.len())
            && last.len() == 3
            && (all(3) || all(2) && first.len() < 3);
        // A number that is grouped does not begin with zero: `0,123` is a fraction.
        if !(is_number && is_grouped && first != b"0") {
            return None;
        }
    }
    plain.extend(groups.into_iter().flatten());
    Some(())
}

/// What was expected where a text is no number.
fn expected(error: DecimalError) -> &'static str {
    match error {
        DecimalError::Syntax => NO_NUMBER,
        DecimalError::TooFine => TOO_FINE,
        DecimalError::Overflow => TOO_BIG,
    }
}

/// Reads a decimal of at most nine decimals, without zeros at the end of its fraction; the error says what was expected.
pub(crate) fn parse(text: &[u8]) -> Result<Number, &'static str> {
    Number::parse(text).map(Number::shortest).map_err(expected)
}

/// As [`parse`], of a text as files for people have it.
pub(crate) fn parse_as(text: &[u8], decimal: Decimal) -> Result<Number, &'static str> {
    if decimal == Decimal::Point
        && let Some(number) = Number::plain(text)
    {
        return Ok(number);
    }
    let plain = Plain::of(text, decimal)?;
    times_thousand(parse(&plain.text)?, plain.thousands).ok_or(TOO_BIG)
}

/// As [`parse_as`], but digits beyond the ninth decimal that are only the noise of a binary float (`0.30000000000000004`)
/// are rounded away. Says whether they were.
pub(crate) fn parse_denoised(
    text: &[u8],
    decimal: Decimal,
) -> Result<(Number, IsRounded), &'static str> {
    let exact = parse_as(text, decimal);
    if exact != Err(TOO_FINE) {
        return exact.map(|number| (number, false));
    }
    let plain = Plain::of(text, decimal)?;
    let number = denoise(&plain.text).and_then(|number| times_thousand(number, plain.thousands));
    number.map(|number| (number, true)).ok_or(TOO_FINE)
}

/// A number times a thousand, so often.
fn times_thousand(number: Number, times: u8) -> Option<Number> {
    let more = 3 * times;
    let decimals = number.decimals.saturating_sub(more);
    let factor = pow10(more - (number.decimals - decimals));
    let mantissa = number.mantissa.checked_mul(factor)?;
    Some(Number { mantissa, decimals }.shortest())
}

/// A price as a whole number of 1e-9.
pub(crate) fn of_nanos(text: &[u8]) -> Result<Number, &'static str> {
    let mantissa = parse_decimal(text, 0).map_err(|_| "a whole number of 1e-9")?;
    let decimals = PRICE_DECIMALS_MAX;
    Ok(Number { mantissa, decimals }.shortest())
}

/// The number at nine decimals, if it is the same but for the noise of a binary float.
fn denoise(text: &[u8]) -> Option<Number> {
    denoise_value(std::str::from_utf8(text).ok()?.parse().ok()?)
}

/// The number at nine decimals, if it is the same as a float but for noise.
fn denoise_value(value: f64) -> Option<Number> {
    let rounded = format!("{value:.9}");
    let moved = (rounded.parse::<f64>().ok()? - value).abs();
    if moved > value.abs() * NOISE {
        return None;
    }
    parse(rounded.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_floats_is_told_from_digits() {
        let check = |text: &str, expected: Result<(i64, u8, bool), &'static str>| {
            let found = parse_denoised(text.as_bytes(), Decimal::Point);
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
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        };
        check("100", 100, 0);
        check("69109.0", 69_109, 0);
        check("104.060", 10_406, 2);
        check("-1.5", -15, 1);
        check("0.000000001", 1, 9);
        check("1e-7", 1, 7);
        check("2.5E3", 2_500, 0);
        check("0.00", 0, 0);
        assert_eq!(parse(b"2.5833652000000003"), Err("at most nine decimals"));
        assert_eq!(parse(b"1,5"), Err("a decimal number"));
        assert_eq!(parse(b"nan"), Err("a decimal number"));
        assert_eq!(parse(b""), Err("a decimal number"));
        assert_eq!(
            parse(b"99999999999999999999"),
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

    #[test]
    fn numbers_as_people_write_them() {
        let check = |text: &str, decimal, expected: Result<(i64, u8), &str>| {
            let found = parse_as(text.as_bytes(), decimal);
            let found = found.map(|n| (n.mantissa, n.decimals));
            assert_eq!(found, expected, "{text}");
        };
        let (point, comma) = (Decimal::Point, Decimal::Comma);
        check("1,000.25", point, Ok((100_025, 2)));
        check("1,234,567", point, Ok((1_234_567, 0)));
        check("12,34,567.50", point, Ok((12_345_675, 1)));
        check("1'000.5", point, Ok((10_005, 1)));
        check("68.18K", point, Ok((68_180, 0)));
        check("1.2M", point, Ok((1_200_000, 0)));
        check("1.2345678B", point, Ok((1_234_567_800, 0)));
        check("1.23456K", point, Ok((123_456, 2)));
        check("$1,000.25", point, Ok((100_025, 2)));
        check("-37.63", point, Ok((-3_763, 2)));
        check("1.5e-3", point, Ok((15, 4)));
        check("1.5E+3", point, Ok((1_500, 0)));
        check("1e10", point, Ok((10_000_000_000, 0)));
        check("9223372036854775807.000000000", point, Ok((i64::MAX, 0)));
        check("10,5", comma, Ok((105, 1)));
        check("1.000,25", comma, Ok((100_025, 2)));
        check("1 000,25", comma, Ok((100_025, 2)));
        check("1\u{a0}000,25", comma, Ok((100_025, 2)));
        check("-1.000.000", comma, Ok((-1_000_000, 0)));
        let none = Err("a decimal number");
        for text in [
            "10,5", "1,0000", "1,00", "0,123", "1,2.5,0", "--5", "1,000,00", ".", "K", "1,'000",
            "1.2m",
        ] {
            check(text, point, none);
        }
        check("1.25", comma, none);
        check("0.5%", point, Err("a decimal number, and not a percentage"));
        check(
            "10000000000000M",
            point,
            Err("a number that fits in 64 bits"),
        );
    }

    #[test]
    fn what_commas_say() {
        for (text, expected) in [
            ("1,234", Reading::Either),
            ("1,234.5", Reading::Point),
            ("1,234,567", Reading::Point),
            ("1.234,5", Reading::Comma),
            ("10,5", Reading::Comma),
            ("0,123", Reading::Comma),
            ("1.234.567", Reading::Comma),
            ("1.234", Reading::Points),
            ("-118.234", Reading::Points),
            ("18.234K", Reading::Points),
            ("0.123", Reading::Point),
            ("1.0000000000000002", Reading::Point),
            ("1'234", Reading::Grouped),
            ("1 234", Reading::Grouped),
            ("1'234.5", Reading::Point),
            ("12 K", Reading::Plain),
            ("1.5", Reading::Point),
            ("1234.567", Reading::Point),
            ("12", Reading::Plain),
            ("a,b", Reading::Plain),
        ] {
            assert_eq!(reading(text.as_bytes()), expected, "{text}");
        }
    }
}
