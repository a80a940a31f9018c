//! Best bid and ask of DBN as quotes, and the prices of records in general: shown, changed, and how many decimals they need.

use super::convert::{Wrong, of_kind, size};
use dbn::{BidAskPair, UNDEF_PRICE};
use tickloom_types::{
    BarBody, Header, Kind, LevelBody, OrderUpdateBody, QuoteBody, Record, TradeBody,
};

/// A side without a price is empty, and has no size then.
pub(super) fn push_quote(
    level: &BidAskPair,
    sequence: u32,
    header: Header,
    records: &mut Vec<Record>,
) -> Result<(), Wrong> {
    let side = |field, price, theirs| {
        let qty = size(theirs)?;
        match (price, qty) {
            (UNDEF_PRICE, 0) => Ok((0, 0)),
            (UNDEF_PRICE, qty) => Err((field, qty.to_string(), "0, as there is no price")),
            (price, qty) => Ok((price, qty)),
        }
    };
    let (bid, bid_qty) = side("bid_sz", level.bid_px, level.bid_sz)?;
    let (ask, ask_qty) = side("ask_sz", level.ask_px, level.ask_sz)?;
    let body = QuoteBody {
        bid,
        bid_qty,
        ask,
        ask_qty,
        update_id: u64::from(sequence),
    };
    records.push(body.record(of_kind(header, Kind::Quote)));
    Ok(())
}

pub(super) fn pair(level: &dbn::ConsolidatedBidAskPair) -> BidAskPair {
    BidAskPair {
        bid_px: level.bid_px,
        ask_px: level.ask_px,
        bid_sz: level.bid_sz,
        ask_sz: level.ask_sz,
        bid_ct: 0,
        ask_ct: 0,
    }
}

/// Shows or changes each price of a record.
#[inline]
pub(super) fn visit_prices(record: &mut Record, visit: &mut impl FnMut(&mut i64)) {
    let header = record.header;
    *record = match record.kind() {
        Some(Kind::Trade) => {
            let mut body = TradeBody::of(record);
            visit(&mut body.price);
            body.record(header)
        }
        Some(Kind::Quote) => {
            let mut body = QuoteBody::of(record);
            visit(&mut body.bid);
            visit(&mut body.ask);
            body.record(header)
        }
        Some(Kind::Level) => {
            let mut body = LevelBody::of(record);
            visit(&mut body.price);
            body.record(header)
        }
        Some(Kind::OrderUpdate) => {
            let mut body = OrderUpdateBody::of(record);
            visit(&mut body.price);
            body.record(header)
        }
        Some(Kind::Bar) => {
            let mut body = BarBody::of(record);
            for price in [
                &mut body.open,
                &mut body.high,
                &mut body.low,
                &mut body.close,
            ] {
                visit(price);
            }
            body.record(header)
        }
        _ => *record,
    };
}

/// Decimals that a price needs, which has nine, if they are more than these.
#[inline]
pub(super) fn decimals(price: i64, at_least: u8) -> u8 {
    let mut decimals = at_least;
    while decimals < 9 && price % tickloom_types::pow10(9 - decimals) != 0 {
        decimals += 1;
    }
    decimals
}
