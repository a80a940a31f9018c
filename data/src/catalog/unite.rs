//! Definitions of instruments from several runs as one: by name, at the finer scale.

use crate::{DataError, Result};
use std::collections::BTreeMap;
use tickloom_types::{InstrumentDef, InstrumentError, Instruments, pow10};

/// Unites definitions by name, sorted by it. Those that differ only in scale get the finer one.
pub(crate) fn unite(defs: Vec<InstrumentDef>) -> Result<Instruments> {
    let mut by_name: BTreeMap<String, InstrumentDef> = BTreeMap::new();
    for def in defs {
        match by_name.get_mut(&def.name) {
            None => {
                by_name.insert(def.name.clone(), def);
            }
            Some(known) if *known != def => *known = finer(known, &def)?,
            Some(_) => {}
        }
    }
    let mut all = Instruments::new();
    for def in by_name.into_values() {
        all.add(def)?;
    }
    Ok(all)
}

fn finer(a: &InstrumentDef, b: &InstrumentDef) -> Result<InstrumentDef> {
    let conflict = || DataError::Instrument(InstrumentError::Conflict(a.name.clone()));
    if a.multiplier != b.multiplier || a.currency != b.currency {
        return Err(conflict());
    }
    if a.calendar.is_some() && b.calendar.is_some() && a.calendar != b.calendar {
        return Err(conflict());
    }
    let price_decimals = a.price_decimals.max(b.price_decimals);
    let qty_decimals = a.qty_decimals.max(b.qty_decimals);
    let at = |step: i64, decimals: u8, wanted: u8| step.checked_mul(pow10(wanted - decimals));
    let least = |a: Option<i64>, b: Option<i64>| Some(a?.min(b?));
    Ok(InstrumentDef {
        tick_size: least(
            at(a.tick_size, a.price_decimals, price_decimals),
            at(b.tick_size, b.price_decimals, price_decimals),
        )
        .ok_or_else(conflict)?,
        lot_size: least(
            at(a.lot_size, a.qty_decimals, qty_decimals),
            at(b.lot_size, b.qty_decimals, qty_decimals),
        )
        .ok_or_else(conflict)?,
        price_decimals,
        qty_decimals,
        calendar: a.calendar.clone().or_else(|| b.calendar.clone()),
        ..a.clone()
    })
}
