//! Writes one part of a run: sends each record to the file of its partition, and lists the files once all are in place.

mod abandon;
mod commit;
mod leftover;
mod open;
mod replace;
mod room;

use super::Table;
use super::bundles::Bundles;
use super::commit::new_id;
use super::end::{RunEnd, end_path, write_end};
use super::file::FileWriter;
use super::importing::SharedSeen;
use super::index::{fold, read_index, write_meta};
use super::key::Key;
use super::part::{Part, PartFile, Written, lock_run, mark_begun, meta_path, unmark_begun};
use super::partition::{DAY_NS, Partition};
use super::spill::Spill;
use super::store::{Lock, Store, Version};
use crate::limits::{ENTRIES_MAX, ENTRY_FILES_MAX, IDLE_ROWS, WRITER_CHECK_ROWS};
use crate::order::{Placed, Placing};
use crate::{CatalogError, Result};
use bytes::Bytes;
pub(crate) use leftover::remove_files;
use leftover::{lost, remove_others, stem};
use open::{OpenFile, OpenFiles};
use replace::{check_meta, covered_source, released_before, replace};
pub(crate) use room::Room;
use std::collections::HashMap;
use std::path::PathBuf;
use tickloom_journal::RunMeta;
use tickloom_types::{InstrumentId, Record, Seq, SourceId, Ts};
use xxhash_rust::xxh3::xxh3_64;

/// A part of a run being written. Nothing of it is read before [`RunWriter::finish`]. On a local disk one at a time for each run:
/// it holds the run's lock, for which the next one waits. In an object store, whoever finishes first has written the part.
pub struct RunWriter {
    store: Store,
    meta: RunMeta,
    part: u32,
    source: String,
    room: Room,
    open: OpenFiles,
    /// Where the last row belongs, and what of it says so.
    latest: Option<(Place, Partition)>,
    /// Files begun of each partition.
    begun: HashMap<Partition, u32>,
    /// Rows of partitions that no file is open for, to be written at the end.
    spill: Spill,
    /// Rows taken, the clock by which files are closed.
    rows: u64,
    files: Vec<PartFile>,
    placing: Placing,
    /// Rows whose place is known.
    ready: Vec<Placed>,
    /// Whether an earlier writing of the part, complete or not, may have left files.
    has_leftovers: bool,
    /// The part as it was before.
    replaced: Option<(Part, Version)>,
    /// Whether a checkpoint covers the part as it was before.
    is_covered: bool,
    /// What the part was made from as it was before.
    before: Option<String>,
    /// What said of the run what it is, before this writer.
    meta_before: Option<(Bytes, Version)>,
    /// What is known at the end, if it is an import.
    end: Option<RunEnd>,
    /// What an import into an object store had seen before it began; it takes effect by a commit.
    seen: Option<SharedSeen>,
    /// A name that nobody else has, for its files.
    id: String,
    _lock: Lock,
}

/// Where a part is written to.
pub(crate) struct Target {
    pub(crate) store: Store,
    pub(crate) room: Room,
    /// Of an import into an object store, what it had seen before.
    pub(crate) seen: Option<SharedSeen>,
}

/// What of a record says where it belongs: its table, instrument, source and day.
type Place = (Table, InstrumentId, SourceId, i64);

impl RunWriter {
    pub(super) fn new(
        target: Target,
        meta: &RunMeta,
        part: u32,
        source: &str,
    ) -> Result<RunWriter> {
        let Target { store, room, seen } = target;
        meta.check()?;
        Bundles::read(&store)?.check_alone(&meta.run)?;
        let lock = lock_run(&store, &meta.run)?;
        let meta_before = store.read_version(&meta_path(&meta.run))?;
        match &seen {
            None => write_meta(&store, meta, part)?,
            // What the run is takes effect with its rows.
            Some(_) => {
                let before = meta_before.as_ref().map(|(bytes, _)| bytes);
                check_meta(&store, (meta, part), before)?;
            }
        }
        let replaced = Part::read_version(&store, &meta.run, part)?;
        let covered = covered_source(&store, &meta.run, part)?;
        if covered.is_some() {
            read_index(&store, &meta.run)?.check_alone(&meta.run, part)?;
        }
        // Once more: what was read of a run may have been nothing as its rows had just gone into a bundle.
        Bundles::read(&store)?.check_alone(&meta.run)?;
        // In an object store other writers may be at the same part, and what is not listed may be theirs: nobody removes it.
        let has_leftovers = !store.is_remote() && mark_begun(&store, &meta.run, part)?;
        let released = released_before(&store, &meta.run, part)?;
        Ok(RunWriter {
            is_covered: covered.is_some(),
            before: covered.or_else(|| replaced.as_ref().map(|(part, _)| part.source.clone())),
            replaced,
            spill: Spill::new(store.temporary_dir(), room),
            room,
            store,
            meta: meta.clone(),
            part,
            source: source.to_owned(),
            open: OpenFiles::default(),
            latest: None,
            begun: HashMap::new(),
            rows: 0,
            files: Vec::new(),
            placing: Placing::new(released.map_or(i64::MIN, |ts| ts.0)),
            ready: Vec::new(),
            has_leftovers,
            meta_before,
            end: None,
            seen,
            id: new_id(),
            _lock: lock,
        })
    }

    /// Keeps what an import knew at its end with the run.
    pub fn set_end(&mut self, end: RunEnd) {
        self.end = Some(end);
    }

    /// Takes an input record; sequences go up.
    ///
    /// # Errors
    /// [`CatalogError::Record`] if the record is not well formed, [`CatalogError::Sequence`], [`CatalogError::Parquet`], [`CatalogError::Io`].
    pub fn push(&mut self, seq: Seq, record: &Record) -> Result<()> {
        self.push_row(Key { seq, output: 0 }, record, "an input kind")
    }

    /// Takes output record number `output` of the run, which input `cause` made.
    ///
    /// # Errors
    /// As [`RunWriter::push`].
    pub fn push_output(&mut self, output: u64, cause: Seq, record: &Record) -> Result<()> {
        let key = Key {
            seq: cause,
            output: output + 1,
        };
        self.push_row(key, record, "an output kind")
    }

    fn push_row(&mut self, key: Key, record: &Record, expected: &'static str) -> Result<()> {
        let table = Table::of(record).filter(|table| table.is_output() == (key.output > 0));
        if table.is_none() {
            return Err(CatalogError::Record {
                seq: key.seq,
                field: "kind",
                value: record.header.kind.to_string(),
                expected,
            });
        };
        let known = self.meta.instruments.get(record.instrument()).is_some();
        if !known && record.instrument() != InstrumentId::NONE {
            return Err(CatalogError::Record {
                seq: key.seq,
                field: "instrument",
                value: record.header.instrument.to_string(),
                expected: "an instrument of the run, or 4294967295 for none",
            });
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.placing
            .push(key, record, &self.meta.instruments, &mut ready);
        self.write_ready(ready)
    }

    /// Writes rows whose place is known, and keeps the allocation for the next.
    fn write_ready(&mut self, mut ready: Vec<Placed>) -> Result<()> {
        for placed in ready.drain(..) {
            self.write(&placed)?;
        }
        self.ready = ready;
        Ok(())
    }

    fn write(&mut self, placed: &Placed) -> Result<()> {
        let table = Table::of(&placed.record).expect("only rows of a table are placed");
        let partition = self.partition(table, &placed.record);
        self.rows += 1;
        if self.open.get(&partition).is_none() {
            if self.is_to_spill(&partition)? {
                return self.spill.push(partition, placed);
            }
            self.begin_file(partition)?;
        }
        let file = self.open.get(&partition).expect("begun above");
        file.last_row = self.rows;
        file.writer.push(placed, &self.meta)?;
        if self.rows.is_multiple_of(WRITER_CHECK_ROWS) {
            self.bound_memory()?;
        }
        Ok(())
    }

    /// Where a record belongs.
    fn partition(&mut self, table: Table, record: &Record) -> Partition {
        let inside = record.header.ts_event.saturating_sub(1);
        let days = [inside, record.header.ts_event].map(|ts| ts.div_euclid(DAY_NS));
        let day = days[usize::from(!table.is_bars())];
        let place = (table, record.instrument(), record.source(), day);
        if let Some((known, partition)) = &self.latest
            && *known == place
        {
            return *partition;
        }
        let partition = Partition::of(table, record, &self.meta);
        self.latest = Some((place, partition));
        partition
    }

    /// Whether rows of a partition without an open file are held for the end: those of which some are already, those whose file was
    /// completed, and all while every open file is in use. Otherwise there is room for another file.
    fn is_to_spill(&mut self, partition: &Partition) -> Result<bool> {
        if self.spill.has(partition) || self.begun.contains_key(partition) {
            return Ok(true);
        }
        if self.open.len() < self.room.files_max {
            return Ok(false);
        }
        match self.open.take_idle(self.rows, IDLE_ROWS) {
            None => Ok(true),
            Some(file) => {
                self.complete(file.writer)?;
                Ok(false)
            }
        }
    }

    /// Lets files write what they hold back, the largest first, until all hold less than they may.
    fn bound_memory(&mut self) -> Result<()> {
        loop {
            let sizes = self.open.iter().map(|file| file.writer.memory());
            if sizes.sum::<usize>() <= self.room.bytes_max {
                return Ok(());
            }
            let largest = self.open.iter_mut().max_by_key(|file| file.writer.memory());
            let Some(largest) = largest else {
                return Ok(());
            };
            if !largest.writer.flush(&self.meta)? {
                return Ok(());
            }
        }
    }

    /// Completes all files, lists them as the part, and removes what an earlier, different writing of the part left.
    ///
    /// # Errors
    /// [`CatalogError::Outrun`] if another writer has completed the part since this one began, [`CatalogError::Overtaken`] if it is an import
    /// into an object store and others have committed what concerns it; otherwise as [`RunWriter::push`].
    pub fn finish(mut self) -> Result<Written> {
        if let Some(seen) = self.seen.clone() {
            let mut written = RunWriter::commit(vec![self], &seen)?;
            return Ok(written.pop().unwrap_or_default());
        }
        let part = self.complete_part()?;
        self.list_part(&part)
    }

    /// Completes all files.
    fn complete_part(&mut self) -> Result<Part> {
        let mut ready = std::mem::take(&mut self.ready);
        self.placing.finish(&self.meta.instruments, &mut ready);
        self.write_ready(ready)?;
        for file in self.open.take_all() {
            self.complete(file.writer)?;
        }
        self.write_spilled()?;
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Part {
            source: self.source.clone(),
            files: std::mem::take(&mut self.files),
            released: Some(Ts(self.placing.released())),
        })
    }

    /// Whether a part is listed in the run's checkpoint rather than by an entry of its own. In an object store no lock keeps a compaction
    /// from taking in what was there before: there only the checkpoint says what counts instead of it.
    fn is_in_checkpoint(&self, part: &Part) -> bool {
        self.is_covered
            || part.files.len() > ENTRY_FILES_MAX
            || self.store.is_remote() && self.replaced.is_some()
    }

    fn list_part(&self, part: &Part) -> Result<Written> {
        let (store, run) = (&self.store, &self.meta.run);
        let mut beside = vec![meta_path(run)];
        if let Some(end) = &self.end {
            write_end(store, run, end)?;
            beside.push(end_path(run));
        }
        // All at once and before the part is listed: the disk is waited for as rarely as can be.
        let files = part.files.iter().map(|file| &file.path);
        store.settle(files.chain(&beside).map(PathBuf::as_path))?;
        if self.is_in_checkpoint(part) {
            if !replace(store, run, self.part, (self.before.as_deref(), part))? {
                return lost(store, run, self.part, part);
            }
        } else {
            let replaced = self.replaced.as_ref().map(|(_, version)| version);
            if !part.write(store, run, self.part, replaced)? {
                return lost(store, run, self.part, part);
            }
            if let Some((old, _)) = &self.replaced {
                remove_files(store, &old.files, &part.files)?;
            }
        }
        if self.has_leftovers {
            remove_others(store, run, self.part, &part.files)?;
        }
        if !store.is_remote() {
            unmark_begun(store, run, self.part)?;
        }
        if self.part % ENTRIES_MAX == ENTRIES_MAX - 1 {
            fold(store, run, ENTRIES_MAX)?;
        }
        Ok(part.written(store))
    }

    /// Writes the rows that were held, one partition after the other.
    fn write_spilled(&mut self) -> Result<()> {
        let spill = std::mem::replace(&mut self.spill, Spill::new(PathBuf::new(), self.room));
        spill.drain(&mut |partition, placed| {
            if self.open.get(&partition).is_none() {
                for file in self.open.take_all() {
                    self.complete(file.writer)?;
                }
                self.begin_file(partition)?;
            }
            let file = self.open.get(&partition).expect("begun above");
            file.writer.push(placed, &self.meta)
        })?;
        for file in self.open.take_all() {
            self.complete(file.writer)?;
        }
        Ok(())
    }

    fn begin_file(&mut self, partition: Partition) -> Result<()> {
        let nth = self.begun.entry(partition).or_default();
        let mut stem = stem(&self.meta.run, self.part);
        if self.store.is_remote() {
            // Writers of the same part that write something else must not meet in one file. What an import writes depends on what it has
            // found there as well.
            let of = match self.seen {
                Some(_) => self.id.as_bytes(),
                None => self.source.as_bytes(),
            };
            stem = format!("{stem}-{:016x}", xxh3_64(of));
        }
        let name = partition.file_name(&stem, *nth);
        *nth += 1;
        let writer = FileWriter::create(&self.store, &partition, &self.meta, &name)?;
        let last_row = self.rows;
        self.open.insert(partition, OpenFile { writer, last_row });
        Ok(())
    }

    fn complete(&mut self, writer: FileWriter) -> Result<()> {
        let file = writer.finish(&self.store, &self.meta)?;
        self.files.push(file);
        Ok(())
    }
}
