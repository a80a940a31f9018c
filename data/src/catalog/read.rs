//! Reads one Parquet file back into records, a batch of columns at a time, only the row groups and rows of the wanted time.

use super::Table;
use super::chunks::Chunks;
use super::column::{Misfit, Scale};
use super::file::Key;
use super::part::PartFile;
use super::store::Store;
use crate::limits::BATCH_ROWS;
use crate::{DataError, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampNanosecondType, UInt8Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tickloom_types::{Header, InstrumentDef, InstrumentId, Record};

/// How records of a run are named in the scan that reads them.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    /// Source identifiers by name.
    pub(crate) sources: HashMap<String, u16>,
}

/// What is read from one file.
pub(crate) struct FileScan {
    pub(crate) store: Store,
    pub(crate) file: PartFile,
    pub(crate) naming: Arc<Naming>,
    /// Identifier and definition that its records get.
    pub(crate) instrument: Option<(InstrumentId, InstrumentDef)>,
    /// Times of the records that are wanted.
    pub(crate) times: RangeInclusive<i64>,
}

/// An open file: an iterator over its rows, batch by batch.
pub(crate) struct FileReader {
    path: PathBuf,
    table: Table,
    header: Header,
    scale: Scale,
    naming: Arc<Naming>,
    times: RangeInclusive<i64>,
    batches: ParquetRecordBatchReader,
    keys: Vec<Key>,
    records: Vec<Record>,
    at: usize,
}

impl FileScan {
    pub(crate) fn open(&self) -> Result<FileReader> {
        let path = self.store.url(&self.file.path);
        let table = self.file.meta.table;
        let file = Chunks::open(&self.store, &self.file.path)?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(DataError::parquet(&path))?;
        check_schema(&path, table, builder.schema())?;
        let groups = wanted_groups(builder.metadata().row_groups(), &self.times);
        let mask = ProjectionMask::leaves(builder.parquet_schema(), wanted_columns(table));
        let batches = builder
            .with_projection(mask)
            .with_row_groups(groups)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(DataError::parquet(&path))?;
        let id = self
            .instrument
            .as_ref()
            .map_or(InstrumentId::NONE, |(id, _)| *id);
        Ok(FileReader {
            path,
            table,
            header: Header {
                instrument: id.0,
                kind: table.kind() as u8,
                ..Header::default()
            },
            scale: Scale::of(self.instrument.as_ref().map(|(_, def)| def)),
            naming: Arc::clone(&self.naming),
            times: self.times.clone(),
            batches,
            keys: Vec::new(),
            records: Vec::new(),
            at: 0,
        })
    }
}

impl FileReader {
    /// The key of the next row, if there is one in hand.
    pub(crate) fn key(&self) -> Option<Key> {
        self.keys.get(self.at).copied()
    }

    /// The next row, which [`FileReader::key`] has named.
    pub(crate) fn take(&mut self) -> Record {
        self.at += 1;
        self.records[self.at - 1]
    }

    /// Decodes batches until a wanted row is in hand; false at the end of the file.
    pub(crate) fn fill(&mut self) -> Result<bool> {
        while self.at >= self.keys.len() {
            match self.batches.next() {
                None => return Ok(false),
                Some(batch) => {
                    let batch = batch.map_err(DataError::parquet(&self.path))?;
                    self.decode(&batch)?;
                }
            }
        }
        Ok(true)
    }

    fn decode(&mut self, batch: &RecordBatch) -> Result<()> {
        self.at = 0;
        self.records.clear();
        let record = Record {
            header: self.header,
            ..Record::default()
        };
        self.records.resize(batch.num_rows(), record);
        let column = |name: &str| batch.column_by_name(name).expect("check_schema() saw it");
        let times = |name| {
            column(name)
                .as_primitive::<TimestampNanosecondType>()
                .values()
        };
        let rows = self.records.iter_mut();
        let (ts_event, ts_recv) = (times("ts_event"), times("ts_recv"));
        let flags = column("flags").as_primitive::<UInt8Type>().values();
        for (row, record) in rows.enumerate() {
            record.header.ts_event = ts_event[row];
            record.header.ts_recv = ts_recv[row];
            record.header.flags = flags[row];
        }
        self.decode_sources(column("source"))?;
        for spec in self.table.columns().iter().filter(|c| c.is_read()) {
            spec.decode(column(spec.name), self.scale, &mut self.records)
                .map_err(|misfit| self.misfit(spec.name, misfit))?;
        }
        let seqs = column("seq").as_primitive::<UInt64Type>().values();
        self.keys.clear();
        if self.table.is_output() {
            let outputs = column("output_seq").as_primitive::<UInt64Type>().values();
            let keys = seqs.iter().zip(outputs).map(|(seq, output)| Key {
                seq: *seq,
                output: output.saturating_add(1),
            });
            self.keys.extend(keys);
        } else {
            self.keys.extend(seqs.iter().map(|seq| Key {
                seq: *seq,
                output: 0,
            }));
        }
        self.keep_wanted(ts_event);
        Ok(())
    }

    /// Drops rows of other times, which is only looked into if there are any.
    fn keep_wanted(&mut self, ts_event: &[i64]) {
        if ts_event.iter().all(|ts| self.times.contains(ts)) {
            return;
        }
        let times = &self.times;
        let mut wanted = ts_event.iter().map(|ts| times.contains(ts));
        self.keys.retain(|_| wanted.next().unwrap_or(false));
        self.records
            .retain(|record| times.contains(&record.header.ts_event));
    }

    fn decode_sources(&mut self, array: &dyn Array) -> Result<()> {
        let dictionary = array.as_dictionary::<Int32Type>();
        let names = dictionary.values().as_string::<i32>();
        let ids: Vec<Option<u16>> = names
            .iter()
            .map(|name| self.naming.sources.get(name?).copied())
            .collect();
        for (row, record) in self.records.iter_mut().enumerate() {
            let id = dictionary.key(row).and_then(|key| ids[key]);
            record.header.source = id.ok_or_else(|| DataError::Schema {
                file: self.path.clone(),
                field: format!("source of row {row}"),
                found: "unknown".to_owned(),
                expected: "a source of the run".to_owned(),
            })?;
        }
        Ok(())
    }

    fn misfit(&self, column: &str, misfit: Misfit) -> DataError {
        DataError::Schema {
            file: self.path.clone(),
            field: format!("{column} of row {} in its batch", misfit.row),
            found: misfit.value,
            expected: misfit.expected.to_owned(),
        }
    }
}

/// Positions of the columns that are read: all but those that are the same in a whole file, and names.
fn wanted_columns(table: Table) -> Vec<usize> {
    let names: Vec<_> = table.columns().iter().filter(|c| !c.is_read()).collect();
    let schema = table.schema();
    let wanted = schema.fields().iter().enumerate().filter(|(_, field)| {
        !matches!(field.name().as_str(), "run" | "instrument" | "bar_spec")
            && names.iter().all(|c| c.name != field.name())
    });
    wanted.map(|(at, _)| at).collect()
}

/// Row groups that may hold rows of these times; `ts_event` is the first column.
fn wanted_groups(groups: &[RowGroupMetaData], times: &RangeInclusive<i64>) -> Vec<usize> {
    let may_hold = |group: &RowGroupMetaData| match group.column(0).statistics() {
        Some(Statistics::Int64(range)) => match (range.min_opt(), range.max_opt()) {
            (Some(min), Some(max)) => min <= times.end() && max >= times.start(),
            _ => true,
        },
        _ => true,
    };
    (0..groups.len())
        .filter(|at| may_hold(&groups[*at]))
        .collect()
}

/// Names and types must be those of this version.
fn check_schema(path: &Path, table: Table, found: &arrow_schema::Schema) -> Result<()> {
    let expected = table.schema();
    for (at, field) in expected.fields().iter().enumerate() {
        let there = found.fields().get(at);
        let same =
            there.is_some_and(|f| f.name() == field.name() && f.data_type() == field.data_type());
        if !same {
            return Err(DataError::Schema {
                file: path.to_owned(),
                field: format!("column {at}"),
                found: there.map_or("missing".to_owned(), ToString::to_string),
                expected: field.to_string(),
            });
        }
    }
    Ok(())
}
