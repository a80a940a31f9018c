//! What a subscriber wrote down against the journal, through the real binary: a live run, a restart, a killed subscriber, and files
//! in which something is wrong.

#![cfg(test)]
#![expect(
    clippy::single_range_in_vec_init,
    reason = "lists of one range are meant"
)]

mod cli;
mod common;
#[path = "common/ports.rs"]
mod ports;

use cli::{Ran, tickloom, workspace};
use common::{Running, json, until};
use ports::Port;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::ops::Range;
use std::path::{Path, PathBuf};
use tickloom_feeds::local_venue::{LocalVenue, LocalVenueConfig, Speed};
use tickloom_feeds::samples::samples;
use tickloom_journal::{JournalWriter, RunMeta};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, SignalBody, SourceDef,
    SourceId, SourceKind, TradeBody, Ts,
};
use tickloom_wire::{
    Announcement, Encoding, Envelope, Gap, Message, NO_RECORD, Observed, Payload, Received,
    Retracted, RunPosition, Session, StatePart, StreamEntry, StreamReader, StreamWriter, TopicSeq,
    is_output, run_id,
};

const SIGNAL: &str = "trend=ema(mid, 5) - ema(mid, 50)";

fn venue(speed: f64) -> LocalVenue {
    let [spot, _] = samples();
    LocalVenue::start(LocalVenueConfig {
        speed: Speed::Times(speed),
        ..LocalVenueConfig::new(vec![spot.capture])
    })
    .unwrap()
}

fn start(venue: &LocalVenue, endpoint: &str, record: &Path) -> Running {
    let record = record.to_str().unwrap();
    Running::start(&[
        "run",
        "--feed",
        &venue.feed_url(),
        "--signal",
        SIGNAL,
        "--publish",
        endpoint,
        "--record",
        record,
    ])
}

/// Writes down what comes in this encoding.
fn subscribe(endpoint: &str, file: &Path, encoding: &str) -> Running {
    let file = file.to_str().unwrap();
    let words = ["subscribe", endpoint, "--record", file, "--encoding"];
    Running::start(&[words.as_slice(), &[encoding]].concat())
}

/// Waits until the file has so many bytes more.
fn until_it_grows(file: &Path, more: u64) {
    let len = || fs::metadata(file).map_or(0, |metadata| metadata.len());
    let before = len();
    until("a file that grows", || {
        (len() > before + more).then_some(())
    });
}

fn verify(file: &Path, journal: &Path) -> Ran {
    let (file, journal) = (file.to_str().unwrap(), journal.to_str().unwrap());
    tickloom(&["verify-stream", file, journal, "--json"])
}

/// Verifies a file with which nothing must be wrong.
fn agreed(file: &Path, journal: &Path) -> Value {
    let ran = verify(file, journal);
    assert_eq!(ran.code, 0, "{ran:?}");
    let found = json(&ran);
    assert_eq!(found["agrees"], true, "{found}");
    found
}

/// Verifies a file with which something is wrong, and returns what in words.
fn disagreements(file: &Path, journal: &Path) -> Vec<String> {
    let ran = verify(file, journal);
    assert_eq!(ran.code, 1, "{ran:?}");
    let found = json(&ran);
    assert_eq!(found["agrees"], false, "{found}");
    let texts = found["first_disagreements"].as_array().unwrap();
    assert_eq!(found["disagreements"], texts.len());
    texts
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn count(found: &Value, side: &str, key: &str) -> u64 {
    let value = &found[side][key];
    value
        .as_u64()
        .or_else(|| value["messages"].as_u64())
        .unwrap_or_else(|| panic!("no {side} {key} in {found}"))
}

/// Everything in a file.
fn read(file: &Path) -> Vec<StreamEntry> {
    let mut reader = StreamReader::new(BufReader::new(File::open(file).unwrap())).unwrap();
    std::iter::from_fn(|| reader.next_entry().unwrap()).collect()
}

/// Writes entries as a subscriber does.
fn write(file: &Path, entries: &[StreamEntry]) {
    let mut writer = None;
    let mut observed = Observed::default();
    for entry in entries {
        match entry {
            StreamEntry::Subscription { prefixes, hello } => {
                let out = File::create(file).unwrap();
                writer = Some(StreamWriter::begin(out, prefixes, hello).unwrap());
            }
            StreamEntry::Loss { topic, missed } => observed.gaps.push(Gap {
                topic: topic.clone(),
                missed: *missed,
            }),
            StreamEntry::Message {
                ts_arrival,
                message,
            } => {
                let received = Received {
                    message: (**message).clone(),
                    observed: std::mem::take(&mut observed),
                };
                let writer = writer.as_mut().expect("a subscription comes first");
                writer.received(&received, *ts_arrival).unwrap();
            }
        }
    }
}

/// Place of the `nth` message of a topic whose payload is a record.
fn place_of(entries: &[StreamEntry], prefix: &str, nth: usize) -> usize {
    let is_it = |(_, entry): &(usize, &StreamEntry)| match entry {
        StreamEntry::Message { message, .. } => message.topic.starts_with(prefix),
        _ => false,
    };
    let (at, _) = entries.iter().enumerate().filter(is_it).nth(nth).unwrap();
    at
}

fn message(entry: &StreamEntry) -> &Message {
    match entry {
        StreamEntry::Message { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_came_of_a_live_run_is_what_the_journal_holds_and_whatever_is_changed_is_named() {
    let dir = workspace();
    let venue = venue(4.0);
    let mut run = start(&venue, "tcp://127.0.0.1:*", &dir.path().join("recorded"));
    let endpoint = run.announced("publishing");
    let journal = PathBuf::from(run.announced("journal"));
    let file = |encoding: &str| dir.path().join(format!("{encoding}.tls"));
    let subscribers: Vec<Running> = ["json", "record", "both"]
        .into_iter()
        .map(|encoding| {
            let mut subscriber = subscribe(&endpoint, &file(encoding), encoding);
            subscriber.announced("connected");
            subscriber
        })
        .collect();
    for encoding in ["json", "record", "both"] {
        until_it_grows(&file(encoding), 100_000);
    }
    assert_eq!(run.stop().code, 0);
    for subscriber in subscribers {
        assert_eq!(subscriber.stop().code, 0);
    }
    let mut messages = Vec::new();
    for encoding in ["json", "record", "both"] {
        let found = agreed(&file(encoding), &journal);
        for side in ["inputs", "outputs"] {
            assert!(count(&found, side, "found") > 50, "{found}");
            assert_eq!(count(&found, side, "missed"), 0, "{found}");
            assert_eq!(count(&found, side, "retracted"), 0, "{found}");
        }
        assert_eq!(found["of_other_runs"], 0, "{found}");
        assert_eq!(found["torn_bytes"], 0, "{found}");
        // Everybody is told once what there was before.
        assert_eq!(found["states"]["found"], 1, "{found}");
        assert_eq!(found["states"]["not_compared"], 0, "{found}");
        messages.push(found["messages"].as_u64().unwrap());
    }
    assert!(
        messages.iter().all(|messages| *messages > 100),
        "{messages:?}"
    );

    a_change_is_named(&file("record"), &journal);
    a_change_of_a_state_is_named(&file("record"), &journal);
    a_change_of_json_is_named(&file("json"), &journal);
    let text = tickloom(&[
        "verify-stream",
        file("record").to_str().unwrap(),
        journal.to_str().unwrap(),
    ]);
    assert_eq!(text.code, 0, "{text:?}");
    assert!(text.stdout.contains("what came is what the journal holds"));
}

/// One byte changed with and without its checksum, one message left out, one doubled, two exchanged, one cut off.
fn a_change_is_named(whole: &Path, journal: &Path) {
    let changed = whole.with_extension("changed");
    let entries = read(whole);
    let at = place_of(&entries, "signal/trend", 10);
    let of = |at: usize| {
        let message = message(&entries[at]);
        format!("{} {}", message.topic, message.envelope.topic_seq)
    };

    let mut bytes = fs::read(whole).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&changed, &bytes).unwrap();
    let texts = disagreements(&changed, journal);
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].starts_with("the file: damaged at byte "),
        "{texts:?}"
    );

    let mut other = entries.clone();
    if let StreamEntry::Message { message, .. } = &mut other[at]
        && let Payload::Record(record) = &mut message.payload
    {
        record.body[2] ^= 1 << 32;
    }
    write(&changed, &other);
    let texts = disagreements(&changed, journal);
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].starts_with(&of(at)) && texts[0].contains("byte 44 of the payload"),
        "{texts:?}"
    );

    let mut other = entries.clone();
    other.remove(at);
    write(&changed, &other);
    let texts = disagreements(&changed, journal);
    assert_eq!(texts.len(), 1, "{texts:?}");
    let expected = "1 of signal/trend missing before it, and the file tells of 0";
    assert!(texts[0].ends_with(expected), "{texts:?}");

    let mut other = entries.clone();
    other.insert(at, entries[at].clone());
    write(&changed, &other);
    let texts = disagreements(&changed, journal);
    assert_eq!(texts, [format!("{}: came again or too late", of(at))]);

    // A message under another's number is neither's record.
    let mut other = entries.clone();
    if let StreamEntry::Message { message, .. } = &mut other[at] {
        message.envelope.number -= 1;
    }
    write(&changed, &other);
    let texts = disagreements(&changed, journal);
    assert!(
        texts.iter().any(|text| text.starts_with(&of(at))),
        "{texts:?}"
    );

    let bytes = fs::read(whole).unwrap();
    fs::write(&changed, &bytes[..bytes.len() - 3]).unwrap();
    let found = agreed(&changed, journal);
    assert!(found["torn_bytes"].as_u64().unwrap() > 0, "{found}");
}

/// A state that is changed in one number, or said to be of another place.
fn a_change_of_a_state_is_named(whole: &Path, journal: &Path) {
    let changed = whole.with_extension("changed");
    let change = |change: fn(&mut StatePart)| {
        let mut entries = read(whole);
        for entry in &mut entries {
            if let StreamEntry::Message { message, .. } = entry
                && let Payload::State(part) = &mut message.payload
            {
                change(part);
            }
        }
        write(&changed, &entries);
        disagreements(&changed, journal)
    };
    let other = change(|part| part.records[0].body[2] ^= 1 << 32);
    assert!(other[0].ends_with("is not what the journal's inputs give"));
    let less = change(|part| {
        part.records.pop();
        part.total -= 1;
    });
    assert!(less[0].ends_with("is not what the journal's inputs give"));
    let elsewhere = change(|part| part.next.outputs += 1);
    assert!(
        elsewhere[0].contains(": its place is input "),
        "{elsewhere:?}"
    );
    let ahead = change(|part| part.next.inputs += 1 << 40);
    assert!(
        ahead[0].contains("the journal ends before input "),
        "{ahead:?}"
    );
    assert!(
        [other, less, elsewhere, ahead]
            .iter()
            .all(|texts| texts.len() == 1)
    );
}

fn a_change_of_json_is_named(whole: &Path, journal: &Path) {
    let changed = whole.with_extension("changed");
    let mut entries = read(whole);
    let at = place_of(&entries, "json/trade/", 3);
    if let StreamEntry::Message { message, .. } = &mut entries[at]
        && let Payload::Json(text) = &mut message.payload
    {
        *text = text.replace("\"price\":\"", "\"price\":\"1");
    }
    write(&changed, &entries);
    let texts = disagreements(&changed, journal);
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].starts_with("json/trade/binance.BTCUSDT "),
        "{texts:?}"
    );
    assert!(
        texts[0].contains("of the payload is 31, in the journal"),
        "{texts:?}"
    );
}

#[test]
fn a_run_that_goes_on_is_followed_and_topics_sequences_go_on() {
    let dir = workspace();
    let venue = venue(2.0);
    let record = dir.path().join("recorded");
    let file = dir.path().join("came.tls");
    let port = Port::reserve();
    let endpoint = format!("tcp://{}", port.address());
    let mut first = start(&venue, &endpoint, &record);
    let journal = PathBuf::from(first.announced("journal"));
    let mut subscriber = subscribe(&endpoint, &file, "record");
    subscriber.announced("connected");
    until_it_grows(&file, 50_000);
    assert_eq!(first.stop().code, 0);
    let mut second = start(&venue, &endpoint, &record);
    assert_eq!(PathBuf::from(second.announced("journal")), journal);
    subscriber.announced("the publisher was restarted");
    let run = subscriber.announced("run ");
    let name = journal.file_name().unwrap().to_str().unwrap();
    assert_eq!(run, format!("{name} goes on"));
    until_it_grows(&file, 50_000);
    assert_eq!(second.stop().code, 0);
    assert_eq!(subscriber.stop().code, 0);

    let found = agreed(&file, &journal);
    assert!(count(&found, "inputs", "found") > 100, "{found}");
    // One at the first connection, and one of where the second session began or went on.
    assert_eq!(found["states"]["found"], 2, "{found}");
    let mut last_seq: HashMap<String, u64> = HashMap::new();
    let mut last_number: HashMap<bool, u64> = HashMap::new();
    let mut epochs = Vec::new();
    for entry in read(&file) {
        let StreamEntry::Message { message, .. } = entry else {
            continue;
        };
        let envelope = message.envelope;
        assert_eq!(envelope.run, run_id(name));
        epochs.push(envelope.epoch);
        if envelope.kind == NO_RECORD {
            continue;
        }
        let seq = last_seq.insert(message.topic, envelope.topic_seq);
        assert!(
            seq.is_none_or(|seq| seq < envelope.topic_seq),
            "{envelope:?} after {seq:?}"
        );
        let number = last_number.insert(is_output(envelope.kind), envelope.number);
        assert!(
            number.is_none_or(|number| number < envelope.number),
            "{envelope:?} after {number:?}"
        );
    }
    epochs.dedup();
    assert_eq!(epochs.len(), 2, "{epochs:?}");
}

#[test]
fn a_killed_subscriber_leaves_a_file_that_is_whole() {
    let dir = workspace();
    let venue = venue(2.0);
    let mut run = start(&venue, "tcp://127.0.0.1:*", &dir.path().join("recorded"));
    let endpoint = run.announced("publishing");
    let journal = PathBuf::from(run.announced("journal"));
    let file = dir.path().join("came.tls");
    let subscriber = subscribe(&endpoint, &file, "both");
    until_it_grows(&file, 50_000);
    subscriber.kill();
    let again = tickloom(&["subscribe", &endpoint, "--record", file.to_str().unwrap()]);
    assert_eq!(
        again.code, 2,
        "a file that is there is not written over: {again:?}"
    );
    assert_eq!(run.stop().code, 0);
    let found = agreed(&file, &journal);
    assert!(found["messages"].as_u64().unwrap() > 50, "{found}");
    assert!(count(&found, "outputs", "after") > 0, "{found}");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let dir = workspace();
    let (journal, file) = made(dir.path(), &[], 1..1);
    let other = dir.path().join("other");
    fs::write(&other, "no stream at all, but long enough").unwrap();
    let ran = verify(&other, &journal);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr
            .contains("expected a recorded stream of version 1"),
        "{ran:?}"
    );
    let ran = verify(&file, dir.path());
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = verify(&dir.path().join("nothing"), &journal);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("nothing"), "{ran:?}");
    let mut of_another_run = read(&file);
    for entry in &mut of_another_run {
        if let StreamEntry::Message { message, .. } = entry {
            message.envelope.run = 9;
        }
    }
    of_another_run.retain(|entry| match entry {
        StreamEntry::Message { message, .. } => message.envelope.kind != NO_RECORD,
        _ => true,
    });
    write(&file, &of_another_run);
    let ran = verify(&file, &journal);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("nothing in it is of run made"),
        "{ran:?}"
    );
    let ran = tickloom(&["subscribe", "tcp://127.0.0.1:1", "--encoding", "record"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("need --record"), "{ran:?}");
}

/// The run of the journals and files that are made up here.
const MADE: &str = "made";

fn trade(n: i64) -> Record {
    let header = Header::new(Kind::Trade, InstrumentId(0), SourceId(0), Ts(n), Ts(n));
    let body = TradeBody {
        price: n,
        qty: 1,
        ..TradeBody::default()
    };
    body.record(header)
}

fn signal(n: i64) -> Record {
    let header = Header::new(Kind::Signal, InstrumentId(0), SourceId(0), Ts(n), Ts(n));
    SignalBody::default().record(header)
}

fn entry(topic: &str, envelope: Envelope, payload: Payload) -> StreamEntry {
    StreamEntry::Message {
        ts_arrival: Ts(0),
        message: Box::new(Message {
            topic: topic.to_owned(),
            envelope,
            payload,
        }),
    }
}

fn envelope(epoch: u64, encoding: Encoding, record: &Record, number: u64) -> Envelope {
    Envelope {
        encoding,
        kind: record.header.kind,
        flags: record.header.flags,
        tier: 0,
        epoch,
        topic_seq: number + 1,
        ts_event: record.header.ts_event,
        ts_recv: record.header.ts_recv,
        ts_output: 0,
        ts_publish: 0,
        number,
        run: run_id(MADE),
        key_epoch: 0,
    }
}

/// The signal of this number, as it came.
fn came(epoch: u64, number: u64) -> StreamEntry {
    let record = signal(i64::try_from(number).unwrap());
    let envelope = envelope(epoch, Encoding::Record, &record, number);
    entry("signal/fast", envelope, Payload::Record(record))
}

/// The first message of an epoch that takes these outputs back.
fn session(epoch: u64, retracted: &[Range<u64>]) -> StreamEntry {
    let first = retracted.last().map_or(0, |range| range.end);
    let state = Announcement {
        session: Session {
            run: Some(MADE.to_owned()),
            topic_base: first,
            first: RunPosition {
                inputs: 0,
                outputs: first,
            },
            watermark: RunPosition::default(),
            retracted: retracted
                .iter()
                .map(|outputs| Retracted {
                    inputs: 0..0,
                    outputs: outputs.clone(),
                })
                .collect(),
        },
        topics: Vec::new(),
    };
    let mut envelope = envelope(epoch, Encoding::Announcement, &signal(0), 0);
    (envelope.kind, envelope.topic_seq) = (NO_RECORD, 0);
    entry("epoch", envelope, Payload::Announcement(state))
}

/// The answer to a subscription that came after so many signals of epoch 1.
fn hello(signals: u64) -> StreamEntry {
    let mut hello = session(1, &[]);
    if let StreamEntry::Message { message, .. } = &mut hello
        && let Payload::Announcement(state) = &mut message.payload
    {
        message.topic = "~hello/1".to_owned();
        state.topics.push(TopicSeq {
            topic: "signal/fast".to_owned(),
            seq: signals,
        });
    }
    hello
}

/// A journal of the inputs 0 to 4 and the outputs 0 to 4, and a file of these entries and the outputs that came in epoch 1.
fn made(dir: &Path, more: &[StreamEntry], outputs: Range<u64>) -> (PathBuf, PathBuf) {
    let (journal, file) = (dir.join("journal"), dir.join("came.tls"));
    if !journal.exists() {
        let mut instruments = Instruments::new();
        let def = InstrumentDef::new("test.A", 2, 0, "USD");
        instruments.add(def).unwrap();
        let source = SourceDef::new("feed", SourceKind::Feed);
        instruments.add_source(source).unwrap();
        let mut meta = RunMeta::new(MADE, Ts(0), instruments).unwrap();
        meta.signals = vec!["fast".to_owned()];
        let (mut writer, _) = JournalWriter::open(&journal, &meta).unwrap();
        let trades: Vec<Record> = (0..5).map(trade).collect();
        writer.append_inputs(0, &trades).unwrap();
        let outputs: Vec<_> = (0..5).map(|n| (0, signal(n))).collect();
        writer.append_outputs(&outputs).unwrap();
        writer.close("00").unwrap();
    }
    let mut entries = vec![StreamEntry::Subscription {
        prefixes: vec!["signal/".to_owned()],
        hello: "~hello/1".to_owned(),
    }];
    entries.push(hello(outputs.start));
    entries.extend(outputs.map(|number| came(1, number)));
    entries.extend_from_slice(more);
    write(&file, &entries);
    (journal, file)
}

#[test]
fn what_is_not_in_the_journal_must_have_been_taken_back_later() {
    let dir = workspace();
    let (journal, file) = made(dir.path(), &[session(2, &[5..100])], 1..8);
    let found = agreed(&file, &journal);
    assert_eq!(count(&found, "outputs", "found"), 4, "{found}");
    assert_eq!(count(&found, "outputs", "retracted"), 3, "{found}");
    assert_eq!(count(&found, "outputs", "before"), 1, "{found}");
    assert_eq!(count(&found, "inputs", "before"), 0, "none was asked for");

    let (_, file) = made(dir.path(), &[], 1..6);
    let expected = "signal/fast 6, output 5: not in the journal, which ends with output 4, and no later session takes it back";
    assert_eq!(disagreements(&file, &journal), [expected]);

    // A number that was taken back is given away again.
    let later = [session(2, &[5..100]), came(2, 50)];
    let (_, file) = made(dir.path(), &later, 1..6);
    let texts = disagreements(&file, &journal);
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].starts_with("signal/fast 51, output 50: not in the journal"));
    let later = [
        session(2, &[5..100]),
        came(2, 100),
        session(3, &[5..100, 100..200]),
        came(3, 150),
    ];
    let (_, file) = made(dir.path(), &later, 1..6);
    let texts = disagreements(&file, &journal);
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].starts_with("signal/fast 151, output 150: not in the journal"));

    // What the journal holds was not taken back.
    let (_, file) = made(dir.path(), &[session(2, &[4..100])], 1..5);
    let expected = "signal/fast 5, output 4: in the journal, and a session takes it back";
    assert_eq!(disagreements(&file, &journal), [expected]);
}

#[test]
fn what_did_not_come_is_counted_with_its_range() {
    let dir = workspace();
    let loss = StreamEntry::Loss {
        topic: "signal/fast".to_owned(),
        missed: 2,
    };
    let (journal, file) = made(dir.path(), &[loss, came(1, 3)], 0..1);
    let found = agreed(&file, &journal);
    assert_eq!(found["counted_losses"], 2, "{found}");
    assert_eq!(
        found["outputs"]["missed"]["ranges"],
        serde_json::json!([[1, 3]])
    );
    assert_eq!(
        found["outputs"]["after"]["ranges"],
        serde_json::json!([[4, 5]])
    );
    let (_, file) = made(dir.path(), &[came(1, 3)], 0..1);
    let expected = "signal/fast 4: 2 of signal/fast missing before it, and the file tells of 0";
    assert_eq!(disagreements(&file, &journal), [expected]);
}
