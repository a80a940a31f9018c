//! The maxima of this crate, in one place.

/// Bytes of one block's payload that a reader accepts; a larger length is damage.
pub(crate) const BLOCK_BYTES_MAX: usize = 16 << 20;

/// Bytes that are looked at together in search of a block after damage.
pub(crate) const SCAN_WINDOW_BYTES: usize = 64 << 10;

/// Records that the writer puts into one block.
pub(crate) const BLOCK_RECORDS_MAX: usize = 4096;

const _: () = assert!(BLOCK_RECORDS_MAX * (8 + tickloom_types::RECORD_LEN) <= BLOCK_BYTES_MAX);

/// Inputs of a run, and outputs: each has a number below this, so that the sum of both fits as well.
pub(crate) const NUMBERS_MAX: u64 = 1 << 62;

/// Bytes of a run's name.
pub(crate) const RUN_NAME_LEN_MAX: usize = 40;

/// Bytes of a cursor's name.
pub(crate) const CURSOR_NAME_LEN_MAX: usize = 40;
