//! The end of an import into an object store: all of its runs take effect by one commit.

use super::RunWriter;
use super::leftover::remove_files;
use crate::bundles::Bundles;
use crate::commit::{Applied, Commit, CommitRun, forget};
use crate::importing::{SharedSeen, lock};
use crate::index::read_index;
use crate::part::{PartFile, Written, from_json, meta_path};
use crate::store::Store;
use crate::{CatalogError, Result};
use std::collections::BTreeSet;
use tickloom_journal::RunMeta;

impl RunWriter {
    /// Finishes the writers of one import, which have seen the same. Of what does not take effect, all files are removed: nobody else has
    /// any of them.
    pub(crate) fn commit(writers: Vec<RunWriter>, seen: &SharedSeen) -> Result<Vec<Written>> {
        let Some(first) = writers.first() else {
            return Ok(Vec::new());
        };
        let (store, id) = (first.store.clone(), first.id.clone());
        let runs = writers.into_iter().map(RunWriter::into_run);
        let commit = Commit {
            runs: runs.collect::<Result<_>>()?,
            is_refused: false,
        };
        let store = &store;
        match lock(seen).commit(store, &id, &commit) {
            Ok(Applied::Done) => {}
            Ok(Applied::Refused) => return Err(refused(store, &id, &commit)?),
            Err(error @ (CatalogError::Overtaken { .. } | CatalogError::Outrun { .. })) => {
                for run in &commit.runs {
                    remove_files(store, &run.part.files, &[])?;
                }
                return Err(error);
            }
            // It may count.
            Err(error) => return Err(error),
        }
        let runs = commit.runs.iter();
        Ok(runs.map(|run| run.part.written(store)).collect())
    }

    fn into_run(mut self) -> Result<CommitRun> {
        let part = self.complete_part()?;
        let mut before = BTreeSet::new();
        if let Some((bytes, _)) = &self.meta_before {
            let meta: RunMeta = from_json(&self.store, &meta_path(&self.meta.run), bytes)?;
            before.extend(meta.instruments.defs().iter().map(|def| def.name.clone()));
        }
        Ok(CommitRun {
            number: self.part,
            before,
            is_replacing: self.before.is_some(),
            is_in_checkpoint: self.is_in_checkpoint(&part),
            part,
            end: self.end,
            meta: self.meta,
        })
    }
}

/// Removes what is left of a commit that is not in the index and never will be, and says why.
fn refused(store: &Store, id: &str, commit: &Commit) -> Result<CatalogError> {
    let mut why = None;
    for run in &commit.runs {
        let name = &run.meta.run;
        let counting: Vec<PartFile> = read_index(store, name)?.into_files().collect();
        remove_files(store, &run.part.files, &counting)?;
        why = why.or(Bundles::read(store)?.check_alone(name).err());
        why = why.or_else(|| {
            Some(CatalogError::Outrun {
                run: name.clone(),
                part: run.number,
            })
        });
    }
    forget(store, id)?;
    Ok(why.unwrap_or(CatalogError::Overtaken { run: id.to_owned() }))
}
