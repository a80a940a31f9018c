//! A foreign client: the programs in `docs/subscribe.md`, run by a real Python with pyzmq against a real publisher, and a
//! client of version 1 of the protocol against the present one.
//!
//! `cargo xtask test` prepares that Python and names it in `TICKLOOM_PYTHON`. Without it these tests say that they
//! are skipped, except under CI, where its absence is a failure.

use crate::support::{names, publisher, signal, trade};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use tickloom_types::{
    Flags, Header, InstrumentId, Kind, PositionBody, Record, Side, SignalBody, SourceId, TradeBody,
    Ts,
};
use tickloom_wire::{
    Encoding, Envelope, Message, Payload, PublishItem, Publisher, PublisherConfig, Retracted,
    RunPosition, Session,
};

const PATIENCE: Duration = Duration::from_secs(60);
const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/subscribe.md");
/// The signal program of the guide as it was in version 1.
const CLIENT_OF_VERSION_1: &str = include_str!("../golden/v1/client.py");

/// A running program of the guide; it is ended when dropped.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Starts the `index`-th Python program of the guide; `None` if there is no Python to run it.
    fn start(index: usize, endpoint: &str) -> Option<Program> {
        let guide = std::fs::read_to_string(GUIDE).unwrap();
        let program = guide
            .split("```python\n")
            .nth(index + 1)
            .expect("a program");
        Program::run(program.split("```").next().unwrap(), endpoint)
    }

    /// Starts a program; `None` if there is no Python to run it.
    fn run(program: &str, endpoint: &str) -> Option<Program> {
        let mut child = Command::new(python()?)
            .args(["-c", program, endpoint])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(100);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Some(Program { child, lines })
    }

    /// Waits until the program has failed, and returns what it said of it.
    fn failed(&mut self) -> String {
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        assert!(!self.child.wait().unwrap().success(), "{text}");
        text
    }

    fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn expect(&self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.lines.recv_timeout(PATIENCE).unwrap(), *expected);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended already.
        self.child.kill().ok();
        self.child.wait().unwrap();
    }
}

fn python() -> Option<OsString> {
    let python = std::env::var_os("TICKLOOM_PYTHON");
    if python.is_none() {
        let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!is_ci, "TICKLOOM_PYTHON is not set: run cargo xtask test");
        eprintln!(
            "skipped: TICKLOOM_PYTHON names no Python with pyzmq; cargo xtask test prepares one"
        );
    }
    python
}

fn publish(publisher: &mut Publisher, record: Record) {
    publish_as(publisher, record, 0);
}

fn publish_as(publisher: &mut Publisher, record: Record, number: u64) {
    let item = PublishItem {
        record,
        number,
        ts_output: Ts(0),
        ts_publish: Ts(0),
    };
    publisher.publish(&item).unwrap();
}

/// The signal `fast` with this value.
fn fast(value: f64) -> Record {
    let body = SignalBody {
        value,
        ..SignalBody::default()
    };
    body.record(signal(0, 1).header)
}

#[test]
fn the_signal_program_prints_every_value() {
    let mut publisher = publisher();
    let Some(program) = Program::start(0, publisher.endpoint()) else {
        return;
    };
    assert!(
        publisher
            .wait_for_subscriber("signal/fast", PATIENCE)
            .unwrap()
    );
    publish(&mut publisher, fast(61_837.63));
    publish(&mut publisher, fast(61_837.635));
    publish(&mut publisher, signal(1, 2));
    let mut warming_up = fast(0.0);
    warming_up.header.flags = Flags::NOT_READY;
    publish(&mut publisher, warming_up);
    program.expect(&[
        "signal/fast seq 1 missed 0 value 61837.63",
        "signal/fast seq 2 missed 0 value 61837.635",
        "signal/slow seq 1 missed 0 value 1.0",
        "signal/fast seq 3 missed 0 value None",
    ]);
}

#[test]
fn the_signal_program_sees_a_gap_and_a_restart() {
    let socket = zmq::Context::new().socket(zmq::XPUB).unwrap();
    socket.bind("tcp://127.0.0.1:0").unwrap();
    let endpoint = socket.get_last_endpoint().unwrap().unwrap();
    let Some(program) = Program::start(0, &endpoint) else {
        return;
    };
    assert_eq!(socket.recv_bytes(0).unwrap(), b"\x01signal/");
    for (epoch, topic_seq) in [(7, 5), (7, 6), (7, 9), (8, 1), (8, 3)] {
        let envelope = Envelope {
            encoding: Encoding::Record,
            kind: 64,
            flags: 0,
            tier: 0,
            epoch,
            topic_seq,
            ts_event: 1,
            ts_recv: 2,
            ts_output: 3,
            ts_publish: 4,
            number: topic_seq,
            run: 0,
            key_epoch: 0,
        };
        let message = Message {
            topic: "signal/fast".to_owned(),
            envelope,
            payload: Payload::Record(fast(0.5)),
        };
        socket.send_multipart(message.encode(), 0).unwrap();
    }
    program.expect(&[
        "signal/fast seq 5 missed 0 value 0.5",
        "signal/fast seq 6 missed 0 value 0.5",
        "signal/fast seq 9 missed 2 value 0.5",
        "signal/fast seq 1 missed 0 value 0.5",
        "signal/fast seq 3 missed 1 value 0.5",
    ]);
}

#[test]
fn the_json_program_prints_every_trade() {
    let mut publisher = publisher();
    let Some(program) = Program::start(1, publisher.endpoint()) else {
        return;
    };
    let topic = "json/trade/binance.BTCUSDT";
    assert!(publisher.wait_for_subscriber(topic, PATIENCE).unwrap());
    let body = TradeBody {
        price: 6_183_763,
        qty: 2_000_000,
        side: Side::Sell as u8,
        ..TradeBody::default()
    };
    publish(
        &mut publisher,
        body.record(trade(1_723_161_255_030_000_000).header),
    );
    program.expect(&["2024-08-08T23:54:15.03Z binance.BTCUSDT sell 0.02 at 61837.63"]);
}

#[test]
fn the_retraction_program_tells_what_was_taken_back() {
    let start = |endpoint: &str, epoch: u64, first: u64, retracted: Vec<Retracted>| {
        let mut config = PublisherConfig::new(endpoint, epoch);
        config.session = Session {
            run: Some("20240808T235413Z".to_owned()),
            topic_base: first,
            first: RunPosition {
                inputs: first,
                outputs: first,
            },
            retracted,
            ..Session::unrecorded()
        };
        Publisher::bind(&config, names()).unwrap()
    };
    let mut first = start("tcp://127.0.0.1:0", 7, 0, Vec::new());
    let endpoint = first.endpoint().to_owned();
    let Some(program) = Program::start(2, &endpoint) else {
        return;
    };
    let wait = |publisher: &mut Publisher| {
        for topic in ["json/signal/", "json/epoch", "json/heartbeat"] {
            assert!(publisher.wait_for_subscriber(topic, PATIENCE).unwrap());
        }
    };
    wait(&mut first);
    for number in 0..3 {
        publish_as(&mut first, fast(0.5), number);
    }
    first.set_watermark(RunPosition {
        inputs: 0,
        outputs: 1,
    });
    first.poll(Ts(0)).unwrap();
    program.expect(&["3 came, 1 on disk"]);
    drop(first);
    let gone = Retracted {
        inputs: 0..100,
        outputs: 2..100,
    };
    let mut second = start(&endpoint, 8, 100, vec![gone]);
    wait(&mut second);
    second.poll(Ts(0)).unwrap();
    program.expect(&["retracted: output 2 of run 20240808T235413Z"]);
}

#[test]
fn the_state_program_prints_what_was_held_and_what_is() {
    let mut publisher = publisher();
    let Some(mut program) = Program::start(3, publisher.endpoint()) else {
        return;
    };
    while !publisher.is_state_awaited() {
        publisher.poll(Ts(0)).unwrap();
        assert!(program.is_alive());
    }
    let position = |qty| {
        let body = PositionBody {
            qty,
            ..PositionBody::default()
        };
        let header = Header::new(Kind::Position, InstrumentId(0), SourceId(0), Ts(0), Ts(0));
        body.record(header)
    };
    let records = [fast(0.5), position(50_000_000)];
    let place = RunPosition {
        inputs: 1,
        outputs: 1,
    };
    publisher.answer_with_state(place, &records, Ts(0)).unwrap();
    publish(&mut publisher, position(-25_000_000));
    program.expect(&[
        "cross holds 0.5 of binance.BTCUSDT",
        "cross holds -0.25 of binance.BTCUSDT",
    ]);
}

#[test]
fn a_client_of_version_1_refuses_the_present_version() {
    let mut publisher = publisher();
    let Some(mut program) = Program::run(CLIENT_OF_VERSION_1, publisher.endpoint()) else {
        return;
    };
    let is_there = publisher.wait_for_subscriber("signal/fast", PATIENCE);
    assert!(is_there.unwrap());
    publish(&mut publisher, fast(0.5));
    let said = program.failed();
    assert!(said.contains("requires a buffer of 56 bytes"), "{said}");
}

#[test]
fn the_present_client_refuses_a_publisher_of_version_1() {
    let socket = zmq::Context::new().socket(zmq::XPUB).unwrap();
    socket.bind("tcp://127.0.0.1:0").unwrap();
    let endpoint = socket.get_last_endpoint().unwrap().unwrap();
    let Some(mut program) = Program::start(0, &endpoint) else {
        return;
    };
    assert_eq!(socket.recv_bytes(0).unwrap(), b"\x01signal/");
    socket
        .send_multipart([b"signal/fast".as_slice(), &[1; 56], &[0; 64]], 0)
        .unwrap();
    let said = program.failed();
    assert!(said.contains("wire version 1, expected 2"), "{said}");
}
