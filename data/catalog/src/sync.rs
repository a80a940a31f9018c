//! From journal to catalog: each sealed segment becomes one part. Done twice it is the same files, so that a crash in between
//! neither loses nor doubles a row.

use super::compare::compare;
use super::{Catalog, Table};
use crate::{CatalogError, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::ops::RangeInclusive;
use std::path::Path;
use tickloom_journal::{
    Block, ChainHash, JournalError, JournalOutline, SegmentFault, SegmentReader, lock,
    outline_journal, segment_name,
};

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Segments that were in the catalog already.
    pub known: u32,
    /// Segments that were written now.
    pub written: u32,
    /// Rows written now, by table.
    pub rows: BTreeMap<Table, u64>,
}

/// Brings the catalog up to date with a journal: all sealed segments and, if nobody writes the journal, the last one too. A segment
/// that is damaged keeps none of the others out.
///
/// # Errors
/// [`CatalogError::Contradicts`] if the catalog has another history of the run, and then nothing is written; [`CatalogError::Journal`] for
/// a segment that is missing or not as it was written, once all others are there; what [`Catalog::writer`] and its writer return.
pub fn sync_journal(journal: &Path, catalog: &Catalog) -> Result<SyncReport> {
    // Held until the end: whoever opens the journal next begins a new segment, so the last one is final from here on.
    let lock = lock(journal)?;
    let outline = outline_journal(journal)?;
    let found = compare(journal, catalog)?;
    if let Some(contradiction) = found.contradiction() {
        return Err(CatalogError::Contradicts(Box::new(contradiction.clone())));
    }
    check_first_kept(journal, catalog, &outline)?;
    let files = outline.numbers.last().copied().unwrap_or(0);
    let mut report = SyncReport::default();
    let known = outline.heads.len() - found.lacking.len();
    report.known = u32::try_from(known).unwrap_or(u32::MAX);
    for number in found.lacking {
        if number == files && lock.is_none() {
            continue;
        }
        let path = journal.join(segment_name(number));
        let torn_from = (number == files).then_some(match outline.closed {
            Some((segment, bytes)) if segment == number => bytes,
            _ => 0,
        });
        sync_segment(&path, torn_from, catalog, &mut report)?;
    }
    match outline.faults.into_iter().next() {
        None => Ok(report),
        Some(fault) => Err(fault.into()),
    }
}

/// Segments before the first that is there were pruned, which is so only if the catalog has them.
///
/// # Errors
/// [`CatalogError::Journal`] if it has not; as [`Catalog::runs`].
fn check_first_kept(journal: &Path, catalog: &Catalog, outline: &JournalOutline) -> Result<()> {
    let first = outline.numbers.first().copied().unwrap_or(1);
    if let Some(meta) = outline.meta() {
        for number in 1..first {
            if !catalog.holds_part(&meta.run, number)? {
                return Err(CatalogError::from(JournalError::Missing {
                    what: "segment, which the catalog does not have either",
                    path: journal.join(segment_name(number)),
                }));
            }
        }
    }
    Ok(())
}

/// Brings the catalog up to date with the segments `numbers`, which their writer has sealed. No other segment is looked at, so
/// that a long run's last segment costs what its first did.
///
/// # Errors
/// As [`sync_journal`].
pub fn sync_sealed(
    journal: &Path,
    catalog: &Catalog,
    numbers: RangeInclusive<u32>,
) -> Result<SyncReport> {
    let mut report = SyncReport::default();
    for number in numbers {
        // What a crash tore was cut before the segment was sealed.
        let torn_from = None;
        let path = journal.join(segment_name(number));
        sync_segment(&path, torn_from, catalog, &mut report)?;
    }
    Ok(report)
}

/// What a part says it was made from: the hash of the first block of its segment, which covers all of the journal before that.
pub(crate) fn source_of(hash: &ChainHash) -> String {
    format!("journal:{:032x}", u128::from_le_bytes(*hash))
}

fn sync_segment(
    path: &Path,
    torn_from: Option<u64>,
    catalog: &Catalog,
    report: &mut SyncReport,
) -> Result<()> {
    let file = File::open(path).map_err(CatalogError::io("open", path))?;
    // Of a segment that is known only the first block is read: a start looks at all of them.
    let opened = SegmentReader::new(BufReader::with_capacity(1 << 16, file));
    let (mut reader, number, _) = opened.map_err(|fault| fault.into_error(path))?;
    let damaged = |offset, found: &str| CatalogError::Damaged {
        file: path.to_owned(),
        offset,
        found: found.to_owned(),
        expected: "a meta block first".to_owned(),
    };
    // A segment has its name only once its head is on the disk.
    let first = reader.next_chained();
    let first = first.map_err(|fault| fault.into_error(path))?;
    let first = first.ok_or_else(|| damaged(reader.offset(), "the end"))?;
    let Block::Meta(meta) = first.block else {
        return Err(damaged(first.offset, "another block"));
    };
    let source = source_of(&first.hash);
    match catalog.source_of_part(&meta.run, number)? {
        Some(known) if known == source => {
            report.known += 1;
            return Ok(());
        }
        // What another journal made of a segment of this number is not ours to replace.
        Some(known) => {
            return Err(CatalogError::OtherJournal {
                run: meta.run.clone(),
                part: number,
                found: known,
                expected: source,
            });
        }
        None => {}
    }
    let mut writer = catalog.writer(&meta, number, &source)?;
    while let Some(chained) = or_torn(reader.next_chained(), torn_from, path)? {
        match chained.block {
            Block::Inputs { first_seq, records } => {
                for (seq, record) in (first_seq..).zip(&records) {
                    writer.push(seq, record)?;
                }
            }
            Block::Outputs {
                first_output,
                records,
            } => {
                for (output, (cause, record)) in (first_output..).zip(&records) {
                    writer.push_output(output, *cause, record)?;
                }
            }
            _ => {}
        }
    }
    for (table, rows) in writer.finish()?.rows {
        *report.rows.entry(table).or_default() += rows;
    }
    report.written += 1;
    Ok(())
}

/// A torn tail of the journal's last segment, from this byte on, is its end; any other fault is damage.
fn or_torn<T>(
    result: Result<Option<T>, SegmentFault>,
    torn_from: Option<u64>,
    path: &Path,
) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(value),
        Err(SegmentFault::Bytes {
            torn: true, offset, ..
        }) if torn_from.is_some_and(|from| offset >= from) => Ok(None),
        Err(fault) => Err(fault.into_error(path).into()),
    }
}
