//! What a backtest found: fills, trades, curve, figures, and the two hashes that let anyone repeat it.

use crate::curve::Curve;
use crate::months::MonthEnd;
use crate::text::{duration, grouped, percent};
use crate::trades::{Fill, Trade};
use serde::Serialize;
use std::collections::BTreeMap;
use tickloom_core::{Expired, NeverClosed, NeverReady, Waiting};
use tickloom_stats::{EquityCurve, TradeSummary, Undefined, trade_summary};
use tickloom_types::{Instruments, Money, Ts};

/// Figures of a run. What is undefined is `None`, and `undefined` says why. The conventions are those of `tickloom-stats`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
    /// Deepest fall below an earlier peak, as a fraction of it; the starting cash is the first peak.
    pub max_drawdown: Option<f64>,
    /// Longest time below a peak, in points of the curve.
    pub longest_drawdown: Option<usize>,
    /// Share of points at which a position was held.
    pub exposure: Option<f64>,
    /// Points of the curve a year, by which the ratios are annual.
    pub periods_per_year: Option<f64>,
    /// Times of the first and the last point of the curve, nanoseconds since the epoch.
    pub range: Option<(i64, i64)>,
    /// Why figures are `None`, by their names.
    pub undefined: BTreeMap<&'static str, Undefined>,
    /// Figures on finished trades.
    pub trades: TradeSummary,
}

impl Statistics {
    /// The figures of a curve, and of the trades under it.
    #[must_use]
    pub fn of(curve: &EquityCurve, trades: &[Trade]) -> Statistics {
        let results: Vec<f64> = trades
            .iter()
            .filter(|trade| trade.closed.is_some())
            .map(|trade| trade.profit.to_f64())
            .collect();
        let trades = trade_summary(&results);
        let mut undefined = BTreeMap::new();
        if trades.win_rate.is_none() {
            undefined.insert("win_rate", Undefined::NoTrades);
        }
        if trades.profit_factor.is_none() {
            let why = match trades.trades {
                0 => Undefined::NoTrades,
                _ => Undefined::NoLosingTrade,
            };
            undefined.insert("profit_factor", why);
        }
        let mut told = |name, figure: Result<f64, Undefined>| {
            figure.map_err(|why| undefined.insert(name, why)).ok()
        };
        Statistics {
            total_return: told("total_return", curve.total_return()),
            cagr: told("cagr", curve.cagr()),
            volatility: told("volatility", curve.volatility()),
            sharpe: told("sharpe", curve.sharpe()),
            sortino: told("sortino", curve.sortino()),
            max_drawdown: told("max_drawdown", curve.max_drawdown()),
            exposure: told("exposure", curve.exposure()),
            periods_per_year: told("periods_per_year", curve.periods_per_year()),
            longest_drawdown: curve.longest_drawdown().ok(),
            range: curve.range(),
            undefined,
            trades,
        }
    }

    /// Nanoseconds from the first point of the curve to the last.
    #[must_use]
    pub fn span(&self) -> i64 {
        self.range
            .map_or(0, |(first, last)| last.saturating_sub(first))
    }

    /// Why figures are undefined, each reason once with the names of its figures.
    #[must_use]
    pub fn reasons(&self) -> Vec<(Undefined, Vec<&'static str>)> {
        let mut reasons: BTreeMap<Undefined, Vec<&'static str>> = BTreeMap::new();
        for (name, why) in &self.undefined {
            reasons.entry(*why).or_default().push(name);
        }
        reasons.into_iter().collect()
    }
}

/// All that a backtest found.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The instruments and sources that records of the run mean: those of the configuration, and the bars that the core made.
    pub instruments: Instruments,
    /// Input records that the core took.
    pub events: u64,
    /// Bars among them, or closed by the core out of them.
    pub bars: u64,
    /// Orders that risk refused, by the name of the rule that each broke.
    pub refused: BTreeMap<&'static str, u64>,
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
    /// Equity and prices over time, for pictures.
    pub curve: Curve,
    /// Each point of the curve, exact, if [`crate::Watch::wants_equity`].
    pub equity: Vec<(Ts, Money)>,
    /// Equity at the end of each month.
    pub months: Vec<MonthEnd>,
    /// Figures on the above.
    pub statistics: Statistics,
    /// Expressions that were never ready.
    pub never_ready: Vec<NeverReady>,
    /// Bars that expressions read and of which none closed.
    pub never_closed: Vec<NeverClosed>,
    /// Orders that wait at the end, and for what.
    pub waiting: Vec<Waiting>,
    /// Instruments of which something came after their ends.
    pub expired: Vec<Expired>,
    /// Hash over every input record, in order: what it ran on.
    pub data_hash: String,
    /// Hash over every output record, in order: what came of it.
    pub output_hash: String,
}

impl Outcome {
    /// How many orders risk refused.
    #[must_use]
    pub fn orders_refused(&self) -> u64 {
        self.refused.values().sum()
    }

    /// The refused orders in words: how many, and by which rules.
    #[must_use]
    pub fn refusals(&self) -> String {
        let total = grouped(u128::from(self.orders_refused()));
        let rules = self.refused.iter();
        let rules: Vec<String> = rules
            .map(|(rule, count)| format!("{} {rule}", grouped(u128::from(*count))))
            .collect();
        match rules.as_slice() {
            [] => "no order refused".to_owned(),
            rules => format!("{total} orders refused: {}", rules.join(", ")),
        }
    }

    /// What the total return is by the year; of a short run, how long it took.
    #[must_use]
    pub fn pace(&self) -> String {
        match self.statistics.cagr {
            Some(_) => format!("{} a year", percent(self.statistics.cagr)),
            None => format!("in {}", duration(self.statistics.span())),
        }
    }
}
