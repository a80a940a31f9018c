//! Hyperliquid. A book is whole each time and carries no id. Candles are not marked as closed, and no bar is made of them.

use super::batch::{Batch, Book as BookItem, ChannelId, Extent, Number, Reach, SymbolId, What};
use super::shape::{Many, Raw, parse, side, unknown};
use super::{Name, push_rows};
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::Side;

/// Levels a side of a book, and of the one that comes more often.
const DEPTH: usize = 20;
const FAST_DEPTH: usize = 5;

/// What a connection remembers.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// How books of each coin were subscribed to, as the venue confirmed: their messages do not say to how many digits levels are
    /// summed up.
    subscribed: Vec<(SymbolId, Digits)>,
}

/// Significant digits of prices, and the step of the last of them; none if levels are prices.
type Digits = (Option<u64>, Option<u64>);

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    method: Option<&'a str>,
    #[serde(borrow)]
    subscription: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Subscription<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow)]
    coin: Option<&'a str>,
    #[serde(rename = "nSigFigs")]
    digits: Option<u64>,
    mantissa: Option<u64>,
}

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
    fast: Option<bool>,
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

impl Decoder {
    pub(super) fn decode(&mut self, body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
        let message: Message<'_> = parse(body)?;
        let Some(channel) = message.channel else {
            // The payload alone.
            return self.book(&parse(body)?, batch).map(|()| "l2Book");
        };
        if channel == "l2Book" {
            let data = super::shape::need("data", message.data)?;
            return self.book(&data.parse()?, batch).map(|()| "l2Book");
        }
        batch.no_book();
        if channel == "subscriptionResponse" {
            if let Some(data) = message.data {
                self.subscribe(&data.parse()?, batch)?;
            }
            return Ok("subscriptionResponse");
        }
        other(channel, message.data, batch)
    }

    fn subscribe(&mut self, response: &Response<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
        let Some(told) = response.subscription else {
            return Ok(());
        };
        let told: Subscription<'_> = told.parse()?;
        if let (Some("l2Book"), Some(coin)) = (told.kind, told.coin) {
            let one = (batch.symbol(coin)?, (told.digits, told.mantissa));
            self.subscribed.retain(|known| *known != one);
            if response.method != Some("unsubscribe") {
                self.subscribed.push(one);
            }
        }
        Ok(())
    }

    fn channel(&self, symbol: SymbolId, batch: &mut Batch) -> Result<ChannelId, DecodeError> {
        let of_symbol = self.subscribed.iter().filter(|(of, _)| *of == symbol);
        let all: Vec<Digits> = of_symbol.map(|(_, digits)| *digits).collect();
        match all.as_slice() {
            [] | [(None, None)] => batch.channel("l2Book", Reach::Levels(DEPTH)),
            [(digits, mantissa)] => {
                let (digits, mantissa) = (digits.unwrap_or(0), mantissa.unwrap_or(1));
                let name = format!("l2Book of {digits} digits in steps of {mantissa}");
                batch.channel(&name, Reach::Grouped(DEPTH))
            }
            _ => batch.channel("l2Book of several digits", Reach::Mixed),
        }
    }

    fn book(&self, message: &Book<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
        let symbol = batch.symbol(message.coin)?;
        let (bids, asks) = &message.levels;
        for (side, levels) in [(Side::Buy, &bids.0), (Side::Sell, &asks.0)] {
            push_rows(side, levels.iter().map(|level| (level.px, level.sz)), batch)?;
        }
        let ts = message.time.millis("time")?;
        let channel = match message.fast {
            Some(true) => batch.channel("l2Book, fast", Reach::Levels(FAST_DEPTH))?,
            _ => self.channel(symbol, batch)?,
        };
        let book = BookItem::unnumbered(Extent::Whole, batch.levels_since(0)).over(channel);
        batch.push(symbol, Some(ts), What::Book(book));
        Ok(())
    }
}

fn other(channel: &str, data: Option<Raw<'_>>, batch: &mut Batch) -> Result<Name, DecodeError> {
    match channel {
        "allMids" => return Ok("allMids"),
        "candle" => return Ok("candle, not marked as closed"),
        "pong" => return Ok("pong"),
        "error" => return Ok("error"),
        "activeAssetCtx" => return Ok("activeAssetCtx"),
        _ => {}
    }
    let data = super::shape::need("data", data)?;
    match channel {
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
