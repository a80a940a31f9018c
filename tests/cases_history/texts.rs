//! Texts of other programs, names of instruments, and what columns are.

use crate::cli::{tickloom, workspace};
use crate::imported::{case, check_text, import, import_all, import_text, refused};
use serde_json::Value;
use tickloom_types::TradeBody;

#[test]
fn lines_of_white_space_are_none() {
    let found = import(&case("blank-lines.csv"), &["--strict"]);
    assert_eq!(
        (&found.report["read"], &found.report["refused"]),
        (&2.into(), &0.into())
    );
    assert_eq!(found.closes(), ["2", "3"]);
}

#[test]
fn texts_of_other_programs() {
    let found = import(&case("utf16.csv"), &[]);
    assert_eq!(found.closes(), ["2", "3"]);
    // A preamble, a sum at the end, the header again, quotes with delimiters and line ends in them, CRLF.
    let text = "sep=;\r\nReport of \"X\"\r\n\r\nName;Date;Open;High;Low;Close\r\n\"A; \"\"B\"\"\nC\";2024-01-01;1;1;1;1\r\nName;Date;Open;High;Low;Close\r\n\"A\";2024-01-02;2;2;2;2\r\n";
    let found = import_text("X.csv", text, &["--strict"]);
    assert_eq!(found.closes(), ["1", "2"]);
    let notes = found.report["imports"][0]["notes"].to_string();
    assert!(
        notes.contains("2 lines above the header passed over")
            && notes.contains("the header comes again"),
        "{notes}"
    );
    // Another header in the middle would give the rows below it another meaning.
    let text = "date,open,high,low,close\n2024-01-01,1,2,1,1\n2024-01-02,1,2,1,1\ndate,close,high,low,open\n2024-01-03,1,2,1,1\n";
    refused(
        "X.csv",
        text,
        &["--refused-max", "100%"],
        &["line 4: another header"],
    );
    // As yfinance writes it.
    let text = "Price,Close,High,Low,Open,Volume\nTicker,A,A,A,A,A\nDate,,,,,\n2024-01-02,2,3,1,1,9\n2024-01-03,2.5,3,1,1,9\n";
    assert_eq!(
        import_text("A.csv", text, &["--strict"]).closes(),
        ["2", "2.5"]
    );
}

#[test]
fn a_name_ends_at_its_last_ending() {
    let found = import_all(&[&case("BRK.A.csv"), &case("BRK.B.csv")], &[]);
    assert_eq!(found.names(), ["BRK.A", "BRK.B"]);
    assert_eq!(found.records.len(), 4);
    let text = "symbol,date,open,high,low,close\n^GSPC,2024-01-01,1,1,1,1\n^GSPC,2024-01-02,1,1,1,1\n币 安,2024-01-01,1,1,1,1\n币 安,2024-01-02,1,1,1,1\n";
    let found = import_text("all.csv", text, &[]);
    assert_eq!(found.names(), ["^GSPC", "币 安"]);
}

/// The same symbol at two exchanges is not one instrument.
#[test]
fn a_symbol_of_two_exchanges_is_refused_or_two() {
    let text = "exchange,symbol,time,price,size\na,X,2024-01-01T00:00:00Z,1,1\nb,X,2024-01-01T00:00:01Z,2,1\n";
    refused(
        "t.csv",
        text,
        &[],
        &["exchange: expected a, as above", "line 3"],
    );
    let found = import_text("t.csv", text, &["--columns", "exchange=exchange"]);
    assert_eq!(found.names(), ["a.X", "b.X"]);
}

#[test]
fn files_of_one_content_are_two_instruments() {
    let dir = workspace();
    let text = "date,open,high,low,close\n2024-01-01,1,1,1,1\n2024-01-02,1,1,1,1\n";
    let files = ["A.csv", "B.csv"].map(|name| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    });
    let found = import_all(&[&files[0], &files[1]], &[]);
    assert_eq!((found.names(), found.records.len()), (vec!["A", "B"], 4));
}

#[test]
fn columns_by_many_names() {
    for header in [
        "timestamp_utc,open,high,low,close,volume",
        "t,o,h,l,c,v",
        "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
        "dt,Open,High,Low,Close,Volume",
    ] {
        let text =
            format!("{header}\n2024-01-01 00:00:00,1,3,1,2,5\n2024-01-01 00:01:00,2,3,1,3,5\n");
        let found = import_text("X.csv", &text, &[]);
        assert_eq!(found.closes(), ["2", "3"], "{header}");
        let first = header.split(',').next().unwrap();
        assert_eq!(
            found.report["imports"][0]["taken"]["columns"]["time"],
            first
        );
        let said = check_text("X.csv", &text, &[]).stderr;
        assert!(said.contains(&format!("time from {first:?}")), "{said}");
    }
    let text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-01,1,3,1,2,0.5,5\n2024-01-02,1,3,1,2,0.5,5\n";
    let found = import_text("X.csv", text, &[]);
    assert_eq!(found.closes(), ["2", "2"]);
    assert!(
        found.report["imports"][0]["notes"]
            .to_string()
            .contains("columns not used: Adj Close")
    );
}

/// Bars are never taken for trades.
#[test]
fn a_price_beside_open_high_and_low_is_the_close() {
    let rows = "2024-01-01,2,1,3,1,5\n2024-01-02,2.5,1,3,1,5\n";
    let found = import_text(
        "X.csv",
        &format!("Date,Price,Open,High,Low,Vol.\n{rows}"),
        &[],
    );
    assert_eq!(found.closes(), ["2", "2.5"]);
    for header in [
        "Date,Last,Open,High,Settle,Volume",
        "Date,Price,Open,High,Settle,Volume",
    ] {
        refused("X.csv", &format!("{header}\n{rows}"), &[], &["--columns"]);
    }
    let text = format!(
        "Date,Last,Open,High,Low,Settle,Volume\n{}",
        rows.replace(",5\n", ",2,5\n")
    );
    refused("X.csv", &text, &[], &["--columns"]);
    let found = import_text("X.csv", &text, &["--columns", "close=Settle"]);
    assert_eq!(found.closes(), ["2", "2"]);
}

#[test]
fn a_mapping_says_what_the_header_does_not() {
    let text = "Zeit;Anfang;Hoch;Tief;Ende;Stück;Bereinigt\n31.12.23 09:30;1,5;3;1;2,5;1.000;0,5\n31.12.23 09:31;1,5;3;1;2,5;1.000;0,5\n";
    refused("X.csv", text, &[], &["Zeit", "--columns"]);
    let columns = "time=Zeit,open=Anfang,high=3,low=tief,close=Ende,volume=Stück";
    let told = [
        "--columns",
        columns,
        "--time-format",
        "%d.%m.%y %H:%M",
        "--zone",
        "Europe/Berlin",
    ];
    let found = import_text("X.csv", text, &told);
    assert_eq!(found.bars()[0], ("2.5".to_owned(), "1000".to_owned()));
    assert_eq!(found.times()[0], "2023-12-31T08:31:00Z");
    // The same from a profile, also in a backtest; the command line goes before it.
    let dir = workspace();
    let profile = dir.path().join("depot.toml").display().to_string();
    std::fs::write(&profile, "time_format = \"%d.%m.%y %H:%M\"\nzone = \"Europe/Berlin\"\n[columns]\ntime = \"Zeit\"\nopen = \"Anfang\"\nhigh = \"Hoch\"\nlow = \"Tief\"\nclose = \"Ende\"\nvolume = \"Stück\"\n").unwrap();
    let by_profile = import_text("X.csv", text, &["--profile", &profile]);
    assert_eq!(by_profile.records, found.records);
    let swapped = [
        "--profile",
        &profile,
        "--columns",
        "close=Tief,low=Bereinigt",
    ];
    assert_eq!(import_text("X.csv", text, &swapped).closes()[0], "1");
    let file = dir.path().join("X.csv").display().to_string();
    std::fs::write(&file, text).unwrap();
    let words = [
        "backtest",
        "--data",
        &file,
        "--profile",
        &profile,
        "--enter",
        "close > 0",
        "--exit",
        "close < 0",
        "--json",
    ];
    let ran = tickloom(&words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["taken"]["columns"]["close"], "Ende");
    std::fs::write(&profile, "colums = 1\n").unwrap();
    assert_eq!(tickloom(&words).code, 2);
    assert_eq!(
        check_text("X.csv", text, &["--columns", "tme=Zeit"]).code,
        2
    );
    assert_eq!(
        check_text("X.csv", text, &["--columns", "time=Datum"]).code,
        2
    );
}

/// A file without a header, by the numbers of its columns.
#[test]
fn columns_by_their_numbers() {
    let text = "1723161255030,A,2.5,10\n1723161256030,A,2.75,5\n";
    let found = import_text(
        "X.csv",
        text,
        &["--columns", "time=1,symbol=2,price=3,volume=4"],
    );
    assert_eq!(found.names(), ["A"]);
    let trades: Vec<(i64, i64)> = found
        .records
        .iter()
        .map(TradeBody::of)
        .map(|trade| (trade.price, trade.qty))
        .collect();
    assert_eq!(trades, [(250, 10), (275, 5)]);
}
