//! Hyperliquid. A book is whole each time and carries no id. Candles are not marked as closed, and no bar is made of them.

use super::batch::{Batch, Extent, Number};
use super::shape::{Many, Raw, parse, side, unknown};
use super::{Name, push_book, push_rows};
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::Side;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    channel: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    coin: &'a str,
    #[serde(borrow)]
    levels: (Many<Level<'a>>, Many<Level<'a>>),
    #[serde(borrow)]
    time: Raw<'a>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    px: Raw<'a>,
    #[serde(borrow)]
    sz: Raw<'a>,
}

#[derive(Deserialize)]
struct Best<'a> {
    #[serde(borrow)]
    coin: &'a str,
    #[serde(borrow)]
    bbo: (Option<Level<'a>>, Option<Level<'a>>),
    #[serde(borrow)]
    time: Raw<'a>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    coin: &'a str,
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    px: Raw<'a>,
    #[serde(borrow)]
    sz: Raw<'a>,
    #[serde(borrow)]
    time: Raw<'a>,
    tid: u64,
}

pub(super) fn decode(body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
    let message: Message<'_> = parse(body)?;
    let Some(channel) = message.channel else {
        // The payload alone.
        return book(&parse(body)?, batch).map(|()| "l2Book");
    };
    match channel {
        "allMids" => return Ok("allMids"),
        "candle" => return Ok("candle, not marked as closed"),
        "pong" => return Ok("pong"),
        "subscriptionResponse" => return Ok("subscriptionResponse"),
        "error" => return Ok("error"),
        "activeAssetCtx" => return Ok("activeAssetCtx"),
        _ => {}
    }
    let data = super::shape::need("data", message.data)?;
    match channel {
        "l2Book" => book(&data.parse()?, batch).map(|()| "l2Book"),
        "bbo" => best(&data.parse()?, batch).map(|()| "bbo"),
        "trades" => {
            for one in &data.parse::<Many<Trade<'_>>>()?.0 {
                trade(one, batch)?;
            }
            Ok("trades")
        }
        other => Err(unknown(
            other,
            "channel l2Book, bbo, trades, candle, allMids, activeAssetCtx or subscriptionResponse",
        )),
    }
}

fn book(message: &Book<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(message.coin)?;
    let (bids, asks) = &message.levels;
    for (side, levels) in [(Side::Buy, &bids.0), (Side::Sell, &asks.0)] {
        push_rows(side, levels.iter().map(|level| (level.px, level.sz)), batch)?;
    }
    push_book(
        Extent::Whole,
        symbol,
        Some(message.time.millis("time")?),
        batch,
    );
    Ok(())
}

fn best(message: &Best<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(message.coin)?;
    let pair = |level: &Option<Level<'_>>| match level {
        Some(level) => Ok((level.px.number("px")?, level.sz.number("sz")?)),
        None => Ok::<_, DecodeError>((Number::default(), Number::default())),
    };
    let (bid, ask) = (pair(&message.bbo.0)?, pair(&message.bbo.1)?);
    batch.quote(symbol, Some(message.time.millis("time")?), bid, ask, 0)
}

fn trade(trade: &Trade<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(trade.coin)?;
    let numbers = (trade.px.number("px")?, trade.sz.number("sz")?);
    let ts = trade.time.millis("time")?;
    batch.trade(
        symbol,
        Some(ts),
        numbers,
        trade.tid,
        Some(side("side", trade.side)?),
    )
}
