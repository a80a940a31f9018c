//! The prices and sizes of a record, shown or changed one by one.

use tickloom_types::{BarBody, Kind, LevelBody, OrderUpdateBody, QuoteBody, Record, TradeBody};

/// What a number of a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mantissa {
    /// At the decimals of prices.
    Price,
    /// At the decimals of sizes.
    Qty,
}

/// Shows each price and size of a market record, to be changed; false for a record of another kind.
#[inline]
pub(super) fn visit_mantissas(
    record: &mut Record,
    visit: &mut impl FnMut(Mantissa, &mut i64),
) -> bool {
    use Mantissa::{Price, Qty};
    let header = record.header;
    *record = match record.kind() {
        Some(Kind::Trade) => {
            let mut body = TradeBody::of(record);
            visit(Price, &mut body.price);
            visit(Qty, &mut body.qty);
            body.record(header)
        }
        Some(Kind::Quote) => {
            let mut body = QuoteBody::of(record);
            visit(Price, &mut body.bid);
            visit(Qty, &mut body.bid_qty);
            visit(Price, &mut body.ask);
            visit(Qty, &mut body.ask_qty);
            body.record(header)
        }
        Some(Kind::Level) => {
            let mut body = LevelBody::of(record);
            visit(Price, &mut body.price);
            visit(Qty, &mut body.qty);
            body.record(header)
        }
        Some(Kind::OrderUpdate) => {
            let mut body = OrderUpdateBody::of(record);
            visit(Price, &mut body.price);
            visit(Qty, &mut body.qty);
            body.record(header)
        }
        Some(Kind::Bar) => {
            let mut body = BarBody::of(record);
            visit(Price, &mut body.open);
            visit(Price, &mut body.high);
            visit(Price, &mut body.low);
            visit(Price, &mut body.close);
            visit(Qty, &mut body.volume);
            body.record(header)
        }
        _ => return false,
    };
    true
}
