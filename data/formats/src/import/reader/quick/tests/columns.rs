//! Columns, as rows at once, as single rows in common forms, and the other way.

use super::{agree, told};
use crate::import::ImportOptions;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use std::sync::Arc;

/// How a column of prices or sizes is kept.
#[derive(Clone, Copy, Debug)]
enum Numbers {
    Floats,
    Singles,
    Decimals(i8),
    Whole,
}

/// How times are kept.
#[derive(Clone, Copy, Debug)]
enum Times {
    Seconds,
    Micros,
    Zoned,
    Days,
}

/// What is wrong with a row, or unusual.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Null(usize),
    Nan(usize),
    Fine(usize),
    Negative(usize),
    Zero(usize),
    Large(usize),
    Again,
    Back,
    Far,
}

/// A number of cents, and whether it is something else instead.
type Value = (i64, Option<Fault>);

fn numbers(kind: Numbers, values: &[Value]) -> ArrayRef {
    let float = |(cents, fault): &Value| match fault {
        Some(Fault::Null(_)) => None,
        Some(Fault::Nan(_)) => Some(f64::NAN),
        Some(Fault::Fine(_)) => Some(*cents as f64 / 100.0 + 0.0625),
        Some(Fault::Negative(_)) => Some(*cents as f64 / -100.0),
        Some(Fault::Zero(_)) => Some(0.0),
        Some(Fault::Large(_)) => Some(*cents as f64 * 1e14),
        _ => Some(*cents as f64 / 100.0),
    };
    let whole = |(cents, fault): &Value, factor: i128| {
        let scaled = i128::from(*cents) * factor;
        match fault {
            Some(Fault::Null(_) | Fault::Nan(_)) => None,
            Some(Fault::Fine(_)) => Some(scaled + 1),
            Some(Fault::Negative(_)) => Some(-scaled),
            Some(Fault::Zero(_)) => Some(0),
            Some(Fault::Large(_)) => Some(i128::from(i64::MAX - cents)),
            _ => Some(scaled),
        }
    };
    match kind {
        Numbers::Floats => Arc::new(Float64Array::from_iter(values.iter().map(float))),
        Numbers::Singles => {
            let values = values.iter().map(|one| float(one).map(single));
            Arc::new(Float32Array::from_iter(values))
        }
        Numbers::Decimals(scale) => {
            let factor = 10_i128.pow(u32::try_from(scale - 2).unwrap());
            let values = values.iter().map(|one| whole(one, factor));
            // Of up to 18 digits they are whole numbers of 64 bits in the file, and otherwise bytes.
            let digits = [18, 38][usize::from(scale > 4)];
            let is_large =
                |one: &Option<i128>| one.is_some_and(|value| value.abs() >= 10_i128.pow(18));
            let values = values.map(|one| one.filter(|_| digits == 38 || !is_large(&one)));
            let values = Decimal128Array::from_iter(values);
            Arc::new(values.with_precision_and_scale(digits, scale).unwrap())
        }
        Numbers::Whole => {
            let values = values.iter().map(|one| whole(one, 1));
            let values = values.map(|one| one.map(|value| i64::try_from(value).unwrap()));
            Arc::new(Int64Array::from_iter(values))
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "as programs round")]
fn single(value: f64) -> f32 {
    value as f32
}

fn times(kind: Times, rows: &[Row]) -> ArrayRef {
    let step = match kind {
        Times::Days => 86_400,
        _ => 60,
    };
    let mut now = 1_577_836_800;
    let seconds = rows.iter().map(|row| {
        now += match row.fault {
            Some(Fault::Again) => 0,
            Some(Fault::Back) => -5 * step,
            _ => step * row.step,
        };
        match row.fault {
            Some(Fault::Far) => 33_000_000_000,
            _ => now,
        }
    });
    match kind {
        Times::Seconds => Arc::new(Int64Array::from_iter_values(seconds)),
        Times::Days => {
            let days = seconds.map(|second| i32::try_from(second / 86_400).unwrap());
            Arc::new(Date32Array::from_iter_values(days))
        }
        Times::Micros | Times::Zoned => {
            let micros =
                TimestampMicrosecondArray::from_iter_values(seconds.map(|s| s * 1_000_000));
            match kind {
                Times::Zoned => Arc::new(micros.with_timezone("Europe/Berlin")),
                _ => Arc::new(micros),
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Row {
    step: i64,
    values: [i64; 4],
    fault: Option<Fault>,
    other: u8,
}

/// The numbers of trades, and their sides.
fn beside_trades(shape: &str, rows: &[Row]) -> [(&'static str, ArrayRef); 2] {
    let mut id = 0;
    let ids = rows.iter().map(|row| {
        id += i64::from(row.other % 7 != 0);
        id - i64::from(row.other == 9)
    });
    let ids = Arc::new(Int64Array::from_iter_values(ids));
    let sides = rows
        .iter()
        .map(|row| ["buy", "sell", "up", ""][usize::from(row.other % 32 / 10)]);
    let is_maker = rows.iter().map(|row| Some(row.other % 2 == 0));
    let side: (&str, ArrayRef) = match shape {
        "trades" => ("side", Arc::new(StringArray::from_iter_values(sides))),
        _ => (
            "is_buyer_maker",
            Arc::new(BooleanArray::from_iter(is_maker)),
        ),
    };
    [("id", ids), side]
}

/// A file of these rows.
fn parquet(
    shape: &str,
    (kind, size): (Numbers, Numbers),
    of: Times,
    rows: &[Row],
    rows_at_once: usize,
) -> Vec<u8> {
    let column = |at: usize, kind: Numbers, value: &dyn Fn(&Row) -> i64| {
        let values = rows.iter().map(|row| {
            let is_here = |fault: &Fault| match fault {
                Fault::Null(place)
                | Fault::Nan(place)
                | Fault::Fine(place)
                | Fault::Negative(place)
                | Fault::Zero(place)
                | Fault::Large(place) => *place == at,
                _ => false,
            };
            (value(row), row.fault.filter(is_here))
        });
        numbers(kind, &values.collect::<Vec<_>>())
    };
    let times = times(of, rows);
    let price = |row: &Row| 10_000 + row.values[0];
    let mut columns: Vec<(&str, ArrayRef)> = vec![("timestamp", times)];
    match shape {
        "bars" => columns.extend([
            ("open", column(0, kind, &price)),
            ("high", column(1, kind, &|row| price(row) + row.values[1])),
            ("low", column(2, kind, &|row| price(row) - row.values[2])),
            (
                "close",
                column(3, kind, &|row| {
                    price(row) + row.values[1] - row.values[1].min(1)
                }),
            ),
            ("volume", column(4, size, &|row| row.values[3] * 100)),
        ]),
        "quotes" => columns.extend([
            ("bid", column(0, kind, &price)),
            ("bid_size", column(1, size, &|row| row.values[3] * 100)),
            ("ask", column(2, kind, &|row| price(row) + row.values[1])),
            ("ask_size", column(3, size, &|row| row.values[2] * 100)),
        ]),
        _ => {
            columns.extend([
                ("price", column(0, kind, &price)),
                ("size", column(1, size, &|row| row.values[3] * 100)),
            ]);
            columns.extend(beside_trades(shape, rows));
        }
    }
    if shape == "bars" && rows.first().is_some_and(|row| row.other % 3 == 0) {
        let names = rows
            .iter()
            .map(|row| ["A", "B"][usize::from(row.other > 250)]);
        columns.push(("symbol", Arc::new(StringArray::from_iter_values(names))));
    }
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows_at_once))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn right(count: usize) -> Vec<Row> {
    let row = |at: usize| {
        let at = i64::try_from(at).unwrap();
        Row {
            step: 1,
            values: [at * 31 % 997, at % 11, at % 7, 1 + at % 100],
            fault: None,
            other: 1,
        }
    };
    (0..count).map(row).collect()
}

/// Kinds of all columns of prices, and of sizes.
const KINDS: [(Numbers, Numbers); 5] = [
    (Numbers::Floats, Numbers::Whole),
    (Numbers::Singles, Numbers::Floats),
    (Numbers::Decimals(2), Numbers::Whole),
    (Numbers::Decimals(9), Numbers::Decimals(4)),
    (Numbers::Decimals(18), Numbers::Decimals(2)),
];

#[test]
fn common_columns_are_read_at_once() {
    for shape in ["bars", "quotes", "trades", "maker"] {
        for kinds in KINDS {
            for of in [Times::Seconds, Times::Micros, Times::Zoned, Times::Days] {
                let bytes = parquet(shape, kinds, of, &right(3_000), 1_500);
                let count = agree(&bytes, &told());
                assert!(count >= 2_950, "{shape} {kinds:?} {of:?}: {count}");
            }
        }
    }
}

fn row() -> impl Strategy<Value = Row> {
    let fault = prop_oneof![
        (0_usize..5).prop_map(Fault::Null),
        (0_usize..5).prop_map(Fault::Nan),
        (0_usize..5).prop_map(Fault::Fine),
        (0_usize..5).prop_map(Fault::Negative),
        (0_usize..5).prop_map(Fault::Zero),
        (0_usize..5).prop_map(Fault::Large),
        Just(Fault::Again),
        Just(Fault::Back),
        Just(Fault::Far),
    ];
    let values = (0_i64..2_000, 0_i64..20, 0_i64..20, 0_i64..500);
    let fault = prop_oneof![60 => Just(None), 1 => fault.prop_map(Some)];
    (1_i64..3, values, fault, any::<u8>()).prop_map(|(step, (a, b, c, d), fault, other)| Row {
        step,
        values: [a, b, c, d],
        fault,
        other: if other > 40 { 1 } else { other },
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn columns_with_faults(
        shape in prop::sample::select(vec!["bars", "quotes", "trades", "maker"]),
        kinds in prop::sample::select(KINDS.to_vec()),
        of in prop::sample::select(vec![Times::Seconds, Times::Micros, Times::Zoned, Times::Days]),
        rows in prop::collection::vec(row(), 1..400),
        before in prop::sample::select(vec![0_usize, 50, 300]),
        rows_at_once in prop::sample::select(vec![40_usize, 10_000]),
        others in prop::sample::select(vec![(false, None), (true, None), (false, Some("Europe/Berlin"))]),
    ) {
        let rows: Vec<Row> = right(before).into_iter().chain(rows).collect();
        let options = ImportOptions {
            negative_prices: others.0,
            zone: others.1.map(str::to_owned),
            ..told()
        };
        agree(&parquet(shape, kinds, of, &rows, rows_at_once), &options);
    }
}
