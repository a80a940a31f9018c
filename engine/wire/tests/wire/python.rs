//! A foreign client: the programs in `docs/subscribe.md`, run by a real Python with pyzmq against a real publisher.
//!
//! `cargo xtask test` prepares that Python and names it in `TICKLOOM_PYTHON`. Without it these tests say that they
//! are skipped, except under CI, where its absence is a failure.

use crate::support::{publisher, signal, trade};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use tickloom_types::{Flags, Record, Side, SignalBody, TradeBody, Ts};
use tickloom_wire::{Encoding, Envelope, Message, Payload, PublishItem, Publisher};

const PATIENCE: Duration = Duration::from_secs(60);
const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/subscribe.md");

/// A running program of the guide; it is ended when dropped.
struct Program {
    child: Child,
    lines: Receiver<String>,
}

impl Program {
    /// Starts the `index`-th Python program of the guide; `None` if there is no Python to run it.
    fn start(index: usize, endpoint: &str) -> Option<Program> {
        let python = python()?;
        let guide = std::fs::read_to_string(GUIDE).unwrap();
        let program = guide
            .split("```python\n")
            .nth(index + 1)
            .expect("a program");
        let program = program.split("```").next().unwrap();
        let mut child = Command::new(python)
            .args(["-c", program, endpoint])
            .stdout(Stdio::piped())
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

    fn expect(&self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.lines.recv_timeout(PATIENCE).unwrap(), *expected);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
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
    let item = PublishItem {
        record,
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
            epoch,
            topic_seq,
            ts_event: 1,
            ts_recv: 2,
            ts_output: 3,
            ts_publish: 4,
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
