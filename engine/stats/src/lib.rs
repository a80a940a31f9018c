//! Statistics on an equity curve and on the results of trades: pure functions on slices of `f64`.
//!
//! Nothing here knows what an instrument, an order or a file is, and nothing is money: exact amounts stay with their owner and
//! come here only to be measured. Whatever is undefined (a ratio without spread, a return on nothing) is `None`, never zero or NaN.
//!
//! Conventions, the same for every figure:
//! - a *return* is simple, from one point of the curve to the next: `e[i] / e[i-1] - 1`;
//! - the risk-free rate is zero;
//! - spread is the *sample* standard deviation (divided by `n - 1`), as in empyrical, pandas and QuantStats;
//! - annual figures take as many periods a year as the curve itself has ([`periods_per_year`]), with a year of 365.25 days:
//!   daily bars of a stock come out at about 252, minute bars of a coin at 525,960.

mod curve;
mod outcome;
mod returns;

pub use curve::{Drawdown, cagr, drawdowns, max_drawdown, total_return};
pub use outcome::{TradeSummary, exposure, trade_summary};
pub use returns::{Returns, periods_per_year};

/// Nanoseconds in a year of 365.25 days.
pub const NANOS_PER_YEAR: f64 = 365.25 * 86_400e9;
