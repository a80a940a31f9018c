//! What an outside reader of the catalog's files has to know: which files count, what is in them, and the type of each column.
//! Opens no Parquet file: all of it is in the index.

use super::column::{Codec, Column};
use super::key::Key;
use super::table::COMMON;
use super::{Catalog, NUMBER, Table};
use crate::Result;
use std::path::PathBuf;
use tickloom_types::{BarSpec, Ts};

/// A whole file of a table, as the index lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRange {
    /// Below the catalog's root.
    pub path: PathBuf,
    /// The run or import it belongs to.
    pub run: String,
    /// The instrument of all its rows; `None` for records of a source as a whole.
    pub instrument: Option<String>,
    /// The size, for bars.
    pub bar: Option<BarSpec>,
    /// Earliest `ts_event`.
    pub from: Ts,
    /// Latest `ts_event`.
    pub to: Ts,
    /// Number of rows.
    pub rows: u64,
    /// Version of its schema: those from 3 on have the columns `held` and `more` after those of [`Table::outline`];
    /// in those before 4 `number` is called [`FileRange::NUMBER_BEFORE`].
    pub schema: u32,
    /// Places of its first and last row in the run.
    keys: (Key, Key),
    /// Names this writing of it in the cache.
    cache_id: u64,
}

impl FileRange {
    /// What the column `number` is called in files of the schema versions before 4.
    pub const NUMBER_BEFORE: &str = super::stored::NUMBER_BEFORE;

    /// What a column of [`Table::outline`] is called in this file.
    #[must_use]
    pub fn column<'a>(&self, name: &'a str) -> &'a str {
        match name == NUMBER {
            true => super::stored::number_column(self.schema),
            false => name,
        }
    }

    /// Names this writing of it in the cache.
    pub(crate) fn cache_id(&self) -> u64 {
        self.cache_id
    }

    /// Whether each of its rows comes before each of the other's in time, or at the same time in the same run by sequence.
    #[must_use]
    pub fn precedes(&self, other: &FileRange) -> bool {
        let is_before_in_run = self.run == other.run && self.keys.1 < other.keys.0;
        self.to < other.from || self.to == other.from && is_before_in_run
    }
}

/// The type of a column, as an outside reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Nanoseconds, UTC.
    Time,
    /// A number with so many decimals, of 38 digits in all.
    Decimal(u8),
    /// An unsigned number of 64 bits.
    U64,
    /// A signed number of 64 bits.
    I64,
    /// An unsigned number of 32 bits.
    U32,
    /// An unsigned number of 8 bits.
    U8,
    /// A binary float of 64 bits.
    F64,
    /// True or false.
    Bool,
    /// A text of few different values.
    Word,
}

impl Table {
    /// Its columns and their types, in the order of its files.
    #[must_use]
    pub fn outline(self) -> Vec<(&'static str, ColumnType)> {
        let common = |name: &'static str| match name {
            "ts_event" | "ts_recv" => (name, ColumnType::Time),
            "seq" => (name, ColumnType::U64),
            "flags" => (name, ColumnType::U8),
            name => (name, ColumnType::Word),
        };
        let mut columns: Vec<_> = COMMON.iter().map(|name| common(name)).collect();
        if self.is_output() {
            columns.push((NUMBER, ColumnType::U64));
        }
        if self.is_bars() {
            columns.push(("bar_spec", ColumnType::Word));
        }
        columns.extend(self.columns().iter().map(|c| (c.name, outside(c))));
        columns
    }
}

fn outside(column: &Column) -> ColumnType {
    match column.codec {
        Codec::Price | Codec::Qty | Codec::Money9 => ColumnType::Decimal(9),
        Codec::Money18 => ColumnType::Decimal(18),
        Codec::U64 => ColumnType::U64,
        Codec::I64 => ColumnType::I64,
        Codec::U32 => ColumnType::U32,
        Codec::U8 => ColumnType::U8,
        Codec::F64 => ColumnType::F64,
        Codec::Bool => ColumnType::Bool,
        Codec::Word(_) | Codec::Name(_) => ColumnType::Word,
    }
}

impl Catalog {
    /// The files of a table that are whole, by instrument, bar size, time and run.
    ///
    /// # Errors
    /// As [`Catalog::runs`].
    pub fn files(&self, table: Table) -> Result<Vec<FileRange>> {
        let mut files = Vec::new();
        for (_, index) in self.indexes()? {
            let wanted = index.into_wanted(|meta| meta.table == table);
            files.extend(wanted.into_iter().map(|wanted| {
                let meta = wanted.file.meta;
                FileRange {
                    path: wanted.file.path,
                    run: meta.run,
                    instrument: meta.instrument.map(|def| def.name),
                    bar: meta.bar,
                    from: meta.ts_min,
                    to: meta.ts_max,
                    rows: meta.rows,
                    schema: meta.schema,
                    keys: (meta.first, meta.last),
                    cache_id: wanted.cache_id,
                }
            }));
        }
        files.sort_by(|a, b| {
            let key = |f: &FileRange| (f.instrument.clone(), f.bar, f.from, f.run.clone());
            key(a).cmp(&key(b)).then_with(|| a.path.cmp(&b.path))
        });
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::DataType;

    #[test]
    fn the_outline_is_that_of_the_files() {
        for table in Table::ALL {
            let schema = table.schema();
            let outline = table.outline();
            assert_eq!(schema.fields().len(), outline.len(), "{table}");
            for (field, (name, kind)) in schema.fields().iter().zip(outline) {
                assert_eq!(field.name(), name);
                let is_same = match (field.data_type(), kind) {
                    (DataType::Decimal128(38, scale), ColumnType::Decimal(decimals)) => {
                        u8::try_from(*scale) == Ok(decimals)
                    }
                    (DataType::Timestamp(..), ColumnType::Time)
                    | (DataType::Dictionary(..), ColumnType::Word)
                    | (DataType::UInt64, ColumnType::U64)
                    | (DataType::Int64, ColumnType::I64)
                    | (DataType::UInt32, ColumnType::U32)
                    | (DataType::UInt8, ColumnType::U8)
                    | (DataType::Float64, ColumnType::F64)
                    | (DataType::Boolean, ColumnType::Bool) => true,
                    _ => false,
                };
                assert!(is_same, "{table}.{name}: {:?}, {kind:?}", field.data_type());
            }
        }
    }
}
