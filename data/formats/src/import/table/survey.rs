//! What a first reading of a table finds out.

use crate::import::reader::ReadRows;
use crate::import::row::Row;
use tickloom_types::Ts;

/// What a first reading finds out of the rows that are right.
pub(super) struct Survey {
    pub(super) rows: u64,
    pub(super) first: Ts,
    pub(super) last: Ts,
    pub(super) has_sizes: bool,
    /// Line of the first row.
    pub(super) line: u64,
}

impl Survey {
    /// Of no rows yet.
    pub(super) fn new() -> Survey {
        Survey {
            rows: 0,
            first: Ts(i64::MAX),
            last: Ts(i64::MIN),
            has_sizes: false,
            line: 1,
        }
    }

    /// Takes in rows, which have no sizes beside bars.
    pub(super) fn note_all(&mut self, rows: &ReadRows) {
        if self.rows == 0 {
            self.line = rows.line;
        }
        self.rows += rows.ts.len() as u64;
        for ts in rows.ts.iter().min().into_iter().chain(rows.ts.iter().max()) {
            self.first = self.first.min(Ts(*ts));
            self.last = self.last.max(Ts(*ts));
        }
    }

    /// Takes in a row.
    pub(super) fn note(&mut self, row: &Row) {
        let ts = row.stamped.ts;
        if self.rows == 0 {
            self.line = row.line;
        }
        self.rows += 1;
        self.first = self.first.min(ts);
        self.last = self.last.max(ts);
        self.has_sizes |= row.numbers[4].mantissa > 0 || row.numbers[9].mantissa > 0;
    }
}
