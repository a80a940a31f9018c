//! Kraken spot: version 2 (objects, with single orders as `level3`) here, version 1 in `v1`.
//!
//! A book is kept to the depth that was subscribed to and carries a CRC32 over its ten best levels. Candles are not marked
//! as closed, and no bar is made of them.

mod v1;

use super::Name;
use super::batch::{Batch, Book, Checksum, Extent, Reach, SymbolId, What};
use super::shape::{Many, Raw, need, number_of_id, parse, side, unknown, wrong};
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::{BookAction, Flags, Side, Ts};

/// Depths that can be subscribed to. Version 2 does not repeat which one it was: it is the one that holds the snapshot.
const DEPTHS: [usize; 5] = [10, 25, 100, 500, 1_000];

const KNOWN: &str = "channel trade, ticker, book, level3, ohlc, instrument, status or heartbeat";

/// What a connection remembers: the depth of each book of version 2.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    depths: Vec<(SymbolId, usize)>,
    /// Depths that were subscribed to, as far as the venue confirmed them.
    subscribed: Vec<(SymbolId, usize)>,
}

/// What was subscribed to.
#[derive(Deserialize)]
struct Subscribed<'a> {
    #[serde(borrow)]
    channel: Option<&'a str>,
    #[serde(borrow)]
    symbol: Option<&'a str>,
    depth: Option<usize>,
}

/// Anything that is an object: an event of version 1, or a message of version 2.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    event: Option<&'a str>,
    #[serde(borrow)]
    channel: Option<&'a str>,
    #[serde(borrow)]
    method: Option<&'a str>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow)]
    result: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    qty: Raw<'a>,
    #[serde(borrow)]
    trade_id: Raw<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow)]
    bid: Raw<'a>,
    #[serde(borrow)]
    bid_qty: Raw<'a>,
    #[serde(borrow)]
    ask: Raw<'a>,
    #[serde(borrow)]
    ask_qty: Raw<'a>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct L2<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow)]
    bids: Many<Level<'a>>,
    #[serde(borrow)]
    asks: Many<Level<'a>>,
    checksum: Option<u32>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    qty: Raw<'a>,
}

#[derive(Deserialize)]
struct L3<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow)]
    bids: Many<Order<'a>>,
    #[serde(borrow)]
    asks: Many<Order<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    event: Option<&'a str>,
    #[serde(borrow)]
    order_id: &'a str,
    #[serde(borrow)]
    limit_price: Raw<'a>,
    #[serde(borrow)]
    order_qty: Raw<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
}

impl Decoder {
    pub(super) fn decode(&mut self, body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
        if body.first() == Some(&b'[') {
            return v1::decode(&parse::<Many<Raw<'_>>>(body)?.0, batch);
        }
        let head: Head<'_> = parse(body)?;
        if let Some(channel) = head.channel {
            return self.v2(channel, &head, batch);
        }
        match (head.event, head.method) {
            (Some("heartbeat"), _) => Ok("heartbeat"),
            (Some("systemStatus"), _) => Ok("systemStatus"),
            (Some("subscriptionStatus"), _) => Ok("subscriptionStatus"),
            (Some("pong"), _) | (_, Some("pong")) => Ok("pong"),
            (_, Some(method @ ("subscribe" | "unsubscribe"))) => {
                batch.no_book();
                if let Some(result) = head.result {
                    self.subscription(method, &result.parse()?, batch)?;
                }
                Ok("reply to a request")
            }
            (event, method) => Err(unknown(event.or(method).unwrap_or(""), KNOWN)),
        }
    }

    fn subscription(
        &mut self,
        method: &str,
        told: &Subscribed<'_>,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let (Some("book"), Some(symbol), Some(depth)) = (told.channel, told.symbol, told.depth)
        else {
            return Ok(());
        };
        let one = (batch.symbol(symbol)?, depth);
        self.subscribed.retain(|known| *known != one);
        if method == "subscribe" {
            self.subscribed.push(one);
        }
        Ok(())
    }

    /// The depth of a book by its snapshot: the one that was subscribed to or, if that is not told, the least that holds it.
    fn depth_of(&self, symbol: SymbolId, deepest: usize) -> usize {
        let subscribed = self.subscribed.iter();
        let mut subscribed = subscribed.filter(|(of, depth)| *of == symbol && *depth >= deepest);
        let told = subscribed.next().map(|(_, depth)| *depth);
        let least = DEPTHS.into_iter().find(|depth| *depth >= deepest);
        told.or(least).unwrap_or(deepest)
    }

    fn v2(
        &mut self,
        channel: &str,
        head: &Head<'_>,
        batch: &mut Batch,
    ) -> Result<Name, DecodeError> {
        match channel {
            "heartbeat" => return Ok("heartbeat"),
            "status" => return Ok("status"),
            "instrument" => return Ok("instrument"),
            "ohlc" => return Ok("ohlc, not marked as closed"),
            _ => {}
        }
        if channel != "book" {
            batch.no_book();
        }
        let data = need("data", head.data)?;
        let is_snapshot = match head.kind {
            Some("snapshot") => true,
            Some("update") => false,
            other => return Err(wrong("type", other.unwrap_or(""), "snapshot or update")),
        };
        match channel {
            "trade" => {
                batch.trades_over("trade", Reach::All)?;
                for trade in &data.parse::<Many<Trade<'_>>>()?.0 {
                    v2_trade(trade, batch)?;
                }
                if is_snapshot {
                    batch.flag_since(0, Flags::SNAPSHOT);
                }
                Ok("trade")
            }
            "ticker" => {
                batch.quotes_over("ticker", Reach::Grouped(1))?;
                for ticker in &data.parse::<Many<Ticker<'_>>>()?.0 {
                    v2_ticker(ticker, batch)?;
                }
                Ok("ticker")
            }
            "book" => {
                for book in &data.parse::<Many<L2<'_>>>()?.0 {
                    self.v2_book(book, is_snapshot, batch)?;
                }
                Ok("book")
            }
            "level3" => {
                for book in &data.parse::<Many<L3<'_>>>()?.0 {
                    level3(book, is_snapshot, batch)?;
                }
                Ok("level3")
            }
            other => Err(unknown(other, KNOWN)),
        }
    }

    fn v2_book(
        &mut self,
        message: &L2<'_>,
        is_snapshot: bool,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let symbol = batch.symbol(message.symbol)?;
        let ts = time(message.timestamp)?;
        let from = batch.levels.len();
        for (side, levels) in [(Side::Buy, &message.bids.0), (Side::Sell, &message.asks.0)] {
            for level in levels {
                batch.level(side, level.price.number("price")?, level.qty.number("qty")?)?;
            }
        }
        let extent = match is_snapshot {
            true => Extent::Whole,
            false => Extent::Diff,
        };
        let mut book = Book::unnumbered(extent, batch.levels_since(from));
        book.checksum = message.checksum.map(Checksum::Kraken);
        let deepest = message.bids.0.len().max(message.asks.0.len());
        let of_snapshot = self.depth_of(symbol, deepest);
        let known = self.depths.iter_mut().find(|(known, _)| *known == symbol);
        if is_snapshot {
            book.depth = of_snapshot;
            match known {
                Some((_, depth)) => *depth = book.depth,
                None => self.depths.push((symbol, book.depth)),
            }
        } else if let Some((_, depth)) = known {
            book.depth = *depth;
        }
        let subscribed = self.subscribed.iter().filter(|(of, _)| *of == symbol);
        book.channel = if subscribed.count() > 1 {
            batch.channel("book of several depths", Reach::Mixed)?
        } else {
            let depth = book.depth;
            batch.channel(&format!("book-{depth}"), Reach::Levels(depth))?
        };
        batch.push(symbol, ts, What::Book(book));
        Ok(())
    }
}

fn time(time: Option<Raw<'_>>) -> Result<Option<Ts>, DecodeError> {
    time.map(|time| time.stamp("timestamp")).transpose()
}

fn v2_trade(trade: &Trade<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(trade.symbol)?;
    let numbers = (trade.price.number("price")?, trade.qty.number("qty")?);
    let ts = trade.timestamp.stamp("timestamp")?;
    let id = trade.trade_id.integer("trade_id")?;
    batch.trade(
        symbol,
        Some(ts),
        numbers,
        id,
        Some(side("side", trade.side)?),
    )
}

fn v2_ticker(ticker: &Ticker<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(ticker.symbol)?;
    let bid = (ticker.bid.number("bid")?, ticker.bid_qty.number("bid_qty")?);
    let ask = (ticker.ask.number("ask")?, ticker.ask_qty.number("ask_qty")?);
    batch.quote(symbol, time(ticker.timestamp)?, bid, ask, 0)
}

/// A snapshot is told as an emptied book and the orders in it; each is then of the time of the snapshot.
fn level3(book: &L3<'_>, is_snapshot: bool, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(book.symbol)?;
    let told = time(book.timestamp)?;
    if is_snapshot {
        let what = What::Order {
            action: BookAction::Clear,
            order_id: 0,
            side: None,
            price: Default::default(),
            qty: Default::default(),
        };
        batch.push(symbol, told, what);
    }
    for (side, orders) in [(Side::Buy, &book.bids.0), (Side::Sell, &book.asks.0)] {
        for order in orders {
            let action = match (order.event, is_snapshot) {
                (Some("add"), _) | (None, true) => BookAction::Add,
                (Some("modify"), _) => BookAction::Modify,
                (Some("delete"), _) => BookAction::Cancel,
                (other, _) => {
                    let found = other.unwrap_or("");
                    return Err(wrong("event", found, "add, modify or delete"));
                }
            };
            let own = order.timestamp.stamp("timestamp")?;
            let what = What::Order {
                action,
                order_id: number_of_id(order.order_id),
                side: Some(side),
                price: order.limit_price.number("limit_price")?,
                qty: order.order_qty.number("order_qty")?,
            };
            let ts = if is_snapshot {
                told.unwrap_or(own)
            } else {
                own
            };
            batch.push(symbol, Some(ts), what);
        }
    }
    if is_snapshot {
        batch.flag_since(0, Flags::SNAPSHOT);
    }
    Ok(())
}
