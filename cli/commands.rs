//! One file a command: its arguments, checked, and what it does.

pub(crate) mod backtest;
pub(crate) mod import;
pub(crate) mod replay;
pub(crate) mod signals;
