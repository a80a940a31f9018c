//! What `export` writes, without what it says of itself, is a file as any other: the same rows where nothing is lost.

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tickloom_catalog::{Catalog, ScanQuery, Table};
use tickloom_formats::{Format, ImportOptions, Input, Stamp, export_file};
use tickloom_types::Record;

/// A table of the catalog as Parquet, without metadata.
fn stripped(catalog: &Catalog, table: Table, folder: &Path) -> Vec<u8> {
    let path = folder.join("exported.parquet");
    let query = ScanQuery::default();
    export_file(catalog, table, &query, &path, &mut |_, _| true).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    std::fs::remove_file(&path).unwrap();
    let schema = Arc::new(Schema::new(batches[0].schema().fields().clone()));
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, Arc::clone(&schema), None).unwrap();
    for batch in batches {
        let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap();
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    bytes
}

/// Body and time of each record.
fn says(records: &[Record]) -> Vec<(i64, [u64; 5])> {
    let says = records
        .iter()
        .map(|record| (record.ts_event().0, record.body));
    says.collect()
}

fn check(name: &str, text: &str, table: Table, options: &ImportOptions) {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(&dir.path().join("catalog")).unwrap();
    let input = Input::bytes(Path::new(name), text.as_bytes().to_vec());
    input.import(&ImportOptions::default(), &catalog).unwrap();
    let before: Vec<Record> = catalog
        .scan(&ScanQuery::default())
        .unwrap()
        .map(|row| row.unwrap().1)
        .collect();
    let bytes = stripped(&catalog, table, dir.path());
    let file = Input::bytes(Path::new("x.parquet"), bytes)
        .read(options)
        .unwrap();
    assert_eq!(file.report.refused, 0, "{:?}", file.report.errors);
    assert_eq!(says(&file.records), says(&before), "{:?}", file.report);
}

#[test]
fn tables_of_a_catalog() {
    // The number of a row in its run is not that of the venue.
    let usual = ImportOptions {
        mapping: "sequence=update_id".parse().unwrap(),
        ..ImportOptions::default()
    };
    let trades = ImportOptions::default();
    check(
        "A.csv",
        "time,price,size,side,id\n1704187800,100.25,1.5,buy,7\n1704187801,100.5,2,sell,8\n",
        Table::Trades,
        &trades,
    );
    check(
        "A.csv",
        "time,bid,ask,bid_size,ask_size\n1704187800,100.25,100.5,1.5,7\n1704187801,100.5,101,2,8\n",
        Table::Quotes,
        &usual,
    );
    let at_close = ImportOptions {
        stamp: Stamp::Close,
        ..ImportOptions::default()
    };
    check(
        "A.csv",
        "time,open,high,low,close,volume\n1704187800,1,2,0.5,1.75,7\n1704187860,2,3,1,2.5,8\n",
        Table::Bars,
        &at_close,
    );
    let levels = ImportOptions {
        format: Some(Format::BookLevels),
        mapping: "sequence=first_id".parse().unwrap(),
        ..ImportOptions::default()
    };
    let book = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\nx,A,1704187800000000,1704187800000001,false,bid,99.5,1.5\nx,A,1704187801000000,1704187801000001,false,ask,100,2\n";
    check("A.csv", book, Table::BookUpdates, &levels);
}
