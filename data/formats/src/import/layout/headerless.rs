//! Names for the columns of a file without a header.

use super::Puzzle;
use crate::import::format::Format;
use crate::import::number::{self, Decimal};
use crate::import::text::Fields;
use crate::import::time::{TimeFormat, is_time_of_day};

/// How far prices of a file's first trades are apart at most, largest by smallest, to be known as prices; and how far sizes are at least.
const PRICES_APART: f64 = 2.0;
const SIZES_APART: f64 = 4.0;
/// How far the prices of a bar are apart at most, in most bars.
const BAR_APART: f64 = 10.0;
/// How far bid and ask of most ticks are apart at most, as a part of the ask.
const SPREAD_MOST: f64 = 0.05;

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
        _ => match of_programs(row) {
            None => by_rows(row, data)?,
            names => names,
        },
    };
    if let Some(names) = names {
        notes.push(format!("no header; columns taken as {}", names.join(", ")));
        return Ok(names.iter().map(|name| (*name).to_owned()).collect());
    }
    let mut names = vec!["date"];
    if row.len() > 1 && is_time_of_day(row.get(1)) {
        names.push("time");
    }
    // What comes behind the volume is no number of a bar that is read: an open interest, or how many trades.
    let prices = ["open", "high", "low", "close", "volume", "not read"];
    let left = row.len() - names.len();
    if !(4..=prices.len()).contains(&left) {
        return puzzle(format!("{left} columns beside the time"));
    }
    if format.is_none() {
        sure_bars(data, names.len(), left)?;
    }
    names.extend(&prices[..left]);
    notes.push(format!("no header; columns taken as {}", names.join(", ")));
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Refuses rows whose first four numbers are no bar, or whose fifth may be another close.
fn sure_bars(data: &[Fields], first: usize, left: usize) -> Result<(), Puzzle> {
    if !are_bars(data, first) {
        let found = "four numbers of most rows that are not near each other, as open, high, low and close are";
        let expected =
            "a header; otherwise name the columns, such as --columns time=1,id=2,price=3,size=4";
        return Err((found.to_owned(), expected.to_owned()));
    }
    if left > 4 && are_adjusted(data, first) {
        let at = first + 5;
        let text = data.first().map_or(b"".as_slice(), |row| row.get(at - 1));
        let found = format!(
            "{:?} in column {at} behind the close, which is near the prices of each row: an adjusted close, or a volume",
            String::from_utf8_lossy(text)
        );
        let volume = match left {
            5 => "-".to_owned(),
            _ => (at + 1).to_string(),
        };
        let [open, high, low, close] = [1, 2, 3, 4].map(|place| first + place);
        let time = match first {
            1 => "time=1",
            _ => "date=1,time_of_day=2",
        };
        let expected = format!(
            "--columns {time},open={open},high={high},low={low},close={close},volume={volume}, or volume={at}"
        );
        return Err((found, expected));
    }
    Ok(())
}

/// Whether the fifth number of all rows is near the prices, and the same part of the close as in the row above in most: as a close that
/// is adjusted for dividends and splits, and as no volume is.
fn are_adjusted(data: &[Fields], first: usize) -> bool {
    const LEAST: f64 = 0.25;
    const MOST: f64 = 1.05;
    const STEP_MOST: f64 = 0.02;
    let part = |row: &Fields| {
        let [Some(high), Some(low), Some(close), Some(fifth)] =
            [1, 2, 3, 4].map(|at| number(row, first + at))
        else {
            return None;
        };
        let is_near = low > 0.0 && fifth >= LEAST * low && fifth <= MOST * high;
        is_near.then_some(fifth / close)
    };
    let whole = data.iter().filter(|row| row.len() > first + 4);
    let Some(parts) = whole.map(part).collect::<Option<Vec<f64>>>() else {
        return false;
    };
    let alike = parts.windows(2).filter(|two| {
        let [before, after] = [two[0], two[1]];
        (after - before).abs() <= STEP_MOST * before
    });
    !parts.is_empty() && 10 * alike.count() >= 8 * (parts.len() - 1)
}

/// Whether four numbers of half of the rows at least are near each other, as prices of one bar are.
fn are_bars(data: &[Fields], first: usize) -> bool {
    let is_near = |row: &&Fields| {
        let numbers = [0, 1, 2, 3].map(|at| number(row, first + at));
        let numbers: Vec<f64> = numbers.into_iter().flatten().map(f64::abs).collect();
        let most = numbers.iter().copied().fold(0.0, f64::max);
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        // What is no number is told elsewhere, and prices may be near zero.
        numbers.len() < 4 || most < 1.0 || most <= least * BAR_APART
    };
    2 * data.iter().filter(is_near).count() >= data.len()
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
/// first one does not; and ticks of Kibot with bid and ask, which would be bars with a high below their low.
///
/// # Errors
/// They are neither such ticks nor bars.
fn by_rows(row: &Fields, data: &[Fields]) -> Result<Option<Names>, Puzzle> {
    match (row.len(), is_time_of_day(row.get(1))) {
        (3, false) => Ok(are_trades(data).then_some(TRADES)),
        (6, true) => ticks(data),
        _ => Ok(None),
    }
}

fn number(row: &Fields, at: usize) -> Option<f64> {
    number::about(row.get(at), Decimal::Point)
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

/// Names for ticks of Kibot: below its dates a price, mostly from bid to ask, which are near each other, and a size, which is not near them.
/// Nothing, if the second of four numbers is not below the third, as a high is not below a low.
///
/// # Errors
/// It is, and they can be something else, such as open, low, high and close, or prices and sizes of ask and bid.
fn ticks(data: &[Fields]) -> Result<Option<Names>, Puzzle> {
    let (mut below, mut above, mut of_ticks, mut of_prices) = (0, 0, 0, 0);
    for row in data {
        let [Some(price), Some(bid), Some(ask), Some(size)] =
            [2, 3, 4, 5].map(|at| number(row, at))
        else {
            return Ok(None);
        };
        below += usize::from(bid < ask);
        above += usize::from(bid > ask);
        let is_between = bid <= price && price <= ask && ask - bid <= SPREAD_MOST * ask;
        of_ticks += usize::from(is_between);
        let near = bid * (1.0 - SPREAD_MOST)..=ask * (1.0 + SPREAD_MOST);
        of_prices += usize::from(near.contains(&size));
    }
    // A few quotes are crossed, and a few trades are outside of theirs.
    if below <= 9 * above {
        return Ok(None);
    }
    let is_sure = data.iter().all(|row| is_kibot_date(row.get(0)))
        && 2 * of_ticks > data.len()
        && 2 * of_prices < data.len();
    if is_sure {
        return Ok(Some(TICKS));
    }
    let found = "a date, a time of day and four numbers of which the second is below the third, so that they are no open, high, low and close";
    let expected = "--format kibot, whose rows are a date, a time, price, bid, ask and size; otherwise name the columns, such as --columns date=1,time_of_day=2,open=3,low=4,high=5,close=6";
    Err((found.to_owned(), expected.to_owned()))
}

/// Whether a date is written as Kibot writes it: `01/16/2024`, the month first.
fn is_kibot_date(text: &[u8]) -> bool {
    let [m1, m2, b'/', d1, d2, b'/', year @ ..] = text else {
        return false;
    };
    let are_digits = [m1, m2, d1, d2]
        .into_iter()
        .chain(year)
        .all(u8::is_ascii_digit);
    are_digits && year.len() == 4 && matches!((m1, m2), (b'0', _) | (b'1', b'0'..=b'2'))
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
