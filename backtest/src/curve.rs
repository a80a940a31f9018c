//! The equity curve of a run: every point is measured and counts toward its month, and a bounded number is kept for pictures.
//!
//! What is measured does not depend on what is kept. When too many points are kept, neighbours are put together: of each group the
//! first, the lowest, the highest and the one deepest below its peak stay, so no fall and no spike leaves the picture.

use crate::months::{MonthEnd, Months};
use tickloom_stats::EquityCurve;
use tickloom_types::{InstrumentId, Money, Ts};

/// Points kept for pictures.
pub(crate) const POINTS_MAX: usize = 1 << 17;
/// Instruments whose prices are kept for pictures.
pub(crate) const PRICES_MAX: usize = 4;
/// Points that are put together at once, and how many of them stay at most.
const GROUP: usize = 8;
const GROUP_KEPT: usize = 4;

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
    sums: EquityCurve,
    months: Months,
    kept: Vec<Kept>,
    /// The points since those that are kept.
    group: Option<Group>,
    /// Points of one group; of one point nothing is put together.
    group_size: usize,
    /// The newest point: it may still get another value.
    newest: Option<Point>,
    /// Every point, if that is wanted.
    exact: Option<Vec<(Ts, Money)>>,
}

#[derive(Clone, Copy)]
struct Kept {
    ts: i64,
    equity: f64,
    drawdown: f64,
    prices: [f64; PRICES_MAX],
}

/// Neighbours, of which only what stands out is kept, each with its place among them.
#[derive(Clone, Copy)]
struct Group {
    count: usize,
    first: Kept,
    lowest: (usize, Kept),
    highest: (usize, Kept),
    deepest: (usize, Kept),
}

impl CurveBuilder {
    /// A curve that begins with this cash, over the prices of these instruments; of more than [`PRICES_MAX`], of the first.
    pub(crate) fn new(cash: Money, traded: &[InstrumentId]) -> CurveBuilder {
        let cash = cash.to_f64();
        CurveBuilder {
            cash,
            priced: traded.iter().copied().take(PRICES_MAX).collect(),
            sums: EquityCurve::new(cash),
            months: Months::default(),
            kept: Vec::new(),
            group: None,
            group_size: 1,
            newest: None,
            exact: None,
        }
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
        self.newest.map(|point| point.ts)
    }

    /// Forgets all points.
    pub(crate) fn clear(&mut self) {
        self.sums = EquityCurve::new(self.cash);
        self.months = Months::default();
        self.kept.clear();
        self.group = None;
        self.group_size = 1;
        self.newest = None;
        if let Some(exact) = &mut self.exact {
            exact.clear();
        }
    }

    /// Takes the next point. One with the time of the newest replaces it.
    pub(crate) fn push(&mut self, point: Point) {
        match self.newest.replace(point) {
            Some(before) if before.ts < point.ts => self.settle(before),
            _ => {}
        }
    }

    /// The whole curve.
    pub(crate) fn finish(mut self) -> Measured {
        if let Some(last) = self.newest.take() {
            // The picture ends with the last point whatever the groups are.
            self.group_size = 1;
            self.settle(last);
        }
        let column = |of: fn(&Kept) -> f64| self.kept.iter().map(of).collect();
        let prices = (0..)
            .zip(&self.priced)
            .map(|(at, id): (usize, _)| {
                let prices = self.kept.iter().map(|kept| kept.prices[at]);
                (*id, prices.collect())
            })
            .collect();
        Measured {
            curve: Curve {
                ts: self.kept.iter().map(|kept| kept.ts).collect(),
                equity: column(|kept| kept.equity),
                drawdown: column(|kept| kept.drawdown),
                prices,
            },
            sums: self.sums,
            months: self.months.finish(),
            exact: self.exact.unwrap_or_default(),
        }
    }

    /// A point that does not change any more.
    fn settle(&mut self, point: Point) {
        if let Some(exact) = &mut self.exact {
            exact.push((Ts(point.ts), point.exact));
        }
        let equity = point.equity;
        let drawdown = self.sums.push(point.ts, equity, point.is_held);
        self.months.push(point.ts, equity);
        let kept = Kept {
            ts: point.ts,
            equity,
            drawdown,
            prices: point.prices,
        };
        let group = match &mut self.group {
            Some(group) => {
                group.add(&kept);
                group
            }
            none => none.insert(Group::of(kept)),
        };
        if group.count < self.group_size {
            return;
        }
        if group.count == 1 {
            self.kept.push(kept);
        } else {
            group.put(&mut self.kept);
        }
        self.group = None;
        if self.kept.len() + 2 * GROUP_KEPT > POINTS_MAX {
            self.thin();
        }
    }

    /// Puts neighbours together: of each eight points at most four stay.
    fn thin(&mut self) {
        let all = std::mem::take(&mut self.kept);
        self.kept.reserve_exact(POINTS_MAX);
        for neighbours in all.chunks(GROUP) {
            let mut group = Group::of(neighbours[0]);
            neighbours[1..].iter().for_each(|kept| group.add(kept));
            group.put(&mut self.kept);
        }
        self.group_size = if self.group_size == 1 {
            GROUP
        } else {
            self.group_size.saturating_mul(2)
        };
    }
}

impl Group {
    fn of(first: Kept) -> Group {
        Group {
            count: 1,
            first,
            lowest: (0, first),
            highest: (0, first),
            deepest: (0, first),
        }
    }

    fn add(&mut self, kept: &Kept) {
        let place = self.count;
        if kept.equity < self.lowest.1.equity {
            self.lowest = (place, *kept);
        }
        if kept.equity > self.highest.1.equity {
            self.highest = (place, *kept);
        }
        if kept.drawdown > self.deepest.1.drawdown {
            self.deepest = (place, *kept);
        }
        self.count += 1;
    }

    /// Adds what stands out, each point once, in the order of time.
    fn put(&self, to: &mut Vec<Kept>) {
        let mut points = [(0, self.first), self.lowest, self.highest, self.deepest];
        points.sort_by_key(|(place, _)| *place);
        let mut before = None;
        for (place, kept) in points {
            if before.replace(place) != Some(place) {
                to.push(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests;
