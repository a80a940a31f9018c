//! Durable things beside the journal: the Parquet catalog that is made from it, the recorder that drives both, import and export
//! of files, and QuestDB, the optional server.
//!
//! The journal (`tickloom-journal`) is the authority: what the core saw, in that order. Parquet is derived from it and can be
//! made again.
//! Deliberately not here: decoding of venues' messages (`feeds`), and anything that runs a strategy.

pub mod aggregate;
pub mod calendar;
pub mod catalog;
mod databento;
mod definitions;
mod error;
pub mod export;
pub mod import;
mod limits;
mod order;
pub mod quality;
pub mod questdb;
mod recorder;
mod refusals;
#[cfg(test)]
mod testing;

pub use aggregate::{Aggregate, AggregateOptions, BarPrice, Closes, LeftOut, Passing};
pub use calendar::{Calendar, Calendars, Session, with_calendar};
pub use catalog::{
    BookSpan, CacheStats, Catalog, ColumnType, CompactOptions, Comparison, Difference, Dropped,
    DroppedFile, Extent, Fault, FileRange, InBlocks, InTurn, Leftover, Listing, MigrateReport,
    Range, RecordBlock, RecordBlocks, RetainOptions, RetainReport, RewriteReport, RunEnd,
    RunWriter, Scan, ScanQuery, Selection, Shown, ShownRow, Store, SyncReport, Table, VerifyReport,
    Written, compare_rows, is_url, sync_journal,
};
pub use databento::{DbnInstrument, DbnOrigin};
pub use definitions::{Definition, Definitions};
pub use error::DataError;
pub use export::{Cell, CellKind, ExportFormat, ExportReport, Sheet, export_file};
pub use import::{
    Decimal, FileRecords, FolderRecords, Format, ImportOptions, ImportReport, Input, KindCount,
    LineError, Mapping, Profile, RefusedMax, Stamp, Taken, Years, content_run, finer_sizes, inputs,
    is_columnar, open_text, peek_line, read_file, read_folder, redefine,
};
pub use order::{mark_bars, retain_records};
pub use quality::{Inspector, Ledger, LedgerKind, LedgerRow, Thresholds};
pub use questdb::{QuestDb, QuestDbAddress, QuestDbScan, QuestDbSink, SuspendedTable};
pub use recorder::{
    CatalogStatus, Conversion, Recorder, RecorderOptions, catalog_dir, compare_journal,
    compare_recorded, journal_dir, record_dir_of,
};
pub use refusals::Refusals;

/// What a fallible call of this crate returns.
pub type Result<T, E = DataError> = std::result::Result<T, E>;
