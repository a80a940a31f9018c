//! History from the server is the catalog's history, record for record.

use crate::given;
use crate::server::Server;
use std::ops::ControlFlow;
use tickloom_data::questdb::{CopyReport, QuestDb, QuestDbSink, copy_catalog};
use tickloom_data::{Catalog, CompactOptions, Result, ScanQuery, Table};
use tickloom_journal::RunMeta;
use tickloom_types::{
    BarBody, Header, InstrumentId, Instruments, Kind, QuoteBody, Record, Seq, SourceDef, SourceId,
    SourceKind, TimerBody, TradeBody, Ts,
};

const BASE: i64 = 1_700_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// More trades than one query asks for, some quotes, timers and bars; times go back now and then, as those of venues do.
fn records(seed: u64, count: u64) -> Vec<Record> {
    let mut state = seed;
    let mut made = Vec::new();
    for n in 0..count {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let shake = i64::try_from(state >> 33).unwrap() % (30 * SECOND);
        let ts = Ts(BASE + i64::try_from(n).unwrap() * SECOND * 3 + shake);
        let instrument = InstrumentId(u32::try_from(state >> 40).unwrap() % 3);
        let header = |kind| Header::new(kind, instrument, SourceId(0), ts, Ts(ts.0 + 5));
        let price = i64::try_from(state >> 20 & 0xffff).unwrap();
        made.push(match n % 100 {
            0 => TimerBody {
                interval: 9,
                ..TimerBody::default()
            }
            .record(Header {
                instrument: InstrumentId::NONE.0,
                ..header(Kind::Timer)
            }),
            1 => BarBody {
                open: price,
                ..BarBody::default()
            }
            .record(Header {
                source: 1,
                ..header(Kind::Bar)
            }),
            2..30 => QuoteBody {
                bid: price,
                ..QuoteBody::default()
            }
            .record(header(Kind::Quote)),
            _ => TradeBody {
                price,
                qty: 1,
                trade_id: n,
                ..TradeBody::default()
            }
            .record(header(Kind::Trade)),
        });
    }
    made
}

fn write(catalog: &Catalog, run: &RunMeta, records: &[Record]) {
    let mut writer = catalog.writer(run, 0, "test").unwrap();
    for (seq, record) in (0..).zip(records) {
        writer.push(seq, record).unwrap();
    }
    writer.finish().unwrap();
}

fn queries() -> Vec<ScanQuery> {
    let all = ScanQuery::default;
    vec![
        all(),
        ScanQuery {
            runs: vec!["a".to_owned()],
            ..all()
        },
        ScanQuery {
            instruments: vec!["B".to_owned()],
            from: Some(Ts(BASE + 5_000 * SECOND)),
            to: Some(Ts(BASE + 90_000 * SECOND)),
            ..all()
        },
        ScanQuery {
            tables: vec![Table::Bars, Table::Quotes],
            bars: vec!["1m".parse().unwrap()],
            from: Some(Ts(BASE + 301 * SECOND)),
            ..all()
        },
        ScanQuery {
            to: Some(Ts(BASE + 40 * SECOND)),
            ..all()
        },
    ]
}

#[test]
fn a_day_of_more_rows_than_are_read_together_comes_in_its_order() {
    const ROWS: u64 = 520_000;
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.address().parse().unwrap();
    // A tenth of a second apart, from midnight on; each is up to nine minutes late.
    let trade = |n: u64| {
        let late = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (540 * SECOND).unsigned_abs();
        let day = 1_699_920_000 * SECOND;
        let ts = Ts(day + i64::try_from(n * 100_000_000 + late).unwrap());
        let body = TradeBody {
            price: 1,
            qty: 1,
            trade_id: n,
            ..TradeBody::default()
        };
        body.record(Header::new(
            Kind::Trade,
            InstrumentId(2),
            SourceId(0),
            ts,
            ts,
        ))
    };
    let mut sink = QuestDbSink::connect(&address).unwrap();
    sink.begin(&given::run("long")).unwrap();
    for seq in 0..ROWS {
        sink.push(seq, &trade(seq)).unwrap();
        if sink.pending() >= 50_000 {
            sink.flush().unwrap();
        }
    }
    sink.flush().unwrap();
    server.settle();
    let scan = QuestDb::connect(&address)
        .unwrap()
        .scan(&ScanQuery::default())
        .unwrap();
    let mut expected = 0;
    for found in scan {
        assert_eq!(found.unwrap(), (expected, trade(expected)));
        expected += 1;
    }
    assert_eq!(expected, ROWS);
}

#[test]
fn history_is_the_catalog_s_record_for_record() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.address().parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    write(&catalog, &given::run("a"), &records(1, 90_000));
    write(&catalog, &given::run("b"), &records(2, 20_000));
    let copy = || copy_catalog(&catalog, &address, |_| ControlFlow::Continue(())).unwrap();
    let report = CopyReport {
        sent: 2,
        rows: 110_000,
        ..CopyReport::default()
    };
    assert_eq!(copy(), report);
    server.settle();
    // Again: nothing is sent.
    assert_eq!((copy().known, copy().rows), (2, 0));

    let db = QuestDb::connect(&address).unwrap();
    assert_eq!(db.ranges().unwrap(), catalog.ranges().unwrap());
    assert_eq!(db.instruments().unwrap(), catalog.instruments().unwrap());
    for query in queries() {
        let (theirs, ours) = (catalog.scan(&query).unwrap(), db.scan(&query).unwrap());
        assert_eq!(theirs.instruments(), ours.instruments(), "{query:?}");
        let theirs: Vec<(Seq, Record)> = theirs.collect::<Result<_, _>>().unwrap();
        let ours: Vec<(Seq, Record)> = ours.collect::<Result<_>>().unwrap();
        assert_eq!(theirs.len(), ours.len(), "{query:?}");
        let differs = theirs.iter().zip(&ours).position(|(a, b)| a != b);
        assert_eq!(differs, None, "{query:?}");
    }

    // Interrupted and done again, a copy is whole: a run of which rows are missing is sent again.
    write(&catalog, &given::run("c"), &records(3, 60_000));
    let part = copy_catalog(&catalog, &address, |_| ControlFlow::Break(())).unwrap();
    assert!(part.rows < 60_000, "{part:?}");
    server.settle();
    assert_eq!(copy().rows, 60_000);
    server.settle();
    let counted = server.number("SELECT count() FROM trades WHERE run = 'c'");
    assert_eq!(counted, 42_000);
}

/// An import of one file, with the instruments that all have here.
fn import_run(nth: u64) -> RunMeta {
    let mut instruments = Instruments::new();
    for def in given::run("any").instruments.defs() {
        instruments.add(def.clone()).unwrap();
    }
    let file = SourceDef::new("file", SourceKind::File);
    instruments.add_source(file).unwrap();
    RunMeta::new(&format!("import-{nth:032x}"), Ts(0), instruments).unwrap()
}

/// Imports that were sent before a compaction wrote them together are not sent once more under its name.
#[test]
fn what_was_sent_as_imports_is_not_sent_again_as_one_run() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.address().parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let import = |nth: u64| {
        let trades = records(nth, 1_000).into_iter();
        let trades: Vec<Record> = trades
            .filter(|one| one.kind() == Some(Kind::Trade))
            .collect();
        write(&catalog, &import_run(nth), &trades);
        trades.len() as u64
    };
    let copy = || copy_catalog(&catalog, &address, |_| ControlFlow::Continue(())).unwrap();
    let compact = || {
        let options = CompactOptions::default();
        let done = catalog.compact(&options, &mut |_| ControlFlow::Continue(()));
        assert_eq!(done.unwrap().bundles.len(), 1);
    };
    let rows = import(1) + import(2);
    assert_eq!(copy().sent, 2);
    // What was sent is known once the server has applied it.
    server.settle();
    assert_eq!(copy().known, 2);
    compact();
    let again = copy();
    assert_eq!((again.known, again.sent, again.rows), (1, 0, 0));
    let counted = || server.number("SELECT count() FROM trades");
    assert_eq!(counted(), rows);
    // Of what is in the next one some is there: it is refused by name.
    let more = import(3);
    compact();
    let refused = copy();
    assert_eq!((refused.sent, refused.refused), (0, rows + more));
    let told = refused.refusal.unwrap();
    assert!(told.contains("has some of the imports"), "{told}");
    server.settle();
    assert_eq!(counted(), rows);
}
