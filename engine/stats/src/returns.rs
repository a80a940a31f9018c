//! What the returns between the points of a curve look like: spread, and growth per spread.

use crate::NANOS_PER_YEAR;

/// Periods a year of a curve: its intervals divided by its length in years. `None` without time between its ends.
#[must_use]
pub fn periods_per_year(points: usize, span_nanos: i64) -> Option<f64> {
    let intervals = points.checked_sub(1).filter(|n| *n > 0)?;
    (span_nanos > 0).then(|| intervals as f64 * NANOS_PER_YEAR / span_nanos as f64)
}

/// Sums over returns, in one pass: enough for every ratio below, so that a curve of millions of points is read once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Returns {
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean, by Welford's recurrence: no cancellation on tiny returns.
    squares: f64,
    /// Sum of the squares of the negative returns.
    downside: f64,
}

impl Returns {
    /// The sums over the returns of a curve. `None` if a point before the last is not positive: a return on nothing is undefined.
    #[must_use]
    pub fn of_curve(equity: &[f64]) -> Option<Returns> {
        let mut sums = Returns::default();
        for pair in equity.windows(2) {
            if pair[0] <= 0.0 {
                return None;
            }
            sums.push(pair[1] / pair[0] - 1.0);
        }
        Some(sums)
    }

    fn push(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
        if value < 0.0 {
            self.downside += value * value;
        }
    }

    /// Sample standard deviation of one return; `None` below two.
    fn deviation(&self) -> Option<f64> {
        (self.count > 1.0).then(|| (self.squares / (self.count - 1.0)).sqrt())
    }

    /// Annual volatility: sample standard deviation times the root of the periods a year.
    #[must_use]
    pub fn volatility(&self, periods: f64) -> Option<f64> {
        Some(self.deviation()? * periods.sqrt())
    }

    /// Annual Sharpe ratio: mean over sample standard deviation times the root of the periods a year.
    ///
    /// Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 1994, with a risk-free rate of zero.
    #[must_use]
    pub fn sharpe(&self, periods: f64) -> Option<f64> {
        let deviation = self.deviation()?;
        (deviation > 0.0).then(|| self.mean / deviation * periods.sqrt())
    }

    /// Annual Sortino ratio: mean over the root of the mean square of the negative returns, where the mean is over *all* returns.
    ///
    /// Sortino and Price, "Performance Measurement in a Downside Risk Framework", Journal of Investing 1994, with a target of zero.
    #[must_use]
    pub fn sortino(&self, periods: f64) -> Option<f64> {
        let downside = (self.downside / self.count).sqrt();
        (downside > 0.0).then(|| self.mean / downside * periods.sqrt())
    }
}

impl FromIterator<f64> for Returns {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Returns {
        let mut sums = Returns::default();
        for value in values {
            sums.push(value);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVE: [f64; 8] = [100.0, 110.0, 99.0, 104.5, 121.0, 90.75, 96.8, 125.0];

    fn close(left: Option<f64>, right: f64) {
        let left = left.unwrap();
        assert!((left - right).abs() < 1e-12, "{left} is not {right}");
    }

    /// Expected values by empyrical-reloaded 0.7.1 (`annual_volatility`, `sharpe_ratio`, `sortino_ratio`, 252 periods)
    /// and, equal to the last digit shown, by numpy with `ddof=1`.
    #[test]
    fn ratios_agree_with_empyrical() {
        let sums = Returns::of_curve(&CURVE).unwrap();
        close(sums.volatility(252.0), 2.787_998_113_179_657);
        close(sums.sharpe(252.0), 4.150_581_658_358_261);
        close(sums.sortino(252.0), 7.162_772_942_912_892);
    }

    #[test]
    fn undefined_is_none() {
        let of = |values: &[f64]| values.iter().copied().collect::<Returns>();
        assert_eq!(of(&[]).sharpe(252.0), None);
        assert_eq!(of(&[0.1]).sharpe(252.0), None);
        assert_eq!(of(&[0.0, 0.0]).sharpe(252.0), None, "no spread");
        assert_eq!(of(&[0.1, 0.2]).sortino(252.0), None, "no loss");
        assert_eq!(of(&[]).sortino(252.0), None);
        assert_eq!(Returns::of_curve(&[1.0, 0.0, 1.0]), None);
    }

    #[test]
    fn periods_come_from_the_curve() {
        let day = 86_400_000_000_000_i64;
        // 365 daily intervals in 365 days.
        close(periods_per_year(366, 365 * day), 365.25);
        assert_eq!(periods_per_year(1, day), None);
        assert_eq!(periods_per_year(5, 0), None);
    }
}
