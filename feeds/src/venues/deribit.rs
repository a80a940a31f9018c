//! Deribit. Each change of a book names the id of the change before; grouped books are whole each time. Charts are not
//! marked as closed, and no bar is made of them.

use super::batch::{Batch, Book, ChannelId, Extent, Number, Reach, What};
use super::shape::{Many, Raw, Row, number_of_id, parse, side, unknown, wrong};
use super::{Name, push_sides};
use crate::book_sync::SequenceRule;
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::Side;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    method: Option<&'a str>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
    #[serde(borrow)]
    result: Option<Raw<'a>>,
    #[serde(borrow)]
    error: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    channel: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct BookHead<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow)]
    instrument_name: &'a str,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    change_id: u64,
    prev_change_id: Option<u64>,
}

#[derive(Deserialize)]
struct Sides<T> {
    bids: Many<T>,
    asks: Many<T>,
}

#[derive(Deserialize)]
struct Trade<'a> {
    #[serde(borrow)]
    instrument_name: &'a str,
    #[serde(borrow)]
    trade_id: &'a str,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    price: Raw<'a>,
    #[serde(borrow)]
    amount: Raw<'a>,
    #[serde(borrow)]
    direction: &'a str,
}

/// The part of a ticker or a quote that is best bid and ask; null where a side is empty.
#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    instrument_name: &'a str,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    best_bid_price: Option<Raw<'a>>,
    #[serde(borrow)]
    best_bid_amount: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask_price: Option<Raw<'a>>,
    #[serde(borrow)]
    best_ask_amount: Option<Raw<'a>>,
}

pub(super) fn decode(body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
    let message: Message<'_> = parse(body)?;
    if message.result.is_some() || message.error.is_some() {
        return Ok("reply to a request");
    }
    if message.method == Some("heartbeat") {
        return Ok("heartbeat");
    }
    let params = super::shape::need("params", message.params)?;
    let channel = super::shape::need("channel", params.channel)?;
    if !channel.starts_with("book.") {
        batch.no_book();
    }
    let data = super::shape::need("data", params.data)?;
    let (kind, _) = channel.split_once('.').unwrap_or((channel, ""));
    match kind {
        "book" => book(channel, data, batch),
        "trades" => {
            trades_over(channel, batch)?;
            for one in &data.parse::<Many<Trade<'_>>>()?.0 {
                trade(one, batch)?;
            }
            Ok("trades")
        }
        "ticker" | "incremental_ticker" => {
            let interval = channel.rsplit('.').next().unwrap_or_default();
            let name = match kind {
                "ticker" => format!("{kind}.{interval}"),
                _ => kind.to_owned(),
            };
            // Each change, or what it is after an interval.
            let reach = Reach::Grouped(usize::from(interval == "raw"));
            batch.quotes_over(&name, reach)?;
            top(&data.parse()?, batch).map(|()| "ticker")
        }
        "quote" => {
            batch.quotes_over(kind, Reach::All)?;
            top(&data.parse()?, batch).map(|()| "quote")
        }
        "chart" => Ok("chart, not marked as closed"),
        "deribit_price_index"
        | "deribit_volatility_index"
        | "instrument"
        | "platform_state"
        | "perpetual"
        | "markprice"
        | "estimated_expiration_price" => Ok("index, instrument or platform"),
        other => Err(unknown(
            other,
            "channel book, trades, ticker, quote, chart or one of indices and instruments",
        )),
    }
}

/// `book.INSTRUMENT.INTERVAL` is all of a book, `book.INSTRUMENT.GROUP.DEPTH.INTERVAL` its top.
fn channel_of(channel: &str, batch: &mut Batch) -> Result<ChannelId, DecodeError> {
    let rest: Vec<&str> = channel.split('.').skip(2).collect();
    let name = format!("book.{}", rest.join("."));
    let reach = match rest.as_slice() {
        [group, depth, _] => {
            let depth = depth.parse().unwrap_or(0);
            match *group {
                "none" => Reach::Levels(depth),
                _ => Reach::Grouped(depth),
            }
        }
        _ => Reach::All,
    };
    batch.channel(&name, reach)
}

/// `trades.INSTRUMENT.INTERVAL`, or `trades.KIND.CURRENCY.INTERVAL` of several instruments. `raw` tells each trade at once.
fn trades_over(channel: &str, batch: &mut Batch) -> Result<(), DecodeError> {
    let parts: Vec<&str> = channel.split('.').collect();
    let (name, pace) = match parts.as_slice() {
        [_, _, pace] => (format!("trades.{pace}"), *pace),
        _ => (
            channel.to_owned(),
            parts.last().copied().unwrap_or_default(),
        ),
    };
    let reach = match pace {
        "raw" => Reach::All,
        _ => Reach::Grouped(0),
    };
    batch.trades_over(&name, reach)
}

fn book(channel: &str, data: Raw<'_>, batch: &mut Batch) -> Result<Name, DecodeError> {
    let head: BookHead<'_> = data.parse()?;
    let symbol = batch.symbol(head.instrument_name)?;
    let (extent, name) = match head.kind {
        Some("change") => (Extent::Diff, "book change"),
        Some("snapshot") => (Extent::Whole, "book snapshot"),
        None => (Extent::Whole, "book, grouped"),
        Some(other) => return Err(wrong("type", other, "snapshot or change")),
    };
    if head.kind.is_some() {
        let Sides { bids, asks } = data.parse::<Sides<Row<'_, 3>>>()?;
        for (side, rows) in [(Side::Buy, &bids.0), (Side::Sell, &asks.0)] {
            for Row([action, price, amount]) in rows {
                let qty = match action.text() {
                    "new" | "change" => amount.number("amount")?,
                    "delete" => Number::default(),
                    other => return Err(wrong("action", other, "new, change or delete")),
                };
                batch.level(side, price.number("price")?, qty)?;
            }
        }
    } else {
        let Sides { bids, asks } = data.parse::<Sides<Row<'_, 2>>>()?;
        push_sides(&bids.0, &asks.0, batch)?;
    }
    let ids = (head.change_id, head.change_id);
    let levels = batch.levels_since(0);
    let channel = channel_of(channel, batch)?;
    let mut book = Book::numbered(extent, SequenceRule::Chained, ids, levels).over(channel);
    book.previous_id = head.prev_change_id;
    let ts = head.timestamp.millis("timestamp")?;
    batch.push(symbol, Some(ts), What::Book(book));
    Ok(name)
}

fn trade(trade: &Trade<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(trade.instrument_name)?;
    let numbers = (trade.price.number("price")?, trade.amount.number("amount")?);
    let ts = trade.timestamp.millis("timestamp")?;
    let side = side("direction", trade.direction)?;
    batch.trade(
        symbol,
        Some(ts),
        numbers,
        number_of_id(trade.trade_id),
        Some(side),
    )
}

fn top(top: &Top<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
    let symbol = batch.symbol(top.instrument_name)?;
    let number = |field, value: Option<Raw<'_>>| match value {
        Some(value) => value.number(field),
        None => Ok(Number::default()),
    };
    let bid = (
        number("best_bid_price", top.best_bid_price)?,
        number("best_bid_amount", top.best_bid_amount)?,
    );
    let ask = (
        number("best_ask_price", top.best_ask_price)?,
        number("best_ask_amount", top.best_ask_amount)?,
    );
    batch.quote(
        symbol,
        Some(top.timestamp.millis("timestamp")?),
        bid,
        ask,
        0,
    )
}
