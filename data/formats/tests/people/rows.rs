//! What rows of columns mean: the same as those of texts.

use crate::written::{Columns, bars, floats, lines, read, read_as, refused, texts, times, wholes};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
    StringArray, UInt64Array,
};
use std::sync::Arc;
use tickloom_catalog::Table;
use tickloom_formats::{Format, ImportOptions, RefusedMax, Stamp};

fn any() -> ImportOptions {
    ImportOptions {
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    }
}

fn with(mut columns: Columns, name: &'static str, array: ArrayRef) -> Columns {
    columns.retain(|(known, _)| *known != name);
    columns.push((name, array));
    columns
}

#[test]
fn quotes() {
    let columns: Columns = vec![
        ("ts_event", times(&[0, 1, 1])),
        ("bid_price", floats(&[99.5, 99.25, 99.0])),
        ("ask_price", floats(&[100.0, 99.75, 99.0])),
        ("bid_size", wholes(&[1, 2, 3])),
        ("ask_size", floats(&[0.5, 2.583_365_200_000_000_3, 4.0])),
    ];
    let file = read(&columns).unwrap();
    assert_eq!(
        lines(&file),
        [
            "0 ABC 99.5 x 1 / 100 x 0.5",
            "1 ABC 99.25 x 2 / 99.75 x 2.5833652",
            "1 ABC 99 x 3 / 99 x 4",
        ]
    );
    assert_eq!((file.report.rounded, file.report.rounded_prices), (1, 0));
    assert_eq!(file.report.taken.unwrap().rows, Table::Quotes);
}

#[test]
fn trades_of_many_instruments() {
    let columns: Columns = vec![
        ("symbol", texts(&["B", "A", "B", "B", "A"])),
        ("timestamp", times(&[0, 1, 2, 2, 3])),
        (
            "price",
            Arc::new(
                Decimal128Array::from(vec![1_050_i128, 2, 1_025, 1_025, 3])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        ("qty", floats(&[1.0, 2.0, 3.0, 3.0, 0.5])),
        ("trade_id", Arc::new(UInt64Array::from(vec![1, 1, 2, 2, 2]))),
        (
            "is_buyer_maker",
            Arc::new(BooleanArray::from(vec![true, false, true, true, false])),
        ),
    ];
    let file = read(&columns).unwrap();
    assert_eq!(
        lines(&file),
        [
            "0 B 10.5 x 1 side 2 id 1",
            "1 A 0.02 x 2 side 1 id 1",
            "2 B 10.25 x 3 side 2 id 2",
            "3 A 0.03 x 0.5 side 1 id 2",
        ]
    );
    let repeat = "ABC.parquet, row 4: trade_id is \"2\", which is there already";
    assert_eq!(file.report.repeats, [repeat]);
    let of = |name: &str| ImportOptions {
        instrument: Some(name.to_owned()),
        ..ImportOptions::default()
    };
    let only = read_as("x.parquet", &columns, &of("A")).unwrap();
    assert_eq!(
        lines(&only),
        ["1 A 0.02 x 2 side 1 id 1", "3 A 0.03 x 0.5 side 1 id 2"]
    );
}

#[test]
fn numbers_of_trades_are_floats_where_some_are_missing() {
    let ids: ArrayRef = Arc::new(Float64Array::from(vec![7.0, f64::NAN, 9.0]));
    let sides: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), Some(-1.0), None]));
    let columns: Columns = vec![
        ("time", times(&[0, 1, 2])),
        ("price", floats(&[1.5, 2.5, 3.5])),
        ("size", wholes(&[1, 2, 3])),
        ("id", ids),
        ("side", sides),
    ];
    let file = read(&columns).unwrap();
    assert_eq!(
        lines(&file),
        [
            "0 ABC 1.5 x 1 side 1 id 7",
            "1 ABC 2.5 x 2 side 2 id 0",
            "2 ABC 3.5 x 3 side 0 id 9"
        ]
    );
}

#[test]
fn levels_of_a_book() {
    let columns: Columns = vec![
        ("exchange", texts(&["x"; 4])),
        ("symbol", texts(&["ABC"; 4])),
        ("timestamp", times(&[0, 0, 1, 2])),
        ("local_timestamp", times(&[1, 1, 2, 3])),
        (
            "is_snapshot",
            Arc::new(BooleanArray::from(vec![true, true, false, false])),
        ),
        ("side", texts(&["bid", "ask", "bid", "ask"])),
        ("price", floats(&[99.0, 101.0, 99.5, 101.0])),
        ("amount", floats(&[1.0, 2.0, 3.5, 0.0])),
    ];
    let file = read(&columns).unwrap();
    assert_eq!(
        lines(&file),
        [
            "0 x.ABC 99 x 1 side 1 clear 1",
            "0 x.ABC 101 x 2 side 2 clear 0",
            "1 x.ABC 99.5 x 3.5 side 1 clear 0",
            "2 x.ABC 101 x 0 side 2 clear 0",
        ]
    );
    let arrived = file
        .records
        .iter()
        .map(|record| record.header.ts_recv - record.ts_event().0);
    assert!(arrived.into_iter().all(|after| after == 1_000_000_000));
    assert_eq!(file.report.taken.unwrap().rows, Table::BookUpdates);
    let plain: Columns = columns
        .into_iter()
        .filter(|(name, _)| ["timestamp", "side", "price", "amount"].contains(name))
        .collect();
    assert!(refused(&plain, &ImportOptions::default()).contains("--format book-levels"));
    let options = ImportOptions {
        format: Some(Format::BookLevels),
        ..ImportOptions::default()
    };
    assert_eq!(
        read_as("ABC.parquet", &plain, &options)
            .unwrap()
            .records
            .len(),
        4
    );
}

#[test]
fn a_book_a_row() {
    let gone: ArrayRef = Arc::new(Float64Array::from(vec![Some(98.0), None]));
    let columns: Columns = vec![
        ("time", times(&[0, 1])),
        ("bid_price_1", floats(&[99.0, 99.5])),
        ("bid_size_1", floats(&[1.0, 2.0])),
        ("ask_price_1", floats(&[101.0, 101.5])),
        ("ask_size_1", floats(&[3.0, 4.0])),
        ("bid_price_2", gone.clone()),
        ("bid_size_2", gone),
        ("ask_price_2", floats(&[102.0, f64::NAN])),
        ("ask_size_2", floats(&[5.0, f64::NAN])),
    ];
    assert_eq!(
        lines(&read(&columns).unwrap()),
        [
            "0 ABC 99 x 1 side 1 clear 1",
            "0 ABC 98 x 98 side 1 clear 0",
            "0 ABC 101 x 3 side 2 clear 0",
            "0 ABC 102 x 5 side 2 clear 0",
            "1 ABC 99.5 x 2 side 1 clear 1",
            "1 ABC 101.5 x 4 side 2 clear 0",
        ]
    );
}

#[test]
fn bars_of_bid_and_ask() {
    let none: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None]));
    let mut columns: Columns = vec![("time", times(&[0, 60]))];
    for name in ["bid_open", "bid_high", "bid_low", "bid_close"] {
        columns.push((name, floats(&[1.25, 1.3])));
    }
    for name in ["ask_open", "ask_high", "ask_low", "ask_close"] {
        columns.push((name, none.clone()));
    }
    assert_eq!(
        lines(&read(&columns).unwrap()),
        [
            "60 ABC.bid 1.25 1.25 1.25 1.25 x 0",
            "60 ABC.ask 1.5 1.5 1.5 1.5 x 0",
            "120 ABC.bid 1.3 1.3 1.3 1.3 x 0",
        ]
    );
}

#[test]
fn a_wrong_row_is_refused_by_name() {
    let columns = bars(&[
        100.0,
        f64::NAN,
        102.0,
        f64::INFINITY,
        33.333_333_333_333_336,
        -1.0,
        104.5,
    ]);
    let file = read_as("ABC.parquet", &columns, &any()).unwrap();
    assert_eq!(lines(&file).len(), 4);
    let errors: Vec<String> = file.report.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "ABC.parquet, row 2: open is \"NaN\", expected a decimal number",
            "ABC.parquet, row 4: open is \"inf\", expected a decimal number",
            "ABC.parquet, row 5: open is \"33.333333333333336\", expected at most nine decimals (--round N rounds to N)",
        ]
    );
    assert!(
        file.report
            .notes
            .contains(&"1 rows with a price below zero".to_owned()),
        "{:?}",
        file.report.notes
    );
    let error = refused(&columns, &ImportOptions::default());
    assert!(
        error.contains("3 of 7 rows are wrong, and 0 may be"),
        "{error}"
    );
    assert!(
        error.contains("the first is in row 2, where open is \"NaN\""),
        "{error}"
    );
    let all = refused(&bars(&[f64::NAN, f64::NAN]), &any());
    assert_eq!(
        all,
        "ABC.parquet, row 1: open is \"NaN\", expected a decimal number; so are all 2 rows"
    );
}

#[test]
fn a_volume_may_be_unknown() {
    let volumes: ArrayRef = Arc::new(Float64Array::from(vec![Some(5.0), Some(f64::NAN), None]));
    let columns = with(bars(&[1.0, 2.0, 3.0]), "volume", volumes);
    let file = read(&columns).unwrap();
    assert_eq!(
        lines(&file),
        [
            "60 ABC 1 1 1 1 x 5",
            "120 ABC 2 2 2 2 x 0",
            "180 ABC 3 3 3 3 x 0"
        ]
    );
    assert!(
        file.report
            .notes
            .contains(&"2 rows without a volume: it is 0, unknown".to_owned())
    );
}

#[test]
fn noise_of_prices_is_left_out_and_said() {
    let file = read(&bars(&[0.1 + 0.2, 101.1, 101.100_000_000_000_01])).unwrap();
    assert_eq!(
        lines(&file),
        [
            "60 ABC 0.3 0.3 0.3 0.3 x 5",
            "120 ABC 101.1 101.1 101.1 101.1 x 6",
            "180 ABC 101.1 101.1 101.1 101.1 x 7"
        ]
    );
    assert_eq!(file.report.rounded_prices, 8);
    let note = "8 prices are binary floats with the noise of a calculation, and are rounded to nine decimals by less than 1.5e-14 of themselves";
    assert!(
        file.report.notes.contains(&note.to_owned()),
        "{:?}",
        file.report.notes
    );
    // A text says what it says.
    let columns = with(
        bars(&[1.0, 2.0]),
        "close",
        texts(&["0.30000000000000004", "2"]),
    );
    assert!(refused(&columns, &ImportOptions::default()).contains("at most nine decimals"));
}

#[test]
fn newest_first_and_unsorted_files_are_sorted() {
    let newest = with(bars(&[3.0, 2.0, 1.0]), "time", times(&[120, 60, 0]));
    let file = read(&newest).unwrap();
    assert_eq!(
        lines(&file),
        [
            "60 ABC 1 1 1 1 x 7",
            "120 ABC 2 2 2 2 x 6",
            "180 ABC 3 3 3 3 x 5"
        ]
    );
    assert!(
        file.report
            .notes
            .contains(&"newest first: sorted".to_owned())
    );
    let mixed = with(
        bars(&[2.0, 1.0, 3.0, 4.0]),
        "time",
        times(&[60, 0, 120, 180]),
    );
    let file = read(&mixed).unwrap();
    let note = "1 rows are earlier than the one above them: sorted";
    assert!(
        file.report.notes.contains(&note.to_owned()),
        "{:?}",
        file.report.notes
    );
    assert_eq!(lines(&file)[0], "60 ABC 1 1 1 1 x 6");
}

#[test]
fn days_are_the_same_in_any_zone() {
    let days = [19_724, 19_725, 19_726];
    let dates: ArrayRef = Arc::new(Date32Array::from(days.to_vec()));
    let midnights: Vec<i64> = days
        .iter()
        .map(|day| i64::from(*day) * 86_400 - 1_704_187_800)
        .collect();
    for zone in [None, Some("America/New_York")] {
        for array in [dates.clone(), times(&midnights)] {
            let columns = with(bars(&[1.0, 2.0, 3.0]), "time", array);
            let options = ImportOptions {
                zone: zone.map(str::to_owned),
                ..ImportOptions::default()
            };
            let file = read_as("ABC.parquet", &columns, &options).unwrap();
            assert_eq!(
                file.records[0].ts_event().to_string(),
                "2024-01-03T00:00:00Z",
                "{zone:?}"
            );
            assert_eq!(file.report.bar.unwrap().to_string(), "1d");
            assert!(
                file.report.stamp.unwrap().starts_with("session date"),
                "{zone:?}"
            );
        }
    }
}

#[test]
fn times_may_be_told() {
    let seconds = with(bars(&[1.0, 2.0]), "time", wholes(&[60, 120]));
    let options = ImportOptions {
        time_format: Some("s".to_owned()),
        stamp: Stamp::Close,
        ..ImportOptions::default()
    };
    let file = read_as("ABC.parquet", &seconds, &options).unwrap();
    assert_eq!(
        file.records[0].ts_event().to_string(),
        "1970-01-01T00:01:00Z"
    );
    let dates = ImportOptions {
        time_format: Some("day-first".to_owned()),
        ..options.clone()
    };
    let error = refused(&bars(&[1.0, 2.0]), &dates);
    assert!(
        error.starts_with(
            "ABC.parquet: --time-format day-first for a column of timestamps without a zone, in ms"
        ),
        "{error}"
    );
    // Their numbers in seconds are of years that nobody has.
    let error = refused(&bars(&[1.0, 2.0]), &options);
    assert!(error.contains("whose numbers are read as s"), "{error}");
    let wrong = with(bars(&[1.0, 2.0]), "time", wholes(&[60, 120]));
    let error = refused(&wrong, &ImportOptions::default());
    assert!(error.contains("\"60\" where a time should be"), "{error}");
}

#[test]
fn a_close_time_may_be_the_last_instant_or_the_close() {
    for last in [59, 60] {
        let columns = with(bars(&[1.0, 2.0]), "close_time", times(&[last, 60 + last]));
        let file = read(&columns).unwrap();
        assert_eq!(file.report.bar.unwrap().to_string(), "1m", "{last}");
        assert_eq!(lines(&file)[0], "60 ABC 1 1 1 1 x 5", "{last}");
    }
}

#[test]
fn columns_are_mapped_and_what_is_not_read_is_named() {
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(
            vec![Some(1)]
        );
        2
    ]));
    let columns: Columns = vec![
        ("Notiz", texts(&["a", "b"])),
        ("Zeit", times(&[0, 60])),
        ("Anfang", floats(&[1.0, 2.0])),
        ("Hoch", floats(&[1.0, 2.0])),
        ("Tief", floats(&[1.0, 2.0])),
        ("Ende", floats(&[1.0, 2.0])),
        ("volume", list.clone()),
    ];
    let error = refused(&columns, &ImportOptions::default());
    assert!(
        error.starts_with(
            "ABC.parquet: columns Notiz (text), Zeit (timestamp in ms), Anfang (float64), Hoch (float64), Tief (float64), Ende (float64), volume (list), expected a time and open"
        ),
        "{error}"
    );
    let options = ImportOptions {
        mapping: "open=Anfang,high=Hoch,low=Tief,close=6".parse().unwrap(),
        ..ImportOptions::default()
    };
    let file = read_as("ABC.parquet", &columns, &options).unwrap();
    assert_eq!(lines(&file), ["60 ABC 1 1 1 1 x 0", "120 ABC 2 2 2 2 x 0"]);
    let notes = &file.report.notes;
    assert!(
        notes.contains(&"columns of types that are not read: volume (list)".to_owned()),
        "{notes:?}"
    );
    assert!(
        notes.contains(&"\"Zeit\" is the only column of times".to_owned()),
        "{notes:?}"
    );
    assert!(
        notes.contains(&"columns not used: Notiz, volume".to_owned()),
        "{notes:?}"
    );
    let told = ImportOptions {
        mapping: "volume=volume".parse().unwrap(),
        ..options
    };
    assert!(refused(&columns, &told).contains("expected a column \"volume\""));
}

#[test]
fn what_is_no_table_of_a_market_is_refused() {
    let none = bars(&[]);
    assert!(refused(&none, &ImportOptions::default()).starts_with("ABC.parquet: no rows"));
    let single = refused(&bars(&[1.0]), &ImportOptions::default());
    assert!(
        single.starts_with("ABC.parquet, row 1: a single bar"),
        "{single}"
    );
    let delimiter = ImportOptions {
        delimiter: Some(';'),
        ..ImportOptions::default()
    };
    assert!(refused(&bars(&[1.0, 2.0]), &delimiter).contains("--delimiter for a"));
    let csv = ImportOptions {
        format: Some(Format::Csv),
        ..ImportOptions::default()
    };
    assert!(refused(&bars(&[1.0, 2.0]), &csv).contains("--format csv"));
}

#[test]
fn another_bar_of_the_same_time_is_refused() {
    let columns = with(
        bars(&[1.0, 2.0, 3.0, 4.0]),
        "time",
        times(&[0, 60, 60, 120]),
    );
    let file = read_as("ABC.parquet", &columns, &any()).unwrap();
    let error = file.report.errors[0].to_string();
    assert!(
        error.contains("row 3: time is \"2024-01-02 09:31:00\", expected another time"),
        "{error}"
    );
    assert_eq!(file.records.len(), 3);
}

#[test]
fn dates_in_doubt_are_settled_by_all_rows() {
    let days: ArrayRef = Arc::new(StringArray::from(vec![
        "01/02/2024",
        "02/02/2024",
        "13/02/2024",
    ]));
    let file = read(&with(bars(&[1.0, 2.0, 3.0]), "time", days)).unwrap();
    assert_eq!(
        file.records[0].ts_event().to_string(),
        "2024-02-02T00:00:00Z"
    );
    assert!(
        file.report
            .notes
            .iter()
            .any(|note| note.contains("\"13/02/2024\" in row 3 can only be that"))
    );
    let either: ArrayRef = Arc::new(StringArray::from(vec![
        "01/02/2024",
        "02/02/2024",
        "03/02/2024",
    ]));
    let error = refused(
        &with(bars(&[1.0, 2.0, 3.0]), "time", either),
        &ImportOptions::default(),
    );
    assert!(
        error.starts_with("ABC.parquet, row 1: \"01/02/2024\", which is 2024-02-01 day-first"),
        "{error}"
    );
    let commas = with(bars(&[1.0, 2.0]), "close", texts(&["1,0", "2,0"]));
    assert_eq!(lines(&read(&commas).unwrap())[0], "60 ABC 1 1 1 1 x 5");
}

#[test]
fn a_number_too_large_is_refused() {
    let volumes: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
    let columns = with(bars(&[1.0, 2.0]), "volume", volumes);
    let file = read_as(
        "ABC.parquet",
        &columns,
        &ImportOptions {
            bar: Some("1m".parse().unwrap()),
            ..any()
        },
    )
    .unwrap();
    let error = file.report.errors[0].to_string();
    assert_eq!(
        error,
        "ABC.parquet, row 2: volume is \"18446744073709551615\", expected a number that fits in 64 bits"
    );
    let stamps: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(1_704_187_800),
        Some(1_704_187_860),
        None,
    ]));
    let file = read_as(
        "ABC.parquet",
        &with(bars(&[1.0, 2.0, 3.0]), "time", stamps),
        &any(),
    )
    .unwrap();
    let error = file.report.errors[0].to_string();
    assert_eq!(
        error,
        "ABC.parquet, row 3: time is \"\", expected a time, as seconds since the epoch"
    );
}
