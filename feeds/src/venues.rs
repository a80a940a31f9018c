//! Venues whose captures can be read: one file each, all of the same shape.
//!
//! A decoder takes the bytes of one message and fills a [`batch::Batch`] with what it says, numbers as they are written; it
//! remembers only what a connection makes it remember. `survey` finds out from the batches which instruments there are
//! and at which scale all their numbers are exact; `desk` then makes records of them, through the same book sync as
//! live feeds. Deliberately not here: files and lines (`capture`), and live connections to these venues.

pub(crate) mod batch;
mod checked_book;
pub(crate) mod desk;
pub(crate) mod kind;
mod shape;
pub(crate) mod survey;

mod barter;
pub(crate) mod binance;
mod bitfinex;
mod bitmex;
mod bitstamp;
mod bybit;
mod coinbase;
mod deribit;
mod gemini;
mod hyperliquid;
mod kraken;
mod kraken_futures;
mod okx;

pub use kind::VenueKind;

use crate::decode_error::DecodeError;
use batch::{Batch, Book, Extent, SymbolId, What};
use shape::{Raw, Row};
use tickloom_types::{Side, Ts};

/// What a message is, as its venue calls it: the name under which it is counted.
pub(crate) type Name = &'static str;

/// One message as it was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// The address that was asked, of an answer to a REST request.
    pub(crate) url: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// The decoder of one connection.
#[derive(Debug)]
pub(crate) enum Decoder {
    Barter,
    Binance(binance::Decoder),
    Bitfinex(bitfinex::Decoder),
    Bitmex(bitmex::Decoder),
    Bitstamp,
    /// Of spot, or of derivatives.
    Bybit(bool),
    Coinbase(coinbase::Decoder),
    Deribit,
    Gemini,
    Hyperliquid(hyperliquid::Decoder),
    Kraken(kraken::Decoder),
    KrakenFutures,
    Okx,
}

impl Decoder {
    /// A decoder for a new connection to this venue.
    pub(crate) fn new(venue: VenueKind) -> Decoder {
        match venue {
            VenueKind::Barter => Decoder::Barter,
            VenueKind::Binance(venue) => Decoder::Binance(binance::Decoder::new(venue)),
            VenueKind::Bitfinex => Decoder::Bitfinex(bitfinex::Decoder::default()),
            VenueKind::Bitmex => Decoder::Bitmex(bitmex::Decoder::default()),
            VenueKind::Bitstamp => Decoder::Bitstamp,
            VenueKind::Bybit => Decoder::Bybit(false),
            VenueKind::BybitSpot => Decoder::Bybit(true),
            VenueKind::Coinbase => Decoder::Coinbase(coinbase::Decoder::default()),
            VenueKind::Deribit => Decoder::Deribit,
            VenueKind::Gemini => Decoder::Gemini,
            VenueKind::Hyperliquid => Decoder::Hyperliquid(hyperliquid::Decoder::default()),
            VenueKind::Kraken => Decoder::Kraken(kraken::Decoder::default()),
            VenueKind::KrakenFutures => Decoder::KrakenFutures,
            VenueKind::Okx => Decoder::Okx,
        }
    }

    /// Decodes one message into the batch, which is emptied before, and says what it was. One that carries no market data
    /// leaves the batch empty.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but a whole, well-formed, known message; then nothing in the batch may be used.
    pub(crate) fn decode(
        &mut self,
        frame: &Frame<'_>,
        batch: &mut Batch,
    ) -> Result<Name, DecodeError> {
        batch.clear();
        let body = frame.body;
        match (self, frame.url) {
            (Decoder::Binance(decoder), _) => decoder.decode(frame, batch),
            (Decoder::Bitstamp, _) => bitstamp::decode(frame, batch),
            (_, Some(_)) => other_reply(frame),
            (Decoder::Barter, None) => barter::decode(body, batch),
            (Decoder::Bitfinex(decoder), None) => decoder.decode(body, batch),
            (Decoder::Bitmex(decoder), None) => decoder.decode(body, batch),
            (Decoder::Bybit(is_spot), None) => bybit::decode(*is_spot, body, batch),
            (Decoder::Coinbase(decoder), None) => decoder.decode(body, batch),
            (Decoder::Deribit, None) => deribit::decode(body, batch),
            (Decoder::Gemini, None) => gemini::decode(body, batch),
            (Decoder::Hyperliquid(decoder), None) => decoder.decode(body, batch),
            (Decoder::Kraken(decoder), None) => decoder.decode(body, batch),
            (Decoder::KrakenFutures, None) => kraken_futures::decode(body, batch),
            (Decoder::Okx, None) => okx::decode(body, batch),
        }
    }
}

/// An answer by REST that is no book: lists of instruments, mostly. It has to be JSON all the same.
fn other_reply(frame: &Frame<'_>) -> Result<Name, DecodeError> {
    shape::parse::<Raw<'_>>(frame.body).map(|_| "reply by REST")
}

/// Numbers of the messages of one connection, each one above the one before.
#[derive(Debug, Default)]
struct ConnectionSeq {
    newest: Option<u64>,
}

impl ConnectionSeq {
    /// Takes the number of a message that is right, and tells the batch what is missing before it.
    fn follow(&mut self, seq: u64, batch: &mut Batch) {
        if let Some(newest) = self.newest
            && seq > newest.saturating_add(1)
        {
            batch.gap = Some((newest + 1, seq - 1));
        }
        self.newest = Some(seq);
    }
}

/// Adds levels of one side.
fn push_rows<'a>(
    side: Side,
    rows: impl Iterator<Item = (Raw<'a>, Raw<'a>)>,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    for (price, qty) in rows {
        batch.level(side, price.number("price")?, qty.number("size")?)?;
    }
    Ok(())
}

/// Adds levels of both sides, as `[price, size]`.
fn push_sides(
    bids: &[Row<'_, 2>],
    asks: &[Row<'_, 2>],
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    for (side, rows) in [(Side::Buy, bids), (Side::Sell, asks)] {
        push_rows(
            side,
            rows.iter().map(|Row([price, qty])| (*price, *qty)),
            batch,
        )?;
    }
    Ok(())
}

/// Adds a book without ids of all levels in the batch.
fn push_book(extent: Extent, symbol: SymbolId, ts: Option<Ts>, batch: &mut Batch) {
    let book = Book::unnumbered(extent, batch.levels_since(0));
    batch.push(symbol, ts, What::Book(book));
}

#[cfg(test)]
mod tests;
