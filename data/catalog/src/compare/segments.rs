//! Segments against parts: whether each part was made from its segment, and has as many rows, in the same range.

use super::comparison::Comparison;
use super::index::{Found, by_part};
use crate::Result;
use crate::Table;
use crate::file::read_meta as read_footer;
use crate::part::{Part, PartFile, checkpoint_path, meta_path, part_path, run_dir};
use crate::store::Store;
use crate::sync::source_of;
use crate::verify::{check_footer, check_sums};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tickloom_journal::{JournalOutline, Numbers, SegmentHead, survey_segment};

/// What is to be done about two histories of one name.
pub(super) const TWO_HISTORIES: &str = "put the journal back from which the catalog was made; if it is lost, begin another run with tickloom run --new-run, as numbers of this one were given away already, or record into another directory";

/// Compares what is known of both, with the footers of so many files.
pub(super) fn compare(
    outline: &JournalOutline,
    store: &Store,
    found: &Found,
    footers_max: usize,
    into: &mut Comparison,
) -> Result<()> {
    let run = into.run.clone();
    let dir = store.url(&run_dir(&run));
    compare_meta(outline, store, found, into);
    if !found.is_known {
        // What is in the catalog cannot be told.
        into.doubtful.extend(&outline.numbers);
        return Ok(());
    }
    let last = outline.numbers.last().copied().unwrap_or(0);
    let parts = found.parts();
    let ahead: Vec<u32> = parts.iter().copied().filter(|part| *part > last).collect();
    if let (Some(first), Some(end)) = (ahead.first(), ahead.last()) {
        let journal = into.journal.clone();
        let (ends, what) = match last {
            0 => (
                "no segment".to_owned(),
                "the catalog has a run of this name".to_owned(),
            ),
            last => (
                format!("segment {last} is the last one"),
                format!(
                    "the journal to reach as far as the catalog in {}, which has segments {first} to {end} of this run",
                    dir.display()
                ),
            ),
        };
        let (found, expected) = match last {
            0 => (
                ends,
                format!(
                    "the journal of the run that the catalog in {} has: two runs of one name",
                    dir.display()
                ),
            ),
            _ => (
                format!("{ends}: the journal was cut back, or is an older copy"),
                what,
            ),
        };
        let difference = into.add(&journal, found, expected);
        difference.contradicts = true;
        TWO_HISTORIES.clone_into(&mut difference.remedy);
    }
    let first = outline.numbers.first().copied().unwrap_or(1);
    let gone: Vec<u32> = (1..first).filter(|part| !found.has(*part)).collect();
    if let (Some(from), Some(to)) = (gone.first(), gone.last()) {
        let text = format!("no part of segments {from} to {to}");
        let difference = into.add(&dir, text, "those that the journal does not have any more");
        "put a newer copy of the catalog in its place, or the segments back into the journal"
            .clone_into(&mut difference.remedy);
    }
    for number in &outline.numbers {
        let Some(head) = outline.head(*number) else {
            into.doubtful.insert(*number);
            continue;
        };
        if found.unreadable.contains(number) {
            continue;
        }
        if !found.has(*number) {
            into.lacking.push(*number);
            continue;
        }
        compare_one(outline, head, store, found, into)?;
    }
    if let Some(fault) = check_sums(&run, &found.index) {
        into.add(&dir, fault.found, fault.expected).remedy = whole_run(store, &run);
        into.doubtful.extend(&outline.numbers);
    }
    check_files(outline, store, found, footers_max, into)
}

/// The run must be the same in both.
fn compare_meta(outline: &JournalOutline, store: &Store, found: &Found, into: &mut Comparison) {
    let (Some(journal), Some(catalog)) = (outline.meta(), &found.meta) else {
        return;
    };
    if catalog == journal {
        return;
    }
    let path = store.url(&meta_path(&into.run));
    let differs = match catalog.check_same(journal) {
        Err(error) => error.to_string(),
        Ok(()) => format!("a run that began at {}", catalog.started),
    };
    let expected = format!(
        "the run of {}, which began at {}",
        into.journal.display(),
        journal.started
    );
    let difference = into.add(&path, differs, expected);
    difference.contradicts = true;
    TWO_HISTORIES.clone_into(&mut difference.remedy);
}

/// A part against its segment: where it comes from, its numbers of rows, and the range of these.
fn compare_one(
    outline: &JournalOutline,
    head: &SegmentHead,
    store: &Store,
    found: &Found,
    into: &mut Comparison,
) -> Result<()> {
    let (run, number) = (into.run.clone(), head.number);
    let covered = found.index.checkpoint.parts.get(&number);
    let part = found.index.parts.get(&number);
    let (source, rows, path) = match (covered, part) {
        (Some(covered), _) => (&covered.source, covered.rows.clone(), checkpoint_path(&run)),
        (None, Some(part)) => (&part.source, part.rows(), part_path(&run, number)),
        (None, None) => return Ok(()),
    };
    let path = store.url(&path);
    let remedy = match part {
        Some(_) if covered.is_none() => by_part(store, &run, number),
        _ => whole_run(store, &run),
    };
    let foreign = part.and_then(|part| part.files.iter().find(|file| file.meta.run != run));
    if let Some(foreign) = foreign {
        let text = format!("files of run {}", foreign.meta.run);
        into.add(&path, text, format!("a part of run {run}")).remedy = remedy;
        into.doubtful.insert(number);
        return Ok(());
    }
    let expected = source_of(&head.hash);
    if *source != expected {
        let text = format!("part {number} was made from {source}");
        let expected = format!("{expected}, segment {number} of {}", into.journal.display());
        let difference = into.add(&path, text, expected);
        difference.contradicts = true;
        TWO_HISTORIES.clone_into(&mut difference.remedy);
        into.doubtful.insert(number);
        return Ok(());
    }
    let held = held(outline, head, &into.journal, count(&rows))?;
    if held != count(&rows) {
        let has = count(&rows);
        let text = format!("{} of part {number}", words(has));
        let expected = format!("the {} of its segment", words(held));
        let is_last = outline
            .last
            .as_ref()
            .is_some_and(|last| last.number == number);
        let difference = into.add(&path, text, expected);
        if is_last && held.max(has) != held {
            // What follows would have the numbers of what is gone.
            difference.found += ": the end of the journal is gone";
            difference.contradicts = true;
            TWO_HISTORIES.clone_into(&mut difference.remedy);
        } else {
            difference.remedy = remedy;
        }
        into.doubtful.insert(number);
        return Ok(());
    }
    let range = head
        .place
        .map(|place| place.next)
        .zip(outline.end_of(number));
    let outside = part
        .zip(range)
        .and_then(|(part, range)| outside(part, range));
    if let Some((file, expected)) = outside {
        let text = format!(
            "{}: rows from {:?} to {:?}",
            file.path.display(),
            file.meta.first,
            file.meta.last
        );
        into.add(&path, text, expected).remedy = remedy;
        into.doubtful.insert(number);
    }
    Ok(())
}

/// What helps when the checkpoint itself is in doubt.
pub(super) fn whole_run(store: &Store, run: &str) -> String {
    format!(
        "put the catalog back from a copy, or, if the journal begins with segment 1, remove {}: the next tickloom run writes the run anew",
        store.url(&run_dir(run)).display()
    )
}

fn words(numbers: Numbers) -> String {
    format!("{} inputs and {} outputs", numbers.inputs, numbers.outputs)
}

fn count(rows: &BTreeMap<Table, u64>) -> Numbers {
    let sum = |is_output: bool| -> u64 {
        let rows = rows
            .iter()
            .filter(|(table, _)| table.is_output() == is_output);
        rows.map(|(_, rows)| rows).sum()
    };
    Numbers {
        inputs: sum(false),
        outputs: sum(true),
    }
}

/// How many inputs and outputs a segment has. Its head and that of the next one say it, unless a session that begins in it leaves
/// a gap; then the headers of its blocks do.
fn held(
    outline: &JournalOutline,
    head: &SegmentHead,
    journal: &Path,
    expected: Numbers,
) -> Result<Numbers> {
    if let Some(last) = outline
        .last
        .as_ref()
        .filter(|last| last.number == head.number)
    {
        return Ok(last.held);
    }
    let begins = head.place.map(|place| place.next);
    if let Some((begins, ends)) = begins.zip(outline.end_of(head.number)) {
        let width = Numbers {
            inputs: ends.inputs.saturating_sub(begins.inputs),
            outputs: ends.outputs.saturating_sub(begins.outputs),
        };
        if width == expected {
            return Ok(width);
        }
    }
    Ok(survey_segment(journal, head.number)?.held)
}

/// A file with rows that are not in the segment, by the numbers with which this and the next one begin.
fn outside(part: &Part, (begins, ends): (Numbers, Numbers)) -> Option<(&PartFile, String)> {
    part.files.iter().find_map(|file| {
        let (first, last) = (file.meta.first, file.meta.last);
        let is_inside = match file.meta.table.is_output() {
            true => {
                let numbers = begins.outputs + 1..=ends.outputs;
                numbers.contains(&first.output)
                    && numbers.contains(&last.output)
                    && last.seq < ends.inputs
            }
            false => {
                let seqs = begins.inputs..ends.inputs;
                let is_input = first.output == 0 && last.output == 0;
                is_input && seqs.contains(&first.seq) && seqs.contains(&last.seq)
            }
        };
        let expected = format!(
            "inputs {} to below {} and outputs {} to below {}",
            begins.inputs, ends.inputs, begins.outputs, ends.outputs
        );
        (!is_inside || first > last).then_some((file, expected))
    })
}

/// Each file that the index lists must be there at its length; of so many of the newest, the footer must be as the index says.
fn check_files(
    outline: &JournalOutline,
    store: &Store,
    found: &Found,
    footers_max: usize,
    into: &mut Comparison,
) -> Result<()> {
    let live: Vec<_> = found.index.live().collect();
    let footers_from = live.len().saturating_sub(footers_max);
    for (at, live) in live.iter().enumerate() {
        let file = &live.file;
        if file.meta.run != into.run {
            continue;
        }
        let fault = match store.bytes(&file.path)? {
            None => Some((
                "no such file".to_owned(),
                "a file that the index lists".to_owned(),
            )),
            Some(bytes) => match file.bytes {
                Some(expected) if expected != bytes => {
                    Some((format!("{bytes} bytes"), expected.to_string()))
                }
                _ if at >= footers_from => match read_footer(store, &file.path) {
                    Err(error) => Some((error.to_string(), "a file that can be read".to_owned())),
                    Ok(footer) => {
                        check_footer(file, &footer).map(|fault| (fault.found, fault.expected))
                    }
                },
                _ => None,
            },
        };
        let Some((text, expected)) = fault else {
            continue;
        };
        let (first, last) = live.parts;
        let has_segments = (first..=last).all(|part| outline.head(part).is_some());
        let remedy = match first == last && has_segments && !found.index.covers(first) {
            true => by_part(store, &into.run, first),
            false => whole_run(store, &into.run),
        };
        let path: PathBuf = store.url(&file.path);
        into.add(&path, text, expected).remedy = remedy;
        into.doubtful
            .extend((first..=last).filter(|part| outline.numbers.contains(part)));
    }
    Ok(())
}
