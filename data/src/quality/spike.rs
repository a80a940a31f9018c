//! Outliers: a price far from the one before that does not stay. What stays, such as a split or a crash, is none. What is usual is a part of
//! the price: of months of bars in which a price grows tenfold the first say nothing else of the last.

use super::Thresholds;
use tickloom_types::{Record, Ts};

/// Changes by which the usual one is known.
const WINDOW: usize = 256;
/// Prices between two looks at what is usual, and before the first one.
const LOOK_EVERY: usize = 32;
/// Changes that are kept: those of a look and those since.
const KEPT: usize = WINDOW + LOOK_EVERY;

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
    /// The newest changes as parts of their prices, as a ring: those of the last look and those since. They are the bits of numbers that
    /// are not below zero, which go up with them.
    changes: Vec<u32>,
    /// Changes so far.
    accepted: usize,
    /// What nine of ten changes did not exceed when so many had come: worked out when it is first asked for.
    usual: Option<(usize, f32)>,
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
        // What is usual only makes the limit wider.
        let is_believed = distance <= least(base, thresholds)
            || self
                .limit(base, thresholds)
                .is_none_or(|limit| distance <= limit);
        if is_believed {
            let far = self.far.take();
            self.accept(price, part(distance, base));
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

    /// The newest price, if none is doubted.
    pub(super) fn calm(&self) -> Option<i64> {
        self.base.filter(|_| self.far.is_none())
    }

    /// Takes records of which each price is so near to the one before that it is believed whatever is usual, while none is doubted.
    pub(super) fn take_calm(&mut self, records: &[Record], price: impl Fn(&Record) -> i64) {
        // Of the changes only the newest are kept.
        let unkept = match self.changes.len() == KEPT {
            true => records.len().saturating_sub(KEPT),
            false => 0,
        };
        let (unkept, kept) = records.split_at(unkept);
        self.accepted += unkept.len();
        self.base = unkept.last().map(&price).or(self.base);
        for price in kept.iter().map(price) {
            let base = self.base.unwrap_or(price);
            let distance = price.saturating_sub(base).saturating_abs();
            self.accept(price, part(distance, base));
        }
    }

    /// The distance from the base up to which a price is believed; `None` as long as too little is known.
    fn limit(&mut self, base: i64, thresholds: &Thresholds) -> Option<i64> {
        let most = f64::from(self.usual()?) * thresholds.outlier_factor as f64;
        let most = most * base.unsigned_abs() as f64;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what is beyond all numbers is the greatest"
        )]
        let most = most as i64;
        Some(most.max(least(base, thresholds)))
    }

    /// What was usual at the last look.
    fn usual(&mut self) -> Option<f32> {
        let looked = self.accepted / LOOK_EVERY * LOOK_EVERY;
        if looked == 0 {
            return None;
        }
        if let Some((at, usual)) = self.usual
            && at == looked
        {
            return Some(usual);
        }
        let window = looked.min(WINDOW);
        // The ring from there on, and then from its begin.
        let from = (looked - window) % KEPT;
        let (behind, front) = self.changes.split_at(from.min(self.changes.len()));
        let first = front.len().min(window);
        let mut sorted = [0; WINDOW];
        sorted[..first].copy_from_slice(&front[..first]);
        sorted[first..window].copy_from_slice(&behind[..window - first]);
        let usual = f32::from_bits(*sorted[..window].select_nth_unstable(window * 9 / 10).1);
        self.usual = Some((looked, usual));
        Some(usual)
    }

    fn accept(&mut self, price: i64, change: f32) {
        let change = change.to_bits();
        self.base = Some(price);
        if self.changes.len() < KEPT {
            // All at once: there may be thousands of instruments, whose lists would be moved each time that they grow.
            self.changes.reserve_exact(KEPT - self.changes.len());
            self.changes.push(change);
        } else {
            self.changes[self.accepted % KEPT] = change;
        }
        self.accepted += 1;
    }
}

/// A distance as a part of a price; nothing is a part of none.
#[expect(clippy::cast_precision_loss, reason = "what is usual is known roughly")]
#[inline]
fn part(distance: i64, base: i64) -> f32 {
    match base {
        0 => 0.0,
        _ => distance as f32 / base.unsigned_abs() as f32,
    }
}

/// The least distance that is an outlier, whatever is usual.
fn least(base: i64, thresholds: &Thresholds) -> i64 {
    const PARTS: i64 = 1_000_000;
    let base = base.saturating_abs();
    match base.checked_mul(thresholds.outlier_ppm) {
        Some(parts) => parts / PARTS,
        None => {
            let parts = i128::from(base) * i128::from(thresholds.outlier_ppm);
            i64::try_from(parts / i128::from(PARTS)).unwrap_or(i64::MAX)
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

    /// Prices that double and halve each fourth time are as they are, however low they were before.
    #[test]
    fn what_is_usual_is_a_part_of_the_price() {
        let found = |spike: i64| {
            let mut watch = SpikeWatch::default();
            let thresholds = Thresholds::default();
            let prices = (0..200).map(|n: i64| {
                let level = if n < 100 { 1_000 } else { 1_000_000 };
                let swing = if n % 4 == 3 { 3 } else { 2 };
                let price = level * swing;
                (Ts(n), if n == 150 { price * spike } else { price })
            });
            let found = prices.filter_map(|(ts, price)| watch.push(ts, price, &thresholds));
            found.map(|spike| spike.price).collect::<Vec<i64>>()
        };
        // Nine of ten changes are a half or a third of the price: ten times that is five times it.
        assert!(found(1).is_empty());
        assert!(found(4).is_empty());
        assert_eq!(found(10), [20_000_000]);
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
