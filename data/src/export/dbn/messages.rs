//! One record as a message of DBN: exact numbers in its units, or what has no place.

use super::RunScales;
use super::{FLAGS, Refused, refused};
use crate::Result;
use crate::catalog::column::Codec;
use ::dbn::{
    Action, BidAskPair, FlagSet, MboMsg, Mbp1Msg, OhlcvMsg, RecordHeader, Side as DbnSide,
    TradeMsg, UNDEF_PRICE,
};
use std::ffi::c_char;
use tickloom_types::{BarBody, BookAction, OrderUpdateBody, QuoteBody, Record, Side, TradeBody};

pub(super) fn time(field: &'static str, ns: i64) -> Result<u64, Refused> {
    u64::try_from(ns).map_err(|_| refused(field, ns, "1970 or later, as DBN has no other times"))
}

fn number32(field: &'static str, number: u64) -> Result<u32, Refused> {
    let expected = "at most 4294967295, as DBN has 32 bits for it";
    u32::try_from(number).map_err(|_| refused(field, number, expected))
}

/// The letter of a side, which is N if it is unknown.
fn side(raw: u8) -> c_char {
    let side = match Side::from_raw(raw) {
        Some(Side::Buy) => DbnSide::Bid,
        Some(Side::Sell) => DbnSide::Ask,
        None => DbnSide::None,
    };
    side as c_char
}

/// The numbers of one record in DBN's units.
pub(super) struct Numbers<'a> {
    pub(super) record: &'a Record,
    pub(super) scales: &'a RunScales,
}

impl Numbers<'_> {
    /// A price in billionths.
    fn price(&self, field: &'static str, mantissa: i64) -> Result<i64, Refused> {
        let factor = self.scales.factor(self.record, Codec::Price);
        let price = mantissa.checked_mul(factor);
        let expected = "below 9223372036 in absolute value, as DBN has no others";
        price
            .filter(|price| *price != UNDEF_PRICE)
            .ok_or_else(|| refused(field, format!("mantissa {mantissa}"), expected))
    }

    /// A size in whole units.
    fn units(&self, field: &'static str, mantissa: i64) -> Result<u64, Refused> {
        let factor = self.scales.factor(self.record, Codec::Qty);
        let billionths = i128::from(mantissa) * i128::from(factor);
        let whole = (billionths % 1_000_000_000 == 0).then_some(billionths / 1_000_000_000);
        let expected = "a whole number of units, zero or above, as DBN has no other sizes";
        whole
            .and_then(|whole| u64::try_from(whole).ok())
            .ok_or_else(|| {
                let text = tickloom_types::format_decimal(billionths, 9);
                refused(field, text, expected)
            })
    }

    fn size(&self, field: &'static str, mantissa: i64) -> Result<u32, Refused> {
        number32(field, self.units(field, mantissa)?)
    }

    fn flags(&self) -> FlagSet {
        let theirs = FLAGS.iter().filter(|(ours, _)| self.record.has(*ours));
        FlagSet::new(theirs.fold(0, |all, (_, theirs)| all | theirs))
    }

    fn ts_recv(&self) -> Result<u64, Refused> {
        time("ts_recv", self.record.header.ts_recv)
    }

    pub(super) fn trade(&self, hd: RecordHeader) -> Result<TradeMsg, Refused> {
        let body = TradeBody::of(self.record);
        Ok(TradeMsg {
            hd,
            price: self.price("price", body.price)?,
            size: self.size("qty", body.qty)?,
            action: Action::Trade as c_char,
            side: side(body.side),
            flags: self.flags(),
            depth: 0,
            ts_recv: self.ts_recv()?,
            ts_in_delta: 0,
            sequence: number32("trade_id", body.trade_id)?,
        })
    }

    /// A quote as a change of the best levels of which only the outcome is known.
    pub(super) fn quote(&self, hd: RecordHeader) -> Result<Mbp1Msg, Refused> {
        let body = QuoteBody::of(self.record);
        // A side that is empty has no price there.
        let price = |field, price: i64, qty| match (price, qty) {
            (0, 0) => Ok(UNDEF_PRICE),
            _ => self.price(field, price),
        };
        Ok(Mbp1Msg {
            hd,
            price: UNDEF_PRICE,
            size: 0,
            action: Action::Modify as c_char,
            side: DbnSide::None as c_char,
            flags: self.flags(),
            depth: 0,
            ts_recv: self.ts_recv()?,
            ts_in_delta: 0,
            sequence: number32("update_id", body.update_id)?,
            levels: [BidAskPair {
                bid_px: price("bid", body.bid, body.bid_qty)?,
                ask_px: price("ask", body.ask, body.ask_qty)?,
                bid_sz: self.size("bid_qty", body.bid_qty)?,
                ask_sz: self.size("ask_qty", body.ask_qty)?,
                bid_ct: 0,
                ask_ct: 0,
            }],
        })
    }

    pub(super) fn order(&self, hd: RecordHeader) -> Result<MboMsg, Refused> {
        let body = OrderUpdateBody::of(self.record);
        let action = match BookAction::from_raw(body.action) {
            Some(BookAction::Add) => Action::Add,
            Some(BookAction::Modify) => Action::Modify,
            Some(BookAction::Cancel) => Action::Cancel,
            Some(BookAction::Clear) => Action::Clear,
            Some(BookAction::Trade) => Action::Trade,
            Some(BookAction::Fill) => Action::Fill,
            None => return Err(refused("action", body.action, "an action on an order")),
        };
        let price = match (action, body.price) {
            (Action::Clear, 0) => UNDEF_PRICE,
            (_, price) => self.price("price", price)?,
        };
        Ok(MboMsg {
            hd,
            order_id: body.order_id,
            price,
            size: self.size("qty", body.qty)?,
            flags: self.flags(),
            channel_id: 0,
            action: action as c_char,
            side: side(body.side),
            ts_recv: self.ts_recv()?,
            ts_in_delta: 0,
            sequence: number32("update_id", body.update_id)?,
        })
    }

    pub(super) fn bar(&self, hd: RecordHeader) -> Result<OhlcvMsg, Refused> {
        let body = BarBody::of(self.record);
        Ok(OhlcvMsg {
            hd,
            open: self.price("open", body.open)?,
            high: self.price("high", body.high)?,
            low: self.price("low", body.low)?,
            close: self.price("close", body.close)?,
            volume: self.units("volume", body.volume)?,
        })
    }
}
