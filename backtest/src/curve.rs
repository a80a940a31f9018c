//! The equity curve of a run: every point is measured and counts toward its month, and a bounded number is kept for pictures.
//!
//! What is measured does not depend on what is kept. Points wait until there are a thousand, and are measured column by column.

mod picture;

use crate::months::{MonthEnd, Months};
use picture::{Picture, Points};
use tickloom_stats::EquityCurve;
use tickloom_types::{InstrumentId, Money, Ts};

#[cfg(test)]
pub(crate) use picture::POINTS_MAX;

/// Instruments whose prices are kept for pictures.
pub(crate) const PRICES_MAX: usize = 4;
/// Points that are measured at once.
const AT_ONCE: usize = 1_024;

/// Equity over time, and the prices that it was marked at: for pictures, not for statistics or accounting.
///
/// One point a bar; without bars, one a second of event time. Of more than 131,072, fewer are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Event time of each point, nanoseconds since the epoch.
    pub ts: Vec<i64>,
    /// Equity at each point.
    pub equity: Vec<f64>,
    /// How far the equity is below its highest so far, as a fraction: 0.25 is a quarter.
    pub drawdown: Vec<f64>,
    /// Last price of each traded instrument, of the first four, at each point; NaN before its first.
    pub prices: Vec<(InstrumentId, Vec<f64>)>,
}

/// A point of the curve on its way in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) ts: i64,
    /// The equity, for figures and pictures.
    pub(crate) equity: f64,
    /// The same, exact.
    pub(crate) exact: Money,
    pub(crate) is_held: bool,
    pub(crate) prices: [f64; PRICES_MAX],
}

/// What came of all points.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) curve: Curve,
    pub(crate) sums: EquityCurve,
    pub(crate) months: Vec<MonthEnd>,
    /// Every point, if that was asked for.
    pub(crate) exact: Vec<(Ts, Money)>,
}

/// Takes points in the order of their times.
pub(crate) struct CurveBuilder {
    cash: f64,
    priced: Vec<InstrumentId>,
    /// What prices are divided by where they are kept.
    scale: f64,
    sums: EquityCurve,
    months: Months,
    picture: Picture,
    /// Points that are not measured yet, and whether a position was held at each. The newest of them may still get another value.
    waiting: Points,
    held: Vec<bool>,
    /// Every point, if that is wanted.
    exact: Option<Vec<(Ts, Money)>>,
}

impl CurveBuilder {
    /// A curve that begins with this cash, over the prices of these instruments; of more than [`PRICES_MAX`], of the first.
    pub(crate) fn new(cash: Money, traded: &[InstrumentId]) -> CurveBuilder {
        let cash = cash.to_f64();
        let priced: Vec<InstrumentId> = traded.iter().copied().take(PRICES_MAX).collect();
        CurveBuilder {
            cash,
            sums: EquityCurve::new(cash),
            months: Months::default(),
            picture: Picture::new(priced.len()),
            priced,
            scale: 1.0,
            waiting: Points::default(),
            held: Vec::new(),
            exact: None,
        }
    }

    /// The same, whose prices come as multiples of `1 / scale`.
    pub(crate) fn with_prices_in(self, scale: f64) -> CurveBuilder {
        CurveBuilder { scale, ..self }
    }

    /// Keeps every point, exact.
    pub(crate) fn keep_exact(&mut self) {
        self.exact = Some(Vec::new());
    }

    /// The instruments whose prices a point has, in their order.
    pub(crate) fn priced(&self) -> &[InstrumentId] {
        &self.priced
    }

    /// Time of the newest point.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.waiting.ts.last().copied()
    }

    /// Forgets all points.
    pub(crate) fn clear(&mut self) {
        self.sums = EquityCurve::new(self.cash);
        self.months = Months::default();
        self.picture = Picture::new(self.priced.len());
        self.waiting.clear();
        self.held.clear();
        if let Some(exact) = &mut self.exact {
            exact.clear();
        }
    }

    /// Takes the next point. One with the time of the newest replaces it.
    pub(crate) fn push(&mut self, point: &Point) {
        self.make_room(point.ts);
        self.waiting.ts.push(point.ts);
        self.waiting.equity.push(point.equity);
        let prices = &point.prices[..self.priced.len()];
        self.waiting.prices.extend_from_slice(prices);
        self.held.push(point.is_held);
        if let Some(exact) = &mut self.exact {
            exact.push((Ts(point.ts), point.exact));
        }
    }

    /// Takes the next points of a run over one instrument, each later than that before it: their times, equities, the instrument's
    /// prices in units of [`CurveBuilder::with_prices_in`], and whether a position was held.
    pub(crate) fn extend(&mut self, ts: &[i64], equities: &[Money], prices: &[i64], held: &[bool]) {
        let Some(first) = ts.first() else {
            return;
        };
        self.make_room(*first);
        self.waiting.ts.extend_from_slice(ts);
        let mut known = (Money::ZERO, 0.0);
        self.waiting.equity.extend(equities.iter().map(|equity| {
            if *equity != known.0 {
                known = (*equity, equity.to_f64());
            }
            known.1
        }));
        if !self.priced.is_empty() {
            let prices = prices.iter().map(|price| *price as f64);
            self.waiting.prices.extend(prices);
        }
        self.held.extend_from_slice(held);
        if let Some(exact) = &mut self.exact {
            exact.extend(ts.iter().map(|ts| Ts(*ts)).zip(equities.iter().copied()));
        }
    }

    /// Before the next point: the newest goes if that is not later, and if many wait they are measured.
    fn make_room(&mut self, ts: i64) {
        if self.newest().is_some_and(|newest| newest >= ts) {
            let rest = self.waiting.len() - 1;
            self.waiting.truncate(rest, self.priced.len());
            self.held.truncate(rest);
            if let Some(exact) = &mut self.exact {
                exact.pop();
            }
        }
        if self.waiting.len() >= AT_ONCE {
            self.measure();
            self.picture.extend(&self.waiting);
            self.waiting.clear();
            self.held.clear();
        }
    }

    /// Measures all that wait.
    fn measure(&mut self) {
        let Points {
            ts,
            equity,
            drawdown,
            ..
        } = &mut self.waiting;
        let held = self.held.iter().filter(|is_held| **is_held).count();
        drawdown.resize(ts.len(), 0.0);
        self.sums.extend(ts, equity, held, drawdown);
        self.months.extend(ts, equity);
    }

    /// The whole curve.
    pub(crate) fn finish(mut self) -> Measured {
        self.measure();
        let last = self.waiting.split_last(self.priced.len());
        self.picture.extend(&self.waiting);
        let kept = self.picture.end(&last);
        let count = self.priced.len();
        let prices = (0..)
            .zip(&self.priced)
            .map(|(at, id)| {
                let prices = kept.prices.iter().skip(at).step_by(count);
                (*id, prices.map(|price| price / self.scale).collect())
            })
            .collect();
        Measured {
            curve: Curve {
                ts: kept.ts,
                equity: kept.equity,
                drawdown: kept.drawdown,
                prices,
            },
            sums: self.sums,
            months: self.months.finish(),
            exact: self.exact.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
