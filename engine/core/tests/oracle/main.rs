//! The engine against an independent model of it: naive, plain, and written from the documents
//! (`docs/backtest-conventions.md`, `docs/expressions.md`), not from the engine's code.
//!
//! The model keeps lists of what happened (`log.rs`: what ticked; `account.rs`: fills) and works everything out anew from
//! them. It shares nothing with the engine but the records themselves. Random runs (`generate.rs`) go through both, and
//! through the engine in parts, and every byte of every output must be the same.
//!
//! `ORACLE_CASES=200000 cargo test -p tickloom-core --test oracle` looks longer than CI does.

#![allow(clippy::unwrap_used, reason = "a panic is a failure")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "the model computes the very floats that it expects"
)]

mod account;
mod bars;
mod coverage;
mod desk;
mod expression;
mod generate;
mod log;
mod market;
mod model;
mod moment;
mod orders;
mod risk;
mod snapshot;
mod strategies;
mod venue;
mod words;
mod world;

use coverage::Coverage;
use generate::{Case, case};
use model::Model;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::RefCell;
use std::fmt::Write;
use tickloom_core::{Core, Found, Outputs, split};
use tickloom_types::{Flags, Record};
use words::words;

/// Cases of a test where nobody asks for more.
const CASES: u32 = 500;
/// The same for `cargo xtask test --all`.
const CASES_LONG: u32 = 20_000;

/// Messages, timers and troubles of a case at most.
const DRAWS: usize = 100;

#[expect(
    clippy::disallowed_methods,
    reason = "how long to look is for who runs the test"
)]
fn cases() -> u32 {
    let long = if std::env::var_os("TICKLOOM_TEST_ALL").is_some() {
        CASES_LONG
    } else {
        CASES
    };
    std::env::var("ORACLE_CASES").map_or(long, |text| text.parse().unwrap())
}

/// The outputs of each record, from the model.
fn expected(case: &Case) -> Vec<Vec<Record>> {
    let mut model = Model::new(&case.world);
    let records = (0..).zip(&case.records);
    records
        .map(|(seq, record)| model.step(seq, record))
        .collect()
}

/// The outputs of each record from a whole core, and what it says at the end of what never came.
fn of_core(case: &Case) -> (Vec<Vec<Record>>, String) {
    let config = case.world.config();
    let mut core = Core::new(&config).unwrap();
    let mut out = Outputs::new();
    let mut outputs = vec![];
    for (seq, record) in (0..).zip(&case.records) {
        core.step(seq, record, &mut out);
        outputs.push(out.records().to_vec());
    }
    let never = (core.never_ready(&config).unwrap(), core.never_closed());
    (outputs, format!("{never:?}"))
}

/// The same from a core in parts.
fn of_parts(case: &Case, workers: usize) -> (Vec<Vec<Record>>, String) {
    let config = case.world.config();
    let (mut merger, mut parts) = split(&config, workers).unwrap();
    let mut found = vec![Found::new(); workers];
    let mut out = Outputs::new();
    let mut outputs = vec![];
    for (seq, record) in (0..).zip(&case.records) {
        for (part, found) in parts.iter_mut().zip(&mut found) {
            part.step(seq, record, found);
        }
        merger.step(seq, record, found.iter(), &mut out);
        outputs.push(out.records().to_vec());
    }
    let never = (merger.never_ready(&config).unwrap(), merger.never_closed());
    (outputs, format!("{never:?}"))
}

/// The first record at which two runs differ, with all before it.
fn difference(case: &Case, who: &str, expected: &[Vec<Record>], found: &[Vec<Record>]) -> String {
    let mut text = String::new();
    for (at, record) in case.records.iter().enumerate() {
        writeln!(text, "{at}: {}", words(record)).unwrap();
        if expected[at] == found[at] {
            for output in &expected[at] {
                writeln!(text, "      {}", words(output)).unwrap();
            }
            continue;
        }
        for (whose, outputs) in [("model", &expected[at]), (who, &found[at])] {
            for output in outputs {
                writeln!(text, "  {whose}: {}", words(output)).unwrap();
            }
        }
        break;
    }
    text
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let expected = expected(case);
    let (whole, never) = of_core(case);
    if whole != expected {
        let text = difference(case, "core", &expected, &whole);
        return Err(TestCaseError::fail(text));
    }
    for workers in [1, 2, 4] {
        let (parts, parts_never) = of_parts(case, workers);
        if parts != expected {
            let text = difference(case, "parts", &expected, &parts);
            return Err(TestCaseError::fail(format!("{workers} workers\n{text}")));
        }
        prop_assert_eq!(parts_never, never.as_str(), "{} workers", workers);
    }
    Ok(())
}

fn unmarked(mut case: Case) -> Case {
    for record in &mut case.records {
        record.header.flags &= !Flags::MORE;
    }
    case
}

/// With a fixed seed the cases are the same in every run; without, other ones each time, and what fails is printed.
fn runner(seed: Option<u8>) -> TestRunner {
    match seed {
        Some(seed) => runner_of(seed, cases()),
        None => TestRunner::new(Config {
            cases: cases(),
            failure_persistence: None,
            max_shrink_iters: 4_000,
            ..Config::default()
        }),
    }
}

/// So many cases, the same in every run.
fn runner_of(seed: u8, cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    TestRunner::new_with_rng(config, rng)
}

/// Runs cases; one that fails is told in words, as small as it could be made.
fn run(mut runner: TestRunner, cases: impl Strategy<Value = Case>) {
    match runner.run(&cases, |case| check(&case)) {
        Ok(()) => {}
        Err(TestError::Fail(reason, case)) => {
            let config = case.world.config();
            let (risk, account) = (&config.risk, &config.account);
            panic!(
                "{reason}\n{:#?}\n{:#?}\n{risk:?}\n{account:?}\n{:?}",
                config.signals,
                config.strategies,
                config.instruments.defs()
            );
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn records_without_marks_are_moments_of_their_own() {
    run(runner(Some(1)), case(DRAWS).prop_map(unmarked));
}

#[test]
fn records_of_a_moment_tick_and_decide_once() {
    run(runner(Some(2)), case(DRAWS));
}

#[test]
fn other_cases_in_every_run() {
    run(runner(None), case(DRAWS));
}

#[test]
fn the_cases_reach_what_there_is() {
    let coverage = RefCell::new(Coverage::default());
    let seen = runner(Some(2)).run(&case(DRAWS), |case| {
        let mut is_in_moment = false;
        for (record, outputs) in case.records.iter().zip(expected(&case)) {
            coverage.borrow_mut().note(record, is_in_moment, &outputs);
            is_in_moment = record.has(Flags::MORE);
        }
        Ok(())
    });
    seen.unwrap();
    coverage.borrow().check(REACHED, 5);
}

/// What the cases of a run must have at least some of.
const REACHED: &[&str] = &[
    "input trade",
    "input quote",
    "input level",
    "input bar",
    "input timer",
    "input status",
    "input no kind",
    "input that goes on",
    "moment that was cut",
    "orders in several rounds of a moment",
    "fill within a moment",
    "fill at a quote of one side",
    "fill at a locked quote",
    "signal",
    "signal that is not ready any more",
    "bar_closed",
    "incomplete bar",
    "book_status book",
    "book_status crossed",
    "book_status bad_frame",
    "book_status out_of_order",
    "risk_status loss_stop",
    "risk_status risk_reset",
    "order market open",
    "order market partly_filled",
    "order market filled",
    "order market cancelled",
    "order market refused",
    "order stop open",
    "order stop filled",
    "order stop partly_filled",
    "order stop cancelled",
    "verdict accepted",
    "verdict no_price",
    "verdict order_qty",
    "verdict order_notional",
    "verdict position",
    "verdict gross_exposure",
    "verdict net_exposure",
    "verdict order_rate",
    "verdict price_collar",
    "verdict daily_loss",
    "verdict cash",
    "verdict short",
    "fill buy",
    "fill sell",
    "position",
    "account",
];
