//! A row group: each column encoded here, if it is of a kind for that, or by the library.

use super::chunk::{Chunk, Kind};
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type, Int64Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};
use std::io::Write;

/// A row group that is being written.
pub(crate) struct GroupWriter {
    columns: Vec<ColumnWriter>,
    rows: usize,
}

enum ColumnWriter {
    Own(Box<Chunk>),
    Library(Box<ArrowColumnWriter>),
}

impl GroupWriter {
    /// Begins the row group of this number.
    pub(crate) fn new(
        factory: &ArrowRowGroupWriterFactory,
        number: usize,
        schema: &Schema,
        stored: (&SchemaDescriptor, &WriterProperties),
    ) -> Result<GroupWriter> {
        let library = factory.create_column_writers(number)?;
        let all = library.into_iter().zip(schema.fields());
        let columns = all
            .zip(stored.0.columns())
            .map(
                |((library, field), about)| match kind(field.data_type(), about, stored.1) {
                    Some(kind) => ColumnWriter::Own(Box::new(Chunk::new(about.clone(), kind))),
                    None => ColumnWriter::Library(Box::new(library)),
                },
            );
        Ok(GroupWriter {
            columns: columns.collect(),
            rows: 0,
        })
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that it holds, about.
    pub(crate) fn memory(&self) -> usize {
        let sizes = self.columns.iter().map(|column| match column {
            ColumnWriter::Own(chunk) => chunk.memory(),
            ColumnWriter::Library(writer) => writer.memory_size(),
        });
        sizes.sum()
    }

    /// Takes rows: one array a column, in the order of the schema, of so many rows each.
    pub(crate) fn write(&mut self, schema: &Schema, arrays: &[ArrayRef]) -> Result<()> {
        let rows = arrays.first().map_or(0, |array| array.len());
        let are_all = arrays.len() == self.columns.len() && schema.fields().len() == arrays.len();
        if !are_all || arrays.iter().any(|array| array.len() != rows) {
            return Err(ParquetError::General("columns of other lengths".to_owned()));
        }
        let all = self.columns.iter_mut().zip(arrays).zip(schema.fields());
        for ((column, array), field) in all {
            match column {
                ColumnWriter::Own(chunk) => push(chunk, array)?,
                ColumnWriter::Library(writer) => {
                    for leaf in compute_leaves(field, array)? {
                        writer.write(&leaf)?;
                    }
                }
            }
        }
        self.rows += rows;
        Ok(())
    }

    /// Writes it to its file.
    pub(crate) fn close<W: Write + Send>(self, file: &mut SerializedFileWriter<W>) -> Result<()> {
        let mut group = file.next_row_group()?;
        for column in self.columns {
            match column {
                ColumnWriter::Own(chunk) => {
                    let (bytes, close) = chunk.close()?;
                    group.append_column(&bytes, close)?;
                }
                ColumnWriter::Library(writer) => {
                    writer.close()?.append_to_row_group(&mut group)?;
                }
            }
        }
        group.close().map(|_| ())
    }
}

/// What a column is, if it is encoded here: one that has a dictionary, and nothing beside.
fn kind(
    data_type: &DataType,
    about: &ColumnDescPtr,
    properties: &WriterProperties,
) -> Option<Kind> {
    let path = about.path();
    let is_plain = properties.bloom_filter_properties(path).is_none();
    (properties.dictionary_enabled(path) && is_plain).then_some(())?;
    Some(match data_type {
        DataType::Decimal128(..) => Kind::Decimal,
        DataType::Dictionary(..) => Kind::Words,
        DataType::Int32 | DataType::UInt8 | DataType::UInt32 => Kind::Int32,
        DataType::Int64 | DataType::UInt64 => Kind::Int64,
        _ => return None,
    })
}

fn push(chunk: &mut Chunk, array: &ArrayRef) -> Result<()> {
    macro_rules! push {
        ($type:ty) => {{
            let array = array.as_primitive::<$type>();
            if array.null_count() > 0 {
                return Err(ParquetError::General("a null where none may be".to_owned()));
            }
            chunk.push(array.values().iter().map(|value| Some(i128::from(*value))))
        }};
    }
    match array.data_type() {
        DataType::Decimal128(..) => push!(Decimal128Type),
        DataType::UInt8 => push!(UInt8Type),
        DataType::UInt32 => push!(UInt32Type),
        DataType::UInt64 => push!(UInt64Type),
        DataType::Int32 => push!(Int32Type),
        DataType::Int64 => push!(Int64Type),
        _ => {
            let array = array.as_dictionary::<Int32Type>();
            let words = array.values().as_string::<i32>();
            let places = words
                .iter()
                .map(|word| chunk.word(word.unwrap_or_default()));
            let places = places.collect::<Result<Vec<i128>>>()?;
            let keys = array.keys().iter();
            chunk.push(keys.map(|key| places.get(usize::try_from(key?).ok()?).copied()))
        }
    }
}
