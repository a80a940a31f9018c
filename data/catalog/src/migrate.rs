//! `catalog migrate`: rewrites files of earlier schema versions as the current one. Each file becomes one file with the same
//! rows, by the same steps as a compaction, so a crash on the way leaves a catalog of both versions, which reads and can be
//! migrated again.

use super::Catalog;
use super::checkpoint::RunIndex;
use super::compact::{RewriteReport, rewrite};
use super::file_meta::SCHEMA_VERSION;
use super::progress::Progress;
use super::rewrite::Merge;
use crate::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a migration did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrateReport {
    /// The version that everything has after it.
    pub version: u32,
    /// Files by their version before it.
    pub versions: BTreeMap<u32, u64>,
    /// What it rewrote, or would.
    #[serde(flatten)]
    pub rewritten: RewriteReport,
}

impl Catalog {
    /// Brings all files to the current schema version. `progress` is told of rows and may stop it.
    ///
    /// # Errors
    /// As [`Catalog::compact`].
    pub fn migrate(&self, dry_run: bool, progress: &mut Progress<'_>) -> Result<MigrateReport> {
        let mut versions: BTreeMap<u32, u64> = BTreeMap::new();
        self.for_each_file(|_, file| {
            *versions.entry(file.meta.schema).or_default() += 1;
            Ok(())
        })?;
        let rewritten = rewrite(self, (&|_| true, dry_run), &plan, progress)?;
        Ok(MigrateReport {
            version: SCHEMA_VERSION,
            versions,
            rewritten,
        })
    }
}

/// Each file that is not of the current version, by itself.
fn plan(index: &RunIndex) -> Vec<Merge> {
    let old = index
        .live()
        .filter(|live| live.file.meta.schema != SCHEMA_VERSION);
    old.map(|live| Merge { files: vec![live] }).collect()
}
