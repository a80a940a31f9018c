//! What the quality ledger costs: recorded records through the inspector, beside the same records through the core with one
//! signal, which is the least that a backtest does with them.
//!
//! Rounds of both alternate, so that a disturbance of the machine hits both; read the ratio. The ledger is the same in each.

#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]

mod common;

use std::hint::black_box;
use std::time::Instant;

use tickloom_core::{Core, CoreConfig, Outputs, SignalDef};
use tickloom_data::{Calendars, Inspector, Thresholds};
use tickloom_types::{InstrumentId, Instruments, Record};

const ROUNDS: usize = 25;

/// Looks at all records; returns the rows of the ledger.
fn inspect(instruments: &Instruments, calendars: &Calendars, records: &[Record]) -> usize {
    let mut inspector = Inspector::new(instruments, Thresholds::default(), calendars)
        .expect("a sample's instruments have calendars that there are");
    records.iter().for_each(|record| inspector.push(record));
    inspector.finish().rows.len()
}

/// Steps the core through all records; returns the number of its output records.
fn step(config: &CoreConfig, records: &[Record]) -> usize {
    let mut core = Core::new(config).expect("the expression is right");
    let mut out = Outputs::new();
    let mut outputs = 0;
    for (seq, record) in (0..).zip(records) {
        core.step(seq, record, &mut out);
        outputs += black_box(out.records()).len();
    }
    outputs
}

fn main() {
    let (instruments, records) = common::recorded();
    let calendars = Calendars::built_in().expect("they are checked by tests");
    let config = CoreConfig {
        instruments: instruments.clone(),
        default_instrument: Some(InstrumentId(0)),
        signals: vec![SignalDef::new("average", "sma(mid, 20)")],
        ..CoreConfig::default()
    };
    let rows = inspect(&instruments, &calendars, &records);
    let outputs = step(&config, &records);
    println!(
        "{} records, {rows} rows in the ledger, {outputs} outputs of the core, {ROUNDS} rounds",
        records.len()
    );
    let mut nanos: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        nanos[0].push(timed(&records, || {
            inspect(&instruments, &calendars, &records)
        }));
        nanos[1].push(timed(&records, || step(&config, &records)));
    }
    println!(
        "{:<24}{:>8}  {:>16}{:>8}",
        "ns a record", "median", "least .. most", "ratio"
    );
    let of_core = median(&mut nanos[1]);
    for (name, times) in ["quality ledger", "core with one signal"]
        .iter()
        .zip(&mut nanos)
    {
        let middle = median(times);
        let spread = format!("{:.0} .. {:.0}", times[0], times[times.len() - 1]);
        println!(
            "{name:<24}{middle:>8.0}  {spread:>16}{:>8.2}",
            middle / of_core
        );
    }
}

/// Nanoseconds a record.
fn timed(records: &[Record], work: impl FnOnce() -> usize) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64() * 1e9 / records.len() as f64
}

/// The middle of values, which are sorted by it.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
