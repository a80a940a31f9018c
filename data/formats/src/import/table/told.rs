//! What is told of the rows of a table, and of one without a right row.

use crate::FormatError;
use crate::import::layout::Layout;
use crate::import::reader::{Problems, Reader};
use std::collections::BTreeMap;

/// What a reader has to tell of its rows.
pub(super) struct Told {
    pub(super) read: u64,
    pub(super) not_kept: BTreeMap<String, u64>,
    pub(super) problems: Problems,
    pub(super) rounded: u64,
    pub(super) noisy_prices: u64,
    pub(super) rounded_as_told: u64,
    pub(super) notes: Vec<String>,
}

impl Told {
    pub(super) fn of(reader: Reader<'_>) -> Told {
        Told {
            read: reader.read,
            notes: reader.notes(),
            not_kept: reader.not_kept,
            problems: reader.problems,
            rounded: reader.rounded,
            noisy_prices: reader.noisy_prices,
            rounded_as_told: reader.rounded_as_told,
        }
    }
}

/// The error for a file of which no line is right.
pub(super) fn nothing(reader: &Reader<'_>, layout: &Layout) -> FormatError {
    let first = reader.problems.first.first();
    let path = first.map_or(reader.path(), |first| &first.file);
    let (line, found, expected) = match first {
        Some(e) => {
            let found = format!("{} is {:?}", e.field, e.value);
            let reasons = reader.problems.reasons.reasons.len();
            let more = match (reader.problems.count, reasons) {
                (..2, _) => String::new(),
                (count, 1) => format!("; so are all {count} rows"),
                (count, reasons) => format!("; {count} rows are refused, for {reasons} reasons"),
            };
            (e.line, found, format!("{}{more}", e.expected))
        }
        None => {
            let expected = "rows of the instrument asked for";
            (1, "no rows".to_owned(), expected.to_owned())
        }
    };
    layout.fault(path, line, found, &expected)
}
