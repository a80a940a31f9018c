//! Real threads: feeds push whole moments into the input ring, workers and the merger read it, and a witness notes the
//! order that there was. What comes out is what one core says of the records in that order, byte for byte.
//!
//! That one core says the right thing is shown by the model in `engine/core/tests/oracle`.

use super::*;
use tickloom_core::{SignalDef, StrategyDef, Traded};
use tickloom_ring::{Producer, RingConfig, ring};
use tickloom_types::{
    BookState, Flags, Header, InstrumentDef, InstrumentId, Kind, LevelBody, QuoteBody, Side,
    SourceDef, SourceId, SourceKind, StatusBody, StatusCode, TimerBody, TradeBody, Ts, mark_moment,
};

const MS: i64 = 1_000_000;
const NAMES: [&str; 3] = ["A", "B", "C"];
const MOMENTS: usize = 1_500;

/// Signals over ticks, bars and several instruments, more than there are workers.
const SIGNALS: [&str; 9] = [
    "A.mid",
    "sma(A.last, 5)",
    "cross_over(B.bid, C.ask)",
    "A.close@100ms / B.close@100ms",
    "together(A.close@100ms > B.close@100ms)",
    "C.close@3t - lag(C.close@3t)",
    "B.spread < C.spread",
    "A.last + B.last + C.last",
    "ema(C.mid, 10) > C.last",
];

fn config() -> CoreConfig {
    let mut config = CoreConfig {
        default_instrument: Some(InstrumentId(0)),
        stale_after: Some(400 * MS),
        ..CoreConfig::default()
    };
    let all = &mut config.instruments;
    for name in NAMES {
        all.add(InstrumentDef::new(name, 2, 0, "USD")).unwrap();
        let feed = SourceDef::new(format!("feed {name}"), SourceKind::Feed);
        all.add_source(feed).unwrap();
    }
    for (at, text) in SIGNALS.iter().enumerate() {
        config.signals.push(SignalDef::new(&format!("s{at}"), text));
    }
    config.strategies.push(StrategyDef::Rules {
        name: "turns".to_owned(),
        instrument: Some(Traded::Many(NAMES.map(str::to_owned).into())),
        enter: Some("last > lag(last)".to_owned()),
        exit: Some("last < lag(last)".to_owned()),
        short_enter: Some("close@100ms < lag(close@100ms)".to_owned()),
        short_exit: Some("close@100ms > lag(close@100ms)".to_owned()),
        size: "3".parse().unwrap(),
    });
    let text = str::to_owned;
    config.strategies.push(StrategyDef::Code {
        name: "ride".to_owned(),
        instrument: Some(Traded::One("B".to_owned())),
        code: "trailing_stop".to_owned(),
        expressions: [(text("enter"), text("cross_over(mid, sma(last, 3))"))].into(),
        settings: [("size", "4"), ("trail_bps", "10"), ("profit_bps", "10")]
            .map(|(name, value)| (text(name), text(value)))
            .into(),
    });
    config.account.volume_share = Some("0.5".parse().unwrap());
    config.risk.orders_per_second = Some(20);
    config
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % most
    }
}

/// The moments of one feed: frames of a few trades, quotes and book messages, timers, and times at which it is down.
fn moments(feed: u16, seed: u64) -> Vec<Vec<Record>> {
    let mut dice = Dice(seed * 1_000 + u64::from(feed));
    let (mut ts, mut middle) = (1_000 * MS, 10_000);
    let mut all = Vec::with_capacity(MOMENTS);
    for _ in 0..MOMENTS {
        ts += dice.below(30) * MS;
        middle += dice.below(5) - 2;
        let mut moment = Vec::new();
        for _ in 0..=dice.below(4) {
            push_message(&mut moment, feed, (ts, middle), &mut dice);
        }
        mark_moment(&mut moment);
        all.push(moment);
    }
    all
}

fn push_message(moment: &mut Vec<Record>, feed: u16, (ts, middle): (i64, i64), dice: &mut Dice) {
    let header = |kind: Kind| {
        let (of, from) = (InstrumentId(feed.into()), SourceId(feed));
        Header::new(kind, of, from, Ts(ts), Ts(ts + MS))
    };
    match dice.below(20) {
        0..8 => {
            let body = TradeBody {
                price: middle + dice.below(3) - 1,
                qty: 1 + dice.below(9),
                ..TradeBody::default()
            };
            moment.push(body.record(header(Kind::Trade)));
        }
        8..13 => {
            let body = QuoteBody {
                bid: middle - 1,
                bid_qty: 1 + dice.below(9),
                ask: middle + dice.below(3),
                ask_qty: 1 + dice.below(9),
                update_id: 0,
            };
            moment.push(body.record(header(Kind::Quote)));
        }
        13..17 => {
            let sides = [
                (Side::Buy, -1),
                (Side::Buy, -2),
                (Side::Sell, 1),
                (Side::Sell, 2),
            ];
            for (n, (side, offset)) in sides.into_iter().enumerate() {
                let body = LevelBody {
                    price: middle + offset,
                    qty: 1 + dice.below(9),
                    side: side as u8,
                    clear: u8::from(n == 0),
                    ..LevelBody::default()
                };
                let last = if n == 3 { Flags::LAST } else { 0 };
                let header = header(Kind::Level).with_flags(Flags::SNAPSHOT | last);
                moment.push(body.record(header));
            }
        }
        17..19 => {
            let mut header = header(Kind::Timer);
            header.instrument = InstrumentId::NONE.0;
            moment.push(TimerBody::default().record(header));
        }
        _ => {
            let body = StatusBody {
                code: StatusCode::Book as u16,
                state: BookState::Resync as u8,
                ..StatusBody::default()
            };
            moment.push(body.record(header(Kind::Status)));
        }
    }
}

fn feed(mut ring: Producer<Record>, moments: &[Vec<Record>]) {
    for moment in moments {
        ring.push_all(moment);
    }
}

fn witness(mut input: Consumer<Record>) -> Vec<Record> {
    let mut seen = Vec::new();
    loop {
        match input.poll(|_, record| seen.push(*record)) {
            Poll::Some(_) => {}
            Poll::Idle => input.idle(),
            Poll::Closed => return seen,
        }
    }
}

/// The outputs of a stepper that reads a ring until it closes, each with its sequence.
fn outputs_of(mut stepper: Stepper, mut input: Consumer<Record>) -> Vec<(Seq, Record)> {
    let mut out = Outputs::new();
    let mut all = Vec::new();
    loop {
        let polled = input.poll(|seq, record| {
            stepper
                .step(seq, record, &mut out)
                .expect("no worker panics");
            all.extend(out.records().iter().map(|output| (seq, *output)));
        });
        match polled {
            Poll::Some(_) => {}
            Poll::Idle => input.idle(),
            Poll::Closed => return all,
        }
    }
}

/// What came through the ring in which order, and what came out of workers on threads of their own.
fn run(capacity: usize, workers: usize, seed: u64) -> (Vec<Record>, Vec<(Seq, Record)>) {
    let config = config();
    let (merger, parts) = split(&config, workers).unwrap();
    let ring_config = RingConfig {
        capacity,
        ..RingConfig::default()
    };
    let (producer, mut consumers) = ring(&ring_config, workers + 2).unwrap();
    let feeds: Vec<_> = (0..3).map(|at| moments(at, seed)).collect();
    std::thread::scope(|scope| {
        for moments in &feeds {
            let producer = producer.clone();
            scope.spawn(move || feed(producer, moments));
        }
        drop(producer);
        let seen = consumers.pop().unwrap();
        let seen = scope.spawn(move || witness(seen));
        let input = consumers.pop().unwrap();
        let mut lanes = Vec::new();
        for (part, consumer) in parts.into_iter().zip(consumers) {
            let (thread, lane) = WorkerThread::new(part, consumer, 0);
            scope.spawn(move || thread.run());
            lanes.push(lane);
        }
        let stepper = Stepper::Merged(Box::new(merger), lanes);
        let outputs = outputs_of(stepper, input);
        (seen.join().unwrap(), outputs)
    })
}

fn of_one_core(records: &[Record]) -> Vec<(Seq, Record)> {
    let mut core = Core::new(&config()).unwrap();
    let mut out = Outputs::new();
    let mut all = Vec::new();
    for (seq, record) in (0..).zip(records) {
        core.step(seq, record, &mut out);
        all.extend(out.records().iter().map(|output| (seq, *output)));
    }
    all
}

/// A small ring makes feeds and workers wait for each other all the time; a large one lets batches grow.
fn check(capacity: usize, workers: usize, seed: u64) {
    let (records, outputs) = run(capacity, workers, seed);
    let pushed = (0..3).flat_map(|at| moments(at, seed));
    assert_eq!(
        records.len(),
        pushed.map(|moment| moment.len()).sum::<usize>()
    );
    let expected = of_one_core(&records);
    let differs = outputs.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(
        differs, None,
        "ring of {capacity}, {workers} workers, seed {seed}"
    );
    assert_eq!(outputs.len(), expected.len());
    for kind in [Kind::Signal, Kind::BarClosed, Kind::BookStatus, Kind::Fill] {
        let of_kind = expected.iter().filter(|(_, o)| o.kind() == Some(kind));
        assert!(of_kind.count() > 50, "too few of {}", kind.name());
    }
}

#[test]
fn threads_that_wait_for_each_other_say_what_one_core_says() {
    for (workers, seed) in [(1, 1), (2, 2), (4, 3)] {
        check(64, workers, seed);
    }
}

#[test]
fn threads_with_large_batches_say_what_one_core_says() {
    for (workers, seed) in [(1, 4), (2, 5), (4, 6)] {
        check(1 << 14, workers, seed);
    }
}
