//! Market events as the `barter` crate writes them, one a line: trades and best bid and ask of several exchanges, already
//! normalised. Instruments have numbers there, and are named `EXCHANGE.NUMBER`.
//!
//! The time of a quote of Binance spot is the recorder's, as that stream carries none.

use super::Name;
use super::batch::Batch;
use super::shape::{Raw, need, number_of_id, parse, side, unknown};
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::Flags;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "Item")]
    item: Option<Event<'a>>,
    #[serde(borrow, rename = "Reconnecting")]
    reconnecting: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    time_exchange: Raw<'a>,
    #[serde(borrow)]
    time_received: Raw<'a>,
    #[serde(borrow)]
    exchange: &'a str,
    #[serde(borrow)]
    instrument: Raw<'a>,
    #[serde(borrow)]
    kind: Kind<'a>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "Trade")]
    trade: Option<Trade<'a>>,
    #[serde(borrow, rename = "OrderBookL1")]
    top: Option<Top<'a>>,
    #[serde(borrow, rename = "Candle")]
    candle: Option<Raw<'a>>,
    #[serde(borrow, rename = "Liquidation")]
    liquidation: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    amount: Raw<'a>,
    #[serde(borrow)]
    side: &'a str,
}

#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    best_bid: Option<Level<'a>>,
    #[serde(borrow)]
    best_ask: Option<Level<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    amount: Raw<'a>,
}

pub(super) fn decode(body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
    let line: Line<'_> = parse(body)?;
    if line.reconnecting.is_some() {
        return Ok("Reconnecting");
    }
    let event = need("Item", line.item)?;
    let symbol = batch.symbol_of(event.exchange, event.instrument.text())?;
    let ts = Some(event.time_exchange.stamp("time_exchange")?);
    batch.ts_recv = Some(event.time_received.stamp("time_received")?);
    if let Some(trade) = &event.kind.trade {
        let numbers = (trade.price.number("price")?, trade.amount.number("amount")?);
        let id = number_of_id(trade.id.text());
        batch.trade(symbol, ts, numbers, id, Some(side("side", trade.side)?))?;
        return Ok("Trade");
    }
    if let Some(top) = &event.kind.top {
        let pair = |level: &Option<Level<'_>>| match level {
            Some(level) => Ok((level.price.number("price")?, level.amount.number("amount")?)),
            None => Ok::<_, DecodeError>(Default::default()),
        };
        batch.quote(symbol, ts, pair(&top.best_bid)?, pair(&top.best_ask)?, 0)?;
        if event.exchange == "binance_spot" {
            batch.flag_since(0, Flags::BAD_TIME);
        }
        return Ok("OrderBookL1");
    }
    match (event.kind.candle, event.kind.liquidation) {
        (Some(_), _) => Ok("Candle"),
        (_, Some(_)) => Ok("Liquidation"),
        _ => Err(unknown(
            "",
            "kind Trade, OrderBookL1, Candle or Liquidation",
        )),
    }
}
