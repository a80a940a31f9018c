//! Files that tests write, and what was read of them.

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow_schema::Schema;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tickloom_formats::{FileRecords, FormatError, ImportOptions, Input};
use tickloom_types::{Kind, LevelBody, QuoteBody, Record, TradeBody, Ts};

pub(crate) type Columns = Vec<(&'static str, ArrayRef)>;

pub(crate) fn batch(columns: &Columns) -> RecordBatch {
    RecordBatch::try_from_iter(columns.clone()).unwrap()
}

pub(crate) fn parquet_of(batch: &RecordBatch, group_rows: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_rows))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub(crate) fn arrow_of(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let schema: Arc<Schema> = batch.schema();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(&mut bytes, &schema).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

/// Reads columns as a Parquet file of this name, in row groups of three rows.
pub(crate) fn read_as(
    name: &str,
    columns: &Columns,
    options: &ImportOptions,
) -> Result<FileRecords, FormatError> {
    let bytes = parquet_of(&batch(columns), 3);
    let path = PathBuf::from(name);
    let parquet = Input::bytes(&path, bytes).read(options);
    // The same columns are the same rows as Arrow.
    let arrow = Input::bytes(&path, arrow_of(&batch(columns))).read(options);
    match (&parquet, &arrow) {
        (Ok(parquet), Ok(arrow)) => {
            assert_eq!(parquet.records, arrow.records);
            assert_eq!(parquet.report.errors, arrow.report.errors);
            assert_eq!(parquet.report.notes, arrow.report.notes);
        }
        (Err(parquet), Err(arrow)) => {
            let arrow = arrow.to_string().replace("an Arrow file", "a Parquet file");
            assert_eq!(
                parquet.to_string(),
                arrow.replace("format arrow", "format parquet")
            );
        }
        _ => panic!("{parquet:?} {arrow:?}"),
    }
    parquet
}

pub(crate) fn read(columns: &Columns) -> Result<FileRecords, FormatError> {
    read_as("ABC.parquet", columns, &ImportOptions::default())
}

pub(crate) fn refused(columns: &Columns, options: &ImportOptions) -> String {
    read_as("ABC.parquet", columns, options)
        .unwrap_err()
        .to_string()
}

/// Milliseconds without a zone, of these seconds after 2024-01-02T09:30.
pub(crate) fn times(seconds: &[i64]) -> ArrayRef {
    let values = seconds
        .iter()
        .map(|seconds| (1_704_187_800 + seconds) * 1_000);
    Arc::new(TimestampMillisecondArray::from_iter_values(values))
}

pub(crate) fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

pub(crate) fn wholes(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub(crate) fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// A record as a line: the seconds after 2024-01-02T09:30, its instrument, and what it says with the decimals of its instrument.
pub(crate) fn lines(file: &FileRecords) -> Vec<String> {
    let first = Ts::parse("2024-01-02T09:30:00Z").unwrap().0;
    let line = |record: &Record| {
        let def = file.instruments.get(record.instrument()).unwrap();
        let price = |mantissa| crate::number(mantissa, def.price_decimals);
        let qty = |mantissa| crate::number(mantissa, def.qty_decimals);
        let seconds = (record.ts_event().0 - first) / 1_000_000_000;
        let says = match record.kind() {
            Some(Kind::Quote) => {
                let quote = QuoteBody::of(record);
                format!(
                    "{} x {} / {} x {}",
                    price(quote.bid),
                    qty(quote.bid_qty),
                    price(quote.ask),
                    qty(quote.ask_qty)
                )
            }
            Some(Kind::Trade) => {
                let trade = TradeBody::of(record);
                format!(
                    "{} x {} side {} id {}",
                    price(trade.price),
                    qty(trade.qty),
                    trade.side,
                    trade.trade_id
                )
            }
            Some(Kind::Level) => {
                let level = LevelBody::of(record);
                format!(
                    "{} x {} side {} clear {}",
                    price(level.price),
                    qty(level.qty),
                    level.side,
                    level.clear
                )
            }
            _ => {
                let bar = tickloom_types::BarBody::of(record);
                let prices = [bar.open, bar.high, bar.low, bar.close]
                    .map(price)
                    .join(" ");
                format!("{prices} x {}", qty(bar.volume))
            }
        };
        format!("{seconds} {} {says}", def.name)
    };
    file.records.iter().map(line).collect()
}

/// Bars of a minute, of which the close is one of these prices, and all else follows from it.
pub(crate) fn bars(closes: &[f64]) -> Columns {
    let seconds: Vec<i64> = (0..).step_by(60).take(closes.len()).collect();
    let volumes: Vec<i64> = (0..).map(|at| 5 + at).take(closes.len()).collect();
    vec![
        ("time", times(&seconds)),
        ("open", floats(closes)),
        ("high", floats(closes)),
        ("low", floats(closes)),
        ("close", floats(closes)),
        ("volume", wholes(&volumes)),
    ]
}

pub(crate) fn write(folder: &Path, name: &str, columns: &Columns) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, parquet_of(&batch(columns), 1_000)).unwrap();
}
