//! Files of others, and files for others: import, which makes records of them exactly or not at all, and export, which writes records
//! so that the same come back. Both are of texts, of columns (Parquet and Arrow) and of DBN.
//!
//! Records are kept by the catalog (`tickloom-catalog`), which knows nothing of formats.
//! Deliberately not here: captures of venues' messages (`feeds`).

mod databento;
mod definitions;
mod error;
mod export;
mod import;
mod limits;
mod spool;
#[cfg(test)]
mod testing;
mod venue_list;

pub use databento::{DBN_SOURCE, DbnInstrument, DbnOrigin};
pub use definitions::{DefinitionFile, read_definitions};
pub use error::FormatError;
pub use export::{Cell, CellKind, ExportFormat, ExportReport, Sheet, export_file};
pub use import::{
    Decimal, FileRecords, FolderRecords, Format, ImportOptions, ImportReport, Input, KindCount,
    Known, Largest, LineError, Mapping, PackedRecords, Packing, Profile, RefusedMax, Rescaling,
    SpooledFile, SpooledRecords, Stamp, Taken, Together, Told, Years, content_run, inputs,
    is_columnar, open_text, peek_line, read_file, read_folder, redefine, spool_file, spool_folder,
};
pub use spool::{Spool, Spooled};
pub use venue_list::VenueList;

/// What a fallible call of this crate returns.
pub type Result<T, E = FormatError> = std::result::Result<T, E>;
