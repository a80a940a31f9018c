//! Tick to signal: how long one step of the core takes, from a record to its outputs, with 20 expressions on the instrument.
//!
//! The records are the recorded sample of a perpetual (quotes, trades, book levels in the venue's own mix), decoded before
//! anything is measured. Each step is timed alone, with a clock that costs what the row "clock alone" says: subtract it.
//! Rounds of both contenders alternate; the first of each warms up and does not count. Of the others the table has the
//! median of each percentile and, as the spread, the lowest and highest p50. A step of "no expressions" is what book,
//! prices and outputs cost: the bound for the other. "Prices" are the records that make expressions tick: quotes, trades
//! and the last level of a book message.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

mod common;

use std::hint::black_box;
use std::time::Instant;

use hdrhistogram::Histogram;
use tickloom_core::{Core, CoreConfig, Outputs, SignalDef};
use tickloom_types::{Flags, InstrumentId, Kind, Record};

const ROUNDS: usize = 11;

const EXPRESSIONS: [&str; 20] = [
    "mid",
    "spread",
    "imbalance > 0.5",
    "microprice - mid",
    "sma(mid, 20)",
    "ema(mid, 20)",
    "wma(mid, 30)",
    "cross_over(ema(mid, 20), ema(mid, 50))",
    "cross_under(ema(mid, 20), ema(mid, 50))",
    "zscore(mid, 100)",
    "stddev(mid, 100) > 0.5",
    "roc(mid, 50)",
    "highest(last, 100) - lowest(last, 100)",
    "last > sma(last, 50)",
    "change(last, 10)",
    "rsi(close@1s, 14)",
    "atr(high@1s, low@1s, close@1s, 14)",
    "macd(close@1s, 12, 26, 9).signal",
    "bbands(close@1s, 20, 2).upper",
    "cross_over(mid, vwap(close@100t, volume@100t, 20)) and spread < 1",
];

/// Rows of the table: which records are counted together.
#[derive(Clone, Copy)]
enum Group {
    All,
    Prices,
    Quotes,
    Trades,
    LastLevels,
}

const GROUPS: [(Group, &str); 5] = [
    (Group::All, "all records"),
    (Group::Prices, "prices"),
    (Group::Quotes, "quotes"),
    (Group::Trades, "trades"),
    (Group::LastLevels, "last level of a message"),
];

/// Times of one round in nanoseconds, by group.
type Times = [Histogram<u64>; GROUPS.len()];

fn main() {
    let (instruments, records) = common::recorded();
    let bare = CoreConfig {
        instruments,
        default_instrument: Some(InstrumentId(0)),
        ..CoreConfig::default()
    };
    let mut full = bare.clone();
    for (at, text) in EXPRESSIONS.iter().enumerate() {
        full.signals.push(SignalDef::new(&format!("s{at}"), text));
    }
    println!(
        "{} records, {} rounds, times in ns",
        records.len(),
        ROUNDS - 1
    );
    let mut rounds: [Vec<Times>; 2] = [Vec::new(), Vec::new()];
    let mut told = 0;
    for round in 0..ROUNDS {
        for (contender, config) in [&bare, &full].into_iter().enumerate() {
            let (times, outputs) = run(config, &records);
            told = outputs;
            if round > 0 {
                rounds[contender].push(times);
            }
        }
    }
    println!(
        "{:<42} {:>8} {:>6} {:>6} {:>7} {:>11}",
        "", "steps", "p50", "p99", "p99.9", "p50 spread"
    );
    clock_alone(records.len());
    for (name, rounds) in ["no expressions", "20 expressions"].iter().zip(&rounds) {
        for (at, (_, group)) in GROUPS.iter().enumerate() {
            let rows: Vec<&Histogram<u64>> = rounds.iter().map(|times| &times[at]).collect();
            print_row(&format!("{name}: {group}"), &rows);
        }
    }
    println!("with 20 expressions a round has {told} outputs");
}

/// One fresh core over all records; the second number is that of its outputs.
fn run(config: &CoreConfig, records: &[Record]) -> (Times, usize) {
    let mut core = Core::new(config).expect("the expressions are right");
    let mut out = Outputs::new();
    let mut times = GROUPS.map(|_| histogram());
    let mut outputs = 0;
    for (seq, record) in (0..).zip(records) {
        let start = Instant::now();
        core.step(seq, record, &mut out);
        let elapsed = nanos(start);
        outputs += black_box(out.records()).len();
        for ((group, _), histogram) in GROUPS.iter().zip(&mut times) {
            if group.holds(record) {
                histogram.saturating_record(elapsed);
            }
        }
    }
    (times, outputs)
}

impl Group {
    fn holds(self, record: &Record) -> bool {
        let kind = record.kind();
        let last_level = kind == Some(Kind::Level) && record.has(Flags::LAST);
        match self {
            Group::All => true,
            Group::Prices => matches!(kind, Some(Kind::Quote | Kind::Trade)) || last_level,
            Group::Quotes => kind == Some(Kind::Quote),
            Group::Trades => kind == Some(Kind::Trade),
            Group::LastLevels => last_level,
        }
    }
}

fn clock_alone(count: usize) {
    let mut times = histogram();
    for _ in 0..count {
        times.saturating_record(nanos(black_box(Instant::now())));
    }
    print_row("clock alone", &[&times]);
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 1_000_000_000, 3).expect("the bounds are right")
}

fn nanos(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn print_row(name: &str, rounds: &[&Histogram<u64>]) {
    let median = |quantile: f64| {
        let mut all: Vec<u64> = rounds
            .iter()
            .map(|h| h.value_at_quantile(quantile))
            .collect();
        all.sort_unstable();
        all[all.len() / 2]
    };
    let middles = rounds.iter().map(|h| h.value_at_quantile(0.5));
    let (least, most) = middles.fold((u64::MAX, 0), |(a, b), p50| (a.min(p50), b.max(p50)));
    let steps = rounds[0].len();
    println!(
        "{name:<42} {steps:>8} {:>6} {:>6} {:>7} {:>11}",
        median(0.5),
        median(0.99),
        median(0.999),
        format!("{least}-{most}")
    );
}
