//! Definitions at another scale, in place of those that are known.

use tickloom_types::{InstrumentDef, Term};

/// An instrument with sizes of so many decimals, of which the smallest is its lot, for orders in fractions of what its data has. Nothing
/// if it has as many, or its lot is known and not assumed: then no order is in fractions of that.
#[must_use]
pub fn finer_sizes(def: &InstrumentDef, decimals: u8) -> Option<InstrumentDef> {
    let is_said = !def.contract.is_unknown() && !def.contract.assumed.contains(&Term::Lot);
    if is_said || def.lot_size > 1 || def.qty_decimals >= decimals {
        return None;
    }
    let mut def = InstrumentDef {
        qty_decimals: decimals,
        ..def.clone()
    };
    def.contract.assumed.insert(Term::Lot);
    Some(def)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assumed_lot_gets_finer_and_one_that_is_known_stays() {
        let assumed = InstrumentDef::assumed("A", 2, 1, "USD");
        let finer = finer_sizes(&assumed, 8).unwrap();
        assert_eq!((finer.qty_decimals, finer.lot_size), (8, 1));
        assert!(finer.contract.assumed.contains(&Term::Lot));
        assert_eq!(finer_sizes(&assumed, 1), None);
        // Of old catalogs nothing is known.
        let unknown = InstrumentDef::new("A", 2, 0, "USD");
        assert_eq!(finer_sizes(&unknown, 2).unwrap().qty_decimals, 2);
        let mut said = assumed.clone();
        said.contract.assumed.remove(&Term::Lot);
        assert_eq!(finer_sizes(&said, 8), None);
        let large = InstrumentDef {
            lot_size: 100,
            ..unknown
        };
        assert_eq!(finer_sizes(&large, 8), None);
    }
}
