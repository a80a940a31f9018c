//! The last n values, in memory that is taken once.

use tickloom_types::{StateError, StateReader, StateWriter, fetch_ahead};

/// A ring of the last `n` values.
#[derive(Clone, Debug)]
pub(crate) struct Window<T> {
    values: Box<[T]>,
    /// Where the next value goes, which is where the oldest is.
    at: u32,
    full: bool,
}

impl<T: Copy> Window<T> {
    /// `n` times `empty`, which does not count as a value.
    pub(crate) fn new(n: u32, empty: T) -> Window<T> {
        Window {
            values: vec![empty; n as usize].into_boxed_slice(),
            at: 0,
            full: false,
        }
    }

    /// Puts `x` in the place of the oldest value (or of an empty one), which is returned.
    #[inline]
    pub(crate) fn replace(&mut self, x: T) -> T {
        let oldest = std::mem::replace(&mut self.values[self.at as usize], x);
        self.at += 1;
        if self.at as usize == self.values.len() {
            self.at = 0;
            self.full = true;
        }
        oldest
    }

    /// Asks for the memory of the value that is replaced next.
    #[inline]
    pub(crate) fn fetch_oldest(&self) {
        if let Some(oldest) = self.values.get(self.at as usize) {
            fetch_ahead(oldest);
        }
    }

    /// As many calls of [`Window::replace`].
    pub(crate) fn replace_all(&mut self, all: &[T]) {
        let n = self.values.len();
        let at = self.at as usize;
        self.full |= at + all.len() >= n;
        // Of more than n values only the last n remain.
        let skipped = all.len().saturating_sub(n);
        let start = (at + skipped) % n;
        let kept = &all[skipped..];
        let (first, second) = kept.split_at(kept.len().min(n - start));
        self.values[start..start + first.len()].copy_from_slice(first);
        self.values[..second.len()].copy_from_slice(second);
        self.at = u32::try_from((start + kept.len()) % n).expect("below n, which is a u32");
    }

    /// Whether there are `n` values.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether there are `n` values and [`Window::values`] has them in order: true once every `n` calls.
    #[inline]
    pub(crate) fn is_in_order(&self) -> bool {
        self.full & (self.at == 0)
    }

    /// The values, in order if [`Window::is_in_order`].
    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The values from the oldest to the newest; places that are empty are none.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = T> + '_ {
        let (newer, older) = self.values.split_at(self.at as usize);
        let older = if self.full { older } else { &[] };
        older.iter().chain(newer).copied()
    }

    /// How many places have a value: they are the first.
    fn filled(&self) -> usize {
        if self.full {
            self.len()
        } else {
            self.at as usize
        }
    }

    pub(crate) fn save(&self, to: &mut StateWriter, each: impl Fn(&mut StateWriter, T)) {
        to.bool(self.full);
        to.u32(self.at);
        for value in &self.values[..self.filled()] {
            each(to, *value);
        }
    }

    /// Onto a window of which nothing has been pushed yet.
    pub(crate) fn load<'a>(
        &mut self,
        from: &mut StateReader<'a>,
        each: impl Fn(&mut StateReader<'a>) -> Result<T, StateError>,
    ) -> Result<(), StateError> {
        self.full = from.bool()?;
        self.at = from.u32()?;
        from.check((self.at as usize) < self.len(), "a place in the window")?;
        let filled = self.filled();
        for value in &mut self.values[..filled] {
            *value = each(from)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_oldest_value_leaves() {
        let mut window = Window::new(2, 0);
        assert_eq!(window.replace(1), 0);
        assert!(!window.is_full());
        assert_eq!(window.replace(2), 0);
        assert!(window.is_full() && window.is_in_order());
        assert_eq!(window.replace(3), 1);
        assert!(window.is_full() && !window.is_in_order());
    }

    proptest! {
        #[test]
        fn many_at_once_are_as_one_by_one(n in 1_u32..9, parts in proptest::collection::vec(0_usize..20, 0..6)) {
            let (mut one, mut many) = (Window::new(n, 0), Window::new(n, 0));
            let mut next = 0;
            for part in parts {
                let values: Vec<i32> = (next..).take(part).collect();
                next += 100;
                for value in &values {
                    one.replace(*value);
                }
                many.replace_all(&values);
                prop_assert_eq!((&one.values, one.at, one.full), (&many.values, many.at, many.full));
            }
        }
    }
}
