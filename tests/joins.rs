//! One record, four places: the journal, the wire, the catalog and QuestDB have it under one identity, an output by (run, number) and
//! a market record by (run, sequence). `docs/journal.md`, section 9, has the names; `tests/common/questdb.rs` says where it was skipped.

#![cfg(test)]

mod cli;
mod common;
#[path = "common/questdb.rs"]
mod server;

use cli::{tickloom, workspace};
use common::{Running, json, read_journal, settings, text, until};
use server::Server;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use tickloom_data::{Catalog, QuestDb, ScanQuery, Table};
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_journal::read_journal_meta;
use tickloom_types::{Record, Seq};
use tickloom_wire::{Payload, StreamEntry, StreamReader, is_output, run_id};

/// Run, and the number of an output or the sequence of an input.
type Name = (String, u64);

/// What one place holds.
#[derive(Default)]
struct Held {
    inputs: BTreeMap<Name, Record>,
    /// With the sequence of the cause, where the place has that in a column.
    outputs: BTreeMap<Name, (Option<Seq>, Record)>,
    /// Of the wire, the first output that came once all subscriptions were in force.
    heard_from: Option<Name>,
}

impl Held {
    fn input(&mut self, name: Name, record: Record) {
        let before = self.inputs.insert(name.clone(), record);
        assert!(
            before.is_none_or(|before| before == record),
            "{name:?} twice"
        );
    }

    fn output(&mut self, name: Name, cause: Option<Seq>, record: Record) {
        let before = self.outputs.insert(name.clone(), (cause, record));
        let is_same = before.is_none_or(|before| before == (cause, record));
        assert!(is_same, "{name:?} twice");
    }

    /// Each that `other` has must be here, and be the same.
    fn assert_has(&self, other: &Held, place: &str) {
        for (name, record) in &other.inputs {
            assert_eq!(
                self.inputs.get(name),
                Some(record),
                "input {name:?} of {place}"
            );
        }
        for (name, (cause, record)) in &other.outputs {
            let (own_cause, own) = &self.outputs[name];
            assert_eq!(own, record, "output {name:?} of {place}");
            if cause.is_some() {
                assert_eq!(own_cause, cause, "cause of output {name:?} of {place}");
            }
        }
    }

    fn assert_same(&self, other: &Held, place: &str) {
        self.assert_has(other, place);
        assert_eq!(self.inputs.len(), other.inputs.len(), "inputs of {place}");
        assert_eq!(
            self.outputs.len(),
            other.outputs.len(),
            "outputs of {place}"
        );
    }
}

fn of_journal(dir: &Path) -> Held {
    let run = read_journal_meta(dir).unwrap().unwrap().run;
    let journal = read_journal(dir);
    let mut held = Held::default();
    for (seq, record) in journal.seqs.into_iter().zip(journal.inputs) {
        held.input((run.clone(), seq), record);
    }
    for (number, (cause, record)) in journal.numbers.into_iter().zip(journal.outputs) {
        held.output((run.clone(), number), Some(cause), record);
    }
    held
}

/// What a subscriber has written down. Runs are told by the identifier in each envelope, whose name a session says.
fn of_wire(file: &Path) -> Held {
    let mut reader = StreamReader::new(BufReader::new(File::open(file).unwrap())).unwrap();
    let mut messages = Vec::new();
    let mut runs = BTreeMap::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        match entry {
            StreamEntry::Message { message, .. } => messages.push(message),
            StreamEntry::Loss { topic, missed } => panic!("{missed} of {topic} were missed"),
            StreamEntry::Subscription { .. } => {}
        }
    }
    for message in &messages {
        if let Payload::Announcement(told) = &message.payload
            && let Some(run) = &told.session.run
        {
            runs.insert(run_id(run), run.clone());
        }
    }
    let mut held = Held::default();
    let mut texts = BTreeMap::new();
    let mut is_in_force = false;
    for message in messages {
        is_in_force |= message.topic.starts_with("~hello/");
        let envelope = message.envelope;
        match message.payload {
            Payload::Record(record) => {
                let name = (runs[&envelope.run].clone(), envelope.number);
                if is_in_force && is_output(record.header.kind) {
                    held.heard_from.get_or_insert(name.clone());
                }
                match is_output(record.header.kind) {
                    true => held.output(name, None, record),
                    false => held.input(name, record),
                }
            }
            Payload::Json(text) => {
                let object: serde_json::Value = serde_json::from_str(&text).unwrap();
                // What is told of the run has no number.
                let key = match is_output(envelope.kind) {
                    true => "number",
                    false => "seq",
                };
                if let Some(number) = object[key].as_u64() {
                    let run = object["run"].as_str().unwrap().to_owned();
                    assert_eq!((run_id(&run), number), (envelope.run, envelope.number));
                    texts.insert((is_output(envelope.kind), run, number), object);
                }
            }
            Payload::Announcement(_) | Payload::State(_) => {}
        }
    }
    // Both encodings are of the same records.
    for ((is_output, run, number), object) in texts {
        let name = (run, number);
        let record = match is_output {
            true => &held.outputs[&name].1,
            false => &held.inputs[&name],
        };
        assert_eq!(object["ts_event_ns"], record.header.ts_event, "{name:?}");
    }
    held
}

/// Rows of a table by the columns that name them: `run`, `seq`, and of an output `number`.
type Names = Vec<(String, Seq, Option<u64>)>;

/// The names in an export of the catalog.
fn exported(catalog: &Path, table: Table, dir: &Path) -> Names {
    let file = dir.join(format!("{table}.csv"));
    let (catalog, to) = (catalog.to_str().unwrap(), file.to_str().unwrap());
    let ran = tickloom(&[
        "export",
        "--catalog",
        catalog,
        "--kind",
        table.name(),
        "--to-file",
        to,
    ]);
    if ran.code != 0 {
        assert!(ran.stderr.contains("no data"), "{ran:?}");
        return Vec::new();
    }
    let text = fs::read_to_string(file).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| columns.iter().position(|column| *column == name);
    let (run, seq, number) = (at("run").unwrap(), at("seq").unwrap(), at("number"));
    assert_eq!(number.is_some(), table.is_output());
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let number = number.map(|at| fields[at].parse().unwrap());
            (fields[run].to_owned(), fields[seq].parse().unwrap(), number)
        })
        .collect()
}

/// The names in a table of the server.
fn selected(server: &Server, table: Table) -> Names {
    let query = match table.is_output() {
        true => format!("SELECT run, seq, number FROM {table} ORDER BY number"),
        false => format!("SELECT run, seq FROM {table} ORDER BY seq"),
    };
    let rows = server.sql(&query).into_iter();
    rows.map(|row| {
        let number = row.get(2).map(|number| number.as_u64().unwrap());
        (
            row[0].as_str().unwrap().to_owned(),
            row[1].as_u64().unwrap(),
            number,
        )
    })
    .collect()
}

/// Names and records of all tables together. `scan` reads the records of a query.
fn joined(names: impl Fn(Table) -> Names, scan: impl Fn(&ScanQuery) -> Vec<(Seq, Record)>) -> Held {
    let mut held = Held::default();
    let (outputs, inputs): (Vec<Table>, Vec<Table>) =
        Table::ALL.iter().partition(|table| table.is_output());
    // What is read together keeps its marks of moments.
    let mut by_seq: BTreeMap<Seq, Record> = scan(&ScanQuery::default()).into_iter().collect();
    for table in inputs {
        for (run, seq, _) in names(table) {
            let record = by_seq.remove(&seq).unwrap();
            assert_eq!(record.header.kind, kind_of(table), "{table}");
            held.input((run, seq), record);
        }
    }
    assert!(by_seq.is_empty(), "{} without a name", by_seq.len());
    for table in outputs {
        let named = names(table);
        if named.is_empty() {
            continue;
        }
        let records = scan(&ScanQuery {
            tables: vec![table],
            ..ScanQuery::default()
        });
        assert_eq!(records.len(), named.len(), "{table}");
        for ((run, cause, number), (seq, record)) in named.into_iter().zip(records) {
            assert_eq!(cause, seq, "{table}");
            held.output((run, number.unwrap()), Some(cause), record);
        }
    }
    held
}

/// The kind of record that a table of inputs is of: two have levels.
fn kind_of(table: Table) -> u8 {
    use tickloom_types::Kind;
    let kind = match table {
        Table::Trades => Kind::Trade,
        Table::Quotes => Kind::Quote,
        Table::BookUpdates | Table::BookSnapshots => Kind::Level,
        Table::OrderUpdates => Kind::OrderUpdate,
        Table::Bars => Kind::Bar,
        Table::Timers => Kind::Timer,
        Table::Status => Kind::Status,
        other => panic!("{other} is of outputs"),
    };
    kind as u8
}

/// Records a run of two sessions, the second with a subscriber that writes down what comes; returns its journal and the catalog.
fn record_two_sessions(server: &Server, dir: &Path, file: &Path) -> (PathBuf, PathBuf) {
    let [spot, _] = samples();
    let venue = LocalVenue::start(LocalVenueConfig {
        speed: Speed::Times(8.0),
        ..LocalVenueConfig::new(vec![spot.capture])
    })
    .unwrap();
    let record = dir.join("recorded");
    let config = dir.join("live.toml");
    let questdb = format!("[questdb]\naddress = '{}'\n", server.address());
    fs::write(&config, settings(&venue, &record, &questdb)).unwrap();
    let words = ["run", "--config", config.to_str().unwrap(), "--json"];

    // Two sessions, the first of which is killed: numbers are taken back, and the names of the others stand.
    let mut run = Running::start(&words);
    let journal = Path::new(&run.announced("journal")).to_owned();
    until("some outputs", || {
        (read_journal(&journal).outputs.len() > 10).then_some(())
    });
    run.kill();
    let mut run = Running::start(&words);
    let endpoint = run.announced("publishing");
    let file_name = file.to_str().unwrap();
    let mut subscriber = Running::start(&[
        "subscribe",
        &endpoint,
        "--record",
        file_name,
        "--encoding",
        "both",
    ]);
    subscriber.announced("connected");
    until("the end of the recording", || {
        venue.progress().is_finished.then_some(())
    });
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(subscriber.stop().code, 0);
    let address = server.address();
    let synced = tickloom(&[
        "questdb",
        "sync",
        journal.to_str().unwrap(),
        "--questdb",
        &address,
    ]);
    assert_eq!(synced.code, 0, "{synced:?}");
    server.settle();
    let catalog = PathBuf::from(text(&json(&ran), "catalog"));
    (journal, catalog)
}

#[test]
fn an_output_and_a_market_record_have_one_name_in_journal_wire_catalog_and_questdb() {
    let Some(server) = Server::start() else {
        return;
    };
    let dir = workspace();
    let file = dir.path().join("came.tls");
    let (journal, catalog_dir) = record_two_sessions(&server, dir.path(), &file);
    let catalog_dir = catalog_dir.as_path();
    let address = server.address();
    let in_journal = of_journal(&journal);
    let heard = of_wire(&file);
    let catalog = Catalog::open(catalog_dir).unwrap();
    let in_catalog = joined(
        |table| exported(catalog_dir, table, dir.path()),
        |query| catalog.scan(query).unwrap().map(Result::unwrap).collect(),
    );
    let db = QuestDb::connect(&address.parse().unwrap()).unwrap();
    let in_questdb = joined(
        |table| selected(&server, table),
        |query| db.scan(query).unwrap().map(Result::unwrap).collect(),
    );

    in_journal.assert_same(&in_catalog, "the catalog");
    in_journal.assert_same(&in_questdb, "QuestDB");
    in_journal.assert_has(&heard, "the wire");
    assert!(
        heard.inputs.len() > 50,
        "{} market records",
        heard.inputs.len()
    );
    // Once all subscriptions were in force none was missed.
    let from = heard.heard_from.clone().unwrap();
    let later: Vec<&Name> = in_journal
        .outputs
        .range(from.clone()..)
        .map(|(name, _)| name)
        .collect();
    let came: Vec<&Name> = heard.outputs.range(from..).map(|(name, _)| name).collect();
    assert_eq!(came, later);
    assert!(later.len() > 50, "{} outputs", later.len());
}
