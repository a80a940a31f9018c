//! Durable things beside the journal and the catalog: the recorder that drives both, calendars, bars at their sessions, the ledger of
//! what is wrong with data, and QuestDB, the optional server.
//!
//! The journal (`tickloom-journal`) is the authority: what the core saw, in that order. Parquet (`tickloom-catalog`) is derived from it
//! and can be made again. Those two and files of others (`tickloom-formats`) are told on here, for whoever needs all of them.
//! Deliberately not here: decoding of venues' messages (`feeds`), and anything that runs a strategy.

pub mod aggregate;
mod ahead;
mod blocks;
pub mod calendar;
mod error;
mod limits;
pub mod quality;
pub mod questdb;
mod recorder;

pub use aggregate::{Aggregate, AggregateOptions, BarPrice, Closes, LeftOut, Passing};
pub use ahead::read_ahead;
pub use blocks::{Blocks, OfCatalog, OfFile, Stream};
pub use calendar::{Calendar, Calendars, Session, with_calendar};
pub use error::DataError;
pub use quality::{Inspector, Ledger, LedgerKind, LedgerRow, Thresholds};
pub use questdb::{QuestDb, QuestDbAddress, QuestDbScan, QuestDbSink, SuspendedTable};
pub use recorder::{
    CatalogStatus, Conversion, Recorder, RecorderOptions, catalog_dir, compare_journal,
    compare_recorded, journal_dir, record_dir_of,
};
pub use tickloom_catalog::{
    BookSpan, CacheStats, Catalog, CatalogError, ColumnType, CompactOptions, Comparison,
    DaysOfBars, Definition, Definitions, Difference, Differing, Dropped, DroppedFile, Extent,
    Fault, FileRange, Importing, InBlocks, InTurn, Leftover, Listing, MigrateReport, Range,
    RecordBlock, RecordBlocks, Refusals, RetainOptions, RetainReport, RewriteReport, RunEnd,
    RunWriter, SaidByRuns, Scan, ScanQuery, Selection, Shown, ShownRow, Store, SyncReport, Table,
    VerifyReport, Written, compare_rows, finer_sizes, is_url, mark_bars, retain_records,
    sync_journal,
};
pub use tickloom_formats::{
    Cell, CellKind, DbnInstrument, DbnOrigin, Decimal, DefinitionFile, ExportFormat, ExportReport,
    FileRecords, FolderRecords, Format, FormatError, ImportOptions, ImportReport, Input, KindCount,
    Known, Largest, LineError, Mapping, PackedRecords, Packing, Profile, RefusedMax, Rescaling,
    Sheet, Spool, Spooled, SpooledFile, SpooledRecords, Stamp, Taken, Together, Told, VenueList,
    Years, content_run, export_file, inputs, is_columnar, open_text, peek_line, read_definitions,
    read_file, read_folder, redefine, spool_file, spool_folder,
};

/// What a fallible call of this crate returns.
pub type Result<T, E = DataError> = std::result::Result<T, E>;
