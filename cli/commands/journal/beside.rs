//! What beside the segments is not the journal's own: what QuestDB has confirmed, and what snapshots remember.

use super::failure;
use crate::failure::Failure;
use std::path::Path;
use tickloom_core::{Core, CoreConfig, Snapshot, SnapshotError};
use tickloom_data::DataError;
use tickloom_data::questdb::check_cursor;
use tickloom_journal::{SnapshotFile, read_journal_meta, read_snapshot, snapshot_files};

/// What is wrong with them, in words.
pub(super) fn faults(dir: &Path) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    match check_cursor(dir) {
        Ok(()) => {}
        Err(error) if error.is_of_system() => return Err(Failure::run(error)),
        Err(error @ (DataError::Damaged { .. } | DataError::Journal(_))) => {
            faults.push(error.to_string());
        }
        Err(error) => return Err(Failure::run(error)),
    }
    let meta = read_journal_meta(dir).ok().flatten();
    let config = meta.and_then(|meta| serde_json::from_str::<CoreConfig>(&meta.config).ok());
    for path in snapshot_files(dir).map_err(failure)? {
        // One that is not whole was told of.
        let Ok(file) = read_snapshot(&path) else {
            continue;
        };
        if let Err(why) = look_into(&file, config.as_ref()) {
            faults.push(format!("{} is damaged: {why}", path.display()));
        }
    }
    Ok(faults)
}

/// What is wrong with what a snapshot remembers. One of another version of the engine is not used, and no fault.
fn look_into(file: &SnapshotFile, config: Option<&CoreConfig>) -> Result<(), String> {
    let loaded = Snapshot::open(&file.state).and_then(|snapshot| {
        if let Some(config) = config {
            Core::load(config, &snapshot)?;
        }
        Ok(snapshot.next_seq())
    });
    match loaded {
        Ok(end) if end != file.head.next_seq => Err(format!(
            "it remembers what came before input {end}, expected {}",
            file.head.next_seq
        )),
        Ok(_) | Err(SnapshotError::Format { .. } | SnapshotError::Semantics { .. }) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
