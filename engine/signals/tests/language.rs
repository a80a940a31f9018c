//! The language from outside: what parses, what it means, and what errors say.
#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod common;

use common::{Bars, graph, one_instrument, stepped};
use proptest::prelude::*;
use std::collections::BTreeMap;
use tickloom_signals::{Clock, Field, GraphBuilder, Leaf, LeafId, Scope, limits, parse};
use tickloom_types::{BarSpec, InstrumentDef, InstrumentId, Instruments};

const MINUTE: BarSpec = BarSpec::Time(60_000_000_000);

fn close_only(closes: &[i64]) -> Bars {
    let mut bars = Bars::default();
    for close in closes {
        bars.push([*close, *close, *close, *close, 1_000]);
    }
    bars
}

/// The value after one bar with close 12.5, open 12 and volume 3.
fn once(text: &str) -> Option<f64> {
    let mut bars = Bars::default();
    bars.push([1_200, 1_300, 1_100, 1_250, 3_000]);
    stepped(text, &bars)[0]
}

#[test]
fn operators_bind_as_usual() {
    let check = |text: &str, expected: f64| assert_eq!(once(text), Some(expected), "{text}");
    check("1 + 2 * 3", 7.0);
    check("(1 + 2) * 3", 9.0);
    check("10 - 4 - 3", 3.0);
    check("16 / 4 / 2", 2.0);
    check("-2 * -3", 6.0);
    check("not 1 > 2 and 3 > 2", 1.0);
    check("1 > 2 and 1 > 2 or 1 < 2", 1.0);
    check("close - open", 0.5);
    check("close * volume", 37.5);
    check("if(close > open, 1, -1)", 1.0);
    check("close >= open and true", 1.0);
    check("min(open, close) + max(open, close)", 24.5);
    check("abs(open - close) + sqrt(4) + log(1)", 2.5);
    check("1.5e1 + 2E-1", 15.2);
}

#[test]
fn not_ready_is_none_and_never_zero() {
    assert_eq!(once("sma(close, 2)"), None);
    assert_eq!(once("close / (close - close)"), None);
    assert_eq!(once("sma(close, 2) > 0"), None);
    assert_eq!(once("sma(close, 2) > 0 and close < 0"), Some(0.0));
    assert_eq!(once("sma(close, 2) > 0 or close > 0"), Some(1.0));
}

#[test]
fn windows_and_lags_count_ticks() {
    let bars = close_only(&[100, 200, 400, 800]);
    let check = |text: &str, expected: [Option<f64>; 4]| {
        assert_eq!(stepped(text, &bars), expected, "{text}");
    };
    check("sma(close, 2)", [None, Some(1.5), Some(3.0), Some(6.0)]);
    check("lag(close)", [None, Some(1.0), Some(2.0), Some(4.0)]);
    check("lag(close, 2)", [None, None, Some(1.0), Some(2.0)]);
    check("change(close)", [None, Some(1.0), Some(2.0), Some(4.0)]);
    check("roc(close, 2)", [None, None, Some(300.0), Some(300.0)]);
    check("sma(lag(close), 2)", [None, None, Some(1.5), Some(3.0)]);
    check(
        "cross_over(close, 3)",
        [None, Some(0.0), Some(1.0), Some(0.0)],
    );
    check(
        "cross_under(3, close)",
        [None, Some(0.0), Some(1.0), Some(0.0)],
    );
}

fn column_and_message(text: &str) -> (usize, String) {
    let error = match parse(text) {
        Err(error) => error,
        Ok(expr) => {
            let mut instruments = one_instrument();
            for name in ["a.BTC", "b.BTC"] {
                let def = InstrumentDef::new(name, 2, 3, "USD");
                instruments.add(def).unwrap();
            }
            let parameters = BTreeMap::from([("fast".to_owned(), 2.5)]);
            let scope = Scope {
                instruments: &instruments,
                default_instrument: None,
                default_bar: None,
                parameters: &parameters,
            };
            GraphBuilder::new().add(&expr, &scope).unwrap_err()
        }
    };
    (error.column, error.problem.to_string())
}

fn check_error(text: &str, column: usize, message: &str) {
    let expected = (column, message.to_owned());
    assert_eq!(column_and_message(text), expected, "{text}");
}

#[test]
fn errors_point_at_the_column_and_say_what_is_expected() {
    let check = check_error;
    let value = "expected a value (field, function, number, $parameter or parenthesis), found ";
    check("", 1, &format!("{value}the end"));
    check("close + ", 9, &format!("{value}the end"));
    check("close + )", 9, &format!("{value}\")\""));
    check(
        "close close",
        7,
        "expected an operator or the end, found \"close\"",
    );
    check("(close", 7, "expected an operator or \")\", found the end");
    check(
        "sma(close, 10",
        14,
        "expected an operator, \",\" or \")\", found the end",
    );
    check(
        "smaa(close, 10)",
        1,
        "unknown function \"smaa\", did you mean \"sma\"?",
    );
    check(
        "close > Open",
        9,
        "unknown field \"Open\", did you mean \"open\"?",
    );
    check(
        "X.clos",
        3,
        "unknown field \"clos\", did you mean \"close\"?",
    );
    check(
        "sma > 1",
        5,
        "expected \"(\" after the name of a function, found \">\"",
    );
    check("sma(close)", 1, "sma(x, n) expected, found 1 argument");
    check(
        "macd(X.close, 1, 2, 3).sgnal",
        24,
        "unknown output \"sgnal\", did you mean \"signal\"?",
    );
    check(
        "1 < 2 < 3",
        7,
        "expected \"and\" between two comparisons (a < b and b < c), found \"<\"",
    );
    check("a && b", 3, "expected \"and\", found \"&&\"");
    check("close = 1", 7, "expected \"==\", found \"=\"");
    check(
        "1 + not 2",
        5,
        "expected a value or (not …) in parentheses, found \"not\"",
    );
}

#[test]
fn errors_of_meaning_point_at_the_column_too() {
    let check = check_error;
    check(
        "bid@1m",
        4,
        "bid changes with every tick and takes no bar size",
    );
    check(
        "close@5y > 1",
        7,
        "\"5y\" is not a bar size: expected a number and one of ns us ms s m h d w (time), t (trades), v (volume), e.g. 5m",
    );
    check(
        "1 + close",
        5,
        "close needs an instrument, e.g. BTCUSDT.close: there is no default here",
    );
    check(
        "1 + X.close",
        5,
        "close needs a bar size, e.g. close@1m: there is no default here",
    );
    check("Y.bid", 1, "unknown instrument \"Y\", did you mean \"X\"?");
    check(
        "1 < BTC.bid",
        5,
        "\"BTC\" may be any of a.BTC, b.BTC: write the full name in single quotes",
    );
    check(
        "$fsat * X.bid",
        1,
        "unknown parameter \"fsat\", did you mean \"fast\"?",
    );
    check(
        "sma(X.bid, $fast)",
        12,
        "a window must be a whole number from 1 to 1000000, found 2.5",
    );
    check(
        "sma(X.bid, 0)",
        12,
        "a window must be a whole number from 1 to 1000000, found 0",
    );
    check(
        "sma(X.bid, X.ask)",
        12,
        "expected a number, a $parameter or arithmetic of these, found something that changes",
    );
    check(
        "sma(1, 10)",
        5,
        "expected something that changes, such as close, found the constant 1",
    );
    check(
        "macd(X.bid, 26, 12, 9)",
        1,
        "the fast window (26) must be shorter than the slow one (12)",
    );
}

#[test]
fn a_printed_error_has_a_caret() {
    let error = parse("sma(close, 10) > smaa(close, 30)").unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 18: unknown function \"smaa\", did you mean \"sma\"?\n  \
         sma(close, 10) > smaa(close, 30)\n                   ^"
    );
}

#[test]
fn hostile_input_is_refused() {
    let deep = |n: usize| format!("{}close{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&deep(limits::DEPTH_MAX - 1)).is_ok());
    for text in [
        deep(limits::DEPTH_MAX),
        deep(8_000),
        "-".repeat(16_000),
        "not ".repeat(4_000),
        "sma(".repeat(4_000),
        format!("1{}", " + 1".repeat(4_000)),
        format!("1{}", " and 1".repeat(2_000)),
        " ".repeat(limits::TEXT_BYTES_MAX + 1),
        "é".repeat(limits::TEXT_BYTES_MAX),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.to_string().len() < 1_000);
    }
}

#[test]
fn windows_of_one_graph_have_a_limit_and_a_failure_leaves_no_trace() {
    let instruments = one_instrument();
    let parameters = BTreeMap::new();
    let scope = Scope {
        instruments: &instruments,
        default_instrument: Some(InstrumentId(0)),
        default_bar: Some(MINUTE),
        parameters: &parameters,
    };
    let mut builder = GraphBuilder::new();
    builder
        .add(&parse("lag(close, 9)").unwrap(), &scope)
        .unwrap();
    let sum: Vec<String> = (0..100)
        .map(|n| format!("lag(open, {})", 1_000_000 - n))
        .collect();
    let error = builder
        .add(&parse(&sum.join("+")).unwrap(), &scope)
        .unwrap_err();
    assert!(error.to_string().contains("all windows together"));
    let graph = builder.build();
    assert_eq!((graph.leaves().len(), graph.len()), (1, 2));
}

#[test]
fn equal_parts_are_computed_once() {
    // close, sma 10, sma 30, two crosses, rsi, 70, <, and.
    let (graph, outputs) = graph(&[
        "cross_over(sma(close, 10), sma(close, 30)) and rsi(close, 14) < 70",
        "cross_under(sma(close, 10), sma(close, 5 * 6))",
        "cross_under(sma(close@1m, 10), sma(X.close, 30))",
    ]);
    assert_eq!(graph.leaves().len(), 1);
    assert_eq!(graph.len(), 9);
    assert_eq!(outputs[1], outputs[2]);
    assert_eq!(graph.is_single_bar(), Some((InstrumentId(0), MINUTE)));
}

#[test]
fn instruments_bar_sizes_and_ticks_mix() {
    let mut instruments = Instruments::new();
    for name in ["spot.BTC", "perp.BTC", "perp.ETH"] {
        let def = InstrumentDef::new(name, 1, 0, "USD");
        instruments.add(def).unwrap();
    }
    let parameters = BTreeMap::from([("k".to_owned(), 2.0)]);
    let scope = Scope {
        instruments: &instruments,
        default_instrument: Some(InstrumentId(0)),
        default_bar: Some(MINUTE),
        parameters: &parameters,
    };
    let text = "'perp.BTC'.close@5m - close + $k * ETH.mid > perp.ETH.bid";
    let mut builder = GraphBuilder::new();
    let output = builder.add(&parse(text).unwrap(), &scope).unwrap();
    let mean = builder
        .add(&parse("sma(ETH.mid, 2)").unwrap(), &scope)
        .unwrap();
    let mut graph = builder.build();
    let five = "5m".parse().unwrap();
    let leaf = |instrument, field, clock| Leaf {
        instrument: InstrumentId(instrument),
        field,
        clock,
    };
    assert_eq!(
        graph.leaves(),
        [
            leaf(1, Field::Close, Clock::Bar(five)),
            leaf(0, Field::Close, Clock::Bar(MINUTE)),
            leaf(2, Field::Mid, Clock::Tick),
            leaf(2, Field::Bid, Clock::Tick),
        ]
    );
    assert_eq!(graph.is_single_bar(), None);

    graph.set_mantissa(LeafId(0), 100);
    graph.set_mantissa(LeafId(1), 90);
    graph.set_value(LeafId(2), 2.0);
    graph.step();
    assert!(graph.ticked(output) && graph.ticked(mean));
    assert_eq!(graph.value(output), None);

    graph.set_mantissa(LeafId(3), 49);
    graph.step();
    assert!(graph.ticked(output) && !graph.ticked(mean));
    // 10 - 9 + 2 * 2 > 4.9
    assert_eq!(graph.value(output), Some(1.0));

    graph.set_value(LeafId(2), f64::NAN);
    graph.step();
    assert_eq!((graph.value(output), graph.value(mean)), (None, None));
    graph.set_value(LeafId(2), 3.0);
    graph.step();
    assert_eq!(graph.value(mean), Some(2.5));
    graph.step();
    assert!(!graph.ticked(output));
}

#[test]
fn conditions_are_known_by_their_form() {
    for text in [
        "close > open",
        "not close > 1",
        "cross_over(open, 1)",
        "true",
        "if(true, open > 1, false)",
    ] {
        assert!(parse(text).unwrap().is_condition(), "{text}");
    }
    for text in ["close", "close + 1", "-close", "if(true, 1, 2)"] {
        assert!(!parse(text).unwrap().is_condition(), "{text}");
    }
    let expr = parse("sma(close, $slow) > sma(close, $fast) * $slow").unwrap();
    assert_eq!(expr.parameters(), ["slow", "fast"]);
}

#[test]
fn canonical_text() {
    let check = |text: &str, expected: &str| {
        assert_eq!(parse(text).unwrap().to_string(), expected);
    };
    check("a.close", "a.close");
    check("'a.b'.close@60s", "'a.b'.close@1m");
    check("a.b.close", "'a.b'.close");
    check("'and'.bid", "'and'.bid");
    check("((1+2))*-(3)", "(1 + 2) * -3");
    check("1-(2-3)-4", "1 - (2 - 3) - 4");
    check("(1<2)==(3<4)", "(1 < 2) == (3 < 4)");
    check("not(not(1<2)and true)", "not (not 1 < 2 and true)");
    check("1 + (not true)", "1 + (not true)");
    check("macd( bid,12 ,26,9).signal", "macd(bid, 12, 26, 9).signal");
    check("1e300+0.1+1e-9", "1e300 + 0.1 + 1e-9");
    check("$a_1*2.50", "$a_1 * 2.5");
}

proptest! {
    #[test]
    fn the_canonical_text_means_the_same(text in common::expressions::expression()) {
        let expr = parse(&text).unwrap();
        let canonical = expr.to_string();
        let again = parse(&canonical).unwrap();
        prop_assert_eq!(&again, &expr);
        prop_assert_eq!(again.to_string(), canonical);
    }

    #[test]
    fn no_text_panics(text in "[a-z0-9 ()+*/<>=.,@$'!-]{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.column <= text.chars().count() + 1);
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
