//! Statements over a catalog in an object store: what they fetch of it, and that their rows are those of a directory.

#![cfg(test)]

#[path = "../../catalog/tests/common/faulty_server.rs"]
mod faulty_server;
#[path = "../../catalog/tests/common/s3_server.rs"]
mod s3_server;

use faulty_server::{Fate, FaultyServer};
use s3_server::{BUCKET, S3Server};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tickloom_catalog::{Catalog, CatalogError, Store};
use tickloom_journal::RunMeta;
use tickloom_sql::{Format, Session, SqlError};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, QuoteBody, Record, SourceDef, SourceId,
    SourceKind, TradeBody, Ts,
};

const DAY_NS: i64 = 86_400_000_000_000;
/// Trades of the first instrument on the first day: more than a row group has.
const MANY: i64 = 300_000;
const FEW: i64 = 20_000;

fn meta() -> RunMeta {
    let mut instruments = Instruments::new();
    for name in ["test.A", "test.B"] {
        let def = InstrumentDef::new(name, 2, 3, "USD");
        instruments.add(def).unwrap();
    }
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    RunMeta::new("run-1", Ts(0), instruments).unwrap()
}

fn trade(instrument: u32, ts: i64, n: i64) -> Record {
    let id = InstrumentId(instrument);
    let header = Header::new(Kind::Trade, id, SourceId(0), Ts(ts), Ts(ts + 1));
    let noise = n.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 3;
    let body = TradeBody {
        price: 10_000 + n % 97,
        qty: 1 + i64::try_from(noise % 1_000_003).unwrap(),
        trade_id: noise,
        ..TradeBody::default()
    };
    body.record(header)
}

fn quote(ts: i64, n: i64) -> Record {
    let header = Header::new(Kind::Quote, InstrumentId(0), SourceId(0), Ts(ts), Ts(ts));
    // Every fifth has an empty side.
    let body = QuoteBody {
        bid: (10_000 + n % 89) * i64::from(n % 5 > 0),
        bid_qty: 7 * i64::from(n % 5 > 0),
        ask: 10_100 + n % 89,
        ask_qty: 9,
        ..QuoteBody::default()
    };
    body.record(header)
}

/// Trades of one instrument on two days and of another on one, and quotes of the first on one.
fn write(catalog: &Catalog) {
    let mut records: Vec<Record> = (0..MANY).map(|n| trade(0, n * 1_000, n)).collect();
    records.extend((0..FEW).map(|n| trade(0, DAY_NS + n * 1_000, n + 5)));
    records.extend((0..FEW).map(|n| trade(1, n * 1_000_000, n + 11)));
    records.extend((0..FEW).map(|n| quote(n * 15_000, n)));
    records.sort_by_key(|record| record.header.ts_event);
    let mut writer = catalog.writer(&meta(), 1, "test").unwrap();
    for (seq, record) in (0..).zip(&records) {
        writer.push(seq, record).unwrap();
    }
    writer.finish().unwrap();
}

fn rows(session: &Session, statement: &str) -> String {
    let answer = session.run(statement);
    let answer = answer.unwrap_or_else(|error| panic!("{statement}: {error}"));
    let mut csv = Vec::new();
    answer.write(Format::Csv, &mut csv).unwrap();
    String::from_utf8(csv).unwrap()
}

/// A bucket with a catalog, and what was asked for of its Parquet files.
struct Bucket {
    between: FaultyServer,
    catalog: Catalog,
    fetched: Arc<Mutex<Vec<(String, u64)>>>,
    _server: S3Server,
}

impl Bucket {
    fn start() -> Option<Bucket> {
        let server = S3Server::start()?;
        let between = FaultyServer::before(&server);
        let options = between.options(&server);
        let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let url = format!("s3://{BUCKET}/catalog");
        let store = Store::with_options(Path::new(&url), &options).unwrap();
        let catalog = Catalog::create_in(store).unwrap().with_cache(0);
        write(&catalog);
        let fetched = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&fetched);
        between.show(move |request, answer| {
            if request.method == "GET" && request.path.contains(".parquet") {
                let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
                let body = answer.len() - head.unwrap() - 4;
                let request = (request.path.clone(), u64::try_from(body).unwrap());
                seen.lock().unwrap().push(request);
            }
        });
        Some(Bucket {
            between,
            catalog,
            fetched,
            _server: server,
        })
    }

    /// Paths and bytes that were fetched since this was asked last.
    fn fetched(&self) -> Vec<(String, u64)> {
        std::mem::take(&mut self.fetched.lock().unwrap())
    }
}

fn bytes(fetched: &[(String, u64)]) -> u64 {
    fetched.iter().map(|(_, bytes)| bytes).sum()
}

/// Bytes of the file of a table, an instrument and a day, in a directory.
fn file_bytes(directory: &Catalog, table: &str, instrument: &str, day: i64) -> u64 {
    let table = tickloom_catalog::Table::from_name(table).unwrap();
    let files = directory.files(table).unwrap();
    let mut wanted = files.iter().filter(|file| {
        file.instrument.as_deref() == Some(instrument) && file.from.0 / DAY_NS == day
    });
    let path = directory.root().join(&wanted.next().unwrap().path);
    assert!(wanted.next().is_none());
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn a_statement_fetches_the_columns_and_row_groups_that_it_needs() {
    let Some(bucket) = Bucket::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let directory = Catalog::create(dir.path()).unwrap();
    write(&directory);
    let (remote, local) = (
        Session::new(bucket.catalog.clone(), None),
        Session::new(directory.clone(), None),
    );
    let same = |statement: &str| {
        bucket.fetched();
        assert_eq!(
            rows(&remote, statement),
            rows(&local, statement),
            "{statement}"
        );
        bucket.fetched()
    };
    let whole = file_bytes(&directory, "trades", "test.A", 0);
    assert!(whole > 3 << 19, "{whole}");

    // One column of one instrument on one day: of one file.
    let day = "instrument = 'test.A' and ts_event < '1970-01-02'";
    let fetched = same(&format!("select max(price) from trades where {day}"));
    assert!(!fetched.is_empty());
    for (path, _) in &fetched {
        assert!(
            path.contains("/kind%3Dtrades/instrument%3Dtest.A/date%3D1970-01-01/"),
            "{path}"
        );
    }
    let one = bytes(&fetched);
    assert!(one * 10 < whole, "{one} of {whole}");

    // The last rows are in the second row group, of 37,856.
    let late = "instrument = 'test.A' and ts_event >= '1970-01-01T00:00:00.299' and ts_event < '1970-01-02'";
    let fetched = bytes(&same(&format!("select * from trades where {late}")));
    assert!(fetched * 4 < whole, "{fetched} of {whole}");

    // Of what is not there, nothing.
    let fetched = same("select sum(qty) from trades where instrument = 'test.C'");
    assert_eq!(fetched, []);
    let fetched = same("select sum(qty) from trades where ts_event > '1971-01-01'");
    assert_eq!(fetched, []);

    // A few rows are in the first file.
    let mut first: Vec<String> = same("select price from trades limit 5")
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    first.dedup();
    assert_eq!(first.len(), 1, "{first:?}");
}

#[test]
fn the_rows_of_a_bucket_are_those_of_a_directory() {
    let Some(bucket) = Bucket::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let directory = Catalog::create(dir.path()).unwrap();
    write(&directory);
    let remote = Session::new(bucket.catalog.clone(), None);
    let local = Session::new(directory, None);
    for statement in [
        "select count(*) from trades",
        "select instrument, count(*), sum(qty), min(ts_event), max(ts_recv) from trades group by instrument order by instrument",
        "select instrument from trades where instrument = 'test.B' limit 3",
        "select distinct instrument from trades order by instrument",
        "select run, source, flags, side from trades where ts_event < '1970-01-01T00:00:00.000004'",
        "select * from trades where price > 100.95 and instrument = 'test.B' order by seq limit 7 offset 3",
        "select * from quotes order by seq limit 12",
        "select count(bid), count(ask), avg(bid) from quotes",
        "select ts_event, first(price), last(price), sum(qty) from trades where instrument = 'test.A' sample by 10ms",
        "select t.ts_event, t.price, q.bid, q.ask from trades t asof join quotes q on (instrument) where t.instrument = 'test.A' limit 9",
        "select a.price as here, b.price as there from trades a join trades b on a.trade_id = b.trade_id where a.instrument = 'test.A' and b.instrument = 'test.B' order by a.seq limit 4",
        "select max(seq) from trades where qty = (select max(qty) from trades)",
        "select count(*) from trades where price in (select ask from quotes)",
        "with t as (select price, qty from trades where instrument = 'test.B') select (select sum(qty) from t), max(price) from t",
        "select price from trades where instrument = 'test.B' union all select ask from quotes order by price limit 5",
    ] {
        assert_eq!(
            rows(&remote, statement),
            rows(&local, statement),
            "{statement}"
        );
    }
}

#[test]
fn a_statement_that_is_explained_fetches_nothing() {
    let Some(bucket) = Bucket::start() else {
        return;
    };
    let session = Session::new(bucket.catalog.clone(), None);
    bucket.fetched();
    for statement in [
        "select * from trades",
        "select max(price) from trades where instrument = 'test.A'",
        "select ts_event, last(price) from trades sample by 1m",
        "select t.price, q.bid from trades t asof join quotes q on (instrument)",
        "select count(*) from trades where qty = (select max(qty) from trades)",
        "select count(*) from trades where price in (select ask from quotes)",
        "select count(*) from trades where seq not in (select seq from quotes)",
    ] {
        let plan = rows(&session, &format!("explain {statement}"));
        assert!(plan.contains("OBJECT STORE SCAN"), "{plan}");
        assert_eq!(bucket.fetched(), [], "{statement}");
    }
    let plan = rows(
        &session,
        "explain select max(price) from trades where instrument = 'test.B'",
    );
    let reads = plan.lines().nth(1).unwrap();
    assert_eq!(reads, format!("reads 1 of 3 files with {FEW} rows"));
    assert!(plan.contains("PROJECT"), "{plan}");
}

#[test]
fn what_the_store_refuses_is_told() {
    let Some(bucket) = Bucket::start() else {
        return;
    };
    let session = Session::new(bucket.catalog.clone(), None);
    let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    bucket
        .between
        .decide(|request| match request.path.contains(".parquet") {
            true => Fate::Answer(refusal.to_vec()),
            false => Fate::Pass,
        });
    let found = session.run("select max(price) from trades");
    let Err(SqlError::Catalog(CatalogError::Store { action, url, .. })) = found else {
        panic!("{:?}", found.err());
    };
    assert_eq!(action, "read");
    assert!(url.contains("kind=trades"), "{url}");
    assert!(session.run("explain select max(price) from trades").is_ok());
    bucket.between.decide(|_| Fate::Pass);
    assert_eq!(
        rows(&session, "select count(*) as n from quotes"),
        format!("n\n{FEW}\n")
    );
}
