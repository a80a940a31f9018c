//! Takes points of the equity curve while a run goes on: when, of what, and never in the middle of a moment.

use crate::curve::{CurveBuilder, Measured, PRICES_MAX, Point};
use tickloom_core::{CoreConfig, Market, Portfolio};
use tickloom_types::{InstrumentId, MoneyOverflow, NANOS_PER_SECOND, Ts, pow10};

/// What a point is taken of.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) portfolio: &'a Portfolio,
    pub(crate) market: &'a Market,
}

pub(crate) struct Sampler {
    curve: CurveBuilder,
    has_bars: bool,
    /// Whether the equity did not fit at some point.
    has_overflowed: bool,
}

impl Sampler {
    pub(crate) fn new(config: &CoreConfig) -> Sampler {
        Sampler {
            curve: CurveBuilder::new(config.account.cash, &traded(config)),
            has_bars: false,
            has_overflowed: false,
        }
    }

    /// Keeps every point of the curve, exact.
    pub(crate) fn keep_exact(&mut self) {
        self.curve.keep_exact();
    }

    /// After a moment in which no bar closed: a point for each second, unless the run has bars.
    pub(crate) fn tick(&mut self, ts: Ts, seen: Seen<'_>) {
        if self.has_bars {
            return;
        }
        let second = |ts: i64| ts.div_euclid(NANOS_PER_SECOND);
        let is_new = |newest: i64| second(ts.0) > second(newest);
        if self.curve.newest().is_none_or(is_new) {
            self.point(ts, seen);
        }
    }

    /// After a moment in which a bar closed: a point, or a new value for the point of the same time. The first bar says that the
    /// run has some: points by the second before it are forgotten.
    pub(crate) fn bar(&mut self, ts: Ts, seen: Seen<'_>) {
        if !self.has_bars {
            self.has_bars = true;
            self.curve.clear();
        }
        // Bars of several instruments may come a little out of order.
        let ts = self.curve.newest().map_or(ts, |newest| ts.max(Ts(newest)));
        self.point(ts, seen);
    }

    /// The curve, with the last state of the run whatever the rhythm; `newest` is the time of the newest market record.
    ///
    /// # Errors
    /// [`MoneyOverflow`] if the equity did not fit at some point.
    pub(crate) fn finish(
        mut self,
        newest: Option<Ts>,
        seen: Seen<'_>,
    ) -> Result<Measured, MoneyOverflow> {
        if let Some(newest) = newest {
            let last = self.curve.newest().map(Ts);
            self.point(last.map_or(newest, |last| last.max(newest)), seen);
        }
        if self.has_overflowed {
            return Err(MoneyOverflow);
        }
        Ok(self.curve.finish())
    }

    fn point(&mut self, ts: Ts, seen: Seen<'_>) {
        let Some(equity) = seen.portfolio.equity() else {
            self.has_overflowed = true;
            return;
        };
        let mut prices = [f64::NAN; PRICES_MAX];
        for (price, id) in prices.iter_mut().zip(self.curve.priced()) {
            let def = seen.market.instruments().get(*id);
            let scale = pow10(def.map_or(0, |def| def.price_decimals)) as f64;
            *price = seen
                .market
                .mark(*id)
                .map_or(f64::NAN, |mark| mark as f64 / scale);
        }
        self.curve.push(Point {
            ts: ts.0,
            equity: equity.to_f64(),
            exact: equity,
            is_held: seen.portfolio.held_instruments() > 0,
            prices,
        });
    }
}

/// The instruments of the strategies, each once.
pub(crate) fn traded(config: &CoreConfig) -> Vec<InstrumentId> {
    let strategies = config.strategies.iter();
    let traded = strategies.filter_map(|strategy| strategy.traded(config).ok());
    let mut ids: Vec<InstrumentId> = traded.flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests;
