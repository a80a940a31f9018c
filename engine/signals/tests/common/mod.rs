//! What the tests of this crate share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses its part, and a panic is a failure"
)]

pub(crate) mod expressions;

use std::collections::BTreeMap;
use tickloom_signals::{
    BarColumns, Clock, Field, Graph, GraphBuilder, LeafId, OutputId, Scope, parse,
};
use tickloom_types::{BarSpec, InstrumentDef, Instruments};

/// Bars with two decimals in prices and three in volumes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bars {
    pub(crate) open: Vec<i64>,
    pub(crate) high: Vec<i64>,
    pub(crate) low: Vec<i64>,
    pub(crate) close: Vec<i64>,
    pub(crate) volume: Vec<i64>,
}

impl Bars {
    pub(crate) fn len(&self) -> usize {
        self.close.len()
    }

    pub(crate) fn push(&mut self, bar: [i64; 5]) {
        let [open, high, low, close, volume] = bar;
        self.open.push(open);
        self.high.push(high);
        self.low.push(low);
        self.close.push(close);
        self.volume.push(volume);
    }

    pub(crate) fn columns(&self, rows: std::ops::Range<usize>) -> BarColumns<'_> {
        BarColumns {
            open: &self.open[rows.clone()],
            high: &self.high[rows.clone()],
            low: &self.low[rows.clone()],
            close: &self.close[rows.clone()],
            volume: &self.volume[rows],
        }
    }

    pub(crate) fn get(&self, field: Field, row: usize) -> i64 {
        match field {
            Field::Open => self.open[row],
            Field::High => self.high[row],
            Field::Low => self.low[row],
            Field::Close => self.close[row],
            Field::Volume => self.volume[row],
            _ => panic!("not a field of bars"),
        }
    }
}

pub(crate) fn one_instrument() -> Instruments {
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("test.X", 2, 3, "USD"))
        .unwrap();
    instruments
}

/// The graph of expressions over one-minute bars of one instrument.
pub(crate) fn graph(texts: &[&str]) -> (Graph, Vec<OutputId>) {
    let instruments = one_instrument();
    let parameters = BTreeMap::new();
    let scope = Scope {
        instruments: &instruments,
        default_instrument: instruments.find("test.X").map(|(id, _)| id),
        default_bar: Some(BarSpec::Time(60_000_000_000)),
        parameters: &parameters,
    };
    let mut builder = GraphBuilder::new();
    let outputs = texts
        .iter()
        .map(|text| builder.add(&parse(text).unwrap(), &scope).unwrap())
        .collect();
    (builder.build(), outputs)
}

/// Sets all leaves from a row of bars and steps.
pub(crate) fn step(graph: &mut Graph, bars: &Bars, row: usize) {
    for at in 0..graph.leaves().len() {
        let leaf = graph.leaves()[at];
        assert!(matches!(leaf.clock, Clock::Bar(_)));
        graph.set_mantissa(LeafId(at), bars.get(leaf.field, row));
    }
    graph.step();
}

/// The values of an expression over bars, stepped one by one.
pub(crate) fn stepped(text: &str, bars: &Bars) -> Vec<Option<f64>> {
    let (mut graph, outputs) = graph(&[text]);
    (0..bars.len())
        .map(|row| {
            step(&mut graph, bars, row);
            graph.value(outputs[0])
        })
        .collect()
}

/// Random numbers that are the same on every machine (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: i64) -> i64 {
        i64::try_from(self.next() % n.unsigned_abs()).unwrap()
    }
}

/// A random walk in steps of up to `step` hundredths, rounded to `tick` so that prices repeat.
pub(crate) fn random_bars(seed: u64, count: usize, step: i64, tick: i64) -> Bars {
    let mut random = Random(seed);
    let mut bars = Bars::default();
    let mut close = 10_000;
    for _ in 0..count {
        let open = close;
        close = (close + random.below(2 * step + 1) - step).clamp(5_000, 20_000) / tick * tick;
        let high = open.max(close) + random.below(step);
        let low = open.min(close) - random.below(step);
        bars.push([open, high, low, close, random.below(50) * 100]);
    }
    bars
}
