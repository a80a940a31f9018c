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
