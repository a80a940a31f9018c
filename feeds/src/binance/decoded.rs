//! What the decoder makes of frames.

use super::Channel;
use tickloom_types::{Header, InstrumentId, Record, Side};

/// A symbol that the decoder knows, and the scale of its mantissas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// As the venue writes it, in upper case.
    pub name: String,
    /// Identifier in the run.
    pub instrument: InstrumentId,
    /// Decimals of a price mantissa.
    pub price_decimals: u8,
    /// Decimals of a size mantissa.
    pub qty_decimals: u8,
}

/// One price level as it is now; size zero deletes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// `Buy` is the bid side.
    pub side: Side,
    /// Price mantissa, above zero.
    pub price: i64,
    /// Size mantissa, zero or above.
    pub qty: i64,
}

/// A diff or a snapshot of a book: levels and the update ids that they bring the book to.
#[derive(Clone, Copy, Debug)]
pub struct Depth<'a> {
    /// Times, instrument and source; of kind `Level`.
    pub header: Header,
    /// `U`, the first update id in it; for a snapshot the same as `last_id`.
    pub first_id: u64,
    /// `u`, the last update id in it, or `lastUpdateId`.
    pub last_id: u64,
    /// `pu`, the last update id of the diff before; futures only.
    pub previous_id: Option<u64>,
    /// Bids, then asks, in the order of the message.
    pub levels: &'a [Level],
}

/// The venue's answer to a request of ours, or what it says of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It did what we asked.
    Accepted,
    /// It refused; the beginning of the text as it was sent.
    Refused(String),
    /// It is about to end the connection, whatever was asked.
    Shutdown,
}

/// What a frame was.
#[derive(Debug)]
pub enum Decoded<'a> {
    /// A trade, and over which channel it came: single or aggregated.
    Trade(Record, Channel),
    /// A quote.
    Quote(Record),
    /// Changes of a book.
    Diff(Depth<'a>),
    /// A whole book.
    Snapshot(Depth<'a>),
    /// An answer.
    Reply(Reply),
}

impl Symbol {
    pub(super) fn scale(&self) -> (InstrumentId, (u8, u8)) {
        (self.instrument, (self.price_decimals, self.qty_decimals))
    }
}
