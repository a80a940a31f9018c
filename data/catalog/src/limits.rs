//! The maxima of this crate, in one place.

/// Rows that a Parquet partition holds back before it hands them to the encoder.
pub(crate) const PENDING_ROWS_MAX: usize = 8192;

/// Rows of one moment that a writer holds back until its end comes; a longer moment is written in pieces.
pub const MOMENT_ROWS_MAX: usize = 1 << 17;

/// Bytes in which files are read to find out when the rows of a run were released, where they do not say so.
pub(crate) const PLACING_BYTES_MAX: u64 = 512 << 20;

/// Parquet files that one writer keeps open; beyond, one that has waited for long is completed, or else the rows of other partitions are held
/// to be written at the end.
pub(crate) const OPEN_FILES_MAX: usize = 128;

/// The same of a writer with as little memory as can be, and bytes that an open file takes before it has much to write.
pub(crate) const OPEN_FILES_MIN: usize = 4;
pub(crate) const OPEN_FILE_BYTES: usize = 512 << 10;

/// Rows of other partitions after which a file has waited for long.
pub(crate) const IDLE_ROWS: u64 = if cfg!(test) { 1 << 10 } else { 1 << 18 };

/// Bytes that the open files of one writer hold back; beyond, the largest writes what it has.
pub(crate) const WRITER_BYTES_MAX: usize = 128 << 20;

/// Rows after which that is looked at.
pub(crate) const WRITER_CHECK_ROWS: u64 = 1 << 14;

/// Bytes of rows that a writer holds in memory for the end; beyond, they go into a temporary file.
pub(crate) const SPILL_BYTES: usize = 32 << 20;
pub(crate) const SPILL_BYTES_MIN: usize = 1 << 20;

/// Bytes of such a file that are written or read at a time.
pub(crate) const SPILL_BUFFER_BYTES: usize = 128 << 10;
pub(crate) const SPILL_BUFFER_BYTES_MIN: usize = 4 << 10;

/// Bytes of the index of a run, unpacked.
pub(crate) const MANIFEST_BYTES_MAX: usize = 1 << 30;

/// Files of a part beyond which it is listed in the checkpoint at once, without an entry of its own.
pub(crate) const ENTRY_FILES_MAX: usize = 1024;

/// Parts that have entries of their own, about; then the checkpoint takes them in.
pub(crate) const ENTRIES_MAX: u32 = if cfg!(test) { 4 } else { 64 };

/// Rows of a Parquet row group.
pub(crate) const ROW_GROUP_ROWS: usize = 262_144;

/// Partitions that a bundle of imports may have: as many of its files may be read at the same time.
pub(crate) const BUNDLE_FILES_MAX: usize = if cfg!(test) { 12 } else { 4096 };

/// Runs in one bundle.
pub(crate) const BUNDLE_RUNS_MAX: usize = 1 << 16;

/// Bytes of memory in which the rows of a bundle are read.
pub(crate) const BUNDLE_BYTES_MAX: u64 = 512 << 20;

/// Rows that a compaction puts into one file.
pub(crate) const FILE_ROWS_MAX: u64 = 8 << 20;

/// Rows that a compaction writes before it takes effect: a crash or a stop loses no more work than that.
pub(crate) const STEP_ROWS_MAX: u64 = 2 * FILE_ROWS_MAX;

/// Bytes of a file that are hashed at a time.
pub(crate) const HASH_BYTES: u64 = 8 << 20;

/// Rows that a scan decodes at a time from one file.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Rows of a page, the least that is decoded of a column.
pub(crate) const PARQUET_PAGE_ROWS: usize = 4096;

/// Bytes of different values that a column of numbers lists before it writes them as they are.
pub(crate) const DICTIONARY_BYTES: u64 = 256 << 10;

/// Files, the newest ones, whose footers are held to the index when a run is started, so that a start takes no longer after a long run.
pub(crate) const FOOTERS_AT_START_MAX: usize = 64;

/// The same when a run ends, and when a journal is looked after; `catalog verify` reads those of all.
pub(crate) const FOOTERS_MAX: usize = 1024;

/// Bytes that a reader asks an object store for at a time, at most and at least.
pub(crate) const BLOCK_BYTES: u64 = 1 << 20;
pub(crate) const BLOCK_BYTES_MIN: u64 = 64 << 10;

/// Files of an object store of which columns are fetched at a time.
pub(crate) const EXTRACTS_AT_ONCE: usize = 8;

/// Bytes between columns that are fetched with these, as another request would take longer.
pub(crate) const EXTRACT_GAP_BYTES: u64 = 32 << 10;

/// Bytes of the cache of a catalog in an object store, unless it is given another.
pub(crate) const REMOTE_CACHE_BYTES: u64 = 64 << 20;

/// Entries of the catalog's index that are read at a time.
pub(crate) const INDEX_ENTRIES_AT_ONCE: usize = 256;

/// Bytes of a file that are sent to an object store at a time; larger files go in several parts.
pub(crate) const UPLOAD_PART_BYTES: u64 = 8 << 20;

/// How often a request to an object store is tried again, and for how long.
pub(crate) const REMOTE_RETRIES_MAX: usize = 5;
pub(crate) const REMOTE_RETRY_S_MAX: u64 = 30;

/// Commits of imports that the head of a catalog in an object store remembers: an import during which more were made looks again at what is
/// there, whatever these were.
pub(crate) const COMMITS_MAX: usize = 64;

/// Instruments of a run that it names of each; one that has more may have any.
pub(crate) const COMMIT_NAMES_MAX: usize = 64;
