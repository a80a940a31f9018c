//! A run that has trouble and goes on: a feed that cannot connect, a catalog that cannot be written, connections without end, a
//! journal that takes long to read, a user who does not want to wait.

#![cfg(test)]

mod cli;
mod common;
#[path = "common/ports.rs"]
mod ports;

use cli::workspace;
use common::{
    Running, assert_catalog_holds, get, json, number, read_journal, settings, until, verify,
};
use ports::Port;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_journal::{JournalReader, JournalWriter};
use tickloom_types::{
    Header, InstrumentId, Kind, Record, SourceId, StatusBody, StatusCode, TradeBody, Ts,
};

const ANY_PORT: &str = "tcp://127.0.0.1:*";

fn feed_at(address: &str) -> String {
    format!("ws://{address}/stream?streams=btcusdt@trade&venue=binance")
}

/// Host and port of the metrics page.
fn host(url: &str) -> String {
    let address = url.trim_start_matches("http://");
    address.split('/').next().unwrap().to_owned()
}

/// Plays the recording of the spot market as fast as it is read.
fn venue() -> LocalVenue {
    let [spot, _] = samples();
    LocalVenue::start(LocalVenueConfig {
        speed: Speed::AsFastAsRead,
        ..LocalVenueConfig::new(vec![spot.capture])
    })
    .unwrap()
}

/// Waits until the venue has played everything and the journal has its last update.
fn until_all_is_recorded(venue: &LocalVenue, journal: &Path) {
    until("the end of the recording", || {
        venue.progress().is_finished.then_some(())
    });
    let last_id = venue.book("BTCUSDT").unwrap().last_id;
    until("the last update in the journal", || {
        let mut book = tickloom_feeds::local_venue::LevelBook::default();
        let inputs = read_journal(journal).inputs;
        inputs.iter().for_each(|record| book.apply(record));
        (book.last_id == last_id).then_some(())
    });
}

#[test]
fn why_a_feed_gives_nothing_is_told_at_once() {
    let port = Port::reserve();
    let feed = feed_at(&port.address());
    let metrics = ["--metrics", "127.0.0.1:0", "--json"];
    let words = ["run", "--feed", &feed, "--publish", ANY_PORT];
    let mut run = Running::start(&[words.as_slice(), &metrics].concat());
    let address = host(&run.announced("metrics"));
    let told = run.announced("feed binance");
    let reason = "waiting: cannot connect: connection refused, again in ";
    assert!(told.starts_with(reason), "{told}");
    let page = until("the state on the page", || {
        let page = get(&address, "/metrics");
        let is_waiting = "tickloom_feed_state{feed=\"binance\",state=\"waiting\"} 1";
        page.contains(is_waiting).then_some(page)
    });
    assert_eq!(
        number(
            &page,
            "tickloom_feed_state{feed=\"binance\",state=\"live\"}"
        ),
        0
    );
    let of_reason = "tickloom_feed_reason{feed=\"binance\",state=\"waiting\",reason=\"cannot connect: connection refused, again in ";
    assert!(page.contains(of_reason), "{page}");
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(json(&ran)["feeds"][0]["connects"], 0);
}

#[test]
fn a_connection_that_is_not_answered_holds_no_stop_up() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let feed = feed_at(&silent.local_addr().unwrap().to_string());
    for signal in ["INT", "TERM"] {
        let mut run = Running::start(&["run", "--feed", &feed, "--publish", ANY_PORT]);
        run.announced("publishing");
        let _connection = silent.accept().unwrap();
        run.signal(signal);
        let ran = run.finish();
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

#[test]
fn a_catalog_that_cannot_be_written_ends_nothing_and_is_caught_up_with() {
    let dir = workspace();
    let venue = venue();
    let recorded = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    fs::write(&config, settings(&venue, &recorded, "")).unwrap();
    // The catalog is there before the run, and a file is in its place as soon as the run has begun.
    let mut run = Running::start(&["run", "--config", config.to_str().unwrap()]);
    let address = host(&run.announced("metrics"));
    let journal = PathBuf::from(run.announced("journal"));
    let (catalog, kept) = (recorded.join("catalog"), recorded.join("kept"));
    fs::rename(&catalog, &kept).unwrap();
    fs::write(&catalog, "no directory").unwrap();

    let told = run.announced("catalog");
    assert!(told.starts_with("cannot be written: "), "{told}");
    assert!(told.contains(" segments wait in the journal"), "{told}");
    assert_eq!(number(&get(&address, "/metrics"), "tickloom_catalog_up"), 0);
    until_all_is_recorded(&venue, &journal);
    assert!(run.is_alive());

    fs::remove_file(&catalog).unwrap();
    fs::rename(&kept, &catalog).unwrap();
    until("a catalog that is written again", || {
        let page = get(&address, "/metrics");
        let is_up = number(&page, "tickloom_catalog_up") == 1;
        (is_up && number(&page, "tickloom_catalog_behind_segments") == 0).then_some(())
    });
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stderr.contains("catalog    is written again"),
        "{ran:?}"
    );
    assert_catalog_holds(&catalog, &read_journal(&journal));
    verify(&journal);
}

/// Another program holds the lock of the run in the catalog, so that its last segment waits for as long as the user lets it.
#[test]
fn a_second_ctrl_c_leaves_the_catalog_to_the_next_start() {
    for signal in ["INT", "TERM"] {
        let dir = workspace();
        let venue = venue();
        let recorded = dir.path().join("recorded");
        let config = dir.path().join("live.toml");
        // One segment, which is sealed at the end.
        let text = settings(&venue, &recorded, "").replace("segment_mb = 1\n", "");
        fs::write(&config, text).unwrap();
        let words = ["run", "--config", config.to_str().unwrap()];
        let mut run = Running::start(&words);
        let journal = PathBuf::from(run.announced("journal"));
        let catalog = recorded.join("catalog");
        let held = hold_run(&catalog, &journal);
        until_all_is_recorded(&venue, &journal);

        run.signal(signal);
        let told = run.announced("stopping");
        assert!(
            told.contains("Ctrl-C again leaves that to the next start"),
            "{told}"
        );
        assert!(run.is_alive());
        run.signal(signal);
        let ran = run.finish();
        assert_eq!(ran.code, 0, "{ran:?}");
        let left = "catalog    1 segments are not in it; the journal is whole";
        assert!(ran.stderr.contains(left), "{ran:?}");
        let whole = read_journal(&journal);
        assert!(whole.close.is_some(), "the journal was closed");
        verify(&journal);

        drop(held);
        let again = Running::start(&words);
        let ran = resumed(again);
        assert_eq!(ran.code, 0, "{ran:?}");
        let read = read_journal(&journal);
        assert_eq!(read.inputs[..whole.inputs.len()], whole.inputs);
        assert_catalog_holds(&catalog, &read);
    }
}

/// Waits until a run goes on where it was, and stops it.
fn resumed(mut run: Running) -> cli::Ran {
    run.announced("resumed");
    run.stop()
}

/// Takes the lock of a run in the catalog for as long as the file is open.
fn hold_run(catalog: &Path, journal: &Path) -> fs::File {
    let dir = catalog.join("_runs").join(journal.file_name().unwrap());
    fs::create_dir_all(&dir).unwrap();
    let file = fs::File::create(dir.join("lock")).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn connections_without_end_take_nothing_from_the_recording() {
    let dir = workspace();
    let venue = venue();
    let recorded = dir.path().join("recorded");
    let config = dir.path().join("live.toml");
    fs::write(&config, settings(&venue, &recorded, "")).unwrap();
    let words = ["run", "--config", config.to_str().unwrap()];
    let mut run = Running::start_with_open_files(256, &words);
    let publisher = run.announced("publishing");
    let metrics = host(&run.announced("metrics"));
    let journal = PathBuf::from(run.announced("journal"));
    let publisher = publisher.trim_start_matches("tcp://").to_owned();
    // Twice as many as there are descriptors, none of which says a word.
    let silent: Vec<TcpStream> = [&publisher, &metrics]
        .into_iter()
        .flat_map(|address| (0..256).map(move |_| TcpStream::connect(address).unwrap()))
        .collect();
    until("subscribers that are too many", || {
        let page = get(&metrics, "/metrics");
        (number(&page, "tickloom_subscribers_refused") > 0).then_some(())
    });
    until_all_is_recorded(&venue, &journal);
    let ran = run.stop();
    assert_eq!(ran.code, 0, "{ran:?}");
    drop(silent);
    let read = read_journal(&journal);
    assert_catalog_holds(&recorded.join("catalog"), &read);
    let inputs = read.inputs;
    let is_disconnect = |record: &&Record| {
        record.kind() == Some(Kind::Status)
            && StatusBody::of(record).code == StatusCode::Disconnected as u16
    };
    assert_eq!(inputs.iter().filter(is_disconnect).count(), 1, "the stop");
}

#[test]
fn a_limit_that_the_run_itself_would_reach_is_refused() {
    let words = ["run", "--feed", "binance:BTCUSDT", "--publish", ANY_PORT];
    let run = Running::start_with_open_files(40, &words);
    let ran = run.finish();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("allows 40 open files"), "{ran:?}");
}

/// A trade that changes no signal, so that it makes no output.
fn same_trade(n: u64) -> Record {
    let ts = Ts(1_723_161_255_000_000_000 + i64::try_from(n).unwrap());
    let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), ts, ts);
    let body = TradeBody {
        price: 6_180_000,
        qty: 1,
        ..TradeBody::default()
    };
    body.record(header)
}

/// Adds so many records to a journal.
fn lengthen(journal: &Path, records: u64) {
    let meta = JournalReader::open(journal).unwrap().meta().clone();
    let (mut writer, recovered) = JournalWriter::open(journal, &meta).unwrap();
    let mut next = recovered.next_seq;
    let last = next + records;
    while next < last {
        let many: Vec<Record> = (next..last.min(next + 10_000)).map(same_trade).collect();
        writer.append_inputs(next, &many).unwrap();
        next += many.len() as u64;
    }
    writer.flush().unwrap();
}

#[test]
fn the_reading_of_a_long_journal_is_shown_and_can_be_stopped() {
    let dir = workspace();
    let record = dir.path().to_str().unwrap();
    let port = Port::reserve();
    let feed = feed_at(&port.address());
    let words = [
        "run",
        "--feed",
        &feed,
        "--signal",
        "trend=ema(last, 5) - ema(last, 50)",
        "--publish",
        ANY_PORT,
        "--record",
        record,
    ];
    let mut first = Running::start(&words);
    let journal = PathBuf::from(first.announced("journal"));
    assert_eq!(first.stop().code, 0);
    lengthen(&journal, 3_000_000);
    let before = read_segments(&journal);

    for signal in ["INT", "TERM"] {
        let mut run = Running::start(&words);
        let shown = run.announced("resuming");
        assert!(shown.contains(" a second, "), "{shown}");
        assert!(shown.ends_with(" s left"), "{shown}");
        run.signal(signal);
        let ran = run.finish();
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(
            ran.stderr.contains("stopped while the journal was read"),
            "{ran:?}"
        );
        assert!(!ran.stderr.contains("publishing"), "{ran:?}");
        assert_eq!(read_segments(&journal), before, "the journal is as it was");
    }
}

/// Names and lengths of the segments.
fn read_segments(journal: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(journal).unwrap().map(|entry| entry.unwrap());
    let mut found: Vec<_> = entries
        .map(|entry| (entry.path(), entry.metadata().unwrap().len()))
        .collect();
    found.sort();
    found
}
