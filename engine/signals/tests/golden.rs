//! Every indicator against values from TA-Lib, or from numpy where TA-Lib has none (python/golden/generate.py made both).

mod common;

use common::{Bars, graph, stepped};

const BARS: &str = include_str!("golden/bars.csv");
const EXPECTED: &str = include_str!("golden/expected.csv");

/// Relative to the expected value, or to one where that is smaller: TA-Lib's own running sums are no better.
const TOLERANCE: f64 = 1e-9;

fn bars() -> Bars {
    let mut bars = Bars::default();
    for line in BARS.lines().skip(1) {
        let mut bar = [0; 5];
        for (value, text) in bar.iter_mut().zip(line.split(',')) {
            *value = text.parse().expect("golden bars are integers");
        }
        bars.push(bar);
    }
    bars
}

/// Expressions, each with its values.
fn expected() -> Vec<(&'static str, Vec<Option<f64>>)> {
    let mut lines = EXPECTED.lines();
    let head = lines.next().expect("golden values have a head");
    let mut columns: Vec<_> = head.split(';').map(|text| (text, Vec::new())).collect();
    for line in lines {
        for ((_, column), text) in columns.iter_mut().zip(line.split(';')) {
            column.push((!text.is_empty()).then(|| text.parse().expect("a number")));
        }
    }
    columns
}

fn check(expression: &str, found: &[Option<f64>], expected: &[Option<f64>]) {
    assert_eq!(found.len(), expected.len(), "{expression}");
    for (row, pair) in found.iter().zip(expected).enumerate() {
        let close = match pair {
            (None, None) => true,
            (Some(found), Some(expected)) => {
                (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
            }
            _ => false,
        };
        assert!(close, "{expression}, row {row}: {pair:?}");
    }
}

#[test]
fn indicators_equal_their_golden_values_and_warm_ups() {
    let bars = bars();
    for (expression, values) in expected() {
        check(expression, &stepped(expression, &bars), &values);
    }
}

#[test]
fn one_graph_in_blocks_gives_the_same() {
    let bars = bars();
    let columns = expected();
    let texts: Vec<&str> = columns.iter().map(|(text, _)| *text).collect();
    let (mut graph, outputs) = graph(&texts);
    let mut found = vec![Vec::new(); outputs.len()];
    graph.run_block(&bars.columns(0..bars.len()), |graph, _| {
        for (found, output) in found.iter_mut().zip(&outputs) {
            let ready = |value: &f64| (!value.is_nan()).then_some(*value);
            found.extend(graph.column(*output).iter().map(ready));
        }
    });
    for ((expression, values), found) in columns.iter().zip(&found) {
        check(expression, found, values);
    }
}

#[test]
fn every_indicator_has_golden_values() {
    let without_memory = ["if", "abs", "min", "max", "sqrt", "log"];
    let tested_elsewhere = ["cross_over", "cross_under", "lag", "together"];
    for doc in tickloom_signals::table() {
        let call = format!("{}(", doc.name);
        let golden = expected().iter().any(|(text, _)| text.contains(&call));
        let excused = without_memory
            .iter()
            .chain(&tested_elsewhere)
            .any(|name| *name == doc.name);
        assert!(golden || excused, "{}", doc.name);
    }
}
