//! Files that look like one thing and are another: several instruments side by side, quotes among trades.

use super::{Puzzle, Role, Shape, plain};
use crate::import::text::Fields;

/// Refuses a file in which two columns of prices or sizes are called the same: they are of two instruments, side by side.
pub(super) fn no_twins(names: &[String], roles: &[Option<Role>]) -> Result<(), Puzzle> {
    for (at, role) in roles.iter().enumerate() {
        let is_twin = |other: usize| other != at && plain(&names[other]) == plain(&names[at]);
        if role.is_some_and(Role::is_number) && (0..names.len()).any(is_twin) {
            return Err((
                format!("two columns called {:?}", names[at]),
                "a column each: one instrument, or a row for each of several".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Refuses trades of which a column says that some rows are bids and asks, or are taken back.
pub(super) fn only_trades(
    shape: Shape,
    names: &[String],
    roles: &[Option<Role>],
    data: &[Fields],
) -> Result<(), Puzzle> {
    const OTHERS: [&[u8]; 10] = [
        b"bid",
        b"ask",
        b"best_bid",
        b"best_ask",
        b"quote",
        b"cancel",
        b"canceled",
        b"cancelled",
        b"correction",
        b"cancellation",
    ];
    if shape != Shape::Trades {
        return Ok(());
    }
    for (at, name) in names.iter().enumerate() {
        if roles.get(at).copied().flatten().is_some() {
            continue;
        }
        let of_others =
            |row: &&Fields| OTHERS.contains(&row.get(at).to_ascii_lowercase().as_slice());
        if let Some(row) = data.iter().find(of_others) {
            let value = String::from_utf8_lossy(row.get(at)).into_owned();
            return Err((
                format!("{value:?} in column {name:?} of what would be trades"),
                "rows of trades alone".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Refuses a file in which a column says the zones of its times, which no other column does, unless they are all UTC.
pub(super) fn no_zones(
    names: &[String],
    roles: &[Option<Role>],
    data: &[Fields],
    is_told: bool,
) -> Result<(), Puzzle> {
    const NAMES: [&str; 6] = ["tz", "timezone", "tzname", "gmtoffset", "utcoffset", "zone"];
    const UTC: [&[u8]; 9] = [
        b"", b"utc", b"gmt", b"z", b"0", b"+0", b"+00:00", b"00:00", b"etc/utc",
    ];
    for (at, name) in names.iter().enumerate() {
        let is_one = NAMES.contains(&plain(name).as_str());
        if is_told || !is_one || roles.get(at).copied().flatten().is_some() {
            continue;
        }
        let is_other = |row: &&Fields| !UTC.contains(&row.get(at).to_ascii_lowercase().as_slice());
        if let Some(row) = data.iter().find(is_other) {
            let value = String::from_utf8_lossy(row.get(at)).into_owned();
            return Err((
                format!("{value:?} in column {name:?} of zones, which is not read"),
                "times that say their zone themselves, or --zone if all are of one".to_owned(),
            ));
        }
    }
    Ok(())
}
