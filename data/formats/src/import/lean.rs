//! Files of LEAN: CSV without a header, one a day (ticks, seconds, minutes) or one for all time (hours, days), in a zip or out of it.
//!
//! What is not in the rows is in names: `oanda/minute/eurusd/20140501_quote.zip` holds `20140501_eurusd_minute_quote.csv`. The date
//! and the symbol are the inner name's, the venue is the folder above the resolution's or the symbol's. LEAN keeps times in a zone
//! by venue; FXCM's is five hours behind UTC all year. Equities and options of the US, whose prices LEAN scales by 10,000, are
//! refused.

use super::input::Input;
use super::layout::{Layout, Puzzle};
use super::time::{DateOrder, TimeFormat, plain_date};
use jiff::tz::{TimeZone, offset};
use std::path::Path;
use tickloom_types::{BarSpec, NANOS_PER_SECOND, split_pair};

const SCALED: [&str; 4] = ["equity", "option", "indexoption", "futureoption"];

/// Names of resolutions and how long their bars are; ticks have none.
const RESOLUTIONS: [(&str, Option<i64>); 5] = [
    ("tick", None),
    ("second", Some(1)),
    ("minute", Some(60)),
    ("hour", Some(3_600)),
    ("daily", Some(86_400)),
];

/// Venues whose files are known to be in UTC.
const UTC_VENUES: [&str; 11] = [
    "oanda",
    "coinbase",
    "gdax",
    "bitfinex",
    "binance",
    "binanceus",
    "binance-futures",
    "bybit",
    "bybit-spot",
    "kraken",
    "dydx",
];

/// Columns by whether they are ticks, what they are of, and how many there are.
const COLUMNS: [(bool, &str, &[&str]); 7] = [
    (true, "quote", &["time", "bid", "ask"]),
    (
        true,
        "quote",
        &["time", "bid", "bid size", "ask", "ask size"],
    ),
    (
        true,
        "quote",
        &["time", "bid", "bid size", "ask", "ask size", "suspicious"],
    ),
    (true, "trade", &["time", "price", "size"]),
    (true, "trade", &["time", "price", "size", "suspicious"]),
    (
        false,
        "trade",
        &["time", "open", "high", "low", "close", "volume"],
    ),
    (
        false,
        "quote",
        &[
            "time",
            "bid open",
            "bid high",
            "bid low",
            "bid close",
            "bid size",
            "ask open",
            "ask high",
            "ask low",
            "ask close",
            "ask size",
        ],
    ),
];

/// What the name of a file says.
struct Name {
    /// The day of its rows, if each day has a file.
    day: Option<jiff::civil::Date>,
    symbol: String,
    resolution: Option<String>,
    /// What it is of: `quote`, `trade`.
    of: Option<String>,
    /// What follows: `perp`, or the month of a future.
    rest: Vec<String>,
}

impl Name {
    /// `20140501_eurusd_tick_quote.csv`, `eurusd.csv` or `btcusd_quote.csv`.
    fn of(file_name: &str) -> Name {
        let stem = file_name.split('.').next().unwrap_or_default();
        let mut parts = stem.split('_').map(str::to_ascii_lowercase).peekable();
        let day = parts.peek().and_then(|part| plain_date(part));
        if day.is_some() {
            parts.next();
        }
        Name {
            day,
            symbol: parts.next().unwrap_or_default(),
            resolution: day.and_then(|_| parts.next()),
            of: parts.next(),
            rest: parts.collect(),
        }
    }

    fn is_of_a_day(&self) -> bool {
        let known = |name: &String| RESOLUTIONS.iter().any(|(known, _)| known == name);
        self.day.is_some() && self.resolution.as_ref().is_some_and(known) && self.of.is_some()
    }
}

/// Whether a file of this name and path that begins with these lines is one. Rows of bars alone are like those of others: they are LEAN's
/// in its folders, and outside of them if their prices may be scaled.
pub(super) fn is_lean(path: &Path, file_name: &str, head: &[Vec<u8>]) -> bool {
    let Some(first) = head.first() else {
        return false;
    };
    if Name::of(file_name).is_of_a_day() {
        return first.first().is_some_and(u8::is_ascii_digit);
    }
    // `20070330 00:00,...`: bars of hours or days.
    let is_time = |at: usize, byte: &u8| match at {
        8 => *byte == b' ',
        11 => *byte == b':',
        14 => *byte == b',',
        _ => byte.is_ascii_digit(),
    };
    let commas = first.iter().filter(|byte| **byte == b',').count();
    first.len() > 15
        && (commas == 10 || commas == 5)
        && first[..15].iter().enumerate().all(|(at, b)| is_time(at, b))
        && (is_in_folders(path) || are_scaled(head))
}

/// Whether the folders of a file are those of LEAN.
fn is_in_folders(path: &Path) -> bool {
    let folders = folders(path);
    let is_one = |folder: &String| is_resolution(folder) || SCALED.contains(&folder.as_str());
    folders.iter().any(is_one)
}

/// Whether all prices of these rows are whole and large, as those of LEAN's equities are, of which they are the ten thousandfold.
fn are_scaled(head: &[Vec<u8>]) -> bool {
    let is_large = |field: &[u8]| {
        let number: Option<u64> = std::str::from_utf8(field)
            .ok()
            .and_then(|text| text.parse().ok());
        number.is_some_and(|number| number >= 10_000)
    };
    let mut prices = head
        .iter()
        .filter(|line| !line.is_empty())
        .flat_map(|line| {
            let fields = line.split(|byte| *byte == b',').skip(1);
            fields.take(2)
        });
    prices.clone().next().is_some() && prices.all(is_large)
}

/// The layout of such a file.
///
/// # Errors
/// Its prices may be scaled, its columns are not LEAN's, or nothing says in which zone its times are.
pub(super) fn layout(
    input: &Input,
    head: &[Vec<u8>],
    told_zone: Option<&str>,
) -> Result<Layout, Puzzle> {
    let name = Name::of(&input.file_name());
    let folders = folders(input.path());
    if let Some(scaled) = folders.iter().find(|f| SCALED.contains(&f.as_str())) {
        let found = format!("a file of LEAN below {scaled}, whose prices are scaled");
        return Err((found, "prices as they are".to_owned()));
    }
    if !is_in_folders(input.path()) && are_scaled(head) {
        let found = "rows as LEAN writes them, of prices that may be scaled by 10,000".to_owned();
        let expected = "LEAN's folders, which say of what they are, or prices as they are";
        return Err((found, expected.to_owned()));
    }
    let time = match name.day {
        Some(date) => TimeFormat::DayMillis(date),
        None => TimeFormat::Text(DateOrder::YearFirst),
    };
    let resolution = name.resolution.clone().or_else(|| {
        let mut folders = folders.iter();
        folders.find(|folder| is_resolution(folder)).cloned()
    });
    let mut layout = Layout::fixed(columns(&name, resolution.as_deref(), head)?, time);
    let seconds = RESOLUTIONS
        .iter()
        .find(|(known, _)| Some(*known) == resolution.as_deref())
        .and_then(|(_, seconds)| *seconds);
    layout.known.bar = seconds.map(|seconds| BarSpec::Time(seconds * NANOS_PER_SECOND));
    let symbol = name.symbol.to_ascii_uppercase();
    layout.known.currency = split_pair(&symbol).map(|(_, currency)| currency.to_owned());
    let rest = name.rest.iter().map(|part| part.to_ascii_uppercase());
    let symbol = std::iter::once(symbol)
        .chain(rest)
        .collect::<Vec<_>>()
        .join("_");
    let venue = venue(&folders, &name.symbol);
    layout.known.instrument = Some(match &venue {
        Some(venue) => format!("{venue}.{symbol}"),
        None => symbol,
    });
    if told_zone.is_none() {
        let (zone, note) = zone(venue.as_deref())?;
        layout.known.zone = Some(zone);
        layout.notes.push(note);
    }
    Ok(layout)
}

/// The folders that a file is in, the innermost first, in lower case.
fn folders(path: &Path) -> Vec<String> {
    let names = path.ancestors().skip(1).filter_map(Path::file_name);
    names
        .map(|name| name.to_string_lossy().to_ascii_lowercase())
        .collect()
}

fn is_resolution(folder: &str) -> bool {
    RESOLUTIONS.iter().any(|(name, _)| *name == folder)
}

/// The folder above that of the resolution, of the symbol or of both.
fn venue(folders: &[String], symbol: &str) -> Option<String> {
    let passed = folders
        .iter()
        .take_while(|folder| is_resolution(folder) || *folder == symbol)
        .count();
    folders.get(passed).filter(|_| passed > 0).cloned()
}

/// The columns of a file, by how many of its first lines have.
fn columns(
    name: &Name,
    resolution: Option<&str>,
    head: &[Vec<u8>],
) -> Result<&'static [&'static str], Puzzle> {
    let is_tick = resolution == Some("tick");
    let fits = |count: usize| {
        COLUMNS.iter().find(|(tick, of, names)| {
            let of_this = name.of.as_deref().is_none_or(|wanted| wanted == *of);
            *tick == is_tick && names.len() == count && of_this
        })
    };
    let counts = head
        .iter()
        .map(|line| line.iter().filter(|byte| **byte == b',').count() + 1);
    let fitting: Vec<&(bool, &str, &[&str])> = counts.filter_map(fits).collect();
    let most = fitting
        .iter()
        .max_by_key(|one| fitting.iter().filter(|other| other == one).count());
    most.map(|(_, _, names)| *names).ok_or_else(|| {
        let fields = head
            .first()
            .map_or(0, |line| line.split(|b| *b == b',').count());
        let of = name.of.as_deref().unwrap_or("bars");
        let resolution = resolution.unwrap_or("hour or daily");
        let found = format!("{fields} columns in a file of LEAN of {of}, {resolution}");
        let expected = "3 or 5 columns of ticks, 6 of bars of trades, 11 of bars of quotes";
        (found, expected.to_owned())
    })
}

/// The zone of a venue's files, and what is to be said of it.
///
/// # Errors
/// None is known: LEAN keeps the times of most markets as clocks there show them.
fn zone(venue: Option<&str>) -> Result<(TimeZone, String), Puzzle> {
    let expected = "--zone, as an IANA zone such as America/New_York, or UTC";
    match venue {
        Some("fxcm") => Ok((
            TimeZone::fixed(offset(-5)),
            "times are five hours behind UTC, as in all of LEAN's files of fxcm".to_owned(),
        )),
        Some(venue) if UTC_VENUES.contains(&venue) => Ok((
            TimeZone::UTC,
            format!("times are UTC, as in all of LEAN's files of {venue}"),
        )),
        Some(venue) => {
            let found = format!("a file of LEAN of {venue}, whose zone is not known");
            Err((found, expected.to_owned()))
        }
        None => {
            let found = "a file of LEAN, of which no folder says the venue and so the zone";
            Err((found.to_owned(), expected.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::row::Shape;

    fn found(path: &str, line: &str) -> Result<Layout, Puzzle> {
        found_in(path, line, None)
    }

    fn found_in(path: &str, line: &str, zone: Option<&str>) -> Result<Layout, Puzzle> {
        let input = Input::bytes(Path::new(path), line.as_bytes().to_vec());
        let head = [line.as_bytes().to_vec()];
        assert!(is_lean(input.path(), &input.file_name(), &head), "{path}");
        layout(&input, &head, zone)
    }

    fn check(path: &str, line: &str, shape: Shape, bar: Option<&str>, instrument: &str) -> Layout {
        let layout = found(path, line).unwrap();
        assert_eq!(layout.shape, shape, "{path}");
        let bar = bar.map(|bar| bar.parse().unwrap());
        assert_eq!(layout.known.bar, bar, "{path}");
        assert_eq!(layout.known.instrument.as_deref(), Some(instrument));
        layout
    }

    #[test]
    fn names_say_what_rows_do_not() {
        let fxcm = check(
            "x/fxcm/eurusd/20140501_eurusd_tick_quote.csv",
            "1787,1.38727,1.38729",
            Shape::Quotes,
            None,
            "fxcm.EURUSD",
        );
        assert_eq!(fxcm.known.zone, Some(TimeZone::fixed(offset(-5))));
        assert_eq!(fxcm.known.currency.as_deref(), Some("USD"));
        let minutes = "0,1,2,1,2,0,1,2,1,2,0";
        check(
            "cfd/oanda/minute/xauusd/20140501_xauusd_minute_quote.csv",
            minutes,
            Shape::BidAskBars,
            Some("1m"),
            "oanda.XAUUSD",
        );
        check(
            "binance-futures/minute/btcusd/20221213_btcusd_minute_trade_perp.csv",
            "0,1,2,1,2,0",
            Shape::Bars,
            Some("1m"),
            "binance-futures.BTCUSD_PERP",
        );
        check(
            "oanda/hour/eurusd.csv",
            "20070101 21:00,1,2,1,2,0,1,2,1,2,0",
            Shape::BidAskBars,
            Some("1h"),
            "oanda.EURUSD",
        );
    }

    #[test]
    fn times_of_a_zone_that_is_not_known_have_to_be_told() {
        let future = "future/cme/minute/es/20240102_es_minute_trade_202403.csv";
        let row = "34200000,1,2,1,2,0";
        let (what, expected) = found(future, row).unwrap_err();
        assert_eq!(what, "a file of LEAN of cme, whose zone is not known");
        assert!(expected.starts_with("--zone"), "{expected}");
        let told = found_in(future, row, Some("America/Chicago")).unwrap();
        assert_eq!(told.known.instrument.as_deref(), Some("cme.ES_202403"));
        assert_eq!(told.known.zone, None);
        let bare = "daily/btcusd_trade.csv";
        let row = "20141201 00:00,300,370,300,370,0.05";
        let (what, _) = found(bare, row).unwrap_err();
        assert!(what.contains("no folder says the venue"), "{what}");
        assert!(found_in(bare, row, Some("UTC")).is_ok());
    }

    #[test]
    fn what_is_scaled_or_of_another_width_is_refused() {
        let path = "equity/usa/minute/aapl/20140501_aapl_minute_trade.csv";
        let (found_there, _) = found(path, "0,1,2,1,2,0").unwrap_err();
        assert!(found_there.contains("below equity"), "{found_there}");
        let path = "oanda/minute/eurusd/20140501_eurusd_minute_quote.csv";
        let (found_there, _) = found(path, "0,1,2").unwrap_err();
        assert!(found_there.starts_with("3 columns"), "{found_there}");
    }
}
