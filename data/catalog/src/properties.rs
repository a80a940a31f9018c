//! How a table's Parquet files are written: compression, encodings, pages, and what is kept beside to find rows by.

use super::encode::ZSTD_LEVEL;
use super::table::{NUMBER, Table};
use crate::limits::{DICTIONARY_BYTES, PARQUET_PAGE_ROWS, ROW_GROUP_ROWS};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

/// How many of the row groups without an order a bloom filter takes for one with it.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;

/// zstd, statistics of each page, and encodings that all common readers know.
///
/// Ranges of pages are enough to find a time, and identifiers that rise. Identifiers of single orders come in any order, so
/// they have a bloom filter beside. Elsewhere it would only take room: a price or a size is in nearly every row group, and
/// words are listed in the dictionary.
pub fn properties(table: Table) -> WriterProperties {
    let dictionary = usize::try_from(DICTIONARY_BYTES).expect("it is small");
    let mut builder = WriterProperties::builder()
        .set_data_page_row_count_limit(PARQUET_PAGE_ROWS)
        .set_write_batch_size(PARQUET_PAGE_ROWS)
        .set_dictionary_page_size_limit(dictionary)
        .set_sorting_columns(Some(sorting(table)))
        .set_compression(Compression::ZSTD(
            ZstdLevel::try_new(ZSTD_LEVEL).expect("1 is a level"),
        ))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by("tickloom".to_owned());
    // Numbers that mostly rise by little: their differences are small, a dictionary of them is not.
    let rising = ["ts_event", "ts_recv", "seq", NUMBER, "cause"];
    let ids = ["trade_id", "update_id", "first_id", "last_id"];
    for name in rising.into_iter().chain(ids) {
        let path = ColumnPath::from(name);
        if table.schema().field_with_name(name).is_ok() {
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    if table == Table::OrderUpdates {
        let path = ColumnPath::from("order_id");
        builder = builder
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_fpp(path, BLOOM_FALSE_POSITIVES);
    }
    builder.build()
}

/// Rows are in the order of their place in the run.
fn sorting(table: Table) -> Vec<SortingColumn> {
    let names = ["seq", NUMBER];
    let places = names.map(|name| table.schema().index_of(name).ok());
    let columns = places.into_iter().flatten().map(|place| SortingColumn {
        column_idx: i32::try_from(place).expect("a table has few columns"),
        descending: false,
        nulls_first: false,
    });
    columns.collect()
}
