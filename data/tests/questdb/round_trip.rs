//! What goes in comes out, to the last bit, and the server shows readers plain numbers.

use crate::given;
use crate::server::Server;
use serde_json::json;
use std::fs;
use tickloom_data::{QuestDb, QuestDbSink, Result, ScanQuery, Table};
use tickloom_types::{Record, Seq, Ts};

fn everything() -> ScanQuery {
    ScanQuery {
        tables: Table::ALL.to_vec(),
        ..ScanQuery::default()
    }
}

fn send_all(sink: &mut QuestDbSink) {
    sink.begin(&given::run("r")).unwrap();
    for (seq, record) in (0..).zip(&given::inputs()) {
        sink.push(seq, record).unwrap();
    }
    for (number, (cause, record)) in (0..).zip(&given::outputs()) {
        sink.push_output(number, *cause, record).unwrap();
    }
    sink.settle().unwrap();
    sink.flush().unwrap();
    assert_eq!(sink.pending(), 0);
}

#[test]
fn every_kind_comes_back_to_the_last_bit() {
    given::covers_all_tables();
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.address().parse().unwrap();
    let mut sink = QuestDbSink::connect(&address).unwrap();
    let (inputs, outputs) = (given::inputs(), given::outputs());
    // Twice, as after a confirmation that got lost: the tables keep each row once.
    for _ in 0..2 {
        send_all(&mut sink);
    }
    server.settle();

    let db = QuestDb::connect(&address).unwrap();
    assert_eq!(db.unapplied().unwrap(), Vec::<String>::new());
    assert_eq!(db.runs().unwrap(), [given::run("r")]);
    let mut expected: Vec<(Seq, u64, Record)> = Vec::new();
    expected.extend((0..).zip(&inputs).map(|(seq, record)| (seq, 0, *record)));
    expected.extend(
        (1..)
            .zip(&outputs)
            .map(|(n, (cause, record))| (*cause, n, *record)),
    );
    expected.sort_by_key(|(seq, output, _)| (*seq, *output));
    let scan = db.scan(&everything()).unwrap();
    assert_eq!(scan.rows_max(), expected.len() as u64);
    assert_eq!(scan.instruments(), &given::run("r").instruments);
    let found: Vec<(Seq, Record)> = scan.collect::<Result<_>>().unwrap();
    for (found, (seq, _, record)) in found.iter().zip(&expected) {
        assert_eq!(found, &(*seq, *record));
    }
    assert_eq!(found.len(), expected.len());

    let seen =
        server.sql("SELECT price, qty, side, instrument FROM trades WHERE seq = 24 AND run = 'r'");
    // The second extreme on the first instrument: one, at nine decimals.
    assert_eq!(
        seen,
        [[
            json!("0.000000001"),
            json!("0.000000001"),
            json!("buy"),
            json!("venue.A/B-1_x")
        ]]
    );
    let cash = server.sql("SELECT cash FROM equity WHERE cause = 1");
    assert_eq!(cash, [[json!("170141183460469231731.687303715884105727")]]);
    let name = server.sql("SELECT strategy_name FROM orders WHERE cause = 0");
    assert_eq!(name, [[json!("cross")]]);
}

#[test]
fn a_price_that_is_none_is_null_and_comes_back_as_it_was() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.address().parse().unwrap();
    let mut sink = QuestDbSink::connect(&address).unwrap();
    sink.begin(&given::run("r")).unwrap();
    let (inputs, order) = given::without_prices();
    for (seq, record) in (0..).zip(&inputs) {
        sink.push(seq, record).unwrap();
    }
    sink.push_output(0, 0, &order).unwrap();
    sink.settle().unwrap();
    sink.flush().unwrap();
    server.settle();
    // Bids 1 and 0, asks 3, 4 and 4.
    let quotes =
        server.sql("SELECT count(), count(bid), sum(bid), count(ask), sum(ask) FROM quotes");
    let sum = |text: &str| json!(text);
    assert_eq!(
        quotes,
        [[
            json!(5),
            json!(2),
            sum("1.000000000"),
            json!(3),
            sum("11.000000000")
        ]]
    );
    for table in ["book_updates", "order_updates", "orders"] {
        let count = server.sql(&format!("SELECT count(), count(price) FROM {table}"));
        assert_eq!(count, [[json!(1), json!(0)]], "{table}");
    }
    let db = QuestDb::connect(&address).unwrap();
    let found: Vec<(Seq, Record)> = db
        .scan(&everything())
        .unwrap()
        .collect::<Result<_>>()
        .unwrap();
    let mut expected: Vec<(Seq, Record)> = (0..).zip(inputs).collect();
    expected.insert(1, (0, order));
    assert_eq!(found, expected);

    // One that has a size was not sent by us like that.
    server.sql("UPDATE quotes SET bid_qty = 5m WHERE seq = 0");
    server.settle();
    let mut scan = db.scan(&everything()).unwrap();
    let error = scan.find_map(Result::err).unwrap().to_string();
    assert!(
        error.contains("bid is \"null\", expected a value, as there is a size"),
        "{error}"
    );
}

#[test]
fn tables_of_an_earlier_version_are_read_and_written_on() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.address().parse().unwrap();
    let send = || {
        let mut sink = QuestDbSink::connect(&address).unwrap();
        sink.begin(&given::run("r")).unwrap();
        for (number, (cause, record)) in (0..).zip(&given::outputs()) {
            sink.push_output(number, *cause, record).unwrap();
        }
        sink.flush().unwrap();
        server.settle();
    };
    send();
    let query = ScanQuery {
        tables: vec![Table::Signals],
        ..ScanQuery::default()
    };
    let read = || -> Vec<(Seq, Record)> {
        let db = QuestDb::connect(&address).unwrap();
        db.scan(&query).unwrap().collect::<Result<_>>().unwrap()
    };
    let expected = read();
    assert!(!expected.is_empty());
    server.sql("ALTER TABLE signals RENAME COLUMN number TO output_seq");
    server.settle();
    assert_eq!(read(), expected);
    send();
    let names = server.sql("SHOW COLUMNS FROM signals");
    let has = |name: &str| names.iter().any(|row| row[0] == name);
    assert!(has("number") && !has("output_seq"), "{names:?}");
    assert_eq!(read(), expected);
}

#[test]
fn a_record_that_the_server_cannot_keep_is_refused_by_name() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut sink = QuestDbSink::connect(&server.address().parse().unwrap()).unwrap();
    sink.begin(&given::run("r")).unwrap();
    let mut check = |change: fn(&mut Record), expected: &str| {
        let mut record = given::inputs()[0];
        change(&mut record);
        let error = sink.push(7, &record).unwrap_err().to_string();
        assert_eq!(error, format!("record 7: {expected}"));
        assert_eq!(sink.pending(), 0, "{expected}");
    };
    check(
        |r| r.header.ts_event = -1,
        "ts_event is 1969-12-31T23:59:59.999999999Z, expected 1970 to 2261, as QuestDB has it",
    );
    check(
        |r| r.header.instrument = 3,
        "instrument is 3, expected an instrument of the run, or none",
    );
    check(
        |r| r.header.source = 9,
        "source is 9, expected a source of the run",
    );
    check(|r| r.body[3] = 77, "side is 77, expected a side");
    check(
        |r| r.body[4] = 1,
        "body is not zero where it is reserved, expected zeros",
    );
    check(
        |r| r.header.kind = 64,
        "kind is 64, expected a kind of its side, input or output",
    );
}

#[test]
fn a_table_of_somebody_else_is_not_written_into() {
    let Some(server) = Server::start() else {
        return;
    };
    server.sql("CREATE TABLE trades (ts TIMESTAMP, price DOUBLE) TIMESTAMP(ts) PARTITION BY DAY");
    let address = server.address();
    let error = QuestDbSink::connect(&address.parse().unwrap())
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "QuestDB at http://{address}: table trades was made by somebody else: column ts_event is not there, \
             expected TIMESTAMP_NS as an upsert key"
        )
    );
}

#[test]
fn tables_that_were_half_made_when_the_server_was_killed_are_made_again() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let address = server.address().parse().unwrap();
    drop(QuestDbSink::connect(&address).unwrap());
    // As a kill leaves them: a table's own files are there, those of its log are not, or are empty, or not written yet.
    let log = |table: &str| server.directory(table).join("txn_seq");
    let logs = ["trades", "quotes", "signals", "fills", "orders", "runs"].map(log);
    server.kill();
    fs::remove_dir_all(&logs[0]).unwrap();
    fs::remove_file(logs[1].join("_txnlog")).unwrap();
    fs::write(logs[2].join("_txnlog"), "").unwrap();
    fs::write(logs[3].join("_meta"), "").unwrap();
    fs::write(logs[4].join("_meta"), [0; 4096]).unwrap();
    fs::write(logs[5].join("_txnlog"), "").unwrap();
    server.restart();
    // Those that are whole are not made again, with rows or without.
    for sent in [false, true, false] {
        let mut sink = QuestDbSink::connect(&address).unwrap();
        if sent {
            send_all(&mut sink);
            server.settle();
        }
    }
    let records = given::outputs().into_iter().map(|(_, record)| record);
    let records: Vec<Record> = given::inputs().into_iter().chain(records).collect();
    for table in ["trades", "quotes", "signals", "fills", "orders"] {
        let is_its = |record: &&Record| Table::of(record).is_some_and(|of| of.name() == table);
        let expected = records.iter().filter(is_its).count() as u64;
        assert!(expected > 0, "{table}");
        let rows = server.number(&format!("SELECT count() FROM {table}"));
        assert_eq!(rows, expected, "{table}");
    }
    assert_eq!(server.number("SELECT count() FROM runs"), 1);
}

#[test]
fn a_query_that_selects_nothing_names_what_is_near() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.address().parse().unwrap();
    let error = QuestDb::connect(&address).err().unwrap().to_string();
    assert!(
        error.ends_with("it has no table `runs`: nothing was sent to it yet"),
        "{error}"
    );
    let mut sink = QuestDbSink::connect(&address).unwrap();
    sink.begin(&given::run("r")).unwrap();
    sink.push(0, &given::inputs()[0]).unwrap();
    sink.flush().unwrap();
    server.settle();
    let query = ScanQuery {
        from: Some(Ts(5)),
        ..ScanQuery::default()
    };
    let error = QuestDb::connect(&address)
        .unwrap()
        .scan(&query)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "no data for records of any instrument from 1970-01-01T00:00:00.000000005Z; the nearest are trades of venue.A/B-1_x \
         from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z"
    );
}
