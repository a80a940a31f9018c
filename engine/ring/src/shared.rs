//! What the two ends of a ring share beside the slots: the bell, the count of waits, and the
//! readers that left.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Item;
use crate::bell::Bell;
use crate::poller::Poller;
use crate::wait::{Backoff, Wait};

pub(crate) struct Shared<T> {
    pub(crate) wait: Wait,
    bell: Bell,
    waits: AtomicU64,
    /// Length of `left`, readable without its lock.
    left_count: AtomicUsize,
    /// Pollers of consumers that were dropped: producers move them on, or the ring would stay full.
    left: Mutex<Vec<Poller<T>>>,
}

impl<T: Item> Shared<T> {
    pub(crate) fn new(wait: Wait) -> Self {
        Self {
            wait,
            bell: Bell::default(),
            waits: AtomicU64::new(0),
            left_count: AtomicUsize::new(0),
            left: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    /// Puts the item into the ring, and says whether the ring was full and this had to wait.
    #[inline]
    pub(crate) fn push(&self, ring: &mut impl disruptor::Producer<T>, item: &T) -> bool {
        let is_full = !self.try_push(ring, item);
        if is_full {
            self.push_when_there_is_room(ring, item);
        }
        is_full
    }

    #[cold]
    fn push_when_there_is_room(&self, ring: &mut impl disruptor::Producer<T>, item: &T) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        let mut backoff = Backoff::new(self.wait);
        while !self.try_push(ring, item) {
            self.skip_for_those_who_left();
            backoff.idle();
        }
    }

    /// Puts the item into the ring unless it is full; false when it is.
    #[inline]
    pub(crate) fn try_push(&self, ring: &mut impl disruptor::Producer<T>, item: &T) -> bool {
        let pushed = ring.try_publish(|slot| *slot = *item).is_ok();
        if pushed && self.wait == Wait::Park {
            self.bell.ring();
        }
        pushed
    }

    /// Sleeps until a push or a close, unless `poller` has something to say already.
    pub(crate) fn park(&self, poller: &mut Poller<T>) {
        self.bell.sleep_unless(|| !poller.is_idle());
    }

    /// The ring closed: whoever sleeps shall see it at once.
    pub(crate) fn wake(&self) {
        self.bell.ring();
    }

    /// A consumer leaves: from now on it holds no producer back.
    pub(crate) fn leave(&self, poller: Poller<T>) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.push(poller);
        self.left_count.store(left.len(), Ordering::Relaxed);
    }

    pub(crate) fn skip_for_those_who_left(&self) {
        if self.left_count.load(Ordering::Relaxed) > 0 {
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            left.iter_mut().for_each(Poller::skip);
        }
    }
}
