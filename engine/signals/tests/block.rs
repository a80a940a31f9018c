//! Blocks give the bits that steps give, whatever the graph, the blocks and the order of the two.

mod common;

use common::{Bars, Random, graph, step};
use proptest::prelude::*;
use tickloom_signals::OutputId;

/// Bars whose mantissas have up to `bits` bits; high and low are as random as the rest.
fn wild_bars(seed: u64, count: usize, bits: u32) -> Bars {
    let mut random = Random(seed);
    let mut bars = Bars::default();
    let mut near = 0_i64;
    for _ in 0..count {
        let mut mantissa = || {
            let value = random.next().cast_signed() >> (64 - bits);
            // Every other one is near the one before, so that windows have ties.
            if value & 1 == 0 {
                near = value;
            }
            near
        };
        let bar = [mantissa(), mantissa(), mantissa(), mantissa(), mantissa()];
        bars.push(bar);
    }
    bars
}

/// All outputs of all rows as bits, evaluated in parts: `Some` many rows by one call for blocks, `None` one row by a step.
fn run(texts: &[String], bars: &Bars, parts: &[Option<usize>]) -> Vec<Vec<u64>> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (mut graph, outputs) = graph(&texts);
    let mut found = vec![Vec::new(); outputs.len()];
    let mut row = 0;
    for part in parts.iter().cycle() {
        if row == bars.len() {
            break;
        }
        let Some(count) = part else {
            step(&mut graph, bars, row);
            row += 1;
            for (found, output) in found.iter_mut().zip(&outputs) {
                found.push(graph.value(*output).unwrap_or(f64::NAN).to_bits());
            }
            continue;
        };
        let end = bars.len().min(row + count);
        graph.run_block(&bars.columns(row..end), |graph, _| {
            for (found, output) in found.iter_mut().zip(&outputs) {
                found.extend(graph.column(*output).iter().map(|x| plain_nan(*x)));
            }
        });
        row = end;
        assert_settled(&graph, &outputs, &found);
    }
    found
}

/// After blocks, outputs read as after a step of the last row.
fn assert_settled(graph: &tickloom_signals::Graph, outputs: &[OutputId], found: &[Vec<u64>]) {
    for (found, output) in found.iter().zip(outputs) {
        assert!(graph.ticked(*output));
        let value = graph.value(*output).unwrap_or(f64::NAN);
        assert_eq!(found.last(), Some(&value.to_bits()));
    }
}

/// There are many NaN and they mean the same.
fn plain_nan(x: f64) -> u64 {
    if x.is_nan() { f64::NAN } else { x }.to_bits()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn blocks_are_steps(
        texts in proptest::collection::vec(common::expressions::expression(), 1..4),
        parts in proptest::collection::vec(proptest::option::weighted(0.8, 1_usize..3_000), 1..5),
        seed in any::<u64>(),
        bits in prop_oneof![Just(4_u32), Just(20), Just(46), Just(63), Just(64)],
    ) {
        let bars = wild_bars(seed, 2_600, bits);
        let by_step = run(&texts, &bars, &[None]);
        let mixed = run(&texts, &bars, &parts);
        for (text, (by_step, mixed)) in texts.iter().zip(by_step.iter().zip(&mixed)) {
            let different = by_step.iter().zip(mixed).position(|(a, b)| a != b);
            prop_assert_eq!(different, None, "{}", text);
        }
    }
}
