//! What publishing a signal costs beside a bare ZeroMQ send of the same bytes, in one run.
//!
//! The sender's time is measured, because it is the publisher's thread that must keep up. One subscriber reads on
//! another thread without limits on its queue, so nothing is dropped. Rounds of all contenders alternate, so that a
//! disturbance of the machine hits all of them; read the ratios.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use std::thread;
use std::time::{Duration, Instant};
use tickloom_types::{
    Header, InstrumentDef, InstrumentId, Instruments, Kind, Record, SignalBody, SourceDef,
    SourceId, SourceKind, Ts,
};
use tickloom_wire::{Encoding, Envelope, Names, PublishItem, Publisher, PublisherConfig};

const ROUNDS: usize = 11;
const MESSAGES: u64 = 200_000;
const TOPIC: &str = "signal/fast";
const PATIENCE: Duration = Duration::from_secs(10);

fn signal(number: u64) -> Record {
    let header = Header::new(Kind::Signal, InstrumentId(0), SourceId(0), Ts(1), Ts(2));
    let body = SignalBody {
        cause: number,
        value: 0.5,
        ..SignalBody::default()
    };
    body.record(header)
}

fn publisher() -> Publisher {
    let mut instruments = Instruments::new();
    let added = instruments.add(InstrumentDef::new("binance.BTCUSDT", 2, 8, "USDT"));
    added.expect("the definition is valid");
    let source = SourceDef::new("binance", SourceKind::Feed);
    instruments.add_source(source).expect("the first source");
    let names = Names::new(instruments, vec!["fast".to_owned()], Vec::new());
    let config = PublisherConfig {
        high_water_mark: 0,
        ..PublisherConfig::new("tcp://127.0.0.1:0", 1)
    };
    Publisher::bind(&config, names.expect("the name is valid")).expect("a free port")
}

/// Reads messages of three parts on a thread of its own until there were so many.
fn read(endpoint: &str, prefix: &str, messages: u64) -> thread::JoinHandle<()> {
    let socket = zmq::Context::new().socket(zmq::SUB).expect("a socket");
    socket.set_rcvhwm(0).expect("an option");
    socket.set_subscribe(prefix.as_bytes()).expect("an option");
    socket.connect(endpoint).expect("an endpoint");
    thread::spawn(move || {
        let mut part = zmq::Message::new();
        for _ in 0..3 * messages {
            socket.recv(&mut part, 0).expect("a part");
        }
    })
}

/// Nanoseconds for each of `n` calls, until the reader has everything.
fn timed(n: u64, reader: Option<thread::JoinHandle<()>>, mut call: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    for number in 0..n {
        call(number);
    }
    let elapsed = start.elapsed();
    if let Some(reader) = reader {
        reader.join().expect("the reader did not panic");
    }
    elapsed.as_nanos() as f64 / n as f64
}

fn bare(n: u64, listened: bool) -> f64 {
    let socket = zmq::Context::new().socket(zmq::XPUB).expect("a socket");
    socket.set_sndhwm(0).expect("an option");
    socket.bind("tcp://127.0.0.1:0").expect("a free port");
    let endpoint = socket.get_last_endpoint().expect("bound").expect("text");
    let reader = listened.then(|| read(&endpoint, TOPIC, n));
    if listened {
        socket.recv_bytes(0).expect("a subscription");
    }
    let envelope = Envelope {
        encoding: Encoding::Record,
        kind: Kind::Signal as u8,
        flags: 0,
        tier: 0,
        epoch: 1,
        topic_seq: 1,
        ts_event: 1,
        ts_recv: 2,
        ts_output: 3,
        ts_publish: 4,
        number: 1,
        run: 0,
        key_epoch: 0,
    };
    let envelope = envelope.encode();
    timed(n, reader, |number| {
        let record = signal(number);
        let parts = [TOPIC.as_bytes(), &envelope, record.as_bytes()];
        socket.send_multipart(parts, 0).expect("sent");
    })
}

fn published(n: u64, prefix: Option<&str>) -> f64 {
    let mut publisher = publisher();
    let reader = prefix.map(|prefix| read(publisher.endpoint(), prefix, n));
    if let Some(prefix) = prefix {
        let there = publisher.wait_for_subscriber(prefix, PATIENCE);
        assert!(there.expect("a working socket"), "the reader subscribes");
    }
    timed(n, reader, |number| {
        let item = PublishItem {
            record: signal(number),
            number,
            ts_output: Ts(3),
            ts_publish: Ts(4),
        };
        publisher.publish(&item).expect("published");
    })
}

/// A contender's name and its measurement of `n` messages.
type Contender = (&'static str, Box<dyn Fn(u64) -> f64>);

/// Runs all contenders `rounds` times in turn, and prints medians, spreads and ratios to the first.
fn compare(title: &str, contenders: &[Contender], rounds: usize, messages: u64) {
    let mut results = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        for ((_, measure), result) in contenders.iter().zip(&mut results) {
            result.push(measure(messages));
        }
    }
    let baseline = results[0].clone();
    println!("\n{title}, ns a message, {rounds} rounds of {messages}");
    println!(
        "{:26} {:>8} {:>19} {:>7}",
        "", "median", "least .. most", "ratio"
    );
    for ((name, _), mut result) in contenders.iter().zip(results) {
        let mut ratios: Vec<f64> = result.iter().zip(&baseline).map(|(a, b)| a / b).collect();
        let ratio = median(&mut ratios);
        let middle = median(&mut result);
        let (least, most) = (result[0], result[result.len() - 1]);
        println!("{name:26} {middle:8.1} {least:9.1} {most:9.1} {ratio:7.2}");
    }
}

/// Sorts the values and returns the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    // Without --bench (as `cargo test --benches` runs it) one short round shows that it works.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (rounds, messages) = if measured {
        (ROUNDS, MESSAGES)
    } else {
        (1, 1_000)
    };
    let listened: Vec<Contender> = vec![
        ("bare ZeroMQ", Box::new(|n| bare(n, true))),
        ("publisher", Box::new(|n| published(n, Some(TOPIC)))),
        (
            "publisher, JSON as well",
            Box::new(|n| published(n, Some("json/"))),
        ),
    ];
    compare("one subscriber", &listened, rounds, messages);
    let unheard: Vec<Contender> = vec![
        ("bare ZeroMQ", Box::new(|n| bare(n, false))),
        ("publisher", Box::new(|n| published(n, None))),
    ];
    compare("nobody subscribed", &unheard, rounds, messages);
}
