//! Reads one Parquet file back into records, a batch of columns at a time, only the rows of the wanted time and keys.

use super::Table;
use super::batches::Batches;
use super::column::{Misfit, Scale};
use super::files::{FileScan, Naming};
use super::key::Key;
use super::stored::{HELD, MORE, PLACED_VERSION, number_column};
use crate::order::{Placed, Row, joins};
use crate::{CatalogError, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampNanosecondType, UInt8Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tickloom_types::{Header, InstrumentId, Record};

/// An open file: an iterator over its rows, batch by batch.
pub(crate) struct FileReader {
    batches: Batches,
    table: Table,
    header: Header,
    scale: Scale,
    naming: Arc<Naming>,
    times: RangeInclusive<i64>,
    wanted_keys: RangeInclusive<Key>,
    /// What is read, to be read elsewhere from some row on.
    scan: FileScan,
    /// Key of the last row that was decoded.
    last: Option<Key>,
    keys: Vec<Key>,
    records: Vec<Record>,
    /// The place of each, if the file says it.
    held: Vec<u64>,
    more: Vec<i32>,
    at: usize,
}

impl FileScan {
    pub(crate) fn open(&self) -> Result<FileReader> {
        let table = self.file.meta.table;
        let id = self
            .instrument
            .as_ref()
            .map_or(InstrumentId::NONE, |(id, _)| *id);
        Ok(FileReader {
            batches: Batches::open(self)?,
            table,
            header: Header {
                instrument: id.0,
                kind: table.kind() as u8,
                ..Header::default()
            },
            scale: Scale::of(self.instrument.as_ref().map(|(_, def)| def)),
            naming: Arc::clone(&self.naming),
            times: self.times.clone(),
            wanted_keys: self.keys.clone(),
            scan: self.clone(),
            last: None,
            keys: Vec::new(),
            records: Vec::new(),
            held: Vec::new(),
            more: Vec::new(),
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
    pub(crate) fn take(&mut self) -> Row {
        let at = self.at;
        self.at += 1;
        let (key, record) = (self.keys[at], self.records[at]);
        let placed = match (self.held.get(at), self.more.get(at)) {
            (Some(held), Some(more)) => Placed {
                key,
                record,
                held: *held,
                more: *more,
            },
            _ => Placed::unplaced(key, record),
        };
        let source = self.naming.defs.get(usize::from(record.header.source));
        let own = source.map_or(record.header.ts_recv, |source| source.release(&record).0);
        Row {
            release: placed.release(own),
            joins: source.is_some_and(|source| joins(&record, source)),
            placed,
        }
    }

    /// What is left to read, after an error.
    pub(crate) fn into_rest(self) -> FileScan {
        let mut rest = self.scan;
        if let Some(last) = self.last {
            rest.keys = last.next()..=*rest.keys.end();
        }
        rest
    }

    /// Decodes batches until a wanted row is in hand; false at the end of the file.
    pub(crate) fn fill(&mut self) -> Result<bool> {
        while self.at >= self.keys.len() {
            match self.batches.next()? {
                None => return Ok(false),
                Some(batch) => self.decode(&batch)?,
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
            let outputs = column(number_column(self.batches.version))
                .as_primitive::<UInt64Type>()
                .values();
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
        self.last = self.keys.last().copied();
        self.held.clear();
        self.more.clear();
        if self.batches.version >= PLACED_VERSION {
            let held = column(HELD).as_primitive::<UInt64Type>().values();
            self.held.extend_from_slice(held);
            let more = column(MORE).as_primitive::<Int32Type>().values();
            self.more.extend_from_slice(more);
        }
        self.keep_wanted(ts_event);
        Ok(())
    }

    /// Drops rows of other times and keys, which is only looked into if there are any. Keys go up.
    fn keep_wanted(&mut self, ts_event: &[i64]) {
        let (times, keys) = (&self.times, &self.wanted_keys);
        let ends = self.keys.first().zip(self.keys.last());
        let are_wanted = ends.is_none_or(|(a, b)| keys.contains(a) && keys.contains(b));
        if are_wanted && ts_event.iter().all(|ts| times.contains(ts)) {
            return;
        }
        let rows = self.keys.iter().zip(ts_event);
        let wanted: Vec<bool> = rows
            .map(|(key, ts)| keys.contains(key) && times.contains(ts))
            .collect();
        keep(&mut self.keys, &wanted);
        keep(&mut self.records, &wanted);
        keep(&mut self.held, &wanted);
        keep(&mut self.more, &wanted);
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
            record.header.source = id.ok_or_else(|| CatalogError::Schema {
                file: self.batches.url.clone(),
                field: format!("source of row {row}"),
                found: "unknown".to_owned(),
                expected: "a source of the run".to_owned(),
            })?;
        }
        Ok(())
    }

    fn misfit(&self, column: &str, misfit: Misfit) -> CatalogError {
        CatalogError::Schema {
            file: self.batches.url.clone(),
            field: format!("{column} of row {} in its batch", misfit.row),
            found: misfit.value,
            expected: misfit.expected.to_owned(),
        }
    }
}

/// Keeps those that are wanted, by their place.
fn keep<T>(list: &mut Vec<T>, wanted: &[bool]) {
    let mut wanted = wanted.iter();
    list.retain(|_| wanted.next().is_some_and(|wanted| *wanted));
}
