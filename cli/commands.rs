//! One file a command: its arguments, checked, and what it does.

pub(crate) mod access;
pub(crate) mod admin;
pub(crate) mod backtest;
pub(crate) mod catalog;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod drill;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod instruments;
pub(crate) mod journal;
pub(crate) mod man;
pub(crate) mod quality;
pub(crate) mod questdb;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod signals;
pub(crate) mod sql;
pub(crate) mod subscribe;
pub(crate) mod verify_stream;
