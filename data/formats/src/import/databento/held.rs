//! What a first reading has read, held to be handed out once all is known of it.

use crate::import::report::Found;
use crate::limits::DBN_HELD_RECORDS_MAX;
use tickloom_types::Record;

/// Records that lie together: what grew as one would be copied each time.
const CHUNK_RECORDS: usize = 1 << 13;

/// The records of a file, row by row. Prices keep nine decimals.
#[derive(Default)]
pub(super) struct Held {
    /// Records and rows; those of a row are in one of them.
    chunks: Vec<(Vec<Record>, Vec<Row>)>,
    records: usize,
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
        self.records += records.len();
        if self.records > DBN_HELD_RECORDS_MAX {
            return false;
        }
        let row = Row {
            records: count,
            is_last,
        };
        if let Some((chunk, rows)) = self.chunks.last_mut()
            && chunk.len() + records.len() <= CHUNK_RECORDS
        {
            chunk.extend_from_slice(records);
            rows.push(row);
            return true;
        }
        let mut chunk = Vec::with_capacity(CHUNK_RECORDS);
        chunk.extend_from_slice(records);
        self.chunks.push((chunk, vec![row]));
        true
    }

    /// The rows: their records, and whether each is the last of its event.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[Record], Option<bool>)> {
        self.chunks.iter().flat_map(|(chunk, rows)| {
            let mut rest = chunk.as_slice();
            rows.iter().map(move |row| {
                let (records, after) = rest.split_at(usize::from(row.records));
                rest = after;
                (records, row.is_last)
            })
        })
    }
}
