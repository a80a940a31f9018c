//! Times and ids in the order in which they came: what goes back, what is there twice, what was left out.
//!
//! Whether ids are counted without holes is the venue's affair and is learned from the ids themselves: only where nearly all of
//! them follow the one before is a hole a gap.

use tickloom_types::Ts;

/// Ids that are remembered, to tell a repetition from a step back.
const RECENT: usize = 64;
/// Holes that are kept until it is known whether they mean anything.
const HOLES_MAX: usize = 1_000;
/// So many ids must have followed the one before.
const FOLLOWED_MIN: u64 = 100;
/// And so many for each hole.
const FOLLOWED_PER_HOLE: u64 = 200;

/// What is wrong with an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdFault {
    /// It came before.
    Again,
    /// It is below the one before it.
    Back {
        /// The highest one so far.
        after: u64,
    },
}

/// Ids that were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) from: Ts,
    pub(super) to: Ts,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// The ids of one stream.
#[derive(Clone, Debug)]
pub(super) struct IdChain {
    /// The highest one and its time.
    newest: Option<(u64, Ts)>,
    recent: [u64; RECENT],
    at: usize,
    followed: u64,
    skipped: u64,
    holes: Vec<Hole>,
}

impl IdChain {
    pub(super) fn new() -> IdChain {
        IdChain {
            newest: None,
            recent: [0; RECENT],
            at: 0,
            followed: 0,
            skipped: 0,
            holes: Vec::new(),
        }
    }

    /// The stream begins anew, such as a book at its snapshot.
    pub(super) fn restart(&mut self, last: u64, ts: Ts) {
        self.newest = Some((last, ts)).filter(|_| last > 0);
    }

    /// The highest id.
    pub(super) fn newest(&self) -> Option<u64> {
        self.newest.map(|(id, _)| id)
    }

    /// A message with the ids `first..=last`; zero means that it has none.
    pub(super) fn push(&mut self, ts: Ts, first: u64, last: u64) -> Option<IdFault> {
        if last == 0 {
            return None;
        }
        let Some((newest, before)) = self.newest else {
            self.newest = Some((last, ts));
            self.remember(last);
            return None;
        };
        if last <= newest {
            let is_known = self.recent.contains(&last);
            return Some(if is_known {
                IdFault::Again
            } else {
                IdFault::Back { after: newest }
            });
        }
        if first == newest + 1 {
            self.followed += 1;
        } else if first > newest {
            self.skipped += 1;
            if self.holes.len() < HOLES_MAX {
                self.holes.push(Hole {
                    from: before,
                    to: ts,
                    first: newest + 1,
                    last: first - 1,
                });
            }
        }
        self.newest = Some((last, ts));
        self.remember(last);
        None
    }

    /// What was left out, if ids are counted without holes here.
    pub(super) fn holes(&self) -> &[Hole] {
        let is_counted = self.followed >= FOLLOWED_MIN
            && self.skipped.saturating_mul(FOLLOWED_PER_HOLE) <= self.followed;
        if is_counted { &self.holes } else { &[] }
    }

    fn remember(&mut self, id: u64) {
        self.recent[self.at] = id;
        self.at = (self.at + 1) % RECENT;
    }
}

/// The event times of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimeOrder {
    newest: Option<Ts>,
}

impl TimeOrder {
    /// Whether this is the newest time.
    pub(super) fn is_newest(&self, ts: Ts) -> bool {
        self.newest == Some(ts)
    }

    /// The newest time before, if this one is below it.
    pub(super) fn push(&mut self, ts: Ts) -> Option<Ts> {
        let newest = self.newest;
        self.newest = newest.max(Some(ts));
        newest.filter(|newest| ts < *newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(ids: impl IntoIterator<Item = u64>) -> (IdChain, Vec<(u64, IdFault)>) {
        let mut chain = IdChain::new();
        let mut faults = Vec::new();
        for (n, id) in (0..).zip(ids) {
            if let Some(fault) = chain.push(Ts(n), id, id) {
                faults.push((id, fault));
            }
        }
        (chain, faults)
    }

    #[test]
    fn a_hole_counts_where_ids_follow_each_other() {
        let (counted, faults) = chain((1..=300).filter(|id| ![150, 151].contains(id)));
        assert_eq!(faults, []);
        assert_eq!(
            counted.holes(),
            [Hole {
                from: Ts(148),
                to: Ts(149),
                first: 150,
                last: 151
            }]
        );
        let (sparse, _) = chain((1..=300).map(|id| id * 3));
        assert_eq!(sparse.holes(), []);
    }

    #[test]
    fn twice_and_back_are_told_apart() {
        let (_, faults) = chain([5, 6, 7, 6, 8, 3, 9]);
        assert_eq!(
            faults,
            [(6, IdFault::Again), (3, IdFault::Back { after: 8 })]
        );
    }
}
