//! What a backtest found: fills, trades, curve, figures, and the two hashes that let anyone repeat it.

use crate::text::{duration, percent};
use crate::trades::{Fill, Trade};
use serde::Serialize;
use tickloom_stats::{
    Returns, TradeSummary, cagr, exposure, max_drawdown, periods_per_year, trade_summary,
};
use tickloom_types::{InstrumentId, Money};

/// Equity over time, and the prices that it was marked at: for statistics and pictures, not for accounting.
///
/// One point a bar; without bars, one a second of event time, coarser as a run grows, so that memory stays bounded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Event time of each point, nanoseconds since the epoch.
    pub ts: Vec<i64>,
    /// Equity at each point.
    pub equity: Vec<f64>,
    /// Last price of each traded instrument at each point; NaN before its first.
    pub prices: Vec<(InstrumentId, Vec<f64>)>,
    /// At how many points a position was held.
    pub held: usize,
}

impl Curve {
    /// Nanoseconds from the first point to the last.
    #[must_use]
    pub fn span(&self) -> i64 {
        match (self.ts.first(), self.ts.last()) {
            (Some(first), Some(last)) => last.saturating_sub(*first),
            _ => 0,
        }
    }
}

/// Figures of a run. What is undefined is `None`. The conventions are those of `tickloom-stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// Final equity over starting cash, less one.
    pub total_return: Option<f64>,
    /// Compound annual growth rate.
    pub cagr: Option<f64>,
    /// Annual volatility.
    pub volatility: Option<f64>,
    /// Annual Sharpe ratio.
    pub sharpe: Option<f64>,
    /// Annual Sortino ratio.
    pub sortino: Option<f64>,
    /// Deepest fall below an earlier peak, as a fraction of it.
    pub max_drawdown: Option<f64>,
    /// Longest time below a peak, in points of the curve.
    pub longest_drawdown: Option<usize>,
    /// Share of points at which a position was held.
    pub exposure: Option<f64>,
    /// Points of the curve a year, by which the ratios are annual.
    pub periods_per_year: Option<f64>,
    /// Figures on finished trades.
    pub trades: TradeSummary,
}

impl Statistics {
    /// The figures of a curve that began with this cash, and of the trades under it.
    #[must_use]
    pub fn of(cash: Money, curve: &Curve, trades: &[Trade]) -> Statistics {
        let results: Vec<f64> = trades
            .iter()
            .filter(|trade| trade.closed.is_some())
            .map(|trade| trade.profit.to_f64())
            .collect();
        let equity = &curve.equity;
        let periods = periods_per_year(equity.len(), curve.span());
        let ratios = periods.zip(Returns::of_curve(equity));
        let fall = max_drawdown(equity);
        let ends: Vec<f64> = std::iter::once(cash.to_f64())
            .chain(equity.last().copied())
            .collect();
        Statistics {
            total_return: tickloom_stats::total_return(&ends),
            cagr: cagr(&ends, curve.span()),
            volatility: ratios.and_then(|(periods, sums)| sums.volatility(periods)),
            sharpe: ratios.and_then(|(periods, sums)| sums.sharpe(periods)),
            sortino: ratios.and_then(|(periods, sums)| sums.sortino(periods)),
            max_drawdown: fall.map(|fall| fall.fraction),
            longest_drawdown: fall.map(|fall| fall.longest),
            exposure: exposure(curve.held, equity.len()),
            periods_per_year: periods,
            trades: trade_summary(&results),
        }
    }
}

/// All that a backtest found.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Input records that the core took.
    pub events: u64,
    /// Bars among them, or closed by the core out of them.
    pub bars: u64,
    /// Orders that risk refused.
    pub refused: u64,
    /// All fills in the order in which they happened.
    pub fills: Vec<Fill>,
    /// The round trips that they make up.
    pub trades: Vec<Trade>,
    /// Cash at the start.
    pub cash: Money,
    /// Cash at the end and positions at their last prices.
    pub final_equity: Money,
    /// All fees.
    pub fees_paid: Money,
    /// Equity and prices over time.
    pub curve: Curve,
    /// Figures on the above.
    pub statistics: Statistics,
    /// Hash over every input record, in order: what it ran on.
    pub data_hash: String,
    /// Hash over every output record, in order: what came of it.
    pub output_hash: String,
}

impl Outcome {
    /// What the total return is by the year; of a short run, how long it took.
    #[must_use]
    pub fn pace(&self) -> String {
        match self.statistics.cagr {
            Some(_) => format!("{} a year", percent(self.statistics.cagr)),
            None => format!("in {}", duration(self.curve.span())),
        }
    }
}
