//! What the two ends of a ring share beside the slots: the bell, the count of waits, and the
//! readers that left.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Item;
use crate::bell::Bell;
use crate::poller::Poller;
use crate::turns::Turns;
use crate::wait::{Backoff, Wait};

pub(crate) struct Shared<T> {
    pub(crate) wait: Wait,
    bell: Bell,
    turns: Turns,
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
            turns: Turns::default(),
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

    /// Single pushes need no turns among themselves; they queue up only behind a claim of many slots.
    #[cold]
    fn push_when_there_is_room(&self, ring: &mut impl disruptor::Producer<T>, item: &T) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        let mut backoff = Backoff::new(self.wait);
        while self.turns.is_free() {
            self.skip_for_those_who_left();
            if self.publish(ring, item) {
                return;
            }
            backoff.idle();
        }
        self.wait_for_turn(|| self.publish(ring, item));
    }

    /// Puts the items into consecutive slots as one claim, and says whether there were too few free and this had to wait.
    pub(crate) fn push_all(&self, ring: &mut impl disruptor::Producer<T>, items: &[T]) -> bool {
        let is_full = !self.turns.is_free() || !self.publish_all(ring, items);
        if is_full {
            self.waits.fetch_add(1, Ordering::Relaxed);
            self.wait_for_turn(|| self.publish_all(ring, items));
        }
        is_full
    }

    #[cold]
    fn wait_for_turn(&self, mut publish: impl FnMut() -> bool) {
        let mut backoff = Backoff::new(self.wait);
        let claim = || {
            self.skip_for_those_who_left();
            publish()
        };
        self.turns.wait(claim, || backoff.idle());
    }

    /// Puts the item into the ring; false when it is full, or others wait for room.
    #[inline]
    pub(crate) fn try_push(&self, ring: &mut impl disruptor::Producer<T>, item: &T) -> bool {
        self.turns.is_free() && self.publish(ring, item)
    }

    #[inline]
    fn publish(&self, ring: &mut impl disruptor::Producer<T>, item: &T) -> bool {
        let published = ring.try_publish(|slot| *slot = *item).is_ok();
        self.ring_if(published)
    }

    fn publish_all(&self, ring: &mut impl disruptor::Producer<T>, items: &[T]) -> bool {
        let published = ring.try_batch_publish(items.len(), |slots| {
            for (slot, item) in slots.zip(items) {
                *slot = *item;
            }
        });
        self.ring_if(published.is_ok())
    }

    #[inline]
    fn ring_if(&self, published: bool) -> bool {
        if published && self.wait == Wait::Park {
            self.bell.ring();
        }
        published
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
