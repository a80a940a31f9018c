//! Rows that are not kept: wrong ones, and those that are there already. All counted, the first ones named.

use crate::import::report::LineError;
use crate::import::report::reason;
use std::path::Path;
use tickloom_catalog::Refusals;

/// A wrong field: its name, its value and what was expected.
pub(in crate::import) type Wrong = (String, String, String);

/// Wrong and repeated lines.
pub(in crate::import) struct Problems {
    pub(in crate::import) count: u64,
    pub(in crate::import) reasons: Refusals,
    pub(in crate::import) first: Vec<LineError>,
    pub(in crate::import) repeated: u64,
    pub(in crate::import) repeats: Vec<String>,
    max: usize,
    /// Whether they are rows of columns, and not lines.
    are_rows: bool,
}

impl Problems {
    pub(super) fn new(max: usize, are_rows: bool) -> Problems {
        Problems {
            count: 0,
            reasons: Refusals::default(),
            first: Vec::new(),
            repeated: 0,
            repeats: Vec::new(),
            max,
            are_rows,
        }
    }

    pub(in crate::import) fn note(
        &mut self,
        path: &Path,
        line: u64,
        (field, value, expected): Wrong,
    ) {
        self.count += 1;
        self.reasons.add(&reason(&field, &expected), 1);
        // One is always kept: it is the error if no line is right.
        if self.first.len() < self.max.max(1) {
            self.first.push(LineError {
                file: path.to_owned(),
                line,
                is_row: self.are_rows,
                field,
                value,
                expected,
            });
        }
    }

    /// A row that is there already.
    pub(in crate::import) fn repeat(&mut self, place: String) {
        self.repeated += 1;
        if self.repeats.len() < self.max {
            self.repeats.push(place);
        }
    }
}
