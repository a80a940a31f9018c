//! Which instrument and which bars are meant, where nobody says so.

use crate::failure::Failure;
use anyhow::anyhow;
use tickloom_data::{Range, Table};
use tickloom_types::{BarSpec, InstrumentId, Instruments, some_of};

/// The instrument that is traded: the one named, or the only one there is. A strategy file means the first, as it does live.
pub(super) fn choose(
    known: &Instruments,
    named: Option<&str>,
    has_file: bool,
) -> Result<Option<InstrumentId>, Failure> {
    let names: Vec<&str> = known.defs().iter().map(|def| def.name.as_str()).collect();
    let wanted = match (named, names.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, [first, ..]) if has_file => first,
        (None, []) => return Ok(None),
        (None, _) => {
            return Err(Failure::input(anyhow!(
                "there are {} instruments, choose one with --instrument: {}",
                names.len(),
                some_of(&names)
            )));
        }
    };
    match known.find(wanted) {
        Some((id, _)) => Ok(Some(id)),
        None => Err(Failure::input(anyhow!(
            "--instrument {wanted:?}: expected one of {}",
            some_of(&names)
        ))),
    }
}

/// The sizes of bars that there are of an instrument, from fine to coarse.
pub(super) fn bar_sizes(ranges: &[Range], instrument: Option<&str>) -> Vec<BarSpec> {
    let mut sizes: Vec<BarSpec> = ranges
        .iter()
        .filter(|range| range.table == Table::Bars && range.instrument.as_deref() == instrument)
        .filter_map(|range| range.bar)
        .collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// The size asked for, or the only one there is.
pub(super) fn default_bar(
    sizes: &[BarSpec],
    asked: Option<BarSpec>,
) -> anyhow::Result<Option<BarSpec>> {
    match (asked, sizes) {
        (Some(bar), _) => Ok(Some(bar)),
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(*only)),
        (None, _) => {
            let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
            Err(anyhow!(
                "there are bars of several sizes, choose one with --bar: {}",
                sizes.join(", ")
            ))
        }
    }
}
