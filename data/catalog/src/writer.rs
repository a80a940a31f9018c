//! Writes one part of a run: sends each record to the file of its partition, and lists the files once all are in place.

use super::Table;
use super::end::{RunEnd, end_path, write_end};
use super::file::{FileWriter, read_meta};
use super::index::{read_checkpoint, read_index, remove_covered, swap_checkpoint, write_meta};
use super::key::Key;
use super::part::{Part, PartFile, Written, lock_run, mark_begun, meta_path, unmark_begun};
use super::partition::Partition;
use super::spill::Spill;
use super::store::{Lock, Store, Version};
use crate::limits::{IDLE_ROWS, OPEN_FILES_MAX, WRITER_BYTES_MAX, WRITER_CHECK_ROWS};
use crate::order::{Placed, Placing};
use crate::{CatalogError, Result};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use tickloom_journal::RunMeta;
use tickloom_types::{InstrumentId, Record, Seq, Ts};
use xxhash_rust::xxh3::xxh3_64;

/// A part of a run being written. Nothing of it is read before [`RunWriter::finish`]. On a local disk one at a time for each run:
/// it holds the run's lock, for which the next one waits. In an object store, whoever finishes first has written the part.
pub struct RunWriter {
    store: Store,
    meta: RunMeta,
    part: u32,
    source: String,
    open: HashMap<Partition, OpenFile>,
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
    /// What is known at the end, if it is an import.
    end: Option<RunEnd>,
    _lock: Lock,
}

struct OpenFile {
    writer: FileWriter,
    last_row: u64,
}

impl RunWriter {
    pub(super) fn new(store: Store, meta: &RunMeta, part: u32, source: &str) -> Result<RunWriter> {
        meta.check()?;
        let lock = lock_run(&store, &meta.run)?;
        write_meta(&store, meta, part)?;
        let is_covered = is_covered(&store, &meta.run, part)?;
        if is_covered {
            read_index(&store, &meta.run)?.check_alone(&meta.run, part)?;
        }
        // In an object store other writers may be at the same part, and what is not listed may be theirs: nobody removes it.
        let has_leftovers = !store.is_remote() && mark_begun(&store, &meta.run, part)?;
        let released = released_before(&store, &meta.run, part)?;
        Ok(RunWriter {
            replaced: Part::read_version(&store, &meta.run, part)?,
            spill: Spill::new(match store.is_remote() {
                true => std::env::temp_dir(),
                false => store.url(Path::new("")),
            }),
            store,
            meta: meta.clone(),
            part,
            source: source.to_owned(),
            open: HashMap::new(),
            begun: HashMap::new(),
            rows: 0,
            files: Vec::new(),
            placing: Placing::new(released.map_or(i64::MIN, |ts| ts.0)),
            ready: Vec::new(),
            has_leftovers,
            is_covered,
            end: None,
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
        let partition = Partition::of(table, &placed.record, &self.meta);
        self.rows += 1;
        if !self.open.contains_key(&partition) {
            if self.is_to_spill(&partition)? {
                return self.spill.push(partition, placed);
            }
            self.begin_file(partition)?;
        }
        let file = self.open.get_mut(&partition).expect("begun above");
        file.last_row = self.rows;
        file.writer.push(placed, &self.meta)?;
        if self.rows.is_multiple_of(WRITER_CHECK_ROWS) {
            self.bound_memory()?;
        }
        Ok(())
    }

    /// Whether rows of a partition without an open file are held for the end: those of which some are already, those whose file was
    /// completed, and all while every open file is in use. Otherwise there is room for another file.
    fn is_to_spill(&mut self, partition: &Partition) -> Result<bool> {
        if self.spill.has(partition) || self.begun.contains_key(partition) {
            return Ok(true);
        }
        if self.open.len() < OPEN_FILES_MAX {
            return Ok(false);
        }
        let oldest = self.open.iter().min_by_key(|(_, file)| file.last_row);
        let (oldest, last_row) = oldest
            .map(|(oldest, file)| (*oldest, file.last_row))
            .expect("there are OPEN_FILES_MAX");
        if self.rows - last_row < IDLE_ROWS {
            return Ok(true);
        }
        let file = self.open.remove(&oldest).expect("just found");
        self.complete(file.writer)?;
        Ok(false)
    }

    /// Lets files write what they hold back, the largest first, until all hold less than they may.
    fn bound_memory(&mut self) -> Result<()> {
        loop {
            let sizes = self.open.values().map(|file| file.writer.memory());
            if sizes.sum::<usize>() <= WRITER_BYTES_MAX {
                return Ok(());
            }
            let largest = self
                .open
                .values_mut()
                .max_by_key(|file| file.writer.memory());
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
    /// [`CatalogError::Outrun`] if another writer has completed the part since this one began; otherwise as [`RunWriter::push`].
    pub fn finish(mut self) -> Result<Written> {
        let mut ready = std::mem::take(&mut self.ready);
        self.placing.finish(&self.meta.instruments, &mut ready);
        self.write_ready(ready)?;
        for (_, file) in std::mem::take(&mut self.open) {
            self.complete(file.writer)?;
        }
        self.write_spilled()?;
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        let part = Part {
            source: self.source,
            files: self.files,
            released: Some(Ts(self.placing.released())),
        };
        let (store, run) = (&self.store, &self.meta.run);
        let mut beside = vec![meta_path(run)];
        if let Some(end) = &self.end {
            write_end(store, run, end)?;
            beside.push(end_path(run));
        }
        // All at once and before the part is listed: the disk is waited for as rarely as can be.
        let files = part.files.iter().map(|file| &file.path);
        store.settle(files.chain(&beside).map(PathBuf::as_path))?;
        if self.is_covered {
            replace_covered(store, run, self.part, &part)?;
        } else {
            let replaced = self.replaced.as_ref().map(|(_, version)| version);
            if !part.write(store, run, self.part, replaced)? {
                return lost(store, run, self.part, &part);
            }
            if store.is_remote() && is_covered(store, run, self.part)? {
                // What was there before was compacted meanwhile, and stays.
                return lost(store, run, self.part, &part);
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
        Ok(part.written(store))
    }

    /// Writes the rows that were held, one partition after the other.
    fn write_spilled(&mut self) -> Result<()> {
        let spill = std::mem::replace(&mut self.spill, Spill::new(PathBuf::new()));
        spill.drain(&mut |partition, placed| {
            if !self.open.contains_key(&partition) {
                for (_, file) in std::mem::take(&mut self.open) {
                    self.complete(file.writer)?;
                }
                self.begin_file(partition)?;
            }
            let file = self.open.get_mut(&partition).expect("begun above");
            file.writer.push(placed, &self.meta)
        })?;
        for (_, file) in std::mem::take(&mut self.open) {
            self.complete(file.writer)?;
        }
        Ok(())
    }

    fn begin_file(&mut self, partition: Partition) -> Result<()> {
        let nth = self.begun.entry(partition).or_default();
        let mut stem = stem(&self.meta.run, self.part);
        if self.store.is_remote() {
            // Writers of the same part that write something else must not meet in one file.
            stem = format!("{stem}-{:016x}", xxh3_64(self.source.as_bytes()));
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

fn is_covered(store: &Store, run: &str, part: u32) -> Result<bool> {
    let checkpoint = read_checkpoint(store, run)?;
    Ok(checkpoint.is_some_and(|(checkpoint, _)| checkpoint.parts.contains_key(&part)))
}

/// When the last input of the parts before this one was released, as far as that is known.
fn released_before(store: &Store, run: &str, part: u32) -> Result<Option<Ts>> {
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

/// Lists a part anew that a checkpoint covers, in the next checkpoint, and removes the files that it had.
fn replace_covered(store: &Store, run: &str, number: u32, part: &Part) -> Result<()> {
    loop {
        let index = read_index(store, run)?;
        let next = index.replacing(run, number, part)?;
        if !swap_checkpoint(store, run, &index, &next)? {
            continue;
        }
        let old = index.live().filter(|live| live.parts == (number, number));
        let old: Vec<PartFile> = old.map(|live| live.file).collect();
        remove_files(store, &old, &part.files)?;
        return remove_covered(store, run, &index);
    }
}

/// What the names of a part's files begin with.
fn stem(run: &str, part: u32) -> String {
    format!("{run}-{part:08}")
}

/// Another writer has completed the part first. From the same source it wrote the same; otherwise our files are of no use.
fn lost(store: &Store, run: &str, number: u32, ours: &Part) -> Result<Written> {
    let theirs = Part::read(store, run, number)?;
    if theirs.as_ref() == Some(ours) {
        return Ok(ours.written(store));
    }
    let kept = theirs.map_or(Vec::new(), |part| part.files);
    remove_files(store, &ours.files, &kept)?;
    Err(CatalogError::Outrun {
        run: run.to_owned(),
        part: number,
    })
}

/// Removes files that are not among those that are kept.
fn remove_files(store: &Store, files: &[PartFile], kept: &[PartFile]) -> Result<()> {
    let kept: BTreeSet<&Path> = kept.iter().map(|file| file.path.as_path()).collect();
    let gone = files.iter().filter(|f| !kept.contains(f.path.as_path()));
    gone.map(|file| &file.path)
        .try_for_each(|path| store.remove(path))
}

/// Removes files of this part that are not among `files`. Looks at the whole catalog, so only done if there may be some.
fn remove_others(store: &Store, run: &str, part: u32, files: &[PartFile]) -> Result<()> {
    let prefix = stem(run, part);
    let keep: BTreeSet<&Path> = files.iter().map(|f| f.path.as_path()).collect();
    for path in parquet_files(store)? {
        let name = path.file_name().and_then(|n| n.to_str());
        // Another run's name may begin alike: the file itself says whose it is.
        let ours = name.is_some_and(|n| n.starts_with(&prefix))
            && !keep.contains(path.as_path())
            && read_meta(store, &path).is_ok_and(|meta| meta.run == run);
        if ours {
            store.remove(&path)?;
        }
    }
    Ok(())
}

/// All Parquet files of the catalog, listed in the index or not.
fn parquet_files(store: &Store) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = store
        .list(Path::new(""))?
        .into_iter()
        .map(|f| f.path)
        .collect();
    paths.retain(|path| {
        let is_parquet = path.extension().is_some_and(|e| e == "parquet");
        is_parquet && path.to_string_lossy().starts_with("kind=")
    });
    Ok(paths)
}
