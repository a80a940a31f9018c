//! Why a capture, or a line of one, cannot be read.

use crate::decode_error::DecodeError;
use crate::venues::VenueKind;
use thiserror::Error;
use tickloom_types::InstrumentError;

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
    /// It is packed, and ends within what is packed.
    #[error(
        "{file}: is packed and was cut off: {lines} lines ({byte} bytes once unpacked) can be read, and the rest is missing"
    )]
    Cut {
        /// Name of the file.
        file: String,
        /// Whole lines before the end.
        lines: u64,
        /// Bytes of them, unpacked.
        byte: u64,
    },
    /// No line says which venue it is from.
    #[error("{file}: no depthUpdate, bookTicker, trade or aggTrade message in its first lines")]
    NotACapture {
        /// Name of the file.
        file: String,
    },
    /// Neither its lines nor its messages are of a kind that is known.
    #[error(
        "{file}: begins with {start:?}, expected a capture (`NANOSECONDS MESSAGE`, or `SECONDS: MESSAGE` after a line \
         `wss://... <-> SECONDS`) or messages as JSON of Binance, Bitfinex, BitMEX, Bitstamp, Bybit, Coinbase, Deribit, \
         Gemini, Hyperliquid, Kraken or OKX"
    )]
    UnknownOrigin {
        /// Name of the file.
        file: String,
        /// Its beginning.
        start: String,
    },
    /// JSON, and of none of the kinds that are known.
    #[error(
        "{file}: JSON messages of no venue that is known: begins with {start:?}; those of Binance, Bitfinex, BitMEX, Bitstamp, Bybit, \
         Coinbase, Deribit, Gemini, Hyperliquid, Kraken and OKX are read, and of rows as JSON what `export` writes"
    )]
    UnknownMessages {
        /// Name of the file.
        file: String,
        /// Its beginning.
        start: String,
    },
    /// A recording of a venue that is not known, by the address in it.
    #[error(
        "{file}: line {line} is of {address}, which is the address of no venue that is known: Binance, Bitfinex, BitMEX, Bitstamp, \
         Bybit, Coinbase, Deribit, Gemini, Hyperliquid, Kraken and OKX are"
    )]
    UnknownVenue {
        /// Name of the file.
        file: String,
        /// Number of the line, from 1.
        line: u64,
        /// The address.
        address: String,
    },
    /// A recording of one of several venues of one company, whose messages are alike.
    #[error(
        "{file}: its messages are alike at {venues}, and no address and none of them says which it is: --venue does"
    )]
    UnclearVenue {
        /// Name of the file.
        file: String,
        /// The venues that it may be of.
        venues: String,
    },
    /// A recording of another venue than it was said to be.
    #[error("{file}: is of {found}, and not of {told} as --venue says")]
    ToldVenue {
        /// Name of the file.
        file: String,
        /// The venue that it is of.
        found: &'static str,
        /// The venue that was told.
        told: &'static str,
    },
    /// A recording of several venues.
    #[error(
        "{file}: line {line} is of {address}, which is not of {venue} as what is above it: a capture is of one venue, so cut it in two"
    )]
    OtherVenue {
        /// Name of the file.
        file: String,
        /// Number of the line, from 1.
        line: u64,
        /// The address.
        address: String,
        /// The venue of what is above.
        venue: &'static str,
    },
    /// An instrument that contradicts one that is already defined.
    #[error("{0}")]
    Instrument(#[from] InstrumentError),
}

/// What is wrong with one line.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum LineError {
    /// It does not begin with a time.
    #[error(
        "time is {value:?}, expected seconds, milliseconds, microseconds or nanoseconds since the epoch (10, 13, 16 or 19 digits) or a time with its zone (2024-08-08T23:54:15.03Z), and a space"
    )]
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
    /// It is none of the lines that a recorder writes.
    #[error(
        "line begins with {value:?}, expected `SECONDS: MESSAGE`, an address with <->, <- or ->, or `configuration:`"
    )]
    Shape {
        /// What stands there, at most 64 characters.
        value: String,
    },
    /// Its frame is wrong.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl LineError {
    /// The word for it in reports.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            LineError::Time { .. } => "line_time",
            LineError::TooLong { .. } => "line_too_long",
            LineError::Shape { .. } => "line_shape",
            LineError::Decode(error) => error.reason().name(),
        }
    }
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

impl CaptureError {
    /// Of messages that all of these send.
    pub(super) fn unclear(file: String, all: &[VenueKind]) -> CaptureError {
        let names: Vec<&str> = all.iter().map(|venue| venue.name()).collect();
        CaptureError::UnclearVenue {
            file,
            venues: names.join(" and "),
        }
    }
}
