//! Pages of a download that overlap, in one file.

use super::texts::refusal;
use super::*;

/// Trades of these seconds without numbers, of prices that tell them apart.
fn trades(seconds: impl IntoIterator<Item = u32>) -> String {
    let row = |second: u32| format!("2024-01-02 09:30:{second:02},{},1\n", 100 + second * 7 % 13);
    let rows: String = seconds.into_iter().map(row).collect();
    format!("time,price,size\n{rows}")
}

#[test]
fn rows_without_numbers_that_come_again_are_told_and_refused_if_strict() {
    let strict = ImportOptions {
        is_strict: true,
        ..ImportOptions::default()
    };
    for (text, line, first) in [
        (trades((0..20).chain(10..30)), 22, 10),
        (trades((10..30).rev().chain((0..20).rev())), 22, 19),
    ] {
        let file = read_text(&text, &ImportOptions::default()).unwrap();
        assert_eq!((file.records.len(), file.report.maybe_repeated), (40, 10));
        let told = format!(
            "10 rows without numbers that go back in time say what rows above them say at the same times, the first one in line {line} at \
             2024-01-02T09:30:{first}Z: such as pages of a download that overlap; they count twice if they are the same"
        );
        assert_eq!(file.report.repeats, std::slice::from_ref(&told));
        let error = read_text(&text, &strict).unwrap_err().to_string();
        assert!(
            error.contains(&told) && error.contains("expected each row once"),
            "{error}"
        );
    }
    for text in [
        trades((0..20).chain(20..40)),
        trades((20..40).chain(0..20)),
        // The same trade twice in a row is two.
        trades([5, 5, 6, 7]),
    ] {
        let file = read_text(&text, &strict).unwrap();
        assert_eq!(file.report.maybe_repeated, 0);
    }
}

/// A message of the venue has one number for all trades in it.
#[test]
fn trades_of_databento_count_once_by_their_sequence() {
    let header = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,sequence,symbol\n";
    let row = |at: u64, price: u64, size: u64| {
        let ts = 1_609_160_400_000_000_000 + at * 1_000_000_000;
        format!(
            "{ts},{ts},0,1,5482,T,A,0,{price}000000000,{size},128,17214,{},ESH1\n",
            100 + at
        )
    };
    // Two trades of the third message, of which nothing tells the others apart but the size.
    let page = |range: std::ops::Range<u64>| {
        range
            .map(|at| match at {
                2 => row(2, 3720, 1) + &row(2, 3720, 1) + &row(2, 3720, 5),
                at => row(at, 3720 + at, 1),
            })
            .collect::<String>()
    };
    let whole = format!("{header}{}", page(0..6));
    let file = read_text(&whole, &ImportOptions::default()).unwrap();
    let ids: Vec<u64> = file
        .records
        .iter()
        .map(|r| TradeBody::of(r).trade_id)
        .collect();
    assert_eq!(ids, [100, 101, 102, 102, 102, 103, 104, 105]);
    assert_eq!(file.report.repeated, 0);
    let taken = file.report.taken.unwrap();
    assert_eq!(taken.columns["sequence"], "sequence");
    let pages = format!("{header}{}{}", page(0..4), page(1..6));
    let again = read_text(&pages, &ImportOptions::default()).unwrap();
    assert_eq!((again.records.len(), again.report.repeated), (8, 5));
    assert_eq!(
        again.report.repeats[0],
        "TEST.csv, line 8: row 101 of 2020-12-28T13:00:01Z is there already"
    );
    let ids: Vec<u64> = again
        .records
        .iter()
        .map(|r| TradeBody::of(r).trade_id)
        .collect();
    assert_eq!(ids, [100, 101, 102, 102, 102, 103, 104, 105]);
}

/// A spreadsheet writes a row that has nothing in it as delimiters alone.
#[test]
fn a_row_of_delimiters_alone_is_blank() {
    let text = "time,price,size\n,,\n2024-01-02 09:30:00,10,1\n,,\n\" \",,\n2024-01-02 09:30:01,11,2\n,,\n";
    let file = read_text(text, &ImportOptions::default()).unwrap();
    assert_eq!(
        (file.records.len(), file.report.read, file.report.refused),
        (2, 2, 0)
    );
    let refused = refusal("time,price,size\n2024-01-02 09:30:00,10,1\n2024-01-02 09:30:01,,\n");
    assert!(refused.contains("line 3"), "{refused}");
}

/// Bars of one time differ in many rows for one reason.
#[test]
fn reasons_are_few() {
    let rows = (0..50).map(|at| {
        let time = format!("2024-01-02 09:{at:02}:00");
        format!("{time},1,1,1,1,5\n{time},2,2,2,2,5\n")
    });
    let text = format!(
        "time,open,high,low,close,volume\n{}",
        rows.collect::<String>()
    );
    let file = read_text(&text, &lenient()).unwrap();
    let reasons: Vec<(&String, &u64)> = file.report.reasons.iter().collect();
    let reason = "time: expected another time: there is another bar of this one".to_owned();
    assert_eq!(reasons, [(&reason, &50)]);
}

#[test]
fn bytes_that_are_no_text_are_named_with_their_line() {
    let bytes = b"time,price,size\n2024-01-02 09:30:00,\xff\xfe,1\n".to_vec();
    let input = Input::bytes(Path::new("X.csv"), bytes);
    let error = input
        .read(&ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("X.csv, line 2: bytes that are no text"),
        "{error}"
    );
}
