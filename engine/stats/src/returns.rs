//! What returns look like: spread, and growth per spread.

use crate::Undefined;

/// How many units in the last place of `1 + return` a return may be off: it is a quotient of two amounts, each rounded to a float
/// and scaled, less one. What does not differ by more does not differ.
const ROUNDINGS: f64 = 4.0;

/// Sums over returns, in one pass and constant memory: enough for every ratio below.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Returns {
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean, by Welford's recurrence: no cancellation on tiny returns.
    squares: f64,
    /// Sum of the squares of the negative returns.
    downside: f64,
    /// Largest magnitude.
    largest: f64,
}

impl Returns {
    /// Takes in one more return, as a fraction.
    pub fn push(&mut self, value: f64) {
        self.count += 1.0;
        let distance = value - self.mean;
        self.mean += distance / self.count;
        self.squares += distance * (value - self.mean);
        if value < 0.0 {
            self.downside += value * value;
        }
        self.largest = self.largest.max(value.abs());
    }

    /// Annual volatility: sample standard deviation times the root of the periods a year.
    ///
    /// # Errors
    /// [`Undefined::FewReturns`] below two returns.
    pub fn volatility(&self, periods: f64) -> Result<f64, Undefined> {
        Ok(self.deviation()? * periods.sqrt())
    }

    /// Annual Sharpe ratio: mean over sample standard deviation times the root of the periods a year.
    ///
    /// Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 1994, with a risk-free rate of zero.
    ///
    /// # Errors
    /// [`Undefined::FewReturns`] below two returns, [`Undefined::NoSpread`] if they do not differ.
    pub fn sharpe(&self, periods: f64) -> Result<f64, Undefined> {
        Ok(self.mean / self.spread()? * periods.sqrt())
    }

    /// Annual Sortino ratio: mean over the root of the mean square of the negative returns, where the mean is over *all* returns.
    ///
    /// Sortino and Price, "Performance Measurement in a Downside Risk Framework", Journal of Investing 1994, with a target of zero.
    ///
    /// # Errors
    /// As [`Returns::sharpe`], and [`Undefined::NoLoss`] without a negative return.
    pub fn sortino(&self, periods: f64) -> Result<f64, Undefined> {
        self.spread()?;
        let downside = (self.downside / self.count).sqrt();
        if downside <= self.resolution() {
            return Err(Undefined::NoLoss);
        }
        Ok(self.mean / downside * periods.sqrt())
    }

    /// Sample standard deviation of one return; zero if it is below what a float resolves.
    fn deviation(&self) -> Result<f64, Undefined> {
        if self.count < 2.0 {
            return Err(Undefined::FewReturns);
        }
        let deviation = (self.squares / (self.count - 1.0)).sqrt();
        Ok(if deviation <= self.resolution() {
            0.0
        } else {
            deviation
        })
    }

    /// The deviation where there is one.
    fn spread(&self) -> Result<f64, Undefined> {
        let deviation = self.deviation()?;
        if deviation > 0.0 {
            Ok(deviation)
        } else {
            Err(Undefined::NoSpread)
        }
    }

    /// The error that rounding alone leaves in a return.
    fn resolution(&self) -> f64 {
        ROUNDINGS * f64::EPSILON * (1.0 + self.largest)
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

    fn of(values: &[f64]) -> Returns {
        values.iter().copied().collect()
    }

    fn of_curve(equity: &[f64]) -> Returns {
        let pairs = equity.windows(2);
        pairs.map(|pair| pair[1] / pair[0] - 1.0).collect()
    }

    fn close(left: Result<f64, Undefined>, right: f64) {
        let left = left.unwrap();
        assert!((left - right).abs() < 1e-12, "{left} is not {right}");
    }

    /// Expected values by empyrical-reloaded 0.7.1 (`annual_volatility`, `sharpe_ratio`, `sortino_ratio`, 252 periods)
    /// and, equal to the last digit shown, by numpy with `ddof=1`.
    #[test]
    fn ratios_agree_with_empyrical() {
        let sums = of_curve(&CURVE);
        close(sums.volatility(252.0), 2.787_998_113_179_657);
        close(sums.sharpe(252.0), 4.150_581_658_358_261);
        close(sums.sortino(252.0), 7.162_772_942_912_892);
    }

    #[test]
    fn undefined_is_named() {
        for few in [of(&[]), of(&[-0.1])] {
            assert_eq!(few.sharpe(252.0), Err(Undefined::FewReturns));
            assert_eq!(few.sortino(252.0), Err(Undefined::FewReturns));
            assert_eq!(few.volatility(252.0), Err(Undefined::FewReturns));
        }
        assert_eq!(of(&[0.0, 0.0]).sharpe(252.0), Err(Undefined::NoSpread));
        assert_eq!(of(&[0.1, 0.2]).sortino(252.0), Err(Undefined::NoLoss));
    }

    /// 1000, then a tenth more or less each day: the returns are 0.1 or -0.1 on paper and differ in the last digits of a float.
    #[test]
    fn a_spread_below_what_a_float_resolves_is_none() {
        for factor in [1.1_f64, 0.9, 3.0, 1.000_001] {
            let curve: Vec<f64> = (0..60).map(|n| 1_000.0 * factor.powi(n)).collect();
            let sums = of_curve(&curve);
            assert!(sums.squares > 0.0, "{factor} has to round");
            assert_eq!(sums.sharpe(252.0), Err(Undefined::NoSpread), "{factor}");
            assert_eq!(sums.sortino(252.0), Err(Undefined::NoSpread), "{factor}");
            assert_eq!(sums.volatility(252.0), Ok(0.0), "{factor}");
        }
    }

    /// A cent on a hundred million is a small spread, but one.
    #[test]
    fn a_small_spread_is_a_spread() {
        let sums = of_curve(&[1e8, 1e8 + 0.01, 1e8, 1e8 + 0.01, 1e8]);
        // Returns 1e-10, -1e-10, 1e-10, -1e-10: mean 0, deviation 1e-10 * sqrt(4 / 3).
        let found = sums.volatility(1.0).unwrap();
        let expected = 1e-10 * (4.0_f64 / 3.0).sqrt();
        assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
        assert!(sums.sharpe(1.0).is_ok() && sums.sortino(1.0).is_ok());
    }

    /// One return that is negative by rounding alone is no loss.
    #[test]
    fn a_loss_of_rounding_is_none() {
        let sums = of(&[0.1, -f64::EPSILON, 0.2]);
        assert_eq!(sums.sortino(252.0), Err(Undefined::NoLoss));
        assert!(sums.sharpe(252.0).is_ok());
    }
}
