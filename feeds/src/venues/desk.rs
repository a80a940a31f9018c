//! The second of two readings of a capture: records at their instruments' scales, books through book sync.
//!
//! A message is taken whole or not at all: its numbers are brought to scale before anything of it is let out.

mod doubts;
mod once;
mod records;

use super::batch::{
    Batch, Book, ChannelId, Checksum, Extent, Number, Reach, SymbolId, What, WrittenLevel,
};
use super::checked_book::{CheckedBook, zeros};
use super::survey::{Choice, Scale};
use crate::binance::{Depth, Level};
use crate::book_sync::{BookSync, SequenceRule, SyncCounts};
use crate::decode_error::DecodeError;
use crate::latest::{LatestBars, LatestTrades};
use crate::limits;
use std::collections::{BTreeMap, BTreeSet};
use tickloom_types::{
    BarSpec, BookState, DecimalError, Header, Record, Sink, SourceId, Ts, format_decimal,
};

/// Where records of a venue come from.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) feed: SourceId,
    pub(crate) bars: Vec<(BarSpec, SourceId)>,
}

/// What a message made, for counting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) trades: u64,
    pub(crate) quotes: u64,
    pub(crate) diffs: u64,
    pub(crate) level_changes: u64,
    pub(crate) snapshots: u64,
    pub(crate) bars: u64,
    pub(crate) orders: u64,
    /// Books and trades that are of another channel than those of the instrument that are kept.
    pub(crate) others: u64,
    /// Trades and bars that came before.
    pub(crate) repeated: u64,
}

/// Which books a message that could not be read may have told of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Concern<'a> {
    /// Nobody can say.
    Any,
    /// Those of these symbols.
    Of(&'a [SymbolId]),
}

#[derive(Debug)]
struct Kept {
    sync: BookSync,
    /// The file that it comes from.
    file: usize,
    /// Whether it notices by itself that a change is missing.
    is_checked: bool,
    /// Of books with a checksum or a depth.
    checked: Option<CheckedBook>,
}

/// Makes records of the messages of one venue.
#[derive(Debug)]
pub(crate) struct Desk {
    sources: Sources,
    scales: Vec<Option<Scale>>,
    /// By symbol.
    books: Vec<Option<Kept>>,
    choice: Choice,
    /// Messages of books that are not kept, by symbol and channel.
    others: BTreeMap<(usize, ChannelId), u64>,
    /// The same of trades.
    other_trades: BTreeMap<(usize, ChannelId), u64>,
    /// The same of quotes.
    other_quotes: BTreeMap<(usize, ChannelId), u64>,
    /// What came lately, by symbol.
    trades: BTreeMap<usize, LatestTrades>,
    bars: BTreeMap<usize, LatestBars>,
    /// Parts of the message at hand that contradict what came before.
    pub(crate) refused: Vec<DecodeError>,
    /// Times that books were made to wait, as a message that may have told of them could not be read.
    doubted: u64,
    /// Files that say when a connection was opened: each of these gets books of its own.
    connected: BTreeSet<usize>,
    /// Whether snapshots are asked for, so that changes wait for them.
    is_asked: bool,
    venue_time: Option<Ts>,
    /// Of the message at hand: its levels at scale, and a record for each item that is no book.
    levels: Vec<Level>,
    records: Vec<Option<Record>>,
    counts: SyncCounts,
}

impl Desk {
    pub(crate) fn new(
        sources: Sources,
        scales: Vec<Option<Scale>>,
        choice: Choice,
        is_asked: bool,
    ) -> Desk {
        let mut books = Vec::new();
        books.resize_with(scales.len(), || None);
        Desk {
            sources,
            scales,
            books,
            choice,
            others: BTreeMap::new(),
            other_trades: BTreeMap::new(),
            other_quotes: BTreeMap::new(),
            trades: BTreeMap::new(),
            bars: BTreeMap::new(),
            refused: Vec::new(),
            doubted: 0,
            connected: BTreeSet::new(),
            is_asked,
            venue_time: None,
            levels: Vec::new(),
            records: Vec::new(),
            counts: SyncCounts::default(),
        }
    }

    /// The counts of all books together.
    pub(crate) fn counts(&self) -> SyncCounts {
        let mut sum = self.counts;
        for book in self.books.iter().flatten() {
            sum.add(book.sync.counts());
        }
        sum
    }

    /// The channel of each symbol's book, and the messages of books over others, by symbol and channel.
    pub(crate) fn channels(&self) -> (&Choice, &BTreeMap<(usize, ChannelId), u64>) {
        (&self.choice, &self.others)
    }

    /// The messages of trades over other channels than the one that is kept, by symbol and channel.
    pub(crate) fn other_trades(&self) -> &BTreeMap<(usize, ChannelId), u64> {
        &self.other_trades
    }

    /// The same of quotes.
    pub(crate) fn other_quotes(&self) -> &BTreeMap<(usize, ChannelId), u64> {
        &self.other_quotes
    }

    /// By symbol, changes of books that no snapshot joins, and the update id that they follow.
    pub(crate) fn unjoined(&self) -> impl Iterator<Item = (usize, (u64, u64))> {
        let books = self.books.iter().enumerate();
        books.filter_map(|(symbol, book)| Some((symbol, book.as_ref()?.sync.unjoined()?)))
    }

    /// Takes a message of a file that arrived at this time, or, if nobody noted that, when the venue sent it.
    ///
    /// # Errors
    /// [`DecodeError`] if a number does not fit its instrument's scale, or nobody says a time; nothing is let out then.
    pub(crate) fn take(
        &mut self,
        file: usize,
        batch: &Batch,
        ts_recv: Option<Ts>,
        sink: &mut impl Sink,
    ) -> Result<Made, DecodeError> {
        let ts_recv = batch.ts_recv.or(ts_recv);
        self.scale_levels(batch)?;
        self.records.clear();
        self.refused.clear();
        for item in &batch.items {
            let header = self.header(item, ts_recv)?;
            let record = self.record(item, header)?;
            self.records.push(record);
        }
        if let Some(gap) = batch.gap {
            self.lose_all(file, gap, ts_recv, sink);
        }
        let mut made = Made::default();
        for (at, item) in batch.items.iter().enumerate() {
            self.venue_time = item.ts.or(self.venue_time);
            match (&item.what, self.records[at]) {
                (_, Some(record)) => {
                    if self.is_to_be_kept(at, batch, &record, &mut made) {
                        made.count(&item.what);
                        sink.push(record);
                    }
                }
                (What::Book(book), None) if self.choice.is_top(item.symbol.0, book.channel) => {
                    if self.choice.of_quotes(item.symbol.0) != Some(book.channel) {
                        made.others += 1;
                        let of = (item.symbol.0, book.channel);
                        *self.other_quotes.entry(of).or_default() += 1;
                        continue;
                    }
                    let header = self.header(item, ts_recv)?;
                    made.quotes += 1;
                    sink.push(records::quote(
                        &self.levels[book.levels.clone()],
                        book,
                        header,
                    ));
                }
                (What::Book(book), None) if !self.is_the_book(item.symbol.0, book, batch) => {
                    made.others += 1;
                    *self
                        .others
                        .entry((item.symbol.0, book.channel))
                        .or_default() += 1;
                    if batch.channels.reach(book.channel) == Reach::Mixed {
                        // The messages of the symbol's book are among them.
                        let header = self.header(item, ts_recv)?;
                        self.wait(header, |at, _| at == item.symbol.0, sink);
                    }
                }
                (What::Book(book), None) => {
                    made.count(&item.what);
                    let header = self.header(item, ts_recv)?;
                    self.book((item.symbol.0, file), book, batch, header, sink);
                }
                _ => unreachable!("every item but a book has a record"),
            }
        }
        Ok(made)
    }

    /// Whether this is of the channel that is the symbol's book. What was asked for apart is of the one that tells all of a book.
    fn is_the_book(&self, symbol: usize, book: &Book, batch: &Batch) -> bool {
        let Some(chosen) = self.choice.of(symbol) else {
            return false;
        };
        match book.extent {
            Extent::Asked => batch.channels.reach(chosen) == Reach::All,
            Extent::Whole | Extent::Diff => chosen == book.channel,
        }
    }

    fn scale(&self, symbol: usize) -> Result<Scale, DecodeError> {
        let scale = self.scales.get(symbol).copied().flatten();
        scale.ok_or_else(|| DecodeError::UnknownSymbol {
            symbol: format!("number {symbol}"),
        })
    }

    fn scale_levels(&mut self, batch: &Batch) -> Result<(), DecodeError> {
        self.levels.clear();
        for item in &batch.items {
            let What::Book(book) = &item.what else {
                continue;
            };
            let scale = self.scale(item.symbol.0)?;
            for level in &batch.levels[book.levels.clone()] {
                self.levels.push(Level {
                    side: level.side,
                    price: at_scale("price", level.price, scale.price_decimals)?,
                    qty: at_scale("size", level.qty, scale.qty_decimals)?,
                });
            }
        }
        debug_assert_eq!(
            self.levels.len(),
            batch.levels.len(),
            "each level is of one book"
        );
        Ok(())
    }

    fn book(
        &mut self,
        (symbol, file): (usize, usize),
        book: &Book,
        batch: &Batch,
        header: Header,
        sink: &mut impl Sink,
    ) {
        let kept = self.books[symbol].get_or_insert_with(|| Kept {
            sync: BookSync::new(book.rule),
            file,
            is_checked: false,
            checked: (book.checksum.is_some() || book.depth > 0).then(CheckedBook::default),
        });
        let is_of_another = kept.file != file && self.connected.contains(&file);
        if is_of_another && book.extent == Extent::Diff && book.rule == SequenceRule::Unnumbered {
            // It changes the book of its own connection, and nothing tells how that stands to this one.
            kept.sync.skip();
            return;
        }
        if book.extent != Extent::Asked {
            kept.file = file;
            let told = book.checksum.is_some_and(Checksum::is_told);
            kept.is_checked = book.rule.can_tell_a_gap() || told;
        }
        let is_live = kept.sync.state() == BookState::Live;
        if book.extent == Extent::Diff && !is_live && !self.is_asked {
            kept.sync.skip();
            return;
        }
        let mut levels = self.levels[book.levels.clone()].to_vec();
        let mut is_right = true;
        if let Some(checked) = &mut kept.checked {
            let written = &batch.levels[book.levels.clone()];
            check(checked, book, written, &mut levels);
            let told = book.checksum.filter(|told| told.is_told());
            is_right = told.is_none_or(|told| checked.is_right(told));
            self.counts.checksums += u64::from(told.is_some());
            if self.counts.zeros_written == 0 {
                self.counts.zeros_written = zeros(written);
            }
            self.counts.checksums_untold += u64::from(told.is_none() && book.checksum.is_some());
        }
        self.counts.checksums_wrong += u64::from(!is_right);
        if book.extent == Extent::Whole {
            levels.retain(|level| level.qty > 0);
        }
        let depth = Depth {
            header,
            first_id: book.ids.0,
            last_id: book.ids.1,
            previous_id: book.previous_id,
            levels: &levels,
        };
        match book.extent {
            Extent::Whole => kept.sync.replace(&depth, sink),
            Extent::Asked => kept.sync.snapshot(&depth, sink),
            Extent::Diff if is_right => kept.sync.diff(&depth, sink),
            Extent::Diff => {}
        }
        if !is_right {
            kept.sync.restart(header, sink);
        }
    }
}

impl Made {
    /// Whether nothing came of the message but what is not kept.
    pub(crate) fn is_nothing_else(self) -> bool {
        let kept = self.trades + self.quotes + self.diffs + self.snapshots + self.repeated;
        kept + self.bars + self.orders == 0
    }

    fn count(&mut self, what: &What) {
        match what {
            What::Trade { .. } => self.trades += 1,
            What::Quote { .. } => self.quotes += 1,
            What::Bar { .. } => self.bars += 1,
            What::Order { .. } => self.orders += 1,
            What::Book(book) if book.extent == Extent::Diff => {
                self.diffs += 1;
                self.level_changes += book.levels.len() as u64;
            }
            What::Book(_) => self.snapshots += 1,
        }
    }
}

/// Takes a change, or a whole book, into the book that is checked. What has left the venue's depth by it is deleted with it.
fn check(
    checked: &mut CheckedBook,
    book: &Book,
    written: &[WrittenLevel],
    levels: &mut Vec<Level>,
) {
    if book.extent == Extent::Whole {
        checked.clear();
    }
    for (level, written) in levels.iter().zip(written) {
        checked.set(level.price, written);
    }
    let depth = match book.depth {
        0 => limits::LEVELS_MAX,
        depth => depth,
    };
    checked.cut(depth, |side, price| {
        levels.retain(|level| (level.side, level.price) != (side, price));
        levels.push(Level {
            side,
            price,
            qty: 0,
        });
    });
}

/// A number at these decimals.
///
/// # Errors
/// [`DecodeError::Decimal`] if it does not fit.
pub(crate) fn at_scale(
    field: &'static str,
    number: Number,
    decimals: u8,
) -> Result<i64, DecodeError> {
    number.at(decimals).ok_or_else(|| DecodeError::Decimal {
        field,
        value: format_decimal(i128::from(number.mantissa), number.decimals),
        cause: DecimalError::Overflow,
    })
}
