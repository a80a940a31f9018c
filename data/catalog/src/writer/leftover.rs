//! Files of a part that are of no use any more: of an earlier writing of it, or of ours where another was quicker.

use super::Written;
use crate::file::read_meta;
use crate::index::read_index;
use crate::part::{Part, PartFile};
use crate::store::Store;
use crate::{CatalogError, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What the names of a part's files begin with.
pub(super) fn stem(run: &str, part: u32) -> String {
    format!("{run}-{part:08}")
}

/// Another writer has completed the part first. From the same source it wrote the same; otherwise our files are of no use.
pub(super) fn lost(store: &Store, run: &str, number: u32, ours: &Part) -> Result<Written> {
    let index = read_index(store, run)?;
    if index.source(number) == Some(ours.source.as_str()) {
        return Ok(ours.written(store));
    }
    let counting: Vec<PartFile> = index.into_files().collect();
    remove_files(store, &ours.files, &counting)?;
    Err(CatalogError::Outrun {
        run: run.to_owned(),
        part: number,
    })
}

/// Removes files that are not among those that are kept.
pub(crate) fn remove_files(store: &Store, files: &[PartFile], kept: &[PartFile]) -> Result<()> {
    let kept: BTreeSet<&Path> = kept.iter().map(|file| file.path.as_path()).collect();
    let gone = files.iter().filter(|f| !kept.contains(f.path.as_path()));
    gone.map(|file| &file.path)
        .try_for_each(|path| store.remove(path))
}

/// Removes files of this part that are not among `files`. Looks at the whole catalog, so only done if there may be some.
pub(super) fn remove_others(store: &Store, run: &str, part: u32, files: &[PartFile]) -> Result<()> {
    let prefix = stem(run, part);
    let keep: BTreeSet<&Path> = files.iter().map(|f| f.path.as_path()).collect();
    for path in parquet_files(store)? {
        let name = path.file_name().and_then(|n| n.to_str());
        // Another run's name may begin alike: the file itself says whose it is.
        let ours = name.is_some_and(|n| n.starts_with(&prefix))
            && !keep.contains(path.as_path())
            && read_meta(store, &path).is_ok_and(|meta| meta.run == run);
        if ours {
            store.remove(&path)?;
        }
    }
    Ok(())
}

/// All Parquet files of the catalog, listed in the index or not.
fn parquet_files(store: &Store) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = store
        .list(Path::new(""))?
        .into_iter()
        .map(|f| f.path)
        .collect();
    paths.retain(|path| {
        let is_parquet = path.extension().is_some_and(|e| e == "parquet");
        is_parquet && path.to_string_lossy().starts_with("kind=")
    });
    Ok(paths)
}
