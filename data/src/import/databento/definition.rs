//! Definitions of instruments in DBN, in each version of the format: symbol, tick size, currency, multiplier. Which of them are those of
//! the instruments of a file is in `beside`.

use super::quotes::decimals;
use dbn::{RecordRef, UNDEF_PRICE, rtype, v1, v2, v3};
use tickloom_types::{InstrumentDef, pow10};

/// What a definition says of an instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) publisher: u16,
    pub(super) id: u32,
    /// When it was told, nanoseconds since the epoch.
    pub(super) ts: u64,
    pub(super) symbol: String,
    pub(super) terms: Terms,
}

/// What is defined of an instrument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    currency: String,
    /// Price step in billionths; none if it is not told.
    tick: Option<i64>,
    /// Money per unit of price and size in billionths; none if it is not told.
    multiplier: Option<i64>,
}

/// The definition that a record is, of any version; one that takes an instrument away defines nothing.
pub(super) fn read(record: &RecordRef<'_>) -> Option<Definition> {
    if record.header().rtype != rtype::INSTRUMENT_DEF {
        return None;
    }
    macro_rules! read {
        ($type:ty) => {
            record.try_get::<$type>().ok().map(|def| Definition {
                publisher: def.hd.publisher_id,
                id: def.hd.instrument_id,
                ts: if def.ts_recv == u64::MAX {
                    def.hd.ts_event
                } else {
                    def.ts_recv
                },
                symbol: def.raw_symbol().unwrap_or_default().to_owned(),
                terms: Terms {
                    currency: def.currency().unwrap_or_default().to_owned(),
                    tick: defined(def.min_price_increment),
                    multiplier: multiplier(
                        def.min_price_increment,
                        def.min_price_increment_amount,
                        def.unit_of_measure_qty,
                        def.contract_multiplier,
                    ),
                },
            })
        };
    }
    read!(v3::InstrumentDefMsg)
        .or_else(|| read!(v2::InstrumentDefMsg))
        .or_else(|| read!(v1::InstrumentDefMsg))
}

/// A number above zero, if it is told.
fn defined(number: i64) -> Option<i64> {
    (number > 0 && number != UNDEF_PRICE).then_some(number)
}

/// Money per unit of price and size, in billionths. What a price step is worth says it best: prices may be in cents or per cent of a unit,
/// as those of grain and bonds are. Otherwise it is the size of a contract; `contract_multiplier`, which counts deliveries at
/// some venues, comes last.
fn multiplier(tick: i64, tick_value: i64, unit: i64, deliveries: i32) -> Option<i64> {
    let nano = i128::from(pow10(9));
    if let (Some(tick), Some(value)) = (defined(tick), defined(tick_value)) {
        let worth = i128::from(value) * nano;
        let (worth, rest) = (worth / i128::from(tick), worth % i128::from(tick));
        if let (0, Ok(worth)) = (rest, i64::try_from(worth)) {
            return Some(worth);
        }
    }
    let deliveries = (deliveries > 0 && deliveries != i32::MAX)
        .then(|| i64::from(deliveries).checked_mul(pow10(9)))
        .flatten();
    defined(unit).or(deliveries)
}

impl Terms {
    /// Completes an instrument whose prices need its decimals.
    pub(super) fn apply(&self, def: &mut InstrumentDef) {
        if let Some(tick) = self.tick {
            def.price_decimals = decimals(tick, def.price_decimals);
            def.tick_size = tick / pow10(9 - def.price_decimals);
        }
        if !self.currency.is_empty() {
            def.currency.clone_from(&self.currency);
        }
        if let Some(multiplier) = self.whole_multiplier() {
            def.multiplier = multiplier;
        }
    }

    /// The multiplier, if it is a whole number.
    fn whole_multiplier(&self) -> Option<i64> {
        let multiplier = self.multiplier?;
        (multiplier % pow10(9) == 0).then_some(multiplier / pow10(9))
    }

    /// What cannot be kept of it.
    pub(super) fn lost(&self) -> Option<String> {
        let multiplier = self.multiplier?;
        if self.whole_multiplier().is_some() {
            return None;
        }
        let text = tickloom_types::format_decimal(i128::from(multiplier), 9);
        Some(format!("a multiplier of {text}, which is no whole number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: i64 = UNDEF_PRICE;

    #[test]
    fn a_multiplier_is_what_a_price_step_is_worth_or_the_size_of_a_contract() {
        let nano = pow10(9);
        let cases = [
            // E-mini S&P: a quarter of a point is 12.50 dollars, and a contract is 50 times the index.
            ((250_000_000, 12_500_000_000, 50 * nano, i32::MAX), Some(50)),
            ((250_000_000, NONE, 50 * nano, i32::MAX), Some(50)),
            // Corn in cents: a quarter of a cent of 5,000 bushels.
            (
                (250_000_000, 12_500_000_000, 5_000 * nano, i32::MAX),
                Some(50),
            ),
            // Ten-year note in points of 1,000 dollars, in 64ths.
            (
                (15_625_000, 15_625_000_000, 100_000 * nano, i32::MAX),
                Some(1_000),
            ),
            ((NONE, NONE, NONE, 100), Some(100)),
            ((10_000_000, NONE, NONE, i32::MAX), None),
            ((0, 0, 0, 0), None),
        ];
        for ((tick, value, unit, deliveries), expected) in cases {
            let found = multiplier(tick, value, unit, deliveries);
            assert_eq!(found, expected.map(|whole: i64| whole * nano));
        }
    }
}
