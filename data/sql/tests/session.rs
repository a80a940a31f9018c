//! Statements over a catalog that changes meanwhile, and over one that is too large.

#![cfg(test)]

use proptest::prelude::*;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tickloom_catalog::{Catalog, CompactOptions};
use tickloom_journal::RunMeta;
use tickloom_sql::{Format, Session, SqlError};
use tickloom_types::{
    BookAction, Header, InstrumentDef, InstrumentId, Instruments, Kind, LevelBody, OrderBody,
    OrderType, OrderUpdateBody, QuoteBody, Seq, Side, SourceDef, SourceId, SourceKind, TradeBody,
    Ts,
};

/// Rows of a part.
const ROWS: u64 = 100;
/// Compactions beside the statements: fewer than the times that one is planned, each of which takes another compaction.
const COMPACTIONS: u32 = 40;

fn meta(run: &str) -> RunMeta {
    let mut instruments = Instruments::new();
    let def = InstrumentDef::new("test.A", 2, 0, "USD");
    instruments.add(def).unwrap();
    let source = SourceDef::new("feed", SourceKind::Feed);
    instruments.add_source(source).unwrap();
    RunMeta::new(run, Ts(0), instruments).unwrap()
}

fn write(catalog: &Catalog, part: u32) {
    write_run(catalog, "run-1", part);
}

/// Writes a part of trades whose sizes are all 2.
fn write_run(catalog: &Catalog, run: &str, part: u32) {
    let mut writer = catalog.writer(&meta(run), part, "test").unwrap();
    for n in 0..ROWS {
        let seq: Seq = u64::from(part) * ROWS + n;
        let ts = Ts(i64::try_from(seq).unwrap());
        let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), ts, ts);
        let body = TradeBody {
            price: 1 + i64::from(part),
            qty: 2,
            ..TradeBody::default()
        };
        writer.push(seq, &body.record(header)).unwrap();
    }
    writer.finish().unwrap();
}

fn row(session: &Session, statement: &str) -> Vec<u64> {
    let answer = session.run(statement).unwrap();
    let mut csv = Vec::new();
    answer.write(Format::Csv, &mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let row = csv.lines().nth(1).unwrap();
    row.split(',').map(|field| field.parse().unwrap()).collect()
}

fn create(path: &Path) -> Catalog {
    let catalog = Catalog::create(path).unwrap();
    write(&catalog, 0);
    catalog
}

#[test]
fn rows_are_whole_while_a_writer_and_a_compaction_are_at_work() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = create(dir.path());
    let session = Session::new(catalog.clone(), None);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for part in 1..=COMPACTIONS {
                write(&catalog, part);
                catalog
                    .compact(&CompactOptions::default(), &mut |_| {
                        ControlFlow::Continue(())
                    })
                    .unwrap();
            }
            is_done.store(true, Ordering::Release);
        });
        let mut before = 0;
        loop {
            let was_done = is_done.load(Ordering::Acquire);
            let found = row(
                &session,
                "select count(price), sum(qty), min(seq), max(seq) from trades",
            );
            let count = found[0];
            assert_eq!(count % ROWS, 0);
            assert!(count >= before, "{count} rows after {before}");
            assert_eq!(found, [count, 2 * count, 0, count - 1]);
            before = count;
            if was_done {
                break;
            }
        }
        assert_eq!(before, u64::from(1 + COMPACTIONS) * ROWS);
    });
}

#[test]
fn a_statement_that_reads_too_much_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = create(dir.path());
    // A time is 8 bytes, a price 16; each is held twice.
    let session = |bytes: u64| Session::new(catalog.clone(), Some(bytes));
    let statement = "select ts_event, price from trades";
    assert_eq!(session(ROWS * 48).run(statement).unwrap().rows(), 100);
    let refused = session(ROWS * 48 - 1).run(statement);
    let Err(SqlError::Memory { needed, allowed }) = refused else {
        panic!("it was not refused");
    };
    assert_eq!((needed, allowed), (ROWS * 48, ROWS * 48 - 1));
    // Twice the table is twice the rows, and a join holds each five times; what the bounds leave out is not read.
    let twice = "select a.price from trades a join trades b on a.price = b.price";
    assert!(session(ROWS * 159).run(twice).is_err());
    assert!(session(ROWS * 160).run(twice).is_ok());
    // For buckets each is held four times.
    let bars = "select ts_event, max(price) from trades sample by 1m";
    assert!(session(ROWS * 95).run(bars).is_err());
    assert!(session(ROWS * 96).run(bars).is_ok());
    // Parts of the same time are sorted, by run and sequence of 16 and 8 bytes too, and each column is held five times then.
    let overlapping = tempfile::tempdir().unwrap();
    let other = create(overlapping.path());
    write_run(&other, "run-2", 0);
    let session_of_two = |bytes: u64| Session::new(other.clone(), Some(bytes));
    assert!(session_of_two(2 * ROWS * 239).run(bars).is_err());
    assert!(session_of_two(2 * ROWS * 240).run(bars).is_ok());
    let none = "select ts_event, price from trades where instrument = 'test.B'";
    assert_eq!(session(0).run(none).unwrap().rows(), 0);
}

#[test]
fn the_price_of_an_empty_side_is_null() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let mut writer = catalog.writer(&meta("run-1"), 0, "test").unwrap();
    // An empty bid, an empty ask, both there, both empty, a price of zero with a size, a price without a size.
    let quotes = [
        [0, 0, 300, 7],
        [100, 5, 0, 0],
        [200, 5, 400, 7],
        [0, 0, 0, 0],
        [0, 5, 500, 7],
        [300, 0, 800, 7],
    ];
    for (seq, [bid, bid_qty, ask, ask_qty]) in (0..).zip(quotes) {
        let ts = Ts(i64::try_from(seq).unwrap());
        let header = Header::new(Kind::Quote, InstrumentId(0), SourceId(0), ts, ts);
        let body = QuoteBody {
            bid,
            bid_qty,
            ask,
            ask_qty,
            update_id: seq,
        };
        writer.push(seq, &body.record(header)).unwrap();
    }
    writer.finish().unwrap();
    let session = Session::new(catalog, None);
    let text = |statement: &str| {
        let mut csv = Vec::new();
        let answer = session.run(statement).unwrap();
        answer.write(Format::Csv, &mut csv).unwrap();
        String::from_utf8(csv).unwrap().replace('\n', " ")
    };
    // Four bids: 1, 2, 0 and 3; four asks of five that are there: 3, 4, 5 and 8.
    assert_eq!(
        text("select avg(bid) as a, count(bid) as n from quotes"),
        "a,n 1.5,4 "
    );
    assert_eq!(
        text("select avg(ask) as a, min(ask) as m from quotes"),
        "a,m 5.0,3 "
    );
    assert_eq!(
        text("select bid, ask from quotes where seq < 4"),
        "bid,ask ,3 1, 2,4 , "
    );
    assert_eq!(text("select seq from quotes where bid is null"), "seq 0 3 ");
    assert_eq!(text("select seq from quotes where bid < 1"), "seq 4 ");
    assert_eq!(
        text("select sum(bid_qty) as s, count(*) as n from quotes"),
        "s,n 15,6 "
    );
}

#[test]
fn a_price_that_is_none_is_null() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::create(dir.path()).unwrap();
    let mut writer = catalog.writer(&meta("run-1"), 0, "test").unwrap();
    let header = |kind| Header::new(kind, InstrumentId(0), SourceId(0), Ts(0), Ts(0));
    // What empties a book, a level at zero that is gone, and a level.
    for (seq, (price, qty, clear)) in (0..).zip([(0, 0, 1), (0, 0, 0), (300, 7, 0)]) {
        let level = LevelBody {
            price,
            qty,
            clear,
            side: Side::Buy as u8,
            ..LevelBody::default()
        };
        writer
            .push(seq, &level.record(header(Kind::Level)))
            .unwrap();
    }
    let updates = [
        (BookAction::Clear, 0),
        (BookAction::Add, 500),
        (BookAction::None, 0),
        (BookAction::Modify, 0),
    ];
    for (seq, (action, price)) in (3..).zip(updates) {
        let update = OrderUpdateBody {
            action: action as u8,
            price,
            ..OrderUpdateBody::default()
        };
        let record = update.record(header(Kind::OrderUpdate));
        writer.push(seq, &record).unwrap();
    }
    let orders = [
        (OrderType::Market, 0),
        (OrderType::Limit, 400),
        (OrderType::Stop, 0),
    ];
    for (number, (order_type, price)) in (0..).zip(orders) {
        let order = OrderBody {
            order_type: order_type as u8,
            price,
            ..OrderBody::default()
        };
        let record = order.record(header(Kind::Order));
        writer.push_output(number, 6, &record).unwrap();
    }
    writer.finish().unwrap();
    let session = Session::new(catalog, None);
    let text = |table: &str| {
        let mut csv = Vec::new();
        let statement =
            format!("select avg(price) as a, count(price) as n, count(*) as r from {table}");
        let answer = session.run(&statement).unwrap();
        answer.write(Format::Csv, &mut csv).unwrap();
        String::from_utf8(csv).unwrap().replace('\n', " ")
    };
    assert_eq!(text("book_updates"), "a,n,r 1.5,2,3 ");
    assert_eq!(text("order_updates"), "a,n,r 2.5,2,4 ");
    assert_eq!(text("orders"), "a,n,r 2.0,2,3 ");
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::new(create(dir.path()), None);
    let chain = |links: usize, of: &str, by: &str| vec![of; links].join(by);
    let within = format!("select {} as n", chain(390, "1", " + "));
    assert_eq!(row(&session, &within), [390]);
    for (statement, expected) in [
        (
            format!("select {}", chain(402, "1", "+")),
            "400 operators in a row",
        ),
        (
            format!("select {}", chain(100_000, "1", "+")),
            "20000 words and operators",
        ),
        (
            format!("select {}1{}", "(".repeat(5_000), ")".repeat(5_000)),
            "nested too deep",
        ),
        (format!("select {}true", "not ".repeat(5_000)), "column"),
        (
            format!(
                "{}select 1{}",
                "select * from (".repeat(20),
                ") x".repeat(20)
            ),
            "nested",
        ),
    ] {
        let refused = session.run(&statement).map(|answer| answer.rows());
        let error = refused.unwrap_err();
        assert!(error.is_input(), "{error}");
        let error = error.to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Statements of words that mean something.
fn any_statement() -> impl Strategy<Value = String> {
    let expression = proptest::sample::select(vec![
        "price",
        "t.qty",
        "ts_event",
        "*",
        "q.*",
        "sum(qty)",
        "first(price)",
        "count(*)",
        "'2024-01-01'",
        "-0.1",
        "1e400",
        "99999999999999999999999999999999999999999.5",
        "null",
        "cast(price as decimal(38,37))",
        "(select max(price) from trades)",
        "price in (select qty from trades)",
        "row_number() over (order by seq)",
        "\"from\"",
        "price / 0",
        "ts_event - ts_recv",
        "interval '1 day'",
        "case when side = 'buy' then 1 end",
        "sum(",
    ]);
    let from = proptest::sample::select(vec![
        "trades",
        "trades t",
        "trades t asof join trades q on (instrument)",
        "trades t asof join quotes q match_condition (t.seq >= q.seq) on (run, instrument)",
        "trades t join trades q on t.seq = q.seq",
        "trades t left join quotes q using (instrument)",
        "(select * from trades sample by 1h) t",
        "(select 1 as price) t",
        "trades, quotes",
        "bars",
        "nothing",
    ]);
    let rest = proptest::sample::select(vec![
        "",
        "where ts_event > '2024-01-01'",
        "where price > 0.1 and instrument = 'test.A'",
        "group by side",
        "group by 1",
        "sample by 1m",
        "sample by 1M align to calendar time zone 'Europe/Paris'",
        "sample by 1d calendar 'us-equity'",
        "sample by 4000000000y",
        "order by 1 desc limit 3",
        "union all select qty from trades order by 1",
        "having count(*) > 1",
        "limit -1",
    ]);
    (
        proptest::collection::vec(expression, 1..4),
        from,
        proptest::collection::vec(rest, 0..3),
    )
        .prop_map(|(what, from, rest)| {
            format!("select {} from {from} {}", what.join(", "), rest.join(" "))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever a statement is, there is an answer that can be written, or an error in words.
    #[test]
    fn any_statement_is_answered_or_refused(statement in any_statement()) {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::new(create(dir.path()), None);
        match session.run(&statement) {
            Ok(answer) => for format in [Format::Csv, Format::Json, Format::Parquet] {
                let written = answer.write(format, Vec::new());
                prop_assert!(written.is_ok(), "{}: {:?}", statement, written);
            },
            Err(error) => {
                prop_assert!(!error.to_string().is_empty());
                let is_panic = error.to_string().contains("the engine cannot do this");
                prop_assert!(!is_panic, "{}: {}", statement, error);
            }
        }
    }
}
