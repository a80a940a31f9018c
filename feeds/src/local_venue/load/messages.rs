//! One round of the sample, as the bytes that go over the socket, and where in them ids and times stand.

use super::{LoadConfig, Sent};
use crate::binance::{Channel, Venue};
use crate::capture::sniff_capture;
use crate::local_venue::LocalVenueError;
use crate::local_venue::book::LevelBook;
use crate::local_venue::ledger::Ledger;
use crate::local_venue::pace::topic_of;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tickloom_types::format_decimal;

/// The id of the first change: all ids have as many digits, and keep them however long it is sent.
const FIRST_ID: i64 = 2_000_000_000_000_000;
const ID_DIGITS: usize = 16;
/// Milliseconds since the epoch, for some centuries.
const TIME_DIGITS: usize = 13;
/// Levels a side of the snapshot.
const SNAPSHOT_DEPTH: usize = 5_000;

/// A number that is written anew each time.
#[derive(Clone, Copy, Debug)]
struct Field {
    at: usize,
    value: Value,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Now,
    /// From the first of the round.
    UpdateId(i64),
    TradeId(i64),
}

#[derive(Clone, Copy, Debug)]
struct Message {
    channel: Channel,
    /// Where its frame ends in the bytes, and its fields among all.
    end: usize,
    fields_end: usize,
    /// Its id, from the first of the round, and how many records it makes.
    id: i64,
    events: u64,
}

/// A round that is sent over and over.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) symbol: String,
    /// The answer of the REST service: the book before the round.
    pub(super) snapshot: String,
    bytes: Vec<u8>,
    fields: Vec<Field>,
    messages: Vec<Message>,
    /// By how much ids are higher in the next round.
    update_ids: i64,
    trade_ids: i64,
    /// The next message, and the rounds before it.
    next: usize,
    rounds: i64,
    /// Trades that are still to be lost.
    to_lose: u64,
}

impl Round {
    pub(super) fn of(config: &LoadConfig) -> Result<Round, LocalVenueError> {
        let sniffed = sniff_capture(&config.capture)?;
        let symbol = sniffed.symbols.first().ok_or(LocalVenueError::NoCapture)?;
        let mut ledger = Ledger::new(Venue::Spot, std::slice::from_ref(symbol))
            .map_err(crate::capture::CaptureError::from)?;
        let mut round = Round {
            symbol: symbol.clone(),
            snapshot: String::new(),
            bytes: Vec::new(),
            fields: Vec::new(),
            messages: Vec::new(),
            update_ids: 0,
            trade_ids: 0,
            next: 0,
            rounds: 0,
            to_lose: config.lose,
        };
        let mut firsts: Option<Firsts> = None;
        let mut book_before = LevelBook::default();
        let mut reader = config.capture.open()?;
        while let Some(line) = reader.next_line()? {
            let Ok(line) = line else { continue };
            let topic = topic_of(line.frame);
            if let Some((_, channel)) = &topic
                && let Ok(text) = std::str::from_utf8(line.frame)
            {
                if firsts.is_none()
                    && *channel == Channel::Depth
                    && let Some(book) = ledger.live(0)
                    && let Some(update) = number(text, "U")
                {
                    book_before = book.clone();
                    round.snapshot = ledger
                        .snapshot_json(0, SNAPSHOT_DEPTH, Venue::Spot, 0)
                        .unwrap_or_default();
                    firsts = Some(Firsts {
                        update,
                        trade: None,
                    });
                }
                if let Some(firsts) = &mut firsts {
                    round.take(*channel, text, firsts, &config.channels);
                }
            }
            ledger.apply(line.ts_recv, line.frame);
        }
        let (Some(firsts), Some(book)) = (firsts, ledger.live(0)) else {
            return Err(LocalVenueError::NoCapture);
        };
        round.finish(firsts, book, &book_before, &config.channels);
        if round.messages.is_empty() {
            return Err(LocalVenueError::NoCapture);
        }
        Ok(round)
    }

    /// Whether it begins with a change of the book, which needs a snapshot before it.
    pub(super) fn has_depth(&self) -> bool {
        let mut channels = self.messages.iter().map(|message| message.channel);
        channels.any(|channel| channel == Channel::Depth)
    }

    /// Encodes one message of the recording.
    fn take(&mut self, channel: Channel, text: &str, firsts: &mut Firsts, wanted: &[Channel]) {
        let id = match channel {
            Channel::Depth | Channel::BookTicker => {
                number(text, "u").map(|id| id.wrapping_sub(firsts.update))
            }
            Channel::Trade => number(text, "t")
                .map(|id| id.wrapping_sub(*firsts.trade.get_or_insert(id)))
                .inspect(|id| self.trade_ids = self.trade_ids.max(id + 1)),
            Channel::AggTrade => None,
        };
        let Some(id) = id else { return };
        if channel == Channel::Depth {
            self.update_ids = id + 1;
        }
        // What has no time is refused before anything that has one.
        let is_early = self.messages.is_empty()
            && channel == Channel::BookTicker
            && wanted.contains(&Channel::Trade);
        if wanted.contains(&channel) && !is_early {
            self.push(channel, text, id, firsts);
        }
    }

    /// Ends the round with the change that brings the book back.
    fn finish(&mut self, firsts: Firsts, book: &LevelBook, before: &LevelBook, wanted: &[Channel]) {
        let (_, rest) = self.snapshot.split_once(',').unwrap_or_default();
        self.snapshot = format!("{{\"lastUpdateId\":{},{rest}", FIRST_ID - 1);
        if !wanted.contains(&Channel::Depth) {
            return;
        }
        let id = firsts.update + self.update_ids;
        let text = way_back(&self.symbol, id, book, before);
        self.push(Channel::Depth, &text, self.update_ids, &firsts);
        self.update_ids += 1;
    }

    /// Appends a message as a frame.
    fn push(&mut self, channel: Channel, text: &str, id: i64, firsts: &Firsts) {
        let trade = firsts.trade.unwrap_or_default();
        let update = |key| {
            let id = number(text, key)?;
            Some(Value::UpdateId(id.wrapping_sub(firsts.update)))
        };
        let trade_id = number(text, "t").map(|id| Value::TradeId(id.wrapping_sub(trade)));
        let now = |key| number(text, key).map(|_| Value::Now);
        let keyed = [
            ("E", now("E")),
            ("T", now("T")),
            ("U", update("U")),
            ("u", update("u")),
            ("t", trade_id),
        ];
        let mut found: Vec<(std::ops::Range<usize>, Value)> = keyed
            .into_iter()
            .filter_map(|(key, value)| Some((digits(text, key)?, value?)))
            .collect();
        found.sort_by_key(|(range, _)| range.start);
        let mut payload = Vec::with_capacity(text.len() + 32);
        let (mut places, mut copied) = (Vec::new(), 0);
        for (range, value) in found {
            payload.extend_from_slice(&text.as_bytes()[copied..range.start]);
            places.push((payload.len(), value));
            payload.resize(payload.len() + value.digits(), b'0');
            copied = range.end;
        }
        payload.extend_from_slice(&text.as_bytes()[copied..]);
        push_head(payload.len(), &mut self.bytes);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&payload);
        let fields = places.into_iter().map(|(at, value)| Field {
            at: start + at,
            value,
        });
        self.fields.extend(fields);
        let events = match channel {
            // Each level begins a list of two texts.
            Channel::Depth => text.matches("[\"").count() as u64,
            _ => 1,
        };
        self.messages.push(Message {
            channel,
            end: self.bytes.len(),
            fields_end: self.fields.len(),
            id,
            events,
        });
    }

    /// The bytes of the next messages, at most so many and about so many bytes; counts them. Empty if what was next is lost.
    pub(super) fn next(
        &mut self,
        messages_max: usize,
        bytes_max: usize,
        now_ms: i64,
        sent: &mut Sent,
    ) -> &[u8] {
        if self.next == self.messages.len() {
            self.next = 0;
            self.rounds += 1;
        }
        let first = self.next;
        let (start, fields_start) = match first.checked_sub(1) {
            Some(before) => (self.messages[before].end, self.messages[before].fields_end),
            None => (0, 0),
        };
        let (update_ids, trade_ids) = (
            FIRST_ID + self.rounds * self.update_ids,
            FIRST_ID + self.rounds * self.trade_ids,
        );
        let (mut end, mut fields_end) = (start, fields_start);
        while let Some(message) = self.messages.get(self.next)
            && self.next - first < messages_max.max(1)
            && end - start < bytes_max
        {
            let is_lost = message.channel == Channel::Trade && self.to_lose > 0;
            if is_lost && self.next > first {
                break;
            }
            self.next += 1;
            sent.messages += 1;
            sent.bytes += (message.end - end) as u64;
            let id = |base: i64| u64::try_from(base + message.id).unwrap_or_default();
            match message.channel {
                Channel::Depth => sent.levels.add(message.events, id(update_ids)),
                Channel::BookTicker => sent.quotes.add(1, id(update_ids)),
                Channel::Trade | Channel::AggTrade => sent.trades.add(1, id(trade_ids)),
            }
            if is_lost {
                self.to_lose -= 1;
                return &[];
            }
            (end, fields_end) = (message.end, message.fields_end);
        }
        for field in &self.fields[fields_start..fields_end] {
            let (value, digits) = match field.value {
                Value::Now => (now_ms, TIME_DIGITS),
                Value::UpdateId(id) => (update_ids + id, ID_DIGITS),
                Value::TradeId(id) => (trade_ids + id, ID_DIGITS),
            };
            write_digits(&mut self.bytes[field.at..field.at + digits], value);
        }
        &self.bytes[start..end]
    }
}

impl Value {
    fn digits(self) -> usize {
        match self {
            Value::Now => TIME_DIGITS,
            Value::UpdateId(_) | Value::TradeId(_) => ID_DIGITS,
        }
    }
}

/// The ids of the recording that become the first.
#[derive(Clone, Copy, Debug)]
struct Firsts {
    update: i64,
    trade: Option<i64>,
}

/// A change that makes `before` of `book`, with this id.
fn way_back(symbol: &str, id: i64, book: &LevelBook, before: &LevelBook) -> String {
    let def = Venue::Spot.default_def(symbol);
    let side = |now: &BTreeMap<i64, i64>, then: &BTreeMap<i64, i64>| {
        let gone = now.keys().filter(|price| !then.contains_key(price));
        let gone = gone.map(|price| (*price, 0));
        let back = then
            .iter()
            .filter(|(price, qty)| now.get(price) != Some(qty));
        let back = back.map(|(price, qty)| (*price, *qty));
        let mut text = String::new();
        for (price, qty) in gone.chain(back) {
            let comma = if text.is_empty() { "" } else { "," };
            let price = format_decimal(i128::from(price), def.price_decimals);
            let qty = format_decimal(i128::from(qty), def.qty_decimals);
            // Writing to a text cannot fail.
            write!(text, "{comma}[\"{price}\",\"{qty}\"]").ok();
        }
        text
    };
    let (bids, asks) = (
        side(&book.bids, &before.bids),
        side(&book.asks, &before.asks),
    );
    let stream = Venue::Spot.stream_name(symbol, Channel::Depth);
    format!(
        "{{\"stream\":\"{stream}\",\"data\":{{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"{symbol}\",\"U\":{id},\"u\":{id},\"b\":[{bids}],\"a\":[{asks}]}}}}"
    )
}

/// Where the whole number that a key has stands.
fn digits(text: &str, key: &str) -> Option<std::ops::Range<usize>> {
    let key = format!("\"{key}\":");
    let start = text.find(&key)? + key.len();
    let rest = text.as_bytes()[start..].iter();
    let count = rest.take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then_some(start..start + count)
}

fn number(text: &str, key: &str) -> Option<i64> {
    text[digits(text, key)?].parse().ok()
}

/// The head of a text frame from a server, which masks nothing.
fn push_head(length: usize, bytes: &mut Vec<u8>) {
    bytes.push(0x81);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => bytes.push(short),
        (_, Ok(medium)) => {
            bytes.push(126);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Writes a number with leading zeros; digits that have no room are left out.
fn write_digits(place: &mut [u8], value: i64) {
    let mut rest = value.unsigned_abs();
    for byte in place.iter_mut().rev() {
        *byte = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
}
