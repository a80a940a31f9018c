//! Numbers since the epoch.

use super::Stamped;
use tickloom_types::{Ts, parse_decimal, pow10};

/// The unit of a number since the epoch by its digits, in the years 1973 to 2286, in which no two units meet.
pub(crate) fn epoch_decimals(text: &[u8]) -> Option<u8> {
    let digits = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
    if !text[..digits].iter().all(u8::is_ascii_digit) {
        return None;
    }
    match digits {
        9 | 10 => Some(9),
        12 | 13 => Some(6),
        15 | 16 => Some(3),
        18 | 19 => Some(0),
        _ => None,
    }
}

/// A number since the epoch. One with an exponent has lost digits on its way through a spreadsheet.
pub(super) fn since_epoch(text: &[u8], decimals: u8) -> Option<Stamped> {
    if text.iter().any(|b| matches!(b, b'e' | b'E')) {
        return None;
    }
    if let Ok(digits @ 1..=18) = u8::try_from(text.len())
        && text.iter().all(u8::is_ascii_digit)
        && digits + decimals <= 19
    {
        let whole = text
            .iter()
            .fold(0_i64, |whole, digit| whole * 10 + i64::from(digit - b'0'));
        let ts = whole.checked_mul(pow10(decimals))?;
        return Some(Stamped::at(Ts(ts), pow10(decimals)));
    }
    let ts = parse_decimal(text, decimals).ok().map(Ts)?;
    Some(Stamped::at(ts, pow10(decimals)))
}
