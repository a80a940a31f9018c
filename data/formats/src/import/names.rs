//! What the names and folders of several files say of what is in them: parts of one instrument, or other instruments.
//!
//! Files that say nothing of their instrument are called by their names. `AAPL/2024.csv` and `MSFT/2024.csv`, or `spot/BTCUSDT.csv` and
//! `futures/BTCUSDT.csv`, would become one instrument without a word; files of days, months, sizes of bars or kinds of records do belong
//! together. So of names and folders those words are compared that are none of these.

use super::columnar::{Container, is_part_name, partitions};
use super::dated;
use super::format::Format;
use super::input::{Input, Part};
use super::options::ImportOptions;
use super::period;
use super::role::{Role, plain, tells_apart};
use super::text::stem;
use super::time::is_month;
use crate::{FormatError, Result};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// Words for kinds of records, sizes of bars, times and parts: files of one instrument differ in them.
const OF_ANY: &[&str] = &[
    "trades",
    "trade",
    "ticks",
    "tick",
    "aggtrades",
    "quotes",
    "quote",
    "nbbo",
    "bbo",
    "bars",
    "bar",
    "candles",
    "candle",
    "klines",
    "kline",
    "ohlc",
    "ohlcv",
    "book",
    "books",
    "orderbook",
    "depth",
    "mbo",
    "mbp",
    "tbbo",
    "second",
    "seconds",
    "sec",
    "minute",
    "minutes",
    "min",
    "minutely",
    "hour",
    "hours",
    "hourly",
    "day",
    "days",
    "daily",
    "eod",
    "intraday",
    "week",
    "weekly",
    "month",
    "monthly",
    "year",
    "yearly",
    "part",
    "chunk",
    "data",
    "file",
    "csv",
    "parquet",
    "arrow",
    "raw",
    "gz",
    "zip",
];
/// The same of those that are words with a number alone, such as `1m`, `2024Q1` and `L2`; without one a stock is called so.
const OF_NUMBERS: &[&str] = &["s", "m", "h", "d", "w", "mo", "y", "t", "q", "l"];

/// The words of a name that are none of numbers, dates and [`OF_ANY`], in lower case; of numbers those stay that are no parts of dates and
/// no small counts, as a stock may be called so.
fn words(name: &str, counts: bool, to: &mut Vec<String>) {
    let lower = name.to_lowercase();
    for token in lower.split(|c: char| !c.is_alphanumeric()) {
        let letters = token.trim_matches(|c: char| c.is_ascii_digit());
        let is_of_any = match letters {
            "" => counts || token.len() <= 3 || is_date(token),
            _ => {
                OF_ANY.contains(&letters)
                    || is_month(letters.as_bytes())
                    || letters.len() < token.len() && OF_NUMBERS.contains(&letters)
            }
        };
        if !is_of_any {
            to.push(token.to_owned());
        }
    }
}

/// Whether a name has a word that is none of kinds, sizes and times.
pub(super) fn says_anything(name: &str) -> bool {
    let mut all = Vec::new();
    words(name, false, &mut all);
    !all.is_empty()
}

/// Whether digits are a year of 1900 to 2099, with a month and a day if there are so many.
fn is_date(digits: &str) -> bool {
    let part = |range: std::ops::Range<usize>, most: u32| {
        let number = digits.get(range).and_then(|part| part.parse::<u32>().ok());
        number.is_some_and(|number| (1..=most).contains(&number))
    };
    let has_year = digits.starts_with("19") || digits.starts_with("20");
    has_year
        && match digits.len() {
            4 => true,
            6 => part(4..6, 12),
            8 | 10 | 12 | 14 => part(4..6, 12) && part(6..8, 31),
            _ => false,
        }
}

/// What the folders of a file say of what is in it. Folders with values are none of these words where they are columns.
fn said(path: &Path, are_columns: bool) -> Vec<String> {
    let mut all = Vec::new();
    let folders = path.parent().into_iter().flat_map(Path::components);
    for folder in folders {
        if let Component::Normal(folder) = folder
            && let folder = folder.to_string_lossy()
            && !(are_columns && folder.contains('='))
        {
            words(&folder, false, &mut all);
        }
    }
    all
}

/// What the folders and the name of a file of columns say.
fn said_of_columns(path: &Path) -> Vec<String> {
    let mut all = said(path, true);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem(&name);
    if !is_part_name(&stem, path) {
        words(&stem, !partitions(path).is_empty(), &mut all);
    }
    all
}

/// Two files of an input that do not go together by what they are called.
pub(crate) fn apart(parts: &[Part]) -> Option<(String, String)> {
    let first = parts.first()?;
    let own = said_of_columns(first.path());
    let is_other = |part: &&Part| said_of_columns(part.path()) != own;
    let other = parts.iter().find(is_other)?;
    let shown = |part: &Part| part.path().display().to_string();
    Some((shown(first), shown(other)))
}

/// Two files of an input of trades of which one is called after trades that are put together, and the other is not: both tell all volume.
pub(crate) fn both_kinds(parts: &[Part]) -> Option<(String, String)> {
    let one = parts.iter().find(|part| is_put_together(part.path()))?;
    let other = parts.iter().find(|part| !is_put_together(part.path()))?;
    let shown = |part: &Part| part.path().display().to_string();
    Some((shown(one), shown(other)))
}

/// What a file or its folders are called if that is no kind of trades, and what they are read as then. Of rows with numbers of trades the
/// words of books say nothing.
pub(crate) fn other_kind(input: &Input, has_ids: bool) -> Option<(String, &'static str)> {
    const TRADES: [&str; 6] = [
        "trades",
        "trade",
        "aggtrades",
        "ticks",
        "tick",
        "executions",
    ];
    const LIQUIDATIONS: [&str; 6] = [
        "liquidations",
        "liquidation",
        "liquidationsnapshot",
        "liquidationorders",
        "forceorder",
        "forceorders",
    ];
    const BOOKS: [&str; 19] = [
        "book",
        "books",
        "bookdepth",
        "booksnapshot",
        "booksnapshots",
        "orderbook",
        "orderbooks",
        "orderbookl2",
        "limitorderbook",
        "lob",
        "l2",
        "l3",
        "level2",
        "level3",
        "mbo",
        "mbp",
        "depth",
        "depthupdate",
        "orders",
    ];
    let tokens = |name: &str| -> Vec<String> {
        let lower = name.to_lowercase();
        let tokens = lower.split(|c: char| !c.is_alphanumeric());
        tokens.map(str::to_owned).collect()
    };
    let name = tokens(&stem(&input.file_name()));
    if name.iter().any(|word| TRADES.contains(&word.as_str())) {
        return None;
    }
    let folders = input.path().parent().into_iter().flat_map(Path::components);
    let folders = folders.flat_map(|folder| tokens(&folder.as_os_str().to_string_lossy()));
    let mut all = name.iter().cloned().chain(folders);
    if let Some(word) = all.find(|word| LIQUIDATIONS.contains(&word.as_str())) {
        return Some((
            word,
            "as liquidations, which are trades too, are not kept apart",
        ));
    }
    let is_book = |word: &str| BOOKS.contains(&word);
    // With a number of levels: `book25`, `depth20`.
    let is_some = |word: &str| is_book(word.trim_end_matches(|c: char| c.is_ascii_digit()));
    let book = name.iter().find(|word| is_book(word) || is_some(word));
    book.filter(|_| !has_ids).map(|word| {
        (
            word.clone(),
            "or levels of a book with --format book-levels",
        )
    })
}

/// Whether a file or a folder of it is called after trades that are put together.
fn is_put_together(path: &Path) -> bool {
    let path = path.to_string_lossy().to_lowercase();
    let signs = path.replace(['_', '-', ' '], "");
    signs.contains("aggtrade") || signs.contains("aggregatedtrade")
}

/// The files of one import, which must not become one instrument if their folders say that they are of several.
#[derive(Debug, Default)]
pub struct Together {
    /// By what files are called: what the folders of the first say, and where it is.
    called: HashMap<String, Called>,
    /// What the folders of the first file say that tell instruments of one symbol apart, and where it is.
    folders: Option<(String, String)>,
    /// Why files cannot be taken.
    refused: HashMap<FilePlace, FormatError>,
}

/// A file, and its member of a zip.
type FilePlace = (PathBuf, Option<String>);

/// The first file that is called so: what its folders say, and which it is.
#[derive(Debug)]
struct Called {
    said: Vec<String>,
    place: FilePlace,
}

fn place_of(input: &Input) -> FilePlace {
    (input.path().to_owned(), input.member().map(str::to_owned))
}

impl Together {
    /// Notes a file of the import, before any is taken.
    pub fn note(&mut self, input: &Input, options: &ImportOptions) {
        if let Err(error) = self.goes_with(input, options) {
            self.refused.insert(place_of(input), error);
        }
    }

    /// Takes a file that was noted.
    ///
    /// # Errors
    /// [`FormatError::Unclear`] if it would be put together with another one that is of another market or instrument.
    pub fn take(&mut self, input: &Input) -> Result<()> {
        self.refused.remove(&place_of(input)).map_or(Ok(()), Err)
    }

    fn goes_with(&mut self, input: &Input, options: &ImportOptions) -> Result<()> {
        let place = input.path().display().to_string();
        let unclear = |found: String, expected: &str| FormatError::Unclear {
            file: input.path().to_owned(),
            place: String::new(),
            found,
            expected: expected.to_owned(),
        };
        let folders = folders_apart(input.path(), options);
        match &self.folders {
            // A file beside such folders is none of a market, or says itself of which.
            _ if folders.is_empty() => {}
            Some((known, first)) if *known != folders => {
                let found =
                    format!("folders that say {folders:?}, where those of {first} say {known:?}");
                let expected = "one market in an import; of Parquet and Arrow --columns exchange=NAME names instruments by the folders of \
                                that name, and exchange=- takes all for one";
                return Err(unclear(found, expected));
            }
            Some(_) => {}
            None => self.folders = Some((folders, place.clone())),
        }
        if options.instrument.is_some() {
            return Ok(());
        }
        // A member of a zip lies in it as in a folder.
        let path = match input.member() {
            Some(member) => input.path().with_extension("").join(member),
            None => input.path().to_owned(),
        };
        let has_values = !partitions(&path).is_empty();
        let are_columns = has_values && matches!(Container::of(input), Ok(Some(_)));
        let said = said(&path, are_columns);
        let name = dated::symbol(input).unwrap_or_else(|| stem(&input.file_name()));
        let name = called(name, input, options);
        let Some(known) = self.called.get(&name) else {
            let place = place_of(input);
            self.called.insert(name, Called { said, place });
            return Ok(());
        };
        if known.said == said || !is_called_by_file(input, options) {
            return Ok(());
        }
        let found = |other: &Path| {
            let other = other.display();
            format!("{name:?}, as {other} is called, in a folder of another name")
        };
        let first = known.place.0.clone();
        // Nor may the first of them be taken, of which nobody would know what it is.
        let of_first = FormatError::Unclear {
            file: first.clone(),
            place: String::new(),
            found: found(input.path()),
            expected: APART.to_owned(),
        };
        self.refused.entry(known.place.clone()).or_insert(of_first);
        let found = found(&first);
        Err(unclear(found, APART))
    }
}

/// What settles of which instruments files of one name are.
const APART: &str = "names of instruments: a column, folders such as symbol=, or each folder by itself with --instrument";

/// What the folders of a file of columns say that tells instruments of one symbol apart, where nothing else is said of it.
fn folders_apart(path: &Path, options: &ImportOptions) -> String {
    let mapping = &options.mapping;
    if mapping.has(Role::Venue) || mapping.is_none(Role::Ticker) {
        return String::new();
    }
    let is_apart = |(name, value): &(String, String)| {
        let name = plain(name);
        let is_venue = Role::of(&name) == Some(Role::Venue);
        let mut of_value = Vec::new();
        words(value, false, &mut of_value);
        // A dataset called trades is a kind of records.
        (is_venue || tells_apart(&name, true)) && !of_value.is_empty()
    };
    let all = partitions(path).into_iter().filter(is_apart);
    let all: Vec<String> = all.map(|(name, value)| format!("{name}={value}")).collect();
    all.join("/")
}

/// What a file is called by the part of its name that says no period. What cannot be read is for its reader to refuse.
fn called(name: String, input: &Input, options: &ImportOptions) -> String {
    if !period::may_say(&name) {
        return name;
    }
    let format = options
        .format
        .map_or_else(|| Format::sniff(input, options), Ok);
    let called = format.ok().and_then(|format| format.called(input, options));
    called.unwrap_or(name)
}

/// Whether nothing but the file's name says what instrument it is of. What cannot be read is for its reader to refuse.
fn is_called_by_file(input: &Input, options: &ImportOptions) -> bool {
    let format = options
        .format
        .map_or_else(|| Format::sniff(input, options), Ok);
    format.is_ok_and(|format| format.is_called_by_file(input, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Vec<String> {
        said_of_columns(Path::new(path))
    }

    #[test]
    fn files_of_days_sizes_and_kinds_go_together() {
        for (one, other) in [
            ("BTCUSDT-2024-01.parquet", "BTCUSDT-2024-02.parquet"),
            ("2024/01/btcusdt.parquet", "2024/02/btcusdt.parquet"),
            ("20240102.parquet", "20240103.parquet"),
            ("2024-01-02T00.parquet", "2024-01-02T01.parquet"),
            (
                "part-00000-c97d-c000.snappy.parquet",
                "part-00001-1234-c000.snappy.parquet",
            ),
            ("data_0.parquet", "data_1.parquet"),
            ("0.parquet", "12.parquet"),
            ("jan/x.csv", "feb/x.csv"),
            ("AAPL/1m/2024.csv", "AAPL/5min/2023.csv"),
            ("trades/AAPL.csv", "quotes/AAPL.csv"),
            ("daily/AAPL.csv", "hourly/AAPL.csv"),
            ("AAPL_2024Q1.csv", "AAPL_2024Q2.csv"),
            ("year=2024/0000001.parquet", "year=2025/0000002.parquet"),
        ] {
            assert_eq!(of(one), of(other), "{one} {other}");
        }
    }

    #[test]
    fn names_of_instruments_and_markets_tell_files_apart() {
        for (one, other) in [
            ("AAPL.parquet", "MSFT.parquet"),
            ("AAPL/2024.csv", "MSFT/2024.csv"),
            ("spot/BTCUSDT.csv", "futures/BTCUSDT.csv"),
            ("600519.parquet", "600520.parquet"),
            ("000001.parquet", "000002.parquet"),
            ("ES2.csv", "ES3.csv"),
            ("BRK.A.csv", "BRK.B.csv"),
            ("T.csv", "M.csv"),
            ("月光.csv", "日光.csv"),
            ("AAPL-2024-01.csv", "MSFT-2024-01.csv"),
        ] {
            assert_ne!(of(one), of(other), "{one} {other}");
        }
    }

    #[test]
    fn trades_that_are_put_together_are_known_by_their_name() {
        for path in [
            "aggTrades/0.parquet",
            "X-agg_trades-2024.parquet",
            "aggregated trades/1.parquet",
        ] {
            assert!(is_put_together(Path::new(path)), "{path}");
        }
        assert!(!is_put_together(Path::new("trades/0.parquet")));
    }

    /// Of a text nobody else looks at such folders.
    #[test]
    fn folders_with_values_are_words_where_they_are_no_columns() {
        let of = |path: &str, are_columns| said(Path::new(path), are_columns);
        let (one, other) = ("symbol=A/date=2024-01-02/0", "symbol=B/date=2024-01-03/0");
        assert_eq!(of(one, true), of(other, true));
        assert_ne!(of(one, false), of(other, false));
        assert_eq!(of("year=2024/0", false), of("year=2025/0", false));
    }

    #[test]
    fn folders_with_values_that_tell_markets_apart() {
        let of = |path: &str| folders_apart(Path::new(path), &ImportOptions::default());
        assert_eq!(of("exchange=NYSE/symbol=A/0.parquet"), "exchange=NYSE");
        assert_eq!(of("dataset=trades/symbol=A/0.parquet"), "");
        assert_eq!(of("year=2024/symbol=A/0.parquet"), "");
    }
}
