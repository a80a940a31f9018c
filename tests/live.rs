//! `tickloom run` from outside, against a local venue over real WebSocket: subscribers, metrics, faults, workers, errors.

#![cfg(test)]

mod cli;
mod common;
#[path = "common/ports.rs"]
mod ports;

use cli::{tickloom, workspace};
use common::{
    Running, assert_catalog_holds, counted, get, json, number, read_journal, settings, text, until,
    verify,
};
use ports::Port;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use tickloom_feeds::local_venue::{Fault, LevelBook, LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_types::{Kind, Record, StatusBody, StatusCode};

const ANY_PORT: &str = "tcp://127.0.0.1:*";
const SIGNAL: &str = "trend=ema(mid, 5) - ema(mid, 50)";
/// Levels of each side that are compared: what is deeper than a snapshot reaches is not known to who asked for it.
const DEPTH: usize = 100;

/// Plays the recording of the spot market.
fn venue(speed: Speed, faults: Vec<Fault>) -> LocalVenue {
    let [spot, _] = samples();
    LocalVenue::start(LocalVenueConfig {
        speed,
        faults,
        ..LocalVenueConfig::new(vec![spot.capture])
    })
    .unwrap()
}

/// Waits until the venue has played everything and its last depth update is in the journal.
fn until_all_is_recorded(venue: &LocalVenue, journal: &Path) {
    until("the end of the recording", || {
        venue.progress().is_finished.then_some(())
    });
    assert_eq!(venue.error(), None);
    let last_id = venue.book("BTCUSDT").unwrap().last_id;
    until("the last update in the journal", || {
        (book(&read_journal(journal).inputs).last_id == last_id).then_some(())
    });
}

/// The book that the records lead to.
fn book(inputs: &[Record]) -> LevelBook {
    let mut book = LevelBook::default();
    for record in inputs {
        book.apply(record);
    }
    book
}

type Levels = Vec<(i64, i64)>;

/// The best levels of both sides.
fn top(book: &LevelBook) -> (Levels, Levels) {
    let bids = book.bids.iter().rev().take(DEPTH);
    let asks = book.asks.iter().take(DEPTH);
    (
        bids.map(|(price, qty)| (*price, *qty)).collect(),
        asks.map(|(price, qty)| (*price, *qty)).collect(),
    )
}

fn statuses(inputs: &[Record], code: StatusCode) -> usize {
    let is_it = |record: &&Record| {
        record.kind() == Some(Kind::Status) && StatusBody::of(record).code == code as u16
    };
    inputs.iter().filter(is_it).count()
}

/// Host and port of an address.
fn host(url: &str) -> &str {
    url.trim_start_matches("http://").split('/').next().unwrap()
}

#[test]
fn subscribers_miss_nothing_and_every_stage_is_counted() {
    let dir = workspace();
    let venue = venue(Speed::Times(4.0), Vec::new());
    let record = dir.path().to_str().unwrap();
    let feed = venue.feed_url();
    let mut run = Running::start(&[
        "run",
        "--feed",
        &feed,
        "--signal",
        SIGNAL,
        "--publish",
        ANY_PORT,
        "--metrics",
        "127.0.0.1:0",
        "--record",
        record,
        "--json",
    ]);
    let endpoint = run.announced("publishing");
    let address = run.announced("metrics");
    let journal = run.announced("journal");

    let all = Running::start(&["subscribe", &endpoint, "--count", "300", "--json"]);
    let trend = &["--topic", "signal/trend", "--count", "20", "--json"];
    let trend = Running::start(&[&["subscribe", &endpoint], trend.as_slice()].concat());
    let all = all.finish();
    assert_eq!((all.code, all.stdout.lines().count()), (0, 300), "{all:?}");
    assert_sequences(&all.stdout);
    let trend = trend.finish();
    assert_eq!(trend.code, 0, "{trend:?}");
    assert_sequences(&trend.stdout);
    for message in trend.stdout.lines() {
        let message: Value = serde_json::from_str(message).unwrap();
        assert_eq!(message["topic"], "signal/trend", "{message}");
    }

    let page = until("counts of every stage", || {
        let page = get(host(&address), "/metrics");
        let stages = ["decode/binance", "core", "publish", "record"];
        let count = |stage| {
            number(
                &page,
                &format!("tickloom_records_total{{stage=\"{stage}\"}}"),
            )
        };
        let all_count = stages.into_iter().all(|stage| count(stage) > 300);
        all_count.then_some(page)
    });
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("\r\ncontent-type: application/openmetrics-text;"));
    assert!(page.trim_end().ends_with("# EOF"), "{page}");
    assert!(page.contains("tickloom_latency_seconds_bucket{le=\"+Inf\",stage=\"record\"}"));
    assert_eq!(counted(&page, "connects"), 1);
    assert_eq!(counted(&page, "bad_frames"), 0);
    assert!(counted(&page, "frames") > 0);
    let elsewhere = get(host(&address), "/");
    assert!(elsewhere.starts_with("HTTP/1.1 404 "), "{elsewhere}");

    run.signal("TERM");
    let ran = run.finish();
    assert_eq!(ran.code, 0, "{ran:?}");
    let end = json(&ran);
    assert_eq!(text(&end, "endpoint"), endpoint);
    assert_eq!(text(&end, "journal"), journal);
    let verified = verify(Path::new(&journal));
    assert_eq!(verified["output_hash"], end["output_hash"]);
    assert_eq!(verified["inputs"], end["events"]);
}

#[test]
fn a_subscriber_outlives_its_publisher() {
    let venue = venue(Speed::Times(1.0), Vec::new());
    let start = |feed: &str, endpoint: &str| {
        Running::start(&["run", "--feed", feed, "--publish", endpoint])
    };
    // Nobody serves the first one's feed, so that every trade is of the second.
    let port = Port::reserve();
    let endpoint = format!("tcp://{}", port.address());
    let mut first = start("ws://127.0.0.1:9/stream?streams=btcusdt@trade", &endpoint);
    assert_eq!(first.announced("publishing"), endpoint);
    let words = ["subscribe", &endpoint, "--topic", "trade/", "--count", "3"];
    let mut subscriber = Running::start(&words);
    subscriber.announced("connected");
    assert_eq!(first.stop().code, 0);
    let mut second = start(&venue.feed_url(), &endpoint);
    assert_eq!(second.announced("publishing"), endpoint);
    subscriber.announced("the publisher was restarted");
    let ran = subscriber.finish();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.stdout.matches("trade/binance.BTCUSDT").count(),
        3,
        "{ran:?}"
    );
    assert_eq!(second.stop().code, 0);
}

#[test]
fn a_subscriber_waits_for_a_publisher_until_ctrl_c() {
    let mut waiting = Running::start(&["subscribe", "tcp://127.0.0.1:1"]);
    waiting.announced("waiting for");
    let ran = waiting.stop();
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
    let ran = tickloom(&["subscribe", "nowhere"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("nowhere"), "{ran:?}");
}

#[test]
fn a_publisher_of_another_version_is_refused_with_what_to_do() {
    let socket = zmq::Context::new().socket(zmq::XPUB).unwrap();
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = socket.get_last_endpoint().unwrap().unwrap();
    let subscriber = Running::start(&["subscribe", &endpoint]);
    // The hello sorts last, so once it is here, the other subscriptions are.
    while !socket.recv_bytes(0).unwrap().starts_with(b"\x01~hello/") {}
    let envelope_of_version_1 = [1; 56];
    let parts = [b"heartbeat".as_slice(), &envelope_of_version_1, b""];
    socket.send_multipart(parts, 0).unwrap();
    let ran = subscriber.finish();
    assert_eq!(ran.code, 1, "{ran:?}");
    let expected = "protocol version 1, expected 2: the publisher is older than this client: update the publisher";
    assert!(ran.stderr.contains(expected), "{ran:?}");
}

/// Checks that no topic's sequence has a gap, and that all messages are of one publisher.
fn assert_sequences(lines: &str) {
    let mut last: HashMap<String, u64> = HashMap::new();
    let mut epochs = Vec::new();
    for line in lines.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let seq = message["topic_seq"].as_u64().unwrap();
        let before = last.insert(text(&message, "topic"), seq);
        assert!(before.is_none_or(|before| seq == before + 1), "{message}");
        assert_eq!(message["missed"], 0, "{message}");
        assert!(message["payload"].is_object(), "{message}");
        epochs.push(message["epoch"].as_u64().unwrap());
    }
    epochs.dedup();
    assert_eq!(epochs.len(), 1, "{epochs:?}");
}

#[test]
fn a_venue_that_fails_in_every_way_is_survived_and_counted() {
    let dir = workspace();
    let venue = venue(
        Speed::AsFastAsRead,
        vec![
            Fault::Drop {
                from: 1500,
                to: 1600,
            },
            Fault::Corrupt { at: 2000, byte: 0 },
            Fault::Truncate { at: 2500, keep: 30 },
            Fault::Binary { at: 3000 },
            Fault::Disconnect { at: 4000 },
            Fault::Drop {
                from: 5000,
                to: 5100,
            },
            Fault::Swap { at: 6000 },
            Fault::Duplicate { at: 7000 },
        ],
    );
    let config = dir.path().join("live.toml");
    fs::write(&config, settings(&venue, &dir.path().join("recorded"), "")).unwrap();
    let mut run = Running::start(&["run", "--config", config.to_str().unwrap(), "--json"]);
    let address = run.announced("metrics");
    let journal = run.announced("journal");
    let journal = Path::new(&journal);
    until_all_is_recorded(&venue, journal);

    let page = get(host(&address), "/metrics");
    assert_eq!(counted(&page, "bad_frames"), 3, "{page}");
    assert_eq!(counted(&page, "connects"), 2, "{page}");
    assert_eq!(counted(&page, "disconnects"), 1, "{page}");
    assert_eq!(venue.progress().connections, 2);
    // How often a snapshot comes between two faults depends on who is faster; that the book is right in the end does not.
    assert!(counted(&page, "gaps") >= 1, "{page}");
    assert!(counted(&page, "syncs") >= 1, "{page}");
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");

    let recorded = read_journal(journal);
    assert_eq!(
        top(&book(&recorded.inputs)),
        top(&venue.book("BTCUSDT").unwrap())
    );
    assert_eq!(statuses(&recorded.inputs, StatusCode::BadFrame), 3);
    assert_eq!(statuses(&recorded.inputs, StatusCode::Connected), 2);
    assert_eq!(verify(journal)["output_hash"], json(&ran)["output_hash"]);
    assert_catalog_holds(&dir.path().join("recorded/catalog"), &recorded);
}

#[test]
fn outputs_are_the_same_on_one_two_and_four_workers() {
    for workers in ["1", "2", "4"] {
        let dir = workspace();
        let venue = venue(Speed::AsFastAsRead, Vec::new());
        let config = dir.path().join("live.toml");
        fs::write(&config, settings(&venue, dir.path(), "")).unwrap();
        let config = config.to_str().unwrap();
        let words = ["run", "--config", config, "--workers", workers, "--json"];
        let mut run = Running::start(&words);
        let journal = run.announced("journal");
        let journal = Path::new(&journal);
        until_all_is_recorded(&venue, journal);
        let ran = run.stop();
        assert_eq!(ran.code, 0, "{ran:?}");
        // The replay has one thread.
        let verified = verify(journal);
        assert_eq!(verified["output_hash"], json(&ran)["output_hash"]);
        let kinds = read_journal(journal).outputs;
        for kind in [Kind::Signal, Kind::Fill, Kind::BarClosed] {
            let made = kinds.iter().any(|(_, made)| made.kind() == Some(kind));
            assert!(made, "no {} on {workers} workers", kind.name());
        }
    }
}

#[test]
fn what_is_in_use_is_refused_and_not_disturbed() {
    let dir = workspace();
    let venue = venue(Speed::Times(1.0), Vec::new());
    let record = dir.path().to_str().unwrap();
    let feed = venue.feed_url();
    let same = ["run", "--feed", &feed, "--signal", SIGNAL];
    let first = [
        same.as_slice(),
        &["--publish", ANY_PORT, "--record", record],
    ]
    .concat();
    let mut run = Running::start(&first);
    let endpoint = run.announced("publishing");
    let journal = run.announced("journal");

    let on_its_port = tickloom(&[same.as_slice(), &["--publish", &endpoint]].concat());
    assert_eq!(on_its_port.code, 2, "{on_its_port:?}");
    assert!(on_its_port.stderr.contains(&endpoint), "{on_its_port:?}");
    until("a journal that has begun", || {
        (read_journal(Path::new(&journal)).inputs.len() > 100).then_some(())
    });
    let in_its_directory = tickloom(&first);
    assert_eq!(in_its_directory.code, 2, "{in_its_directory:?}");
    assert!(
        in_its_directory.stderr.contains(&journal),
        "{in_its_directory:?}"
    );

    assert!(run.is_alive());
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(verify(Path::new(&journal))["closed"], true);
}

#[test]
fn a_configuration_that_is_wrong_is_refused_with_file_and_field() {
    let dir = workspace();
    let file = dir.path().join("live.toml");
    let name = file.to_str().unwrap();
    let feed = "[[feed]]\nvenue = \"binance\"\nsymbols = [\"BTCUSDT\"]\n";
    for (config, field) in [
        ("[engine]\nworker = 2", "worker"),
        ("[engine]\nworkers = \"two\"", "workers"),
        ("[engine]\nwait = \"sleep\"", "wait"),
        ("default_bar = \"1parsec\"", "default_bar"),
        ("[[feed]]\nvenue = \"nyse\"\nsymbols = [\"X\"]", "venue"),
        ("[[feed]]\nvenue = \"binance\"", "symbols"),
        ("[account]\ncash = \"a lot\"", "cash"),
        ("[record\ndir = 1", "line 1"),
        ("[engine]\nworkers = 0", "engine.workers"),
        ("[engine]\npin = [1023]", "engine.pin names core 1023"),
        ("[engine]\ninput_ring = 1024", "engine.input_ring is 1024"),
        ("[record]\nsegment_mb = 0", "record.segment_mb is 0"),
        ("[publish]\nconnections = 0", "publish.connections is 0"),
        ("default_instrument = \"ETHUSDT\"", "default_instrument"),
        (
            "[[signal]]\nname = \"x\"\nexpr = \"sma(mid)\"",
            "signal x: expr: column 1",
        ),
    ] {
        fs::write(&file, format!("{config}\n{feed}")).unwrap();
        let ran = tickloom(&["run", "--config", name, "--publish", ANY_PORT]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (2, ""),
            "{config}: {ran:?}"
        );
        assert!(ran.stderr.contains(field), "{config}: {ran:?}");
        assert!(ran.stderr.contains(name), "{config}: {ran:?}");
    }
    let ran = tickloom(&["run", "--config", "no/such.toml"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no/such.toml"), "{ran:?}");
}

#[test]
fn a_wrong_word_on_the_command_line_is_refused_with_its_place() {
    for (signal, column) in [
        ("trend=ema(mid, 50) - emma(mid, 200)", "column 16"),
        ("trend=ema(mid, 50", "column 12"),
        ("trend=mid ++", "column 6"),
        ("trend=ETHUSDT.mid", "column 1"),
    ] {
        let words = ["run", "--feed", "binance:BTCUSDT", "--signal", signal];
        let ran = tickloom(&[words.as_slice(), &["--publish", ANY_PORT]].concat());
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (2, ""),
            "{signal}: {ran:?}"
        );
        assert!(ran.stderr.contains(column), "{signal}: {ran:?}");
        assert!(ran.stderr.contains("trend"), "{signal}: {ran:?}");
    }
    for words in [
        ["--signal", "no expression"],
        ["--feed", "nowhere"],
        ["--feed", "ws://127.0.0.1:1/stream?streams=btcusdt@weather"],
        ["--publish", "not an endpoint"],
        ["--metrics", "somewhere"],
        ["--workers", "0"],
        ["--bar", "1parsec"],
    ] {
        let ran = tickloom(&["run", words[0], words[1]]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (2, ""),
            "{words:?}: {ran:?}"
        );
        assert!(ran.stderr.contains(words[1]), "{words:?}: {ran:?}");
    }
}
