//! Bitfinex, version 2. Messages are arrays that name a channel by its number, which the connection gave it before.
//!
//! Where the flag `SEQ_ALL` is set each message of a connection is numbered. The sizes of a ticker are sums over 25
//! levels, not those of the best one, so its quotes have none. Books and tickers carry no time.

use super::batch::{Batch, Book, ChannelId, Extent, Number, Reach, SymbolId, What};
use super::shape::{Many, Raw, Row, need, parse, unknown, wrong};
use super::{ConnectionSeq, Name};
use crate::decode_error::{DecodeError, quoted};
use crate::limits;
use serde::Deserialize;
use std::collections::HashMap;
use tickloom_types::{Flags, Side};

/// The flag that has each message numbered.
const SEQ_ALL: u64 = 65_536;

const KNOWN: &str = "an event, or an array of a channel that was subscribed to";

/// What a connection remembers.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    channels: HashMap<u64, (Channel, SymbolId)>,
    is_numbered: bool,
    seq: ConnectionSeq,
}

#[derive(Clone, Copy, Debug)]
enum Channel {
    Ticker,
    Trades,
    Book(ChannelId),
    /// Single orders, candles, status: not decoded.
    Other,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    event: &'a str,
    #[serde(borrow)]
    channel: Option<&'a str>,
    #[serde(rename = "chanId")]
    id: Option<u64>,
    #[serde(borrow)]
    symbol: Option<&'a str>,
    #[serde(borrow)]
    prec: Option<&'a str>,
    /// Levels a side: a text or a number.
    #[serde(borrow)]
    len: Option<Raw<'a>>,
    #[serde(borrow)]
    freq: Option<&'a str>,
    flags: Option<u64>,
}

impl Decoder {
    pub(super) fn decode(&mut self, body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
        if body.first() != Some(&b'[') {
            return self.event(&parse(body)?, batch);
        }
        let message: Many<Raw<'_>> = match parse(body) {
            Ok(message) => message,
            Err(error) => {
                self.find_channel(body, batch);
                return Err(error);
            }
        };
        let [id, payload @ ..] = message.0.as_slice() else {
            return Err(unknown("an empty list", KNOWN));
        };
        let (payload, seq) = match (payload, self.is_numbered) {
            ([payload @ .., seq], true) => (payload, Some(seq.integer("sequence")?)),
            _ => (payload, None),
        };
        let id = id.integer("channel")?;
        let name = match payload {
            [beat] if beat.text() == "hb" => "hb",
            _ => self.payload(id, payload, batch)?,
        };
        if let Some(seq) = seq {
            self.seq.follow(seq, batch);
        }
        Ok(name)
    }

    /// Of a message that is cut off its number of the channel may be there all the same.
    fn find_channel(&self, body: &[u8], batch: &mut Batch) {
        let text = String::from_utf8_lossy(body.get(1..).unwrap_or_default());
        let id = text.split_once(',').map(|(id, _)| id.trim().parse::<u64>());
        if let Some(Ok(id)) = id
            && let Some((channel, symbol)) = self.channels.get(&id)
        {
            batch.named.push(*symbol);
            if !matches!(channel, Channel::Book(_)) {
                batch.no_book();
            }
        }
    }

    fn event(&mut self, event: &Event<'_>, batch: &mut Batch) -> Result<Name, DecodeError> {
        match event.event {
            "info" => Ok("info"),
            "pong" => Ok("pong"),
            "error" => Ok("error"),
            "conf" => {
                self.is_numbered = event.flags.unwrap_or(0) & SEQ_ALL != 0;
                Ok("conf")
            }
            "unsubscribed" => Ok("unsubscribed"),
            "subscribed" => {
                let id = need("chanId", event.id)?;
                let symbol = event.symbol.unwrap_or("");
                let Some(pair) = symbol.strip_prefix('t') else {
                    // Funding and candles are of no instrument.
                    return Ok("subscribed");
                };
                let channel = match (event.channel, event.prec) {
                    (Some("book"), Some("R0")) => Channel::Other,
                    (Some("book"), _) => Channel::Book(book_channel(event, batch)?),
                    (Some("trades"), _) => Channel::Trades,
                    (Some("ticker"), _) => Channel::Ticker,
                    _ => Channel::Other,
                };
                if self.channels.len() >= limits::CAPTURE_SYMBOLS_MAX {
                    return Err(DecodeError::TooLarge {
                        what: "number of channels",
                        size: self.channels.len(),
                        limit: limits::CAPTURE_SYMBOLS_MAX,
                    });
                }
                self.channels.insert(id, (channel, batch.symbol(pair)?));
                Ok("subscribed")
            }
            other => Err(unknown(
                other,
                "event info, conf, subscribed, pong or error",
            )),
        }
    }

    fn payload(
        &self,
        id: u64,
        payload: &[Raw<'_>],
        batch: &mut Batch,
    ) -> Result<Name, DecodeError> {
        let Some(&(channel, symbol)) = self.channels.get(&id) else {
            return Err(DecodeError::UnknownMessage {
                what: quoted(format!("channel {id}").as_bytes()),
                expected: KNOWN,
            });
        };
        batch.named.push(symbol);
        if !matches!(channel, Channel::Book(_)) {
            batch.no_book();
        }
        match (channel, payload) {
            (Channel::Other, _) => Ok("channel that is not decoded"),
            (Channel::Ticker, [values]) => ticker(symbol, *values, batch).map(|()| "ticker"),
            (Channel::Book(channel), [values]) => book((symbol, channel), *values, batch),
            (Channel::Trades, [past]) => {
                for row in &past.parse::<Many<Row<'_, 4>>>()?.0 {
                    trade(symbol, row, batch)?;
                }
                batch.oldest_first(0);
                batch.flag_since(0, Flags::SNAPSHOT);
                Ok("trades, first")
            }
            (Channel::Trades, [kind, row]) => match kind.text() {
                "te" => trade(symbol, &row.parse()?, batch).map(|()| "trades te"),
                // The same trade again, once it is settled.
                "tu" => Ok("trades tu"),
                other => Err(wrong("trade", other, "te or tu")),
            },
            _ => Err(unknown("an array of another length", KNOWN)),
        }
    }
}

/// Of precision `P0` levels are prices, of the others sums over several.
fn book_channel(event: &Event<'_>, batch: &mut Batch) -> Result<ChannelId, DecodeError> {
    let precision = event.prec.unwrap_or("P0");
    let length = event.len.map_or("25", Raw::text);
    let pace = event.freq.unwrap_or("F0");
    let levels = length.parse().unwrap_or(25);
    let reach = match precision {
        "P0" => Reach::Levels(levels),
        _ => Reach::Grouped(levels),
    };
    batch.channel(&format!("book {precision} {pace} {length}"), reach)
}

fn ticker(symbol: SymbolId, values: Raw<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let Row([bid, _, ask]) = values.parse::<Row<'_, 3>>()?;
    let bid = (bid.number("bid")?, Number::default());
    let ask = (ask.number("ask")?, Number::default());
    batch.quote(symbol, None, bid, ask, 0)
}

/// One level or a list of them. A count of zero deletes; the sign of the amount is the side.
fn book(
    (symbol, channel): (SymbolId, ChannelId),
    values: Raw<'_>,
    batch: &mut Batch,
) -> Result<Name, DecodeError> {
    let inner = values
        .json()
        .get(1..)
        .unwrap_or_default()
        .trim_ascii_start();
    let is_list = matches!(inner.first(), Some(b'[' | b']'));
    if is_list {
        for row in &values.parse::<Many<Row<'_, 3>>>()?.0 {
            level(row, batch)?;
        }
        let book = Book::unnumbered(Extent::Whole, batch.levels_since(0)).over(channel);
        batch.push(symbol, None, What::Book(book));
        return Ok("book, first");
    }
    level(&values.parse()?, batch)?;
    let book = Book::unnumbered(Extent::Diff, batch.levels_since(0)).over(channel);
    batch.push(symbol, None, What::Book(book));
    Ok("book")
}

fn level(Row([price, count, amount]): &Row<'_, 3>, batch: &mut Batch) -> Result<(), DecodeError> {
    let (side, size) = signed(amount.number("amount")?)?;
    let qty = match count.integer("count")? {
        0 => Number::default(),
        _ => size,
    };
    batch.level(side, price.number("price")?, qty)
}

fn trade(
    symbol: SymbolId,
    Row([id, time, amount, price]): &Row<'_, 4>,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    let (side, size) = signed(amount.number("amount")?)?;
    let numbers = (price.number("price")?, size);
    let ts = time.millis("mts")?;
    batch.trade(symbol, Some(ts), numbers, id.integer("id")?, Some(side))
}

/// Above zero is a bid or a purchase, below zero an ask or a sale.
fn signed(amount: Number) -> Result<(Side, Number), DecodeError> {
    let size = Number {
        mantissa: amount.mantissa.checked_abs().unwrap_or(0),
        ..amount
    };
    match amount.mantissa.signum() {
        1 => Ok((Side::Buy, size)),
        -1 if size.mantissa > 0 => Ok((Side::Sell, size)),
        _ => Err(wrong("amount", "0", "a size with a sign")),
    }
}
