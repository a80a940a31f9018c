//! Whether the messages of a capture are of the market that it is of: spot and futures send most of theirs alike, and a recorder that wrote
//! those of both into one file would make one instrument of two.
//!
//! Live connections are of one market, by their address.

use super::endpoint::Venue;
use super::message::Trade;
use crate::decode_error::DecodeError;

/// What is known of the markets of messages.
#[derive(Debug, Default)]
pub(super) struct Markets {
    is_watched: bool,
    /// Whether a trade had the field that all trades of spot have.
    has_ignored: bool,
}

impl Markets {
    /// From now on messages of the other market are refused.
    pub(super) fn watch(&mut self) {
        self.is_watched = true;
    }

    /// A trade: of spot it has `M`, but for those that a recorder has cut down, and of futures it may have `X`.
    pub(super) fn trade(&mut self, venue: Venue, trade: &Trade<'_>) -> Result<(), DecodeError> {
        if !self.is_watched {
            return Ok(());
        }
        let is_of_spot = trade.ignored.is_some();
        let is_of_futures =
            trade.order_type.is_some() || self.has_ignored && trade.ignored.is_none();
        self.has_ignored |= is_of_spot;
        match venue {
            Venue::Spot if is_of_futures => Err(other("trade", OF_FUTURES, OF_SPOT)),
            Venue::Usdm | Venue::Cm if is_of_spot => Err(other("trade", OF_SPOT, OF_FUTURES)),
            _ => Ok(()),
        }
    }

    /// A message with something that those of spot never have.
    pub(super) fn futures(
        &self,
        venue: Venue,
        field: &'static str,
        has: bool,
    ) -> Result<(), DecodeError> {
        match venue {
            Venue::Spot if self.is_watched && has => Err(other(field, OF_FUTURES, OF_SPOT)),
            _ => Ok(()),
        }
    }
}

const OF_SPOT: &str = "of spot";
const OF_FUTURES: &str = "of futures";

fn other(field: &'static str, value: &str, expected: &str) -> DecodeError {
    DecodeError::Value {
        field,
        value: value.to_owned(),
        expected: match expected {
            OF_SPOT => "one of spot, as the capture is",
            _ => "one of futures, as the capture is",
        },
    }
}
