//! Standard deviation of a window, of a population: divided by n.

use super::exact::magnitude_mask;
use super::window::Window;
use tickloom_types::{StateError, StateReader, StateWriter};

/// Over mantissas, in integers up to the square root: zero if and only if all are equal.
#[derive(Clone, Debug)]
pub(crate) struct ExactDeviation {
    pub(super) window: Window<i64>,
    sum: i128,
    squares: u128,
    /// Bounds the magnitude of every mantissa so far.
    mask: u64,
    n: i128,
    scale: i128,
}

impl ExactDeviation {
    pub(crate) fn new(n: u32, decimals: u8) -> ExactDeviation {
        ExactDeviation {
            window: Window::new(n, 0),
            sum: 0,
            squares: 0,
            mask: 0,
            n: i128::from(n),
            scale: super::scale(decimals),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: i64) -> f64 {
        let old = self.window.replace(x);
        self.mask |= magnitude_mask(x);
        self.sum += i128::from(x) - i128::from(old);
        self.squares = self
            .squares
            .wrapping_add(square(x))
            .wrapping_sub(square(old));
        if self.window.is_full() {
            self.spread().sqrt() / (self.n * self.scale) as f64
        } else {
            f64::NAN
        }
    }

    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.window.save(to, StateWriter::i64);
        to.u64(self.mask);
    }

    /// The sums are those of the window: they are exact.
    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window.load(from, StateReader::i64)?;
        self.mask = from.u64()?;
        for x in self.window.in_order() {
            self.sum += i128::from(x);
            self.squares = self.squares.wrapping_add(square(x));
            self.mask |= magnitude_mask(x);
        }
        Ok(())
    }

    /// n² times the variance of the mantissas: n * squares - sum².
    #[inline]
    fn spread(&self) -> f64 {
        let bits_value = u64::BITS - self.mask.leading_zeros();
        let bits_n = u128::BITS - self.n.leading_zeros();
        if 2 * (bits_value + bits_n) < u128::BITS {
            let squares = self.squares.cast_signed();
            (self.n * squares - self.sum * self.sum) as f64
        } else {
            self.spread_wide(bits_value, bits_n)
        }
    }

    /// The same by way of distances from the mean rounded down, which are smaller; not ready if even their squares may not fit.
    #[cold]
    fn spread_wide(&self, bits_value: u32, bits_n: u32) -> f64 {
        if 2 * (bits_value + 1) + bits_n > u128::BITS {
            return f64::NAN;
        }
        let mean = self.sum.div_euclid(self.n);
        let rest = self.sum.rem_euclid(self.n);
        // Sum of (x - mean)²; parts of it may wrap, the whole fits.
        let distances = self
            .squares
            .cast_signed()
            .wrapping_sub(mean.wrapping_mul(self.sum).wrapping_mul(2))
            .wrapping_add(mean.wrapping_mul(mean).wrapping_mul(self.n))
            .cast_unsigned();
        distances as f64 * self.n as f64 - (rest * rest) as f64
    }
}

#[inline]
fn square(x: i64) -> u128 {
    let magnitude = u128::from(x.unsigned_abs());
    magnitude * magnitude
}

/// Over floats: Welford's updates, made anew every n ticks so that nothing drifts, and exactly zero while all are equal.
#[derive(Clone, Debug)]
pub(crate) struct Deviation {
    pub(super) window: Window<f64>,
    mean: f64,
    /// Sum of squared distances from the mean.
    distances: f64,
    last: f64,
    /// How many of the last ticks were equal.
    equal: usize,
}

impl Deviation {
    pub(crate) fn new(n: u32) -> Deviation {
        Deviation {
            window: Window::new(n, 0.0),
            mean: 0.0,
            distances: 0.0,
            last: f64::NAN,
            equal: 0,
        }
    }

    #[inline]
    #[expect(clippy::float_cmp, reason = "counts ticks that are exactly equal")]
    pub(crate) fn push(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        self.equal = if x == self.last { self.equal + 1 } else { 1 };
        self.last = x;
        let old = self.window.replace(x);
        if !self.window.is_full() {
            return f64::NAN;
        }
        let n = self.window.len() as f64;
        if self.equal >= self.window.len() {
            (self.mean, self.distances) = (x, 0.0);
        } else if self.window.is_in_order() {
            self.refresh();
        } else {
            let mean = self.mean + (x - old) / n;
            self.distances += (x - old) * ((x - mean) + (old - self.mean));
            self.mean = mean;
        }
        (self.distances.max(0.0) / n).sqrt()
    }

    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.window.save(to, StateWriter::f64);
        to.f64(self.mean);
        to.f64(self.distances);
        to.f64(self.last);
        // More than a window of equal ticks are a window of them.
        to.count(self.equal.min(self.window.len()));
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window.load(from, StateReader::f64)?;
        self.mean = from.f64()?;
        self.distances = from.f64()?;
        self.last = from.f64()?;
        self.equal = from.place(self.window.len())?;
        Ok(())
    }

    fn refresh(&mut self) {
        let values = self.window.values();
        self.mean = super::mean::Sum::of(values).value() / values.len() as f64;
        self.distances = values
            .iter()
            .map(|x| (x - self.mean) * (x - self.mean))
            .sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(n: u32, decimals: u8, values: &[i64]) -> f64 {
        let mut deviation = ExactDeviation::new(n, decimals);
        values.iter().map(|x| deviation.push(*x)).last().unwrap()
    }

    #[test]
    fn of_a_population() {
        // 2 4 4 4 5 5 7 9: mean 5, variance 4.
        let values = [2, 4, 4, 4, 5, 5, 7, 9];
        assert_eq!(exact(8, 0, &values).to_bits(), 2_f64.to_bits());
        let mut float = Deviation::new(8);
        let found = values.iter().map(|x| float.push(*x as f64)).last();
        assert_eq!(found.unwrap().to_bits(), 2_f64.to_bits());
    }

    #[test]
    fn equal_values_give_exactly_zero() {
        let mut float = Deviation::new(3);
        for x in [0.7, 0.1, 0.3, 0.1, 0.1] {
            assert!(float.push(x) != 0.0);
        }
        assert_eq!(float.push(0.1).to_bits(), 0_f64.to_bits());
        assert_eq!(exact(2, 9, &[5, 7, 7]).to_bits(), 0_f64.to_bits());
    }

    #[test]
    fn large_mantissas_stay_exact_or_are_not_ready() {
        // Both ways of the same window, far from zero: 1, 3 apart from the mean.
        let base = 1 << 60;
        let shifted = exact(4, 0, &[base, base + 2, base + 4, base + 6]);
        assert_eq!(shifted.to_bits(), 5_f64.sqrt().to_bits());
        assert!(exact(4, 0, &[i64::MAX, i64::MIN, 0, 1]).is_nan());
    }
}
