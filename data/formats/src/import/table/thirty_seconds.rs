//! Whether apostrophes in prices part thousands, or points from thirty-seconds, as bonds are quoted: `110'160` is 110 and 16 of them,
//! `110'165` half of one more. What all rows say; if they say nothing, the file is refused, with both readings.

use super::doubt::each_until;
use crate::Result;
use crate::import::cells::Cell;
use crate::import::input::Input;
use crate::import::layout::Layout;
use tickloom_types::{Number, format_decimal};

/// A quarter of a thirty-second, in 1e-7.
const QUARTER: i64 = 78_125;
const DECIMALS: u8 = 7;

/// Refuses a file whose prices are thirty-seconds as much as they are thousands.
pub(super) fn settle(input: &Input, layout: &Layout) -> Result<()> {
    if !layout.is_decimal_open || !layout.has_apostrophes {
        return Ok(());
    }
    let shape = layout.shape;
    let numbers = layout.numbers().into_iter().enumerate();
    let prices = numbers.filter(|(at, _)| !shape.is_qty(*at));
    let prices: Vec<usize> = prices.filter_map(|(_, column)| column).collect();
    let others: Vec<usize> = (0..layout.names.len())
        .filter(|at| !prices.contains(at))
        .collect();
    let (mut found, mut are_thousands) = (None, false);
    each_until(input, layout, |line, cells| {
        for at in &prices {
            let Cell::Text(text) = cells.cell(*at) else {
                continue;
            };
            match read(text) {
                Some(number) => {
                    found.get_or_insert_with(|| (line, text.to_vec(), number));
                }
                // A fraction that is a decimal, or thousands that are no thirty-seconds.
                None => are_thousands |= text.iter().any(|b| matches!(b, b'.' | b',' | b'\'')),
            }
        }
        are_thousands |= others.iter().any(|at| is_grouped(&cells.text(*at)));
        !are_thousands
    })?;
    let Some((line, text, number)) = found.filter(|_| !are_thousands) else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let found = format!(
        "{text:?}, which is {} in points and thirty-seconds or {} with an apostrophe between thousands, and no row of the file says which",
        format_decimal(i128::from(number.mantissa), number.decimals),
        text.replace('\'', "")
    );
    let expected = "--decimal point, if these are thousands; prices in thirty-seconds have to be written as decimals";
    Err(layout.fault(&input.shown(), line, found, expected))
}

/// The price that points and thirty-seconds with half and quarters of one are, if a text can be that and thousands.
fn read(text: &[u8]) -> Option<Number> {
    let (sign, text) = match text {
        [b'-', rest @ ..] => (-1, rest),
        _ => (1, text),
    };
    let at = text.iter().position(|b| *b == b'\'')?;
    let (points, rest) = text.split_at(at);
    let [_, tens, ones, part] = rest else {
        return None;
    };
    let digit = |b: &u8| b.is_ascii_digit().then(|| i64::from(*b - b'0'));
    let quarters = match part {
        b'0' => 0,
        b'2' => 1,
        b'5' => 2,
        b'7' => 3,
        _ => return None,
    };
    let whole = digit(tens)? * 10 + digit(ones)?;
    let is_number =
        !points.is_empty() && points.len() <= 3 && points.iter().all(u8::is_ascii_digit);
    if whole >= 32 || !is_number {
        return None;
    }
    let points: i64 = std::str::from_utf8(points).ok()?.parse().ok()?;
    let mantissa = sign * (points * 10_000_000 + (whole * 4 + quarters) * QUARTER);
    let decimals = DECIMALS;
    Some(Number { mantissa, decimals }.shortest())
}

/// Whether a number that is no price has an apostrophe between thousands.
fn is_grouped(text: &[u8]) -> bool {
    let mut groups = text.split(|b| *b == b'\'');
    let is_number = |group: &[u8]| !group.is_empty() && group.iter().all(u8::is_ascii_digit);
    let first = groups.next().is_some_and(is_number);
    let mut count = 0;
    let all = groups.all(|group| {
        count += 1;
        group.len() == 3 && is_number(group)
    });
    first && all && count > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_seconds_have_halves_and_quarters() {
        let decimal = |text: &str| {
            let number = read(text.as_bytes())?;
            Some(format_decimal(i128::from(number.mantissa), number.decimals))
        };
        for (text, price) in [
            ("110'160", "110.5"),
            ("110'165", "110.515625"),
            ("99'002", "99.0078125"),
            ("99'317", "99.9921875"),
            ("-0'160", "-0.5"),
        ] {
            assert_eq!(decimal(text).as_deref(), Some(price), "{text}");
        }
        for text in [
            "110'320",
            "110'161",
            "110'16",
            "1'234'000",
            "1'000.5",
            "110",
            "'160",
            "1000000000000'160",
            "+110'160",
            "--5'160",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
        assert!(is_grouped(b"1'234") && is_grouped(b"12'345'678"));
        assert!(!is_grouped(b"1234") && !is_grouped(b"110'16") && !is_grouped(b"x'123"));
    }
}
