//! Takes points of the equity curve while a run goes on: when, of what, and never in the middle of a moment.

use crate::curve::{CurveBuilder, Measured, PRICES_MAX, Point};
use tickloom_core::{CoreConfig, Now};
use tickloom_types::{InstrumentId, MoneyOverflow, NANOS_PER_SECOND, Ts, pow10};

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

    /// From which time on the next moment counts, if no bar closes in it.
    pub(crate) fn due(&self) -> Ts {
        match self.curve.newest() {
            _ if self.has_bars => Ts(i64::MAX),
            None => Ts(i64::MIN),
            Some(newest) => {
                let next = newest.div_euclid(NANOS_PER_SECOND).saturating_add(1);
                Ts(next.saturating_mul(NANOS_PER_SECOND))
            }
        }
    }

    /// After a moment in which no bar closed: a point for each second, unless the run has bars.
    pub(crate) fn tick(&mut self, ts: Ts, now: Now<'_>) {
        if !self.has_bars && ts >= self.due() {
            self.point(ts, now);
        }
    }

    /// After a moment in which a bar closed: a point, or a new value for the point of the same time. The first bar says that the
    /// run has some: points by the second before it are forgotten.
    pub(crate) fn bar(&mut self, ts: Ts, now: Now<'_>) {
        if !self.has_bars {
            self.has_bars = true;
            self.curve.clear();
        }
        // Bars of several instruments may come a little out of order.
        let ts = self.curve.newest().map_or(ts, |newest| ts.max(Ts(newest)));
        self.point(ts, now);
    }

    /// The curve, with the last state of the run whatever the rhythm; `newest` is the time of the newest market record.
    ///
    /// # Errors
    /// [`MoneyOverflow`] if the equity did not fit at some point.
    pub(crate) fn finish(
        mut self,
        newest: Option<Ts>,
        now: Now<'_>,
    ) -> Result<Measured, MoneyOverflow> {
        if let Some(newest) = newest {
            let last = self.curve.newest().map(Ts);
            self.point(last.map_or(newest, |last| last.max(newest)), now);
        }
        if self.has_overflowed {
            return Err(MoneyOverflow);
        }
        Ok(self.curve.finish())
    }

    fn point(&mut self, ts: Ts, now: Now<'_>) {
        let Some(equity) = now.portfolio.equity() else {
            self.has_overflowed = true;
            return;
        };
        let mut prices = [f64::NAN; PRICES_MAX];
        for (price, id) in prices.iter_mut().zip(self.curve.priced()) {
            let def = now.market.instruments().get(*id);
            let scale = pow10(def.map_or(0, |def| def.price_decimals)) as f64;
            *price = now
                .market
                .mark(*id)
                .map_or(f64::NAN, |mark| mark as f64 / scale);
        }
        self.curve.push(&Point {
            ts: ts.0,
            equity: equity.to_f64(),
            exact: equity,
            is_held: now.portfolio.held_instruments() > 0,
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
