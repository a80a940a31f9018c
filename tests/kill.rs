//! Kills of a live run under load that a foreign subscriber listens to: whatever is killed when, what was published is in the journal
//! or taken back by name, no number is used twice, and the journal of all sessions is that of one run.
//!
//! The choices come from a seed. `TICKLOOM_KILLS` says how many kills, `TICKLOOM_SEED` which choices; `cargo xtask kill` sets both.

#![cfg(test)]

mod cli;
mod common;
#[path = "kill/foreign.rs"]
mod foreign;
#[path = "kill/kept.rs"]
mod kept;
#[path = "kill/ledger.rs"]
mod ledger;
#[path = "kill/ledger_tests.rs"]
mod ledger_tests;
#[path = "common/ports.rs"]
mod ports;
#[path = "common/random.rs"]
mod random;
#[path = "kill/round.rs"]
mod round;
#[path = "kill/rules.rs"]
mod rules;
#[path = "kill/told.rs"]
mod told;

use random::Random;
use tickloom_wire::limits::RETRACTIONS_MAX;

/// Kills of a test run, in CI, and of its long form.
const KILLS: u64 = 5;
const KILLS_CI: u64 = 25;
const KILLS_ALL: u64 = 1_000;
/// Choices of a test run that is given no other.
const SEED: u64 = 20_240_808;
/// Most kills of one run, and those of one in so many, which are soon after its starts: more than a session tells of.
const KILLS_OF_A_RUN: u64 = 8;
const KILLS_OF_A_LONG_RUN: u64 = RETRACTIONS_MAX as u64 + 4;
const LONG_RUNS: u64 = 16;

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={value}: expected a whole number")))
}

#[test]
fn whatever_is_killed_is_kept_or_taken_back() {
    let Some(python) = foreign::python() else {
        return;
    };
    let is_set = |name: &str, value: &str| std::env::var(name).as_deref() == Ok(value);
    let kills = variable("TICKLOOM_KILLS").unwrap_or_else(|| {
        if is_set("TICKLOOM_TEST_ALL", "1") {
            KILLS_ALL
        } else if is_set("CI", "true") {
            KILLS_CI
        } else {
            KILLS
        }
    });
    let seed = variable("TICKLOOM_SEED").unwrap_or(SEED);
    println!("{kills} kills, seed {seed}");
    let mut done = 0;
    for at in 0.. {
        if done >= kills {
            break;
        }
        let seed = seed.wrapping_add(at);
        let mut random = Random(seed);
        let left = kills - done;
        let is_long = random.below(LONG_RUNS) == 0 && left >= KILLS_OF_A_LONG_RUN;
        let in_this = if is_long {
            KILLS_OF_A_LONG_RUN
        } else {
            (2 + random.below(KILLS_OF_A_RUN - 1)).min(left)
        };
        println!("run {at}: {in_this} kills, again with --seed {seed} --runs {in_this}");
        match round::round(&python, in_this, &mut random) {
            Ok(tally) => println!("run {at}: {tally}"),
            Err(fault) => panic!("seed {seed}, {fault}"),
        }
        done += in_this;
    }
}
