//! Parquet files of others. What a file says of itself is looked at before its library is given it, pages are read and unpacked by
//! [`pages`], within bounds, and the library decodes them, so many rows at a time.

mod codec;
mod footer;
mod pages;
mod values;

use super::column::{Column, ValueKind, type_name};
use super::{Batch, Batches, DescribedColumn, Schema, batch_rows, contained, damaged};
use crate::Result;
use crate::import::input::Part;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ParquetMetaData;
use arrow_schema::DataType;
use pages::{PageSource, Pages};
use std::path::PathBuf;
use std::sync::Arc;
use tickloom_catalog::META_KEY;
use values::ValueReader;

const EXPECTED: &str = "a whole Parquet file";

/// What a file says of its columns.
pub(super) fn schema(part: &Part) -> Result<Schema> {
    let footer = Footer::read(part)?;
    let known = footer.meta.file_metadata().key_value_metadata();
    let is_own = known.is_some_and(|known| known.iter().any(|pair| pair.key == META_KEY));
    let leaves = footer.leaves();
    let columns = footer
        .types
        .iter()
        .zip(&leaves)
        .map(|((name, data_type), leaf)| DescribedColumn {
            name: name.clone(),
            kind: match leaf {
                Some(_) => ValueKind::of(data_type),
                None => ValueKind::Unread,
            },
            type_name: type_name(data_type),
            is_partition: false,
        });
    Ok(Schema {
        columns: columns.collect(),
        is_own,
    })
}

/// Opens a file to read some of its columns.
pub(super) fn open(part: &Part, wanted: &[bool]) -> Result<Box<dyn Batches>> {
    let footer = Footer::read(part)?;
    let leaves = footer.leaves();
    let columns = (0..wanted.len()).filter(|at| wanted[*at]).filter_map(|at| {
        let data_type = footer.types.get(at)?.1.clone();
        let leaf = leaves.get(at).copied().flatten()?;
        Some(WantedColumn {
            at,
            leaf,
            data_type,
        })
    });
    Ok(Box::new(ParquetBatches {
        wanted: columns.collect(),
        source: Arc::new(PageSource::new(part)?),
        path: part.path().to_owned(),
        meta: footer.meta,
        columns: wanted.len(),
        group: 0,
        open: None,
    }))
}

/// What a file says of itself.
struct Footer {
    meta: Arc<ParquetMetaData>,
    /// Names and types of the columns.
    types: Vec<(String, DataType)>,
}

impl Footer {
    fn read(part: &Part) -> Result<Footer> {
        let path = part.path();
        let bytes = footer::read(part)?;
        let meta = contained(path, EXPECTED, || {
            ::parquet::file::metadata::ParquetMetaDataReader::decode_metadata(&bytes)
        })?;
        let meta = Arc::new(meta);
        let read = |options: ArrowReaderOptions| {
            contained(path, EXPECTED, || {
                ArrowReaderMetadata::try_new(Arc::clone(&meta), options)
            })
        };
        // What a program says of its types beside those of Parquet may be wrong, and then does not count.
        let read = read(ArrowReaderOptions::new())
            .or_else(|_| read(ArrowReaderOptions::new().with_skip_arrow_metadata(true)))?;
        let fields = read.schema().fields().iter();
        Ok(Footer {
            types: fields
                .map(|field| (field.name().clone(), field.data_type().clone()))
                .collect(),
            meta,
        })
    }

    /// The place of each column among those that have values; of one that is nested, none.
    fn leaves(&self) -> Vec<Option<usize>> {
        let schema = self.meta.file_metadata().schema_descr();
        let mut leaves = vec![None; self.types.len()];
        for leaf in 0..schema.num_columns() {
            let column = schema.column(leaf);
            let is_flat = column.max_rep_level() == 0 && column.path().parts().len() == 1;
            if let Some(place) = leaves
                .get_mut(schema.get_column_root_idx(leaf))
                .filter(|_| is_flat)
            {
                *place = Some(leaf);
            }
        }
        leaves
    }
}

/// A column that is read: its place among all, and among those that have values.
struct WantedColumn {
    at: usize,
    leaf: usize,
    data_type: DataType,
}

/// The rows of a file.
struct ParquetBatches {
    source: Arc<PageSource>,
    path: PathBuf,
    meta: Arc<ParquetMetaData>,
    wanted: Vec<WantedColumn>,
    /// All columns.
    columns: usize,
    /// The row group that comes next.
    group: usize,
    open: Option<OpenGroup>,
}

/// A row group that is being read.
struct OpenGroup {
    readers: Vec<ValueReader>,
    /// Rows that are left.
    rows: usize,
}

impl ParquetBatches {
    /// Begins with the next row group, if there is one.
    fn open_group(&self) -> Result<Option<OpenGroup>> {
        if self.group >= self.meta.num_row_groups() {
            return Ok(None);
        }
        let wrong = |found: String| damaged(&self.path, &found, EXPECTED);
        let group = self.meta.row_group(self.group);
        let rows = group.num_rows();
        let rows =
            usize::try_from(rows).map_err(|_| wrong(format!("a row group of {rows} rows")))?;
        let readers = self.wanted.iter().map(|wanted| {
            let chunk = group.columns().get(wanted.leaf);
            let chunk = chunk.ok_or_else(|| "a row group without all columns".to_owned())?;
            let pages = Pages::new(&self.source, chunk)?;
            Ok(ValueReader::new(chunk, pages, &wanted.data_type))
        });
        let readers: Result<Vec<ValueReader>, String> = readers.collect();
        Ok(Some(OpenGroup {
            readers: readers.map_err(wrong)?,
            rows,
        }))
    }
}

impl Batches for ParquetBatches {
    fn next(&mut self) -> Result<Option<Batch>> {
        while self.open.as_ref().is_none_or(|open| open.rows == 0) {
            self.open = self.open_group()?;
            self.group += 1;
            if self.open.is_none() {
                return Ok(None);
            }
        }
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        let rows = batch_rows().min(open.rows);
        open.rows -= rows;
        let mut columns = vec![Column::unread(); self.columns];
        let (readers, wanted) = (&mut open.readers, &self.wanted);
        contained(&self.path, EXPECTED, || {
            for (reader, wanted) in readers.iter_mut().zip(wanted) {
                columns[wanted.at] = reader.read(rows)?;
            }
            Ok::<_, ParquetError>(())
        })?;
        Ok(Some(Batch { columns, rows }))
    }
}
