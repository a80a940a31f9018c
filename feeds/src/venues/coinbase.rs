//! Coinbase: the Exchange feed (`snapshot`, `l2update`, `match`, `ticker`) and Advanced Trade (`l2_data`, `market_trades`,
//! `ticker`).
//!
//! Both name the side of the maker in a trade, so the aggressor is the other one. Candles are not marked as closed, and no
//! bar is made of them. Levels carry no ids; Advanced Trade numbers the messages of a connection.

use super::batch::{Batch, Book, ChannelId, Extent, Number, Reach, SymbolId, What};
use super::shape::{Many, Raw, Row, number_of_id, parse, side, unknown};
use super::{ConnectionSeq, Name};
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::Flags;

/// Levels a side of the channel `level2_50`.
const TOP: usize = 50;

/// What a connection remembers.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    seq: ConnectionSeq,
    /// Of the Exchange feed: the channels of books that each product was subscribed to, as the venue confirmed. Their messages do
    /// not say of which they are.
    subscribed: Vec<(SymbolId, Vec<String>)>,
    /// The channel that messages of a product's book were taken for so far.
    channels: Vec<(SymbolId, ChannelId)>,
}

#[derive(Deserialize)]
struct Subscriptions<'a> {
    #[serde(borrow)]
    channels: Option<Many<Subscribed<'a>>>,
}

#[derive(Deserialize)]
struct Subscribed<'a> {
    #[serde(borrow)]
    name: &'a str,
    #[serde(borrow)]
    product_ids: Option<Many<Raw<'a>>>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow)]
    channel: Option<&'a str>,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(borrow)]
    product_id: &'a str,
    #[serde(borrow)]
    bids: Many<Row<'a, 2>>,
    #[serde(borrow)]
    asks: Many<Row<'a, 2>>,
    #[serde(borrow)]
    time: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct L2Update<'a> {
    #[serde(borrow)]
    product_id: &'a str,
    #[serde(borrow)]
    changes: Many<Row<'a, 3>>,
    #[serde(borrow)]
    time: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    product_id: &'a str,
    #[serde(borrow)]
    trade_id: Raw<'a>,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    size: Raw<'a>,
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    time: Raw<'a>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    product_id: &'a str,
    #[serde(borrow)]
    best_bid: Raw<'a>,
    #[serde(borrow, alias = "best_bid_size")]
    best_bid_quantity: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask: Raw<'a>,
    #[serde(borrow, alias = "best_ask_size")]
    best_ask_quantity: Option<Raw<'a>>,
    #[serde(borrow)]
    time: Option<Raw<'a>>,
}

/// A message of Advanced Trade; its events are of the channel's shape.
#[derive(Deserialize)]
struct Advanced<'a, E> {
    #[serde(borrow)]
    timestamp: Raw<'a>,
    sequence_num: u64,
    events: Many<E>,
}

#[derive(Deserialize)]
struct L2Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    product_id: &'a str,
    #[serde(borrow)]
    updates: Many<L2Level<'a>>,
}

#[derive(Deserialize)]
struct L2Level<'a> {
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    price_level: Raw<'a>,
    #[serde(borrow)]
    new_quantity: Raw<'a>,
}

#[derive(Deserialize)]
struct TradesEvent<'a> {
    #[serde(borrow, rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    trades: Many<Trade<'a>>,
}

#[derive(Deserialize)]
struct TickersEvent<'a> {
    #[serde(borrow)]
    tickers: Many<Ticker<'a>>,
}

#[derive(Deserialize)]
struct Other {}

impl Decoder {
    pub(super) fn decode(&mut self, body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
        let head: Head<'_> = parse(body)?;
        match (head.channel, head.kind) {
            (Some(channel), _) => self.advanced(channel, body, batch),
            (None, Some(kind)) => self.exchange(kind, body, batch),
            (None, None) => Err(unknown("", "a type or a channel")),
        }
    }

    fn advanced(
        &mut self,
        channel: &str,
        body: &[u8],
        batch: &mut Batch,
    ) -> Result<Name, DecodeError> {
        match channel {
            "l2_data" => {
                let message: Advanced<'_, L2Event<'_>> = parse(body)?;
                for event in &message.events.0 {
                    l2_event(event, message.timestamp, batch)?;
                }
                self.seq.follow(message.sequence_num, batch);
                Ok("l2_data")
            }
            "market_trades" => {
                batch.trades_over("market_trades", Reach::All)?;
                let message: Advanced<'_, TradesEvent<'_>> = parse(body)?;
                for event in &message.events.0 {
                    let from = batch.items.len();
                    for one in &event.trades.0 {
                        trade(one, batch)?;
                    }
                    batch.oldest_first(from);
                    if event.kind == "snapshot" {
                        batch.flag_since(from, Flags::SNAPSHOT);
                    }
                }
                self.seq.follow(message.sequence_num, batch);
                Ok("market_trades")
            }
            "ticker" | "ticker_batch" => {
                let reach = match channel {
                    "ticker" => Reach::All,
                    _ => Reach::Grouped(0),
                };
                batch.quotes_over(channel, reach)?;
                let message: Advanced<'_, TickersEvent<'_>> = parse(body)?;
                for one in message.events.0.iter().flat_map(|event| &event.tickers.0) {
                    ticker(one, Some(message.timestamp), batch)?;
                }
                self.seq.follow(message.sequence_num, batch);
                Ok("ticker")
            }
            "candles" | "heartbeats" | "subscriptions" | "status" => {
                let message: Advanced<'_, Other> = parse(body)?;
                self.seq.follow(message.sequence_num, batch);
                Ok(match channel {
                    "candles" => "candles, not marked as closed",
                    "heartbeats" => "heartbeats",
                    "subscriptions" => "subscriptions",
                    _ => "status",
                })
            }
            other => Err(unknown(
                other,
                "l2_data, market_trades, ticker, candles, heartbeats, subscriptions or status",
            )),
        }
    }
}

impl Decoder {
    fn exchange(
        &mut self,
        kind: &str,
        body: &[u8],
        batch: &mut Batch,
    ) -> Result<Name, DecodeError> {
        match kind {
            "snapshot" => {
                let message: Snapshot<'_> = parse(body)?;
                let symbol = batch.symbol(message.product_id)?;
                super::push_sides(&message.bids.0, &message.asks.0, batch)?;
                self.book(Extent::Whole, symbol, message.time, batch)?;
                Ok("snapshot")
            }
            "l2update" => {
                let message: L2Update<'_> = parse(body)?;
                let symbol = batch.symbol(message.product_id)?;
                for Row([side, price, size]) in &message.changes.0 {
                    let price = price.number("price")?;
                    batch.level(side.side("side")?, price, size.number("size")?)?;
                }
                self.book(Extent::Diff, symbol, message.time, batch)?;
                Ok("l2update")
            }
            "subscriptions" => {
                batch.no_book();
                self.subscribe(&parse(body)?, batch)?;
                Ok("subscriptions")
            }
            other => {
                batch.no_book();
                exchange(other, body, batch)
            }
        }
    }

    fn book(
        &mut self,
        extent: Extent,
        symbol: SymbolId,
        time: Option<Raw<'_>>,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let ts = time.map(|time| time.stamp("time")).transpose()?;
        let channel = self.channel(symbol, batch)?;
        let book = Book::unnumbered(extent, batch.levels_since(0)).over(channel);
        batch.push(symbol, ts, What::Book(book));
        Ok(())
    }

    /// All that the connection is subscribed to.
    fn subscribe(
        &mut self,
        told: &Subscriptions<'_>,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        self.subscribed.clear();
        let channels = told.channels.iter().flat_map(|channels| &channels.0);
        for channel in channels.filter(|channel| channel.name.starts_with("level2")) {
            for product in channel.product_ids.iter().flat_map(|ids| &ids.0) {
                let symbol = batch.symbol(product.text())?;
                let name = channel.name.to_owned();
                match self.subscribed.iter_mut().find(|(of, _)| *of == symbol) {
                    Some((_, names)) => names.push(name),
                    None => self.subscribed.push((symbol, vec![name])),
                }
            }
        }
        Ok(())
    }

    /// The channel of a product's book. What it was once taken for it stays, unless there are several.
    fn channel(&mut self, symbol: SymbolId, batch: &mut Batch) -> Result<ChannelId, DecodeError> {
        let known = self.channels.iter().position(|(of, _)| *of == symbol);
        let names = self.subscribed.iter().find(|(of, _)| *of == symbol);
        let names = names.map_or(&[][..], |(_, names)| names.as_slice());
        let id = match (names, known) {
            ([_, _, ..], _) => batch.channel(&names.join(" and "), Reach::Mixed)?,
            (_, Some(known)) => self.channels[known].1,
            ([name], None) if name == "level2_50" => batch.channel(name, Reach::Levels(TOP))?,
            ([name], None) => batch.channel(name, Reach::All)?,
            ([], None) => batch.channel("level2", Reach::All)?,
        };
        match known {
            Some(known) => self.channels[known].1 = id,
            None => self.channels.push((symbol, id)),
        }
        Ok(id)
    }
}

fn exchange(kind: &str, body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
    batch.trades_over("match", Reach::All)?;
    match kind {
        "match" => trade(&parse(body)?, batch).map(|()| "match"),
        "last_match" => {
            trade(&parse(body)?, batch)?;
            batch.flag_since(0, Flags::SNAPSHOT);
            Ok("last_match")
        }
        "ticker" => ticker(&parse(body)?, None, batch).map(|()| "ticker"),
        "heartbeat" => Ok("heartbeat"),
        "status" => Ok("status"),
        "error" => Ok("error"),
        other => Err(unknown(
            other,
            "snapshot, l2update, match, last_match, ticker, subscriptions, heartbeat, status or error",
        )),
    }
}

fn l2_event(event: &L2Event<'_>, timestamp: Raw<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let extent = match event.kind {
        "snapshot" => Extent::Whole,
        "update" => Extent::Diff,
        other => return Err(unknown(other, "an event of type snapshot or update")),
    };
    let symbol = batch.symbol(event.product_id)?;
    let from = batch.levels.len();
    for level in &event.updates.0 {
        let price = level.price_level.number("price_level")?;
        let qty = level.new_quantity.number("new_quantity")?;
        batch.level(side("side", level.side)?, price, qty)?;
    }
    let ts = timestamp.stamp("timestamp")?;
    let channel = batch.channel("l2_data", Reach::All)?;
    let book = Book::unnumbered(extent, batch.levels_since(from)).over(channel);
    batch.push(symbol, Some(ts), What::Book(book));
    Ok(())
}

fn trade(trade: &Trade<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(trade.product_id)?;
    let numbers = (trade.price.number("price")?, trade.size.number("size")?);
    let aggressor = side("side", trade.side)?.opposite();
    let ts = trade.time.stamp("time")?;
    let id = number_of_id(trade.trade_id.text());
    batch.trade(symbol, Some(ts), numbers, id, Some(aggressor))
}

fn ticker(
    ticker: &Ticker<'_>,
    timestamp: Option<Raw<'_>>,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    let symbol = batch.symbol(ticker.product_id)?;
    let size = |size: Option<Raw<'_>>| match size {
        Some(size) => size.number("size"),
        None => Ok(Number::default()),
    };
    let bid = (
        ticker.best_bid.number("best_bid")?,
        size(ticker.best_bid_quantity)?,
    );
    let ask = (
        ticker.best_ask.number("best_ask")?,
        size(ticker.best_ask_quantity)?,
    );
    let time = ticker.time.or(timestamp);
    let ts = time.map(|time| time.stamp("time")).transpose()?;
    batch.quote(symbol, ts, bid, ask, 0)
}
