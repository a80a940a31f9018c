//! The decoder: bytes of one frame in, one typed thing out. Sans-I/O, no clock, no allocation on good frames after warm-up.
//!
//! It deliberately does not know whether an update follows the one before: that is `book_sync`'s work.
//!
//! Times: futures messages carry `T` (when the matching engine did it), which becomes `ts_event`. Spot messages carry
//! `T` on trades only and publish depth in batches of 100 ms, so `E` (when it was published) is the one clock that
//! orders all spot streams, and becomes `ts_event`. Spot `bookTicker` has no time: it gets the latest venue time
//! seen and the flag `BAD_TIME`. So does a message whose time is far from the feed's own course (`course`), if that is
//! watched.

mod top;

use super::checks::{
    Message, check_id, check_settled_in, check_size, parse, unknown, unknown_symbol,
};
use super::clock::{BadTime, Clock, Untimed};
use super::decoded::{Decoded, Depth, Level, Reply, Symbol};
use super::endpoint::{Channel, Venue};
use super::fields::{missing, positive, quote_side};
use super::levels::read_levels;
use super::market::Markets;
use super::message::{BookTicker, DepthUpdate, Frame, Snapshot, Times, Trade};
use crate::course::Course;
use crate::decode_error::DecodeError;
use crate::json;
use crate::limits;
use sonic_rs::LazyValue;
use tickloom_types::{Flags, InstrumentId, Kind, QuoteBody, Record, Side, SourceId, TradeBody, Ts};

/// Decoder of one venue's frames.
#[derive(Debug)]
pub struct Decoder {
    clock: Clock,
    symbols: Vec<Symbol>,
    markets: Markets,
    /// The book of a message that was refused: it lacks what that said.
    refused: Option<InstrumentId>,
    levels: Vec<Level>,
}

/// Longest text of a refusal that is kept, in characters.
const REFUSAL_CHARS_MAX: usize = 256;

/// What a venue says before it ends its connections.
const SHUTDOWN_STREAM: &str = "!serverShutdown";
const SHUTDOWN_EVENT: &str = "serverShutdown";

impl Decoder {
    /// A decoder for these symbols.
    #[must_use]
    pub fn new(venue: Venue, source: SourceId, mut symbols: Vec<Symbol>, untimed: Untimed) -> Self {
        symbols.sort_by(|a, b| a.name.cmp(&b.name));
        Decoder {
            clock: Clock {
                venue,
                source,
                untimed,
                venue_time: None,
                course: None,
                bad_time: None,
            },
            symbols,
            markets: Markets::default(),
            refused: None,
            levels: Vec::with_capacity(2 * limits::SNAPSHOT_DEPTH),
        }
    }

    /// From now on messages of another market than that of the decoder are refused.
    pub(crate) fn watch_markets(&mut self) {
        self.markets.watch();
    }

    /// Adds a symbol that was not known before.
    pub(crate) fn add_symbol(&mut self, symbol: Symbol) {
        let at = self
            .symbols
            .partition_point(|known| known.name < symbol.name);
        self.symbols.insert(at, symbol);
    }

    /// From now on times are judged by the feed's own course.
    pub(crate) fn watch_times(&mut self) {
        self.clock.course = Some(Course::default());
    }

    pub(crate) fn course(&mut self) -> Option<&mut Course> {
        self.clock.course.as_mut()
    }

    /// The time of the latest message that was not used, once.
    pub(crate) fn take_bad_time(&mut self) -> Option<BadTime> {
        self.clock.bad_time.take()
    }

    /// The book whose message was refused last, once.
    pub(crate) fn take_refused(&mut self) -> Option<InstrumentId> {
        self.refused.take()
    }

    /// No message has a time: those of arrival are all there is.
    pub(crate) fn use_arrival(&mut self) {
        self.clock.untimed = Untimed::Arrival;
    }

    /// The time that a frame tells, without taking it.
    pub(crate) fn peek_time(&self, frame: &[u8]) -> Option<Ts> {
        let top: Frame<'_> = json::parse(frame).ok()?;
        let body = top.data.as_ref();
        let body = body.map_or(frame, |data| data.as_raw_str().as_bytes());
        let times: Times = json::parse(body).ok()?;
        let told = self
            .clock
            .told((times.event_time, times.transaction_time))?;
        self.clock.instant(told)
    }

    /// The latest time that the venue has told.
    #[must_use]
    pub fn venue_time(&self) -> Option<Ts> {
        self.clock.venue_time
    }

    /// The venue had told this time before the first message.
    pub(crate) fn begin_at(&mut self, venue_time: Option<Ts>) {
        self.clock.venue_time = venue_time;
    }

    pub(crate) fn venue(&self) -> Venue {
        self.clock.venue
    }

    /// The source of its records.
    pub(crate) fn source(&self) -> SourceId {
        self.clock.source
    }

    /// The symbols, by name.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Decodes one text frame of the WebSocket, or a snapshot that says its symbol or is the only symbol's.
    ///
    /// # Errors
    /// [`DecodeError`] for anything but a whole, well-formed, known message. Nothing of a wrong frame is used.
    pub fn decode(&mut self, ts_recv: Ts, frame: &[u8]) -> Result<Decoded<'_>, DecodeError> {
        self.refused = None;
        check_size("frame bytes", frame.len(), limits::REST_BYTES_MAX)?;
        let top: Frame<'_> = parse(frame)?;
        if top.stream == Some(SHUTDOWN_STREAM) || top.e == Some(SHUTDOWN_EVENT) {
            return Ok(Decoded::Reply(Reply::Shutdown));
        }
        if let (Some(stream), Some(data)) = (top.stream, &top.data) {
            let message = stream
                .split('@')
                .nth(1)
                .and_then(Message::of_stream)
                .ok_or_else(|| unknown(stream))?;
            return self.decode_message(ts_recv, &message, data.as_raw_str().as_bytes());
        }
        if let Some(event) = top.e {
            let message = Message::of_event(event).ok_or_else(|| unknown(event))?;
            return self.decode_message(ts_recv, &message, frame);
        }
        if top.last_update_id.is_some() {
            return self.decode_snapshot(ts_recv, None, frame);
        }
        if top.bid_qty.is_some() {
            return self.decode_message(ts_recv, &Message::BookTicker, frame);
        }
        if top.error.is_some() || top.code.is_some() {
            let text = String::from_utf8_lossy(frame);
            let text = text.chars().take(REFUSAL_CHARS_MAX).collect();
            return Ok(Decoded::Reply(Reply::Refused(text)));
        }
        if top.id.is_some() {
            return Ok(Decoded::Reply(Reply::Accepted));
        }
        Err(unknown(""))
    }

    /// Decodes the answer of the REST depth service. Spot and USD-margined answers do not say their symbol.
    ///
    /// # Errors
    /// [`DecodeError`] as for [`Decoder::decode`]; a crossed snapshot is refused too.
    pub fn decode_snapshot(
        &mut self,
        ts_recv: Ts,
        asked: Option<InstrumentId>,
        body: &[u8],
    ) -> Result<Decoded<'_>, DecodeError> {
        check_size("snapshot bytes", body.len(), limits::REST_BYTES_MAX)?;
        let message: Snapshot<'_> = parse(body)?;
        let symbol = match (message.symbol, asked) {
            (Some(name), _) => self.symbol(Some(name))?,
            (None, Some(id)) => self
                .symbols
                .iter()
                .find(|symbol| symbol.instrument == id)
                .ok_or_else(|| unknown_symbol(""))?,
            (None, None) => match self.symbols.as_slice() {
                [only] => only,
                _ => return Err(missing("symbol")),
            },
        };
        let (instrument, decimals) = symbol.scale();
        let last_id = self.read_whole(decimals, message.last_id, (message.bids, message.asks))?;
        let times = (message.event_time, message.transaction_time);
        let stream_time = self.clock.venue_time;
        let header = self.clock.header(Kind::Level, instrument, times, ts_recv)?;
        // A snapshot may be ahead of the stream: messages from before it are still to come.
        self.clock.venue_time = stream_time.or(self.clock.venue_time);
        Ok(Decoded::Snapshot(Depth {
            header,
            first_id: last_id,
            last_id,
            previous_id: None,
            levels: &self.levels,
        }))
    }

    fn decode_message(
        &mut self,
        ts_recv: Ts,
        message: &Message,
        data: &[u8],
    ) -> Result<Decoded<'_>, DecodeError> {
        match message {
            Message::Depth => self.decode_depth(ts_recv, data),
            Message::BookTicker => self.decode_book_ticker(ts_recv, data).map(Decoded::Quote),
            Message::Trade | Message::AggTrade => {
                let trade: Trade<'_> = parse(data)?;
                let (id, channel) = match message {
                    Message::AggTrade => (trade.agg_id.ok_or(missing("a"))?, Channel::AggTrade),
                    _ => (trade.trade_id.ok_or(missing("t"))?, Channel::Trade),
                };
                let record = self.decode_trade(ts_recv, &trade, id)?;
                Ok(Decoded::Trade(record, channel))
            }
        }
    }

    fn decode_depth(&mut self, ts_recv: Ts, data: &[u8]) -> Result<Decoded<'_>, DecodeError> {
        let message: DepthUpdate<'_> = parse(data)?;
        let (instrument, decimals) = self.symbol(message.symbol)?.scale();
        check_settled_in(self.clock.venue, message.settled_in)?;
        let has_previous = message.previous_id.is_some();
        self.markets.futures(self.clock.venue, "pu", has_previous)?;
        self.refused = Some(instrument);
        let first_id = message.first_id.ok_or(missing("U"))?;
        let last_id = message.last_id.ok_or(missing("u"))?;
        let previous_id = match self.clock.venue {
            Venue::Spot => None,
            Venue::Usdm | Venue::Cm => Some(message.previous_id.ok_or(missing("pu"))?),
        };
        if first_id > last_id || previous_id.is_some_and(|previous| previous >= first_id) {
            return Err(DecodeError::Ids {
                previous: previous_id.unwrap_or(0),
                first: first_id,
                last: last_id,
            });
        }
        check_id("u", last_id)?;
        self.read_sides(decimals, message.bids, message.asks, ["b", "a"])?;
        let times = (message.event_time, message.transaction_time);
        if times == (None, None) {
            return Err(missing("E"));
        }
        let header = self.clock.header(Kind::Level, instrument, times, ts_recv)?;
        self.refused = None;
        Ok(Decoded::Diff(Depth {
            header,
            first_id,
            last_id,
            previous_id,
            levels: &self.levels,
        }))
    }

    fn decode_book_ticker(&mut self, ts_recv: Ts, data: &[u8]) -> Result<Record, DecodeError> {
        let message: BookTicker<'_> = parse(data)?;
        let (instrument, decimals) = self.symbol(message.symbol)?.scale();
        check_settled_in(self.clock.venue, message.settled_in)?;
        let (bid, bid_qty) = quote_side(("b", message.bid), ("B", message.bid_qty), decimals)?;
        let (ask, ask_qty) = quote_side(("a", message.ask), ("A", message.ask_qty), decimals)?;
        let both = bid_qty > 0 && ask_qty > 0;
        if both && bid > ask {
            return Err(DecodeError::Crossed);
        }
        let update_id = message.update_id.ok_or(missing("u"))?;
        let times = (message.event_time, message.transaction_time);
        self.markets
            .futures(self.clock.venue, "T", times != (None, None))?;
        let header = self.clock.header(Kind::Quote, instrument, times, ts_recv)?;
        let body = QuoteBody {
            bid,
            bid_qty,
            ask,
            ask_qty,
            update_id,
        };
        Ok(body.record(header.with_flags(Flags::LAST)))
    }

    fn decode_trade(
        &mut self,
        ts_recv: Ts,
        trade: &Trade<'_>,
        trade_id: u64,
    ) -> Result<Record, DecodeError> {
        let (instrument, decimals) = self.symbol(trade.symbol)?.scale();
        check_settled_in(self.clock.venue, trade.settled_in)?;
        self.markets.trade(self.clock.venue, trade)?;
        let price = positive("p", trade.price, decimals.0)?;
        let qty = positive("q", trade.qty, decimals.1)?;
        let side = match trade.buyer_is_maker.ok_or(missing("m"))? {
            true => Side::Sell,
            false => Side::Buy,
        };
        let times = (trade.event_time, trade.transaction_time);
        if times == (None, None) {
            return Err(missing("E"));
        }
        let header = self.clock.header(Kind::Trade, instrument, times, ts_recv)?;
        let body = TradeBody {
            price,
            qty,
            trade_id,
            side: side as u8,
            ..TradeBody::default()
        };
        Ok(body.record(header.with_flags(Flags::LAST)))
    }

    /// Fills `self.levels` with both sides of a whole book; the number of the change that it is after.
    fn read_whole(
        &mut self,
        decimals: (u8, u8),
        last_id: Option<u64>,
        (bids, asks): (Option<LazyValue<'_>>, Option<LazyValue<'_>>),
    ) -> Result<u64, DecodeError> {
        let last_id = last_id.ok_or(missing("lastUpdateId"))?;
        check_id("lastUpdateId", last_id)?;
        self.read_sides(decimals, bids, asks, ["bids", "asks"])?;
        self.levels.retain(|level| level.qty > 0);
        self.check_not_crossed()?;
        Ok(last_id)
    }

    /// Fills `self.levels` with both sides.
    fn read_sides(
        &mut self,
        decimals: (u8, u8),
        bids: Option<LazyValue<'_>>,
        asks: Option<LazyValue<'_>>,
        fields: [&'static str; 2],
    ) -> Result<(), DecodeError> {
        self.levels.clear();
        let sides = [(Side::Buy, bids, fields[0]), (Side::Sell, asks, fields[1])];
        for (side, list, field) in sides {
            let list = list.ok_or(missing(field))?;
            let levels = &mut self.levels;
            read_levels(field, list.as_raw_str(), decimals, |price, qty| {
                check_size("levels", levels.len() + 1, limits::LEVELS_MAX)?;
                levels.push(Level { side, price, qty });
                Ok(())
            })?;
        }
        Ok(())
    }

    fn check_not_crossed(&self) -> Result<(), DecodeError> {
        let of = |side| {
            self.levels
                .iter()
                .filter(move |level| level.side == side)
                .map(|level| level.price)
        };
        match (of(Side::Buy).max(), of(Side::Sell).min()) {
            (Some(bid), Some(ask)) if bid > ask => Err(DecodeError::Crossed),
            _ => Ok(()),
        }
    }

    fn symbol(&self, name: Option<&str>) -> Result<&Symbol, DecodeError> {
        let name = name.ok_or(missing("s"))?;
        let found = self
            .symbols
            .binary_search_by(|symbol| symbol.name.as_str().cmp(name));
        match found {
            Ok(at) => Ok(&self.symbols[at]),
            Err(_) => Err(unknown_symbol(name)),
        }
    }
}

#[cfg(test)]
mod tests;
