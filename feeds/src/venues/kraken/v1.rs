//! Kraken, version 1: arrays whose shape is told by the name of their channel.

use crate::decode_error::DecodeError;
use crate::limits;
use crate::venues::batch::{Batch, Book, Checksum, Extent, Reach, SymbolId, What};
use crate::venues::shape::{Many, Raw, Row, need, unknown, wrong};
use crate::venues::{Name, push_rows};
use serde::Deserialize;
use tickloom_types::Side;

const KNOWN: &str =
    "[channel, ..., name, pair] with the name trade, ticker, spread, book-N or ohlc-N";

/// Sides of a book of version 1: `as` and `bs` are a snapshot, `a` and `b` changes.
#[derive(Deserialize)]
struct Sides<'a> {
    #[serde(borrow, rename = "as")]
    all_asks: Option<Many<Row<'a, 3>>>,
    #[serde(borrow, rename = "bs")]
    all_bids: Option<Many<Row<'a, 3>>>,
    #[serde(borrow, rename = "a")]
    asks: Option<Many<Row<'a, 3>>>,
    #[serde(borrow, rename = "b")]
    bids: Option<Many<Row<'a, 3>>>,
    #[serde(borrow, rename = "c")]
    checksum: Option<Raw<'a>>,
}

/// A ticker of version 1: price, whole lots, lots.
#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow, rename = "a")]
    ask: Row<'a, 3>,
    #[serde(borrow, rename = "b")]
    bid: Row<'a, 3>,
}

/// `[channel id, payload, ..., channel name, pair]`.
pub(super) fn decode(message: &[Raw<'_>], batch: &mut Batch) -> Result<Name, DecodeError> {
    let [_, payload @ .., name, pair] = message else {
        return Err(unknown("a short list", KNOWN));
    };
    let symbol = batch.symbol(pair.text())?;
    if !name.text().starts_with("book-") {
        batch.no_book();
    }
    let first = need("payload", payload.first().copied())?;
    match name.text() {
        "trade" => {
            // They have no numbers, which those of version 2 have.
            batch.trades_over("trade of version 1", Reach::Grouped(0))?;
            for Row([price, qty, time, side]) in &first.parse::<Many<Row<'_, 4>>>()?.0 {
                let numbers = (price.number("price")?, qty.number("volume")?);
                let ts = time.seconds("time")?;
                batch.trade(symbol, Some(ts), numbers, 0, Some(side.side("side")?))?;
            }
            Ok("trade")
        }
        "ticker" => {
            let Top { ask, bid } = first.parse()?;
            let pair = |Row([price, _, lots]): Row<'_, 3>| {
                Ok::<_, DecodeError>((price.number("price")?, lots.number("volume")?))
            };
            batch.quotes_over("ticker of version 1", Reach::Grouped(0))?;
            batch.quote(symbol, None, pair(bid)?, pair(ask)?, 0)?;
            Ok("ticker")
        }
        "spread" => {
            let Row([bid, ask, time, bid_qty, ask_qty]) = first.parse::<Row<'_, 5>>()?;
            let bid = (bid.number("bid")?, bid_qty.number("bidVolume")?);
            let ask = (ask.number("ask")?, ask_qty.number("askVolume")?);
            batch.quotes_over("spread", Reach::All)?;
            batch.quote(symbol, Some(time.seconds("timestamp")?), bid, ask, 0)?;
            Ok("spread")
        }
        name if name.starts_with("ohlc") => Ok("ohlc, not marked as closed"),
        name => match name.strip_prefix("book-").map(str::parse) {
            Some(Ok(depth)) => book(symbol, depth, payload, batch),
            _ => Err(unknown(name, KNOWN)),
        },
    }
}

fn book(
    symbol: SymbolId,
    depth: usize,
    payload: &[Raw<'_>],
    batch: &mut Batch,
) -> Result<Name, DecodeError> {
    let mut extent = Extent::Diff;
    let mut newest = None;
    let mut checksum = None;
    for part in payload {
        let part: Sides<'_> = part.parse()?;
        if part.all_asks.is_some() || part.all_bids.is_some() {
            extent = Extent::Whole;
        }
        if let Some(told) = part.checksum {
            let value = u32::try_from(told.integer("c")?);
            let value = value.map_err(|_| wrong("c", told.text(), "a checksum of 32 bits"))?;
            checksum = Some(Checksum::Kraken(value));
        }
        let sides = [
            (Side::Buy, part.all_bids),
            (Side::Buy, part.bids),
            (Side::Sell, part.all_asks),
            (Side::Sell, part.asks),
        ];
        for (side, rows) in sides {
            let rows = rows.unwrap_or_default();
            push_rows(
                side,
                rows.0.iter().map(|Row([price, qty, _])| (*price, *qty)),
                batch,
            )?;
            for Row([_, _, time]) in &rows.0 {
                newest = newest.max(Some(time.seconds("timestamp")?));
            }
        }
    }
    let channel = batch.channel(&format!("book-{depth}"), Reach::Levels(depth))?;
    let mut book = Book::unnumbered(extent, batch.levels_since(0)).over(channel);
    book.checksum = checksum;
    book.depth = depth.clamp(1, limits::LEVELS_MAX);
    batch.push(symbol, newest, What::Book(book));
    Ok(match extent {
        Extent::Diff => "book update",
        _ => "book snapshot",
    })
}
