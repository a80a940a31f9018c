//! Whose turn it is when a claim of many slots waits for room in a ring: first come, first served.
//!
//! Such a claim needs its slots free at one time. Without turns, pushes of single items would take every slot as it
//! becomes free, and the large claim would wait for ever.

use crate::sync::{AtomicU64, Ordering};

/// Numbered tickets, as at a counter: the holder of the number that is served may claim, all others wait.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    next: AtomicU64,
    served: AtomicU64,
}

impl Turns {
    /// Nobody has a ticket. A stale answer costs one place in the order, never an item.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.next.load(Ordering::Relaxed) == self.served.load(Ordering::Relaxed)
    }

    /// Calls `claim` until it succeeds, but not before everybody who came earlier has succeeded; `idle` waits a round.
    pub(crate) fn wait(&self, mut claim: impl FnMut() -> bool, mut idle: impl FnMut()) {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        while self.served.load(Ordering::Acquire) != ticket {
            idle();
        }
        while !claim() {
            idle();
        }
        self.served.store(ticket + 1, Ordering::Release);
    }
}
