//! What is encoded here is what the library encodes: the same values, the same statistics of columns and pages, and no more bytes.

use super::GroupWriter;
use crate::Table;
use crate::limits::PARQUET_PAGE_ROWS;
use crate::properties::properties;
use crate::words::{word_array, word_type};
use arrow_array::{
    ArrayRef, Decimal128Array, Int32Array, RecordBatch, UInt8Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use proptest::prelude::*;
use std::sync::Arc;

fn schema() -> Arc<Schema> {
    let field = |name: &str, data_type, nullable| Field::new(name, data_type, nullable);
    Arc::new(Schema::new(vec![
        field("price", DataType::Decimal128(38, 9), false),
        field("flags", DataType::UInt8, false),
        field("held", DataType::UInt64, false),
        field("more", DataType::Int32, false),
        field("signal", DataType::UInt32, false),
        field("source", word_type(), false),
        field("side", word_type(), true),
        field("cause", DataType::UInt64, false),
    ]))
}

/// A row: its numbers, and the words of it.
type Row = (i128, u8, u64, i32, u32, u8, Option<u8>);

const WORDS: [&str; 4] = ["sell", "buy", "", "a longer word"];

fn arrays(rows: &[Row]) -> Vec<ArrayRef> {
    // The same words in another order, as batches may have them.
    let turn = rows.len() % WORDS.len();
    let key = |word: u8| {
        Some(i32::try_from((usize::from(word) + WORDS.len() - turn) % WORDS.len()).unwrap())
    };
    let words = || (0..WORDS.len()).map(move |at| WORDS[(at + turn) % WORDS.len()]);
    let price = Decimal128Array::from_iter_values(rows.iter().map(|row| row.0));
    vec![
        Arc::new(price.with_precision_and_scale(38, 9).unwrap()),
        Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| row.1))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.2))),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.3))),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.4))),
        word_array(rows.iter().map(|row| key(row.5 % 4)), words()),
        word_array(
            rows.iter().map(|row| row.6.and_then(|word| key(word % 4))),
            words(),
        ),
        Arc::new(UInt64Array::from_iter_values(
            (0..rows.len() as u64).map(|n| n * 3),
        )),
    ]
}

fn library(rows: &[Row], at_once: usize) -> Bytes {
    let mut writer =
        ArrowWriter::try_new(Vec::new(), schema(), Some(properties(Table::Signals))).unwrap();
    for rows in rows.chunks(at_once) {
        writer
            .write(&RecordBatch::try_new(schema(), arrays(rows)).unwrap())
            .unwrap();
    }
    writer.into_inner().unwrap().into()
}

fn own(rows: &[Row], at_once: usize) -> Bytes {
    let writer =
        ArrowWriter::try_new(Vec::new(), schema(), Some(properties(Table::Signals))).unwrap();
    let (mut file, factory) = writer.into_serialized_writer().unwrap();
    let stored = (file.schema_descr(), &**file.properties());
    let mut group = GroupWriter::new(&factory, 0, &schema(), stored).unwrap();
    for rows in rows.chunks(at_once) {
        group.write(&schema(), &arrays(rows)).unwrap();
    }
    assert_eq!(group.rows(), rows.len());
    group.close(&mut file).unwrap();
    file.into_inner().unwrap().into()
}

fn metadata(file: &Bytes) -> ParquetMetaData {
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(file).unwrap();
    reader.finish().unwrap()
}

fn read(file: Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batches: Vec<RecordBatch> = reader
        .with_batch_size(1 << 20)
        .build()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let [batch] = batches.as_slice() else {
        panic!("{} batches", batches.len());
    };
    batch.clone()
}

/// How many columns have plain pages.
fn agree(rows: &[Row], at_once: usize) -> usize {
    let (own, library) = (own(rows, at_once), library(rows, at_once));
    let (ours, theirs) = (metadata(&own), metadata(&library));
    // Words are looked at by what they are, wherever they are listed.
    let [a, b] = [own.clone(), library.clone()].map(read);
    let text = |batch: &RecordBatch, at: usize| {
        let word = arrow_array::cast::AsArray::as_dictionary::<arrow_array::types::Int32Type>(
            batch.column(at).as_ref(),
        );
        let words = word.downcast_dict::<arrow_array::StringArray>().unwrap();
        words
            .into_iter()
            .map(|word| word.map(str::to_owned))
            .collect::<Vec<_>>()
    };
    for at in 0..a.num_columns() {
        match a.schema().field(at).data_type() {
            DataType::Dictionary(..) => assert_eq!(text(&a, at), text(&b, at)),
            _ => assert_eq!(a.column(at), b.column(at)),
        }
    }
    assert_eq!(ours.num_row_groups(), 1);
    let mut plain = 0;
    for (place, (our, their)) in ours
        .row_group(0)
        .columns()
        .iter()
        .zip(theirs.row_group(0).columns())
        .enumerate()
    {
        let name = our.column_path();
        assert_eq!(our.num_values(), their.num_values(), "{name}");
        assert_eq!(our.compression(), their.compression(), "{name}");
        assert_eq!(our.column_path(), their.column_path());
        let (mine, other) = (our.statistics().unwrap(), their.statistics().unwrap());
        assert_eq!(mine.min_bytes_opt(), other.min_bytes_opt(), "{name}");
        assert_eq!(mine.max_bytes_opt(), other.max_bytes_opt(), "{name}");
        assert_eq!(mine.null_count_opt(), other.null_count_opt(), "{name}");
        let pages = our.page_encoding_stats_mask();
        plain += usize::from(pages.is_some_and(|pages| pages.is_set(Encoding::PLAIN)));
        let [mine, other] = [our, their].map(|about| {
            let mut encodings: Vec<String> = about.encodings().map(|of| of.to_string()).collect();
            encodings.sort();
            encodings
        });
        assert_eq!(mine, other, "{name}");
        if !at_once.is_multiple_of(PARQUET_PAGE_ROWS) && at_once < rows.len() {
            // Pages of the library end where batches do.
            continue;
        }
        let [mine, other] = [&ours, &theirs].map(|file| {
            let pages = file.page_index_for_row_group(0);
            let rows = pages
                .offset_index(place)
                .unwrap()
                .page_locations()
                .iter()
                .map(|page| page.first_row_index);
            (
                format!("{:?}", pages.column_index(place)),
                rows.collect::<Vec<_>>(),
            )
        });
        assert_eq!(mine, other, "{name}");
    }
    plain
}

#[test]
fn many_pages_of_each_kind() {
    let row = |at: u64| {
        let word = u8::try_from(at / 3_000 % 4).unwrap();
        let price = (i128::from(at) * 7_919 % 2_000 - 900) * 10_i128.pow(7);
        let null = (!at.is_multiple_of(5) && at / 5_000 != 1).then_some(word);
        let held = if at % 9_000 < 4_200 {
            0
        } else {
            u64::MAX - at % 7
        };
        (
            price,
            word,
            held,
            -i32::from(word),
            u32::MAX - u32::from(word),
            word,
            null,
        )
    };
    let rows: Vec<Row> = (0..40_000).map(row).collect();
    assert_eq!(agree(&rows, 8_192), 0);
    assert!(rows.len() > 9 * PARQUET_PAGE_ROWS);
}

/// More different values than a dictionary may have.
#[test]
fn too_many_values_are_written_plain() {
    let row = |at: u64| {
        let price = i128::from(at) * 1_000_000_000_000_000 * (i128::from(at % 2) * 2 - 1);
        (price, 0, at * at, 0, u32::try_from(at).unwrap(), 0, None)
    };
    let rows: Vec<Row> = (0..100_000).map(row).collect();
    assert_eq!(agree(&rows, 8_192), 3);
    assert_eq!(agree(&rows[..8_000], 1_000), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_rows(
        rows in prop::collection::vec((
            prop_oneof![8 => -50_i128..50, 1 => -10_i128.pow(38) + 1..10_i128.pow(38)],
            any::<u8>(),
            prop_oneof![Just(0), any::<u64>()],
            any::<i32>(),
            0_u32..4,
            any::<u8>(),
            prop::option::of(any::<u8>()),
        ), 1..300),
        times in 1_usize..60,
        at_once in prop::sample::select(vec![1_000_usize, 4_096, 8_192]),
    ) {
        let rows: Vec<Row> = rows.iter().copied().cycle().take(rows.len() * times).collect();
        agree(&rows, at_once);
    }
}
