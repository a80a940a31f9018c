//! The index under `_runs`: what a run is, and for each of its parts the files that make it. Written last, so that what it
//! lists is whole.

use super::Table;
use super::file::FileMeta;
use super::writer::Written;
use crate::journal::sync_dir;
use crate::{DataError, Result, RunMeta};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

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

/// `<root>/_runs`: readers of Hive layouts pass over names with an underscore.
pub(crate) fn runs_dir(root: &Path) -> PathBuf {
    root.join("_runs")
}

fn run_dir(root: &Path, run: &str) -> PathBuf {
    runs_dir(root).join(run)
}

fn part_path(root: &Path, run: &str, part: u32) -> PathBuf {
    run_dir(root, run).join(format!("part-{part:08}.json"))
}

impl Part {
    /// The part, if it is complete.
    pub(crate) fn read(root: &Path, run: &str, part: u32) -> Result<Option<Part>> {
        let path = part_path(root, run, part);
        if path.exists() {
            read_json(&path).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn write(&self, root: &Path, run: &str, part: u32) -> Result<()> {
        write_json(&part_path(root, run, part), self)
    }

    /// Its rows and files.
    pub(crate) fn written(&self, root: &Path) -> Written {
        let mut rows: BTreeMap<Table, u64> = BTreeMap::new();
        for file in &self.files {
            *rows.entry(file.meta.table).or_default() += file.meta.rows;
        }
        Written {
            rows,
            files: self.files.iter().map(|f| root.join(&f.path)).collect(),
        }
    }
}

/// Names of all runs, sorted. One of which a crash left nothing but its directory is none.
pub(crate) fn run_names(root: &Path) -> Result<Vec<String>> {
    let mut names = names_in(&runs_dir(root))?;
    names.retain(|run| run_dir(root, run).join("meta.json").exists());
    Ok(names)
}

/// All complete parts of a run, in order.
pub(crate) fn read_parts(root: &Path, run: &str) -> Result<Vec<Part>> {
    let dir = run_dir(root, run);
    names_in(&dir)?
        .iter()
        .filter(|name| name.starts_with("part-") && name.ends_with(".json"))
        .map(|name| read_json(&dir.join(name)))
        .collect()
}

/// Waits until no other process writes files of this run, and keeps others from it.
pub(crate) fn lock_run(root: &Path, run: &str) -> Result<File> {
    let dir = run_dir(root, run);
    fs::create_dir_all(&dir).map_err(DataError::io("create", &dir))?;
    let path = dir.join("lock");
    let file = File::create(&path).map_err(DataError::io("create", &path))?;
    file.lock().map_err(DataError::io("lock", &path))?;
    Ok(file)
}

/// There while a part is being written, and after a crash in that.
fn begun_path(root: &Path, run: &str, part: u32) -> PathBuf {
    run_dir(root, run).join(format!("begun-{part:08}"))
}

/// Notes that a part is being written. True if it was begun or completed before: then files of that may be there.
pub(crate) fn mark_begun(root: &Path, run: &str, part: u32) -> Result<bool> {
    let path = begun_path(root, run, part);
    let was_begun = path.exists() || part_path(root, run, part).exists();
    File::create(&path).map_err(DataError::io("create", &path))?;
    sync_dir(&run_dir(root, run))?;
    Ok(was_begun)
}

/// Notes that a part is complete and all that was left of others is gone.
pub(crate) fn unmark_begun(root: &Path, run: &str, part: u32) -> Result<()> {
    let path = begun_path(root, run, part);
    fs::remove_file(&path).map_err(DataError::io("remove", &path))
}

/// What the run is.
pub(crate) fn read_meta(root: &Path, run: &str) -> Result<RunMeta> {
    read_json(&run_dir(root, run).join("meta.json"))
}

/// Keeps what the run is. One that has parts from elsewhere stays as it is.
pub(crate) fn write_meta(root: &Path, meta: &RunMeta, part: u32) -> Result<()> {
    let dir = run_dir(root, &meta.run);
    let path = dir.join("meta.json");
    if path.exists() {
        let known: RunMeta = read_json(&path)?;
        if known == *meta {
            return Ok(());
        }
        let own = part_path(root, &meta.run, part);
        let others = names_in(&dir)?
            .iter()
            .any(|name| name.starts_with("part-") && dir.join(name) != own);
        if others {
            return known.check_same(meta);
        }
    }
    write_json(&path, meta)?;
    sync_dir(&runs_dir(root))
}

fn names_in(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(DataError::io("list", dir))? {
        let name = entry.map_err(DataError::io("list", dir))?.file_name();
        names.extend(name.into_string());
    }
    names.sort_unstable();
    Ok(names)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).map_err(DataError::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| DataError::Schema {
        file: path.to_owned(),
        field: "content".to_owned(),
        found: error.to_string(),
        expected: "an index of this version".to_owned(),
    })
}

/// Writes whole, then renames into place.
fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let bytes = serde_json::to_vec_pretty(value).expect("plain fields are JSON");
    File::create(&temporary)
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .map_err(DataError::io("write", &temporary))?;
    fs::rename(&temporary, path).map_err(DataError::io("rename", &temporary))?;
    path.parent().map_or(Ok(()), sync_dir)
}
