//! Which rows of a run were seen: one bit a row where they are dense, two bytes where they are not. Pure.

use crate::key::Key;
use std::collections::BTreeMap;

/// Numbers that share a chunk differ in these bits.
const CHUNK_BITS: u32 = 16;
/// From so many on, a chunk's bits take less room than its numbers.
const SPARSE_MAX: usize = 4096;
const WORDS: usize = (1 << CHUNK_BITS) / 64;

/// Inputs by their sequence, outputs by their number.
#[derive(Default)]
pub(super) struct Seen {
    inputs: Numbers,
    outputs: Numbers,
}

impl Seen {
    /// False if the row was there before.
    pub(super) fn insert(&mut self, key: Key) -> bool {
        match key.output {
            0 => self.inputs.insert(key.seq),
            output => self.outputs.insert(output),
        }
    }
}

#[derive(Default)]
struct Numbers(BTreeMap<u64, Chunk>);

enum Chunk {
    /// Sorted.
    Sparse(Vec<u16>),
    Dense(Box<[u64; WORDS]>),
}

impl Numbers {
    fn insert(&mut self, number: u64) -> bool {
        let chunk = self.0.entry(number >> CHUNK_BITS);
        let low = u16::try_from(number & 0xffff).expect("masked to 16 bits");
        chunk.or_insert(Chunk::Sparse(Vec::new())).insert(low)
    }
}

impl Chunk {
    fn insert(&mut self, low: u16) -> bool {
        match self {
            Chunk::Dense(words) => set(words, low),
            Chunk::Sparse(numbers) => {
                let Err(at) = numbers.binary_search(&low) else {
                    return false;
                };
                numbers.insert(at, low);
                if numbers.len() > SPARSE_MAX {
                    let mut words = Box::new([0; WORDS]);
                    for number in numbers.iter() {
                        set(&mut words, *number);
                    }
                    *self = Chunk::Dense(words);
                }
                true
            }
        }
    }
}

fn set(words: &mut [u64; WORDS], low: u16) -> bool {
    let (word, bit) = (usize::from(low) / 64, 1_u64 << (low % 64));
    let is_new = words[word] & bit == 0;
    words[word] |= bit;
    is_new
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn it_is_a_set(
            start in prop_oneof![Just(0), Just(60_000), Just(u64::MAX - 20_000)],
            steps in proptest::collection::vec(0_u64..20_000, 0..6_000),
        ) {
            let mut numbers = Numbers::default();
            let mut model = BTreeSet::new();
            for step in steps {
                prop_assert_eq!(numbers.insert(start + step), model.insert(start + step));
            }
        }
    }
}
