//! Binance messages in the captures of other recorders: the decoder of live feeds, and candles beside it.
//!
//! That decoder has to know its symbols; here they are added as they appear, at its eight decimals.

use super::batch::{Batch, Book, ChannelId, Extent, Number, Reach, SymbolId, What};
use super::shape::{Many, Raw, Row, need, parse, wrong};
use super::{Frame, Name, other_reply, push_sides};
use crate::binance::{self, Channel, Decoded, Depth, MICROS_MIN, Reply, Symbol, Untimed, Venue};
use crate::book_sync::SequenceRule;
use crate::decode_error::DecodeError;
use serde::Deserialize;
use tickloom_types::{
    BarSpec, Flags, Header, InstrumentId, Kind, QuoteBody, Record, Side, SourceId, TradeBody, Ts,
};

/// Decimals at which the decoder reads; what the numbers need is found out afterwards.
const DECIMALS: u8 = 8;

/// What a connection remembers.
#[derive(Debug)]
pub(crate) struct Decoder {
    venue: Venue,
    inner: binance::Decoder,
}

#[derive(Deserialize)]
struct Combined<'a> {
    #[serde(borrow)]
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    e: Option<&'a str>,
    #[serde(borrow)]
    s: Option<&'a str>,
}

/// The top of a book, whole each time: `bids` and `asks` of spot, `b` and `a` of futures.
#[derive(Deserialize)]
struct Partial<'a> {
    #[serde(borrow)]
    s: Option<&'a str>,
    #[serde(borrow, alias = "b")]
    bids: Many<Row<'a, 2>>,
    #[serde(borrow, alias = "a")]
    asks: Many<Row<'a, 2>>,
    #[serde(borrow, rename = "T")]
    ts: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct KlineMessage<'a> {
    #[serde(borrow)]
    s: &'a str,
    #[serde(borrow)]
    k: Kline<'a>,
}

#[derive(Deserialize)]
struct Kline<'a> {
    /// The last millisecond, or microsecond.
    #[serde(borrow, rename = "T")]
    end: Raw<'a>,
    #[serde(borrow, rename = "i")]
    interval: &'a str,
    #[serde(borrow, rename = "o")]
    open: Raw<'a>,
    #[serde(borrow, rename = "h")]
    high: Raw<'a>,
    #[serde(borrow, rename = "l")]
    low: Raw<'a>,
    #[serde(borrow, rename = "c")]
    close: Raw<'a>,
    #[serde(borrow, rename = "v")]
    volume: Raw<'a>,
    #[serde(rename = "x")]
    is_closed: bool,
}

impl Decoder {
    pub(super) fn new(venue: Venue) -> Decoder {
        // Instruments are those of the batch; a source is given to records later.
        let mut inner = binance::Decoder::new(venue, SourceId(0), Vec::new(), Untimed::Arrival);
        inner.watch_markets();
        Decoder { venue, inner }
    }

    pub(super) fn decode(
        &mut self,
        frame: &Frame<'_>,
        batch: &mut Batch,
    ) -> Result<Name, DecodeError> {
        if let Some(url) = frame.url {
            if !url.contains("/depth?") {
                return other_reply(frame);
            }
            let pair = url
                .split(['?', '&'])
                .find_map(|part| part.strip_prefix("symbol="));
            let symbol = self.know(need("symbol", pair)?, batch)?;
            let id = InstrumentId(u32::try_from(symbol.0).expect("symbols are few"));
            let decoded = self.inner.decode_snapshot(Ts(0), Some(id), frame.body)?;
            return take(self.venue, "depth", decoded, batch);
        }
        let combined: Combined<'_> = parse(frame.body)?;
        let body = combined.data.map_or(frame.body, Raw::json);
        let (symbol, stream) = match combined.stream {
            Some(stream) => stream.split_once('@').unwrap_or(("", stream)),
            None => ("", "depth"),
        };
        if !stream.starts_with("depth") {
            batch.no_book();
        }
        if let Some(name) = combined.stream.and_then(not_kept) {
            return Ok(name);
        }
        if let Some(levels) = top_levels(stream) {
            let of = (self.venue, symbol);
            return partial(of, (stream, levels), &parse(body)?, batch);
        }
        let head: Head<'_> = parse(body)?;
        if head.e == Some("kline") {
            return kline(body, batch);
        }
        if let Some(name) = head.e.and_then(not_kept_event) {
            return Ok(name);
        }
        if let Some(name) = head.s {
            self.know(name, batch)?;
        }
        // What comes over the stream of all symbols is told as what comes over each one's.
        let is_of_all = combined.stream == Some("!bookTicker");
        let message = if is_of_all { body } else { frame.body };
        let decoded = self.inner.decode(Ts(0), message)?;
        take(self.venue, stream, decoded, batch)
    }

    fn know(&mut self, name: &str, batch: &mut Batch) -> Result<SymbolId, DecodeError> {
        let id = batch.symbol(name)?;
        if !self.inner.symbols().iter().any(|known| known.name == name) {
            self.inner.add_symbol(Symbol {
                name: name.to_owned(),
                instrument: InstrumentId(u32::try_from(id.0).expect("symbols are few")),
                price_decimals: DECIMALS,
                qty_decimals: DECIMALS,
            });
        }
        Ok(id)
    }
}

fn number(mantissa: i64) -> Number {
    Number {
        mantissa,
        decimals: DECIMALS,
    }
}

fn symbol(header: Header) -> SymbolId {
    SymbolId(usize::try_from(header.instrument).expect("it was a usize before"))
}

/// The venue's time; what the decoder found out in another way is not its time.
fn time(header: Header) -> Option<Ts> {
    (header.flags & Flags::BAD_TIME == 0).then_some(Ts(header.ts_event))
}

/// The name of an event of which nothing is kept.
pub(crate) fn not_kept_event(event: &str) -> Option<Name> {
    Some(match event {
        "24hrTicker" | "24hrMiniTicker" => "24hrTicker",
        "markPriceUpdate" | "indexPriceUpdate" => "markPriceUpdate",
        "forceOrder" => "forceOrder",
        _ => return None,
    })
}

/// The name of a stream of which nothing is kept.
pub(crate) fn not_kept(stream: &str) -> Option<Name> {
    let kind = match stream.strip_prefix('!') {
        Some(all) => all.split('@').next()?,
        None => stream.split('@').nth(1).unwrap_or(stream),
    };
    Some(match kind.split('_').next()? {
        "ticker" | "miniTicker" => "24hrTicker",
        "markPrice" | "indexPrice" => "markPriceUpdate",
        "forceOrder" => "forceOrder",
        "rpiDepth" => "rpiDepth",
        "blockTrade" => "blockTrade",
        "continuousKline" | "indexPriceKline" | "markPriceKline" => "kline of an index or a chain",
        "avgPrice" | "referencePrice" | "compositeIndex" | "assetIndex" => "index or average",
        "contractInfo" | "tradingSession" => "contractInfo or tradingSession",
        _ => return None,
    })
}

/// Levels a side of a stream such as `depth20@100ms`, which tells the top of a book.
pub(crate) fn top_levels(stream: &str) -> Option<usize> {
    let kind = stream.split('@').next()?;
    kind.strip_prefix("depth")?.parse().ok()
}

fn partial(
    (venue, symbol): (Venue, &str),
    (stream, levels): (&str, usize),
    message: &Partial<'_>,
    batch: &mut Batch,
) -> Result<Name, DecodeError> {
    let ts = message.ts.map(|time| time.millis("T")).transpose()?;
    let symbol = match message.s {
        Some(name) => batch.symbol(name)?,
        None => batch.symbol(&symbol.to_uppercase())?,
    };
    if venue == Venue::Spot && ts.is_some() {
        let expected = "one of spot, as the capture is";
        return Err(wrong("T", "of futures", expected));
    }
    push_sides(&message.bids.0, &message.asks.0, batch)?;
    let channel = batch.channel(stream, Reach::Levels(levels))?;
    let rule = SequenceRule::Unnumbered;
    let book = Book::numbered(Extent::Whole, rule, (0, 0), batch.levels_since(0)).over(channel);
    batch.push(symbol, ts, What::Book(book));
    Ok("partial depth")
}

fn take(
    venue: Venue,
    stream: &str,
    decoded: Decoded<'_>,
    batch: &mut Batch,
) -> Result<Name, DecodeError> {
    match decoded {
        Decoded::Trade(record, channel) => {
            match channel {
                Channel::AggTrade => batch.trades_over("aggTrade", Reach::Grouped(0))?,
                _ => batch.trades_over("trade", Reach::All)?,
            }
            record_of(&record, batch)
        }
        Decoded::Quote(record) => record_of(&record, batch),
        Decoded::Diff(depth) => {
            let channel = batch.channel(stream, Reach::All)?;
            book((venue, channel), Extent::Diff, &depth, batch)?;
            Ok("depthUpdate")
        }
        Decoded::Snapshot(depth) => {
            let channel = batch.channel("depth", Reach::All)?;
            book((venue, channel), Extent::Asked, &depth, batch)?;
            Ok("depth by REST")
        }
        Decoded::Reply(Reply::Accepted) => Ok("reply to a request"),
        Decoded::Reply(Reply::Refused(_)) => Ok("error"),
        Decoded::Reply(Reply::Shutdown) => Ok("serverShutdown"),
    }
}

fn record_of(record: &Record, batch: &mut Batch) -> Result<Name, DecodeError> {
    let (symbol, ts) = (symbol(record.header), time(record.header));
    if record.kind() == Some(Kind::Trade) {
        let trade = TradeBody::of(record);
        let numbers = (number(trade.price), number(trade.qty));
        batch.trade(
            symbol,
            ts,
            numbers,
            trade.trade_id,
            Side::from_raw(trade.side),
        )?;
        return Ok("trade or aggTrade");
    }
    let quote = QuoteBody::of(record);
    let bid = (number(quote.bid), number(quote.bid_qty));
    let ask = (number(quote.ask), number(quote.ask_qty));
    batch.quote(symbol, ts, bid, ask, quote.update_id)?;
    Ok("bookTicker")
}

fn book(
    (venue, channel): (Venue, ChannelId),
    extent: Extent,
    depth: &Depth<'_>,
    batch: &mut Batch,
) -> Result<(), DecodeError> {
    for level in depth.levels {
        batch.level(level.side, number(level.price), number(level.qty))?;
    }
    let ids = (depth.first_id, depth.last_id);
    let mut book = Book::numbered(extent, venue.sequence_rule(), ids, batch.levels_since(0));
    book.previous_id = depth.previous_id;
    book.channel = channel;
    batch.push(symbol(depth.header), time(depth.header), What::Book(book));
    Ok(())
}

/// A candle that is over.
pub(crate) struct ClosedKline<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) spec: BarSpec,
    pub(crate) close: Ts,
    /// Open, high, low and close.
    pub(crate) prices: [Number; 4],
    pub(crate) volume: Number,
}

/// The candle of a message, or the name of one of which no bar is made.
///
/// # Errors
/// [`DecodeError`] if it is no whole message of a candle.
pub(crate) fn closed_kline(body: &[u8]) -> Result<Result<ClosedKline<'_>, Name>, DecodeError> {
    let message: KlineMessage<'_> = parse(body)?;
    let kline = &message.k;
    if !kline.is_closed {
        return Ok(Err("kline, not closed"));
    }
    let spec: Option<BarSpec> = match kline.interval.ends_with('M') {
        true => None,
        false => kline.interval.parse().ok(),
    };
    let Some(spec) = spec else {
        return Ok(Err("kline, of months"));
    };
    // The last microsecond where times are such.
    let end = kline.end.integer("T")?;
    let close = match end >= MICROS_MIN.unsigned_abs() {
        true => kline.end.micros("T")?.0.checked_add(1_000),
        false => kline.end.millis("T")?.0.checked_add(1_000_000),
    };
    let close = close.ok_or_else(|| wrong("T", kline.end.text(), "a time before 2262"))?;
    Ok(Ok(ClosedKline {
        symbol: message.s,
        spec,
        close: Ts(close),
        prices: [
            kline.open.number("o")?,
            kline.high.number("h")?,
            kline.low.number("l")?,
            kline.close.number("c")?,
        ],
        volume: kline.volume.number("v")?,
    }))
}

fn kline(body: &[u8], batch: &mut Batch) -> Result<Name, DecodeError> {
    let kline = match closed_kline(body)? {
        Ok(kline) => kline,
        Err(name) => return Ok(name),
    };
    let symbol = batch.symbol(kline.symbol)?;
    let what = What::Bar {
        spec: kline.spec,
        prices: kline.prices,
        volume: kline.volume,
    };
    batch.push(symbol, Some(kline.close), what);
    Ok("kline")
}
