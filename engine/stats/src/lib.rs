//! Statistics on an equity curve and on the results of trades: pure functions and running sums on `f64`.
//!
//! Nothing here knows what an instrument, an order or a file is, and nothing is money: exact amounts stay with their owner and
//! come here only to be measured. Whatever is undefined (a ratio without spread, a return on nothing) is an [`Undefined`] that says
//! why, never zero or NaN.
//!
//! Conventions, the same for every figure:
//! - a *return* is simple, from one point of the curve to the next: `e[i] / e[i-1] - 1`; the starting cash is no point and adds no return;
//! - the starting cash is the first peak that the curve can fall from;
//! - the risk-free rate is zero;
//! - spread is the *sample* standard deviation (divided by `n - 1`), as in empyrical, pandas and QuantStats;
//! - annual figures take as many periods a year as the curve itself has ([`EquityCurve::periods_per_year`]), with a year of
//!   365.25 days: daily bars of a stock come out at about 252, minute bars of a coin at 525,960;
//! - nothing is told by the year of less than [`ANNUAL_SPAN_MIN`].

mod curve;
mod outcome;
mod returns;
mod undefined;

pub use curve::EquityCurve;
pub use outcome::{TradeSummary, exposure, trade_summary};
pub use returns::Returns;
pub use undefined::Undefined;

/// Nanoseconds in a year of 365.25 days.
pub const NANOS_PER_YEAR: f64 = 365.25 * 86_400e9;

/// Nanoseconds below which nothing is told by the year: thirty days.
pub const ANNUAL_SPAN_MIN: i64 = 30 * 86_400_000_000_000;
