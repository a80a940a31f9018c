//! Means of a window: exact over mantissas, compensated over floats.

use super::exact::{Divisor, magnitude_mask};
use super::window::Window;
use std::ops::Range;
use tickloom_types::{StateError, StateReader, StateWriter};

/// Mean of the last n mantissas: an integer sum, divided once. It fills one cache line: graphs have thousands of them.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct ExactMean {
    pub(super) window: Window<i64>,
    sum: i128,
    divisor: Divisor,
    /// Bounds the magnitude of every mantissa so far.
    mask: u64,
}

const _: () = assert!(size_of::<ExactMean>() == 64);

/// Rows whose sums are held at a time between adding and dividing.
const CHUNK: usize = 64;

impl ExactMean {
    /// Over mantissas with ten to the power of `decimals` to the unit.
    pub(crate) fn new(n: u32, decimals: u8) -> ExactMean {
        ExactMean {
            window: Window::new(n, 0),
            sum: 0,
            divisor: Divisor::new(i128::from(n) * super::scale(decimals)),
            mask: 0,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: i64) -> f64 {
        self.mask |= magnitude_mask(x);
        self.sum += i128::from(x) - i128::from(self.window.replace(x));
        if self.window.is_full() {
            self.divisor.divide(self.sum)
        } else {
            f64::NAN
        }
    }

    /// Pushes `rows` of a column, all rows before which have been pushed too.
    pub(crate) fn block(&mut self, column: &[i64], rows: Range<usize>, out: &mut [f64]) {
        let n = self.window.len();
        // Rows whose window begins before the column does.
        let early = n.saturating_sub(rows.start).min(rows.len());
        let (first, out) = out.split_at_mut(early);
        for (out, x) in first.iter_mut().zip(&column[rows.clone()]) {
            *out = self.push(*x);
        }
        let rows = rows.start + early..rows.end;
        let new = &column[rows.clone()];
        let mask = new
            .iter()
            .fold(self.mask, |mask, x| mask | magnitude_mask(*x));
        let bits = (u64::BITS - mask.leading_zeros()) + (usize::BITS - n.leading_zeros());
        if rows.is_empty() || !self.divisor.is_fast(bits) {
            for (out, x) in out.iter_mut().zip(new) {
                *out = self.push(*x);
            }
            return;
        }
        self.mask = mask;
        let old = &column[rows.start - n..rows.end - n];
        self.block_fast(new, old, out);
        self.window.replace_all(new);
    }

    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.window.save(to, StateWriter::i64);
        to.u64(self.mask);
    }

    /// The sum is that of the window: it is exact.
    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window.load(from, StateReader::i64)?;
        self.mask = from.u64()?;
        for x in self.window.in_order() {
            self.sum += i128::from(x);
            self.mask |= magnitude_mask(x);
        }
        Ok(())
    }

    /// The window is full, `old` leaves it row by row, and all sums are small.
    fn block_fast(&mut self, new: &[i64], old: &[i64], out: &mut [f64]) {
        let mut sum = i64::try_from(self.sum).expect("all sums are small");
        let mut sums = [0; CHUNK];
        let chunks = new.chunks(CHUNK).zip(old.chunks(CHUNK));
        for ((new, old), out) in chunks.zip(out.chunks_mut(CHUNK)) {
            for ((new, old), sum_out) in new.iter().zip(old).zip(&mut sums) {
                sum += new - old;
                *sum_out = sum;
            }
            self.divisor.divide_all(&sums[..out.len()], out);
        }
        self.sum = i128::from(sum);
    }
}

/// Mean of the last n floats. The sum carries its rounding error and is made anew every n ticks, so that nothing drifts.
#[derive(Clone, Debug)]
pub(crate) struct Mean {
    pub(super) window: Window<f64>,
    sum: Sum,
}

impl Mean {
    pub(crate) fn new(n: u32) -> Mean {
        Mean {
            window: Window::new(n, 0.0),
            sum: Sum::default(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let old = self.window.replace(x);
        if self.window.is_in_order() {
            self.sum = Sum::of(self.window.values());
        } else {
            self.sum.add(x);
            self.sum.add(-old);
        }
        if self.window.is_full() {
            self.sum.value() / self.window.len() as f64
        } else {
            f64::NAN
        }
    }
}

impl Mean {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.window.save(to, StateWriter::f64);
        self.sum.save(to);
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window.load(from, StateReader::f64)?;
        self.sum = Sum::load(from)?;
        Ok(())
    }
}

/// A sum and what rounding has taken from it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    pub(crate) fn of(values: &[f64]) -> Sum {
        let mut sum = Sum::default();
        for x in values {
            sum.add(*x);
        }
        sum
    }

    /// Knuth's two-sum: the error of the addition is exact.
    #[inline]
    pub(crate) fn add(&mut self, x: f64) {
        let high = self.high + x;
        let part = high - self.high;
        self.low += (self.high - (high - part)) + (x - part);
        self.high = high;
    }

    #[inline]
    pub(crate) fn value(self) -> f64 {
        self.high + self.low
    }

    pub(crate) fn save(self, to: &mut StateWriter) {
        to.f64(self.high);
        to.f64(self.low);
    }

    pub(crate) fn load(from: &mut StateReader<'_>) -> Result<Sum, StateError> {
        Ok(Sum {
            high: from.f64()?,
            low: from.f64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_decimals_is_the_nearest_number() {
        let mut mean = ExactMean::new(3, 2);
        assert!(mean.push(10).is_nan());
        assert!(mean.push(20).is_nan());
        assert_eq!(mean.push(31).to_bits(), (61.0 / 300.0_f64).to_bits());
        assert_eq!(
            mean.push(i64::MAX).to_bits(),
            30_744_573_456_182_588_f64.to_bits()
        );
    }

    #[test]
    fn a_huge_value_leaves_no_trace() {
        let mut mean = Mean::new(2);
        for x in [0.1, 1e30, 0.1, 0.3] {
            mean.push(x);
        }
        assert_eq!(mean.push(0.5).to_bits(), 0.4_f64.to_bits());
    }

    #[test]
    fn what_rounding_took_from_a_sum_comes_back() {
        let mut mean = Mean::new(4);
        for x in [1e16, 1.0, 1.0, 1.0] {
            mean.push(x);
        }
        assert_eq!(mean.push(1.0).to_bits(), 1_f64.to_bits());
    }

    #[test]
    fn a_tick_that_is_not_ready_is_skipped() {
        let mut mean = Mean::new(2);
        mean.push(1.0);
        assert!(mean.push(f64::NAN).is_nan());
        assert_eq!(mean.push(2.0).to_bits(), 1.5_f64.to_bits());
    }
}
