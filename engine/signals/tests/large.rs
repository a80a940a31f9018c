//! A graph of thousands of nodes, of which all or some tick in a step, has the values of as many small ones.
#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod common;

use common::Random;
use std::collections::BTreeMap;
use tickloom_signals::{Graph, GraphBuilder, LeafId, OutputId, Scope, parse};
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, Instruments};

/// What remembers something apart from its node, and what does not.
const TEXTS: [&str; 12] = [
    "sma(close, 3)",
    "wma(close, 3)",
    "stddev(close, 3)",
    "vwap(3)",
    "sma(close + 1, 3)",
    "wma(close + 1, 3) - stddev(close + 1, 2)",
    "vwap(close + 1, volume, 2)",
    "macd(close, 2, 3, 2).line",
    "rsi(close, 2)",
    "atr(2)",
    "highest(close, 3) - lag(close, 2)",
    "cross_over(sma(close, 2), sma(close, 3))",
];

fn graph(instruments: &Instruments, of: impl Iterator<Item = u32>) -> (Graph, Vec<OutputId>) {
    let mut builder = GraphBuilder::new();
    let mut outputs = Vec::new();
    for id in of {
        let scope = Scope {
            instruments,
            default_instrument: Some(InstrumentId(id)),
            default_bar: Some(BarSpec::Time(60_000_000_000)),
            parameters: &BTreeMap::new(),
        };
        let added = TEXTS.map(|text| builder.add(&parse(text).unwrap(), &scope).unwrap());
        outputs.extend(added);
    }
    (builder.build(), outputs)
}

fn set(graph: &mut Graph, id: u32, [price, volume]: [i64; 2]) {
    for at in 0..graph.leaves().len() {
        let leaf = graph.leaves()[at];
        if leaf.instrument == InstrumentId(id) {
            let is_volume = leaf.field == tickloom_signals::Field::Volume;
            graph.set_mantissa(LeafId(at), if is_volume { volume } else { price });
        }
    }
}

#[test]
fn a_large_graph_has_the_values_of_small_ones() {
    const COUNT: u32 = 80;
    let mut instruments = Instruments::new();
    for id in 0..COUNT {
        let def = InstrumentDef::new(&format!("X{id}"), 2, 0, "USD");
        instruments.add(def).unwrap();
    }
    let (mut large, outputs) = graph(&instruments, 0..COUNT);
    assert!(large.len() > 1_500, "{}", large.len());
    let mut small: Vec<_> = (0..COUNT)
        .map(|id| graph(&instruments, std::iter::once(id)))
        .collect();
    let mut random = Random(7);
    let mut ready = 0;
    for round in 0..12_u32 {
        for id in (0..COUNT).filter(|id| round % 3 != 1 || id % 7 == round % 7) {
            let bar = [random.below(900) + 100, random.below(5)];
            set(&mut large, id, bar);
            let (small, _) = &mut small[id as usize];
            set(small, id, bar);
            small.step();
        }
        large.step();
        for (id, outputs) in outputs.chunks(TEXTS.len()).enumerate() {
            let (small, own) = &small[id];
            for ((at, own), text) in outputs.iter().zip(own).zip(TEXTS) {
                let (value, expected) = (large.value(*at), small.value(*own));
                assert_eq!(
                    value.map(f64::to_bits),
                    expected.map(f64::to_bits),
                    "{text}"
                );
                ready += usize::from(value.is_some());
            }
        }
    }
    assert!(ready > 5_000, "{ready}");
}
