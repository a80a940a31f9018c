//! The formats that files of rows are in.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A format of files of rows. Raw captures of venues are not among them: `feeds` decodes those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// What `export` wrote: CSV, JSON lines, Arrow or Parquet with a header that says what it is of.
    Tickloom,
    /// Parquet: bars, quotes, trades or books, by the names and types of the columns.
    Parquet,
    /// An Arrow IPC file or stream, or Feather; likewise.
    Arrow,
    /// Databento's binary encoding: L3 and L2 books, quotes, trades, bars.
    Dbn,
    /// LEAN's CSV: ticks, and bars of trades or of bid and ask.
    Lean,
    /// Bars that Binance publishes.
    BinanceKlines,
    /// Trades that Binance publishes, those of one taker order at one price put together.
    BinanceAggTrades,
    /// Trades that Binance publishes.
    BinanceTrades,
    /// Databento's CSV: L3 and L2 books, quotes, trades, bars.
    DatabentoCsv,
    /// Ticks that MetaTrader 5 exports, of which a row says what changed.
    MetatraderTicks,
    /// Trades and bars that Kraken offers for download, without a header.
    Kraken,
    /// Ticks and bars of Kibot, without a header.
    Kibot,
    /// Delimited text, a level of a book a row, as it is now.
    BookLevels,
    /// Delimited text, a book with all its levels a row.
    BookDepth,
    /// Delimited text, a row a line: bars, quotes or trades, by the names of the columns.
    Csv,
}

impl Format {
    /// All formats, in the order in which a file is tried.
    pub const ALL: &'static [Format] = &[
        Format::Tickloom,
        Format::Parquet,
        Format::Arrow,
        Format::Dbn,
        Format::Lean,
        Format::BinanceKlines,
        Format::BinanceAggTrades,
        Format::BinanceTrades,
        Format::DatabentoCsv,
        Format::MetatraderTicks,
        Format::Kraken,
        Format::Kibot,
        Format::BookLevels,
        Format::BookDepth,
        Format::Csv,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Tickloom => "tickloom",
            Format::Parquet => "parquet",
            Format::Arrow => "arrow",
            Format::Dbn => "dbn",
            Format::Lean => "lean",
            Format::BinanceKlines => "binance-klines",
            Format::BinanceAggTrades => "binance-agg-trades",
            Format::BinanceTrades => "binance-trades",
            Format::DatabentoCsv => "databento-csv",
            Format::MetatraderTicks => "metatrader-ticks",
            Format::Kraken => "kraken",
            Format::Kibot => "kibot",
            Format::BookLevels => "book-levels",
            Format::BookDepth => "book-depth",
            Format::Csv => "csv",
        }
    }

    /// Whether a file without a column of symbols is of the instrument that its name says.
    pub(crate) fn is_named_by_file(self) -> bool {
        matches!(
            self,
            Format::Csv
                | Format::DatabentoCsv
                | Format::MetatraderTicks
                | Format::Kraken
                | Format::Kibot
                | Format::BookLevels
                | Format::BookDepth
                | Format::Parquet
                | Format::Arrow
        )
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
