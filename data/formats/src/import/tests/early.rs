//! Times that are none of what they look like: dates in digits with the year at the end, and units that are too small.

use super::texts::{read, refusal};
use super::*;
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampMillisecondArray,
    TimestampNanosecondArray,
};
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

/// Daily bars of these dates.
fn bars(dates: &[&str]) -> String {
    let lines = dates.iter().map(|date| format!("{date},1,1,1,1,5\n"));
    format!(
        "date,open,high,low,close,volume\n{}",
        lines.collect::<String>()
    )
}

fn times(rows: &[String]) -> Vec<&str> {
    rows.iter()
        .map(|row| row.split(' ').next().unwrap())
        .collect()
}

#[test]
fn dates_in_digits_end_with_their_year() {
    // Bars are there when their day is over.
    let days = ["2024-01-13T00:00:00Z", "2024-01-14T00:00:00Z"];
    for dates in [
        ["12012024", "13012024"],
        ["01122024", "01132024"],
        // As numbers they lose the zero before them.
        ["1122024", "1132024"],
    ] {
        assert_eq!(times(&read(&bars(&dates))), days, "{dates:?}");
    }
    let refused = refusal(&bars(&["02012024", "03012024"]));
    assert!(
        refused.contains(
            "\"02012024\", which is 2024-01-02 day-first or 2024-02-01 month-first, and no row of the file says which, expected \
             --time-format day-first or month-first"
        ),
        "{refused}"
    );
    for (told, first) in [
        ("day-first", "2024-01-03T00:00:00Z"),
        ("month-first", "2024-02-02T00:00:00Z"),
    ] {
        let options = ImportOptions {
            time_format: Some(told.to_owned()),
            bar: Some("1d".parse().unwrap()),
            ..ImportOptions::default()
        };
        let file = read_text(&bars(&["02012024", "03012024"]), &options).unwrap();
        assert_eq!(file.records[0].ts_event().to_string(), first, "{told}");
    }
}

#[test]
fn dates_and_times_in_digits_end_with_their_year() {
    let trades =
        |times: [&str; 2]| format!("time,price,size\n{},10,1\n{},11,2\n", times[0], times[1]);
    for (text, first) in [
        (["130120240930", "130120240931"], "2024-01-13T09:30:00Z"),
        (["01132024093001", "01142024093001"], "2024-01-13T09:30:01Z"),
        (["13012024 0930", "13012024 0931"], "2024-01-13T09:30:00Z"),
        // Milliseconds of 2001 that are no dates, and of 1973 of which one is none.
        (["990000000000", "990000060000"], "2001-05-16T08:00:00Z"),
        (["130119730930", "130199730930"], "1974-02-15T00:22:10.93Z"),
    ] {
        assert_eq!(times(&read(&trades(text)))[0], first, "{text:?}");
    }
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Three trades with these times.
fn trades_of(times: ArrayRef) -> Input {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("time", times),
        (
            "price",
            Arc::new(Float64Array::from(vec![10.0, 10.5, 11.0])),
        ),
        ("size", Arc::new(Int64Array::from(vec![1, 2, 3]))),
    ];
    Input::bytes(Path::new("T.parquet"), parquet(columns))
}

#[test]
fn dates_in_digits_of_whole_numbers() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "date",
            Arc::new(Int64Array::from(vec![9_012_024, 10_012_024, 31_012_024])),
        ),
        ("open", Arc::new(Float64Array::from(vec![1.0; 3]))),
        ("high", Arc::new(Float64Array::from(vec![1.0; 3]))),
        ("low", Arc::new(Float64Array::from(vec![1.0; 3]))),
        ("close", Arc::new(Float64Array::from(vec![1.0; 3]))),
    ];
    let input = Input::bytes(Path::new("T.parquet"), parquet(columns));
    let options = ImportOptions {
        bar: Some("1d".parse().unwrap()),
        ..ImportOptions::default()
    };
    let file = input.read(&options).unwrap();
    let times: Vec<String> = file
        .records
        .iter()
        .map(|r| r.ts_event().to_string())
        .collect();
    assert_eq!(
        times,
        [
            "2024-01-10T00:00:00Z",
            "2024-01-11T00:00:00Z",
            "2024-02-01T00:00:00Z"
        ]
    );
}

/// 2024-01-02 09:30:00 and two seconds after it.
const SECONDS: [i64; 3] = [1_704_187_800, 1_704_187_801, 1_704_187_802];

#[test]
fn timestamps_in_a_unit_that_is_too_small_are_refused_with_the_likely_one() {
    let millis = SECONDS.map(|second| second * 1_000).to_vec();
    let as_nanos = trades_of(Arc::new(TimestampNanosecondArray::from(millis)));
    let as_millis = trades_of(Arc::new(TimestampMillisecondArray::from(SECONDS.to_vec())));
    for (input, expected, unit) in [
        (
            as_nanos,
            "times that all are of the first weeks of 1970, from 1970-01-01T00:28:24.1878Z to 1970-01-01T00:28:24.187802Z in ns, or from \
             2024-01-02T09:30:00Z to 2024-01-02T09:30:02Z in ms, expected --time-format ms or --time-format ns",
            "ms",
        ),
        (
            as_millis,
            "from 1970-01-20T17:23:07.8Z to 1970-01-20T17:23:07.802Z in ms, or from 2024-01-02T09:30:00Z to 2024-01-02T09:30:02Z in s, \
             expected --time-format s or --time-format ms",
            "s",
        ),
    ] {
        let refused = input
            .read(&ImportOptions::default())
            .unwrap_err()
            .to_string();
        assert!(refused.contains(expected), "{refused}");
        let told = |unit: &str| ImportOptions {
            time_format: Some(unit.to_owned()),
            ..ImportOptions::default()
        };
        let file = input.read(&told(unit)).unwrap();
        let times: Vec<i64> = file.records.iter().map(|r| r.ts_event().0).collect();
        assert_eq!(times, SECONDS.map(|second| second * 1_000_000_000));
        let own = if unit == "ms" { "ns" } else { "ms" };
        let file = input.read(&told(own)).unwrap();
        assert!(file.records[0].ts_event() < ts("1970-02-01"));
        let error = input.read(&told("day-first")).unwrap_err().to_string();
        assert!(error.contains("none: the column says it"), "{error}");
    }
}

#[test]
fn texts_of_january_1970_are_refused() {
    let text = "time,price,size\n1970-01-20 17:23:07.8,10,1\n1970-01-20 17:23:07.9,11,2\n";
    let refused = refusal(text);
    assert!(
        refused.contains(
            "or from 2024-01-02T09:30:00Z to 2024-01-02T09:31:40Z in a unit 1000 times as long, expected times in the unit that they are in; \
             --years 1970..1970 says that they are of 1970"
        ),
        "{refused}"
    );
    let told = ImportOptions {
        years: Some("1970..1970".parse().unwrap()),
        ..ImportOptions::default()
    };
    assert_eq!(read_text(text, &told).unwrap().records.len(), 2);
    // Days of then are those of shares.
    assert_eq!(read(&bars(&["1970-01-02", "1970-01-05"])).len(), 2);
}
