//! Which rows of a Parquet file may have a wanted time, by what the file says of its row groups and pages. Not here: reading them.

use super::Table;
use super::chunks::Chunks;
use super::file_meta::FileMeta;
use super::thrift::Compact;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask};
use parquet::file::metadata::{
    ColumnChunkMask, PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions,
    ParquetMetaDataReader, ParquetStatisticsPolicy,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor};
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Place of `ts_event` in each table.
const TS_EVENT: usize = 0;

/// Rows of a row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupRows {
    pub(crate) group: usize,
    pub(crate) rows: Range<usize>,
}

/// Positions of the columns that are read: all but those that are the same in a whole file, and names.
pub(crate) fn wanted_columns(table: Table, version: u32) -> Vec<usize> {
    let names: Vec<_> = table.columns().iter().filter(|c| !c.is_read()).collect();
    let schema = table.stored(version);
    let wanted = schema.fields().iter().enumerate().filter(|(_, field)| {
        !matches!(field.name().as_str(), "run" | "instrument" | "bar_spec")
            && names.iter().all(|c| c.name != field.name())
    });
    wanted.map(|(at, _)| at).collect()
}

/// What of a footer is read: where the pages of wanted columns are, and the times in them.
pub(crate) fn footer_options(table: Table, version: u32) -> ArrowReaderOptions {
    ArrowReaderOptions::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .with_offset_index_mask(ColumnChunkMask::columns(wanted_columns(table, version)))
        .with_column_index_mask(ColumnChunkMask::columns([TS_EVENT]))
}

/// The columns of the files of one table and version.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Positions of those that are read.
    pub(crate) wanted: Vec<usize>,
    /// All of them.
    columns: SchemaDescriptor,
    /// How files whose columns are these begin to speak of themselves, once one was read.
    seen: OnceLock<Seen>,
}

/// What a file says of itself up to the end of its columns, and what the library made of these.
#[derive(Debug)]
struct Seen {
    begin: Bytes,
    columns: SchemaDescPtr,
}

impl Layout {
    /// The columns of a file in memory, if it says them in the very bytes of one that was read before.
    fn seen(&self, footer: Option<&Bytes>) -> Option<SchemaDescPtr> {
        let (seen, footer) = self.seen.get().zip(footer)?;
        footer
            .starts_with(&seen.begin)
            .then(|| Arc::clone(&seen.columns))
    }

    #[cfg(test)]
    pub(crate) fn has_seen(&self) -> bool {
        self.seen.get().is_some()
    }

    /// Remembers how a file says that its columns are these.
    fn see(&self, footer: Option<Bytes>, columns: SchemaDescPtr) {
        let begin = footer.and_then(|footer| {
            let begin = footer.get(..end_of_columns(&footer)?)?;
            Some(Bytes::copy_from_slice(begin))
        });
        if let Some(begin) = begin {
            self.seen.get_or_init(|| Seen { begin, columns });
        }
    }
}

/// What a file in memory says of itself; `None` if that is not how such files end.
fn footer_bytes(chunks: &Chunks) -> Option<Bytes> {
    let Chunks::Held(file) = chunks else {
        return None;
    };
    let (rest, tail) = file.split_last_chunk::<8>()?;
    let (length, magic) = tail.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let from = rest.len().checked_sub(length)?;
    (magic == b"PAR1").then(|| file.slice(from..rest.len()))
}

/// Where what a file says of its columns ends.
/// <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>
fn end_of_columns(footer: &[u8]) -> Option<usize> {
    const SCHEMA: i64 = 2;
    let mut end = None;
    // What comes after it is not looked at.
    let _ = Compact::new(footer).fields(|compact, id, kind| {
        if id != SCHEMA {
            return Some(false);
        }
        compact.skip(kind, 0)?;
        end = Some(compact.position());
        None
    });
    end
}

/// The layouts of files that were read.
#[derive(Debug, Default)]
pub(crate) struct Layouts(Mutex<BTreeMap<(Table, u32), Arc<Layout>>>);

impl Layouts {
    /// That of a table and a version.
    pub(crate) fn get(&self, table: Table, version: u32) -> parquet::errors::Result<Arc<Layout>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layout) = known.get(&(table, version)) {
            return Ok(Arc::clone(layout));
        }
        let layout = Arc::new(Layout {
            wanted: wanted_columns(table, version),
            columns: ArrowSchemaConverter::new().convert(&table.stored(version))?,
            seen: OnceLock::new(),
        });
        known.insert((table, version), Arc::clone(&layout));
        Ok(layout)
    }
}

/// What a file says of its row groups, if its columns are those of its version; where its pages are only if not all rows are wanted.
pub(crate) fn read_footer(
    chunks: &Chunks,
    about: &FileMeta,
    layout: &Layout,
    times: &RangeInclusive<i64>,
) -> parquet::errors::Result<Option<ParquetMetaData>> {
    let is_whole = times.contains(&about.ts_min.0) && times.contains(&about.ts_max.0);
    let policy = match is_whole {
        true => PageIndexPolicy::Skip,
        false => PageIndexPolicy::Optional,
    };
    let bytes = footer_bytes(chunks);
    let seen = layout.seen(bytes.as_ref());
    let is_seen = seen.is_some();
    let mut options = ParquetMetaDataOptions::new()
        .with_column_stats_policy(ParquetStatisticsPolicy::skip_except(&[TS_EVENT]))
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    if let Some(columns) = seen {
        options.set_schema(columns);
    }
    let footer = ParquetMetaDataReader::new()
        .with_metadata_options(Some(options))
        .with_page_index_policy(policy)
        .with_offset_index_mask(ColumnChunkMask::columns(layout.wanted.clone()))
        .with_column_index_mask(ColumnChunkMask::columns([TS_EVENT]))
        .parse_and_finish(chunks)?;
    if is_seen {
        return Ok(Some(footer));
    }
    let columns = footer.file_metadata().schema_descr_ptr();
    if columns.columns() != layout.columns.columns() {
        return Ok(None);
    }
    layout.see(bytes, columns);
    Ok(Some(footer))
}

/// The columns of a table that are read.
pub(crate) fn projection(meta: &ParquetMetaData, table: Table, version: u32) -> ProjectionMask {
    let columns = wanted_columns(table, version);
    ProjectionMask::leaves(meta.file_metadata().schema_descr(), columns)
}

/// Rows that may have these times: in each row group from the first page that may to the last.
pub(crate) fn wanted_rows(meta: &ParquetMetaData, times: &RangeInclusive<i64>) -> Vec<GroupRows> {
    let mut wanted = Vec::new();
    for (group, about) in meta.row_groups().iter().enumerate() {
        let Ok(all) = usize::try_from(about.num_rows()) else {
            continue;
        };
        let range = match about.column(TS_EVENT).statistics() {
            Some(Statistics::Int64(range)) => range.min_opt().zip(range.max_opt()),
            _ => None,
        };
        let rows = match range {
            Some((min, max)) if min > times.end() || max < times.start() => continue,
            Some((min, max)) if times.contains(min) && times.contains(max) => 0..all,
            _ => wanted_pages(meta, group, times).unwrap_or(0..all),
        };
        wanted.push(GroupRows { group, rows });
    }
    wanted
}

/// From the first page with a wanted time to the last; `None` if the file does not say, an empty range if there is none.
fn wanted_pages(
    meta: &ParquetMetaData,
    group: usize,
    times: &RangeInclusive<i64>,
) -> Option<Range<usize>> {
    let all = usize::try_from(meta.row_groups()[group].num_rows()).ok()?;
    let index = meta.page_index_for_row_group(group);
    let ColumnIndexMetaData::INT64(ranges) = index.column_index(TS_EVENT)? else {
        return None;
    };
    let pages = index.offset_index(TS_EVENT)?.page_locations();
    let may_hold = |page: &usize| match (ranges.min_value(*page), ranges.max_value(*page)) {
        (Some(min), Some(max)) => min <= times.end() && max >= times.start(),
        _ => true,
    };
    let mut wanted = (0..pages.len()).filter(may_hold);
    let Some(first) = wanted.next() else {
        return Some(0..0);
    };
    let last = wanted.next_back().unwrap_or(first);
    let row = |page: usize| match pages.get(page) {
        Some(place) => usize::try_from(place.first_row_index).ok(),
        None => Some(all),
    };
    let (from, to) = (row(first)?, row(last + 1)?);
    (from <= to && to <= all).then_some(from..to)
}
