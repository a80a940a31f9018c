//! What returns look like: spread, and growth per spread.

use crate::Undefined;

/// How many units in the last place of `1 + return` a return may be off: it is a quotient of two amounts, each rounded to a float
/// and scaled, less one. What does not differ by more does not differ.
const ROUNDINGS: f64 = 4.0;

/// Returns whose sums are taken at once.
const GROUP: usize = 32;
/// Sums that go on beside each other within a group.
const LANES: usize = 8;

/// Sums over returns, in one pass and constant memory: enough for every ratio below. They depend on the returns and their order alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Returns {
    sums: Sums,
    /// The newest, which are not in the sums yet.
    group: [f64; GROUP],
    grouped: usize,
}

/// What is known of some returns.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sums {
    count: f64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
    /// Sum of the squares of the negative returns.
    downside: f64,
    /// Largest magnitude.
    largest: f64,
}

impl Sums {
    /// Of so many returns, no more than a group. Two passes: no cancellation on tiny returns.
    fn of(values: &[f64]) -> Sums {
        if values.is_empty() {
            return Sums::default();
        }
        let count = values.len() as f64;
        let mean = sum(values, |value| value) / count;
        Sums {
            count,
            mean,
            squares: sum(values, |value| (value - mean) * (value - mean)),
            downside: sum(values, |value| value.min(0.0) * value.min(0.0)),
            largest: values
                .iter()
                .fold(0.0, |all: f64, value| all.max(value.abs())),
        }
    }

    /// Of these returns and the next ones: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    /// Variances", 1979.
    fn and(self, next: Sums) -> Sums {
        let count = self.count + next.count;
        if count == 0.0 {
            return self;
        }
        let distance = next.mean - self.mean;
        Sums {
            count,
            mean: self.mean + distance * next.count / count,
            squares: self.squares
                + next.squares
                + distance * distance * self.count * next.count / count,
            downside: self.downside + next.downside,
            largest: self.largest.max(next.largest),
        }
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

fn sum(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    for some in values.chunks(LANES) {
        for (lane, value) in lanes.iter_mut().zip(some) {
            *lane += of(*value);
        }
    }
    lanes.iter().sum()
}

impl Default for Returns {
    fn default() -> Returns {
        Returns {
            sums: Sums::default(),
            group: [0.0; GROUP],
            grouped: 0,
        }
    }
}

impl Returns {
    /// Takes in one more return, as a fraction.
    pub fn push(&mut self, value: f64) {
        self.group[self.grouped] = value;
        self.grouped += 1;
        if self.grouped == GROUP {
            self.sums = self.sums.and(Sums::of(&self.group));
            self.grouped = 0;
        }
    }

    fn sums(&self) -> Sums {
        self.sums.and(Sums::of(&self.group[..self.grouped]))
    }

    /// Annual volatility: sample standard deviation times the root of the periods a year.
    ///
    /// # Errors
    /// [`Undefined::FewReturns`] below two returns.
    pub fn volatility(&self, periods: f64) -> Result<f64, Undefined> {
        Ok(self.sums().deviation()? * periods.sqrt())
    }

    /// Annual Sharpe ratio: mean over sample standard deviation times the root of the periods a year.
    ///
    /// Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 1994, with a risk-free rate of zero.
    ///
    /// # Errors
    /// [`Undefined::FewReturns`] below two returns, [`Undefined::NoSpread`] if they do not differ.
    pub fn sharpe(&self, periods: f64) -> Result<f64, Undefined> {
        let sums = self.sums();
        Ok(sums.mean / sums.spread()? * periods.sqrt())
    }

    /// Annual Sortino ratio: mean over the root of the mean square of the negative returns, where the mean is over *all* returns.
    ///
    /// Sortino and Price, "Performance Measurement in a Downside Risk Framework", Journal of Investing 1994, with a target of zero.
    ///
    /// # Errors
    /// As [`Returns::sharpe`], and [`Undefined::NoLoss`] without a negative return.
    pub fn sortino(&self, periods: f64) -> Result<f64, Undefined> {
        let sums = self.sums();
        sums.spread()?;
        let downside = (sums.downside / sums.count).sqrt();
        if downside <= sums.resolution() {
            return Err(Undefined::NoLoss);
        }
        Ok(sums.mean / downside * periods.sqrt())
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
            assert!(sums.sums().squares > 0.0, "{factor} has to round");
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

    /// Against two passes over all of them, whatever the number: a group, a bit more, many.
    #[test]
    fn groups_come_to_what_all_at_once_do() {
        for count in [2, 31, 32, 33, 64, 1_000] {
            let values: Vec<f64> = (0..count)
                .map(|n| f64::from(n * 7_919 % 83) / 1e4 - 0.003)
                .collect();
            let mean = values.iter().sum::<f64>() / f64::from(count);
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let falls: f64 = values
                .iter()
                .filter(|value| **value < 0.0)
                .map(|value| value * value)
                .sum();
            let deviation = (squares / f64::from(count - 1)).sqrt();
            let sums = of(&values);
            close(sums.volatility(1.0), deviation);
            close(sums.sharpe(1.0), mean / deviation);
            close(sums.sortino(1.0), mean / (falls / f64::from(count)).sqrt());
        }
    }
}
