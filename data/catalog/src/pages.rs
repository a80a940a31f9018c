//! Which rows of a Parquet file may have a wanted time, by what the file says of its row groups and pages. Not here: reading them.

use super::Table;
use super::chunks::Chunks;
use super::file_meta::FileMeta;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask};
use parquet::file::metadata::{
    ColumnChunkMask, PageIndexPolicy, ParquetMetaData, ParquetMetaDataOptions,
    ParquetMetaDataReader, ParquetStatisticsPolicy,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::SchemaDescriptor;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, PoisonError};

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
    let options = ParquetMetaDataOptions::new()
        .with_column_stats_policy(ParquetStatisticsPolicy::skip_except(&[TS_EVENT]))
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let footer = ParquetMetaDataReader::new()
        .with_metadata_options(Some(options))
        .with_page_index_policy(policy)
        .with_offset_index_mask(ColumnChunkMask::columns(layout.wanted.clone()))
        .with_column_index_mask(ColumnChunkMask::columns([TS_EVENT]))
        .parse_and_finish(chunks)?;
    let is_same = footer.file_metadata().schema_descr().columns() == layout.columns.columns();
    Ok(is_same.then_some(footer))
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
