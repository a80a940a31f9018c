//! A list of results as one file: columns of times, words, exact decimals and numbers, as CSV, JSON lines, Arrow or Parquet.

use super::format::ExportFormat;
use super::target::{Target, TextFile};
use crate::{DataError, Result};
use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use tickloom_types::{Ts, format_decimal};

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

/// A value of a [`Sheet`]; one that does not fit its column is a mistake of the caller, and is left empty.
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
    columns: Vec<(&'static str, Vec<Cell>)>,
    kinds: Vec<CellKind>,
}

impl Sheet {
    /// No rows yet.
    #[must_use]
    pub fn new(columns: &[(&'static str, CellKind)]) -> Sheet {
        Sheet {
            columns: columns
                .iter()
                .map(|(name, _)| (*name, Vec::new()))
                .collect(),
            kinds: columns.iter().map(|(_, kind)| *kind).collect(),
        }
    }

    /// Appends a row: a cell for each column, in their order.
    pub fn push<const N: usize>(&mut self, row: [Cell; N]) {
        debug_assert_eq!(N, self.columns.len());
        for ((_, cells), cell) in self.columns.iter_mut().zip(row) {
            cells.push(cell);
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |(_, cells)| cells.len())
    }

    /// Whether there is none; the file has its header even so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a file of this name can be written.
    ///
    /// # Errors
    /// [`DataError::Option`] for a name of no format, or of DBN, which has no place for a sheet.
    pub fn check_name(path: &Path) -> Result<()> {
        match ExportFormat::of(path) {
            Ok(format) if format != ExportFormat::Dbn => Ok(()),
            _ => Err(DataError::Option {
                field: "name of the file",
                value: path.display().to_string(),
                expected: "one that ends with .csv, .jsonl (each also with .gz), .arrow or .parquet",
            }),
        }
    }

    /// Writes the file, whole or not at all, in the format that its name asks for.
    ///
    /// # Errors
    /// As [`Sheet::check_name`]; [`DataError::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        Sheet::check_name(path)?;
        let format = ExportFormat::of(path)?;
        let target = Target::create(path)?;
        match format {
            ExportFormat::Csv => self.write_csv(target.text(false)?)?,
            ExportFormat::CsvGz => self.write_csv(target.text(true)?)?,
            ExportFormat::Jsonl => self.write_jsonl(target.text(false)?)?,
            ExportFormat::JsonlGz => self.write_jsonl(target.text(true)?)?,
            ExportFormat::Arrow => self.write_arrow(&target)?,
            ExportFormat::Parquet | ExportFormat::Dbn => self.write_parquet(&target)?,
        }
        target.publish().map(drop)
    }

    fn text(cell: &Cell) -> String {
        match cell {
            Cell::Time(ts) => ts.to_string(),
            Cell::Word(word) => word.clone(),
            Cell::Decimal(mantissa, decimals) => format_decimal(*mantissa, *decimals),
            Cell::Float(number) if number.is_finite() => number.to_string(),
            Cell::Count(number) => number.to_string(),
            Cell::Float(_) | Cell::None => String::new(),
        }
    }

    fn write_csv(&self, mut file: TextFile) -> Result<()> {
        let mut lines = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| {
            DataError::io("write", Path::new("a line of CSV"))(std::io::Error::other(error))
        };
        lines
            .write_record(self.columns.iter().map(|(name, _)| *name))
            .map_err(failed)?;
        for at in 0..self.len() {
            let row = self.columns.iter();
            lines
                .write_record(
                    row.map(|(_, cells)| cells.get(at).map_or(String::new(), Sheet::text)),
                )
                .map_err(failed)?;
        }
        let bytes = lines.into_inner().map_err(|error| {
            DataError::io("write", Path::new("a line of CSV"))(std::io::Error::other(
                error.to_string(),
            ))
        })?;
        file.append(&bytes)?;
        file.finish(0, &[])
    }

    fn write_jsonl(&self, mut file: TextFile) -> Result<()> {
        for at in 0..self.len() {
            let mut object = Map::new();
            for (name, cells) in &self.columns {
                let value = match cells.get(at) {
                    Some(Cell::Count(number)) => Value::from(*number),
                    Some(Cell::Float(number)) => Value::from(*number),
                    Some(Cell::None) | None => Value::Null,
                    Some(cell) => Value::from(Sheet::text(cell)),
                };
                object.insert((*name).to_owned(), value);
            }
            let mut line = Value::Object(object).to_string();
            line.push('\n');
            file.append(line.as_bytes())?;
        }
        file.finish(0, &[])
    }

    fn schema(&self) -> Arc<Schema> {
        let fields = self
            .columns
            .iter()
            .zip(&self.kinds)
            .map(|((name, _), kind)| {
                let data = match kind {
                    CellKind::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
                    CellKind::Word => DataType::Utf8,
                    CellKind::Decimal(scale) => {
                        DataType::Decimal128(DIGITS, i8::try_from(*scale).unwrap_or(0))
                    }
                    CellKind::Float => DataType::Float64,
                    CellKind::Count => DataType::UInt64,
                };
                Field::new(*name, data, true)
            });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn batch(&self, path: &Path) -> Result<RecordBatch> {
        let arrays = self.columns.iter().zip(&self.kinds);
        let arrays: Result<Vec<ArrayRef>> = arrays
            .map(|((_, cells), kind)| array(cells, *kind, path))
            .collect();
        RecordBatch::try_new(self.schema(), arrays?).map_err(failed(path))
    }

    fn write_arrow(&self, target: &Target) -> Result<()> {
        let path = target.temporary();
        let mut writer =
            FileWriter::try_new(target.file()?, &self.schema()).map_err(failed(path))?;
        writer.write(&self.batch(path)?).map_err(failed(path))?;
        writer.finish().map_err(failed(path))?;
        writer.flush().map_err(failed(path))
    }

    fn write_parquet(&self, target: &Target) -> Result<()> {
        let path = target.temporary();
        let level = ZstdLevel::try_new(1).map_err(failed(path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("tickloom".to_owned())
            .build();
        let writer = ArrowWriter::try_new(target.file()?, self.schema(), Some(properties));
        let mut writer = writer.map_err(failed(path))?;
        writer.write(&self.batch(path)?).map_err(failed(path))?;
        let mut file = writer.into_inner().map_err(failed(path))?;
        file.flush().map_err(DataError::io("write", path))
    }
}

fn failed<E: std::error::Error + Send + Sync + 'static>(path: &Path) -> impl Fn(E) -> DataError {
    let path = path.to_owned();
    move |error| DataError::io("write", &path)(std::io::Error::other(error))
}

fn array(cells: &[Cell], kind: CellKind, path: &Path) -> Result<ArrayRef> {
    Ok(match kind {
        CellKind::Time => {
            let times = cells.iter().map(|cell| match cell {
                Cell::Time(ts) => Some(ts.0),
                _ => None,
            });
            Arc::new(
                times
                    .collect::<TimestampNanosecondArray>()
                    .with_timezone("UTC"),
            )
        }
        CellKind::Word => {
            let words = cells.iter().map(|cell| match cell {
                Cell::Word(word) => Some(word.as_str()),
                _ => None,
            });
            Arc::new(words.collect::<StringArray>())
        }
        CellKind::Decimal(scale) => {
            let at_scale = |cell: &Cell| match cell {
                Cell::Decimal(mantissa, decimals) => {
                    let more = scale.checked_sub(*decimals)?;
                    mantissa.checked_mul(10_i128.checked_pow(more.into())?)
                }
                _ => None,
            };
            let numbers = cells.iter().map(at_scale).collect::<Decimal128Array>();
            let scale = i8::try_from(scale).unwrap_or(0);
            Arc::new(
                numbers
                    .with_precision_and_scale(DIGITS, scale)
                    .map_err(failed(path))?,
            )
        }
        CellKind::Float => {
            let numbers = cells.iter().map(|cell| match cell {
                Cell::Float(number) => Some(*number),
                _ => None,
            });
            Arc::new(numbers.collect::<Float64Array>())
        }
        CellKind::Count => {
            let numbers = cells.iter().map(|cell| match cell {
                Cell::Count(number) => Some(*number),
                _ => None,
            });
            Arc::new(numbers.collect::<UInt64Array>())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

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
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(first["price"], "-1.25");
        assert_eq!(first["number"], u64::MAX);
        assert_eq!(lines.lines().count(), 2);
        sheet().write(&at("a.parquet")).unwrap();
        let file = std::fs::File::open(at("a.parquet")).unwrap();
        let mut batches = ParquetRecordBatchReaderBuilder::try_new(file)
            .unwrap()
            .build()
            .unwrap();
        let batch = batches.next().unwrap().unwrap();
        let prices = batch
            .column(2)
            .as_any()
            .downcast_ref::<Decimal128Array>()
            .unwrap();
        assert_eq!((prices.value(0), prices.scale()), (-1_250, 3));
        sheet().write(&at("a.arrow")).unwrap();
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
        assert!(path.metadata().unwrap().len() > 0);
    }
}
