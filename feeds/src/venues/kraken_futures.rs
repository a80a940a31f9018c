//! Kraken futures, version 1 of its feeds. Each change of a book is one level with the next number; trades and books
//! count on their own.
//!
//! `ticker_lite` has no sizes and no time.

use super::batch::{Batch, Book, Extent, Number, Reach, What};
use super::shape::{Many, Raw, need, parse, side, unknown};
use super::{Name, push_rows};
use crate::book_sync::SequenceRule;
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::{Flags, Side};

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    event: Option<&'a str>,
    #[serde(borrow)]
    feed: Option<&'a str>,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(borrow)]
    product_id: &'a str,
    seq: u64,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    bids: Many<Level<'a>>,
    #[serde(borrow)]
    asks: Many<Level<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    qty: Raw<'a>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    product_id: &'a str,
    seq: u64,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    qty: Raw<'a>,
}

#[derive(Deserialize)]
struct Trades<'a> {
    #[serde(borrow)]
    trades: Many<Trade<'a>>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    product_id: &'a str,
    seq: u64,
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    time: Raw<'a>,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    qty: Raw<'a>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    product_id: &'a str,
    #[serde(borrow)]
    time: Option<Raw<'a>>,
    #[serde(borrow)]
    bid: Option<Raw<'a>>,
    #[serde(borrow)]
    bid_size: Option<Raw<'a>>,
    #[serde(borrow)]
    ask: Option<Raw<'a>>,
    #[serde(borrow)]
    ask_size: Option<Raw<'a>>,
}

pub(super) fn decode(body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
    let head: Head<'_> = parse(body)?;
    match head.event {
        Some("info") => return Ok("info"),
        Some("subscribed" | "unsubscribed") => return Ok("subscribed"),
        Some("error" | "alert") => return Ok("error"),
        Some(other) => return Err(unknown(other, "event info, subscribed, alert or error")),
        None => {}
    }
    match need("feed", head.feed)? {
        "book_snapshot" => snapshot(&parse(body)?, batch).map(|()| "book_snapshot"),
        "book" => change(&parse(body)?, batch).map(|()| "book"),
        "trade" => trade(&parse(body)?, batch).map(|()| "trade"),
        "trade_snapshot" => {
            for one in &parse::<Trades<'_>>(body)?.trades.0 {
                trade(one, batch)?;
            }
            batch.oldest_first(0);
            batch.flag_since(0, Flags::SNAPSHOT);
            Ok("trade_snapshot")
        }
        "ticker" => {
            batch.quotes_over("ticker", Reach::All)?;
            ticker(&parse(body)?, batch).map(|()| "ticker")
        }
        // Without sizes and times.
        "ticker_lite" => {
            batch.quotes_over("ticker_lite", Reach::Grouped(0))?;
            ticker(&parse(body)?, batch).map(|()| "ticker_lite")
        }
        "heartbeat" => Ok("heartbeat"),
        other => Err(unknown(
            other,
            "feed book, book_snapshot, trade, trade_snapshot, ticker, ticker_lite or heartbeat",
        )),
    }
}

fn snapshot(message: &Snapshot<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(message.product_id)?;
    for (side, levels) in [(Side::Buy, &message.bids.0), (Side::Sell, &message.asks.0)] {
        push_rows(
            side,
            levels.iter().map(|level| (level.price, level.qty)),
            batch,
        )?;
    }
    let ts = message.timestamp.millis("timestamp")?;
    let ids = (message.seq, message.seq);
    let levels = batch.levels_since(0);
    let book = Book::numbered(Extent::Whole, SequenceRule::Consecutive, ids, levels);
    batch.push(symbol, Some(ts), What::Book(book));
    Ok(())
}

fn change(message: &Change<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(message.product_id)?;
    let price = message.price.number("price")?;
    batch.level(
        side("side", message.side)?,
        price,
        message.qty.number("qty")?,
    )?;
    let ts = message.timestamp.millis("timestamp")?;
    let ids = (message.seq, message.seq);
    let levels = batch.levels_since(0);
    let book = Book::numbered(Extent::Diff, SequenceRule::Consecutive, ids, levels);
    batch.push(symbol, Some(ts), What::Book(book));
    Ok(())
}

fn trade(trade: &Trade<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(trade.product_id)?;
    let numbers = (trade.price.number("price")?, trade.qty.number("qty")?);
    let ts = trade.time.millis("time")?;
    batch.trade(
        symbol,
        Some(ts),
        numbers,
        trade.seq,
        Some(side("side", trade.side)?),
    )
}

/// A side that is empty is left out.
fn ticker(ticker: &Ticker<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(ticker.product_id)?;
    let number = |field, value: Option<Raw<'_>>| match value {
        Some(value) => value.number(field),
        None => Ok(Number::default()),
    };
    let bid = (
        number("bid", ticker.bid)?,
        number("bid_size", ticker.bid_size)?,
    );
    let ask = (
        number("ask", ticker.ask)?,
        number("ask_size", ticker.ask_size)?,
    );
    let ts = ticker.time.map(|time| time.millis("time")).transpose()?;
    batch.quote(symbol, ts, bid, ask, 0)
}
