//! The writing ends of a ring. They wait when it is full, and never drop an item.

use std::sync::Arc;

use disruptor::{MultiConsumerBarrier, MultiProducer, SingleProducer};

use crate::Item;
use crate::shared::Shared;

/// The writing end of a ring with several producers: clone it for each thread that writes.
/// The ring closes when the last clone is dropped.
#[derive(Clone)]
pub struct Producer<T: Item> {
    // Before `link`: the ring closes first, then `link` wakes the consumers.
    ring: MultiProducer<T, MultiConsumerBarrier>,
    link: Link<T>,
    capacity: usize,
}

impl<T: Item> Producer<T> {
    pub(crate) fn new(
        ring: MultiProducer<T, MultiConsumerBarrier>,
        shared: Arc<Shared<T>>,
        capacity: usize,
    ) -> Self {
        let link = Link { shared };
        Self {
            ring,
            link,
            capacity,
        }
    }

    /// Puts the item into the ring; true when the ring was full and this had to wait.
    #[inline]
    pub fn push(&mut self, item: T) -> bool {
        self.link.shared.push(&mut self.ring, &item)
    }

    /// Puts the items into consecutive slots of the ring, as one claim: no other producer's items come between them. True
    /// when there were too few free slots and this had to wait. Readers may see the first items before the last ones.
    ///
    /// # Panics
    /// If there are more items than the ring has slots, so that they could never be put in: who sizes the ring checks that.
    #[inline]
    pub fn push_all(&mut self, items: &[T]) -> bool {
        match items {
            [] => false,
            [item] => self.push(*item),
            _ => {
                assert!(
                    items.len() <= self.capacity,
                    "{} items at once for a ring of {} slots",
                    items.len(),
                    self.capacity
                );
                self.link.shared.push_all(&mut self.ring, items)
            }
        }
    }

    /// Puts the item into the ring unless it is full or others wait for room; false then.
    #[inline]
    pub fn try_push(&mut self, item: T) -> bool {
        self.link.try_push(&mut self.ring, &item)
    }

    /// How often a push had to wait, over all producers of this ring.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.link.shared.waits()
    }
}

/// The writing end of a ring with exactly one producer. The ring closes when it is dropped.
pub struct SoleProducer<T: Item> {
    // Before `link`: the ring closes first, then `link` wakes the consumers.
    ring: SingleProducer<T, MultiConsumerBarrier>,
    link: Link<T>,
}

impl<T: Item> SoleProducer<T> {
    pub(crate) fn new(
        ring: SingleProducer<T, MultiConsumerBarrier>,
        shared: Arc<Shared<T>>,
    ) -> Self {
        let link = Link { shared };
        Self { ring, link }
    }

    /// Puts the item into the ring; true when the ring was full and this had to wait.
    #[inline]
    pub fn push(&mut self, item: T) -> bool {
        self.link.shared.push(&mut self.ring, &item)
    }

    /// Puts the item into the ring unless it is full; false when it is.
    #[inline]
    pub fn try_push(&mut self, item: T) -> bool {
        self.link.try_push(&mut self.ring, &item)
    }

    /// How often a push had to wait.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.link.shared.waits()
    }
}

/// A producer's hold on what is shared; wakes the consumers when the producer goes.
#[derive(Clone)]
struct Link<T: Item> {
    shared: Arc<Shared<T>>,
}

impl<T: Item> Link<T> {
    #[inline]
    fn try_push(&self, ring: &mut impl disruptor::Producer<T>, item: &T) -> bool {
        if self.shared.try_push(ring, item) {
            return true;
        }
        self.shared.skip_for_those_who_left();
        self.shared.try_push(ring, item)
    }
}

impl<T: Item> Drop for Link<T> {
    fn drop(&mut self) {
        self.shared.wake();
    }
}
