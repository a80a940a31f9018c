//! Files as programs and vendors write them: what their names, their first lines and their columns say beside the numbers.

use super::texts::{read, refusal, rows};
use super::*;

fn named(name: &str, text: &str) -> FileRecords {
    let bytes = text.as_bytes().to_vec();
    Input::bytes(Path::new(name), bytes)
        .read(&ImportOptions::default())
        .unwrap()
}

#[test]
fn histdata_says_pair_zone_and_size_by_the_names_of_its_files() {
    let text = "20240102 170000;1.104270;1.104290;1.104250;1.104280;0
20240102 170100;1.104280;1.104330;1.104260;1.104300;0
";
    let expected = [
        "2024-01-02T22:01:00Z EURUSD 1.10427 1.10429 1.10425 1.10428 x 0",
        "2024-01-02T22:02:00Z EURUSD 1.10428 1.10433 1.10426 1.1043 x 0",
    ];
    assert_eq!(
        rows(&named("DAT_ASCII_EURUSD_M1_202401.csv", text)),
        expected
    );
    // By the clock of New York these would be an hour earlier.
    let summer = text.replace("20240102", "20240702");
    let times: Vec<String> = rows(&named("DAT_ASCII_EURUSD_M1_202407.csv", &summer));
    assert!(
        times[0].starts_with("2024-07-02T22:01:00Z EURUSD"),
        "{times:?}"
    );
    let text = "2024.01.02,17:00,1.104270,1.104290,1.104250,1.104280,0\n";
    assert_eq!(
        rows(&named("DAT_MT_EURUSD_M1_2024.csv", text)),
        expected[..1]
    );
    // What somebody says goes before.
    let file = named(
        "DAT_ASCII_X_M1_202401.csv",
        "20240102 170000;1.1;1.1;1.1;1.1;0\n20240102 170100;1.1;1.1;1.1;1.1;0\n",
    );
    assert!(rows(&file)[0].starts_with("2024-01-02T17:01:00Z DAT_ASCII_X_M1"));
}

#[test]
fn times_without_a_zone_are_said_to_be_taken_as_utc() {
    let is_said = |times: [&str; 2], name: &str| {
        let [first, second] = times;
        let text =
            format!("{name},open,high,low,close,volume\n{first},1,1,1,1,1\n{second},1,1,1,1,1\n");
        let file = read_text(&text, &ImportOptions::default()).unwrap();
        let notes = file.report.notes;
        notes.contains(&"times say no zone: taken as UTC (--zone says another)".to_owned())
    };
    assert!(is_said(["2024-01-02 09:30", "2024-01-02 09:31"], "time"));
    for (times, name) in [
        (["2024-01-02", "2024-01-03"], "date"),
        (["1704187800", "1704187860"], "time"),
        (["2024-01-02 09:30Z", "2024-01-02 09:31Z"], "time"),
        (["2024-01-02 09:30-05:00", "2024-01-02 09:31-05:00"], "time"),
        (["2024-01-02 09:30", "2024-01-02 09:31"], "time (EET)"),
        (["2024-01-02 09:30", "2024-01-02 09:31"], "timestamp_utc"),
        (["2024-01-02 09:30", "2024-01-02 09:31"], "Gmt time"),
    ] {
        assert!(!is_said(times, name), "{times:?} {name}");
    }
}

#[test]
fn a_line_below_the_header_names_the_instrument() {
    let text = "Price,Close,High,Low,Open,Volume
Ticker,AAPL,AAPL,AAPL,AAPL,AAPL
Date,,,,,
2024-01-02,185.64,188.44,183.885,187.15,82488700
2024-01-03,184.25,185.88,183.43,184.22,58414500
";
    assert_eq!(
        read(text)[0],
        "2024-01-03T00:00:00Z AAPL 187.15 188.44 183.885 185.64 x 82488700"
    );
}

#[test]
fn bars_of_tradestation_are_stamped_at_their_close() {
    let text = "\"Date\",\"Time\",\"Open\",\"High\",\"Low\",\"Close\",\"Up\",\"Down\"
01/16/2024,0931,4750.25,4752.00,4749.50,4751.75,620,580
01/16/2024,0932,4751.75,4753.00,4751.00,4752.25,500,400
01/16/2024,0933,4752.25,4752.50,4750.00,4750.25,400,700
";
    let times: Vec<String> = read(text).iter().map(|row| row[..20].to_owned()).collect();
    assert_eq!(
        times,
        [
            "2024-01-16T09:31:00Z",
            "2024-01-16T09:32:00Z",
            "2024-01-16T09:33:00Z"
        ]
    );
}

#[test]
fn names_of_times_of_venues_are_known() {
    let kucoin = "trade_id,trade_time,price,size,side\n1,1704153600123,42000.1,0.01,buy\n";
    assert_eq!(
        read(kucoin),
        ["2024-01-02T00:00:00.123Z TEST 42000.1 x 0.01 side 1"]
    );
    let apart = "trade_date,trade_time,price,size\n20240102,93000,42000.1,0.01\n20240102,93001,42000.1,0.01\n";
    assert!(read(apart)[0].starts_with("2024-01-02T09:30:00Z"));
    let coinapi = "time_exchange;time_coinapi;guid;price;base_amount;taker_side
2024-01-02T00:00:00.0010000;2024-01-02T00:00:00.0510000;aaa-bbb;42000.5;0.1;BUY
2024-01-02T00:00:01.0010000;2024-01-02T00:00:01.0510000;aaa-bbc;42000.6;0.2;SELL
";
    assert_eq!(
        read(coinapi),
        [
            "2024-01-02T00:00:00.001Z TEST 42000.5 x 0.1 side 1",
            "2024-01-02T00:00:01.001Z TEST 42000.6 x 0.2 side 2"
        ]
    );
    let refused = refusal("time,price,size,side\n1704153600123,1,2,long\n");
    assert!(refused.contains("expected buy or sell"), "{refused}");
}

#[test]
fn two_columns_of_times_are_held_against_each_other_in_all_rows() {
    let text = |wrong: Option<usize>| {
        let row = |at: usize| {
            let (minute, other) = match wrong {
                Some(wrong) if at >= wrong => (at, at + 7),
                _ => (at, at),
            };
            let time = |at: usize| format!("{:02}:{:02}:00", 9 + at / 60, at % 60);
            format!(
                "2024-01-02 {},2024-01-02T{}Z,1,1,1,1,5\n",
                time(minute),
                time(other)
            )
        };
        let rows = (0..700).map(row).collect::<String>();
        format!("timestamp,datetime,open,high,low,close,volume\n{rows}")
    };
    assert_eq!(read(&text(None)).len(), 700);
    for wrong in [1, 650] {
        let refused = refusal(&text(Some(wrong)));
        let line = wrong + 2;
        assert!(
            refused.contains(
                "which are other times, expected --columns time=timestamp or time=datetime"
            ),
            "{refused}"
        );
        let is_first = wrong == 1;
        assert!(
            is_first || refused.starts_with(&format!("TEST.csv, line {line}: ")),
            "{refused}"
        );
    }
}

#[test]
fn seconds_of_other_epochs_are_refused_with_both_readings() {
    let bars = |first: i64| {
        let row = |at: i64| format!("{},10,11,9,10.5,100\n", first + at * 60);
        let rows = (0..3).map(row).collect::<String>();
        format!("datetime,open,high,low,close,volume\n{rows}")
    };
    let refused = refusal(&bars(3_787_032_600));
    assert_eq!(
        refused,
        "TEST.csv, line 2: \"3787032600\", which is 2090-01-02T09:30:00Z as seconds since the epoch, in the future, or 2024-01-02T09:30:00Z as seconds since 1904, expected --time-format s, or times since 1970 or written as dates"
    );
    let options = ImportOptions {
        time_format: Some("s".to_owned()),
        ..ImportOptions::default()
    };
    let file = read_text(&bars(3_787_032_600), &options).unwrap();
    assert!(rows(&file)[0].starts_with("2090-01-02T09:31:00Z"));
    // What is past may be seconds of any epoch, and is since 1970.
    assert!(read(&bars(959_817_600))[0].starts_with("2000-06-01T00:01:00Z"));
}

#[test]
fn bars_whose_times_are_called_ends_close_then() {
    let closes = |name: &str, times: [&str; 2]| -> Vec<String> {
        let [first, second] = times;
        let text =
            format!("{name},open,high,low,close,volume\n{first},1,1,1,1,1\n{second},1,1,1,1,1\n");
        read(&text).iter().map(|row| row[..20].to_owned()).collect()
    };
    let minutes = ["2024-01-02 09:31", "2024-01-02 09:32"];
    for (name, first) in [
        ("bar_end_time", "2024-01-02T09:31:00Z"),
        ("end", "2024-01-02T09:31:00Z"),
        ("PeriodEnd", "2024-01-02T09:31:00Z"),
        ("time", "2024-01-02T09:32:00Z"),
        ("trend_time", "2024-01-02T09:32:00Z"),
    ] {
        assert_eq!(closes(name, minutes)[0], first, "{name}");
    }
    // Last instants and dates say it themselves.
    let last = ["2024-01-02 09:31:59", "2024-01-02 09:32:59"];
    assert_eq!(closes("end", last)[0], "2024-01-02T09:32:00Z");
    assert_eq!(
        closes("end", ["2024-01-02", "2024-01-03"])[0],
        "2024-01-03T00:00:00Z"
    );
    // Midnights may be dates that a program wrote out: nothing of a day is known before it is over.
    let midnights = ["2024-01-02 00:00:00", "2024-01-03 00:00:00"];
    assert_eq!(closes("period_end", midnights)[0], "2024-01-03T00:00:00Z");
    let hours = ["2024-01-02 00:00:00", "2024-01-02 01:00:00"];
    assert_eq!(closes("period_end", hours)[0], "2024-01-02T00:00:00Z");
}

#[test]
fn a_column_says_the_currency_of_prices() {
    let currency = |column: &str, more: &str| {
        let text = format!(
            "date,{column}open,high,low,close,volume,Currency\n2024-01-02,{more}1,1,1,1,1,EUR\n2024-01-03,{more}1,1,1,1,1,EUR\n"
        );
        let file = read_text(&text, &ImportOptions::default()).unwrap();
        file.instruments.defs()[0].currency.clone()
    };
    assert_eq!(currency("", ""), "EUR");
    // Of several instruments each has its own.
    assert_eq!(currency("symbol,", "X,"), "EUR");
}
