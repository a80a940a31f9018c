//! Names that end with a period, and those of futures.

use super::*;
use crate::import::{ImportOptions, Input, Together};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampMillisecondArray};
use parquet::arrow::ArrowWriter;
use std::path::Path;
use std::sync::Arc;

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

/// Bars from a time on, so many seconds apart.
fn times(from: &str, step: i64, count: i64) -> Vec<i64> {
    let from = ts(from).0 / 1_000_000_000;
    (0..count).map(|at| from + at * step).collect()
}

fn text(path: &str, times: &[i64]) -> Input {
    let mut text = "time,open,high,low,close\n".to_owned();
    for time in times {
        text.push_str(&format!("{time},1,1,1,1\n"));
    }
    Input::bytes(Path::new(path), text.into_bytes())
}

fn parquet(path: &str, times: &[i64]) -> Input {
    let at = TimestampMillisecondArray::from_iter_values(times.iter().map(|time| time * 1_000));
    let price = || -> ArrayRef { Arc::new(Float64Array::from(vec![1.0; times.len()])) };
    let columns: [(&str, ArrayRef); 5] = [
        ("time", Arc::new(at)),
        ("open", price()),
        ("high", price()),
        ("low", price()),
        ("close", price()),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    Input::bytes(Path::new(path), bytes)
}

/// The instrument and what is said of it, or why it is refused.
fn read(input: &Input) -> Result<(String, String), String> {
    let report = input
        .check(&ImportOptions::default())
        .map_err(|error| error.to_string())?;
    Ok((report.instruments[0].clone(), report.notes.join("; ")))
}

#[test]
fn ends_of_names_that_are_periods() {
    for (stem, name, bar, from, to) in [
        (
            "BTCUSDT-1m-2024-01",
            "BTCUSDT",
            Some("1m"),
            "2024-01-01",
            "2024-02-01",
        ),
        ("AAPL_20240102", "AAPL", None, "2024-01-02", "2024-01-03"),
        (
            "BRK.A-2024-02-29",
            "BRK.A",
            None,
            "2024-02-29",
            "2024-03-01",
        ),
        ("AAPL.2024", "AAPL", None, "2024-01-01", "2025-01-01"),
        (
            "EURUSD_M1_202312",
            "EURUSD_M1",
            None,
            "2023-12-01",
            "2024-01-01",
        ),
        (
            "600519_1d_2024",
            "600519",
            Some("1d"),
            "2024-01-01",
            "2025-01-01",
        ),
    ] {
        let period = Period::of(stem).unwrap();
        assert_eq!(
            (period.name.as_str(), period.from, period.to),
            (name, ts(from), ts(to)),
            "{stem}"
        );
        assert_eq!(
            period.bar.map(|bar| bar.to_string()).as_deref(),
            bar,
            "{stem}"
        );
    }
    for stem in [
        "AAPL",
        "ESH2024",
        "BTC-240329",
        "2024-01",
        "AAPL-2024-13",
        "trades-2024-01-02",
        "AAPL-1m",
        "0005.HK",
        "AAPL_20240101_20240131",
        "AAPL-2019-2024",
        "AAPL-1800",
        "-2024",
        "AAPL-2024-1-2",
    ] {
        assert_eq!(Period::of(stem), None, "{stem}");
    }
}

#[test]
fn files_of_months_are_of_one_instrument() {
    let january = times("2024-01-01", 60, 5);
    let february = times("2024-02-01", 60, 5);
    for of in [text, parquet] {
        let ending = if of("x", &[1])
            .in_memory()
            .is_some_and(|bytes| bytes.starts_with(b"PAR1"))
        {
            "parquet"
        } else {
            "csv"
        };
        for (month, times) in [("01", &january), ("02", &february)] {
            let path = format!("BTCUSDT-1m-2024-{month}.{ending}");
            let (name, notes) = read(&of(&path, times)).unwrap();
            assert_eq!(name, "BTCUSDT");
            let expected = format!(
                "instrument BTCUSDT, as the name of its file begins: the rest of BTCUSDT-1m-2024-{month} is the size of its bars and the time of its rows"
            );
            assert!(notes.contains(&expected), "{notes}");
        }
        // Rows of another time are of another name, and so are bars of another size refused.
        let path = format!("BTCUSDT-1m-2024-01.{ending}");
        assert_eq!(
            read(&of(&path, &times("2024-03-05", 60, 5))).unwrap().0,
            "BTCUSDT-1m-2024-01"
        );
        let error = read(&of(&path, &times("2024-01-01", 300, 9))).unwrap_err();
        assert!(
            error.contains(
                "multiples of 5m (8 of 8 by 5m), where the name or the folders of the file say 1m"
            ),
            "{error}"
        );
        let error = read(&of(&path, &times("2024-01-30", 60, 4_500))).unwrap_err();
        assert!(
            error.contains(
                "the name \"BTCUSDT-1m-2024-01\" and rows from 2024-01-30T00:00:00Z to 2024-02-02T02:59:00Z, which is a file of BTCUSDT of that \
                 time, or an instrument called BTCUSDT-1m-2024-01, expected --instrument, or a column of symbols"
            ),
            "{error}"
        );
        // A year in a folder of an instrument, whatever the type of its times.
        let path = format!("AAPL/2024.{ending}");
        assert_eq!(read(&of(&path, &january)).unwrap().0, "AAPL");
        let path = format!("AAPL/2022.{ending}");
        assert!(
            read(&of(&path, &january))
                .unwrap_err()
                .contains("or an instrument called 2022")
        );
    }
}

/// Rows of a future end at its expiry or before.
#[test]
fn names_of_futures_stay_whole_or_are_refused() {
    let hour = 3_600;
    let whole = |path: &str, from: &str, count: i64| read(&text(path, &times(from, hour, count)));
    assert_eq!(
        whole("BTC-20240329.csv", "2024-03-01", 24 * 28 + 8)
            .unwrap()
            .0,
        "BTC-20240329"
    );
    assert_eq!(
        whole("BTC-240329.csv", "2024-03-29", 8).unwrap().0,
        "BTC-240329"
    );
    assert_eq!(whole("ESH2024.csv", "2024-03-01", 8).unwrap().0, "ESH2024");
    // The last two days of a future, or a session that begins in the evening before.
    let error = whole("BTC-20240329.csv", "2024-03-28", 32).unwrap_err();
    assert!(
        error.contains("or an instrument called BTC-20240329"),
        "{error}"
    );
    assert_eq!(
        whole("BTC-20240329.csv", "2024-03-29", 24).unwrap().0,
        "BTC"
    );
    // Rows after the period are of no future; those of a session of another zone are.
    assert_eq!(
        whole("ABC-20240329.csv", "2024-03-28T22:00:00Z", 28)
            .unwrap()
            .0,
        "ABC"
    );
}

/// The letter of a month and a year that are apart are a future only of what has futures, and of rows that end in that month.
#[test]
fn a_name_that_ends_with_the_letter_of_a_month_is_a_future_if_its_root_is_one() {
    let read_days = |name: &str, days: i64| {
        let path = format!("{name}-2024.csv");
        read(&text(&path, &times("2024-01-02", 3_600, 24 * days)))
    };
    for (name, days) in [
        // G is February, M is June, N is July: no root is called GOO, IB or A.
        ("GOOG", 40),
        ("GOOG", 10),
        ("IBM", 90),
        ("AN", 90),
        ("AAPL", 1),
        // Rows that go on are of no future that ended.
        ("ESG", 80),
        ("CLF", 40),
        // Codes of futures have one letter, and end with it.
        ("ES", 10),
        ("ESGG", 10),
    ] {
        assert_eq!(read_days(name, days).unwrap().0, name, "{days} days");
    }
    for (name, days) in [
        ("ESG", 40),
        ("CLF", 10),
        ("6EM", 90),
        ("MESH", 60),
        ("x.ZCK", 60),
        // Of Eurex and ICE, and small ones of CME.
        ("FGBLH", 60),
        ("FDAXH", 60),
        ("FESXH", 60),
        ("FVSG", 40),
        ("BRNH", 40),
        ("EMDH", 60),
        ("M6EH", 60),
    ] {
        let error = read_days(name, days).unwrap_err();
        let both =
            format!("which is a file of {name} of that time, or an instrument called {name}-2024");
        assert!(
            error.contains(&both) && error.contains("expected --instrument"),
            "{error}"
        );
    }
    assert!(ROOTS.is_sorted());
}

#[test]
fn files_of_periods_in_folders_of_other_markets_are_refused_together() {
    let options = ImportOptions::default();
    let take = |paths: [&str; 2], from: [&str; 2]| {
        let mut together = Together::default();
        let inputs = paths
            .iter()
            .zip(from)
            .map(|(path, from)| text(path, &times(from, 60, 5)));
        let inputs: Vec<_> = inputs.collect();
        for input in &inputs {
            together.note(input, &options);
        }
        let taken = inputs.iter().map(|input| together.take(input));
        let errors = taken.filter_map(Result::err);
        errors.map(|error| error.to_string()).collect::<Vec<_>>()
    };
    let from = ["2024-01-01", "2024-02-01"];
    // The first is not taken either.
    let errors = take(["spot/X-2024-01.csv", "futures/X-2024-02.csv"], from);
    let expected = "expected names of instruments: a column, folders such as symbol=, or each folder by itself with --instrument";
    let texts = [
        "spot/X-2024-01.csv: \"X\", as futures/X-2024-02.csv is called, in a folder of another name",
        "futures/X-2024-02.csv: \"X\", as spot/X-2024-01.csv is called, in a folder of another name",
    ];
    assert_eq!(errors, texts.map(|text| format!("{text}, {expected}")));
    assert_eq!(
        take(["2024/X-2024-01.csv", "2024/X-2024-02.csv"], from),
        [""; 0]
    );
}
