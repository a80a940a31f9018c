//! Records of what is no book: of one item of a message, at its instrument's scale.

use super::{Desk, at_scale};
use crate::binance::Level;
use crate::decode_error::DecodeError;
use crate::venues::batch::{Book, Item, What};
use tickloom_types::{
    BarBody, BarSpec, Flags, Header, Kind, OrderUpdateBody, QuoteBody, Record, Side, SourceId,
    TradeBody, Ts,
};

impl Desk {
    pub(super) fn header(&self, item: &Item, ts_recv: Option<Ts>) -> Result<Header, DecodeError> {
        let instrument = self.scale(item.symbol.0)?.instrument;
        let (kind, source) = match &item.what {
            What::Trade { .. } => (Kind::Trade, self.sources.feed),
            What::Quote { .. } => (Kind::Quote, self.sources.feed),
            What::Book(_) => (Kind::Level, self.sources.feed),
            What::Order { .. } => (Kind::OrderUpdate, self.sources.feed),
            What::Bar { spec, .. } => (Kind::Bar, self.bar_source(*spec)),
        };
        let known = item.ts.or(ts_recv).ok_or(DecodeError::NoVenueTime)?;
        let header = Header::new(kind, instrument, source, known, ts_recv.unwrap_or(known));
        let time = match item.ts {
            Some(_) => 0,
            None => Flags::BAD_TIME,
        };
        Ok(header.with_flags(item.flags | time))
    }

    pub(super) fn bar_source(&self, spec: BarSpec) -> SourceId {
        let found = self.sources.bars.iter().find(|(known, _)| *known == spec);
        found.map_or(self.sources.feed, |(_, source)| *source)
    }

    /// The record of an item that is no book.
    pub(super) fn record(
        &self,
        item: &Item,
        header: Header,
    ) -> Result<Option<Record>, DecodeError> {
        let scale = self.scale(item.symbol.0)?;
        let price = |number| at_scale("price", number, scale.price_decimals);
        let qty = |number| at_scale("size", number, scale.qty_decimals);
        let header = header.with_flags(Flags::LAST);
        Ok(Some(match &item.what {
            What::Book(_) => return Ok(None),
            What::Trade {
                price: at,
                qty: size,
                id,
                side,
                ..
            } => TradeBody {
                price: price(*at)?,
                qty: qty(*size)?,
                trade_id: *id,
                side: side.map_or(0, |side| side as u8),
                ..TradeBody::default()
            }
            .record(header),
            What::Quote {
                bid,
                ask,
                update_id,
                ..
            } => QuoteBody {
                bid: price(bid.0)?,
                bid_qty: qty(bid.1)?,
                ask: price(ask.0)?,
                ask_qty: qty(ask.1)?,
                update_id: *update_id,
            }
            .record(header),
            What::Bar { prices, volume, .. } => BarBody {
                open: price(prices[0])?,
                high: price(prices[1])?,
                low: price(prices[2])?,
                close: price(prices[3])?,
                volume: qty(*volume)?,
            }
            .record(header),
            What::Order {
                action,
                order_id,
                side,
                price: at,
                qty: size,
            } => OrderUpdateBody {
                order_id: *order_id,
                price: price(*at)?,
                qty: qty(*size)?,
                side: side.map_or(0, |side| side as u8),
                action: *action as u8,
                ..OrderUpdateBody::default()
            }
            .record(header),
        }))
    }
}

/// The best bid and ask of a book that tells no more.
pub(super) fn quote(levels: &[Level], book: &Book, mut header: Header) -> Record {
    header.kind = Kind::Quote as u8;
    let of = |side| {
        let level = levels.iter().find(|level| level.side == side);
        level.map_or((0, 0), |level| (level.price, level.qty))
    };
    let (bid, ask) = (of(Side::Buy), of(Side::Sell));
    let body = QuoteBody {
        bid: bid.0,
        bid_qty: bid.1,
        ask: ask.0,
        ask_qty: ask.1,
        update_id: book.ids.1,
    };
    body.record(header.with_flags(Flags::LAST))
}
