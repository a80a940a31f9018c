//! OKX, version 5. A book carries a CRC32 over its 25 best levels and, in newer captures, the id of the change before.

use super::batch::{Batch, Book, Checksum, Extent, Reach, What};
use super::shape::{Many, Raw, Row, need, parse, side, unknown, wrong};
use super::{Name, push_sides};
use crate::book_sync::SequenceRule;
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::{BarSpec, Ts};

/// Levels a side of a channel.
fn depth(channel: &str) -> usize {
    match channel {
        "books5" => 5,
        "books50-l2-tbt" => 50,
        _ => 400,
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: Option<&'a str>,
    #[serde(borrow)]
    arg: Option<Arg<'a>>,
    #[serde(borrow)]
    action: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Arg<'a> {
    #[serde(borrow)]
    channel: &'a str,
    #[serde(borrow, rename = "instId")]
    instrument: Option<&'a str>,
}

#[derive(Deserialize)]
struct Levels<'a> {
    #[serde(borrow)]
    asks: Many<Row<'a, 2>>,
    #[serde(borrow)]
    bids: Many<Row<'a, 2>>,
    #[serde(borrow)]
    ts: Raw<'a>,
    checksum: Option<i32>,
    #[serde(rename = "prevSeqId")]
    previous_id: Option<i64>,
    #[serde(rename = "seqId")]
    id: Option<u64>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow, rename = "instId")]
    instrument: &'a str,
    #[serde(borrow, rename = "tradeId")]
    id: Raw<'a>,
    #[serde(borrow)]
    px: Raw<'a>,
    #[serde(borrow)]
    sz: Raw<'a>,
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    ts: Raw<'a>,
}

/// A side that is empty has empty texts.
#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow, rename = "instId")]
    instrument: &'a str,
    #[serde(borrow, rename = "bidPx")]
    bid: Raw<'a>,
    #[serde(borrow, rename = "bidSz")]
    bid_size: Raw<'a>,
    #[serde(borrow, rename = "askPx")]
    ask: Raw<'a>,
    #[serde(borrow, rename = "askSz")]
    ask_size: Raw<'a>,
    #[serde(borrow)]
    ts: Raw<'a>,
}

pub(super) fn decode(body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
    if body == b"pong" {
        return Ok("pong");
    }
    let message: Message<'_> = parse(body)?;
    match message.event {
        Some("error") => return Ok("error"),
        Some(_) => return Ok("reply to a request"),
        None => {}
    }
    let arg = need("arg", message.arg)?;
    if !arg.channel.starts_with("books") {
        batch.no_book();
    }
    let data = need("data", message.data)?;
    match arg.channel {
        "books" | "books-l2-tbt" | "books50-l2-tbt" | "books5" => {
            for levels in &data.parse::<Many<Levels<'_>>>()?.0 {
                book(&arg, message.action, levels, batch)?;
            }
            Ok("books")
        }
        "bbo-tbt" => {
            batch.quotes_over("bbo-tbt", Reach::All)?;
            for levels in &data.parse::<Many<Levels<'_>>>()?.0 {
                best(&arg, levels, batch)?;
            }
            Ok("bbo-tbt")
        }
        "tickers" => {
            batch.quotes_over("tickers", Reach::Grouped(0))?;
            for one in &data.parse::<Many<Ticker<'_>>>()?.0 {
                ticker(one, batch)?;
            }
            Ok("tickers")
        }
        "trades" | "trades-all" => {
            let reach = match arg.channel {
                "trades-all" => Reach::All,
                // Those of one taker at one price are put together.
                _ => Reach::Grouped(0),
            };
            batch.trades_over(arg.channel, reach)?;
            for one in &data.parse::<Many<Trade<'_>>>()?.0 {
                let symbol = batch.symbol(one.instrument)?;
                let numbers = (one.px.number("px")?, one.sz.number("sz")?);
                let (ts, id) = (one.ts.millis("ts")?, one.id.integer("tradeId")?);
                batch.trade(symbol, Some(ts), numbers, id, Some(side("side", one.side)?))?;
            }
            Ok("trades")
        }
        "instruments" => Ok("instruments"),
        "funding-rate" => Ok("funding-rate"),
        "mark-price" | "index-tickers" | "open-interest" | "status" | "price-limit" => {
            Ok("mark price, index, interest or limit")
        }
        channel => match channel.strip_prefix("candle") {
            Some(size) => candles(&arg, size, data, batch),
            None => Err(unknown(
                channel,
                "channel books, bbo-tbt, tickers, trades, candle, instruments, funding-rate or prices",
            )),
        },
    }
}

fn book(
    arg: &Arg<'_>,
    action: Option<&str>,
    message: &Levels<'_>,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    let extent = match action {
        Some("update") => Extent::Diff,
        Some("snapshot") | None => Extent::Whole,
        Some(other) => return Err(wrong("action", other, "snapshot or update")),
    };
    let symbol = batch.symbol(need("instId", arg.instrument)?)?;
    let previous_id = message.previous_id.and_then(|id| u64::try_from(id).ok());
    let is_empty = message.bids.0.is_empty() && message.asks.0.is_empty();
    if extent == Extent::Diff && is_empty && message.id.is_some() && message.id == previous_id {
        return Ok(()); // a heartbeat: nothing has changed for a minute
    }
    let from = batch.levels.len();
    push_sides(&message.bids.0, &message.asks.0, batch)?;
    let levels = batch.levels_since(from);
    let mut book = match message.id {
        Some(id) => Book::numbered(extent, SequenceRule::Chained, (id, id), levels),
        None => Book::unnumbered(extent, levels),
    };
    // -1 before a snapshot.
    book.previous_id = previous_id;
    book.checksum = message.checksum.map(Checksum::Okx);
    book.depth = depth(arg.channel);
    book.channel = batch.channel(arg.channel, Reach::Levels(book.depth))?;
    batch.push(symbol, Some(message.ts.millis("ts")?), What::Book(book));
    Ok(())
}

fn best(arg: &Arg<'_>, message: &Levels<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(need("instId", arg.instrument)?)?;
    let top = |rows: &[Row<'_, 2>]| match rows.first() {
        Some(Row([price, size])) => Ok((price.number("price")?, size.number("size")?)),
        None => Ok::<_, DecodeError>(Default::default()),
    };
    let (bid, ask) = (top(&message.bids.0)?, top(&message.asks.0)?);
    let ts = message.ts.millis("ts")?;
    batch.quote(symbol, Some(ts), bid, ask, message.id.unwrap_or(0))
}

fn ticker(ticker: &Ticker<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(ticker.instrument)?;
    let pair = |price: Raw<'_>, size: Raw<'_>| match price.text() {
        "" => Ok::<_, DecodeError>(Default::default()),
        _ => Ok((price.number("price")?, size.number("size")?)),
    };
    let bid = pair(ticker.bid, ticker.bid_size)?;
    let ask = pair(ticker.ask, ticker.ask_size)?;
    batch.quote(symbol, Some(ticker.ts.millis("ts")?), bid, ask, 0)
}

/// `[time, open, high, low, close, volume, .., .., confirm]`: the last is 1 once the candle is closed.
fn candles(
    arg: &Arg<'_>,
    size: &str,
    data: Raw<'_>,
    batch: &mut Batch,
) -> Result<Name, DecodeError> {
    let symbol = batch.symbol(need("instId", arg.instrument)?)?;
    let size = size.strip_suffix("utc").unwrap_or(size);
    // A month is in upper case, as are hours, days and weeks; a minute is not.
    let spec: Option<BarSpec> = match size.ends_with('M') {
        true => None,
        false => size.to_ascii_lowercase().parse().ok(),
    };
    let Some(spec @ BarSpec::Time(length)) = spec else {
        return Ok("candle, of months");
    };
    for row in &data.parse::<Many<Row<'_, 9>>>()?.0 {
        let Row([time, open, high, low, close, volume, _, _, confirm]) = row;
        if confirm.text() != "1" {
            continue;
        }
        let end = time.millis("ts")?.0.checked_add(length);
        let end = end.ok_or_else(|| wrong("ts", time.text(), "a time before 2262"))?;
        let what = What::Bar {
            spec,
            prices: [
                open.number("open")?,
                high.number("high")?,
                low.number("low")?,
                close.number("close")?,
            ],
            volume: volume.number("volume")?,
        };
        batch.push(symbol, Some(Ts(end)), what);
    }
    Ok(match batch.items.is_empty() {
        true => "candle, not closed",
        false => "candle",
    })
}
