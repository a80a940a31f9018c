//! Who needs which segments: the journal knows some, the catalog and QuestDB's cursor beside it are asked here.

use super::failure;
use crate::failure::Failure;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind};
use std::path::Path;
use tickloom_core::{Core, CoreConfig, Snapshot};
use tickloom_data::{Catalog, catalog_dir};
use tickloom_journal::{
    Block, JournalError, PruneLimit, SegmentReader, SnapshotFile, prune_limits, read_journal_meta,
    segment_name, survey_journal,
};

/// All of them.
pub(super) fn limits(dir: &Path) -> Result<Vec<PruneLimit>, Failure> {
    let mut limits = prune_limits(dir, loads(dir)).map_err(failure)?;
    limits.extend(questdb(dir)?);
    limits.extend(catalog(dir)?);
    Ok(limits)
}

/// Whether this version would go on from a snapshot of the run.
fn loads(dir: &Path) -> impl Fn(&SnapshotFile) -> bool {
    let meta = read_journal_meta(dir).ok().flatten();
    let config = meta.and_then(|meta| serde_json::from_str::<CoreConfig>(&meta.config).ok());
    move |file| {
        let (Some(config), Ok(snapshot)) = (&config, Snapshot::open(&file.state)) else {
            return false;
        };
        Core::load(config, &snapshot).is_ok()
    }
}

/// What QuestDB has confirmed, if it was ever sent anything.
fn questdb(dir: &Path) -> Result<Option<PruneLimit>, Failure> {
    let bytes = match fs::read(dir.join("questdb.json")) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::run(error)),
    };
    // A cursor that is damaged says nothing: then all is sent again.
    let segment = serde_json::from_slice::<serde_json::Value>(&bytes)
        .ok()
        .and_then(|file| u32::try_from(file.get("segment")?.as_u64()?).ok());
    Ok(Some(PruneLimit {
        who: "QuestDB, which has not confirmed them".to_owned(),
        below: segment.unwrap_or(1),
    }))
}

/// The catalog beside the journal, if there is one: it has the segments before the first that it has not.
fn catalog(dir: &Path) -> Result<Option<PruneLimit>, Failure> {
    let full = fs::canonicalize(dir).map_err(Failure::run)?;
    let beside = full
        .parent()
        .filter(|runs| runs.ends_with("journal"))
        .and_then(Path::parent)
        .map(catalog_dir);
    let Some(beside) = beside.filter(|beside| Catalog::is_at(beside)) else {
        return Ok(None);
    };
    let catalog = Catalog::open(&beside).map_err(Failure::run)?;
    let mut below = 0;
    for segment in survey_journal(dir).map_err(failure)?.segments {
        below = segment.number;
        if !is_in(&catalog, dir, segment.number)? {
            break;
        }
    }
    Ok(Some(PruneLimit {
        who: "the catalog, which does not have them".to_owned(),
        below,
    }))
}

fn is_in(catalog: &Catalog, dir: &Path, number: u32) -> Result<bool, Failure> {
    let path = dir.join(segment_name(number));
    let file = File::open(&path).map_err(Failure::run)?;
    let damaged = |fault: tickloom_journal::SegmentFault| failure(fault.into_error(&path));
    let (mut reader, ..) = SegmentReader::new(BufReader::new(file)).map_err(damaged)?;
    let Some(first) = reader.next_chained().map_err(damaged)? else {
        let error = JournalError::Damaged {
            file: path.clone(),
            offset: reader.offset(),
            found: "the end".to_owned(),
            expected: "a meta block".to_owned(),
        };
        return Err(failure(error));
    };
    let Block::Meta(meta) = &first.block else {
        return Ok(false);
    };
    let source = format!("journal:{:032x}", u128::from_le_bytes(first.hash));
    let part = catalog.has_part(&meta.run, number, &source);
    Ok(part.map_err(Failure::run)?.is_some())
}
