//! Streams that a live feed of ours does not subscribe to and somebody has recorded nevertheless: the top of a book becomes the book of a
//! symbol that has no other, and of the rest it is said by name what it is.

use super::sniff::SNIFF_LINES;
use super::{CaptureError, CaptureSource};
use crate::binance::{Channel, Symbol, Venue};
use crate::intake::Intake;
use crate::json;
use crate::venues::binance::{not_kept, not_kept_event, top_levels};
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use tickloom_types::InstrumentId;

/// What tells of which stream a frame is.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<sonic_rs::LazyValue<'a>>,
    #[serde(borrow)]
    e: Option<&'a str>,
    #[serde(borrow)]
    s: Option<&'a str>,
    #[serde(borrow, rename = "lastUpdateId")]
    last_update_id: Option<sonic_rs::LazyValue<'a>>,
}

/// What a frame is.
pub(super) enum Stream<'a> {
    /// The top of a book, whole each time: the symbol as the stream has it, the stream without it, and the levels a side.
    Top {
        symbol: &'a str,
        name: &'a str,
        levels: usize,
        body: &'a [u8],
    },
    /// Changes of a book.
    Changes(&'a str),
    /// Trades, single or aggregated.
    Trades(&'a str, Channel),
    /// A candle: how long it lasts, and its message.
    Kline { interval: &'a str, body: &'a [u8] },
    /// A book by request, which mostly does not say of what.
    Asked,
    /// Something of which nothing is kept.
    NotKept(&'static str),
    /// What the decoder knows, or nobody does.
    Other,
}

/// What a frame is, by the name of its stream or its event.
pub(super) fn of_frame(frame: &[u8]) -> Stream<'_> {
    let Ok(top) = json::parse::<Frame<'_>>(frame) else {
        return Stream::Other;
    };
    let Some(stream) = top.stream else {
        let is_asked = top.last_update_id.is_some() && top.e.is_none();
        return match top.e {
            Some("trade") => top
                .s
                .map_or(Stream::Other, |s| Stream::Trades(s, Channel::Trade)),
            Some("aggTrade") => {
                let of = |symbol| Stream::Trades(symbol, Channel::AggTrade);
                top.s.map_or(Stream::Other, of)
            }
            Some("depthUpdate") => top.s.map_or(Stream::Other, Stream::Changes),
            Some("kline") => of_kline(frame),
            Some(event) => not_kept_event(event).map_or(Stream::Other, Stream::NotKept),
            None if is_asked => Stream::Asked,
            None => Stream::Other,
        };
    };
    if let Some(name) = not_kept(stream) {
        return Stream::NotKept(name);
    }
    let Some((symbol, name)) = stream.split_once('@') else {
        return Stream::Other;
    };
    // It borrows from the frame, as its text does.
    let body = top.data.and_then(|data| within(frame, data.as_raw_str()));
    match (top_levels(name), body) {
        (Some(levels), Some(body)) => Stream::Top {
            symbol,
            name,
            levels,
            body,
        },
        _ if name == "trade" => Stream::Trades(symbol, Channel::Trade),
        _ if name == "aggTrade" => Stream::Trades(symbol, Channel::AggTrade),
        _ if name == "depth" || name.starts_with("depth@") => Stream::Changes(symbol),
        (_, Some(body)) if name.starts_with("kline_") => of_kline(body),
        _ => Stream::Other,
    }
}

/// The length of a candle.
#[derive(Deserialize)]
struct Lasting<'a> {
    #[serde(borrow)]
    k: Interval<'a>,
}

#[derive(Deserialize)]
struct Interval<'a> {
    #[serde(borrow)]
    i: &'a str,
}

fn of_kline(body: &[u8]) -> Stream<'_> {
    let interval = json::parse::<Lasting<'_>>(body).map_or("", |lasting| lasting.k.i);
    Stream::Kline { interval, body }
}

/// Whether klines are all that there is to keep of captures: then the decoder of other recordings, which finds scales out, makes bars of
/// them. Of a capture with anything else it is found out at its begin.
pub(super) fn are_klines_alone(sources: &[CaptureSource]) -> Result<bool, CaptureError> {
    let mut has_klines = false;
    for source in sources {
        let mut reader = source.open()?;
        while let Some(line) = reader.next_line()? {
            let Ok(line) = line else {
                continue;
            };
            match of_frame(line.frame) {
                Stream::Kline { .. } => has_klines = true,
                Stream::NotKept(_) => {}
                _ => return Ok(false),
            }
        }
    }
    Ok(has_klines)
}

/// The part of a frame that a text in it is.
fn within<'a>(frame: &'a [u8], text: &str) -> Option<&'a [u8]> {
    let start = (text.as_ptr() as usize).checked_sub(frame.as_ptr() as usize)?;
    frame.get(start..start.checked_add(text.len())?)
}

/// The tops of books in a recording, of which symbols they are the book, and over which channel trades come.
#[derive(Debug, Default)]
pub(super) struct Tops {
    /// By instrument, the stream that is its book.
    chosen: BTreeMap<InstrumentId, String>,
    /// By instrument, the channel of its trades.
    trades: BTreeMap<InstrumentId, Channel>,
}

/// A message of which nothing is kept.
pub(super) enum Other {
    /// Of a book that is not the one of its symbol, in words.
    Book(String),
    /// Of a stream without market data.
    Stream(&'static str),
}

impl Tops {
    /// Looks at the first 10,000 lines of each file: a symbol without changes of its book has the deepest of its tops as its book, and one
    /// of which there are single trades has no aggregated ones.
    pub(super) fn find(
        sources: &[CaptureSource],
        symbols: &[Symbol],
    ) -> Result<Tops, CaptureError> {
        let mut changing = HashSet::new();
        let mut deepest: BTreeMap<InstrumentId, (usize, String)> = BTreeMap::new();
        let mut trades: BTreeMap<InstrumentId, Channel> = BTreeMap::new();
        for source in sources {
            let mut reader = source.open()?;
            for _ in 0..SNIFF_LINES {
                let Some(line) = reader.next_line()? else {
                    break;
                };
                let Ok(line) = line else { continue };
                match of_frame(line.frame) {
                    Stream::Changes(symbol) => changing.extend(find(symbols, symbol)),
                    Stream::Trades(symbol, channel) => {
                        if let Some(instrument) = find(symbols, symbol) {
                            let known = trades.entry(instrument).or_insert(channel);
                            *known = (*known).min(channel);
                        }
                    }
                    Stream::Top {
                        symbol,
                        name,
                        levels,
                        ..
                    } => {
                        let Some(instrument) = find(symbols, symbol) else {
                            continue;
                        };
                        let known = deepest.entry(instrument).or_default();
                        if known.0 < levels {
                            *known = (levels, name.to_owned());
                        }
                    }
                    _ => {}
                }
            }
        }
        deepest.retain(|instrument, _| !changing.contains(instrument));
        let chosen = deepest.into_iter().map(|(id, (_, name))| (id, name));
        Ok(Tops {
            chosen: chosen.collect(),
            trades,
        })
    }

    /// The channel of each instrument's trades.
    pub(super) fn trades(&self) -> impl Iterator<Item = (InstrumentId, Channel)> {
        self.trades.iter().map(|(id, channel)| (*id, *channel))
    }

    /// The instruments whose book is a top.
    pub(super) fn instruments(&self) -> impl Iterator<Item = InstrumentId> {
        self.chosen.keys().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    pub(super) fn has(&self, instrument: InstrumentId) -> bool {
        self.chosen.contains_key(&instrument)
    }

    /// Whether a frame is of a book that is not the one that is kept of its symbol.
    pub(super) fn other_book(
        &self,
        stream: &Stream<'_>,
        (venue, intake): (Venue, &Intake),
        only: Option<InstrumentId>,
    ) -> Option<Other> {
        let symbols = intake.decoder.symbols();
        let (instrument, name) = match stream {
            Stream::Top { symbol, name, .. } => (find(symbols, symbol)?, *name),
            Stream::Changes(symbol) => (find(symbols, symbol)?, "depth"),
            Stream::Asked => {
                let alone = match symbols {
                    [alone] => Some(alone.instrument),
                    _ => None,
                };
                (only.or(alone)?, "depth by REST")
            }
            Stream::NotKept(_) | Stream::Kline { .. } | Stream::Trades(..) | Stream::Other => {
                return None;
            }
        };
        let chosen = self.chosen.get(&instrument).map_or("depth", |name| name);
        let is_it = match stream {
            Stream::Top { .. } => chosen == name,
            _ => chosen == "depth",
        };
        let symbol = symbols.iter().find(|one| one.instrument == instrument)?;
        (!is_it).then(|| {
            let (venue, symbol) = (venue.name(), &symbol.name);
            Other::Book(format!("{name} of {venue}.{symbol} (its book is {chosen})"))
        })
    }
}

/// A trade over another channel than the one that is kept, in words.
pub(super) fn other_trade(intake: &Intake, instrument: InstrumentId, kept: Channel) -> Other {
    let venue = intake.decoder.venue().name();
    let symbols = intake.decoder.symbols().iter();
    let mut symbols = symbols.filter(|symbol| symbol.instrument == instrument);
    let symbol = symbols.next().map_or("", |symbol| symbol.name.as_str());
    let (other, kept) = match kept {
        Channel::AggTrade => ("trade", "aggTrade"),
        _ => ("aggTrade", "trade"),
    };
    Other::Book(format!(
        "{other} of {venue}.{symbol} (its trades are {kept})"
    ))
}

/// The instrument of a symbol, in either case.
fn find(symbols: &[Symbol], name: &str) -> Option<InstrumentId> {
    let found = symbols
        .iter()
        .find(|symbol| symbol.name.eq_ignore_ascii_case(name));
    found.map(|symbol| symbol.instrument)
}
