//! Whether the sizes of trades may be totals of all trades since a session began: they never fall but where one begins.

use crate::import::layout::Layout;
use crate::import::options::ImportOptions;
use crate::import::reader::ReadRows;
use crate::import::role::{Role, plain};
use crate::import::row::{Row, Shape, compare};
use std::cmp::Ordering;
use tickloom_types::{NANOS_PER_SECOND, Number, Ts};

/// Between sessions nothing is traded for so long at least.
const BREAK_NS: i64 = 1_800 * NANOS_PER_SECOND;
/// How often volumes grow that are totals, beside last prices, as snapshots have them, and beside any, where some do not.
const GROWN_OF_SNAPSHOTS: u64 = 3;
const GROWN: u64 = 24;

/// What the sizes of trades say.
#[derive(Default)]
pub(super) struct Totals {
    of: Vec<Option<(Ts, Number)>>,
    grown: u64,
    fallen: bool,
    /// How often one is as the one before.
    repeated: u64,
    /// Whether prices are called the last ones.
    is_of_snapshots: bool,
}

impl Totals {
    /// Of trades whose sizes nobody has said to be those of each.
    pub(super) fn of(layout: &Layout, options: &ImportOptions) -> Option<Totals> {
        let is_told = options.mapping.has(Role::Qty);
        let is_known = !layout.has_header || is_told || layout.is_databento();
        if layout.shape != Shape::Trades || is_known {
            return None;
        }
        let name = |role: Role| layout.column(role).map(|at| plain(&layout.names[at]));
        // Sizes of trades are called sizes.
        let is_volume = name(Role::Qty)?.starts_with("vol");
        let is_of_snapshots = name(Role::Price)?.starts_with("last");
        is_volume.then(|| Totals {
            is_of_snapshots,
            ..Totals::default()
        })
    }

    /// Takes in a trade.
    pub(super) fn note(&mut self, row: &Row) {
        self.note_one(row.ticker, row.stamped.ts, row.numbers[1]);
    }

    /// Takes in trades of one instrument, with sizes of so many decimals.
    pub(super) fn note_all(&mut self, rows: &ReadRows, decimals: u8) {
        let [_, sizes, ..] = &rows.numbers;
        for (ts, size) in rows.ts.iter().zip(sizes) {
            if self.fallen {
                return;
            }
            let mantissa = *size;
            self.note_one(rows.ticker, Ts(*ts), Number { mantissa, decimals });
        }
    }

    fn note_one(&mut self, ticker: usize, ts: Ts, size: Number) {
        if self.fallen {
            return;
        }
        if self.of.len() <= ticker {
            self.of.resize(ticker + 1, None);
        }
        let Some((last_ts, last)) = self.of[ticker].replace((ts, size)) else {
            return;
        };
        let is_break = ts.0.abs_diff(last_ts.0) >= BREAK_NS.unsigned_abs();
        // The later one is larger, whichever comes first in the file.
        let order = match ts < last_ts {
            true => compare(last, size),
            false => compare(size, last),
        };
        match order {
            Ordering::Greater => self.grown += 1,
            Ordering::Less => self.fallen |= !is_break,
            Ordering::Equal => self.repeated += 1,
        }
    }

    /// Whether they are totals, as far as all rows say.
    pub(super) fn are(&self) -> bool {
        let are_told = match self.is_of_snapshots {
            true => self.grown >= GROWN_OF_SNAPSHOTS,
            false => self.grown >= GROWN && self.repeated > 0,
        };
        !self.fallen && are_told
    }
}
