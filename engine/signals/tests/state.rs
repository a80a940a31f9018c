//! A graph that goes on from what another remembered says the same as if it had seen everything itself.
#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod common;

use common::{expressions::expression, graph, random_bars, step};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tickloom_signals::{Graph, GraphBuilder, GraphState, LeafId, OutputId, Scope, parse};
use tickloom_types::{InstrumentDef, Instruments, StateReader, StateWriter, Ts};

fn bytes(state: &GraphState) -> Vec<u8> {
    let mut to = StateWriter::new();
    state.write(&mut to);
    to.into_bytes()
}

fn state(graphs: &[&Graph]) -> GraphState {
    let mut all = GraphState::new();
    for graph in graphs {
        let own = graph.save();
        assert_eq!(own.len(), graph.saved_len());
        all.unite(own);
    }
    all
}

fn read(bytes: &[u8]) -> GraphState {
    let mut from = StateReader::new(bytes, "test");
    let state = GraphState::read(&mut from).unwrap();
    from.end().unwrap();
    state
}

fn bits(graph: &Graph, outputs: &[OutputId]) -> Vec<(Option<u64>, bool)> {
    let of = |output: &OutputId| {
        let value = graph.value(*output).map(f64::to_bits);
        (value, graph.ticked(*output))
    };
    outputs.iter().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn going_on_is_as_never_having_stopped(
        texts in prop::collection::vec(expression(), 1..6), seed in any::<u64>(), stop in 0_usize..150, cut in 0_usize..6,
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let bars = random_bars(seed, 200, 50, 10);
        let (mut whole, outputs) = graph(&texts);
        let (first, second) = texts.split_at(cut.min(texts.len()));
        let (mut first, _) = graph(first);
        let (mut second, _) = graph(second);
        for row in 0..stop {
            for graph in [&mut whole, &mut first, &mut second] {
                step(graph, &bars, row);
            }
        }
        let saved = state(&[&whole]);
        prop_assert_eq!(&bytes(&saved), &bytes(&state(&[&first, &second])));
        let read = read(&bytes(&saved));
        prop_assert_eq!(&read, &saved);

        let (mut again, _) = graph(&texts);
        again.load(&read).unwrap();
        prop_assert_eq!(bytes(&state(&[&again])), bytes(&saved));
        for row in stop..bars.len() {
            step(&mut whole, &bars, row);
            step(&mut again, &bars, row);
            prop_assert_eq!(bits(&again, &outputs), bits(&whole, &outputs), "row {}", row);
        }
        prop_assert_eq!(bytes(&state(&[&again])), bytes(&state(&[&whole])));
    }

    /// What else is in a graph is no matter: a part takes its own from the state of all.
    #[test]
    fn a_part_goes_on_from_the_state_of_all(
        texts in prop::collection::vec(expression(), 2..6), seed in any::<u64>(), stop in 0_usize..150,
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let bars = random_bars(seed, 200, 50, 10);
        let (mut whole, outputs) = graph(&texts);
        for row in 0..stop {
            step(&mut whole, &bars, row);
        }
        let (mut last, own) = graph(&texts[texts.len() - 1..]);
        last.load(&state(&[&whole])).unwrap();
        for row in stop..bars.len() {
            step(&mut whole, &bars, row);
            step(&mut last, &bars, row);
            let of_whole = bits(&whole, &outputs[texts.len() - 1..]);
            prop_assert_eq!(bits(&last, &own), of_whole, "row {}", row);
        }
    }

    /// Bytes that are no state, or one of other numbers, are refused or give some graph: nothing breaks.
    #[test]
    fn changed_bytes_break_nothing(
        text in expression(), seed in any::<u64>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let bars = random_bars(seed, 120, 50, 10);
        let (mut before, _) = graph(&[&text]);
        for row in 0..80 {
            step(&mut before, &bars, row);
        }
        let mut changed = bytes(&state(&[&before]));
        for (at, value) in changes {
            let at = at.index(changed.len());
            changed[at] = value;
        }
        let (mut after, _) = graph(&[&text]);
        let loaded = GraphState::read(&mut StateReader::new(&changed, "test"))
            .and_then(|state| after.load(&state));
        if loaded.is_ok() {
            for row in 80..bars.len() {
                step(&mut after, &bars, row);
            }
        }
    }
}

#[test]
fn the_state_of_other_expressions_is_refused() {
    let (mut one, _) = graph(&["sma(close, 3)"]);
    let bars = random_bars(1, 5, 50, 10);
    step(&mut one, &bars, 0);
    let saved = state(&[&one]);
    for text in [
        "sma(close, 4)",
        "sma(open, 3)",
        "ema(close, 3)",
        "sma(close@5m, 3)",
    ] {
        let (mut other, _) = graph(&[text]);
        let error = other.load(&saved).unwrap_err().to_string();
        assert!(error.contains("known to the state"), "{text}: {error}");
    }
    let mut damaged = bytes(&saved);
    damaged.truncate(damaged.len() - 1);
    assert!(GraphState::read(&mut StateReader::new(&damaged, "test")).is_err());
}

/// Two series under `together`, in a graph with the instruments in this order.
fn together(names: [&str; 2]) -> (Graph, OutputId) {
    let mut instruments = Instruments::new();
    for name in names {
        instruments
            .add(InstrumentDef::new(name, 0, 0, "USD"))
            .unwrap();
    }
    let scope = Scope {
        instruments: &instruments,
        default_instrument: None,
        default_bar: Some("1m".parse().unwrap()),
        parameters: &BTreeMap::new(),
    };
    let mut builder = GraphBuilder::new();
    let expr = parse("together(A.close - B.close)").unwrap();
    let output = builder.add(&expr, &scope).unwrap();
    (builder.build(), output)
}

/// Sets what an instrument closed at.
fn close(graph: &mut Graph, instruments: [&str; 2], name: &str, price: i64, ts: i64) {
    let is_of = |id: tickloom_types::InstrumentId| instruments[id.0 as usize] == name;
    let leaf = graph
        .leaves()
        .iter()
        .position(|leaf| is_of(leaf.instrument));
    let clock = graph.bar_clocks().iter().position(|(id, _)| is_of(*id));
    graph.set_mantissa(LeafId(leaf.unwrap()), price);
    graph.close(clock.unwrap(), Ts(ts));
    graph.step();
}

#[test]
fn what_waits_for_another_series_still_waits_and_the_order_of_instruments_is_no_matter() {
    let (names, others) = (["A", "B"], ["B", "A"]);
    let (mut before, output) = together(names);
    close(&mut before, names, "A", 7, 60);
    assert_eq!(before.value(output), None);
    let (mut after, output) = together(others);
    after.load(&read(&bytes(&state(&[&before])))).unwrap();
    assert_eq!(bytes(&state(&[&after])), bytes(&state(&[&before])));
    close(&mut after, others, "B", 3, 60);
    assert_eq!(after.value(output), Some(4.0));
}
