//! BitMEX. A level of `orderBookL2` is named by a number; only the message that brings it in says its price.
//!
//! Messages are tables of rows. A row that stands alone, as in the venue's documentation, is known by its fields. Bars
//! of `tradeBin...` are closed and stamped with their close. Levels carry no ids.

use super::batch::{Batch, Book, Extent, Number, Reach, SymbolId, What};
use super::shape::{Many, Raw, Row, need, number_of_id, parse, side, unknown, wrong};
use super::{Name, push_sides};
use crate::decode_error::DecodeError;
use crate::limits;
use serde::Deserialize;
use std::collections::HashMap;
use tickloom_types::{BarSpec, Flags, Side};

const KNOWN: &str = "table orderBookL2, orderBook10, quote, trade or tradeBin";

/// What a connection remembers: the prices of levels, of each table on its own.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    prices: HashMap<LevelId, Number>,
}

/// A level of a symbol's book in a table of this depth, 0 for all.
type LevelId = (usize, SymbolId, u64);

/// Levels a side of the tables that tell the top of a book only.
const DEPTHS: [(&str, usize); 2] = [("orderBookL2_25", 25), ("orderBook10", 10)];

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    table: Option<&'a str>,
    #[serde(borrow)]
    action: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
    #[serde(borrow)]
    info: Option<Raw<'a>>,
    #[serde(borrow)]
    success: Option<Raw<'a>>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
    #[serde(borrow)]
    bids: Option<Raw<'a>>,
    #[serde(borrow)]
    id: Option<Raw<'a>>,
    #[serde(borrow, rename = "bidPrice")]
    bid_price: Option<Raw<'a>>,
    #[serde(borrow, rename = "trdMatchID")]
    match_id: Option<Raw<'a>>,
    #[serde(borrow)]
    open: Option<Raw<'a>>,
    #[serde(borrow, rename = "fundingRate")]
    funding_rate: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    id: u64,
    #[serde(borrow)]
    side: &'a str,
    #[serde(borrow)]
    size: Option<Raw<'a>>,
    #[serde(borrow)]
    price: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Ten<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow)]
    bids: Many<Row<'a, 2>>,
    #[serde(borrow)]
    asks: Many<Row<'a, 2>>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
}

#[derive(Deserialize)]
struct Quote<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow, rename = "bidPrice")]
    bid_price: Option<Raw<'a>>,
    #[serde(borrow, rename = "bidSize")]
    bid_size: Option<Raw<'a>>,
    #[serde(borrow, rename = "askPrice")]
    ask_price: Option<Raw<'a>>,
    #[serde(borrow, rename = "askSize")]
    ask_size: Option<Raw<'a>>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    symbol: &'a str,
    #[serde(borrow)]
    side: Option<&'a str>,
    #[serde(borrow)]
    size: Raw<'a>,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow, rename = "trdMatchID")]
    match_id: &'a str,
    #[serde(borrow)]
    timestamp: Raw<'a>,
}

#[derive(Deserialize)]
struct Bin<'a> {
    #[serde(borrow)]
    symbol: &'a str,
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
    #[serde(borrow)]
    timestamp: Raw<'a>,
}

impl Decoder {
    pub(super) fn decode(&mut self, body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
        let message: Message<'_> = parse(body)?;
        if let Some(table) = message.table {
            let action = need("action", message.action)?;
            return self.table(table, action, need("data", message.data)?, batch);
        }
        if message.info.is_some() {
            return Ok("info");
        }
        if message.success.is_some() {
            return Ok("subscribe");
        }
        if message.error.is_some() {
            return Ok("error");
        }
        if message.bids.is_some() {
            return ten(&parse(body)?, batch).map(|()| "orderBook10");
        }
        if message.bid_price.is_some() {
            return quote(&parse(body)?, batch).map(|()| "quote");
        }
        if message.match_id.is_some() {
            return trade(&parse(body)?, batch).map(|()| "trade");
        }
        if message.id.is_some() {
            self.levels("orderBookL2", "insert", &[parse(body)?], batch)?;
            return Ok("orderBookL2");
        }
        if message.open.is_some() {
            return Ok("tradeBin, of a size that is not told");
        }
        if message.funding_rate.is_some() {
            return Ok("funding");
        }
        Err(unknown("", KNOWN))
    }

    fn table(
        &mut self,
        table: &str,
        action: &str,
        data: Raw<'_>,
        batch: &mut Batch,
    ) -> Result<Name, DecodeError> {
        if !table.starts_with("orderBook") {
            batch.no_book();
        }
        match table {
            "orderBookL2" | "orderBookL2_25" => {
                self.levels(table, action, &data.parse::<Many<Level<'_>>>()?.0, batch)?;
                Ok("orderBookL2")
            }
            "orderBook10" => {
                for one in &data.parse::<Many<Ten<'_>>>()?.0 {
                    ten(one, batch)?;
                }
                Ok("orderBook10")
            }
            "quote" => {
                for one in &data.parse::<Many<Quote<'_>>>()?.0 {
                    quote(one, batch)?;
                }
                Ok("quote")
            }
            "trade" => {
                for one in &data.parse::<Many<Trade<'_>>>()?.0 {
                    trade(one, batch)?;
                }
                if action == "partial" {
                    batch.flag_since(0, Flags::SNAPSHOT);
                }
                Ok("trade")
            }
            "funding" | "instrument" | "liquidation" | "settlement" | "announcement" => {
                Ok("funding, instrument or liquidation")
            }
            other => match other.strip_prefix("tradeBin").map(str::parse) {
                Some(Ok(spec)) => {
                    for one in &data.parse::<Many<Bin<'_>>>()?.0 {
                        bin(one, spec, batch)?;
                    }
                    Ok("tradeBin")
                }
                _ => Err(unknown(other, KNOWN)),
            },
        }
    }

    /// Rows of one or more symbols; those of one make one change.
    fn levels(
        &mut self,
        table: &str,
        action: &str,
        rows: &[Level<'_>],
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let extent = match action {
            "partial" => Extent::Whole,
            "insert" | "update" | "delete" => Extent::Diff,
            other => return Err(wrong("action", other, "partial, insert, update or delete")),
        };
        let depth = DEPTHS.iter().find(|(name, _)| *name == table);
        let (reach, depth) = match depth {
            Some((_, depth)) => (Reach::Levels(*depth), *depth),
            None => (Reach::All, 0),
        };
        let channel = batch.channel(table, reach)?;
        let mut prices = Vec::with_capacity(rows.len());
        for of_symbol in rows.chunk_by(|a, b| a.symbol == b.symbol) {
            let symbol = batch.symbol(of_symbol[0].symbol)?;
            let from = batch.levels.len();
            let mut newest = None;
            for row in of_symbol {
                let price = match row.price {
                    Some(price) => price.number("price")?,
                    None => *self
                        .prices
                        .get(&(depth, symbol, row.id))
                        .ok_or_else(|| wrong("id", &row.id.to_string(), "a level that is known"))?,
                };
                let qty = match action {
                    "delete" => Number::default(),
                    _ => need("size", row.size)?.number("size")?,
                };
                batch.level(side("side", row.side)?, price, qty)?;
                let ts = row.timestamp.map(|time| time.stamp("timestamp"));
                newest = newest.max(ts.transpose()?);
                prices.push(((depth, symbol, row.id), price));
            }
            let book = Book::unnumbered(extent, batch.levels_since(from)).over(channel);
            batch.push(symbol, newest, What::Book(book));
        }
        self.remember(action, prices)
    }

    fn remember(
        &mut self,
        action: &str,
        prices: Vec<(LevelId, Number)>,
    ) -> Result<(), DecodeError> {
        let size = self.prices.len() + prices.len();
        if action != "delete" && size > limits::LEVEL_IDS_MAX {
            return Err(DecodeError::TooLarge {
                what: "number of levels",
                size,
                limit: limits::LEVEL_IDS_MAX,
            });
        }
        for (level, price) in prices {
            if action == "delete" {
                self.prices.remove(&level);
            } else {
                self.prices.insert(level, price);
            }
        }
        Ok(())
    }
}

fn ten(message: &Ten<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(message.symbol)?;
    let from = batch.levels.len();
    push_sides(&message.bids.0, &message.asks.0, batch)?;
    let channel = batch.channel("orderBook10", Reach::Levels(10))?;
    let book = Book::unnumbered(Extent::Whole, batch.levels_since(from)).over(channel);
    let ts = message.timestamp.stamp("timestamp")?;
    batch.push(symbol, Some(ts), What::Book(book));
    Ok(())
}

fn quote(quote: &Quote<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(quote.symbol)?;
    let number = |field, value: Option<Raw<'_>>| match value {
        Some(value) => value.number(field),
        None => Ok(Number::default()),
    };
    let bid = (
        number("bidPrice", quote.bid_price)?,
        number("bidSize", quote.bid_size)?,
    );
    let ask = (
        number("askPrice", quote.ask_price)?,
        number("askSize", quote.ask_size)?,
    );
    let ts = quote.timestamp.stamp("timestamp")?;
    batch.quote(symbol, Some(ts), bid, ask, 0)
}

fn trade(trade: &Trade<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(trade.symbol)?;
    let numbers = (trade.price.number("price")?, trade.size.number("size")?);
    let side: Option<Side> = match trade.side {
        None | Some("") => None,
        Some(text) => Some(side("side", text)?),
    };
    let ts = trade.timestamp.stamp("timestamp")?;
    batch.trade(
        symbol,
        Some(ts),
        numbers,
        number_of_id(trade.match_id),
        side,
    )
}

fn bin(bin: &Bin<'_>, spec: BarSpec, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(bin.symbol)?;
    let what = What::Bar {
        spec,
        prices: [
            bin.open.number("open")?,
            bin.high.number("high")?,
            bin.low.number("low")?,
            bin.close.number("close")?,
        ],
        volume: bin.volume.number("volume")?,
    };
    batch.push(symbol, Some(bin.timestamp.stamp("timestamp")?), what);
    Ok(())
}
