//! Finds out which venue a capture is from, and which symbols are in it.

use super::{CaptureError, CaptureSource};
use crate::binance::Venue;
use crate::json;
use crate::limits;
use crate::venues::VenueKind;
use crate::venues::binance::top_levels;
use serde::Deserialize;

/// Lines that are looked at.
pub(super) const SNIFF_LINES: usize = 10_000;

/// Which venue a capture is from and which symbols are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// The venue; nothing if no message says which of Binance's it is, as several send such messages.
    pub venue: Option<Venue>,
    /// Symbols in the order in which they appear.
    pub symbols: Vec<String>,
}

/// The fields by which the venues differ.
#[derive(Deserialize)]
struct SniffFrame<'a> {
    #[serde(borrow)]
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<SniffMessage<'a>>,
}

#[derive(Deserialize)]
struct SniffMessage<'a> {
    #[serde(borrow)]
    s: Option<&'a str>,
    #[serde(borrow)]
    ps: Option<&'a str>,
    #[serde(borrow)]
    e: Option<&'a str>,
    #[serde(borrow, rename = "X")]
    order_type: Option<sonic_rs::LazyValue<'a>>,
    #[serde(borrow, rename = "M")]
    ignored: Option<sonic_rs::LazyValue<'a>>,
}

/// The venue that a frame says; nothing if several of Binance's send it alike. What names no kind is a quote of spot, and so is a trade that
/// has none of the fields by which those of futures and of spot differ, as recorders that cut messages down leave it.
fn venue_of(frame: &[u8], message: &SniffMessage<'_>) -> Option<Venue> {
    let is_cut = message.e == Some("trade")
        && message.ps.is_none()
        && message.order_type.is_none()
        && message.ignored.is_none();
    if is_cut && !message.s.unwrap_or_default().contains('_') {
        return Some(Venue::Spot);
    }
    match VenueKind::of_message(frame) {
        Some(VenueKind::Binance(venue)) => Some(venue),
        Some(_) => None,
        None => message.e.is_none().then_some(Venue::Spot),
    }
}

/// The symbol and the kind of a frame's message, in one word; of a reply or a snapshot there is none.
pub(super) fn stream_of(frame: &[u8]) -> Option<String> {
    let top: SniffFrame<'_> = json::parse(frame).ok()?;
    let message: SniffMessage<'_> = match top.data {
        Some(message) => message,
        None => json::parse(frame).ok()?,
    };
    let kind = message.e.unwrap_or("bookTicker");
    message.s.map(|symbol| format!("{symbol}/{kind}"))
}

/// The symbol of all messages of a capture that say one, if it is the same.
pub(super) fn only_symbol(source: &CaptureSource) -> Result<Option<String>, CaptureError> {
    let mut reader = source.open()?;
    let mut only: Option<String> = None;
    while let Some(line) = reader.next_line()? {
        let stream = line.ok().and_then(|line| stream_of(line.frame));
        let Some((symbol, _)) = stream.as_deref().and_then(|stream| stream.rsplit_once('/')) else {
            continue;
        };
        if only.as_deref().is_some_and(|only| only != symbol) {
            return Ok(None);
        }
        only.get_or_insert_with(|| symbol.to_owned());
    }
    Ok(only)
}

/// Finds out venue and symbols from the first 10,000 lines. A depth message decides for sure, and ends the doubt about the venue.
///
/// # Errors
/// [`CaptureError`] if it cannot be read or holds no message that we know.
pub fn sniff_capture(source: &CaptureSource) -> Result<Sniffed, CaptureError> {
    let mut reader = source.open()?;
    let mut symbols: Vec<String> = Vec::new();
    let mut venue = None;
    let mut is_sure = false;
    for _ in 0..SNIFF_LINES {
        let Some(line) = reader.next_line()? else {
            break;
        };
        let Ok(line) = line else { continue };
        let frame: SniffFrame<'_> = match json::parse(line.frame) {
            Ok(frame) => frame,
            Err(_) => continue,
        };
        let message: SniffMessage<'_> = match frame.data {
            Some(message) => message,
            None => match json::parse(line.frame) {
                Ok(message) => message,
                Err(_) => continue,
            },
        };
        // Of the top of a spot book the stream alone says the symbol.
        let of_stream = frame.stream.and_then(|stream| stream.split_once('@'));
        let of_stream = of_stream.filter(|(_, kind)| top_levels(kind).is_some());
        let symbol = match (message.s, of_stream) {
            (Some(symbol), _) => symbol.to_owned(),
            (None, Some((symbol, _))) => symbol.to_uppercase(),
            (None, None) => continue,
        };
        if !symbols.contains(&symbol) && symbols.len() < limits::SYMBOLS_MAX {
            symbols.push(symbol);
        }
        let decides = message.ps.is_some() || message.e == Some("depthUpdate");
        if venue.is_none() || decides && !is_sure {
            let said = venue_of(line.frame, &message);
            is_sure = decides && said.is_some();
            venue = said.or(venue);
        }
    }
    if symbols.is_empty() {
        return Err(CaptureError::NotACapture {
            file: source.name(),
        });
    }
    Ok(Sniffed { venue, symbols })
}
