//! Wakes parked consumers. It carries no items and decides nothing about who parks.

use std::sync::PoisonError;
use std::time::Duration;

use crate::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, fence};

/// Longest sleep of a parked consumer, so that a thread which also keeps time comes round often.
const PARK_MAX: Duration = Duration::from_millis(5);

/// A producer rings it after each push, which costs a fence and a load while nobody sleeps.
///
/// No wake-up is lost: the consumer announces itself and then looks at the ring, the producer
/// fills the ring and then looks for sleepers, with a sequentially consistent fence between the
/// two steps on both sides, so at least one of them sees the other.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            // A sleeper holds the lock from its announcement until it waits: this comes after.
            drop(self.lock());
            self.woken.notify_all();
        }
    }

    /// Sleeps until the bell rings, unless `ready` says that there is something to do already.
    pub(crate) fn sleep_unless(&self, ready: impl FnOnce() -> bool) {
        let guard = self.lock();
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if !ready() {
            let (_guard, _timeout) = self
                .woken
                .wait_timeout(guard, PARK_MAX)
                .unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
