//! One record as a message of DBN: exact numbers in its units, or what has no place.

use super::RunScales;
use super::refused::{Refused, refused};
use crate::Result;
use crate::databento::{flags_to_dbn, is_without_price};
use ::dbn::{
    Action, BboMsg, BidAskPair, FlagSet, MboMsg, Mbp1Msg, Mbp10Msg, OhlcvMsg, RecordHeader,
    Side as DbnSide, TradeMsg, UNDEF_ORDER_SIZE, UNDEF_PRICE, UNDEF_TIMESTAMP,
};
use std::ffi::c_char;
use tickloom_catalog::column::Codec;
use tickloom_types::{
    BarBody, BookAction, Flags, LevelBody, OrderUpdateBody, QuoteBody, Record, Side, TradeBody,
};

pub(super) fn time(field: &'static str, ns: i64) -> Result<u64, Refused> {
    u64::try_from(ns).map_err(|_| refused(field, ns, "1970 or later, as DBN has no other times"))
}

fn sequence(field: &'static str, number: u64) -> Result<u32, Refused> {
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

/// What a row of quotes or levels says besides: the trade that it is of, or only that something changed.
struct Cause {
    price: i64,
    size: u32,
    action: c_char,
    side: c_char,
}

/// The numbers of one record in DBN's units.
pub(super) struct Numbers<'a> {
    pub(super) record: &'a Record,
    pub(super) scales: &'a RunScales,
    /// Flags that have no place: of records that did not come from DBN, a time that is ours.
    pub(super) flags_lost: u8,
}

impl Numbers<'_> {
    fn of<'a>(&'a self, record: &'a Record) -> Numbers<'a> {
        Numbers {
            record,
            scales: self.scales,
            flags_lost: self.flags_lost,
        }
    }

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
        let units = self.units(field, mantissa)?;
        let size = u32::try_from(units).ok();
        size.filter(|size| *size != UNDEF_ORDER_SIZE)
            .ok_or_else(|| {
                let expected = "at most 4294967294, as DBN has no greater sizes";
                refused(field, units, expected)
            })
    }

    fn flags(&self) -> FlagSet {
        FlagSet::new(flags_to_dbn(self.record.header.flags & !self.flags_lost))
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
            sequence: sequence("trade_id", body.trade_id)?,
        })
    }

    /// What is told of a trade in a row that has more than it; without one, that something changed of which only the outcome is known.
    fn cause(&self, trade: Option<&Record>) -> Result<Cause, Refused> {
        let Some(trade) = trade else {
            return Ok(Cause {
                price: UNDEF_PRICE,
                size: 0,
                action: Action::Modify as c_char,
                side: DbnSide::None as c_char,
            });
        };
        let (numbers, body) = (self.of(trade), TradeBody::of(trade));
        Ok(Cause {
            price: numbers.price("price", body.price)?,
            size: numbers.size("qty", body.qty)?,
            action: Action::Trade as c_char,
            side: side(body.side),
        })
    }

    fn top(&self, body: &QuoteBody) -> Result<BidAskPair, Refused> {
        // A side that is empty has no price there.
        let price = |field, price: i64, qty| match (price, qty) {
            (0, 0) => Ok(UNDEF_PRICE),
            _ => self.price(field, price),
        };
        Ok(BidAskPair {
            bid_px: price("bid", body.bid, body.bid_qty)?,
            ask_px: price("ask", body.ask, body.ask_qty)?,
            bid_sz: self.size("bid_qty", body.bid_qty)?,
            ask_sz: self.size("ask_qty", body.ask_qty)?,
            bid_ct: 0,
            ask_ct: 0,
        })
    }

    /// A quote as a row of best bid and ask, together with the trade that came in its row.
    pub(super) fn quote(
        &self,
        hd: RecordHeader,
        trade: Option<&Record>,
    ) -> Result<Mbp1Msg, Refused> {
        let body = QuoteBody::of(self.record);
        let cause = self.cause(trade)?;
        Ok(Mbp1Msg {
            hd,
            price: cause.price,
            size: cause.size,
            action: cause.action,
            side: cause.side,
            flags: self.flags(),
            depth: 0,
            ts_recv: self.ts_recv()?,
            ts_in_delta: 0,
            sequence: sequence("update_id", body.update_id)?,
            levels: [self.top(&body)?],
        })
    }

    /// A quote that was looked at in intervals; the last trade, which such a row has too, is not known.
    pub(super) fn sample(&self, mut hd: RecordHeader) -> Result<BboMsg, Refused> {
        let body = QuoteBody::of(self.record);
        hd.ts_event = UNDEF_TIMESTAMP;
        // What every quote of this kind bears, as its time is that of the look.
        let flags = self.record.header.flags & !Flags::BAD_TIME;
        let mut message = BboMsg::default_for_schema(::dbn::Schema::Bbo1S);
        message.hd = hd;
        message.side = DbnSide::None as c_char;
        message.flags = FlagSet::new(flags_to_dbn(flags));
        message.ts_recv = self.ts_recv()?;
        message.sequence = sequence("update_id", body.update_id)?;
        message.levels = [self.top(&body)?];
        Ok(message)
    }

    pub(super) fn order(&self, hd: RecordHeader) -> Result<MboMsg, Refused> {
        let body = OrderUpdateBody::of(self.record);
        let Some(known) = BookAction::from_raw(body.action) else {
            return Err(refused("action", body.action, "an action on an order"));
        };
        let action = match known {
            BookAction::Add => Action::Add,
            BookAction::Modify => Action::Modify,
            BookAction::Cancel => Action::Cancel,
            BookAction::Clear => Action::Clear,
            BookAction::Trade => Action::Trade,
            BookAction::Fill => Action::Fill,
            BookAction::None => Action::None,
        };
        let price = match body.price {
            0 if is_without_price(known, self.record.header.flags, body.qty) => UNDEF_PRICE,
            price => self.price("price", price)?,
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
            sequence: sequence("update_id", body.update_id)?,
        })
    }

    /// The levels of a whole book, of which this record is one, together with the trade that came in their row.
    pub(super) fn book(
        &self,
        hd: RecordHeader,
        levels: &[Record],
        trade: Option<&Record>,
    ) -> Result<Mbp10Msg, Refused> {
        let empty = BidAskPair {
            bid_px: UNDEF_PRICE,
            ask_px: UNDEF_PRICE,
            bid_sz: 0,
            ask_sz: 0,
            bid_ct: 0,
            ask_ct: 0,
        };
        let mut pairs: [BidAskPair; 10] = std::array::from_fn(|_| empty.clone());
        let (mut bids, mut asks) = (pairs.iter_mut(), Vec::new());
        let mut flags = 0;
        let most = || {
            refused(
                "levels",
                levels.len(),
                "at most ten a side, as DBN has no more",
            )
        };
        for record in levels {
            let (numbers, body) = (self.of(record), LevelBody::of(record));
            flags |= record.header.flags;
            if body.qty == 0 {
                continue;
            }
            let price = numbers.price("price", body.price)?;
            let size = numbers.size("qty", body.qty)?;
            match Side::from_raw(body.side) {
                Some(Side::Buy) => {
                    let pair = bids.next().ok_or_else(most)?;
                    (pair.bid_px, pair.bid_sz) = (price, size);
                }
                Some(Side::Sell) => asks.push((price, size)),
                None => return Err(refused("side", body.side, "buy or sell")),
            }
        }
        if asks.len() > pairs.len() {
            return Err(most());
        }
        for (pair, (price, size)) in pairs.iter_mut().zip(asks) {
            (pair.ask_px, pair.ask_sz) = (price, size);
        }
        if !is_sorted(&pairs) {
            return Err(refused(
                "levels",
                "out of order",
                "the best of each side first",
            ));
        }
        let cause = self.cause(trade)?;
        let body = LevelBody::of(self.record);
        // Every level of a whole book bears it, so that whether the row did is not known.
        let flags = flags & !(Flags::SNAPSHOT | self.flags_lost);
        Ok(Mbp10Msg {
            hd,
            price: cause.price,
            size: cause.size,
            action: cause.action,
            side: cause.side,
            flags: FlagSet::new(flags_to_dbn(flags)),
            depth: 0,
            ts_recv: self.ts_recv()?,
            ts_in_delta: 0,
            sequence: sequence("last_id", body.last_id)?,
            levels: pairs,
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

/// Whether the levels of each side are behind better ones.
fn is_sorted(pairs: &[BidAskPair]) -> bool {
    let ascending = |prices: Vec<i64>| prices.windows(2).all(|pair| pair[0] < pair[1]);
    let known = |price: &i64| *price != UNDEF_PRICE;
    let asks = pairs.iter().map(|pair| pair.ask_px).filter(known);
    let bids = pairs.iter().rev().map(|pair| pair.bid_px).filter(known);
    ascending(asks.collect()) && ascending(bids.collect())
}
