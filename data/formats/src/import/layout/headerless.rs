//! Names for the columns of a file without a header.

use super::Puzzle;
use crate::import::text::Fields;
use crate::import::time::{TimeFormat, is_time_of_day};

/// Names for a file without a header: a time, or a date and a time, then open, high, low, close and perhaps volume.
pub(super) fn headerless(row: &Fields, notes: &mut Vec<String>) -> Result<Vec<String>, Puzzle> {
    let puzzle = |found: String| {
        let expected =
            "a header, or a time and open, high, low, close[, volume]; otherwise name the columns";
        Err((found, expected.to_owned()))
    };
    if TimeFormat::of(row.get(0)).is_none() {
        let field = String::from_utf8_lossy(row.get(0));
        return puzzle(format!("{field:?} in the first column, which is no time"));
    }
    if let Some(names) = of_programs(row) {
        notes.push(format!("no header; columns taken as {}", names.join(", ")));
        return Ok(names.iter().map(|name| (*name).to_owned()).collect());
    }
    let mut names = vec!["date"];
    if row.len() > 1 && is_time_of_day(row.get(1)) {
        names.push("time");
    }
    let prices = ["open", "high", "low", "close", "volume", "open interest"];
    let left = row.len() - names.len();
    if !(4..=prices.len()).contains(&left) {
        return puzzle(format!("{left} columns beside the time"));
    }
    names.extend(&prices[..left]);
    notes.push(format!("no header; columns taken as {}", names.join(", ")));
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Names for ticks as `HistData` (`20240102 000000123,bid,ask,0`) and `NinjaTrader` (`20240102 093000 1230000;last;bid;ask;volume`, or
/// `20240102 093000;last;volume`) write them.
fn of_programs(row: &Fields) -> Option<&'static [&'static str]> {
    let lengths: Vec<usize> = (row.get(0).split(|b| *b == b' '))
        .map(|part| match part.iter().all(u8::is_ascii_digit) {
            true => part.len(),
            false => 0,
        })
        .collect();
    match (lengths.as_slice(), row.len() - 1) {
        ([8, 9], 3) => Some(&["timestamp", "bid", "ask", "volume"]),
        ([8, 6, 7], 4) => Some(&["timestamp", "price", "bid at trade", "ask at trade", "size"]),
        ([8, 6, 7] | [8, 6], 2) => Some(&["timestamp", "price", "size"]),
        _ => None,
    }
}
