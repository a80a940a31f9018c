//! From journal to catalog: each sealed segment becomes one part. Done twice it is the same files, so that a crash in between
//! neither loses nor doubles a row.

use super::{Catalog, Table};
use crate::{DataError, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::ops::RangeInclusive;
use std::path::Path;
use tickloom_journal::{
    Block, JournalError, SegmentFault, SegmentReader, lock, read_journal_meta, segment_name,
    segment_numbers,
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

/// Brings the catalog up to date with a journal: all sealed segments and, if nobody writes the journal, the last one too.
///
/// # Errors
/// [`DataError::Journal`] for a segment that is not as it was written, and what [`Catalog::writer`] and its writer return.
pub fn sync_journal(journal: &Path, catalog: &Catalog) -> Result<SyncReport> {
    // Held until the end: whoever opens the journal next begins a new segment, so the last one is final from here on.
    let lock = lock(journal)?;
    let numbers = segment_numbers(journal)?;
    let first = first_kept(journal, catalog)?;
    let files = numbers.last().copied().unwrap_or(0);
    let sealed = match lock {
        Some(_) => files,
        None => files.saturating_sub(1),
    };
    let mut report = SyncReport::default();
    for number in first..=sealed {
        let path = journal.join(segment_name(number));
        let may_be_torn = number == files;
        sync_segment(&path, may_be_torn, catalog, &mut report)?;
    }
    Ok(report)
}

/// The first segment that is there. Those before it were pruned, which is so only if the catalog has them.
///
/// # Errors
/// [`DataError::Journal`] if it has not; as [`Catalog::runs`].
pub(crate) fn first_kept(journal: &Path, catalog: &Catalog) -> Result<u32> {
    let first = segment_numbers(journal)?.first().copied().unwrap_or(1);
    if first == 1 {
        return Ok(first);
    }
    if let Some(meta) = read_journal_meta(journal)? {
        for number in 1..first {
            if !catalog.holds_part(&meta.run, number)? {
                return Err(DataError::from(JournalError::Missing {
                    what: "segment, which the catalog does not have either",
                    path: journal.join(segment_name(number)),
                }));
            }
        }
    }
    Ok(first)
}

/// Brings the catalog up to date with the segments `numbers`, which their writer has sealed. No other segment is looked at, so
/// that a long run's last segment costs what its first did.
pub(crate) fn sync_sealed(
    journal: &Path,
    catalog: &Catalog,
    numbers: RangeInclusive<u32>,
) -> Result<SyncReport> {
    let mut report = SyncReport::default();
    for number in numbers {
        // What a crash tore was cut before the segment was sealed.
        let may_be_torn = false;
        let path = journal.join(segment_name(number));
        sync_segment(&path, may_be_torn, catalog, &mut report)?;
    }
    Ok(report)
}

fn sync_segment(
    path: &Path,
    may_be_torn: bool,
    catalog: &Catalog,
    report: &mut SyncReport,
) -> Result<()> {
    let file = File::open(path).map_err(DataError::io("open", path))?;
    // Of a segment that is known only the first block is read: a start looks at all of them.
    let opened = SegmentReader::new(BufReader::with_capacity(1 << 16, file));
    let Some((mut reader, number, _)) = or_torn(opened.map(Some), may_be_torn, path)? else {
        return Ok(());
    };
    let Some(first) = or_torn(reader.next_chained(), may_be_torn, path)? else {
        return Ok(());
    };
    let Block::Meta(meta) = first.block else {
        return Err(DataError::Damaged {
            file: path.to_owned(),
            offset: first.offset,
            found: "another block".to_owned(),
            expected: "a meta block first".to_owned(),
        });
    };
    // The hash covers all of the journal before this segment, so no other journal's segment has it.
    let source = format!("journal:{:032x}", u128::from_le_bytes(first.hash));
    if catalog.has_part(&meta.run, number, &source)?.is_some() {
        report.known += 1;
        return Ok(());
    }
    let mut writer = catalog.writer(&meta, number, &source)?;
    while let Some(chained) = or_torn(reader.next_chained(), may_be_torn, path)? {
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

/// A torn tail of the journal's last segment is its end; any other fault is damage.
fn or_torn<T>(
    result: Result<Option<T>, SegmentFault>,
    may_be_torn: bool,
    path: &Path,
) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(value),
        Err(SegmentFault::Bytes { torn: true, .. }) if may_be_torn => Ok(None),
        Err(fault) => Err(fault.into_error(path).into()),
    }
}
