//! Quality and bars over real data: seeded faults are all found and nothing else, clean sets give only what is truly in them, and bars
//! made on the fly are those of the core.

#![cfg(test)]

#[path = "../cli/mod.rs"]
mod cli;

mod aggregate;
mod backtest;
mod clean;
mod seeded;
mod support;
