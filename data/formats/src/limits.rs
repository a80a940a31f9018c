//! The maxima of this crate, in one place.

/// Rows that are written, or decoded of a file, at a time.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Bytes that one line of an imported file may have.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// Bytes of an imported file by which its format is found out.
pub(crate) const SNIFF_BYTES: u64 = 64 << 10;

/// Bytes that an imported file may have once it is unpacked.
pub(crate) const FILE_BYTES_MAX: u64 = 16 << 30;

/// Records of an imported file that are put into the order of their times, if the file is not in it.
pub(crate) const SORTED_RECORDS_MAX: usize = 100_000_000;

/// Records of them that are sorted at a time, at most and with as little memory as can be.
pub(crate) const SORTED_AT_ONCE: usize = 1 << 18;
pub(crate) const SORTED_AT_ONCE_MIN: usize = 1 << 12;

/// Bars of earlier imports that are held at a time to know them again, at most and with as little memory as can be.
pub(crate) const KNOWN_BARS_MAX: usize = 1 << 20;
pub(crate) const KNOWN_BARS_MIN: usize = 1 << 14;

/// Bytes of the packed records of a file that is being read for the first time that stay in memory.
pub(crate) const DRAFT_BYTES: u64 = 32 << 20;

/// Instruments of an imported file.
pub(crate) const TICKERS_MAX: usize = 20_000;

/// Bytes of the metadata of a DBN file.
pub(crate) const DBN_METADATA_BYTES_MAX: u64 = 16 << 20;

/// Symbols that a stream of DBN may tell on the way, and numbers that it may tell them of.
pub(crate) const DBN_SYMBOLS_MAX: usize = 2_000_000;

/// Bytes of the records of a DBN file that are held between its first reading and its last, so that it is read once.
pub(crate) const DBN_HELD_BYTES_MAX: usize = 32 << 20;

/// Distances between bars that are told apart to find the most common one.
pub(crate) const DISTANCES_MAX: usize = 10_000;

/// Bytes of what an exported file says of itself: some hundred thousand instruments.
pub(crate) const HEADER_BYTES_MAX: usize = 64 << 20;

/// Bytes of a block of an Arrow file: rows of [`BATCH_ROWS`], or a list of names.
pub(crate) const ARROW_BLOCK_BYTES_MAX: u64 = 64 << 20;

/// Bytes of a page of somebody's Parquet file once it is unpacked, and of all pages that are read at a time, one of each column. Whole
/// columns are one page in files of some programs.
pub(crate) const PARQUET_PAGE_BYTES_MAX: u64 = 512 << 20;
pub(crate) const PARQUET_PAGES_BYTES_MAX: u64 = 1 << 30;

/// Bytes of a batch of somebody's Arrow file, packed and unpacked: it is in memory as a whole.
pub(crate) const ARROW_BATCH_BYTES_MAX: u64 = 512 << 20;

/// Bytes that pages of somebody's Parquet file, or batches of an Arrow file, may unpack to in all: so many for any file, and so many for each
/// byte that it has. Values of which a run is told once count as what they are unpacked to. What is constant is packed a thousand times
/// smaller by the programs that write such files.
#[cfg(not(test))]
pub(crate) const WORK_BYTES: u64 = 4 << 30;
#[cfg(test)]
pub(crate) const WORK_BYTES: u64 = 8 << 20;
#[cfg(not(test))]
pub(crate) const WORK_BYTES_PER_BYTE: u64 = 4_096;
#[cfg(test)]
pub(crate) const WORK_BYTES_PER_BYTE: u64 = 1_024;

/// What any page or batch costs beside its bytes.
pub(crate) const WORK_BYTES_EACH: u64 = 256;
