//! The memory that an import may take to read, and what of it each of its parts may.

use crate::limits::{
    ARROW_BATCH_BYTES_MAX, DBN_HELD_BYTES_MAX, DRAFT_BYTES, KNOWN_BARS_MAX, KNOWN_BARS_MIN,
    PARQUET_PAGE_BYTES_MAX, PARQUET_PAGES_BYTES_MAX, SORTED_AT_ONCE, SORTED_AT_ONCE_MIN,
};

/// Bytes of a record that waits to be sorted, with its row and place.
const SORTED_BYTES: u64 = size_of::<(u32, u32, tickloom_types::Record)>() as u64;

/// Bytes of a bar that is held to know it again.
const KNOWN_BYTES: u64 = 64;

/// The memory of one import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Bytes of packed records that a first reading keeps.
    pub(crate) draft: u64,
    /// Records that are sorted at a time.
    pub(crate) sorted_at_once: usize,
    /// Bytes of DBN that are kept between its readings.
    pub(crate) held: usize,
    /// Bytes of a page of somebody's Parquet file, and of all pages that are read at a time.
    pub(crate) page: u64,
    pub(crate) pages: u64,
    /// Bars of earlier imports that are held at a time.
    pub(crate) known: usize,
    /// Bytes of a batch of somebody's Arrow file, as it is there and unpacked.
    pub(crate) batch: u64,
}

impl Default for Room {
    fn default() -> Room {
        Room {
            draft: DRAFT_BYTES,
            sorted_at_once: SORTED_AT_ONCE,
            held: DBN_HELD_BYTES_MAX,
            page: PARQUET_PAGE_BYTES_MAX,
            pages: PARQUET_PAGES_BYTES_MAX,
            known: KNOWN_BARS_MAX,
            batch: ARROW_BATCH_BYTES_MAX,
        }
    }
}

impl Room {
    /// What an import does with so many bytes. Not all parts are there at the same time.
    pub(crate) fn of(bytes: u64) -> Room {
        let most = Room::default();
        let records = usize::try_from(bytes / 8 / SORTED_BYTES).unwrap_or(usize::MAX);
        let known = usize::try_from(bytes / 8 / KNOWN_BYTES).unwrap_or(usize::MAX);
        let held = usize::try_from(bytes / 8).unwrap_or(usize::MAX);
        Room {
            draft: most.draft.min(bytes / 8),
            sorted_at_once: records.clamp(SORTED_AT_ONCE_MIN, most.sorted_at_once),
            held: most.held.min(held),
            page: most.page.min(bytes / 4),
            pages: most.pages.min(bytes / 2),
            known: known.clamp(KNOWN_BARS_MIN, most.known),
            batch: most.batch.min(bytes / 3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_memory_is_divided_and_much_is_not_used() {
        assert_eq!(Room::of(u64::MAX), Room::default());
        let little = Room::of(96 << 20);
        assert_eq!((little.draft, little.held), (12 << 20, 12 << 20));
        assert_eq!((little.page, little.pages), (24 << 20, 48 << 20));
        assert_eq!(little.batch, 32 << 20);
        assert_eq!(little.sorted_at_once, (12 << 20) / 128);
        assert_eq!(Room::of(0).sorted_at_once, 4_096);
    }
}
