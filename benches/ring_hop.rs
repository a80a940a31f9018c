//! One hop from thread to thread: our ring beside the public crates, in one run on the same cores.
//!
//! Every contender carries 64-byte items through 4,096 slots from a thread on one core to a thread on
//! another, and both threads spin (except where "park" is said). Rounds of all contenders alternate, so
//! that a disturbance of the machine hits all of them; read the ratios. rtrb and crossbeam-channel hand
//! each item to one consumer: they are the bound for a hop, not a replacement for a broadcast ring.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use std::hint::{black_box, spin_loop};
use std::thread;
use std::time::Instant;

use disruptor::{
    BusySpin, EventPoller, MultiConsumerBarrier, MultiProducer, MultiProducerBarrier, Polling,
    Producer as _, SingleConsumerBarrier, SingleProducer, SingleProducerBarrier,
    build_multi_producer, build_single_producer,
};
use tickloom_ring::{Consumer, Poll, Producer, RingConfig, SoleProducer, Wait};

const CAPACITY: usize = 4_096;
const ROUNDS: usize = 11;
const ITEMS: u64 = 2_000_000;
const HOPS: u64 = 100_000;

/// As large as a record.
#[derive(Clone, Copy, Default)]
struct Item([u64; 8]);

trait Sender: Send + 'static {
    /// Waits while there is no room.
    fn send(&mut self, item: Item);
}

trait Receiver: Send + 'static {
    /// Number of items that were there.
    fn receive(&mut self, on: impl FnMut(&Item)) -> usize;

    fn idle(&mut self) {
        spin_loop();
    }
}

impl Sender for Producer<Item> {
    fn send(&mut self, item: Item) {
        self.push(item);
    }
}

impl Sender for SoleProducer<Item> {
    fn send(&mut self, item: Item) {
        self.push(item);
    }
}

impl Receiver for Consumer<Item> {
    fn receive(&mut self, mut on: impl FnMut(&Item)) -> usize {
        match self.poll(|_, item| on(item)) {
            Poll::Some(count) => count,
            Poll::Idle | Poll::Closed => 0,
        }
    }

    fn idle(&mut self) {
        Consumer::idle(self);
    }
}

impl Sender for SingleProducer<Item, SingleConsumerBarrier> {
    fn send(&mut self, item: Item) {
        self.publish(|slot| *slot = item);
    }
}

impl Sender for MultiProducer<Item, MultiConsumerBarrier> {
    fn send(&mut self, item: Item) {
        self.publish(|slot| *slot = item);
    }
}

impl Receiver for EventPoller<Item, SingleProducerBarrier> {
    fn receive(&mut self, mut on: impl FnMut(&Item)) -> usize {
        match self.poll() {
            Ok(mut items) => (&mut items).map(&mut on).count(),
            Err(Polling::NoEvents | Polling::Shutdown) => 0,
        }
    }
}

impl Receiver for EventPoller<Item, MultiProducerBarrier> {
    fn receive(&mut self, mut on: impl FnMut(&Item)) -> usize {
        match self.poll() {
            Ok(mut items) => (&mut items).map(&mut on).count(),
            Err(Polling::NoEvents | Polling::Shutdown) => 0,
        }
    }
}

impl Sender for rtrb::Producer<Item> {
    fn send(&mut self, item: Item) {
        while self.push(item).is_err() {
            spin_loop();
        }
    }
}

impl Receiver for rtrb::Consumer<Item> {
    fn receive(&mut self, mut on: impl FnMut(&Item)) -> usize {
        let Ok(item) = self.pop() else { return 0 };
        on(&item);
        1
    }
}

impl Sender for crossbeam_channel::Sender<Item> {
    fn send(&mut self, item: Item) {
        while self.try_send(item).is_err() {
            spin_loop();
        }
    }
}

impl Receiver for crossbeam_channel::Receiver<Item> {
    fn receive(&mut self, mut on: impl FnMut(&Item)) -> usize {
        let Ok(item) = self.try_recv() else { return 0 };
        on(&item);
        1
    }
}

fn config(wait: Wait) -> RingConfig {
    RingConfig {
        capacity: CAPACITY,
        wait,
    }
}

fn ours(wait: Wait) -> (Producer<Item>, Consumer<Item>) {
    let (producer, mut consumers) =
        tickloom_ring::ring(&config(wait), 1).expect("the capacity is valid");
    (producer, consumers.remove(0))
}

fn ours_sole(wait: Wait) -> (SoleProducer<Item>, Consumer<Item>) {
    let (producer, mut consumers) =
        tickloom_ring::sole_ring(&config(wait), 1).expect("the capacity is valid");
    (producer, consumers.remove(0))
}

fn raw_sole() -> (
    SingleProducer<Item, SingleConsumerBarrier>,
    EventPoller<Item, SingleProducerBarrier>,
) {
    let (poller, builder) =
        build_single_producer(CAPACITY, Item::default, BusySpin).new_event_poller();
    (builder.build(), poller)
}

fn raw_many() -> (
    MultiProducer<Item, MultiConsumerBarrier>,
    EventPoller<Item, MultiProducerBarrier>,
) {
    let builder = build_multi_producer(CAPACITY, Item::default, BusySpin).with_multi_consumer();
    let (poller, builder) = builder.new_event_poller();
    (builder.build(), poller)
}

/// Nanoseconds an item when items follow each other as fast as they can.
fn stream<S: Sender, R: Receiver>((mut sender, mut receiver): (S, R), items: u64) -> f64 {
    let reader = thread::spawn(move || {
        _ = tickloom_ring::pin_current_thread(1);
        let (mut seen, mut sum) = (0, 0);
        while seen < items {
            match receiver.receive(|item| sum += item.0[0]) {
                0 => receiver.idle(),
                count => seen += count as u64,
            }
        }
        black_box(sum)
    });
    _ = tickloom_ring::pin_current_thread(0);
    let start = Instant::now();
    for number in 0..items {
        sender.send(Item([number; 8]));
    }
    let sum = reader.join().expect("the reader did not panic");
    let elapsed = start.elapsed();
    assert_eq!(sum, items * (items - 1) / 2, "every item arrived once");
    elapsed.as_nanos() as f64 / items as f64
}

/// Nanoseconds an item when one thread fills half the ring and empties it, over and over: the cost of
/// the code alone, without a cache line that travels between cores.
fn alone<S: Sender, R: Receiver>((mut sender, mut receiver): (S, R), items: u64) -> f64 {
    let batch = CAPACITY as u64 / 2;
    let batches = items / batch;
    let mut sum = 0;
    let start = Instant::now();
    for _ in 0..batches {
        for number in 0..batch {
            sender.send(Item([number; 8]));
        }
        while receiver.receive(|item| sum += item.0[0]) > 0 {}
    }
    let elapsed = start.elapsed();
    assert_eq!(
        sum,
        batches * (batch * (batch - 1) / 2),
        "every item arrived once"
    );
    elapsed.as_nanos() as f64 / (batches * batch) as f64
}

/// Nanoseconds a hop when one item at a time goes there and back.
fn ping_pong<S: Sender, R: Receiver>(pair: impl Fn() -> (S, R), hops: u64) -> f64 {
    let (mut there, mut there_end) = pair();
    let (mut back, mut back_end) = pair();
    let rounds = hops / 2;
    let echo = thread::spawn(move || {
        _ = tickloom_ring::pin_current_thread(1);
        let mut left = rounds;
        while left > 0 {
            match there_end.receive(|item| back.send(*item)) {
                0 => there_end.idle(),
                count => left -= count as u64,
            }
        }
    });
    _ = tickloom_ring::pin_current_thread(0);
    let start = Instant::now();
    for number in 0..rounds {
        there.send(Item([number; 8]));
        while back_end.receive(|item| assert_eq!(item.0[0], number)) == 0 {
            back_end.idle();
        }
    }
    let elapsed = start.elapsed();
    echo.join().expect("the echo did not panic");
    elapsed.as_nanos() as f64 / (2 * rounds) as f64
}

/// A contender's name and its measurement of `n` items.
type Contender = (&'static str, Box<dyn Fn(u64) -> f64>);

/// Runs all contenders `rounds` times in turn, and prints medians, spreads and ratios to the first.
fn compare(title: &str, contenders: &[Contender], rounds: usize, items: u64) {
    let mut results = vec![Vec::with_capacity(rounds); contenders.len()];
    for _ in 0..rounds {
        for ((_, measure), result) in contenders.iter().zip(&mut results) {
            result.push(measure(items));
        }
    }
    let baseline = results[0].clone();
    println!("\n{title}, {rounds} rounds of {items}");
    println!(
        "{:34} {:>8} {:>17} {:>7}",
        "", "median", "least .. most", "ratio"
    );
    for ((name, _), mut result) in contenders.iter().zip(results) {
        let mut ratios: Vec<f64> = result.iter().zip(&baseline).map(|(a, b)| a / b).collect();
        let ratio = median(&mut ratios);
        let middle = median(&mut result);
        let (least, most) = (result[0], result[result.len() - 1]);
        println!("{name:34} {middle:8.1} {least:8.1} {most:8.1} {ratio:7.2}");
    }
}

/// Sorts the values and returns the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One thread writes, another reads, as fast as they can.
fn streams() -> Vec<Contender> {
    vec![
        (
            "disruptor, one producer",
            Box::new(|n| stream(raw_sole(), n)),
        ),
        (
            "tickloom-ring, sole",
            Box::new(|n| stream(ours_sole(Wait::Spin), n)),
        ),
        (
            "tickloom-ring, sole, park",
            Box::new(|n| stream(ours_sole(Wait::Park), n)),
        ),
        (
            "disruptor, many producers",
            Box::new(|n| stream(raw_many(), n)),
        ),
        ("tickloom-ring", Box::new(|n| stream(ours(Wait::Spin), n))),
        (
            "tickloom-ring, park",
            Box::new(|n| stream(ours(Wait::Park), n)),
        ),
        (
            "rtrb (one consumer)",
            Box::new(|n| stream(rtrb::RingBuffer::new(CAPACITY), n)),
        ),
        (
            "crossbeam-channel (one consumer)",
            Box::new(|n| stream(crossbeam_channel::bounded(CAPACITY), n)),
        ),
    ]
}

/// Both ends on one thread: what an item costs without another core.
fn alones() -> Vec<Contender> {
    vec![
        (
            "disruptor, one producer",
            Box::new(|n| alone(raw_sole(), n)),
        ),
        (
            "tickloom-ring, sole",
            Box::new(|n| alone(ours_sole(Wait::Spin), n)),
        ),
        (
            "tickloom-ring, sole, park",
            Box::new(|n| alone(ours_sole(Wait::Park), n)),
        ),
        (
            "disruptor, many producers",
            Box::new(|n| alone(raw_many(), n)),
        ),
        ("tickloom-ring", Box::new(|n| alone(ours(Wait::Spin), n))),
        (
            "tickloom-ring, park",
            Box::new(|n| alone(ours(Wait::Park), n)),
        ),
        (
            "rtrb (one consumer)",
            Box::new(|n| alone(rtrb::RingBuffer::new(CAPACITY), n)),
        ),
        (
            "crossbeam-channel (one consumer)",
            Box::new(|n| alone(crossbeam_channel::bounded(CAPACITY), n)),
        ),
    ]
}

/// One item at a time, there and back.
fn hops() -> Vec<Contender> {
    vec![
        (
            "disruptor, one producer",
            Box::new(|n| ping_pong(raw_sole, n)),
        ),
        (
            "tickloom-ring, sole",
            Box::new(|n| ping_pong(|| ours_sole(Wait::Spin), n)),
        ),
        (
            "tickloom-ring, sole, park",
            Box::new(|n| ping_pong(|| ours_sole(Wait::Park), n)),
        ),
        (
            "disruptor, many producers",
            Box::new(|n| ping_pong(raw_many, n)),
        ),
        (
            "tickloom-ring",
            Box::new(|n| ping_pong(|| ours(Wait::Spin), n)),
        ),
        (
            "tickloom-ring, park",
            Box::new(|n| ping_pong(|| ours(Wait::Park), n)),
        ),
        (
            "rtrb (one consumer)",
            Box::new(|n| ping_pong(|| rtrb::RingBuffer::new(CAPACITY), n)),
        ),
        (
            "crossbeam-channel (one consumer)",
            Box::new(|n| ping_pong(|| crossbeam_channel::bounded(CAPACITY), n)),
        ),
    ]
}

fn main() {
    // Without --bench (as `cargo test --benches` runs it) one short round shows that it works.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (rounds, shrink) = if measured { (ROUNDS, 1) } else { (1, 100) };
    let items = ITEMS / shrink;
    compare("stream, ns an item", &streams(), rounds, items);
    compare(
        "both ends on one thread, ns an item",
        &alones(),
        rounds,
        items,
    );
    compare(
        "one item at a time, ns a hop",
        &hops(),
        rounds,
        HOPS / shrink,
    );
}
