//! `together` ticks when the newest bars of all series in it have the same close, and at no other time.
#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use tickloom_signals::{Clock, Graph, GraphBuilder, LeafId, OutputId, Problem, Scope, parse};
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, Instruments, Ts};

const DAY: &str = "1d";

/// The graph of expressions over the instruments A, B and C, with A and bars of a day as defaults.
fn try_graph(texts: &[&str]) -> Result<(Graph, Vec<OutputId>), Problem> {
    let mut instruments = Instruments::new();
    for name in ["A", "B", "C"] {
        instruments
            .add(InstrumentDef::new(name, 0, 0, "USD"))
            .unwrap();
    }
    let scope = Scope {
        instruments: &instruments,
        default_instrument: Some(InstrumentId(0)),
        default_bar: Some(DAY.parse().unwrap()),
        parameters: &BTreeMap::new(),
    };
    let mut builder = GraphBuilder::new();
    let mut outputs = Vec::new();
    for text in texts {
        let output = builder.add(&parse(text).unwrap(), &scope);
        outputs.push(output.map_err(|error| error.problem)?);
    }
    Ok((builder.build(), outputs))
}

fn graph(texts: &[&str]) -> (Graph, Vec<OutputId>) {
    try_graph(texts).unwrap()
}

/// Bars of a day that close in one step: instrument, close time, closing price.
fn step(graph: &mut Graph, bars: &[(u32, i64, i64)]) {
    let spec: BarSpec = DAY.parse().unwrap();
    for (instrument, ts, price) in bars {
        let id = InstrumentId(*instrument);
        for at in 0..graph.leaves().len() {
            let leaf = graph.leaves()[at];
            if leaf.instrument == id && leaf.clock == Clock::Bar(spec) {
                graph.set_mantissa(LeafId(at), *price);
            }
        }
        let clock = graph.bar_clocks().iter().position(|c| *c == (id, spec));
        if let Some(clock) = clock {
            graph.close(clock, Ts(*ts));
        }
    }
    graph.step();
}

const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;

/// The value after a step in which the output ticked.
fn ticked(graph: &Graph, output: OutputId) -> Option<Option<f64>> {
    graph.ticked(output).then(|| graph.value(output))
}

#[test]
fn bars_of_one_time_tick_once_whether_they_come_in_one_step_or_two() {
    let (mut graph, outputs) = graph(&["together(A.close / B.close)", "A.close / B.close"]);
    let [together, plain] = [outputs[0], outputs[1]];
    step(&mut graph, &[(A, 1, 10), (B, 1, 5)]);
    assert_eq!(ticked(&graph, together), Some(Some(2.0)));
    step(&mut graph, &[(A, 2, 12)]);
    assert_eq!(ticked(&graph, together), None);
    assert_eq!(graph.value(together), Some(2.0), "it keeps its value");
    assert_eq!(ticked(&graph, plain), Some(Some(2.4)));
    step(&mut graph, &[(B, 2, 4)]);
    assert_eq!(ticked(&graph, together), Some(Some(3.0)));
    // A holiday of B: the third is never together, the fourth is again.
    step(&mut graph, &[(A, 3, 20)]);
    step(&mut graph, &[(A, 4, 8)]);
    assert_eq!(ticked(&graph, together), None);
    step(&mut graph, &[(B, 4, 2)]);
    assert_eq!(ticked(&graph, together), Some(Some(4.0)));
    // B is a step behind: its bar of the fifth comes when A is at the sixth.
    step(&mut graph, &[(A, 5, 1)]);
    step(&mut graph, &[(A, 6, 1), (B, 5, 1)]);
    assert_eq!(ticked(&graph, together), None);
}

#[test]
fn windows_within_count_the_common_closes_alone() {
    let (mut graph, outputs) = graph(&["together(sma(A.close - B.close, 2))", "sma(A.close, 2)"]);
    step(&mut graph, &[(A, 1, 10), (B, 1, 4)]);
    step(&mut graph, &[(A, 2, 99)]);
    step(&mut graph, &[(A, 3, 20), (B, 3, 10)]);
    assert_eq!(ticked(&graph, outputs[0]), Some(Some(8.0)), "(6 + 10) / 2");
    assert_eq!(
        ticked(&graph, outputs[1]),
        Some(Some(59.5)),
        "(99 + 20) / 2"
    );
}

#[test]
fn further_arguments_are_waited_for_and_what_is_around_ticks_with_the_rest() {
    let texts = [
        "together(A.close, B.close, C.close)",
        "together(A.close / B.close) > C.close",
        "together(together(A.close, B.close), C.close)",
    ];
    let (mut graph, outputs) = graph(&texts);
    step(&mut graph, &[(A, 1, 6), (B, 1, 2)]);
    assert_eq!(ticked(&graph, outputs[0]), None);
    assert_eq!(ticked(&graph, outputs[1]), Some(None), "C is not ready");
    assert_eq!(ticked(&graph, outputs[2]), None);
    step(&mut graph, &[(C, 1, 1)]);
    assert_eq!(ticked(&graph, outputs[0]), Some(Some(6.0)));
    assert_eq!(ticked(&graph, outputs[1]), Some(Some(1.0)));
    assert_eq!(ticked(&graph, outputs[2]), Some(Some(6.0)));
}

#[test]
fn one_series_of_bars_has_nothing_to_wait_for() {
    let (graph, _) = graph(&["together(close / sma(close, 3), atr(5), vwap(4))"]);
    assert!(graph.bar_clocks().is_empty());
    assert!(graph.is_single_bar().is_some());
    let (of_two, _) = try_graph(&["together(B.close, atr(5))"]).unwrap();
    assert_eq!(of_two.bar_clocks().len(), 2, "atr(5) reads the bars of A");
}

#[test]
fn what_has_no_close_is_refused() {
    let problem = |text: &str| try_graph(&[text]).unwrap_err();
    assert_eq!(
        problem("together(A.close, B.mid)"),
        Problem::NoClose { field: "mid" }
    );
    assert_eq!(
        problem("together(A.close, sma(D.close, 3))"),
        Problem::Unknown {
            what: "instrument",
            name: "D".to_owned(),
            nearest: Some("A".to_owned())
        }
    );
    assert_eq!(problem("together(1 + 1)"), Problem::Constant { found: 2.0 });
    assert_eq!(
        problem("together(A.close / B.close, sma(A.close, 0))"),
        Problem::Window { found: 0.0 }
    );
    assert!(parse("together()").is_err());
    let problem = problem("together(A.close, B.mid)").to_string();
    let said = "mid changes with every tick and has no close: together() is of bars";
    assert_eq!(problem, said);
    assert!(parse("together(A.close > B.close)").unwrap().is_condition());
}

#[test]
fn an_error_within_leaves_no_gate_behind() {
    let mut instruments = Instruments::new();
    for name in ["A", "B"] {
        instruments
            .add(InstrumentDef::new(name, 0, 0, "USD"))
            .unwrap();
    }
    let scope = Scope {
        instruments: &instruments,
        default_instrument: Some(InstrumentId(0)),
        default_bar: Some(DAY.parse().unwrap()),
        parameters: &BTreeMap::new(),
    };
    let mut builder = GraphBuilder::new();
    let wrong = parse("together(A.close, sma(B.close, 0))").unwrap();
    builder.add(&wrong, &scope).unwrap_err();
    let output = builder.add(&parse("close").unwrap(), &scope).unwrap();
    let mut graph = builder.build();
    assert!(graph.bar_clocks().is_empty());
    step(&mut graph, &[(A, 1, 7)]);
    assert_eq!(ticked(&graph, output), Some(Some(7.0)));
}

proptest! {
    /// Any closes of two series in any steps: it ticks when one of them closes and both are at one time.
    #[test]
    fn equals_a_plain_model(steps in prop::collection::vec((0_i64..3, 0_i64..3, 1_i64..9, 1_i64..9), 1..60)) {
        let (mut graph, outputs) = graph(&["together(A.close - B.close)", "together(sma(A.close - B.close, 3))"]);
        let (mut newest, mut prices) = ([0, 0], [0, 0]);
        let (mut last, mut window) = (None, Vec::new());
        for (ahead_a, ahead_b, price_a, price_b) in steps {
            let mut bars = Vec::new();
            for (at, (ahead, price)) in [(ahead_a, price_a), (ahead_b, price_b)].into_iter().enumerate() {
                if ahead > 0 {
                    newest[at] += ahead;
                    prices[at] = price;
                    bars.push((u32::try_from(at).unwrap(), newest[at], price));
                }
            }
            step(&mut graph, &bars);
            let opens = !bars.is_empty() && newest[0] == newest[1];
            if opens {
                last = Some((prices[0] - prices[1]) as f64);
                window.push(prices[0] - prices[1]);
            }
            prop_assert_eq!(graph.ticked(outputs[0]), opens);
            prop_assert_eq!(graph.value(outputs[0]), last);
            let mean = window.len().checked_sub(3).map(|from| window[from..].iter().sum::<i64>() as f64 / 3.0);
            prop_assert_eq!(graph.value(outputs[1]), mean);
        }
    }
}
