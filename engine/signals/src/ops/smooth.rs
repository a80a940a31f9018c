//! Exponential means and what is built on them. Definitions are TA-Lib's.

use tickloom_types::{StateError, StateReader, StateWriter};

/// Exponential mean, begun with the plain mean of the first n values.
#[derive(Clone, Debug)]
pub(crate) struct Ema {
    value: f64,
    factor: f64,
    /// Values that are still missing from the first mean.
    missing: u32,
    n: u32,
}

impl Ema {
    /// With factor 2 / (n + 1).
    pub(crate) fn new(n: u32) -> Ema {
        Ema {
            value: 0.0,
            factor: 2.0 / (f64::from(n) + 1.0),
            missing: n,
            n,
        }
    }

    /// With Wilder's factor, 1 / n.
    pub(crate) fn wilder(n: u32) -> Ema {
        Ema {
            factor: 1.0 / f64::from(n),
            ..Ema::new(n)
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        if self.missing == 0 {
            self.value += (x - self.value) * self.factor;
            return self.value;
        }
        self.value += x;
        self.missing -= 1;
        if self.missing > 0 {
            return f64::NAN;
        }
        self.value /= f64::from(self.n);
        self.value
    }
}

impl Ema {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.f64(self.value);
        to.u32(self.missing);
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.value = from.f64()?;
        self.missing = from.u32()?;
        from.check(self.missing <= self.n, "a part of the window")
    }
}

/// The line of macd: fast minus slow exponential mean. The fast one begins later, so that both are ready first at the same tick.
#[derive(Clone, Debug)]
pub(crate) struct Macd {
    fast: Ema,
    slow: Ema,
    /// Ticks before the fast mean begins.
    wait: u32,
}

impl Macd {
    /// `fast` is below `slow`.
    pub(crate) fn new(fast: u32, slow: u32) -> Macd {
        Macd {
            fast: Ema::new(fast),
            slow: Ema::new(slow),
            wait: slow - fast,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let slow = self.slow.push(x);
        if self.wait > 0 {
            self.wait -= 1;
            return f64::NAN;
        }
        self.fast.push(x) - slow
    }
}

impl Macd {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.fast.save(to);
        self.slow.save(to);
        to.u32(self.wait);
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.fast.load(from)?;
        self.slow.load(from)?;
        self.wait = from.u32()?;
        let most = self.slow.n - self.fast.n;
        from.check(self.wait <= most, "a part of the window")
    }
}

/// Relative strength index. Where nothing has moved there is no strength to tell: not ready, where TA-Lib says 0.
#[derive(Clone, Debug)]
pub(crate) struct Rsi {
    up: Ema,
    down: Ema,
    last: f64,
}

impl Rsi {
    pub(crate) fn new(n: u32) -> Rsi {
        Rsi {
            up: Ema::wilder(n),
            down: Ema::wilder(n),
            last: f64::NAN,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let change = x - std::mem::replace(&mut self.last, x);
        if change.is_nan() {
            return f64::NAN;
        }
        let up = self.up.push(change.max(0.0));
        let down = self.down.push((-change).max(0.0));
        let both = up + down;
        // Means of a price that stood still fade until their quotient is a matter of the last bits that are left.
        if both < f64::MIN_POSITIVE {
            f64::NAN
        } else {
            100.0 * up / both
        }
    }
}

impl Rsi {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.up.save(to);
        self.down.save(to);
        to.f64(self.last);
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.up.load(from)?;
        self.down.load(from)?;
        self.last = from.f64()?;
        Ok(())
    }
}

/// Average true range.
#[derive(Clone, Debug)]
pub(crate) struct Atr {
    mean: Ema,
    close: f64,
}

impl Atr {
    pub(crate) fn new(n: u32) -> Atr {
        Atr {
            mean: Ema::wilder(n),
            close: f64::NAN,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, high: f64, low: f64, close: f64) -> f64 {
        if high.is_nan() | low.is_nan() | close.is_nan() {
            return f64::NAN;
        }
        let before = std::mem::replace(&mut self.close, close);
        if before.is_nan() {
            return f64::NAN;
        }
        let range = (high - low)
            .max((high - before).abs())
            .max((low - before).abs());
        self.mean.push(range)
    }
}

impl Atr {
    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.mean.save(to);
        to.f64(self.close);
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.mean.load(from)?;
        self.close = from.f64()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` has NaN where not ready.
    fn check(found: impl Iterator<Item = f64>, expected: &[f64]) {
        let found: Vec<f64> = found.collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let same = found.is_nan() && expected.is_nan() || (found - expected).abs() < 1e-12;
            assert!(same, "{found} is not {expected}");
        }
    }

    const N: f64 = f64::NAN;

    #[test]
    fn ema_begins_with_a_mean() {
        let mut ema = Ema::new(3);
        check(
            [1.0, 2.0, 3.0, 2.5, N, 3.0].iter().map(|x| ema.push(*x)),
            &[N, N, 2.0, 2.25, N, 2.625],
        );
        let mut rma = Ema::wilder(2);
        check([1.0, 3.0, 4.0].iter().map(|x| rma.push(*x)), &[N, 2.0, 3.0]);
    }

    #[test]
    fn rsi_of_rises_and_falls() {
        // Changes 1, 1, -2: up 1, then up (1 + 0) / 2 and down (0 + 2) / 2.
        let mut rsi = Rsi::new(2);
        check(
            [1.0, 2.0, 3.0, 1.0].iter().map(|x| rsi.push(*x)),
            &[N, N, 100.0, 100.0 / 3.0],
        );
    }

    #[test]
    fn rsi_of_what_does_not_move_is_not_ready() {
        let mut flat = Rsi::new(1);
        check(
            [5.0, 5.0, 5.0, 6.0, 6.0].iter().map(|x| flat.push(*x)),
            &[N, N, N, 100.0, N],
        );
        // A rise by 1 makes the mean 1 / 2, which then halves at every tick. The last that counts is 2^-1022, 1,021 ticks later.
        let mut fading = Rsi::new(2);
        let values = [1.0, 1.0, 1.0, 2.0].into_iter();
        let found: Vec<f64> = values
            .chain(std::iter::repeat_n(2.0, 1_100))
            .map(|x| fading.push(x))
            .collect();
        assert!(found[..3].iter().all(|x| x.is_nan()));
        assert!(found[3..1_025].iter().all(|x| (x - 100.0).abs() < 1e-12));
        assert!(found[1_025..].iter().all(|x| x.is_nan()));
    }

    #[test]
    fn atr_looks_at_the_close_before() {
        let mut atr = Atr::new(2);
        let bars = [
            (3.0, 1.0, 2.0),
            (4.0, 3.0, 4.0),
            (5.0, 4.5, 5.0),
            (5.0, 2.0, 3.0),
        ];
        // True ranges 2, 1, 3.
        check(
            bars.iter().map(|(h, l, c)| atr.push(*h, *l, *c)),
            &[N, N, 1.5, 2.25],
        );
    }

    #[test]
    fn macd_begins_both_means_together() {
        // Fast over 2, slow over 3: at the third tick 2.5 - 2.
        let mut macd = Macd::new(2, 3);
        check(
            [1.0, 2.0, 3.0, 6.0].iter().map(|x| macd.push(*x)),
            &[N, N, 0.5, 2.5 + 3.5 * 2.0 / 3.0 - 4.0],
        );
    }
}
