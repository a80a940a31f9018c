//! A catalog's cache: what is read again comes from memory, only what is wanted is asked for, and what was replaced is not found.

#![cfg(test)]

mod common;

use common::s3_server::{BUCKET, S3Server};
use std::path::Path;
use tickloom_catalog::{Catalog, Result, ScanQuery, Store};
use tickloom_journal::RunMeta;
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, Seq, SourceDef, SourceId,
    SourceKind, TradeBody, Ts,
};

fn meta() -> RunMeta {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("test.A", 2, 0, "USD");
    instruments.add(def).unwrap();
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    RunMeta::new("run-1", Ts(0), instruments).unwrap()
}

fn trade(ts: i64, price: i64) -> Record {
    let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), Ts(ts), Ts(ts));
    let body = TradeBody {
        price,
        qty: price % 1_000,
        trade_id: price.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15),
        ..TradeBody::default()
    };
    body.record(header)
}

fn write(catalog: &Catalog, source: &str, count: i64, factor: i64) -> Vec<(Seq, Record)> {
    let mut writer = catalog.writer(&meta(), 1, source).unwrap();
    let records = (0..count).map(|n| trade(n, n.wrapping_mul(factor)));
    let records: Vec<(Seq, Record)> = (0..).zip(records).collect();
    for (seq, record) in &records {
        writer.push(*seq, record).unwrap();
    }
    writer.finish().unwrap();
    records
}

fn read(catalog: &Catalog, query: &ScanQuery) -> Vec<(Seq, Record)> {
    let scan = catalog.scan(query).unwrap();
    scan.collect::<Result<_>>().unwrap()
}

#[test]
fn a_second_scan_reads_no_file_and_a_replaced_one_is_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap().with_cache(64 << 20);
    let all = ScanQuery::default();
    let records = write(&catalog, "a", 30_000, 3);
    assert!(read(&catalog, &all) == records);
    let first = catalog.cache_stats();
    assert_eq!(first.hits, 0);
    // The index is read from the disk; of the file there is nothing left to read.
    let file = catalog.has_part("run-1", 1, "a").unwrap().unwrap().files;
    let hidden = file[0].with_extension("hidden");
    std::fs::rename(&file[0], &hidden).unwrap();
    assert!(read(&catalog, &all) == records);
    let second = catalog.cache_stats();
    assert_eq!(second.misses, first.misses);
    // What it says of itself, and 30,000 rows in batches of 8,192.
    assert_eq!(second.hits, 1 + 4);
    assert!(second.bytes > 0 && second.bytes <= second.bytes_max);
    std::fs::rename(&hidden, &file[0]).unwrap();

    // The same name, other rows.
    let replaced = write(&catalog, "b", 30_000, 5);
    assert!(read(&catalog, &all) == replaced);
    assert_eq!(catalog.cache_stats().hits, second.hits);
}

#[test]
fn a_small_cache_holds_its_bound_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap().with_cache(1 << 20);
    let records = write(&catalog, "a", 100_000, 7);
    for _ in 0..3 {
        let query = ScanQuery::default();
        for (found, expected) in catalog.scan(&query).unwrap().zip(&records) {
            assert_eq!(&found.unwrap(), expected);
        }
        let stats = catalog.cache_stats();
        assert!(stats.bytes <= stats.bytes_max, "{stats:?}");
        let query = ScanQuery {
            from: Some(Ts(50_000)),
            to: Some(Ts(50_010)),
            ..ScanQuery::default()
        };
        assert!(read(&catalog, &query) == records[50_000..50_010]);
    }
    // Shared by its clones.
    assert_eq!(catalog.clone().cache_stats(), catalog.cache_stats());
}

#[test]
fn of_an_object_only_the_wanted_range_is_asked_for() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let options = server.options();
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let location = format!("s3://{BUCKET}/catalog");
    let store = Store::with_options(Path::new(&location), &options).unwrap();
    let catalog = Catalog::create_in(store).unwrap();
    // Two row groups, together larger than what is asked for at a time.
    let records = write(&catalog, "a", 400_000, 0x9E37_79B9_7F4A);
    let listing = server
        .request("GET", &format!("/{BUCKET}?list-type=2&prefix=catalog/kind"))
        .1;
    let size = listing.split("<Size>").nth(1).unwrap();
    let size: u64 = size.split('<').next().unwrap().parse().unwrap();
    let query = |from: i64, to: i64| ScanQuery {
        from: Some(Ts(from)),
        to: Some(Ts(to)),
        ..ScanQuery::default()
    };
    let small = catalog.clone().with_cache(4 << 20);
    assert_eq!(
        read(&small, &query(300_000, 300_100)),
        records[300_000..300_100]
    );
    let fetched = small.cache_stats().fetched;
    assert!(fetched * 2 < size, "{fetched} of {size} bytes");
    // The same again costs nothing.
    assert_eq!(
        read(&small, &query(300_000, 300_100)),
        records[300_000..300_100]
    );
    assert_eq!(small.cache_stats().fetched, fetched);
    // All of it costs it once, and little more.
    assert!(read(&catalog, &ScanQuery::default()) == records);
    let fetched = catalog.cache_stats().fetched;
    assert!(fetched <= size + (2 << 20), "{fetched} of {size} bytes");
    // Without a cache each page is asked for by itself.
    let bare = catalog.with_cache(0);
    assert_eq!(
        read(&bare, &query(300_000, 300_100)),
        records[300_000..300_100]
    );
}
