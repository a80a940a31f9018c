//! The size of bars by their rows, and rows that cannot be of it.

use crate::ImportOptions;
use crate::import::Input;
use std::fmt::Write;
use std::path::Path;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// Rows of bars of an instrument: so many, each so many seconds after that before it.
fn rows(name: &str, start: i64, step: i64, count: i64) -> String {
    (0..count).fold(String::new(), |mut text, at| {
        let ts = 1_704_067_200 + start + at * step;
        writeln!(text, "{name},{ts},1,1,1,1").unwrap();
        text
    })
}

/// The size of the bars of these rows, or why they are refused, with what is said of them.
fn read(header: &str, rows: &[String], bar: Option<&str>) -> Result<(String, String), String> {
    let text = format!("{header}\n{}", rows.concat());
    let options = ImportOptions {
        bar: bar.map(|bar| bar.parse().unwrap()),
        ..ImportOptions::default()
    };
    let input = Input::bytes(Path::new("x.csv"), text.into_bytes());
    let report = input.check(&options).map_err(|error| error.to_string())?;
    let size = report.bar.unwrap().to_string();
    Ok((size, report.notes.join("; ")))
}

fn of(rows: &[String], bar: Option<&str>) -> Result<(String, String), String> {
    read("symbol,time,open,high,low,close", rows, bar)
}

#[test]
fn instruments_of_other_sizes_refuse_the_file() {
    let (minutes, days) = (rows("B", 0, MINUTE, 60), rows("A", 0, DAY, 5));
    for rows in [
        [minutes.clone(), days.clone()],
        [days.clone(), minutes.clone()],
    ] {
        assert_eq!(
            of(&rows, None).unwrap_err(),
            "x.csv, line 2: bars of several sizes: most are of 1m, and rows of A that are apart by 1d (4 of 4), expected bars of one \
             size: --instrument NAME reads those of one instrument, and --bar SIZE says what size all have"
        );
    }
    // What is told may be so: the others of the minutes are not there.
    assert_eq!(
        of(&[minutes.clone(), days.clone()], Some("1m")).unwrap().0,
        "1m"
    );
    let error = of(&[minutes, days], Some("1d")).unwrap_err();
    assert!(
        error.contains(
            "rows of B that are apart by 1m (59 of 59), which cannot be bars of 1d, as --bar says"
        ),
        "{error}"
    );
    // Days among which there are more of hours than of days.
    let error = of(&[rows("A", 0, DAY, 90), rows("B", 0, HOUR, 5)], None).unwrap_err();
    assert!(
        error.contains("most are of 1d, and rows of B that are apart by 1h (4 of 4)"),
        "{error}"
    );
}

#[test]
fn rows_of_one_instrument_of_two_sizes_refuse_the_file() {
    let both = [rows("A", 0, MINUTE, 30), rows("A", DAY, DAY, 20)];
    let error = of(&both, None).unwrap_err();
    assert!(
        error.contains("most are of 1m, and rows of A that are apart by 1d (19 of 49)"),
        "{error}"
    );
    let both = [rows("A", 0, DAY, 30), rows("A", 30 * DAY, MINUTE, 6)];
    let error = of(&both, None).unwrap_err();
    assert!(
        error.contains("most are of 1d, and rows of A that are apart by 1m (5 of 35)"),
        "{error}"
    );
}

/// Minutes without a trade, weekends, holidays, changes of the clock, and half an hour that opens each session are no other size.
#[test]
fn holes_and_cut_bars_are_no_other_size() {
    let holes: Vec<String> = (0..200)
        .filter(|at| at % 7 != 3 && at % 11 != 5)
        .map(|at| rows("A", at * MINUTE, MINUTE, 1))
        .collect();
    assert_eq!(of(&holes, None).unwrap().0, "1m");
    let few = rows("B", 0, 3 * DAY, 2);
    assert_eq!(of(&[rows("A", 0, DAY, 9), few], None).unwrap().0, "1d");
    let months = [0, 31, 59, 90, 120, 151, 181, 212];
    let months = months.map(|day| rows("A", day * DAY, DAY, 1));
    assert_eq!(of(&months, None).unwrap().0, "31d");
    let sessions: Vec<String> = (0..5)
        .flat_map(|day| {
            let open = day * DAY + 34_200;
            [rows("A", open, HOUR, 1), rows("A", open + 1_800, HOUR, 6)]
        })
        .collect();
    let (size, notes) = of(&sessions, None).unwrap();
    assert_eq!(size, "1h");
    assert!(
        notes.contains("5 rows are closer to the one before them than their size 1h: bars that were cut off, or that overlap"),
        "{notes}"
    );
}

#[test]
fn a_size_that_is_told_is_that_of_the_rows() {
    let minutes = [rows("A", 0, MINUTE, 3)];
    assert_eq!(
        of(&minutes, Some("1h")).unwrap_err(),
        "x.csv, line 2: rows of A that are apart by 1m (2 of 2), which cannot be bars of 1h, as --bar says, expected the size that \
         the rows have, or rows of that size"
    );
    let header = "symbol,time,open,high,low,close,interval";
    let said =
        |size: &str, step: i64| [rows("A", 0, step, 3).replace(",1\n", &format!(",1,{size}\n"))];
    let error = read(header, &said("1h", MINUTE), None).unwrap_err();
    assert!(
        error.contains("which cannot be bars of 1h, as interval of A says"),
        "{error}"
    );
    // An hour between two of them is no size.
    assert_eq!(read(header, &said("5min", HOUR), None).unwrap().0, "5m");
    let error = read(header, &said("1h", HOUR), Some("1m")).unwrap_err();
    assert!(
        error.contains("interval of A that says 1h, where --bar says 1m"),
        "{error}"
    );
}

/// Minutes of which not two are neighbours are no minutes, unless somebody says so; few of them, or minutes with holes, may be.
#[test]
fn a_column_that_says_a_shorter_size_than_the_rows_have_is_refused() {
    let header = "symbol,time,open,high,low,close,interval";
    let said = |rows: String| [rows.replace(",1\n", ",1,1m\n")];
    let five = said(rows("A", 0, 5 * MINUTE, 9) + &rows("A", DAY, 5 * MINUTE, 3));
    assert_eq!(
        read(header, &five, None).unwrap_err(),
        "x.csv, line 2: rows that are all apart by multiples of 5m (10 of 11 by 5m), where interval of A says 1m, expected the size that the rows \
         have, or --bar, which says that those between are not there"
    );
    let (size, notes) = read(header, &five, Some("1m")).unwrap();
    assert_eq!((size.as_str(), notes.contains("multiples")), ("1m", false));
    let few = said(rows("A", 0, 5 * MINUTE, 8));
    let (size, notes) = read(header, &few, None).unwrap();
    assert_eq!(size, "1m");
    assert!(
        notes.contains(
            "rows that are all apart by multiples of 5m (7 of 7 by 5m), where interval of A says 1m"
        ),
        "{notes}"
    );
    let holes = said(rows("A", 0, 5 * MINUTE, 9) + &rows("A", 41 * MINUTE, MINUTE, 1));
    let (size, notes) = read(header, &holes, None).unwrap();
    assert_eq!((size.as_str(), notes.contains("multiples")), ("1m", false));
    // Another instrument has the minutes that this one lacks.
    let minutes = rows("B", 0, MINUTE, 5).replace(",1\n", ",1,1m\n");
    let both = [five[0].clone(), minutes];
    assert_eq!(read(header, &both, None).unwrap().0, "1m");
}

#[test]
fn files_that_bear_a_size_have_it() {
    let read = |path: &str, text: &str| {
        let input = Input::bytes(Path::new(path), text.as_bytes().to_vec());
        input
            .check(&ImportOptions::default())
            .map_err(|error| error.to_string())
    };
    let rows: String = (0..3)
        .map(|at| {
            format!(
                "{},1,2,1,2,3,{},1,1,1,1,0\n",
                1_722_988_800_000_i64 + at * 60_000,
                1_722_988_859_999_i64 + at * 60_000
            )
        })
        .collect();
    let error = read(
        "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-08-07.csv",
        &rows,
    )
    .unwrap_err();
    assert!(
        error.contains("rows of binance.BTCUSDT that are apart by 1m (2 of 2), which cannot be bars of 1h, as the name or the folders of the file say"),
        "{error}"
    );
    let rows = "60000,1,1,1,1,5\n120000,1,1,1,1,5\n180000,1,1,1,1,5\n";
    assert!(
        read(
            "crypto/binance/minute/btcusd/20240102_btcusd_minute_trade.csv",
            rows
        )
        .is_ok()
    );
    assert!(
        read(
            "crypto/binance/hour/btcusd/20240102_btcusd_hour_trade.csv",
            rows
        )
        .is_err()
    );
}

/// Minutes of which most are not there, and shares that are seldom traded, are of the size of their neighbours.
#[test]
fn rows_with_many_holes_are_of_the_size_that_goes_into_all() {
    let minutes = [0, 2, 4, 7, 9, 13, 14, 20, 22, 29, 31, 40, 41, 44];
    let sparse = minutes.map(|at| rows("A", at * MINUTE, MINUTE, 1));
    let (size, notes) = of(&sparse, None).unwrap();
    assert_eq!(size, "1m");
    assert!(
        notes.contains("the distance that goes into all others (2 of 13)"),
        "{notes}"
    );
    let liquid = rows("A", 0, MINUTE, 60);
    let few = rows("B", 0, 2 * MINUTE, 4);
    assert_eq!(of(&[liquid, few], None).unwrap().0, "1m");
    let weekly = rows("B", 0, 7 * DAY, 5);
    assert_eq!(of(&[rows("A", 0, DAY, 30), weekly], None).unwrap().0, "1d");
}

#[test]
fn sizes_that_no_bars_have_are_refused() {
    let of = |step: i64, bar: Option<&str>| {
        let row = |at: i64| format!("A,{},1,1,1,1\n", 1_704_067_200_000_000_000 + at * step);
        let rows: Vec<String> = (0..4).map(row).collect();
        read("symbol,time,open,high,low,close", &rows, bar)
    };
    const DAY_NS: i64 = 86_400_000_000_000;
    for (step, size) in [
        (60_000, "60us"),
        (1_500_001, "1500001ns"),
        (50_000, "50us"),
        (60_001_000_000, "60001ms"),
        (5_000_000_001_000_000, "5000000001ms"),
        (367 * DAY_NS, "367d"),
    ] {
        let error = of(step, None).unwrap_err();
        let expected = format!(
            "x.csv, line 2: rows that are apart by {size}, or last so long, which is no size of bars, expected bars of whole seconds or of parts \
             of one, from 1ms to 366d: --bar says of which size they are, --time-format (s, ms, us, ns) in which unit their times are"
        );
        assert_eq!(error, expected);
        assert_eq!(of(step, Some(size)).unwrap().0, size);
    }
    for (step, size) in [
        (1_000_000, "1ms"),
        (500_000_000, "500ms"),
        (61_000_000_000, "61s"),
        (5_000_000 * 1_000_000_000, "5000000s"),
        (366 * DAY_NS, "366d"),
    ] {
        assert_eq!(of(step, None).unwrap().0, size);
    }
}
