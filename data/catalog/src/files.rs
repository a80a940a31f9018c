//! What is to be read of the files of a scan, and how.

use super::budget::ReadPlan;
use super::cache::Cache;
use super::key::Key;
use super::pages::Layouts;
use super::part::PartFile;
use super::store::Store;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use tickloom_types::{InstrumentDef, InstrumentId, SourceDef};

/// How records of a run are named in the scan that reads them.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    /// Source identifiers by name.
    pub(crate) sources: HashMap<String, u16>,
    /// The same as a list.
    pub(crate) words: Arc<Vec<(String, i64)>>,
    /// The sources by identifier, as they are in the run: they say when its records were available.
    pub(crate) defs: Vec<SourceDef>,
}

impl Naming {
    /// These names, of sources that are these.
    pub(crate) fn new(sources: HashMap<String, u16>, defs: Vec<SourceDef>) -> Naming {
        let words = sources
            .iter()
            .map(|(name, id)| (name.clone(), i64::from(*id)));
        Naming {
            words: Arc::new(words.collect()),
            sources,
            defs,
        }
    }
}

/// Where the files of a scan are, and how they are read.
pub(crate) struct Files {
    pub(crate) store: Store,
    pub(crate) cache: Arc<Cache>,
    pub(crate) plan: ReadPlan,
    /// What the columns of files are, once that is known.
    pub(crate) layouts: Layouts,
}

/// What is read from one file.
#[derive(Clone)]
pub(crate) struct FileScan {
    pub(crate) files: Arc<Files>,
    pub(crate) file: PartFile,
    /// Names this writing of the file in the cache.
    pub(crate) cache_id: u64,
    pub(crate) naming: Arc<Naming>,
    /// Identifier and definition that its records get.
    pub(crate) instrument: Option<(InstrumentId, InstrumentDef)>,
    /// Times of the records that are wanted.
    pub(crate) times: RangeInclusive<i64>,
    /// Keys of the rows that are wanted.
    pub(crate) keys: RangeInclusive<Key>,
}
