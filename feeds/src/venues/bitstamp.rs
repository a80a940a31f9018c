//! Bitstamp. Changes of a book carry the time of the matching engine in microseconds, which orders them and joins them
//! to the REST snapshot; what is missing between them cannot be told.

use super::batch::{Batch, Book, Extent, Reach, SymbolId, What};
use super::shape::{Many, Raw, Row, need, parse, unknown, wrong};
use super::{Frame, Name, push_sides};
use crate::book_sync::SequenceRule;
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::Side;

const KNOWN: &str =
    "channel diff_order_book, order_book or live_trades and event data, trade or bts:...";

/// Levels a side of the channel `order_book`.
const TOP: usize = 100;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: &'a str,
    #[serde(borrow)]
    channel: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Levels<'a> {
    #[serde(borrow)]
    microtimestamp: Raw<'a>,
    #[serde(borrow)]
    bids: Many<Row<'a, 2>>,
    #[serde(borrow)]
    asks: Many<Row<'a, 2>>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    id: u64,
    #[serde(borrow)]
    price_str: Raw<'a>,
    #[serde(borrow)]
    amount_str: Raw<'a>,
    #[serde(rename = "type")]
    kind: u8,
    #[serde(borrow)]
    microtimestamp: Raw<'a>,
}

pub(super) fn decode(frame: &Frame<'_>, batch: &mut Batch) -> Result<Name, DecodeError> {
    if let Some(url) = frame.url {
        let path = url.split('?').next().unwrap_or_default();
        let Some((_, pair)) = path.trim_end_matches('/').split_once("/order_book/") else {
            return super::other_reply(frame);
        };
        let symbol = batch.symbol(pair)?;
        levels(symbol, Extent::Asked, parse(frame.body)?, batch)?;
        return Ok("order_book by REST");
    }
    let message: Message<'_> = parse(frame.body)?;
    match message.event {
        "bts:subscription_succeeded" => return Ok("subscription_succeeded"),
        "bts:heartbeat" => return Ok("heartbeat"),
        "bts:request_reconnect" => return Ok("request_reconnect"),
        "bts:error" => return Ok("error"),
        _ => {}
    }
    let channel = need("channel", message.channel)?;
    let (kind, pair) = channel.rsplit_once('_').unwrap_or((channel, ""));
    if !kind.ends_with("order_book") {
        batch.no_book();
    }
    let symbol = batch.symbol(pair)?;
    let data = need("data", message.data)?;
    match (kind, message.event) {
        ("diff_order_book", "data") => {
            levels(symbol, Extent::Diff, data.parse()?, batch)?;
            Ok("diff_order_book")
        }
        ("order_book", "data") => {
            levels(symbol, Extent::Whole, data.parse()?, batch)?;
            Ok("order_book")
        }
        ("live_trades", "trade") => trade(symbol, &data.parse()?, batch).map(|()| "live_trades"),
        _ => Err(unknown(channel, KNOWN)),
    }
}

fn levels(
    symbol: SymbolId,
    extent: Extent,
    message: Levels<'_>,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    push_sides(&message.bids.0, &message.asks.0, batch)?;
    let id = message.microtimestamp.integer("microtimestamp")?;
    let ts = message.microtimestamp.micros("microtimestamp")?;
    let levels = batch.levels_since(0);
    let (name, reach) = match extent {
        Extent::Whole => ("order_book", Reach::Levels(TOP)),
        Extent::Diff | Extent::Asked => ("diff_order_book", Reach::All),
    };
    let channel = batch.channel(name, reach)?;
    let book = Book::numbered(extent, SequenceRule::Increasing, (id, id), levels).over(channel);
    batch.push(symbol, Some(ts), What::Book(book));
    Ok(())
}

fn trade(symbol: SymbolId, trade: &Trade<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let numbers = (
        trade.price_str.number("price_str")?,
        trade.amount_str.number("amount_str")?,
    );
    let side = match trade.kind {
        0 => Side::Buy,
        1 => Side::Sell,
        other => return Err(wrong("type", &other.to_string(), "0 (buy) or 1 (sell)")),
    };
    let ts = trade.microtimestamp.micros("microtimestamp")?;
    batch.trade(symbol, Some(ts), numbers, trade.id, Some(side))
}
