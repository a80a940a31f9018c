//! Tables of any rows, in any of the types that a column may have, are what a plain model says.

use crate::written::{Columns, arrow_of, batch, parquet_of, texts};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Float64Array, Int64Array, LargeStringArray,
    StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;
use tickloom_formats::{ImportOptions, Input, RefusedMax};
use tickloom_types::TradeBody;

/// A trade: seconds since the one before, its price in parts of a thousand, its size, and its instrument.
#[derive(Clone, Debug)]
struct Trade {
    after: i64,
    price: Option<i64>,
    size: i64,
    symbol: usize,
}

const SYMBOLS: [&str; 3] = ["A", "B/C", "Gold €"];

fn trade() -> impl Strategy<Value = Trade> {
    (
        0_i64..100,
        prop::option::weighted(0.95, -5_000_i64..10_000_000),
        0_i64..1_000,
        0_usize..3,
    )
        .prop_map(|(after, price, size, symbol)| Trade {
            after,
            price,
            size,
            symbol,
        })
}

fn stamps(seconds: &[i64], kind: usize) -> ArrayRef {
    let at = |factor: i64| seconds.iter().map(move |second| second * factor);
    match kind {
        0 => Arc::new(TimestampSecondArray::from_iter_values(at(1)).with_timezone("UTC")),
        1 => Arc::new(TimestampMillisecondArray::from_iter_values(at(1_000))),
        2 => Arc::new(
            TimestampMicrosecondArray::from_iter_values(at(1_000_000)).with_timezone("+02:00"),
        ),
        3 => Arc::new(TimestampNanosecondArray::from_iter_values(at(
            1_000_000_000,
        ))),
        4 => Arc::new(Int64Array::from_iter_values(at(1))),
        5 => Arc::new(Int64Array::from_iter_values(at(1_000_000_000))),
        _ => Arc::new(Float64Array::from_iter_values(
            seconds.iter().map(|second| *second as f64),
        )),
    }
}

/// Numbers of so many thousandths.
fn numbers(thousandths: &[Option<i64>], kind: usize) -> ArrayRef {
    let text = |value: &Option<i64>| {
        value.map(|value| {
            let sign = if value < 0 { "-" } else { "" };
            format!("{sign}{}.{:03}", value.abs() / 1_000, value.abs() % 1_000)
        })
    };
    match kind {
        0 => Arc::new(Float64Array::from_iter(
            thousandths
                .iter()
                .map(|value| Some(text(value)?.parse().unwrap())),
        )),
        1 => {
            let decimals = thousandths.iter().map(|value| value.map(i128::from));
            Arc::new(
                Decimal128Array::from_iter(decimals)
                    .with_precision_and_scale(38, 3)
                    .unwrap(),
            )
        }
        2 => Arc::new(LargeStringArray::from_iter(thousandths.iter().map(text))),
        _ => Arc::new(StringViewArray::from_iter(thousandths.iter().map(text))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn trades_are_what_they_say(
        trades in prop::collection::vec(trade(), 1..60),
        kinds in (0_usize..7, 0_usize..4, 0_usize..4, any::<bool>()),
        group_rows in 1_usize..40,
    ) {
        let seconds: Vec<i64> = trades.iter().scan(1_704_187_800, |at, trade| { *at += trade.after; Some(*at) }).collect();
        let prices: Vec<Option<i64>> = trades.iter().map(|trade| trade.price).collect();
        let sizes: Vec<Option<i64>> = trades.iter().map(|trade| Some(trade.size * 100)).collect();
        let names: Vec<&str> = trades.iter().map(|trade| SYMBOLS[trade.symbol]).collect();
        let symbols: ArrayRef = match kinds.3 {
            true => Arc::new(names.iter().copied().collect::<DictionaryArray<Int32Type>>()),
            false => texts(&names),
        };
        let columns: Columns = vec![
            ("ts", stamps(&seconds, kinds.0)),
            ("price", numbers(&prices, kinds.1)),
            ("size", numbers(&sizes, kinds.2)),
            ("symbol", symbols),
        ];
        let options = ImportOptions { refused_max: Some(RefusedMax::Any), ..ImportOptions::default() };
        // A row is right whose price is there and not zero, and whose size is above zero.
        let right: Vec<usize> = (0..trades.len())
            .filter(|at| prices[*at].is_some_and(|price| price != 0) && trades[*at].size > 0)
            .collect();
        for bytes in [parquet_of(&batch(&columns), group_rows), arrow_of(&batch(&columns))] {
            let read = Input::bytes(Path::new("x"), bytes).read(&options);
            if right.is_empty() {
                prop_assert!(read.is_err());
                continue;
            }
            let file = read.unwrap();
            prop_assert_eq!(file.records.len(), right.len());
            prop_assert_eq!(file.report.refused, (trades.len() - right.len()) as u64);
            for (record, at) in file.records.iter().zip(&right) {
                let def = file.instruments.get(record.instrument()).unwrap();
                let trade = TradeBody::of(record);
                prop_assert_eq!(record.ts_event().0, seconds[*at] * 1_000_000_000);
                prop_assert_eq!(def.name.as_str(), names[*at]);
                prop_assert!(def.price_decimals <= 3 && def.qty_decimals <= 1);
                let factor = 10_i64.pow(3 - u32::from(def.price_decimals));
                prop_assert_eq!(Some(trade.price * factor), prices[*at]);
                let factor = 10_i64.pow(3 - u32::from(def.qty_decimals));
                prop_assert_eq!(Some(trade.qty * factor), sizes[*at]);
            }
        }
    }
}
