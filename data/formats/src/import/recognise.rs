//! Which format a file is in, found out from its first bytes, and which module reads it.
//!
//! A new format is a variant of [`Format`] with its name, and here how it is told from others, and a [`Prepared`].

use super::columnar::{Container, describe, is_own, is_part_name};
use super::format::Format;
use super::input::Input;
use super::layout::{Dialect, Layout, Puzzle, Unread, rows};
use super::options::ImportOptions;
use super::own::OwnFormat;
use super::prepared::Prepared;
use super::role::Role;
use super::row::Shape;
use super::text::{Cutter, is_utf16, stem};
use super::{binance, databento, dated, histdata, hive, lean, names, table};
use crate::{FormatError, Result};
use std::path::Path;
use std::str::FromStr;

impl Format {
    /// The format of a file, from its first bytes; of names only LEAN's and those of fragments of DBN count.
    pub(crate) fn sniff(input: &Input, options: &ImportOptions) -> Result<Format> {
        let bytes = input.head()?;
        if let Some(container) = Container::sniff(&bytes) {
            return match is_own(input, container)? {
                true => Ok(Format::Tickloom),
                false => Ok(Format::of_container(container)),
            };
        }
        if OwnFormat::sniff(&bytes).is_some() && input.member().is_none() {
            return Ok(Format::Tickloom);
        }
        let name = input.file_name();
        if databento::is_dbn(&name, &bytes) {
            return Ok(Format::Dbn);
        }
        if bytes.contains(&0) && !is_utf16(&bytes) {
            let found = "bytes that are no text".to_owned();
            return Err(unread(input, "", (found, "text in UTF-8".to_owned())));
        }
        let head = table::head(input)?;
        if options.says_columns() {
            return Ok(Format::of_columns(&head, options));
        }
        if lean::is_lean(input.path(), &name, &head) {
            return Ok(Format::Lean);
        }
        Ok(match binance::Content::sniff(&head) {
            Some(binance::Content::Klines) => Format::BinanceKlines,
            Some(binance::Content::AggTrades) => Format::BinanceAggTrades,
            Some(binance::Content::Trades) => Format::BinanceTrades,
            None => Format::of_columns(&head, options),
        })
    }

    fn of_container(container: Container) -> Format {
        match container {
            Container::Parquet | Container::Encrypted => Format::Parquet,
            Container::ArrowFile | Container::ArrowStream | Container::Feather1 => Format::Arrow,
        }
    }

    /// The format of a text by its columns; one that is not understood is for its reader to refuse.
    fn of_columns(head: &[Vec<u8>], options: &ImportOptions) -> Format {
        let layout = Layout::of(head, options);
        layout.map_or(Format::Csv, |layout| match layout.shape {
            _ if layout.is_databento() => Format::DatabentoCsv,
            _ if layout.dialect == Dialect::Metatrader => Format::MetatraderTicks,
            Shape::Levels => Format::BookLevels,
            Shape::Depth => Format::BookDepth,
            _ => Format::Csv,
        })
    }

    /// Reads a file of this format through once.
    pub(crate) fn prepare(
        self,
        input: &Input,
        options: &ImportOptions,
    ) -> Result<Box<dyn Prepared>> {
        if self == Format::Dbn {
            return databento::prepare(input, options);
        }
        table::prepare(input, options, self.layout(input, options)?)
    }

    /// What a file says by its name and its folders, and not by its content: with that it is another file.
    pub(crate) fn identity(self, input: &Input, options: &ImportOptions) -> Result<String> {
        match self {
            Format::Tickloom | Format::Dbn => Ok(String::new()),
            Format::Csv
            | Format::DatabentoCsv
            | Format::MetatraderTicks
            | Format::Kraken
            | Format::Kibot
            | Format::BookLevels
            | Format::BookDepth
            | Format::Parquet
            | Format::Arrow => {
                let layout = self.layout(input, options)?;
                let is_named = is_named(options, &layout);
                let folders = match (layout.is_columnar, hive::symbol(input)) {
                    (true, _) => partitions(input.path()),
                    (false, Some((name, said))) => format!("{name}={said}/"),
                    (false, None) => String::new(),
                };
                Ok(if is_named {
                    folders
                } else {
                    format!("{folders}{}", layout.known.file)
                })
            }
            Format::Lean
            | Format::BinanceKlines
            | Format::BinanceAggTrades
            | Format::BinanceTrades => {
                let layout = self.layout(input, options)?;
                let instrument = layout.known.instrument.unwrap_or_default();
                Ok(format!("{instrument} {}", layout.time))
            }
        }
    }

    /// Whether nothing but the file's name says what instrument it is of.
    pub(crate) fn is_called_by_file(self, input: &Input, options: &ImportOptions) -> bool {
        let layout = match self {
            Format::Tickloom | Format::Dbn => return false,
            _ => self.layout(input, options),
        };
        layout.is_ok_and(|layout| !is_named(&ImportOptions::default(), &layout))
    }

    /// What the name of a file says that it is of, without the time of its rows.
    pub(crate) fn called(self, input: &Input, options: &ImportOptions) -> Option<String> {
        match self {
            Format::Tickloom | Format::Dbn => None,
            _ => self
                .layout(input, options)
                .ok()
                .map(|layout| layout.known.file),
        }
    }

    fn layout(self, input: &Input, options: &ImportOptions) -> Result<Layout> {
        let container = Container::of(input)?;
        if let Some(container) = container {
            return self.layout_of_columns(input, options, container);
        }
        if matches!(self, Format::Parquet | Format::Arrow) {
            let found = "something else".to_owned();
            let expected = format!("what --format {self} says");
            return Err(unread(input, "", (found, expected)));
        }
        let head = table::head(input)?;
        let of_market = |puzzle| Unread {
            puzzle,
            is_market: true,
            place: None,
        };
        let binance = |content: binance::Content| content.layout(input, &head).map_err(of_market);
        let layout = match self {
            Format::Lean => lean::layout(input, &head, options.zone.as_deref()).map_err(of_market),
            Format::BinanceKlines => binance(binance::Content::Klines),
            Format::BinanceAggTrades => binance(binance::Content::AggTrades),
            Format::BinanceTrades => binance(binance::Content::Trades),
            _ => Layout::of(&head, options),
        };
        let mut layout = layout.map_err(|error| {
            let place = place_of(input, error.place);
            match error.is_market {
                true => unclear(input, &place, error.puzzle),
                false => unread(input, &place, error.puzzle),
            }
        })?;
        if !self.is_named_by_file() && options.says_writing() {
            let found = format!("--time-format, --decimal or --delimiter for a file of {self}");
            let expected = "none of them: the format says it; or --format csv and --columns";
            return Err(unread(input, "", (found, expected.to_owned())));
        }
        layout.known.file = stem(&input.file_name());
        check_kind(self, input, options, &layout)?;
        if self == Format::Csv && options.instrument.is_none() {
            binance::name(input, &mut layout);
            histdata::name(&mut layout, options);
        }
        let rows = rows(&head, layout.delimiter);
        let below = rows.get(layout.skip..).unwrap_or_default();
        layout.note_zone(below, options);
        hive::name(input, options, &mut layout, below)
            .map_err(|puzzle| unclear(input, "", puzzle))?;
        if !named(input, options, &layout)? {
            dated::name(input, &mut layout, below).map_err(|puzzle| unclear(input, "", puzzle))?;
        }
        Ok(layout)
    }

    /// What a file of columns is, whatever else is said of it.
    fn layout_of_columns(
        self,
        input: &Input,
        options: &ImportOptions,
        container: Container,
    ) -> Result<Layout> {
        let columns = |(found, expected): Puzzle| FormatError::Columns {
            file: input.path().to_owned(),
            found,
            expected,
        };
        let may_be = matches!(self, Format::BookLevels | Format::BookDepth);
        if !may_be && self != Format::of_container(container) {
            let expected = format!("what --format {self} says");
            return Err(columns((container.to_string(), expected)));
        }
        let table = describe(input, container)?;
        let layout = Layout::of_columns(&table, options);
        let mut layout = layout.map_err(|error| match error.is_market {
            true => unclear(input, "", error.puzzle),
            false => columns(error.puzzle),
        })?;
        layout.known.file = stem(&input.file_name());
        check_kind(self, input, options, &layout)?;
        if layout.shape == Shape::Trades
            && let Some((one, other)) = names::both_kinds(&input.parts())
        {
            let found = format!(
                "{one}, of trades put together, and {other}, which both tell all of the volume"
            );
            return Err(unclear(input, "", (found, "one of both".to_owned())));
        }
        let is_named = named(input, options, &layout)?;
        if !is_named && let Some((one, other)) = names::apart(&input.parts()) {
            let found = format!("{one} and {other}, which nothing in them says to be of one");
            let expected = "a column or folders such as symbol=, --instrument, which takes all for one, or `tickloom import`, \
                            which takes each for itself";
            return Err(unclear(input, "", (found, expected.to_owned())));
        }
        if !is_named {
            let named = dated::name(input, &mut layout, &table.head);
            named.map_err(|puzzle| unclear(input, "", puzzle))?;
        }
        Ok(layout)
    }
}

/// Whether what is told, the format or a column names the instrument.
fn is_named(options: &ImportOptions, layout: &Layout) -> bool {
    let known = &layout.known;
    options.instrument.is_some()
        || known.instrument.is_some()
        || known.called.is_some()
        || layout.column(Role::Ticker).is_some()
}

/// Refuses rows taken for trades in a file that is called otherwise, unless its format is told.
fn check_kind(
    format: Format,
    input: &Input,
    options: &ImportOptions,
    layout: &Layout,
) -> Result<()> {
    let is_plain = matches!(layout.dialect, Dialect::Plain | Dialect::Tardis);
    let is_sniffed = options.format.is_none() && format.is_named_by_file() && is_plain;
    if layout.shape != Shape::Trades || !is_sniffed {
        return Ok(());
    }
    let has_ids = layout.column(Role::TradeId).is_some();
    match names::other_kind(input, has_ids) {
        Some((word, what)) => {
            let found = format!("rows that may be trades, in what is called {word:?}");
            let expected = format!("trades (--format {format} says that they are), {what}");
            Err(unclear(input, "", (found, expected)))
        }
        None => Ok(()),
    }
}

/// Whether something else than a file's name says of which instrument it is; a name such as `part-00000` says nothing.
fn named(input: &Input, options: &ImportOptions, layout: &Layout) -> Result<bool> {
    let is_named = is_named(options, layout);
    if !is_named && is_part_name(&layout.known.file, input.path()) {
        let found = format!(
            "{:?}, which names no instrument, and no column that does",
            input.file_name()
        );
        let expected = "--instrument, or a column or folder such as symbol=".to_owned();
        return Err(unclear(input, "", (found, expected)));
    }
    Ok(is_named)
}

/// What the folders of a file say of it.
fn partitions(path: &Path) -> String {
    let folders = super::columnar::partitions(path).into_iter();
    folders
        .map(|(name, value)| format!("{name}={value}/"))
        .collect()
}

/// The line of a row from zero, as it follows the name of a file.
fn place_of(input: &Input, place: Option<(u8, usize)>) -> String {
    let Some((delimiter, row)) = place else {
        return ", line 1".to_owned();
    };
    let line = input.open().and_then(|source| {
        let mut cutter = Cutter::new(input.path(), source, delimiter);
        for _ in 0..row {
            cutter.next()?;
        }
        cutter.next()
    });
    match line {
        Ok(Some(line)) => format!(", line {line}"),
        _ => String::new(),
    }
}

/// The error for a file of a market that is not understood.
fn unclear(input: &Input, place: &str, (found, expected): Puzzle) -> FormatError {
    FormatError::Unclear {
        file: input.shown(),
        place: place.to_owned(),
        found,
        expected,
    }
}

/// The error for a file that is not understood.
fn unread(input: &Input, place: &str, (found, expected): Puzzle) -> FormatError {
    FormatError::Unrecognised {
        file: input.shown(),
        place: place.to_owned(),
        found,
        expected,
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Format> {
        let found = Format::ALL.iter().find(|format| format.name() == text);
        found.copied().ok_or_else(|| FormatError::Option {
            field: "format",
            value: text.to_owned(),
            expected: "tickloom, parquet, arrow, dbn, lean, binance-klines, binance-agg-trades, binance-trades, databento-csv, metatrader-ticks, kraken, kibot, book-levels, book-depth or csv",
        })
    }
}
