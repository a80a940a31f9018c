//! A list of results as one file: columns of times, words, exact decimals and numbers, in the formats of exported tables but DBN.

use super::format::ExportFormat;
use super::target::Target;
use super::{BatchWriter, columnar, text};
use crate::limits::BATCH_ROWS;
use crate::{FormatError, Result};
use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::path::Path;
use std::sync::Arc;
use tickloom_types::Ts;

/// Digits of a decimal in Arrow and Parquet.
const DIGITS: u8 = 38;

/// What a column of a [`Sheet`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// A time in nanoseconds, UTC.
    Time,
    /// A word or a name.
    Word,
    /// An exact decimal with at most so many decimals.
    Decimal(u8),
    /// A float.
    Float,
    /// A number of things, or an identifier.
    Count,
}

/// A value of a [`Sheet`].
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A time.
    Time(Ts),
    /// A word.
    Word(String),
    /// A mantissa with its decimals.
    Decimal(i128, u8),
    /// A float.
    Float(f64),
    /// A number.
    Count(u64),
    /// There is none.
    None,
}

/// Rows of results under named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    columns: Vec<(&'static str, Column)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Column {
    Time(Vec<Option<i64>>),
    Word(Vec<Option<String>>),
    /// At this scale.
    Decimal(u8, Vec<Option<i128>>),
    Float(Vec<Option<f64>>),
    Count(Vec<Option<u64>>),
}

impl Sheet {
    /// No rows yet.
    #[must_use]
    pub fn new(columns: &[(&'static str, CellKind)]) -> Sheet {
        let column = |kind| match kind {
            CellKind::Time => Column::Time(Vec::new()),
            CellKind::Word => Column::Word(Vec::new()),
            CellKind::Decimal(scale) => Column::Decimal(scale, Vec::new()),
            CellKind::Float => Column::Float(Vec::new()),
            CellKind::Count => Column::Count(Vec::new()),
        };
        let columns = columns.iter().map(|(name, kind)| (*name, column(*kind)));
        Sheet {
            columns: columns.collect(),
        }
    }

    /// Appends a row: a cell for each column, in their order.
    ///
    /// # Panics
    /// If a cell is of another kind than its column, or a decimal does not fit it.
    pub fn push<const N: usize>(&mut self, row: [Cell; N]) {
        assert_eq!(N, self.columns.len(), "a row has a cell for each column");
        for ((_, column), cell) in self.columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// Whether there is none; the file has its header even so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a file of this name can be written.
    ///
    /// # Errors
    /// [`FormatError::Option`] for a name of no format, or of DBN, which has no place for a sheet.
    pub fn check_name(path: &Path) -> Result<()> {
        match ExportFormat::of(path) {
            Ok(format) if format != ExportFormat::Dbn => Ok(()),
            _ => Err(FormatError::Option {
                field: "name of the file",
                value: path.display().to_string(),
                expected: "one that ends with .csv, .jsonl (each also with .gz), .arrow or .parquet",
            }),
        }
    }

    /// Writes the file, whole or not at all, in the format that its name asks for.
    ///
    /// # Errors
    /// As [`Sheet::check_name`]; [`FormatError::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        Sheet::check_name(path)?;
        let target = Target::create(path)?;
        let batch = self.batch();
        let mut writer = writer(ExportFormat::of(path)?, &batch, &target)?;
        let rows = batch.num_rows();
        for from in (0..rows).step_by(BATCH_ROWS) {
            writer.write(&batch.slice(from, BATCH_ROWS.min(rows - from)))?;
        }
        writer.finish(rows as u64)?;
        target.publish().map(drop)
    }

    fn batch(&self) -> RecordBatch {
        let columns = self.columns.iter();
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
            .map(|(name, column)| {
                let array = column.array();
                (Field::new(*name, array.data_type().clone(), true), array)
            })
            .unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .expect("columns of a sheet are equally long")
    }
}

/// What writes batches with the schema of this one.
fn writer(
    format: ExportFormat,
    batch: &RecordBatch,
    target: &Target,
) -> Result<Box<dyn BatchWriter>> {
    let schema = batch.schema();
    match format {
        ExportFormat::Csv => text::csv(&schema, None, target, false),
        ExportFormat::CsvGz => text::csv(&schema, None, target, true),
        ExportFormat::Jsonl => text::json_lines(None, target, false),
        ExportFormat::JsonlGz => text::json_lines(None, target, true),
        ExportFormat::Arrow => columnar::arrow(&schema, target),
        ExportFormat::Parquet | ExportFormat::Dbn => {
            let level = ZstdLevel::try_new(1).expect("1 is a level");
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(level))
                .set_created_by("tickloom".to_owned())
                .build();
            columnar::parquet(schema, properties, None, target)
        }
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Column::Time(values) => values.len(),
            Column::Word(values) => values.len(),
            Column::Decimal(_, values) => values.len(),
            Column::Float(values) => values.len(),
            Column::Count(values) => values.len(),
        }
    }

    fn push(&mut self, cell: Cell) {
        match (self, cell) {
            (Column::Time(values), Cell::Time(ts)) => values.push(Some(ts.0)),
            (Column::Word(values), Cell::Word(word)) => values.push(Some(word)),
            (Column::Decimal(scale, values), Cell::Decimal(mantissa, decimals)) => {
                let more = scale.checked_sub(decimals);
                let factor = more.and_then(|more| 10_i128.checked_pow(more.into()));
                let scaled = factor.and_then(|factor| mantissa.checked_mul(factor));
                values.push(Some(
                    scaled.expect("a column holds the finest of its decimals"),
                ));
            }
            (Column::Float(values), Cell::Float(number)) => values.push(Some(number)),
            (Column::Count(values), Cell::Count(number)) => values.push(Some(number)),
            (Column::Time(values), Cell::None) => values.push(None),
            (Column::Word(values), Cell::None) => values.push(None),
            (Column::Decimal(_, values), Cell::None) => values.push(None),
            (Column::Float(values), Cell::None) => values.push(None),
            (Column::Count(values), Cell::None) => values.push(None),
            (column, cell) => panic!("{cell:?} is no cell of {column:?}"),
        }
    }

    fn array(&self) -> ArrayRef {
        match self {
            Column::Time(values) => {
                let times: TimestampNanosecondArray = values.iter().copied().collect();
                let data = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
                Arc::new(times.with_data_type(data))
            }
            Column::Word(values) => Arc::new(values.iter().collect::<StringArray>()),
            Column::Decimal(scale, values) => {
                let numbers: Decimal128Array = values.iter().copied().collect();
                let scale = i8::try_from(*scale).expect("decimals are few");
                Arc::new(
                    numbers
                        .with_precision_and_scale(DIGITS, scale)
                        .expect("a scale is within the digits"),
                )
            }
            Column::Float(values) => Arc::new(values.iter().copied().collect::<Float64Array>()),
            Column::Count(values) => Arc::new(values.iter().copied().collect::<UInt64Array>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use serde_json::Value;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new(&[
            ("ts", CellKind::Time),
            ("instrument", CellKind::Word),
            ("price", CellKind::Decimal(3)),
            ("mean", CellKind::Float),
            ("number", CellKind::Count),
        ]);
        sheet.push([
            Cell::Time(Ts(1)),
            Cell::Word("a,\"b\"".to_owned()),
            Cell::Decimal(-125, 2),
            Cell::Float(0.1),
            Cell::Count(u64::MAX),
        ]);
        sheet.push([Cell::None, Cell::None, Cell::None, Cell::None, Cell::None]);
        sheet
    }

    #[test]
    fn each_format_has_the_same_rows() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let text = |name: &str| {
            sheet().write(&at(name)).unwrap();
            std::fs::read_to_string(at(name)).unwrap()
        };
        assert_eq!(
            text("a.csv"),
            "ts,instrument,price,mean,number\n1970-01-01T00:00:00.000000001Z,\"a,\"\"b\"\"\",-1.25,0.1,18446744073709551615\n,,,,\n"
        );
        let lines = text("a.jsonl");
        let rows: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["price"], "-1.25");
        assert_eq!(rows[0]["number"], u64::MAX);
        let nothing = rows[1].as_object().unwrap().values();
        assert!(nothing.clone().count() == 5 && nothing.clone().all(Value::is_null));
        sheet().write(&at("a.parquet")).unwrap();
        let file = std::fs::File::open(at("a.parquet")).unwrap();
        let mut batches = ParquetRecordBatchReaderBuilder::try_new(file)
            .unwrap()
            .build()
            .unwrap();
        assert_eq!(batches.next().unwrap().unwrap(), sheet().batch());
        sheet().write(&at("a.arrow")).unwrap();
        let file = std::fs::File::open(at("a.arrow")).unwrap();
        let mut batches = arrow_ipc::reader::FileReader::try_new(file, None).unwrap();
        let batch = batches.next().unwrap().unwrap();
        assert_eq!(batch, sheet().batch());
        let prices = batch.column(2).as_any().downcast_ref::<Decimal128Array>();
        assert_eq!(prices.unwrap().value(0), -1_250);
        let error = sheet().write(&at("a.dbn")).unwrap_err().to_string();
        assert!(error.contains(".parquet"), "{error}");
        assert!(!at("a.dbn").exists());
    }

    #[test]
    fn no_rows_are_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        Sheet::new(&[("ts", CellKind::Time)]).write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "ts\n");
        let path = folder.path().join("a.parquet");
        Sheet::new(&[("ts", CellKind::Time)]).write(&path).unwrap();
        let file = std::fs::File::open(path).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(builder.schema().field(0).name(), "ts");
    }

    #[test]
    #[should_panic(expected = "the finest of its decimals")]
    fn a_decimal_that_does_not_fit_is_not_left_out() {
        let mut sheet = Sheet::new(&[("price", CellKind::Decimal(1))]);
        sheet.push([Cell::Decimal(125, 2)]);
    }
}
