//! What the rows of a file are, where its columns, its words or its name say that they are something else than they look like.

use super::texts::{read, refusal, rows};
use super::*;
use crate::import::input::Input;
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

fn told(columns: &str) -> ImportOptions {
    ImportOptions {
        mapping: columns.parse().unwrap(),
        ..lenient()
    }
}

fn read_told(text: &str, columns: &str) -> FileRecords {
    read_text(text, &told(columns)).unwrap()
}

fn check_refused(text: &str, said: &[&str]) {
    let error = refusal(text);
    for said in said {
        assert!(error.contains(said), "{said} is not in {error}");
    }
}

/// Lines of one time after the other, with what follows it.
fn seconds(header: &str, rows: &[&str]) -> String {
    let lines = (0..)
        .zip(rows)
        .map(|(second, row)| format!("2024-01-02 09:30:{second:02},{row}\n"));
    format!("{header}\n{}", lines.collect::<String>())
}

const LEVELS: &str = "\
1,10,1,11,1
2,9,2,12,2
1,10,1,11,1
2,9,2,12,2
";

/// Levels of a book, two a moment.
fn levels(header: &str) -> String {
    let lines = LEVELS.lines().enumerate();
    let lines = lines.map(|(at, line)| format!("2024-01-02 09:30:0{},{line}\n", at / 2));
    format!("{header}\n{}", lines.collect::<String>())
}

#[test]
fn levels_of_a_book_with_both_sides_are_no_quotes() {
    for name in [
        "level",
        "depth",
        "lvl",
        "position",
        "rank",
        "level_id",
        "book_level",
    ] {
        let text = levels(&format!("time,{name},bid,bid_size,ask,ask_size"));
        let said = format!("\"2\" in column {name:?} of what would be quotes: levels of a book");
        check_refused(&text, &[&said, "--columns level=-"]);
        // Whatever the levels are called, they go away from the best prices.
        let text = text.replace(name, "n");
        check_refused(&text, &["levels of a book, or quotes", "--columns level=-"]);
    }
    let text = levels("time,level,bid,bid_size,ask,ask_size");
    let quotes = read_told(&text, "level=-");
    assert_eq!(rows(&quotes)[1], "2024-01-02T09:30:00Z TEST 9 / 12");
    // Those of the best level alone are quotes, of all rows, and not of the first ones alone.
    let best = seconds("time,level,bid,ask", &["1,10,11"; 55]);
    assert_eq!(read(&best).len(), 55);
    let other = best + "2024-01-02 09:31:00,2,9,12\n";
    let found = read_text(&other, &lenient()).unwrap();
    assert_eq!((found.records.len(), found.report.refused), (55, 1));
    assert!(
        errors(&found.report)[0].contains("one level"),
        "{:?}",
        errors(&found.report)
    );
    // Quotes of one second are no levels: some are nearer than the one before.
    let quotes = "time,bid,ask\n1704187800,10,11\n1704187800,9,12\n1704187800,10,11\n1704187800,9,12\n1704187800,10,11\n";
    assert_eq!(read(quotes).len(), 5);
}

#[test]
fn changes_of_a_book_are_no_trades() {
    for (name, words) in [
        ("action", ["partial", "delete"]),
        ("action", ["insert", "update"]),
        ("action", ["new", "change"]),
        ("op", ["add", "remove"]),
        ("operation", ["insert", "delete"]),
        ("msg_type", ["A", "D"]),
        ("msg", ["ADD", "DELETE"]),
        ("entry_type", ["0", "1"]),
        ("event_type", ["depth", "depth"]),
        ("type", ["l2update", "l2update"]),
        ("kind", ["book", "trade"]),
        ("update_type", ["0", "2"]),
        ("status", ["filled", "canceled"]),
    ] {
        let changes = words.map(|word| format!("{word},Buy,10,1"));
        let text = seconds(
            &format!("time,{name},side,price,size"),
            &changes.each_ref().map(String::as_str),
        );
        check_refused(
            &text,
            &[
                "of what would be trades",
                "--columns action=-",
                "--format book-levels",
            ],
        );
        assert_eq!(read_told(&text, "action=-").records.len(), 2, "{name}");
    }
    for (name, words) in [
        ("action", ["trade", "TRADE"]),
        ("action", ["T", "fill"]),
        ("op", ["buy", "sell"]),
        ("event_type", ["aggTrade", "last_match"]),
        ("entry_type", ["2", "2"]),
        ("type", ["limit", "market"]),
        ("msg_type", ["E", ""]),
    ] {
        let trades = words.map(|word| format!("{word},Buy,10,1"));
        let text = seconds(
            &format!("time,{name},side,price,size"),
            &trades.each_ref().map(String::as_str),
        );
        assert_eq!(read(&text).len(), 2, "{name} {words:?}");
    }
    // All rows are asked, and not the first ones alone.
    let mut text = seconds("time,action,update,price,size", &["trade,,10,1"; 55]);
    text += "2024-01-02 09:31:00,delete,,10,1\n2024-01-02 09:31:01,trade,canceled,10,1\n2024-01-02 09:31:02,trade,,10,2\n";
    let found = read_text(&text, &lenient()).unwrap();
    assert_eq!((found.records.len(), found.report.refused), (56, 2));
    // As levels, a deleted one has no size.
    let levels = ImportOptions {
        format: Some(Format::BookLevels),
        ..lenient()
    };
    let text = seconds(
        "time,action,side,price,size",
        &[
            "insert,buy,10,1",
            "delete,buy,10,0",
            "delete,buy,9,1",
            "update,buy,9,2",
        ],
    );
    let found = read_text(&text, &levels).unwrap();
    assert_eq!((found.records.len(), found.report.refused), (3, 1));
    assert!(errors(&found.report)[0].contains("of a level that is deleted"));
}

#[test]
fn rows_that_do_not_count_are_refused() {
    for (name, values) in [
        ("is_cancelled", ["false", "true"]),
        ("void", ["0", "1"]),
        ("canceled", ["", "Y"]),
        ("valid", ["1", "0"]),
        ("correction", ["0", "8"]),
        ("TR_CORR", ["00", "10"]),
        ("is_corrected", ["n", "y"]),
    ] {
        let trades = values.map(|value| format!("10.5,1,buy,{value}"));
        let text = seconds(
            &format!("time,price,size,side,{name}"),
            &trades.each_ref().map(String::as_str),
        );
        let found = read_text(&text, &lenient()).unwrap();
        assert_eq!(
            (found.records.len(), found.report.refused),
            (1, 1),
            "{name}"
        );
        let error = &errors(&found.report)[0];
        assert!(error.contains(name) && error.contains("void=-"), "{error}");
        assert_eq!(read_told(&text, "void=-").records.len(), 2, "{name}");
        let told = read_told(&text, &format!("void={name}"));
        assert_eq!(told.records.len(), 1, "{name}");
    }
    // The original that stands, with what it was corrected to.
    let text = seconds(
        "time,price,size,correction",
        &["10,1,0", "10,2,1", "10,3,12"],
    );
    let found = read_text(&text, &lenient()).unwrap();
    assert_eq!((found.records.len(), found.report.refused), (2, 1));
    // What is called so and holds something else says nothing.
    let text = seconds(
        "time,price,size,correction,valid",
        &["10,1,0.5,10", "10,2,-0.5,20"],
    );
    assert_eq!(read(&text).len(), 2);
}

#[test]
fn bars_that_are_not_closed_are_left_out() {
    for (name, values) in [
        ("confirm", ["1", "1", "0"]),
        ("is_closed", ["true", "true", "false"]),
        ("complete", ["True", "True", "False"]),
        ("is_final", ["t", "t", "f"]),
        ("partial", ["false", "false", "true"]),
    ] {
        let lines = (0..)
            .zip(values)
            .map(|(minute, value)| format!("2024-01-02 09:3{minute}:00,1,2,1,2,5,{value}\n"));
        let text = format!(
            "time,open,high,low,close,volume,{name}\n{}",
            lines.collect::<String>()
        );
        let found = read_text(&text, &ImportOptions::default()).unwrap();
        assert_eq!(
            (found.records.len(), found.report.refused),
            (2, 0),
            "{name}"
        );
        assert_eq!(found.report.not_kept["bar that is not closed"], 1, "{name}");
        assert_eq!(read_told(&text, "closed=-").records.len(), 3, "{name}");
    }
    // The stream of Binance, and a column that is only called as one of its.
    let stream = "t,o,h,l,c,v,x\n1704187800000,1,2,1,2,5,true\n1704187860000,1,2,1,2,5,false\n1704187920000,1,2,1,2,5,true\n";
    assert_eq!(read(stream).len(), 2);
    let other = "time,open,high,low,close,x\n1704187800000,1,2,1,2,1\n1704187860000,1,2,1,2,0\n";
    assert_eq!(read(other).len(), 2);
}

#[test]
fn rows_of_a_trade_and_a_quote_are_not_taken_for_one_of_both() {
    let text = seconds(
        "time,price,size,bid,ask",
        &["10.5,1,10.4,10.6", "10.6,2,10.5,10.7"],
    );
    check_refused(
        &text,
        &[
            "trades with the bid and ask at their time, or quotes",
            "--columns bid=-,ask=-",
        ],
    );
    assert_eq!(
        rows(&read_told(&text, "bid=-,ask=-"))[0],
        "2024-01-02T09:30:00Z TEST 10.5 x 1 side 0"
    );
    assert_eq!(
        rows(&read_told(&text, "price=-,size=-"))[0],
        "2024-01-02T09:30:00Z TEST 10.4 / 10.6"
    );
    let kibot = "Date,Time,Price,Bid,Ask,Size\n01/16/2024,09:30:00,10.5,10.4,10.6,100\n01/16/2024,09:30:01,10.6,10.5,10.7,100\n";
    check_refused(kibot, &["trades with the bid and ask"]);
    let feed = "Timestamp,Last,LastSize,TotalVolume,Bid,Ask,TickID\n2024-01-02 09:30:00,10.5,1,100,10.4,10.6,1\n";
    check_refused(feed, &["trades with the bid and ask"]);
    // Where nothing was traded there is nothing to lose.
    let text = seconds("time,bid,ask,last,volume", &["10.4,10.6,0,0"; 55]);
    assert_eq!(read(&text).len(), 55);
    let traded = text + "2024-01-02 09:31:00,10.4,10.6,10.5,3\n";
    let found = read_text(&traded, &lenient()).unwrap();
    assert_eq!((found.records.len(), found.report.refused), (55, 1));
}

#[test]
fn times_that_are_all_at_midnight_are_days() {
    for times in [
        ["2024-01-02 00:00:00", "2024-01-03 00:00:00"],
        ["2024-01-02T00:00:00Z", "2024-01-04T00:00:00Z"],
        ["1704153600", "1704240000"],
    ] {
        let text = format!(
            "timestamp,price,volume\n{},44187.1,2700\n{},44188.5,2500\n",
            times[0], times[1]
        );
        check_refused(&text, &["all at midnight", "--time-format"]);
        let later = format!("{text}2024-01-09 09:30:00,44190.5,1\n");
        if !times[0].starts_with('1') {
            assert_eq!(read(&later).len(), 3);
        }
    }
    let text = "timestamp,price,volume\n1704153600,44187.1,2700\n1704240000,44188.5,2500\n";
    let options = ImportOptions {
        time_format: Some("s".to_owned()),
        ..ImportOptions::default()
    };
    assert_eq!(read_text(text, &options).unwrap().records.len(), 2);
    // Midnight in New York.
    let text = "timestamp,price,volume\n1704171600,44187.1,2700\n1704258000,44188.5,2500\n";
    assert_eq!(read(text).len(), 2);
    let options = ImportOptions {
        zone: Some("America/New_York".to_owned()),
        ..ImportOptions::default()
    };
    assert!(read_text(text, &options).is_err());
}

#[test]
fn prices_in_thirty_seconds_are_no_thousands() {
    let bars = |rows: &[&str]| {
        let lines = (2..)
            .zip(rows)
            .map(|(day, row)| format!("2024-01-{day:02},{row}\n"));
        format!(
            "Date,Open,High,Low,Close,Volume\n{}",
            lines.collect::<String>()
        )
    };
    let bonds = bars(&[
        "110'160,110'200,110'100,110'165,5",
        "110'165,110'200,110'100,110'180,5",
    ]);
    check_refused(
        &bonds,
        &[
            "\"110'160\", which is 110.5 in points and thirty-seconds or 110160",
            "--decimal point",
        ],
    );
    let thousands = ImportOptions {
        decimal: Some(Decimal::Point),
        ..ImportOptions::default()
    };
    let open =
        |text: &str, options: &ImportOptions| rows(&read_text(text, options).unwrap())[0].clone();
    assert_eq!(
        open(&bonds, &thousands),
        "2024-01-03T00:00:00Z TEST 110160 110200 110100 110165 x 5"
    );
    // What cannot be a thirty-second, or what else is so large, says that they are thousands.
    for row in [
        "1'160,1'200,1'100,1'164,5",
        "1'160,1'200,1'100,1'165,5'000",
        "1'160,1'200,1'100,1'165.5,5",
        "1'160,1'200,998.5,1'165,5",
        "1'160,1'360,1'100,1'165,5",
    ] {
        assert!(
            open(&bars(&[row, row]), &ImportOptions::default()).contains("TEST 1160 "),
            "{row}"
        );
    }
}

/// What a file of this name and text is of.
fn names(path: &str, text: &str) -> Result<Vec<String>> {
    let input = Input::bytes(Path::new(path), text.as_bytes().to_vec());
    let report = input.check(&ImportOptions::default())?;
    Ok(report.instruments)
}

#[test]
fn a_column_that_names_the_instrument_goes_before_the_file() {
    for (name, value) in [
        ("instrument_name", "BTC-PERPETUAL"),
        ("product_id", "BTC-USD"),
        ("code", "sh.600000"),
        ("ts_code", "600000.SH"),
        ("stock_id", "2330"),
    ] {
        let [first, second] = [10, 11].map(|price| format!("{value},{price},1"));
        let text = seconds(&format!("time,{name},price,size"), &[&first, &second]);
        assert_eq!(names("x/der.csv", &text).unwrap(), [value]);
        // A second one is another instrument, as before.
        let two = format!("{text}2024-01-02 09:31:00,OTHER,1,1\n");
        assert!(names("x/der.csv", &two).is_err());
        let options = told("symbol=-");
        assert_eq!(
            read_text(&text, &options).unwrap().report.instruments,
            ["TEST"]
        );
    }
    let okx = seconds(
        "created_time,instrument_name,trade_id,side,price,size",
        &["BTC-USDT-SWAP,1,buy,10,1", "BTC-USDT-SWAP,2,buy,10,1"],
    );
    assert_eq!(
        names("BTC-USDT-SWAP-trades-2024-01-02.csv", &okx).unwrap(),
        ["BTC-USDT-SWAP"]
    );
    // What is no symbol names nothing.
    for (name, value) in [
        ("code", "1"),
        ("product_id", "17"),
        ("instrument_name", "Apple Inc."),
        ("code", "2024-01-02"),
    ] {
        let row = format!("{value},10,1");
        let text = seconds(&format!("time,{name},price,size"), &[&row]);
        assert_eq!(names("AAPL.csv", &text).unwrap(), ["AAPL"], "{value}");
    }
}

#[test]
fn best_quotes_of_binance_are_called_as_its_other_files() {
    let text = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n1,10,1,11,1,1704153600001,1704153600002\n2,10,1,11,2,1704153600003,1704153600004\n";
    let file = "BTCUSDT-bookTicker-2024-01-02.csv";
    let path = format!("data/futures/um/daily/bookTicker/BTCUSDT/{file}");
    assert_eq!(names(&path, text).unwrap(), ["binance-usdm.BTCUSDT"]);
    assert_eq!(names(file, text).unwrap(), ["BTCUSDT"]);
}

#[test]
fn what_is_called_liquidations_or_a_book_is_not_taken_for_trades() {
    let tardis = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\nbitmex,XBTUSD,1585699200126000,1585699200200000,7,buy,6425.5,20\n";
    let book = seconds("time,side,price,size", &["buy,10,1", "sell,11,1"]);
    for (path, text) in [
        ("bitmex_liquidations_2020-01-01_XBTUSD.csv", tardis),
        ("bitmex/liquidations/2020/01/01/XBTUSD.csv", tardis),
        ("BTCUSDT-liquidationSnapshot-2024-01-02.csv", &book),
        ("AAPL_orderbook.csv", &book),
        ("AAPL-L2.csv", &book),
    ] {
        let error = names(path, text).unwrap_err().to_string();
        assert!(error.contains("--format csv"), "{path}: {error}");
    }
    for path in [
        "bitmex_trades_2020-01-01_XBTUSD.csv",
        "liquidations/XBTUSD_trades.csv",
        "book/XBTUSD.csv",
    ] {
        assert!(names(path, tardis).is_ok(), "{path}");
    }
    let options = ImportOptions {
        format: Some(Format::Csv),
        ..ImportOptions::default()
    };
    let input = Input::bytes(Path::new("X_liquidations.csv"), tardis.as_bytes().to_vec());
    assert_eq!(
        input.check(&options).unwrap().instruments,
        ["bitmex.XBTUSD"]
    );
}

/// Trades of which a column says what they are, as Parquet, with one that is none among many.
#[test]
fn columns_with_types_say_what_rows_are_in_all_rows() {
    let count = 2_000_i64;
    let wrong = 1_500;
    let words = (0..count).map(|at| if at == wrong { "delete" } else { "trade" });
    let flags = (0..count).map(|at| at == wrong + 1);
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "time",
            Arc::new(Int64Array::from_iter_values(
                (0..count).map(|at| 1_704_187_800_000 + at),
            )),
        ),
        (
            "price",
            Arc::new(Float64Array::from_iter_values((0..count).map(|_| 10.5))),
        ),
        (
            "size",
            Arc::new(Int64Array::from_iter_values(
                (0..count).map(|at| 1 + at % 3),
            )),
        ),
        ("action", Arc::new(StringArray::from_iter_values(words))),
        (
            "is_cancelled",
            Arc::new(BooleanArray::from_iter(flags.map(Some))),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let input = Input::bytes(Path::new("TEST.parquet"), bytes);
    let found = input.read(&lenient()).unwrap();
    assert_eq!((found.records.len(), found.report.refused), (1_998, 2));
    let errors = errors(&found.report);
    assert!(errors[0].starts_with("1501 action delete"), "{errors:?}");
    assert!(
        errors[1].starts_with("1502 is_cancelled true"),
        "{errors:?}"
    );
    let options = told("action=-,void=-");
    assert_eq!(input.read(&options).unwrap().records.len(), 2_000);
}
