//! The index under `_runs`: what a run is, and for each of its parts the files that make it. Written last, so that what it
//! lists is whole.

use super::Table;
use super::file::FileMeta;
use super::store::{Lock, Store, Version, is_below};
use super::writer::Written;
use crate::limits::INDEX_ENTRIES_AT_ONCE;
use crate::{DataError, Result, RunMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// A complete part of a run: one journal segment, or one import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// What the records come from, such as the hash of the segment.
    pub(crate) source: String,
    pub(crate) files: Vec<PartFile>,
}

/// A file of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartFile {
    /// Below the catalog's root.
    pub(crate) path: PathBuf,
    pub(crate) meta: FileMeta,
}

/// A file of a part that is to be read.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) file: PartFile,
    /// Names this writing of the file in the cache: of what it was made, and what came of it.
    pub(crate) cache_id: u64,
}

impl Wanted {
    /// A file of a part that was made from `source`.
    pub(crate) fn new(file: PartFile, source: &str) -> Wanted {
        let meta = serde_json::to_string(&file.meta).expect("plain fields are JSON");
        let whole = format!("{}\n{source}\n{meta}", file.path.display());
        Wanted {
            cache_id: xxh3_64(whole.as_bytes()),
            file,
        }
    }
}

/// `_runs`: readers of Hive layouts pass over names with an underscore.
pub(crate) fn runs_dir() -> PathBuf {
    PathBuf::from("_runs")
}

fn run_dir(run: &str) -> PathBuf {
    runs_dir().join(run)
}

fn meta_path(run: &str) -> PathBuf {
    run_dir(run).join("meta.json")
}

fn part_path(run: &str, part: u32) -> PathBuf {
    run_dir(run).join(format!("part-{part:08}.json"))
}

fn is_entry(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("part-") && name.ends_with(".json"))
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

    /// Its rows and files.
    pub(crate) fn written(&self, store: &Store) -> Written {
        let mut rows: BTreeMap<Table, u64> = BTreeMap::new();
        for file in &self.files {
            *rows.entry(file.meta.table).or_default() += file.meta.rows;
        }
        Written {
            rows,
            files: self.files.iter().map(|f| store.url(&f.path)).collect(),
        }
    }
}

/// Names of all runs, sorted. One of which a crash left nothing but its directory is none.
pub(crate) fn run_names(store: &Store) -> Result<Vec<String>> {
    Ok(list_index(store)?.0.into_iter().collect())
}

/// Names of all runs, and the paths of all entries, in order.
fn list_index(store: &Store) -> Result<(BTreeSet<String>, Vec<PathBuf>)> {
    let files = store.list(&runs_dir())?;
    let runs = files.iter().filter_map(|file| {
        let run = run_of(&file.path)?;
        (file.path == meta_path(run)).then(|| run.to_owned())
    });
    let runs: BTreeSet<String> = runs.collect();
    let mut entries: Vec<PathBuf> = files.into_iter().map(|file| file.path).collect();
    entries.retain(|path| is_entry(path) && run_of(path).is_some_and(|run| runs.contains(run)));
    Ok((runs, entries))
}

/// The run that a path of the index belongs to.
fn run_of(path: &Path) -> Option<&str> {
    path.strip_prefix("_runs").ok()?.iter().next()?.to_str()
}

/// Shows all complete parts with the names of their runs, in order. Only some are in memory at a time.
pub(crate) fn for_each_part(
    store: &Store,
    mut visit: impl FnMut(&str, Part) -> Result<()>,
) -> Result<()> {
    let (_, entries) = list_index(store)?;
    for paths in entries.chunks(INDEX_ENTRIES_AT_ONCE) {
        for (path, bytes) in paths.iter().zip(store.read_all(paths)?) {
            let run = run_of(path).expect("list_index() saw it");
            visit(run, parse_part(store, path, &bytes)?)?;
        }
    }
    Ok(())
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
    store.put(&path, &[])?;
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

/// Keeps what the run is. One that has parts from elsewhere stays as it is.
pub(crate) fn write_meta(store: &Store, meta: &RunMeta, part: u32) -> Result<()> {
    let path = meta_path(&meta.run);
    let Some((bytes, version)) = store.read_version(&path)? else {
        if store.put_new(&path, &to_json(meta))? {
            return store.settle(std::iter::once(path.as_path()));
        }
        // Another writer began the run at the same moment.
        return read_meta(store, &meta.run)?.check_same(meta);
    };
    let known: RunMeta = from_json(store, &path, &bytes)?;
    if known == *meta {
        return Ok(());
    }
    let own = part_path(&meta.run, part);
    let others = store.list(&run_dir(&meta.run))?;
    if others.iter().any(|f| is_entry(&f.path) && f.path != own) {
        return known.check_same(meta);
    }
    if store.swap(&path, &to_json(meta), Some(&version))? {
        return Ok(());
    }
    read_meta(store, &meta.run)?.check_same(meta)
}

fn parse_part(store: &Store, path: &Path, bytes: &[u8]) -> Result<Part> {
    let part: Part = from_json(store, path, bytes)?;
    match part.files.iter().find(|file| !is_below(&file.path)) {
        None => Ok(part),
        Some(file) => Err(DataError::Schema {
            file: store.url(path),
            field: "path".to_owned(),
            found: file.path.display().to_string(),
            expected: "a path below the catalog".to_owned(),
        }),
    }
}

fn from_json<T: DeserializeOwned>(store: &Store, path: &Path, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| DataError::Schema {
        file: store.url(path),
        field: "content".to_owned(),
        found: error.to_string(),
        expected: "an index of this version".to_owned(),
    })
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("plain fields are JSON")
}
