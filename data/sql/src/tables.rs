//! The catalog's tables as the engine sees them: only files that the index lists, times without a zone (they are all UTC), words
//! as texts, and null for a price that is none.

use crate::bounds::Bounds;
use crate::error::SqlError;
use crate::order::TIME;
use crate::remote::{Faults, Remote};
use polars::prelude::*;
use tickloom_catalog::column::Codec;
use tickloom_catalog::{Beside, Catalog, ColumnType, FileRange, NoPrice, Table};
use tickloom_types::Ts;

/// The engine's type of a column.
pub(crate) fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Time => DataType::Datetime(TimeUnit::Nanoseconds, None),
        ColumnType::Decimal(scale) => DataType::Decimal(38, usize::from(scale)),
        ColumnType::U64 => DataType::UInt64,
        ColumnType::I64 => DataType::Int64,
        ColumnType::U32 => DataType::UInt32,
        ColumnType::U8 => DataType::UInt8,
        ColumnType::F64 => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Word => DataType::String,
    }
}

/// Bytes of a value of a column in memory, about.
pub(crate) fn width(kind: ColumnType) -> u64 {
    match kind {
        ColumnType::Decimal(_) | ColumnType::Word => 16,
        ColumnType::Time | ColumnType::U64 | ColumnType::I64 | ColumnType::F64 => 8,
        ColumnType::U32 => 4,
        ColumnType::U8 | ColumnType::Bool => 1,
    }
}

/// How SQL names the type of a column.
pub(crate) fn type_name(kind: ColumnType) -> String {
    match kind {
        ColumnType::Time => "TIMESTAMP(9)".to_owned(),
        ColumnType::Decimal(scale) => format!("DECIMAL(38,{scale})"),
        ColumnType::U64 => "UBIGINT".to_owned(),
        ColumnType::I64 => "BIGINT".to_owned(),
        ColumnType::U32 => "UINTEGER".to_owned(),
        ColumnType::U8 => "UTINYINT".to_owned(),
        ColumnType::F64 => "DOUBLE".to_owned(),
        ColumnType::Bool => "BOOLEAN".to_owned(),
        ColumnType::Word => "VARCHAR".to_owned(),
    }
}

/// The rows of these files of a table that the bounds admit, and perhaps more; not read yet. What goes wrong in an object store while they
/// are read is in `faults`.
///
/// # Errors
/// [`SqlError::Engine`].
pub(crate) fn scan(
    catalog: &Catalog,
    table: Table,
    files: &[FileRange],
    bounds: &Bounds,
    faults: &Faults,
) -> Result<LazyFrame, SqlError> {
    let mut frames = Vec::new();
    for files in files.chunk_by(|a, b| (&a.instrument, a.schema) == (&b.instrument, b.schema)) {
        frames.push(if catalog.is_remote() {
            let remote = Remote {
                catalog: catalog.clone(),
                table,
                files: files.to_vec(),
                bounds: bounds.clone(),
                faults: faults.clone(),
            };
            remote.frame()?
        } else {
            opened(paths(catalog, files)?, bounds)?.select(columns(table, files, None))
        });
    }
    match frames.len() {
        0 => Ok(empty(table)),
        1 => Ok(frames.remove(0)),
        _ => concat(frames, UnionArgs::default()).map_err(engine),
    }
}

/// Columns of a table from those of files of one instrument and schema: all, or these in their order.
pub(crate) fn columns(table: Table, files: &[FileRange], names: Option<&[&str]>) -> Vec<Expr> {
    let outline = table.outline();
    let expression = |(name, kind): &(&str, ColumnType)| match kind {
        ColumnType::Word if *name == "instrument" => {
            let name = files.first().and_then(|file| file.instrument.clone());
            let value = name.map_or(lit(NULL), lit);
            value.cast(DataType::String).alias("instrument")
        }
        ColumnType::Word | ColumnType::Time => col(*name).cast(data_type(*kind)),
        _ => match table.no_price(name) {
            Some(no_price) => price_or_null(name, &no_price),
            None => {
                let stored = files.first().map_or(*name, |file| file.column(name));
                if stored == *name {
                    col(*name)
                } else {
                    col(stored).alias(*name)
                }
            }
        },
    };
    match names {
        None => outline.iter().map(expression).collect(),
        Some(names) => {
            let named = names.iter();
            let known = named.filter_map(|name| outline.iter().find(|(known, _)| known == name));
            known.map(expression).collect()
        }
    }
}

/// The columns of files of which a column of their table is made.
pub(crate) fn stored<'a>(table: Table, files: &[FileRange], name: &'a str) -> Vec<&'a str> {
    if name == "instrument" {
        return Vec::new();
    }
    let mut stored = vec![files.first().map_or(name, |file| file.column(name))];
    if let Some(no_price) = table.no_price(name) {
        stored.extend(no_price.beside().iter().map(|beside| beside.column.name));
    }
    stored
}

/// A price, which is none where what is beside it says so.
fn price_or_null(price: &str, no_price: &NoPrice) -> Expr {
    let says_so = no_price.beside().iter().map(says_so);
    let is_none = says_so.fold(col(price).eq(lit(0)), Expr::and);
    when(is_none)
        .then(lit(NULL))
        .otherwise(col(price))
        .alias(price)
}

/// Whether a column says that there may be no price beside it.
fn says_so(beside: &Beside) -> Expr {
    let column = col(beside.column.name);
    let words = beside.words().into_iter();
    let is_word = |word: &'static str| column.clone().cast(DataType::String).eq(lit(word));
    let is_number = match beside.column.codec {
        Codec::Bool => column.clone(),
        _ => column.clone().eq(lit(0)),
    };
    words.map(is_word).reduce(Expr::or).unwrap_or(is_number)
}

/// The times of a file's rows that the bounds admit; `None` if it is in an object store, from where it would be fetched twice.
///
/// # Errors
/// [`SqlError::Engine`].
pub(crate) fn times_of(
    catalog: &Catalog,
    file: &FileRange,
    bounds: &Bounds,
) -> Result<Option<LazyFrame>, SqlError> {
    if catalog.is_remote() {
        return Ok(None);
    }
    let sources = paths(catalog, std::slice::from_ref(file))?;
    Ok(Some(opened(sources, bounds)?.select([col(TIME)])))
}

/// The rows of files as they are in them.
pub(crate) fn opened(sources: ScanSources, bounds: &Bounds) -> Result<LazyFrame, SqlError> {
    let args = ScanArgsParquet {
        hive_options: HiveOptions::new_disabled(),
        glob: false,
        cache: false,
        ..ScanArgsParquet::default()
    };
    let frame = LazyFrame::scan_parquet_sources(sources, args).map_err(engine)?;
    Ok(match times(bounds) {
        Some(condition) => frame.filter(condition),
        None => frame,
    })
}

/// Where files of a directory are.
fn paths(catalog: &Catalog, files: &[FileRange]) -> Result<ScanSources, SqlError> {
    let path = |file: &FileRange| PlRefPath::try_from_path(&catalog.root().join(&file.path));
    let paths: PolarsResult<_> = files.iter().map(path).collect();
    Ok(ScanSources::Paths(paths.map_err(engine)?))
}

/// The bounds of time, on the columns as they are in the files: groups of rows outside are not read.
fn times(bounds: &Bounds) -> Option<Expr> {
    let utc = DataType::Datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC));
    let at = |ts: Ts| lit(ts.0).cast(utc.clone());
    let from = bounds.from.map(|ts| col(TIME).gt_eq(at(ts)));
    let to = bounds.to.map(|ts| col(TIME).lt_eq(at(ts)));
    match (from, to) {
        (Some(from), Some(to)) => Some(from.and(to)),
        (from, to) => from.or(to),
    }
}

fn empty(table: Table) -> LazyFrame {
    let fields = table
        .outline()
        .into_iter()
        .map(|(name, kind)| Field::new(name.into(), data_type(kind)));
    DataFrame::empty_with_schema(&Schema::from_iter(fields)).lazy()
}

/// What the engine says went wrong, on one line.
pub(crate) fn engine(error: PolarsError) -> SqlError {
    SqlError::Engine(said(&error))
}

/// The first line of what the engine says.
pub(crate) fn said(error: &PolarsError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
