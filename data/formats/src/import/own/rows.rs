//! Columns of an exported file as rows again: names become identifiers of their run, decimals mantissas at its scales.

use crate::export::batch::{RunScales, bar_specs};
use crate::export::header::FileHeader;
use crate::export::rows::Row;
use crate::{FormatError, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Int32Type, TimestampNanosecondType, UInt8Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use tickloom_catalog::Key;
use tickloom_catalog::NUMBER;
use tickloom_catalog::column::{Codec, Column, Misfit, Scale, misfit};
use tickloom_catalog::{NoPrice, Table};
use tickloom_types::{Header, InstrumentId, Record};

/// Decodes the batches of one file.
pub(super) struct Decoder {
    path: PathBuf,
    table: Table,
    runs: Vec<Run>,
    by_name: HashMap<String, usize>,
    /// Rows so far, and what the first is called: its line in a text, one elsewhere.
    rows: u64,
    first: u64,
}

/// What the names in the rows of a run mean.
struct Run {
    instruments: HashMap<String, u32>,
    seen: BTreeSet<u32>,
    sources: HashMap<String, u16>,
    bars: Vec<Option<String>>,
    scales: RunScales,
    last: Option<Key>,
}

/// A value that is wrong: where, and what was expected.
struct Wrong {
    field: &'static str,
    misfit: Misfit,
}

fn bad(row: usize, field: &'static str, value: impl ToString, expected: &'static str) -> Wrong {
    Wrong {
        field,
        misfit: misfit(row, value, expected),
    }
}

impl Decoder {
    pub(super) fn new(path: &Path, header: &FileHeader, first: u64) -> Decoder {
        let run = |run: &tickloom_journal::RunMeta| {
            let names = run.instruments.defs().iter().map(|def| def.name.clone());
            let sources = run.instruments.sources().iter().map(|s| s.name.clone());
            Run {
                instruments: names.zip(0..).collect(),
                seen: BTreeSet::new(),
                sources: sources.zip(0..).collect(),
                bars: bar_specs(run),
                scales: RunScales::of(run),
                last: None,
            }
        };
        let names = header.runs.iter().map(|run| run.run.clone());
        Decoder {
            path: path.to_owned(),
            table: header.table,
            by_name: names.zip(0..).collect(),
            runs: header.runs.iter().map(run).collect(),
            rows: 0,
            first,
        }
    }

    /// Names of the instruments that rows were of.
    pub(super) fn instruments_seen(&self) -> Vec<String> {
        let seen = self.runs.iter().flat_map(|run| {
            let names = run.instruments.iter();
            names.filter(|(_, id)| run.seen.contains(id))
        });
        let names: BTreeSet<&String> = seen.map(|(name, _)| name).collect();
        names.into_iter().cloned().collect()
    }

    /// Appends the rows of a batch, whose columns are those of the table.
    pub(super) fn decode(&mut self, batch: &RecordBatch, rows: &mut Vec<Row>) -> Result<()> {
        self.try_decode(batch, rows)
            .map_err(|wrong| self.error(&wrong))?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn try_decode(&mut self, batch: &RecordBatch, rows: &mut Vec<Row>) -> Result<(), Wrong> {
        let columns = Columns::new(batch, self.table)?;
        let mut runs = Vec::with_capacity(batch.num_rows());
        let mut records = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let name = columns.word("run", row);
            let run = name.and_then(|name| self.by_name.get(name).copied());
            let Some(run) = run else {
                let name = name.unwrap_or("null");
                return Err(bad(row, "run", name, "a run of the file"));
            };
            let header = self.runs[run].header(&columns, row, self.table)?;
            runs.push(run);
            records.push(Record {
                header,
                ..Record::default()
            });
        }
        for column in self.table.columns().iter().filter(|c| c.is_read()) {
            let array = columns.array(column.name);
            self.decode_body(column, array, &runs, &mut records)
                .map_err(|misfit| Wrong {
                    field: column.name,
                    misfit,
                })?;
        }
        for column in self.table.columns() {
            if let Some(no_price) = self.table.no_price(column.name) {
                let prices = columns.array(column.name);
                only_without_price(column, &no_price, prices, &records)?;
            }
        }
        for (row, (run, record)) in runs.into_iter().zip(records).enumerate() {
            let key = columns.key(row, self.table);
            self.check(row, run, key, &record)?;
            rows.push(Row { run, key, record });
        }
        Ok(())
    }

    fn decode_body(
        &self,
        column: &Column,
        array: &ArrayRef,
        runs: &[usize],
        records: &mut [Record],
    ) -> Result<(), Misfit> {
        if !matches!(column.codec, Codec::Price | Codec::Qty) {
            return column.decode(array, Scale::of(None), records);
        }
        let array = array.as_primitive::<Decimal128Type>();
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let values = array.values();
        for (row, (record, run)) in records.iter_mut().zip(runs).enumerate() {
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let factor = i128::from(self.runs[*run].scales.factor(record, column.codec));
            let mantissa = (values[row] % factor == 0)
                .then(|| i64::try_from(values[row] / factor).ok())
                .flatten();
            let expected = "a number at the instrument's scale";
            let mantissa = mantissa.ok_or_else(|| misfit(row, values[row], expected))?;
            record.body[column.at / 8] = mantissa.cast_unsigned();
        }
        Ok(())
    }

    /// What no single column shows.
    fn check(&mut self, row: usize, run: usize, key: Key, record: &Record) -> Result<(), Wrong> {
        if Table::of(record) != Some(self.table) {
            let expected = "the flag of a snapshot in book_snapshots and nowhere else";
            return Err(bad(row, "flags", record.header.flags, expected));
        }
        let last = &mut self.runs[run].last;
        if last.is_some_and(|last| key <= last) {
            return Err(bad(row, "seq", key.seq, "above that of the row before"));
        }
        *last = Some(key);
        Ok(())
    }

    fn error(&self, wrong: &Wrong) -> FormatError {
        let number = self.first + self.rows + wrong.misfit.row as u64;
        let (value, expected) = (&wrong.misfit.value, wrong.misfit.expected.to_owned());
        if self.first > 1 {
            return FormatError::Import {
                file: self.path.clone(),
                line: number,
                found: format!("{} is {value}", wrong.field),
                expected,
            };
        }
        FormatError::Schema {
            file: self.path.clone(),
            field: format!("{} of row {number}", wrong.field),
            found: value.clone(),
            expected,
        }
    }
}

impl Run {
    fn header(&mut self, columns: &Columns<'_>, row: usize, table: Table) -> Result<Header, Wrong> {
        let instrument = match columns.word("instrument", row) {
            None => InstrumentId::NONE.0,
            Some(name) => {
                let id = self.instruments.get(name).copied();
                let expected = "an instrument of its run";
                let id = id.ok_or_else(|| bad(row, "instrument", name, expected))?;
                self.seen.insert(id);
                id
            }
        };
        let name = columns.word("source", row).unwrap_or("null");
        let source = self.sources.get(name).copied();
        let source = source.ok_or_else(|| bad(row, "source", name, "a source of its run"))?;
        if table.is_bars() {
            let found = columns.word("bar_spec", row);
            let expected = self.bars[usize::from(source)].as_deref();
            if found != expected {
                let found = found.unwrap_or("null");
                return Err(bad(row, "bar_spec", found, "the size that its source says"));
            }
        }
        Ok(Header {
            ts_event: columns.ts_event[row],
            ts_recv: columns.ts_recv[row],
            instrument,
            source,
            kind: table.kind() as u8,
            flags: columns.flags[row],
        })
    }
}

/// The columns of a batch that all tables have.
struct Columns<'a> {
    batch: &'a RecordBatch,
    ts_event: &'a [i64],
    ts_recv: &'a [i64],
    seqs: &'a [u64],
    outputs: Option<&'a [u64]>,
    flags: &'a [u8],
}

impl<'a> Columns<'a> {
    fn new(batch: &'a RecordBatch, table: Table) -> Result<Columns<'a>, Wrong> {
        for column in table.columns().iter().filter(|c| !c.field().is_nullable()) {
            if table.no_price(column.name).is_none() {
                no_nulls(batch, column.name)?;
            }
        }
        for name in ["ts_event", "ts_recv", "seq", "flags"] {
            no_nulls(batch, name)?;
        }
        if table.is_output() {
            no_nulls(batch, NUMBER)?;
        }
        let column = |name: &str| array(batch, name);
        let times = |name: &str| column(name).as_primitive::<TimestampNanosecondType>();
        Ok(Columns {
            batch,
            ts_event: times("ts_event").values(),
            ts_recv: times("ts_recv").values(),
            seqs: column("seq").as_primitive::<UInt64Type>().values(),
            outputs: table
                .is_output()
                .then(|| &**column(NUMBER).as_primitive::<UInt64Type>().values()),
            flags: column("flags").as_primitive::<UInt8Type>().values(),
        })
    }

    fn array(&self, name: &str) -> &'a ArrayRef {
        array(self.batch, name)
    }

    /// The word in a column of names; `None` for null.
    fn word(&self, name: &str, row: usize) -> Option<&'a str> {
        let words = self.array(name).as_dictionary::<Int32Type>();
        let names = words.values().as_string::<i32>();
        let key = words.key(row)?;
        names.is_valid(key).then(|| names.value(key))
    }

    fn key(&self, row: usize, table: Table) -> Key {
        let output = self.outputs.map_or(0, |outputs| outputs[row]);
        Key {
            seq: self.seqs[row],
            output: if table.is_output() {
                output.saturating_add(1)
            } else {
                0
            },
        }
    }
}

fn array<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    let column = batch.column_by_name(name);
    column.expect("the schema was compared when the file was opened")
}

fn no_nulls(batch: &RecordBatch, name: &'static str) -> Result<(), Wrong> {
    let array = array(batch, name);
    match (0..array.len()).find(|row| array.null_count() > 0 && array.is_null(*row)) {
        Some(row) => Err(bad(row, name, "null", "a value")),
        None => Ok(()),
    }
}

/// A price that is null is that of a row that may have none.
fn only_without_price(
    column: &Column,
    no_price: &NoPrice,
    prices: &ArrayRef,
    records: &[Record],
) -> Result<(), Wrong> {
    if prices.null_count() == 0 {
        return Ok(());
    }
    let wrong = |(row, record): &(usize, &Record)| prices.is_null(*row) && !no_price.may_be(record);
    match records.iter().enumerate().find(wrong) {
        Some((row, _)) => Err(bad(row, column.name, "null", no_price.expected)),
        None => Ok(()),
    }
}
