//! Sets of small numbers that cost what is in them, not what could be: empty stretches are skipped by a summary.
//!
//! A graph of many instruments has thousands of nodes of which a tick concerns a few; so have the outputs that are watched.

const WORD: usize = 64;

/// A set of numbers below a bound that is known when it is made.
#[derive(Clone, Debug, Default)]
pub struct Bits {
    words: Vec<u64>,
    /// A bit for every word that is not zero.
    summary: Vec<u64>,
    /// Whether there is anything in it: most sets are empty most of the time.
    any: bool,
}

/// A set that does not change, to be added to [`Bits`] at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// Those that are not zero, ascending.
    words: Vec<MaskWord>,
}

/// A part of a [`Mask`]: whoever has many masks can keep their parts side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskWord {
    at: u32,
    bits: u64,
}

impl Bits {
    /// The empty set of numbers below `count`.
    #[must_use]
    pub fn new(count: usize) -> Bits {
        let words = count.div_ceil(WORD);
        Bits {
            words: vec![0; words],
            summary: vec![0; words.div_ceil(WORD)],
            any: false,
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        !self.any
    }

    /// Whether a number is in it.
    #[must_use]
    #[inline]
    pub fn contains(&self, at: usize) -> bool {
        self.words
            .get(at / WORD)
            .is_some_and(|word| word >> (at % WORD) & 1 == 1)
    }

    /// Puts a number in; whether it was not there.
    ///
    /// # Panics
    /// If it is not below the bound.
    #[inline]
    pub fn insert(&mut self, at: usize) -> bool {
        let word = &mut self.words[at / WORD];
        let before = *word;
        *word |= 1 << (at % WORD);
        self.summary[at / WORD / WORD] |= 1 << (at / WORD % WORD);
        self.any = true;
        before != *word
    }

    /// Puts all numbers of a mask in.
    ///
    /// # Panics
    /// If one is not below the bound.
    #[inline]
    pub fn insert_all(&mut self, mask: &Mask) {
        self.insert_words(&mask.words);
    }

    /// Puts all numbers of a mask in, of which these are the parts.
    ///
    /// # Panics
    /// If one is not below the bound.
    #[inline]
    pub fn insert_words(&mut self, words: &[MaskWord]) {
        self.any |= !words.is_empty();
        for word in words {
            let at = word.at as usize;
            self.words[at] |= word.bits;
            self.summary[at / WORD] |= 1 << (at % WORD);
        }
    }

    /// Moves all numbers of another set of the same bound into this one.
    pub(crate) fn take(&mut self, other: &mut Bits) {
        self.any |= std::mem::take(&mut other.any);
        for (at, summary) in other.summary.iter_mut().enumerate() {
            let mut words = std::mem::take(summary);
            self.summary[at] |= words;
            while words != 0 {
                let word = at * WORD + words.trailing_zeros() as usize;
                words &= words - 1;
                self.words[word] |= std::mem::take(&mut other.words[word]);
            }
        }
    }

    /// Takes all numbers out.
    #[inline]
    pub fn clear(&mut self) {
        if !std::mem::take(&mut self.any) {
            return;
        }
        for (at, summary) in self.summary.iter_mut().enumerate() {
            let mut words = std::mem::take(summary);
            while words != 0 {
                self.words[at * WORD + words.trailing_zeros() as usize] = 0;
                words &= words - 1;
            }
        }
    }

    /// Calls `on` with every number, ascending, and takes it out.
    #[inline]
    pub fn drain(&mut self, mut on: impl FnMut(usize)) {
        self.any = false;
        for (at, summary) in self.summary.iter_mut().enumerate() {
            let mut words = std::mem::take(summary);
            while words != 0 {
                let word = at * WORD + words.trailing_zeros() as usize;
                words &= words - 1;
                each_bit(word, std::mem::take(&mut self.words[word]), &mut on);
            }
        }
    }

    /// Calls `on` with every number, ascending.
    #[inline]
    pub fn for_each(&self, mut on: impl FnMut(usize)) {
        for (at, summary) in self.summary.iter().enumerate() {
            let mut words = *summary;
            while words != 0 {
                let word = at * WORD + words.trailing_zeros() as usize;
                words &= words - 1;
                each_bit(word, self.words[word], &mut on);
            }
        }
    }
}

impl Mask {
    /// Of numbers in any order.
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = usize>) -> Mask {
        let mut words = std::collections::BTreeMap::new();
        for at in numbers {
            let word = u32::try_from(at / WORD).expect("a number of a set is below 2^38");
            *words.entry(word).or_default() |= 1_u64 << (at % WORD);
        }
        let words = words.into_iter();
        Mask {
            words: words.map(|(at, bits)| MaskWord { at, bits }).collect(),
        }
    }

    /// Puts more numbers in.
    pub fn extend(&mut self, numbers: impl IntoIterator<Item = usize>) {
        let mut all: Vec<usize> = numbers.into_iter().collect();
        self.for_each(|at| all.push(at));
        *self = Mask::of(all);
    }

    /// Calls `on` with every number, ascending.
    #[inline]
    pub fn for_each(&self, mut on: impl FnMut(usize)) {
        for word in &self.words {
            word.for_each(&mut on);
        }
    }

    /// Its parts.
    #[must_use]
    pub fn words(&self) -> &[MaskWord] {
        &self.words
    }
}

impl MaskWord {
    /// Calls `on` with every number of this part, ascending.
    #[inline]
    pub fn for_each(self, mut on: impl FnMut(usize)) {
        each_bit(self.at as usize, self.bits, &mut on);
    }
}

#[inline]
fn each_bit(word: usize, mut bits: u64, on: &mut impl FnMut(usize)) {
    while bits != 0 {
        on(word * WORD + bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn numbers(bits: &Bits) -> Vec<usize> {
        let mut all = Vec::new();
        bits.for_each(|at| all.push(at));
        all
    }

    proptest! {
        #[test]
        fn equals_a_tree(sets in prop::collection::vec(prop::collection::btree_set(0_usize..9_000, 0..40), 1..6)) {
            let mut bits = Bits::new(9_000);
            let mut other = Bits::new(9_000);
            let mut model = BTreeSet::new();
            for (round, set) in sets.iter().enumerate() {
                match round % 3 {
                    0 => bits.insert_all(&Mask::of(set.iter().copied())),
                    1 => for at in set { prop_assert_eq!(bits.insert(*at), !model.contains(at)); },
                    _ => {
                        for at in set { other.insert(*at); }
                        bits.take(&mut other);
                        prop_assert!(other.is_empty() && numbers(&other).is_empty());
                    }
                }
                model.extend(set.iter().copied());
                prop_assert_eq!(numbers(&bits), model.iter().copied().collect::<Vec<_>>());
                prop_assert!(set.iter().all(|at| bits.contains(*at)));
            }
            prop_assert_eq!(bits.is_empty(), model.is_empty());
            let mut copy = bits.clone();
            let mut drained = Vec::new();
            copy.drain(|at| drained.push(at));
            prop_assert_eq!(drained, numbers(&bits));
            prop_assert!(copy.is_empty() && numbers(&copy).is_empty());
            bits.clear();
            prop_assert!(bits.is_empty() && numbers(&bits).is_empty());
        }
    }
}
