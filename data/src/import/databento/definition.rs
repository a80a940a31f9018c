//! Definitions in a file of DBN: symbol, tick size, currency and multiplier of an instrument, in each version of the format.

use super::convert::{UNDEFINED_PRICE, decimals};
use dbn::{RecordRef, rtype, v1, v2, v3};
use tickloom_types::{InstrumentDef, pow10};

/// What a definition says of an instrument.
pub(super) struct Definition {
    pub(super) id: u32,
    pub(super) symbol: String,
    currency: String,
    tick: i64,
    multiplier: i64,
}

/// The definition that a record is, of any version.
pub(super) fn read(record: &RecordRef<'_>) -> Option<Definition> {
    if record.header().rtype != rtype::INSTRUMENT_DEF {
        return None;
    }
    macro_rules! read {
        ($type:ty) => {
            record.try_get::<$type>().ok().map(|def| Definition {
                id: def.hd.instrument_id,
                symbol: def.raw_symbol().unwrap_or_default().to_owned(),
                currency: def.currency().unwrap_or_default().to_owned(),
                tick: def.min_price_increment,
                multiplier: multiplier(def.contract_multiplier, def.unit_of_measure_qty),
            })
        };
    }
    read!(v3::InstrumentDefMsg)
        .or_else(|| read!(v2::InstrumentDefMsg))
        .or_else(|| read!(v1::InstrumentDefMsg))
}

/// Money per unit of price and size: the multiplier, or else the size of a contract, if it is a whole number above zero.
fn multiplier(multiplier: i32, unit: i64) -> i64 {
    let nano = pow10(9);
    if multiplier != i32::MAX && multiplier > 0 {
        i64::from(multiplier)
    } else if unit != UNDEFINED_PRICE && unit > 0 && unit % nano == 0 {
        unit / nano
    } else {
        1
    }
}

impl Definition {
    /// Completes an instrument whose prices need its decimals; returns those that it has then.
    pub(super) fn apply(&self, def: &mut InstrumentDef) -> u8 {
        if self.tick > 0 && self.tick != UNDEFINED_PRICE {
            def.price_decimals = decimals(self.tick).max(def.price_decimals);
            def.tick_size = self.tick / pow10(9 - def.price_decimals);
        }
        if !self.currency.is_empty() {
            def.currency.clone_from(&self.currency);
        }
        def.multiplier = self.multiplier;
        def.price_decimals
    }
}
