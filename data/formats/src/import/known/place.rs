//! What records are known by, and what they say beside that: at nine decimals, whatever scale they are kept at.

use super::stretch::Place;
use tickloom_types::{
    BarBody, BarSpec, InstrumentDef, InstrumentId, Instruments, Kind, QuoteBody, Record, SourceDef,
    SourceId, TradeBody, pow10,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128};

/// What a record says beside its place, as a hash of its numbers at nine decimals.
pub(super) type Content = u128;

/// What the numbers of instruments and sources of the catalog are in a file.
pub(super) struct Numbers {
    instruments: Vec<Option<u32>>,
    /// Of sources of bars; trades are known by their numbers, whatever they came from.
    sources: Vec<Option<u16>>,
}

impl Numbers {
    pub(super) fn new(there: &Instruments, own: &Instruments) -> Numbers {
        let source = |there: &SourceDef| {
            let same = |own: &SourceDef| own.name == there.name && own.kind == there.kind;
            let at = own.sources().iter().position(same)?;
            u16::try_from(at).ok()
        };
        let instrument = |def: &InstrumentDef| own.find(&def.name).map(|(id, _)| id.0);
        Numbers {
            instruments: there.defs().iter().map(instrument).collect(),
            sources: there.sources().iter().map(source).collect(),
        }
    }

    pub(super) fn of(&self, record: &Record) -> (Option<u32>, Option<u16>) {
        let InstrumentId(instrument) = record.instrument();
        let instrument = usize::try_from(instrument).ok();
        let instrument = instrument.and_then(|at| self.instruments.get(at).copied());
        let source = match record.kind() {
            Some(Kind::Bar) => self.sources.get(usize::from(record.header.source)).copied(),
            _ => Some(Some(0)),
        };
        (instrument.flatten(), source.flatten())
    }
}

/// What a record of an instrument of this definition is known by: of a bar its instrument, source and close, of a trade its instrument, number
/// and time, and of a quote these and all that it says, as several states of a moment may have one number.
pub(super) fn place(
    record: &Record,
    (instrument, def): (u32, &InstrumentDef),
    source: u16,
    of: &Instruments,
) -> Option<Place> {
    let ts = record.header.ts_event;
    match record.kind()? {
        Kind::Bar => {
            let source = SourceId(source);
            let is_of_time = matches!(of.bar_spec(source), Some(BarSpec::Time(_)));
            is_of_time.then_some((instrument, source.0.into(), ts))
        }
        Kind::Trade => {
            let id = TradeBody::of(record).trade_id;
            (id != 0).then_some((instrument, id, ts))
        }
        Kind::Quote => {
            let id = QuoteBody::of(record).update_id;
            let state = || xxh3_64_with_seed(&content(record, def).to_le_bytes(), id);
            (id != 0).then(|| (instrument, state(), ts))
        }
        _ => None,
    }
}

/// What marks the instrument in the place of a moment and a price.
const OF_PRICE: u32 = 1 << 31;

/// The time and the price of a trade, by which one with another number is known as its twin.
pub(super) fn price_place(record: &Record, instrument: u32, def: &InstrumentDef) -> Option<Place> {
    if record.kind() != Some(Kind::Trade) {
        return None;
    }
    let price = at_nine(TradeBody::of(record).price, def.price_decimals);
    let low = u64::try_from(price & i128::from(u64::MAX)).ok()?;
    Some((instrument | OF_PRICE, low, record.header.ts_event))
}

/// What marks the instrument in the place of all that a row without a number says.
const OF_ALL: u32 = 1 << 29;

/// The place of a trade without a number, by its time, price, size and side, and of a quote, by its time and all that it says; none of
/// other rows.
pub(super) fn bare_place(record: &Record, instrument: u32, def: &InstrumentDef) -> Option<Place> {
    let price = |mantissa| at_nine(mantissa, def.price_decimals);
    let size = |mantissa| at_nine(mantissa, def.qty_decimals);
    let numbers = match record.kind()? {
        Kind::Trade => {
            let trade = TradeBody::of(record);
            if trade.trade_id != 0 {
                return None;
            }
            [price(trade.price), size(trade.qty), trade.side.into(), 0]
        }
        Kind::Quote => {
            let quote = QuoteBody::of(record);
            [
                price(quote.bid),
                size(quote.bid_qty),
                price(quote.ask),
                size(quote.ask_qty),
            ]
        }
        _ => return None,
    };
    let mut bytes = [0; 4 * size_of::<i128>()];
    for (place, number) in bytes.chunks_exact_mut(size_of::<i128>()).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let said = xxh3_64(&bytes);
    Some((instrument | OF_ALL, said, record.header.ts_event))
}

/// What is at a place of which several records say different things: each of them has a place of its own, [`one_of`] these.
pub(super) const SEVERAL: Content = 2;
/// What marks the instrument in the place of one of several.
const OF_SEVERAL: u32 = 1 << 28;

/// The place of one of several records that are known by the same.
pub(super) fn one_of(place: Place, content: Content) -> Place {
    let said = xxh3_64_with_seed(&content.to_le_bytes(), place.1);
    (place.0 | OF_SEVERAL, said, place.2)
}

/// What marks the instrument in the place of a number, a price and a size.
const OF_NUMBER: u32 = 1 << 30;
/// How far apart the times of one trade may be, that of the trade and that of the message which told it, in seconds or less.
pub(super) const AGAIN_NS: i64 = 5_000_000_000;

/// The number, the price and the size of a trade as one; none of a trade without a number.
pub(super) fn number(record: &Record, def: &InstrumentDef) -> Option<u64> {
    let id = TradeBody::of(record).trade_id;
    let is_numbered = record.kind() == Some(Kind::Trade) && id != 0;
    is_numbered.then(|| xxh3_64_with_seed(&content(record, def).to_le_bytes(), id))
}

/// The place of a [`number`] at about a time.
pub(super) fn number_place(instrument: u32, number: u64, ts: i64) -> Place {
    (instrument | OF_NUMBER, number, ts.div_euclid(2 * AGAIN_NS))
}

fn at_nine(mantissa: i64, decimals: u8) -> i128 {
    i128::from(mantissa) * i128::from(pow10(9_u8.saturating_sub(decimals)))
}

/// What a record says beside its place.
pub(super) fn content(record: &Record, def: &InstrumentDef) -> Content {
    let price = |mantissa| at_nine(mantissa, def.price_decimals);
    let size = |mantissa| at_nine(mantissa, def.qty_decimals);
    let numbers = match record.kind() {
        Some(Kind::Bar) => {
            let bar = BarBody::of(record);
            [
                price(bar.open),
                price(bar.high),
                price(bar.low),
                price(bar.close),
                size(bar.volume),
            ]
        }
        Some(Kind::Quote) => {
            let quote = QuoteBody::of(record);
            [
                price(quote.bid),
                size(quote.bid_qty),
                price(quote.ask),
                size(quote.ask_qty),
                0,
            ]
        }
        _ => {
            let trade = TradeBody::of(record);
            [price(trade.price), size(trade.qty), 0, 0, 0]
        }
    };
    let mut bytes = [0; 5 * size_of::<i128>()];
    for (place, number) in bytes.chunks_exact_mut(size_of::<i128>()).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    xxh3_128(&bytes)
}
