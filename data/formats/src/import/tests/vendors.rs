//! Small files as vendors, brokers and programs write them, with their first rows as they are to be read.

use super::texts::{read, refusal, rows};
use super::*;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

/// What is read of the first row.
fn first(text: &str) -> String {
    read(text).remove(0)
}

#[test]
fn polygon() {
    assert_eq!(
        first(
            "ticker,volume,open,close,high,low,window_start,transactions\nAAPL,4930,200.29,200.5,200.63,200.29,1744792500000000000,129\nAAPL,1815,200.39,200.61,200.61,200.34,1744792560000000000,57\n"
        ),
        "2025-04-16T08:36:00Z AAPL 200.29 200.63 200.29 200.5 x 4930"
    );
    // Numbers of trades are those of an exchange; a row is of the time at the exchange, and arrives from the tape.
    let trades = "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape,trf_id,trf_timestamp\nA,\"12,37\",0,11,1,1744796400000178421,104.5,2503,1744796400000504064,10,1,0,0\nA,\"12,37\",0,8,1,1744796400023785984,104.6,2504,1744796400024141312,1,1,0,0\n";
    assert_eq!(
        read(trades),
        [
            "2025-04-16T09:40:00.000178421Z A 104.5 x 10 side 0",
            "2025-04-16T09:40:00.023785984Z A 104.6 x 1 side 0"
        ]
    );
    assert_eq!(
        first(
            "Ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,participant_timestamp,sequence_number,sip_timestamp\nA,11,104.6,1,11,104.5,2,1744796400000178421,2503,1744796400000504064\n"
        ),
        "2025-04-16T09:40:00.000178421Z A 104.5 / 104.6"
    );
}

/// Two bars.
fn bars(header: &str, from: &str, to: &str) -> String {
    format!("{header},Open,High,Low,Close,Volume \n{from},1.5,2,1,1.25,3\n{to},1.5,2,1,1.25,3\n")
}

/// The close of the first of them.
fn check(header: &str, from: &str, to: &str, expected: &str) {
    assert_eq!(
        first(&bars(header, from, to)),
        format!("{expected} TEST 1.5 2 1 1.25 x 3"),
        "{header}"
    );
}

#[test]
fn zones_in_headers_and_behind_times() {
    check(
        "Date (YYYY-MM-DD),Time (HH:MM)",
        "2024-01-02,09:30",
        "2024-01-02,09:31",
        "2024-01-02T09:31:00Z",
    );
    // Eastern Europe is two hours ahead in winter and three in summer; a minute later the bar closes.
    check(
        "Time (EET)",
        "2024.01.02 00:00:00",
        "2024.01.02 00:01:00",
        "2024-01-01T22:01:00Z",
    );
    check(
        "Time (EET)",
        "2024.07.02 00:00:00",
        "2024.07.02 00:01:00",
        "2024-07-01T21:01:00Z",
    );
    check(
        "Datetime [UTC-5]",
        "2024-01-02 00:00",
        "2024-01-02 00:01",
        "2024-01-02T05:01:00Z",
    );
    check(
        "Time (GMT+05:30)",
        "2024-01-02 00:00",
        "2024-01-02 00:01",
        "2024-01-01T18:31:00Z",
    );
    check(
        "time_cet",
        "2024-07-02 00:00",
        "2024-07-02 00:01",
        "2024-07-01T22:01:00Z",
    );
    check(
        "Gmt time",
        "02.01.2024 00:00:00.000",
        "02.01.2024 00:01:00.000",
        "2024-01-02T00:01:00Z",
    );
    check(
        "date",
        "20240702 09:30:00 US/Eastern",
        "20240702 09:31:00 US/Eastern",
        "2024-07-02T13:31:00Z",
    );
    check(
        "date",
        "2024-01-02 09:30:00 America/New_York",
        "2024-01-02 09:31:00 America/New_York",
        "2024-01-02T14:31:00Z",
    );
}

#[test]
fn zones_that_are_not_one_alone_have_to_be_told() {
    // A date is a day anywhere.
    check(
        "Date (EST)",
        "2024-01-02",
        "2024-01-03",
        "2024-01-03T00:00:00Z",
    );
    for header in ["Time (EST)", "Time (CST)", "datetime_et", "Time (New York)"] {
        let text = bars(header, "2024-01-02 00:00", "2024-01-02 00:01");
        let found = refusal(&text);
        assert!(
            found.contains("line 2: a local time \"2024-01-02 00:00\" in a zone called"),
            "{found}"
        );
        assert!(found.contains("--zone"), "{found}");
    }
    let local = bars("Time (local)", "2024-01-02 00:00", "2024-01-02 00:01");
    let found = refusal(&local);
    assert!(
        found.contains("a local time \"2024-01-02 00:00\" of no zone"),
        "{found}"
    );
    check(
        "Time (EST)",
        "2024-01-02 00:00-05:00",
        "2024-01-02 00:01-05:00",
        "2024-01-02T05:01:00Z",
    );
    assert!(
        refusal(&bars(
            "date",
            "20240702 09:30:00 EST",
            "20240702 09:31:00 EST"
        ))
        .contains("where a time should be")
    );
}

#[test]
fn ticks_below_no_header() {
    assert_eq!(
        first("20240102 000000123,1.104320,1.104400,0\n20240102 000001456,1.104330,1.104400,0\n"),
        "2024-01-02T00:00:00.123Z TEST 1.10432 / 1.1044"
    );
    assert_eq!(
        first(
            "20240102 093000 1230000;4780.25;4780;4780.5;3\n20240102 093000 1240000;4780.25;4780;4780.25;3\n"
        ),
        "2024-01-02T09:30:00.123Z TEST 4780.25 x 3 side 0"
    );
    assert_eq!(
        first("20240102 093000;4780.25;3\n20240102 093001;4780;1\n"),
        "2024-01-02T09:30:00Z TEST 4780.25 x 3 side 0"
    );
}

#[test]
fn rows_of_r() {
    let expected = "2024-01-03T00:00:00Z TEST 1 2 1 2 x 10";
    for text in [
        "\"\",\"date\",\"open\",\"high\",\"low\",\"close\",\"volume\"\n\"1\",2024-01-02,1,2,1,2,10\n\"2\",2024-01-03,2,3,2,3,20\n",
        "\"date\",\"open\",\"high\",\"low\",\"close\",\"volume\"\n\"1\",2024-01-02,1,2,1,2,10\n\"2\",2024-01-03,2,3,2,3,20\n",
        "\"open\",\"high\",\"low\",\"close\",\"volume\"\n\"2024-01-02\",1,2,1,2,10\n\"2024-01-03\",2,3,2,3,20\n",
    ] {
        assert_eq!(first(text), expected, "{text}");
    }
    // Any other column that has no name is not guessed.
    assert!(
        refusal("date,open,high,low,close\n2024-01-02,5,1,2,1,2\n2024-01-03,5,2,3,2,3\n")
            .contains("6 fields below 5 names")
    );
}

/// Bars of these times.
fn at(header: &str, times: &[&str]) -> String {
    let rows: String = times
        .iter()
        .map(|time| format!("{time},1,2,1,2\n"))
        .collect();
    format!("{header},open,high,low,close\n{rows}")
}

/// When these bars close.
fn closes(text: &str) -> Vec<String> {
    let rows = read(text);
    rows.iter()
        .map(|row| row.split(' ').next().unwrap().to_owned())
        .collect()
}

#[test]
fn times_that_are_numbers() {
    assert_eq!(
        closes(&at(
            "date,time",
            &["20240102,930", "20240102,931", "20240102,1000"]
        )),
        [
            "2024-01-02T09:31:00Z",
            "2024-01-02T09:32:00Z",
            "2024-01-02T10:01:00Z"
        ]
    );
    assert_eq!(
        closes(&at(
            "date,time",
            &[
                "20240102,500",
                "20240102,93000",
                "20240102,93500",
                "20240102,100000"
            ]
        )),
        [
            "2024-01-02T00:10:00Z",
            "2024-01-02T09:35:00Z",
            "2024-01-02T09:40:00Z",
            "2024-01-02T10:05:00Z"
        ]
    );
    assert_eq!(
        closes(&at("date,time", &["2024-01-02,9:30", "2024-01-02,9:31"])),
        ["2024-01-02T09:31:00Z", "2024-01-02T09:32:00Z"]
    );
}

#[test]
fn seconds_before_1973_and_periods() {
    // Seconds before March 1973.
    assert_eq!(
        closes(&at("time", &["-86400", "0", "86400"])),
        [
            "1970-01-01T00:00:00Z",
            "1970-01-02T00:00:00Z",
            "1970-01-03T00:00:00Z"
        ]
    );
    assert_eq!(
        closes(&at("time", &["78710400", "78796800"])),
        ["1972-07-01T00:00:00Z", "1972-07-02T00:00:00Z"]
    );
    for (period, next) in [("2024-01", "2024-02"), ("2024Q1", "2024Q2")] {
        let found = refusal(&at("date", &[period, next]));
        let expected = format!(
            "line 2: {period:?}, which is a period, expected a date or a time: a month, quarter or year is written as its first day, such as 2024-01-01"
        );
        assert!(found.contains(&expected), "{found}");
    }
}

#[test]
fn lines_and_cells_of_other_programs() {
    assert_eq!(
        read("date,open,high,low,close\r2024-01-02,1,2,1,2\r2024-01-03,2,3,2,3\r").len(),
        2
    );
    let missing = "date,open,high,low,close,volume\n2024-01-02,1,2,1,2,#N/A N/A\n2024-01-03,2,3,2,3,#N/A\n2024-01-04,2,3,2,3,N/A\n";
    assert_eq!(read(missing)[1], "2024-01-04T00:00:00Z TEST 2 3 2 3 x 0");
    let barchart = "Symbol,Time,Open,High,Low,Last,Change,%Chg,Volume\nAAPL,01/16/2024,184.22,185.88,183.43,184.25,-1.39,-0.75%,58414500\nAAPL,01/12/2024,187.15,188.44,183.89,185.64,-6.89,-3.58%,82488700\n\"Downloaded from Barchart.com as of 01-17-2024 05:12am CST\"\n";
    assert_eq!(read(barchart).len(), 2);
    assert_eq!(
        first(
            "instrument_name,trade_id,side,price,size,created_time\nBTC-USDT,482983,buy,42000.1,0.5,1704153600123\n"
        ),
        "2024-01-02T00:00:00.123Z BTC-USDT 42000.1 x 0.5 side 1"
    );
}

/// As `write.table` writes them: blanks between fields, names and texts in quotes, and no name for the labels of rows.
#[test]
fn tables_of_r() {
    let expected = "2024-01-02T09:31:00Z TEST 1.5 2 1 1.25 x 3";
    let header = "\"time\" \"open\" \"high\" \"low\" \"close\" \"volume\"";
    let row =
        |label: &str, minute: u32| format!("\n{label}\"2024-01-02 09:{minute}:00\" 1.5 2 1 1.25 3");
    let labelled = [row("\"1\" ", 30), row("\"2\" ", 31)].concat();
    assert_eq!(first(&format!("{header}{labelled}\n")), expected);
    let plain = [row("", 30), row("", 31)].concat();
    assert_eq!(first(&format!("{header}{plain}\n")), expected);
    let unquoted = format!("{header}{plain}\n").replace('"', "");
    assert_eq!(first(&unquoted), expected);
    // So are others whose header has one name for a date and a time of day.
    for name in ["time", "datetime", "timestamp"] {
        let text = unquoted.replace(' ', ",").replacen("time", name, 1);
        assert_eq!(first(&text), expected, "{name}");
    }
    // Labels that are no numbers one after another may be instruments.
    let chosen = [row("\"5\" ", 30), row("\"9\" ", 31)].concat();
    let error = refusal(&format!("{header}{chosen}\n"));
    assert!(error.contains("7 fields below 6 names"), "{error}");
}

#[test]
fn what_is_of_no_market_says_its_line() {
    let error = refusal("Members\n\nname,age\nA,51\nB,62\n");
    assert!(
        error.starts_with("TEST.csv, line 3: columns name, age"),
        "{error}"
    );
}

/// What is read of a text of a format that is told.
fn read_as(format: Format, text: &str) -> Vec<String> {
    let options = ImportOptions {
        format: Some(format),
        ..ImportOptions::default()
    };
    rows(&read_text(text, &options).unwrap())
}

fn ticks_of_metatrader(rows: &[&str]) -> String {
    let header = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n";
    let lines = rows.iter().map(|row| {
        let row = row.replace(' ', "\t");
        format!("2024.01.02\t10:00:{row}\n")
    });
    header.to_owned() + &lines.collect::<String>()
}

#[test]
fn ticks_of_metatrader_say_what_changed() {
    let currencies = [
        "00.123 1.10400 1.10410   6",
        "00.456 1.10401    2",
        "01.000  1.10409   4",
    ];
    let expected = [
        "2024-01-02T10:00:00.123Z TEST 1.104 / 1.1041",
        "2024-01-02T10:00:00.456Z TEST 1.10401 / 1.1041",
        "2024-01-02T10:00:01Z TEST 1.10401 / 1.10409",
    ];
    let text = ticks_of_metatrader(&currencies);
    let file = read_text(&text, &ImportOptions::default()).unwrap();
    assert_eq!(rows(&file), expected);
    let sizes = |record: &Record| {
        let quote = QuoteBody::of(record);
        (quote.bid_qty, quote.ask_qty)
    };
    assert!(file.records.iter().all(|record| sizes(record) == (0, 0)));
    assert_eq!(read_as(Format::MetatraderTicks, &text), expected);
    // A header that comes again, as where two exports were put together, takes nothing away.
    let again = format!("{text}{}", text.replace("2024.01.02", "2024.01.03"));
    assert_eq!(read(&again).len(), 6);

    // Of an exchange: a purchase of 5, a sale of 2 at the same price, another ask, and a last price with the size as it was.
    let exchange = [
        "00.000 100.5 100.7 100.6 5 56",
        "00.100    2 80",
        "00.200  100.8   4",
        "00.300   100.8  8",
    ];
    assert_eq!(
        read(&ticks_of_metatrader(&exchange)),
        [
            "2024-01-02T10:00:00Z TEST 100.5 / 100.7",
            "2024-01-02T10:00:00Z TEST 100.6 x 5 side 1",
            "2024-01-02T10:00:00.1Z TEST 100.6 x 2 side 2",
            "2024-01-02T10:00:00.2Z TEST 100.5 / 100.8",
            "2024-01-02T10:00:00.3Z TEST 100.8 x 2 side 0",
        ]
    );
}

/// What was is not known after what cannot be read, and not before the first.
#[test]
fn ticks_of_metatrader_without_what_they_go_on_from_are_refused() {
    let options = ImportOptions {
        refused_max: Some(RefusedMax::Any),
        ..ImportOptions::default()
    };
    let left =
        |rows_of: &[&str]| rows(&read_text(&ticks_of_metatrader(rows_of), &options).unwrap());
    assert_eq!(
        left(&[
            "00.000  1.2   4",
            "01.000 1.1    2",
            "02.000 x    2",
            "03.000  1.3   4",
            "04.000 1.0    2",
            "05.000   1.1  8",
            "06.000 1.1    y",
        ]),
        [
            "2024-01-02T10:00:01Z TEST 1.1 / 1.2",
            "2024-01-02T10:00:04Z TEST 1 / 1.3",
        ]
    );
    // Of a row with too few fields, or too many, nobody knows which is which.
    assert_eq!(
        left(&[
            "00.000 1.1 1.2   6",
            "01.000  3 2",
            "02.000  1.3   4",
            "03.000 1.0    2",
            "04.000 1.1 1.3   6 9",
            "05.000 1.2    2",
            "06.000 1.2 1.4   6",
        ]),
        [
            "2024-01-02T10:00:00Z TEST 1.1 / 1.2",
            "2024-01-02T10:00:03Z TEST 1 / 1.3",
            "2024-01-02T10:00:06Z TEST 1.2 / 1.4",
        ]
    );
    let columns = "time,bid,ask\n1723161255030,1,2\n";
    let options = ImportOptions {
        format: Some(Format::MetatraderTicks),
        ..ImportOptions::default()
    };
    let error = read_text(columns, &options).unwrap_err().to_string();
    assert!(
        error.contains("<FLAGS>, as MetaTrader 5 exports ticks"),
        "{error}"
    );
}

/// What is as it was would be taken from what comes later.
#[test]
fn ticks_of_metatrader_that_are_not_in_the_order_of_time_are_refused() {
    let [first, second, third] = ["00.000 1.1 1.2   6", "01.000 1.0    2", "02.000  1.3   4"];
    let whole = ["01.000 1.1 1.2   6", "00.000 1.0 1.3   6"];
    for rows_of in [&[third, second, first] as &[&str], &whole] {
        let found = refusal(&ticks_of_metatrader(rows_of));
        assert!(
            found.contains("ticks of MetaTrader 5, newest first, expected rows in the order"),
            "{found}"
        );
    }
    let found = refusal(&ticks_of_metatrader(&[first, third, second]));
    assert!(
        found.contains("ticks of MetaTrader 5, of which 1 are earlier than the one above them"),
        "{found}"
    );
}

/// What is told of the columns goes before what MetaTrader calls them.
#[test]
fn ticks_of_metatrader_are_what_they_are_told_to_be() {
    let text = ticks_of_metatrader(&[
        "00.000 100.5 100.7 100.6 5 56",
        "01.000 100.4 100.7 100.7 5 56",
    ]);
    let quotes = [
        "2024-01-02T10:00:00Z TEST 100.5 / 100.7",
        "2024-01-02T10:00:01Z TEST 100.4 / 100.7",
    ];
    assert_eq!(read(&text).len(), 4);
    assert_eq!(read_as(Format::Csv, &text), quotes);
    let without = |what: &str| {
        let options = ImportOptions {
            mapping: what.parse().unwrap(),
            ..ImportOptions::default()
        };
        rows(&read_text(&text, &options).unwrap())
    };
    assert_eq!(without("price=-"), quotes);
    assert_eq!(without("flags=-"), quotes);
    // What is empty is not as it was then, and refused.
    let changes = ticks_of_metatrader(&["00.000 1.1 1.2   6", "01.000 1.0    2"]);
    let options = ImportOptions {
        format: Some(Format::Csv),
        ..ImportOptions::default()
    };
    let error = read_text(&changes, &options).unwrap_err().to_string();
    assert!(error.contains("1 of 2 rows"), "{error}");
}

/// In columns with types nothing was filled, and every trade was passed over.
#[test]
fn ticks_of_metatrader_in_columns_are_refused() {
    let texts = |column: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from_iter_values(column)) };
    let numbers =
        |column: [Option<f64>; 2]| -> ArrayRef { Arc::new(Float64Array::from_iter(column)) };
    let batch = RecordBatch::try_from_iter([
        ("<DATE>", texts(["2024.01.02"; 2])),
        ("<TIME>", texts(["10:00:00.000", "10:00:00.100"])),
        ("<BID>", numbers([Some(100.5), None])),
        ("<ASK>", numbers([Some(100.7), None])),
        ("<LAST>", numbers([Some(100.6), None])),
        ("<VOLUME>", numbers([Some(5.0), Some(2.0)])),
        ("<FLAGS>", Arc::new(Int64Array::from_iter_values([56, 80]))),
    ]);
    let batch = batch.unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let read = |format: Option<Format>| {
        let options = ImportOptions {
            format,
            ..ImportOptions::default()
        };
        let input = Input::bytes(Path::new("TEST.parquet"), bytes.clone());
        input.read(&options).unwrap_err().to_string()
    };
    let found = read(None);
    assert!(
        found.contains("ticks of MetaTrader 5 (columns <DATE>")
            && found.contains("expected the text that MetaTrader exports"),
        "{found}"
    );
    // Formats of texts are none of columns.
    let found = read(Some(Format::Kibot));
    assert!(found.contains("what --format kibot says"), "{found}");
    // As quotes alone, of which one has no prices.
    let found = read(Some(Format::Parquet));
    assert!(found.contains("1 of 2 rows"), "{found}");
}

#[test]
fn kraken() {
    // The first trades of bitcoin there.
    let trades = "1381095255,123.30000,0.10000000\n1381179030,123.61000,0.10000000\n1381201115,123.91000,1.99160000\n";
    let expected = [
        "2013-10-06T21:34:15Z TEST 123.3 x 0.1 side 0",
        "2013-10-07T20:50:30Z TEST 123.61 x 0.1 side 0",
        "2013-10-08T02:58:35Z TEST 123.91 x 1.9916 side 0",
    ];
    assert_eq!(read(trades), expected);
    assert_eq!(read_as(Format::Kraken, trades), expected);
    // Numbers that can as well be bid and ask, or sizes before prices.
    for text in [
        "1381095255,123.3,1\n1381179030,123.6,1\n",
        "1704187800,1.1040,1.1041\n1704187801,1.1041,1.1042\n",
        "1704187800,0.5,1.1041\n1704187801,70,1.1042\n",
    ] {
        let found = refusal(text);
        assert!(
            found.contains("2 columns beside the time")
                && found.contains("--format kraken, whose rows are a time, price and size")
                && found.contains("--columns time=1,bid=2,ask=3"),
            "{found}"
        );
    }
    assert_eq!(
        read_as(Format::Kraken, "1381095255,123.3,1\n1381179030,123.6,1\n")[1],
        "2013-10-07T20:50:30Z TEST 123.6 x 1 side 0"
    );
    // Bars are stamped where they begin.
    let bars =
        "1381095240,123.3,123.4,123.2,123.3,0.1,1\n1381095300,123.3,123.3,123.3,123.3,0.2,2\n";
    assert_eq!(
        read_as(Format::Kraken, bars)[0],
        "2013-10-06T21:35:00Z TEST 123.3 123.4 123.2 123.3 x 0.1"
    );
}

#[test]
fn kibot() {
    let ticks = |date: &str| {
        format!(
            "{date},09:30:00,187.15,187.14,187.16,100\n{date},09:30:01,187.16,187.15,187.17,200\n"
        )
    };
    // With a bid below the ask they are no bars; of which zone they are nothing says.
    assert_eq!(
        read(&ticks("01/16/2024")),
        [
            "2024-01-16T09:30:00Z TEST 187.15 x 100 side 0",
            "2024-01-16T09:30:01Z TEST 187.16 x 200 side 0",
        ]
    );
    let found = refusal(&ticks("01/02/2024"));
    assert!(
        found.contains("day-first") || found.contains("month-first"),
        "{found}"
    );
    assert_eq!(
        read_as(Format::Kibot, &ticks("01/02/2024"))[0],
        "2024-01-02T14:30:00Z TEST 187.15 x 100 side 0"
    );
    assert_eq!(
        read_as(
            Format::Kibot,
            "07/02/2024,09:30:00,187.15,100\n07/02/2024,09:30:01,187.16,200\n"
        )[0],
        "2024-07-02T13:30:00Z TEST 187.15 x 100 side 0"
    );
    let minutes = "01/02/2024,09:30,187.15,188.44,183.88,185.64,82488\n01/02/2024,09:31,185.64,186,185,185.5,1000\n";
    assert_eq!(
        read_as(Format::Kibot, minutes)[0],
        "2024-01-02T14:31:00Z TEST 187.15 188.44 183.88 185.64 x 82488"
    );
    let days =
        "01/02/2024,187.15,188.44,183.88,185.64,82488\n01/03/2024,185.64,186,185,185.5,1000\n";
    assert_eq!(
        read_as(Format::Kibot, days)[0],
        "2024-01-03T00:00:00Z TEST 187.15 188.44 183.88 185.64 x 82488"
    );
    // A zone that is told, or that the header says, goes before.
    let tokyo = ImportOptions {
        format: Some(Format::Kibot),
        zone: Some("Asia/Tokyo".to_owned()),
        ..ImportOptions::default()
    };
    let file = read_text(&ticks("01/02/2024"), &tokyo).unwrap();
    assert_eq!(
        rows(&file)[0],
        "2024-01-02T00:30:00Z TEST 187.15 x 100 side 0"
    );
    assert!(
        !file
            .report
            .notes
            .iter()
            .any(|note| note.contains("New_York"))
    );
    let named = "Date,Time (CET),Price,Size\n01/02/2024,09:30:00,187.15,100\n01/02/2024,09:30:01,187.16,200\n";
    assert_eq!(
        read_as(Format::Kibot, named)[0],
        "2024-01-02T08:30:00Z TEST 187.15 x 100 side 0"
    );
    // Bars go on being bars.
    assert_eq!(
        read(
            "01/16/2024,09:30:00,187.15,188.44,183.88,185.64\n01/16/2024,09:31:00,185.64,186,185,185.5\n"
        )[0],
        "2024-01-16T09:31:00Z TEST 187.15 188.44 183.88 185.64 x 0"
    );
}

/// Four numbers of which the second is below the third are Kibot's only where nothing else can be meant.
#[test]
fn numbers_that_are_not_surely_ticks_of_kibot_are_refused() {
    for text in [
        // Open, low, high and close.
        "01/16/2024,09:30:00,100,99,102,101\n01/16/2024,09:31:00,101,100,103,102\n",
        // Ask and bid with their sizes, in another form of dates and in Kibot's.
        "2024.01.16,00:00:00.123,1.10412,1.10410,750000,1500000\n2024.01.16,00:00:01.456,1.10413,1.10411,750000,900000\n",
        "01/16/2024,00:00:00,1.10412,1.10410,750000,1500000\n01/16/2024,00:00:01,1.10413,1.10411,750000,900000\n",
        // A day that is no month, and dates of others.
        "16/01/2024,09:30:00,187.15,187.14,187.16,100\n16/01/2024,09:30:01,187.16,187.15,187.17,200\n",
        "2024-01-16,09:30:00,187.15,187.14,187.16,100\n2024-01-16,09:30:01,187.16,187.15,187.17,200\n",
        // Sizes that can as well be prices.
        "01/16/2024,09:30:00,100.15,100.14,100.16,100\n01/16/2024,09:30:01,100.16,100.15,100.17,100\n",
    ] {
        let found = refusal(text);
        assert!(
            found.contains("the second is below the third")
                && found.contains("--format kibot")
                && found.contains("--columns date=1,time_of_day=2,open=3,low=4,high=5,close=6"),
            "{found}"
        );
    }
    let bars = "01/16/2024,09:30:00,100,99,102,101\n01/16/2024,09:31:00,101,100,103,102\n";
    let options = ImportOptions {
        mapping: "date=1,time_of_day=2,open=3,low=4,high=5,close=6"
            .parse()
            .unwrap(),
        ..ImportOptions::default()
    };
    assert_eq!(
        rows(&read_text(bars, &options).unwrap())[0],
        "2024-01-16T09:31:00Z TEST 100 102 99 101 x 0"
    );
}
