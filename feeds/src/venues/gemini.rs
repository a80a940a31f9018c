//! Gemini, version 2 of its market data. The first `l2_updates` of a symbol is its whole book, and also tells past trades.
//!
//! Books carry no time and no ids. Candles are not marked as closed, and no bar is made of them.

use super::batch::{Batch, Extent};
use super::shape::{Many, Raw, Row, parse, side, unknown};
use super::{Name, push_book};
use crate::decode_error::{DecodeError, Reason};
use serde::Deserialize;
use tickloom_types::Flags;

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a str>,
}

#[derive(Deserialize)]
struct Updates<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow)]
    changes: Many<Row<'a, 3>>,
    #[serde(borrow)]
    trades: Option<Many<Trade<'a>>>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    event_id: u64,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    quantity: Raw<'a>,
    #[serde(borrow)]
    side: &'a str,
}

pub(super) fn decode(body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
    let head: Head<'_> = parse(body)?;
    if head.kind.is_some_and(|kind| kind != "l2_updates") {
        batch.no_book();
    }
    match head.kind.unwrap_or("") {
        "l2_updates" => updates(&parse(body)?, batch),
        "trade" => trade(&parse(body)?, batch).map(|()| "trade"),
        "heartbeat" => Ok("heartbeat"),
        "subscription_ack" => Ok("subscription_ack"),
        "auction_open" | "auction_indicative" | "auction_result" | "auction_outcome" => {
            Ok("auction event")
        }
        "block_trade" => Ok("block_trade"),
        kind if kind.starts_with("candles_") => Ok("candles, not marked as closed"),
        other => Err(unknown(
            other,
            "type l2_updates, trade, candles, heartbeat or an auction's",
        )),
    }
}

fn updates(message: &Updates<'_>, batch: &mut Batch) -> Result<Name, DecodeError> {
    let symbol = batch.symbol(message.symbol)?;
    for one in message.trades.iter().flat_map(|trades| &trades.0) {
        match trade(one, batch) {
            // Sizes may have ten decimals here: a past trade is no reason to go without the book.
            Err(error) if error.reason() == Reason::DecimalTooFine => batch.refused.push(error),
            taken => taken?,
        }
    }
    batch.oldest_first(0);
    batch.flag_since(0, Flags::SNAPSHOT);
    for Row([side, price, qty]) in &message.changes.0 {
        let price = price.number("price")?;
        batch.level(side.side("side")?, price, qty.number("quantity")?)?;
    }
    match message.trades {
        Some(_) => {
            push_book(Extent::Whole, symbol, None, batch);
            Ok("l2_updates, first")
        }
        None => {
            push_book(Extent::Diff, symbol, None, batch);
            Ok("l2_updates")
        }
    }
}

fn trade(trade: &Trade<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(trade.symbol)?;
    let numbers = (
        trade.price.number("price")?,
        trade.quantity.number("quantity")?,
    );
    let ts = trade.timestamp.millis("timestamp")?;
    batch.trade(
        symbol,
        Some(ts),
        numbers,
        trade.event_id,
        Some(side("side", trade.side)?),
    )
}
