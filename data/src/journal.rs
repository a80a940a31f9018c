//! The journal: append-only segments of what the core saw, in that order, and of what it made of it.
//!
//! `docs/journal.md` has the bytes. Every block carries a checksum and the hash of the block before it, across segments, so
//! that a torn tail is told from damage. Not here: Parquet, and when to flush (the recorder's thread decides).

mod format;
mod reader;
mod recover;
mod segment;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

pub use format::{Block, Close};
pub use reader::{JournalReader, TornTail};
pub use recover::{ReadSoFar, Recovered};
pub use segment::{SegmentFault, SegmentReader};
pub use writer::{JournalOptions, JournalWriter, SyncPolicy};

pub(crate) use reader::{segment_files, segment_name};
pub(crate) use recover::{lock, sync_dir};
pub(crate) use tail::{JournalCount, JournalPlace, JournalTail, Tailed, read_journal_meta};
