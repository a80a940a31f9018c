//! The reading end of a ring. Each consumer sees every item, in the one order of the ring.

use std::sync::Arc;

use crate::Item;
use crate::config::RingConfig;
use crate::poller::Poller;
use crate::shared::Shared;
use crate::wait::{Backoff, Round};

/// What a poll found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// Nothing to read at the moment.
    Idle,
    /// This many items were read.
    Some(usize),
    /// Every producer is gone and everything has been read.
    Closed,
}

/// One reader of a ring. When it is dropped, it no longer holds the producers back.
pub struct Consumer<T: Item> {
    /// Always there until the drop, which hands it over.
    poller: Option<Poller<T>>,
    shared: Arc<Shared<T>>,
    backoff: Backoff,
    batch_max: u64,
    seq: u64,
}

impl<T: Item> Consumer<T> {
    pub(crate) fn new(poller: Poller<T>, config: &RingConfig, shared: &Arc<Shared<T>>) -> Self {
        Self {
            poller: Some(poller),
            shared: Arc::clone(shared),
            backoff: Backoff::new(config.wait),
            // Slots are given back a batch at a time: a quarter lets a full ring move on early.
            batch_max: config.capacity as u64 / 4,
            seq: 0,
        }
    }

    /// Reads what is there, at most a quarter of the ring, without waiting. `on` gets each item
    /// with its sequence, which is its place in the ring counted from zero.
    #[inline]
    pub fn poll(&mut self, mut on: impl FnMut(u64, &T)) -> Poll {
        let Some(poller) = &mut self.poller else {
            return Poll::Closed;
        };
        let seq = &mut self.seq;
        let found = poller.take(self.batch_max, |item| {
            on(*seq, item);
            *seq += 1;
        });
        if matches!(found, Poll::Some(_)) {
            self.backoff.reset();
        }
        found
    }

    /// Waits one round, by the ring's wait strategy, for something to read. Call it when a poll
    /// was [`Poll::Idle`] and the thread has nothing else to do. It returns after a few
    /// milliseconds at the latest, so the thread can keep time beside it.
    pub fn idle(&mut self) {
        match self.backoff.next_round() {
            Round::Spin => std::hint::spin_loop(),
            Round::Yield => std::thread::yield_now(),
            Round::Sleep => {
                if let Some(poller) = &mut self.poller {
                    self.shared.park(poller);
                }
            }
        }
    }

    /// The sequence of the next item, which is also the number of items read so far.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Number of items that are in the ring and not yet read by this consumer.
    #[must_use]
    pub fn lag(&mut self) -> usize {
        self.poller.as_mut().map_or(0, Poller::lag)
    }
}

impl<T: Item> Drop for Consumer<T> {
    fn drop(&mut self) {
        if let Some(poller) = self.poller.take() {
            self.shared.leave(poller);
        }
    }
}
