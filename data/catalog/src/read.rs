//! Reads one Parquet file back into records, a batch of columns at a time, only the rows of the wanted time and keys.

use super::Table;
use super::batches::{Batches, Decoded};
use super::column::{Codec, Column, Misfit, Scale};
use super::direct::{Given, Reads};
use super::files::{FileScan, Naming};
use super::given::GivenRows;
use super::key::Key;
use super::rows::Rows;
use super::stored::{HELD, MORE, PLACED_VERSION, number_column};
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
    /// What is decoded and was not taken.
    pub(crate) rows: Rows,
    /// How many rows of the last block are in that, or were.
    taken: usize,
}

impl FileScan {
    pub(crate) fn open(&self) -> Result<FileReader> {
        let table = self.file.meta.table;
        let id = self
            .instrument
            .as_ref()
            .map_or(InstrumentId::NONE, |(id, _)| *id);
        let scale = Scale::of(self.instrument.as_ref().map(|(_, def)| def));
        Ok(FileReader {
            batches: Batches::open(self, self.reads(scale))?,
            table,
            header: Header {
                instrument: id.0,
                kind: table.kind() as u8,
                ..Header::default()
            },
            scale,
            naming: Arc::clone(&self.naming),
            times: self.times.clone(),
            wanted_keys: self.keys.clone(),
            scan: self.clone(),
            last: None,
            rows: Rows::new(&self.naming),
            taken: 0,
        })
    }
}

impl FileScan {
    /// What the columns that are read become, in their order, up to the own ones of the table and after them; `None` if one becomes more
    /// than a number.
    fn reads(&self, scale: Scale) -> Option<Vec<Reads>> {
        let table = self.file.meta.table;
        let sources = Reads::Words(Arc::clone(&self.naming.words));
        // Both times, sequence, source, flags.
        let mut reads = vec![Reads::Long, Reads::Long, Reads::Long, sources, Reads::Int];
        if table.is_output() {
            reads.push(Reads::Long);
        }
        for column in table.columns().iter().filter(|column| column.is_read()) {
            reads.push(match column.codec {
                Codec::Price | Codec::Qty | Codec::Money9 => {
                    Reads::Decimal(scale.factor(column.codec))
                }
                Codec::U64 | Codec::I64 | Codec::F64 => Reads::Long,
                Codec::U32 | Codec::U8 => Reads::Int,
                Codec::Bool => Reads::Bool,
                Codec::Word(words) => {
                    let list = words.list().into_iter();
                    let list = list.map(|(number, word)| (word.to_owned(), number.cast_signed()));
                    Reads::Words(Arc::new(list.collect()))
                }
                Codec::Money18 => return None,
                Codec::Name(_) => continue,
            });
        }
        if self.file.meta.schema >= PLACED_VERSION {
            reads.extend([Reads::Long, Reads::Int]);
        }
        Some(reads)
    }
}

impl FileReader {
    /// What its sources are called.
    pub(crate) fn naming(&self) -> &Arc<Naming> {
        &self.naming
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
        while self.rows.is_empty() {
            if self.taken < self.batches.block.rows {
                self.take_some();
                continue;
            }
            match self.batches.next()? {
                None => return Ok(false),
                Some(Decoded::Batch(batch)) => self.decode(&batch)?,
                Some(Decoded::Block) => self.taken = 0,
            }
        }
        Ok(true)
    }

    fn decode(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = &mut self.rows;
        rows.clear();
        let record = Record {
            header: self.header,
            ..Record::default()
        };
        rows.records.resize(batch.num_rows(), record);
        let column = |name: &str| batch.column_by_name(name).expect("check_schema() saw it");
        let times = |name| {
            column(name)
                .as_primitive::<TimestampNanosecondType>()
                .values()
        };
        let records = rows.records.iter_mut();
        let (ts_event, ts_recv) = (times("ts_event"), times("ts_recv"));
        let flags = column("flags").as_primitive::<UInt8Type>().values();
        for (row, record) in records.enumerate() {
            record.header.ts_event = ts_event[row];
            record.header.ts_recv = ts_recv[row];
            record.header.flags = flags[row];
        }
        self.decode_sources(column("source"))?;
        for spec in self.table.columns().iter().filter(|c| c.is_read()) {
            spec.decode(column(spec.name), self.scale, &mut self.rows.records)
                .map_err(|misfit| self.misfit(spec.name, misfit))?;
        }
        let seqs = column("seq").as_primitive::<UInt64Type>().values();
        self.rows.seqs.extend_from_slice(seqs);
        if self.table.is_output() {
            let outputs = column(number_column(self.batches.version))
                .as_primitive::<UInt64Type>()
                .values();
            let outputs = outputs.iter().map(|output| output.saturating_add(1));
            self.rows.outputs.extend(outputs);
        }
        self.last = self.rows.last_key();
        if self.batches.version >= PLACED_VERSION {
            let held = column(HELD).as_primitive::<UInt64Type>().values();
            self.rows.held.extend_from_slice(held);
            let more = column(MORE).as_primitive::<Int32Type>().values();
            self.rows.more.extend_from_slice(more);
        }
        self.keep_wanted(ts_event);
        Ok(())
    }

    /// As [`FileReader::decode`] for the next ones of the rows that were decoded without the library.
    fn take_some(&mut self) {
        let block = &mut self.batches.block;
        let some = self.taken..block.rows.min(self.taken + ROWS_AT_ONCE);
        let (count, to) = (some.len(), &mut self.rows);
        to.clear();
        let mut columns = block.columns.iter();
        let mut next = || columns.next().map_or(Given::Same(0), |all| all.of(&some));
        let times = [next(), next()];
        next().append(count, &mut to.seqs, i64::cast_unsigned);
        let origin = [next(), next()];
        if self.table.is_output() {
            next().append(count, &mut to.outputs, |output| {
                output.cast_unsigned().saturating_add(1)
            });
        }
        let own = self.table.columns().iter();
        let own = own.filter(|column| column.is_read());
        let own: Vec<(&Column, Given<'_>)> = own.map(|column| (column, next())).collect();
        let given = GivenRows { times, origin, own };
        given.append(self.header, count, &mut to.records);
        if self.batches.version >= PLACED_VERSION {
            next().append(count, &mut to.held, i64::cast_unsigned);
            next().append(count, &mut to.more, low32);
        }
        self.last = to.last_key();
        self.taken = some.end;
        let mut times = std::mem::take(&mut self.batches.block.columns[0]);
        self.keep_wanted(times.each(&some, self.batches.block.rows));
        self.batches.block.columns[0] = times;
        if self.taken == self.batches.block.rows {
            self.taken = 0;
            self.batches.block.rows = 0;
            self.batches.release();
        }
    }

    /// Drops rows of other times and keys, which is only looked into if there are any. Keys go up.
    fn keep_wanted(&mut self, ts_event: &[i64]) {
        let (times, keys) = (&self.times, &self.wanted_keys);
        let ends = self.rows.key_at(0).zip(self.last);
        let are_wanted = ends.is_none_or(|(a, b)| keys.contains(&a) && keys.contains(&b));
        let is_wanted = |ts: &i64| times.contains(ts);
        // Without a branch for each.
        if are_wanted && ts_event.iter().fold(true, |all, ts| all & is_wanted(ts)) {
            return;
        }
        let is_key_wanted = |at| self.rows.key_at(at).is_some_and(|key| keys.contains(&key));
        let rows = ts_event.iter().enumerate();
        let wanted: Vec<bool> = rows
            .map(|(at, ts)| is_key_wanted(at) && times.contains(ts))
            .collect();
        self.rows.keep(&wanted);
    }

    fn decode_sources(&mut self, array: &dyn Array) -> Result<()> {
        let dictionary = array.as_dictionary::<Int32Type>();
        let names = dictionary.values().as_string::<i32>();
        let ids: Vec<Option<u16>> = names
            .iter()
            .map(|name| self.naming.sources.get(name?).copied())
            .collect();
        for (row, record) in self.rows.records.iter_mut().enumerate() {
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

/// Rows that are made records at once: all that looks at them finds them in a near cache.
const ROWS_AT_ONCE: usize = 2_048;

/// The low bits of a number that has no others.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the column has no more bits"
)]
fn low32(value: i64) -> i32 {
    value as i32
}
