//! Random expressions over bars.

use proptest::prelude::*;

const FIELDS: [&str; 5] = ["open", "high", "low", "close", "volume"];
const BINARY: [&str; 12] = [
    "or", "and", "<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/",
];
const WINDOWED: [&str; 12] = [
    "sma", "ema", "wma", "rma", "rsi", "stddev", "zscore", "highest", "lowest", "roc", "lag",
    "change",
];
const OUTPUTS: [&str; 6] = [
    "macd(X, 2, 5, 3).line",
    "macd(X, 2, 5, 3).signal",
    "macd(X, 2, 5, 3).histogram",
    "bbands(X, 4, 2).upper",
    "bbands(X, 4, 2).lower",
    "bbands(X, 4, 2)",
];

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(&FIELDS[..]).prop_map(str::to_owned),
        1 => (1_u32..9).prop_map(|n| format!("atr({n})")),
        1 => (1_u32..9).prop_map(|n| format!("vwap({n})")),
    ]
}

/// An expression that is no constant and of which every window is valid.
pub(crate) fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let windowed = (
            proptest::sample::select(&WINDOWED[..]),
            inner.clone(),
            1_u32..70,
        );
        let crosses = proptest::sample::select(&["cross_over", "cross_under", "min", "max"][..]);
        prop_oneof![
            6 => windowed.prop_map(|(f, x, n)| format!("{f}({x}, {n})")),
            4 => (proptest::sample::select(&BINARY[..]), two.clone())
                .prop_map(|(op, (a, b))| format!("({a}) {op} ({b})")),
            2 => (crosses, two.clone()).prop_map(|(f, (a, b))| format!("{f}({a}, {b})")),
            1 => (proptest::sample::select(&OUTPUTS[..]), inner.clone())
                .prop_map(|(f, x)| f.replace('X', &x)),
            1 => (proptest::sample::select(&["abs", "sqrt", "log", "-", "not "][..]), inner.clone())
                .prop_map(|(f, x)| format!("({f}({x}))")),
            1 => (inner.clone(), -3.0..3.0).prop_map(|(x, k)| format!("{x} + {k:?} * 7")),
            1 => (two.clone(), inner.clone(), 1_u32..6)
                .prop_map(|((a, b), c, n)| format!("atr({a}, {b}, {c}, {n})")),
            1 => (two, 1_u32..6).prop_map(|((a, b), n)| format!("vwap({a}, {b}, {n})")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(c, a, b)| format!("if({c}, {a}, {b})")),
        ]
    })
}
