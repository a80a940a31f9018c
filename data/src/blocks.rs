//! Records in blocks, wherever they come from.

use crate::{DataError, Result};
use tickloom_catalog::{CatalogError, RecordBlock, RecordBlocks};
use tickloom_formats::FormatError;

/// Records of a catalog, a server or a file, in blocks.
pub type Blocks<'a> = dyn RecordBlocks<Error = DataError> + 'a;

/// Such records that may be read on another thread.
pub type Stream = Box<dyn RecordBlocks<Error = DataError> + Send>;

/// The blocks of a catalog as those of any source.
pub struct OfCatalog<B>(pub B);

impl<B: RecordBlocks<Error = CatalogError>> RecordBlocks for OfCatalog<B> {
    type Error = DataError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>> {
        Ok(self.0.next_block()?)
    }
}

/// The blocks of a file as those of any source.
pub struct OfFile<B>(pub B);

impl<B: RecordBlocks<Error = FormatError>> RecordBlocks for OfFile<B> {
    type Error = DataError;

    fn next_block(&mut self) -> Result<Option<RecordBlock<'_>>> {
        Ok(self.0.next_block()?)
    }
}
