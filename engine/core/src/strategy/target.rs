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
        let Some(units) = own.value(0).filter(|_| own.ticked(0)) else {
            return;
        };
        let wanted = self.mantissa(units);
        if wanted == Some(own.expected_qty()) {
            return;
        }
        intents.cancel_all(own);
        let change = wanted.and_then(|wanted| wanted.checked_sub(own.position().qty()));
        let (is_up, size) = match change {
            Some(0) => return,
            Some(change) => {
                let qty = change.checked_abs();
                (change > 0, qty.map_or(OrderSize::TooLarge, OrderSize::Qty))
            }
            // A position that no number holds, or one too far from what is held: the order is refused, and that is told.
            None => (units > 0.0, OrderSize::TooLarge),
        };
        let side = if is_up { Side::Buy } else { Side::Sell };
        intents.market(own.instrument, side, size);
    }

    /// Whether a position of so many units is wanted by an order, while so much is held and no order waits.
    pub(crate) fn differs(&self, units: f64, held: i64) -> bool {
        !units.is_nan() && self.mantissa(units) != Some(held)
    }

    /// Units as a multiple of the lot, rounded toward zero; `None` if they are no number or do not fit.
    fn mantissa(&self, units: f64) -> Option<i64> {
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
