//! The bell under loom: every interleaving of its steps, and every value that the memory model lets a
//! load see. In loom a wait never times out, so a wake-up that gets lost is a deadlock, which loom finds.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

/// Loom's primitives, where the crate has those of std.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
}

#[path = "../src/bell.rs"]
mod bell;

use bell::Bell;

/// Waits as a consumer does, until `pushed`.
fn consume(bell: &Bell, pushed: &AtomicBool) {
    while !pushed.load(Ordering::Acquire) {
        bell.sleep_unless(|| pushed.load(Ordering::Acquire));
    }
}

#[test]
fn a_push_always_wakes_the_sleeper() {
    loom::model(|| {
        let bell = Arc::new(Bell::default());
        let pushed = Arc::new(AtomicBool::new(false));
        let consumer = {
            let (bell, pushed) = (Arc::clone(&bell), Arc::clone(&pushed));
            thread::spawn(move || consume(&bell, &pushed))
        };
        pushed.store(true, Ordering::Release);
        bell.ring();
        consumer.join().expect("the consumer did not panic");
    });
}

#[test]
fn one_push_wakes_both_sleepers() {
    // Three threads have too many interleavings to try them all: those with at most two preemptions.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let bell = Arc::new(Bell::default());
        let pushed = Arc::new(AtomicBool::new(false));
        let consumers = [(); 2].map(|()| {
            let (bell, pushed) = (Arc::clone(&bell), Arc::clone(&pushed));
            thread::spawn(move || consume(&bell, &pushed))
        });
        pushed.store(true, Ordering::Release);
        bell.ring();
        for consumer in consumers {
            consumer.join().expect("the consumer did not panic");
        }
    });
}
