//! Export and import are each other's inverse: for records of every kind with numbers from anywhere, in every format.

mod damaged;
mod dbn;
#[path = "../../../catalog/src/tests/records.rs"]
mod records;
mod sides;

use super::rows::Rows;
use super::*;
use crate::import::inputs;
use crate::import::{ImportOptions, ImportReport};
use ::dbn::decode::{DbnMetadata as _, DecodeRecord as _};
use proptest::prelude::*;
use records::any_record;
use std::fs;
use tickloom_journal::RunMeta;
use tickloom_types::{
    BarBody, BookAction, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind, LevelBody,
    OrderBody, OrderType, OrderUpdateBody, QuoteBody, Record, Seq, SourceDef, SourceId, SourceKind,
    TimerBody, TradeBody,
};

const ENDINGS: [&str; 6] = ["csv", "csv.gz", "jsonl", "jsonl.gz", "arrow", "parquet"];

/// A run whose instruments are scaled otherwise than those of the runs before and after it, with names that need quotes.
fn meta(run: &str, variant: u8) -> RunMeta {
    let mut instruments = Instruments::new();
    for (name, price_decimals, qty_decimals) in [
        ("test.WHOLE", variant, 0),
        ("test/FINE", 9, 9 - variant),
        ("test.BTC-USD", 2, 8),
    ] {
        let def = InstrumentDef {
            tick_size: 25,
            lot_size: 10,
            multiplier: 50,
            calendar: Some("us-equity".to_owned()),
            ..InstrumentDef::new(name, price_decimals, qty_decimals, "EUR")
        };
        instruments.add(def).unwrap();
    }
    let source = SourceDef::new(
        format!("a \"feed\", #{variant}\r\nof\ttwo lines \\"),
        SourceKind::Feed,
    );
    instruments.add_source(source).unwrap();
    instruments.bar_source("1m".parse().unwrap()).unwrap();
    instruments.bar_source("100t".parse().unwrap()).unwrap();
    let mut meta = RunMeta::new(run, Ts(7), instruments).unwrap();
    meta.signals = vec!["fast".to_owned(), format!("slow, {variant}")];
    meta.strategies = vec!["cross".to_owned()];
    meta.config = "{\"secret\":1}".to_owned();
    meta
}

/// Writes records as one part; the sequences go up in uneven steps to the last that there is.
fn write(catalog: &Catalog, meta: &RunMeta, records: &[Record]) {
    let mut writer = catalog.writer(meta, 0, "test").unwrap();
    let first = Seq::MAX - 3 * records.len() as u64;
    for (at, record) in (0_u64..).zip(records) {
        let seq = if at % 2 == 0 { at } else { first + 3 * at };
        let seq = if at == 0 {
            0
        } else {
            seq.max(first + 3 * (at - 1) + 1)
        };
        if record.header.kind < 64 {
            writer.push(seq, record).unwrap();
        } else {
            writer.push_output(at * 7, seq, record).unwrap();
        }
    }
    writer.finish().unwrap();
}

/// Index of the run, sequence, output and bytes of a row.
type RowBytes = (usize, u64, u64, [u8; 64]);

/// All rows of a table, byte for byte, and what their runs are but for their names.
fn content(catalog: &Catalog, table: Table) -> (Vec<String>, Vec<RowBytes>) {
    let query = ScanQuery {
        tables: vec![table],
        ..ScanQuery::default()
    };
    let mut rows = Rows::select(catalog, &query).unwrap();
    let metas = rows.metas().iter().map(|meta| {
        format!(
            "{:?} {:?} {:?} {:?}",
            meta.started, meta.instruments, meta.signals, meta.strategies
        )
    });
    let metas = metas.collect();
    let mut all = Vec::new();
    let mut some = Vec::new();
    while rows.fill(&mut some, 7).unwrap() {
        all.extend(
            some.iter()
                .map(|row| (row.run, row.key.seq, row.key.output, *row.record.as_bytes())),
        );
    }
    (metas, all)
}

fn export(catalog: &Catalog, table: Table, path: &Path) -> ExportReport {
    export_file(catalog, table, &ScanQuery::default(), path, &mut |_, _| {
        true
    })
    .unwrap()
    .unwrap()
}

fn import(path: &Path, into: &Path) -> Result<(Catalog, ImportReport)> {
    let catalog = Catalog::create(into)?;
    let report = inputs(path)?[0].import(&ImportOptions::default(), &catalog)?;
    Ok((catalog, report))
}

/// A table, and for each of some runs records of it.
fn any_runs() -> impl Strategy<Value = (Table, Vec<Vec<Record>>)> {
    proptest::sample::select(Table::ALL).prop_flat_map(|table| {
        let kinds: &'static [Kind] = Box::leak(Box::new([table.kind()]));
        let of_table = any_record(kinds).prop_filter("updates or snapshots", move |record| {
            Table::of(record) == Some(table)
        });
        let runs = proptest::collection::vec(proptest::collection::vec(of_table, 1..9), 1..4);
        (Just(table), runs)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_is_exported_comes_back_the_same(
        (table, runs) in any_runs(),
        ending in proptest::sample::select(&ENDINGS[..]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(&dir.path().join("catalog")).unwrap();
        let rows = runs.iter().map(|records| records.len() as u64).sum();
        for (variant, records) in (0_u8..).zip(runs) {
            write(&catalog, &meta(&format!("run-{variant}"), variant), &records);
        }
        let path = dir.path().join(format!("file.{ending}"));
        let exported = export(&catalog, table, &path);
        prop_assert_eq!((exported.rows, exported.bytes), (rows, fs::metadata(&path).unwrap().len()));
        let into = dir.path().join("again");
        let (again, imported) = import(&path, &into).unwrap();
        prop_assert_eq!((imported.read, imported.written), (rows, rows));
        prop_assert!(content(&again, table) == content(&catalog, table), "{} as {}", table, ending);
        let (_, imported) = import(&path, &into).unwrap();
        prop_assert!(imported.unchanged);
    }
}

fn trade(ts: i64, price: i64, qty: i64) -> Record {
    TradeBody {
        price,
        qty,
        trade_id: u64::MAX,
        side: 2,
        ..TradeBody::default()
    }
    .record(Header::new(
        Kind::Trade,
        InstrumentId(2),
        SourceId(0),
        Ts(ts),
        Ts(ts + 1),
    ))
}

fn small_catalog(dir: &Path) -> Catalog {
    let catalog = Catalog::create(&dir.join("catalog")).unwrap();
    let mut meta = meta("run-1", 0);
    let mut plain = Instruments::new();
    for def in meta.instruments.defs() {
        plain.add(def.clone()).unwrap();
    }
    let name = "feed".to_owned();
    let kind = SourceKind::Feed;
    plain.add_source(SourceDef::new(name, kind)).unwrap();
    meta.instruments = plain;
    let records = [
        trade(1_723_161_255_030_314_667, 6_183_763, 2_000_000),
        trade(1_723_161_255_030_314_668, -1, 100_000_000),
    ];
    let mut writer = catalog.writer(&meta, 0, "test").unwrap();
    for (seq, record) in (5..).zip(&records) {
        writer.push(seq, record).unwrap();
    }
    writer.finish().unwrap();
    catalog
}

#[test]
fn text_is_what_people_expect() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = small_catalog(dir.path());
    let text = |ending: &str| {
        let path = dir.path().join(format!("t.{ending}"));
        export(&catalog, Table::Trades, &path);
        fs::read_to_string(path).unwrap()
    };
    let csv = text("csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("# tickloom {\"export\":1,"), "{csv}");
    assert!(!lines[0].contains("secret"), "{csv}");
    assert_eq!(
        &lines[1..],
        [
            "ts_event,ts_recv,seq,run,instrument,source,flags,price,qty,trade_id,side",
            "2024-08-08T23:54:15.030314667Z,2024-08-08T23:54:15.030314668Z,5,run-1,test.BTC-USD,feed,0,61837.63,0.02,18446744073709551615,sell",
            "2024-08-08T23:54:15.030314668Z,2024-08-08T23:54:15.030314669Z,6,run-1,test.BTC-USD,feed,0,-0.01,1,18446744073709551615,sell",
        ]
    );
    let jsonl = text("jsonl");
    let line: serde_json::Value = serde_json::from_str(jsonl.lines().nth(1).unwrap()).unwrap();
    assert_eq!(line["price"], "61837.63");
    assert_eq!(line["trade_id"], u64::MAX);
    assert_eq!(line["ts_event"], "2024-08-08T23:54:15.030314667Z");
}

#[test]
fn one_instrument_or_time_is_exported_alone_and_nothing_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = small_catalog(dir.path());
    let path = dir.path().join("t.jsonl");
    let query = ScanQuery {
        instruments: vec!["test.BTC-USD".to_owned()],
        from: Some(Ts(1_723_161_255_030_314_668)),
        ..ScanQuery::default()
    };
    let report = export_file(&catalog, Table::Trades, &query, &path, &mut |_, _| true);
    assert_eq!(report.unwrap().unwrap().rows, 1);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("test/FINE"), "{text}");
    let (again, _) = import(&path, &dir.path().join("again")).unwrap();
    let scan = again.scan(&ScanQuery::default()).unwrap();
    let (seq, record) = scan.last().unwrap().unwrap();
    assert_eq!((seq, TradeBody::of(&record).price), (6, -1));

    // Between two records there is a file, but no row.
    let between = ScanQuery {
        from: Some(Ts(1_723_161_255_030_314_668)),
        to: Some(Ts(1_723_161_255_030_314_668)),
        ..ScanQuery::default()
    };
    for query in [
        between,
        ScanQuery {
            from: Some(Ts(2_000_000_000_000_000_000)),
            ..ScanQuery::default()
        },
    ] {
        let path = dir.path().join("empty.csv");
        let error = export_file(&catalog, Table::Trades, &query, &path, &mut |_, _| true);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("the nearest are trades"), "{error}");
    }
    let stopped = dir.path().join("stopped.parquet");
    let query = ScanQuery::default();
    let report = export_file(&catalog, Table::Trades, &query, &stopped, &mut |_, _| false);
    assert_eq!(report.unwrap(), None);
    let names = fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["again", "catalog", "t.jsonl"]);
}

#[test]
fn a_file_without_its_first_line_is_a_csv_file_as_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = small_catalog(dir.path());
    let path = dir.path().join("t.csv");
    export(&catalog, Table::Trades, &path);
    let text = fs::read_to_string(&path).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(
        &path,
        rest.replace("-0.01,1,18446744073709551615", "0.01,1,7"),
    )
    .unwrap();
    let (again, report) = import(&path, &dir.path().join("again")).unwrap();
    assert_eq!((report.written, report.refused), (2, 0), "{report:?}");
    let scan = again.scan(&ScanQuery::default()).unwrap();
    let def = scan.instruments().defs()[0].clone();
    assert_eq!((def.name.as_str(), def.price_decimals), ("test.BTC-USD", 2));
    let prices = scan.map(|row| TradeBody::of(&row.unwrap().1).price);
    assert_eq!(prices.collect::<Vec<_>>(), [6_183_763, 1]);
}
