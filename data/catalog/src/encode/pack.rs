//! Packs pages. One thread needs one compressor, whose working memory is many times a page: there may be a dozen columns in each of a
//! hundred open files.

use parquet::errors::{ParquetError, Result};
use std::cell::RefCell;
use zstd::bulk::Compressor;

/// The level of zstd, as of all columns.
pub(crate) const ZSTD_LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// The bytes as a frame of zstd.
pub(super) fn pack(bytes: &[u8]) -> Result<Vec<u8>> {
    let failed = |error| ParquetError::External(Box::new(error));
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(ZSTD_LEVEL).map_err(failed)?),
        };
        compressor.compress(bytes).map_err(failed)
    })
}
