//! Weighted means of a window: linear weights, and volume as weight.

use super::exact::Divisor;
use super::mean::Sum;
use super::window::Window;
use tickloom_types::{StateError, StateReader, StateWriter};

/// Mean of the last n mantissas with weights 1 (oldest) to n (newest), in integers.
#[derive(Clone, Debug)]
pub(crate) struct ExactWma {
    pub(super) window: Window<i64>,
    sum: i128,
    weighted: i128,
    n: i128,
    divisor: Divisor,
}

impl ExactWma {
    pub(crate) fn new(n: u32, decimals: u8) -> ExactWma {
        let n_wide = i128::from(n);
        ExactWma {
            window: Window::new(n, 0),
            sum: 0,
            weighted: 0,
            n: n_wide,
            divisor: Divisor::new(n_wide * (n_wide + 1) / 2 * super::scale(decimals)),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: i64) -> f64 {
        // Empty places are zeros, so that warm-up needs no case of its own.
        self.weighted += self.n * i128::from(x) - self.sum;
        self.sum += i128::from(x) - i128::from(self.window.replace(x));
        if self.window.is_full() {
            self.divisor.divide(self.weighted)
        } else {
            f64::NAN
        }
    }
}

impl ExactWma {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.window.save(to, StateWriter::i64);
    }

    /// The sums are those of the window: they are exact.
    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window.load(from, StateReader::i64)?;
        let count = self.window.in_order().count() as i128;
        // The newest of n has the weight n, also while the window fills.
        for (weight, x) in (self.n - count + 1..).zip(self.window.in_order()) {
            self.sum += i128::from(x);
            self.weighted += weight * i128::from(x);
        }
        Ok(())
    }
}

/// The same over floats; made anew every n ticks, so that nothing drifts.
#[derive(Clone, Debug)]
pub(crate) struct Wma {
    pub(super) window: Window<f64>,
    sum: f64,
    weighted: f64,
    n: f64,
}

impl Wma {
    pub(crate) fn new(n: u32) -> Wma {
        Wma {
            window: Window::new(n, 0.0),
            sum: 0.0,
            weighted: 0.0,
            n: f64::from(n),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let old = self.window.replace(x);
        if self.window.is_in_order() {
            self.refresh();
        } else {
            self.weighted += self.n * x - self.sum;
            self.sum += x - old;
        }
        if self.window.is_full() {
            self.weighted / (self.n * (self.n + 1.0) / 2.0)
        } else {
            f64::NAN
        }
    }

    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.window.save(to, StateWriter::f64);
        to.f64(self.sum);
        to.f64(self.weighted);
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window.load(from, StateReader::f64)?;
        self.sum = from.f64()?;
        self.weighted = from.f64()?;
        Ok(())
    }

    fn refresh(&mut self) {
        let (mut sum, mut weighted, mut weight) = (Sum::default(), Sum::default(), 0.0);
        for x in self.window.values() {
            weight += 1.0;
            sum.add(*x);
            weighted.add(weight * x);
        }
        self.sum = sum.value();
        self.weighted = weighted.value();
    }
}

/// Mean price of the last n ticks by volume, from mantissas.
#[derive(Clone, Debug)]
pub(crate) struct ExactVwap {
    pub(super) window: Window<(i64, i64)>,
    traded: i128,
    volume: i128,
    scale: i128,
}

impl ExactVwap {
    /// `decimals` are those of the price; those of the volume cancel.
    pub(crate) fn new(n: u32, decimals: u8) -> ExactVwap {
        ExactVwap {
            window: Window::new(n, (0, 0)),
            traded: 0,
            volume: 0,
            scale: super::scale(decimals),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, price: i64, volume: i64) -> f64 {
        let (old_price, old_volume) = self.window.replace((price, volume));
        // Wrapping: a sum of products beyond 128 bits would need prices and volumes near the end of 64 bits each, and is
        // right again once they have left the window.
        self.traded = self
            .traded
            .wrapping_add(i128::from(price) * i128::from(volume))
            .wrapping_sub(i128::from(old_price) * i128::from(old_volume));
        self.volume += i128::from(volume) - i128::from(old_volume);
        if self.window.is_full() && self.volume > 0 {
            self.traded as f64 / (self.volume as f64 * self.scale as f64)
        } else {
            f64::NAN
        }
    }
}

impl ExactVwap {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.window.save(to, |to, (price, volume)| {
            to.i64(price);
            to.i64(volume);
        });
    }

    /// The sums are those of the window: they are exact.
    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window
            .load(from, |from| Ok((from.i64()?, from.i64()?)))?;
        for (price, volume) in self.window.in_order() {
            let traded = i128::from(price) * i128::from(volume);
            self.traded = self.traded.wrapping_add(traded);
            self.volume += i128::from(volume);
        }
        Ok(())
    }
}

/// The same over floats.
#[derive(Clone, Debug)]
pub(crate) struct Vwap {
    pub(super) window: Window<(f64, f64)>,
    traded: Sum,
    volume: Sum,
    /// How many of the ticks in the window have a volume: without any, what rounding left of the sums is no mean.
    with_volume: usize,
}

impl Vwap {
    pub(crate) fn new(n: u32) -> Vwap {
        Vwap {
            window: Window::new(n, (0.0, 0.0)),
            traded: Sum::default(),
            volume: Sum::default(),
            with_volume: 0,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, price: f64, volume: f64) -> f64 {
        if price.is_nan() | volume.is_nan() {
            return f64::NAN;
        }
        let (old_price, old_volume) = self.window.replace((price, volume));
        self.with_volume += usize::from(volume != 0.0);
        self.with_volume -= usize::from(old_volume != 0.0);
        if self.window.is_in_order() {
            (self.traded, self.volume) = (Sum::default(), Sum::default());
            for (price, volume) in self.window.values() {
                self.traded.add(price * volume);
                self.volume.add(*volume);
            }
        } else {
            self.traded.add(price * volume);
            self.traded.add(-(old_price * old_volume));
            self.volume.add(volume);
            self.volume.add(-old_volume);
        }
        if self.window.is_full() && self.with_volume > 0 {
            super::scalar::div(self.traded.value(), self.volume.value())
        } else {
            f64::NAN
        }
    }
}

impl Vwap {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.window.save(to, |to, (price, volume)| {
            to.f64(price);
            to.f64(volume);
        });
        self.traded.save(to);
        self.volume.save(to);
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window
            .load(from, |from| Ok((from.f64()?, from.f64()?)))?;
        self.traded = Sum::load(from)?;
        self.volume = Sum::load(from)?;
        let volumes = self.window.in_order().map(|(_, volume)| volume);
        self.with_volume = volumes.filter(|volume| *volume != 0.0).count();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_weights() {
        // (1 * 1 + 2 * 2 + 3 * 4) / 6, then (1 * 2 + 2 * 4 + 3 * 4) / 6.
        let expected = [17.0 / 6.0, 22.0 / 6.0];
        let (mut exact, mut float) = (ExactWma::new(3, 1), Wma::new(3));
        let found: Vec<(f64, f64)> = [10, 20, 40, 40]
            .iter()
            .map(|x| (exact.push(*x), float.push(*x as f64 / 10.0)))
            .collect();
        assert!(found[1].0.is_nan() && found[1].1.is_nan());
        for (found, expected) in found[2..].iter().zip(expected) {
            assert_eq!(found.0.to_bits(), f64::to_bits(expected));
            assert!((found.1 - expected).abs() < 1e-15);
        }
    }

    /// Sums of volumes that came and went need not end at zero to the last bit.
    #[test]
    fn ticks_without_volume_have_no_mean() {
        let mut float = Vwap::new(5);
        for (price, volume) in [
            (7.1, 1e17),
            (7.3, 0.001),
            (7.7, 0.2),
            (7.9, 12_345.678),
            (8.3, 0.0),
        ] {
            float.push(price, volume);
        }
        for _ in 0..3 {
            assert!(!float.push(9.0, 0.0).is_nan());
        }
        assert!(float.push(9.0, 0.0).is_nan());
    }

    #[test]
    fn volume_weights() {
        // (2 * 30 + 4 * 10) / 40 = 2.5; without volume there is no mean.
        let (mut exact, mut float) = (ExactVwap::new(2, 2), Vwap::new(2));
        for (price, volume, expected) in [
            (200, 30, None),
            (400, 10, Some(2.5)),
            (900, 0, Some(4.0)),
            (900, 0, None),
        ] {
            let found = [
                exact.push(price, volume),
                float.push(price as f64 / 100.0, volume as f64),
            ];
            for found in found {
                assert_eq!((!found.is_nan()).then_some(found), expected);
            }
        }
    }
}
