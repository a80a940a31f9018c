//! The entries of the index under `_runs`: what a run is, and for each of its parts the files that make it. Written last, so that
//! what they list is whole. `index.rs` reads those of a run together.

use super::Table;
use super::file_meta::{FileMeta, SCHEMA_VERSION};
use super::sealed::{seal, unseal};
use super::store::{Lock, Store, Version, is_below};
use crate::{CatalogError, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tickloom_journal::RunMeta;
use tickloom_types::Ts;
use xxhash_rust::xxh3::xxh3_64;

/// A complete part of a run: one journal segment, or one import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// What the records come from, such as the hash of the segment.
    pub(crate) source: String,
    pub(crate) files: Vec<PartFile>,
    /// The greatest release of an input of the run up to its end; parts of the schema versions 1 and 2 do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) released: Option<Ts>,
}

/// A file of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartFile {
    /// Below the catalog's root.
    pub(crate) path: PathBuf,
    pub(crate) meta: FileMeta,
    /// Its length; not known of files of schema version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    /// XXH3-128 of its content; not known of files of schema version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<String>,
}

impl PartFile {
    /// First day of its partition, from its directory.
    pub(crate) fn date(&self) -> &str {
        let dir = self.path.parent().and_then(|dir| dir.file_name()?.to_str());
        dir.and_then(|dir| dir.strip_prefix("date=")).unwrap_or("")
    }
}

/// A file that is to be read.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) file: PartFile,
    /// Names this writing of the file in the cache: of what it was made, and what came of it.
    pub(crate) cache_id: u64,
}

impl Wanted {
    /// A file with a hash, or of a part that was made from `source`.
    pub(crate) fn new(file: PartFile, source: &str) -> Wanted {
        let meta = serde_json::to_string(&file.meta).expect("plain fields are JSON");
        let made_of = file.hash.as_deref().unwrap_or(source);
        let whole = format!("{}\n{made_of}\n{meta}", file.path.display());
        Wanted {
            cache_id: xxh3_64(whole.as_bytes()),
            file,
        }
    }
}

/// What a part consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Rows by table.
    pub rows: BTreeMap<Table, u64>,
    /// The Parquet files.
    pub files: Vec<PathBuf>,
}

/// Readers of Hive layouts pass over names with an underscore.
pub(crate) const RUNS_DIR: &str = "_runs";

pub(crate) fn runs_dir() -> PathBuf {
    PathBuf::from(RUNS_DIR)
}

/// The directory of a run in the index.
pub(crate) fn run_dir(run: &str) -> PathBuf {
    runs_dir().join(run)
}

pub(crate) fn meta_path(run: &str) -> PathBuf {
    run_dir(run).join("meta.json")
}

pub(crate) fn part_path(run: &str, part: u32) -> PathBuf {
    run_dir(run).join(format!("part-{part:08}.json"))
}

pub(crate) fn checkpoint_path(run: &str) -> PathBuf {
    run_dir(run).join("checkpoint.idx")
}

/// There if the run is a bundle, which does not count before that is decided.
pub(crate) fn bundle_path(run: &str) -> PathBuf {
    run_dir(run).join("bundle")
}

/// Where earlier versions have it, as JSON.
pub(crate) fn earlier_checkpoint_path(run: &str) -> PathBuf {
    run_dir(run).join("checkpoint.json")
}

/// What a file of the index is, beside meta, checkpoint and locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The entry of a part.
    Part(u32),
    /// The mark of one that was begun.
    Begun(u32),
    /// A file that was not finished.
    Temporary,
}

/// The run and the kind of a path of the index.
pub(crate) fn entry(path: &Path) -> Option<(&str, Entry)> {
    let run = run_of(path)?;
    let name = path.file_name()?.to_str()?;
    let number = |text: &str| text.parse().ok();
    let part = name
        .strip_prefix("part-")
        .and_then(|n| n.strip_suffix(".json"));
    let entry = if let Some(number) = part.and_then(number) {
        Entry::Part(number)
    } else if let Some(number) = name.strip_prefix("begun-").and_then(number) {
        Entry::Begun(number)
    } else if name.ends_with(".tmp") {
        Entry::Temporary
    } else {
        return None;
    };
    Some((run, entry))
}

impl Part {
    /// The part, if it is complete.
    pub(crate) fn read(store: &Store, run: &str, part: u32) -> Result<Option<Part>> {
        Ok(Part::read_version(store, run, part)?.map(|(part, _)| part))
    }

    /// The part, if it is complete, and which writing of its entry that is.
    pub(crate) fn read_version(
        store: &Store,
        run: &str,
        part: u32,
    ) -> Result<Option<(Part, Version)>> {
        let path = part_path(run, part);
        match store.read_version(&path)? {
            Some((bytes, version)) => Ok(Some((parse_part(store, &path, &bytes)?, version))),
            None => Ok(None),
        }
    }

    /// Lists the part as complete. `read` is the entry that it replaces; false if another writer has been quicker.
    pub(crate) fn write(
        &self,
        store: &Store,
        run: &str,
        part: u32,
        read: Option<&Version>,
    ) -> Result<bool> {
        store.swap(&part_path(run, part), &to_json(self), read)
    }

    /// Its rows by table.
    pub(crate) fn rows(&self) -> BTreeMap<Table, u64> {
        let mut rows: BTreeMap<Table, u64> = BTreeMap::new();
        for file in &self.files {
            *rows.entry(file.meta.table).or_default() += file.meta.rows;
        }
        rows
    }

    /// Its rows and files.
    pub(crate) fn written(&self, store: &Store) -> Written {
        Written {
            rows: self.rows(),
            files: self.files.iter().map(|f| store.url(&f.path)).collect(),
        }
    }
}

/// The run that a path of the index belongs to.
pub(crate) fn run_of(path: &Path) -> Option<&str> {
    path.strip_prefix(RUNS_DIR).ok()?.iter().next()?.to_str()
}

/// Waits until no other process of this machine compacts this catalog, and keeps others from it.
pub(crate) fn lock_compaction(store: &Store) -> Result<Lock> {
    store.lock(&runs_dir().join("compaction.lock"))
}

/// Waits until no other process of this machine writes files of this run, and keeps others from it.
pub(crate) fn lock_run(store: &Store, run: &str) -> Result<Lock> {
    store.lock(&run_dir(run).join("lock"))
}

/// There while a part is being written, and after a crash in that.
fn begun_path(run: &str, part: u32) -> PathBuf {
    run_dir(run).join(format!("begun-{part:08}"))
}

/// Notes that a part is being written. True if it was begun or completed before: then files of that may be there.
pub(crate) fn mark_begun(store: &Store, run: &str, part: u32) -> Result<bool> {
    let path = begun_path(run, part);
    let was_begun = store.exists(&path)? || store.exists(&part_path(run, part))?;
    store.mark(&path)?;
    Ok(was_begun)
}

/// Notes that a part is complete and all that was left of others is gone.
pub(crate) fn unmark_begun(store: &Store, run: &str, part: u32) -> Result<()> {
    store.remove(&begun_path(run, part))
}

/// What the run is.
pub(crate) fn read_meta(store: &Store, run: &str) -> Result<RunMeta> {
    let path = meta_path(run);
    from_json(store, &path, &store.read(&path)?)
}

/// What these runs are, in their order.
pub(crate) fn read_metas<'a>(
    store: &Store,
    runs: impl Iterator<Item = &'a String>,
) -> Result<Vec<RunMeta>> {
    let paths: Vec<PathBuf> = runs.map(|run| meta_path(run)).collect();
    let all = store.read_all(&paths)?;
    let metas = paths.iter().zip(all);
    metas
        .map(|(path, bytes)| from_json(store, path, &bytes))
        .collect()
}

pub(crate) fn parse_part(store: &Store, path: &Path, bytes: &[u8]) -> Result<Part> {
    let part: Part = from_json(store, path, bytes)?;
    check_files(store, path, part.files.iter())?;
    Ok(part)
}

/// Paths must stay below the catalog, versions be ones that this code reads.
pub(crate) fn check_files<'a>(
    store: &Store,
    path: &Path,
    mut files: impl Iterator<Item = &'a PartFile>,
) -> Result<()> {
    let fault = |field: &str, found, expected| {
        Err(CatalogError::Schema {
            file: store.url(path),
            field: field.to_owned(),
            found,
            expected,
        })
    };
    files.try_for_each(|file| {
        if !is_below(&file.path) {
            let expected = "a path below the catalog".to_owned();
            return fault("path", file.path.display().to_string(), expected);
        }
        if !(1..=SCHEMA_VERSION).contains(&file.meta.schema) {
            let expected = format!("at most {SCHEMA_VERSION}, what this version of tickloom reads");
            return fault("schema", file.meta.schema.to_string(), expected);
        }
        Ok(())
    })
}

pub(crate) fn from_json<T: DeserializeOwned>(
    store: &Store,
    path: &Path,
    bytes: &[u8],
) -> Result<T> {
    unseal(bytes).map_err(|found| CatalogError::Schema {
        file: store.url(path),
        field: "content".to_owned(),
        found,
        expected: "an index of this version".to_owned(),
    })
}

/// An entry with its hash.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    seal(value)
}
