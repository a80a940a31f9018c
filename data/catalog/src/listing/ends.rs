//! The first and the last row of what is shown in detail, as their columns and their values in text.

use super::ShownRow;
use crate::chunks::Chunks;
use crate::part::PartFile;
use crate::store::Store;
use crate::{CatalogError, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt8Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tickloom_types::Ts;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

/// The row at one end of a file.
pub(super) fn read_row(store: &Store, file: &PartFile, end: End) -> Result<Option<ShownRow>> {
    let path = store.url(&file.path);
    let chunks = Chunks::open_once(store, &file.path)?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(chunks).map_err(CatalogError::parquet(&path))?;
    let groups = builder.metadata().num_row_groups();
    let group = match end {
        End::First => 0,
        End::Last => groups.saturating_sub(1),
    };
    let batches = builder
        .with_row_groups((group..groups.min(group + 1)).collect())
        .build()
        .map_err(CatalogError::parquet(&path))?;
    let mut row = None;
    for batch in batches {
        let batch = batch.map_err(CatalogError::parquet(&path))?;
        if batch.num_rows() == 0 {
            continue;
        }
        match end {
            End::First => return Ok(Some(in_words(&batch, 0))),
            End::Last => row = Some(in_words(&batch, batch.num_rows() - 1)),
        }
    }
    Ok(row)
}

fn in_words(batch: &RecordBatch, row: usize) -> ShownRow {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns
        .filter(|(_, column)| !column.is_null(row))
        .map(|(field, column)| (field.name().clone(), value(column, row)))
        .collect()
}

/// A value in text. The tables have columns of these types only.
fn value(column: &dyn Array, row: usize) -> String {
    match column.data_type() {
        DataType::Timestamp(..) => {
            Ts(column.as_primitive::<TimestampNanosecondType>().value(row)).to_string()
        }
        DataType::Decimal128(..) => {
            let text = column.as_primitive::<Decimal128Type>().value_as_string(row);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        DataType::Dictionary(..) => {
            let words = column.as_dictionary::<Int32Type>();
            let at = words.key(row).unwrap_or(0);
            words.values().as_string::<i32>().value(at).to_owned()
        }
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        other => format!("({other})"),
    }
}
