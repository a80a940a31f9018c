//! Export and import are each other's inverse: for records of every kind with numbers from anywhere, in every format.

use super::rows::Rows;
use super::*;
use crate::catalog::tests::any_record;
use crate::import::inputs;
use crate::import::{ImportOptions, ImportReport};
use ::dbn::decode::{DbnMetadata as _, DecodeRecord as _};
use proptest::prelude::*;
use std::fs;
use tickloom_journal::RunMeta;
use tickloom_types::{
    BarBody, BookAction, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind,
    OrderUpdateBody, QuoteBody, Record, Seq, SourceDef, SourceId, SourceKind, TimerBody, TradeBody,
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

/// The bytes of an exported file of two trades, changed.
struct Broken {
    name: &'static str,
    ending: &'static str,
    change: fn(Vec<u8>) -> Vec<u8>,
    expected: &'static str,
}

fn replaced(bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

fn without_last(mut bytes: Vec<u8>, count: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() - count);
    bytes
}

/// A 32-bit number of an Arrow file's trailer in place of the length of its footer.
fn footer_length(mut bytes: Vec<u8>, length: i32) -> Vec<u8> {
    let at = bytes.len() - 10;
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    bytes
}

const BROKEN: &[Broken] = &[
    Broken {
        name: "header",
        ending: "csv",
        change: |b| replaced(b, "\"export\":1", "\"export\":9"),
        expected: "metadata \"tickloom\" is version 9",
    },
    Broken {
        name: "no JSON",
        ending: "csv",
        change: |b| replaced(b, "\"runs\":[", "\"runs\":[["),
        expected: "metadata \"tickloom\" is",
    },
    Broken {
        name: "decimals",
        ending: "csv",
        change: |b| replaced(b, "\"price_decimals\":2", "\"price_decimals\":99"),
        expected: "price_decimals is 99, expected 0 to 9",
    },
    Broken {
        name: "run name",
        ending: "csv",
        change: |b| replaced(b, "\"run\":\"run-1\"", "\"run\":\"../run\""),
        expected: "run is \"../run\"",
    },
    Broken {
        name: "cut in a line",
        ending: "csv",
        change: |b| without_last(b, 3),
        expected: "line 4: no line end",
    },
    Broken {
        name: "cut at a line",
        ending: "csv",
        change: |b| {
            let text = String::from_utf8(b).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            format!("{}\n", lines[..3].join("\n")).into_bytes()
        },
        expected: "number of rows is 1, expected 2",
    },
    Broken {
        name: "columns",
        ending: "csv",
        change: |b| replaced(b, ",qty,", ",size,"),
        expected: "line 2: the columns ts_event",
    },
    Broken {
        name: "fields",
        ending: "csv",
        change: |b| replaced(b, "sell\n", "sell,1\n"),
        expected: "line 3: 12 fields, expected 11",
    },
    Broken {
        name: "UTF-8",
        ending: "csv",
        change: |b| {
            let at = b.len() - 3;
            let mut b = b;
            b[at] = 0xff;
            b
        },
        expected: "line 4: bytes that are no text",
    },
    Broken {
        name: "date",
        ending: "csv",
        change: |b| replaced(b, "2024-08-08T23:54:15.030314667Z", "9999-08-08T23:54:15Z"),
        expected: "line 3: ts_event is \"9999-08-08T23:54:15Z\", expected a time",
    },
    Broken {
        name: "price",
        ending: "csv",
        change: |b| replaced(b, "61837.63", "61837.635"),
        expected: "line 3: price is 61837635000000, expected a number at the instrument's scale",
    },
    Broken {
        name: "too large",
        ending: "csv",
        change: |b| replaced(b, "61837.63", "92233720368547758.08"),
        expected: "expected a number at the instrument's scale",
    },
    Broken {
        name: "negative",
        ending: "csv",
        change: |b| replaced(b, ",5,run-1", ",-5,run-1"),
        expected: "line 3: seq is \"-5\", expected a whole number",
    },
    Broken {
        name: "order",
        ending: "csv",
        change: |b| replaced(b, ",5,run-1", ",6,run-1"),
        expected: "line 4: seq is 6, expected above that of the row before",
    },
    Broken {
        name: "run",
        ending: "csv",
        change: |b| replaced(b, ",run-1,test", ",run-2,test"),
        expected: "line 3: run is run-2, expected a run of the file",
    },
    Broken {
        name: "instrument",
        ending: "csv",
        change: |b| replaced(b, "test.BTC-USD,feed", "test.ETH-USD,feed"),
        expected: "line 3: instrument is test.ETH-USD",
    },
    Broken {
        name: "word",
        ending: "csv",
        change: |b| replaced(b, "sell", "sold"),
        expected: "line 3: side is sold, expected a side",
    },
    Broken {
        name: "table",
        ending: "csv",
        change: |b| replaced(b, "\"table\":\"trades\"", "\"table\":\"quotes\""),
        expected: "line 2: the columns",
    },
    Broken {
        name: "cut",
        ending: "csv.gz",
        change: |b| without_last(b, 9),
        expected: "cannot read",
    },
    Broken {
        name: "cut in a line",
        ending: "jsonl",
        change: |b| without_last(b, 3),
        expected: "line 3: a line without an end",
    },
    Broken {
        name: "no object",
        ending: "jsonl",
        change: |b| replaced(b, "\n{\"ts_event\"", "\n[\"ts_event\""),
        expected: "line 2: invalid",
    },
    Broken {
        name: "no value",
        ending: "jsonl",
        change: |b| replaced(b, "\"seq\":5", "\"seq\":null"),
        expected: "line 2: seq is \"null\", expected a value",
    },
    Broken {
        name: "missing",
        ending: "jsonl",
        change: |b| replaced(b, "\"seq\":5,", ""),
        expected: "line 2: no seq, expected all columns",
    },
    Broken {
        name: "twice",
        ending: "jsonl",
        change: |b| replaced(b, "\"seq\":5,", "\"seq\":5,\"seq\":5,"),
        expected: "line 2: 12 keys, expected 11",
    },
    Broken {
        name: "nested",
        ending: "jsonl",
        change: |b| replaced(b, "\"seq\":5,", "\"seq\":[5],"),
        expected: "line 2: seq is [5]",
    },
    Broken {
        name: "long line",
        ending: "jsonl",
        change: |mut b| {
            b.extend(vec![b' '; (1 << 20) + 2]);
            b
        },
        expected: "line 4: a line of more than 1048576 bytes",
    },
    Broken {
        name: "cut",
        ending: "arrow",
        change: |b| without_last(b, 1),
        expected: "content is without its end",
    },
    Broken {
        name: "short",
        ending: "arrow",
        change: |mut b| {
            b.truncate(8);
            b
        },
        expected: "content is too short",
    },
    Broken {
        name: "long footer",
        ending: "arrow",
        change: |b| footer_length(b, i32::MAX),
        expected: "a footer longer than the file",
    },
    Broken {
        name: "negative footer",
        ending: "arrow",
        change: |b| footer_length(b, -1),
        expected: "a footer longer than the file",
    },
    Broken {
        name: "middle lost",
        ending: "arrow",
        change: |mut b| {
            b.drain(400..600);
            b
        },
        expected: "expected a whole Arrow IPC file",
    },
    Broken {
        name: "cut",
        ending: "parquet",
        change: |b| without_last(b, 1),
        expected: "expected a whole Parquet file",
    },
    Broken {
        name: "middle lost",
        ending: "parquet",
        change: |mut b| {
            b.drain(20..60);
            b
        },
        expected: "content is",
    },
];

#[test]
fn a_damaged_or_edited_file_is_one_clear_error_and_nothing_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = small_catalog(dir.path());
    let into = dir.path().join("again");
    for broken in BROKEN {
        let path = dir.path().join(format!("t.{}", broken.ending));
        export(&catalog, Table::Trades, &path);
        let bytes = (broken.change)(fs::read(&path).unwrap());
        fs::write(&path, bytes).unwrap();
        let what = format!("{} in {}", broken.name, broken.ending);
        let error = match import(&path, &into) {
            Ok(_) => panic!("{what} was imported"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(broken.expected), "{what}: {error}");
        let ranges = Catalog::open(&into).unwrap().ranges().unwrap();
        assert_eq!(ranges, [], "{what}");
    }
}

/// Every byte of an Arrow file changed, one at a time: an error or records, but never a crash.
#[test]
fn any_byte_of_an_arrow_file_may_be_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = small_catalog(dir.path());
    let path = dir.path().join("t.arrow");
    export(&catalog, Table::Trades, &path);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for change in [0xff, 0x80, 0x01] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let input = crate::Input::bytes(&path, bytes);
            if let Err(error) = input.read(&ImportOptions::default()) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
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

/// A run of a future: prices of two decimals, whole contracts.
fn future(dir: &Path, records: &[Record]) -> Catalog {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("ESH4", 2, 0, "USD");
    instruments.add(def).unwrap();
    instruments
        .add(InstrumentDef::new("FINE", 2, 3, "USD"))
        .unwrap();
    let name = "feed".to_owned();
    let kind = SourceKind::Feed;
    instruments.add_source(SourceDef::new(name, kind)).unwrap();
    instruments.bar_source("1m".parse().unwrap()).unwrap();
    instruments.bar_source("5m".parse().unwrap()).unwrap();
    let meta = RunMeta::new("run-1", Ts(0), instruments).unwrap();
    let catalog = Catalog::create(dir).unwrap();
    let mut writer = catalog.writer(&meta, 0, "test").unwrap();
    for (seq, record) in (0..).zip(records) {
        writer.push(seq, record).unwrap();
    }
    writer.finish().unwrap();
    catalog
}

const MINUTE: i64 = 60_000_000_000;

fn at(kind: Kind, source: u16) -> Header {
    let (event, recv) = (Ts(30 * MINUTE), Ts(30 * MINUTE + 9));
    Header::new(kind, InstrumentId(0), SourceId(source), event, recv)
}

/// A trade, a quote, an order and a bar that DBN can hold.
fn fitting() -> [Record; 4] {
    let header = at(Kind::Trade, 0).with_flags(Flags::LAST | Flags::SNAPSHOT);
    [
        TradeBody {
            price: 479_025,
            qty: 3,
            trade_id: 7,
            side: 2,
            ..TradeBody::default()
        }
        .record(header),
        QuoteBody {
            bid: -25,
            bid_qty: 4,
            ask: 0,
            ask_qty: 0,
            update_id: 8,
        }
        .record(at(Kind::Quote, 0)),
        OrderUpdateBody {
            order_id: u64::MAX,
            price: 479_050,
            qty: i64::from(u32::MAX - 1),
            update_id: 9,
            side: 1,
            action: BookAction::Modify as u8,
            ..OrderUpdateBody::default()
        }
        .record(at(Kind::OrderUpdate, 0).with_flags(Flags::MAYBE_BAD_BOOK)),
        BarBody {
            open: 1,
            high: 2,
            low: -3,
            close: 4,
            volume: i64::MAX,
        }
        .record(at(Kind::Bar, 1)),
    ]
}

#[test]
fn dbn_holds_what_it_can_to_the_last_digit() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = future(dir.path(), &fitting());
    let decode = |table: Table| {
        let path = dir.path().join(format!("{table}.dbn"));
        let report = export(&catalog, table, &path);
        assert_eq!((report.rows, report.notes.len()), (1, 0));
        ::dbn::decode::dbn::Decoder::from_file(path).unwrap()
    };
    let mut trades = decode(Table::Trades);
    let metadata = trades.metadata().clone();
    assert_eq!(metadata.symbols, ["ESH4", "FINE"]);
    assert_eq!(metadata.schema, Some(::dbn::Schema::Trades));
    let id = metadata.mappings[0].intervals[0].symbol.clone();
    let trade = trades.decode_record::<::dbn::TradeMsg>().unwrap().unwrap();
    assert_eq!(trade.hd.instrument_id.to_string(), id);
    assert_eq!(
        (trade.hd.ts_event, trade.ts_recv),
        (1_800_000_000_000, 1_800_000_000_009)
    );
    assert_eq!(
        (trade.price, trade.size, trade.sequence),
        (4_790_250_000_000, 3, 7)
    );
    assert_eq!(
        (trade.action().unwrap(), trade.side().unwrap()),
        (::dbn::Action::Trade, ::dbn::Side::Ask)
    );
    assert_eq!(trade.flags.raw(), 0xa0);

    let mut quotes = decode(Table::Quotes);
    let quote = quotes.decode_record::<::dbn::Mbp1Msg>().unwrap().unwrap();
    let level = &quote.levels[0];
    assert_eq!((level.bid_px, level.bid_sz), (-250_000_000, 4));
    assert_eq!((level.ask_px, level.ask_sz), (i64::MAX, 0));
    assert_eq!(quote.sequence, 8);

    let mut orders = decode(Table::OrderUpdates);
    let order = orders.decode_record::<::dbn::MboMsg>().unwrap().unwrap();
    assert_eq!((order.order_id, order.price), (u64::MAX, 4_790_500_000_000));
    assert_eq!(
        (order.size, order.sequence, order.flags.raw()),
        (u32::MAX - 1, 9, 0x04)
    );
    assert_eq!(
        (order.action().unwrap(), order.side().unwrap()),
        (::dbn::Action::Modify, ::dbn::Side::Bid)
    );

    let mut bars = decode(Table::Bars);
    let bar = bars.decode_record::<::dbn::OhlcvMsg>().unwrap().unwrap();
    assert_eq!(bar.hd.ts_event, 1_740_000_000_000, "its start");
    assert_eq!((bar.open, bar.low), (10_000_000, -30_000_000));
    assert_eq!(bar.volume, 9_223_372_036_854_775_807);
}

#[test]
fn what_dbn_cannot_hold_exactly_is_refused() {
    let trade = |price, qty, trade_id| TradeBody {
        price,
        qty,
        trade_id,
        side: 1,
        ..TradeBody::default()
    };
    let early = Header {
        ts_event: -1,
        ..at(Kind::Trade, 0)
    };
    let fine = Header {
        instrument: 1,
        ..at(Kind::Trade, 0)
    };
    let none = Header {
        instrument: InstrumentId::NONE.0,
        ..at(Kind::Trade, 0)
    };
    let refused = [
        (
            trade(1, 5_000_000_000, 1).record(at(Kind::Trade, 0)),
            "record 0: qty is 5000000000, expected at most 4294967294",
        ),
        (
            // What DBN means by it is that no size is told.
            trade(1, i64::from(u32::MAX), 1).record(at(Kind::Trade, 0)),
            "record 0: qty is 4294967295, expected at most 4294967294",
        ),
        (
            trade(1, 1_500, 1).record(fine),
            "record 0: qty is 1.5, expected a whole number",
        ),
        (
            trade(1, -1, 1).record(at(Kind::Trade, 0)),
            "record 0: qty is -1, expected a whole number",
        ),
        (
            trade(922_337_203_686, 1, 1).record(at(Kind::Trade, 0)),
            "record 0: price is mantissa 922337203686",
        ),
        (
            trade(1, 1, 1 << 32).record(at(Kind::Trade, 0)),
            "record 0: trade_id is 4294967296, expected at most",
        ),
        (
            trade(1, 1, 1).record(early),
            "record 0: ts_event is -1, expected 1970 or later",
        ),
        (trade(1, 1, 1).record(none), "record 0: instrument is none"),
        (
            TimerBody::default().record(at(Kind::Timer, 0)),
            "kind is \"timers\", expected trades",
        ),
        (
            BarBody::default().record(at(Kind::Bar, 2)),
            "size of the bars is \"5m\", expected one of 1s",
        ),
    ];
    for (record, expected) in refused {
        let dir = tempfile::tempdir().unwrap();
        let catalog = future(dir.path(), &[record]);
        let path = dir.path().join("x.dbn");
        let table = Table::of(&record).unwrap();
        let query = ScanQuery::default();
        let error = export_file(&catalog, table, &query, &path, &mut |_, _| true).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!path.exists());
    }
}

#[test]
fn a_time_of_ours_has_no_flag_in_dbn() {
    let [trade, ..] = fitting();
    let mut ours = trade;
    ours.header.flags = Flags::BAD_TIME;
    let dir = tempfile::tempdir().unwrap();
    let catalog = future(dir.path(), &[ours]);
    let report = export(&catalog, Table::Trades, &dir.path().join("x.dbn"));
    assert_eq!(report.notes.len(), 1, "{report:?}");
}

#[test]
fn a_symbol_that_is_not_ascii_has_no_place_in_dbn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.dbn");
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("ÖL", 2, 0, "EUR"))
        .unwrap();
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    let catalog = Catalog::create(&dir.path().join("oil")).unwrap();
    let meta = RunMeta::new("oil", Ts(0), instruments).unwrap();
    let mut writer = catalog.writer(&meta, 0, "test").unwrap();
    writer.push(0, &fitting()[0]).unwrap();
    writer.finish().unwrap();
    let query = ScanQuery::default();
    let error = export_file(&catalog, Table::Trades, &query, &path, &mut |_, _| true).unwrap_err();
    assert!(
        error.to_string().contains("expected one in ASCII"),
        "{error}"
    );
}
