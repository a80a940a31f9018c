//! Stretches of time of which it is known what there is. They hold a bounded number of records, however many there are.

use std::collections::HashMap;
use std::ops::RangeInclusive;

/// How long a stretch is, at most and at least.
const WIDTH_NS_MAX: i64 = 1 << 60;
const WIDTH_NS_MIN: i64 = 180_000_000_000;

/// What a record is known by: instrument, source or number, and time.
pub(super) type Place = (u32, u64, i64);

/// What there is from a time to another.
struct Stretch {
    times: RangeInclusive<i64>,
    there: HashMap<Place, u128>,
}

/// Stretches that were read last.
pub(super) struct Stretches {
    /// The one that was used last is at the end.
    all: Vec<Stretch>,
    /// How long the next is to be.
    width: i64,
    /// Records of all.
    most: usize,
    /// How many were read.
    #[cfg(test)]
    pub(super) reads: usize,
}

impl Stretches {
    pub(super) fn new(most: usize) -> Stretches {
        Stretches {
            all: Vec::new(),
            width: WIDTH_NS_MAX,
            most,
            #[cfg(test)]
            reads: 0,
        }
    }

    /// What is there at a place, if its stretch is known.
    pub(super) fn find(&mut self, place: &Place) -> Option<Option<u128>> {
        let at = self
            .all
            .iter()
            .rposition(|one| one.times.contains(&place.2))?;
        if at + 1 < self.all.len() {
            let found = self.all.remove(at);
            self.all.push(found);
        }
        let found = self.all.last()?;
        Some(found.there.get(place).copied())
    }

    /// Whether there is this in the stretch that was asked last.
    pub(super) fn has(&self, place: &Place) -> bool {
        self.all
            .last()
            .is_some_and(|one| one.there.contains_key(place))
    }

    /// The last time of the stretch that is to be read next, which begins with a time and has another in it; and how many records it may have.
    pub(super) fn next(&mut self, from: i64, ts: i64) -> (i64, usize) {
        #[cfg(test)]
        {
            self.reads += 1;
        }
        let to = from.saturating_add(self.width).max(ts);
        let most = match self.width {
            WIDTH_NS_MIN => usize::MAX,
            _ => self.most / 2,
        };
        (to, most)
    }

    /// Remembers what was read; if it was too much, the next is shorter.
    pub(super) fn add(&mut self, (from, to): (i64, i64), there: Option<HashMap<Place, u128>>) {
        let Some(there) = there else {
            self.width = (self.width / 4).max(WIDTH_NS_MIN);
            return;
        };
        if there.len() < self.most / 8 {
            self.width = self.width.saturating_mul(2).min(WIDTH_NS_MAX);
        }
        self.all.push(Stretch {
            times: from..=to,
            there,
        });
        // One without records takes room too.
        let size = |one: &Stretch| one.there.len().max(self.most / 64).max(1);
        let mut held: usize = self.all.iter().map(size).sum();
        let mut gone = 0;
        while held > self.most && gone + 1 < self.all.len() {
            held -= size(&self.all[gone]);
            gone += 1;
        }
        self.all.drain(..gone);
    }
}
