//! QuestDB from the command line: a run that is recorded into the real server while that is killed, and history that comes back
//! from it. `tests/common/questdb.rs` says where a test was skipped.

#![cfg(test)]

mod cli;
mod common;
#[path = "common/questdb.rs"]
mod server;

use cli::{tickloom, workspace};
use common::{Running, get, json, number, settings, text, until};
use serde_json::Value;
use server::Server;
use std::fs;
use std::path::Path;
use tickloom_data::{QuestDb, Result, ScanQuery};
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_types::{Record, Seq};

const STRATEGY: [&str; 6] = [
    "--enter",
    "cross_over(ema(mid, 5), ema(mid, 50))",
    "--exit",
    "cross_under(ema(mid, 5), ema(mid, 50))",
    "--size",
    "0.5",
];

fn venue() -> LocalVenue {
    let [spot, _] = samples();
    LocalVenue::start(LocalVenueConfig {
        speed: Speed::Times(40.0),
        ..LocalVenueConfig::new(vec![spot.capture])
    })
    .unwrap()
}

/// The address of a Prometheus page from its URL.
fn host(url: &str) -> &str {
    url.trim_start_matches("http://")
        .trim_end_matches("/metrics")
}

/// What a backtest over this source says.
fn backtest(source: &[&str]) -> Value {
    let mut words = vec!["backtest", "--json"];
    words.extend(source);
    words.extend(STRATEGY);
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{ran:?}");
    json(&ran)
}

/// What is said of an instrument counts for catalog and server alike.
fn assert_said_counts(dir: &Path, catalog: &str, address: &str, ours: &Value) {
    let said = dir.join("contracts.csv");
    fs::write(&said, "name,multiplier\nbinance.BTCUSDT,0.5\n").unwrap();
    let said = said.display().to_string();
    let halved = backtest(&["--data", catalog, "--instruments", &said]);
    assert_ne!(halved["final_equity"], ours["final_equity"]);
    let theirs = backtest(&["--questdb", address, "--instruments", &said]);
    assert_eq!(theirs["output_hash"], halved["output_hash"]);
    assert_eq!(theirs["final_equity"], halved["final_equity"]);
}

/// The server has the inputs of the catalog, no more and no less.
fn assert_same_history(server: &Server, catalog: &Path) {
    server.settle();
    let catalog = tickloom_data::Catalog::open(catalog).unwrap();
    let db = QuestDb::connect(&server.address().parse().unwrap()).unwrap();
    let query = ScanQuery::default();
    let expected: Vec<(Seq, Record)> = catalog
        .scan(&query)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let found: Vec<(Seq, Record)> = db.scan(&query).unwrap().collect::<Result<_>>().unwrap();
    assert!(
        found == expected,
        "{} records, expected {}",
        found.len(),
        expected.len()
    );
}

#[test]
fn a_run_survives_its_server_and_its_own_kill_and_history_is_the_same_from_both() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let address = server.address();
    let venue = venue();
    let dir = workspace();
    let record = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    let questdb = format!("[questdb]\naddress = '{address}'\n");
    fs::write(&config, settings(&venue, &record, &questdb)).unwrap();
    let words = ["run", "--config", config.to_str().unwrap(), "--json"];

    let mut run = Running::start(&words);
    let page = run.announced("metrics");
    let sent = || {
        number(
            &get(host(&page), "/metrics"),
            "tickloom_records_total{stage=\"questdb\"}",
        )
    };
    until("rows in QuestDB", || (sent() > 1_000).then_some(()));
    server.kill();
    until("the server's end to be seen", || {
        let page = get(host(&page), "/metrics");
        (number(&page, "tickloom_questdb_up") == 0).then_some(())
    });
    // The recording goes on without it, and what it lacks is counted.
    until("records that wait", || {
        let page = get(host(&page), "/metrics");
        (number(&page, "tickloom_lag{stage=\"questdb\"}") > 1_000).then_some(())
    });
    server.restart();
    until("the server to be used again", || {
        let page = get(host(&page), "/metrics");
        (number(&page, "tickloom_questdb_up") == 1).then_some(())
    });
    run.kill();

    // The same run goes on, and sends what its first session had not.
    let mut run = Running::start(&words);
    run.announced("publishing");
    until("the end of the recording", || {
        venue.progress().is_finished.then_some(())
    });
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    let catalog = text(&json(&ran), "catalog");
    let journals = record.display().to_string();
    let sync = [
        "questdb",
        "sync",
        &journals,
        "--questdb",
        &address,
        "--json",
    ];
    let synced = tickloom(&sync);
    assert_eq!(synced.code, 0, "{synced:?}");
    let status = &json(&synced)["sources"][0]["status"];
    assert_eq!(
        (&status["state"], &status["behind"]),
        (&"connected".into(), &0.into())
    );
    assert_same_history(&server, Path::new(&catalog));

    let ours = backtest(&["--data", &catalog]);
    let theirs = backtest(&["--questdb", &address]);
    assert!(ours["fills"].as_u64().unwrap() > 0, "{ours}");
    assert_eq!(theirs["output_hash"], ours["output_hash"]);
    assert_eq!(theirs["final_equity"], ours["final_equity"]);
    assert_said_counts(dir.path(), &catalog, &address, &ours);
}

#[test]
fn a_sync_that_is_killed_again_and_again_is_whole_in_the_end() {
    let Some(server) = Server::start() else {
        return;
    };
    let address = server.address();
    let venue = venue();
    let dir = workspace();
    let record = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    fs::write(&config, settings(&venue, &record, "")).unwrap();
    let mut run = Running::start(&["run", "--config", config.to_str().unwrap(), "--json"]);
    run.announced("publishing");
    until("the end of the recording", || {
        venue.progress().is_finished.then_some(())
    });
    let end = json(&run.stop());
    let (journal, catalog) = (text(&end, "journal"), text(&end, "catalog"));
    let words = ["questdb", "sync", &journal, "--questdb", &address];

    for rows in [1, 1_000, 5_000, 20_001] {
        let mut sync = Running::start(&words);
        until("some rows, or all of them", || {
            let has_rows = server.count("book_updates").is_some_and(|n| n >= rows);
            (has_rows || !sync.is_alive()).then_some(())
        });
        sync.kill();
    }
    let done = tickloom(&words);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stdout.contains("records are confirmed"), "{done:?}");
    assert_same_history(&server, Path::new(&catalog));

    // From the catalog the same: all of it is there already.
    let done = tickloom(&["questdb", "sync", &catalog, "--questdb", &address, "--json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let report = &json(&done)["sources"][0]["report"];
    assert_eq!(
        (&report["known"], &report["rows"]),
        (&1.into(), &0.into()),
        "{report}"
    );

    let status = tickloom(&["questdb", "status", "--questdb", &address]);
    assert_eq!(status.code, 0, "{status:?}");
    assert!(status.stdout.contains("book_updates"), "{status:?}");
    server.sql("ALTER TABLE trades SUSPEND WAL WITH 'DISK FULL', 'no space left'");
    let status = tickloom(&["questdb", "status", "--questdb", &address]);
    assert_eq!(status.code, 1, "{status:?}");
    assert!(
        status
            .stderr
            .contains("trades (no space left): ALTER TABLE trades RESUME WAL"),
        "{status:?}"
    );
}

#[test]
fn wrong_words_are_refused() {
    let refused = |words: &[&str], expected: &str| {
        let ran = tickloom(words);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(
            ran.stderr.contains(expected),
            "{expected} is not in {ran:?}"
        );
    };
    let empty = workspace();
    let empty = empty.path().to_str().unwrap();
    let sync = ["questdb", "sync", empty, "--questdb", "127.0.0.1:1"];
    refused(&sync, "is neither a journal nor a catalog");
    refused(
        &["questdb", "status", "--questdb", "d b"],
        "expected HOST:PORT",
    );
    refused(
        &["run", "--questdb", "db"],
        "questdb.address is given and record.dir is not",
    );
    refused(
        &[
            "backtest",
            "--data",
            "x",
            "--questdb",
            "db",
            "--enter",
            "close > 0",
        ],
        "cannot be used with",
    );
    // A server that is away is not the user's mistake.
    let mut words = vec!["backtest", "--questdb", "127.0.0.1:1"];
    words.extend(STRATEGY);
    let ran = tickloom(&words);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stderr.contains("QuestDB at http://127.0.0.1:1"),
        "{ran:?}"
    );
}

#[test]
fn the_compose_file_starts_what_is_tested_and_opens_it_to_this_machine_only() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/compose.yaml");
    let text = fs::read_to_string(file).unwrap();
    let image = format!("image: questdb/questdb:{}\n", server::VERSION);
    assert!(text.contains(&image), "{text}");
    let (_, ports) = text.split_once("    ports:\n").unwrap();
    let (ports, _) = ports.split_once("    volumes:\n").unwrap();
    let ports: Vec<&str> = ports
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .collect();
    assert_eq!(ports.len(), 3);
    for port in ports {
        assert!(port.starts_with("\"127.0.0.1:"), "{port}");
    }
}
