//! The turns under loom: every interleaving of their steps. Nobody claims out of turn, and nobody is left waiting.

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

/// Loom's primitives, where the crate has those of std.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../src/turns.rs"]
mod turns;

use sync::Ordering;
use turns::Turns;

/// One claim within its turn: whoever else were inside would be seen.
fn claim(turns: &Turns, inside: &AtomicUsize) {
    turns.wait(
        || {
            assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0, "two at a time");
            thread::yield_now();
            inside.fetch_sub(1, Ordering::Relaxed);
            true
        },
        thread::yield_now,
    );
}

#[test]
fn one_claims_at_a_time_and_all_have_their_turn() {
    // Waiting for the turn is a loop, which has no end of interleavings: those with at most three preemptions.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let turns = Arc::new(Turns::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let other = {
            let (turns, inside) = (Arc::clone(&turns), Arc::clone(&inside));
            thread::spawn(move || claim(&turns, &inside))
        };
        claim(&turns, &inside);
        other.join().expect("nobody claimed out of turn");
        assert!(turns.is_free());
    });
}
