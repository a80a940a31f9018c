//! Bybit: version 2 (`orderBookL2_25`, `trade`) and version 5 (`orderbook.N`, `publicTrade`, `tickers`, `kline`).
//!
//! The update id of a book of version 5 goes up by one; the cross sequence of version 2 only goes up. A ticker that
//! says only what changed of it makes no quote.

use super::batch::{Batch, Book, Extent, Number, Reach, SymbolId, What};
use super::shape::{Many, Raw, Row, need, number_of_id, parse, side, unknown, wrong};
use super::{Name, push_sides};
use crate::book_sync::SequenceRule;
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::{BarSpec, Side, Ts};

const KNOWN: &str =
    "topic orderbook, orderBookL2_25, orderBook_200, trade, publicTrade, tickers or kline";

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    topic: Option<&'a str>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    /// Version 5: when the venue made the message.
    #[serde(borrow)]
    ts: Option<Raw<'a>>,
    /// Version 5: when the matching engine made the book.
    #[serde(borrow)]
    cts: Option<Raw<'a>>,
    #[serde(borrow)]
    cross_seq: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp_e6: Option<Raw<'a>>,
    #[serde(borrow)]
    success: Option<Raw<'a>>,
    #[serde(borrow)]
    op: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Levels<'a> {
    #[serde(borrow)]
    s: &'a str,
    #[serde(borrow)]
    b: Many<Row<'a, 2>>,
    #[serde(borrow)]
    a: Many<Row<'a, 2>>,
    u: u64,
}

/// A book of version 2: all levels, or changes by what they do.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    order_book: Option<Many<OldLevel<'a>>>,
    #[serde(borrow)]
    delete: Option<Many<OldLevel<'a>>>,
    #[serde(borrow)]
    update: Option<Many<OldLevel<'a>>>,
    #[serde(borrow)]
    insert: Option<Many<OldLevel<'a>>>,
}

#[derive(Deserialize)]
struct OldLevel<'a> {
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    size: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct OldTrade<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    size: Raw<'a>,
    #[serde(borrow)]
    trade_time_ms: Raw<'a>,
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    trade_id: &'a str,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow, rename = "T")]
    time: Raw<'a>,
    #[serde(borrow, rename = "s")]
    symbol: &'a str,
    #[serde(borrow, rename = "S")]
    side: &'a str,
    #[serde(borrow, rename = "v")]
    size: Raw<'a>,
    #[serde(borrow, rename = "p")]
    price: Raw<'a>,
    #[serde(borrow, rename = "i")]
    id: &'a str,
}

/// A ticker: `bid1Price` of futures and spot, `bidPrice` of options.
#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow, rename = "bid1Price", alias = "bidPrice")]
    bid: Option<Raw<'a>>,
    #[serde(borrow, rename = "bid1Size", alias = "bidSize")]
    bid_size: Option<Raw<'a>>,
    #[serde(borrow, rename = "ask1Price", alias = "askPrice")]
    ask: Option<Raw<'a>>,
    #[serde(borrow, rename = "ask1Size", alias = "askSize")]
    ask_size: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Candle<'a> {
    #[serde(borrow)]
    end: Raw<'a>,
    #[serde(borrow)]
    interval: &'a str,
    #[serde(borrow)]
    open: Raw<'a>,
    #[serde(borrow)]
    high: Raw<'a>,
    #[serde(borrow)]
    low: Raw<'a>,
    #[serde(borrow)]
    close: Raw<'a>,
    #[serde(borrow)]
    volume: Raw<'a>,
    confirm: bool,
}

/// Depths of books that only derivatives have.
const DEPTHS_OF_DERIVATIVES: [&str; 3] = ["25", "100", "500"];

/// Whether a message is of spot, if it says so: spot and derivatives have symbols of one spelling, and most messages are alike.
pub(super) fn says_spot(body: &[u8]) -> Option<bool> {
    parse::<Message<'_>>(body)
        .ok()
        .and_then(|message| says_spot_of(&message))
}

fn says_spot_of(message: &Message<'_>) -> Option<bool> {
    let topic = message.topic?;
    let (kind, rest) = topic.split_once('.')?;
    let (depth, symbol) = rest.rsplit_once('.').unwrap_or(("", rest));
    let is_of_derivatives =
        symbol.contains('-') || symbol.ends_with("PERP") || symbol.ends_with("USD");
    if is_of_derivatives {
        return Some(false);
    }
    let text = message.data.map_or("", Raw::text);
    let has = |name: &str| text.contains(name);
    match kind {
        "orderbook" => DEPTHS_OF_DERIVATIVES.contains(&depth).then_some(false),
        "publicTrade" if has("\"L\":") || has("\"mP\":") => Some(false),
        "publicTrade" => has("\"BT\":").then_some(true),
        "tickers" if has("\"usdIndexPrice\":") => Some(true),
        "tickers" => Some(false),
        "kline" => None,
        // What else there is, and all of version 2, is of derivatives.
        _ => Some(false),
    }
}

pub(super) fn decode(is_spot: bool, body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
    let message: Message<'_> = parse(body)?;
    if let Some(other) = says_spot_of(&message).filter(|says| *says != is_spot) {
        let name = |is_spot: bool| if is_spot { "spot" } else { "derivatives" };
        let topic = message.topic.unwrap_or_default();
        return Err(wrong(
            "topic",
            &format!("{topic} of {}", name(other)),
            if is_spot {
                "one of spot, as the capture is"
            } else {
                "one of derivatives, as the capture is"
            },
        ));
    }
    let Some(topic) = message.topic else {
        return match (message.success, message.op) {
            (None, None) => Err(unknown("", KNOWN)),
            _ => Ok("reply to a request"),
        };
    };
    if !topic.to_ascii_lowercase().starts_with("orderbook") {
        batch.no_book();
    }
    let data = need("data", message.data)?;
    let mut parts = topic.split('.');
    let kind = parts.next().unwrap_or_default();
    let last = parts.next_back().unwrap_or_default();
    match kind {
        "orderbook" => {
            let depth = parts.next().unwrap_or_default();
            book(depth, &message, &data.parse()?, batch).map(|()| "orderbook")
        }
        "orderBookL2_25" | "orderBook_200" => {
            let symbol = batch.symbol(last)?;
            old_book((symbol, kind), &message, data, batch)?;
            Ok("orderBookL2")
        }
        "trade" | "publicTrade" => {
            batch.trades_over(kind, Reach::All)?;
            trades(data, batch).map(|()| "trade")
        }
        "tickers" => ticker(&message, &data.parse()?, batch),
        "kline" => {
            let symbol = batch.symbol(last)?;
            candles(symbol, &data.parse::<Many<Candle<'_>>>()?.0, batch)
        }
        "liquidation" | "allLiquidation" | "instrument_info" | "insurance" => {
            Ok("liquidation, insurance or instrument")
        }
        other => Err(unknown(other, KNOWN)),
    }
}

fn extent(kind: Option<&str>) -> Result<Extent, DecodeError> {
    match kind {
        Some("snapshot") => Ok(Extent::Whole),
        Some("delta") => Ok(Extent::Diff),
        other => Err(wrong("type", other.unwrap_or(""), "snapshot or delta")),
    }
}

fn book(
    depth: &str,
    message: &Message<'_>,
    levels: &Levels<'_>,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    let symbol = batch.symbol(levels.s)?;
    let ts = need("ts", message.cts.or(message.ts))?.millis("ts")?;
    let reach = match depth.parse() {
        Ok(depth) => Reach::Levels(depth),
        // `rpi`, which tells some of what rests apart, and `full`, whose snapshots are asked for.
        Err(_) => Reach::Grouped(0),
    };
    let channel = batch.channel(&format!("orderbook.{depth}"), reach)?;
    push_sides(&levels.b.0, &levels.a.0, batch)?;
    let extent = extent(message.kind)?;
    let ids = (levels.u, levels.u);
    let range = batch.levels_since(0);
    let book = Book::numbered(extent, SequenceRule::Consecutive, ids, range).over(channel);
    batch.push(symbol, Some(ts), What::Book(book));
    Ok(())
}

fn old_book(
    (symbol, name): (SymbolId, &str),
    message: &Message<'_>,
    data: Raw<'_>,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    let extent = extent(message.kind)?;
    let parts = match data.is_list() {
        true => Parts {
            order_book: Some(data.parse()?),
            delete: None,
            update: None,
            insert: None,
        },
        false => data.parse()?,
    };
    for level in &parts.delete.unwrap_or_default().0 {
        let side = side("side", level.side)?;
        batch.level(side, level.price.number("price")?, Number::default())?;
    }
    for kept in [parts.order_book, parts.update, parts.insert] {
        for level in &kept.unwrap_or_default().0 {
            let side = side("side", level.side)?;
            let qty = need("size", level.size)?.number("size")?;
            batch.level(side, level.price.number("price")?, qty)?;
        }
    }
    let id = need("cross_seq", message.cross_seq)?.integer("cross_seq")?;
    let ts = need("timestamp_e6", message.timestamp_e6)?.micros("timestamp_e6")?;
    let range = batch.levels_since(0);
    let depth = if name == "orderBook_200" { 200 } else { 25 };
    let channel = batch.channel(name, Reach::Levels(depth))?;
    let book = Book::numbered(extent, SequenceRule::Increasing, (id, id), range).over(channel);
    batch.push(symbol, Some(ts), What::Book(book));
    Ok(())
}

/// Version 5 writes short names; version 2 whole ones.
fn trades(data: Raw<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    for one in &data.parse::<Many<Raw<'_>>>()?.0 {
        let trade = match one.parse::<Trade<'_>>() {
            Ok(trade) => trade,
            Err(error) => match one.parse::<OldTrade<'_>>() {
                Ok(old) => Trade {
                    time: old.trade_time_ms,
                    symbol: old.symbol,
                    side: old.side,
                    size: old.size,
                    price: old.price,
                    id: old.trade_id,
                },
                Err(_) => return Err(error),
            },
        };
        let symbol = batch.symbol(trade.symbol)?;
        let numbers = (trade.price.number("price")?, trade.size.number("size")?);
        let ts = trade.time.millis("time")?;
        let side: Side = side("side", trade.side)?;
        batch.trade(
            symbol,
            Some(ts),
            numbers,
            number_of_id(trade.id),
            Some(side),
        )?;
    }
    Ok(())
}

fn ticker(
    message: &Message<'_>,
    ticker: &Ticker<'_>,
    batch: &mut Batch,
) -> Result<Name, DecodeError> {
    let (Some(bid), Some(bid_size), Some(ask), Some(ask_size)) =
        (ticker.bid, ticker.bid_size, ticker.ask, ticker.ask_size)
    else {
        return Ok("tickers, without best bid and ask");
    };
    let symbol = batch.symbol(ticker.symbol)?;
    let ts = need("ts", message.ts)?.millis("ts")?;
    let bid = (bid.number("bid")?, bid_size.number("bid size")?);
    let ask = (ask.number("ask")?, ask_size.number("ask size")?);
    batch.quotes_over("tickers", Reach::Grouped(0))?;
    batch.quote(symbol, Some(ts), bid, ask, 0)?;
    Ok("tickers")
}

fn candles(
    symbol: SymbolId,
    candles: &[Candle<'_>],
    batch: &mut Batch,
) -> Result<Name, DecodeError> {
    for candle in candles.iter().filter(|candle| candle.confirm) {
        let spec = match candle.interval {
            "D" => "1d".to_owned(),
            "W" => "1w".to_owned(),
            minutes => format!("{minutes}m"),
        };
        let Ok(spec) = spec.parse::<BarSpec>() else {
            return Ok("kline, of months");
        };
        // The venue names the last millisecond.
        let close = candle.end.millis("end")?.0.checked_add(1_000_000);
        let close = close.ok_or_else(|| wrong("end", candle.end.text(), "a time before 2262"))?;
        let what = What::Bar {
            spec,
            prices: [
                candle.open.number("open")?,
                candle.high.number("high")?,
                candle.low.number("low")?,
                candle.close.number("close")?,
            ],
            volume: candle.volume.number("volume")?,
        };
        batch.push(symbol, Some(Ts(close)), what);
    }
    Ok(match batch.items.is_empty() {
        true => "kline, not closed",
        false => "kline",
    })
}
