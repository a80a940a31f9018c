//! Reads files other than as a scan has planned it: one alone and whole, and those that have the rows of a file that is gone.

use super::Catalog;
use super::budget::ReadPlan;
use super::bundles::Bundles;
use super::cache::Cache;
use super::files::{FileScan, Files, Naming};
use super::index::read_index;
use super::key::Key;
use super::pages::Layouts;
use super::part::{PartFile, Wanted};
use super::read::FileReader;
use crate::{CatalogError, Result};
use std::sync::Arc;
use tickloom_journal::RunMeta;

impl Naming {
    /// As the run itself names them.
    pub(crate) fn of_run(run: &RunMeta) -> Naming {
        let sources = (0_u16..).zip(run.instruments.sources());
        Naming::new(
            sources.map(|(id, def)| (def.name.clone(), id)).collect(),
            run.instruments.sources().to_vec(),
        )
    }
}

impl FileScan {
    /// What to read instead, if the file is gone because others hold its rows now; `error` if it is not gone, or they do not.
    pub(crate) fn successors(self, error: CatalogError) -> Result<Vec<FileScan>> {
        let (store, path) = (&self.files.store, &self.file.path);
        if store.exists(path)? {
            return Err(error);
        }
        Bundles::read(store)?.check_alone(&self.file.meta.run)?;
        let index = read_index(store, &self.file.meta.run)?;
        let meta = &self.file.meta;
        let found = index.files().filter(|file| {
            file.path.parent() == path.parent()
                && file.meta.bar == meta.bar
                && file.meta.first <= *self.keys.end()
                && file.meta.last >= *self.keys.start()
        });
        let found: Vec<PartFile> = found.cloned().collect();
        if found.is_empty() || found.iter().any(|file| file.path == *path) {
            return Err(error);
        }
        let keys = meta.first.max(*self.keys.start())..=meta.last.min(*self.keys.end());
        let scans = found.into_iter().map(|file| {
            let wanted = Wanted::new(file, "");
            FileScan {
                cache_id: wanted.cache_id,
                file: wanted.file,
                keys: keys.clone(),
                ..self.clone()
            }
        });
        Ok(scans.collect())
    }

    /// The least key that it may give.
    pub(crate) fn first(&self) -> Key {
        self.file.meta.first.max(*self.keys.start())
    }
}

/// All rows of a file, under the identifiers of its run.
pub(crate) fn open_rows(catalog: &Catalog, run: &RunMeta, file: &PartFile) -> Result<FileReader> {
    let def = file.meta.instrument.as_ref();
    let instrument = def.and_then(|def| run.instruments.find(&def.name));
    let wanted = Wanted::new(file.clone(), "");
    let scan = FileScan {
        files: Arc::new(Files {
            layouts: Layouts::default(),
            store: catalog.store().clone(),
            // What is read once has no place in a cache.
            cache: Arc::new(Cache::new(0)),
            plan: ReadPlan::whole(),
        }),
        cache_id: wanted.cache_id,
        file: wanted.file,
        naming: Arc::new(Naming::of_run(run)),
        instrument: instrument.map(|(id, def)| (id, def.clone())),
        times: i64::MIN..=i64::MAX,
        keys: Key::MIN..=Key::MAX,
    };
    scan.open()
}
