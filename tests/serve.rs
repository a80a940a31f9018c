//! Services from outside: what runs did is asked for over HTTP, page by page, on SQLite and on PostgreSQL; and whatever is killed, each
//! fill and each value of a signal is there once.

#![cfg(test)]
#![cfg(feature = "services")]

mod cli;
mod common;
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/random.rs"]
mod random;

use cli::{tickloom, workspace};
use common::{Running, get, json, read_journal, until};
use postgres::Postgres;
use random::Random;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tickloom_journal::{JournalOptions, JournalWriter, RunMeta, SyncPolicy};
use tickloom_types::{
    FillBody, Flags, Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, Seq, Side,
    SignalBody, SourceDef, SourceId, SourceKind, TradeBody, Ts, format_decimal,
};

/// A `tickloom serve` that is up.
struct Served {
    running: Running,
    address: String,
}

impl Served {
    fn start(record: &Path, place: &[&str]) -> Served {
        let record = record.display().to_string();
        let words = [
            "serve",
            "activity",
            "--record",
            &record,
            "--http",
            "127.0.0.1:0",
        ];
        let mut running = Running::start(&[&words, place].concat());
        let address = running.announced("serving activity at http://");
        Served { running, address }
    }

    /// Status, head and body.
    fn answer(&self, path: &str) -> (u16, String, String) {
        let answer = get(&self.address, path);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.answer(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// All items of a list, page by page.
    fn items(&self, path: &str, limit: usize) -> Vec<Value> {
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let (status, _, body) = self.answer(&format!("{path}?after={after}&limit={limit}"));
            assert_eq!(status, 200, "{path}: {body}");
            let mut page: Value = serde_json::from_str(&body).unwrap();
            // The parser may be off by the last bit of a float: the text is what counts.
            let texts = body.split("\"value\":").skip(1);
            let found = page["items"].as_array_mut().unwrap();
            for (item, text) in found.iter_mut().zip(texts) {
                let text = text.split([',', '}']).next().unwrap();
                if text != "null" {
                    item["value"] = json!(exact(text.parse().unwrap()));
                }
            }
            let page = page;
            let found = page["items"].as_array().unwrap();
            assert!(found.len() <= limit);
            items.extend_from_slice(found);
            after = page["next"].as_str().unwrap().to_owned();
            if page["more"] == false {
                return items;
            }
        }
    }

    /// Waits until all outputs up to this number are taken.
    fn catch_up(&self, run: &str, outputs: u64) {
        let mut shown = String::new();
        until("all outputs to be taken", || {
            let (_, _, body) = self.answer("/activity/v1/runs");
            if body != shown {
                println!("{outputs} wanted: {body} {}", self.answer("/ready").2);
                shown = body;
            }
            let runs: Value = serde_json::from_str(&shown).unwrap();
            let items = runs["items"].as_array()?;
            let found = items.iter().find(|item| item["run"] == run)?;
            (found["outputs"].as_u64()? >= outputs).then_some(())
        });
    }
}

/// Both engines, where there are both.
fn on_both(test: impl Fn(&[&str])) {
    let dir = workspace();
    let folder = dir.path().join("services").display().to_string();
    test(&["--data", &folder]);
    if let Some(server) = Postgres::start() {
        test(&["--database", &server.url()]);
    }
}

#[test]
fn what_a_recorded_run_did_is_there_to_the_last_digit() {
    let dir = workspace();
    let at = dir.path().join("demo").display().to_string();
    let ran = tickloom(&["demo", "--json", "--dir", &at]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let record = record_of(dir.path());
    let journal = only_folder(&record.join("journal"));
    let run = journal.file_name().unwrap().to_str().unwrap().to_owned();
    let meta = tickloom_journal::read_journal_meta(&journal)
        .unwrap()
        .unwrap();
    let written = read_journal(&journal);
    let last = written.numbers.last().unwrap() + 1;
    on_both(|place| {
        let served = Served::start(&record, place);
        served.catch_up(&meta.run, last);
        let fills = served.items(&format!("/activity/v1/runs/{run}/fills"), 7);
        let signals = served.items(&format!("/activity/v1/runs/{run}/signals"), 1000);
        let of = |kind: Kind| {
            let all = written.numbers.iter().zip(&written.outputs);
            all.filter(move |(_, (_, record))| record.kind() == Some(kind))
        };
        assert!(!fills.is_empty() && !signals.is_empty());
        let expected: Vec<Value> = of(Kind::Fill)
            .map(|(number, (cause, record))| fill_of(&meta, *number, *cause, record))
            .collect();
        assert_eq!(fills, expected);
        let expected: Vec<Value> = of(Kind::Signal)
            .map(|(number, (cause, record))| signal_of(&meta, *number, *cause, record))
            .collect();
        assert_eq!(signals.len(), expected.len());
        for (found, expected) in signals.iter().zip(&expected) {
            assert_eq!(found, expected);
        }
        let ready = served.json("/ready");
        assert_eq!(ready, json!({"status": "ready", "troubles": {}}));
        let stopped = served.running.stop();
        assert_eq!(stopped.code, 0, "{}", stopped.stderr);
    });
}

/// The folder in which the demo recorded.
fn record_of(dir: &Path) -> PathBuf {
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        if folder.join("journal").is_dir() {
            return folder;
        }
        let entries = std::fs::read_dir(&folder).unwrap().flatten();
        folders.extend(
            entries
                .map(|entry| entry.path())
                .filter(|path| path.is_dir()),
        );
    }
    panic!("nothing was recorded in {}", dir.display());
}

fn only_folder(dir: &Path) -> PathBuf {
    let entries = std::fs::read_dir(dir).unwrap().flatten();
    let folders: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.is_dir()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].clone()
}

fn fill_of(meta: &RunMeta, number: u64, cause: Seq, record: &Record) -> Value {
    let body = FillBody::of(record);
    let instrument = meta.instruments.get(record.instrument()).unwrap();
    json!({
        "number": number,
        "cause": cause,
        "at": record.header.ts_event,
        "instrument": instrument.name,
        "strategy": meta.strategies[usize::from(body.strategy)],
        "order": body.order,
        "side": if body.side == Side::Buy as u8 { "buy" } else { "sell" },
        "price": format_decimal(body.price.into(), instrument.price_decimals),
        "quantity": format_decimal(body.qty.into(), instrument.qty_decimals),
        "fee": format_decimal(body.fee.into(), 9),
        "currency": instrument.currency,
        "taker": body.taker == 1,
    })
}

fn signal_of(meta: &RunMeta, number: u64, cause: Seq, record: &Record) -> Value {
    let body = SignalBody::of(record);
    let ready = record.header.flags & Flags::NOT_READY == 0;
    json!({
        "number": number,
        "cause": cause,
        "at": record.header.ts_event,
        "name": meta.signals[usize::try_from(body.signal).unwrap()],
        "ready": ready,
        "value": ready.then(|| exact(body.value)),
    })
}

/// A float as the text that reads back as the same.
fn exact(value: f64) -> String {
    format!("{value:?}")
}

const BASE: i64 = 1_700_000_000_000_000_000;

/// A run that is being written: trades, a value of a signal for each third of them, a fill for each seventh.
struct Writing {
    writer: JournalWriter,
    next: Seq,
    outputs: u64,
}

fn meta() -> RunMeta {
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("binance.BTCUSDT", 2, 5, "USDT"))
        .unwrap();
    instruments
        .add_source(SourceDef::new("feed", SourceKind::Feed))
        .unwrap();
    let mut run = RunMeta::new("run", Ts(BASE), instruments).unwrap();
    run.signals = vec!["trend".to_owned()];
    run.strategies = vec!["cross".to_owned()];
    run
}

fn at(seq: Seq, kind: Kind) -> Header {
    let ts = Ts(BASE + i64::try_from(seq).unwrap());
    Header::new(kind, InstrumentId(0), SourceId(0), ts, ts)
}

fn outputs_of(seq: Seq) -> Vec<Record> {
    let mut made = Vec::new();
    if seq.is_multiple_of(3) {
        let value = f64::from(u32::try_from(seq).unwrap()) / 8.0;
        let body = SignalBody {
            cause: seq,
            value,
            ..SignalBody::default()
        };
        made.push(body.record(at(seq, Kind::Signal)));
    }
    if seq.is_multiple_of(7) {
        let body = FillBody {
            cause: seq,
            price: 10_000 + i64::try_from(seq).unwrap(),
            qty: 100_000,
            fee: 5,
            order: 1,
            side: Side::Buy as u8,
            ..FillBody::default()
        };
        made.push(body.record(at(seq, Kind::Fill)));
    }
    made
}

impl Writing {
    fn begin(record: &Path) -> Writing {
        let dir = record.join("journal").join("run");
        std::fs::create_dir_all(&dir).unwrap();
        let options = JournalOptions {
            segment_bytes_max: 100_000,
            sync: SyncPolicy::OnFlush,
        };
        let (writer, _) = JournalWriter::open_with(&dir, &meta(), options).unwrap();
        Writing {
            writer,
            next: 0,
            outputs: 0,
        }
    }

    fn append(&mut self, records: u64) {
        let seqs = self.next..self.next + records;
        let trade = |seq| TradeBody::default().record(at(seq, Kind::Trade));
        let trades: Vec<Record> = seqs.clone().map(trade).collect();
        self.writer.append_inputs(self.next, &trades).unwrap();
        let made: Vec<(Seq, Record)> = seqs
            .flat_map(|seq| outputs_of(seq).into_iter().map(move |record| (seq, record)))
            .collect();
        self.writer.append_outputs(&made).unwrap();
        self.writer.flush().unwrap();
        self.next += records;
        self.outputs += u64::try_from(made.len()).unwrap();
    }

    /// What services have to have.
    fn expected(&self, kind: Kind) -> Vec<Value> {
        let made =
            (0..self.next).flat_map(|seq| outputs_of(seq).into_iter().map(move |r| (seq, r)));
        (0..)
            .zip(made)
            .filter(|(_, (_, record))| record.kind() == Some(kind))
            .map(|(number, (seq, record))| match kind {
                Kind::Fill => fill_of(&meta(), number, seq, &record),
                _ => signal_of(&meta(), number, seq, &record),
            })
            .collect()
    }
}

/// How often a service is killed: more when everything is asked for.
fn kills() -> u64 {
    if std::env::var_os("TICKLOOM_TEST_ALL").is_some() {
        200
    } else {
        15
    }
}

fn assert_all(served: &Served, writing: &Writing) {
    served.catch_up("run", writing.outputs);
    let fills = served.items("/activity/v1/runs/run/fills", 1000);
    assert_eq!(fills, writing.expected(Kind::Fill));
    let signals = served.items("/activity/v1/runs/run/signals", 1000);
    assert_eq!(signals, writing.expected(Kind::Signal));
}

#[test]
fn kill_9_of_the_service_loses_and_doubles_nothing() {
    on_both(|place| {
        let dir = workspace();
        let mut writing = Writing::begin(dir.path());
        let mut random = Random(20_261_129);
        for kill in 0..kills() {
            let served = Served::start(dir.path(), place);
            let before = writing.outputs;
            // It dies while it takes what is being written: at a place in its own progress, or at once.
            for _ in 0..random.below(8) {
                writing.append(1 + random.below(900));
            }
            let until_number = before + random.below(writing.outputs - before + 1);
            if kill % 3 != 0 {
                served.catch_up("run", until_number);
            }
            served.running.kill();
        }
        writing.append(50);
        let served = Served::start(dir.path(), place);
        assert_all(&served, &writing);
        // It is known how far it is, so that nobody removes what it has not had.
        let cursors = tickloom_journal::journal_cursors(&dir.path().join("journal/run")).unwrap();
        assert_eq!(cursors.len(), 1);
        assert_eq!(cursors[0].name, "activity");
    });
}

#[test]
fn kill_9_of_the_database_server_loses_and_doubles_nothing() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let dir = workspace();
    let mut writing = Writing::begin(dir.path());
    let served = Served::start(dir.path(), &["--database", &server.url()]);
    let mut random = Random(7);
    for _ in 0..3 {
        writing.append(2_000);
        served.catch_up("run", random.below(writing.outputs));
        server.kill();
        writing.append(2_000);
        until("the loss of the database to be told", || {
            let (status, _, body) = served.answer("/ready");
            (status == 503 && body.contains("activity")).then_some(())
        });
        let (status, head, body) = served.answer("/activity/v1/runs");
        assert_eq!(status, 503, "{body}");
        assert!(
            head.contains("retry-after: 1") && body.contains("\"unavailable\""),
            "{head} {body}"
        );
        assert!(!body.contains("127.0.0.1"), "{body}");
        // The process lives, and says so.
        assert_eq!(served.answer("/live").0, 200);
        server.restart();
    }
    assert_all(&served, &writing);
    until("the service to be ready again", || {
        (served.answer("/ready").0 == 200).then_some(())
    });
}

#[test]
fn a_run_that_begins_later_is_followed_and_two_services_do_not_share_a_cursor() {
    let dir = workspace();
    let folder = dir.path().join("services").display().to_string();
    let record = dir.path().join("recorded");
    // The directory is not even there yet.
    let served = Served::start(&record, &["--data", &folder]);
    assert_eq!(
        served.json("/activity/v1/runs"),
        json!({"items": [], "next": "", "more": false})
    );
    let mut writing = Writing::begin(&record);
    writing.append(100);
    assert_all(&served, &writing);
    // A second one with a database of its own says that the place is taken, and does not go on.
    let other = dir.path().join("other").display().to_string();
    let second = Served::start(&record, &["--data", &other]);
    let trouble = until("the second to say why it does not follow", || {
        let (status, _, body) = second.answer("/ready");
        (status == 503).then_some(body)
    });
    assert!(trouble.contains("cursor-activity"), "{trouble}");
    drop(served);
    second.catch_up("run", writing.outputs);
    assert_all(&second, &writing);
    drop(second);
    // The journal by itself is followed as well.
    let journal = record.join("journal").join("run");
    let third = dir.path().join("third").display().to_string();
    let third = Served::start(&journal, &["--data", &third]);
    assert_all(&third, &writing);
}

#[test]
fn errors_are_problems_with_a_code_and_a_page() {
    let dir = workspace();
    let folder = dir.path().join("services").display().to_string();
    let record = dir.path().join("recorded");
    let mut writing = Writing::begin(&record);
    writing.append(10);
    let served = Served::start(&record, &["--data", &folder]);
    served.catch_up("run", writing.outputs);
    let fills = "/activity/v1/runs/run/fills";
    for (path, status, code, part) in [
        ("/nothing", 404, "not_found", "Not Found"),
        (
            "/activity/v1/runs/other/fills",
            404,
            "not_found",
            "there is no run `other`",
        ),
        (
            &*format!("{fills}?limit=0"),
            400,
            "bad_request",
            "limit is 0, expected 1 to 1000",
        ),
        (
            &*format!("{fills}?limit=1001"),
            400,
            "bad_request",
            "limit is 1001, expected 1 to 1000",
        ),
        (&*format!("{fills}?limit=x"), 400, "bad_request", "limit"),
        (
            &*format!("{fills}?after=-2"),
            400,
            "bad_request",
            "after is not the `next` of a page of this list",
        ),
        (&*format!("{fills}?afer=1"), 400, "bad_request", "afer"),
        ("/activity/v1/runs?limit=0", 400, "bad_request", "limit"),
        ("/activity/v1/runs/%FF/fills", 400, "bad_request", "UTF-8"),
    ] {
        let (found, head, body) = served.answer(path);
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (found, &problem["code"]),
            (status, &json!(code)),
            "{path}: {body}"
        );
        assert!(
            head.contains("content-type: application/problem+json"),
            "{path}: {head}"
        );
        assert!(head.contains("x-request-id: req_"), "{path}: {head}");
        assert_eq!(problem["status"], status, "{path}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{path}: {detail}");
        let page = served.answer(problem["type"].as_str().unwrap());
        assert_eq!(page.0, 200);
        assert!(page.2.starts_with(&format!("# `{code}`")), "{}", page.2);
    }
}

#[test]
fn what_is_no_request_of_ours_is_not_looked_at() {
    let dir = workspace();
    let folder = dir.path().join("services").display().to_string();
    let served = Served::start(dir.path(), &["--data", &folder]);
    // A page of another site that has a name of its own for this machine gets nothing.
    let answer = raw(
        &served.address,
        "GET /activity/v1/runs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    let answer = raw(
        &served.address,
        "DELETE /activity/v1/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(answer.to_lowercase().contains("allow: get"), "{answer}");
    let long = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let answer = raw(&served.address, &long);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

/// What a server answers to these bytes, until it closes.
fn raw(address: &str, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    // It may close before all of it is sent.
    stream.write_all(request.as_bytes()).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn the_document_names_every_path_and_the_counts_tell_requests() {
    let dir = workspace();
    let folder = dir.path().join("services").display().to_string();
    let served = Served::start(dir.path(), &["--data", &folder]);
    let document = served.json("/activity/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/activity/v1/runs",
            "/activity/v1/runs/{run}/fills",
            "/activity/v1/runs/{run}/signals"
        ]
    );
    let whole = served.json("/openapi.json");
    assert_eq!(whole["paths"], document["paths"]);
    for path in ["/activity/v1/runs", "/made/up/1", "/made/up/2"] {
        served.answer(path);
    }
    for method in ["MADE", "UP"] {
        let request =
            format!("{method} /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = raw(&served.address, &request);
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    }
    let page = served.answer("/metrics").2;
    let line = |labels: &str| {
        let start = format!("tickloom_http_requests_total{{{labels}}} ");
        let found = page.lines().find_map(|line| line.strip_prefix(&start));
        found
            .unwrap_or_else(|| panic!("no {start} in\n{page}"))
            .to_owned()
    };
    assert_eq!(
        line("method=\"GET\",route=\"/activity/v1/runs\",status=\"200\""),
        "1"
    );
    // Methods and paths that somebody makes up are one series.
    assert_eq!(line("method=\"other\",route=\"/live\",status=\"405\""), "2");
    assert_eq!(line("method=\"GET\",route=\"none\",status=\"404\""), "2");
    assert!(
        page.contains("tickloom_service{service=\"activity\",fact=\"well\"} 1.0"),
        "{page}"
    );
}

/// Connections that idle callers may have before the oldest gives way.
const CONNECTIONS_MAX: usize = 512;

#[test]
fn idle_connections_give_way_to_new_ones() {
    use std::io::Read;
    let dir = workspace();
    let folder = dir.path().join("services").display().to_string();
    let served = Served::start(dir.path(), &["--data", &folder]);
    let connect = |_| std::net::TcpStream::connect(&served.address).unwrap();
    let mut idle: Vec<_> = (0..CONNECTIONS_MAX).map(connect).collect();
    assert_eq!(served.answer("/live").0, 200);
    // Whoever came first had to go; the last is still there.
    let mut byte = [0];
    assert_eq!(idle[0].read(&mut byte).unwrap(), 0);
    let last = idle.last_mut().unwrap();
    last.set_nonblocking(true).unwrap();
    let waits = last.read(&mut byte).unwrap_err();
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn settings_that_cannot_be_are_refused_before_anything_runs() {
    let dir = workspace();
    let file = dir.path().join("serve.toml");
    let path = file.display().to_string();
    let refused = |words: &[&str]| {
        let ran = tickloom(&[&["serve"], words].concat());
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        ran.stderr
    };
    std::fs::write(
        &file,
        "http = \"127.0.0.1:0\"\n[activity]\nrecrd = [\"x\"]\n",
    )
    .unwrap();
    let said = refused(&["--config", &path]);
    assert!(said.contains("line 3") && said.contains("recrd"), "{said}");
    let said = refused(&["--record", "x", "--http", "0.0.0.0:8080"]);
    assert!(
        said.contains("only addresses of loopback are served"),
        "{said}"
    );
    let said = refused(&["activity"]);
    assert!(said.contains("--record DIR"), "{said}");
    let said = refused(&["--record", "x", "--database", "mysql://x"]);
    assert!(said.contains("expected `postgres://"), "{said}");
    let said = refused(&["billing", "--record", "x"]);
    assert!(said.contains("billing"), "{said}");
}

#[test]
fn a_database_that_cannot_be_used_is_named_with_the_reason_and_without_the_password() {
    let dir = workspace();
    let failed = |place: &[&str]| {
        let words = [
            "serve",
            "activity",
            "--record",
            "x",
            "--http",
            "127.0.0.1:0",
        ];
        let ran = tickloom(&[&words, place].concat());
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        ran.stderr
    };
    let folder = dir.path().display().to_string();
    std::fs::write(dir.path().join("activity.db"), "no database at all").unwrap();
    let said = failed(&["--data", &folder]);
    assert!(
        said.contains("activity.db") && said.contains("file is not a database"),
        "{said}"
    );
    // Nobody listens there.
    let said = failed(&["--database", "postgres://me:secret@127.0.0.1:1/x"]);
    assert!(
        said.contains("cannot use the database 127.0.0.1:1/x") && said.contains("refused"),
        "{said}"
    );
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn a_configuration_file_says_all_that_the_command_line_can() {
    let dir = workspace();
    let (folder, record) = (dir.path().join("services"), dir.path().join("recorded"));
    let mut writing = Writing::begin(&record);
    writing.append(100);
    let text = format!(
        "http = \"127.0.0.1:0\"\ndata = \"{}\"\n[activity]\nrecord = [\"{}\"]\n",
        folder.display(),
        record.display()
    );
    let file = dir.path().join("serve.toml");
    std::fs::write(&file, text).unwrap();
    let path = file.display().to_string();
    let mut running = Running::start(&["serve", "activity", "--config", &path]);
    let address = running.announced("serving activity at http://");
    let served = Served { running, address };
    assert_all(&served, &writing);
    assert!(folder.join("activity.db").is_file());
    drop(served);
    let mut running = Running::start(&["serve", "activity", "--config", &path, "--json"]);
    let address = running.announced("serving activity at http://");
    running.signal("TERM");
    let ran = running.finish();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        json(&ran),
        json!({"http": format!("http://{address}"), "services": ["activity"]})
    );
}
