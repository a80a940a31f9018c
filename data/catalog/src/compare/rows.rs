//! Every row of the catalog against the record of the journal that it was made from, in the order of the run.

use super::comparison::Comparison;
use super::segments::{TWO_HISTORIES, whole_run};
use crate::checkpoint::RunIndex;
use crate::index::read_index;
use crate::key::Key;
use crate::merge::RunMerge;
use crate::order::{Row, RunRows};
use crate::part::{Wanted, read_meta, run_dir};
use crate::progress::Progress;
use crate::steps::scans;
use crate::table::Table;
use crate::{Catalog, CatalogError, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use tickloom_journal::{Block, RunMeta, SegmentReader, segment_name};
use tickloom_types::{BarSpec, Record, Ts};

/// Where a row is not what it was made from, in words: what is there and what was expected.
type Misfit = (String, String);

/// Compares all segments of which the catalog has a part that is not in doubt.
pub(super) fn compare(
    catalog: &Catalog,
    into: &mut Comparison,
    progress: &mut Progress<'_>,
) -> Result<()> {
    let Some((first, last)) = into.segments else {
        return Ok(());
    };
    let store = catalog.store();
    let dir = store.url(&run_dir(&into.run));
    let sound = |number: &u32| !into.lacking.contains(number) && !into.doubtful.contains(number);
    let numbers: Vec<u32> = (first..=last).filter(sound).collect();
    if numbers.is_empty() || into.contradiction().is_some() {
        return Ok(());
    }
    let (Ok(meta), Ok(index)) = (read_meta(store, &into.run), read_index(store, &into.run)) else {
        // Named already.
        return Ok(());
    };
    let dropped = index.checkpoint.dropped.iter();
    let mut times: BTreeMap<Dropped, Vec<(Ts, Ts)>> = BTreeMap::new();
    for one in dropped {
        let of = (one.table, one.instrument.clone(), one.bar);
        times.entry(of).or_default().push((one.from, one.to));
    }
    let mut rows = Rows {
        dropped: times,
        inputs: Side::new(catalog, &meta, &index, &into.doubtful, false)?,
        outputs: Side::new(catalog, &meta, &index, &into.doubtful, true)?,
        meta,
    };
    for number in numbers {
        let path = into.journal.join(segment_name(number));
        match rows.segment(&path, progress) {
            Ok(None) => {}
            Ok(Some(Ended::Stopped)) => return Ok(()),
            Ok(Some(Ended::Misfit((found, expected)))) => {
                let remedy = format!(
                    "{}; if the segment is of another journal, {TWO_HISTORIES}",
                    whole_run(store, &into.run)
                );
                into.add(&dir, found, format!("{expected}, as in {}", path.display()))
                    .remedy = remedy;
                into.doubtful.insert(number);
                return Ok(());
            }
            Err(error) if error.is_of_system() => return Err(error),
            Err(error) => {
                let difference = into.add(
                    &path,
                    error.to_string(),
                    "rows and records that can be read",
                );
                "see tickloom journal verify and tickloom catalog verify for all that is wrong"
                    .clone_into(&mut difference.remedy);
                into.doubtful.insert(number);
                return Ok(());
            }
        }
    }
    let parts = index.checkpoint.parts.keys().chain(index.parts.keys());
    let ends_with_journal = parts.max() == Some(&last) && !into.doubtful.contains(&last);
    let more = [&rows.inputs, &rows.outputs];
    let more = more.iter().find_map(|side| side.next);
    if let Some(row) = more.filter(|_| ends_with_journal) {
        let found = format!(
            "{} behind the last of the journal",
            describe(row.placed.key)
        );
        into.add(&dir, found, "no more rows").remedy = whole_run(store, &into.run);
    }
    Ok(())
}

enum Ended {
    Stopped,
    Misfit(Misfit),
}

/// What retention took rows of: a table, an instrument, a size of bars.
type Dropped = (Table, Option<String>, Option<BarSpec>);

struct Rows {
    meta: RunMeta,
    /// Between which times they were, both inclusive.
    dropped: BTreeMap<Dropped, Vec<(Ts, Ts)>>,
    inputs: Side,
    outputs: Side,
}

/// The catalog's inputs, or its outputs, in their order.
struct Side {
    merge: RunMerge,
    next: Option<Row>,
}

impl Side {
    /// Files with rows of parts that are in doubt are left out: what is wrong with them is named already.
    fn new(
        catalog: &Catalog,
        run: &RunMeta,
        index: &RunIndex,
        doubtful: &BTreeSet<u32>,
        is_output: bool,
    ) -> Result<Side> {
        let files = index.live().filter(|live| {
            let (first, last) = live.parts;
            live.file.meta.table.is_output() == is_output
                && doubtful.range(first..=last).next().is_none()
        });
        let wanted = files.map(|live| Wanted::new(live.file, "")).collect();
        let mut merge = RunMerge::new(scans(catalog, run, wanted)?);
        let next = merge.read()?;
        Ok(Side { merge, next })
    }

    fn go_on(&mut self) -> Result<Option<Row>> {
        let next = self.merge.read()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Passes over rows before this key, which are of segments that are not compared.
    fn skip_to(&mut self, key: Key) -> Result<()> {
        while self.next.is_some_and(|row| row.placed.key < key) {
            self.go_on()?;
        }
        Ok(())
    }
}

impl Rows {
    fn segment(&mut self, path: &Path, progress: &mut Progress<'_>) -> Result<Option<Ended>> {
        let file = File::open(path).map_err(CatalogError::io("open", path))?;
        let opened = SegmentReader::new(BufReader::with_capacity(1 << 20, file));
        let (mut reader, ..) = opened.map_err(|fault| fault.into_error(path))?;
        let (mut has_inputs, mut has_outputs) = (false, false);
        loop {
            let block = match reader.next_block() {
                Ok(block) => block,
                // What is being written ends where it ends.
                Err(tickloom_journal::SegmentFault::Bytes { torn: true, .. }) => None,
                Err(fault) => return Err(fault.into_error(path).into()),
            };
            let Some(block) = block else {
                return Ok(None);
            };
            let mut rows = 0;
            match block {
                Block::Inputs { first_seq, records } => {
                    if !std::mem::replace(&mut has_inputs, true) {
                        self.inputs.skip_to(Key {
                            seq: first_seq,
                            output: 0,
                        })?;
                    }
                    for (seq, record) in (first_seq..).zip(&records) {
                        let key = Key { seq, output: 0 };
                        if let Some(misfit) = self.row(false, key, record)? {
                            return Ok(Some(Ended::Misfit(misfit)));
                        }
                    }
                    rows = records.len() as u64;
                }
                Block::Outputs {
                    first_output,
                    records,
                } => {
                    for (output, (seq, record)) in (first_output + 1..).zip(&records) {
                        let key = Key { seq: *seq, output };
                        if !std::mem::replace(&mut has_outputs, true) {
                            self.outputs.skip_to(key)?;
                        }
                        if let Some(misfit) = self.row(true, key, record)? {
                            return Ok(Some(Ended::Misfit(misfit)));
                        }
                    }
                    rows = records.len() as u64;
                }
                _ => {}
            }
            if progress(rows).is_break() {
                return Ok(Some(Ended::Stopped));
            }
        }
    }

    /// The next row must be this record, unless retention has dropped it.
    fn row(&mut self, is_output: bool, key: Key, record: &Record) -> Result<Option<Misfit>> {
        let is_dropped = self.is_dropped(record);
        let side = match is_output {
            true => &mut self.outputs,
            false => &mut self.inputs,
        };
        let found = match side.next {
            Some(row) if row.placed.key == key => side.go_on()?,
            next if is_dropped => {
                let is_behind = next.is_some_and(|row| row.placed.key < key);
                if !is_behind {
                    return Ok(None);
                }
                next
            }
            next => next,
        };
        let expected = describe(key);
        let Some(row) = found else {
            return Ok(Some(("no more rows".to_owned(), expected)));
        };
        if row.placed.key != key {
            return Ok(Some((
                format!("{} next", describe(row.placed.key)),
                expected,
            )));
        }
        if row.placed.record.as_bytes() != record.as_bytes() {
            let found = format!("{expected} as {:?}", row.placed.record);
            return Ok(Some((found, format!("{record:?}"))));
        }
        Ok(None)
    }

    fn is_dropped(&self, record: &Record) -> bool {
        if self.dropped.is_empty() {
            return false;
        }
        let Some(table) = Table::of(record) else {
            return false;
        };
        let bar = self.meta.instruments.bar_spec(record.source());
        let instrument = self.meta.instruments.get(record.instrument());
        let instrument = instrument.map(|def| def.name.clone());
        let of = (table, instrument, bar.filter(|_| table.is_bars()));
        let ts = record.ts_event();
        let times = self.dropped.get(&of);
        times.is_some_and(|times| times.iter().any(|(from, to)| *from <= ts && ts <= *to))
    }
}

fn describe(key: Key) -> String {
    match key.output.checked_sub(1) {
        None => format!("input {}", key.seq),
        Some(number) => format!("output {number} of input {}", key.seq),
    }
}
