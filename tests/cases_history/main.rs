//! Inputs that once went wrong on their way into history, with their right values: texts of rows through the real binary, each fault by
//! its kind.
//!
//! Files are in `tests/cases`, of which each is as it was found; what is written here is of the same kinds. Right values are worked out
//! by hand from the text.

#![cfg(test)]

#[path = "../cli/mod.rs"]
mod cli;

mod apart;
mod books;
mod columns;
mod folders;
mod imported;
mod instruments;
mod numbers;
mod refused;
mod texts;
mod times;
mod venue_lists;
