//! Definitions at another scale, in place of those that are known.

use crate::Result;
use tickloom_types::{InstrumentDef, InstrumentId, Instruments, Term};

/// The same instruments under the same identifiers, where one has sizes of so many decimals, of which the smallest is its lot.
pub(crate) fn with_scale(
    all: &Instruments,
    changed: InstrumentId,
    decimals: u8,
) -> Result<Instruments> {
    let Some(def) = all.get(changed) else {
        return Ok(all.clone());
    };
    let def = finer_sizes(def, decimals);
    with_definition(all, changed, def)
}

/// An instrument with sizes of so many decimals, of which the smallest is its lot.
#[must_use]
pub fn finer_sizes(def: &InstrumentDef, decimals: u8) -> InstrumentDef {
    let mut def = InstrumentDef {
        qty_decimals: decimals,
        lot_size: 1,
        ..def.clone()
    };
    def.contract.assumed.insert(Term::Lot);
    def
}

/// The same instruments under the same identifiers, one of which has another definition.
///
/// # Errors
/// [`CatalogError::Instrument`](crate::CatalogError::Instrument) for a definition out of range.
pub fn with_definition(
    all: &Instruments,
    changed: InstrumentId,
    definition: InstrumentDef,
) -> Result<Instruments> {
    let mut changed_all = Instruments::new();
    for (id, def) in (0..).zip(all.defs()) {
        changed_all.add(match InstrumentId(id) == changed {
            true => definition.clone(),
            false => def.clone(),
        })?;
    }
    for source in all.sources() {
        changed_all.add_source(source.clone())?;
    }
    Ok(changed_all)
}
