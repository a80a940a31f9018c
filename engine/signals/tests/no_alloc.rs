//! A graph takes no memory once it is built and has seen its first block.

mod common;

use common::{graph, random_bars, step};
use tickloom_signals::table;

/// The examples of all functions over the same bars, in one graph.
fn every_function() -> Vec<&'static str> {
    let bars_only = |text: &&str| !text.contains("imbalance") && !text.contains('@');
    table()
        .iter()
        .map(|doc| doc.example)
        .filter(bars_only)
        .collect()
}

#[test]
fn steps_and_blocks_do_not_allocate() {
    let bars = random_bars(7, 5_000, 20, 1);
    let (mut graph, outputs) = graph(&every_function());
    graph.run_block(&bars.columns(0..1), |_, _| {});

    let mut ready = 0;
    let used = allocation_counter::measure(|| {
        for row in 1..2_000 {
            step(&mut graph, &bars, row);
        }
        graph.run_block(&bars.columns(2_000..5_000), |_, _| {});
        ready = outputs
            .iter()
            .filter(|o| graph.value(**o).is_some())
            .count();
    });
    assert_eq!(used.count_total, 0);
    assert_eq!(ready, outputs.len());
}
