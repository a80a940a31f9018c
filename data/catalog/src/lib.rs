//! The catalog: history as Hive-partitioned Parquet that any reader understands, and an index of which files are whole.
//!
//! `docs/catalog.md` has the layout and the columns. A file counts once its part (a journal segment, an import) is complete and
//! listed under `_runs`; what a crash left half done is not read, and is replaced when the same part is written again.
//! Deliberately not here: files of others, in and out (`formats`), and servers.

mod batches;
mod blocks;
mod budget;
mod bundles;
mod bundling;
mod cache;
mod catalog;
mod checkpoint;
mod chunks;
pub mod column;
mod commit;
mod commits;
mod compact;
mod compare;
mod definitions;
mod difference;
mod direct;
mod encode;
mod end;
mod error;
mod extract;
mod file;
mod file_meta;
mod files;
mod follow;
mod given;
mod importing;
mod index;
mod instruments;
mod key;
mod known_checkpoints;
mod known_commits;
mod known_runs;
mod limits;
mod listing;
mod manifest;
mod merge;
mod migrate;
mod misfit;
mod no_price;
pub mod order;
mod outline;
pub mod page_header;
mod pages;
mod part;
mod partition;
mod parts;
mod progress;
mod properties;
mod query;
mod read;
mod refusals;
mod retain;
mod rewrite;
mod rows;
mod scale;
mod scan;
mod sealed;
mod spill;
mod steps;
mod store;
mod stored;
mod sweep;
mod sync;
mod table;
#[cfg(test)]
mod tests;
pub mod thrift;
mod unite;
mod verify;
mod words;
mod writer;

pub use blocks::{InBlocks, InTurn, RecordBlock, RecordBlocks};
pub use bundling::Bundled;
pub use cache::CacheStats;
pub use catalog::{BookSpan, Catalog, IMPORT_RUN, Range};
pub use checkpoint::Dropped;
pub use compact::{CompactOptions, RewriteReport, RewrittenPartition};
pub use compare::{Comparison, compare, compare_at_start, compare_rows};
pub use definitions::{Definition, Definitions};
pub use difference::Difference;
pub use end::{MemberEnd, RunEnd};
pub use error::CatalogError;
pub use file_meta::{META_KEY, SCHEMA_VERSION};
pub use importing::Importing;
pub use instruments::{Spans, name_all};
pub use key::Key;
pub use limits::MOMENT_ROWS_MAX;
pub use listing::{
    Day, DaysOfBars, Extent, Listing, RunListing, Selection, Shown, ShownRow, TableListing,
};
pub use merge::RunMerge;
pub use migrate::MigrateReport;
pub use no_price::{Beside, NoPrice};
pub use order::{mark_bars, retain_records};
pub use outline::{ColumnType, FileRange};
pub use part::Written;
pub use properties::properties;
pub use query::{ScanQuery, empty};
pub use refusals::Refusals;
pub use retain::{DroppedFile, RetainOptions, RetainReport};
pub use scale::finer_sizes;
pub use scan::{Scan, SelectedRun, select_runs};
pub use store::{Store, is_url};
pub use stored::{HELD, MORE, NUMBER_BEFORE};
pub use sweep::{Leftover, LeftoverKind};
pub use sync::{SyncReport, sync_journal, sync_sealed};
pub use table::{NUMBER, Table};
pub use unite::{Differing, SaidByRuns, unite_where_possible};
pub use verify::{Fault, VerifyReport};
pub use words::Words;
pub use writer::RunWriter;

/// What a fallible call of this crate returns.
pub type Result<T, E = CatalogError> = std::result::Result<T, E>;
