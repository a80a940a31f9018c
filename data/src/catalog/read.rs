//! Reads one Parquet file back into records, a batch of columns at a time, only the rows of the wanted time and keys.

use super::Table;
use super::batches::{Batches, Decoded};
use super::budget::ReadPlan;
use super::cache::Cache;
use super::column::{Codec, Column, Misfit, Scale};
use super::direct::Reads;
use super::file::Key;
use super::part::PartFile;
use super::store::Store;
use super::stored::{HELD, MORE, PLACED_VERSION, number_column};
use crate::order::{Placed, Row, joins};
use crate::{DataError, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampNanosecondType, UInt8Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use tickloom_types::{Flags, Header, InstrumentDef, InstrumentId, Record, Seq, SourceDef};

/// How records of a run are named in the scan that reads them.
#[derive(Clone, Debug)]
pub(crate) struct Naming {
    /// Source identifiers by name.
    pub(crate) sources: HashMap<String, u16>,
    /// The sources by identifier, as they are in the run: they say when its records were available.
    pub(crate) defs: Vec<SourceDef>,
}

/// Where the files of a scan are, and how they are read.
pub(crate) struct Files {
    pub(crate) store: Store,
    pub(crate) cache: Arc<Cache>,
    pub(crate) plan: ReadPlan,
}

/// What is read from one file.
#[derive(Clone)]
pub(crate) struct FileScan {
    pub(crate) files: Arc<Files>,
    pub(crate) file: PartFile,
    /// Names this writing of the file in the cache.
    pub(crate) cache_id: u64,
    pub(crate) naming: Arc<Naming>,
    /// Identifier and definition that its records get.
    pub(crate) instrument: Option<(InstrumentId, InstrumentDef)>,
    /// Times of the records that are wanted.
    pub(crate) times: RangeInclusive<i64>,
    /// Keys of the rows that are wanted.
    pub(crate) keys: RangeInclusive<Key>,
}

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
    seqs: Vec<Seq>,
    /// The number of each output plus one; none for inputs.
    outputs: Vec<u64>,
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
            seqs: Vec::new(),
            outputs: Vec::new(),
            records: Vec::new(),
            held: Vec::new(),
            more: Vec::new(),
            at: 0,
        })
    }
}

impl FileScan {
    /// What the columns that are read become, in their order, up to the own ones of the table and after them; `None` if one becomes more
    /// than a number.
    fn reads(&self, scale: Scale) -> Option<Vec<Reads>> {
        let table = self.file.meta.table;
        let sources = self.naming.sources.iter();
        let sources = sources.map(|(name, id)| (name.clone(), i64::from(*id)));
        let sources = Reads::Words(Arc::new(sources.collect()));
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
    /// The key of the next row, if there is one in hand.
    pub(crate) fn key(&self) -> Option<Key> {
        self.key_at(self.at)
    }

    fn key_at(&self, at: usize) -> Option<Key> {
        let seq = *self.seqs.get(at)?;
        let output = self.outputs.get(at).copied().unwrap_or(0);
        Some(Key { seq, output })
    }

    /// The rows in hand whose keys are below this one.
    pub(crate) fn below(&self, limit: Option<Key>) -> Range<usize> {
        let is_below = |at: usize| limit.is_none_or(|limit| self.key_at(at) < Some(limit));
        let (mut from, mut to) = (self.at, self.seqs.len());
        if to > from && is_below(to - 1) {
            return from..to;
        }
        while from < to {
            let middle = from + (to - from) / 2;
            match is_below(middle) {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        self.at..from
    }

    /// Whether at least so many rows in hand have keys below this one.
    pub(crate) fn has_below(&self, limit: Option<Key>, count: usize) -> bool {
        let last = self.key_at(self.at + count.saturating_sub(1));
        last.is_some_and(|last| limit.is_none_or(|limit| last < limit))
    }

    /// Of some rows in hand those up to the first that may be within a moment whose end has to be looked for.
    pub(crate) fn without_moments(&self, rows: Range<usize>) -> Range<usize> {
        let is_plain = |at: &usize| {
            let more = self.more.get(*at).is_some_and(|more| *more != 0);
            !more && self.records[*at].header.flags & Flags::MORE == 0
        };
        let end = rows.clone().find(|at| !is_plain(at));
        rows.start..end.unwrap_or(rows.end)
    }

    /// Some rows in hand, to be marked.
    pub(crate) fn rows(&mut self, rows: Range<usize>) -> (&[Seq], &mut [Record]) {
        (&self.seqs[rows.clone()], &mut self.records[rows])
    }

    /// Counts rows in hand as taken, up to this one.
    pub(crate) fn take_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Takes a row back, if it is the one that was taken last.
    pub(crate) fn give_back(&mut self, key: Key) -> bool {
        let before = self.at.checked_sub(1);
        let is_last = before.is_some_and(|at| self.key_at(at) == Some(key));
        if is_last {
            self.at -= 1;
        }
        is_last
    }

    /// When a row in hand is released by itself and by what held it back, and whether it is one moment with others of equal release.
    #[inline]
    pub(crate) fn release(&self, at: usize) -> (i64, bool) {
        let record = &self.records[at];
        let held = self.held.get(at).map_or(0, |held| held.cast_signed());
        match self.naming.defs.get(usize::from(record.header.source)) {
            Some(source) => {
                let own = source.release(record).0;
                (own.wrapping_add(held), joins(record, source))
            }
            None => (record.header.ts_recv.wrapping_add(held), false),
        }
    }

    /// The next row, which [`FileReader::key`] has named.
    pub(crate) fn take(&mut self) -> Row {
        let at = self.at;
        self.at += 1;
        let key = self.key_at(at).expect("the caller has seen it");
        let record = self.records[at];
        let placed = match (self.held.get(at), self.more.get(at)) {
            (Some(held), Some(more)) => Placed {
                key,
                record,
                held: *held,
                more: *more,
            },
            _ => Placed::unplaced(key, record),
        };
        let (release, joins) = self.release(at);
        Row {
            release,
            joins,
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
        while self.at >= self.seqs.len() {
            match self.batches.next()? {
                None => return Ok(false),
                Some(Decoded::Batch(batch)) => self.decode(&batch)?,
                Some(Decoded::Block) => self.decode_block(),
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
        self.seqs.clear();
        self.seqs.extend_from_slice(seqs);
        self.outputs.clear();
        if self.table.is_output() {
            let outputs = column(number_column(self.batches.version))
                .as_primitive::<UInt64Type>()
                .values();
            let outputs = outputs.iter().map(|output| output.saturating_add(1));
            self.outputs.extend(outputs);
        }
        self.last = self.key_at(self.seqs.len().wrapping_sub(1));
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

    /// As [`FileReader::decode`] for rows that were decoded without the library.
    fn decode_block(&mut self) {
        self.at = 0;
        let block = &self.batches.block;
        let record = Record {
            header: self.header,
            ..Record::default()
        };
        self.records.clear();
        self.records.resize(block.rows, record);
        let mut columns = block.columns.iter().map(Vec::as_slice);
        let mut next = || columns.next().unwrap_or_default();
        let [ts_event, ts_recv, seqs, sources, flags] = [(); 5].map(|()| next());
        self.seqs.clear();
        self.seqs.extend(seqs.iter().map(|seq| seq.cast_unsigned()));
        self.outputs.clear();
        if self.table.is_output() {
            let outputs = next().iter().map(|output| output.cast_unsigned());
            self.outputs.extend(outputs.map(|output| output.saturating_add(1)));
        }
        let own = self.table.columns().iter().filter(|column| column.is_read());
        let own: Vec<(&Column, &[i64])> = own.map(|column| (column, next())).collect();
        // Some rows at a time, so that their records stay near while one column after the other is put into them.
        for (number, records) in self.records.chunks_mut(ROWS_NEAR).enumerate() {
            let from = number * ROWS_NEAR;
            let rows = from..from + records.len();
            let headers = ts_event[rows.clone()].iter().zip(&ts_recv[rows.clone()]);
            let headers = headers.zip(&sources[rows.clone()]).zip(&flags[rows.clone()]);
            for (record, (((ts_event, ts_recv), source), flags)) in records.iter_mut().zip(headers) {
                record.header.ts_event = *ts_event;
                record.header.ts_recv = *ts_recv;
                record.header.source = low16(*source);
                record.header.flags = low8(*flags);
            }
            for (column, values) in &own {
                column.put_numbers(&values[rows.clone()], records);
            }
        }
        self.held.clear();
        self.more.clear();
        if self.batches.version >= PLACED_VERSION {
            let held = next().iter().map(|held| held.cast_unsigned());
            self.held.extend(held);
            self.more.extend(next().iter().map(|more| low32(*more)));
        }
        self.last = self.key_at(self.seqs.len().wrapping_sub(1));
        let times = std::mem::take(&mut self.batches.block.columns[0]);
        self.keep_wanted(&times);
        self.batches.block.columns[0] = times;
    }

    /// Drops rows of other times and keys, which is only looked into if there are any. Keys go up.
    fn keep_wanted(&mut self, ts_event: &[i64]) {
        let (times, keys) = (&self.times, &self.wanted_keys);
        let ends = self.key_at(0).zip(self.last);
        let are_wanted = ends.is_none_or(|(a, b)| keys.contains(&a) && keys.contains(&b));
        let is_wanted = |ts: &i64| times.contains(ts);
        // Without a branch for each.
        if are_wanted && ts_event.iter().fold(true, |all, ts| all & is_wanted(ts)) {
            return;
        }
        let is_key_wanted = |at| self.key_at(at).is_some_and(|key| keys.contains(&key));
        let rows = ts_event.iter().enumerate();
        let wanted: Vec<bool> = rows
            .map(|(at, ts)| is_key_wanted(at) && times.contains(ts))
            .collect();
        keep(&mut self.seqs, &wanted);
        keep(&mut self.outputs, &wanted);
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
            record.header.source = id.ok_or_else(|| DataError::Schema {
                file: self.batches.url.clone(),
                field: format!("source of row {row}"),
                found: "unknown".to_owned(),
                expected: "a source of the run".to_owned(),
            })?;
        }
        Ok(())
    }

    fn misfit(&self, column: &str, misfit: Misfit) -> DataError {
        DataError::Schema {
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

/// Rows whose records the nearest cache holds.
const ROWS_NEAR: usize = 128;

/// The low bits of a number that has no others.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the column has no more bits"
)]
fn low8(value: i64) -> u8 {
    value as u8
}

/// The same of 16 bits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an identifier has no more bits"
)]
fn low16(value: i64) -> u16 {
    value as u16
}

/// The same of 32 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the column has no more bits"
)]
fn low32(value: i64) -> i32 {
    value as i32
}
