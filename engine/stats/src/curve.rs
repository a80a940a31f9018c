//! An equity curve, measured point by point: growth, falls, returns, time in the market. No point is kept.

use crate::{ANNUAL_SPAN_MIN, NANOS_PER_YEAR, Returns, Undefined, exposure};

/// Running sums over the points of an equity curve. What they say does not depend on how many points somebody keeps for a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EquityCurve {
    start: f64,
    first_ts: i64,
    last_ts: i64,
    last: f64,
    points: usize,
    held: usize,
    returns: Returns,
    /// Whether a point before the last was not above zero, so that a return is missing.
    has_bottomed: bool,
    peak: f64,
    /// Points since the peak.
    below: usize,
    longest_below: usize,
    deepest: f64,
}

impl EquityCurve {
    /// A curve without points yet, begun with this equity: what it may fall from, and what it grows from.
    #[must_use]
    pub fn new(start: f64) -> EquityCurve {
        EquityCurve {
            start,
            first_ts: 0,
            last_ts: 0,
            last: start,
            points: 0,
            held: 0,
            returns: Returns::default(),
            has_bottomed: false,
            peak: start,
            below: 0,
            longest_below: 0,
            deepest: 0.0,
        }
    }

    /// Takes in the next point: its time in nanoseconds, the equity, and whether a position was held. Returns how far the curve is
    /// below its highest point so far, as a fraction: 0 at a new high, 0.25 a quarter below.
    pub fn push(&mut self, ts: i64, equity: f64, is_held: bool) -> f64 {
        let mut depth = [0.0];
        self.extend(&[ts], &[equity], usize::from(is_held), &mut depth);
        depth[0]
    }

    /// Takes in the next points: times, equities, and at how many of them a position was held. `depths` gets for each what
    /// [`push`](EquityCurve::push) returns. All three have one length.
    pub fn extend(&mut self, ts: &[i64], equities: &[f64], held: usize, depths: &mut [f64]) {
        let (Some(first), Some(last)) = (ts.first(), ts.last()) else {
            return;
        };
        let mut before = (self.points > 0).then_some(self.last);
        if before.is_none() {
            self.first_ts = *first;
        }
        self.last_ts = *last;
        self.points += equities.len();
        self.held += held;
        // Where the equity stays what it was nothing has to be divided, which is what takes the time: the outcome is the same.
        for equity in equities {
            match before.replace(*equity) {
                Some(before) if before > 0.0 => self.returns.push(if is_same(*equity, before) {
                    0.0
                } else {
                    equity / before - 1.0
                }),
                Some(_) => self.has_bottomed = true,
                None => {}
            }
        }
        self.last = before.unwrap_or(self.last);
        let mut known = (self.peak, 0.0);
        for (equity, to) in equities.iter().zip(depths) {
            let is_below = *equity < self.peak;
            self.below = if is_below { self.below + 1 } else { 0 };
            self.longest_below = self.longest_below.max(self.below);
            if !is_below {
                self.peak = *equity;
                known = (*equity, 0.0);
            } else if !is_same(*equity, known.0) {
                known = (*equity, depth(self.peak, *equity));
            }
            *to = known.1;
            self.deepest = self.deepest.max(known.1);
        }
    }

    /// How many points there were.
    #[must_use]
    pub fn points(&self) -> usize {
        self.points
    }

    /// Times of the first and the last point in nanoseconds, if there is one.
    #[must_use]
    pub fn range(&self) -> Option<(i64, i64)> {
        (self.points > 0).then_some((self.first_ts, self.last_ts))
    }

    /// Nanoseconds from the first point to the last.
    #[must_use]
    pub fn span(&self) -> i64 {
        self.last_ts.saturating_sub(self.first_ts)
    }

    /// Growth over the whole curve: `last / start - 1`.
    ///
    /// # Errors
    /// [`Undefined::NotPositive`] if the start is not above zero.
    pub fn total_return(&self) -> Result<f64, Undefined> {
        if self.start > 0.0 {
            Ok(self.last / self.start - 1.0)
        } else {
            Err(Undefined::NotPositive)
        }
    }

    /// Compound annual growth rate: `(last / start) ^ (1 / years) - 1`.
    ///
    /// # Errors
    /// [`Undefined::ShortSpan`], [`Undefined::NotPositive`] if either end is not above zero, and [`Undefined::TooLarge`].
    pub fn cagr(&self) -> Result<f64, Undefined> {
        self.check_span()?;
        if self.start <= 0.0 || self.last <= 0.0 {
            return Err(Undefined::NotPositive);
        }
        let years = self.span() as f64 / NANOS_PER_YEAR;
        finite(libm::pow(self.last / self.start, 1.0 / years) - 1.0)
    }

    /// Periods a year: the intervals of the curve divided by its length in years.
    ///
    /// # Errors
    /// [`Undefined::NoPoints`], [`Undefined::ShortSpan`].
    pub fn periods_per_year(&self) -> Result<f64, Undefined> {
        let intervals = self.points.checked_sub(1).ok_or(Undefined::NoPoints)?;
        self.check_span()?;
        Ok(intervals as f64 * NANOS_PER_YEAR / self.span() as f64)
    }

    /// Annual volatility, as [`Returns::volatility`].
    ///
    /// # Errors
    /// As [`EquityCurve::periods_per_year`] and [`Returns::volatility`]; [`Undefined::NotPositive`] if a return is on nothing.
    pub fn volatility(&self) -> Result<f64, Undefined> {
        self.ratio(Returns::volatility)
    }

    /// Annual Sharpe ratio, as [`Returns::sharpe`].
    ///
    /// # Errors
    /// As [`EquityCurve::volatility`] and [`Returns::sharpe`].
    pub fn sharpe(&self) -> Result<f64, Undefined> {
        self.ratio(Returns::sharpe)
    }

    /// Annual Sortino ratio, as [`Returns::sortino`].
    ///
    /// # Errors
    /// As [`EquityCurve::volatility`] and [`Returns::sortino`].
    pub fn sortino(&self) -> Result<f64, Undefined> {
        self.ratio(Returns::sortino)
    }

    /// The deepest fall below an earlier peak, the start being the first, as a fraction of that peak. 0 if it never fell.
    ///
    /// # Errors
    /// [`Undefined::NoPoints`].
    pub fn max_drawdown(&self) -> Result<f64, Undefined> {
        self.if_any(self.deepest)
    }

    /// The longest time below a peak, in points of the curve.
    ///
    /// # Errors
    /// [`Undefined::NoPoints`].
    pub fn longest_drawdown(&self) -> Result<usize, Undefined> {
        self.if_any(self.longest_below)
    }

    /// The share of points at which a position was held.
    ///
    /// # Errors
    /// [`Undefined::NoPoints`].
    pub fn exposure(&self) -> Result<f64, Undefined> {
        exposure(self.held, self.points).ok_or(Undefined::NoPoints)
    }

    fn if_any<T>(&self, value: T) -> Result<T, Undefined> {
        if self.points > 0 {
            Ok(value)
        } else {
            Err(Undefined::NoPoints)
        }
    }

    fn check_span(&self) -> Result<(), Undefined> {
        if self.points == 0 {
            return Err(Undefined::NoPoints);
        }
        match self.span() {
            span if span < ANNUAL_SPAN_MIN => Err(Undefined::ShortSpan(span)),
            _ => Ok(()),
        }
    }

    /// What no span could mend comes before a span that is too short.
    fn ratio(&self, of: fn(&Returns, f64) -> Result<f64, Undefined>) -> Result<f64, Undefined> {
        if self.points == 0 {
            return Err(Undefined::NoPoints);
        }
        if self.has_bottomed {
            return Err(Undefined::NotPositive);
        }
        of(&self.returns, 1.0)?;
        finite(of(&self.returns, self.periods_per_year()?)?)
    }
}

/// A figure is a number: what is none in a float is none to anybody.
fn finite(value: f64) -> Result<f64, Undefined> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Undefined::TooLarge)
    }
}

fn is_same(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits()
}

/// A curve that never was above zero cannot fall by a fraction of anything.
fn depth(peak: f64, value: f64) -> f64 {
    if peak > 0.0 { 1.0 - value / peak } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;
    /// Worked by hand; total return and drawdown also by empyrical 0.7.1 (`cum_returns_final`, `max_drawdown`).
    const CURVE: [f64; 8] = [100.0, 110.0, 99.0, 104.5, 121.0, 90.75, 96.8, 125.0];

    /// A point each `step` nanoseconds; a position is held at points above 100.
    fn curve(start: f64, step: i64, points: &[f64]) -> EquityCurve {
        let mut curve = EquityCurve::new(start);
        for (at, equity) in (0..).zip(points) {
            curve.push(at * step, *equity, *equity > 100.0);
        }
        curve
    }

    fn close(left: Result<f64, Undefined>, right: f64) {
        let left = left.unwrap();
        assert!((left - right).abs() < 1e-12, "{left} is not {right}");
    }

    #[test]
    fn growth() {
        close(curve(100.0, DAY, &CURVE).total_return(), 0.25);
        // Of the starting cash, not of the first point.
        close(curve(125.0, DAY, &CURVE).total_return(), 0.0);
        close(curve(100.0, DAY, &[]).total_return(), 0.0);
        let nothing = curve(0.0, DAY, &CURVE).total_return();
        assert_eq!(nothing, Err(Undefined::NotPositive));
    }

    #[test]
    fn growth_a_year() {
        // 1.25 ^ (1 / 2.5) - 1 by numpy, over 2.5 years of 365.25 days.
        let step = 78_894_000_i64 * 1_000_000_000 / 7 + 1;
        let found = curve(100.0, step, &CURVE).cagr().unwrap();
        assert!((found - 0.093_362_073_943_278_11).abs() < 1e-9, "{found}");
        let lost = curve(100.0, 30 * DAY, &[100.0, -1.0]).cagr();
        assert_eq!(lost, Err(Undefined::NotPositive));
    }

    /// Seven steps of 30 / 7 days and a bit are thirty days; a bit less are not.
    #[test]
    fn nothing_is_annual_below_thirty_days() {
        let short = curve(100.0, 30 * DAY / 7, &CURVE);
        let why = Undefined::ShortSpan(30 * DAY / 7 * 7);
        for figure in [
            short.cagr(),
            short.sharpe(),
            short.sortino(),
            short.volatility(),
            short.periods_per_year(),
        ] {
            assert_eq!(figure, Err(why));
        }
        close(short.max_drawdown(), 0.25);
        let long = curve(100.0, 30 * DAY / 7 + 1, &CURVE);
        for figure in [
            long.cagr(),
            long.sharpe(),
            long.sortino(),
            long.volatility(),
            long.periods_per_year(),
        ] {
            assert!(figure.is_ok(), "{figure:?}");
        }
    }

    /// 252 periods a year: empyrical's figures, as in `returns.rs`.
    #[test]
    fn ratios_are_those_of_the_returns_between_points() {
        let year = 365.25 * 86_400e9;
        #[expect(clippy::cast_possible_truncation, reason = "125 billion")]
        let step = (year / 252.0) as i64;
        let mut points: Vec<f64> = Vec::new();
        for _ in 0..4 {
            points.extend(CURVE);
        }
        let found = curve(100.0, step, &points);
        // numpy: 31 returns of the curve four times over, ddof 1, times the root of 252.
        close_to(found.sharpe(), 2.022_781_261_834_321);
        close_to(found.sortino(), 3.053_499_147_712_976_5);
        close_to(found.volatility(), 2.755_879_556_009_634);
        close_to(found.periods_per_year(), 252.0);
    }

    fn close_to(left: Result<f64, Undefined>, right: f64) {
        let left = left.unwrap();
        assert!((left / right - 1.0).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn the_start_is_a_peak_and_adds_no_return() {
        // 5 of fees on 1,000 before the first point.
        let fee = curve(1_000.0, 30 * DAY, &[995.0, 995.0, 995.0]);
        close(fee.max_drawdown(), 0.005);
        assert_eq!(fee.longest_drawdown(), Ok(3));
        assert_eq!(fee.volatility(), Ok(0.0));
        assert_eq!(fee.sharpe(), Err(Undefined::NoSpread));
        // Two points are one return, whatever the start.
        let two = curve(1_000.0, 30 * DAY, &[900.0, 950.0]);
        assert_eq!(two.sharpe(), Err(Undefined::FewReturns));
        assert_eq!(two.sortino(), Err(Undefined::FewReturns));
    }

    #[test]
    fn the_deepest_fall_and_the_longest_time_below() {
        // 121 -> 90.75 is a quarter. Below 110 for two points, below 121 for two.
        let found = curve(100.0, DAY, &CURVE);
        close(found.max_drawdown(), 0.25);
        assert_eq!(found.longest_drawdown(), Ok(2));
        // A shallow fall may last longer than the deepest.
        let found = curve(10.0, DAY, &[10.0, 9.9, 9.9, 9.9, 10.0, 5.0]);
        close(found.max_drawdown(), 0.5);
        assert_eq!(found.longest_drawdown(), Ok(3));
        // One that never falls, and none.
        let rising = curve(1.0, DAY, &[1.0, 1.0, 2.0]);
        assert_eq!(rising.max_drawdown(), Ok(0.0));
        assert_eq!(rising.longest_drawdown(), Ok(0));
        let none = curve(1.0, DAY, &[]);
        assert_eq!(none.max_drawdown(), Err(Undefined::NoPoints));
        assert_eq!(none.sharpe(), Err(Undefined::NoPoints));
        assert_eq!(none.exposure(), Err(Undefined::NoPoints));
    }

    #[test]
    fn each_point_is_told_its_depth() {
        let expected = [0.0, 0.0, 0.1, 0.05, 0.0, 0.25, 0.2, 0.0];
        let mut curve = EquityCurve::new(100.0);
        for (equity, expected) in CURVE.iter().zip(expected) {
            close(Ok(curve.push(0, *equity, false)), expected);
        }
        // Below a start of nothing there is no fraction.
        close(Ok(EquityCurve::new(0.0).push(0, -5.0, false)), 0.0);
    }

    #[test]
    fn a_return_on_nothing_has_no_ratio() {
        let ruined = curve(1.0, 30 * DAY, &[1.0, 0.0, 1.0]);
        assert_eq!(ruined.sharpe(), Err(Undefined::NotPositive));
        assert_eq!(ruined.volatility(), Err(Undefined::NotPositive));
        // Nothing at the very end is a return of -1.
        assert!(curve(1.0, 30 * DAY, &[1.0, 2.0, 0.0]).sharpe().is_ok());
    }

    /// 1e40 times as much in thirty days is more than 1e308 times in a year.
    #[test]
    fn what_does_not_fit_a_float_is_no_figure() {
        let steep = curve(1.0, 30 * DAY, &[1.0, 1e40]);
        assert_eq!(steep.cagr(), Err(Undefined::TooLarge));
        let wild = curve(1.0, 30 * DAY, &[1.0, 1e200, 1.0, 1e200]);
        assert_eq!(wild.volatility(), Err(Undefined::TooLarge));
    }

    #[test]
    fn periods_and_exposure_come_from_the_points() {
        // 365 daily intervals in 365 days; half of the points above 100.
        let mut points = [100.0; 366];
        points[..183].fill(101.0);
        let found = curve(100.0, DAY, &points);
        close(found.periods_per_year(), 365.25);
        close(found.exposure(), 0.5);
        assert_eq!(found.range(), Some((0, 365 * DAY)));
        assert_eq!(found.points(), 366);
    }
}
