//! Capture files: lines of `<ns of arrival> <frame>`, plain or gzip, read as a stream.
//!
//! [`decode_captures`] sends them through the same decoder and book sync as a live connection. A line that is wrong is
//! reported with its place and cause and counted; it is never repaired or silently dropped.

use crate::binance::{DecodeError, Symbol, Untimed, Venue};
use crate::book_sync::SyncCounts;
use crate::intake::{Intake, Taken};
use crate::json;
use crate::limits;
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use thiserror::Error;
use tickloom_types::{
    InstrumentDef, InstrumentError, Instruments, Record, Sink, SourceDef, SourceKind, Ts,
};

/// Lines that are looked at to find out venue and symbols.
const SNIFF_LINES: u64 = 10_000;

/// Bad lines that are reported in full; further ones are counted.
const BAD_LINES_KEPT: usize = 1_000;

/// Where a capture comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureSource {
    /// A file, plain or gzip.
    File(PathBuf),
    /// Bytes that are part of the program, plain or gzip, with a name for messages.
    Bytes(&'static str, &'static [u8]),
}

/// Why a capture could not be read at all.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// Opening or reading failed.
    #[error("{file}: {cause}")]
    Io {
        /// Name of the file.
        file: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// No line says which venue it is from.
    #[error("{file}: no depthUpdate, bookTicker, trade or aggTrade message in its first lines")]
    NotACapture {
        /// Name of the file.
        file: String,
    },
    /// An instrument that contradicts one that is already defined.
    #[error("{0}")]
    Instrument(#[from] InstrumentError),
}

/// What is wrong with one line.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum LineError {
    /// It does not begin with a time.
    #[error("time is {value:?}, expected nanoseconds since the epoch and a space")]
    Time {
        /// What stands there, at most 32 characters.
        value: String,
    },
    /// It is longer than any message.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// Its frame is wrong.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// A line that is wrong, and where it is.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{file}: line {line} (byte {byte}): {cause}")]
pub struct BadLine {
    /// Name of the file.
    pub file: String,
    /// Number of the line, from 1.
    pub line: u64,
    /// Offset of the line in the (unpacked) file.
    pub byte: u64,
    /// What is wrong.
    pub cause: LineError,
}

/// One line: when the frame arrived, and the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureLine<'a> {
    /// Number of the line, from 1.
    pub number: u64,
    /// Offset of the line in the (unpacked) file.
    pub byte: u64,
    /// When the frame arrived at the recorder.
    pub ts_recv: Ts,
    /// The frame as it was sent.
    pub frame: &'a [u8],
}

/// Reads the lines of one capture in order; holds one line at a time.
pub struct CaptureReader {
    file: String,
    reader: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    number: u64,
    byte: u64,
}

impl CaptureSource {
    /// Its name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            CaptureSource::File(path) => path.display().to_string(),
            CaptureSource::Bytes(name, _) => (*name).to_owned(),
        }
    }

    /// Opens it at its first line.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if it cannot be opened.
    pub fn open(&self) -> Result<CaptureReader, CaptureError> {
        match self {
            CaptureSource::File(path) => {
                let file = File::open(path).map_err(|cause| CaptureError::Io {
                    file: self.name(),
                    cause,
                })?;
                CaptureReader::new(self.name(), file)
            }
            CaptureSource::Bytes(name, bytes) => CaptureReader::new((*name).to_owned(), *bytes),
        }
    }
}

impl CaptureReader {
    /// Reads from anything; gzip is recognised by its first bytes.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if the first bytes cannot be read.
    pub fn new(
        file: String,
        reader: impl Read + Send + 'static,
    ) -> Result<CaptureReader, CaptureError> {
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let is_gzip = match reader.fill_buf() {
            Ok(start) => start.starts_with(&[0x1f, 0x8b]),
            Err(cause) => return Err(CaptureError::Io { file, cause }),
        };
        let reader: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::with_capacity(
                1 << 16,
                MultiGzDecoder::new(reader),
            ))
        } else {
            Box::new(reader)
        };
        Ok(CaptureReader {
            file,
            reader,
            line: Vec::new(),
            number: 0,
            byte: 0,
        })
    }

    /// The next line that is not blank, or `None` at the end. After a `BadLine` reading may go on.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if reading fails, such as in a gzip file that was cut off: nothing more can be read.
    pub fn next_line(&mut self) -> Result<Option<Result<CaptureLine<'_>, BadLine>>, CaptureError> {
        loop {
            let byte = self.byte;
            let length = self.read_line().map_err(|cause| CaptureError::Io {
                file: self.file.clone(),
                cause,
            })?;
            if length == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.byte += length;
            if self.line.is_empty() && length <= 2 {
                continue;
            }
            let parsed = parse_line(&self.line, length);
            return Ok(Some(match parsed {
                Ok((ts_recv, frame)) => Ok(CaptureLine {
                    number: self.number,
                    byte,
                    ts_recv,
                    frame,
                }),
                Err(cause) => Err(BadLine {
                    file: self.file.clone(),
                    line: self.number,
                    byte,
                    cause,
                }),
            }));
        }
    }

    /// Reads a line into `self.line` without its end, and returns how long it was; of a line that is too long only the length is kept.
    fn read_line(&mut self) -> std::io::Result<u64> {
        self.line.clear();
        let mut length = 0_u64;
        loop {
            let part = self.reader.fill_buf()?;
            if part.is_empty() {
                break;
            }
            let end = part.iter().position(|&b| b == b'\n');
            let used = end.map_or(part.len(), |at| at + 1);
            let wanted = end.unwrap_or(used);
            if self.line.len() + wanted <= limits::LINE_BYTES_MAX {
                self.line.extend_from_slice(&part[..wanted]);
            }
            length += used as u64;
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(length)
    }
}

fn parse_line(line: &[u8], length: u64) -> Result<(Ts, &[u8]), LineError> {
    if length > limits::LINE_BYTES_MAX as u64 {
        let limit = limits::LINE_BYTES_MAX;
        return Err(LineError::TooLong { limit });
    }
    let space = line.iter().position(|&b| b == b' ');
    let (time, frame) = match space {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &line[line.len()..]),
    };
    let ts = std::str::from_utf8(time)
        .ok()
        .filter(|text| space.is_some() && text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok());
    match ts {
        Some(ns) => Ok((Ts(ns), frame)),
        None => Err(LineError::Time {
            value: String::from_utf8_lossy(&time[..time.len().min(32)]).into_owned(),
        }),
    }
}

/// Which venue a capture is from and which symbols are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// The venue.
    pub venue: Venue,
    /// Symbols in the order in which they appear.
    pub symbols: Vec<String>,
}

/// The fields by which the venues differ.
#[derive(Deserialize)]
struct SniffFrame<'a> {
    #[serde(borrow)]
    data: Option<SniffMessage<'a>>,
}

#[derive(Deserialize)]
struct SniffMessage<'a> {
    #[serde(borrow)]
    s: Option<&'a str>,
    #[serde(borrow)]
    ps: Option<&'a str>,
    #[serde(borrow)]
    pu: Option<sonic_rs::LazyValue<'a>>,
    #[serde(borrow)]
    e: Option<&'a str>,
    #[serde(borrow, rename = "X")]
    order_type: Option<sonic_rs::LazyValue<'a>>,
}

impl SniffMessage<'_> {
    /// `ps` is the pair of a coin-margined contract; `pu` in depth, `e` in quotes and `X` in trades are of futures.
    fn venue(&self) -> Venue {
        if self.ps.is_some() {
            return Venue::Cm;
        }
        let is_futures = match self.e {
            Some("depthUpdate") => self.pu.is_some(),
            Some("bookTicker") => true,
            _ => self.order_type.is_some(),
        };
        if is_futures { Venue::Usdm } else { Venue::Spot }
    }
}

/// Finds out venue and symbols from the first 10,000 lines. A depth message decides for sure, and ends the doubt about the venue.
///
/// # Errors
/// [`CaptureError`] if it cannot be read or holds no message that we know.
pub fn sniff_capture(source: &CaptureSource) -> Result<Sniffed, CaptureError> {
    let mut reader = source.open()?;
    let mut symbols: Vec<String> = Vec::new();
    let mut venue = None;
    let mut is_sure = false;
    while reader.number < SNIFF_LINES
        && let Some(line) = reader.next_line()?
    {
        let Ok(line) = line else { continue };
        let frame: SniffFrame<'_> = match json::parse(line.frame) {
            Ok(frame) => frame,
            Err(_) => continue,
        };
        let message: SniffMessage<'_> = match frame.data {
            Some(message) => message,
            None => match json::parse(line.frame) {
                Ok(message) => message,
                Err(_) => continue,
            },
        };
        let Some(symbol) = message.s else { continue };
        if !symbols.iter().any(|known| known == symbol) && symbols.len() < limits::SYMBOLS_MAX {
            symbols.push(symbol.to_owned());
        }
        let decides = message.ps.is_some() || message.e == Some("depthUpdate");
        if venue.is_none() || decides && !is_sure {
            venue = Some(message.venue());
            is_sure = decides;
        }
    }
    match venue {
        Some(venue) => Ok(Sniffed { venue, symbols }),
        None => Err(CaptureError::NotACapture {
            file: source.name(),
        }),
    }
}

/// What captures hold and how they are to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureConfig {
    /// The venue; found out from the first capture if not given.
    pub venue: Option<Venue>,
    /// The symbols; found out from all captures if empty.
    pub symbols: Vec<String>,
    /// Definitions of instruments that differ from eight decimals of price and size.
    pub definitions: Vec<InstrumentDef>,
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
    /// Lines that are wrong.
    pub bad: u64,
    /// The first thousand of them.
    pub bad_lines: Vec<BadLine>,
    /// What the books went through.
    pub sync: SyncCounts,
}

struct Counted<'a, S> {
    sink: &'a mut S,
    count: u64,
}

impl<S: Sink> Sink for Counted<'_, S> {
    fn push(&mut self, record: Record) {
        self.count += 1;
        self.sink.push(record);
    }
}

/// Decodes captures of one venue, in this order, into the sink. Books go on from one to the next.
///
/// # Errors
/// [`CaptureError`] if a capture cannot be read, is none, or an instrument is already defined differently.
pub fn decode_captures(
    sources: &[CaptureSource],
    config: &CaptureConfig,
    instruments: &mut Instruments,
    sink: &mut impl Sink,
) -> Result<CaptureReport, CaptureError> {
    let (venue, symbols) = resolve(sources, config, instruments)?;
    let source = instruments.add_source(SourceDef {
        name: venue.name().to_owned(),
        kind: SourceKind::Feed,
    })?;
    let mut intake = Intake::new(venue, source, symbols, Untimed::Refuse);
    let mut sink = Counted { sink, count: 0 };
    let mut report = CaptureReport::default();
    for capture in sources {
        let mut reader = capture.open()?;
        while let Some(line) = reader.next_line()? {
            report.lines += 1;
            let bad = match line {
                Err(bad) => bad,
                Ok(line) => match intake.frame(line.ts_recv, line.frame, &mut sink) {
                    Ok((taken, _)) => {
                        report.count(&taken);
                        continue;
                    }
                    Err(error) => {
                        intake.report_bad(source, line.ts_recv, line.number, &error, &mut sink);
                        BadLine {
                            file: capture.name(),
                            line: line.number,
                            byte: line.byte,
                            cause: LineError::Decode(error),
                        }
                    }
                },
            };
            report.bad += 1;
            if report.bad_lines.len() < BAD_LINES_KEPT {
                report.bad_lines.push(bad);
            }
        }
    }
    report.sync = intake.counts();
    report.records = sink.count;
    Ok(report)
}

impl CaptureReport {
    fn count(&mut self, taken: &Taken) {
        match taken {
            Taken::Trade => self.trades += 1,
            Taken::Quote => self.quotes += 1,
            Taken::Diff(levels) => {
                self.diffs += 1;
                self.level_changes += *levels as u64;
            }
            Taken::Snapshot(_) => self.snapshots += 1,
            Taken::Reply(_) => self.replies += 1,
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
            venue = venue.or(Some(sniffed.venue));
            for symbol in sniffed.symbols {
                if config.symbols.is_empty() && !names.contains(&symbol) {
                    names.push(symbol);
                }
            }
        }
    }
    let venue = venue.ok_or_else(|| CaptureError::NotACapture {
        file: "no file".to_owned(),
    })?;
    let symbols = venue.define_symbols(&names, &config.definitions, instruments)?;
    Ok((venue, symbols))
}

#[cfg(test)]
mod tests;
