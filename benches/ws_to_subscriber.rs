//! From a venue's bytes to a subscriber that holds the signal, through the real binary over loopback, beside bare ZeroMQ.
//!
//! A WebSocket server in this process sends trade frames, one after the other: the next once the signal of the last has come. The
//! price of a frame is its number, and the signal is `last`, so each signal says which frame caused it. Beside it the same bytes
//! take one hop over bare ZeroMQ (PUB, TCP, SUB), and two hops (there to a relay, and on): the pipeline has two sockets on its
//! way as well. Latencies are medians of rounds that alternate; no time is asserted.

#![expect(clippy::print_stdout, reason = "a benchmark speaks on stdout")]

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tickloom_types::SignalBody;
use tickloom_wire::{Payload, Subscriber, SubscriberConfig};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};

const ROUNDS: usize = 10;
const FRAMES: u32 = 500;
const WARM_UP: u32 = 200;

fn frame(number: u32) -> String {
    format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{time},"s":"BTCUSDT","t":{number},"p":"{number}.00","q":"0.01","T":{time},"m":false,"M":true}}}}"#,
        time = 1_723_161_255_000_u64 + u64::from(number),
    )
}

/// One way from bytes to a subscriber: sends frame `number`, returns once it has come through.
trait Way {
    fn pass(&mut self, number: u32);
}

/// `tickloom run` between a WebSocket and a ZeroMQ subscriber.
struct Pipeline {
    child: Child,
    venue: WebSocket<TcpStream>,
    subscriber: Subscriber,
}

impl Pipeline {
    fn start() -> Pipeline {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound port").port();
        let feed = format!("ws://127.0.0.1:{port}/stream?streams=btcusdt@trade&venue=binance");
        let mut child = Command::new(env!("CARGO_BIN_EXE_tickloom"))
            .args(["run", "--feed", &feed, "--signal", "last=last"])
            .args(["--publish", "tcp://127.0.0.1:*"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let endpoint = stderr
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("publishing ").map(str::to_owned))
            .expect("it says where it publishes");
        let (stream, _) = listener.accept().expect("it connects");
        stream.set_nodelay(true).expect("a TCP option");
        let venue = accept(stream).expect("it speaks WebSocket");
        let mut subscriber = Subscriber::connect(&SubscriberConfig::new(&endpoint, &["signal/"]))
            .expect("an endpoint");
        while !subscriber.is_synced() {
            subscriber
                .recv(Duration::from_millis(100))
                .expect("the publisher answers");
        }
        Pipeline {
            child,
            venue,
            subscriber,
        }
    }
}

impl Way for Pipeline {
    fn pass(&mut self, number: u32) {
        self.venue
            .send(Message::text(frame(number)))
            .expect("the feed reads");
        loop {
            let received = self
                .subscriber
                .recv(Duration::from_secs(10))
                .expect("the publisher sends");
            let Some(received) = received else {
                panic!("no signal of frame {number} within ten seconds");
            };
            if let Payload::Record(record) = received.message.payload
                && SignalBody::of(&record).value >= f64::from(number)
            {
                return;
            }
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// So many hops over bare ZeroMQ; a relay thread stands between two.
struct Bare {
    publisher: zmq::Socket,
    subscriber: zmq::Socket,
    _relays: Vec<JoinHandle<()>>,
}

impl Bare {
    fn start(context: &zmq::Context, hops: usize) -> Bare {
        let mut relays = Vec::new();
        let (publisher, mut subscriber) = hop(context);
        for _ in 1..hops {
            let (onward, next) = hop(context);
            let from = std::mem::replace(&mut subscriber, next);
            relays.push(std::thread::spawn(move || {
                while let Ok(bytes) = from.recv_bytes(0) {
                    if onward.send(bytes, 0).is_err() {
                        return;
                    }
                }
            }));
        }
        let mut bare = Bare {
            publisher,
            subscriber,
            _relays: relays,
        };
        bare.connect();
        bare
    }

    /// Sends until the first message has come through: from then on none is lost.
    fn connect(&mut self) {
        self.subscriber.set_rcvtimeo(10).expect("a socket option");
        while self.subscriber.recv_bytes(0).is_err() {
            self.publisher.send("connect", 0).expect("it sends");
        }
        while self.subscriber.recv_bytes(0).is_ok() {}
        self.subscriber.set_rcvtimeo(-1).expect("a socket option");
    }
}

fn hop(context: &zmq::Context) -> (zmq::Socket, zmq::Socket) {
    let publisher = context.socket(zmq::PUB).expect("a socket");
    publisher.bind("tcp://127.0.0.1:*").expect("a free port");
    let endpoint = publisher
        .get_last_endpoint()
        .expect("a bound socket")
        .expect("UTF-8");
    let subscriber = context.socket(zmq::SUB).expect("a socket");
    subscriber.connect(&endpoint).expect("an endpoint");
    subscriber.set_subscribe(b"").expect("a subscription");
    (publisher, subscriber)
}

impl Way for Bare {
    fn pass(&mut self, number: u32) {
        self.publisher.send(&frame(number), 0).expect("it sends");
        self.subscriber.recv_bytes(0).expect("it receives");
    }
}

/// Latencies of one round in microseconds, sorted.
fn round(way: &mut dyn Way, first: u32) -> Vec<f64> {
    let mut latencies: Vec<f64> = (first..first + FRAMES)
        .map(|number| {
            let sent = Instant::now();
            way.pass(number);
            sent.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

fn main() {
    let context = zmq::Context::new();
    let mut ways: [(&str, Box<dyn Way>); 3] = [
        ("bare ZeroMQ, one hop", Box::new(Bare::start(&context, 1))),
        ("bare ZeroMQ, two hops", Box::new(Bare::start(&context, 2))),
        ("WebSocket to subscriber", Box::new(Pipeline::start())),
    ];
    for (_, way) in &mut ways {
        for number in 1..WARM_UP {
            way.pass(number);
        }
    }
    let mut medians: [Vec<f64>; 3] = Default::default();
    let mut tails: [Vec<f64>; 3] = Default::default();
    for index in 0..ROUNDS {
        let first = WARM_UP + u32::try_from(index).expect("few rounds") * FRAMES;
        for (way, (_, pass)) in ways.iter_mut().enumerate() {
            let latencies = round(pass.as_mut(), first);
            medians[way].push(latencies[latencies.len() / 2]);
            tails[way].push(latencies[latencies.len() * 99 / 100]);
        }
    }
    println!(
        "{:<26} {:>10} {:>22} {:>10} {:>8}",
        "way", "p50 us", "spread of rounds", "p99 us", "ratio"
    );
    let mut base = 0.0;
    for (way, (name, _)) in ways.iter().enumerate() {
        medians[way].sort_by(f64::total_cmp);
        tails[way].sort_by(f64::total_cmp);
        let (median, tail) = (medians[way][ROUNDS / 2], tails[way][ROUNDS / 2]);
        if way == 0 {
            base = median;
        }
        let spread = format!("{:.1}..{:.1}", medians[way][0], medians[way][ROUNDS - 1]);
        println!(
            "{name:<26} {median:>10.1} {spread:>22} {tail:>10.1} {:>8.2}",
            median / base
        );
    }
    // The relay waits for ever on its socket; the process ends without it.
    std::process::exit(0);
}
