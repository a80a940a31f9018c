//! A target position: orders bring the position to what an expression wants.

use super::{Intents, Own};
use crate::order::OrderSize;
use tickloom_types::{InstrumentDef, Side, pow10};

/// The wanted position is the strategy's only expression.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Size mantissas in a unit.
    units: f64,
    lot: i64,
}

impl Target {
    pub(crate) fn new(instrument: &InstrumentDef) -> Target {
        Target {
            units: pow10(instrument.qty_decimals) as f64,
            lot: instrument.lot_size,
        }
    }

    pub(crate) fn decide(&self, own: &Own<'_>, intents: &mut Intents) {
        let wanted = own.value(0).filter(|_| own.ticked(0));
        let Some(wanted) = wanted.and_then(|units| self.mantissa(units)) else {
            return;
        };
        if wanted == own.expected_qty() {
            return;
        }
        intents.cancel_all(own);
        let Some(change) = wanted.checked_sub(own.position().qty()) else {
            return;
        };
        let side = if change > 0 { Side::Buy } else { Side::Sell };
        if let Some(qty) = change.checked_abs().filter(|qty| *qty > 0) {
            intents.market(own.instrument, side, OrderSize::Qty(qty));
        }
    }

    /// Units as a multiple of the lot, rounded toward zero; `None` if they are no number or do not fit.
    pub(crate) fn mantissa(&self, units: f64) -> Option<i64> {
        let mantissa = units * self.units;
        if mantissa.is_nan() || mantissa.abs() >= 9.0e18 {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounds toward zero, and the range was checked"
        )]
        let mantissa = mantissa as i64;
        Some(mantissa - mantissa % self.lot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_round_toward_zero_to_the_lot() {
        let mut def = InstrumentDef::new("X", 2, 2, "USD");
        def.lot_size = 10;
        let target = Target::new(&def);
        assert_eq!(target.mantissa(1.59), Some(150));
        assert_eq!(target.mantissa(-1.59), Some(-150));
        assert_eq!(target.mantissa(0.09), Some(0));
        assert_eq!(target.mantissa(f64::NAN), None);
        assert_eq!(target.mantissa(f64::INFINITY), None);
    }
}
