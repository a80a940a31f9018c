//! What a first reading has read, held to be handed out once all is known of it.

use crate::import::report::Found;
use crate::limits::DBN_HELD_RECORDS_MAX;
use tickloom_types::Record;

/// The records of a file, row by row. Prices keep nine decimals.
#[derive(Default)]
pub(super) struct Held {
    records: Vec<Record>,
    rows: Vec<Row>,
    /// What became of the rows.
    pub(super) found: Found,
}

/// How many records a row became, and whether it says that it is the last of its event.
#[derive(Clone, Copy)]
struct Row {
    records: u8,
    is_last: Option<bool>,
}

impl Held {
    /// Takes the records of a row; false if there are too many.
    #[inline]
    pub(super) fn take(&mut self, records: &[Record], is_last: Option<bool>) -> bool {
        let Ok(count) = u8::try_from(records.len()) else {
            return false;
        };
        if self.records.len() + records.len() > DBN_HELD_RECORDS_MAX {
            return false;
        }
        self.records.extend_from_slice(records);
        self.rows.push(Row {
            records: count,
            is_last,
        });
        true
    }

    /// The rows: their records, and whether each is the last of its event.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[Record], Option<bool>)> {
        let mut rest = self.records.as_slice();
        self.rows.iter().map(move |row| {
            let (records, after) = rest.split_at(usize::from(row.records));
            rest = after;
            (records, row.is_last)
        })
    }
}
