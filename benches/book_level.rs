//! A book level: what one level of an L2 book costs where a strategy waits for something else, beside a bare `Book::set`.
//!
//! The levels are those of the recorded sample of a perpetual, snapshot included, over and over with times that go on; each
//! message of the venue is one moment. Everything is decoded before anything is measured. Blocks of 64 levels are timed as
//! one, since a single one is shorter than a clock can tell; the table has nanoseconds a level.
//! Rounds of all contenders alternate; the first of each warms up and does not count. Of the others the table has the median of
//! each percentile and, as the spread, the lowest and highest p50. "Expressions" are over bars and last prices, so that no level
//! makes one tick. "Waiting orders" are stops far from the market, of as many strategies that follow the price with them; no
//! price comes near. The last row, where 20 expressions tick with the best bid and ask, is for comparison.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use hdrhistogram::Histogram;
use tickloom_core::{Book, Core, CoreConfig, Outputs, SignalDef, StrategyDef};
use tickloom_feeds::binance::Venue;
use tickloom_feeds::capture::{CaptureConfig, decode_captures};
use tickloom_feeds::samples::samples;
use tickloom_types::{
    Flags, InstrumentId, Instruments, Kind, LevelBody, Record, Seq, Side, TradeBody, mark_moment,
    parse_money,
};

const ROUNDS: usize = 9;
const BLOCK: usize = 64;
/// Times that the sample is gone through in a round.
const REPEATS: usize = 5;

/// What a contender does at a level.
#[derive(Clone, Copy)]
enum Contender {
    /// Sets it in a book, and nothing else.
    Bare,
    /// Steps a core with so many expressions and waiting orders.
    Core { expressions: usize, orders: usize },
    /// Steps a core with so many expressions that tick.
    Ticking { expressions: usize },
}

const CONTENDERS: [Contender; 8] = [
    Contender::Bare,
    core(0, 0),
    core(1, 0),
    core(20, 0),
    core(1, 10),
    core(1, 250),
    core(20, 250),
    Contender::Ticking { expressions: 20 },
];

const fn core(expressions: usize, orders: usize) -> Contender {
    Contender::Core {
        expressions,
        orders,
    }
}

fn main() {
    let mut instruments = Instruments::new();
    let mut records = Vec::new();
    let sample = samples().into_iter().find(|s| s.venue == Venue::Usdm);
    let sample = sample.expect("there is a sample of a perpetual");
    decode_captures(
        &[sample.capture],
        &CaptureConfig::default(),
        &mut instruments,
        &mut records,
    )
    .expect("the sample can be decoded");
    let trade = records.iter().find(|r| r.kind() == Some(Kind::Trade));
    let trade = *trade.expect("the sample has trades");
    let levels = repeated(&records);
    let mut rounds: Vec<Vec<Histogram<u64>>> = vec![Vec::new(); CONTENDERS.len()];
    for round in 0..ROUNDS {
        for (contender, rounds) in CONTENDERS.iter().zip(&mut rounds) {
            let times = contender.run(&instruments, &trade, &levels);
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
        match self {
            Contender::Bare => "bare Book::set".to_owned(),
            Contender::Core {
                expressions,
                orders,
            } => format!("core: {expressions} expressions, {orders} waiting orders"),
            Contender::Ticking { expressions } => {
                format!("core: {expressions} expressions on bid and ask")
            }
        }
    }

    fn run(self, instruments: &Instruments, trade: &Record, levels: &[Record]) -> Histogram<u64> {
        match self {
            Contender::Bare => bare(levels),
            Contender::Core {
                expressions,
                orders,
            } => {
                let mut config = config(instruments, orders);
                for at in 0..expressions {
                    let text = format!("close@1s > sma(last, {})", at + 2);
                    config
                        .signals
                        .push(SignalDef::new(&format!("s{at}"), &text));
                }
                steps(&config, orders, trade, levels)
            }
            Contender::Ticking { expressions } => {
                let mut config = config(instruments, 0);
                for at in 0..expressions {
                    let text = format!("mid > sma(mid, {})", at + 2);
                    config
                        .signals
                        .push(SignalDef::new(&format!("s{at}"), &text));
                }
                steps(&config, 0, trade, levels)
            }
        }
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

/// A core with as many strategies that each will have a stop waiting.
fn config(instruments: &Instruments, orders: usize) -> CoreConfig {
    let mut config = CoreConfig {
        instruments: instruments.clone(),
        default_instrument: Some(InstrumentId(0)),
        ..CoreConfig::default()
    };
    config.account.cash = parse_money("1000000000").expect("an amount of money");
    let lot = instruments.defs()[0].lot_size;
    let size = instruments.defs()[0].qty_decimals;
    let qty = tickloom_types::format_decimal(i128::from(lot.max(1)) * 10, size);
    let settings = [
        ("size", qty.as_str()),
        ("trail_bps", "9000"),
        ("profit_bps", "900000"),
    ];
    for at in 0..orders {
        config.strategies.push(StrategyDef::Code {
            name: format!("follow{at}"),
            instrument: None,
            code: "trailing_stop".to_owned(),
            expressions: BTreeMap::from([("enter".to_owned(), "last > 0".to_owned())]),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        });
    }
    config
}

fn steps(config: &CoreConfig, orders: usize, trade: &Record, levels: &[Record]) -> Histogram<u64> {
    let mut core = Core::new(config).expect("the configuration is right");
    let mut out = Outputs::new();
    let mut seq: Seq = 0;
    // Each strategy buys after the first trade, is filled at the second and has its stop at the venue from then on.
    for after in 0..4 {
        let mut trade = *trade;
        let body = TradeBody {
            qty: i64::MAX >> 16,
            ..TradeBody::of(&trade)
        };
        trade.header.ts_event = levels[0].header.ts_event + after;
        core.step(seq, &body.record(trade.header), &mut out);
        seq += 1;
    }
    assert_eq!(core.fills(), u64::try_from(orders).expect("few orders"));
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
