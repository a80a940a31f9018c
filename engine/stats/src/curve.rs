//! What an equity curve says by itself: growth and falls. Not what the returns between its points look like.

use crate::NANOS_PER_YEAR;
use serde::Serialize;

/// Thirty days in nanoseconds.
const CAGR_SPAN_MIN: i64 = 30 * 86_400_000_000_000;

/// The deepest fall of a curve below its own earlier peak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drawdown {
    /// Depth as a fraction of the peak: 0.25 is a quarter lost.
    pub fraction: f64,
    /// Index of the peak.
    pub peak: usize,
    /// Index of the lowest point after it.
    pub trough: usize,
    /// Index of the first point that is at the peak again; `None` if the curve ends below it.
    pub recovery: Option<usize>,
    /// The longest time below a peak, in points of the curve, of this or any other fall.
    pub longest: usize,
}

/// Growth over the whole curve: `last / first - 1`. `None` without a positive first point.
#[must_use]
pub fn total_return(equity: &[f64]) -> Option<f64> {
    let (first, last) = (*equity.first()?, *equity.last()?);
    (first > 0.0).then(|| last / first - 1.0)
}

/// Compound annual growth rate: `(last / first) ^ (1 / years) - 1`.
///
/// `None` below thirty days, from which no year can be told, or if either end is not positive.
#[must_use]
pub fn cagr(equity: &[f64], span_nanos: i64) -> Option<f64> {
    let (first, last) = (*equity.first()?, *equity.last()?);
    if span_nanos < CAGR_SPAN_MIN || first <= 0.0 || last <= 0.0 {
        return None;
    }
    let years = span_nanos as f64 / NANOS_PER_YEAR;
    Some((last / first).powf(1.0 / years) - 1.0)
}

/// For each point, how far the curve is below its highest point so far, as a fraction: 0 at a new high, 0.25 a quarter below.
#[must_use]
pub fn drawdowns(equity: &[f64]) -> Vec<f64> {
    let mut peak = f64::NEG_INFINITY;
    equity
        .iter()
        .map(|&value| {
            peak = peak.max(value);
            depth(peak, value)
        })
        .collect()
}

/// The deepest fall; with the curve never below a peak, a fall of nothing at its first point. `None` for an empty curve.
#[must_use]
pub fn max_drawdown(equity: &[f64]) -> Option<Drawdown> {
    let first = *equity.first()?;
    let mut deepest = Drawdown {
        fraction: 0.0,
        peak: 0,
        trough: 0,
        recovery: Some(0),
        longest: 0,
    };
    let (mut peak, mut peak_at) = (first, 0);
    for (at, &value) in equity.iter().enumerate() {
        if value >= peak {
            if deepest.recovery.is_none() {
                deepest.recovery = Some(at);
            }
            (peak, peak_at) = (value, at);
            continue;
        }
        deepest.longest = deepest.longest.max(at - peak_at);
        let fraction = depth(peak, value);
        if fraction > deepest.fraction {
            deepest = Drawdown {
                fraction,
                peak: peak_at,
                trough: at,
                recovery: None,
                longest: deepest.longest,
            };
        }
    }
    Some(deepest)
}

/// A curve that never was above zero cannot fall by a fraction of anything.
fn depth(peak: f64, value: f64) -> f64 {
    if peak > 0.0 { 1.0 - value / peak } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand; total return and drawdown also by empyrical 0.7.1 (`cum_returns_final`, `max_drawdown`).
    const CURVE: [f64; 8] = [100.0, 110.0, 99.0, 104.5, 121.0, 90.75, 96.8, 125.0];

    fn close(left: Option<f64>, right: f64) {
        let left = left.unwrap();
        assert!((left - right).abs() < 1e-12, "{left} is not {right}");
    }

    #[test]
    fn growth() {
        close(total_return(&CURVE), 0.25);
        assert_eq!(total_return(&[]), None);
        assert_eq!(total_return(&[0.0, 5.0]), None);
    }

    #[test]
    fn growth_a_year() {
        // 1.25 ^ (1 / 2.5) - 1 by numpy.
        let span = 78_894_000_i64 * 1_000_000_000; // 2.5 years of 365.25 days
        close(cagr(&CURVE, span), 0.093_362_073_943_278_11);
        assert_eq!(cagr(&CURVE, CAGR_SPAN_MIN - 1), None);
        assert_eq!(cagr(&[100.0, -1.0], span), None);
    }

    #[test]
    fn the_deepest_fall_and_the_longest_time_below() {
        // 121 -> 90.75 is a quarter; it takes until 125. Below 110 for two points, below 121 for two.
        let fall = max_drawdown(&CURVE).unwrap();
        close(Some(fall.fraction), 0.25);
        assert_eq!((fall.peak, fall.trough), (4, 5));
        assert_eq!(fall.recovery, Some(7));
        assert_eq!(fall.longest, 2);
        // A shallow fall may last longer than the deepest.
        let fall = max_drawdown(&[10.0, 9.9, 9.9, 9.9, 10.0, 5.0]).unwrap();
        assert_eq!((fall.peak, fall.trough, fall.longest), (4, 5, 3));
        assert_eq!(fall.recovery, None);
    }

    #[test]
    fn a_curve_that_never_falls() {
        let fall = max_drawdown(&[1.0, 1.0, 2.0]).unwrap();
        assert_eq!((fall.trough, fall.recovery, fall.longest), (0, Some(0), 0));
        assert!(fall.fraction.abs() < f64::EPSILON);
        assert_eq!(max_drawdown(&[]), None);
    }

    #[test]
    fn depth_of_each_point() {
        let expected = [0.0, 0.0, 0.1, 0.05, 0.0, 0.25, 0.2, 0.0];
        for (depth, expected) in drawdowns(&CURVE).into_iter().zip(expected) {
            close(Some(depth), expected);
        }
    }
}
