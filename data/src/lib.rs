//! Durable things: the journal, the Parquet catalog that is made from it, the recorder that drives both, and import of files.
//!
//! The journal is the authority: what the core saw, in that order. Parquet is derived from it and can be made again.
//! Deliberately not here: decoding of venues' messages (`feeds`), and anything that runs a strategy.

mod error;
pub mod journal;
mod limits;
mod meta;

pub use error::DataError;
pub use journal::{
    Block, Close, JournalOptions, JournalReader, JournalWriter, Recovered, SyncPolicy, TornTail,
};
pub use meta::RunMeta;

/// What a fallible call of this crate returns.
pub type Result<T, E = DataError> = std::result::Result<T, E>;
