//! What any message is checked for, and which kind it is.

use super::endpoint::Venue;
use crate::decode_error::{DecodeError, quoted};
use crate::json;
use crate::limits;

/// `st` of USD-margined and of coin-margined futures.
const USD_MARGINED: u64 = 1;
const COIN_MARGINED: u64 = 2;

/// Kinds of messages, by stream name or by `e`.
pub(super) enum Message {
    Depth,
    BookTicker,
    Trade,
    AggTrade,
}

impl Message {
    pub(super) fn of_stream(kind: &str) -> Option<Message> {
        match kind {
            "depth" => Some(Message::Depth),
            "bookTicker" => Some(Message::BookTicker),
            "trade" => Some(Message::Trade),
            "aggTrade" => Some(Message::AggTrade),
            _ => None,
        }
    }

    pub(super) fn of_event(event: &str) -> Option<Message> {
        match event {
            "depthUpdate" => Some(Message::Depth),
            other => Message::of_stream(other),
        }
    }
}

pub(super) fn parse<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    json::parse(bytes).map_err(|error| DecodeError::json(&error))
}

pub(super) fn check_size(what: &'static str, size: usize, limit: usize) -> Result<(), DecodeError> {
    if size > limit {
        return Err(DecodeError::TooLarge { what, size, limit });
    }
    Ok(())
}

pub(super) fn check_id(field: &'static str, id: u64) -> Result<(), DecodeError> {
    if id > limits::UPDATE_ID_MAX {
        return Err(DecodeError::Value {
            field,
            value: id.to_string(),
            expected: "an update id below 9223372036854775808",
        });
    }
    Ok(())
}

pub(super) fn unknown(what: &str) -> DecodeError {
    DecodeError::UnknownMessage {
        what: quoted(what.as_bytes()),
        expected: "depthUpdate, bookTicker, trade, aggTrade, a snapshot or a reply",
    }
}

pub(super) fn unknown_symbol(symbol: &str) -> DecodeError {
    let symbol = quoted(symbol.as_bytes());
    DecodeError::UnknownSymbol { symbol }
}

/// Both kinds of futures come over the streams of all symbols: what is of the other kind is not ours.
pub(super) fn check_settled_in(venue: Venue, settled_in: Option<u64>) -> Result<(), DecodeError> {
    let expected = match (venue, settled_in) {
        (Venue::Usdm, Some(COIN_MARGINED)) => "1 for USD-margined futures",
        (Venue::Cm, Some(USD_MARGINED)) => "2 for coin-margined futures",
        _ => return Ok(()),
    };
    Err(DecodeError::Value {
        field: "st",
        value: settled_in.unwrap_or(0).to_string(),
        expected,
    })
}
