//! Rows of any runs as columns of their table, as the catalog's files have them but for the prices of empty sides, and columns as rows again.
//!
//! A file of the catalog is of one run and one instrument; here every row has its own names and scales. Lists of names are the same
//! in all batches, as an Arrow file wants its dictionaries.

use super::rows::Row;
use crate::{FormatError, Result};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Int32Array, RecordBatch, StringArray,
    TimestampNanosecondArray, UInt8Array, UInt64Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::Schema;
use std::collections::HashMap;
use std::sync::Arc;
use tickloom_catalog::NUMBER;
use tickloom_catalog::Table;
use tickloom_catalog::column::{Codec, Column, Misfit, NameOf, Scale};
use tickloom_journal::RunMeta;
use tickloom_types::{Record, SourceDef, SourceKind};

/// Makes batches of rows.
pub(crate) struct Encoder {
    table: Table,
    schema: Arc<Schema>,
    scales: Vec<RunScales>,
    runs: Names,
    instruments: Names,
    sources: Names,
    /// By source.
    bars: Names,
    signals: Names,
    strategies: Names,
    records: Vec<Record>,
}

/// The scales of the instruments of a run, by identifier.
pub(crate) struct RunScales(Vec<Scale>);

impl RunScales {
    pub(crate) fn of(run: &RunMeta) -> RunScales {
        let defs = run.instruments.defs().iter();
        RunScales(defs.map(|def| Scale::of(Some(def))).collect())
    }

    /// What a mantissa of a record in this column is multiplied with; whole numbers if it is of no instrument.
    pub(crate) fn factor(&self, record: &Record, codec: Codec) -> i64 {
        let at = usize::try_from(record.header.instrument).ok();
        let scale = at.and_then(|at| self.0.get(at).copied());
        scale.unwrap_or_else(|| Scale::of(None)).factor(codec)
    }
}

/// The names of one kind of all runs, each once, and which of them an index in a run means.
struct Names {
    words: ArrayRef,
    keys: Vec<Vec<Option<i32>>>,
}

impl Names {
    fn new(runs: &[RunMeta], names: impl Fn(&RunMeta) -> Vec<Option<String>>) -> Names {
        let mut words: Vec<String> = Vec::new();
        let mut known: HashMap<String, Option<i32>> = HashMap::new();
        let mut key = |name: Option<String>| {
            let name = name?;
            if let Some(key) = known.get(&name) {
                return *key;
            }
            let key = i32::try_from(words.len()).ok();
            words.push(name.clone());
            known.insert(name, key);
            key
        };
        let keys = runs
            .iter()
            .map(|run| names(run).into_iter().map(&mut key).collect())
            .collect();
        Names {
            words: Arc::new(StringArray::from_iter_values(words)),
            keys,
        }
    }

    fn array(&self, rows: &[Row], index: impl Fn(&Record) -> u64) -> ArrayRef {
        let key = |row: &Row| {
            let at = usize::try_from(index(&row.record)).ok()?;
            *self.keys[row.run].get(at)?
        };
        let keys: Int32Array = rows.iter().map(key).collect();
        let array = DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(&self.words));
        Arc::new(array.expect("keys are indices of words"))
    }
}

impl Encoder {
    /// For rows of these runs.
    pub(crate) fn new(table: Table, runs: &[RunMeta]) -> Encoder {
        let all = |list: &[String]| list.iter().cloned().map(Some).collect();
        Encoder {
            table,
            schema: table.exported(),
            scales: runs.iter().map(RunScales::of).collect(),
            runs: Names::new(runs, |run| vec![Some(run.run.clone())]),
            instruments: Names::new(runs, |run| {
                let defs = run.instruments.defs().iter();
                defs.map(|def| Some(def.name.clone())).collect()
            }),
            sources: Names::new(runs, |run| {
                let sources = run.instruments.sources().iter();
                sources.map(|source| Some(source.name.clone())).collect()
            }),
            bars: Names::new(runs, bar_specs),
            signals: Names::new(runs, |run| all(&run.signals)),
            strategies: Names::new(runs, |run| all(&run.strategies)),
            records: Vec::new(),
        }
    }

    /// The rows as columns.
    pub(crate) fn encode(&mut self, rows: &[Row]) -> Result<RecordBatch> {
        self.records.clear();
        self.records.extend(rows.iter().map(|row| row.record));
        let fields = self.schema.fields().iter();
        let columns = fields
            .map(|field| self.column(field.name(), rows))
            .collect::<Result<Vec<ArrayRef>>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        Ok(batch.expect("the columns are made by the schema"))
    }

    fn column(&self, name: &str, rows: &[Row]) -> Result<ArrayRef> {
        let times = |get: fn(&Record) -> i64| -> ArrayRef {
            let values = self.records.iter().map(get);
            Arc::new(TimestampNanosecondArray::from_iter_values(values).with_timezone("UTC"))
        };
        Ok(match name {
            "ts_event" => times(|r| r.header.ts_event),
            "ts_recv" => times(|r| r.header.ts_recv),
            "seq" => Arc::new(UInt64Array::from_iter_values(
                rows.iter().map(|row| row.key.seq),
            )),
            "run" => self.runs.array(rows, |_| 0),
            "instrument" => self
                .instruments
                .array(rows, |r| u64::from(r.header.instrument)),
            "source" => self.sources.array(rows, |r| u64::from(r.header.source)),
            "flags" => Arc::new(UInt8Array::from_iter_values(
                self.records.iter().map(|r| r.header.flags),
            )),
            NUMBER => Arc::new(UInt64Array::from_iter_values(
                rows.iter().map(|row| row.key.output.saturating_sub(1)),
            )),
            "bar_spec" => self.bars.array(rows, |r| u64::from(r.header.source)),
            name => {
                let mut columns = self.table.columns().iter();
                let column = columns.find(|column| column.name == name);
                let column = column.expect("the schema is made of these");
                self.body(column, rows)
                    .map_err(|misfit| refuse(rows, column.name, misfit))?
            }
        })
    }

    fn body(&self, column: &Column, rows: &[Row]) -> Result<ArrayRef, Misfit> {
        Ok(match column.codec {
            Codec::Price | Codec::Qty => {
                let values = rows.iter().map(|row| {
                    let factor = self.scales[row.run].factor(&row.record, column.codec);
                    i128::from(column.get(&row.record).cast_signed()) * i128::from(factor)
                });
                let array = Decimal128Array::new(values.collect(), self.without_price(column));
                Arc::new(array.with_data_type(column.field().data_type().clone()))
            }
            Codec::Name(NameOf::Signal) => self.signals.array(rows, |r| column.get(r)),
            Codec::Name(NameOf::Strategy) => self.strategies.array(rows, |r| column.get(r)),
            _ => column.encode(&self.records, Scale::of(None), &[])?,
        })
    }

    /// Which rows have no value in a column of prices, if any.
    fn without_price(&self, column: &Column) -> Option<NullBuffer> {
        let no_price = self.table.no_price(column.name)?;
        let has_value = |record: &Record| !no_price.is_of(column, record);
        let all = self.records.iter().all(has_value);
        (!all).then(|| self.records.iter().map(has_value).collect())
    }
}

/// The size of the bars of each source, if it is of bars.
pub(crate) fn bar_specs(run: &RunMeta) -> Vec<Option<String>> {
    let spec = |source: &SourceDef| match source.kind {
        SourceKind::Bars(spec) => Some(spec.to_string()),
        SourceKind::Feed | SourceKind::File => None,
    };
    run.instruments.sources().iter().map(spec).collect()
}

fn refuse(rows: &[Row], field: &'static str, misfit: Misfit) -> FormatError {
    FormatError::Record {
        seq: rows[misfit.row].key.seq,
        field,
        value: misfit.value,
        expected: misfit.expected,
    }
}
