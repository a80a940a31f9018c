//! Files that are called by a year, a date or a number of a part alone: `AAPL/2024.csv`. Such a name is no instrument's; the folder's is, if it
//! looks like one. A number of four digits may be a stock's too (2002 in Taipei): the rows' years decide, or nobody does.

use super::input::Input;
use super::layout::{Layout, Puzzle};
use super::text::{Fields, stem};
use super::time::plain_date;
use super::{names, period};
use std::path::{Path, PathBuf};
use tickloom_types::{Ts, split_pair};

/// What a name of digits is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dated {
    /// This year, or an instrument's number.
    Year(i64),
    /// A date, a month, a range of them or the number of a part.
    Other,
}

impl Dated {
    fn of(stem: &str) -> Option<Dated> {
        let year = |token: &str| {
            let year = token.parse::<i64>().ok().filter(|_| token.len() == 4)?;
            (1_900..=2_100).contains(&year).then_some(year)
        };
        let is_small = |token: &str| {
            let digits = token.strip_prefix(['Q', 'q']).unwrap_or(token);
            let number = digits.parse::<u8>().ok();
            (1..=2).contains(&digits.len()) && number.is_some_and(|number| number <= 31)
        };
        let tokens: Vec<&str> = stem.split(['-', '_', '.', ' ']).collect();
        match tokens.as_slice() {
            [one] if year(one).is_some() => year(one).map(Dated::Year),
            [one] if one.bytes().all(|b| b.is_ascii_digit()) && is_small(one) => Some(Dated::Other),
            all => {
                let is_date = |token: &&str| year(token).is_some() || plain_date(token).is_some();
                let is_part = |token: &&str| is_date(token) || is_small(token);
                (all.iter().any(is_date) && all.iter().all(is_part)).then_some(Dated::Other)
            }
        }
    }
}

/// Words for folders that look like symbols and are none, beside those of kinds, sizes and times of records.
const GENERAL: [&str; 72] = [
    "TSV",
    "FX",
    "ETF",
    "ETFS",
    "US",
    "EU",
    "UK",
    "JP",
    "TW",
    "HK",
    "NYSE",
    "NASDAQ",
    "AMEX",
    "TSE",
    "TWSE",
    "TPEX",
    "HKEX",
    "LSE",
    "ASX",
    "XNAS",
    "XNYS",
    "ARCA",
    "BATS",
    "CME",
    "CBOT",
    "NYMEX",
    "COMEX",
    "ICE",
    "EUREX",
    "XETRA",
    "BINANCE",
    "BYBIT",
    "OKX",
    "KRAKEN",
    "COINBASE",
    "DERIBIT",
    "BITMEX",
    "OANDA",
    "DUKASCOPY",
    "POLYGON",
    "DATABENTO",
    "TARDIS",
    "SPOT",
    "PERP",
    "PERPS",
    "PERPETUAL",
    "SWAP",
    "SWAPS",
    "FUTURE",
    "FUTURES",
    "FUT",
    "UM",
    "CM",
    "OPTION",
    "OPTIONS",
    "CRYPTO",
    "FOREX",
    "INDEX",
    "INDICES",
    "STOCK",
    "STOCKS",
    "EQUITY",
    "EQUITIES",
    "USD",
    "EUR",
    "TMP",
    "TEMP",
    "DOWNLOAD",
    "DOWNLOADS",
    "HISTORY",
    "HIST",
    "TEST",
];

/// Whether a folder is called as instruments are: in capitals, or as a pair of currencies.
fn is_symbol(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.^".contains(c);
    let has_letter = name.contains(|c: char| c.is_ascii_alphabetic());
    let capital = name.to_ascii_uppercase();
    let is_one =
        name == capital || (6..=12).contains(&name.len()) && split_pair(&capital).is_some();
    let words = capital.split(['-', '_', '.']);
    name.len() <= 20
        && has_letter
        && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '^')
        && name.chars().all(is_plain)
        && is_one
        && words.clone().any(|word| !GENERAL.contains(&word))
        && names::says_anything(name)
        && Dated::of(name).is_none()
        // 1MIN and 15SEC are sizes.
        && !words.clone().all(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.len() <= 3)
}

/// The name of the folder that a file is in; a member of a zip lies in it as in a folder.
fn folder(input: &Input) -> Option<String> {
    let path: PathBuf = match input.member() {
        Some(member) => input.path().with_extension("").join(member),
        None => input.path().to_owned(),
    };
    let folder = path.parent().and_then(Path::file_name)?;
    Some(folder.to_string_lossy().into_owned())
}

/// The folder that names a file, if it is one that is called by a date or a part alone.
pub(super) fn symbol(input: &Input) -> Option<String> {
    Dated::of(&stem(&input.file_name()))?;
    folder(input).filter(|folder| is_symbol(folder))
}

/// Names a file that is called by a date or a part alone by its folder, if nothing else names it, and one that is called by an instrument
/// and a period by the instrument.
///
/// # Errors
/// It is one, and the folder's name is not clearly an instrument's; or it may be a stock's number as well.
pub(super) fn name(input: &Input, layout: &mut Layout, head: &[Fields]) -> Result<(), Puzzle> {
    let stem = layout.known.file.clone();
    let Some(dated) = Dated::of(&stem) else {
        return period::name(layout, head);
    };
    let folder = folder(input);
    let symbol = folder.clone().filter(|folder| is_symbol(folder));
    let is_sure = match dated {
        Dated::Other => true,
        Dated::Year(year) => head.iter().any(|row| is_of_year(layout, row, year)),
    };
    match symbol {
        Some(symbol) if is_sure => {
            layout.notes.push(format!(
                "instrument {symbol}, as its folder is called: {stem} is a date or the number of a part"
            ));
            layout.known.file = symbol;
            Ok(())
        }
        _ => {
            let of = match folder {
                Some(folder) => format!("a file of {folder:?} by its folder"),
                None => "a part of something that no folder names".to_owned(),
            };
            let found = format!("the name {stem:?}, which is {of}, or an instrument called {stem}");
            Err((found, "--instrument, or a column of symbols".to_owned()))
        }
    }
}

/// Whether a row is of a year, give or take a day for its zone.
fn is_of_year(layout: &Layout, row: &Fields, year: i64) -> bool {
    let start = |year: i64| Ts::parse(&format!("{year:04}-01-01")).ok();
    let day = 86_400_000_000_000;
    let ts = period::time_of(layout, row);
    let (Some(ts), Some(from), Some(to)) = (ts, start(year), start(year + 1)) else {
        return false;
    };
    (from.0.saturating_sub(day)..to.0.saturating_add(day)).contains(&ts.0)
}

#[cfg(test)]
mod tests {
    use super::super::ImportOptions;
    use super::*;

    #[test]
    fn names_of_dates_and_parts() {
        for stem in [
            "2024-01",
            "2024_01_02",
            "20240102",
            "2024-Q1",
            "2023-2024",
            "20240101-20240131",
            "01",
            "7",
            "02.01.2024",
        ] {
            assert_eq!(Dated::of(stem), Some(Dated::Other), "{stem}");
        }
        assert_eq!(Dated::of("2024"), Some(Dated::Year(2024)));
        for stem in [
            "0005.HK",
            "0005",
            "600519",
            "7203",
            "700",
            "000001.SZ",
            "AAPL",
            "AAPL-2024",
            "20241302",
            "Q1",
            "1-2",
            "1800",
        ] {
            assert_eq!(Dated::of(stem), None, "{stem}");
        }
    }

    #[test]
    fn folders_that_are_called_as_instruments_are() {
        for name in [
            "AAPL", "BRK.B", "BTC-USDT", "btcusdt", "eurusd", "^GSPC", "0005.HK", "ES_F",
        ] {
            assert!(is_symbol(name), "{name}");
        }
        for name in [
            "data",
            "history",
            "csv",
            "CSV",
            "minute",
            "daily",
            "2024",
            "2024-01",
            "1H",
            "US",
            "NYSE",
            "symbol=A",
            "home",
            "DAILY",
            "TICK",
            "TRADES",
            "M1",
            "H1",
            "2024Q1",
            "SPOT",
            "CME",
            "Apple Inc",
            ".X",
        ] {
            assert!(!is_symbol(name), "{name}");
        }
    }

    #[test]
    fn a_file_called_by_a_year_is_called_by_its_folder() {
        let read = |path: &str| {
            let text = "time,open,high,low,close\n2024-01-02,1,1,1,1\n2024-01-03,1,1,1,1\n";
            let input = Input::bytes(Path::new(path), text.as_bytes().to_vec());
            let report = input
                .check(&ImportOptions::default())
                .map_err(|error| error.to_string())?;
            Ok::<_, String>((report.instruments, report.notes.join("; ")))
        };
        for path in [
            "x/AAPL/2024.csv",
            "AAPL/2024-01.csv.gz",
            "AAPL/20240102.csv",
            "AAPL/2019-2024.csv",
            "AAPL/1.csv",
        ] {
            let (names, notes) = read(path).unwrap();
            assert_eq!(names, ["AAPL"], "{path}");
            assert!(
                notes.contains("instrument AAPL, as its folder is called"),
                "{notes}"
            );
        }
        for path in [
            "2024.csv",
            "data/2024.csv",
            "AAPL/2023.csv",
            "AAPL/2024/01.csv",
            "TWSE/2002.csv",
        ] {
            let error = read(path).unwrap_err();
            assert!(error.contains("or an instrument called"), "{path}: {error}");
        }
        assert_eq!(
            read("stocks/2002.csv").unwrap_err(),
            "stocks/2002.csv: the name \"2002\", which is a file of \"stocks\" by its folder, or an instrument called 2002, expected --instrument, \
             or a column of symbols"
        );
        for (path, name) in [
            ("stocks/7203.csv", "7203"),
            ("x/600519.csv", "600519"),
            ("hk/0005.HK.csv", "0005.HK"),
        ] {
            assert_eq!(read(path).unwrap().0, [name]);
        }
    }
}
