//! What was there of a part before it is written, and its place in a checkpoint.

use super::leftover::remove_files;
use crate::Result;
use crate::index::{read_checkpoint, read_index, remove_covered, swap_checkpoint};
use crate::part::{Part, PartFile, from_json, meta_path};
use crate::store::Store;
use bytes::Bytes;
use tickloom_journal::RunMeta;
use tickloom_types::Ts;

/// Refuses what the run would be, if it has other parts and is something else: what said what it is `before`.
pub(super) fn check_meta(
    store: &Store,
    (meta, part): (&RunMeta, u32),
    before: Option<&Bytes>,
) -> Result<()> {
    let Some(bytes) = before else {
        return Ok(());
    };
    let known: RunMeta = from_json(store, &meta_path(&meta.run), bytes)?;
    if known != *meta && read_index(store, &meta.run)?.has_others(part) {
        known.check_same(meta)?;
    }
    Ok(())
}

/// What a part was made from that a checkpoint covers.
pub(super) fn covered_source(store: &Store, run: &str, part: u32) -> Result<Option<String>> {
    let checkpoint = read_checkpoint(store, run)?;
    let covered = checkpoint.and_then(|(mut checkpoint, _)| checkpoint.parts.remove(&part));
    Ok(covered.map(|part| part.source))
}

/// When the last input of the parts before this one was released, as far as that is known.
pub(super) fn released_before(store: &Store, run: &str, part: u32) -> Result<Option<Ts>> {
    let Some(before) = part.checked_sub(1) else {
        return Ok(None);
    };
    // Mostly it is the part before that says it; a long run's index is read only where there is none.
    if let Some(Part {
        released: told @ Some(_),
        ..
    }) = Part::read(store, run, before)?
    {
        return Ok(told);
    }
    Ok(read_index(store, run)?.released_before(part))
}

/// Lists a part in the next checkpoint, whether or not one covers it already, and removes the files that it had. False if it is not from
/// the source any more that it was `before`.
pub(super) fn replace(
    store: &Store,
    run: &str,
    number: u32,
    (before, part): (Option<&str>, &Part),
) -> Result<bool> {
    loop {
        let index = read_index(store, run)?;
        if index.source(number) != before {
            return Ok(false);
        }
        let next = index.replacing(run, number, part)?;
        if !swap_checkpoint(store, run, &index, &next)? {
            continue;
        }
        let old = index.live().filter(|live| live.parts == (number, number));
        let old: Vec<PartFile> = old.map(|live| live.file).collect();
        remove_files(store, &old, &part.files)?;
        remove_covered(store, run, &index)?;
        return Ok(true);
    }
}
