//! A field that has no value any more: what depends on it is not ready until it ticks again.
#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

use std::collections::BTreeMap;
use tickloom_signals::{Graph, GraphBuilder, LeafId, OutputId, Scope, parse};
use tickloom_types::{InstrumentDef, InstrumentId, Instruments};

fn graph(texts: &[&str]) -> (Graph, Vec<OutputId>) {
    let mut instruments = Instruments::new();
    instruments
        .add(InstrumentDef::new("X", 0, 0, "USD"))
        .unwrap();
    let scope = Scope {
        instruments: &instruments,
        default_instrument: Some(InstrumentId(0)),
        default_bar: None,
        parameters: &BTreeMap::new(),
    };
    let mut builder = GraphBuilder::new();
    let outputs = texts
        .iter()
        .map(|text| builder.add(&parse(text).unwrap(), &scope).unwrap())
        .collect();
    (builder.build(), outputs)
}

#[test]
fn what_depends_on_a_withdrawn_field_is_not_ready_until_it_ticks_again() {
    let (mut graph, outputs) = graph(&["bid + 1", "sma(bid, 2)", "last"]);
    let [bid, last] = [LeafId(0), LeafId(1)];
    let values = |graph: &Graph| -> Vec<Option<f64>> {
        outputs.iter().map(|output| graph.value(*output)).collect()
    };
    graph.set_mantissa(bid, 4);
    graph.step();
    graph.set_mantissa(bid, 6);
    graph.set_mantissa(last, 9);
    graph.step();
    assert_eq!(values(&graph), [Some(7.0), Some(5.0), Some(9.0)]);

    graph.withdraw(bid);
    graph.step();
    assert_eq!(values(&graph), [None, None, Some(9.0)]);
    let ticked: Vec<bool> = outputs.iter().map(|o| graph.ticked(*o)).collect();
    assert_eq!(ticked, [true, true, false]);
    graph.step();
    assert!(!graph.ticked(outputs[0]), "only once");

    graph.set_mantissa(bid, 8);
    graph.step();
    let expected = [Some(9.0), Some(7.0), Some(9.0)];
    assert_eq!(values(&graph), expected, "the mean remembers its 6");
}

#[test]
fn an_answer_that_is_certain_without_the_field_stays() {
    let texts = [
        "bid > 1 or last > 0",
        "bid > 1 and last > 9",
        "bid > 1 and last > 0",
        "if(last > 0, last, bid)",
        "(bid > 1 or last > 0) + change(last)",
    ];
    let (mut graph, outputs) = graph(&texts);
    let values = |graph: &Graph| -> Vec<Option<f64>> {
        outputs.iter().map(|output| graph.value(*output)).collect()
    };
    let [bid, last] = [LeafId(0), LeafId(1)];
    for price in [2, 3] {
        graph.set_mantissa(bid, price);
        graph.set_mantissa(last, price);
        graph.step();
    }
    let before = [Some(1.0), Some(0.0), Some(1.0), Some(3.0), Some(2.0)];
    assert_eq!(values(&graph), before);
    graph.withdraw(bid);
    graph.step();
    let certain = [Some(1.0), Some(0.0), None, Some(3.0), Some(2.0)];
    assert_eq!(values(&graph), certain);
    graph.withdraw(bid);
    graph.set_mantissa(last, 4);
    graph.step();
    let certain = [Some(1.0), Some(0.0), None, Some(4.0), Some(2.0)];
    assert_eq!(values(&graph), certain);
}
