//! After a warm-up, a step takes no memory.

use crate::recorded;
use tickloom_core::{Core, Found, Outputs, split};

#[test]
fn a_warm_step_allocates_nothing() {
    let records = recorded::records(3_000);
    let (warm, rest) = records.split_at(records.len() / 2);
    let mut core = Core::new(&recorded::config()).unwrap();
    let mut out = Outputs::new();
    let mut seq = 0;
    for record in warm {
        core.step(seq, record, &mut out);
        seq += 1;
    }
    let taken = allocation_counter::measure(|| {
        for record in rest {
            core.step(seq, record, &mut out);
            seq += 1;
        }
    });
    assert_eq!((taken.count_total, taken.bytes_total), (0, 0));
}

#[test]
fn nor_does_a_warm_worker() {
    let records = recorded::records(3_000);
    let (warm, rest) = records.split_at(records.len() / 2);
    let (mut merger, mut workers) = split(&recorded::config(), 2).unwrap();
    let mut found = [Found::new(), Found::new()];
    let mut out = Outputs::new();
    let mut seq = 0;
    let mut step = |record| {
        for (worker, found) in workers.iter_mut().zip(&mut found) {
            worker.step(seq, record, found);
        }
        merger.step(seq, record, found.iter(), &mut out);
        seq += 1;
    };
    warm.iter().for_each(&mut step);
    let taken = allocation_counter::measure(|| rest.iter().for_each(&mut step));
    assert_eq!((taken.count_total, taken.bytes_total), (0, 0));
}
