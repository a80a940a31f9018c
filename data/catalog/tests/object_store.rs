//! A catalog in a real S3-compatible server: what is written comes back, a part appears whole or not at all, one of two writers
//! wins, and what the server refuses is told.

#![cfg(test)]

mod common;

use common::history::{DAY_NS, meta, read, trade};
use common::s3_server::{BUCKET, S3Server};
use std::ops::ControlFlow;
use std::path::Path;
use tickloom_catalog::{
    Catalog, CatalogError, CompactOptions, Result, RetainOptions, ScanQuery, Store, Written,
};
use tickloom_types::{Record, Seq, Ts};

fn store(server: &S3Server, location: &str) -> Store {
    let options = server.options();
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    Store::with_options(Path::new(location), &options).unwrap()
}

fn location() -> String {
    format!("s3://{BUCKET}/team/catalog")
}

/// Trades of two instruments, one every half an hour.
fn trades(count: i64) -> Vec<Record> {
    let trade = |n: i64| trade(u32::from(n % 2 == 1), n * DAY_NS / 48, n);
    (0..count).map(trade).collect()
}

fn write(catalog: &Catalog, run: &str, source: &str, records: &[Record]) -> Result<Written> {
    let mut writer = catalog.writer(&meta(run), 1, source)?;
    for (seq, record) in (0..).zip(records) {
        writer.push(seq, record)?;
    }
    writer.finish()
}

fn number(records: &[Record]) -> Vec<(Seq, Record)> {
    (0..).zip(records.iter().copied()).collect()
}

#[test]
fn what_is_written_comes_back_by_any_range() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let missing = Catalog::open_in(store(&server, &location()));
    assert!(matches!(missing, Err(CatalogError::Missing { .. })));
    let catalog = Catalog::create_in(store(&server, &location())).unwrap();
    let records = trades(100);
    let written = write(&catalog, "run-1", "test", &records).unwrap();
    assert_eq!(written.files.len(), 6, "two instruments, three days");
    let first = written.files[0].display().to_string();
    let at = format!("{}/kind=trades/instrument=test%2FA-1/", location());
    assert!(
        first.starts_with(&at) || first.contains("instrument=test.B"),
        "{first}"
    );

    // Somebody else, who knows nothing but the place.
    let catalog = Catalog::open_in(store(&server, &location())).unwrap();
    assert_eq!(read(&catalog, &ScanQuery::default()), number(&records));
    assert_eq!(catalog.runs().unwrap(), [meta("run-1")]);
    assert_eq!(catalog.instruments().unwrap().len(), 2);
    assert_eq!(catalog.ranges().unwrap().len(), 2);
    let query = ScanQuery {
        instruments: vec!["test.B".to_owned()],
        from: Some(Ts(DAY_NS)),
        to: Some(Ts(DAY_NS + DAY_NS / 24)),
        ..ScanQuery::default()
    };
    assert_eq!(read(&catalog, &query), [(49, records[49])]);
    assert!(catalog.has_part("run-1", 1, "test").unwrap().is_some());
    assert!(catalog.has_part("run-1", 1, "other").unwrap().is_none());
    assert!(catalog.has_part("run-2", 1, "test").unwrap().is_none());
}

#[test]
fn a_file_of_several_upload_parts_comes_back() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let catalog = Catalog::create_in(store(&server, &location())).unwrap();
    // Numbers without a pattern, which no encoding makes smaller than a part of an upload.
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        i64::from_le_bytes((state >> 2).to_le_bytes())
    };
    let records: Vec<Record> = (0..400_000)
        .map(|n| {
            let mut record = trade(0, n, noise());
            record.body[1] = noise().unsigned_abs();
            record.body[2] = noise().unsigned_abs();
            record
        })
        .collect();
    write(&catalog, "run-1", "test", &records).unwrap();
    assert_eq!(read(&catalog, &ScanQuery::default()), number(&records));
}

#[test]
fn a_part_is_not_there_before_its_entry() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let catalog = Catalog::create_in(store(&server, &location())).unwrap();
    write(&catalog, "run-1", "test", &trades(48)).unwrap();
    // As if the writer had been killed after its files and before the entry.
    write(&catalog, "run-2", "test", &trades(96)).unwrap();
    let entry = "team/catalog/_runs/run-2/part-00000001.json";
    assert_eq!(
        server.request("DELETE", &format!("/{BUCKET}/{entry}")).0,
        204
    );
    assert_eq!(read(&catalog, &ScanQuery::default()), number(&trades(48)));
    // As if it had been killed in the middle: of two days more than are kept open at a time, two files are complete.
    let mut writer = catalog.writer(&meta("run-3"), 1, "test").unwrap();
    for (seq, n) in (0..).zip(0..130) {
        writer.push(seq, &trade(0, n * DAY_NS, 1)).unwrap();
    }
    drop(writer);
    assert_eq!(read(&catalog, &ScanQuery::default()), number(&trades(48)));
    // Written again it is the same objects, and now it counts.
    let before = server.keys().len();
    write(&catalog, "run-2", "test", &trades(96)).unwrap();
    assert_eq!(server.keys().len(), before + 1);
    let one = ScanQuery {
        runs: vec!["run-2".to_owned()],
        ..ScanQuery::default()
    };
    assert_eq!(read(&catalog, &one), number(&trades(96)));
}

#[test]
fn one_of_two_writers_of_a_part_wins() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let catalog = Catalog::create_in(store(&server, &location())).unwrap();
    let begin = |source: &str, price: i64| {
        let mut writer = catalog.writer(&meta("run-1"), 1, source).unwrap();
        writer.push(0, &trade(0, 0, price)).unwrap();
        writer
    };
    let (first, second, same) = (begin("a", 1), begin("b", 2), begin("a", 1));
    first.finish().unwrap();
    assert_eq!(
        second.finish().unwrap_err().to_string(),
        "another writer has completed part 1 of run run-1 meanwhile; what it wrote stays"
    );
    // Whoever wrote the same has lost nothing.
    same.finish().unwrap();
    let all = ScanQuery::default();
    assert_eq!(read(&catalog, &all), [(0, trade(0, 0, 1))]);
    // Of two that replace the part, again the first wins, and leaves nothing of what it replaced.
    let (first, second) = (begin("c", 3), begin("d", 4));
    second.finish().unwrap();
    assert!(matches!(
        first.finish(),
        Err(CatalogError::Outrun { part: 1, .. })
    ));
    assert_eq!(read(&catalog, &all), [(0, trade(0, 0, 4))]);
    let files = server.keys();
    let parquet = files.iter().filter(|key| key.ends_with(".parquet"));
    assert_eq!(parquet.count(), 1, "{files:?}");
}

#[test]
fn what_the_server_refuses_is_told() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let nowhere = Catalog::open_in(store(&server, "s3://nobodys/catalog"));
    let error = nowhere.unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot list s3://nobodys/catalog/_runs: there is no such bucket (NoSuchBucket)"
    );
    let nowhere = Catalog::create_in(store(&server, "s3://nobodys/catalog"));
    let error = nowhere.unwrap_err().to_string();
    assert!(error.contains("there is no such bucket"), "{error}");

    let Some(strict) = S3Server::start_strict() else {
        return;
    };
    let refused = Catalog::open_in(store(&strict, &location()));
    let error = refused.unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot list s3://history/team/catalog/_runs: the credentials are wrong; check AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY (InvalidAccessKeyId)"
    );

    let gone = store(&server, &location());
    drop(server);
    let error = Catalog::open_in(gone).unwrap_err().to_string();
    assert!(
        error.contains("cannot list s3://history/team/catalog/_runs: "),
        "{error}"
    );
    assert!(error.to_lowercase().contains("refused"), "{error}");
}

#[test]
fn a_catalog_is_compacted_trimmed_and_checked_where_it_is() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let catalog = Catalog::create_in(store(&server, &location())).unwrap();
    let records = number(&trades(96));
    for (part, some) in (1..).zip(records.chunks(24)) {
        let mut writer = catalog.writer(&meta("run-1"), part, "test").unwrap();
        for (seq, record) in some {
            writer.push(*seq, record).unwrap();
        }
        writer.finish().unwrap();
    }
    let mut go_on = |_| ControlFlow::Continue(());
    let planned = catalog.scan(&ScanQuery::default()).unwrap();
    let options = CompactOptions::default();
    let done = catalog.compact(&options, &mut go_on).unwrap();
    assert_eq!((done.files_before, done.files_after), (8, 4));
    // Who had planned to read the old files reads the new ones.
    let found: Vec<_> = planned.map(Result::unwrap).collect();
    assert_eq!(found, records);
    assert_eq!(read(&catalog, &ScanQuery::default()), records);
    let again = catalog.compact(&options, &mut go_on).unwrap();
    assert_eq!((again.files_before, again.files_after), (0, 0));
    assert!(catalog.has_part("run-1", 2, "test").unwrap().is_some());
    let dropped = catalog.retain(&RetainOptions {
        before: Ts(DAY_NS),
        tables: Vec::new(),
        instruments: Vec::new(),
        dry_run: false,
    });
    assert_eq!(dropped.unwrap().rows, 48);
    assert_eq!(read(&catalog, &ScanQuery::default()), records[48..]);
    let found = catalog.verify(&mut go_on).unwrap();
    assert_eq!((found.faults, found.rows), (vec![], 48));
    let index = found
        .leftovers
        .iter()
        .all(|one| one.path.starts_with("_runs"));
    assert!(index, "{:?}", found.leftovers);
}

#[test]
fn a_scan_in_the_middle_of_an_object_goes_on_in_the_one_that_took_its_place() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let catalog = Catalog::create_in(store(&server, &location())).unwrap();
    // Prices that compress badly, in several batches a file, all on one day.
    let price = |n: i64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()) >> 8;
    let records: Vec<Record> = (0..60_000).map(|n| trade(0, n, price(n))).collect();
    let records = number(&records);
    for (part, some) in (1..).zip(records.chunks(30_000)) {
        let mut writer = catalog.writer(&meta("run-1"), part, "test").unwrap();
        for (seq, record) in some {
            writer.push(*seq, record).unwrap();
        }
        writer.finish().unwrap();
    }
    let bare = catalog.clone().with_cache(0);
    let mut begun = bare.scan(&ScanQuery::default()).unwrap();
    let mut found: Vec<_> = begun.by_ref().take(10).map(Result::unwrap).collect();
    let fetched = bare.cache_stats().fetched;
    let mut go_on = |_| ControlFlow::Continue(());
    let done = catalog.compact(&CompactOptions::default(), &mut go_on);
    assert_eq!(done.unwrap().files_before, 2);
    found.extend(begun.map(Result::unwrap));
    assert!(found == records);
    assert!(
        bare.cache_stats().fetched > fetched,
        "nothing was left to read"
    );
}
