//! What the rows of a text say of its numbers and times.

use super::*;

/// Times and numbers of the records: of bars open, high, low, close and volume, of trades price, size and side, of quotes bid and ask.
pub(super) fn rows(file: &FileRecords) -> Vec<String> {
    let row = |record: &Record| {
        let def = file.instruments.get(record.instrument()).unwrap();
        let price = |mantissa| number(mantissa, def.price_decimals);
        let qty = |mantissa| number(mantissa, def.qty_decimals);
        let says = match record.kind() {
            Some(Kind::Quote) => {
                let quote = QuoteBody::of(record);
                format!("{} / {}", price(quote.bid), price(quote.ask))
            }
            Some(Kind::Trade) => {
                let trade = TradeBody::of(record);
                let (price, qty) = (price(trade.price), qty(trade.qty));
                format!("{price} x {qty} side {}", trade.side)
            }
            _ => {
                let bar = BarBody::of(record);
                let prices = [bar.open, bar.high, bar.low, bar.close].map(price);
                format!("{} x {}", prices.join(" "), qty(bar.volume))
            }
        };
        format!("{} {} {says}", record.ts_event(), def.name)
    };
    file.records.iter().map(row).collect()
}

/// A number without zeros at the end of its fraction.
fn number(mantissa: i64, decimals: u8) -> String {
    let text = tickloom_types::format_decimal(i128::from(mantissa), decimals);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

pub(super) fn read(text: &str) -> Vec<String> {
    rows(&read_text(text, &ImportOptions::default()).unwrap())
}

pub(super) fn refusal(text: &str) -> String {
    let error = read_text(text, &ImportOptions::default()).unwrap_err();
    error.to_string()
}

/// Lines of trades, of which each is a second after the one before.
fn trades(numbers: &[&str]) -> String {
    let lines = (0..)
        .zip(numbers)
        .map(|(second, line)| format!("2024-01-02 09:30:{second:02};{line}\n"));
    format!("time;price;size;change\n{}", lines.collect::<String>())
}

/// Price and size of the first trade, and what is said of its numbers.
fn first(text: &str) -> String {
    let file = read_text(text, &ImportOptions::default()).unwrap();
    let trade = rows(&file).remove(0);
    let (_, numbers) = trade.split_once("TEST ").unwrap();
    numbers.to_owned()
}

#[test]
fn points_part_thousands_where_commas_are_decimal_signs() {
    // In the same column, another one, or one that is not read.
    assert_eq!(first(&trades(&["1,2345;18.234;"])), "1.2345 x 18234 side 0");
    assert_eq!(
        first(&trades(&["18.234;5;", "18.234,5;5;"])),
        "18234 x 5 side 0"
    );
    assert_eq!(first(&trades(&["18.234;5;-0,53"])), "18234 x 5 side 0");
    assert_eq!(
        first(&trades(&["18.234;5;-0,53%", "18.235;5;"])),
        "18234 x 5 side 0"
    );
    // And are decimal signs where something else says so.
    assert_eq!(first(&trades(&["18.234;5;-0.53"])), "18.234 x 5 side 0");
    assert_eq!(first(&trades(&["18.234;0.123;"])), "18.234 x 0.123 side 0");
    assert_eq!(first(&trades(&["18.234;1'234;"])), "18.234 x 1234 side 0");
    // Apostrophes part thousands, so commas do not.
    assert_eq!(first(&trades(&["18,234;1'234;"])), "18.234 x 1234 side 0");
    assert_eq!(first(&trades(&["18,234;5;1.5"])), "18234 x 5 side 0");
}

#[test]
fn points_of_which_nothing_says_what_they_are_refuse_a_text_with_semicolons() {
    let text = trades(&["18.234;5;x", "18.300;7;x"]);
    let expected = "TEST.csv, line 2: \"18.234\", which is 18.234 with a decimal point or 18234 with a decimal comma, and no row of the file says which, expected --decimal point or comma";
    assert_eq!(refusal(&text), expected);
    for (decimal, expected) in [
        (Decimal::Point, "18.234 x 5"),
        (Decimal::Comma, "18234 x 5"),
    ] {
        let options = ImportOptions {
            decimal: Some(decimal),
            ..ImportOptions::default()
        };
        let found = rows(&read_text(&text, &options).unwrap());
        assert!(found[0].contains(expected), "{found:?}");
    }
    assert!(refusal(&trades(&["18.234;1,234;", "18.234;5;"])).contains("\"1,234\""));
    // Fields that are parted by something else are those of programs.
    let text = text.replace(';', ",");
    assert_eq!(first(&text), "18.234 x 5 side 0");
    // So are rows of NinjaTrader and HistData, below no header.
    assert_eq!(
        read(
            "20240102 000000;141.020;141.055;141.020;141.040;0\n20240102 000100;141.040;141.050;141.030;141.041;0\n"
        ),
        [
            "2024-01-02T00:01:00Z TEST 141.02 141.055 141.02 141.04 x 0",
            "2024-01-02T00:02:00Z TEST 141.04 141.05 141.03 141.041 x 0"
        ]
    );
}

#[test]
fn what_is_beyond_a_time_in_a_column_of_its_own_is_of_it() {
    let check = |header: &str, row: &str, expected: &str| {
        let found = read(&format!("{header},price,size\n{row},1.5,2\n"));
        assert_eq!(
            found,
            [format!("{expected} TEST 1.5 x 2 side 0")],
            "{header}"
        );
    };
    check(
        "date,time,ms",
        "2024-01-02,09:30:00,123",
        "2024-01-02T09:30:00.123Z",
    );
    check(
        "timestamp,milliseconds",
        "2024-01-02 09:30:00,007",
        "2024-01-02T09:30:00.007Z",
    );
    check(
        "time,usec",
        "1704187800,123456",
        "2024-01-02T09:30:00.123456Z",
    );
    check(
        "DATE,TIME_M,TIME_M_NANO",
        "20240102,9:30:00.123456,789",
        "2024-01-02T09:30:00.123456789Z",
    );
    check(
        "ms,us,nanos,datetime",
        "1,2,3,2024-01-02 09:30",
        "2024-01-02T09:30:00.001002003Z",
    );
    // The same once more is the same.
    check(
        "datetime,ms",
        "2024-01-02 09:30:00.123,123",
        "2024-01-02T09:30:00.123Z",
    );
    let refused = |row: &str| refusal(&format!("datetime,ms,price,size\n{row},1.5,2\n"));
    assert_eq!(
        refused("2024-01-02 09:30:00,1000"),
        "TEST.csv, line 2: ms is \"1000\", expected milliseconds of a second, 0 to 999 (--columns milliseconds=- if they are none)"
    );
    assert_eq!(
        refused("2024-01-02 09:30:00.1,123"),
        "TEST.csv, line 2: ms is \"123\", expected milliseconds beyond a time that ends above them (--columns milliseconds=- if they are none)"
    );
    assert!(refused("2024-01-02 09:30:00,").contains("ms is \"\""));
    let text = "datetime,tail,price,size\n2024-01-02 09:30:00,250,1.5,2\n";
    let options = ImportOptions {
        mapping: "microseconds=tail".parse().unwrap(),
        ..ImportOptions::default()
    };
    let found = rows(&read_text(text, &options).unwrap());
    assert_eq!(found, ["2024-01-02T09:30:00.00025Z TEST 1.5 x 2 side 0"]);
}

#[test]
fn parts_of_times_that_are_not_read_refuse_a_file() {
    let found = refusal("datetime,fraction,price,size\n2024-01-02 09:30:00,250,1.5,2\n");
    let expected = "a column \"fraction\", which holds a part of each time, expected times with all their digits in one column, or --columns milliseconds=fraction (microseconds, nanoseconds), or milliseconds=- if it is none";
    assert!(found.contains(expected), "{found}");
    let rows = |first: &str, second: &str| {
        format!("datetime,sec,price,size\n2024-01-02 {first},1.5,2\n2024-01-02 {second},1.5,2\n")
    };
    assert!(refusal(&rows("09:30,1", "09:30,15")).contains("a column \"sec\""));
    // A part that the time has too.
    assert_eq!(read(&rows("09:30:01,1", "09:30:15,15")).len(), 2);
}

#[test]
fn a_last_line_without_an_end_may_be_cut() {
    let bars = |last: &str| {
        let rows = (1..=6).map(|day| format!("2024-01-0{day},1.5,2,1,1.25\n"));
        let rows: String = rows.collect();
        format!("date,open,high,low,close\n{rows}2024-01-07,1.5,2,1,{last}")
    };
    assert_eq!(
        refusal(&bars("1.2")),
        "TEST.csv: 1 of 7 rows are wrong, and 0 may be: close: expected 2 decimals, as in all rows above: the last line may be cut (one that is whole has a line end) (1); the first is in line 8, where close is \"1.2\"; --refused-max says how many are left out"
    );
    let is_said = |text: &str| {
        let report = read_text(text, &ImportOptions::default()).unwrap().report;
        let note = "the last line (8) has no line end: it may be cut";
        report.notes.iter().filter(|known| *known == note).count()
    };
    assert_eq!(is_said(&bars("1.26")), 1);
    assert_eq!(is_said(&bars("1.2\n")), 0);
    // Where others differ too, nobody knows.
    assert_eq!(is_said(&bars("1.2").replacen("1.25\n", "1.5\n", 1)), 1);
    let times = |last: &str| {
        let rows = (1..=6).map(|second| format!("1,2,170418780000{second}\n"));
        format!("price,size,time\n{}1,2,{last}", rows.collect::<String>())
    };
    assert!(refusal(&times("1704187800")).contains("expected 13 letters, as in all rows above"));
    assert_eq!(is_said(&times("1704187800009")), 1);
    let symbols = |last: &str| {
        let rows = (1..=6).map(|second| format!("170418780000{second},1,2,AAPL\n"));
        format!(
            "time,price,size,symbol\n{}1704187800007,1,2,{last}",
            rows.collect::<String>()
        )
    };
    assert!(refusal(&symbols("AA")).contains("symbol: expected a name of the rows above"));
    assert_eq!(is_said(&symbols("AAPL")), 1);
    assert_eq!(is_said(&symbols("B")), 1);
    let volumes = |last: &str| {
        let rows = (1..=6).map(|day| format!("2024-01-0{day},1,1,1,1,250\n"));
        format!(
            "date,open,high,low,close,volume\n{}2024-01-07,1,1,1,1,{last}",
            rows.collect::<String>()
        )
    };
    assert!(refusal(&volumes("")).contains("volume: expected a value, as in all rows above"));
    assert_eq!(is_said(&volumes("25")), 1);
}

#[test]
fn sides_that_contradict_each_other_refuse_their_row() {
    let text = |rows: &str| format!("time,price,size,side,isBuyerMaker\n{rows}");
    let row = "1704187800000,1,2,buy,false\n1704187800001,1,2,sell,true\n1704187800002,1,2,,true\n1704187800003,1,2,buy,\n";
    let sides: Vec<String> = read(&text(row))
        .iter()
        .map(|row| row.rsplit(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(sides, ["1", "2", "2", "1"]);
    let all = "1704187800000,1,2,buy,true\n1704187800001,1,2,sell,false\n";
    assert_eq!(
        refusal(&text(all)),
        "TEST.csv, line 2: side is \"buy\", expected the side that \"isBuyerMaker\" says (--columns side=side takes this one alone); so are all 2 rows"
    );
    let file = read_text(&text(&format!("{row}{all}")), &lenient()).unwrap();
    assert_eq!((file.report.written, file.report.refused), (4, 2));
    for mapping in ["side=side", "buyer_maker=-"] {
        let options = ImportOptions {
            mapping: mapping.parse().unwrap(),
            ..ImportOptions::default()
        };
        let file = read_text(&text(all), &options).unwrap();
        assert!(rows(&file)[0].ends_with("side 1"), "{mapping}");
    }
    let two = "time,price,size,side,taker_side\n1704187800000,1,2,buy,sell\n";
    assert!(refusal(two).contains("the side that \"taker_side\" says"));
}

#[test]
fn bars_that_a_column_of_words_tells_apart_refuse_a_file() {
    let bars = |words: [&str; 4]| {
        let [a, b, c, d] = words;
        format!(
            "date,lot,open,high,low,close\n2024-01-01,{a},1,1,1,1\n2024-01-02,{b},2,2,2,2\n2024-01-01,{c},3,3,3,3\n2024-01-02,{d},4,4,4,4\n"
        )
    };
    assert_eq!(
        refusal(&bars(["Red", "Red", "Blue", "Blue"])),
        "TEST.csv, line 4: several bars of one time, which column \"lot\" tells apart (Blue, Red), expected --columns symbol=lot if it names instruments, or symbol=- if all rows are of one"
    );
    let options = |mapping: &str| ImportOptions {
        mapping: mapping.parse().unwrap(),
        ..ImportOptions::default()
    };
    let text = bars(["Red", "Red", "Blue", "Blue"]);
    let file = read_text(&text, &options("symbol=lot")).unwrap();
    let names: Vec<&str> = file
        .instruments
        .defs()
        .iter()
        .map(|def| def.name.as_str())
        .collect();
    assert_eq!(names, ["Red", "Blue"]);
    let error = read_text(&text, &options("symbol=-"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("another bar"), "{error}");
    // Words that tell nothing apart are none of it.
    for words in [
        ["Red", "Blue", "Red", "Blue"],
        ["Red"; 4],
        ["a", "b", "c", "d"],
    ] {
        let error = refusal(&bars(words));
        assert!(error.contains("another bar"), "{error}");
    }
    let clean = "date,lot,open,high,low,close\n2024-01-02,Red,2,2,2,2\n2024-01-01,Blue,1,1,1,1\n2024-01-03,Red,1,1,1,1\n2024-01-04,Blue,1,1,1,1\n";
    assert_eq!(read(clean).len(), 4);
}

#[test]
fn numbers_are_rounded_only_where_it_is_told() {
    // As yfinance writes prices: floats of 32 bits, and one of them of 64.
    let text = "date,open,high,low,close,volume\n2024-01-02,187.15,188.44000244140625,183.8850045776367,185.645,10\n2024-01-03,184.2200012207031,185.8800048828125,183.42999267578125,184.25,20.5\n";
    let error = refusal(text);
    assert!(
        error.contains("at most nine decimals (--round N rounds to N)"),
        "{error}"
    );
    let round = |decimals| ImportOptions {
        round: Some(decimals),
        ..ImportOptions::default()
    };
    let file = read_text(text, &round(2)).unwrap();
    assert_eq!(
        rows(&file),
        [
            "2024-01-03T00:00:00Z TEST 187.15 188.44 183.89 185.64 x 10",
            "2024-01-04T00:00:00Z TEST 184.22 185.88 183.43 184.25 x 20.5"
        ]
    );
    let notes = &file.report.notes;
    assert!(
        notes.contains(&"6 prices and sizes are rounded to 2 decimals, as --round says".to_owned()),
        "{notes:?}"
    );
    let taken = file.report.taken.unwrap();
    assert_eq!((taken.rounded_values, taken.is_plain()), (6, false));
    assert!(
        taken
            .to_string()
            .ends_with("; 6 prices and sizes are rounded as told")
    );
    // A size that becomes nothing is refused: it would say that there is none. Sizes are rounded once.
    let quote = "time,bid,bid_size,ask,ask_size\n1704187800,1.25,0.004,1.26,10\n";
    let error = read_text(quote, &round(2)).unwrap_err().to_string();
    assert!(
        error.contains("a size that is more than zero with 2 decimals"),
        "{error}"
    );
    let trade = "time,price,size\n1704187800,100,12.3450000000001\n";
    assert_eq!(
        rows(&read_text(trade, &round(2)).unwrap()),
        ["2024-01-02T09:30:00Z TEST 100 x 12.35 side 0"]
    );
    // A price that becomes nothing is refused.
    let error = read_text("time,price,size\n1704187800,0.004,1\n", &round(2)).unwrap_err();
    assert!(error.to_string().contains("price is \"0.004\""), "{error}");
    let file = read_text(
        "time;price;size\n1704187800;1,2345678901234;1.000,5\n",
        &round(3),
    )
    .unwrap();
    assert_eq!(
        rows(&file),
        ["2024-01-02T09:30:00Z TEST 1.235 x 1000.5 side 0"]
    );
}

#[test]
fn lines_are_those_of_the_file() {
    let line = |text: &str| {
        let file = read_text(text, &lenient()).unwrap();
        let lines: Vec<u64> = file.report.errors.iter().map(|error| error.line).collect();
        lines
    };
    let rows = "2024-01-02,1,2,1,2\n2024-01-03,1,x,1,2\n2024-01-04,1,2,1,2\n";
    let header = "date,open,high,low,close\n";
    assert_eq!(line(rows), [2]);
    assert_eq!(line(&format!("{header}{rows}")), [3]);
    assert_eq!(line(&format!("{header}{rows}").replace('\n', "\r\n")), [3]);
    assert_eq!(line(&format!("{header}{rows}").replace('\n', "\r")), [3]);
    assert_eq!(line(&format!("Prices of ABC\n\n{header}\n{rows}")), [6]);
    assert_eq!(line(&format!("sep=,\n{header}{rows}")), [4]);
    let quoted = "date,open,high,low,close,remark\n2024-01-02,1,2,1,2,\"a\nb\nc\"\n2024-01-03,1,x,1,2,d\n2024-01-04,1,2,1,2,e\n";
    assert_eq!(line(quoted), [5]);
    // What is said of the first time or the header, too.
    let late =
        refusal("Prices of ABC\n\ndate,open,high,low,close\nsoon,1,2,1,2\n2024-13-01,1,2,1,2\n");
    assert!(
        late.contains("TEST.csv, line 4: \"soon\" where a time should be"),
        "{late}"
    );
    let header = refusal("Prices of ABC\n\ndate,price,high\n2024-01-01,1,2\n2024-01-02,1,2\n");
    assert!(
        header.contains("TEST.csv, line 3: columns date, price, high"),
        "{header}"
    );
}
