//! Times of instruments, the earliest first: what is due is found without a look at what is not.

use tickloom_types::Ts;

/// At most one time of each instrument. It takes no memory after it is made.
#[derive(Clone, Debug)]
pub(super) struct Due {
    /// A heap: none is earlier than the one at half its place.
    heap: Vec<(Ts, u32)>,
    /// By instrument: its place in the heap.
    places: Vec<Option<u32>>,
}

impl Due {
    /// Without times, for so many instruments.
    pub(super) fn new(instruments: usize) -> Due {
        Due {
            heap: Vec::with_capacity(instruments),
            places: vec![None; instruments],
        }
    }

    /// Whether the instrument has a time.
    #[inline]
    pub(super) fn has(&self, at: usize) -> bool {
        self.places[at].is_some()
    }

    /// Gives the instrument this time, instead of the one that it may have.
    pub(super) fn set(&mut self, at: usize, ts: Ts) {
        let place = if let Some(place) = self.places[at] {
            place as usize
        } else {
            self.heap.push((ts, small(at)));
            self.heap.len() - 1
        };
        self.heap[place].0 = ts;
        self.settle(place);
    }

    /// Takes the time of the instrument away, if it has one.
    pub(super) fn remove(&mut self, at: usize) {
        let Some(place) = self.places[at].take() else {
            return;
        };
        let place = place as usize;
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.settle(place);
        }
    }

    /// Lists the instruments whose time is not after `until`, in their order, over what was in `into`.
    pub(super) fn list(&self, until: Ts, into: &mut Vec<usize>) {
        into.clear();
        self.list_below(0, until, into);
        into.sort_unstable();
    }

    /// Recurses as deep as the heap is: a bit for each doubling of the instruments.
    fn list_below(&self, place: usize, until: Ts, into: &mut Vec<usize>) {
        if let Some((ts, at)) = self.heap.get(place)
            && *ts <= until
        {
            into.push(*at as usize);
            self.list_below(2 * place + 1, until, into);
            self.list_below(2 * place + 2, until, into);
        }
    }

    /// Moves what is at a place to where it belongs.
    fn settle(&mut self, mut place: usize) {
        while place > 0 && self.heap[place] < self.heap[(place - 1) / 2] {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        loop {
            let children = (2 * place + 1)..self.heap.len().min(2 * place + 3);
            match children.min_by_key(|child| self.heap[*child]) {
                Some(child) if self.heap[child] < self.heap[place] => {
                    self.swap(place, child);
                    place = child;
                }
                _ => break,
            }
        }
        self.places[self.heap[place].1 as usize] = Some(small(place));
    }

    fn swap(&mut self, from: usize, to: usize) {
        self.heap.swap(from, to);
        self.places[self.heap[from].1 as usize] = Some(small(from));
    }
}

fn small(at: usize) -> u32 {
    u32::try_from(at).expect("an instrument's number fits in 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn equals_a_map(steps in prop::collection::vec((0_usize..20, prop::option::of(0_i64..50), 0_i64..60), 1..80)) {
            let mut due = Due::new(20);
            let mut model = BTreeMap::new();
            let mut listed = Vec::new();
            for (at, ts, until) in steps {
                match ts {
                    Some(ts) => {
                        due.set(at, Ts(ts));
                        model.insert(at, ts);
                    }
                    None => {
                        due.remove(at);
                        model.remove(&at);
                    }
                }
                due.list(Ts(until), &mut listed);
                let expected = model.iter().filter(|(_, ts)| **ts <= until).map(|(at, _)| *at);
                prop_assert_eq!(&listed, &expected.collect::<Vec<_>>());
                prop_assert!((0..20).all(|at| due.has(at) == model.contains_key(&at)));
            }
        }
    }
}
