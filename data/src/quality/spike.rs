//! Outliers: a price far from the one before that does not stay. What stays, such as a split or a crash, is none.

use super::Thresholds;
use tickloom_types::Ts;

/// Changes by which the usual one is known.
const WINDOW: usize = 256;
/// Changes that must be known before a price is judged.
const KNOWN_MIN: usize = 32;
/// Prices between two looks at what is usual.
const LOOK_EVERY: usize = 32;

/// Prices that were far off and came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spike {
    pub(super) from: Ts,
    pub(super) to: Ts,
    pub(super) count: u64,
    /// The price before.
    pub(super) base: i64,
    /// The farthest one.
    pub(super) price: i64,
}

/// Follows one series of prices.
#[derive(Clone, Debug, Default)]
pub(super) struct SpikeWatch {
    base: Option<i64>,
    changes: Vec<i64>,
    at: usize,
    since_look: usize,
    /// What nine of ten changes do not exceed.
    usual: Option<i64>,
    /// Prices far from the base, until it is known whether they stay.
    far: Option<Spike>,
}

impl SpikeWatch {
    /// The next price; a spike that it ends.
    pub(super) fn push(&mut self, ts: Ts, price: i64, thresholds: &Thresholds) -> Option<Spike> {
        let Some(base) = self.base else {
            self.base = Some(price);
            return None;
        };
        let distance = price.saturating_sub(base).saturating_abs();
        let limit = self.limit(base, thresholds);
        if limit.is_none_or(|limit| distance <= limit) {
            let far = self.far.take();
            self.accept(price, distance);
            // It is back only if it is much nearer than it was.
            let is_back =
                |far: &Spike| distance.saturating_mul(4) <= (far.price - base).saturating_abs();
            return far.filter(is_back);
        }
        match &mut self.far {
            None => {
                let (from, to) = (ts, ts);
                self.far = Some(Spike {
                    from,
                    to,
                    count: 1,
                    base,
                    price,
                });
            }
            Some(far) if far.count < thresholds.outlier_records => {
                far.count += 1;
                far.to = ts;
                if distance > (far.price - base).saturating_abs() {
                    far.price = price;
                }
            }
            Some(_) => {
                self.far = None;
                self.base = Some(price);
            }
        }
        None
    }

    fn limit(&self, base: i64, thresholds: &Thresholds) -> Option<i64> {
        let least =
            i128::from(base.saturating_abs()) * i128::from(thresholds.outlier_ppm) / 1_000_000;
        let usual = self.usual?.saturating_mul(thresholds.outlier_factor);
        Some(usual.max(i64::try_from(least).unwrap_or(i64::MAX)))
    }

    fn accept(&mut self, price: i64, change: i64) {
        self.base = Some(price);
        if self.changes.len() < WINDOW {
            self.changes.push(change);
        } else {
            self.changes[self.at] = change;
            self.at = (self.at + 1) % WINDOW;
        }
        self.since_look += 1;
        if self.since_look >= LOOK_EVERY && self.changes.len() >= KNOWN_MIN {
            self.since_look = 0;
            let mut sorted = self.changes.clone();
            let place = sorted.len() * 9 / 10;
            self.usual = Some(*sorted.select_nth_unstable(place).1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spikes(change: impl Fn(i64, i64) -> i64) -> Vec<Spike> {
        let mut watch = SpikeWatch::default();
        let prices = (0..500).map(|n| (Ts(n), change(n, 100_000 + n % 7 * 3)));
        let thresholds = Thresholds::default();
        prices
            .filter_map(|(ts, price)| watch.push(ts, price, &thresholds))
            .collect()
    }

    #[test]
    fn what_comes_back_is_an_outlier() {
        let found = spikes(|n, price| {
            if n == 300 || n == 301 {
                price * 11 / 10
            } else {
                price
            }
        });
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].from, found[0].to, found[0].count),
            (Ts(300), Ts(301), 2)
        );
    }

    #[test]
    fn what_stays_is_none() {
        assert_eq!(
            spikes(|n, price| if n >= 300 { price / 2 } else { price }),
            []
        );
        assert_eq!(spikes(|_, price| price), []);
    }
}
