//! Names for the columns of a file without a header.

use super::Puzzle;
use crate::import::format::Format;
use crate::import::number::{self, Decimal};
use crate::import::text::Fields;
use crate::import::time::{TimeFormat, is_time_of_day};

/// How far prices of a file's first trades are apart at most, largest by smallest, to be known as prices; and how far sizes are at least.
const PRICES_APART: f64 = 2.0;
const SIZES_APART: f64 = 4.0;

type Names = &'static [&'static str];

const TRADES: Names = &["time", "price", "size"];
const TICKS: Names = &[
    "date",
    "time",
    "price",
    "bid at trade",
    "ask at trade",
    "size",
];

/// Names for a file without a header: a time, or a date and a time, then open, high, low, close and perhaps volume; or what programs and
/// vendors write, if the rows can be nothing else, or the format says so.
pub(super) fn headerless(
    data: &[Fields],
    format: Option<Format>,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Puzzle> {
    let Some(row) = data.first() else {
        return Err(("no rows".to_owned(), "rows".to_owned()));
    };
    let expected = match row.len() {
        3 => {
            "a header, or --format kraken, whose rows are a time, price and size; otherwise name the columns, such as --columns time=1,bid=2,ask=3"
        }
        _ => "a header, or a time and open, high, low, close[, volume]; otherwise name the columns",
    };
    let puzzle = |found: String| Err((found, expected.to_owned()));
    if TimeFormat::of(row.get(0)).is_none() {
        let field = String::from_utf8_lossy(row.get(0));
        return puzzle(format!("{field:?} in the first column, which is no time"));
    }
    let names = match format {
        Some(named @ (Format::Kraken | Format::Kibot)) => Some(of_vendor(named, row)?),
        _ => of_programs(row).or_else(|| by_rows(data)),
    };
    if let Some(names) = names {
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

/// Names for the files of a vendor: Kraken's trades and bars (`XBTUSD.csv`, `XBTUSD_1.csv`), Kibot's ticks and bars.
fn of_vendor(format: Format, row: &Fields) -> Result<Names, Puzzle> {
    let has_time_of_day = is_time_of_day(row.get(1));
    let names: Names = match (format, row.len(), has_time_of_day) {
        (Format::Kraken, 3, _) => TRADES,
        (Format::Kraken, 7, _) => &["time", "open", "high", "low", "close", "volume", "trades"],
        (Format::Kibot, 6, true) => TICKS,
        (Format::Kibot, 4, true) => &["date", "time", "price", "size"],
        (Format::Kibot, 7, true) => &["date", "time", "open", "high", "low", "close", "volume"],
        (Format::Kibot, 6, false) => &["date", "open", "high", "low", "close", "volume"],
        _ => {
            let expected = match format {
                Format::Kraken => {
                    "three (time, price, size) or seven (time, open, high, low, close, volume, trades)"
                }
                _ => {
                    "date and time, then price and size, or price, bid, ask and size, or open, high, low, close and volume; or a date and these"
                }
            };
            return Err((format!("{} columns", row.len()), expected.to_owned()));
        }
    };
    Ok(names)
}

/// Names for what only the rows tell: trades of a time, a price and a size, where the second number goes far apart as sizes do and the
/// first one does not; and ticks with bid and ask, which would be bars with a high below their low.
fn by_rows(data: &[Fields]) -> Option<Names> {
    let row = data.first()?;
    match (row.len(), is_time_of_day(row.get(1))) {
        (3, false) => are_trades(data).then_some(TRADES),
        (6, true) => are_ticks(data).then_some(TICKS),
        _ => None,
    }
}

fn number(row: &Fields, at: usize) -> Option<f64> {
    let number = number::parse_as(row.get(at), Decimal::Point).ok()?;
    Some(number.mantissa as f64 / 10_f64.powi(number.decimals.into()))
}

fn are_trades(data: &[Fields]) -> bool {
    let is_epoch = |row: &Fields| {
        let whole = row.get(0).split(|b| *b == b'.').next().unwrap_or_default();
        whole.len() == 10 && whole.iter().all(u8::is_ascii_digit)
    };
    let apart = |at: usize| {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for row in data {
            let value = number(row, at).filter(|value| *value > 0.0)?;
            (least, most) = (least.min(value), most.max(value));
        }
        Some(most / least)
    };
    data.iter().all(is_epoch)
        && apart(1).is_some_and(|apart| apart <= PRICES_APART)
        && apart(2).is_some_and(|apart| apart >= SIZES_APART)
}

fn are_ticks(data: &[Fields]) -> bool {
    let (mut below, mut above, mut between) = (0, 0, 0);
    for row in data {
        let [Some(price), Some(bid), Some(ask)] = [2, 3, 4].map(|at| number(row, at)) else {
            return false;
        };
        below += usize::from(bid < ask);
        above += usize::from(bid > ask);
        between += usize::from(bid <= price && price <= ask);
    }
    // A few quotes are crossed, and a few trades are outside of theirs.
    below > 9 * above && 2 * between >= data.len()
}

/// Names for ticks as `HistData` (`20240102 000000123,bid,ask,0`) and `NinjaTrader` (`20240102 093000 1230000;last;bid;ask;volume`, or
/// `20240102 093000;last;volume`) write them.
fn of_programs(row: &Fields) -> Option<Names> {
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
