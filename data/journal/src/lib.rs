//! The journal: append-only segments of what the core saw, in that order, and of what it made of it.
//!
//! `docs/journal.md` has the bytes. Every block carries a checksum and the hash of the block before it, across segments, so
//! that a torn tail is told from damage. Not here: Parquet, servers, and when to flush (the recorder's thread decides).

mod beside;
mod closed;
mod count;
mod cursor;
mod disk;
mod error;
mod format;
mod headers;
mod limits;
mod meta;
mod numbers;
mod outline;
mod position;
mod prune;
mod reader;
mod recover;
mod salvage;
mod segment;
mod segments;
mod snapshot;
mod survey;
mod tail;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use count::JournalCount;
pub use cursor::{JournalCursor, check_place, journal_cursors};
pub use disk::sync_dir;
pub use error::JournalError;
pub use format::{Block, ChainHash, Close, Durable, Numbers, Place, Reserved, Session};
pub use meta::{FILES_NAMED_MAX, RunMeta};
pub use outline::{JournalOutline, SegmentHead, outline_journal};
pub use prune::{PruneLimit, covered_by_snapshot, prunable, prune_journal, prune_limits};
pub use reader::JournalReader;
pub use recover::{ReadSoFar, Recovered, TornTail, lock};
pub use salvage::{Lost, Salvaged, salvage_journal};
pub use segment::{ChainedBlock, SegmentFault, SegmentReader};
pub use segments::{segment_files, segment_name, segment_numbers};
pub use snapshot::{
    SnapshotFile, SnapshotHead, hex, read_snapshot, snapshot_files, write_snapshot,
};
pub use survey::{CursorSurvey, SegmentSurvey, Survey, survey_journal, survey_segment};
pub use tail::{JournalPlace, JournalTail, Tailed, read_journal_meta};
pub use verify::{Checked, verify_journal};
pub use writer::{JournalOptions, JournalWriter, OrdersAhead, SyncPolicy};

/// What a fallible call of this crate returns.
pub type Result<T, E = JournalError> = std::result::Result<T, E>;
