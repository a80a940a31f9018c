//! A book level: what one level of an L2 book costs where a strategy waits for something else, beside a bare `Book::set`.
//!
//! The levels are those of the recorded sample of a perpetual, snapshot included, over and over with times that go on; each
//! message of the venue is one moment. Everything is decoded before anything is measured. Blocks of 64 levels are timed as
//! one, since a single one is shorter than a clock can tell; the table has nanoseconds a level.
//! Rounds of all contenders alternate; the first of each warms up and does not count. Of the others the table has the median of
//! each percentile and, as the spread, the lowest and highest p50. "Expressions" are over bars and last prices, so that no level
//! makes one tick. "Waiting orders" are stops far from the market, of strategies that trade four instruments each; as in the
//! recording, bid and ask come from quotes, so that no level can fill one. In the last rows there are no quotes: the best levels
//! of each message are bid and ask, and in the very last 20 expressions tick with them.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

mod common;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use hdrhistogram::Histogram;
use tickloom_core::{Book, Core, CoreConfig, Outputs, SignalDef, StrategyDef, Traded};
use tickloom_types::{
    BookState, Flags, InstrumentId, Instruments, Kind, LevelBody, Record, Seq, Side, StatusBody,
    StatusCode, format_decimal, mark_moment, parse_money,
};

const ROUNDS: usize = 9;
const BLOCK: usize = 64;
/// Times that the sample is gone through in a round.
const REPEATS: usize = 5;
/// Instruments that a strategy trades; the first is that of the levels.
const TRADED: usize = 4;

/// What a contender does at a level.
#[derive(Clone, Copy)]
enum Contender {
    /// Sets it in a book, and nothing else.
    Bare,
    /// Steps a core.
    Core {
        expressions: usize,
        /// What they are over.
        over: Over,
        /// Stops that wait.
        orders: usize,
        top: TopOf,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Over {
    /// Bars and last prices, of which none comes.
    Else,
    Mid,
}

/// Where bid and ask come from.
#[derive(Clone, Copy, PartialEq)]
enum TopOf {
    Quotes,
    Book,
}

const CONTENDERS: [Contender; 10] = [
    Contender::Bare,
    waiting(0, 0),
    waiting(1, 0),
    waiting(20, 0),
    waiting(1, 12),
    waiting(20, 12),
    waiting(1, 1_000),
    waiting(20, 1_000),
    of_book(20, Over::Else),
    of_book(20, Over::Mid),
];

const fn waiting(expressions: usize, orders: usize) -> Contender {
    Contender::Core {
        expressions,
        over: Over::Else,
        orders,
        top: TopOf::Quotes,
    }
}

const fn of_book(expressions: usize, over: Over) -> Contender {
    Contender::Core {
        expressions,
        over,
        orders: 0,
        top: TopOf::Book,
    }
}

fn main() {
    let (mut instruments, records) = common::recorded();
    let first = |kind: Kind| {
        *records
            .iter()
            .find(|r| r.kind() == Some(kind))
            .expect("it has all kinds")
    };
    let prices = [first(Kind::Trade), first(Kind::Quote)];
    let levels = repeated(&records);
    let def = instruments.defs()[0].clone();
    for copy in 1..TRADED {
        let mut def = def.clone();
        def.name = format!("{}-{copy}", def.name);
        instruments.add(def).expect("the name is new");
    }
    let mut rounds: Vec<Vec<Histogram<u64>>> = vec![Vec::new(); CONTENDERS.len()];
    for round in 0..ROUNDS {
        for (contender, rounds) in CONTENDERS.iter().zip(&mut rounds) {
            let times = contender.run(&instruments, &prices, &levels);
            if round > 0 {
                rounds.push(times);
            }
        }
    }
    println!(
        "{} levels a round, {} rounds, times in ns a level, by blocks of {BLOCK}",
        levels.len(),
        ROUNDS - 1
    );
    println!(
        "{:<44} {:>7} {:>7} {:>7} {:>13} {:>6}",
        "", "p50", "p90", "p99", "p50 spread", "x bare"
    );
    let bare = median(&rounds[0], 0.5);
    for (contender, rounds) in CONTENDERS.iter().zip(&rounds) {
        print_row(&contender.name(), rounds, bare);
    }
}

/// The levels of the sample, each message a moment, with times that go on from one repetition to the next.
fn repeated(records: &[Record]) -> Vec<Record> {
    let levels = records.iter().filter(|r| r.kind() == Some(Kind::Level));
    let mut once: Vec<Record> = levels.copied().collect();
    let ends_message = |record: &Record| record.has(Flags::LAST);
    for message in once.split_inclusive_mut(ends_message) {
        mark_moment(message);
    }
    let times = || once.iter().map(|record| record.header.ts_event);
    let (first, last) = (times().min(), times().max());
    let span = last.unwrap_or_default() - first.unwrap_or_default();
    let mut all = Vec::with_capacity(once.len() * REPEATS);
    for repeat in 0..REPEATS {
        let shift = span * i64::try_from(repeat).expect("few repeats");
        for record in &once {
            let mut record = *record;
            record.header.ts_event += shift;
            record.header.ts_recv += shift;
            all.push(record);
        }
    }
    all
}

impl Contender {
    fn name(self) -> String {
        let Contender::Core {
            expressions,
            over,
            orders,
            top,
        } = self
        else {
            return "bare Book::set".to_owned();
        };
        match (top, over) {
            (TopOf::Quotes, _) => format!("{expressions} expressions, {orders} waiting orders"),
            (TopOf::Book, Over::Else) => {
                format!("{expressions} expressions, bid and ask from the book")
            }
            (TopOf::Book, Over::Mid) => format!("{expressions} expressions on mid, from the book"),
        }
    }

    fn run(
        self,
        instruments: &Instruments,
        prices: &[Record; 2],
        levels: &[Record],
    ) -> Histogram<u64> {
        let Contender::Core {
            expressions,
            over,
            orders,
            top,
        } = self
        else {
            return bare(levels);
        };
        let mut config = config(instruments, orders);
        for at in 0..expressions {
            let text = match over {
                Over::Else => format!("close@1s > sma(last, {})", at + 2),
                Over::Mid => format!("mid > sma(mid, {})", at + 2),
            };
            config
                .signals
                .push(SignalDef::new(&format!("s{at}"), &text));
        }
        let mut core = Core::new(&config).expect("the configuration is right");
        let seq = prepare(&mut core, orders, prices, levels[0].header.ts_event);
        assert!(top == TopOf::Quotes || orders == 0);
        let skipped = if top == TopOf::Book {
            resync(&mut core, seq, &levels[0])
        } else {
            seq
        };
        steps(&mut core, skipped, levels)
    }
}

fn bare(levels: &[Record]) -> Histogram<u64> {
    let mut book = Book::new();
    let mut times = histogram();
    for block in levels.chunks_exact(BLOCK) {
        let start = Instant::now();
        for record in block {
            let level = LevelBody::of(record);
            if level.clear == 1 {
                book.clear();
            }
            if let Some(side) = Side::from_raw(level.side) {
                book.set(side, level.price, level.qty);
            }
        }
        record_block(&mut times, start);
    }
    black_box(book.top());
    times
}

/// Strategies that will each have a stop waiting in each of their instruments.
fn config(instruments: &Instruments, orders: usize) -> CoreConfig {
    let mut config = CoreConfig {
        instruments: instruments.clone(),
        default_instrument: Some(InstrumentId(0)),
        ..CoreConfig::default()
    };
    config.account.cash = parse_money("1000000000").expect("an amount of money");
    let def = &instruments.defs()[0];
    let qty = format_decimal(i128::from(def.lot_size) * 10, def.qty_decimals);
    let settings = [
        ("size", qty.as_str()),
        ("trail_bps", "9000"),
        ("profit_bps", "900000"),
    ];
    let names = instruments.defs().iter().map(|def| def.name.clone());
    for at in 0..orders / TRADED {
        config.strategies.push(StrategyDef::Code {
            name: format!("follow{at}"),
            instrument: Some(Traded::Many(names.clone().collect())),
            code: "trailing_stop".to_owned(),
            expressions: BTreeMap::from([("enter".to_owned(), "last > 0".to_owned())]),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        });
    }
    config
}

/// Prices of all instruments until all stops wait: each strategy buys after the first trade, is filled at what follows, and has
/// its stop at the venue from then on.
fn prepare(core: &mut Core, orders: usize, prices: &[Record; 2], ts: i64) -> Seq {
    let mut out = Outputs::new();
    let mut seq = 0;
    let ids = core.market().instruments().len();
    for _ in 0..4 {
        for record in prices {
            for id in 0..ids {
                let mut record = *record;
                record.header.instrument = u32::try_from(id).expect("few instruments");
                record.header.ts_event = ts;
                core.step(seq, &record, &mut out);
                seq += 1;
            }
        }
    }
    assert_eq!(core.fills(), u64::try_from(orders).expect("few orders"));
    seq
}

/// The quotes end: from here on the book tells bid and ask.
fn resync(core: &mut Core, seq: Seq, level: &Record) -> Seq {
    let status = StatusBody {
        code: StatusCode::Book as u16,
        state: BookState::Resync as u8,
        ..StatusBody::default()
    };
    core.step(
        seq,
        &status.record(level.header.as_kind(Kind::Status)),
        &mut Outputs::new(),
    );
    seq + 1
}

fn steps(core: &mut Core, first: Seq, levels: &[Record]) -> Histogram<u64> {
    let mut out = Outputs::new();
    let mut seq = first;
    let mut times = histogram();
    for block in levels.chunks_exact(BLOCK) {
        let start = Instant::now();
        for record in block {
            core.step(seq, record, &mut out);
            seq += 1;
        }
        record_block(&mut times, start);
    }
    black_box(out.records());
    times
}

fn record_block(times: &mut Histogram<u64>, start: Instant) {
    // In hundredths of a nanosecond a level.
    let elapsed = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    times.saturating_record(elapsed.saturating_mul(100) / 64);
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("the bounds are right")
}

/// The median of a percentile over rounds.
fn median(rounds: &[Histogram<u64>], quantile: f64) -> f64 {
    let mut all: Vec<u64> = rounds
        .iter()
        .map(|h| h.value_at_quantile(quantile))
        .collect();
    all.sort_unstable();
    all[all.len() / 2] as f64 / 100.0
}

fn print_row(name: &str, rounds: &[Histogram<u64>], bare: f64) {
    let middles = rounds
        .iter()
        .map(|h| h.value_at_quantile(0.5) as f64 / 100.0);
    let (least, most) = middles.fold((f64::MAX, 0.0_f64), |(a, b), p50| (a.min(p50), b.max(p50)));
    let p50 = median(rounds, 0.5);
    println!(
        "{name:<44} {p50:>7.1} {:>7.1} {:>7.1} {:>13} {:>6.2}",
        median(rounds, 0.9),
        median(rounds, 0.99),
        format!("{least:.1}-{most:.1}"),
        p50 / bare
    );
}
