//! The top of a book, which a live feed does not subscribe to and captures may have.

use super::Decoder;
use crate::binance::checks::{check_settled_in, parse};
use crate::binance::decoded::Depth;
use crate::binance::message::Top;
use crate::decode_error::DecodeError;
use tickloom_types::{Kind, Ts};

impl Decoder {
    /// Decodes the top of a book (`depth5` to `depth20`), of which the stream says the symbol where the message does not.
    ///
    /// # Errors
    /// As [`Decoder::decode_snapshot`].
    pub(crate) fn decode_top(
        &mut self,
        ts_recv: Ts,
        symbol: &str,
        body: &[u8],
    ) -> Result<Depth<'_>, DecodeError> {
        let message: Top<'_> = parse(body)?;
        let of_stream = symbol.to_uppercase();
        let symbol = self.symbol(message.symbol.or(Some(&of_stream)))?;
        let (instrument, decimals) = symbol.scale();
        check_settled_in(self.clock.venue, message.settled_in)?;
        let last_id = self.read_whole(decimals, message.last_id, (message.bids, message.asks))?;
        let times = (message.event_time, message.transaction_time);
        self.markets
            .futures(self.clock.venue, "T", times != (None, None))?;
        let header = self.clock.header(Kind::Level, instrument, times, ts_recv)?;
        Ok(Depth {
            header,
            first_id: last_id,
            last_id,
            previous_id: None,
            levels: &self.levels,
        })
    }
}
