//! QuestDB, the real server: everything comes back as it was, and nothing is lost or there twice whatever is killed.
//!
//! The server is started by `tests/common/questdb.rs`, which says where a test was skipped.

#![cfg(test)]

mod answers;
mod follow;
mod given;
mod history;
mod proxy;
mod round_trip;
#[path = "../../../tests/common/questdb.rs"]
mod server;
