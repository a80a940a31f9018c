//! One Parquet file of the catalog: its path, the metadata in it, how rows are written and read. Knows no other file.

use super::chunks::Chunks;
use super::column::{Codec, Misfit, NameOf, Scale, unused};
use super::encode::GroupWriter;
use super::file_meta::{FileMeta, META_KEY, SCHEMA_VERSION};
use super::key::Key;
use super::part::PartFile;
use super::partition::Partition;
use super::properties::properties;
use super::store::{NewFile, Store};
use super::words::word_array;
use crate::limits::{PENDING_ROWS_MAX, ROW_GROUP_ROWS};
use crate::order::Placed;
use crate::{CatalogError, Result};
use arrow_array::{ArrayRef, Int32Array, TimestampNanosecondArray, UInt8Array, UInt64Array};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaDataReader};
use parquet::file::writer::SerializedFileWriter;
use serde::Deserialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tickloom_journal::RunMeta;
use tickloom_types::{Record, SourceId, Ts};
use xxhash_rust::xxh3::Xxh3Default;

/// A file being written, which is not in its place yet.
pub(crate) struct FileWriter {
    /// Below the catalog's root.
    path: PathBuf,
    url: PathBuf,
    writer: SerializedFileWriter<Hashed>,
    groups: ArrowRowGroupWriterFactory,
    group: Option<GroupWriter>,
    meta: FileMeta,
    scale: Scale,
    unused: [u64; 5],
    keys: Vec<Key>,
    records: Vec<Record>,
    held: Vec<u64>,
    more: Vec<i32>,
}

impl FileWriter {
    /// Begins the file `name` of a partition.
    pub(crate) fn create(
        store: &Store,
        partition: &Partition,
        run: &RunMeta,
        name: &str,
    ) -> Result<FileWriter> {
        let instrument = run.instruments.get(partition.instrument);
        let path = partition.dir(instrument).join(name);
        let url = store.url(&path);
        let writer = ArrowWriter::try_new(
            Hashed::new(store.begin(&path)?),
            partition.table.stored(SCHEMA_VERSION),
            Some(properties(partition.table)),
        )
        .and_then(ArrowWriter::into_serialized_writer);
        let (writer, groups) = writer.map_err(CatalogError::parquet(&url))?;
        Ok(FileWriter {
            path,
            url,
            writer,
            groups,
            group: None,
            scale: Scale::of(instrument),
            unused: unused(partition.table.columns()),
            meta: FileMeta {
                schema: SCHEMA_VERSION,
                table: partition.table,
                run: run.run.clone(),
                instrument: instrument.cloned(),
                bar: partition.bar,
                rows: 0,
                first: Key::default(),
                last: Key::default(),
                ts_min: Ts(i64::MAX),
                ts_max: Ts(i64::MIN),
                released: None,
            },
            keys: Vec::new(),
            records: Vec::new(),
            held: Vec::new(),
            more: Vec::new(),
        })
    }

    /// Takes a row; keys go up.
    pub(crate) fn push(&mut self, placed: &Placed, run: &RunMeta) -> Result<()> {
        let Placed { key, record, .. } = placed;
        let key = *key;
        if record.body.iter().zip(self.unused).any(|(b, u)| b & u != 0) {
            return Err(CatalogError::Record {
                seq: key.seq,
                field: "body",
                value: "not zero where it is reserved".to_owned(),
                expected: "zeros",
            });
        }
        if self.meta.rows > 0 && key <= self.meta.last {
            return Err(CatalogError::Sequence {
                what: "row",
                found: key.seq,
                expected: format!("above {}", self.meta.last.seq),
            });
        }
        if self.meta.rows == 0 {
            self.meta.first = key;
        }
        self.meta.last = key;
        self.meta.rows += 1;
        self.meta.ts_min = self.meta.ts_min.min(record.ts_event());
        self.meta.ts_max = self.meta.ts_max.max(record.ts_event());
        let release = Ts(placed.release(run.instruments.release(record).0));
        let (from, to) = self.meta.released.unwrap_or((release, release));
        self.meta.released = Some((from.min(release), to.max(release)));
        self.keys.push(key);
        self.records.push(*record);
        self.held.push(placed.held);
        self.more.push(placed.more);
        if self.records.len() >= PENDING_ROWS_MAX {
            self.write_pending(run)?;
        }
        Ok(())
    }

    /// Where it is to be, below the catalog's root.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that it holds back, about.
    pub(crate) fn memory(&self) -> usize {
        let row = size_of::<Record>() + size_of::<Key>() + size_of::<u64>() + size_of::<i32>();
        self.records.capacity() * row + self.group.as_ref().map_or(0, GroupWriter::memory)
    }

    /// Writes what it holds back, and lets go of the memory for it; whether it had any.
    pub(crate) fn flush(&mut self, run: &RunMeta) -> Result<bool> {
        let held = self.memory();
        self.write_pending(run)?;
        self.close_group()
            .map_err(CatalogError::parquet(&self.url))?;
        self.keys = Vec::new();
        self.records = Vec::new();
        self.held = Vec::new();
        self.more = Vec::new();
        Ok(held > 0)
    }

    /// Completes the file and puts it into its place.
    pub(crate) fn finish(mut self, store: &Store, run: &RunMeta) -> Result<PartFile> {
        self.write_pending(run)?;
        self.close_group()
            .map_err(CatalogError::parquet(&self.url))?;
        let text = serde_json::to_string(&self.meta).expect("plain fields are JSON");
        self.writer
            .append_key_value_metadata(KeyValue::new(META_KEY.to_owned(), text));
        let file = self
            .writer
            .into_inner()
            .map_err(CatalogError::parquet(&self.url))?;
        store.complete(file.new)?;
        Ok(PartFile {
            path: self.path,
            meta: self.meta,
            bytes: Some(file.bytes),
            hash: Some(format!("{:032x}", file.hash.digest128())),
        })
    }

    fn write_pending(&mut self, run: &RunMeta) -> Result<()> {
        if self.records.is_empty() {
            return Ok(());
        }
        let columns = self.encode(run)?;
        self.write_columns(&columns)
            .map_err(CatalogError::parquet(&self.url))?;
        self.keys.clear();
        self.records.clear();
        self.held.clear();
        self.more.clear();
        Ok(())
    }

    /// Writes rows into row groups that are as large as may be.
    fn write_columns(&mut self, columns: &[ArrayRef]) -> Result<(), ParquetError> {
        let schema = self.meta.table.stored(SCHEMA_VERSION);
        let rows = self.records.len();
        let mut from = 0;
        while from < rows {
            let group = match &mut self.group {
                Some(group) => group,
                None => {
                    let stored = (self.writer.schema_descr(), &**self.writer.properties());
                    let number = self.writer.flushed_row_groups().len();
                    let group = GroupWriter::new(&self.groups, number, &schema, stored)?;
                    self.group.insert(group)
                }
            };
            let some = (rows - from).min(ROW_GROUP_ROWS - group.rows());
            let slices: Vec<ArrayRef> = columns.iter().map(|all| all.slice(from, some)).collect();
            group.write(&schema, &slices)?;
            from += some;
            if group.rows() >= ROW_GROUP_ROWS {
                self.close_group()?;
            }
        }
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), ParquetError> {
        match self.group.take() {
            Some(group) => group.close(&mut self.writer),
            None => Ok(()),
        }
    }

    fn encode(&self, run: &RunMeta) -> Result<Vec<ArrayRef>> {
        let times = |get: fn(&Record) -> i64| -> ArrayRef {
            let values = self.records.iter().map(get);
            Arc::new(TimestampNanosecondArray::from_iter_values(values).with_timezone("UTC"))
        };
        let constant = |word: Option<&str>| {
            let key = word.map(|_| 0);
            word_array(std::iter::repeat_n(key, self.records.len()), word)
        };
        let instrument = self.meta.instrument.as_ref();
        let mut columns = vec![
            times(|r| r.header.ts_event),
            times(|r| r.header.ts_recv),
            Arc::new(UInt64Array::from_iter_values(
                self.keys.iter().map(|k| k.seq),
            )),
            constant(Some(&run.run)),
            constant(instrument.map(|def| def.name.as_str())),
            self.encode_sources(run)?,
            Arc::new(UInt8Array::from_iter_values(
                self.records.iter().map(|r| r.header.flags),
            )),
        ];
        if self.meta.table.is_output() {
            let numbers = self.keys.iter().map(|k| k.output - 1);
            columns.push(Arc::new(UInt64Array::from_iter_values(numbers)));
        }
        if self.meta.table.is_bars() {
            let spec = self.meta.bar.map(|spec| spec.to_string());
            columns.push(constant(spec.as_deref()));
        }
        for column in self.meta.table.columns() {
            let names = match column.codec {
                Codec::Name(NameOf::Signal) => &run.signals,
                _ => &run.strategies,
            };
            let array = column
                .encode(&self.records, self.scale, names)
                .map_err(|misfit| self.refuse(column.name, misfit))?;
            columns.push(array);
        }
        let held = self.held.iter().copied();
        columns.push(Arc::new(UInt64Array::from_iter_values(held)));
        let more = self.more.iter().copied();
        columns.push(Arc::new(Int32Array::from_iter_values(more)));
        Ok(columns)
    }

    fn encode_sources(&self, run: &RunMeta) -> Result<ArrayRef> {
        let mut ids: Vec<u16> = Vec::new();
        let mut keys = Vec::with_capacity(self.records.len());
        for record in &self.records {
            let id = record.header.source;
            let at = ids
                .iter()
                .position(|known| *known == id)
                .unwrap_or_else(|| {
                    ids.push(id);
                    ids.len() - 1
                });
            keys.push(i32::try_from(at).ok());
        }
        let mut names = Vec::new();
        for id in ids {
            let source = run.instruments.source(SourceId(id));
            names.push(
                source
                    .map(|s| s.name.as_str())
                    .ok_or_else(|| CatalogError::Record {
                        seq: self.keys[0].seq,
                        field: "source",
                        value: id.to_string(),
                        expected: "a source of the run",
                    })?,
            );
        }
        Ok(word_array(keys, names))
    }

    fn refuse(&self, field: &'static str, misfit: Misfit) -> CatalogError {
        CatalogError::Record {
            seq: self.keys[misfit.row].seq,
            field,
            value: misfit.value,
            expected: misfit.expected,
        }
    }
}

/// A new file whose bytes are counted and hashed on their way.
struct Hashed {
    new: NewFile,
    bytes: u64,
    hash: Box<Xxh3Default>,
}

impl Hashed {
    fn new(new: NewFile) -> Hashed {
        Hashed {
            new,
            bytes: 0,
            hash: Box::new(Xxh3Default::new()),
        }
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.new.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.new.flush()
    }
}

/// Reads what a file says of itself.
pub(crate) fn read_meta(store: &Store, path: &Path) -> Result<FileMeta> {
    let file = Chunks::open_once(store, path)?;
    let path = store.url(path);
    let footer = ParquetMetaDataReader::new()
        .parse_and_finish(&file)
        .map_err(CatalogError::parquet(&path))?;
    let value = footer
        .file_metadata()
        .key_value_metadata()
        .and_then(|list| list.iter().find(|kv| kv.key == META_KEY))
        .and_then(|kv| kv.value.as_deref());
    let schema = |found: String| CatalogError::Schema {
        file: path.clone(),
        field: format!("metadata {META_KEY:?}"),
        found,
        expected: format!("JSON of schema version 1 to {SCHEMA_VERSION}"),
    };
    let text = value.ok_or_else(|| schema("missing".to_owned()))?;
    let Version { schema: version } =
        serde_json::from_str(text).map_err(|error| schema(error.to_string()))?;
    if !(1..=SCHEMA_VERSION).contains(&version) {
        return Err(schema(format!("version {version}")));
    }
    serde_json::from_str(text).map_err(|error| schema(error.to_string()))
}

/// What every version of the metadata begins with.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}
