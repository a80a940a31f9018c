//! Writes one part of a run: sends each record to the file of its partition, and lists the files once all are in place.

use super::Table;
use super::file::{FileMeta, FileWriter, Key, Partition, read_meta};
use super::part::{Part, PartFile, lock_run, mark_begun, unmark_begun, write_meta};
use crate::journal::sync_dir;
use crate::limits::OPEN_FILES_MAX;
use crate::{DataError, Result, RunMeta};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tickloom_types::{InstrumentId, Record, Seq};

/// What a part consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Rows by table.
    pub rows: BTreeMap<Table, u64>,
    /// The Parquet files.
    pub files: Vec<PathBuf>,
}

/// A part of a run being written. Nothing of it is read before [`RunWriter::finish`]. One at a time for each run: it holds the
/// run's lock, for which the next one waits.
pub struct RunWriter {
    root: PathBuf,
    meta: RunMeta,
    part: u32,
    source: String,
    open: HashMap<Partition, OpenFile>,
    /// Files begun of each partition.
    begun: HashMap<Partition, u32>,
    /// Rows taken, the clock by which files are closed.
    rows: u64,
    files: Vec<PartFile>,
    /// Whether an earlier writing of the part, complete or not, may have left files.
    has_leftovers: bool,
    _lock: File,
}

struct OpenFile {
    writer: FileWriter,
    last_row: u64,
}

impl RunWriter {
    pub(super) fn new(root: PathBuf, meta: &RunMeta, part: u32, source: &str) -> Result<RunWriter> {
        meta.check()?;
        let lock = lock_run(&root, &meta.run)?;
        write_meta(&root, meta, part)?;
        let has_leftovers = mark_begun(&root, &meta.run, part)?;
        Ok(RunWriter {
            root,
            meta: meta.clone(),
            part,
            source: source.to_owned(),
            open: HashMap::new(),
            begun: HashMap::new(),
            rows: 0,
            files: Vec::new(),
            has_leftovers,
            _lock: lock,
        })
    }

    /// Takes an input record; sequences go up.
    ///
    /// # Errors
    /// [`DataError::Record`] if the record is not well formed, [`DataError::Sequence`], [`DataError::Parquet`], [`DataError::Io`].
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
        let Some(table) = table else {
            return Err(DataError::Record {
                seq: key.seq,
                field: "kind",
                value: record.header.kind.to_string(),
                expected,
            });
        };
        let known = self.meta.instruments.get(record.instrument()).is_some();
        if !known && record.instrument() != InstrumentId::NONE {
            return Err(DataError::Record {
                seq: key.seq,
                field: "instrument",
                value: record.header.instrument.to_string(),
                expected: "an instrument of the run, or 4294967295 for none",
            });
        }
        let partition = Partition::of(table, record, &self.meta);
        self.rows += 1;
        if !self.open.contains_key(&partition) {
            self.begin_file(partition)?;
        }
        let file = self.open.get_mut(&partition).expect("begun above");
        file.last_row = self.rows;
        file.writer.push(key, record, &self.meta)
    }

    /// Completes all files, lists them as the part, and removes what an earlier, different writing of the part left.
    ///
    /// # Errors
    /// As [`RunWriter::push`].
    pub fn finish(mut self) -> Result<Written> {
        for (_, file) in std::mem::take(&mut self.open) {
            self.complete(file.writer)?;
        }
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        let mut dirs = BTreeSet::new();
        for file in &self.files {
            dirs.extend(file.path.ancestors().skip(1).map(|dir| self.root.join(dir)));
        }
        for dir in dirs {
            sync_dir(&dir)?;
        }
        let part = Part {
            source: self.source,
            files: self.files,
        };
        part.write(&self.root, &self.meta.run, self.part)?;
        if self.has_leftovers {
            remove_others(&self.root, &self.meta.run, self.part, &part.files)?;
        }
        unmark_begun(&self.root, &self.meta.run, self.part)?;
        Ok(part.written(&self.root))
    }

    fn begin_file(&mut self, partition: Partition) -> Result<()> {
        if self.open.len() >= OPEN_FILES_MAX {
            let oldest = self.open.iter().min_by_key(|(_, file)| file.last_row);
            let oldest = *oldest.expect("there are OPEN_FILES_MAX").0;
            let file = self.open.remove(&oldest).expect("just found");
            self.complete(file.writer)?;
        }
        let nth = self.begun.entry(partition).or_default();
        let name = partition.file_name(&self.meta.run, self.part, *nth);
        *nth += 1;
        let writer = FileWriter::create(&self.root, &partition, &self.meta, &name)?;
        let last_row = self.rows;
        self.open.insert(partition, OpenFile { writer, last_row });
        Ok(())
    }

    fn complete(&mut self, writer: FileWriter) -> Result<()> {
        let (path, meta): (PathBuf, FileMeta) = writer.finish(&self.meta)?;
        let path = path
            .strip_prefix(&self.root)
            .expect("files are made below the root")
            .to_owned();
        self.files.push(PartFile { path, meta });
        Ok(())
    }
}

/// Removes files of this part that are not among `files`. Looks at the whole catalog, so only done if there may be some.
fn remove_others(root: &Path, run: &str, part: u32, files: &[PartFile]) -> Result<()> {
    let prefix = format!("{run}-{part:08}");
    let keep: BTreeSet<PathBuf> = files.iter().map(|f| root.join(&f.path)).collect();
    for path in parquet_files(root)? {
        let name = path.file_name().and_then(|n| n.to_str());
        // Another run's name may begin alike: the file itself says whose it is.
        let ours = name.is_some_and(|n| n.starts_with(&prefix))
            && !keep.contains(&path)
            && read_meta(&path).is_ok_and(|meta| meta.run == run);
        if ours {
            fs::remove_file(&path).map_err(DataError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// All Parquet files below `root`: three levels of partitions.
fn parquet_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut dirs = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).map_err(DataError::io("list", &dir))? {
            let path = entry.map_err(DataError::io("list", &dir))?.path();
            if path.extension().is_some_and(|e| e == "parquet") {
                files.push(path);
            } else if is_partition(&path) {
                dirs.push(path);
            }
        }
    }
    Ok(files)
}

fn is_partition(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.contains('=')) && path.is_dir()
}
