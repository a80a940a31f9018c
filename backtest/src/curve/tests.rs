//! The curve against a plain model that keeps every point: the same figures however many points are dropped from the picture.

use super::*;
use tickloom_types::{Money, parse_money};

const SECOND: i64 = 1_000_000_000;

/// Equity that wanders, with a spike up and a fall of one second each in the middle of nowhere.
fn wander(points: usize) -> Vec<f64> {
    let mut state = 7_u64;
    let mut equity = 10_000.0;
    let mut all = Vec::with_capacity(points);
    for _ in 0..points {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        equity += (state >> 40) as f64 / (1 << 24) as f64 - 0.5;
        all.push(equity);
    }
    all[points / 3] = 25_000.0;
    all[points / 2 + 1] = 1_000.0;
    all
}

fn build(equity: &[f64]) -> Measured {
    let ids = [InstrumentId(0), InstrumentId(7)];
    let mut curve = CurveBuilder::new(parse_money("10000").unwrap(), &ids);
    for (at, equity) in (0..).zip(equity) {
        let mut prices = [f64::NAN; PRICES_MAX];
        prices[..2].copy_from_slice(&[equity / 2.0, 5.0]);
        curve.push(&Point {
            ts: at * SECOND,
            equity: *equity,
            exact: Money::ZERO,
            is_held: at % 4 == 0,
            prices,
        });
    }
    curve.finish()
}

/// Deepest fall, longest time below a peak, mean and sample deviation of returns, by the definitions.
fn model(cash: f64, equity: &[f64]) -> (f64, usize, f64, f64) {
    let (mut peak, mut deepest, mut longest, mut below) = (cash, 0.0_f64, 0, 0);
    for value in equity {
        peak = peak.max(*value);
        deepest = deepest.max(1.0 - value / peak);
        below = if *value < peak { below + 1 } else { 0 };
        longest = longest.max(below);
    }
    let returns: Vec<f64> = equity.windows(2).map(|w| w[1] / w[0] - 1.0).collect();
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let squares: f64 = returns.iter().map(|r| (r - mean).powi(2)).sum();
    (deepest, longest, mean, (squares / (n - 1.0)).sqrt())
}

/// 48 days of seconds: the picture is thinned several times, the figures are those of all points.
#[test]
fn figures_are_of_all_points_and_the_picture_is_bounded() {
    let equity = wander(48 * 86_400);
    let measured = build(&equity);
    let (deepest, longest, mean, deviation) = model(10_000.0, &equity);
    let near = |found: f64, expected: f64| {
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
    };
    near(measured.sums.max_drawdown().unwrap(), deepest);
    assert_eq!(measured.sums.longest_drawdown(), Ok(longest));
    let periods = 365.25 * 86_400.0_f64;
    near(measured.sums.periods_per_year().unwrap(), periods);
    near(
        measured.sums.volatility().unwrap(),
        deviation * periods.sqrt(),
    );
    near(
        measured.sums.sharpe().unwrap(),
        mean / deviation * periods.sqrt(),
    );
    assert_eq!(measured.sums.points(), equity.len());
    assert_eq!(measured.sums.exposure(), Ok(0.25));

    let curve = &measured.curve;
    assert!(curve.ts.len() <= POINTS_MAX, "{}", curve.ts.len());
    assert!(curve.ts.len() > POINTS_MAX / 8, "{}", curve.ts.len());
    assert!(curve.ts.is_sorted_by(|a, b| a < b));
    assert_eq!(curve.ts[0], 0);
    let last = curve.ts.len() - 1;
    assert_eq!(curve.ts[last], (48 * 86_400 - 1) * SECOND);
    assert_eq!(
        curve.equity[last].to_bits(),
        equity[equity.len() - 1].to_bits()
    );
    // The spike and the fall are there, at their times, and every point is a point of the run.
    for at in [equity.len() / 3, equity.len() / 2 + 1] {
        let ts = i64::try_from(at).unwrap() * SECOND;
        let place = curve.ts.binary_search(&ts).unwrap();
        assert_eq!(curve.equity[place].to_bits(), equity[at].to_bits());
        assert_eq!(
            curve.prices[0].1[place].to_bits(),
            (equity[at] / 2.0).to_bits()
        );
    }
    let shown = curve.drawdown.iter().copied().fold(0.0, f64::max);
    assert_eq!(
        shown.to_bits(),
        measured.sums.max_drawdown().unwrap().to_bits()
    );
    for (ts, shown) in curve.ts.iter().zip(&curve.equity) {
        let at = usize::try_from(ts / SECOND).unwrap();
        assert_eq!(shown.to_bits(), equity[at].to_bits());
    }
}

/// Whatever is left of a group.
#[test]
fn a_long_curve_ends_with_its_last_point() {
    for more in [0, 1, 2, 7, 8, 9] {
        let count = POINTS_MAX + more;
        // The last is neither the highest nor the lowest of its group.
        let equity: Vec<f64> = (0..count).map(|at| 1_000.0 + (at % 3) as f64).collect();
        let measured = build(&equity);
        let last = i64::try_from(count - 1).unwrap() * SECOND;
        assert_eq!(measured.curve.ts.last(), Some(&last), "{more}");
        assert_eq!(measured.curve.equity.last(), equity.last());
        assert!(measured.curve.ts.is_sorted_by(|a, b| a < b));
    }
}

#[test]
fn a_short_curve_is_kept_as_it_is() {
    let measured = build(&[9_950.0, 9_900.0, 10_100.0]);
    assert_eq!(measured.curve.ts, [0, SECOND, 2 * SECOND]);
    assert_eq!(measured.curve.equity, [9_950.0, 9_900.0, 10_100.0]);
    // The starting cash of 10,000 is the first peak.
    let expected = [0.005, 0.01, 0.0];
    for (found, expected) in measured.curve.drawdown.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    let named: Vec<InstrumentId> = measured.curve.prices.iter().map(|(id, _)| *id).collect();
    assert_eq!(named, [InstrumentId(0), InstrumentId(7)]);
    assert!(build(&[]).curve.ts.is_empty());
}

#[test]
fn a_point_of_the_same_time_replaces_the_one_before() {
    let mut curve = CurveBuilder::new(parse_money("100").unwrap(), &[]);
    let point = |ts, equity| Point {
        ts,
        equity,
        exact: Money::ZERO,
        is_held: false,
        prices: [f64::NAN; PRICES_MAX],
    };
    for (ts, equity) in [(1, 50.0), (1, 100.0), (2, 10.0), (2, 110.0)] {
        curve.push(&point(ts, equity));
    }
    let measured = curve.finish();
    assert_eq!(measured.curve.equity, [100.0, 110.0]);
    assert_eq!(measured.sums.max_drawdown(), Ok(0.0));
    assert_eq!(measured.months.len(), 1);
}

#[test]
fn what_is_cleared_leaves_nothing() {
    let mut curve = CurveBuilder::new(parse_money("100").unwrap(), &[]);
    let point = |ts, equity| Point {
        ts,
        equity,
        exact: Money::ZERO,
        is_held: true,
        prices: [f64::NAN; PRICES_MAX],
    };
    curve.push(&point(1, 1.0));
    curve.push(&point(2, 100.0));
    curve.clear();
    assert_eq!(curve.newest(), None);
    curve.push(&point(3, 100.0));
    let measured = curve.finish();
    assert_eq!((measured.curve.ts, measured.sums.points()), (vec![3], 1));
    assert_eq!(measured.sums.max_drawdown(), Ok(0.0));
}
