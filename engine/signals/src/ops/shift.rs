//! What looks back by a number of ticks: the value then, and the largest since then.

use super::window::Window;
use tickloom_types::{StateError, StateReader, StateWriter};

/// The value n ticks before, ready or not.
#[derive(Clone, Debug)]
pub(crate) struct Lag {
    pub(super) window: Window<f64>,
}

impl Lag {
    pub(crate) fn new(n: u32) -> Lag {
        Lag {
            window: Window::new(n, f64::NAN),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> f64 {
        self.window.replace(x)
    }

    pub(crate) fn save(&self, to: &mut StateWriter) {
        self.window.save(to, StateWriter::f64);
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        self.window.load(from, StateReader::f64)
    }
}

/// Relative change against n ticks before, in percent.
#[inline]
pub(crate) fn rate(x: f64, before: f64) -> f64 {
    super::scalar::tame((x / before - 1.0) * 100.0)
}

/// Two series crossing: needs both as they were one tick before.
#[derive(Clone, Debug)]
pub(crate) struct Cross {
    a: f64,
    b: f64,
}

impl Cross {
    pub(crate) fn new() -> Cross {
        Cross {
            a: f64::NAN,
            b: f64::NAN,
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, a: f64, b: f64) -> f64 {
        let before = std::mem::replace(self, Cross { a, b });
        crosses(before.a, before.b, a, b)
    }

    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.f64(self.a);
        to.f64(self.b);
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        (self.a, self.b) = (from.f64()?, from.f64()?);
        Ok(())
    }

    /// As [`Cross::push`] for each row, without the chain from row to row.
    pub(crate) fn block(&mut self, a: &[f64], b: &[f64], out: &mut [f64]) {
        let last = out.len() - 1;
        out[0] = crosses(self.a, self.b, a[0], b[0]);
        let before = a[..last].iter().zip(&b[..last]);
        let now = a[1..].iter().zip(&b[1..]);
        for ((out, before), now) in out[1..].iter_mut().zip(before).zip(now) {
            *out = crosses(*before.0, *before.1, *now.0, *now.1);
        }
        *self = Cross {
            a: a[last],
            b: b[last],
        };
    }
}

/// Whether `a` was at or below `b` and is now above.
#[inline]
fn crosses(a_before: f64, b_before: f64, a: f64, b: f64) -> f64 {
    let unready = a_before.is_nan() | b_before.is_nan() | a.is_nan() | b.is_nan();
    let value = if (a_before <= b_before) & (a > b) {
        1.0
    } else {
        0.0
    };
    if unready { f64::NAN } else { value }
}

/// The largest of the last n values: candidates in falling order, each with its tick, so that each value enters and leaves once.
#[derive(Clone, Debug)]
pub(crate) struct Extreme {
    candidates: Box<[(u64, f64)]>,
    first: usize,
    count: usize,
    tick: u64,
    /// 1 for the largest, -1 for the smallest.
    sign: f64,
}

impl Extreme {
    pub(crate) fn highest(n: u32) -> Extreme {
        Extreme {
            candidates: vec![(0, 0.0); n as usize].into_boxed_slice(),
            first: 0,
            count: 0,
            tick: 0,
            sign: 1.0,
        }
    }

    pub(crate) fn lowest(n: u32) -> Extreme {
        Extreme {
            sign: -1.0,
            ..Extreme::highest(n)
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let n = self.candidates.len();
        let x = x * self.sign;
        if self.count > 0 && self.candidates[self.first].0 + n as u64 <= self.tick {
            self.first = wrap(self.first + 1, n);
            self.count -= 1;
        }
        while self.count > 0 && self.candidates[wrap(self.first + self.count - 1, n)].1 <= x {
            self.count -= 1;
        }
        self.candidates[wrap(self.first + self.count, n)] = (self.tick, x);
        self.count += 1;
        self.tick += 1;
        if self.tick >= n as u64 {
            self.candidates[self.first].1 * self.sign
        } else {
            f64::NAN
        }
    }
}

impl Extreme {
    /// Candidates in order, wherever in the ring they are.
    pub(crate) fn save(&self, to: &mut StateWriter) {
        to.count(self.count);
        to.u64(self.tick);
        for at in self.first..self.first + self.count {
            let (tick, value) = self.candidates[wrap(at, self.candidates.len())];
            to.u64(tick);
            to.f64(value);
        }
    }

    pub(crate) fn load(&mut self, from: &mut StateReader<'_>) -> Result<(), StateError> {
        let n = self.candidates.len();
        self.first = 0;
        self.count = from.place(n)?;
        self.tick = from.tally()?;
        // Each is one of the last n ticks, and none is there twice: so there is always room for the next.
        let mut oldest = self.tick.saturating_sub(n as u64);
        for candidate in &mut self.candidates[..self.count] {
            *candidate = (from.u64()?, from.f64()?);
            from.check(
                (oldest..self.tick).contains(&candidate.0),
                "a tick of the window",
            )?;
            oldest = candidate.0 + 1;
        }
        Ok(())
    }
}

/// `at` modulo `n`, for `at` below `2 * n`.
#[inline]
fn wrap(at: usize, n: usize) -> usize {
    if at >= n { at - n } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tie_before_and_a_lead_now_is_a_cross() {
        let mut cross = Cross::new();
        assert!(cross.push(1.0, 1.0).is_nan());
        let found: Vec<f64> = [(2.0, 1.0), (3.0, 1.0), (1.0, 1.0), (2.0, 1.0)]
            .iter()
            .map(|(a, b)| cross.push(*a, *b))
            .collect();
        assert_eq!(found, [1.0, 0.0, 0.0, 1.0]);
    }

    proptest! {
        #[test]
        fn extremes_are_those_of_the_window(
            values in proptest::collection::vec(-5_i32..5, 1..60),
            n in 1_u32..12,
        ) {
            let (mut highest, mut lowest) = (Extreme::highest(n), Extreme::lowest(n));
            let n = n as usize;
            for end in 1..=values.len() {
                let found = (
                    highest.push(f64::from(values[end - 1])),
                    lowest.push(f64::from(values[end - 1])),
                );
                if end < n {
                    prop_assert!(found.0.is_nan() && found.1.is_nan());
                    continue;
                }
                let window = &values[end - n..end];
                prop_assert_eq!(Some(found.0), window.iter().max().map(|x| f64::from(*x)));
                prop_assert_eq!(Some(found.1), window.iter().min().map(|x| f64::from(*x)));
            }
        }
    }
}
