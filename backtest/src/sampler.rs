//! Takes points of the equity curve while a run goes on.

use crate::outcome::Curve;
use tickloom_core::{CoreConfig, Market, Portfolio};
use tickloom_types::{InstrumentId, NANOS_PER_SECOND, Ts};

/// Points kept. When there are more, every second one is dropped and from then on only every second one is taken.
const POINTS_MAX: usize = 1 << 22;

pub(crate) struct Sampler {
    curve: Curve,
    held: Vec<bool>,
    traded: Vec<InstrumentId>,
    has_bars: bool,
    /// One point is taken of so many.
    every: u64,
    offered: u64,
}

impl Sampler {
    pub(crate) fn new(config: &CoreConfig) -> Sampler {
        let traded = traded(config);
        Sampler {
            curve: Curve {
                prices: traded.iter().map(|id| (*id, Vec::new())).collect(),
                ..Curve::default()
            },
            held: Vec::new(),
            traded,
            has_bars: false,
            every: 1,
            offered: 0,
        }
    }

    /// After a step in which no bar closed: a point for each second, unless the run has bars.
    pub(crate) fn tick(&mut self, ts: Ts, portfolio: &Portfolio, market: &Market) {
        if self.has_bars {
            return;
        }
        let second = |ts: i64| ts.div_euclid(NANOS_PER_SECOND);
        let is_new = |last: &i64| second(ts.0) > second(*last);
        if self.curve.ts.last().is_none_or(is_new) {
            self.point(ts, portfolio, market);
        }
    }

    /// After a step in which a bar closed: a point, or a new value for the point of the same time.
    pub(crate) fn bar(&mut self, ts: Ts, portfolio: &Portfolio, market: &Market) {
        if !self.has_bars {
            self.has_bars = true;
            self.clear();
        }
        // Bars of several instruments may come a little out of order.
        let ts = self.curve.ts.last().map_or(ts, |last| ts.max(Ts(*last)));
        if self.curve.ts.last() == Some(&ts.0) {
            self.drop_last();
            self.offered -= 1;
        }
        self.point(ts, portfolio, market);
    }

    /// The curve, with the last state of the run whatever the rhythm; `newest` is the time of the newest market record.
    pub(crate) fn finish(
        mut self,
        newest: Option<Ts>,
        portfolio: &Portfolio,
        market: &Market,
    ) -> Curve {
        if let Some(newest) = newest {
            let last = self.curve.ts.last().map(|last| Ts(*last));
            if last.is_some_and(|last| last >= newest) {
                self.drop_last();
            }
            self.every = 1;
            self.point(
                last.map_or(newest, |last| last.max(newest)),
                portfolio,
                market,
            );
        }
        self.curve.held = self.held.iter().filter(|held| **held).count();
        self.curve
    }

    fn point(&mut self, ts: Ts, portfolio: &Portfolio, market: &Market) {
        self.offered += 1;
        if !self.offered.is_multiple_of(self.every) {
            return;
        }
        let equity = portfolio.equity().map_or(f64::NAN, |e| e.to_f64());
        self.curve.ts.push(ts.0);
        self.curve.equity.push(equity);
        self.held
            .push(self.traded.iter().any(|id| portfolio.net_qty(*id) != 0));
        let instruments = market.instruments();
        for (id, prices) in &mut self.curve.prices {
            let scale = instruments.get(*id).map_or(0, |def| def.price_decimals);
            let price = market
                .mark(*id)
                .map_or(f64::NAN, |mark| mark as f64 / 10_f64.powi(i32::from(scale)));
            prices.push(price);
        }
        if self.curve.ts.len() >= POINTS_MAX {
            self.thin();
        }
    }

    fn thin(&mut self) {
        self.every *= 2;
        keep_every_second(&mut self.curve.ts);
        keep_every_second(&mut self.curve.equity);
        keep_every_second(&mut self.held);
        for (_, prices) in &mut self.curve.prices {
            keep_every_second(prices);
        }
    }

    fn drop_last(&mut self) {
        self.curve.ts.pop();
        self.curve.equity.pop();
        self.held.pop();
        for (_, prices) in &mut self.curve.prices {
            prices.pop();
        }
    }

    fn clear(&mut self) {
        self.curve.ts.clear();
        self.curve.equity.clear();
        self.held.clear();
        for (_, prices) in &mut self.curve.prices {
            prices.clear();
        }
    }
}

/// Of how many points one is taken in the end, if so many are offered.
pub(crate) fn every_for(offered: usize) -> usize {
    let mut every = 1;
    while offered / every >= POINTS_MAX {
        every *= 2;
    }
    every
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

/// Keeps the second, the fourth and so on: the later of each two.
fn keep_every_second<T: Copy>(values: &mut Vec<T>) {
    let half: Vec<T> = values.chunks_exact(2).map(|pair| pair[1]).collect();
    *values = half;
}
