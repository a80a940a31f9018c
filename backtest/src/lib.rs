//! Running a strategy over history, repeating a recorded run, and the report on either.
//!
//! The core that runs here is the one that runs live; only the source at its left is another. Nothing here fills an order,
//! values a position or knows an indicator.

mod blocks;
mod curve;
mod manifest;
mod months;
mod outcome;
mod replay;
mod report;
mod run;
mod sampler;
#[cfg(test)]
mod testing;
pub mod text;
mod trades;
mod words;

pub use blocks::{run_bars, run_bars_in_blocks, run_records};
pub use curve::Curve;
pub use manifest::{CODE_VERSION, DataInfo, Manifest};
pub use months::MonthEnd;
pub use outcome::{Outcome, Statistics};
pub use replay::{Difference, Verified, verify};
pub use report::{ReportError, report};
pub use run::{BacktestError, Watch, run, run_blocks};
pub use trades::{Fill, Trade, trades};
pub use words::{assumptions, warnings, warnings_of_expired, warnings_of_waiting};
