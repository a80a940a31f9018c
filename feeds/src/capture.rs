//! Capture files: messages of venues as somebody recorded them, plain, gzip or zstd, read as a stream.
//!
//! [`decode_captures`] sends our own, lines of `<ns of arrival> <frame>`, through the same decoder and book sync as a live
//! connection. [`Recording`] reads those of other recorders too: [`Origin::of`] finds out what a file is. A line
//! that is wrong is reported with its place and cause and counted; it is never repaired or silently dropped.

mod again;
mod begin;
mod error;
mod klines;
mod line;
mod merge;
mod object;
mod origin;
mod reader;
mod recording;
mod sniff;
mod streams;
mod take;
mod times;
mod together;

pub use begin::Unjoined;
pub use error::{BadLine, CaptureError, LineError};
pub use origin::{Origin, Recorder};
pub use reader::{CaptureLine, CaptureReader, CaptureSource, Unpacked};
pub use recording::Recording;
pub use sniff::{Sniffed, sniff_capture};
pub use together::recordings;

use crate::binance::{Symbol, Untimed, Venue};
use crate::book_sync::SyncCounts;
use crate::intake::{Intake, Taken};
use crate::moment::push_moments;
use crate::venues::VenueKind;
use again::{Line as Seen, LinesSeen};
use klines::Klines;
use std::collections::BTreeMap;
use streams::{Other, Tops};
use take::{Took, take};
use tickloom_types::{
    BookEnd, InstrumentDef, InstrumentId, Instruments, MomentSink, Record, Sink, SourceDef,
    SourceKind,
};

/// Bad lines that are reported in full; further ones are counted.
const BAD_LINES_KEPT: usize = 1_000;

/// What captures hold and how they are to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureConfig {
    /// The venue; found out from the first capture if not given.
    pub venue: Option<Venue>,
    /// The symbols; found out from all captures if empty.
    pub symbols: Vec<String>,
    /// Definitions of instruments that differ from eight decimals of price and size.
    pub definitions: Vec<InstrumentDef>,
    /// Where books stood at the ends of other captures: those that go on there need no snapshot.
    pub after: Vec<BookEnd>,
}

/// What was in the captures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureReport {
    /// Lines that are not blank.
    pub lines: u64,
    /// Trades, plain or aggregated.
    pub trades: u64,
    /// Best bids and asks.
    pub quotes: u64,
    /// Depth messages.
    pub diffs: u64,
    /// Level changes in them.
    pub level_changes: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Replies to requests.
    pub replies: u64,
    /// Records that went into the sink, status records among them.
    pub records: u64,
    /// Trades and quotes with numbers, and bars, that came before in it, and count once.
    pub repeated: u64,
    /// Lines that are there a second time, byte for byte, with a time that is behind or in another file: they count once.
    pub lines_again: u64,
    /// Lines with a time so far behind that nobody knows whether they are there a second time: they count.
    pub lines_perhaps: u64,
    /// Lines that are wrong.
    pub bad: u64,
    /// The first thousand of them.
    pub bad_lines: Vec<BadLine>,
    /// What the books went through.
    pub sync: SyncCounts,
    /// Times of the venue that were far from the recording's own course, and not used.
    pub bad_times: u64,
    /// Bars.
    pub bars: u64,
    /// Changes of single orders.
    pub orders: u64,
    /// Messages with market data by kind, as the venue calls it; of captures that are read as a [`Recording`].
    pub messages: BTreeMap<&'static str, u64>,
    /// Messages without market data and lines that are no messages, by kind.
    pub no_market_data: BTreeMap<&'static str, u64>,
    /// Lines that are wrong, by reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Messages of books and trades that are not kept, as another channel of the same symbol is its book or tells its trades, by
    /// both channels and symbol.
    pub other_books: BTreeMap<String, u64>,
    /// Times that a book waited for its next snapshot, as a line that may have told of it could not be read and the venue numbers no
    /// changes.
    pub books_doubted: u64,
    /// Where the books stand that are whole at the end; of captures of ours.
    pub ends: Vec<BookEnd>,
    /// Changes of books that no snapshot joins, at the end.
    pub unjoined: Vec<Unjoined>,
}

/// Collects the records of a line, which are one moment, and hands them over.
struct Moments<'a, S> {
    sink: &'a mut S,
    records: Vec<Record>,
    count: u64,
}

impl<S: MomentSink> Moments<'_, S> {
    fn new(sink: &mut S) -> Moments<'_, S> {
        Moments {
            sink,
            records: Vec::new(),
            count: 0,
        }
    }

    /// The line is over.
    fn end(&mut self) {
        if self.records.is_empty() {
            return;
        }
        self.count += self.records.len() as u64;
        push_moments(&mut self.records, self.sink);
        self.records.clear();
    }
}

impl<S> Sink for Moments<'_, S> {
    fn push(&mut self, record: Record) {
        self.records.push(record);
    }
}

/// Decodes captures of one venue, in this order, into the sink; each line is one moment. Books go on from one to the next. A
/// snapshot that does not say its symbol is that of its file's, if the file has only one. Times that cannot be are not used, by
/// the same course of times and arrivals as live, and told once a capture.
///
/// # Errors
/// [`CaptureError`] if a capture cannot be read, is none, or an instrument is already defined differently.
pub fn decode_captures(
    sources: &[CaptureSource],
    config: &CaptureConfig,
    instruments: &mut Instruments,
    sink: &mut impl MomentSink,
) -> Result<CaptureReport, CaptureError> {
    let (venue, symbols) = resolve(sources, config, instruments)?;
    let source = instruments.add_source(SourceDef::new(venue.name(), SourceKind::Feed))?;
    let mut intake = Intake::new(venue, source, symbols, Untimed::Refuse);
    intake.decoder.watch_markets();
    times::learn(sources, &mut intake)?;
    let mut klines = Klines::find(sources, instruments)?;
    let tops = Tops::find(sources, intake.decoder.symbols())?;
    for (instrument, channel) in tops.trades() {
        intake.keep_trades(instrument, channel);
    }
    let mut moments = Moments::new(sink);
    let mut report = CaptureReport::default();
    let mut books = Some(begin::books(sources, venue, intake.decoder.symbols())?);
    let mut seen = LinesSeen::default();
    for (file, capture) in sources.iter().enumerate() {
        let only = only_symbol(capture, &intake)?;
        let mut reader = capture.open()?;
        let mut is_bad_time_told = false;
        while let Some(line) = reader.next_line()? {
            report.lines += 1;
            if let Ok(line) = &line
                && report.is_again(seen.take((file, false), Some(line.ts_recv), line.text))
            {
                continue;
            }
            if let (Ok(line), Some(books)) = (&line, books.take_if(|_| line.is_ok())) {
                let after = begin::after(&config.after, venue, instruments, &books);
                begin::begin(&mut intake, &books, &after, line.ts_recv, &mut moments);
                begin::restart(&mut intake, tops.instruments(), line.ts_recv, &mut moments);
            }
            let bad = match line {
                Err(bad) => bad,
                Ok(line) => match take(
                    (&mut intake, &mut klines),
                    &line,
                    (&tops, only),
                    &mut moments,
                ) {
                    Ok(took) => {
                        if let Some(bad) = intake.decoder.take_bad_time() {
                            report.bad_times += 1;
                            if !std::mem::replace(&mut is_bad_time_told, true) {
                                let header =
                                    intake.status_header(bad.instrument, source, line.ts_recv);
                                moments.push(bad.status().record(header));
                            }
                        }
                        moments.end();
                        report.count(took);
                        continue;
                    }
                    Err(error) => {
                        intake.report_bad(source, line.ts_recv, line.number, &error, &mut moments);
                        moments.end();
                        BadLine {
                            file: capture.name(),
                            line: line.number,
                            byte: line.byte,
                            cause: LineError::Decode(error),
                        }
                    }
                },
            };
            report.count_bad(bad);
        }
    }
    (report.ends, report.unjoined) = begin::ends(&intake, (venue, &tops), instruments);
    report.sync = intake.counts();
    report.records = moments.count;
    Ok(report)
}

/// The instrument of all messages of a capture that say one, if they are of one.
fn only_symbol(
    capture: &CaptureSource,
    intake: &Intake,
) -> Result<Option<InstrumentId>, CaptureError> {
    if intake.decoder.symbols().len() < 2 {
        return Ok(None);
    }
    let only = sniff::only_symbol(capture)?;
    let found = intake
        .decoder
        .symbols()
        .iter()
        .find(|symbol| Some(&symbol.name) == only.as_ref());
    Ok(found.map(|symbol| symbol.instrument))
}

impl CaptureReport {
    /// Counts a line that may be there a second time. Says whether it is.
    fn is_again(&mut self, seen: Seen) -> bool {
        self.lines_again += u64::from(seen == Seen::Again);
        self.lines_perhaps += u64::from(seen == Seen::Perhaps);
        seen == Seen::Again
    }

    fn count_bad(&mut self, bad: BadLine) {
        self.bad += 1;
        *self.reasons.entry(bad.cause.reason()).or_default() += 1;
        if self.bad_lines.len() < BAD_LINES_KEPT {
            self.bad_lines.push(bad);
        }
    }

    fn count_other(&mut self, other: Other) {
        let count = match other {
            Other::Book(book) => self.other_books.entry(book).or_default(),
            Other::Stream(name) => self.no_market_data.entry(name).or_default(),
        };
        *count += 1;
    }

    fn count(&mut self, took: Took) {
        let taken = match took {
            Took::Known(taken) => taken,
            Took::Bar => {
                self.bars += 1;
                return;
            }
            Took::Other(other) => return self.count_other(other),
        };
        match taken {
            Taken::Trade => self.trades += 1,
            Taken::Quote => self.quotes += 1,
            Taken::Diff(levels) => {
                self.diffs += 1;
                self.level_changes += levels as u64;
            }
            Taken::Snapshot(_) => self.snapshots += 1,
            Taken::Reply(_) => self.replies += 1,
            Taken::Repeated => self.repeated += 1,
            // It is counted by its name.
            Taken::OtherTrade { .. } => {}
        }
    }
}

fn resolve(
    sources: &[CaptureSource],
    config: &CaptureConfig,
    instruments: &mut Instruments,
) -> Result<(Venue, Vec<Symbol>), CaptureError> {
    let mut venue = config.venue;
    let mut names = config.symbols.clone();
    if venue.is_none() || names.is_empty() {
        for source in sources {
            let sniffed = sniff_capture(source)?;
            venue = venue.or(sniffed.venue);
            for symbol in sniffed.symbols {
                if config.symbols.is_empty() && !names.contains(&symbol) {
                    names.push(symbol);
                }
            }
        }
    }
    let venue = venue.ok_or_else(|| match sources.first() {
        Some(source) => CaptureError::unclear(source.name(), VenueKind::OF_BINANCE),
        None => CaptureError::NotACapture {
            file: "no file".to_owned(),
        },
    })?;
    let symbols = venue.define_symbols(&names, &config.definitions, instruments)?;
    Ok((venue, symbols))
}

#[cfg(test)]
mod tests;
