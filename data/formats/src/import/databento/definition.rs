//! Definitions of instruments in DBN, in each version of the format: symbol, tick size, currency, multiplier. Which of them are those of
//! the instruments of a file is in `beside`.

use super::quotes::decimals;
use dbn::{RecordRef, UNDEF_PRICE, rtype, v1, v2, v3};
use tickloom_types::{InstrumentDef, InstrumentKind, Term, Ts, pow10};

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
    /// In which it is settled, if that is told.
    settlement: String,
    /// Price step in billionths; none if it is not told.
    tick: Option<i64>,
    /// Money per unit of price and size in billionths; none if it is not told.
    multiplier: Option<i64>,
    /// Letter of what is traded.
    class: u8,
    /// What a derivative is on: the symbol of the instrument, or else the code of the product.
    underlying: String,
    expiry: Option<Ts>,
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
                    settlement: def.settl_currency().unwrap_or_default().to_owned(),
                    class: def.instrument_class.cast_unsigned(),
                    underlying: match def.underlying() {
                        Ok(underlying) if !underlying.is_empty() => underlying.to_owned(),
                        _ => def.asset().unwrap_or_default().to_owned(),
                    },
                    expiry: i64::try_from(def.expiration).ok().map(Ts),
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
    /// What is traded, by its letter; nothing of bonds, and of letters that are not known.
    fn kind(&self) -> Option<InstrumentKind> {
        Some(match self.class {
            // Calls and puts, and what is made of them alone.
            b'C' | b'P' | b'T' => InstrumentKind::Option,
            b'F' => InstrumentKind::Future,
            b'I' => InstrumentKind::Index,
            b'K' => InstrumentKind::Equity,
            b'M' | b'S' => InstrumentKind::Spread,
            b'X' => InstrumentKind::Fx,
            b'Y' => InstrumentKind::Spot,
            _ => return None,
        })
    }

    /// Completes an instrument whose prices need its decimals.
    pub(super) fn apply(&self, def: &mut InstrumentDef) {
        let kind = self.kind();
        let is_derivative = matches!(
            kind,
            Some(InstrumentKind::Future | InstrumentKind::Option | InstrumentKind::Spread)
        );
        if let Some(tick) = self.tick {
            def.price_decimals = decimals(tick, def.price_decimals);
            def.tick_size = tick / pow10(9 - def.price_decimals);
            def.contract.assumed.remove(&Term::Tick);
        }
        if !self.currency.is_empty() {
            def.currency.clone_from(&self.currency);
            def.contract.assumed.remove(&Term::Currency);
        }
        let plain = matches!(kind, Some(InstrumentKind::Equity)).then_some(pow10(9));
        if let Some(multiplier) = self.multiplier.or(plain) {
            def.multiplier_decimals = decimals(multiplier, 0);
            def.multiplier = multiplier / pow10(9 - def.multiplier_decimals);
            def.contract.assumed.remove(&Term::Multiplier);
        }
        if is_derivative {
            // Contracts are whole.
            def.contract.assumed.remove(&Term::Lot);
        }
        let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let contract = &mut def.contract;
        contract.kind = kind;
        contract.settlement = said(&self.settlement).filter(|other| *other != def.currency);
        contract.underlying = said(&self.underlying).filter(|_| is_derivative);
        contract.expiry = self.expiry.filter(|_| is_derivative);
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
